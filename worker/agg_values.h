/* agg_values.h - aggregates that can't take a value back by themselves (AGG_VALUES), over input
 * that does: instead of an accumulator a group holds its values, and the result is made of them.
 *
 * MIN and MAX keep each value once with a count, in order. A value that is taken back before it
 * came has a negative count, as in Flink: the next one that comes only makes up for it. The others
 * keep all values as they arrived, and find one to take back by its bytes: the oldest of equal ones
 * goes; one that isn't there is ignored. A change costs O(log n); a result O(1), or O(n) where it
 * is made of all values (LISTAGG, ARRAY_AGG). */
#ifndef PENSTOCK_WORKER_AGG_VALUES_H
#define PENSTOCK_WORKER_AGG_VALUES_H

#include "vector/func/agg.h"
#include "worker/state/sorted_set.h"

struct value_item;

/* Stands in the payload in the accumulator's place; all zeros is empty. */
struct agg_values {
    struct sorted_set set;
    struct value_item *head, *tail; /* in order of arrival; not for MIN and MAX */
    uint64_t arrivals;
};

/* What the values of one aggregate share. Plain data. */
struct agg_values_spec {
    const struct agg_call *call; /* borrowed */
    enum phys phys;              /* of the first argument */
    bool by_value;               /* MIN, MAX: in order of the values */
};

struct agg_values_spec agg_values_spec_of(const struct agg_call *call);

/* These do for values what the functions of struct agg do for accumulators. */
void agg_values_update(const struct agg_values_spec *s, const struct agg_rows *r,
                       struct var_memory *var);
void agg_values_merge(const struct agg_values_spec *s, char *const *dst, const char *const *src,
                      uint32_t acc_offset, uint32_t n, struct var_memory *var);
int agg_values_finish(const struct agg_values_spec *s, char *const *accs, uint32_t acc_offset,
                      uint32_t n, const struct eval_env *env, struct var_memory *var,
                      struct column *ret, struct err *err) ATTR_MUST_USE;
/* As bytes, for checkpoints. load takes an empty one. */
void agg_values_save(const struct agg_values_spec *s, const struct agg_values *v, struct str *out);
int agg_values_load(const struct agg_values_spec *s, struct agg_values *v, struct sv bytes,
                    struct var_memory *var, struct err *err) ATTR_MUST_USE;
void agg_values_release(const struct agg_values_spec *s, struct agg_values *v,
                        struct var_memory *var);

#endif
