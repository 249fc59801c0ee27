/* clock_test.c - the system's clock and its replacement. */
#include "base/core/clock.h"

#include "tests/unit/cmocka_wrap.h"

#include <time.h>

static int64_t fake_mono(void *self) {
    return *(int64_t *)self;
}
static int64_t fake_wall(void *self) {
    return *(int64_t *)self * 2;
}

static void system_clock_runs(void **state) {
    int64_t a = clock_mono_ns();
    int64_t cpu = clock_thread_cpu_ns();
    volatile unsigned x = 0;
    while (clock_thread_cpu_ns() == cpu)
        x++;
    assert_true(clock_mono_ns() > a);
    int64_t wall = clock_wall_ms(), now = (int64_t)time(NULL) * 1000;
    assert_in_range(wall, now - 2000, now + 2000);
    assert_in_range(clock_wall_ns() / 1000000, wall, wall + 2000);
}

static void replaced_clock_is_used_until_restored(void **state) {
    int64_t t = 42;
    clock_replace(&(struct clock_ops){fake_mono, fake_wall, &t});
    assert_int_equal(clock_mono_ns(), 42);
    t = 50;
    assert_int_equal(clock_mono_ns(), 50);
    assert_int_equal(clock_wall_ms(), 100);
    assert_int_equal(clock_wall_ns(), 100000000);
    clock_replace(NULL);
    assert_true(clock_wall_ms() > 1600000000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_clock_runs),
        cmocka_unit_test(replaced_clock_is_used_until_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
