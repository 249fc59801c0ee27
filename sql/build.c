/* build.c - lists, names, literals and intervals. */
#include "sql/build.h"

#include "base/core/mem.h"
#include "sql/grammar.h"

#include <stdlib.h>
#include <string.h>

/* What nesting costs, in the unit of ast.depth: see SQL_DEPTH_COST_MAX. */
enum { COST_NESTED = SQL_DEPTH_COST_MAX / SQL_DEPTH_MAX, COST_CHAINED = 1 };

void build_fail(struct sql_parse *c, struct ast_span at, int code, const char *fmt, ...) {
    if (c->rc) return;
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(c->arena, fmt, ap);
    va_end(ap);
    c->rc = err_set_at(c->err, code, at.line, at.column, "%s", text);
}

struct ast_span build_span(struct ast_span from, struct ast_span to) {
    from.end = to.end;
    from.end_line = to.end_line;
    from.end_column = to.end_column;
    return from;
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct build_list *build_list_new(struct sql_parse *c) {
    return ARENA_NEW(c->arena, struct build_list);
}

struct build_list *build_list_add(struct sql_parse *c, struct build_list *list, size_t elem_size,
                                  const void *elem) {
    if (!list) list = build_list_new(c);
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 4;
        void *items = arena_alloc(c->arena, cap * elem_size);
        if (list->n) memcpy(items, list->items, list->n * elem_size);
        list->items = items;
        list->cap = cap;
    }
    memcpy((char *)list->items + list->n * elem_size, elem, elem_size);
    list->n++;
    return list;
}

size_t build_list_n(const struct build_list *list) {
    return list ? list->n : 0;
}

void *build_list_items(const struct build_list *list) {
    return list ? list->items : NULL;
}

struct ast_list build_ast_list(const struct build_list *list) {
    return (struct ast_list){build_list_items(list), build_list_n(list)};
}

struct ast_names build_names(const struct build_list *list) {
    return (struct ast_names){build_list_items(list), build_list_n(list)};
}

struct ast_order build_order(const struct build_list *list) {
    return (struct ast_order){build_list_items(list), build_list_n(list)};
}

struct ast_hints build_hints(const struct build_list *list) {
    return (struct ast_hints){build_list_items(list), build_list_n(list)};
}

struct build_list *build_prepend(struct sql_parse *c, struct ast *first, struct build_list *rest) {
    struct build_list *list = build_list_add(c, NULL, sizeof(first), &first);
    return build_concat(c, list, rest);
}

struct build_list *build_concat(struct sql_parse *c, struct build_list *a, struct build_list *b) {
    for (size_t i = 0; i < b->n; i++)
        a = build_list_add(c, a, sizeof(void *), (void **)b->items + i);
    return a;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

void *build_node(struct sql_parse *c, enum ast_kind kind, struct ast_span at, size_t size) {
    struct ast *n = arena_zalloc(c->arena, size);
    n->kind = kind;
    n->span = at;
    return n;
}

static bool deepest(void *self, struct ast *child) {
    int *depth = self;
    if (child->depth > *depth) *depth = child->depth;
    return true;
}

/* The operand that a chain such as a + b + c grows on; NULL: the node is no chain. */
static const struct ast *chained(const struct ast *n) {
    switch (n->kind) {
    case AST_BINARY:
        return AST_TO(binary, n)->left;
    case AST_INDEX:
        return AST_TO(index, n)->arg;
    case AST_FIELD:
        return AST_TO(field, n)->arg;
    case AST_SETOP:
        return AST_TO(setop, n)->left;
    case AST_JOIN:
        return AST_TO(join, n)->left;
    default:
        return NULL;
    }
}

static bool deepest_but(void *self, struct ast *child) {
    struct {
        const struct ast *but;
        int depth;
    } *s = self;
    if (child != s->but && child->depth > s->depth) s->depth = child->depth;
    return true;
}

struct ast *build_done(struct sql_parse *c, void *node) {
    struct ast *n = node;
    struct {
        const struct ast *but;
        int depth;
    } s = {chained(n), 0};
    if (s.but) {
        (void)ast_each_child(n, deepest_but, &s);
        n->depth = MAX(s.depth + COST_NESTED, s.but->depth + COST_CHAINED);
    } else {
        (void)ast_each_child(n, deepest, &s.depth);
        n->depth = s.depth + COST_NESTED;
    }
    if (n->depth > SQL_DEPTH_COST_MAX)
        build_fail(c, n->span, ERR_PARSE, "the statement is nested too deeply (limit %d)",
                   SQL_DEPTH_MAX);
    return n;
}

/* ---- names ---------------------------------------------------------------------------------- */

static size_t chars_of(const char *s, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)s[i] & 0xC0) != 0x80) n++;
    return n;
}

