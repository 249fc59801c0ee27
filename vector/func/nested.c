/* nested.c - ROW, ARRAY and MAP constructors, access to their parts, CARDINALITY. */
#include "vector/func/args.h"

#include "base/core/mem.h"

#include <string.h>

/* ---- constructors --------------------------------------------------------------------------- */

static int kernel_row(struct kernel_call *k, struct err *err) {
    for (int i = 0; i < k->n_args; i++) {
        const struct type *t = k->ret->children[i].type;
        col_ref(&k->ret->children[i], k->args[i]);
        k->ret->children[i].type = t;
    }
    return 0;
}

static int bind_row(struct func_bind *fb, struct err *err) {
    const struct type **types = ARENA_NEW_N(fb->arena, const struct type *, fb->n_args);
    const char **names = ARENA_NEW_N(fb->arena, const char *, fb->n_args);
    for (int i = 0; i < fb->n_args; i++) {
        if (fb->args[i]->type->kind == TYPE_NULL)
            return err_set(err, ERR_VALIDATION, "Illegal use of 'NULL'");
        types[i] = type_with_time_attr(fb->arena, fb->args[i]->type, TIME_ATTR_NONE);
        names[i] = arena_printf(fb->arena, "EXPR$%d", i);
    }
    fb->ret_type = type_row(fb->arena, fb->n_args, types, names, false);
    return 0;
}

/* Row i of the child has args first, first + step, ... of row i side by side. */
static void interleave(struct kernel_call *k, int first, int step, struct column *ret_child) {
    uint32_t m = (uint32_t)((k->n_args - first + step - 1) / step), n = k->n;
    AUTO_FREE const struct column **cols = mem_calloc(m, sizeof(*cols));
    AUTO_FREE uint32_t *idx = mem_calloc((size_t)m * n, sizeof(*idx));
    for (uint32_t j = 0; j < m; j++) {
        cols[j] = k->args[first + (int)j * step];
        for (uint32_t i = 0; i < n; i++)
            idx[i * m + j] = j * n + i;
    }
    const struct type *t = ret_child->type;
    struct column all;
    col_concat(&all, cols, m);
    col_gather(ret_child, &all, idx, m * n);
    col_release(&all);
    ret_child->type = t;
}

static void even_offsets(struct kernel_call *k, uint32_t each) {
    for (uint32_t i = 0; i <= k->n; i++)
        COL_DATA(k->ret, uint32_t)[i] = i * each;
}

static int kernel_array(struct kernel_call *k, struct err *err) {
    even_offsets(k, (uint32_t)k->n_args);
    interleave(k, 0, 1, &k->ret->children[0]);
    return 0;
}

/* The arguments first, first + step, ... cast to their common type; ERR_VALIDATION "<what>" if
 * there is none. */
static int unify(struct func_bind *fb, int first, int step, const char *what,
                 const struct type **ret_type, struct err *err) {
    AUTO_FREE const struct type **types = mem_calloc((size_t)fb->n_args, sizeof(*types));
    int n = 0;
    for (int i = first; i < fb->n_args; i += step)
        types[n++] = fb->args[i]->type;
    const struct type *t = type_least_restrictive(fb->arena, types, n);
    if (!t) return err_set(err, ERR_VALIDATION, "%s", what);
    for (int i = first; i < fb->n_args; i += step) {
        int rc = expr_cast_checked(fb->arena, fb->args[i], t, &fb->args[i], err);
        if (rc) return err_wrap(err, "%s", what);
    }
    *ret_type = t;
    return 0;
}

static int bind_array(struct func_bind *fb, struct err *err) {
    const struct type *t;
    int rc = unify(fb, 0, 1, "Parameters must be of the same type in ARRAY[...]", &t, err);
    if (rc) return rc;
    fb->ret_type = type_array(fb->arena, t, false);
    return 0;
}

