/* op_over.c - OVER: each row with functions of the rows around it in its partition's order.
 *
 * By rowtime, rows wait until the watermark passes them, then come out by time; a partition keeps
 * the accumulators of an unbounded frame, or the rows that later frames reach back to. By
 * processing time rows come out as they come in. Ordered by something else, results of rows that
 * stand behind a new one are updated. In batch mode partitions are sorted at the end. */
#include "worker/metrics.h"
#include "worker/over_update.h"
#include "worker/state/state_set.h"
#include "worker/state/state_table.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* By rowtime, in front of each packed row: it waits in its partition, in no order. */
struct row_head {
    struct row_head *prev, *next;
    int64_t time;
    uint64_t seq;
};

/* In front of the accumulators in a partition's payload. */
struct part {
    union {
        struct rank_list list;  /* history; in batch mode all rows */
        struct sorted_set rows; /* updating: all rows, in order */
    };
    struct row_head *waiting; /* rows that wait for the watermark */
    int64_t number;           /* of creation, from 1; 0 = new */
    int64_t last;             /* time of the last row that came out */
    int64_t rows_before, groups_before;
};

enum { PART_BYTES = (sizeof(struct part) + 15) / 16 * 16 };

struct waiting {
    struct part *part;
    char *row;
    int64_t time;
    uint64_t seq;
};

struct over_op {
    struct op op;
    struct over_calls calls;
    struct rank_order order;
    struct over_update update;
    struct row_pack *pack;
    int n_keys;
    int *keys;
    const struct type **key_types;
    int time;
    bool proctime, batch_mode, update_before;
    struct state_table *parts;
    struct var_memory rows;
    int64_t n_parts;
    uint64_t seq;
    struct waiting *heap; /* rowtime: by time, partition, arrival */
    size_t n_heap, cap_heap;
    struct waiting *chunk; /* rows whose results are computed together */
    size_t n_chunk, cap_chunk;
    int64_t fired, firing; /* watermark rows have come out up to, are coming out up to */
    int64_t target;        /* to be handed on behind them; WATERMARK_MIN = none */
    uint64_t pos;          /* batch mode: scan of partitions */
    /* results until they are given: row, kind, place in the result columns */
    struct col_builder *results;
    struct column *result_cols;
    char **out_rows;
    uint8_t *out_kinds;
    uint32_t *out_at;
    uint32_t n_outs, cap_outs, given;
    bool sealed; /* builders are finished into result_cols */
    char **gone; /* rows to be freed behind them */
    uint32_t n_gone, cap_gone;
    struct batch *in; /* in hand */
    uint32_t in_row;
    struct wm_cursor cursor;
    uint64_t *hashes;
    char **found;
    struct str scratch;
};

static struct over_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct over_op, op);
}

static bool by_rowtime(const struct over_op *o) {
    return o->time >= 0 && !o->batch_mode;
}

/* ---- packed rows ---- */

static uint32_t head_bytes(const struct over_op *o) {
    return by_rowtime(o) ? (uint32_t)sizeof(struct row_head) : 0;
}

static struct row_head *head_of(char *row) {
    return (struct row_head *)row - 1;
}

static char *new_row(struct over_op *o, const char *packed, uint32_t bytes) {
    char *row = (char *)var_alloc(&o->rows, head_bytes(o) + bytes) + head_bytes(o);
    return memcpy(row, packed, bytes);
}

static void free_row(struct over_op *o, char *row) {
    var_free(&o->rows, row - head_bytes(o), head_bytes(o) + row_pack_size(row));
}

static void put_waiting(struct part *p, struct row_head *h) {
    *h = (struct row_head){.next = p->waiting, .time = h->time, .seq = h->seq};
    if (p->waiting) p->waiting->prev = h;
    p->waiting = h;
}

static void take_waiting(struct part *p, struct row_head *h) {
    *(h->prev ? &h->prev->next : &p->waiting) = h->next;
    if (h->next) h->next->prev = h->prev;
}

static bool updating(const struct over_op *o) {
    return o->time < 0 && !o->proctime && !o->batch_mode;
}

