/* op_rank.c - top-N (ROW_NUMBER, RANK, DENSE_RANK <= N) and deduplication (the first or last row
 * per key), which is a top-1 by time. Rows are held per partition in order: only those that can be
 * among the first N where the input never takes rows back, else all.
 *
 * Streaming: each row's effect on the ranks from..to is sent at once, as Flink does. Per window
 * (`window`), and in batch mode: the ranked rows come out once, when the window's end is passed, or
 * at the end. */
#include "vector/func/tz.h"
#include "worker/metrics.h"
#include "worker/rank_list.h"
#include "worker/state/state_set.h"
#include "worker/state/state_table.h"
#include "worker/window.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum function { FN_ROW_NUMBER, FN_RANK, FN_DENSE_RANK };

struct out_row {
    const char *row;
    int64_t rank;
    uint32_t in_row; /* by_input: of the batch in hand */
    uint8_t kind;
};

/* Rows looked at together: what they need is brought into the cache in front. */
enum { AHEAD = 16 };

/* The partitions of one window, or all. */
struct rank_window {
    int64_t end;
    struct state_table *table; /* payload: struct rank_list */
};

struct rank_op {
    struct op op;
    enum function function;
    int n_keys;
    const int *keys;
    const struct type **key_types;
    struct rank_order order;
    struct row_pack *pack;
    int64_t from, to;
    bool output_rank, update_before, retracts, batch_mode, dedup, first_only, last_by_arrival;
    bool ltz;
    int64_t ttl_ms; /* of a partition's rows since the last of them that counted */
    const int *unique_key;
    int n_unique_key;
    bool closing;
    bool by_input;               /* all results are rows of the batch in hand */
    int window_column;           /* -1: none */
    struct rank_window *windows; /* by end; one without windows */
    int n_windows, cap_windows;
    struct var_memory rows;
    struct str scratch;
    /* results until they are given, and rows that they still refer to */
    struct out_row *outs;
    uint32_t n_outs, cap_outs, given;
    char **gone;
    uint32_t n_gone, cap_gone;
    /* giving out a window, or all at the end */
    int64_t target;
    bool giving;
    uint64_t pos;
    struct batch *in; /* in hand, up to in_row */
    uint32_t in_row;
    uint64_t *hashes;
    char **lists;
};

static struct rank_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct rank_op, op);
}

static int read_cols(struct rank_op *r, const cJSON *list, const int **ret, int *ret_n,
                     struct err *err) {
    int n = cJSON_GetArraySize(list), i = 0;
    int *cols = ARENA_NEW_N(r->op.ctx->arena, int, n + 1);
    const cJSON *c;
    cJSON_ArrayForEach(c, list) {
        if (!cJSON_IsNumber(c) || c->valueint < 0 || c->valueint >= r->op.ctx->inputs[0]->n)
            return err_set(err, ERR_PROTOCOL, "column out of range");
        cols[i++] = c->valueint;
    }
    *ret = cols;
    *ret_n = n;
    return 0;
}

static int open_common(struct rank_op *r, const char *keys, struct err *err) {
    const cJSON *cfg = r->op.ctx->plan->config;
    struct arena *a = r->op.ctx->arena;
    r->target = WATERMARK_MIN;
    r->update_before = json_opt_bool(cfg, "updateBefore", true);
    r->batch_mode = json_opt_bool(cfg, "batch", false);
    r->ltz = json_opt_bool(cfg, "ltz", false);
    r->window_column = (int)json_opt_i64(cfg, "window", -1);
    if (r->window_column < 0 && !r->batch_mode) r->ttl_ms = json_opt_i64(cfg, "ttl", 0);
    if (r->window_column >= r->op.ctx->inputs[0]->n)
        return err_set(err, ERR_PROTOCOL, "window column out of range");
    int rc = read_cols(r, json_opt(cfg, keys), &r->keys, &r->n_keys, err);
    if (rc) return rc;
    r->key_types = ARENA_NEW_N(a, const struct type *, r->n_keys + 1);
    for (int i = 0; i < r->n_keys; i++)
        r->key_types[i] = r->op.ctx->inputs[0]->fields[r->keys[i]].type;
    r->order.pack = r->pack = row_pack_of_schema(a, r->op.ctx->inputs[0]);
    var_init(&r->rows);
    r->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *r->hashes);
    r->lists = mem_calloc(BATCH_ROWS_MAX, sizeof *r->lists);
    return 0;
}

