/* op_interval_join.c - joins rows whose times lie within an interval of one another: lower <=
 * left.time - right.time <= upper. Each row meets the rows of the other side that are held, and is
 * held itself as long as a row that isn't late can still match it. Rows of outer joins that leave
 * unmatched come out padded with NULLs. The watermark is handed on with the delay by which results
 * may lie behind it. */
#include "worker/hash_join.h"
#include "worker/metrics.h"
#include "worker/state/join_store.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* Min-heap of held rows by time. */
struct expiry {
    struct join_entry **heap;
    size_t n, cap;
};

/* A batch in hand. */
struct probe {
    struct batch *in;
    int port;
    uint32_t row;
    struct join_entry *entry; /* next of this row's candidates */
    bool in_row;              /* entry is valid for row */
    struct wm_cursor cursor;  /* at row */
    int64_t gone;             /* candidates up to this time are expired for row */
    uint64_t hashes[BATCH_ROWS_MAX];
    struct join_key *partners[BATCH_ROWS_MAX]; /* keys on the other side; NULL: none */
    struct join_key *own[BATCH_ROWS_MAX];      /* scratch of store_rows */
    uint8_t matched[BATCH_ROWS_MAX];
    int64_t times[BATCH_ROWS_MAX];
};

struct interval_join {
    struct op op;
    struct hash_join_spec spec; /* type, keys, residual */
    int time[2];
    int64_t lower, upper, delay;
    bool proctime;
    struct join_store *store[2];
    struct expiry expiry[2];
    struct probe *probe;
    int64_t target; /* watermark being worked on; WATERMARK_MIN = none */
    /* pairs of the batch being made: rows of in (UINT32_MAX: padding), entries (NULL: padding) */
    uint32_t *rows;
    struct join_entry **entries;
    uint32_t n_pairs;
};

static struct interval_join *impl(struct op *op) {
    return CONTAINER_OF(op, struct interval_join, op);
}

static int interval_join_open(struct op *op, struct err *err) {
    struct interval_join *j = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    j->target = WATERMARK_MIN;
    j->proctime = json_opt_bool(cfg, "proctime", false);
    int rc = hash_join_spec_read(op, &j->spec, err);
    if (!rc) rc = json_get_i64(cfg, "lower", &j->lower, err);
    if (!rc) rc = json_get_i64(cfg, "upper", &j->upper, err);
    if (!rc && !j->proctime) rc = json_get_int(cfg, "leftTime", &j->time[0], err);
    if (!rc && !j->proctime) rc = json_get_int(cfg, "rightTime", &j->time[1], err);
    if (rc) return rc;
    for (int s = 0; s < 2 && !j->proctime; s++)
        if (j->time[s] < 0 || j->time[s] >= op->ctx->inputs[s]->n)
            return err_set(err, ERR_PROTOCOL, "time column out of range");
    j->delay = MAX(MAX(-j->lower, j->upper), 0);
    struct arena *a = op->ctx->arena;
    j->store[0] = join_store_new(a, op->ctx->inputs[0], j->spec.left_keys, j->spec.n_keys);
    j->store[1] = join_store_new(a, op->ctx->inputs[1], j->spec.right_keys, j->spec.n_keys);
    join_store_keep_times(j->store[0]);
    join_store_keep_times(j->store[1]);
    state_set_add(op->ctx->states, "left", 0, &join_store_part, j->store[0]);
    state_set_add(op->ctx->states, "right", 0, &join_store_part, j->store[1]);
    j->probe = mem_zalloc(sizeof *j->probe);
    j->rows = mem_calloc(BATCH_ROWS_MAX + 1, sizeof *j->rows);
    j->entries = mem_calloc(BATCH_ROWS_MAX + 1, sizeof *j->entries);
    return 0;
}

/* ---- expiry ---- */

static void heap_push(struct expiry *x, struct join_entry *e) {
    MEM_GROW(x->heap, x->n, x->cap);
    size_t i = x->n++;
    for (; i && x->heap[(i - 1) / 2]->time > e->time; i = (i - 1) / 2)
        x->heap[i] = x->heap[(i - 1) / 2];
    x->heap[i] = e;
}

static struct join_entry *heap_pop(struct expiry *x) {
    struct join_entry *top = x->heap[0], *last = x->heap[--x->n];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= x->n) break;
        if (c + 1 < x->n && x->heap[c + 1]->time < x->heap[c]->time) c++;
        if (x->heap[c]->time >= last->time) break;
        x->heap[i] = x->heap[c];
        i = c;
    }
    if (x->n) x->heap[i] = last;
    return top;
}

