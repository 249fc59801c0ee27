/* agg_distinct.c - which values the groups of an aggregation with DISTINCT have seen.
 *
 * One table per set of argument columns, however many aggregates count them, keyed by the group and
 * the values. Where the input never takes rows back and groups don't merge one by one (sets that
 * are masked), an entry has a bit per aggregate that has counted the value; of a single integer
 * column it stands for a block of neighbours, 16 bytes of their bits: ids that rise with time come
 * many to an entry, and those that don't need no more than one each. Else an entry counts for each
 * aggregate how often the value is there. */
#include "worker/agg_state_int.h"
#include "worker/state/row_pack.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BITS = 128, WORD_BITS = 64 };

/* ---- what entries are ---- */

static bool filters_equal(const struct agg_set *s, int d, int e) {
    if (s->distinct[d].n_aggs != s->distinct[e].n_aggs) return false;
    for (int g = 0; g < s->n_aggs; g++)
        for (int h = 0; s->aggs[g].distinct == d && h < s->n_aggs; h++)
            if (s->aggs[h].distinct == e && s->aggs[h].distinct_bit == s->aggs[g].distinct_bit &&
                s->aggs[h].filter != s->aggs[g].filter)
                return false;
    return true;
}

void agg_distinct_plan(const struct agg_set *s) {
    for (int d = 0; d < s->n_distinct; d++) {
        struct distinct_set *ds = &s->distinct[d];
        enum phys phys = type_phys(ds->types[1]);
        bool blocks = ds->n_cols == 1 && (phys == PHYS_I64 || phys == PHYS_I32) && !s->ttl_ms;
        ds->mask_bits = 1;
        while ((int)ds->mask_bits < ds->n_aggs)
            ds->mask_bits *= 2;
        ds->block_log = 0;
        while (blocks && ds->mask_bits << (ds->block_log + 1) <= BLOCK_BITS)
            ds->block_log++;
        ds->same_filters = d && filters_equal(s, d, d - 1);
    }
}

struct state_table *agg_distinct_table(const struct agg_set *s, int d, struct state_table *groups) {
    struct distinct_set *ds = &s->distinct[d];
    uint32_t bytes = 8 * (uint32_t)ds->n_aggs;
    if (agg_set_is_masked(s)) bytes = ds->block_log ? BLOCK_BITS / 8 : WORD_BITS / 8;
    struct state_desc desc = {.n_keys = ds->n_cols + 1,
                              .key_types = ds->types,
                              .payload_size_bytes =
                                  bytes + (s->chained ? (uint32_t)sizeof(struct chain) : 0),
                              .payload_align_bytes = 8,
                              .save_payload = s->chained ? agg_save_counts : NULL,
                              .load_payload = s->chained ? agg_load_counts : NULL,
                              .marks_writes = agg_set_is_masked(s),
                              .self = ds,
                              .ttl_ms = s->ttl_ms,
                              .owner = groups};
    return state_table_new(&desc);
}

/* The value's place in its block. */
static uint32_t place_in_block(const struct distinct_set *ds, const struct column *c,
                               uint32_t row) {
    uint32_t last = (1u << ds->block_log) - 1;
    if (!ds->block_log || !col_is_valid(c, row)) return 0;
    return (uint32_t)(c->phys == PHYS_I64 ? COL_DATA(c, uint64_t)[row]
                                          : COL_DATA(c, uint32_t)[row]) &
           last;
}

/* Marks the value at a place as counted by the aggregates of `want`; returns which of them hadn't.
 */
static inline uint64_t mark(const struct distinct_set *ds, struct state_table *t, char *entry,
                            uint32_t place, uint64_t want) {
    uint32_t bit = place * ds->mask_bits;
    uint64_t *word = (uint64_t *)entry + bit / WORD_BITS;
    uint64_t fresh = want & ~(*word >> bit % WORD_BITS);
    if (!fresh) return 0;
    state_table_mark(t, &entry, 1);
    *word |= fresh << bit % WORD_BITS;
    return fresh;
}

/* c >> block_log, to be released. */
static void block_column(const struct distinct_set *ds, const struct column *c,
                         struct column *ret) {
    col_init(ret, c->type, c->n);
    if (c->phys == PHYS_I64)
        for (uint32_t i = 0; i < c->n; i++)
            COL_DATA(ret, int64_t)[i] = COL_DATA(c, int64_t)[i] >> ds->block_log;
    else
        for (uint32_t i = 0; i < c->n; i++)
            COL_DATA(ret, int32_t)[i] = COL_DATA(c, int32_t)[i] >> ds->block_log;
    for (uint32_t i = 0; c->valid && i < c->n; i++)
        if (!col_is_valid(c, i)) col_set_null(ret, i);
}

