SELECT 1 + 2 * 3,
  (1 + 2) * 3,
  a - (b - c),
  a - b - c,
  -a[1] + +b,
  - -1,
  NOT a AND b OR c,
  NOT (a OR b),
  a OR b AND c,
  a = b IS NULL,
  (a = b) IS NOT TRUE,
  NOT a IS NULL
FROM t;
