/* bind_literal.c - literals: their types are those of Flink, their text is checked here. */
#include "sql/bind.h"
#include "vector/func/tz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int exact(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                 struct err *err) {
    const char *t = l->text, *dot = strchr(t, '.');
    bool neg = l->negative;
    if (!dot || !dot[1]) {
        errno = 0;
        unsigned long long v = strtoull(t, NULL, 10);
        unsigned long long max = (unsigned long long)INT64_MAX + neg;
        if (errno == ERANGE || v > max)
            return invalid(&l->base.span, err,
                           "numeric literal '%s' is out of range: integers have up to 64 bits", t);
        int64_t s = neg ? (int64_t)(0 - v) : (int64_t)v;
        const struct type *type =
            type_of_not_null(s >= INT32_MIN && s <= INT32_MAX ? TYPE_INT : TYPE_BIGINT);
        *ret = expr_literal(b->a, value_int(b->a, type, s));
        return 0;
    }
    size_t len = strlen(t), scale = len - (size_t)(dot - t) - 1, prec = len - 1;
    i128 v = 0;
    size_t digits = 0;
    for (const char *p = t; *p; p++) {
        if (*p == '.') continue;
        if (digits || *p != '0') digits++;
        if (digits > TYPE_DECIMAL_PRECISION_MAX) break;
        v = v * 10 + (*p - '0');
    }
    if (digits > TYPE_DECIMAL_PRECISION_MAX || scale > TYPE_DECIMAL_PRECISION_MAX)
        return invalid(&l->base.span, err,
                       "numeric literal '%s' is out of range: decimals have up to %d digits", t,
                       TYPE_DECIMAL_PRECISION_MAX);
    prec = MIN(prec, (size_t)TYPE_DECIMAL_PRECISION_MAX);
    const struct type *type = type_decimal(b->a, (int)prec, (int)scale, false);
    *ret = expr_literal(b->a, value_i128(b->a, type, neg ? -v : v));
    return 0;
}

static int text_length(const char *p, size_t n) { /* code points */
    int chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)p[i] & 0xC0) != 0x80;
    return chars;
}

/* Up to max digits; returns how many were read. */
static int digits(const char **p, const char *end, int max, int64_t *ret) {
    int n = 0;
    int64_t v = 0;
    while (*p < end && n < max && **p >= '0' && **p <= '9') {
        v = v * 10 + (*(*p)++ - '0');
        n++;
    }
    *ret = v;
    return n;
}

static bool expect(const char **p, const char *end, char c) {
    if (*p >= end || **p != c) return false;
    (*p)++;
    return true;
}

static bool parse_date(const char **p, const char *end, int32_t *ret_days) {
    static const int8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y, m, d;
    if (!digits(p, end, 4, &y) || !expect(p, end, '-') || !digits(p, end, 2, &m) ||
        !expect(p, end, '-') || !digits(p, end, 2, &d))
        return false;
    if (y < 1 || m < 1 || m > 12 || d < 1 || d > month_days[m - 1]) return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (m == 2 && d == 29 && !leap) return false;
    if (y == 1582 && m == 10 && d > 4 && d < 15) return false; /* days the calendar left out */
    *ret_days = civil_to_days(y, (int)m, (int)d);
    return true;
}

/* hh:mm:ss[.f]; *ret_frac in ns, *ret_prec its digits. */
static bool parse_time(const char **p, const char *end, int64_t *ret_s, int64_t *ret_frac,
                       int *ret_prec) {
    int64_t h, m, s, f = 0;
    if (!digits(p, end, 2, &h) || !expect(p, end, ':') || !digits(p, end, 2, &m) ||
        !expect(p, end, ':') || !digits(p, end, 2, &s))
        return false;
    if (h > 23 || m > 59 || s > 59) return false;
    *ret_prec = 0;
    if (expect(p, end, '.')) {
        *ret_prec = digits(p, end, 9, &f);
        if (!*ret_prec) return false;
        for (int i = *ret_prec; i < 9; i++)
            f *= 10;
    }
    *ret_s = (h * 60 + m) * 60 + s;
    *ret_frac = f;
    return true;
}

