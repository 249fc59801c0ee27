/* disambiguate.c - tokens told apart by their neighbours, where one token ahead is not enough for
 * the grammar. Words named *_LA in it come from here. */
#include "sql/token.h"

#include "base/core/mem.h"
#include "sql/grammar.h"

#include <string.h>
#include <strings.h>

/* An open bracket or CASE. */
struct frame {
    int opener;     /* '(' '[' '{' ... or TOK_CASE */
    int before;     /* kind of the token in front of it */
    int n_betweens; /* whose AND is still to come */
};

struct pass {
    struct sql_token *in;
    size_t n, i;
    struct frame *frames;
    size_t n_frames, cap_frames;
};

static int kind(const struct pass *p, int offset) {
    if (offset < 0 && p->i < (size_t)-offset) return 0;
    size_t at = p->i + (size_t)offset;
    return at < p->n ? p->in[at].kind : 0;
}

static bool is_word(const struct pass *p, int offset, const char *word) {
    if (p->i + (size_t)offset >= p->n) return false;
    const struct sql_token *t = &p->in[p->i + (size_t)offset];
    return t->kw && strcmp(t->kw->word, word) == 0;
}

static bool is_comparison(int k) {
    return k == '=' || k == '<' || k == '>' || k == TOK_NE || k == TOK_NE2 || k == TOK_LE ||
           k == TOK_GE;
}

static bool starts_query(int k) {
    return k == TOK_SELECT || k == TOK_VALUES || k == TOK_WITH || k == TOK_TABLE;
}

/* ---- brackets ------------------------------------------------------------------------------- */

static int open_frame(struct pass *p, struct err *err) {
    const struct sql_token *t = &p->in[p->i];
    if (p->n_frames == SQL_DEPTH_MAX)
        return err_set_at(err, ERR_PARSE, t->span.line, t->span.column,
                          "the statement is nested too deeply (limit %d)", SQL_DEPTH_MAX);
    MEM_GROW(p->frames, p->n_frames, p->cap_frames);
    p->frames[p->n_frames++] = (struct frame){.opener = t->kind, .before = kind(p, -1)};
    return 0;
}

static bool closes(int opener, int k) {
    switch (k) {
    case ')':
        return opener == '(';
    case ']':
        return opener == '[';
    case '}':
        return opener == '{' || opener == TOK_BRACE_D || opener == TOK_BRACE_T ||
               opener == TOK_BRACE_TS || opener == TOK_BRACE_FN;
    case TOK_END:
        return opener == TOK_CASE;
    default:
        return false;
    }
}

static int track(struct pass *p, struct err *err) {
    int k = kind(p, 0);
    switch (k) {
    case '(':
    case '[':
    case '{':
    case TOK_BRACE_D:
    case TOK_BRACE_T:
    case TOK_BRACE_TS:
    case TOK_BRACE_FN:
    case TOK_CASE:
        return open_frame(p, err);
    case TOK_BETWEEN:
        p->frames[p->n_frames - 1].n_betweens++;
        return 0;
    case TOK_AND: {
        struct frame *top = &p->frames[p->n_frames - 1];
        if (top->n_betweens == 0) return 0;
        top->n_betweens--;
        p->in[p->i].kind = TOK_BETWEEN_AND;
        return 0;
    }
    default:
        /* A bracket that closes nothing is left to the grammar; the bottom frame stays. */
        if (p->n_frames > 1 && closes(p->frames[p->n_frames - 1].opener, k)) p->n_frames--;
        return 0;
    }
}

/* ---- words ---------------------------------------------------------------------------------- */

/* JSON_OBJECT(KEY k VALUE v), where k may be a column named key: KEY must be followed by the
 * beginning of an expression. */
static bool is_json_key(const struct pass *p) {
    static const int not_start[] = {
        TOK_VALUE, ':',    '.',        '[',          ')',       ',',       TOK_CONCAT,  '*',
        '/',       '%',    '=',        TOK_NE,       TOK_NE2,   '<',       '>',         TOK_LE,
        TOK_GE,    TOK_IS, TOK_IN,     TOK_LIKE,     TOK_ILIKE, TOK_RLIKE, TOK_SIMILAR, TOK_BETWEEN,
        TOK_AND,   TOK_OR, TOK_MEMBER, TOK_OVERLAPS, TOK_YYEOF};
    const struct frame *top = &p->frames[p->n_frames - 1];
    if (top->before != TOK_JSON_OBJECT && top->before != TOK_JSON_OBJECTAGG) return false;
    if (kind(p, -1) != '(' && kind(p, -1) != ',') return false;
    for (size_t i = 0; i < ARRAY_LEN(not_start); i++)
        if (kind(p, 1) == not_start[i]) return false;
    return true;
}

