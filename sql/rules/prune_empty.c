/* prune_empty.c - what reads an empty relation is empty itself, as far as its kind allows. */
#include "sql/rules/rules.h"

static const struct rel *empty_join(struct rule_ctx *ctx, const struct rel *r) {
    bool left = rule_is_empty(r->inputs[0]), right = rule_is_empty(r->inputs[1]);
    switch (r->u.join.type) {
    case JOIN_INNER:
    case JOIN_SEMI:
        return left || right ? rule_empty(ctx->arena, r) : NULL;
    case JOIN_LEFT:
        return left ? rule_empty(ctx->arena, r) : NULL;
    case JOIN_ANTI:
        return left ? rule_empty(ctx->arena, r) : right ? r->inputs[0] : NULL;
    case JOIN_RIGHT:
        return right ? rule_empty(ctx->arena, r) : NULL;
    case JOIN_FULL:
        return left && right ? rule_empty(ctx->arena, r) : NULL;
    }
    return NULL;
}

static const struct rel *empty_union(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel **kept = ARENA_NEW_N(ctx->arena, const struct rel *, r->n_inputs);
    int n = 0;
    for (int i = 0; i < r->n_inputs; i++)
        if (!rule_is_empty(r->inputs[i])) kept[n++] = r->inputs[i];
    if (n == r->n_inputs) return NULL;
    if (!n) return rule_empty(ctx->arena, r);
    if (n == 1) { /* under the union's names */
        int *cols = ARENA_NEW_N(ctx->arena, int, r->schema->n + 1);
        for (int i = 0; i < r->schema->n; i++)
            cols[i] = i;
        struct rel *p = (struct rel *)rule_pick(ctx->arena, kept[0], cols, r->schema->n);
        p->schema = r->schema;
        return p;
    }
    struct rel *u = rule_copy(ctx->arena, r);
    u->inputs = kept;
    u->n_inputs = n;
    return u;
}

static const struct rel *prune(struct rule_ctx *ctx, const struct rel *r) {
    switch (r->kind) {
    case REL_PROJECT:
    case REL_FILTER:
    case REL_WATERMARK:
    case REL_WINDOW:
    case REL_CORRELATE:
    case REL_OVER:
    case REL_SORT:
    case REL_TEMPORAL:
        return rule_is_empty(r->inputs[0]) ? rule_empty(ctx->arena, r) : NULL;
    case REL_AGGREGATE: /* without keys there is one row all the same */
        return r->u.agg.n_keys && !r->u.agg.n_sets && rule_is_empty(r->inputs[0])
                   ? rule_empty(ctx->arena, r)
                   : NULL;
    case REL_JOIN:
        return empty_join(ctx, r);
    case REL_UNION:
        return empty_union(ctx, r);
    default:
        return NULL;
    }
}

const struct rule rule_prune_empty = {
    .name = "prune_empty",
    .doc = "Removes what reads an empty relation.",
    .stages = 1u << RULE_SIMPLIFY,
    .apply = prune,
};
