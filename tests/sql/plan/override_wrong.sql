-- override GroupAggregate chain=1
CREATE TABLE t (a BIGINT, b BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT a, COUNT(*) FROM t GROUP BY a;
