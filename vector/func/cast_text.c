/* cast_text.c - casts from and to character and byte strings. */
#include "vector/func/cast.h"

#include "vector/func/tz.h"
#include "vector/value_text.h"

#include <limits.h>
#include <string.h>

/* ---- from text ------------------------------------------------------------------------------ */

#define TEXT_AT(j, i) strv_sv(&COL_DATA((j)->src, struct strv)[i])

static int cast_text_int(struct cast_job *j, struct err *err) {
    static const int64_t lo[] = {[PHYS_I8] = INT8_MIN,
                                 [PHYS_I16] = INT16_MIN,
                                 [PHYS_I32] = INT32_MIN,
                                 [PHYS_I64] = INT64_MIN};
    static const int64_t hi[] = {[PHYS_I8] = INT8_MAX,
                                 [PHYS_I16] = INT16_MAX,
                                 [PHYS_I32] = INT32_MAX,
                                 [PHYS_I64] = INT64_MAX};
    enum phys p = j->dst->phys;
    int64_t min = lo[p], max = hi[p];
    for (uint32_t i = 0; i < j->src->n; i++) {
        struct sv s = TEXT_AT(j, i);
        int64_t v = 0;
        enum text_status st = text_parse_i64(s.ptr, s.len, min, max, &v);
        if (unlikely(st)) {
            int rc = cast_fail_text(j, i, st, s, err);
            if (rc) return rc;
        }
        switch (p) {
        case PHYS_I8:
            COL_DATA(j->dst, int8_t)[i] = (int8_t)v;
            break;
        case PHYS_I16:
            COL_DATA(j->dst, int16_t)[i] = (int16_t)v;
            break;
        case PHYS_I32:
            COL_DATA(j->dst, int32_t)[i] = (int32_t)v;
            break;
        default:
            COL_DATA(j->dst, int64_t)[i] = v;
        }
    }
    return 0;
}

/* One loop for every type whose parser fits `parse`. */
#define FROM_TEXT(name, ctype, init, parse)                                                        \
    static int cast_text_##name(struct cast_job *j, struct err *err) {                             \
        ctype *d = j->dst->data;                                                                   \
        for (uint32_t i = 0; i < j->src->n; i++) {                                                 \
            struct sv s = TEXT_AT(j, i);                                                           \
            ctype v = init;                                                                        \
            enum text_status st = parse;                                                           \
            if (unlikely(st)) {                                                                    \
                int rc = cast_fail_text(j, i, st, s, err);                                         \
                if (rc) return rc;                                                                 \
                v = init;                                                                          \
            }                                                                                      \
            d[i] = v;                                                                              \
        }                                                                                          \
        return 0;                                                                                  \
    }

FROM_TEXT(f64, double, 0, text_parse_f64(s.ptr, s.len, &v))
FROM_TEXT(f32, float, 0, text_parse_f32(s.ptr, s.len, &v))
FROM_TEXT(date, int32_t, 0, text_parse_date(s.ptr, s.len, &v))
FROM_TEXT(time, int32_t, 0, text_parse_time(s.ptr, s.len, j->to->precision, &v))
FROM_TEXT(decimal, i128, 0, text_parse_decimal(s.ptr, s.len, j->to->precision, j->to->scale, &v))

static enum text_status parse_bool(struct sv s, uint8_t *ret) {
    bool b = false;
    enum text_status st = text_parse_bool(s.ptr, s.len, &b);
    *ret = b;
    return st;
}

FROM_TEXT(bool, uint8_t, 0, parse_bool(s, &v))

static int cast_text_timestamp(struct cast_job *j, struct err *err) {
    bool ltz = j->to->kind == TYPE_TIMESTAMP_LTZ, nanos = type_is_nanos(j->to);
    for (uint32_t i = 0; i < j->src->n; i++) {
        struct sv s = TEXT_AT(j, i);
        int64_t ms = 0;
        int32_t ns = 0;
        enum text_status st = text_parse_timestamp(s.ptr, s.len, &ms, &ns, NULL);
        if (unlikely(st)) {
            int rc = cast_fail_text(j, i, st, s, err);
            if (rc) return rc;
            ms = ns = 0;
        }
        text_cut_timestamp(j->to->precision, &ms, &ns);
        if (ltz) ms = tz_local_to_utc(j->env->zone, ms);
        if (nanos)
            COL_DATA(j->dst, i128)[i] = text_timestamp_ns(ms, ns);
        else
            COL_DATA(j->dst, int64_t)[i] = ms;
    }
    return 0;
}

