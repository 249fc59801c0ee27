/* session_show.c - SHOW, DESCRIBE, EXPLAIN: small results of text. */
#include "sql/ast_print.h"
#include "sql/bind.h"
#include "sql/planner.h"

#include "base/core/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- result rows ---- */

void rows_begin(struct rows_result *r, struct exec *x, const char *const *names, int n_cols) {
    *r = (struct rows_result){.x = x, .n_cols = n_cols};
    const struct schema *s = schema_new(x->a, n_cols);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n_cols; i++)
        f[i] = (struct field){names[i], type_of(TYPE_VARCHAR)};
    x->ret->kind = STATEMENT_ROWS;
    x->ret->schema = s;
    x->ret->n_rows = 0;
}

void rows_add(struct rows_result *r, const char *const *cells) {
    struct statement_result *ret = r->x->ret;
    if (ret->n_rows == r->cap) {
        int cap = r->cap ? r->cap * 2 : 32;
        const char **more = ARENA_NEW_N(r->x->a, const char *, cap * r->n_cols);
        if (ret->n_rows) memcpy(more, r->cells, sizeof(*more) * (size_t)(ret->n_rows * r->n_cols));
        r->cells = more;
        r->cap = cap;
    }
    for (int i = 0; i < r->n_cols; i++)
        r->cells[ret->n_rows * r->n_cols + i] = arena_strdup(r->x->a, cells[i]);
    ret->n_rows++;
}

void rows_end(struct rows_result *r) {
    r->x->ret->cells = r->cells;
}

/* ---- LIKE ---- */

/* SQL's % and _, backslash escapes. */
static bool like(const char *p, const char *s, bool icase) {
    for (; *p; p++, s++) {
        if (*p == '%') {
            for (;; s++) {
                if (like(p + 1, s, icase)) return true;
                if (!*s) return false;
            }
        }
        if (!*s) return false;
        if (*p == '_') continue;
        if (*p == '\\' && p[1]) p++;
        int a = (unsigned char)*p, b = (unsigned char)*s;
        if (icase ? tolower(a) != tolower(b) : a != b) return false;
    }
    return !*s;
}

static bool shown(const struct ast_show *sh, const char *name) {
    return !sh->like || like(sh->like, name, sh->ilike) != sh->not_like;
}

