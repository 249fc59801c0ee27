/* decode.c - the text of string, binary and name tokens. */
#include "sql/token.h"

#include "sql/grammar.h"

#include <string.h>

static void set_text(struct sql_lex *lex, char *text, size_t len) {
    text[len] = '\0';
    lex->tok.text = text;
    lex->tok.len = len;
}

void sql_lex_fail(struct sql_lex *lex, const char *what) {
    const struct sql_token *t = &lex->tok;
    if (lex->rc) return;
    if (what) {
        lex->rc = err_set_at(lex->err, ERR_PARSE, t->span.line, t->span.column, "%s", what);
        return;
    }
    unsigned char c = (unsigned char)t->raw[0];
    if (c == '"')
        lex->rc = err_set_at(lex->err, ERR_PARSE, t->span.line, t->span.column,
                             "unexpected '\"': names are quoted with ` and strings with '");
    else if (c < ' ' || c == 0x7f)
        lex->rc = err_set_at(lex->err, ERR_PARSE, t->span.line, t->span.column,
                             "unexpected control character 0x%02x", c);
    else
        lex->rc = err_set_at(lex->err, ERR_PARSE, t->span.line, t->span.column,
                             "unexpected character '%c'", c);
}

static bool is_scalar(uint32_t cp) {
    return cp <= 0x10FFFF && !(cp >= 0xD800 && cp <= 0xDFFF);
}

/* One character of UTF-8; 0: malformed. */
static size_t decode_utf8(const char *s, size_t n, uint32_t *ret) {
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0x80 ? 1 : c >= 0xF0 && c < 0xF8 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 0;
    if (!len || c >= 0xF8 || len > n) return 0;
    uint32_t cp = len == 1 ? c : c & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80) return 0;
        cp = cp << 6 | ((unsigned char)s[i] & 0x3F);
    }
    *ret = cp;
    return is_scalar(cp) ? len : 0;
}

/* Strings and names must be text: UTF-8 without NUL. */
static void check_text(struct sql_lex *lex, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = decode_utf8(s + i, n - i, &cp);
        if (!len || !cp) {
            sql_lex_fail(lex, len ? "there is a NUL character in this text"
                                  : "the script is not UTF-8 in this text");
            return;
        }
        i += len;
    }
}

/* 'it''s': s begins and ends with its quote. */
void sql_lex_string(struct sql_lex *lex, const char *s, size_t n) {
    char *out = arena_alloc(lex->arena, n);
    size_t k = 0;
    check_text(lex, s, n);
    for (size_t i = 1; i + 1 < n; i++) {
        out[k++] = s[i];
        if (s[i] == s[0]) i++;
    }
    set_text(lex, out, k);
}

void sql_lex_setting(struct sql_lex *lex, const char *s, size_t n) {
    bool quoted = n >= 2 && s[0] == '\'' && s[n - 1] == '\'';
    for (size_t i = 1; quoted && i + 1 < n; i++) {
        if (s[i] != '\'') continue;
        quoted = i + 2 < n && s[i + 1] == '\''; /* doubled */
        i++;
    }
    if (quoted) {
        sql_lex_string(lex, s, n);
        return;
    }
    check_text(lex, s, n);
    char *text = arena_alloc(lex->arena, n + 1);
    memcpy(text, s, n);
    set_text(lex, text, n);
}

