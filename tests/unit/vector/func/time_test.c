/* time_test.c - functions of dates and times. */
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/vector/func/func_kit.h"
#include "vector/func/time_format.h"
#include "vector/text.h"

#include <stdio.h>

#define TS3 "<TIMESTAMP(3)>'2024-05-06 17:08:09.123'"

static void test_extract(void **state) {
    check_value("EXTRACT(:QUARTER, <DATE>'2024-05-06')", "BIGINT NOT NULL", "2");
    check_value("EXTRACT(:WEEK, <DATE>'2024-12-30')", "BIGINT NOT NULL", "1");
    check_value("EXTRACT(:WEEK, <DATE>'2021-01-03')", "BIGINT NOT NULL", "53");
    check_value("EXTRACT(:ISOYEAR, <DATE>'2024-12-30')", "BIGINT NOT NULL", "2025");
    check_value("EXTRACT(:DOW, <DATE>'2024-05-05')", "BIGINT NOT NULL", "1");
    check_value("EXTRACT(:ISODOW, <DATE>'2024-05-05')", "BIGINT NOT NULL", "7");
    check_value("EXTRACT(:DOY, <DATE>'2024-12-31')", "BIGINT NOT NULL", "366");
    check_value("EXTRACT(:EPOCH, <DATE>'2024-05-06')", "BIGINT NOT NULL", "1714953600");
    check_value("EXTRACT(:CENTURY, <DATE>'2000-05-06')", "BIGINT NOT NULL", "20");
    check_value("EXTRACT(:HOUR, " TS3 ")", "BIGINT NOT NULL", "17");
    check_value("EXTRACT(:MILLISECOND, " TS3 ")", "BIGINT NOT NULL", "123");
    check_value("EXTRACT(:NANOSECOND, <TIMESTAMP(9)>'2024-05-06 07:08:09.123456789')",
                "BIGINT NOT NULL", "123456789");
    check_value("EXTRACT(:HOUR, <TIME>'07:08:09')", "BIGINT NOT NULL", "7");
    check_value("YEAR(" TS3 ")", "BIGINT NOT NULL", "2024");
    check_value("DAYOFWEEK(<DATE>NULL)", "BIGINT", "NULL");
    check_value("SECOND(<TIME>'17:08:09')", "BIGINT NOT NULL", "9");
    check_fails("EXTRACT(:YEAR, '2024-05-06')", ERR_VALIDATION, "EXTRACT");
    check_fails("YEAR(<TIME>'07:08:09')", ERR_VALIDATION, "YEAR");
    check_zone("America/New_York");
    check_value("HOUR(TO_TIMESTAMP_LTZ(1704067200000, 3))", "BIGINT", "19");
    check_value("EXTRACT(:YEAR, TO_TIMESTAMP_LTZ(1704067200000, 3))", "BIGINT", "2023");
    check_zone("UTC");
}

static void test_round(void **state) {
#define T "<TIMESTAMP(3)>'2024-05-16 07:38:39.987'"
    check_value("FLOOR TO(" T ", :QUARTER)", "TIMESTAMP(3) NOT NULL", "2024-04-01 00:00:00.000");
    check_value("FLOOR TO(" T ", :WEEK)", "TIMESTAMP(3) NOT NULL", "2024-05-12 00:00:00.000");
    check_value("FLOOR TO(" T ", :HOUR)", "TIMESTAMP(3) NOT NULL", "2024-05-16 07:00:00.000");
    check_value("FLOOR TO(" T ", :SECOND)", "TIMESTAMP(3) NOT NULL", "2024-05-16 07:38:39.000");
    check_value("CEIL TO(" T ", :MONTH)", "TIMESTAMP(3) NOT NULL", "2024-06-01 00:00:00.000");
    check_value("CEIL TO(" T ", :YEAR)", "TIMESTAMP(3) NOT NULL", "2025-01-01 00:00:00.000");
    check_value("CEIL TO(" T ", :DAY)", "TIMESTAMP(3) NOT NULL", "2024-05-17 00:00:00.000");
    check_value("CEIL TO(<TIMESTAMP(0)>'2024-05-16 00:00:00', :DAY)", "TIMESTAMP(0) NOT NULL",
                "2024-05-16 00:00:00");
    check_value("FLOOR TO(<TIMESTAMP(6)>'2024-05-16 07:38:39.987654', :MILLISECOND)",
                "TIMESTAMP(6) NOT NULL", "2024-05-16 07:38:39.987000");
    check_value("FLOOR TO(<TIMESTAMP(3)>'1969-12-31 23:59:59.5', :DAY)", "TIMESTAMP(3) NOT NULL",
                "1969-12-31 00:00:00.000");
    check_value("FLOOR TO(<DATE>'2024-05-16', :YEAR)", "DATE NOT NULL", "2024-01-01");
    check_value("CEIL TO(<TIME>'12:44:31', :MINUTE)", "TIME(0) NOT NULL", "12:45:00");
    check_fails("CEIL TO(<TIME>'23:44:31', :HOUR)", ERR_RUNTIME, "Hour out of range");
    check_fails("FLOOR TO(<TIME>'23:44:31', :DAY)", ERR_VALIDATION, "FLOOR");
}

