/* match_output.h - matches on their way out: what they need is remembered until there are enough
 * for a batch, then their measures are evaluated together. */
#ifndef PENSTOCK_WORKER_MATCH_OUTPUT_H
#define PENSTOCK_WORKER_MATCH_OUTPUT_H

#include "worker/match_eval.h"
#include "worker/match_state.h"

struct match_result {
    int64_t end_time;
    size_t rows, counts; /* where theirs begin in the arrays below */
    uint32_t n_rows;
};

struct match_output {
    struct op *op;
    const struct row_pack *pack;
    int n_vars, n_partition;
    const int *partition; /* input columns */
    struct match_eval *measures;
    struct match_result *results;
    size_t n_results, cap_results;
    const char **rows;
    size_t n_rows, cap_rows;
    uint32_t *counts;
    size_t n_counts, cap_counts;
};

/* rows: the run's, packed; they must live until match_output_give. */
void match_output_add(struct match_output *o, const struct match_run *run, char *const *rows);
/* Gives all out, in order of their last row's time. */
int match_output_give(struct match_output *o, struct err *err) ATTR_MUST_USE;
void match_output_release(struct match_output *o);

#endif
