/* json_check.c - strict RFC 8259 check ahead of cJSON, which takes more than JSON allows and says
 * little about where an input is wrong. One pass, no allocation. */
#include "base/core/json_check.h"

#include "base/core/json.h"

#include <string.h>

struct check {
    const char *p, *end, *start;
    struct err *err;
};

static int fail(struct check *c, const char *what) {
    int line = 1, column = 1;
    for (const char *q = c->start; q < c->p; q++) {
        if (*q == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*q & 0xC0) != 0x80) {
            column++;
        }
    }
    return err_set_at(c->err, ERR_PARSE, line, column, "JSON line %d column %d: %s", line, column,
                      what);
}

static void skip_space(struct check *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

static bool digit(const struct check *c) {
    return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

static int check_number(struct check *c) {
    if (*c->p == '-') c->p++;
    if (!digit(c)) return fail(c, "expected a digit");
    if (*c->p == '0') {
        c->p++;
        if (digit(c)) return fail(c, "a number can't begin with 0");
    }
    while (digit(c))
        c->p++;
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        if (!digit(c)) return fail(c, "expected a digit behind the decimal point");
        while (digit(c))
            c->p++;
    }
    if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
        c->p++;
        if (c->p < c->end && (*c->p == '+' || *c->p == '-')) c->p++;
        if (!digit(c)) return fail(c, "expected a digit in the exponent");
        while (digit(c))
            c->p++;
    }
    return 0;
}

/* The four digits behind \u. */
static int check_hex4(struct check *c, unsigned *ret) {
    unsigned v = 0;
    for (int i = 0; i < 4; i++, c->p++) {
        char ch = c->p < c->end ? *c->p : 0;
        if (ch >= '0' && ch <= '9') {
            v = v * 16 + (unsigned)(ch - '0');
        } else if ((ch | 32) >= 'a' && (ch | 32) <= 'f') {
            v = v * 16 + (unsigned)((ch | 32) - 'a' + 10);
        } else {
            return fail(c, "expected four hexadecimal digits behind \\u");
        }
    }
    *ret = v;
    return 0;
}

static int check_escape(struct check *c) {
    c->p++;
    if (c->p == c->end) return fail(c, "the string isn't closed");
    char e = *c->p;
    if (e != 'u') {
        if (!e || !strchr("\"\\/bfnrt", e)) return fail(c, "unknown escape in a string");
        c->p++;
        return 0;
    }
    unsigned hi, lo;
    c->p++;
    int rc = check_hex4(c, &hi);
    if (rc) return rc;
    if (hi == 0) return fail(c, "\\u0000 can't be used in a string here");
    if (hi >= 0xDC00 && hi <= 0xDFFF) return fail(c, "\\u escape is a lone low surrogate");
    if (hi < 0xD800 || hi > 0xDBFF) return 0;
    if (c->end - c->p < 2 || c->p[0] != '\\' || c->p[1] != 'u')
        return fail(c, "\\u escape is a lone high surrogate");
    c->p += 2;
    rc = check_hex4(c, &lo);
    if (rc) return rc;
    if (lo < 0xDC00 || lo > 0xDFFF) return fail(c, "\\u escape is a lone high surrogate");
    return 0;
}

static int check_string(struct check *c) {
    const char *open = c->p++;
    while (c->p < c->end) {
        unsigned char ch = (unsigned char)*c->p;
        if (ch == '"') {
            c->p++;
            return 0;
        }
        if (ch == '\\') {
            int rc = check_escape(c);
            if (rc) return rc;
            continue;
        }
        if (ch < 0x20) return fail(c, "control character in a string: write it as an escape");
        size_t n = utf8_char_len(c->p, (size_t)(c->end - c->p));
        if (n == 0) return fail(c, "invalid UTF-8");
        c->p += n;
    }
    c->p = open;
    return fail(c, "the string isn't closed");
}

static int check_scalar(struct check *c) {
    if (c->p == c->end) return fail(c, "unexpected end: expected a value");
    switch (*c->p) {
    case '"':
        return check_string(c);
    case '-':
    case '0' ... '9':
        return check_number(c);
    default:
        break;
    }
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(c->end - c->p) >= n && memcmp(c->p, words[i], n) == 0) {
            c->p += n;
            return 0;
        }
    }
    return fail(c, "expected a value");
}

/* "key" : in front of a member's value. */
static int check_key(struct check *c) {
    skip_space(c);
    if (c->p == c->end || *c->p != '"') return fail(c, "expected a field name in double quotes");
    int rc = check_string(c);
    if (rc) return rc;
    skip_space(c);
    if (c->p == c->end || *c->p != ':') return fail(c, "expected ':' behind the field name");
    c->p++;
    return 0;
}

int json_check(const char *text, size_t len, struct err *err) {
    struct check c = {text, text + len, text, err};
    char closers[JSON_DEPTH_MAX]; /* of the open containers */
    size_t depth = 0;
    for (;;) {
        /* A value begins here. */
        skip_space(&c);
        char open = c.p < c.end ? *c.p : 0;
        if (open == '{' || open == '[') {
            if (depth == JSON_DEPTH_MAX) return fail(&c, "nested too deep (200 levels at most)");
            char closer = open == '{' ? '}' : ']';
            c.p++;
            skip_space(&c);
            if (c.p < c.end && *c.p == closer) {
                c.p++;
            } else {
                closers[depth++] = closer;
                int rc = open == '{' ? check_key(&c) : 0;
                if (rc) return rc;
                continue;
            }
        } else {
            int rc = check_scalar(&c);
            if (rc) return rc;
        }
        /* A value has ended: close containers, or go on to the next member. */
        for (;;) {
            skip_space(&c);
            if (depth == 0) {
                return c.p == c.end ? 0 : fail(&c, "unexpected text behind the value");
            }
            if (c.p == c.end) {
                return fail(&c, closers[depth - 1] == '}' ? "unexpected end: expected ',' or '}'"
                                                          : "unexpected end: expected ',' or ']'");
            }
            if (*c.p == closers[depth - 1]) {
                depth--;
                c.p++;
                continue;
            }
            if (*c.p != ',') {
                return fail(&c, closers[depth - 1] == '}' ? "expected ',' or '}'"
                                                          : "expected ',' or ']'");
            }
            c.p++;
            int rc = closers[depth - 1] == '}' ? check_key(&c) : 0;
            if (rc) return rc;
            break;
        }
    }
}
