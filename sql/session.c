/* session.c - settings of a session and what is made of them for plans and evaluation. */
#include "sql/session.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "sql/plan.h"
#include "sql/session_int.h"
#include "vector/func/tz.h"

#include <stdlib.h>
#include <string.h>

static struct database *database_new(struct session *s, const char *name) {
    struct database *d = ARENA_NEW(&s->arena, struct database);
    d->name = arena_strdup(&s->arena, name);
    map_init(&d->tables);
    map_init_icase(&d->functions);
    return d;
}

static void database_free(void *p) {
    struct database *d = p;
    map_release(&d->tables, NULL);
    map_release(&d->functions, NULL);
}

static void catalog_free(void *p) {
    struct catalog *c = p;
    map_release(&c->databases, database_free);
}

struct session *session_new(void) {
    struct session *s = mem_zalloc(sizeof(*s));
    arena_init(&s->arena);
    opt_defaults(settings_table(), &s->settings);
    map_init(&s->set);
    map_init(&s->ignored);
    map_init(&s->warned);
    map_init(&s->catalogs);
    map_init(&s->temp_tables);
    map_init_icase(&s->temp_functions);
    s->env.zone = tz_utc();
    s->catalog = "default_catalog";
    s->database = "default_database";
    struct catalog *c = ARENA_NEW(&s->arena, struct catalog);
    c->name = s->catalog;
    map_init(&c->databases);
    map_put(&c->databases, s->database, database_new(s, s->database));
    map_put(&s->catalogs, c->name, c);
    return s;
}

void session_free(struct session *s) {
    if (!s) return;
    map_release(&s->set, NULL);
    map_release(&s->ignored, NULL);
    map_release(&s->warned, NULL);
    map_release(&s->catalogs, catalog_free);
    map_release(&s->temp_tables, NULL);
    map_release(&s->temp_functions, NULL);
    arena_release(&s->arena);
    free(s);
}

void session_set_directory(struct session *s, const char *directory) {
    s->directory = arena_strdup(&s->arena, directory);
}

void session_on_warning(struct session *s, void (*fn)(void *self, const char *text), void *self) {
    s->warn = fn;
    s->warn_self = self;
}

void session_warn(struct session *s, const char *fmt, ...) {
    if (!s->warn) return;
    AUTO_STR text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    s->warn(s->warn_self, str_text(&text));
}

bool session_batch(const struct session *s) {
    return s->settings.runtime_mode == RUNTIME_BATCH;
}

/* Zone and cast behaviour are read by every expression that is folded. */
static void env_update(struct session *s, const struct tz *zone) {
    s->env.zone = zone;
    s->env.batch_mode = session_batch(s);
    s->env.legacy_cast = s->settings.legacy_cast;
}

static int unknown_setting(const char *key, struct err *err) {
    const struct opt_table *t = settings_table();
    const char **names = mem_calloc(t->n_rows, sizeof(*names));
    for (size_t i = 0; i < t->n_rows; i++)
        names[i] = t->rows[i].name;
    const char *near = str_nearest(key, names, t->n_rows);
    free(names);
    if (near) return err_set(err, ERR_VALIDATION, "no setting '%s'; did you mean '%s'?", key, near);
    return err_set(err, ERR_VALIDATION, "no setting '%s'; SET alone lists the settings given", key);
}

/* Once for each key. */
static void warn_pending(struct session *s, const char *key, const char *why) {
    if (map_has(&s->warned, key)) return;
    map_put(&s->warned, key, s);
    session_warn(s, "setting '%s' is accepted, but has no effect yet: %s", key, why);
}

int session_set(struct session *s, const char *key, const char *value, struct err *err) {
    const char *alias = settings_alias(key);
    if (alias) key = alias;
    const char *why = settings_pending(key, value);
    if (!opt_find(settings_table(), key)) {
        if (!settings_ignored(key)) return unknown_setting(key, err);
        if (!why && !map_has(&s->warned, key))
            session_warn(s, "setting '%s' is Flink's own and has no effect here", key);
        if (why) warn_pending(s, key, why);
        map_put(&s->warned, key, s);
        map_put(&s->ignored, key, arena_strdup(&s->arena, value));
        return 0;
    }
    const struct tz *zone = s->env.zone;
    if (strcmp(key, "table.local-time-zone") == 0) {
        if (strcmp(value, "default") == 0) value = "UTC";
        int rc = tz_get(value, &zone, err);
        if (rc) return err_wrap(err, "SET '%s'", key);
    }
    int rc = opt_set(settings_table(), &s->arena, &s->settings, key, value, err);
    if (rc) {
        err_wrap(err, "SET");
        return rc;
    }
    if (why) warn_pending(s, key, why);
    map_put(&s->set, key, arena_strdup(&s->arena, value));
    env_update(s, zone);
    return 0;
}

