/* task_ops.c - the op tree of a task: delivery from op to op and to the outputs, cutting of batches
 * at their steps, inboxes of ops that have more to give, and the services that op.h offers. */
#include "worker/task_ops.h"

#include "base/core/clock.h"
#include "base/core/histogram.h"
#include "base/core/mem.h"
#include "connector/connector.h"
#include "worker/checkpoint/task_snapshot.h"
#include "worker/state/state_set.h"

#include <stdlib.h>

/* ---- inbox ---------------------------------------------------------------------------------- */

static void inbox_grow(struct op_links *l) {
    uint32_t cap = l->inbox_cap ? l->inbox_cap * 2 : 8;
    struct item *items = mem_calloc(cap, sizeof(*items));
    for (uint32_t i = 0; i < l->inbox_n; i++)
        items[i] = l->inbox[(l->inbox_head + i) & (l->inbox_cap - 1)];
    free(l->inbox);
    l->inbox = items;
    l->inbox_cap = cap;
    l->inbox_head = 0;
}

static void inbox_push_back(struct op_links *l, const struct item *it) {
    if (l->inbox_n == l->inbox_cap) inbox_grow(l);
    l->inbox[(l->inbox_head + l->inbox_n++) & (l->inbox_cap - 1)] = *it;
}

static void inbox_push_front(struct op_links *l, const struct item *it) {
    if (l->inbox_n == l->inbox_cap) inbox_grow(l);
    l->inbox_head = (l->inbox_head - 1) & (l->inbox_cap - 1);
    l->inbox[l->inbox_head] = *it;
    l->inbox_n++;
}

static struct item inbox_pop(struct op_links *l) {
    struct item it = l->inbox[l->inbox_head];
    l->inbox_head = (l->inbox_head + 1) & (l->inbox_cap - 1);
    l->inbox_n--;
    return it;
}

static void item_release(struct item *it) {
    if (it->kind == ITEM_BATCH) batch_unref(it->u.batch);
}

/* ---- handing on ----------------------------------------------------------------------------- */

static int output_item(struct output *o, const struct item *it, struct err *err) {
    struct elem e = {.kind = ELEM_END};
    switch (it->kind) {
    case ITEM_BATCH:
        return output_batch(o, it->u.batch, err);
    case ITEM_WATERMARK:
        return output_watermark(o, it->u.wm, err);
    case ITEM_IDLE:
        e.kind = ELEM_IDLE;
        e.u.idle = it->u.idle;
        break;
    case ITEM_BARRIER:
        e.kind = ELEM_BARRIER;
        e.u.barrier = it->u.barrier;
        break;
    case ITEM_LATENCY:
        output_latency(o, &it->u.latency);
        return 0;
    case ITEM_END:
        break;
    case ITEM_BARRIER_PASS:
    case ITEM_IDLE_PASS:
    case ITEM_END_PASS:
        UNREACHABLE("item %d never leaves its op", (int)it->kind);
    }
    return output_control(o, &e, err);
}

static int target_give(struct op_target *tg, const struct item *it, struct err *err) {
    return tg->op ? op_give(tg->op, it, err) : output_item(tg->output, it, err);
}

/* Takes b. Several targets share it. */
static int give_batch(struct op_target *targets, int n, struct batch *b, struct err *err) {
    int rc = 0;
    for (int i = 0; i < n && !rc; i++) {
        struct item it = {.kind = ITEM_BATCH, .u.batch = i + 1 < n ? batch_ref(b) : b};
        if (i + 1 == n) b = NULL;
        rc = target_give(&targets[i], &it, err);
    }
    batch_unref(b);
    return rc;
}

/* Control items go to main and side targets alike. */
static int forward(struct op_links *l, const struct item *it, struct err *err) {
    for (int i = 0; i < l->n_targets + l->n_side_targets; i++) {
        struct op_target *tg =
            i < l->n_targets ? &l->targets[i] : &l->side_targets[i - l->n_targets];
        int rc = target_give(tg, it, err);
        if (rc) return rc;
    }
    return 0;
}

static int forward_watermark(struct op_links *l, int64_t wm, struct err *err) {
    struct task *t = l->op->task;
    if (t->is_source) metric_set(&t->metrics.watermark, wm); /* no gate does */
    l->emitted_wm = MAX(l->emitted_wm, wm);
    return forward(l, &(struct item){.kind = ITEM_WATERMARK, .u.wm = wm}, err);
}

