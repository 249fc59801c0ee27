/* json_scalar.c - Flink's coercions of JSON scalars: numbers from strings and strings from numbers,
 * floats cut to integers, strict dates and times, decimals without a detour over doubles. */
#include "connector/format/json_scalar.h"

#include "connector/format/base64.h"
#include "connector/format/digits.h"
#include "connector/format/emit.h"
#include "connector/format/iso_time.h"
#include "vector/text.h"

#include <math.h>
#include <string.h>

/* ---- the grammar of unquoted tokens ---- */

static size_t digits(const char *p, size_t n, size_t i) {
    while (i < n && (unsigned char)(p[i] - '0') <= 9)
        i++;
    return i;
}

bool json_scalar_valid(struct sv s) {
    if (s.len == 4 && (memcmp(s.ptr, "true", 4) == 0 || memcmp(s.ptr, "null", 4) == 0)) return true;
    if (s.len == 5 && memcmp(s.ptr, "false", 5) == 0) return true;
    size_t i = s.len && s.ptr[0] == '-', from = i;
    i = digits(s.ptr, s.len, i);
    if (i == from || (s.ptr[from] == '0' && i > from + 1)) return false;
    if (i < s.len && s.ptr[i] == '.') {
        from = ++i;
        i = digits(s.ptr, s.len, i);
        if (i == from) return false;
    }
    if (i < s.len && (s.ptr[i] | 32) == 'e') {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-')) i++;
        from = i;
        i = digits(s.ptr, s.len, i);
        if (i == from) return false;
    }
    return i == s.len;
}

/* ---- numbers ---- */

static int bad_value(struct json_reader *r, struct sv s, const char *what) {
    return json_fail(r, "'%.*s'%s is not %s", (int)MIN(s.len, 60), s.ptr, s.len > 60 ? "..." : "",
                     what);
}

static const char *int_name(const struct type *t) {
    switch (t->kind) {
    case TYPE_TINYINT:
        return "a TINYINT";
    case TYPE_SMALLINT:
        return "a SMALLINT";
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME:
        return "a BIGINT";
    default:
        return "an INT";
    }
}

static bool in_range(const struct type *t, int64_t v) {
    switch (t->kind) {
    case TYPE_TINYINT:
        return v == (int8_t)v;
    case TYPE_SMALLINT:
        return v == (int16_t)v;
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME:
        return true;
    default:
        return v == (int32_t)v;
    }
}

/* A number with a fraction or an exponent, cut towards zero: INT and BIGINT alone take it. */
static bool cut_float(const struct type *t, struct sv s, int64_t *ret) {
    if (t->kind == TYPE_TINYINT || t->kind == TYPE_SMALLINT) return false;
    double v;
    if (text_parse_f64(s.ptr, s.len, &v) != TEXT_OK || !(fabs(v) < 9223372036854775808.0))
        return false;
    *ret = (int64_t)v;
    return true;
}

/* A number at the cursor that needs no second look. JSON has no leading zeros. */
static inline bool plain_int(struct json_reader *r, int64_t *ret) {
    struct sv s = json_token(r, r->tok);
    size_t sign = s.ptr[0] == '-';
    return digits_plain(s.ptr, s.len, ret) && (s.len == sign + 1 || s.ptr[sign] != '0');
}

static int emit_int(struct json_reader *r, const struct type *t, struct col_builder *b, struct sv s,
                    int64_t v) {
    if (b->col.phys == PHYS_I64)
        emit_i64(b, v);
    else if (!in_range(t, v))
        return bad_value(r, s, int_name(t));
    else if (b->col.phys == PHYS_I32)
        emit_i32(b, (int32_t)v);
    else
        col_add_int(b, v);
    return 0;
}

