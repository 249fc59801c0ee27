/* s3.c - see s3.h. */
#include "fs/s3.h"

#include "base/core/digest.h"
#include "base/core/mem.h"
#include "fs/uri.h"
#include "fs/xml.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UPLOAD_THREADS = 8 };

/* ---- stat ---- */

/* "Sun, 22 Nov 2026 14:00:00 GMT" or "2026-11-22T14:00:00.123Z". */
static int64_t time_ms(struct sv v) {
    char text[64];
    struct tm tm = {0};
    if (!v.len || v.len >= sizeof text) return 0;
    memcpy(text, v.ptr, v.len);
    text[v.len] = 0;
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
    if (end) return (int64_t)timegm(&tm) * 1000;
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end) return 0;
    int64_t ms = (int64_t)timegm(&tm) * 1000;
    return *end == '.' ? ms + (int64_t)(strtod(end, NULL) * 1000 + 0.5) : ms;
}

/* A "directory" is there if something lies below it. */
static int stat_dir(struct s3 *s, const char *uri, const struct fs_call *call, struct arena *a,
                    struct fs_entry *ret, struct err *err) {
    struct fs_page page;
    size_t n = strlen(uri);
    const char *dir = n && uri[n - 1] == '/' ? uri : arena_printf(a, "%s/", uri);
    struct s3_place at;
    int rc = s3_place_of(a, uri, &at, err);
    if (!rc) rc = s->base.ops->list(&s->base, dir, NULL, call, a, &page, err);
    if (rc) return rc;
    if (!page.n && !page.next && *at.key)
        return err_set(err, ERR_NOT_FOUND, "neither an object nor a directory");
    *ret = (struct fs_entry){.uri = arena_strdup(a, uri), .is_dir = true};
    return 0;
}

int s3_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
            struct fs_entry *ret, struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct s3_request req = {.method = "HEAD"};
    int rc = s3_place_of(a, uri, &req.at, err);
    if (rc) return rc;
    size_t n = strlen(req.at.key);
    if (!n || req.at.key[n - 1] == '/') return stat_dir(s, uri, call, a, ret, err);
    rc = s3_send(s, &req, call, &r, NULL, err);
    if (rc == ERR_NOT_FOUND) {
        err_clear(err);
        return stat_dir(s, uri, call, a, ret, err);
    }
    if (rc) return rc;
    struct sv len = http_response_header(&r, "Content-Length");
    *ret = (struct fs_entry){.uri = arena_strdup(a, uri),
                             .size_bytes = len.len ? strtoull(len.ptr, NULL, 10) : 0,
                             .mtime_ms = time_ms(http_response_header(&r, "Last-Modified"))};
    return 0;
}

/* ---- reading ---- */

struct s3_file {
    struct fs_file base;
    struct arena arena;
    struct s3_place at;
    pthread_mutex_t lock; /* guards etag */
    char *etag;           /* of the first answer: later ones must be of the same object */
};

static int check_range(const struct s3_file *file, const struct http_response *r, uint64_t offset,
                       struct err *err) {
    if (r->status == 206 || offset == 0) return 0;
    return err_set(err, ERR_PROTOCOL, "%d: the store doesn't know ranges", r->status);
}

static void keep_etag(struct s3_file *file, const struct http_response *r) {
    struct sv etag = http_response_header(r, "ETag");
    pthread_mutex_lock(&file->lock);
    if (!file->etag && etag.len) file->etag = mem_strndup(etag.ptr, etag.len);
    pthread_mutex_unlock(&file->lock);
}

static int file_read_at(struct fs_file *base, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                        const struct fs_call *call, struct err *err) {
    struct s3_file *file = CONTAINER_OF(base, struct s3_file, base);
    struct s3 *s = CONTAINER_OF(base->fs, struct s3, base);
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct remote_sink sink = {.dst = dst, .size = n};
    char range[64];
    if (!n) return 0;
    snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)offset,
             (unsigned long long)(offset + n - 1));
    pthread_mutex_lock(&file->lock);
    AUTO_FREE char *etag = mem_strdup(file->etag);
    pthread_mutex_unlock(&file->lock);
    struct s3_request req = {.method = "GET",
                             .at = file->at,
                             .headers = {{"Range", range}, {"If-Match", etag}},
                             .n_headers = etag ? 2 : 1,
                             .sink = &sink};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    if (r.status == 416) { /* behind the end */
        err_clear(err);
        *ret_n = 0;
        return 0;
    }
    if (rc == ERR_EXISTS && etag)
        return err_set(err, ERR_CORRUPT, "the object was replaced while it was read");
    if (!rc) rc = check_range(file, &r, offset, err);
    if (rc) return rc;
    keep_etag(file, &r);
    *ret_n = sink.n;
    return 0;
}

