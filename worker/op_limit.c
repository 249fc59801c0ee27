/* op_limit.c - OFFSET and LIMIT over append-only input, in order of arrival. */
#include "worker/op.h"

struct limit_op {
    struct op op;
    int64_t skip, left;
};

static struct limit_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct limit_op, op);
}

static int limit_open(struct op *op, struct err *err) {
    struct limit_op *l = impl(op);
    l->skip = json_opt_i64(op->ctx->plan->config, "offset", 0);
    l->left = json_opt_i64(op->ctx->plan->config, "limit", -1);
    if (l->left < 0) l->left = INT64_MAX;
    return 0;
}

static int limit_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct limit_op *l = impl(op);
    uint32_t from = (uint32_t)MIN(l->skip, (int64_t)b->n);
    l->skip -= from;
    uint32_t n = (uint32_t)MIN(l->left, (int64_t)(b->n - from));
    l->left -= n;
    struct batch *out = n == b->n ? batch_ref(b) : batch_slice(b, from, n);
    batch_unref(b);
    return op_emit(op, out, err);
}

static const struct op_ops limit_ops = {
    .size_bytes = sizeof(struct limit_op), .open = limit_open, .push = limit_push};

const struct op_desc op_limit = {
    .kind = "limit", .doc = "Passes a number of rows.", .n_inputs = 1, .ops = &limit_ops};
