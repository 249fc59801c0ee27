/* session_function.c - CREATE, ALTER and DROP FUNCTION: what a name stands for, and finding the
 * library. */
#include "sql/session_int.h"

#include "base/core/mem.h"
#include "sql/bind.h"
#include "vector/udf/udf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- the library's file --------------------------------------------------------------------- */

static bool file_there(struct arena *a, const char *dir, size_t n_dir, struct sv file,
                       char ret[PATH_MAX]) {
    const char *path =
        arena_printf(a, "%.*s%s%.*s", (int)n_dir, dir, n_dir ? "/" : "", (int)file.len, file.ptr);
    return access(path, R_OK) == 0 && realpath(path, ret);
}

/* An absolute path as it is; else beside the job's file, then in the folders of penstock.udf.path.
 */
static int find_file(struct exec *x, struct sv file, const struct ast_span *at, char ret[PATH_MAX],
                     struct err *err) {
    const struct session *s = x->s;
    AUTO_STR looked = STR_INIT;
    if (file.len && file.ptr[0] == '/') {
        if (file_there(x->a, "", 0, file, ret)) return 0;
        return invalid(at, err, "no library %.*s", (int)file.len, file.ptr);
    }
    if (s->directory) {
        if (file_there(x->a, s->directory, strlen(s->directory), file, ret)) return 0;
        str_add(&looked, s->directory);
    }
    for (const char *p = s->settings.udf_path; p && *p;) {
        size_t n = strcspn(p, ":");
        if (n && file_there(x->a, p, n, file, ret)) return 0;
        str_addf(&looked, "%s%.*s", looked.len ? ", " : "", (int)n, p);
        p += n + (p[n] == ':');
    }
    return invalid(at, err,
                   "no library %.*s in %s; give its absolute path, put it beside the job's file, "
                   "or SET 'penstock.udf.path' = 'folder:folder'",
                   (int)file.len, file.ptr, looked.len ? str_text(&looked) : "any folder");
}

/* The library's function: of the symbol given; else named as in SQL, as written or in lower case.
 */
static int load(struct exec *x, const char *name, const char *text, const struct ast_span *at,
                const struct udf **ret, struct err *err) {
    struct sv file, symbol;
    char path[PATH_MAX];
    udf_split(text, &file, &symbol);
    int rc = find_file(x, file, at, path, err);
    if (rc) return rc;
    char *lower = arena_strdup(x->a, name);
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p += 'a' - 'A';
    if (symbol.len) {
        rc = udf_load(name, arena_printf(x->a, "%s#%s", path, symbol.ptr), ret, err);
    } else {
        rc = udf_load(name, arena_printf(x->a, "%s#%s", path, name), ret, err);
        struct err second = ERR_INIT;
        if (rc && strcmp(lower, name) != 0 &&
            udf_load(name, arena_printf(x->a, "%s#%s", path, lower), ret, &second) == 0) {
            if (err) err_clear(err);
            rc = 0;
        }
    }
    return rc ? err_at(err, ERR_VALIDATION, at) : 0;
}

/* ---- definitions ---------------------------------------------------------------------------- */

struct definition {
    const char *class_name, *language;
    size_t n_jars;
    const struct ast_span *at;
};

/* What AS '...' LANGUAGE ... means, into f. A Java class without counterpart is catalogued all the
 * same: scripts may declare functions that they don't call. */
static int define(struct exec *x, const struct definition *d, struct function_desc *f,
                  struct err *err) {
    const char *lang = d->language;
    bool native = lang && (!strcasecmp(lang, "C") || !strcasecmp(lang, "RUST"));
    if (lang && !native && strcasecmp(lang, "JAVA") != 0 && strcasecmp(lang, "SCALA") != 0)
        return unsupported(d->at, err,
                           "functions in LANGUAGE %s; there are C and RUST (shared libraries), and "
                           "JAVA for classes that have a counterpart here",
                           lang);
    native |= !lang && udf_is_library(d->class_name);
    f->class_name = arena_strdup(&x->s->arena, d->class_name);
    f->language = arena_strdup(&x->s->arena, lang);
    f->udf = NULL;
    f->builtin = native ? NULL : udf_java_function(d->class_name);
    if (native && d->n_jars)
        return invalid(d->at, err, "USING JAR doesn't go with a shared library");
    if (native) return load(x, f->name, d->class_name, d->at, &f->udf, err);
    if (!f->builtin)
        session_warn(x->s,
                     "function '%s' is kept in the catalog, but Java class %s can't be called: see "
                     "docs/udf.md",
                     f->name, d->class_name);
    return 0;
}

