/* coll_array.c - functions of one ARRAY: parts, order, membership, and adding an element. */
#include "vector/func/coll.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- membership ----------------------------------------------------------------------------- */

/* 1-based place of row `r` of needle among elements [from, to); 0 if it isn't there. NULL equals
 * NULL. */
static uint32_t find(const struct column *elems, uint32_t from, uint32_t to,
                     const struct column *needle, uint32_t r) {
    for (uint32_t e = from; e < to; e++)
        if (col_eq(elems, e, needle, r)) return e - from + 1;
    return 0;
}

static int kernel_contains(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), x = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        bool ok = arg_valid(&a, i);
        if (!ok) col_set_null(k->ret, i);
        COL_DATA(k->ret, uint8_t)
        [i] = ok && find(&a.col->children[0], from, to, x.col, arg_row(&x, i)) > 0;
    }
    return 0;
}

static int kernel_position(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), x = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        COL_DATA(k->ret, int32_t)
        [i] = col_is_valid(k->ret, i)
                  ? (int32_t)find(&a.col->children[0], from, to, x.col, arg_row(&x, i))
                  : 0;
    }
    return 0;
}

static int kernel_remove(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), x = kernel_arg(k, 1);
    const struct column *elems = &a.col->children[0];
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        if (!arg_valid(&a, i)) {
            col_set_null(k->ret, i);
            to = from;
        }
        for (uint32_t e = from; e < to; e++)
            if (!col_eq(elems, e, x.col, arg_row(&x, i))) picks_add(&p, e);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, elems, &p);
    return 0;
}

/* ARRAY_CONTAINS and ARRAY_REMOVE: NULL if the array is, whatever the element. */
static int bind_contains(struct func_bind *fb, struct err *err) {
    int rc = coll_bind_element(fb, 1, err);
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_BOOLEAN), fb->args[0]->type->nullable);
    return rc;
}

static int bind_remove(struct func_bind *fb, struct err *err) {
    int rc = coll_bind_element(fb, 1, err);
    fb->ret_type = fb->args[0]->type;
    return rc;
}

static int bind_position(struct func_bind *fb, struct err *err) {
    int rc = coll_bind_element(fb, 1, err);
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_INT), args_nullable(fb));
    return rc;
}

/* ---- adding --------------------------------------------------------------------------------- */

static int add_element(struct kernel_call *k, bool front) {
    struct arg a = kernel_arg(k, 0), x = kernel_arg(k, 1);
    const struct column *parts[2] = {&a.col->children[0], x.col};
    uint32_t base = parts[0]->n;
    struct column all;
    col_concat(&all, parts, 2);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        if (!arg_valid(&a, i)) {
            col_set_null(k->ret, i);
            coll_row_done(k, i, &p);
            continue;
        }
        if (front) picks_add(&p, base + arg_row(&x, i));
        for (uint32_t e = from; e < to; e++)
            picks_add(&p, e);
        if (!front) picks_add(&p, base + arg_row(&x, i));
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &all, &p);
    col_release(&all);
    return 0;
}

static int kernel_append(struct kernel_call *k, struct err *err) {
    return add_element(k, false);
}

static int kernel_prepend(struct kernel_call *k, struct err *err) {
    return add_element(k, true);
}

static int bind_add(struct func_bind *fb, struct err *err) {
    int rc = coll_bind_element(fb, 1, err);
    if (rc) return rc;
    const struct type *elem = fb->args[0]->type->children[0];
    bool null = elem->nullable || fb->args[1]->type->nullable;
    fb->ret_type = type_array(fb->arena, type_with_null(fb->arena, elem, null), args_nullable(fb));
    return 0;
}

/* ---- order and parts ------------------------------------------------------------------------ */

static int kernel_reverse(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        for (uint32_t e = to; e > from && col_is_valid(k->ret, i); e--)
            picks_add(&p, e - 1);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &a.col->children[0], &p);
    return 0;
}

