/* session_execute.c - one statement: carried out here, or bound to logical plans. */
#include "sql/bind.h"
#include "sql/parse.h"

#include "base/core/mem.h"

#include <string.h>

int exec_query(struct exec *x, const struct ast_query *q, struct err *err) {
    struct binder b;
    struct map views;
    map_init(&views);
    binder_init(&b, x->s, x->a, x->sql_text, &views);
    const struct rel *r;
    int rc = bind_query(&b, q, NULL, &r, err);
    map_release(&views, NULL);
    if (rc) return rc;
    const struct rel **sinks = ARENA_NEW_N(x->a, const struct rel *, 1);
    sinks[0] = bind_collect(&b, r, &q->base);
    x->ret->kind = STATEMENT_QUERY;
    x->ret->what = "SELECT";
    x->ret->schema = r->schema;
    x->ret->n_sinks = 1;
    x->ret->sinks = sinks;
    return 0;
}

/* Of one job: views are bound once for all of them. */
int exec_inserts(struct exec *x, const struct ast_list *inserts, const char *what,
                 struct err *err) {
    struct binder b;
    struct map views;
    int rc = 0;
    map_init(&views);
    const struct rel **sinks = ARENA_NEW_N(x->a, const struct rel *, inserts->n + 1);
    for (size_t i = 0; !rc && i < inserts->n; i++) {
        const struct ast *stmt = inserts->items[i];
        binder_init(&b, x->s, x->a, x->sql_text, &views);
        rc = bind_insert(&b, AST_TO(insert, stmt), &sinks[i], err);
    }
    map_release(&views, NULL);
    if (rc) return rc;
    x->ret->kind = STATEMENT_INSERT;
    x->ret->what = what;
    x->ret->n_sinks = (int)inserts->n;
    x->ret->sinks = sinks;
    return 0;
}

/* ---- views ---- */

/* The query's text, so that it can be parsed again into the session's arena and shown. */
static const char *query_text(struct exec *x, const struct ast_query *q) {
    if (x->sql_text && q->base.span.end > q->base.span.begin)
        return arena_strndup(&x->s->arena, x->sql_text + q->base.span.begin,
                             q->base.span.end - q->base.span.begin);
    AUTO_STR text = STR_INIT;
    ast_print(&q->base, &text);
    return arena_strdup(&x->s->arena, str_text(&text));
}

static int view_schema(struct exec *x, const struct ast_create_view *c, const struct schema *query,
                       const struct schema **ret, struct err *err) {
    struct arena *a = &x->s->arena;
    if (c->columns.n && c->columns.n != (size_t)query->n)
        return invalid(&c->columns.items[0].span, err,
                       "view and query do not match: the view names %zu columns, its query has %d",
                       c->columns.n, query->n);
    const struct schema *s = schema_copy(a, query);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < s->n; i++) {
        if (c->columns.n) f[i].name = arena_strdup(a, c->columns.items[i].text);
        for (int k = 0; k < i; k++)
            if (!strcmp(f[k].name, f[i].name))
                return invalid(&c->name->base.span, err, "column '%s' occurs twice in the view",
                               f[i].name);
    }
    *ret = s;
    return 0;
}

int exec_create_view(struct exec *x, const struct ast_create_view *c, struct err *err) {
    struct arena *a = &x->s->arena;
    struct object_path path;
    bool skip;
    bool replace = c->mode == AST_CREATE_OR_REPLACE || c->mode == AST_REPLACE;
    if (c->mode == AST_CREATE_OR_ALTER)
        return unsupported(&c->base.span, err, "CREATE OR ALTER VIEW");
    int rc = session_path(x->s, &c->name->parts, &path, err);
    if (!rc)
        rc = check_new_object(x, c->name, &path, c->temporary, c->if_not_exists || replace,
                              "CREATE VIEW", &skip, err);
    if (rc || (skip && !replace)) return rc;
    struct binder b;
    binder_init(&b, x->s, x->a, x->sql_text, NULL);
    const struct rel *r;
    const struct schema *schema = NULL;
    rc = bind_query(&b, c->query, NULL, &r, err);
    if (!rc) rc = view_schema(x, c, r->schema, &schema, err);
    if (rc) return rc;
    const char *text = query_text(x, c->query);
    struct ast_query *parsed;
    rc = sql_parse_query(a, text, strlen(text), &parsed, err);
    if (rc) return err_wrap(err, "view '%s'", path.name);
    struct table_desc *t = ARENA_NEW(a, struct table_desc);
    *t = (struct table_desc){.catalog = arena_strdup(a, path.catalog),
                             .database = arena_strdup(a, path.database),
                             .name = arena_strdup(a, path.name),
                             .temporary = c->temporary,
                             .watermark_column = -1,
                             .comment = arena_strdup(a, c->comment),
                             .view_query = &parsed->base,
                             .view_text = text,
                             .view_schema = schema,
                             .view_catalog = x->s->catalog,
                             .view_database = x->s->database};
    rc = session_put_table(x->s, t, err);
    if (rc) return rc;
    exec_done(x, "CREATE VIEW", NULL);
    return 0;
}

