/* checkpointing_test.c - a job's checkpoints, restarts and stop, against workers that the test
 * plays by hand and a directory on disk. */
#include "tests/unit/coordinator/rig.h"

#include "coordinator/checkpoint/copy.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64];
static struct fs *disk;
static struct rig r;
static struct peer w;
static struct str job_dir;

static int setup(void **state) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/penstock-ck-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_ok(fs_find(dir, &disk, &e), &e);
    return 0;
}

static int teardown(void **state) {
    struct err e = ERR_INIT;
    assert_ok(fs_delete_tree(disk, dir, NULL, &e), &e);
    str_release(&job_dir);
    return 0;
}

/* A grouped count by two subtasks, checkpoints every 30 ms. */
static void begin(const char *settings, struct coordinator_options opts) {
    AUTO_STR sql = STR_INIT;
    str_addf(&sql,
             "SET 'execution.checkpointing.interval' = '30 ms';\n"
             "SET 'execution.checkpointing.dir' = '%s';\n%s\n"
             "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');\n"
             "CREATE TABLE b (x BIGINT, n BIGINT) WITH ('connector' = 'blackhole');\n"
             "INSERT INTO b SELECT x, COUNT(*) FROM a GROUP BY x;",
             dir, settings);
    opts.workers = 1;
    rig_start(&r, str_text(&sql), opts);
}

static void join_as(struct peer *p, const char *id) {
    peer_open(p, &r, CONTROL_PATH_WORKER);
    peer_send(p,
              "{\"t\":\"register\",\"version\":1,\"id\":\"%s\",\"pid\":7,\"host\":\"127.0.0.1\","
              "\"dataPort\":9,\"slots\":0}",
              id);
    cJSON_Delete(peer_expect(p, MSG_REGISTERED));
}

static void deployed(struct peer *p, const cJSON *deploy) {
    peer_send(p, "{\"t\":\"deployed\",\"job\":\"%s\",\"attempt\":%lld}",
              json_opt_str(deploy, "job", ""), (long long)json_opt_i64(deploy, "attempt", 0));
    cJSON_Delete(peer_expect(p, MSG_START));
}

/* The ops of a vertex with state have uids; every task tells what one of its kind would. */
static void ack(struct peer *p, const cJSON *deploy, const cJSON *trigger, bool full) {
    AUTO_STR text = STR_INIT;
    long long id = (long long)json_opt_i64(trigger, "checkpoint", 0);
    str_addf(&text, "{\"t\":\"acked\",\"job\":\"%s\",\"attempt\":%lld,\"checkpoint\":%lld,",
             json_opt_str(deploy, "job", ""), (long long)json_opt_i64(deploy, "attempt", 0), id);
    str_addf(&text, "\"file\":\"%lld-%lld-w0-00000001.state\",\"bytes\":300,\"ms\":1,\"tasks\":[",
             (long long)json_opt_i64(trigger, "epoch", 0), id);
    const cJSON *t;
    int i = 0;
    cJSON_ArrayForEach(t, json_opt(deploy, "tasks")) {
        int v = (int)json_opt_i64(t, "v", -1), s = (int)json_opt_i64(t, "s", -1);
        str_addf(&text, "%s{\"v\":%d,\"s\":%d,\"full\":%s,\"groups\":[%d,%d]", i++ ? "," : "", v, s,
                 full ? "true" : "false", s * 64, s * 64 + 63);
        if (json_opt(t, "splits"))
            str_addf(&text, ",\"pieces\":[],\"splits\":[{\"id\":\"%d\",\"position\":%lld}]}", s,
                     id * 100);
        else
            str_addf(&text, ",\"pieces\":[[%d,100]]}", s * 100);
    }
    str_add(&text, "]}");
    peer_send(p, "%s", str_text(&text));
}

static void say_committed(struct peer *p, const cJSON *deploy, const cJSON *c) {
    peer_send(p, "{\"t\":\"commitDone\",\"job\":\"%s\",\"attempt\":%lld,\"checkpoint\":%lld}",
              json_opt_str(deploy, "job", ""), (long long)json_opt_i64(deploy, "attempt", 0),
              (long long)json_opt_i64(c, "checkpoint", 0));
}

static void commit_done(struct peer *p, const cJSON *deploy) {
    AUTO_JSON *c = peer_expect(p, MSG_COMMITTED);
    say_committed(p, deploy, c);
}

