/* op_sort.c - ORDER BY with OFFSET and LIMIT. Bounded: holds its input (folding the changes of an
 * updating one) and gives it in order at the end. `time`: streaming, by a leading rowtime column:
 * rows come out in order when the watermark passes them, late ones are dropped as in Flink. */
#include "worker/metrics.h"
#include "worker/rank_list.h"
#include "worker/state/join_store.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct held_row {
    uint32_t batch, row;
};

struct sort_op {
    struct op op;
    struct order order;
    int64_t offset, limit; /* limit -1: all */
    bool by_time;
    struct batch **batches;
    uint32_t n_batches, cap_batches;
    struct held_row *rows; /* sorted when given out */
    size_t n_rows, cap_rows;
    size_t next, end; /* rows that are being given out */
    int64_t target;   /* watermark to hand on behind them; WATERMARK_MIN = none */
    bool giving;
    /* by_time: rows by arrival (seq), all of one key; those that a watermark has passed, sorted */
    struct join_store *store;
    struct rank_order packed_order;
    int64_t next_seq;
    struct join_entry **due;
    size_t n_due, cap_due, given;
};

static struct sort_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct sort_op, op);
}

static int sort_open(struct op *op, struct err *err) {
    struct sort_op *s = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    s->offset = json_opt_i64(cfg, "offset", 0);
    s->limit = json_opt_i64(cfg, "limit", -1);
    s->by_time = json_opt_bool(cfg, "time", false);
    s->target = WATERMARK_MIN;
    int rc = order_read(op->ctx->arena, json_opt(cfg, "order"), op->ctx->inputs[0], &s->order, err);
    if (rc || !s->by_time) return rc;
    s->store = join_store_new(op->ctx->arena, op->ctx->inputs[0], NULL, 0);
    join_store_keep_times(s->store);
    s->packed_order = (struct rank_order){.pack = join_store_pack(s->store), .order = s->order};
    state_set_add(op->ctx->states, "rows", 0, &join_store_part, s->store);
    return 0;
}

/* ---- by time ---- */

static struct join_key *only_key(struct sort_op *s) {
    const uint64_t hash = 0;
    struct join_key *k;
    join_store_hold(s->store, NULL, &hash, NULL, 1, &k);
    return k;
}

static int push_by_time(struct sort_op *s, struct batch *b) {
    const struct column *t = &b->cols[s->order.keys[0].column];
    struct join_key *k = only_key(s);
    struct wm_cursor c = wm_cursor_of(s->op.watermark, b);
    uint64_t late = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t wm = wm_cursor_at(&c, i);
        int64_t time = col_is_valid(t, i) ? COL_DATA(t, int64_t)[i] : INT64_MIN;
        if (b->kinds && !row_kind_adds(b->kinds[i])) {
            struct join_entry *e = join_store_last_equal(s->store, k, b, i);
            if (e) join_store_remove(s->store, e);
        } else if (wm != WATERMARK_MIN && col_is_valid(t, i) && time <= wm) {
            late++;
        } else {
            join_store_add(s->store, k, b, i, time)->seq = s->next_seq++;
        }
    }
    if (late) metric_add(&s->op.ctx->metrics->late_records, late);
    batch_unref(b);
    return OP_DONE;
}

static int cmp_due(const void *pa, const void *pb, void *self) {
    const struct sort_op *s = self;
    struct join_entry *a = *(struct join_entry *const *)pa, *b = *(struct join_entry *const *)pb;
    int c = rank_cmp(&s->packed_order, join_entry_row(a), join_entry_row(b));
    return c ? c : a->seq < b->seq ? -1 : 1;
}

static void take_due(struct sort_op *s, int64_t wm) {
    s->n_due = s->given = 0;
    for (struct join_entry *e = only_key(s)->first; e; e = e->next) {
        if (e->time > wm) continue;
        MEM_GROW(s->due, s->n_due, s->cap_due);
        s->due[s->n_due++] = e;
    }
    if (s->n_due) qsort_r(s->due, s->n_due, sizeof(*s->due), cmp_due, s);
}

