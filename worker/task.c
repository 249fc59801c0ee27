/* task.c - a task's life: made, wired, started, run in turns, finished or failed. */
#include "worker/task.h"

#include "base/core/clock.h"
#include "base/core/histogram.h"
#include "base/core/mem.h"
#include "connector/connector.h"
#include "worker/checkpoint/restore.h"
#include "worker/checkpoint/task_snapshot.h"
#include "worker/task_ops.h"

#include <stdlib.h>

const char *const task_status_names[TASK_CANCELLED + 1] = {"CREATED", "RUNNING", "FINISHED",
                                                           "FAILED", "CANCELLED"};

enum { NS_PER_MS = 1000000 };

/* ---- messages ------------------------------------------------------------------------------- */

/* Seq_cst: what a wake is for was put down before, so either this sees may_run or the turn that
 * task_start asks for sees that. */
void task_wake(struct task *t) {
    if (atomic_load(&t->may_run)) runnable_wake(&t->runnable);
}

static void msg_free(struct task_msg *m) {
    cJSON_Delete(m->json);
    routing_table_unref(m->table);
    free(m->err);
    free(m);
}

/* The task has ended. Lock held: nobody else speaks for it now. */
static void answer_for(struct task *t, struct task_msg *m) {
    if (m->kind == TASK_BARRIER) task_snapshot_absent(t->snapshot, &m->barrier);
    if (m->kind == TASK_COMMITTED) {
        task_snapshot_committed(t->snapshot, m->checkpoint);
        t->opts.callbacks->committed(t->opts.callbacks->self, t, m->checkpoint);
    }
    msg_free(m);
}

void task_send(struct task *t, struct task_msg *m) {
    m->next = NULL;
    pthread_mutex_lock(&t->msg_lock);
    bool closed = t->closed;
    if (closed) {
        answer_for(t, m);
    } else {
        *t->msgs_tail = m;
        t->msgs_tail = &m->next;
    }
    pthread_mutex_unlock(&t->msg_lock);
    if (closed) return;
    atomic_store(&t->has_msgs, true);
    task_wake(t);
}

/* In a final state: from now on senders answer. */
static void close_msgs(struct task *t) {
    pthread_mutex_lock(&t->msg_lock);
    t->closed = true;
    struct task_msg *m = t->msgs;
    t->msgs = NULL;
    t->msgs_tail = &t->msgs;
    task_snapshot_finished(t->snapshot);
    while (m) {
        struct task_msg *next = m->next;
        answer_for(t, m);
        m = next;
    }
    pthread_mutex_unlock(&t->msg_lock);
}

void task_wake_ops(struct task *t) {
    for (int i = 0; i < t->n_ops; i++)
        atomic_store(&t->ops[i].woken, true);
    task_wake(t);
}

static int set_table(struct task *t, int edge, struct routing_table **table) {
    for (int i = 0; i < t->n_outputs; i++) {
        struct output *o = &t->outputs[i];
        if (o->edge != &t->opts.plan->edges[edge]) continue;
        output_set_next_table(o, *table);
        *table = NULL;
    }
    return 0;
}

static int take_split(struct task *t, const struct task_msg *m, struct err *err) {
    struct op_links *head = &t->ops[0];
    const struct source_op_ops *ops = (const struct source_op_ops *)head->op->desc->ops;
    head->source_waits = false;
    if (m->kind == TASK_ADD_SPLIT) {
        if (!ops->add_split)
            return err_set(err, ERR_PROTOCOL, "%s takes no splits", head->ctx.plan->name);
        return ops->add_split(head->op, m->json, err);
    }
    if (ops->no_more_splits) ops->no_more_splits(head->op);
    return 0;
}

static void take_committed(struct task *t, uint64_t checkpoint) {
    for (int i = 0; i < t->n_ops; i++) {
        struct op *op = t->ops[i].op;
        if (op->desc->ops->committed) op->desc->ops->committed(op, checkpoint);
    }
    task_snapshot_committed(t->snapshot, checkpoint);
    t->stop_committed |= t->stopped && checkpoint >= t->stop;
    t->opts.callbacks->committed(t->opts.callbacks->self, t, checkpoint);
}

