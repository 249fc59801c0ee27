SELECT x NOT LIKE y || '%',
  x ILIKE 'a%' AND y NOT RLIKE 'b' AND z SIMILAR TO 'c' ESCAPE 'd',
  x IN (1, 2, 3) = TRUE,
  x NOT IN (SELECT a FROM t),
  x IN ((SELECT a FROM t)),
  (a, b) IN ((1, 2), (3, 4)),
  a = ANY (SELECT b FROM t),
  a > SOME (1, 2),
  a <= ALL (VALUES 1, 2),
  EXISTS (SELECT 1 FROM t) AND NOT EXISTS (SELECT 2),
  CASE a WHEN 1 THEN 'x' WHEN 2, 3 THEN 'y' ELSE 'z' END,
  CASE WHEN a THEN b END
FROM t;
