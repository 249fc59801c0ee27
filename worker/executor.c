/* executor.c - run queues, parking and due times. The queue is a list under a mutex: it is touched
 * once per turn, not per batch, and the lock is seldom contended. */
#include "worker/executor.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A runnable is in a queue exactly when NOTIFIED is set and RUNNING isn't. */
enum { RUNNING = 1, NOTIFIED = 2, DONE = 4 };

struct executor {
    struct thread thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct runnable *head, **tail; /* under lock */
    bool parked, stop;             /* under lock */
    /* Executor thread only: min-heap by due_ns, 1-based. */
    struct runnable **heap;
    size_t heap_len, heap_cap;
    _Atomic uint64_t turns, busy_ns, parked_ns; /* relaxed; written by the thread alone */
};

struct executor_pool {
    int n;
    struct executor *executors;
};

/* ---- due times: a binary heap that knows where each runnable is ----------------------------- */

static void heap_place(struct executor *x, size_t pos, struct runnable *r) {
    x->heap[pos] = r;
    r->heap_pos = pos;
}

static void heap_up(struct executor *x, size_t pos, struct runnable *r) {
    for (; pos > 1 && x->heap[pos / 2]->due_ns > r->due_ns; pos /= 2)
        heap_place(x, pos, x->heap[pos / 2]);
    heap_place(x, pos, r);
}

static void heap_down(struct executor *x, size_t pos, struct runnable *r) {
    for (size_t child; (child = pos * 2) <= x->heap_len; pos = child) {
        if (child < x->heap_len && x->heap[child + 1]->due_ns < x->heap[child]->due_ns) child++;
        if (x->heap[child]->due_ns >= r->due_ns) break;
        heap_place(x, pos, x->heap[child]);
    }
    heap_place(x, pos, r);
}

static void timer_remove(struct executor *x, struct runnable *r) {
    size_t pos = r->heap_pos;
    if (!pos) return;
    r->heap_pos = 0;
    struct runnable *last = x->heap[x->heap_len--];
    if (last == r) return;
    if (pos > 1 && x->heap[pos / 2]->due_ns > last->due_ns)
        heap_up(x, pos, last);
    else
        heap_down(x, pos, last);
}

static void timer_set(struct executor *x, struct runnable *r, int64_t due_ns) {
    if (r->heap_pos && r->due_ns == due_ns) return;
    timer_remove(x, r);
    if (due_ns == INT64_MAX) return;
    r->due_ns = due_ns;
    if (x->heap_len + 1 >= x->heap_cap) {
        x->heap_cap = x->heap_cap ? x->heap_cap * 2 : 64;
        x->heap = mem_reallocarray(x->heap, x->heap_cap, sizeof(struct runnable *));
    }
    heap_up(x, ++x->heap_len, r);
}

/* ---- queue ---------------------------------------------------------------------------------- */

static void enqueue(struct executor *x, struct runnable *r) {
    r->next = NULL;
    pthread_mutex_lock(&x->lock);
    *x->tail = r;
    x->tail = &r->next;
    bool unpark = x->parked;
    x->parked = false;
    pthread_mutex_unlock(&x->lock);
    if (unpark) pthread_cond_signal(&x->cond);
}

void runnable_init(struct runnable *r, const struct runnable_ops *ops, struct executor *executor) {
    *r = (struct runnable){.ops = ops, .executor = executor};
    atomic_init(&r->state, 0);
}

void runnable_wake(struct runnable *r) {
    /* A read-modify-write in any case (not load-then-set): what the waker published before is then
     * seen by the turn that this wake, or the one already noted, leads to. */
    if (atomic_fetch_or(&r->state, NOTIFIED) == 0) enqueue(r->executor, r);
}

bool runnable_is_done(const struct runnable *r) {
    return atomic_load(&r->state) & DONE;
}

/* Due runnables become notified; returns the next due time. */
static int64_t timers_fire(struct executor *x, int64_t now_ns) {
    while (x->heap_len && x->heap[1]->due_ns <= now_ns) {
        struct runnable *r = x->heap[1];
        timer_remove(x, r);
        runnable_wake(r);
    }
    return x->heap_len ? x->heap[1]->due_ns : INT64_MAX;
}

/* Sleeps until something is queued, due_ns or stop. Lock held. */
static void park(struct executor *x, int64_t due_ns) {
    x->parked = true;
    while (x->parked && !x->stop) {
        if (due_ns == INT64_MAX) {
            pthread_cond_wait(&x->cond, &x->lock);
            continue;
        }
        struct timespec ts = {due_ns / 1000000000, due_ns % 1000000000};
        if (pthread_cond_timedwait(&x->cond, &x->lock, &ts) == ETIMEDOUT) break;
    }
    x->parked = false;
}

