/* bind_from.c - FROM: tables, views, CTEs, derived tables, table functions, and their aliases.
 * Joins are in bind_join.c. */
#include "sql/bind.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- hints ---- */

int bind_hints(struct binder *b, const struct ast_hints *h, int *ret_n, const struct rel_hint **ret,
               struct err *err) {
    static const char *const known[] = {"BROADCAST", "LOOKUP",       "MULTI_JOIN",    "NEST_LOOP",
                                        "OPTIONS",   "SHUFFLE_HASH", "SHUFFLE_MERGE", "STATE_TTL"};
    struct rel_hint *out = ARENA_NEW_N(b->a, struct rel_hint, h->n + 1);
    for (size_t i = 0; i < h->n; i++) {
        const struct ast_hint *in = &h->items[i];
        bool ok = false;
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            if (!strcasecmp(known[k], in->name.text)) {
                out[i].name = known[k];
                ok = true;
            }
        if (!ok) {
            const char *near = str_nearest(in->name.text, known, ARRAY_LEN(known));
            return invalid(&in->name.span, err, "no hint '%s'%s%s%s", in->name.text,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        struct table_option *args = ARENA_NEW_N(b->a, struct table_option, in->n_options + 1);
        for (size_t k = 0; k < in->n_options; k++)
            args[k] = (struct table_option){in->options[k].key, in->options[k].value};
        out[i].n_args = (int)in->n_options;
        out[i].args = args;
        out[i].line = in->name.span.line;
        out[i].column = in->name.span.column;
    }
    *ret_n = (int)h->n;
    *ret = out;
    return 0;
}

int apply_options(struct binder *b, const struct table_desc *t, const struct ast_hints *h,
                  struct rel *scan, struct err *err) {
    int n_hints, n = t->n_options, cap = n;
    const struct rel_hint *hints;
    int rc = bind_hints(b, h, &n_hints, &hints, err);
    if (rc) return rc;
    for (int i = 0; i < n_hints; i++)
        cap += hints[i].n_args;
    struct table_option *opts = ARENA_NEW_N(b->a, struct table_option, cap + 1);
    struct rel_hint *others = ARENA_NEW_N(b->a, struct rel_hint, n_hints + 1);
    int n_others = 0;
    if (n) memcpy(opts, t->options, sizeof(*opts) * (size_t)n);
    for (int i = 0; i < n_hints; i++) {
        if (strcmp(hints[i].name, "OPTIONS") != 0) {
            others[n_others++] = hints[i];
            continue;
        }
        if (!b->s->settings.table_hints)
            return invalid(&h->items[i].name.span, err,
                           "OPTIONS hints are off: SET 'table.dynamic-table-options.enabled' = "
                           "'true'");
        for (int k = 0; k < hints[i].n_args; k++) {
            const struct table_option *o = &hints[i].args[k];
            if (!o->key)
                return invalid(&h->items[i].name.span, err, "OPTIONS takes 'key' = 'value' pairs");
            int at = 0;
            while (at < n && strcmp(opts[at].key, o->key) != 0)
                at++;
            opts[at] = *o;
            if (at == n) n++;
        }
    }
    scan->u.scan.options = opts;
    scan->u.scan.n_options = n;
    scan->n_hints = n_others;
    scan->hints = others;
    return 0;
}

static bool names_table(const struct scope *s, const char *name) {
    for (int i = 0; i < s->n_tables; i++)
        if (s->tables[i].alias && !strcmp(s->tables[i].alias, name)) return true;
    return false;
}

void hint_ttls(struct binder *b, struct rel *r, const struct scope *const *scopes) {
    int64_t *ttl = NULL;
    for (int i = 0; i < r->n_hints; i++) {
        const struct rel_hint *h = &r->hints[i];
        for (int k = 0; !strcmp(h->name, "STATE_TTL") && k < h->n_args; k++)
            for (int s = 0; s < r->n_inputs; s++) {
                struct err ignored = ERR_INIT; /* check_hints reports it */
                int64_t ms;
                if (!h->args[k].key || !names_table(scopes[s], h->args[k].key) ||
                    opt_parse_duration_ms(h->args[k].value, &ms, &ignored))
                    continue;
                if (!ttl) {
                    ttl = ARENA_NEW_N(b->a, int64_t, r->n_inputs);
                    memset(ttl, -1, sizeof(*ttl) * (size_t)r->n_inputs);
                }
                ttl[s] = ms;
            }
    }
    r->ttl_ms = ttl;
}

void hint_lookup(struct binder *b, struct rel *r, const struct scope *right) {
    struct rel_hint *mine = ARENA_NEW_N(b->a, struct rel_hint, r->n_hints + 1);
    int n = 0;
    for (int i = 0; i < r->n_hints; i++) {
        bool other = false;
        for (int k = 0; k < r->hints[i].n_args; k++) {
            const struct table_option *a = &r->hints[i].args[k];
            other |= a->key && !strcasecmp(a->key, "table") && !names_table(right, a->value);
        }
        if (!strcmp(r->hints[i].name, "LOOKUP") && !other) mine[n++] = r->hints[i];
    }
    r->hints = mine;
    r->n_hints = n;
}

int check_hints(const struct scope *s, const struct rel_hint *hints, int n, struct err *err) {
    for (int i = 0; i < n; i++) {
        const struct rel_hint *h = &hints[i];
        bool lookup = !strcmp(h->name, "LOOKUP"), ttl = !strcmp(h->name, "STATE_TTL");
        for (int k = 0; k < h->n_args; k++) {
            const struct table_option *a = &h->args[k];
            int64_t ms;
            if (ttl && opt_parse_duration_ms(a->value, &ms, err)) {
                err->line = h->line;
                err->column = h->column;
                return err_wrap(err, "hint STATE_TTL");
            }
            if (lookup && (!a->key || strcasecmp(a->key, "table") != 0)) continue;
            const char *name = ttl ? a->key : a->value;
            if (name && names_table(s, name)) continue;
            const char *names[64];
            size_t n_names = 0;
            for (int t = 0; t < s->n_tables && n_names < ARRAY_LEN(names); t++)
                if (s->tables[t].alias) names[n_names++] = s->tables[t].alias;
            const char *near = name ? str_nearest(name, names, n_names) : NULL;
            return err_set_at(err, ERR_VALIDATION, h->line, h->column,
                              "hint %s: '%s' is no table of this FROM%s%s%s", h->name,
                              name ? name : a->value, near ? "; did you mean '" : "",
                              near ? near : "", near ? "'?" : "");
        }
    }
    return 0;
}

/* ---- tables ---- */

/* The columns as declared from those that the connector gives (map: their numbers, -1 = computed):
 * metadata in its declared type, computed columns computed. */
static int declared_row(struct binder *b, const struct table_desc *t, const struct rel *scan,
                        const int *map, const struct ast_span *at, const struct rel **ret,
                        struct err *err) {
    struct arena *a = b->a;
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, t->n_columns);
    const char **names = ARENA_NEW_N(a, const char *, t->n_columns);
    for (int i = 0; i < t->n_columns; i++) {
        const struct column_desc *c = &t->columns[i];
        names[i] = c->name;
        if (map[i] < 0) continue;
        exprs[i] = column_of(a, scan, map[i]);
        if (type_eq(exprs[i]->type, c->type)) continue;
        int rc = bind_cast_to(b, NULL, exprs[i], c->type, false, &exprs[i], err);
        if (rc) {
            err_wrap(err, "metadata column '%s'", c->name);
            return err_at(err, rc, at);
        }
    }
    for (int i = 0; i < t->n_columns; i++)
        if (map[i] < 0) exprs[i] = expr_substitute(a, t->columns[i].expr, exprs, t->n_columns);
    *ret = rel_project(a, scan, exprs, names, t->n_columns);
    return 0;
}

/* SCAN of the physical and metadata columns, PROJECT of all declared ones, WATERMARK. */
static int scan(struct binder *b, const struct table_desc *t, const struct ast_hints *hints,
                const struct ast_span *at, const struct rel **ret, struct err *err) {
    struct arena *a = b->a;
    int n = 0, *map = ARENA_NEW_N(a, int, t->n_columns + 1);
    bool computed = false; /* the declared row differs from what the connector gives */
    for (int i = 0; i < t->n_columns; i++) {
        bool real = t->columns[i].kind != COLUMN_COMPUTED;
        map[i] = real ? n++ : -1;
        computed |= !real || !type_eq(table_connector_type(a, t, i), t->columns[i].type);
    }
    const struct schema *s = schema_new(a, n);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < t->n_columns; i++)
        if (map[i] >= 0)
            f[map[i]] = (struct field){t->columns[i].name, table_connector_type(a, t, i)};
    struct rel *r = rel_new(a, REL_SCAN, s, NULL, 0);
    r->u.scan.table = t;
    r->line = at->line;
    r->column = at->column;
    int rc = apply_options(b, t, hints, r, err);
    if (rc) return rc;
    const struct rel *out = r;
    if (computed) rc = declared_row(b, t, r, map, at, &out, err);
    if (rc) return rc;
    if (t->watermark_column >= 0 && !b->batch) {
        struct rel *w = rel_new(a, REL_WATERMARK, table_schema(b->s, a, t), &out, 1);
        w->u.watermark.column = t->watermark_column;
        w->u.watermark.expr = t->watermark_expr;
        out = w;
    }
    *ret = out;
    return 0;
}