/* ---- DROP ---- */

static int drop_table(struct exec *x, const struct ast_drop *d, struct err *err) {
    bool view = d->object == AST_OBJECT_VIEW;
    const char *what = view ? "DROP VIEW" : "DROP TABLE", *kind = view ? "view" : "table";
    struct object_path path;
    int rc = session_path(x->s, &d->name->parts, &path, err);
    if (rc) return rc;
    const struct table_desc *t = session_find_table(x->s, &path);
    if (t && table_is_view(t) != view) {
        return invalid(&d->name->base.span, err, "'%s' is a %s: use DROP %s", path.name,
                       view ? "table" : "view", view ? "TABLE" : "VIEW");
    }
    if (t && d->temporary && !t->temporary) t = NULL;
    if (t && t->temporary && !d->temporary)
        return invalid(&d->name->base.span, err,
                       "there is a temporary %s '%s': use DROP TEMPORARY %s first", kind, path.name,
                       view ? "VIEW" : "TABLE");
    if (!t) {
        if (!d->if_exists)
            return invalid(&d->name->base.span, err, "no %s%s '%s'",
                           d->temporary ? "temporary " : "", kind, object_path_text(x->a, &path));
        exec_done(x, what, "there is none");
        return 0;
    }
    session_drop_table(x->s, t);
    exec_done(x, what, NULL);
    return 0;
}

static int drop_database(struct exec *x, const struct ast_drop *d, struct err *err) {
    struct session *s = x->s;
    const struct ast_names *n = &d->name->parts;
    const char *cat = n->n == 2 ? n->items[0].text : s->catalog, *name = n->items[n->n - 1].text;
    struct database *db = session_database(s, cat, name);
    if (!db) {
        if (!d->if_exists)
            return invalid(&d->name->base.span, err, "no database '%s' in catalog '%s'", name, cat);
        exec_done(x, "DROP DATABASE", "there is none");
        return 0;
    }
    if (!strcmp(cat, s->catalog) && !strcmp(name, s->database))
        return invalid(&d->name->base.span, err, "the current database can't be dropped");
    if (!d->cascade && (map_size(&db->tables) || map_size(&db->functions)))
        return invalid(&d->name->base.span, err,
                       "database '%s' is not empty: DROP DATABASE ... CASCADE", name);
    map_remove(&session_catalog(s, cat)->databases, name);
    map_release(&db->tables, NULL);
    map_release(&db->functions, NULL);
    exec_done(x, "DROP DATABASE", NULL);
    return 0;
}

static int drop_catalog(struct exec *x, const struct ast_drop *d, struct err *err) {
    const char *name = d->name->parts.items[0].text;
    struct catalog *c = session_catalog(x->s, name);
    if (!c && !d->if_exists) return invalid(&d->name->base.span, err, "no catalog '%s'", name);
    if (c && !strcmp(name, x->s->catalog))
        return invalid(&d->name->base.span, err, "the current catalog can't be dropped");
    if (c) {
        map_remove(&x->s->catalogs, name);
        struct map_entry e;
        for (size_t i = 0; map_next(&c->databases, &i, &e);) {
            struct database *db = e.value;
            map_release(&db->tables, NULL);
            map_release(&db->functions, NULL);
        }
        map_release(&c->databases, NULL);
    }
    exec_done(x, "DROP CATALOG", NULL);
    return 0;
}

int exec_drop(struct exec *x, const struct ast_drop *d, struct err *err) {
    switch (d->object) {
    case AST_OBJECT_TABLE:
    case AST_OBJECT_VIEW:
        return drop_table(x, d, err);
    case AST_OBJECT_FUNCTION:
        return exec_drop_function(x, d, err);
    case AST_OBJECT_DATABASE:
        return drop_database(x, d, err);
    case AST_OBJECT_CATALOG:
        return drop_catalog(x, d, err);
    default:
        return unsupported(&d->base.span, err, "DROP %s", ast_object_name(d->object));
    }
}