static int take_msg(struct task *t, struct task_msg *m, struct err *err) {
    switch (m->kind) {
    case TASK_ADD_SPLIT:
    case TASK_NO_MORE_SPLITS:
        if (t->is_source && !t->ops[0].ended) return take_split(t, m, err);
        return 0;
    case TASK_BARRIER:
        task_snapshot_asked(t->snapshot, &m->barrier);
        if (!t->is_source || t->ops[0].ended || t->source_stopped) return 0;
        return op_give(&t->ops[0], &(struct item){.kind = ITEM_BARRIER, .u.barrier = m->barrier},
                       err);
    case TASK_ABORT:
        task_snapshot_abort(t->snapshot, m->checkpoint);
        return 0;
    case TASK_COMMITTED:
        take_committed(t, m->checkpoint);
        return 0;
    case TASK_ROUTING:
        return set_table(t, m->edge, &m->table);
    case TASK_FAIL:
        *err = *m->err;
        return err->code;
    case TASK_CANCEL:
        return err_set(err, ERR_CANCELLED, "cancelled");
    }
    UNREACHABLE("task message %d", (int)m->kind);
}

static int take_msgs(struct task *t, struct err *err) {
    if (!atomic_load_explicit(&t->has_msgs, memory_order_relaxed)) return 0;
    atomic_store(&t->has_msgs, false);
    pthread_mutex_lock(&t->msg_lock);
    struct task_msg *m = t->msgs;
    t->msgs = NULL;
    t->msgs_tail = &t->msgs;
    pthread_mutex_unlock(&t->msg_lock);
    int rc = 0;
    while (m) {
        struct task_msg *next = m->next;
        if (!rc) rc = take_msg(t, m, err);
        msg_free(m);
        m = next;
    }
    return rc;
}

/* ---- a turn --------------------------------------------------------------------------------- */

static int64_t wall_to_mono(int64_t due_ms, int64_t now_ns) {
    if (due_ms == INT64_MAX) return INT64_MAX;
    int64_t wait_ms = due_ms - clock_wall_ms();
    return wait_ms <= 0 ? now_ns : now_ns + wait_ms * NS_PER_MS;
}

static void poll_outputs(struct task *t, int64_t now_ns) {
    for (int i = 0; i < t->n_outputs; i++) {
        struct output *o = &t->outputs[i];
        o->now_ns = now_ns;
        if (o->n_blocked) output_poll(o);
    }
}

/* Ops with something left to do, those furthest behind first: room comes from there. */
static int drain_ops(struct task *t, bool *ret_progress, struct err *err) {
    for (int i = t->n_ops - 1; i >= 0; i--) {
        struct op_links *l = &t->ops[i];
        if (!op_busy(l) && !atomic_load_explicit(&l->woken, memory_order_relaxed)) continue;
        if (i == 0 && t->is_source && !op_busy(l)) continue; /* woken: feed_source polls */
        int rc = op_drain(l, ret_progress, err);
        if (rc) return rc;
    }
    return 0;
}

enum feed { FEED_MORE, FEED_DRY };

/* Each marker says when it was due, not when this task got round to it: what was due while the
 * source was held up has waited too. */
static int emit_latency(struct task *t, struct err *err) {
    enum { MARKERS_MAX = 64 }; /* in one go; more than that late, some are left out */
    int64_t now_ms = clock_wall_ms(), interval_ms = t->opts.plan->config.latency_interval_ms;
    if (!t->next_latency_ms) t->next_latency_ms = now_ms;
    for (int i = 0; now_ms >= t->next_latency_ms; i++) {
        struct item it = {
            .kind = ITEM_LATENCY,
            .u.latency = {t->opts.vertex, t->opts.subtask, t->next_latency_ms * NS_PER_MS}};
        t->next_latency_ms += interval_ms;
        if (i >= MARKERS_MAX) continue;
        int rc = op_give(&t->ops[0], &it, err);
        if (rc) return rc;
    }
    return 0;
}

