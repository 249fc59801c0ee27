/* q2.c - bids on every 123rd auction. */
#include "bench/limit/limit.h"

#include <stdio.h>

struct state {
    int64_t out[BATCH_ROWS_MAX][2];
    uint64_t n;
};

static void work(void *state, const struct limit_bids *b) {
    struct state *s = state;
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t r = b->rows[i];
        if (b->auction[r] % 123) continue;
        s->out[n][0] = b->auction[r];
        s->out[n++][1] = b->price[r];
    }
    s->n += n;
}

static void finish(void *const *states, int n_states) {
    uint64_t n = 0;
    for (int i = 0; i < n_states; i++)
        n += ((struct state *)states[i])->n;
    printf("%llu rows\n", (unsigned long long)n);
}

const struct limit_query limit_query = {sizeof(struct state), work, finish};
