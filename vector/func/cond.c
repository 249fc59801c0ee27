/* cond.c - CASE, COALESCE, IF, IFNULL, NULLIF. The kernels here merge arguments that were evaluated
 * for all rows; program_lazy.c has the other way. */
#include "vector/func/logic.h"

#include "base/core/mem.h"
#include "vector/func/args.h"

#include <string.h>

/* ---- merging -------------------------------------------------------------------------------- */

struct wide {
    uint64_t lo, hi;
};

#define DEF_BLEND(name, ctype)                                                                     \
    ATTR_KERNEL static void blend_##name(void *restrict dst, const void *restrict src,             \
                                         const uint8_t *restrict mask, uint32_t n) {               \
        ctype *restrict d = dst;                                                                   \
        const ctype *restrict s = src;                                                             \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = mask[i] ? s[i] : d[i];                                                          \
    }                                                                                              \
    ATTR_KERNEL static void blend_one_##name(void *restrict dst, const void *restrict src,         \
                                             const uint8_t *restrict mask, uint32_t n) {           \
        ctype *restrict d = dst;                                                                   \
        const ctype v = *(const ctype *)src;                                                       \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = mask[i] ? v : d[i];                                                             \
    }
DEF_BLEND(1, uint8_t)
DEF_BLEND(2, uint16_t)
DEF_BLEND(4, uint32_t)
DEF_BLEND(8, uint64_t)
DEF_BLEND(16, struct wide)

static void blend(void *dst, const void *src, bool one, const uint8_t *mask, uint32_t n, int size) {
    switch (size) {
    case 1:
        (one ? blend_one_1 : blend_1)(dst, src, mask, n);
        break;
    case 2:
        (one ? blend_one_2 : blend_2)(dst, src, mask, n);
        break;
    case 4:
        (one ? blend_one_4 : blend_4)(dst, src, mask, n);
        break;
    case 8:
        (one ? blend_one_8 : blend_8)(dst, src, mask, n);
        break;
    case 16:
        (one ? blend_one_16 : blend_16)(dst, src, mask, n);
        break;
    default:
        break;
    }
}

/* Where mask is set, ret takes src's value and validity; bits is the same as bits, if any of the
 * two has NULLs. */
static void take(struct column *ret, const struct column *src, bool one, const uint8_t *mask,
                 const uint64_t *bits, uint32_t n) {
    uint32_t words = valid_words(n);
    bool src_null = one && !col_is_valid(src, 0);
    if (ret->valid || src->valid) {
        uint64_t *v = col_make_valid(ret);
        for (uint32_t w = 0; w < words; w++) {
            uint64_t sv = src_null ? 0 : one || !src->valid ? ~0ull : src->valid[w];
            v[w] = (v[w] & ~bits[w]) | (sv & bits[w]);
        }
    }
    if (src_null || !src->data) return;
    struct strv lit;
    const void *data = src->data;
    if (src->phys == PHYS_STR) {
        if (one && !src->heap && COL_DATA(src, struct strv)->len > STRV_INLINE_MAX_BYTES) {
            struct sv s = strv_sv(src->data);
            lit = strv_copy(col_heap(ret), s.ptr, (uint32_t)s.len);
            data = &lit;
        } else if (src->heap) {
            heap_borrow(col_heap(ret), src->heap);
        }
    }
    blend(ret->data, data, one, mask, n, phys_size_bytes(ret->phys));
}

/* ret = src in every row. */
static void take_all(struct column *ret, const struct column *src, bool one, uint32_t n) {
    const struct type *type = ret->type;
    struct column wide;
    if (one) {
        col_repeat(&wide, src, type, n);
    } else { /* a copy: the caller goes on writing */
        struct buffer *buf = buffer_new((size_t)n * (size_t)phys_size_bytes(src->phys));
        col_ref(&wide, src);
        if (src->data) memcpy(buf->data, src->data, (size_t)n * (size_t)phys_size_bytes(src->phys));
        buffer_unref(wide.data_buf);
        wide.data_buf = buf;
        wide.data = buf->data;
        if (src->valid) {
            struct buffer *valid = buffer_new((valid_words(n) + 1) * sizeof(uint64_t));
            memcpy(valid->data, src->valid, valid_words(n) * sizeof(uint64_t));
            buffer_unref(wide.valid_buf);
            wide.valid_buf = valid;
            wide.valid = (uint64_t *)valid->data;
        }
    }
    col_release(ret);
    *ret = wide;
    ret->type = type;
}

