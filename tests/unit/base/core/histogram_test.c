/* histogram_test.c - quantiles are at most a sixteenth off, whatever the scale. */
#include "base/core/histogram.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

static void quantiles(void **state) {
    for (int64_t unit = 2000; unit < INT64_C(10000000000); unit *= 7) {
        struct histogram *h = mem_zalloc(sizeof *h);
        for (int64_t i = 1; i <= 1000; i++)
            histogram_add(h, i * unit / 1000 + 1024);
        AUTO_JSON *j = histogram_to_json(h);
        struct histogram_sum *s = mem_zalloc(sizeof *s);
        histogram_sum_add(s, j);
        assert_int_equal(s->count, 1000);
        static const double qs[] = {0.01, 0.5, 0.9, 0.99, 0.999, 1};
        for (size_t i = 0; i < ARRAY_LEN(qs); i++) {
            double exact = qs[i] * (double)unit + 1024;
            double got = (double)histogram_quantile_ns(s, qs[i]);
            assert_true(got >= exact - 2 && got <= exact * 17 / 16 + 2);
        }
        assert_int_equal(s->max_ns, unit + 1024);
        free(s);
        free(h);
    }
}

static void ends_of_the_scale(void **state) {
    struct histogram *h = mem_zalloc(sizeof *h);
    struct histogram_sum *s = mem_zalloc(sizeof *s);
    assert_int_equal(histogram_quantile_ns(s, 0.5), 0);
    histogram_add(h, -5);
    histogram_add(h, 1023);
    AUTO_JSON *small = histogram_to_json(h);
    histogram_sum_add(s, small);
    assert_int_equal(histogram_quantile_ns(s, 1), 1023);
    histogram_add(h, INT64_MAX / 2);
    AUTO_JSON *large = histogram_to_json(h);
    histogram_sum_add(s, large);
    assert_int_equal(s->count, 5);
    assert_true(histogram_quantile_ns(s, 1) >= 1ull << HISTOGRAM_MAX_BITS);
    histogram_sum_add(s, NULL);
    assert_int_equal(s->count, 5);
    for (int i = 1; i < HISTOGRAM_BUCKETS; i++)
        assert_true(histogram_bound_ns(i) > histogram_bound_ns(i - 1));
    free(s);
    free(h);
}

/* What comes over the wire may be anything. */
static void wrong_json_is_passed_over(void **state) {
    static const char text[] = "{\"buckets\": [[-1, 5], [9999999, 1], [3], [\"a\", 2], 7, [4, -2], "
                               "[5, 2]], \"sumNs\": -4}";
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    assert_ok(json_parse(text, strlen(text), &j, &err), &err);
    struct histogram_sum *s = mem_zalloc(sizeof *s);
    histogram_sum_add(s, j);
    assert_int_equal(s->count, 2);
    assert_int_equal(s->sum_ns, 0);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(ends_of_the_scale),
        cmocka_unit_test(wrong_json_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
