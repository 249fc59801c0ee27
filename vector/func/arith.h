/* arith.h - loops of + - * / % and negation. */
#ifndef PENSTOCK_VECTOR_FUNC_ARITH_H
#define PENSTOCK_VECTOR_FUNC_ARITH_H

#include "vector/func/args.h"

enum arith_op { ARITH_ADD, ARITH_SUB, ARITH_MUL, ARITH_DIV, ARITH_MOD };

/* r[i] = x[i] op y[i]; one side may be a constant (kernel_call.const_mask). Integers wrap around.
 * Division and modulo of integers: y[i] must not be 0 (see arith_find_zero). */
void arith_vectors(enum phys phys, enum arith_op op, const struct arg *x, const struct arg *y,
                   void *r, uint32_t n);
void arith_negate(enum phys phys, const void *x, void *r, uint32_t n);
/* The first valid row (by the result's bitmap) where y is 0, UINT32_MAX if none. */
uint32_t arith_find_zero(enum phys phys, const struct arg *y, const struct column *ret, uint32_t n);

#endif
