CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
SELECT auction, SUM(price) OVER (PARTITION BY auction ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM bid;
SELECT auction, COUNT(*) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW) FROM bid;
SELECT auction, LAG(price, 2) OVER (PARTITION BY auction ORDER BY ts), ROW_NUMBER() OVER (PARTITION BY auction ORDER BY ts) FROM bid;
-- not by time: updating
SELECT auction, SUM(price) OVER (PARTITION BY auction ORDER BY price) FROM bid;
SELECT SUM(price) OVER (ORDER BY ts DESC) FROM bid;
SELECT SUM(price) OVER (PARTITION BY auction) FROM bid;
SELECT SUM(price) OVER (ORDER BY ts), SUM(price) OVER (PARTITION BY auction ORDER BY ts) FROM bid;
