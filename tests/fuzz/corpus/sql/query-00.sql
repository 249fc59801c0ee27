SELECT 1;
SELECT DISTINCT a, b AS x, c y, t.*, * FROM t;
SELECT ALL a FROM c.d.t AS u (x, y);
SELECT a FROM t WHERE a > 1 GROUP BY a HAVING COUNT(*) > 1 WINDOW w AS (ORDER BY a), v AS (w) QUALIFY ROW_NUMBER() OVER w = 1;
SELECT a FROM t GROUP BY a, (b, c), (), ROLLUP (a, (b, c)), CUBE (d), GROUPING SETS ((a), (a, b), ());
SELECT a FROM t GROUP BY DISTINCT a;
