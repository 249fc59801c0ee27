/* op_calc.c - filter and projection. The rows that pass the filter are gathered, only the columns
 * that the expressions read, and the expressions run on those rows alone: a row that the filter
 * drops raises no error. A filter of cheap and dear conditions runs in two stages; what the second
 * one and the expressions have in common is computed once, in between (vector/stages.h). */
#include "base/core/mem.h"
#include "vector/stages.h"
#include "worker/op.h"

#include <stdlib.h>

extern const struct op_desc op_calc;

struct calc_op {
    struct op base;
    struct program *filter; /* the first stage; NULL: all rows pass it */
    struct program
        *second; /* shared values, and whether a row passes; NULL: there is no second stage */
    struct program *project; /* NULL: no expressions (no columns) */
    int n_exprs, n_in, n_shared;
    bool *used,
        *used_second;    /* input columns that the expressions read, that the second stage reads */
    struct column *sub;  /* gathered input columns of this turn, then the shared values */
    struct column *made; /* by the second stage */
    uint32_t *sel, *sel_second;
    uint32_t sel_cap;
};

struct marks {
    bool *used;
    int n;
};

static void mark_used(void *self, int column) {
    struct marks *m = self;
    if (column < m->n) m->used[column] = true;
}

static void mark_columns(const struct expr *e, bool *used, int n) {
    struct marks m = {used, n};
    expr_visit_columns(e, mark_used, &m);
}

static int compile_filter(struct calc_op *c, const struct stages *s, struct err *err) {
    struct op_ctx *ctx = c->base.ctx;
    bool one = !s->second || (!s->first && !s->n_shared);
    const struct expr *first = one && !s->first ? s->second : s->first;
    int rc = first ? program_new(&first, 1, ctx->env, &c->filter, err) : 0;
    if (!rc && !one) {
        const struct expr **made = ARENA_NEW_N(ctx->arena, const struct expr *, s->n_shared + 1);
        for (int i = 0; i < s->n_shared; i++)
            made[i] = s->shared[i];
        made[s->n_shared] = s->second;
        for (int i = 0; i <= s->n_shared; i++)
            mark_columns(made[i], c->used_second, c->n_in);
        c->n_shared = s->n_shared;
        rc = program_new(made, s->n_shared + 1, ctx->env, &c->second, err);
    }
    return rc ? err_wrap(err, "filter") : 0;
}

static int compile(struct calc_op *c, const cJSON *filter, const cJSON *json, struct err *err) {
    struct op_ctx *ctx = c->base.ctx;
    const struct expr *condition = NULL;
    int rc = filter ? expr_from_json(ctx->arena, filter, &condition, err) : 0;
    if (rc) return err_wrap(err, "filter");
    c->n_exprs = cJSON_GetArraySize(json);
    if (c->n_exprs != ctx->output->n)
        return err_set(err, ERR_INVALID, "%d expressions for %d output columns", c->n_exprs,
                       ctx->output->n);
    const struct expr **exprs = ARENA_NEW_N(ctx->arena, const struct expr *, c->n_exprs + 1);
    const cJSON *item;
    int i = 0;
    cJSON_ArrayForEach(item, json) {
        rc = expr_from_json(ctx->arena, item, &exprs[i], err);
        if (rc) return err_wrap(err, "column '%s'", ctx->output->fields[i].name);
        i++;
    }
    struct stages stages;
    stages_of(ctx->arena, condition, exprs, c->n_exprs, c->n_in, &stages);
    for (i = 0; i < c->n_exprs; i++)
        mark_columns(exprs[i], c->used, c->n_in);
    c->sub = mem_calloc((size_t)(c->n_in + stages.n_shared) + 1, sizeof(*c->sub));
    c->made = mem_calloc((size_t)stages.n_shared + 1, sizeof(*c->made));
    rc = compile_filter(c, &stages, err);
    return rc || !c->n_exprs ? rc : program_new(exprs, c->n_exprs, ctx->env, &c->project, err);
}

static int calc_open(struct op *op, struct err *err) {
    struct calc_op *c = CONTAINER_OF(op, struct calc_op, base);
    c->n_in = op->ctx->inputs[0]->n;
    c->used = mem_calloc((size_t)c->n_in + 1, sizeof(*c->used));
    c->used_second = mem_calloc((size_t)c->n_in + 1, sizeof(*c->used_second));
    const cJSON *exprs;
    int rc = json_get_array(op->ctx->plan->config, "exprs", &exprs, err);
    return rc ? rc : compile(c, json_opt(op->ctx->plan->config, "filter"), exprs, err);
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
    int rc = program_eval(c->project, cols, c->n_in + c->n_shared, out->n, out->cols, &bad, err);
    if (!rc) return 0;
    return row_error(b, bad != UINT32_MAX && sel ? sel[bad] : bad, err);
}

