-- table rates source=upsert unbounded
-- table dim lookup
-- table plain unbounded
CREATE TABLE sales (id BIGINT, cur STRING, amt BIGINT, p AS PROCTIME(), ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE rates (cur STRING, rate BIGINT, note STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (cur) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE plain (cur STRING, rate BIGINT, ts TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE latest (cur STRING, rate BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE dim (k STRING, a BIGINT, b STRING, c AS a + 1, d STRING) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TEMPORARY VIEW versions AS SELECT cur, rate, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY cur ORDER BY ts DESC) AS rn FROM latest) WHERE rn = 1;
SELECT s.id, r.rate FROM sales s JOIN rates FOR SYSTEM_TIME AS OF s.ts AS r ON s.cur = r.cur;
SELECT s.id, r.rate FROM sales s LEFT JOIN versions FOR SYSTEM_TIME AS OF s.ts AS r ON s.cur = r.cur AND r.rate > 3;
SELECT s.id, d.b, d.c FROM sales s JOIN dim FOR SYSTEM_TIME AS OF s.p AS d ON s.cur = d.k AND d.d = 'x' AND s.amt < d.a;
SELECT s.id, d.b FROM sales s LEFT JOIN dim FOR SYSTEM_TIME AS OF s.p AS d ON UPPER(s.cur) = d.k;
SELECT s.id FROM sales s JOIN plain FOR SYSTEM_TIME AS OF s.ts AS r ON s.cur = r.cur;
SELECT s.id FROM sales s JOIN rates FOR SYSTEM_TIME AS OF s.ts AS r ON s.amt = r.rate;
SELECT s.id FROM sales s JOIN rates FOR SYSTEM_TIME AS OF s.ts AS r ON s.cur < r.cur;
SELECT s.id FROM sales s JOIN plain FOR SYSTEM_TIME AS OF s.p AS r ON s.cur = r.cur;
