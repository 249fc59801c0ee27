/* job_runtime.h - the part of a job that runs in this process: given a plan, which subtasks run
 * here and where the others are, it builds the tasks and the channels between them, runs them, and
 * reports. It decides nothing: who deploys, restarts and checkpoints is the caller (the worker
 * program under the coordinator's orders; a test).
 *
 * A runtime is one attempt of a job. All functions may be called from any thread but executors'.
 * Callbacks come on executor and network threads and must not block; they may call task_send-like
 * functions (job_runtime_add_split...), not job_runtime_free or job_runtime_wait. */
#ifndef PENSTOCK_WORKER_JOB_RUNTIME_H
#define PENSTOCK_WORKER_JOB_RUNTIME_H

#include "worker/task.h"
#include "worker/worker.h"

struct job_runtime;

struct task_place {
    int vertex, subtask;
    int worker;               /* index into runtime_spec.workers */
    enum channel_start start; /* a source without splits is CHANNEL_IDLE until its first rows if
                                 more may come, else CHANNEL_EMPTY */
};

struct worker_addr {
    const char *id;   /* "w0": for messages and the handshake */
    const char *host; /* name or address; not used for this worker itself */
    int port;
};

/* Any of them may be NULL. */
struct job_callbacks {
    void *self;
    void (*task_status)(void *self, int vertex, int subtask, enum task_status status,
                        const struct err *err);
    /* An op's part of a barrier (state to be taken) and a task's (all ops passed). */
    int (*snapshot)(void *self, int vertex, int subtask, struct op *op, const struct barrier *b,
                    struct err *err);
    void (*barrier_passed)(void *self, int vertex, int subtask, const struct barrier *b);
    /* All sinks here have heard of job_runtime_committed. */
    void (*committed)(void *self, uint64_t checkpoint);
    void (*committable)(void *self, int vertex, int subtask, const struct plan_op *op,
                        uint64_t checkpoint, bool end, cJSON *committable /* takes */);
    void (*print_line)(void *self, struct sv line, bool to_stderr);
    void (*collect)(void *self, int vertex, int subtask, struct batch *b /* borrowed */);
    /* The reader of lines and batches is behind; job_runtime_reader_ready follows. */
    bool (*reader_full)(void *self);
    /* A peer's connection is gone for good (the tasks that talk to it fail too). */
    void (*peer_lost)(void *self, const char *worker_id, const struct err *err);
};

enum {
    CHANNEL_ELEMS_DEFAULT = 16,
    CHANNEL_BYTES_MIN = 16 << 10, /* less than that per channel: ERR_BUDGET */
    CHANNEL_BYTES_MAX = 8 << 20
};
#define NETWORK_BYTES_DEFAULT (256ull << 20)

struct runtime_spec {
    const struct plan *plan; /* borrowed, as all below, for the runtime's life */
    const char *job_id;
    const char *token; /* secret shared by the job's workers */
    uint64_t attempt;
    int self; /* index into workers */
    int n_workers;
    const struct worker_addr *workers;
    int n_places; /* every subtask of the plan once */
    const struct task_place *places;
    uint64_t network_bytes; /* in flight in this process's channels; 0 = default */
    uint32_t channel_elems; /* per channel; 0 = default */
    bool compress;          /* LZ4 between workers */
    /* What the job's checkpoints are written with; NULL: it takes none. ERR_UNSUPPORTED then, if an
     * op keeps state that checkpoints can't hold. */
    struct state_file_writer *files;
    struct job_callbacks callbacks;
    const struct op_desc *(*find_op)(const char *kind); /* NULL = op_find */
};

/* Checks the plan and builds the tasks; nothing runs yet, but peers may connect. Errors: the
 * plan's, ERR_UNSUPPORTED ops, ERR_BUDGET with what the channels need. */
int job_runtime_new(struct worker *w, const struct runtime_spec *spec, struct job_runtime **ret,
                    struct err *err) ATTR_MUST_USE;
/* Cancels what still runs, waits for it, frees. */
void job_runtime_free(struct job_runtime *rt);
/* Before start: opens all ops and fills them with what the checkpoint has. Blocks: reads from
 * storage, on some threads of its own. */
int job_runtime_restore(struct job_runtime *rt, const struct restore *r,
                        struct err *err) ATTR_MUST_USE;
void job_runtime_start(struct job_runtime *rt);
/* Waits until all tasks here are in a final state, or the time is over (< 0: no limit). Returns
 * whether they are. *ret_err (may be NULL): of the first that failed; returns 0 code otherwise. */
bool job_runtime_wait(struct job_runtime *rt, int64_t timeout_ms, struct err *ret_err);
void job_runtime_cancel(struct job_runtime *rt);

/* Ignored for subtasks that don't run here. split is taken. */
void job_runtime_add_split(struct job_runtime *rt, int vertex, int subtask, cJSON *split);
void job_runtime_no_more_splits(struct job_runtime *rt, int vertex, int subtask);
/* Sources here send it. Where checkpoints are written, it has been begun there
 * (job_runtime_task_count tasks take part). */
void job_runtime_barrier(struct job_runtime *rt, const struct barrier *b);
int job_runtime_task_count(const struct job_runtime *rt);
/* What is being taken for this checkpoint and those before is given up. */
void job_runtime_abort(struct job_runtime *rt, uint64_t checkpoint);
void job_runtime_committed(struct job_runtime *rt, uint64_t checkpoint);
/* table: key group -> destination for the edge, from the barrier on that names its version. */
void job_runtime_set_routing(struct job_runtime *rt, int edge, struct routing_table *table);
void job_runtime_reader_ready(struct job_runtime *rt);

/* Bound of what the channels of this process may hold. */
uint64_t job_runtime_network_bytes(const struct job_runtime *rt);
/* {"tasks": [task_stats...], "network": {"channels", "boundBytes", "bufferBytes"},
 * "executors": [{"busyMs", "idleMs", "turns"}...]}; owned by the caller. */
cJSON *job_runtime_stats(const struct job_runtime *rt);

#endif
