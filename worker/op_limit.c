/* op_limit.c - OFFSET and LIMIT over append-only input, in order of arrival. */
#include "worker/op.h"
#include "worker/state/state_set.h"
#include "worker/state/state_value.h"

struct limit_op {
    struct op op;
    int64_t skip, left;
    struct state_value value; /* both */
};

static struct limit_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct limit_op, op);
}

static void begin(void *self) {
    struct limit_op *l = self;
    l->skip = json_opt_i64(l->op.ctx->plan->config, "offset", 0);
    l->left = json_opt_i64(l->op.ctx->plan->config, "limit", -1);
    if (l->left < 0) l->left = INT64_MAX;
}

static void save(void *self, struct str *out) {
    struct limit_op *l = self;
    str_add_n(out, &l->skip, 8);
    str_add_n(out, &l->left, 8);
}

/* There is one subtask, whatever the parallelism. */
static int load(void *self, struct sv bytes, struct err *err) {
    struct limit_op *l = self;
    if (sv_take(&bytes, &l->skip, 8) && sv_take(&bytes, &l->left, 8)) return 0;
    return err_set(err, ERR_CORRUPT, "the number of rows that have passed is cut off");
}

static int limit_open(struct op *op, struct err *err) {
    struct limit_op *l = impl(op);
    begin(l);
    l->value = (struct state_value){save, load, begin, l, 0};
    state_set_add(op->ctx->states, "passed", 0, &state_value_part, &l->value);
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

static const struct op_ops limit_ops = {.size_bytes = sizeof(struct limit_op),
                                        .flags = OP_CHECKPOINTED,
                                        .open = limit_open,
                                        .push = limit_push};

const struct op_desc op_limit = {
    .kind = "limit", .doc = "Passes a number of rows.", .n_inputs = 1, .ops = &limit_ops};
