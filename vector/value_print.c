/* value_print.c - one value as text: the canonical form (Flink's SQL client) and Java's
 * (Row.toString, what the print connector writes). */
#include "vector/value.h"

#include "vector/bitmap.h"
#include "vector/func/tz.h"
#include "vector/text.h"
#include "vector/value_text.h"

#include <string.h>

/* ---- numbers -------------------------------------------------------------------------------- */

void f64_print_java(double v, struct str *out) {
    char buf[TEXT_F64_MAX_BYTES];
    str_add_n(out, buf, text_fmt_f64(buf, v));
}

void f32_print_java(float v, struct str *out) {
    char buf[TEXT_F64_MAX_BYTES];
    str_add_n(out, buf, text_fmt_f32(buf, v));
}

void decimal_print(i128 unscaled, int scale, struct str *out) {
    char buf[TEXT_DECIMAL_MAX_BYTES];
    str_add_n(out, buf, text_fmt_decimal(buf, unscaled, scale));
}

/* ---- access --------------------------------------------------------------------------------- */

/* TIMESTAMPs in either representation as ms and ns within the ms. */
static void timestamp_at(const struct column *c, uint32_t row, int64_t *ret_ms, int32_t *ret_ns) {
    if (c->phys == PHYS_I128) {
        text_timestamp_split(COL_DATA(c, i128)[row], ret_ms, ret_ns);
    } else {
        *ret_ms = COL_DATA(c, int64_t)[row];
        *ret_ns = 0;
    }
}

static void add_hex(const char *p, size_t n, struct str *out) {
    static const char hex[] = "0123456789abcdef";
    str_add(out, "x'");
    for (size_t i = 0; i < n; i++) {
        str_add_char(out, hex[(unsigned char)p[i] >> 4]);
        str_add_char(out, hex[p[i] & 15]);
    }
    str_add_char(out, '\'');
}

/* How many bytes Java's decoder swallows for one U+FFFD: the longest prefix of a sequence that
 * could have become valid. */
static size_t malformed_len(const unsigned char *p, size_t n) {
    unsigned lo = 0x80, hi = 0xBF;
    size_t want;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        want = 1;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        want = 2;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        want = 3;
    else
        return 1;
    if (p[0] == 0xE0) lo = 0xA0;
    if (p[0] == 0xED) hi = 0x9F;
    if (p[0] == 0xF0) lo = 0x90;
    if (p[0] == 0xF4) hi = 0x8F;
    size_t i = 1;
    for (; i <= want && i < n && p[i] >= lo && p[i] <= hi; i++, lo = 0x80, hi = 0xBF)
        ;
    return i;
}

void value_text_utf8(const char *p, size_t n, struct str *out) {
    if (text_utf8_valid(p, n)) {
        str_add_n(out, p, n);
        return;
    }
    for (size_t i = 0; i < n;) {
        uint32_t len;
        bool bad = text_utf8_decode(p + i, n - i, &len) == 0xFFFD && len == 1;
        if (bad) {
            str_add(out, "\xEF\xBF\xBD");
            i += malformed_len((const unsigned char *)p + i, n - i);
        } else {
            str_add_n(out, p + i, len);
            i += len;
        }
    }
}

/* ---- canonical ------------------------------------------------------------------------------ */

static void text_list(const struct column *c, uint32_t row, const struct tz *tz,
                      enum value_text_mode mode, struct str *out) {
    const uint32_t *off = c->data;
    bool map = c->phys == PHYS_MAP;
    str_add_char(out, map ? '{' : '[');
    for (uint32_t i = off[row]; i < off[row + 1]; i++) {
        if (i > off[row]) str_add(out, ", ");
        value_text(&c->children[0], i, tz, mode, out);
        if (!map) continue;
        str_add_char(out, '=');
        value_text(&c->children[1], i, tz, mode, out);
    }
    str_add_char(out, map ? '}' : ']');
}

static void text_row(const struct column *c, uint32_t row, const struct tz *tz,
                     enum value_text_mode mode, struct str *out) {
    str_add_char(out, '(');
    for (int32_t i = 0; i < c->n_children; i++) {
        if (i) str_add(out, ", ");
        value_text(&c->children[i], row, tz, mode, out);
    }
    str_add_char(out, ')');
}

