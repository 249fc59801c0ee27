/* rig_ops.h - the test ops of rig.h. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_RIG_OPS_H
#define PENSTOCK_TESTS_UNIT_WORKER_RIG_OPS_H

#include "tests/unit/worker/rig_log.h"

/* Row i of subtask s of p has v = i * p + s; before row i (every stepEvery-th) stands watermark
 * i * p - 1. */
struct t_source_op {
    struct op base;
    int64_t rows, next, batch, step_every, keys, idle_at;
    bool repeat, splits, no_more;
    struct batch *b; /* repeat: the same batch again and again */
};

static int ts_open(struct op *op, struct err *err) {
    struct t_source_op *s = (struct t_source_op *)op;
    const cJSON *c = op->ctx->plan->config;
    s->rows = json_opt_i64(c, "rows", 0);
    s->batch = json_opt_i64(c, "batch", 100);
    s->step_every = json_opt_i64(c, "stepEvery", 0);
    s->keys = json_opt_i64(c, "keys", 10);
    s->idle_at = json_opt_i64(c, "idleAt", -1);
    s->repeat = json_opt_bool(c, "repeat", false);
    s->splits = json_opt_bool(c, "splits", false);
    if (s->repeat)
        s->b = rig_batch(op->ctx->subtask, op->ctx->parallelism, (uint32_t)s->batch, s->keys);
    return 0;
}

static struct batch *ts_make(struct t_source_op *s, int64_t n) {
    int64_t p = s->base.ctx->parallelism;
    struct batch *b = rig_batch(s->next * p + s->base.ctx->subtask, p, (uint32_t)n, s->keys);
    struct wm_step steps[BATCH_ROWS_MAX];
    uint32_t n_steps = 0;
    for (int64_t i = 0; s->step_every && i < n; i++)
        if (s->next + i > 0 && (s->next + i) % s->step_every == 0)
            steps[n_steps++] = (struct wm_step){(uint32_t)i, (s->next + i) * p - 1};
    if (n_steps) batch_set_steps(b, steps, n_steps);
    return b;
}

static int ts_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    struct t_source_op *s = (struct t_source_op *)op;
    if (s->next == s->idle_at) {
        s->idle_at = -1;
        int rc = op_emit_idle(op, true, err);
        return rc ? rc : SOURCE_MORE;
    }
    if (s->next == s->rows) return s->splits && !s->no_more ? SOURCE_WAIT : SOURCE_END;
    int64_t n = MIN(s->batch, s->rows - s->next);
    if (s->idle_at > s->next) n = MIN(n, s->idle_at - s->next);
    struct batch *b = s->repeat ? batch_ref(s->b) : ts_make(s, n);
    s->next += n;
    int rc = op_emit(op, b, err);
    return rc ? rc : SOURCE_DATA;
}

static int ts_add_split(struct op *op, const cJSON *split, struct err *err) {
    ((struct t_source_op *)op)->rows += json_opt_i64(split, "rows", 0);
    return 0;
}

static void ts_no_more_splits(struct op *op) {
    ((struct t_source_op *)op)->no_more = true;
}

static void ts_close(struct op *op) {
    batch_unref(((struct t_source_op *)op)->b);
    ((struct t_source_op *)op)->b = NULL;
}

static const struct source_op_ops ts_ops = {
    .base = {.size_bytes = sizeof(struct t_source_op), .open = ts_open, .close = ts_close},
    .poll = ts_poll,
    .add_split = ts_add_split,
    .no_more_splits = ts_no_more_splits};

/* ---- sinks ---------------------------------------------------------------------------------- */

struct t_sink_op {
    struct op base;
    struct batch *kept;
    int kept_port;
};

static void sink_log(struct op *op, int port, struct batch *b) {
    bool late = op->desc->ops->flags & OP_STEPS_LATE;
    if (!late) CHECK(b->n_steps == 0); /* the task cuts */
    rig_log.n_batches++;
    rig_log.max_batch_rows = MAX(rig_log.max_batch_rows, b->n);
    struct wm_cursor c = wm_cursor_of(op->watermark, b);
    for (uint32_t i = 0; i < b->n; i++) {
        rig_check_row(b, i);
        int64_t v = COL_DATA(&b->cols[1], int64_t)[i];
        struct entry e = {ENTRY_ROW,
                          port,
                          COL_DATA(&b->cols[0], int64_t)[i],
                          v,
                          b->kinds ? b->kinds[i] : 0,
                          wm_cursor_at(&c, i) >= v};
        rig_note(op->ctx->subtask, e);
    }
}

