/* op_window_emit.c - windowed aggregation whose results come before a window is complete, and again
 * for rows that are late but still allowed: an updating stream by key and window.
 *
 * Each window has its own groups, and each group the result it sent last, so that a result is sent
 * only where it differs: +I, then (-U) +U, -D when all rows were taken back. Early results come
 * with each row, or every so often of processing time since the window's first row; the one on time
 * when the watermark passes the window's end; late ones as early ones. A window leaves state when
 * the watermark is as far behind its end as rows may be late; what it hasn't sent by then it sends.
 */
#include "worker/agg_state.h"
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/state/row_pack.h"
#include "worker/state/state_set.h"
#include "worker/state/state_value.h"
#include "worker/window.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SCAN_GROUPS = 256, NEVER = -1 };

/* The group's header (AGG_HEADER_BYTES). */
struct group_head {
    int64_t rows;  /* live ones */
    int64_t round; /* scratch of one batch */
};

/* Behind the accumulators. */
struct group_tail {
    char *sent;    /* the result sent last, a packed row in the table's var memory; NULL: none */
    int64_t dirty; /* is among its window's changed groups */
};

/* When a window's results come. */
struct win_clock {
    struct state_value value;
    int64_t base_ms; /* processing time of its first row */
    int64_t due_ms;  /* when its changed groups are to be sent; INT64_MAX: not by the clock */
};

struct win {
    int64_t start, end;
    struct agg_state *state;
    bool passed; /* the watermark has passed its end */
    struct win_clock *clock;
    char **changed; /* groups that may have another result than they sent */
    uint32_t n_changed, cap_changed;
};

/* A row in one of its windows. */
struct entry {
    int64_t end;
    uint32_t row;
};

struct out_row {
    const char *row;
    uint32_t in_row;
    uint8_t kind;
    int64_t end;
};

struct window_emit {
    struct op op;
    struct window window;
    struct window_props props;
    struct agg_set *set;
    struct row_pack *pack; /* of results */
    uint32_t tail_at;
    bool update_before;
    int64_t early_ms, late_ms; /* between results; 0: with each row; NEVER */
    int64_t lateness;
    struct win *wins; /* by end */
    uint32_t n_wins, cap_wins;
    /* batch in hand, up to in_row */
    struct batch *in;
    uint32_t in_row, in_step;
    int64_t *slices;
    uint64_t *hashes;
    struct entry *entries;
    uint32_t n_entries, cap_entries;
    /* watermark that is being worked on; WATERMARK_MIN = none */
    int64_t target;
    uint64_t pos; /* scan of the window that fires */
    /* results until they are given, and rows that leave the state behind them */
    struct out_row *outs;
    uint32_t n_outs, cap_outs, given;
    struct gone {
        char *row;
        struct var_memory *var;
    } * gone;
    uint32_t n_gone, cap_gone;
    struct str scratch;
};

static struct window_emit *impl(struct op *op) {
    return CONTAINER_OF(op, struct window_emit, op);
}

static struct group_head *head(char *group) {
    return (struct group_head *)group;
}

static struct group_tail *tail(const struct window_emit *w, char *group) {
    return (struct group_tail *)(group + w->tail_at);
}

/* int64 whether it is changed, the result sent last or nothing. */
static void save_tail(void *self, const char *group, struct str *out) {
    const struct group_tail *t = tail(self, (char *)group);
    str_add_n(out, &t->dirty, 8);
    if (t->sent) str_add_n(out, t->sent, row_pack_size(t->sent));
}

static int load_tail(void *self, char *group, struct sv bytes, struct var_memory *var,
                     struct err *err) {
    struct group_tail *t = tail(self, group);
    if (!sv_take(&bytes, &t->dirty, 8))
        return err_set(err, ERR_CORRUPT, "a window's last result is cut off");
    if (!bytes.len) return 0;
    t->sent = row_pack_take(((struct window_emit *)self)->pack, &bytes, var, 0, err);
    return t->sent ? 0 : err->code;
}

