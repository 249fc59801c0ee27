/* decimal.h - arithmetic on unscaled DECIMAL values of up to 38 digits, exact, rounded half up
 * (away from zero). Functions return false where the result has more digits than the precision:
 * SQL's NULL. */
#ifndef PENSTOCK_VECTOR_DECIMAL_H
#define PENSTOCK_VECTOR_DECIMAL_H

#include "vector/column.h"

/* x (scale sx) op y (scale sy), to scale s with at most p digits. */
bool decimal_add(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret);
bool decimal_sub(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret);
bool decimal_mul(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret);
/* y must not be 0. */
bool decimal_div(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret);
/* The remainder takes the sign of x. y must not be 0. */
bool decimal_mod(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret);
/* x / y rounded half up. */
i128 i128_div_round(i128 x, i128 y);

#endif