bool op_behind_full(const struct op_links *l) {
    for (int i = 0; i < l->n_targets + l->n_side_targets; i++) {
        const struct op_target *tg =
            i < l->n_targets ? &l->targets[i] : &l->side_targets[i - l->n_targets];
        if (tg->op ? op_busy(tg->op) || op_behind_full(tg->op) : output_full(tg->output))
            return true;
    }
    return false;
}

/* ---- calls of the op ------------------------------------------------------------------------ */

/* Notes what a call returned. On OP_MORE and OP_WAIT, then (if any) comes next in the inbox. */
static int settle(struct op_links *l, int rc, const struct item *then, struct err *err) {
    if (rc == OP_DONE) {
        l->more = false;
        return 0;
    }
    if (rc < 0) {
        if (!l->op->task->error_named) {
            l->op->task->error_named = true;
            err_wrap(err, "%s", l->ctx.plan->name);
        }
        return rc;
    }
    l->more = true;
    l->waiting = rc == OP_WAIT;
    if (then) inbox_push_front(l, then);
    return 0;
}

static int run_item(struct op_links *l, struct item *it, struct err *err);

static int run_watermark(struct op_links *l, int64_t wm, struct err *err) {
    struct op *op = l->op;
    if (wm <= op->watermark) return 0;
    op->watermark = wm;
    metric_set(&l->metrics.watermark, wm);
    if (!op->desc->ops->watermark) return forward_watermark(l, wm, err);
    return settle(l, op->desc->ops->watermark(op, wm, err), NULL, err);
}

/* A batch without the steps inside it; takes b. */
static struct batch *strip_steps(struct batch *b) {
    if (!b->n_steps) return b;
    if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1) {
        struct batch *own = batch_share(b);
        batch_unref(b);
        b = own;
    }
    batch_set_steps(b, NULL, 0);
    return b;
}

/* The op sees neither steps nor rows of two sides of one: pieces, with watermarks between them. */
static int run_cut(struct op_links *l, struct item *it, struct err *err) {
    struct batch *b = it->u.batch;
    const struct op_ops *ops = l->op->desc->ops;
    for (;;) {
        bool last = it->step == b->n_steps;
        uint32_t to = last ? b->n : b->steps[it->step].row;
        if (it->row == 0 && to == b->n && b->n) { /* all steps left stand behind the last row */
            struct item wm = {.kind = ITEM_WATERMARK,
                              .u.wm = last ? WATERMARK_MIN : b->steps[b->n_steps - 1].wm};
            int rc = settle(l, ops->push(l->op, it->port, strip_steps(b), err), &wm, err);
            return rc || l->more ? rc : run_watermark(l, wm.u.wm, err);
        }
        int rc = 0;
        if (to > it->row) {
            struct batch *part = batch_slice(b, it->row, to - it->row);
            batch_set_steps(part, NULL, 0);
            it->row = to;
            rc = settle(l, ops->push(l->op, it->port, part, err), it, err);
        } else if (last) {
            batch_unref(b);
            return 0;
        } else {
            int64_t wm = b->steps[it->step++].wm;
            rc = run_watermark(l, wm, err);
            if (!rc && l->more) inbox_push_front(l, it);
        }
        if (rc) batch_unref(b);
        if (rc || l->more) return rc;
    }
}

static int run_batch(struct op_links *l, struct item *it, struct err *err) {
    struct batch *b = it->u.batch;
    struct op *op = l->op;
    const struct op_ops *ops = op->desc->ops;
    if (!it->row && !it->step) {
        metric_add(&l->metrics.records_in, b->n);
        metric_add(&l->metrics.batches_in, 1);
    }
    if (!b->n_steps) return settle(l, ops->push(op, it->port, b, err), NULL, err);
    int64_t wm = b->steps[b->n_steps - 1].wm;
    if (ops->flags & OP_STEPS_PASS) {
        int rc = settle(l, ops->push(op, it->port, b, err), NULL, err);
        op->watermark = MAX(op->watermark, wm);
        metric_set(&l->metrics.watermark, op->watermark);
        return rc;
    }
    if (ops->flags & OP_STEPS_LATE) {
        struct item then = {.kind = ITEM_WATERMARK, .u.wm = wm};
        int rc = settle(l, ops->push(op, it->port, b, err), &then, err);
        return rc || l->more ? rc : run_watermark(l, wm, err);
    }
    return run_cut(l, it, err);
}

