/* arith_loop.c - arithmetic loops by type, made from macros so that they vectorise. Integers are
 * computed unsigned, so that overflow wraps as in Java. */
#include "vector/func/arith.h"

#include <math.h>

#define DEF_LOOP(name, ctype, EXPR)                                                                \
    ATTR_KERNEL static void name##_vv(const void *xp, const void *yp, void *rp, uint32_t n) {      \
        const ctype *restrict xs = xp;                                                             \
        const ctype *restrict ys = yp;                                                             \
        ctype *restrict rs = rp;                                                                   \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const ctype x = xs[i], y = ys[i];                                                      \
            rs[i] = (ctype)(EXPR);                                                                 \
        }                                                                                          \
    }                                                                                              \
    ATTR_KERNEL static void name##_vc(const void *xp, const void *yp, void *rp, uint32_t n) {      \
        const ctype *restrict xs = xp;                                                             \
        ctype *restrict rs = rp;                                                                   \
        const ctype y = *(const ctype *)yp;                                                        \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const ctype x = xs[i];                                                                 \
            rs[i] = (ctype)(EXPR);                                                                 \
        }                                                                                          \
    }                                                                                              \
    ATTR_KERNEL static void name##_cv(const void *xp, const void *yp, void *rp, uint32_t n) {      \
        const ctype *restrict ys = yp;                                                             \
        ctype *restrict rs = rp;                                                                   \
        const ctype x = *(const ctype *)xp;                                                        \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const ctype y = ys[i];                                                                 \
            rs[i] = (ctype)(EXPR);                                                                 \
        }                                                                                          \
    }

/* MIN / -1 wraps to MIN, as in Java; NULL rows may hold 0. */
#define INT_DIV(x, y, u) ((y) == -1 ? (u)0 - (u)(x) : (u)((y) ? (x) / (y) : 0))
#define INT_MOD(x, y, u) ((y) == -1 || !(y) ? 0 : (x) % (y))

