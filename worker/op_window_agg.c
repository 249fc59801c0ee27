/* op_window_agg.c - windowed aggregation on slices. Rows fold into one accumulator per (key,
 * slice). When the watermark passes a window's end its slices are merged and its results given; a
 * slice leaves state with its last window. The local phase hands its slices on as accumulators, at
 * the latest when the watermark passes them; the global phase merges those. */
#include "worker/agg_state.h"
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/state/state_set.h"
#include "worker/state/state_value.h"
#include "worker/window.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_SINGLE, PHASE_LOCAL, PHASE_GLOBAL };
enum {
    POOL_MAX = 64,              /* cleared states kept for reuse */
    LOCAL_GROUPS_MAX = 1 << 16, /* local phase: groups held before all is handed on */
    LEND_MIN_GROUPS = 64 /* a slice with fewer is merged though it is its window's only one */
};

struct slice {
    int64_t end, start; /* start: SLICE_ATTACHED only */
    struct agg_state *state;
};

/* What is being given out: groups of one window, or of several small ones, up to a batch. */
struct firing {
    bool on;
    struct agg_state *state; /* of the window being scanned; NULL = none */
    bool lent;               /* it is a slice's, which later windows need */
    int64_t start, end;
    uint64_t pos;
    uint32_t n; /* gathered groups, with their windows */
    char **groups;
    int64_t *starts, *ends;
    struct agg_state **done; /* scanned windows whose groups are among the gathered */
    int n_done, cap_done;
};

struct window_agg {
    struct op op;
    enum phase phase;
    struct window window;
    struct agg_set *set;
    struct window_props props;
    bool retracts; /* groups count their live rows in the header: those without give no result */
    struct slice *slices; /* by end, then start */
    int n_slices, cap_slices;
    int last;       /* slice found last */
    int64_t fired;  /* all windows up to this end have fired */
    int64_t target; /* watermark that is being worked on; WATERMARK_MIN = none */
    bool flush_all; /* local: hand on everything */
    struct firing firing;
    struct agg_state *pool[POOL_MAX];
    int n_pool;
    struct batch *rest; /* a batch that was cut, while there is no room for what it fires */
    uint32_t rest_row, rest_step;
    int64_t *ends;   /* scratch: slice end per row */
    uint32_t *order; /* scratch: rows of a slice */
    uint64_t *hashes;
    char **groups; /* scratch: group of each row in `order` */
    struct state_value next_value;
};

static struct window_agg *impl(struct op *op) {
    return CONTAINER_OF(op, struct window_agg, op);
}

static void save_next(void *self, struct str *out);
static int load_next(void *self, struct sv bytes, struct err *err);
static void reset_next(void *self);

static int window_agg_open(struct op *op, struct err *err) {
    struct window_agg *w = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    const char *phase = json_opt_str(cfg, "phase", "single");
    w->phase = !strcmp(phase, "local")    ? PHASE_LOCAL
               : !strcmp(phase, "global") ? PHASE_GLOBAL
                                          : PHASE_SINGLE;
    w->fired = w->target = INT64_MIN;
    w->retracts = json_opt_bool(cfg, "inputRetracts", false);
    int rc = window_read(json_opt(cfg, "window"), op->ctx, &w->window, err);
    if (!rc) rc = agg_set_new(op, json_opt(cfg, "keys"), json_opt(cfg, "aggs"), &w->set, err);
    if (!rc) rc = window_props_read(json_opt(cfg, "props"), &w->props, err);
    if (rc) return rc;
    w->next_value = (struct state_value){save_next, load_next, reset_next, w, 0};
    if (w->window.proctime && w->phase != PHASE_LOCAL)
        state_set_add(op->ctx->states, "next", 0, &state_value_part, &w->next_value);
    w->ends = mem_calloc(BATCH_ROWS_MAX, sizeof *w->ends);
    w->order = mem_calloc(BATCH_ROWS_MAX, sizeof *w->order);
    w->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *w->hashes);
    w->groups = mem_calloc(BATCH_ROWS_MAX, sizeof *w->groups);
    w->firing.groups = mem_calloc(BATCH_ROWS_MAX, sizeof *w->firing.groups);
    w->firing.starts = mem_calloc(BATCH_ROWS_MAX, sizeof *w->firing.starts);
    w->firing.ends = mem_calloc(BATCH_ROWS_MAX, sizeof *w->firing.ends);
    return 0;
}

