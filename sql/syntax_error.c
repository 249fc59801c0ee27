/* syntax_error.c - "unexpected X, expected Y": the parser's expected tokens put into words. */
#include "sql/build.h"

#include "sql/grammar.h"

#include <string.h>

enum { EXPECTED_SHOWN_MAX = 8, TOKEN_SHOWN_MAX_BYTES = 60, WORDS_MAX = 400 };
enum { MEANT_MIN_BYTES = 4 }; /* shorter words are near to everything */

/* Tokens that begin an expression, and those that go on behind one. Listing them says less than
 * "an expression", and nothing. */
static const char *const expression_start[] = {"a string",
                                               "a string with a prefix",
                                               "a string with U&",
                                               "a binary string",
                                               "an integer",
                                               "a decimal number",
                                               "a number",
                                               "a function",
                                               "CURRENT_USER",
                                               "CURRENT_DATE",
                                               "DATE_TRUNC",
                                               "ARRAY",
                                               "CASE",
                                               "CAST",
                                               "CEIL",
                                               "CEILING",
                                               "CHAR",
                                               "CONVERT",
                                               "CURRENT",
                                               "CURSOR",
                                               "DATE",
                                               "DECIMAL",
                                               "EXISTS",
                                               "EXTRACT",
                                               "FALSE",
                                               "FINAL",
                                               "FLOOR",
                                               "GROUPING",
                                               "HOUR",
                                               "INTERVAL",
                                               "JSON_ARRAY",
                                               "JSON_ARRAYAGG",
                                               "JSON_EXISTS",
                                               "JSON_OBJECT",
                                               "JSON_OBJECTAGG",
                                               "JSON_QUERY",
                                               "JSON_VALUE",
                                               "LEFT",
                                               "MAP ",
                                               "MINUTE",
                                               "MONTH",
                                               "MULTISET",
                                               "NEW",
                                               "NEXT",
                                               "NOT",
                                               "NULL",
                                               "OVERLAY",
                                               "PERIOD",
                                               "POSITION",
                                               "RIGHT",
                                               "ROW",
                                               "RUNNING",
                                               "SECOND",
                                               "SOME",
                                               "SUBSTRING",
                                               "TIME",
                                               "TIMESTAMP",
                                               "TIMESTAMPADD",
                                               "TIMESTAMPDIFF",
                                               "TRANSLATE",
                                               "TRIM",
                                               "TRUE",
                                               "TRUNCATE",
                                               "TRY_CAST",
                                               "UNIQUE",
                                               "UNKNOWN",
                                               "USER",
                                               "YEAR",
                                               "{d",
                                               "{fn",
                                               "{t",
                                               "{ts",
                                               "'('",
                                               "'+'",
                                               "'-'",
                                               "'?'"};
static const char *const infix[] = {
    "AND",   "BETWEEN", "CONTAINS",    "EQUALS",   "FORMAT", "ILIKE",   "IMMEDIATELY", "IN",
    "IS",    "LIKE",    "MEMBER",      "MULTISET", "NOT ",   "OR",      "OVERLAPS",    "PRECEDES",
    "RLIKE", "SIMILAR", "SUBMULTISET", "SUCCEEDS", "<>",     "!=",      "<=",          ">=",
    "||",    "'='",     "'<'",         "'>'",      "'+'",    "'-'",     "'*'",         "'/'",
    "'%'",   "'['",     "'.'",         "'('",      "IGNORE", "RESPECT", "WITHIN",      "FILTER",
    "OVER",  "UESCAPE", "a string"};
static const char *const types[] = {
    "BIGINT",     "BINARY",  "BOOLEAN",   "BYTES",         "CHAR",    "CHARACTER", "DATE",
    "DEC",        "DECIMAL", "DOUBLE",    "FLOAT",         "INT",     "INTEGER",   "INTERVAL",
    "MULTISET",   "NUMERIC", "RAW",       "REAL",          "ROW",     "SMALLINT",  "STRING type",
    "STRUCTURED", "TIME",    "TIMESTAMP", "TIMESTAMP_LTZ", "TINYINT", "VARBINARY", "VARCHAR",
    "ARRAY",      "ANY",     "NULL",      "MAP",           "a name"};
