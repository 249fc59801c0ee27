/* agg_state.h - groups and their accumulators, for every op that aggregates: key → one row in a
 * state table that holds the accumulators of all aggregates side by side. FILTER and DISTINCT are
 * handled here: a filtered row doesn't reach its aggregate; for DISTINCT a second table per set of
 * argument columns counts each value of each group, and only the first occurrence (last retraction)
 * is folded. MIN, MAX and others that can't take back a value (AGG_VALUES) get, where the input
 * retracts, a sorted multiset of values per group (agg_values.h). */
#ifndef PENSTOCK_WORKER_AGG_STATE_H
#define PENSTOCK_WORKER_AGG_STATE_H

#include "sql/plan.h"
#include "worker/agg_values.h"
#include "worker/op.h"
#include "worker/state/state_table.h"

enum { AGG_SET_MAX = 64, AGG_HEADER_BYTES = 16 };

struct agg_slot {
    struct agg_call call;
    int cols[AGG_ARGS_MAX];
    int filter;        /* BOOLEAN input column or -1 */
    uint32_t offset;   /* of the accumulator in the payload */
    bool keeps_values; /* there stands a struct agg_values in its place */
    struct agg_values_spec values;
    int distinct;     /* distinct_set number or -1 */
    int distinct_bit; /* position in its counts */
};

struct distinct_set {
    int n_cols;
    int cols[AGG_ARGS_MAX];
    const struct type **types; /* BIGINT (the group), then the columns' */
    struct row_pack *pack;     /* of the columns; chained sets */
    int n_aggs;
    bool all_rows; /* an aggregate of it has no FILTER */
    /* Where entries are masks (agg_distinct.c): bits of a value, log2 of the values in an entry. */
    uint32_t mask_bits, block_log;
    bool same_filters; /* as the set in front of it, aggregate by aggregate */
};

/* What an op keeps in the payload behind the accumulators, where that isn't plain memory. */
struct agg_tail {
    void (*save)(void *self, const char *group, struct str *out);
    int (*load)(void *self, char *group, struct sv bytes, struct var_memory *var, struct err *err);
    void (*free)(void *self, char *group, struct var_memory *var);
};

struct agg_scratch;

/* What the states of one op share, made once from the plan. Lives in the op's arena, but for the
 * scratch memory. One thread. */
struct agg_set {
    const struct eval_env *env;
    int n_keys;
    const int *keys; /* input columns */
    const struct type **key_types;
    int n_aggs;
    struct agg_slot *aggs;
    int n_distinct;
    struct distinct_set *distinct;
    uint32_t payload_bytes, payload_align;
    bool retract, blobs;
    bool chained; /* DISTINCT: a group knows its values (agg_set_chain); not with ttl_ms */
    uint32_t chain_offset;
    int64_t ttl_ms; /* of groups, and of each value that DISTINCT counts; 0: for ever. The op may
                       set it before it makes a state */
    const struct agg_tail *tail; /* NULL: none; for tail_self */
    void *tail_self;
    struct agg_scratch *scratch;
};

/* keys, aggs: the op's config (docs/plan.md); partial: the input carries accumulators (phase
 * global), so that `cols` of an AGG name its BYTES column. */
int agg_set_new(struct op *op, const cJSON *keys, const cJSON *aggs, struct agg_set **ret,
                struct err *err) ATTR_MUST_USE;

void agg_set_release(struct agg_set *s); /* NULL accepted */
/* Groups will be dropped and merged one by one, before there are states of this set. */
void agg_set_chain(struct agg_set *s, struct arena *a);

/* The groups of one window slice, or of a whole op. One thread. */
struct agg_state;
struct agg_state *agg_state_new(const struct agg_set *set);
/* Groups are the op's own blocks of payload_bytes (16-byte aligned, zeroed, in the var memory of
 * `table`, which is borrowed), under agg_group_init and so on. The set must be chained. */
struct agg_state *agg_state_new_blocks(const struct agg_set *set, struct state_table *table);
void agg_state_free(struct agg_state *s);
void agg_state_clear(struct agg_state *s);
struct state_table *agg_state_table(struct agg_state *s);
size_t agg_state_bytes(const struct agg_state *s);
uint64_t agg_state_count(const struct agg_state *s);
/* With ttl_ms, between batches, while no groups are held: as state_table_age for about as many rows
 * as a batch has. */
