/* agg_collect.c - COLLECT: a multiset of values. The accumulator is a log of (count, value)
 * entries; when it has doubled since the last time, equal values are merged, so that it stays
 * within twice what its distinct values need and each row costs little. */
#include "vector/func/agg_acc.h"

#include "base/core/mem.h"
#include "vector/value_codec.h"

#include <stdlib.h>
#include <string.h>

enum { COMPACT_MIN_BYTES = 512 };

/* Entry: int32 count (negative: taken back), u32 length, encoded value. */
struct collect {
    struct acc_bytes log;
    uint32_t compact_at; /* length at which to merge again */
    uint32_t pad;
};

struct entry {
    const char *value;
    uint32_t len, order;
    int64_t count;
};

static bool next_entry(const struct acc_bytes *log, uint32_t *at, struct entry *ret) {
    int32_t count;
    uint32_t len;
    if (log->len - *at < 8) return false;
    memcpy(&count, log->ptr + *at, 4);
    memcpy(&len, log->ptr + *at + 4, 4);
    if (len > log->len - *at - 8) return false;
    *ret = (struct entry){.value = log->ptr + *at + 8, .len = len, .count = count};
    *at += 8 + len;
    return true;
}

static int by_value(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    uint32_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp(x->value, y->value, n);
    if (c) return c;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int by_order(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Distinct values with their counts (zero ones dropped), in the order in which they arrived first
 * since there was none of them, so that it makes no difference when the log was merged; free() the
 * array. They point into the log. */
static struct entry *distinct_entries(const struct acc_bytes *log, uint32_t *ret_n) {
    struct entry *e = NULL, one;
    uint32_t n = 0, cap = 0, at = 0, m = 0;
    while (next_entry(log, &at, &one)) {
        MEM_GROW(e, n, cap);
        one.order = n;
        e[n++] = one;
    }
    if (n) qsort(e, n, sizeof(*e), by_value);
    for (uint32_t i = 0; i < n; i++) {
        bool same =
            m && e[m - 1].len == e[i].len && memcmp(e[m - 1].value, e[i].value, e[i].len) == 0;
        if (same && e[m - 1].count)
            e[m - 1].count += e[i].count;
        else
            e[m - same] = e[i];
        m += !same;
    }
    uint32_t k = 0;
    for (uint32_t i = 0; i < m; i++)
        if (e[i].count) e[k++] = e[i];
    if (k) qsort(e, k, sizeof(*e), by_order);
    *ret_n = k;
    return e;
}

static int log_add(struct acc_bytes *log, int64_t count, const char *p, uint32_t len,
                   struct blob_alloc *blobs, struct err *err) {
    int32_t head[2] = {(int32_t)count, (int32_t)len};
    int rc = acc_bytes_add(log, head, sizeof(head), blobs, err);
    return rc ? rc : acc_bytes_add(log, p, len, blobs, err);
}

static int compact(struct collect *acc, struct blob_alloc *blobs, struct err *err) {
    uint32_t n;
    AUTO_FREE struct entry *e = distinct_entries(&acc->log, &n);
    struct acc_bytes fresh = {0};
    int rc = 0;
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = log_add(&fresh, e[i].count, e[i].value, e[i].len, blobs, err);
    acc_bytes_free(&acc->log, blobs);
    acc->log = fresh;
    acc->compact_at = MAX((uint32_t)COMPACT_MIN_BYTES, fresh.len * 2);
    return rc;
}

static int add_entry(struct collect *acc, int64_t count, const char *p, uint32_t len,
                     struct blob_alloc *blobs, struct err *err) {
    int rc = log_add(&acc->log, count, p, len, blobs, err);
    if (!rc && acc->log.len >= MAX(acc->compact_at, (uint32_t)COMPACT_MIN_BYTES))
        rc = compact(acc, blobs, err);
    return rc;
}

static int collect_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        if (!col_is_valid(r->args[0], row)) continue;
        str_clear(&tmp);
        value_encode(r->args[0], row, &tmp);
        int rc = add_entry(agg_acc(r, i), agg_adds(r, row) ? 1 : -1, tmp.ptr, (uint32_t)tmp.len,
                           r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int collect_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                         uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                         struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        const struct collect *s = (const struct collect *)(src[i] + acc_offset);
        struct entry e;
        for (uint32_t at = 0; next_entry(&s->log, &at, &e);) {
            int rc = add_entry((struct collect *)(dst[i] + acc_offset), e.count, e.value, e.len,
                               blobs, err);
            if (rc) return rc;
        }
    }
    return 0;
}

static int collect_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                          uint32_t n, struct column *ret, struct err *err) {
    struct col_builder b;
    int rc = 0;
    col_builder_init(&b, ret->type, n);
    for (uint32_t i = 0; i < n && !rc; i++) {
        const struct collect *a = (const struct collect *)(accs[i] + acc_offset);
        uint32_t m;
        AUTO_FREE struct entry *e = distinct_entries(&a->log, &m);
        for (uint32_t k = 0; k < m && !rc; k++) {
            if (e[k].count < 0) continue;
            if (!value_decode(&b.children[0], e[k].value, e[k].len))
                rc = err_set(err, ERR_CORRUPT, "COLLECT: damaged value in the state");
            else
                col_add_int(&b.children[1], e[k].count);
        }
        if (!rc) col_close_row(&b);
    }
    if (!rc) {
        col_release(ret);
        col_builder_finish(&b, ret);
    }
    col_builder_release(&b);
    return rc;
}

static void collect_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct collect *a = acc;
    if (a->log.len) str_add_n(out, a->log.ptr, a->log.len);
}

static int collect_load(const struct agg_call *c, void *acc, struct sv bytes,
                        struct blob_alloc *blobs, struct err *err) {
    struct collect *a = acc;
    int rc = acc_bytes_add(&a->log, bytes.ptr, bytes.len, blobs, err);
    a->compact_at = MAX((uint32_t)COMPACT_MIN_BYTES, a->log.len * 2);
    return rc;
}

static void collect_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    acc_bytes_free(&((struct collect *)acc)->log, blobs);
}

static int collect_bind(struct agg_bind *ab, struct err *err) {
    const struct type *t = type_with_time_attr(ab->arena, ab->args[0]->type, TIME_ATTR_NONE);
    ab->call->ret_type = type_multiset(ab->arena, t, false);
    ab->call->acc_size_bytes = sizeof(struct collect);
    return 0;
}

const struct agg agg_collect = {
    .name = "COLLECT",
    .signature = "COLLECT([DISTINCT] value)",
    .doc = "The values that are not NULL as a MULTISET.",
    .min_args = 1,
    .max_args = 1,
    .flags = AGG_MERGE | AGG_RETRACT | AGG_BLOB,
    .bind = collect_bind,
    .update = collect_update,
    .merge = collect_merge,
    .finish = collect_finish,
    .save = collect_save,
    .load = collect_load,
    .free_acc = collect_free,
};