/* Bytes of text or bytes: cut to the length, BINARY(n) filled up with zeros. */
static int cast_bytes(struct cast_job *j, struct err *err) {
    struct strv *d = j->dst->data;
    uint32_t len = (uint32_t)j->to->length;
    bool pad = j->to->kind == TYPE_BINARY && !j->env->legacy_cast;
    heap_borrow(col_heap(j->dst), j->src->heap);
    for (uint32_t i = 0; i < j->src->n; i++) {
        struct sv s = TEXT_AT(j, i);
        if (s.len >= len) {
            d[i] = strv_borrow(s.ptr, len);
        } else if (!pad || !col_is_valid(j->dst, i)) {
            d[i] = COL_DATA(j->src, struct strv)[i];
        } else {
            char *p = (char *)heap_alloc(col_heap(j->dst), len);
            memcpy(p, s.ptr, s.len);
            memset(p + s.len, 0, len - s.len);
            d[i] = strv_borrow(p, len);
        }
    }
    return 0;
}

cast_fn cast_kernel_from_text(const struct type *from, const struct type *to) {
    if (type_is_binary(to)) return cast_bytes;
    if (!type_is_char(from)) return NULL;
    switch (to->kind) {
    case TYPE_BOOLEAN:
        return cast_text_bool;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        return cast_text_int;
    case TYPE_FLOAT:
        return cast_text_f32;
    case TYPE_DOUBLE:
        return cast_text_f64;
    case TYPE_DECIMAL:
        return cast_text_decimal;
    case TYPE_DATE:
        return cast_text_date;
    case TYPE_TIME:
        return cast_text_time;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return cast_text_timestamp;
    default:
        return NULL;
    }
}

/* ---- to text -------------------------------------------------------------------------------- */

void cast_put_text(struct column *dst, uint32_t i, const struct type *to, const char *p, size_t n) {
    struct strv *d = dst->data;
    size_t want = (size_t)to->length;
    if (n > want) n = text_utf8_offset(p, n, want);
    if (to->kind == TYPE_CHAR) {
        size_t have = text_utf8_count(p, n);
        if (have < want) {
            char *b = (char *)heap_alloc(col_heap(dst), n + want - have);
            memcpy(b, p, n);
            memset(b + n, ' ', want - have);
            d[i] = strv_borrow(b, (uint32_t)(n + want - have));
            return;
        }
    }
    d[i] = strv_copy(col_heap(dst), p, (uint32_t)n);
}

/* CHAR and VARCHAR to a shorter or padded one; unchanged text is borrowed. */
static int cast_text_text(struct cast_job *j, struct err *err) {
    struct strv *d = j->dst->data;
    const struct strv *s = j->src->data;
    size_t want = (size_t)j->to->length;
    bool pad = j->to->kind == TYPE_CHAR;
    heap_borrow(col_heap(j->dst), j->src->heap);
    for (uint32_t i = 0; i < j->src->n; i++) {
        struct sv v = strv_sv(&s[i]);
        if (j->env->legacy_cast || (v.len <= want && (!pad || v.len == want))) {
            bool exact = !pad || text_is_ascii(v.ptr, v.len);
            if (j->env->legacy_cast || exact) {
                d[i] = s[i];
                continue;
            }
        }
        size_t cut = v.len > want ? text_utf8_offset(v.ptr, v.len, want) : v.len;
        if (pad && col_is_valid(j->dst, i))
            cast_put_text(j->dst, i, j->to, v.ptr, cut);
        else
            d[i] = strv_borrow(strv_data(&s[i]), (uint32_t)cut);
    }
    return 0;
}

/* Loop with a formatter that writes into `buf` and returns the length. */
#define TO_TEXT(name, ctype, size, fmt)                                                            \
    static int cast_##name##_text(struct cast_job *j, struct err *err) {                           \
        const ctype *s = j->src->data;                                                             \
        char buf[size];                                                                            \
        for (uint32_t i = 0; i < j->src->n; i++) {                                                 \
            ctype v = s[i];                                                                        \
            size_t n = col_is_valid(j->dst, i) ? (fmt) : 0;                                        \
            cast_put_text(j->dst, i, j->to, buf, n);                                               \
        }                                                                                          \
        return 0;                                                                                  \
    }

static size_t fmt_bool(char *buf, bool v, bool legacy) {
    const char *text = legacy ? (v ? "true" : "false") : v ? "TRUE" : "FALSE";
    size_t n = strlen(text);
    memcpy(buf, text, n);
    return n;
}