/* The next rows that are due, which leave the state. */
static struct batch *next_due(struct sort_op *s, uint32_t n) {
    const struct schema *out = s->op.ctx->output;
    AUTO_FREE const char **packed = mem_alloc(sizeof *packed * (n + 1));
    struct batch *b = batch_new(out->n);
    b->n = n;
    for (uint32_t i = 0; i < n; i++)
        packed[i] = join_entry_row(s->due[s->given + i]);
    row_pack_read(join_store_pack(s->store), packed, n, b->cols);
    for (int c = 0; c < out->n; c++)
        b->cols[c].type = out->fields[c].type;
    for (uint32_t i = 0; i < n; i++)
        join_store_remove(s->store, s->due[s->given + i]);
    s->given += n;
    return b;
}

static int sort_restored(struct op *op, struct err *err) {
    struct sort_op *s = impl(op);
    for (struct join_entry *e = s->store ? only_key(s)->first : NULL; e; e = e->next)
        s->next_seq = MAX(s->next_seq, e->seq + 1);
    return 0;
}

/* ---- all, at the end ---- */

static const struct column *cols_of(const struct sort_op *s, const struct held_row *r) {
    return s->batches[r->batch]->cols;
}

static _Thread_local const struct sort_op *sorting; /* qsort has no argument for it */

static int cmp_held(const void *pa, const void *pb) {
    const struct held_row *a = pa, *b = pb;
    int c = order_cmp(&sorting->order, cols_of(sorting, a), a->row, cols_of(sorting, b), b->row);
    if (c) return c;
    if (a->batch != b->batch) return a->batch < b->batch ? -1 : 1; /* stable */
    return a->row < b->row ? -1 : 1;
}

static bool same_row(const struct sort_op *s, const struct held_row *r, const struct batch *b,
                     uint32_t row) {
    const struct column *cols = cols_of(s, r);
    for (int i = 0; i < b->n_cols; i++)
        if (!col_eq(&cols[i], r->row, &b->cols[i], row)) return false;
    return true;
}

/* A row taken back: the last one equal to it goes. */
static void take_back(struct sort_op *s, const struct batch *b, uint32_t row) {
    for (size_t i = s->n_rows; i-- > 0;) {
        if (!same_row(s, &s->rows[i], b, row)) continue;
        memmove(&s->rows[i], &s->rows[i + 1], sizeof *s->rows * (s->n_rows - i - 1));
        s->n_rows--;
        return;
    }
}

static int sort_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct sort_op *s = impl(op);
    if (s->by_time) return push_by_time(s, b);
    MEM_GROW(s->batches, s->n_batches, s->cap_batches);
    s->batches[s->n_batches++] = b;
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->kinds && !row_kind_adds(b->kinds[i])) {
            take_back(s, b, i);
            continue;
        }
        MEM_GROW(s->rows, s->n_rows, s->cap_rows);
        s->rows[s->n_rows++] = (struct held_row){s->n_batches - 1, i};
    }
    return OP_DONE;
}

/* Rows [from, from + n) of the sorted list as one batch. */
static struct batch *gather(struct sort_op *s, size_t from, uint32_t n) {
    struct batch *out = batch_new(s->op.ctx->output->n);
    out->n = n;
    AUTO_FREE uint32_t *number = mem_alloc(sizeof *number * s->n_batches);
    memset(number, 0xFF, sizeof *number * s->n_batches);
    AUTO_FREE uint32_t *used = mem_alloc(sizeof *used * (n + 1));
    AUTO_FREE uint32_t *idx = mem_alloc(sizeof *idx * (n + 1));
    AUTO_FREE uint32_t *base = mem_alloc(sizeof *base * (n + 1));
    uint32_t n_used = 0, total = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct held_row *r = &s->rows[from + i];
        if (number[r->batch] == UINT32_MAX) {
            number[r->batch] = n_used;
            used[n_used] = r->batch;
            base[n_used++] = total;
            total += s->batches[r->batch]->n;
        }
        idx[i] = base[number[r->batch]] + r->row;
    }
    AUTO_FREE const struct column **parts = mem_alloc(sizeof *parts * (n_used + 1));
    for (int c = 0; c < out->n_cols; c++) {
        for (uint32_t u = 0; u < n_used; u++)
            parts[u] = &s->batches[used[u]]->cols[c];
        struct column joined;
        col_concat(&joined, parts, n_used);
        col_gather(&out->cols[c], &joined, idx, n);
        out->cols[c].type = s->op.ctx->output->fields[c].type;
        col_release(&joined);
    }
    return out;
}