/* ---- dispatch ---- */

static int execute(struct exec *x, const struct ast *stmt, struct err *err);

static int statement_set(struct exec *x, const struct ast_statement_set *s, struct err *err) {
    if (!s->inserts.n) return invalid(&s->base.span, err, "a statement set needs an INSERT");
    return exec_inserts(x, &s->inserts, "STATEMENT SET", err);
}

static int insert(struct exec *x, const struct ast *stmt, struct err *err) {
    const struct ast_list one = {(struct ast **)&stmt, 1};
    return exec_inserts(x, &one, "INSERT", err);
}

/* What has a meaning in Flink and none here, by name. */
static int refuse(const struct ast *stmt, struct err *err) {
    const char *what = ast_kind_name(stmt->kind);
    switch (stmt->kind) {
    case AST_CREATE_MODEL:
        what = "CREATE MODEL";
        break;
    case AST_CREATE_CONNECTION:
        what = "CREATE CONNECTION";
        break;
    case AST_EXECUTE_PLAN:
        what = "EXECUTE PLAN";
        break;
    case AST_COMPILE_PLAN:
        what = "COMPILE PLAN";
        break;
    case AST_UPDATE:
        what = "UPDATE of a table";
        break;
    case AST_DELETE:
        what = "DELETE FROM a table";
        break;
    case AST_TRUNCATE:
        return invalid(&stmt->span, err,
                       "TRUNCATE TABLE is not supported in streaming mode, nor by "
                       "any connector");
    case AST_CALL_PROCEDURE:
        what = "CALL procedure";
        break;
    case AST_ANALYZE:
        what = "ANALYZE TABLE";
        break;
    case AST_JAR:
        what = "ADD JAR and REMOVE JAR";
        break;
    case AST_MODULE:
        what = "LOAD MODULE and UNLOAD MODULE";
        break;
    case AST_STOP_JOB:
        what = "STOP JOB in a script; use the command line";
        break;
    case AST_CLIENT:
        what = "a command of the SQL client (QUIT, CLEAR, HELP)";
        break;
    default:
        break;
    }
    return unsupported(&stmt->span, err, "%s", what);
}

static int execute(struct exec *x, const struct ast *stmt, struct err *err) {
    switch (stmt->kind) {
    case AST_QUERY:
        return exec_query(x, AST_TO(query, stmt), err);
    case AST_INSERT:
        return insert(x, stmt, err);
    case AST_STATEMENT_SET:
        return statement_set(x, AST_TO(statement_set, stmt), err);
    case AST_EXECUTE:
        return execute(x, AST_TO(execute, stmt)->stmt, err);
    case AST_CREATE_TABLE:
        return exec_create_table(x, AST_TO(create_table, stmt), err);
    case AST_CREATE_VIEW:
        return exec_create_view(x, AST_TO(create_view, stmt), err);
    case AST_CREATE_FUNCTION:
        return exec_create_function(x, AST_TO(create_function, stmt), err);
    case AST_CREATE_DATABASE:
        return exec_create_database(x, AST_TO(create_database, stmt), err);
    case AST_CREATE_CATALOG:
        return exec_create_catalog(x, AST_TO(create_catalog, stmt), err);
    case AST_DROP:
        return exec_drop(x, AST_TO(drop, stmt), err);
    case AST_ALTER:
        return exec_alter(x, AST_TO(alter, stmt), err);
    case AST_USE:
        return exec_use(x, AST_TO(use, stmt), err);
    case AST_SET:
        return exec_set(x, AST_TO(set, stmt), err);
    case AST_RESET:
        return exec_reset(x, AST_TO(reset, stmt), err);
    case AST_SHOW:
        return exec_show(x, AST_TO(show, stmt), err);
    case AST_DESCRIBE:
        return exec_describe(x, AST_TO(describe, stmt), err);
    case AST_EXPLAIN:
        return exec_explain(x, AST_TO(explain, stmt), err);
    default:
        return refuse(stmt, err);
    }
}

int session_execute(struct session *s, struct arena *a, const struct ast *stmt,
                    const char *sql_text, struct statement_result *ret, struct err *err) {
    struct statement_result result = {0};
    struct exec x = {s, a, sql_text, &result};
    int rc = execute(&x, stmt, err);
    if (rc) return err_at(err, rc, &stmt->span);
    *ret = result;
    return 0;
}
