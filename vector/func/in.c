/* in.c - value IN (list). Literal items go into a hash set once; other items are compared row by
 * row. NULL if nothing is equal and the value or an item is NULL. */
#include "vector/func/compare.h"

#include "base/core/mem.h"
#include "vector/func/args.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_MAX = 8 }; /* up to so many integers are compared one by one */

struct in_set {
    struct column values; /* the literals that are not NULL */
    uint32_t *slots;      /* open addressing: index into values + 1, 0 = free */
    uint32_t mask;
    bool has_null;
    int32_t n_other; /* items that are no literals: the kernel's arguments from 1 on */
};

static void add_value(struct in_set *s, uint32_t i, uint64_t hash) {
    uint32_t at = (uint32_t)hash & s->mask;
    while (s->slots[at]) {
        if (col_eq(&s->values, s->slots[at] - 1, &s->values, i)) return;
        at = (at + 1) & s->mask;
    }
    s->slots[at] = i + 1;
}

static int in_prepare(const struct expr *call, const struct eval_env *env, void **ret_state,
                      struct err *err) {
    struct in_set *s = mem_zalloc(sizeof(*s));
    AUTO_FREE const struct column **lits = mem_calloc((size_t)call->n_args, sizeof(*lits));
    uint32_t n = 0;
    for (int i = 1; i < call->n_args; i++) {
        const struct expr *e = call->args[i];
        if (e->kind != EXPR_LITERAL)
            s->n_other++;
        else if (col_is_valid(e->literal, 0))
            lits[n++] = e->literal;
        else
            s->has_null = true;
    }
    uint32_t size = 16;
    while (size < n * 2)
        size *= 2;
    s->mask = size - 1;
    s->slots = mem_calloc(size, sizeof(*s->slots));
    if (n) {
        col_concat(&s->values, lits, n);
        AUTO_FREE uint64_t *hash = mem_calloc(n, sizeof(*hash));
        col_hash(&s->values, hash, n);
        for (uint32_t i = 0; i < n; i++)
            add_value(s, i, hash[i]);
    }
    *ret_state = s;
    return 0;
}

static void in_unprepare(void *state) {
    struct in_set *s = state;
    col_release(&s->values);
    free(s->slots);
    free(s);
}

/* items has FEW_MAX values, the last one repeated. */
#define DEF_FEW(name, ctype)                                                                       \
    ATTR_KERNEL static void few_##name(const void *data, const ctype *items, uint8_t *restrict d,  \
                                       uint32_t n) {                                               \
        const ctype *restrict s = data;                                                            \
        const ctype v0 = items[0], v1 = items[1], v2 = items[2], v3 = items[3];                    \
        const ctype v4 = items[4], v5 = items[5], v6 = items[6], v7 = items[7];                    \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const ctype x = s[i];                                                                  \
            d[i] = (x == v0) | (x == v1) | (x == v2) | (x == v3) | (x == v4) | (x == v5) |         \
                   (x == v6) | (x == v7);                                                          \
        }                                                                                          \
    }                                                                                              \
    static void find_##name(const struct in_set *s, const struct column *x, uint8_t *d,            \
                            uint32_t n) {                                                          \
        ctype items[FEW_MAX];                                                                      \
        for (uint32_t k = 0; k < FEW_MAX; k++)                                                     \
            items[k] = COL_DATA(&s->values, ctype)[MIN(k, s->values.n - 1)];                       \
        few_##name(x->data, items, d, n);                                                          \
    }
DEF_FEW(i32, int32_t)
DEF_FEW(i64, int64_t)

/* Strings that lie within their views, as two words each. */
ATTR_KERNEL static void few_inline(const uint64_t *restrict s, const uint64_t *restrict items,
                                   uint32_t n_items, uint8_t *restrict d, uint32_t n) {
    for (uint32_t k = 0; k < n_items; k++) {
        const uint64_t a = items[2 * k], b = items[2 * k + 1];
        for (uint32_t i = 0; i < n; i++)
            d[i] |= ((s[2 * i] ^ a) | (s[2 * i + 1] ^ b)) == 0;
    }
}

static bool all_inline(const struct column *c) {
    const struct strv *s = c->data;
    for (uint32_t i = 0; i < c->n; i++)
        if (s[i].len > STRV_INLINE_MAX_BYTES) return false;
    return true;
}

static void find_hashed(const struct in_set *s, const struct column *x, uint8_t *d, uint32_t n) {
    AUTO_FREE uint64_t *hash = mem_calloc(n, sizeof(*hash));
    col_hash(x, hash, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!col_is_valid(x, i)) continue;
        for (uint32_t at = (uint32_t)hash[i] & s->mask; s->slots[at]; at = (at + 1) & s->mask)
            if (col_eq(&s->values, s->slots[at] - 1, x, i)) {
                d[i] = 1;
                break;
            }
    }
}

