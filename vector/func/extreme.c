/* extreme.c - GREATEST and LEAST. */
#include "vector/func/args.h"

#include "base/core/mem.h"

#include <string.h>

#define DEF_PICK(name, ctype)                                                                      \
    ATTR_KERNEL static void pick_##name(void *ret, const void *arg, bool greatest, uint32_t n) {   \
        ctype *restrict r = ret;                                                                   \
        const ctype *restrict s = arg;                                                             \
        if (greatest)                                                                              \
            for (uint32_t i = 0; i < n; i++)                                                       \
                r[i] = s[i] > r[i] ? s[i] : r[i];                                                  \
        else                                                                                       \
            for (uint32_t i = 0; i < n; i++)                                                       \
                r[i] = s[i] < r[i] ? s[i] : r[i];                                                  \
    }
DEF_PICK(u8, uint8_t)
DEF_PICK(i8, int8_t)
DEF_PICK(i16, int16_t)
DEF_PICK(i32, int32_t)
DEF_PICK(i64, int64_t)
DEF_PICK(i128, i128)
DEF_PICK(f32, float)
DEF_PICK(f64, double)

static void pick_str(struct kernel_call *k, const struct column *arg, bool greatest) {
    struct strv *r = RET_STR(k);
    const struct strv *s = arg->data;
    heap_borrow(col_heap(k->ret), arg->heap);
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        int c = strv_cmp(&s[i], &r[i]);
        if (greatest ? c > 0 : c < 0) r[i] = s[i];
    }
}

static int extreme(struct kernel_call *k, bool greatest) {
    typedef void (*pick_fn)(void *, const void *, bool, uint32_t);
    static const pick_fn picks[PHYS_COUNT] = {
        [PHYS_BOOL] = pick_u8, [PHYS_I8] = pick_i8,   [PHYS_I16] = pick_i16,
        [PHYS_I32] = pick_i32, [PHYS_I64] = pick_i64, [PHYS_I128] = pick_i128,
        [PHYS_F32] = pick_f32, [PHYS_F64] = pick_f64,
    };
    const struct column *first = k->args[0];
    memcpy(k->ret->data, first->data, (size_t)phys_size_bytes(first->phys) * k->n);
    if (first->phys == PHYS_STR) heap_borrow(col_heap(k->ret), first->heap);
    for (int i = 1; i < k->n_args; i++) {
        if (first->phys == PHYS_STR)
            pick_str(k, k->args[i], greatest);
        else
            picks[first->phys](k->ret->data, k->args[i]->data, greatest, k->n);
    }
    return 0;
}

static int kernel_greatest(struct kernel_call *k, struct err *err) {
    return extreme(k, true);
}

static int kernel_least(struct kernel_call *k, struct err *err) {
    return extreme(k, false);
}

static int bind_extreme(struct func_bind *fb, struct err *err) {
    AUTO_FREE const struct type **types = mem_calloc((size_t)fb->n_args, sizeof(*types));
    for (int i = 0; i < fb->n_args; i++)
        types[i] = fb->args[i]->type;
    for (int i = 1; i < fb->n_args; i++) {
        if (types[i]->kind == TYPE_NULL || types[0]->kind == TYPE_NULL ||
            type_same_family(types[i], types[0]))
            continue;
        AUTO_STR x = STR_INIT, y = STR_INIT;
        type_print(types[0], &x);
        type_print(types[i], &y);
        return err_set(err, ERR_VALIDATION,
                       "All types in a comparison should support both 'EQUALS' and 'ORDER' "
                       "comparison with each other. Can not compare %s with %s",
                       str_text(&x), str_text(&y));
    }
    const struct type *t = type_common(fb->arena, types, fb->n_args);
    if (!t || type_is_nested(t)) return func_bind_fail(fb, NULL, err);
    for (int i = 0; i < fb->n_args; i++) {
        int rc = args_cast(fb, i, t, err);
        if (rc) return rc;
    }
    fb->ret_type = t;
    return 0;
}

#define EXTREME_FUNC(id, sql, text)                                                                \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .category = "conditional",                                                                 \
        .signature = sql "(value1 [, value]*)",                                                    \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = -1,                                                                            \
        .flags = FUNC_STRICT,                                                                      \
        .bind = bind_extreme,                                                                      \
        .kernel = kernel_##id,                                                                     \
    };

EXTREME_FUNC(greatest, "GREATEST", "The largest argument; NULL if one is NULL.")
EXTREME_FUNC(least, "LEAST", "The smallest argument; NULL if one is NULL.")
