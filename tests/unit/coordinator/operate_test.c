/* operate_test.c - a manifest held until it is told to start: what the operator asks and gets. */
#include "base/proto/status.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/coordinator/rig.h"

#define TABLES                                                                                     \
    "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1');\n"         \
    "CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');\n"
#define HELD ((struct coordinator_options){.hold = true, .workers = 1})

static int post(struct rig *r, const char *path, const char *body, cJSON **ret) {
    struct sv text = sv_from(body);
    return rig_call(r, "POST", path, RIG_TOKEN, &text, ret);
}

static void held_until_started(void **state) {
    struct rig r;
    struct peer w;
    rig_start(&r, TABLES "INSERT INTO b SELECT x FROM a", HELD);
    rig_await(&r, STATUS_PATH, "state", STATUS_PREPARED);
    AUTO_JSON *status = NULL, *refused = NULL;
    assert_int_equal(rig_call(&r, "GET", STATUS_PATH, RIG_TOKEN, NULL, &status), 200);
    const cJSON *plan = json_opt(status, "plan");
    assert_int_equal(json_opt_i64(plan, "slots", 0), 2);
    assert_int_equal(json_opt_i64(json_opt(plan, "vertices")->child, "parallelism", 0), 2);
    assert_null(json_opt(status, "job"));

    /* Workers alone don't start it, nor does the start alone. */
    peer_open(&w, &r, CONTROL_PATH_WORKER);
    assert_int_equal(post(&r, STATUS_PATH_START, "{}", NULL), 202);
    rig_await(&r, STATUS_PATH, "state", STATUS_WAITING);
    peer_send(&w, "{\"t\":\"register\",\"version\":1,\"id\":\"w0\",\"pid\":7,\"host\":"
                  "\"127.0.0.1\",\"dataPort\":9,\"slots\":0}");
    AUTO_JSON *deploy = peer_expect(&w, MSG_DEPLOY);
    rig_await(&r, STATUS_PATH, "state", STATUS_STARTING);
    assert_int_equal(post(&r, STATUS_PATH_START, "{}", NULL), 202); /* again: harmless */
    peer_send(&w, "{\"t\":\"deployed\",\"job\":\"%s\",\"attempt\":1}",
              json_opt_str(deploy, "job", ""));
    rig_await(&r, STATUS_PATH, "state", STATUS_RUNNING);

    assert_int_equal(post(&r, STATUS_PATH_LOG, "{\"levels\":\"warn\"}", NULL), 200);
    AUTO_JSON *levels = peer_expect(&w, MSG_LOG);
    assert_string_equal(json_opt_str(levels, "levels", ""), "warn");
    assert_int_equal(post(&r, STATUS_PATH_LOG, "{\"levels\":\"loud\"}", NULL), 400);

    /* A job that takes no checkpoints isn't stopped with one. */
    assert_int_equal(post(&r, STATUS_PATH_STOP, "{\"checkpoint\":true}", &refused), 501);
    rig_await(&r, STATUS_PATH, "state", STATUS_RUNNING);
    assert_int_equal(post(&r, STATUS_PATH_STOP, "{\"checkpoint\":false}", NULL), 202);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    rig_await(&r, STATUS_PATH, "state", STATUS_STOPPING);
    for (int s = 0; s < 2; s++)
        peer_send(&w,
                  "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":1,\"v\":0,\"s\":%d,\"state\":"
                  "\"cancelled\"}",
                  json_opt_str(deploy, "job", ""), s);
    cJSON_Delete(peer_expect(&w, MSG_SHUTDOWN));
    peer_close(&w);
    peer_release(&w);
    bool cancelled;
    rig_end(&r, &cancelled);
    assert_true(cancelled);
}

static void stopped_before_it_starts(void **state) {
    struct rig r;
    rig_start(&r, TABLES "INSERT INTO b SELECT x FROM a", HELD);
    rig_await(&r, STATUS_PATH, "state", STATUS_PREPARED);
    assert_int_equal(post(&r, STATUS_PATH_STOP, "{\"checkpoint\":true}", NULL), 202);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
    assert_true(cancelled);
}

static void bad_sql_ends_it(void **state) {
    static const char *const scripts[] = {TABLES "INSERT INTO b SELECT y FROM a", TABLES,
                                          "INSERT INTO"};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct rig r;
        rig_start(&r, scripts[i], HELD);
        bool cancelled;
        assert_int_equal(rig_end(&r, &cancelled), 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_until_started),
        cmocka_unit_test(stopped_before_it_starts),
        cmocka_unit_test(bad_sql_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