static void free_tail(void *self, char *group, struct var_memory *var) {
    char *sent = tail(self, group)->sent;
    if (sent) var_free(var, sent, row_pack_size(sent));
}

static const struct agg_tail tail_ops = {save_tail, load_tail, free_tail};

static int64_t delay_of(const cJSON *emit, const char *name) {
    return json_opt(emit, name) ? json_opt_i64(emit, name, 0) : NEVER;
}

static int window_emit_open(struct op *op, struct err *err) {
    struct window_emit *w = impl(op);
    const cJSON *cfg = op->ctx->plan->config, *emit = json_opt(cfg, "emit");
    w->target = WATERMARK_MIN;
    w->early_ms = delay_of(emit, "early");
    w->late_ms = delay_of(emit, "late");
    w->lateness = json_opt_i64(emit, "lateness", 0);
    w->update_before = json_opt_bool(cfg, "updateBefore", true);
    int rc = window_read(json_opt(cfg, "window"), op->ctx, &w->window, err);
    if (!rc) rc = agg_set_new(op, json_opt(cfg, "keys"), json_opt(cfg, "aggs"), &w->set, err);
    if (!rc) rc = window_props_read(json_opt(cfg, "props"), &w->props, err);
    if (rc) return rc;
    if (w->window.kind == SLICE_ATTACHED)
        return err_set(err, ERR_PROTOCOL, "windows of a subquery can't be given early");
    w->tail_at = (w->set->payload_bytes + 7) / 8 * 8;
    w->set->payload_bytes = w->tail_at + (uint32_t)sizeof(struct group_tail);
    w->set->tail = &tail_ops;
    w->set->tail_self = w;
    w->pack = row_pack_of_schema(op->ctx->arena, op->ctx->output);
    w->slices = mem_calloc(BATCH_ROWS_MAX, sizeof *w->slices);
    w->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *w->hashes);
    return 0;
}

/* ---- results ---- */

static void add_out(struct window_emit *w, uint8_t kind, const char *row, uint32_t in_row,
                    int64_t end) {
    MEM_GROW(w->outs, w->n_outs, w->cap_outs);
    w->outs[w->n_outs++] = (struct out_row){.row = row, .in_row = in_row, .kind = kind, .end = end};
}

/* Rows may be referred to by results that aren't given yet. */
static void let_go(struct window_emit *w, char *row, struct var_memory *var) {
    MEM_GROW(w->gone, w->n_gone, w->cap_gone);
    w->gone[w->n_gone++] = (struct gone){row, var};
}

static void free_gone(struct window_emit *w) {
    for (uint32_t i = 0; i < w->n_gone; i++)
        var_free(w->gone[i].var, w->gone[i].row, row_pack_size(w->gone[i].row));
    w->n_gone = 0;
}

static int emit_outs(struct window_emit *w, const struct out_row *outs, uint32_t n,
                     struct err *err) {
    const struct schema *s = w->op.ctx->output;
    struct batch *b = batch_new(s->n);
    AUTO_FREE const char **rows = mem_alloc(sizeof *rows * n);
    b->n = n;
    uint8_t *kinds = batch_make_kinds(b);
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = outs[i].row;
        kinds[i] = outs[i].kind;
    }
    row_pack_read(w->pack, rows, n, b->cols);
    for (int c = 0; c < s->n; c++)
        b->cols[c].type = s->fields[c].type;
    return op_emit(&w->op, b, err);
}

static int give_outs(struct window_emit *w, struct err *err) {
    while (w->given < w->n_outs) {
        if (op_output_full(&w->op)) return OP_MORE;
        uint32_t n = MIN(w->n_outs - w->given, w->op.ctx->config->batch_rows);
        int rc = emit_outs(w, w->outs + w->given, n, err);
        if (rc) return rc;
        w->given += n;
    }
    w->given = w->n_outs = 0;
    free_gone(w);
    return OP_DONE;
}