/* Times up to this one can't be matched any more once the watermark is wm. */
static int64_t expired_before(const struct interval_join *j, int side, int64_t wm) {
    if (wm == WATERMARK_MAX) return INT64_MAX;
    if (wm == WATERMARK_MIN) return INT64_MIN;
    return side == 0 ? wm + j->lower - 1 : wm - j->upper - 1;
}

static bool is_outer(const struct interval_join *j, int side) {
    enum join_type t = j->spec.type;
    return t == JOIN_FULL || (side == 0 ? t == JOIN_LEFT : t == JOIN_RIGHT);
}

/* ---- results ---- */

/* Columns of one side of the pairs: from the batch in hand or from held rows. */
static void side_columns(struct interval_join *j, int side, bool from_batch, struct column *cols) {
    const struct schema *s = j->op.ctx->inputs[side];
    if (from_batch) {
        for (int c = 0; c < s->n; c++)
            col_gather(&cols[c], &j->probe->in->cols[c], j->rows, j->n_pairs);
        return;
    }
    AUTO_FREE const char **packed = mem_calloc((size_t)j->n_pairs + 1, sizeof *packed);
    for (uint32_t i = 0; i < j->n_pairs; i++)
        packed[i] = j->entries[i] ? join_entry_row(j->entries[i]) : NULL;
    row_pack_read(join_store_pack(j->store[side]), packed, j->n_pairs, cols);
}

static int emit_pairs(struct interval_join *j, struct column *cols, struct err *err) {
    const struct schema *s = j->op.ctx->output;
    struct batch *out = batch_new(s->n);
    out->n = j->n_pairs;
    for (int c = 0; c < s->n; c++) {
        out->cols[c] = cols[c]; /* moved */
        out->cols[c].type = s->fields[c].type;
    }
    j->n_pairs = 0;
    return op_emit(&j->op, out, err);
}

/* The pairs as columns, left side first; drops those whose residual isn't TRUE. */
static int match_pairs(struct interval_join *j, struct err *err) {
    if (!j->n_pairs) return 0;
    struct probe *p = j->probe;
    int n_left = j->op.ctx->inputs[0]->n, n = n_left + j->op.ctx->inputs[1]->n;
    AUTO_FREE struct column *cols = mem_calloc((size_t)n, sizeof *cols);
    side_columns(j, 0, p->port == 0, cols);
    side_columns(j, 1, p->port == 1, cols + n_left);
    int rc = 0;
    if (j->spec.residual) {
        AUTO_FREE uint32_t *sel = mem_alloc(sizeof *sel * j->n_pairs);
        uint32_t k = 0;
        rc = program_select(j->spec.residual, cols, n, j->n_pairs, sel, &k, NULL, err);
        for (int c = 0; c < n && !rc && k < j->n_pairs; c++) {
            struct column all = cols[c];
            col_gather(&cols[c], &all, sel, k);
            col_release(&all);
        }
        for (uint32_t i = 0; i < k; i++) {
            j->rows[i] = j->rows[sel[i]];
            j->entries[i] = j->entries[sel[i]];
        }
        j->n_pairs = k;
    }
    for (uint32_t i = 0; i < j->n_pairs && !rc; i++) {
        p->matched[j->rows[i]] = 1;
        join_store_write(j->store[1 - p->port], j->entries[i]);
        j->entries[i]->matches = 1;
    }
    if (!rc && j->n_pairs) return emit_pairs(j, cols, err);
    for (int c = 0; c < n; c++)
        col_release(&cols[c]);
    j->n_pairs = 0;
    return rc;
}

/* Rows of one side with NULLs for the other. */
static int emit_padded(struct interval_join *j, int side, bool from_batch, struct err *err) {
    if (!j->n_pairs) return 0;
    int n_left = j->op.ctx->inputs[0]->n, n = n_left + j->op.ctx->inputs[1]->n;
    AUTO_FREE struct column *cols = mem_calloc((size_t)n, sizeof *cols);
    side_columns(j, side, from_batch, cols + (side ? n_left : 0));
    const struct schema *other = j->op.ctx->inputs[1 - side];
    for (int c = 0; c < other->n; c++)
        col_repeat(&cols[(side ? 0 : n_left) + c], NULL, other->fields[c].type, j->n_pairs);
    return emit_pairs(j, cols, err);
}

/* ---- rows in ---- */

static bool in_interval(const struct interval_join *j, int port, int64_t mine, int64_t other) {
    int64_t d = port == 0 ? mine - other : other - mine;
    return d >= j->lower && d <= j->upper;
}

