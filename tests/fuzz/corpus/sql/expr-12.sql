SELECT a SUBMULTISET OF b,
  a MULTISET UNION DISTINCT b,
  (a, b) OVERLAPS (c, d),
  a IS A SET,
  a IS NOT EMPTY,
  ? + ?,
  TUMBLE_START(ts, INTERVAL '1' HOUR),
  IF(a, b, c),
  (SELECT MAX(a) FROM t) + 1,
  HOUR(ts) + MINUTE(ts) + YEAR(ts),
  LEFT(a, 1) || RIGHT(a, 2)
FROM t;
