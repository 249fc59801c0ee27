/* ast_expr.h - expressions. Included by ast.h, which holds the conventions. */
#ifndef PENSTOCK_SQL_AST_EXPR_H
#define PENSTOCK_SQL_AST_EXPR_H

#include "sql/ast_call.h"
#include "sql/ast_op.h"

enum ast_literal_kind {
    AST_LIT_NULL,
    AST_LIT_BOOL,
    AST_LIT_UNKNOWN, /* the BOOLEAN null */
    AST_LIT_EXACT,   /* integer or decimal: text as written, "12", "1.50", ".5" */
    AST_LIT_APPROX,  /* "1e3" */
    AST_LIT_STRING,  /* text after escapes */
    AST_LIT_BINARY,  /* text is the bytes */
    AST_LIT_DATE,    /* text between the quotes, not yet checked */
    AST_LIT_TIME,
    AST_LIT_TIMESTAMP,
    AST_LIT_TIMESTAMP_LTZ,
    AST_LIT_INTERVAL
};

struct ast_literal {
    struct ast base;
    enum ast_literal_kind lit;
    const char *text; /* NUL-terminated, but may hold NULs: use len_bytes */
    size_t len_bytes;
    bool truth;    /* BOOL */
    bool negative; /* INTERVAL -'1' DAY */
    struct ast_qualifier qual;
};

/* INTERVAL expr unit: an interval whose amount is no literal. */
struct ast_interval {
    struct ast base;
    struct ast *amount;
    bool negative;
    struct ast_qualifier qual;
};

struct ast_interval_minus { /* (left - right) DAY TO SECOND */
    struct ast base;
    struct ast *left, *right;
    struct ast_qualifier qual;
};

struct ast_param { /* ? */
    struct ast base;
    int index; /* from 0 */
};

struct ast_unary {
    struct ast base;
    enum ast_op op;
    struct ast *arg;
};

struct ast_binary {
    struct ast base;
    enum ast_op op;
    struct ast *left, *right;
};

struct ast_between {
    struct ast base;
    bool negated, symmetric;
    struct ast *value, *low, *high;
};

enum ast_like_kind { AST_LIKE_LIKE, AST_LIKE_ILIKE, AST_LIKE_SIMILAR, AST_LIKE_RLIKE };
struct ast_like {
    struct ast base;
    enum ast_like_kind like;
    bool negated;
    struct ast *value, *pattern;
    struct ast *escape; /* NULL: none */
};

/* value [NOT] IN (list) or (query): one of the two. */
struct ast_in {
    struct ast base;
    bool negated;
    struct ast *value;
    struct ast_list list;
    struct ast_query *query; /* NULL: list */
};

struct ast_exists {
    struct ast base;
    bool unique; /* UNIQUE (query) */
    struct ast_query *query;
};

/* value op ANY|ALL (list) or (query); SOME is ANY. */
struct ast_quantified {
    struct ast base;
    enum ast_op op;
    bool all;
    struct ast *value;
    struct ast_list list;
    struct ast_query *query; /* NULL: list */
};

struct ast_case {
    struct ast base;
    struct ast *value;            /* NULL: searched CASE */
    struct ast_list whens, thens; /* same length; WHEN 1, 2 THEN gives an AST_ROW of alternatives */
    struct ast *otherwise;        /* NULL: none */
};

struct ast_cast {
    struct ast base;
    bool is_try; /* TRY_CAST */
    struct ast *arg;
    struct ast_type *type;
};

struct ast_row { /* ROW(a, b), or (a, b) with two or more */
    struct ast base;
    bool keyword;
    bool wrapped;      /* stood in parentheses of its own: ((a, b)) */
    bool alternatives; /* no row: CASE x WHEN a, b THEN */
    struct ast_list args;
};
struct ast_array {
    struct ast base;
    struct ast_list args;
};
struct ast_map { /* [k1, v1, k2, v2, ...] */
    struct ast base;
    struct ast_list args;
};
enum ast_collect_kind { AST_COLLECT_ARRAY, AST_COLLECT_MULTISET, AST_COLLECT_MAP };
struct ast_collect_query { /* ARRAY(query) */
    struct ast base;
    enum ast_collect_kind collect;
    struct ast_query *query; /* NULL: MULTISET[a, b], in args */
    struct ast_list args;
};
struct ast_field { /* (expr).name; a.b.c is one AST_IDENT */
    struct ast base;
    struct ast *arg;
    struct ast_name name;
    bool star; /* (expr).* */
};
struct ast_index { /* arg[index] */
    struct ast base;
    struct ast *arg, *index;
};
struct ast_subquery { /* scalar, or a row of them */
    struct ast base;
    struct ast_query *query;
};
struct ast_named_arg { /* name => value */
    struct ast base;
    struct ast_name name;
    struct ast *value;
};
struct ast_descriptor {
    struct ast base;
    struct ast_names columns;
};
/* A table argument: TABLE t, or (query) with clauses; (query) alone is an AST_SUBQUERY. */
struct ast_table_arg {
    struct ast base;
    struct ast_ident *table; /* or */
    struct ast_query *query;
    struct ast_list partition_by;
    struct ast_order order_by;
};
struct ast_model_arg { /* MODEL m */
    struct ast base;
    struct ast_ident *model;
};
struct ast_symbol {
    struct ast base;
    enum ast_unit unit; /* NONE: a keyword such as LEADING */
    const char *text;
};
struct ast_default { /* DEFAULT as an argument or a VALUES column */
    struct ast base;
};

#endif