static void text_time(const struct column *c, uint32_t row, const struct tz *tz, struct str *out) {
    char buf[64];
    size_t n;
    switch (c->type->kind) {
    case TYPE_DATE:
        n = text_fmt_date(buf, COL_DATA(c, int32_t)[row]);
        break;
    case TYPE_TIME:
        n = text_fmt_time(buf, COL_DATA(c, int32_t)[row], c->type->precision);
        break;
    case TYPE_INTERVAL_YEAR_MONTH:
        n = text_fmt_interval_ym(buf, COL_DATA(c, int32_t)[row]);
        break;
    case TYPE_INTERVAL_DAY_TIME:
        n = text_fmt_interval_dt(buf, COL_DATA(c, int64_t)[row]);
        break;
    default: {
        int64_t ms;
        int32_t ns;
        timestamp_at(c, row, &ms, &ns);
        if (c->type->kind == TYPE_TIMESTAMP_LTZ && tz) ms = tz_utc_to_local(tz, ms);
        n = text_fmt_timestamp(buf, ms, ns, c->type->precision, ' ');
    }
    }
    str_add_n(out, buf, n);
}

void value_text(const struct column *c, uint32_t row, const struct tz *tz,
                enum value_text_mode mode, struct str *out) {
    if (c->phys == PHYS_NULL || !col_is_valid(c, row)) {
        str_add(out, "NULL");
        return;
    }
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        str_add(out, COL_DATA(c, uint8_t)[row] ? "TRUE" : "FALSE");
        return;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        str_add_i64(out, col_int_at(c, row));
        return;
    case TYPE_FLOAT:
        f32_print_java(COL_DATA(c, float)[row], out);
        return;
    case TYPE_DOUBLE:
        f64_print_java(COL_DATA(c, double)[row], out);
        return;
    case TYPE_DECIMAL:
        decimal_print(COL_DATA(c, i128)[row], c->type->scale, out);
        return;
    case TYPE_BINARY:
    case TYPE_VARBINARY: {
        struct sv v = strv_sv(&COL_DATA(c, struct strv)[row]);
        if (mode == VALUE_TEXT_CAST)
            value_text_utf8(v.ptr, v.len, out);
        else
            add_hex(v.ptr, v.len, out);
        return;
    }
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        text_time(c, row, tz, out);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
        text_list(c, row, tz, mode, out);
        return;
    case TYPE_ROW:
        text_row(c, row, tz, mode, out);
        return;
    case TYPE_BITMAP:
        bitmap_print(strv_sv(&COL_DATA(c, struct strv)[row]), out);
        return;
    default:
        CHECK(c->phys == PHYS_STR);
        str_add_sv(out, strv_sv(&COL_DATA(c, struct strv)[row]));
    }
}

bool value_print(const struct column *c, uint32_t row, const struct tz *tz, struct str *out) {
    value_text(c, row, tz, VALUE_TEXT_CANONICAL, out);
    return c->phys != PHYS_NULL && col_is_valid(c, row);
}

/* ---- Java ----------------------------------------------------------------------------------- */

/* LocalDate.toString: years beyond 9999 carry a sign. */
static void java_date(int32_t days, struct str *out) {
    int32_t y;
    int m, d;
    days_to_civil(days, &y, &m, &d);
    str_addf(out, y > 9999 ? "+%d-%02d-%02d" : "%04d-%02d-%02d", y, m, d);
}

/* LocalTime.toString: seconds where they or a fraction are set (or always), the fraction in groups
 * of three digits. */
static void java_clock(int32_t ms_of_day, int32_t ns, bool always_seconds, struct str *out) {
    int32_t s = ms_of_day / 1000, nanos = ms_of_day % 1000 * 1000000 + ns;
    str_addf(out, "%02d:%02d", s / 3600, s / 60 % 60);
    if (s % 60 == 0 && nanos == 0 && !always_seconds) return;
    str_addf(out, ":%02d", s % 60);
    if (nanos == 0) return;
    if (nanos % 1000000 == 0)
        str_addf(out, ".%03d", nanos / 1000000);
    else if (nanos % 1000 == 0)
        str_addf(out, ".%06d", nanos / 1000);
    else
        str_addf(out, ".%09d", nanos);
}

static void java_timestamp(const struct column *c, uint32_t row, struct str *out) {
    int64_t ms;
    int32_t ns;
    timestamp_at(c, row, &ms, &ns);
    int64_t days = ms / 86400000, rest = ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    bool instant = c->type->kind == TYPE_TIMESTAMP_LTZ;
    java_date((int32_t)days, out);
    str_add_char(out, 'T');
    java_clock((int32_t)rest, ns, instant, out);
    if (instant) str_add_char(out, 'Z');
}

