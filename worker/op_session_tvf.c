/* op_session_tvf.c - the session window as a table function by itself: which window a row is in is
 * known only when the session is over, so rows are held until then, and come out in order of
 * arrival with window_start, window_end and window_time behind their columns. Changes are passed
 * as they are. */
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/session.h"
#include "worker/state/row_pack.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* A packed row follows. */
struct held_row {
    struct held_row *next; /* that came later */
    int64_t number;        /* rising over the op: order of arrival */
    uint32_t size_bytes;   /* of all */
    uint8_t kind;
    char pad[11]; /* the packed row is aligned to 16 bytes */
};
_Static_assert(sizeof(struct held_row) % 16 == 0, "packed rows behind it are aligned");

/* Behind struct session. */
struct held {
    struct held_row *first, *last;
};

/* Rows of sessions that are over, up to a batch. */
struct leaving {
    uint32_t n;
    struct held_row *rows[BATCH_ROWS_MAX];
    int64_t starts[BATCH_ROWS_MAX], ends[BATCH_ROWS_MAX];
};

struct session_tvf {
    struct op op;
    struct window window;
    int n_keys;
    int *keys;
    struct row_pack *pack;
    struct session_set sessions;
    int64_t next_number;
    int64_t target; /* watermark that is being worked on; WATERMARK_MIN = none */
    struct session **due;
    uint32_t n_due, at_due; /* taken; those in front of at_due are out */
    struct leaving *leaving;
    uint64_t *hashes;
    char **key_rows; /* by row */
    char **late;     /* keys of late rows */
    uint32_t n_late;
    struct str packed; /* scratch */
};

static struct session_tvf *impl(struct op *op) {
    return CONTAINER_OF(op, struct session_tvf, op);
}

static struct held *held_of(struct session *s) {
    return (struct held *)(s + 1);
}

static struct var_memory *memory(struct session_tvf *t) {
    return state_table_var(t->sessions.keys);
}

static void release_session(void *self, struct session *s) {
    struct held_row *r = held_of(s)->first;
    while (r) {
        struct held_row *next = r->next;
        var_free(memory(self), r, r->size_bytes);
        r = next;
    }
    *held_of(s) = (struct held){NULL, NULL};
}

static void append(struct held *h, struct held_row *r) {
    *(h->last ? &h->last->next : &h->first) = r;
    h->last = r;
}

/* Rows of both, in order of arrival. */
static int merge_sessions(void *self, struct session *dst, struct session *src, struct err *err) {
    struct held_row *a = held_of(dst)->first, *b = held_of(src)->first;
    struct held all = {NULL, NULL};
    while (a || b) {
        struct held_row **from = !b || (a && a->number < b->number) ? &a : &b;
        struct held_row *r = *from;
        *from = r->next;
        r->next = NULL;
        append(&all, r);
    }
    *held_of(dst) = all;
    *held_of(src) = (struct held){NULL, NULL};
    return 0;
}

/* Per row: number (8 bytes), kind (1), packed row. */
static void save_session(void *self, const struct session *s, struct str *out) {
    for (const struct held_row *r = held_of((struct session *)s)->first; r; r = r->next) {
        str_add_n(out, &r->number, 8);
        str_add_char(out, (char)r->kind);
        str_add_n(out, r + 1, row_pack_size((const char *)(r + 1)));
    }
}

static void hold_packed(struct session_tvf *t, struct session *s, const char *packed,
                        int64_t number, uint8_t kind) {
    uint32_t packed_bytes = row_pack_size(packed);
    uint32_t size = (uint32_t)sizeof(struct held_row) + packed_bytes;
    struct held_row *r = var_alloc(memory(t), size);
    *r = (struct held_row){.number = number, .size_bytes = size, .kind = kind};
    memcpy(r + 1, packed, packed_bytes);
    append(held_of(s), r);
    t->next_number = MAX(t->next_number, number + 1);
}

static int load_session(void *self, struct session *s, struct sv in, struct err *err) {
    while (in.len) {
        int64_t number;
        if (in.len < 13 || in.len - 9 < row_pack_size(in.ptr + 9))
            return err_set(err, ERR_CORRUPT, "a row that a session holds ends too early");
        memcpy(&number, in.ptr, 8);
        size_t bytes = 9 + row_pack_size(in.ptr + 9);
        int rc = row_pack_check(((struct session_tvf *)self)->pack, in.ptr + 9, bytes - 9, err);
        if (rc) return rc;
        hold_packed(self, s, in.ptr + 9, number, (uint8_t)in.ptr[8]);
        in.ptr += bytes;
        in.len -= bytes;
    }
    return 0;
}

static const struct session_ops session_ops = {.release = release_session,
                                               .merge = merge_sessions,
                                               .save = save_session,
                                               .load = load_session};