/* Accumulators go on from one result to the next, so that earlier rows aren't needed. */
static bool carries(const struct over_op *o) {
    return o->calls.open_lo && !o->calls.distinct && !o->batch_mode && !updating(o);
}

static void free_part(void *self, char *payload, struct var_memory *var) {
    struct over_op *o = self;
    struct part *p = (struct part *)payload;
    over_calls_free_accs(&o->calls, payload + PART_BYTES, &var->blobs);
    for (struct row_head *h = p->waiting, *next; h; h = next) {
        next = h->next;
        free_row(o, (char *)(h + 1));
    }
    if (!updating(o)) {
        for (uint32_t i = 0; i < p->list.n; i++)
            free_row(o, p->list.rows[i]);
        p->list.n = 0;
        rank_list_release(&p->list, &o->rows);
        return;
    }
    struct sorted_entry some[64];
    uint32_t n;
    for (uint64_t at = 0; (n = sorted_set_read(&p->rows, at, ARRAY_LEN(some), some)); at += n)
        for (uint32_t i = 0; i < n; i++)
            free_row(o, some[i].u.item);
    sorted_set_release(&p->rows, &o->rows);
}

/* Rows that wait refer to their partition. */
static bool may_expire(void *self, const char *payload) {
    return !((const struct part *)payload)->waiting;
}

/* ---- as bytes: number, last, rows_before, groups_before (8 bytes each), uint32 number of rows,
 * packed rows in order; uint32 number of waiting rows, for each time, seq and packed row; carried
 * accumulators ---- */

static void add_row(const char *row, struct str *out) {
    str_add_n(out, row, row_pack_size(row));
}

static void save_part(void *self, const char *payload, struct str *out) {
    struct over_op *o = self;
    const struct part *p = (const struct part *)payload;
    int64_t head[4] = {p->number, p->last, p->rows_before, p->groups_before};
    str_add_n(out, head, sizeof head);
    uint32_t n = updating(o) ? (uint32_t)p->rows.n : p->list.n;
    str_add_n(out, &n, 4);
    for (uint32_t i = 0; i < n && !updating(o); i++)
        add_row(p->list.rows[i], out);
    struct sorted_entry some[64];
    for (uint64_t at = 0, k; updating(o) && at < n; at += k) {
        k = sorted_set_read(&p->rows, at, ARRAY_LEN(some), some);
        for (uint64_t i = 0; i < k; i++)
            add_row(some[i].u.item, out);
    }
    size_t n_at = out->len;
    n = 0;
    str_add_n(out, &n, 4);
    for (struct row_head *h = p->waiting; h; h = h->next, n++) {
        str_add_n(out, &h->time, 8);
        str_add_n(out, &h->seq, 8);
        add_row((const char *)(h + 1), out);
    }
    memcpy(out->ptr + n_at, &n, 4);
    if (carries(o)) over_calls_save_accs(&o->calls, payload + PART_BYTES, out);
}

static bool load_rows(struct over_op *o, struct part *p, struct sv *in, struct err *err) {
    uint32_t n;
    if (!sv_take(in, &n, 4)) return false;
    for (uint32_t i = 0; i < n; i++) {
        char *row = row_pack_take(o->pack, in, &o->rows, head_bytes(o), err);
        if (!row) return false;
        if (updating(o))
            over_update_insert(&o->update, &p->rows, row, &o->rows);
        else
            rank_list_insert(&p->list, &o->rows, p->list.n, row);
    }
    if (!sv_take(in, &n, 4)) return false;
    while (n-- > 0) {
        struct row_head h;
        char *row;
        if (!sv_take(in, &h.time, 8) || !sv_take(in, &h.seq, 8) || !by_rowtime(o) ||
            !(row = row_pack_take(o->pack, in, &o->rows, head_bytes(o), err)))
            return false;
        *head_of(row) = h;
        put_waiting(p, head_of(row));
    }
    return true;
}

