/* op_restore_test.c - ops with state, under checkpoints, kills and restores at other parallelisms
 * (restore_rig.h). RESTORE_ROUNDS, RESTORE_SEED, RESTORE_CASE (a part of a name) make it longer or
 * narrower. */
#include "tests/unit/worker/restore_rig.h"

#include <string.h>

#define T(name)                                                                                    \
    "CREATE TABLE " name " (k BIGINT, s VARCHAR, v INT, ts TIMESTAMP(3), "                         \
    "WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen');"
/* A changelog with a primary key; one without. */
#define C(name)                                                                                    \
    "CREATE TABLE " name " (k BIGINT, s VARCHAR, v INT, ts TIMESTAMP(3), "                         \
    "PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR ts AS ts) WITH "                                  \
    "('connector' = 'filesystem', 'path' = '/tmp', 'format' = 'debezium-json');"
#define D(name)                                                                                    \
    "CREATE TABLE " name " (k BIGINT, s VARCHAR, v INT, ts TIMESTAMP(3), "                         \
    "WATERMARK FOR ts AS ts) WITH "                                                                \
    "('connector' = 'filesystem', 'path' = '/tmp', 'format' = 'debezium-json');"

/* By the clock. */
#define P(name)                                                                                    \
    "CREATE TABLE " name " (k BIGINT, s VARCHAR, v INT, pt AS PROCTIME()) WITH "                   \
    "('connector' = 'datagen');"
#define TUMBLE(name) "TABLE(TUMBLE(TABLE " name ", DESCRIPTOR(ts), INTERVAL '4' SECOND))"
#define ONE_PHASE "SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';"
#define TTL "SET 'table.exec.state.ttl' = '5 s';"
#define MINI_BATCH                                                                                 \
    "SET 'table.exec.mini-batch.enabled' = 'true';"                                                \
    "SET 'table.exec.mini-batch.allow-latency' = '1 d';"                                           \
    "SET 'table.exec.mini-batch.size' = '1000';"

#define LATENCY "SET 'table.exec.mini-batch.allow-latency' = '2 s';"

static const struct restore_case cases[] = {
    {"group_agg", T("t") "SELECT k, s, COUNT(*), SUM(v), MAX(s), AVG(v) FROM t GROUP BY k, s"},
    {"group_agg of a changelog",
     C("t") "SELECT s, COUNT(*), SUM(v), MIN(v), MAX(s), FIRST_VALUE(v) FROM t GROUP BY s"},
    {"group_agg of rows without keys",
     D("t") "SELECT s, COUNT(*), MIN(v), MAX(s), LISTAGG(s) FROM t GROUP BY s"},
    {"group_agg with DISTINCT",
     T("t") "SELECT k, COUNT(DISTINCT v), SUM(DISTINCT v) FILTER (WHERE s > 'xx'), "
            "COUNT(DISTINCT s), COUNT(*) FROM t GROUP BY k"},
    {"group_agg with DISTINCT of a changelog",
     C("t") "SELECT s, COUNT(DISTINCT v), COUNT(DISTINCT v) FILTER (WHERE k > 2), "
            "COUNT(DISTINCT ts) FROM t GROUP BY s"},
    {"group_agg with DISTINCT of rows without keys",
     D("t") "SELECT k, COUNT(DISTINCT v), COUNT(DISTINCT s) FROM t GROUP BY k"},
    {"group_agg in mini-batches",
     MINI_BATCH D("t") "SELECT k, COUNT(DISTINCT v), MAX(v), COUNT(*) FROM t GROUP BY k"},
    {.name = "group_agg in mini-batches by the clock",
     .fold = true,
     .sql = MINI_BATCH LATENCY D(
         "t") "SELECT k, COUNT(DISTINCT v), MAX(v), COUNT(*) FROM t GROUP BY k"},
    {"group_agg in two phases",
     MINI_BATCH T("t") "SELECT k, AVG(v), MAX(s), COUNT(*) FROM t GROUP BY k"},
    {"group_agg with time to live",
     TTL C("t") "SELECT s, MAX(v), SUM(v), COUNT(*) FROM t GROUP BY s"},
    {"group_agg with time to live of inserts",
     TTL T("t") "SELECT k, COUNT(DISTINCT v), COUNT(DISTINCT s), MAX(v) FROM t GROUP BY k"},
    {"group_agg of all", D("t") "SELECT COUNT(*), COUNT(DISTINCT v), MAX(s) FROM t"},
    {.name = "group_agg of group_agg",
     .fold = true,
     .sql = D("t") "SELECT n, COUNT(*), MAX(k) FROM (SELECT k, COUNT(*) n FROM t GROUP BY k) "
                   "GROUP BY n"},
    {"window_agg tumble",
     T("t") "SELECT k, window_start, COUNT(*), SUM(v), MAX(s), COUNT(DISTINCT v) FROM " TUMBLE(
         "t") " GROUP BY k, window_start, window_end"},
    {"window_agg hop",
     T("t") "SELECT k, s, window_end, COUNT(*), MIN(v), COUNT(DISTINCT v) FROM TABLE(HOP(TABLE t, "
            "DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '6' SECOND)) "
            "GROUP BY k, s, window_start, window_end"},
    {"window_agg cumulate",
     T("t") "SELECT s, window_end, COUNT(*), MAX(s) FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), "
            "INTERVAL '2' SECOND, INTERVAL '8' SECOND)) GROUP BY s, window_start, window_end"},
    {"window_agg in one phase",
     ONE_PHASE T("t") "SELECT k, window_end, COUNT(*), LISTAGG(s), COUNT(DISTINCT s) FROM " TUMBLE(
         "t") " GROUP BY k, window_start, window_end"},
    {"window_agg of a changelog",
     C("t") "SELECT s, window_end, COUNT(*), MAX(v), COUNT(DISTINCT v) FROM " TUMBLE(
         "t") " GROUP BY s, window_start, window_end"},
    {"window_agg of windows",
     T("t") "SELECT s, window_end, MAX(n) FROM (SELECT k, s, window_start, window_end, COUNT(*) n "
            "FROM " TUMBLE("t") " GROUP BY k, s, window_start, window_end) "
                                "GROUP BY s, window_start, window_end"},
    {"window_agg by the clock",
     P("t") "SELECT k, window_end, COUNT(*), SUM(v) FROM TABLE(HOP(TABLE t, DESCRIPTOR(pt), "
            "INTERVAL '2' SECOND, INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end"},
};

static void rounds(const struct restore_case *c) {
    const char *n = getenv("RESTORE_ROUNDS"), *seed = getenv("RESTORE_SEED");
    struct restore_query q;
    restore_compile(&q, c);
    uint64_t from = seed ? strtoull(seed, NULL, 10) : 1, count = n ? strtoull(n, NULL, 10) : 25;
    for (uint64_t i = 0; i < (seed && !n ? 1 : count); i++)
        restore_round(&q, from + i);
    restore_query_release(&q);
}

static void one_case(void **state) {
    rounds(*state);
}

int main(void) {
    struct CMUnitTest tests[ARRAY_LEN(cases)];
    const char *only = getenv("RESTORE_CASE");
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!only || strstr(cases[i].name, only))
            tests[n++] = (struct CMUnitTest){
                .name = cases[i].name, .test_func = one_case, .initial_state = (void *)&cases[i]};
    return n ? _cmocka_run_group_tests("op_restore", tests, n, NULL, NULL) : 1;
}
