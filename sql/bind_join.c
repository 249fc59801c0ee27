/* bind_join.c - joins: on conditions, USING, NATURAL; and the lateral ones, whose right side sees
 * the left row: UNNEST, LATERAL queries, FOR SYSTEM_TIME AS OF. */
#include "sql/bind_select.h"

#include <string.h>

static int join_type(const struct ast_join *j, enum join_type *ret, struct err *err) {
    switch (j->join) {
    case AST_JOIN_INNER:
    case AST_JOIN_CROSS:
    case AST_JOIN_COMMA:
        *ret = JOIN_INNER;
        return 0;
    case AST_JOIN_LEFT:
        *ret = JOIN_LEFT;
        return 0;
    case AST_JOIN_RIGHT:
        *ret = JOIN_RIGHT;
        return 0;
    case AST_JOIN_FULL:
        *ret = JOIN_FULL;
        return 0;
    }
    return invalid(&j->base.span, err, "unknown kind of join");
}

static int check_condition(const struct ast_join *j, struct err *err) {
    bool none = !j->on && !j->has_using && !j->natural;
    bool cross = j->join == AST_JOIN_CROSS || j->join == AST_JOIN_COMMA;
    if (!cross && none)
        return invalid(&j->base.span, err,
                       "a join needs a condition: ON, USING or NATURAL; or write CROSS JOIN");
    if (cross && !none) return invalid(&j->base.span, err, "CROSS JOIN takes no condition");
    if (j->natural && (j->on || j->has_using))
        return invalid(&j->base.span, err, "a NATURAL join takes neither ON nor USING");
    return 0;
}

/* ---- USING and NATURAL ---- */

struct shared {
    int n;
    const char **names;
    const struct expr **left, **right; /* over the joined row */
};

static const struct scope_star *star_named(const struct scope *s, int from, int to,
                                           const char *name, int *ret_n) {
    const struct scope_star *found = NULL;
    *ret_n = 0;
    for (int i = from; i < to; i++) {
        if (strcmp(s->star[i].name, name) != 0) continue;
        found = &s->star[i];
        (*ret_n)++;
    }
    return found;
}

static int add_shared(struct binder *b, const struct scope *both, int n_left, const char *name,
                      const struct ast_span *at, struct shared *s, struct err *err) {
    int nl, nr;
    const struct scope_star *l = star_named(both, 0, n_left, name, &nl);
    const struct scope_star *r = star_named(both, n_left, both->n_star, name, &nr);
    if (!nl || !nr)
        return invalid(at, err, "column '%s' not found in the %s side of the join", name,
                       nl ? "right" : "left");
    if (nl > 1 || nr > 1)
        return invalid(at, err, "column '%s' is ambiguous in the %s side of the join", name,
                       nl > 1 ? "left" : "right");
    s->names[s->n] = name;
    s->left[s->n] = l->expr;
    s->right[s->n++] = r->expr;
    return 0;
}

static int find_shared(struct binder *b, const struct ast_join *j, const struct scope *both,
                       int n_left, struct shared *s, struct err *err) {
    size_t cap = j->natural ? (size_t)both->n_star : j->using_columns.n;
    s->names = ARENA_NEW_N(b->a, const char *, cap + 1);
    s->left = ARENA_NEW_N(b->a, const struct expr *, cap + 1);
    s->right = ARENA_NEW_N(b->a, const struct expr *, cap + 1);
    for (size_t i = 0; !j->natural && i < cap; i++) {
        const struct ast_name *name = &j->using_columns.items[i];
        int rc = add_shared(b, both, n_left, name->text, &name->span, s, err);
        if (rc) return rc;
    }
    for (int i = 0; j->natural && i < n_left; i++) {
        int nr;
        if (!star_named(both, n_left, both->n_star, both->star[i].name, &nr)) continue;
        int rc = add_shared(b, both, n_left, both->star[i].name, &j->base.span, s, err);
        if (rc) return rc;
    }
    return 0;
}

static bool is_shared(const struct shared *s, const char *name) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->names[i], name)) return true;
    return false;
}

