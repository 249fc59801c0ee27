CREATE TABLE bad (`raw` BYTES, `position` STRING, error STRING) WITH ('connector' = 'print');
CREATE TABLE wrong (`raw` STRING) WITH ('connector' = 'print');
CREATE TABLE a (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json', 'penstock.dead-letter' = 'bad');
CREATE TABLE b (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json', 'penstock.dead-letter' = 'bad');
CREATE TABLE c (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json', 'penstock.dead-letter' = 'wrong');
CREATE TABLE d (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json', 'penstock.dead-letter' = 'nowhere');
SELECT id FROM a;
-- two sources, one sink
SELECT id FROM a UNION ALL SELECT id FROM b;
SELECT id FROM c;
SELECT id FROM d;
