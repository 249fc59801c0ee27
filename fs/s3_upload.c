/* s3_upload.c - writing to S3: small objects by one put, larger ones in parts that are uploaded in
 * the background while the next one fills. A staged object is an upload with all its parts that
 * isn't completed: invisible, and complete from anywhere by its id. */
#include "base/core/mem.h"
#include "fs/s3.h"
#include "fs/uri.h"
#include "fs/xml.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_PER_SIZE = 1000 }; /* so many parts of one size, then twice that */

/* ---- whole objects ---- */

/* Is what is there what we sent? Then it was our own put whose answer got lost. */
static int is_ours(struct s3 *s, const struct s3_place *at, const void *data, size_t n,
                   const struct fs_call *call, bool *ret, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    uint8_t *there = mem_alloc(n + 1);
    struct remote_sink sink = {.dst = there, .size = n + 1};
    struct s3_request req = {.method = "GET", .at = *at, .sink = &sink};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    if (!rc) *ret = sink.n == n && memcmp(there, data, n) == 0;
    free(there);
    return rc;
}

/* There are stores that pass over If-None-Match, where two would both believe that they were first.
 * The first conditional put that succeeds is tried a second time, which must be refused. */
static int check_fence(struct s3 *s, const struct s3_request *put, const struct fs_call *call,
                       struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    if (atomic_load(&s->fence)) return 0;
    int rc = s3_send(s, put, call, &r, NULL, err);
    if (rc == ERR_EXISTS) {
        err_clear(err);
        atomic_store(&s->fence, 1);
        return 0;
    }
    return rc ? rc
              : err_set(err, ERR_UNSUPPORTED,
                        "the store passes over 'If-None-Match: *', so that objects can't be "
                        "created only if absent: a checkpoint's manifest needs a store that can");
}

int s3_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
           const struct fs_call *call, struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct arena a;
    int attempts = 0;
    bool ours = false;
    struct s3_request req = {
        .method = "PUT",
        .headers = {{"Content-Type", "application/octet-stream"}, {"If-None-Match", "*"}},
        .n_headers = flags & FS_NEW ? 2 : 1,
        .body = n ? data : "",
        .body_len = n};
    arena_init(&a);
    int rc = s3_place_of(&a, uri, &req.at, err);
    if (!rc && !*req.at.key) rc = err_set(err, ERR_VALIDATION, "the path has no key");
    if (!rc) rc = s3_send(s, &req, call, &r, &attempts, err);
    if (rc == ERR_EXISTS && (flags & FS_NEW) && attempts > 1) {
        struct err kept = err ? *err : (struct err)ERR_INIT;
        rc = is_ours(s, &req.at, data, n, call, &ours, err);
        if (!rc && !ours) {
            if (err) *err = kept;
            rc = ERR_EXISTS;
        }
    }
    if (!rc && (flags & FS_NEW) && !ours) rc = check_fence(s, &req, call, err);
    arena_release(&a);
    return rc;
}

/* ---- uploads ---- */

struct part {
    char *etag;
    uint64_t bytes;
};

struct s3_writer {
    struct fs_writer base;
    struct s3 *s;
    struct arena arena;
    struct s3_place at;
    struct fs_call call;
    unsigned flags;
    char *upload_id; /* NULL: not begun */
    bool done;       /* completed or staged: nothing to abort */
    struct str filling;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t landed;
    struct part *parts;
    size_t n_parts, cap_parts;
    int in_flight;
    int rc;
    struct err err;
};

struct part_job {
    struct s3_writer *w;
    size_t number; /* from 0 */
    struct str data;
};

static int begin_upload(struct s3_writer *w, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR id = STR_INIT;
    struct s3_request req = {.method = "POST",
                             .at = w->at,
                             .query = "uploads=",
                             .headers = {{"Content-Type", "application/octet-stream"}},
                             .n_headers = 1};
    int rc = s3_send(w->s, &req, &w->call, &r, NULL, err);
    if (rc) return rc;
    if (!xml_find(str_view(&r.body), "UploadId", &id) || !id.len)
        return err_set(err, ERR_PROTOCOL, "the answer to the begin of an upload has no UploadId");
    w->upload_id = str_take(&id);
    return 0;
}

