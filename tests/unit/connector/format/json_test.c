/* json_test.c - reading and writing of the json format. The answers follow Apache Flink's. */
#include "tests/unit/connector/harness.h"

#include <string.h>

/* Decodes at several batch sizes, which must not matter. */
static void expect_decode(const char *row_type, const char *const *options, const char *text,
                          const char *want) {
    static const uint32_t sizes[] = {1, 2, 4096};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct harness h;
        harness_init(&h, row_type, options);
        assert_string_equal(harness_decode(&h, "json", text, strlen(text), sizes[i]), want);
        harness_release(&h);
    }
}

static void coercions(void **state) {
    expect_decode("ROW<a INT, b STRING, c BOOLEAN, d DOUBLE>", NULL,
                  "{\"a\":\"5\",\"b\":5,\"c\":\"true\",\"d\":\"1.5\"}\n"
                  "{\"a\":7.9,\"b\":true,\"c\":\"no\",\"d\":2}\n"
                  "{\"b\":{\"x\":[1,2.50, \"q\\n\"]},\"c\":false}\n",
                  "+I(5, 5, TRUE, 1.5)\n"
                  "+I(7, true, FALSE, 2.0)\n"
                  "+I(NULL, {\"x\":[1,2.5,\"q\\n\"]}, FALSE, NULL)\n");
}

static void numbers(void **state) {
    expect_decode("ROW<a BIGINT, b DECIMAL(5, 1), c FLOAT, d DOUBLE>",
                  OPTIONS("json.ignore-parse-errors", "true"),
                  "{\"a\":9007199254740993,\"b\":1.25,\"c\":0.1,\"d\":0.1}\n"
                  "{\"a\":1.9,\"b\":\"3.14\",\"c\":1e40,\"d\":1e400}\n"
                  "{\"a\":true,\"b\":null}\n"
                  "{\"a\":1e3,\"b\":123456.7}\n",
                  "+I(9007199254740993, 1.3, 0.1, 0.1)\n"
                  "+I(1, 3.1, Infinity, Infinity)\n"
                  "+I(NULL, NULL, NULL, NULL)\n"
                  "+I(1000, NULL, NULL, NULL)\n");
    expect_decode("ROW<a DECIMAL(38, 18)>", NULL,
                  "{\"a\":12345678901234567890.123456789012345678}\n",
                  "+I(12345678901234567890.123456789012345678)\n");
    expect_decode("ROW<a TINYINT>", NULL, "{\"a\":-128}\n{\"a\":128}\n",
                  "+I(-128)\nerror: field 'a': '128' is not a TINYINT\n");
}

static void strings(void **state) {
    expect_decode("ROW<a STRING>", NULL,
                  "{\"a\":\"\"}\n"
                  "{\"a\":\"twelve bytes\"}\n"
                  "{\"a\":\"more than twelve bytes \xc3\xa9\"}\n"
                  "{\"a\":\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t|\\ud83d|\"}\n"
                  "{\"\\u0061\":\"key with escape\"}\n"
                  "{\"a\" : \"raw\ttab\" , \"z\":1}\n",
                  "+I()\n"
                  "+I(twelve bytes)\n"
                  "+I(more than twelve bytes \xc3\xa9)\n"
                  "+I(\xc3\xa9\xf0\x9f\x98\x80\"\\/\b\f\n\r\t|?|)\n"
                  "+I(key with escape)\n"
                  "+I(raw\ttab)\n");
}

static void times(void **state) {
    expect_decode("ROW<d DATE, t TIME(3), s TIMESTAMP(3), l TIMESTAMP_LTZ(9)>", NULL,
                  "{\"d\":\"2024-02-29\",\"t\":\"10:11:12.5\",\"s\":\"2024-02-29 10:11:12.3456\","
                  "\"l\":\"1969-12-31 23:59:59.999999999Z\"}\n",
                  "+I(2024-02-29, 10:11:12.5, 2024-02-29 10:11:12.345, "
                  "1969-12-31 23:59:59.999999999)\n");
    expect_decode("ROW<s TIMESTAMP(3), l TIMESTAMP_LTZ(3)>",
                  OPTIONS("json.timestamp-format.standard", "ISO-8601"),
                  "{\"s\":\"2024-02-29T10:11\",\"l\":\"2024-02-29T10:11:12.5Z\"}\n"
                  "{\"s\":\"2024-02-29 10:11:12\"}\n",
                  "+I(2024-02-29 10:11:00.000, 2024-02-29 10:11:12.500)\n"
                  "error: field 's': '2024-02-29 10:11:12' is not a TIMESTAMP "
                  "(yyyy-MM-ddTHH:mm:ss[.f])\n");
    expect_decode("ROW<d DATE>", NULL, "{\"d\":\"2023-02-29\"}\n",
                  "error: field 'd': '2023-02-29' is not a DATE (yyyy-MM-dd)\n");
    expect_decode("ROW<s TIMESTAMP(3)>", OPTIONS("json.zero-timestamp.behavior", "CONVERT_TO_NULL"),
                  "{\"s\":\"0000-00-00 00:00:00\"}\n", "+I(NULL)\n");
}

