SELECT (a - b) DAY TO SECOND,
  DATE '2024-01-01',
  TIMESTAMP '2024-01-01 00:00:00',
  TIME '10:11:12',
  {d '2024-01-01'},
  {ts '2024-01-01 00:00:00'},
  {fn LEFT('abc', 2)},
  DECIMAL '-1.50',
  DECIMAL '2.11E-2',
  1e3,
  .5,
  1.
FROM t;
