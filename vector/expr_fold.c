/* expr_fold.c - constant subtrees become literals; conditionals lose branches that can't be taken.
 */
#include "vector/expr.h"

#include "vector/func/func.h"
#include "vector/func/logic.h"
#include "vector/program.h"

enum { FOLDED_MAX_BYTES = 16 << 10 };

static const struct expr *null_of(struct arena *a, const struct type *t) {
    return expr_literal(a, value_null(a, type_with_null(a, t, true)));
}

static bool is_null(const struct expr *e) {
    return e->kind == EXPR_LITERAL && !col_is_valid(e->literal, 0);
}

/* A literal TRUE (want) or FALSE. */
static bool is_bool(const struct expr *e, bool want) {
    return e->kind == EXPR_LITERAL && e->type->kind == TYPE_BOOLEAN && !is_null(e) &&
           (*(const uint8_t *)e->literal->data != 0) == want;
}

/* AND: TRUE operands go, what follows a FALSE goes; OR the other way round. What stands before the
 * FALSE stays only if it may fail. */
static const struct expr *fold_and_or(struct arena *a, const struct expr *e) {
    bool unit = e->func == &func_and;
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args);
    int n = 0;
    for (int i = 0; i < e->n_args; i++) {
        if (is_bool(e->args[i], unit)) continue;
        args[n++] = e->args[i];
        if (!is_bool(e->args[i], !unit)) continue;
        bool fails = false;
        for (int k = 0; k < n - 1; k++)
            fails |= expr_can_fail(args[k]);
        if (!fails) return e->args[i];
        break;
    }
    if (n == 0) return expr_literal(a, value_bool(a, unit));
    if (n == 1) return args[0];
    return n == e->n_args ? e : expr_call(a, e->func, e->type, args, n);
}

static const struct expr *fold_case(struct arena *a, const struct expr *e) {
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args);
    const struct expr *last = e->args[e->n_args - 1];
    int n = 0;
    for (int i = 0; i + 1 < e->n_args; i += 2) {
        if (is_bool(e->args[i], false) || is_null(e->args[i])) continue;
        if (is_bool(e->args[i], true)) {
            last = e->args[i + 1];
            break;
        }
        args[n++] = e->args[i];
        args[n++] = e->args[i + 1];
    }
    if (n == 0) return last;
    args[n++] = last;
    return n == e->n_args ? e : expr_call(a, e->func, e->type, args, n);
}

static const struct expr *fold_coalesce(struct arena *a, const struct expr *e) {
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args);
    int n = 0;
    for (int i = 0; i < e->n_args; i++) {
        if (is_null(e->args[i])) continue;
        args[n++] = e->args[i];
        if (e->args[i]->kind == EXPR_LITERAL) break;
    }
    if (n == 0) return null_of(a, e->type);
    if (n == 1) return args[0];
    return n == e->n_args ? e : expr_call(a, e->func, e->type, args, n);
}

static const struct expr *evaluate(struct arena *a, const struct expr *e,
                                   const struct eval_env *env) {
    const struct column *v;
    struct err err = ERR_INIT;
    if (expr_eval_const(a, e, env, &v, &err)) return e; /* the error belongs to run time */
    /* REPEAT('x', 1000000) is a short plan, its result isn't. */
    if (col_size_bytes(v) > FOLDED_MAX_BYTES) return e;
    /* Flink folds by way of decimal literals, which have no negative zero. */
    if (v->phys == PHYS_F64 && *(double *)v->data == 0) *(double *)v->data = 0;
    if (v->phys == PHYS_F32 && *(float *)v->data == 0) *(float *)v->data = 0;
    struct expr *lit = (struct expr *)expr_literal(a, v);
    lit->line = e->line;
    lit->col = e->col;
    return lit;
}

const struct expr *expr_fold(struct arena *a, const struct expr *e, const struct eval_env *env) {
    if (e->kind != EXPR_CALL) return e;
    if (e->n_args) {
        const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args);
        for (int i = 0; i < e->n_args; i++)
            args[i] = expr_fold(a, e->args[i], env);
        e = expr_with_args(a, e, args);
    }
    const struct expr *was = e;
    if (e->func == &func_and || e->func == &func_or) e = fold_and_or(a, e);
    if (e->func == &func_case) e = fold_case(a, e);
    if (e->func == &func_coalesce) e = fold_coalesce(a, e);
    if (e != was || e->kind != EXPR_CALL) return e;
    bool literals = true, null = false;
    for (int i = 0; i < e->n_args; i++) {
        literals &= e->args[i]->kind == EXPR_LITERAL;
        null |= is_null(e->args[i]);
    }
    if (null && e->func->flags & FUNC_STRICT) return null_of(a, e->type);
    if (!literals || e->func->flags & (FUNC_NONDETERMINISTIC | FUNC_DYNAMIC)) return e;
    return evaluate(a, e, env);
}