const char *session_get(const struct session *s, const char *key) {
    const char *alias = settings_alias(key);
    if (alias) key = alias;
    const char *v = map_get(&s->set, key);
    if (!v) v = map_get(&s->ignored, key);
    if (v) return v;
    const struct opt_row *row = opt_find(settings_table(), key);
    return row ? row->dflt : NULL;
}

bool session_is_set(const struct session *s, const char *key) {
    const char *alias = settings_alias(key);
    if (alias) key = alias;
    return map_has(&s->set, key) || map_has(&s->ignored, key);
}

const struct session_settings *session_settings(const struct session *s) {
    return &s->settings;
}

int session_plan_config(struct session *s, struct arena *a, struct plan_config *ret,
                        struct err *err) {
    const struct session_settings *t = &s->settings;
    if (t->mini_batch && t->mini_batch_size <= 0)
        return err_set(err, ERR_VALIDATION,
                       "table.exec.mini-batch.size must be set to a positive number when "
                       "table.exec.mini-batch.enabled is true");
    if (t->mini_batch && t->mini_batch_latency_ms <= 0)
        return err_set(err, ERR_VALIDATION,
                       "table.exec.mini-batch.allow-latency must be set to more than 0 when "
                       "table.exec.mini-batch.enabled is true");
    *ret = (struct plan_config){
        .zone = arena_strdup(a, t->zone),
        .batch_mode = session_batch(s),
        .batch_rows = (uint32_t)t->batch_rows,
        .buffer_timeout_ms = t->buffer_timeout_ms,
        .watermark_interval_ms = t->watermark_interval_ms,
        .idle_timeout_ms = t->idle_timeout_ms,
        .query_start_ms = clock_wall_ms(),
        .legacy_cast = t->legacy_cast,
        .mini_batch = t->mini_batch,
        .mini_batch_latency_ms = t->mini_batch_latency_ms,
        .mini_batch_size = t->mini_batch_size,
        .state_ttl_ms = t->state_ttl_ms,
        .latency_interval_ms = t->latency_interval_ms,
    };
    return 0;
}

const struct eval_env *session_env(struct session *s) {
    s->env.query_start_ms = clock_wall_ms();
    return &s->env;
}

void exec_done(struct exec *x, const char *what, const char *text) {
    x->ret->kind = STATEMENT_DONE;
    x->ret->what = what;
    x->ret->text = text;
}

static int setting_cmp(const void *x, const void *y) {
    return strcmp(((const struct map_entry *)x)->key, ((const struct map_entry *)y)->key);
}

/* SET alone: what has been given, sorted. */
static void list_settings(struct exec *x) {
    static const char *const names[] = {"key", "value"};
    size_t cap = map_size(&x->s->set) + map_size(&x->s->ignored), n = 0;
    struct map_entry *all = mem_calloc(cap + 1, sizeof(*all)), e;
    for (size_t i = 0; map_next(&x->s->set, &i, &e);)
        all[n++] = e;
    for (size_t i = 0; map_next(&x->s->ignored, &i, &e);)
        all[n++] = e;
    qsort(all, n, sizeof(*all), setting_cmp);
    struct rows_result r;
    rows_begin(&r, x, names, 2);
    for (size_t i = 0; i < n; i++)
        rows_add(&r, (const char *[]){all[i].key, all[i].value});
    rows_end(&r);
    free(all);
}

int exec_set(struct exec *x, const struct ast_set *st, struct err *err) {
    x->ret->what = "SET";
    if (!st->key) {
        list_settings(x);
        return 0;
    }
    int rc = session_set(x->s, st->key, st->value, err);
    if (rc) return rc;
    exec_done(x, "SET", arena_printf(x->a, "'%s' = '%s'", st->key, st->value));
    return 0;
}

int exec_reset(struct exec *x, const struct ast_reset *r, struct err *err) {
    struct session *s = x->s;
    if (r->key) {
        const char *key = settings_alias(r->key);
        if (!key) key = r->key;
        if (!opt_find(settings_table(), key) && !settings_ignored(key))
            return unknown_setting(r->key, err);
        map_remove(&s->set, key);
        map_remove(&s->ignored, key);
    } else {
        map_release(&s->set, NULL);
        map_release(&s->ignored, NULL);
        map_init(&s->set);
        map_init(&s->ignored);
    }
    opt_defaults(settings_table(), &s->settings);
    const struct tz *zone = tz_utc();
    struct map_entry e;
    for (size_t i = 0; map_next(&s->set, &i, &e);) {
        int rc = opt_set(settings_table(), &s->arena, &s->settings, e.key, e.value, err);
        if (!rc && strcmp(e.key, "table.local-time-zone") == 0) rc = tz_get(e.value, &zone, err);
        if (rc) return rc;
    }
    env_update(s, zone);
    exec_done(x, "RESET", NULL);
    return 0;
}