/* From the trigger to the commit; returns the checkpoint's number. */
static int64_t take_one(struct peer *p, const cJSON *deploy, bool want_full) {
    AUTO_JSON *t = peer_expect(p, MSG_TRIGGER);
    assert_int_equal(json_opt_bool(t, "full", !want_full), want_full);
    ack(p, deploy, t, want_full);
    commit_done(p, deploy);
    return json_opt_i64(t, "checkpoint", 0);
}

static void all_tasks(struct peer *p, const cJSON *deploy, const char *state) {
    const cJSON *t;
    cJSON_ArrayForEach(t, json_opt(deploy, "tasks"))
        peer_send(p,
                  "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":%lld,\"v\":%d,\"s\":%d,"
                  "\"state\":\"%s\"}",
                  json_opt_str(deploy, "job", ""), (long long)json_opt_i64(deploy, "attempt", 0),
                  (int)json_opt_i64(t, "v", -1), (int)json_opt_i64(t, "s", -1), state);
}

static void ack_finished(struct peer *p, const cJSON *deploy, const cJSON *trigger) {
    AUTO_STR text = STR_INIT;
    const cJSON *task;
    cJSON_ArrayForEach(task, json_opt(deploy, "tasks")) str_addf(
        &text, "%s{\"v\":%d,\"s\":%d,\"finished\":true,\"splits\":[]}", text.len ? "," : "",
        (int)json_opt_i64(task, "v", -1), (int)json_opt_i64(task, "s", -1));
    peer_send(p,
              "{\"t\":\"acked\",\"job\":\"%s\",\"attempt\":%lld,\"checkpoint\":%lld,"
              "\"file\":null,\"tasks\":[%s]}",
              json_opt_str(deploy, "job", ""), (long long)json_opt_i64(deploy, "attempt", 0),
              (long long)json_opt_i64(trigger, "checkpoint", 0), str_text(&text));
}

/* All tasks come to their end; what checkpoints there still are, up to the one that commits the
 * end, are answered. */
static void finish(struct peer *p, const cJSON *deploy) {
    all_tasks(p, deploy, "finished");
    static const char *const types[] = {MSG_TRIGGER, MSG_COMMITTED, MSG_RELEASE, NULL};
    for (bool over = false; !over;) {
        AUTO_JSON *f = peer_expect_any(p, types);
        const char *type = json_opt_str(f, "t", "");
        over = !strcmp(type, MSG_RELEASE);
        if (!strcmp(type, MSG_TRIGGER)) ack_finished(p, deploy, f);
        if (!strcmp(type, MSG_COMMITTED)) say_committed(p, deploy, f);
    }
}

static void leave(struct peer *p) {
    cJSON_Delete(peer_expect(p, MSG_SHUTDOWN));
    peer_close(p);
    peer_release(p);
}

static void read_newest(struct ckpt_manifest *ret) {
    struct err e = ERR_INIT;
    str_clear(&job_dir);
    str_addf(&job_dir, "%s/test", dir);
    struct ckpt_store *s = ckpt_store_new(disk, str_text(&job_dir));
    assert_ok(copy_newest(s, str_text(&job_dir), ret, &e), &e);
    ckpt_store_free(s);
}

/* The splits, with positions, of the deploy's sources. */
static int64_t position_sum(const cJSON *deploy) {
    int64_t sum = 0;
    const cJSON *t, *s;
    cJSON_ArrayForEach(t, json_opt(deploy, "tasks")) cJSON_ArrayForEach(s, json_opt(t, "splits"))
        sum += json_opt_i64(s, "position", 0);
    return sum;
}

static const struct coordinator_options manifest = {.script = false};

static void assert_metric(const char *line) {
    struct err e = ERR_INIT;
    AUTO_STR url = STR_INIT;
    str_addf(&url, "http://127.0.0.1:%d/metrics", r.port);
    struct http_request req = {.method = "GET", .url = str_text(&url), .timeout_ms = 20000};
    AUTO_HTTP_RESPONSE res = HTTP_RESPONSE_INIT;
    assert_ok(http_client_call(r.http, &req, &res, &e), &e);
    if (!strstr(str_text(&res.body), line)) fail_msg("no '%s' in %s", line, str_text(&res.body));
}

/* ---- the cases ---- */

