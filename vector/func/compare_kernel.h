/* compare_kernel.h - loops that compare two columns, or a column and a constant, into bytes. */
#ifndef PENSTOCK_VECTOR_FUNC_COMPARE_KERNEL_H
#define PENSTOCK_VECTOR_FUNC_COMPARE_KERNEL_H

#include "vector/func/compare.h"

enum cmp_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

/* d[i] = x[i] op y[i]; y_one: y[0] stands for all. phys is one of the fixed-width ones. */
void compare_vectors(enum phys phys, enum cmp_op op, const void *x, const void *y, bool y_one,
                     uint8_t *d, uint32_t n);

#endif