/* Behind any query; left out while there's something else to say. */
static const char *const query_end[] = {
    "EXCEPT",  "FETCH",  "INTERSECT", "LIMIT",           "MINUS", "OFFSET",  "ORDER ",      "ORDER",
    "UNION",   "HAVING", "QUALIFY",   "WINDOW",          "ON ",   "CROSS",   "FULL",        "INNER",
    "NATURAL", "RIGHT",  "LEFT",      "MATCH_RECOGNIZE", "PIVOT", "UNPIVOT", "TABLESAMPLE", "FOR"};
static const char *const strings[] = {"a string with a prefix", "a string with U&",
                                      "a binary string"};
static const char *const numbers[] = {"a decimal number", "an integer", "DECIMAL"};
static const char *const noise[] = {"/*+", "STREAM"};
static const char end_of_input[] = "end of file";
static const char *const queries[] = {"SELECT", "VALUES", "TABLE", "WITH", "'('"};

static bool among(const char *word, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0) return true;
    return false;
}

/* What is left to say. */
struct words {
    const char *items[WORDS_MAX];
    size_t n;
};

static bool has(const struct words *w, const char *word) {
    return among(word, w->items, w->n);
}

static void drop(struct words *w, const char *const *list, size_t n) {
    size_t k = 0;
    for (size_t i = 0; i < w->n; i++)
        if (!among(w->items[i], list, n)) w->items[k++] = w->items[i];
    w->n = k;
}

/* drop, unless nothing but the end would be left. */
static void drop_if_more(struct words *w, const char *const *list, size_t n) {
    struct words rest = *w;
    drop(&rest, list, n);
    if (rest.n > (has(&rest, end_of_input) ? 1u : 0u)) *w = rest;
}

static void put_first(struct words *w, const char *word) {
    if (w->n == WORDS_MAX) w->n--;
    memmove(w->items + 1, w->items, w->n * sizeof(w->items[0]));
    w->items[0] = word;
    w->n++;
}

/* Words that are names as well say nothing where a name may stand. */
static void drop_free_words(struct words *w) {
    size_t k = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct sql_keyword *kw = sql_keyword_find(w->items[i], strlen(w->items[i]));
        if (!kw || kw->reserved) w->items[k++] = w->items[i];
    }
    w->n = k;
}

static void summarise(struct words *w) {
    bool statement = has(w, "CREATE") && has(w, "INSERT") && has(w, "SELECT");
    bool expression = has(w, "CASE") && has(w, "an integer");
    bool query = has(w, "SELECT") && has(w, "VALUES");
    bool type = has(w, "BIGINT") && has(w, "BOOLEAN");
    bool name = has(w, "a name");
    if (statement) {
        *w = (struct words){{"a statement"}, 1};
        return;
    }
    if (has(w, "OR") && has(w, "'+'") && w->n > ARRAY_LEN(infix) / 2)
        drop(w, infix, ARRAY_LEN(infix));
    if (name) drop_free_words(w);
    if (expression) {
        drop(w, expression_start, ARRAY_LEN(expression_start));
        drop(w, (const char *const[]){"a name"}, 1);
    }
    if (has(w, "a string")) drop(w, strings, ARRAY_LEN(strings));
    if (has(w, "a number")) drop(w, numbers, ARRAY_LEN(numbers));
    if (has(w, "UNION")) drop_if_more(w, query_end, ARRAY_LEN(query_end));
    drop_if_more(w, noise, ARRAY_LEN(noise));
    if (type) drop(w, types, ARRAY_LEN(types));
    if (query) drop(w, queries, ARRAY_LEN(queries));
    if (query) put_first(w, "a query");
    if (type) put_first(w, "a type");
    if (expression) put_first(w, "an expression");
    if (has(w, end_of_input)) {
        drop(w, (const char *const[]){end_of_input}, 1);
        w->items[w->n++] = "the end of the statement";
    }
}