static int load_part(void *self, char *payload, struct sv bytes, struct var_memory *var,
                     struct err *err) {
    struct over_op *o = self;
    struct part *p = (struct part *)payload;
    int64_t head[4];
    if (!sv_take(&bytes, head, sizeof head) || !load_rows(o, p, &bytes, err))
        return err_set(err, ERR_CORRUPT, "the state of an OVER partition is cut off");
    p->number = head[0];
    p->last = head[1];
    p->rows_before = head[2];
    p->groups_before = head[3];
    if (carries(o))
        return over_calls_load_accs(&o->calls, payload + PART_BYTES, bytes, &var->blobs, err);
    over_calls_init_accs(&o->calls, payload + PART_BYTES);
    return 0;
}

static int check_calls(const struct over_op *o, struct err *err) {
    for (int i = 0; i < o->calls.n && !o->batch_mode; i++) {
        enum over_fn fn = o->calls.calls[i].fn;
        if (fn == OVER_NTILE || fn == OVER_PERCENT_RANK || fn == OVER_CUME_DIST)
            return err_set(err, ERR_UNSUPPORTED,
                           "NTILE, PERCENT_RANK and CUME_DIST on a stream: they need all rows of a "
                           "partition; they are possible in batch mode");
        if (fn == OVER_LEAD && !updating(o))
            return err_set(err, ERR_UNSUPPORTED, "LEAD on a stream ordered by time");
    }
    if (!o->batch_mode && !updating(o) && (o->calls.open_hi || o->calls.following > 0))
        return err_set(err, ERR_UNSUPPORTED, "OVER frames on a stream that end behind the row");
    return 0;
}

static int over_open(struct op *op, struct err *err) {
    struct over_op *o = impl(op);
    const cJSON *cfg = op->ctx->plan->config, *keys = json_opt(cfg, "partition"), *j;
    const struct schema *in = op->ctx->inputs[0];
    struct arena *a = op->ctx->arena;
    o->fired = o->firing = o->target = WATERMARK_MIN;
    o->time = (int)json_opt_i64(cfg, "time", -1);
    o->proctime = json_opt_bool(cfg, "proctime", false);
    o->batch_mode = json_opt_bool(cfg, "batch", false);
    o->update_before = json_opt_bool(cfg, "updateBefore", true);
    var_init(&o->rows);
    o->pack = row_pack_of_schema(a, in);
    int rc = over_calls_read(op, &o->calls, err);
    if (rc) return rc;
    o->calls.in_turn = o->proctime && !o->batch_mode;
    o->order = (struct rank_order){.pack = o->pack, .order = o->calls.order};
    if (o->time >= in->n) return err_set(err, ERR_PROTOCOL, "time column out of range");
    if ((rc = check_calls(o, err))) return rc;
    o->keys = ARENA_NEW_N(a, int, cJSON_GetArraySize(keys) + 1);
    o->key_types = ARENA_NEW_N(a, const struct type *, cJSON_GetArraySize(keys) + 1);
    cJSON_ArrayForEach(j, keys) {
        if (j->valueint < 0 || j->valueint >= in->n || o->n_keys == STATE_KEYS_MAX)
            return err_set(err, ERR_PROTOCOL, "partition column out of range");
        o->keys[o->n_keys] = j->valueint;
        o->key_types[o->n_keys] = in->fields[j->valueint].type;
        if (type_is_nested(o->key_types[o->n_keys++]))
            return err_set(err, ERR_UNSUPPORTED, "PARTITION BY '%s', which is of a nested type",
                           in->fields[j->valueint].name);
    }
    if (op->ctx->output->n != in->n + o->calls.n)
        return err_set(err, ERR_PROTOCOL, "OVER gives %d columns, the plan says %d",
                       in->n + o->calls.n, op->ctx->output->n);
    over_update_init(&o->update, &o->calls, &o->order, in);
    struct state_desc d = {.n_keys = o->n_keys,
                           .key_types = o->key_types,
                           .payload_size_bytes = PART_BYTES + o->calls.acc_bytes,
                           .free_payload = free_part,
                           .save_payload = save_part,
                           .load_payload = load_part,
                           .may_expire = may_expire,
                           .self = o,
                           .ttl_ms = o->batch_mode ? 0 : json_opt_i64(cfg, "ttl", 0)};
    o->parts = state_table_new(&d);
    state_set_add(op->ctx->states, "partitions", 0, &state_table_part, o->parts);
    o->results = mem_calloc((size_t)o->calls.n + 1, sizeof *o->results);
    o->result_cols = mem_calloc((size_t)o->calls.n + 1, sizeof *o->result_cols);
    for (int i = 0; i < o->calls.n; i++)
        col_builder_init(&o->results[i], o->calls.calls[i].type, 0);
    o->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *o->hashes);
    o->found = mem_calloc(BATCH_ROWS_MAX, sizeof *o->found);
    return 0;
}

