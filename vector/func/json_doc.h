/* json_doc.h - a JSON text as a tree in an arena, read and written as Flink's (Jackson's) functions
 * do: decimal numbers keep their digits, keys are written in order, anything behind the first value
 * is ignored. */
#ifndef PENSTOCK_VECTOR_FUNC_JSON_DOC_H
#define PENSTOCK_VECTOR_FUNC_JSON_DOC_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stdint.h>

enum jkind {
    JNODE_NULL,
    JNODE_FALSE,
    JNODE_TRUE,
    JNODE_INT,
    JNODE_FLOAT,
    JNODE_STRING,
    JNODE_ARRAY,
    JNODE_OBJECT
};

struct jnode {
    enum jkind kind;
    uint32_t n;     /* ARRAY, OBJECT: children */
    uint32_t place; /* among its parent's children */
    struct sv key;  /* as a member of an object */
    struct sv text; /* STRING: decoded; INT, FLOAT: as Java prints the number */
    struct sv raw;  /* INT, FLOAT: as written */
    struct jnode *first, *next;
};

enum { JDOC_DEPTH_MAX = 1000 };

/* ERR_RUNTIME with place and cause. Strings may point into text. */
int jdoc_parse(struct arena *a, struct sv text, struct jnode **ret, struct err *err) ATTR_MUST_USE;
/* Compact text, members in order of their keys, later ones of equal key alone. Appended. */
void jdoc_print(const struct jnode *n, struct str *out);
/* A quoted string with Jackson's escapes. Appended. */
void jdoc_print_string(struct sv s, struct str *out);
/* Java's BigDecimal.toString of a JSON or Java number: "1.50", "1E+3". Appended. */
void jdoc_print_decimal(struct sv number, struct str *out);
bool jnode_is_scalar(const struct jnode *n);
/* A scalar as String.valueOf has it. */
struct sv jnode_scalar_text(const struct jnode *n);

#endif
