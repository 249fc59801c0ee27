/* state_table.h - an op's keyed state in memory: key columns → one fixed-size payload per key,
 * accessed by batches of keys. Open addressing over 8-byte entries (32 bits of hash, row number);
 * rows lie in pages, in the order of insertion, so that a scan is sequential. Probing is batched:
 * directory lines and rows are prefetched a block ahead (Chen et al., "Improving hash join
 * performance through prefetching", ICDE 2004).
 *
 * Row: hash, NULL mask, key fields, payload. Long strings of keys, and blobs of payloads, live in
 * the table's var memory; a block there is written once and then only freed. One thread. Row
 * pointers stay valid until the row is removed or the table cleared.
 *
 * Time-to-live: with ttl_ms a row carries when it was made or last touched, and is as good as
 * absent once that is ttl_ms ago by the table's clock, which only state_table_age moves. Rows whose
 * time is up leave a few at a time with each call of that. */
#ifndef PENSTOCK_WORKER_STATE_STATE_TABLE_H
#define PENSTOCK_WORKER_STATE_STATE_TABLE_H

#include "vector/batch.h"
#include "vector/func/agg.h"
#include "worker/state/state_part.h"
#include "worker/state/var_memory.h"

struct state_table;

enum { STATE_KEYS_MAX = 64 };

struct state_desc {
    int n_keys;                          /* 0: one row for all */
    const struct type *const *key_types; /* borrowed while the table lives; no nested types */
    uint32_t payload_size_bytes;
    uint32_t payload_align_bytes; /* 8 saves room where it holds no 128-bit values; 0: 16 */
    /* Called for each row's payload before it goes (removal, clear, free): frees blobs. May be
     * NULL. */
    void (*free_payload)(void *self, char *payload, struct var_memory *var);
    /* The payload as bytes, appended, and back (payload is zeroed), for checkpoints. NULL where it
     * is plain memory. */
    void (*save_payload)(void *self, const char *payload, struct str *out);
    int (*load_payload)(void *self, char *payload, struct sv bytes, struct var_memory *var,
                        struct err *err);
    /* Whether the row may go when its time is up. NULL: yes. */
    bool (*may_expire)(void *self, const char *payload);
    void *self;
    int64_t ttl_ms; /* 0: rows stay for ever */
    /* Most rows are looked up without being written to: the op calls state_table_mark before it
     * writes. */
    bool marks_writes;
    /* The first key (BIGINT) is the address of a payload of this table, whose key stands for it in
     * checkpoints: there, a row belongs to its owner's key group. Rows go before their owner; but
     * those whose time is up may outlive one whose time is up, too. */
    struct state_table *owner;
};

struct state_table *state_table_new(const struct state_desc *desc);
void state_table_free(struct state_table *t); /* NULL accepted */
/* Removes all rows; keeps some memory for reuse. */
void state_table_clear(struct state_table *t);

/* payloads[i] = payload of the i-th row's key, inserted with zeroed payload where absent; fresh[i]
 * (may be NULL) = whether this call inserted it (for the first of equal keys only). Keys (n_keys
 * columns) and hashes (col_hash over the keys in order) are indexed by rows[i], or by i where rows
 * is NULL. NULL equals NULL. */
void state_table_upsert(struct state_table *t, const struct column *const *keys,
                        const uint64_t *hashes, const uint32_t *rows, uint32_t n, char **payloads,
                        uint8_t *fresh);
/* The same without inserting: NULL where absent. */
void state_table_find(struct state_table *t, const struct column *const *keys,
                      const uint64_t *hashes, const uint32_t *rows, uint32_t n, char **payloads);
/* For keys that are in rows of another table of the same key types (merging windows). */
void state_table_upsert_rows(struct state_table *t, const struct state_table *from,
                             char *const *from_payloads, uint32_t n, char **payloads,
                             uint8_t *fresh);
void state_table_remove(struct state_table *t, char *payload);

/* Sets the clock (it never goes back) and removes rows whose time is up among the next n: no row
 * pointers may be held. Does nothing without ttl_ms. */
void state_table_age(struct state_table *t, int64_t now_ms, uint32_t n);
/* Rows that were just looked up are written to: they live for ttl_ms from now. NULLs are skipped.
 */
void state_table_touch(struct state_table *t, char *const *payloads, uint32_t n);
/* For checkpoints, before rows are written to that weren't just looked up, or with marks_writes.
 * They go on ageing. NULLs are skipped. */
void state_table_mark(struct state_table *t, char *const *payloads, uint32_t n);

uint64_t state_table_count(const struct state_table *t);
size_t state_table_bytes(const struct state_table *t); /* pages, directory, var memory */
struct var_memory *state_table_var(struct state_table *t);

/* Scan in insertion order (rows that were removed are skipped): fills up to n payload pointers from
 * *pos (0 at first) on. Returns how many; 0 = end. Rows may be removed in between; rows inserted in
 * between may or may not be seen. */
uint32_t state_table_scan(const struct state_table *t, uint64_t *pos, char **payloads, uint32_t n);
/* The key columns of n rows (of this or another table of the same description), as initialised
 * columns owned by the caller; strings are copied. */
void state_table_keys(const struct state_table *t, char *const *payloads, uint32_t n,
                      struct column *ret_cols);
/* Checkpoints: part is the table. From track on, what changes is marked: every row that upsert,
 * find or upsert_rows gives out counts as changed (but for marks_writes); a payload pointer that is
 * kept across a barrier must be marked before what it points to is written to. Of tables with an
 * owner, the owner's part is added last. */
extern const struct state_part_ops state_table_part;

uint64_t state_table_hash(const struct state_table *t, const char *payload);

#endif
