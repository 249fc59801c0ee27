/* ckpt_ops.h - test ops of jobs that take checkpoints, and what they have in common:
 *
 *   c_source   counts: row v of its splits; stops at `limit` until that is raised
 *   c_sum      by k: adds v up in a state table, gives the sum with each row
 *   c_sink     remembers the last sum of each k, and prepares a committable at each barrier */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_CHECKPOINT_CKPT_OPS_H
#define PENSTOCK_TESTS_UNIT_WORKER_CHECKPOINT_CKPT_OPS_H

#include "tests/unit/worker/rig.h"

#include "worker/state/state_set.h"
#include "worker/state/state_table.h"

enum { C_KEYS = 97, C_SPLITS = 4, C_SLOW_KEY = 5 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    int64_t limit, rows;  /* per split */
    int64_t first_rows;   /* of split 0, at most */
    int64_t second_limit; /* of split 1, at most */
    struct op *sources[RIG_SUBTASKS];
    bool waits[RIG_SUBTASKS]; /* the source has come to the limit, or has no splits */
    int64_t sums[C_KEYS];     /* last one seen by sinks */
    int64_t max_wm[RIG_SUBTASKS];
    int n_acked, n_declined, n_commit_done;
    cJSON *frame; /* the last answer */
} ck = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void ck_changed(void) {
    pthread_cond_broadcast(&ck.more);
}

/* ---- c_source ---- */

struct c_split {
    int64_t number, next;
};
struct c_source_op {
    struct op base;
    struct c_split splits[C_SPLITS];
    int n, turn;
    bool no_more;
};

static int cs_add_split(struct op *op, const cJSON *split, struct err *err) {
    struct c_source_op *s = (struct c_source_op *)op;
    s->splits[s->n++] =
        (struct c_split){json_opt_i64(split, "number", 0), json_opt_i64(split, "position", 0)};
    return 0;
}

static void cs_no_more(struct op *op) {
    ((struct c_source_op *)op)->no_more = true;
}

/* Row i of split p: v = i * C_SPLITS + p; a watermark behind it. A split that is over (split 0 may
 * be) doesn't hold time back. */
static int cs_emit(struct c_source_op *s, struct c_split *p, struct err *err) {
    int64_t v = p->next++ * C_SPLITS + p->number, least = INT64_MAX;
    struct batch *b = rig_batch(v, 1, 1, C_KEYS);
    for (int i = 0; i < s->n; i++)
        if (s->splits[i].number || s->splits[i].next < ck.first_rows)
            least = MIN(least, s->splits[i].next);
    if (least == INT64_MAX) least = p->next;
    batch_set_steps(b, &(struct wm_step){1, least * C_SPLITS - 1}, 1);
    return op_emit(&s->base, b, err);
}

static int cs_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    struct c_source_op *s = (struct c_source_op *)op;
    pthread_mutex_lock(&ck.lock);
    int64_t limit = ck.limit;
    struct c_split *p = NULL;
    bool over = s->no_more;
    for (int i = 0; i < s->n; i++) {
        struct c_split *x = &s->splits[(s->turn + i) % s->n];
        int64_t end = x->number ? ck.rows : MIN(ck.rows, ck.first_rows);
        int64_t until = x->number == 1 ? MIN(limit, ck.second_limit) : limit;
        if (x->next < MIN(until, end) && !p) p = x;
        over &= x->next == end;
    }
    s->turn++;
    ck.sources[op->ctx->subtask] = op;
    ck.waits[op->ctx->subtask] = !p;
    if (!p) ck_changed();
    pthread_mutex_unlock(&ck.lock);
    if (over) return SOURCE_END;
    if (!p) return SOURCE_WAIT;
    int rc = cs_emit(s, p, err);
    return rc ? rc : SOURCE_DATA;
}

static int cs_snapshot(struct op *op, cJSON **ret, struct err *err) {
    struct c_source_op *s = (struct c_source_op *)op;
    *ret = cJSON_CreateArray();
    for (int i = 0; i < s->n; i++) {
        cJSON *j = cJSON_CreateObject();
        json_set_i64(j, "number", s->splits[i].number);
        json_set_i64(j, "position", s->splits[i].next);
        cJSON_AddItemToArray(*ret, j);
    }
    return 0;
}