/* The shared columns come first in *, once each; COALESCE where either side may be missing. */
static int merge_star(struct binder *b, const struct ast_join *j, enum join_type type,
                      struct scope *both, const struct shared *s, struct err *err) {
    struct scope_star *star = ARENA_NEW_N(b->a, struct scope_star, both->n_star + 1);
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        const struct expr *e = type == JOIN_RIGHT ? s->right[i] : s->left[i];
        if (type == JOIN_FULL) {
            const struct expr *args[] = {s->left[i], s->right[i]};
            int rc = bind_call_named(b, &j->base, "COALESCE", args, 2, &e, err);
            if (rc) return rc;
        }
        star[n++] = (struct scope_star){s->names[i], e};
    }
    for (int i = 0; i < both->n_star; i++)
        if (!is_shared(s, both->star[i].name)) star[n++] = both->star[i];
    both->star = star;
    both->n_star = n;
    return 0;
}

/* Both sides' columns in a condition have their own types, not those after an outer join. */
static struct scope *condition_scope(struct binder *b, const struct from_item *l,
                                     const struct from_item *r) {
    const struct schema *s = schema_join(b->a, l->rel->schema, r->rel->schema, false, false);
    return scope_join(b->a, l->scope, r->scope, s);
}

static int shared_condition(struct binder *b, const struct ast_join *j, const struct shared *s,
                            const struct expr **ret, struct err *err) {
    const struct expr *all = NULL;
    for (int i = 0; i < s->n; i++) {
        const struct expr *args[] = {s->left[i], s->right[i]}, *e;
        int rc = bind_call_named(b, &j->base, "=", args, 2, &e, err);
        if (rc) return rc;
        all = expr_and(b->a, all, e);
    }
    *ret = all;
    return 0;
}

static int condition(struct binder *b, const struct ast_join *j, const struct from_item *l,
                     const struct from_item *r, const struct scope *outer, const struct expr **ret,
                     struct err *err) {
    struct scope *s = condition_scope(b, l, r);
    s->outer = outer;
    *ret = NULL;
    if (j->on) {
        struct expr_place p = {.b = b, .scope = s, .clause = "ON clause"};
        return bind_condition(&p, j->on, ret, err);
    }
    if (!j->has_using && !j->natural) return 0;
    struct shared sh = {0};
    int rc = find_shared(b, j, s, l->scope->n_star, &sh, err);
    return rc ? rc : shared_condition(b, j, &sh, ret, err);
}

static bool has_subquery(const struct ast *on);

static bool list_has_subquery(const struct ast_list *l) {
    for (size_t i = 0; i < l->n; i++)
        if (has_subquery(l->items[i])) return true;
    return false;
}

/* Within the conditions that ON is made of. */
static bool has_subquery(const struct ast *on) {
    switch (on->kind) {
    case AST_SUBQUERY:
    case AST_EXISTS:
        return true;
    case AST_IN:
        return AST_TO(in, on)->query != NULL;
    case AST_QUANTIFIED:
        return AST_TO(quantified, on)->query != NULL;
    case AST_BINARY:
        return has_subquery(AST_TO(binary, on)->left) || has_subquery(AST_TO(binary, on)->right);
    case AST_UNARY:
        return has_subquery(AST_TO(unary, on)->arg);
    case AST_CALL:
        return list_has_subquery(&AST_TO(call, on)->args);
    default:
        return false;
    }
}

/* An inner join's ON with subqueries: the cross product, filtered as WHERE is. */
static int filtered_join(struct binder *b, const struct ast_join *j, const struct from_item *l,
                         const struct from_item *r, const struct scope *outer,
                         const struct rel **ret, struct err *err) {
    static const struct ast_select none;
    struct scope *s = condition_scope(b, l, r);
    s->outer = outer;
    struct select sel = {.b = b, .ast = &none, .scope = s};
    sel.rel = rel_join_of(b->a, JOIN_INNER, l->rel, r->rel, NULL);
    sel.n_hints = b->n_hints;
    sel.hints = b->hints;
    struct expr_place p = {
        .b = b, .scope = s, .clause = "ON clause", .sel = &sel, .allow = ALLOW_SUBQUERY};
    const struct expr *on;
    int rc = bind_condition(&p, j->on, &on, err);
    if (!rc) rc = select_filter(&sel, on, j->on, err);
    if (rc) return rc;
    int n = s->row->n, *cols = ARENA_NEW_N(b->a, int, n + 1);
    for (int i = 0; i < n; i++)
        cols[i] = i;
    *ret = sel.rel->schema->n == n ? sel.rel : rel_columns(b->a, sel.rel, cols, n);
    return 0;
}

