/* bind_select.c - SELECT: binds its clauses over virtual columns, then puts the plan together in
 * the order FROM, WHERE, GROUP BY, HAVING, OVER, QUALIFY, list, DISTINCT, ORDER BY. */
#include "sql/bind_select.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- virtual columns to the plan's ---- */

static int not_grouped(struct select *sel, const struct expr *e, struct err *err) {
    const char *name = sel->scope->row->fields[e->column].name;
    return err_set_at(err, ERR_VALIDATION, e->line, e->col,
                      "expression '%s' is not being grouped: it must be in GROUP BY or within an "
                      "aggregate function",
                      name);
}

static int map_one(void *self, const struct expr *e, const struct expr **ret, struct err *err) {
    struct select *sel = self;
    struct arena *a = sel->b->a;
    if (sel->aggregated && e->kind != EXPR_LITERAL) {
        for (int i = 0; i < sel->n_keys; i++) {
            if (!expr_eq(sel->keys[i], e)) continue;
            *ret = column_of(a, sel->rel, i);
            return 1;
        }
    }
    if (e->kind != EXPR_COLUMN) return 0;
    int c = e->column;
    if (c < VCOL_BASE) return sel->aggregated ? not_grouped(sel, e, err) : 0;
    int base = sel->n_keys;
    if (vcol_is(c, VCOL_AGG)) {
        *ret = column_of(a, sel->rel, base + c - VCOL_AGG);
        return 1;
    }
    base += sel->n_aggs;
    for (int i = 0; i < PROP_COUNT; i++) {
        if (c == VCOL_WINDOW + i) {
            *ret = column_of(a, sel->rel, base);
            return 1;
        }
        base += sel->props[i];
    }
    if (vcol_is(c, VCOL_GROUPING)) {
        *ret = column_of(a, sel->rel, base + c - VCOL_GROUPING);
        return 1;
    }
    if (vcol_is(c, VCOL_OVER)) {
        CHECK(sel->over_columns);
        *ret = column_of(a, sel->rel, sel->over_columns[c - VCOL_OVER]);
        return 1;
    }
    CHECK(vcol_is(c, VCOL_SUBQUERY));
    *ret = sel->subqueries[c - VCOL_SUBQUERY].value;
    CHECK(*ret);
    return 1;
}

int select_map(struct select *sel, const struct expr *e, const struct expr **ret, struct err *err) {
    int rc = expr_transform(sel->b->a, e, map_one, sel, ret, err);
    if (rc && err && !err->line) {
        err->line = e->line;
        err->column = e->col;
    }
    return rc;
}

/* ---- the list ---- */

static int add_item(struct select *sel, const struct expr *e, const char *name, bool named,
                    const struct ast *at, struct err *err) {
    if (sel->n_items >= BIND_COLUMNS_MAX)
        return invalid(&at->span, err, "more than %d columns", BIND_COLUMNS_MAX);
    if (sel->n_items == sel->cap_items) {
        int cap = sel->cap_items ? sel->cap_items * 2 : 16;
        struct arena *a = sel->b->a;
        const struct expr **items = ARENA_NEW_N(a, const struct expr *, cap);
        const char **names = ARENA_NEW_N(a, const char *, cap);
        const struct ast **ats = ARENA_NEW_N(a, const struct ast *, cap);
        bool *nameds = ARENA_NEW_N(a, bool, cap);
        for (int i = 0; i < sel->n_items; i++) {
            items[i] = sel->items[i];
            names[i] = sel->names[i];
            ats[i] = sel->item_at[i];
            nameds[i] = sel->item_named[i];
        }
        sel->items = items;
        sel->names = names;
        sel->item_at = ats;
        sel->item_named = nameds;
        sel->cap_items = cap;
    }
    int i = sel->n_items++;
    sel->items[i] = e;
    sel->names[i] = name;
    sel->item_at[i] = at;
    sel->item_named[i] = named;
    return 0;
}