static int read_int(struct json_reader *r, const struct type *t, struct col_builder *b) {
    int64_t plain;
    if (likely(json_peek(r) && plain_int(r, &plain))) {
        r->tok++;
        return emit_int(r, t, b, json_token(r, r->tok - 1), plain);
    }
    bool quoted = json_peek(r) == '"';
    struct sv s;
    int64_t v;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    if (quoted) s = sv_trim(s);
    if (text_parse_i64_strict(s.ptr, s.len, &v) != TEXT_OK &&
        (quoted || !((unsigned char)(s.ptr[0] - '0') <= 9 || s.ptr[0] == '-') ||
         !cut_float(t, s, &v)))
        return bad_value(r, s, int_name(t));
    return emit_int(r, t, b, s, v);
}

static int read_float(struct json_reader *r, const struct type *t, struct col_builder *b) {
    struct sv s;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    s = sv_trim(s);
    if (t->kind == TYPE_DOUBLE) {
        double v;
        if (text_parse_f64(s.ptr, s.len, &v) != TEXT_OK) return bad_value(r, s, "a DOUBLE");
        emit_f64(b, v);
    } else {
        float v;
        if (text_parse_f32(s.ptr, s.len, &v) != TEXT_OK) return bad_value(r, s, "a FLOAT");
        col_add_f64(b, v);
    }
    return 0;
}

static int read_decimal(struct json_reader *r, const struct type *t, struct col_builder *b) {
    struct sv s;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    s = sv_trim(s);
    i128 v;
    switch (text_parse_decimal(s.ptr, s.len, t->precision, t->scale, &v)) {
    case TEXT_OK:
        col_add_i128(b, v);
        return 0;
    case TEXT_OVERFLOW: /* more digits than the type has: NULL, as Flink's DecimalData */
        emit_null(b);
        return 0;
    default:
        return bad_value(r, s, "a number");
    }
}

/* ---- the others ---- */

static int read_bool(struct json_reader *r, struct col_builder *b) {
    struct sv s;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    col_add_bool(b, sv_ieq(sv_trim(s), "true"));
    return 0;
}

static int read_date(struct json_reader *r, struct col_builder *b) {
    struct sv s;
    int32_t days;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    if (!iso_date(s.ptr, s.len, true, &days)) return bad_value(r, s, "a DATE (yyyy-MM-dd)");
    emit_i32(b, days);
    return 0;
}

static int read_time(struct json_reader *r, struct col_builder *b) {
    struct sv s;
    int64_t ns;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    if (!iso_time(s.ptr, s.len, false, &ns)) return bad_value(r, s, "a TIME (HH:mm:ss[.f])");
    emit_i32(b, (int32_t)(ns / 1000000));
    return 0;
}

static bool is_zero_time(struct sv s) {
    return s.len >= 19 && memcmp(s.ptr, "0000-00-00", 10) == 0;
}

static int read_timestamp(struct json_reader *r, const struct type *t, struct col_builder *b) {
    static const char *const want[2][2] = {
        {"a TIMESTAMP (yyyy-MM-dd HH:mm:ss[.f])", "a TIMESTAMP_LTZ (yyyy-MM-dd HH:mm:ss[.f]Z)"},
        {"a TIMESTAMP (yyyy-MM-ddTHH:mm:ss[.f])", "a TIMESTAMP_LTZ (yyyy-MM-ddTHH:mm:ss[.f]Z)"}};
    struct sv s;
    int64_t ms;
    int32_t ns;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    bool ltz = t->kind == TYPE_TIMESTAMP_LTZ;
    enum json_time_format f = r->options.time;
    if (!iso_timestamp(s.ptr, s.len, f == JSON_TIME_SQL ? ' ' : 'T', f != JSON_TIME_SQL, ltz, &ms,
                       &ns)) {
        if (r->options.zero_time_is_null && is_zero_time(s)) {
            emit_null(b);
            return 0;
        }
        return bad_value(r, s, want[f][ltz]);
    }
    emit_timestamp(b, ms, ns);
    return 0;
}

