/* print_expr_test.c - expressions: read, printed, read again. The printed text shows how operators
 * bind. */
#include "sql/parse.h"
#include "tests/unit/cmocka_wrap.h"

/* out NULL: the same text. */
static const struct {
    const char *in, *out;
} cases[] = {
    {"1 + 2 * 3", NULL},
    {"(1 + 2) * 3", NULL},
    {"a - (b - c)", NULL},
    {"a - b - c", NULL},
    {"-a[1] + +b", NULL},
    {"- -1", "-(-1)"},
    {"NOT a AND b OR c", NULL},
    {"NOT (a OR b)", NULL},
    {"a OR b AND c", NULL},
    {"a = b IS NULL", NULL},
    {"(a = b) IS NOT TRUE", "a = b IS NOT TRUE"},
    {"NOT a IS NULL", NULL},
    {"a || b + c", NULL},
    {"(a || b) || c", "a || b || c"},
    {"a % b / c", NULL},
    {"a <> b AND c <= d AND e >= f", NULL},
    {"a = b = c", NULL},
    {"a IS DISTINCT FROM b", NULL},
    {"a IS NOT DISTINCT FROM b AND c", NULL},
    {"a BETWEEN 1 AND 2 AND b", NULL},
    {"a NOT BETWEEN SYMMETRIC b + 1 AND (c AND d)", NULL},
    {"a BETWEEN ASYMMETRIC b AND c OR d", "a BETWEEN b AND c OR d"},
    {"a BETWEEN CASE WHEN b AND c THEN 1 END AND f(x AND y)", NULL},
    {"x LIKE 'a!%' ESCAPE '!'", NULL},
    {"x NOT LIKE y || '%'", NULL},
    {"x ILIKE 'a%' AND y NOT RLIKE 'b' AND z SIMILAR TO 'c' ESCAPE 'd'", NULL},
    {"x IN (1, 2, 3) = TRUE", NULL},
    {"x NOT IN (SELECT a FROM t)", NULL},
    {"x IN ((SELECT a FROM t))", "x IN (SELECT a FROM t)"},
    {"(a, b) IN ((1, 2), (3, 4))", NULL},
    {"a = ANY (SELECT b FROM t)", NULL},
    {"a > SOME (1, 2)", "a > ANY (1, 2)"},
    {"a <= ALL (VALUES 1, 2)", NULL},
    {"EXISTS (SELECT 1 FROM t) AND NOT EXISTS (SELECT 2)", NULL},
    {"CASE a WHEN 1 THEN 'x' WHEN 2, 3 THEN 'y' ELSE 'z' END", NULL},
    {"CASE WHEN a THEN b END", NULL},
    {"CAST(a AS INT)", NULL},
    {"TRY_CAST(a AS DECIMAL(10, 2))", NULL},
    {"CAST(a AS DEC(5)) + CAST(b AS NUMERIC)", "CAST(a AS DECIMAL(5)) + CAST(b AS DECIMAL)"},
    {"CAST(a AS INTEGER ARRAY MULTISET)", "CAST(a AS MULTISET<ARRAY<INT>>)"},
    {"CAST(a AS ROW<x INT NOT NULL 'first', y ROW(z STRING NULL)>)",
     "CAST(a AS ROW<x INT NOT NULL 'first', y ROW<z STRING NULL>>)"},
    {"CAST(a AS MAP<STRING, ARRAY<TIMESTAMP(3) WITH LOCAL TIME ZONE>>)",
     "CAST(a AS MAP<STRING, ARRAY<TIMESTAMP_LTZ(3)>>)"},
    {"CAST(a AS TIMESTAMP(0) WITHOUT TIME ZONE)", "CAST(a AS TIMESTAMP(0))"},
    {"CAST(a AS TIMESTAMP_LTZ(9))", NULL},
    {"CAST(a AS DOUBLE PRECISION)", "CAST(a AS DOUBLE)"},
    {"CAST(a AS CHARACTER VARYING(10))", "CAST(a AS VARCHAR(10))"},
    {"CAST(a AS BINARY VARYING)", "CAST(a AS VARBINARY)"},
    {"CAST(a AS RAW('java.lang.Object', 'abc'))", NULL},
    {"CAST(a AS STRUCTURED<'c.User', name STRING, age INT>)", NULL},
    {"CAST(a AS VARIANT)", NULL},
    {"CAST(a AS my.types.T)", NULL},
    {"CAST(a AS INTERVAL DAY(3) TO SECOND(6))", NULL},
    {"CAST(a AS ROW<>)", NULL},
    {"INTERVAL '1' DAY", NULL},
    {"INTERVAL -'1-2' YEAR TO MONTH", NULL},
    {"INTERVAL '1 2:3:4.5' DAY(2) TO SECOND(3)", NULL},
    {"INTERVAL '5' SECOND(2, 3)", NULL},
    {"INTERVAL 5 DAYS", "INTERVAL 5 DAY"},
    {"INTERVAL (a + 1) WEEK", NULL},
    {"INTERVAL a.b HOURS", "INTERVAL a.b HOUR"},
    {"(a - b) DAY TO SECOND", NULL},
    {"DATE '2024-01-01'", NULL},
    {"TIMESTAMP '2024-01-01 00:00:00'", NULL},
    {"TIME '10:11:12'", NULL},
    {"{d '2024-01-01'}", "DATE '2024-01-01'"},
    {"{ts '2024-01-01 00:00:00'}", "TIMESTAMP '2024-01-01 00:00:00'"},
    {"{fn LEFT('abc', 2)}", NULL},
    {"DECIMAL '-1.50'", "-1.50"},
    {"DECIMAL '2.11E-2'", ".0211"},
    {"1e3", NULL},
    {".5", NULL},
    {"1.", NULL},
    {"'it''s'", NULL},
    {"U&'\\0041\\+00263A'", "'A☺'"},
    {"U&'!0041!!' UESCAPE '!'", "'A!'"},
    {"X'0aFF'", "X'0AFF'"},
    {"N'abc'", "'abc'"},
    {"_UTF8'abc'", "'abc'"},
    {"NULL", NULL},
    {"UNKNOWN", NULL},
    {"`a``b`.c.`d e`", NULL},
    {"a.b.c", NULL},
    {"f(a).b.c[1].d", NULL},
    {"(a).b", NULL},
    {"a[1][2]['k']", NULL},
    {"ARRAY[1, 2][1]", NULL},
    {"ARRAY[]", NULL},
    {"MAP['a', 1, 'b', 2]", NULL},
    {"ARRAY(SELECT 1)", NULL},
    {"MULTISET[1, 2]", NULL},
    {"ROW(1, 'a')", NULL},
    {"(1, 2)", NULL},
    {"COUNT(*)", NULL},
    {"COUNT(DISTINCT a, b)", NULL},
    {"SUM(ALL a) FILTER (WHERE a > 1)", NULL},
    {"my.cat.f(a)", NULL},
    {"f()", NULL},
    {"f(a => 1, b => DEFAULT, c => DESCRIPTOR(x, y))", NULL},
    {"f(TABLE t PARTITION BY a ORDER BY b DESC, MODEL m, (SELECT 1) PARTITION BY (a, b))",
     "f(TABLE t PARTITION BY (a) ORDER BY (b DESC), MODEL m, (SELECT 1) PARTITION BY (a, b))"},
    {"LISTAGG(a, ',') WITHIN GROUP (ORDER BY b DESC)", NULL},
    {"ARRAY_AGG(DISTINCT a ORDER BY b)", NULL},
    {"LAG(a, 1) IGNORE NULLS OVER w", NULL},
    {"SUM(a) OVER (PARTITION BY b, c ORDER BY d DESC NULLS LAST ROWS BETWEEN 2 PRECEDING AND "
     "CURRENT ROW)",
     NULL},
    {"SUM(a) OVER (w ORDER BY d RANGE INTERVAL '1' DAY PRECEDING)", NULL},
    {"SUM(a) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)", NULL},
    {"COUNT(*) OVER ()", NULL},
    {"EXTRACT(DOW FROM ts)", NULL},
    {"EXTRACT(foo FROM ts)", NULL},
    {"CEIL(ts TO DAY) + FLOOR(x)", NULL},
    {"CEILING(x)", "CEIL(x)"},
    {"TRIM(a)", NULL},
    {"TRIM(BOTH FROM a)", "TRIM(BOTH ' ' FROM a)"},
    {"TRIM(LEADING 'x' FROM a)", NULL},
    {"TRIM('x' FROM a)", "TRIM(BOTH 'x' FROM a)"},
    {"TRIM(TRAILING a)", "TRIM(TRAILING ' ' FROM a)"},
    {"POSITION('a' IN b || c)", NULL},
    {"SUBSTRING(a FROM 1 FOR 2)", NULL},
    {"SUBSTRING(a, 1, 2)", NULL},
    {"SUBSTRING(a FROM 1)", NULL},
    {"OVERLAY(a PLACING b FROM 1)", NULL},
    {"OVERLAY(a PLACING b FROM 1 FOR 2)", NULL},
    {"TIMESTAMPADD(MINUTE, 1, ts)", NULL},
    {"TIMESTAMPDIFF(QUARTER, a, b)", NULL},
    {"CONVERT(a USING utf8)", "TRANSLATE(a USING utf8)"},
    {"TRANSLATE(a, 'x', 'y')", NULL},
    {"CURRENT_DATE", NULL},
    {"CURRENT_TIMESTAMP", NULL},
    {"LOCALTIME", NULL},
    {"USER", NULL},
    {"DATE_TRUNC(a, DAY)", NULL},
    {"JSON_EXISTS(a, '$.b' TRUE ON ERROR)", NULL},
    {"JSON_VALUE(a, '$.b')", NULL},
    {"JSON_VALUE(a, '$.b' RETURNING INT NULL ON EMPTY DEFAULT -1 ON ERROR)", NULL},
    {"JSON_QUERY(a, '$' RETURNING ARRAY<STRING> WITH CONDITIONAL WRAPPER EMPTY ARRAY ON EMPTY "
     "ERROR ON ERROR)",
     "JSON_QUERY(a, '$' RETURNING ARRAY<STRING> WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY ON "
     "EMPTY ERROR ON ERROR)"},
    {"JSON_QUERY(a, '$' WITHOUT ARRAY WRAPPER)", NULL},
    {"JSON_OBJECT('k' VALUE 1, KEY 'x' VALUE a, 'j': b ABSENT ON NULL)",
     "JSON_OBJECT(KEY 'k' VALUE 1, KEY 'x' VALUE a, KEY 'j' VALUE b ABSENT ON NULL)"},
    {"JSON_OBJECT()", NULL},
    {"JSON_OBJECT(NULL ON NULL)", NULL},
    {"JSON_OBJECT(key VALUE 1)", "JSON_OBJECT(KEY key VALUE 1)"},
    {"JSON_OBJECTAGG(KEY k VALUE v NULL ON NULL)", NULL},
    {"JSON_ARRAY(1, NULL, 'a' NULL ON NULL)", NULL},
    {"JSON_ARRAYAGG(a ORDER BY b ABSENT ON NULL)", NULL},
    {"a IS JSON AND b IS NOT JSON ARRAY AND c IS JSON SCALAR",
     "a IS JSON VALUE AND b IS NOT JSON ARRAY AND c IS JSON SCALAR"},
    {"a MEMBER OF b", NULL},
    {"a SUBMULTISET OF b", NULL},
    {"a MULTISET UNION DISTINCT b", NULL},
    {"(a, b) OVERLAPS (c, d)", NULL},
    {"a IS A SET", NULL},
    {"a IS NOT EMPTY", NULL},
    {"? + ?", NULL},
    {"TUMBLE_START(ts, INTERVAL '1' HOUR)", NULL},
    {"IF(a, b, c)", NULL},
    {"(SELECT MAX(a) FROM t) + 1", NULL},
    {"HOUR(ts) + MINUTE(ts) + YEAR(ts)", NULL},
    {"LEFT(a, 1) || RIGHT(a, 2)", NULL},
};

static void print_of(const char *text, struct str *out) {
    struct arena a;
    struct err err = ERR_INIT;
    struct ast *e = NULL;
    arena_init(&a);
    if (sql_parse_expr(&a, text, strlen(text), &e, &err)) fail_msg("%s: %s", text, err.msg);
    ast_print(e, out);
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

static void escapes_in_c_strings(void **state) {
    AUTO_STR out = STR_INIT;
    print_of("E'a\\n\\x41\\\\\\101\\u263A\\q''\\''", &out);
    assert_string_equal(str_text(&out), "'a\nA\\A\xe2\x98\xbaq'''''");
}

static void strings_go_on_in_the_next_line(void **state) {
    AUTO_STR out = STR_INIT;
    print_of("'a'\n 'b' -- more\n'c'", &out);
    assert_string_equal(str_text(&out), "'abc'");
    str_clear(&out);
    print_of("X'01'\n'FF'", &out);
    assert_string_equal(str_text(&out), "X'01FF'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints),
        cmocka_unit_test(escapes_in_c_strings),
        cmocka_unit_test(strings_go_on_in_the_next_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