static void file_close(struct fs_file *base) {
    struct s3_file *file = CONTAINER_OF(base, struct s3_file, base);
    pthread_mutex_destroy(&file->lock);
    free(file->etag);
    arena_release(&file->arena);
    free(file);
}

static const struct fs_file_ops s3_file_ops = {file_read_at, file_close};

static int s3_open(struct fs *f, const char *uri, const struct fs_call *call, struct fs_file **ret,
                   struct err *err) {
    struct s3_file *file = mem_zalloc(sizeof *file);
    arena_init(&file->arena);
    int rc = s3_place_of(&file->arena, uri, &file->at, err);
    if (!rc && !*file->at.key)
        rc = err_set(err, ERR_VALIDATION, "a bucket can't be read as a file");
    if (rc) {
        arena_release(&file->arena);
        free(file);
        return rc;
    }
    pthread_mutex_init(&file->lock, NULL);
    fs_file_init(&file->base, &s3_file_ops, f, uri);
    *ret = &file->base;
    return 0;
}

/* ---- listing ---- */

struct list_state {
    struct arena *a;
    struct fs_page page;
    size_t cap;
    const char *base; /* "s3://bucket/" */
    bool encoded, markers;
    struct fs_entry one; /* being read */
    bool truncated;
};

/* Percent-encoding with '+' for blanks, as encoding-type=url gives. */
static const char *key_text(struct list_state *l, struct sv raw) {
    AUTO_STR text = STR_INIT;
    xml_unescape(raw, &text);
    if (!l->encoded) return arena_strdup(l->a, str_text(&text));
    char *out = arena_strdup(l->a, str_text(&text)), *d = out;
    for (const char *p = out; *p; p++) {
        unsigned v;
        if (*p == '%' && p[1] && p[2] && sscanf(p + 1, "%2x", &v) == 1) {
            *d++ = (char)v;
            p += 2;
        } else {
            *d++ = *p == '+' ? ' ' : *p;
        }
    }
    *d = 0;
    return out;
}

static void add_entry(struct list_state *l, struct fs_entry e) {
    if (l->page.n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct fs_entry *more = ARENA_NEW_N(l->a, struct fs_entry, cap);
        if (l->page.n) memcpy(more, l->page.entries, l->page.n * sizeof e);
        l->page.entries = more;
        l->cap = cap;
    }
    l->page.entries[l->page.n++] = e;
}

static void list_element(struct list_state *l, const struct xml *x, struct sv name) {
    struct sv parent = x->depth ? x->path[x->depth - 1] : (struct sv){0};
    if (sv_eq_str(parent, "Contents")) {
        if (sv_eq_str(name, "Key")) l->one.uri = key_text(l, x->text);
        if (sv_eq_str(name, "Size")) l->one.size_bytes = strtoull(x->text.ptr, NULL, 10);
        if (sv_eq_str(name, "LastModified")) l->one.mtime_ms = time_ms(x->text);
    } else if (sv_eq_str(parent, "CommonPrefixes") && sv_eq_str(name, "Prefix")) {
        const char *key = key_text(l, x->text);
        size_t n = strlen(key);
        add_entry(l, (struct fs_entry){
                         .uri = arena_printf(l->a, "%s%.*s", l->base, (int)(n ? n - 1 : 0), key),
                         .is_dir = true});
    } else if (sv_eq_str(name, "Contents") && l->one.uri) {
        /* An object named like the directory itself only marks it. */
        size_t n = strlen(l->one.uri);
        bool marker = n && l->one.uri[n - 1] == '/';
        l->one.uri = arena_printf(l->a, "%s%s", l->base, l->one.uri);
        if (!marker || l->markers) add_entry(l, l->one);
        l->one = (struct fs_entry){0};
    } else if (sv_eq_str(name, "IsTruncated")) {
        l->truncated = sv_eq_str(x->text, "true");
    } else if (sv_eq_str(name, "NextContinuationToken")) {
        AUTO_STR token = STR_INIT;
        xml_unescape(x->text, &token);
        l->page.next = arena_strdup(l->a, str_text(&token));
    }
}

static int by_uri(const void *a, const void *b) {
    return strcmp(((const struct fs_entry *)a)->uri, ((const struct fs_entry *)b)->uri);
}

