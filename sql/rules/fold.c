/* fold.c - constants are computed now, and conditions that are always or never true are dropped or
 * make an empty result. What fails when computed stays as it is: the error belongs to run time. */
#include "sql/rules/rules.h"

/* Without conjuncts that are TRUE; *ret_false: one is FALSE or NULL. NULL if nothing is left. */
static const struct expr *fold_condition(struct rule_ctx *ctx, const struct expr *e,
                                         bool *ret_false) {
    const struct expr *all[RULE_CONJUNCTS_MAX], *kept = NULL;
    int n = rule_conjuncts(expr_fold(ctx->arena, e, ctx->env), all);
    *ret_false = false;
    for (int i = 0; i < n; i++) {
        const struct expr *c = expr_fold(ctx->arena, all[i], ctx->env);
        if (rule_is_false(c)) *ret_false = true;
        if (!rule_is_true(c)) kept = kept ? expr_and(ctx->arena, kept, c) : c;
    }
    return kept;
}

static const struct rel *fold_filter(struct rule_ctx *ctx, const struct rel *r) {
    bool never;
    const struct expr *e = fold_condition(ctx, r->u.filter.predicate, &never);
    if (never) return rule_empty(ctx->arena, r);
    if (!e) return r->inputs[0];
    return expr_eq(e, r->u.filter.predicate) ? NULL : rule_filter(ctx->arena, r->inputs[0], e, r);
}

static const struct rel *fold_project(struct rule_ctx *ctx, const struct rel *r) {
    int n = r->schema->n;
    const struct expr **exprs = ARENA_NEW_N(ctx->arena, const struct expr *, n + 1);
    bool same = true;
    for (int i = 0; i < n; i++) {
        exprs[i] = expr_fold(ctx->arena, r->u.project.exprs[i], ctx->env);
        same &= expr_eq(exprs[i], r->u.project.exprs[i]);
    }
    if (same) return NULL;
    struct rel *p = rule_copy(ctx->arena, r);
    p->u.project.exprs = exprs;
    return p;
}

static const struct rel *fold_join(struct rule_ctx *ctx, const struct rel *r) {
    if (!r->u.join.predicate) return NULL;
    bool never;
    const struct expr *e = fold_condition(ctx, r->u.join.predicate, &never);
    if (never && (r->u.join.type == JOIN_INNER || r->u.join.type == JOIN_SEMI))
        return rule_empty(ctx->arena, r);
    if (never && r->u.join.type == JOIN_ANTI) return r->inputs[0];
    if (e && expr_eq(e, r->u.join.predicate)) return NULL;
    struct rel *j = rule_copy(ctx->arena, r);
    j->u.join.predicate = e;
    return j;
}

/* Conditions of temporal joins: kept whole, each part computed as far as it goes. */
static const struct rel *fold_temporal(struct rule_ctx *ctx, const struct rel *r) {
    if (!r->u.temporal.predicate) return NULL;
    const struct expr *e = expr_fold(ctx->arena, r->u.temporal.predicate, ctx->env);
    if (expr_eq(e, r->u.temporal.predicate)) return NULL;
    struct rel *t = rule_copy(ctx->arena, r);
    t->u.temporal.predicate = e;
    return t;
}

static const struct rel *fold_watermark(struct rule_ctx *ctx, const struct rel *r) {
    const struct expr *e = expr_fold(ctx->arena, r->u.watermark.expr, ctx->env);
    if (expr_eq(e, r->u.watermark.expr)) return NULL;
    struct rel *w = rule_copy(ctx->arena, r);
    w->u.watermark.expr = e;
    return w;
}

static const struct rel *fold(struct rule_ctx *ctx, const struct rel *r) {
    switch (r->kind) {
    case REL_FILTER:
        return fold_filter(ctx, r);
    case REL_PROJECT:
        return fold_project(ctx, r);
    case REL_JOIN:
        return fold_join(ctx, r);
    case REL_TEMPORAL:
        return fold_temporal(ctx, r);
    case REL_WATERMARK:
        return fold_watermark(ctx, r);
    default:
        return NULL;
    }
}

const struct rule rule_fold = {
    .name = "fold",
    .doc = "Computes constants; drops conditions that always hold; empties what never holds.",
    .stages = 1u << RULE_SIMPLIFY,
    .apply = fold,
};
