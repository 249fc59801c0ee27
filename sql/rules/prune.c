/* prune.c - columns that nobody reads go, down to what a source produces. First every node learns
 * which of its columns its consumers need; then the plan is built anew, inputs first, with a map
 * from old column numbers to new ones. */
#include "sql/rules/prune.h"

#include <string.h>

/* ---- what is needed ---- */

struct needs *needs_of(struct prune *p, const struct rel *r) {
    struct needs *n = ptrmap_get(&p->needs, r);
    if (!n) {
        n = ARENA_NEW(p->ctx->arena, struct needs);
        n->used = ARENA_NEW_N(p->ctx->arena, bool, r->schema->n + 1);
        n->whole = ARENA_NEW_N(p->ctx->arena, bool, r->schema->n + 1);
        n->fields = ARENA_NEW_N(p->ctx->arena, bool *, r->schema->n + 1);
        ptrmap_put(&p->needs, r, n);
    }
    return n;
}

static void need(struct prune *p, const struct rel *r, int col) {
    needs_of(p, r)->used[col] = needs_of(p, r)->whole[col] = true;
}

static void need_field(struct prune *p, const struct rel *r, int col, int field) {
    struct needs *n = needs_of(p, r);
    n->used[col] = true;
    if (!n->fields[col])
        n->fields[col] = ARENA_NEW_N(p->ctx->arena, bool, r->schema->fields[col].type->n_children);
    n->fields[col][field] = true;
}

/* What is needed of column col of r is needed of column in_col of its input. */
static void need_same(struct prune *p, const struct rel *r, int col, const struct rel *in,
                      int in_col) {
    const struct needs *n = needs_of(p, r);
    const struct type *t = in->schema->fields[in_col].type;
    if (n->whole[col] || t->kind != TYPE_ROW ||
        t->n_children != r->schema->fields[col].type->n_children) {
        need(p, in, in_col);
        return;
    }
    for (int f = 0; f < t->n_children; f++)
        if (n->fields[col][f]) need_field(p, in, in_col, f);
}

bool prune_is_field(const struct expr *e, int *ret_column, int *ret_field) {
    if (e->kind != EXPR_CALL || e->n_args != 2 || strcmp(e->func->name, "ROW_FIELD") ||
        e->args[0]->kind != EXPR_COLUMN || e->args[1]->kind != EXPR_LITERAL ||
        e->args[1]->type->kind != TYPE_INT)
        return false;
    *ret_column = e->args[0]->column;
    *ret_field = *COL_DATA(e->args[1]->literal, int32_t);
    return true;
}

static void need_all(struct prune *p, const struct rel *r) {
    for (int i = 0; i < r->schema->n; i++)
        need(p, r, i);
}

/* Columns, or their fields, of an expression over the concatenated inputs of r. */
static void need_columns(struct prune *p, const struct rel *r, const struct expr *e) {
    int column, field = -1, i = 0;
    if (!e) return;
    if (!prune_is_field(e, &column, &field)) {
        if (e->kind == EXPR_CALL)
            for (int k = 0; k < e->n_args; k++)
                need_columns(p, r, e->args[k]);
        if (e->kind != EXPR_COLUMN) return;
        column = e->column;
    }
    while (column >= r->inputs[i]->schema->n)
        column -= r->inputs[i++]->schema->n;
    if (field >= 0)
        need_field(p, r->inputs[i], column, field);
    else
        need(p, r->inputs[i], column);
}

static void need_cols(struct prune *p, const struct rel *r, const int *cols, int n) {
    for (int i = 0; i < n; i++)
        need(p, r, cols[i]);
}

static void need_order(struct prune *p, const struct rel *r, const struct sort_key *k, int n) {
    for (int i = 0; i < n; i++)
        need(p, r, k[i].column);
}

static void need_aggregate(struct prune *p, const struct rel *r, const bool *used) {
    const struct rel *in = r->inputs[0];
    need_cols(p, in, r->u.agg.keys, r->u.agg.n_keys);
    for (int i = 0; i < r->u.agg.n_aggs; i++) {
        const struct rel_agg *g = &r->u.agg.aggs[i];
        if (!used[r->u.agg.n_keys + i]) continue;
        need_cols(p, in, g->args, g->call.n_args);
        need_order(p, in, g->order, g->n_order);
        if (g->filter >= 0) need(p, in, g->filter);
    }
    if (r->u.agg.legacy.on) need(p, in, r->u.agg.legacy.spec.time_column);
}

static void need_over(struct prune *p, const struct rel *r) {
    const struct over_spec *o = &r->u.over;
    const struct rel *in = r->inputs[0];
    need_cols(p, in, o->partition, o->n_partition);
    need_order(p, in, o->order, o->n_order);
    for (int i = 0; i < o->n_calls; i++)
        need_cols(p, in, o->calls[i].args,
                  o->calls[i].rank_fn ? o->calls[i].n_args : o->calls[i].call.n_args);
}

/* Columns of r that come first from its first input. */
static void need_passed(struct prune *p, const struct rel *r, const bool *used) {
    const struct rel *in = r->inputs[0];
    for (int i = 0; i < in->schema->n && i < r->schema->n; i++)
        if (used[i]) need_same(p, r, i, in, i);
}

