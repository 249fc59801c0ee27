/* op_watermark.c - event time of a table: evaluates the WATERMARK expression on each row, keeps the
 * greatest value, and puts a step behind each row that raises it by more than the watermark
 * interval, exactly where Flink's assigner emits one; smaller rises follow by processing time. Also
 * declares the source idle when nothing has come for a while.
 *
 * Where the source says which split rows are of (op_splits), each split has a greatest value of its
 * own, and the least of them counts; splits that have ended or are idle aren't waited for. */
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/state/state_set.h"
#include "worker/state/state_value.h"

#include "base/core/mem.h"

#include <stdlib.h>

enum {
    SPLITS_CHECK_MS = 50,
    LATE_MS = 1000, /* a timer later than that was held up: nothing could come meanwhile */
    RELIEF_MS = 200 /* the least time for rows to come after that */
};

struct split_time {
    int64_t current;
    int64_t last_row_ms;
    bool idle;
};

struct watermark_op {
    struct op op;
    uint32_t n_splits, cap_splits;
    struct split_time *splits;
    int time;
    struct program *program;
    int64_t interval_ms, idle_ms;
    int64_t own; /* greatest value of all rows */
    int64_t current, emitted;
    int64_t last_row_ms; /* processing time of the last batch */
    int64_t due_ms;      /* of the timer */
    bool idle;
    struct wm_step *steps;
    struct state_value value; /* current */
    int64_t restored;
};

static struct watermark_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct watermark_op, op);
}

/* ---- state: how far time has come, also where that hasn't been told yet ---- */

static void save(void *self, struct str *out) {
    struct watermark_op *w = self;
    str_add_n(out, &w->current, 8);
}

static int load(void *self, struct sv bytes, struct err *err) {
    struct watermark_op *w = self;
    if (!sv_take(&bytes, &w->restored, 8) || bytes.len)
        return err_set(err, ERR_CORRUPT, "a watermark of %zu bytes", bytes.len);
    return 0;
}

static void reset(void *self) {
    ((struct watermark_op *)self)->restored = WATERMARK_MIN;
}

static int watermark_open(struct op *op, struct err *err) {
    struct watermark_op *w = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    w->own = w->current = w->emitted = w->restored = WATERMARK_MIN;
    w->value = (struct state_value){save, load, reset, w, 0};
    state_set_add(op->ctx->states, "current", 0, &state_value_part, &w->value);
    w->interval_ms = op->ctx->config->watermark_interval_ms;
    w->idle_ms = json_opt_i64(cfg, "idleTimeout", 0);
    w->steps = mem_calloc(BATCH_ROWS_MAX + 1, sizeof *w->steps);
    const cJSON *j;
    const struct expr *e;
    int rc = json_get_int(cfg, "time", &w->time, err);
    if (!rc) rc = json_get_object(cfg, "expr", &j, err);
    if (!rc && (w->time < 0 || w->time >= op->ctx->inputs[0]->n))
        rc = err_set(err, ERR_PROTOCOL, "time column out of range");
    if (!rc) rc = expr_from_json(op->ctx->arena, j, &e, err);
    if (!rc) rc = program_new(&e, 1, op->ctx->env, &w->program, err);
    w->last_row_ms = op_now_ms(op);
    w->due_ms = INT64_MAX;
    if (!rc && w->idle_ms) op_set_timer(op, w->due_ms = w->last_row_ms + w->idle_ms);
    return rc;
}

/* Timestamps of any precision as ms, rounded down. */
static int64_t ms_at(const struct column *c, uint32_t row) {
    if (c->phys == PHYS_I64) return COL_DATA(c, int64_t)[row];
    i128 ns = COL_DATA(c, i128)[row];
    i128 ms = ns / 1000000;
    return (int64_t)(ms * 1000000 > ns ? ms - 1 : ms);
}

