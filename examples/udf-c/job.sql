-- Functions of libtext.so, which lies beside this file.
CREATE FUNCTION reverse_words AS 'libtext.so' LANGUAGE C;
CREATE FUNCTION gcd AS 'libtext.so';
CREATE FUNCTION words AS 'libtext.so#split_words';
CREATE FUNCTION weighted_avg AS 'libtext.so';
CREATE FUNCTION longest AS 'libtext.so';

CREATE TEMPORARY VIEW lines AS SELECT * FROM (VALUES
    (1, 'to be or not to be'), (2, 'that is the question'), (3, CAST(NULL AS STRING)), (4, '')
) AS t(id, line);

SELECT id, reverse_words(line) AS reversed, gcd(id * 6, 15, 27) AS g FROM lines;

SELECT id, word, `position` FROM lines, LATERAL TABLE(words(line));

SELECT id, w.word FROM lines LEFT JOIN LATERAL TABLE(words(line)) AS w(word, p) ON TRUE WHERE id > 2;

SELECT word, COUNT(*) AS n, weighted_avg(CAST(`position` AS DOUBLE), CAST(id AS DOUBLE)) AS mean_position
FROM lines, LATERAL TABLE(words(line)) GROUP BY word;

SELECT longest(word) AS longest_word FROM lines, LATERAL TABLE(words(line));
