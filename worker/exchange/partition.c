/* partition.c - splits a batch by key group: hashes are computed once and travel with the rows
 * (batch->hashes), a table gives the destination, and a counting sort of row numbers gives each
 * destination its rows in order. */
#include "worker/exchange/output.h"

#include "base/core/mem.h"

#include <stdlib.h>

/* Rows are counted and sorted in LANES stretches side by side, each with counters of its own, so
 * that one row's counter needn't wait for that of the row before it. */
enum { LANES = 4 };

struct hash_scratch {
    uint16_t *dest;  /* per row of a batch */
    uint32_t *idx;   /* rows by destination */
    uint32_t *start; /* per destination and stretch: count, then where it goes on in idx */
    uint32_t n_dests, cap_rows;
};

struct hash_scratch *hash_scratch_new(uint32_t n_dests) {
    struct hash_scratch *s = mem_zalloc(sizeof(*s));
    s->n_dests = n_dests;
    s->start = mem_calloc((size_t)n_dests * LANES, sizeof(*s->start));
    return s;
}

void hash_scratch_free(struct hash_scratch *s) {
    if (!s) return;
    free(s->dest);
    free(s->idx);
    free(s->start);
    free(s);
}

static void scratch_reserve(struct hash_scratch *s, uint32_t rows) {
    if (rows <= s->cap_rows) return;
    s->cap_rows = MAX(rows, BATCH_ROWS_MAX);
    s->dest = mem_reallocarray(s->dest, s->cap_rows, sizeof(*s->dest));
    s->idx = mem_reallocarray(s->idx, s->cap_rows, sizeof(*s->idx));
}

/* Gives b hashes of the edge's keys; b must be private. */
static void set_hashes(const struct output *o, struct batch *b) {
    buffer_unref(b->hashes_buf);
    b->hashes_buf = buffer_new(b->n * sizeof(uint64_t));
    b->hashes = (uint64_t *)b->hashes_buf->data;
    memset(b->hashes, 0, b->n * sizeof(uint64_t));
    for (int i = 0; i < o->edge->n_keys; i++)
        col_hash(&b->cols[o->edge->keys[i]], b->hashes, b->n);
}

ATTR_KERNEL static void find_dests(uint16_t *restrict dest, const uint64_t *restrict hashes,
                                   uint32_t n, const uint16_t *restrict table, uint64_t groups) {
    for (uint32_t i = 0; i < n; i++)
        dest[i] = table[((hashes[i] >> 32) * groups) >> 32];
}

/* Returns the destination of all rows, or UINT32_MAX if they differ. */
static uint32_t common_dest(const struct hash_scratch *s, uint32_t from, uint32_t to) {
    uint16_t first = s->dest[from];
    for (uint32_t i = from + 1; i < to; i++)
        if (s->dest[i] != first) return UINT32_MAX;
    return first;
}

/* Orders row numbers [from, to) by destination, keeping their order within each: destination d has
 * those from where d - 1's end to start[d * LANES + LANES - 1]. */
static void sort_rows(struct hash_scratch *s, uint32_t from, uint32_t to) {
    uint32_t n = to - from, part = n / LANES;
    const uint16_t *d = s->dest + from;
    uint32_t *at = s->start;
    memset(at, 0, s->n_dests * LANES * sizeof(*at));
    for (uint32_t i = 0; i < part; i++)
        for (uint32_t l = 0; l < LANES; l++)
            at[d[l * part + i] * LANES + l]++;
    for (uint32_t i = part * LANES; i < n; i++)
        at[d[i] * LANES + LANES - 1]++;
    uint32_t sum = 0;
    for (uint32_t k = 0; k < s->n_dests * LANES; k++) {
        uint32_t count = at[k];
        at[k] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < part; i++)
        for (uint32_t l = 0; l < LANES; l++)
            s->idx[at[d[l * part + i] * LANES + l]++] = from + l * part + i;
    for (uint32_t i = part * LANES; i < n; i++)
        s->idx[at[d[i] * LANES + LANES - 1]++] = from + i;
}

/* Rows [from, to), which have no step between them. */
static int partition_rows(struct output *o, const struct batch *b, uint32_t from, uint32_t to,
                          struct err *err) {
    struct hash_scratch *s = o->scratch;
    uint32_t n = to - from;
    if (!n) return 0;
    uint32_t only = s->n_dests == 1 ? 0 : common_dest(s, from, to);
    if (only != UINT32_MAX) return output_collect(o, only, b, NULL, from, n, b->hashes, false, err);
    sort_rows(s, from, to);
    uint32_t begin = 0;
    for (uint32_t d = 0; d < s->n_dests; d++) {
        uint32_t end = s->start[d * LANES + LANES - 1];
        /* A few rows shouldn't keep the strings of all the others alive. */
        bool copy = (end - begin) * 4 < n;
        int rc = output_collect(o, d, b, s->idx + begin, 0, end - begin, b->hashes, copy, err);
        if (rc) return rc;
        begin = end;
    }
    return 0;
}

/* All rows go to one destination that has none waiting: the batch itself can go. */
static bool passes_whole(const struct output *o, const struct batch *b, uint32_t *ret_dest) {
    const struct hash_scratch *s = o->scratch;
    if (o->lanes[s->dest[0]].n) return false;
    *ret_dest = common_dest(s, 0, b->n);
    return *ret_dest != UINT32_MAX;
}

int output_partition(struct output *o, struct batch *b, uint64_t bytes, bool whole,
                     struct err *err) {
    struct hash_scratch *s = o->scratch;
    if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1) {
        struct batch *own = batch_share(b);
        batch_unref(b);
        b = own;
    }
    set_hashes(o, b);
    if (o->hot_keys) hot_keys_add(o->hot_keys, b, o->edge->keys, o->edge->n_keys);
    scratch_reserve(s, b->n);
    find_dests(s->dest, b->hashes, b->n, o->table->dest, o->table->n_groups);
    uint32_t only;
    int rc = 0;
    if (whole && passes_whole(o, b, &only)) {
        int64_t wm = b->n_steps ? b->steps[b->n_steps - 1].wm : WATERMARK_MIN;
        rc = output_send(o, only, b, bytes, err);
        if (!rc && wm > WATERMARK_MIN) rc = output_watermark(o, wm, err);
        return rc;
    }
    uint32_t from = 0;
    for (uint32_t i = 0; !rc && i <= b->n_steps; i++) {
        uint32_t to = i < b->n_steps ? b->steps[i].row : b->n;
        rc = partition_rows(o, b, from, to, err);
        if (!rc && i < b->n_steps) rc = output_watermark(o, b->steps[i].wm, err);
        from = to;
    }
    batch_unref(b);
    return rc;
}