struct ast_name *build_name(struct sql_parse *c, const struct sql_token *tok) {
    struct ast_name *n = ARENA_NEW(c->arena, struct ast_name);
    n->text = tok->text ? tok->text : arena_strndup(c->arena, tok->raw, tok->raw_len);
    n->quoted = tok->quoted;
    n->span = tok->span;
    if (chars_of(n->text, strlen(n->text)) > SQL_NAME_MAX_CHARS)
        build_fail(c, tok->span, ERR_PARSE, "the name is longer than %d characters",
                   SQL_NAME_MAX_CHARS);
    return n;
}

struct ast_ident *build_ident(struct sql_parse *c, struct ast_span at, struct build_list *names,
                              bool star) {
    struct ast_ident *n = BUILD_NODE(c, AST_IDENT, at, struct ast_ident);
    n->parts = build_names(names);
    n->star = star;
    build_done(c, n);
    return n;
}

/* ---- literals ------------------------------------------------------------------------------- */

struct ast *build_literal(struct sql_parse *c, enum ast_literal_kind kind, struct ast_span at,
                          const struct sql_token *tok) {
    struct ast_literal *n = BUILD_NODE(c, AST_LITERAL, at, struct ast_literal);
    n->lit = kind;
    n->truth = tok->kind == TOK_TRUE;
    n->text = tok->text ? tok->text : arena_strndup(c->arena, tok->raw, tok->raw_len);
    n->len_bytes = tok->text ? tok->len : tok->raw_len;
    return build_done(c, n);
}

enum { DECIMAL_EXPONENT_MAX = 100 };

/* The digits of v moved by its exponent: 2.11E-2 is .0211. NULL: no number. */
static char *plain_decimal(struct sql_parse *c, struct sv v) {
    size_t n = 0, digits = 0, point = v.len, exponent_at = v.len;
    char *out = arena_alloc(c->arena, v.len + 2 * DECIMAL_EXPONENT_MAX + 2);
    char *mantissa = arena_alloc(c->arena, v.len + 1);
    for (size_t i = 0; i < v.len && exponent_at == v.len; i++) {
        char ch = v.ptr[i];
        if (ch >= '0' && ch <= '9')
            mantissa[digits++] = ch;
        else if (ch == '.' && point == v.len)
            point = digits;
        else if ((ch == 'e' || ch == 'E') && digits)
            exponent_at = i;
        else
            return NULL;
    }
    long shift = 0;
    if (exponent_at < v.len) {
        char *end;
        char *text = arena_strndup(c->arena, v.ptr + exponent_at + 1, v.len - exponent_at - 1);
        shift = strtol(text, &end, 10);
        if (!*text || *text == ' ' || *end || labs(shift) > DECIMAL_EXPONENT_MAX) return NULL;
    }
    if (!digits) return NULL;
    long at = (long)(point == v.len ? digits : point) + shift; /* digits before the point */
    for (long i = at; i < 0; i++)
        out[n++] = i == at ? '.' : '0';
    if (at < 0) out[n++] = '0';
    for (size_t i = 0; i < digits; i++) {
        if ((long)i == at) out[n++] = '.';
        out[n++] = mantissa[i];
    }
    for (long i = (long)digits; i < at; i++)
        out[n++] = '0';
    out[n] = '\0';
    return out;
}

/* DECIMAL '-1.50': a number with a sign maybe, blanks around it. */
struct ast *build_decimal(struct sql_parse *c, struct ast_span at, const struct sql_token *text) {
    struct sv v = sv_trim((struct sv){text->text, text->len});
    bool negative = v.len && v.ptr[0] == '-';
    if (v.len && (v.ptr[0] == '-' || v.ptr[0] == '+')) {
        v.ptr++;
        v.len--;
    }
    const char *digits = plain_decimal(c, v);
    if (!digits) {
        build_fail(c, text->span, ERR_PARSE,
                   "DECIMAL takes a number between the quotes, as in DECIMAL '1.50'");
        digits = "0";
    }
    struct sql_token number = {.text = digits, .len = strlen(digits)};
    struct ast *n = build_literal(c, AST_LIT_EXACT, at, &number);
    return negative ? build_unary(c, at, AST_OP_NEG, n) : n;
}

