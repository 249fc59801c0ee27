/* coordinator_test.c - a job's states, REST and the protocol, against workers and clients that the
 * test plays by hand. */
#include "tests/unit/coordinator/rig.h"

#include "fs/faulty.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

#define TABLES                                                                                     \
    "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');\n"         \
    "CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');\n"
#define SCRIPT TABLES "INSERT INTO b SELECT x FROM a"
#define REGISTER                                                                                   \
    "{\"t\":\"register\",\"version\":1,\"id\":\"w0\",\"pid\":7,\"host\":\"127.0.0.1\","            \
    "\"dataPort\":9,\"slots\":%d}"
#define ONE_WORKER ((struct coordinator_options){.script = true, .workers = 1})

/* Registers and takes the deploy frame. */
static cJSON *deployed(struct peer *w, struct rig *r) {
    peer_open(w, r, CONTROL_PATH_WORKER);
    peer_send(w, REGISTER, 0);
    cJSON_Delete(peer_expect(w, MSG_REGISTERED));
    return peer_expect(w, MSG_DEPLOY);
}

static void start(struct peer *w, const char *job) {
    peer_send(w, "{\"t\":\"deployed\",\"job\":\"%s\",\"attempt\":1}", job);
    cJSON_Delete(peer_expect(w, MSG_START));
}

static void report_task(struct peer *w, const char *job, int subtask, const char *state) {
    peer_send(w, "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":1,\"v\":0,\"s\":%d,\"state\":\"%s\"}",
              job, subtask, state);
}

static void leave(struct peer *w) {
    cJSON_Delete(peer_expect(w, MSG_SHUTDOWN));
    peer_close(w);
    peer_release(w);
}

/* ---- a job's life ---- */

static void job_runs_to_its_end(void **state) {
    struct rig r;
    struct peer w;
    rig_start(&r, SCRIPT, ONE_WORKER);
    AUTO_JSON *d = deployed(&w, &r);
    const char *job = json_opt_str(d, "job", "");
    assert_int_equal(cJSON_GetArraySize(json_opt(d, "tasks")), 2);
    assert_int_equal(cJSON_GetArraySize(json_opt(d, "placement")->child), 2);
    assert_int_equal(json_opt_i64(json_opt(d, "workers")->child, "dataPort", 0), 9);
    assert_string_equal(json_opt_str(d, "token", ""), RIG_TOKEN);
    rig_await(&r, "/v1/jobs/test", "state", "deploying");
    start(&w, job);
    rig_await(&r, "/v1/jobs/test", "state", "running");
    peer_send(
        &w,
        "{\"t\":\"report\",\"job\":\"%s\",\"attempt\":1,\"rssBytes\":5000,\"cpuMs\":20,"
        "\"threads\":[{\"name\":\"exec-0\",\"cpuMs\":12}],\"stats\":{\"tasks\":[{\"vertex\":0,"
        "\"subtask\":1,\"busyMs\":3,\"ops\":[{\"recordsOut\":7,\"bytes\":70},"
        "{\"recordsIn\":6}]},{\"vertex\":0,\"subtask\":2},{\"vertex\":-1}]}}",
        job);
    rig_await(&r, "/v1/jobs/test", "recordsIn", "7");
    rig_await(&r, "/v1/jobs/test", "bytesIn", "70");
    AUTO_JSON *metrics = NULL, *threads = NULL;
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s/metrics", job);
    assert_int_equal(rig_call(&r, "GET", str_text(&path), RIG_TOKEN, NULL, &metrics), 200);
    const cJSON *subtasks = json_opt(json_opt(metrics, "vertices")->child, "subtasks");
    assert_int_equal(json_opt_i64(cJSON_GetArrayItem(subtasks, 1), "busyMs", 0), 3);
    assert_int_equal(rig_call(&r, "GET", "/v1/jobs/test/threads", RIG_TOKEN, NULL, &threads), 200);
    assert_string_equal(
        json_opt_str(json_opt(json_opt(threads, "workers")->child, "threads")->child, "name", ""),
        "exec-0");
    report_task(&w, job, 0, "finished");
    report_task(&w, job, 0, "failed"); /* what has ended stays so */
    report_task(&w, job, 1, "finished");
    cJSON_Delete(peer_expect(&w, MSG_COMMITTED));
    cJSON_Delete(peer_expect(&w, MSG_RELEASE));
    leave(&w);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
    assert_false(cancelled);
}

/* A store that takes its time at the commit keeps nobody waiting, and a commit that has begun is
 * not taken back. */