/* Where a key comes twice, the last entry counts. */
static void drop_repeated_keys(struct kernel_call *k, uint32_t pairs) {
    struct column *keys = &k->ret->children[0], *values = &k->ret->children[1];
    uint32_t *off = k->ret->data, kept = 0;
    AUTO_FREE uint32_t *idx = mem_calloc((size_t)pairs * k->n, sizeof(*idx));
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t from = i * pairs, start = kept;
        for (uint32_t a = from; a < from + pairs; a++) {
            uint32_t b = start;
            while (b < kept && !col_eq(keys, idx[b], keys, a))
                b++;
            idx[b] = a;
            kept += b == kept;
        }
        off[i] = start;
    }
    off[k->n] = kept;
    if (kept == pairs * k->n) return;
    struct column picked;
    col_gather(&picked, keys, idx, kept);
    col_release(keys);
    *keys = picked;
    col_gather(&picked, values, idx, kept);
    col_release(values);
    *values = picked;
}

static int kernel_map(struct kernel_call *k, struct err *err) {
    even_offsets(k, (uint32_t)k->n_args / 2);
    interleave(k, 0, 2, &k->ret->children[0]);
    interleave(k, 1, 2, &k->ret->children[1]);
    drop_repeated_keys(k, (uint32_t)k->n_args / 2);
    return 0;
}

static int bind_map(struct func_bind *fb, struct err *err) {
    if (fb->n_args % 2)
        return err_set(err, ERR_VALIDATION, "MAP requires an even number of arguments");
    const struct type *key, *value;
    int rc = unify(fb, 0, 2, "Keys must be of the same type in MAP[...]", &key, err);
    if (!rc) rc = unify(fb, 1, 2, "Values must be of the same type in MAP[...]", &value, err);
    if (rc) return rc;
    fb->ret_type = type_map(fb->arena, key, value, false);
    return 0;
}

/* ---- access --------------------------------------------------------------------------------- */

/* What Flink reads where there is no element of a NOT NULL number: -1, or FALSE. */
static void put_default(struct column *ret, uint32_t i) {
    switch (ret->phys) {
    case PHYS_BOOL:
        COL_DATA(ret, uint8_t)[i] = 0;
        break;
    case PHYS_I8:
        COL_DATA(ret, int8_t)[i] = -1;
        break;
    case PHYS_I16:
        COL_DATA(ret, int16_t)[i] = -1;
        break;
    case PHYS_I32:
        COL_DATA(ret, int32_t)[i] = -1;
        break;
    case PHYS_I64:
        COL_DATA(ret, int64_t)[i] = -1;
        break;
    case PHYS_F32:
        COL_DATA(ret, float)[i] = -1;
        break;
    case PHYS_F64:
        COL_DATA(ret, double)[i] = -1;
        break;
    default:
        return;
    }
    ret->valid[i >> 6] |= 1ull << (i & 63);
}

/* ret = rows idx of the element column, UINT32_MAX = none. */
static void pick_elements(struct kernel_call *k, const struct column *elems, const uint32_t *idx) {
    const struct type *t = k->ret->type;
    col_release(k->ret);
    col_gather(k->ret, elems, idx, k->n);
    k->ret->type = t;
    bool whole = elems->type->kind != TYPE_TIMESTAMP && elems->type->kind != TYPE_TIMESTAMP_LTZ;
    if (elems->type->nullable || !whole) return;
    struct arg x = kernel_arg(k, 0), at = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++)
        if (idx[i] == UINT32_MAX && arg_valid(&x, i) && arg_valid(&at, i)) put_default(k->ret, i);
}

static int64_t read_index(const struct arg *a, uint32_t i) {
    uint32_t row = arg_row(a, i);
    if (a->col->phys == PHYS_I8) return ((const int8_t *)a->data)[row];
    if (a->col->phys == PHYS_I16) return ((const int16_t *)a->data)[row];
    return ((const int32_t *)a->data)[row];
}

