/* json_doc.c - see json_doc.h. */
#include "vector/func/json_doc.h"

#include "base/core/mem.h"
#include "vector/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- read ----------------------------------------------------------------------------------- */

struct reader {
    struct arena *a;
    const char *start, *p, *end;
    struct err *err;
    int depth;
};

static int bad(struct reader *r, const char *what) {
    int column = 1, line = 1;
    for (const char *p = r->start; p < r->p && p < r->end; p++) {
        column++;
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    return err_set(r->err, ERR_RUNTIME, "JSON: %s at line %d, column %d", what, line, column);
}

static void blanks(struct reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static int hex4(const char *p, const char *end, uint32_t *ret) {
    if (end - p < 4) return -1;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i] | 0x20;
        if (is_digit(p[i]))
            v = v * 16 + (uint32_t)(p[i] - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (uint32_t)(c - 'a' + 10);
        else
            return -1;
    }
    *ret = v;
    return 0;
}

/* One escape behind the backslash; *d moves on. */
static int read_escape(struct reader *r, char **d) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = *r->p++;
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        *(*d)++ = to[at - from];
        return 0;
    }
    uint32_t u, low;
    if (c != 'u' || hex4(r->p, r->end, &u)) return bad(r, "unrecognized escape sequence");
    r->p += 4;
    if (u >= 0xD800 && u < 0xDC00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u' &&
        hex4(r->p + 2, r->end, &low) == 0 && low >= 0xDC00 && low < 0xE000) {
        r->p += 6;
        u = 0x10000 + ((u & 0x3FF) << 10) + (low & 0x3FF);
    }
    if (u >= 0xD800 && u < 0xE000) u = '?'; /* half a pair has no UTF-8 */
    *d += text_utf8_encode(*d, u);
    return 0;
}

/* r->p is behind the opening quote. */
static int read_string(struct reader *r, struct sv *ret) {
    const char *s = r->p;
    while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
        r->p++;
    if (r->p < r->end && *r->p == '"') {
        *ret = (struct sv){s, (size_t)(r->p++ - s)};
        return 0;
    }
    /* Decoded text is never longer than what is written. */
    const char *close = r->p;
    while (close < r->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= r->end) return bad(r, "unexpected end of input in a string");
    char *text = arena_alloc(r->a, (size_t)(close - s) + 4), *d = text + (r->p - s);
    memcpy(text, s, (size_t)(r->p - s));
    while (r->p < r->end && *r->p != '"') {
        if ((unsigned char)*r->p < 0x20) return bad(r, "illegal unquoted control character");
        if (*r->p != '\\') {
            *d++ = *r->p++;
            continue;
        }
        r->p++;
        int rc = read_escape(r, &d);
        if (rc) return rc;
    }
    r->p++;
    *ret = (struct sv){text, (size_t)(d - text)};
    return 0;
}

static int read_number(struct reader *r, struct jnode *n) {
    const char *s = r->p;
    if (*r->p == '-') r->p++;
    const char *digits = r->p;
    while (r->p < r->end && is_digit(*r->p))
        r->p++;
    if (r->p == digits) return bad(r, "a number needs a digit");
    if (*digits == '0' && r->p - digits > 1) return bad(r, "leading zeroes are not allowed");
    bool whole = true;
    if (r->p < r->end && *r->p == '.') {
        whole = false;
        const char *frac = ++r->p;
        while (r->p < r->end && is_digit(*r->p))
            r->p++;
        if (r->p == frac) return bad(r, "a decimal point must be followed by a digit");
    }
    if (r->p < r->end && (*r->p | 0x20) == 'e') {
        whole = false;
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-')) r->p++;
        const char *exp = r->p;
        while (r->p < r->end && is_digit(*r->p))
            r->p++;
        if (r->p == exp) return bad(r, "an exponent needs a digit");
    }
    n->kind = whole ? JNODE_INT : JNODE_FLOAT;
    n->raw = n->text = (struct sv){s, (size_t)(r->p - s)};
    if (whole && n->text.len == 2 && memcmp(s, "-0", 2) == 0) n->text = SV_LIT("0");
    if (!whole) {
        AUTO_STR t = STR_INIT;
        jdoc_print_decimal(n->text, &t);
        n->text = (struct sv){arena_strndup(r->a, str_text(&t), t.len), t.len};
    }
    return 0;
}

