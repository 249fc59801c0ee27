/* agg_group.c - groups as bytes, for checkpoints, and back: as parts of an op's state, or one group
 * of a chained set with all its values.
 *
 * Per aggregate without DISTINCT: uint32 length, accumulator. Per set of DISTINCT's columns: uint32
 * number of values; per value a packed row (row_pack.h) of them and the counts, 8 bytes each.
 * Little-endian. */
#include "worker/agg_state_int.h"
#include "worker/state/row_pack.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- saving ---- */

static void save_accumulator(const struct agg_slot *a, const char *group, struct str *out) {
    const char *acc = group + a->offset;
    size_t at = out->len;
    str_add_n(out, "\0\0\0\0", 4);
    if (a->keeps_values)
        agg_values_save(&a->values, (const struct agg_values *)acc, out);
    else if (a->call.agg->flags & AGG_BLOB)
        a->call.agg->save(&a->call, acc, out);
    else
        str_add_n(out, acc, a->call.acc_size_bytes);
    uint32_t len = (uint32_t)(out->len - at - 4);
    memcpy(out->ptr + at, &len, 4);
}

static void save_values(struct agg_state *s, int d, char *group, struct str *out) {
    const struct distinct_set *ds = &s->set->distinct[d];
    char *entries[BATCH_ROWS_MAX];
    struct column cols[AGG_ARGS_MAX + 1];
    size_t at = out->len;
    uint32_t n_all = 0;
    str_add_n(out, "\0\0\0\0", 4);
    AUTO_STR row = STR_INIT;
    for (char *e = *agg_chain_head(s, d, group); e;) {
        uint32_t n = 0;
        for (; e && n < BATCH_ROWS_MAX; e = agg_chain_of(s, d, e)->next)
            entries[n++] = e;
        state_table_keys(s->distinct[d], entries, n, cols);
        for (uint32_t i = 0; i < n; i++) {
            str_clear(&row);
            row_pack_add(ds->pack, cols + 1, i, &row);
            str_add_n(out, row.ptr, row.len);
            str_add_n(out, entries[i], 8 * (size_t)ds->n_aggs);
        }
        for (int c = 0; c <= ds->n_cols; c++)
            col_release(&cols[c]);
        n_all += n;
    }
    memcpy(out->ptr + at, &n_all, 4);
}

void agg_group_save(struct agg_state *s, const char *group, struct str *out) {
    for (int g = 0; g < s->set->n_aggs; g++)
        save_accumulator(&s->set->aggs[g], group, out);
    for (int d = 0; d < s->set->n_distinct; d++)
        save_values(s, d, (char *)group, out);
}

void agg_group_save_payload(void *self, const char *payload, struct str *out) {
    const struct agg_set *set = self;
    str_add_n(out, payload, 8); /* the op's word */
    for (int g = 0; g < set->n_aggs; g++)
        save_accumulator(&set->aggs[g], payload, out);
    if (set->tail) set->tail->save(set->tail_self, payload, out);
}

/* ---- and back ---- */

static int too_short(struct err *err) {
    return err_set(err, ERR_CORRUPT, "the state of an aggregate ends too early");
}

static int load_accumulator(const struct agg_slot *a, char *group, struct sv *in,
                            struct var_memory *var, struct err *err) {
    char *acc = group + a->offset;
    uint32_t len;
    struct sv bytes;
    if (!sv_take(in, &len, 4) || !sv_cut(in, len, &bytes)) return too_short(err);
    if (a->keeps_values)
        return agg_values_load(&a->values, (struct agg_values *)acc, bytes, var, err);
    if (a->call.agg->flags & AGG_BLOB)
        return a->call.agg->load(&a->call, acc, bytes, &var->blobs, err);
    if (len != a->call.acc_size_bytes)
        return err_set(err, ERR_CORRUPT, "an accumulator of %s of another size", a->call.agg->name);
    memcpy(acc, bytes.ptr, len);
    return 0;
}

