-- override GroupAggregate parallelism=2
CREATE TABLE t (a BIGINT, b BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
SELECT COUNT(*) FROM t;