/* ---- rows that wait for the watermark ---- */

static bool earlier(const struct waiting *a, const struct waiting *b) {
    if (a->time != b->time) return a->time < b->time;
    if (a->part != b->part) return a->part->number < b->part->number;
    return a->seq < b->seq;
}

static void heap_push(struct over_op *o, struct waiting w) {
    MEM_GROW(o->heap, o->n_heap, o->cap_heap);
    size_t i = o->n_heap++;
    for (; i && earlier(&w, &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
        o->heap[i] = o->heap[(i - 1) / 2];
    o->heap[i] = w;
}

static void wait_for_watermark(struct over_op *o, struct waiting w) {
    struct row_head *h = head_of(w.row);
    h->time = w.time;
    h->seq = w.seq;
    put_waiting(w.part, h);
    heap_push(o, w);
}

static struct waiting heap_pop(struct over_op *o) {
    struct waiting top = o->heap[0], last = o->heap[--o->n_heap];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= o->n_heap) break;
        if (c + 1 < o->n_heap && earlier(&o->heap[c + 1], &o->heap[c])) c++;
        if (!earlier(&o->heap[c], &last)) break;
        o->heap[i] = o->heap[c];
        i = c;
    }
    if (o->n_heap) o->heap[i] = last;
    char *payload = (char *)top.part;
    state_table_mark(o->parts, &payload, 1); /* from here on until its results are made */
    take_waiting(top.part, head_of(top.row));
    return top;
}

static void chunk_add(struct over_op *o, struct waiting w) {
    MEM_GROW(o->chunk, o->n_chunk, o->cap_chunk);
    o->chunk[o->n_chunk++] = w;
}

/* Due rows, about a batch; all of one partition and time stay together. */
static void take_due(struct over_op *o) {
    while (o->n_heap && o->heap[0].time <= o->firing) {
        const struct waiting *last = o->n_chunk ? &o->chunk[o->n_chunk - 1] : NULL;
        if (o->n_chunk >= o->op.ctx->config->batch_rows &&
            (last->part != o->heap[0].part || last->time != o->heap[0].time))
            break;
        chunk_add(o, heap_pop(o));
    }
}

/* ---- results ---- */

static void add_out(struct over_op *o, uint8_t kind, char *row, uint32_t at) {
    if (o->n_outs == o->cap_outs) {
        o->cap_outs = MAX(2 * o->cap_outs, 64u);
        o->out_rows = mem_reallocarray(o->out_rows, o->cap_outs, sizeof *o->out_rows);
        o->out_kinds = mem_realloc(o->out_kinds, o->cap_outs);
        o->out_at = mem_reallocarray(o->out_at, o->cap_outs, sizeof *o->out_at);
    }
    o->out_rows[o->n_outs] = row;
    o->out_kinds[o->n_outs] = kind;
    o->out_at[o->n_outs++] = at;
}

static void drop_row(struct over_op *o, char *row) {
    MEM_GROW(o->gone, o->n_gone, o->cap_gone);
    o->gone[o->n_gone++] = row;
}

static int emit_outs(struct over_op *o, uint32_t from, uint32_t n, struct err *err) {
    const struct schema *s = o->op.ctx->output;
    struct batch *b = batch_new(s->n);
    b->n = n;
    row_pack_read(o->pack, (const char *const *)o->out_rows + from, n, b->cols);
    int n_in = s->n - o->calls.n;
    for (int i = 0; i < o->calls.n; i++)
        col_gather(&b->cols[n_in + i], &o->result_cols[i], o->out_at + from, n);
    for (int c = 0; c < s->n; c++)
        b->cols[c].type = s->fields[c].type;
    bool inserts = true;
    for (uint32_t i = 0; i < n && inserts; i++)
        inserts = o->out_kinds[from + i] == ROW_INSERT;
    if (!inserts) memcpy(batch_make_kinds(b), o->out_kinds + from, n);
    return op_emit(&o->op, b, err);
}