static int pass_barrier(struct op_links *l, const struct barrier *b, struct err *err) {
    struct task *t = l->op->task;
    const struct task_callbacks *cb = t->opts.callbacks;
    int rc = task_snapshot_op(t->snapshot, l, b, err);
    if (!rc) rc = cb->snapshot(cb->self, t, l->op, b, err);
    if (rc) return settle(l, rc, NULL, err);
    if (b->kind == BARRIER_STOP && l == &t->ops[0]) t->source_stopped = true;
    l->n_barriers++;
    rc = forward(l, &(struct item){.kind = ITEM_BARRIER, .u.barrier = *b}, err);
    if (rc) return rc;
    for (int i = 0; i < t->n_ops; i++)
        if (t->ops[i].n_barriers <= t->n_barriers) return 0;
    t->n_barriers++;
    task_snapshot_passed(t->snapshot, b, t->gate ? gate_align_ns(t->gate) : 0);
    if (b->kind == BARRIER_STOP) {
        t->stop = b->id;
        t->stopped = true;
    }
    cb->barrier_passed(cb->self, t, b);
    return 0;
}

static int run_barrier(struct op_links *l, const struct barrier *b, struct err *err) {
    const struct op_ops *ops = l->op->desc->ops;
    if (ops->barrier) {
        struct item then = {.kind = ITEM_BARRIER_PASS, .u.barrier = *b};
        int rc = settle(l, ops->barrier(l->op, b, err), &then, err);
        if (rc || l->more) return rc;
    }
    return pass_barrier(l, b, err);
}

static int run_idle(struct op_links *l, bool idle, struct err *err) {
    struct item it = {.kind = ITEM_IDLE, .u.idle = idle};
    if (idle && l->op->desc->ops->idle) {
        struct item then = {.kind = ITEM_IDLE_PASS};
        int rc = settle(l, l->op->desc->ops->idle(l->op, err), &then, err);
        if (rc || l->more) return rc;
    }
    return forward(l, &it, err);
}

static int pass_end(struct op_links *l, struct err *err) {
    if (--l->ports_open > 0) return 0;
    l->ended = true;
    l->op->task->n_ended++;
    return forward(l, &(struct item){.kind = ITEM_END}, err);
}

static int run_end(struct op_links *l, int port, struct err *err) {
    const struct op_ops *ops = l->op->desc->ops;
    if (ops->end_input) {
        struct item then = {.kind = ITEM_END_PASS, .port = port};
        int rc = settle(l, ops->end_input(l->op, port, err), &then, err);
        if (rc || l->more) return rc;
    }
    return pass_end(l, err);
}

static void measure_latency(const struct op_links *l, const struct latency_marker *m) {
    struct task *t = l->op->task;
    bool here = t->n_outputs ? l == t->ops && !t->is_source : !l->n_targets;
    if (t->latency && here) histogram_add(t->latency, clock_wall_ns() - m->source_ns);
}

/* Takes what the item owns. */
static int run_item(struct op_links *l, struct item *it, struct err *err) {
    switch (it->kind) {
    case ITEM_BATCH:
        return run_batch(l, it, err);
    case ITEM_WATERMARK:
        return run_watermark(l, it->u.wm, err);
    case ITEM_BARRIER:
        return run_barrier(l, &it->u.barrier, err);
    case ITEM_END:
        return run_end(l, it->port, err);
    case ITEM_BARRIER_PASS:
        return pass_barrier(l, &it->u.barrier, err);
    case ITEM_END_PASS:
        return pass_end(l, err);
    case ITEM_LATENCY:
        measure_latency(l, &it->u.latency);
        return forward(l, it, err);
    case ITEM_IDLE:
        return run_idle(l, it->u.idle, err);
    case ITEM_IDLE_PASS:
        return forward(l, &(struct item){.kind = ITEM_IDLE, .u.idle = true}, err);
    }
    UNREACHABLE("item %d", (int)it->kind);
}

