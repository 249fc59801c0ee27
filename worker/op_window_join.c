/* op_window_join.c - joins rows of both sides that carry equal windows. Rows wait by window end;
 * when the watermark passes it, the window's rows are joined and leave. Late rows are dropped. */
#include "worker/hash_join.h"
#include "worker/metrics.h"
#include "worker/state/row_log.h"
#include "worker/state/state_set.h"
#include "worker/window.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct join_window {
    int64_t end;
    struct row_log *sides; /* two; parts of the op's state */
};

static const char *const side_names[2] = {"left", "right"};

struct window_join {
    struct op op;
    struct hash_join_spec spec; /* its keys are those of `keys` and the window's end */
    const int *keys[2];
    int n_keys;
    struct row_pack *pack[2];
    int end_column[2];
    bool ltz;                    /* windows of TIMESTAMP_LTZ: their ends are local times */
    struct join_window *windows; /* by end */
    int n_windows, cap_windows;
    int64_t target;
    struct hash_join *firing;
    struct batch **fired[2]; /* its rows, gathered */
    uint32_t n_fired[2];
    uint32_t *order;
};

static struct window_join *impl(struct op *op) {
    return CONTAINER_OF(op, struct window_join, op);
}

static void add_end_to_keys(struct window_join *w) {
    struct arena *a = w->op.ctx->arena;
    int n = w->n_keys = w->spec.n_keys;
    w->keys[0] = w->spec.left_keys;
    w->keys[1] = w->spec.right_keys;
    int *keys[2] = {ARENA_NEW_N(a, int, n + 1), ARENA_NEW_N(a, int, n + 1)};
    bool *nulls = ARENA_NEW_N(a, bool, n + 1);
    for (int k = 0; k < n; k++) {
        keys[0][k] = w->spec.left_keys[k];
        keys[1][k] = w->spec.right_keys[k];
        nulls[k] = w->spec.null_matches[k];
    }
    keys[0][n] = w->end_column[0];
    keys[1][n] = w->end_column[1];
    w->spec.left_keys = keys[0];
    w->spec.right_keys = keys[1];
    w->spec.null_matches = nulls;
    w->spec.n_keys++;
}

static int window_join_open(struct op *op, struct err *err) {
    struct window_join *w = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    w->target = WATERMARK_MIN;
    w->order = ARENA_NEW_N(op->ctx->arena, uint32_t, BATCH_ROWS_MAX);
    int rc = hash_join_spec_read(op, &w->spec, err);
    if (!rc) rc = json_get_int(cfg, "leftEnd", &w->end_column[0], err);
    if (!rc) rc = json_get_int(cfg, "rightEnd", &w->end_column[1], err);
    for (int i = 0; i < 2 && !rc; i++)
        if (w->end_column[i] < 0 || w->end_column[i] >= op->ctx->inputs[i]->n)
            rc = err_set(err, ERR_PROTOCOL, "window end column out of range");
    if (rc) return rc;
    add_end_to_keys(w);
    for (int i = 0; i < 2; i++)
        w->pack[i] = row_pack_of_schema(op->ctx->arena, op->ctx->inputs[i]);
    w->ltz = json_opt_bool(cfg, "ltz", false);
    return rc;
}

static int64_t fire_time(const struct window_join *w, int64_t end) {
    return window_fire_time_in(w->ltz ? w->op.ctx->env->zone : NULL, end);
}

static struct join_window *find_window(struct window_join *w, int64_t end) {
    int lo = 0, hi = w->n_windows;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (w->windows[mid].end < end)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < w->n_windows && w->windows[lo].end == end) return &w->windows[lo];
    MEM_GROW(w->windows, w->n_windows, w->cap_windows);
    memmove(&w->windows[lo + 1], &w->windows[lo], sizeof *w->windows * (size_t)(w->n_windows - lo));
    struct row_log *sides = mem_calloc(2, sizeof *sides);
    for (int s = 0; s < 2; s++) {
        row_log_init(&sides[s], w->pack[s], w->op.ctx->inputs[s]->n, w->keys[s], w->n_keys);
        state_set_add(w->op.ctx->states, side_names[s], end, &row_log_part_ops, &sides[s]);
    }
    w->windows[lo] = (struct join_window){end, sides};
    w->n_windows++;
    return &w->windows[lo];
}

static _Thread_local const int64_t *sort_ends;

