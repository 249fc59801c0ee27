/* webhdfs_write.c - writing to HDFS: under a name of its own beside the destination, a create with
 * the first buffer and an append with each further one, then a rename. An append whose answer is
 * lost is checked by the file's length, and cut back if it was done by half. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "fs/uri.h"
#include "fs/webhdfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hdfs_writer {
    struct fs_writer base;
    struct webhdfs *h;
    struct arena arena;
    struct fs_call call;
    unsigned flags;
    const char *tmp_uri, *tmp, *dst; /* the latter two are paths in HDFS */
    struct str buf;
    uint64_t sent_bytes;
    bool created, keep;
};

static int create_file(struct webhdfs *h, const char *path, const void *data, size_t n,
                       const struct fs_call *call, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT;
    const struct fs_options *o = &h->remote.o;
    str_add(&query, "&overwrite=true");
    if (o->block_bytes) str_addf(&query, "&blocksize=%lld", (long long)o->block_bytes);
    if (o->replication) str_addf(&query, "&replication=%lld", (long long)o->replication);
    str_addf(&query, "&buffersize=%d", 64 << 10);
    struct webhdfs_request req = {.method = "PUT",
                                  .op = "CREATE",
                                  .path = path,
                                  .query = str_text(&query),
                                  .redirect = true,
                                  .body = n ? data : "",
                                  .body_len = n};
    return webhdfs_send(h, &req, call, &r, NULL, err);
}

static int append_once(struct hdfs_writer *w, bool *ret_ambiguous, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct webhdfs_request req = {.method = "POST",
                                  .op = "APPEND",
                                  .path = w->tmp,
                                  .redirect = true,
                                  .body = w->buf.ptr,
                                  .body_len = w->buf.len,
                                  .once = true};
    return webhdfs_send(w->h, &req, &w->call, &r, ret_ambiguous, err);
}

static int truncate_to(struct hdfs_writer *w, uint64_t length, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    char query[48];
    snprintf(query, sizeof query, "&newlength=%llu", (unsigned long long)length);
    struct webhdfs_request req = {
        .method = "POST", .op = "TRUNCATE", .path = w->tmp, .query = query};
    return webhdfs_send(w->h, &req, &w->call, &r, NULL, err);
}

/* After an append that may or may not have been done. *ret_done: it was. A file under way shows
 * less than it has until its lease is recovered, so that what is there more is cut off. */
static int settle(struct hdfs_writer *w, bool *ret_done, struct err *err) {
    uint64_t length, want = w->sent_bytes + w->buf.len;
    int rc = webhdfs_length(w->h, w->tmp, &w->call, &length, err);
    if (rc) return rc;
    *ret_done = length == want;
    if (length == want || length == w->sent_bytes) return 0;
    if (length < w->sent_bytes)
        return err_set(err, ERR_CORRUPT, "HDFS lost bytes: %s has %llu of %llu", w->tmp,
                       (unsigned long long)length, (unsigned long long)w->sent_bytes);
    return truncate_to(w, w->sent_bytes, err);
}

static int append(struct hdfs_writer *w, struct err *err) {
    struct attempts t;
    bool retried = false;
    attempts_begin(&t, &w->h->remote, &w->call);
    for (;; retried = true) {
        bool ambiguous = false, done = false;
        int rc = append_once(w, &ambiguous, err);
        if (!rc && !retried) return 0;
        t.n++;
        if (rc && !remote_is_transient(rc, 0)) return rc;
        if (rc && !attempts_again(&t, NULL, err)) return err ? err->code : rc;
        rc = settle(w, &done, err);
        if (rc || done) return rc;
    }
}

static int flush(struct hdfs_writer *w, struct err *err) {
    int rc = w->created ? append(w, err)
                        : create_file(w->h, w->tmp, str_text(&w->buf), w->buf.len, &w->call, err);
    if (rc) return rc;
    w->created = true;
    w->sent_bytes += w->buf.len;
    str_clear(&w->buf);
    return 0;
}

static int writer_write(struct fs_writer *base, const void *p, size_t n, struct err *err) {
    struct hdfs_writer *w = CONTAINER_OF(base, struct hdfs_writer, base);
    size_t size = (size_t)w->h->remote.o.write_buffer_bytes;
    while (n) {
        size_t k = MIN(n, size - w->buf.len);
        str_add_n(&w->buf, p, k);
        p = (const char *)p + k;
        n -= k;
        int rc = w->buf.len == size ? flush(w, err) : 0;
        if (rc) return rc;
    }
    return 0;
}

/* All bytes are in HDFS, and HDFS agrees. */
static int writer_close(struct hdfs_writer *w, struct err *err) {
    uint64_t length = 0;
    int rc = w->buf.len || !w->created ? flush(w, err) : 0;
    if (!rc) rc = webhdfs_length(w->h, w->tmp, &w->call, &length, err);
    if (!rc && length != w->base.written_bytes)
        rc = err_set(err, ERR_CORRUPT, "%llu bytes were written to %s, but it has %llu",
                     (unsigned long long)w->base.written_bytes, w->tmp, (unsigned long long)length);
    return rc;
}

