/* expr.c - expression trees: making, comparing, rewriting. JSON is in expr_json.c, text in
 * expr_print.c, folding in expr_fold.c. */
#include "vector/expr.h"

#include "vector/func/func.h"

#include <string.h>

static struct expr *expr_new(struct arena *a, enum expr_kind kind, const struct type *type) {
    struct expr *e = ARENA_NEW(a, struct expr);
    e->kind = kind;
    e->type = type;
    return e;
}

const struct expr *expr_column(struct arena *a, int column, const struct type *type) {
    CHECK(column >= 0);
    struct expr *e = expr_new(a, EXPR_COLUMN, type);
    e->column = column;
    return e;
}

const struct expr *expr_literal(struct arena *a, const struct column *value) {
    struct expr *e = expr_new(a, EXPR_LITERAL, value->type);
    e->literal = value;
    return e;
}

const struct expr *expr_call(struct arena *a, const struct func *f, const struct type *type,
                             const struct expr *const *args, int n_args) {
    struct expr *e = expr_new(a, EXPR_CALL, type);
    e->func = f;
    e->n_args = n_args;
    if (n_args) e->args = arena_dup(a, args, sizeof(*args) * (size_t)n_args);
    return e;
}

/* A literal's value under another type of the same representation. */
static const struct expr *literal_as(struct arena *a, const struct expr *e, const struct type *t) {
    struct column *c = arena_dup(a, e->literal, sizeof(*c));
    c->type = t;
    struct expr *r = arena_dup(a, e, sizeof(*r));
    r->type = t;
    r->literal = c;
    return r;
}

int expr_cast_checked(struct arena *a, const struct expr *e, const struct type *to,
                      const struct expr **ret, struct err *err) {
    *ret = e;
    if (type_eq_ignore_null(e->type, to)) return 0;
    if (e->kind == EXPR_LITERAL && !col_is_valid(e->literal, 0)) {
        *ret = expr_literal(a, value_null(a, type_with_null(a, to, true)));
        return 0;
    }
    /* A CHAR literal needs no work to be a VARCHAR that is long enough. */
    if (e->kind == EXPR_LITERAL && e->type->kind == TYPE_CHAR && to->kind == TYPE_VARCHAR &&
        to->length >= e->type->length) {
        *ret = literal_as(a, e, type_with_null(a, to, e->type->nullable));
        return 0;
    }
    const struct expr *r;
    int rc = func_cast(a, e, to, false, &r, err);
    if (rc) return rc;
    if (r != e && r->line == 0 && e->line) {
        struct expr *placed = arena_dup(a, r, sizeof(*placed));
        placed->line = e->line;
        placed->col = e->col;
        r = placed;
    }
    *ret = r;
    return 0;
}

const struct expr *expr_cast(struct arena *a, const struct expr *e, const struct type *to) {
    struct err err = ERR_INIT;
    const struct expr *r;
    int rc = expr_cast_checked(a, e, to, &r, &err);
    CHECKF(rc == 0, "implicit cast: %s", err.msg);
    return r;
}

/* ---- comparison ----------------------------------------------------------------------------- */

bool expr_eq(const struct expr *a, const struct expr *b) {
    if (a == b) return true;
    if (a->kind != b->kind || a->n_args != b->n_args || !type_eq(a->type, b->type)) return false;
    switch (a->kind) {
    case EXPR_COLUMN:
    case EXPR_OUTER:
        return a->column == b->column;
    case EXPR_LITERAL: {
        bool va = col_is_valid(a->literal, 0), vb = col_is_valid(b->literal, 0);
        if (!va || !vb) return va == vb;
        if (!col_eq(a->literal, 0, b->literal, 0)) return false;
        /* 0.0 and -0.0 are equal but not the same. */
        int size = type_is_approx(a->type) ? phys_size_bytes(a->literal->phys) : 0;
        return !size || memcmp(a->literal->data, b->literal->data, (size_t)size) == 0;
    }
    case EXPR_CALL:
        if (a->func != b->func) return false;
        for (int i = 0; i < a->n_args; i++)
            if (!expr_eq(a->args[i], b->args[i])) return false;
        return true;
    }
    return false;
}

