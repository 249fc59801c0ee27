/* join_key.c - equal keys that are expressions are computed below the join, so that the columns
 * they are made of need not travel. Times are left alone: they may bound an interval. */
#include "sql/rules/rules.h"

#include <string.h>

struct keys {
    struct rule_ctx *ctx;
    const struct rel *join;
    int n_left, n_right;
    int n[2]; /* expressions to append on each side */
    const struct expr *exprs[2][RULE_CONJUNCTS_MAX];
};

/* Side 0, 1, or -1 where e reads both or none. */
static int side_of(const struct keys *k, const struct expr *e) {
    if (rule_reads_within(e, 0, 0)) return -1;
    if (rule_reads_within(e, 0, k->n_left)) return 0;
    return rule_reads_within(e, k->n_left, k->n_left + k->n_right) ? 1 : -1;
}

static bool is_key(const struct keys *k, const struct expr *e) {
    if (e->kind != EXPR_CALL || e->n_args != 2) return false;
    if (strcmp(e->func->name, "=") && strcmp(e->func->name, "IS NOT DISTINCT FROM")) return false;
    int x = side_of(k, e->args[0]), y = side_of(k, e->args[1]);
    return x >= 0 && y >= 0 && x != y && expr_is_deterministic(e) &&
           !type_is_timestamp(e->args[0]->type) && !type_is_timestamp(e->args[1]->type);
}

/* The argument as a column of the widened join; appended to its side if it is none yet. Columns are
 * numbered as if the left side kept its width: place() moves them. */
static const struct expr *as_column(struct keys *k, const struct expr *e) {
    if (e->kind == EXPR_COLUMN) return e;
    int s = side_of(k, e), i = 0;
    while (i < k->n[s] && !expr_eq(k->exprs[s][i], e))
        i++;
    if (i == k->n[s]) k->exprs[s][k->n[s]++] = e;
    int base = k->n_left + k->n_right; /* left ones first, from here; right ones 1 << 20 further */
    return expr_column(k->ctx->arena, base + i + (s ? 1 << 20 : 0), e->type);
}

static const struct rel *widened(struct keys *k, int s) {
    const struct rel *in = k->join->inputs[s];
    if (!k->n[s]) return in;
    struct arena *a = k->ctx->arena;
    int n = in->schema->n, total = n + k->n[s];
    const struct schema *schema = schema_new(a, total);
    struct field *f = (struct field *)schema->fields;
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, total);
    for (int i = 0; i < total; i++) {
        if (i < n) {
            f[i] = in->schema->fields[i];
            exprs[i] = expr_column(a, i, f[i].type);
            continue;
        }
        const struct expr *e = k->exprs[s][i - n];
        exprs[i] = s ? rule_shift_columns(a, e, k->n_left, -k->n_left, k->n_left + k->n_right) : e;
        f[i] = (struct field){arena_printf(a, "$k%d", i), e->type};
    }
    struct rel *p = rel_new(a, REL_PROJECT, schema, &in, 1);
    p->u.project.exprs = exprs;
    return p;
}

/* Moves columns to where they are in the widened join. */
static const struct expr *place(struct keys *k, const struct expr *e) {
    if (e->kind == EXPR_COLUMN) {
        int c = e->column, base = k->n_left + k->n_right, new_left = k->n_left + k->n[0];
        if (c >= base + (1 << 20))
            c = new_left + k->n_right + c - base - (1 << 20);
        else if (c >= base)
            c = k->n_left + c - base;
        else if (c >= k->n_left)
            c += k->n[0];
        return expr_column(k->ctx->arena, c, e->type);
    }
    if (e->kind != EXPR_CALL) return e;
    const struct expr **args = ARENA_NEW_N(k->ctx->arena, const struct expr *, e->n_args + 1);
    for (int i = 0; i < e->n_args; i++)
        args[i] = place(k, e->args[i]);
    return expr_call(k->ctx->arena, e->func, e->type, args, e->n_args);
}

static const struct rel *rebuild(struct keys *k, const struct expr *predicate) {
    struct arena *a = k->ctx->arena;
    const struct rel *r = k->join, *ins[2] = {widened(k, 0), widened(k, 1)};
    bool both = r->schema->n > k->n_left;
    int n_left = ins[0]->schema->n, n = n_left + (both ? ins[1]->schema->n : 0);
    const struct schema *schema = schema_new(a, n);
    struct field *f = (struct field *)schema->fields;
    int *cols = ARENA_NEW_N(a, int, r->schema->n + 1);
    for (int i = 0; i < n; i++) {
        f[i] = i < n_left ? ins[0]->schema->fields[i] : ins[1]->schema->fields[i - n_left];
        f[i].type = type_with_null(a, f[i].type, true);
    }
    for (int i = 0; i < r->schema->n; i++) {
        cols[i] = i < k->n_left ? i : i + k->n[0];
        f[cols[i]] = r->schema->fields[i];
    }
    struct rel *j = rule_copy(a, r);
    j->inputs = arena_dup(a, ins, sizeof ins);
    j->schema = schema;
    j->u.join.predicate = place(k, predicate);
    struct rel *pick = (struct rel *)rule_pick(a, j, cols, r->schema->n);
    pick->schema = r->schema;
    return pick;
}

static const struct rel *apply(struct rule_ctx *ctx, const struct rel *r) {
    if (r->kind != REL_JOIN || !r->u.join.predicate) return NULL;
    struct keys *k = ARENA_NEW(ctx->arena, struct keys);
    k->ctx = ctx;
    k->join = r;
    k->n_left = r->inputs[0]->schema->n;
    k->n_right = r->inputs[1]->schema->n;
    const struct expr *all[RULE_CONJUNCTS_MAX], *on = NULL;
    int n = rule_conjuncts(r->u.join.predicate, all);
    for (int i = 0; i < n; i++) {
        const struct expr *e = all[i];
        if (is_key(k, e)) {
            const struct expr *args[2] = {as_column(k, e->args[0]), as_column(k, e->args[1])};
            if (args[0] != e->args[0] || args[1] != e->args[1])
                e = expr_call(ctx->arena, e->func, e->type, args, 2);
        }
        on = on ? expr_and(ctx->arena, on, e) : e;
    }
    return k->n[0] + k->n[1] ? rebuild(k, on) : NULL;
}

const struct rule rule_join_key = {
    .name = "join_key",
    .doc = "Computes the expressions that a join equates below it.",
    .stages = 1u << RULE_SIMPLIFY,
    .apply = apply,
};
