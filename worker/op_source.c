/* op_source.c - reads a table through its connector. Drops columns for connectors that can't, and
 * turns records that the table's options let it skip into dead letters on the side output. */
#define LOG_MODULE "source"
#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "connector/connector.h"
#include "vector/func/func.h"
#include "worker/metrics.h"
#include "worker/op.h"

#include <stdlib.h>

extern const struct op_desc op_source;

enum { LETTER_COLS = 3 };

struct source_op {
    struct op base;
    struct connector_table table;
    struct source *source;
    const int *keep; /* columns to keep of what the connector gives; NULL = all */
    bool idle;       /* no split to read: begins_idle, SOURCE_IDLE */
    uint64_t n_skipped;
    /* Dead letters of this turn: raw, position, error. */
    struct col_builder letters[LETTER_COLS];
    uint32_t n_letters;
};

static void wake(void *self) {
    op_wake(self);
}

static void letters_init(struct source_op *s) {
    for (int i = 0; i < LETTER_COLS; i++)
        col_builder_init(&s->letters[i], type_of(i ? TYPE_VARCHAR : TYPE_VARBINARY), 16);
    s->n_letters = 0;
}

static void skipped(void *self, struct sv raw, const char *place, const struct err *why) {
    struct source_op *s = self;
    metric_add(&s->base.ctx->metrics->errors, 1);
    s->n_skipped++;
    /* The first ones, then fewer and fewer. */
    if ((s->n_skipped & (s->n_skipped - 1)) == 0)
        log_warn(op_side_connected(&s->base) ? "record sent to the dead letters" : "record skipped",
                 KV_STR("table", s->table.name), KV_STR("place", place), KV_STR("error", why->msg),
                 KV_U64("skipped", s->n_skipped));
    if (!op_side_connected(&s->base)) return;
    col_add_str(&s->letters[0], raw.ptr, raw.len);
    col_add_str(&s->letters[1], place, strlen(place));
    col_add_str(&s->letters[2], why->msg, strlen(why->msg));
    s->n_letters++;
}

static void split_added(void *self, uint32_t split) {
    struct source_op *s = self;
    op_split_added(&s->base, split);
}

static void split_ended(void *self, uint32_t split) {
    struct source_op *s = self;
    op_split_ended(&s->base, split);
}

static int source_open(struct op *op, struct err *err) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    struct op_ctx *ctx = op->ctx;
    const cJSON *table;
    s->idle = ctx->begins_idle;
    int rc = json_get_object(ctx->plan->config, "table", &table, err);
    if (!rc) rc = connector_table_from_json(ctx->arena, table, &s->table, err);
    if (rc) return rc;
    const char *name = connector_table_option(&s->table, "connector");
    const struct connector_desc *desc = name ? connector_find(name) : NULL;
    if (!desc || !desc->source_new)
        return err_set(err, ERR_UNSUPPORTED, "table '%s': no source connector '%s'", s->table.name,
                       name ? name : "");
    if (!(desc->caps & CONNECTOR_PROJECTION) && s->table.n_projection >= 0) {
        s->keep = s->table.projection;
        s->table.n_projection = -1;
    }
    letters_init(s);
    struct source_ctx sc = {.subtask = ctx->subtask,
                            .parallelism = ctx->parallelism,
                            .env = ctx->env,
                            .produced = connector_produced(ctx->arena, &s->table),
                            .batch_rows = ctx->config->batch_rows,
                            .emit_partial = !ctx->config->batch_mode,
                            .wake_self = op,
                            .wake = wake,
                            .report_self = s,
                            .skipped = skipped,
                            .split_added = split_added,
                            .split_ended = split_ended};
    rc = desc->source_new(&s->table, &sc, &s->source, err);
    return rc ? connector_err_wrap(err, s->table.name) : 0;
}

static int emit_letters(struct source_op *s, struct err *err) {
    if (!s->n_letters) return 0;
    struct batch *b = batch_new(LETTER_COLS);
    b->n = s->n_letters;
    for (int i = 0; i < LETTER_COLS; i++) {
        col_builder_finish(&s->letters[i], &b->cols[i]);
        col_builder_release(&s->letters[i]);
    }
    letters_init(s);
    return op_emit_side(&s->base, b, err);
}

/* Takes b; the batch with the wanted columns only. */
static struct batch *keep_columns(const struct source_op *s, struct batch *b) {
    int n = s->base.ctx->output->n;
    struct batch *out = batch_new(n);
    out->n = b->n;
    out->split = b->split;
    out->source_ns = b->source_ns;
    for (int i = 0; i < n; i++)
        col_ref(&out->cols[i], &b->cols[s->keep[i]]);
    out->kinds = b->kinds;
    out->kinds_buf = buffer_ref(b->kinds_buf);
    if (b->n_steps) batch_set_steps(out, b->steps, b->n_steps);
    batch_unref(b);
    return out;
}

static int source_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    struct batch *b = NULL;
    int status = s->source->ops->poll(s->source, &b, ret_wake_ns, err);
    metric_store(&op->ctx->metrics->bytes,
                 __atomic_load_n(&s->source->stats.bytes, __ATOMIC_RELAXED));
    if (status < 0) return connector_err_wrap(err, s->table.name);
    int rc = emit_letters(s, err);
    if (b) {
        if (s->keep) b = keep_columns(s, b);
        if (!b->source_ns) b->source_ns = clock_mono_ns();
        if (!rc && s->idle) {
            s->idle = false;
            rc = op_emit_idle(op, false, err);
        }
        if (rc)
            batch_unref(b);
        else
            rc = op_emit(op, b, err);
    }
    if (!rc && status == SOURCE_IDLE && !s->idle) {
        s->idle = true;
        rc = op_emit_idle(op, true, err);
    }
    return rc ? rc : status == SOURCE_IDLE ? SOURCE_WAIT : status;
}

static int source_add_split(struct op *op, const cJSON *split, struct err *err) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    int rc = s->source->ops->add_split(s->source, split, err);
    return rc ? err_wrap(err, "table '%s': split '%s'", s->table.name,
                         json_opt_str(split, "id", ""))
              : 0;
}

static void source_no_more_splits(struct op *op) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    s->source->ops->no_more_splits(s->source);
}

static int source_snapshot(struct op *op, cJSON **ret_splits, struct err *err) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    int rc = s->source->ops->snapshot(s->source, ret_splits, err);
    return rc ? connector_err_wrap(err, s->table.name) : 0;
}

static int source_barrier(struct op *op, const struct barrier *b, struct err *err) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    s->source->checkpoint = b->id;
    return OP_DONE;
}

static void source_committed(struct op *op, uint64_t checkpoint) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    if (s->source && s->source->ops->committed) s->source->ops->committed(s->source, checkpoint);
}

static void source_close(struct op *op) {
    struct source_op *s = CONTAINER_OF(op, struct source_op, base);
    if (s->source) s->source->ops->free(s->source);
    s->source = NULL;
    for (int i = 0; i < LETTER_COLS; i++)
        col_builder_release(&s->letters[i]);
}

static const struct source_op_ops source_ops = {
    .base = {.size_bytes = sizeof(struct source_op),
             .flags = OP_CHECKPOINTED, /* its state are the splits */
             .open = source_open,
             .barrier = source_barrier,
             .committed = source_committed,
             .close = source_close},
    .poll = source_poll,
    .add_split = source_add_split,
    .no_more_splits = source_no_more_splits,
    .snapshot = source_snapshot,
};

const struct op_desc op_source = {"source", "reads a table", 0, &source_ops.base};
