/* print_stmt_test.c - statements: read, printed, read again. */
#include "sql/parse.h"
#include "tests/unit/cmocka_wrap.h"

/* out NULL: the same text. */
static const struct {
    const char *in, *out;
} cases[] = {
    {"CREATE TABLE t (a INT NOT NULL, b STRING COMMENT 'it''s', c AS a + 1 COMMENT 'c', d "
     "TIMESTAMP(3) METADATA FROM 'ts' VIRTUAL, e INT METADATA, WATERMARK FOR d AS d - INTERVAL '5' "
     "SECOND, CONSTRAINT pk PRIMARY KEY (a, b) NOT ENFORCED) COMMENT 'table' DISTRIBUTED BY HASH "
     "(a) INTO 4 BUCKETS PARTITIONED BY (b) WITH ('connector' = 'kafka', 'k' = 'v')",
     NULL},
    {"CREATE TEMPORARY TABLE IF NOT EXISTS c.d.t (a INT PRIMARY KEY NOT ENFORCED, b INT CONSTRAINT "
     "u UNIQUE) WITH ()",
     NULL},
    {"CREATE TABLE t (r.a INT, UNIQUE (r)) DISTRIBUTED INTO 3 BUCKETS", NULL},
    {"CREATE TABLE t DISTRIBUTED BY (a) WITH ('a' = 'b') LIKE u (INCLUDING ALL EXCLUDING "
     "CONSTRAINTS OVERWRITING OPTIONS INCLUDING METADATA EXCLUDING GENERATED INCLUDING PARTITIONS "
     "EXCLUDING WATERMARKS INCLUDING DISTRIBUTION)",
     NULL},
    {"CREATE TABLE t WITH ('a' = 'b') LIKE c.u", NULL},
    {"CREATE TABLE t (a, b) WITH ('a' = 'b') AS SELECT * FROM u", NULL},
    {"CREATE OR REPLACE TABLE t AS SELECT 1 AS a", NULL},
    {"REPLACE TABLE t AS SELECT 1 AS a", NULL},
    {"CREATE TABLE t", NULL},
    {"CREATE OR ALTER MATERIALIZED TABLE m (PRIMARY KEY (a) NOT ENFORCED) COMMENT 'm' PARTITIONED "
     "BY (a) WITH ('f' = 'json') FRESHNESS = INTERVAL '30' SECOND REFRESH_MODE = CONTINUOUS AS "
     "SELECT a FROM t",
     NULL},
    {"CREATE MATERIALIZED TABLE m REFRESH_MODE = FULL AS SELECT a FROM t", NULL},
    {"CREATE VIEW v AS SELECT 1", NULL},
    {"CREATE OR REPLACE TEMPORARY VIEW IF NOT EXISTS c.v (a, b) COMMENT 'v' AS SELECT 1, 2 UNION "
     "ALL SELECT 3, 4",
     NULL},
    {"CREATE FUNCTION f AS 'lib'", NULL},
    {"CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'com.F' LANGUAGE JAVA USING JAR 'a.jar', "
     "JAR 'b.jar' WITH ('k' = 'v')",
     NULL},
    {"CREATE FUNCTION a.f AS 'lib' LANGUAGE SQL", NULL},
    {"CREATE CATALOG IF NOT EXISTS c COMMENT 'c' WITH ('type' = 'jdbc')", NULL},
    {"CREATE DATABASE IF NOT EXISTS c.d COMMENT 'd' WITH ('a' = 'b')", NULL},
    {"CREATE TEMPORARY MODEL IF NOT EXISTS m INPUT (a STRING) OUTPUT (b DOUBLE, c ARRAY<FLOAT>) "
     "COMMENT 'm' WITH ('provider' = 'openai')",
     NULL},
    {"CREATE MODEL m WITH ('a' = 'b') AS SELECT * FROM t", NULL},
    {"CREATE TEMPORARY SYSTEM CONNECTION k COMMENT 'k' WITH ('a' = 'b')", NULL},
    {"DROP TABLE t", NULL},
    {"DROP TEMPORARY TABLE IF EXISTS c.d.t", NULL},
    {"DROP VIEW v", NULL},
    {"DROP MATERIALIZED TABLE IF EXISTS m", NULL},
    {"DROP TEMPORARY SYSTEM FUNCTION IF EXISTS f", NULL},
    {"DROP CATALOG IF EXISTS c", NULL},
    {"DROP DATABASE d CASCADE", NULL},
    {"DROP DATABASE IF EXISTS c.d RESTRICT", NULL},
    {"DROP MODEL m", NULL},
    {"DROP CONNECTION k", NULL},
    {"ALTER TABLE IF EXISTS t RENAME TO u", NULL},
    {"ALTER TABLE t RENAME a.b TO a.c", NULL},
    {"ALTER TABLE t SET ('a' = 'b', 'c' = 'd')", NULL},
    {"ALTER TABLE t RESET ('a', 'c')", NULL},
    {"ALTER TABLE t ADD a INT NOT NULL COMMENT 'a' FIRST", NULL},
    {"ALTER TABLE t ADD (a INT AFTER b, c AS d + 1, PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts "
     "AS ts)",
     "ALTER TABLE t ADD (a INT AFTER b, c AS d + 1, WATERMARK FOR ts AS ts, PRIMARY KEY (a) NOT "
     "ENFORCED)"},
    {"ALTER TABLE t MODIFY a BIGINT METADATA FROM 'x' VIRTUAL AFTER r.b", NULL},
    {"ALTER TABLE t MODIFY (WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)", NULL},
    {"ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a) NOT ENFORCED", NULL},
    {"ALTER TABLE t ADD DISTRIBUTION BY HASH (a) INTO 6 BUCKETS", NULL},
    {"ALTER TABLE t MODIFY DISTRIBUTION INTO 7 BUCKETS", NULL},
    {"ALTER TABLE t DROP a", NULL},
    {"ALTER TABLE t DROP (a, r.b)", NULL},
    {"ALTER TABLE t DROP PRIMARY KEY", NULL},
    {"ALTER TABLE t DROP CONSTRAINT k", NULL},
    {"ALTER TABLE t DROP WATERMARK", NULL},
    {"ALTER TABLE t DROP DISTRIBUTION", NULL},
    {"ALTER TABLE t ADD IF NOT EXISTS PARTITION (p = 1, q = 'a') WITH ('k' = 'v') PARTITION (p = "
     "2)",
     NULL},
    {"ALTER TABLE t DROP IF EXISTS PARTITION (p = 1), PARTITION (p = DATE '2024-01-01')", NULL},
    {"ALTER VIEW v RENAME TO w", NULL},
    {"ALTER VIEW v AS SELECT 1", NULL},
    {"ALTER DATABASE d SET ('a' = 'b')", NULL},
    {"ALTER CATALOG c COMMENT 'x'", NULL},
    {"ALTER CATALOG c SET ('a' = 'b')", NULL},
    {"ALTER CATALOG c RESET ('a')", NULL},
    {"ALTER FUNCTION f AS 'lib' LANGUAGE SCALA", NULL},
    {"ALTER TEMPORARY SYSTEM FUNCTION IF EXISTS f AS 'lib'", NULL},
    {"ALTER MODEL IF EXISTS m SET ('a' = 'b')", NULL},
    {"ALTER MODEL m RENAME TO n", NULL},
    {"ALTER CONNECTION k RESET ('a')", NULL},
    {"ALTER MATERIALIZED TABLE m SUSPEND", NULL},
    {"ALTER MATERIALIZED TABLE m RESUME WITH ('a' = 'b')", NULL},
    {"ALTER MATERIALIZED TABLE m REFRESH PARTITION (ds = '2024')", NULL},
    {"ALTER MATERIALIZED TABLE m SET FRESHNESS = INTERVAL '1' MINUTE", NULL},
    {"ALTER MATERIALIZED TABLE m SET REFRESH_MODE = FULL", NULL},
    {"ALTER MATERIALIZED TABLE m AS SELECT 1", NULL},
    {"USE d", NULL},
    {"USE CATALOG c", NULL},
    {"USE MODULES core, hive", NULL},
    {"SHOW CATALOGS NOT ILIKE 'a%'", NULL},
    {"SHOW CURRENT CATALOG", NULL},
    {"SHOW DATABASES FROM c LIKE 'a%'", NULL},
    {"SHOW CURRENT DATABASE", NULL},
    {"SHOW TABLES IN c.d NOT LIKE 'a%'", NULL},
    {"SHOW MATERIALIZED TABLES", NULL},
    {"SHOW VIEWS LIKE 'v%'", NULL},
    {"SHOW COLUMNS FROM t LIKE 'a'", NULL},
    {"SHOW FUNCTIONS", NULL},
    {"SHOW USER FUNCTIONS FROM d", NULL},
    {"SHOW PROCEDURES", NULL},
    {"SHOW MODULES", NULL},
    {"SHOW FULL MODULES", NULL},
    {"SHOW MODELS", NULL},
    {"SHOW CONNECTIONS", NULL},
    {"SHOW PARTITIONS t PARTITION (p = 1)", NULL},
    {"SHOW JARS", NULL},
    {"SHOW JOBS", NULL},
    {"SHOW CREATE TABLE c.d.t", NULL},
    {"SHOW CREATE VIEW v", NULL},
    {"SHOW CREATE CATALOG c", NULL},
    {"DESCRIBE t", NULL},
    {"DESC EXTENDED c.d.t", "DESCRIBE EXTENDED c.d.t"},
    {"DESCRIBE CATALOG EXTENDED c", NULL},
    {"DESCRIBE DATABASE d", NULL},
    {"DESC FUNCTION f", "DESCRIBE FUNCTION f"},
    {"DESCRIBE MODEL m", NULL},
    {"DESCRIBE JOB 'id'", NULL},
    {"EXPLAIN SELECT 1", NULL},
    {"EXPLAIN PLAN FOR INSERT INTO t SELECT 1", NULL},
    {"EXPLAIN AST FOR SELECT 1", NULL},
    {"EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE SELECT 1", NULL},
    {"EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END", NULL},
    {"EXPLAIN EXECUTE SELECT 1", NULL},
    {"EXPLAIN CREATE TABLE t AS SELECT 1", NULL},
    {"SET", NULL},
    {"SET 'a' = 'b'", NULL},
    {"SET table.exec.state.ttl = 1 h", "SET 'table.exec.state.ttl' = '1 h'"},
    {"SET k = 'v;w'", "SET 'k' = 'v;w'"},
    {"SET k = 'it''s'", "SET 'k' = 'it''s'"},
    {"SET k = 'a' + 'b'", "SET 'k' = '''a'' + ''b'''"},
    {"RESET", NULL},
    {"RESET 'a'", NULL},
    {"RESET table.exec.state.ttl", "RESET 'table.exec.state.ttl'"},
    {"INSERT INTO t SELECT * FROM u", NULL},
    {"INSERT OVERWRITE c.d.t PARTITION (a = 1, b = 'x') (c, r.d) VALUES (1, DEFAULT)", NULL},
    {"INSERT INTO t /*+ OPTIONS('a' = 'b') */ (a) (SELECT 1)",
     "INSERT INTO t /*+ OPTIONS('a' = 'b') */ (a) SELECT 1"},
    {"INSERT INTO t SELECT a FROM u JOIN v ON TRUE ON CONFLICT DO NOTHING", NULL},
    {"INSERT INTO t VALUES (1) ON CONFLICT DO ERROR",
     "INSERT INTO t VALUES 1 ON CONFLICT DO ERROR"},
    {"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x ON CONFLICT DO DEDUPLICATE", NULL},
    {"UPSERT INTO t VALUES (1)", "UPSERT INTO t VALUES 1"},
    {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN c THEN d "
     "END FROM e; END",
     NULL},
    {"BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END", NULL},
    {"STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", NULL},
    {"EXECUTE INSERT INTO t SELECT 1", NULL},
    {"EXECUTE SELECT 1", NULL},
    {"EXECUTE PLAN '/p.json'", NULL},
    {"COMPILE PLAN '/p.json' IF NOT EXISTS FOR INSERT INTO t SELECT 1", NULL},
    {"COMPILE AND EXECUTE PLAN '/p.json' FOR STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
     NULL},
    {"UPDATE t AS x SET a = 1, b = b + 1 WHERE a = 2", NULL},
    {"DELETE FROM t x WHERE a = 1", "DELETE FROM t AS x WHERE a = 1"},
    {"TRUNCATE TABLE t", NULL},
    {"CALL c.d.p(1, name => 'x')", NULL},
    {"ANALYZE TABLE t PARTITION (a = 1, b) COMPUTE STATISTICS FOR COLUMNS x, y", NULL},
    {"ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS", NULL},
    {"ADD JAR '/a.jar'", NULL},
    {"REMOVE JAR '/a.jar'", NULL},
    {"LOAD MODULE hive WITH ('v' = '3')", NULL},
    {"UNLOAD MODULE hive", NULL},
    {"STOP JOB 'id' WITH SAVEPOINT WITH DRAIN", NULL},
    {"QUIT", NULL},
    {"exit", "QUIT"},
    {"CLEAR", NULL},
    {"HELP", NULL},
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
