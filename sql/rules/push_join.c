/* push_join.c - conditions around joins. A filter over an inner join joins its condition;
 * conditions on one side alone move to that side, where the join's type lets them; a filter that
 * refuses the NULLs an outer join pads with makes it an inner one. */
#include "sql/rules/rules.h"

#include <string.h>

enum side { SIDE_NONE = 0, SIDE_LEFT = 1, SIDE_RIGHT = 2, SIDE_BOTH = 3 };

static enum side side_of(const struct rel *join, const struct expr *e) {
    int n_left = join->inputs[0]->schema->n, n = n_left + join->inputs[1]->schema->n;
    if (rule_reads_within(e, 0, 0)) return SIDE_NONE;
    if (rule_reads_within(e, 0, n_left)) return SIDE_LEFT;
    return rule_reads_within(e, n_left, n) ? SIDE_RIGHT : SIDE_BOTH;
}

/* Not with expressions that may fail: on the side they'd also see rows that the join drops. */
static bool may_move(const struct expr *e) {
    return expr_is_deterministic(e) && !expr_can_fail(e);
}

static void add(struct rule_ctx *ctx, const struct expr **to, const struct expr *e) {
    *to = *to ? expr_and(ctx->arena, *to, e) : e;
}

static const struct expr *to_right(struct rule_ctx *ctx, const struct rel *join,
                                   const struct expr *e) {
    int n_left = join->inputs[0]->schema->n, n = n_left + join->inputs[1]->schema->n;
    return rule_shift_columns(ctx->arena, e, n_left, -n_left, n);
}

static const struct rel *rejoin(struct rule_ctx *ctx, const struct rel *join, enum join_type type,
                                const struct expr *left, const struct expr *right,
                                const struct expr *predicate, const struct rel *at) {
    const struct rel *ins[2] = {
        left ? rule_filter(ctx->arena, join->inputs[0], left, at) : join->inputs[0],
        right ? rule_filter(ctx->arena, join->inputs[1], right, at) : join->inputs[1]};
    struct rel *j = rule_copy(ctx->arena, join);
    j->inputs = arena_dup(ctx->arena, ins, sizeof ins);
    j->u.join.type = type;
    j->u.join.predicate = predicate;
    return j;
}

/* ---- outer to inner ---- */

/* Whether e can't be TRUE where the columns [from, to) are NULL: a strict comparison with one. */
static bool refuses_nulls(const struct expr *e, int from, int to) {
    static const char *const strict[] = {"=", "<>", "<", "<=", ">", ">=", "LIKE", "BETWEEN"};
    if (e->kind != EXPR_CALL) return false;
    bool is_not_null = !strcmp(e->func->name, "IS NOT NULL"), known = is_not_null;
    for (size_t i = 0; i < ARRAY_LEN(strict); i++)
        known |= !strcmp(e->func->name, strict[i]);
    for (int i = 0; known && i < e->n_args; i++) {
        const struct expr *a = e->args[i];
        while (a->kind == EXPR_CALL && !strcmp(a->func->name, "CAST"))
            a = a->args[0];
        if (a->kind == EXPR_COLUMN && a->column >= from && a->column < to) return true;
    }
    return false;
}

static enum join_type refined(const struct rel *join, const struct expr *const *all, int n) {
    int n_left = join->inputs[0]->schema->n, n_both = n_left + join->inputs[1]->schema->n;
    bool left = false, right = false;
    for (int i = 0; i < n; i++) {
        left |= refuses_nulls(all[i], 0, n_left);
        right |= refuses_nulls(all[i], n_left, n_both);
    }
    switch (join->u.join.type) {
    case JOIN_LEFT:
        return right ? JOIN_INNER : JOIN_LEFT;
    case JOIN_RIGHT:
        return left ? JOIN_INNER : JOIN_RIGHT;
    case JOIN_FULL:
        return left && right ? JOIN_INNER : left ? JOIN_LEFT : right ? JOIN_RIGHT : JOIN_FULL;
    default:
        return join->u.join.type;
    }
}

/* ---- a filter over a join ---- */

static const struct rel *push_filter(struct rule_ctx *ctx, const struct rel *r) {
    const struct rel *join = r->inputs[0];
    if (join->kind != REL_JOIN || rule_is_shared(ctx, join)) return NULL;
    const struct expr *all[RULE_CONJUNCTS_MAX];
    int n = rule_conjuncts(r->u.filter.predicate, all);
    enum join_type type = refined(join, all, n);
    bool keeps_left =
        type == JOIN_INNER || type == JOIN_LEFT || type == JOIN_SEMI || type == JOIN_ANTI;
    bool keeps_right = type == JOIN_INNER || type == JOIN_RIGHT;
    const struct expr *left = NULL, *right = NULL, *stay = NULL, *on = join->u.join.predicate;
    for (int i = 0; i < n; i++) {
        enum side side = side_of(join, all[i]);
        if (side == SIDE_LEFT && keeps_left && may_move(all[i]))
            add(ctx, &left, all[i]);
        else if (side == SIDE_RIGHT && keeps_right && may_move(all[i]))
            add(ctx, &right, to_right(ctx, join, all[i]));
        else if (type == JOIN_INNER && expr_is_deterministic(all[i]))
            add(ctx, &on, all[i]);
        else
            add(ctx, &stay, all[i]);
    }
    if (!left && !right && on == join->u.join.predicate && type == join->u.join.type) return NULL;
    const struct rel *j = rejoin(ctx, join, type, left, right, on, r);
    return stay ? rule_filter(ctx->arena, j, stay, r) : j;
}

/* ---- a join's own condition ---- */

static const struct rel *push_condition(struct rule_ctx *ctx, const struct rel *join) {
    if (!join->u.join.predicate) return NULL;
    enum join_type type = join->u.join.type;
    /* Rows of an outer side, or the left one of an anti join, come out whatever the condition. */
    bool to_left = type == JOIN_INNER || type == JOIN_RIGHT || type == JOIN_SEMI;
    bool to_right_side = type != JOIN_RIGHT && type != JOIN_FULL;
    const struct expr *all[RULE_CONJUNCTS_MAX], *left = NULL, *right = NULL, *on = NULL;
    int n = rule_conjuncts(join->u.join.predicate, all);
    for (int i = 0; i < n; i++) {
        enum side side = side_of(join, all[i]);
        if (side == SIDE_LEFT && to_left && may_move(all[i]))
            add(ctx, &left, all[i]);
        else if (side == SIDE_RIGHT && to_right_side && may_move(all[i]))
            add(ctx, &right, to_right(ctx, join, all[i]));
        else
            add(ctx, &on, all[i]);
    }
    return left || right ? rejoin(ctx, join, type, left, right, on, join) : NULL;
}

static const struct rel *push(struct rule_ctx *ctx, const struct rel *r) {
    if (r->kind == REL_FILTER) return push_filter(ctx, r);
    return r->kind == REL_JOIN ? push_condition(ctx, r) : NULL;
}

const struct rule rule_push_join = {
    .name = "push_join",
    .doc = "Moves conditions into joins and to their sides; makes outer joins inner ones.",
    .stages = 1u << RULE_SIMPLIFY,
    .apply = push,
};