static void test_arith(void **state) {
    check_value("TIMESTAMPADD(:MONTH, 1, <DATE>'2024-01-31')", "DATE NOT NULL", "2024-02-29");
    check_value("TIMESTAMPADD(:YEAR, -1, <DATE>'2024-02-29')", "DATE NOT NULL", "2023-02-28");
    check_value("TIMESTAMPADD(:MONTH, -14, <DATE>'2024-01-31')", "DATE NOT NULL", "2022-11-30");
    check_value("TIMESTAMPADD(:HOUR, 5, <TIMESTAMP(3)>'2024-02-25 23:02:03.123')",
                "TIMESTAMP(3) NOT NULL", "2024-02-26 04:02:03.123");
    check_value("TIMESTAMPADD(:WEEK, 2, <DATE>'2024-02-25')", "DATE NOT NULL", "2024-03-10");
    check_value("TIMESTAMPADD(:HOUR, 25, <DATE>'2024-02-25')", "TIMESTAMP(0) NOT NULL",
                "2024-02-26 01:00:00");
    check_value("TIMESTAMPADD(:DAY, <INT>NULL, <DATE>'2024-01-01')", "DATE", "NULL");
    check_fails("TIMESTAMPADD(:DAY, 1, '2024-02-25')", ERR_VALIDATION, "TIMESTAMPADD");
    check_value("TIMESTAMPDIFF(:YEAR, <DATE>'2020-02-29', <DATE>'2024-02-29')", "INT NOT NULL",
                "4");
    check_value("TIMESTAMPDIFF(:MONTH, <DATE>'2024-01-31', <DATE>'2024-02-29')", "INT NOT NULL",
                "1");
    check_value("TIMESTAMPDIFF(:MONTH, <DATE>'2024-03-15', <DATE>'2024-01-16')", "INT NOT NULL",
                "-1");
    check_value("TIMESTAMPDIFF(:DAY, <DATE>'2024-01-01', <TIMESTAMP(0)>'2024-01-03 23:00:00')",
                "INT NOT NULL", "2");
    check_fails("TIMESTAMPDIFF(:DAY, <DATE>'2024-01-01', TO_TIMESTAMP_LTZ(0, 3))", ERR_VALIDATION,
                "TIMESTAMP_LTZ only supports diff");
    check_value("OVERLAPS(<DATE>'2024-01-01', <DATE>'2024-01-05', <DATE>'2024-01-05', "
                "<DATE>'2024-01-09')",
                "BOOLEAN NOT NULL", "TRUE");
    check_value("OVERLAPS(<DATE>'2024-01-01', <DATE>'2024-01-04', <DATE>'2024-01-09', "
                "<DATE>'2024-01-05')",
                "BOOLEAN NOT NULL", "FALSE");
}

static void test_date_format(void **state) {
    check_value("DATE_FORMAT(" TS3 ", 'yyyy-MM-dd HH:mm:ss.SSS')", "STRING",
                "2024-05-06 17:08:09.123");
    check_value("DATE_FORMAT(<TIMESTAMP(6)>'2024-05-06 17:08:09.123456', 'SSSSSS')", "STRING",
                "123456");
    check_value("DATE_FORMAT(" TS3 ", 'EEE, d MMM yy h:mm a')", "STRING", "Mon, 6 May 24 5:08 PM");
    check_value("DATE_FORMAT(" TS3 ", 'EEEE D Q QQQ')", "STRING", "Monday 127 2 Q2");
    check_value("DATE_FORMAT(<TIMESTAMP(3)>'2024-12-30 17:08:09', 'YYYY-ww')", "STRING", "2025-01");
    check_value("DATE_FORMAT(" TS3 ", '''T''HH')", "STRING", "T17");
    check_value("DATE_FORMAT(" TS3 ", '')", "STRING", "");
    check_fails("DATE_FORMAT(" TS3 ", 'z')", ERR_RUNTIME, "Unable to extract ZoneId");
    check_fails("DATE_FORMAT(" TS3 ", 'bad pattern')", ERR_RUNTIME, "Unknown pattern letter: b");
    check_fails("DATE_FORMAT(<DATE>'2024-05-06', 'yyyy')", ERR_VALIDATION, "DATE_FORMAT");
    check_value("DATE_FORMAT('2024-05-06 01:02:03', 'yyyy|MM|dd HH')", "STRING", "2024|05|06 01");
    check_value("DATE_FORMAT('2024-05-06', 'yyyy|MM|dd HH')", "STRING", "NULL");
}