static void add_word(struct str *out, const char *word) {
    size_t n = strlen(word);
    while (n && word[n - 1] == ' ')
        n--; /* the blank tells a token from its namesake */
    str_add_n(out, word, n);
}

static void add_expected(struct str *out, const struct words *w) {
    size_t shown = MIN(w->n, (size_t)EXPECTED_SHOWN_MAX), put = 0;
    for (size_t i = 0; i < shown; i++) {
        if (put) str_add(out, i + 1 == w->n ? " or " : ", ");
        add_word(out, w->items[i]);
        put++;
    }
    if (w->n > shown) str_add(out, ", ...");
}

void sql_token_describe(const struct sql_token *tok, struct str *out) {
    if (tok->kind == TOK_YYEOF) {
        str_add(out, "the end of the statement");
        return;
    }
    size_t n = tok->raw_len;
    bool cut = n > TOKEN_SHOWN_MAX_BYTES;
    if (cut) {
        n = TOKEN_SHOWN_MAX_BYTES;
        while (n && ((unsigned char)tok->raw[n] & 0xC0) == 0x80)
            n--;
    }
    bool quoted = n && (tok->raw[0] == '\'' || tok->raw[0] == '`');
    if (!quoted) str_add_char(out, '\'');
    for (size_t i = 0; i < n; i++)
        str_add_char(out, (unsigned char)tok->raw[i] < ' ' ? ' ' : tok->raw[i]);
    if (cut) str_add(out, "...");
    if (!quoted) str_add_char(out, '\'');
}

/* A misspelt keyword: of the token, or of a name before it that was taken as an alias. */
static const char *meant(const struct sql_token *tok, const char *const *words, size_t n) {
    char text[TOKEN_SHOWN_MAX_BYTES + 1];
    if (tok->kind != TOK_IDENT || tok->quoted || tok->raw_len >= sizeof(text) ||
        tok->raw_len < MEANT_MIN_BYTES || n == 0)
        return NULL;
    memcpy(text, tok->raw, tok->raw_len);
    text[tok->raw_len] = '\0';
    return str_nearest(text, words, n);
}

static void add_hint(struct sql_parse *c, struct str *out, const struct words *expected) {
    const struct sql_token *tok = c->current;
    const char *keywords[WORDS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < expected->n; i++)
        if (expected->items[i][0] >= 'A' && expected->items[i][0] <= 'Z')
            keywords[n++] = expected->items[i];
    if (tok->kw && tok->kw->reserved && has(expected, "a name")) {
        str_addf(out, "; %s is a reserved word: to use it as a name, write `%.*s`", tok->kw->word,
                 (int)tok->raw_len, tok->raw);
        return;
    }
    const char *m = meant(tok, keywords, n);
    if (m) {
        str_add(out, "; did you mean ");
        add_word(out, m);
        str_add_char(out, '?');
        return;
    }
    if (tok == c->tokens->items) return;
    const struct sql_token *before = tok - 1;
    m = meant(before, keywords, n);
    if (m) {
        str_addf(out, "; did you mean ");
        add_word(out, m);
        str_addf(out, " in place of '%.*s'?", (int)before->raw_len, before->raw);
    }
}

void sql_syntax_error(struct sql_parse *c, const char *const *expected, size_t n) {
    if (c->rc) return;
    struct words all = {.n = MIN(n, (size_t)WORDS_MAX)}, w;
    memcpy(all.items, expected, all.n * sizeof(all.items[0]));
    w = all;
    summarise(&w);
    AUTO_STR text = STR_INIT;
    str_add(&text, "unexpected ");
    sql_token_describe(c->current, &text);
    if (w.n) {
        str_add(&text, ", expected ");
        add_expected(&text, &w);
    }
    add_hint(c, &text, &all);
    build_fail(c, c->current->span, ERR_PARSE, "%s", str_text(&text));
}
