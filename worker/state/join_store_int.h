/* join_store_int.h - inside a join store: join_store.c and join_store_save.c alone include this. */
#ifndef PENSTOCK_WORKER_STATE_JOIN_STORE_INT_H
#define PENSTOCK_WORKER_STATE_JOIN_STORE_INT_H

#include "worker/state/changes.h"
#include "worker/state/join_store.h"

/* Between the orders of two entries, so that one can be put in between. */
#define ENTRY_ORDER_GAP (1ll << 20)

struct join_tracking; /* join_store_save.c */

struct join_store {
    int n_keys;
    struct row_pack *pack;
    struct state_table *table;
    struct var_memory rows;
    struct str scratch;
    uint64_t n_rows, n_large; /* n_large: entries with memory of their own */
    int64_t ttl_ms, now_ms, dead_ms;
    uint64_t age_pos;
    struct join_tracking *tracking; /* NULL: nobody takes checkpoints */
    struct state_table *load_index; /* while a snapshot is loaded: (key, order) -> entry */
};

/* An entry of packed_bytes, no key's yet; its row is to be filled in. */
struct join_entry *join_store_alloc(struct join_store *s, uint32_t packed_bytes, int64_t time);

/* With s->tracking: an entry has come, is about to go, or all of a key's get new orders. */
void join_store_comes(struct join_store *s, struct join_entry *e);
void join_store_goes(struct join_store *s, struct join_entry *e);
void join_store_renumber(struct join_store *s, struct join_key *k);
void join_store_release_tracking(struct join_store *s);

#endif
