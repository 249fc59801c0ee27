/* ast_type.h - types and time units. Included by ast.h. */
#ifndef PENSTOCK_SQL_AST_TYPE_H
#define PENSTOCK_SQL_AST_TYPE_H

#include "sql/ast_node.h"

#define AST_TYPE_LIST(X)                                                                           \
    X(BOOLEAN)                                                                                     \
    X(TINYINT)                                                                                     \
    X(SMALLINT)                                                                                    \
    X(INT)                                                                                         \
    X(BIGINT)                                                                                      \
    X(FLOAT) /* also REAL */                                                                       \
    X(DOUBLE)                                                                                      \
    X(DECIMAL)                                                                                     \
    X(CHAR)                                                                                        \
    X(VARCHAR)                                                                                     \
    X(STRING)                                                                                      \
    X(BINARY)                                                                                      \
    X(VARBINARY)                                                                                   \
    X(BYTES)                                                                                       \
    X(DATE)                                                                                        \
    X(TIME)                                                                                        \
    X(TIMESTAMP)                                                                                   \
    X(TIMESTAMP_LTZ)                                                                               \
    X(INTERVAL)                                                                                    \
    X(ARRAY)                                                                                       \
    X(MULTISET)                                                                                    \
    X(MAP)                                                                                         \
    X(ROW)                                                                                         \
    X(STRUCTURED)                                                                                  \
    X(RAW)                                                                                         \
    X(ANY)                                                                                         \
    X(VARIANT)                                                                                     \
    X(BITMAP)                                                                                      \
    X(NULL)                                                                                        \
    X(NAMED) /* a user-defined type */

enum ast_type_kind {
#define X(name) AST_TYPE_##name,
    AST_TYPE_LIST(X)
#undef X
        AST_TYPE_COUNT
};

enum ast_unit {
    AST_UNIT_NONE,
    AST_UNIT_YEAR,
    AST_UNIT_QUARTER,
    AST_UNIT_MONTH,
    AST_UNIT_WEEK,
    AST_UNIT_DAY,
    AST_UNIT_HOUR,
    AST_UNIT_MINUTE,
    AST_UNIT_SECOND,
    AST_UNIT_MILLISECOND,
    AST_UNIT_MICROSECOND,
    AST_UNIT_NANOSECOND,
    AST_UNIT_DOW,
    AST_UNIT_DOY,
    AST_UNIT_ISODOW,
    AST_UNIT_ISOYEAR,
    AST_UNIT_EPOCH,
    AST_UNIT_DECADE,
    AST_UNIT_CENTURY,
    AST_UNIT_MILLENNIUM,
    AST_UNIT_COUNT
};
const char *ast_unit_name(enum ast_unit u); /* "YEAR" */

/* DAY(p) TO SECOND(s): end is AST_UNIT_NONE for a single unit; precisions are -1 when not given.
 */
struct ast_qualifier {
    enum ast_unit start, end;
    int precision, fraction;
};

struct ast_field_def {
    struct ast_name name;
    struct ast_type *type;
    const char *comment; /* NULL: none */
};

struct ast_type {
    enum ast_type_kind kind;
    int depth; /* as in struct ast */
    struct ast_span span;
    bool not_null;                /* NOT NULL was written; a missing or NULL constraint: nullable */
    bool null_given;              /* an explicit NULL */
    int64_t precision, scale;     /* or length; -1: not given */
    struct ast_qualifier qual;    /* INTERVAL */
    struct ast_type *elem;        /* ARRAY, MULTISET; MAP's value */
    struct ast_type *key;         /* MAP */
    struct ast_field_def *fields; /* ROW, STRUCTURED */
    size_t n_fields;
    const char *class_name, *serializer; /* RAW('class', 'serializer'), STRUCTURED<'class', ..> */
    struct ast_ident *name;              /* NAMED */
};
const char *ast_type_kind_name(enum ast_type_kind k); /* "TIMESTAMP_LTZ" */

#endif