static bool at_once(const struct rank_op *r) {
    return r->window_column < 0 && !r->batch_mode;
}

/* A top-1 that sends no old rows of updates, and to which no held row can return. */
static bool top_by_input(const struct rank_op *r) {
    return at_once(r) && r->from == 1 && r->to == 1 && !r->update_before && !r->retracts &&
           !r->n_unique_key;
}

static int rank_open(struct op *op, struct err *err) {
    struct rank_op *r = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    const char *fn = json_opt_str(cfg, "function", "row_number");
    r->function = !strcmp(fn, "rank")         ? FN_RANK
                  : !strcmp(fn, "dense_rank") ? FN_DENSE_RANK
                                              : FN_ROW_NUMBER;
    r->from = json_opt_i64(cfg, "from", 1);
    r->to = json_opt_i64(cfg, "to", 1);
    if (r->to < 0) r->to = INT64_MAX;
    r->output_rank = json_opt_bool(cfg, "outputRank", false);
    r->retracts = json_opt_bool(cfg, "inputRetracts", false);
    int rc = open_common(r, "partition", err);
    if (!rc)
        rc = order_read(op->ctx->arena, json_opt(cfg, "order"), op->ctx->inputs[0], &r->order.order,
                        err);
    if (!rc && json_opt(cfg, "uniqueKey"))
        rc = read_cols(r, json_opt(cfg, "uniqueKey"), &r->unique_key, &r->n_unique_key, err);
    r->by_input = top_by_input(r);
    if (!rc && r->function != FN_ROW_NUMBER && !r->batch_mode && r->window_column < 0)
        rc = err_set(err, ERR_UNSUPPORTED,
                     "RANK and DENSE_RANK on a stream: only ROW_NUMBER is possible there");
    return rc;
}

static int dedup_open(struct op *op, struct err *err) {
    struct rank_op *r = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    r->dedup = true;
    r->from = r->to = 1;
    int time = (int)json_opt_i64(cfg, "time", -1);
    bool last = !strcmp(json_opt_str(cfg, "keep", "first"), "last");
    int rc = open_common(r, "keys", err);
    if (rc) return rc;
    r->order.later_first = last;
    struct order_key *k = ARENA_NEW(op->ctx->arena, struct order_key);
    *k = (struct order_key){.column = time, .desc = last, .nulls_first = false};
    r->order.order = (struct order){.n = time >= 0, .keys = k};
    r->first_only = time < 0 && !last;
    r->last_by_arrival = time < 0 && last;
    r->by_input = top_by_input(r);
    return 0;
}

/* ---- windows ---- */

static void free_list(void *self, char *payload, struct var_memory *var) {
    struct rank_op *r = self;
    if (r->closing && !r->rows.n_large) return; /* all goes at once */
    rank_list_release((struct rank_list *)payload, &r->rows);
}

/* uint32 number of rows, packed rows in order. */
static void save_list(void *self, const char *payload, struct str *out) {
    const struct rank_list *l = (const struct rank_list *)payload;
    str_add_n(out, &l->n, 4);
    for (uint32_t i = 0; i < l->n; i++)
        str_add_n(out, l->rows[i], row_pack_size(l->rows[i]));
}

static int load_list(void *self, char *payload, struct sv bytes, struct var_memory *var,
                     struct err *err) {
    struct rank_op *r = self;
    struct rank_list *l = (struct rank_list *)payload;
    uint32_t n;
    if (!sv_take(&bytes, &n, 4)) return err_set(err, ERR_CORRUPT, "a list of rows is cut off");
    for (uint32_t i = 0; i < n; i++) {
        char *row = row_pack_take(r->pack, &bytes, &r->rows, 0, err);
        if (!row) return err->code;
        rank_list_insert(l, &r->rows, l->n, row);
    }
    return 0;
}

static const char *part_name(const struct rank_op *r) {
    return r->window_column < 0 ? "rows" : "window";
}

