-- override Calc chain=0 parallelism=4
CREATE TABLE t (a BIGINT, b BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');
-- cut in front of the calc; proportional, so rescaled
INSERT INTO o SELECT a, b + 1 FROM t WHERE b > 3;
