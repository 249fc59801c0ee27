/* regex_java.c - Java's pattern syntax in PCRE2's. Most is the same; what differs: classes within
 * classes and their intersection ([a-z&&[^aeiou]]), \p{Alpha} and other names, \uXXXX, octal
 * escapes, and the flags (?u), (?U), (?d). */
#include "vector/func/regex.h"

#include <string.h>

enum { CLASS_DEPTH_MAX = 32 };

struct reader {
    const char *p, *end;
    struct sv whole;
    struct str *out;
    struct err *err;
};

static int bad(struct reader *r, const char *what) {
    return err_set(r->err, ERR_RUNTIME, "regular expression '%.*s': %s near index %d",
                   (int)MIN(r->whole.len, 200), r->whole.ptr, what, (int)(r->p - r->whole.ptr));
}

/* \p{name}: Java's name, and what stands inside a PCRE2 class for it. */
static const char *const properties[][2] = {{"Lower", "[:lower:]"},
                                            {"Upper", "[:upper:]"},
                                            {"ASCII", "[:ascii:]"},
                                            {"Alpha", "[:alpha:]"},
                                            {"Digit", "[:digit:]"},
                                            {"Alnum", "[:alnum:]"},
                                            {"Punct", "[:punct:]"},
                                            {"Graph", "[:graph:]"},
                                            {"Print", "[:print:]"},
                                            {"Blank", "[:blank:]"},
                                            {"Cntrl", "[:cntrl:]"},
                                            {"XDigit", "[:xdigit:]"},
                                            {"Space", "[:space:]"},
                                            {"javaLowerCase", "\\p{Ll}"},
                                            {"javaUpperCase", "\\p{Lu}"},
                                            {"javaWhitespace", "\\p{Xsp}"},
                                            {"javaLetter", "\\p{L}"},
                                            {"javaDigit", "\\p{Nd}"},
                                            {"IsAlphabetic", "\\p{L}\\p{Nl}"},
                                            {"IsLetter", "\\p{L}"},
                                            {"IsDigit", "\\p{Nd}"},
                                            {"IsLowercase", "\\p{Ll}"},
                                            {"IsUppercase", "\\p{Lu}"},
                                            {"IsPunctuation", "\\p{P}"},
                                            {"IsControl", "\\p{Cc}"},
                                            {"IsWhite_Space", "\\p{Xsp}"},
                                            {"IsWhiteSpace", "\\p{Xsp}"},
                                            {"IsIdeographic", "\\p{Han}"},
                                            {"L1", "\\x{00}-\\x{FF}"},
                                            {"all", "\\x{00}-\\x{10FFFF}"}};

/* \pL or \p{..} behind the backslash and the p. Within a class the members alone are written. */
static int property(struct reader *r, bool negated, bool in_class) {
    const char *name = r->p;
    size_t n = 1;
    if (r->p < r->end && *r->p == '{') {
        const char *close = memchr(r->p, '}', (size_t)(r->end - r->p));
        if (!close) return bad(r, "unclosed character family");
        name = r->p + 1;
        n = (size_t)(close - name);
        r->p = close + 1;
    } else if (r->p < r->end) {
        r->p++;
    } else {
        return bad(r, "unexpected end behind \\p");
    }
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        if (strlen(properties[i][0]) != n || memcmp(properties[i][0], name, n) != 0) continue;
        const char *members = properties[i][1];
        if (!in_class)
            str_addf(r->out, "[%s%s]", negated ? "^" : "", members);
        else if (!negated)
            str_add(r->out, members);
        else if (members[0] == '[')
            str_addf(r->out, "[:^%s", members + 2);
        else if (strlen(members) == 6 && members[1] == 'p')
            str_addf(r->out, "\\P%s", members + 2);
        else
            return bad(r, "this negated family within a class is not supported");
        return 0;
    }
    const char *eq = memchr(name, '=', n);
    if (eq) {
        n -= (size_t)(eq + 1 - name);
        name = eq + 1;
    } else if (n > 2 && memcmp(name, "Is", 2) == 0) {
        name += 2;
        n -= 2;
    } else if (n > 2 && memcmp(name, "In", 2) == 0) {
        return bad(r, "Unicode blocks (\\p{In..}) are not supported; use a script (\\p{Is..})");
    }
    str_addf(r->out, "\\%c{%.*s}", negated ? 'P' : 'p', (int)n, name);
    return 0;
}