/* Words that are keywords in the grammar, by what stands around them. 0: no change. */
static int keyword_at(const struct pass *p) {
    int before = kind(p, -1), next = kind(p, 1), second = kind(p, 2);
    switch (kind(p, 0)) {
    case TOK_NOT:
        return next == TOK_LIKE || next == TOK_ILIKE || next == TOK_RLIKE || next == TOK_SIMILAR ||
                       next == TOK_IN || next == TOK_BETWEEN || next == TOK_SUBMULTISET
                   ? TOK_NOT_LA
                   : 0;
    case TOK_WITH:
        return next == TOK_LOCAL || next == TOK_TIME ? TOK_WITH_LA : 0;
    case TOK_WITHOUT:
        return next == TOK_TIME ? TOK_WITHOUT_LA : 0;
    case TOK_NULL:
        return next == TOK_ON && second == TOK_NULL ? TOK_NULL_LA : 0;
    case TOK_ABSENT:
        return next == TOK_ON && second == TOK_NULL ? TOK_ABSENT_LA : 0;
    case TOK_ON:
        return next == TOK_CONFLICT && second == TOK_DO ? TOK_ON_LA : 0;
    case TOK_SOME:
        return is_comparison(before) && next == '(' ? TOK_SOME_LA : 0;
    case TOK_GROUPING:
        return next == TOK_SETS && second == '(' ? TOK_GROUPING_LA : 0;
    case TOK_KEY:
        return is_json_key(p) ? TOK_KEY_LA : 0;
    case TOK_MAP:
        if (next == '[' && before != '.') return TOK_MAP_LA;
        return next == '(' && starts_query(second) && before != TOK_INTO ? TOK_MAP_LA : 0;
    default:
        return 0;
    }
}

/* The same for words that the lexer gives as plain names. */
static int name_at(const struct pass *p) {
    int before = kind(p, -1), next = kind(p, 1), second = kind(p, 2);
    bool is_json = before == TOK_JSON && (kind(p, -2) == TOK_IS || kind(p, -2) == TOK_NOT);
    if (is_word(p, 0, "A"))
        return next == TOK_SET && (before == TOK_IS || before == TOK_NOT) ? TOK_A_LA : 0;
    if (is_word(p, 0, "IF"))
        return next == TOK_EXISTS || (next == TOK_NOT && second == TOK_EXISTS) ? TOK_IF_LA : 0;
    if (is_word(p, 0, "FORMAT")) return next == TOK_JSON ? TOK_FORMAT_LA : 0;
    if (is_word(p, 0, "ENCODING"))
        return before == TOK_JSON && kind(p, -2) == TOK_FORMAT_LA ? TOK_ENCODING_LA : 0;
    if (is_word(p, 0, "FINAL"))
        return (next == TOK_IDENT || next == TOK_FUNC || next == TOK_FIRST || next == TOK_LAST) &&
                       second == '('
                   ? TOK_FINAL_LA
                   : 0;
    if (is_word(p, 0, "IGNORE") || is_word(p, 0, "RESPECT")) {
        if (next != TOK_NULLS || before == TOK_SELECT || before == ',' || before == '(') return 0;
        return is_word(p, 0, "IGNORE") ? TOK_IGNORE_LA : TOK_RESPECT_LA;
    }
    if (is_word(p, 0, "IMMEDIATELY"))
        return next == TOK_PRECEDES || next == TOK_SUCCEEDS ? TOK_IMMEDIATELY_LA : 0;
    if (is_word(p, 0, "OBJECT")) return is_json || before == TOK_EMPTY ? TOK_OBJECT_LA : 0;
    if (is_word(p, 0, "SCALAR")) return is_json ? TOK_SCALAR_LA : 0;
    if (is_word(p, 0, "UNBOUNDED"))
        return next == TOK_PRECEDING || next == TOK_FOLLOWING ? TOK_UNBOUNDED_LA : 0;
    if (next != '(' || before == '.' || before == TOK_TABLE || before == TOK_VIEW ||
        before == TOK_INTO)
        return 0;
    if (is_word(p, 0, "TIMESTAMPADD")) return TOK_TIMESTAMPADD_LA;
    if (is_word(p, 0, "TIMESTAMPDIFF")) return TOK_TIMESTAMPDIFF_LA;
    if (is_word(p, 0, "DATE_DIFF") || is_word(p, 0, "DATETIME_DIFF")) return TOK_DATE_PART;
    return 0;
}

static bool raw_is(const struct sql_token *t, const char *word) {
    return t->kind == TOK_IDENT && !t->quoted && t->raw_len == strlen(word) &&
           strncasecmp(t->raw, word, t->raw_len) == 0;
}

/* Words that are keywords only at a statement's beginning: EXPLAIN AST FOR, QUIT. */
static void first_words(struct sql_tokens *t) {
    static const char *const client[] = {"quit", "exit", "clear", "help"};
    if (t->n > 2 && t->items[0].kind == TOK_EXPLAIN && raw_is(&t->items[1], "ast") &&
        t->items[2].kind == TOK_FOR)
        t->items[1].kind = TOK_AST_WORD;
    for (size_t i = 0; t->n == 2 && i < ARRAY_LEN(client); i++)
        if (raw_is(&t->items[0], client[i])) t->items[0].kind = TOK_CLIENT_WORD;
}

int sql_tokens_disambiguate(struct sql_tokens *t, struct err *err) {
    struct pass p = {.in = t->items, .n = t->n};
    int rc = 0;
    size_t out = 0;
    first_words(t);
    MEM_GROW(p.frames, p.n_frames, p.cap_frames);
    p.frames[p.n_frames++] = (struct frame){0};
    for (p.i = 0; p.i < p.n; p.i++) {
        struct sql_token *tok = &p.in[p.i];
        int k = tok->kw && tok->kind == TOK_IDENT ? name_at(&p) : keyword_at(&p);
        if (k) tok->kind = k;
        rc = track(&p, err);
        if (rc) break;
    }
    for (size_t i = 0; !rc && i < t->n; i++) { /* '{' '-' become one token */
        struct sql_token tok = t->items[i];
        if (tok.kind == '{' && i + 1 < t->n && t->items[i + 1].kind == '-') {
            tok.kind = TOK_BRACE_MINUS;
            i++;
        }
        t->items[out++] = tok;
    }
    if (!rc) t->n = out;
    mem_free_ptr(&p.frames);
    return rc;
}