/* One value: its row is copied to where it is aligned. */
static int load_value(struct agg_state *s, int d, char *group, struct sv *in, struct err *err) {
    const struct distinct_set *ds = &s->set->distinct[d];
    struct sv row, counts;
    if (in->len < 4 || !sv_cut(in, row_pack_size(in->ptr), &row) ||
        !sv_cut(in, 8 * (size_t)ds->n_aggs, &counts))
        return too_short(err);
    AUTO_FREE char *packed = mem_aligned(16, (row.len + 15) / 16 * 16);
    memcpy(packed, row.ptr, row.len);
    int rc = row_pack_check(ds->pack, packed, row.len, err);
    if (rc) return rc;
    struct column cols[AGG_ARGS_MAX + 1];
    const struct column *keys[AGG_ARGS_MAX + 1];
    cols[0] = (struct column){.type = ds->types[0], .phys = PHYS_I64, .n = 1, .data = &group};
    row_pack_read(ds->pack, (const char *const[]){packed}, 1, cols + 1);
    uint64_t hash = 0;
    for (int c = 0; c <= ds->n_cols; c++) {
        keys[c] = &cols[c];
        col_hash(&cols[c], &hash, 1);
    }
    char *entry;
    uint8_t fresh;
    state_table_upsert(s->distinct[d], keys, &hash, NULL, 1, &entry, &fresh);
    memcpy(entry, counts.ptr, counts.len);
    if (fresh) agg_chain_add(s, d, entry, group);
    for (int c = 1; c <= ds->n_cols; c++)
        col_release(&cols[c]);
    return 0;
}

int agg_group_load(struct agg_state *s, char *group, struct sv bytes, struct err *err) {
    int rc = 0;
    for (int g = 0; g < s->set->n_aggs && !rc; g++)
        rc = load_accumulator(&s->set->aggs[g], group, &bytes, state_table_var(s->groups), err);
    for (int d = 0; d < s->set->n_distinct && !rc; d++) {
        uint32_t n;
        if (!sv_take(&bytes, &n, sizeof n)) return too_short(err);
        for (uint32_t i = 0; i < n && !rc; i++)
            rc = load_value(s, d, group, &bytes, err);
    }
    return rc;
}

int agg_group_load_payload(void *self, char *payload, struct sv bytes, struct var_memory *var,
                           struct err *err) {
    const struct agg_set *set = self;
    if (!sv_take(&bytes, payload, 8)) return too_short(err);
    int rc = 0;
    for (int g = 0; g < set->n_aggs && !rc; g++)
        rc = load_accumulator(&set->aggs[g], payload, &bytes, var, err);
    return rc || !set->tail ? rc : set->tail->load(set->tail_self, payload, bytes, var, err);
}

/* ---- as parts of an op's state ---- */

void agg_save_counts(void *self, const char *payload, struct str *out) {
    const struct distinct_set *ds = self;
    str_add_n(out, payload, 8 * (size_t)ds->n_aggs);
}

int agg_load_counts(void *self, char *payload, struct sv bytes, struct var_memory *var,
                    struct err *err) {
    const struct distinct_set *ds = self;
    if (bytes.len != 8 * (size_t)ds->n_aggs)
        return err_set(err, ERR_CORRUPT, "counts of a DISTINCT value of another size");
    memcpy(payload, bytes.ptr, bytes.len);
    return 0;
}

static void part_name(const char *name, int distinct, char *ret) {
    int n = distinct < 0 ? snprintf(ret, STATE_NAME_MAX + 1, "%s", name)
                         : snprintf(ret, STATE_NAME_MAX + 1, "%s.distinct%d", name, distinct);
    CHECK(n <= STATE_NAME_MAX);
}

void agg_state_add_parts(struct agg_state *s, struct state_set *states, const char *name,
                         int64_t ns) {
    char text[STATE_NAME_MAX + 1];
    for (int d = s->set->n_distinct - 1; d >= -1; d--) { /* their owner last */
        part_name(name, d, text);
        state_set_add(states, text, ns, &state_table_part, d < 0 ? s->groups : s->distinct[d]);
    }
}

void agg_state_drop_parts(struct agg_state *s, struct state_set *states, const char *name,
                          int64_t ns) {
    char text[STATE_NAME_MAX + 1];
    for (int d = s->set->n_distinct - 1; d >= -1; d--) {
        part_name(name, d, text);
        state_set_drop(states, text, ns);
    }
}

void agg_state_restored(struct agg_state *s) {
    char *entries[256];
    for (int d = 0; d < s->set->n_distinct && s->set->chained; d++) {
        uint64_t pos = 0;
        uint32_t n;
        while ((n = state_table_scan(s->distinct[d], &pos, entries, 256))) {
            struct column cols[AGG_ARGS_MAX + 1];
            state_table_keys(s->distinct[d], entries, n, cols);
            for (uint32_t i = 0; i < n; i++)
                agg_chain_add(s, d, entries[i], COL_DATA(&cols[0], char *)[i]);
            for (int c = 0; c <= s->set->distinct[d].n_cols; c++)
                col_release(&cols[c]);
        }
    }
}