/* ---- slices ---- */

static struct agg_state *take_state(struct window_agg *w) {
    return w->n_pool ? w->pool[--w->n_pool] : agg_state_new(w->set);
}

/* Slices are parts of the op's state by their end; attached windows by their start, too. The local
 * phase holds nothing across barriers. */
static const char *part_name(const struct window_agg *w, int64_t start, char ret[40]) {
    snprintf(ret, 40, w->window.kind == SLICE_ATTACHED ? "slice@%" PRId64 : "slice", start);
    return ret;
}

static void add_parts(struct window_agg *w, const struct slice *s) {
    char name[40];
    if (w->phase != PHASE_LOCAL)
        agg_state_add_parts(s->state, w->op.ctx->states, part_name(w, s->start, name), s->end);
}

static void drop_parts(struct window_agg *w, const struct slice *s) {
    char name[40];
    if (w->phase != PHASE_LOCAL)
        agg_state_drop_parts(s->state, w->op.ctx->states, part_name(w, s->start, name), s->end);
}

static void give_state(struct window_agg *w, struct agg_state *s) {
    if (w->n_pool == POOL_MAX) {
        agg_state_free(s);
        return;
    }
    agg_state_clear(s);
    w->pool[w->n_pool++] = s;
}

static int slice_cmp(const struct slice *s, int64_t end, int64_t start) {
    if (s->end != end) return s->end < end ? -1 : 1;
    return s->start < start ? -1 : s->start > start;
}

