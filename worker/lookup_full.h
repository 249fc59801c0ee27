/* lookup_full.h - a table read whole and held by key, for lookup joins: the cache FULL. A thread of
 * its own reads it through its source connector, once or again and again; the op goes on with the
 * former contents meanwhile. */
#ifndef PENSTOCK_WORKER_LOOKUP_FULL_H
#define PENSTOCK_WORKER_LOOKUP_FULL_H

#include "connector/connector.h"
#include "worker/state/join_store.h"

struct lookup_full;

struct lookup_full_options {
    const struct connector_table *table; /* borrowed, as all of these */
    const struct eval_env *env;
    const struct schema *schema; /* of the rows held: the table's projection */
    int n_keys;
    const int *keys;     /* columns of schema */
    const cJSON *filter; /* over schema; rows that don't meet it aren't held. NULL: none */
    uint32_t batch_rows;
    int64_t reload_ms; /* 0 = never again */
    bool fixed_rate;
    void *wake_self;
    void (*wake)(void *wake_self); /* there is news for lookup_full_take; on the thread */
};

/* Starts reading. */
int lookup_full_new(const struct lookup_full_options *opts, struct lookup_full **ret,
                    struct err *err) ATTR_MUST_USE;
void lookup_full_free(struct lookup_full *f); /* stops reading; NULL accepted */
/* The latest contents that are complete, NULL when there are none yet; owned by f and valid until
 * the next call. An error when the first reading failed; later ones are logged, and what there is
 * stays. Call between two batches. */
int lookup_full_take(struct lookup_full *f, struct join_store **ret, struct err *err) ATTR_MUST_USE;

#endif
