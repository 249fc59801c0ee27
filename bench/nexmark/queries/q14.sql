-- q14: middling bids in euros, by time of day, with the letters c of their extra text counted by a function from a library.
CREATE FUNCTION count_char AS '${COUNT_CHAR}';

SELECT auction, bidder, 0.908 * price AS price,
       CASE WHEN HOUR(`dateTime`) BETWEEN 8 AND 18 THEN 'dayTime'
            WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime'
            ELSE 'otherTime' END AS bidTime,
       `dateTime`, extra, count_char(extra, 'c') AS c
FROM bid
WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000
