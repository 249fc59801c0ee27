-- q13: bids with what a file says of their auction.
CREATE TABLE side (key BIGINT, `value` STRING) WITH ('connector' = 'filesystem', 'path' = '${SIDE}', 'format' = 'csv');

SELECT b.auction, b.bidder, b.price, b.`dateTime`, s.`value`
FROM (SELECT *, PROCTIME() AS seen FROM bid) AS b
JOIN side FOR SYSTEM_TIME AS OF b.seen AS s ON MOD(b.auction, 10000) = s.key
