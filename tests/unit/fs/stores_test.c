/* stores_test.c - which store serves a URI; rows and their errors; keys and their rotation. */
#include "fs/stores.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "fs/options.h"
#include "fs/rate_limit.h"
#include "fs/secret.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

static cJSON *rows_of(const char *text) {
    struct err e = ERR_INIT;
    cJSON *rows = NULL;
    assert_ok(json_parse(text, strlen(text), &rows, &e), &e);
    return rows;
}

static const char *name_for(struct fs_stores *s, const char *uri) {
    struct err e = ERR_INIT;
    struct fs *f;
    assert_ok(fs_stores_find(s, uri, &f, &e), &e);
    return fs_name(f);
}

#define S3_ROW(name, prefix)                                                                       \
    "{\"name\":\"" name "\",\"prefix\":\"" prefix                                                  \
    "\",\"type\":\"s3\",\"endpoint\":\"http://x\",\"secret\":{\"envPrefix\":\"X\"}}"

static void test_longest_prefix(void **state) {
    struct err e = ERR_INIT;
    struct fs_stores *s;
    struct fs *f;
    AUTO_JSON *rows = rows_of("[" S3_ROW("all", "s3:") "," S3_ROW("b", "s3://b") "," S3_ROW(
        "bx", "s3://b/x/") "," S3_ROW("logs", "s3://logs-") "]");
    assert_ok(fs_stores_new(rows, &s, &e), &e);
    assert_string_equal(name_for(s, "s3://other/k"), "all");
    assert_string_equal(name_for(s, "s3://b/k"), "b");
    assert_string_equal(name_for(s, "s3://b"), "b");
    assert_string_equal(name_for(s, "s3://bb/k"), "all");
    assert_string_equal(name_for(s, "s3://b/x/k"), "bx");
    assert_string_equal(name_for(s, "s3://b/xy"), "b");
    assert_string_equal(name_for(s, "s3://logs-eu/k"), "logs");
    assert_string_equal(name_for(s, "/tmp/x"), "local");
    assert_string_equal(name_for(s, "file:///tmp/x"), "local");
    assert_string_equal(name_for(s, "relative"), "local");
    assert_string_equal(name_for(s, "webhdfs://nn:9870/x"), "webhdfs://nn:9870");
    assert_string_equal(name_for(s, "webhdfs://nn:9870/y"), "webhdfs://nn:9870");
    assert_err(fs_stores_find(s, "gs://b/k", &f, &e), ERR_VALIDATION, &e, "spec.fileSystems");
    fs_stores_free(s);
}

