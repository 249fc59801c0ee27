-- parallelism 2
-- override GroupAggregate parallelism=3 slots=heavy
CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT auction, COUNT(*) FROM bid GROUP BY auction;
-- no such vertex in this one
INSERT INTO o SELECT auction, price FROM bid;