static void a_slow_commit_blocks_nobody(void **state) {
    enum { COMMIT_MS = 700 };
    struct rig r;
    struct peer w;
    struct fs *disk;
    struct fs_writer *file;
    struct err e = ERR_INIT;
    struct arena a;
    struct fs_entry there;
    cJSON *staged = NULL;
    char dir[64] = "/tmp/penstock-commit-XXXXXX";
    AUTO_STR sql = STR_INIT, dst = STR_INIT, text = STR_INIT;
    arena_init(&a);
    assert_non_null(mkdtemp(dir));
    assert_ok(fs_find(dir, &disk, &e), &e);
    struct fs *slow = faulty_fs_new(disk, false, 1);
    faulty_fs_add(
        slow,
        &(struct fault){.kind = FAULT_SLOW, .op = FS_OP_COMMIT, .nth = 1, .delay_ms = COMMIT_MS});
    fs_stores_add(fs_used(), "slow:", slow);
    str_addf(&sql,
             "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');\n"
             "CREATE TABLE b (x BIGINT) WITH ('connector' = 'filesystem', 'path' = 'slow://%s', "
             "'format' = 'csv');\nINSERT INTO b SELECT x FROM a",
             dir);
    rig_start(&r, str_text(&sql), ONE_WORKER);
    AUTO_JSON *d = deployed(&w, &r);
    const char *job = json_opt_str(d, "job", "");
    start(&w, job);
    str_addf(&dst, "%s/part-0", dir);
    assert_ok(fs_create(disk, str_text(&dst), 0, NULL, &file, &e), &e);
    assert_ok(fs_stage(file, &staged, &e), &e);
    json_print(staged, &text);
    report_task(&w, job, 0, "finished");
    peer_send(&w,
              "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":1,\"v\":0,\"s\":1,\"state\":\"finished\","
              "\"committables\":[{\"op\":1,\"value\":{\"prefix\":\"part-\",\"files\":[{\"dst\":"
              "\"%s\",\"partition\":\"\",\"staged\":%s}]}}]}",
              job, str_text(&dst), str_text(&text));
    rig_await(&r, "/v1/jobs/test", "state", "committing"); /* the loop answers meanwhile */
    assert_int_equal(fs_stat(disk, str_text(&dst), NULL, &a, &there, &e), ERR_NOT_FOUND);
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, NULL), 200);
    cJSON_Delete(peer_expect(&w, MSG_COMMITTED));
    assert_ok(fs_stat(disk, str_text(&dst), NULL, &a, &there, &e), &e);
    cJSON_Delete(peer_expect(&w, MSG_RELEASE));
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 0);
    cJSON_Delete(staged);
    assert_ok(fs_delete_tree(disk, dir, NULL, &e), &e);
    arena_release(&a);
}

static void one_task_fails_the_job(void **state) {
    struct rig r;
    struct peer w;
    rig_start(&r, SCRIPT, ONE_WORKER);
    AUTO_JSON *d = deployed(&w, &r);
    const char *job = json_opt_str(d, "job", "");
    start(&w, job);
    peer_send(&w,
              "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":1,\"v\":0,\"s\":1,\"state\":\"failed\","
              "\"error\":{\"code\":\"RUNTIME\",\"class\":\"USER\",\"message\":\"it broke\"}}",
              job);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    rig_await(&r, "/v1/jobs/test", "state", "cancelling");
    report_task(&w, job, 0, "cancelled");
    cJSON_Delete(peer_expect(&w, MSG_RELEASE));
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 1);
}

static void a_lost_worker_fails_the_job(void **state) {
    struct rig r;
    struct peer w;
    rig_start(&r, SCRIPT, ONE_WORKER);
    AUTO_JSON *d = deployed(&w, &r);
    start(&w, json_opt_str(d, "job", ""));
    peer_close(&w);
    peer_release(&w);
    assert_int_equal(rig_end(&r, NULL), 1);
}

static void rest_cancels(void **state) {
    struct rig r;
    struct peer w;
    rig_start(&r, SCRIPT, ONE_WORKER);
    AUTO_JSON *d = deployed(&w, &r), *answer = NULL;
    const char *job = json_opt_str(d, "job", "");
    start(&w, job);
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, &answer), 200);
    assert_string_equal(json_opt_str(answer, "state", ""), "cancelling");
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    report_task(&w, job, 0, "finished"); /* it was that far already */
    report_task(&w, job, 1, "cancelled");
    leave(&w);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
    assert_true(cancelled);
}

