/* math_round.c - ABS, SIGN, CEIL, FLOOR, ROUND, TRUNCATE on all kinds of numbers. Rounding of
 * binary fractions works on their shortest decimal text, as Java's BigDecimal.valueOf does:
 * ROUND(1.005, 2) is 1.01. */
#include "vector/func/args.h"

#include "vector/decimal.h"
#include "vector/text_float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ABS, SIGN ------------------------------------------------------------------------------ */

#define DEF_ABS(name, ctype, EXPR)                                                                 \
    ATTR_KERNEL static void abs_##name(const void *xp, void *rp, uint32_t n) {                     \
        const ctype *restrict xs = xp;                                                             \
        ctype *restrict rs = rp;                                                                   \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const ctype x = xs[i];                                                                 \
            rs[i] = (ctype)(EXPR);                                                                 \
        }                                                                                          \
    }
DEF_ABS(i8, int8_t, x < 0 ? 0u - (uint32_t)x : (uint32_t)x)
DEF_ABS(i16, int16_t, x < 0 ? 0u - (uint32_t)x : (uint32_t)x)
DEF_ABS(i32, int32_t, x < 0 ? 0u - (uint32_t)x : (uint32_t)x)
DEF_ABS(i64, int64_t, x < 0 ? 0u - (uint64_t)x : (uint64_t)x)
DEF_ABS(i128, i128, x < 0 ? -(unsigned __int128)x : (unsigned __int128)x)
DEF_ABS(f32, float, fabsf(x))
DEF_ABS(f64, double, fabs(x))

static int kernel_abs(struct kernel_call *k, struct err *err) {
    static void (*const fns[PHYS_COUNT])(const void *, void *, uint32_t) = {
        [PHYS_I8] = abs_i8,     [PHYS_I16] = abs_i16, [PHYS_I32] = abs_i32, [PHYS_I64] = abs_i64,
        [PHYS_I128] = abs_i128, [PHYS_F32] = abs_f32, [PHYS_F64] = abs_f64,
    };
    fns[k->ret->phys](k->args[0]->data, k->ret->data, k->n);
    return 0;
}

#define SIGN_LOOP(ctype, one)                                                                      \
    do {                                                                                           \
        const ctype *s = k->args[0]->data;                                                         \
        ctype *r = k->ret->data;                                                                   \
        for (uint32_t i = 0; i < k->n; i++)                                                        \
            r[i] = s[i] > 0 ? (one) : s[i] < 0 ? (ctype) - (one) : s[i];                           \
    } while (0)

static int kernel_sign(struct kernel_call *k, struct err *err) {
    switch (k->ret->phys) {
    case PHYS_I8:
        SIGN_LOOP(int8_t, 1);
        break;
    case PHYS_I16:
        SIGN_LOOP(int16_t, 1);
        break;
    case PHYS_I32:
        SIGN_LOOP(int32_t, 1);
        break;
    case PHYS_I64:
        SIGN_LOOP(int64_t, 1);
        break;
    case PHYS_F32:
        SIGN_LOOP(float, 1);
        break;
    case PHYS_F64:
        SIGN_LOOP(double, 1);
        break;
    default: {
        i128 one = text_pow10(k->ret->type->scale);
        SIGN_LOOP(i128, one);
    }
    }
    return 0;
}

static int bind_same(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "n", err);
    fb->ret_type = fb->args[0]->type;
    return rc;
}

static int bind_abs(struct func_bind *fb, struct err *err) {
    if (!type_is_interval(fb->args[0]->type)) return bind_same(fb, err);
    fb->ret_type = fb->args[0]->type;
    return 0;
}

/* ---- rounding of one value ------------------------------------------------------------------- */

enum rounding { ROUND_HALF_UP, ROUND_DOWN, ROUND_FLOOR, ROUND_CEIL };

/* v / 10^drop in the given manner. */
static i128 drop_digits(i128 v, int drop, enum rounding how) {
    if (drop > 38) return how == ROUND_FLOOR && v < 0 ? -1 : how == ROUND_CEIL && v > 0 ? 1 : 0;
    i128 p = text_pow10(drop);
    if (how == ROUND_HALF_UP) return i128_div_round(v, p);
    i128 q = v / p, rem = v - q * p;
    if (how == ROUND_FLOOR && rem < 0) q--;
    if (how == ROUND_CEIL && rem > 0) q++;
    return q;
}