static struct rank_window *find_window(struct rank_op *r, int64_t end) {
    int i = 0;
    while (i < r->n_windows && r->windows[i].end < end)
        i++;
    if (i < r->n_windows && r->windows[i].end == end) return &r->windows[i];
    MEM_GROW(r->windows, r->n_windows, r->cap_windows);
    memmove(&r->windows[i + 1], &r->windows[i], sizeof *r->windows * (size_t)(r->n_windows - i));
    struct state_desc d = {.n_keys = r->n_keys,
                           .key_types = r->key_types,
                           .payload_size_bytes = sizeof(struct rank_list),
                           .payload_align_bytes = 8,
                           .free_payload = free_list,
                           .save_payload = save_list,
                           .load_payload = load_list,
                           .marks_writes = r->window_column < 0,
                           .self = r,
                           .ttl_ms = r->ttl_ms};
    r->windows[i] = (struct rank_window){.end = end, .table = state_table_new(&d)};
    r->n_windows++;
    state_set_add(r->op.ctx->states, part_name(r), end, &state_table_part, r->windows[i].table);
    return &r->windows[i];
}

static int64_t fire_time(const struct rank_op *r, int64_t end) {
    return window_fire_time_in(r->ltz ? r->op.ctx->env->zone : NULL, end);
}

/* ---- results ---- */

static void add_out(struct rank_op *r, uint8_t kind, const char *row, int64_t rank) {
    MEM_GROW(r->outs, r->n_outs, r->cap_outs);
    r->outs[r->n_outs++] =
        (struct out_row){.row = row, .rank = rank, .in_row = r->in_row, .kind = kind};
}

/* The row leaves state, but results may refer to it until they are given. */
static void drop_row(struct rank_op *r, char *row) {
    if (r->by_input) {
        var_free(&r->rows, row, row_pack_size(row));
        return;
    }
    MEM_GROW(r->gone, r->n_gone, r->cap_gone);
    r->gone[r->n_gone++] = row;
}

static void out_columns(struct rank_op *r, const struct out_row *outs, uint32_t n,
                        struct column *cols) {
    if (r->by_input) {
        AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * (n + 1));
        for (uint32_t i = 0; i < n; i++)
            rows[i] = outs[i].in_row;
        for (int c = 0; c < r->op.ctx->inputs[0]->n; c++)
            col_gather(&cols[c], &r->in->cols[c], rows, n);
        return;
    }
    AUTO_FREE const char **packed = mem_alloc(sizeof *packed * (n + 1));
    for (uint32_t i = 0; i < n; i++)
        packed[i] = outs[i].row;
    row_pack_read(r->pack, packed, n, cols);
}

static int emit_outs(struct rank_op *r, const struct out_row *outs, uint32_t n, struct err *err) {
    const struct schema *s = r->op.ctx->output;
    int n_in = r->op.ctx->inputs[0]->n;
    struct batch *b = batch_new(s->n);
    b->n = n;
    bool inserts = true;
    for (uint32_t i = 0; i < n; i++)
        inserts &= outs[i].kind == ROW_INSERT;
    out_columns(r, outs, n, b->cols);
    if (r->output_rank && s->n > n_in) {
        col_init(&b->cols[n_in], s->fields[n_in].type, n);
        for (uint32_t i = 0; i < n; i++)
            COL_DATA(&b->cols[n_in], int64_t)[i] = outs[i].rank;
    }
    for (int c = 0; c < s->n; c++)
        b->cols[c].type = s->fields[c].type;
    if (!inserts) {
        uint8_t *kinds = batch_make_kinds(b);
        for (uint32_t i = 0; i < n; i++)
            kinds[i] = outs[i].kind;
    }
    return op_emit(&r->op, b, err);
}

/* Gives the results made so far as far as there is room. */
static int give_outs(struct rank_op *r, struct err *err) {
    uint32_t max = r->op.ctx->config->batch_rows;
    while (r->given < r->n_outs) {
        if (op_output_full(&r->op)) return OP_MORE;
        uint32_t n = MIN(r->n_outs - r->given, max);
        int rc = emit_outs(r, r->outs + r->given, n, err);
        if (rc) return rc;
        r->given += n;
    }
    r->given = r->n_outs = 0;
    for (uint32_t i = 0; i < r->n_gone; i++)
        var_free(&r->rows, r->gone[i], row_pack_size(r->gone[i]));
    r->n_gone = 0;
    return OP_DONE;
}