static int read_bytes(struct json_reader *r, struct col_builder *b) {
    if (json_peek(r) != '"') {
        return json_fail(r, "BYTES must be a string of base64");
    }
    struct sv s;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    str_clear(&r->scratch2);
    str_reserve(&r->scratch2, s.len + 4);
    long n = base64_decode(s.ptr, s.len, (uint8_t *)r->scratch2.ptr);
    if (n < 0) return bad_value(r, s, "base64");
    col_add_str(b, r->scratch2.ptr, (size_t)n);
    return 0;
}

/* Containers as compact text: strings as they stand, floats as Java prints doubles. */
static int container_text(struct json_reader *r, struct str *out) {
    int depth = 0;
    do {
        char c = json_peek(r);
        if (!c) return json_fail(r, "the record ends within a value");
        if (c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',') {
            if (c == '{' || c == '[') depth++;
            if (c == '}' || c == ']') depth--;
            str_add_char(out, c);
            r->tok++;
            continue;
        }
        struct sv s = json_token(r, r->tok++);
        if (c != '"' && !json_scalar_valid(s)) return bad_value(r, s, "a JSON value");
        double v;
        if (c != '"' && c != 't' && c != 'f' && c != 'n' &&
            (memchr(s.ptr, '.', s.len) || memchr(s.ptr, 'e', s.len) || memchr(s.ptr, 'E', s.len)) &&
            text_parse_f64(s.ptr, s.len, &v) == TEXT_OK) {
            char tmp[TEXT_F64_MAX_BYTES];
            str_add_n(out, tmp, text_fmt_f64(tmp, v));
        } else {
            str_add_sv(out, s);
        }
    } while (depth);
    return 0;
}

/* Unescapes straight into the column's heap. */
static int escaped_string(struct json_reader *r, struct sv body, struct col_builder *b) {
    struct heap *h = col_heap(&b->col);
    uint8_t *p = heap_alloc(h, body.len);
    long n = json_unescape((char *)p, body.ptr, body.len);
    if (n < 0) return json_fail(r, "a string has a bad escape");
    heap_trim(h, p, (size_t)n);
    col_add_str_borrowed(b, (const char *)p, (size_t)n);
    return 0;
}

static int read_string(struct json_reader *r, struct col_builder *b) {
    char c = json_peek(r);
    if (unlikely(c == '{' || c == '[')) {
        str_clear(&r->scratch);
        int rc = container_text(r, &r->scratch);
        if (!rc) col_add_str(b, str_text(&r->scratch), r->scratch.len);
        return rc;
    }
    if (c == '"') {
        struct sv body;
        int rc = json_string_body(r, &body);
        if (rc) return rc;
        size_t plain = json_plain_prefix(body);
        if (unlikely(plain < body.len)) return escaped_string(r, body, b);
        if (r->borrow)
            emit_str_borrowed(b, body.ptr, body.len);
        else
            col_add_str(b, body.ptr, body.len);
        return 0;
    }
    struct sv s;
    int rc = json_text(r, &r->scratch, &s);
    if (!rc) col_add_str(b, s.ptr, s.len);
    return rc;
}

int json_scalar(struct json_reader *r, const struct type *t, struct col_builder *b) {
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return read_bool(r, b);
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        return read_int(r, t, b);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return read_float(r, t, b);
    case TYPE_DECIMAL:
        return read_decimal(r, t, b);
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        return read_string(r, b);
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        return read_bytes(r, b);
    case TYPE_DATE:
        return read_date(r, b);
    case TYPE_TIME:
        return read_time(r, b);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return read_timestamp(r, t, b);
    default: {
        int rc = json_skip(r);
        if (!rc) emit_null(b);
        return rc;
    }
    }
}

int json_scalar_check(const struct type *t, struct err *err) {
    if (t->kind <= TYPE_INTERVAL_DAY_TIME) return 0;
    AUTO_STR s = STR_INIT;
    type_print(t, &s);
    return err_set(err, ERR_UNSUPPORTED, "JSON can't carry a %s", str_text(&s));
}