static void chains_grow_until_a_full_one(void **state) {
    begin("", manifest);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    assert_null(json_opt(d, "restore"));
    assert_non_null(json_opt_str(json_opt(d, "checkpoints"), "dir", NULL));
    deployed(&w, d);
    int64_t first = take_one(&w, d, true);
    int64_t second = take_one(&w, d, false);
    assert_true(second > first);
    struct ckpt_manifest m;
    rig_await(&r, "/v1/jobs/test/checkpoints", "completed", "2");
    read_newest(&m);
    assert_int_equal(m.record.checkpoint, second);
    assert_int_equal(m.record.n_files, 2);
    const cJSON *chain = cJSON_GetArrayItem(json_opt(m.body, "chains"), 3);
    assert_int_equal(cJSON_GetArraySize(json_opt(chain, "pieces")), 2);
    ckpt_manifest_release(&m);
    assert_metric("penstock_job_checkpoints_total{job_name=\"test\",outcome=\"complete\"} 2");
    assert_metric("penstock_job_state_bytes{job_name=\"test\"} 400");
    take_one(&w, d, false); /* twice as much has been added as it began with, in three files */
    take_one(&w, d, false);
    take_one(&w, d, true);
    rig_await(&r, "/v1/jobs/test/checkpoints", "completed", "5");
    read_newest(&m);
    assert_int_equal(m.record.n_files, 1);
    ckpt_manifest_release(&m);
    finish(&w, d);
    read_newest(&m);
    assert_true(json_opt_bool(m.body, "finished", false));
    assert_int_equal(m.record.n_files, 0);
    ckpt_manifest_release(&m);
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 0);
}

static void fail_first_task(struct peer *p, const cJSON *d) {
    peer_send(
        p,
        "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":%lld,\"v\":0,\"s\":0,\"state\":\"failed\","
        "\"error\":{\"code\":\"RUNTIME\",\"class\":\"JOB\",\"message\":\"no luck\"}}",
        json_opt_str(d, "job", ""), (long long)json_opt_i64(d, "attempt", 0));
}

static void a_failed_task_restarts_the_job(void **state) {
    begin("", manifest);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    deployed(&w, d);
    int64_t id = take_one(&w, d, true);
    fail_first_task(&w, d);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    cJSON_Delete(peer_expect(&w, MSG_RELEASE));
    AUTO_JSON *again = peer_expect(&w, MSG_DEPLOY);
    assert_string_equal(json_opt_str(again, "job", ""), json_opt_str(d, "job", ""));
    assert_true(json_opt_i64(again, "attempt", 0) > json_opt_i64(d, "attempt", 0));
    const cJSON *restore = json_opt(again, "restore");
    assert_int_equal(json_opt_i64(restore, "checkpoint", 0), id);
    assert_int_equal(cJSON_GetArraySize(json_opt(restore, "chains")), 4);
    assert_int_equal(cJSON_GetArraySize(json_opt(restore, "files")), 1);
    assert_int_equal(position_sum(again), 2 * 100 * id);
    all_tasks(&w, d, "failed"); /* late news of the attempt that is over */
    deployed(&w, again);
    take_one(&w, again, false); /* builds on what it was restored from */
    rig_await(&r, "/v1/jobs/test", "restarts", "1");
    finish(&w, again);
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 0);
}

static void a_lost_worker_is_replaced(void **state) {
    struct peer client, second;
    begin("", manifest);
    peer_open(&client, &r, CONTROL_PATH_CLIENT);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    deployed(&w, d);
    take_one(&w, d, true);
    peer_close(&w);
    peer_release(&w);
    AUTO_JSON *restart = peer_expect(&client, EVENT_RESTART);
    assert_true(json_opt_bool(restart, "checkpoint", false));
    AUTO_JSON *missing = peer_expect(&client, EVENT_WORKERS);
    assert_int_equal(json_opt_i64(missing, "missing", 0), 1);
    join_as(&second, "w0");
    AUTO_JSON *again = peer_expect(&second, MSG_DEPLOY);
    assert_non_null(json_opt(again, "restore"));
    deployed(&second, again);
    take_one(&second, again, false);
    finish(&second, again);
    leave(&second);
    AUTO_JSON *end = peer_expect(&client, EVENT_END);
    assert_string_equal(json_opt_str(end, "state", ""), "finished");
    cJSON_Delete(peer_expect(&client, EVENT_DONE));
    peer_close(&client);
    peer_release(&client);
    assert_int_equal(rig_end(&r, NULL), 0);
}

static void a_declined_checkpoint_is_tried_again(void **state) {
    begin("", manifest);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    deployed(&w, d);
    AUTO_JSON *declined = peer_expect(&w, MSG_TRIGGER);
    peer_send(&w,
              "{\"t\":\"declined\",\"job\":\"%s\",\"attempt\":%lld,\"checkpoint\":%lld,"
              "\"reason\":\"the disk is full\"}",
              json_opt_str(d, "job", ""), (long long)json_opt_i64(d, "attempt", 0),
              (long long)json_opt_i64(declined, "checkpoint", 0));
    AUTO_JSON *aborted = peer_expect(&w, MSG_ABORT);
    assert_int_equal(json_opt_i64(aborted, "checkpoint", 0),
                     json_opt_i64(declined, "checkpoint", -1));
    take_one(&w, d, true);
    rig_await(&r, "/v1/jobs/test/checkpoints", "failed", "1");
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, NULL), 200);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
    assert_true(cancelled);
}

