/* printf.c - PRINTF by java.util.Formatter's rules (Locale.US): %[index$][flags][width][.precision]
 * and one of b c d o x X e E f g s S % n. A format that does not fit its arguments gives NULL. */
#include "vector/func/args.h"

#include "vector/func/unicode.h"
#include "vector/text_float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 100000 };

struct spec {
    bool minus, plus, space, zero, group, paren, alt;
    int width, precision; /* -1: not given */
    char conv;
};

/* ---- numbers -------------------------------------------------------------------------------- */

/* Sign, leading zeros up to the width, and parentheses around a magnitude. */
static void put_signed(const struct spec *s, bool neg, const char *digits, size_t n,
                       struct str *out) {
    const char *front = neg ? (s->paren ? "(" : "-") : s->plus ? "+" : s->space ? " " : "";
    const char *back = neg && s->paren ? ")" : "";
    str_add(out, front);
    size_t taken = strlen(front) + n + strlen(back);
    for (size_t i = taken; s->zero && s->width > 0 && i < (size_t)s->width; i++)
        str_add_char(out, '0');
    str_add_n(out, digits, n);
    str_add(out, back);
}

/* Digits with a comma before each group of three in front of the point. */
static void grouped(const char *digits, size_t n, struct str *out) {
    const char *point = memchr(digits, '.', n);
    size_t whole = point ? (size_t)(point - digits) : n;
    for (size_t i = 0; i < whole; i++) {
        if (i && (whole - i) % 3 == 0) str_add_char(out, ',');
        str_add_char(out, digits[i]);
    }
    str_add_n(out, digits + whole, n - whole);
}

static void put_number(const struct spec *s, bool neg, struct sv digits, struct str *out) {
    AUTO_STR g = STR_INIT;
    if (s->group) {
        grouped(digits.ptr, digits.len, &g);
        digits = (struct sv){str_text(&g), g.len};
    }
    put_signed(s, neg, digits.ptr, digits.len, out);
}

static bool int_of(const struct column *c, uint32_t row, int64_t *ret, int *ret_bits) {
    switch (c->type->kind) {
    case TYPE_TINYINT:
        *ret = COL_DATA(c, int8_t)[row];
        *ret_bits = 8;
        return true;
    case TYPE_SMALLINT:
        *ret = COL_DATA(c, int16_t)[row];
        *ret_bits = 16;
        return true;
    case TYPE_INT:
        *ret = COL_DATA(c, int32_t)[row];
        *ret_bits = 32;
        return true;
    case TYPE_BIGINT:
        *ret = COL_DATA(c, int64_t)[row];
        *ret_bits = 64;
        return true;
    default:
        return false;
    }
}

