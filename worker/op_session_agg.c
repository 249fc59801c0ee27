/* op_session_agg.c - aggregation by key and session. Rows fold into their session's accumulators as
 * they come; when the watermark passes a session's end its result is given and it is forgotten.
 * When sessions merge, so do their accumulators. */
#include "worker/agg_state.h"
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/session.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { AHEAD = 16 }; /* rows whose sessions are fetched ahead */

/* Sessions that are over, up to a batch. */
struct leaving {
    char *keys[BATCH_ROWS_MAX], *groups[BATCH_ROWS_MAX];
    int64_t starts[BATCH_ROWS_MAX], ends[BATCH_ROWS_MAX];
};

struct session_agg {
    struct op op;
    struct window window;
    struct window_props props;
    struct agg_set *set;
    struct agg_state *state; /* folds into sessions; keeps DISTINCT's values */
    struct session_set sessions;
    bool retracts;
    int64_t target; /* watermark that is being worked on; WATERMARK_MIN = none */
    struct session **due;
    uint32_t n_due; /* taken, but not given out yet */
    struct leaving *leaving;
    /* The batch in hand: rows that were assigned and aren't folded yet. */
    const struct batch *in;
    uint32_t *rows;
    char **groups;
    uint32_t n_rows;
    uint64_t *hashes;
    char **keys; /* by row */
    char **late; /* keys of late rows */
    uint32_t n_late;
};

static struct session_agg *impl(struct op *op) {
    return CONTAINER_OF(op, struct session_agg, op);
}

/* A session and its group share the bytes that agg_state leaves to the op. */
static char *group_of(struct session *s) {
    return (char *)(s + 1) - AGG_HEADER_BYTES;
}
_Static_assert(sizeof(struct session) - offsetof(struct session, rows) == AGG_HEADER_BYTES &&
                   sizeof(struct session) % 16 == 0,
               "the group's header is the session's tail");

/* ---- what sessions hold ---- */

static void init_session(void *self, struct session *s) {
    agg_group_init(((struct session_agg *)self)->state, group_of(s));
}

static void release_session(void *self, struct session *s) {
    agg_group_release(((struct session_agg *)self)->state, group_of(s));
}

static int merge_sessions(void *self, struct session *dst, struct session *src, struct err *err) {
    return agg_group_merge(((struct session_agg *)self)->state, group_of(dst), group_of(src), err);
}

static void save_session(void *self, const struct session *s, struct str *out) {
    agg_group_save(((struct session_agg *)self)->state, group_of((struct session *)s), out);
}

static int load_session(void *self, struct session *s, struct sv bytes, struct err *err) {
    return agg_group_load(((struct session_agg *)self)->state, group_of(s), bytes, err);
}

static int fold(void *self, struct err *err) {
    struct session_agg *a = self;
    uint32_t n = a->n_rows;
    a->n_rows = 0;
    return n ? agg_state_fold(a->state, a->in, a->rows, n, a->groups, err) : 0;
}

static const struct session_ops session_ops = {.init = init_session,
                                               .release = release_session,
                                               .merge = merge_sessions,
                                               .save = save_session,
                                               .load = load_session,
                                               .settle = fold};

static int session_agg_open(struct op *op, struct err *err) {
    struct session_agg *a = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    int64_t gap;
    a->target = WATERMARK_MIN;
    a->retracts = json_opt_bool(cfg, "inputRetracts", false);
    int rc = session_window_read(json_opt(cfg, "window"), op->ctx, &a->window, &gap, err);
    if (!rc) rc = agg_set_new(op, json_opt(cfg, "keys"), json_opt(cfg, "aggs"), &a->set, err);
    if (!rc) rc = window_props_read(json_opt(cfg, "props"), &a->props, err);
    if (rc) return rc;
    for (int i = 0; i < a->set->n_aggs; i++)
        if (!(a->set->aggs[i].call.agg->flags & AGG_MERGE))
            return err_set(err, ERR_UNSUPPORTED,
                           "%s can't be used over sessions: its results can't be merged",
                           a->set->aggs[i].call.agg->name);
    agg_set_chain(a->set, op->ctx->arena);
    session_set_init(&a->sessions, &a->window, gap, a->set->n_keys, a->set->key_types,
                     a->set->payload_bytes - AGG_HEADER_BYTES, &session_ops, a);
    a->state = agg_state_new_blocks(a->set, a->sessions.keys);
    state_set_add(op->ctx->states, "sessions", 0, &state_table_part, a->sessions.keys);
    a->due = mem_calloc(BATCH_ROWS_MAX, sizeof *a->due);
    a->leaving = mem_alloc(sizeof *a->leaving);
    a->rows = mem_calloc(BATCH_ROWS_MAX, sizeof *a->rows);
    a->groups = mem_calloc(BATCH_ROWS_MAX, sizeof *a->groups);
    a->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *a->hashes);
    a->keys = mem_calloc(BATCH_ROWS_MAX, sizeof *a->keys);
    a->late = mem_calloc(BATCH_ROWS_MAX, sizeof *a->late);
    return 0;
}