/* A view's query in the view's own scope of names, once a job. */
static int view(struct binder *b, const struct table_desc *t, const struct ast_ident *name,
                const struct rel **ret, struct err *err) {
    char key[32];
    snprintf(key, sizeof(key), "%p", (const void *)t);
    const struct rel *r = b->views ? map_get(b->views, key) : NULL;
    if (!r) {
        if (b->depth >= BIND_DEPTH_MAX)
            return invalid(&name->base.span, err, "views nested more than %d deep", BIND_DEPTH_MAX);
        struct binder in = *b;
        in.catalog = t->view_catalog;
        in.database = t->view_database;
        in.ctes = NULL;
        in.depth++;
        in.null_ok = false;
        int rc = bind_query(&in, AST_TO(query, t->view_query), NULL, &r, err);
        if (rc) {
            if (err) { /* places within the view's text would mislead */
                err->line = name->base.span.line;
                err->column = name->base.span.column;
            }
            err_wrap(err, "view '%s'", t->name);
            return rc;
        }
        const struct rel *named = r;
        if (t->view_schema->n == r->schema->n) {
            const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, r->schema->n + 1);
            const char **names = ARENA_NEW_N(b->a, const char *, r->schema->n + 1);
            bool same = true;
            for (int i = 0; i < r->schema->n; i++) {
                exprs[i] = column_of(b->a, r, i);
                names[i] = t->view_schema->fields[i].name;
                same &= !strcmp(names[i], r->schema->fields[i].name);
            }
            if (!same) named = rel_project(b->a, r, exprs, names, r->schema->n);
        } else {
            return invalid(&name->base.span, err,
                           "view '%s' had %d columns when it was made, its query gives %d now",
                           t->name, t->view_schema->n, r->schema->n);
        }
        r = named;
        if (b->views) map_put(b->views, key, (void *)r);
    }
    *ret = r;
    return 0;
}

