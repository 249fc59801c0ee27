/* task.h - one subtask of a plan vertex: the tree of ops, the gate in front of its head, the
 * outputs behind. A state machine that an executor runs in turns; it never blocks.
 *
 *   task.c      life cycle, turns, messages, time accounting
 *   task_ops.c  the op tree: delivery, step cutting, inboxes, resuming, op.h's services
 *
 * A turn moves what is stuck on, resumes ops that have more to give (the last first), fires due
 * timers, then feeds the head: from the gate, or by polling a source; as long as no output is full
 * and for at most TASK_TURN_NS. */
#ifndef PENSTOCK_WORKER_TASK_H
#define PENSTOCK_WORKER_TASK_H

#include "worker/exchange/output.h"
#include "worker/executor.h"
#include "worker/gate.h"
#include "worker/op.h"

struct restore;
struct state_file_writer;

enum { TASK_TURN_NS = 1000000, TASK_TURN_INPUTS = 256 };

enum task_status { TASK_CREATED, TASK_RUNNING, TASK_FINISHED, TASK_FAILED, TASK_CANCELLED };
extern const char *const task_status_names[TASK_CANCELLED + 1]; /* "CREATED"... */
static inline bool task_status_is_final(enum task_status s) {
    return s >= TASK_FINISHED;
}

/* What a task reports; each on its executor's thread. None may call back into the task but
 * task_send. Required, all of them. */
struct task_callbacks {
    void *self;
    /* err: of TASK_FAILED, else NULL. */
    void (*status)(void *self, struct task *t, enum task_status status, const struct err *err);
    /* The op has handed on all that goes before the barrier: take its state. Returns 0 or fails the
     * task. */
    int (*snapshot)(void *self, struct task *t, struct op *op, const struct barrier *b,
                    struct err *err);
    /* The barrier has passed all ops and gone out. */
    void (*barrier_passed)(void *self, struct task *t, const struct barrier *b);
    void (*committable)(void *self, struct task *t, struct op *op, uint64_t checkpoint, bool end,
                        cJSON *committable /* takes */);
    void (*print_line)(void *self, struct task *t, struct sv line, bool to_stderr);
    void (*collect)(void *self, struct task *t, struct batch *b /* borrowed */);
    bool (*reader_full)(void *self, struct task *t);
    /* All its ops have heard that the checkpoint is committed. Any thread, for a task that has
     * ended. */
    void (*committed)(void *self, struct task *t, uint64_t checkpoint);
    /* The last call: the executor has let go of the task, and it may be freed once nobody sends or
     * wakes any more. */
    void (*gone)(void *self, struct task *t);
};

struct task_opts {
    const struct plan *plan; /* borrowed for the task's life, as all below */
    int vertex, subtask;
    enum channel_start start; /* struct task_place's */
    const char *job_id;
    uint64_t attempt;
    const struct eval_env *env;
    struct executor *executor;
    const struct task_callbacks *callbacks;
    struct output_opts output;       /* for its edges */
    struct state_file_writer *files; /* what checkpoints are written with; NULL: there are none */
    int n_tasks;                     /* of the job that use these files */
    const struct op_desc *(*find_op)(const char *kind);
};

/* Builds the op tree without opening it. ERR_UNSUPPORTED for an op kind nobody has. */
int task_new(const struct task_opts *opts, struct task **ret, struct err *err) ATTR_MUST_USE;
/* Only when it was never started or is gone. */
void task_free(struct task *t);

/* Wiring, before task_start. ch is borrowed (referenced). */
void task_add_input(struct task *t, int port, struct channel *ch, enum channel_start start);
/* edge: index in the plan; channels in the order of the destinations. */
void task_add_output_channel(struct task *t, int edge, struct channel *ch, bool remote);
/* All channels are there: gate and outputs are made ready. After this producers may push. */
void task_wire_done(struct task *t);
/* Before task_start, on any thread, which may block: opens the ops, and fills them with what the
 * checkpoint has for them. */
int task_restore(struct task *t, const struct restore *r, struct err *err) ATTR_MUST_USE;
/* First turn: opens the ops. Until then messages wait, and nothing runs. */
void task_start(struct task *t);

/* ---- messages to the task; any thread ---- */

enum task_msg_kind {
    TASK_ADD_SPLIT, /* json: a split; source vertices */
    TASK_NO_MORE_SPLITS,
    TASK_BARRIER,   /* barrier: sources inject it */
    TASK_ABORT,     /* checkpoint: it and those before are given up */
    TASK_COMMITTED, /* checkpoint */
    TASK_ROUTING,   /* edge, table: for the barrier that names its version */
    TASK_FAIL,      /* err: as if an op had failed (a lost peer) */
    TASK_CANCEL
};

struct task_msg {
    enum task_msg_kind kind;
    struct task_msg *next;
    cJSON *json; /* owned */
    struct barrier barrier;
    uint64_t checkpoint;
    int edge;
    struct routing_table *table; /* owned */
    struct err *err;             /* owned */
};
/* Takes m (mem_zalloc'ed) and what it owns. A task in a final state only takes part in checkpoints
 * (worker/checkpoint/task_snapshot.h). */
void task_send(struct task *t, struct task_msg *m);
void task_wake(struct task *t);
/* Wakes all ops that wait for the reader (op_reader_full). */
void task_wake_ops(struct task *t);

/* ---- for reports; any thread ---- */

int task_vertex(const struct task *t);
struct executor *task_executor(const struct task *t);
int task_subtask(const struct task *t);
enum task_status task_status_of(const struct task *t);
/* {"vertex", "subtask", "status", counters, "ops": [...], "outputs": [...], "inputs": [...]} */
cJSON *task_stats(const struct task *t, int64_t now_ns);

#endif
