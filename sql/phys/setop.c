/* setop.c - INTERSECT and EXCEPT out of joins and aggregates, as Flink makes them: without ALL a
 * semi or anti join over all columns, then DISTINCT; with ALL the rows of both sides are counted,
 * and each distinct row comes out as often as the counts say. */
#include "sql/phys/phys.h"

#include "vector/func/func.h"

static const struct expr *column(struct planner *p, const struct rel *r, int c) {
    return expr_column(p->arena, c, r->schema->fields[c].type);
}

static const int *all_columns(struct planner *p, int n) {
    int *cols = ARENA_NEW_N(p->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        cols[i] = i;
    return cols;
}

static struct rel *new_rel(struct planner *p, const struct rel *at, enum rel_kind kind,
                           const struct schema *s, const struct rel *const *inputs, int n) {
    struct rel *r = rel_new(p->arena, kind, s, inputs, n);
    r->line = at->line;
    r->column = at->column;
    return r;
}

static int distinct_setop(struct planner *p, const struct rel *r, struct pnode **ret,
                          struct err *err) {
    int n = r->schema->n;
    const struct expr *all = NULL;
    for (int i = 0; i < n; i++) {
        const struct expr *args[2] = {column(p, r->inputs[0], i), NULL}, *same;
        args[1] = expr_column(p->arena, n + i, r->inputs[1]->schema->fields[i].type);
        int rc = func_call_name(p->arena, "IS NOT DISTINCT FROM", args, 2, &same, err);
        if (rc) return phys_place(r, err);
        all = expr_and(p->arena, all, same);
    }
    struct rel *join = new_rel(p, r, REL_JOIN, r->inputs[0]->schema, r->inputs, 2);
    join->u.join.type = r->u.setop.except ? JOIN_ANTI : JOIN_SEMI;
    join->u.join.predicate = all;
    const struct rel *in = join;
    struct rel *agg = new_rel(p, r, REL_AGGREGATE, r->schema, &in, 1);
    agg->u.agg.n_keys = n;
    agg->u.agg.keys = all_columns(p, n);
    return phys_node(p, agg, ret, err);
}

/* The side's columns and two counters: 1, 0 for the left one, 0, 1 for the right one. */
static const struct rel *counted(struct planner *p, const struct rel *r, int side,
                                 const struct schema *s) {
    const struct rel *in = r->inputs[side];
    int n = in->schema->n;
    const struct type *big = type_of_not_null(TYPE_BIGINT);
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, n + 2);
    for (int i = 0; i < n; i++)
        exprs[i] = column(p, in, i);
    exprs[n] = expr_literal(p->arena, value_int(p->arena, big, side == 0));
    exprs[n + 1] = expr_literal(p->arena, value_int(p->arena, big, side == 1));
    struct rel *project = new_rel(p, r, REL_PROJECT, s, &in, 1);
    project->u.project.exprs = exprs;
    return project;
}

static int sum_of(struct planner *p, int col, struct rel_agg *ret, struct err *err) {
    const struct expr *arg = expr_column(p->arena, col, type_of_not_null(TYPE_BIGINT));
    *ret = (struct rel_agg){.args = {col}, .filter = -1};
    return agg_bind(p->arena, agg_find("SUM"), &arg, 1, false, false, true, &ret->call, err);
}

/* How often a row comes out: the lesser count, or what the right side leaves of the left one. */
static int copies_expr(struct planner *p, const struct rel *r, int n, const struct type *type,
                       const struct expr **ret, struct err *err) {
    const struct expr *l = expr_column(p->arena, n, type), *o = expr_column(p->arena, n + 1, type);
    const struct expr *two[2] = {l, o};
    if (r->u.setop.except) return func_call_name(p->arena, "-", two, 2, ret, err);
    const struct expr *less;
    int rc = func_call_name(p->arena, "<", two, 2, &less, err);
    if (rc) return rc;
    const struct expr *args[3] = {less, l, o};
    return func_call_name(p->arena, "CASE", args, 3, ret, err);
}

static int counting_setop(struct planner *p, const struct rel *r, struct pnode **ret,
                          struct err *err) {
    int n = r->schema->n;
    struct schema *s = phys_schema(p->arena, n + 2);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n + 2; i++)
        f[i] = i < n ? r->schema->fields[i]
                     : (struct field){i == n ? "$left" : "$right", type_of_not_null(TYPE_BIGINT)};
    const struct rel *sides[2] = {counted(p, r, 0, s), counted(p, r, 1, s)};
    const struct rel *both = new_rel(p, r, REL_UNION, s, sides, 2);
    struct rel_agg *sums = ARENA_NEW_N(p->arena, struct rel_agg, 2);
    int rc = sum_of(p, n, &sums[0], err);
    if (!rc) rc = sum_of(p, n + 1, &sums[1], err);
    if (rc) return phys_place(r, err);
    struct schema *summed = phys_schema(p->arena, n + 2);
    struct field *g = (struct field *)summed->fields;
    for (int i = 0; i < n + 2; i++)
        g[i] = (struct field){f[i].name, i < n ? f[i].type : sums[i - n].call.ret_type};
    struct rel *agg = new_rel(p, r, REL_AGGREGATE, summed, &both, 1);
    agg->u.agg.n_keys = n;
    agg->u.agg.keys = all_columns(p, n);
    agg->u.agg.n_aggs = 2;
    agg->u.agg.aggs = sums;
    struct pnode *in;
    rc = phys_node(p, agg, &in, err);
    if (rc) return rc;
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, n + 1);
    for (int i = 0; i < n; i++)
        exprs[i] = expr_column(p->arena, i, f[i].type);
    rc = copies_expr(p, r, n, g[n].type, &exprs[n], err);
    if (rc) return phys_place(r, err);
    struct schema *counts = phys_schema(p->arena, n + 1);
    for (int i = 0; i <= n; i++)
        ((struct field *)counts->fields)[i] =
            i < n ? f[i] : (struct field){"$copies", exprs[n]->type};
    in = phys_calc(p, r, in, NULL, exprs, counts);
    struct pnode *rep = phys_new(p, PHYS_REPLICATE, r, counts, &in, 1);
    rep->n_dist = in->n_dist;
    rep->dist = in->dist;
    json_set_i64(rep->config, "count", n);
    phys_label(p, rep, "Replicate(%s ALL)", r->u.setop.except ? "EXCEPT" : "INTERSECT");
    *ret = phys_pick(p, r, rep, all_columns(p, n), n);
    return 0;
}

int phys_setop(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    return r->u.setop.all ? counting_setop(p, r, ret, err) : distinct_setop(p, r, ret, err);
}
