/* webhdfs_test.c - the WebHDFS store against NameNodes and a DataNode that fail as told: standby,
 * redirects to nowhere, appends and renames whose answer is lost. What a healthy HDFS does is
 * tests/services' to check. */
#include "fs/webhdfs.h"

#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/net/http_server.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the cluster: files in memory; one loop, two NameNodes' ports, one DataNode below /dn ---- */

struct file {
    struct str data;
};

static struct cluster {
    struct net_loop *loop;
    struct http_server *active, *standby;
    struct map files;    /* "/path" -> struct file */
    const char *fail_op; /* the next requests of this op fail */
    int fail_times, fail_status;
    const char *exception;
    bool lost;          /* done, and failed all the same */
    bool half;          /* APPEND: the first half is done */
    int dead_redirects; /* to a port where nobody listens */
    bool excluded_seen;
    const char *good_token;
    int requests;
    char last_query[64]; /* buffer sizes of the last CREATE */
} cluster;

static void reply_exception(struct http_exchange *x, int status, const char *name) {
    char body[256];
    snprintf(body, sizeof body,
             "{\"RemoteException\":{\"exception\":\"%s\",\"javaClassName\":\"x\",\"message\":"
             "\"scripted\\n\\tat a.b.C\"}}",
             name);
    http_reply(x, status, "application/json", body, strlen(body));
}

static struct file *file_at(const char *path) {
    return map_get(&cluster.files, path);
}

static void set_file(const char *path, struct sv data) {
    struct file *f = file_at(path);
    if (!f) {
        f = mem_zalloc(sizeof *f);
        map_put(&cluster.files, path, f);
    }
    str_clear(&f->data);
    str_add_sv(&f->data, data);
}

static void free_file(void *p) {
    struct file *f = p;
    str_release(&f->data);
    free(f);
}

static bool rename_file(const char *from, const char *to, bool overwrite) {
    struct file *f = file_at(from);
    if (!f || (file_at(to) && !overwrite)) return false;
    map_remove(&cluster.files, from);
    struct file *old = map_put(&cluster.files, to, f);
    if (old) free_file(old);
    return true;
}

static void reply_json(struct http_exchange *x, const char *text) {
    http_reply(x, 200, "application/json", text, strlen(text));
}

/* Whether this request fails, after its effect if so told. */
static bool fails(const char *op) {
    if (!cluster.fail_op || strcmp(op, cluster.fail_op) != 0 || cluster.fail_times <= 0)
        return false;
    cluster.fail_times--;
    return true;
}

static const char *path_in(struct http_exchange *x, const char *prefix) {
    return http_path(x) + strlen(prefix);
}

static void redirect(struct http_exchange *x, const char *op) {
    char url[512];
    bool dead = cluster.dead_redirects > 0;
    if (dead) cluster.dead_redirects--;
    const char *offset = http_query(x, "offset"), *length = http_query(x, "length");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/dn%s?op=%s&offset=%s&length=%s",
             dead ? 1 : http_server_port(cluster.active), path_in(x, "/webhdfs/v1"), op,
             offset ? offset : "", length ? length : "");
    if (http_query(x, "excludedatanodes")) cluster.excluded_seen = true;
    if (http_query(x, "blocksize"))
        snprintf(cluster.last_query, sizeof cluster.last_query, "%s,%s", http_query(x, "blocksize"),
                 http_query(x, "replication"));
    http_reply_header(x, "Location", url);
    http_reply(x, 307, NULL, "", 0);
}