static void begin_row(struct interval_join *j) {
    struct probe *p = j->probe;
    p->in_row = true;
    p->entry = p->partners[p->row] ? p->partners[p->row]->first : NULL;
    p->gone =
        j->proctime ? INT64_MIN : expired_before(j, 1 - p->port, wm_cursor_at(&p->cursor, p->row));
}

/* Candidates of rows from the probe's place on, until a batch is full. */
static void find_pairs(struct interval_join *j) {
    struct probe *p = j->probe;
    uint32_t max = j->op.ctx->config->batch_rows;
    while (p->row < p->in->n && j->n_pairs < max) {
        if (!p->in_row) begin_row(j);
        for (; p->entry && j->n_pairs < max; p->entry = p->entry->next) {
            /* It leaves when the batch is done, whatever steps the batch has. */
            if (p->entry->time <= p->gone) continue;
            if (!in_interval(j, p->port, p->times[p->row], p->entry->time)) continue;
            j->rows[j->n_pairs] = p->row;
            j->entries[j->n_pairs++] = p->entry;
        }
        if (p->entry) return;
        p->in_row = false;
        p->row++;
    }
}

/* Holds the rows that can still be matched; gives those out padded that can't and weren't. */
static int store_rows(struct interval_join *j, struct err *err) {
    struct probe *p = j->probe;
    struct join_store *store = j->store[p->port];
    const int *keys = p->port == 0 ? j->spec.left_keys : j->spec.right_keys;
    const struct column *cols[STATE_KEYS_MAX];
    for (int k = 0; k < j->spec.n_keys; k++)
        cols[k] = &p->in->cols[keys[k]];
    join_store_hold(store, cols, p->hashes, NULL, p->in->n, p->own);
    struct wm_cursor c = wm_cursor_of(j->op.watermark, p->in);
    for (uint32_t i = 0; i < p->in->n; i++) {
        int64_t wm = j->proctime ? p->times[i] : wm_cursor_at(&c, i);
        int64_t last = p->port == 0 ? p->times[i] - j->lower : p->times[i] + j->upper;
        if (wm < last) {
            struct join_entry *e = join_store_add(store, p->own[i], p->in, i, p->times[i]);
            e->matches = p->matched[i];
            heap_push(&j->expiry[p->port], e);
        } else if (!p->matched[i] && is_outer(j, p->port)) {
            j->rows[j->n_pairs++] = i;
            if (j->n_pairs < j->op.ctx->config->batch_rows) continue;
            int rc = emit_padded(j, p->port, true, err);
            if (rc) return rc;
        }
    }
    join_store_sweep(store, p->own, p->in->n);
    return emit_padded(j, p->port, true, err);
}

/* Goes on with the batch in hand. */
static int give_probe(struct interval_join *j, struct err *err) {
    struct probe *p = j->probe;
    while (p->in && p->row < p->in->n) {
        if (op_output_full(&j->op)) return OP_MORE;
        find_pairs(j);
        int rc = match_pairs(j, err);
        if (rc) return rc;
    }
    if (!p->in) return OP_DONE;
    int rc = store_rows(j, err);
    batch_unref(p->in);
    p->in = NULL;
    return rc ? rc : OP_DONE;
}

static void read_times(struct interval_join *j, struct batch *b, int port) {
    struct probe *p = j->probe;
    if (j->proctime) {
        int64_t now = op_now_ms(&j->op);
        for (uint32_t i = 0; i < b->n; i++)
            p->times[i] = now;
        op_set_timer(&j->op, now + MAX(j->delay, 1) + 1);
    } else {
        memcpy(p->times, b->cols[j->time[port]].data, sizeof *p->times * b->n);
    }
}

/* NULL keys match nothing, unless they are to equal NULL. */
static void drop_null_keys(struct interval_join *j, struct batch *b, const int *keys) {
    struct probe *p = j->probe;
    for (int k = 0; k < j->spec.n_keys; k++) {
        const struct column *c = &b->cols[keys[k]];
        for (uint32_t i = 0; c->valid && !j->spec.null_matches[k] && i < b->n; i++)
            if (!col_is_valid(c, i)) p->partners[i] = NULL;
    }
}

