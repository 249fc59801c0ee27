/* router.c - where complete batches go, one router per enum routing, and the shape of edges. */
#include "worker/exchange/output.h"

#include "base/core/mem.h"

#include <stdlib.h>

static bool any_blocked(const struct output *o) {
    return o->n_blocked > 0;
}

static bool all_blocked(const struct output *o) {
    return o->n_blocked == o->n_dests;
}

static uint32_t pick_first(struct output *o) {
    return 0;
}

static uint32_t pick_all(struct output *o) {
    return ROUTE_ALL;
}

/* The one with the least that waits for it among the next CHOICES in turn that aren't blocked; of
 * equals the one in this process, then the first in turn. The next one in turn if all are blocked.
 * Looking at a few is nearly as good as looking at all (Mitzenmacher, "The power of two choices in
 * randomized load balancing", TPDS 2001). */
enum { CHOICES = 4 };

static uint32_t pick_least(struct output *o) {
    uint32_t best = UINT32_MAX, least = UINT32_MAX, seen = 0;
    bool best_remote = true;
    for (uint32_t i = 0; i < o->n_dests && seen < CHOICES; i++) {
        uint32_t d = (o->turn + i) % o->n_dests;
        const struct dest *dest = &o->dests[d];
        if (dest->blocked) continue;
        seen++;
        uint32_t backlog = channel_backlog(dest->ch);
        if (backlog > least || (backlog == least && (dest->remote || !best_remote))) continue;
        best = d;
        least = backlog;
        best_remote = dest->remote;
    }
    if (best == UINT32_MAX) return o->turn++ % o->n_dests;
    o->turn = best + 1;
    return best;
}

static const struct router_ops routers[] = {
    [ROUTING_FORWARD] = {"forward", false, pick_first, any_blocked},
    [ROUTING_HASH] = {"hash", true, NULL, any_blocked},
    [ROUTING_RESCALE] = {"rescale", false, pick_least, all_blocked},
    [ROUTING_REBALANCE] = {"rebalance", false, pick_least, all_blocked},
    [ROUTING_BROADCAST] = {"broadcast", false, pick_all, any_blocked},
    [ROUTING_GLOBAL] = {"global", false, pick_first, any_blocked},
};

const struct router_ops *router_of(enum routing r) {
    CHECK((size_t)r < ARRAY_LEN(routers) && routers[r].name);
    return &routers[r];
}

bool edge_connects(enum routing r, int from_parallelism, int to_parallelism, int from, int to) {
    switch (r) {
    case ROUTING_FORWARD:
        return from == to;
    case ROUTING_GLOBAL:
        return to == 0;
    case ROUTING_RESCALE:
        if (from_parallelism <= to_parallelism)
            return (int64_t)to * from_parallelism / to_parallelism == from;
        return (int64_t)from * to_parallelism / from_parallelism == to;
    case ROUTING_HASH:
    case ROUTING_REBALANCE:
    case ROUTING_BROADCAST:
        return true;
    }
    UNREACHABLE("routing %d", (int)r);
}

/* ---- routing tables ------------------------------------------------------------------------- */

struct routing_table *routing_table_new(uint64_t version, uint32_t n_groups) {
    struct routing_table *t = mem_zalloc(sizeof(*t) + n_groups * sizeof(t->dest[0]));
    atomic_init(&t->refs, 1);
    t->version = version;
    t->n_groups = n_groups;
    return t;
}

struct routing_table *routing_table_even(uint64_t version, uint32_t max_parallelism, int n_dests) {
    struct routing_table *t = routing_table_new(version, max_parallelism);
    for (uint32_t g = 0; g < max_parallelism; g++)
        t->dest[g] = (uint16_t)key_group_subtask(g, max_parallelism, (uint32_t)n_dests);
    return t;
}

struct routing_table *routing_table_ref(struct routing_table *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void routing_table_unref(struct routing_table *t) {
    if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) free(t);
}
