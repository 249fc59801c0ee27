-- q17: bids per auction and day, with prices.
SELECT auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS `day`, COUNT(*) AS total_bids,
       COUNT(*) FILTER (WHERE price < 10000) AS low_bids,
       COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS middle_bids,
       COUNT(*) FILTER (WHERE price >= 1000000) AS high_bids,
       MIN(price) AS least, MAX(price) AS most, AVG(price) AS mean, SUM(price) AS total
FROM bid
GROUP BY auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd')
