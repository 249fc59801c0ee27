/* bind_over.c - OVER: window functions and aggregates over a window of the row. */
#include "sql/bind_select.h"

#include <string.h>
#include <strings.h>

static const char *const rank_fns[] = {"CUME_DIST", "DENSE_RANK",   "LAG",  "LEAD",
                                       "NTILE",     "PERCENT_RANK", "RANK", "ROW_NUMBER"};

static const char *rank_fn(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(rank_fns); i++)
        if (!strcasecmp(rank_fns[i], name)) return rank_fns[i];
    return NULL;
}

/* OVER w, OVER (w ...): the definition with what it refers to filled in. */
static int resolve_window(struct expr_place *p, const struct ast_window *w, struct ast_window *ret,
                          struct err *err) {
    *ret = *w;
    if (!w->ref) return 0;
    const struct ast_select *s = p->sel->ast;
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < s->n_windows; i++) {
        const struct ast_window *d = s->windows[i];
        if (n < ARRAY_LEN(names)) names[n++] = d->name->text;
        if (strcmp(d->name->text, w->ref->text) != 0) continue;
        struct ast_window base;
        struct ast_window def = *d;
        if (d->ref && !strcmp(d->ref->text, d->name->text))
            return invalid(&d->base.span, err, "window '%s' refers to itself", d->name->text);
        int rc = resolve_window(p, &def, &base, err);
        if (rc) return rc;
        if (w->bare) {
            *ret = base;
            return 0;
        }
        if (w->partition_by.n)
            return invalid(&w->base.span, err, "PARTITION BY can't be added to window '%s'",
                           w->ref->text);
        if (w->order_by.n && base.order_by.n)
            return invalid(&w->base.span, err, "window '%s' has an ORDER BY already", w->ref->text);
        ret->partition_by = base.partition_by;
        if (!w->order_by.n) ret->order_by = base.order_by;
        if (w->frame == AST_FRAME_NONE) {
            ret->frame = base.frame;
            ret->frame_between = base.frame_between;
            ret->low = base.low;
            ret->high = base.high;
        }
        return 0;
    }
    const char *near = str_nearest(w->ref->text, names, n);
    return invalid(&w->ref->span, err, "window '%s' not found%s%s%s", w->ref->text,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool is_number(const struct ast *node) {
    return node->kind == AST_LITERAL && AST_TO(literal, node)->lit == AST_LIT_EXACT;
}

/* One bound: how far behind (PRECEDING) the current row; negative: in front. */
static int bound(struct expr_place *p, const struct ast_bound *bd, bool rows, int64_t *ret,
                 struct err *err) {
    struct expr_place cp = {.b = p->b, .clause = "the frame of OVER"};
    int64_t v = 0;
    int rc = 0;
    switch (bd->kind) {
    case AST_UNBOUNDED_PRECEDING:
        *ret = FRAME_UNBOUNDED;
        return 0;
    case AST_UNBOUNDED_FOLLOWING:
        *ret = -FRAME_UNBOUNDED;
        return 0;
    case AST_CURRENT_ROW:
        *ret = 0;
        return 0;
    case AST_PRECEDING:
    case AST_FOLLOWING:
        if (rows || is_number(bd->offset))
            rc = bind_const_int(&cp, bd->offset, "a frame's number of rows", &v, err);
        else
            rc = bind_interval_ms(&cp, bd->offset, "the range of a frame", &v, err);
        if (!rc && v < 0)
            rc = invalid(&bd->offset->span, err, "a frame's bound must not be negative");
        *ret = bd->kind == AST_PRECEDING ? v : -v;
        return rc;
    }
    return 0;
}

static int frame(struct expr_place *p, const struct ast_window *w, struct over_item *o,
                 struct err *err) {
    bool ranking = o->call.rank_fn != NULL;
    o->rows = w->frame == AST_FRAME_ROWS ||
              (ranking && !strcmp(o->call.rank_fn, "ROW_NUMBER")); /* as Calcite frames them */
    o->preceding = FRAME_UNBOUNDED;
    o->following = w->order_by.n || ranking ? 0 : FRAME_UNBOUNDED;
    if (w->exclude_given && w->exclude != AST_EXCLUDE_NO_OTHERS)
        return unsupported(&w->base.span, err, "EXCLUDE in a frame");
    if (w->disallow_partial) return unsupported(&w->base.span, err, "DISALLOW PARTIAL");
    if (w->frame == AST_FRAME_NONE) return 0;
    if (ranking)
        return invalid(&w->base.span, err, "ROWS and RANGE are not allowed with %s",
                       o->call.rank_fn);
    int64_t low, high = 0;
    int rc = bound(p, &w->low, o->rows, &low, err);
    if (!rc && w->frame_between) rc = bound(p, &w->high, o->rows, &high, err);
    if (rc) return rc;
    if (low == -FRAME_UNBOUNDED)
        return invalid(&w->base.span, err, "UNBOUNDED FOLLOWING can't be a frame's lower bound");
    if (high == FRAME_UNBOUNDED)
        return invalid(&w->base.span, err, "UNBOUNDED PRECEDING can't be a frame's upper bound");
    if (low < high)
        return invalid(&w->base.span, err,
                       "a frame's lower bound must not be behind its upper one");
    if (!o->rows && !w->order_by.n &&
        (low != FRAME_UNBOUNDED || (high != 0 && high != -FRAME_UNBOUNDED)))
        return invalid(&w->base.span, err, "RANGE with an offset needs ORDER BY");
    if (!o->rows && w->order_by.n != 1 &&
        ((low != FRAME_UNBOUNDED && low != 0) || (high != 0 && high != -FRAME_UNBOUNDED)))
        return invalid(&w->base.span, err, "RANGE with an offset needs ORDER BY of one column");
    o->preceding = low;
    o->following = -high;
    if (high == -FRAME_UNBOUNDED) o->following = FRAME_UNBOUNDED;
    return 0;
}

/* RANGE offsets: INTERVAL over time, numbers over integers. */
static int check_range(struct binder *b, const struct over_item *o, const struct ast_window *w,
                       struct err *err) {
    bool offset = (o->preceding != FRAME_UNBOUNDED && o->preceding) ||
                  (o->following != FRAME_UNBOUNDED && o->following);
    if (o->rows || !offset) return 0;
    const struct ast_bound *bd = w->low.offset ? &w->low : &w->high;
    bool number = is_number(bd->offset);
    const struct type *t = o->order[0]->type;
    bool time = type_is_timestamp(t) || t->kind == TYPE_DATE || t->kind == TYPE_TIME;
    if (number ? type_is_int(t) : time) return 0;
    if (number && type_is_numeric(t))
        return unsupported(&w->base.span, err, "RANGE with an offset over %s", type_name(b, t));
    return invalid(&w->base.span, err,
                   "RANGE with %s doesn't fit ORDER BY of type %s: use an INTERVAL over time, a "
                   "whole number over integers",
                   number ? "a number" : "an interval", type_name(b, t));
}

/* ---- the calls ---- */

static int rank_type(struct expr_place *p, const struct ast_call *c, struct over_item *o,
                     struct err *err) {
    const char *fn = o->call.rank_fn;
    size_t n = c->args.n;
    bool value = !strcmp(fn, "LAG") || !strcmp(fn, "LEAD"), ntile = !strcmp(fn, "NTILE");
    size_t min = value || ntile, max = value ? 3 : min;
    if (n < min || n > max)
        return invalid(&c->base.span, err,
                       "invalid number of arguments to %s: expected %zu%s, got "
                       "%zu",
                       fn, min, max > min ? " to 3" : "", n);
    o->call.type = type_of_not_null(TYPE_BIGINT);
    if (!strcmp(fn, "PERCENT_RANK") || !strcmp(fn, "CUME_DIST"))
        o->call.type = type_of_not_null(TYPE_DOUBLE);
    if (ntile) {
        int rc = bind_const_int(p, c->args.items[0], "NTILE's number", &o->call.offset, err);
        if (rc) return rc;
        if (o->call.offset < 1)
            return invalid(&c->args.items[0]->span, err, "NTILE's number must be positive");
    }
    if (!value) return 0;
    o->call.offset = 1;
    int rc = n > 1 ? bind_const_int(p, c->args.items[1], "the offset", &o->call.offset, err) : 0;
    if (rc) return rc;
    if (o->call.offset < 0)
        return invalid(&c->args.items[1]->span, err, "the offset of %s must not be negative", fn);
    const struct type *t = o->arg_exprs[0]->type;
    bool nullable = true;
    if (n > 2) {
        const struct expr **d = &o->arg_exprs[1];
        const struct type *both[] = {t, (*d)->type};
        const struct type *m = type_least_restrictive(p->b->a, both, 2);
        if (!m)
            return invalid(&c->args.items[2]->span, err,
                           "the default of %s is of type %s, its value of type %s", fn,
                           type_name(p->b, (*d)->type), type_name(p->b, t));
        nullable = t->nullable || (*d)->type->nullable;
        rc = bind_cast_to(p->b, c->args.items[2], *d, t, false, d, err);
        if (rc) return rc;
    }
    o->call.n_args = n > 2 ? 2 : 1;
    o->call.type =
        type_with_time_attr(p->b->a, type_with_null(p->b->a, t, nullable), TIME_ATTR_NONE);
    return 0;
}

static int ranking(struct expr_place *p, struct expr_place *in, const struct ast_call *c,
                   struct over_item *o, struct err *err) {
    if (c->quant == AST_QUANT_DISTINCT || c->filter)
        return invalid(&c->base.span, err, "%s takes neither DISTINCT nor FILTER", o->call.rank_fn);
    bool value = !strcmp(o->call.rank_fn, "LAG") || !strcmp(o->call.rank_fn, "LEAD");
    if (value && c->args.n) {
        int rc = bind_expr(in, c->args.items[0], &o->arg_exprs[0], err);
        if (!rc && c->args.n > 2) rc = bind_expr(in, c->args.items[2], &o->arg_exprs[1], err);
        if (rc) return rc;
    }
    return rank_type(p, c, o, err);
}

/* An aggregate; FILTER (WHERE f) becomes CASE WHEN f THEN argument END. */
static int aggregate(struct expr_place *in, const struct ast_call *c, struct over_item *o,
                     struct err *err) {
    struct binder *b = in->b;
    const char *name = c->name->parts.items[c->name->parts.n - 1].text;
    const struct agg *g = bind_agg_named(b, c);
    if (!g) return invalid(&c->base.span, err, "%s is no window or aggregate function", name);
    const struct expr **args = ARENA_NEW_N(b->a, const struct expr *, AGG_ARGS_MAX), *f = NULL;
    int n = 0, rc = 0;
    bool star = c->args.n == 1 && c->args.items[0]->kind == AST_IDENT &&
                AST_TO(ident, c->args.items[0])->star;
    if (star && strcasecmp(name, "COUNT") != 0)
        return invalid(&c->base.span, err, "%s(*): only COUNT takes *", name);
    for (size_t i = 0; !star && i < c->args.n; i++) {
        if (n >= AGG_ARGS_MAX)
            return invalid(&c->base.span, err, "%s takes at most %d arguments", name, AGG_ARGS_MAX);
        rc = bind_expr(in, c->args.items[i], &args[n++], err);
        if (rc) return rc;
    }
    if (c->order_by.n) return unsupported(&c->base.span, err, "ORDER BY within %s OVER", name);
    if (c->filter) {
        struct expr_place fp = *in;
        fp.clause = "FILTER clause";
        rc = bind_condition(&fp, c->filter, &f, err);
        if (rc) return rc;
        if (!n) args[n++] = bind_bool(b, true);
        const struct expr *cs[] = {f, args[0],
                                   expr_literal(b->a, value_null(b->a, type_of(TYPE_NULL)))};
        rc = bind_call_named(b, &c->base, "CASE", cs, 3, &args[0], err);
        if (rc) return rc;
    }
    rc =
        agg_bind(b->a, g, args, n, c->quant == AST_QUANT_DISTINCT, false, true, &o->call.call, err);
    if (rc) return err_at(err, rc, &c->base.span);
    o->call.n_args = o->call.call.n_args;
    memcpy(o->arg_exprs, args, sizeof(*args) * (size_t)o->call.n_args);
    o->call.type = o->call.call.ret_type;
    return 0;
}

static int order_and_partition(struct expr_place *in, const struct ast_window *w,
                               struct over_item *o, struct err *err) {
    int rc = bind_exprs(in, &w->partition_by, &o->partition, err);
    if (rc) return rc;
    o->n_partition = (int)w->partition_by.n;
    o->n_order = (int)w->order_by.n;
    o->order = ARENA_NEW_N(in->b->a, const struct expr *, o->n_order + 1);
    struct sort_key *flags = ARENA_NEW_N(in->b->a, struct sort_key, o->n_order + 1);
    for (int i = 0; i < o->n_order; i++) {
        const struct ast_order_item *it = &w->order_by.items[i];
        rc = bind_expr(in, it->expr, &o->order[i], err);
        if (rc) return rc;
        flags[i].desc = it->desc;
        flags[i].nulls_first =
            it->nulls == AST_NULLS_DEFAULT ? !it->desc : it->nulls == AST_NULLS_FIRST;
    }
    o->order_flags = flags;
    return 0;
}

static void add_over(struct select *sel, const struct over_item *o) {
    if (sel->n_overs == sel->cap_overs) {
        int cap = sel->cap_overs ? sel->cap_overs * 2 : 8;
        struct over_item *items = ARENA_NEW_N(sel->b->a, struct over_item, cap);
        if (sel->n_overs) memcpy(items, sel->overs, sizeof(*items) * (size_t)sel->n_overs);
        sel->overs = items;
        sel->cap_overs = cap;
    }
    sel->overs[sel->n_overs++] = *o;
}

int select_add_over(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                    struct err *err) {
    struct select *sel = p->sel;
    const char *name = c->name->parts.items[c->name->parts.n - 1].text;
    if (!sel || !(p->allow & ALLOW_OVER))
        return invalid(&c->base.span, err, "%s OVER can't stand in %s", name, p->clause);
    if (c->null_treatment == AST_IGNORE_NULLS)
        return unsupported(&c->base.span, err, "IGNORE NULLS of %s", name);
    struct ast_window w;
    int rc = resolve_window(p, c->over, &w, err);
    if (rc) return rc;
    struct over_item o = {.at = &c->base};
    o.call.rank_fn = rank_fn(name);
    struct expr_place in = *p;
    in.allow = p->allow & (ALLOW_AGG | ALLOW_GROUPING);
    in.clause = "an OVER call";
    rc = o.call.rank_fn ? ranking(p, &in, c, &o, err) : aggregate(&in, c, &o, err);
    if (!rc) rc = order_and_partition(&in, &w, &o, err);
    if (!rc) rc = frame(p, &w, &o, err);
    if (!rc) rc = check_range(p->b, &o, &w, err);
    if (rc) return rc;
    bool needs_order = o.call.rank_fn != NULL;
    if (needs_order && !o.n_order && strcmp(o.call.rank_fn, "ROW_NUMBER") != 0)
        return invalid(&c->base.span, err, "%s needs ORDER BY in its OVER clause", o.call.rank_fn);
    add_over(sel, &o);
    *ret = expr_at(expr_column(p->b->a, VCOL_OVER + sel->n_overs - 1, o.call.type), &c->base);
    return 0;
}

/* ---- the plan ---- */

struct columns { /* the projection in front: the plan's columns, then computed ones */
    struct select *sel;
    int n, cap;
    const struct expr **exprs;
    const char **names;
};

static int need_column(struct columns *c, const struct expr *e, int *ret, struct err *err) {
    const struct expr *m;
    int rc = select_map(c->sel, e, &m, err);
    if (rc) return rc;
    for (int i = 0; i < c->n; i++) {
        if (!expr_eq(c->exprs[i], m)) continue;
        *ret = i;
        return 0;
    }
    CHECK(c->n < c->cap);
    c->exprs[c->n] = m;
    c->names[c->n] = arena_printf(c->sel->b->a, "$o%d", c->n);
    *ret = c->n++;
    return 0;
}

struct over_plan { /* an over_item over the columns of the projection */
    struct over_spec spec;
    struct over_call call;
};

static int plan_over(struct columns *c, const struct over_item *o, struct over_plan *ret,
                     struct err *err) {
    struct arena *a = c->sel->b->a;
    int *partition = ARENA_NEW_N(a, int, o->n_partition + 1);
    struct sort_key *order = ARENA_NEW_N(a, struct sort_key, o->n_order + 1);
    int rc = 0;
    for (int i = 0; !rc && i < o->n_partition; i++)
        rc = need_column(c, o->partition[i], &partition[i], err);
    for (int i = 0; !rc && i < o->n_order; i++) {
        order[i] = o->order_flags[i];
        rc = need_column(c, o->order[i], &order[i].column, err);
    }
    ret->call = o->call;
    for (int i = 0; !rc && i < o->call.n_args; i++)
        rc = need_column(c, o->arg_exprs[i], &ret->call.args[i], err);
    ret->spec = (struct over_spec){.n_partition = o->n_partition,
                                   .partition = partition,
                                   .n_order = o->n_order,
                                   .order = order,
                                   .rows = o->rows,
                                   .preceding = o->preceding,
                                   .following = o->following};
    return rc;
}

static bool same_spec(const struct over_spec *x, const struct over_spec *y) {
    if (x->n_partition != y->n_partition || x->n_order != y->n_order || x->rows != y->rows ||
        x->preceding != y->preceding || x->following != y->following)
        return false;
    if (x->n_partition &&
        memcmp(x->partition, y->partition, sizeof(int) * (size_t)x->n_partition) != 0)
        return false;
    for (int i = 0; i < x->n_order; i++)
        if (x->order[i].column != y->order[i].column || x->order[i].desc != y->order[i].desc ||
            x->order[i].nulls_first != y->order[i].nulls_first)
            return false;
    return true;
}

/* One OVER for all calls of the same window, from `from` on. */
static void over_node(struct select *sel, struct over_plan *plans, int from, bool *done) {
    struct arena *a = sel->b->a;
    int n = 0, base = sel->rel->schema->n;
    struct over_call *calls = ARENA_NEW_N(a, struct over_call, sel->n_overs);
    for (int i = from; i < sel->n_overs; i++) {
        if (done[i] || !same_spec(&plans[i].spec, &plans[from].spec)) continue;
        done[i] = true;
        sel->over_columns[i] = base + n;
        calls[n++] = plans[i].call;
    }
    const struct schema *s = schema_new(a, base + n);
    struct field *f = (struct field *)s->fields;
    memcpy(f, sel->rel->schema->fields, sizeof(*f) * (size_t)base);
    for (int i = 0; i < n; i++)
        f[base + i] = (struct field){arena_printf(a, "w%d$o%d", from, i), calls[i].type};
    struct rel *r = rel_new(a, REL_OVER, s, &sel->rel, 1);
    r->u.over = plans[from].spec;
    r->u.over.n_calls = n;
    r->u.over.calls = calls;
    r->line = sel->overs[from].at->span.line;
    r->column = sel->overs[from].at->span.column;
    sel->rel = r;
}

int select_overs(struct select *sel, struct err *err) {
    struct arena *a = sel->b->a;
    int n = sel->rel->schema->n, cap = n;
    for (int i = 0; i < sel->n_overs; i++)
        cap += sel->overs[i].n_partition + sel->overs[i].n_order + AGG_ARGS_MAX;
    struct columns c = {.sel = sel, .n = n, .cap = cap};
    c.exprs = ARENA_NEW_N(a, const struct expr *, cap + 1);
    c.names = ARENA_NEW_N(a, const char *, cap + 1);
    for (int i = 0; i < n; i++) {
        c.exprs[i] = column_of(a, sel->rel, i);
        c.names[i] = sel->rel->schema->fields[i].name;
    }
    struct over_plan *plans = ARENA_NEW_N(a, struct over_plan, sel->n_overs);
    for (int i = 0; i < sel->n_overs; i++) {
        int rc = plan_over(&c, &sel->overs[i], &plans[i], err);
        if (rc) return rc;
    }
    if (c.n > n) sel->rel = rel_project(a, sel->rel, c.exprs, c.names, c.n);
    sel->over_columns = ARENA_NEW_N(a, int, sel->n_overs);
    bool *done = ARENA_NEW_N(a, bool, sel->n_overs);
    for (int i = 0; i < sel->n_overs; i++)
        if (!done[i]) over_node(sel, plans, i, done);
    return 0;
}