static int connector_of(const struct table_desc *t, const struct ast_span *at,
                        const struct connector_desc **ret, struct err *err) {
    const char *name = table_option(t, "connector");
    if (!name) {
        const char *old = table_option(t, "connector.type");
        if (old)
            return unsupported(at, err,
                               "table '%s' uses the old option 'connector.type' = '%s'; use "
                               "'connector' = '%s'",
                               t->name, old, old);
        return invalid(at, err, "table '%s' has no 'connector' option", t->name);
    }
    *ret = connector_find(name);
    if (*ret && !((*ret)->caps & CONNECTOR_HIDDEN)) return 0;
    size_t n, n_names = 0;
    const struct connector_desc *const *all = connector_all(&n);
    const char **names = mem_calloc(n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++)
        if (!(all[i]->caps & CONNECTOR_HIDDEN)) names[n_names++] = all[i]->name;
    const char *near = str_nearest(name, names, n_names);
    int rc = invalid(at, err, "table '%s': no connector '%s'%s%s%s", t->name, name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
    return rc;
}

/* Metadata columns are keys that the connector has, and writable ones in a sink. */
static int check_metadata(const struct table_desc *t, bool as_sink, const struct ast_span *at,
                          struct err *err) {
    for (int i = 0; i < t->n_columns; i++) {
        const struct column_desc *c = &t->columns[i];
        if (c->kind != COLUMN_METADATA || (as_sink && c->is_virtual)) continue;
        const struct metadata_key *m = table_metadata(t, i);
        if (m && as_sink && !m->writable)
            return invalid(at, err,
                           "table '%s': metadata '%s' of connector '%s' can't be written; declare "
                           "column '%s' VIRTUAL",
                           t->name, m->key, t->connector->name, c->name);
        if (m) continue;
        const char *names[64];
        size_t n = 0;
        for (m = t->connector->metadata; m && m->key && n < ARRAY_LEN(names); m++)
            names[n++] = m->key;
        const char *near = str_nearest(c->metadata_key, names, n);
        return invalid(at, err, "table '%s': connector '%s' has no metadata '%s'%s%s%s", t->name,
                       t->connector->name, c->metadata_key, near ? "; did you mean '" : "",
                       near ? near : "", near ? "'?" : "");
    }
    return 0;
}

int table_use(const struct table_desc *t, bool as_sink, const struct ast_span *at,
              struct err *err) {
    const struct connector_desc *c = NULL;
    int rc = connector_of(t, at, &c, err);
    if (rc) return rc;
    if (as_sink ? !(c->caps & CONNECTOR_SINK) : !(c->caps & (CONNECTOR_SOURCE | CONNECTOR_LOOKUP)))
        return invalid(at, err, "table '%s': connector '%s' can be used as a %s only, not as a %s",
                       t->name, c->name, as_sink ? "source" : "sink", as_sink ? "sink" : "source");
    ((struct table_desc *)t)->connector = c;
    return check_metadata(t, as_sink, at, err);
}

int bind_table(struct binder *b, const struct ast_ident *name, const struct ast_hints *hints,
               const struct rel **ret, const struct table_desc **ret_table, struct err *err) {
    *ret_table = NULL;
    if (name->parts.n == 1) {
        for (const struct cte *c = b->ctes; c; c = c->next) {
            if (strcmp(c->name, name->parts.items[0].text) != 0) continue;
            if (!c->rel)
                return unsupported(&name->base.span, err, "WITH RECURSIVE: '%s' refers to itself",
                                   c->name);
            if (hints->n)
                return invalid(&hints->items[0].name.span, err,
                               "hints can't stand behind a "
                               "WITH query");
            *ret = c->rel;
            return 0;
        }
    }
    const struct table_desc *t;
    const char *catalog = b->s->catalog, *database = b->s->database;
    b->s->catalog = b->catalog;
    b->s->database = b->database;
    int rc = session_need_table(b->s, &name->parts, &t, err);
    b->s->catalog = catalog;
    b->s->database = database;
    if (rc) return rc;
    *ret_table = t;
    if (table_is_view(t)) {
        if (hints->n)
            return invalid(&hints->items[0].name.span, err,
                           "view '%s' can't take OPTIONS: hints go to its tables", t->name);
        return view(b, t, name, ret, err);
    }
    rc = table_use(t, false, &name->base.span, err);
    return rc ? rc : scan(b, t, hints, &name->base.span, ret, err);
}

/* ---- aliases ---- */

/* AS t(a, b): the row under other names. */
static int rename_columns(struct binder *b, const struct ast_source *src, const struct rel **rel,
                          struct err *err) {
    size_t n = src->columns.n;
    if (!n) return 0;
    if (n != (size_t)(*rel)->schema->n)
        return invalid(&src->columns.items[0].span, err,
                       "alias '%s' has %zu columns, but the table has %d",
                       src->alias ? src->alias->text : "", n, (*rel)->schema->n);
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, n);
    const char **names = ARENA_NEW_N(b->a, const char *, n);
    for (size_t i = 0; i < n; i++) {
        exprs[i] = column_of(b->a, *rel, (int)i);
        names[i] = src->columns.items[i].text;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(names[k], names[i]))
                return invalid(&src->columns.items[i].span, err, "column alias '%s' occurs twice",
                               names[i]);
    }
    *rel = rel_project(b->a, *rel, exprs, names, (int)n);
    return 0;
}

