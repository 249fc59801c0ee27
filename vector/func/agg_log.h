/* agg_log.h - an accumulator's log of (key, count) pairs: appending costs little, and when it has
 * doubled since the last time, pairs of equal keys are merged. Keys are 64-bit, ordered unsigned.
 */
#ifndef PENSTOCK_VECTOR_FUNC_AGG_LOG_H
#define PENSTOCK_VECTOR_FUNC_AGG_LOG_H

#include "vector/func/agg_acc.h"

struct log_pair {
    uint64_t key;
    int64_t count;
};

struct agg_log {
    struct acc_bytes bytes; /* of struct log_pair */
    uint32_t merge_at;      /* length in bytes at which to merge again */
    uint32_t pad;
};

int agg_log_add(struct agg_log *l, uint64_t key, int64_t count, struct blob_alloc *blobs,
                struct err *err) ATTR_MUST_USE;
/* Sorted by key, equal ones merged, counts of 0 dropped; free() it. */
struct log_pair *agg_log_sorted(const struct agg_log *l, uint32_t *ret_n);
int agg_log_append(struct agg_log *dst, const struct agg_log *src, struct blob_alloc *blobs,
                   struct err *err) ATTR_MUST_USE;
/* bytes as agg_log.bytes holds them; ERR_CORRUPT if they aren't pairs. */
int agg_log_load(struct agg_log *l, struct sv bytes, struct blob_alloc *blobs,
                 struct err *err) ATTR_MUST_USE;

#endif
