/* history_test.c - resolutions, folding and bounds of what is remembered. */
#include "coordinator/load/history.h"

#include "tests/unit/cmocka_wrap.h"

#include <math.h>
#include <stdlib.h>

static const enum history_fold folds[] = {HISTORY_MEAN, HISTORY_MAX, HISTORY_SUM};

static size_t read(const struct history *h, int64_t since_ms, int64_t **times, float **values,
                   int64_t *step_ms) {
    return history_read(h, 0, since_ms, times, values, step_ms);
}

static void seconds_are_folded(void **state) {
    struct history *h = history_new(1, folds, 3);
    history_add(h, 0, 5000, (float[]){1, 4, 1});
    history_add(h, 0, 5500, (float[]){3, 2, 1});
    history_add(h, 0, 5900, (float[]){NAN, NAN, NAN});
    history_add(h, 0, 6000, (float[]){NAN, 7, 5});
    history_add(h, 0, 7000, (float[]){9, 9, 9}); /* still open */
    int64_t *times, step_ms;
    float *v;
    assert_int_equal(read(h, 0, &times, &v, &step_ms), 2);
    assert_int_equal(step_ms, 1000);
    assert_int_equal(times[0], 5000);
    assert_int_equal(times[1], 6000);
    assert_true(v[0] == 2 && v[1] == 4 && v[2] == 2);
    assert_true(isnan(v[3]) && v[4] == 7 && v[5] == 5);
    free(times);
    free(v);
    assert_int_equal(read(h, 6000, &times, &v, &step_ms), 1);
    assert_int_equal(times[0], 6000);
    free(times);
    free(v);
    history_free(h);
}

static void time_that_goes_back_changes_nothing_old(void **state) {
    struct history *h = history_new(1, folds, 3);
    history_add(h, 0, 10000, (float[]){1, 1, 1});
    history_add(h, 0, 4000, (float[]){3, 1, 1});
    history_add(h, 0, 11000, (float[]){1, 1, 1});
    int64_t *times, step_ms;
    float *v;
    assert_int_equal(read(h, 0, &times, &v, &step_ms), 1);
    assert_int_equal(times[0], 10000);
    assert_true(v[0] == 2);
    free(times);
    free(v);
    history_free(h);
}

static void a_day_in_bounded_memory(void **state) {
    struct history *h = history_new(1, folds, 3);
    const int64_t day_s = 86400;
    for (int64_t s = 0; s <= 2 * day_s; s++)
        history_add(h, 0, s * 1000, (float[]){(float)(s % 60), (float)(s % 60), 1});
    int64_t *times, step_ms, now = 2 * day_s * 1000;
    float *v;
    assert_int_equal(read(h, now - 600000, &times, &v, &step_ms), 600);
    assert_int_equal(step_ms, 1000);
    assert_int_equal(times[599], now - 1000);
    free(times);
    free(v);
    assert_int_equal(read(h, now - 7200000, &times, &v, &step_ms), 720);
    assert_int_equal(step_ms, 10000);
    assert_true(v[2] == 10);
    free(times);
    free(v);
    size_t n = read(h, 0, &times, &v, &step_ms);
    assert_int_equal(n, 1440);
    assert_int_equal(step_ms, 60000);
    assert_int_equal(times[0], now - day_s * 1000);
    for (size_t i = 0; i < n; i++) {
        assert_true(v[3 * i] == 29.5f);
        assert_true(v[3 * i + 1] == 59 && v[3 * i + 2] == 60);
    }
    free(times);
    free(v);
    assert_true(history_max_bytes(1, 3) < 64 << 10);
    history_free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_folded),
        cmocka_unit_test(time_that_goes_back_changes_nothing_old),
        cmocka_unit_test(a_day_in_bounded_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
