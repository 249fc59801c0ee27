-- rels
CREATE TABLE ev (event_type INT, person ROW<id BIGINT, name STRING, extra STRING>, bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, url STRING, `dateTime` TIMESTAMP(3), extra STRING>, ts AS CASE WHEN event_type = 0 THEN TIMESTAMP '2024-01-01 00:00:00' ELSE bid.`dateTime` END, WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'json');
CREATE TABLE pos (a INT, r ROW<x INT, y INT>) WITH ('connector' = 'filesystem', 'path' = '/x', 'format' = 'csv');
CREATE TEMPORARY VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.url, ts FROM ev WHERE event_type = 2;
CREATE TEMPORARY VIEW person AS SELECT person.id, person.name FROM ev WHERE event_type = 0;
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;
-- both views read one source
SELECT b.auction, p.name FROM bid b JOIN person p ON b.bidder = p.id;
-- the whole row is needed
SELECT bid, bid.price FROM ev;
SELECT bid.price FROM ev WHERE person IS NOT NULL;
-- fields by position stay
SELECT r.y FROM pos;
