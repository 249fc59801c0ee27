-- q6: mean closing price of each seller's last auctions. Flink refuses it: its OVER takes no updating input.
SELECT seller, AVG(price) OVER (PARTITION BY seller ORDER BY `dateTime` ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS mean
FROM (SELECT id, seller, price, `dateTime`
      FROM (SELECT a.id, a.seller, b.price, b.`dateTime`,
                   ROW_NUMBER() OVER (PARTITION BY a.id, a.seller ORDER BY b.price DESC) AS n
            FROM auction AS a JOIN bid AS b ON a.id = b.auction AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires)
      WHERE n <= 1) AS closed
