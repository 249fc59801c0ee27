/* over_update.c - which rows a change affects, and what their results are. */
#include "worker/over_update.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static int64_t add_reach(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void reach_of_frame(struct over_update *u) {
    const struct over_calls *c = u->calls;
    int64_t preceding = c->open_lo ? INT64_MAX : c->preceding;
    int64_t following = c->open_hi ? INT64_MAX : c->following;
    if (!c->rows) { /* by distance or by peers: numbers of rows aren't known */
        preceding = preceding ? INT64_MAX : 0;
        following = following ? INT64_MAX : 0;
        u->whole_peers = true;
    }
    /* A frame may lie wholly on one side of its row. */
    u->reach_before = MAX(u->reach_before, following);
    u->reach_behind = MAX(u->reach_behind, preceding);
    u->look_back = MAX(u->look_back, preceding);
    u->look_ahead = MAX(u->look_ahead, following);
}

void over_update_init(struct over_update *u, const struct over_calls *calls,
                      const struct rank_order *order, const struct schema *input) {
    *u = (struct over_update){.calls = calls, .order = order, .input = input};
    for (int i = 0; i < calls->n; i++) {
        const struct over_call_spec *s = &calls->calls[i];
        switch (s->fn) {
        case OVER_AGG:
            reach_of_frame(u);
            break;
        case OVER_LAG:
            u->reach_behind = MAX(u->reach_behind, s->offset);
            u->look_back = MAX(u->look_back, s->offset);
            break;
        case OVER_LEAD:
            u->reach_before = MAX(u->reach_before, s->offset);
            u->look_ahead = MAX(u->look_ahead, s->offset);
            break;
        case OVER_ROW_NUMBER:
            u->reach_behind = INT64_MAX;
            break;
        case OVER_RANK:
            u->reach_behind = INT64_MAX;
            u->whole_peers = true;
            break;
        default: /* counts groups of peers from the beginning */
            u->reach_before = u->reach_behind = INT64_MAX;
        }
    }
    /* One more row to either side: places move by one when the row comes or goes. */
    u->look_back = add_reach(u->look_back, 1);
    u->look_ahead = add_reach(u->look_ahead, 1);
}

/* ---- places ---- */

/* The first order column as a number that rises with it; rank_cmp decides between equals. */
static uint64_t prefix_of(const struct over_update *u, const char *row) {
    if (!u->order->order.n) return 0;
    const struct order_key *k = &u->order->order.keys[0];
    const struct type *t = u->input->fields[k->column].type;
    const void *v = row_pack_fixed(u->order->pack, row, k->column);
    if (!v) return k->nulls_first ? 0 : UINT64_MAX;
    int64_t i = 0;
    int32_t n;
    switch (type_phys(t)) {
    case PHYS_I32:
        memcpy(&n, v, sizeof n);
        i = n;
        break;
    case PHYS_I64:
        memcpy(&i, v, sizeof i);
        break;
    default:
        return 1; /* between NULLs on either side */
    }
    uint64_t p = (uint64_t)(k->desc ? ~i : i) ^ 1ull << 63;
    return p;
}

static int cmp_rows(const void *self, const struct sorted_entry *a, const struct sorted_entry *b) {
    return rank_cmp(self, a->u.item, b->u.item);
}

static struct sorted_order order_of(const struct over_update *u) {
    return (struct sorted_order){.cmp = cmp_rows, .self = u->order};
}

static struct sorted_entry entry_of(const struct over_update *u, const char *row) {
    return (struct sorted_entry){.prefix = prefix_of(u, row), .u.item = (void *)row};
}

static char *row_at(const struct sorted_set *rows, uint64_t i) {
    return sorted_set_at(rows, i)->u.item;
}

/* Behind the last row that is equal to row in the order. */
static uint64_t behind_peers(const struct over_update *u, const struct sorted_set *rows,
                             const char *row) {
    struct sorted_order o = order_of(u);
    struct sorted_entry key = entry_of(u, row);
    return sorted_set_upper(rows, &o, &key);
}

static uint64_t first_peer(const struct over_update *u, const struct sorted_set *rows,
                           const char *row) {
    struct sorted_order o = order_of(u);
    struct sorted_entry key = entry_of(u, row);
    return sorted_set_lower(rows, &o, &key, NULL);
}

uint64_t over_update_place(const struct over_update *u, const struct sorted_set *rows,
                           const char *row) {
    return behind_peers(u, rows, row);
}