static int check_times(struct watermark_op *w, const struct batch *b, struct err *err) {
    const struct column *t = &b->cols[w->time];
    if (!t->valid || !col_null_count(t)) return 0;
    return err_set(
        err, ERR_RUNTIME,
        "the event time column '%s' is NULL: a row without event time has no place in the "
        "stream; filter it out in a view or give it a time with COALESCE in a computed column",
        w->op.ctx->inputs[0]->fields[w->time].name);
}

/* ---- splits ---- */

static void grow_splits(struct watermark_op *w) {
    uint32_t n = op_splits(&w->op);
    while (w->n_splits < n) {
        MEM_GROW(w->splits, w->n_splits, w->cap_splits);
        w->splits[w->n_splits++] =
            (struct split_time){.current = WATERMARK_MIN, .last_row_ms = op_now_ms(&w->op)};
    }
}

static bool is_waited_for(const struct watermark_op *w, uint32_t split) {
    return !w->splits[split].idle && !op_split_has_ended(&w->op, split);
}

/* Least of the splits that are waited for, but for one; WATERMARK_MAX if there is no other. */
static int64_t least_but(const struct watermark_op *w, uint32_t but) {
    int64_t least = WATERMARK_MAX;
    for (uint32_t i = 0; i < w->n_splits; i++)
        if (i != but && is_waited_for(w, i)) least = MIN(least, w->splits[i].current);
    return least;
}

/* Declares splits idle for which nothing has come for idle_ms. */
static void check_idle_splits(struct watermark_op *w, int64_t now_ms) {
    for (uint32_t i = 0; i < w->n_splits; i++) {
        struct split_time *s = &w->splits[i];
        if (!is_waited_for(w, i)) continue;
        s->idle = now_ms >= s->last_row_ms + w->idle_ms;
    }
}

/* Time goes on without the splits that have ended or fallen idle since. */
static void catch_up(struct watermark_op *w) {
    grow_splits(w);
    int64_t least = least_but(w, UINT32_MAX);
    if (least != WATERMARK_MAX && least > w->current) w->current = least;
}

/* ---- rows ---- */

/* Adds a step in front of row `row` if time has risen by enough. */
static uint32_t add_step(struct watermark_op *w, uint32_t row, uint32_t k) {
    if (w->emitted != WATERMARK_MIN && w->current - w->emitted <= w->interval_ms) return k;
    if (w->emitted >= w->current) return k;
    w->emitted = w->current;
    w->steps[k] = (struct wm_step){.row = row, .wm = w->current};
    return k + 1;
}

/* Steps of n rows with watermarks wm. Returns how many. own: greatest value so far of the rows'
 * split; others: least of the other splits. */
static uint32_t find_steps(struct watermark_op *w, const struct column *wm, uint32_t n,
                           int64_t *own, int64_t others) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!col_is_valid(wm, i)) continue;
        int64_t x = ms_at(wm, i);
        if (x <= *own) continue;
        *own = x;
        x = MIN(x, others);
        if (x <= w->current) continue;
        w->current = x;
        k = add_step(w, i + 1, k);
    }
    return k;
}

static uint32_t find_split_steps(struct watermark_op *w, const struct column *wm,
                                 const struct batch *b) {
    grow_splits(w);
    CHECK(b->split < w->n_splits);
    struct split_time *s = &w->splits[b->split];
    s->last_row_ms = op_now_ms(&w->op);
    s->idle = false;
    return find_steps(w, wm, b->n, &s->current, least_but(w, b->split));
}

static void set_timer(struct watermark_op *w, int64_t now_ms) {
    int64_t due = INT64_MAX;
    if (w->current > w->emitted) due = now_ms + MAX(w->interval_ms, 1);
    if (w->idle_ms && !w->idle) due = MIN(due, w->last_row_ms + w->idle_ms);
    /* Splits end and fall idle between rows. */
    if (w->n_splits > 1) due = MIN(due, now_ms + MAX(w->interval_ms, SPLITS_CHECK_MS));
    w->due_ms = due;
    op_set_timer(&w->op, due);
}

