-- q12: how many bids each bidder made in each ten seconds of processing time.
SELECT bidder, COUNT(*) AS bids, window_start, window_end
FROM TABLE(TUMBLE((SELECT bidder, PROCTIME() AS p_time FROM bid), DESCRIPTOR(p_time), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end
