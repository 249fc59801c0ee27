/* op_from_changelog.c - gives each row the kind that a column of it names. Rows with a name that
 * stands for none, or NULL, are dropped. */
#include "worker/op.h"

#include "base/core/mem.h"

#include <string.h>

struct code {
    struct sv text;
    uint8_t kind;
};

struct from_changelog_op {
    struct op op;
    int column, n_codes;
    struct code *codes;
    uint32_t *rows;
    uint8_t *kinds;
};

static struct from_changelog_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct from_changelog_op, op);
}

static int from_changelog_open(struct op *op, struct err *err) {
    struct from_changelog_op *f = impl(op);
    struct arena *a = op->ctx->arena;
    const cJSON *codes, *c;
    int rc = json_get_array(op->ctx->plan->config, "codes", &codes, err);
    if (!rc) rc = json_get_int(op->ctx->plan->config, "op", &f->column, err);
    if (rc) return rc;
    if (f->column < 0 || f->column >= op->ctx->inputs[0]->n)
        return err_set(err, ERR_PROTOCOL, "op column out of range");
    f->codes = ARENA_NEW_N(a, struct code, cJSON_GetArraySize(codes) + 1);
    cJSON_ArrayForEach(c, codes) {
        const char *text = json_opt_str(c, "code", "");
        f->codes[f->n_codes++] =
            (struct code){{text, strlen(text)}, (uint8_t)json_opt_i64(c, "kind", 0)};
    }
    f->rows = ARENA_NEW_N(a, uint32_t, BATCH_ROWS_MAX);
    f->kinds = ARENA_NEW_N(a, uint8_t, BATCH_ROWS_MAX);
    return 0;
}

static int kind_of(const struct from_changelog_op *f, const struct column *c, uint32_t row) {
    if (!col_is_valid(c, row)) return -1;
    const struct strv *s = &COL_DATA(c, struct strv)[row];
    for (int i = 0; i < f->n_codes; i++)
        if (sv_eq((struct sv){strv_data(s), s->len}, f->codes[i].text)) return f->codes[i].kind;
    return -1;
}

static int from_changelog_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct from_changelog_op *f = impl(op);
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        int kind = kind_of(f, &b->cols[f->column], i);
        if (kind < 0) continue;
        f->rows[k] = i;
        f->kinds[k++] = (uint8_t)kind;
    }
    struct batch *out = k < b->n ? batch_gather(b, f->rows, k, true) : batch_share(b);
    batch_unref(b);
    memcpy(batch_make_kinds(out), f->kinds, k);
    return op_emit(op, out, err);
}

static const struct op_ops from_changelog_ops = {.size_bytes = sizeof(struct from_changelog_op),
                                                 .flags = OP_STEPS_PASS,
                                                 .open = from_changelog_open,
                                                 .push = from_changelog_push};

const struct op_desc op_from_changelog = {.kind = "from_changelog",
                                          .doc = "Makes changes of rows.",
                                          .n_inputs = 1,
                                          .ops = &from_changelog_ops};