static struct slice *find_slice(struct window_agg *w, int64_t end, int64_t start) {
    if (w->last < w->n_slices && !slice_cmp(&w->slices[w->last], end, start))
        return &w->slices[w->last];
    int lo = 0, hi = w->n_slices;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (slice_cmp(&w->slices[mid], end, start) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    w->last = lo;
    if (lo < w->n_slices && !slice_cmp(&w->slices[lo], end, start)) return &w->slices[lo];
    MEM_GROW(w->slices, w->n_slices, w->cap_slices);
    memmove(&w->slices[lo + 1], &w->slices[lo], sizeof *w->slices * (size_t)(w->n_slices - lo));
    w->slices[lo] = (struct slice){.end = end, .start = start, .state = take_state(w)};
    w->n_slices++;
    add_parts(w, &w->slices[lo]);
    return &w->slices[lo];
}

static void drop_slice(struct window_agg *w, int i) {
    drop_parts(w, &w->slices[i]);
    give_state(w, w->slices[i].state);
    w->n_slices--;
    memmove(&w->slices[i], &w->slices[i + 1], sizeof *w->slices * (size_t)(w->n_slices - i));
}

/* ---- rows in ---- */

static const uint64_t *hash_keys(struct window_agg *w, const struct batch *b) {
    if (b->hashes) return b->hashes;
    memset(w->hashes, 0, sizeof *w->hashes * b->n);
    for (int i = 0; i < w->set->n_keys; i++)
        col_hash(&b->cols[w->set->keys[i]], w->hashes, b->n);
    return w->hashes;
}

static int64_t start_of_row(const struct window_agg *w, const struct batch *b, uint32_t row) {
    if (w->window.kind != SLICE_ATTACHED) return 0;
    return COL_DATA(&b->cols[w->window.start_column], int64_t)[row];
}

static _Thread_local const int64_t *sort_ends;
static _Thread_local const int64_t *sort_starts;

static int cmp_rows(const void *pa, const void *pb) {
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    if (sort_ends[a] != sort_ends[b]) return sort_ends[a] < sort_ends[b] ? -1 : 1;
    if (sort_starts && sort_starts[a] != sort_starts[b])
        return sort_starts[a] < sort_starts[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

static int fold_run(struct window_agg *w, struct agg_state *s, const struct batch *b, uint32_t from,
                    uint32_t to, struct err *err) {
    return agg_state_fold(s, b, w->order + from, to - from, w->groups + from, err);
}

/* Partial results: gathered, since they are folded whole. */
static int fold_partials(struct window_agg *w, struct agg_state *s, const struct batch *b,
                         uint32_t from, uint32_t to, struct err *err) {
    if (to - from == b->n) return agg_state_fold_partials(s, b, w->groups, err);
    struct batch *part = batch_gather(b, w->order + from, to - from, false);
    int rc = agg_state_fold_partials(s, part, w->groups + from, err);
    batch_unref(part);
    return rc;
}

static void count_rows(struct window_agg *w, const struct batch *b, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to && w->retracts; i++) {
        bool adds = !b->kinds || row_kind_adds(b->kinds[w->order[i]]);
        *(int64_t *)w->groups[i] += adds ? 1 : -1;
    }
}

/* Rows order[0..n) go into state, by slice, each slice's in order. Where aggregates touch nothing
 * but their group's own accumulator, all slices' rows are folded by one call. */
static int fold_rows(struct window_agg *w, const struct batch *b, uint32_t n_rows,
                     struct err *err) {
    bool attached = w->window.kind == SLICE_ATTACHED, at_once = agg_set_is_local(w->set);
    sort_ends = w->ends;
    sort_starts = attached ? COL_DATA(&b->cols[w->window.start_column], int64_t) : NULL;
    bool sorted = true;
    for (uint32_t i = 1; i < n_rows && sorted; i++)
        sorted = cmp_rows(&w->order[i - 1], &w->order[i]) < 0;
    if (!sorted) qsort(w->order, n_rows, sizeof *w->order, cmp_rows);
    const uint64_t *hashes = hash_keys(w, b);
    struct agg_state *state = NULL;
    for (uint32_t from = 0, to; from < n_rows; from = to) {
        uint32_t r = w->order[from];
        int64_t end = w->ends[r], start = start_of_row(w, b, r);
        for (to = from + 1; to < n_rows; to++)
            if (w->ends[w->order[to]] != end || start_of_row(w, b, w->order[to]) != start) break;
        state = find_slice(w, end, start)->state;
        agg_state_groups(state, b, hashes, w->order + from, to - from, w->groups + from);
        count_rows(w, b, from, to);
        if (at_once) continue;
        int rc = w->phase == PHASE_GLOBAL ? fold_partials(w, state, b, from, to, err)
                                          : fold_run(w, state, b, from, to, err);
        if (rc) return rc;
    }
    if (!at_once || !state) return 0;
    return w->phase == PHASE_GLOBAL ? fold_partials(w, state, b, 0, n_rows, err)
                                    : fold_run(w, state, b, 0, n_rows, err);
}

/* Fills order with the rows that are not late and not NULL; the rest is counted. */
static uint32_t select_rows(struct window_agg *w, const struct batch *b) {
    bool check_late = w->phase != PHASE_LOCAL && !w->window.proctime;
    int64_t last_wm = b->n_steps ? b->steps[b->n_steps - 1].wm : w->op.watermark;
    last_wm = MAX(last_wm, w->op.watermark);
    struct wm_cursor c = wm_cursor_of(w->op.watermark, b);
    uint32_t k = 0, late = 0;
    int64_t last_end = INT64_MIN, over_at = 0; /* neighbours mostly share a slice */
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t end = w->ends[i];
        if (end == INT64_MIN) continue; /* NULL time: Flink drops the row */
        if (check_late) {
            if (end != last_end) over_at = window_fire_time(&w->window, last_end = end);
            int64_t over = over_at;
            if (over <= last_wm) { /* late against the batch's end: look closer */
                over = window_fire_time(&w->window, window_last_end(&w->window, end));
                if (over <= wm_cursor_at(&c, i)) {
                    late++;
                    continue;
                }
            }
        }
        w->order[k++] = i;
    }
    if (late) metric_add(&w->op.ctx->metrics->late_records, late);
    return k;
}

static void find_ends(struct window_agg *w, const struct batch *b) {
    if (w->phase == PHASE_GLOBAL) { /* the local phase has cut slices */
        memcpy(w->ends, b->cols[w->window.time].data, sizeof *w->ends * b->n);
    } else if (w->window.proctime) {
        int64_t end = window_slice_end(&w->window, window_clock(&w->window, op_now_ms(&w->op)));
        for (uint32_t i = 0; i < b->n; i++)
            w->ends[i] = end;
    } else {
        window_slices(&w->window, &b->cols[w->window.time], b->n, w->ends);
    }
}

static int advance(struct window_agg *w, int64_t wm, struct err *err);
static void set_timer(struct window_agg *w);

static int fold_batch(struct window_agg *w, const struct batch *b, struct err *err) {
    if (!b->n) return 0;
    find_ends(w, b);
    uint32_t n = select_rows(w, b);
    return n ? fold_rows(w, b, n, err) : 0;
}

/* A row that comes behind the end of its slice must not be folded together with rows in front of
 * that end: windows that have fired by then are without it, and the global phase could not tell
 * from a local phase's accumulator that it is late. Where each slice is one window, such a row is
 * simply dropped. */
static bool must_cut(struct window_agg *w, const struct batch *b) {
    bool one_each = w->window.kind == SLICE_TUMBLE || w->window.kind == SLICE_ATTACHED;
    if ((one_each && w->phase != PHASE_LOCAL) || !b->n_steps || w->window.proctime || !b->n)
        return false;
    find_ends(w, b);
    struct wm_cursor c = wm_cursor_of(w->op.watermark, b);
    for (uint32_t i = 0; i < b->n; i++)
        if (w->ends[i] != INT64_MIN &&
            window_fire_time(&w->window, w->ends[i]) <= wm_cursor_at(&c, i))
            return true;
    return false;
}

static int give_out(struct window_agg *w, struct err *err);

/* Folds what is left of the cut batch piece by piece, firing what each step completes. A step
 * behind the last row is the task's to tell. */
static int fold_rest(struct window_agg *w, struct err *err) {
    while (w->rest) {
        struct batch *b = w->rest;
        uint32_t to = w->rest_step < b->n_steps ? b->steps[w->rest_step].row : b->n;
        int rc = 0;
        if (to > w->rest_row) {
            struct batch *part = batch_slice(b, w->rest_row, to - w->rest_row);
            part->n_steps = 0;
            rc = fold_batch(w, part, err);
            batch_unref(part);
            w->rest_row = to;
        }
        if (rc || to == b->n) {
            w->rest = NULL;
            batch_unref(b);
            if (rc) return rc;
            break;
        }
        int64_t wm = b->steps[w->rest_step++].wm;
        if (wm <= w->op.watermark) continue;
        w->op.watermark = wm;
        if ((rc = advance(w, wm, err))) return rc;
    }
    return OP_DONE;
}

static uint64_t groups_held(const struct window_agg *w) {
    uint64_t n = 0;
    for (int i = 0; i < w->n_slices; i++)
        n += agg_state_count(w->slices[i].state);
    return n;
}

static int window_agg_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct window_agg *w = impl(op);
    int rc = 0;
    if (must_cut(w, b)) {
        w->rest = b;
        w->rest_row = w->rest_step = 0;
        rc = fold_rest(w, err);
    } else {
        rc = fold_batch(w, b, err);
        batch_unref(b);
    }
    if (rc) return rc;
    if (w->window.proctime) set_timer(w);
    if (w->phase == PHASE_LOCAL && groups_held(w) > LOCAL_GROUPS_MAX) w->flush_all = true;
    return give_out(w, err);
}