/* v of the given scale to `digits` behind the point, and back to scale `to`; false on overflow. */
static bool round_decimal(i128 v, int scale, int digits, int to, int precision, enum rounding how,
                          i128 *ret) {
    if (digits < scale) {
        v = drop_digits(v, scale - digits, how);
        scale = digits;
    }
    if (to > scale) {
        if (to - scale > 38) {
            *ret = 0;
            return v == 0;
        }
        if (__builtin_mul_overflow(v, text_pow10(to - scale), &v)) return false;
    }
    i128 limit = text_pow10(precision);
    *ret = v;
    return v < limit && v > -limit;
}

static int64_t round_int(int64_t v, int digits, enum rounding how) {
    if (digits >= 0) return v;
    if (digits < -19) return 0;
    return (int64_t)(drop_digits(v, -digits, how) * text_pow10(-digits));
}

/* digits[0..n) is the shortest text of |v|: d.ddd * 10^exp10. */
static double round_text(char *digits, int n, int exp10, bool neg, int places, enum rounding how) {
    int keep = exp10 + 1 + places; /* digits that stay */
    char text[64];
    if (keep >= n) keep = n;
    bool up = how == ROUND_HALF_UP && keep >= 0 && keep < n && digits[keep] >= '5';
    if (keep < 0) return neg ? -0.0 : 0.0;
    if (up) {
        int i = keep - 1;
        while (i >= 0 && digits[i] == '9')
            digits[i--] = '0';
        if (i >= 0) {
            digits[i]++;
        } else {
            memmove(digits + 1, digits, (size_t)keep);
            digits[0] = '1';
            keep++;
            exp10++;
        }
    }
    if (keep == 0) return neg ? -0.0 : 0.0;
    snprintf(text, sizeof(text), "%s%.*se%d", neg ? "-" : "", keep, digits, exp10 - keep + 1);
    return strtod(text, NULL);
}

/* Without text, where v * 10^places is clearly not at a boundary: the quotient of two exact
 * integers is the double nearest to the decimal, as reading its text would give. */
static bool round_fast(double v, int places, enum rounding how, double *ret) {
    static const double p10[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    if (places < 0 || places > 8) return false;
    double t = fabs(v) * p10[places], whole = floor(t), frac = t - whole, tol = t * 1e-15 + 1e-300;
    if (t > 1e14) return false;
    if (how == ROUND_HALF_UP) {
        if (fabs(frac - 0.5) <= tol) return false;
        whole += frac > 0.5;
    } else if (frac <= tol || 1 - frac <= tol) {
        return false;
    }
    double r = whole / p10[places];
    *ret = v < 0 && r != 0 ? -r : r;
    return true;
}

static double round_f64(double v, int places, enum rounding how) {
    char digits[32];
    int exp10;
    double fast;
    if (!isfinite(v) || v == 0) return v;
    if (round_fast(v, places, how, &fast)) return fast;
    int n = text_f64_digits(fabs(v), digits, &exp10);
    double r = round_text(digits, n, exp10, v < 0, places, how);
    return r == 0 ? 0.0 : r; /* BigDecimal has no -0 */
}

/* ---- ROUND, TRUNCATE ------------------------------------------------------------------------ */

static int round_rows(struct kernel_call *k, enum rounding how) {
    struct arg x = kernel_arg(k, 0), places = {0};
    if (k->n_args > 1) places = kernel_arg(k, 1);
    int scale = k->call->args[0]->type->scale;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        uint32_t row = arg_row(&x, i);
        int digits = k->n_args > 1 ? arg_i32(&places, i) : 0;
        digits = MAX(MIN(digits, 1000), -1000);
        switch (k->ret->phys) {
        case PHYS_I8:
            COL_DATA(k->ret, int8_t)
            [i] = (int8_t)round_int(((const int8_t *)x.data)[row], digits, how);
            break;
        case PHYS_I16:
            COL_DATA(k->ret, int16_t)
            [i] = (int16_t)round_int(((const int16_t *)x.data)[row], digits, how);
            break;
        case PHYS_I32:
            COL_DATA(k->ret, int32_t)[i] = (int32_t)round_int(arg_i32(&x, i), digits, how);
            break;
        case PHYS_I64:
            COL_DATA(k->ret, int64_t)[i] = round_int(arg_i64(&x, i), digits, how);
            break;
        case PHYS_F32:
            COL_DATA(k->ret, float)
            [i] = (float)round_f64((double)((const float *)x.data)[row], digits, how);
            break;
        case PHYS_F64:
            COL_DATA(k->ret, double)[i] = round_f64(arg_f64(&x, i), digits, how);
            break;
        default: {
            i128 v = 0;
            if (!round_decimal(((const i128 *)x.data)[row], scale, digits, k->ret->type->scale,
                               k->ret->type->precision, how, &v))
                col_set_null(k->ret, i);
            COL_DATA(k->ret, i128)[i] = v;
        }
        }
    }
    return 0;
}

