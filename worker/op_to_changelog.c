/* op_to_changelog.c - puts a column in front that names each row's kind; all rows become inserts.
 * Rows of kinds without a name are dropped. */
#include "worker/op.h"

#include "base/core/mem.h"

#include <string.h>

struct to_changelog_op {
    struct op op;
    const char *codes[4]; /* by row kind; NULL: dropped */
    uint32_t *rows;
};

static struct to_changelog_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct to_changelog_op, op);
}

static int to_changelog_open(struct op *op, struct err *err) {
    struct to_changelog_op *t = impl(op);
    const cJSON *codes, *c;
    int rc = json_get_array(op->ctx->plan->config, "codes", &codes, err);
    if (rc) return rc;
    cJSON_ArrayForEach(c, codes) {
        int64_t kind = json_opt_i64(c, "kind", -1);
        if (kind < 0 || kind > 3) return err_set(err, ERR_PROTOCOL, "row kind out of range");
        t->codes[kind] = json_opt_str(c, "code", "");
    }
    t->rows = ARENA_NEW_N(op->ctx->arena, uint32_t, BATCH_ROWS_MAX);
    return 0;
}

static void name_rows(const struct to_changelog_op *t, const struct batch *b, struct column *ret) {
    struct col_builder names;
    col_builder_init(&names, t->op.ctx->output->fields[0].type, b->n);
    for (uint32_t i = 0; i < b->n; i++) {
        const char *code = t->codes[b->kinds ? b->kinds[i] : ROW_INSERT];
        col_add_str(&names, code, strlen(code));
    }
    col_builder_finish(&names, ret);
    col_builder_release(&names);
}

static int to_changelog_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct to_changelog_op *t = impl(op);
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (t->codes[b->kinds ? b->kinds[i] : ROW_INSERT]) t->rows[k++] = i;
    if (k < b->n) {
        struct batch *named = batch_gather(b, t->rows, k, true);
        batch_unref(b);
        b = named;
    }
    struct batch *out = batch_new(op->ctx->output->n);
    out->n = b->n;
    out->source_ns = b->source_ns;
    name_rows(t, b, &out->cols[0]);
    for (int i = 0; i < b->n_cols; i++)
        col_ref(&out->cols[i + 1], &b->cols[i]);
    batch_set_steps(out, b->steps, b->n_steps);
    batch_unref(b);
    return op_emit(op, out, err);
}

static const struct op_ops to_changelog_ops = {.size_bytes = sizeof(struct to_changelog_op),
                                               .flags = OP_STEPS_PASS,
                                               .open = to_changelog_open,
                                               .push = to_changelog_push};

const struct op_desc op_to_changelog = {.kind = "to_changelog",
                                        .doc = "Makes rows of changes.",
                                        .n_inputs = 1,
                                        .ops = &to_changelog_ops};
