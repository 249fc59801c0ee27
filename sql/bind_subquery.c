/* bind_subquery.c - subqueries in expressions: semi and anti joins where a condition needs no more
 * than that, else a join that adds the value as a column. */
#include "sql/bind_select.h"

#include <string.h>

/* ---- binding ---- */

static void add_subquery(struct select *sel, const struct subquery *s) {
    if (sel->n_subqueries == sel->cap_subqueries) {
        int cap = sel->cap_subqueries ? sel->cap_subqueries * 2 : 8;
        struct subquery *all = ARENA_NEW_N(sel->b->a, struct subquery, cap);
        if (sel->n_subqueries)
            memcpy(all, sel->subqueries, sizeof(*all) * (size_t)sel->n_subqueries);
        sel->subqueries = all;
        sel->cap_subqueries = cap;
    }
    sel->subqueries[sel->n_subqueries++] = *s;
}

/* The left side of IN: one value, or as many as a row has. */
static int left_side(struct expr_place *p, const struct ast *value, struct subquery *s,
                     struct err *err) {
    const struct ast_list one = {(struct ast **)&value, 1};
    const struct ast_list *list = value->kind == AST_ROW ? &AST_TO(row, value)->args : &one;
    int rc = bind_exprs(p, list, &s->lefts, err);
    if (rc) return rc;
    s->n_left = (int)list->n;
    if (s->n_left != s->rel->schema->n)
        return invalid(&value->span, err, "%d value%s compared with a subquery of %d columns",
                       s->n_left, s->n_left == 1 ? "" : "s", s->rel->schema->n);
    return 0;
}

/* NULL, if comparing lefts with the subquery's columns can't be unknown. */
static bool comparison_nullable(const struct subquery *s) {
    for (int i = 0; i < s->n_left; i++)
        if (s->lefts[i]->type->nullable || s->rel->schema->fields[i].type->nullable) return true;
    return false;
}

/* What kind the node is, its query, and the value that stands in front of it, if any. */
static void classify(const struct ast *node, struct subquery *s, const struct ast_query **ret_query,
                     const struct ast **ret_value) {
    *ret_value = NULL;
    s->at = node;
    switch (node->kind) {
    case AST_SUBQUERY:
        s->kind = SUBQUERY_SCALAR;
        *ret_query = AST_TO(subquery, node)->query;
        return;
    case AST_EXISTS:
        s->kind = SUBQUERY_EXISTS;
        *ret_query = AST_TO(exists, node)->query;
        return;
    case AST_IN:
        s->kind = SUBQUERY_IN;
        s->negated = AST_TO(in, node)->negated;
        *ret_query = AST_TO(in, node)->query;
        *ret_value = AST_TO(in, node)->value;
        return;
    default: {
        const struct ast_quantified *q = AST_TO(quantified, node);
        s->kind = SUBQUERY_QUANTIFIED;
        s->op = ast_op_text(q->op);
        s->all = q->all;
        *ret_query = q->query;
        *ret_value = q->value;
        if (q->op == AST_OP_EQ && !q->all) s->kind = SUBQUERY_IN;
        if (q->op == AST_OP_NE && q->all) {
            s->kind = SUBQUERY_IN;
            s->negated = true;
        }
    }
    }
}

static const struct rel *strip_projection(const struct rel *r) {
    while (r->kind == REL_PROJECT ||
           (r->kind == REL_SORT && r->u.sort.limit != 0 && !r->u.sort.offset))
        r = r->inputs[0];
    return r;
}

int select_add_subquery(struct expr_place *p, const struct ast *node, const struct expr **ret,
                        struct err *err) {
    struct subquery s = {0};
    const struct ast_query *query;
    const struct ast *value;
    if (node->kind == AST_EXISTS && AST_TO(exists, node)->unique)
        return unsupported(&node->span, err, "UNIQUE (query)");
    classify(node, &s, &query, &value);
    p->b->null_ok = s.kind == SUBQUERY_EXISTS;
    int rc = bind_query(p->b, query, p->scope, &s.rel, err);
    p->b->null_ok = false;
    if (!rc && value) rc = left_side(p, value, &s, err);
    if (rc) return rc;
    const struct type *t = type_of_not_null(TYPE_BOOLEAN);
    if (s.kind == SUBQUERY_SCALAR) {
        if (s.rel->schema->n != 1)
            return invalid(&node->span, err,
                           "a subquery used as a value must have one column, not %d",
                           s.rel->schema->n);
        t = type_with_time_attr(
            p->b->a, type_with_null(p->b->a, s.rel->schema->fields[0].type, true), TIME_ATTR_NONE);
    } else if (s.kind == SUBQUERY_EXISTS) {
        s.rel = strip_projection(s.rel);
    } else if (comparison_nullable(&s)) {
        t = type_of(TYPE_BOOLEAN);
    }
    add_subquery(p->sel, &s);
    *ret = expr_at(expr_column(p->b->a, VCOL_SUBQUERY + p->sel->n_subqueries - 1, t), node);
    return 0;
}

