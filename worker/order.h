/* order.h - ORDER of docs/plan.md: comparing rows by several columns. */
#ifndef PENSTOCK_WORKER_ORDER_H
#define PENSTOCK_WORKER_ORDER_H

#include "worker/op.h"

struct order_key {
    int column;
    bool desc, nulls_first;
};

struct order {
    int n;
    const struct order_key *keys; /* in the op's arena */
};

/* list: [{"col", "desc", "nullsFirst"}]; columns of schema. */
int order_read(struct arena *a, const cJSON *list, const struct schema *schema, struct order *ret,
               struct err *err) ATTR_MUST_USE;
/* <0, 0, >0 as rows of two sets of columns (each indexed by order_key.column). */
int order_cmp(const struct order *o, const struct column *a, uint32_t ra, const struct column *b,
              uint32_t rb);

#endif