/* Result rows of groups of one window, as columns of the output. */
static int result_columns(struct window_emit *w, struct win *win, char *const *groups, uint32_t n,
                          struct column *cols, struct err *err) {
    const struct schema *out = w->op.ctx->output;
    agg_state_keys(win->state, groups, n, cols);
    int at = w->set->n_keys, rc = agg_state_finish(win->state, groups, n, cols + at, err);
    if (rc) return rc;
    at += w->set->n_aggs;
    AUTO_FREE int64_t *starts = mem_alloc(sizeof *starts * (n + 1));
    AUTO_FREE int64_t *ends = mem_alloc(sizeof *ends * (n + 1));
    for (uint32_t i = 0; i < n; i++) {
        starts[i] = win->start;
        ends[i] = win->end;
    }
    for (int p = 0; p < w->props.n; p++, at++)
        window_prop_fill(&w->window, w->props.props[p], out->fields[at].type, starts, ends, n,
                         &cols[at]);
    return 0;
}

static void send_result(struct window_emit *w, struct win *win, char *group,
                        const struct column *cols, uint32_t i, uint32_t in_row) {
    struct group_tail *t = tail(w, group);
    struct var_memory *var = state_table_var(agg_state_table(win->state));
    char *old = t->sent;
    if (head(group)->rows <= 0) {
        if (!old) return;
        add_out(w, ROW_DELETE, old, in_row, win->end);
        t->sent = NULL;
        let_go(w, old, var);
        return;
    }
    str_clear(&w->scratch);
    row_pack_add(w->pack, cols, i, &w->scratch);
    if (old && row_pack_eq(w->pack, old, str_text(&w->scratch))) return;
    t->sent = var_alloc(var, w->scratch.len);
    memcpy(t->sent, str_text(&w->scratch), w->scratch.len);
    if (old && w->update_before) add_out(w, ROW_UPDATE_BEFORE, old, in_row, win->end);
    add_out(w, old ? ROW_UPDATE_AFTER : ROW_INSERT, t->sent, in_row, win->end);
    if (old) let_go(w, old, var);
}

/* Sends the results of n different groups that aren't what they sent last. in_rows: the rows that
 * they come from, NULL. */
static int send_groups(struct window_emit *w, struct win *win, char *const *groups, uint32_t n,
                       const uint32_t *in_rows, struct err *err) {
    if (!n) return 0;
    int n_cols = w->op.ctx->output->n;
    state_table_mark(agg_state_table(win->state), groups, n);
    AUTO_FREE struct column *cols = mem_calloc((size_t)n_cols + 1, sizeof *cols);
    int rc = result_columns(w, win, groups, n, cols, err);
    for (uint32_t i = 0; i < n && !rc; i++)
        send_result(w, win, groups[i], cols, i, in_rows ? in_rows[i] : 0);
    for (int c = 0; c < n_cols; c++)
        col_release(&cols[c]);
    return rc;
}

/* ---- windows ---- */

static void save_clock(void *self, struct str *out) {
    const struct win_clock *c = self;
    str_add_n(out, &c->base_ms, 8);
    str_add_n(out, &c->due_ms, 8);
}
static void reset_clock(void *self) {
    struct win_clock *c = self;
    c->base_ms = c->due_ms = INT64_MAX;
}
/* Of several subtasks' the earlier ones. */
static int load_clock(void *self, struct sv bytes, struct err *err) {
    struct win_clock *c = self;
    int64_t base_ms, due_ms;
    if (!sv_take(&bytes, &base_ms, 8) || !sv_take(&bytes, &due_ms, 8))
        return err_set(err, ERR_CORRUPT, "the times of a window are cut off");
    c->base_ms = MIN(c->base_ms, base_ms);
    c->due_ms = MIN(c->due_ms, due_ms);
    return 0;
}