static void test_parse(void **state) {
    check_value("TO_DATE('06/05/2024', 'dd/MM/yyyy')", "DATE", "2024-05-06");
    check_value("TO_DATE('2024-5-6')", "DATE", "2024-05-06");
    check_value("TO_DATE('20240506', 'yyyyMMdd')", "DATE", "2024-05-06");
    check_value("TO_DATE('x', 'yyyyMMdd')", "DATE", "NULL");
    check_value("TO_TIMESTAMP('2024-05-06 17:08:09')", "TIMESTAMP(3)", "2024-05-06 17:08:09.000");
    check_value("TO_TIMESTAMP('nope')", "TIMESTAMP(3)", "NULL");
    check_value("TO_TIMESTAMP('20240506170809123', 'yyyyMMddHHmmssSSS')", "TIMESTAMP(3)",
                "2024-05-06 17:08:09.123");
    check_value("TO_TIMESTAMP('2024-05-06T17:08:09.5', 'yyyy-MM-dd''T''HH:mm:ss.S')",
                "TIMESTAMP(3)", "2024-05-06 17:08:09.500");
    check_value("TO_TIMESTAMP('6 May 2024 5:08 PM', 'd MMM yyyy h:mm a')", "TIMESTAMP(3)",
                "2024-05-06 17:08:00.000");
    check_value("TO_TIMESTAMP('2024-05', 'yyyy-MM[-dd]')", "TIMESTAMP(3)",
                "2024-05-01 00:00:00.000");
    check_value("TO_TIMESTAMP('2024-02-30', 'yyyy-MM-dd')", "TIMESTAMP(3)",
                "2024-02-29 00:00:00.000");
    check_value("TO_TIMESTAMP('2024-05-06 1:02:03', 'yyyy-MM-dd HH:mm:ss')", "TIMESTAMP(3)",
                "2024-05-06 01:02:03.000");
    check_value("TO_TIMESTAMP('x', 'yyyy')", "TIMESTAMP(3)", "NULL");
    check_fails("TO_TIMESTAMP('x', 'foo')", ERR_RUNTIME, "pattern letter");
    check_value("TO_TIMESTAMP_LTZ(1715015289123, 3)", "TIMESTAMP_LTZ(3)",
                "2024-05-06 17:08:09.123");
    check_value("TO_TIMESTAMP_LTZ(-1, 3)", "TIMESTAMP_LTZ(3)", "1969-12-31 23:59:59.999");
    check_value("TO_TIMESTAMP_LTZ(1.5e0, 0)", "TIMESTAMP_LTZ(3)", "1970-01-01 00:00:01.500");
    check_value("TO_TIMESTAMP_LTZ('2024-05-06 17:08:09.123', 'yyyy-MM-dd HH:mm:ss.SSS')",
                "TIMESTAMP_LTZ(3)", "2024-05-06 17:08:09.123");
    check_value("TO_TIMESTAMP_LTZ('2024-07-01 02:00:00', 'yyyy-MM-dd HH:mm:ss', 'Europe/Berlin')",
                "TIMESTAMP_LTZ(3)", "2024-07-01 00:00:00.000");
    check_fails("TO_TIMESTAMP_LTZ(1, 6)", ERR_RUNTIME, "precision value '6'");
}

