/* ast_call.h - calls of functions. Included by ast.h. */
#ifndef PENSTOCK_SQL_AST_CALL_H
#define PENSTOCK_SQL_AST_CALL_H

#include "sql/ast_type.h"

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

#endif
