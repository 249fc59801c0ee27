/* merge.c - a projection over a projection, or a filter over a filter, is one; a projection that
 * changes nothing is none. Shared nodes are left alone: they are computed once. */
#include "sql/rules/rules.h"

#include <string.h>

static const struct rel *merge_filters(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel *in = r->inputs[0];
    if (in->kind != REL_FILTER || rule_is_shared(ctx, in)) return NULL;
    const struct expr *both = expr_and(ctx->arena, in->u.filter.predicate, r->u.filter.predicate);
    return rule_filter(ctx->arena, in->inputs[0], both, r);
}

static bool is_identity(const struct rel *r) {
    const struct schema *in = r->inputs[0]->schema;
    if (r->schema->n != in->n) return false;
    for (int i = 0; i < in->n; i++) {
        const struct expr *e = r->u.project.exprs[i];
        if (e->kind != EXPR_COLUMN || e->column != i) return false;
        if (strcmp(r->schema->fields[i].name, in->fields[i].name)) return false;
        if (!type_eq(r->schema->fields[i].type, in->fields[i].type)) return false;
    }
    return true;
}

static const struct rel *merge_projects(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel *in = r->inputs[0];
    if (is_identity(r)) return in;
    if (in->kind != REL_PROJECT || rule_is_shared(ctx, in)) return NULL;
    int n = r->schema->n;
    if (!rule_can_substitute(ctx->arena, r->u.project.exprs, n, in->u.project.exprs, in->schema->n))
        return NULL;
    const struct expr **exprs = ARENA_NEW_N(ctx->arena, const struct expr *, n + 1);
    for (int i = 0; i < n; i++)
        exprs[i] =
            expr_substitute(ctx->arena, r->u.project.exprs[i], in->u.project.exprs, in->schema->n);
    struct rel *p = rule_copy(ctx->arena, r);
    p->inputs = in->inputs;
    p->u.project.exprs = exprs;
    return p;
}

static const struct rel *merge(struct rule_ctx *ctx, const struct rel *r) {
    if (r->kind == REL_FILTER) return merge_filters(ctx, r);
    return r->kind == REL_PROJECT ? merge_projects(ctx, r) : NULL;
}

const struct rule rule_merge = {
    .name = "merge",
    .doc = "Merges neighbouring projections and neighbouring filters.",
    .stages = 1u << RULE_SIMPLIFY | 1u << RULE_TIDY,
    .apply = merge,
};
