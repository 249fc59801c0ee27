/* agg_state.c - folding batches into groups. */
#include "worker/agg_state.h"

#include "worker/agg_state_int.h"
#include "worker/state/row_pack.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct agg_header) == AGG_HEADER_BYTES, "header of groups");

/* ---- the set ---- */

static int same_cols(const struct distinct_set *d, const int *cols, int n) {
    return d->n_cols == n && !memcmp(d->cols, cols, sizeof *cols * (size_t)n);
}

static void add_distinct(struct op *op, struct agg_set *s, struct agg_slot *a) {
    int n = a->call.n_args;
    int d = 0;
    while (d < s->n_distinct && !same_cols(&s->distinct[d], a->cols, n))
        d++;
    struct distinct_set *ds = &s->distinct[d];
    if (d == s->n_distinct) {
        s->n_distinct++;
        ds->n_cols = n;
        memcpy(ds->cols, a->cols, sizeof ds->cols);
        ds->types = ARENA_NEW_N(op->ctx->arena, const struct type *, n + 1);
        ds->types[0] = type_of_not_null(TYPE_BIGINT);
        for (int i = 0; i < n; i++)
            ds->types[i + 1] = a->call.arg_types[i];
    }
    a->distinct = d;
    a->distinct_bit = ds->n_aggs++;
    ds->all_rows |= a->filter < 0;
}

static int read_agg(struct op *op, struct agg_set *s, const cJSON *j, struct agg_slot *a,
                    struct err *err) {
    int rc = agg_call_from_json(op->ctx->arena, j, &a->call, err);
    if (rc) return rc;
    const struct schema *in = op->ctx->inputs[0];
    const cJSON *cols = json_opt(j, "cols"), *c;
    int n = 0;
    cJSON_ArrayForEach(c, cols) {
        if (n == AGG_ARGS_MAX || !cJSON_IsNumber(c) || c->valueint < 0 || c->valueint >= in->n)
            return err_set(err, ERR_PROTOCOL, "bad column in aggregate %s", a->call.agg->name);
        a->cols[n++] = c->valueint;
    }
    a->filter = (int)json_opt_i64(j, "filter", -1);
    if (a->filter >= in->n)
        return err_set(err, ERR_PROTOCOL, "bad filter in aggregate %s", a->call.agg->name);
    unsigned flags = a->call.agg->flags;
    if (a->call.retract && !(flags & (AGG_RETRACT | AGG_VALUES)))
        return err_set(err, ERR_UNSUPPORTED, "%s can't be computed over input that takes rows back",
                       a->call.agg->name);
    a->keeps_values = a->call.retract && !(flags & AGG_RETRACT);
    if (a->keeps_values) a->values = agg_values_spec_of(&a->call);
    uint32_t align = MAX(a->call.acc_align, 8u);
    s->payload_bytes = (s->payload_bytes + align - 1) / align * align;
    a->offset = s->payload_bytes;
    s->payload_bytes += a->keeps_values ? sizeof(struct agg_values) : a->call.acc_size_bytes;
    s->payload_align = MAX(s->payload_align, align);
    a->distinct = -1;
    if (a->call.distinct) add_distinct(op, s, a);
    s->retract |= a->call.retract;
    s->blobs |= !agg_slot_is_plain(a);
    return 0;
}

