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

/* Many types. */
#define X(name)                                                                                    \
    "CREATE TABLE " name " (k DOUBLE, k2 DECIMAL(20, 3), kb BOOLEAN, kd DATE, s VARBINARY, "       \
    "a ARRAY<STRING>, r ROW<x INT, y STRING>, m MAP<STRING, INT>, v SMALLINT, f FLOAT, "           \
    "ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', "              \
    "'path' = '/tmp', 'format' = 'debezium-json');"
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

#define EMIT(key, value) "SET 'table.exec.emit." key "' = '" value "';"
#define SINK                                                                                       \
    "CREATE TABLE sink (s VARCHAR, k BIGINT, v INT, PRIMARY KEY (s) NOT ENFORCED) WITH ("          \
    "'connector' = 'print', 'changelog-mode' = 'I,UA,D');"

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
    {"group_agg of many functions",
     D("t") "SELECT k, LISTAGG(s), LISTAGG(DISTINCT s, '|'), COLLECT(v), COLLECT(DISTINCT s), "
            "ARRAY_AGG(v), STDDEV_POP(v), VAR_SAMP(v), LAST_VALUE(s), FIRST_VALUE(s), "
            "SUM(v) FILTER (WHERE s <> ''), COUNT(DISTINCT s) FILTER (WHERE v > 9) FROM t GROUP BY "
            "k"},
    {"group_agg of inserts by many functions",
     T("t") "SELECT s, LISTAGG(s), COLLECT(v), ARRAY_AGG(DISTINCT v), JSON_ARRAYAGG(v), MIN(ts), "
            "MAX(s), MIN(s), LAST_VALUE(s), FIRST_VALUE(v), "
            "COUNT(DISTINCT s) FROM t GROUP BY s"},
    {"group_agg by keys of many types",
     X("t") "SELECT k, k2, kb, kd, s, COUNT(*), MAX(f), SUM(k2), COUNT(DISTINCT k), "
            "COUNT(DISTINCT s), MIN(ts), MAX(k2) FROM t GROUP BY k, k2, kb, kd, s"},
    {"group_agg by few keys of many types",
     X("t") "SELECT kd, kb, COUNT(DISTINCT k2), COUNT(DISTINCT f), SUM(DISTINCT k), MAX(s), "
            "LAST_VALUE(s), COLLECT(kb) FROM t GROUP BY kd, kb",
     .seed = 40262},
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
    {"window_emit with each row",
     EMIT("early-fire.enabled", "true")
         T("t") "SELECT k, window_end, COUNT(*), MAX(s), "
                "COUNT(DISTINCT v) FROM " TUMBLE("t") " GROUP BY k, window_start, window_end"},
    {.name = "window_emit by the clock",
     .fold = true,
     .sql = EMIT("early-fire.enabled", "true") EMIT("early-fire.delay", "2 s") EMIT(
         "late-fire.enabled", "true") EMIT("late-fire.delay", "1 s") EMIT("allow-lateness", "5 s")
         T("t") "SELECT k, window_end, COUNT(*), SUM(v), MAX(s) FROM " TUMBLE(
             "t") " GROUP BY k, window_start, window_end"},
    {"window_emit of late rows",
     EMIT("late-fire.enabled", "true") EMIT("allow-lateness", "5 s")
         C("t") "SELECT s, window_end, COUNT(*), COUNT(DISTINCT v), MAX(v) FROM TABLE(HOP(TABLE t, "
                "DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '4' SECOND)) GROUP BY s, "
                "window_start, "
                "window_end"},
    {"join", T("a") T("b") "SELECT * FROM a JOIN b ON a.k = b.k AND a.v < b.v"},
    {"left join", C("a") D("b") "SELECT * FROM a LEFT JOIN b ON a.s = b.s"},
    {"full join", C("a") C("b") "SELECT * FROM a FULL JOIN b ON a.k = b.k AND a.v <> b.v"},
    {"join by strings and numbers",
     D("a") D("b") "SELECT * FROM a RIGHT JOIN b ON a.s = b.s AND a.k = b.k"},
    {"join of rows of many types",
     X("a") X("b") "SELECT * FROM a LEFT JOIN b ON a.k = b.k AND a.kb = b.kb AND a.k2 <> b.k2"},
    {"join by keys of many types",
     X("a") X("b") "SELECT a.v, b.v FROM a FULL JOIN b ON a.kd = b.kd AND a.k2 = b.k2 AND "
                   "a.s IS NOT DISTINCT FROM b.s"},
    {"semi join",
     D("a") D("b") "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a.k = b.k AND a.v > b.v)"},
    {"anti join",
     C("a") D("b") "SELECT * FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE a.s = b.s)"},
    {"join with time to live", TTL C("a") D("b") "SELECT * FROM a LEFT JOIN b ON a.s = b.s"},
    {"cross join", T("a") C("b") "SELECT a.v, b.v FROM a, (SELECT COUNT(*) v FROM b) b"},
    {"rank",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) rn "
            "FROM t) WHERE rn <= 3"},
    {"rank of a changelog",
     C("t") "SELECT k, v, s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s "
            "ORDER BY v, k) rn FROM t) WHERE rn BETWEEN 2 AND 4"},
    {"rank of rows of many types", X("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION "
                                          "BY kd ORDER BY k2, s DESC, v) rn "
                                          "FROM t) WHERE rn <= 3"},
    {"rank of rows without keys",
     D("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s, k "
            "ORDER BY v, ts) rn FROM t) WHERE rn <= 2"},
    {"rank of an aggregate",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k "
            "ORDER BY n DESC, s) rn FROM (SELECT k, s, COUNT(*) n FROM t GROUP BY k, s)) WHERE rn "
            "<= "
            "2",
     .fold = true},
    {"rank with time to live",
     TTL T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k "
                "ORDER BY v DESC) rn FROM t) WHERE rn <= 2"},
    {"rank of all", T("t") "SELECT * FROM t ORDER BY v, s LIMIT 4", .fold = true},
    {"rank in windows",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, "
            "window_end, k ORDER BY v DESC) rn FROM " TUMBLE("t") ") WHERE rn <= 2"},
    {"dedup first",
     P("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY pt) rn "
            "FROM t) WHERE rn = 1"},
    {"dedup last",
     P("t") "SELECT k, s, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY pt DESC) "
            "rn FROM t) WHERE rn = 1"},
    {"dedup by time",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s ORDER BY ts) rn "
            "FROM t) WHERE rn = 1"},
    {"dedup last by time",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s ORDER BY ts "
            "DESC) rn FROM t) WHERE rn = 1"},
    {"dedup in windows",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, "
            "window_end, s ORDER BY ts DESC) rn FROM " TUMBLE("t") ") WHERE rn = 1"},
    {"interval join",
     T("a") T("b") "SELECT * FROM a JOIN b ON a.k = b.k AND a.ts BETWEEN b.ts - INTERVAL "
                   "'2' SECOND AND b.ts + INTERVAL '3' SECOND AND a.v <> b.v"},
    {"interval full join",
     T("a") T("b") "SELECT * FROM a FULL JOIN b ON a.s = b.s AND a.ts BETWEEN b.ts - "
                   "INTERVAL '1' SECOND AND b.ts + INTERVAL '2' SECOND"},
    {"interval join by the clock",
     P("a") P("b") "SELECT a.k, a.v, b.v FROM a LEFT JOIN b ON a.k = b.k AND a.pt "
                   "BETWEEN b.pt - INTERVAL '1' SECOND AND b.pt + INTERVAL '1' SECOND",
     .fold = true},
    {"temporal join",
     T("a") C("b") "SELECT * FROM a LEFT JOIN b FOR SYSTEM_TIME AS OF a.ts AS b ON a.k = b.k"},
    {"temporal join of changes",
     C("a") C("b") "SELECT * FROM a JOIN b FOR SYSTEM_TIME AS OF a.ts AS b "
                   "ON a.k = b.k AND a.v <> b.v"},
    {"window join", T("a") T("b") "SELECT l.k, l.v, r.v, l.window_end FROM (SELECT * FROM " TUMBLE(
                        "a") ") l "
                             "FULL JOIN (SELECT * FROM " TUMBLE(
                                 "b") ") r ON l.k = r.k AND l.window_start = r.window_start AND "
                                      "l.window_end = r.window_end"},
    {"window join by strings",
     T("a") T("b") "SELECT l.s, l.v, r.v, l.window_end FROM (SELECT * FROM " TUMBLE(
         "a") ") l JOIN (SELECT * FROM " TUMBLE("b") ") r ON l.s = r.s AND l.window_start = "
                                                     "r.window_start AND "
                                                     "l.window_end = r.window_end AND l.v <> r.v"},
    {"session_agg",
     T("t") "SELECT k, window_start, window_end, COUNT(*), SUM(v), MAX(s), COUNT(DISTINCT v) FROM "
            "TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY "
            "k, window_start, "
            "window_end"},
    {"session_agg of a changelog",
     C("t") "SELECT s, window_start, COUNT(*), MIN(v), COUNT(DISTINCT v) FROM "
            "TABLE(SESSION(TABLE t PARTITION BY s, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY "
            "s, window_start, "
            "window_end"},
    {"session_agg by the clock",
     P("t") "SELECT k, COUNT(*), SUM(v) FROM t GROUP BY k, SESSION(pt, INTERVAL '1' "
            "SECOND)"},
    {"session_tvf",
     T("t") "SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY s, DESCRIPTOR(ts), INTERVAL '1' "
            "SECOND))"},
    {"over", T("t") "SELECT k, v, COUNT(*) OVER w, SUM(v) OVER w, MAX(s) OVER w FROM t WINDOW w AS "
                    "(PARTITION BY "
                    "k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"},
    {"over a range",
     T("t") "SELECT s, v, COUNT(*) OVER w, MIN(v) OVER w, COUNT(DISTINCT v) OVER w FROM t WINDOW w "
            "AS (PARTITION BY s ORDER BY ts RANGE BETWEEN INTERVAL '2' SECOND PRECEDING AND "
            "CURRENT ROW)"},
    {"over all before",
     T("t") "SELECT k, v, SUM(v) OVER w, MAX(s) OVER w, COUNT(DISTINCT s) OVER w FROM t WINDOW w "
            "AS (PARTITION BY k ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"},
    {"over by the clock",
     P("t") "SELECT k, v, SUM(v) OVER w, COUNT(*) OVER w FROM t WINDOW w AS (PARTITION BY k "
            "ORDER BY pt ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"},
    {"over a range by the clock",
     P("t") "SELECT k, v, SUM(v) OVER w, COUNT(*) OVER w FROM t WINDOW w AS (PARTITION "
            "BY k ORDER BY pt RANGE BETWEEN INTERVAL '2' SECOND PRECEDING AND CURRENT ROW)"},
    {"over with time to live",
     TTL P("t") "SELECT k, v, SUM(v) OVER w, COUNT(*) OVER w FROM t WINDOW w AS (PARTITION "
                "BY k ORDER BY pt ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"},
    {"over a changelog",
     C("t") "SELECT k, s, v, SUM(v) OVER (PARTITION BY s ORDER BY v), COUNT(*) OVER (PARTITION "
            "BY s ORDER BY v) FROM t"},
    {"lag", T("t") "SELECT k, v, LAG(v, 2) OVER (PARTITION BY k ORDER BY ts), LAG(s) OVER "
                   "(PARTITION BY k ORDER BY "
                   "ts) FROM t"},
    {"materialize",
     SINK C("t") "INSERT INTO sink SELECT s, k, v FROM t ON CONFLICT DO DEDUPLICATE"},
    {"materialize the first",
     SINK C("t") "INSERT INTO sink SELECT s, k, v FROM t ON CONFLICT DO NOTHING"},
    {"materialize with time to live",
     TTL SINK D("t") "INSERT INTO sink SELECT s, k, v FROM t ON CONFLICT DO "
                     "DEDUPLICATE"},
    {"normalize",
     "SET 'table.exec.source.cdc-events-duplicate' = 'true';" C("t") "SELECT * FROM t"},
    {"normalize with time to live",
     TTL "SET 'table.exec.source.cdc-events-duplicate' = 'true';" C("t") "SELECT * FROM t"},
    {"match", T("t") "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES "
                     "FIRST(X.v) AS a, LAST(X.v) AS b, "
                     "Y.s AS c AFTER MATCH SKIP PAST LAST ROW PATTERN (X+ Y) DEFINE X AS X.v < 20, "
                     "Y AS Y.v >= 20)"},
    {"match within", T("t") "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY s ORDER BY ts MEASURES "
                            "X.v AS a, SUM(Y.v) AS b "
                            "AFTER MATCH SKIP TO NEXT ROW PATTERN (X Y+? Z) WITHIN INTERVAL '3' "
                            "SECOND DEFINE Y AS Y.v <> X.v, Z AS Z.v > 10)"},
    {"match by the clock",
     P("t") "SELECT k, a, b FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY pt MEASURES X.v AS a, "
            "Y.v AS b PATTERN (X Y) DEFINE Y AS Y.v > X.v)"},
    {"sort by time", T("t") "SELECT * FROM t ORDER BY ts, v", .ordered = true},
    {"over rows of many types",
     "CREATE TABLE t (k DOUBLE, k2 DECIMAL(20, 3), s VARCHAR, a ARRAY<STRING>, m MAP<STRING, INT>, "
     "ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen');"
     "SELECT *, SUM(k2) OVER w, MAX(s) OVER w, LAST_VALUE(s) OVER w, AVG(k) OVER w FROM t WINDOW w "
     "AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND CURRENT ROW)"},
    {.name = "join, then group_agg",
     .fold = true,
     .sql =
         C("a") D("b") "SELECT k, n, COUNT(*), SUM(w) FROM (SELECT a.k, b.v w, a.s n FROM a JOIN b "
                       "ON a.s = b.s) GROUP BY k, n"},
    {.name = "group_agg, then join",
     .fold = true,
     .sql =
         D("a") D("b") "SELECT * FROM (SELECT k, COUNT(*) n FROM a GROUP BY k) a LEFT JOIN (SELECT "
                       "k, MAX(v) m FROM b GROUP BY k) b ON a.k = b.k"},
    {.name = "dedup, then group_agg",
     .fold = true,
     .sql =
         T("t") "SELECT k, COUNT(*), SUM(v) FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, s "
                "ORDER BY ts DESC) rn FROM t) WHERE rn = 1 GROUP BY k"},
    {.name = "union, then group_agg",
     .fold = true,
     .sql = D("a") T("b") "SELECT s, COUNT(*), COUNT(DISTINCT v) FROM (SELECT * FROM a UNION ALL "
                          "SELECT * FROM b) GROUP BY s"},
    {.name = "set operations",
     .fold = true,
     .sql = D("a") T("b") "(SELECT k, s FROM a EXCEPT SELECT k, s FROM b) UNION SELECT k, s FROM b "
                          "WHERE v > 15"},
    {"window_agg, then rank in windows",
     T("t") "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end "
            "ORDER BY "
            "n DESC, k, s) rn FROM (SELECT k, s, window_start, window_end, COUNT(*) n FROM " TUMBLE(
                "t") " GROUP BY k, s, window_start, window_end)) WHERE rn <= 2"},
    {"window_agg, then window join",
     T("a") T("b") "SELECT l.k, l.n, r.m, l.window_end FROM (SELECT k, window_start, window_end, "
                   "COUNT(*) n "
                   "FROM " TUMBLE("a") " GROUP BY k, window_start, window_end) l JOIN (SELECT k, "
                                       "window_start, window_end, MAX(v) m FROM " TUMBLE(
                                           "b") " GROUP BY k, window_start, "
                                                "window_end) r ON l.k = r.k AND l.window_start = "
                                                "r.window_start AND l.window_end = "
                                                "r.window_end"},
    {"interval join, then window_agg",
     T("a") T("b") "SELECT k, window_end, COUNT(*), SUM(w) FROM TABLE(TUMBLE((SELECT a.k, a.ts, "
                   "b.v w FROM a "
                   "JOIN b ON a.k = b.k AND a.ts BETWEEN b.ts - INTERVAL '2' SECOND AND b.ts), "
                   "DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end"},
    {"over, then group_agg",
     T("t") "SELECT k, COUNT(*), MAX(c) FROM (SELECT k, COUNT(*) OVER (PARTITION BY k ORDER BY ts) "
            "c FROM "
            "t) GROUP BY k",
     .fold = true},
    {"limit", T("t") "SELECT * FROM t LIMIT 40 OFFSET 5"},
};

static void rounds(const struct restore_case *c) {
    const char *n = getenv("RESTORE_ROUNDS"), *seed = getenv("RESTORE_SEED");
    struct restore_query q;
    restore_compile(&q, c);
    uint64_t from = seed ? strtoull(seed, NULL, 10) : 1, count = n ? strtoull(n, NULL, 10) : 25;
    for (uint64_t i = 0; i < (seed && !n ? 1 : count); i++)
        restore_round(&q, from + i);
    if (c->seed && !n && !seed) restore_round(&q, c->seed);
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
