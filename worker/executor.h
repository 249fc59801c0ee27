/* executor.h - the threads that run tasks: one per core, each with a queue of runnables it runs in
 * turns. A runnable stays on the executor it was given (its memory stays in that core's cache) and
 * never blocks: a turn does a bounded amount of work and says what it waits for.
 *
 * Waking: runnable_wake may be called from any thread, any number of times; a wake that comes
 * during a turn leads to another turn, so none is lost. An executor without runnable work sleeps
 * on a condition variable until a wake or the next due time: an idle worker uses no CPU. */
#ifndef PENSTOCK_WORKER_EXECUTOR_H
#define PENSTOCK_WORKER_EXECUTOR_H

#include "base/core/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct executor;
struct executor_pool;
struct runnable;

enum turn_result {
    TURN_AGAIN, /* more to do: behind the others of this executor */
    TURN_WAIT,  /* nothing to do until a wake or *ret_wake_ns */
    TURN_DONE   /* never to be run again; further wakes do nothing */
};

struct runnable_ops {
    /* One turn, on the executor's thread. now_ns: monotonic, at its start. *ret_wake_ns is
     * INT64_MAX on entry; set for TURN_WAIT: monotonic time at which to run at the latest. */
    enum turn_result (*turn)(struct runnable *r, int64_t now_ns, int64_t *ret_wake_ns);
    /* After TURN_DONE, on the executor's thread, which touches the runnable no more. */
    void (*done)(struct runnable *r);
};

/* Embedded in what runs. */
struct runnable {
    const struct runnable_ops *ops;
    struct executor *executor;
    atomic_uint state; /* bits RUNNING, NOTIFIED, DONE; see executor.c */
    struct runnable *next;
    int64_t due_ns;  /* in the executor's timer heap; executor thread only */
    size_t heap_pos; /* 1-based; 0 = not in the heap */
};

enum { EXECUTORS_MAX = 1024 };

/* n threads, named executor-0...; they run until executor_pool_free. */
int executor_pool_new(int n, struct executor_pool **ret, struct err *err) ATTR_MUST_USE;
/* Every runnable must be done (or never have been woken). */
void executor_pool_free(struct executor_pool *p);
int executor_pool_size(const struct executor_pool *p);
struct executor *executor_pool_get(struct executor_pool *p, int i);

void runnable_init(struct runnable *r, const struct runnable_ops *ops, struct executor *executor);
/* Runs a turn soon. Any thread. */
void runnable_wake(struct runnable *r);
bool runnable_is_done(const struct runnable *r);

/* CPU time of the executor's thread and time asleep, in ns. Any thread; relaxed. */
struct executor_stats {
    uint64_t turns, busy_ns, parked_ns;
};
struct executor_stats executor_stats(const struct executor *x);

#endif
