CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
CREATE TABLE auction (id BIGINT, seller BIGINT, category STRING, ts TIMESTAMP(3), expires TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/auction', 'format' = 'json');
-- interval
SELECT b.auction, a.category FROM bid b JOIN auction a ON b.auction = a.id AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND;
SELECT b.auction, a.category FROM bid b LEFT JOIN auction a ON b.auction = a.id AND a.ts > b.ts - INTERVAL '1' MINUTE AND a.ts <= b.ts AND b.price > 3;
SELECT b.auction FROM bid b JOIN auction a ON b.auction = a.id AND b.ts = a.ts;
-- one bound only: a regular join
SELECT b.auction FROM bid b JOIN auction a ON b.auction = a.id AND b.ts > a.ts;
-- windows
SELECT l.auction, r.category, l.window_start FROM (SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l JOIN (SELECT * FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r ON l.auction = r.id AND l.window_start = r.window_start AND l.window_end = r.window_end;
SELECT l.auction FROM (SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l WHERE l.auction NOT IN (SELECT r.id FROM (SELECT * FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r WHERE l.window_start = r.window_start AND l.window_end = r.window_end);
-- windows of different sizes: a regular join
SELECT l.auction FROM (SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l JOIN (SELECT * FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(ts), INTERVAL '20' SECOND))) r ON l.auction = r.id AND l.window_start = r.window_start AND l.window_end = r.window_end;
-- rows that can't be the best of their window are left out
SELECT b.auction, b.price FROM bid b JOIN (SELECT MAX(price) AS most, window_end AS until FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) best ON b.price = best.most WHERE b.ts BETWEEN best.until - INTERVAL '10' SECOND AND best.until;
-- not where time reaches over the window, where there is more than the best, or an outer join
SELECT b.auction FROM bid b JOIN (SELECT MAX(price) AS most, window_end AS until FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) best ON b.price = best.most WHERE b.ts BETWEEN best.until - INTERVAL '11' SECOND AND best.until;
SELECT b.auction, n FROM bid b JOIN (SELECT MAX(price) AS most, COUNT(*) AS n, window_end AS until FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) best ON b.price = best.most WHERE b.ts BETWEEN best.until - INTERVAL '10' SECOND AND best.until;
