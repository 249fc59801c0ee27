/* q7.c - the highest bids of each ten seconds: the best price of a window so far, and its bids. */
#include "bench/limit/limit.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_MS = 10000 };

struct bid {
    int64_t auction, bidder, price, time_ms;
    char *extra;
};

struct window {
    int64_t number, best;
    struct bid *bids;
    uint32_t n, cap;
};

struct state {
    struct window *windows;
    uint32_t n, cap;
};

static void drop_bids(struct window *w) {
    for (uint32_t i = 0; i < w->n; i++)
        free(w->bids[i].extra);
    w->n = 0;
}

static struct window *window_of(struct state *s, int64_t number) {
    for (uint32_t i = s->n; i-- > 0;)
        if (s->windows[i].number == number) return &s->windows[i];
    MEM_GROW(s->windows, s->n, s->cap);
    s->windows[s->n] = (struct window){.number = number};
    return &s->windows[s->n++];
}

static void work(void *state, const struct limit_bids *b) {
    struct state *s = state;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t r = b->rows[i];
        struct window *w = window_of(s, b->time_ms[r] / WINDOW_MS);
        if (b->price[r] < w->best) continue;
        if (b->price[r] > w->best) drop_bids(w);
        w->best = b->price[r];
        MEM_GROW(w->bids, w->n, w->cap);
        w->bids[w->n++] = (struct bid){b->auction[r], b->bidder[r], b->price[r], b->time_ms[r],
                                       mem_strndup(strv_data(&b->extra[r]), b->extra[r].len)};
    }
}

/* Whether another thread has a better bid of the window. */
static bool is_beaten(void *const *states, int n_states, const struct window *w) {
    for (int i = 0; i < n_states; i++) {
        const struct state *s = states[i];
        for (uint32_t k = 0; k < s->n; k++)
            if (s->windows[k].number == w->number && s->windows[k].best > w->best) return true;
    }
    return false;
}

static void finish(void *const *states, int n_states) {
    for (int i = 0; i < n_states; i++) {
        struct state *s = states[i];
        for (uint32_t k = 0; k < s->n; k++) {
            struct window *w = &s->windows[k];
            for (uint32_t j = 0; j < w->n && !is_beaten(states, n_states, w); j++)
                printf("%lld: %lld by %lld on %lld, %s\n", (long long)w->bids[j].time_ms,
                       (long long)w->bids[j].price, (long long)w->bids[j].bidder,
                       (long long)w->bids[j].auction, w->bids[j].extra);
        }
    }
    for (int i = 0; i < n_states; i++) {
        struct state *s = states[i];
        for (uint32_t k = 0; k < s->n; k++) {
            drop_bids(&s->windows[k]);
            free(s->windows[k].bids);
        }
        free(s->windows);
    }
}

const struct limit_query limit_query = {sizeof(struct state), work, finish};
