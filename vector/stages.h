/* stages.h - a filter and the expressions behind it, divided so that nothing is computed twice, nor
 * for rows that a cheaper condition drops. */
#ifndef PENSTOCK_VECTOR_STAGES_H
#define PENSTOCK_VECTOR_STAGES_H

#include "vector/expr.h"

struct stages {
    const struct expr *first;  /* the cheap conjuncts, which can't fail; NULL: there are none */
    const struct expr *second; /* the others; NULL: there are none */
    /* What second and the expressions have in common, over the same columns: to be computed for the
     * rows that first leaves. */
    int n_shared;
    const struct expr **shared;
};

/* Divides filter (NULL: no rows are dropped), and makes exprs read shared[i] as column n_in + i. */
void stages_of(struct arena *a, const struct expr *filter, const struct expr **exprs, int n_exprs,
               int n_in, struct stages *ret);

#endif
