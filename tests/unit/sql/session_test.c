/* session_test.c - settings through the session's own API: values, old names, Flink's settings that
 * mean nothing here, and what plans are given. */
#include "sql/plan.h"
#include "sql/settings.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/sql/sql_kit.h"

#include <stdio.h>

struct warnings {
    int n;
    char last[200];
};

static void on_warning(void *self, const char *text) {
    struct warnings *w = self;
    w->n++;
    snprintf(w->last, sizeof(w->last), "%s", text);
}

static void test_values(void **state) {
    (void)state;
    struct sql_kit k;
    sql_kit_init(&k);
    struct session *s = k.session;
    assert_string_equal(session_get(s, "parallelism.default"), "1");
    assert_false(session_is_set(s, "parallelism.default"));
    assert_ok(session_set(s, "parallelism.default", "4", &k.err), &k.err);
    assert_true(session_is_set(s, "parallelism.default"));
    assert_int_equal(session_settings(s)->parallelism, 4);
    assert_ok(session_set(s, "table.exec.state.ttl", "2 h", &k.err), &k.err);
    assert_int_equal(session_settings(s)->state_ttl_ms, 7200000);
    assert_ok(session_set(s, "table.optimizer.agg-phase-strategy", "two_phase", &k.err), &k.err);
    assert_int_equal(session_settings(s)->agg_phase, AGG_PHASE_TWO);
    assert_err(session_set(s, "parallelism.default", "0", &k.err), ERR_VALIDATION, &k.err,
               "parallelism.default");
    assert_int_equal(session_settings(s)->parallelism, 4);
    assert_null(session_get(s, "no.such.key"));
    assert_err(session_set(s, "no.such.key", "1", &k.err), ERR_VALIDATION, &k.err, "no setting");
    sql_kit_release(&k);
}

static void test_old_names(void **state) {
    (void)state;
    struct sql_kit k;
    sql_kit_init(&k);
    assert_ok(session_set(k.session, "state.checkpoints.dir", "file:///cp", &k.err), &k.err);
    assert_string_equal(session_settings(k.session)->cp_dir, "file:///cp");
    assert_string_equal(session_get(k.session, "execution.checkpointing.dir"), "file:///cp");
    assert_string_equal(session_get(k.session, "state.checkpoints.dir"), "file:///cp");
    sql_kit_release(&k);
}

static void test_ignored(void **state) {
    (void)state;
    struct sql_kit k;
    struct warnings w = {0};
    sql_kit_init(&k);
    session_on_warning(k.session, on_warning, &w);
    assert_ok(session_set(k.session, "taskmanager.memory.size", "4 gb", &k.err), &k.err);
    assert_ok(session_set(k.session, "taskmanager.memory.size", "8 gb", &k.err), &k.err);
    assert_int_equal(w.n, 1);
    assert_non_null(strstr(w.last, "taskmanager.memory.size"));
    assert_string_equal(session_get(k.session, "taskmanager.memory.size"), "8 gb");
    /* One letter off a known setting is no setting of Flink's. */
    assert_err(session_set(k.session, "execution.checkpointing.intervall", "1 s", &k.err),
               ERR_VALIDATION, &k.err, "did you mean 'execution.checkpointing.interval'?");
    sql_kit_release(&k);
}

static void test_reset(void **state) {
    (void)state;
    struct sql_kit k;
    sql_kit_init(&k);
    assert_ok(sql_kit_run(&k, "SET 'table.local-time-zone' = 'Asia/Tokyo';"
                              "SET 'parallelism.default' = '3';"
                              "RESET 'parallelism.default';"),
              &k.err);
    assert_int_equal(session_settings(k.session)->parallelism, 1);
    assert_string_equal(session_get(k.session, "table.local-time-zone"), "Asia/Tokyo");
    assert_ok(sql_kit_run(&k, "RESET;"), &k.err);
    assert_string_equal(session_get(k.session, "table.local-time-zone"), "UTC");
    sql_kit_release(&k);
}

/* What isn't there yet is said once for each setting that asks for it. */
static void test_pending(void **state) {
    (void)state;
    struct sql_kit k;
    struct warnings w = {0};
    sql_kit_init(&k);
    session_on_warning(k.session, on_warning, &w);
    assert_ok(sql_kit_run(&k, "SET 'restart-strategy.type' = 'none';"
                              "SET 'state.backend.type' = 'hashmap';"
                              "SET 'execution.checkpointing.interval' = '0 ms';"
                              "SET 'table.dml-sync' = 'true';"),
              &k.err);
    assert_int_equal(w.n, 0);
    assert_ok(sql_kit_run(&k, "SET 'execution.checkpointing.interval' = '10 s';"
                              "SET 'restart-strategy' = 'fixed-delay';"
                              "SET 'restart-strategy.exponential-delay.max-backoff' = '2 s';"),
              &k.err);
    assert_int_equal(w.n, 0);
    assert_ok(sql_kit_run(&k, "SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE';"), &k.err);
    assert_int_equal(w.n, 1);
    assert_ok(sql_kit_run(&k, "SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE';"), &k.err);
    assert_int_equal(w.n, 1);
    assert_string_equal(session_get(k.session, "execution.checkpointing.interval"), "10 s");
    assert_ok(sql_kit_run(&k, "SET 'state.backend' = 'rocksdb';"), &k.err);
    assert_int_equal(w.n, 2);
    sql_kit_release(&k);
}

static void test_plan_config(void **state) {
    (void)state;
    struct sql_kit k;
    struct plan_config c;
    sql_kit_init(&k);
    assert_ok(sql_kit_run(&k, "SET 'execution.runtime-mode' = 'batch';"
                              "SET 'penstock.batch-rows' = '7';"
                              "SET 'table.local-time-zone' = 'Europe/Paris';"
                              "SET 'table.exec.source.idle-timeout' = '30 s';"),
              &k.err);
    assert_ok(session_plan_config(k.session, &k.arena, &c, &k.err), &k.err);
    assert_true(c.batch_mode);
    assert_int_equal(c.batch_rows, 7);
    assert_string_equal(c.zone, "Europe/Paris");
    assert_int_equal(c.idle_timeout_ms, 30000);
    assert_int_equal(c.watermark_interval_ms, 200);
    assert_true(c.query_start_ms > 0);
    assert_ok(session_set(k.session, "table.exec.mini-batch.enabled", "true", &k.err), &k.err);
    assert_err(session_plan_config(k.session, &k.arena, &c, &k.err), ERR_VALIDATION, &k.err,
               "table.exec.mini-batch.size");
    sql_kit_release(&k);
}

/* A view keeps the names' scope that it was made in. */
static void test_view_scope(void **state) {
    (void)state;
    struct sql_kit k;
    sql_kit_init(&k);
    assert_ok(sql_kit_run(&k, "CREATE DATABASE d2; USE d2;"
                              "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = "
                              "'/nowhere', 'format' = 'json');"
                              "CREATE VIEW v AS SELECT a + 1 AS b FROM t;"
                              "USE default_database; SELECT b FROM d2.v;"),
              &k.err);
    assert_string_equal(sql_kit_schema(&k), "b INT");
    assert_err(sql_kit_run(&k, "SELECT a FROM t;"), ERR_VALIDATION, &k.err, "no table 't'");
    sql_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_old_names),
        cmocka_unit_test(test_ignored),    cmocka_unit_test(test_pending),
        cmocka_unit_test(test_reset),      cmocka_unit_test(test_plan_config),
        cmocka_unit_test(test_view_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