/* An escape; r->p is behind the backslash. */
static int escape(struct reader *r, bool in_class) {
    if (r->p == r->end) return bad(r, "unexpected end behind a backslash");
    char c = *r->p++;
    switch (c) {
    case 'p':
    case 'P':
        return property(r, c == 'P', in_class);
    case 'u': /* four digits */
        if (r->end - r->p < 4) return bad(r, "illegal Unicode escape");
        str_addf(r->out, "\\x{%.4s}", r->p);
        r->p += 4;
        return 0;
    case '0': { /* octal */
        int v = 0, n = 0;
        for (; r->p < r->end && *r->p >= '0' && *r->p <= '7' && n < 3 && v < 32; n++)
            v = v * 8 + (*r->p++ - '0');
        if (n == 0) return bad(r, "illegal octal escape");
        str_addf(r->out, "\\x{%x}", (unsigned)v);
        return 0;
    }
    case 'Q': { /* literal up to \E */
        const char *e = memmem(r->p, (size_t)(r->end - r->p), "\\E", 2);
        const char *stop = e ? e : r->end;
        for (; r->p < stop; r->p++) {
            if ((unsigned char)*r->p < 0x80 && !strchr("_ ", *r->p) &&
                !((*r->p | 0x20) >= 'a' && (*r->p | 0x20) <= 'z') &&
                !(*r->p >= '0' && *r->p <= '9'))
                str_add_char(r->out, '\\');
            str_add_char(r->out, *r->p);
        }
        if (e) r->p = e + 2;
        return 0;
    }
    case 'x':
        if (r->p < r->end && *r->p == '{') {
            str_add(r->out, "\\x");
            return 0;
        }
        if (r->end - r->p < 2) return bad(r, "illegal hexadecimal escape");
        str_addf(r->out, "\\x{%.2s}", r->p);
        r->p += 2;
        return 0;
    default:
        str_add_char(r->out, '\\');
        str_add_char(r->out, c);
        return 0;
    }
}

/* A class, r->p behind its '['. Written as alternatives in a group when it holds other classes,
 * as a chain of lookaheads for intersections. */
static int class(struct reader *r, int depth);

struct parts {
    struct str plain;  /* members of this class itself */
    struct str nested; /* "|[..]" each */
};

/* Members up to ']' or "&&"; *ret_more: stopped at "&&". */
static int class_members(struct reader *r, struct parts *m, int depth, bool *ret_more) {
    struct str *outer = r->out;
    int rc = 0;
    bool first = true;
    *ret_more = false;
    for (;; first = false) {
        if (r->p == r->end) return bad(r, "unclosed character class");
        char c = *r->p++;
        if (c == ']' && !first) break;
        if (c == '&' && r->p < r->end && *r->p == '&') {
            r->p++;
            *ret_more = true;
            break;
        }
        if (c == '[') {
            r->out = &m->nested;
            str_add_char(&m->nested, '|');
            rc = class(r, depth + 1);
        } else if (c == '\\') {
            r->out = &m->plain;
            rc = escape(r, true);
        } else {
            if (c == ']' || c == '^') str_add_char(&m->plain, '\\');
            str_add_char(&m->plain, c);
        }
        r->out = outer;
        if (rc) return rc;
    }
    return 0;
}

/* One operand of an intersection as an expression for a single character. */
static void write_operand(struct reader *r, const struct parts *m) {
    if (m->nested.len == 0) {
        str_addf(r->out, "[%s]", str_text(&m->plain));
        return;
    }
    str_add(r->out, "(?:");
    if (m->plain.len)
        str_addf(r->out, "[%s]%s", str_text(&m->plain), str_text(&m->nested));
    else
        str_add(r->out, str_text(&m->nested) + 1);
    str_add_char(r->out, ')');
}

static int class(struct reader *r, int depth) {
    if (depth > CLASS_DEPTH_MAX) return bad(r, "classes are nested too deeply");
    bool negated = r->p < r->end && *r->p == '^';
    if (negated) r->p++;
    AUTO_STR expr = STR_INIT;
    struct str *outer = r->out;
    bool more = true, simple = true;
    int rc = 0, n = 0;
    for (; more && !rc; n++) {
        struct parts m = {0};
        rc = class_members(r, &m, depth, &more);
        simple &= m.nested.len == 0 && !more;
        if (!rc && n == 0 && simple) {
            str_addf(outer, "[%s%s]", negated ? "^" : "", str_text(&m.plain));
        } else if (!rc && (m.plain.len || m.nested.len)) {
            r->out = &expr;
            if (more) str_add(&expr, "(?=");
            write_operand(r, &m);
            if (more) str_add_char(&expr, ')');
            r->out = outer;
        }
        str_release(&m.plain);
        str_release(&m.nested);
    }
    if (rc || simple) return rc;
    if (negated)
        str_addf(outer, "(?:(?!%s)(?s:.))", str_text(&expr));
    else
        str_addf(outer, "(?:%s)", str_text(&expr));
    return 0;
}

/* "(?idmsuxU-idmsuxU" without the flags that PCRE2 has not; r->p is behind "(?". */
static void flags(struct reader *r) {
    const char *p = r->p;
    while (p < r->end && strchr("idmsuxU-", *p))
        p++;
    if (p == r->p || p == r->end || (*p != ')' && *p != ':')) return;
    for (; r->p < p; r->p++)
        if (!strchr("udU", *r->p)) str_add_char(r->out, *r->p);
}

int regex_from_java(struct sv java, struct str *out, struct err *err) {
    struct reader r = {java.ptr, java.ptr + java.len, java, out, err};
    while (r.p < r.end) {
        char c = *r.p++;
        int rc = 0;
        if (c == '\\') {
            rc = escape(&r, false);
        } else if (c == '[') {
            rc = class(&r, 0);
        } else {
            str_add_char(out, c);
            if (c == '(' && r.p < r.end && *r.p == '?') {
                str_add_char(out, *r.p++);
                flags(&r);
            }
        }
        if (rc) return rc;
    }
    return 0;
}
