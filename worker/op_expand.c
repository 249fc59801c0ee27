/* op_expand.c - grouping sets: each row once per set, with the columns that aren't in the set NULL
 * and the set's id appended. */
#include "worker/op.h"

struct expand_op {
    struct op op;
    int n_sets, n_cols;
    int *cols; /* n_sets x n_cols; -1 = NULL */
    int64_t *ids;
    struct batch *in;
    uint32_t next; /* row */
};

static struct expand_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct expand_op, op);
}

static int expand_open(struct op *op, struct err *err) {
    struct expand_op *e = impl(op);
    const cJSON *projects, *ids, *p, *c;
    int rc = json_get_array(op->ctx->plan->config, "projects", &projects, err);
    if (!rc) rc = json_get_array(op->ctx->plan->config, "ids", &ids, err);
    if (rc) return rc;
    e->n_sets = cJSON_GetArraySize(projects);
    e->n_cols = op->ctx->output->n - 1;
    if (e->n_sets < 1 || e->n_sets > BATCH_ROWS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%d grouping sets; 1 to %d are possible", e->n_sets,
                       BATCH_ROWS_MAX);
    if (cJSON_GetArraySize(ids) != e->n_sets)
        return err_set(err, ERR_PROTOCOL, "grouping sets without ids");
    e->cols = ARENA_NEW_N(op->ctx->arena, int, e->n_sets * e->n_cols + 1);
    e->ids = ARENA_NEW_N(op->ctx->arena, int64_t, e->n_sets + 1);
    int s = 0;
    cJSON_ArrayForEach(p, projects) {
        if (cJSON_GetArraySize(p) != e->n_cols)
            return err_set(err, ERR_PROTOCOL, "grouping set of another width");
        int k = 0;
        cJSON_ArrayForEach(c, p) {
            if (c->valueint >= op->ctx->inputs[0]->n)
                return err_set(err, ERR_PROTOCOL, "grouping set column out of range");
            e->cols[s * e->n_cols + k++] = c->valueint;
        }
        e->ids[s] = (int64_t)cJSON_GetArrayItem(ids, s)->valuedouble;
        s++;
    }
    return 0;
}

/* Rows [from, from + n) of the batch in hand, each once per set: in Flink's order. */
static struct batch *expand_rows(struct expand_op *e, uint32_t from, uint32_t n) {
    const struct schema *s = e->op.ctx->output;
    struct batch *out = batch_new(s->n);
    uint32_t idx[BATCH_ROWS_MAX];
    out->n = n * (uint32_t)e->n_sets;
    for (int c = 0; c < e->n_cols; c++) {
        int source = -1;
        for (int k = 0; k < e->n_sets; k++) {
            int col = e->cols[k * e->n_cols + c];
            if (col >= 0) source = col;
            for (uint32_t i = 0; i < n; i++)
                idx[i * (uint32_t)e->n_sets + (uint32_t)k] = col < 0 ? UINT32_MAX : from + i;
        }
        if (source < 0)
            col_repeat(&out->cols[c], NULL, s->fields[c].type, out->n);
        else
            col_gather(&out->cols[c], &e->in->cols[source], idx, out->n);
        out->cols[c].type = s->fields[c].type;
    }
    struct column *id = &out->cols[e->n_cols];
    col_init(id, s->fields[e->n_cols].type, out->n);
    for (uint32_t i = 0; i < out->n; i++)
        COL_DATA(id, int64_t)[i] = e->ids[i % (uint32_t)e->n_sets];
    if (e->in->kinds) {
        uint8_t *kinds = batch_make_kinds(out);
        for (uint32_t i = 0; i < out->n; i++)
            kinds[i] = e->in->kinds[from + i / (uint32_t)e->n_sets];
    }
    return out;
}

static int give(struct expand_op *e, struct err *err) {
    uint32_t max = MAX(BATCH_ROWS_MAX / (uint32_t)e->n_sets, 1u);
    while (e->in && e->next < e->in->n) {
        if (op_output_full(&e->op)) return OP_MORE;
        uint32_t n = MIN(e->in->n - e->next, max);
        struct batch *out = expand_rows(e, e->next, n);
        e->next += n;
        int rc = op_emit(&e->op, out, err);
        if (rc) return rc;
    }
    batch_unref(e->in);
    e->in = NULL;
    return OP_DONE;
}

static int expand_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct expand_op *e = impl(op);
    e->in = b;
    e->next = 0;
    return give(e, err);
}

static int expand_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

static void expand_close(struct op *op) {
    batch_unref(impl(op)->in);
}

static const struct op_ops expand_ops = {.size_bytes = sizeof(struct expand_op),
                                         .open = expand_open,
                                         .push = expand_push,
                                         .resume = expand_resume,
                                         .close = expand_close};

const struct op_desc op_expand = {
    .kind = "expand", .doc = "Rows per grouping set.", .n_inputs = 1, .ops = &expand_ops};
