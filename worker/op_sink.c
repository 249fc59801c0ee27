/* op_sink.c - writes a table through its connector. What the sink can't take yet (SINK_BUSY) is
 * kept and given again when it wakes the op. Rows it buffers are flushed after the buffer timeout;
 * barriers and the end of input make it prepare what it has, for the job to commit. */
#include "base/core/mem.h"
#include "connector/connector.h"
#include "vector/func/func.h"
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/sink_rules.h"

#include <stdlib.h>

extern const struct op_desc op_sink;

enum { FLUSH_DEFAULT_MS = 100 };

enum stage { STAGE_NONE, STAGE_WRITE, STAGE_FLUSH, STAGE_PREPARE };

struct sink_op {
    struct op base;
    struct connector_table table;
    struct sink *sink;
    struct sink_rules *rules;
    enum stage stage;    /* what resume goes on with */
    struct batch *waits; /* STAGE_WRITE */
    uint64_t checkpoint; /* last one begun */
    bool end, flush_due; /* of STAGE_PREPARE; a flush timer is set */
};

static void wake(void *self) {
    op_wake(self);
}

static void print_line(void *self, struct sv line, bool to_stderr) {
    op_print_line(self, line, to_stderr);
}

static void collect(void *self, struct batch *b) {
    op_collect(self, b);
}

static bool output_is_full(void *self) {
    return op_reader_full(self);
}

static int sink_open(struct op *op, struct err *err) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    struct op_ctx *ctx = op->ctx;
    const cJSON *table;
    int rc = json_get_object(ctx->plan->config, "table", &table, err);
    if (!rc) rc = connector_table_from_json(ctx->arena, table, &s->table, err);
    if (rc) return rc;
    const char *name = connector_table_option(&s->table, "connector");
    const struct connector_desc *desc = name ? connector_find(name) : NULL;
    if (!desc || !desc->sink_new)
        return err_set(err, ERR_UNSUPPORTED, "table '%s': no sink connector '%s'", s->table.name,
                       name ? name : "");
    struct sink_ctx sc = {.subtask = ctx->subtask,
                          .parallelism = ctx->parallelism,
                          .env = ctx->env,
                          .job_id = ctx->job_id,
                          .op_uid = ctx->plan->uid,
                          .attempt = ctx->attempt,
                          .wake_self = op,
                          .wake = wake,
                          .output_self = op,
                          .print_line = print_line,
                          .collect = collect,
                          .output_full = output_is_full};
    rc = sink_rules_new(ctx->plan->config, s->table.schema, s->table.name, &s->rules, err);
    if (!rc) rc = desc->sink_new(&s->table, &sc, &s->sink, err);
    return rc ? connector_err_wrap(err, s->table.name) : 0;
}

/* Does what the stage says; SINK_BUSY leaves it for resume. */
static int go_on(struct sink_op *s, struct err *err) {
    const struct sink_ops *ops = s->sink->ops;
    cJSON *committable = NULL;
    int rc = SINK_OK;
    if (s->stage == STAGE_WRITE)
        rc = ops->write(s->sink, s->waits, err);
    else if (s->stage == STAGE_FLUSH)
        rc = ops->flush(s->sink, err);
    else if (s->stage == STAGE_PREPARE && ops->prepare)
        rc = ops->prepare(s->sink, s->checkpoint, s->end, &committable, err);
    if (rc < 0) return connector_err_wrap(err, s->table.name);
    if (rc == SINK_BUSY) return OP_WAIT;
    if (s->stage == STAGE_WRITE) {
        batch_unref(s->waits);
        s->waits = NULL;
        metric_store(&s->base.ctx->metrics->bytes,
                     __atomic_load_n(&s->sink->bytes, __ATOMIC_RELAXED));
    } else if (s->stage == STAGE_PREPARE) {
        op_committable(&s->base, s->checkpoint, s->end, committable);
    }
    s->stage = STAGE_NONE;
    return OP_DONE;
}

static void set_flush_timer(struct op *op) {
    int64_t ms = op->ctx->config->buffer_timeout_ms;
    op_set_timer(op, op_now_ms(op) + (ms > 0 ? ms : FLUSH_DEFAULT_MS));
}

static int sink_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    uint32_t dropped;
    int rc = sink_rules_apply(s->rules, b, &b, &dropped, err);
    if (rc) return rc;
    if (dropped) metric_add(&op->ctx->metrics->errors, dropped);
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    if (s->sink->ops->flush && !s->flush_due) {
        s->flush_due = true;
        set_flush_timer(op);
    }
    s->waits = b;
    s->stage = STAGE_WRITE;
    return go_on(s, err);
}

static int sink_resume(struct op *op, struct err *err) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    if (s->flush_due) set_flush_timer(op); /* it may be what ended the wait */
    return go_on(s, err);
}

static int sink_watermark(struct op *op, int64_t wm, struct err *err) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    if (s->sink->ops->watermark) s->sink->ops->watermark(s->sink, wm);
    return op_emit_watermark(op, wm, err);
}

static int sink_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    s->flush_due = false;
    s->stage = STAGE_FLUSH;
    int rc = go_on(s, err);
    if (rc == OP_DONE && s->sink->keeps_back) {
        s->flush_due = true;
        set_flush_timer(op);
    }
    return rc;
}

static int sink_prepare(struct sink_op *s, uint64_t checkpoint, bool end, struct err *err) {
    s->checkpoint = checkpoint;
    s->end = end;
    s->stage = s->sink->ops->prepare ? STAGE_PREPARE
               : s->sink->ops->flush ? STAGE_FLUSH
                                     : STAGE_NONE;
    return go_on(s, err);
}

static int sink_barrier(struct op *op, const struct barrier *b, struct err *err) {
    return sink_prepare(CONTAINER_OF(op, struct sink_op, base), b->id, false, err);
}

static int sink_end_input(struct op *op, int port, struct err *err) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    return sink_prepare(s, s->checkpoint + 1, true, err);
}

static void sink_committed(struct op *op, uint64_t checkpoint) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    if (s->sink && s->sink->ops->committed) s->sink->ops->committed(s->sink, checkpoint);
}

static void sink_close(struct op *op) {
    struct sink_op *s = CONTAINER_OF(op, struct sink_op, base);
    if (s->sink) s->sink->ops->free(s->sink);
    s->sink = NULL;
    batch_unref(s->waits);
    s->waits = NULL;
    sink_rules_free(s->rules);
    s->rules = NULL;
}

static const struct op_ops sink_ops = {
    .size_bytes = sizeof(struct sink_op),
    /* The watermark comes behind the batch: rows are never late here. Behind a barrier everything
     * is prepared: what it remembers are committables. */
    .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
    .open = sink_open,
    .push = sink_push,
    .resume = sink_resume,
    .watermark = sink_watermark,
    .timer = sink_timer,
    .barrier = sink_barrier,
    .end_input = sink_end_input,
    .committed = sink_committed,
    .close = sink_close,
};

const struct op_desc op_sink = {"sink", "writes a table", 1, &sink_ops};
