/* q5.c - the auctions with the most bids of ten seconds, every two seconds: counts per auction and
 * slice of two seconds, a window is five slices. */
#include "bench/limit/limit.h"

#include "base/core/err.h"

#include <stdio.h>
#include <string.h>

enum { SLICE_MS = 2000, SLICES_PER_WINDOW = 5, SLICES_MAX = 4096 };

struct state {
    int64_t first; /* number of the first slice */
    uint32_t n_slices;
    struct limit_table slices[SLICES_MAX];
};

static void work(void *state, const struct limit_bids *b) {
    struct state *s = state;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t r = b->rows[i];
        int64_t slice = b->time_ms[r] / SLICE_MS;
        if (!s->n_slices) s->first = slice;
        uint64_t k = (uint64_t)(slice - s->first); /* time never goes back within a thread */
        CHECKF(k < SLICES_MAX, "more than %d slices", SLICES_MAX);
        if (k >= s->n_slices) s->n_slices = (uint32_t)k + 1;
        limit_slot_of(&s->slices[k], b->auction[r])->value++;
    }
}

static void add_slice(struct limit_table *sum, void *const *states, int n_states, int64_t slice) {
    for (int i = 0; i < n_states; i++) {
        struct state *s = states[i];
        int64_t k = slice - s->first;
        if (k < 0 || k >= s->n_slices) continue;
        const struct limit_table *t = &s->slices[k];
        for (uint64_t j = 0; t->slots && j <= t->mask; j++)
            if (t->slots[j].key) limit_slot_of(sum, t->slots[j].key)->value += t->slots[j].value;
    }
}

static void print_best(const struct limit_table *sum, int64_t end_ms) {
    int64_t best = 0;
    for (uint64_t i = 0; sum->slots && i <= sum->mask; i++)
        if (sum->slots[i].key) best = MAX(best, sum->slots[i].value);
    for (uint64_t i = 0; best && i <= sum->mask; i++)
        if (sum->slots[i].key && sum->slots[i].value == best)
            printf("%lld: %lld bids on %lld\n", (long long)end_ms, (long long)best,
                   (long long)sum->slots[i].key);
}

static void finish(void *const *states, int n_states) {
    int64_t first = INT64_MAX, end = INT64_MIN;
    for (int i = 0; i < n_states; i++) {
        const struct state *s = states[i];
        if (!s->n_slices) continue;
        first = MIN(first, s->first);
        end = MAX(end, s->first + s->n_slices);
    }
    for (int64_t last = first; first < end && last < end + SLICES_PER_WINDOW - 1; last++) {
        struct limit_table sum = {0};
        for (int64_t k = last - SLICES_PER_WINDOW + 1; k <= last; k++)
            add_slice(&sum, states, n_states, k);
        print_best(&sum, (last + 1) * SLICE_MS);
        limit_table_release(&sum);
    }
    for (int i = 0; i < n_states; i++)
        for (uint32_t k = 0; k < ((struct state *)states[i])->n_slices; k++)
            limit_table_release(&((struct state *)states[i])->slices[k]);
}

const struct limit_query limit_query = {sizeof(struct state), work, finish};
