/* Checkpoints of running jobs: trigger to ack, restoring at another parallelism, what fails. */
#include "tests/unit/worker/checkpoint/ckpt_rig.h"

static char dir[64];

static int setup(void **state) {
    strcpy(dir, "/tmp/penstock-ck-XXXXXX");
    assert_non_null(mkdtemp(dir));
    ck_reset(300);
    return 0;
}

static int teardown(void **state) {
    struct err e = ERR_INIT;
    struct fs *disk;
    ck_reset(0);
    assert_ok(fs_find(dir, &disk, &e), &e);
    assert_ok(fs_delete_tree(disk, dir, NULL, &e), &e);
    return 0;
}

/* Runs to `to` rows per split and takes a checkpoint there; what was acked so far is in *restore.
 * Returns the splits. */
static cJSON *take(struct ck_job *j, int64_t to, uint64_t id, uint64_t base, cJSON *restore) {
    ck_run_to(to);
    AUTO_JSON *ack = ck_checkpoint(j, id, base);
    assert_int_equal(json_opt_i64(ack, "checkpoint", 0), id);
    return ck_add_ack(restore, ack);
}

static void wait_end(struct ck_job *j) {
    struct err err = ERR_INIT;
    assert_true(job_runtime_wait(j->rt, 60000, &err));
    assert_ok(err.code, &err);
}

static void finish(struct ck_job *j) {
    ck_run_to(ck.rows);
    wait_end(j);
}

static void restore_and_start(struct ck_job *j, int parallelism, const cJSON *restore,
                              const cJSON *splits) {
    struct err err = ERR_INIT;
    ck_open(j, dir, parallelism);
    assert_ok(ck_restore(j, restore, &err), &err);
    ck_start(j, splits);
}

/* From one parallelism to another and on to a third; the second checkpoint of each holds what
 * changed since the first. */
static void restores(int from, int via, int to) {
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir), *second = ck_restore_of(dir);
    ck_reset(300);
    ck_open(&j, dir, from);
    ck_start(&j, NULL);
    cJSON_Delete(take(&j, 50, 1, 0, restore));
    AUTO_JSON *splits = take(&j, 100, 2, 1, restore);
    ck_run_to(120); /* lost */
    ck_close(&j);

    restore_and_start(&j, via, restore, splits);
    ck_run_to(150);
    int before = ck.n_acked;
    ck_trigger(&j, 3, 2, "checkpoint", true);
    AUTO_JSON *ack = ck_answer(&ck.n_acked, before);
    cJSON_Delete(ck_add_ack(second, ack));
    AUTO_JSON *splits2 = take(&j, 200, 4, 3, second);
    ck_close(&j);

    restore_and_start(&j, to, second, splits2);
    finish(&j);
    ck_close(&j);
}

static void test_restores_at_any_parallelism(void **state) {
    restores(2, 2, 2);
    restores(2, 3, 1);
    restores(1, 2, 4);
    restores(4, 1, 3);
}

/* Two subtasks whose chains begin with the same pieces, of when there was one: back to one, none of
 * them may bring back what is old. */
static void test_chains_that_share_pieces(void **state) {
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck_open(&j, dir, 1);
    ck_start(&j, NULL);
    AUTO_JSON *splits = take(&j, 50, 1, 0, restore);
    ck_close(&j);

    restore_and_start(&j, 2, restore, splits);
    cJSON *chains = cJSON_GetObjectItemCaseSensitive(restore, "chains");
    for (int i = cJSON_GetArraySize(chains) - 1; i >= 0; i--) { /* the coordinator's part */
        cJSON *whole = cJSON_GetArrayItem(chains, i);
        int64_t last = json_opt_i64(whole, "last", 0), half = (last + 1) / 2;
        cJSON *upper = cJSON_Duplicate(whole, true);
        json_set_i64(whole, "last", half - 1);
        json_set_i64(upper, "first", half);
        cJSON_AddItemToArray(chains, upper);
    }
    AUTO_JSON *splits2 = take(&j, 100, 2, 1, restore);
    ck_close(&j);

    restore_and_start(&j, 1, restore, splits2);
    finish(&j);
    ck_close(&j);
}

/* Barriers faster than snapshots and stores, while rows flow: what was given up comes later. */
static void test_barriers_upon_barriers(void **state) {
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck_reset(3000);
    ck_open(&j, dir, 2);
    ck_start(&j, NULL);
    ck_run_to(20);
    pthread_mutex_lock(&ck.lock);
    ck.limit = 2500;
    for (int i = 0; i < 2; i++)
        op_wake(ck.sources[i]);
    pthread_mutex_unlock(&ck.lock);
    enum { IN_A_ROW = 40 };
    for (uint64_t id = 1; id <= IN_A_ROW; id++)
        ck_trigger(&j, id, 0, "checkpoint", false);
    AUTO_JSON *splits = NULL;
    for (bool last = false; !last;) {
        CK_WAIT(ck.frame);
        pthread_mutex_lock(&ck.lock);
        cJSON *ack = ck.frame;
        ck.frame = NULL;
        pthread_mutex_unlock(&ck.lock);
        assert_string_equal(json_opt_str(ack, "t", ""), MSG_ACKED);
        last = json_opt_i64(ack, "checkpoint", 0) == IN_A_ROW;
        if (last) splits = ck_add_ack(restore, ack);
        cJSON_Delete(ack);
    }
    ck_close(&j);
    restore_and_start(&j, 3, restore, splits);
    finish(&j);
    ck_close(&j);
}