static int illegal(const struct ast_literal *l, const char *what, const char *format,
                   struct err *err) {
    return invalid(&l->base.span, err, "illegal %s literal '%s': not in format '%s'", what, l->text,
                   format);
}

static int date(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                struct err *err) {
    const char *p = l->text, *end = p + l->len_bytes;
    int32_t days;
    if (!parse_date(&p, end, &days) || p != end) return illegal(l, "DATE", "yyyy-MM-dd", err);
    *ret = expr_literal(b->a, value_int(b->a, type_of_not_null(TYPE_DATE), days));
    return 0;
}

static int time_of_day(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                       struct err *err) {
    const char *p = l->text, *end = p + l->len_bytes;
    int64_t s, frac;
    int prec;
    if (!parse_time(&p, end, &s, &frac, &prec) || p != end)
        return illegal(l, "TIME", "HH:mm:ss", err);
    const struct type *t = type_time(b->a, TYPE_TIME, prec, false);
    *ret = expr_literal(b->a, value_int(b->a, t, s * 1000 + frac / 1000000));
    return 0;
}

static int timestamp(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                     struct err *err) {
    const char *p = l->text, *end = p + l->len_bytes;
    int32_t days;
    int64_t s = 0, frac = 0;
    int prec = 0;
    bool ok = parse_date(&p, end, &days);
    if (ok && p != end) ok = expect(&p, end, ' ') && parse_time(&p, end, &s, &frac, &prec);
    if (!ok || p != end) return illegal(l, "TIMESTAMP", "yyyy-MM-dd HH:mm:ss", err);
    int64_t ms = ((int64_t)days * 86400 + s) * 1000 + frac / 1000000;
    bool ltz = l->lit == AST_LIT_TIMESTAMP_LTZ;
    if (ltz) ms = tz_local_to_utc(session_env(b->s)->zone, ms);
    const struct type *t = type_time(b->a, ltz ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP, prec, false);
    const struct column *v = prec > 3 ? value_i128(b->a, t, (i128)ms * 1000000 + frac % 1000000)
                                      : value_int(b->a, t, ms);
    *ret = expr_literal(b->a, v);
    return 0;
}

/* ---- intervals ---- */

static const int64_t unit_ms[] = {
    [AST_UNIT_WEEK] = 7 * 86400000LL, [AST_UNIT_DAY] = 86400000, [AST_UNIT_HOUR] = 3600000,
    [AST_UNIT_MINUTE] = 60000,        [AST_UNIT_SECOND] = 1000,
};

static int field_limit(const struct ast_literal *l, int64_t v, struct err *err) {
    const struct ast_qualifier *q = &l->qual;
    int precision = q->precision < 0 ? 2 : q->precision;
    int64_t limit = 1;
    for (int i = 0; i < precision && limit < INT64_MAX / 10; i++)
        limit *= 10;
    if (v < limit) return 0;
    return invalid(&l->base.span, err,
                   "interval field value %lld exceeds the precision of %s(%d); write %s(%d)",
                   (long long)v, ast_unit_name(q->start), precision, ast_unit_name(q->start),
                   (int)snprintf(NULL, 0, "%lld", (long long)v));
}

/* [d ][h:][m:][s[.f]] from the start unit down to the end unit. */
static bool parse_day_time(const struct ast_qualifier *q, const char *p, const char *end,
                           int64_t *ret_ms, int64_t *ret_lead) {
    enum ast_unit last = q->end == AST_UNIT_NONE ? q->start : q->end;
    if (q->start == AST_UNIT_WEEK) last = AST_UNIT_WEEK;
    int64_t ms = 0;
    for (enum ast_unit u = q->start; u <= last; u++) {
        int64_t v;
        bool lead = u == q->start;
        if (!lead && !expect(&p, end, u == AST_UNIT_HOUR ? ' ' : ':')) return false;
        if (!digits(&p, end, lead ? 12 : 2, &v)) return false;
        if (lead)
            *ret_lead = v;
        else if (v > (u == AST_UNIT_HOUR ? 23 : 59))
            return false;
        ms += v * unit_ms[u];
    }
    if (last == AST_UNIT_SECOND && expect(&p, end, '.')) {
        int64_t f;
        int n = digits(&p, end, 9, &f);
        if (!n) return false;
        for (; n < 3; n++)
            f *= 10;
        for (; n > 3; n--)
            f /= 10;
        ms += f;
    }
    *ret_ms = ms;
    return p == end;
}

