/* s3_test.c - the S3 store against a server that fails as told: retries, lost answers, keys that
 * are refused, uploads that break. What a healthy server does is tests/services' to check. */
#include "fs/s3.h"

#include "base/core/clock.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/net/http_server.h"
#include "fs/stores.h"
#include "fs/walk.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the server: objects and uploads in memory; all on the loop's thread ---- */

struct object {
    struct str data;
    int version;
};

/* What the next requests of a method meet. */
struct script {
    const char *method; /* NULL: any */
    int times, status;
    const char *code; /* S3's */
    bool lost;        /* it is done, then answered so */
    bool cut;         /* the answer is cut off in its middle */
    bool inside;      /* 200 with the error in the body */
    const char *retry_after;
};

static struct server {
    struct net_loop *loop;
    struct http_server *http;
    struct map objects; /* "/bucket/key" -> struct object */
    struct str parts;   /* of the one upload there is */
    bool upload;
    struct script script;
    const char *good_key;
    bool ignores_conditions, never_answers;
    int requests, aborts, version;
    struct http_exchange *held[8];
    int n_held;
} server;

static void reply_error(struct http_exchange *x, int status, const char *code) {
    char body[256];
    snprintf(body, sizeof body,
             "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>scripted &amp; "
             "sent</Message></Error>",
             code);
    http_reply_header(x, "x-amz-request-id", "REQ42");
    http_reply(x, status, "application/xml", body, strlen(body));
}

static void reply_object(struct http_exchange *x, const struct object *o, bool cut) {
    char etag[32];
    unsigned long long from = 0, to = o->data.len;
    const char *range = http_header(x, "range");
    snprintf(etag, sizeof etag, "\"v%d\"", o->version);
    const char *match = http_header(x, "if-match");
    if (match && strcmp(match, etag) != 0) {
        reply_error(x, 412, "PreconditionFailed");
        return;
    }
    if (range) {
        assert_int_equal(sscanf(range, "bytes=%llu-%llu", &from, &to), 2);
        to = MIN(to + 1, o->data.len);
    }
    if (from >= o->data.len && range) {
        reply_error(x, 416, "InvalidRange");
        return;
    }
    http_reply_header(x, "ETag", etag);
    if (cut) {
        struct err e = ERR_INIT;
        http_stream_begin(x, 206, "application/octet-stream", NULL, NULL);
        assert_ok(http_stream_write(x, o->data.ptr + from, (size_t)(to - from) / 2, &e), &e);
        http_stream_abort(x);
        return;
    }
    http_reply(x, range ? 206 : 200, "application/octet-stream", str_text(&o->data) + from,
               (size_t)(to - from));
}

static void store(const char *path, struct sv body) {
    struct object *o = map_get(&server.objects, path);
    if (!o) {
        o = mem_zalloc(sizeof *o);
        map_put(&server.objects, path, o);
    }
    str_clear(&o->data);
    str_add_sv(&o->data, body);
    o->version = ++server.version;
}

static void reply_list(struct http_exchange *x) {
    /* Two pages, told apart by the token; keys percent-encoded. */
    const char *token = http_query(x, "continuation-token");
    const char *body =
        token ? "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
                "<CommonPrefixes><Prefix>d/sub/</Prefix></CommonPrefixes></ListBucketResult>"
              : "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                "<NextContinuationToken>t&amp;1</NextContinuationToken>"
                "<Contents><Key>d/b+c%2Bd</Key><Size>7</Size>"
                "<LastModified>2026-11-22T10:00:00.250Z</LastModified></Contents>"
                "<Contents><Key>d/</Key><Size>0</Size></Contents>"
                "<Contents><Key>d/a%26</Key><Size>5</Size></Contents></ListBucketResult>";
    if (token) assert_string_equal(token, "t&1");
    http_reply(x, 200, "application/xml", body, strlen(body));
}

static void reply_put(struct http_exchange *x, const char *path) {
    const char *none = http_header(x, "if-none-match");
    if (http_query(x, "partNumber")) {
        str_add_sv(&server.parts, http_body(x));
        http_reply_header(x, "ETag", "\"part\"");
        http_reply(x, 200, NULL, "", 0);
    } else if (none && map_has(&server.objects, path) && !server.ignores_conditions) {
        reply_error(x, 412, "PreconditionFailed");
    } else {
        store(path, http_body(x));
        http_reply(x, 200, NULL, "", 0);
    }
}