static struct win *find_win(struct window_emit *w, int64_t end) {
    uint32_t lo = 0, hi = w->n_wins;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (w->wins[mid].end < end)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < w->n_wins && w->wins[lo].end == end) return &w->wins[lo];
    MEM_GROW(w->wins, w->n_wins, w->cap_wins);
    memmove(&w->wins[lo + 1], &w->wins[lo], sizeof *w->wins * (w->n_wins - lo));
    w->wins[lo] = (struct win){.start = window_start_of(&w->window, end),
                               .end = end,
                               .state = agg_state_new(w->set),
                               .clock = mem_zalloc(sizeof *w->wins[lo].clock)};
    struct win_clock *c = w->wins[lo].clock;
    *c = (struct win_clock){.value = {save_clock, load_clock, reset_clock, c, 0},
                            .base_ms = op_now_ms(&w->op),
                            .due_ms = INT64_MAX};
    agg_state_add_parts(w->wins[lo].state, w->op.ctx->states, "window", end);
    state_set_add(w->op.ctx->states, "clock", end, &state_value_part, &c->value);
    w->n_wins++;
    return &w->wins[lo];
}

static void free_win(struct win *win) {
    agg_state_free(win->state);
    free(win->clock);
    free(win->changed);
}

static void drop_win(struct window_emit *w, uint32_t i) {
    struct win *win = &w->wins[i];
    agg_state_drop_parts(win->state, w->op.ctx->states, "window", win->end);
    state_set_drop(w->op.ctx->states, "clock", win->end);
    free_win(win);
    w->n_wins--;
    memmove(win, win + 1, sizeof *win * (w->n_wins - i));
}

static int64_t over_at(const struct window_emit *w, int64_t end) {
    int64_t t = window_fire_time(&w->window, end);
    return w->window.proctime || t > INT64_MAX - w->lateness ? t : t + w->lateness;
}

static int64_t delay_now(const struct window_emit *w, const struct win *win) {
    return win->passed ? w->late_ms : w->early_ms;
}

static void set_timer(struct window_emit *w) {
    int64_t due = INT64_MAX;
    for (uint32_t i = 0; i < w->n_wins; i++) {
        due = MIN(due, w->wins[i].clock->due_ms);
        if (w->window.proctime) due = MIN(due, window_fire_time(&w->window, w->wins[i].end) + 1);
    }
    op_set_timer(&w->op, due);
}

/* The group will be sent with the window's other changed ones. */
static void add_changed(struct win *win, char *group) {
    MEM_GROW(win->changed, win->n_changed, win->cap_changed);
    win->changed[win->n_changed++] = group;
}

static void note_changed(struct window_emit *w, struct win *win, char *group) {
    struct group_tail *t = tail(w, group);
    if (t->dirty) return;
    t->dirty = 1;
    add_changed(win, group);
    int64_t delay = delay_now(w, win), now = op_now_ms(&w->op);
    if (win->clock->due_ms < INT64_MAX || delay <= 0) return;
    int64_t since = MAX(now - win->clock->base_ms, 0);
    win->clock->due_ms = win->clock->base_ms + (since / delay + 1) * delay;
}

/* Returns how many there were. */
static uint32_t forget_changed(struct window_emit *w, struct win *win) {
    uint32_t n = win->n_changed;
    state_table_mark(agg_state_table(win->state), win->changed, n);
    for (uint32_t i = 0; i < n; i++)
        tail(w, win->changed[i])->dirty = 0;
    win->n_changed = 0;
    win->clock->due_ms = INT64_MAX;
    return n;
}

static int send_changed(struct window_emit *w, struct win *win, struct err *err) {
    uint32_t n = forget_changed(w, win);
    return send_groups(w, win, win->changed, n, NULL, err);
}

/* ---- rows in ---- */

static void count_rows(const struct batch *b, const uint32_t *rows, char *const *groups,
                       uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        head(groups[i])->rows += !b->kinds || row_kind_adds(b->kinds[rows[i]]) ? 1 : -1;
}