/* Forgets the rows that were given out, and batches that no row refers to. */
static void forget(struct sort_op *s) {
    if (!s->n_batches) return;
    s->n_rows -= s->end;
    memmove(s->rows, s->rows + s->end, sizeof *s->rows * s->n_rows);
    s->next = s->end = 0;
    AUTO_FREE uint32_t *number = mem_calloc((size_t)s->n_batches + 1, sizeof *number);
    for (size_t i = 0; i < s->n_rows; i++)
        number[s->rows[i].batch] = 1;
    uint32_t k = 0;
    for (uint32_t b = 0; b < s->n_batches; b++) {
        bool live = number[b];
        number[b] = k;
        if (live)
            s->batches[k++] = s->batches[b];
        else
            batch_unref(s->batches[b]);
    }
    s->n_batches = k;
    for (size_t i = 0; i < s->n_rows; i++)
        s->rows[i].batch = number[s->rows[i].batch];
}

static int give(struct sort_op *s, struct err *err) {
    uint32_t max = s->op.ctx->config->batch_rows;
    while (s->next < s->end) {
        if (op_output_full(&s->op)) return OP_MORE;
        uint32_t n = (uint32_t)MIN((size_t)max, s->end - s->next);
        struct batch *b = gather(s, s->next, n);
        s->next += n;
        int rc = op_emit(&s->op, b, err);
        if (rc) return rc;
    }
    forget(s);
    while (s->given < s->n_due) {
        if (op_output_full(&s->op)) return OP_MORE;
        int rc = op_emit(&s->op, next_due(s, (uint32_t)MIN((size_t)max, s->n_due - s->given)), err);
        if (rc) return rc;
    }
    s->giving = false;
    int64_t wm = s->target;
    s->target = WATERMARK_MIN;
    if (wm == WATERMARK_MIN) return OP_DONE;
    int rc = op_emit_watermark(&s->op, wm, err);
    return rc ? rc : OP_DONE;
}

static void sort_rows(struct sort_op *s) {
    sorting = s;
    if (s->n_rows) qsort(s->rows, s->n_rows, sizeof *s->rows, cmp_held);
}

static int sort_watermark(struct op *op, int64_t wm, struct err *err) {
    struct sort_op *s = impl(op);
    if (!s->by_time) {
        if (wm != WATERMARK_MAX) return op_emit_watermark(op, wm, err);
        sort_rows(s);
        s->next = (size_t)MIN(s->offset, (int64_t)s->n_rows);
        s->end = s->limit < 0 ? s->n_rows : (size_t)MIN(s->offset + s->limit, (int64_t)s->n_rows);
        s->end = MAX(s->end, s->next);
    } else {
        take_due(s, wm);
    }
    s->target = wm;
    s->giving = true;
    return give(s, err);
}

static int sort_resume(struct op *op, struct err *err) {
    return impl(op)->giving ? give(impl(op), err) : OP_DONE;
}

static void sort_close(struct op *op) {
    struct sort_op *s = impl(op);
    for (uint32_t i = 0; i < s->n_batches; i++)
        batch_unref(s->batches[i]);
    free(s->batches);
    free(s->rows);
    join_store_free(s->store);
    free(s->due);
}

static const struct op_ops sort_ops = {.size_bytes = sizeof(struct sort_op),
                                       .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                       .open = sort_open,
                                       .push = sort_push,
                                       .resume = sort_resume,
                                       .watermark = sort_watermark,
                                       .close = sort_close,
                                       .restored = sort_restored};

const struct op_desc op_sort = {
    .kind = "sort", .doc = "Puts rows in order.", .n_inputs = 1, .ops = &sort_ops};
