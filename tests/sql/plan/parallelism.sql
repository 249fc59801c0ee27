-- parallelism 4
CREATE TABLE s (a BIGINT, b BIGINT) WITH ('connector' = 'filesystem', 'path' = '/d/s', 'format' = 'json', 'scan.parallelism' = '2');
CREATE TABLE t (a BIGINT, b BIGINT) WITH ('connector' = 'print', 'sink.parallelism' = '4');
CREATE TABLE u (a BIGINT, b BIGINT) WITH ('connector' = 'print', 'sink.parallelism' = '3');
-- rescale: the parallelisms are proportional
INSERT INTO t SELECT a, b FROM s;
INSERT INTO u SELECT a, b FROM s;
-- changes keep their order: by key
INSERT INTO u SELECT a, COUNT(*) FROM s GROUP BY a;
INSERT INTO u SELECT COUNT(*), SUM(b) FROM s;
SET 'pipeline.operator-chaining.enabled' = 'false';
INSERT INTO t SELECT a, b + 1 FROM s;
