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

static void finish(struct ck_job *j) {
    struct err err = ERR_INIT;
    ck_run_to(ck.rows);
    assert_true(job_runtime_wait(j->rt, 60000, &err));
    assert_ok(err.code, &err);
}

/* From one parallelism to another and on to a third; the second checkpoint of each holds what
 * changed since the first. */
static void restores(int from, int via, int to) {
    struct err err = ERR_INIT;
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    ck_reset(300);
    ck_open(&j, dir, from);
    ck_start(&j, NULL);
    cJSON_Delete(take(&j, 50, 1, 0, restore));
    AUTO_JSON *splits = take(&j, 100, 2, 1, restore);
    ck_run_to(120); /* lost */
    ck_close(&j);

    memset(ck.sums, 0, sizeof ck.sums);
    ck.limit = 0;
    ck_open(&j, dir, via);
    assert_ok(ck_restore(&j, restore, &err), &err);
    ck_start(&j, splits);
    AUTO_JSON *second = ck_restore_of(dir);
    ck_run_to(150);
    int before = ck.n_acked;
    AUTO_JSON *m = control_new(MSG_TRIGGER);
    json_set_u64(m, "epoch", 1);
    json_set_u64(m, "checkpoint", 3);
    json_set_u64(m, "base", 2);
    json_set_bool(m, "full", true);
    ckpt_agent_trigger(j.agent, m);
    AUTO_JSON *ack = ck_answer(&ck.n_acked, before);
    cJSON_Delete(ck_add_ack(second, ack));
    AUTO_JSON *splits2 = take(&j, 200, 4, 3, second);
    ck_close(&j);

    memset(ck.sums, 0, sizeof ck.sums);
    ck.limit = 0;
    ck_open(&j, dir, to);
    assert_ok(ck_restore(&j, second, &err), &err);
    ck_start(&j, splits2);
    finish(&j);
    ck_close(&j);
}

static void test_restores_at_any_parallelism(void **state) {
    restores(2, 2, 2);
    restores(2, 3, 1);
    restores(1, 2, 4);
    restores(4, 1, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restores_at_any_parallelism, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
