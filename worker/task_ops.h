/* task_ops.h - inside a task: the op tree. Only task.c, task_ops.c and worker/checkpoint include
 * this. */
#ifndef PENSTOCK_WORKER_TASK_OPS_H
#define PENSTOCK_WORKER_TASK_OPS_H

#include "worker/task.h"

#include <pthread.h>

/* What is given to an op, or waits in its inbox. */
enum item_kind {
    ITEM_BATCH,     /* u.batch, from row `row` and step `step` on */
    ITEM_WATERMARK, /* u.wm */
    ITEM_IDLE,
    ITEM_BARRIER,
    ITEM_LATENCY,
    ITEM_END,          /* port */
    ITEM_BARRIER_PASS, /* the op's part of the barrier is done */
    ITEM_IDLE_PASS,    /* the op's idle is done */
    ITEM_END_PASS      /* the op's end_input(port) is done */
};

struct item {
    enum item_kind kind;
    int port;
    uint32_t row, step;
    union {
        struct batch *batch;
        int64_t wm;
        bool idle;
        struct barrier barrier;
        struct latency_marker latency;
    } u;
};

/* Where an op's output goes: an op behind it, or an edge. */
struct op_target {
    struct op_links *op;
    struct output *output;
};

struct op_links {
    struct op *op;
    struct op_ctx ctx;
    struct arena arena;
    struct op_metrics metrics;
    struct state_set *states;
    const struct schema **inputs;
    int n_targets, n_side_targets;
    struct op_target *targets, *side_targets;
    /* Ring of what waits behind OP_MORE. */
    struct item *inbox;
    uint32_t inbox_head, inbox_n, inbox_cap;
    bool open;
    bool more;    /* resume is due */
    bool waiting; /* ... but not before a wake */
    bool ended;   /* has passed the end on */
    atomic_bool woken;
    int ports_open;
    uint64_t n_barriers; /* passed on */
    int64_t emitted_wm;  /* last one given to what is behind */
    int64_t timer_ms;    /* wall clock; INT64_MAX = none */
    /* Sources. */
    bool source_waits;
    int64_t source_wake_ns;
};

struct task {
    struct runnable runnable; /* first */
    struct task_opts opts;
    const struct plan_vertex *vertex;
    _Atomic int status; /* enum task_status; written by the executor's thread */
    int n_ops, n_ended;
    uint64_t n_barriers;  /* that all ops have passed on */
    struct op_links *ops; /* in the plan's order: an op stands behind the one in front of it */
    int n_outputs;
    struct output *outputs;
    struct edge_metrics *edge_metrics;
    struct gate *gate;              /* NULL for sources */
    struct task_snapshot *snapshot; /* NULL where the job takes no checkpoints */
    uint64_t stop;                  /* checkpoint that the job stops with; 0 = none yet */
    bool source_stopped, stopped;   /* its barrier has passed the source, all ops */
    bool stop_committed;
    struct task_metrics metrics;
    atomic_bool may_run; /* started, or cancelled before; wakes do nothing until then */
    bool opened, started, is_source;
    bool error_named;          /* the failing op stands in the error's text already */
    struct histogram *latency; /* from sources to here: to the end of a chain without outputs, to
                                  the head of others; NULL: not measured */
    uint32_t n_splits;         /* op_split_added */
    size_t cap_splits;
    bool *splits_ended;
    int64_t next_latency_ms;
    int64_t next_timer_ms; /* least of the ops' */
    atomic_bool has_msgs;
    pthread_mutex_t msg_lock;
    struct task_msg *msgs, **msgs_tail;
    bool closed; /* under msg_lock: in a final state, messages are answered by who sends them */
};

/* The subtask's share of the vertex' key groups. */
struct state_range;
void task_key_groups(const struct task *t, struct state_range *ret);

/* Makes op trees and takes them down. */
int ops_new(struct task *t, struct err *err) ATTR_MUST_USE;
int ops_open(struct task *t, struct err *err) ATTR_MUST_USE;
void ops_close(struct task *t);
/* Restored: each output is told how far time had come, so that it stands behind it as before. */
int ops_resume_time(struct task *t, struct err *err) ATTR_MUST_USE;
void ops_free(struct task *t);

/* Gives an item to an op, at once or behind what waits there. Takes what the item owns. */
int op_give(struct op_links *l, const struct item *it, struct err *err) ATTR_MUST_USE;
/* Resumes the op and works its inbox off, as far as there is room; *ret_progress says whether
 * anything happened. */
int op_drain(struct op_links *l, bool *ret_progress, struct err *err) ATTR_MUST_USE;
/* A source's poll; enum source_status. At the end watermark and end have been passed on. */
int op_poll_source(struct op_links *l, int64_t *ret_wake_ns, struct err *err) ATTR_MUST_USE;
int ops_fire_timers(struct task *t, int64_t now_ms, struct err *err) ATTR_MUST_USE;
static inline bool op_busy(const struct op_links *l) {
    return l->more || l->inbox_n;
}
/* Something behind the op can't take more. */
bool op_behind_full(const struct op_links *l);

#endif