/* Scope behind the join: types of the joined row, shared columns merged. */
static int joined_scope(struct binder *b, const struct ast_join *j, enum join_type type,
                        const struct from_item *l, const struct from_item *r, struct from_item *ret,
                        struct err *err) {
    ret->scope = scope_join(b->a, l->scope, r->scope, ret->rel->schema);
    if (!j->has_using && !j->natural) return 0;
    struct shared sh = {0};
    int rc = find_shared(b, j, ret->scope, l->scope->n_star, &sh, err);
    return rc ? rc : merge_star(b, j, type, ret->scope, &sh, err);
}

static int duplicate_alias(const struct from_item *l, const struct from_item *r,
                           const struct ast *at, struct err *err) {
    for (int i = 0; i < l->scope->n_tables; i++)
        for (int k = 0; k < r->scope->n_tables; k++) {
            const char *x = l->scope->tables[i].alias, *y = r->scope->tables[k].alias;
            if (x && y && !strcmp(x, y))
                return invalid(&at->span, err, "'%s' occurs twice in FROM: give one an alias", x);
        }
    return 0;
}

/* ---- lateral sides ---- */

static const struct ast_source *source_of(const struct ast *node) {
    switch (node->kind) {
    case AST_TABLE_REF:
    case AST_DERIVED:
    case AST_TABLE_FUNC:
    case AST_UNNEST:
        return (const struct ast_source *)node;
    default:
        return NULL;
    }
}

/* What stands behind UNNEST, or a table function, as a join's right side. */
struct elements {
    const struct ast_source *src;
    const char *what; /* "UNNEST" or the function's name */
    const struct expr *coll;
    bool ordinality;
};

/* What an element of the collection becomes: a ROW's fields, a map's key and value, or itself. */
static int element_fields(struct binder *b, const struct elements *u, struct field *f,
                          struct err *err) {
    const struct type *t = u->coll->type, *e = t->n_children ? t->children[0] : NULL;
    if (t->kind == TYPE_MAP) {
        f[0] = (struct field){"KEY", t->children[0]};
        f[1] = (struct field){"VALUE", t->children[1]};
        return 2;
    }
    if (t->kind != TYPE_ARRAY && t->kind != TYPE_MULTISET)
        return invalid(&u->src->base.span, err, "UNNEST takes an ARRAY, MAP or MULTISET, not %s",
                       type_name(b, t));
    if (e->kind != TYPE_ROW) {
        f[0] = (struct field){"EXPR$0", e};
        return 1;
    }
    for (int i = 0; i < e->n_children; i++)
        f[i] = (struct field){
            e->field_names[i],
            type_with_null(b->a, e->children[i], e->nullable || e->children[i]->nullable)};
    return e->n_children;
}

/* The collection of UNNEST(...) or LATERAL TABLE(f(...)), over the left row. */
static int bind_elements(struct binder *b, const struct ast *node, const struct from_item *l,
                         struct elements *ret, struct err *err) {
    struct expr_place p = {.b = b, .scope = l->scope, .clause = "UNNEST"};
    if (node->kind == AST_UNNEST) {
        const struct ast_unnest *u = AST_TO(unnest, node);
        *ret = (struct elements){&u->src, "UNNEST", NULL, u->ordinality};
        if (u->args.n != 1)
            return unsupported(&u->src.base.span, err, "UNNEST of several collections");
        return bind_expr(&p, u->args.items[0], &ret->coll, err);
    }
    const struct ast_table_func *f = AST_TO(table_func, node);
    p.clause = "a table function";
    *ret = (struct elements){&f->src, f->call->name->parts.items[f->call->name->parts.n - 1].text};
    if (f->hints.n)
        return unsupported(&f->hints.items[0].name.span, err, "hints of a table function");
    return bind_table_function(&p, f->call, &ret->coll, err);
}

static int element_schema(struct binder *b, const struct elements *u, struct schema *ret,
                          struct err *err) {
    const struct type *t = u->coll->type;
    const struct ast_names *columns = &u->src->columns;
    int cap = 3;
    for (int i = 0; i < t->n_children; i++)
        cap += t->children[i]->n_children;
    struct field *f = ARENA_NEW_N(b->a, struct field, cap);
    int n = element_fields(b, u, f, err);
    if (n < 0) return n;
    if (u->ordinality) f[n++] = (struct field){"ORDINALITY", type_of_not_null(TYPE_INT)};
    if (columns->n && columns->n != (size_t)n)
        return invalid(&columns->items[0].span, err, "alias '%s' has %zu columns, but %s gives %d",
                       u->src->alias ? u->src->alias->text : "", columns->n, u->what, n);
    for (size_t i = 0; i < columns->n; i++)
        f[i].name = columns->items[i].text;
    if (!columns->n && n == 1 && u->src->alias) f[0].name = u->src->alias->text;
    *ret = (struct schema){n, f};
    return 0;
}

