/* build_query.c - queries and the sources of FROM. */
#include "sql/build.h"

struct ast_query *build_query(struct sql_parse *c, struct ast_span at,
                              const struct build_with *with, struct ast *body,
                              const struct build_tail *tail) {
    struct ast_query *n = BUILD_NODE(c, AST_QUERY, at, struct ast_query);
    if (with) {
        n->recursive = with->recursive;
        n->with = build_list_items(with->items);
        n->n_with = build_list_n(with->items);
    }
    n->body = body;
    if (tail) {
        n->order_by = build_order(tail->order_by);
        n->offset = tail->offset;
        n->limit = tail->limit;
    }
    build_done(c, n);
    return n;
}

struct ast *build_query_body(struct ast_query *q) {
    bool plain = !q->n_with && !q->order_by.n && !q->offset && !q->limit;
    return plain ? q->body : &q->base;
}

struct ast *build_setop(struct sql_parse *c, struct ast_span at, enum ast_setop_kind op, bool all,
                        struct ast *left, struct ast *right) {
    struct ast_setop *n = BUILD_NODE(c, AST_SETOP, at, struct ast_setop);
    n->op = op;
    n->all = all;
    n->left = left;
    n->right = right;
    return build_done(c, n);
}

struct ast *build_table_query(struct sql_parse *c, struct ast_span at, struct ast_ident *table) {
    struct ast_table_query *n = BUILD_NODE(c, AST_TABLE_QUERY, at, struct ast_table_query);
    n->table = table;
    return build_done(c, n);
}

/* VALUES ((1, 2)) is one column that holds a row. */
struct ast *build_values(struct sql_parse *c, struct ast_span at, struct build_list *rows) {
    struct ast_values *n = BUILD_NODE(c, AST_VALUES, at, struct ast_values);
    n->rows = build_ast_list(rows);
    for (size_t i = 0; i < n->rows.n; i++) {
        struct ast *r = n->rows.items[i];
        if (r->kind != AST_ROW || !AST_TO(row, r)->wrapped || AST_TO(row, r)->keyword) continue;
        AST_TO(row, r)->wrapped = false;
        n->rows.items[i] = build_row(c, r->span, false, build_list_add(c, NULL, sizeof(r), &r));
    }
    return build_done(c, n);
}

struct ast *build_group(struct sql_parse *c, struct ast_span at, enum ast_group_kind kind,
                        struct build_list *items) {
    struct ast_group *n = BUILD_NODE(c, AST_GROUP, at, struct ast_group);
    n->group = kind;
    n->items = build_ast_list(items);
    return build_done(c, n);
}

struct ast *build_group_item(struct sql_parse *c, struct ast *expr) {
    if (expr->kind != AST_ROW || AST_TO(row, expr)->keyword) return expr;
    struct ast_group *n = BUILD_NODE(c, AST_GROUP, expr->span, struct ast_group);
    n->group = AST_GROUP_SET;
    n->items = AST_TO(row, expr)->args;
    return build_done(c, n);
}

void build_exclude(struct ast_window *w, int64_t exclude) {
    w->exclude_given = exclude >= 0;
    if (exclude >= 0) w->exclude = (enum ast_exclude)exclude;
}

struct ast_hint *build_hint(struct sql_parse *c, struct ast_span at, const struct ast_name *name,
                            struct build_list *options) {
    struct ast_hint *h = ARENA_NEW(c->arena, struct ast_hint);
    h->name = *name;
    h->options = build_list_items(options);
    h->n_options = build_list_n(options);
    for (size_t i = 1; i < h->n_options; i++) {
        const struct ast_hint_option *a = &h->options[0], *b = &h->options[i];
        bool names = !a->key && !a->quoted && !a->number;
        bool names_b = !b->key && !b->quoted && !b->number;
        if (!a->key != !b->key || names != names_b)
            build_fail(c, at, ERR_PARSE,
                       "the options of hint %s must be all names, all literals, or all 'k' = 'v'",
                       name->text);
    }
    return h;
}

/* ---- FROM ----------------------------------------------------------------------------------- */

/* source: one of the four structs that begin with an ast_source. */
struct ast *build_source(struct sql_parse *c, struct ast_span at, struct ast *source,
                         struct ast *as_of, struct ast *match, const struct build_alias *alias,
                         struct ast_sample *sample) {
    struct ast_source *s = (struct ast_source *)source;
    s->as_of = as_of;
    s->match = match ? AST_TO(match, match) : NULL;
    if (alias) {
        s->alias = alias->name;
        s->columns = build_names(alias->columns);
    }
    s->sample = sample;
    return build_done(c, source);
}