static void need_joined(struct prune *p, const struct rel *r, const bool *used) {
    need_passed(p, r, used);
    int n_left = r->inputs[0]->schema->n;
    for (int i = n_left; i < r->schema->n; i++)
        if (used[i]) need_same(p, r, i, r->inputs[1], i - n_left);
}

/* A versioned table keeps its time, and what its rows are told apart by. */
static void need_version(struct prune *p, const struct rel *r) {
    const struct rel *right = r->inputs[1];
    for (int i = 0; i < right->schema->n; i++)
        if (right->schema->fields[i].type->time_attr == TIME_ATTR_ROWTIME) need(p, right, i);
}

/* Where rows are only counted, the branches must still agree on a column. */
static void need_union(struct prune *p, const struct rel *r, bool *used) {
    bool any = false;
    for (int c = 0; c < r->schema->n; c++)
        any |= used[c];
    if (!any && r->schema->n) used[0] = true;
    for (int i = 0; i < r->n_inputs; i++)
        for (int c = 0; c < r->schema->n; c++)
            if (used[c]) need(p, r->inputs[i], c);
}

static void tell_inputs(struct prune *p, const struct rel *r) {
    const bool *used = needs_of(p, r)->used;
    for (int i = 0; i < r->n_inputs; i++)
        needs_of(p, r->inputs[i]);
    switch (r->kind) {
    case REL_SCAN:
    case REL_VALUES:
        break;
    case REL_PROJECT:
        for (int i = 0; i < r->schema->n; i++) {
            const struct expr *e = r->u.project.exprs[i];
            if (used[i] && e->kind == EXPR_COLUMN)
                need_same(p, r, i, r->inputs[0], e->column);
            else if (used[i])
                need_columns(p, r, e);
        }
        break;
    case REL_FILTER:
        need_passed(p, r, used);
        need_columns(p, r, r->u.filter.predicate);
        break;
    case REL_WATERMARK:
        need_passed(p, r, used);
        need(p, r->inputs[0], r->u.watermark.column);
        need_columns(p, r, r->u.watermark.expr);
        break;
    case REL_WINDOW:
        need_passed(p, r, used);
        need(p, r->inputs[0], r->u.window.time_column);
        need_cols(p, r->inputs[0], r->u.window.keys, r->u.window.n_keys);
        break;
    case REL_AGGREGATE:
        need_aggregate(p, r, used);
        break;
    case REL_JOIN:
        need_joined(p, r, used);
        need_columns(p, r, r->u.join.predicate);
        break;
    case REL_TEMPORAL:
        need_joined(p, r, used);
        need_columns(p, r, r->u.temporal.predicate);
        need(p, r->inputs[0], r->u.temporal.left_time);
        need_version(p, r);
        break;
    case REL_CORRELATE:
        need_passed(p, r, used);
        need_columns(p, r, r->u.correlate.collection);
        break;
    case REL_OVER:
        need_passed(p, r, used);
        need_over(p, r);
        break;
    case REL_SORT:
        need_passed(p, r, used);
        need_order(p, r->inputs[0], r->u.sort.keys, r->u.sort.n_keys);
        break;
    case REL_UNION:
        need_union(p, r, needs_of(p, r)->used);
        break;
    default:
        for (int i = 0; i < r->n_inputs; i++)
            need_all(p, r->inputs[i]);
    }
}

/* ---- the passes ---- */

static void order_nodes(struct prune *p, const struct rel *r, struct ptrmap *seen) {
    if (ptrmap_get(seen, r)) return;
    ptrmap_put(seen, r, (void *)r);
    for (int i = 0; i < r->n_inputs; i++)
        order_nodes(p, r->inputs[i], seen);
    if (p->n == p->cap) {
        const struct rel **old = p->nodes;
        p->cap = p->cap ? 2 * p->cap : 64;
        p->nodes = ARENA_NEW_N(p->ctx->arena, const struct rel *, p->cap);
        if (p->n) memcpy(p->nodes, old, sizeof *old * (size_t)p->n);
    }
    p->nodes[p->n++] = r;
}

static int pass(struct rule_ctx *ctx, const struct rel **sinks, int n_sinks, struct err *err) {
    struct prune p = {.ctx = ctx};
    struct ptrmap seen;
    ptrmap_init(&seen, ctx->arena);
    ptrmap_init(&p.needs, ctx->arena);
    ptrmap_init(&p.built, ctx->arena);
    for (int i = 0; i < n_sinks; i++)
        order_nodes(&p, sinks[i], &seen);
    for (int i = p.n - 1; i >= 0; i--)
        tell_inputs(&p, p.nodes[i]);
    for (int i = 0; i < p.n; i++)
        prune_build(&p, p.nodes[i]);
    for (int i = 0; i < n_sinks; i++)
        sinks[i] = prune_built(&p, sinks[i])->rel;
    return 0;
}

const struct rule rule_prune = {
    .name = "prune",
    .doc = "Reads only the columns that are needed, and carries only those on.",
    .stages = 1u << RULE_PRUNE,
    .pass = pass,
};