/* The value at a place of block `at` becomes value `to` of ret. */
static void put_block_value(const struct distinct_set *ds, const struct column *blocks, uint32_t at,
                            uint32_t place, struct column *ret, uint32_t to) {
    if (!col_is_valid(blocks, at))
        col_set_null(ret, to);
    else if (ret->phys == PHYS_I64)
        COL_DATA(ret, int64_t)
    [to] = (int64_t)((uint64_t)COL_DATA(blocks, int64_t)[at] << ds->block_log | place);
    else COL_DATA(ret, int32_t)[to] =
        (int32_t)((uint32_t)COL_DATA(blocks, int32_t)[at] << ds->block_log | place);
}

/* ---- chains of a group's entries ---- */

struct chain *agg_chain_of(const struct agg_state *s, int d, char *entry) {
    return (struct chain *)(entry + 8 * (size_t)s->set->distinct[d].n_aggs);
}

char **agg_chain_head(const struct agg_state *s, int d, char *group) {
    return (char **)(group + s->set->chain_offset) + d;
}

void agg_chain_add(struct agg_state *s, int d, char *entry, char *group) {
    char **head = agg_chain_head(s, d, group);
    *agg_chain_of(s, d, entry) = (struct chain){NULL, *head};
    if (*head) agg_chain_of(s, d, *head)->prev = entry;
    *head = entry;
}

/* Entries of a group that were just made go into its chain. */
static void chain_fresh(struct agg_state *s, int d, char *const *entries, char *const *groups,
                        const uint8_t *fresh, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (fresh[i]) agg_chain_add(s, d, entries[i], groups[i]);
}

void agg_distinct_remove(struct agg_state *s, int d, char *entry, char *group) {
    if (s->set->chained) {
        struct chain c = *agg_chain_of(s, d, entry);
        *(c.prev ? &agg_chain_of(s, d, c.prev)->next : agg_chain_head(s, d, group)) = c.next;
        if (c.next) agg_chain_of(s, d, c.next)->prev = c.prev;
    }
    state_table_remove(s->distinct[d], entry);
}

/* ---- finding ---- */

static char **entries_of(const struct agg_state *s, int d) {
    const struct agg_scratch *x = s->set->scratch;
    return x->entries + (size_t)d * x->cap;
}

/* Which of n rows an aggregate of the set counts; their numbers among the n go to x->rows. */
static uint32_t counted_rows(const struct agg_state *s, int d, const struct batch *b,
                             const uint32_t *rows, uint32_t n) {
    const struct agg_set *set = s->set;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool any = false;
        for (int g = 0; g < set->n_aggs && !any; g++)
            any = set->aggs[g].distinct == d &&
                  agg_filter_passes(&b->cols[set->aggs[g].filter], rows ? rows[i] : i);
        if (any) set->scratch->rows[k++] = i;
    }
    return k;
}

/* Entries of (group, values) for rows; NULL is a value, which the aggregates skip that skip it. */
static void find_values_of(struct agg_state *s, int d, const struct batch *b, const uint32_t *rows,
                           char *const *groups, uint32_t n) {
    const struct distinct_set *ds = &s->set->distinct[d];
    struct agg_scratch *x = s->set->scratch;
    struct column cols[AGG_ARGS_MAX + 1];
    const struct column *keys[AGG_ARGS_MAX + 1];
    bool blocks = agg_set_is_masked(s->set) && ds->block_log, own = rows || blocks;
    cols[0] =
        (struct column){.type = ds->types[0], .phys = PHYS_I64, .n = n, .data = (void *)groups};
    memset(x->hashes, 0, sizeof *x->hashes * n);
    for (int c = 0; c <= ds->n_cols; c++) {
        if (c && rows)
            col_gather(&cols[c], &b->cols[ds->cols[c - 1]], rows, n);
        else if (c)
            cols[c] = b->cols[ds->cols[c - 1]]; /* borrowed */
        if (c && blocks) {
            struct column values = cols[c];
            block_column(ds, &values, &cols[c]);
            if (rows) col_release(&values);
        }
        keys[c] = &cols[c];
        col_hash(&cols[c], x->hashes, n);
    }
    state_table_upsert(s->distinct[d], keys, x->hashes, NULL, n, entries_of(s, d), x->fresh);
    if (s->set->chained) chain_fresh(s, d, entries_of(s, d), groups, x->fresh, n);
    for (int c = 1; c <= ds->n_cols && own; c++)
        col_release(&cols[c]);
}