static uint64_t combine(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

uint64_t expr_hash(const struct expr *e) {
    uint64_t h = combine((uint64_t)e->kind + 1, (uint64_t)e->type->kind);
    switch (e->kind) {
    case EXPR_COLUMN:
    case EXPR_OUTER:
        return combine(h, (uint64_t)e->column);
    case EXPR_LITERAL: {
        uint64_t v = 0;
        col_hash(e->literal, &v, 1);
        return combine(h, v);
    }
    case EXPR_CALL:
        for (const char *p = e->func->name; *p; p++)
            h = combine(h, (unsigned char)*p);
        for (int i = 0; i < e->n_args; i++)
            h = combine(h, expr_hash(e->args[i]));
        return h;
    }
    return h;
}

/* ---- properties ----------------------------------------------------------------------------- */

bool expr_is_const(const struct expr *e) {
    if (e->kind == EXPR_LITERAL) return true;
    if (e->kind != EXPR_CALL || e->func->flags & FUNC_DYNAMIC) return false;
    for (int i = 0; i < e->n_args; i++)
        if (!expr_is_const(e->args[i])) return false;
    return true;
}

bool expr_is_deterministic(const struct expr *e) {
    if (e->kind != EXPR_CALL) return true;
    if (e->func->flags & FUNC_NONDETERMINISTIC) return false;
    for (int i = 0; i < e->n_args; i++)
        if (!expr_is_deterministic(e->args[i])) return false;
    return true;
}

bool func_call_can_fail(const struct expr *call) {
    if (!(call->func->flags & FUNC_CAN_FAIL)) return false;
    return !call->func->can_fail || call->func->can_fail(call);
}

bool expr_can_fail(const struct expr *e) {
    if (e->kind != EXPR_CALL) return false;
    if (func_call_can_fail(e)) return true;
    for (int i = 0; i < e->n_args; i++)
        if (expr_can_fail(e->args[i])) return true;
    return false;
}

void expr_visit_columns(const struct expr *e, void (*f)(void *self, int column), void *self) {
    if (e->kind == EXPR_COLUMN) f(self, e->column);
    for (int i = 0; i < e->n_args; i++)
        expr_visit_columns(e->args[i], f, self);
}

static void note_max(void *self, int column) {
    int *max = self;
    if (column + 1 > *max) *max = column + 1;
}

int expr_max_column(const struct expr *e) {
    int max = 0;
    expr_visit_columns(e, note_max, &max);
    return max;
}

/* ---- rewriting ------------------------------------------------------------------------------ */

const struct expr *expr_with_args(struct arena *a, const struct expr *e,
                                  const struct expr *const *args) {
    if (memcmp(args, e->args, sizeof(*args) * (size_t)e->n_args) == 0) return e;
    struct expr *r = arena_dup(a, e, sizeof(*r));
    r->args = arena_dup(a, args, sizeof(*args) * (size_t)e->n_args);
    return r;
}

const struct expr *expr_remap(struct arena *a, const struct expr *e, const int *map, int n_map) {
    if (e->kind == EXPR_COLUMN) {
        CHECKF(e->column < n_map && map[e->column] >= 0, "column %d has no place", e->column);
        if (map[e->column] == e->column) return e;
        struct expr *r = arena_dup(a, e, sizeof(*r));
        r->column = map[e->column];
        return r;
    }
    if (!e->n_args) return e;
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args);
    for (int i = 0; i < e->n_args; i++)
        args[i] = expr_remap(a, e->args[i], map, n_map);
    return expr_with_args(a, e, args);
}

const struct expr *expr_substitute(struct arena *a, const struct expr *e,
                                   const struct expr *const *exprs, int n_exprs) {
    if (e->kind == EXPR_COLUMN) {
        CHECKF(e->column < n_exprs && exprs[e->column], "column %d has no expression", e->column);
        return exprs[e->column];
    }
    if (!e->n_args) return e;
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args);
    for (int i = 0; i < e->n_args; i++)
        args[i] = expr_substitute(a, e->args[i], exprs, n_exprs);
    return expr_with_args(a, e, args);
}

static bool is_and(const struct expr *e) {
    return e->kind == EXPR_CALL && strcmp(e->func->name, "AND") == 0;
}

static int add_conjuncts(const struct expr *e, const struct expr **ret, int cap, int n) {
    if (is_and(e)) {
        for (int i = 0; i < e->n_args; i++)
            n = add_conjuncts(e->args[i], ret, cap, n);
        return n;
    }
    if (n < cap) ret[n] = e;
    return n + 1;
}

int expr_conjuncts(const struct expr *e, const struct expr **ret, int cap) {
    return add_conjuncts(e, ret, cap, 0);
}

const struct expr *expr_and(struct arena *a, const struct expr *x, const struct expr *y) {
    if (!x || !y) return x ? x : y;
    const struct expr *args[2] = {x, y}, *r;
    struct err err = ERR_INIT;
    int rc = func_call_name(a, "AND", args, 2, &r, &err);
    CHECKF(rc == 0, "AND: %s", err.msg);
    return r;
}
