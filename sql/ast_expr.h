/* ast_expr.h - expressions. Included by ast.h, which holds the conventions. */
#ifndef PENSTOCK_SQL_AST_EXPR_H
#define PENSTOCK_SQL_AST_EXPR_H

#include "sql/ast.h"

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

/* X(NAME, text, what it is). Prefix and postfix operators are in ast_unary, infix in ast_binary. */
#define AST_OP_LIST(X)                                                                             \
    X(NOT, "NOT", PREFIX)                                                                          \
    X(NEG, "-", PREFIX)                                                                            \
    X(POS, "+", PREFIX)                                                                            \
    X(RUNNING, "RUNNING", PREFIX) /* of MATCH_RECOGNIZE */                                         \
    X(FINAL, "FINAL", PREFIX)                                                                      \
    X(IS_NULL, "IS NULL", POSTFIX)                                                                 \
    X(IS_NOT_NULL, "IS NOT NULL", POSTFIX)                                                         \
    X(IS_TRUE, "IS TRUE", POSTFIX)                                                                 \
    X(IS_NOT_TRUE, "IS NOT TRUE", POSTFIX)                                                         \
    X(IS_FALSE, "IS FALSE", POSTFIX)                                                               \
    X(IS_NOT_FALSE, "IS NOT FALSE", POSTFIX)                                                       \
    X(IS_UNKNOWN, "IS UNKNOWN", POSTFIX)                                                           \
    X(IS_NOT_UNKNOWN, "IS NOT UNKNOWN", POSTFIX)                                                   \
    X(IS_A_SET, "IS A SET", POSTFIX)                                                               \
    X(IS_NOT_A_SET, "IS NOT A SET", POSTFIX)                                                       \
    X(IS_EMPTY, "IS EMPTY", POSTFIX)                                                               \
    X(IS_NOT_EMPTY, "IS NOT EMPTY", POSTFIX)                                                       \
    X(IS_JSON_VALUE, "IS JSON VALUE", POSTFIX) /* IS JSON is the same */                           \
    X(IS_NOT_JSON_VALUE, "IS NOT JSON VALUE", POSTFIX)                                             \
    X(IS_JSON_OBJECT, "IS JSON OBJECT", POSTFIX)                                                   \
    X(IS_NOT_JSON_OBJECT, "IS NOT JSON OBJECT", POSTFIX)                                           \
    X(IS_JSON_ARRAY, "IS JSON ARRAY", POSTFIX)                                                     \
    X(IS_NOT_JSON_ARRAY, "IS NOT JSON ARRAY", POSTFIX)                                             \
    X(IS_JSON_SCALAR, "IS JSON SCALAR", POSTFIX)                                                   \
    X(IS_NOT_JSON_SCALAR, "IS NOT JSON SCALAR", POSTFIX)                                           \
    X(FORMAT_JSON, "FORMAT JSON", POSTFIX)                                                         \
    X(OR, "OR", INFIX)                                                                             \
    X(AND, "AND", INFIX)                                                                           \
    X(EQ, "=", INFIX)                                                                              \
    X(NE, "<>", INFIX) /* != too */                                                                \
    X(LT, "<", INFIX)                                                                              \
    X(LE, "<=", INFIX)                                                                             \
    X(GT, ">", INFIX)                                                                              \
    X(GE, ">=", INFIX)                                                                             \
    X(IS_DISTINCT_FROM, "IS DISTINCT FROM", INFIX)                                                 \
    X(IS_NOT_DISTINCT_FROM, "IS NOT DISTINCT FROM", INFIX)                                         \
    X(PLUS, "+", INFIX)                                                                            \
    X(MINUS, "-", INFIX)                                                                           \
    X(MUL, "*", INFIX)                                                                             \
    X(DIV, "/", INFIX)                                                                             \
    X(MOD, "%", INFIX)                                                                             \
    X(CONCAT, "||", INFIX)                                                                         \
    X(OVERLAPS, "OVERLAPS", INFIX)                                                                 \
    X(CONTAINS, "CONTAINS", INFIX)                                                                 \
    X(PRECEDES, "PRECEDES", INFIX)                                                                 \
    X(SUCCEEDS, "SUCCEEDS", INFIX)                                                                 \
    X(IMMEDIATELY_PRECEDES, "IMMEDIATELY PRECEDES", INFIX)                                         \
    X(IMMEDIATELY_SUCCEEDS, "IMMEDIATELY SUCCEEDS", INFIX)                                         \
    X(PERIOD_EQUALS, "EQUALS", INFIX)                                                              \
    X(MEMBER_OF, "MEMBER OF", INFIX)                                                               \
    X(SUBMULTISET_OF, "SUBMULTISET OF", INFIX)                                                     \
    X(NOT_SUBMULTISET_OF, "NOT SUBMULTISET OF", INFIX)                                             \
    X(MULTISET_UNION_ALL, "MULTISET UNION ALL", INFIX)                                             \
    X(MULTISET_UNION, "MULTISET UNION DISTINCT", INFIX)                                            \
    X(MULTISET_INTERSECT_ALL, "MULTISET INTERSECT ALL", INFIX)                                     \
    X(MULTISET_INTERSECT, "MULTISET INTERSECT DISTINCT", INFIX)                                    \
    X(MULTISET_EXCEPT_ALL, "MULTISET EXCEPT ALL", INFIX)                                           \
    X(MULTISET_EXCEPT, "MULTISET EXCEPT DISTINCT", INFIX)