/* ---- results out ---- */

/* The states whose groups have been given out. */
static void forget_done(struct window_agg *w) {
    for (int i = 0; i < w->firing.n_done; i++)
        give_state(w, w->firing.done[i]);
    w->firing.n_done = 0;
    w->firing.n = 0;
}

static int give_gathered(struct window_agg *w, struct err *err) {
    const struct agg_set *set = w->set;
    const struct schema *out = w->op.ctx->output;
    struct firing *f = &w->firing;
    if (!f->n) {
        forget_done(w);
        return 0;
    }
    struct agg_state *any = f->state ? f->state : f->done[0]; /* all are laid out alike */
    struct batch *b = batch_new(out->n);
    b->n = f->n;
    agg_state_keys(any, f->groups, f->n, b->cols);
    int rc, at = set->n_keys;
    if (w->phase == PHASE_LOCAL) {
        window_prop_fill(&w->window, WINDOW_END, out->fields[at].type, f->starts, f->ends, f->n,
                         &b->cols[at]);
        rc = agg_state_partials(any, f->groups, f->n, b->cols + at + 1, err);
    } else {
        rc = agg_state_finish(any, f->groups, f->n, b->cols + at, err);
        at += set->n_aggs;
        for (int p = 0; p < w->props.n && !rc; p++, at++)
            window_prop_fill(&w->window, w->props.props[p], out->fields[at].type, f->starts,
                             f->ends, f->n, &b->cols[at]);
    }
    if (rc) {
        batch_unref(b);
        return rc;
    }
    for (int i = 0; i < out->n; i++)
        b->cols[i].type = out->fields[i].type;
    forget_done(w);
    return op_emit(&w->op, b, err);
}

