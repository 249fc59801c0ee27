/* bitmap_func.c - functions of BITMAPs. */
#include "vector/bitmap.h"

#include "base/core/mem.h"
#include "vector/func/coll.h"

#include <stdlib.h>

static int put_bytes(struct kernel_call *k, struct heap *h, uint32_t i, const struct str *s) {
    ret_copy(k, h, i, s->ptr, s->len);
    return 0;
}

/* ---- making --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int kernel_build(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    const struct column *elems = &a.col->children[0];
    struct heap *h = col_heap(k->ret);
    AUTO_FREE uint32_t *values = mem_calloc((size_t)elems->n + 1, sizeof(*values));
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        uint32_t from, to, n = 0;
        coll_range(&a, i, &from, &to);
        for (uint32_t e = from; e < to; e++)
            if (col_is_valid(elems, e)) values[n++] = (uint32_t)COL_DATA(elems, int32_t)[e];
        qsort(values, n, sizeof(*values), by_value);
        str_clear(&out);
        bitmap_build(values, n, &out);
        put_bytes(k, h, i, &out);
    }
    return 0;
}

static int bind_build(struct func_bind *fb, struct err *err) {
    const struct type *t = fb->args[0]->type,
                      *want = type_array(fb->arena, type_of(TYPE_INT), true);
    if (!coll_implicit_cast(t, want)) return func_bind_fail(fb, "BITMAP_BUILD(<ARRAY<INT>>)", err);
    int rc =
        t->kind == TYPE_NULL || t->children[0]->kind != TYPE_INT ? args_cast(fb, 0, want, err) : 0;
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_BITMAP), t->nullable);
    return rc;
}

const struct func func_bitmap_build = {
    .name = "BITMAP_BUILD",
    .category = "bitmap",
    .signature = "BITMAP_BUILD(array)",
    .doc =
        "The bitmap of the integers in the ARRAY<INT>. NULL elements are left out, negative ones "
        "count as unsigned.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT,
    .bind = bind_build,
    .kernel = kernel_build,
};

static int kernel_from_bytes(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        str_clear(&out);
        if (bitmap_normalize(arg_sv(&a, i), &out))
            return kernel_fail(k, i, err,
                               "Failed to deserialize bitmap from bytes: they are not in Roaring's "
                               "portable format");
        put_bytes(k, h, i, &out);
    }
    return 0;
}

const struct func func_bitmap_from_bytes = {
    .name = "BITMAP_FROM_BYTES",
    .category = "bitmap",
    .signature = "BITMAP_FROM_BYTES(bytes)",
    .doc = "The bitmap written in Roaring's portable format for 32 bits.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .args = "b",
    .ret = "BITMAP",
    .bind = func_bind_spec,
    .kernel = kernel_from_bytes,
};

/* ---- set operations ------------------------------------------------------------------------- */

static int combine(struct kernel_call *k, enum bitmap_op op) {
    struct arg a = kernel_arg(k, 0), b = kernel_arg(k, 1);
    struct heap *h = col_heap(k->ret);
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        str_clear(&out);
        bitmap_combine(op, arg_sv(&a, i), arg_sv(&b, i), &out);
        put_bytes(k, h, i, &out);
    }
    return 0;
}

#define COMBINE_FUNC(sym, NAME, OP, text)                                                          \
    static int kernel_##sym(struct kernel_call *k, struct err *err) {                              \
        return combine(k, OP);                                                                     \
    }                                                                                              \
    const struct func func_##sym = {                                                               \
        .name = NAME,                                                                              \
        .category = "bitmap",                                                                      \
        .signature = NAME "(bitmap1, bitmap2)",                                                    \
        .doc = text,                                                                               \
        .min_args = 2,                                                                             \
        .max_args = 2,                                                                             \
        .flags = FUNC_STRICT | FUNC_CONST_ARGS,                                                    \
        .args = "SS",                                                                              \
        .ret = "BITMAP",                                                                           \
        .bind = func_bind_spec,                                                                    \
        .kernel = kernel_##sym,                                                                    \
    }

