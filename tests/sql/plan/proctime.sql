CREATE TABLE t (k BIGINT, v BIGINT, p AS PROCTIME()) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
SELECT k, window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(p), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY p) AS rn FROM t) WHERE rn = 1;
SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY p ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t;
SELECT a.k FROM t a JOIN t b ON a.k = b.v AND a.p BETWEEN b.p - INTERVAL '1' SECOND AND b.p;
SELECT * FROM t;