static uint32_t keep_live(char **groups, uint32_t n) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++)
        if (*(const int64_t *)groups[i] > 0) groups[k++] = groups[i];
    return k;
}

/* Gathers the current window's groups; gives batches out when full and as far as there is room.
 * OP_DONE when the window is scanned. */
static int give_firing(struct window_agg *w, struct err *err) {
    struct firing *f = &w->firing;
    uint32_t max = w->op.ctx->config->batch_rows;
    while (f->on) {
        if (f->n == max) {
            /* The local phase holds little, and must be done with a step before the rows behind it.
             */
            if (w->phase != PHASE_LOCAL && op_output_full(&w->op)) return OP_MORE;
            int rc = give_gathered(w, err);
            if (rc) return rc;
        }
        uint32_t n =
            state_table_scan(agg_state_table(f->state), &f->pos, f->groups + f->n, max - f->n);
        uint32_t scanned = n;
        if (w->retracts) n = keep_live(f->groups + f->n, n);
        for (uint32_t i = f->n; i < f->n + n; i++) {
            f->starts[i] = f->start;
            f->ends[i] = f->end;
        }
        f->n += n;
        if (scanned) continue;
        if (f->lent) { /* nothing may point into it when it is used again */
            if (f->n && op_output_full(&w->op)) return OP_MORE;
            int rc = give_gathered(w, err);
            if (rc) return rc;
            f->state = NULL;
            f->on = f->lent = false;
            continue;
        }
        MEM_GROW(f->done, f->n_done, f->cap_done);
        f->done[f->n_done++] = f->state;
        f->state = NULL;
        f->on = false;
    }
    return OP_DONE;
}

/* The earliest window that hasn't fired; INT64_MAX if there is none. */
static int64_t next_window(const struct window_agg *w) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < w->n_slices; i++) {
        int64_t e = window_first_end(&w->window, w->slices[i].end, w->fired);
        least = MIN(least, e);
        /* Slices are sorted: a later slice's first window can't be earlier. */
        if (e != INT64_MAX) break;
    }
    return least;
}

static void drop_over(struct window_agg *w) {
    for (int i = 0; i < w->n_slices;) {
        if (window_last_end(&w->window, w->slices[i].end) <= w->fired)
            drop_slice(w, i);
        else
            i++;
    }
}

/* state is the firing's from now on. */
static void begin_firing(struct window_agg *w, struct agg_state *state, int64_t start,
                         int64_t end) {
    struct firing *f = &w->firing;
    f->on = true;
    f->state = state;
    f->start = start;
    f->end = end;
    f->pos = 0;
}

/* Takes slice i out of the list and gives its groups out. */
static void fire_slice(struct window_agg *w, int i) {
    struct slice s = w->slices[i];
    drop_parts(w, &s);
    w->n_slices--;
    memmove(&w->slices[i], &w->slices[i + 1], sizeof *w->slices * (size_t)(w->n_slices - i));
    int64_t start = w->window.kind == SLICE_ATTACHED ? s.start : window_start_of(&w->window, s.end);
    begin_firing(w, s.state, start, s.end);
}

static bool in_window(const struct window_agg *w, const struct slice *s, int64_t start,
                      int64_t end) {
    return s->end - w->window.slice >= start && s->end <= end;
}

/* The one slice that a window has rows of, if merging it is worth avoiding. -1: there are several,
 * or none such. */