static int text_cmp(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

struct names {
    size_t n, cap;
    const char **items;
};

static void add_name(struct names *l, const char *name) {
    MEM_GROW(l->items, l->n, l->cap);
    l->items[l->n++] = name;
}

/* Sorted, filtered, as one column; frees the list. */
static void list(struct exec *x, const struct ast_show *sh, const char *column, struct names *l) {
    struct rows_result r;
    rows_begin(&r, x, &column, 1);
    if (l->n) qsort(l->items, l->n, sizeof(*l->items), text_cmp);
    for (size_t i = 0; i < l->n; i++)
        if ((!i || strcmp(l->items[i - 1], l->items[i]) != 0) && shown(sh, l->items[i]))
            rows_add(&r, &l->items[i]);
    rows_end(&r);
    free(l->items);
}

/* ---- SHOW ---- */

static int show_database(struct exec *x, const struct ast_show *sh, const char **catalog,
                         struct database **ret, struct err *err) {
    struct session *s = x->s;
    const struct ast_names *n = sh->name ? &sh->name->parts : NULL;
    *catalog = n && n->n == 2 ? n->items[0].text : s->catalog;
    const char *name = n ? n->items[n->n - 1].text : s->database;
    *ret = session_database(s, *catalog, name);
    if (*ret) return 0;
    return invalid(n ? &sh->name->base.span : &sh->base.span, err,
                   "no database '%s' in catalog '%s'", name, *catalog);
}

static int show_tables(struct exec *x, const struct ast_show *sh, bool views_only,
                       struct err *err) {
    const char *catalog;
    struct database *d;
    int rc = show_database(x, sh, &catalog, &d, err);
    if (rc) return rc;
    struct names l = {0};
    struct map_entry e;
    for (size_t i = 0; map_next(&d->tables, &i, &e);)
        if (!views_only || table_is_view(e.value)) add_name(&l, e.key);
    for (size_t i = 0; map_next(&x->s->temp_tables, &i, &e);) {
        const struct table_desc *t = e.value;
        bool here = !strcmp(t->catalog, catalog) && !strcmp(t->database, d->name);
        if (here && (!views_only || table_is_view(t))) add_name(&l, t->name);
    }
    list(x, sh, views_only ? "view name" : "table name", &l);
    return 0;
}

/* With FROM a database: those of its catalog alone. */
static int show_functions(struct exec *x, const struct ast_show *sh, bool user_only,
                          struct err *err) {
    const char *catalog;
    struct database *d;
    int rc = show_database(x, sh, &catalog, &d, err);
    if (rc) return rc;
    bool all = !sh->name && !user_only;
    struct names l = {0};
    struct map_entry e;
    size_t n;
    const struct func *const *f = func_all(&n);
    for (size_t i = 0; i < n && all; i++)
        if (!(f[i]->flags & FUNC_HIDDEN) && isalpha((unsigned char)f[i]->name[0]) &&
            !strchr(f[i]->name, ' '))
            add_name(&l, f[i]->name);
    const struct agg *const *g = agg_all(&n);
    for (size_t i = 0; i < n && all; i++)
        if (g[i]->name[0] != '$') add_name(&l, g[i]->name);
    for (size_t i = 0; !sh->name && map_next(&x->s->temp_functions, &i, &e);)
        add_name(&l, e.key);
    for (size_t i = 0; map_next(&d->functions, &i, &e);)
        add_name(&l, e.key);
    list(x, sh, "function name", &l);
    return 0;
}

static void one_cell(struct exec *x, const char *column, const char *value) {
    struct rows_result r;
    rows_begin(&r, x, &column, 1);
    rows_add(&r, &value);
    rows_end(&r);
}

static void add_extras(const struct table_desc *t, int c, struct str *out) {
    const struct column_desc *col = &t->columns[c];
    if (col->kind == COLUMN_COMPUTED) {
        str_addf(out, "AS %s", col->expr_text);
    } else if (col->kind == COLUMN_METADATA) {
        str_add(out, "METADATA");
        if (strcmp(col->metadata_key, col->name) != 0)
            str_addf(out, " FROM '%s'", col->metadata_key);
        if (col->is_virtual) str_add(out, " VIRTUAL");
    }
}

/* name, type, null, key, extras, watermark: of a table or view, as DESCRIBE and SHOW COLUMNS. */
static void describe_columns(struct exec *x, const struct table_desc *t,
                             const struct ast_show *sh) {
    static const char *const names[] = {"name", "type", "null", "key", "extras", "watermark"};
    struct rows_result r;
    rows_begin(&r, x, names, 6);
    const struct schema *s = table_schema(x->s, x->a, t);
    for (int i = 0; i < s->n; i++) {
        if (sh && !shown(sh, s->fields[i].name)) continue;
        AUTO_STR type = STR_INIT, extras = STR_INIT, wm = STR_INIT, key = STR_INIT;
        type_print(type_with_null(x->a, s->fields[i].type, true), &type);
        if (!table_is_view(t)) add_extras(t, i, &extras);
        if (i == t->watermark_column) str_add(&wm, t->watermark_text);
        bool in_key = false;
        for (int k = 0; k < t->n_primary_key; k++)
            in_key |= t->primary_key[k] == i;
        if (in_key) {
            str_add(&key, "PRI(");
            for (int k = 0; k < t->n_primary_key; k++)
                str_addf(&key, "%s%s", k ? ", " : "", t->columns[t->primary_key[k]].name);
            str_add_char(&key, ')');
        }
        rows_add(&r, (const char *[]){s->fields[i].name, str_text(&type),
                                      s->fields[i].type->nullable ? "TRUE" : "FALSE",
                                      key.len ? str_text(&key) : NULL,
                                      extras.len ? str_text(&extras) : NULL,
                                      wm.len ? str_text(&wm) : NULL});
    }
    rows_end(&r);
}

static void add_quoted(const char *name, struct str *out) {
    str_add_char(out, '`');
    for (; *name; name++) {
        if (*name == '`') str_add_char(out, '`');
        str_add_char(out, *name);
    }
    str_add_char(out, '`');
}

static void add_literal(const char *text, struct str *out) {
    ast_print_string(text, strlen(text), out);
}

static void add_name_list(const struct table_desc *t, const int *cols, int n, struct str *out) {
    str_add_char(out, '(');
    for (int i = 0; i < n; i++) {
        if (i) str_add(out, ", ");
        add_quoted(t->columns[cols[i]].name, out);
    }
    str_add_char(out, ')');
}

static void create_table_text(const struct table_desc *t, struct str *out) {
    str_addf(out, "CREATE %sTABLE ", t->temporary ? "TEMPORARY " : "");
    add_quoted(t->catalog, out);
    str_add_char(out, '.');
    add_quoted(t->database, out);
    str_add_char(out, '.');
    add_quoted(t->name, out);
    str_add(out, " (");
    for (int i = 0; i < t->n_columns; i++) {
        const struct column_desc *c = &t->columns[i];
        str_add(out, i ? ",\n  " : "\n  ");
        add_quoted(c->name, out);
        str_add_char(out, ' ');
        if (c->kind != COLUMN_COMPUTED) type_print(c->type, out);
        if (c->kind == COLUMN_METADATA) str_add_char(out, ' ');
        add_extras(t, i, out);
        if (c->comment) {
            str_add(out, " COMMENT ");
            add_literal(c->comment, out);
        }
    }
    if (t->watermark_column >= 0) {
        str_add(out, ",\n  WATERMARK FOR ");
        add_quoted(t->columns[t->watermark_column].name, out);
        str_addf(out, " AS %s", t->watermark_text);
    }
    if (t->n_primary_key) {
        str_add(out, ",\n  PRIMARY KEY ");
        add_name_list(t, t->primary_key, t->n_primary_key, out);
        str_add(out, " NOT ENFORCED");
    }
    str_add(out, "\n)");
    if (t->comment) {
        str_add(out, "\nCOMMENT ");
        add_literal(t->comment, out);
    }
    if (t->n_partition_keys) {
        str_add(out, "\nPARTITIONED BY ");
        add_name_list(t, t->partition_keys, t->n_partition_keys, out);
    }
    if (t->n_options) str_add(out, "\nWITH (");
    for (int i = 0; i < t->n_options; i++) {
        str_add(out, i ? ",\n  " : "\n  ");
        add_literal(t->options[i].key, out);
        str_add(out, " = ");
        add_literal(opt_shown(t->options[i].key, t->options[i].value), out);
    }
    if (t->n_options) str_add(out, "\n)");
    str_add_char(out, '\n');
}

static int show_create(struct exec *x, const struct ast_show *sh, struct err *err) {
    const struct table_desc *t;
    if (sh->object != AST_OBJECT_TABLE && sh->object != AST_OBJECT_VIEW)
        return unsupported(&sh->base.span, err, "SHOW CREATE %s", ast_object_name(sh->object));
    int rc = session_need_table(x->s, &sh->name->parts, &t, err);
    if (rc) return rc;
    bool view = sh->object == AST_OBJECT_VIEW;
    if (table_is_view(t) != view)
        return invalid(&sh->name->base.span, err, "'%s' is a %s: use SHOW CREATE %s", t->name,
                       view ? "table" : "view", view ? "TABLE" : "VIEW");
    AUTO_STR text = STR_INIT;
    if (view) {
        str_addf(&text, "CREATE %sVIEW ", t->temporary ? "TEMPORARY " : "");
        add_quoted(t->catalog, &text);
        str_add_char(&text, '.');
        add_quoted(t->database, &text);
        str_add_char(&text, '.');
        add_quoted(t->name, &text);
        str_add(&text, " (");
        for (int i = 0; i < t->view_schema->n; i++) {
            str_add(&text, i ? ",\n  " : "\n  ");
            add_quoted(t->view_schema->fields[i].name, &text);
        }
        str_addf(&text, "\n)\nAS %s\n", t->view_text);
    } else {
        create_table_text(t, &text);
    }
    one_cell(x, view ? "create view" : "create table", str_text(&text));
    return 0;
}

int exec_show(struct exec *x, const struct ast_show *sh, struct err *err) {
    struct session *s = x->s;
    struct names l = {0};
    struct map_entry e;
    const struct table_desc *t;
    x->ret->what = "SHOW";
    switch (sh->show) {
    case AST_SHOW_CATALOGS:
        for (size_t i = 0; map_next(&s->catalogs, &i, &e);)
            add_name(&l, e.key);
        list(x, sh, "catalog name", &l);
        return 0;
    case AST_SHOW_CURRENT_CATALOG:
        one_cell(x, "current catalog name", s->catalog);
        return 0;
    case AST_SHOW_DATABASES: {
        const char *cat = sh->name ? sh->name->parts.items[0].text : s->catalog;
        struct catalog *c = session_catalog(s, cat);
        if (!c) return invalid(&sh->base.span, err, "no catalog '%s'", cat);
        for (size_t i = 0; map_next(&c->databases, &i, &e);)
            add_name(&l, e.key);
        list(x, sh, "database name", &l);
        return 0;
    }
    case AST_SHOW_CURRENT_DATABASE:
        one_cell(x, "current database name", s->database);
        return 0;
    case AST_SHOW_TABLES:
        return show_tables(x, sh, false, err);
    case AST_SHOW_VIEWS:
        return show_tables(x, sh, true, err);
    case AST_SHOW_COLUMNS: {
        int rc = session_need_table(s, &sh->name->parts, &t, err);
        if (!rc) describe_columns(x, t, sh);
        return rc;
    }
    case AST_SHOW_FUNCTIONS:
    case AST_SHOW_USER_FUNCTIONS:
        return show_functions(x, sh, sh->show == AST_SHOW_USER_FUNCTIONS, err);
    case AST_SHOW_MODULES:
        one_cell(x, "module name", "core");
        return 0;
    case AST_SHOW_CREATE:
        return show_create(x, sh, err);
    case AST_SHOW_MATERIALIZED_TABLES:
    case AST_SHOW_PROCEDURES:
    case AST_SHOW_MODELS:
    case AST_SHOW_CONNECTIONS:
    case AST_SHOW_JARS:
        list(x, sh, "name", &l); /* there are never any */
        return 0;
    default:
        return unsupported(&sh->base.span, err, "this form of SHOW");
    }
}

/* ---- DESCRIBE ---- */

int exec_describe(struct exec *x, const struct ast_describe *d, struct err *err) {
    static const char *const names[] = {"info name", "info value"};
    struct rows_result r;
    x->ret->what = "DESCRIBE";
    if (d->describe == AST_DESCRIBE_TABLE) {
        const struct table_desc *t;
        int rc = session_need_table(x->s, &d->name->parts, &t, err);
        if (!rc) describe_columns(x, t, NULL);
        return rc;
    }
    if (d->describe == AST_DESCRIBE_DATABASE) {
        const struct ast_names *n = &d->name->parts;
        const char *cat = n->n == 2 ? n->items[0].text : x->s->catalog;
        struct database *db = session_database(x->s, cat, n->items[n->n - 1].text);
        if (!db)
            return invalid(&d->name->base.span, err, "no database '%s' in catalog '%s'",
                           n->items[n->n - 1].text, cat);
        rows_begin(&r, x, names, 2);
        rows_add(&r, (const char *[]){"name", db->name});
        rows_add(&r, (const char *[]){"comment", db->comment});
        rows_end(&r);
        return 0;
    }
    if (d->describe == AST_DESCRIBE_CATALOG) {
        struct catalog *c = session_catalog(x->s, d->name->parts.items[0].text);
        if (!c)
            return invalid(&d->name->base.span, err, "no catalog '%s'",
                           d->name->parts.items[0].text);
        rows_begin(&r, x, names, 2);
        rows_add(&r, (const char *[]){"name", c->name});
        rows_add(&r, (const char *[]){"type", "generic_in_memory"});
        rows_add(&r, (const char *[]){"comment", c->comment});
        rows_end(&r);
        return 0;
    }
    if (d->describe == AST_DESCRIBE_FUNCTION) return exec_describe_function(x, d, err);
    static const char *const whats[] = {"", "", "", "", "MODEL", "CONNECTION", "JOB"};
    return unsupported(&d->base.span, err, "DESCRIBE %s", whats[d->describe]);
}

/* ---- EXPLAIN ---- */

static void print_sinks(const struct rel *const *sinks, int n, struct str *out) {
    for (int i = 0; i < n; i++)
        rel_print(sinks[i]->u.sink.collect ? sinks[i]->inputs[0] : sinks[i], out);
}

static int explain_bound(struct exec *x, const struct ast_explain *e, struct str *out,
                         struct err *err) {
    struct statement_result *r = x->ret;
    str_add(out, "== Logical Plan ==\n");
    print_sinks(r->sinks, r->n_sinks, out);
    struct planner_input in = {.name = "explain",
                               .n_sinks = r->n_sinks,
                               .sinks = r->sinks,
                               .session = x->s,
                               .parallelism = (int)x->s->settings.parallelism};
    const struct rel **optimized = ARENA_NEW_N(x->a, const struct rel *, r->n_sinks);
    struct plan *plan;
    int rc = planner_optimize(x->a, &in, optimized, err);
    if (!rc) rc = planner_plan(x->a, &in, &plan, err);
    if (rc) return rc;
    str_add(out, "\n== Optimized Logical Plan ==\n");
    print_sinks(optimized, r->n_sinks, out);
    str_add(out, "\n== Physical Plan ==\n");
    plan_print_text(plan, out);
    if (e->details & AST_EXPLAIN_JSON) {
        str_add(out, "\n== Physical Plan in JSON ==\n");
        cJSON *j = plan_to_public_json(plan);
        json_print_pretty(j, out);
        cJSON_Delete(j);
        str_add_char(out, '\n');
    }
    return 0;
}

int exec_explain(struct exec *x, const struct ast_explain *e, struct err *err) {
    int rc;
    if (e->details & AST_EXPLAIN_ESTIMATED_COST)
        return unsupported(&e->base.span, err, "EXPLAIN ESTIMATED_COST");
    if (e->details & AST_EXPLAIN_ADVICE)
        return unsupported(&e->base.span, err, "EXPLAIN PLAN_ADVICE");
    const struct ast_list one = {(struct ast **)&e->stmt, 1};
    if (e->stmt->kind == AST_QUERY)
        rc = exec_query(x, AST_TO(query, e->stmt), err);
    else if (e->stmt->kind == AST_INSERT)
        rc = exec_inserts(x, &one, "EXPLAIN", err);
    else if (e->stmt->kind == AST_STATEMENT_SET)
        rc = exec_inserts(x, &AST_TO(statement_set, e->stmt)->inserts, "EXPLAIN", err);
    else
        return unsupported(&e->stmt->span, err,
                           "EXPLAIN of other statements than queries, INSERT "
                           "and statement sets");
    AUTO_STR text = STR_INIT;
    if (!rc) rc = explain_bound(x, e, &text, err);
    if (rc) return rc;
    *x->ret = (struct statement_result){.what = "EXPLAIN"};
    one_cell(x, "result", str_text(&text));
    return 0;
}
