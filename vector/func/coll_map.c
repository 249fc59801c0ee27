/* coll_map.c - functions of MAPs. */
#include "vector/func/coll.h"

#include "base/core/mem.h"

/* Keys or values as an ARRAY: the offsets and one child are shared. */
static int child_as_array(struct kernel_call *k, int c) {
    struct arg a = kernel_arg(k, 0);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        for (uint32_t e = from; e < to && col_is_valid(k->ret, i); e++)
            picks_add(&p, e);
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &a.col->children[c], &p);
    return 0;
}

static int kernel_keys(struct kernel_call *k, struct err *err) {
    return child_as_array(k, 0);
}

static int kernel_values(struct kernel_call *k, struct err *err) {
    return child_as_array(k, 1);
}

static int kernel_entries(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from, to;
        coll_range(&a, i, &from, &to);
        for (uint32_t e = from; e < to && col_is_valid(k->ret, i); e++)
            picks_add(&p, e);
        coll_row_done(k, i, &p);
    }
    struct column *rows = &k->ret->children[0];
    const struct type *t = rows->type;
    static const uint32_t none;
    col_release(rows);
    col_init(rows, t, p.n);
    for (int c = 0; c < 2; c++) {
        const struct type *ct = rows->children[c].type;
        col_release(&rows->children[c]);
        col_gather(&rows->children[c], &a.col->children[c], p.n ? p.idx : &none, p.n);
        rows->children[c].type = ct;
    }
    return 0;
}

static int kernel_from_arrays(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), b = kernel_arg(k, 1);
    AUTO_PICKS keys = {0};
    AUTO_PICKS values = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t af, at, bf, bt;
        coll_range(&a, i, &af, &at);
        coll_range(&b, i, &bf, &bt);
        bool valid = col_is_valid(k->ret, i);
        if (valid && at - af != bt - bf)
            return kernel_fail(k, i, err,
                               "Invalid function MAP_FROM_ARRAYS call: the length of the keys "
                               "array %u is not equal to the length of the values array %u",
                               at - af, bt - bf);
        for (uint32_t e = 0; e < at - af && valid; e++) {
            picks_add(&keys, af + e);
            picks_add(&values, bf + e);
        }
        coll_row_done(k, i, &keys);
    }
    coll_gather(k, 0, &a.col->children[0], &keys);
    coll_gather(k, 1, &b.col->children[0], &values);
    return 0;
}

/* Of equal keys the one of the later map counts. */
static int kernel_union(struct kernel_call *k, struct err *err) {
    AUTO_FREE uint32_t *base = mem_calloc((size_t)k->n_args, sizeof(*base));
    AUTO_FREE uint32_t *base_v = mem_calloc((size_t)k->n_args, sizeof(*base_v));
    struct column keys, values;
    struct elem_set seen;
    coll_children(k, 0, &keys, base);
    coll_children(k, 1, &values, base_v);
    elem_set_init(&seen, &keys);
    AUTO_PICKS p = {0};
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t total = 0;
        for (int j = 0; j < k->n_args; j++) {
            struct arg a = kernel_arg(k, j);
            uint32_t from, to;
            coll_range(&a, i, &from, &to);
            total += to - from;
        }
        elem_set_clear(&seen, total);
        for (int j = k->n_args - 1; j >= 0 && col_is_valid(k->ret, i); j--) {
            struct arg a = kernel_arg(k, j);
            uint32_t from, to;
            coll_range(&a, i, &from, &to);
            for (uint32_t e = from; e < to; e++)
                if (elem_set_add(&seen, base[j] + e)) picks_add(&p, base[j] + e);
        }
        coll_row_done(k, i, &p);
    }
    coll_gather(k, 0, &keys, &p);
    coll_gather(k, 1, &values, &p);
    elem_set_release(&seen);
    col_release(&keys);
    col_release(&values);
    return 0;
}

/* ---- types ---------------------------------------------------------------------------------- */

static int bind_keys(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "m", err);
    if (rc) return rc;
    const struct type *t = fb->args[0]->type;
    fb->ret_type = type_array(fb->arena, t->children[0], t->nullable);
    return 0;
}

static int bind_values(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "m", err);
    if (rc) return rc;
    const struct type *t = fb->args[0]->type;
    fb->ret_type = type_array(fb->arena, t->children[1], t->nullable);
    return 0;
}

static int bind_entries(struct func_bind *fb, struct err *err) {
    static const char *const names[2] = {"key", "value"};
    int rc = args_check(fb, "m", err);
    if (rc) return rc;
    const struct type *t = fb->args[0]->type;
    fb->ret_type =
        type_array(fb->arena, type_row(fb->arena, 2, t->children, names, true), t->nullable);
    return 0;
}

static int bind_from_arrays(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "a", err);
    if (rc) return rc;
    fb->ret_type = type_map(fb->arena, fb->args[0]->type->children[0],
                            fb->args[1]->type->children[0], args_nullable(fb));
    return 0;
}

static int bind_union(struct func_bind *fb, struct err *err) {
    const struct type *t;
    bool null = args_nullable(fb);
    int rc = coll_bind_common(fb, TYPE_MAP, &t, err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, t, null);
    return 0;
}

#define MAP_FUNC(sym, name_, sig, doc_, min, max, flags_, bind_, kernel_)                          \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "collection",                                      \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_CONST_ARGS | FUNC_STRICT | (flags_),             \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_}

MAP_FUNC(map_keys, "MAP_KEYS", "MAP_KEYS(map)", "The keys as an array.", 1, 1, 0, bind_keys,
         kernel_keys);
MAP_FUNC(map_values, "MAP_VALUES", "MAP_VALUES(map)", "The values as an array.", 1, 1, 0,
         bind_values, kernel_values);
MAP_FUNC(map_entries, "MAP_ENTRIES", "MAP_ENTRIES(map)",
         "The entries as an array of rows with the fields key and value.", 1, 1, 0, bind_entries,
         kernel_entries);
MAP_FUNC(map_from_arrays, "MAP_FROM_ARRAYS", "MAP_FROM_ARRAYS(keys, values)",
         "The map of an array of keys and one of values.", 2, 2, FUNC_CAN_FAIL, bind_from_arrays,
         kernel_from_arrays);
MAP_FUNC(map_union, "MAP_UNION", "MAP_UNION(map, ...)",
         "All entries of the maps; of equal keys the last one counts.", 1, -1, 0, bind_union,
         kernel_union);