static int finish(struct binder *b, const struct ast_source *src, const char *name,
                  const struct rel *rel, struct from_item *ret, struct err *err) {
    if (src->sample) return unsupported(&src->base.span, err, "TABLESAMPLE");
    if (src->match) {
        struct from_item in = {rel, scope_new(b->a, rel->schema, name)};
        int rc = bind_match(b, src->match, &in, &rel, err);
        if (rc) return rc;
        name = NULL;
    }
    int rc = rename_columns(b, src, &rel, err);
    if (rc) return rc;
    ret->rel = rel;
    ret->scope = scope_new(b->a, rel->schema, src->alias ? src->alias->text : name);
    return 0;
}

static int table_ref(struct binder *b, const struct ast_table_ref *t, struct from_item *ret,
                     struct err *err) {
    const struct rel *rel;
    const struct table_desc *desc;
    if (t->src.as_of)
        return invalid(&t->src.as_of->span, err,
                       "FOR SYSTEM_TIME AS OF needs a table to join with: left JOIN table FOR "
                       "SYSTEM_TIME AS OF left.time");
    int rc = bind_table(b, t->table, &t->hints, &rel, &desc, err);
    if (!rc)
        rc = finish(b, &t->src, t->table->parts.items[t->table->parts.n - 1].text, rel, ret, err);
    if (rc) return rc;
    if (desc && !t->src.alias) {
        ret->scope->tables[0].catalog = desc->catalog;
        ret->scope->tables[0].database = desc->database;
    }
    return 0;
}