static int writer_finish(struct fs_writer *base, struct err *err) {
    struct hdfs_writer *w = CONTAINER_OF(base, struct hdfs_writer, base);
    int rc = writer_close(w, err);
    if (!rc) rc = webhdfs_rename_path(w->h, w->tmp, w->dst, w->flags & FS_NEW, &w->call, err);
    w->keep = !rc;
    return rc;
}

static int writer_stage(struct fs_writer *base, cJSON **ret, struct err *err) {
    struct hdfs_writer *w = CONTAINER_OF(base, struct hdfs_writer, base);
    int rc = writer_close(w, err);
    if (rc) return rc;
    w->keep = true;
    *ret = cJSON_CreateObject();
    json_set_str(*ret, "dst", base->uri);
    json_set_str(*ret, "tmp", w->tmp_uri);
    json_set_u64(*ret, "bytes", base->written_bytes);
    return 0;
}

static void writer_abandon(struct fs_writer *base) {
    enum { REMOVE_TIMEOUT_MS = 5000 };
    struct hdfs_writer *w = CONTAINER_OF(base, struct hdfs_writer, base);
    if (w->created && !w->keep) { /* what can't be removed now is swept up later */
        struct fs_call call = {.timeout_ms = REMOVE_TIMEOUT_MS};
        struct err err = ERR_INIT;
        if (webhdfs_delete_path(w->h, w->tmp, false, &call, &err)) err_clear(&err);
    }
    str_release(&w->buf);
    arena_release(&w->arena);
    free(w);
}

static const struct fs_writer_ops hdfs_writer_ops = {writer_write, writer_stage, writer_finish,
                                                     writer_abandon};

int webhdfs_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
                   struct fs_writer **ret, struct err *err) {
    struct hdfs_writer *w = mem_zalloc(sizeof *w);
    arena_init(&w->arena);
    int rc = webhdfs_path_of(&w->arena, uri, &w->dst, err);
    if (!rc) {
        w->tmp_uri = fs_staging_uri(&w->arena, uri);
        rc = webhdfs_path_of(&w->arena, w->tmp_uri, &w->tmp, err);
    }
    if (rc) {
        arena_release(&w->arena);
        free(w);
        return rc;
    }
    w->h = CONTAINER_OF(f, struct webhdfs, base);
    w->flags = flags;
    if (call) w->call = *call;
    fs_writer_init(&w->base, &hdfs_writer_ops, f, uri);
    *ret = &w->base;
    return 0;
}

int webhdfs_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
                const struct fs_call *call, struct err *err) {
    struct webhdfs *h = CONTAINER_OF(f, struct webhdfs, base);
    struct arena a;
    arena_init(&a);
    const char *tmp, *dst;
    int rc = webhdfs_path_of(&a, fs_staging_uri(&a, uri), &tmp, err);
    if (!rc) rc = webhdfs_path_of(&a, uri, &dst, err);
    if (!rc) rc = create_file(h, tmp, data, n, call, err);
    if (!rc) {
        rc = webhdfs_rename_path(h, tmp, dst, flags & FS_NEW, call, err);
        if (rc && webhdfs_delete_path(h, tmp, false, call, NULL)) { /* swept up later */
        }
    }
    arena_release(&a);
    return rc;
}

/* ---- staged files ---- */

static int commit_one(struct webhdfs *h, struct arena *a, const cJSON *s,
                      const struct fs_call *call, struct err *err) {
    const char *tmp, *dst;
    int64_t bytes;
    int rc = json_get_str(s, "tmp", &tmp, err);
    if (!rc) rc = json_get_str(s, "dst", &dst, err);
    if (!rc) rc = json_get_i64(s, "bytes", &bytes, err);
    if (!rc) rc = webhdfs_path_of(a, tmp, &tmp, err);
    if (!rc) rc = webhdfs_path_of(a, dst, &dst, err);
    if (rc) return rc;
    rc = webhdfs_rename_path(h, tmp, dst, false, call, err);
    uint64_t length = 0;
    if (!rc) rc = webhdfs_length(h, dst, call, &length, err);
    if (rc == ERR_NOT_FOUND || (!rc && length != (uint64_t)bytes))
        return err_set(err, ERR_CORRUPT, "%s is gone, and %s is not it either: its data is lost",
                       tmp, dst);
    return rc;
}

int webhdfs_commit(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
                   struct err *err) {
    struct arena a;
    arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = commit_one(CONTAINER_OF(f, struct webhdfs, base), &a, staged[i], call, err);
    arena_release(&a);
    return rc;
}

int webhdfs_discard(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
                    struct err *err) {
    struct arena a;
    arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        const char *tmp;
        rc = json_get_str(staged[i], "tmp", &tmp, err);
        if (!rc) rc = webhdfs_path_of(&a, tmp, &tmp, err);
        if (!rc)
            rc = webhdfs_delete_path(CONTAINER_OF(f, struct webhdfs, base), tmp, false, call, err);
    }
    arena_release(&a);
    return rc;
}