static void drop_sub(struct calc_op *c) {
    for (int i = 0; i < c->n_in + c->n_shared; i++)
        col_release(&c->sub[i]);
}

/* Column i for the rows of sel; NULL: for all of them. */
static void take(struct calc_op *c, const struct batch *b, int i, const uint32_t *sel, uint32_t n) {
    if (sel)
        col_gather(&c->sub[i], &b->cols[i], sel, n);
    else
        col_ref(&c->sub[i], &b->cols[i]);
}

/* The rows that also pass the second stage, from the n that sel has (NULL: all); then the columns
 * of those are in place but for the ones that the expressions alone read. *ret_sel is NULL, sel or
 * sel_second. */
static int run_second(struct calc_op *c, const struct batch *b, const uint32_t *sel, uint32_t n,
                      const uint32_t **ret_sel, uint32_t *ret_n, struct err *err) {
    for (int i = 0; i < c->n_in; i++)
        if (c->used_second[i]) take(c, b, i, sel, n);
    uint32_t bad = UINT32_MAX;
    int rc = program_eval(c->second, c->sub, c->n_in, n, c->made, &bad, err);
    if (rc) return row_error(b, bad != UINT32_MAX && sel ? sel[bad] : bad, err);
    uint32_t k = bool_select(&c->made[c->n_shared], n, c->sel_second);
    col_release(&c->made[c->n_shared]);
    for (int i = 0; i < c->n_in && k != n; i++) {
        struct column all = c->sub[i];
        if (!c->used_second[i]) continue;
        if (c->used[i]) col_gather(&c->sub[i], &all, c->sel_second, k);
        col_release(c->used[i] ? &all : &c->sub[i]);
    }
    for (int i = 0; i < c->n_shared; i++) {
        if (k == n) {
            c->sub[c->n_in + i] = c->made[i]; /* moved */
        } else {
            col_gather(&c->sub[c->n_in + i], &c->made[i], c->sel_second, k);
            col_release(&c->made[i]);
        }
    }
    for (uint32_t i = 0; i < k && k != n && sel; i++)
        c->sel_second[i] = sel[c->sel_second[i]];
    *ret_sel = k == n ? sel : c->sel_second;
    *ret_n = k;
    return 0;
}

/* Runs both stages and the expressions over the rows that are left. */
static int calc_rows(struct calc_op *c, const struct batch *b, struct batch *out, struct err *err) {
    uint32_t n = b->n, bad = UINT32_MAX;
    const uint32_t *sel = NULL;
    int rc = 0;
    if (c->filter) {
        rc = program_select(c->filter, b->cols, c->n_in, b->n, c->sel, &n, &bad, err);
        if (rc) return row_error(b, bad, err);
        if (n != b->n) sel = c->sel;
    }
    bool second = c->second && n;
    if (second) rc = run_second(c, b, sel, n, &sel, &n, err);
    out->n = n;
    if (!rc && !sel && !c->second) {
        share_rest(out, b);
        return project(c, b, b->cols, NULL, out, err);
    }
    for (int i = 0; i < c->n_in && !rc && n; i++)
        if (c->used[i] && !(second && c->used_second[i])) take(c, b, i, sel, n);
    if (!rc) rc = project(c, b, c->sub, sel, out, err);
    drop_sub(c);
    if (rc) return rc;
    if (!sel && n == b->n) {
        share_rest(out, b);
        return 0;
    }
    gather_kinds(out, b, sel);
    move_steps(out, b, sel, n);
    return 0;
}

static int calc_batch(struct calc_op *c, const struct batch *b, struct batch *out,
                      struct err *err) {
    out->n = b->n;
    out->split = b->split;
    out->source_ns = b->source_ns;
    if ((!c->filter && !c->second) || !b->n) {
        share_rest(out, b);
        return project(c, b, b->cols, NULL, out, err);
    }
    if (b->n > c->sel_cap) {
        c->sel_cap = MAX(b->n, BATCH_ROWS_MAX);
        c->sel = mem_reallocarray(c->sel, c->sel_cap, sizeof(*c->sel));
        c->sel_second = mem_reallocarray(c->sel_second, c->sel_cap, sizeof(*c->sel_second));
    }
    return calc_rows(c, b, out, err);
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
    program_free(c->second);
    program_free(c->project);
    free(c->used);
    free(c->used_second);
    free(c->sub);
    free(c->made);
    free(c->sel);
    free(c->sel_second);
}

static const struct op_ops calc_ops = {
    .size_bytes = sizeof(struct calc_op),
    .flags = OP_STEPS_PASS,
    .open = calc_open,
    .push = calc_push,
    .close = calc_close,
};

const struct op_desc op_calc = {"calc", "filter and projection", 1, &calc_ops};