static void cs_close(struct op *op) {
    pthread_mutex_lock(&ck.lock);
    ck.sources[op->ctx->subtask] = NULL;
    ck.waits[op->ctx->subtask] = true;
    ck_changed();
    pthread_mutex_unlock(&ck.lock);
}

static const struct source_op_ops c_source_ops = {
    .base = {.size_bytes = sizeof(struct c_source_op), .flags = OP_CHECKPOINTED, .close = cs_close},
    .poll = cs_poll,
    .add_split = cs_add_split,
    .no_more_splits = cs_no_more,
    .snapshot = cs_snapshot};

/* ---- c_sum ---- */

struct c_sum_op {
    struct op base;
    const struct type *key;
    struct state_table *table;
};

static int sum_open(struct op *op, struct err *err) {
    struct c_sum_op *s = (struct c_sum_op *)op;
    s->key = type_of(TYPE_BIGINT);
    s->table = state_table_new(
        &(struct state_desc){.n_keys = 1, .key_types = &s->key, .payload_size_bytes = 8});
    state_set_add(op->ctx->states, "sums", 0, &state_table_part, s->table);
    return 0;
}

static int sum_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct c_sum_op *s = (struct c_sum_op *)op;
    const struct column *keys[] = {&b->cols[0]};
    AUTO_FREE uint64_t *hashes = mem_calloc(b->n, sizeof *hashes);
    AUTO_FREE char **sums = mem_calloc(b->n, sizeof *sums);
    col_hash(&b->cols[0], hashes, b->n);
    state_table_upsert(s->table, keys, hashes, NULL, b->n, sums, NULL);
    struct batch *out = batch_new(2);
    out->n = b->n;
    col_ref(&out->cols[0], &b->cols[0]);
    col_init(&out->cols[1], type_of(TYPE_BIGINT), b->n);
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t v = COL_DATA(&b->cols[1], int64_t)[i];
        CHECKF(op->watermark < v, "row %lld is late: %lld", (long long)v, (long long)op->watermark);
        COL_DATA(&out->cols[1], int64_t)[i] = *(int64_t *)sums[i] += v;
    }
    batch_unref(b);
    return op_emit(op, out, err);
}

static void sum_close(struct op *op) {
    state_table_free(((struct c_sum_op *)op)->table);
}

static const struct op_ops c_sum_ops = {.size_bytes = sizeof(struct c_sum_op),
                                        .flags = OP_CHECKPOINTED,
                                        .open = sum_open,
                                        .push = sum_push,
                                        .close = sum_close};

/* ---- c_sink ---- */

static int csink_push(struct op *op, int port, struct batch *b, struct err *err) {
    pthread_mutex_lock(&ck.lock);
    for (uint32_t i = 0; i < b->n; i++)
        ck.sums[COL_DATA(&b->cols[0], int64_t)[i]] = COL_DATA(&b->cols[1], int64_t)[i];
    ck_changed();
    pthread_mutex_unlock(&ck.lock);
    batch_unref(b);
    return OP_DONE;
}

static int csink_watermark(struct op *op, int64_t wm, struct err *err) {
    pthread_mutex_lock(&ck.lock);
    ck.max_wm[op->ctx->subtask] = MAX(ck.max_wm[op->ctx->subtask], wm);
    ck_changed();
    pthread_mutex_unlock(&ck.lock);
    return op_emit_watermark(op, wm, err);
}

static int csink_barrier(struct op *op, const struct barrier *b, struct err *err) {
    op_committable(op, b->id, false, json_u64(b->id));
    return OP_DONE;
}

static int csink_end(struct op *op, int port, struct err *err) {
    op_committable(op, 1 << 20, true, cJSON_CreateString("end"));
    return OP_DONE;
}

static const struct op_ops c_sink_ops = {.size_bytes = sizeof(struct op),
                                         .flags = OP_CHECKPOINTED | OP_STEPS_LATE,
                                         .push = csink_push,
                                         .watermark = csink_watermark,
                                         .barrier = csink_barrier,
                                         .end_input = csink_end};

static const struct op_desc *ck_find_op(const char *kind) {
    static const struct op_desc descs[] = {{"c_source", "", 0, &c_source_ops.base},
                                           {"c_sum", "", 1, &c_sum_ops},
                                           {"c_sink", "", 1, &c_sink_ops}};
    for (size_t i = 0; i < ARRAY_LEN(descs); i++)
        if (strcmp(descs[i].kind, kind) == 0) return &descs[i];
    return rig_find_op(kind);
}

#endif