static int send_part(const struct part_job *j, char **ret_etag, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT;
    char number[24];
    snprintf(number, sizeof number, "%zu", j->number + 1);
    str_add_char(&query, '?');
    remote_add_query(&query, "partNumber", number);
    remote_add_query(&query, "uploadId", j->w->upload_id);
    struct s3_request req = {.method = "PUT",
                             .at = j->w->at,
                             .query = str_text(&query) + 2,
                             .headers = {{"Content-Type", "application/octet-stream"}},
                             .n_headers = 1,
                             .body = j->data.len ? j->data.ptr : "",
                             .body_len = j->data.len};
    int rc = s3_send(j->w->s, &req, &j->w->call, &r, NULL, err);
    if (rc) return rc;
    struct sv etag = http_response_header(&r, "ETag");
    if (!etag.len) return err_set(err, ERR_PROTOCOL, "the answer to part %s has no ETag", number);
    *ret_etag = mem_strndup(etag.ptr, etag.len);
    return 0;
}

static void part_run(void *arg) {
    struct part_job *j = arg;
    struct s3_writer *w = j->w;
    struct err err = ERR_INIT;
    char *etag = NULL;
    int rc = send_part(j, &etag, &err);
    size_t bytes = j->data.len, number = j->number;
    str_release(&j->data);
    free(j);
    pthread_mutex_lock(&w->lock);
    w->parts[number] = (struct part){etag, bytes};
    if (rc && !w->rc) {
        w->rc = rc;
        w->err = err;
    }
    w->in_flight--;
    pthread_cond_broadcast(&w->landed);
    pthread_mutex_unlock(&w->lock);
}

/* Waits until at most n parts are on their way. */
static int wait_in_flight(struct s3_writer *w, int n, struct err *err) {
    pthread_mutex_lock(&w->lock);
    while (w->in_flight > n)
        pthread_cond_wait(&w->landed, &w->lock);
    int rc = w->rc;
    if (rc && err) *err = w->err;
    pthread_mutex_unlock(&w->lock);
    return rc;
}

/* Hands the part that was filled to the uploaders. */
static int push_part(struct s3_writer *w, struct err *err) {
    int rc = wait_in_flight(w, (int)w->s->remote.o.parts_in_flight - 1, err);
    if (!rc && !w->upload_id) rc = begin_upload(w, err);
    if (rc) return rc;
    if (w->n_parts == S3_PARTS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "the object would have more than %d parts",
                       S3_PARTS_MAX);
    struct part_job *j = mem_zalloc(sizeof *j);
    j->w = w;
    j->data = w->filling;
    w->filling = (struct str)STR_INIT;
    pthread_mutex_lock(&w->lock);
    MEM_GROW(w->parts, w->n_parts, w->cap_parts);
    j->number = w->n_parts++;
    w->parts[j->number] = (struct part){0};
    w->in_flight++;
    pthread_mutex_unlock(&w->lock);
    struct io_job job = {part_run, NULL, j};
    if (io_pool_submit(w->s->uploads, &job, NULL, NULL)) part_run(j);
    return 0;
}

static size_t part_bytes(const struct s3_writer *w) {
    return (size_t)w->s->remote.o.part_bytes << MIN(w->n_parts / PARTS_PER_SIZE, (size_t)9);
}

static int writer_write(struct fs_writer *base, const void *p, size_t n, struct err *err) {
    struct s3_writer *w = CONTAINER_OF(base, struct s3_writer, base);
    while (n) {
        size_t room = part_bytes(w) - w->filling.len, k = MIN(n, room);
        if (w->filling.cap < w->filling.len + k) /* doubling, but not beyond the part */
            str_reserve(&w->filling, MIN(MAX(k, w->filling.len), room));
        str_add_n(&w->filling, p, k);
        p = (const char *)p + k;
        n -= k;
        if (w->filling.len < part_bytes(w)) continue;
        int rc = push_part(w, err);
        if (rc) return rc;
    }
    return 0;
}

/* All parts are there. */
static int all_parts(struct s3_writer *w, struct err *err) {
    int rc = w->filling.len || !w->n_parts ? push_part(w, err) : 0;
    int landed = wait_in_flight(w, 0, rc ? NULL : err);
    return rc ? rc : landed;
}

/* Completes an upload; again is harmless: an upload that is gone while the object is there in the
 * right size has been completed. */
