-- q7: the highest bids of each ten seconds.
SELECT b.auction, b.price, b.bidder, b.`dateTime`, b.extra
FROM bid AS b
JOIN (SELECT MAX(price) AS most, window_end AS until
      FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
      GROUP BY window_start, window_end) AS best
  ON b.price = best.most
WHERE b.`dateTime` BETWEEN best.until - INTERVAL '10' SECOND AND best.until