/* ---- join conditions ---- */

struct outer_map {
    struct select *sel;
    int n_left; /* columns of the plan in front of the subquery's */
};

/* Outer columns become the plan's, the subquery's move behind them. */
static int map_join(void *self, const struct expr *e, const struct expr **ret, struct err *err) {
    struct outer_map *m = self;
    struct arena *a = m->sel->b->a;
    if (e->kind == EXPR_COLUMN) {
        *ret = expr_column(a, e->column + m->n_left, e->type);
        return 1;
    }
    if (e->kind != EXPR_OUTER) return 0;
    struct expr *c = (struct expr *)expr_column(a, e->column, e->type);
    c->line = e->line;
    c->col = e->col;
    int rc = select_map(m->sel, c, ret, err);
    return rc ? rc : 1;
}

static int join_predicate(struct select *sel, const struct expr *pred, const struct expr **ret,
                          struct err *err) {
    *ret = NULL;
    if (!pred) return 0;
    struct outer_map m = {sel, sel->rel->schema->n};
    return expr_transform(sel->b->a, pred, map_join, &m, ret, err);
}

/* left[i] op column i, with what is unknown counting as a match where null_aware says so. */
static int compare(struct select *sel, const struct subquery *s, const struct rel *right,
                   const char *op, bool negate, bool null_aware, const struct expr **ret,
                   struct err *err) {
    struct binder *b = sel->b;
    const struct expr *all = NULL;
    int n_left = sel->rel->schema->n;
    for (int i = 0; i < s->n_left; i++) {
        const struct expr *args[2], *e, *either[3];
        int rc = select_map(sel, s->lefts[i], &args[0], err);
        if (rc) return rc;
        args[1] = expr_column(b->a, n_left + i, right->schema->fields[i].type);
        rc = bind_call_named(b, s->at, op, args, 2, &e, err);
        if (!rc && negate) rc = bind_call_named(b, s->at, "NOT", &e, 1, &e, err);
        int n = 0;
        either[n++] = e;
        for (int k = 0; !rc && null_aware && k < 2; k++)
            if (args[k]->type->nullable)
                rc = bind_call_named(b, s->at, "IS NULL", &args[k], 1, &either[n++], err);
        if (!rc && n > 1) rc = bind_call_named(b, s->at, "OR", either, n, &e, err);
        if (rc) return rc;
        all = expr_and(b->a, all, e);
    }
    *ret = all;
    return 0;
}

/* EXISTS, IN, ANY, ALL as a condition: rows stay if it is TRUE (negate: if it is FALSE). */
static int semi_join(struct select *sel, struct subquery *s, bool negate, struct err *err) {
    struct binder *b = sel->b;
    const struct rel *right;
    const struct expr *pred, *on, *cmp = NULL;
    int rc = decorrelate(b, s->rel, &right, &pred, &s->at->span, err);
    if (!rc) rc = join_predicate(sel, pred, &on, err);
    if (rc) return rc;
    bool anti = negate ^ s->negated, null_aware = false;
    if (s->kind == SUBQUERY_IN) {
        null_aware = anti && comparison_nullable(s);
        rc = compare(sel, s, right, "=", false, null_aware, &cmp, err);
    } else if (s->kind == SUBQUERY_QUANTIFIED) {
        anti = s->all ^ negate;
        null_aware = anti && comparison_nullable(s);
        rc = compare(sel, s, right, s->op, s->all, null_aware, &cmp, err);
    }
    if (rc) return rc;
    struct rel *j = (struct rel *)rel_join_of(b->a, anti ? JOIN_ANTI : JOIN_SEMI, sel->rel, right,
                                              expr_and(b->a, cmp, on));
    j->u.join.null_aware = null_aware;
    j->line = s->at->span.line;
    j->column = s->at->span.column;
    j->n_hints = sel->n_hints;
    j->hints = sel->hints;
    sel->rel = j;
    return 0;
}

