/* bind_ddl.c - CREATE TABLE, with LIKE and AS SELECT. */
#include "sql/table_build.h"

#include <string.h>

/* ---- LIKE ---- */

static enum ast_like_strategy like_strategy(const struct ast_create_table *c,
                                            enum ast_like_feature feature) {
    enum ast_like_strategy all = AST_INCLUDING;
    bool overwrites = feature == AST_FEATURE_OPTIONS || feature == AST_FEATURE_GENERATED ||
                      feature == AST_FEATURE_METADATA || feature == AST_FEATURE_WATERMARKS;
    for (size_t i = 0; i < c->n_like_options; i++)
        if (c->like_options[i].feature == AST_FEATURE_ALL) all = c->like_options[i].strategy;
    for (size_t i = 0; i < c->n_like_options; i++)
        if (c->like_options[i].feature == feature) return c->like_options[i].strategy;
    if (all == AST_EXCLUDING) return AST_EXCLUDING;
    return feature == AST_FEATURE_OPTIONS && overwrites ? AST_OVERWRITING : AST_INCLUDING;
}

static enum ast_like_feature column_feature(enum column_kind k) {
    return k == COLUMN_METADATA ? AST_FEATURE_METADATA : AST_FEATURE_GENERATED;
}

static void like_columns(struct table_build *t, const struct ast_create_table *c,
                         const struct table_desc *src) {
    for (int i = 0; i < src->n_columns; i++) {
        const struct column_desc *d = &src->columns[i];
        if (d->kind != COLUMN_PHYSICAL &&
            like_strategy(c, column_feature(d->kind)) == AST_EXCLUDING)
            continue;
        table_build_push(t, d, NULL);
    }
}

/* Columns of src come first; an expression refers to declared columns by number, so it moves with
 * them. */
static void like_renumber(struct table_build *t, const struct table_desc *src) {
    int *map = ARENA_NEW_N(t->b.a, int, src->n_columns + 1);
    for (int i = 0; i < src->n_columns; i++)
        map[i] = MAX(table_build_find(t, src->columns[i].name), 0);
    for (int i = 0; i < t->n_columns; i++)
        if (t->columns[i].expr)
            t->columns[i].expr = expr_remap(t->b.a, t->columns[i].expr, map, src->n_columns);
    if (t->watermark_expr)
        t->watermark_expr = expr_remap(t->b.a, t->watermark_expr, map, src->n_columns);
}

static int like(struct table_build *t, const struct ast_create_table *c, struct err *err) {
    const struct table_desc *src;
    int rc = session_need_table(t->x->s, &c->like->parts, &src, err);
    if (rc) {
        err_wrap(err, "LIKE");
        return rc;
    }
    const struct ast_span *at = &c->like->base.span;
    if (table_is_view(src)) return invalid(at, err, "LIKE: '%s' is a view", src->name);
    like_columns(t, c, src);
    if (src->watermark_column >= 0 && like_strategy(c, AST_FEATURE_WATERMARKS) != AST_EXCLUDING) {
        t->watermark_column = table_build_find(t, src->columns[src->watermark_column].name);
        if (t->watermark_column < 0)
            return invalid(at, err,
                           "LIKE: WATERMARK FOR '%s' needs that computed column: "
                           "EXCLUDING WATERMARKS too",
                           src->columns[src->watermark_column].name);
        t->watermark_expr = src->watermark_expr;
        t->watermark_text = src->watermark_text;
    }
    like_renumber(t, src);
    if (src->n_primary_key && like_strategy(c, AST_FEATURE_CONSTRAINTS) != AST_EXCLUDING) {
        t->keys = ARENA_NEW_N(t->b.a, const char *, src->n_primary_key);
        for (int i = 0; i < src->n_primary_key; i++)
            t->keys[t->n_keys++] = src->columns[src->primary_key[i]].name;
    }
    if (src->n_partition_keys && like_strategy(c, AST_FEATURE_PARTITIONS) != AST_EXCLUDING) {
        t->partitions = ARENA_NEW_N(t->b.a, const char *, src->n_partition_keys);
        for (int i = 0; i < src->n_partition_keys; i++)
            t->partitions[t->n_partitions++] = src->columns[src->partition_keys[i]].name;
    }
    enum ast_like_strategy opts = like_strategy(c, AST_FEATURE_OPTIONS);
    for (int i = 0; opts != AST_EXCLUDING && i < src->n_options; i++) {
        for (size_t k = 0; opts == AST_INCLUDING && k < c->options.n; k++)
            if (!strcmp(c->options.items[k].key, src->options[i].key))
                return invalid(&c->options.items[k].span, err,
                               "option '%s' is in the LIKE table too: use OVERWRITING OPTIONS",
                               c->options.items[k].key);
        table_build_option(t, src->options[i].key, src->options[i].value);
    }
    /* The watermark of the new table replaces the one taken over, if that is asked for. */
    if (c->schema.watermark && t->watermark_column >= 0) {
        if (like_strategy(c, AST_FEATURE_WATERMARKS) != AST_OVERWRITING)
            return invalid(&c->schema.watermark->span, err,
                           "the LIKE table has a watermark: use OVERWRITING or EXCLUDING "
                           "WATERMARKS");
        t->watermark_column = -1;
        t->watermark_expr = NULL;
    }
    return 0;
}

/* ---- AS SELECT ---- */

