/* parse.c - scripts and parts of them to syntax trees; errors with the line they are in. */
#include "sql/parse.h"

#include "base/core/mem.h"
#include "sql/build.h"
#include "sql/grammar.h"

#include <string.h>

/* Runs the grammar over tokens whose first is the entry point's. */
static int run(struct sql_parse *c, struct arena *arena, struct sql_tokens *tokens, int entry,
               struct err *err) {
    struct sql_token first = {.kind = entry, .raw = ""};
    if (tokens->n) first.span = tokens->items[0].span;
    first.span.end = first.span.begin;
    MEM_GROW(tokens->items, tokens->n, tokens->cap);
    memmove(tokens->items + 1, tokens->items, tokens->n * sizeof(first));
    tokens->items[0] = first;
    tokens->n++;
    *c = (struct sql_parse){.arena = arena, .tokens = tokens, .err = err};
    int rc = sql_yyparse(c);
    CHECK(rc == 0 || c->rc);
    return c->rc;
}

static int parse_tokens(struct sql_parse *c, struct arena *arena, struct sql_lex *lex,
                        struct sql_tokens *tokens, int entry, int lex_rc, struct err *err) {
    if (lex_rc) return lex_rc;
    int rc = sql_tokens_disambiguate(tokens, err);
    return rc ? rc : run(c, arena, tokens, entry, err);
}

/* ---- one statement at a time ---------------------------------------------------------------- */

void sql_reader_init(struct sql_reader *r, const char *text, size_t len) {
    *r = (struct sql_reader){.text = text, .len = len, .line = 1, .column = 1};
}

static struct sql_lex lex_of(const char *text, size_t len, struct arena *arena) {
    return (struct sql_lex){.text = text, .len = len, .line = 1, .column = 1, .arena = arena};
}

int sql_next_statement(struct sql_reader *r, struct arena *arena, struct sql_statement *ret,
                       struct err *err) {
    *ret = (struct sql_statement){0};
    if (r->len > SQL_SCRIPT_MAX_BYTES) {
        r->pos = r->len = 0;
        return err_set(err, ERR_PARSE, "the script is larger than %d MiB",
                       SQL_SCRIPT_MAX_BYTES >> 20);
    }
    struct sql_lex lex = lex_of(r->text, r->len, arena);
    lex.pos = r->pos;
    lex.line = r->line;
    lex.column = r->column;
    for (;;) {
        struct sql_tokens tokens = {0};
        int lex_rc = sql_tokens_read(&lex, &tokens, err);
        r->pos = lex.pos;
        r->line = lex.line;
        r->column = lex.column;
        bool empty = tokens.n == 1 && !lex_rc;
        bool done = empty && lex.pos == lex.len;
        if (done || !empty) {
            struct sql_parse c = {0};
            struct ast_span span = {0};
            if (tokens.n > 1)
                span = build_span(tokens.items[0].span, tokens.items[tokens.n - 2].span);
            int rc =
                done ? 0 : parse_tokens(&c, arena, &lex, &tokens, TOK_ENTRY_STATEMENT, lex_rc, err);
            sql_tokens_release(&tokens);
            ret->span = span;
            if (done || rc) return rc;
            ret->ast = c.stmt;
            return 1;
        }
        sql_tokens_release(&tokens); /* a semicolon alone */
    }
}

