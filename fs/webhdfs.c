/* webhdfs.c - see webhdfs.h. */
#include "fs/webhdfs.h"

#include "base/core/mem.h"
#include "fs/uri.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMENODES_MAX = 8 };

/* ---- names ---- */

static void entry_of(const cJSON *status, const char *uri, struct fs_entry *ret) {
    *ret = (struct fs_entry){.uri = uri,
                             .size_bytes = (uint64_t)json_opt_i64(status, "length", 0),
                             .mtime_ms = json_opt_i64(status, "modificationTime", 0),
                             .is_dir = strcmp(json_opt_str(status, "type", ""), "DIRECTORY") == 0};
}

static int get_status(struct webhdfs *h, const char *path, const struct fs_call *call,
                      struct fs_entry *ret, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_JSON *j = NULL;
    const cJSON *status;
    struct webhdfs_request req = {.method = "GET", .op = "GETFILESTATUS", .path = path};
    int rc = webhdfs_send(h, &req, call, &r, NULL, err);
    if (!rc) rc = webhdfs_json(&r, &j, err);
    if (!rc) rc = json_get_object(j, "FileStatus", &status, err);
    if (!rc) entry_of(status, NULL, ret);
    return rc;
}

int webhdfs_length(struct webhdfs *h, const char *path, const struct fs_call *call,
                   uint64_t *ret_bytes, struct err *err) {
    struct fs_entry e;
    int rc = get_status(h, path, call, &e, err);
    if (!rc) *ret_bytes = e.size_bytes;
    return rc;
}

static int hdfs_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
                     struct fs_entry *ret, struct err *err) {
    struct webhdfs *h = CONTAINER_OF(f, struct webhdfs, base);
    const char *path;
    int rc = webhdfs_path_of(a, uri, &path, err);
    if (!rc) rc = get_status(h, path, call, ret, err);
    if (!rc) ret->uri = arena_strdup(a, uri);
    return rc;
}

static int list_batch(struct webhdfs *h, const char *path, const char *token,
                      const struct fs_call *call, cJSON **ret, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT;
    if (token) {
        str_add(&query, "&startAfter=");
        http_url_encode(&query, sv_from(token), false);
    }
    struct webhdfs_request req = {
        .method = "GET", .op = "LISTSTATUS_BATCH", .path = path, .query = str_text(&query)};
    int rc = webhdfs_send(h, &req, call, &r, NULL, err);
    return rc ? rc : webhdfs_json(&r, ret, err);
}

/* A name in front of all that begin with prefix, and behind most others. */
static const char *just_before(struct arena *a, const char *prefix) {
    size_t n = strlen(prefix);
    if (!n) return NULL;
    char *s = arena_printf(a, "%s\x7f", prefix);
    s[n - 1]--;
    return s;
}

/* token: the last name of the page before. Pages are as large as the NameNode makes them. */
static int hdfs_list(struct fs *f, const char *prefix, const char *token,
                     const struct fs_call *call, struct arena *a, struct fs_page *ret,
                     struct err *err) {
    struct webhdfs *h = CONTAINER_OF(f, struct webhdfs, base);
    AUTO_JSON *j = NULL;
    const char *path, *name = fs_uri_name(prefix);
    size_t n_dir = (size_t)(name - prefix), n_name = strlen(name);
    const char *dir = arena_strndup(a, prefix, n_dir);
    int rc = webhdfs_path_of(a, dir, &path, err);
    if (!token) token = just_before(a, name);
    if (!rc) rc = list_batch(h, path, token, call, &j, err);
    if (rc == ERR_NOT_FOUND) {
        err_clear(err);
        *ret = (struct fs_page){0};
        return 0;
    }
    if (rc) return rc;
    const cJSON *listing = json_opt(j, "DirectoryListing");
    const cJSON *all =
        json_opt(json_opt(json_opt(listing, "partialListing"), "FileStatuses"), "FileStatus");
    if (!cJSON_IsArray(all)) return err_set(err, ERR_PROTOCOL, "the answer has no list of files");
    struct fs_page page = {0};
    const char *last = NULL;
    const cJSON *status;
    page.entries = ARENA_NEW_N(a, struct fs_entry, cJSON_GetArraySize(all) + 1);
    cJSON_ArrayForEach(status, all) {
        last = json_opt_str(status, "pathSuffix", "");
        if (!*last || strncmp(last, name, n_name) != 0) continue; /* "": the path is a file */
        entry_of(status, arena_printf(a, "%s%s", dir, last), &page.entries[page.n++]);
    }
    if (last && json_opt_i64(listing, "remainingEntries", 0) > 0) page.next = arena_strdup(a, last);
    *ret = page;
    return 0;
}

int webhdfs_delete_path(struct webhdfs *h, const char *path, bool recursive,
                        const struct fs_call *call, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct webhdfs_request req = {.method = "DELETE",
                                  .op = "DELETE",
                                  .path = path,
                                  .query = recursive ? "&recursive=true" : NULL};
    int rc = webhdfs_send(h, &req, call, &r, NULL, err);
    if (rc != ERR_NOT_FOUND) return rc;
    err_clear(err);
    return 0;
}