static void test_unix(void **state) {
    check_value("UNIX_TIMESTAMP('2024-05-06 17:08:09')", "BIGINT NOT NULL", "1715015289");
    check_value("UNIX_TIMESTAMP('1969-12-31 23:59:59')", "BIGINT NOT NULL", "-1");
    check_value("UNIX_TIMESTAMP('2024-13-01', 'yyyy-MM-dd')", "BIGINT NOT NULL", "1735689600");
    check_value("UNIX_TIMESTAMP('nope')", "BIGINT NOT NULL", "-9223372036854775808");
    check_value("UNIX_TIMESTAMP('1970-01-01 08:00:01.001 +0800', 'yyyy-MM-dd HH:mm:ss.SSS X')",
                "BIGINT NOT NULL", "1");
    check_value("FROM_UNIXTIME(1715015289, 'yyyy/MM/dd')", "STRING", "2024/05/06");
    check_value("CONVERT_TZ('2024-07-01 00:00:00', 'UTC', 'Europe/Berlin')", "STRING",
                "2024-07-01 02:00:00");
    check_value("CONVERT_TZ('2024-07-01 00:00:00', 'Asia/Tokyo', 'GMT-03:30')", "STRING",
                "2024-06-30 11:30:00");
    check_value("CONVERT_TZ('2024-07-01 00:00:00', 'UTC', 'Mars/Base')", "STRING",
                "2024-07-01 00:00:00");
    check_zone("America/New_York");
    check_value("UNIX_TIMESTAMP('2024-11-03 01:30:00')", "BIGINT NOT NULL", "1730615400");
    check_value("FROM_UNIXTIME(1710054000)", "STRING", "2024-03-10 03:00:00");
    check_value("FROM_UNIXTIME(1710054000, 'HH z Z X')", "STRING", "03 EDT -0400 -04");
    check_value("FLOOR TO(TO_TIMESTAMP_LTZ(1704067200000, 3), :MONTH)", "TIMESTAMP_LTZ(3)",
                "2023-12-01 00:00:00.000");
    check_value("CEIL TO(TO_TIMESTAMP_LTZ(1710054000000, 3), :DAY)", "TIMESTAMP_LTZ(3)",
                "2024-03-11 00:00:00.000");
    check_zone("UTC");
}

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(uint64_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static struct time_format *format(const char *pattern, enum time_dialect d) {
    struct err err = ERR_INIT;
    struct time_format *f = NULL;
    if (time_format_new(sv_from(pattern), d, &f, &err)) fail_msg("%s", err.msg);
    return f;
}

/* Patterns of the usual fields alone have a way of their own to be printed. */
static void test_plain_print(void **state) {
    for (int d = TIME_JAVA_TIME; d <= TIME_SIMPLE; d++) {
        struct time_format *f = format("yyyy-MM-dd HH:mm:ss.SSS", d);
        assert_int_equal(time_format_span_ms(f), 1);
        for (int i = 0; i < 20000; i++) {
            int64_t ms = (int64_t)rnd(8417ull * 365 * 86400000) - 386ll * 365 * 86400000;
            struct err err = ERR_INIT;
            AUTO_STR got = STR_INIT;
            char want[TEXT_TIMESTAMP_MAX_BYTES];
            size_t n = text_fmt_timestamp(want, ms, 0, 3, ' ');
            assert_int_equal(time_format_print(f, ms, 0, tz_utc(), &got, &err), 0);
            assert_int_equal(got.len, n);
            assert_memory_equal(str_text(&got), want, n);
        }
        time_format_free(f);
    }
}

/* So has yyyy-MM-dd HH:mm:ss to be read; a quoted '-' keeps a pattern from it. */
static void test_seconds_parse(void **state) {
    for (int d = TIME_JAVA_TIME; d <= TIME_SIMPLE; d++) {
        struct time_format *fast = format("yyyy-MM-dd HH:mm:ss", d);
        struct time_format *slow = format("yyyy'-'MM-dd HH:mm:ss", d);
        for (int i = 0; i < 50000; i++) {
            static const char odd[] = "0123456789- :.x9";
            char text[32];
            int n = snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", (int)rnd(3000),
                             (int)rnd(14), (int)rnd(33), (int)rnd(26), (int)rnd(62), (int)rnd(62));
            if (rnd(4) == 0) text[rnd((uint64_t)n)] = odd[rnd(16)];
            if (rnd(4) == 0) text[n++] = odd[rnd(16)];
            if (rnd(8) == 0) n--;
            struct sv v = {text, (size_t)n};
            int64_t ms = 0, want_ms = 0;
            int32_t ns = 0, want_ns = 0, offset, want_offset;
            bool ok = time_format_parse(fast, v, &ms, &ns, &offset);
            if (ok != time_format_parse(slow, v, &want_ms, &want_ns, &want_offset) ||
                (ok && (ms != want_ms || ns != want_ns || offset != want_offset)))
                fail_msg("'%.*s': %d %lld, want %lld", n, text, ok, (long long)ms,
                         (long long)want_ms);
        }
        time_format_free(fast);
        time_format_free(slow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extract),     cmocka_unit_test(test_round),
        cmocka_unit_test(test_arith),       cmocka_unit_test(test_date_format),
        cmocka_unit_test(test_parse),       cmocka_unit_test(test_unix),
        cmocka_unit_test(test_plain_print), cmocka_unit_test(test_seconds_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