/* ---- what a change at one place does to the ranks ---- */

static bool shown(const struct rank_op *r, int64_t rank) {
    return rank >= r->from && rank <= r->to;
}

static void update_rank(struct rank_op *r, const char *before, const char *after, int64_t rank) {
    if (!shown(r, rank)) return;
    if (before && after) {
        if (before == after) return;
        if (r->update_before) add_out(r, ROW_UPDATE_BEFORE, before, rank);
        add_out(r, ROW_UPDATE_AFTER, after, rank);
    } else if (after) {
        add_out(r, ROW_INSERT, after, rank);
    } else if (before) {
        add_out(r, ROW_DELETE, before, rank);
    }
}

/* A row was put in at `at` (the list has it): those behind move down by one. */
static void ranks_after_insert(struct rank_op *r, const struct rank_list *l, uint32_t at) {
    if (r->output_rank) {
        for (uint32_t i = at; i < l->n && (int64_t)i < r->to; i++)
            update_rank(r, i + 1 < l->n ? l->rows[i + 1] : NULL, l->rows[i], (int64_t)i + 1);
        return;
    }
    /* Without ranks only who enters and who leaves counts; with an offset rows may enter from in
     * front. */
    int64_t place = (int64_t)at + 1;
    if (place > r->to) return;
    const char *enters = place >= r->from           ? l->rows[at]
                         : (int64_t)l->n >= r->from ? l->rows[r->from - 1]
                                                    : NULL;
    const char *leaves = (int64_t)l->n > r->to ? l->rows[r->to] : NULL;
    if (r->to == 1 && leaves && enters && !r->retracts) { /* top-1 is an update */
        update_rank(r, leaves, enters, 1);
        return;
    }
    if (leaves && enters) add_out(r, ROW_DELETE, leaves, 0);
    if (enters) add_out(r, ROW_INSERT, enters, 0);
}

/* `row` was taken out of place `at`: those behind move up by one. */
static void ranks_after_remove(struct rank_op *r, const struct rank_list *l, uint32_t at,
                               const char *row) {
    if (r->output_rank) {
        const char *before = row;
        for (uint32_t i = at; i <= l->n && (int64_t)i < r->to; i++) {
            const char *after = i < l->n ? l->rows[i] : NULL;
            update_rank(r, before, after, (int64_t)i + 1);
            before = after;
        }
        return;
    }
    int64_t place = (int64_t)at + 1;
    if (place > r->to) return;
    const char *leaves = place >= r->from               ? row
                         : (int64_t)l->n + 1 >= r->from ? l->rows[r->from - 2]
                                                        : NULL;
    const char *enters = (int64_t)l->n >= r->to ? l->rows[r->to - 1] : NULL;
    if (leaves) add_out(r, ROW_DELETE, leaves, 0);
    if (leaves && enters) add_out(r, ROW_INSERT, enters, 0);
}

/* A row replaces the one of its unique key. */
static void replaced(struct rank_op *r, struct rank_list *l, uint32_t old_at, char *row) {
    char *old = rank_list_take(l, old_at);
    uint32_t at = rank_list_place(&r->order, l, row);
    uint32_t lo = MIN(at, old_at), hi = MAX(at, old_at);
    AUTO_FREE char **before = mem_alloc(sizeof *before * (hi - lo + 2));
    for (uint32_t i = lo; i <= hi; i++) /* the list as it was */
        before[i - lo] = i == old_at ? old : l->rows[i > old_at ? i - 1 : i];
    rank_list_insert(l, &r->rows, at, row);
    if (r->output_rank) {
        for (uint32_t i = lo; i <= hi && (int64_t)i < r->to; i++)
            update_rank(r, before[i - lo], l->rows[i], (int64_t)i + 1);
    } else {
        bool was = shown(r, (int64_t)old_at + 1), is = shown(r, (int64_t)at + 1);
        if (was && is) {
            if (r->update_before) add_out(r, ROW_UPDATE_BEFORE, old, 0);
            add_out(r, ROW_UPDATE_AFTER, row, 0);
        } else if (was) {
            add_out(r, ROW_DELETE, old, 0);
            if ((int64_t)l->n >= r->to) add_out(r, ROW_INSERT, l->rows[r->to - 1], 0);
        } else if (is) {
            if ((int64_t)l->n > r->to) add_out(r, ROW_DELETE, l->rows[r->to], 0);
            add_out(r, ROW_INSERT, row, 0);
        }
    }
    drop_row(r, old);
}

