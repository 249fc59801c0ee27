/* walk.c - see walk.h. */
#include "fs/walk.h"

#include "base/core/mem.h"
#include "fs/uri.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    struct fs *fs;
    const struct fs_call *call;
    struct arena *a;
    struct fs_entry *entries;
    size_t n, cap;
};

static bool is_hidden(const char *uri) {
    const char *name = fs_uri_name(uri);
    return name[0] == '.' || name[0] == '_';
}

bool fs_is_pattern(const char *uri) {
    return strpbrk(uri, "*?[") != NULL;
}

static int keep(struct walk *w, const struct fs_entry *e, struct err *err) {
    if (w->n >= FS_WALK_MAX_FILES)
        return err_set(err, ERR_UNSUPPORTED, "more than %d files below the path",
                       FS_WALK_MAX_FILES);
    MEM_GROW(w->entries, w->n, w->cap);
    w->entries[w->n++] = *e;
    return 0;
}

static int below(struct walk *w, const char *dir, int depth, struct err *err);

static int take(struct walk *w, const struct fs_entry *e, int depth, struct err *err) {
    return e->is_dir ? below(w, e->uri, depth, err) : keep(w, e, err);
}

static const char *with_slash(struct arena *a, const char *dir) {
    size_t n = strlen(dir);
    return n && dir[n - 1] == '/' ? dir : arena_printf(a, "%s/", dir);
}

static int below(struct walk *w, const char *dir, int depth, struct err *err) {
    if (depth >= FS_WALK_MAX_DEPTH)
        return err_set(err, ERR_UNSUPPORTED, "list %s: directories are nested deeper than %d", dir,
                       FS_WALK_MAX_DEPTH);
    struct fs_page page = {0};
    const char *prefix = with_slash(w->a, dir);
    int rc;
    do {
        rc = fs_list(w->fs, prefix, page.next, w->call, w->a, &page, err);
        for (size_t i = 0; !rc && i < page.n; i++) {
            if (!is_hidden(page.entries[i].uri)) rc = take(w, &page.entries[i], depth + 1, err);
        }
    } while (!rc && page.next);
    return rc;
}

/* rest: what of the pattern is not matched yet, without a slash in front. base ends in a slash, or
 * is empty. */
static int match(struct walk *w, const char *base, const char *rest, struct err *err) {
    size_t n = strcspn(rest, "/");
    const char *segment = arena_strndup(w->a, rest, n);
    const char *more = rest + n + strspn(rest + n, "/");
    if (!fs_is_pattern(segment) && *more)
        return match(w, arena_printf(w->a, "%s%s/", base, segment), more, err);
    /* The literal begin of the segment narrows the listing. */
    const char *prefix =
        arena_printf(w->a, "%s%.*s", base, (int)strcspn(segment, "*?[\\"), segment);
    struct fs_page page = {0};
    int rc;
    do {
        rc = fs_list(w->fs, prefix, page.next, w->call, w->a, &page, err);
        for (size_t i = 0; !rc && i < page.n; i++) {
            const struct fs_entry *e = &page.entries[i];
            if (is_hidden(e->uri) || fnmatch(segment, fs_uri_name(e->uri), FNM_PERIOD) != 0)
                continue;
            if (!*more)
                rc = take(w, e, 0, err);
            else if (e->is_dir)
                rc = match(w, arena_printf(w->a, "%s/", e->uri), more, err);
        }
    } while (!rc && page.next);
    return rc;
}

/* "s3://bucket/", "/" or "": what no pattern can be in. */
static size_t root_len(const char *uri) {
    const char *scheme = fs_uri_is_local(uri) ? NULL : strstr(uri, "://");
    if (!scheme) return *uri == '/' ? 1 : 0;
    size_t n = (size_t)(scheme + 3 - uri);
    n += strcspn(uri + n, "/");
    return n + (uri[n] == '/');
}

static int by_uri(const void *a, const void *b) {
    return strcmp(((const struct fs_entry *)a)->uri, ((const struct fs_entry *)b)->uri);
}

static int walk_end(struct walk *w, int rc, struct fs_list *ret) {
    if (!rc) {
        if (w->n) qsort(w->entries, w->n, sizeof *w->entries, by_uri);
        *ret = (struct fs_list){arena_dup(w->a, w->entries, w->n * sizeof *w->entries), w->n};
    }
    free(w->entries);
    return rc;
}

int fs_glob(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
            struct fs_list *ret, struct err *err) {
    struct walk w = {.fs = f, .call = call, .a = a};
    struct fs_entry e;
    int rc = fs_stat(f, uri, call, a, &e, err);
    if (!rc) {
        rc = take(&w, &e, 0, err);
    } else if (rc == ERR_NOT_FOUND && fs_is_pattern(uri)) {
        size_t root = root_len(uri);
        err_clear(err);
        rc = match(&w, arena_strndup(a, uri, root), uri + root, err);
        if (!rc && !w.n) rc = err_set(err, ERR_NOT_FOUND, "no file matches %s", uri);
    }
    return walk_end(&w, rc, ret);
}

int fs_list_all(struct fs *f, const char *dir, const struct fs_call *call, struct arena *a,
                struct fs_list *ret, struct err *err) {
    struct walk w = {.fs = f, .call = call, .a = a};
    struct fs_page page = {0};
    const char *prefix = with_slash(a, dir);
    int rc;
    do {
        rc = fs_list(f, prefix, page.next, call, a, &page, err);
        for (size_t i = 0; !rc && i < page.n; i++)
            rc = keep(&w, &page.entries[i], err);
    } while (!rc && page.next);
    return walk_end(&w, rc, ret);
}