/* Rows whose results come with each of them: the r-th row of each group in round r. */
static int fold_each(struct window_emit *w, struct win *win, const uint32_t *rows,
                     char *const *groups, uint32_t n, struct err *err) {
    AUTO_FREE uint32_t *round = mem_alloc(sizeof *round * n);
    AUTO_FREE uint32_t *now = mem_alloc(sizeof *now * n);
    AUTO_FREE char **now_groups = mem_alloc(sizeof *now_groups * n);
    uint32_t n_rounds = 0;
    for (uint32_t i = 0; i < n; i++)
        head(groups[i])->round = 0;
    for (uint32_t i = 0; i < n; i++) {
        round[i] = (uint32_t)head(groups[i])->round++;
        n_rounds = MAX(n_rounds, round[i] + 1);
    }
    int rc = 0;
    for (uint32_t r = 0; r < n_rounds && !rc; r++) {
        uint32_t k = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (round[i] != r) continue;
            now[k] = rows[i];
            now_groups[k++] = groups[i];
        }
        rc = agg_state_fold(win->state, w->in, now, k, now_groups, err);
        count_rows(w->in, now, now_groups, k);
        if (!rc) rc = send_groups(w, win, now_groups, k, now, err);
    }
    return rc;
}

static int fold_window(struct window_emit *w, struct win *win, const uint32_t *rows, uint32_t n,
                       struct err *err) {
    AUTO_FREE char **groups = mem_alloc(sizeof *groups * n);
    agg_state_groups(win->state, w->in, w->in->hashes ? w->in->hashes : w->hashes, rows, n, groups);
    if (delay_now(w, win) == 0) return fold_each(w, win, rows, groups, n, err);
    int rc = agg_state_fold(win->state, w->in, rows, n, groups, err);
    count_rows(w->in, rows, groups, n);
    bool noted = delay_now(w, win) > 0 || win->passed;
    for (uint32_t i = 0; i < n && noted; i++)
        note_changed(w, win, groups[i]);
    return rc;
}

static int cmp_entries(const void *pa, const void *pb) {
    const struct entry *a = pa, *b = pb;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int cmp_outs(const void *pa, const void *pb) {
    const struct out_row *a = pa, *b = pb;
    if (a->in_row != b->in_row) return a->in_row < b->in_row ? -1 : 1;
    if (a->end != b->end) return a->end > b->end ? -1 : 1; /* as in Flink: the last window first */
    return row_kind_adds(a->kind) - row_kind_adds(b->kind);
}

/* Rows [from, to) of the batch, between which the watermark passes nothing. */
static int fold_rows(struct window_emit *w, uint32_t from, uint32_t to, struct err *err) {
    int64_t wm = w->window.proctime ? INT64_MIN : w->op.watermark;
    uint64_t late = 0;
    w->n_entries = 0;
    for (uint32_t r = from; r < to; r++) {
        int64_t slice = w->slices[r];
        if (slice == INT64_MIN) continue; /* NULL time: Flink drops the row */
        bool any = false;
        for (int64_t end = window_first_end(&w->window, slice, INT64_MIN); end != INT64_MAX;
             end = window_first_end(&w->window, slice, end)) {
            if (over_at(w, end) <= wm) continue;
            any = true;
            MEM_GROW(w->entries, w->n_entries, w->cap_entries);
            w->entries[w->n_entries++] = (struct entry){end, r};
        }
        late += !any;
    }
    if (late) metric_add(&w->op.ctx->metrics->late_records, late);
    if (!w->n_entries) return 0;
    qsort(w->entries, w->n_entries, sizeof *w->entries, cmp_entries);
    AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * w->n_entries);
    int rc = 0;
    for (uint32_t i = 0, k; i < w->n_entries && !rc; i = k) {
        for (k = i; k < w->n_entries && w->entries[k].end == w->entries[i].end; k++)
            rows[k - i] = w->entries[k].row;
        struct win *win = find_win(w, w->entries[i].end);
        win->passed |= window_fire_time(&w->window, win->end) <= wm;
        rc = fold_window(w, win, rows, k - i, err);
    }
    /* Each window's rows were worked on by themselves. */
    if (w->n_outs) qsort(w->outs, w->n_outs, sizeof *w->outs, cmp_outs);
    return rc;
}