/* Stops with a checkpoint; the next run goes on from it, at once or at another parallelism. */
static void a_stopped_job_goes_on(void **state) {
    begin("", manifest);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    deployed(&w, d);
    AUTO_JSON *answer = NULL;
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/stop", RIG_TOKEN, NULL, &answer), 202);
    assert_int_equal(json_opt_i64(answer, "request", 0), 1);
    int64_t id = 0;
    for (bool stop = false; !stop;) {
        AUTO_JSON *t = peer_expect(&w, MSG_TRIGGER);
        stop = !strcmp(json_opt_str(t, "kind", ""), "stop");
        ack(&w, d, t, json_opt_bool(t, "full", false));
        commit_done(&w, d);
        id = json_opt_i64(t, "checkpoint", 0);
    }
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
    assert_false(cancelled);
    begin("SET 'parallelism.default' = '4';", manifest);
    join_as(&w, "w0");
    AUTO_JSON *again = peer_expect(&w, MSG_DEPLOY);
    assert_int_equal(json_opt_i64(json_opt(again, "restore"), "checkpoint", 0), id);
    assert_int_equal(cJSON_GetArraySize(json_opt(again, "tasks")), 8);
    assert_int_equal(position_sum(again), 2 * 100 * id);
    deployed(&w, again);
    take_one(&w, again, true); /* cut otherwise: it can't build on it */
    finish(&w, again);
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 0);
}

/* The job's id in a run's first attempt; the run is cancelled before its first checkpoint. */
static void id_of_run(const char *run_id, char ret[32]) {
    begin("", (struct coordinator_options){.run_id = run_id});
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    snprintf(ret, 32, "%s", json_opt_str(d, "job", ""));
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, NULL), 200);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    bool cancelled;
    assert_int_equal(rig_end(&r, &cancelled), 0);
}

/* Where nothing is left of earlier runs, attempts are counted from the beginning again: only the
 * job's id keeps a run's output apart from theirs. */
static void runs_from_nothing_have_ids_of_their_own(void **state) {
    char first[32], again[32], other[32];
    id_of_run("one", first);
    id_of_run("one", again);
    id_of_run("two", other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static void no_restart_strategy_fails_the_job(void **state) {
    begin("SET 'restart-strategy.type' = 'none';", manifest);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    deployed(&w, d);
    fail_first_task(&w, d);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 1);
}

/* From where it started; one checkpoint, then it is cancelled. */
static void run_with_one(const char *settings, struct coordinator_options opts, char ret_dir[96]) {
    begin(settings, opts);
    join_as(&w, "w0");
    AUTO_JSON *d = peer_expect(&w, MSG_DEPLOY);
    snprintf(ret_dir, 96, "%s", json_opt_str(json_opt(d, "restore"), "dir", ""));
    deployed(&w, d);
    AUTO_JSON *t = peer_expect(&w, MSG_TRIGGER);
    ack(&w, d, t, json_opt_bool(t, "full", false));
    commit_done(&w, d);
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, NULL), 200);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    rig_end(&r, NULL);
}

