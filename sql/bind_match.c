/* bind_match.c - MATCH_RECOGNIZE: checks its parts and finds its columns; the pattern itself stays
 * a syntax tree for its planner. */
#include "sql/bind.h"

#include <string.h>
#include <strings.h>

static bool pattern_has(const struct ast_pattern *p, const char *name) {
    if (p->pattern == AST_PATTERN_VAR) return !strcmp(p->name.text, name);
    for (size_t i = 0; i < p->items.n; i++)
        if (pattern_has(AST_TO(pattern, p->items.items[i]), name)) return true;
    return false;
}

bool match_has_variable(const struct ast_match *m, const char *name) {
    for (size_t i = 0; i < m->n_subsets; i++)
        if (!strcmp(m->subsets[i].name.text, name)) return true;
    return m->pattern && pattern_has(m->pattern, name);
}

/* A value of some type that is not known before the match: only the type matters. */
static void value_of(struct expr_place *p, const struct ast_call *c, const struct type *t,
                     const struct expr **ret) {
    *ret = expr_at(expr_literal(p->b->a, value_null(p->b->a, t)), &c->base);
}

static int navigation(struct expr_place *p, const struct ast_call *c, const char *name,
                      const struct expr **ret, struct err *err) {
    if (c->args.n < 1 || c->args.n > 2)
        return invalid(&c->base.span, err, "%s takes a value and, optionally, an offset", name);
    const struct expr *v;
    int64_t offset;
    int rc = bind_expr(p, c->args.items[0], &v, err);
    if (!rc && c->args.n == 2) rc = bind_const_int(p, c->args.items[1], "the offset", &offset, err);
    if (rc) return rc;
    value_of(p, c, type_with_null(p->b->a, v->type, true), ret);
    return 0;
}

static int aggregate(struct expr_place *p, const struct ast_call *c, const char *name,
                     const struct expr **ret, struct err *err) {
    const struct expr *args[AGG_ARGS_MAX];
    int n = 0;
    bool star = c->args.n == 1 && c->args.items[0]->kind == AST_IDENT &&
                AST_TO(ident, c->args.items[0])->star;
    if (c->quant == AST_QUANT_DISTINCT)
        return unsupported(&c->base.span, err, "DISTINCT aggregates in MATCH_RECOGNIZE");
    for (size_t i = 0; !star && i < c->args.n; i++) {
        if (n >= AGG_ARGS_MAX)
            return invalid(&c->base.span, err, "%s takes at most %d arguments", name, AGG_ARGS_MAX);
        int rc = bind_expr(p, c->args.items[i], &args[n++], err);
        if (rc) return rc;
    }
    struct agg_call call = {0};
    int rc = agg_bind(p->b->a, agg_find(name), args, n, false, false, false, &call, err);
    if (rc) return err_at(err, rc, &c->base.span);
    value_of(p, c, type_with_null(p->b->a, call.ret_type, true), ret);
    if (!call.ret_type->nullable) ((struct expr *)*ret)->type = call.ret_type;
    return 0;
}

int bind_match_call(struct expr_place *p, const struct ast_call *c, const char *name,
                    const struct expr **ret, struct err *err) {
    static const char *const navigations[] = {"FIRST", "LAST", "NEXT", "PREV"};
    struct arena *a = p->b->a;
    for (size_t i = 0; i < ARRAY_LEN(navigations); i++) {
        if (strcmp(name, navigations[i]) != 0) continue;
        int rc = navigation(p, c, name, ret, err);
        return rc ? rc : 1;
    }
    if (!strcmp(name, "MATCH_ROWTIME")) {
        const struct type *t = type_time(a, TYPE_TIMESTAMP, 3, false);
        if (p->scope->row->n && p->match->order_by.n) {
            struct expr_place in = *p;
            const struct expr *time;
            int rc = bind_expr(&in, p->match->order_by.items[0].expr, &time, err);
            if (rc) return rc;
            t = type_with_time_attr(a, type_time(a, time->type->kind, 3, false),
                                    p->b->batch ? TIME_ATTR_NONE : TIME_ATTR_ROWTIME);
        }
        value_of(p, c, t, ret);
        ((struct expr *)*ret)->type = t;
        return 1;
    }
    if (!strcmp(name, "MATCH_PROCTIME")) {
        const struct type *t =
            type_with_time_attr(a, type_time(a, TYPE_TIMESTAMP_LTZ, 3, false), TIME_ATTR_PROCTIME);
        value_of(p, c, t, ret);
        ((struct expr *)*ret)->type = t;
        return 1;
    }
    if (!strcmp(name, "CLASSIFIER") || !strcmp(name, "MATCH_NUMBER")) {
        int rc = unsupported(&c->base.span, err, "%s()", name);
        return rc;
    }
    if (agg_find(name) && !func_find(name)) {
        int rc = aggregate(p, c, name, ret, err);
        return rc ? rc : 1;
    }
    return 0;
}

