/* time_queue.h - what is due when: a radix heap (Ahuja, Mehlhorn, Orlin, Tarjan, "Faster algorithms
 * for the shortest path problem", J. ACM 37:2, 1990). Time only moves on, so an item falls through
 * at most 64 buckets, by sequential copies; nothing is compared or sorted.
 *
 * It is derived from the state (whoever restores that pushes again), so it refers to items by
 * pointer. An item whose time has grown isn't moved: its owner pushes it again when it comes out
 * early. An item may not be freed while it is in here. One thread. */
#ifndef PENSTOCK_WORKER_STATE_TIME_QUEUE_H
#define PENSTOCK_WORKER_STATE_TIME_QUEUE_H

#include <stdint.h>

enum { TIME_BUCKETS = 65 };

struct time_entry {
    int64_t time;
    void *item;
};

struct time_bucket {
    struct time_entry *entries;
    uint32_t from, n, cap; /* from: only the bucket that is due is taken from in parts */
    int64_t least;         /* time there was since it was empty */
};

struct time_queue {
    uint64_t last; /* least time there can be, as an unsigned number */
    uint64_t n;
    struct time_bucket buckets[TIME_BUCKETS];
};

void time_queue_init(struct time_queue *q);
void time_queue_release(struct time_queue *q);
/* A time before those already taken is due at once. */
void time_queue_push(struct time_queue *q, int64_t time, void *item);
/* Takes up to `max` items of the least time if that is `upto` or earlier, in order of pushing.
 * None: no more are due. */
uint32_t time_queue_take(struct time_queue *q, int64_t upto, struct time_entry *ret, uint32_t max);
/* The least time; INT64_MAX if it is empty. */
int64_t time_queue_next(const struct time_queue *q);

#endif