static void too_few_slots_are_told(void **state) {
    struct rig r;
    struct peer w, client;
    rig_start(&r, SCRIPT,
              (struct coordinator_options){.script = true, .workers = 1, .wait_client = true});
    peer_open(&w, &r, CONTROL_PATH_WORKER);
    peer_send(&w, REGISTER, 1);
    peer_open(&client, &r, CONTROL_PATH_CLIENT);
    AUTO_JSON *e = peer_expect(&client, EVENT_ERROR);
    assert_non_null(strstr(json_opt_str(json_opt(e, "error"), "message", ""),
                           "the job needs 2 slots, its workers have 1"));
    AUTO_JSON *done = peer_expect(&client, EVENT_DONE);
    assert_int_equal(json_opt_i64(done, "failed", 0), 1);
    peer_release(&client);
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 1);
}

/* ---- REST ---- */

static void rest_answers(void **state) {
    static const struct {
        const char *method, *path, *token;
        size_t body_bytes;
        int status;
        const char *code;
    } cases[] = {
        {"GET", "/healthz", NULL, 0, 200, NULL},
        {"GET", "/metrics", NULL, 0, 200, NULL},
        {"GET", "/v1/jobs", RIG_TOKEN, 0, 200, NULL},
        {"GET", "/v1/workers", RIG_TOKEN, 0, 200, NULL},
        {"GET", "/v1/jobs/test", RIG_TOKEN, 0, 200, NULL},
        {"GET", "/v1/jobs/test/plan", RIG_TOKEN, 0, 200, NULL},
        {"GET", "/v1/jobs/test/threads", RIG_TOKEN, 0, 200, NULL},
        {"GET", "/v1/jobs", NULL, 0, 401, "PERMISSION"},
        {"GET", "/v1/jobs", "a-toke", 0, 401, "PERMISSION"},
        {"GET", "/v1/jobs", "a-tokenn", 0, 401, "PERMISSION"},
        {"POST", "/v1/jobs/test/cancel", "b-token", 0, 401, "PERMISSION"},
        {"GET", "/v1/jobs/nothing", RIG_TOKEN, 0, 404, "NOT_FOUND"},
        {"GET", "/v1/jobs/nothing/plan", RIG_TOKEN, 0, 404, "NOT_FOUND"},
        {"GET", "/v1/jobs/nothing/metrics", RIG_TOKEN, 0, 404, "NOT_FOUND"},
        {"GET", "/v1/jobs/nothing/threads", RIG_TOKEN, 0, 404, "NOT_FOUND"},
        {"POST", "/v1/jobs/nothing/cancel", RIG_TOKEN, 0, 404, "NOT_FOUND"},
        {"GET", "/v1/job", RIG_TOKEN, 0, 404, "NOT_FOUND"},
        {"GET", "/v1/jobs/%00", RIG_TOKEN, 0, 400, NULL},
        {"DELETE", "/v1/jobs/test", RIG_TOKEN, 0, 405, "UNSUPPORTED"},
        {"GET", "/v1/jobs/test/cancel", RIG_TOKEN, 0, 405, "UNSUPPORTED"},
        {"POST", "/v1/jobs/nothing/cancel", RIG_TOKEN, 1 << 20, 404, "NOT_FOUND"},
        {"POST", "/v1/jobs/nothing/cancel", RIG_TOKEN, (1 << 20) + 1, 413, "BUDGET"},
    };
    struct rig r;
    struct peer w;
    rig_start(&r, SCRIPT, ONE_WORKER);
    AUTO_JSON *d = deployed(&w, &r);
    char *body = calloc(1, (1 << 20) + 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON *answer = NULL;
        struct sv b = {body, cases[i].body_bytes};
        int status = rig_call(&r, cases[i].method, cases[i].path, cases[i].token, b.len ? &b : NULL,
                              cases[i].code ? &answer : NULL);
        if (status != cases[i].status)
            fail_msg("case %zu: %s %s: %d, not %d", i, cases[i].method, cases[i].path, status,
                     cases[i].status);
        if (cases[i].code)
            assert_string_equal(json_opt_str(json_opt(answer, "error"), "code", ""), cases[i].code);
    }
    free(body);
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, NULL), 200);
    report_task(&w, json_opt_str(d, "job", ""), 0, "cancelled");
    report_task(&w, json_opt_str(d, "job", ""), 1, "cancelled");
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 0);
}

/* ---- the protocol ---- */

