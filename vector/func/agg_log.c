/* agg_log.c - see agg_log.h. */
#include "vector/func/agg_log.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MERGE_MIN_BYTES = 1024 };

static int by_key(const void *a, const void *b) {
    const struct log_pair *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

struct log_pair *agg_log_sorted(const struct agg_log *l, uint32_t *ret_n) {
    uint32_t n = l->bytes.len / sizeof(struct log_pair), m = 0;
    struct log_pair *p = mem_alloc(sizeof *p * (n + 1));
    if (n) memcpy(p, l->bytes.ptr, sizeof *p * n);
    if (n) qsort(p, n, sizeof *p, by_key);
    for (uint32_t i = 0; i < n;) {
        struct log_pair one = p[i++];
        while (i < n && p[i].key == one.key)
            one.count += p[i++].count;
        if (one.count) p[m++] = one;
    }
    *ret_n = m;
    return p;
}

static int merge(struct agg_log *l, struct blob_alloc *blobs, struct err *err) {
    uint32_t n;
    AUTO_FREE struct log_pair *p = agg_log_sorted(l, &n);
    l->bytes.len = 0;
    l->merge_at = MAX((uint32_t)MERGE_MIN_BYTES, n * (uint32_t)sizeof *p * 2);
    return acc_bytes_add(&l->bytes, p, sizeof *p * n, blobs, err);
}

int agg_log_add(struct agg_log *l, uint64_t key, int64_t count, struct blob_alloc *blobs,
                struct err *err) {
    struct log_pair pair = {key, count};
    int rc = acc_bytes_add(&l->bytes, &pair, sizeof pair, blobs, err);
    if (!rc && l->bytes.len >= MAX(l->merge_at, (uint32_t)MERGE_MIN_BYTES))
        rc = merge(l, blobs, err);
    return rc;
}

int agg_log_append(struct agg_log *dst, const struct agg_log *src, struct blob_alloc *blobs,
                   struct err *err) {
    int rc = acc_bytes_add(&dst->bytes, src->bytes.ptr, src->bytes.len, blobs, err);
    if (!rc && dst->bytes.len >= MAX(dst->merge_at, (uint32_t)MERGE_MIN_BYTES))
        rc = merge(dst, blobs, err);
    return rc;
}

int agg_log_load(struct agg_log *l, struct sv bytes, struct blob_alloc *blobs, struct err *err) {
    if (bytes.len % sizeof(struct log_pair))
        return err_set(err, ERR_CORRUPT, "a log of %zu bytes in the state", bytes.len);
    l->merge_at = MAX((uint32_t)MERGE_MIN_BYTES, (uint32_t)bytes.len * 2);
    return acc_bytes_add(&l->bytes, bytes.ptr, bytes.len, blobs, err);
}
