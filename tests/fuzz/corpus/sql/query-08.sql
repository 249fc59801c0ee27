SELECT t.r.* FROM t;
SELECT first, last, data, type, name, year_, map, key, `value` FROM t;
SELECT a FROM t -- a comment
;
SELECT a /* another */ FROM t // and one more
;