/* ---- values ---- */

/* Joins right to the plan; its columns come behind. */
static void attach(struct select *sel, const struct subquery *s, enum join_type type,
                   const struct rel *right, const struct expr *on) {
    struct rel *j = (struct rel *)rel_join_of(sel->b->a, type, sel->rel, right, on);
    j->line = s->at->span.line;
    j->column = s->at->span.column;
    sel->rel = j;
}

/* An aggregate of `in` by its columns keys[0..n_keys): one call of fn over column arg (-1: none).
 */
static int simple_agg(struct binder *b, const struct rel *in, const int *keys, int n_keys,
                      const char *fn, int arg, const struct ast *at, const struct rel **ret,
                      struct err *err) {
    struct arena *a = b->a;
    const struct agg *g = fn ? agg_find(fn) : NULL;
    struct rel_agg *call = ARENA_NEW(a, struct rel_agg);
    if (fn) {
        if (!g) return unsupported(&at->span, err, "the aggregate %s", fn);
        const struct expr *args[AGG_ARGS_MAX] = {arg >= 0 ? column_of(a, in, arg) : NULL};
        int rc = agg_bind(a, g, args, arg >= 0, false, false, n_keys > 0, &call->call, err);
        if (rc) return err_at(err, rc, &at->span);
        call->args[0] = arg;
        call->filter = -1;
    }
    const struct schema *s = schema_new(a, n_keys + (fn ? 1 : 0));
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n_keys; i++)
        f[i] = in->schema->fields[keys[i]];
    if (fn) f[n_keys] = (struct field){"$value", call->call.ret_type};
    struct rel *r = rel_new(a, REL_AGGREGATE, s, &in, 1);
    r->u.agg.n_keys = n_keys;
    if (n_keys) r->u.agg.keys = arena_dup(a, keys, sizeof(int) * (size_t)n_keys);
    r->u.agg.n_aggs = fn ? 1 : 0;
    r->u.agg.aggs = call;
    *ret = r;
    return 0;
}

static bool is_global_agg(const struct rel *r) {
    return r->kind == REL_AGGREGATE && !r->u.agg.n_keys && !r->u.agg.n_sets && !r->u.agg.legacy.on;
}

/* Exactly one row, whatever the input. */
static bool is_one_row(const struct rel *r) {
    while (r->kind == REL_PROJECT)
        r = r->inputs[0];
    return is_global_agg(r) || (r->kind == REL_VALUES && r->u.values.n_rows == 1);
}

struct late { /* the subquery's projection, computed behind the join */
    struct select *sel;
    const struct rel *agg;
    int base;
    struct err *err;
};

/* Aggregate columns of a group that has no rows: COUNT is 0, everything else NULL. */
static int map_late(void *self, const struct expr *e, const struct expr **ret, struct err *err) {
    struct late *l = self;
    if (e->kind == EXPR_OUTER) return map_join(&(struct outer_map){l->sel, 0}, e, ret, err);
    if (e->kind != EXPR_COLUMN) return 0;
    struct arena *a = l->sel->b->a;
    const struct expr *c = column_of(a, l->sel->rel, l->base + e->column);
    const struct agg_call *call = &l->agg->u.agg.aggs[e->column].call;
    if (call->ret_type->nullable || strcmp(call->agg->name, "COUNT") != 0) {
        *ret = c;
        return 1;
    }
    const struct expr *args[] = {c, expr_literal(a, value_int(a, call->ret_type, 0))};
    int rc = func_call_name(a, "COALESCE", args, 2, ret, err);
    return rc ? rc : 1;
}