/* A column of a star: placed where the star stands. */
static const struct expr *placed(struct binder *b, const struct expr *e, const struct ast *at) {
    struct expr *m = arena_dup(b->a, e, sizeof(*e));
    m->line = at->span.line;
    m->col = at->span.column;
    return m;
}

static int row_star(struct select *sel, const struct expr *row, const struct ast *at,
                    struct err *err) {
    if (row->type->kind != TYPE_ROW)
        return invalid(&at->span, err, "* needs a table or a ROW in front, not a value of type %s",
                       type_name(sel->b, row->type));
    for (int i = 0; i < row->type->n_children; i++) {
        const struct expr *f;
        struct ast_name name = {.text = row->type->field_names[i], .span = at->span};
        int rc = bind_field(sel->b, at, row, &name, &f, err);
        if (!rc) rc = add_item(sel, f, name.text, true, at, err);
        if (rc) return rc;
    }
    return 0;
}

static int star(struct select *sel, const struct ast_ident *id, struct err *err) {
    const struct scope *s = sel->scope;
    int rc = 0;
    if (!id->parts.n) {
        if (!s->n_star) return invalid(&id->base.span, err, "SELECT * needs FROM");
        for (int i = 0; !rc && i < s->n_star; i++)
            rc = add_item(sel, placed(sel->b, s->star[i].expr, &id->base), s->star[i].name, true,
                          &id->base, err);
        return rc;
    }
    const struct scope_table *t = scope_find_table(s, &id->parts);
    if (t) {
        for (int i = t->first; !rc && i < t->first + t->n; i++) {
            const struct expr *c = expr_column(sel->b->a, i, s->row->fields[i].type);
            rc = add_item(sel, expr_at(c, &id->base), s->row->fields[i].name, true, &id->base, err);
        }
        return rc;
    }
    struct ast_ident row_id = *id;
    row_id.star = false;
    const struct expr *row;
    rc = scope_resolve(sel->b, s, &row_id, &row, err);
    return rc ? rc : row_star(sel, row, &id->base, err);
}

static int list_item(struct select *sel, const struct ast_select_item *it, bool null_ok,
                     struct err *err) {
    struct binder *b = sel->b;
    struct expr_place p = {.b = b,
                           .scope = sel->scope,
                           .clause = "SELECT",
                           .sel = sel,
                           .allow = ALLOW_AGG | ALLOW_OVER | ALLOW_SUBQUERY | ALLOW_GROUPING};
    const struct ast *node = it->expr;
    bool starred = (node->kind == AST_IDENT && AST_TO(ident, node)->star) ||
                   (node->kind == AST_FIELD && AST_TO(field, node)->star);
    if (starred && it->alias) return invalid(&it->alias->span, err, "a star takes no alias");
    if (node->kind == AST_IDENT && AST_TO(ident, node)->star)
        return star(sel, AST_TO(ident, node), err);
    const struct expr *e;
    if (node->kind == AST_FIELD && AST_TO(field, node)->star) {
        int rc = bind_expr(&p, AST_TO(field, node)->arg, &e, err);
        return rc ? rc : row_star(sel, e, node, err);
    }
    int rc = bind_expr(&p, node, &e, err);
    if (rc) return rc;
    if (e->type->kind == TYPE_NULL && !null_ok)
        return invalid(&node->span, err,
                       "illegal use of NULL: its type can't be told here; write "
                       "CAST(NULL AS type)");
    const char *name = NULL;
    if (it->alias)
        name = it->alias->text;
    else if (node->kind == AST_IDENT)
        name = AST_TO(ident, node)->parts.items[AST_TO(ident, node)->parts.n - 1].text;
    bool named = name != NULL;
    if (!name) name = arena_printf(b->a, "EXPR$%d", sel->n_items);
    return add_item(sel, e, name, named, node, err);
}