static int feed_source(struct task *t, int64_t now_ns, struct err *err) {
    struct op_links *head = &t->ops[0];
    if (head->ended || t->source_stopped) return FEED_DRY;
    if (t->latency) {
        int rc = emit_latency(t, err);
        if (rc) return rc;
    }
    if (head->source_waits && now_ns < head->source_wake_ns && !atomic_load(&head->woken))
        return FEED_DRY;
    head->source_waits = false;
    atomic_store(&head->woken, false);
    head->source_wake_ns = INT64_MAX;
    int status = op_poll_source(head, &head->source_wake_ns, err);
    if (status < 0) return status;
    if (status != SOURCE_WAIT) return FEED_MORE;
    head->source_waits = true;
    return FEED_DRY;
}

static int feed_gate(struct task *t, struct err *err) {
    struct gate_event e;
    int rc = gate_next(t->gate, &e, err);
    if (rc) return rc;
    struct item it = {.port = e.port};
    switch (e.kind) {
    case GATE_NOTHING:
        return FEED_DRY;
    case GATE_BATCH:
        it.kind = ITEM_BATCH;
        it.u.batch = e.u.batch;
        break;
    case GATE_WATERMARK:
        it.kind = ITEM_WATERMARK;
        it.u.wm = e.u.wm;
        break;
    case GATE_IDLE:
        it.kind = ITEM_IDLE;
        it.u.idle = e.u.idle;
        break;
    case GATE_BARRIER:
        it.kind = ITEM_BARRIER;
        it.u.barrier = e.u.barrier;
        break;
    case GATE_LATENCY:
        it.kind = ITEM_LATENCY;
        it.u.latency = e.u.latency;
        break;
    case GATE_END:
        it.kind = ITEM_END;
        break;
    }
    rc = op_give(&t->ops[0], &it, err);
    return rc ? rc : FEED_MORE;
}

static bool all_flushed(const struct task *t) {
    for (int i = 0; i < t->n_outputs; i++)
        if (!output_is_flushed(&t->outputs[i])) return false;
    return true;
}

enum outcome { OUTCOME_AGAIN, OUTCOME_WAIT, OUTCOME_FINISHED };

/* What the task waits for, and until when at the latest. Returns enum outcome or a negative ERR_*.
 */
static int wait_for(struct task *t, int64_t now_ns, int64_t *ret_wake_ns, struct err *err) {
    int64_t wake = INT64_MAX;
    bool full = false, waiting = false, again = false;
    for (int i = 0; i < t->n_outputs; i++) {
        struct output *o = &t->outputs[i];
        int64_t due;
        int rc = output_dry(o, &due, err);
        if (rc) return rc;
        wake = MIN(wake, due);
        /* What was sent since the last poll (by a timer, by output_dry) may have filled a channel:
         * its consumer must have been asked for a wake before the task sleeps. */
        bool was_full = output_full(o);
        if (o->n_blocked) output_poll(o);
        full |= output_full(o);
        again |= was_full && !output_full(o);
    }
    if (again) return OUTCOME_AGAIN;
    for (int i = 0; i < t->n_ops; i++) {
        struct op_links *l = &t->ops[i];
        waiting |= l->waiting && l->more;
        bool timer_counts = l->more ? l->waiting : !op_behind_full(l);
        if (timer_counts) wake = MIN(wake, wall_to_mono(l->timer_ms, now_ns));
    }
    struct op_links *head = &t->ops[0];
    if (head->source_waits && !head->ended && !full) {
        wake = MIN(wake, head->source_wake_ns);
        if (t->latency) wake = MIN(wake, wall_to_mono(t->next_latency_ms, now_ns));
    }
    *ret_wake_ns = wake;
    metric_set(&t->metrics.phase, full      ? PHASE_BACKPRESSURED
                                  : waiting ? PHASE_WAITING
                                            : PHASE_IDLE);
    return OUTCOME_WAIT;
}

/* Behind the barrier that the job stops with nothing happens any more: timers don't fire, nothing
 * ends. The task is over when it hears that the checkpoint is committed. */
static int run_stopped(struct task *t, int64_t now_ns, struct err *err) {
    int rc = take_msgs(t, err);
    if (rc) return rc;
    poll_outputs(t, now_ns);
    bool over = t->stop_committed && all_flushed(t) && !task_snapshot_active(t->snapshot);
    return over ? OUTCOME_FINISHED : OUTCOME_WAIT;
}

