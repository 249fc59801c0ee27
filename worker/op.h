/* op.h - dataflow ops: the API between a task and what it runs.
 *
 * A task owns a tree of ops (a vertex' chain). All calls come on the task's executor thread. Data
 * is pushed: the task hands a batch to the head, each op hands its results to op_emit, which calls
 * the ops behind it and, at a vertex' end, the exchange. Nothing blocks: when the task's outputs
 * are full, the task isn't given further input. An op that would produce much more than it was
 * given (window firing, joins, unnest) checks op_output_full() after each emitted batch, keeps its
 * place and returns OP_MORE; the task calls resume when there is room. While an op has more to
 * give, what is pushed to it waits in its inbox, in order.
 *
 * Time: watermarks come in band, as elements or as steps embedded in a batch (vector/batch.h). They
 * are already combined over the channels and ports of the head. */
#ifndef PENSTOCK_WORKER_OP_H
#define PENSTOCK_WORKER_OP_H

#include "sql/plan.h"
#include "vector/program.h"

enum op_status {
    OP_DONE, /* all output of this call is emitted */
    OP_MORE, /* call resume before anything else */
    OP_WAIT  /* as OP_MORE, but not before op_wake or the op's timer: it waits for the outside */
};

enum barrier_kind { BARRIER_CHECKPOINT, BARRIER_SAVEPOINT, BARRIER_STOP };

struct barrier {
    uint64_t id; /* checkpoint number, rising */
    enum barrier_kind kind;
    uint64_t routing_version; /* upstream switches to it behind this barrier */
    int64_t trigger_ms;       /* wall clock */
    uint64_t epoch;           /* of the coordinator that triggered */
    uint64_t base;            /* newest complete checkpoint; 0 = none */
    bool full;                /* everything is taken, not what changed since the base */
};

struct task;
struct op;
struct state_set;

/* What a task gives its ops; one per op, borrowed for the op's life. */
struct op_ctx {
    const struct plan_op *plan;
    const struct plan_config *config;
    const struct schema *const *inputs; /* per port */
    const struct schema *output;
    const struct eval_env *env;
    int subtask, parallelism, max_parallelism;
    bool begins_idle; /* sources: it has no split, and nobody waits for it; it says
                         op_emit_idle(false) in front of its first rows */
    const char *job_id;
    uint64_t attempt;
    struct arena *arena;      /* lives as long as the op */
    struct state_set *states; /* the op's parts, as checkpoints see them: it adds those it has from
                                 the start in open (worker/state/state_set.h). Never NULL */
    /* Restored: the last watermark it had emitted; else WATERMARK_MIN. same_subtask: what it
     * restores is what one subtask had, which read the same splits. */
    int64_t emitted_watermark;
    bool same_subtask;
    struct op_metrics *metrics; /* late rows, errors, state size: worker/metrics.h */
};

enum op_flags {
    /* Steps of a batch are handled by the op itself. Without either flag the framework cuts batches
     * at their steps and calls watermark in between. */
    OP_STEPS_PASS = 1,  /* stateless: output batches carry the steps on */
    OP_STEPS_LATE = 2,  /* steps only decide which rows are late (op_wm_cursor); the framework calls
                           watermark with the last step's after push */
    OP_CHECKPOINTED = 4 /* all that it must remember is in ctx->states. A job whose plan has a
                           stateful op without this can't take checkpoints: it is refused by name */
};

struct op_ops {
    size_t size_bytes; /* of the instance, which begins with struct op */
    unsigned flags;
    /* Once, before any data: read op->ctx->plan->config, compile programs, make state. */
    int (*open)(struct op *op, struct err *err);
    /* takes b, on failure too. Returns enum op_status or a negative ERR_*. */
    int (*push)(struct op *op, int port, struct batch *b, struct err *err);
    /* After OP_MORE, when there is room; after OP_WAIT, when woken too. After op_wake also when the
     * op had nothing to resume: for ops whose results come by themselves (asynchronous lookups). */
    int (*resume)(struct op *op, struct err *err);
    /* Event time has come to wm (op->watermark already says so). NULL: passed on. Else the op emits
     * it itself (op_emit_watermark) behind what it fires, at once or at the end of its resumes. */
    int (*watermark)(struct op *op, int64_t wm, struct err *err);
    /* The processing-time timer set by op_set_timer is due. */
    int (*timer)(struct op *op, int64_t now_ms, struct err *err);
    /* No more input on this port. NULL: nothing to do. After the last port's the task passes the
     * end on. A final WATERMARK_MAX always comes before, in streaming and batch mode alike. */
    int (*end_input)(struct op *op, int port, struct err *err);
    /* A barrier: hand on what must be handed on before it (mini-batches, buffered partial
     * aggregates), then the state is taken (worker/state). NULL: nothing to hand on. Then the task
     * passes the barrier on. */
    int (*barrier)(struct op *op, const struct barrier *b, struct err *err);
    /* The input has fallen idle: time goes on behind this op without waiting for it, so what it
     * holds back of rows must go on before. NULL: nothing to hand on. */
    int (*idle)(struct op *op, struct err *err);
    void (*close)(struct op *op);
    /* What the op prepared for this checkpoint has been committed. May be NULL. */
    void (*committed)(struct op *op, uint64_t checkpoint);
    /* Restoring, between open and the first data: op->watermark is set to what it was, then parts
     * are loaded. make_part: the snapshot has a part that the op didn't add when it opened (a slice
     * of a window): make it, state_set_add it. NULL: it has none of that kind. restored: all parts
     * are loaded: what derives from them is made again, timers are set. NULL: nothing to do. */
    int (*make_part)(struct op *op, const char *name, int64_t ns, struct err *err);
    int (*restored)(struct op *op, struct err *err);
};

