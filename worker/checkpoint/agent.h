/* agent.h - a job's checkpoints as far as this worker is concerned: between the coordinator's
 * orders (MSG_TRIGGER, MSG_ABORT, MSG_COMMITTED), the tasks here, and the file they write.
 *
 *   trigger    the file is begun, the barrier goes to the tasks; the answer is MSG_ACKED when the
 *              file is there, or MSG_DECLINED when it can't be
 *   abort      file and snapshots are given up
 *   committed  the sinks here hear of it; the answer is MSG_COMMIT_DONE
 *
 * Whatever fails here costs a checkpoint, not the job. */
#ifndef PENSTOCK_WORKER_CHECKPOINT_AGENT_H
#define PENSTOCK_WORKER_CHECKPOINT_AGENT_H

#include "base/core/json.h"

struct snapshot_agent;
struct job_runtime;

struct snapshot_agent_opts {
    const char *dir;       /* the job's checkpoint directory; borrowed, as all here */
    const char *worker_id; /* part of file names */
    void *self;
    /* To the coordinator: a frame that lacks job and attempt (taken). Any thread. */
    void (*tell)(void *self, cJSON *frame);
};
/* ERR_VALIDATION: nothing serves the directory. */
int snapshot_agent_new(const struct snapshot_agent_opts *opts, struct snapshot_agent **ret,
                       struct err *err) ATTR_MUST_USE;
/* After the runtime is gone. NULL accepted. */
void snapshot_agent_free(struct snapshot_agent *a);
struct state_file_writer *snapshot_agent_files(struct snapshot_agent *a);
/* The tasks; NULL: they are about to go. */
void snapshot_agent_attach(struct snapshot_agent *a, struct job_runtime *rt);

/* Orders; one thread. */
void snapshot_agent_trigger(struct snapshot_agent *a, const cJSON *msg);
void snapshot_agent_abort(struct snapshot_agent *a, const cJSON *msg);
/* job_callbacks.committed; any thread. */
void snapshot_agent_committed(struct snapshot_agent *a, uint64_t checkpoint);

#endif