static bool arg_is_one(const struct kernel_call *k, int i) {
    return k->args[i]->n == 1 && (k->n == 1 || i >= 32 || (k->const_mask >> i & 1));
}

/* LIST, MAP, ROW: all arguments behind one another, then row choice[i] / i of each. */
static void merge_nested(struct kernel_call *k, const int *values, int n_values,
                         const uint32_t *choice) {
    AUTO_FREE const struct column **cols = mem_calloc((size_t)n_values, sizeof(*cols));
    AUTO_FREE uint32_t *base = mem_calloc((size_t)n_values, sizeof(*base));
    AUTO_FREE uint32_t *idx = mem_calloc(k->n, sizeof(*idx));
    uint32_t at = 0;
    for (int i = 0; i < n_values; i++) {
        cols[i] = k->args[values[i]];
        base[i] = at;
        at += cols[i]->n;
    }
    for (uint32_t i = 0; i < k->n; i++)
        idx[i] = base[choice[i]] + (cols[choice[i]]->n == 1 ? 0 : i);
    struct column all;
    col_concat(&all, cols, (uint32_t)n_values);
    const struct type *type = k->ret->type;
    col_release(k->ret);
    col_gather(k->ret, &all, idx, k->n);
    k->ret->type = type;
    col_release(&all);
}

/* The rows where a branch's condition is TRUE (or, for COALESCE, valid): as bits, and as bytes in
 * *mask or the condition's own. */
static const uint8_t *branch_mask(const struct kernel_call *k, int cond, bool by_valid,
                                  bool want_bits, uint64_t *bits, uint8_t *mask) {
    const struct column *c = k->args[cond];
    uint32_t n = k->n, words = valid_words(n);
    if (arg_is_one(k, cond)) {
        bool on = col_is_valid(c, 0) && (by_valid || *(const uint8_t *)c->data);
        memset(bits, on ? 0xff : 0, words * sizeof(*bits));
        memset(mask, on, n);
        return mask;
    }
    bool plain = !by_valid && !c->valid;
    for (uint32_t w = 0; w < words && (want_bits || !plain); w++)
        bits[w] = !by_valid ? bool_true_word(c, w, n) : c->valid ? c->valid[w] : ~0ull;
    if (plain) return c->data;
    bits_to_bytes(mask, bits, 0, n);
    return mask;
}

/* Branches from the last to the first, so that the first that holds wins. Branch b's condition is
 * args[conds[b]]; its value args[values[b]]. */
static void merge(struct kernel_call *k, const int *conds, const int *values, int n_branches,
                  int otherwise, bool by_valid) {
    uint32_t n = k->n, words = valid_words(n);
    struct buffer *mask_buf = buffer_new(n), *bits_buf = buffer_new(words * sizeof(uint64_t));
    uint64_t *bits = (uint64_t *)bits_buf->data;
    take_all(k->ret, k->args[otherwise], arg_is_one(k, otherwise), n);
    for (int b = n_branches - 1; b >= 0; b--) {
        const struct column *v = k->args[values[b]];
        bool want_bits = k->ret->valid || v->valid;
        const uint8_t *mask = branch_mask(k, conds[b], by_valid, want_bits, bits, mask_buf->data);
        take(k->ret, v, arg_is_one(k, values[b]), mask, bits, n);
    }
    buffer_unref(mask_buf);
    buffer_unref(bits_buf);
}