static int check_clauses(struct binder *b, const struct ast_match *m, const struct scope *scope,
                         struct err *err) {
    struct expr_place p = {.b = b, .scope = scope, .clause = "MATCH_RECOGNIZE"};
    const struct ast_span *at = &m->base.span;
    if (m->rows == AST_ALL_ROWS) return unsupported(at, err, "ALL ROWS PER MATCH");
    if (m->anchor_start || m->anchor_end) return unsupported(at, err, "anchors (^, $) in PATTERN");
    if (!m->order_by.n) return invalid(at, err, "MATCH_RECOGNIZE needs ORDER BY a time attribute");
    const struct expr *e;
    int rc = bind_expr(&p, m->order_by.items[0].expr, &e, err);
    if (rc) return rc;
    if (!b->batch && e->type->time_attr == TIME_ATTR_NONE)
        return invalid(&m->order_by.items[0].expr->span, err,
                       "MATCH_RECOGNIZE must be ordered by a time attribute first, not by %s",
                       type_name(b, e->type));
    if (m->order_by.items[0].desc)
        return invalid(&m->order_by.items[0].expr->span, err,
                       "MATCH_RECOGNIZE's time attribute can only be ordered ascending");
    int64_t within;
    if (m->within) {
        rc = bind_interval_ms(&p, m->within, "WITHIN", &within, err);
        if (rc) return rc;
    }
    if ((m->after == AST_AFTER_FIRST || m->after == AST_AFTER_LAST) &&
        !match_has_variable(m, m->after_var.text))
        return invalid(&m->after_var.span, err, "'%s' is no pattern variable", m->after_var.text);
    p.match = m;
    for (size_t i = 0; i < m->n_defines; i++) {
        if (!match_has_variable(m, m->defines[i].name.text))
            return invalid(&m->defines[i].name.span, err, "'%s' is not in the PATTERN",
                           m->defines[i].name.text);
        p.clause = "DEFINE";
        rc = bind_condition(&p, m->defines[i].condition, &e, err);
        if (rc) return rc;
    }
    return 0;
}

int bind_match(struct binder *b, const struct ast_match *m, const struct from_item *in,
               const struct rel **ret, struct err *err) {
    int rc = check_clauses(b, m, in->scope, err);
    if (rc) return rc;
    int n_part = (int)m->partition_by.n, n = n_part + (int)m->n_measures;
    const struct schema *s = schema_new(b->a, n);
    struct field *f = (struct field *)s->fields;
    struct expr_place p = {.b = b, .scope = in->scope, .clause = "PARTITION BY"};
    for (int i = 0; i < n_part; i++) {
        const struct expr *e;
        rc = bind_expr(&p, m->partition_by.items[i], &e, err);
        if (rc) return rc;
        if (e->kind != EXPR_COLUMN)
            return unsupported(&m->partition_by.items[i]->span, err,
                               "PARTITION BY an expression in MATCH_RECOGNIZE");
        f[i] = in->rel->schema->fields[e->column];
    }
    p.match = m;
    p.clause = "MEASURES";
    for (size_t i = 0; i < m->n_measures; i++) {
        const struct expr *e;
        rc = bind_expr(&p, m->measures[i].expr, &e, err);
        if (rc) return rc;
        f[n_part + (int)i] = (struct field){m->measures[i].alias.text, e->type};
    }
    struct rel *r = rel_new(b->a, REL_MATCH, s, &in->rel, 1);
    r->u.match.ast = m;
    r->line = m->base.span.line;
    r->column = m->base.span.column;
    *ret = r;
    return 0;
}
