/* agg_state_int.h - inside agg_state: agg_state.c, agg_distinct.c and agg_group.c only. */
#ifndef PENSTOCK_WORKER_AGG_STATE_INT_H
#define PENSTOCK_WORKER_AGG_STATE_INT_H

#include "worker/agg_state.h"

struct agg_state {
    const struct agg_set *set;
    struct state_table *groups;
    bool borrowed;                 /* groups is the op's */
    struct state_table **distinct; /* keyed by (group's address, values) */
};

/* Chained sets: behind an entry's counts. The first of a group stands in the group. */
struct chain {
    char *prev, *next; /* entries */
};

/* A row that is the first with its value, for the aggregates of `fresh` (bits). */
struct first_row {
    uint64_t fresh;
    uint32_t row;
    char *group;
};

/* Memory of one call, shared by an op's states. */
struct agg_scratch {
    uint32_t cap;
    char **payloads;
    uint8_t *fresh;
    uint32_t *rows;    /* rows that reach an aggregate */
    char **row_groups; /* and their groups */
    char **entries;    /* per distinct_set, `cap` each: of the rows found last */
    uint64_t *hashes;
    uint64_t *wants; /* masked sets: of the rows in hand */
    struct first_row *firsts;
};
struct agg_scratch *agg_scratch_for(const struct agg_state *s, uint32_t n);

/* Header of a payload: ops use it; a merge keeps the group's new address there for a moment. */
struct agg_header {
    int64_t op_word;
    char *forward;
};

static inline bool agg_filter_passes(const struct column *f, uint32_t row) {
    return col_is_valid(f, row) && COL_DATA(f, uint8_t)[row];
}

/* The same as a number, without branches. */
static inline uint32_t agg_filter_bit(const struct column *f, uint32_t row) {
    uint32_t valid = f->valid ? (uint32_t)(f->valid[row >> 6] >> (row & 63) & 1) : 1;
    return valid & (COL_DATA(f, uint8_t)[row] != 0);
}

/* Folds rows into an aggregate without a look at FILTER and DISTINCT. */
int agg_update(struct agg_state *s, const struct agg_slot *a, const struct batch *b,
               const uint32_t *rows, char *const *groups, uint32_t n,
               struct err *err) ATTR_MUST_USE;
int agg_update_rows(struct agg_state *s, const struct agg_slot *a, const struct agg_rows *r,
                    struct err *err) ATTR_MUST_USE;

/* ---- agg_distinct.c ---- */

/* Entries of the sets' tables hold bits, not counts. */
static inline bool agg_set_is_masked(const struct agg_set *s) {
    return !s->retract && !s->chained;
}
/* How entries are laid out; with the first state, when the op has said all it says of the set. */
void agg_distinct_plan(const struct agg_set *s);
/* groups: the table of the groups whose values these are. */
struct state_table *agg_distinct_table(const struct agg_set *s, int d, struct state_table *groups);
/* For rows that are about to be folded: finds the entries of their values; folds those that are
 * first (or last to be taken back); drops what nothing is left of. found_all: found were all rows
 * of the batch, of which these are a part. */
void agg_distinct_find(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                       char *const *groups, uint32_t n);
int agg_distinct_fold(struct agg_state *s, int d, const struct batch *b, const uint32_t *rows,
                      char *const *groups, uint32_t n, bool found_all,
                      struct err *err) ATTR_MUST_USE;
void agg_distinct_settle(struct agg_state *s, const struct batch *b, const uint32_t *rows,
                         char *const *groups, uint32_t n);
/* The values of all groups of src, which know their groups in dst (agg_header); of n entries. */
int agg_distinct_merge(struct agg_state *dst, struct agg_state *src, int d,
                       struct err *err) ATTR_MUST_USE;
int agg_distinct_merge_entries(struct agg_state *dst, struct agg_state *src, int d, char **from,
                               uint32_t n, struct err *err) ATTR_MUST_USE;
/* Chained sets. */
void agg_distinct_remove(struct agg_state *s, int d, char *entry, char *group);
struct chain *agg_chain_of(const struct agg_state *s, int d, char *entry);
char **agg_chain_head(const struct agg_state *s, int d, char *group);
void agg_chain_add(struct agg_state *s, int d, char *entry, char *group);

/* For a table of groups whose payloads aren't plain memory; without what DISTINCT counted. self:
 * the agg_set. */
void agg_group_save_payload(void *self, const char *payload, struct str *out);
int agg_group_load_payload(void *self, char *payload, struct sv bytes, struct var_memory *var,
                           struct err *err);

/* For a table of a chained set's values. self: the distinct_set. */
void agg_save_counts(void *self, const char *payload, struct str *out);
int agg_load_counts(void *self, char *payload, struct sv bytes, struct var_memory *var,
                    struct err *err);

#endif