static int read_keys(struct session_tvf *t, const struct type ***ret_types, struct err *err) {
    const cJSON *j, *list = json_opt(t->op.ctx->plan->config, "keys");
    const struct schema *in = t->op.ctx->inputs[0];
    struct arena *a = t->op.ctx->arena;
    int n = cJSON_GetArraySize(list);
    if (n > STATE_KEYS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "more than %d columns in PARTITION BY",
                       STATE_KEYS_MAX);
    t->keys = ARENA_NEW_N(a, int, n + 1);
    *ret_types = ARENA_NEW_N(a, const struct type *, n + 1);
    cJSON_ArrayForEach(j, list) {
        if (!cJSON_IsNumber(j) || j->valueint < 0 || j->valueint >= in->n)
            return err_set(err, ERR_PROTOCOL, "bad key column");
        const struct field *f = &in->fields[j->valueint];
        if (type_is_nested(f->type))
            return err_set(err, ERR_UNSUPPORTED, "PARTITION BY '%s', which is of a nested type",
                           f->name);
        (*ret_types)[t->n_keys] = f->type;
        t->keys[t->n_keys++] = j->valueint;
    }
    return 0;
}

static int session_tvf_open(struct op *op, struct err *err) {
    struct session_tvf *t = impl(op);
    const struct type **types = NULL;
    int64_t gap;
    t->target = WATERMARK_MIN;
    int rc = session_window_read(json_opt(op->ctx->plan->config, "window"), op->ctx, &t->window,
                                 &gap, err);
    if (!rc) rc = read_keys(t, &types, err);
    if (rc) return rc;
    t->pack = row_pack_of_schema(op->ctx->arena, op->ctx->inputs[0]);
    session_set_init(&t->sessions, &t->window, gap, t->n_keys, types, sizeof(struct held),
                     &session_ops, t);
    state_set_add(op->ctx->states, "sessions", 0, &state_table_part, t->sessions.keys);
    t->due = mem_calloc(BATCH_ROWS_MAX, sizeof *t->due);
    t->leaving = mem_alloc(sizeof *t->leaving);
    t->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *t->hashes);
    t->key_rows = mem_calloc(BATCH_ROWS_MAX, sizeof *t->key_rows);
    t->late = mem_calloc(BATCH_ROWS_MAX, sizeof *t->late);
    return 0;
}

/* ---- rows in ---- */

static void find_keys(struct session_tvf *t, const struct batch *b) {
    const struct column *keys[STATE_KEYS_MAX];
    memset(t->hashes, 0, sizeof *t->hashes * b->n);
    for (int i = 0; i < t->n_keys; i++) {
        keys[i] = &b->cols[t->keys[i]];
        if (!b->hashes) col_hash(keys[i], t->hashes, b->n);
    }
    state_table_upsert(t->sessions.keys, keys, b->hashes ? b->hashes : t->hashes, NULL, b->n,
                       t->key_rows, NULL);
}

static void hold(struct session_tvf *t, struct session *s, const struct batch *b, uint32_t row) {
    str_clear(&t->packed);
    row_pack_add(t->pack, b->cols, row, &t->packed);
    hold_packed(t, s, t->packed.ptr, t->next_number,
                b->kinds ? b->kinds[row] : (uint8_t)ROW_INSERT);
}

static int hold_rows(struct session_tvf *t, const struct batch *b, struct err *err) {
    const struct window *w = &t->window;
    int64_t now = w->proctime ? op_now_ms(&t->op) : 0;
    struct wm_cursor c = wm_cursor_of(w->proctime ? now - 1 : t->op.watermark, b);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct column *time = w->proctime ? NULL : &b->cols[w->time];
        struct session *s = NULL;
        bool timeless = time && !col_is_valid(time, i); /* as in Flink: dropped, not late */
        if (!timeless) {
            int64_t at = window_clock(w, time ? COL_DATA(time, int64_t)[i] : now);
            int64_t wm = time ? wm_cursor_at(&c, i) : c.wm;
            int rc = session_assign(&t->sessions, t->key_rows[i], at, wm, &s, err);
            if (rc) return rc;
            if (!s) metric_add(&t->op.ctx->metrics->late_records, 1);
        }
        if (s)
            hold(t, s, b, i);
        else
            t->late[t->n_late++] = t->key_rows[i];
    }
    return 0;
}

static void set_timer(struct session_tvf *t) {
    int64_t due = session_next_due(&t->sessions);
    op_set_timer(&t->op, due == INT64_MAX ? INT64_MAX : due + 1);
}

static int session_tvf_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct session_tvf *t = impl(op);
    find_keys(t, b);
    int rc = hold_rows(t, b, err);
    session_forget(&t->sessions, t->late, t->n_late);
    t->n_late = 0;
    batch_unref(b);
    if (rc) return rc;
    if (t->window.proctime) set_timer(t);
    return OP_DONE;
}

/* ---- rows out ---- */