/* ---- rows in ---- */

static void find_keys(struct session_agg *a, const struct batch *b) {
    const struct column *keys[STATE_KEYS_MAX];
    for (int i = 0; i < a->set->n_keys; i++)
        keys[i] = &b->cols[a->set->keys[i]];
    const uint64_t *hashes = b->hashes;
    if (!hashes) {
        memset(a->hashes, 0, sizeof *a->hashes * b->n);
        for (int i = 0; i < a->set->n_keys; i++)
            col_hash(keys[i], a->hashes, b->n);
        hashes = a->hashes;
    }
    state_table_upsert(a->sessions.keys, keys, hashes, NULL, b->n, a->keys, NULL);
}

/* Assigns rows of the batch to sessions; those of a row without time, and of late rows, go. */
static int assign(struct session_agg *a, const struct batch *b, struct err *err) {
    const struct window *w = &a->window;
    bool proctime = w->proctime;
    const struct column *time = proctime ? NULL : &b->cols[w->time];
    const int64_t *times = proctime ? NULL : time->data;
    int64_t now = proctime ? op_now_ms(&a->op) : 0;
    struct wm_cursor c = wm_cursor_of(proctime ? now - 1 : a->op.watermark, b);
    int64_t wm = c.wm;
    for (uint32_t i = 0; i < b->n; i++) {
        if (i + AHEAD < b->n) mem_prefetch_write(*(char **)a->keys[i + AHEAD]);
        if (!proctime && !col_is_valid(time, i)) { /* as in Flink: dropped, not late */
            a->late[a->n_late++] = a->keys[i];
            continue;
        }
        if (!proctime) wm = wm_cursor_at(&c, i);
        int64_t t = proctime ? now : times[i];
        struct session *s;
        int rc =
            session_assign(&a->sessions, a->keys[i], w->zone ? window_clock(w, t) : t, wm, &s, err);
        if (rc) return rc;
        if (!s) {
            a->late[a->n_late++] = a->keys[i];
            metric_add(&a->op.ctx->metrics->late_records, 1);
            continue;
        }
        s->rows += !b->kinds || row_kind_adds(b->kinds[i]) ? 1 : -1;
        a->rows[a->n_rows] = i;
        a->groups[a->n_rows++] = group_of(s);
    }
    return 0;
}

static int give_out(struct session_agg *a, struct err *err);
static void set_timer(struct session_agg *a);

static int session_agg_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct session_agg *a = impl(op);
    a->in = b;
    find_keys(a, b);
    int rc = assign(a, b, err);
    if (!rc) rc = fold(a, err);
    session_forget(&a->sessions, a->late, a->n_late);
    a->n_late = 0;
    a->in = NULL;
    batch_unref(b);
    if (rc) return rc;
    if (a->window.proctime) set_timer(a);
    return OP_DONE;
}

/* ---- results out ---- */