int exec_create_database(struct exec *x, const struct ast_create_database *c, struct err *err) {
    struct session *s = x->s;
    const struct ast_names *n = &c->name->parts;
    const char *cat = n->n == 2 ? n->items[0].text : s->catalog;
    const char *name = n->items[n->n - 1].text;
    struct catalog *catalog = session_catalog(s, cat);
    if (!catalog || n->n > 2)
        return err_set_at(err, ERR_VALIDATION, c->name->base.span.line, c->name->base.span.column,
                          "no catalog '%s'", cat);
    if (map_has(&catalog->databases, name)) {
        if (c->if_not_exists) {
            exec_done(x, "CREATE DATABASE", NULL);
            return 0;
        }
        return err_set_at(err, ERR_VALIDATION, c->name->base.span.line, c->name->base.span.column,
                          "database '%s.%s' exists already", cat, name);
    }
    struct database *d = database_new(s, name);
    d->comment = arena_strdup(&s->arena, c->comment);
    map_put(&catalog->databases, d->name, d);
    exec_done(x, "CREATE DATABASE", NULL);
    return 0;
}

int exec_create_catalog(struct exec *x, const struct ast_create_catalog *c, struct err *err) {
    struct session *s = x->s;
    const struct ast_span *at = &c->base.span;
    const char *name = c->name->parts.items[0].text, *type = NULL, *db = "default";
    for (size_t i = 0; i < c->options.n; i++) {
        if (strcmp(c->options.items[i].key, "type") == 0) type = c->options.items[i].value;
        if (strcmp(c->options.items[i].key, "default-database") == 0)
            db = c->options.items[i].value;
    }
    if (!type)
        return err_set_at(err, ERR_VALIDATION, at->line, at->column,
                          "CREATE CATALOG '%s' needs the option 'type'", name);
    if (strcmp(type, "generic_in_memory") != 0)
        return err_set_at(err, ERR_UNSUPPORTED, at->line, at->column,
                          "catalogs of type '%s' are not supported; 'generic_in_memory' is", type);
    if (session_catalog(s, name)) {
        if (!c->if_not_exists)
            return err_set_at(err, ERR_VALIDATION, at->line, at->column,
                              "catalog '%s' exists already", name);
        exec_done(x, "CREATE CATALOG", NULL);
        return 0;
    }
    struct catalog *cat = ARENA_NEW(&s->arena, struct catalog);
    cat->name = arena_strdup(&s->arena, name);
    cat->comment = arena_strdup(&s->arena, c->comment);
    map_init(&cat->databases);
    struct database *d = database_new(s, db);
    map_put(&cat->databases, d->name, d);
    map_put(&s->catalogs, cat->name, cat);
    exec_done(x, "CREATE CATALOG", NULL);
    return 0;
}

int exec_use(struct exec *x, const struct ast_use *u, struct err *err) {
    struct session *s = x->s;
    const struct ast_span *at = &u->base.span;
    if (u->use == AST_USE_MODULES) {
        if (u->names.n != 1 || strcmp(u->names.items[0].text, "core") != 0)
            return err_set_at(err, ERR_UNSUPPORTED, at->line, at->column,
                              "modules other than 'core' are not supported");
        exec_done(x, "USE MODULES", NULL);
        return 0;
    }
    const struct ast_names *n = &u->name->parts;
    at = &u->name->base.span;
    if (u->use == AST_USE_CATALOG || n->n == 2) {
        struct catalog *c = session_catalog(s, n->items[0].text);
        if (!c) {
            const char *names[64];
            size_t n_names = 0;
            struct map_entry e;
            for (size_t i = 0; n_names < ARRAY_LEN(names) && map_next(&s->catalogs, &i, &e);)
                names[n_names++] = e.key;
            const char *near = str_nearest(n->items[0].text, names, n_names);
            return err_set_at(err, ERR_VALIDATION, at->line, at->column, "no catalog '%s'%s%s%s",
                              n->items[0].text, near ? "; did you mean '" : "", near ? near : "",
                              near ? "'?" : "");
        }
        if (u->use == AST_USE_CATALOG) {
            struct map_entry e;
            size_t i = 0;
            s->catalog = c->name;
            s->database = map_next(&c->databases, &i, &e) ? ((struct database *)e.value)->name : "";
            exec_done(x, "USE CATALOG", NULL);
            return 0;
        }
    }
    const char *cat = n->n == 2 ? n->items[0].text : s->catalog;
    struct database *d = session_database(s, cat, n->items[n->n - 1].text);
    if (!d)
        return err_set_at(err, ERR_VALIDATION, at->line, at->column,
                          "no database '%s' in catalog '%s'", n->items[n->n - 1].text, cat);
    s->catalog = session_catalog(s, cat)->name;
    s->database = d->name;
    exec_done(x, "USE", NULL);
    return 0;
}
