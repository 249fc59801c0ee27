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

/* The next one in turn that isn't blocked; the next one in turn if all are. */
static uint32_t pick_free(struct output *o) {
    for (uint32_t i = 0; i < o->n_dests; i++) {
        uint32_t d = (o->turn + i) % o->n_dests;
        if (o->dests[d].blocked) continue;
        o->turn = d + 1;
        return d;
    }
    return o->turn++ % o->n_dests;
}

static const struct router_ops routers[] = {
    [ROUTING_FORWARD] = {"forward", false, pick_first, any_blocked},
    [ROUTING_HASH] = {"hash", true, NULL, any_blocked},
    [ROUTING_RESCALE] = {"rescale", false, pick_free, all_blocked},
    [ROUTING_REBALANCE] = {"rebalance", false, pick_free, all_blocked},
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
