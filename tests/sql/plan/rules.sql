-- rels
CREATE TABLE t (a BIGINT, b BIGINT, c STRING, xs ARRAY<INT>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE u (a BIGINT, d STRING) WITH ('connector' = 'filesystem', 'path' = '/y', 'format' = 'json');
-- through a union
SELECT a FROM (SELECT a FROM t UNION ALL SELECT a FROM u) WHERE a > 1;
-- below an aggregate by its key, not by its result
SELECT * FROM (SELECT a, COUNT(*) AS n FROM u GROUP BY a) WHERE a > 1 AND n > 2;
-- below OVER by its partition only
SELECT a, s FROM (SELECT a, b, SUM(b) OVER (PARTITION BY a ORDER BY ts) AS s FROM t) WHERE a > 1 AND b > 2;
-- below UNNEST
SELECT a, x FROM t CROSS JOIN UNNEST(xs) AS q(x) WHERE a > 1 AND x > 2;
-- not past the watermark
SELECT a FROM t WHERE b > 2;
-- not past a limit
SELECT * FROM (SELECT a FROM u LIMIT 3) WHERE a > 1;
-- not past a session window
SELECT a, window_start FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE a > 1;
-- an outer join whose padding is refused
SELECT t.a FROM t FULL JOIN u ON t.a = u.a WHERE t.b = 3;
SELECT t.a FROM t FULL JOIN u ON t.a = u.a WHERE t.b = 3 AND u.d = 'x';
SELECT t.a FROM t LEFT JOIN u ON t.a = u.a WHERE u.d IS NULL;
-- conditions to the sides; what may fail stays
SELECT t.a FROM t JOIN u ON t.a = u.a AND t.b > 3 AND u.d LIKE 'x%' AND 10 / t.b > 1;
-- a random column is computed once
SELECT r, r + 1 FROM (SELECT RAND() AS r FROM u);
SELECT r FROM (SELECT RAND() AS r FROM u) WHERE r > 0.5;
-- empty inputs
SELECT t.a FROM t JOIN (SELECT a FROM u WHERE FALSE) v ON t.a = v.a;
SELECT a FROM u UNION ALL SELECT a FROM t WHERE 1 > 2;
SELECT COUNT(*) FROM u WHERE FALSE;
-- only rows are counted: one column is read
SELECT COUNT(*) FROM u;
SELECT COUNT(*) FROM (SELECT a FROM t UNION ALL SELECT a FROM u);
-- an aggregate nobody reads
SELECT a FROM (SELECT a, SUM(a) AS s, COUNT(*) AS n FROM u GROUP BY a) WHERE n > 1;
