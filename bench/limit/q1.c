/* q1.c - every bid as a row, its price in euros as a DECIMAL(23, 3). */
#include "bench/limit/limit.h"

#include <stdio.h>

struct row {
    int64_t auction, bidder;
    i128 price;
    int64_t time_ms;
    struct strv extra;
};

struct state {
    struct row out[BATCH_ROWS_MAX];
    uint64_t n;
};

static void work(void *state, const struct limit_bids *b) {
    struct state *s = state;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t r = b->rows[i];
        s->out[i] = (struct row){b->auction[r], b->bidder[r], (i128)b->price[r] * 908,
                                 b->time_ms[r], b->extra[r]};
    }
    s->n += b->n;
}

static void finish(void *const *states, int n_states) {
    uint64_t n = 0;
    for (int i = 0; i < n_states; i++)
        n += ((struct state *)states[i])->n;
    printf("%llu rows\n", (unsigned long long)n);
}

const struct limit_query limit_query = {sizeof(struct state), work, finish};
