/* op_sort.c - ORDER BY with OFFSET and LIMIT. Bounded: holds its input (folding the changes of an
 * updating one) and gives it in order at the end. `time`: streaming, by a leading rowtime column:
 * rows come out in order when the watermark passes them, late ones are dropped as in Flink. */
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/order.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct held_row {
    uint32_t batch, row;
};

struct sort_op {
    struct op op;
    struct order order;
    int64_t offset, limit; /* limit -1: all */
    bool by_time;
    struct batch **batches;
    uint32_t n_batches, cap_batches;
    struct held_row *rows; /* sorted when given out */
    size_t n_rows, cap_rows;
    size_t next, end; /* rows that are being given out */
    int64_t target;   /* watermark to hand on behind them; WATERMARK_MIN = none */
    bool giving;
};

static struct sort_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct sort_op, op);
}

static int sort_open(struct op *op, struct err *err) {
    struct sort_op *s = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    s->offset = json_opt_i64(cfg, "offset", 0);
    s->limit = json_opt_i64(cfg, "limit", -1);
    s->by_time = json_opt_bool(cfg, "time", false);
    s->target = WATERMARK_MIN;
    return order_read(op->ctx->arena, json_opt(cfg, "order"), op->ctx->inputs[0], &s->order, err);
}

static const struct column *cols_of(const struct sort_op *s, const struct held_row *r) {
    return s->batches[r->batch]->cols;
}

static _Thread_local const struct sort_op *sorting; /* qsort has no argument for it */

static int cmp_held(const void *pa, const void *pb) {
    const struct held_row *a = pa, *b = pb;
    int c = order_cmp(&sorting->order, cols_of(sorting, a), a->row, cols_of(sorting, b), b->row);
    if (c) return c;
    if (a->batch != b->batch) return a->batch < b->batch ? -1 : 1; /* stable */
    return a->row < b->row ? -1 : 1;
}

static bool same_row(const struct sort_op *s, const struct held_row *r, const struct batch *b,
                     uint32_t row) {
    const struct column *cols = cols_of(s, r);
    for (int i = 0; i < b->n_cols; i++)
        if (!col_eq(&cols[i], r->row, &b->cols[i], row)) return false;
    return true;
}

/* A row taken back: the last one equal to it goes. */
static void take_back(struct sort_op *s, const struct batch *b, uint32_t row) {
    for (size_t i = s->n_rows; i-- > 0;) {
        if (!same_row(s, &s->rows[i], b, row)) continue;
        memmove(&s->rows[i], &s->rows[i + 1], sizeof *s->rows * (s->n_rows - i - 1));
        s->n_rows--;
        return;
    }
}

static int sort_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct sort_op *s = impl(op);
    MEM_GROW(s->batches, s->n_batches, s->cap_batches);
    s->batches[s->n_batches++] = b;
    struct wm_cursor c = wm_cursor_of(op->watermark, b);
    uint64_t late = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t wm = s->by_time ? wm_cursor_at(&c, i) : WATERMARK_MIN;
        if (b->kinds && !row_kind_adds(b->kinds[i])) {
            take_back(s, b, i);
            continue;
        }
        if (s->by_time) {
            const struct column *t = &b->cols[s->order.keys[0].column];
            if (wm != WATERMARK_MIN && col_is_valid(t, i) && COL_DATA(t, int64_t)[i] <= wm) {
                late++;
                continue;
            }
        }
        MEM_GROW(s->rows, s->n_rows, s->cap_rows);
        s->rows[s->n_rows++] = (struct held_row){s->n_batches - 1, i};
    }
    if (late) metric_add(&op->ctx->metrics->late_records, late);
    return OP_DONE;
}

