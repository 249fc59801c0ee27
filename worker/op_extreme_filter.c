/* op_extreme_filter.c - drops rows that can't have their window's MAX (or MIN): a row that the
 * window certainly counts is better. Rows which may be late for the window pass, and say nothing of
 * it. What is known of a window is worth nothing but speed: it is forgotten when there are many,
 * and no state. */
#include "worker/metrics.h"
#include "worker/window.h"

#include <string.h>

enum { WINDOWS_MAX = 64 };

struct best {
    int64_t start, value;
};

struct extreme_filter {
    struct op op;
    struct window window;
    int col;
    bool max;
    bool off; /* time went on without us: which rows the windows count isn't known here any more */
    uint32_t n;
    struct best bests[WINDOWS_MAX]; /* the last made or asked for come first */
    int64_t *values;                /* of the batch, larger ones better */
    uint32_t *rows;
};

static struct extreme_filter *impl(struct op *op) {
    return CONTAINER_OF(op, struct extreme_filter, op);
}

static int extreme_filter_open(struct op *op, struct err *err) {
    struct extreme_filter *x = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    const struct schema *in = op->ctx->inputs[0];
    int rc = window_read(json_opt(cfg, "window"), op->ctx, &x->window, err);
    if (!rc) rc = json_get_int(cfg, "col", &x->col, err);
    if (!rc) rc = json_get_bool(cfg, "max", &x->max, err);
    if (rc) return rc;
    if (x->col < 0 || x->col >= in->n || x->window.kind != SLICE_TUMBLE || x->window.proctime)
        return err_set(err, ERR_PROTOCOL,
                       "extreme_filter: a column and a tumbling window are expected");
    enum phys ph = type_phys(in->fields[x->col].type);
    if (ph < PHYS_I8 || ph > PHYS_I64)
        return err_set(err, ERR_PROTOCOL, "extreme_filter: column %d is no integer", x->col);
    x->off = op->ctx->begins_idle;
    x->values = ARENA_NEW_N(op->ctx->arena, int64_t, BATCH_ROWS_MAX);
    x->rows = ARENA_NEW_N(op->ctx->arena, uint32_t, BATCH_ROWS_MAX);
    return 0;
}

/* ---- windows ---- */

static struct best *find(struct extreme_filter *x, int64_t start) {
    for (uint32_t i = 0; i < x->n; i++)
        if (x->bests[i].start == start) return &x->bests[i];
    return NULL;
}

/* A row of the window that it counts. */
static void note(struct extreme_filter *x, int64_t start, int64_t value) {
    struct best *b = find(x, start);
    if (b) {
        b->value = MAX(b->value, value);
        return;
    }
    x->n = MIN(x->n + 1, (uint32_t)WINDOWS_MAX);
    memmove(x->bests + 1, x->bests, sizeof *x->bests * (x->n - 1));
    x->bests[0] = (struct best){start, value};
}

static bool beaten(struct extreme_filter *x, int64_t start, int64_t value) {
    const struct best *b = find(x, start);
    return b && value < b->value;
}

/* A window's end is the next one's start: a row there may meet the results of both. */
static bool hopeless(struct extreme_filter *x, int64_t time, int64_t start, int64_t value) {
    return beaten(x, start, value) && (time != start || beaten(x, start - x->window.size, value));
}

/* ---- batches ---- */

#define DEF_VALUES(name, ctype)                                                                    \
    ATTR_KERNEL static void values_##name(const ctype *in, uint32_t n, int64_t flip,               \
                                          int64_t *out) {                                          \
        for (uint32_t i = 0; i < n; i++)                                                           \
            out[i] = (int64_t)in[i] ^ flip;                                                        \
    }
DEF_VALUES(i8, int8_t)
DEF_VALUES(i16, int16_t)
DEF_VALUES(i32, int32_t)
DEF_VALUES(i64, int64_t)

