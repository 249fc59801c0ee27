/* rel_make.h - the plan nodes and expressions that the binder makes often. All in the arena given.
 */
#ifndef PENSTOCK_SQL_REL_MAKE_H
#define PENSTOCK_SQL_REL_MAKE_H

#include "sql/rel.h"

const struct rel *rel_project(struct arena *a, const struct rel *in,
                              const struct expr *const *exprs, const char *const *names, int n);
const struct rel *rel_filter(struct arena *a, const struct rel *in, const struct expr *predicate);
/* Columns cols[0..n) of in. */
const struct rel *rel_columns(struct arena *a, const struct rel *in, const int *cols, int n);
const struct rel *rel_join_of(struct arena *a, enum join_type type, const struct rel *left,
                              const struct rel *right, const struct expr *predicate);
const struct rel *rel_one_row(struct arena *a); /* VALUES (0): what SELECT without FROM reads */
const struct schema *schema_join(struct arena *a, const struct schema *l, const struct schema *r,
                                 bool null_left, bool null_right);
const struct expr *column_of(struct arena *a, const struct rel *r, int column);

/* What stands for e; see expr_transform. */
typedef int (*expr_map_fn)(void *self, const struct expr *e, const struct expr **ret,
                           struct err *err);
/* Rebuilds e bottom up: f is asked for each node first (returns 1: *ret stands for it, 0: go into
 * its arguments, negative: error); calls whose argument types change are resolved again. */
int expr_transform(struct arena *a, const struct expr *e, expr_map_fn f, void *self,
                   const struct expr **ret, struct err *err) ATTR_MUST_USE;

#endif