/* One per op kind: `const struct op_desc op_<kind>`, one line in op_list.def. */
struct op_desc {
    const char *kind, *doc;
    int n_inputs; /* 0 for sources */
    const struct op_ops *ops;
};
const struct op_desc *op_find(const char *kind);

struct op {
    const struct op_desc *desc;
    struct op_ctx *ctx;
    struct task *task;
    struct op_links *links; /* worker/task.c: ops and outputs behind, inbox */
    int64_t watermark;      /* last one given to this op */
};

/* ---- called by ops ---- */

/* Hands a batch on; takes b. Empty batches without steps are dropped. Returns 0 or a negative
 * ERR_*. */
int op_emit(struct op *op, struct batch *b, struct err *err) ATTR_MUST_USE;
/* The side output (port 1): dead letters, late rows. Dropped where nothing is connected. */
int op_emit_side(struct op *op, struct batch *b, struct err *err) ATTR_MUST_USE;
bool op_side_connected(const struct op *op);
int op_emit_watermark(struct op *op, int64_t wm, struct err *err) ATTR_MUST_USE;
/* This source (or all its splits) is idle / active again: watermarks don't wait for it. */
int op_emit_idle(struct op *op, bool idle, struct err *err) ATTR_MUST_USE;
bool op_output_full(const struct op *op);
/* One processing-time timer per op; wall clock ms; INT64_MAX = none. It is gone once it has fired.
 * While the op has more to give it doesn't fire; in an OP_WAIT, resume is called in its place. */
void op_set_timer(struct op *op, int64_t due_ms);
int64_t op_now_ms(const struct op *op);
/* From any thread, while the op is open: resume is called in one of the next turns (a source's
 * poll). */
void op_wake(struct op *op);
/* Sinks: hands a committable (takes it; NULL is nothing) of this checkpoint, or of the end of input
 * (end), to the job. */
void op_committable(struct op *op, uint64_t checkpoint, bool end, cJSON *committable);
/* Lines and batches for the person who runs the job (copied). While op_reader_full says so, a sink
 * waits with handing on more (OP_WAIT); op_wake follows. */
void op_print_line(struct op *op, struct sv line, bool to_stderr);
void op_collect(struct op *op, struct batch *b);
bool op_reader_full(struct op *op);

/* Splits of the task's source whose batches say which one they are of (batch.split, from 0). Each
 * has event time of its own, and time waits for all that were added and haven't ended. */
void op_split_added(struct op *op, uint32_t split);
void op_split_ended(struct op *op, uint32_t split);
uint32_t op_splits(const struct op *op); /* added so far; 0: the source doesn't say */
bool op_split_has_ended(const struct op *op, uint32_t split);

/* Source ops: the head without input. The task calls poll in its turns. */
struct source_op_ops {
    struct op_ops base;
    /* enum source_status (connector/connector.h); emits by itself. */
    int (*poll)(struct op *op, int64_t *ret_wake_ns, struct err *err);
    int (*add_split)(struct op *op, const cJSON *split, struct err *err);
    void (*no_more_splits)(struct op *op);
    /* All splits with their positions, as of what poll has emitted; owned by the caller. */
    int (*snapshot)(struct op *op, cJSON **ret_splits, struct err *err);
};

/* The watermark in front of row i of a batch, walking forward: for OP_STEPS_LATE ops.
 *     struct wm_cursor c = wm_cursor_of(op->watermark, b);
 *     for each row: int64_t wm = wm_cursor_at(&c, row); */
struct wm_cursor {
    const struct wm_step *step, *end;
    int64_t wm;
};
static inline struct wm_cursor wm_cursor_of(int64_t wm, const struct batch *b) {
    return (struct wm_cursor){b->steps, b->n_steps ? b->steps + b->n_steps : b->steps, wm};
}
static inline int64_t wm_cursor_at(struct wm_cursor *c, uint32_t row) {
    while (c->step < c->end && c->step->row <= row) {
        if (c->step->wm > c->wm) c->wm = c->step->wm;
        c->step++;
    }
    return c->wm;
}

#endif