int sql_parse_script(struct arena *arena, const char *text, size_t len, struct sql_script *ret,
                     struct err *err) {
    struct sql_reader r;
    struct build_list *list = NULL;
    struct sql_statement stmt;
    struct sql_parse c = {.arena = arena};
    int rc;
    sql_reader_init(&r, text, len);
    while ((rc = sql_next_statement(&r, arena, &stmt, err)) > 0) {
        if (build_list_n(list) == SQL_STATEMENTS_MAX)
            return err_set_at(err, ERR_PARSE, stmt.span.line, stmt.span.column,
                              "the script has more than %d statements", SQL_STATEMENTS_MAX);
        list = build_list_add(&c, list, sizeof(stmt), &stmt);
    }
    if (rc) return rc;
    ret->stmts = build_list_items(list);
    ret->n_stmts = build_list_n(list);
    return 0;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static int parse_part(struct sql_parse *c, struct arena *arena, const char *text, size_t len,
                      int entry, struct err *err) {
    if (len > SQL_SCRIPT_MAX_BYTES)
        return err_set(err, ERR_PARSE, "the text is larger than %d MiB",
                       SQL_SCRIPT_MAX_BYTES >> 20);
    struct sql_lex lex = lex_of(text, len, arena);
    struct sql_tokens tokens = {0};
    int rc = sql_tokens_read(&lex, &tokens, err);
    if (!rc && lex.pos < len)
        rc = err_set_at(err, ERR_PARSE, lex.last_line, lex.last_column, "unexpected ';'");
    rc = parse_tokens(c, arena, &lex, &tokens, entry, rc, err);
    sql_tokens_release(&tokens);
    return rc;
}

int sql_parse_expr(struct arena *arena, const char *text, size_t len, struct ast **ret,
                   struct err *err) {
    struct sql_parse c;
    int rc = parse_part(&c, arena, text, len, TOK_ENTRY_EXPR, err);
    if (!rc) *ret = c.expr;
    return rc;
}

int sql_parse_query(struct arena *arena, const char *text, size_t len, struct ast_query **ret,
                    struct err *err) {
    struct sql_parse c;
    int rc = parse_part(&c, arena, text, len, TOK_ENTRY_QUERY, err);
    if (!rc) *ret = c.query;
    return rc;
}

int sql_parse_type(struct arena *arena, const char *text, size_t len, struct ast_type **ret,
                   struct err *err) {
    struct sql_parse c;
    int rc = parse_part(&c, arena, text, len, TOK_ENTRY_TYPE, err);
    if (!rc) *ret = c.type;
    return rc;
}

/* ---- errors --------------------------------------------------------------------------------- */

enum {
    RENDER_WIDTH_MAX = 100,
    RENDER_BEFORE_MAX = 60
}; /* characters of the line, and before the caret */

/* The byte at which the line-th line starts. */
static size_t line_start(const char *text, size_t len, int line) {
    size_t i = 0;
    for (int l = 1; l < line && i < len; i++)
        if (text[i] == '\n') l++;
    return i;
}

static size_t skip_chars(const char *text, size_t len, size_t pos, int n) {
    while (n > 0 && pos < len && text[pos] != '\n' && text[pos] != '\r') {
        pos++;
        while (pos < len && ((unsigned char)text[pos] & 0xC0) == 0x80)
            pos++;
        n--;
    }
    return pos;
}

void sql_error_render(const char *text, size_t len, const struct err *err, const char *where,
                      struct str *out) {
    if (err->line <= 0) {
        str_add(out, err->msg);
        str_add_char(out, '\n');
        return;
    }
    if (where)
        str_addf(out, "%s: %s\n", where, err->msg);
    else
        str_addf(out, "%d:%d: %s\n", err->line, err->column, err->msg);
    size_t begin = line_start(text, len, err->line);
    int skip = err->column > RENDER_BEFORE_MAX ? err->column - RENDER_BEFORE_MAX : 0;
    size_t from = skip_chars(text, len, begin, skip);
    size_t to = skip_chars(text, len, from, RENDER_WIDTH_MAX);
    size_t rest = skip_chars(text, len, to, 1);
    const char *lead = skip ? "..." : "";
    str_addf(out, "  %s", lead);
    for (size_t i = from; i < to; i++)
        str_add_char(out, text[i] == '\t' ? ' ' : text[i]);
    str_addf(out, "%s\n  ", rest > to ? "..." : "");
    for (int i = 1; i < err->column - skip + (int)strlen(lead); i++)
        str_add_char(out, ' ');
    str_add(out, "^\n");
}
