/* session_catalog.c - finding and keeping tables, views and functions by name. */
#include "sql/session_int.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

int session_path(struct session *s, const struct ast_names *names, struct object_path *ret,
                 struct err *err) {
    if (names->n < 1 || names->n > 3)
        return err_set_at(err, ERR_VALIDATION, names->n ? names->items[0].span.line : 0,
                          names->n ? names->items[0].span.column : 0,
                          "a name has one to three parts: catalog.database.name");
    *ret = (struct object_path){
        .catalog = names->n == 3 ? names->items[0].text : s->catalog,
        .database = names->n >= 2 ? names->items[names->n - 2].text : s->database,
        .name = names->items[names->n - 1].text,
    };
    return 0;
}

const char *object_path_text(struct arena *a, const struct object_path *p) {
    return arena_printf(a, "%s.%s.%s", p->catalog, p->database, p->name);
}

struct catalog *session_catalog(const struct session *s, const char *name) {
    return map_get(&s->catalogs, name);
}

struct database *session_database(const struct session *s, const char *catalog, const char *name) {
    struct catalog *c = session_catalog(s, catalog);
    return c ? map_get(&c->databases, name) : NULL;
}

static char *temp_key(const char *catalog, const char *database, const char *name) {
    struct str k = STR_INIT;
    str_addf(&k, "%s.%s.%s", catalog, database, name);
    return str_take(&k);
}

const struct table_desc *session_find_table(const struct session *s, const struct object_path *p) {
    AUTO_FREE char *key = temp_key(p->catalog, p->database, p->name);
    const struct table_desc *t = map_get(&s->temp_tables, key);
    if (t) return t;
    struct database *d = session_database(s, p->catalog, p->database);
    return d ? map_get(&d->tables, p->name) : NULL;
}

const struct table_desc *session_table(struct session *s, const struct ast_names *names) {
    struct object_path p;
    if (session_path(s, names, &p, NULL)) return NULL;
    return session_find_table(s, &p);
}

/* The nearest name among the tables a one-word name could have meant. */
static const char *nearest_table(struct session *s, const struct object_path *p) {
    size_t cap = map_size(&s->temp_tables), n = 0;
    struct database *d = session_database(s, p->catalog, p->database);
    if (d) cap += map_size(&d->tables);
    const char **names = mem_calloc(cap + 1, sizeof(*names));
    struct map_entry e;
    for (size_t i = 0; map_next(&s->temp_tables, &i, &e);)
        names[n++] = ((const struct table_desc *)e.value)->name;
    for (size_t i = 0; d && map_next(&d->tables, &i, &e);)
        names[n++] = e.key;
    const char *near = str_nearest(p->name, names, n);
    free(names);
    return near;
}

int session_need_table(struct session *s, const struct ast_names *names,
                       const struct table_desc **ret, struct err *err) {
    struct object_path p;
    int rc = session_path(s, names, &p, err);
    if (rc) return rc;
    const struct ast_span *at = &names->items[0].span;
    const struct table_desc *t = session_find_table(s, &p);
    if (t) {
        *ret = t;
        return 0;
    }
    if (!session_catalog(s, p.catalog))
        return err_set_at(err, ERR_VALIDATION, at->line, at->column, "no catalog '%s'", p.catalog);
    if (!session_database(s, p.catalog, p.database))
        return err_set_at(err, ERR_VALIDATION, at->line, at->column,
                          "no database '%s' in catalog '%s'", p.database, p.catalog);
    const char *near = nearest_table(s, &p);
    return err_set_at(err, ERR_VALIDATION, at->line, at->column, "no table '%s' in %s.%s%s%s%s",
                      p.name, p.catalog, p.database, near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
}

const struct function_desc *session_find_function(const struct session *s,
                                                  const struct ast_names *names) {
    const char *name = names->items[names->n - 1].text;
    if (names->n == 1) {
        const struct function_desc *f = map_get(&s->temp_functions, name);
        if (f) return f;
    }
    struct database *d =
        session_database(s, names->n == 3 ? names->items[0].text : s->catalog,
                         names->n >= 2 ? names->items[names->n - 2].text : s->database);
    return d ? map_get(&d->functions, name) : NULL;
}

int session_put_table(struct session *s, const struct table_desc *t, struct err *err) {
    if (t->temporary) {
        if (map_size(&s->temp_tables) >= CATALOG_OBJECTS_MAX)
            return err_set(err, ERR_BUDGET, "more than %d temporary tables", CATALOG_OBJECTS_MAX);
        AUTO_FREE char *key = temp_key(t->catalog, t->database, t->name);
        map_put(&s->temp_tables, key, (void *)t);
        return 0;
    }
    struct database *d = session_database(s, t->catalog, t->database);
    if (!d)
        return err_set(err, ERR_VALIDATION, "no database '%s' in catalog '%s'", t->database,
                       t->catalog);
    if (map_size(&d->tables) >= CATALOG_OBJECTS_MAX)
        return err_set(err, ERR_BUDGET, "more than %d tables in a database", CATALOG_OBJECTS_MAX);
    map_put(&d->tables, t->name, (void *)t);
    return 0;
}

void session_drop_table(struct session *s, const struct table_desc *t) {
    if (t->temporary) {
        AUTO_FREE char *key = temp_key(t->catalog, t->database, t->name);
        map_remove(&s->temp_tables, key);
        return;
    }
    struct database *d = session_database(s, t->catalog, t->database);
    if (d) map_remove(&d->tables, t->name);
}

bool table_is_view(const struct table_desc *t) {
    return t->view_query != NULL;
}

const char *table_option(const struct table_desc *t, const char *key) {
    for (int i = 0; i < t->n_options; i++)
        if (strcmp(t->options[i].key, key) == 0) return t->options[i].value;
    return NULL;
}

const struct metadata_key *table_metadata(const struct table_desc *t, int column) {
    const struct column_desc *c = &t->columns[column];
    if (c->kind != COLUMN_METADATA || !t->connector) return NULL;
    for (const struct metadata_key *m = t->connector->metadata; m && m->key; m++)
        if (!strcmp(m->key, c->metadata_key)) return m;
    return NULL;
}

const struct type *table_connector_type(struct arena *a, const struct table_desc *t, int column) {
    const struct metadata_key *m = table_metadata(t, column);
    const struct type *type;
    if (!m) return t->columns[column].type;
    int rc = type_parse(a, m->type, &type, NULL);
    CHECKF(rc == 0, "connector %s: type of metadata key %s", t->connector->name, m->key);
    return type_with_null(a, type, t->columns[column].type->nullable);
}

const struct schema *table_schema(struct session *s, struct arena *a, const struct table_desc *t) {
    if (table_is_view(t)) return t->view_schema;
    const struct schema *sch = schema_new(a, t->n_columns);
    struct field *f = (struct field *)sch->fields;
    for (int i = 0; i < t->n_columns; i++) {
        f[i].name = t->columns[i].name;
        f[i].type = t->columns[i].type;
        if (i == t->watermark_column && !session_batch(s))
            f[i].type = type_with_time_attr(a, f[i].type, TIME_ATTR_ROWTIME);
    }
    return sch;
}
