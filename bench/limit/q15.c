/* q15.c - bids, bidders and auctions of each day, by price: per bidder and auction a bit for each
 * level of price that was seen. */
#include "bench/limit/limit.h"

#include "base/core/err.h"

#include <stdio.h>

enum { DAYS_MAX = 16, LEVELS = 3, MS_PER_DAY = 86400000 };

struct day {
    int64_t number, bids[LEVELS];
    struct limit_table bidders, auctions; /* value: bits of the levels */
};

struct state {
    struct day days[DAYS_MAX];
    uint32_t n;
};

static struct day *day_of(struct state *s, int64_t number) {
    for (uint32_t i = s->n; i-- > 0;)
        if (s->days[i].number == number) return &s->days[i];
    CHECKF(s->n < DAYS_MAX, "more than %d days", DAYS_MAX);
    s->days[s->n].number = number;
    return &s->days[s->n++];
}

static int level_of(int64_t price) {
    return price < 10000 ? 0 : price < 1000000 ? 1 : 2;
}

static void work(void *state, const struct limit_bids *b) {
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t r = b->rows[i];
        struct day *d = day_of(state, b->time_ms[r] / MS_PER_DAY);
        int level = level_of(b->price[r]);
        d->bids[level]++;
        limit_slot_of(&d->bidders, b->bidder[r])->value |= 1 << level;
        limit_slot_of(&d->auctions, b->auction[r])->value |= 1 << level;
    }
}

static void merge_table(struct limit_table *to, struct limit_table *from) {
    for (uint64_t i = 0; from->slots && i <= from->mask; i++)
        if (from->slots[i].key)
            limit_slot_of(to, from->slots[i].key)->value |= from->slots[i].value;
    limit_table_release(from);
}

static void print_table(const char *what, struct limit_table *t) {
    int64_t n[LEVELS] = {0};
    for (uint64_t i = 0; t->slots && i <= t->mask; i++)
        for (int l = 0; t->slots[i].key && l < LEVELS; l++)
            n[l] += t->slots[i].value >> l & 1;
    printf("%llu %s: %lld, %lld, %lld\n", (unsigned long long)t->n, what, (long long)n[0],
           (long long)n[1], (long long)n[2]);
    limit_table_release(t);
}

static void finish(void *const *states, int n_states) {
    struct state *all = states[0];
    for (int i = 1; i < n_states; i++) {
        struct state *s = states[i];
        for (uint32_t k = 0; k < s->n; k++) {
            struct day *d = day_of(all, s->days[k].number);
            for (int l = 0; l < LEVELS; l++)
                d->bids[l] += s->days[k].bids[l];
            merge_table(&d->bidders, &s->days[k].bidders);
            merge_table(&d->auctions, &s->days[k].auctions);
        }
    }
    for (uint32_t k = 0; k < all->n; k++) {
        struct day *d = &all->days[k];
        printf("day %lld: %lld, %lld, %lld bids\n", (long long)d->number, (long long)d->bids[0],
               (long long)d->bids[1], (long long)d->bids[2]);
        print_table("bidders", &d->bidders);
        print_table("auctions", &d->auctions);
    }
}

const struct limit_query limit_query = {sizeof(struct state), work, finish};