int op_give(struct op_links *l, const struct item *it, struct err *err) {
    if (op_busy(l)) {
        inbox_push_back(l, it);
        return 0;
    }
    struct item copy = *it;
    return run_item(l, &copy, err);
}

int op_drain(struct op_links *l, bool *ret_progress, struct err *err) {
    if (op_behind_full(l)) return 0;
    bool woken =
        atomic_load_explicit(&l->woken, memory_order_relaxed) && atomic_exchange(&l->woken, false);
    if (l->more ? !l->waiting || woken : woken && l->op->desc->ops->resume) {
        l->waiting = false;
        *ret_progress = true;
        int rc = settle(l, l->op->desc->ops->resume(l->op, err), NULL, err);
        if (rc) return rc;
    }
    while (l->inbox_n && !l->more && !op_behind_full(l)) {
        struct item it = inbox_pop(l);
        *ret_progress = true;
        int rc = run_item(l, &it, err);
        if (rc) return rc;
    }
    return 0;
}

int op_poll_source(struct op_links *l, int64_t *ret_wake_ns, struct err *err) {
    const struct source_op_ops *ops = (const struct source_op_ops *)l->op->desc->ops;
    int status = ops->poll(l->op, ret_wake_ns, err);
    if (status < 0) return settle(l, status, NULL, err);
    if (status != SOURCE_END) return status;
    l->ended = true;
    l->op->task->n_ended++;
    int rc = forward_watermark(l, WATERMARK_MAX, err);
    if (!rc) rc = forward(l, &(struct item){.kind = ITEM_END}, err);
    return rc ? rc : SOURCE_END;
}

int ops_fire_timers(struct task *t, int64_t now_ms, struct err *err) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < t->n_ops; i++) {
        struct op_links *l = &t->ops[i];
        if (l->timer_ms <= now_ms && l->waiting) {
            l->timer_ms = INT64_MAX;
            atomic_store(&l->woken, true);
        } else if (l->timer_ms <= now_ms && !op_busy(l) && !op_behind_full(l)) {
            l->timer_ms = INT64_MAX;
            int rc = settle(l, l->op->desc->ops->timer(l->op, now_ms, err), NULL, err);
            if (rc) return rc;
        }
        next = MIN(next, l->timer_ms);
    }
    t->next_timer_ms = next;
    return 0;
}

/* ---- services of op.h ----------------------------------------------------------------------- */

static int emit(struct op_links *l, struct op_target *targets, int n, struct batch *b,
                struct err *err) {
    int64_t wm = b->n_steps ? b->steps[b->n_steps - 1].wm : WATERMARK_MIN;
    l->emitted_wm = MAX(l->emitted_wm, wm);
    if (!b->n && b->n_steps) {
        batch_unref(b);
        for (int i = 0; i < n; i++) {
            struct item it = {.kind = ITEM_WATERMARK, .u.wm = wm};
            int rc = target_give(&targets[i], &it, err);
            if (rc) return rc;
        }
        return 0;
    }
    if (!b->n) {
        batch_unref(b);
        return 0;
    }
    if (unlikely(b->n > BATCH_ROWS_MAX)) {
        uint32_t rows = b->n;
        batch_unref(b);
        return err_set(err, ERR_INTERNAL, "a batch of %u rows; at most %d are allowed", rows,
                       BATCH_ROWS_MAX);
    }
    metric_add(&l->metrics.records_out, b->n);
    return give_batch(targets, n, b, err);
}

int op_emit(struct op *op, struct batch *b, struct err *err) {
    return emit(op->links, op->links->targets, op->links->n_targets, b, err);
}

int op_emit_side(struct op *op, struct batch *b, struct err *err) {
    return emit(op->links, op->links->side_targets, op->links->n_side_targets, b, err);
}

bool op_side_connected(const struct op *op) {
    return op->links->n_side_targets > 0;
}

int op_emit_watermark(struct op *op, int64_t wm, struct err *err) {
    return forward_watermark(op->links, wm, err);
}

int op_emit_idle(struct op *op, bool idle, struct err *err) {
    return forward(op->links, &(struct item){.kind = ITEM_IDLE, .u.idle = idle}, err);
}

bool op_output_full(const struct op *op) {
    return op_behind_full(op->links);
}

