/* text_test.c - values as text and back, by Java's and Flink's rules. */
#include "tests/unit/cmocka_wrap.h"

#include "vector/text.h"

#include <math.h>
#include <stdlib.h>

static void check_i64(const char *s, enum text_status want, int64_t v) {
    int64_t got = 42;
    assert_int_equal(text_parse_i64(s, strlen(s), INT64_MIN, INT64_MAX, &got), want);
    if (want == TEXT_OK)
        assert_int_equal(got, v);
    else
        assert_int_equal(got, 42); /* untouched on failure */
}

static void test_parse_i64(void **state) {
    check_i64("0", TEXT_OK, 0);
    check_i64("-9223372036854775808", TEXT_OK, INT64_MIN);
    check_i64("9223372036854775807", TEXT_OK, INT64_MAX);
    check_i64("9223372036854775808", TEXT_OVERFLOW, 0);
    check_i64("18446744073709551616", TEXT_OVERFLOW, 0);
    check_i64("99999999999999999999999", TEXT_OVERFLOW, 0);
    check_i64(" 17 ", TEXT_OK, 17);
    check_i64("+17.99", TEXT_OK, 17);
    check_i64("12.x", TEXT_BAD, 0);
    check_i64("1e3", TEXT_BAD, 0);
    check_i64("1_000", TEXT_BAD, 0);
    check_i64("", TEXT_EMPTY, 0);
    check_i64("-", TEXT_SIGN_ONLY, 0);
    int64_t v = 0;
    assert_int_equal(text_parse_i64("128", 3, -128, 127, &v), TEXT_OVERFLOW);
    assert_int_equal(text_parse_i64_strict("12.5", 4, &v), TEXT_BAD);
    assert_int_equal(text_parse_i64_strict("-9223372036854775808", 20, &v), TEXT_OK);
    assert_true(v == INT64_MIN);
}

static void check_f64(const char *s, enum text_status want, double v) {
    double got = 42;
    assert_int_equal(text_parse_f64(s, strlen(s), &got), want);
    if (want) return;
    assert_true(isnan(v) ? isnan(got) : got == v);
}

static void test_parse_f64(void **state) {
    check_f64("1e3", TEXT_OK, 1000);
    check_f64("1.", TEXT_OK, 1);
    check_f64(".5", TEXT_OK, .5);
    check_f64("-1.5E-7", TEXT_OK, -1.5e-7);
    check_f64("+2", TEXT_OK, 2);
    check_f64(" 2d", TEXT_OK, 2);
    check_f64("NaN", TEXT_OK, NAN);
    check_f64("-Infinity", TEXT_OK, -INFINITY);
    check_f64("1e400", TEXT_OK, INFINITY);
    check_f64("1e-400", TEXT_OK, 0);
    check_f64("0x1p3", TEXT_OK, 8);
    check_f64("0x1F", TEXT_BAD, 0);
    check_f64("inf", TEXT_BAD, 0);
    check_f64("nan", TEXT_BAD, 0);
    check_f64("yes", TEXT_BAD, 0);
    check_f64("1e", TEXT_BAD, 0);
    check_f64("", TEXT_EMPTY, 0);
    float f = 0;
    assert_int_equal(text_parse_f32("3.4e39", 6, &f), TEXT_OK);
    assert_true(isinf(f));
    assert_int_equal(text_parse_f32("0.1", 3, &f), TEXT_OK);
    assert_true(f == 0.1f);
}

static void check_decimal(const char *s, int p, int sc, const char *want) {
    i128 v = 0;
    char buf[TEXT_DECIMAL_MAX_BYTES + 1];
    enum text_status st = text_parse_decimal(s, strlen(s), p, sc, &v);
    if (!want) {
        assert_int_not_equal(st, TEXT_OK);
        return;
    }
    assert_int_equal(st, TEXT_OK);
    buf[text_fmt_decimal(buf, v, sc)] = 0;
    assert_string_equal(buf, want);
}

static void test_decimal(void **state) {
    check_decimal("42", 8, 2, "42.00");
    check_decimal(" -2.345 ", 10, 2, "-2.35");
    check_decimal("2.344999", 10, 2, "2.34");
    check_decimal("12.5", 3, 0, "13");
    check_decimal("1e3", 8, 2, "1000.00");
    check_decimal(".5", 2, 1, "0.5");
    check_decimal("1234.5", 4, 1, NULL);
    check_decimal("99.995", 4, 2, NULL);
    check_decimal("99999999999999999999999999999999999999", 38, 0,
                  "99999999999999999999999999999999999999");
    check_decimal("0.123456789012345678901234567890123456785", 38, 38,
                  "0.12345678901234567890123456789012345679");
    check_decimal("1e-60", 10, 2, "0.00");
    check_decimal("0e99999999", 10, 2, "0.00");
    check_decimal("1e99999999999", 10, 2, NULL);
    check_decimal("1.2.3", 10, 2, NULL);
    check_decimal("2021-03", 10, 2, NULL);
    check_decimal("", 10, 2, NULL);
}

