/* bind_decorrelate.c - takes the references to the enclosing query out of a subquery: predicates
 * that hold them are pulled up to the join that the subquery becomes, the columns they need are
 * carried along behind the subquery's own, and an aggregate on the way groups by them as well
 * (Galindo-Legaria & Joshi, "Orthogonal optimization of subqueries and aggregation", SIGMOD 2001).
 * Where that would change the meaning (a LIMIT, an outer join's inner side ...) the subquery is
 * refused. */
#include "sql/bind_select.h"

#include <string.h>

bool expr_has_outer(const struct expr *e) {
    if (e->kind == EXPR_OUTER) return true;
    for (int i = 0; i < e->n_args; i++)
        if (expr_has_outer(e->args[i])) return true;
    return false;
}

static bool exprs_have_outer(const struct expr *const *e, int n) {
    for (int i = 0; i < n; i++)
        if (expr_has_outer(e[i])) return true;
    return false;
}

static bool node_is_correlated(const struct rel *r) {
    switch (r->kind) {
    case REL_PROJECT:
        return exprs_have_outer(r->u.project.exprs, r->schema->n);
    case REL_FILTER:
        return expr_has_outer(r->u.filter.predicate);
    case REL_JOIN:
        return r->u.join.predicate && expr_has_outer(r->u.join.predicate);
    case REL_TEMPORAL:
        return r->u.temporal.predicate && expr_has_outer(r->u.temporal.predicate);
    case REL_CORRELATE:
        return expr_has_outer(r->u.correlate.collection);
    default:
        return false;
    }
}

bool rel_is_correlated(const struct rel *r) {
    if (node_is_correlated(r)) return true;
    for (int i = 0; i < r->n_inputs; i++)
        if (rel_is_correlated(r->inputs[i])) return true;
    return false;
}

struct work {
    struct binder *b;
    const struct ast_span *at;
};

static int take(struct work *w, const struct rel *r, const struct rel **ret,
                const struct expr **pred, struct err *err);

static int refuse(struct work *w, const char *what, struct err *err) {
    return unsupported(w->at, err, "a correlated subquery %s", what);
}

/* Splits p into what refers to the outer query and what does not; either may come out NULL. */
static void split(struct arena *a, const struct expr *p, const struct expr **outer,
                  const struct expr **rest) {
    enum { CAP = 256 };
    const struct expr *list[CAP];
    int n = expr_conjuncts(p, list, CAP);
    if (n > CAP) {
        *outer = expr_and(a, *outer, p);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (expr_has_outer(list[i]))
            *outer = expr_and(a, *outer, list[i]);
        else
            *rest = expr_and(a, *rest, list[i]);
    }
}

static int filter(struct work *w, const struct rel *r, const struct rel **ret,
                  const struct expr **pred, struct err *err) {
    struct arena *a = w->b->a;
    const struct rel *in;
    int rc = take(w, r->inputs[0], &in, pred, err);
    if (rc) return rc;
    const struct expr *rest = NULL;
    split(a, r->u.filter.predicate, pred, &rest);
    *ret = rest ? rel_filter(a, in, rest) : in;
    return 0;
}

struct used {
    int *map; /* input column -> output column, -1 = not there yet */
    int n;    /* columns so far */
    int *cols;
};

static void use_column(void *self, int column) {
    struct used *u = self;
    if (u->map[column] >= 0) return;
    u->map[column] = u->n;
    u->cols[u->n++] = column;
}

/* Appends to the projection what the predicates need of its input. */
static int project(struct work *w, const struct rel *r, const struct rel **ret,
                   const struct expr **pred, struct err *err) {
    struct arena *a = w->b->a;
    const struct rel *in;
    if (exprs_have_outer(r->u.project.exprs, r->schema->n))
        return refuse(w, "with a column of the enclosing query in its select list", err);
    int rc = take(w, r->inputs[0], &in, pred, err);
    if (rc) return rc;
    int n = r->schema->n, m = in->schema->n;
    struct used u = {
        .map = ARENA_NEW_N(a, int, m + 1), .n = n, .cols = ARENA_NEW_N(a, int, n + m + 1)};
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, n + m + 1);
    const char **names = ARENA_NEW_N(a, const char *, n + m + 1);
    memset(u.map, -1, sizeof(int) * (size_t)(m + 1));
    for (int i = 0; i < n; i++) {
        exprs[i] = r->u.project.exprs[i];
        names[i] = r->schema->fields[i].name;
        if (exprs[i]->kind == EXPR_COLUMN && u.map[exprs[i]->column] < 0)
            u.map[exprs[i]->column] = i;
    }
    if (*pred) {
        expr_visit_columns(*pred, use_column, &u);
        for (int i = n; i < u.n; i++) {
            exprs[i] = column_of(a, in, u.cols[i]);
            names[i] = in->schema->fields[u.cols[i]].name;
        }
        *pred = expr_remap(a, *pred, u.map, m);
    }
    *ret = rel_project(a, in, exprs, names, u.n);
    return 0;
}