static int hdfs_remove(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
                       struct err *err) {
    struct arena a;
    arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        const char *path;
        rc = webhdfs_path_of(&a, uris[i], &path, err);
        if (!rc)
            rc = webhdfs_delete_path(CONTAINER_OF(f, struct webhdfs, base), path, false, call, err);
    }
    arena_release(&a);
    return rc;
}

static int hdfs_remove_tree(struct fs *f, const char *uri, const struct fs_call *call,
                            struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *path;
    int rc = webhdfs_path_of(&a, uri, &path, err);
    if (!rc && strcmp(path, "/") == 0)
        rc = err_set(err, ERR_VALIDATION, "a whole file system isn't removed");
    if (!rc) rc = webhdfs_delete_path(CONTAINER_OF(f, struct webhdfs, base), path, true, call, err);
    arena_release(&a);
    return rc;
}

static int send_rename(struct webhdfs *h, const char *from, const char *to, bool onto_nothing,
                       const struct fs_call *call, bool *ret_done, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_JSON *j = NULL;
    AUTO_STR query = STR_INIT;
    str_add(&query, "&destination=");
    http_url_encode(&query, sv_from(to), true);
    if (!onto_nothing) str_add(&query, "&renameoptions=OVERWRITE");
    struct webhdfs_request req = {
        .method = "PUT", .op = "RENAME", .path = from, .query = str_text(&query)};
    int rc = webhdfs_send(h, &req, call, &r, NULL, err);
    *ret_done = !rc && !onto_nothing;
    if (rc || !onto_nothing) return rc;
    rc = webhdfs_json(&r, &j, err);
    *ret_done = !rc && json_opt_bool(j, "boolean", false);
    return rc;
}

int webhdfs_rename_path(struct webhdfs *h, const char *from, const char *to, bool onto_nothing,
                        const struct fs_call *call, struct err *err) {
    bool done;
    int rc = send_rename(h, from, to, onto_nothing, call, &done, err);
    if (done || (rc && rc != ERR_NOT_FOUND)) return rc;
    /* It says no, or that there is no such file: an earlier try of ours, whose answer was lost, has
     * moved it; or the destination is there; or the source never was. */
    struct fs_entry e;
    struct err why = ERR_INIT;
    rc = get_status(h, from, call, &e, &why);
    if (!rc) {
        rc = get_status(h, to, call, &e, &why);
        err_clear(err);
        return rc ? err_set(err, ERR_IO, "HDFS refuses to rename %s to %s", from, to)
                  : err_set(err, ERR_EXISTS, "%s is there already", to);
    }
    if (rc == ERR_NOT_FOUND) {
        err_clear(&why);
        rc = get_status(h, to, call, &e, &why);
    }
    if (err) *err = why;
    return rc;
}

static int hdfs_rename(struct fs *f, const char *from, const char *to, unsigned flags,
                       const struct fs_call *call, struct err *err) {
    struct webhdfs *h = CONTAINER_OF(f, struct webhdfs, base);
    struct arena a;
    arena_init(&a);
    const char *src, *dst;
    struct fs_entry e;
    int rc = webhdfs_path_of(&a, from, &src, err);
    if (!rc) rc = webhdfs_path_of(&a, to, &dst, err);
    if (!rc) rc = get_status(h, src, call, &e, err);
    if (!rc) rc = webhdfs_rename_path(h, src, dst, flags & FS_NEW, call, err);
    arena_release(&a);
    return rc;
}

static int hdfs_make_dirs(struct fs *f, const char *uri, const struct fs_call *call,
                          struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct arena a;
    arena_init(&a);
    struct webhdfs_request req = {.method = "PUT", .op = "MKDIRS"};
    int rc = webhdfs_path_of(&a, uri, &req.path, err);
    if (!rc) rc = webhdfs_send(CONTAINER_OF(f, struct webhdfs, base), &req, call, &r, NULL, err);
    arena_release(&a);
    return rc;
}

/* Files under way by whoever, told by their names. */
static int hdfs_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
                      void *self, const struct fs_call *call, struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *name = fs_uri_name(prefix);
    const char *hidden = arena_printf(&a, "%.*s.%s", (int)(name - prefix), prefix, name);
    struct fs_page page = {0};
    int rc = 0;
    do {
        rc = hdfs_list(f, hidden, page.next, call, &a, &page, err);
        for (size_t i = 0; i < page.n && !rc; i++) {
            const char *dst = fs_staging_dst(&a, page.entries[i].uri);
            if (dst && stale(self, dst)) rc = hdfs_remove(f, &page.entries[i].uri, 1, call, err);
        }
    } while (!rc && page.next);
    arena_release(&a);
    return rc;
}

/* ---- reading ---- */

struct hdfs_file {
    struct fs_file base;
    struct arena arena;
    const char *path;
};