int agg_set_new(struct op *op, const cJSON *keys, const cJSON *aggs, struct agg_set **ret,
                struct err *err) {
    struct arena *a = op->ctx->arena;
    const struct schema *in = op->ctx->inputs[0];
    struct agg_set *s = ARENA_NEW(a, struct agg_set);
    s->env = op->ctx->env;
    s->n_keys = cJSON_GetArraySize(keys);
    s->n_aggs = cJSON_GetArraySize(aggs);
    if (s->n_aggs > AGG_SET_MAX || s->n_keys > STATE_KEYS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "more than %d aggregates or %d keys in one GROUP BY",
                       AGG_SET_MAX, STATE_KEYS_MAX);
    int *cols = ARENA_NEW_N(a, int, s->n_keys);
    s->key_types = ARENA_NEW_N(a, const struct type *, s->n_keys);
    s->aggs = ARENA_NEW_N(a, struct agg_slot, s->n_aggs);
    s->distinct = ARENA_NEW_N(a, struct distinct_set, s->n_aggs);
    s->payload_bytes = AGG_HEADER_BYTES;
    s->payload_align = 8;
    const cJSON *j;
    int i = 0;
    cJSON_ArrayForEach(j, keys) {
        if (!cJSON_IsNumber(j) || j->valueint < 0 || j->valueint >= in->n)
            return err_set(err, ERR_PROTOCOL, "bad key column");
        cols[i] = j->valueint;
        s->key_types[i] = in->fields[j->valueint].type;
        if (type_is_nested(s->key_types[i]))
            return err_set(err, ERR_UNSUPPORTED, "grouping by '%s', which is of a nested type",
                           in->fields[j->valueint].name);
        i++;
    }
    s->keys = cols;
    i = 0;
    cJSON_ArrayForEach(j, aggs) {
        int rc = read_agg(op, s, j, &s->aggs[i++], err);
        if (rc) return rc;
    }
    s->scratch = mem_zalloc(sizeof *s->scratch);
    *ret = s;
    return 0;
}

void agg_set_release(struct agg_set *s) {
    if (!s) return;
    free(s->scratch->payloads);
    free(s->scratch->fresh);
    free(s->scratch->rows);
    free(s->scratch->row_groups);
    free(s->scratch->entries);
    free(s->scratch->hashes);
    free(s->scratch->wants);
    free(s->scratch->firsts);
    free(s->scratch);
}

void agg_set_chain(struct agg_set *s, struct arena *a) {
    s->chained = true;
    s->chain_offset = (s->payload_bytes + 7) / 8 * 8;
    s->payload_bytes = s->chain_offset + 8 * (uint32_t)s->n_distinct;
    for (int d = 0; d < s->n_distinct; d++)
        s->distinct[d].pack = row_pack_new(a, s->distinct[d].types + 1, s->distinct[d].n_cols);
}

bool agg_set_is_local(const struct agg_set *set) {
    return !set->blobs && !set->n_distinct;
}

/* ---- life ---- */

static void free_accumulators(void *self, char *payload, struct var_memory *var) {
    const struct agg_set *set = self;
    for (int i = 0; i < set->n_aggs; i++) {
        const struct agg_slot *a = &set->aggs[i];
        if (a->keeps_values)
            agg_values_release(&a->values, (struct agg_values *)(payload + a->offset), var);
        else if (a->call.agg->free_acc)
            a->call.agg->free_acc(&a->call, payload + a->offset, &var->blobs);
    }
    if (set->tail) set->tail->free(set->tail_self, payload, var);
}

static struct agg_state *new_state(const struct agg_set *set, struct state_table *groups) {
    struct agg_state *s = mem_zalloc(sizeof *s);
    s->set = set;
    s->groups = groups;
    s->distinct = mem_calloc((size_t)set->n_distinct + 1, sizeof *s->distinct);
    if (set->n_distinct && !set->distinct[0].mask_bits) agg_distinct_plan(set);
    for (int i = 0; i < set->n_distinct; i++)
        s->distinct[i] = agg_distinct_table(set, i, groups);
    return s;
}

struct agg_state *agg_state_new(const struct agg_set *set) {
    bool owns = set->blobs || set->tail, bytes = owns || set->chained;
    struct state_desc d = {.n_keys = set->n_keys,
                           .key_types = set->key_types,
                           .payload_size_bytes = set->payload_bytes,
                           .payload_align_bytes = set->payload_align,
                           .free_payload = owns ? free_accumulators : NULL,
                           .save_payload = bytes ? agg_group_save_payload : NULL,
                           .load_payload = bytes ? agg_group_load_payload : NULL,
                           .self = (void *)set,
                           .ttl_ms = set->ttl_ms};
    return new_state(set, state_table_new(&d));
}