static void broken_protocol_is_refused(void **state) {
    static const struct {
        const char *frame, *reason;
    } cases[] = {
        {"{\"t\":\"deployed\",\"job\":\"x\"}", "frame 'deployed' before 'register'"},
        {"{\"t\":\"register\",\"version\":2,\"id\":\"w\",\"host\":\"h\",\"dataPort\":1,"
         "\"slots\":1,\"pid\":1}",
         "run one version"},
        {"{\"t\":\"register\",\"version\":1}", "id"},
        {"[1]", ""},
        {"{", ""},
    };
    struct rig r;
    struct peer w;
    rig_start(&r, "CREATE VIEW v AS SELECT 1", ONE_WORKER);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer bad;
        peer_open(&bad, &r, CONTROL_PATH_WORKER);
        peer_send(&bad, "%s", cases[i].frame);
        peer_wait_closed(&bad);
        assert_int_equal(bad.close_code, WS_CLOSE_PROTOCOL);
        if (!strstr(bad.close_reason, cases[i].reason))
            fail_msg("'%s' doesn't say '%s'", bad.close_reason, cases[i].reason);
        peer_release(&bad);
    }
    peer_open(&w, &r, CONTROL_PATH_WORKER); /* nothing came of them */
    peer_send(&w, REGISTER, 0);
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 0);
}

static void missing_workers_are_an_error(void **state) {
    struct rig r;
    rig_start(&r, SCRIPT,
              (struct coordinator_options){.script = true, .workers = 2, .worker_timeout_ms = 20});
    assert_int_equal(rig_end(&r, NULL), 1);
}

static void a_client_hears_of_everything(void **state) {
    struct rig r;
    struct peer w, client, second;
    rig_start(&r, "SELECT\n  nothing;\n" SCRIPT,
              (struct coordinator_options){
                  .script = true, .workers = 1, .wait_client = true, .keep_going = true});
    peer_open(&client, &r, CONTROL_PATH_CLIENT);
    peer_open(&second, &r, CONTROL_PATH_CLIENT);
    peer_wait_closed(&second);
    assert_int_equal(second.close_code, WS_CLOSE_TRY_LATER);
    peer_release(&second);
    AUTO_JSON *d = deployed(&w, &r);
    const char *job = json_opt_str(d, "job", "");
    AUTO_JSON *error = peer_expect(&client, EVENT_ERROR);
    assert_int_equal(json_opt_i64(error, "index", -1), 0);
    assert_int_equal(json_opt_i64(json_opt(error, "error"), "line", 0), 2);
    assert_string_equal(json_opt_str(json_opt(error, "error"), "stage", ""), "validation");
    assert_non_null(strstr(json_opt_str(error, "rendered", ""), "    nothing;\n    ^\n"));
    AUTO_JSON *statement = peer_expect(&client, EVENT_STATEMENT);
    assert_string_equal(json_opt_str(statement, "what", ""), "CREATE TABLE");
    start(&w, job);
    peer_send(&w,
              "{\"t\":\"output\",\"job\":\"%s\",\"attempt\":1,\"seq\":5,\"stream\":\"stdout\","
              "\"text\":\"+I[1]\\n\"}",
              job);
    AUTO_JSON *output = peer_expect(&client, EVENT_OUTPUT);
    assert_string_equal(json_opt_str(output, "text", ""), "+I[1]\n");
    AUTO_JSON *ack = peer_expect(&w, MSG_ACK);
    assert_int_equal(json_opt_i64(ack, "seq", 0), 5);
    report_task(&w, job, 0, "finished");
    report_task(&w, job, 1, "finished");
    AUTO_JSON *end = peer_expect(&client, EVENT_END);
    assert_string_equal(json_opt_str(end, "state", ""), "finished");
    AUTO_JSON *done = peer_expect(&client, EVENT_DONE);
    assert_int_equal(json_opt_i64(done, "failed", 0), 1);
    assert_false(json_opt_bool(done, "cancelled", true));
    peer_release(&client);
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 1);
}

static void a_client_that_leaves_stops_it(void **state) {
    struct rig r;
    struct peer w, client;
    rig_start(&r, SCRIPT,
              (struct coordinator_options){.script = true, .workers = 1, .wait_client = true});
    peer_open(&client, &r, CONTROL_PATH_CLIENT);
    AUTO_JSON *d = deployed(&w, &r);
    const char *job = json_opt_str(d, "job", "");
    start(&w, job);
    peer_close(&client);
    peer_release(&client);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    report_task(&w, job, 0, "cancelled");
    report_task(&w, job, 1, "cancelled");
    leave(&w);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
    assert_true(cancelled);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_runs_to_its_end),
        cmocka_unit_test(a_slow_commit_blocks_nobody),
        cmocka_unit_test(one_task_fails_the_job),
        cmocka_unit_test(a_lost_worker_fails_the_job),
        cmocka_unit_test(rest_cancels),
        cmocka_unit_test(too_few_slots_are_told),
        cmocka_unit_test(rest_answers),
        cmocka_unit_test(broken_protocol_is_refused),
        cmocka_unit_test(missing_workers_are_an_error),
        cmocka_unit_test(a_client_hears_of_everything),
        cmocka_unit_test(a_client_that_leaves_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
