/* bind_match_expr.c - DEFINE and MEASURES: columns, FIRST, LAST and aggregates become slots. */
#include "sql/bind_match.h"

#include <string.h>

int match_column(struct match_bind *m, int column) {
    if (m->to[column] < 0) {
        m->to[column] = m->n_columns;
        m->columns[m->n_columns++] = column;
    }
    return m->to[column];
}

int match_variable(const struct match_bind *m, const char *name) {
    for (int i = 0; i < m->spec->n_vars; i++)
        if (!strcmp(m->spec->vars[i].name, name)) return i;
    return -1;
}

static bool same_slot(const struct match_slot *a, const struct match_slot *b) {
    return a->column >= 0 && a->column == b->column && a->var == b->var && a->first == b->first &&
           a->offset == b->offset;
}

static int add_slot(struct match_bind *m, struct arena *a, struct match_slot s) {
    for (int i = 0; i < m->n_slots; i++)
        if (same_slot(&m->slots[i], &s)) return i;
    if (m->n_slots == m->cap_slots) {
        const struct match_slot *old = m->slots;
        m->cap_slots = m->cap_slots ? 2 * m->cap_slots : 8;
        m->slots = ARENA_NEW_N(a, struct match_slot, m->cap_slots);
        if (m->n_slots) memcpy(m->slots, old, sizeof *old * (size_t)m->n_slots);
    }
    m->slots[m->n_slots] = s;
    return m->n_slots++;
}

/* The row that is looked at: it is always there. */
static bool is_current(const struct match_bind *m, const struct match_slot *s) {
    bool defines = m->own < m->spec->n_vars;
    return defines && !s->first && !s->offset && (s->var == m->own || s->var == MATCH_ALL_ROWS);
}

static bool always_there(const struct match_bind *m, const struct match_slot *s) {
    if (is_current(m, s)) return true;
    if (m->own < m->spec->n_vars || s->offset) return false;
    return s->var == MATCH_ALL_ROWS || m->spec->vars[s->var].min > 0;
}

struct place {
    struct match_bind *m;
    struct arena *a;
    int var;
};

/* A column of the table as the argument of an aggregate, or as a slot. A time of a row of the match
 * isn't the stream's time any more. */
static int map_column(void *self, const struct expr *e, const struct expr **ret, struct err *err) {
    struct place *x = self;
    struct match_bind *m = x->m;
    if (e->kind != EXPR_COLUMN) return 0;
    const struct type *t = type_with_time_attr(x->a, e->type, TIME_ATTR_NONE);
    int column = match_column(m, e->column);
    struct expr *n = arena_dup(x->a, e, sizeof *e);
    n->type = t;
    n->column = column;
    *ret = n;
    if (m->aggregates) return 1;
    struct match_slot s = {.var = x->var, .first = m->first, .offset = m->offset, .column = column};
    if (!always_there(m, &s)) n->type = type_with_null(x->a, t, true);
    n->column = add_slot(m, x->a, s);
    return 1;
}

int bind_match_ident(struct expr_place *p, const struct ast_ident *id, const struct expr **ret,
                     struct err *err) {
    struct match_bind *m = p->match;
    struct ast_ident inner = *id;
    int var = id->parts.n > 1 ? match_variable(m, id->parts.items[0].text) : -1;
    if (var >= 0) {
        inner.parts.items = id->parts.items + 1;
        inner.parts.n = id->parts.n - 1;
    } else {
        var = MATCH_ALL_ROWS;
    }
    const struct expr *e;
    int rc = scope_resolve(p->b, m->scope, &inner, &e, err);
    if (rc) return rc;
    if (m->aggregates && m->var_known && m->var != var)
        return invalid(
            &id->base.span, err,
            "an aggregate in MATCH_RECOGNIZE goes over the rows of one pattern variable");
    m->var = var;
    m->var_known = true;
    struct place x = {m, p->b->a, var};
    rc = expr_transform(p->b->a, e, map_column, &x, ret, err);
    return rc ? err_at(err, rc, &id->base.span) : 0;
}

/* ---- FIRST, LAST, PREV, NEXT ---- */

static int navigation(struct expr_place *p, const struct ast_call *c, const char *name,
                      const struct expr **ret, struct err *err) {
    struct match_bind *m = p->match;
    bool physical = !strcmp(name, "PREV") || !strcmp(name, "NEXT");
    if (c->args.n < 1 || c->args.n > 2)
        return invalid(&c->base.span, err, "%s takes a value and, optionally, an offset", name);
    int64_t offset = physical;
    int rc = 0;
    if (c->args.n == 2) rc = bind_const_int(p, c->args.items[1], "the offset", &offset, err);
    if (rc) return rc;
    if (physical && offset)
        return unsupported(
            &c->base.span, err,
            "%s in MATCH_RECOGNIZE: physical offsets within the partition; FIRST and "
            "LAST go over the rows of a variable",
            name);
    if (offset < 0)
        return invalid(&c->args.items[1]->span, err, "the offset of %s can't be negative", name);
    if (m->navigates || m->aggregates)
        return invalid(&c->base.span, err, "%s can't stand within %s", name,
                       m->navigates ? "FIRST or LAST" : "an aggregate");
    m->navigates = true;
    m->first = !strcmp(name, "FIRST");
    m->offset = offset;
    rc = bind_expr(p, c->args.items[0], ret, err);
    m->navigates = m->first = false;
    m->offset = 0;
    return rc;
}