/* Gives the results made so far as far as there is room. */
static int give_outs(struct over_op *o, struct err *err) {
    uint32_t max = o->op.ctx->config->batch_rows;
    if (o->n_outs && !o->sealed) {
        for (int i = 0; i < o->calls.n; i++)
            col_builder_finish(&o->results[i], &o->result_cols[i]);
        o->sealed = true;
    }
    while (o->given < o->n_outs) {
        if (op_output_full(&o->op)) return OP_MORE;
        uint32_t n = MIN(o->n_outs - o->given, max);
        int rc = emit_outs(o, o->given, n, err);
        if (rc) return rc;
        o->given += n;
    }
    for (int i = 0; i < o->calls.n && o->sealed; i++)
        col_release(&o->result_cols[i]);
    o->sealed = false;
    o->given = o->n_outs = 0;
    for (uint32_t i = 0; i < o->n_gone; i++)
        free_row(o, o->gone[i]);
    o->n_gone = 0;
    return OP_DONE;
}

/* ---- evaluation ---- */

/* Results of rows [from, n) of a partition, appended to out. */
static int eval_rows(struct over_op *o, struct part *p, char *const *rows, uint32_t n,
                     uint32_t from, struct col_builder *out, struct err *err) {
    const struct schema *in = o->op.ctx->inputs[0];
    AUTO_FREE struct column *cols = mem_calloc((size_t)in->n + 1, sizeof *cols);
    for (int c = 0; c < in->n; c++)
        if (o->calls.needed[c])
            row_pack_read_column(o->pack, c, (const char *const *)rows, n, &cols[c]);
    bool carried = carries(o);
    AUTO_FREE char *accs = carried ? NULL : mem_aligned(64, o->calls.acc_bytes + 64);
    struct over_part part = {.cols = cols,
                             .n = n,
                             .from = from,
                             .to = n,
                             .accs = carried ? (char *)p + PART_BYTES : accs,
                             .carried = carried,
                             .rows_before = p->rows_before,
                             .groups_before = p->groups_before,
                             .blobs = &state_table_var(o->parts)->blobs};
    if (!carried) over_calls_init_accs(&o->calls, accs);
    uint32_t groups;
    int rc = over_calls_eval(&o->calls, &part, out, &groups, err);
    if (!carried) over_calls_free_accs(&o->calls, accs, part.blobs);
    for (int c = 0; c < in->n; c++)
        if (o->calls.needed[c]) col_release(&cols[c]);
    if (rc) return rc;
    p->rows_before += n - from;
    p->groups_before += groups;
    return 0;
}

static int64_t order_time(const struct over_op *o, const char *row) {
    int64_t t = INT64_MIN;
    const void *v = row_pack_fixed(o->pack, row, o->calls.order.keys[0].column);
    if (v) memcpy(&t, v, sizeof t);
    return t;
}

/* How many of the partition's last rows later results can depend on. */
static uint32_t rows_to_keep(const struct over_op *o, const struct rank_list *l) {
    const struct over_calls *c = &o->calls;
    if (o->batch_mode || !l->n) return 0;
    if (c->open_lo && c->distinct) return l->n;
    int64_t keep = c->max_lag;
    if (!c->open_lo && c->rows) keep = MAX(keep, c->preceding);
    uint32_t k = (uint32_t)MIN(keep, (int64_t)l->n);
    if (c->open_lo || c->rows) return k;
    int64_t newest = order_time(o, l->rows[l->n - 1]);
    while (k < l->n && newest - order_time(o, l->rows[l->n - 1 - k]) <= c->preceding)
        k++;
    return k;
}

static void trim_history(struct over_op *o, struct rank_list *l) {
    uint32_t keep = rows_to_keep(o, l), drop = l->n - keep;
    for (uint32_t i = 0; i < drop; i++)
        drop_row(o, l->rows[i]);
    memmove(l->rows, l->rows + drop, sizeof *l->rows * keep);
    l->n = keep;
}