static int only_slice(const struct window_agg *w, int64_t start, int64_t end) {
    int only = -1;
    for (int i = 0; i < w->n_slices; i++) {
        if (!in_window(w, &w->slices[i], start, end)) continue;
        if (only >= 0) return -1;
        only = i;
    }
    return only >= 0 && agg_state_count(w->slices[only].state) >= LEND_MIN_GROUPS ? only : -1;
}

/* Gives out slice i as the window: the last that needs it takes it. */
static void fire_only(struct window_agg *w, int i, int64_t start, int64_t end) {
    struct agg_state *state = w->slices[i].state;
    bool last = window_last_end(&w->window, w->slices[i].end) <= end;
    if (last) fire_slice(w, i);
    begin_firing(w, state, start, end);
    w->firing.lent = !last;
}

static int fire_window(struct window_agg *w, int64_t end, struct err *err) {
    if (w->window.kind == SLICE_TUMBLE || w->window.kind == SLICE_ATTACHED) {
        fire_slice(w, 0);
        /* Attached windows of one end and several starts fire one by one. */
        bool more = w->n_slices && w->slices[0].end == end;
        if (!more) w->fired = end;
        return 0;
    }
    int64_t start = window_start_of(&w->window, end);
    int only = only_slice(w, start, end);
    if (only >= 0) {
        fire_only(w, only, start, end);
        w->fired = end;
        drop_over(w);
        return 0;
    }
    struct agg_state *all = take_state(w);
    for (int i = 0; i < w->n_slices; i++) {
        const struct slice *s = &w->slices[i];
        if (!in_window(w, s, start, end)) continue;
        int rc = agg_state_merge(all, s->state, err);
        if (rc) {
            agg_state_free(all);
            return rc;
        }
    }
    begin_firing(w, all, start, end);
    w->fired = end;
    drop_over(w);
    return 0;
}

/* The next thing to give out up to the target; false if there is none. */
static int start_next(struct window_agg *w, bool *ret_any, struct err *err) {
    *ret_any = false;
    if (!w->n_slices) return 0;
    if (w->phase == PHASE_LOCAL) {
        if (!w->flush_all && window_fire_time(&w->window, w->slices[0].end) > w->target) return 0;
        fire_slice(w, 0);
        *ret_any = true;
        return 0;
    }
    int64_t end = next_window(w);
    if (end == INT64_MAX || w->target == WATERMARK_MIN ||
        window_fire_time(&w->window, end) > w->target)
        return 0;
    *ret_any = true;
    return fire_window(w, end, err);
}

