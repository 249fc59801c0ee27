/* expr.h - typed expression trees: what the binder makes, the planner rewrites, the plan carries as
 * JSON, and program.h compiles. Nodes are immutable and live in an arena; subtrees may be shared.
 */
#ifndef PENSTOCK_VECTOR_EXPR_H
#define PENSTOCK_VECTOR_EXPR_H

#include "vector/batch.h"
#include "vector/value.h"

struct func;

enum expr_kind {
    EXPR_COLUMN,  /* input column `column` */
    EXPR_LITERAL, /* `literal`, one row */
    EXPR_CALL,    /* func(args...) as resolved by func_bind */
    EXPR_OUTER /* column of the enclosing query (correlated subquery): planner only, never in a plan
                */
};

struct expr {
    enum expr_kind kind;
    const struct type *type;
    int32_t column; /* EXPR_COLUMN, EXPR_OUTER */
    int32_t n_args;
    const struct expr *const *args;
    const struct func *func;      /* EXPR_CALL */
    const struct column *literal; /* EXPR_LITERAL */
    int32_t line, col;            /* place in the SQL text, 0 = made by the planner */
};

const struct expr *expr_column(struct arena *a, int column, const struct type *type);
const struct expr *expr_literal(struct arena *a, const struct column *value);
/* Of an already resolved function; args are copied. See func_call for resolution by name. */
const struct expr *expr_call(struct arena *a, const struct func *f, const struct type *type,
                             const struct expr *const *args, int n_args);
/* The implicit or explicit CAST; returns e itself when only nullability differs. The cast must
 * exist: between types of one family, or of a NULL. */
const struct expr *expr_cast(struct arena *a, const struct expr *e, const struct type *to);
/* The same for any types: ERR_VALIDATION where there is no such cast. */
int expr_cast_checked(struct arena *a, const struct expr *e, const struct type *to,
                      const struct expr **ret, struct err *err) ATTR_MUST_USE;

bool expr_eq(const struct expr *a, const struct expr *b); /* structural; ignores places */
uint64_t expr_hash(const struct expr *e);
bool expr_is_const(const struct expr *e); /* no column, no dynamic function */
bool expr_is_deterministic(const struct expr *e);
bool expr_can_fail(const struct expr *e); /* evaluation of some row may raise an error */
/* Highest column + 1; calls f for each column reference. */
int expr_max_column(const struct expr *e);
void expr_visit_columns(const struct expr *e, void (*f)(void *self, int column), void *self);
/* e itself, or a copy of the call with other arguments (as many, of the same types). */
const struct expr *expr_with_args(struct arena *a, const struct expr *e,
                                  const struct expr *const *args);
/* Copy with each column i replaced by map[i] (>= 0) or by exprs[i] (expr_substitute). */
const struct expr *expr_remap(struct arena *a, const struct expr *e, const int *map, int n_map);
const struct expr *expr_substitute(struct arena *a, const struct expr *e,
                                   const struct expr *const *exprs, int n_exprs);
/* Top-level conjuncts of e, appended to out (cap checked by the caller through the return). */
int expr_conjuncts(const struct expr *e, const struct expr **ret, int cap);
const struct expr *expr_and(struct arena *a, const struct expr *x, const struct expr *y); /* either
                                                                                  may be NULL */
/* Folds constant, deterministic, non-failing subtrees by running them; a fold that raises leaves
 * the subtree as it is (the error belongs to run time) unless the whole is wanted now. */
struct eval_env;
const struct expr *expr_fold(struct arena *a, const struct expr *e, const struct eval_env *env);

/* SQL-like text for EXPLAIN and plans, column names from schema (NULL: $0, $1). Appended. */
void expr_print(const struct expr *e, const struct schema *schema, struct str *out);

/* {"col": 3, "type": T} | {"lit": V, "type": T} | {"call": "NAME", "args": [...], "type": T}, a
 * user-defined function's call with "udf": "/path/lib.so#symbol". Among args {"lits": [V...],
 * "type": T} stands for many literals of one type. */
cJSON *expr_to_json(const struct expr *e);
/* Resolves functions by name and argument types again; ERR_INVALID when the result type differs. */
int expr_from_json(struct arena *a, const cJSON *j, const struct expr **ret,
                   struct err *err) ATTR_MUST_USE;

#endif
