/* tokens.c - the tokens of one statement, from the script. */
#include "sql/token.h"

#include "base/core/mem.h"
#include "sql/grammar.h"
#include "sql/lexer.h"

#include <string.h>

void sql_tokens_release(struct sql_tokens *t) {
    mem_free_ptr(&t->items);
    *t = (struct sql_tokens){0};
}

static void push(struct sql_tokens *t, const struct sql_token *tok) {
    MEM_GROW(t->items, t->n, t->cap);
    t->items[t->n++] = *tok;
}

static int kind_at(const struct sql_tokens *t, size_t i) {
    return i < t->n ? t->items[i].kind : 0;
}

/* STATEMENT SET BEGIN, or BEGIN STATEMENT SET, with its last token just read. */
static bool opens_set(const struct sql_tokens *t) {
    if (t->n < 3) return false;
    int a = kind_at(t, t->n - 3), b = kind_at(t, t->n - 2), c = kind_at(t, t->n - 1);
    return (a == TOK_STATEMENT && b == TOK_SET && c == TOK_BEGIN) ||
           (t->n == 3 && a == TOK_BEGIN && b == TOK_STATEMENT && c == TOK_SET);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void skip_to(struct sql_lex *lex, size_t pos) {
    for (; lex->pos < pos; lex->pos++) {
        char c = lex->text[lex->pos];
        if (((unsigned char)c & 0xC0) == 0x80) continue;
        lex->last_line = lex->line;
        lex->last_column = lex->column;
        if (c == '\n') {
            lex->line++;
            lex->column = 1;
        } else {
            lex->column++;
        }
    }
}

/* The text [from, to) without blanks at its ends, as one token. */
static void push_raw(struct sql_lex *lex, struct sql_tokens *t, size_t from, size_t to) {
    while (from < to && is_blank(lex->text[from]))
        from++;
    while (to > from && is_blank(lex->text[to - 1]))
        to--;
    skip_to(lex, from);
    struct sql_token tok = {.kind = TOK_RAW_TEXT, .raw = lex->text + from, .raw_len = to - from};
    tok.span.line = lex->line;
    tok.span.column = lex->column;
    tok.span.begin = from;
    skip_to(lex, to);
    tok.span.end = to;
    tok.span.end_line = lex->last_line;
    tok.span.end_column = lex->last_column;
    lex->tok = tok;
    sql_lex_setting(lex, lex->text + from, to - from);
    push(t, &lex->tok);
}

/* SET k = v and RESET k with plain text, as the SQL client takes them: no tokens, for values hold
 * anything (1 h, s3://x). The text goes to the semicolon. */
static bool read_raw_setting(struct sql_lex *lex, struct sql_tokens *t) {
    size_t i = lex->pos, end = lex->pos, eq = 0;
    while (i < lex->len && is_blank(lex->text[i]))
        i++;
    if (i == lex->len || strchr(";'", lex->text[i])) return false;
    if (i + 1 < lex->len &&
        (memcmp(lex->text + i, "--", 2) == 0 || memcmp(lex->text + i, "/*", 2) == 0))
        return false;
    bool quoted = false;
    for (end = i; end < lex->len; end++) {
        char c = lex->text[end];
        if (c == '\'') quoted = !quoted;
        if (c == ';' && !quoted) break;
        if (c == '=' && !eq) eq = end;
    }
    if (t->items[0].kind == TOK_SET && eq) {
        push_raw(lex, t, i, eq);
        push_raw(lex, t, eq + 1, end);
    } else {
        push_raw(lex, t, i, end);
    }
    skip_to(lex, end);
    return true;
}

/* Reads up to the statement's end: 0. 1: has read the raw text of a setting, which flex must not
 * see, and is to be called again. */
static int read_all(struct sql_lex *lex, struct sql_tokens *t, yyscan_t scanner) {
    bool in_set = false;
    for (;;) {
        int kind = sql_flex_lex(scanner);
        if (kind == 0) return 0;
        lex->tok.kind = kind;
        if (kind == ';' && !in_set) return 0;
        push(t, &lex->tok);
        if (opens_set(t)) in_set = true;
        int before = t->n >= 2 ? kind_at(t, t->n - 2) : 0;
        if (kind == TOK_END && (before == ';' || before == TOK_BEGIN)) in_set = false;
        if (t->n == 1 && (kind == TOK_SET || kind == TOK_RESET) && read_raw_setting(lex, t))
            return 1;
    }
}

/* The end of the statement: an empty place behind the last token. */
static void push_end(const struct sql_lex *lex, struct sql_tokens *t) {
    struct sql_token end = {.kind = TOK_YYEOF, .raw = ""};
    if (t->n) {
        const struct ast_span *s = &t->items[t->n - 1].span;
        end.span = (struct ast_span){.line = s->end_line,
                                     .column = s->end_column,
                                     .end_line = s->end_line,
                                     .end_column = s->end_column,
                                     .begin = s->end,
                                     .end = s->end};
    } else {
        end.span = (struct ast_span){.line = lex->line,
                                     .column = lex->column,
                                     .end_line = lex->line,
                                     .end_column = lex->column,
                                     .begin = lex->pos,
                                     .end = lex->pos};
    }
    push(t, &end);
}

int sql_tokens_read(struct sql_lex *lex, struct sql_tokens *ret, struct err *err) {
    lex->rc = 0;
    lex->err = err;
    int more;
    do { /* again behind the raw text of a SET, to take its semicolon */
        yyscan_t scanner;
        lex->fed = lex->pos;
        CHECK(sql_flex_lex_init_extra(lex, &scanner) == 0);
        more = read_all(lex, ret, scanner);
        sql_flex_lex_destroy(scanner);
    } while (more);
    push_end(lex, ret);
    return lex->rc;
}
