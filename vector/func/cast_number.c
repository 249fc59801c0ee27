/* cast_number.c - casts among BOOLEAN, numbers and intervals. Integers wrap and floating point
 * saturates as in Java (JLS 5.1.3); what doesn't fit a DECIMAL is NULL, as in Flink. */
#include "vector/func/cast.h"

#include <math.h>
#include <string.h>

static inline int32_t f64_to_i32(double v) {
    if (v != v) return 0;
    if (v >= 2147483647.0) return INT32_MAX;
    if (v <= -2147483648.0) return INT32_MIN;
    return (int32_t)v;
}

static inline int64_t f64_to_i64(double v) {
    if (v != v) return 0;
    if (v >= 9223372036854775808.0) return INT64_MAX;
    if (v <= -9223372036854775808.0) return INT64_MIN;
    return (int64_t)v;
}

/* Smaller integers go through int, so that they wrap. */
static inline int8_t f64_to_i8(double v) {
    return (int8_t)f64_to_i32(v);
}
static inline int16_t f64_to_i16(double v) {
    return (int16_t)f64_to_i32(v);
}

/* One kernel for each pair: X(from name, C type) times the targets. */
#define CONVERT(fname, ftype, tname, ttype, expr)                                                  \
    ATTR_KERNEL static void loop_##fname##_##tname(const ftype *restrict s, ttype *restrict d,     \
                                                   uint32_t n) {                                   \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            ftype v = s[i];                                                                        \
            d[i] = (expr);                                                                         \
        }                                                                                          \
    }                                                                                              \
    static int cast_##fname##_##tname(struct cast_job *j, struct err *err) {                       \
        loop_##fname##_##tname(j->src->data, j->dst->data, j->src->n);                             \
        return 0;                                                                                  \
    }

#define FROM_INT(f, ft)                                                                            \
    CONVERT(f, ft, b8, uint8_t, v != 0)                                                            \
    CONVERT(f, ft, i8, int8_t, (int8_t)v)                                                          \
    CONVERT(f, ft, i16, int16_t, (int16_t)v)                                                       \
    CONVERT(f, ft, i32, int32_t, (int32_t)v)                                                       \
    CONVERT(f, ft, i64, int64_t, (int64_t)v)                                                       \
    CONVERT(f, ft, f32, float, (float)v)                                                           \
    CONVERT(f, ft, f64, double, (double)v)

#define FROM_FLOAT(f, ft)                                                                          \
    CONVERT(f, ft, b8, uint8_t, v != 0)                                                            \
    CONVERT(f, ft, i8, int8_t, f64_to_i8((double)v))                                               \
    CONVERT(f, ft, i16, int16_t, f64_to_i16((double)v))                                            \
    CONVERT(f, ft, i32, int32_t, f64_to_i32((double)v))                                            \
    CONVERT(f, ft, i64, int64_t, f64_to_i64((double)v))                                            \
    CONVERT(f, ft, f32, float, (float)v)                                                           \
    CONVERT(f, ft, f64, double, (double)v)

FROM_INT(b8, uint8_t)
FROM_INT(i8, int8_t)
FROM_INT(i16, int16_t)
FROM_INT(i32, int32_t)
FROM_INT(i64, int64_t)
FROM_FLOAT(f32, float)
FROM_FLOAT(f64, double)

enum slot { SLOT_BOOL, SLOT_I8, SLOT_I16, SLOT_I32, SLOT_I64, SLOT_F32, SLOT_F64, SLOT_COUNT };

#define ROW_OF(f)                                                                                  \
    {                                                                                              \
        cast_##f##_b8, cast_##f##_i8, cast_##f##_i16, cast_##f##_i32, cast_##f##_i64,              \
            cast_##f##_f32, cast_##f##_f64                                                         \
    }

static const cast_fn primitive[SLOT_COUNT][SLOT_COUNT] = {
    ROW_OF(b8), ROW_OF(i8), ROW_OF(i16), ROW_OF(i32), ROW_OF(i64), ROW_OF(f32), ROW_OF(f64)};

static int slot_of(const struct type *t) {
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return SLOT_BOOL;
    case TYPE_TINYINT:
        return SLOT_I8;
    case TYPE_SMALLINT:
        return SLOT_I16;
    case TYPE_INT:
        return SLOT_I32;
    case TYPE_BIGINT:
        return SLOT_I64;
    case TYPE_FLOAT:
        return SLOT_F32;
    case TYPE_DOUBLE:
        return SLOT_F64;
    default:
        return -1;
    }
}

/* ---- to DECIMAL ----------------------------------------------------------------------------- */

static void put_decimal(struct cast_job *j, uint32_t i, bool fits, i128 v) {
    COL_DATA(j->dst, i128)[i] = fits ? v : 0;
    if (!fits) col_set_null(j->dst, i);
}

/* Every value of the integer type fits: a widening and a multiplication. */
#define WIDEN(ctype)                                                                               \
    do {                                                                                           \
        const ctype *s = j->src->data;                                                             \
        for (uint32_t i = 0; i < j->src->n; i++)                                                   \
            d[i] = s[i] * one;                                                                     \
    } while (0)

static void widen_int(struct cast_job *j) {
    i128 one = text_pow10(j->to->scale), *d = j->dst->data;
    switch (j->src->phys) {
    case PHYS_I8:
        WIDEN(int8_t);
        break;
    case PHYS_I16:
        WIDEN(int16_t);
        break;
    case PHYS_I32:
        WIDEN(int32_t);
        break;
    default:
        WIDEN(int64_t);
    }
}