void sql_lex_quoted_name(struct sql_lex *lex, const char *s, size_t n) {
    sql_lex_string(lex, s, n);
    lex->tok.quoted = true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void sql_lex_binary(struct sql_lex *lex, const char *s, size_t n) {
    char *out = arena_alloc(lex->arena, n);
    size_t digits = n - 2;
    for (size_t i = 0; i < digits; i++) {
        int d = hex_digit(s[1 + i]);
        if (d < 0) {
            sql_lex_fail(lex, "a binary string holds hexadecimal digits only");
            d = 0;
        }
        if (i % 2 == 0)
            out[i / 2] = (char)(d << 4);
        else
            out[i / 2] |= (char)d;
    }
    if (digits % 2 && !lex->rc)
        lex->rc = err_set_at(lex->err, ERR_VALIDATION, lex->tok.span.line, lex->tok.span.column,
                             "a binary string has an even number of hexadecimal digits");
    set_text(lex, out, (digits + 1) / 2);
}

void sql_lex_charset(struct sql_lex *lex, const char *s, size_t n) {
    static const char *const known[] = {"utf8",    "utf-8",    "utf16",      "utf-16",
                                        "utf16le", "utf-16le", "utf-16be",   "us-ascii",
                                        "ascii",   "latin1",   "iso-8859-1", "iso8859-1"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (sv_ieq((struct sv){s, n}, known[i])) return;
    sql_lex_fail(lex, "the character set in front of this string is not known: leave it out");
}

/* Reads up to max_digits of the given base at s[*i]; advances *i. */
static uint32_t number_at(const char *s, size_t n, size_t *i, int base, int max_digits,
                          int *ret_count) {
    uint32_t v = 0;
    int count = 0;
    while (count < max_digits && *i < n) {
        int d = hex_digit(s[*i]);
        if (d < 0 || d >= base) break;
        v = v * (uint32_t)base + (uint32_t)d;
        ++*i;
        count++;
    }
    *ret_count = count;
    return v;
}

static size_t put_utf8(char *out, uint32_t cp) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

/* NUL is no character here: texts end with it. */
static size_t put_escaped(struct sql_lex *lex, char *out, uint32_t cp) {
    bool ok = cp && is_scalar(cp);
    if (!ok) sql_lex_fail(lex, "an escape in this string names no character");
    return put_utf8(out, ok ? cp : '?');
}

/* Behind a backslash of an E'' string, at s[*i]. Returns the bytes written; out holds 4. */
static size_t c_escape(struct sql_lex *lex, const char *s, size_t n, size_t *i, char *out) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char e = s[*i];
    const char *p = strchr(from, e);
    int count;
    if (p) {
        ++*i;
        out[0] = to[p - from];
        return 1;
    }
    uint32_t cp;
    if (e == 'u' || e == 'U' || e == 'x') {
        int want = e == 'u' ? 4 : e == 'U' ? 8 : 2;
        ++*i;
        cp = number_at(s, n, i, 16, want, &count);
        bool ok = e == 'x' ? count > 0 : count == want;
        return put_escaped(lex, out, ok ? cp : 0);
    }
    if (e >= '0' && e <= '7') {
        return put_escaped(lex, out, number_at(s, n, i, 8, 3, &count));
    }
    out[0] = e;
    ++*i;
    return 1;
}

/* 'a\n' of E'a\n'. */
void sql_lex_cstring(struct sql_lex *lex, const char *s, size_t n) {
    char *out =
        arena_alloc(lex->arena, n * 2); /* an escape of two bytes may make two: \0 to \777 */
    size_t k = 0, i = 1;
    check_text(lex, s, n);
    while (i + 1 < n) {
        if (s[i] == '\\' && i + 2 < n) {
            i++;
            k += c_escape(lex, s, n - 1, &i, out + k);
        } else {
            out[k++] = s[i];
            i += s[i] == '\'' ? 2 : 1;
        }
    }
    set_text(lex, out, k);
}

int sql_unescape_unicode(struct arena *arena, const struct sql_token *tok, char mark,
                         const char **ret_text, size_t *ret_len, struct err *err) {
    const char *s = tok->text;
    size_t n = tok->len, k = 0;
    char *out = arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n;) {
        if (s[i] != mark) {
            out[k++] = s[i++];
            continue;
        }
        if (i + 1 < n && s[i + 1] == mark) {
            out[k++] = mark;
            i += 2;
            continue;
        }
        int want = i + 1 < n && s[i + 1] == '+' ? 6 : 4, count;
        i += want == 6 ? 2 : 1;
        uint32_t cp = number_at(s, n, &i, 16, want, &count);
        if (count != want || !cp || !is_scalar(cp))
            return err_set_at(
                err, ERR_PARSE, tok->span.line, tok->span.column,
                "an escape in this string is not %cXXXX or %c+XXXXXX with the code of "
                "a character",
                mark, mark);
        k += put_utf8(out + k, cp);
    }
    out[k] = '\0';
    *ret_text = out;
    *ret_len = k;
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* The letters beyond ASCII that begin or continue a name, as Flink's lexer has them. */
static const struct {
    uint32_t lo, hi;
} letters[] = {{0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x1FFF},   {0x3040, 0x318F},
               {0x3300, 0x337F}, {0x3400, 0x3D2D}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}};

static bool is_letter(uint32_t cp) {
    if (cp < 0x80) return true; /* the lexer's rule has checked it */
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (cp >= letters[i].lo && cp <= letters[i].hi) return true;
    return false;
}

int sql_lex_word(struct sql_lex *lex, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = decode_utf8(s + i, n - i, &cp);
        if (!len) {
            sql_lex_fail(lex, "the script is not UTF-8 here");
            return TOK_INVALID;
        }
        if (!is_letter(cp)) {
            if (!lex->rc)
                lex->rc = err_set_at(lex->err, ERR_PARSE, lex->tok.span.line,
                                     lex->tok.span.column + (int)i,
                                     "unexpected character '%.*s' (U+%04X)", (int)len, s + i, cp);
            return TOK_INVALID;
        }
        i += len;
    }
    const struct sql_keyword *kw = sql_keyword_find(s, n);
    lex->tok.kw = kw;
    return kw ? kw->token : TOK_IDENT;
}