/* Returns enum outcome or a negative ERR_*. */
static int run(struct task *t, int64_t now_ns, int64_t *ret_wake_ns, struct err *err) {
    if (t->stopped) return run_stopped(t, now_ns, err);
    int64_t end_ns = now_ns + TASK_TURN_NS;
    for (int inputs = 0;; now_ns = clock_mono_ns()) {
        bool progress = false;
        int rc = take_msgs(t, err);
        poll_outputs(t, now_ns);
        if (!rc) rc = drain_ops(t, &progress, err);
        if (!rc && t->next_timer_ms != INT64_MAX) {
            int64_t now_ms = clock_wall_ms();
            if (now_ms >= t->next_timer_ms) rc = ops_fire_timers(t, now_ms, err);
        }
        if (rc) return rc;
        struct op_links *head = &t->ops[0];
        if (op_busy(head) || op_behind_full(head)) {
            if (!progress) break;
        } else {
            int fed = t->is_source ? feed_source(t, now_ns, err) : feed_gate(t, err);
            if (fed < 0) return fed;
            if (fed == FEED_DRY && !progress) break;
        }
        if (now_ns >= end_ns || ++inputs >= TASK_TURN_INPUTS || t->stopped) return OUTCOME_AGAIN;
    }
    if (t->n_ended == t->n_ops && all_flushed(t) && !task_snapshot_active(t->snapshot))
        return OUTCOME_FINISHED;
    return wait_for(t, now_ns, ret_wake_ns, err);
}

static void set_status(struct task *t, enum task_status status, const struct err *err) {
    atomic_store(&t->status, (int)status);
    const struct task_callbacks *cb = t->opts.callbacks;
    cb->status(cb->self, t, status, err);
}

static enum turn_result end_task(struct task *t, int rc, struct err *err) {
    if (rc >= 0 && !t->stopped) {
        int rc2 = task_snapshot_finish(t->snapshot, err);
        if (rc2) rc = rc2;
    }
    ops_close(t);
    if (rc >= 0) {
        set_status(t, TASK_FINISHED, NULL);
    } else if (rc == ERR_CANCELLED) {
        set_status(t, TASK_CANCELLED, NULL);
    } else {
        err_wrap(err, "%s, subtask %d of %d", t->vertex->name, t->opts.subtask + 1,
                 t->vertex->parallelism);
        set_status(t, TASK_FAILED, err);
    }
    close_msgs(t);
    return TURN_DONE;
}

static int begin(struct task *t, struct err *err) {
    t->started = true;
    int rc = t->opened ? ops_resume_time(t, err) : ops_open(t, err);
    if (!rc) set_status(t, TASK_RUNNING, NULL);
    return rc;
}

static enum turn_result task_turn(struct runnable *r, int64_t now_ns, int64_t *ret_wake_ns) {
    struct task *t = CONTAINER_OF(r, struct task, runnable);
    struct task_metrics *m = &t->metrics;
    struct err err;
    err_clear(&err);
    int64_t since = metric_get_i64(&m->phase_since_ns);
    if (since && now_ns > since)
        metric_add(&m->phase_ns[metric_get_i64(&m->phase)], (uint64_t)(now_ns - since));
    metric_set(&m->phase_since_ns, 0);

    int rc = t->started ? 0 : begin(t, &err);
    if (!rc) rc = run(t, now_ns, ret_wake_ns, &err);
    if ((rc == OUTCOME_AGAIN || rc == OUTCOME_WAIT) && task_snapshot_active(t->snapshot) &&
        (task_snapshot_step(t->snapshot, ret_wake_ns) || !task_snapshot_active(t->snapshot)))
        rc = OUTCOME_AGAIN;
    for (int i = 0; rc == OUTCOME_AGAIN && i < t->n_outputs; i++) {
        int rc2 = output_expire(&t->outputs[i], &err);
        if (rc2) rc = rc2;
    }
    if (rc == OUTCOME_AGAIN) metric_set(&m->phase, PHASE_READY);
    int64_t end_ns = clock_mono_ns();
    metric_add(&m->turns, 1);
    metric_add(&m->busy_ns, (uint64_t)(end_ns - now_ns));
    if (rc < 0 || rc == OUTCOME_FINISHED) return end_task(t, rc, &err);
    metric_set(&m->phase_since_ns, end_ns);
    return rc == OUTCOME_AGAIN ? TURN_AGAIN : TURN_WAIT;
}