static void nested(void **state) {
    expect_decode("ROW<r ROW<x INT, y ARRAY<STRING>>, m MAP<STRING, INT>, b BYTES>", NULL,
                  "{\"r\":{\"x\":1,\"y\":[\"a\",null,\"b\"]},\"m\":{\"k\":1,\"l\":2,\"k\":3},"
                  "\"b\":\"AQI=\"}\n"
                  "{\"r\":{\"y\":[]},\"m\":{},\"b\":null}\n"
                  "{\"r\":null,\"m\":null}\n",
                  "+I((1, [a, NULL, b]), {l=2, k=3}, x'0102')\n"
                  "+I((NULL, []), {}, NULL)\n"
                  "+I(NULL, NULL, NULL)\n");
    expect_decode(
        "ROW<a ARRAY<ROW<x INT>>>", OPTIONS("json.ignore-parse-errors", "true"),
        "{\"a\":[{\"x\":1},{\"x\":\"bad\"},7,{\"x\":2}]}\n{\"a\":[1],\"a\":[{\"x\":5}]}\n",
        "+I([(1), (NULL), NULL, (2)])\n+I([(5)])\n");
}

static void bad_records(void **state) {
    expect_decode("ROW<a INT>", NULL, "{\"a\":1}\n{bad\n{\"a\":3}\n",
                  "+I(1)\nerror: 'b' where a field name in quotes should stand\n");
}

/* The places of bad records depend on when rows are printed: compare at one batch size. */
static void expect_decode_once(const char *row_type, const char *const *options, const char *text,
                               size_t len, const char *want) {
    struct harness h;
    harness_init(&h, row_type, options);
    assert_string_equal(harness_decode(&h, "json", text, len, 4096), want);
    harness_release(&h);
}

static void skipped_records(void **state) {
    const char *const *ignore = OPTIONS("json.ignore-parse-errors", "true");
    const char text[] = "{\"a\":1}\n{bad\n{\"a\":\"x\",\"b\":2}\n\n  \n{\"a\":3}\n[1]\n{\"a\":4";
    expect_decode_once(
        "ROW<a INT, b INT>", ignore, text, strlen(text),
        "bad line 2 offset 8: 'b' where a field name in quotes should stand: {bad\n"
        "bad line 7 offset 41: '[' where an object should stand: [1]\n"
        "bad line 8 offset 45: the record ends where ',' or '}' should follow: {\"a\":4\n"
        "+I(1, NULL)\n+I(NULL, 2)\n+I(3, NULL)\n");
    /* An open string must not swallow the lines behind it. */
    const char open[] = "{\"a\":1}\n{\"a\":\"2}\n{\"a\":3}\n{\"a\":4}\n\xff\xfe\n{\"a\":5}\n";
    expect_decode_once("ROW<a INT>", ignore, open, strlen(open),
                       "bad line 2 offset 8: a string has no closing quote: {\"a\":\"2}\n"
                       "bad line 5 offset 33: the text is not valid UTF-8: \xff\xfe\n"
                       "+I(1)\n+I(3)\n+I(4)\n+I(5)\n");
    /* An object over two lines is two malformed records. */
    const char split[] = "{\"a\":\n{\"a\":3}\n";
    expect_decode_once(
        "ROW<a INT>", ignore, split, strlen(split),
        "bad line 1 offset 0: field 'a': the record ends where a value should follow: {\"a\":\n"
        "+I(3)\n");
}

static void dead_letter_keeps_strict(void **state) {
    struct harness h;
    harness_init(&h, "ROW<a INT>", NULL);
    h.table.dead_letter = h.table.schema;
    const char text[] = "{\"a\":\"x\"}\n{\"a\":2}\n";
    assert_string_equal(
        harness_decode(&h, "json", text, strlen(text), 4096),
        "bad line 1 offset 0: field 'a': 'x' is not an INT: {\"a\":\"x\"}\n+I(2)\n");
    harness_release(&h);
}

static void missing(void **state) {
    expect_decode("ROW<a INT, b INT>", OPTIONS("json.fail-on-missing-field", "true"),
                  "{\"a\":1,\"b\":null}\n{\"a\":1}\n",
                  "+I(1, NULL)\nerror: field 'b' is missing ('fail-on-missing-field' is set)\n");
}

/* Fields in changing order, unknown fields, long keys: the guess from the record before must not
 * matter. */
