/* op_replicate.c - each row as often as its count says, its kind unchanged: INTERSECT ALL and
 * EXCEPT ALL. */
#include "worker/op.h"

#include "base/core/mem.h"

#include <stdlib.h>

struct replicate_op {
    struct op op;
    int count;
    struct batch *in;
    uint32_t row;
    int64_t given; /* copies of row */
    uint32_t *rows;
};

static struct replicate_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct replicate_op, op);
}

static int replicate_open(struct op *op, struct err *err) {
    struct replicate_op *r = impl(op);
    const struct schema *in = op->ctx->inputs[0];
    int rc = json_get_int(op->ctx->plan->config, "count", &r->count, err);
    if (rc) return rc;
    if (r->count < 0 || r->count >= in->n || type_phys(in->fields[r->count].type) != PHYS_I64)
        return err_set(err, ERR_PROTOCOL, "replicate: the count isn't a BIGINT column");
    r->rows = mem_calloc(BATCH_ROWS_MAX, sizeof *r->rows);
    return 0;
}

static int give(struct replicate_op *r, struct err *err) {
    uint32_t max = r->op.ctx->config->batch_rows;
    while (r->in && r->row < r->in->n) {
        if (op_output_full(&r->op)) return OP_MORE;
        const struct column *c = &r->in->cols[r->count];
        uint32_t n = 0;
        while (r->row < r->in->n && n < max) {
            int64_t count = col_is_valid(c, r->row) ? COL_DATA(c, int64_t)[r->row] : 0;
            for (; r->given < count && n < max; r->given++)
                r->rows[n++] = r->row;
            if (r->given < count) break;
            r->row++;
            r->given = 0;
        }
        int rc = n ? op_emit(&r->op, batch_gather(r->in, r->rows, n, false), err) : 0;
        if (rc) return rc;
    }
    batch_unref(r->in);
    r->in = NULL;
    return OP_DONE;
}

static int replicate_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct replicate_op *r = impl(op);
    r->in = b;
    r->row = 0;
    r->given = 0;
    return give(r, err);
}

static int replicate_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

static void replicate_close(struct op *op) {
    batch_unref(impl(op)->in);
    free(impl(op)->rows);
}

static const struct op_ops replicate_ops = {.size_bytes = sizeof(struct replicate_op),
                                            .open = replicate_open,
                                            .push = replicate_push,
                                            .resume = replicate_resume,
                                            .close = replicate_close};

const struct op_desc op_replicate = {
    .kind = "replicate", .doc = "Repeats rows by a count.", .n_inputs = 1, .ops = &replicate_ops};