struct agg_state *agg_state_new_blocks(const struct agg_set *set, struct state_table *table) {
    CHECK(set->chained);
    struct agg_state *s = new_state(set, table);
    s->borrowed = true;
    return s;
}

void agg_state_free(struct agg_state *s) {
    if (!s) return;
    if (!s->borrowed) state_table_free(s->groups);
    for (int i = 0; i < s->set->n_distinct; i++)
        state_table_free(s->distinct[i]);
    free(s->distinct);
    free(s);
}

void agg_state_clear(struct agg_state *s) {
    state_table_clear(s->groups);
    for (int i = 0; i < s->set->n_distinct; i++)
        state_table_clear(s->distinct[i]);
}

struct state_table *agg_state_table(struct agg_state *s) {
    return s->groups;
}

size_t agg_state_bytes(const struct agg_state *s) {
    size_t n = state_table_bytes(s->groups);
    for (int i = 0; i < s->set->n_distinct; i++)
        n += state_table_bytes(s->distinct[i]);
    return n;
}

uint64_t agg_state_count(const struct agg_state *s) {
    return state_table_count(s->groups);
}

void agg_state_age(struct agg_state *s, int64_t now_ms, uint32_t n) {
    state_table_age(s->groups, now_ms, 2 * n);
    for (int i = 0; i < s->set->n_distinct; i++)
        state_table_age(s->distinct[i], now_ms, 2 * n);
}

/* The scratch with room for n rows. */
struct agg_scratch *agg_scratch_for(const struct agg_state *s, uint32_t n) {
    struct agg_scratch *x = s->set->scratch;
    if (n <= x->cap) return x;
    x->cap = MAX(n, (uint32_t)BATCH_ROWS_MAX);
    x->payloads = mem_reallocarray(x->payloads, x->cap, sizeof *x->payloads);
    x->fresh = mem_realloc(x->fresh, x->cap);
    x->rows = mem_reallocarray(x->rows, x->cap, sizeof *x->rows);
    x->row_groups = mem_reallocarray(x->row_groups, x->cap, sizeof *x->row_groups);
    size_t n_entries = (size_t)x->cap * (size_t)MAX(s->set->n_distinct, 1);
    x->entries = mem_reallocarray(x->entries, n_entries, sizeof *x->entries);
    x->hashes = mem_reallocarray(x->hashes, x->cap, sizeof *x->hashes);
    x->wants = mem_reallocarray(x->wants, x->cap, sizeof *x->wants);
    x->firsts = mem_reallocarray(x->firsts, x->cap, sizeof *x->firsts);
    return x;
}

static void init_fresh(const struct agg_set *set, char *const *payloads, const uint8_t *fresh,
                       uint32_t n) {
    for (int k = 0; k < set->n_aggs; k++) {
        const struct agg_slot *a = &set->aggs[k];
        if (!a->call.agg->init || a->keeps_values) continue; /* zeroed is right */
        for (uint32_t i = 0; i < n; i++)
            if (fresh[i]) a->call.agg->init(&a->call, payloads[i] + a->offset);
    }
}

void agg_state_groups(struct agg_state *s, const struct batch *b, const uint64_t *hashes,
                      const uint32_t *rows, uint32_t n, char **groups) {
    struct agg_scratch *x = agg_scratch_for(s, n);
    const struct column *keys[STATE_KEYS_MAX];
    for (int i = 0; i < s->set->n_keys; i++)
        keys[i] = &b->cols[s->set->keys[i]];
    state_table_upsert(s->groups, keys, hashes, rows, n, groups, x->fresh);
    init_fresh(s->set, groups, x->fresh, n);
    state_table_touch(s->groups, groups, n);
}

/* ---- folding ---- */

/* Rows that pass the aggregate's filter, with their groups; all rows without copying if there is
 * none. */
