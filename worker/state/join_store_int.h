/* join_store_int.h - inside a join store: join_store.c and join_store_save.c alone include this. */
#ifndef PENSTOCK_WORKER_STATE_JOIN_STORE_INT_H
#define PENSTOCK_WORKER_STATE_JOIN_STORE_INT_H

#include "worker/state/changes.h"
#include "worker/state/join_store.h"

struct join_tracking; /* join_store_save.c */

struct join_store {
    int n_keys;
    uint32_t before_bytes; /* what entries leave out of struct join_entry */
    struct row_pack *pack;
    struct state_table *table;
    struct var_memory rows;
    struct str scratch;
    uint64_t n_rows, n_large; /* n_large: entries with memory of their own */
    int64_t ttl_ms, now_ms, dead_ms;
    uint64_t age_pos;
    struct join_tracking *tracking; /* NULL: nobody takes checkpoints */
    struct state_table *load_index; /* while a snapshot is loaded: (key, order) -> entry */
    bool tracked;                   /* and when that began it was tracked */
};

/* An entry of packed_bytes, no key's yet; its row is to be filled in. */
struct join_entry *join_store_alloc(struct join_store *s, uint32_t packed_bytes, int64_t time);

/* The block of an entry. */
static inline char *entry_block(const struct join_store *s, struct join_entry *e) {
    return (char *)e + s->before_bytes;
}
static inline size_t entry_bytes(const struct join_store *s, struct join_entry *e) {
    return sizeof *e - s->before_bytes + row_pack_size(join_entry_row(e));
}

/* With s->tracking: an entry has come and stands among its key's, or is about to go. */
void join_store_comes(struct join_store *s, struct join_entry *e);
void join_store_goes(struct join_store *s, struct join_entry *e);
void join_store_release_tracking(struct join_store *s);

#endif