static void task_done(struct runnable *r) {
    struct task *t = CONTAINER_OF(r, struct task, runnable);
    t->opts.callbacks->gone(t->opts.callbacks->self, t);
}

static const struct runnable_ops task_runnable = {task_turn, task_done};

/* ---- making and wiring ---------------------------------------------------------------------- */

static void gate_wakes_task(void *self) {
    task_wake(self);
}

static void make_outputs(struct task *t) {
    const struct plan *plan = t->opts.plan;
    for (int e = 0; e < plan->n_edges; e++)
        t->n_outputs += plan->edges[e].from == t->opts.vertex;
    t->outputs = mem_calloc((size_t)t->n_outputs + 1, sizeof(*t->outputs));
    t->edge_metrics = mem_calloc((size_t)t->n_outputs + 1, sizeof(*t->edge_metrics));
    for (int e = 0, o = 0; e < plan->n_edges; e++) {
        const struct plan_edge *edge = &plan->edges[e];
        if (edge->from != t->opts.vertex) continue;
        output_init(&t->outputs[o], edge, (uint32_t)plan->vertices[edge->to].max_parallelism,
                    &t->opts.output, &t->edge_metrics[o]);
        o++;
    }
}

int task_new(const struct task_opts *opts, struct task **ret, struct err *err) {
    const struct plan *plan = opts->plan;
    CHECK(opts->vertex >= 0 && opts->vertex < plan->n_vertices);
    struct task *t = mem_zalloc(sizeof(*t));
    t->opts = *opts;
    t->vertex = &plan->vertices[opts->vertex];
    t->next_timer_ms = INT64_MAX;
    t->msgs_tail = &t->msgs;
    pthread_mutex_init(&t->msg_lock, NULL);
    runnable_init(&t->runnable, &task_runnable, opts->executor);
    if (plan->config.latency_interval_ms > 0) t->latency = mem_zalloc(sizeof *t->latency);
    make_outputs(t);
    int rc = ops_new(t, err);
    if (rc) {
        err_wrap(err, "%s", t->vertex->name);
        task_free(t);
        return rc;
    }
    t->is_source = t->ops[0].op->desc->n_inputs == 0;
    if (t->is_source)
        metric_set(&t->metrics.watermark, WATERMARK_MIN);
    else
        t->gate = gate_new(t->vertex->n_inputs, t->ops[0].inputs, gate_wakes_task, t, &t->metrics);
    if (opts->files) t->snapshot = task_snapshot_new(t, opts->files, opts->n_tasks);
    *ret = t;
    return 0;
}

int task_restore(struct task *t, const struct restore *r, struct err *err) {
    CHECK(!t->opened && !t->started);
    t->opened = true;
    int rc = ops_open(t, err);
    if (!rc) rc = restore_ops(r, t, err);
    return rc ? err_wrap(err, "%s, subtask %d of %d", t->vertex->name, t->opts.subtask + 1,
                         t->vertex->parallelism)
              : 0;
}

void task_free(struct task *t) {
    if (!t) return;
    ops_close(t);
    while (t->msgs) {
        struct task_msg *next = t->msgs->next;
        msg_free(t->msgs);
        t->msgs = next;
    }
    gate_free(t->gate);
    task_snapshot_free(t->snapshot);
    for (int i = 0; i < t->n_outputs; i++)
        output_release(&t->outputs[i]);
    free(t->outputs);
    free(t->edge_metrics);
    free(t->latency);
    ops_free(t);
    pthread_mutex_destroy(&t->msg_lock);
    free(t);
}

void task_add_input(struct task *t, int port, struct channel *ch, enum channel_start start) {
    CHECK(t->gate);
    gate_add_channel(t->gate, ch, port, start);
}

static void producer_wakes_task(void *self, uint32_t arg) {
    task_wake(self);
}

