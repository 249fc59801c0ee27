/* bind_query.c - WITH, set operations, VALUES, TABLE, and their ORDER BY and LIMIT. */
#include "sql/bind.h"
#include "vector/program.h"

#include <string.h>

void binder_init(struct binder *b, struct session *s, struct arena *a, const char *sql_text,
                 struct map *views) {
    *b = (struct binder){.s = s,
                         .a = a,
                         .catalog = s->catalog,
                         .database = s->database,
                         .batch = session_batch(s),
                         .sql_text = sql_text,
                         .views = views};
}

/* ---- VALUES ---- */

/* A row as its cells. */
static struct ast_list row_cells(const struct ast **row) {
    if ((*row)->kind == AST_ROW) return AST_TO(row, *row)->args;
    return (struct ast_list){(struct ast **)row, 1};
}

static int bind_cells(struct binder *b, const struct ast_values *v, const struct scope *outer,
                      int n_cols, const struct expr **cells, struct err *err) {
    struct scope *scope = NULL;
    if (outer) {
        scope = scope_new(b->a, schema_new(b->a, 0), NULL);
        scope->n_tables = 0;
        scope->outer = outer;
    }
    struct expr_place p = {.b = b, .scope = scope, .clause = "VALUES"};
    for (size_t i = 0; i < v->rows.n; i++) {
        const struct ast *row = v->rows.items[i];
        struct ast_list list = row_cells(&row);
        if (list.n != (size_t)n_cols)
            return invalid(&row->span, err, "row %zu of VALUES has %zu values, the first has %d",
                           i + 1, list.n, n_cols);
        for (int c = 0; c < n_cols; c++) {
            int rc = bind_expr(&p, list.items[c], &cells[i * (size_t)n_cols + (size_t)c], err);
            if (rc) return rc;
        }
    }
    return 0;
}

static int cell_types(struct binder *b, const struct ast_values *v, bool null_ok, int n_cols,
                      const struct expr **cells, struct field *f, struct err *err) {
    size_t n_rows = v->rows.n;
    const struct type **types = ARENA_NEW_N(b->a, const struct type *, n_rows + 1);
    for (int c = 0; c < n_cols; c++) {
        for (size_t i = 0; i < n_rows; i++)
            types[i] = cells[i * (size_t)n_cols + (size_t)c]->type;
        const struct type *t = type_least_restrictive(b->a, types, (int)n_rows);
        if (!t)
            return invalid(&v->base.span, err,
                           "values passed to VALUES must have compatible types: "
                           "column %d mixes %s and %s",
                           c + 1, type_name(b, types[0]), type_name(b, types[n_rows - 1]));
        if (t->kind == TYPE_NULL && !null_ok)
            return invalid(&v->base.span, err,
                           "illegal use of NULL: the type of column %d can't "
                           "be told; write CAST(NULL AS type)",
                           c + 1);
        f[c] = (struct field){arena_printf(b->a, "EXPR$%d", c), t};
        for (size_t i = 0; i < n_rows; i++) {
            const struct expr **e = &cells[i * (size_t)n_cols + (size_t)c];
            if (type_eq_ignore_null((*e)->type, t)) continue;
            int rc = bind_cast_to(b, NULL, *e, t, false, e, err);
            if (rc) return err_at(err, rc, &v->base.span);
        }
    }
    return 0;
}

/* The row's values, if all of it is known now; a value that can't be computed is left to run
 * time. */
static bool fold_row(struct binder *b, const struct expr *const *cells, int n,
                     const struct column **ret) {
    for (int c = 0; c < n; c++) {
        if (cells[c]->kind == EXPR_LITERAL) {
            ret[c] = cells[c]->literal;
            continue;
        }
        if (!expr_is_const(cells[c]) || !expr_is_deterministic(cells[c]) ||
            expr_eval_const(b->a, cells[c], session_env(b->s), &ret[c], NULL))
            return false;
    }
    return true;
}

static const struct rel *computed_rows(struct binder *b, const struct schema *s,
                                       const struct expr **cells, size_t n_rows) {
    const struct rel **inputs = ARENA_NEW_N(b->a, const struct rel *, n_rows);
    const char **names = ARENA_NEW_N(b->a, const char *, s->n + 1);
    for (int c = 0; c < s->n; c++)
        names[c] = s->fields[c].name;
    for (size_t i = 0; i < n_rows; i++)
        inputs[i] = rel_project(b->a, rel_one_row(b->a), cells + i * (size_t)s->n, names, s->n);
    if (n_rows == 1) return inputs[0];
    return rel_new(b->a, REL_UNION, s, inputs, (int)n_rows);
}

