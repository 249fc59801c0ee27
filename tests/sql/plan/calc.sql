CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');
-- pruned to three columns, one calc
INSERT INTO o SELECT auction, price * 2 FROM bid WHERE price > 10 + 5;
-- nested projections and filters merge
INSERT INTO o SELECT a, b + 1 FROM (SELECT auction AS a, price * 2 AS b FROM bid WHERE bidder = 7) WHERE b > 3;
-- never true
INSERT INTO o SELECT auction, price FROM bid WHERE 1 = 2;
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(x, y) WHERE x > 1;
