/* rank_list.h - the ordered rows of one partition, for top-N and deduplication: packed rows, best
 * first. */
#ifndef PENSTOCK_WORKER_RANK_LIST_H
#define PENSTOCK_WORKER_RANK_LIST_H

#include "worker/order.h"
#include "worker/state/row_pack.h"
#include "worker/state/var_memory.h"

/* Lies in a payload, and stays where it is: `rows` may point into it. */
struct rank_list {
    char **rows; /* packed, in order */
    uint32_t n, cap;
    char *one; /* with room for one, rows is here */
};

struct rank_order {
    const struct row_pack *pack;
    struct order order;
    bool later_first; /* of equal rows the one that came later stands first */
};

/* <0 if a stands in front of b by the order; 0 if they are equal in it. */
int rank_cmp(const struct rank_order *o, const char *a, const char *b);
/* The same against row `row` of a batch. */
int rank_cmp_row(const struct rank_order *o, const char *a, const struct batch *b, uint32_t row);
/* Where a new row goes. */
uint32_t rank_list_place(const struct rank_order *o, const struct rank_list *l, const char *row);
void rank_list_insert(struct rank_list *l, struct var_memory *v, uint32_t at, char *row);
char *rank_list_take(struct rank_list *l,
                     uint32_t at); /* removes it from the list; the row is the caller's */
/* The place of a row equal to `row` in all columns, or by `key` columns where n_key > 0; n if there
 * is none. */
uint32_t rank_list_find(const struct rank_order *o, const struct rank_list *l, const char *row,
                        const int *key, int n_key);
void rank_list_release(struct rank_list *l, struct var_memory *v); /* rows included */

#endif