static bool parse_year_month(const struct ast_qualifier *q, const char *p, const char *end,
                             int64_t *ret_months, int64_t *ret_lead) {
    int64_t v, m = 0;
    if (!digits(&p, end, 12, &v)) return false;
    *ret_lead = v;
    if (q->end == AST_UNIT_MONTH && q->start == AST_UNIT_YEAR) {
        if (!expect(&p, end, '-') || !digits(&p, end, 2, &m) || m > 11) return false;
    }
    int64_t factor = q->start == AST_UNIT_YEAR ? 12 : q->start == AST_UNIT_QUARTER ? 3 : 1;
    *ret_months = v * factor + m;
    return p == end;
}

static int interval(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                    struct err *err) {
    enum interval_unit unit;
    int rc = bind_interval_unit(&l->qual, &l->base.span, &unit, err);
    if (rc) return rc;
    const char *p = l->text, *end = p + l->len_bytes;
    while (p < end && *p == ' ')
        p++;
    while (end > p && end[-1] == ' ')
        end--;
    bool neg = l->negative;
    if (p < end && (*p == '-' || *p == '+')) neg ^= *p++ == '-';
    int64_t v = 0, lead = 0;
    bool ok = unit == IV_MONTH ? parse_year_month(&l->qual, p, end, &v, &lead)
                               : parse_day_time(&l->qual, p, end, &v, &lead);
    if (!ok) {
        const char *to = l->qual.end == AST_UNIT_NONE ? "" : " TO ";
        return invalid(&l->base.span, err, "illegal INTERVAL literal '%s' for %s%s%s", l->text,
                       ast_unit_name(l->qual.start), to, *to ? ast_unit_name(l->qual.end) : "");
    }
    rc = field_limit(l, lead, err);
    if (rc) return rc;
    if (unit == IV_MONTH && v > INT32_MAX)
        return invalid(&l->base.span, err, "interval '%s' is out of range", l->text);
    const struct type *t =
        type_of_not_null(unit == IV_MONTH ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME);
    *ret = expr_literal(b->a, value_int(b->a, t, neg ? -v : v));
    return 0;
}

static int literal(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                   struct err *err) {
    struct arena *a = b->a;
    switch (l->lit) {
    case AST_LIT_NULL:
        *ret = expr_literal(a, value_null(a, type_of(TYPE_NULL)));
        return 0;
    case AST_LIT_BOOL:
        *ret = bind_bool(b, l->truth);
        return 0;
    case AST_LIT_UNKNOWN:
        *ret = expr_literal(a, value_null(a, type_of(TYPE_BOOLEAN)));
        return 0;
    case AST_LIT_EXACT:
        return exact(b, l, ret, err);
    case AST_LIT_APPROX: {
        double v = strtod(l->text, NULL);
        *ret = expr_literal(a, value_f64(a, type_of_not_null(TYPE_DOUBLE), l->negative ? -v : v));
        return 0;
    }
    case AST_LIT_STRING: {
        const struct type *t = type_text(a, TYPE_CHAR, text_length(l->text, l->len_bytes), false);
        *ret = expr_literal(a, value_str(a, t, l->text, l->len_bytes));
        return 0;
    }
    case AST_LIT_BINARY: {
        const struct type *t = type_text(a, TYPE_BINARY, (int)l->len_bytes, false);
        *ret = expr_literal(a, value_str(a, t, l->text, l->len_bytes));
        return 0;
    }
    case AST_LIT_DATE:
        return date(b, l, ret, err);
    case AST_LIT_TIME:
        return time_of_day(b, l, ret, err);
    case AST_LIT_TIMESTAMP:
    case AST_LIT_TIMESTAMP_LTZ:
        return timestamp(b, l, ret, err);
    case AST_LIT_INTERVAL:
        return interval(b, l, ret, err);
    }
    UNREACHABLE("literal kind %d", l->lit);
}

int bind_literal(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                 struct err *err) {
    const struct expr *e = NULL;
    int rc = literal(b, l, &e, err);
    if (rc) return rc;
    *ret = expr_at(e, &l->base);
    return 0;
}