static int read_value(struct reader *r, struct jnode *n);

/* r->p is behind the bracket. */
static int read_items(struct reader *r, struct jnode *n, char close) {
    bool object = close == '}';
    struct jnode **tail = &n->first;
    if (++r->depth > JDOC_DEPTH_MAX) return bad(r, "nesting is too deep");
    blanks(r);
    if (r->p < r->end && *r->p == close) {
        r->p++;
        r->depth--;
        return 0;
    }
    for (;;) {
        struct jnode *item = ARENA_NEW(r->a, struct jnode);
        blanks(r);
        if (object) {
            if (r->p == r->end || *r->p != '"') return bad(r, "expected a member's name");
            r->p++;
            int rc = read_string(r, &item->key);
            if (rc) return rc;
            blanks(r);
            if (r->p == r->end || *r->p != ':') return bad(r, "expected a colon");
            r->p++;
        }
        int rc = read_value(r, item);
        if (rc) return rc;
        *tail = item;
        tail = &item->next;
        item->place = n->n++;
        blanks(r);
        if (r->p == r->end)
            return bad(r, object ? "unexpected end of input in an object"
                                 : "unexpected end of input in an array");
        char c = *r->p++;
        if (c == close) break;
        if (c != ',') return bad(r, "expected a comma or the end of the container");
    }
    r->depth--;
    return 0;
}

static int read_word(struct reader *r, struct jnode *n) {
    static const struct {
        const char *word;
        enum jkind kind;
    } words[] = {{"null", JNODE_NULL}, {"true", JNODE_TRUE}, {"false", JNODE_FALSE}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].word);
        if ((size_t)(r->end - r->p) < len || memcmp(r->p, words[i].word, len) != 0) continue;
        r->p += len;
        n->kind = words[i].kind;
        n->text = sv_from(words[i].word);
        return 0;
    }
    return bad(r, "unrecognized token");
}

static int read_value(struct reader *r, struct jnode *n) {
    blanks(r);
    if (r->p == r->end) return bad(r, "unexpected end of input");
    switch (*r->p) {
    case '{':
        r->p++;
        n->kind = JNODE_OBJECT;
        return read_items(r, n, '}');
    case '[':
        r->p++;
        n->kind = JNODE_ARRAY;
        return read_items(r, n, ']');
    case '"':
        r->p++;
        n->kind = JNODE_STRING;
        return read_string(r, &n->text);
    default:
        return *r->p == '-' || is_digit(*r->p) ? read_number(r, n) : read_word(r, n);
    }
}

int jdoc_parse(struct arena *a, struct sv text, struct jnode **ret, struct err *err) {
    struct reader r = {
        .a = a, .start = text.ptr, .p = text.ptr, .end = text.ptr + text.len, .err = err};
    struct jnode *n = ARENA_NEW(a, struct jnode);
    int rc = read_value(&r, n);
    if (rc) return rc;
    /* A number or word must end where it ends. */
    if (n->kind <= JNODE_FLOAT && r.p < r.end && !strchr(" \t\n\r", *r.p))
        return bad(&r, "expected a blank between values");
    *ret = n;
    return 0;
}

/* ---- write ---------------------------------------------------------------------------------- */

void jdoc_print_string(struct sv s, struct str *out) {
    str_add_char(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        str_add_n(out, s.ptr + from, i - from);
        from = i + 1;
        switch (c) {
        case '"':
        case '\\':
            str_add_char(out, '\\');
            str_add_char(out, (char)c);
            break;
        case '\b':
            str_add(out, "\\b");
            break;
        case '\t':
            str_add(out, "\\t");
            break;
        case '\n':
            str_add(out, "\\n");
            break;
        case '\f':
            str_add(out, "\\f");
            break;
        case '\r':
            str_add(out, "\\r");
            break;
        default:
            str_addf(out, "\\u%04X", c);
        }
    }
    str_add_n(out, s.ptr + from, s.len - from);
    str_add_char(out, '"');
}

