/* string_test.c - functions of strings. */
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/vector/func/func_kit.h"

static void test_case(void **state) {
    check_value("UPPER('abc')", "CHAR(3) NOT NULL", "ABC");
    check_value("UPPER('a string of some length é')", "CHAR(25) NOT NULL",
                "A STRING OF SOME LENGTH É");
    check_value("LOWER('ΟΔΟΣ ΟΣΟ')", "CHAR(8) NOT NULL", "οδος οσο");
    check_value("UPPER(<STRING>'straße')", "STRING NOT NULL", "STRASSE");
    check_value("UPPER(<STRING>NULL)", "STRING", "NULL");
    check_value("INITCAP('hello wORLD foo-bar x1y')", "CHAR(23) NOT NULL",
                "Hello World Foo-Bar X1y");
    check_value("REVERSE('a日b')", "STRING", "b日a");
    check_value("CHAR_LENGTH('日本語')", "INT NOT NULL", "3");
    check_value("CHARACTER_LENGTH('')", "INT NOT NULL", "0");
    check_value("ASCII('é')", "INT NOT NULL", "-61");
    check_value("CHR(353)", "STRING", "a");
    check_value("CHR(-1)", "STRING", "");
    check_value("REPEAT('ab', 3)", "STRING NOT NULL", "ababab");
    check_value("REPEAT('ab', -1)", "STRING NOT NULL", "");
    check_fails("UPPER(5)", ERR_VALIDATION, "Cannot apply 'UPPER'");
    check_fails("REPEAT('abcdefghij', 2000000000)", ERR_RUNTIME, "2 GiB");
}

static void test_slices(void **state) {
    check_value("SUBSTRING('hello', 2)", "VARCHAR(5)", "ello");
    check_value("SUBSTRING('hello', 0, 2)", "VARCHAR(5)", "he");
    check_value("SUBSTRING('hello', -3, 2)", "VARCHAR(5)", "ll");
    check_value("SUBSTRING('hello', -10, 7)", "VARCHAR(5)", "");
    check_value("SUBSTRING('hello', 2, -1)", "VARCHAR(5)", "NULL");
    check_value("SUBSTR('日本語です', 2, 2)", "VARCHAR(5)", "本語");
    check_value("LEFT('a rather long string', 8)", "VARCHAR(20)", "a rather");
    check_value("RIGHT('a rather long string', 20)", "VARCHAR(20)", "a rather long string");
    check_value("RIGHT('日本語', 1)", "VARCHAR(3)", "語");
    check_value("TRIM('  ab  ')", "VARCHAR(6) NOT NULL", "ab");
    check_value("TRIM(:LEADING, 'x', 'xxaxbxx')", "VARCHAR(7) NOT NULL", "axbxx");
    check_value("TRIM(:TRAILING, 'x', 'xxaxbxx')", "VARCHAR(7) NOT NULL", "xxaxb");
    check_value("TRIM(:BOTH, 'xy', 'xyaxyxy')", "VARCHAR(7) NOT NULL", "a");
    check_value("TRIM(:BOTH, '', ' a ')", "VARCHAR(3) NOT NULL", " a ");
    check_value("RTRIM('日本本', '本')", "VARCHAR(3) NOT NULL", "日");
    check_value("LPAD('hi', 5, '*+')", "STRING NOT NULL", "*+*hi");
    check_value("RPAD('hi', 1, '*')", "STRING NOT NULL", "h");
    check_value("RPAD('日', 4, 'é-')", "STRING NOT NULL", "日é-é");
    check_value("LPAD('hi', 5, '')", "STRING NOT NULL", "NULL");
    check_value("OVERLAY('abcdef', 'XY', 3, 1)", "VARCHAR(8) NOT NULL", "abXYdef");
    check_value("OVERLAY('abcdef', 'XY', 3, 0)", "VARCHAR(8) NOT NULL", "abXY");
    check_value("OVERLAY('abcdef', 'XYZ', 7)", "VARCHAR(9) NOT NULL", "abcdef");
    check_value("OVERLAY('abcdef', 'XYZ', 2)", "VARCHAR(9) NOT NULL", "aXYZef");
}