static void on_name_node(void *self, struct http_exchange *x) {
    const char *op = http_query(x, "op"), *path = path_in(x, "/webhdfs/v1");
    const char *token = http_query(x, "delegation");
    cluster.requests++;
    struct file *f = file_at(path);
    bool data_op = !strcmp(op, "CREATE") || !strcmp(op, "APPEND") || !strcmp(op, "OPEN");
    if (cluster.good_token && (!token || strcmp(token, cluster.good_token) != 0)) {
        reply_exception(x, 403, "InvalidToken");
    } else if (data_op) {
        redirect(x, op);
    } else if (!strcmp(op, "RENAME")) {
        const char *to = http_query(x, "destination");
        bool overwrite = http_query(x, "renameoptions") != NULL, fail = fails(op);
        bool done = (!fail || cluster.lost) && rename_file(path, to, overwrite);
        if (fail)
            reply_exception(x, cluster.fail_status, cluster.exception);
        else if (overwrite && !done)
            reply_exception(x, 404, "FileNotFoundException");
        else
            reply_json(x, overwrite ? "" : done ? "{\"boolean\":true}" : "{\"boolean\":false}");
    } else if (fails(op)) {
        reply_exception(x, cluster.fail_status, cluster.exception);
    } else if (!strcmp(op, "GETFILESTATUS") && f) {
        char text[128];
        snprintf(text, sizeof text,
                 "{\"FileStatus\":{\"length\":%zu,\"modificationTime\":1,\"type\":\"FILE\"}}",
                 f->data.len);
        reply_json(x, text);
    } else if (!strcmp(op, "TRUNCATE") && f) {
        str_truncate(&f->data, (size_t)atoi(http_query(x, "newlength")));
        reply_json(x, "{\"boolean\":true}");
    } else if (!strcmp(op, "DELETE")) {
        struct file *old = map_remove(&cluster.files, path);
        if (old) free_file(old);
        reply_json(x, "{\"boolean\":true}");
    } else {
        reply_exception(x, 404, "FileNotFoundException");
    }
}

static void on_standby(void *self, struct http_exchange *x) {
    cluster.requests++;
    reply_exception(x, 403, "StandbyException");
}

static void on_data_node(void *self, struct http_exchange *x) {
    const char *op = http_query(x, "op"), *path = path_in(x, "/dn");
    struct sv body = http_body(x);
    bool fail = fails(op);
    if (fail && cluster.half) body.len /= 2;
    bool effect = !fail || cluster.lost || cluster.half;
    struct file *f = file_at(path);
    if (effect && !strcmp(op, "CREATE")) set_file(path, body);
    if (effect && !strcmp(op, "APPEND")) str_add_sv(&f->data, body);
    if (fail) {
        reply_exception(x, cluster.fail_status, cluster.exception);
    } else if (!strcmp(op, "OPEN")) {
        size_t offset = (size_t)atoi(http_query(x, "offset")),
               length = (size_t)atoi(http_query(x, "length"));
        if (!f)
            reply_exception(x, 404, "FileNotFoundException");
        else if (offset >= f->data.len)
            reply_exception(x, 403, "IOException");
        else
            http_reply(x, 200, NULL, f->data.ptr + offset, MIN(length, f->data.len - offset));
    } else {
        http_reply(x, !strcmp(op, "CREATE") ? 201 : 200, NULL, "", 0);
    }
}

/* ---- what each test starts with ---- */

static struct fs_stores *stores;
static struct fs *fs;
static char token_file[64];

static void open_store(const char *more, const char *options) {
    struct err e = ERR_INIT;
    AUTO_STR text = STR_INIT;
    AUTO_JSON *rows = NULL;
    str_addf(&text,
             "[{\"name\":\"st\",\"prefix\":\"hdfs://nn\",\"type\":\"webhdfs\",\"endpoint\":"
             "\"http://127.0.0.1:%d,http://127.0.0.1:%d/\",\"user\":\"me\"%s,"
             "\"options\":{\"retry-base\":\"1 ms\",\"retry-max\":\"5 ms\",\"retries\":\"6\"%s}}]",
             http_server_port(cluster.standby), http_server_port(cluster.active), more, options);
    assert_ok(json_parse(text.ptr, text.len, &rows, &e), &e);
    fs_stores_free(stores);
    assert_ok(fs_stores_new(rows, &stores, &e), &e);
    assert_ok(fs_stores_find(stores, "hdfs://nn/x", &fs, &e), &e);
}