static int kernel_item_array(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0), at = kernel_arg(k, 1);
    const uint32_t *off = x.data;
    AUTO_FREE uint32_t *idx = mem_calloc(k->n, sizeof(*idx));
    for (uint32_t i = 0; i < k->n; i++) {
        idx[i] = UINT32_MAX;
        if (!arg_valid(&x, i) || !arg_valid(&at, i)) continue;
        uint32_t row = arg_row(&x, i), n = off[row + 1] - off[row];
        int64_t want = read_index(&at, i);
        if (want >= 1 && want <= n) idx[i] = off[row] + (uint32_t)want - 1;
    }
    pick_elements(k, &x.col->children[0], idx);
    return 0;
}

static int kernel_item_map(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0), key = kernel_arg(k, 1);
    const uint32_t *off = x.data;
    AUTO_FREE uint32_t *idx = mem_calloc(k->n, sizeof(*idx));
    for (uint32_t i = 0; i < k->n; i++) {
        idx[i] = UINT32_MAX;
        if (!arg_valid(&x, i) || !arg_valid(&key, i)) continue;
        uint32_t row = arg_row(&x, i);
        for (uint32_t e = off[row]; e < off[row + 1]; e++)
            if (col_eq(&x.col->children[0], e, key.col, arg_row(&key, i))) {
                idx[i] = e;
                break;
            }
    }
    pick_elements(k, &x.col->children[1], idx);
    return 0;
}

static kernel_fn pick_item(const struct expr *call) {
    return call->args[0]->type->kind == TYPE_ARRAY ? kernel_item_array : kernel_item_map;
}

extern const struct func func_variant_item;

static int bind_item(struct func_bind *fb, struct err *err) {
    const struct type *t = fb->args[0]->type, *at = fb->args[1]->type;
    if (t->kind == TYPE_MAP) {
        /* Keys compare by bytes: a text of any length will do. */
        bool text = type_is_char(t->children[0]) && type_is_char(at);
        int rc = text ? 0 : args_cast(fb, 1, t->children[0], err);
        fb->ret_type = type_with_null(fb->arena, t->children[1], true);
        return rc;
    }
    if (t->kind == TYPE_VARIANT)
        return func_call(fb->arena, &func_variant_item, fb->args, 2, &fb->rewrite, err);
    if (t->kind != TYPE_ARRAY) return func_bind_fail(fb, NULL, err);
    if (at->kind == TYPE_NULL) fb->args[1] = expr_cast(fb->arena, fb->args[1], type_of(TYPE_INT));
    if (fb->args[1]->type->kind < TYPE_TINYINT || fb->args[1]->type->kind > TYPE_INT)
        return err_set(err, ERR_VALIDATION,
                       "Integer expression type expected: the index of an array must be an INT");
    const struct expr *i = fb->args[1];
    if (i->kind == EXPR_LITERAL && i->type->kind == TYPE_INT && col_is_valid(i->literal, 0) &&
        *(const int32_t *)i->literal->data < 1)
        return err_set(err, ERR_VALIDATION,
                       "Array element access needs an index starting at 1 but was %d.",
                       *(const int32_t *)i->literal->data);
    fb->ret_type = type_with_null(fb->arena, t->children[0], true);
    return 0;
}

const struct func func_item = {
    .name = "ITEM",
    .category = "collection",
    .signature = "array[index], map[key], variant[index] or variant[key]",
    .doc =
        "Element of the array at the index (from 1), or the map's value for the key; NULL if there "
        "is none.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_CONST_ARGS,
    .bind = bind_item,
    .pick_kernel = pick_item,
};

static int kernel_row_field(struct kernel_call *k, struct err *err) {
    const struct column *row = k->args[0];
    const struct type *t = k->ret->type;
    int i = *(const int32_t *)k->call->args[1]->literal->data;
    col_release(k->ret);
    col_ref(k->ret, &row->children[i]);
    k->ret->type = t;
    if (!row->valid) return 0;
    /* NULL rows have NULL fields: a bitmap of our own. */
    struct buffer *buf = buffer_new((valid_words(k->n) + 1) * sizeof(uint64_t));
    uint64_t *valid = (uint64_t *)buf->data;
    for (uint32_t w = 0; w < valid_words(k->n); w++)
        valid[w] = row->valid[w] & (k->ret->valid ? k->ret->valid[w] : ~0ull);
    buffer_unref(k->ret->valid_buf);
    k->ret->valid_buf = buf;
    k->ret->valid = valid;
    return 0;
}