static int cmp_rows(const void *pa, const void *pb) {
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    if (sort_ends[a] != sort_ends[b]) return sort_ends[a] < sort_ends[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

static int window_join_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct window_join *w = impl(op);
    const struct column *c = &b->cols[w->end_column[port]];
    const int64_t *ends = c->data;
    struct wm_cursor cursor = wm_cursor_of(op->watermark, b);
    uint32_t k = 0, late = 0;
    bool sorted = true;
    for (uint32_t i = 0; i < b->n; i++) {
        if (!col_is_valid(c, i)) continue;
        if (fire_time(w, ends[i]) <= wm_cursor_at(&cursor, i)) {
            late++;
            continue;
        }
        sorted &= !k || ends[w->order[k - 1]] <= ends[i];
        w->order[k++] = i;
    }
    if (late) metric_add(&op->ctx->metrics->late_records, late);
    sort_ends = ends;
    if (!sorted) qsort(w->order, k, sizeof *w->order, cmp_rows);
    for (uint32_t from = 0, to; from < k; from = to) {
        int64_t end = ends[w->order[from]];
        for (to = from + 1; to < k && ends[w->order[to]] == end; to++) {
        }
        row_log_add(&find_window(w, end)->sides[port], b, w->order + from, to - from);
    }
    batch_unref(b);
    return OP_DONE;
}

static void free_sides(struct row_log *sides) {
    for (int s = 0; s < 2; s++)
        row_log_release(&sides[s]);
    free(sides);
}

static void release_window(struct window_join *w, struct join_window *jw) {
    for (int s = 0; s < 2; s++)
        state_set_drop(w->op.ctx->states, side_names[s], jw->end);
    free_sides(jw->sides);
}

static void release_fired(struct window_join *w) {
    hash_join_free(w->firing);
    w->firing = NULL;
    for (int s = 0; s < 2; s++) {
        for (uint32_t i = 0; i < w->n_fired[s]; i++)
            batch_unref(w->fired[s][i]);
        free(w->fired[s]);
        w->fired[s] = NULL;
        w->n_fired[s] = 0;
    }
}

static void gather_rows(struct window_join *w, int side, const struct row_log *l,
                        uint32_t *ret_rows) {
    for (uint32_t i = 0; i < l->n_parts; i++) {
        const struct row_log_part *p = &l->parts[i];
        w->fired[side] =
            mem_reallocarray(w->fired[side], w->n_fired[side] + 1, sizeof *w->fired[side]);
        w->fired[side][w->n_fired[side]++] = batch_gather(p->batch, p->rows, p->n, false);
        *ret_rows += p->n;
    }
}

/* Takes the windows that are over out of the list, as many as make a batch, and begins to join
 * their rows; the window's end is among the keys. */
static void begin_join(struct window_join *w) {
    uint32_t rows = 0;
    int n = 0;
    while (n < w->n_windows && rows < w->op.ctx->config->batch_rows &&
           fire_time(w, w->windows[n].end) <= w->target) {
        for (int s = 0; s < 2; s++)
            gather_rows(w, s, &w->windows[n].sides[s], &rows);
        release_window(w, &w->windows[n++]);
    }
    w->n_windows -= n;
    memmove(&w->windows[0], &w->windows[n], sizeof *w->windows * (size_t)w->n_windows);
    w->firing = hash_join_new(&w->spec, w->fired[0], w->n_fired[0], w->fired[1], w->n_fired[1]);
}

/* Joins window after window up to the target, as far as there is room. */
static int give(struct window_join *w, struct err *err) {
    for (;;) {
        while (w->firing) {
            if (op_output_full(&w->op)) return OP_MORE;
            struct batch *out;
            int rc = hash_join_next(w->firing, &out, err);
            if (!rc && out) rc = op_emit(&w->op, out, err);
            if (rc) return rc;
            if (out) continue;
            release_fired(w);
        }
        if (!w->n_windows || w->target == WATERMARK_MIN ||
            fire_time(w, w->windows[0].end) > w->target)
            break;
        begin_join(w);
    }
    if (w->target == WATERMARK_MIN) return OP_DONE;
    int64_t wm = w->target;
    w->target = WATERMARK_MIN;
    int rc = op_emit_watermark(&w->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int window_join_watermark(struct op *op, int64_t wm, struct err *err) {
    impl(op)->target = wm;
    return give(impl(op), err);
}

static int window_join_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

static int window_join_make_part(struct op *op, const char *name, int64_t ns, struct err *err) {
    if (strcmp(name, side_names[0]) && strcmp(name, side_names[1]))
        return err_set(err, ERR_CORRUPT, "a window join has no state '%s'", name);
    find_window(impl(op), ns);
    return 0;
}

static void window_join_close(struct op *op) {
    struct window_join *w = impl(op);
    release_fired(w);
    for (int i = 0; i < w->n_windows; i++)
        free_sides(w->windows[i].sides);
    free(w->windows);
    hash_join_spec_release(&w->spec);
}

static const struct op_ops window_join_ops = {.size_bytes = sizeof(struct window_join),
                                              .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                              .open = window_join_open,
                                              .push = window_join_push,
                                              .resume = window_join_resume,
                                              .watermark = window_join_watermark,
                                              .close = window_join_close,
                                              .make_part = window_join_make_part};

const struct op_desc op_window_join = {.kind = "window_join",
                                       .doc = "Joins rows of equal windows.",
                                       .n_inputs = 2,
                                       .ops = &window_join_ops};