static int cast_int_decimal(struct cast_job *j, struct err *err) {
    if (type_is_int(j->from) &&
        j->to->precision - j->to->scale >= decimal_spec_of(j->from).precision) {
        widen_int(j);
        return 0;
    }
    for (uint32_t i = 0; i < j->src->n; i++) {
        i128 v = 0;
        bool fits = text_rescale(col_int_at(j->src, i), 0, j->to->scale, j->to->precision, &v);
        put_decimal(j, i, fits, v);
    }
    return 0;
}

/* By way of the shortest decimal text, like Java's BigDecimal.valueOf. FLOAT is widened first. */
static int cast_float_decimal(struct cast_job *j, struct err *err) {
    for (uint32_t i = 0; i < j->src->n; i++) {
        double d = j->src->phys == PHYS_F32 ? (double)COL_DATA(j->src, float)[i]
                                            : COL_DATA(j->src, double)[i];
        i128 v = 0;
        bool fits = false;
        if (!isfinite(d)) {
            int rc = cast_fail(j, i, err, "Infinite or NaN");
            if (rc) return rc;
        } else {
            char buf[TEXT_F64_MAX_BYTES];
            size_t n = text_fmt_f64(buf, d);
            fits = text_parse_decimal(buf, n, j->to->precision, j->to->scale, &v) == TEXT_OK;
        }
        put_decimal(j, i, fits, v);
    }
    return 0;
}

static int cast_decimal_decimal(struct cast_job *j, struct err *err) {
    const i128 *s = j->src->data;
    for (uint32_t i = 0; i < j->src->n; i++) {
        i128 v = 0;
        bool fits = col_is_valid(j->dst, i) &&
                    text_rescale(s[i], j->from->scale, j->to->scale, j->to->precision, &v);
        put_decimal(j, i, fits, v);
    }
    return 0;
}

/* ---- from DECIMAL --------------------------------------------------------------------------- */

static int cast_decimal_int(struct cast_job *j, struct err *err) {
    const i128 *s = j->src->data;
    i128 unit = text_pow10(j->from->scale);
    for (uint32_t i = 0; i < j->src->n; i++) {
        int64_t v = (int64_t)(s[i] / unit);
        switch (j->dst->phys) {
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

static int cast_decimal_bool(struct cast_job *j, struct err *err) {
    const i128 *s = j->src->data;
    for (uint32_t i = 0; i < j->src->n; i++)
        COL_DATA(j->dst, uint8_t)[i] = s[i] != 0;
    return 0;
}

/* Exact where both unscaled value and power of ten are exact doubles, else by text. */
static double decimal_to_f64(i128 v, int scale) {
    if (v > -(1ll << 53) && v < (1ll << 53) && scale <= 22)
        return (double)(int64_t)v / (double)text_pow10(scale);
    char buf[TEXT_DECIMAL_MAX_BYTES];
    double d = 0;
    size_t n = text_fmt_decimal(buf, v, scale);
    CHECK(text_parse_f64(buf, n, &d) == TEXT_OK);
    return d;
}

static int cast_decimal_float(struct cast_job *j, struct err *err) {
    const i128 *s = j->src->data;
    for (uint32_t i = 0; i < j->src->n; i++) {
        double d = col_is_valid(j->dst, i) ? decimal_to_f64(s[i], j->from->scale) : 0;
        if (j->dst->phys == PHYS_F32)
            COL_DATA(j->dst, float)[i] = (float)d;
        else
            COL_DATA(j->dst, double)[i] = d;
    }
    return 0;
}

/* ---- intervals ------------------------------------------------------------------------------ */

static int64_t unit_of(const struct type *t) {
    switch (t->unit) {
    case IV_YEAR:
        return 12;
    case IV_DAY:
        return 86400000;
    case IV_HOUR:
        return 3600000;
    case IV_MINUTE:
        return 60000;
    case IV_SECOND:
        return 1000;
    default:
        return 1;
    }
}

/* CAST(5 AS INTERVAL DAY): five units. */
static int cast_number_interval(struct cast_job *j, struct err *err) {
    int64_t unit = unit_of(j->to);
    i128 one = j->from->kind == TYPE_DECIMAL ? text_pow10(j->from->scale) : 1;
    for (uint32_t i = 0; i < j->src->n; i++) {
        i128 v = j->src->phys == PHYS_I128 ? COL_DATA(j->src, i128)[i] : col_int_at(j->src, i);
        int64_t r = (int64_t)(v * unit / one);
        if (j->dst->phys == PHYS_I32)
            COL_DATA(j->dst, int32_t)[i] = (int32_t)r;
        else
            COL_DATA(j->dst, int64_t)[i] = r;
    }
    return 0;
}

cast_fn cast_kernel_number(const struct type *from, const struct type *to) {
    int f = slot_of(from), t = slot_of(to);
    if (f >= 0 && t >= 0) return primitive[f][t];
    if (type_is_interval(to) && type_is_exact(from)) return cast_number_interval;
    if (to->kind == TYPE_DECIMAL) {
        if (from->kind == TYPE_DECIMAL) return cast_decimal_decimal;
        if (type_is_approx(from)) return cast_float_decimal;
        return f >= 0 ? cast_int_decimal : NULL;
    }
    if (from->kind != TYPE_DECIMAL) return NULL;
    if (type_is_int(to)) return cast_decimal_int;
    if (type_is_approx(to)) return cast_decimal_float;
    return to->kind == TYPE_BOOLEAN ? cast_decimal_bool : NULL;
}