/* Repeated names get a number, as in Flink: k, k0, k1. */
static void unique_names(struct select *sel, const char **out) {
    struct map used;
    map_init(&used);
    for (int i = 0; i < sel->n_items; i++) {
        const char *name = sel->names[i];
        for (int k = 0; map_has(&used, name); k++)
            name = arena_printf(sel->b->a, "%s%d", sel->names[i], k);
        map_put(&used, name, (void *)1);
        out[i] = name;
    }
    map_release(&used, NULL);
}

/* ---- ORDER BY ---- */

struct order_state {
    int n;
    struct sort_key *keys; /* columns of the output, hidden ones behind the list */
};

/* The place in the list that an ordinal means; -1: no ordinal. */
static int ordinal(const struct ast *node, int n_items, int *ret, struct err *err) {
    *ret = -1;
    if (node->kind != AST_LITERAL || AST_TO(literal, node)->lit != AST_LIT_EXACT ||
        strchr(AST_TO(literal, node)->text, '.'))
        return 0;
    long v = strtol(AST_TO(literal, node)->text, NULL, 10);
    if (v < 1 || v > n_items)
        return invalid(&node->span, err, "ORDER BY %ld: there are columns 1 to %d", v, n_items);
    *ret = (int)v - 1;
    return 0;
}

static void order_flags(const struct ast_order_item *it, struct sort_key *k) {
    k->desc = it->desc;
    k->nulls_first = it->nulls == AST_NULLS_DEFAULT ? !it->desc : it->nulls == AST_NULLS_FIRST;
}

static int order_item(struct select *sel, const struct ast_order_item *it, int n_list,
                      bool distinct, struct sort_key *k, struct err *err) {
    order_flags(it, k);
    int rc = ordinal(it->expr, n_list, &k->column, err);
    if (rc || k->column >= 0) return rc;
    struct expr_place p = {.b = sel->b,
                           .scope = sel->scope,
                           .clause = "ORDER BY",
                           .sel = sel,
                           .allow = ALLOW_AGG | ALLOW_OVER | ALLOW_SUBQUERY | ALLOW_ALIASES |
                                    ALLOW_GROUPING};
    const struct expr *e;
    rc = bind_expr(&p, it->expr, &e, err);
    if (rc) return rc;
    for (int i = 0; i < sel->n_items; i++) {
        if (!expr_eq(sel->items[i], e)) continue;
        k->column = i;
        return 0;
    }
    if (distinct)
        return invalid(&it->expr->span, err,
                       "ORDER BY of SELECT DISTINCT must be in the select list");
    k->column = sel->n_items;
    return add_item(sel, e, arena_printf(sel->b->a, "$order%d", sel->n_items), false, it->expr,
                    err);
}

static int order_by(struct select *sel, const struct ast_query *q, struct order_state *o,
                    struct err *err) {
    *o = (struct order_state){0};
    if (!q) return 0;
    int n_list = sel->n_items;
    bool distinct = sel->ast->quant == AST_QUANT_DISTINCT;
    o->keys = ARENA_NEW_N(sel->b->a, struct sort_key, q->order_by.n + 1);
    for (size_t i = 0; i < q->order_by.n; i++) {
        int rc = order_item(sel, &q->order_by.items[i], n_list, distinct, &o->keys[o->n++], err);
        if (rc) return rc;
    }
    return 0;
}

static int row_count(struct binder *b, const struct ast *node, const char *what, int64_t dflt,
                     int64_t *ret, struct err *err) {
    *ret = dflt;
    if (!node) return 0;
    struct expr_place p = {.b = b, .clause = what};
    int rc = bind_const_int(&p, node, what, ret, err);
    if (rc) return rc;
    return *ret < 0 ? invalid(&node->span, err, "%s must not be negative", what) : 0;
}