static int as_columns(struct table_build *t, const struct ast_create_table *c,
                      const struct rel *query, struct err *err) {
    struct arena *a = t->b.a;
    const struct schema *s = query->schema;
    for (int i = 0; i < s->n; i++) {
        const struct type *type = type_with_time_attr(a, s->fields[i].type, TIME_ATTR_NONE);
        int at = table_build_find(t, s->fields[i].name);
        if (at >= 0) continue;
        struct column_desc d = {.name = arena_strdup(a, s->fields[i].name),
                                .type = type_copy(a, type)};
        if (type->kind == TYPE_NULL)
            return invalid(&c->as_query->base.span, err,
                           "column '%s' has no type: write "
                           "CAST(NULL AS type)",
                           d.name);
        table_build_push(t, &d, NULL);
    }
    return 0;
}

int check_new_object(struct exec *x, const struct ast_ident *name, const struct object_path *path,
                     bool temporary, bool if_not_exists, const char *what, bool *ret_skip,
                     struct err *err) {
    *ret_skip = false;
    const struct ast_span *at = &name->base.span;
    if (!session_catalog(x->s, path->catalog))
        return invalid(at, err, "no catalog '%s'", path->catalog);
    if (!session_database(x->s, path->catalog, path->database))
        return invalid(at, err, "no database '%s' in catalog '%s'", path->database, path->catalog);
    const struct table_desc *t = session_find_table(x->s, path);
    if (!t || t->temporary != temporary) return 0;
    if (if_not_exists) {
        *ret_skip = true;
        exec_done(x, what, "exists already: left as it is");
        return 0;
    }
    return invalid(at, err, "%s '%s' exists already", table_is_view(t) ? "view" : "table",
                   object_path_text(x->a, path));
}

static int unsupported_clauses(const struct ast_create_table *c, struct err *err) {
    const struct ast_span *at = &c->base.span;
    if (c->materialized) return unsupported(at, err, "CREATE MATERIALIZED TABLE");
    if (c->distribution.kind) return unsupported(at, err, "DISTRIBUTED BY");
    if (c->mode == AST_CREATE_OR_ALTER) return unsupported(at, err, "CREATE OR ALTER TABLE");
    return 0;
}

/* CREATE TABLE ... AS SELECT: the table, then an INSERT of the query's columns by name. */
static int insert_query(struct exec *x, const struct ast_create_table *c, const struct rel *query,
                        const struct table_desc *t, struct err *err) {
    struct binder b;
    struct map views;
    map_init(&views);
    binder_init(&b, x->s, x->a, x->sql_text, &views);
    struct ast_insert ins = {.base = c->base, .table = c->name, .query = c->as_query};
    ins.base.kind = AST_INSERT;
    ins.n_columns = (size_t)query->schema->n;
    ins.columns = ARENA_NEW_N(x->a, struct ast_ident *, ins.n_columns + 1);
    for (size_t i = 0; i < ins.n_columns; i++) {
        struct ast_name *word = ARENA_NEW(x->a, struct ast_name);
        *word = (struct ast_name){query->schema->fields[i].name, true, c->base.span};
        ins.columns[i] = ARENA_NEW(x->a, struct ast_ident);
        *ins.columns[i] = (struct ast_ident){.base = {.kind = AST_IDENT, .span = c->base.span},
                                             .parts = {word, 1}};
    }
    const struct rel **sinks = ARENA_NEW_N(x->a, const struct rel *, 1);
    int rc = bind_insert(&b, &ins, &sinks[0], err);
    map_release(&views, NULL);
    if (rc) {
        session_drop_table(x->s, t);
        return rc;
    }
    x->ret->kind = STATEMENT_INSERT;
    x->ret->what = "CREATE TABLE AS";
    x->ret->n_sinks = 1;
    x->ret->sinks = sinks;
    return 0;
}

int exec_create_table(struct exec *x, const struct ast_create_table *c, struct err *err) {
    struct object_path path;
    bool skip;
    int rc = unsupported_clauses(c, err);
    if (!rc) rc = session_path(x->s, &c->name->parts, &path, err);
    bool replace = c->mode == AST_CREATE_OR_REPLACE || c->mode == AST_REPLACE;
    if (!rc)
        rc = check_new_object(x, c->name, &path, c->temporary, c->if_not_exists || replace,
                              "CREATE TABLE", &skip, err);
    if (rc || (skip && !replace)) return rc;
    struct table_build t = {.x = x, .watermark_column = -1};
    binder_init(&t.b, x->s, &x->s->arena, x->sql_text, NULL);
    const struct rel *query = NULL;
    if (c->like) rc = like(&t, c, err);
    if (!rc) rc = table_build_schema(&t, &c->schema, err);
    if (!rc && c->as_query) {
        struct binder qb;
        binder_init(&qb, x->s, x->a, x->sql_text, NULL);
        rc = bind_query(&qb, c->as_query, NULL, &query, err);
        if (!rc) rc = as_columns(&t, c, query, err);
    }
    if (!rc) rc = table_build_computed(&t, &path, err);
    if (!rc) rc = table_build_watermark(&t, &path, err);
    if (!rc) rc = table_build_partitions(&t, &c->partitioned_by, err);
    if (!rc) rc = table_build_options(&t, &c->options, err);
    if (rc) return rc;
    const struct table_desc *d = table_build_finish(&t, &path, c->temporary, c->comment);
    rc = session_put_table(x->s, d, err);
    if (rc) return rc;
    if (c->as_query) return insert_query(x, c, query, d, err);
    exec_done(x, "CREATE TABLE", NULL);
    return 0;
}