void jdoc_print_decimal(struct sv v, struct str *out) {
    const char *p = v.ptr, *end = v.ptr + v.len;
    AUTO_STR digits = STR_INIT;
    int64_t scale = 0;
    bool neg = p < end && *p == '-', point = false;
    if (p < end && (*p == '-' || *p == '+')) p++;
    for (; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        scale += point;
        if (digits.len == 0 && *p == '0') continue;
        str_add_char(&digits, *p);
    }
    if (p < end) { /* exponent */
        int64_t e = 0;
        bool minus = ++p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+')) p++;
        for (; p < end && e < 100000000; p++)
            e = e * 10 + (*p - '0');
        scale -= minus ? -e : e;
    }
    bool zero = digits.len == 0;
    if (zero) str_add_char(&digits, '0');
    if (neg && !zero) str_add_char(out, '-');
    int64_t n = (int64_t)digits.len, adjusted = n - 1 - scale;
    if (scale >= 0 && adjusted >= -6) {
        int64_t whole = n - scale;
        if (whole <= 0)
            str_add(out, "0");
        else
            str_add_n(out, digits.ptr, (size_t)whole);
        if (scale == 0) return;
        str_add_char(out, '.');
        for (int64_t i = whole; i < 0; i++)
            str_add_char(out, '0');
        str_add_n(out, digits.ptr + MAX(whole, 0), (size_t)(n - MAX(whole, 0)));
        return;
    }
    str_add_char(out, digits.ptr[0]);
    if (n > 1) {
        str_add_char(out, '.');
        str_add_n(out, digits.ptr + 1, (size_t)(n - 1));
    }
    if (adjusted) str_addf(out, "E%+lld", (long long)adjusted);
}

static int by_key(const void *a, const void *b) {
    const struct jnode *x = *(const struct jnode *const *)a;
    const struct jnode *y = *(const struct jnode *const *)b;
    int c = sv_cmp(x->key, y->key);
    return c ? c : x->place < y->place ? -1 : x->place > y->place;
}

static void print_object(const struct jnode *n, struct str *out) {
    AUTO_FREE const struct jnode **m = mem_calloc(n->n + 1, sizeof(*m));
    size_t k = 0;
    for (const struct jnode *c = n->first; c; c = c->next)
        m[k++] = c;
    qsort(m, k, sizeof(*m), by_key);
    str_add_char(out, '{');
    bool first = true;
    for (size_t i = 0; i < k; i++) {
        if (i + 1 < k && sv_eq(m[i]->key, m[i + 1]->key)) continue; /* the last one counts */
        if (!first) str_add_char(out, ',');
        first = false;
        jdoc_print_string(m[i]->key, out);
        str_add_char(out, ':');
        jdoc_print(m[i], out);
    }
    str_add_char(out, '}');
}

void jdoc_print(const struct jnode *n, struct str *out) {
    switch (n->kind) {
    case JNODE_STRING:
        jdoc_print_string(n->text, out);
        return;
    case JNODE_ARRAY:
        str_add_char(out, '[');
        for (const struct jnode *c = n->first; c; c = c->next) {
            if (c != n->first) str_add_char(out, ',');
            jdoc_print(c, out);
        }
        str_add_char(out, ']');
        return;
    case JNODE_OBJECT:
        print_object(n, out);
        return;
    default:
        str_add_sv(out, n->text);
    }
}

bool jnode_is_scalar(const struct jnode *n) {
    return n->kind != JNODE_ARRAY && n->kind != JNODE_OBJECT;
}

struct sv jnode_scalar_text(const struct jnode *n) {
    return n->text;
}