/* Period.toString of whole months, and Duration.toString of ms. */
static void java_interval(const struct column *c, uint32_t row, struct str *out) {
    if (c->type->kind == TYPE_INTERVAL_YEAR_MONTH) {
        int32_t months = COL_DATA(c, int32_t)[row];
        str_add_char(out, 'P');
        if (months / 12) str_addf(out, "%dY", months / 12);
        if (months % 12) str_addf(out, "%dM", months % 12);
        if (!months) str_add(out, "0D");
        return;
    }
    int64_t ms = COL_DATA(c, int64_t)[row];
    int64_t h = ms / 3600000, m = ms / 60000 % 60, rest = ms % 60000;
    str_add(out, "PT");
    if (h) str_addf(out, "%lldH", (long long)h);
    if (m) str_addf(out, "%lldM", (long long)m);
    if (rest == 0) {
        if (!h && !m) str_add(out, "0S");
        return;
    }
    char buf[24];
    int64_t a = rest < 0 ? -rest : rest;
    size_t n = text_fmt_decimal(buf, a, 3);
    while (buf[n - 1] == '0')
        n--;
    if (buf[n - 1] == '.') n--;
    if (rest < 0) str_add_char(out, '-');
    str_add_n(out, buf, n);
    str_add_char(out, 'S');
}

/* BigDecimal.toString: scientific below 10^-6. */
static void java_decimal(i128 v, int scale, struct str *out) {
    int adjusted = text_digits_i128(v) - 1 - scale;
    if (adjusted >= -6) {
        decimal_print(v, scale, out);
        return;
    }
    char buf[TEXT_I128_MAX_BYTES];
    size_t n = text_fmt_i128(buf, v < 0 ? -v : v);
    if (v < 0) str_add_char(out, '-');
    str_add_char(out, buf[0]);
    if (n > 1) {
        str_add_char(out, '.');
        str_add_n(out, buf + 1, n - 1);
    }
    str_addf(out, "E%d", adjusted);
}

static void java_bytes(struct sv v, struct str *out) {
    str_add_char(out, '[');
    for (size_t i = 0; i < v.len; i++)
        str_addf(out, "%s%d", i ? ", " : "", (int)(signed char)v.ptr[i]);
    str_add_char(out, ']');
}

static void java_list(const struct column *c, uint32_t row, const struct tz *tz, struct str *out) {
    const uint32_t *off = c->data;
    bool map = c->phys == PHYS_MAP;
    str_add_char(out, map ? '{' : '[');
    for (uint32_t i = off[row]; i < off[row + 1]; i++) {
        if (i > off[row]) str_add(out, ", ");
        value_print_java(&c->children[0], i, tz, out);
        if (!map) continue;
        str_add_char(out, '=');
        value_print_java(&c->children[1], i, tz, out);
    }
    str_add_char(out, map ? '}' : ']');
}

void value_print_java(const struct column *c, uint32_t row, const struct tz *tz, struct str *out) {
    if (c->phys == PHYS_NULL || !col_is_valid(c, row)) {
        str_add(out, "null");
        return;
    }
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        str_add(out, COL_DATA(c, uint8_t)[row] ? "true" : "false");
        return;
    case TYPE_DECIMAL:
        java_decimal(COL_DATA(c, i128)[row], c->type->scale, out);
        return;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        java_bytes(strv_sv(&COL_DATA(c, struct strv)[row]), out);
        return;
    case TYPE_DATE:
        java_date(COL_DATA(c, int32_t)[row], out);
        return;
    case TYPE_TIME:
        java_clock(COL_DATA(c, int32_t)[row], 0, false, out);
        return;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        java_timestamp(c, row, out);
        return;
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        java_interval(c, row, out);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
        java_list(c, row, tz, out);
        return;
    case TYPE_ROW:
        str_add(out, "+I[");
        for (int32_t i = 0; i < c->n_children; i++) {
            if (i) str_add(out, ", ");
            value_print_java(&c->children[i], row, tz, out);
        }
        str_add_char(out, ']');
        return;
    default: /* numbers and strings look the same in both */
        value_text(c, row, tz, VALUE_TEXT_CANONICAL, out);
    }
}