/* ---- aggregates ---- */

/* COUNT(*), COUNT(A.*): rows of all or of one variable. */
static int star_of(struct match_bind *m, const struct ast_call *c, bool *ret_star,
                   struct err *err) {
    *ret_star = c->args.n == 1 && c->args.items[0]->kind == AST_IDENT &&
                AST_TO(ident, c->args.items[0])->star;
    if (!*ret_star) return 0;
    const struct ast_ident *id = AST_TO(ident, c->args.items[0]);
    m->var = MATCH_ALL_ROWS;
    m->var_known = true;
    if (!id->parts.n) return 0;
    m->var = match_variable(m, id->parts.items[0].text);
    if (m->var >= 0) return 0;
    return invalid(&id->base.span, err, "'%s' is no pattern variable", id->parts.items[0].text);
}

static int aggregate_args(struct expr_place *p, const struct ast_call *c, const char *name,
                          const struct expr **args, int *ret_n, struct err *err) {
    struct match_bind *m = p->match;
    bool star;
    int rc = star_of(m, c, &star, err);
    for (size_t i = 0; i < c->args.n && !star && !rc; i++) {
        if (*ret_n >= AGG_ARGS_MAX)
            return invalid(&c->base.span, err, "%s takes at most %d arguments", name, AGG_ARGS_MAX);
        rc = bind_expr(p, c->args.items[i], &args[(*ret_n)++], err);
    }
    return rc;
}

static int aggregate(struct expr_place *p, const struct ast_call *c, const char *name,
                     const struct expr **ret, struct err *err) {
    struct match_bind *m = p->match;
    struct arena *a = p->b->a;
    if (c->quant == AST_QUANT_DISTINCT)
        return unsupported(&c->base.span, err, "DISTINCT aggregates in MATCH_RECOGNIZE");
    if (m->navigates || m->aggregates)
        return invalid(&c->base.span, err, "%s can't stand within %s", name,
                       m->navigates ? "FIRST or LAST" : "another aggregate");
    struct match_slot s = {.column = -1, .var = MATCH_ALL_ROWS};
    int n = 0;
    m->aggregates = true;
    m->var_known = false;
    int rc = aggregate_args(p, c, name, s.args, &n, err);
    m->aggregates = false;
    if (rc) return rc;
    if (m->var_known) s.var = m->var;
    struct agg_call *call = ARENA_NEW(a, struct agg_call);
    rc = agg_bind(a, agg_find(name), s.args, n, false, false, false, call, err);
    if (rc) return err_at(err, rc, &c->base.span);
    s.call = call;
    *ret = expr_at(expr_column(a, add_slot(m, a, s), call->ret_type), &c->base);
    return 0;
}

/* ---- the time of the match ---- */

static int match_rowtime(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                         struct err *err) {
    struct match_bind *m = p->match;
    struct arena *a = p->b->a;
    if (m->spec->proctime)
        return invalid(&c->base.span, err,
                       "MATCH_ROWTIME() needs rows in order of event time: use MATCH_PROCTIME()");
    const struct type *t = m->scope->row->fields[m->columns[m->spec->time]].type;
    struct match_slot s = {.var = MATCH_ALL_ROWS, .column = m->spec->time};
    t = type_with_time_attr(a, type_time(a, t->kind, 3, false),
                            p->b->batch ? TIME_ATTR_NONE : TIME_ATTR_ROWTIME);
    *ret = expr_at(expr_column(a, add_slot(m, a, s), t), &c->base);
    return 0;
}

int bind_match_call(struct expr_place *p, const struct ast_call *c, const char *name,
                    const struct expr **ret, struct err *err) {
    static const char *const navigations[] = {"FIRST", "LAST", "NEXT", "PREV"};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(navigations); i++) {
        if (strcmp(name, navigations[i]) != 0) continue;
        rc = navigation(p, c, name, ret, err);
        return rc ? rc : 1;
    }
    if (!strcmp(name, "MATCH_ROWTIME")) {
        rc = match_rowtime(p, c, ret, err);
        return rc ? rc : 1;
    }
    if (!strcmp(name, "MATCH_PROCTIME")) {
        rc =
            bind_call_named(p->b, &c->base, "PROCTIME", (const struct expr *[]){NULL}, 0, ret, err);
        return rc ? rc : 1;
    }
    if (!strcmp(name, "CLASSIFIER") || !strcmp(name, "MATCH_NUMBER"))
        return unsupported(&c->base.span, err, "%s()", name);
    if (agg_find(name) && !func_find(name)) {
        rc = aggregate(p, c, name, ret, err);
        return rc ? rc : 1;
    }
    return 0;
}

int bind_match_expr(struct match_bind *m, struct binder *b, const struct ast *node, int own,
                    const struct match_expr **ret, const struct type **ret_type, struct err *err) {
    bool defines = own < m->spec->n_vars;
    struct expr_place p = {
        .b = b, .scope = m->scope, .clause = defines ? "DEFINE" : "MEASURES", .match = m};
    m->own = own;
    m->slots = NULL;
    m->n_slots = m->cap_slots = 0;
    const struct expr *e;
    int rc = defines ? bind_condition(&p, node, &e, err) : bind_expr(&p, node, &e, err);
    if (rc) return rc;
    struct match_expr *x = ARENA_NEW(b->a, struct match_expr);
    *x = (struct match_expr){e, m->n_slots, m->slots};
    *ret = x;
    *ret_type = e->type;
    return 0;
}