/* A store that fails: that checkpoint is declined, the next one has what it lacks. What sinks had
 * prepared for it comes with the next one, too. */
static void test_failing_store(void **state) {
    struct err err = ERR_INIT;
    struct ck_job j;
    struct fs *disk;
    char place[96];
    snprintf(place, sizeof place, "%s/faulty", dir);
    assert_ok(fs_find(dir, &disk, &err), &err);
    struct fs *faulty = faulty_fs_new(disk, false, 1);
    fs_stores_add(fs_used(), place, faulty);
    AUTO_JSON *restore = ck_restore_of(place);
    ck_open(&j, place, 2);
    ck_start(&j, NULL);
    ck_run_to(50);
    faulty_fs_add(faulty,
                  &(struct fault){.kind = FAULT_NO_SPACE, .op = -1, .nth = 1, .times = 100});
    ck_trigger(&j, 1, 0, "checkpoint", false);
    AUTO_JSON *no = ck_answer(&ck.n_declined, 0);
    assert_int_equal(json_opt_i64(no, "checkpoint", 0), 1);
    assert_non_null(strstr(json_opt_str(no, "reason", ""), "1-1-w0-"));
    faulty_fs_clear(faulty);
    ck_run_to(100);
    AUTO_JSON *ack = ck_checkpoint(&j, 2, 0);
    const cJSON *t;
    int committables = 0;
    cJSON_ArrayForEach(t, json_opt(ack, "tasks")) committables +=
        cJSON_GetArraySize(json_opt(t, "committables"));
    assert_int_equal(committables, 4); /* of both checkpoints, from two sinks */
    AUTO_JSON *splits = ck_add_ack(restore, ack);
    AUTO_JSON *next = ck_checkpoint(&j, 3, 2);
    committables = 0;
    cJSON_ArrayForEach(t, json_opt(next, "tasks")) committables +=
        cJSON_GetArraySize(json_opt(t, "committables"));
    assert_int_equal(committables, 2);
    ck_close(&j);
    restore_and_start(&j, 2, restore, splits);
    finish(&j);
    ck_close(&j);
}

static int count_finished(const cJSON *ack) {
    const cJSON *t;
    int n = 0;
    cJSON_ArrayForEach(t, json_opt(ack, "tasks")) n += json_opt_bool(t, "finished", false);
    return n;
}

/* One source has ended long ago, and takes part. */
static void test_finished_tasks(void **state) {
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck.first_rows = 30;
    ck_open(&j, dir, C_SPLITS);
    ck_start(&j, NULL);
    ck_run_to(60);
    AUTO_JSON *ack = NULL;
    uint64_t id = 1;
    for (; !count_finished(ack); id++) { /* it has ended, and will soon say so */
        cJSON_Delete(ack);
        ack = ck_checkpoint(&j, id, id - 1);
        cJSON_Delete(ck_add_ack(restore, ack));
    }
    assert_int_equal(count_finished(ack), 1);
    AUTO_JSON *splits = take(&j, 100, id, id - 1, restore);
    assert_int_equal(cJSON_GetArraySize(splits), C_SPLITS);
    ck_close(&j);
    restore_and_start(&j, 3, restore, splits);
    finish(&j);
    /* All have: what sinks prepared at the end is theirs to tell until it is committed. */
    AUTO_JSON *all = ck_checkpoint(&j, id + 1, id);
    assert_int_equal(count_finished(all), 6);
    const cJSON *t;
    int ends = 0;
    cJSON_ArrayForEach(t, json_opt(all, "tasks")) ends +=
        cJSON_GetArraySize(json_opt(t, "committables"));
    assert_int_equal(ends, 3);
    job_runtime_committed(j.rt, id + 1);
    cJSON_Delete(ck_answer(&ck.n_commit_done, 0));
    ck_close(&j);
}

static bool time_is(int n, int64_t wm) {
    for (int i = 0; i < n; i++)
        if (ck.max_wm[i] < wm) return false;
    return true;
}

/* One source is behind the others when the checkpoint is taken. Restored, time goes on with it
 * alone: the others had told how far they were, and tell it again. */
