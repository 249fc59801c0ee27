/* program.h - expressions compiled to a flat program of vector kernels. Common sub-expressions are
 * computed once per batch; constants are folded; arguments that can fail under a condition (CASE,
 * AND, OR, COALESCE) are evaluated on the gathered rows that need them only. A program belongs to
 * one thread. */
#ifndef PENSTOCK_VECTOR_PROGRAM_H
#define PENSTOCK_VECTOR_PROGRAM_H

#include "vector/func/func.h"

struct program;

/* exprs over one input schema; env is borrowed and outlives the program. */
int program_new(const struct expr *const *exprs, int n_exprs, const struct eval_env *env,
                struct program **ret, struct err *err) ATTR_MUST_USE;
void program_free(struct program *p);

/* Evaluates all expressions over n rows of the input columns. ret_cols[i] are owned by the caller
 * (col_release); a plain column reference shares the input's buffers. On failure nothing is
 * returned, and *ret_err_row (may be NULL) is the input row whose evaluation failed, UINT32_MAX if
 * unknown. */
int program_eval(struct program *p, const struct column *cols, int n_cols, uint32_t n,
                 struct column *ret_cols, uint32_t *ret_err_row, struct err *err) ATTR_MUST_USE;

/* For a program of one BOOLEAN expression: writes the rows where it is TRUE to sel (room for n),
 * ascending; *ret_n how many. */
int program_select(struct program *p, const struct column *cols, int n_cols, uint32_t n,
                   uint32_t *sel, uint32_t *ret_n, uint32_t *ret_err_row,
                   struct err *err) ATTR_MUST_USE;

/* Appends the rows of 0..n-1 where c, of type BOOLEAN, is TRUE; returns how many. */
uint32_t bool_select(const struct column *c, uint32_t n, uint32_t *sel);

/* What computing e for all rows costs: about 1 for a vectorised pass over fixed-width values, much
 * where texts are made or where it may fail. */
int program_cost(const struct expr *e);

/* Instructions, for EXPLAIN and tests: one line each, appended. */
void program_print(const struct program *p, struct str *out);

/* One-off evaluation of an expression without columns (constant folding, DDL, options). */
int expr_eval_const(struct arena *a, const struct expr *e, const struct eval_env *env,
                    const struct column **ret, struct err *err) ATTR_MUST_USE;

#endif