/* ---- rows in ---- */

static char *keep_row(struct rank_op *r) {
    char *row = var_alloc(&r->rows, r->scratch.len);
    memcpy(row, str_text(&r->scratch), r->scratch.len);
    return row;
}

/* Rows behind this place can never be ranked. */
static int64_t held_max(const struct rank_op *r) {
    bool ties = r->function != FN_ROW_NUMBER;
    return r->retracts || ties || r->n_unique_key ? INT64_MAX : r->to;
}

static void written(struct rank_op *r, struct rank_list *l) {
    char *payload = (char *)l;
    if (r->window_column >= 0) return; /* marked when it was looked up */
    state_table_mark(r->windows[0].table, &payload, 1);
    if (r->ttl_ms) state_table_touch(r->windows[0].table, &payload, 1);
}

/* Puts a row, which is the list's from here on, at its place. */
static void place_row(struct rank_op *r, struct rank_list *l, uint32_t at, char *row) {
    written(r, l);
    rank_list_insert(l, &r->rows, at, row);
    if (at_once(r)) ranks_after_insert(r, l, at);
    if ((int64_t)l->n > held_max(r)) drop_row(r, rank_list_take(l, l->n - 1));
}

/* Row i of the batch takes the place of the only one of its list, in the same memory if it fits. */
static void replace_top(struct rank_op *r, struct rank_list *l, uint32_t i, uint32_t size) {
    char *row = l->rows[0];
    written(r, l);
    if (!var_same_block(row_pack_size(row), size)) {
        var_free(&r->rows, row, row_pack_size(row));
        row = l->rows[0] = var_alloc(&r->rows, size);
    }
    row_pack_put(r->pack, r->in->cols, i, size, row);
    add_out(r, ROW_UPDATE_AFTER, row, 1);
}

/* Row i of the batch where it can only be added: most rows are known to be too late in the order
 * before they are packed. */
static void add_new_row(struct rank_op *r, struct rank_list *l, uint32_t i) {
    if (r->first_only && l->n) return;
    if ((int64_t)l->n >= held_max(r)) {
        int c = rank_cmp_row(&r->order, l->rows[l->n - 1], r->in, i);
        if (c < 0 || (c == 0 && !r->order.later_first)) return;
    }
    uint32_t size = row_pack_bytes(r->pack, r->in->cols, i);
    if (r->by_input && l->n) {
        replace_top(r, l, i, size);
        return;
    }
    char *row = var_alloc(&r->rows, size);
    row_pack_put(r->pack, r->in->cols, i, size, row);
    place_row(r, l, rank_list_place(&r->order, l, row), row);
}

static void add_row(struct rank_op *r, struct rank_list *l) {
    const char *row = str_text(&r->scratch);
    if (r->n_unique_key && !r->retracts) {
        uint32_t old = rank_list_find(&r->order, l, row, r->unique_key, r->n_unique_key);
        if (old < l->n) {
            written(r, l);
            replaced(r, l, old, keep_row(r));
            if (!at_once(r)) r->n_outs = 0;
            return;
        }
    }
    if (r->last_by_arrival && !r->ttl_ms && l->n && row_pack_eq(r->pack, l->rows[0], row)) return;
    uint32_t at = rank_list_place(&r->order, l, row);
    if ((int64_t)at < held_max(r)) place_row(r, l, at, keep_row(r));
}

