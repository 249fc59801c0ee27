/* agg_state_int.h - inside agg_state: agg_state.c and agg_group.c only. */
#ifndef PENSTOCK_WORKER_AGG_STATE_INT_H
#define PENSTOCK_WORKER_AGG_STATE_INT_H

#include "worker/agg_state.h"

struct agg_state {
    const struct agg_set *set;
    struct state_table *groups;
    bool borrowed;                 /* groups is the op's */
    struct state_table **distinct; /* keyed by (group's address, values) */
};

/* Chained sets: behind an entry's counts. The first of a group stands in the group. */
struct chain {
    char *prev, *next; /* entries */
};

struct chain *agg_chain_of(const struct agg_state *s, int d, char *entry);
char **agg_chain_head(const struct agg_state *s, int d, char *group);
void agg_chain_add(struct agg_state *s, int d, char *entry, char *group);

#endif