static uint32_t select_rows(struct agg_state *s, const struct agg_slot *a, const struct batch *b,
                            const uint32_t *in_rows, char *const *groups, uint32_t n) {
    const struct column *f = &b->cols[a->filter];
    struct agg_scratch *x = s->set->scratch;
    uint32_t k = 0;
    /* Without a branch: which rows pass is often anybody's guess. */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = in_rows ? in_rows[i] : i;
        x->rows[k] = row;
        x->row_groups[k] = groups[i];
        k += agg_filter_bit(f, row);
    }
    return k;
}

int agg_update_rows(struct agg_state *s, const struct agg_slot *a, const struct agg_rows *r,
                    struct err *err) {
    if (!r->n) return 0;
    if (!a->keeps_values) return a->call.agg->update(&a->call, r, err);
    agg_values_update(&a->values, r, state_table_var(s->groups));
    return 0;
}

int agg_update(struct agg_state *s, const struct agg_slot *a, const struct batch *b,
               const uint32_t *rows, char *const *groups, uint32_t n, struct err *err) {
    const struct column *args[AGG_ARGS_MAX];
    for (int i = 0; i < a->call.n_args; i++)
        args[i] = &b->cols[a->cols[i]];
    struct agg_rows r = {.n = n,
                         .rows = rows,
                         .args = args,
                         .kinds = b->kinds,
                         .accs = groups,
                         .acc_offset = a->offset,
                         .blobs = &state_table_var(s->groups)->blobs,
                         .env = s->set->env};
    return agg_update_rows(s, a, &r, err);
}

static int fold_rows(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                     char *const *groups, uint32_t n, bool found_all, struct err *err) {
    struct agg_scratch *x = s->set->scratch;
    for (int g = 0; g < s->set->n_aggs; g++) {
        const struct agg_slot *a = &s->set->aggs[g];
        if (a->distinct >= 0) continue;
        int rc;
        if (a->filter >= 0) {
            uint32_t k = select_rows(s, a, b, rows, groups, n);
            rc = agg_update(s, a, b, x->rows, x->row_groups, k, err);
        } else {
            rc = agg_update(s, a, b, rows, groups, n, err);
        }
        if (rc) return rc;
    }
    for (int d = 0; d < s->set->n_distinct; d++) {
        int rc = agg_distinct_fold(s, d, b, rows, groups, n, found_all, err);
        if (rc) return rc;
    }
    return 0;
}

void agg_state_begin_parts(struct agg_state *s, const struct batch *b, char *const *groups) {
    agg_distinct_find(s, b, NULL, groups, b->n);
}

int agg_state_fold_part(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                        uint32_t n, char *const *groups, struct err *err) {
    return fold_rows(s, b, rows, groups, n, true, err);
}

void agg_state_end_parts(struct agg_state *s, const struct batch *b, char *const *groups) {
    agg_distinct_settle(s, b, NULL, groups, b->n);
}

int agg_state_fold(struct agg_state *s, const struct batch *b, const uint32_t *rows, uint32_t n,
                   char *const *groups, struct err *err) {
    agg_distinct_find(s, b, rows, groups, n);
    int rc = fold_rows(s, b, rows, groups, n, false, err);
    if (!rc) agg_distinct_settle(s, b, rows, groups, n);
    return rc;
}

/* ---- partial results ---- */

int agg_state_partials(struct agg_state *s, char *const *groups, uint32_t n,
                       struct column *ret_cols, struct err *err) {
    for (int g = 0; g < s->set->n_aggs; g++) {
        const struct agg_slot *a = &s->set->aggs[g];
        struct column *c = &ret_cols[g];
        col_init(c, type_of_not_null(TYPE_VARBINARY), n);
        bool blob = !agg_slot_is_plain(a);
        AUTO_STR bytes = STR_INIT;
        for (uint32_t i = 0; i < n; i++) {
            const char *acc = groups[i] + a->offset;
            struct strv *v = &COL_DATA(c, struct strv)[i];
            if (blob) {
                str_clear(&bytes);
                a->call.agg->save(&a->call, acc, &bytes);
                *v = strv_copy(col_heap(c), str_text(&bytes), (uint32_t)bytes.len);
            } else if (a->call.acc_size_bytes <= STRV_INLINE_MAX_BYTES) {
                *v = strv_borrow(acc, a->call.acc_size_bytes);
            } else {
                *v = strv_copy(col_heap(c), acc, a->call.acc_size_bytes);
            }
        }
    }
    return 0;
}