static int kernel_round(struct kernel_call *k, struct err *err) {
    return round_rows(k, ROUND_HALF_UP);
}

static int kernel_truncate(struct kernel_call *k, struct err *err) {
    return round_rows(k, ROUND_DOWN);
}

/* The places of a call: a literal, possibly still a computed one (-2 is a negated 2). */
static bool literal_places(const struct expr *e, int64_t *ret) {
    if (e->kind == EXPR_CALL && strcmp(e->func->name, "NEGATE") == 0) {
        if (!literal_places(e->args[0], ret)) return false;
        *ret = -*ret;
        return true;
    }
    if (e->kind != EXPR_LITERAL || e->type->kind != TYPE_INT || !col_is_valid(e->literal, 0))
        return false;
    *ret = *(const int32_t *)e->literal->data;
    return true;
}

/* A DECIMAL's result type follows from literal places; else it stays. */
static int bind_round(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "ni", err);
    if (rc) return rc;
    const struct type *t = fb->args[0]->type;
    int64_t places = 0;
    bool known = fb->n_args == 1 || literal_places(fb->args[1], &places);
    fb->ret_type = type_with_null(fb->arena, t, args_nullable(fb));
    if (t->kind != TYPE_DECIMAL || !known) return 0;
    places = MAX(MIN(places, 100), -100);
    struct decimal_spec d = decimal_round_spec(decimal_spec_of(t), (int)places);
    fb->ret_type = type_decimal(fb->arena, d.precision, d.scale, fb->ret_type->nullable);
    return 0;
}

/* ---- CEIL, FLOOR ---------------------------------------------------------------------------- */

static int whole_rows(struct kernel_call *k, enum rounding how) {
    const struct column *c = k->args[0];
    int scale = k->call->args[0]->type->scale;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        if (c->phys == PHYS_F32) {
            float v = COL_DATA(c, float)[i];
            COL_DATA(k->ret, float)[i] = how == ROUND_FLOOR ? floorf(v) : ceilf(v);
        } else if (c->phys == PHYS_F64) {
            double v = COL_DATA(c, double)[i];
            COL_DATA(k->ret, double)[i] = how == ROUND_FLOOR ? floor(v) : ceil(v);
        } else {
            i128 v = 0;
            if (!round_decimal(COL_DATA(c, i128)[i], scale, 0, 0, k->ret->type->precision, how, &v))
                col_set_null(k->ret, i);
            COL_DATA(k->ret, i128)[i] = v;
        }
    }
    return 0;
}

static int kernel_ceil(struct kernel_call *k, struct err *err) {
    return whole_rows(k, ROUND_CEIL);
}

static int kernel_floor(struct kernel_call *k, struct err *err) {
    return whole_rows(k, ROUND_FLOOR);
}

static int bind_whole(struct func_bind *fb, struct err *err) {
    int rc = bind_same(fb, err);
    if (rc) return rc;
    const struct type *t = fb->ret_type;
    if (type_is_int(t)) fb->rewrite = fb->args[0];
    if (t->kind == TYPE_DECIMAL)
        fb->ret_type = type_decimal(fb->arena, t->precision, 0, t->nullable);
    return 0;
}

#define ROUND_FUNC(id, sql, more, sig, hi, bindfn, more_flags, text)                               \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .aliases = more,                                                                           \
        .category = "arithmetic",                                                                  \
        .signature = sig,                                                                          \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = hi,                                                                            \
        .flags = FUNC_STRICT | (more_flags),                                                       \
        .bind = bindfn,                                                                            \
        .kernel = kernel_##id,                                                                     \
    };

ROUND_FUNC(abs, "ABS", NULL, "ABS(numeric)", 1, bind_abs, 0, "Absolute value.")
ROUND_FUNC(ceil, "CEIL", "CEILING", "CEIL(numeric)", 1, bind_whole, 0, "Next whole number above.")
ROUND_FUNC(floor, "FLOOR", NULL, "FLOOR(numeric)", 1, bind_whole, 0, "Next whole number below.")
ROUND_FUNC(round, "ROUND", NULL, "ROUND(numeric [, places])", 2, bind_round, FUNC_CONST_ARGS,
           "Rounded half up to so many places behind the point (0), before it if negative.")
ROUND_FUNC(sign, "SIGN", NULL, "SIGN(numeric)", 1, bind_same, 0, "-1, 0 or 1.")
ROUND_FUNC(truncate, "TRUNCATE", NULL, "TRUNCATE(numeric [, places])", 2, bind_round,
           FUNC_CONST_ARGS, "Cut to so many places behind the point (0), before it if negative.")
