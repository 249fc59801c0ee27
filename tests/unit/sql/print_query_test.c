/* print_query_test.c - queries: read, printed, read again. */
#include "sql/parse.h"
#include "tests/unit/cmocka_wrap.h"

/* out NULL: the same text. */
static const struct {
    const char *in, *out;
} cases[] = {
    {"SELECT 1", NULL},
    {"SELECT DISTINCT a, b AS x, c y, t.*, * FROM t",
     "SELECT DISTINCT a, b AS x, c AS y, t.*, * FROM t"},
    {"SELECT ALL a FROM c.d.t AS u (x, y)", NULL},
    {"SELECT a FROM t WHERE a > 1 GROUP BY a HAVING COUNT(*) > 1 WINDOW w AS (ORDER BY a), v AS "
     "(w) QUALIFY ROW_NUMBER() OVER w = 1",
     NULL},
    {"SELECT a FROM t GROUP BY a, (b, c), (), ROLLUP (a, (b, c)), CUBE (d), GROUPING SETS ((a), "
     "(a, b), ())",
     "SELECT a FROM t GROUP BY a, (b, c), (), ROLLUP (a, (b, c)), CUBE (d), GROUPING SETS (a, (a, "
     "b), ())"},
    {"SELECT a FROM t GROUP BY DISTINCT a", NULL},
    {"SELECT /*+ STATE_TTL('a' = '1d', 'b' = '2d'), BROADCAST(t), LOOKUP('table'='c') */ a FROM t "
     "/*+ OPTIONS('k' = 'v') */",
     "SELECT /*+ STATE_TTL('a' = '1d', 'b' = '2d'), BROADCAST(t), LOOKUP('table' = 'c') */ a FROM "
     "t /*+ OPTIONS('k' = 'v') */"},
    {"SELECT /*+ NO_HASH, SKEW(1, 2) */ a FROM t", NULL},
    {"SELECT a FROM t ORDER BY a DESC NULLS FIRST, 2 ASC LIMIT 10 OFFSET 5 ROWS",
     "SELECT a FROM t ORDER BY a DESC NULLS FIRST, 2 LIMIT 10 OFFSET 5"},
    {"SELECT a FROM t OFFSET 3 ROWS FETCH NEXT 5 ROWS ONLY", "SELECT a FROM t LIMIT 5 OFFSET 3"},
    {"SELECT a FROM t FETCH FIRST ? ROW ONLY", "SELECT a FROM t LIMIT ?"},
    {"SELECT a FROM t LIMIT ALL", "SELECT a FROM t"},
    {"WITH x AS (SELECT 1), y (a, b) AS (VALUES (1, 2)) SELECT * FROM x, y", NULL},
    {"WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", NULL},
    {"SELECT a FROM t UNION ALL SELECT b FROM u EXCEPT SELECT c FROM v INTERSECT SELECT d FROM w",
     NULL},
    {"(SELECT a FROM t UNION SELECT b FROM u) INTERSECT ALL (SELECT c FROM v ORDER BY c LIMIT 1)",
     NULL},
    {"SELECT a FROM t UNION (SELECT b FROM u UNION DISTINCT SELECT c FROM v) ORDER BY 1",
     "SELECT a FROM t UNION (SELECT b FROM u UNION SELECT c FROM v) ORDER BY 1"},
    {"((SELECT 1))", "SELECT 1"},
    {"VALUES (1, 'a'), (2, 'b')", NULL},
    {"VALUES 1, 2", NULL},
    {"VALUES ROW(1, 2)", NULL},
    {"VALUES ((1, 2))", NULL},
    {"TABLE a.b", NULL},
    {"SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (x, y) RIGHT JOIN d ON TRUE FULL "
     "OUTER JOIN e ON FALSE CROSS JOIN f NATURAL LEFT JOIN g",
     "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x, y) RIGHT JOIN d ON TRUE FULL JOIN "
     "e ON FALSE CROSS JOIN f NATURAL LEFT JOIN g"},
    {"SELECT * FROM a, b JOIN c ON TRUE, LATERAL (SELECT 1) AS l", NULL},
    {"SELECT * FROM a JOIN (b JOIN c ON TRUE) ON TRUE", NULL},
    {"SELECT * FROM ((a CROSS JOIN b))", "SELECT * FROM a CROSS JOIN b"},
    {"SELECT * FROM (SELECT 1) t (x), (VALUES (1)) AS v (y)",
     "SELECT * FROM (SELECT 1) AS t (x), (VALUES 1) AS v (y)"},
    {"SELECT * FROM ((SELECT 1) UNION SELECT 2) AS u",
     "SELECT * FROM (SELECT 1 UNION SELECT 2) AS u"},
    {"SELECT * FROM LATERAL TABLE(f(a, b)) AS t (x, y)", NULL},
    {"SELECT * FROM t LEFT JOIN LATERAL TABLE(split(a)) AS s (w) ON TRUE", NULL},
    {"SELECT * FROM f(input => TABLE t PARTITION BY (k) ORDER BY (ts DESC), uid => 'x') AS r",
     NULL},
    {"SELECT * FROM t, LATERAL f(t.a)", NULL},
    {"SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' MINUTES))",
     "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' MINUTE))"},
    {"SELECT * FROM TABLE(HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' "
     "MINUTE, SIZE => INTERVAL '10' MINUTE))",
     NULL},
    {"SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' SECOND))",
     "SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY (k), DESCRIPTOR(ts), INTERVAL '5' SECOND))"},
    {"SELECT * FROM TABLE(CUMULATE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '5' SECOND, "
     "INTERVAL '1' HOUR))",
     NULL},
    {"SELECT * FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b))", NULL},
    {"SELECT * FROM UNNEST(ARRAY[1, 2], b) WITH ORDINALITY AS u (x, o)", NULL},
    {"SELECT * FROM t CROSS JOIN UNNEST(t.xs) AS u (x)", NULL},
    {"SELECT * FROM UNNEST(SELECT a FROM t)", NULL},
    {"SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.ts AS x ON o.c = x.c", NULL},
    {"SELECT * FROM t AS x TABLESAMPLE BERNOULLI(10.5) REPEATABLE(-3)", NULL},
    {"SELECT * FROM t TABLESAMPLE SYSTEM(5), u TABLESAMPLE SUBSTITUTE('s')", NULL},
    {"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a ORDER BY ts MEASURES FINAL LAST(B.x) AS lx, "
     "RUNNING SUM(B.x) AS s, CLASSIFIER() AS c ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW "
     "PATTERN (A B+ C? D*? (E | F){2,3} {- G -} H{2} I{,4}? J{3,}) WITHIN INTERVAL '1' HOUR SUBSET "
     "U = (A, B) DEFINE B AS B.x > PREV(B.x, 2), C AS C.x < LAST(B.x)) AS m",
     "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a ORDER BY ts MEASURES FINAL LAST(B.x) AS lx, "
     "RUNNING SUM(B.x) AS s, CLASSIFIER() AS c ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW "
     "PATTERN (A B+ C? D*? (E | F){2,3} {- G -} H{2} I{0,4}? J{3,}) WITHIN INTERVAL '1' HOUR "
     "SUBSET U = (A, B) DEFINE B AS B.x > PREV(B.x, 2), C AS C.x < LAST(B.x)) AS m"},
    {"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW "
     "PATTERN (^ PERMUTE(A, B C) $) DEFINE A AS TRUE)",
     NULL},
    {"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO FIRST A PATTERN (A) DEFINE "
     "A AS TRUE)",
     NULL},
    {"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO A PATTERN ((A B)+ | C) "
     "DEFINE A AS TRUE)",
     "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO LAST A PATTERN ((A B)+ | C) "
     "DEFINE A AS TRUE)"},
    {"SELECT t.r.* FROM t", NULL},
    {"SELECT first, last, data, type, name, year_, map, key, `value` FROM t", NULL},
    {"SELECT a FROM t -- a comment", "SELECT a FROM t"},
    {"SELECT a /* another */ FROM t // and one more", "SELECT a FROM t"},
};

static void print_of(const char *text, struct str *out) {
    struct arena a;
    struct err err = ERR_INIT;
    struct sql_script s = {0};
    arena_init(&a);
    if (sql_parse_script(&a, text, strlen(text), &s, &err)) fail_msg("%s: %s", text, err.msg);
    assert_int_equal(s.n_stmts, 1);
    ast_print(s.stmts[0].ast, out);
    arena_release(&a);
}

static void reads_and_prints(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STR once = STR_INIT;
        AUTO_STR twice = STR_INIT;
        print_of(cases[i].in, &once);
        assert_string_equal(str_text(&once), cases[i].out ? cases[i].out : cases[i].in);
        print_of(str_text(&once), &twice);
        assert_string_equal(str_text(&twice), str_text(&once));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