static void remove_row(struct rank_op *r, struct rank_list *l) {
    const char *row = str_text(&r->scratch);
    uint32_t at = rank_list_find(&r->order, l, row, NULL, 0);
    if (at == l->n && r->n_unique_key)
        at = rank_list_find(&r->order, l, row, r->unique_key, r->n_unique_key);
    if (at == l->n) return;
    written(r, l);
    char *old = rank_list_take(l, at);
    if (at_once(r)) ranks_after_remove(r, l, at, old);
    drop_row(r, old);
}

static void work_row(struct rank_op *r, uint32_t i) {
    struct rank_list *l = (struct rank_list *)r->lists[i];
    if (!l) return;
    bool adds = !r->in->kinds || row_kind_adds(r->in->kinds[i]);
    if (adds && !r->n_unique_key && !r->last_by_arrival) {
        add_new_row(r, l, i);
        return;
    }
    str_clear(&r->scratch);
    row_pack_add(r->pack, r->in->cols, i, &r->scratch);
    if (adds)
        add_row(r, l);
    else
        remove_row(r, l);
}

/* For rows from .. from + AHEAD of the batch, their lists for those a block behind. */
static void fetch_ahead(const struct rank_op *r, uint32_t from) {
    uint32_t n = r->in->n;
    for (uint32_t i = from + AHEAD; i < MIN(from + 2 * AHEAD, n); i++) {
        const struct rank_list *l = (const struct rank_list *)r->lists[i];
        if (l && l->rows) mem_prefetch(l->rows);
    }
    for (uint32_t i = from; i < MIN(from + AHEAD, n); i++) {
        const struct rank_list *l = (const struct rank_list *)r->lists[i];
        if (l && l->n) mem_prefetch(l->rows[l->n - 1]);
        row_pack_prefetch(r->pack, r->in->cols, i);
    }
}

/* Partitions of the batch that have no rows any more leave the state. */
static void sweep_lists(struct rank_op *r, uint32_t n) {
    enum { SEEN = UINT32_MAX };
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct rank_list *l = (struct rank_list *)r->lists[i];
        if (!l || l->n) continue;
        l->n = SEEN;
        r->lists[k++] = (char *)l;
    }
    for (uint32_t i = 0; i < k; i++) {
        ((struct rank_list *)r->lists[i])->n = 0;
        state_table_remove(r->windows[0].table, r->lists[i]);
    }
}

/* Goes on with the batch in hand. */
static int give_rows(struct rank_op *r, struct err *err) {
    while (r->in) {
        int rc = give_outs(r, err);
        if (rc) return rc;
        while (r->in_row < r->in->n && r->n_outs < r->op.ctx->config->batch_rows) {
            if (r->in_row % AHEAD == 0) fetch_ahead(r, r->in_row);
            work_row(r, r->in_row);
            r->in_row++;
        }
        if (r->in_row < r->in->n || r->n_outs) continue;
        if (at_once(r)) sweep_lists(r, r->in->n);
        batch_unref(r->in);
        r->in = NULL;
    }
    return give_outs(r, err);
}

/* The partitions' lists of all rows; NULL for late ones. */
static void find_lists(struct rank_op *r, struct batch *b) {
    const struct column *keys[STATE_KEYS_MAX];
    memset(r->hashes, 0, sizeof *r->hashes * b->n);
    for (int k = 0; k < r->n_keys; k++) {
        keys[k] = &b->cols[r->keys[k]];
        col_hash(keys[k], r->hashes, b->n);
    }
    if (r->window_column < 0) {
        struct state_table *t = find_window(r, 0)->table;
        state_table_age(t, op_now_ms(&r->op), 2 * b->n);
        state_table_upsert(t, keys, r->hashes, NULL, b->n, r->lists, NULL);
        return;
    }
    const struct column *c = &b->cols[r->window_column];
    struct wm_cursor cursor = wm_cursor_of(r->op.watermark, b);
    uint64_t late = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t end = COL_DATA(c, int64_t)[i];
        bool is_late = fire_time(r, end) <= wm_cursor_at(&cursor, i);
        late += is_late;
        r->lists[i] = NULL;
        if (!is_late && col_is_valid(c, i))
            state_table_upsert(find_window(r, end)->table, keys, r->hashes, &i, 1, &r->lists[i],
                               NULL);
    }
    if (late) metric_add(&r->op.ctx->metrics->late_records, late);
}