void op_set_timer(struct op *op, int64_t due_ms) {
    op->links->timer_ms = due_ms;
    op->task->next_timer_ms = MIN(op->task->next_timer_ms, due_ms);
}

int64_t op_now_ms(const struct op *op) {
    return clock_wall_ms();
}

void op_wake(struct op *op) {
    atomic_store(&op->links->woken, true);
    task_wake(op->task);
}

void op_split_added(struct op *op, uint32_t split) {
    struct task *t = op->task;
    while (split >= t->n_splits) {
        size_t n = t->n_splits;
        MEM_GROW(t->splits_ended, n, t->cap_splits);
        t->splits_ended[t->n_splits++] = false;
    }
}

void op_split_ended(struct op *op, uint32_t split) {
    CHECK(split < op->task->n_splits);
    op->task->splits_ended[split] = true;
}

uint32_t op_splits(const struct op *op) {
    return op->task->n_splits;
}

bool op_split_has_ended(const struct op *op, uint32_t split) {
    return op->task->splits_ended[split];
}

void op_committable(struct op *op, uint64_t checkpoint, bool end, cJSON *committable) {
    struct task *t = op->task;
    const struct task_callbacks *cb = t->opts.callbacks;
    if (committable && t->snapshot)
        task_snapshot_committable(t->snapshot, (int)(op->links - t->ops), checkpoint, committable);
    else if (committable)
        cb->committable(cb->self, t, op, checkpoint, end, committable);
}

void op_print_line(struct op *op, struct sv line, bool to_stderr) {
    const struct task_callbacks *cb = op->task->opts.callbacks;
    cb->print_line(cb->self, op->task, line, to_stderr);
}

void op_collect(struct op *op, struct batch *b) {
    const struct task_callbacks *cb = op->task->opts.callbacks;
    cb->collect(cb->self, op->task, b);
}

bool op_reader_full(struct op *op) {
    const struct task_callbacks *cb = op->task->opts.callbacks;
    return cb->reader_full(cb->self, op->task);
}

/* ---- making and taking down ----------------------------------------------------------------- */

/* What an op's side output gives: dead letters of a source (docs/plan.md), late rows of others. */
static const struct schema *side_schema(struct op_links *front) {
    static const char *const names[] = {"raw", "position", "error"};
    if (front->op->desc->n_inputs > 0) return front->inputs[0];
    struct field *f = ARENA_NEW_N(&front->arena, struct field, 3);
    for (int i = 0; i < 3; i++)
        f[i] = (struct field){names[i], type_of(i ? TYPE_VARCHAR : TYPE_VARBINARY)};
    struct schema *s = ARENA_NEW(&front->arena, struct schema);
    s->n = 3;
    s->fields = f;
    return s;
}

void task_key_groups(const struct task *t, struct state_range *ret) {
    uint32_t max = (uint32_t)t->vertex->max_parallelism, n = (uint32_t)t->vertex->parallelism;
    uint32_t s = (uint32_t)t->opts.subtask;
    *ret = (struct state_range){.first = key_group_start(max, n, s),
                                .last = key_group_start(max, n, s + 1) - 1,
                                .max_parallelism = max};
}

static struct state_set *states_new(const struct task *t, const struct plan_op *p) {
    struct state_range range;
    task_key_groups(t, &range);
    return state_set_new(p->uid, &range);
}

static int op_new(struct task *t, int i, struct err *err) {
    const struct plan_op *p = &t->vertex->ops[i];
    struct op_links *l = &t->ops[i];
    const struct op_desc *desc = t->opts.find_op(p->kind);
    if (!desc)
        return err_set(err, ERR_UNSUPPORTED, "%s: this worker has no op of kind '%s'", p->name,
                       p->kind);
    arena_init(&l->arena);
    l->states = states_new(t, p);
    struct op *op = l->op = mem_zalloc(desc->ops->size_bytes);
    int n_inputs = i == 0 ? t->vertex->n_inputs : 1;
    l->inputs = mem_calloc((size_t)n_inputs + 1, sizeof(struct schema *));
    l->timer_ms = INT64_MAX;
    l->emitted_wm = WATERMARK_MIN;
    l->ports_open = n_inputs;
    l->ctx = (struct op_ctx){.plan = p,
                             .config = &t->opts.plan->config,
                             .inputs = l->inputs,
                             .output = p->output,
                             .env = t->opts.env,
                             .subtask = t->opts.subtask,
                             .begins_idle = t->opts.start == CHANNEL_IDLE,
                             .parallelism = t->vertex->parallelism,
                             .max_parallelism = t->vertex->max_parallelism,
                             .job_id = t->opts.job_id,
                             .attempt = t->opts.attempt,
                             .arena = &l->arena,
                             .states = l->states,
                             .emitted_watermark = WATERMARK_MIN,
                             .metrics = &l->metrics};
    op->desc = desc;
    op->ctx = &l->ctx;
    op->task = t;
    op->links = l;
    op->watermark = WATERMARK_MIN;
    metric_set(&l->metrics.watermark, WATERMARK_MIN);
    return 0;
}

