/* push_filter.c - filters move down, towards the sources, as far as the result stays the same. Not
 * past a watermark: rows that a filter drops still advance event time. Not past session windows,
 * whose extent the dropped rows would change. Shared nodes stop a filter, so that they stay shared.
 */
#include "sql/rules/rules.h"

#include <string.h>

/* The filter's conjuncts, those that may go down first. */
struct split {
    const struct expr *down, *stay;
};

typedef bool (*movable_fn)(struct rule_ctx *ctx, const struct rel *below, const struct expr *e);

static struct split split_by(struct rule_ctx *ctx, const struct rel *r, movable_fn movable) {
    const struct expr *all[RULE_CONJUNCTS_MAX];
    int n = rule_conjuncts(r->u.filter.predicate, all);
    struct split s = {0};
    for (int i = 0; i < n; i++) {
        bool down = expr_is_deterministic(all[i]) && movable(ctx, r->inputs[0], all[i]);
        const struct expr **to = down ? &s.down : &s.stay;
        *to = *to ? expr_and(ctx->arena, *to, all[i]) : all[i];
    }
    return s;
}

/* below over a filtered input; what stays is put on top. */
static const struct rel *rebuild(struct rule_ctx *ctx, const struct rel *r, int input,
                                 const struct expr *down, const struct expr *stay) {
    const struct rel *below = r->inputs[0];
    const struct rel **ins = ARENA_NEW_N(ctx->arena, const struct rel *, below->n_inputs);
    memcpy(ins, below->inputs, sizeof *ins * (size_t)below->n_inputs);
    ins[input] = rule_filter(ctx->arena, below->inputs[input], down, r);
    return rule_filter(ctx->arena, rule_with_inputs(ctx->arena, below, ins), stay, r);
}

static const struct rel *push_simple(struct rule_ctx *ctx, const struct rel *r,
                                     movable_fn movable) {
    struct split s = split_by(ctx, r, movable);
    return s.down ? rebuild(ctx, r, 0, s.down, s.stay) : NULL;
}

/* ---- through each kind ---- */

static const struct rel *through_project(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel *p = r->inputs[0];
    const struct expr *e = r->u.filter.predicate;
    if (!rule_can_substitute(ctx->arena, &e, 1, p->u.project.exprs, p->schema->n)) return NULL;
    const struct expr *down = expr_substitute(ctx->arena, e, p->u.project.exprs, p->schema->n);
    if (!expr_is_deterministic(down)) return NULL;
    const struct rel *in = rule_filter(ctx->arena, p->inputs[0], down, r);
    return rule_with_inputs(ctx->arena, p, &in);
}

static const struct rel *through_union(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel *u = r->inputs[0];
    if (!expr_is_deterministic(r->u.filter.predicate)) return NULL;
    const struct rel **ins = ARENA_NEW_N(ctx->arena, const struct rel *, u->n_inputs);
    for (int i = 0; i < u->n_inputs; i++)
        ins[i] = rule_filter(ctx->arena, u->inputs[i], r->u.filter.predicate, r);
    return rule_with_inputs(ctx->arena, u, ins);
}

static bool reads_input(struct rule_ctx *ctx, const struct rel *below, const struct expr *e) {
    return rule_reads_within(e, 0, below->inputs[0]->schema->n);
}

static bool always(struct rule_ctx *ctx, const struct rel *below, const struct expr *e) {
    return true;
}

struct key_check {
    const struct rel *agg;
    bool ok;
};

/* A window's columns stay above: the aggregate takes the window in (phys/agg.c). */
static void check_key(void *self, int column) {
    struct key_check *k = self;
    const struct rel *a = k->agg;
    k->ok &= column < a->u.agg.n_keys &&
             !rule_is_window_column(a->inputs[0], a->u.agg.keys[column], false);
}

static bool reads_keys(struct rule_ctx *ctx, const struct rel *below, const struct expr *e) {
    struct key_check k = {below, true};
    expr_visit_columns(e, check_key, &k);
    return k.ok;
}

static const struct rel *through_aggregate(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel *a = r->inputs[0];
    if (!a->u.agg.n_keys || a->u.agg.n_sets) return NULL;
    /* A session's extent would change with the rows of its key only: keys may be filtered. */
    struct split s = split_by(ctx, r, reads_keys);
    if (!s.down) return NULL;
    const struct expr *down = expr_remap(ctx->arena, s.down, a->u.agg.keys, a->u.agg.n_keys);
    return rebuild(ctx, r, 0, down, s.stay);
}

static void check_partition(void *self, int column) {
    struct key_check *k = self;
    const struct over_spec *o = &k->agg->u.over;
    bool found = false;
    for (int i = 0; i < o->n_partition; i++)
        found |= o->partition[i] == column;
    k->ok &= found;
}

static bool reads_partition(struct rule_ctx *ctx, const struct rel *below, const struct expr *e) {
    struct key_check k = {below, true};
    expr_visit_columns(e, check_partition, &k);
    return k.ok;
}

static const struct rel *push(struct rule_ctx *ctx, const struct rel *r) {
    if (r->kind != REL_FILTER) return NULL;
    const struct rel *in = r->inputs[0];
    if (rule_is_shared(ctx, in)) return NULL;
    switch (in->kind) {
    case REL_PROJECT:
        return through_project(ctx, r);
    case REL_UNION:
        return through_union(ctx, r);
    case REL_WINDOW:
        return in->u.window.type == WINDOW_SESSION ? NULL : push_simple(ctx, r, reads_input);
    case REL_AGGREGATE:
        return through_aggregate(ctx, r);
    case REL_OVER:
        return push_simple(ctx, r, reads_partition);
    case REL_CORRELATE:
    case REL_TEMPORAL: /* the left input's columns come first */
        return push_simple(ctx, r, reads_input);
    case REL_SORT:
        return in->u.sort.limit < 0 && !in->u.sort.offset ? push_simple(ctx, r, always) : NULL;
    default:
        return NULL;
    }
}

const struct rule rule_push_filter = {
    .name = "push_filter",
    .doc = "Moves filters towards the sources.",
    .stages = 1u << RULE_SIMPLIFY,
    .apply = push,
};