static void test_search(void **state) {
    check_value("POSITION('本', '日本語')", "INT NOT NULL", "2");
    check_value("POSITION('', 'hello')", "INT NOT NULL", "1");
    check_value("LOCATE('l', 'hello', 4)", "INT NOT NULL", "4");
    check_value("INSTR('hello', 'l', 1, 2)", "INT NOT NULL", "4");
    check_value("INSTR('hello', 'l', -1)", "INT NOT NULL", "4");
    check_value("INSTR('hello', 'l', -2, 2)", "INT NOT NULL", "3");
    check_value("INSTR('hello', 'l', -3)", "INT NOT NULL", "3");
    check_value("INSTR('hello', 'z', -1)", "INT NOT NULL", "0");
    check_fails("INSTR('hello', 'l', 1, 0)", ERR_RUNTIME, "positive");
    check_value("STARTSWITH('hello', 'he')", "BOOLEAN NOT NULL", "TRUE");
    check_value("ENDSWITH('hello', 'hello!')", "BOOLEAN NOT NULL", "FALSE");
    check_value("REPLACE('hello', '', 'x')", "STRING NOT NULL", "xhxexlxlxox");
    check_value("REPLACE('aaa', 'aa', 'b')", "STRING NOT NULL", "ba");
    check_value("TRANSLATE('hello', 'lo', '1')", "STRING NOT NULL", "he11");
    check_value("SPLIT_INDEX('a--b--c', '--', 1)", "STRING", "b");
    check_value("SPLIT_INDEX('a,b', 44, 1)", "STRING", "b");
    check_value("SPLIT_INDEX('a,b', ',', 2)", "STRING", "NULL");
    check_value("SPLIT_INDEX('', ',', 0)", "STRING", "NULL");
    check_value("SPLIT('a,b,,c,', ',')", "ARRAY<STRING> NOT NULL", "[a, b, , c, ]");
    check_value("SPLIT('日本', '')", "ARRAY<STRING> NOT NULL", "[日, 本]");
}

static void test_concat(void **state) {
    check_value("||('a', 'b')", "CHAR(2) NOT NULL", "ab");
    check_value("||('a', <VARCHAR(3)>'b')", "VARCHAR(4) NOT NULL", "ab");
    check_value("||('a', <STRING>NULL)", "STRING", "NULL");
    check_value("CONCAT('a', 'bcdefghijk', 'lmnop')", "STRING NOT NULL", "abcdefghijklmnop");
    check_value("CONCAT_WS('-', 'a', 'b', <STRING>'c')", "STRING NOT NULL", "a-b-c");
    check_value("ELT(2, 'a', 'bc')", "VARCHAR(2)", "bc");
    check_value("ELT(3, 'a', 'b')", "CHAR(1)", "NULL");
    check_fails("CONCAT('a', 1)", ERR_VALIDATION, "CONCAT");
}

static void test_codes(void **state) {
    check_value("ENCODE('é', 'UTF-16BE')", "BYTES NOT NULL", "x'00e9'");
    check_value("ENCODE('é', 'UTF-16')", "BYTES NOT NULL", "x'feff00e9'");
    check_value("ENCODE('😀a', 'UTF-16LE')", "BYTES NOT NULL", "x'3dd800de6100'");
    check_value("ENCODE('é', 'US-ASCII')", "BYTES NOT NULL", "x'3f'");
    check_value("DECODE(ENCODE('😀é', 'UTF-16'), 'UTF-16')", "STRING NOT NULL", "😀é");
    check_value("DECODE(ENCODE('é', 'ISO-8859-15'), 'ISO-8859-15')", "STRING NOT NULL", "é");
    check_fails("ENCODE('x', 'nope')", ERR_RUNTIME, "nope");
    check_value("TO_BASE64('hello')", "STRING NOT NULL", "aGVsbG8=");
    check_value("TO_BASE64('')", "STRING NOT NULL", "");
    check_value("FROM_BASE64('aGVsbG8gd29ybGQ=')", "STRING NOT NULL", "hello world");
    check_value("FROM_BASE64('aGVsbG8')", "STRING NOT NULL", "hello");
    check_fails("FROM_BASE64('a?==')", ERR_RUNTIME, "Illegal base64 character 3f");
    check_value("HEX(-1)", "STRING NOT NULL", "FFFFFFFFFFFFFFFF");
    check_value("HEX('hello,world')", "STRING NOT NULL", "68656C6C6F2C776F726C64");
    check_value("UNHEX('464C494E4B')", "BYTES", "x'464c494e4b'");
    check_value("UNHEX('f4C')", "BYTES", "x'0f4c'");
    check_value("UNHEX('zz')", "BYTES", "NULL");
    check_value("URL_ENCODE('a b&c=é/')", "STRING", "a+b%26c%3D%C3%A9%2F");
    check_value("URL_DECODE('a+b%26c%3D%C3%A9%2F')", "STRING", "a b&c=é/");
    check_value("URL_DECODE('%zz')", "STRING", "NULL");
    check_value("URL_DECODE('%4')", "STRING", "NULL");
}

