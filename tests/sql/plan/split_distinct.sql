-- rels
SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '1 s';
SET 'table.exec.mini-batch.size' = '100';
CREATE TABLE t (a BIGINT, b BIGINT, c STRING) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
SELECT a, COUNT(DISTINCT b), SUM(b), COUNT(*) FROM t GROUP BY a;
SELECT COUNT(DISTINCT c) FILTER (WHERE b > 3) FROM t;
-- not of two columns, not with AVG
SELECT a, COUNT(DISTINCT b), COUNT(DISTINCT c) FROM t GROUP BY a;
SELECT a, COUNT(DISTINCT b), AVG(b) FROM t GROUP BY a;
