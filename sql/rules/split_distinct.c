/* split_distinct.c - DISTINCT aggregates in two levels, against skewed keys: first by key and a
 * bucket of the distinct value, then by key. A value falls into one bucket, so that the buckets'
 * results add up. With table.optimizer.distinct-agg.split.enabled and mini-batches, as Flink. */
#include "sql/rules/rules.h"

#include "vector/func/func.h"

#include <string.h>

static const char bucket_name[] = "$bucket";

/* How partial results fold: COUNTs add up. NULL: this aggregate can't be split. */
static const char *folded_by(const struct rel_agg *g) {
    static const char *const pairs[][2] = {
        {"COUNT", "SUM"}, {"SUM", "SUM"}, {"MIN", "MIN"}, {"MAX", "MAX"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (!strcmp(g->call.agg->name, pairs[i][0])) return pairs[i][1];
    return NULL;
}

/* The one column that is aggregated DISTINCT, -1 if none or several. */
static int distinct_column(const struct rel *r) {
    int col = -1;
    for (int i = 0; i < r->u.agg.n_aggs; i++) {
        const struct rel_agg *g = &r->u.agg.aggs[i];
        if (!folded_by(g) || g->n_order) return -1;
        if (!g->call.distinct) continue;
        if (g->call.n_args != 1 || (col >= 0 && col != g->args[0])) return -1;
        col = g->args[0];
    }
    return col;
}

/* The input with MOD(HASH_CODE(col), buckets) behind its columns. */
static const struct rel *with_bucket(struct rule_ctx *ctx, const struct rel *in, int col) {
    struct arena *a = ctx->arena;
    int n = in->schema->n;
    const struct type *big = type_of_not_null(TYPE_BIGINT);
    const struct expr *x = expr_column(a, col, in->schema->fields[col].type), *hash, *bucket;
    struct err ignored = ERR_INIT; /* a type that has no hash code: no split */
    if (func_call_name(a, "HASH_CODE", &x, 1, &hash, &ignored)) return NULL;
    const struct expr *args[2] = {hash, expr_literal(a, value_int(a, big, ctx->distinct_buckets))};
    if (func_call_name(a, "MOD", args, 2, &bucket, &ignored)) return NULL;
    const struct schema *s = schema_new(a, n + 1);
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, n + 1);
    for (int i = 0; i < n; i++) {
        ((struct field *)s->fields)[i] = in->schema->fields[i];
        exprs[i] = expr_column(a, i, in->schema->fields[i].type);
    }
    ((struct field *)s->fields)[n] = (struct field){bucket_name, bucket->type};
    exprs[n] = bucket;
    struct rel *p = rel_new(a, REL_PROJECT, s, &in, 1);
    p->u.project.exprs = exprs;
    return p;
}

static const struct rel *partial(struct rule_ctx *ctx, const struct rel *r, const struct rel *in) {
    struct arena *a = ctx->arena;
    int n_keys = r->u.agg.n_keys, n_aggs = r->u.agg.n_aggs;
    struct rel *p = rule_copy(a, r);
    int *keys = ARENA_NEW_N(a, int, n_keys + 1);
    const struct schema *s = schema_new(a, n_keys + 1 + n_aggs);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i <= n_keys; i++) {
        keys[i] = i < n_keys ? r->u.agg.keys[i] : in->schema->n - 1;
        f[i] = in->schema->fields[keys[i]];
    }
    for (int i = 0; i < n_aggs; i++)
        f[n_keys + 1 + i] =
            (struct field){r->schema->fields[n_keys + i].name, r->u.agg.aggs[i].call.ret_type};
    p->inputs = arena_dup(a, &in, sizeof in);
    p->schema = s;
    p->u.agg.keys = keys;
    p->u.agg.n_keys = n_keys + 1;
    return p;
}

/* Neither split already nor of a window, which folds in two phases anyway. */
static bool splittable_keys(const struct rel *r) {
    const struct rel *in = r->inputs[0];
    for (int i = 0; i < r->u.agg.n_keys; i++)
        if (!strcmp(in->schema->fields[r->u.agg.keys[i]].name, bucket_name) ||
            rule_is_window_column(in, r->u.agg.keys[i], true))
            return false;
    return true;
}

static const struct rel *apply(struct rule_ctx *ctx, const struct rel *r) {
    if (r->kind != REL_AGGREGATE || !ctx->distinct_buckets || !splittable_keys(r)) return NULL;
    if (r->u.agg.n_sets || r->u.agg.n_groupings || r->u.agg.legacy.on) return NULL;
    int col = distinct_column(r), n_keys = r->u.agg.n_keys;
    const struct rel *in = col < 0 ? NULL : with_bucket(ctx, r->inputs[0], col);
    if (!in) return NULL;
    const struct rel *p = partial(ctx, r, in);
    struct arena *a = ctx->arena;
    struct rel *f = rule_copy(a, r);
    int *keys = ARENA_NEW_N(a, int, n_keys + 1);
    for (int i = 0; i < n_keys; i++)
        keys[i] = i;
    struct rel_agg *aggs = ARENA_NEW_N(a, struct rel_agg, r->u.agg.n_aggs + 1);
    const struct schema *s = schema_new(a, r->schema->n);
    struct field *fields = (struct field *)s->fields;
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, r->schema->n + 1);
    for (int i = 0; i < r->schema->n; i++) {
        fields[i] = r->schema->fields[i];
        if (i < n_keys) {
            exprs[i] = expr_column(a, i, fields[i].type);
            continue;
        }
        struct rel_agg *g = &aggs[i - n_keys];
        int from = i + 1; /* behind the bucket */
        const struct expr *arg = expr_column(a, from, p->schema->fields[from].type);
        struct err ignored = ERR_INIT;
        *g = (struct rel_agg){.args = {from}, .filter = -1};
        if (agg_bind(a, agg_find(folded_by(&r->u.agg.aggs[i - n_keys])), &arg, 1, false, false,
                     n_keys > 0, &g->call, &ignored))
            return NULL;
        fields[i].type = g->call.ret_type;
        exprs[i] = expr_cast(a, expr_column(a, i, g->call.ret_type), r->schema->fields[i].type);
    }
    f->inputs = arena_dup(a, &p, sizeof p);
    f->schema = s;
    f->u.agg.keys = keys;
    f->u.agg.aggs = aggs;
    const struct rel *agg = f;
    struct rel *out = rel_new(a, REL_PROJECT, r->schema, &agg, 1);
    out->u.project.exprs = exprs;
    return out;
}

const struct rule rule_split_distinct = {
    .name = "split_distinct",
    .doc = "Splits DISTINCT aggregates in two levels, by buckets of the distinct value.",
    .stages = 1u << RULE_TIDY,
    .apply = apply,
};