int bind_order(struct binder *b, const struct ast_query *q, const struct rel *rel,
               const struct sort_key *keys, int n_keys, const struct rel **ret, struct err *err) {
    *ret = rel;
    if (!q || (!n_keys && !q->offset && !q->limit)) return 0;
    int64_t offset, limit;
    int rc = row_count(b, q->offset, "OFFSET", 0, &offset, err);
    if (!rc) rc = row_count(b, q->limit, "LIMIT", -1, &limit, err);
    if (rc) return rc;
    struct rel *r = rel_new(b->a, REL_SORT, rel->schema, &rel, 1);
    r->u.sort.n_keys = n_keys;
    r->u.sort.keys = arena_dup(b->a, keys, sizeof(*keys) * (size_t)(n_keys ? n_keys : 1));
    r->u.sort.offset = offset;
    r->u.sort.limit = limit;
    const struct ast *at = q->order_by.n ? q->order_by.items[0].expr : &q->base;
    r->line = at->span.line;
    r->column = at->span.column;
    *ret = r;
    return 0;
}

/* Columns [0, n) of rel, where it has more. */
static const struct rel *first_columns(struct binder *b, const struct rel *rel, int n) {
    if (rel->schema->n == n) return rel;
    int *cols = ARENA_NEW_N(b->a, int, n + 1);
    for (int i = 0; i < n; i++)
        cols[i] = i;
    return rel_columns(b->a, rel, cols, n);
}

int bind_output_order(struct binder *b, const struct ast_query *q, const struct rel *rel,
                      const struct rel **ret, struct err *err) {
    int n = rel->schema->n, n_keys = (int)q->order_by.n, n_all = n;
    struct scope *scope = scope_new(b->a, rel->schema, NULL);
    struct sort_key *keys = ARENA_NEW_N(b->a, struct sort_key, n_keys + 1);
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, n + n_keys + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, n + n_keys + 1);
    for (int i = 0; i < n; i++) {
        exprs[i] = column_of(b->a, rel, i);
        names[i] = rel->schema->fields[i].name;
    }
    for (int i = 0; i < n_keys; i++) {
        const struct ast_order_item *it = &q->order_by.items[i];
        order_flags(it, &keys[i]);
        int rc = ordinal(it->expr, n, &keys[i].column, err);
        if (rc) return rc;
        if (keys[i].column >= 0) continue;
        struct expr_place p = {.b = b, .scope = scope, .clause = "ORDER BY"};
        const struct expr *e;
        rc = bind_expr(&p, it->expr, &e, err);
        if (rc) return rc;
        if (e->kind == EXPR_COLUMN) {
            keys[i].column = e->column;
            continue;
        }
        keys[i].column = n_all;
        names[n_all] = "$order";
        exprs[n_all++] = e;
    }
    if (n_all > n) rel = rel_project(b->a, rel, exprs, names, n_all);
    int rc = bind_order(b, q, rel, keys, n_keys, &rel, err);
    if (rc) return rc;
    *ret = first_columns(b, rel, n);
    return 0;
}

/* ---- clauses ---- */

static int condition(struct select *sel, const struct ast *node, const char *clause, unsigned allow,
                     const struct expr **ret, struct err *err) {
    *ret = NULL;
    if (!node) return 0;
    struct expr_place p = {.b = sel->b,
                           .scope = sel->scope,
                           .clause = clause,
                           .sel = sel,
                           .allow = allow | ALLOW_SUBQUERY};
    return bind_condition(&p, node, ret, err);
}

static int from_clause(struct select *sel, const struct scope *outer, struct err *err) {
    struct binder *b = sel->b;
    if (sel->ast->from) {
        struct from_item item;
        struct binder in = *b;
        in.n_hints = sel->n_hints;
        in.hints = sel->hints;
        int rc = bind_from(&in, sel->ast->from, NULL, outer, &item, err);
        if (rc) return rc;
        sel->rel = item.rel;
        sel->scope = item.scope;
    } else {
        sel->rel = rel_one_row(b->a);
        sel->scope = scope_new(b->a, sel->rel->schema, NULL);
        sel->scope->n_tables = sel->scope->n_star = 0;
    }
    sel->scope->outer = outer;
    return check_hints(sel->scope, sel->hints, sel->n_hints, err);
}

