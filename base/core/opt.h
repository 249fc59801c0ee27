/* opt.h - option tables. One row drives parsing, validation, SQL WITH (...), docs/options.md and
 * the UI's forms: {name, type, default, min, max, offsetof, help}. Values are written into a plain
 * struct at `offset`. */
#ifndef PENSTOCK_BASE_CORE_OPT_H
#define PENSTOCK_BASE_CORE_OPT_H

#include "base/core/arena.h"
#include "base/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
    OPT_BOOL,     /* bool: true, false */
    OPT_INT,      /* int64_t, min..max */
    OPT_DOUBLE,   /* double, min..max */
    OPT_STRING,   /* const char * in the arena; NULL when unset and no default */
    OPT_DURATION, /* int64_t in ms, rounded up: "10 s", "500 ms", "1 min", "2 h", "1 d", "10" = ms;
                     as Flink */
    OPT_SIZE, /* int64_t in bytes: "64 kb", "1 mb", "2 gb", "128" = bytes; 1024-based, as Flink */
    OPT_ENUM, /* int: index into `choices` (NULL-terminated), matched ignoring case */
    OPT_CHAR  /* const char *: one character, escapes like \t, \u0001 resolved */
};

enum opt_flags {
    OPT_REQUIRED = 1,
    OPT_SECRET = 2 /* never shown in logs, plans or docs of a job */
};

struct opt_row {
    const char *name;
    enum opt_type type;
    const char *dflt; /* as text; NULL = unset */
    double min, max;  /* used when min < max */
    size_t offset;
    const char *help;
    unsigned flags;
    const char *const *choices;
};

struct opt_table {
    const struct opt_row *rows;
    size_t n_rows;
};

/* Writes every row's default into *dst; a row without one becomes 0, false or NULL, an enum -1.
 * Defaults of strings and characters borrow the table; an OPT_CHAR default is a plain character. */
void opt_defaults(const struct opt_table *t, void *dst);
/* Finds the row; NULL if there is none. Names compare exactly. */
const struct opt_row *opt_find(const struct opt_table *t, const char *name);
/* An option whose value is shown nowhere, going by its name, whoever's it is: passwords, tokens,
 * private keys and the like. */
bool opt_is_secret(const char *name);
/* Its value as it may be shown: as it is, or "******". */
const char *opt_shown(const char *name, const char *value);
/* Sets one option from text. ERR_VALIDATION says the option, the value, what is expected. Strings
 * are copied into the arena. */
int opt_set(const struct opt_table *t, struct arena *arena, void *dst, const char *name,
            const char *value, struct err *err) ATTR_MUST_USE;
/* Checks that each OPT_REQUIRED row is among `names`. */
int opt_check_required(const struct opt_table *t, const char *const *names, size_t n,
                       struct err *err) ATTR_MUST_USE;
int opt_parse_duration_ms(const char *text, int64_t *ret_ms, struct err *err) ATTR_MUST_USE;
int opt_parse_size_bytes(const char *text, int64_t *ret_bytes, struct err *err) ATTR_MUST_USE;
const char *opt_type_name(enum opt_type type);

#endif