/* Input columns of the join: left's own, right's own, then left's and right's extra ones. */
static int join(struct work *w, const struct rel *r, const struct rel **ret,
                const struct expr **pred, struct err *err) {
    struct arena *a = w->b->a;
    enum join_type t = r->u.join.type;
    const struct rel *l, *rt;
    const struct expr *lp = NULL, *rp = NULL, *own = NULL, *rest = NULL;
    if (t == JOIN_FULL || t == JOIN_RIGHT) return refuse(w, "with a RIGHT or FULL JOIN", err);
    if (t != JOIN_INNER && rel_is_correlated(r->inputs[1]))
        return refuse(w, "in the inner side of an outer, semi or anti join", err);
    int rc = take(w, r->inputs[0], &l, &lp, err);
    if (!rc) rc = take(w, r->inputs[1], &rt, &rp, err);
    if (rc) return rc;
    if (r->u.join.predicate) split(a, r->u.join.predicate, &own, &rest);
    if (own && t != JOIN_INNER)
        return refuse(w, "in the condition of an outer, semi or anti join", err);
    int nl = r->inputs[0]->schema->n, nr = r->inputs[1]->schema->n;
    int nl2 = l->schema->n, nr2 = rt->schema->n;
    int *map = ARENA_NEW_N(a, int, nl + nr + 1), *shift = ARENA_NEW_N(a, int, nr2 + 1);
    for (int i = 0; i < nl + nr; i++)
        map[i] = i < nl ? i : nl2 + i - nl;
    for (int i = 0; i < nr2; i++)
        shift[i] = nl2 + i;
    if (rest) rest = expr_remap(a, rest, map, nl + nr);
    if (own) own = expr_remap(a, own, map, nl + nr);
    if (rp) rp = expr_remap(a, rp, shift, nr2);
    const struct rel *j = rel_join_of(a, t, l, rt, rest);
    *pred = expr_and(a, *pred, expr_and(a, expr_and(a, lp, rp), own));
    if (t == JOIN_SEMI || t == JOIN_ANTI || (nl == nl2 && nr == nr2)) {
        *ret = j;
        return 0;
    }
    int n = 0, *cols = ARENA_NEW_N(a, int, nl2 + nr2), *back = ARENA_NEW_N(a, int, nl2 + nr2);
    for (int i = 0; i < nl; i++)
        cols[n++] = i;
    for (int i = 0; i < nr; i++)
        cols[n++] = nl2 + i;
    for (int i = nl; i < nl2; i++)
        cols[n++] = i;
    for (int i = nr; i < nr2; i++)
        cols[n++] = nl2 + i;
    for (int i = 0; i < n; i++)
        back[cols[i]] = i;
    if (*pred) *pred = expr_remap(a, *pred, back, n);
    *ret = rel_columns(a, j, cols, n);
    return 0;
}

/* `inner = outer` either way round: the inner side. */
static const struct expr *inner_side(const struct expr *e) {
    if (e->kind != EXPR_CALL || strcmp(e->func->name, "=") != 0 || e->n_args != 2) return NULL;
    for (int i = 0; i < 2; i++)
        if (!expr_has_outer(e->args[i]) && expr_max_column(e->args[1 - i]) == 0 &&
            expr_has_outer(e->args[1 - i]))
            return e->args[i];
    return NULL;
}

/* Groups by the inner sides of the predicates too; output: the aggregate's own columns, then the
 * new keys. */