int select_attach_and_map(struct select *sel, const struct expr **e, struct err *err) {
    int rc = select_attach(sel, *e, err);
    return rc ? rc : select_map(sel, *e, e, err);
}

static const struct rel *distinct(struct binder *b, const struct rel *in) {
    struct rel *r = rel_new(b->a, REL_AGGREGATE, in->schema, &in, 1);
    int *keys = ARENA_NEW_N(b->a, int, in->schema->n + 1);
    for (int i = 0; i < in->schema->n; i++)
        keys[i] = i;
    r->u.agg.n_keys = in->schema->n;
    r->u.agg.keys = keys;
    return r;
}

static int output(struct select *sel, const struct ast_query *q, int n_list,
                  const struct order_state *o, const struct rel **ret, struct err *err) {
    struct binder *b = sel->b;
    int n = sel->n_items;
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, n + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, n + 1);
    unique_names(sel, names);
    for (int i = 0; i < n; i++) {
        int rc = select_attach(sel, sel->items[i], err);
        if (rc) return rc;
    }
    for (int i = 0; i < n; i++) {
        int rc = select_map(sel, sel->items[i], &exprs[i], err);
        if (rc) return rc;
    }
    struct rel *p = (struct rel *)rel_project(b->a, sel->rel, exprs, names, n);
    p->line = sel->ast->base.span.line;
    p->column = sel->ast->base.span.column;
    const struct rel *rel = p;
    if (sel->ast->quant == AST_QUANT_DISTINCT) rel = distinct(b, rel);
    int rc = bind_order(b, q, rel, o->keys, o->n, &rel, err);
    if (rc) return rc;
    *ret = first_columns(b, rel, n_list);
    return 0;
}

int bind_select(struct binder *b, const struct ast_select *s, const struct ast_query *q,
                const struct scope *outer, const struct rel **ret, struct err *err) {
    struct select sel = {.b = b, .ast = s};
    bool null_ok = b->null_ok;
    b->null_ok = false;
    const struct expr *where, *having, *qualify;
    struct order_state order;
    int rc = bind_hints(b, &s->hints, &sel.n_hints, &sel.hints, err);
    if (!rc) rc = from_clause(&sel, outer, err);
    if (!rc) rc = condition(&sel, s->where, "WHERE clause", 0, &where, err);
    if (!rc && where) rc = select_filter(&sel, where, s->where, err);
    if (!rc) rc = select_group_by(&sel, err);
    for (size_t i = 0; !rc && i < s->n_items; i++)
        rc = list_item(&sel, &s->items[i], null_ok, err);
    int n_list = sel.n_items;
    if (!rc)
        rc = condition(&sel, s->having, "HAVING clause", ALLOW_AGG | ALLOW_GROUPING, &having, err);
    if (!rc)
        rc = condition(&sel, s->qualify, "QUALIFY clause",
                       ALLOW_AGG | ALLOW_OVER | ALLOW_GROUPING | ALLOW_ALIASES, &qualify, err);
    if (!rc) rc = order_by(&sel, q, &order, err);
    if (rc) return rc;
    sel.grouped = s->has_group_by || s->having || sel.n_aggs || sel.n_groupings;
    if (sel.grouped) rc = select_aggregate(&sel, err);
    if (!rc && having) rc = select_filter(&sel, having, s->having, err);
    if (!rc && qualify && !sel.n_overs)
        rc = invalid(&s->qualify->span, err,
                     "QUALIFY needs a window function (OVER) in it or in "
                     "the select list");
    if (!rc && sel.n_overs) rc = select_overs(&sel, err);
    if (!rc && qualify) {
        rc = select_attach_and_map(&sel, &qualify, err);
        if (!rc) sel.rel = rel_filter(b->a, sel.rel, qualify);
    }
    if (rc) return rc;
    return output(&sel, q, n_list, &order, ret, err);
}
