/* sim.h - a world for the checkpoint protocol: coordinators (also two at a time), workers with
 * state and transactions, a storage and a network that misbehave, all in virtual time out of one
 * seed.
 *
 * Each worker reads a partition of its own: numbers 0, 1, 2...; its state is the range it has
 * read, kept in a full file or a chain of increments; its output are transactions that hold ranges.
 * What must hold is checked as it happens: committed ranges of a partition join without gap or
 * overlap; a restore finds all files, and they add up to the position; nothing that the newest
 * record names is deleted. */
#ifndef PENSTOCK_TESTS_UNIT_COORDINATOR_CHECKPOINT_SIM_H
#define PENSTOCK_TESTS_UNIT_COORDINATOR_CHECKPOINT_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_faults {
    bool worker_crashes, coordinator_crashes, coordinator_pauses, storage_errors, message_loss,
        slow_messages;
};

struct sim_result {
    bool ok;
    char violation[512];
    uint64_t checkpoints, restores, fenced, aborted, committed_rows;
};

/* faulty_ms of faults, then calm_ms without, then a stop with a last checkpoint. */
void sim_run(uint64_t seed, const struct sim_faults *faults, int64_t faulty_ms, int64_t calm_ms,
             bool trace, struct sim_result *ret);

#endif