static int rank_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct rank_op *r = impl(op);
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    find_lists(r, b);
    r->in = b;
    r->in_row = 0;
    return give_rows(r, err);
}

/* ---- windows and the end ---- */

/* The ranked rows of one partition. */
static void rank_partition(struct rank_op *r, const struct rank_list *l) {
    int64_t rank = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        bool tie = i && rank_cmp(&r->order, l->rows[i - 1], l->rows[i]) == 0;
        if (r->function == FN_ROW_NUMBER || (r->function == FN_RANK && !tie))
            rank = (int64_t)i + 1;
        else if (r->function == FN_DENSE_RANK && !tie)
            rank++;
        if (rank > r->to) break;
        if (shown(r, rank)) add_out(r, ROW_INSERT, l->rows[i], rank);
    }
}

static bool window_due(const struct rank_op *r) {
    if (!r->n_windows) return false;
    if (r->window_column < 0) return r->batch_mode && r->target == WATERMARK_MAX;
    return fire_time(r, r->windows[0].end) <= r->target;
}

static int give_windows(struct rank_op *r, struct err *err) {
    char *lists[64];
    for (;;) {
        int rc = give_outs(r, err);
        if (rc) return rc;
        if (!window_due(r)) break;
        uint32_t n = state_table_scan(r->windows[0].table, &r->pos, lists, 64);
        for (uint32_t i = 0; i < n; i++)
            rank_partition(r, (const struct rank_list *)lists[i]);
        if (n) continue;
        state_set_drop(r->op.ctx->states, part_name(r), r->windows[0].end);
        state_table_free(r->windows[0].table);
        r->n_windows--;
        memmove(&r->windows[0], &r->windows[1], sizeof *r->windows * (size_t)r->n_windows);
        r->pos = 0;
    }
    int64_t wm = r->target;
    r->target = WATERMARK_MIN;
    r->giving = false;
    int rc = op_emit_watermark(&r->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int rank_watermark(struct op *op, int64_t wm, struct err *err) {
    struct rank_op *r = impl(op);
    if (at_once(r)) return op_emit_watermark(op, wm, err);
    r->target = wm;
    r->giving = true;
    return give_windows(r, err);
}

static int rank_resume(struct op *op, struct err *err) {
    struct rank_op *r = impl(op);
    return r->giving ? give_windows(r, err) : give_rows(r, err);
}

static int rank_make_part(struct op *op, const char *name, int64_t ns, struct err *err) {
    struct rank_op *r = impl(op);
    if (strcmp(name, part_name(r)))
        return err_set(err, ERR_CORRUPT, "there are no rows '%s' in a rank", name);
    find_window(r, ns);
    return 0;
}

static void rank_close(struct op *op) {
    struct rank_op *r = impl(op);
    r->closing = true;
    for (int i = 0; i < r->n_windows; i++)
        state_table_free(r->windows[i].table);
    free(r->windows);
    for (uint32_t i = 0; i < r->n_gone; i++)
        var_free(&r->rows, r->gone[i], row_pack_size(r->gone[i]));
    var_release(&r->rows);
    batch_unref(r->in);
    str_release(&r->scratch);
    free(r->outs);
    free(r->gone);
    free(r->hashes);
    free(r->lists);
}

static const struct op_ops rank_ops = {.size_bytes = sizeof(struct rank_op),
                                       .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                       .open = rank_open,
                                       .push = rank_push,
                                       .resume = rank_resume,
                                       .watermark = rank_watermark,
                                       .close = rank_close,
                                       .make_part = rank_make_part};

static const struct op_ops dedup_ops = {.size_bytes = sizeof(struct rank_op),
                                        .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                        .open = dedup_open,
                                        .push = rank_push,
                                        .resume = rank_resume,
                                        .watermark = rank_watermark,
                                        .close = rank_close,
                                        .make_part = rank_make_part};

const struct op_desc op_dedup = {.kind = "dedup",
                                 .doc = "Keeps the first or last row per key.",
                                 .n_inputs = 1,
                                 .ops = &dedup_ops};
const struct op_desc op_rank = {
    .kind = "rank", .doc = "Keeps the first rows per partition.", .n_inputs = 1, .ops = &rank_ops};