static void check_fmt_f64(double v, const char *want) {
    char buf[TEXT_F64_MAX_BYTES + 1];
    buf[text_fmt_f64(buf, v)] = 0;
    assert_string_equal(buf, want);
}

static void test_fmt_f64(void **state) {
    check_fmt_f64(1, "1.0");
    check_fmt_f64(-0.0, "-0.0");
    check_fmt_f64(0.001, "0.001");
    check_fmt_f64(0.0001, "1.0E-4");
    check_fmt_f64(9999999, "9999999.0");
    check_fmt_f64(1e7, "1.0E7");
    check_fmt_f64(1234567.891, "1234567.891");
    check_fmt_f64(0.1 + 0.2, "0.30000000000000004");
    check_fmt_f64(9007199254740993.0, "9.007199254740992E15");
    check_fmt_f64(1.7976931348623157e308, "1.7976931348623157E308");
    check_fmt_f64(4.9e-324, "4.9E-324");
    check_fmt_f64(INFINITY, "Infinity");
    check_fmt_f64(NAN, "NaN");
    char buf[TEXT_F64_MAX_BYTES + 1];
    buf[text_fmt_f32(buf, 16777217.0f)] = 0;
    assert_string_equal(buf, "1.6777216E7");
    buf[text_fmt_f32(buf, -1.5E30f)] = 0;
    assert_string_equal(buf, "-1.5E30");
    buf[text_fmt_f32(buf, 1.4e-45f)] = 0;
    assert_string_equal(buf, "1.4E-45");
}

/* Every double survives the way to text and back. */
static void test_f64_round_trip(void **state) {
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double v, back = 0;
        memcpy(&v, &x, 8);
        if (!isfinite(v)) continue;
        char buf[TEXT_F64_MAX_BYTES];
        size_t n = text_fmt_f64(buf, v);
        assert_in_range(n, 3, TEXT_F64_MAX_BYTES);
        assert_int_equal(text_parse_f64(buf, n, &back), TEXT_OK);
        assert_memory_equal(&v, &back, 8);
    }
}

static void check_date(const char *s, const char *want) {
    int32_t d = 0;
    char buf[TEXT_DATE_MAX_BYTES + 1];
    enum text_status st = text_parse_date(s, strlen(s), &d);
    assert_int_equal(st == TEXT_OK, want != NULL);
    if (!want) return;
    buf[text_fmt_date(buf, d)] = 0;
    assert_string_equal(buf, want);
}

static void test_date(void **state) {
    check_date("2024-02-29", "2024-02-29");
    check_date("2024-2-9", "2024-02-09");
    check_date("2021-05", "2021-05-01");
    check_date("2021", "2021-01-01");
    check_date("0001-01-01", "0001-01-01");
    check_date("9999-12-31 23:59:59", "9999-12-31");
    check_date("2023-02-29", NULL);
    check_date("2021-03-04T05:06:07", NULL);
    check_date("2021-13-01", NULL);
    check_date("yes", NULL);
    check_date("", NULL);
}

static void check_time(const char *s, int precision, const char *want) {
    int32_t ms = 0;
    char buf[TEXT_TIME_MAX_BYTES + 1];
    enum text_status st = text_parse_time(s, strlen(s), precision, &ms);
    assert_int_equal(st == TEXT_OK, want != NULL);
    if (!want) return;
    buf[text_fmt_time(buf, ms, precision)] = 0;
    assert_string_equal(buf, want);
}

static void test_time(void **state) {
    check_time("7:8:9", 0, "07:08:09");
    check_time("07", 0, "07:00:00");
    check_time("12:34", 0, "12:34:00");
    check_time("07:08:09.123456", 3, "07:08:09.123");
    check_time("10:11:12.5", 3, "10:11:12.5");
    check_time("10:11:12", 3, "10:11:12.0");
    check_time("10:11:12.99", 0, "10:11:12");
    check_time("25:00:00", 0, NULL);
    check_time("10:60:00", 0, NULL);
    check_time("x", 0, NULL);
    check_time("", 0, NULL);
}