static int values(struct binder *b, const struct ast_values *v, const struct scope *outer,
                  const struct rel **ret, struct err *err) {
    bool null_ok = b->null_ok;
    b->null_ok = false;
    const struct ast *first = v->rows.items[0];
    int n_cols = (int)row_cells(&first).n;
    size_t n_rows = v->rows.n;
    const struct expr **cells = ARENA_NEW_N(b->a, const struct expr *, n_rows *(size_t)n_cols);
    const struct schema *s = schema_new(b->a, n_cols);
    int rc = bind_cells(b, v, outer, n_cols, cells, err);
    if (!rc) rc = cell_types(b, v, null_ok, n_cols, cells, (struct field *)s->fields, err);
    if (rc) return rc;
    const struct column **lits = ARENA_NEW_N(b->a, const struct column *, n_rows *(size_t)n_cols);
    for (size_t i = 0; i < n_rows; i++) {
        if (fold_row(b, cells + i * (size_t)n_cols, n_cols, lits + i * (size_t)n_cols)) continue;
        *ret = computed_rows(b, s, cells, n_rows);
        return 0;
    }
    struct rel *r = rel_new(b->a, REL_VALUES, s, NULL, 0);
    r->u.values.n_rows = (int)n_rows;
    r->u.values.cells = lits;
    r->line = v->base.span.line;
    r->column = v->base.span.column;
    *ret = r;
    return 0;
}

/* ---- set operations ---- */

static const char *setop_name(const struct ast_setop *s) {
    static const char *const names[][2] = {
        {"UNION", "UNION ALL"}, {"INTERSECT", "INTERSECT ALL"}, {"EXCEPT", "EXCEPT ALL"}};
    return names[s->op][s->all];
}

static enum time_attr common_attr(const struct type *x, const struct type *y) {
    return x->time_attr == y->time_attr ? x->time_attr : TIME_ATTR_NONE;
}

static int setop_schema(struct binder *b, const struct ast_setop *s, const struct rel *l,
                        const struct rel *r, const struct schema **ret, struct err *err) {
    if (l->schema->n != r->schema->n)
        return invalid(&s->base.span, err,
                       "%s: its sides must have the same number of columns, but have %d and %d",
                       setop_name(s), l->schema->n, r->schema->n);
    const struct schema *out = schema_new(b->a, l->schema->n);
    struct field *f = (struct field *)out->fields;
    for (int i = 0; i < out->n; i++) {
        const struct type *both[] = {l->schema->fields[i].type, r->schema->fields[i].type};
        const struct type *t = type_least_restrictive(b->a, both, 2);
        if (!t)
            return invalid(&s->base.span, err, "type mismatch in column %d of %s: %s and %s", i + 1,
                           setop_name(s), type_name(b, both[0]), type_name(b, both[1]));
        enum time_attr attr = common_attr(both[0], both[1]);
        if (!type_is_timestamp(t)) attr = TIME_ATTR_NONE;
        f[i] = (struct field){l->schema->fields[i].name, type_with_time_attr(b->a, t, attr)};
    }
    *ret = out;
    return 0;
}

/* One side in the common types; nullability alone needs no cast. */
static int cast_side(struct binder *b, const struct rel **side, const struct schema *s,
                     const struct ast *at, struct err *err) {
    const struct rel *in = *side;
    bool same = true;
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, s->n + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, s->n + 1);
    for (int i = 0; i < s->n; i++) {
        exprs[i] = column_of(b->a, in, i);
        names[i] = s->fields[i].name;
        if (type_eq_ignore_null(in->schema->fields[i].type, s->fields[i].type)) continue;
        same = false;
        int rc = bind_cast_to(b, at, exprs[i], s->fields[i].type, false, &exprs[i], err);
        if (rc) return rc;
    }
    if (!same) *side = rel_project(b->a, in, exprs, names, s->n);
    return 0;
}