/* The same for LIST, MAP, ROW. */
static void choose_nested(struct kernel_call *k, const int *conds, const int *values,
                          int n_branches, int otherwise, bool by_valid) {
    uint32_t n = k->n;
    AUTO_FREE uint32_t *choice = mem_calloc(n, sizeof(*choice));
    AUTO_FREE uint64_t *bits = mem_calloc(valid_words(n), sizeof(*bits));
    AUTO_FREE uint8_t *own = mem_alloc(n);
    AUTO_FREE int *all = mem_calloc((size_t)n_branches + 1, sizeof(*all));
    for (uint32_t i = 0; i < n; i++)
        choice[i] = (uint32_t)n_branches;
    for (int b = n_branches - 1; b >= 0; b--) {
        const uint8_t *mask = branch_mask(k, conds[b], by_valid, true, bits, own);
        for (uint32_t i = 0; i < n; i++)
            if (mask[i]) choice[i] = (uint32_t)b;
    }
    memcpy(all, values, sizeof(*all) * (size_t)n_branches);
    all[n_branches] = otherwise;
    merge_nested(k, all, n_branches + 1, choice);
}

static int kernel_case(struct kernel_call *k, struct err *err) {
    int n_branches = k->n_args / 2;
    AUTO_FREE int *conds = mem_calloc((size_t)n_branches * 2 + 1, sizeof(*conds));
    int *values = conds + n_branches;
    for (int b = 0; b < n_branches; b++) {
        conds[b] = b * 2;
        values[b] = b * 2 + 1;
    }
    (k->ret->n_children ? choose_nested : merge)(k, conds, values, n_branches, k->n_args - 1,
                                                 false);
    return 0;
}

static int kernel_coalesce(struct kernel_call *k, struct err *err) {
    AUTO_FREE int *values = mem_calloc((size_t)k->n_args, sizeof(*values));
    for (int b = 0; b < k->n_args; b++)
        values[b] = b;
    (k->ret->n_children ? choose_nested : merge)(k, values, values, k->n_args - 1, k->n_args - 1,
                                                 true);
    return 0;
}

/* ---- binding -------------------------------------------------------------------------------- */

/* The arguments which[0..n) get one type, *ret_type; ERR_VALIDATION "<what>: ..." if there is none.
 */
static int unify(struct func_bind *fb, const int *which, int n, bool common, const char *what,
                 const struct type **ret_type, struct err *err) {
    const struct type **types = ARENA_NEW_N(fb->arena, const struct type *, n);
    for (int i = 0; i < n; i++)
        types[i] = fb->args[which[i]]->type;
    const struct type *t =
        common ? type_common(fb->arena, types, n) : type_least_restrictive(fb->arena, types, n);
    if (!t) {
        func_bind_fail(fb, NULL, err);
        return err_wrap(err, "%s", what);
    }
    for (int i = 0; i < n; i++) {
        int rc = expr_cast_checked(fb->arena, fb->args[which[i]], t, &fb->args[which[i]], err);
        if (rc) return err_wrap(err, "%s", what);
    }
    *ret_type = t;
    return 0;
}

static int want_condition(struct func_bind *fb, int i, struct err *err) {
    if (fb->args[i]->type->kind == TYPE_NULL)
        fb->args[i] = expr_cast(fb->arena, fb->args[i], type_of(TYPE_BOOLEAN));
    return fb->args[i]->type->kind == TYPE_BOOLEAN ? 0 : func_bind_fail(fb, NULL, err);
}

static int bind_case(struct func_bind *fb, struct err *err) {
    if (fb->n_args % 2 == 0) return func_bind_fail(fb, NULL, err);
    int n = fb->n_args / 2 + 1;
    AUTO_FREE int *values = mem_calloc((size_t)n, sizeof(*values));
    bool all_null = true;
    for (int i = 0; i < n; i++) {
        values[i] = i == n - 1 ? fb->n_args - 1 : i * 2 + 1;
        all_null &= fb->args[values[i]]->type->kind == TYPE_NULL;
        int rc = i == n - 1 ? 0 : want_condition(fb, i * 2, err);
        if (rc) return rc;
    }
    fb->ret_type = type_of(TYPE_NULL);
    if (all_null) return 0;
    return unify(fb, values, n, false, "Illegal mixing of types in CASE or COALESCE statement",
                 &fb->ret_type, err);
}