uint64_t over_update_find(const struct over_update *u, const struct sorted_set *rows,
                          const char *row) {
    uint64_t from = first_peer(u, rows, row);
    for (uint64_t i = behind_peers(u, rows, row); i-- > from;)
        if (row_pack_eq(u->order->pack, row_at(rows, i), row)) return i;
    return rows->n;
}

void over_update_insert(const struct over_update *u, struct sorted_set *rows, char *row,
                        struct var_memory *var) {
    struct sorted_order o = order_of(u);
    sorted_set_insert(rows, &o, entry_of(u, row), var);
}

/* ---- results ---- */

static uint64_t minus(uint64_t at, int64_t n) {
    return (uint64_t)n >= at ? 0 : at - (uint64_t)n;
}

static uint64_t plus(uint64_t at, int64_t n, uint64_t limit) {
    return (uint64_t)n >= limit - at ? limit : at + (uint64_t)n;
}

/* Results of rows [from, to) of n loaded ones, which begin at place `base`. */
static int evaluate(const struct over_update *u, char *const *rows, uint32_t n, uint32_t from,
                    uint32_t to, uint64_t base, struct blob_alloc *blobs, struct column *ret,
                    struct err *err) {
    const struct over_calls *c = u->calls;
    AUTO_FREE struct column *cols = mem_calloc((size_t)u->input->n + 1, sizeof *cols);
    AUTO_FREE struct col_builder *out = mem_calloc((size_t)c->n + 1, sizeof *out);
    AUTO_FREE char *accs = mem_aligned(64, c->acc_bytes + 64);
    for (int i = 0; i < u->input->n; i++)
        if (c->needed[i])
            row_pack_read_column(u->order->pack, i, (const char *const *)rows, n, &cols[i]);
    for (int i = 0; i < c->n; i++)
        col_builder_init(&out[i], c->calls[i].type, to - from);
    over_calls_init_accs(c, accs);
    struct over_part part = {.cols = cols,
                             .n = n,
                             .from = from,
                             .to = to,
                             .accs = accs,
                             .rows_before = (int64_t)(base + from),
                             .blobs = blobs};
    uint32_t groups;
    int rc = over_calls_eval(c, &part, out, &groups, err);
    over_calls_free_accs(c, accs, blobs);
    for (int i = 0; i < u->input->n; i++)
        if (c->needed[i]) col_release(&cols[i]);
    for (int i = 0; i < c->n; i++) {
        if (!rc) col_builder_finish(&out[i], &ret[i]);
        col_builder_release(&out[i]);
    }
    return rc;
}

int over_update_compute(const struct over_update *u, const struct sorted_set *set, uint64_t place,
                        struct blob_alloc *blobs, struct over_change *ret, struct err *err) {
    uint64_t from = minus(place, u->reach_before);
    uint64_t to = plus(place + 1, u->reach_behind, set->n);
    if (u->whole_peers) {
        from = MIN(from, first_peer(u, set, row_at(set, place)));
        to = MAX(to, behind_peers(u, set, row_at(set, place)));
    }
    uint64_t base = minus(from, u->look_back), end = plus(to, u->look_ahead, set->n);
    if (end - base > UINT32_MAX / 2)
        return err_set(err, ERR_UNSUPPORTED, "OVER with more than 2^31 rows in a partition");
    uint32_t n = (uint32_t)(end - base), at = (uint32_t)(place - base);
    uint32_t lo = (uint32_t)(from - base), hi = (uint32_t)(to - base);
    AUTO_FREE struct sorted_entry *entries = mem_alloc(sizeof *entries * n);
    AUTO_FREE char **rows = mem_alloc(sizeof *rows * n);
    sorted_set_read(set, base, n, entries);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = entries[i].u.item;
    int n_calls = u->calls->n;
    *ret = (struct over_change){.n = hi - lo, .at = at - lo};
    ret->rows = mem_dup(rows + lo, sizeof *rows * ret->n);
    ret->with = mem_calloc(2 * (size_t)n_calls + 1, sizeof *ret->with);
    ret->without = ret->with + n_calls;
    int rc = evaluate(u, rows, n, lo, hi, base, blobs, ret->with, err);
    memmove(rows + at, rows + at + 1, sizeof *rows * (n - at - 1));
    if (!rc) rc = evaluate(u, rows, n - 1, lo, hi - 1, base, blobs, ret->without, err);
    if (rc) over_change_release(u, ret);
    return rc;
}

void over_change_release(const struct over_update *u, struct over_change *c) {
    for (int i = 0; i < 2 * u->calls->n; i++)
        col_release(&c->with[i]);
    free(c->with);
    free(c->rows);
}
