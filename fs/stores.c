/* stores.c - see stores.h. */
#include "fs/stores.h"

#include "base/core/mem.h"
#include "fs/local.h"
#include "fs/options.h"
#include "fs/s3.h"
#include "fs/uri.h"
#include "fs/webhdfs.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type;
    int (*make)(const struct fs_options *o, struct fs **ret, struct err *err);
} types[] = {
#define FS_TYPE(name, make) {name, make},
#include "fs/fs_list.def"
#undef FS_TYPE
};

struct store {
    struct fs_options options;
    struct fs *fs; /* NULL: not made yet */
};

struct fs_stores {
    struct arena arena;
    pthread_mutex_t lock; /* guards all below */
    struct store *stores;
    size_t n, cap;
};

static struct store *add(struct fs_stores *s, const struct fs_options *o) {
    MEM_GROW(s->stores, s->n, s->cap);
    s->stores[s->n] = (struct store){.options = *o};
    return &s->stores[s->n++];
}

static int read_rows(struct fs_stores *s, const cJSON *rows, struct err *err) {
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        struct fs_options o;
        int rc = fs_options_read(&s->arena, row, &o, err);
        if (rc) return rc;
        if (s->n == FS_STORES_MAX)
            return err_set(err, ERR_VALIDATION, "fileSystems: more than %d rows", FS_STORES_MAX);
        for (size_t i = 0; i < s->n; i++) {
            if (strcmp(s->stores[i].options.prefix, o.prefix) == 0)
                return err_set(err, ERR_VALIDATION, "fileSystems: two rows have the prefix '%s'",
                               o.prefix);
        }
        add(s, &o);
    }
    return 0;
}

int fs_stores_new(const cJSON *rows, struct fs_stores **ret, struct err *err) {
    struct fs_stores *s = mem_zalloc(sizeof *s);
    arena_init(&s->arena);
    pthread_mutex_init(&s->lock, NULL);
    int rc = read_rows(s, rows, err);
    if (rc) {
        fs_stores_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void fs_stores_free(struct fs_stores *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n; i++)
        fs_free(s->stores[i].fs);
    free(s->stores);
    pthread_mutex_destroy(&s->lock);
    arena_release(&s->arena);
    free(s);
}

void fs_stores_add(struct fs_stores *s, const char *prefix, struct fs *f) {
    struct fs_options o;
    fs_options_default(&o, fs_name(f), fs_type(f));
    pthread_mutex_lock(&s->lock);
    o.prefix = arena_strdup(&s->arena, prefix);
    add(s, &o)->fs = f;
    pthread_mutex_unlock(&s->lock);
}

/* ---- finding ---- */

static bool serves(const char *prefix, const char *uri) {
    size_t n = strlen(prefix);
    if (strncmp(uri, prefix, n) != 0) return false;
    return !isalnum((unsigned char)prefix[n - 1]) || uri[n] == 0 || uri[n] == '/' || uri[n] == ':';
}

static struct store *longest(struct fs_stores *s, const char *uri) {
    struct store *best = NULL;
    size_t n_best = 0;
    for (size_t i = 0; i < s->n; i++) {
        const char *prefix = s->stores[i].options.prefix;
        size_t n = strlen(prefix);
        if (n > n_best && serves(prefix, uri)) {
            best = &s->stores[i];
            n_best = n;
        }
    }
    return best;
}

/* For a URI that no row names. */
static int implied(struct fs_stores *s, const char *uri, struct store **ret, struct err *err) {
    struct fs_uri u;
    struct fs_options o;
    int rc = fs_uri_parse(&s->arena, uri, &u, err);
    if (rc) return rc;
    if (!u.scheme.len || sv_eq_str(u.scheme, "file")) {
        for (size_t i = 0; i < s->n; i++) {
            if (!*s->stores[i].options.prefix) {
                *ret = &s->stores[i];
                return 0;
            }
        }
        fs_options_default(&o, "local", "local");
    } else if (sv_eq_str(u.scheme, "webhdfs") && u.authority.len) {
        char *prefix =
            arena_printf(&s->arena, "webhdfs://%.*s", (int)u.authority.len, u.authority.ptr);
        fs_options_default(&o, prefix, "webhdfs");
        o.prefix = prefix;
        o.endpoint = arena_printf(&s->arena, "http://%.*s", (int)u.authority.len, u.authority.ptr);
    } else {
        return err_set(err, ERR_VALIDATION,
                       "path '%s': no file system serves '%.*s://%.*s': add a row to "
                       "spec.fileSystems (prefix, type, endpoint, secret; docs/filesystems.md)",
                       uri, (int)u.scheme.len, u.scheme.ptr, (int)u.authority.len, u.authority.ptr);
    }
    *ret = add(s, &o);
    return 0;
}

static int make(struct store *st, struct err *err) {
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, st->options.type) != 0) continue;
        int rc = types[i].make(&st->options, &st->fs, err);
        return rc ? err_wrap(err, "store '%s'", st->options.name) : 0;
    }
    return err_set(err, ERR_VALIDATION, "store '%s': type '%s' is not known", st->options.name,
                   st->options.type);
}

int fs_stores_find(struct fs_stores *s, const char *uri, struct fs **ret, struct err *err) {
    pthread_mutex_lock(&s->lock);
    struct store *st = longest(s, uri);
    int rc = st ? 0 : implied(s, uri, &st, err);
    if (!rc && !st->fs) rc = make(st, err);
    if (!rc) *ret = st->fs;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

cJSON *fs_stores_metrics(struct fs_stores *s) {
    cJSON *all = cJSON_CreateArray();
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n; i++) {
        const struct fs *f = s->stores[i].fs;
        if (f) cJSON_AddItemToArray(all, fs_metrics_to_json(fs_metrics_of(f), fs_name(f)));
    }
    pthread_mutex_unlock(&s->lock);
    return all;
}

/* ---- the process's own ---- */

static pthread_mutex_t used_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fs_stores *used; /* replaced ones are reachable from `older` */
static struct older {
    struct older *next;
    struct fs_stores *stores;
} * older;
static char *used_rows;

static void replace(struct fs_stores *s) {
    if (used) {
        struct older *o = mem_zalloc(sizeof *o);
        *o = (struct older){older, used};
        older = o;
    }
    used = s;
}

int fs_use(const cJSON *rows, struct err *err) {
    struct str text = STR_INIT;
    struct fs_stores *s = NULL;
    int rc = 0;
    if (cJSON_GetArraySize(rows)) json_print(rows, &text);
    pthread_mutex_lock(&used_lock);
    bool same = used && strcmp(used_rows ? used_rows : "", str_text(&text)) == 0;
    if (!same) rc = fs_stores_new(rows, &s, err);
    if (s) {
        replace(s);
        free(used_rows);
        used_rows = str_take(&text);
    }
    pthread_mutex_unlock(&used_lock);
    str_release(&text);
    return rc;
}

struct fs_stores *fs_used(void) {
    pthread_mutex_lock(&used_lock);
    if (!used) {
        int rc = fs_stores_new(NULL, &used, NULL);
        CHECK(!rc);
    }
    struct fs_stores *s = used;
    pthread_mutex_unlock(&used_lock);
    return s;
}

int fs_find(const char *uri, struct fs **ret, struct err *err) {
    return fs_stores_find(fs_used(), uri, ret, err);
}