static int unnest(struct binder *b, const struct ast_join *j, const struct from_item *l,
                  struct from_item *ret, struct err *err) {
    enum join_type type = JOIN_INNER;
    struct elements u;
    struct schema right;
    int rc = join_type(j, &type, err);
    if (!rc) rc = bind_elements(b, j->right, l, &u, err);
    if (rc) return rc;
    if (type != JOIN_INNER && type != JOIN_LEFT)
        return unsupported(&j->base.span, err, "RIGHT and FULL joins with %s", u.what);
    if (u.src->match || u.src->sample)
        return unsupported(&u.src->base.span, err, "MATCH_RECOGNIZE and TABLESAMPLE of %s", u.what);
    rc = element_schema(b, &u, &right, err);
    if (rc) return rc;
    const struct schema *s = schema_join(b->a, l->rel->schema, &right, false, type == JOIN_LEFT);
    struct rel *r = rel_new(b->a, REL_CORRELATE, s, &l->rel, 1);
    r->u.correlate.type = type;
    r->u.correlate.collection = u.coll;
    r->u.correlate.ordinality = u.ordinality;
    r->line = u.src->base.span.line;
    r->column = u.src->base.span.column;
    struct from_item side = {
        NULL, scope_new(b->a, schema_copy(b->a, &right), u.src->alias ? u.src->alias->text : NULL)};
    ret->rel = r;
    ret->scope = scope_join(b->a, l->scope, side.scope, s);
    rc = duplicate_alias(l, &side, &u.src->base, err);
    if (rc || !j->on) return rc;
    struct expr_place op = {.b = b, .scope = ret->scope, .clause = "ON clause"};
    const struct expr *on;
    rc = bind_condition(&op, j->on, &on, err);
    if (rc) return rc;
    bool always = on->kind == EXPR_LITERAL && col_is_valid(on->literal, 0) &&
                  COL_DATA(on->literal, uint8_t)[0];
    if (!always && type == JOIN_LEFT)
        return unsupported(&j->on->span, err, "LEFT JOIN %s with a condition other than TRUE",
                           u.what);
    if (!always) ret->rel = rel_filter(b->a, ret->rel, on);
    return 0;
}

struct lateral {
    struct arena *a;
    int n_left;
};

/* Outer columns are the left row's, the subquery's come behind them. */
static int map_lateral(void *self, const struct expr *e, const struct expr **ret, struct err *err) {
    struct lateral *m = self;
    if (e->kind != EXPR_COLUMN && e->kind != EXPR_OUTER) return 0;
    int c = e->kind == EXPR_OUTER ? e->column : e->column + m->n_left;
    struct expr *x = (struct expr *)expr_column(m->a, c, e->type);
    x->line = e->line;
    x->col = e->col;
    *ret = x;
    return 1;
}

/* LATERAL (query): its correlated predicates join it to the left row. */
static int lateral(struct binder *b, const struct ast_join *j, const struct from_item *l,
                   const struct scope *outer, struct from_item *ret, struct err *err) {
    enum join_type type = JOIN_INNER;
    struct from_item r;
    int rc = join_type(j, &type, err);
    if (rc) return rc;
    if (type != JOIN_INNER && type != JOIN_LEFT)
        return unsupported(&j->base.span, err, "RIGHT and FULL joins with LATERAL");
    rc = bind_from(b, j->right, l, l->scope, &r, err);
    if (rc) return rc;
    const struct rel *right;
    const struct expr *pred, *on;
    int n_right = r.rel->schema->n;
    rc = decorrelate(b, r.rel, &right, &pred, &j->right->span, err);
    if (rc) return rc;
    rc = condition(b, j, l, &r, outer, &on, err);
    struct lateral m = {b->a, l->rel->schema->n};
    if (!rc && pred) rc = expr_transform(b->a, pred, map_lateral, &m, &pred, err);
    if (rc) return rc;
    const struct rel *jn = rel_join_of(b->a, type, l->rel, right, expr_and(b->a, pred, on));
    int n = l->rel->schema->n + n_right, *cols = ARENA_NEW_N(b->a, int, n + 1);
    for (int i = 0; i < n; i++)
        cols[i] = i;
    ret->rel = jn->schema->n == n ? jn : rel_columns(b->a, jn, cols, n);
    return joined_scope(b, j, type, l, &r, ret, err);
}

