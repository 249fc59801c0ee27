/* iso_time_test.c - strict dates and times, and base64. */
#include "tests/unit/cmocka_wrap.h"

#include "connector/format/base64.h"
#include "connector/format/iso_time.h"

#include <stdio.h>

static void dates(void **state) {
    static const struct {
        const char *text;
        bool strict, ok;
        int32_t days;
    } cases[] = {
        {"1970-01-01", true, true, 0},
        {"2024-02-29", true, true, 19782},
        {"2023-02-29", true, false, 0},
        {"2023-02-29", false, true, 19416},
        {"2023-02-32", false, false, 0},
        {"2023-13-01", false, false, 0},
        {"2023-00-01", false, false, 0},
        {"1900-02-29", true, false, 0},
        {"2000-02-29", true, true, 11016},
        {"0001-01-01", true, true, -719162},
        {"-0001-01-01", true, true, -719893},
        {"+12024-01-01", true, true, 3672148},
        {"12024-01-01", true, false, 0},
        {"2024-1-01", true, false, 0},
        {"2024-01-01 ", true, false, 0},
        {"2024-01", true, false, 0},
        {"", true, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int32_t days = 0;
        bool ok = iso_date(cases[i].text, strlen(cases[i].text), cases[i].strict, &days);
        if (ok != cases[i].ok || (ok && days != cases[i].days))
            fail_msg("'%s': %d, %d", cases[i].text, ok, days);
        char back[ISO_DATE_MAX_BYTES + 1];
        if (!ok || !cases[i].strict) continue;
        back[iso_fmt_date(back, days)] = 0;
        assert_string_equal(back, cases[i].text);
    }
}

static void times(void **state) {
    static const struct {
        const char *text;
        bool seconds_optional, ok;
        int64_t ns;
        const char *back;
    } cases[] = {
        {"00:00:00", false, true, 0, "00:00:00"},
        {"23:59:59.999999999", false, true, 86399999999999, "23:59:59.999999999"},
        {"10:11:12.5", false, true, 36672500000000, "10:11:12.5"},
        {"10:11:12.", false, true, 36672000000000, "10:11:12"},
        {"10:11", true, true, 36660000000000, "10:11:00"},
        {"10:11", false, false, 0, NULL},
        {"24:00:00", false, false, 0, NULL},
        {"10:60:00", false, false, 0, NULL},
        {"10:11:12.1234567890", false, false, 0, NULL},
        {"1:11:12", false, false, 0, NULL},
        {"10:11:1x", false, false, 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ns = 0;
        bool ok = iso_time(cases[i].text, strlen(cases[i].text), cases[i].seconds_optional, &ns);
        if (ok != cases[i].ok || (ok && ns != cases[i].ns)) fail_msg("'%s'", cases[i].text);
        char back[ISO_TIME_MAX_BYTES + 1];
        if (!ok) continue;
        back[iso_fmt_time(back, ns)] = 0;
        assert_string_equal(back, cases[i].back);
    }
}

static void timestamps(void **state) {
    int64_t ms;
    int32_t ns;
    assert_true(iso_timestamp("1969-12-31 23:59:59.999999999", 29, ' ', false, false, &ms, &ns));
    assert_int_equal(ms, -1);
    assert_int_equal(ns, 999999);
    char back[ISO_TIMESTAMP_MAX_BYTES + 1];
    back[iso_fmt_timestamp(back, ms, ns, 'T')] = 0;
    assert_string_equal(back, "1969-12-31T23:59:59.999999999");
    assert_true(iso_timestamp("2024-01-01T10:00Z", 17, 'T', true, true, &ms, &ns));
    assert_int_equal(ms, 1704103200000);
    assert_false(iso_timestamp("2024-01-01T10:00Z", 17, 'T', true, false, &ms, &ns));
    assert_false(iso_timestamp("2024-01-01T10:00", 16, 'T', true, true, &ms, &ns));
    assert_false(iso_timestamp("2024-01-01 10:00:00", 19, 'T', true, false, &ms, &ns));
    assert_false(iso_timestamp("2024-01-01", 10, ' ', true, false, &ms, &ns));
}

static void base64(void **state) {
    static const char *const cases[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xff\xfe\xfd\xfc", "//79/A=="}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STR out = STR_INIT;
        base64_encode(cases[i][0], strlen(cases[i][0]), &out);
        assert_string_equal(str_text(&out), cases[i][1]);
        uint8_t back[16];
        long n = base64_decode(cases[i][1], strlen(cases[i][1]), back);
        assert_int_equal(n, strlen(cases[i][0]));
        assert_memory_equal(back, cases[i][0], (size_t)n);
    }
    uint8_t buf[16];
    assert_int_equal(base64_decode("Zg", 2, buf), 1);
    assert_int_equal(base64_decode("Z", 1, buf), -1);
    assert_int_equal(base64_decode("Zg=", 3, buf), -1);
    assert_int_equal(base64_decode("Z*==", 4, buf), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(times),
        cmocka_unit_test(timestamps),
        cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
