-- Functions of libnumbers.so, which `make` puts beside this file.
CREATE FUNCTION edit_distance AS 'libnumbers.so' LANGUAGE RUST;
CREATE FUNCTION divisors AS 'libnumbers.so';
CREATE FUNCTION geo_mean AS 'libnumbers.so';

CREATE TEMPORARY VIEW pairs AS SELECT * FROM (VALUES
    ('kitten', 'sitting', 12), ('flaw', 'lawn', 7), ('', 'abc', 1), (CAST(NULL AS STRING), 'x', 6)
) AS t(a, b, n);

SELECT a, b, edit_distance(a, b) AS distance FROM pairs;

SELECT n, d FROM pairs, LATERAL TABLE(divisors(n)) AS t(d);

SELECT geo_mean(n) AS mean FROM pairs;
