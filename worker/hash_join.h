/* hash_join.h - joins two finite sets of rows: build on the right, probe with the left; inner,
 * outer, semi and anti, with a residual condition. Results come in batches, so that the caller can
 * stop between two. Used per window (window_join) and for bounded input (join). */
#ifndef PENSTOCK_WORKER_HASH_JOIN_H
#define PENSTOCK_WORKER_HASH_JOIN_H

#include "sql/rel_types.h"
#include "worker/op.h"

/* The same for every use by one op; lives in its arena but for the program. */
struct hash_join_spec {
    enum join_type type;
    int n_keys;
    const int *left_keys, *right_keys; /* columns of each side */
    const bool *null_matches;          /* per key: NULL equals NULL (IS NOT DISTINCT FROM) */
    struct program *residual;          /* over left then right columns; NULL = none */
    const bool *residual_reads;        /* which of them it needs; the others may be zero */
    const struct schema *left, *right, *output;
    uint32_t batch_rows;
};

/* Reads "join", "leftKeys", "rightKeys", "residual" (docs/plan.md) of an op with two inputs. */
int hash_join_spec_read(struct op *op, struct hash_join_spec *ret, struct err *err) ATTR_MUST_USE;
void hash_join_spec_release(struct hash_join_spec *s);

struct hash_join;

/* Rows of both sides, as lists of batches that are borrowed until hash_join_free. */
struct hash_join *hash_join_new(const struct hash_join_spec *s, struct batch *const *left,
                                uint32_t n_left, struct batch *const *right, uint32_t n_right);
/* The next batch of results, or NULL at the end. */
int hash_join_next(struct hash_join *j, struct batch **ret, struct err *err) ATTR_MUST_USE;
void hash_join_free(struct hash_join *j);

#endif