struct ast *build_table_ref(struct sql_parse *c, struct ast_span at, struct ast_ident *name,
                            struct build_list *hints) {
    struct ast_table_ref *n = BUILD_NODE(c, AST_TABLE_REF, at, struct ast_table_ref);
    n->table = name;
    n->hints = build_hints(hints);
    return &n->src.base;
}

struct ast *build_derived(struct sql_parse *c, struct ast_span at, struct ast_query *query,
                          bool lateral) {
    struct ast_derived *n = BUILD_NODE(c, AST_DERIVED, at, struct ast_derived);
    n->src.lateral = lateral;
    n->query = query;
    return &n->src.base;
}

struct ast *build_table_func(struct sql_parse *c, struct ast_span at, struct ast_call *call,
                             bool keyword, bool lateral) {
    struct ast_table_func *n = BUILD_NODE(c, AST_TABLE_FUNC, at, struct ast_table_func);
    n->src.lateral = lateral;
    n->keyword = keyword;
    n->call = call;
    if (call->order_by.n)
        build_fail(c, call->order_by.items[0].expr->span, ERR_PARSE,
                   "a table function takes no ORDER BY here: write it behind the table argument");
    build_done(c, call);
    return &n->src.base;
}

struct ast *build_unnest(struct sql_parse *c, struct ast_span at, struct ast *rhs,
                         bool ordinality) {
    struct ast_unnest *n = BUILD_NODE(c, AST_UNNEST, at, struct ast_unnest);
    if (rhs->kind == AST_QUERY) {
        struct ast *q = build_subquery(c, AST_TO(query, rhs));
        n->args = build_ast_list(build_list_add(c, NULL, sizeof(q), &q));
    } else {
        n->args = AST_TO(row, rhs)->args;
    }
    n->ordinality = ordinality;
    return &n->src.base;
}

struct ast *build_join(struct sql_parse *c, struct ast_span at, enum ast_join_kind kind,
                       bool natural, struct ast *left, struct ast *right, struct ast *on,
                       struct build_list *using_columns) {
    struct ast_join *n = BUILD_NODE(c, AST_JOIN, at, struct ast_join);
    n->join = kind;
    n->natural = natural;
    n->left = left;
    n->right = right;
    n->on = on;
    n->has_using = using_columns;
    n->using_columns = build_names(using_columns);
    return build_done(c, n);
}

/* ---- MATCH_RECOGNIZE ------------------------------------------------------------------------ */

static struct ast_list list_with(struct sql_parse *c, struct ast_list l, struct ast *more) {
    struct ast **items = ARENA_NEW_N(c->arena, struct ast *, l.n + 1);
    for (size_t i = 0; i < l.n; i++)
        items[i] = l.items[i];
    items[l.n] = more;
    return (struct ast_list){items, l.n + 1};
}

/* Puts b behind a, in a's node if it's of the kind already; b NULL: a alone. */
struct ast *build_pattern(struct sql_parse *c, struct ast_span at, enum ast_pattern_kind kind,
                          struct ast *a, struct ast *b) {
    struct ast_pattern *p = AST_TO(pattern, a);
    struct ast_pattern *n = BUILD_NODE(c, AST_PATTERN, at, struct ast_pattern);
    n->pattern = kind;
    n->items = list_with(c, (struct ast_list){0}, a);
    if (b) {
        bool extend = p->pattern == kind && p->open;
        n->items = list_with(c, extend ? p->items : n->items, b);
    }
    n->open = true;
    return build_done(c, n);
}

struct ast *build_repeat(struct sql_parse *c, struct ast_span at, struct ast *item, int64_t min,
                         int64_t max, bool reluctant) {
    struct ast_pattern *n = BUILD_NODE(c, AST_PATTERN, at, struct ast_pattern);
    n->pattern = AST_PATTERN_REPEAT;
    n->items = list_with(c, (struct ast_list){0}, item);
    n->min = min;
    n->max = max;
    n->reluctant = reluctant;
    if (max >= 0 && min > max)
        build_fail(c, at, ERR_PARSE, "the quantifier's minimum exceeds its maximum");
    return build_done(c, n);
}