/* (SELECT f(aggregates) FROM ... WHERE inner = outer): join the groups, compute f behind. */
static int correlated_agg(struct select *sel, struct subquery *s, const struct expr *value,
                          const struct rel *agg, struct err *err) {
    const struct rel *right;
    const struct expr *pred, *on;
    int rc = decorrelate_global(sel->b, agg, &right, &pred, &s->at->span, err);
    if (!rc) rc = join_predicate(sel, pred, &on, err);
    if (rc) return rc;
    struct late l = {.sel = sel, .agg = agg, .base = sel->rel->schema->n};
    attach(sel, s, JOIN_LEFT, right, on);
    return expr_transform(sel->b->a, value, map_late, &l, &s->value, err);
}

static int correlated_scalar(struct select *sel, struct subquery *s, struct err *err) {
    struct binder *b = sel->b;
    const struct rel *r = s->rel;
    if (is_global_agg(r)) return correlated_agg(sel, s, column_of(b->a, r, 0), r, err);
    if (r->kind == REL_PROJECT && is_global_agg(r->inputs[0]))
        return correlated_agg(sel, s, r->u.project.exprs[0], r->inputs[0], err);
    const struct rel *right;
    const struct expr *pred, *on;
    int rc = decorrelate(b, r, &right, &pred, &s->at->span, err);
    if (rc) return rc;
    int n = right->schema->n - 1, *keys = ARENA_NEW_N(b->a, int, n + 1), *map;
    map = ARENA_NEW_N(b->a, int, n + 2);
    for (int i = 0; i < n; i++)
        keys[i] = i + 1;
    map[0] = n; /* the value goes behind the keys */
    for (int i = 0; i < n; i++)
        map[i + 1] = i;
    rc = simple_agg(b, right, keys, n, "$SINGLE_VALUE", 0, s->at, &right, err);
    if (!rc && pred) pred = expr_remap(b->a, pred, map, n + 1);
    if (!rc) rc = join_predicate(sel, pred, &on, err);
    if (rc) return rc;
    int at = sel->rel->schema->n + n;
    attach(sel, s, JOIN_LEFT, right, on);
    s->value = column_of(b->a, sel->rel, at);
    return 0;
}

static int attach_scalar(struct select *sel, struct subquery *s, struct err *err) {
    if (rel_is_correlated(s->rel)) return correlated_scalar(sel, s, err);
    const struct rel *right = s->rel;
    if (!is_one_row(right)) {
        int rc = simple_agg(sel->b, right, NULL, 0, "$SINGLE_VALUE", 0, s->at, &right, err);
        if (rc) return rc;
    }
    int at = sel->rel->schema->n;
    attach(sel, s, JOIN_LEFT, right, NULL);
    s->value = column_of(sel->b->a, sel->rel, at);
    return 0;
}

/* All columns of `in` and TRUE behind them, each combination once. */
static int marked(struct binder *b, const struct rel *in, const struct ast *at,
                  const struct rel **ret, struct err *err) {
    int n = in->schema->n, *keys = ARENA_NEW_N(b->a, int, n + 1);
    for (int i = 0; i < n; i++)
        keys[i] = i;
    const struct rel *d;
    int rc = simple_agg(b, in, keys, n, NULL, -1, at, &d, err);
    if (rc) return rc;
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, n + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        exprs[i] = column_of(b->a, d, i);
        names[i] = d->schema->fields[i].name;
    }
    exprs[n] = bind_bool(b, true);
    names[n] = "$mark";
    *ret = rel_project(b->a, d, exprs, names, n + 1);
    return 0;
}

/* COUNT(*) of the subquery (arg -1) or of its column, as a column of the plan that is 0 also while
 * a stream has not given a row. */
static int attach_count(struct select *sel, struct subquery *s, int arg, const struct expr **ret,
                        struct err *err) {
    struct binder *b = sel->b;
    const struct rel *right;
    int rc = simple_agg(b, s->rel, NULL, 0, "COUNT", arg, s->at, &right, err);
    if (rc) return rc;
    int at = sel->rel->schema->n;
    attach(sel, s, JOIN_LEFT, right, NULL);
    const struct expr *zero = expr_literal(b->a, value_int(b->a, type_of_not_null(TYPE_BIGINT), 0));
    const struct expr *args[] = {column_of(b->a, sel->rel, at), zero};
    return bind_call_named(b, s->at, "COALESCE", args, 2, ret, err);
}

static int count_rows(struct select *sel, struct subquery *s, struct err *err) {
    const struct expr *args[] = {NULL, bind_int(sel->b, 0)};
    int rc = attach_count(sel, s, -1, &args[0], err);
    return rc ? rc : bind_call_named(sel->b, s->at, ">", args, 2, &s->value, err);
}