int exec_create_function(struct exec *x, const struct ast_create_function *c, struct err *err) {
    struct session *s = x->s;
    const struct ast_names *n = &c->name->parts;
    const char *name = n->items[n->n - 1].text;
    struct object_path path;
    int rc = session_path(s, n, &path, err);
    if (rc) return rc;
    struct database *d = session_database(s, path.catalog, path.database);
    if (!d)
        return invalid(&c->name->base.span, err, "no database '%s' in catalog '%s'", path.database,
                       path.catalog);
    bool temp = c->temporary || c->system;
    struct map *into = temp ? &s->temp_functions : &d->functions;
    if (map_has(into, name)) {
        if (!c->if_not_exists)
            return invalid(&c->name->base.span, err, "function '%s' exists already", name);
        exec_done(x, "CREATE FUNCTION", "exists already: left as it is");
        return 0;
    }
    if (map_size(into) >= CATALOG_OBJECTS_MAX)
        return err_set(err, ERR_BUDGET, "more than %d functions", CATALOG_OBJECTS_MAX);
    struct function_desc *f = ARENA_NEW(&s->arena, struct function_desc);
    *f = (struct function_desc){.catalog = arena_strdup(&s->arena, path.catalog),
                                .database = arena_strdup(&s->arena, path.database),
                                .name = arena_strdup(&s->arena, name),
                                .temporary = temp,
                                .system = c->system};
    struct definition def = {c->class_name, c->language, c->n_jars, &c->base.span};
    rc = define(x, &def, f, err);
    if (rc) return rc;
    map_put(into, name, f);
    exec_done(x, "CREATE FUNCTION", NULL);
    return 0;
}

/* The function of this name that is temporary or isn't, as the statement says. */
static struct function_desc *find(struct exec *x, const struct ast_ident *name, bool temporary) {
    const struct function_desc *f = session_find_function(x->s, &name->parts);
    return f && f->temporary == temporary ? (struct function_desc *)f : NULL;
}

int exec_alter_function(struct exec *x, const struct ast_alter *al, struct err *err) {
    const char *name = al->name->parts.items[al->name->parts.n - 1].text;
    struct function_desc *f = find(x, al->name, al->temporary || al->system);
    if (!f && !al->if_exists) return invalid(&al->name->base.span, err, "no function '%s'", name);
    if (f) {
        struct function_desc changed = *f;
        struct definition def = {al->class_name, al->language, 0, &al->base.span};
        int rc = define(x, &def, &changed, err);
        if (rc) return rc;
        *f = changed;
    }
    exec_done(x, "ALTER FUNCTION", f ? NULL : "there is none");
    return 0;
}

/* ---- DESCRIBE FUNCTION ---- */

static void info(struct rows_result *r, const char *name, const char *value) {
    if (value) rows_add(r, (const char *[]){name, value});
}

static const char *yes_no(bool v) {
    return v ? "true" : "false";
}

/* What a built-in function, or the library's, says of itself. */
static void describe_code(struct rows_result *r, const struct func *f, const struct agg *g,
                          bool table) {
    bool fixed = g || !(f->flags & (FUNC_NONDETERMINISTIC | FUNC_DYNAMIC));
    info(r, "kind", g ? "AGGREGATE" : table ? "TABLE" : "SCALAR");
    info(r, "is deterministic", yes_no(fixed));
    info(r, "signature", g ? g->signature : f->signature);
    info(r, "description", g ? g->doc : f->doc);
}

int exec_describe_function(struct exec *x, const struct ast_describe *d, struct err *err) {
    static const char *const names[] = {"info name", "info value"};
    const char *name = d->name->parts.items[d->name->parts.n - 1].text;
    const struct function_desc *u = session_find_function(x->s, &d->name->parts);
    const struct func *f = d->name->parts.n == 1 ? func_find(name) : NULL;
    const struct agg *g = d->name->parts.n == 1 ? agg_find(name) : NULL;
    if (f && f->flags & FUNC_HIDDEN) f = NULL;
    if (u && (f || g) && !u->system) u = NULL; /* hidden by the built-in one */
    if (!u && !f && !g) return invalid(&d->name->base.span, err, "no function '%s'", name);
    struct rows_result r;
    rows_begin(&r, x, names, 2);
    info(&r, "is system function", yes_no(!u || u->system));
    info(&r, "is temporary", yes_no(u && u->temporary));
    if (u) {
        info(&r, "class name", u->class_name);
        info(&r, "function language", u->language ? u->language : u->udf ? "C" : "JAVA");
        info(&r, "library", u->udf && d->extended ? udf_ref(u->udf) : NULL);
        f = u->udf ? udf_func(u->udf) : u->builtin ? func_find(u->builtin) : NULL;
        g = u->udf && udf_kind(u->udf) == UDF_AGGREGATE ? udf_agg(u->udf) : NULL;
    } else if (f) {
        g = NULL;
    }
    if (d->extended && (f || g))
        describe_code(&r, f, g, u && u->udf && udf_kind(u->udf) == UDF_TABLE);
    rows_end(&r);
    return 0;
}

int exec_drop_function(struct exec *x, const struct ast_drop *d, struct err *err) {
    const struct function_desc *f = find(x, d->name, d->temporary || d->system);
    const char *name = d->name->parts.items[d->name->parts.n - 1].text;
    if (!f && !d->if_exists) return invalid(&d->name->base.span, err, "no function '%s'", name);
    if (f && f->temporary)
        map_remove(&x->s->temp_functions, name);
    else if (f)
        map_remove(&session_database(x->s, f->catalog, f->database)->functions, name);
    exec_done(x, "DROP FUNCTION", NULL);
    return 0;
}