/* Rows that no aggregate of the set counts have no entry (NULL). */
static void find_values(struct agg_state *s, int d, const struct batch *b, const uint32_t *rows,
                        char *const *groups, uint32_t n) {
    uint32_t k = s->set->distinct[d].all_rows ? n : counted_rows(s, d, b, rows, n);
    if (k == n) {
        find_values_of(s, d, b, rows, groups, n);
        return;
    }
    struct agg_scratch *x = s->set->scratch;
    AUTO_FREE uint32_t *some = mem_alloc(sizeof *some * (k + 1));
    for (uint32_t i = 0; i < k; i++) {
        some[i] = rows ? rows[x->rows[i]] : x->rows[i];
        x->row_groups[i] = groups[x->rows[i]];
    }
    find_values_of(s, d, b, some, x->row_groups, k);
    char **entries = entries_of(s, d);
    for (uint32_t i = n; i-- > 0;) /* from the back: they move to their rows' places */
        entries[i] = k && x->rows[k - 1] == i ? entries[--k] : NULL;
}

static bool is_retract(const struct batch *b, uint32_t row) {
    return b->kinds && !row_kind_adds(b->kinds[row]);
}

/* Removes the values of rows taken back of which nothing is left. One may stand in the batch
 * several times: its first count marks it as found. */
static void drop_values(struct agg_state *s, int d, const struct batch *b, const uint32_t *rows,
                        char *const *groups, uint32_t n) {
    char **entries = entries_of(s, d), **of = s->set->scratch->row_groups;
    uint32_t gone = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!entries[i] || !is_retract(b, rows ? rows[i] : i)) continue;
        int64_t *counts = (int64_t *)entries[i];
        bool any = false;
        for (int c = 0; c < s->set->distinct[d].n_aggs; c++)
            any |= counts[c] != 0;
        if (any) continue;
        counts[0] = INT64_MIN;
        of[gone] = groups[i];
        entries[gone++] = entries[i];
    }
    for (uint32_t i = 0; i < gone; i++)
        agg_distinct_remove(s, d, entries[i], of[i]);
}

/* The entry of the i-th row: by its number in the batch where all of that were found. */
static char **entry_at(char **entries, const uint32_t *rows, uint32_t i, bool found_all) {
    return &entries[rows && found_all ? rows[i] : i];
}

/* ---- folding ---- */

/* Folds the first occurrences (and last retractions) for each aggregate over one set of argument
 * columns. */
static int fold_counts(struct agg_state *s, int d, const struct batch *b, const uint32_t *in_rows,
                       char *const *groups, uint32_t n, bool found_all, struct err *err) {
    struct agg_scratch *x = s->set->scratch;
    uint32_t *rows = x->rows;
    char **row_groups = x->row_groups, **entries = entries_of(s, d);
    for (int g = 0; g < s->set->n_aggs; g++) {
        const struct agg_slot *a = &s->set->aggs[g];
        if (a->distinct != d) continue;
        uint32_t m = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = in_rows ? in_rows[i] : i;
            if (a->filter >= 0 && !agg_filter_passes(&b->cols[a->filter], row)) continue;
            char **entry = entry_at(entries, in_rows, i, found_all);
            int64_t *count = (int64_t *)*entry + a->distinct_bit;
            bool first = is_retract(b, row) ? --*count == 0 : (*count)++ == 0;
            if (!first) continue;
            rows[m] = row;
            row_groups[m++] = groups[i];
            /* Without retractions a count of 1 is as good as any: only then a value is written. */
            if (!s->set->retract) state_table_touch(s->distinct[d], entry, 1);
        }
        int rc = agg_update(s, a, b, rows, row_groups, m, err);
        if (rc) return rc;
    }
    return 0;
}

/* Which aggregates of the set want each of n rows, as bits. */
static void find_wants(const struct agg_state *s, int d, const struct batch *b,
                       const uint32_t *rows, uint32_t n) {
    uint64_t *wants = s->set->scratch->wants;
    memset(wants, 0, sizeof *wants * n);
    for (int g = 0; g < s->set->n_aggs; g++) {
        const struct agg_slot *a = &s->set->aggs[g];
        if (a->distinct != d) continue;
        const struct column *f = a->filter < 0 ? NULL : &b->cols[a->filter];
        if (!f)
            for (uint32_t i = 0; i < n; i++)
                wants[i] |= 1ull << a->distinct_bit;
        else
            for (uint32_t i = 0; i < n; i++)
                wants[i] |= (uint64_t)agg_filter_bit(f, rows ? rows[i] : i) << a->distinct_bit;
    }
}

