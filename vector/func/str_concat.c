/* str_concat.c - putting strings together: ||, CONCAT, CONCAT_WS, ELT. */
#include "vector/func/args.h"

#include "base/core/mem.h"

#include <string.h>

/* ---- || and CONCAT -------------------------------------------------------------------------- */

static int kernel_concat(struct kernel_call *k, struct err *err) {
    struct heap *h = col_heap(k->ret);
    AUTO_FREE struct arg *args = mem_calloc((size_t)k->n_args, sizeof(*args));
    for (int a = 0; a < k->n_args; a++)
        args[a] = kernel_arg(k, a);
    for (uint32_t i = 0; i < k->n; i++) {
        size_t total = 0;
        for (int a = 0; a < k->n_args; a++)
            total += arg_strv(&args[a], i)->len;
        if (!col_is_valid(k->ret, i)) total = 0;
        if (total > INT32_MAX)
            return kernel_fail(k, i, err, "the concatenated string is longer than 2 GiB");
        char small[STRV_INLINE_MAX_BYTES];
        char *d = total <= sizeof(small) ? small : (char *)heap_alloc(h, total), *e = d;
        for (int a = 0; a < k->n_args && total; a++) {
            struct sv v = arg_sv(&args[a], i);
            memcpy(e, v.ptr, v.len);
            e += v.len;
        }
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)total);
    }
    return 0;
}

/* CHAR || CHAR is a CHAR of both lengths; with a VARCHAR it varies. */
static int bind_concat_op(struct func_bind *fb, struct err *err) {
    const struct type *a = fb->args[0]->type, *b = fb->args[1]->type;
    bool bytes = type_is_binary(a) || type_is_binary(b);
    int rc = args_check(fb, bytes ? "b" : "c", err);
    if (rc) return rc;
    a = fb->args[0]->type;
    b = fb->args[1]->type;
    enum type_kind fixed = bytes ? TYPE_BINARY : TYPE_CHAR;
    enum type_kind kind = bytes ? TYPE_VARBINARY : TYPE_VARCHAR;
    if (a->kind == fixed && b->kind == fixed) kind = fixed;
    int64_t len = (int64_t)a->length + b->length;
    fb->ret_type = type_text(fb->arena, kind, len > TYPE_LENGTH_MAX ? TYPE_LENGTH_MAX : (int)len,
                             args_nullable(fb));
    return 0;
}

/* ---- CONCAT_WS, ELT ------------------------------------------------------------------------- */

/* Not strict: NULL arguments are left out, a NULL separator gives NULL. */
static int kernel_concat_ws(struct kernel_call *k, struct err *err) {
    struct arg sep = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!arg_valid(&sep, i)) {
            ret_null(k, i);
            continue;
        }
        bool first = true;
        str_clear(&tmp);
        for (int a = 1; a < k->n_args; a++) {
            struct arg v = kernel_arg(k, a);
            if (!arg_valid(&v, i)) continue;
            if (!first) str_add_sv(&tmp, arg_sv(&sep, i));
            str_add_sv(&tmp, arg_sv(&v, i));
            first = false;
        }
        if (tmp.len > INT32_MAX)
            return kernel_fail(k, i, err, "the concatenated string is longer than 2 GiB");
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

/* Not strict: only the chosen argument matters. */
static int kernel_elt(struct kernel_call *k, struct err *err) {
    struct arg index = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (int a = 1; a < k->n_args; a++) {
        struct arg v = kernel_arg(k, a);
        h = ret_borrow(k, &v);
    }
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t at = arg_valid(&index, i) ? arg_i64(&index, i) : 0;
        struct arg v = {0};
        bool ok = at >= 1 && at < k->n_args;
        if (ok) {
            v = kernel_arg(k, (int)at);
            ok = arg_valid(&v, i);
        }
        if (ok)
            ret_piece(k, &v, h, i, arg_sv(&v, i).ptr, arg_sv(&v, i).len);
        else
            ret_null(k, i);
    }
    return 0;
}

static int bind_elt(struct func_bind *fb, struct err *err) {
    bool bytes = false;
    for (int i = 1; i < fb->n_args; i++)
        bytes |= type_is_binary(fb->args[i]->type);
    int rc = args_check(fb, bytes ? "lb" : "lc", err);
    if (rc) return rc;
    const struct type **types = ARENA_NEW_N(fb->arena, const struct type *, fb->n_args);
    for (int i = 1; i < fb->n_args; i++)
        types[i - 1] = fb->args[i]->type;
    const struct type *t = type_least_restrictive(fb->arena, types, fb->n_args - 1);
    if (!t) return func_bind_fail(fb, NULL, err);
    for (int i = 1; i < fb->n_args; i++) {
        rc = args_cast(fb, i, t, err);
        if (rc) return rc;
    }
    fb->ret_type = type_with_null(fb->arena, t, true);
    return 0;
}

const struct func func_concat_op = {
    .name = "||",
    .category = "string",
    .signature = "string || string",
    .doc = "Both strings, one behind the other.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .bind = bind_concat_op,
    .kernel = kernel_concat,
};

const struct func func_concat = {
    .name = "CONCAT",
    .category = "string",
    .signature = "CONCAT(string, ...)",
    .doc = "All strings, one behind the other; NULL if one is NULL.",
    .min_args = 1,
    .max_args = -1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "c",
    .ret = "STRING",
    .bind = func_bind_spec,
    .kernel = kernel_concat,
};

const struct func func_concat_ws = {
    .name = "CONCAT_WS",
    .category = "string",
    .signature = "CONCAT_WS(separator, string, ...)",
    .doc = "The strings that are not NULL, with the separator between them.",
    .min_args = 1,
    .max_args = -1,
    .flags = FUNC_CONST_ARGS,
    .args = "c",
    .ret = "STRING",
    .bind = func_bind_spec,
    .kernel = kernel_concat_ws,
};

const struct func func_elt = {
    .name = "ELT",
    .category = "string",
    .signature = "ELT(index, value, ...)",
    .doc = "Value number index, from 1; NULL if there are fewer.",
    .min_args = 2,
    .max_args = -1,
    .flags = FUNC_CONST_ARGS,
    .bind = bind_elt,
    .kernel = kernel_elt,
};