struct used_columns {
    int n, *cols, *map; /* map: -1 = not used */
};

static void use_column(void *self, int column) {
    struct used_columns *u = self;
    if (u->map[column] >= 0) return;
    u->map[column] = u->n;
    u->cols[u->n++] = column;
}

/* EXISTS as a value: the columns that the condition compares, each combination once. */
static int attach_exists(struct select *sel, struct subquery *s, struct err *err) {
    struct binder *b = sel->b;
    if (!rel_is_correlated(s->rel)) return count_rows(sel, s, err);
    const struct rel *right;
    const struct expr *pred, *on;
    int rc = decorrelate(b, s->rel, &right, &pred, &s->at->span, err);
    if (rc) return rc;
    enum { CAP = 64 };
    const struct expr *list[CAP];
    int n = expr_conjuncts(pred, list, CAP);
    bool equal = n <= CAP;
    for (int i = 0; equal && i < n; i++)
        equal = list[i]->kind == EXPR_CALL && !strcmp(list[i]->func->name, "=");
    if (!equal)
        return unsupported(&s->at->span, err,
                           "EXISTS within OR, NOT or a value, correlated by more than column = "
                           "outer column");
    int n_right = right->schema->n;
    struct used_columns u = {.map = ARENA_NEW_N(b->a, int, n_right + 1),
                             .cols = ARENA_NEW_N(b->a, int, n_right + 1)};
    memset(u.map, -1, sizeof(int) * (size_t)n_right);
    expr_visit_columns(pred, use_column, &u);
    right = rel_columns(b->a, right, u.cols, u.n);
    pred = expr_remap(b->a, pred, u.map, n_right);
    rc = marked(b, right, s->at, &right, err);
    if (!rc) rc = join_predicate(sel, pred, &on, err);
    if (rc) return rc;
    int at = sel->rel->schema->n + right->schema->n - 1;
    attach(sel, s, JOIN_LEFT, right, on);
    const struct expr *mark = column_of(b->a, sel->rel, at);
    return bind_call_named(b, s->at, "IS NOT NULL", &mark, 1, &s->value, err);
}

/* x IN (query) as a value, three-valued: no rows FALSE, x NULL unknown, a match TRUE, a NULL among
 * the rows unknown, else FALSE. */
static int attach_in(struct select *sel, struct subquery *s, struct err *err) {
    struct binder *b = sel->b;
    if (s->n_left != 1 || rel_is_correlated(s->rel))
        return unsupported(&s->at->span, err,
                           "IN (query) within OR, NOT or a value, when it is "
                           "%s",
                           s->n_left != 1 ? "of several columns" : "correlated");
    bool nullable = comparison_nullable(s);
    const struct expr *rows = NULL, *known = NULL, *on, *x;
    /* How many rows, and how many without NULL: decides between FALSE and unknown. */
    int rc = nullable ? attach_count(sel, s, -1, &rows, err) : 0;
    if (!rc && nullable) rc = attach_count(sel, s, 0, &known, err);
    const struct rel *right;
    if (!rc) rc = marked(b, s->rel, s->at, &right, err);
    if (!rc) rc = compare(sel, s, right, "=", false, false, &on, err);
    if (rc) return rc;
    int at = sel->rel->schema->n + 1;
    attach(sel, s, JOIN_LEFT, right, on);
    const struct expr *mark = column_of(b->a, sel->rel, at), *found, *v;
    rc = bind_call_named(b, s->at, "IS NOT NULL", &mark, 1, &found, err);
    if (!rc && nullable) {
        const struct expr *none = NULL, *unknown = NULL, *missing = NULL;
        const struct expr *null = expr_literal(b->a, value_null(b->a, type_of(TYPE_BOOLEAN)));
        rc = select_map(sel, s->lefts[0], &x, err);
        if (!rc)
            rc = bind_call_named(b, s->at, "=", (const struct expr *[]){rows, bind_int(b, 0)}, 2,
                                 &none, err);
        if (!rc) rc = bind_call_named(b, s->at, "IS NULL", &x, 1, &unknown, err);
        if (!rc)
            rc = bind_call_named(b, s->at, "<", (const struct expr *[]){known, rows}, 2, &missing,
                                 err);
        const struct expr *cs[] = {
            none, bind_bool(b, false), unknown, null, found, bind_bool(b, true), missing,
            null, bind_bool(b, false)};
        if (!rc) rc = bind_call_named(b, s->at, "CASE", cs, 9, &found, err);
    }
    v = found;
    if (!rc && s->negated) rc = bind_call_named(b, s->at, "NOT", &found, 1, &v, err);
    s->value = v;
    return rc;
}

