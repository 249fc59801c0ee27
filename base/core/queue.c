/* queue.c - bounded queues between threads. */
#include "base/core/queue.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static size_t round_up_pow2(size_t n, size_t least) {
    CHECKF(n > 0 && n <= QUEUE_CAPACITY_MAX, "queue capacity %zu", n);
    size_t c = least;
    while (c < n)
        c *= 2;
    return c;
}

/* ---- spsc ---------------------------------------------------------------------------------- */

void spsc_init(struct spsc *q, size_t capacity) {
    size_t c = round_up_pow2(capacity, 1);
    q->mask = c - 1;
    q->cells = mem_calloc(c, sizeof(*q->cells));
    atomic_init(&q->tail, 0);
    atomic_init(&q->head, 0);
    q->head_seen = q->tail_seen = 0;
}

void spsc_release(struct spsc *q) {
    free(q->cells);
    q->cells = NULL;
}

bool spsc_push(struct spsc *q, void *p) {
    CHECK(p);
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed); /* only we store it */
    if (tail - q->head_seen > q->mask) {
        /* Acquire pairs with the consumer's release: its read of the cell is over before we write
         * there again. */
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (tail - q->head_seen > q->mask) return false;
    }
    q->cells[tail & q->mask] = p;
    /* Release: the cell, and what p points at, is visible before the new tail is. */
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return true;
}

void *spsc_peek(struct spsc *q) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed); /* only we store it */
    if (head == q->tail_seen) {
        /* Acquire pairs with the producer's release. */
        q->tail_seen = atomic_load_explicit(&q->tail, memory_order_acquire);
        if (head == q->tail_seen) return NULL;
    }
    return q->cells[head & q->mask];
}

void *spsc_pop(struct spsc *q) {
    void *p = spsc_peek(q);
    if (!p) return NULL;
    /* Release: our read of the cell is over before the producer sees it free. */
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
    return p;
}

size_t spsc_len(const struct spsc *q) {
    /* Head first: it never passes the tail, so the difference can't turn negative. */
    size_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    size_t len = atomic_load_explicit(&q->tail, memory_order_acquire) - head;
    return MIN(len, q->mask + 1);
}

size_t spsc_capacity(const struct spsc *q) {
    return q->mask + 1;
}

/* ---- mpsc ---------------------------------------------------------------------------------- */

/* cell.seq says whose turn it is: == position: a producer's; == position + 1: the consumer's; after
 * the pop it becomes position + capacity, the producer's turn of the next round. With one cell both
 * would be the same number, hence at least two. */
void mpsc_init(struct mpsc *q, size_t capacity) {
    size_t c = round_up_pow2(capacity, 2);
    q->mask = c - 1;
    q->cells = mem_calloc(c, sizeof(*q->cells));
    for (size_t i = 0; i < c; i++)
        atomic_init(&q->cells[i].seq, i);
    atomic_init(&q->tail, 0);
    atomic_init(&q->head, 0);
}

void mpsc_release(struct mpsc *q) {
    free(q->cells);
    q->cells = NULL;
}

bool mpsc_push(struct mpsc *q, void *p) {
    CHECK(p);
    size_t pos = atomic_load_explicit(&q->tail, memory_order_relaxed);
    for (;;) {
        struct mpsc_cell *cell = &q->cells[pos & q->mask];
        /* Acquire pairs with the consumer's release of the cell. */
        size_t seq = atomic_load_explicit(&cell->seq, memory_order_acquire);
        if (seq == pos) {
            /* Relaxed: taking the place publishes nothing; seq below does. */
            if (atomic_compare_exchange_weak_explicit(&q->tail, &pos, pos + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                cell->p = p;
                /* Release: p is visible before the consumer's turn is. */
                atomic_store_explicit(&cell->seq, pos + 1, memory_order_release);
                return true;
            }
        } else if ((ptrdiff_t)(seq - pos) < 0) {
            return false; /* the cell still holds the last round's pointer */
        } else {
            pos = atomic_load_explicit(&q->tail, memory_order_relaxed); /* others went ahead */
        }
    }
}

void *mpsc_pop(struct mpsc *q) {
    size_t pos = atomic_load_explicit(&q->head, memory_order_relaxed); /* only we store it */
    struct mpsc_cell *cell = &q->cells[pos & q->mask];
    /* Acquire pairs with the producer's release. */
    if (atomic_load_explicit(&cell->seq, memory_order_acquire) != pos + 1) return NULL;
    void *p = cell->p;
    /* Release: our read is over before a producer sees its turn. */
    atomic_store_explicit(&cell->seq, pos + q->mask + 1, memory_order_release);
    atomic_store_explicit(&q->head, pos + 1, memory_order_relaxed); /* for mpsc_len alone */
    return p;
}

size_t mpsc_len(const struct mpsc *q) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    ptrdiff_t len = (ptrdiff_t)(atomic_load_explicit(&q->tail, memory_order_relaxed) - head);
    return len < 0 ? 0 : MIN((size_t)len, q->mask + 1);
}

