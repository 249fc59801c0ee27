/* clock.h - time, reached through one replaceable table so that tests can seed and replay it. */
#ifndef PENSTOCK_BASE_CORE_CLOCK_H
#define PENSTOCK_BASE_CORE_CLOCK_H

#include <stdint.h>

struct clock_ops {
    int64_t (*mono_ns)(void *self); /* monotonic, from an arbitrary start */
    int64_t (*wall_ms)(void *self); /* since the Unix epoch, UTC */
    void *self;
};

/* The process's clock: the system's unless a test replaced it. Any thread. */
int64_t clock_mono_ns(void);
int64_t clock_wall_ms(void);
int64_t clock_wall_ns(void);
int64_t clock_thread_cpu_ns(void); /* CPU time of the calling thread */
/* NULL restores the system's clock. Before threads start only. */
void clock_replace(const struct clock_ops *ops);

#endif