static int interval_join_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct interval_join *j = impl(op);
    struct probe *p = j->probe;
    const int *keys = port == 0 ? j->spec.left_keys : j->spec.right_keys;
    const struct column *cols[STATE_KEYS_MAX];
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    memset(p->hashes, 0, sizeof *p->hashes * b->n);
    memset(p->matched, 0, b->n);
    for (int k = 0; k < j->spec.n_keys; k++) {
        cols[k] = &b->cols[keys[k]];
        col_hash(cols[k], p->hashes, b->n);
    }
    read_times(j, b, port);
    join_store_find(j->store[1 - port], cols, p->hashes, NULL, b->n, p->partners);
    drop_null_keys(j, b, keys);
    p->in = b;
    p->port = port;
    p->row = 0;
    p->in_row = false;
    p->cursor = wm_cursor_of(op->watermark, b);
    return give_probe(j, err);
}

/* ---- time ---- */

static int expire_side(struct interval_join *j, int side, int64_t limit, struct err *err) {
    struct expiry *x = &j->expiry[side];
    struct join_entry *padded[BATCH_ROWS_MAX];
    while (x->n && x->heap[0]->time <= limit) {
        if (op_output_full(&j->op)) return OP_MORE;
        uint32_t k = 0;
        while (x->n && x->heap[0]->time <= limit && k < j->op.ctx->config->batch_rows) {
            struct join_entry *e = heap_pop(x);
            if (!e->matches && is_outer(j, side))
                padded[k++] = e;
            else
                join_store_drop(j->store[side], e);
        }
        memcpy(j->entries, padded, sizeof *padded * k);
        j->n_pairs = k;
        int rc = emit_padded(j, side, false, err);
        for (uint32_t i = 0; i < k; i++)
            join_store_drop(j->store[side], padded[i]);
        if (rc) return rc;
    }
    return OP_DONE;
}

static int give_expired(struct interval_join *j, struct err *err) {
    if (j->target == WATERMARK_MIN) return OP_DONE;
    for (int side = 0; side < 2; side++) {
        int rc = expire_side(j, side, expired_before(j, side, j->target), err);
        if (rc) return rc;
    }
    int64_t wm = j->target;
    j->target = WATERMARK_MIN;
    if (j->proctime && wm != WATERMARK_MAX) return OP_DONE;
    int rc = op_emit_watermark(&j->op, wm == WATERMARK_MAX ? wm : wm - j->delay, err);
    return rc ? rc : OP_DONE;
}

static int interval_join_watermark(struct op *op, int64_t wm, struct err *err) {
    struct interval_join *j = impl(op);
    if (j->proctime && wm != WATERMARK_MAX) return OP_DONE;
    j->target = wm;
    return give_expired(j, err);
}

static int interval_join_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct interval_join *j = impl(op);
    j->target = MAX(j->target, now_ms);
    if (j->expiry[0].n || j->expiry[1].n) op_set_timer(op, now_ms + MAX(j->delay, 1) + 1);
    return give_expired(j, err);
}

static int interval_join_resume(struct op *op, struct err *err) {
    struct interval_join *j = impl(op);
    int rc = give_probe(j, err);
    return rc ? rc : give_expired(j, err);
}

static int interval_join_restored(struct op *op, struct err *err) {
    struct interval_join *j = impl(op);
    int64_t first = INT64_MAX;
    for (int side = 0; side < 2; side++) {
        struct join_key *keys[256];
        uint64_t pos = 0;
        uint32_t n;
        while ((n = join_store_scan(j->store[side], &pos, keys, ARRAY_LEN(keys))))
            for (uint32_t i = 0; i < n; i++)
                for (struct join_entry *e = keys[i]->first; e; e = e->next)
                    heap_push(&j->expiry[side], e);
        if (j->expiry[side].n) first = MIN(first, j->expiry[side].heap[0]->time);
    }
    if (j->proctime && first < INT64_MAX) op_set_timer(op, first + MAX(j->delay, 1) + 1);
    return 0;
}

static void interval_join_close(struct op *op) {
    struct interval_join *j = impl(op);
    for (int s = 0; s < 2; s++) {
        join_store_free(j->store[s]);
        free(j->expiry[s].heap);
    }
    if (j->probe) batch_unref(j->probe->in);
    free(j->probe);
    free(j->rows);
    free(j->entries);
    hash_join_spec_release(&j->spec);
}

static const struct op_ops interval_join_ops = {.size_bytes = sizeof(struct interval_join),
                                                .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                                .open = interval_join_open,
                                                .push = interval_join_push,
                                                .resume = interval_join_resume,
                                                .watermark = interval_join_watermark,
                                                .timer = interval_join_timer,
                                                .close = interval_join_close,
                                                .restored = interval_join_restored};

const struct op_desc op_interval_join = {.kind = "interval_join",
                                         .doc = "Joins rows whose times are near one another.",
                                         .n_inputs = 2,
                                         .ops = &interval_join_ops};
