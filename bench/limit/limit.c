/* limit.c - threads, events and the table of the hand-written programs: PROGRAM EVENTS THREADS. */
#include "bench/limit/limit.h"

#include "base/core/clock.h"
#include "base/core/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const struct nexmark_config config = {.person_proportion = 1,
                                             .auction_proportion = 3,
                                             .bid_proportion = 46,
                                             .person_size = 200,
                                             .auction_size = 500,
                                             .bid_size = 100,
                                             .hot_auction_ratio = 2,
                                             .hot_bidder_ratio = 4,
                                             .hot_seller_ratio = 4,
                                             .in_flight_auctions = 100,
                                             .active_people = 1000,
                                             .total = 50};
enum { EVENTS_PER_SECOND = 10000000 };

struct share {
    struct nexmark_range range;
    void *state;
};

static const struct type *leaf_type(enum nexmark_field f) {
    static const struct type time3 = {.kind = TYPE_TIMESTAMP, .nullable = true, .precision = 3};
    switch (f) {
    case NX_EVENT_TYPE:
        return type_of(TYPE_INT);
    case NX_PERSON_TIME:
    case NX_AUCTION_TIME:
    case NX_AUCTION_EXPIRES:
    case NX_BID_TIME:
        return &time3;
    case NX_PERSON_ID:
    case NX_AUCTION_ID:
    case NX_AUCTION_INITIAL_BID:
    case NX_AUCTION_RESERVE:
    case NX_AUCTION_SELLER:
    case NX_AUCTION_CATEGORY:
    case NX_BID_AUCTION:
    case NX_BID_BIDDER:
    case NX_BID_PRICE:
        return type_of(TYPE_BIGINT);
    default:
        return type_of(TYPE_VARCHAR);
    }
}

static void work_batch(struct share *s, const struct nexmark_batch *b) {
    uint32_t rows[BATCH_ROWS_MAX], n = 0;
    const uint64_t *valid = (const uint64_t *)b->bid_valid->data;
    for (uint32_t w = 0; w < valid_words(b->n); w++) {
        uint64_t bits = valid[w];
        if (b->n - w * 64 < 64) bits &= (1ull << (b->n - w * 64)) - 1;
        for (; bits; bits &= bits - 1)
            rows[n++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    struct limit_bids bids = {.n = n,
                              .rows = rows,
                              .auction = b->field[NX_BID_AUCTION].data,
                              .bidder = b->field[NX_BID_BIDDER].data,
                              .price = b->field[NX_BID_PRICE].data,
                              .time_ms = b->field[NX_BID_TIME].data,
                              .extra = b->field[NX_BID_EXTRA].data};
    limit_query.work(s->state, &bids);
}

static void *run_share(void *arg) {
    struct share *s = arg;
    const struct type *leaf[NX_FIELDS];
    for (int f = 0; f < NX_FIELDS; f++)
        leaf[f] = leaf_type((enum nexmark_field)f);
    struct nexmark_text *text = nexmark_text_new(config.seed);
    struct nexmark_spares spares = {0};
    for (int64_t count = 0; count < s->range.max_events;) {
        uint32_t n = (uint32_t)MIN(s->range.max_events - count, (int64_t)BATCH_ROWS_MAX);
        struct nexmark_batch b;
        nexmark_generate(&config, &s->range, text, count, n, NX_ALL_FIELDS, leaf, &spares, &b);
        work_batch(s, &b);
        nexmark_batch_release(&b);
        count += n;
    }
    nexmark_spares_release(&spares);
    nexmark_text_free(text);
    return NULL;
}

int main(int argc, char **argv) {
    enum { THREADS_MAX = 64 };
    if (argc != 3) return fprintf(stderr, "usage: %s EVENTS THREADS\n", argv[0]), 2;
    int64_t events = atoll(argv[1]);
    int n = atoi(argv[2]);
    if (events < 1 || n < 1 || n > THREADS_MAX) return fprintf(stderr, "out of range\n"), 2;
    pthread_t threads[THREADS_MAX];
    struct share shares[THREADS_MAX];
    void *states[THREADS_MAX];
    int64_t now = clock_wall_ms();
    for (int i = 0; i < n; i++) {
        states[i] = mem_zalloc(limit_query.state_bytes);
        shares[i] = (struct share){
            nexmark_range_of(&config, events, -1, EVENTS_PER_SECOND, now, n, i), states[i]};
        CHECK(pthread_create(&threads[i], NULL, run_share, &shares[i]) == 0);
    }
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    limit_query.finish(states, n);
    for (int i = 0; i < n; i++)
        free(states[i]);
    return 0;
}

/* ---- table ---- */

static uint64_t slot_number(const struct limit_table *t, int64_t key) {
    return ((uint64_t)key * 0x9E3779B97F4A7C15u >> 20) & t->mask;
}

static void grow(struct limit_table *t) {
    struct limit_table old = *t;
    uint64_t slots = old.slots ? (old.mask + 1) * 2 : 1024;
    t->mask = slots - 1;
    t->slots = mem_calloc(slots, sizeof *t->slots);
    t->n = 0;
    for (uint64_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].key) limit_slot_of(t, old.slots[i].key)->value = old.slots[i].value;
    free(old.slots);
}

struct limit_slot *limit_slot_of(struct limit_table *t, int64_t key) {
    if (!t->slots || t->n * 2 > t->mask) grow(t);
    uint64_t s = slot_number(t, key);
    while (t->slots[s].key && t->slots[s].key != key)
        s = (s + 1) & t->mask;
    if (!t->slots[s].key) {
        t->slots[s].key = key;
        t->n++;
    }
    return &t->slots[s];
}

void limit_table_release(struct limit_table *t) {
    free(t->slots);
    *t = (struct limit_table){0};
}
