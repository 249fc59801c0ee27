/* op_group_agg_test.c - what a row does to its group, where input takes back what never came. */
#include "tests/unit/worker/script_rig.h"

#define AGG(fn, more)                                                                              \
    "{\"fn\": \"" fn "\", \"args\": [\"BIGINT\"], \"cols\": [2], \"filter\": -1, \"retract\": "    \
    "true, " more "\"type\": \"BIGINT\"}"
#define GROUP(aggs, more)                                                                          \
    "{\"keys\": [1], \"aggs\": [" aggs "], \"updateBefore\": true, \"inputRetracts\": true" more "}"

static void taken_back_from_nothing_is_ignored(void **state) {
    const struct step steps[] = {{0, D, 0, 1, 5}, {0, I, 0, 1, 7}, {0, D, 0, 1, 7},
                                 {0, D, 0, 1, 7}, {0, I, 0, 1, 8}, {0, I, 0, 1, 2}};
    static const char expected[] = "| +I[1, 7] | -D[1, 7] | | +I[1, 8] | -U[1, 8] +U[1, 10] | ";
    assert_string_equal(run_op("group_agg", GROUP(AGG("SUM", ""), ""), 2, steps, ARRAY_LEN(steps)),
                        expected);
    script.mini_batch_rows = 1;
    assert_string_equal(run_op("group_agg", GROUP(AGG("SUM", ""), ", \"miniBatch\": true"), 2,
                               steps, ARRAY_LEN(steps)),
                        expected);
    script.mini_batch_rows = 0;
}

/* 6 is owed: the next one only makes up for it. */
static void values_may_be_owed(void **state) {
    assert_string_equal(run_op("group_agg", GROUP(AGG("MAX", ""), ""), 2,
                               STEPS({0, I, 0, 1, 5}, {0, I, 0, 1, 4}, {0, D, 0, 1, 6},
                                     {0, I, 0, 1, 6}, {0, I, 0, 1, 6})),
                        "+I[1, 5] | | | | -U[1, 5] +U[1, 6] | ");
}

/* A value that is owed when the group's last row goes isn't owed by the next group. */
static void distinct_values_leave_with_their_group(void **state) {
    assert_string_equal(
        run_op("group_agg",
               GROUP("{\"fn\": \"COUNT\", \"args\": [\"BIGINT\"], \"cols\": [2], "
                     "\"filter\": -1, \"retract\": true, \"distinct\": true, "
                     "\"type\": \"BIGINT NOT NULL\"}",
                     ""),
               2, STEPS({0, I, 0, 1, 5}, {0, D, 0, 1, 6}, {0, I, 0, 1, 6}, {0, I, 0, 1, 6})),
        "+I[1, 1] | -D[1, 1] | +I[1, 1] | | ");
}

static void first_and_last_by_arrival(void **state) {
    assert_string_equal(run_op("group_agg",
                               GROUP(AGG("FIRST_VALUE", "") ", " AGG("LAST_VALUE", ""), ""), 3,
                               STEPS({0, I, 0, 1, 5}, {0, I, 0, 1, 6}, {0, I, 0, 1, 5},
                                     {0, D, 0, 1, 5}, {0, D, 0, 1, 5})),
                        "+I[1, 5, 5] | -U[1, 5, 5] +U[1, 5, 6] | -U[1, 5, 6] +U[1, 5, 5] | "
                        "-U[1, 5, 5] +U[1, 6, 5] | -U[1, 6, 5] +U[1, 6, 6] | ");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken_back_from_nothing_is_ignored),
                                       cmocka_unit_test(values_may_be_owed),
                                       cmocka_unit_test(distinct_values_leave_with_their_group),
                                       cmocka_unit_test(first_and_last_by_arrival)};
    return cmocka_run_group_tests(tests, script_setup, script_teardown);
}
