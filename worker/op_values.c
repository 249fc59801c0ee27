/* op_values.c - literal rows: emitted once, by subtask 0. */
#include "base/core/mem.h"
#include "connector/connector.h"
#include "vector/value.h"
#include "worker/op.h"

#include <stdlib.h>

extern const struct op_desc op_values;

struct values_op {
    struct op base;
    struct column *cols; /* all rows, one column per field */
    uint32_t n_rows, next;
    bool reads;
};

static int read_column(struct values_op *v, const cJSON *rows, int col, struct err *err) {
    const struct op_ctx *ctx = v->base.ctx;
    const struct field *f = &ctx->output->fields[col];
    AUTO_FREE const struct column **cells = mem_calloc(v->n_rows, sizeof(*cells));
    uint32_t r = 0;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        if (!cJSON_IsArray(row) || cJSON_GetArraySize(row) != ctx->output->n)
            return err_set(err, ERR_INVALID, "row %u is not an array of %d values", r,
                           ctx->output->n);
        int rc = value_from_json(ctx->arena, f->type, cJSON_GetArrayItem(row, col), &cells[r], err);
        if (rc) return err_wrap(err, "row %u, column '%s'", r, f->name);
        r++;
    }
    col_concat(&v->cols[col], cells, v->n_rows);
    return 0;
}

static int values_open(struct op *op, struct err *err) {
    struct values_op *v = CONTAINER_OF(op, struct values_op, base);
    const cJSON *rows;
    int rc = json_get_array(op->ctx->plan->config, "rows", &rows, err);
    if (rc) return rc;
    int n_cols = op->ctx->output->n;
    v->n_rows = (uint32_t)cJSON_GetArraySize(rows);
    v->cols = mem_calloc(n_cols ? (size_t)n_cols : 1, sizeof(*v->cols));
    for (int i = 0; v->n_rows && i < n_cols && !rc; i++)
        rc = read_column(v, rows, i, err);
    v->reads = op->ctx->subtask == 0;
    if (!v->reads) v->next = v->n_rows;
    return rc;
}

static int values_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    struct values_op *v = CONTAINER_OF(op, struct values_op, base);
    if (v->next == v->n_rows) return SOURCE_END;
    uint32_t n = MIN(v->n_rows - v->next, op->ctx->config->batch_rows);
    struct batch *b = batch_new(op->ctx->output->n);
    b->n = n;
    for (int i = 0; i < b->n_cols; i++)
        col_slice(&b->cols[i], &v->cols[i], v->next, n);
    v->next += n;
    int rc = op_emit(op, b, err);
    return rc ? rc : SOURCE_DATA;
}

/* One split, whose position is the next row, in the subtask that reads it. */
static int values_snapshot(struct op *op, cJSON **ret_splits, struct err *err) {
    struct values_op *v = CONTAINER_OF(op, struct values_op, base);
    if (!v->reads) {
        *ret_splits = cJSON_CreateArray();
        return 0;
    }
    cJSON *split = cJSON_CreateObject();
    json_set_str(split, "id", "values");
    json_set_i64(split, "position", v->next);
    *ret_splits = cJSON_CreateArray();
    cJSON_AddItemToArray(*ret_splits, split);
    return 0;
}

static int values_add_split(struct op *op, const cJSON *split, struct err *err) {
    struct values_op *v = CONTAINER_OF(op, struct values_op, base);
    int64_t position = json_opt_i64(split, "position", 0);
    if (position < 0 || position > v->n_rows)
        return err_set(err, ERR_INVALID, "position %lld: there are %u rows", (long long)position,
                       v->n_rows);
    v->next = (uint32_t)position;
    v->reads = true;
    return 0;
}

/* Who reads on is said by where the split goes. */
static int values_restored(struct op *op, struct err *err) {
    struct values_op *v = CONTAINER_OF(op, struct values_op, base);
    v->next = v->n_rows;
    v->reads = false;
    return 0;
}

static void values_close(struct op *op) {
    struct values_op *v = CONTAINER_OF(op, struct values_op, base);
    for (int i = 0; v->cols && i < op->ctx->output->n; i++)
        col_release(&v->cols[i]);
    free(v->cols);
    v->cols = NULL;
}

static const struct source_op_ops values_ops = {
    .base = {.size_bytes = sizeof(struct values_op),
             .flags = OP_CHECKPOINTED,
             .open = values_open,
             .close = values_close,
             .restored = values_restored},
    .poll = values_poll,
    .add_split = values_add_split,
    .snapshot = values_snapshot,
};

const struct op_desc op_values = {"values", "literal rows", 0, &values_ops.base};