static int merge_blob(struct agg_state *s, const struct agg_slot *a, char *group,
                      const struct strv *v, struct err *err) {
    AUTO_FREE char *tmp = mem_zalloc(a->call.acc_size_bytes + 16);
    struct blob_alloc *blobs = &state_table_var(s->groups)->blobs;
    int rc = a->call.agg->load(&a->call, tmp, strv_sv(v), blobs, err);
    if (rc) return rc;
    /* merge adds acc_offset to both sides */
    char *dst = group;
    const char *src = tmp - a->offset;
    rc = a->call.agg->merge(&a->call, &dst, &src, a->offset, 1, blobs, err);
    if (a->call.agg->free_acc) a->call.agg->free_acc(&a->call, tmp, blobs);
    return rc;
}

int agg_state_fold_partials(struct agg_state *s, const struct batch *b, char *const *groups,
                            struct err *err) {
    struct agg_scratch *x = agg_scratch_for(s, b->n);
    for (int g = 0; g < s->set->n_aggs; g++) {
        const struct agg_slot *a = &s->set->aggs[g];
        const struct column *c = &b->cols[a->cols[0]];
        uint32_t size = a->call.acc_size_bytes;
        bool blob = !agg_slot_is_plain(a);
        /* Inline views hold the accumulator at a 4-byte boundary: copied to be aligned. */
        size_t stride = (size + 15) / 16 * 16;
        AUTO_FREE char *copies = blob ? NULL : mem_aligned(64, stride * b->n + 64);
        for (uint32_t i = 0; i < b->n; i++) {
            const struct strv *v = &COL_DATA(c, struct strv)[i];
            if (blob) {
                int rc = merge_blob(s, a, groups[i], v, err);
                if (rc) return rc;
                continue;
            }
            if (v->len != size) return err_set(err, ERR_PROTOCOL, "partial result of another size");
            memcpy(copies + stride * i, strv_data(v), size);
            x->entries[i] = copies + stride * i - a->offset;
        }
        if (blob) continue;
        int rc = a->call.agg->merge(&a->call, groups, (const char *const *)x->entries, a->offset,
                                    b->n, &state_table_var(s->groups)->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- merging of whole states ---- */

static int merge_accs(struct agg_state *dst, char *const *to, const char *const *from, uint32_t n,
                      struct err *err) {
    struct var_memory *var = state_table_var(dst->groups);
    for (int g = 0; g < dst->set->n_aggs; g++) {
        const struct agg_slot *a = &dst->set->aggs[g];
        if (a->distinct >= 0) continue;
        if (a->keeps_values) {
            agg_values_merge(&a->values, to, from, a->offset, n, var);
            continue;
        }
        int rc = a->call.agg->merge(&a->call, to, from, a->offset, n, &var->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int merge_groups(struct agg_state *dst, struct agg_state *src, char **from, uint32_t n,
                        struct err *err) {
    const struct agg_set *set = dst->set;
    struct agg_scratch *x = set->scratch;
    state_table_upsert_rows(dst->groups, src->groups, from, n, x->payloads, x->fresh);
    init_fresh(set, x->payloads, x->fresh, n);
    for (uint32_t i = 0; i < n; i++) {
        struct agg_header *h = (struct agg_header *)from[i];
        h->forward = x->payloads[i];
        ((struct agg_header *)x->payloads[i])->op_word += h->op_word;
    }
    return merge_accs(dst, x->payloads, (const char *const *)from, n, err);
}

int agg_state_merge(struct agg_state *dst, struct agg_state *src, struct err *err) {
    agg_scratch_for(dst, BATCH_ROWS_MAX);
    AUTO_FREE char **from = mem_calloc(BATCH_ROWS_MAX, sizeof *from);
    uint64_t pos = 0;
    uint32_t n;
    while ((n = state_table_scan(src->groups, &pos, from, BATCH_ROWS_MAX))) {
        int rc = merge_groups(dst, src, from, n, err);
        if (rc) return rc;
    }
    for (int d = 0; d < dst->set->n_distinct; d++) {
        int rc = agg_distinct_merge(dst, src, d, err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- groups by themselves ---- */

void agg_group_init(struct agg_state *s, char *group) {
    uint8_t fresh = 1;
    init_fresh(s->set, &group, &fresh, 1);
}

static void remove_values(struct agg_state *s, char *group) {
    for (int d = 0; d < s->set->n_distinct; d++) {
        char **head = agg_chain_head(s, d, group);
        while (*head)
            agg_distinct_remove(s, d, *head, group);
    }
}

void agg_group_release(struct agg_state *s, char *group) {
    free_accumulators((void *)s->set, group, state_table_var(s->groups));
    remove_values(s, group);
}

int agg_group_merge(struct agg_state *s, char *dst, char *src, struct err *err) {
    int rc = merge_accs(s, &dst, (const char *const *)&src, 1, err);
    if (rc) return rc;
    agg_scratch_for(s, BATCH_ROWS_MAX);
    ((struct agg_header *)src)->forward = dst;
    AUTO_FREE char **values =
        s->set->n_distinct ? mem_calloc(BATCH_ROWS_MAX, sizeof *values) : NULL;
    for (int d = 0; d < s->set->n_distinct; d++) {
        char *e = *agg_chain_head(s, d, src);
        while (e) {
            uint32_t n = 0;
            for (; e && n < BATCH_ROWS_MAX; e = agg_chain_of(s, d, e)->next)
                values[n++] = e;
            rc = agg_distinct_merge_entries(s, s, d, values, n, err);
            if (rc) return rc;
        }
    }
    return 0;
}

/* ---- results ---- */

bool agg_slot_is_plain(const struct agg_slot *a) {
    if (a->keeps_values) return false;
    const struct agg *agg = a->call.agg;
    bool extreme = agg->keep == AGG_KEEP_LEAST || agg->keep == AGG_KEEP_GREATEST;
    return !(agg->flags & AGG_BLOB) || (extreme && type_phys(a->call.arg_types[0]) != PHYS_STR);
}

int agg_state_finish_one(struct agg_state *s, int agg, char *const *groups, uint32_t n,
                         struct column *ret, struct err *err) {
    const struct agg_slot *a = &s->set->aggs[agg];
    col_init(ret, a->call.ret_type, n);
    int rc = a->keeps_values ? agg_values_finish(&a->values, groups, a->offset, n, s->set->env,
                                                 state_table_var(s->groups), ret, err)
                             : a->call.agg->finish(&a->call, groups, a->offset, n, ret, err);
    if (rc) col_release(ret);
    return rc;
}

int agg_state_finish(struct agg_state *s, char *const *groups, uint32_t n, struct column *ret_cols,
                     struct err *err) {
    for (int g = 0; g < s->set->n_aggs; g++) {
        int rc = agg_state_finish_one(s, g, groups, n, &ret_cols[g], err);
        if (!rc) continue;
        while (g-- > 0)
            col_release(&ret_cols[g]);
        return rc;
    }
    return 0;
}

void agg_state_keys(struct agg_state *s, char *const *groups, uint32_t n, struct column *ret_cols) {
    state_table_keys(s->groups, groups, n, ret_cols);
}

void agg_state_remove(struct agg_state *s, char *group) {
    if (s->set->chained) remove_values(s, group);
    state_table_remove(s->groups, group);
}
