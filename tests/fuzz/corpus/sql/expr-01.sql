SELECT a || b + c,
  (a || b) || c,
  a % b / c,
  a <> b AND c <= d AND e >= f,
  a = b = c,
  a IS DISTINCT FROM b,
  a IS NOT DISTINCT FROM b AND c,
  a BETWEEN 1 AND 2 AND b,
  a NOT BETWEEN SYMMETRIC b + 1 AND (c AND d),
  a BETWEEN ASYMMETRIC b AND c OR d,
  a BETWEEN CASE WHEN b AND c THEN 1 END AND f(x AND y),
  x LIKE 'a!%' ESCAPE '!'
FROM t;
