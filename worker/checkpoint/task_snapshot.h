/* task_snapshot.h - a task's part of checkpoints: the state of its ops, where its source stands,
 * what its sinks have prepared, how far event time has come.
 *
 * A barrier takes op after op (task_snapshot_op), which swaps marks and copies nothing; then the
 * task copies a few rows in each turn (task_snapshot_step), whether it has input or not. A barrier
 * that comes while a snapshot is under way gives that one up.
 *
 * What sinks prepare is told with each checkpoint until one of them is known to be complete: a
 * checkpoint that was given up takes nothing with it.
 *
 * A task that has come to its end takes part without state: it says so, where its source stood, and
 * what its sinks prepared at the end. Restored, it finds nothing to read and ends again. On the
 * task's thread, but for what is said otherwise. */
#ifndef PENSTOCK_WORKER_CHECKPOINT_TASK_SNAPSHOT_H
#define PENSTOCK_WORKER_CHECKPOINT_TASK_SNAPSHOT_H

#include "worker/checkpoint/state_file.h"
#include "worker/op.h"

struct op_links;
struct task_snapshot;

enum {
    SNAPSHOT_TURN_NS = 250000,      /* of a turn, for copying */
    SNAPSHOT_STEP_ROWS = 256,       /* between two looks at the clock */
    SNAPSHOT_PIECE_BYTES = 1 << 20, /* handed to the writer at once */
    SNAPSHOT_FULL_WAIT_NS = 2000000 /* until a full writer is asked again */
};

/* n_tasks: of this job in this process. */
struct task_snapshot *task_snapshot_new(struct task *t, struct state_file_writer *files,
                                        int n_tasks);
void task_snapshot_free(struct task_snapshot *s); /* NULL accepted, as everywhere here */

/* The op has handed on all that goes before the barrier. */
int task_snapshot_op(struct task_snapshot *s, struct op_links *l, const struct barrier *b,
                     struct err *err) ATTR_MUST_USE;
/* All ops have. align_ns: how long the gate waited. */
void task_snapshot_passed(struct task_snapshot *s, const struct barrier *b, int64_t align_ns);
bool task_snapshot_active(const struct task_snapshot *s);
/* Copies for about SNAPSHOT_TURN_NS. False: not now; *wake_ns is lowered to when again. */
bool task_snapshot_step(struct task_snapshot *s, int64_t *wake_ns);

/* Messages. asked: the barrier was triggered, and comes with the input. */
void task_snapshot_asked(struct task_snapshot *s, const struct barrier *b);
void task_snapshot_abort(struct task_snapshot *s, uint64_t checkpoint);
void task_snapshot_committed(struct task_snapshot *s, uint64_t checkpoint);
/* Of a checkpoint, or of the end of input. */
void task_snapshot_committable(struct task_snapshot *s, int op, uint64_t checkpoint,
                               cJSON *value /* takes */);

/* The task is about to finish; its ops are still open. What isn't known to be committed goes to the
 * task's callbacks once more. */
int task_snapshot_finish(struct task_snapshot *s, struct err *err) ATTR_MUST_USE;
/* Finished, its ops are closed: the checkpoint that was asked for and hasn't come. */
void task_snapshot_finished(struct task_snapshot *s);
/* A barrier for a task that has finished; any thread, one at a time. */
void task_snapshot_absent(struct task_snapshot *s, const struct barrier *b);

#endif
