/* limit.h - the limit that the engine is measured against: the simplest program by hand that does a
 * query's work on the events of the nexmark source. Every thread makes its share of the events
 * whole and works on a batch at a time; finish puts the threads' results together. */
#ifndef PENSTOCK_BENCH_LIMIT_LIMIT_H
#define PENSTOCK_BENCH_LIMIT_LIMIT_H

#include "connector/nexmark/generator.h"

/* The bids of a batch: the i-th one's fields are at rows[i] of the columns. */
struct limit_bids {
    uint32_t n;
    const uint32_t *rows;
    const int64_t *auction, *bidder, *price, *time_ms;
    const struct strv *extra;
};

struct limit_query {
    size_t state_bytes; /* of each thread, zeroed at first */
    void (*work)(void *state, const struct limit_bids *b);
    void (*finish)(void *const *states, int n_states); /* prints what came out */
};
extern const struct limit_query limit_query;

/* Counts by a number that is not 0, in open addressing. Zero is an empty table. */
struct limit_slot {
    int64_t key, value;
};
struct limit_table {
    struct limit_slot *slots;
    uint64_t mask, n;
};
struct limit_slot *limit_slot_of(struct limit_table *t, int64_t key); /* made with value 0 */
void limit_table_release(struct limit_table *t);

#endif