static int kernel_in(struct kernel_call *k, struct err *err) {
    const struct in_set *s = k->state;
    uint8_t *d = k->ret->data;
    struct column wide = {0};
    const struct column *x = k->args[0];
    if (x->n != k->n) { /* a literal value among columns */
        col_repeat(&wide, x, x->type, k->n);
        x = &wide;
    }
    memset(d, 0, k->n);
    if (s->values.n && s->values.n <= FEW_MAX && x->phys == PHYS_I64)
        find_i64(s, x, d, k->n);
    else if (s->values.n && s->values.n <= FEW_MAX && x->phys == PHYS_I32)
        find_i32(s, x, d, k->n);
    else if (s->values.n && s->values.n <= FEW_MAX && x->phys == PHYS_STR && all_inline(&s->values))
        few_inline(x->data, s->values.data, s->values.n, d, k->n);
    else if (s->values.n)
        find_hashed(s, x, d, k->n);
    for (uint32_t i = 0; i < k->n && (s->has_null || s->n_other || x->valid); i++) {
        bool null = s->has_null;
        for (int o = 0; o < s->n_other && !d[i]; o++) {
            const struct column *item = k->args[1 + o];
            uint32_t row = item->n == k->n ? i : 0;
            null |= !col_is_valid(item, row);
            if (col_is_valid(x, i) && col_is_valid(item, row)) d[i] = col_eq(x, i, item, row);
        }
        if (!col_is_valid(x, i) || (null && !d[i])) col_set_null(k->ret, i);
    }
    col_release(&wide);
    return 0;
}

/* One type for all where there is one by the rules of =. */
static const struct type *common_type(struct func_bind *fb, struct err *err) {
    AUTO_FREE const struct type **types = mem_calloc((size_t)fb->n_args, sizeof(*types));
    for (int i = 0; i < fb->n_args; i++)
        types[i] = fb->args[i]->type;
    const struct type *t = type_least_restrictive(fb->arena, types, fb->n_args);
    if (t) return t;
    /* Texts beside a date: the items become dates. */
    const struct type *x = fb->args[0]->type;
    if (x->kind != TYPE_DATE && x->kind != TYPE_TIME && !type_is_timestamp(x)) return NULL;
    for (int i = 1; i < fb->n_args; i++) {
        bool text = type_is_char(types[i]) && fb->args[i]->kind == EXPR_LITERAL;
        if (!text && types[i]->kind != TYPE_NULL && types[i]->kind != x->kind) return NULL;
    }
    return x;
}

/* value = item OR value = item ...: says what is wrong, too. */
static int bind_as_or(struct func_bind *fb, struct err *err) {
    const struct expr **eq = ARENA_NEW_N(fb->arena, const struct expr *, fb->n_args);
    for (int i = 1; i < fb->n_args; i++) {
        const struct expr *args[2] = {fb->args[0], fb->args[i]};
        int rc = func_call_name(fb->arena, "=", args, 2, &eq[i - 1], err);
        if (rc) return rc;
    }
    fb->rewrite = eq[0];
    return fb->n_args == 2 ? 0
                           : func_call_name(fb->arena, "OR", eq, fb->n_args - 1, &fb->rewrite, err);
}

static int bind_in(struct func_bind *fb, struct err *err) {
    if (fb->args[0]->type->kind == TYPE_NULL) {
        fb->rewrite = expr_literal(fb->arena, value_null(fb->arena, type_of(TYPE_BOOLEAN)));
        return 0;
    }
    fb->ret_type = type_new(fb->arena, TYPE_BOOLEAN, args_nullable(fb));
    const struct type *t = common_type(fb, err);
    if (!t) return bind_as_or(fb, err);
    for (int i = 0; i < fb->n_args; i++) {
        /* Strings compare by their bytes, whatever their declared length. */
        if (type_is_char(t) && fb->args[i]->type->kind != TYPE_NULL) continue;
        int rc = args_cast(fb, i, t, err);
        if (rc) return rc;
    }
    return 0;
}

const struct func func_in = {
    .name = "IN",
    .category = "comparison",
    .signature = "value IN (item [, item]*)",
    .doc = "TRUE if the value equals an item; NULL if it doesn't and it or an item is NULL.",
    .min_args = 2,
    .max_args = -1,
    .flags = FUNC_CONST_ARGS,
    .bind = bind_in,
    .kernel = kernel_in,
    .prepare = in_prepare,
    .unprepare = in_unprepare,
};
