-- table up source=upsert unbounded
-- table cdc source=retract unbounded
-- table o_up sink=upsert
-- table o_ins sink=insert
-- table o_all sink=all
CREATE TABLE up (id BIGINT, v BIGINT, w STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE cdc (id BIGINT, v BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE ins (id BIGINT, v BIGINT) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE o_up (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'print');
CREATE TABLE o_ins (k BIGINT, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE o_all (k BIGINT, n BIGINT) WITH ('connector' = 'print');
-- upserts are normalised; the sink needs no -U
INSERT INTO o_up SELECT id, v FROM up;
INSERT INTO o_all SELECT id, v FROM up;
-- a CDC source whose -U nobody needs drops it
INSERT INTO o_up SELECT id, v FROM cdc;
INSERT INTO o_all SELECT id, v FROM cdc;
-- by key: the aggregate sends no -U
INSERT INTO o_up SELECT id, COUNT(*) FROM ins GROUP BY id;
-- a filter beyond the key needs -U, which becomes -D at the sink
INSERT INTO o_up SELECT id, n FROM (SELECT id, COUNT(*) AS n FROM ins GROUP BY id) WHERE n < 10;
-- a filter on the key does not
INSERT INTO o_up SELECT id, n FROM (SELECT id, COUNT(*) AS n FROM ins GROUP BY id) WHERE id < 10;
-- the sink's key is not the upsert key
INSERT INTO o_up SELECT n, id FROM (SELECT id, COUNT(*) AS n FROM ins GROUP BY id);
INSERT INTO o_up SELECT n, id FROM (SELECT id, COUNT(*) AS n FROM ins GROUP BY id) ON CONFLICT DO DEDUPLICATE;
INSERT INTO o_up SELECT n, id FROM (SELECT id, COUNT(*) AS n FROM ins GROUP BY id) ON CONFLICT DO ERROR;
INSERT INTO o_all SELECT id, v FROM ins ON CONFLICT DO NOTHING;
-- inserts only
INSERT INTO o_ins SELECT id, COUNT(*) FROM ins GROUP BY id;
INSERT INTO o_ins SELECT id, v FROM up WHERE v > 3;
INSERT INTO o_ins SELECT id, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY v) AS rn FROM ins) WHERE rn <= 2;
INSERT INTO o_ins SELECT i.id, u.v FROM ins i LEFT JOIN ins u ON i.id = u.id;
INSERT INTO o_ins SELECT id, v FROM ins;
-- both sides by key: no -U between
INSERT INTO o_up SELECT a.id, a.v + b.v FROM up a JOIN cdc b ON a.id = b.id;
-- one consumer needs -U, the other drops it
EXECUTE STATEMENT SET BEGIN INSERT INTO o_up SELECT id, COUNT(*) FROM ins GROUP BY id; INSERT INTO o_all SELECT id, COUNT(*) FROM ins GROUP BY id; END;
SET 'table.exec.sink.upsert-materialize' = 'NONE';
INSERT INTO o_up SELECT n, id FROM (SELECT id, COUNT(*) AS n FROM ins GROUP BY id);
SET 'table.exec.source.cdc-events-duplicate' = 'true';
SELECT v, COUNT(*) FROM cdc GROUP BY v;
SET 'execution.runtime-mode' = 'BATCH';
SELECT * FROM ins;
SELECT * FROM cdc;
