/* parse.h - SQL text to syntax tree.
 *
 * Accepts what Flink SQL accepts, reserved words included, so that scripts run unchanged. Errors
 * are ERR_PARSE with line:column, the unexpected token and what was expected in its place; what
 * Flink parses but this product lacks is ERR_UNSUPPORTED. All functions are re-entrant. */
#ifndef PENSTOCK_SQL_PARSE_H
#define PENSTOCK_SQL_PARSE_H

#include "sql/ast_print.h"
#include "sql/ast_stmt.h"

enum {
    SQL_SCRIPT_MAX_BYTES = 16 << 20,
    SQL_STATEMENTS_MAX = 100000,
    SQL_DEPTH_MAX = 500, /* nested expressions, queries, types */
    /* The same in the unit of ast.depth: nesting costs 10, one more link of a chain such as
     * a + b + c or x UNION y UNION z costs 1. */
    SQL_DEPTH_COST_MAX = 10 * SQL_DEPTH_MAX,
    SQL_NAME_MAX_CHARS = 128, /* an identifier, as Flink */
};

struct sql_statement {
    struct ast *ast;      /* a statement kind of ast_stmt.h, or AST_QUERY */
    struct ast_span span; /* without the semicolon; offsets and lines of the whole script */
};

struct sql_script {
    struct sql_statement *stmts;
    size_t n_stmts;
};

/* All statements of a script, in order; stops at the first error. The nodes live in arena and do
 * not borrow text. */
int sql_parse_script(struct arena *arena, const char *text, size_t len, struct sql_script *ret,
                     struct err *err) ATTR_MUST_USE;

/* Walks a script one statement at a time, and goes on behind a broken one:
 *
 *     struct sql_reader r;
 *     sql_reader_init(&r, text, len);
 *     while ((rc = sql_next_statement(&r, arena, &stmt, err)) != 0) {
 *         if (rc < 0) ...; // stmt.span is set, stmt.ast NULL; the next call goes on behind it
 *     }
 *
 * EXECUTE STATEMENT SET BEGIN ... END; and BEGIN STATEMENT SET; ... END; are one statement each. */
struct sql_reader {
    const char *text; /* borrowed */
    size_t len, pos;
    int line, column;
};
void sql_reader_init(struct sql_reader *r, const char *text, size_t len);
/* 1: *ret is a statement; 0: the script is done; negative: that statement is broken. */
int sql_next_statement(struct sql_reader *r, struct arena *arena, struct sql_statement *ret,
                       struct err *err) ATTR_MUST_USE;

/* Parts alone, as stored in catalogs and plans: an expression, a query, a type. */
int sql_parse_expr(struct arena *arena, const char *text, size_t len, struct ast **ret,
                   struct err *err) ATTR_MUST_USE;
int sql_parse_query(struct arena *arena, const char *text, size_t len, struct ast_query **ret,
                    struct err *err) ATTR_MUST_USE;
int sql_parse_type(struct arena *arena, const char *text, size_t len, struct ast_type **ret,
                   struct err *err) ATTR_MUST_USE;

/* Whether Flink refuses the word as a bare identifier. Any case. */
bool sql_word_is_reserved(const char *word);

/* Appends "where: message", the line of text at err's place, and a caret below it. where: the place
 * as the reader knows it, "job.yaml:17:9"; NULL = "line:column". Long lines are cut around the
 * place. */
void sql_error_render(const char *text, size_t len, const struct err *err, const char *where,
                      struct str *out);

#endif
