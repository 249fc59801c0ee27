/* thread.h - named threads, and a bounded pool for work that blocks (files, name look-ups, calls
 * into libraries). Threads start with all signals blocked, so that signals reach the main thread.
 */
#ifndef PENSTOCK_BASE_CORE_THREAD_H
#define PENSTOCK_BASE_CORE_THREAD_H

#include "base/core/attr.h"
#include "base/core/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THREAD_NAME_MAX = 15, THREAD_STACK_BYTES = 1 << 20 };

struct thread {
    pthread_t id;
    bool started;
    char name[THREAD_NAME_MAX + 1];
    void (*fn)(void *arg);
    void *arg;
};

/* *t must stay where it is until thread_join. Longer names are cut. ERR_UNAVAILABLE if the system
 * has no more threads. */
int thread_start(struct thread *t, const char *name, void (*fn)(void *arg), void *arg,
                 struct err *err) ATTR_MUST_USE;
void thread_join(struct thread *t); /* nothing if it wasn't started */
void thread_set_name(const char *name);
int thread_cpu_count(void); /* CPUs this process may use: affinity and cgroup quota, at least 1 */

/* One thread's property: the first assert binds it. */
struct owner {
    pthread_t id;
    bool bound;
};
bool owner_is_here(struct owner *o);
#define owner_assert(o) CHECKF(owner_is_here(o), "called on a thread that doesn't own this")

/* ---- pool ---- */

struct io_pool;
enum { IO_POOL_THREADS_MAX = 64, IO_POOL_QUEUE_MAX = 4096 /* default of queue_max */ };

struct io_pool_options {
    const char *name; /* of its threads; NULL = "io" */
    int threads_max;  /* 0 = 4. They start when there is work and stay. */
    int queue_max;    /* jobs that may wait; 0 = IO_POOL_QUEUE_MAX */
};

/* One of the two is called once for each job: run on a pool thread, or, if the job was cancelled
 * before it began, drop on the thread that cancelled it. drop may be NULL. */
struct io_job {
    void (*run)(void *arg);
    void (*drop)(void *arg);
    void *arg;
};

int io_pool_new(const struct io_pool_options *opts, struct io_pool **ret_pool,
                struct err *err) ATTR_MUST_USE;
/* Drops what waits, lets what runs come to its end, joins. NULL is fine. Not on a pool thread. */
void io_pool_free(struct io_pool *p);
/* Any thread. ERR_UNAVAILABLE: the queue is full; neither run nor drop is called. ret_id may be
 * NULL. */
int io_pool_submit(struct io_pool *p, const struct io_job *job, uint64_t *ret_id,
                   struct err *err) ATTR_MUST_USE;
/* true: the job hadn't begun and was dropped; false: it runs, has run, or was dropped before. */
bool io_pool_cancel(struct io_pool *p, uint64_t id);
/* Waits until nothing waits and nothing runs. Not on a pool thread. */
void io_pool_drain(struct io_pool *p);
size_t io_pool_pending(struct io_pool *p); /* waiting and running */

#endif
