-- q4: mean closing price per category.
SELECT category, AVG(final) AS average
FROM (SELECT MAX(b.price) AS final, a.category
      FROM auction AS a JOIN bid AS b ON a.id = b.auction AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires
      GROUP BY a.id, a.category) AS closed
GROUP BY category