static int64_t after_delay(const struct watermark_op *w, int64_t last_row_ms, int64_t now_ms) {
    int64_t left_ms = MAX(last_row_ms + w->idle_ms - w->due_ms, MIN(w->idle_ms, RELIEF_MS));
    return MAX(last_row_ms, now_ms + left_ms - w->idle_ms);
}

/* Backpressure holds up timers as it does rows. Its time doesn't count as idle: what was left of
 * the time when the timer was due is left now. */
static bool was_held_up(struct watermark_op *w, int64_t now_ms) {
    if (now_ms - w->due_ms <= LATE_MS) return false;
    w->last_row_ms = after_delay(w, w->last_row_ms, now_ms);
    for (uint32_t i = 0; i < w->n_splits; i++)
        w->splits[i].last_row_ms = after_delay(w, w->splits[i].last_row_ms, now_ms);
    return true;
}

static int watermark_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct watermark_op *w = impl(op);
    struct column wm;
    uint32_t bad;
    int rc = check_times(w, b, err);
    if (!rc) rc = program_eval(w->program, b->cols, b->n_cols, b->n, &wm, &bad, err);
    if (rc) {
        batch_unref(b);
        return err_wrap(err, "watermark of '%s'", op->ctx->inputs[0]->fields[w->time].name);
    }
    uint32_t n_steps = op_splits(op) ? find_split_steps(w, &wm, b)
                                     : find_steps(w, &wm, b->n, &w->own, WATERMARK_MAX);
    col_release(&wm);
    w->last_row_ms = op_now_ms(op);
    if (w->idle) {
        w->idle = false;
        if ((rc = op_emit_idle(op, false, err))) {
            batch_unref(b);
            return rc;
        }
    }
    struct batch *out = batch_share(b);
    batch_unref(b);
    batch_set_steps(out, w->steps, n_steps);
    set_timer(w, w->last_row_ms);
    return op_emit(op, out, err);
}

static int watermark_watermark(struct op *op, int64_t wm, struct err *err) {
    /* What comes from in front is replaced; only the end of time passes. */
    return wm == WATERMARK_MAX ? op_emit_watermark(op, wm, err) : OP_DONE;
}

static int watermark_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct watermark_op *w = impl(op);
    int rc = 0;
    bool may_be_idle = w->idle_ms && !was_held_up(w, now_ms);
    if (op_splits(op)) {
        if (may_be_idle) check_idle_splits(w, now_ms);
        catch_up(w);
    }
    if (w->current > w->emitted) {
        w->emitted = w->current;
        rc = op_emit_watermark(op, w->current, err);
    }
    if (!rc && may_be_idle && !w->idle && now_ms >= w->last_row_ms + w->idle_ms) {
        w->idle = true;
        rc = op_emit_idle(op, true, err);
    }
    set_timer(w, now_ms);
    return rc;
}

/* Where splits have changed hands, only what everybody had been told holds for all. */
static int watermark_restored(struct op *op, struct err *err) {
    struct watermark_op *w = impl(op);
    w->current = w->emitted = op->ctx->emitted_watermark;
    if (op->ctx->same_subtask) w->current = MAX(w->current, w->restored);
    w->own = w->current;
    set_timer(w, op_now_ms(op));
    return 0;
}

static void watermark_close(struct op *op) {
    struct watermark_op *w = impl(op);
    program_free(w->program);
    free(w->splits);
    free(w->steps);
}

static const struct op_ops watermark_ops = {.size_bytes = sizeof(struct watermark_op),
                                            .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                            .open = watermark_open,
                                            .push = watermark_push,
                                            .watermark = watermark_watermark,
                                            .timer = watermark_timer,
                                            .close = watermark_close,
                                            .restored = watermark_restored};

const struct op_desc op_watermark = {.kind = "watermark",
                                     .doc = "Event time and watermarks of a table.",
                                     .n_inputs = 1,
                                     .ops = &watermark_ops};