static int list_page(struct s3 *s, const struct s3_place *at, const char *scheme_base, bool flat,
                     const char *token, const struct fs_call *call, struct arena *a,
                     struct fs_page *ret, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT;
    char max[16];
    str_add_char(&query, '?');
    snprintf(max, sizeof max, "%lld", (long long)s->remote.o.list_page);
    if (token) remote_add_query(&query, "continuation-token", token);
    if (!flat) remote_add_query(&query, "delimiter", "/");
    remote_add_query(&query, "encoding-type", "url");
    remote_add_query(&query, "list-type", "2");
    remote_add_query(&query, "max-keys", max);
    remote_add_query(&query, "prefix", at->key);
    struct s3_request req = {
        .method = "GET", .at = {at->bucket, ""}, .query = str_text(&query) + 2};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    if (rc) return rc;
    struct list_state l = {.a = a, .base = scheme_base, .markers = flat};
    AUTO_STR encoding = STR_INIT;
    l.encoded = xml_find(str_view(&r.body), "EncodingType", &encoding) &&
                strcmp(str_text(&encoding), "url") == 0;
    struct xml x;
    struct sv name;
    enum xml_event e;
    xml_begin(&x, str_view(&r.body));
    bool complete = false;
    while ((e = xml_next(&x, &name)) != XML_DONE) {
        if (e == XML_END) list_element(&l, &x, name);
        complete = e == XML_END && x.depth == 0;
    }
    if (!complete || (l.truncated && !l.page.next))
        return err_set(err, ERR_PROTOCOL, "the answer to a list request is no whole list");
    if (!l.truncated) l.page.next = NULL;
    if (l.page.n) qsort(l.page.entries, l.page.n, sizeof *l.page.entries, by_uri);
    *ret = l.page;
    return 0;
}

/* "s3://bucket/". */
static const char *base_of(struct arena *a, const char *uri, const struct s3_place *at) {
    size_t scheme = (size_t)(strstr(uri, "://") - uri);
    return arena_printf(a, "%.*s://%s/", (int)scheme, uri, at->bucket);
}

static int s3_list(struct fs *f, const char *prefix, const char *token, const struct fs_call *call,
                   struct arena *a, struct fs_page *ret, struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    struct s3_place at;
    int rc = s3_place_of(a, prefix, &at, err);
    return rc ? rc : list_page(s, &at, base_of(a, prefix, &at), false, token, call, a, ret, err);
}

/* ---- removing ---- */

static int delete_one(struct s3 *s, const struct s3_place *at, const struct fs_call *call,
                      struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct s3_request req = {.method = "DELETE", .at = *at};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    if (rc != ERR_NOT_FOUND) return rc;
    err_clear(err);
    return 0;
}

/* The first key that could not be removed. */
static int check_deleted(struct sv body, struct err *err) {
    struct xml x;
    struct sv name;
    enum xml_event e;
    AUTO_STR key = STR_INIT, code = STR_INIT;
    xml_begin(&x, body);
    while ((e = xml_next(&x, &name)) != XML_DONE) {
        if (e != XML_END) continue;
        bool in_error = x.depth && sv_eq_str(x.path[x.depth - 1], "Error");
        if (in_error && sv_eq_str(name, "Key")) xml_unescape(x.text, &key);
        if (in_error && sv_eq_str(name, "Code")) xml_unescape(x.text, &code);
        if (!sv_eq_str(name, "Error")) continue;
        if (strcmp(str_text(&code), "NoSuchKey") != 0)
            return err_set(
                err, strcmp(str_text(&code), "AccessDenied") ? ERR_UNAVAILABLE : ERR_PERMISSION,
                "key '%s' was not removed: %s", str_text(&key), str_text(&code));
        str_clear(&key);
        str_clear(&code);
    }
    return 0;
}

static int delete_batch(struct s3 *s, const struct s3_place *at, size_t n,
                        const struct fs_call *call, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR body = STR_INIT;
    char md5[DIGEST_MD5_BASE64_BYTES];
    if (n == 1) return delete_one(s, at, call, err);
    str_add(&body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = 0; i < n; i++) {
        str_add(&body, "<Object><Key>");
        xml_escape(sv_from(at[i].key), &body);
        str_add(&body, "</Key></Object>");
    }
    str_add(&body, "</Delete>");
    digest_md5_base64(body.ptr, body.len, md5);
    struct s3_request req = {.method = "POST",
                             .at = {at->bucket, ""},
                             .query = "delete=",
                             .headers = {{"Content-MD5", md5}, {"Content-Type", "application/xml"}},
                             .n_headers = 2,
                             .body = body.ptr,
                             .body_len = body.len};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    return rc ? rc : check_deleted(str_view(&r.body), err);
}