/* Both ends count, from 1, or from the end if negative; 0 is the first. */
static int kernel_slice(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), s = kernel_arg(k, 1), t = {0};
    if (k->n_args == 3) t = kernel_arg(k, 2);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        int64_t n = to - from, lo = arg_i32(&s, i), hi = k->n_args == 3 ? arg_i32(&t, i) : n;
        if (lo < 0) lo += n + 1;
        if (hi < 0) hi += n + 1;
        lo = MAX(lo, 1);
        hi = hi == 0 && k->n_args == 3 ? 1 : MIN(hi, n);
        for (int64_t e = lo; e <= MIN(hi, n) && col_is_valid(k->ret, i); e++)
            picks_add(&p, from + (uint32_t)e - 1);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &a.col->children[0], &p);
    return 0;
}

struct order {
    const struct column *elems;
    bool descending, nulls_first;
};

static int by_order(const void *pa, const void *pb, void *self) {
    const struct order *o = self;
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    bool va = col_is_valid(o->elems, a), vb = col_is_valid(o->elems, b);
    if (va != vb) return va == o->nulls_first ? 1 : -1;
    int c = va ? col_cmp(o->elems, a, o->elems, b) : 0;
    if (o->descending) c = -c;
    return c ? c : a < b ? -1 : a > b;
}

static int kernel_sort(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), asc = {0}, nulls = {0};
    if (k->n_args > 1) asc = kernel_arg(k, 1);
    if (k->n_args > 2) nulls = kernel_arg(k, 2);
    struct order o = {.elems = &a.col->children[0]};
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to, first = p.n;
        coll_range(&a, i, &from, &to);
        o.descending = k->n_args > 1 && !arg_bool(&asc, i);
        o.nulls_first = k->n_args > 2 ? arg_bool(&nulls, i) : !o.descending;
        for (uint32_t e = from; e < to && col_is_valid(k->ret, i); e++)
            picks_add(&p, e);
        if (p.n > first) qsort_r(p.idx + first, p.n - first, sizeof(*p.idx), by_order, &o);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, o.elems, &p);
    return 0;
}

static int bind_same(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, fb->func->args, err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, fb->args[0]->type, args_nullable(fb));
    return 0;
}

/* ---- one element of it ---------------------------------------------------------------------- */

/* The least or greatest element that is not NULL. */
static int extreme(struct kernel_call *k, int sign) {
    struct arg a = kernel_arg(k, 0);
    const struct column *elems = &a.col->children[0];
    AUTO_FREE uint32_t *idx = mem_calloc(k->n + 1, sizeof(*idx));
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        idx[i] = UINT32_MAX;
        for (uint32_t e = from; e < to && col_is_valid(k->ret, i); e++) {
            if (!col_is_valid(elems, e)) continue;
            if (idx[i] == UINT32_MAX || col_cmp(elems, e, elems, idx[i]) * sign > 0) idx[i] = e;
        }
    }
    const struct type *t = k->ret->type;
    col_release(k->ret);
    col_gather(k->ret, elems, idx, k->n);
    k->ret->type = t;
    return 0;
}

static int kernel_min(struct kernel_call *k, struct err *err) {
    return extreme(k, -1);
}

static int kernel_max(struct kernel_call *k, struct err *err) {
    return extreme(k, 1);
}

static int kernel_element(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    AUTO_FREE uint32_t *idx = mem_calloc(k->n + 1, sizeof(*idx));
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        idx[i] = UINT32_MAX;
        if (!arg_valid(&a, i) || from == to) continue;
        if (to - from > 1) return kernel_fail(k, i, err, "Array has more than one element.");
        idx[i] = from;
    }
    const struct type *t = k->ret->type;
    col_release(k->ret);
    col_gather(k->ret, &a.col->children[0], idx, k->n);
    k->ret->type = t;
    return 0;
}

static int bind_extreme(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "a", err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, fb->args[0]->type->children[0], true);
    return 0;
}

static int bind_element(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "a", err);
    if (rc) return rc;
    const struct type *t = fb->args[0]->type;
    fb->ret_type =
        type_with_null(fb->arena, t->children[0], t->nullable || t->children[0]->nullable);
    return 0;
}

/* ---- ARRAY_JOIN ----------------------------------------------------------------------------- */