static void test_time_that_had_been_told(void **state) {
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck.second_limit = 50;
    ck_open(&j, dir, C_SPLITS);
    ck_start(&j, NULL);
    AUTO_JSON *splits = take(&j, 100, 1, 0, restore);
    ck_close(&j);
    for (int i = 0; i < C_SPLITS; i++)
        ck.max_wm[i] = WATERMARK_MIN;
    restore_and_start(&j, C_SPLITS, restore, splits);
    pthread_mutex_lock(&ck.lock);
    ck.limit = 100; /* where the others are */
    ck.second_limit = 80;
    for (int i = 0; i < C_SPLITS; i++)
        if (ck.sources[i]) op_wake(ck.sources[i]);
    pthread_mutex_unlock(&ck.lock);
    CK_WAIT(time_is(C_SPLITS, 80 * C_SPLITS - 1));
    ck_close(&j);
}

/* Behind the barrier of a stop nothing fires; tasks end when it is committed. */
static void test_stop(void **state) {
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck_open(&j, dir, 2);
    ck_start(&j, NULL);
    ck_run_to(100);
    pthread_mutex_lock(&ck.lock);
    ck.limit = 200; /* rows are there, and stay there */
    pthread_mutex_unlock(&ck.lock);
    ck_trigger(&j, 1, 0, "stop", false);
    AUTO_JSON *ack = ck_answer(&ck.n_acked, 0);
    AUTO_JSON *splits = ck_add_ack(restore, ack);
    assert_false(job_runtime_wait(j.rt, 0, NULL));
    job_runtime_committed(j.rt, 1);
    cJSON_Delete(ck_answer(&ck.n_commit_done, 0));
    wait_end(&j);
    for (int i = 0; i < 2; i++)
        assert_true(ck.max_wm[i] < WATERMARK_MAX);
    ck_close(&j);
    restore_and_start(&j, 1, restore, splits);
    finish(&j);
    assert_true(ck.max_wm[0] == WATERMARK_MAX);
    ck_close(&j);
}

/* ---- what can't be ---- */

static void test_ops_that_checkpoints_cannot_hold(void **state) {
    struct err err = ERR_INIT;
    struct rig r;
    struct worker *w;
    struct job_runtime *rt;
    rig_init(&r);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_source", "{\"rows\":1}", rig_schema());
    rig_op(&r, v, "t_sink", "{}", rig_schema());
    r.plan.vertices[v].ops[1].stateful = true;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, &err), &err);
    struct snapshot_agent *agent;
    struct snapshot_agent_opts ao = {.dir = dir, .worker_id = "w0", .tell = ck_tell};
    assert_ok(snapshot_agent_new(&ao, &agent, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_free(rt);
    spec.files = snapshot_agent_files(agent);
    assert_err(job_runtime_new(w, &spec, &rt, &err), ERR_UNSUPPORTED, &err, "t_sink#1");
    snapshot_agent_free(agent);
    worker_free(w);
    rig_release(&r);
}

/* A bit that has turned over, a file that is cut off: found, and said where. */
static void test_damaged_files(void **state) {
    struct err err = ERR_INIT;
    struct ck_job j;
    struct fs *disk;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck_open(&j, dir, 2);
    ck_start(&j, NULL);
    cJSON_Delete(take(&j, 50, 1, 0, restore));
    ck_close(&j);
    AUTO_STR uri = STR_INIT, bytes = STR_INIT;
    const char *name = json_opt(restore, "files")->child->valuestring;
    str_addf(&uri, "%s/state/%s", dir, name);
    assert_ok(fs_find(dir, &disk, &err), &err);
    assert_ok(fs_get(disk, str_text(&uri), NULL, &bytes, &err), &err);
    for (size_t at = 40; at < bytes.len; at += 997) {
        bytes.ptr[at] ^= 4;
        assert_ok(fs_put(disk, str_text(&uri), bytes.ptr, bytes.len, 0, NULL, &err), &err);
        bytes.ptr[at] ^= 4;
        ck_open(&j, dir, 1);
        assert_err(ck_restore(&j, restore, &err), ERR_CORRUPT, &err, name);
        assert_non_null(strstr(err.msg, "byte "));
        ck_close(&j);
        err_clear(&err);
    }
    assert_ok(fs_put(disk, str_text(&uri), bytes.ptr, bytes.len - 1, 0, NULL, &err), &err);
    ck_open(&j, dir, 1);
    assert_err(ck_restore(&j, restore, &err), ERR_CORRUPT, &err, "ends at byte");
    ck_close(&j);
    err_clear(&err);
    const char *uris[] = {str_text(&uri)};
    assert_ok(fs_delete(disk, uris, 1, NULL, &err), &err);
    ck_open(&j, dir, 1);
    assert_err(ck_restore(&j, restore, &err), ERR_NOT_FOUND, &err, name);
    ck_close(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restores_at_any_parallelism, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chains_that_share_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_barriers_upon_barriers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finished_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_that_had_been_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ops_that_checkpoints_cannot_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