static void find_slices(struct window_emit *w, const struct batch *b) {
    if (w->window.proctime) {
        int64_t end = window_slice_end(&w->window, window_clock(&w->window, op_now_ms(&w->op)));
        for (uint32_t i = 0; i < b->n; i++)
            w->slices[i] = end;
    } else {
        window_slices(&w->window, &b->cols[w->window.time], b->n, w->slices);
    }
    if (b->hashes) return;
    memset(w->hashes, 0, sizeof *w->hashes * b->n);
    for (int i = 0; i < w->set->n_keys; i++)
        col_hash(&b->cols[w->set->keys[i]], w->hashes, b->n);
}

/* The slice in whose end's reach the watermark is: windows are passed, and over, where it changes.
 */
static int64_t place_of(const struct window_emit *w, int64_t wm, int64_t behind) {
    if (wm < INT64_MIN / 2 || wm > INT64_MAX / 2) return wm;
    return window_slice_end(&w->window, window_clock(&w->window, wm + 1 - behind));
}

static bool passes_something(const struct window_emit *w, int64_t from, int64_t to) {
    return place_of(w, from, 0) != place_of(w, to, 0) ||
           (w->lateness && place_of(w, from, w->lateness) != place_of(w, to, w->lateness));
}

/* Works on the batch in hand up to the next watermark that matters, which becomes the target. */
static int work_batch(struct window_emit *w, struct err *err) {
    struct batch *b = w->in;
    uint32_t to = b->n;
    int64_t wm = WATERMARK_MIN;
    for (; w->in_step < b->n_steps && !w->window.proctime; w->in_step++) {
        const struct wm_step *s = &b->steps[w->in_step];
        if (s->row >= b->n) break; /* behind the last row: the task's to tell */
        if (s->wm <= w->op.watermark || !passes_something(w, w->op.watermark, s->wm)) continue;
        to = s->row;
        wm = s->wm;
        w->in_step++;
        break;
    }
    int rc = to > w->in_row ? fold_rows(w, w->in_row, to, err) : 0;
    w->in_row = to;
    if (rc) return rc;
    if (wm != WATERMARK_MIN) {
        w->op.watermark = w->target = wm;
    } else {
        batch_unref(b);
        w->in = NULL;
    }
    return 0;
}

/* ---- time ---- */

/* The next window that the target passes, or that is over; its groups are given in pieces. */
static int work_target(struct window_emit *w, bool *ret_done, struct err *err) {
    *ret_done = false;
    for (uint32_t i = 0; i < w->n_wins; i++) {
        struct win *win = &w->wins[i];
        if (window_fire_time(&w->window, win->end) > w->target) break;
        if (!win->passed) {
            char *groups[SCAN_GROUPS];
            uint32_t n =
                state_table_scan(agg_state_table(win->state), &w->pos, groups, SCAN_GROUPS);
            if (n) return send_groups(w, win, groups, n, NULL, err);
            w->pos = 0;
            win->passed = true;
            forget_changed(w, win);
        }
        if (over_at(w, win->end) > w->target) continue;
        if (win->n_changed) return send_changed(w, win, err);
        drop_win(w, i--);
    }
    *ret_done = true;
    return 0;
}