static int file_read_at(struct fs_file *base, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                        const struct fs_call *call, struct err *err) {
    struct hdfs_file *file = CONTAINER_OF(base, struct hdfs_file, base);
    struct webhdfs *h = CONTAINER_OF(base->fs, struct webhdfs, base);
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct remote_sink sink = {.dst = dst, .size = n};
    char query[80];
    if (!n) return 0;
    snprintf(query, sizeof query, "&offset=%llu&length=%llu", (unsigned long long)offset,
             (unsigned long long)n);
    struct webhdfs_request req = {.method = "GET",
                                  .op = "OPEN",
                                  .path = file->path,
                                  .query = query,
                                  .redirect = true,
                                  .sink = &sink};
    int rc = webhdfs_send(h, &req, call, &r, NULL, err);
    uint64_t length;
    if (rc == ERR_IO || rc == ERR_INVALID) { /* also for an offset at or behind the end */
        struct err kept = err ? *err : (struct err)ERR_INIT;
        if (webhdfs_length(h, file->path, call, &length, err) == 0 && offset >= length) {
            err_clear(err);
            *ret_n = 0;
            return 0;
        }
        if (err) *err = kept;
    }
    if (!rc) *ret_n = sink.n;
    return rc;
}

static void file_close(struct fs_file *base) {
    struct hdfs_file *file = CONTAINER_OF(base, struct hdfs_file, base);
    arena_release(&file->arena);
    free(file);
}

static const struct fs_file_ops hdfs_file_ops = {file_read_at, file_close};

static int hdfs_open(struct fs *f, const char *uri, const struct fs_call *call,
                     struct fs_file **ret, struct err *err) {
    struct hdfs_file *file = mem_zalloc(sizeof *file);
    arena_init(&file->arena);
    int rc = webhdfs_path_of(&file->arena, uri, &file->path, err);
    if (rc) {
        arena_release(&file->arena);
        free(file);
        return rc;
    }
    fs_file_init(&file->base, &hdfs_file_ops, f, uri);
    *ret = &file->base;
    return 0;
}

/* ---- the store ---- */

static void hdfs_free(struct fs *f) {
    struct webhdfs *h = CONTAINER_OF(f, struct webhdfs, base);
    remote_release(&h->remote);
    fs_secret_free(h->secret);
    fs_release(f);
    arena_release(&h->arena);
    free(h->endpoints);
    free(h);
}

static const struct fs_ops hdfs_ops = {
    .type = "webhdfs",
    .can_rename = true,
    .stat = hdfs_stat,
    .open = hdfs_open,
    .put = webhdfs_put,
    .create = webhdfs_create,
    .commit = webhdfs_commit,
    .discard = webhdfs_discard,
    .sweep = hdfs_sweep,
    .list = hdfs_list,
    .remove = hdfs_remove,
    .remove_tree = hdfs_remove_tree,
    .rename = hdfs_rename,
    .make_dirs = hdfs_make_dirs,
    .free = hdfs_free,
};

/* As Hadoop's client: HADOOP_USER_NAME, else who we are. */
static const char *default_user(struct arena *a) {
    const char *user = getenv("HADOOP_USER_NAME");
    struct passwd pw, *found = NULL;
    char buf[1024];
    if (!user && getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) == 0 && found)
        user = pw.pw_name;
    return arena_strdup(a, user ? user : "penstock");
}

static int split_endpoints(struct webhdfs *h, const char *text, struct err *err) {
    h->endpoints = mem_calloc(NAMENODES_MAX, sizeof *h->endpoints);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        struct sv one = sv_trim((struct sv){p, n});
        while (one.len && one.ptr[one.len - 1] == '/')
            one.len--;
        if (h->n_endpoints == NAMENODES_MAX)
            return err_set(err, ERR_VALIDATION, "endpoint: more than %d NameNodes", NAMENODES_MAX);
        if (one.len) h->endpoints[h->n_endpoints++] = arena_strndup(&h->arena, one.ptr, one.len);
        p += n + (p[n] == ',');
    }
    return h->n_endpoints ? 0 : err_set(err, ERR_VALIDATION, "endpoint is empty");
}

int webhdfs_fs_new(const struct fs_options *o, struct fs **ret, struct err *err) {
    struct webhdfs *h = mem_zalloc(sizeof *h);
    arena_init(&h->arena);
    fs_init(&h->base, &hdfs_ops, o->name);
    struct fs_options own = *o;
    own.user = o->user ? arena_strdup(&h->arena, o->user) : default_user(&h->arena);
    own.ca_file = arena_strdup(&h->arena, o->ca_file);
    if (o->secret.path || o->secret.file || o->secret.env_prefix)
        h->secret = fs_secret_new(&o->secret);
    int rc = split_endpoints(h, o->endpoint, err);
    if (!rc) rc = remote_init(&h->remote, &own, &h->base.metrics, err);
    if (rc) {
        hdfs_free(&h->base);
        return rc;
    }
    *ret = &h->base;
    return 0;
}
