/* clock.c - the process's clock and its replacement in tests. */
#include "base/core/clock.h"

#include <stddef.h>
#include <time.h>

static struct clock_ops clock_replaced; /* functions NULL: the system's clock */

static int64_t clock_read_ns(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ns(void) {
    if (clock_replaced.mono_ns) return clock_replaced.mono_ns(clock_replaced.self);
    return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void) {
    if (clock_replaced.wall_ms) return clock_replaced.wall_ms(clock_replaced.self);
    return clock_read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_wall_ns(void) {
    if (clock_replaced.wall_ms) return clock_replaced.wall_ms(clock_replaced.self) * 1000000;
    return clock_read_ns(CLOCK_REALTIME);
}

int64_t clock_thread_cpu_ns(void) {
    return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

void clock_replace(const struct clock_ops *ops) {
    clock_replaced = ops ? *ops : (struct clock_ops){0};
}
