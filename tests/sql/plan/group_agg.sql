CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT auction, COUNT(*) FROM bid GROUP BY auction;
SELECT COUNT(*), SUM(price) FROM bid;
SELECT DISTINCT auction, bidder FROM bid;
SELECT channel, COUNT(DISTINCT bidder) FILTER (WHERE price > 3) FROM bid GROUP BY channel HAVING COUNT(*) > 2;
-- of an updating input
SELECT n, COUNT(*) FROM (SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction) GROUP BY n;
SELECT auction, bidder, COUNT(*), GROUPING_ID(auction, bidder) FROM bid GROUP BY ROLLUP (auction, bidder);
