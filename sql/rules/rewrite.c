/* rewrite.c - what rules have in common: copying nodes, moving expressions between them. */
#include "sql/rules/rules.h"

#include <string.h>

bool rule_is_shared(const struct rule_ctx *ctx, const struct rel *r) {
    return (intptr_t)ptrmap_get(&ctx->uses, r) > 1;
}

struct rel *rule_copy(struct arena *a, const struct rel *r) {
    return arena_dup(a, r, sizeof *r);
}

const struct rel *rule_with_inputs(struct arena *a, const struct rel *r,
                                   const struct rel *const *inputs) {
    struct rel *n = rule_copy(a, r);
    n->inputs = arena_dup(a, inputs, sizeof *inputs * (size_t)r->n_inputs);
    return n;
}

const struct rel *rule_filter(struct arena *a, const struct rel *in, const struct expr *predicate,
                              const struct rel *at) {
    if (!predicate || rule_is_true(predicate)) return in;
    struct rel *f = rel_new(a, REL_FILTER, in->schema, &in, 1);
    f->u.filter.predicate = predicate;
    f->line = at->line;
    f->column = at->column;
    return f;
}

const struct rel *rule_pick(struct arena *a, const struct rel *in, const int *cols, int n) {
    const struct schema *s = schema_new(a, n);
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, n + 1);
    for (int i = 0; i < n; i++) {
        ((struct field *)s->fields)[i] = in->schema->fields[cols[i]];
        exprs[i] = expr_column(a, cols[i], in->schema->fields[cols[i]].type);
    }
    struct rel *p = rel_new(a, REL_PROJECT, s, &in, 1);
    p->u.project.exprs = exprs;
    return p;
}

const struct rel *rule_empty(struct arena *a, const struct rel *like) {
    struct rel *v = rel_new(a, REL_VALUES, like->schema, NULL, 0);
    v->line = like->line;
    v->column = like->column;
    return v;
}

bool rule_is_empty(const struct rel *r) {
    return r->kind == REL_VALUES && r->u.values.n_rows == 0;
}

/* ---- expressions ---- */

enum { SUBSTITUTE_MAX = 4000 }; /* expression nodes */

static int expr_size(const struct expr *e) {
    int n = 1;
    for (int i = 0; i < e->n_args && n < SUBSTITUTE_MAX; i++)
        n += expr_size(e->args[i]);
    return n;
}

static void count_column(void *self, int column) {
    ((int *)self)[column]++;
}

bool rule_can_substitute(struct arena *a, const struct expr *const *exprs, int n,
                         const struct expr *const *below, int n_below) {
    int *uses = ARENA_NEW_N(a, int, n_below + 1);
    for (int i = 0; i < n; i++)
        expr_visit_columns(exprs[i], count_column, uses);
    long size = 0;
    for (int i = 0; i < n_below; i++) {
        size += (long)uses[i] * expr_size(below[i]);
        if (uses[i] > 1 && !expr_is_deterministic(below[i])) return false;
    }
    return size <= SUBSTITUTE_MAX;
}

struct range {
    int from, to;
    bool within;
};

static void check_range(void *self, int column) {
    struct range *r = self;
    r->within &= column >= r->from && column < r->to;
}

bool rule_reads_within(const struct expr *e, int from, int to) {
    struct range r = {from, to, true};
    expr_visit_columns(e, check_range, &r);
    return r.within;
}

const struct expr *rule_shift_columns(struct arena *a, const struct expr *e, int from, int by,
                                      int n) {
    int *map = ARENA_NEW_N(a, int, n + 1);
    for (int i = 0; i < n; i++)
        map[i] = i >= from ? i + by : i;
    return expr_remap(a, e, map, n);
}

static const bool *truth(const struct expr *e, bool *value) {
    if (e->kind != EXPR_LITERAL) return NULL;
    if (!col_is_valid(e->literal, 0)) {
        *value = false;
        return value;
    }
    if (e->type->kind != TYPE_BOOLEAN) return NULL;
    *value = *COL_DATA(e->literal, uint8_t);
    return value;
}

bool rule_is_true(const struct expr *e) {
    bool v;
    return truth(e, &v) && v;
}

bool rule_is_false(const struct expr *e) {
    bool v;
    return truth(e, &v) && !v;
}

int rule_conjuncts(const struct expr *e, const struct expr **ret) {
    int n = expr_conjuncts(e, ret, RULE_CONJUNCTS_MAX);
    if (n <= RULE_CONJUNCTS_MAX) return n;
    ret[0] = e;
    return 1;
}

bool rule_is_window_column(const struct rel *r, int column, bool through_aggregates) {
    for (;;) {
        if (r->kind == REL_WINDOW && column >= r->inputs[0]->schema->n) return true;
        if (r->kind == REL_PROJECT) {
            const struct expr *e = r->u.project.exprs[column];
            if (e->kind != EXPR_COLUMN) return false;
            column = e->column;
        } else if (r->kind == REL_AGGREGATE && through_aggregates) {
            if (column >= r->u.agg.n_keys) return false;
            column = r->u.agg.keys[column];
        } else if (r->kind != REL_FILTER && r->kind != REL_WINDOW) {
            return false;
        }
        r = r->inputs[0];
    }
}
