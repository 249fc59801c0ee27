/* time_queue.c - bucket b holds the times whose highest bit that differs from `last` is bit b - 1;
 * bucket 0 those that equal it. */
#include "worker/state/time_queue.h"

#include "base/core/attr.h"
#include "base/core/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 4 }; /* buckets whose items will soon be due */

/* Order is kept: the sign bit is turned. */
static uint64_t key_of(int64_t time) {
    return (uint64_t)time ^ (uint64_t)1 << 63;
}

static struct time_bucket *bucket_of(struct time_queue *q, uint64_t key) {
    uint64_t differs = key ^ q->last;
    return &q->buckets[key <= q->last ? 0 : 64 - __builtin_clzll(differs)];
}

void time_queue_init(struct time_queue *q) {
    memset(q, 0, sizeof *q);
}

void time_queue_release(struct time_queue *q) {
    for (int i = 0; i < TIME_BUCKETS; i++)
        free(q->buckets[i].entries);
    time_queue_init(q);
}

static void put(struct time_bucket *b, struct time_entry e) {
    if (b->from == b->n) b->from = b->n = 0;
    MEM_GROW(b->entries, b->n, b->cap);
    b->least = !b->n ? e.time : MIN(b->least, e.time);
    b->entries[b->n++] = e;
}

void time_queue_push(struct time_queue *q, int64_t time, void *item) {
    put(bucket_of(q, key_of(time)), (struct time_entry){time, item});
    q->n++;
}

static int first_filled(const struct time_queue *q) {
    int i = 0;
    while (i < TIME_BUCKETS && q->buckets[i].n == q->buckets[i].from)
        i++;
    return i;
}

int64_t time_queue_next(const struct time_queue *q) {
    int i = first_filled(q);
    return i == TIME_BUCKETS ? INT64_MAX : q->buckets[i].least;
}

/* The next bucket that holds anything falls to those below it. False: nothing is due. */
static bool advance(struct time_queue *q, int64_t upto) {
    int i = first_filled(q);
    if (i == TIME_BUCKETS) return false;
    struct time_bucket *b = &q->buckets[i];
    if (b->least > upto) return false;
    q->last = key_of(b->least);
    for (uint32_t k = 0; k < b->n; k++) {
        if (i <= NEAR) mem_prefetch(b->entries[k].item);
        put(bucket_of(q, key_of(b->entries[k].time)), b->entries[k]);
    }
    b->n = 0;
    return true;
}

uint32_t time_queue_take(struct time_queue *q, int64_t upto, struct time_entry *ret, uint32_t max) {
    struct time_bucket *due = &q->buckets[0];
    if (due->from == due->n) {
        due->from = due->n = 0;
        if (!advance(q, upto)) return 0;
    }
    uint32_t n = MIN(due->n - due->from, max);
    memcpy(ret, due->entries + due->from, n * sizeof *ret);
    due->from += n;
    q->n -= n;
    return n;
}