static void run_turn(struct executor *x, struct runnable *r, int64_t now_ns) {
    /* Wakes from here on count for the turn after this one. Exchanges, not stores: reading what a
     * waker wrote is what makes visible the things it published before. */
    atomic_exchange(&r->state, RUNNING);
    int64_t wake_ns = INT64_MAX;
    switch (r->ops->turn(r, now_ns, &wake_ns)) {
    case TURN_AGAIN:
        atomic_exchange(&r->state, NOTIFIED);
        enqueue(x, r);
        break;
    case TURN_WAIT: {
        timer_set(x, r, wake_ns);
        unsigned running = RUNNING;
        if (!atomic_compare_exchange_strong(&r->state, &running, 0)) {
            atomic_exchange(&r->state, NOTIFIED);
            enqueue(x, r);
        }
        break;
    }
    case TURN_DONE:
        timer_remove(x, r);
        atomic_store(&r->state, DONE);
        r->ops->done(r);
        break;
    }
}

static void count(_Atomic uint64_t *counter, int64_t add) {
    uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, v + (uint64_t)add, memory_order_relaxed);
}

static void executor_main(void *arg) {
    struct executor *x = arg;
    int64_t now_ns = clock_mono_ns();
    for (;;) {
        int64_t due_ns = timers_fire(x, now_ns);
        pthread_mutex_lock(&x->lock);
        struct runnable *r = x->head;
        if (!r) {
            if (x->stop) break;
            park(x, due_ns);
            pthread_mutex_unlock(&x->lock);
            int64_t woken_ns = clock_mono_ns();
            count(&x->parked_ns, woken_ns - now_ns);
            now_ns = woken_ns;
            continue;
        }
        x->head = r->next;
        if (!x->head) x->tail = &x->head;
        pthread_mutex_unlock(&x->lock);
        run_turn(x, r, now_ns);
        int64_t end_ns = clock_mono_ns();
        count(&x->turns, 1);
        count(&x->busy_ns, end_ns - now_ns);
        now_ns = end_ns;
    }
    pthread_mutex_unlock(&x->lock);
}

/* ---- pool ----------------------------------------------------------------------------------- */

static int executor_start(struct executor *x, int number, struct err *err) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&x->cond, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&x->lock, NULL);
    x->tail = &x->head;
    char name[THREAD_NAME_MAX + 1];
    snprintf(name, sizeof(name), "executor-%u", (unsigned)number % 10000u);
    return thread_start(&x->thread, name, executor_main, x, err);
}

int executor_pool_new(int n, struct executor_pool **ret, struct err *err) {
    if (n < 1 || n > EXECUTORS_MAX)
        return err_set(err, ERR_INVALID, "%d executors: must be 1 to %d", n, EXECUTORS_MAX);
    struct executor_pool *p = mem_zalloc(sizeof(*p));
    p->executors = mem_calloc((size_t)n, sizeof(*p->executors));
    for (; p->n < n; p->n++) {
        int rc = executor_start(&p->executors[p->n], p->n, err);
        if (rc) {
            p->n++; /* that one has a lock to be destroyed */
            executor_pool_free(p);
            return rc;
        }
    }
    *ret = p;
    return 0;
}

void executor_pool_free(struct executor_pool *p) {
    if (!p) return;
    for (int i = 0; i < p->n; i++) {
        struct executor *x = &p->executors[i];
        pthread_mutex_lock(&x->lock);
        x->stop = true;
        pthread_mutex_unlock(&x->lock);
        pthread_cond_signal(&x->cond);
    }
    for (int i = 0; i < p->n; i++) {
        struct executor *x = &p->executors[i];
        thread_join(&x->thread);
        pthread_cond_destroy(&x->cond);
        pthread_mutex_destroy(&x->lock);
        free(x->heap);
    }
    free(p->executors);
    free(p);
}

int executor_pool_size(const struct executor_pool *p) {
    return p->n;
}

struct executor *executor_pool_get(struct executor_pool *p, int i) {
    CHECK(i >= 0 && i < p->n);
    return &p->executors[i];
}

struct executor_stats executor_stats(const struct executor *x) {
    return (struct executor_stats){
        .turns = atomic_load_explicit(&x->turns, memory_order_relaxed),
        .busy_ns = atomic_load_explicit(&x->busy_ns, memory_order_relaxed),
        .parked_ns = atomic_load_explicit(&x->parked_ns, memory_order_relaxed),
    };
}
