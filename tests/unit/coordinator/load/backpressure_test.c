/* backpressure_test.c - who is named as the one that slows a job down. */
#include "coordinator/load/backpressure.h"

#include "tests/unit/cmocka_wrap.h"

#define TASKS(...)                                                                                 \
    .tasks = (const struct bp_task[]) {                                                            \
        __VA_ARGS__                                                                                \
    }
#define BLOCKED(...)                                                                               \
    .blocked = (const float[]) {                                                                   \
        __VA_ARGS__                                                                                \
    }

static void nothing_is_blocked(void **state) {
    const struct bp_vertex v[] = {{1, TASKS({.busy = 1})}, {1, TASKS({.busy = .9f})}};
    const struct bp_edge e[] = {{0, 1, 1, 1, BLOCKED(.04f)}};
    struct bp_cause c[4];
    assert_int_equal(backpressure_causes(v, 2, e, 1, c, 4), 0);
}

/* source -> calc (blocked too) -> sink that waits */
static void the_end_of_the_chain(void **state) {
    const struct bp_vertex v[] = {{1, TASKS({.blocked = .9f})},
                                  {1, TASKS({.blocked = .8f, .busy = .2f})},
                                  {1, TASKS({.waiting = .7f, .busy = .3f})}};
    const struct bp_edge e[] = {{0, 1, 1, 1, BLOCKED(.9f)}, {1, 2, 1, 1, BLOCKED(.8f)}};
    struct bp_cause c[4];
    assert_int_equal(backpressure_causes(v, 3, e, 2, c, 4), 1);
    assert_int_equal(c[0].vertex, 2);
    assert_int_equal(c[0].reason, BP_OUTSIDE);
    assert_int_equal(c[0].victim, 0);
    assert_true(c[0].share == .7f);
}

static void a_hot_subtask(void **state) {
    const struct bp_vertex v[] = {
        {2, TASKS({.blocked = .5f}, {.blocked = .5f})},
        {3, TASKS({.busy = .2f}, {.busy = .99f}, {.busy = .1f})},
    };
    const struct bp_edge e[] = {{0, 1, 2, 3, BLOCKED(0, .5f, 0, 0, .6f, 0)}};
    struct bp_cause c[4];
    assert_int_equal(backpressure_causes(v, 2, e, 1, c, 4), 1);
    assert_int_equal(c[0].subtask, 1);
    assert_int_equal(c[0].reason, BP_HOT);
    assert_true(c[0].blocked == .6f);
}

static void even_load_is_busy_and_few_cores_are_cpu(void **state) {
    const struct bp_vertex v[] = {{1, TASKS({.blocked = .5f})},
                                  {2, TASKS({.busy = .9f}, {.busy = .95f})},
                                  {1, TASKS({.ready = .8f, .busy = .2f})}};
    const struct bp_edge e[] = {{0, 1, 1, 2, BLOCKED(.5f, .5f)}, {0, 2, 1, 1, BLOCKED(.3f)}};
    struct bp_cause c[4];
    assert_int_equal(backpressure_causes(v, 3, e, 2, c, 4), 2);
    assert_int_equal(c[0].vertex, 1);
    assert_int_equal(c[0].reason, BP_BUSY);
    assert_int_equal(c[1].vertex, 2);
    assert_int_equal(c[1].reason, BP_CPU);
    assert_int_equal(backpressure_causes(v, 3, e, 2, c, 1), 1); /* the one more waits for */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_blocked),
        cmocka_unit_test(the_end_of_the_chain),
        cmocka_unit_test(a_hot_subtask),
        cmocka_unit_test(even_load_is_busy_and_few_cores_are_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