/* A row that is the first with its value for the aggregates of `wants`. */
static int fold_masks(struct agg_state *s, int d, const struct batch *b, const uint32_t *in_rows,
                      char *const *groups, uint32_t n, bool found_all, struct err *err) {
    const struct distinct_set *ds = &s->set->distinct[d];
    struct agg_scratch *x = s->set->scratch;
    char **entries = entries_of(s, d);
    const struct column *value = &b->cols[ds->cols[0]];
    uint32_t n_first = 0;
    if (!ds->same_filters) find_wants(s, d, b, in_rows, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = in_rows ? in_rows[i] : i;
        char **entry = entry_at(entries, in_rows, i, found_all);
        if (!x->wants[i]) continue;
        uint64_t fresh =
            mark(ds, s->distinct[d], *entry, place_in_block(ds, value, row), x->wants[i]);
        if (!fresh) continue;
        x->firsts[n_first] = (struct first_row){fresh, row, groups[i]};
        n_first++;
        state_table_touch(s->distinct[d], entry, 1);
    }
    for (int g = 0; g < s->set->n_aggs && n_first; g++) {
        const struct agg_slot *a = &s->set->aggs[g];
        if (a->distinct != d) continue;
        uint32_t m = 0;
        for (uint32_t i = 0; i < n_first; i++) {
            x->rows[m] = x->firsts[i].row;
            x->row_groups[m] = x->firsts[i].group;
            m += x->firsts[i].fresh >> a->distinct_bit & 1;
        }
        int rc = agg_update(s, a, b, x->rows, x->row_groups, m, err);
        if (rc) return rc;
    }
    return 0;
}

int agg_distinct_fold(struct agg_state *s, int d, const struct batch *b, const uint32_t *rows,
                      char *const *groups, uint32_t n, bool found_all, struct err *err) {
    return agg_set_is_masked(s->set) ? fold_masks(s, d, b, rows, groups, n, found_all, err)
                                     : fold_counts(s, d, b, rows, groups, n, found_all, err);
}

void agg_distinct_find(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                       char *const *groups, uint32_t n) {
    agg_scratch_for(s, n);
    for (int d = 0; d < s->set->n_distinct; d++)
        find_values(s, d, b, rows, groups, n);
}

void agg_distinct_settle(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                         char *const *groups, uint32_t n) {
    for (int d = 0; d < s->set->n_distinct && s->set->retract; d++) {
        state_table_touch(s->distinct[d], entries_of(s, d), n);
        drop_values(s, d, b, rows, groups, n);
    }
}

/* ---- merging ---- */

/* The values of entries that dst hasn't counted, for each aggregate that the source has. cols:
 * group and values, or blocks of them. */
static int merge_masks(struct agg_state *dst, int d, char *const *from, uint32_t n,
                       const struct column *cols, char *const *groups, struct err *err) {
    const struct distinct_set *ds = &dst->set->distinct[d];
    struct agg_scratch *x = dst->set->scratch;
    uint64_t all = ds->mask_bits < WORD_BITS ? (1ull << ds->mask_bits) - 1 : ~0ull;
    uint32_t n_first = 0;
    struct column values;
    const struct column *args[AGG_ARGS_MAX];
    for (int c = 0; c < ds->n_cols; c++)
        args[c] = &cols[c + 1];
    if (ds->block_log) {
        col_init(&values, cols[1].type, n << ds->block_log);
        args[0] = &values;
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t place = 0; place < 1u << ds->block_log; place++) {
            uint32_t bit = place * ds->mask_bits;
            uint64_t has = ((uint64_t *)from[i])[bit / WORD_BITS] >> bit % WORD_BITS & all;
            uint64_t fresh = has ? mark(ds, dst->distinct[d], x->entries[i], place, has) : 0;
            if (!fresh) continue;
            x->firsts[n_first] = (struct first_row){fresh, ds->block_log ? n_first : i, groups[i]};
            if (ds->block_log) put_block_value(ds, &cols[1], i, place, &values, n_first);
            n_first++;
        }
    int rc = 0;
    for (int g = 0; g < dst->set->n_aggs && !rc; g++) {
        const struct agg_slot *a = &dst->set->aggs[g];
        if (a->distinct != d) continue;
        uint32_t m = 0;
        for (uint32_t i = 0; i < n_first; i++) {
            x->rows[m] = x->firsts[i].row;
            x->row_groups[m] = x->firsts[i].group;
            m += x->firsts[i].fresh >> a->distinct_bit & 1;
        }
        struct agg_rows r = {.n = m,
                             .rows = x->rows,
                             .args = args,
                             .accs = x->row_groups,
                             .acc_offset = a->offset,
                             .blobs = &state_table_var(dst->groups)->blobs,
                             .env = dst->set->env};
        rc = agg_update_rows(dst, a, &r, err);
    }
    if (ds->block_log) col_release(&values);
    return rc;
}

