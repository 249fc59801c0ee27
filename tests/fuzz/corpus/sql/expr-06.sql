SELECT 'it''s',
  U&'\0041\+00263A',
  U&'!0041!!' UESCAPE '!',
  X'0aFF',
  N'abc',
  _UTF8'abc',
  NULL,
  UNKNOWN,
  `a``b`.c.`d e`,
  a.b.c,
  f(a).b.c[1].d,
  (a).b
FROM t;