struct ast *build_unicode(struct sql_parse *c, struct ast_span at, const struct sql_token *tok,
                          const struct sql_token *mark) {
    struct ast *n = build_literal(c, AST_LIT_STRING, at, tok);
    char m = '\\';
    if (mark) {
        m = mark->len == 1 ? mark->text[0] : '0';
        if (strchr("0123456789abcdefABCDEF+'\" \t\r\n\f", m)) {
            build_fail(c, mark->span, ERR_PARSE,
                       "UESCAPE takes one character that is no hexadecimal digit, plus sign, quote "
                       "or blank");
            return n;
        }
    }
    struct ast_literal *l = AST_TO(literal, n);
    if (!c->rc) c->rc = sql_unescape_unicode(c->arena, tok, m, &l->text, &l->len_bytes, c->err);
    return n;
}

struct ast *build_string_chain(struct sql_parse *c, struct ast *head,
                               const struct sql_token *next) {
    struct ast_literal *h = AST_TO(literal, head);
    if (head->span.end_line == next->span.line) {
        build_fail(c, next->span, ERR_VALIDATION,
                   "a string that continues another must start on a new line");
        return head;
    }
    const char *more = next->text;
    size_t more_len = next->len;
    if (h->lit == AST_LIT_BINARY) {
        struct sql_lex lex = {.arena = c->arena, .err = c->err, .tok = *next};
        sql_lex_binary(&lex, next->raw, next->raw_len);
        if (lex.rc && !c->rc) c->rc = lex.rc;
        more = lex.tok.text;
        more_len = lex.tok.len;
    }
    if (c->rc) return head;
    char *text = arena_alloc(c->arena, h->len_bytes + more_len + 1);
    memcpy(text, h->text, h->len_bytes);
    memcpy(text + h->len_bytes, more, more_len);
    text[h->len_bytes + more_len] = '\0';
    h->text = text;
    h->len_bytes += more_len;
    head->span = build_span(head->span, next->span);
    return head;
}

const char *build_string(struct ast *literal) {
    return AST_TO(literal, literal)->text;
}

int64_t build_int(struct sql_parse *c, const struct sql_token *tok) {
    int64_t v = 0;
    for (size_t i = 0; i < tok->raw_len; i++) {
        v = v * 10 + (tok->raw[i] - '0');
        if (v > INT32_MAX) {
            build_fail(c, tok->span, ERR_PARSE, "%.*s is too large: the limit is %d",
                       (int)MIN(tok->raw_len, (size_t)40), tok->raw, INT32_MAX);
            return 0;
        }
    }
    return v;
}

struct ast *build_param(struct sql_parse *c, struct ast_span at) {
    struct ast_param *n = BUILD_NODE(c, AST_PARAM, at, struct ast_param);
    n->index = c->n_params++;
    return build_done(c, n);
}

/* ---- units and intervals -------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum ast_unit unit;
    bool interval; /* may stand behind an interval's amount */
} units[] = {
    {"YEAR", AST_UNIT_YEAR, true},
    {"YEARS", AST_UNIT_YEAR, true},
    {"QUARTER", AST_UNIT_QUARTER, true},
    {"QUARTERS", AST_UNIT_QUARTER, true},
    {"MONTH", AST_UNIT_MONTH, true},
    {"MONTHS", AST_UNIT_MONTH, true},
    {"WEEK", AST_UNIT_WEEK, true},
    {"WEEKS", AST_UNIT_WEEK, true},
    {"DAY", AST_UNIT_DAY, true},
    {"DAYS", AST_UNIT_DAY, true},
    {"HOUR", AST_UNIT_HOUR, true},
    {"HOURS", AST_UNIT_HOUR, true},
    {"MINUTE", AST_UNIT_MINUTE, true},
    {"MINUTES", AST_UNIT_MINUTE, true},
    {"SECOND", AST_UNIT_SECOND, true},
    {"SECONDS", AST_UNIT_SECOND, true},
    {"MILLISECOND", AST_UNIT_MILLISECOND, false},
    {"MICROSECOND", AST_UNIT_MICROSECOND, false},
    {"NANOSECOND", AST_UNIT_NANOSECOND, false},
    {"DOW", AST_UNIT_DOW, false},
    {"DAYOFWEEK", AST_UNIT_DOW, false},
    {"DOY", AST_UNIT_DOY, false},
    {"DAYOFYEAR", AST_UNIT_DOY, false},
    {"ISODOW", AST_UNIT_ISODOW, false},
    {"ISOYEAR", AST_UNIT_ISOYEAR, false},
    {"EPOCH", AST_UNIT_EPOCH, false},
    {"DECADE", AST_UNIT_DECADE, false},
    {"CENTURY", AST_UNIT_CENTURY, false},
    {"MILLENNIUM", AST_UNIT_MILLENNIUM, false},
};