enum ast_op {
#define X(name, text, place) AST_OP_##name,
    AST_OP_LIST(X)
#undef X
        AST_OP_COUNT
};
const char *ast_op_text(enum ast_op op);

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

/* How a call was written. The arguments are in one order whatever the syntax:
 *   EXTRACT(u FROM x)         [SYMBOL u, x]
 *   CEIL|FLOOR(x TO u)        [x, SYMBOL u]
 *   TRIM([flag] [c] FROM s)   [SYMBOL BOTH|LEADING|TRAILING, c (' ' if not given), s]; TRIM(s): [s]
 *   POSITION(a IN b [FROM n]) [a, b, (n)]
 *   SUBSTRING(s FROM i FOR n) [s, i, (n)]; with commas the same
 *   OVERLAY(a PLACING b FROM i FOR n)  [a, b, i, (n)]
 *   TIMESTAMPADD|TIMESTAMPDIFF(u, a, b) [SYMBOL u, a, b]
 *   JSON_OBJECT, JSON_OBJECTAGG: [key, value, ...]; JSON_ARRAY: [value, ...]
 *   JSON_VALUE, JSON_QUERY, JSON_EXISTS: [input, path]; clauses in `json`
 * The names of these are in upper case; others are as written. */
enum ast_syntax {
    AST_SYNTAX_FUNCTION,
    AST_SYNTAX_NILADIC, /* CURRENT_DATE without parentheses */
    AST_SYNTAX_EXTRACT,
    AST_SYNTAX_TO_UNIT,
    AST_SYNTAX_TRIM,
    AST_SYNTAX_POSITION,
    AST_SYNTAX_SUBSTRING, /* with FROM */
    AST_SYNTAX_OVERLAY,
    AST_SYNTAX_UNIT_FIRST,
    AST_SYNTAX_USING, /* CONVERT|TRANSLATE(x USING charset): [x, IDENT charset] */
    AST_SYNTAX_JSON,
    AST_SYNTAX_JDBC /* {fn f(...)} */
};

enum ast_quantifier { AST_QUANT_NONE, AST_QUANT_ALL, AST_QUANT_DISTINCT };
enum ast_nulls { AST_NULLS_DEFAULT, AST_NULLS_FIRST, AST_NULLS_LAST };
enum ast_null_treatment { AST_NULL_TREATMENT_NONE, AST_IGNORE_NULLS, AST_RESPECT_NULLS };

struct ast_order_item {
    struct ast *expr;
    bool desc;
    enum ast_nulls nulls;
};
struct ast_order {
    struct ast_order_item *items;
    size_t n;
};

enum ast_json_behavior {
    AST_JSON_NONE, /* not given */
    AST_JSON_ERROR,
    AST_JSON_NULL,
    AST_JSON_EMPTY_ARRAY,
    AST_JSON_EMPTY_OBJECT,
    AST_JSON_TRUE,
    AST_JSON_FALSE,
    AST_JSON_UNKNOWN,
    AST_JSON_DEFAULT /* with an expression */
};
enum ast_json_wrapper {
    AST_JSON_WRAPPER_NONE, /* not given */
    AST_JSON_WITHOUT_ARRAY,
    AST_JSON_WITH_CONDITIONAL_ARRAY,
    AST_JSON_WITH_UNCONDITIONAL_ARRAY
};
enum ast_json_nulls { AST_JSON_NULLS_NONE, AST_JSON_NULL_ON_NULL, AST_JSON_ABSENT_ON_NULL };

struct ast_json {
    struct ast_type *returning; /* NULL: not given */
    enum ast_json_wrapper wrapper;
    enum ast_json_behavior on_empty, on_error;
    struct ast *empty_default, *error_default;
    enum ast_json_nulls nulls;
};

struct ast_call {
    struct ast base;
    struct ast_ident *name; /* f or cat.db.f */
    enum ast_syntax syntax;
    enum ast_quantifier quant;
    struct ast_list args;      /* COUNT(*): one AST_IDENT with star and no parts */
    struct ast_json *json;     /* NULL but for AST_SYNTAX_JSON */
    struct ast_order order_by; /* within the parentheses, or of WITHIN GROUP */
    bool within_group;
    struct ast *filter; /* FILTER (WHERE ...); NULL: none */
    enum ast_null_treatment null_treatment;
    struct ast_window *over; /* NULL: none */
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