static int cmp_parts(const void *pa, const void *pb) {
    const struct waiting *a = *(struct waiting *const *)pa, *b = *(struct waiting *const *)pb;
    if (a->part != b->part) return a->part->number < b->part->number ? -1 : 1;
    return a < b ? -1 : 1;
}

/* Computes the chunk's results partition by partition; they come out in the chunk's order. */
static int eval_chunk(struct over_op *o, struct err *err) {
    size_t n = o->n_chunk;
    AUTO_FREE struct waiting **by_part = mem_calloc(n + 1, sizeof *by_part);
    AUTO_FREE uint32_t *at = mem_calloc(n + 1, sizeof *at);
    for (size_t i = 0; i < n; i++)
        by_part[i] = &o->chunk[i];
    qsort(by_part, n, sizeof *by_part, cmp_parts);
    for (size_t from = 0, to; from < n; from = to) {
        struct part *p = by_part[from]->part;
        uint32_t history = p->list.n;
        for (to = from; to < n && by_part[to]->part == p; to++) {
            rank_list_insert(&p->list, &o->rows, p->list.n, by_part[to]->row);
            at[by_part[to] - o->chunk] = (uint32_t)to;
        }
        p->last = by_part[to - 1]->time;
        int rc = eval_rows(o, p, p->list.rows, p->list.n, history, o->results, err);
        if (rc) return rc;
        trim_history(o, &p->list);
    }
    for (size_t i = 0; i < n; i++)
        add_out(o, ROW_INSERT, o->chunk[i].row, at[i]);
    o->n_chunk = 0;
    return 0;
}

/* ---- batch mode ---- */

static _Thread_local const struct over_op *sorting; /* qsort has no argument for it */

static int cmp_ordered(const void *pa, const void *pb) {
    const struct waiting *a = pa, *b = pb;
    int c = rank_cmp(&sorting->order, a->row, b->row);
    return c ? c : a->seq < b->seq ? -1 : 1;
}

/* Whole partitions, sorted, of about a batch in all. */
static void take_partitions(struct over_op *o) {
    char *payload;
    sorting = o;
    while (o->n_chunk < o->op.ctx->config->batch_rows &&
           state_table_scan(o->parts, &o->pos, &payload, 1)) {
        struct part *p = (struct part *)payload;
        size_t from = o->n_chunk;
        for (uint32_t i = 0; i < p->list.n; i++)
            chunk_add(o, (struct waiting){.part = p, .row = p->list.rows[i], .seq = i});
        p->list.n = 0;
        qsort(o->chunk + from, o->n_chunk - from, sizeof *o->chunk, cmp_ordered);
    }
}

/* ---- updating ---- */

static char *keep_row(struct over_op *o) {
    return new_row(o, str_text(&o->scratch), (uint32_t)o->scratch.len);
}

/* Sends the results that differ, in the order of their rows. Without the changed row there is one
 * row less, so that results behind it stand one place further on. */
static void send_change(struct over_op *o, const struct over_change *c, bool adds) {
    const struct column *before = adds ? c->without : c->with;
    const struct column *after = adds ? c->with : c->without;
    for (uint32_t i = 0; i < c->n; i++) {
        bool behind = i > c->at, self = i == c->at;
        uint32_t old = i - (adds && behind), now = i - (!adds && behind);
        bool same = !self;
        for (int k = 0; k < o->calls.n && same; k++)
            same = col_eq(&before[k], old, &after[k], now);
        if (same) continue;
        if (self ? !adds : o->update_before) {
            for (int k = 0; k < o->calls.n; k++)
                col_add_from(&o->results[k], &before[k], old);
            add_out(o, self ? ROW_DELETE : ROW_UPDATE_BEFORE, c->rows[i], o->n_outs);
        }
        if (self && !adds) continue;
        for (int k = 0; k < o->calls.n; k++)
            col_add_from(&o->results[k], &after[k], now);
        add_out(o, self ? ROW_INSERT : ROW_UPDATE_AFTER, c->rows[i], o->n_outs);
    }
}