/* Goes on giving out; when all is given, hands the watermark on. */
static int give_out(struct window_agg *w, struct err *err) {
    for (;;) {
        int rc = give_firing(w, err);
        if (rc) return rc;
        bool any;
        if ((rc = start_next(w, &any, err))) return rc;
        if (!any) break;
    }
    if (w->firing.n && w->phase != PHASE_LOCAL && op_output_full(&w->op)) return OP_MORE;
    int given = give_gathered(w, err);
    if (given) return given;
    w->flush_all = false;
    if (w->target == WATERMARK_MIN) return OP_DONE;
    int64_t wm = w->target;
    w->target = WATERMARK_MIN;
    /* Windows without rows have fired too: what comes for them now is late. */
    w->fired = MAX(w->fired, window_passed(&w->window, wm));
    if (w->window.proctime) {
        set_timer(w);
        if (wm != WATERMARK_MAX) return OP_DONE; /* it was the clock */
    }
    int rc = op_emit_watermark(&w->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int advance(struct window_agg *w, int64_t wm, struct err *err) {
    w->target = MAX(w->target, wm);
    return give_out(w, err);
}

static int window_agg_watermark(struct op *op, int64_t wm, struct err *err) {
    struct window_agg *w = impl(op);
    if (w->window.proctime && wm != WATERMARK_MAX) { /* event time doesn't fire these */
        int rc = op_emit_watermark(op, wm, err);
        return rc ? rc : OP_DONE;
    }
    return advance(w, wm, err);
}

static int window_agg_resume(struct op *op, struct err *err) {
    struct window_agg *w = impl(op);
    int rc = give_out(w, err);
    return rc || !w->rest ? rc : fold_rest(w, err);
}

static void set_timer(struct window_agg *w) {
    int64_t end = next_window(w);
    op_set_timer(&w->op, end == INT64_MAX ? INT64_MAX : window_fire_time(&w->window, end) + 1);
}

static int window_agg_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct window_agg *w = impl(op);
    if (!w->window.proctime) return OP_DONE;
    return advance(w, now_ms - 1, err);
}

static int window_agg_idle(struct op *op, struct err *err) {
    struct window_agg *w = impl(op);
    if (w->phase != PHASE_LOCAL) return OP_DONE;
    w->flush_all = true;
    return give_out(w, err);
}

static int window_agg_barrier(struct op *op, const struct barrier *b, struct err *err) {
    return window_agg_idle(op, err);
}

/* ---- checkpoints ---- */

static int window_agg_make_part(struct op *op, const char *name, int64_t ns, struct err *err) {
    struct window_agg *w = impl(op);
    int64_t start = 0;
    if (strncmp(name, "slice", 5) || (name[5] == '@' && sscanf(name + 6, "%" SCNd64, &start) != 1))
        return err_set(err, ERR_CORRUPT, "a window has no state '%s'", name);
    find_slice(w, ns, start);
    return state_set_has(op->ctx->states, name, ns)
               ? 0
               : err_set(err, ERR_CORRUPT, "the state '%s' is of another window", name);
}

/* The next window that the clock fires; in event time the watermark says so. Of several subtasks
 * the earliest counts. */
static void save_next(void *self, struct str *out) {
    int64_t next = next_window(self);
    str_add_n(out, &next, 8);
}
static void reset_next(void *self) {
    ((struct window_agg *)self)->fired = INT64_MIN;
}
static int load_next(void *self, struct sv bytes, struct err *err) {
    struct window_agg *w = self;
    int64_t next;
    if (!sv_take(&bytes, &next, 8))
        return err_set(err, ERR_CORRUPT, "the time of the next window is cut off");
    if (next == INT64_MAX) return 0;
    w->fired = w->fired == INT64_MIN ? next - 1 : MIN(w->fired, next - 1);
    return 0;
}

static int window_agg_restored(struct op *op, struct err *err) {
    struct window_agg *w = impl(op);
    for (int i = w->n_slices - 1; i >= 0; i--) {
        agg_state_restored(w->slices[i].state);
        if (!agg_state_count(w->slices[i].state)) drop_slice(w, i);
    }
    if (w->window.proctime)
        set_timer(w);
    else if (op->watermark != WATERMARK_MIN)
        w->fired = window_passed(&w->window, op->watermark);
    return 0;
}

static void window_agg_close(struct op *op) {
    struct window_agg *w = impl(op);
    for (int i = 0; i < w->n_slices; i++)
        agg_state_free(w->slices[i].state);
    free(w->slices);
    batch_unref(w->rest);
    if (!w->firing.lent) agg_state_free(w->firing.state);
    for (int i = 0; i < w->firing.n_done; i++)
        agg_state_free(w->firing.done[i]);
    free(w->firing.done);
    free(w->firing.groups);
    free(w->firing.starts);
    free(w->firing.ends);
    while (w->n_pool)
        agg_state_free(w->pool[--w->n_pool]);
    free(w->ends);
    free(w->order);
    free(w->hashes);
    free(w->groups);
    agg_set_release(w->set);
}

static const struct op_ops window_agg_ops = {.size_bytes = sizeof(struct window_agg),
                                             .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                             .open = window_agg_open,
                                             .push = window_agg_push,
                                             .resume = window_agg_resume,
                                             .watermark = window_agg_watermark,
                                             .timer = window_agg_timer,
                                             .barrier = window_agg_barrier,
                                             .idle = window_agg_idle,
                                             .close = window_agg_close,
                                             .make_part = window_agg_make_part,
                                             .restored = window_agg_restored};

const struct op_desc op_window_agg = {
    .kind = "window_agg",
    .doc = "Aggregates by key and window (tumbling, hopping, cumulating, attached).",
    .n_inputs = 1,
    .ops = &window_agg_ops};