#define DEF_INT(name, ctype, u)                                                                    \
    DEF_LOOP(add_##name, ctype, (u)x + (u)y)                                                       \
    DEF_LOOP(sub_##name, ctype, (u)x - (u)y)                                                       \
    DEF_LOOP(mul_##name, ctype, (u)x *(u)y)                                                        \
    DEF_LOOP(div_##name, ctype, INT_DIV(x, y, u))                                                  \
    DEF_LOOP(mod_##name, ctype, INT_MOD(x, y, u))                                                  \
    ATTR_KERNEL static void neg_##name(const void *xp, void *rp, uint32_t n) {                     \
        const ctype *restrict xs = xp;                                                             \
        ctype *restrict rs = rp;                                                                   \
        for (uint32_t i = 0; i < n; i++)                                                           \
            rs[i] = (ctype)((u)0 - (u)xs[i]);                                                      \
    }

#define DEF_FLOAT(name, ctype, MOD)                                                                \
    DEF_LOOP(add_##name, ctype, x + y)                                                             \
    DEF_LOOP(sub_##name, ctype, x - y)                                                             \
    DEF_LOOP(mul_##name, ctype, x *y)                                                              \
    DEF_LOOP(div_##name, ctype, x / y)                                                             \
    DEF_LOOP(mod_##name, ctype, MOD(x, y))                                                         \
    ATTR_KERNEL static void neg_##name(const void *xp, void *rp, uint32_t n) {                     \
        const ctype *restrict xs = xp;                                                             \
        ctype *restrict rs = rp;                                                                   \
        for (uint32_t i = 0; i < n; i++)                                                           \
            rs[i] = -xs[i];                                                                        \
    }

DEF_INT(i8, int8_t, uint32_t)
DEF_INT(i16, int16_t, uint32_t)
DEF_INT(i32, int32_t, uint32_t)
DEF_INT(i64, int64_t, uint64_t)
DEF_INT(i128, i128, unsigned __int128)
DEF_FLOAT(f32, float, fmodf)
DEF_FLOAT(f64, double, fmod)

typedef void (*loop_fn)(const void *x, const void *y, void *r, uint32_t n);
typedef void (*neg_fn)(const void *x, void *r, uint32_t n);

#define OP(op, name)                                                                               \
    { op##_##name##_vv, op##_##name##_vc, op##_##name##_cv }
#define ROW(name)                                                                                  \
    { OP(add, name), OP(sub, name), OP(mul, name), OP(div, name), OP(mod, name) }

static const loop_fn loops[PHYS_COUNT][5][3] = {
    [PHYS_I8] = ROW(i8),     [PHYS_I16] = ROW(i16), [PHYS_I32] = ROW(i32), [PHYS_I64] = ROW(i64),
    [PHYS_I128] = ROW(i128), [PHYS_F32] = ROW(f32), [PHYS_F64] = ROW(f64),
};

static const neg_fn negs[PHYS_COUNT] = {
    [PHYS_I8] = neg_i8,     [PHYS_I16] = neg_i16, [PHYS_I32] = neg_i32, [PHYS_I64] = neg_i64,
    [PHYS_I128] = neg_i128, [PHYS_F32] = neg_f32, [PHYS_F64] = neg_f64,
};

/* Division of integers below 2^52 by way of floating point, which vectorises where 64-bit integer
 * division is slow: the quotient is off by at most one. step_y 0: y[0] divides all. */
#define DEF_SMALL(name, RESULT, EXTRA)                                                             \
    ATTR_KERNEL static void name##_vv(const int64_t *restrict xs, const int64_t *restrict ys,      \
                                      int64_t *restrict rs, uint32_t n) {                          \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const int64_t x = xs[i], y = ys[i] + (ys[i] == 0); /* 0 in NULL rows only */           \
            int64_t q = (int64_t)((double)x / (double)y), r = x - q * y;                           \
            EXTRA;                                                                                 \
            rs[i] = RESULT;                                                                        \
        }                                                                                          \
    }                                                                                              \
    ATTR_KERNEL static void name##_vc(const int64_t *restrict xs, int64_t y, int64_t *restrict rs, \
                                      uint32_t n) {                                                \
        const double inv = 1.0 / (double)y;                                                        \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const int64_t x = xs[i];                                                               \
            int64_t q = (int64_t)((double)x * inv), r = x - q * y;                                 \
            EXTRA;                                                                                 \
            rs[i] = RESULT;                                                                        \
        }                                                                                          \
    }
/* The remainder must have x's sign (or be 0) and be smaller than y. s: which way y points, seen
 * from x. Without branches, so that it vectorises. */
#define FIX                                                                                        \
    const int64_t s = (x ^ y) >> 63 | 1, a = (y ^ y >> 63) - (y >> 63);                            \
    const int64_t abs_r = (r ^ r >> 63) - (r >> 63);                                               \
    const int64_t low = ((r ^ x) < 0) & (r != 0), high = abs_r >= a;                               \
    q += s * ((high & ~low) - low);                                                                \
    r = x - q * y
DEF_SMALL(small_div, q, FIX)
DEF_SMALL(small_mod, r, FIX)

ATTR_KERNEL static uint64_t largest(const int64_t *restrict xs, uint32_t n) {
    uint64_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t a = (uint64_t)(xs[i] < 0 ? ~xs[i] : xs[i]);
        m |= a;
    }
    return m;
}

/* Whether small_div and small_mod will do; does the work if so. */
static bool divide_small(enum arith_op op, const struct arg *x, const struct arg *y, void *r,
                         uint32_t n) {
    static const uint64_t limit = (uint64_t)1 << 52;
    int64_t d = *(const int64_t *)y->data;
    if (arg_const(x) || largest(x->data, n) >= limit) return false;
    if (!arg_const(y)) {
        if (largest(y->data, n) >= limit) return false;
        (op == ARITH_DIV ? small_div_vv : small_mod_vv)(x->data, y->data, r, n);
        return true;
    }
    if (d == 0 || d <= -(int64_t)limit || d >= (int64_t)limit) return false;
    (op == ARITH_DIV ? small_div_vc : small_mod_vc)(x->data, d, r, n);
    return true;
}

void arith_vectors(enum phys phys, enum arith_op op, const struct arg *x, const struct arg *y,
                   void *r, uint32_t n) {
    int form = arg_const(y) ? 1 : arg_const(x) ? 2 : 0;
    if (phys == PHYS_I64 && op >= ARITH_DIV && divide_small(op, x, y, r, n)) return;
    CHECK(loops[phys][op][form] != NULL);
    loops[phys][op][form](x->data, y->data, r, n);
}

void arith_negate(enum phys phys, const void *x, void *r, uint32_t n) {
    negs[phys](x, r, n);
}

#define DEF_ZERO(name, ctype)                                                                      \
    ATTR_KERNEL static bool any_zero_##name(const void *yp, uint32_t n) {                          \
        const ctype *restrict ys = yp;                                                             \
        uint8_t any = 0;                                                                           \
        for (uint32_t i = 0; i < n; i++)                                                           \
            any |= ys[i] == 0;                                                                     \
        return any;                                                                                \
    }                                                                                              \
    static bool is_zero_##name(const void *yp, uint32_t i) {                                       \
        return ((const ctype *)yp)[i] == 0;                                                        \
    }
DEF_ZERO(i8, int8_t)
DEF_ZERO(i16, int16_t)
DEF_ZERO(i32, int32_t)
DEF_ZERO(i64, int64_t)
DEF_ZERO(i128, i128)

static const struct {
    bool (*any)(const void *y, uint32_t n);
    bool (*at)(const void *y, uint32_t i);
} zeros[PHYS_COUNT] = {
    [PHYS_I8] = {any_zero_i8, is_zero_i8},       [PHYS_I16] = {any_zero_i16, is_zero_i16},
    [PHYS_I32] = {any_zero_i32, is_zero_i32},    [PHYS_I64] = {any_zero_i64, is_zero_i64},
    [PHYS_I128] = {any_zero_i128, is_zero_i128},
};

uint32_t arith_find_zero(enum phys phys, const struct arg *y, const struct column *ret,
                         uint32_t n) {
    if (!zeros[phys].any(y->data, arg_const(y) ? 1 : n)) return UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (col_is_valid(ret, i) && zeros[phys].at(y->data, arg_row(y, i))) return i;
    return UINT32_MAX;
}
