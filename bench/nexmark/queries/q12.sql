-- q12: bids per bidder and ten seconds of the machine's clock.
CREATE TEMPORARY VIEW clocked AS SELECT *, PROCTIME() AS seen FROM bid;

SELECT bidder, COUNT(*) AS bids, window_start, window_end
FROM TABLE(TUMBLE(TABLE clocked, DESCRIPTOR(seen), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end
