/* bind_match.c - MATCH_RECOGNIZE: its clauses. Patterns are sequences of variables with
 * quantifiers; what Flink's pattern engine doesn't take is refused for the same reasons. */
#include "sql/bind_match.h"

#include <string.h>

/* ---- PATTERN ---- */

static int add_variable(struct match_bind *m, const struct ast_pattern *p, struct match_var *vars,
                        struct err *err) {
    int *n = &m->spec->n_vars;
    for (int i = 0; i < *n; i++)
        if (!strcmp(vars[i].name, p->name.text))
            return unsupported(&p->name.span, err,
                               "a pattern variable that occurs twice ('%s'); they must be unique",
                               p->name.text);
    if (*n == MATCH_VARS_MAX)
        return invalid(&p->name.span, err, "a PATTERN has at most %d variables", MATCH_VARS_MAX);
    vars[(*n)++] = (struct match_var){.name = p->name.text, .min = 1, .max = 1};
    return 0;
}

static int add_quantified(struct match_bind *m, const struct ast_pattern *p, struct match_var *vars,
                          struct err *err) {
    const struct ast_pattern *of = AST_TO(pattern, p->items.items[0]);
    if (of->pattern != AST_PATTERN_VAR)
        return unsupported(&p->base.span, err,
                           "a quantifier of a group in PATTERN; only variables take one");
    int rc = add_variable(m, of, vars, err);
    if (rc) return rc;
    struct match_var *v = &vars[m->spec->n_vars - 1];
    v->min = p->min;
    v->max = p->max < 0 ? INT64_MAX : p->max;
    bool optional = v->min == 0 && v->max == 1;
    if (v->max < 1 || v->max < v->min)
        return invalid(&p->base.span, err, "the quantifier of '%s' allows no number of rows",
                       v->name);
    if (optional && p->reluctant)
        return unsupported(&p->base.span, err, "a reluctant optional variable ('%s')", v->name);
    v->greedy = !p->reluctant && !optional && v->min != v->max;
    return 0;
}

static int add_pattern(struct match_bind *m, const struct ast_pattern *p, struct match_var *vars,
                       struct err *err) {
    switch (p->pattern) {
    case AST_PATTERN_VAR:
        return add_variable(m, p, vars, err);
    case AST_PATTERN_REPEAT:
        return add_quantified(m, p, vars, err);
    case AST_PATTERN_CONCAT:
        for (size_t i = 0; i < p->items.n; i++) {
            int rc = add_pattern(m, AST_TO(pattern, p->items.items[i]), vars, err);
            if (rc) return rc;
        }
        return 0;
    case AST_PATTERN_ALTER:
        return unsupported(&p->base.span, err, "alternation (|) in PATTERN");
    case AST_PATTERN_PERMUTE:
        return unsupported(&p->base.span, err, "PERMUTE in PATTERN");
    default:
        return unsupported(&p->base.span, err, "exclusion ({- -}) in PATTERN");
    }
}

static int bind_pattern(struct match_bind *m, struct binder *b, struct err *err) {
    const struct ast_pattern *p = m->ast->pattern;
    if (m->ast->anchor_start || m->ast->anchor_end)
        return unsupported(&m->ast->base.span, err, "anchors (^, $) in PATTERN");
    struct match_var *vars = ARENA_NEW_N(b->a, struct match_var, MATCH_VARS_MAX);
    m->spec->vars = vars;
    int rc = add_pattern(m, p, vars, err);
    if (rc) return rc;
    bool empty = true;
    for (int i = 0; i < m->spec->n_vars; i++)
        empty &= vars[i].min == 0;
    if (empty)
        return unsupported(&p->base.span, err,
                           "a PATTERN that can match no rows; at least one variable must not be "
                           "optional");
    if (vars[m->spec->n_vars - 1].greedy)
        return unsupported(&p->base.span, err,
                           "a greedy quantifier as the last element of a PATTERN ('%s'); end it "
                           "with a simple variable or a reluctant quantifier",
                           vars[m->spec->n_vars - 1].name);
    return 0;
}

/* ---- PARTITION BY, ORDER BY, AFTER MATCH, WITHIN ---- */

static int plain_column(struct match_bind *m, struct binder *b, const struct ast *node,
                        const char *clause, int *ret, struct err *err) {
    struct expr_place p = {.b = b, .scope = m->scope, .clause = clause};
    const struct expr *e;
    int rc = bind_expr(&p, node, &e, err);
    if (rc) return rc;
    if (e->kind != EXPR_COLUMN)
        return unsupported(&node->span, err, "%s an expression in MATCH_RECOGNIZE", clause);
    *ret = match_column(m, e->column);
    return 0;
}

static const struct type *column_type(const struct match_bind *m, int column) {
    return m->scope->row->fields[m->columns[column]].type;
}

static int bind_order_by(struct match_bind *m, struct binder *b, struct err *err) {
    const struct ast_order *o = &m->ast->order_by;
    struct match_spec *s = m->spec;
    if (!o->n)
        return invalid(&m->ast->base.span, err, "MATCH_RECOGNIZE needs ORDER BY a time attribute");
    struct sort_key *keys = ARENA_NEW_N(b->a, struct sort_key, o->n);
    for (size_t i = 0; i < o->n; i++) {
        int rc = plain_column(m, b, o->items[i].expr, "ORDER BY", &keys[i].column, err);
        if (rc) return rc;
        bool desc = keys[i].desc = o->items[i].desc;
        keys[i].nulls_first =
            o->items[i].nulls == AST_NULLS_DEFAULT ? !desc : o->items[i].nulls == AST_NULLS_FIRST;
    }
    const struct type *t = column_type(m, keys[0].column);
    if (!type_is_timestamp(t) || (!b->batch && t->time_attr == TIME_ATTR_NONE))
        return invalid(&o->items[0].expr->span, err,
                       "MATCH_RECOGNIZE must be ordered by a time attribute first, not by %s",
                       type_name(b, t));
    if (keys[0].desc)
        return invalid(&o->items[0].expr->span, err,
                       "MATCH_RECOGNIZE's time attribute can only be ordered ascending");
    s->time = keys[0].column;
    s->proctime = t->time_attr == TIME_ATTR_PROCTIME;
    s->order = keys + 1;
    s->n_order = (int)o->n - 1;
    return 0;
}

