/* op_drop_before.c - takes -U rows out of a changelog, or turns them into -D. */
#include "worker/op.h"

#include "base/core/mem.h"

#include <string.h>

struct drop_before_op {
    struct op op;
    bool as_delete;
    uint32_t *rows;
};

static struct drop_before_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct drop_before_op, op);
}

static int drop_before_open(struct op *op, struct err *err) {
    struct drop_before_op *d = impl(op);
    d->as_delete = json_opt_bool(op->ctx->plan->config, "asDelete", false);
    d->rows = ARENA_NEW_N(op->ctx->arena, uint32_t, BATCH_ROWS_MAX);
    return 0;
}

static struct batch *without_before(struct drop_before_op *d, struct batch *b /* takes */) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->kinds[i] != ROW_UPDATE_BEFORE) d->rows[k++] = i;
    if (k == b->n) return b;
    struct batch *out = batch_gather(b, d->rows, k, true);
    batch_unref(b);
    return out;
}

static struct batch *as_deletes(struct batch *b /* takes */) {
    struct batch *out = batch_share(b);
    uint8_t *copy = mem_dup(b->kinds, b->n);
    for (uint32_t i = 0; i < b->n; i++)
        if (copy[i] == ROW_UPDATE_BEFORE) copy[i] = ROW_DELETE;
    buffer_unref(out->kinds_buf);
    out->kinds = NULL;
    out->kinds_buf = NULL;
    memcpy(batch_make_kinds(out), copy, b->n);
    mem_free_ptr(&copy);
    batch_unref(b);
    return out;
}

static int drop_before_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct drop_before_op *d = impl(op);
    if (b->kinds && b->n) b = d->as_delete ? as_deletes(b) : without_before(d, b);
    return op_emit(op, b, err);
}

static const struct op_ops drop_before_ops = {.size_bytes = sizeof(struct drop_before_op),
                                              .flags = OP_STEPS_PASS,
                                              .open = drop_before_open,
                                              .push = drop_before_push};

const struct op_desc op_drop_before = {.kind = "drop_before",
                                       .doc = "Drops the old versions of updated rows.",
                                       .n_inputs = 1,
                                       .ops = &drop_before_ops};