static void check_timestamp(const char *s, int precision, const char *want) {
    int64_t ms = 0;
    int32_t ns = 0;
    char buf[TEXT_TIMESTAMP_MAX_BYTES + 1];
    enum text_status st = text_parse_timestamp(s, strlen(s), &ms, &ns, NULL);
    assert_int_equal(st == TEXT_OK, want != NULL);
    if (!want) return;
    text_cut_timestamp(precision, &ms, &ns);
    buf[text_fmt_timestamp(buf, ms, ns, precision, ' ')] = 0;
    assert_string_equal(buf, want);
}

static void test_timestamp(void **state) {
    check_timestamp("2021-03-04 05:06:07.891", 3, "2021-03-04 05:06:07.891");
    check_timestamp("2021-03-04 05:06:07.123456789", 9, "2021-03-04 05:06:07.123456789");
    check_timestamp("2021-03-04 05:06:07.123456789", 6, "2021-03-04 05:06:07.123456");
    check_timestamp("2021-2-3", 0, "2021-02-03 00:00:00");
    check_timestamp("2021-02-30", 3, "2021-02-28 00:00:00.000");
    check_timestamp("2021-2-3 4:5:6", 0, "2021-02-03 04:05:06");
    check_timestamp("1969-12-31 23:59:59.9999", 3, "1969-12-31 23:59:59.999");
    check_timestamp("2021-03-04T05:06:07", 3, NULL);
    check_timestamp("2021-03-04 05:06:07+02:00", 3, NULL);
    check_timestamp("2021-03-04 05:06", 3, NULL);
    check_timestamp("2021-03-04 24:00:00", 3, NULL);
    check_timestamp("2021-13-04", 3, NULL);
    check_timestamp("12.99", 3, NULL);
    size_t at = 0;
    int64_t ms;
    int32_t ns, offset;
    assert_int_equal(text_parse_timestamp("2021-03-04T05", 13, &ms, &ns, &at), TEXT_BAD);
    assert_int_equal(at, 10);
    assert_int_equal(text_parse_timestamp_iso("1970-01-01T01:00:00+01:00", 25, &ms, &ns, &offset),
                     TEXT_OK);
    assert_int_equal(ms, 3600000);
    assert_int_equal(offset, 3600000);
    assert_int_equal(text_parse_timestamp_iso("1970-01-01T00:00:01Z", 20, &ms, &ns, &offset),
                     TEXT_OK);
    assert_int_equal(ms, 1000);
    assert_int_equal(offset, 0);
    assert_int_equal(text_parse_timestamp_iso("1970-01-01 00:00:01", 19, &ms, &ns, &offset),
                     TEXT_OK);
    assert_int_equal(offset, INT32_MIN);
}

static void test_interval(void **state) {
    char buf[TEXT_INTERVAL_MAX_BYTES + 1];
    buf[text_fmt_interval_ym(buf, 27)] = 0;
    assert_string_equal(buf, "+2-03");
    buf[text_fmt_interval_ym(buf, -3)] = 0;
    assert_string_equal(buf, "-0-03");
    buf[text_fmt_interval_dt(buf, 93784567)] = 0;
    assert_string_equal(buf, "+1 02:03:04.567");
    buf[text_fmt_interval_dt(buf, INT64_MIN)] = 0;
    assert_string_equal(buf, "-106751991167 07:12:55.808");
}

static void test_utf8(void **state) {
    const char *s = "a\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80z"; /* a é 日 😀 z */
    size_t n = strlen(s);
    assert_int_equal(text_utf8_count(s, n), 5);
    assert_int_equal(text_utf8_offset(s, n, 0), 0);
    assert_int_equal(text_utf8_offset(s, n, 2), 3);
    assert_int_equal(text_utf8_offset(s, n, 4), 10);
    assert_int_equal(text_utf8_offset(s, n, 9), n);
    uint32_t len;
    assert_int_equal(text_utf8_decode(s + 6, 4, &len), 0x1F600);
    assert_int_equal(len, 4);
    assert_int_equal(text_utf8_decode("\xF0\x9F", 2, &len), 0xFFFD);
    assert_int_equal(len, 1);
    assert_true(text_utf8_valid(s, n));
    assert_false(text_utf8_valid("\xC0\x80", 2));
    assert_false(text_utf8_valid("\xED\xA0\x80", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_i64),      cmocka_unit_test(test_parse_f64),
        cmocka_unit_test(test_decimal),        cmocka_unit_test(test_fmt_f64),
        cmocka_unit_test(test_f64_round_trip), cmocka_unit_test(test_date),
        cmocka_unit_test(test_time),           cmocka_unit_test(test_timestamp),
        cmocka_unit_test(test_interval),       cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