static int emit_due(struct session_agg *a, struct err *err) {
    const struct schema *out = a->op.ctx->output;
    const struct agg_set *set = a->set;
    struct leaving *l = a->leaving;
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n_due; i++) {
        struct session *s = a->due[i];
        if (a->retracts && s->rows <= 0) continue; /* all its rows were taken back */
        l->keys[n] = s->key;
        l->groups[n] = group_of(s);
        l->starts[n] = s->start;
        l->ends[n++] = s->end;
    }
    struct batch *b = batch_new(out->n);
    b->n = n;
    state_table_keys(a->sessions.keys, l->keys, n, b->cols);
    int at = set->n_keys, rc = agg_state_finish(a->state, l->groups, n, b->cols + at, err);
    at += set->n_aggs;
    for (int p = 0; p < a->props.n && !rc; p++, at++)
        window_prop_fill(&a->window, a->props.props[p], out->fields[at].type, l->starts, l->ends, n,
                         &b->cols[at]);
    if (rc) {
        batch_unref(b);
        return rc;
    }
    for (int i = 0; i < out->n; i++)
        b->cols[i].type = out->fields[i].type;
    for (uint32_t i = 0; i < a->n_due; i++)
        session_drop(&a->sessions, a->due[i]);
    a->n_due = 0;
    return op_emit(&a->op, b, err);
}

/* Gives out what is over at the target; when all is given, hands the watermark on. */
static int give_out(struct session_agg *a, struct err *err) {
    if (a->target == WATERMARK_MIN) return OP_DONE;
    for (;;) {
        if (!a->n_due)
            a->n_due = session_take_due(&a->sessions, a->target, a->due,
                                        (uint32_t)a->op.ctx->config->batch_rows);
        if (!a->n_due) break;
        if (op_output_full(&a->op)) return OP_MORE;
        int rc = emit_due(a, err);
        if (rc) return rc;
    }
    int64_t wm = a->target;
    metric_set(&a->op.ctx->metrics->state_entries, (int64_t)a->sessions.n);
    metric_set(&a->op.ctx->metrics->state_bytes, (int64_t)agg_state_bytes(a->state));
    a->target = WATERMARK_MIN;
    if (a->window.proctime) {
        set_timer(a);
        if (wm != WATERMARK_MAX) return OP_DONE; /* it was the clock */
    }
    int rc = op_emit_watermark(&a->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int advance(struct session_agg *a, int64_t wm, struct err *err) {
    a->target = MAX(a->target, wm);
    return give_out(a, err);
}

static int session_agg_watermark(struct op *op, int64_t wm, struct err *err) {
    struct session_agg *a = impl(op);
    if (a->window.proctime && wm != WATERMARK_MAX) { /* event time doesn't fire these */
        int rc = op_emit_watermark(op, wm, err);
        return rc ? rc : OP_DONE;
    }
    return advance(a, wm, err);
}

static int session_agg_resume(struct op *op, struct err *err) {
    return give_out(impl(op), err);
}

static void set_timer(struct session_agg *a) {
    int64_t due = session_next_due(&a->sessions);
    op_set_timer(&a->op, due == INT64_MAX ? INT64_MAX : due + 1);
}

static int session_agg_timer(struct op *op, int64_t now_ms, struct err *err) {
    return advance(impl(op), now_ms - 1, err);
}

static int session_agg_restored(struct op *op, struct err *err) {
    struct session_agg *a = impl(op);
    session_set_restored(&a->sessions);
    if (a->window.proctime) set_timer(a);
    return 0;
}

static void session_agg_close(struct op *op) {
    struct session_agg *a = impl(op);
    session_set_release(&a->sessions);
    agg_state_free(a->state);
    free(a->due);
    free(a->leaving);
    free(a->rows);
    free(a->groups);
    free(a->hashes);
    free(a->keys);
    free(a->late);
    agg_set_release(a->set);
}

static const struct op_ops session_agg_ops = {.size_bytes = sizeof(struct session_agg),
                                              .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                              .open = session_agg_open,
                                              .push = session_agg_push,
                                              .resume = session_agg_resume,
                                              .watermark = session_agg_watermark,
                                              .timer = session_agg_timer,
                                              .close = session_agg_close,
                                              .restored = session_agg_restored};

const struct op_desc op_session_agg = {.kind = "session_agg",
                                       .doc = "Aggregates by key and session window.",
                                       .n_inputs = 1,
                                       .ops = &session_agg_ops};