static int kernel_join(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), sep = kernel_arg(k, 1), null = {0};
    if (k->n_args == 3) null = kernel_arg(k, 2);
    const struct column *elems = &a.col->children[0];
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        bool first = true;
        str_clear(&tmp);
        for (uint32_t e = from; e < to && col_is_valid(k->ret, i); e++) {
            bool valid = col_is_valid(elems, e);
            if (!valid && k->n_args < 3) continue;
            if (!first) str_add_sv(&tmp, arg_sv(&sep, i));
            first = false;
            str_add_sv(&tmp, valid ? strv_sv(&COL_DATA(elems, struct strv)[e]) : arg_sv(&null, i));
        }
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

static int bind_join(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "acc", err);
    if (rc) return rc;
    if (!type_is_char(fb->args[0]->type->children[0])) return func_bind_fail(fb, NULL, err);
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_VARCHAR), args_nullable(fb));
    return 0;
}

#define ARRAY_FUNC(sym, name_, sig, doc_, min, max, flags_, args_, bind_, kernel_)                 \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "collection",                                      \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_CONST_ARGS | (flags_),                           \
                                    .args = args_,                                                 \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_}

ARRAY_FUNC(array_contains, "ARRAY_CONTAINS", "ARRAY_CONTAINS(array, element)",
           "Whether the element is in the array; NULL is found too.", 2, 2, 0, NULL, bind_contains,
           kernel_contains);
ARRAY_FUNC(array_position, "ARRAY_POSITION", "ARRAY_POSITION(array, element)",
           "Where the element first is, from 1; 0 if nowhere.", 2, 2, FUNC_STRICT, NULL,
           bind_position, kernel_position);
ARRAY_FUNC(array_remove, "ARRAY_REMOVE", "ARRAY_REMOVE(array, element)",
           "The array without all elements equal to this one.", 2, 2, 0, NULL, bind_remove,
           kernel_remove);
ARRAY_FUNC(array_append, "ARRAY_APPEND", "ARRAY_APPEND(array, element)",
           "The array with one more element at its end.", 2, 2, 0, NULL, bind_add, kernel_append);
ARRAY_FUNC(array_prepend, "ARRAY_PREPEND", "ARRAY_PREPEND(array, element)",
           "The array with one more element in front.", 2, 2, 0, NULL, bind_add, kernel_prepend);
ARRAY_FUNC(array_reverse, "ARRAY_REVERSE", "ARRAY_REVERSE(array)", "The elements in reverse order.",
           1, 1, FUNC_STRICT, "a", bind_same, kernel_reverse);
ARRAY_FUNC(array_slice, "ARRAY_SLICE", "ARRAY_SLICE(array, start [, end])",
           "The elements from start to end, both included, counted from 1 or (negative) from the "
           "end.",
           2, 3, FUNC_STRICT, "aii", bind_same, kernel_slice);
ARRAY_FUNC(array_sort, "ARRAY_SORT", "ARRAY_SORT(array [, ascending [, nulls first]])",
           "The elements in order; NULLs come first when ascending, unless said otherwise.", 1, 3,
           FUNC_STRICT, "aBB", bind_same, kernel_sort);
ARRAY_FUNC(array_max, "ARRAY_MAX", "ARRAY_MAX(array)", "The greatest element.", 1, 1, FUNC_STRICT,
           NULL, bind_extreme, kernel_max);
ARRAY_FUNC(array_min, "ARRAY_MIN", "ARRAY_MIN(array)", "The least element.", 1, 1, FUNC_STRICT,
           NULL, bind_extreme, kernel_min);
ARRAY_FUNC(array_join, "ARRAY_JOIN", "ARRAY_JOIN(array, separator [, null])",
           "The strings with the separator between them; NULLs are left out, or replaced.", 2, 3,
           FUNC_STRICT, NULL, bind_join, kernel_join);
ARRAY_FUNC(element, "ELEMENT", "ELEMENT(array)",
           "The only element of the array, NULL if it is empty; more than one are an error.", 1, 1,
           FUNC_CAN_FAIL, NULL, bind_element, kernel_element);
