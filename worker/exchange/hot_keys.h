/* hot_keys.h - keys that take a large share of the rows of a keyed edge: a Space-Saving sketch
 * (Metwally et al., "Efficient computation of frequent and top-k elements in data streams", ICDT
 * 2005) over a sample of the rows. What is long ago counts less and less. One thread adds, any
 * thread reads. */
#ifndef PENSTOCK_WORKER_EXCHANGE_HOT_KEYS_H
#define PENSTOCK_WORKER_EXCHANGE_HOT_KEYS_H

#include "base/core/json.h"
#include "vector/batch.h"

enum {
    HOT_KEYS_KEPT = 32,
    HOT_KEYS_STRIDE = 256,        /* one row in so many is looked at, from a random one on */
    HOT_KEYS_WINDOW = 1 << 14,    /* after so many sampled rows all counts are halved */
    HOT_KEYS_SAMPLES_MIN = 1 << 8 /* before nothing is said */
};
#define HOT_KEYS_SHARE_MIN 0.05 /* of the rows, for sure: less isn't hot */

struct hot_keys;

struct hot_keys *hot_keys_new(void);
void hot_keys_free(struct hot_keys *h); /* NULL accepted */
/* A batch with hashes of its key columns. */
void hot_keys_add(struct hot_keys *h, const struct batch *b, const int *keys, int n_keys);
/* {"sampled": rows, "keys": [{"key": text, "count": rows at least}...]}, the hottest first; NULL:
 * no key is hot. */
cJSON *hot_keys_to_json(const struct hot_keys *h);

#endif