static int change_row(struct over_op *o, struct part *p, uint8_t kind, struct err *err) {
    const char *packed = str_text(&o->scratch);
    bool adds = row_kind_adds(kind);
    uint64_t place = adds ? over_update_place(&o->update, &p->rows, packed)
                          : over_update_find(&o->update, &p->rows, packed);
    if (adds)
        over_update_insert(&o->update, &p->rows, keep_row(o), &o->rows);
    else if (place == p->rows.n) /* never came, or its time is up */
        return 0;
    struct over_change c;
    struct blob_alloc *blobs = &state_table_var(o->parts)->blobs;
    int rc = over_update_compute(&o->update, &p->rows, place, blobs, &c, err);
    if (rc) return rc;
    send_change(o, &c, adds);
    over_change_release(&o->update, &c);
    if (!adds) drop_row(o, sorted_set_take(&p->rows, place, &o->rows).u.item);
    return 0;
}

/* ---- rows in ---- */

/* Whether row i must not come in: it is late, or (false, *ret_wait) rows in front of it must come
 * out first to tell. Frames that reach back to the beginning drop what is behind the watermark; the
 * others only what is behind the last row of the partition that came out. */
static bool is_late(struct over_op *o, const struct part *p, uint32_t i, int64_t time,
                    bool *ret_wait) {
    int64_t wm = wm_cursor_at(&o->cursor, i);
    if (time > wm) return false;
    if (o->calls.open_lo) return true;
    if (wm > o->fired) {
        o->firing = wm;
        *ret_wait = true;
        return false;
    }
    return p->number && p->rows_before && time <= p->last;
}

static int work_row(struct over_op *o, uint32_t i, bool *ret_wait, struct err *err) {
    struct part *p = (struct part *)o->found[i];
    int64_t time = 0;
    if (by_rowtime(o)) {
        const struct column *c = &o->in->cols[o->time];
        time = COL_DATA(c, int64_t)[i];
        if (!col_is_valid(c, i) || is_late(o, p, i, time, ret_wait)) {
            metric_add(&o->op.ctx->metrics->late_records, 1);
            return 0;
        }
        if (*ret_wait) return 0;
    }
    str_clear(&o->scratch);
    row_pack_add(o->pack, o->in->cols, i, &o->scratch);
    uint8_t kind = o->in->kinds ? o->in->kinds[i] : ROW_INSERT;
    if (updating(o)) return change_row(o, p, kind, err);
    struct waiting w = {.part = p, .time = time, .seq = o->seq++};
    if (!row_kind_adds(kind))
        return err_set(err, ERR_UNSUPPORTED, "OVER by time over input that takes rows back");
    w.row = keep_row(o);
    if (o->batch_mode)
        rank_list_insert(&p->list, &o->rows, p->list.n, w.row);
    else if (o->proctime)
        chunk_add(o, w);
    else
        wait_for_watermark(o, w);
    return 0;
}

/* Partitions that are seen first get their number and accumulators. */
static void find_parts(struct over_op *o, const struct batch *b) {
    const struct column *keys[STATE_KEYS_MAX];
    memset(o->hashes, 0, sizeof *o->hashes * b->n);
    for (int k = 0; k < o->n_keys; k++) {
        keys[k] = &b->cols[o->keys[k]];
        col_hash(keys[k], o->hashes, b->n);
    }
    state_table_age(o->parts, op_now_ms(&o->op), 2 * b->n);
    state_table_upsert(o->parts, keys, o->hashes, NULL, b->n, o->found, NULL);
    state_table_touch(o->parts, o->found, b->n);
    for (uint32_t i = 0; i < b->n; i++) {
        struct part *p = (struct part *)o->found[i];
        if (p->number) continue;
        p->number = ++o->n_parts;
        p->last = INT64_MIN;
        over_calls_init_accs(&o->calls, (char *)p + PART_BYTES);
    }
}

/* One step of the batch in hand: rows until something can be given out. */
static int work_batch(struct over_op *o, struct err *err) {
    bool wait = false;
    while (o->in_row < o->in->n && o->n_outs < o->op.ctx->config->batch_rows) {
        int rc = work_row(o, o->in_row, &wait, err);
        if (rc) return rc;
        if (wait) return 0;
        o->in_row++;
    }
    if (o->in_row < o->in->n) return 0;
    batch_unref(o->in);
    o->in = NULL;
    return o->n_chunk ? eval_chunk(o, err) : 0;
}