void agg_state_age(struct agg_state *s, int64_t now_ms, uint32_t n);

/* Room for what the op keeps in front of the accumulators: AGG_HEADER_BYTES at the payload's start.
 */

/* Finds or makes the group of each row, which counts as writing to it: of rows[0..n) of b, or of
 * all (rows NULL, n = b->n). hashes: of the key columns, by row of b. groups (room for n) takes
 * their payloads. */
void agg_state_groups(struct agg_state *s, const struct batch *b, const uint64_t *hashes,
                      const uint32_t *rows, uint32_t n, char **groups);
/* Folds rows (as above) into groups[i]. Without agg_set_is_local the groups must all be s's. */
int agg_state_fold(struct agg_state *s, const struct batch *b, const uint32_t *rows, uint32_t n,
                   char *const *groups, struct err *err) ATTR_MUST_USE;
/* The same for all rows of a batch, groups[row] of them, but in parts: begin, fold_part with lists
 * of rows and the groups of these, end. What DISTINCT knows is looked up and dropped once for all.
 */
void agg_state_begin_parts(struct agg_state *s, const struct batch *b, char *const *groups);
int agg_state_fold_part(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                        uint32_t n, char *const *groups, struct err *err) ATTR_MUST_USE;
void agg_state_end_parts(struct agg_state *s, const struct batch *b, char *const *groups);
/* Whether an accumulator is nothing but its bytes: a copy of it can be finished or merged in its
 * place, though the group has been folded into since. */
bool agg_slot_is_plain(const struct agg_slot *a);
/* Results of one aggregate (agg_state_finish). */
int agg_state_finish_one(struct agg_state *s, int agg, char *const *groups, uint32_t n,
                         struct column *ret, struct err *err) ATTR_MUST_USE;
/* Whether folding touches nothing but the groups' own payloads, so that groups of several states
 * may be folded into by one call. */
bool agg_set_is_local(const struct agg_set *set);
/* Rows that carry accumulators (agg_state_partials) instead of arguments. */
int agg_state_fold_partials(struct agg_state *s, const struct batch *b, char *const *groups,
                            struct err *err) ATTR_MUST_USE;
/* dst += all groups of src, which stays valid; so for the first 64-bit word of the ops' header. */
int agg_state_merge(struct agg_state *dst, struct agg_state *src, struct err *err) ATTR_MUST_USE;
/* Results of n groups: one initialised column per aggregate, owned by the caller. */
int agg_state_finish(struct agg_state *s, char *const *groups, uint32_t n, struct column *ret_cols,
                     struct err *err) ATTR_MUST_USE;
/* Accumulators of n groups as BYTES columns, one per aggregate. */
int agg_state_partials(struct agg_state *s, char *const *groups, uint32_t n,
                       struct column *ret_cols, struct err *err) ATTR_MUST_USE;
void agg_state_keys(struct agg_state *s, char *const *groups, uint32_t n, struct column *ret_cols);
void agg_group_init(struct agg_state *s, char *group);
void agg_group_release(struct agg_state *s, char *group);
/* dst += src, which is still to be released. */
int agg_group_merge(struct agg_state *s, char *dst, char *src, struct err *err) ATTR_MUST_USE;
/* A group as bytes, appended, and back into an initialised one (agg_group.c). */
void agg_group_save(struct agg_state *s, const char *group, struct str *out);
int agg_group_load(struct agg_state *s, char *group, struct sv bytes,
                   struct err *err) ATTR_MUST_USE;
/* Checkpoints: the groups, and what DISTINCT counts of them, as parts "<name>" and
 * "<name>.distinct<n>" of a state set. */
void agg_state_add_parts(struct agg_state *s, struct state_set *states, const char *name,
                         int64_t ns);
void agg_state_drop_parts(struct agg_state *s, struct state_set *states, const char *name,
                          int64_t ns);
/* The parts have been loaded. */
void agg_state_restored(struct agg_state *s);
/* Drops a group; with what DISTINCT counted for it, where the set is chained. */
void agg_state_remove(struct agg_state *s, char *group);

#endif
