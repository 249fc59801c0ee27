CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
CREATE TABLE auction (id BIGINT, seller BIGINT, category STRING, ts TIMESTAMP(3), expires TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/auction', 'format' = 'json');
CREATE TABLE plain (k STRING, v INT, arr ARRAY<INT>, m MAP<STRING, INT>, ts TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'path' = '/d/plain', 'format' = 'json');
SELECT b.auction, a.category FROM bid b JOIN auction a ON b.auction = a.id AND a.category = 'toy' AND b.price > 3;
SELECT b.auction, a.category FROM bid b LEFT JOIN auction a ON b.auction = a.id;
-- the filter makes it an inner join
SELECT b.auction, a.category FROM bid b LEFT JOIN auction a ON b.auction = a.id WHERE a.category = 'toy';
SELECT b.auction FROM bid b WHERE EXISTS (SELECT 1 FROM auction a WHERE a.id = b.auction);
SELECT b.auction FROM bid b WHERE NOT EXISTS (SELECT 1 FROM auction a WHERE a.id = b.auction);
-- keys of different types
SELECT b.auction FROM bid b JOIN plain p ON b.auction = p.v;
-- no equal keys: one subtask
SELECT b.auction FROM bid b JOIN plain p ON b.auction < p.v;
SELECT p.k FROM plain p FULL JOIN plain q ON UPPER(p.k) = q.k;
-- of aggregates: their keys are the join's
SELECT x.auction, x.n, y.m FROM (SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction) x JOIN (SELECT auction, MAX(price) AS m FROM bid GROUP BY auction) y ON x.auction = y.auction;