/* Goes on with whatever is to be done, in order. */
static int give(struct over_op *o, struct err *err) {
    for (;;) {
        int rc = give_outs(o, err);
        if (rc) return rc;
        if (o->firing != WATERMARK_MIN) {
            if (o->batch_mode)
                take_partitions(o);
            else
                take_due(o);
            if (!o->n_chunk) {
                o->fired = MAX(o->fired, o->firing);
                o->firing = WATERMARK_MIN;
            } else if ((rc = eval_chunk(o, err))) {
                return rc;
            }
        } else if (o->in) {
            if ((rc = work_batch(o, err))) return rc;
        } else {
            break;
        }
    }
    int64_t wm = o->target;
    o->target = WATERMARK_MIN;
    if (wm == WATERMARK_MIN) return OP_DONE;
    int rc = op_emit_watermark(&o->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int over_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct over_op *o = impl(op);
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    find_parts(o, b);
    o->in = b;
    o->in_row = 0;
    o->cursor = wm_cursor_of(MAX(op->watermark, o->fired), b);
    return give(o, err);
}

static int over_watermark(struct op *op, int64_t wm, struct err *err) {
    struct over_op *o = impl(op);
    o->target = wm;
    /* Fired already by a row behind its step: rows that came in behind that wait for the next. */
    if (by_rowtime(o) ? wm > o->fired : o->batch_mode && wm == WATERMARK_MAX) o->firing = wm;
    return give(o, err);
}

static int over_resume(struct op *op, struct err *err) {
    return give(impl(op), err);
}

/* What derives from the partitions: rows that wait, and numbers that tell partitions apart, in the
 * order they had. */
static int cmp_numbers(const void *pa, const void *pb) {
    const struct part *a = *(struct part *const *)pa, *b = *(struct part *const *)pb;
    return (a->number > b->number) - (a->number < b->number);
}

static int over_restored(struct op *op, struct err *err) {
    struct over_op *o = impl(op);
    size_t n = state_table_count(o->parts), k = 0;
    AUTO_FREE struct part **all = mem_calloc(n + 1, sizeof *all);
    uint64_t pos = 0;
    while (k < n && state_table_scan(o->parts, &pos, (char **)&all[k], 1))
        k++;
    if (k) qsort(all, k, sizeof *all, cmp_numbers);
    o->n_parts = (int64_t)k;
    for (size_t i = 0; i < k; i++) {
        all[i]->number = (int64_t)i + 1;
        for (struct row_head *h = all[i]->waiting; h; h = h->next) {
            heap_push(o, (struct waiting){all[i], (char *)(h + 1), h->time, h->seq});
            o->seq = MAX(o->seq, h->seq + 1);
        }
    }
    if (by_rowtime(o)) o->fired = op->watermark;
    return 0;
}

static void over_close(struct op *op) {
    struct over_op *o = impl(op);
    for (size_t i = 0; i < o->n_chunk; i++)
        free_row(o, o->chunk[i].row);
    for (uint32_t i = 0; i < o->n_gone; i++)
        free_row(o, o->gone[i]);
    state_table_free(o->parts);
    var_release(&o->rows);
    for (int i = 0; o->results && i < o->calls.n; i++) {
        col_builder_release(&o->results[i]);
        col_release(&o->result_cols[i]);
    }
    free(o->results);
    free(o->result_cols);
    free(o->out_rows);
    free(o->out_kinds);
    free(o->out_at);
    free(o->heap);
    free(o->chunk);
    free(o->gone);
    free(o->hashes);
    free(o->found);
    batch_unref(o->in);
    str_release(&o->scratch);
}

static const struct op_ops over_ops = {.size_bytes = sizeof(struct over_op),
                                       .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                       .open = over_open,
                                       .push = over_push,
                                       .resume = over_resume,
                                       .watermark = over_watermark,
                                       .close = over_close,
                                       .restored = over_restored};

const struct op_desc op_over = {.kind = "over",
                                .doc = "Functions over the rows around each row.",
                                .n_inputs = 1,
                                .ops = &over_ops};
