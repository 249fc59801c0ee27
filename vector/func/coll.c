/* coll.c - see coll.h. */
#include "vector/func/coll.h"

#include "base/core/mem.h"
#include "vector/func/cast.h"

#include <stdlib.h>
#include <string.h>

void picks_release(struct picks *p) {
    free(p->idx);
}

void picks_add(struct picks *p, uint32_t element) {
    MEM_GROW(p->idx, p->n, p->cap);
    p->idx[p->n++] = element;
}

void coll_gather(struct kernel_call *k, int c, const struct column *src, const struct picks *p) {
    struct column *child = &k->ret->children[c];
    const struct type *type = child->type;
    static const uint32_t none;
    col_release(child);
    col_gather(child, src, p->n ? p->idx : &none, p->n);
    child->type = type; /* of the result: it may be nullable where src's is not */
}

void coll_children(struct kernel_call *k, int c, struct column *ret, uint32_t *ret_base) {
    AUTO_FREE const struct column **cols = mem_calloc((size_t)k->n_args, sizeof(*cols));
    uint32_t base = 0;
    for (int i = 0; i < k->n_args; i++) {
        cols[i] = &k->args[i]->children[c];
        ret_base[i] = base;
        base += cols[i]->n;
    }
    col_concat(ret, cols, (uint32_t)k->n_args);
}

void coll_row_done(struct kernel_call *k, uint32_t i, const struct picks *p) {
    uint32_t *off = k->ret->data;
    if (i == 0) off[0] = 0;
    off[i + 1] = p->n;
}

/* ---- sets ----------------------------------------------------------------------------------- */

void elem_set_init(struct elem_set *s, const struct column *col) {
    memset(s, 0, sizeof(*s));
    s->col = col;
    s->hash = mem_calloc(col->n + 1, sizeof(*s->hash));
    col_hash(col, s->hash, col->n);
}

void elem_set_release(struct elem_set *s) {
    free(s->hash);
    free(s->slots);
}

void elem_set_clear(struct elem_set *s, uint32_t expected) {
    uint32_t size = 8;
    while (size < expected * 2)
        size *= 2;
    if (size > s->mask + 1 || !s->slots) {
        free(s->slots);
        s->slots = mem_alloc(size * sizeof(*s->slots));
        s->mask = size - 1;
    }
    memset(s->slots, 0, (s->mask + 1) * sizeof(*s->slots));
}

/* The slot of an equal element, or the free one where it would go. */
static uint32_t *slot_of(const struct elem_set *s, uint32_t element) {
    uint32_t i = (uint32_t)s->hash[element] & s->mask;
    while (s->slots[i] && (s->hash[s->slots[i] - 1] != s->hash[element] ||
                           !col_eq(s->col, s->slots[i] - 1, s->col, element)))
        i = (i + 1) & s->mask;
    return &s->slots[i];
}

bool elem_set_add(struct elem_set *s, uint32_t element) {
    uint32_t *slot = slot_of(s, element);
    if (*slot) return false;
    *slot = element + 1;
    return true;
}

bool elem_set_has(const struct elem_set *s, uint32_t element) {
    return *slot_of(s, element) != 0;
}

/* ---- types ---------------------------------------------------------------------------------- */

bool coll_implicit_cast(const struct type *from, const struct type *to) {
    if (from->kind == TYPE_NULL) return true;
    if (type_is_nested(from)) {
        if (from->kind != to->kind || from->n_children != to->n_children) return false;
        for (int i = 0; i < from->n_children; i++)
            if (!coll_implicit_cast(from->children[i], to->children[i])) return false;
        return true;
    }
    if (from->kind == to->kind) return true;
    if (type_is_int(from) && type_is_int(to)) return from->kind < to->kind;
    if (type_is_numeric(from) && type_is_numeric(to))
        return to->kind == TYPE_DECIMAL || to->kind == TYPE_DOUBLE ||
               (to->kind == TYPE_FLOAT && from->kind != TYPE_DOUBLE);
    if (type_is_char(from)) return to->kind == TYPE_VARCHAR;
    if (type_is_binary(from)) return to->kind == TYPE_VARBINARY;
    return from->kind == TYPE_TIMESTAMP && (to->kind == TYPE_DATE || to->kind == TYPE_TIME);
}

int coll_bind_element(struct func_bind *fb, int i, struct err *err) {
    if (fb->args[0]->type->kind != TYPE_ARRAY) return func_bind_fail(fb, NULL, err);
    const struct type *elem = fb->args[0]->type->children[0], *t = fb->args[i]->type;
    if (!coll_implicit_cast(t, elem)) return func_bind_fail(fb, NULL, err);
    return args_cast(fb, i, elem, err);
}

int coll_bind_common(struct func_bind *fb, enum type_kind kind, const struct type **ret,
                     struct err *err) {
    const struct type **types = ARENA_NEW_N(fb->arena, const struct type *, fb->n_args);
    for (int i = 0; i < fb->n_args; i++) {
        types[i] = fb->args[i]->type;
        if (types[i]->kind != kind && types[i]->kind != TYPE_NULL)
            return func_bind_fail(fb, NULL, err);
    }
    const struct type *t = type_least_restrictive(fb->arena, types, fb->n_args);
    if (!t || t->kind != kind) return func_bind_fail(fb, NULL, err);
    for (int i = 0; i < fb->n_args; i++) {
        int rc = args_cast(fb, i, t, err);
        if (rc) return rc;
    }
    *ret = t;
    return 0;
}