static void shapes(void **state) {
    expect_decode(
        "ROW<a INT, bb INT, a_very_long_field_name_beyond_the_cache INT>", NULL,
        "{\"a\":1,\"bb\":2,\"a_very_long_field_name_beyond_the_cache\":3}\n"
        "{\"bb\":2,\"a\":1,\"x\":{\"a\":9},\"a_very_long_field_name_beyond_the_cache\":3}\n"
        "{\"c\":7,\"bb\":2,\"a\":1}\n"
        "{\"a\":4,\"a\":5}\n",
        "+I(1, 2, 3)\n+I(1, 2, 3)\n+I(1, 2, NULL)\n+I(5, NULL, NULL)\n");
}

static void writing(void **state) {
    struct harness h;
    harness_init(&h,
                 "ROW<i INT, d DECIMAL(10, 2), f DOUBLE, s STRING, ts TIMESTAMP(3), "
                 "l TIMESTAMP_LTZ(3), t TIME, dt DATE, b BYTES, a ARRAY<INT>, m MAP<STRING, INT>, "
                 "r ROW<x INT, y STRING>, o BOOLEAN>",
                 NULL);
    struct batch *b = harness_batch(
        &h,
        "{\"i\":1,\"d\":100,\"f\":1e7,\"s\":\"q\\\"\\\\\\u0001\\n/\xc3\xa9\",\"ts\":\"2024-01-01 "
        "10:00:00.120\",\"l\":\"2024-01-01 10:00:00Z\",\"t\":\"10:11:12\",\"dt\":\"2024-02-29\","
        "\"b\":\"AQI=\",\"a\":[1,null],\"m\":{\"k\":1},\"r\":{\"x\":1},\"o\":true}\n"
        "{\"d\":\"0.0000001\",\"f\":\"NaN\"}\n",
        NULL);
    assert_string_equal(
        harness_encode(&h, "json", b),
        "{\"i\":1,\"d\":1E+2,\"f\":1.0E7,\"s\":\"q\\\"\\\\\\u0001\\n/\xc3\xa9\","
        "\"ts\":\"2024-01-01 10:00:00.12\",\"l\":\"2024-01-01 10:00:00Z\",\"t\":\"10:11:12\","
        "\"dt\":\"2024-02-29\",\"b\":\"AQI=\",\"a\":[1,null],\"m\":{\"k\":1},\"r\":{\"x\":1,"
        "\"y\":null},\"o\":true}\n"
        "{\"i\":null,\"d\":0,\"f\":\"NaN\",\"s\":null,\"ts\":null,\"l\":null,\"t\":null,"
        "\"dt\":null,\"b\":null,\"a\":null,\"m\":null,\"r\":null,\"o\":null}\n");
    batch_unref(b);
    harness_release(&h);

    harness_init(&h, "ROW<d DECIMAL(20, 10), ts TIMESTAMP(3), r ROW<x INT>>",
                 OPTIONS("json.encode.ignore-null-fields", "true",
                         "json.encode.decimal-as-plain-number", "true",
                         "json.timestamp-format.standard", "ISO-8601"));
    b = harness_batch(
        &h, "{\"d\":27800,\"ts\":\"2024-01-01 10:00:00\",\"r\":{}}\n{\"d\":0.00000001}", NULL);
    assert_string_equal(harness_encode(&h, "json", b),
                        "{\"d\":27800,\"ts\":\"2024-01-01T10:00:00\",\"r\":{}}\n"
                        "{\"d\":0.00000001}\n");
    batch_unref(b);
    harness_release(&h);
}

static void options(void **state) {
    struct harness h;
    struct err err = ERR_INIT;
    harness_init(&h, "ROW<a INT>", OPTIONS("json.ignore-parse-error", "true"));
    struct format_ctx ctx = harness_format_ctx(&h);
    assert_int_equal(format_find("json")->check(&ctx, &err), ERR_VALIDATION);
    assert_string_equal(err.msg, "table 't': unknown option 'json.ignore-parse-error' of format "
                                 "'json'; did you mean 'json.ignore-parse-errors'?");
    harness_release(&h);
    harness_init(&h, "ROW<m MAP<INT, INT>>", NULL);
    ctx = harness_format_ctx(&h);
    err_clear(&err);
    assert_int_equal(format_find("json")->check(&ctx, &err), ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "column 'm'"));
    harness_release(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coercions),       cmocka_unit_test(numbers),
        cmocka_unit_test(strings),         cmocka_unit_test(times),
        cmocka_unit_test(nested),          cmocka_unit_test(bad_records),
        cmocka_unit_test(skipped_records), cmocka_unit_test(dead_letter_keeps_strict),
        cmocka_unit_test(missing),         cmocka_unit_test(shapes),
        cmocka_unit_test(writing),         cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
