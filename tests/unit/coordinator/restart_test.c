/* restart_test.c - Flink's restart strategies as tables of failures and pauses. */
#include "coordinator/restart.h"

#include "tests/unit/cmocka_wrap.h"

static const struct restart_options exponential = {.kind = RESTART_EXPONENTIAL,
                                                   .attempts = 1000,
                                                   .initial_ms = 1000,
                                                   .max_ms = 5000,
                                                   .calm_ms = 60000,
                                                   .multiplier = 2,
                                                   .at_once = true};

static void names(void **state) {
    struct err e = ERR_INIT;
    enum restart_kind k;
    assert_ok(restart_parse_kind(NULL, true, &k, &e), &e);
    assert_int_equal(k, RESTART_EXPONENTIAL);
    assert_ok(restart_parse_kind("", false, &k, &e), &e);
    assert_int_equal(k, RESTART_NONE);
    assert_ok(restart_parse_kind("Fixed-Delay", false, &k, &e), &e);
    assert_int_equal(k, RESTART_FIXED_DELAY);
    assert_ok(restart_parse_kind("failurerate", true, &k, &e), &e);
    assert_int_equal(k, RESTART_FAILURE_RATE);
    assert_ok(restart_parse_kind("off", true, &k, &e), &e);
    assert_int_equal(k, RESTART_NONE);
    assert_err(restart_parse_kind("sometimes", true, &k, &e), ERR_VALIDATION, &e, "sometimes");
}

static void none_gives_up(void **state) {
    struct restart r;
    restart_init(&r, &(struct restart_options){.kind = RESTART_NONE}, 1);
    assert_int_equal(restart_failed(&r, 0), -1);
}

static void fixed_delay_counts(void **state) {
    struct restart r;
    restart_init(
        &r, &(struct restart_options){.kind = RESTART_FIXED_DELAY, .attempts = 2, .delay_ms = 700},
        1);
    assert_int_equal(restart_failed(&r, 0), 700);
    assert_int_equal(restart_failed(&r, 1000000), 700);
    assert_int_equal(restart_failed(&r, 2000000), -1);
}

static void failure_rate_looks_back(void **state) {
    struct restart r;
    restart_init(
        &r,
        &(struct restart_options){
            .kind = RESTART_FAILURE_RATE, .delay_ms = 10, .max_failures = 2, .interval_ms = 1000},
        1);
    assert_int_equal(restart_failed(&r, 0), 10);
    assert_int_equal(restart_failed(&r, 900), 10);
    assert_int_equal(restart_failed(&r, 1100), 10); /* the one at 0 is too long ago */
    assert_int_equal(restart_failed(&r, 1500), -1); /* 900, 1100 and this one */
}

static void exponential_grows_and_calms(void **state) {
    struct restart r;
    restart_init(&r, &exponential, 1);
    assert_int_equal(restart_failed(&r, 0), 0);
    assert_int_equal(restart_failed(&r, 100), 1000);
    assert_int_equal(restart_failed(&r, 2000), 2000);
    assert_int_equal(restart_failed(&r, 5000), 4000);
    assert_int_equal(restart_failed(&r, 10000), 5000);
    assert_int_equal(restart_failed(&r, 20000), 5000);
    assert_int_equal(restart_failed(&r, 26000 + 60000), 0); /* a minute after it was due */
    struct restart_options o = exponential;
    o.at_once = false;
    o.attempts = 1;
    restart_init(&r, &o, 1);
    assert_int_equal(restart_failed(&r, 0), 1000);
    assert_int_equal(restart_failed(&r, 1), -1);
}

static void jitter_stays_in_its_share(void **state) {
    struct restart_options o = exponential;
    o.jitter = 0.1;
    o.at_once = false;
    bool differs = false;
    for (uint64_t seed = 1; seed < 200; seed++) {
        struct restart r;
        restart_init(&r, &o, seed * 7919);
        int64_t pause = restart_failed(&r, 0);
        assert_in_range(pause, 900, 1100);
        differs |= pause != 1000;
    }
    assert_true(differs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(none_gives_up),
        cmocka_unit_test(fixed_delay_counts),
        cmocka_unit_test(failure_rate_looks_back),
        cmocka_unit_test(exponential_grows_and_calms),
        cmocka_unit_test(jitter_stays_in_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