/* Without AFTER MATCH the next row is the next to begin with, as in Flink (the standard says: past
 * the last row). */
static int bind_after(struct match_bind *m, struct err *err) {
    static const enum match_skip skips[] = {[AST_AFTER_DEFAULT] = MATCH_SKIP_NEXT,
                                            [AST_AFTER_NEXT_ROW] = MATCH_SKIP_NEXT,
                                            [AST_AFTER_PAST_LAST_ROW] = MATCH_SKIP_PAST_LAST,
                                            [AST_AFTER_FIRST] = MATCH_SKIP_FIRST,
                                            [AST_AFTER_LAST] = MATCH_SKIP_LAST};
    m->spec->skip = skips[m->ast->after];
    m->spec->skip_var = -1;
    if (m->ast->after != AST_AFTER_FIRST && m->ast->after != AST_AFTER_LAST) return 0;
    m->spec->skip_var = match_variable(m, m->ast->after_var.text);
    if (m->spec->skip_var >= 0) return 0;
    return invalid(&m->ast->after_var.span, err, "'%s' is no pattern variable",
                   m->ast->after_var.text);
}

static int bind_clauses(struct match_bind *m, struct binder *b, struct err *err) {
    const struct ast_match *a = m->ast;
    if (a->rows == AST_ALL_ROWS) return unsupported(&a->base.span, err, "ALL ROWS PER MATCH");
    if (a->n_subsets) return unsupported(&a->subsets[0].name.span, err, "SUBSET");
    int n = (int)a->partition_by.n, rc = 0;
    int *partition = ARENA_NEW_N(b->a, int, n + 1);
    for (int i = 0; i < n && !rc; i++)
        rc = plain_column(m, b, a->partition_by.items[i], "PARTITION BY", &partition[i], err);
    m->spec->partition = partition;
    m->spec->n_partition = n;
    if (!rc) rc = bind_order_by(m, b, err);
    if (!rc) rc = bind_pattern(m, b, err);
    if (!rc) rc = bind_after(m, err);
    struct expr_place p = {.b = b, .clause = "WITHIN"};
    if (!rc && a->within) rc = bind_interval_ms(&p, a->within, "WITHIN", &m->spec->within_ms, err);
    if (!rc && a->within && m->spec->within_ms <= 0)
        rc = invalid(&a->within->span, err, "the interval of WITHIN must be positive");
    return rc;
}

/* ---- DEFINE, MEASURES ---- */

static int bind_defines(struct match_bind *m, struct binder *b, struct err *err) {
    const struct type *type;
    for (size_t i = 0; i < m->ast->n_defines; i++) {
        const struct ast_define *d = &m->ast->defines[i];
        int var = match_variable(m, d->name.text);
        if (var < 0) return invalid(&d->name.span, err, "'%s' is not in the PATTERN", d->name.text);
        struct match_var *v = (struct match_var *)&m->spec->vars[var];
        if (v->define) return invalid(&d->name.span, err, "'%s' is defined twice", d->name.text);
        int rc = bind_match_expr(m, b, d->condition, var, &v->define, &type, err);
        if (rc) return rc;
    }
    return 0;
}

static int bind_measures(struct match_bind *m, struct binder *b, struct field *fields,
                         struct err *err) {
    int n = (int)m->ast->n_measures;
    struct match_expr *measures = ARENA_NEW_N(b->a, struct match_expr, n + 1);
    for (int i = 0; i < n; i++) {
        const struct match_expr *x;
        int rc = bind_match_expr(m, b, m->ast->measures[i].expr, m->spec->n_vars, &x,
                                 &fields[i].type, err);
        if (rc) return rc;
        fields[i].name = m->ast->measures[i].alias.text;
        measures[i] = *x;
    }
    m->spec->n_measures = n;
    m->spec->measures = measures;
    return 0;
}

int bind_match(struct binder *b, const struct ast_match *ast, const struct from_item *in,
               const struct rel **ret, struct err *err) {
    int n_in = in->rel->schema->n;
    struct match_spec *spec = ARENA_NEW(b->a, struct match_spec);
    struct match_bind m = {.ast = ast, .scope = in->scope, .spec = spec};
    m.columns = ARENA_NEW_N(b->a, int, n_in + 1);
    m.to = ARENA_NEW_N(b->a, int, n_in + 1);
    for (int i = 0; i < n_in; i++)
        m.to[i] = -1;
    int rc = bind_clauses(&m, b, err);
    if (!rc) rc = bind_defines(&m, b, err);
    if (rc) return rc;
    int n_part = spec->n_partition;
    const struct schema *s = schema_new(b->a, n_part + (int)ast->n_measures);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n_part; i++)
        f[i] = in->rel->schema->fields[m.columns[spec->partition[i]]];
    rc = bind_measures(&m, b, f + n_part, err);
    if (rc) return rc;
    const struct rel *used = rel_columns(b->a, in->rel, m.columns, m.n_columns);
    struct rel *r = rel_new(b->a, REL_MATCH, s, &used, 1);
    r->u.match.spec = spec;
    r->u.match.ast = ast;
    r->line = ast->base.span.line;
    r->column = ast->base.span.column;
    *ret = r;
    return 0;
}