static void reply_post(struct http_exchange *x, const char *path) {
    static const char begun[] = "<R><UploadId>up&amp;1</UploadId></R>", done[] = "<R></R>";
    if (http_query(x, "uploads")) {
        str_clear(&server.parts);
        server.upload = true;
        http_reply(x, 200, NULL, begun, strlen(begun));
    } else if (!server.upload) {
        reply_error(x, 404, "NoSuchUpload");
    } else {
        assert_string_equal(http_query(x, "uploadId"), "up&1");
        store(path, str_view(&server.parts));
        server.upload = false;
        http_reply(x, 200, NULL, done, strlen(done));
    }
}

static void serve(struct http_exchange *x, bool cut) {
    const char *method = http_method(x), *path = http_path(x);
    struct object *o = map_get(&server.objects, path);
    if (!strcmp(method, "PUT")) {
        reply_put(x, path);
    } else if (!strcmp(method, "POST")) {
        reply_post(x, path);
    } else if (!strcmp(method, "DELETE")) {
        if (http_query(x, "uploadId")) server.aborts++, server.upload = false;
        http_reply(x, 204, NULL, "", 0);
    } else if (http_query(x, "list-type")) {
        reply_list(x);
    } else if (o) {
        reply_object(x, o, cut);
    } else {
        reply_error(x, 404, "NoSuchKey");
    }
}

/* The effect of a request whose answer will be another one. */
static void take_effect(struct http_exchange *x) {
    const char *path = http_path(x);
    if (!strcmp(http_method(x), "PUT") && !map_has(&server.objects, path))
        store(path, http_body(x));
    if (!strcmp(http_method(x), "POST") && http_query(x, "uploadId") && server.upload) {
        store(path, str_view(&server.parts));
        server.upload = false;
    }
}

static void on_request(void *self, struct http_exchange *x) {
    struct script *s = &server.script;
    const char *auth = http_header(x, "authorization");
    server.requests++;
    if (server.never_answers) {
        server.held[server.n_held++] = x;
        return;
    }
    assert_non_null(auth);
    assert_non_null(http_header(x, "x-amz-content-sha256"));
    if (!strstr(auth, server.good_key)) {
        reply_error(x, 403, "InvalidAccessKeyId");
        return;
    }
    bool hit = s->times > 0 && (!s->method || !strcmp(s->method, http_method(x)));
    if (!hit) {
        serve(x, false);
        return;
    }
    s->times--;
    if (s->lost) take_effect(x);
    if (s->retry_after) http_reply_header(x, "Retry-After", s->retry_after);
    if (s->cut)
        serve(x, true);
    else
        reply_error(x, s->inside ? 200 : s->status, s->code);
}

/* ---- what each test starts with ---- */

static char dir[64];
static struct fs_stores *stores;
static struct fs *fs;
static struct arena arena;

static void write_keys(const char *id) {
    char path[128];
    snprintf(path, sizeof path, "%s/keys", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "accessKeyId=%s\nsecretAccessKey=topSecret\n", id);
    fclose(f);
}

static void open_store(const char *options) {
    struct err e = ERR_INIT;
    AUTO_STR text = STR_INIT;
    AUTO_JSON *rows = NULL;
    str_addf(&text,
             "[{\"name\":\"st\",\"prefix\":\"s3://b\",\"type\":\"s3\",\"endpoint\":"
             "\"http://127.0.0.1:%d\",\"secret\":{\"file\":\"%s/keys\"},"
             "\"options\":{\"retry-base\":\"1 ms\",\"retry-max\":\"5 ms\"%s}}]",
             http_server_port(server.http), dir, options);
    assert_ok(json_parse(text.ptr, text.len, &rows, &e), &e);
    fs_stores_free(stores);
    assert_ok(fs_stores_new(rows, &stores, &e), &e);
    assert_ok(fs_stores_find(stores, "s3://b/x", &fs, &e), &e);
}

static void free_object(void *p) {
    struct object *o = p;
    str_release(&o->data);
    free(o);
}