/* left JOIN table FOR SYSTEM_TIME AS OF left.time */
static int temporal(struct binder *b, const struct ast_join *j, const struct from_item *l,
                    const struct scope *outer, struct from_item *ret, struct err *err) {
    enum join_type type = JOIN_INNER;
    int rc = join_type(j, &type, err);
    if (rc) return rc;
    struct ast_table_ref plain = *AST_TO(table_ref, j->right);
    const struct ast *as_of = plain.src.as_of;
    if (type != JOIN_INNER && type != JOIN_LEFT)
        return unsupported(&j->base.span, err,
                           "a temporal join other than INNER and LEFT JOIN ... FOR SYSTEM_TIME");
    plain.src.as_of = NULL;
    struct expr_place p = {.b = b, .scope = l->scope, .clause = "FOR SYSTEM_TIME AS OF"};
    const struct expr *time;
    rc = bind_expr(&p, as_of, &time, err);
    if (rc) return rc;
    if (time->kind != EXPR_COLUMN || (!b->batch && time->type->time_attr == TIME_ATTR_NONE))
        return invalid(&as_of->span, err,
                       "FOR SYSTEM_TIME AS OF takes a time attribute of the left table (a column "
                       "with a WATERMARK, or PROCTIME()), not %s",
                       type_name(b, time->type));
    struct from_item r;
    const struct expr *on;
    rc = bind_from(b, &plain.src.base, NULL, outer, &r, err);
    if (!rc) rc = condition(b, j, l, &r, outer, &on, err);
    if (!rc) rc = duplicate_alias(l, &r, j->right, err);
    if (rc) return rc;
    const struct schema *s =
        schema_join(b->a, l->rel->schema, r.rel->schema, false, type == JOIN_LEFT);
    struct rel *t = rel_new(b->a, REL_TEMPORAL, s, (const struct rel *[]){l->rel, r.rel}, 2);
    t->u.temporal.type = type;
    t->u.temporal.predicate = on;
    t->u.temporal.left_time = time->column;
    t->line = as_of->span.line;
    t->column = as_of->span.column;
    t->n_hints = b->n_hints;
    t->hints = b->hints;
    hint_lookup(b, t, r.scope);
    ret->rel = t;
    return joined_scope(b, j, type, l, &r, ret, err);
}

int bind_join(struct binder *b, const struct ast_join *j, const struct from_item *l,
              const struct scope *outer, struct from_item *ret, struct err *err) {
    const struct ast_source *src = source_of(j->right);
    if (l->scope->outer != outer) l->scope->outer = outer;
    int rc = check_condition(j, err);
    if (rc) return rc;
    if (j->right->kind == AST_UNNEST || is_user_table_function(b, j->right))
        return unnest(b, j, l, ret, err);
    if (src && src->as_of && j->right->kind == AST_TABLE_REF)
        return temporal(b, j, l, outer, ret, err);
    if (src && src->lateral) return lateral(b, j, l, outer, ret, err);
    enum join_type type = JOIN_INNER;
    struct from_item r;
    const struct expr *on;
    rc = join_type(j, &type, err);
    if (!rc) rc = bind_from(b, j->right, NULL, outer, &r, err);
    if (!rc) rc = duplicate_alias(l, &r, j->right, err);
    if (!rc && type == JOIN_INNER && j->on && has_subquery(j->on)) {
        rc = filtered_join(b, j, l, &r, outer, &ret->rel, err);
        return rc ? rc : joined_scope(b, j, type, l, &r, ret, err);
    }
    if (!rc) rc = condition(b, j, l, &r, outer, &on, err);
    if (rc) return rc;
    struct rel *jn = (struct rel *)rel_join_of(b->a, type, l->rel, r.rel, on);
    jn->line = j->base.span.line;
    jn->column = j->base.span.column;
    jn->n_hints = b->n_hints;
    jn->hints = b->hints;
    hint_ttls(b, jn, (const struct scope *[]){l->scope, r.scope});
    ret->rel = jn;
    return joined_scope(b, j, type, l, &r, ret, err);
}
