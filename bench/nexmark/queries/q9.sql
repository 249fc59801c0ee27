-- q9: the winning bid of each auction, with the auction.
SELECT id, itemName, description, initialBid, reserve, `dateTime`, expires, seller, category, extra,
       auction, bidder, price, bidTime, bidExtra
FROM (SELECT a.*, b.auction, b.bidder, b.price, b.`dateTime` AS bidTime, b.extra AS bidExtra,
             ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime`) AS n
      FROM auction AS a JOIN bid AS b ON a.id = b.auction AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires)
WHERE n <= 1
