/* str_test.c - growing strings, views, nearest word. */
#include "base/core/str.h"

#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

static void views(void **state) {
    assert_int_equal(sv_from(NULL).len, 0);
    assert_true(sv_eq(SV_LIT("ab"), sv_from("ab")));
    assert_false(sv_eq(SV_LIT("ab"), sv_from("abc")));
    assert_true(sv_eq((struct sv){0}, sv_from("")));
    assert_true(sv_eq_str(SV_LIT(""), NULL));
    assert_true(sv_ieq(SV_LIT("SeLeCt"), "sElEcT"));
    assert_false(sv_ieq(SV_LIT("select"), "selec"));
    assert_false(sv_ieq(SV_LIT("@"), "`")); /* 0x40 and 0x60 are no letters */
    assert_true(sv_cmp(SV_LIT("a"), SV_LIT("b")) < 0);
    assert_true(sv_cmp(SV_LIT("ab"), SV_LIT("a")) > 0);
    assert_true(sv_cmp(SV_LIT("\xFF"), SV_LIT("a")) > 0);
    assert_int_equal(sv_cmp(SV_LIT(""), (struct sv){0}), 0);
    assert_true(sv_eq_str(sv_trim(SV_LIT(" \t\r\n\v\fa b \n")), "a b"));
    assert_true(sv_eq_str(sv_trim(SV_LIT("  ")), ""));
    assert_true(sv_starts(SV_LIT("abc"), "ab"));
    assert_true(sv_starts(SV_LIT("abc"), ""));
    assert_false(sv_starts(SV_LIT("ab"), "abc"));
}

static void append_all_kinds(void **state) {
    AUTO_STR s = STR_INIT;
    assert_string_equal(str_text(&s), "");
    assert_int_equal(str_view(&s).len, 0);
    str_truncate(&s, 0);
    str_clear(&s);
    str_add(&s, "a");
    str_add_char(&s, 'b');
    str_add_n(&s, "cde", 2);
    str_add_sv(&s, SV_LIT("e"));
    str_addf(&s, "[%d]", 12);
    str_add_u64(&s, UINT64_MAX);
    str_add_char(&s, ',');
    str_add_i64(&s, INT64_MIN);
    str_add_i64(&s, 0);
    assert_string_equal(str_text(&s), "abcde[12]18446744073709551615,-92233720368547758080");
    str_truncate(&s, 3);
    assert_string_equal(str_text(&s), "abc");
    str_truncate(&s, 9);
    assert_int_equal(s.len, 3);
    str_add_n(&s, NULL, 0);
    char *p = str_take(&s);
    assert_string_equal(p, "abc");
    assert_null(s.ptr);
    free(p);
    p = str_take(&s);
    assert_string_equal(p, "");
    free(p);
}

static void format_longer_than_the_buffer(void **state) {
    AUTO_STR s = STR_INIT;
    for (int width = 50; width < 400; width += 7) {
        str_clear(&s);
        str_add(&s, "x");
        str_addf(&s, "%0*d!", width, 5);
        assert_int_equal(s.len, (size_t)width + 2);
        assert_int_equal(strlen(s.ptr), s.len);
        assert_int_equal(s.ptr[s.len - 1], '!');
    }
}

static void utf8_all_lengths(void **state) {
    AUTO_STR s = STR_INIT;
    str_add_utf8(&s, 'a');
    str_add_utf8(&s, 0xE9);
    str_add_utf8(&s, 0x20AC);
    str_add_utf8(&s, 0x1F600);
    str_add_utf8(&s, 0xD800);
    str_add_utf8(&s, 0x110000);
    assert_string_equal(str_text(&s), "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
                                      "\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void nearest_word(void **state) {
    const char *const words[] = {"connector", "format", "path", "scan.startup.mode"};
    size_t n = ARRAY_LEN(words);
    assert_string_equal(str_nearest("conector", words, n), "connector");
    assert_string_equal(str_nearest("CONNECTOR", words, n), "connector");
    assert_string_equal(str_nearest("fromat", words, n), "format");
    assert_string_equal(str_nearest("pat", words, n), "path");
    assert_string_equal(str_nearest("scan.startup-mode", words, n), "scan.startup.mode");
    assert_null(str_nearest("watermark", words, n));
    assert_null(str_nearest("p", words, n));
    assert_null(str_nearest("", words, n));
    assert_null(str_nearest("path", words, 0));
    char long_word[300];
    memset(long_word, 'a', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    assert_null(str_nearest(long_word, words, n));
    const char *long_words[] = {long_word};
    assert_null(str_nearest("aaa", long_words, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views),
        cmocka_unit_test(append_all_kinds),
        cmocka_unit_test(format_longer_than_the_buffer),
        cmocka_unit_test(utf8_all_lengths),
        cmocka_unit_test(nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
