/* tz_test.c - offsets, gaps, overlaps and far-off years of time zones. */
#include "tests/unit/cmocka_wrap.h"

#include "vector/func/tz.h"

#define HOUR 3600000LL

static const struct tz *zone(const char *name) {
    const struct tz *z = NULL;
    struct err err = ERR_INIT;
    int rc = tz_get(name, &z, &err);
    if (rc) fail_msg("%s", err.msg);
    return z;
}

static int64_t local(int y, int m, int d, int h, int min) {
    return (int64_t)civil_to_days(y, m, d) * 24 * HOUR + h * HOUR + min * 60000;
}

static void test_civil(void **state) {
    assert_int_equal(civil_to_days(1970, 1, 1), 0);
    assert_int_equal(civil_to_days(2000, 3, 1), 11017);
    for (int32_t d = -800000; d < 3000000; d += 37) {
        int32_t y;
        int m, day;
        days_to_civil(d, &y, &m, &day);
        assert_int_equal(civil_to_days(y, m, day), d);
    }
}

static void test_fixed(void **state) {
    assert_int_equal(tz_offset_ms(zone("UTC"), 0), 0);
    assert_int_equal(tz_offset_ms(zone("GMT+08:00"), 0), 8 * HOUR);
    assert_int_equal(tz_offset_ms(zone("+08:00"), 0), 8 * HOUR);
    assert_int_equal(tz_offset_ms(zone("GMT-03:30"), 0), -(3 * HOUR + HOUR / 2));
    assert_int_equal(tz_offset_ms(zone("UTC+1"), 0), HOUR);
    assert_int_equal(tz_offset_ms(zone("Z"), 0), 0);
}

static void test_new_york(void **state) {
    const struct tz *z = zone("America/New_York");
    assert_int_equal(tz_offset_ms(z, 0), -5 * HOUR);
    assert_int_equal(tz_offset_ms(z, 1710054000000), -4 * HOUR); /* the first instant of DST 2024 */
    assert_int_equal(tz_offset_ms(z, 1710053999999), -5 * HOUR);
    /* Gap: 02:30 is 03:30. */
    int64_t utc = tz_local_to_utc(z, local(2024, 3, 10, 2, 30));
    assert_true(tz_utc_to_local(z, utc) == local(2024, 3, 10, 3, 30));
    assert_true(tz_local_to_utc_calendar(z, local(2024, 3, 10, 2, 30)) == utc);
    /* Overlap: 01:30 is the earlier one, for a Calendar the later. */
    assert_true(tz_local_to_utc(z, local(2024, 11, 3, 1, 30)) == local(2024, 11, 3, 5, 30));
    assert_true(tz_local_to_utc_calendar(z, local(2024, 11, 3, 1, 30)) ==
                local(2024, 11, 3, 6, 30));
    assert_true(tz_local_to_utc(z, local(2024, 11, 3, 0, 59)) == local(2024, 11, 3, 4, 59));
    assert_true(tz_local_to_utc(z, local(2024, 11, 3, 2, 0)) == local(2024, 11, 3, 7, 0));
}

static void test_far_years(void **state) {
    const struct tz *z = zone("America/New_York"), *syd = zone("Australia/Sydney");
    for (int y = 2040; y < 4000; y += 61) {
        assert_int_equal(tz_offset_ms(z, local(y, 1, 15, 12, 0)), -5 * HOUR);
        assert_int_equal(tz_offset_ms(z, local(y, 7, 15, 12, 0)), -4 * HOUR);
        assert_int_equal(tz_offset_ms(syd, local(y, 1, 15, 12, 0)), 11 * HOUR);
        assert_int_equal(tz_offset_ms(syd, local(y, 7, 15, 12, 0)), 10 * HOUR);
        int64_t l = local(y, 7, 1, 8, 0);
        assert_true(tz_utc_to_local(z, tz_local_to_utc(z, l)) == l);
    }
    /* 14 March 2466 is the second Sunday. */
    assert_int_equal(tz_offset_ms(z, local(2466, 3, 14, 6, 59)), -5 * HOUR);
    assert_int_equal(tz_offset_ms(z, local(2466, 3, 14, 7, 0)), -4 * HOUR);
}

static void test_unknown(void **state) {
    const struct tz *z = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(tz_get("America/New_Yrok", &z, &err), ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "America/New_York"));
    assert_int_equal(tz_get("../../etc/passwd", &z, &err), ERR_VALIDATION);
    assert_int_equal(tz_get("", &z, &err), ERR_VALIDATION);
    assert_int_equal(tz_get("GMT+99:00", &z, &err), ERR_VALIDATION);
    assert_null(z);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil),    cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_new_york), cmocka_unit_test(test_far_years),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