/* Goes on with whatever is to be done, in order. */
static int give(struct window_emit *w, struct err *err) {
    for (;;) {
        int rc = give_outs(w, err);
        if (rc) return rc;
        if (w->target != WATERMARK_MIN) {
            bool done;
            if ((rc = work_target(w, &done, err))) return rc;
            if (!done) continue;
            int64_t wm = w->target;
            w->target = WATERMARK_MIN;
            bool clock = w->window.proctime && wm != WATERMARK_MAX;
            if (!clock && (rc = op_emit_watermark(&w->op, wm, err))) return rc;
            continue;
        }
        if (!w->in) break;
        if ((rc = work_batch(w, err))) return rc;
    }
    set_timer(w);
    return OP_DONE;
}

static int window_emit_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct window_emit *w = impl(op);
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    find_slices(w, b);
    w->in = b;
    w->in_row = w->in_step = 0;
    return give(w, err);
}

static int window_emit_watermark(struct op *op, int64_t wm, struct err *err) {
    struct window_emit *w = impl(op);
    if (w->window.proctime && wm != WATERMARK_MAX) { /* event time doesn't fire these */
        int rc = op_emit_watermark(op, wm, err);
        return rc ? rc : OP_DONE;
    }
    w->target = wm;
    return give(w, err);
}

static int window_emit_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct window_emit *w = impl(op);
    for (uint32_t i = 0; i < w->n_wins; i++) {
        if (w->wins[i].clock->due_ms > now_ms) continue;
        int rc = send_changed(w, &w->wins[i], err);
        if (rc) return rc;
    }
    if (w->window.proctime) w->target = MAX(w->target, now_ms - 1);
    return give(w, err);
}

static int window_emit_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

static int window_emit_make_part(struct op *op, const char *name, int64_t ns, struct err *err) {
    struct window_emit *w = impl(op);
    if (strncmp(name, "window", 6) && strcmp(name, "clock"))
        return err_set(err, ERR_CORRUPT, "a window has no state '%s'", name);
    find_win(w, ns);
    return state_set_has(op->ctx->states, name, ns)
               ? 0
               : err_set(err, ERR_CORRUPT, "the state '%s' is of another window", name);
}

static int window_emit_restored(struct op *op, struct err *err) {
    struct window_emit *w = impl(op);
    for (uint32_t i = 0; i < w->n_wins; i++) {
        struct win *win = &w->wins[i];
        if (!agg_state_count(win->state)) {
            drop_win(w, i--);
            continue;
        }
        agg_state_restored(win->state);
        win->passed =
            !w->window.proctime && window_fire_time(&w->window, win->end) <= op->watermark;
        char *groups[SCAN_GROUPS];
        uint64_t pos = 0;
        uint32_t n;
        while ((n = state_table_scan(agg_state_table(win->state), &pos, groups, SCAN_GROUPS)))
            for (uint32_t k = 0; k < n; k++)
                if (tail(w, groups[k])->dirty) add_changed(win, groups[k]);
        if (!win->n_changed) win->clock->due_ms = INT64_MAX;
    }
    set_timer(w);
    return 0;
}

static void window_emit_close(struct op *op) {
    struct window_emit *w = impl(op);
    free_gone(w);
    for (uint32_t i = 0; i < w->n_wins; i++)
        free_win(&w->wins[i]);
    free(w->wins);
    batch_unref(w->in);
    free(w->slices);
    free(w->hashes);
    free(w->entries);
    free(w->outs);
    free(w->gone);
    str_release(&w->scratch);
    agg_set_release(w->set);
}

static const struct op_ops window_emit_ops = {.size_bytes = sizeof(struct window_emit),
                                              .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                              .open = window_emit_open,
                                              .push = window_emit_push,
                                              .resume = window_emit_resume,
                                              .watermark = window_emit_watermark,
                                              .timer = window_emit_timer,
                                              .close = window_emit_close,
                                              .make_part = window_emit_make_part,
                                              .restored = window_emit_restored};

const struct op_desc op_window_emit = {
    .kind = "window_emit",
    .doc = "Aggregates by key and window, with results before it is complete and after.",
    .n_inputs = 1,
    .ops = &window_emit_ops};