size_t mpsc_capacity(const struct mpsc *q) {
    return q->mask + 1;
}

/* ---- queue --------------------------------------------------------------------------------- */

struct queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t room, filled;
    void **cells;
    size_t capacity, head, len;
    bool closed;
};

struct queue *queue_new(size_t capacity) {
    CHECKF(capacity > 0 && capacity <= QUEUE_CAPACITY_MAX, "queue capacity %zu", capacity);
    struct queue *q = mem_zalloc(sizeof(*q));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->room, &attr);
    pthread_cond_init(&q->filled, &attr);
    pthread_condattr_destroy(&attr);
    q->cells = mem_calloc(capacity, sizeof(*q->cells));
    q->capacity = capacity;
    return q;
}

void queue_free(struct queue *q) {
    if (!q) return;
    pthread_cond_destroy(&q->room);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    free(q->cells);
    free(q);
}

static struct timespec deadline_after(int64_t timeout_ms) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += timeout_ms % 1000 * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* Waits for cond with the lock held; false when the time is up. */
static bool wait_on(struct queue *q, pthread_cond_t *cond, const struct timespec *deadline) {
    if (!deadline) {
        pthread_cond_wait(cond, &q->lock);
        return true;
    }
    return pthread_cond_timedwait(cond, &q->lock, deadline) != ETIMEDOUT;
}

enum queue_result queue_push(struct queue *q, void *p, int64_t timeout_ms) {
    CHECK(p);
    struct timespec ts = deadline_after(timeout_ms > 0 ? timeout_ms : 0);
    enum queue_result r = QUEUE_OK;
    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->len == q->capacity && r == QUEUE_OK) {
        if (timeout_ms == 0) {
            r = QUEUE_FULL;
        } else if (!wait_on(q, &q->room, timeout_ms > 0 ? &ts : NULL) && q->len == q->capacity) {
            r = QUEUE_TIMEOUT;
        }
    }
    if (q->closed) r = QUEUE_CLOSED;
    if (r == QUEUE_OK) {
        q->cells[(q->head + q->len++) % q->capacity] = p;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return r;
}

enum queue_result queue_pop(struct queue *q, void **ret_p, int64_t timeout_ms) {
    struct timespec ts = deadline_after(timeout_ms > 0 ? timeout_ms : 0);
    enum queue_result r = QUEUE_OK;
    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->len == 0 && r == QUEUE_OK) {
        if (timeout_ms == 0) {
            r = QUEUE_EMPTY;
        } else if (!wait_on(q, &q->filled, timeout_ms > 0 ? &ts : NULL) && q->len == 0) {
            r = QUEUE_TIMEOUT;
        }
    }
    if (q->len) {
        *ret_p = q->cells[q->head];
        q->head = (q->head + 1) % q->capacity;
        q->len--;
        r = QUEUE_OK;
        pthread_cond_signal(&q->room);
    } else if (q->closed) {
        r = QUEUE_CLOSED;
    }
    pthread_mutex_unlock(&q->lock);
    return r;
}

void queue_close(struct queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->room);
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_len(struct queue *q) {
    pthread_mutex_lock(&q->lock);
    size_t n = q->len;
    pthread_mutex_unlock(&q->lock);
    return n;
}