/* x -> ~x turns the order round, without overflow. */
static void read_values(struct extreme_filter *x, const struct column *c, uint32_t n) {
    int64_t flip = x->max ? 0 : -1;
    switch (c->phys) {
    case PHYS_I8:
        values_i8(c->data, n, flip, x->values);
        break;
    case PHYS_I16:
        values_i16(c->data, n, flip, x->values);
        break;
    case PHYS_I32:
        values_i32(c->data, n, flip, x->values);
        break;
    default:
        values_i64(c->data, n, flip, x->values);
    }
}

ATTR_KERNEL static void range_of(const int64_t *v, uint32_t n, int64_t *ret_min, int64_t *ret_max) {
    int64_t min = v[0], max = v[0];
    for (uint32_t i = 1; i < n; i++) {
        min = MIN(min, v[i]);
        max = MAX(max, v[i]);
    }
    *ret_min = min;
    *ret_max = max;
}

ATTR_KERNEL static uint32_t count_from(const int64_t *v, uint32_t n, int64_t least) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++)
        k += v[i] >= least;
    return k;
}

/* All rows in one window, behind its start, and in time for it. */
static uint32_t select_in_one(struct extreme_filter *x, uint32_t n, int64_t start) {
    int64_t worst, best;
    range_of(x->values, n, &worst, &best);
    note(x, start, best);
    best = find(x, start)->value;
    uint32_t left = count_from(x->values, n, best), k = 0;
    for (uint32_t i = 0; k < left; i++)
        if (x->values[i] >= best) x->rows[k++] = i;
    return k;
}

static uint32_t select_each(struct extreme_filter *x, const struct batch *b) {
    const struct column *time = &b->cols[x->window.time], *value = &b->cols[x->col];
    const int64_t *t = time->data;
    struct wm_cursor c = wm_cursor_of(x->op.watermark, b);
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t wm = wm_cursor_at(&c, i);
        bool known = col_is_valid(time, i) && col_is_valid(value, i);
        int64_t start = known ? floor_to(t[i], x->window.offset, x->window.size) : 0;
        if (known && wm < window_fire_time(&x->window, start + x->window.size)) {
            if (hopeless(x, t[i], start, x->values[i])) continue;
            note(x, start, x->values[i]);
        }
        x->rows[k++] = i;
    }
    return k;
}

static uint32_t select_rows(struct extreme_filter *x, const struct batch *b) {
    const struct column *time = &b->cols[x->window.time], *value = &b->cols[x->col];
    read_values(x, value, b->n);
    if (time->valid || value->valid) return select_each(x, b);
    int64_t min, max,
        wm = b->n_steps ? MAX(x->op.watermark, b->steps[b->n_steps - 1].wm) : x->op.watermark;
    range_of(time->data, b->n, &min, &max);
    int64_t start = floor_to(min, x->window.offset, x->window.size), end = start + x->window.size;
    bool one = min > start && max < end && wm < window_fire_time(&x->window, end);
    return one ? select_in_one(x, b->n, start) : select_each(x, b);
}

static int extreme_filter_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct extreme_filter *x = impl(op);
    uint32_t k = b->n && !x->off ? select_rows(x, b) : b->n;
    if (k == b->n) return op_emit(op, b, err);
    struct batch *out = batch_gather(b, x->rows, k, true);
    batch_unref(b);
    return op_emit(op, out, err);
}

/* Behind us windows may fire for which rows come here later and in time. */
static int extreme_filter_idle(struct op *op, struct err *err) {
    impl(op)->off = true;
    return OP_DONE;
}

static const struct op_ops extreme_filter_ops = {.size_bytes = sizeof(struct extreme_filter),
                                                 .flags = OP_STEPS_PASS,
                                                 .open = extreme_filter_open,
                                                 .push = extreme_filter_push,
                                                 .idle = extreme_filter_idle};

const struct op_desc op_extreme_filter = {
    .kind = "extreme_filter",
    .doc = "Drops rows that can't have their window's MAX or MIN.",
    .n_inputs = 1,
    .ops = &extreme_filter_ops};
