/* op_window_tvf.c - window table functions whose windows are not aggregated at once: appends
 * window_start, window_end and window_time to each row, once per window that holds it. */
#include "worker/op.h"
#include "worker/window.h"

#include "base/core/mem.h"

#include <stdlib.h>

struct window_tvf {
    struct op op;
    struct window window;
    int64_t *ends;
    /* a batch that is being given out */
    struct batch *in;
    uint32_t row;
    int64_t after; /* windows of `row` up to this end are out */
};

static struct window_tvf *impl(struct op *op) {
    return CONTAINER_OF(op, struct window_tvf, op);
}

static int window_tvf_open(struct op *op, struct err *err) {
    struct window_tvf *w = impl(op);
    int rc = window_read(json_opt(op->ctx->plan->config, "window"), op->ctx, &w->window, err);
    w->ends = mem_calloc(BATCH_ROWS_MAX, sizeof *w->ends);
    return rc;
}

static int emit_rows(struct window_tvf *w, const uint32_t *rows, const int64_t *ends, uint32_t n,
                     struct err *err) {
    struct batch *out = batch_new(w->op.ctx->output->n);
    out->n = n;
    for (int c = 0; c < w->in->n_cols; c++)
        col_gather(&out->cols[c], &w->in->cols[c], rows, n);
    AUTO_FREE int64_t *starts = mem_alloc(sizeof *starts * n);
    for (uint32_t i = 0; i < n; i++)
        starts[i] = window_start_of(&w->window, ends[i]);
    for (int p = 0; p < 3; p++) {
        int c = w->in->n_cols + p;
        window_prop_fill(&w->window, (enum window_prop)p, w->op.ctx->output->fields[c].type, starts,
                         ends, n, &out->cols[c]);
    }
    if (w->in->kinds) {
        uint8_t *kinds = batch_make_kinds(out);
        for (uint32_t i = 0; i < n; i++)
            kinds[i] = w->in->kinds[rows[i]];
    }
    return op_emit(&w->op, out, err);
}

/* Goes on with the batch in hand as far as there is room. */
static int give(struct window_tvf *w, struct err *err) {
    uint32_t max = w->op.ctx->config->batch_rows;
    AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * max);
    AUTO_FREE int64_t *ends = mem_alloc(sizeof *ends * max);
    while (w->in) {
        if (op_output_full(&w->op)) return OP_MORE;
        uint32_t n = 0;
        while (w->row < w->in->n && n < max) {
            int64_t end = w->ends[w->row] == INT64_MIN
                              ? INT64_MAX /* a row without time is in no window */
                              : window_first_end(&w->window, w->ends[w->row], w->after);
            if (end == INT64_MAX) {
                w->row++;
                w->after = INT64_MIN;
                continue;
            }
            rows[n] = w->row;
            ends[n++] = end;
            w->after = end;
        }
        int rc = n ? emit_rows(w, rows, ends, n, err) : 0;
        if (rc) return rc;
        if (w->row == w->in->n) {
            batch_unref(w->in);
            w->in = NULL;
        }
    }
    return OP_DONE;
}

static int window_tvf_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct window_tvf *w = impl(op);
    if (w->window.proctime) {
        int64_t end = window_slice_end(&w->window, window_clock(&w->window, op_now_ms(op)));
        for (uint32_t i = 0; i < b->n; i++)
            w->ends[i] = end;
    } else {
        window_slices(&w->window, &b->cols[w->window.time], b->n, w->ends);
    }
    w->in = b;
    w->row = 0;
    w->after = INT64_MIN;
    return give(w, err);
}

static int window_tvf_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

static void window_tvf_close(struct op *op) {
    batch_unref(impl(op)->in);
    free(impl(op)->ends);
}

static const struct op_ops window_tvf_ops = {.size_bytes = sizeof(struct window_tvf),
                                             .open = window_tvf_open,
                                             .push = window_tvf_push,
                                             .resume = window_tvf_resume,
                                             .close = window_tvf_close};

const struct op_desc op_window_tvf = {
    .kind = "window_tvf", .doc = "Assigns windows to rows.", .n_inputs = 1, .ops = &window_tvf_ops};