/* Values of src are folded into dst's groups as if they came as rows, once each per aggregate that
 * saw them. One that has gone more often than it came takes away what dst has of it. */
int agg_distinct_merge_entries(struct agg_state *dst, struct agg_state *src, int d, char **from,
                               uint32_t n, struct err *err) {
    const struct distinct_set *ds = &dst->set->distinct[d];
    struct agg_scratch *x = dst->set->scratch;
    struct column cols[AGG_ARGS_MAX + 1];
    const struct column *keys[AGG_ARGS_MAX + 1];
    state_table_keys(src->distinct[d], from, n, cols);
    int64_t *addresses = cols[0].data;
    for (uint32_t i = 0; i < n; i++)
        addresses[i] = (int64_t)(intptr_t)((struct agg_header *)(intptr_t)addresses[i])->forward;
    memset(x->hashes, 0, sizeof *x->hashes * n);
    for (int c = 0; c <= ds->n_cols; c++) {
        keys[c] = &cols[c];
        col_hash(&cols[c], x->hashes, n);
    }
    state_table_upsert(dst->distinct[d], keys, x->hashes, NULL, n, x->entries, x->fresh);
    if (dst->set->chained) chain_fresh(dst, d, x->entries, (char *const *)addresses, x->fresh, n);
    if (agg_set_is_masked(dst->set)) {
        int rc = merge_masks(dst, d, from, n, cols, (char *const *)addresses, err);
        for (int c = 0; c <= ds->n_cols; c++)
            col_release(&cols[c]);
        return rc;
    }
    uint8_t *kinds = x->fresh; /* from here on */
    int rc = 0;
    for (int g = 0; g < dst->set->n_aggs && !rc; g++) {
        const struct agg_slot *a = &dst->set->aggs[g];
        if (a->distinct != d) continue;
        uint32_t m = 0;
        for (uint32_t i = 0; i < n; i++) {
            int64_t *count = (int64_t *)x->entries[i] + a->distinct_bit;
            bool was = *count > 0;
            *count += ((int64_t *)from[i])[a->distinct_bit];
            if (was == (*count > 0)) continue;
            kinds[i] = was ? ROW_DELETE : ROW_INSERT;
            x->rows[m] = i;
            x->row_groups[m++] = (char *)(intptr_t)addresses[i];
        }
        const struct column *args[AGG_ARGS_MAX];
        for (int c = 0; c < ds->n_cols; c++)
            args[c] = &cols[c + 1];
        struct agg_rows r = {.n = m,
                             .rows = x->rows,
                             .args = args,
                             .kinds = dst->set->retract ? kinds : NULL,
                             .accs = x->row_groups,
                             .acc_offset = a->offset,
                             .blobs = &state_table_var(dst->groups)->blobs,
                             .env = dst->set->env};
        rc = agg_update_rows(dst, a, &r, err);
    }
    for (int c = 0; c <= ds->n_cols; c++)
        col_release(&cols[c]);
    return rc;
}

int agg_distinct_merge(struct agg_state *dst, struct agg_state *src, int d, struct err *err) {
    uint64_t pos = 0;
    uint32_t n;
    AUTO_FREE char **from = mem_calloc(BATCH_ROWS_MAX, sizeof *from);
    /* An entry of blocks may hold as many rows as a block has values. */
    uint32_t max =
        BATCH_ROWS_MAX >> (agg_set_is_masked(dst->set) ? dst->set->distinct[d].block_log : 0);
    while ((n = state_table_scan(src->distinct[d], &pos, from, max))) {
        int rc = agg_distinct_merge_entries(dst, src, d, from, n, err);
        if (rc) return rc;
    }
    return 0;
}
