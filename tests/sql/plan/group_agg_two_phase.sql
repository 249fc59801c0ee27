SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '1 s';
SET 'table.exec.mini-batch.size' = '100';
CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
SELECT auction, COUNT(*), MAX(price) FROM bid GROUP BY auction;
-- DISTINCT isn't split
SELECT auction, COUNT(DISTINCT bidder) FROM bid GROUP BY auction;
SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';
SELECT auction, COUNT(*) FROM bid GROUP BY auction;