static int s3_remove(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
                     struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    struct arena a;
    arena_init(&a);
    struct s3_place *at = ARENA_NEW_N(&a, struct s3_place, n);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = s3_place_of(&a, uris[i], &at[i], err);
        if (!rc && !*at[i].key)
            rc = err_set(err, ERR_VALIDATION, "a bucket can't be removed here: %s", uris[i]);
    }
    for (size_t from = 0, to; from < n && !rc; from = to) {
        to = from + 1;
        while (to < n && to - from < S3_DELETE_MAX && !strcmp(at[to].bucket, at[from].bucket))
            to++;
        rc = delete_batch(s, at + from, to - from, call, err);
    }
    arena_release(&a);
    return rc;
}

static int s3_remove_tree(struct fs *f, const char *uri, const struct fs_call *call,
                          struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    struct arena a;
    arena_init(&a);
    struct s3_place at;
    struct fs_page page = {0};
    int rc = s3_place_of(&a, uri, &at, err);
    if (!rc && *at.key && at.key[strlen(at.key) - 1] != '/')
        at.key = arena_printf(&a, "%s/", at.key);
    if (!rc && !*at.key) rc = err_set(err, ERR_VALIDATION, "a whole bucket isn't removed");
    const char *base = rc ? NULL : base_of(&a, uri, &at);
    /* Always the first page: what was listed is gone. */
    do {
        if (!rc) rc = list_page(s, &at, base, true, NULL, call, &a, &page, err);
        const char **uris = ARENA_NEW_N(&a, const char *, rc ? 1 : page.n + 1);
        for (size_t i = 0; !rc && i < page.n; i++)
            uris[i] = page.entries[i].uri;
        if (!rc && page.n) rc = s3_remove(f, uris, page.n, call, err);
    } while (!rc && page.next && page.n);
    if (!rc) rc = delete_one(s, &at, call, err); /* the object that marks the directory */
    arena_release(&a);
    return rc;
}

static int s3_make_dirs(struct fs *f, const char *uri, const struct fs_call *call,
                        struct err *err) {
    return 0;
}

/* ---- the store ---- */

static void s3_free(struct fs *f) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    io_pool_free(s->uploads);
    remote_release(&s->remote);
    fs_secret_free(s->secret);
    fs_release(f);
    free(s->sigv4);
    arena_release(&s->arena);
    free(s);
}

static const struct fs_ops s3_ops = {
    .type = "s3",
    .stat = s3_stat,
    .open = s3_open,
    .put = s3_put,
    .create = s3_create,
    .commit = s3_commit,
    .discard = s3_discard,
    .sweep = s3_sweep,
    .list = s3_list,
    .remove = s3_remove,
    .remove_tree = s3_remove_tree,
    .make_dirs = s3_make_dirs,
    .free = s3_free,
};

/* A bucket can't stand in front of an address or a name without dots. */
static bool needs_path_style(const char *endpoint) {
    const char *host = strstr(endpoint, "://") + 3;
    size_t n = strcspn(host, "/:");
    char text[256];
    struct in_addr addr;
    if (*host == '[' || n >= sizeof text) return true;
    memcpy(text, host, n);
    text[n] = 0;
    return inet_pton(AF_INET, text, &addr) == 1 || !strchr(text, '.');
}

int s3_fs_new(const struct fs_options *o, struct fs **ret, struct err *err) {
    struct s3 *s = mem_zalloc(sizeof *s);
    arena_init(&s->arena);
    fs_init(&s->base, &s3_ops, o->name);
    struct fs_options own = *o;
    own.endpoint = arena_strdup(&s->arena, o->endpoint);
    own.ca_file = arena_strdup(&s->arena, o->ca_file);
    s->path_style = o->path_style || needs_path_style(o->endpoint);
    AUTO_STR sig = STR_INIT;
    str_addf(&sig, "aws:amz:%s:s3", o->region);
    s->sigv4 = str_take(&sig);
    s->secret = fs_secret_new(&o->secret);
    int rc = remote_init(&s->remote, &own, &s->base.metrics, err);
    if (!rc)
        rc = io_pool_new(
            &(struct io_pool_options){.name = "s3-upload", .threads_max = UPLOAD_THREADS},
            &s->uploads, err);
    if (rc) {
        s3_free(&s->base);
        return rc;
    }
    *ret = &s->base;
    return 0;
}
