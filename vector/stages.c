/* stages.c - see stages.h. */
#include "vector/stages.h"

#include "vector/func/func.h"
#include "vector/program.h"

#include <string.h>

enum { CONJUNCTS_MAX = 64, SHARED_MAX = 32, CHEAP_MAX_COST = 3, SHARED_MIN_COST = 2 };

struct search {
    const struct expr *e;
    bool found, eager; /* eager: some occurrence is evaluated for every row */
};

static bool is_lazy_arg(const struct expr *call, int i) {
    return i && call->func->flags & FUNC_LAZY;
}

static void search_in(struct search *s, const struct expr *in, bool eager) {
    if (in->kind != EXPR_CALL) return;
    if (expr_eq(s->e, in)) {
        s->found = true;
        s->eager |= eager;
        return;
    }
    for (int i = 0; i < in->n_args; i++)
        search_in(s, in->args[i], eager && !is_lazy_arg(in, i));
}

struct sharing {
    struct arena *a;
    struct stages *stages;
    int n_in;
};

/* Worth computing ahead for every row that is left: one side does so anyway, or nearly. */
static bool is_shared(const struct sharing *h, const struct expr *e, bool eager) {
    if (!expr_is_deterministic(e) || expr_can_fail(e) || expr_is_const(e)) return false;
    if (program_cost(e) < SHARED_MIN_COST) return false;
    struct search s = {.e = e};
    search_in(&s, h->stages->second, true);
    return s.found && (s.eager || eager);
}

static const struct expr *share(struct sharing *h, const struct expr *e, bool eager) {
    struct stages *t = h->stages;
    if (e->kind != EXPR_CALL) return e;
    for (int i = 0; i < t->n_shared; i++)
        if (expr_eq(t->shared[i], e)) return expr_column(h->a, h->n_in + i, e->type);
    if (t->n_shared < SHARED_MAX && is_shared(h, e, eager)) {
        t->shared[t->n_shared++] = e;
        return expr_column(h->a, h->n_in + t->n_shared - 1, e->type);
    }
    const struct expr **args = ARENA_NEW_N(h->a, const struct expr *, e->n_args + 1);
    bool same = true;
    for (int i = 0; i < e->n_args; i++) {
        args[i] = share(h, e->args[i], eager && !is_lazy_arg(e, i));
        same &= args[i] == e->args[i];
    }
    return same ? e : expr_with_args(h->a, e, args);
}

void stages_of(struct arena *a, const struct expr *filter, const struct expr **exprs, int n_exprs,
               int n_in, struct stages *ret) {
    *ret = (struct stages){0};
    if (!filter) return;
    const struct expr *all[CONJUNCTS_MAX];
    int n = expr_conjuncts(filter, all, CONJUNCTS_MAX);
    if (n > CONJUNCTS_MAX) {
        ret->second = filter;
        return;
    }
    for (int i = 0; i < n; i++) {
        const struct expr **to =
            program_cost(all[i]) <= CHEAP_MAX_COST ? &ret->first : &ret->second;
        *to = expr_and(a, *to, all[i]);
    }
    if (!ret->second) return;
    ret->shared = ARENA_NEW_N(a, const struct expr *, SHARED_MAX);
    struct sharing h = {a, ret, n_in};
    for (int i = 0; i < n_exprs; i++)
        exprs[i] = share(&h, exprs[i], true);
}