static int complete(struct s3 *s, const char *uri, const struct s3_place *at, const char *upload_id,
                    const cJSON *etags, uint64_t bytes, unsigned flags, const struct fs_call *call,
                    struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT, body = STR_INIT;
    const cJSON *etag;
    int n = 0;
    str_add_char(&query, '?');
    remote_add_query(&query, "uploadId", upload_id);
    str_add(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    cJSON_ArrayForEach(etag, etags) {
        str_add(&body, "<Part><ETag>");
        xml_escape(sv_from(cJSON_GetStringValue(etag)), &body);
        str_addf(&body, "</ETag><PartNumber>%d</PartNumber></Part>", ++n);
    }
    str_add(&body, "</CompleteMultipartUpload>");
    struct s3_request req = {
        .method = "POST",
        .at = *at,
        .query = str_text(&query) + 2,
        .headers = {{"Content-Type", "application/xml"}, {"If-None-Match", "*"}},
        .n_headers = flags & FS_NEW ? 2 : 1,
        .body = body.ptr,
        .body_len = body.len};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    if (rc != ERR_NOT_FOUND) return rc;
    struct arena a;
    struct fs_entry there = {0};
    struct err why = ERR_INIT;
    arena_init(&a);
    rc = s3_stat(&s->base, uri, call, &a, &there, &why);
    arena_release(&a);
    if (!rc && !there.is_dir && there.size_bytes == bytes) {
        err_clear(err);
        return 0;
    }
    if (rc && rc != ERR_NOT_FOUND) {
        if (err) *err = why;
        return rc;
    }
    return err_set(err, ERR_CORRUPT,
                   "the upload is gone, and the object is not there either: its data is lost");
}

static cJSON *etag_array(const struct s3_writer *w) {
    cJSON *etags = cJSON_CreateArray();
    for (size_t i = 0; i < w->n_parts; i++)
        cJSON_AddItemToArray(etags, cJSON_CreateString(w->parts[i].etag));
    return etags;
}

static int writer_finish(struct fs_writer *base, struct err *err) {
    struct s3_writer *w = CONTAINER_OF(base, struct s3_writer, base);
    if (!w->n_parts) { /* all of it fits into one request */
        w->done = true;
        return s3_put(base->fs, base->uri, str_text(&w->filling), w->filling.len, w->flags,
                      &w->call, err);
    }
    int rc = all_parts(w, err);
    if (rc) return rc;
    AUTO_JSON *etags = etag_array(w);
    rc = complete(w->s, base->uri, &w->at, w->upload_id, etags, base->written_bytes, w->flags,
                  &w->call, err);
    w->done = !rc;
    return rc;
}

static int writer_stage(struct fs_writer *base, cJSON **ret, struct err *err) {
    struct s3_writer *w = CONTAINER_OF(base, struct s3_writer, base);
    int rc = all_parts(w, err);
    if (rc) return rc;
    *ret = cJSON_CreateObject();
    json_set_str(*ret, "dst", base->uri);
    json_set_str(*ret, "upload", w->upload_id);
    json_set_u64(*ret, "bytes", base->written_bytes);
    json_set(*ret, "etags", etag_array(w));
    w->done = true;
    return 0;
}

static int abort_upload(struct s3 *s, const struct s3_place *at, const char *upload_id,
                        const struct fs_call *call, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT;
    str_add_char(&query, '?');
    remote_add_query(&query, "uploadId", upload_id);
    struct s3_request req = {.method = "DELETE", .at = *at, .query = str_text(&query) + 2};
    int rc = s3_send(s, &req, call, &r, NULL, err);
    if (rc != ERR_NOT_FOUND) return rc;
    err_clear(err);
    return 0;
}

static void writer_abandon(struct fs_writer *base) {
    enum { ABORT_TIMEOUT_MS = 5000 };
    struct s3_writer *w = CONTAINER_OF(base, struct s3_writer, base);
    (void)!wait_in_flight(w, 0, NULL);
    if (w->upload_id && !w->done) { /* what can't be aborted now is swept up later */
        struct fs_call call = {.timeout_ms = ABORT_TIMEOUT_MS};
        struct err err = ERR_INIT;
        if (abort_upload(w->s, &w->at, w->upload_id, &call, &err)) err_clear(&err);
    }
    for (size_t i = 0; i < w->n_parts; i++)
        free(w->parts[i].etag);
    free(w->parts);
    free(w->upload_id);
    str_release(&w->filling);
    pthread_cond_destroy(&w->landed);
    pthread_mutex_destroy(&w->lock);
    arena_release(&w->arena);
    free(w);
}

static const struct fs_writer_ops s3_writer_ops = {writer_write, writer_stage, writer_finish,
                                                   writer_abandon};

int s3_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
              struct fs_writer **ret, struct err *err) {
    struct s3_writer *w = mem_zalloc(sizeof *w);
    arena_init(&w->arena);
    int rc = s3_place_of(&w->arena, uri, &w->at, err);
    if (!rc && !*w->at.key) rc = err_set(err, ERR_VALIDATION, "the path has no key");
    if (rc) {
        arena_release(&w->arena);
        free(w);
        return rc;
    }
    w->s = CONTAINER_OF(f, struct s3, base);
    w->flags = flags;
    if (call) w->call = *call;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->landed, NULL);
    fs_writer_init(&w->base, &s3_writer_ops, f, uri);
    *ret = &w->base;
    return 0;
}

/* ---- staged objects ---- */