static void test_rows_refused(void **state) {
    static const char *const cases[][2] = {
        {"[{\"type\":\"s3\"}]", "prefix is missing"},
        {"[{\"prefix\":\"s3:\",\"type\":\"s4\"}]", "type 's4' is not known"},
        {"[{\"prefix\":\"s3:\",\"type\":\"s3\"}]", "endpoint is missing"},
        {"[{\"prefix\":\"s3:\",\"type\":\"s3\",\"endpoint\":\"http://x\"}]", "secret is missing"},
        {"[{\"prefix\":\"s3:\",\"type\":\"s3\",\"endpoint\":\"x\",\"secret\":{\"file\":\"f\"}}]",
         "must begin with http"},
        {"[{\"prefix\":\"h:\",\"type\":\"webhdfs\",\"endpoint\":\"http://u:p@x\"}]",
         "don't belong into a URL"},
        {"[{\"prefix\":\"h:\",\"type\":\"webhdfs\",\"endpoint\":\"http://x\","
         "\"secret\":{\"file\":\"f\",\"path\":\"p\"}}]",
         "not several"},
        {"[{\"prefix\":\"h:\",\"type\":\"webhdfs\",\"endpoint\":\"http://x\","
         "\"options\":{\"retrys\":\"3\"}}]",
         "did you mean 'retries'?"},
        {"[{\"prefix\":\"h:\",\"type\":\"webhdfs\",\"endpoint\":\"http://x\","
         "\"options\":{\"part-size\":\"1 kb\"}}]",
         "part-size"},
        {"[" S3_ROW("a", "s3:") "," S3_ROW("b", "s3:") "]", "two rows have the prefix"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        struct fs_stores *s;
        AUTO_JSON *rows = rows_of(cases[i][0]);
        assert_err(fs_stores_new(rows, &s, &e), ERR_VALIDATION, &e, cases[i][1]);
    }
}

/* ---- keys ---- */

static char dir[64];

static void write_file(const char *name, const char *text) {
    struct err e = ERR_INIT;
    struct fs *f;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(fs_find(path, &f, &e), &e);
    assert_ok(fs_put(f, path, text, strlen(text), 0, NULL, &e), &e);
}

static void assert_keys(struct fs_secret *s, bool fresh, const char *id, const char *key,
                        const char *token) {
    struct err e = ERR_INIT;
    AUTO_FS_KEYS k = {0};
    assert_ok(fs_secret_get(s, fresh, &k, &e), &e);
    assert_string_equal(k.access_key_id ? k.access_key_id : "", id);
    assert_string_equal(k.secret_access_key ? k.secret_access_key : "", key);
    assert_string_equal(k.session_token ? k.session_token : "", token);
}

static void test_mounted_secret(void **state) {
    struct err e = ERR_INIT;
    struct fs_keys k;
    struct fs_secret_ref ref = {.path = dir};
    struct fs_secret *s = fs_secret_new(&ref);
    assert_err(fs_secret_get(s, false, &k, &e), ERR_VALIDATION, &e, dir);
    write_file("accessKeyId", "id1\n");
    assert_err(fs_secret_get(s, false, &k, &e), ERR_VALIDATION, &e, "no secretAccessKey");
    write_file("secretAccessKey", " key1 \n");
    assert_keys(s, false, "id1", "key1", "");
    write_file("secretAccessKey", "key2");
    assert_keys(s, true, "id1", "key2", "");
    write_file("accessKeyId", ""); /* half written: the good pair stays */
    assert_keys(s, true, "id1", "key2", "");
    write_file("accessKeyId", "id3");
    write_file("sessionToken", "tok");
    assert_keys(s, true, "id3", "key2", "tok");
    fs_secret_free(s);
}

static int64_t fake_ns = 1000000000;
static int64_t fake_mono(void *self) {
    return fake_ns;
}
static int64_t fake_wall(void *self) {
    return fake_ns / 1000000;
}

/* Without being asked for, files are looked at once a second. */
static void test_rotation_is_seen(void **state) {
    struct clock_ops ops = {fake_mono, fake_wall, NULL};
    clock_replace(&ops);
    char path[128];
    snprintf(path, sizeof path, "%s/credentials", dir);
    struct fs_secret_ref ref = {.file = path};
    struct fs_secret *s = fs_secret_new(&ref);
    write_file("credentials", "# keys\n[default]\naws_access_key_id = A1\n"
                              "aws_secret_access_key=S=1\n[other]\naws_access_key_id = no\n");
    assert_keys(s, false, "A1", "S=1", "");
    write_file("credentials", "accessKeyId: A2\nsecret-access-key: S2\n");
    assert_keys(s, false, "A1", "S=1", "");
    fake_ns += 1100000000;
    assert_keys(s, false, "A2", "S2", "");
    fs_secret_free(s);
    clock_replace(NULL);
}

static void test_environment(void **state) {
    setenv("FS_TEST_ACCESS_KEY_ID", "E1", 1);
    setenv("FS_TEST_SECRET_ACCESS_KEY", "E2", 1);
    struct fs_secret_ref ref = {.env_prefix = "FS_TEST"};
    struct fs_secret *s = fs_secret_new(&ref);
    assert_keys(s, false, "E1", "E2", "");
    fs_secret_free(s);
}

static void test_rate_limit(void **state) {
    struct rate_limit r;
    int64_t now = 5000000000, last = 0;
    rate_limit_init(&r, 10);
    for (int i = 0; i < 10; i++) /* a second's worth at once */
        assert_int_equal(rate_limit_take(&r, 1, now), now);
    for (int i = 1; i <= 20; i++) { /* then evenly */
        last = rate_limit_take(&r, 1, now);
        assert_in_range(last - now, i * 100000000 - 1000, i * 100000000 + 1000);
    }
    now += 3000000000; /* 20 were promised, 10 fit */
    assert_int_equal(rate_limit_take(&r, 10, now), now);
    assert_true(rate_limit_take(&r, 1, now) > now);
    rate_limit_release(&r);
    rate_limit_init(&r, 0);
    assert_int_equal(rate_limit_take(&r, 1e9, now), now);
    rate_limit_release(&r);
}

/* ---- figures ---- */

static void emit(void *self, struct metrics_writer *w) {
    fs_metrics_emit(w, "worker-0", self);
}

static void test_metrics(void **state) {
    struct fs_metrics m = {0};
    fs_metrics_count(&m, FS_OP_PUT, clock_mono_ns() - 3000000, 0);
    fs_metrics_count(&m, FS_OP_PUT, clock_mono_ns() - 30000000000, ERR_UNAVAILABLE);
    fs_metrics_count(&m, FS_OP_STAT, clock_mono_ns(), ERR_NOT_FOUND); /* an answer, no failure */
    atomic_store(&m.bytes_written, 77);
    atomic_store(&m.throttled_ns, 1500000000);
    AUTO_JSON *json = fs_metrics_to_json(&m, "st");
    struct metrics *registry = metrics_new();
    AUTO_STR text = STR_INIT;
    metrics_add_collector(registry, emit, json);
    metrics_text(registry, &text);
    metrics_free(registry);
#define OF_STORE "{process=\"worker-0\",store=\"st\"} "
#define OF_PUT "{process=\"worker-0\",store=\"st\",operation=\"put\"} "
    static const char *const lines[] = {
        "penstock_fs_written_bytes_total" OF_STORE "77\n",
        "penstock_fs_throttled_seconds_total" OF_STORE "1.5\n",
        "penstock_fs_errors_total" OF_PUT "1\n",
        "operation=\"stat\"} 0\n",
        "operation=\"put\",le=\"0.002\"} 0\n",
        "operation=\"put\",le=\"0.512\"} 1\n",
        "operation=\"put\",le=\"+Inf\"} 2\n",
        "penstock_fs_operation_seconds_count" OF_PUT "2\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (!strstr(str_text(&text), lines[i])) fail_msg("%s in:\n%s", lines[i], str_text(&text));
    }
}

static int setup(void **state) {
    strcpy(dir, "/tmp/penstock-stores-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int teardown(void **state) {
    struct err e = ERR_INIT;
    struct fs *f;
    assert_ok(fs_find(dir, &f, &e), &e);
    assert_ok(fs_delete_tree(f, dir, NULL, &e), &e);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_prefix), cmocka_unit_test(test_rows_refused),
        cmocka_unit_test(test_mounted_secret), cmocka_unit_test(test_rotation_is_seen),
        cmocka_unit_test(test_environment),    cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
