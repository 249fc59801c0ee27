/* lookup_cache.h - rows of the keys that were looked up: the cache PARTIAL. What is kept is a copy
 * of the outside world and no state: it is empty after a restart. One thread. */
#ifndef PENSTOCK_WORKER_LOOKUP_CACHE_H
#define PENSTOCK_WORKER_LOOKUP_CACHE_H

#include "worker/state/state_table.h"

struct lookup_cache;

struct lookup_cache_options {
    int n_keys;
    const struct type *const *key_types;                 /* borrowed while the cache lives */
    int64_t expire_access_ms, expire_write_ms, max_keys; /* 0 = never, no limit */
    bool missing;                                        /* keys without rows are kept, too */
};

struct lookup_cache *lookup_cache_new(const struct lookup_cache_options *opts);
void lookup_cache_free(struct lookup_cache *c); /* NULL accepted */

/* What is known of a key: n_rows packed rows (row_pack.h) behind one another, each at a multiple of
 * 16 bytes. Valid until the next call. */
struct lookup_cached {
    const char *rows;
    uint32_t n_rows, size_bytes;
};

/* keys: columns, indexed by row; hash: col_hash over them in order. False: nothing is known. */
bool lookup_cache_get(struct lookup_cache *c, const struct column *const *keys, uint64_t hash,
                      uint32_t row, int64_t now_ms, struct lookup_cached *ret);
void lookup_cache_put(struct lookup_cache *c, const struct column *const *keys, uint64_t hash,
                      uint32_t row, int64_t now_ms, const struct lookup_cached *what);
uint64_t lookup_cache_count(const struct lookup_cache *c);
size_t lookup_cache_bytes(const struct lookup_cache *c);

#endif
