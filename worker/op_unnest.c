/* op_unnest.c - UNNEST: each row once per element of its ARRAY, MAP or MULTISET, in the elements'
 * order, with the element (ROW fields spread; MAP: key and value; MULTISET: each copy) and, if
 * asked for, its number appended. `left`: a row without elements comes out once, padded. The op
 * table_function does the same with the ARRAY of rows that a user's function gives for each row. */
#include "worker/op.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { CALL_ROWS = 512 };

struct unnest_op {
    struct op op;
    int col;                 /* of the input; table_function: -1 */
    struct program *program; /* table_function: of the call */
    struct column called;    /* its result over in */
    struct batch *rest;      /* what in was cut off from */
    uint32_t rest_from;
    bool left, ordinality, multiset;
    int n_elements; /* columns appended, without the ordinality */
    struct batch *in;
    uint32_t row;      /* of in, up to which rows are given */
    uint32_t at, copy; /* next element of it, and copies of that which are given (MULTISET) */
    int32_t ordinal;   /* elements of the row that are given */
    uint32_t *rows, *elements;
    int32_t *ordinals;
};

static struct unnest_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct unnest_op, op);
}

/* Elements of this type are appended to the input's columns. */
static int open_elements(struct unnest_op *u, const struct type *t, struct err *err) {
    struct op *op = &u->op;
    const cJSON *cfg = op->ctx->plan->config;
    const struct schema *in = op->ctx->inputs[0];
    enum phys phys = type_phys(t);
    if (phys != PHYS_LIST && phys != PHYS_MAP)
        return err_set(err, ERR_PROTOCOL, "%s of what has no elements", op->desc->kind);
    u->multiset = t->kind == TYPE_MULTISET;
    u->left = !strcmp(json_opt_str(cfg, "join", "inner"), "left");
    u->ordinality = json_opt_bool(cfg, "ordinality", false);
    const struct type *element = t->children[0];
    u->n_elements = t->kind == TYPE_MAP ? 2 : element->kind == TYPE_ROW ? element->n_children : 1;
    if (op->ctx->output->n != in->n + u->n_elements + u->ordinality)
        return err_set(err, ERR_PROTOCOL, "%s gives %d columns, the plan says %d", op->desc->kind,
                       in->n + u->n_elements + u->ordinality, op->ctx->output->n);
    u->rows = mem_calloc(BATCH_ROWS_MAX, sizeof *u->rows);
    u->elements = mem_calloc(BATCH_ROWS_MAX, sizeof *u->elements);
    u->ordinals = mem_calloc(BATCH_ROWS_MAX, sizeof *u->ordinals);
    return 0;
}

static int unnest_open(struct op *op, struct err *err) {
    struct unnest_op *u = impl(op);
    const struct schema *in = op->ctx->inputs[0];
    int rc = json_get_int(op->ctx->plan->config, "col", &u->col, err);
    if (rc) return rc;
    if (u->col < 0 || u->col >= in->n)
        return err_set(err, ERR_PROTOCOL, "unnest column out of range");
    return open_elements(u, in->fields[u->col].type, err);
}

static int function_open(struct op *op, struct err *err) {
    struct unnest_op *u = impl(op);
    const struct expr *call;
    const cJSON *j;
    u->col = -1;
    int rc = json_get_object(op->ctx->plan->config, "call", &j, err);
    if (!rc) rc = expr_from_json(op->ctx->arena, j, &call, err);
    if (!rc && expr_max_column(call) > op->ctx->inputs[0]->n)
        rc = err_set(err, ERR_PROTOCOL, "table_function reads a column that isn't there");
    if (!rc) rc = program_new(&call, 1, op->ctx->env, &u->program, err);
    return rc ? rc : open_elements(u, call->type, err);
}

static const struct column *list_of(const struct unnest_op *u) {
    return u->col < 0 ? &u->called : &u->in->cols[u->col];
}

/* How often element i comes out. */
static uint32_t copies(const struct unnest_op *u, const struct column *c, uint32_t i) {
    if (!u->multiset) return 1;
    int32_t n = COL_DATA(&c->children[1], int32_t)[i];
    return n > 0 ? (uint32_t)n : 0;
}

static void next_row(struct unnest_op *u) {
    u->row++;
    u->copy = 0;
    u->ordinal = 0;
    if (u->row < u->in->n) u->at = COL_DATA(list_of(u), uint32_t)[u->row];
}

/* The next rows of the result, up to a batch. Element UINT32_MAX: padding. */
static uint32_t find_rows(struct unnest_op *u) {
    const struct column *c = list_of(u);
    const uint32_t *offsets = c->data;
    uint32_t max = u->op.ctx->config->batch_rows, n = 0;
    while (u->row < u->in->n && n < max) {
        uint32_t end = col_is_valid(c, u->row) ? offsets[u->row + 1] : u->at;
        while (u->at < end && n < max) {
            if (u->copy == copies(u, c, u->at)) {
                u->at++;
                u->copy = 0;
                continue;
            }
            u->rows[n] = u->row;
            u->elements[n] = u->at;
            u->ordinals[n++] = ++u->ordinal;
            u->copy++;
        }
        if (u->at < end) break;
        if (!u->ordinal && u->left) {
            if (n == max) break;
            u->rows[n] = u->row;
            u->elements[n++] = UINT32_MAX;
        }
        next_row(u);
    }
    return n;
}

