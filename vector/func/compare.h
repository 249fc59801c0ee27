/* compare.h - what = and the others share with IN, GREATEST and joins: how operands of two types
 * become comparable. */
#ifndef PENSTOCK_VECTOR_FUNC_COMPARE_H
#define PENSTOCK_VECTOR_FUNC_COMPARE_H

#include "vector/func/func.h"

/* Casts x and y (entries of fb->args or elsewhere) so that a comparison kernel takes them: equal
 * representation; DECIMALs may differ in scale. equality: = and <> rather than an order, which
 * Flink coerces by other rules. ERR_VALIDATION names fb. */
int compare_coerce(struct func_bind *fb, const struct expr **x, const struct expr **y,
                   bool equality, struct err *err) ATTR_MUST_USE;

/* a (scale sa) against b (scale sb): below, at or above 0. Exact. */
int decimal_cmp(i128 a, int sa, i128 b, int sb);

#endif
