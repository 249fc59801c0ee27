/* ast_node.h - nodes of the syntax tree: kinds, places, names. See ast.h for the conventions. */
#ifndef PENSTOCK_SQL_AST_NODE_H
#define PENSTOCK_SQL_AST_NODE_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Place in the script. Lines and columns are 1-based, columns count characters; end is the place
 * of the last character. The bytes are [begin, end). */
struct ast_span {
    int line, column;
    int end_line, end_column;
    size_t begin, end;
};

/* X(KIND, struct name without ast_) */
#define AST_EXPR_LIST(X)                                                                           \
    X(LITERAL, literal)                                                                            \
    X(IDENT, ident)                                                                                \
    X(PARAM, param)                                                                                \
    X(UNARY, unary)                                                                                \
    X(BINARY, binary)                                                                              \
    X(BETWEEN, between)                                                                            \
    X(LIKE, like)                                                                                  \
    X(IN, in)                                                                                      \
    X(EXISTS, exists)                                                                              \
    X(QUANTIFIED, quantified)                                                                      \
    X(CASE, case)                                                                                  \
    X(CAST, cast)                                                                                  \
    X(CALL, call)                                                                                  \
    X(ROW, row)                                                                                    \
    X(ARRAY, array)                                                                                \
    X(MAP, map)                                                                                    \
    X(COLLECT_QUERY, collect_query)                                                                \
    X(FIELD, field)                                                                                \
    X(INDEX, index)                                                                                \
    X(INTERVAL, interval)                                                                          \
    X(INTERVAL_MINUS, interval_minus)                                                              \
    X(SUBQUERY, subquery)                                                                          \
    X(NAMED_ARG, named_arg)                                                                        \
    X(DESCRIPTOR, descriptor)                                                                      \
    X(TABLE_ARG, table_arg)                                                                        \
    X(MODEL_ARG, model_arg)                                                                        \
    X(SYMBOL, symbol)                                                                              \
    X(DEFAULT, default)

#define AST_QUERY_LIST(X)                                                                          \
    X(QUERY, query)                                                                                \
    X(SELECT, select)                                                                              \
    X(SETOP, setop)                                                                                \
    X(VALUES, values)                                                                              \
    X(TABLE_QUERY, table_query)                                                                    \
    X(GROUP, group)                                                                                \
    X(WINDOW, window)                                                                              \
    X(TABLE_REF, table_ref)                                                                        \
    X(DERIVED, derived)                                                                            \
    X(TABLE_FUNC, table_func)                                                                      \
    X(UNNEST, unnest)                                                                              \
    X(JOIN, join)                                                                                  \
    X(MATCH, match)                                                                                \
    X(PATTERN, pattern)

#define AST_STMT_LIST(X)                                                                           \
    X(CREATE_TABLE, create_table)                                                                  \
    X(CREATE_VIEW, create_view)                                                                    \
    X(CREATE_FUNCTION, create_function)                                                            \
    X(CREATE_CATALOG, create_catalog)                                                              \
    X(CREATE_DATABASE, create_database)                                                            \
    X(CREATE_MODEL, create_model)                                                                  \
    X(CREATE_CONNECTION, create_connection)                                                        \
    X(DROP, drop)                                                                                  \
    X(ALTER, alter)                                                                                \
    X(USE, use)                                                                                    \
    X(SHOW, show)                                                                                  \
    X(DESCRIBE, describe)                                                                          \
    X(EXPLAIN, explain)                                                                            \
    X(SET, set)                                                                                    \
    X(RESET, reset)                                                                                \
    X(INSERT, insert)                                                                              \
    X(STATEMENT_SET, statement_set)                                                                \
    X(EXECUTE, execute)                                                                            \
    X(EXECUTE_PLAN, execute_plan)                                                                  \
    X(COMPILE_PLAN, compile_plan)                                                                  \
    X(UPDATE, update)                                                                              \
    X(DELETE, delete)                                                                              \
    X(TRUNCATE, truncate)                                                                          \
    X(CALL_PROCEDURE, call_procedure)                                                              \
    X(ANALYZE, analyze)                                                                            \
    X(JAR, jar)                                                                                    \
    X(MODULE, module)                                                                              \
    X(STOP_JOB, stop_job)                                                                          \
    X(CLIENT, client)

enum ast_kind {
#define X(kind, name) AST_##kind,
    AST_EXPR_LIST(X) AST_QUERY_LIST(X) AST_STMT_LIST(X)
#undef X
        AST_KIND_COUNT
};

struct ast {
    enum ast_kind kind;
    int depth; /* cost of the nesting below it, at most SQL_DEPTH_COST_MAX (parse.h) */
    struct ast_span span;
};

/* AST_TO(call, node): the node as struct ast_call *. The kind must fit. */
#define AST_TO(name, node) ast_to_##name(node)
#define X(kind_, name)                                                                             \
    struct ast_##name;                                                                             \
    static inline struct ast_##name *ast_to_##name(const struct ast *n) {                          \
        CHECK(n && n->kind == AST_##kind_);                                                        \
        return (struct ast_##name *)n;                                                             \
    }
AST_EXPR_LIST(X)
AST_QUERY_LIST(X)
AST_STMT_LIST(X)
#undef X

const char *ast_kind_name(enum ast_kind kind); /* "CALL" */

struct ast_list {
    struct ast **items;
    size_t n;
};

/* One word of a name. Flink keeps the case of unquoted identifiers and compares names exactly;
 * function names and keywords compare ignoring case. */
struct ast_name {
    const char *text; /* back-quotes removed, doubled ones halved */
    bool quoted;
    struct ast_span span;
};

struct ast_names {
    struct ast_name *items;
    size_t n;
};

/* a, a.b.c, *, a.b.*: the star is not among the parts. */
struct ast_ident {
    struct ast base;
    struct ast_names parts;
    bool star;
};

/* Calls fn for each direct child in the order of the text, types aside, until it returns false.
 * false: it did. */
bool ast_each_child(const struct ast *node, bool (*fn)(void *self, struct ast *child), void *self);

#endif