static void element_columns(struct unnest_op *u, struct column *out, uint32_t n) {
    const struct column *c = list_of(u), *first = &c->children[0];
    if (c->type->kind == TYPE_MAP || first->phys != PHYS_ROW) {
        for (int k = 0; k < u->n_elements; k++)
            col_gather(&out[k], &c->children[k], u->elements, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) /* the fields of a NULL row are NULL */
        if (u->elements[i] != UINT32_MAX && !col_is_valid(first, u->elements[i]))
            u->elements[i] = UINT32_MAX;
    for (int k = 0; k < u->n_elements; k++)
        col_gather(&out[k], &first->children[k], u->elements, n);
}

static int emit_rows(struct unnest_op *u, uint32_t n, struct err *err) {
    const struct schema *s = u->op.ctx->output;
    struct batch *out = batch_new(s->n);
    out->n = n;
    int n_in = u->in->n_cols;
    for (int c = 0; c < n_in; c++)
        col_gather(&out->cols[c], &u->in->cols[c], u->rows, n);
    if (u->ordinality) {
        struct column *o = &out->cols[s->n - 1];
        col_init(o, s->fields[s->n - 1].type, n);
        for (uint32_t i = 0; i < n; i++) {
            COL_DATA(o, int32_t)[i] = u->ordinals[i];
            if (u->elements[i] == UINT32_MAX) col_set_null(o, i);
        }
    }
    element_columns(u, out->cols + n_in, n);
    for (int c = 0; c < s->n; c++)
        out->cols[c].type = s->fields[c].type;
    if (u->in->kinds) {
        uint8_t *kinds = batch_make_kinds(out);
        for (uint32_t i = 0; i < n; i++)
            kinds[i] = u->in->kinds[u->rows[i]];
    }
    return op_emit(&u->op, out, err);
}

static int give(struct unnest_op *u, struct err *err) {
    while (u->in && u->row < u->in->n) {
        if (op_output_full(&u->op)) return OP_MORE;
        uint32_t n = find_rows(u);
        int rc = n ? emit_rows(u, n, err) : 0;
        if (rc) return rc;
    }
    batch_unref(u->in);
    u->in = NULL;
    return OP_DONE;
}

static void begin(struct unnest_op *u, struct batch *b) {
    u->in = b;
    u->row = u->copy = 0;
    u->ordinal = 0;
    if (b->n) u->at = COL_DATA(list_of(u), uint32_t)[0];
}

static int unnest_push(struct op *op, int port, struct batch *b, struct err *err) {
    begin(impl(op), b);
    return give(impl(op), err);
}

static int unnest_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

/* The function sees part of the batch at a time: what it makes of one row may be much. */
static int give_calls(struct unnest_op *u, struct err *err) {
    for (;;) {
        int rc = u->in ? give(u, err) : OP_DONE;
        if (rc != OP_DONE) return rc;
        col_release(&u->called);
        if (!u->rest || u->rest_from == u->rest->n) break;
        uint32_t n = MIN((uint32_t)CALL_ROWS, u->rest->n - u->rest_from);
        struct batch *b = batch_slice(u->rest, u->rest_from, n);
        u->rest_from += n;
        rc = program_eval(u->program, b->cols, b->n_cols, b->n, &u->called, NULL, err);
        if (rc) {
            batch_unref(b);
            return rc;
        }
        begin(u, b);
    }
    batch_unref(u->rest);
    u->rest = NULL;
    return OP_DONE;
}

static int function_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct unnest_op *u = impl(op);
    u->rest = b;
    u->rest_from = 0;
    return give_calls(u, err);
}

static int function_resume(struct op *op, struct err *err) {
    return give_calls(impl(op), err);
}

static void unnest_close(struct op *op) {
    struct unnest_op *u = impl(op);
    batch_unref(u->in);
    batch_unref(u->rest);
    col_release(&u->called);
    program_free(u->program);
    free(u->rows);
    free(u->elements);
    free(u->ordinals);
}

static const struct op_ops unnest_ops = {.size_bytes = sizeof(struct unnest_op),
                                         .open = unnest_open,
                                         .push = unnest_push,
                                         .resume = unnest_resume,
                                         .close = unnest_close};

const struct op_desc op_unnest = {
    .kind = "unnest", .doc = "Rows per element.", .n_inputs = 1, .ops = &unnest_ops};

static const struct op_ops function_ops = {.size_bytes = sizeof(struct unnest_op),
                                           .open = function_open,
                                           .push = function_push,
                                           .resume = function_resume,
                                           .close = unnest_close};

const struct op_desc op_table_function = {.kind = "table_function",
                                          .doc = "Rows that a user's function makes of each row.",
                                          .n_inputs = 1,
                                          .ops = &function_ops};
