/* match_eval.h - DEFINE and MEASURES of MATCH_RECOGNIZE: expressions over slots, each a column of a
 * row of the match or an aggregate over rows of it (docs/plan.md). Evaluated for many runs at once:
 * slots are gathered into columns, then the program runs over them. */
#ifndef PENSTOCK_WORKER_MATCH_EVAL_H
#define PENSTOCK_WORKER_MATCH_EVAL_H

#include "worker/op.h"
#include "worker/state/row_pack.h"

/* What is evaluated: the rows of a run, packed, and how many of them each variable took; with a row
 * that variable `own` may take, or none (current NULL). */
struct match_view {
    const char *const *rows;
    const uint32_t *counts; /* per variable */
    uint32_t n_rows;
    const char *current;
    int own;
};

struct match_eval;

/* Expressions exprs[0..n); n_vars: variables of the pattern. */
int match_eval_new(const struct op_ctx *ctx, const struct row_pack *pack, int n_vars,
                   const cJSON *const *exprs, int n, struct match_eval **ret,
                   struct err *err) ATTR_MUST_USE;
void match_eval_free(struct match_eval *e); /* NULL accepted */
/* Of the DEFINE of variable `own`: it reads the current row alone, and can't fail, so that it may
 * be evaluated before anybody asks. */
bool match_eval_is_local(const struct match_eval *e, int own);
/* A local one over rows of the input. One column per expression, the caller's. */
int match_eval_batch(struct match_eval *e, const struct batch *b, struct column *ret_cols,
                     struct err *err) ATTR_MUST_USE;
int match_eval_views(struct match_eval *e, const struct match_view *views, uint32_t n,
                     struct column *ret_cols, struct err *err) ATTR_MUST_USE;

#endif