/* FROM f(...): window functions; what else there is in Flink is named. */
static int table_func(struct binder *b, const struct ast_table_func *f, const struct scope *outer,
                      struct from_item *ret, struct err *err) {
    enum window_type type;
    const char *name = f->call->name->parts.items[f->call->name->parts.n - 1].text;
    const struct ast_span *at = &f->call->base.span;
    if (is_changelog_ptf(f->call)) {
        const struct rel *rel;
        int rc = bind_changelog_ptf(b, f->call, outer, &rel, err);
        return rc ? rc : finish(b, &f->src, NULL, rel, ret, err);
    }
    if (!is_window_tvf(f->call, &type)) {
        static const char *const known[] = {"ML_PREDICT", "ML_EVALUATE", "VECTOR_SEARCH",
                                            "SEARCH_KEY"};
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (!strcasecmp(known[i], name))
                return unsupported(at, err, "the table function %s", known[i]);
        static const char *const windows[] = {"CUMULATE", "HOP", "SESSION", "TUMBLE"};
        const char *near = str_nearest(name, windows, ARRAY_LEN(windows));
        return invalid(at, err, "no table function '%s'%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (f->hints.n)
        return unsupported(&f->hints.items[0].name.span, err, "hints of a table function");
    const struct rel *rel;
    int rc = bind_window_tvf(b, f->call, outer, &rel, err);
    return rc ? rc : finish(b, &f->src, NULL, rel, ret, err);
}

static int derived(struct binder *b, const struct ast_derived *d, const struct scope *outer,
                   struct from_item *ret, struct err *err) {
    const struct rel *rel;
    if (d->src.as_of) return unsupported(&d->src.as_of->span, err, "FOR SYSTEM_TIME AS OF a query");
    int rc = bind_query(b, d->query, outer, &rel, err);
    return rc ? rc : finish(b, &d->src, NULL, rel, ret, err);
}

/* UNNEST or a table function that nothing stands in front of: over one row, which is dropped again.
 */
static int lone_unnest(struct binder *b, const struct ast *node, const struct scope *outer,
                       struct from_item *ret, struct err *err) {
    const struct rel *one = rel_one_row(b->a);
    struct from_item left = {one, scope_new(b->a, one->schema, NULL)}, both;
    left.scope->n_tables = left.scope->n_star = 0;
    left.scope->outer = outer;
    struct ast_join j = {.base = {.kind = AST_JOIN, .span = node->span},
                         .join = AST_JOIN_CROSS,
                         .right = (struct ast *)node};
    int rc = bind_join(b, &j, &left, outer, &both, err);
    if (rc) return rc;
    int n = both.rel->schema->n - 1, *cols = ARENA_NEW_N(b->a, int, n + 1);
    for (int i = 0; i < n; i++)
        cols[i] = i + 1;
    ret->rel = rel_columns(b->a, both.rel, cols, n);
    const char *alias = NULL;
    for (int i = 0; i < both.scope->n_tables; i++)
        alias = both.scope->tables[i].alias;
    ret->scope = scope_new(b->a, ret->rel->schema, alias);
    return 0;
}

int bind_from(struct binder *b, const struct ast *node, const struct from_item *left,
              const struct scope *outer, struct from_item *ret, struct err *err) {
    switch (node->kind) {
    case AST_TABLE_REF:
        return table_ref(b, AST_TO(table_ref, node), ret, err);
    case AST_DERIVED:
        return derived(b, AST_TO(derived, node), outer, ret, err);
    case AST_TABLE_FUNC:
        if (is_user_table_function(b, node)) return lone_unnest(b, node, outer, ret, err);
        return table_func(b, AST_TO(table_func, node), outer, ret, err);
    case AST_UNNEST:
        return lone_unnest(b, node, outer, ret, err);
    case AST_JOIN: {
        struct from_item l;
        const struct ast_join *j = AST_TO(join, node);
        int rc = bind_from(b, j->left, left, outer, &l, err);
        return rc ? rc : bind_join(b, j, &l, outer, ret, err);
    }
    default:
        return unsupported(&node->span, err, "%s in FROM", ast_kind_name(node->kind));
    }
}