static int setop(struct binder *b, const struct ast_setop *s, const struct scope *outer,
                 const struct rel **ret, struct err *err) {
    const struct rel *sides[2];
    const struct schema *schema = NULL;
    int rc = bind_body(b, s->left, outer, &sides[0], err);
    if (!rc) rc = bind_body(b, s->right, outer, &sides[1], err);
    if (!rc) rc = setop_schema(b, s, sides[0], sides[1], &schema, err);
    for (int i = 0; !rc && i < 2; i++)
        rc = cast_side(b, &sides[i], schema, &s->base, err);
    if (rc) return rc;
    struct rel *r = rel_new(b->a, s->op == AST_UNION ? REL_UNION : REL_SETOP, schema, sides, 2);
    r->line = s->base.span.line;
    r->column = s->base.span.column;
    *ret = r;
    if (s->op != AST_UNION) {
        r->u.setop.except = s->op == AST_EXCEPT;
        r->u.setop.all = s->all;
        return 0;
    }
    if (s->all) return 0;
    int *keys = ARENA_NEW_N(b->a, int, schema->n + 1);
    for (int i = 0; i < schema->n; i++)
        keys[i] = i;
    struct rel *d = rel_new(b->a, REL_AGGREGATE, schema, ret, 1);
    d->u.agg.n_keys = schema->n;
    d->u.agg.keys = keys;
    *ret = d;
    return 0;
}

/* ---- queries ---- */

int bind_body(struct binder *b, const struct ast *body, const struct scope *outer,
              const struct rel **ret, struct err *err) {
    static const struct ast_hints none;
    const struct table_desc *t;
    switch (body->kind) {
    case AST_SELECT:
        return bind_select(b, AST_TO(select, body), NULL, outer, ret, err);
    case AST_SETOP:
        return setop(b, AST_TO(setop, body), outer, ret, err);
    case AST_VALUES:
        return values(b, AST_TO(values, body), outer, ret, err);
    case AST_QUERY:
        return bind_query(b, AST_TO(query, body), outer, ret, err);
    case AST_TABLE_QUERY:
        return bind_table(b, AST_TO(table_query, body)->table, &none, ret, &t, err);
    default:
        return unsupported(&body->span, err, "%s as a query", ast_kind_name(body->kind));
    }
}

static int rename_cte(struct binder *b, const struct ast_with_item *w, const struct rel **rel,
                      struct err *err) {
    size_t n = w->columns.n;
    if (!n) return 0;
    if (n != (size_t)(*rel)->schema->n)
        return invalid(&w->columns.items[0].span, err,
                       "WITH '%s' names %zu columns, its query has %d", w->name.text, n,
                       (*rel)->schema->n);
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, n);
    const char **names = ARENA_NEW_N(b->a, const char *, n);
    for (size_t i = 0; i < n; i++) {
        exprs[i] = column_of(b->a, *rel, (int)i);
        names[i] = w->columns.items[i].text;
    }
    *rel = rel_project(b->a, *rel, exprs, names, (int)n);
    return 0;
}

static int with(struct binder *b, const struct ast_query *q, const struct scope *outer,
                struct err *err) {
    for (size_t i = 0; i < q->n_with; i++) {
        const struct ast_with_item *w = &q->with[i];
        struct cte *c = ARENA_NEW(b->a, struct cte);
        c->name = w->name.text;
        c->next = b->ctes;
        if (q->recursive) b->ctes = c; /* visible to itself, without a plan: refused there */
        const struct rel *rel;
        int rc = bind_query(b, w->query, outer, &rel, err);
        if (!rc) rc = rename_cte(b, w, &rel, err);
        if (rc) return rc;
        c->rel = rel;
        c->schema = rel->schema;
        b->ctes = c;
    }
    return 0;
}

static int body_and_order(struct binder *b, const struct ast_query *q, const struct scope *outer,
                          const struct rel **ret, struct err *err) {
    if (q->body->kind == AST_SELECT)
        return bind_select(b, AST_TO(select, q->body), q, outer, ret, err);
    const struct rel *r;
    int rc = bind_body(b, q->body, outer, &r, err);
    if (rc) return rc;
    return bind_output_order(b, q, r, ret, err);
}

int bind_query(struct binder *b, const struct ast_query *q, const struct scope *outer,
               const struct rel **ret, struct err *err) {
    if (b->depth >= BIND_DEPTH_MAX)
        return invalid(&q->base.span, err, "queries nested more than %d deep", BIND_DEPTH_MAX);
    const struct cte *ctes = b->ctes;
    bool null_ok = b->null_ok;
    b->depth++;
    b->null_ok = false;
    int rc = with(b, q, outer, err);
    b->null_ok = null_ok;
    if (!rc) rc = body_and_order(b, q, outer, ret, err);
    b->null_ok = false;
    b->depth--;
    b->ctes = ctes;
    return rc;
}