static int read_staged(struct arena *a, const cJSON *j, struct s3_place *at, const char **dst,
                       const char **upload, struct err *err) {
    int rc = json_get_str(j, "dst", dst, err);
    if (!rc) rc = json_get_str(j, "upload", upload, err);
    return rc ? rc : s3_place_of(a, *dst, at, err);
}

int s3_commit(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
              struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    struct arena a;
    arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        struct s3_place at;
        const char *dst, *upload;
        const cJSON *etags;
        uint64_t bytes;
        rc = read_staged(&a, staged[i], &at, &dst, &upload, err);
        if (!rc) rc = json_get_u64(staged[i], "bytes", &bytes, err);
        if (!rc) rc = json_get_array(staged[i], "etags", &etags, err);
        if (!rc) rc = complete(s, dst, &at, upload, etags, bytes, 0, call, err);
    }
    arena_release(&a);
    return rc;
}

int s3_discard(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
               struct err *err) {
    struct s3 *s = CONTAINER_OF(f, struct s3, base);
    struct arena a;
    arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        struct s3_place at;
        const char *dst, *upload;
        rc = read_staged(&a, staged[i], &at, &dst, &upload, err);
        if (!rc) rc = abort_upload(s, &at, upload, call, err);
    }
    arena_release(&a);
    return rc;
}

/* ---- leftovers ---- */

struct sweep {
    struct s3 *s;
    const struct s3_place *at;
    const char *base; /* "s3://bucket/" */
    bool (*stale)(void *self, const char *dst);
    void *self;
    const struct fs_call *call;
    struct str key, id, key_marker, id_marker;
    bool truncated;
};

static int sweep_element(struct sweep *w, const struct xml *x, struct sv name, struct err *err) {
    bool in_upload = x->depth && sv_eq_str(x->path[x->depth - 1], "Upload");
    if (in_upload && sv_eq_str(name, "Key")) xml_unescape(x->text, &w->key);
    if (in_upload && sv_eq_str(name, "UploadId")) xml_unescape(x->text, &w->id);
    if (x->depth == 1 && sv_eq_str(name, "NextKeyMarker")) xml_unescape(x->text, &w->key_marker);
    if (x->depth == 1 && sv_eq_str(name, "NextUploadIdMarker"))
        xml_unescape(x->text, &w->id_marker);
    if (x->depth == 1 && sv_eq_str(name, "IsTruncated")) w->truncated = sv_eq_str(x->text, "true");
    if (x->depth != 1 || !sv_eq_str(name, "Upload")) return 0;
    AUTO_STR dst = STR_INIT;
    str_addf(&dst, "%s%s", w->base, str_text(&w->key));
    struct s3_place at = {w->at->bucket, str_text(&w->key)};
    int rc = w->stale(w->self, str_text(&dst))
                 ? abort_upload(w->s, &at, str_text(&w->id), w->call, err)
                 : 0;
    str_clear(&w->key);
    str_clear(&w->id);
    return rc;
}

static int sweep_page(struct sweep *w, struct err *err) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR query = STR_INIT;
    str_add_char(&query, '?');
    if (w->key_marker.len) remote_add_query(&query, "key-marker", str_text(&w->key_marker));
    remote_add_query(&query, "prefix", w->at->key);
    if (w->id_marker.len) remote_add_query(&query, "upload-id-marker", str_text(&w->id_marker));
    str_add(&query, "&uploads=");
    str_clear(&w->key_marker);
    str_clear(&w->id_marker);
    w->truncated = false;
    struct s3_request req = {
        .method = "GET", .at = {w->at->bucket, ""}, .query = str_text(&query) + 2};
    int rc = s3_send(w->s, &req, w->call, &r, NULL, err);
    struct xml x;
    struct sv name;
    enum xml_event e;
    xml_begin(&x, str_view(&r.body));
    while (!rc && (e = xml_next(&x, &name)) != XML_DONE) {
        if (e == XML_END) rc = sweep_element(w, &x, name, err);
    }
    return rc;
}

int s3_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
             void *self, const struct fs_call *call, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct s3_place at;
    int rc = s3_place_of(&a, prefix, &at, err);
    if (!rc) {
        struct sweep w = {
            .s = CONTAINER_OF(f, struct s3, base),
            .at = &at,
            .base = arena_printf(&a, "%.*s", (int)(strlen(prefix) - strlen(at.key)), prefix),
            .stale = stale,
            .self = self,
            .call = call};
        do
            rc = sweep_page(&w, err);
        while (!rc && w.truncated && w.key_marker.len);
        str_release(&w.key);
        str_release(&w.id);
        str_release(&w.key_marker);
        str_release(&w.id_marker);
    }
    arena_release(&a);
    return rc;
}