COMBINE_FUNC(bitmap_and, "BITMAP_AND", BITMAP_OP_AND, "What is in both bitmaps.");
COMBINE_FUNC(bitmap_or, "BITMAP_OR", BITMAP_OP_OR, "What is in one of the bitmaps at least.");
COMBINE_FUNC(bitmap_xor, "BITMAP_XOR", BITMAP_OP_XOR, "What is in exactly one of the bitmaps.");
COMBINE_FUNC(bitmap_andnot, "BITMAP_ANDNOT", BITMAP_OP_ANDNOT,
             "What is in the first bitmap alone.");

/* ---- reading -------------------------------------------------------------------------------- */

static int kernel_cardinality(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        bool valid = col_is_valid(k->ret, i);
        COL_DATA(k->ret, int64_t)[i] = valid ? (int64_t)bitmap_cardinality(arg_sv(&a, i)) : 0;
    }
    return 0;
}

const struct func func_bitmap_cardinality = {
    .name = "BITMAP_CARDINALITY",
    .category = "bitmap",
    .signature = "BITMAP_CARDINALITY(bitmap)",
    .doc = "The number of integers in the bitmap.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "S",
    .ret = "BIGINT",
    .bind = func_bind_spec,
    .kernel = kernel_cardinality,
};

static int kernel_to_string(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        str_clear(&out);
        bitmap_print(arg_sv(&a, i), &out);
        put_bytes(k, h, i, &out);
    }
    return 0;
}

const struct func func_bitmap_to_string = {
    .name = "BITMAP_TO_STRING",
    .category = "bitmap",
    .signature = "BITMAP_TO_STRING(bitmap)",
    .doc = "The integers as text, {1,2,3}, unsigned and in order; cut off with ... behind 512 KiB.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "S",
    .ret = "STRING",
    .bind = func_bind_spec,
    .kernel = kernel_to_string,
};

static int kernel_to_bytes(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = ret_borrow(k, &a);
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        struct sv v = arg_sv(&a, i);
        ret_piece(k, &a, h, i, v.ptr, v.len);
    }
    return 0;
}

const struct func func_bitmap_to_bytes = {
    .name = "BITMAP_TO_BYTES",
    .category = "bitmap",
    .signature = "BITMAP_TO_BYTES(bitmap)",
    .doc = "The bitmap in Roaring's portable format for 32 bits.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "S",
    .ret = "BYTES",
    .bind = func_bind_spec,
    .kernel = kernel_to_bytes,
};

/* The elements of row i behind those before. */
static void add_elements(struct sv bitmap, struct column *elems, uint32_t *n) {
    struct bitmap_reader r;
    uint64_t words[BITMAP_WORDS];
    uint16_t key;
    if (bitmap_open(&r, bitmap)) r.n = 0;
    while (bitmap_next(&r, &key, words) == 1)
        for (uint32_t w = 0; w < BITMAP_WORDS; w++)
            for (uint64_t bits = words[w]; bits; bits &= bits - 1) {
                uint32_t low = w * 64 + (uint32_t)__builtin_ctzll(bits);
                COL_DATA(elems, int32_t)[(*n)++] = (int32_t)((uint32_t)key << 16 | low);
            }
}

static int kernel_to_array(struct kernel_call *k, struct err *err) {
    enum { ELEMENTS_MAX = 1u << 30 }; /* of one batch: 4 GiB */
    struct arg a = kernel_arg(k, 0);
    uint64_t total = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        total += bitmap_cardinality(arg_sv(&a, i));
        if (total > ELEMENTS_MAX)
            return kernel_fail(
                k, i, err,
                "Failed to convert bitmap to an array: a batch of them has more than "
                "%d elements",
                ELEMENTS_MAX);
    }
    struct column *elems = &k->ret->children[0];
    const struct type *t = elems->type;
    col_release(elems);
    col_init(elems, t, (uint32_t)total);
    uint32_t n = 0, *off = COL_DATA(k->ret, uint32_t);
    for (uint32_t i = 0; i < k->n; i++) {
        off[i] = n;
        if (col_is_valid(k->ret, i)) add_elements(arg_sv(&a, i), elems, &n);
    }
    off[k->n] = n;
    return 0;
}

const struct func func_bitmap_to_array = {
    .name = "BITMAP_TO_ARRAY",
    .category = "bitmap",
    .signature = "BITMAP_TO_ARRAY(bitmap)",
    .doc = "The integers as ARRAY<INT>, in their order as unsigned ones.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .args = "S",
    .ret = "ARRAY<INT>",
    .bind = func_bind_spec,
    .kernel = kernel_to_array,
};
