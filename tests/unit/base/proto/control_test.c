/* control_test.c - texts with NUL, which the JSON of a frame can't hold. */
#include "base/proto/control.h"
#include "tests/unit/cmocka_wrap.h"

#include <string.h>

static void check(struct sv text, const char *hidden, const char *shown) {
    AUTO_STR h = STR_INIT, s = STR_INIT, back = STR_INIT;
    control_hide_nul(text, &h);
    assert_string_equal(str_text(&h), hidden);
    control_show_nul(str_text(&h), SV_LIT("<0>"), &s);
    assert_string_equal(str_text(&s), shown);
    control_show_nul(str_text(&h), (struct sv){"", 1}, &back);
    assert_int_equal(back.len, text.len);
    assert_memory_equal(str_text(&back), text.ptr, text.len);
}

static void test_nul(void **state) {
    check(SV_LIT(""), "", "");
    check(SV_LIT("plain é"), "plain é", "plain é");
    check(SV_LIT("a\0b"), "a" CONTROL_NUL "b", "a<0>b");
    check(SV_LIT("\0\0"), CONTROL_NUL CONTROL_NUL, "<0><0>");
    check(SV_LIT("\0x\0"), CONTROL_NUL "x" CONTROL_NUL, "<0>x<0>");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nul)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
