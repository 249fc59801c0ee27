/* join_store.h - one side of a streaming join, or any state of lists of rows by key: key → the rows
 * that have it, in order. Rows are packed once (row_pack.h) and carry what ops need beside them:
 * event time, number of matches. One thread.
 *
 * Keys are found by batches (join_store_find, join_store_hold); what is done to one key's rows then
 * needs no further probing. A key stays in the table when its last row goes, so that the pointers
 * of a batch hold: join_store_sweep takes the empty ones out behind the batch.
 *
 * Time-to-live: with a ttl, `time` is when the op last wrote to a row (join_store_now). Rows whose
 * time is at or behind join_store_dead are as good as absent: who walks along a key's rows drops
 * them, and join_store_age does a few at a time. */
#ifndef PENSTOCK_WORKER_STATE_JOIN_STORE_H
#define PENSTOCK_WORKER_STATE_JOIN_STORE_H

#include "worker/state/row_pack.h"
#include "worker/state/state_table.h"

/* time and seq are there only in stores that keep times: entries of others begin behind them. */
struct join_entry {
    int64_t time;                   /* the op's: event time, or last access */
    int64_t seq;                    /* the op's: order of arrival */
    struct join_entry *prev, *next; /* of the same key */
    struct join_key *key;
    uint32_t matches; /* the op's: rows of the other side that it is joined with, a row kind */
    uint32_t slot;    /* the store's: number of the entry's marks; 0 = checkpoints are off */
};

/* Payload of a key's row in the table. */
struct join_key {
    struct join_entry *first, *last; /* NULL: no rows (any more) */
};

static inline char *join_entry_row(struct join_entry *e) {
    return (char *)(e + 1);
}

struct join_store;

/* keys: columns of the schema. Types are borrowed. */
struct join_store *join_store_new(struct arena *a, const struct schema *schema, const int *keys,
                                  int n_keys);
void join_store_free(struct join_store *s);
/* Before there are rows: entries have time and seq. Time-to-live asks for it by itself. */
void join_store_keep_times(struct join_store *s);
const struct row_pack *join_store_pack(const struct join_store *s);

/* The keys of n rows (NULL: not there). cols: key columns; hashes: col_hash over them in order;
 * both indexed by rows[i], or by i where rows is NULL. */
void join_store_find(struct join_store *s, const struct column *const *cols, const uint64_t *hashes,
                     const uint32_t *rows, uint32_t n, struct join_key **ret_keys);
/* The same; keys that are absent are made, without rows. */
void join_store_hold(struct join_store *s, const struct column *const *cols, const uint64_t *hashes,
                     const uint32_t *rows, uint32_t n, struct join_key **ret_keys);
/* Removes those of the keys that have no rows. NULLs and repetitions are fine; the array is used as
 * scratch. */
void join_store_sweep(struct join_store *s, struct join_key **keys, uint32_t n);

/* Adds row `row` of b behind the others of its key. time: of stores that keep times. */
struct join_entry *join_store_add(struct join_store *s, struct join_key *k, const struct batch *b,
                                  uint32_t row, int64_t time);
/* The same in two steps, for many rows: entries of n rows of b, which are no key's yet, then
 * putting one behind the others of its key. */
void join_store_make(struct join_store *s, const struct batch *b, const uint32_t *rows, uint32_t n,
                     int64_t time, struct join_entry **ret_entries);
void join_store_link(struct join_store *s, struct join_key *k, struct join_entry *e);
/* The same in front of an entry of the key. */
struct join_entry *join_store_insert(struct join_store *s, struct join_entry *before,
                                     const struct batch *b, uint32_t row, int64_t time);
/* The latest (earliest) entry of k that equals row `row` of b; NULL if there is none. */
struct join_entry *join_store_last_equal(struct join_store *s, const struct join_key *k,
                                         const struct batch *b, uint32_t row);
struct join_entry *join_store_first_equal(struct join_store *s, const struct join_key *k,
                                          const struct batch *b, uint32_t row);
/* Takes e out of its key's list; join_store_let_go frees it. */
void join_store_unlink(struct join_store *s, struct join_entry *e);
void join_store_let_go(struct join_store *s, struct join_entry *e);
static inline void join_store_remove(struct join_store *s, struct join_entry *e) {
    join_store_unlink(s, e);
    join_store_let_go(s, e);
}

/* The same, and its key where that was its last row. */
void join_store_drop(struct join_store *s, struct join_entry *e);

void join_store_set_ttl(struct join_store *s, int64_t ttl_ms); /* 0: for ever */
/* Sets the clock and drops dead rows of the next n keys, which nobody may hold. */
void join_store_age(struct join_store *s, int64_t now_ms, uint32_t n);
int64_t join_store_now(const struct join_store *s);  /* 0 without ttl */
int64_t join_store_dead(const struct join_store *s); /* INT64_MIN without ttl */
/* Drops the dead rows of a key, which stays. */
void join_store_purge(struct join_store *s, struct join_key *k);
/* Writes to all rows of a key. */
void join_store_touch(struct join_store *s, struct join_key *k);

/* Before the op writes to time, matches or seq of an entry that it hasn't just added. */
void join_store_mark(struct join_store *s, struct join_entry *e);
static inline void join_store_write(struct join_store *s, struct join_entry *e) {
    if (e->slot) join_store_mark(s, e);
}
/* What names an entry in checkpoints: rises along its key's entries. 0 while nobody takes any. */
int64_t join_store_order(const struct join_store *s, const struct join_entry *e);
/* Checkpoints: part is the store. Between the first load and loaded nothing else may be called. */
extern const struct state_part_ops join_store_part;

/* Scan over keys, as state_table_scan. */
uint32_t join_store_scan(const struct join_store *s, uint64_t *pos, struct join_key **keys,
                         uint32_t n);
uint64_t join_store_rows(const struct join_store *s);
size_t join_store_bytes(const struct join_store *s);

#endif