static void test_hash(void **state) {
    check_value("MD5('')", "CHAR(32) NOT NULL", "d41d8cd98f00b204e9800998ecf8427e");
    check_value("SHA1('abc')", "CHAR(40) NOT NULL", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_value("SHA2('abc', 256)", "VARCHAR(128) NOT NULL",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_fails("SHA2('abc', 128)", ERR_RUNTIME, "Unsupported algorithm");
    check_value("HASH_CODE('abc')", "INT NOT NULL", "96354");
    check_value("HASH_CODE('é日')", "INT NOT NULL", "33308");
}

static void test_url(void **state) {
#define U "'https://u:p@example.org:8080/a/b.html?x=1&y=two#frag'"
    check_value("PARSE_URL(" U ", 'HOST')", "STRING", "example.org");
    check_value("PARSE_URL(" U ", 'PATH')", "STRING", "/a/b.html");
    check_value("PARSE_URL(" U ", 'QUERY')", "STRING", "x=1&y=two");
    check_value("PARSE_URL(" U ", 'QUERY', 'y')", "STRING", "two");
    check_value("PARSE_URL(" U ", 'QUERY', 'z')", "STRING", "NULL");
    check_value("PARSE_URL(" U ", 'REF')", "STRING", "frag");
    check_value("PARSE_URL(" U ", 'PROTOCOL')", "STRING", "https");
    check_value("PARSE_URL(" U ", 'AUTHORITY')", "STRING", "u:p@example.org:8080");
    check_value("PARSE_URL(" U ", 'USERINFO')", "STRING", "u:p");
    check_value("PARSE_URL(" U ", 'FILE')", "STRING", "/a/b.html?x=1&y=two");
    check_value("PARSE_URL('http://h', 'PATH')", "STRING", "");
    check_value("PARSE_URL('http://h', 'QUERY')", "STRING", "NULL");
    check_value("PARSE_URL('not a url', 'HOST')", "STRING", "NULL");
    check_value("INET_ATON('127.0.0.1')", "BIGINT", "2130706433");
    check_value("INET_ATON('127.1')", "BIGINT", "2130706433");
    check_value("INET_ATON('256.0.0.1')", "BIGINT", "NULL");
    check_value("INET_NTOA(2130706433)", "STRING", "127.0.0.1");
    check_value("INET_NTOA(-1)", "STRING", "NULL");
}

static void test_is(void **state) {
    check_value("IS_ALPHA('abcé')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS_ALPHA('')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS_ALPHA(<STRING>NULL)", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS_DIGIT('12')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS_DIGIT('1.2')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS_DECIMAL('-1.2e3')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS_DECIMAL('x')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS_DECIMAL(12)", "BOOLEAN NOT NULL", "TRUE");
}

static void test_like(void **state) {
    check_value("LIKE('hello', 'h%')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('hello', '%ell%')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('hello', '%o')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('hello', 'H%')", "BOOLEAN NOT NULL", "FALSE");
    check_value("LIKE('hello', '')", "BOOLEAN NOT NULL", "FALSE");
    check_value("LIKE('', '%')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('日本語', '日_語')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('😀', '__')", "BOOLEAN NOT NULL", "FALSE");
    check_value("LIKE('abcabd', 'a%_b_')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('ab', 'ab%b')", "BOOLEAN NOT NULL", "FALSE");
    check_value("LIKE('aXbXc', 'a%b%c')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('a\\b', 'a\\b')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('50%', '50!%', '!')", "BOOLEAN NOT NULL", "TRUE");
    check_value("LIKE('50x', '50!%', '!')", "BOOLEAN NOT NULL", "FALSE");
    check_value("LIKE('a!b', 'a!!b', '!')", "BOOLEAN NOT NULL", "TRUE");
    check_fails("LIKE('a', 'a', 'xx')", ERR_RUNTIME, "Invalid escape character 'xx'");
    check_fails("LIKE('a', 'a!b', '!')", ERR_RUNTIME, "Invalid escape sequence");
    check_value("SIMILAR TO('hello', 'h(e|a)llo')", "BOOLEAN NOT NULL", "TRUE");
    check_value("SIMILAR TO('hello', 'ell')", "BOOLEAN NOT NULL", "FALSE");
    check_value("SIMILAR TO('abc', 'abc|xyz')", "BOOLEAN NOT NULL", "TRUE");
    check_value("SIMILAR TO('5', '[[:DIGIT:]]')", "BOOLEAN NOT NULL", "TRUE");
    check_value("SIMILAR TO('a%', 'a!%', '!')", "BOOLEAN NOT NULL", "TRUE");
    check_value("SIMILAR TO('axc', 'a.c')", "BOOLEAN NOT NULL", "FALSE");
    check_fails("SIMILAR TO('a', '[a')", ERR_RUNTIME, "Invalid regular expression");
}

static void test_regex(void **state) {
    check_value("REGEXP('hello', '^h.*o$')", "BOOLEAN NOT NULL", "TRUE");
    check_value("REGEXP('hello', '')", "BOOLEAN NOT NULL", "FALSE");
    check_value("REGEXP('hello', '[')", "BOOLEAN NOT NULL", "FALSE");
    check_value("REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "STRING", "bar");
    check_value("REGEXP_EXTRACT('foothebar', '(x)?the', 1)", "STRING", "NULL");
    check_value("REGEXP_EXTRACT('abc', '[')", "STRING", "NULL");
    check_value("REGEXP_EXTRACT('abc', 'b', 3)", "STRING", "NULL");
    check_value("REGEXP_REPLACE('foobar', 'o+', '$0')", "STRING NOT NULL", "f$0bar");
    check_value("REGEXP_REPLACE('abc', '', '-')", "STRING NOT NULL", "-a-b-c-");
    check_value("REGEXP_REPLACE('日本', '', '-')", "STRING NOT NULL", "-日-本-");
    check_value("REGEXP_COUNT('banana', 'ana')", "INT", "1");
    check_value("REGEXP_INSTR('日本語', '本')", "INT", "2");
    check_value("REGEXP_SUBSTR('hello world', 'w.*')", "STRING", "world");
    check_value("REGEXP_EXTRACT_ALL('100-200, 300-400', '(\\d+)-(\\d+)', 2)", "ARRAY<STRING>",
                "[200, 400]");
    check_fails("REGEXP_EXTRACT_ALL('a', 'a')", ERR_RUNTIME, "out of range [0, 0]");
    /* What differs between Java and PCRE2. */
    check_value("REGEXP('e', '^[a-z&&[^aeiou]]$')", "BOOLEAN NOT NULL", "FALSE");
    check_value("REGEXP('f', '^[a-z&&[^aeiou]]$')", "BOOLEAN NOT NULL", "TRUE");
    check_value("REGEXP('x', '^[a-c[x-z]]$')", "BOOLEAN NOT NULL", "TRUE");
    check_value("REGEXP('m', '^[^a-c[x-z]]$')", "BOOLEAN NOT NULL", "TRUE");
    check_value("REGEXP('é', '^\\u00e9$')", "BOOLEAN NOT NULL", "TRUE");
    check_value("REGEXP('A1', '^\\p{Upper}\\p{Digit}$')", "BOOLEAN NOT NULL", "TRUE");
    check_value("REGEXP('a.b', 'a\\Q.\\Eb')", "BOOLEAN NOT NULL", "TRUE");
    check_value("STR_TO_MAP('a=1,b=2')", "MAP<STRING, STRING>", "{a=1, b=2}");
    check_value("STR_TO_MAP('a,b=2')", "MAP<STRING, STRING>", "{a=NULL, b=2}");
    check_value("STR_TO_MAP('k1=v1,k2=x,k1=v2')", "MAP<STRING, STRING>", "{k2=x, k1=v2}");
    check_value("STR_TO_MAP('a:1;b:2', ';', ':')", "MAP<STRING, STRING>", "{a=1, b=2}");
    check_value("STR_TO_MAP('')", "MAP<STRING, STRING>", "{}");
}

static void test_printf(void **state) {
    check_value("PRINTF('%d-%s', 5, 'x')", "STRING", "5-x");
    check_value("PRINTF('%.2f|%.2f|%.0f', 1.005e0, 1.005, 2.5e0)", "STRING", "1.01|1.01|3");
    check_value("PRINTF('%f %e %g', 0.001e0, 12345.678e0, 0.0001e0)", "STRING",
                "0.001000 1.234568e+04 0.000100000");
    check_value("PRINTF('%5d|%-5d|%05d|%+d|%,d', 42, 42, 42, 42, 1234567)", "STRING",
                "   42|42   |00042|+42|1,234,567");
    check_value("PRINTF('%x %X %o', 255, 255, 8)", "STRING", "ff FF 10");
    check_value("PRINTF('%2$s %1$s%%%n', 'a', 'b')", "STRING", "b a%\n");
    check_value("PRINTF('%.3s|%S|%b', 'abcdef', 'é', TRUE)", "STRING", "abc|É|true");
    check_value("PRINTF('%.1f', 9.99e0)", "STRING", "10.0");
    check_value("PRINTF('%.2f', 0.001e0)", "STRING", "0.00");
    check_value("PRINTF('%d', 1.5e0)", "STRING", "NULL");
    check_value("PRINTF('%d')", "STRING", "NULL");
    check_value("PRINTF('%q', 1)", "STRING", "NULL");
    check_value("PRINTF(!'%s', <INT>NULL)", "STRING", "null");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case),   cmocka_unit_test(test_slices), cmocka_unit_test(test_search),
        cmocka_unit_test(test_concat), cmocka_unit_test(test_codes),  cmocka_unit_test(test_hash),
        cmocka_unit_test(test_url),    cmocka_unit_test(test_is),     cmocka_unit_test(test_like),
        cmocka_unit_test(test_regex),  cmocka_unit_test(test_printf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
