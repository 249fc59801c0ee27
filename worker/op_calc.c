/* op_calc.c - filter and projection. The rows that pass the filter are gathered, only the columns
 * that the expressions read, and the expressions run on those rows alone: a row that the filter
 * drops raises no error. */
#include "base/core/mem.h"
#include "worker/op.h"

#include <stdlib.h>

extern const struct op_desc op_calc;

struct calc_op {
    struct op base;
    struct program *filter;  /* NULL: all rows pass */
    struct program *project; /* NULL: no expressions (no columns) */
    int n_exprs, n_in;
    bool *used;         /* input columns that the expressions read */
    struct column *sub; /* gathered input columns of this turn */
    uint32_t *sel;
    uint32_t sel_cap;
};

static void mark_used(void *self, int column) {
    struct calc_op *c = self;
    if (column < c->n_in) c->used[column] = true;
}

static int compile_filter(struct calc_op *c, const cJSON *json, struct err *err) {
    struct op_ctx *ctx = c->base.ctx;
    if (!json) return 0;
    const struct expr *e;
    int rc = expr_from_json(ctx->arena, json, &e, err);
    if (!rc) rc = program_new(&e, 1, ctx->env, &c->filter, err);
    return rc ? err_wrap(err, "filter") : 0;
}

static int compile_exprs(struct calc_op *c, const cJSON *json, struct err *err) {
    struct op_ctx *ctx = c->base.ctx;
    c->n_exprs = cJSON_GetArraySize(json);
    if (c->n_exprs != ctx->output->n)
        return err_set(err, ERR_INVALID, "%d expressions for %d output columns", c->n_exprs,
                       ctx->output->n);
    const struct expr **exprs = ARENA_NEW_N(ctx->arena, const struct expr *, c->n_exprs + 1);
    const cJSON *item;
    int i = 0;
    cJSON_ArrayForEach(item, json) {
        int rc = expr_from_json(ctx->arena, item, &exprs[i], err);
        if (rc) return err_wrap(err, "column '%s'", ctx->output->fields[i].name);
        expr_visit_columns(exprs[i], mark_used, c);
        i++;
    }
    return c->n_exprs ? program_new(exprs, c->n_exprs, ctx->env, &c->project, err) : 0;
}

static int calc_open(struct op *op, struct err *err) {
    struct calc_op *c = CONTAINER_OF(op, struct calc_op, base);
    c->n_in = op->ctx->inputs[0]->n;
    c->used = mem_calloc((size_t)c->n_in + 1, sizeof(*c->used));
    c->sub = mem_calloc((size_t)c->n_in + 1, sizeof(*c->sub));
    const cJSON *exprs;
    int rc = json_get_array(op->ctx->plan->config, "exprs", &exprs, err);
    if (!rc) rc = compile_filter(c, json_opt(op->ctx->plan->config, "filter"), err);
    if (!rc) rc = compile_exprs(c, exprs, err);
    return rc;
}

/* Names the row, by its values' place in the stream as far as it is known here. */
static int row_error(const struct batch *b, uint32_t row, struct err *err) {
    if (row == UINT32_MAX) return err->code;
    return err_wrap(err, "row %u of a batch of %u", row + 1, b->n);
}

/* Steps of b, moved to where their rows went. */
static void move_steps(struct batch *out, const struct batch *b, const uint32_t *sel, uint32_t n) {
    if (!b->n_steps) return;
    batch_set_steps(out, b->steps, b->n_steps);
    uint32_t at = 0, kept = 0;
    for (uint32_t i = 0; i < out->n_steps; i++) {
        struct wm_step step = b->steps[i];
        while (at < n && sel[at] < step.row)
            at++;
        step.row = at;
        if (kept && out->steps[kept - 1].row == at) kept--; /* no row left between the two */
        out->steps[kept++] = step;
    }
    out->n_steps = kept;
}

static void gather_kinds(struct batch *out, const struct batch *b, const uint32_t *sel) {
    if (!b->kinds) return;
    uint8_t *kinds = batch_make_kinds(out);
    for (uint32_t i = 0; i < out->n; i++)
        kinds[i] = b->kinds[sel[i]];
}

static void share_rest(struct batch *out, const struct batch *b) {
    out->kinds = b->kinds;
    out->kinds_buf = buffer_ref(b->kinds_buf);
    out->steps = b->steps;
    out->steps_buf = buffer_ref(b->steps_buf);
    out->n_steps = b->n_steps;
}

static int project(struct calc_op *c, const struct batch *b, const struct column *cols,
                   const uint32_t *sel, struct batch *out, struct err *err) {
    if (!c->project) return 0;
    uint32_t bad = UINT32_MAX;
    int rc = program_eval(c->project, cols, c->n_in, out->n, out->cols, &bad, err);
    if (!rc) return 0;
    return row_error(b, bad != UINT32_MAX && sel ? sel[bad] : bad, err);
}

/* The rows of sel, through the expressions. */
static int project_selected(struct calc_op *c, const struct batch *b, struct batch *out,
                            struct err *err) {
    for (int i = 0; i < c->n_in; i++)
        if (c->used[i]) col_gather(&c->sub[i], &b->cols[i], c->sel, out->n);
    int rc = project(c, b, c->sub, c->sel, out, err);
    for (int i = 0; i < c->n_in; i++)
        if (c->used[i]) col_release(&c->sub[i]);
    gather_kinds(out, b, c->sel);
    move_steps(out, b, c->sel, out->n);
    return rc;
}

static int calc_batch(struct calc_op *c, const struct batch *b, struct batch *out,
                      struct err *err) {
    out->n = b->n;
    out->split = b->split;
    out->source_ns = b->source_ns;
    if (c->filter && b->n) {
        if (b->n > c->sel_cap) {
            c->sel_cap = MAX(b->n, BATCH_ROWS_MAX);
            c->sel = mem_reallocarray(c->sel, c->sel_cap, sizeof(*c->sel));
        }
        uint32_t bad = UINT32_MAX;
        int rc = program_select(c->filter, b->cols, c->n_in, b->n, c->sel, &out->n, &bad, err);
        if (rc) return row_error(b, bad, err);
        if (out->n != b->n) return project_selected(c, b, out, err);
    }
    share_rest(out, b);
    return project(c, b, b->cols, NULL, out, err);
}

static int calc_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct calc_op *c = CONTAINER_OF(op, struct calc_op, base);
    struct batch *out = batch_new(c->n_exprs);
    int rc = calc_batch(c, b, out, err);
    batch_unref(b);
    if (rc) {
        batch_unref(out);
        return rc;
    }
    return op_emit(op, out, err);
}

static void calc_close(struct op *op) {
    struct calc_op *c = CONTAINER_OF(op, struct calc_op, base);
    program_free(c->filter);
    program_free(c->project);
    free(c->used);
    free(c->sub);
    free(c->sel);
}

static const struct op_ops calc_ops = {
    .size_bytes = sizeof(struct calc_op),
    .flags = OP_STEPS_PASS,
    .open = calc_open,
    .push = calc_push,
    .close = calc_close,
};

const struct op_desc op_calc = {"calc", "filter and projection", 1, &calc_ops};