/* Takes rows out of their sessions; sessions that have none left are dropped. */
static void gather(struct session_tvf *t, struct leaving *l, uint32_t max) {
    l->n = 0;
    while (l->n < max && t->at_due < t->n_due) {
        struct session *s = t->due[t->at_due];
        struct held *h = held_of(s);
        for (; h->first && l->n < max; l->n++) {
            l->rows[l->n] = h->first;
            l->starts[l->n] = s->start;
            l->ends[l->n] = s->end;
            h->first = h->first->next;
        }
        if (h->first) break;
        session_drop(&t->sessions, s);
        t->at_due++;
    }
}

static int emit_rows(struct session_tvf *t, const struct leaving *l, struct err *err) {
    const struct schema *out = t->op.ctx->output;
    int n_in = t->op.ctx->inputs[0]->n;
    AUTO_FREE const char **packed = mem_calloc((size_t)l->n + 1, sizeof *packed);
    struct batch *b = batch_new(out->n);
    b->n = l->n;
    bool changes = false;
    for (uint32_t i = 0; i < l->n; i++) {
        packed[i] = (const char *)(l->rows[i] + 1);
        changes |= l->rows[i]->kind != ROW_INSERT;
    }
    row_pack_read(t->pack, packed, l->n, b->cols);
    for (int p = 0; p < 3; p++)
        window_prop_fill(&t->window, (enum window_prop)p, out->fields[n_in + p].type, l->starts,
                         l->ends, l->n, &b->cols[n_in + p]);
    for (int c = 0; c < out->n; c++)
        b->cols[c].type = out->fields[c].type;
    uint8_t *kinds = changes ? batch_make_kinds(b) : NULL;
    for (uint32_t i = 0; i < l->n; i++) {
        if (kinds) kinds[i] = l->rows[i]->kind;
        var_free(memory(t), l->rows[i], l->rows[i]->size_bytes);
    }
    return op_emit(&t->op, b, err);
}

/* Gives out what is over at the target; when all is given, hands the watermark on. */
static int give_out(struct session_tvf *t, struct err *err) {
    if (t->target == WATERMARK_MIN) return OP_DONE;
    uint32_t max = (uint32_t)t->op.ctx->config->batch_rows;
    for (;;) {
        if (op_output_full(&t->op)) return OP_MORE;
        if (t->at_due == t->n_due) {
            t->n_due = session_take_due(&t->sessions, t->target, t->due, max);
            t->at_due = 0;
        }
        if (!t->n_due) break;
        gather(t, t->leaving, max);
        int rc = emit_rows(t, t->leaving, err);
        if (rc) return rc;
    }
    int64_t wm = t->target;
    metric_set(&t->op.ctx->metrics->state_entries, (int64_t)t->sessions.n);
    metric_set(&t->op.ctx->metrics->state_bytes, (int64_t)state_table_bytes(t->sessions.keys));
    t->target = WATERMARK_MIN;
    if (t->window.proctime) {
        set_timer(t);
        if (wm != WATERMARK_MAX) return OP_DONE; /* it was the clock */
    }
    int rc = op_emit_watermark(&t->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int advance(struct session_tvf *t, int64_t wm, struct err *err) {
    t->target = MAX(t->target, wm);
    return give_out(t, err);
}

static int session_tvf_watermark(struct op *op, int64_t wm, struct err *err) {
    struct session_tvf *t = impl(op);
    if (t->window.proctime && wm != WATERMARK_MAX) { /* event time doesn't fire these */
        int rc = op_emit_watermark(op, wm, err);
        return rc ? rc : OP_DONE;
    }
    return advance(t, wm, err);
}

static int session_tvf_resume(struct op *op, struct err *err) {
    return give_out(impl(op), err);
}

static int session_tvf_timer(struct op *op, int64_t now_ms, struct err *err) {
    return advance(impl(op), now_ms - 1, err);
}

static int session_tvf_restored(struct op *op, struct err *err) {
    struct session_tvf *t = impl(op);
    session_set_restored(&t->sessions);
    if (t->window.proctime) set_timer(t);
    return 0;
}

static void session_tvf_close(struct op *op) {
    struct session_tvf *t = impl(op);
    session_set_release(&t->sessions);
    free(t->due);
    free(t->leaving);
    free(t->hashes);
    free(t->key_rows);
    free(t->late);
    str_release(&t->packed);
}

static const struct op_ops session_tvf_ops = {.size_bytes = sizeof(struct session_tvf),
                                              .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                              .open = session_tvf_open,
                                              .push = session_tvf_push,
                                              .resume = session_tvf_resume,
                                              .watermark = session_tvf_watermark,
                                              .timer = session_tvf_timer,
                                              .close = session_tvf_close,
                                              .restored = session_tvf_restored};

const struct op_desc op_session_tvf = {
    .kind = "session_tvf",
    .doc = "Assigns session windows to rows, which are held until their session is over.",
    .n_inputs = 1,
    .ops = &session_tvf_ops};
