/* logic.c - three-valued AND, OR, NOT, and the IS ... tests. Truth values are bytes of 0 or 1; NULL
 * lives in the bitmap, so most of the work is on whole words or vectors of bytes. */
#include "vector/func/logic.h"

#include "vector/func/args.h"

#include <string.h>

/* ---- AND, OR -------------------------------------------------------------------------------- */

ATTR_KERNEL static void bytes_and(uint8_t *restrict d, const uint8_t *restrict s, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        d[i] &= s[i];
}

ATTR_KERNEL static void bytes_or(uint8_t *restrict d, const uint8_t *restrict s, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        d[i] = (d[i] | s[i]) & 1;
}

ATTR_KERNEL static void bytes_not(uint8_t *restrict d, const uint8_t *restrict s, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        d[i] = (s[i] & 1) ^ 1;
}

/* ret = ret AND / OR c, over n rows. */
static void fold_in(struct column *ret, const struct column *c, uint32_t n, bool is_and) {
    uint32_t words = valid_words(n);
    if (ret->valid || c->valid) {
        /* Known if both are, or if a known one decides. */
        uint64_t *v = col_make_valid(ret);
        for (uint32_t w = 0; w < words; w++) {
            uint64_t x = is_and ? bool_false_word(ret, w, n) : bool_true_word(ret, w, n);
            uint64_t y = is_and ? bool_false_word(c, w, n) : bool_true_word(c, w, n);
            uint64_t both = v[w] & (c->valid ? c->valid[w] : ~0ull);
            v[w] = both | x | y;
        }
    }
    (is_and ? bytes_and : bytes_or)(ret->data, c->data, n);
}

static void from_scalar(struct column *ret, const struct column *one, uint32_t n) {
    bool valid = col_is_valid(one, 0);
    memset(ret->data, valid && *(const uint8_t *)one->data, n);
    if (!valid) memset(col_make_valid(ret), 0, valid_words(n) * sizeof(uint64_t));
}

/* A constant operand: either decides, or changes nothing, or is NULL. */
static void fold_scalar(struct column *ret, const struct column *one, uint32_t n, bool is_and) {
    bool valid = col_is_valid(one, 0), on = valid && *(const uint8_t *)one->data;
    if (valid && on == is_and) return;
    if (valid) {
        memset(ret->data, on, n);
        if (ret->valid) memset(ret->valid, 0xff, valid_words(n) * sizeof(uint64_t));
        return;
    }
    /* NULL: what is decided stays, the rest becomes NULL. */
    for (uint32_t w = 0; w < valid_words(n); w++) {
        uint64_t decided = is_and ? bool_false_word(ret, w, n) : bool_true_word(ret, w, n);
        col_make_valid(ret)[w] = decided;
    }
}

static int and_or(struct kernel_call *k, bool is_and) {
    struct column *ret = k->ret;
    const struct column *c = k->args[0];
    if (k->const_mask & 1) {
        from_scalar(ret, c, k->n);
    } else {
        memcpy(ret->data, c->data, k->n);
        if (c->valid) memcpy(col_make_valid(ret), c->valid, valid_words(k->n) * sizeof(uint64_t));
    }
    for (int i = 1; i < k->n_args; i++) {
        if (i < 32 && k->const_mask >> i & 1)
            fold_scalar(ret, k->args[i], k->n, is_and);
        else
            fold_in(ret, k->args[i], k->n, is_and);
    }
    return 0;
}

static int kernel_and(struct kernel_call *k, struct err *err) {
    return and_or(k, true);
}

static int kernel_or(struct kernel_call *k, struct err *err) {
    return and_or(k, false);
}

static int want_boolean(struct func_bind *fb, struct err *err) {
    for (int i = 0; i < fb->n_args; i++) {
        if (fb->args[i]->type->kind == TYPE_NULL)
            return err_set(err, ERR_VALIDATION, "Illegal use of 'NULL'");
        if (fb->args[i]->type->kind != TYPE_BOOLEAN) return func_bind_fail(fb, NULL, err);
    }
    return 0;
}

/* Nested calls of the same operator become one call of many operands. */
static int bind_and_or(struct func_bind *fb, struct err *err) {
    int rc = want_boolean(fb, err), n = 0, k = 0;
    if (rc) return rc;
    for (int i = 0; i < fb->n_args; i++) {
        bool same = fb->args[i]->kind == EXPR_CALL && fb->args[i]->func == fb->func;
        n += same ? fb->args[i]->n_args : 1;
    }
    const struct expr **args = ARENA_NEW_N(fb->arena, const struct expr *, n);
    bool nullable = false;
    for (int i = 0; i < fb->n_args; i++) {
        const struct expr *e = fb->args[i];
        nullable |= e->type->nullable;
        if (e->kind != EXPR_CALL || e->func != fb->func) {
            args[k++] = e;
            continue;
        }
        for (int j = 0; j < e->n_args; j++)
            args[k++] = e->args[j];
    }
    fb->args = args;
    fb->n_args = n;
    fb->ret_type = type_new(fb->arena, TYPE_BOOLEAN, nullable);
    return 0;
}