static int setup(void **state) {
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};
    struct err e = ERR_INIT;
    memset(&server, 0, sizeof server);
    map_init(&server.objects);
    server.good_key = "KEY1";
    strcpy(dir, "/tmp/penstock-s3-XXXXXX");
    assert_non_null(mkdtemp(dir));
    write_keys("KEY1");
    arena_init(&arena);
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &server.loop, &e), &e);
    struct http_server_options o = {.body_max_bytes = 16 << 20};
    assert_ok(http_server_new(server.loop, &o, &server.http, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        http_server_route(server.http, methods[i], "/b/{key...}", on_request, NULL);
    assert_ok(net_loop_start(server.loop, &e), &e);
    open_store("");
    return 0;
}

static int teardown(void **state) {
    char path[128];
    snprintf(path, sizeof path, "%s/keys", dir);
    fs_stores_free(stores);
    stores = NULL;
    net_loop_free(server.loop);
    map_release(&server.objects, free_object);
    str_release(&server.parts);
    arena_release(&arena);
    unlink(path);
    rmdir(dir);
    return 0;
}

/* The script is read on the loop's thread: set while nothing is under way. */
static void script(struct script s) {
    server.script = s;
    server.requests = 0;
}

static void put(const char *uri, const char *text) {
    struct err e = ERR_INIT;
    assert_ok(fs_put(fs, uri, text, strlen(text), 0, NULL, &e), &e);
}

static void assert_text(const char *uri, const char *want) {
    struct err e = ERR_INIT;
    AUTO_STR got = STR_INIT;
    assert_ok(fs_get(fs, uri, NULL, &got, &e), &e);
    assert_string_equal(str_text(&got), want);
}

/* ---- tests ---- */

static void test_retries(void **state) {
    static const int statuses[] = {408, 425, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        script((struct script){.times = 2, .status = statuses[i], .code = "SlowDown"});
        put("s3://b/a", "text");
        assert_int_equal(server.requests, 3);
    }
    assert_int_equal(atomic_load(&fs_metrics_of(fs)->retries), 2 * ARRAY_LEN(statuses));
    assert_int_equal(atomic_load(&fs_metrics_of(fs)->requests), 3 * ARRAY_LEN(statuses));
    script((struct script){.method = "GET", .times = 1, .cut = true}); /* in the middle of bytes */
    assert_text("s3://b/a", "text");
    assert_int_equal(server.requests, 2);
}

static void test_retries_end(void **state) {
    struct err e = ERR_INIT;
    open_store(",\"retries\":\"3\"");
    script((struct script){.times = 100, .status = 503, .code = "SlowDown"});
    assert_err(fs_put(fs, "s3://b/a", "x", 1, 0, NULL, &e), ERR_UNAVAILABLE, &e,
               "put s3://b/a: store 'st': 503 SlowDown: scripted & sent (request REQ42)");
    assert_int_equal(server.requests, 4);
    assert_int_equal(e.cls, ERR_CLASS_RETRY);
    assert_int_equal(atomic_load(&fs_metrics_of(fs)->ops[FS_OP_PUT].errors), 1);
}

static void test_retry_after(void **state) {
    script((struct script){.times = 1, .status = 429, .code = "SlowDown", .retry_after = "1"});
    int64_t begun = clock_mono_ns();
    put("s3://b/a", "text");
    assert_true(clock_mono_ns() - begun >= 1000000000);
}

static void test_final_errors(void **state) {
    static const struct {
        int status;
        const char *code;
        int want;
    } cases[] = {
        {403, "AccessDenied", ERR_PERMISSION},
        {404, "NoSuchBucket", ERR_NOT_FOUND},
        {400, "AuthorizationHeaderMalformed", ERR_VALIDATION},
        {301, "PermanentRedirect", ERR_VALIDATION},
        {507, "XMinioStorageFull", ERR_NO_SPACE},
        {400, "InvalidArgument", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        script((struct script){.times = 1, .status = cases[i].status, .code = cases[i].code});
        assert_err(fs_put(fs, "s3://b/a", "x", 1, 0, NULL, &e), cases[i].want, &e, cases[i].code);
        assert_int_equal(server.requests, 1);
        assert_null(strstr(e.msg, "topSecret"));
    }
}

/* Put-if-absent whose answer is lost: it is our own object that the repetition meets. */
static void test_lost_fence(void **state) {
    struct err e = ERR_INIT;
    assert_ok(fs_put(fs, "s3://b/first", "1", 1, FS_NEW, NULL, &e), &e);
    script((struct script){.method = "PUT", .times = 1, .status = 500, .code = "X", .lost = true});
    assert_ok(fs_put(fs, "s3://b/m", "epoch 1", 7, FS_NEW, NULL, &e), &e);
    assert_int_equal(server.requests, 3); /* put, put, get */
    script((struct script){.method = "PUT", .times = 1, .status = 500, .code = "X"});
    assert_int_equal(fs_put(fs, "s3://b/m", "epoch 2", 7, FS_NEW, NULL, &e), ERR_EXISTS);
    assert_text("s3://b/m", "epoch 1");
}

static void test_no_fence(void **state) {
    struct err e = ERR_INIT;
    server.ignores_conditions = true;
    assert_err(fs_put(fs, "s3://b/m", "x", 1, FS_NEW, NULL, &e), ERR_UNSUPPORTED, &e,
               "If-None-Match");
}

static void test_never_good_keys(void **state) {
    struct err e = ERR_INIT;
    server.good_key = "OTHER";
    assert_err(fs_put(fs, "s3://b/a", "x", 1, 0, NULL, &e), ERR_PERMISSION, &e,
               "403 InvalidAccessKeyId");
    assert_int_equal(server.requests, 1);
}

/* New keys are in the file already: taken at once, without waiting for the next look. */
static void test_rotated_keys(void **state) {
    put("s3://b/a", "1");
    server.good_key = "KEY2";
    write_keys("KEY2");
    server.requests = 0;
    put("s3://b/a", "2");
    assert_in_range(server.requests, 1, 2);
}

static void rotate_later(void *arg) {
    fs_cancel_sleep(NULL, clock_mono_ns() + 700000000);
    write_keys("KEY2");
}

/* The store has new keys, the file hasn't yet: keys that were good are tried on for a while. */
static void test_late_keys(void **state) {
    struct err e = ERR_INIT;
    struct thread t = {0};
    put("s3://b/a", "1");
    server.good_key = "KEY2";
    assert_ok(thread_start(&t, "rotate", rotate_later, NULL, &e), &e);
    put("s3://b/a", "2");
    thread_join(&t);
    assert_text("s3://b/a", "2");
    open_store(",\"rotation-grace\":\"0\"");
    put("s3://b/a", "3");
    server.good_key = "KEY3";
    assert_int_equal(fs_put(fs, "s3://b/a", "4", 1, 0, NULL, &e), ERR_PERMISSION);
}

static cJSON *stage(const char *uri, size_t n) {
    struct err e = ERR_INIT;
    struct fs_writer *w;
    cJSON *staged = NULL;
    AUTO_FREE char *data = mem_zalloc(n);
    memset(data, 'x', n);
    assert_ok(fs_create(fs, uri, 0, NULL, &w, &e), &e);
    assert_ok(fs_write(w, data, n, &e), &e);
    assert_ok(fs_stage(w, &staged, &e), &e);
    return staged;
}

static void test_commit_repeated(void **state) {
    struct err e = ERR_INIT;
    AUTO_JSON *staged = stage("s3://b/up", 6 << 20);
    const cJSON *const *list = (const cJSON *const *)&staged;
    script((struct script){
        .method = "POST", .times = 2, .status = 500, .code = "InternalError", .inside = true});
    assert_ok(fs_commit(fs, list, 1, NULL, &e), &e); /* 200 with an error inside, twice */
    assert_int_equal(server.requests, 3);
    assert_ok(fs_commit(fs, list, 1, NULL, &e), &e);
    AUTO_JSON *second = stage("s3://b/up2", 100);
    script((struct script){.method = "POST", .times = 1, .status = 503, .code = "X", .lost = true});
    assert_ok(fs_commit(fs, (const cJSON *const *)&second, 1, NULL, &e), &e);
    AUTO_JSON *third = stage("s3://b/up3", 100);
    server.upload = false; /* expired */
    assert_err(fs_commit(fs, (const cJSON *const *)&third, 1, NULL, &e), ERR_CORRUPT, &e, "lost");
}

static void test_failed_upload_is_aborted(void **state) {
    struct err e = ERR_INIT;
    struct fs_writer *w;
    AUTO_FREE char *data = mem_zalloc(6 << 20);
    open_store(",\"part-size\":\"5 mb\"");
    script((struct script){.method = "PUT", .times = 1, .status = 403, .code = "AccessDenied"});
    assert_ok(fs_create(fs, "s3://b/up", 0, NULL, &w, &e), &e);
    int rc = fs_write(w, data, 6 << 20, &e);
    if (rc)
        fs_abandon(w);
    else
        rc = fs_finish(w, &e);
    assert_int_equal(rc, ERR_PERMISSION);
    assert_int_equal(server.aborts, 1);
    assert_false(map_has(&server.objects, "/b/up"));
}

static void test_pages(void **state) {
    struct err e = ERR_INIT;
    struct fs_list list;
    assert_ok(fs_list_all(fs, "s3://b/d", NULL, &arena, &list, &e), &e);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.entries[0].uri, "s3://b/d/a&");
    assert_string_equal(list.entries[1].uri, "s3://b/d/b c+d");
    assert_int_equal(list.entries[1].size_bytes, 7);
    assert_int_equal(list.entries[1].mtime_ms, 1795341600250);
    assert_string_equal(list.entries[2].uri, "s3://b/d/sub");
    assert_true(list.entries[2].is_dir);
}

static void test_replaced_while_read(void **state) {
    struct err e = ERR_INIT;
    struct fs_file *file;
    char buf[4];
    size_t n;
    put("s3://b/a", "12345678");
    assert_ok(fs_open(fs, "s3://b/a", NULL, &file, &e), &e);
    assert_ok(fs_read_at(file, 0, buf, 4, &n, NULL, &e), &e);
    put("s3://b/a", "87654321");
    assert_err(fs_read_at(file, 4, buf, 4, &n, NULL, &e), ERR_CORRUPT, &e, "replaced");
    fs_close(file);
}

static void fire_later(void *arg) {
    fs_cancel_sleep(NULL, clock_mono_ns() + 100000000);
    fs_cancel_fire(arg);
}

static void answer_held(void *arg) {
    for (int i = 0; i < server.n_held; i++)
        reply_error(server.held[i], 500, "Late");
}

static void test_cancel_and_timeout(void **state) {
    struct err e = ERR_INIT;
    struct thread t = {0};
    struct fs_cancel cancel;
    fs_cancel_init(&cancel);
    server.never_answers = true;
    int64_t begun = clock_mono_ns();
    assert_ok(thread_start(&t, "fire", fire_later, &cancel, &e), &e);
    assert_int_equal(fs_put(fs, "s3://b/a", "x", 1, 0, &(struct fs_call){.cancel = &cancel}, &e),
                     ERR_CANCELLED);
    thread_join(&t);
    fs_cancel_release(&cancel);
    assert_err(fs_put(fs, "s3://b/a", "x", 1, 0, &(struct fs_call){.timeout_ms = 200}, &e),
               ERR_TIMEOUT, &e, "store 'st'");
    assert_true(clock_mono_ns() - begun < 5000000000);
    net_loop_call(server.loop, answer_held, NULL);
}

static void test_rate_limit(void **state) {
    open_store(",\"max-requests-per-second\":\"20\"");
    int64_t begun = clock_mono_ns();
    for (int i = 0; i < 30; i++)
        put("s3://b/a", "x");
    assert_true(clock_mono_ns() - begun >= 450000000);
    assert_true(atomic_load(&fs_metrics_of(fs)->throttled_ns) > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_retries),
        TEST(test_retries_end),
        TEST(test_retry_after),
        TEST(test_final_errors),
        TEST(test_lost_fence),
        TEST(test_no_fence),
        TEST(test_never_good_keys),
        TEST(test_rotated_keys),
        TEST(test_late_keys),
        TEST(test_commit_repeated),
        TEST(test_failed_upload_is_aborted),
        TEST(test_pages),
        TEST(test_replaced_while_read),
        TEST(test_cancel_and_timeout),
        TEST(test_rate_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