static enum ast_unit unit_of(const struct sql_token *tok, bool interval) {
    struct sv word = {tok->raw, tok->raw_len};
    for (size_t i = 0; !tok->quoted && i < ARRAY_LEN(units); i++)
        if (sv_ieq(word, units[i].word) && (units[i].interval || !interval)) return units[i].unit;
    return AST_UNIT_NONE;
}

static enum ast_unit interval_unit(struct sql_parse *c, const struct sql_token *tok) {
    enum ast_unit u = unit_of(tok, true);
    if (!u)
        build_fail(c, tok->span, ERR_PARSE,
                   "unexpected '%.*s', expected a time unit: YEAR, QUARTER, MONTH, WEEK, DAY, "
                   "HOUR, MINUTE or SECOND",
                   (int)MIN(tok->raw_len, (size_t)60), tok->raw);
    return u;
}

struct ast_qualifier build_qualifier(struct sql_parse *c, struct ast_span at,
                                     const struct sql_token *unit, int64_t precision,
                                     int64_t fraction) {
    return (struct ast_qualifier){.start = interval_unit(c, unit),
                                  .end = AST_UNIT_NONE,
                                  .precision = (int)precision,
                                  .fraction = (int)fraction};
}

/* YEAR TO MONTH, and DAY, HOUR or MINUTE to a smaller one. */
void build_qualifier_to(struct sql_parse *c, struct ast_span at, struct ast_qualifier *q,
                        const struct sql_token *end, int64_t fraction) {
    q->end = interval_unit(c, end);
    q->fraction = (int)fraction;
    bool months = q->start == AST_UNIT_YEAR && q->end == AST_UNIT_MONTH;
    bool times = q->start >= AST_UNIT_DAY && q->start < AST_UNIT_SECOND && q->end > q->start &&
                 q->end <= AST_UNIT_SECOND;
    if (!c->rc && !months && !times)
        build_fail(c, at, ERR_PARSE,
                   "%s TO %s is no interval: use YEAR TO MONTH, or DAY, HOUR or "
                   "MINUTE to a smaller unit",
                   ast_unit_name(q->start), ast_unit_name(q->end));
}

struct ast *build_interval(struct sql_parse *c, struct ast_span at, bool negative,
                           struct ast *amount, struct ast_qualifier qual) {
    if (amount->kind == AST_LITERAL && AST_TO(literal, amount)->lit == AST_LIT_INTERVAL) {
        struct ast_literal *l = AST_TO(literal, amount);
        l->negative = negative;
        l->qual = qual;
        amount->span = at;
        return amount;
    }
    struct ast_interval *n = BUILD_NODE(c, AST_INTERVAL, at, struct ast_interval);
    n->amount = amount;
    n->negative = negative;
    n->qual = qual;
    return build_done(c, n);
}

struct ast *build_interval_minus(struct sql_parse *c, struct ast_span at, struct ast *expr,
                                 struct ast_qualifier qual) {
    struct ast_interval_minus *n = BUILD_NODE(c, AST_INTERVAL_MINUS, at, struct ast_interval_minus);
    if (expr->kind != AST_BINARY || AST_TO(binary, expr)->op != AST_OP_MINUS) {
        build_fail(c, at, ERR_PARSE,
                   "a time unit behind parentheses needs a difference: (a - b) %s",
                   ast_unit_name(qual.start));
        return expr;
    }
    n->left = AST_TO(binary, expr)->left;
    n->right = AST_TO(binary, expr)->right;
    n->qual = qual;
    return build_done(c, n);
}

struct ast *build_unit(struct sql_parse *c, const struct sql_token *tok) {
    struct ast_symbol *n = BUILD_NODE(c, AST_SYMBOL, tok->span, struct ast_symbol);
    n->unit = unit_of(tok, false);
    n->text = n->unit ? ast_unit_name(n->unit) : build_name(c, tok)->text;
    return build_done(c, n);
}

struct ast *build_symbol(struct sql_parse *c, struct ast_span at, const char *text) {
    struct ast_symbol *n = BUILD_NODE(c, AST_SYMBOL, at, struct ast_symbol);
    n->text = text;
    return build_done(c, n);
}