static struct http_server *serve(void) {
    struct err e = ERR_INIT;
    struct http_server *s;
    struct http_server_options o = {.body_max_bytes = 16 << 20};
    assert_ok(http_server_new(cluster.loop, &o, &s, &e), &e);
    return s;
}

static int setup(void **state) {
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};
    struct err e = ERR_INIT;
    memset(&cluster, 0, sizeof cluster);
    map_init(&cluster.files);
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &cluster.loop, &e), &e);
    cluster.active = serve();
    cluster.standby = serve();
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        http_server_route(cluster.active, methods[i], "/webhdfs/v1/{path...}", on_name_node, NULL);
        http_server_route(cluster.active, methods[i], "/dn/{path...}", on_data_node, NULL);
        http_server_route(cluster.standby, methods[i], "/webhdfs/v1/{path...}", on_standby, NULL);
    }
    assert_ok(net_loop_start(cluster.loop, &e), &e);
    open_store("", "");
    return 0;
}

static int teardown(void **state) {
    fs_stores_free(stores);
    stores = NULL;
    net_loop_free(cluster.loop);
    map_release(&cluster.files, free_file);
    return 0;
}

static void fail_next(const char *op, int times, int status, const char *exception, bool lost) {
    cluster.fail_op = op;
    cluster.fail_times = times;
    cluster.fail_status = status;
    cluster.exception = exception;
    cluster.lost = lost;
    cluster.half = false;
    cluster.requests = 0;
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

/* The first NameNode is in standby: the second one is asked, and from then on at once. */
static void test_standby(void **state) {
    put("hdfs://nn/a", "text");
    cluster.requests = 0;
    assert_text("hdfs://nn/a", "text");
    assert_int_equal(cluster.requests, 1);
}

static void test_dead_data_node(void **state) {
    cluster.dead_redirects = 2;
    put("hdfs://nn/a", "text");
    assert_true(cluster.excluded_seen);
    cluster.dead_redirects = 1;
    assert_text("hdfs://nn/a", "text");
}

static struct fs_writer *begin(const char *uri, const char *text) {
    struct err e = ERR_INIT;
    struct fs_writer *w;
    assert_ok(fs_create(fs, uri, 0, NULL, &w, &e), &e);
    assert_ok(fs_write(w, text, strlen(text), &e), &e);
    return w;
}

/* Buffers of 4 KiB: a create and three appends. */
static void write_long(const char *uri, char *ret_text, size_t size) {
    struct err e = ERR_INIT;
    for (size_t i = 0; i + 1 < size; i++)
        ret_text[i] = (char)('a' + i % 23);
    ret_text[size - 1] = 0;
    assert_ok(fs_finish(begin(uri, ret_text), &e), &e);
}

static void test_appends(void **state) {
    static char text[14000];
    open_store("", ",\"write-buffer\":\"4 kb\",\"block-size\":\"2 mb\",\"replication\":\"3\"");
    write_long("hdfs://nn/plain", text, sizeof text);
    assert_text("hdfs://nn/plain", text);
    assert_string_equal(cluster.last_query, "2097152,3");
    fail_next("APPEND", 2, 500, "IOException", true); /* done, the answer is lost */
    write_long("hdfs://nn/lost", text, sizeof text);
    assert_int_equal(cluster.fail_times, 0);
    assert_text("hdfs://nn/lost", text);
    fail_next("APPEND", 2, 500, "IOException", false); /* not done */
    write_long("hdfs://nn/again", text, sizeof text);
    assert_text("hdfs://nn/again", text);
    fail_next("APPEND", 1, 500, "IOException", false); /* done by half */
    cluster.half = true;
    write_long("hdfs://nn/half", text, sizeof text);
    assert_int_equal(cluster.fail_times, 0);
    assert_text("hdfs://nn/half", text);
    fail_next("APPEND", 3, 403, "AlreadyBeingCreatedException", false);
    write_long("hdfs://nn/lease", text, sizeof text);
    assert_text("hdfs://nn/lease", text);
    assert_int_equal(map_size(&cluster.files), 5); /* and nothing left over */
}

static void test_lost_rename(void **state) {
    struct err e = ERR_INIT;
    fail_next("RENAME", 1, 503, "RetriableException", true);
    assert_ok(fs_put(fs, "hdfs://nn/m", "epoch 1", 7, FS_NEW, NULL, &e), &e);
    assert_text("hdfs://nn/m", "epoch 1");
    assert_err(fs_put(fs, "hdfs://nn/m", "epoch 2", 7, FS_NEW, NULL, &e), ERR_EXISTS, &e,
               "there already");
    assert_text("hdfs://nn/m", "epoch 1");
    fail_next("RENAME", 1, 500, "IOException", true);
    put("hdfs://nn/m", "epoch 3"); /* replaces */
    assert_text("hdfs://nn/m", "epoch 3");
    assert_int_equal(map_size(&cluster.files), 1);
}

static void test_commit(void **state) {
    struct err e = ERR_INIT;
    cJSON *staged = NULL;
    assert_ok(fs_stage(begin("hdfs://nn/c", "text"), &staged, &e), &e);
    const cJSON *const *list = (const cJSON *const *)&staged;
    assert_null(file_at("/c"));
    fail_next("RENAME", 1, 503, "RetriableException", true);
    assert_ok(fs_commit(fs, list, 1, NULL, &e), &e);
    assert_ok(fs_commit(fs, list, 1, NULL, &e), &e);
    put("hdfs://nn/c", "another");
    assert_err(fs_commit(fs, list, 1, NULL, &e), ERR_CORRUPT, &e, "lost");
    cJSON_Delete(staged);
}

static void test_exceptions(void **state) {
    static const struct {
        int status;
        const char *exception;
        int want;
    } cases[] = {
        {403, "AccessControlException", ERR_PERMISSION},
        {403, "DSQuotaExceededException", ERR_NO_SPACE},
        {400, "IllegalArgumentException", ERR_INVALID},
        {404, "FileNotFoundException", ERR_NOT_FOUND},
        {403, "SafeModeException", ERR_UNAVAILABLE},
        {403, "IOException", ERR_IO},
    };
    put("hdfs://nn/first", ""); /* finds the active NameNode */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        fail_next("CREATE", 100, cases[i].status, cases[i].exception, false);
        assert_err(fs_put(fs, "hdfs://nn/a", "x", 1, 0, NULL, &e), cases[i].want, &e,
                   "put hdfs://nn/a: store 'st': 40");
        assert_non_null(strstr(e.msg, cases[i].exception));
        assert_null(strstr(e.msg, "a.b.C")); /* no stack trace */
        assert_int_equal(100 - cluster.fail_times, cases[i].want == ERR_UNAVAILABLE ? 7 : 1);
    }
    assert_null(file_at("/a"));
}

static void write_token(const char *token) {
    FILE *f = fopen(token_file, "w");
    assert_non_null(f);
    fprintf(f, "delegationToken: %s\n", token);
    fclose(f);
}

static void test_tokens(void **state) {
    struct err e = ERR_INIT;
    char more[128];
    strcpy(token_file, "/tmp/penstock-token-XXXXXX");
    close(mkstemp(token_file));
    write_token("TOKEN1");
    snprintf(more, sizeof more, ",\"secret\":{\"file\":\"%s\"}", token_file);
    open_store(more, "");
    cluster.good_token = "TOKEN1";
    put("hdfs://nn/a", "1");
    cluster.good_token = "TOKEN2";
    write_token("TOKEN2");
    put("hdfs://nn/a", "2");
    cluster.good_token = "TOKEN3";
    assert_int_equal(fs_put(fs, "hdfs://nn/a", "3", 1, 0, NULL, &e), ERR_PERMISSION);
    assert_null(strstr(e.msg, "TOKEN"));
    unlink(token_file);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_standby), TEST(test_dead_data_node), TEST(test_appends), TEST(test_lost_rename),
        TEST(test_commit),  TEST(test_exceptions),     TEST(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