static void add_target(struct op_links *l, int port, struct op_target tg) {
    struct op_target **targets = port ? &l->side_targets : &l->targets;
    int *n = port ? &l->n_side_targets : &l->n_targets;
    *targets = mem_reallocarray(*targets, (size_t)*n + 1, sizeof(**targets));
    (*targets)[(*n)++] = tg;
}

int ops_new(struct task *t, struct err *err) {
    const struct plan *plan = t->opts.plan;
    t->ops = mem_calloc((size_t)t->vertex->n_ops, sizeof(*t->ops));
    for (; t->n_ops < t->vertex->n_ops; t->n_ops++) {
        int rc = op_new(t, t->n_ops, err);
        if (rc) return rc;
        const struct plan_op *p = &t->vertex->ops[t->n_ops];
        struct op_links *l = &t->ops[t->n_ops];
        if (t->n_ops == 0) continue;
        if (p->input < 0 || p->input >= t->n_ops)
            return err_set(err, ERR_INVALID, "%s: input %d is not an op in front of it", p->name,
                           p->input);
        struct op_links *front = &t->ops[p->input];
        add_target(front, p->input_port, (struct op_target){.op = l});
        l->inputs[0] = p->input_port ? side_schema(front) : front->ctx.output;
    }
    for (int e = 0, o = 0; e < plan->n_edges; e++) {
        const struct plan_edge *edge = &plan->edges[e];
        if (edge->to == t->opts.vertex) t->ops[0].inputs[edge->to_port] = edge->schema;
        if (edge->from != t->opts.vertex) continue;
        add_target(&t->ops[edge->from_op], edge->from_port,
                   (struct op_target){.output = &t->outputs[o++]});
    }
    return 0;
}

int ops_open(struct task *t, struct err *err) {
    for (int i = t->n_ops - 1; i >= 0; i--) {
        struct op_links *l = &t->ops[i];
        l->open = true; /* close is called for a half-opened op too */
        int rc = l->op->desc->ops->open ? l->op->desc->ops->open(l->op, err) : 0;
        if (rc) return err_wrap(err, "open %s", l->ctx.plan->name);
    }
    return 0;
}

int ops_resume_time(struct task *t, struct err *err) {
    for (int i = 0; i < t->n_ops; i++) {
        struct op_links *l = &t->ops[i];
        for (int k = 0; k < l->n_targets + l->n_side_targets; k++) {
            struct op_target *tg =
                k < l->n_targets ? &l->targets[k] : &l->side_targets[k - l->n_targets];
            if (!tg->output || l->emitted_wm == WATERMARK_MIN) continue;
            int rc = output_watermark(tg->output, l->emitted_wm, err);
            if (rc) return rc;
        }
    }
    return 0;
}

void ops_close(struct task *t) {
    for (int i = 0; i < t->n_ops; i++) {
        struct op_links *l = &t->ops[i];
        if (l->open && l->op->desc->ops->close) l->op->desc->ops->close(l->op);
        l->open = false;
        while (l->inbox_n) {
            struct item it = inbox_pop(l);
            item_release(&it);
        }
    }
}

void ops_free(struct task *t) {
    for (int i = 0; i < t->vertex->n_ops && t->ops; i++) {
        struct op_links *l = &t->ops[i];
        free(l->op);
        state_set_free(l->states);
        free(l->inputs);
        free(l->targets);
        free(l->side_targets);
        free(l->inbox);
        arena_release(&l->arena);
    }
    free(t->ops);
    free(t->splits_ended);
}