const struct func func_and = {
    .name = "AND",
    .category = "logical",
    .signature = "boolean1 AND boolean2",
    .doc = "TRUE if both are TRUE; FALSE if one is FALSE; else UNKNOWN (NULL).",
    .min_args = 2,
    .max_args = -1,
    .flags = FUNC_LAZY | FUNC_CONST_ARGS,
    .bind = bind_and_or,
    .kernel = kernel_and,
};

const struct func func_or = {
    .name = "OR",
    .category = "logical",
    .signature = "boolean1 OR boolean2",
    .doc = "TRUE if one is TRUE; FALSE if both are FALSE; else UNKNOWN (NULL).",
    .min_args = 2,
    .max_args = -1,
    .flags = FUNC_LAZY | FUNC_CONST_ARGS,
    .bind = bind_and_or,
    .kernel = kernel_or,
};

/* ---- NOT ------------------------------------------------------------------------------------ */

static int kernel_not(struct kernel_call *k, struct err *err) {
    bytes_not(k->ret->data, k->args[0]->data, k->n);
    return 0;
}

static int bind_not(struct func_bind *fb, struct err *err) {
    int rc = want_boolean(fb, err);
    if (rc) return rc;
    fb->ret_type = type_new(fb->arena, TYPE_BOOLEAN, fb->args[0]->type->nullable);
    return 0;
}

const struct func func_not = {
    .name = "NOT",
    .category = "logical",
    .signature = "NOT boolean",
    .doc = "TRUE if the argument is FALSE, FALSE if it is TRUE, NULL if it is UNKNOWN.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT,
    .bind = bind_not,
    .kernel = kernel_not,
};

/* ---- IS NULL, IS TRUE, ... ------------------------------------------------------------------ */

ATTR_KERNEL void bits_to_bytes(uint8_t *restrict d, const uint64_t *restrict bits, uint8_t flip,
                               uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        d[i] = (uint8_t)(bits[i >> 6] >> (i & 63) & 1) ^ flip;
}

static int is_null(struct kernel_call *k, bool negate) {
    const struct column *c = k->args[0];
    if (!c->valid)
        memset(k->ret->data, negate, k->n);
    else
        bits_to_bytes(k->ret->data, c->valid, !negate, k->n);
    return 0;
}

static int kernel_is_null(struct kernel_call *k, struct err *err) {
    return is_null(k, false);
}

static int kernel_is_not_null(struct kernel_call *k, struct err *err) {
    return is_null(k, true);
}

/* d = (value == want), NULL counts as not; flipped if negate. */
static int is_truth(struct kernel_call *k, bool want, bool negate) {
    const struct column *c = k->args[0];
    uint8_t *d = k->ret->data;
    const uint8_t *s = c->data;
    for (uint32_t i = 0; i < k->n; i++) {
        bool on = (s[i] & 1) == want && col_is_valid(c, i);
        d[i] = on != negate;
    }
    return 0;
}

static int kernel_is_true(struct kernel_call *k, struct err *err) {
    return is_truth(k, true, false);
}
static int kernel_is_not_true(struct kernel_call *k, struct err *err) {
    return is_truth(k, true, true);
}
static int kernel_is_false(struct kernel_call *k, struct err *err) {
    return is_truth(k, false, false);
}
static int kernel_is_not_false(struct kernel_call *k, struct err *err) {
    return is_truth(k, false, true);
}

static int bind_is_null(struct func_bind *fb, struct err *err) {
    fb->ret_type = type_of_not_null(TYPE_BOOLEAN);
    return 0;
}

static int bind_is_truth(struct func_bind *fb, struct err *err) {
    fb->ret_type = type_of_not_null(TYPE_BOOLEAN);
    if (fb->args[0]->type->kind == TYPE_NULL) {
        fb->args[0] = expr_cast(fb->arena, fb->args[0], type_of(TYPE_BOOLEAN));
        return 0;
    }
    return want_boolean(fb, err);
}

#define IS_FUNC(id, sql, bindfn, text)                                                             \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .category = "logical",                                                                     \
        .signature = "value " sql,                                                                 \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = 1,                                                                             \
        .bind = bindfn,                                                                            \
        .kernel = kernel_##id,                                                                     \
    };

IS_FUNC(is_null, "IS NULL", bind_is_null, "TRUE if the value is NULL.")
IS_FUNC(is_not_null, "IS NOT NULL", bind_is_null, "TRUE if the value is not NULL.")
IS_FUNC(is_true, "IS TRUE", bind_is_truth, "TRUE if the boolean is TRUE, else FALSE.")
IS_FUNC(is_not_true, "IS NOT TRUE", bind_is_truth, "TRUE if the boolean is FALSE or NULL.")
IS_FUNC(is_false, "IS FALSE", bind_is_truth, "TRUE if the boolean is FALSE, else FALSE.")
IS_FUNC(is_not_false, "IS NOT FALSE", bind_is_truth, "TRUE if the boolean is TRUE or NULL.")
