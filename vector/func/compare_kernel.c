/* compare_kernel.c - comparison loops by type, made from macros so that they vectorise. NaN
 * compares as in Java: equal to nothing, neither below nor above anything. */
#include "vector/func/compare_kernel.h"

#define DEF_LOOP(name, ctype, OP)                                                                  \
    ATTR_KERNEL static void name##_vv(const void *xp, const void *yp, uint8_t *restrict d,         \
                                      uint32_t n) {                                                \
        const ctype *restrict x = xp;                                                              \
        const ctype *restrict y = yp;                                                              \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = x[i] OP y[i];                                                                   \
    }                                                                                              \
    ATTR_KERNEL static void name##_vc(const void *xp, const void *yp, uint8_t *restrict d,         \
                                      uint32_t n) {                                                \
        const ctype *restrict x = xp;                                                              \
        const ctype y = *(const ctype *)yp;                                                        \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = x[i] OP y;                                                                      \
    }

#define DEF_TYPE(name, ctype)                                                                      \
    DEF_LOOP(eq_##name, ctype, ==)                                                                 \
    DEF_LOOP(ne_##name, ctype, !=)                                                                 \
    DEF_LOOP(lt_##name, ctype, <)                                                                  \
    DEF_LOOP(le_##name, ctype, <=)                                                                 \
    DEF_LOOP(gt_##name, ctype, >)                                                                  \
    DEF_LOOP(ge_##name, ctype, >=)

DEF_TYPE(u8, uint8_t)
DEF_TYPE(i8, int8_t)
DEF_TYPE(i16, int16_t)
DEF_TYPE(i32, int32_t)
DEF_TYPE(i64, int64_t)
DEF_TYPE(i128, i128)
DEF_TYPE(f32, float)
DEF_TYPE(f64, double)

typedef void (*loop_fn)(const void *x, const void *y, uint8_t *restrict d, uint32_t n);

#define ROW(name)                                                                                  \
    {                                                                                              \
        {eq_##name##_vv, eq_##name##_vc}, {ne_##name##_vv, ne_##name##_vc},                        \
            {lt_##name##_vv, lt_##name##_vc}, {le_##name##_vv, le_##name##_vc},                    \
            {gt_##name##_vv, gt_##name##_vc}, {ge_##name##_vv, ge_##name##_vc},                    \
    }

static const loop_fn loops[PHYS_COUNT][6][2] = {
    [PHYS_BOOL] = ROW(u8), [PHYS_I8] = ROW(i8),     [PHYS_I16] = ROW(i16), [PHYS_I32] = ROW(i32),
    [PHYS_I64] = ROW(i64), [PHYS_I128] = ROW(i128), [PHYS_F32] = ROW(f32), [PHYS_F64] = ROW(f64),
};

void compare_vectors(enum phys phys, enum cmp_op op, const void *x, const void *y, bool y_one,
                     uint8_t *d, uint32_t n) {
    CHECK(loops[phys][op][y_one] != NULL);
    loops[phys][op][y_one](x, y, d, n);
}