static int aggregate(struct work *w, const struct rel *r, const struct rel **ret,
                     const struct expr **pred, struct err *err) {
    struct arena *a = w->b->a;
    enum { CAP = 32 };
    const struct expr *list[CAP], *inner[CAP];
    const struct rel *in;
    int rc = take(w, r->inputs[0], &in, pred, err);
    if (rc) return rc;
    if (r->u.agg.n_sets || r->u.agg.legacy.on)
        return refuse(w, "with grouping sets or a group window", err);
    int n_list = expr_conjuncts(*pred, list, CAP);
    if (n_list > CAP) return refuse(w, "with that many conditions", err);
    int n_in = in->schema->n, nk = r->u.agg.n_keys, n_old = r->schema->n;
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, n_in + n_list + 1);
    const char **names = ARENA_NEW_N(a, const char *, n_in + n_list + 1);
    int *keys = ARENA_NEW_N(a, int, nk + n_list + 1);
    memcpy(keys, r->u.agg.keys, sizeof(int) * (size_t)nk);
    for (int i = 0; i < n_in; i++) {
        exprs[i] = column_of(a, in, i);
        names[i] = in->schema->fields[i].name;
    }
    for (int i = 0; i < n_list; i++) {
        inner[i] = inner_side(list[i]);
        if (!inner[i])
            return refuse(w,
                          "whose aggregate depends on a condition other than column = outer "
                          "column",
                          err);
        exprs[n_in + i] = inner[i];
        names[n_in + i] = arena_printf(a, "$c%d", i);
        keys[nk + i] = n_in + i;
    }
    const struct rel *p = rel_project(a, in, exprs, names, n_in + n_list);
    const struct schema *s = schema_new(a, n_old + n_list);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n_old + n_list; i++) /* keys, new keys, aggregates */
        f[i] = i < nk            ? r->schema->fields[i]
               : i < nk + n_list ? (struct field){names[n_in + i - nk], inner[i - nk]->type}
                                 : r->schema->fields[i - n_list];
    struct rel *g = arena_dup(a, r, sizeof(*r));
    g->schema = s;
    g->inputs = arena_dup(a, &p, sizeof(const struct rel *));
    g->u.agg.keys = keys;
    g->u.agg.n_keys = nk + n_list;
    int *cols = ARENA_NEW_N(a, int, n_old + n_list + 1);
    for (int i = 0; i < n_old + n_list; i++)
        cols[i] = i < nk ? i : i < n_old ? i + n_list : nk + i - n_old;
    *ret = rel_columns(a, g, cols, n_old + n_list);
    *pred = NULL;
    for (int i = 0; i < n_list; i++) {
        const struct expr *e = list[i], *args[2];
        for (int k = 0; k < 2; k++)
            args[k] = e->args[k] == inner[i] ? column_of(a, *ret, n_old + i) : e->args[k];
        *pred = expr_and(a, *pred, expr_call(a, e->func, e->type, args, 2));
    }
    return 0;
}

/* A window function's columns stay behind the row's own, the extra ones go last. */
static int window(struct work *w, const struct rel *r, const struct rel **ret,
                  const struct expr **pred, struct err *err) {
    struct arena *a = w->b->a;
    const struct rel *in;
    int rc = take(w, r->inputs[0], &in, pred, err);
    if (rc) return rc;
    int n = r->inputs[0]->schema->n, m = in->schema->n, added = r->schema->n - n;
    const struct schema *s = schema_new(a, m + added);
    struct field *f = (struct field *)s->fields;
    int *cols = ARENA_NEW_N(a, int, m + added), *back = ARENA_NEW_N(a, int, m + added);
    for (int i = 0; i < m + added; i++)
        f[i] = i < m ? in->schema->fields[i] : r->schema->fields[n + i - m];
    for (int i = 0; i < m + added; i++)
        cols[i] = i < n ? i : i < n + added ? m + i - n : i - added;
    for (int i = 0; i < m + added; i++)
        back[cols[i]] = i;
    struct rel *g = arena_dup(a, r, sizeof(*r));
    g->schema = s;
    g->inputs = arena_dup(a, &in, sizeof(const struct rel *));
    *ret = rel_columns(a, g, cols, m + added);
    if (*pred) *pred = expr_remap(a, *pred, back, m + added);
    return 0;
}