const struct func func_case = {
    .name = "CASE",
    .category = "conditional",
    .signature = "CASE WHEN condition THEN result [WHEN ...] [ELSE result] END",
    .doc = "The result of the first condition that is TRUE, else that of ELSE, else NULL.",
    .min_args = 3,
    .max_args = -1,
    .flags = FUNC_LAZY | FUNC_CONST_ARGS,
    .bind = bind_case,
    .kernel = kernel_case,
};

static int bind_if(struct func_bind *fb, struct err *err) {
    int rc = want_condition(fb, 0, err);
    if (rc) return rc;
    bool nullable = args_nullable(fb);
    const struct type *t;
    rc = unify(fb, (const int[]){1, 2}, 2, false, "Illegal mixing of types in IF", &t, err);
    if (rc) return rc;
    t = type_with_null(fb->arena, t, nullable);
    fb->rewrite = expr_call(fb->arena, &func_case, t, fb->args, 3);
    return 0;
}

const struct func func_if = {
    .name = "IF",
    .category = "conditional",
    .signature = "IF(condition, true_value, false_value)",
    .doc = "The second argument if the condition is TRUE, else the third.",
    .min_args = 3,
    .max_args = 3,
    .flags = FUNC_LAZY,
    .bind = bind_if,
};

static int bind_nullif(struct func_bind *fb, struct err *err) {
    const struct expr *a = fb->args[0], *eq, *args[3];
    int rc = func_call_name(fb->arena, "=", fb->args, 2, &eq, err);
    if (rc) return rc;
    const struct type *t = type_with_null(fb->arena, a->type, true);
    args[0] = eq;
    args[1] = expr_literal(fb->arena, value_null(fb->arena, t));
    args[2] = a;
    fb->rewrite = expr_call(fb->arena, &func_case, t, args, 3);
    return 0;
}

const struct func func_nullif = {
    .name = "NULLIF",
    .category = "conditional",
    .signature = "NULLIF(value1, value2)",
    .doc = "NULL if the values are equal, else the first.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_LAZY,
    .bind = bind_nullif,
};

static int bind_coalesce(struct func_bind *fb, struct err *err) {
    AUTO_FREE int *all = mem_calloc((size_t)fb->n_args, sizeof(*all));
    bool nullable = true, any = false;
    for (int i = 0; i < fb->n_args; i++) {
        all[i] = i;
        nullable &= fb->args[i]->type->nullable;
        any |= fb->args[i]->type->kind != TYPE_NULL;
    }
    if (!any) return func_bind_fail(fb, NULL, err);
    const struct type *t;
    int rc = unify(fb, all, fb->n_args, true, "Invalid input arguments", &t, err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, t, nullable);
    if (fb->n_args == 1) fb->rewrite = fb->args[0];
    return 0;
}

const struct func func_coalesce = {
    .name = "COALESCE",
    .category = "conditional",
    .signature = "COALESCE(value1 [, value]*)",
    .doc = "The first argument that is not NULL, else NULL.",
    .min_args = 1,
    .max_args = -1,
    .flags = FUNC_LAZY | FUNC_CONST_ARGS,
    .bind = bind_coalesce,
    .kernel = kernel_coalesce,
};

static int bind_ifnull(struct func_bind *fb, struct err *err) {
    return func_call(fb->arena, &func_coalesce, fb->args, fb->n_args, &fb->rewrite, err);
}

const struct func func_ifnull = {
    .name = "IFNULL",
    .category = "conditional",
    .signature = "IFNULL(value, replacement)",
    .doc = "The value, or the replacement if it is NULL.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_LAZY,
    .bind = bind_ifnull,
};
