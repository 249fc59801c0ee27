/* token.h - words and tokens of the SQL lexer. Internal to the parser. */
#ifndef PENSTOCK_SQL_TOKEN_H
#define PENSTOCK_SQL_TOKEN_H

#include "sql/parse.h"

struct sql_keyword {
    const char *word; /* upper case */
    int token;        /* TOK_* of the grammar */
    bool reserved;    /* Flink refuses it as a bare identifier */
};
/* NULL: a plain identifier. */
const struct sql_keyword *sql_keyword_find(const char *word, size_t len);

struct sql_token {
    int kind; /* TOK_* */
    bool quoted;
    const struct sql_keyword *kw; /* NULL: none */
    struct ast_span span;
    const char *raw; /* as written; borrows the script */
    size_t raw_len;
    const char *text; /* identifiers and strings: decoded, in the arena */
    size_t len;
};

/* The state flex reads from and reports to. */
struct sql_lex {
    const char *text; /* borrowed */
    size_t len;
    size_t fed;                 /* bytes given to flex */
    size_t pos;                 /* behind the last token */
    int line, column;           /* of pos */
    int last_line, last_column; /* of the last character before pos */
    struct arena *arena;
    struct sql_token tok; /* the last one */
    int rc;               /* of the first lexical error */
    struct err *err;
};

/* The tokens of one statement, the end-of-input token included. */
struct sql_tokens {
    struct sql_token *items; /* mem_* */
    size_t n, cap;
};
void sql_tokens_release(struct sql_tokens *t);

/* Reads tokens up to and with the semicolon that ends the statement, which is not kept, and moves
 * lex behind it. A statement set is one statement. ERR_PARSE on a lexical error, behind which lex
 * still finds the statement's end. */
int sql_tokens_read(struct sql_lex *lex, struct sql_tokens *ret, struct err *err) ATTR_MUST_USE;

/* LALR(1) sees one token ahead; where SQL needs more, this renames tokens by their neighbours
 * (NOT before LIKE, AND of BETWEEN, ...). Also bounds the nesting of brackets. */
int sql_tokens_disambiguate(struct sql_tokens *t, struct err *err) ATTR_MUST_USE;

/* Decoders of string tokens; they set lex->rc. */
void sql_lex_string(struct sql_lex *lex, const char *s, size_t n);
void sql_lex_binary(struct sql_lex *lex, const char *s, size_t n);
void sql_lex_cstring(struct sql_lex *lex, const char *s, size_t n);
void sql_lex_quoted_name(struct sql_lex *lex, const char *s, size_t n);
/* ERR_PARSE for the name of no character set that Java knows to be always there. */
void sql_lex_charset(struct sql_lex *lex, const char *s, size_t n);
int sql_lex_word(struct sql_lex *lex, const char *s, size_t n);
void sql_lex_setting(struct sql_lex *lex, const char *s, size_t n); /* bare, or in quotes */
void sql_lex_fail(struct sql_lex *lex, const char *what);

/* Replaces each escape, (mark)XXXX or (mark)+XXXXXX, in a U&'' string. */
int sql_unescape_unicode(struct arena *arena, const struct sql_token *tok, char mark,
                         const char **ret_text, size_t *ret_len, struct err *err) ATTR_MUST_USE;

#endif
