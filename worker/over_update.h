/* over_update.h - OVER on rows that come in any order and may go again: a partition's rows lie in a
 * sorted_set, and a row that comes or goes changes the results of those whose frame it enters or
 * leaves. Only these are computed, before and after. */
#ifndef PENSTOCK_WORKER_OVER_UPDATE_H
#define PENSTOCK_WORKER_OVER_UPDATE_H

#include "worker/over_calls.h"
#include "worker/rank_list.h"
#include "worker/state/sorted_set.h"

struct over_update {
    const struct over_calls *calls; /* borrowed, as are these */
    const struct rank_order *order;
    const struct schema *input;
    /* How many rows in front of and behind a changed one may have other results; INT64_MAX: all. */
    int64_t reach_before, reach_behind;
    int64_t look_back, look_ahead; /* how far results look */
    bool whole_peers;              /* peers of a row are affected as it is */
};

void over_update_init(struct over_update *u, const struct over_calls *calls,
                      const struct rank_order *order, const struct schema *input);

/* What one row does to its partition. */
struct over_change {
    uint32_t n, at; /* rows that may be affected, the changed one among them; which it is */
    char **rows;    /* these n rows, packed */
    /* Results by call: of n - 1 rows without the changed one and of n with it. */
    struct column *without, *with;
};

/* Places of rows in a partition: where a new row goes; where the last row equal to `row` lies (n if
 * nowhere). */
uint64_t over_update_place(const struct over_update *u, const struct sorted_set *rows,
                           const char *row);
uint64_t over_update_find(const struct over_update *u, const struct sorted_set *rows,
                          const char *row);
void over_update_insert(const struct over_update *u, struct sorted_set *rows, char *row,
                        struct var_memory *var);
/* What the row at `place`, which is in the set, makes of a difference. *ret is the caller's. */
int over_update_compute(const struct over_update *u, const struct sorted_set *rows, uint64_t place,
                        struct blob_alloc *blobs, struct over_change *ret,
                        struct err *err) ATTR_MUST_USE;
void over_change_release(const struct over_update *u, struct over_change *c);

#endif
