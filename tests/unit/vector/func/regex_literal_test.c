/* regex_literal_test.c - what a match must hold: the text found, and searches that begin at it give
 * what a search from the start gives. Bytes in words, and strings cut out of longer ones. */
#include "vector/func/regex_literal.h"

#include "tests/unit/cmocka_wrap.h"
#include "vector/func/byte_mask.h"
#include "vector/func/regex.h"
#include "vector/strv.h"

#include <stdlib.h>

static void check_text(const char *pattern, const char *want, int lead) {
    struct regex_literal l;
    regex_literal_of(sv_from(pattern), &l);
    if (strcmp(str_text(&l.text), want) != 0 || (*want && l.lead_bytes != lead))
        fail_msg("%s: '%s' behind %d", pattern, str_text(&l.text), l.lead_bytes);
    regex_literal_release(&l);
}

static void test_text(void **state) {
    check_text("(&|^)channel_id=([^&]*)", "channel_id=", 1);
    check_text("abc", "abc", 0);
    check_text("a?bcd+e", "bcd", 1);
    check_text("x*yz", "yz", -1);
    check_text("[ab]{2}longer.short", "longer", -1);
    check_text("[a\\]b]long.short", "short", 12);
    check_text("\\d\\b\\.com(?:ab|c*)", ".com", 4);
    check_text("(?:ab|cde)f/g", "f/g", 3);
    check_text("ab|abc", "", 0);
    check_text("(?i)abc", "", 0);
    check_text("\\Qabc\\E", "", 0);
    check_text("\\x41bc", "", 0);
    check_text("(a)\\1bcd", "", 0);
    check_text("ab{0}cd?", "", 0); /* one character is too little */
    check_text("a\xC3\xA4?bc", "bc", -1 + 4);
    check_text("", "", 0);
}

/* Matches of the pattern, and of one that says the same without a text to look for. */
static void test_same_matches(void **state) {
    static const struct {
        const char *pattern, *same;
    } pairs[] = {{"(&|^)id=([^&]*)", "(?:(&|^)id=([^&]*)|(?!))"},
                 {"[ab]+xy", "(?:[ab]+xy|(?!))"},
                 {"a?bab", "(?:a?bab|(?!))"},
                 {"\\bba", "(?:\\bba|(?!))"},
                 {".\xC3\xA4?ab", "(?:.\xC3\xA4?ab|(?!))"}};
    static const char *const parts[] = {
        "a", "b", "x", "y", "&", "id=", "ab", "xy", "\xC3\xA4", " ", "7"};
    uint32_t x = 1;
    for (int i = 0; i < 20000; i++) {
        struct err e = ERR_INIT;
        AUTO_STR s = STR_INIT;
        for (uint32_t n = (x = x * 1664525 + 1013904223) >> 26; n; n--)
            str_add(&s, parts[((x = x * 1664525 + 1013904223) >> 16) % ARRAY_LEN(parts)]);
        struct regex *re[2];
        assert_int_equal(regex_new(sv_from(pairs[i % 5].pattern), &re[0], &e), 0);
        assert_int_equal(regex_new(sv_from(pairs[i % 5].same), &re[1], &e), 0);
        size_t pos[2] = {0, 0}, b[2], end[2];
        for (bool any = true; any;) {
            any = regex_next(re[0], str_view(&s), &pos[0]);
            assert_int_equal(regex_next(re[1], str_view(&s), &pos[1]), any);
            if (!any) break;
            for (int k = 0; k < 2; k++)
                assert_true(regex_group(re[k], 0, &b[k], &end[k]));
            if (b[0] != b[1] || end[0] != end[1])
                fail_msg("%s in '%s'", pairs[i % 5].pattern, str_text(&s));
        }
        regex_free(re[0]);
        regex_free(re[1]);
    }
}

/* Exact buffers, so that a look outside shows under ASan. */
static void test_byte_mask(void **state) {
    uint32_t x = 7;
    for (size_t n = 0; n <= 64; n++)
        for (int round = 0; round < 50; round++) {
            char *p = malloc(n + 1);
            uint64_t want = 0;
            for (size_t i = 0; i < n; i++) {
                p[i] = "/.\xAF\x80"[(x = x * 1664525 + 1013904223) >> 30];
                want |= (uint64_t)(p[i] == '/') << i;
            }
            p = realloc(p, n ? n : 1);
            assert_true(byte_mask(p, n, '/') == want);
            free(p);
        }
}

static void test_part(void **state) {
    const char text[] = "0123456789abcdefghijklmn";
    for (uint32_t len = 0; len <= 20; len++)
        for (uint32_t room = len; room <= 24; room++) {
            struct strv a = strv_borrow(text, len), b = strv_borrow_part(text, len, room);
            assert_memory_equal(&a, &b, sizeof a);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_same_matches),
        cmocka_unit_test(test_byte_mask),
        cmocka_unit_test(test_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
