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

enum state_entry { STATE_PUT = 1, STATE_GONE = 2, STATE_CLEAR = 3 };

/* Where a snapshot's entries go. The first byte is the enum state_entry; the rest is the part's. */
struct state_sink {
    /* hash: of the key; its key group follows from it. */
    void (*entry)(struct state_sink *self, uint64_t hash, struct sv bytes);
    /* For the rows of all key groups (STATE_CLEAR). */
    void (*entry_all)(struct state_sink *self, struct sv bytes);
};

#endif
