/* state_part.h - what a checkpoint asks of a piece of an op's state, whatever its structure.
 *
 * A snapshot is a row of entries: PUT (a key, or a row of a list, with its value), GONE, CLEAR. An
 * incremental one holds what changed since the base; entries of one snapshot replace those of
 * earlier ones, and within one the order counts. Taking it never stops the op: `begin` swaps sets
 * of marks; the task then calls `step` in its turns, and a row that is about to change before its
 * turn came is copied first, into the same sink. All on the task's thread. */
#ifndef PENSTOCK_WORKER_STATE_STATE_PART_H
#define PENSTOCK_WORKER_STATE_STATE_PART_H

#include "base/core/err.h"
#include "base/core/str.h"

/* First byte of an entry. PUT and GONE go on with the key's hash (8 bytes), of which the key group
 * follows; the rest is the part's. CLEAR is that byte alone; VALUE is a value of the op as a whole.
 */
enum state_entry { STATE_PUT = 1, STATE_GONE = 2, STATE_CLEAR = 3, STATE_VALUE = 4 };

struct state_sink {
    /* bytes: an entry, copied. */
    void (*entry)(struct state_sink *self, struct sv bytes);
};

/* Key groups first..last of max_parallelism. */
struct state_range {
    uint32_t first, last, max_parallelism;
};

struct state_part_ops {
    /* From now on changes are marked. What is there already counts as changed. */
    void (*track)(void *part);
    /* full: everything, not what changed since the base. The sink is borrowed until the last step
     * or cancel. */
    void (*begin)(void *part, uint64_t checkpoint, uint64_t base, bool full,
                  struct state_sink *sink);
    /* Copies up to n rows; true: that was all. */
    bool (*step)(void *part, uint32_t n);
    /* Gives the snapshot up; its rows come with the next one. */
    void (*cancel)(void *part);
    /* Applies an entry out of a snapshot of these key groups (CLEAR: of theirs alone). PUT and GONE
     * of groups that aren't this subtask's are left out before. ERR_CORRUPT. */
    int (*load)(void *part, const struct state_range *of, struct sv entry, struct err *err);
    /* All entries have been applied: what is there now is the base. */
    void (*loaded)(void *part);
    /* Changes needn't be marked any more. NULL: for parts that are never dropped. */
    void (*untrack)(void *part);
};

#endif