/* Rows [from, from + n) of the sorted list as one batch. */
static struct batch *gather(struct sort_op *s, size_t from, uint32_t n) {
    struct batch *out = batch_new(s->op.ctx->output->n);
    out->n = n;
    AUTO_FREE uint32_t *number = mem_alloc(sizeof *number * s->n_batches);
    memset(number, 0xFF, sizeof *number * s->n_batches);
    AUTO_FREE uint32_t *used = mem_alloc(sizeof *used * (n + 1));
    AUTO_FREE uint32_t *idx = mem_alloc(sizeof *idx * (n + 1));
    AUTO_FREE uint32_t *base = mem_alloc(sizeof *base * (n + 1));
    uint32_t n_used = 0, total = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct held_row *r = &s->rows[from + i];
        if (number[r->batch] == UINT32_MAX) {
            number[r->batch] = n_used;
            used[n_used] = r->batch;
            base[n_used++] = total;
            total += s->batches[r->batch]->n;
        }
        idx[i] = base[number[r->batch]] + r->row;
    }
    AUTO_FREE const struct column **parts = mem_alloc(sizeof *parts * (n_used + 1));
    for (int c = 0; c < out->n_cols; c++) {
        for (uint32_t u = 0; u < n_used; u++)
            parts[u] = &s->batches[used[u]]->cols[c];
        struct column joined;
        col_concat(&joined, parts, n_used);
        col_gather(&out->cols[c], &joined, idx, n);
        out->cols[c].type = s->op.ctx->output->fields[c].type;
        col_release(&joined);
    }
    return out;
}

/* Forgets the rows that were given out, and batches that no row refers to. */
static void forget(struct sort_op *s) {
    s->n_rows -= s->end;
    memmove(s->rows, s->rows + s->end, sizeof *s->rows * s->n_rows);
    s->next = s->end = 0;
    AUTO_FREE uint32_t *number = mem_calloc((size_t)s->n_batches + 1, sizeof *number);
    for (size_t i = 0; i < s->n_rows; i++)
        number[s->rows[i].batch] = 1;
    uint32_t k = 0;
    for (uint32_t b = 0; b < s->n_batches; b++) {
        bool live = number[b];
        number[b] = k;
        if (live)
            s->batches[k++] = s->batches[b];
        else
            batch_unref(s->batches[b]);
    }
    s->n_batches = k;
    for (size_t i = 0; i < s->n_rows; i++)
        s->rows[i].batch = number[s->rows[i].batch];
}

static int give(struct sort_op *s, struct err *err) {
    uint32_t max = s->op.ctx->config->batch_rows;
    while (s->next < s->end) {
        if (op_output_full(&s->op)) return OP_MORE;
        uint32_t n = (uint32_t)MIN((size_t)max, s->end - s->next);
        struct batch *b = gather(s, s->next, n);
        s->next += n;
        int rc = op_emit(&s->op, b, err);
        if (rc) return rc;
    }
    forget(s);
    s->giving = false;
    int64_t wm = s->target;
    s->target = WATERMARK_MIN;
    if (wm == WATERMARK_MIN) return OP_DONE;
    int rc = op_emit_watermark(&s->op, wm, err);
    return rc ? rc : OP_DONE;
}

static void sort_rows(struct sort_op *s) {
    sorting = s;
    if (s->n_rows) qsort(s->rows, s->n_rows, sizeof *s->rows, cmp_held);
}

static int sort_watermark(struct op *op, int64_t wm, struct err *err) {
    struct sort_op *s = impl(op);
    if (!s->by_time) {
        if (wm != WATERMARK_MAX) return op_emit_watermark(op, wm, err);
        sort_rows(s);
        s->next = (size_t)MIN(s->offset, (int64_t)s->n_rows);
        s->end = s->limit < 0 ? s->n_rows : (size_t)MIN(s->offset + s->limit, (int64_t)s->n_rows);
        s->end = MAX(s->end, s->next);
    } else {
        sort_rows(s);
        int col = s->order.keys[0].column;
        for (s->end = 0; s->end < s->n_rows; s->end++) {
            const struct held_row *r = &s->rows[s->end];
            if (COL_DATA(&cols_of(s, r)[col], int64_t)[r->row] > wm) break;
        }
    }
    s->target = wm;
    s->giving = true;
    return give(s, err);
}

static int sort_resume(struct op *op, struct err *err) {
    return impl(op)->giving ? give(impl(op), err) : OP_DONE;
}

static void sort_close(struct op *op) {
    struct sort_op *s = impl(op);
    for (uint32_t i = 0; i < s->n_batches; i++)
        batch_unref(s->batches[i]);
    free(s->batches);
    free(s->rows);
}

static const struct op_ops sort_ops = {.size_bytes = sizeof(struct sort_op),
                                       .flags = OP_STEPS_LATE,
                                       .open = sort_open,
                                       .push = sort_push,
                                       .resume = sort_resume,
                                       .watermark = sort_watermark,
                                       .close = sort_close};

const struct op_desc op_sort = {
    .kind = "sort", .doc = "Puts rows in order.", .n_inputs = 1, .ops = &sort_ops};