void task_add_output_channel(struct task *t, int edge, struct channel *ch, bool remote) {
    for (int i = 0; i < t->n_outputs; i++)
        if (t->outputs[i].edge == &t->opts.plan->edges[edge])
            output_add_dest(&t->outputs[i], ch, remote);
    channel_set_producer(ch, (struct channel_peer){producer_wakes_task, t, 0});
}

void task_wire_done(struct task *t) {
    if (t->gate) gate_ready(t->gate);
    for (int i = 0; i < t->n_outputs; i++)
        output_ready(&t->outputs[i]);
}

void task_start(struct task *t) {
    atomic_store(&t->may_run, true);
    task_wake(t);
}

/* ---- reports -------------------------------------------------------------------------------- */

int task_vertex(const struct task *t) {
    return t->opts.vertex;
}

struct executor *task_executor(const struct task *t) {
    return t->runnable.executor;
}

int task_subtask(const struct task *t) {
    return t->opts.subtask;
}

enum task_status task_status_of(const struct task *t) {
    return (enum task_status)atomic_load(&t->status);
}

static cJSON *output_stats(const struct task *t, int i, int64_t now_ns) {
    const struct output *o = &t->outputs[i];
    cJSON *j = cJSON_CreateObject();
    json_set_i64(j, "edge", o->edge - t->opts.plan->edges);
    metrics_edge_to_json(o->metrics, j);
    cJSON *hot = o->hot_keys ? hot_keys_to_json(o->hot_keys) : NULL;
    if (hot) json_set(j, "hotKeys", hot);
    cJSON *channels = cJSON_CreateArray();
    for (uint32_t d = 0; d < o->n_dests; d++) {
        cJSON *c = cJSON_CreateObject();
        json_set_i64(c, "to", channel_id_of(o->dests[d].ch).to);
        metrics_channel_to_json(&o->dests[d].metrics, now_ns, c);
        struct channel_load load = channel_load(o->dests[d].ch);
        json_set_i64(c, "queued", (int64_t)(load.pushed - load.popped));
        json_set_i64(c, "queuedBytes", (int64_t)(load.pushed_bytes - load.popped_bytes));
        cJSON_AddItemToArray(channels, c);
    }
    json_set(j, "channels", channels);
    return j;
}

static cJSON *input_stats(const struct task *t) {
    cJSON *inputs = cJSON_CreateArray();
    for (int i = 0; t->gate && i < gate_channel_count(t->gate); i++) {
        struct gate_channel_info info = gate_channel_info(t->gate, i);
        cJSON *c = cJSON_CreateObject();
        json_set_i64(c, "edge", info.id.edge);
        json_set_i64(c, "from", info.id.from);
        json_set_i64(c, "queued", (int64_t)(info.load.pushed - info.load.popped));
        json_set_i64(c, "queuedBytes", (int64_t)(info.load.pushed_bytes - info.load.popped_bytes));
        cJSON_AddItemToArray(inputs, c);
    }
    return inputs;
}

cJSON *task_stats(const struct task *t, int64_t now_ns) {
    cJSON *j = cJSON_CreateObject();
    json_set_i64(j, "vertex", t->opts.vertex);
    json_set_i64(j, "subtask", t->opts.subtask);
    json_set_str(j, "status", task_status_names[task_status_of(t)]);
    metrics_task_to_json(&t->metrics, now_ns, j);
    if (t->latency) json_set(j, "latency", histogram_to_json(t->latency));
    cJSON *ops = cJSON_CreateArray(), *outputs = cJSON_CreateArray();
    for (int i = 0; i < t->n_ops; i++) {
        cJSON *o = cJSON_CreateObject();
        json_set_str(o, "uid", t->ops[i].ctx.plan->uid);
        metrics_op_to_json(&t->ops[i].metrics, o);
        cJSON_AddItemToArray(ops, o);
    }
    for (int i = 0; i < t->n_outputs; i++)
        cJSON_AddItemToArray(outputs, output_stats(t, i, now_ns));
    json_set(j, "ops", ops);
    json_set(j, "outputs", outputs);
    json_set(j, "inputs", input_stats(t));
    return j;
}