/* ORDER BY ... LIMIT n per outer row: the first n of each group of the inner sides. */
static int limit(struct work *w, const struct rel *r, const struct rel **ret,
                 const struct expr **pred, struct err *err) {
    struct arena *a = w->b->a;
    const struct rel *in;
    int rc = take(w, r->inputs[0], &in, pred, err);
    if (rc) return rc;
    if (r->u.sort.limit < 0 && !r->u.sort.offset) { /* an order that nothing depends on */
        *ret = in;
        return 0;
    }
    enum { CAP = 32 };
    const struct expr *list[CAP];
    int n = expr_conjuncts(*pred, list, CAP);
    if (n > CAP) return refuse(w, "with that many conditions", err);
    int *partition = ARENA_NEW_N(a, int, n + 1);
    for (int i = 0; i < n; i++) {
        const struct expr *inner = inner_side(list[i]);
        if (!inner || inner->kind != EXPR_COLUMN)
            return refuse(w, "whose LIMIT depends on a condition other than column = outer column",
                          err);
        partition[i] = inner->column;
    }
    const struct schema *s = schema_new(a, in->schema->n + 1);
    struct field *f = (struct field *)s->fields;
    memcpy(f, in->schema->fields, sizeof(*f) * (size_t)in->schema->n);
    f[in->schema->n] = (struct field){"$rn", type_of_not_null(TYPE_BIGINT)};
    struct rel *o = rel_new(a, REL_OVER, s, &in, 1);
    struct over_call *call = ARENA_NEW(a, struct over_call);
    call->rank_fn = "ROW_NUMBER";
    call->type = f[in->schema->n].type;
    o->u.over = (struct over_spec){.n_partition = n,
                                   .partition = partition,
                                   .n_order = r->u.sort.n_keys,
                                   .order = r->u.sort.keys,
                                   .rows = true,
                                   .preceding = FRAME_UNBOUNDED,
                                   .n_calls = 1,
                                   .calls = call};
    struct ast none = {.kind = AST_LITERAL, .span = *w->at};
    const struct expr *rn = column_of(a, o, in->schema->n), *cond = NULL, *c;
    const struct expr *lo[] = {rn, bind_int(w->b, r->u.sort.offset)};
    const struct expr *hi[] = {rn, bind_int(w->b, r->u.sort.offset + r->u.sort.limit)};
    rc = r->u.sort.offset ? bind_call_named(w->b, &none, ">", lo, 2, &cond, err) : 0;
    if (!rc && r->u.sort.limit >= 0) {
        rc = bind_call_named(w->b, &none, "<=", hi, 2, &c, err);
        if (!rc) cond = expr_and(a, cond, c);
    }
    if (rc) return rc;
    int *cols = ARENA_NEW_N(a, int, in->schema->n + 1);
    for (int i = 0; i < in->schema->n; i++)
        cols[i] = i;
    *ret = rel_columns(a, rel_filter(a, o, cond), cols, in->schema->n);
    return 0;
}

static int take(struct work *w, const struct rel *r, const struct rel **ret,
                const struct expr **pred, struct err *err) {
    if (!rel_is_correlated(r)) {
        *ret = r;
        return 0;
    }
    switch (r->kind) {
    case REL_FILTER:
        return filter(w, r, ret, pred, err);
    case REL_PROJECT:
        return project(w, r, ret, pred, err);
    case REL_JOIN:
        return join(w, r, ret, pred, err);
    case REL_AGGREGATE:
        if (!r->u.agg.n_keys) return refuse(w, "with an aggregate below other clauses", err);
        return aggregate(w, r, ret, pred, err);
    case REL_WINDOW:
        return window(w, r, ret, pred, err);
    case REL_SORT:
        return limit(w, r, ret, pred, err);
    case REL_CORRELATE:
        return refuse(w, "with UNNEST or a table function of the enclosing query's columns", err);
    case REL_OVER:
        return refuse(w, "with window functions (OVER)", err);
    case REL_UNION:
    case REL_SETOP:
        return refuse(w, "with UNION, INTERSECT or EXCEPT", err);
    default:
        return refuse(w, "of this form", err);
    }
}

int decorrelate(struct binder *b, const struct rel *r, const struct rel **ret_rel,
                const struct expr **ret_pred, const struct ast_span *at, struct err *err) {
    struct work w = {b, at};
    const struct expr *pred = NULL;
    int rc = take(&w, r, ret_rel, &pred, err);
    if (rc) return rc;
    *ret_pred = pred;
    return 0;
}

int decorrelate_global(struct binder *b, const struct rel *agg, const struct rel **ret_rel,
                       const struct expr **ret_pred, const struct ast_span *at, struct err *err) {
    struct work w = {b, at};
    const struct expr *pred = NULL;
    int rc = aggregate(&w, agg, ret_rel, &pred, err);
    if (rc) return rc;
    *ret_pred = pred;
    return 0;
}
