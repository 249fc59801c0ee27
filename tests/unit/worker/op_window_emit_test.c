/* op_window_emit_test.c - results before and after windows are complete, by an injected clock.
 * Column 2 is the row's time; windows have 3 ms. */
#include "tests/unit/worker/script_rig.h"

#define EMIT(early, late, lateness)                                                                \
    "{\"window\": {\"type\": \"tumble\", \"time\": 2, \"size\": 3}, \"keys\": [1], \"aggs\": "     \
    "[{\"fn\": \"COUNT\", \"args\": [], \"cols\": [], \"filter\": -1, \"retract\": true, "         \
    "\"type\": \"BIGINT NOT NULL\"}], \"props\": [\"end\"], \"updateBefore\": true, \"emit\": "    \
    "{\"early\": " early ", \"late\": " late ", \"lateness\": " lateness "}}"

/* After row i the watermark is i + 1: window [0, 3) is passed behind the second row. */
static void each_row_gives_a_result(void **state) {
    assert_string_equal(run_op("window_emit", EMIT("0", "null", "0"), 3,
                               STEPS({0, I, 0, 1, 5}, {0, I, 0, 1, 4}, {0, D, 0, 1, 4},
                                     {0, D, 0, 1, 5}, {0, I, 0, 1, 1})),
                        "+I[1, 1, 6] | -U[1, 1, 6] +U[1, 2, 6] | -U[1, 2, 6] +U[1, 1, 6] | "
                        "-D[1, 1, 6] | | ");
}

static void results_come_by_the_clock(void **state) {
    /* The window's first row comes at 100: results at 1100, 2100, ... if there is something new. */
    assert_string_equal(run_op("window_emit", EMIT("1000", "null", "0"), 3,
                               STEPS({100, I, 0, 1, 9}, {1099, I, 0, 1, 9}, {1100, I, 0, 2, 9},
                                     {3099, I, 0, 1, 10}, {3100, I, 0, 3, 20}, {3101, I, 0, 1, 9})),
                        "| | +I[1, 2, 12] | +I[2, 1, 12] | -U[1, 2, 12] +U[1, 3, 12] | | "
                        "-U[1, 3, 12] +U[1, 4, 12] +I[3, 1, 21] ");
}

static void late_rows_count_while_they_may(void **state) {
    /* On time behind the second row (watermark 2); late up to watermark 2 + 3. */
    assert_string_equal(run_op("window_emit", EMIT("null", "0", "3"), 3,
                               STEPS({0, I, 0, 1, 1}, {0, I, 0, 1, 2}, {0, I, 0, 1, 0},
                                     {0, I, 0, 2, 1}, {0, I, 0, 1, 1}, {0, I, 0, 1, 1})),
                        "| +I[1, 2, 3] | -U[1, 2, 3] +U[1, 3, 3] | +I[2, 1, 3] | "
                        "-U[1, 3, 3] +U[1, 4, 3] | | ");
}

static void late_results_come_by_the_clock(void **state) {
    /* What is new when the window goes (watermark 5) comes in front of that. */
    assert_string_equal(run_op("window_emit", EMIT("null", "1000", "3"), 3,
                               STEPS({0, I, 0, 1, 1}, {0, I, 0, 1, 2}, {100, I, 0, 1, 0},
                                     {1000, I, 0, 1, 1}, {1001, I, 0, 1, 1}, {2000, I, 0, 1, 1})),
                        "| +I[1, 2, 3] | | -U[1, 2, 3] +U[1, 3, 3] | -U[1, 3, 3] +U[1, 5, 3] | | ");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_row_gives_a_result),
                                       cmocka_unit_test(results_come_by_the_clock),
                                       cmocka_unit_test(late_rows_count_while_they_may),
                                       cmocka_unit_test(late_results_come_by_the_clock)};
    return cmocka_run_group_tests(tests, script_setup, script_teardown);
}
