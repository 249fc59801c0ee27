/* over_calls.h - the functions of an OVER clause, evaluated over the ordered rows of one partition:
 * aggregates over a sliding frame, and the ranking functions. */
#ifndef PENSTOCK_WORKER_OVER_CALLS_H
#define PENSTOCK_WORKER_OVER_CALLS_H

#include "vector/func/agg.h"
#include "worker/order.h"

enum over_fn {
    OVER_AGG,
    OVER_ROW_NUMBER,
    OVER_RANK,
    OVER_DENSE_RANK,
    OVER_NTILE,
    OVER_PERCENT_RANK,
    OVER_CUME_DIST,
    OVER_LAG,
    OVER_LEAD
};

struct over_call_spec {
    enum over_fn fn;
    struct agg_call agg; /* OVER_AGG */
    const struct type *type;
    int n_cols, cols[AGG_ARGS_MAX];
    int64_t offset;  /* LAG, LEAD; NTILE's n */
    uint32_t acc_at; /* offset of the accumulator */
};

struct over_calls {
    const struct eval_env *env;
    struct order order;
    bool rows;             /* ROWS, else RANGE */
    bool open_lo, open_hi; /* UNBOUNDED */
    int64_t preceding, following;
    bool in_turn; /* no two rows are peers (processing time) */
    int n;
    struct over_call_spec *calls;
    uint32_t acc_bytes; /* of all accumulators; a multiple of 16 */
    int64_t max_lag;
    bool distinct; /* any aggregate is: frames are folded anew */
    bool *needed;  /* input columns that evaluation reads */
};

/* Reads "order", "frame", "preceding", "following", "calls" (docs/plan.md). In the op's arena. */
int over_calls_read(struct op *op, struct over_calls *ret, struct err *err) ATTR_MUST_USE;
void over_calls_init_accs(const struct over_calls *c, char *accs);
void over_calls_free_accs(const struct over_calls *c, char *accs, struct blob_alloc *blobs);

/* As bytes, appended, and back into zeroed ones, for checkpoints. */
void over_calls_save_accs(const struct over_calls *c, const char *accs, struct str *out);
int over_calls_load_accs(const struct over_calls *c, char *accs, struct sv bytes,
                         struct blob_alloc *blobs, struct err *err) ATTR_MUST_USE;

struct over_part {
    const struct column *cols; /* by input column; only the needed ones are filled */
    uint32_t n, from, to; /* results are for rows [from, to); the others are what they look at */
    char *accs;           /* accumulators */
    bool carried;         /* accs hold all earlier rows of an unbounded frame; else they are empty
                             and frames may reach back to row 0 */
    int64_t rows_before, groups_before; /* of the partition, in front of `from` */
    struct blob_alloc *blobs;
};
/* Appends the results to builders, one per call. Returns in *ret_groups the number of groups of
 * peers in [from, to). */
int over_calls_eval(const struct over_calls *c, const struct over_part *p, struct col_builder *out,
                    uint32_t *ret_groups, struct err *err) ATTR_MUST_USE;

#endif