static int tk_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct t_sink_op *s = (struct t_sink_op *)op;
    pthread_mutex_lock(&rig_log.lock);
    rig_log.sinks[op->ctx->subtask] = op;
    bool hold = rig_log.hold;
    if (!hold) sink_log(op, port, b);
    pthread_mutex_unlock(&rig_log.lock);
    if (hold) {
        s->kept = b;
        s->kept_port = port;
        return OP_WAIT;
    }
    batch_unref(b);
    return OP_DONE;
}

static int tk_resume(struct op *op, struct err *err) {
    struct t_sink_op *s = (struct t_sink_op *)op;
    struct batch *b = s->kept;
    s->kept = NULL;
    return b ? tk_push(op, s->kept_port, b, err) : OP_DONE;
}

static void tk_note(struct op *op, enum entry_kind kind, int port, int64_t v) {
    pthread_mutex_lock(&rig_log.lock);
    rig_note(op->ctx->subtask, (struct entry){kind, port, 0, v, 0, false});
    pthread_mutex_unlock(&rig_log.lock);
}

static int tk_watermark(struct op *op, int64_t wm, struct err *err) {
    tk_note(op, ENTRY_WM, 0, wm);
    return op_emit_watermark(op, wm, err);
}

static int tk_barrier(struct op *op, const struct barrier *b, struct err *err) {
    tk_note(op, ENTRY_BARRIER, 0, (int64_t)b->id);
    return OP_DONE;
}

static int tk_end(struct op *op, int port, struct err *err) {
    tk_note(op, ENTRY_END, port, 0);
    return OP_DONE;
}

static void tk_close(struct op *op) {
    pthread_mutex_lock(&rig_log.lock);
    rig_log.sinks[op->ctx->subtask] = NULL;
    pthread_mutex_unlock(&rig_log.lock);
    batch_unref(((struct t_sink_op *)op)->kept);
}

#define T_SINK_OPS(flags_)                                                                         \
    {                                                                                              \
        .size_bytes = sizeof(struct t_sink_op), .flags = (flags_), .push = tk_push,                \
        .resume = tk_resume, .watermark = tk_watermark, .barrier = tk_barrier,                     \
        .end_input = tk_end, .close = tk_close                                                     \
    }
static const struct op_ops t_sink_ops = T_SINK_OPS(0), t_late_ops = T_SINK_OPS(OP_STEPS_LATE);

static _Atomic uint64_t rig_rows_seen;
static int tc_push(struct op *op, int port, struct batch *b, struct err *err) {
    atomic_fetch_add_explicit(&rig_rows_seen, b->n, memory_order_relaxed);
    batch_unref(b);
    return OP_DONE;
}
static const struct op_ops t_count_ops = {
    .size_bytes = sizeof(struct op), .flags = OP_STEPS_LATE, .push = tc_push};

/* ---- in between ----------------------------------------------------------------------------- */

/* Gives each batch in pieces of config.piece rows, one per call. */
struct t_pieces_op {
    struct op base;
    struct batch *b;
    uint32_t at;
};

static int tp_resume(struct op *op, struct err *err) {
    struct t_pieces_op *s = (struct t_pieces_op *)op;
    uint32_t n = (uint32_t)json_opt_i64(op->ctx->plan->config, "piece", 1);
    n = MIN(n, s->b->n - s->at);
    struct batch *part = batch_slice(s->b, s->at, n);
    s->at += n;
    bool more = s->at < s->b->n;
    if (!more) {
        batch_unref(s->b);
        s->b = NULL;
    }
    int rc = op_emit(op, part, err);
    return rc ? rc : more ? OP_MORE : OP_DONE;
}

static int tp_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct t_pieces_op *s = (struct t_pieces_op *)op;
    CHECK(!s->b); /* nothing is pushed before the last resume */
    CHECK(b->n_steps == 0);
    s->b = b;
    s->at = 0;
    return tp_resume(op, err);
}

static void tp_close(struct op *op) {
    batch_unref(((struct t_pieces_op *)op)->b);
}

static const struct op_ops t_pieces_ops = {.size_bytes = sizeof(struct t_pieces_op),
                                           .push = tp_push,
                                           .resume = tp_resume,
                                           .close = tp_close};

static int tpass_push(struct op *op, int port, struct batch *b, struct err *err) {
    return op_emit(op, b, err);
}
static const struct op_ops t_pass_ops = {
    .size_bytes = sizeof(struct op), .flags = OP_STEPS_PASS, .push = tpass_push};

static int tfail_push(struct op *op, int port, struct batch *b, struct err *err) {
    batch_unref(b);
    return err_set(err, ERR_RUNTIME, "division by zero");
}
static const struct op_ops t_fail_ops = {.size_bytes = sizeof(struct op), .push = tfail_push};

#endif
