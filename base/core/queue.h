/* queue.h - bounded queues of pointers between threads.
 *
 * spsc   one producer, one consumer: wait-free ring.
 * mpsc   many producers, one consumer: lock-free ring with a sequence number per cell (D. Vyukov,
 *        "Bounded MPMC queue", 1024cores.net, with one consumer).
 * queue  many producers, many consumers: mutex and condition variables, blocking, closable.
 *
 * The rings never block and never call the kernel: who needs to sleep puts a wake-up on top. NULL
 * can't be queued. What is left in a queue when it is released belongs to the caller. */
#ifndef PENSTOCK_BASE_CORE_QUEUE_H
#define PENSTOCK_BASE_CORE_QUEUE_H

#include "base/core/attr.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CACHE_LINE_BYTES = 64, QUEUE_CAPACITY_MAX = 1 << 24 };

/* ---- one producer, one consumer ---- */

struct spsc {
    size_t mask;
    void **cells;
    /* Each side's counter sits on a line of its own beside its last look at the other's, so that
     * the line travels only when the ring seems full or empty. Counters run freely and wrap. */
    _Alignas(CACHE_LINE_BYTES) atomic_size_t tail; /* next to write; stored by the producer */
    size_t head_seen;
    _Alignas(CACHE_LINE_BYTES) atomic_size_t head; /* next to read; stored by the consumer */
    size_t tail_seen;
};

/* capacity is rounded up to a power of two. */
void spsc_init(struct spsc *q, size_t capacity);
void spsc_release(struct spsc *q);
bool spsc_push(struct spsc *q, void *p); /* producer; false = full */
void *spsc_pop(struct spsc *q);          /* consumer; NULL = empty */
void *spsc_peek(struct spsc *q);         /* consumer; the next one, left in place */
size_t spsc_len(const struct spsc *q);   /* any thread; exact only when both sides rest */
size_t spsc_capacity(const struct spsc *q);

/* ---- many producers, one consumer ---- */

struct mpsc_cell {
    atomic_size_t seq;
    void *p;
};

struct mpsc {
    size_t mask;
    struct mpsc_cell *cells;
    _Alignas(CACHE_LINE_BYTES) atomic_size_t tail; /* next to write; taken by producers */
    _Alignas(CACHE_LINE_BYTES) atomic_size_t head; /* next to read; stored by the consumer */
};

void mpsc_init(struct mpsc *q, size_t capacity); /* rounded up to a power of two, at least 2 */
void mpsc_release(struct mpsc *q);
bool mpsc_push(struct mpsc *q, void *p); /* any thread; false = full */
/* Consumer. NULL = empty, or the oldest place is taken but not yet filled by its producer, who will
 * be done at once. */
void *mpsc_pop(struct mpsc *q);
size_t mpsc_len(const struct mpsc *q); /* any thread; a hint */
size_t mpsc_capacity(const struct mpsc *q);

/* ---- blocking ---- */

struct queue;
enum queue_result { QUEUE_OK, QUEUE_FULL, QUEUE_EMPTY, QUEUE_TIMEOUT, QUEUE_CLOSED };

struct queue *queue_new(size_t capacity);
void queue_free(struct queue *q); /* nobody may be waiting; NULL is fine */
/* timeout_ms: 0 = don't wait (QUEUE_FULL, QUEUE_EMPTY), negative = as long as it takes. */
enum queue_result queue_push(struct queue *q, void *p, int64_t timeout_ms) ATTR_MUST_USE;
/* After queue_close what is left can still be popped; then QUEUE_CLOSED. */
enum queue_result queue_pop(struct queue *q, void **ret_p, int64_t timeout_ms) ATTR_MUST_USE;
/* No further push succeeds; wakes everybody who waits. */
void queue_close(struct queue *q);
size_t queue_len(struct queue *q);

#endif
