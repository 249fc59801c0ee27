/* checkpointing.h - a job's checkpoints: between its tasks and workers on one side and the agent,
 * which carries out the protocol, on the other (checkpoint/agent.h). */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINTING_H
#define PENSTOCK_COORDINATOR_CHECKPOINTING_H

#include "coordinator/checkpoint/agent.h"
#include "coordinator/state.h"

enum { CHECKPOINTING_HISTORY = 32, CHECKPOINTING_REQUESTS = 64 };

struct checkpointing;

/* Whether the job takes checkpoints, as its settings and its plan say. */
bool checkpointing_wanted(const struct job *j);
/* Begins to read the log; failover_go_on follows when it is known from where the job starts. */
int checkpointing_new(struct job *j, struct err *err) ATTR_MUST_USE;
void checkpointing_stop(struct job *j); /* the job is over: nothing more is decided */
void checkpointing_free(struct job *j);

/* The attempt is given up; failover_go_on follows. */
void checkpointing_restart(struct job *j, const char *reason);
/* All workers run it. */
void checkpointing_started(struct job *j);
/* The checkpoint to start from; NULL: from nothing. */
const cJSON *checkpointing_from(const struct job *j);
bool checkpointing_has_any(const struct job *j); /* there is one to start from */
/* For MSG_DEPLOY: "checkpoints" and "restore". Owned by the caller; restore may be NULL. */
cJSON *checkpointing_frame(const struct job *j);
cJSON *checkpointing_restore_frame(const struct job *j);
/* Every task has finished: one last checkpoint makes the end durable and commits it. */
void checkpointing_finish(struct job *j);
/* A worker whose tasks had all finished has gone: nothing of it is waited for. */
void checkpointing_on_worker_lost(struct job *j, int worker);
/* The sources have been told to end for a stop: that tasks finish isn't the end of the input. */
bool checkpointing_is_stopping(const struct job *j);
/* The job is being cancelled for good, and no checkpoint that isn't complete yet may come to hold
 * what its finished tasks' sinks have prepared. */
bool checkpointing_may_abort(struct job *j);
/* Takes out of lists (settle.h) what a complete checkpoint holds: whoever starts from it commits
 * that. */
void checkpointing_leave_out_held(const struct job *j, cJSON **lists);

/* To the log and the client. */
void checkpointing_warn(struct job *j, const char *what, const struct err *err);

/* Frames of workers. */
void checkpointing_on_acked(struct job *j, int worker, const cJSON *msg);
void checkpointing_on_declined(struct job *j, int worker, const cJSON *msg);
void checkpointing_on_commit_done(struct job *j, int worker, const cJSON *msg);

/* A savepoint (dir: copied there; NULL: where checkpoints go), or a stop. Returns its number, by
 * which checkpointing_request_json tells what became of it. */
uint64_t checkpointing_request(struct job *j, enum ckpt_kind kind, const char *dir);
/* {"request", "state": "running" | "done" | "failed", "checkpoint", "dir", "error"}; NULL: unknown.
 * The caller's. */
cJSON *checkpointing_request_json(const struct job *j, uint64_t request);

struct checkpointing_figures {
    int64_t completed, failed, restored;
    int64_t last_ms, last_bytes, last_wall_ms; /* of the last complete one */
    int64_t state_bytes;
};
struct checkpointing_figures checkpointing_figures(const struct job *j);
/* {"id", "location", "completedMs", "bytes"} of the newest complete one; NULL: none. The caller's.
 */
cJSON *checkpointing_newest_json(const struct job *j);
/* docs/rest.md; the caller's. */
cJSON *checkpointing_json(const struct job *j);

#endif