/* A directory that is asked for counts more than the job's own; one in the settings less. */
static void a_directory_that_is_asked_for_counts(void **state) {
    char from[96], one[96], other[96];
    AUTO_STR path = STR_INIT;
    snprintf(one, sizeof one, "%s/one", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    str_addf(&path, "SET 'execution.state-recovery.path' = '%s';", one);
    run_with_one("", (struct coordinator_options){.checkpoint_name = "one"}, from);
    assert_string_equal(from, "");
    struct coordinator_options opts = {.checkpoint_name = "other"};
    run_with_one(str_text(&path), opts, from);
    assert_string_equal(from, one);
    run_with_one(str_text(&path), opts, from);
    assert_string_equal(from, other);
    opts.from_path = true;
    run_with_one(str_text(&path), opts, from);
    assert_string_equal(from, one);
    opts.fresh = true;
    run_with_one(str_text(&path), opts, from);
    assert_string_equal(from, one);
}

/* Writes to files; deployed, and its first checkpoint acknowledged: subtask 0 has staged .p below
 * out/, to become p. */
static cJSON *begin_files(const char *settings, const char *committables) {
    AUTO_STR sql = STR_INIT;
    str_addf(&sql,
             "SET 'execution.checkpointing.interval' = '30 ms';\n"
             "SET 'execution.checkpointing.dir' = '%s';\n%s\n"
             "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');\n"
             "CREATE TABLE f (x BIGINT) WITH ('connector' = 'filesystem', 'path' = '%s/out',\n"
             "  'format' = 'json');\n"
             "INSERT INTO f SELECT x FROM a;",
             dir, settings, dir);
    rig_start(&r, str_text(&sql), (struct coordinator_options){.workers = 1});
    join_as(&w, "w0");
    cJSON *d = peer_expect(&w, MSG_DEPLOY);
    deployed(&w, d);
    AUTO_JSON *t = peer_expect(&w, MSG_TRIGGER);
    AUTO_STR text = STR_INIT;
    const cJSON *task;
    cJSON_ArrayForEach(task, json_opt(d, "tasks")) {
        int s = (int)json_opt_i64(task, "s", -1);
        str_addf(&text,
                 "%s{\"v\":0,\"s\":%d,\"full\":true,\"groups\":[0,0],\"pieces\":[],\"splits\":[],"
                 "\"committables\":%s}",
                 text.len ? "," : "", s, s ? "[]" : committables);
    }
    peer_send(&w,
              "{\"t\":\"acked\",\"job\":\"%s\",\"attempt\":%lld,\"checkpoint\":%lld,"
              "\"file\":null,\"tasks\":[%s]}",
              json_opt_str(d, "job", ""), (long long)json_opt_i64(d, "attempt", 0),
              (long long)json_opt_i64(t, "checkpoint", 0), str_text(&text));
    return d;
}

static void staged_file(struct str *ret) {
    str_addf(ret,
             "[{\"op\":1,\"value\":{\"prefix\":\"p-\",\"sink\":\"p-\",\"attempt\":1,"
             "\"watermark\":0,\"files\":[{\"dst\":\"%s/out/p\",\"staged\":"
             "{\"tmp\":\"%s/out/.p\",\"dst\":\"%s/out/p\",\"bytes\":1}}]}}]",
             dir, dir, dir);
}

/* What a sink had staged has been lost: the job doesn't go on as if it could still be shown. */
static void a_commit_that_cannot_work_fails_the_job(void **state) {
    AUTO_STR staged = STR_INIT;
    staged_file(&staged);
    AUTO_JSON *d = begin_files("SET 'restart-strategy.type' = 'none';", str_text(&staged));
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    assert_int_equal(rig_end(&r, NULL), 1);
}

/* A checkpoint's output can't be shown yet when the job is cancelled: it stays for the next run,
 * although a task that has finished told of it again. */
static void a_cancel_leaves_what_a_checkpoint_holds(void **state) {
    struct err e = ERR_INIT;
    AUTO_STR staged = STR_INIT, tmp = STR_INIT, in_the_way = STR_INIT;
    staged_file(&staged);
    str_addf(&tmp, "%s/out/.p", dir);
    str_addf(&in_the_way, "%s/out/p", dir);
    assert_ok(fs_make_dirs(disk, str_text(&in_the_way), NULL, &e), &e);
    FILE *f = fopen(str_text(&tmp), "w");
    assert_non_null(f);
    fputc('x', f);
    fclose(f);
    AUTO_JSON *d = begin_files("", str_text(&staged));
    rig_await(&r, "/v1/jobs/test/checkpoints", "completed", "1");
    peer_send(&w,
              "{\"t\":\"task\",\"job\":\"%s\",\"attempt\":%lld,\"v\":0,\"s\":0,"
              "\"state\":\"finished\",\"committables\":%s}",
              json_opt_str(d, "job", ""), (long long)json_opt_i64(d, "attempt", 0),
              str_text(&staged));
    assert_int_equal(rig_call(&r, "POST", "/v1/jobs/test/cancel", RIG_TOKEN, NULL, NULL), 200);
    cJSON_Delete(peer_expect(&w, MSG_CANCEL));
    all_tasks(&w, d, "cancelled");
    leave(&w);
    rig_end(&r, NULL);
    assert_int_equal(access(str_text(&tmp), F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chains_grow_until_a_full_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_task_restarts_the_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_worker_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_declined_checkpoint_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_job_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_from_nothing_have_ids_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_cannot_work_fails_the_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_is_asked_for_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancel_leaves_what_a_checkpoint_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(no_restart_strategy_fails_the_job, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
