SELECT a[1][2]['k'],
  ARRAY[1, 2][1],
  ARRAY[],
  MAP['a', 1, 'b', 2],
  ARRAY(SELECT 1),
  MULTISET[1, 2],
  ROW(1, 'a'),
  (1, 2),
  COUNT(*),
  COUNT(DISTINCT a, b),
  SUM(ALL a) FILTER (WHERE a > 1),
  my.cat.f(a)
FROM t;
