CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
SELECT * FROM (SELECT auction, bidder, price, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) WHERE rn <= 3;
-- without the rank
SELECT auction, price FROM (SELECT auction, price, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) WHERE rn BETWEEN 2 AND 3 AND price > 1;
-- deduplication
SELECT auction, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY ts ASC) AS rn FROM bid) WHERE rn = 1;
SELECT auction, price, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY ts DESC) AS rn FROM bid) WHERE rn <= 1;
-- per window
SELECT window_start, auction, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, channel ORDER BY price DESC) AS rn FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE rn <= 2;
SELECT window_start, auction FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, auction ORDER BY ts DESC) AS rn FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE rn = 1;
SELECT auction, price FROM bid ORDER BY price DESC LIMIT 5;
SELECT auction FROM bid LIMIT 5;
SELECT auction, ts FROM bid ORDER BY ts, price;
SELECT * FROM (SELECT auction, RANK() OVER (PARTITION BY auction ORDER BY price) AS rn FROM bid) WHERE rn <= 3;
SELECT auction FROM bid ORDER BY price;
