CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '/d/bid', 'format' = 'json');
CREATE TABLE s1 (a TIMESTAMP(3), b BIGINT, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE s2 (a TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE TEMPORARY VIEW w AS SELECT window_start AS ws, auction, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, auction;
-- one source, one window for both
EXECUTE STATEMENT SET BEGIN INSERT INTO s1 SELECT * FROM w; INSERT INTO s2 SELECT ws, n FROM w WHERE auction = 7; END;
-- a self join reads its table once
SELECT x.auction, y.price FROM bid x JOIN bid y ON x.auction = y.bidder;
SET 'table.optimizer.reuse-sub-plan-enabled' = 'false';
SELECT x.auction, y.price FROM bid x JOIN bid y ON x.auction = y.bidder;
