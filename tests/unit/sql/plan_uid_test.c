/* plan_uid_test.c - uids name state: they outlive what doesn't change it, and change with what
 * does. Names and parallelism of the rest of the plan follow from overrides. */
#include "sql/planner.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/sql/sql_kit.h"

#include <stdio.h>
#include <stdlib.h>

#define TABLES                                                                                     \
    "CREATE TABLE t (a BIGINT, b BIGINT, c STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH " \
    "('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');"                              \
    "CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');"                            \
    "CREATE TABLE o2 (k BIGINT, n BIGINT) WITH ('connector' = 'print');"

/* uid of the op whose name begins so in the plan of the last statement, as a copy. */
static char *uid_at(const char *sql, int parallelism, const char *op) {
    struct sql_kit k;
    sql_kit_init(&k);
    AUTO_STR script = STR_INIT;
    str_add(&script, TABLES);
    str_add(&script, sql);
    assert_ok(sql_kit_run(&k, str_text(&script)), &k.err);
    struct planner_input in = {.name = "t",
                               .n_sinks = k.result.n_sinks,
                               .sinks = k.result.sinks,
                               .session = k.session,
                               .parallelism = parallelism};
    struct plan *p = NULL;
    assert_ok(planner_plan(&k.arena, &in, &p, &k.err), &k.err);
    char *found = NULL;
    for (int v = 0; v < p->n_vertices; v++)
        for (int i = 0; i < p->vertices[v].n_ops; i++)
            if (!found && strstr(p->vertices[v].ops[i].name, op))
                found = mem_strdup(p->vertices[v].ops[i].uid);
    if (!found) fail_msg("no op %s in %s", op, sql);
    sql_kit_release(&k);
    return found;
}

static void check(const char *op, const char *x, int px, const char *y, int py, bool same) {
    AUTO_FREE char *ux = uid_at(x, px, op), *uy = uid_at(y, py, op);
    if (!strcmp(ux, uy) != same) fail_msg("%s: %s and %s have uids %s and %s", op, x, y, ux, uy);
}

static const char count_sql[] = "INSERT INTO o SELECT a, COUNT(*) FROM t GROUP BY a;";

static void stays(void **state) {
    const char *agg = "GroupAggregate";
    check(agg, count_sql, 1, count_sql, 7, true);
    check(agg, count_sql, 2,
          "INSERT INTO o SELECT x.a AS k1, COUNT(*) AS n1 FROM t AS x GROUP BY x.a;", 2, true);
    check(agg, count_sql, 2, "INSERT INTO o2 SELECT a, COUNT(*) + 1 FROM t GROUP BY a;", 2, true);
    /* another statement reads more of the same source */
    check(agg, count_sql, 2,
          "EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT a, COUNT(*) FROM t GROUP BY a; "
          "INSERT INTO o2 SELECT a, b FROM t WHERE c = 'x'; END;",
          2, true);
    check(agg, count_sql, 2,
          "SET 'table.exec.state.ttl' = '1 d'; INSERT INTO o SELECT a, COUNT(*) FROM t GROUP BY a;",
          2, true);
    check("TableSourceScan", count_sql, 2, "INSERT INTO o SELECT a, b FROM t;", 2, true);
    check("Sink", count_sql, 2, "INSERT INTO o SELECT a, b FROM t;", 2, true);
    /* in one phase or two: the state is the same */
    const char *window =
        "INSERT INTO o SELECT a, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), "
        "INTERVAL '1' MINUTE)) GROUP BY a, window_start, window_end;";
    AUTO_FREE char *one = uid_at(window, 1, "WindowAggregate");
    AUTO_FREE char *two = uid_at(window, 2, "GlobalWindowAggregate");
    assert_string_equal(one, two);
}

static void changes(void **state) {
    const char *agg = "GroupAggregate";
    check(agg, count_sql, 2, "INSERT INTO o SELECT b, COUNT(*) FROM t GROUP BY b;", 2, false);
    check(agg, count_sql, 2, "INSERT INTO o SELECT a, COUNT(b) FROM t GROUP BY a;", 2, false);
    check(agg, count_sql, 2, "INSERT INTO o SELECT a, COUNT(*) FROM t WHERE b > 1 GROUP BY a;", 2,
          false);
    check("Sink", count_sql, 2, "INSERT INTO o2 SELECT a, COUNT(*) FROM t GROUP BY a;", 2, false);
    /* a join keeps rows: their columns count */
    check("Join", "INSERT INTO o SELECT x.a, y.b FROM t x JOIN t y ON x.a = y.a;", 2,
          "INSERT INTO o SELECT x.a, y.b FROM t x JOIN t y ON x.a = y.a AND x.b < y.b;", 2, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stays), cmocka_unit_test(changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
