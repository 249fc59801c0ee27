/* coll_set.c - ARRAYs as sets: DISTINCT, UNION, INTERSECT, EXCEPT, and CONCAT. First occurrences
 * keep their order; NULL equals NULL. */
#include "vector/func/coll.h"

#include "base/core/mem.h"

static int kernel_distinct(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct elem_set seen;
    elem_set_init(&seen, &a.col->children[0]);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        elem_set_clear(&seen, to - from);
        for (uint32_t e = from; e < to && col_is_valid(k->ret, i); e++)
            if (elem_set_add(&seen, e)) picks_add(&p, e);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &a.col->children[0], &p);
    elem_set_release(&seen);
    return 0;
}

enum set_op { SET_CONCAT, SET_UNION, SET_INTERSECT, SET_EXCEPT };

/* The elements of a row of two arguments: all of them, or those of the first that pass. */
static void row_of_op(enum set_op op, const struct arg *b, uint32_t base_b, uint32_t i,
                      uint32_t from, uint32_t to, struct elem_set *seen, struct elem_set *other,
                      struct picks *p) {
    uint32_t bf, bt;
    coll_range(b, i, &bf, &bt);
    elem_set_clear(seen, to - from + bt - bf);
    elem_set_clear(other, bt - bf);
    for (uint32_t e = bf; e < bt; e++)
        elem_set_add(other, base_b + e);
    for (uint32_t e = from; e < to; e++) {
        bool in_b = elem_set_has(other, e);
        if (op == SET_INTERSECT && !in_b) continue;
        if (op == SET_EXCEPT && in_b) continue;
        if (elem_set_add(seen, e)) picks_add(p, e);
    }
    for (uint32_t e = bf; e < bt && op == SET_UNION; e++)
        if (elem_set_add(seen, base_b + e)) picks_add(p, base_b + e);
}

static int set_op(struct kernel_call *k, enum set_op op) {
    struct arg a = kernel_arg(k, 0), b = kernel_arg(k, 1);
    uint32_t base[2];
    struct column all;
    struct elem_set seen, other;
    coll_children(k, 0, &all, base);
    elem_set_init(&seen, &all);
    elem_set_init(&other, &all);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        if (col_is_valid(k->ret, i)) row_of_op(op, &b, base[1], i, from, to, &seen, &other, &p);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &all, &p);
    elem_set_release(&seen);
    elem_set_release(&other);
    col_release(&all);
    return 0;
}

static int kernel_union(struct kernel_call *k, struct err *err) {
    return set_op(k, SET_UNION);
}
static int kernel_intersect(struct kernel_call *k, struct err *err) {
    return set_op(k, SET_INTERSECT);
}
static int kernel_except(struct kernel_call *k, struct err *err) {
    return set_op(k, SET_EXCEPT);
}

static int kernel_concat(struct kernel_call *k, struct err *err) {
    AUTO_FREE uint32_t *base = mem_calloc((size_t)k->n_args, sizeof(*base));
    struct column all;
    coll_children(k, 0, &all, base);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        for (int j = 0; j < k->n_args && col_is_valid(k->ret, i); j++) {
            struct arg a = kernel_arg(k, j);
            uint32_t from, to;
            coll_range(&a, i, &from, &to);
            for (uint32_t e = from; e < to; e++)
                picks_add(&p, base[j] + e);
        }
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &all, &p);
    col_release(&all);
    return 0;
}

static int bind_common(struct func_bind *fb, struct err *err) {
    const struct type *t;
    bool null = args_nullable(fb);
    int rc = coll_bind_common(fb, TYPE_ARRAY, &t, err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, t, null);
    return 0;
}

#define SET_FUNC(sym, name_, sig, doc_, min, max, args_, ret_, bind_, kernel_)                     \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "collection",                                      \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_CONST_ARGS | FUNC_STRICT,                        \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_}

SET_FUNC(array_distinct, "ARRAY_DISTINCT", "ARRAY_DISTINCT(array)",
         "The array with each element once.", 1, 1, "a", "@0", func_bind_spec, kernel_distinct);
SET_FUNC(array_union, "ARRAY_UNION", "ARRAY_UNION(array, array)",
         "The elements of both arrays, each once.", 2, 2, NULL, NULL, bind_common, kernel_union);
SET_FUNC(array_intersect, "ARRAY_INTERSECT", "ARRAY_INTERSECT(array, array)",
         "The elements that are in both arrays, each once.", 2, 2, NULL, NULL, bind_common,
         kernel_intersect);
SET_FUNC(array_except, "ARRAY_EXCEPT", "ARRAY_EXCEPT(array, array)",
         "The elements of the first array that are not in the second, each once.", 2, 2, NULL, NULL,
         bind_common, kernel_except);
SET_FUNC(array_concat, "ARRAY_CONCAT", "ARRAY_CONCAT(array, ...)",
         "All elements, one array behind the other.", 1, -1, NULL, NULL, bind_common,
         kernel_concat);