TO_TEXT(bool, uint8_t, 8, fmt_bool(buf, v, j->env->legacy_cast))
TO_TEXT(i8, int8_t, TEXT_I64_MAX_BYTES, text_fmt_i64(buf, v))
TO_TEXT(i16, int16_t, TEXT_I64_MAX_BYTES, text_fmt_i64(buf, v))
TO_TEXT(i32, int32_t, TEXT_I64_MAX_BYTES, text_fmt_i64(buf, v))
TO_TEXT(i64, int64_t, TEXT_I64_MAX_BYTES, text_fmt_i64(buf, v))
TO_TEXT(f32, float, TEXT_F64_MAX_BYTES, text_fmt_f32(buf, v))
TO_TEXT(f64, double, TEXT_F64_MAX_BYTES, text_fmt_f64(buf, v))
TO_TEXT(decimal, i128, TEXT_DECIMAL_MAX_BYTES, text_fmt_decimal(buf, v, j->from->scale))
TO_TEXT(date, int32_t, TEXT_DATE_MAX_BYTES, text_fmt_date(buf, v))
TO_TEXT(time, int32_t, TEXT_TIME_MAX_BYTES, text_fmt_time(buf, v, j->from->precision))
TO_TEXT(interval_ym, int32_t, TEXT_INTERVAL_MAX_BYTES, text_fmt_interval_ym(buf, v))
TO_TEXT(interval_dt, int64_t, TEXT_INTERVAL_MAX_BYTES, text_fmt_interval_dt(buf, v))

static int cast_timestamp_text(struct cast_job *j, struct err *err) {
    bool ltz = j->from->kind == TYPE_TIMESTAMP_LTZ;
    char buf[TEXT_TIMESTAMP_MAX_BYTES];
    for (uint32_t i = 0; i < j->src->n; i++) {
        int64_t ms = 0;
        int32_t ns = 0;
        if (col_is_valid(j->dst, i)) {
            if (j->src->phys == PHYS_I128)
                text_timestamp_split(COL_DATA(j->src, i128)[i], &ms, &ns);
            else
                ms = COL_DATA(j->src, int64_t)[i];
            if (ltz) ms = tz_utc_to_local(j->env->zone, ms);
        }
        size_t n = text_fmt_timestamp(buf, ms, ns, j->from->precision, ' ');
        cast_put_text(j->dst, i, j->to, buf, n);
    }
    return 0;
}

static int cast_binary_text(struct cast_job *j, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < j->src->n; i++) {
        struct sv s = TEXT_AT(j, i);
        str_clear(&tmp);
        if (col_is_valid(j->dst, i)) value_text_utf8(s.ptr, s.len, &tmp);
        cast_put_text(j->dst, i, j->to, str_text(&tmp), tmp.len);
    }
    return 0;
}

/* ARRAY, MAP, MULTISET, ROW: [1, NULL], {a=1}, (1, x). */
static int cast_nested_text(struct cast_job *j, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < j->src->n; i++) {
        str_clear(&tmp);
        if (col_is_valid(j->dst, i)) value_text(j->src, i, j->env->zone, VALUE_TEXT_CAST, &tmp);
        cast_put_text(j->dst, i, j->to, str_text(&tmp), tmp.len);
    }
    return 0;
}

cast_fn cast_kernel_to_text(const struct type *from, const struct type *to) {
    switch (from->kind) {
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        return cast_text_text;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        return cast_binary_text;
    case TYPE_BOOLEAN:
        return cast_bool_text;
    case TYPE_TINYINT:
        return cast_i8_text;
    case TYPE_SMALLINT:
        return cast_i16_text;
    case TYPE_INT:
        return cast_i32_text;
    case TYPE_BIGINT:
        return cast_i64_text;
    case TYPE_FLOAT:
        return cast_f32_text;
    case TYPE_DOUBLE:
        return cast_f64_text;
    case TYPE_DECIMAL:
        return cast_decimal_text;
    case TYPE_DATE:
        return cast_date_text;
    case TYPE_TIME:
        return cast_time_text;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return cast_timestamp_text;
    case TYPE_INTERVAL_YEAR_MONTH:
        return cast_interval_ym_text;
    case TYPE_INTERVAL_DAY_TIME:
        return cast_interval_dt_text;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW:
    case TYPE_BITMAP:
        return cast_nested_text;
    default:
        return NULL;
    }
}