static int attach_value(struct select *sel, struct subquery *s, struct err *err) {
    switch (s->kind) {
    case SUBQUERY_SCALAR:
        return attach_scalar(sel, s, err);
    case SUBQUERY_EXISTS:
        return attach_exists(sel, s, err);
    case SUBQUERY_IN:
        for (int i = 0; i < s->n_left; i++) {
            int rc = select_attach(sel, s->lefts[i], err);
            if (rc) return rc;
        }
        return attach_in(sel, s, err);
    case SUBQUERY_QUANTIFIED:
        return unsupported(&s->at->span, err, "%s %s (query) other than as a condition of its own",
                           s->op, s->all ? "ALL" : "ANY");
    }
    return 0;
}

int select_attach(struct select *sel, const struct expr *e, struct err *err) {
    if (e->kind == EXPR_COLUMN && vcol_is(e->column, VCOL_SUBQUERY)) {
        struct subquery *s = &sel->subqueries[e->column - VCOL_SUBQUERY];
        return s->value ? 0 : attach_value(sel, s, err);
    }
    for (int i = 0; i < e->n_args; i++) {
        int rc = select_attach(sel, e->args[i], err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- conditions ---- */

/* The subquery that a conjunct is, or is the negation of; NULL. */
static struct subquery *as_semi_join(struct select *sel, const struct expr *e, bool *ret_negate) {
    *ret_negate = false;
    if (e->kind == EXPR_CALL && !strcmp(e->func->name, "NOT")) {
        *ret_negate = true;
        e = e->args[0];
    }
    if (e->kind != EXPR_COLUMN || !vcol_is(e->column, VCOL_SUBQUERY)) return NULL;
    struct subquery *s = &sel->subqueries[e->column - VCOL_SUBQUERY];
    return s->kind == SUBQUERY_SCALAR || s->value ? NULL : s;
}

static int filter_by(struct select *sel, const struct expr *predicate, const struct ast *at,
                     struct err *err) {
    int rc = select_attach(sel, predicate, err);
    if (!rc) rc = select_map(sel, predicate, &predicate, err);
    if (rc) return rc;
    struct rel *f = (struct rel *)rel_filter(sel->b->a, sel->rel, predicate);
    f->line = at->span.line;
    f->column = at->span.column;
    sel->rel = f;
    return 0;
}

static bool uses_subquery(const struct expr *e) {
    if (e->kind == EXPR_COLUMN) return vcol_is(e->column, VCOL_SUBQUERY);
    for (int i = 0; i < e->n_args; i++)
        if (uses_subquery(e->args[i])) return true;
    return false;
}

/* First what needs no subquery, so that fewer rows are joined to them. */
int select_filter(struct select *sel, const struct expr *predicate, const struct ast *at,
                  struct err *err) {
    enum { CAP = 256 };
    const struct expr *list[CAP], *plain = NULL, *joined = NULL;
    int n = expr_conjuncts(predicate, list, CAP);
    if (n > CAP) return filter_by(sel, predicate, at, err);
    bool negate;
    for (int i = 0; i < n; i++) {
        if (as_semi_join(sel, list[i], &negate)) continue;
        if (uses_subquery(list[i]))
            joined = expr_and(sel->b->a, joined, list[i]);
        else
            plain = expr_and(sel->b->a, plain, list[i]);
    }
    int rc = plain ? filter_by(sel, plain, at, err) : 0;
    if (!rc && joined) rc = filter_by(sel, joined, at, err);
    for (int i = 0; !rc && i < n; i++) {
        struct subquery *s = as_semi_join(sel, list[i], &negate);
        for (int k = 0; s && !rc && k < s->n_left; k++)
            rc = select_attach(sel, s->lefts[k], err);
        if (s && !rc) rc = semi_join(sel, s, negate, err);
    }
    return rc;
}
