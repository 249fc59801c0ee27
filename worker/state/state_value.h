/* state_value.h - a value of an op as a whole (not of a key), as a part of its state. Each snapshot
 * holds it anew. Restored, each subtask sees the values of all subtasks there were, at whatever
 * parallelism, and the op merges them. */
#ifndef PENSTOCK_WORKER_STATE_STATE_VALUE_H
#define PENSTOCK_WORKER_STATE_STATE_VALUE_H

#include "worker/state/state_part.h"

/* In the op's instance; what it points to outlives the state set. */
struct state_value {
    /* As of the barrier, appended. */
    void (*save)(void *self, struct str *out);
    /* The value of one of the subtasks there were. ERR_CORRUPT. */
    int (*load)(void *self, struct sv bytes, struct err *err);
    /* What was loaded is of an older checkpoint: back to what it was when the op opened. */
    void (*reset)(void *self);
    void *self;
    uint64_t checkpoint; /* that the loaded ones are of; checkpoints' numbers rise */
};

extern const struct state_part_ops state_value_part; /* part: a struct state_value */

#endif