static bool put_int(const struct spec *s, const struct column *c, uint32_t row, struct str *out) {
    int64_t v;
    int bits;
    char buf[32];
    if (!int_of(c, row, &v, &bits) || s->precision >= 0) return false;
    if (s->conv == 'd') {
        size_t n = text_fmt_u64(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
        put_number(s, v < 0, (struct sv){buf, n}, out);
        return true;
    }
    uint64_t u = (uint64_t)v;
    if (bits < 64) u &= (1ull << bits) - 1;
    int n = snprintf(buf, sizeof(buf), s->conv == 'o' ? "%llo" : "%llx", (unsigned long long)u);
    AUTO_STR t = STR_INIT;
    if (s->alt) str_add(&t, s->conv == 'o' ? "0" : "0x");
    str_add_n(&t, buf, (size_t)n);
    put_signed(s, false, str_text(&t), t.len, out);
    return true;
}

/* A positive number as digits d1 d2 ... * 10^exp (d1.d2...), DOUBLE by its shortest form. */
struct decimal_digits {
    char d[64];
    int n, exp;
    bool neg;
};

static bool digits_of(const struct column *c, uint32_t row, struct decimal_digits *r) {
    memset(r, 0, sizeof(*r));
    double v;
    switch (c->type->kind) {
    case TYPE_FLOAT:
        v = (double)COL_DATA(c, float)[row];
        break;
    case TYPE_DOUBLE:
        v = COL_DATA(c, double)[row];
        break;
    case TYPE_DECIMAL: {
        char buf[TEXT_I128_MAX_BYTES];
        i128 x = COL_DATA(c, i128)[row];
        r->neg = x < 0;
        size_t n = text_fmt_i128(buf, x < 0 ? -x : x);
        memcpy(r->d, buf, n);
        r->n = (int)n;
        r->exp = (int)n - 1 - c->type->scale;
        return true;
    }
    default:
        return false;
    }
    r->neg = signbit(v);
    if (!isfinite(v))
        r->n = -1;
    else if (v == 0)
        r->d[0] = '0', r->n = 1;
    else
        r->n = text_f64_digits(fabs(v), r->d, &r->exp);
    return true;
}

/* Rounds half up to `keep` digits (0 or fewer: to nothing or one unit above). */
static void round_digits(struct decimal_digits *r, int keep) {
    if (keep >= r->n) return;
    bool up = keep >= 0 && r->d[keep] >= '5';
    r->n = MAX(keep, 0);
    for (int i = r->n - 1; i >= 0 && up; i--) {
        if (r->d[i] == '9') {
            r->d[i] = '0';
        } else {
            r->d[i]++;
            up = false;
        }
    }
    if (!up) return;
    memmove(r->d + 1, r->d, (size_t)r->n);
    r->d[0] = '1';
    r->n++;
    r->exp++;
}

/* ddd.ddd with `precision` digits behind the point. */
static void fixed(struct decimal_digits r, int precision, struct str *out) {
    round_digits(&r, r.exp + 1 + precision);
    if (r.exp < 0) str_add_char(out, '0');
    for (int i = 0; i <= r.exp; i++)
        str_add_char(out, i < r.n ? r.d[i] : '0');
    if (precision == 0) return;
    str_add_char(out, '.');
    for (int k = 1; k <= precision; k++) {
        int i = r.exp + k;
        str_add_char(out, i >= 0 && i < r.n ? r.d[i] : '0');
    }
}

/* d.ddde+XX */
static void scientific(struct decimal_digits r, int precision, struct str *out) {
    round_digits(&r, precision + 1);
    str_add_char(out, r.d[0]);
    if (precision > 0) str_add_char(out, '.');
    for (int i = 1; i <= precision; i++)
        str_add_char(out, i < r.n ? r.d[i] : '0');
    str_addf(out, "e%c%02d", r.exp < 0 ? '-' : '+', abs(r.exp));
}

static bool put_float(const struct spec *s, const struct column *c, uint32_t row, struct str *out) {
    struct decimal_digits r;
    if (!digits_of(c, row, &r)) return false;
    if (r.n < 0) { /* NaN, Infinity: never filled with zeros */
        double v = c->type->kind == TYPE_FLOAT ? (double)COL_DATA(c, float)[row]
                                               : COL_DATA(c, double)[row];
        struct spec plain = *s;
        plain.zero = false;
        if (isnan(v))
            str_add(out, "NaN");
        else
            put_signed(&plain, r.neg, "Infinity", 8, out);
        return true;
    }
    int precision = s->precision < 0 ? 6 : s->precision;
    AUTO_STR t = STR_INIT;
    char conv = s->conv | 0x20;
    if (conv == 'g') { /* after rounding, 10^-4 <= x < 10^precision is written plainly */
        if (precision == 0) precision = 1;
        struct decimal_digits q = r;
        round_digits(&q, precision);
        bool zero = r.n == 1 && r.d[0] == '0';
        if (zero || (q.exp >= -4 && q.exp < precision))
            fixed(r, zero ? precision - 1 : precision - q.exp - 1, &t);
        else
            scientific(r, precision - 1, &t);
    } else if (conv == 'e') {
        scientific(r, precision, &t);
    } else {
        fixed(r, precision, &t);
    }
    put_number(s, r.neg, str_view(&t), out);
    return true;
}

/* ---- one conversion ------------------------------------------------------------------------- */

static void pad(const struct spec *s, struct sv body, struct str *out) {
    int64_t fill = s->width - (int64_t)text_utf8_count(body.ptr, body.len);
    for (int64_t i = 0; i < fill && !s->minus; i++)
        str_add_char(out, ' ');
    str_add_sv(out, body);
    for (int64_t i = 0; i < fill && s->minus; i++)
        str_add_char(out, ' ');
}

static void to_upper(struct sv v, struct str *out) {
    for (size_t i = 0; i < v.len;) {
        uint32_t len, cp = text_utf8_decode(v.ptr + i, v.len - i, &len);
        str_add_utf8(out, unicode_upper(cp));
        i += len;
    }
}

static bool put_char(const struct column *c, uint32_t row, struct str *out) {
    int64_t v;
    int bits;
    if (!int_of(c, row, &v, &bits) || bits == 64 || v < 0 || v > 0x10FFFF) return false;
    str_add_utf8(out, (uint32_t)v);
    return true;
}

static bool convert(const struct spec *s, const struct column *c, uint32_t row,
                    const struct tz *zone, struct str *out) {
    AUTO_STR body = STR_INIT;
    bool ok = true;
    char conv = s->conv | 0x20;
    bool null = c->phys == PHYS_NULL || !col_is_valid(c, row);
    if (conv == 'b') {
        bool truth = !null && (c->phys != PHYS_BOOL || COL_DATA(c, uint8_t)[row]);
        str_add(&body, truth ? "true" : "false");
    } else if (null) {
        str_add(&body, "null");
    } else if (conv == 's') {
        value_print_java(c, row, zone, &body);
    } else if (conv == 'c') {
        ok = put_char(c, row, &body);
    } else if (strchr("dox", conv)) {
        ok = put_int(s, c, row, &body);
    } else {
        ok = put_float(s, c, row, &body);
    }
    if (!ok) return false;
    if (s->precision >= 0 && (conv == 's' || conv == 'b'))
        str_truncate(&body, text_utf8_offset(str_text(&body), body.len, (size_t)s->precision));
    if (s->conv >= 'A' && s->conv <= 'Z') {
        AUTO_STR upper = STR_INIT;
        to_upper((struct sv){str_text(&body), body.len}, &upper);
        pad(s, str_view(&upper), out);
    } else {
        pad(s, (struct sv){str_text(&body), body.len}, out);
    }
    return true;
}

/* ---- the format ----------------------------------------------------------------------------- */

static bool read_int(const char **p, const char *end, int *ret) {
    const char *s = *p;
    int v = 0;
    for (; s < end && *s >= '0' && *s <= '9' && v < WIDTH_MAX; s++)
        v = v * 10 + (*s - '0');
    if (s == *p || v >= WIDTH_MAX) return false;
    *p = s;
    *ret = v;
    return true;
}

static void read_flags(const char **p, const char *end, struct spec *s) {
    for (; *p < end; (*p)++) {
        switch (**p) {
        case '-':
            s->minus = true;
            break;
        case '+':
            s->plus = true;
            break;
        case ' ':
            s->space = true;
            break;
        case '0':
            s->zero = true;
            break;
        case ',':
            s->group = true;
            break;
        case '(':
            s->paren = true;
            break;
        case '#':
            s->alt = true;
            break;
        default:
            return;
        }
    }
}

/* *p is behind the '%'. *ret_index: the argument asked for by number, 0 for the next one. */
static bool read_spec(const char **p, const char *end, struct spec *s, int *ret_index) {
    *s = (struct spec){.width = -1, .precision = -1};
    *ret_index = 0;
    const char *q = *p;
    int n;
    if (q < end && *q != '0' && read_int(&q, end, &n) && q < end && *q == '$') {
        *ret_index = n;
        *p = q + 1;
    }
    read_flags(p, end, s);
    if (*p < end && **p >= '1' && **p <= '9' && !read_int(p, end, &s->width)) return false;
    if (*p < end && **p == '.') {
        (*p)++;
        if (!read_int(p, end, &s->precision)) return false;
    }
    if (*p == end) return false;
    s->conv = *(*p)++;
    bool fits = strchr("bBcCdoxXeEfgGsS%n", s->conv) != NULL;
    return fits && !((s->minus || s->zero) && s->width < 0) && !(s->minus && s->zero);
}

static bool format(struct kernel_call *k, uint32_t i, struct sv f, struct str *out) {
    const char *p = f.ptr, *end = f.ptr + f.len;
    int next = 1;
    while (p < end) {
        const char *pct = memchr(p, '%', (size_t)(end - p));
        str_add_n(out, p, (size_t)((pct ? pct : end) - p));
        if (!pct) break;
        p = pct + 1;
        struct spec s;
        int index;
        if (!read_spec(&p, end, &s, &index)) return false;
        if (s.conv == 'n') {
            str_add_char(out, '\n');
        } else if (s.conv == '%') {
            pad(&s, SV_LIT("%"), out);
        } else {
            int at = index ? index : next++;
            if (at < 1 || at >= k->n_args) return false;
            struct arg a = kernel_arg(k, at);
            if (!convert(&s, a.col, arg_row(&a, i), k->env->zone, out)) return false;
        }
    }
    return true;
}

/* Not strict: NULL arguments are written as "null". */
static int kernel_printf(struct kernel_call *k, struct err *err) {
    struct arg f = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        str_clear(&tmp);
        if (arg_valid(&f, i) && format(k, i, arg_sv(&f, i), &tmp))
            ret_copy(k, h, i, str_text(&tmp), tmp.len);
        else
            ret_null(k, i);
    }
    return 0;
}

const struct func func_printf = {
    .name = "PRINTF",
    .category = "string",
    .signature = "PRINTF(format, value, ...)",
    .doc = "The values in a format of java.util.Formatter; NULL if it does not fit them.",
    .min_args = 1,
    .max_args = -1,
    .flags = FUNC_CONST_ARGS,
    .args = "cx",
    .ret = "STRING?",
    .bind = func_bind_spec,
    .kernel = kernel_printf,
};
