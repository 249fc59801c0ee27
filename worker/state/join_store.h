/* join_store.h - one side of a streaming join: key → the rows that have it, in order of arrival.
 * Rows are packed once (row_pack.h) and carry what joins need beside them: event time, number of
 * matches. One thread. */
#ifndef PENSTOCK_WORKER_STATE_JOIN_STORE_H
#define PENSTOCK_WORKER_STATE_JOIN_STORE_H

#include "worker/state/row_pack.h"
#include "worker/state/state_table.h"

struct join_entry {
    struct join_entry *prev, *next; /* of the same key */
    char *key;                      /* payload of the key's row in the table */
    int64_t time;                   /* the op's: event time, or last access */
    uint32_t matches;    /* rows of the other side that it is joined with (outer joins) */
    uint32_t size_bytes; /* of this block */
    int64_t spare;       /* keeps the packed row behind it 16-byte aligned */
};

static inline char *join_entry_row(struct join_entry *e) {
    return (char *)(e + 1);
}

struct join_store;

/* keys: columns of the schema. Types are borrowed. */
struct join_store *join_store_new(struct arena *a, const struct schema *schema, const int *keys,
                                  int n_keys);
void join_store_free(struct join_store *s);
const struct row_pack *join_store_pack(const struct join_store *s);

/* The first entry of the key of each of n rows (NULL: none). cols: key columns; hashes: over them
 * in order. The array is the caller's. */
void join_store_find(struct join_store *s, const struct column *const *keys, const uint64_t *hashes,
                     uint32_t n, struct join_entry **ret_first);
/* Adds row `row` of b behind the others of its key. keys, hash: of this row (columns indexed by
 * row). */
struct join_entry *join_store_add(struct join_store *s, const struct batch *b, uint32_t row,
                                  uint64_t hash, int64_t time);
/* The latest entry of the key of `row` that equals the row; NULL if there is none. */
struct join_entry *join_store_find_row(struct join_store *s, const struct batch *b, uint32_t row,
                                       uint64_t hash);
/* The first entry of a row's key; NULL. */
struct join_entry *join_store_first(struct join_store *s, const struct batch *b, uint32_t row,
                                    uint64_t hash);
void join_store_remove(struct join_store *s, struct join_entry *e);

uint64_t join_store_rows(const struct join_store *s);
size_t join_store_bytes(const struct join_store *s);

#endif