/* The field is named by a symbol or by its number, from 0; the bound call has the number. */
static int field_index(struct func_bind *fb, int *ret, struct err *err) {
    const struct type *row = fb->args[0]->type;
    const struct expr *at = fb->args[1];
    if (at->type->kind == TYPE_INT) {
        *ret = *(const int32_t *)at->literal->data;
        if (*ret >= 0 && *ret < row->n_children) return 0;
        return err_set(err, ERR_VALIDATION, "Unknown field %d of %d", *ret, row->n_children);
    }
    struct sv name = strv_sv(at->literal->data);
    for (*ret = 0; *ret < row->n_children; ++*ret)
        if (sv_eq_str(name, row->field_names[*ret])) return 0;
    AUTO_FREE char *text = mem_strndup(name.ptr, name.len);
    const char *near = str_nearest(text, row->field_names, (size_t)row->n_children);
    return err_set(err, ERR_VALIDATION, "Unknown field '%s'%s%s%s", text,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int bind_row_field(struct func_bind *fb, struct err *err) {
    const struct type *row = fb->args[0]->type;
    const struct expr *at = fb->args[1];
    bool named = at->type->kind == TYPE_SYMBOL || at->type->kind == TYPE_INT;
    if (row->kind != TYPE_ROW || at->kind != EXPR_LITERAL || !named)
        return func_bind_fail(fb, NULL, err);
    int i, rc = field_index(fb, &i, err);
    if (rc) return rc;
    if (at->type->kind == TYPE_SYMBOL)
        fb->args[1] = expr_literal(fb->arena, value_int(fb->arena, type_of_not_null(TYPE_INT), i));
    fb->ret_type =
        type_with_null(fb->arena, row->children[i], row->nullable || row->children[i]->nullable);
    return 0;
}

const struct func func_row_field = {
    .name = "ROW_FIELD",
    .aliases = "FIELD",
    .category = "collection",
    .signature = "row.field",
    .doc = "A field of the row; NULL if the row is NULL.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_CONST_ARGS | FUNC_HIDDEN,
    .bind = bind_row_field,
    .kernel = kernel_row_field,
};

/* ---- CARDINALITY ---------------------------------------------------------------------------- */

static int kernel_cardinality(struct kernel_call *k, struct err *err) {
    const uint32_t *off = k->args[0]->data;
    int32_t *r = k->ret->data;
    for (uint32_t i = 0; i < k->n; i++)
        r[i] = (int32_t)(off[i + 1] - off[i]);
    return 0;
}

static int bind_cardinality(struct func_bind *fb, struct err *err) {
    const struct type *t = fb->args[0]->type;
    if (t->kind != TYPE_ARRAY && t->kind != TYPE_MAP && t->kind != TYPE_MULTISET)
        return func_bind_fail(fb, NULL, err);
    fb->ret_type = type_new(fb->arena, TYPE_INT, t->nullable);
    return 0;
}

const struct func func_cardinality = {
    .name = "CARDINALITY",
    .category = "collection",
    .signature = "CARDINALITY(array | map | multiset)",
    .doc = "Number of elements or entries.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT,
    .bind = bind_cardinality,
    .kernel = kernel_cardinality,
};

#define MAKE_FUNC(id, sql, sig, text)                                                              \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .category = "collection",                                                                  \
        .signature = sig,                                                                          \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = -1,                                                                            \
        .bind = bind_##id,                                                                         \
        .kernel = kernel_##id,                                                                     \
    };

MAKE_FUNC(array, "ARRAY", "ARRAY[value [, value]*]", "An array of the values.")
MAKE_FUNC(map, "MAP", "MAP[key, value [, key, value]*]", "A map of the entries.")
MAKE_FUNC(row, "ROW", "ROW(value [, value]*)", "A row with the values as fields.")
