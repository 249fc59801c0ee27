/* op_group_agg.c - aggregation by key without windows.
 *
 * Three ways to give results: per row, exactly as Flink's (+I, then -U +U for each row that changes
 * its group's result, -D when the last row of a group is taken back); per mini-batch (the net
 * change of each group touched); once at the end in batch mode. Per row is vectorised by rounds:
 * round r holds the r-th occurrence of each group in the batch, so that groups are distinct within
 * a round and fold and finish run over whole rounds.
 *
 * The local phase keeps groups for one mini-batch and hands their accumulators on. */
#include "worker/agg_state.h"
#include "worker/metrics.h"
#include "worker/op.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum phase { PHASE_SINGLE, PHASE_LOCAL, PHASE_GLOBAL };
enum { LOCAL_GROUPS_MAX = 1 << 16 };

/* Header of each group's payload. */
struct group_head {
    int64_t rows;    /* live ones: what the group is deleted by */
    int64_t touched; /* number in the mini-batch + 1; 0 = not in it */
};

struct group_agg {
    struct op op;
    enum phase phase;
    bool update_before, input_retracts, batch_mode, mini_batch;
    struct agg_set *set;
    struct agg_state *state;
    /* mini-batch: groups touched since the last flush, and their results before it */
    char **touched;
    uint8_t *was_there;
    uint32_t n_touched, cap_touched;
    struct column **old_chunks; /* [chunk][agg] */
    uint32_t n_chunks, cap_chunks;
    int64_t rows_in_batch;
    bool timer_set;
    int64_t held_wm; /* mini-batch: watermark behind the rows that are held; WATERMARK_MIN = none */
    /* batch mode: giving out */
    bool ended;
    uint64_t pos;
    uint64_t *hashes;
    uint32_t *round, *order, *live; /* scratch of push */
    char **live_groups;
};

static struct group_agg *impl(struct op *op) {
    return CONTAINER_OF(op, struct group_agg, op);
}

static int group_agg_open(struct op *op, struct err *err) {
    struct group_agg *g = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    const char *phase = json_opt_str(cfg, "phase", "single");
    g->phase = !strcmp(phase, "local")    ? PHASE_LOCAL
               : !strcmp(phase, "global") ? PHASE_GLOBAL
                                          : PHASE_SINGLE;
    g->update_before = json_opt_bool(cfg, "updateBefore", true);
    g->input_retracts = json_opt_bool(cfg, "inputRetracts", false);
    g->batch_mode = json_opt_bool(cfg, "batch", false);
    g->mini_batch = json_opt_bool(cfg, "miniBatch", false);
    g->held_wm = WATERMARK_MIN;
    int rc = agg_set_new(op, json_opt(cfg, "keys"), json_opt(cfg, "aggs"), &g->set, err);
    if (rc) return rc;
    if (!g->batch_mode && g->phase != PHASE_LOCAL) g->set->ttl_ms = json_opt_i64(cfg, "ttl", 0);
    /* Values taken back that never came outlive the rows of their group. */
    if (g->set->retract && g->set->n_distinct && !g->set->ttl_ms)
        agg_set_chain(g->set, op->ctx->arena);
    g->state = agg_state_new(g->set);
    if (g->phase != PHASE_LOCAL) agg_state_add_parts(g->state, op->ctx->states, "groups", 0);
    g->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *g->hashes);
    g->round = mem_calloc(BATCH_ROWS_MAX, sizeof *g->round);
    g->order = mem_calloc(BATCH_ROWS_MAX, sizeof *g->order);
    g->live = mem_calloc(BATCH_ROWS_MAX, sizeof *g->live);
    g->live_groups = mem_calloc(BATCH_ROWS_MAX, sizeof *g->live_groups);
    return 0;
}

static void release_cols(struct column *cols, int n) {
    for (int i = 0; cols && i < n; i++)
        col_release(&cols[i]);
    free(cols);
}

static struct column *finish(struct group_agg *g, char *const *groups, uint32_t n,
                             struct err *err) {
    struct column *cols = mem_calloc((size_t)g->set->n_aggs + 1, sizeof *cols);
    if (agg_state_finish(g->state, groups, n, cols, err)) {
        free(cols);
        return NULL;
    }
    return cols;
}

static const uint64_t *hash_keys(struct group_agg *g, const struct batch *b) {
    if (b->hashes) return b->hashes;
    memset(g->hashes, 0, sizeof *g->hashes * b->n);
    for (int i = 0; i < g->set->n_keys; i++)
        col_hash(&b->cols[g->set->keys[i]], g->hashes, b->n);
    return g->hashes;
}

static int fold(struct group_agg *g, const struct batch *b, char *const *groups, struct err *err) {
    return g->phase == PHASE_GLOBAL ? agg_state_fold_partials(g->state, b, groups, err)
                                    : agg_state_fold(g->state, b, NULL, b->n, groups, err);
}

static struct group_head *head(char *group) {
    return (struct group_head *)group;
}

static int row_sign(const struct batch *b, uint32_t row) {
    return b->kinds && !row_kind_adds(b->kinds[row]) ? -1 : 1;
}

/* ---- per row ---- */

/* One result row to be. */
struct out_row {
    uint8_t kind;
    uint32_t in_row;
    uint32_t result; /* row of the results */
};

/* Results of a batch, row by row: those before the first row of each group (round 0), then those
 * after each row, by round. Where accumulators are plain, copies of the groups are kept and
 * finished together at the end; else what each round gives is put together. */
struct history {
    uint32_t n, n_before; /* results; of these, in front of round 0 */
    char **copies;        /* of payloads, by result */
    char *memory;
    struct column *results; /* by aggregate */
    struct column **parts;  /* [agg][part], where not plain */
    uint32_t n_parts, cap_parts;
};

static void history_release(struct group_agg *g, struct history *h) {
    for (int a = 0; a < g->set->n_aggs; a++) {
        for (uint32_t p = 0; h->parts[a] && p < h->n_parts; p++)
            col_release(&h->parts[a][p]);
        free(h->parts[a]);
        if (h->results) col_release(&h->results[a]);
    }
    free(h->parts);
    free(h->results);
    free(h->copies);
    free(h->memory);
}

/* n_parts_max: how often history_add will be called. */
static void history_init(struct group_agg *g, struct history *h, uint32_t n, uint32_t n_parts_max) {
    size_t stride = (g->set->payload_bytes + 15u) / 16 * 16;
    *h = (struct history){.cap_parts = n_parts_max};
    h->copies = mem_calloc((size_t)n + 1, sizeof *h->copies);
    h->memory = mem_aligned(64, stride * n + 64);
    for (uint32_t i = 0; i < n; i++)
        h->copies[i] = h->memory + stride * i;
    h->parts = mem_calloc((size_t)g->set->n_aggs + 1, sizeof *h->parts);
    for (int a = 0; a < g->set->n_aggs; a++)
        if (!agg_slot_is_plain(&g->set->aggs[a]))
            h->parts[a] = mem_calloc(n_parts_max, sizeof *h->parts[a]);
}

/* Keeps the results of n groups as they are now. */
static int history_add(struct group_agg *g, struct history *h, char *const *groups, uint32_t n,
                       struct err *err) {
    for (uint32_t i = 0; i < n; i++)
        memcpy(h->copies[h->n + i], groups[i], g->set->payload_bytes);
    h->n += n;
    CHECK(h->n_parts < h->cap_parts);
    for (int a = 0; a < g->set->n_aggs; a++) {
        if (!h->parts[a]) continue;
        int rc = agg_state_finish_one(g->state, a, groups, n, &h->parts[a][h->n_parts], err);
        if (rc) return rc;
    }
    h->n_parts++;
    return 0;
}

static int history_finish(struct group_agg *g, struct history *h, struct err *err) {
    h->results = mem_calloc((size_t)g->set->n_aggs + 1, sizeof *h->results);
    AUTO_FREE const struct column **list = mem_calloc((size_t)h->n_parts + 1, sizeof *list);
    for (int a = 0; a < g->set->n_aggs; a++) {
        int rc = 0;
        for (uint32_t p = 0; h->parts[a] && p < h->n_parts; p++)
            list[p] = &h->parts[a][p];
        if (h->parts[a])
            col_concat(&h->results[a], list, h->n_parts);
        else
            rc = agg_state_finish_one(g->state, a, h->copies, h->n, &h->results[a], err);
        if (rc) return rc;
    }
    return 0;
}

/* Rows by round, stable; round_start has n_rounds + 1 entries. */
static uint32_t sort_rounds(struct group_agg *g, char *const *groups, uint32_t n,
                            uint32_t **ret_start) {
    uint32_t n_rounds = 0;
    for (uint32_t i = 0; i < n; i++)
        head(groups[i])->touched = 0;
    for (uint32_t i = 0; i < n; i++) {
        g->round[i] = (uint32_t)head(groups[i])->touched++;
        n_rounds = MAX(n_rounds, g->round[i] + 1);
    }
    uint32_t *start = mem_calloc((size_t)n_rounds + 2, sizeof *start);
    for (uint32_t i = 0; i < n; i++) {
        start[g->round[i] + 1]++;
        head(groups[i])->touched = 0;
    }
    for (uint32_t r = 0; r < n_rounds; r++)
        start[r + 1] += start[r];
    AUTO_FREE uint32_t *next = mem_dup(start, sizeof *start * (n_rounds + 1));
    for (uint32_t i = 0; i < n; i++)
        g->order[next[g->round[i]]++] = i;
    *ret_start = start;
    return n_rounds;
}

/* A group without rows that is asked to take one back: Flink ignores the row. */
static bool ignored(const struct batch *b, uint32_t row, const struct group_head *h) {
    return h->rows <= 0 && row_sign(b, row) < 0;
}

/* A result that stays as it is is sent again where state expires: ops behind would forget it. */
static bool repeats(const struct group_agg *g) {
    return g->set->ttl_ms > 0;
}

/* Folds rows of different groups. kinds takes, by row, what their results are: NO_KIND if the row
 * is ignored. */
enum { NO_KIND = 0xFF };

static int fold_round(struct group_agg *g, const struct batch *b, const uint32_t *rows, uint32_t n,
                      char *const *groups, struct history *h, uint8_t *kinds, struct err *err) {
    uint32_t *live = g->live, k = 0;
    char **live_groups = g->live_groups;
    for (uint32_t i = 0; i < n; i++) {
        struct group_head *x = head(groups[i]);
        kinds[rows[i]] = NO_KIND;
        if (ignored(b, rows[i], x)) continue;
        bool first = x->rows == 0;
        x->rows += row_sign(b, rows[i]);
        kinds[rows[i]] = x->rows == 0 ? ROW_DELETE : first ? ROW_INSERT : ROW_UPDATE_AFTER;
        live[k] = rows[i];
        live_groups[k++] = groups[i];
    }
    int rc = k ? agg_state_fold_part(g->state, b, live, k, live_groups, err) : 0;
    return rc ? rc : history_add(g, h, groups, n, err);
}

static int emit_list(struct group_agg *g, const struct batch *b, const struct history *h,
                     const struct out_row *list, uint32_t n, struct err *err) {
    const struct schema *schema = g->op.ctx->output;
    struct batch *out = batch_new(schema->n);
    AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * (n + 1));
    bool all_inserts = true;
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = list[i].in_row;
        all_inserts &= list[i].kind == ROW_INSERT;
    }
    for (int k = 0; k < g->set->n_keys; k++)
        col_gather(&out->cols[k], &b->cols[g->set->keys[k]], rows, n);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = list[i].result;
    for (int a = 0; a < g->set->n_aggs; a++)
        col_gather(&out->cols[g->set->n_keys + a], &h->results[a], rows, n);
    for (int i = 0; i < schema->n; i++)
        out->cols[i].type = schema->fields[i].type;
    out->n = n;
    uint8_t *kinds = all_inserts ? NULL : batch_make_kinds(out);
    for (uint32_t i = 0; i < n && kinds; i++)
        kinds[i] = list[i].kind;
    return op_emit(&g->op, out, err);
}

static bool same_result(const struct group_agg *g, const struct history *h, uint32_t x,
                        uint32_t y) {
    for (int a = 0; a < g->set->n_aggs; a++)
        if (!col_eq(&h->results[a], x, &h->results[a], y)) return false;
    return !repeats(g);
}

/* Result rows in the order of the input rows that caused them. before, after: the rows' results. */
static int emit_rows(struct group_agg *g, const struct batch *b, const struct history *h,
                     const uint32_t *before, const uint32_t *after, const uint8_t *kinds,
                     struct err *err) {
    uint32_t max = g->op.ctx->config->batch_rows, n = 0;
    AUTO_FREE struct out_row *list = mem_alloc(sizeof *list * (max + 2));
    for (uint32_t i = 0; i < b->n; i++) {
        uint8_t kind = kinds[i];
        if (kind == NO_KIND) continue;
        if (kind == ROW_UPDATE_AFTER) {
            if (same_result(g, h, before[i], after[i])) continue;
            if (g->update_before) list[n++] = (struct out_row){ROW_UPDATE_BEFORE, i, before[i]};
        }
        list[n++] = (struct out_row){kind, i, kind == ROW_DELETE ? before[i] : after[i]};
        if (n < max && n <= BATCH_ROWS_MAX - 2) continue;
        int rc = emit_list(g, b, h, list, n, err);
        if (rc) return rc;
        n = 0;
    }
    return n ? emit_list(g, b, h, list, n, err) : 0;
}

static void remove_empty(struct group_agg *g, char **groups, const struct batch *b) {
    enum { GOES = -1 }; /* mark in the place of the round */
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct group_head *h = head(groups[i]);
        if (h->rows > 0 || h->touched == GOES) continue;
        h->touched = GOES;
        groups[k++] = groups[i];
    }
    for (uint32_t i = 0; i < k; i++)
        agg_state_remove(g->state, groups[i]);
}

/* The place of each row's results: rows of one group follow each other. */
static void find_results(struct group_agg *g, char *const *groups, uint32_t n, uint32_t n_before,
                         uint32_t *before, uint32_t *after) {
    for (uint32_t p = 0; p < n; p++) {
        uint32_t row = g->order[p];
        struct group_head *h = head(groups[row]);
        before[row] = p < n_before ? p : (uint32_t)h->touched;
        after[row] = n_before + p;
        h->touched = after[row];
    }
}

static int push_rows(struct group_agg *g, const struct batch *b, struct err *err) {
    AUTO_FREE char **groups = mem_alloc(sizeof *groups * b->n);
    AUTO_FREE char **by_round = mem_alloc(sizeof *by_round * b->n);
    AUTO_FREE uint32_t *places = mem_alloc(2 * sizeof *places * b->n);
    AUTO_FREE uint8_t *kinds = mem_alloc(b->n);
    AUTO_FREE uint32_t *start = NULL;
    agg_state_age(g->state, op_now_ms(&g->op), b->n);
    agg_state_groups(g->state, b, hash_keys(g, b), NULL, b->n, groups);
    uint32_t n_rounds = sort_rounds(g, groups, b->n, &start), n_before = start[1];
    for (uint32_t p = 0; p < b->n; p++)
        by_round[p] = groups[g->order[p]];
    struct history h;
    history_init(g, &h, n_before + b->n, n_rounds + 1);
    agg_state_begin_parts(g->state, b, groups);
    int rc = history_add(g, &h, by_round, n_before, err);
    for (uint32_t r = 0; r < n_rounds && !rc; r++)
        rc = fold_round(g, b, g->order + start[r], start[r + 1] - start[r], by_round + start[r], &h,
                        kinds, err);
    if (!rc) agg_state_end_parts(g->state, b, groups);
    if (!rc) rc = history_finish(g, &h, err);
    find_results(g, groups, b->n, n_before, places, places + b->n);
    if (!rc) rc = emit_rows(g, b, &h, places, places + b->n, kinds, err);
    history_release(g, &h);
    if (!rc && g->input_retracts) remove_empty(g, groups, b);
    return rc;
}

/* ---- mini-batches ---- */

static int flush_local(struct group_agg *g, struct err *err) {
    char *groups[BATCH_ROWS_MAX];
    uint64_t pos = 0;
    uint32_t n;
    const struct schema *schema = g->op.ctx->output;
    while ((n = state_table_scan(agg_state_table(g->state), &pos, groups,
                                 g->op.ctx->config->batch_rows))) {
        struct batch *out = batch_new(schema->n);
        out->n = n;
        agg_state_keys(g->state, groups, n, out->cols);
        int rc = agg_state_partials(g->state, groups, n, out->cols + g->set->n_keys, err);
        if (rc) {
            batch_unref(out);
            return rc;
        }
        for (int i = 0; i < schema->n; i++)
            out->cols[i].type = schema->fields[i].type;
        if ((rc = op_emit(&g->op, out, err))) return rc;
    }
    agg_state_clear(g->state);
    return 0;
}

/* Results from before the mini-batch of groups that this batch touches first. */
static int note_touched(struct group_agg *g, char *const *groups, uint32_t n, struct err *err) {
    uint32_t first = g->n_touched;
    for (uint32_t i = 0; i < n; i++) {
        struct group_head *h = head(groups[i]);
        if (h->touched) continue;
        if (g->n_touched == g->cap_touched) {
            g->cap_touched = MAX(2 * g->cap_touched, (uint32_t)BATCH_ROWS_MAX);
            g->touched = mem_reallocarray(g->touched, g->cap_touched, sizeof *g->touched);
            g->was_there = mem_realloc(g->was_there, g->cap_touched);
        }
        g->was_there[g->n_touched] = h->rows > 0;
        g->touched[g->n_touched++] = groups[i];
        h->touched = g->n_touched;
    }
    if (g->n_touched == first) return 0;
    struct column *cols = finish(g, g->touched + first, g->n_touched - first, err);
    if (!cols) return err->code;
    MEM_GROW(g->old_chunks, g->n_chunks, g->cap_chunks);
    g->old_chunks[g->n_chunks++] = cols;
    return 0;
}

static void join_results(struct group_agg *g, int agg, const struct column *now,
                         struct column *ret) {
    AUTO_FREE const struct column **parts = mem_calloc((size_t)g->n_chunks + 1, sizeof *parts);
    for (uint32_t c = 0; c < g->n_chunks; c++)
        parts[c] = &g->old_chunks[c][agg];
    parts[g->n_chunks] = now;
    col_concat(ret, parts, g->n_chunks + 1);
}

/* results: per aggregate, those before the mini-batch, then those now. */
static int emit_net(struct group_agg *g, const struct column *results, const uint32_t *idx,
                    const uint8_t *kinds, uint32_t n, struct err *err) {
    const struct schema *schema = g->op.ctx->output;
    struct batch *out = batch_new(schema->n);
    AUTO_FREE char **groups = mem_alloc(sizeof *groups * (n + 1));
    AUTO_FREE uint32_t *at = mem_alloc(sizeof *at * (n + 1));
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = g->touched[idx[i]];
        at[i] =
            idx[i] + (kinds[i] == ROW_UPDATE_BEFORE || kinds[i] == ROW_DELETE ? 0 : g->n_touched);
    }
    agg_state_keys(g->state, groups, n, out->cols);
    for (int a = 0; a < g->set->n_aggs; a++)
        col_gather(&out->cols[g->set->n_keys + a], &results[a], at, n);
    for (int i = 0; i < schema->n; i++)
        out->cols[i].type = schema->fields[i].type;
    out->n = n;
    memcpy(batch_make_kinds(out), kinds, n);
    return op_emit(&g->op, out, err);
}

static bool same_net(const struct group_agg *g, const struct column *results, uint32_t t) {
    for (int a = 0; a < g->set->n_aggs; a++)
        if (!col_eq(&results[a], t, &results[a], t + g->n_touched)) return false;
    return !repeats(g);
}

/* The net change of each touched group. */
static int give_net(struct group_agg *g, const struct column *results, struct err *err) {
    uint32_t max = g->op.ctx->config->batch_rows, n = 0;
    AUTO_FREE uint32_t *idx = mem_alloc(sizeof *idx * (max + 2));
    AUTO_FREE uint8_t *kinds = mem_alloc(max + 2);
    for (uint32_t t = 0; t < g->n_touched; t++) {
        bool is = head(g->touched[t])->rows > 0, was = g->was_there[t];
        if (was && is && !same_net(g, results, t)) {
            if (g->update_before) {
                idx[n] = t;
                kinds[n++] = ROW_UPDATE_BEFORE;
            }
            idx[n] = t;
            kinds[n++] = ROW_UPDATE_AFTER;
        } else if (was != is) {
            idx[n] = t;
            kinds[n++] = is ? ROW_INSERT : ROW_DELETE;
        }
        if (n < max && n <= BATCH_ROWS_MAX - 2 && t + 1 < g->n_touched) continue;
        int rc = n ? emit_net(g, results, idx, kinds, n, err) : 0;
        if (rc) return rc;
        n = 0;
    }
    return 0;
}

static int flush_net(struct group_agg *g, struct err *err) {
    if (!g->n_touched) return 0;
    int n_aggs = g->set->n_aggs;
    struct column *now = finish(g, g->touched, g->n_touched, err);
    if (!now) return err->code;
    struct column *results = mem_calloc((size_t)n_aggs + 1, sizeof *results);
    for (int a = 0; a < n_aggs; a++)
        join_results(g, a, &now[a], &results[a]);
    int rc = give_net(g, results, err);
    release_cols(results, n_aggs);
    release_cols(now, n_aggs);
    for (uint32_t c = 0; c < g->n_chunks; c++)
        release_cols(g->old_chunks[c], n_aggs);
    g->n_chunks = 0;
    for (uint32_t t = 0; t < g->n_touched; t++) {
        struct group_head *h = head(g->touched[t]);
        h->touched = 0;
        if (h->rows <= 0) agg_state_remove(g->state, g->touched[t]);
    }
    g->n_touched = 0;
    return rc;
}

static int flush(struct group_agg *g, struct err *err) {
    g->rows_in_batch = 0;
    if (g->timer_set) op_set_timer(&g->op, INT64_MAX);
    g->timer_set = false;
    int rc = 0;
    if (!g->batch_mode || g->phase == PHASE_LOCAL)
        rc = g->phase == PHASE_LOCAL ? flush_local(g, err) : flush_net(g, err);
    if (rc || g->held_wm == WATERMARK_MIN) return rc;
    int64_t wm = g->held_wm;
    g->held_wm = WATERMARK_MIN;
    return op_emit_watermark(&g->op, wm, err);
}

/* ---- entries ---- */

static void count_rows(const struct batch *b, char *const *groups) {
    for (uint32_t i = 0; i < b->n; i++)
        head(groups[i])->rows += row_sign(b, i);
}

/* The rows of b but for those that take something back from a group that has nothing and hasn't got
 * anything in this mini-batch either: as in Flink they are ignored. NULL: all. */
static struct batch *without_ignored(struct group_agg *g, const struct batch *b, char **groups) {
    enum { GETS = -1, GOES = -2 }; /* marks in the place of the group's number */
    AUTO_FREE uint32_t *keep = mem_alloc(sizeof *keep * b->n);
    AUTO_FREE char **gone = mem_alloc(sizeof *gone * b->n);
    uint32_t n = 0, n_gone = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct group_head *h = head(groups[i]);
        if (row_sign(b, i) < 0 && !h->rows && !h->touched) continue;
        if (!h->touched) h->touched = GETS;
        keep[n++] = i;
    }
    for (uint32_t i = 0; i < b->n; i++) {
        struct group_head *h = head(groups[i]);
        if (h->rows || h->touched) continue;
        h->touched = GOES;
        gone[n_gone++] = groups[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = groups[keep[i]];
        if (head(groups[i])->touched == GETS) head(groups[i])->touched = 0;
    }
    for (uint32_t i = 0; i < n_gone; i++)
        agg_state_remove(g->state, gone[i]);
    return n < b->n ? batch_gather(b, keep, n, false) : NULL;
}

static int fold_buffered(struct group_agg *g, const struct batch *b, char **groups,
                         struct err *err) {
    if (!b->n) return 0;
    int rc = 0;
    if (g->phase != PHASE_LOCAL && !g->batch_mode) rc = note_touched(g, groups, b->n, err);
    if (!rc) rc = fold(g, b, groups, err);
    if (rc) return rc;
    count_rows(b, groups);
    g->rows_in_batch += b->n;
    return 0;
}

static int push_buffered(struct group_agg *g, const struct batch *b, struct err *err) {
    AUTO_FREE char **groups = mem_alloc(sizeof *groups * b->n);
    /* Time stands still within a mini-batch: the groups it has touched are held. */
    if (!g->n_touched) agg_state_age(g->state, op_now_ms(&g->op), b->n);
    agg_state_groups(g->state, b, hash_keys(g, b), NULL, b->n, groups);
    bool may_ignore = g->phase == PHASE_SINGLE && !g->batch_mode && b->kinds;
    struct batch *part = may_ignore ? without_ignored(g, b, groups) : NULL;
    int rc = fold_buffered(g, part ? part : b, groups, err);
    batch_unref(part);
    if (rc) return rc;
    const struct plan_config *c = g->op.ctx->config;
    if (g->batch_mode && g->phase != PHASE_LOCAL) return 0;
    int64_t max_rows =
        c->mini_batch && c->mini_batch_size > 0 ? c->mini_batch_size : BATCH_ROWS_MAX;
    bool full = g->phase == PHASE_LOCAL ? agg_state_count(g->state) > LOCAL_GROUPS_MAX : false;
    if (full || g->rows_in_batch >= max_rows) return flush(g, err);
    if (!g->timer_set) {
        g->timer_set = true;
        op_set_timer(&g->op, op_now_ms(&g->op) + MAX(c->mini_batch_latency_ms, 1));
    }
    return 0;
}

static int group_agg_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct group_agg *g = impl(op);
    int rc = 0;
    if (b->n) {
        bool buffered = g->batch_mode || g->mini_batch || g->phase != PHASE_SINGLE;
        rc = buffered ? push_buffered(g, b, err) : push_rows(g, b, err);
    }
    batch_unref(b);
    return rc;
}

static int group_agg_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct group_agg *g = impl(op);
    g->timer_set = false;
    return flush(g, err);
}

static int group_agg_barrier(struct op *op, const struct barrier *b, struct err *err) {
    return flush(impl(op), err);
}

/* ---- batch mode's end ---- */

static int emit_groups(struct group_agg *g, char **groups, uint32_t n, struct err *err) {
    const struct schema *schema = g->op.ctx->output;
    struct batch *out = batch_new(schema->n);
    out->n = n;
    agg_state_keys(g->state, groups, n, out->cols);
    int rc = agg_state_finish(g->state, groups, n, out->cols + g->set->n_keys, err);
    if (rc) {
        batch_unref(out);
        return rc;
    }
    for (int i = 0; i < schema->n; i++)
        out->cols[i].type = schema->fields[i].type;
    return op_emit(&g->op, out, err);
}

static int give_all(struct group_agg *g, struct err *err) {
    char *groups[BATCH_ROWS_MAX];
    for (;;) {
        if (op_output_full(&g->op)) return OP_MORE;
        uint32_t n = state_table_scan(agg_state_table(g->state), &g->pos, groups,
                                      g->op.ctx->config->batch_rows),
                 k = 0;
        if (!n) return OP_DONE;
        for (uint32_t i = 0; i < n; i++)
            if (head(groups[i])->rows > 0 || !g->set->n_keys) groups[k++] = groups[i];
        int rc = k ? emit_groups(g, groups, k, err) : 0;
        if (rc) return rc;
    }
}

/* A global aggregate has a row even where no input came. */
static void make_empty_group(struct group_agg *g) {
    if (g->set->n_keys || agg_state_count(g->state) || g->op.ctx->subtask) return;
    struct batch *none = batch_new(g->op.ctx->inputs[0]->n);
    none->n = 1;
    uint64_t hash = 0;
    char *group;
    agg_state_groups(g->state, none, &hash, NULL, 1, &group);
    none->n = 0;
    batch_unref(none);
}

/* The end of event time is the end of a batch: results come in front of it, so that what fires on
 * it behind has them. */
static int give_final(struct group_agg *g, struct err *err) {
    int rc = give_all(g, err);
    if (rc) return rc;
    g->ended = false;
    return op_emit_watermark(&g->op, WATERMARK_MAX, err);
}

static int group_agg_watermark(struct op *op, int64_t wm, struct err *err) {
    struct group_agg *g = impl(op);
    if (g->batch_mode && g->phase != PHASE_LOCAL) {
        if (wm != WATERMARK_MAX) return op_emit_watermark(op, wm, err);
        make_empty_group(g);
        g->ended = true;
        return give_final(g, err);
    }
    /* Results of the rows in front of a watermark come in front of it, too: it waits for the
     * mini-batch. */
    if (g->rows_in_batch) {
        g->held_wm = wm;
        return wm == WATERMARK_MAX ? flush(g, err) : 0;
    }
    return op_emit_watermark(op, wm, err);
}

static int group_agg_resume(struct op *op, struct err *err) {
    return impl(op)->ended ? give_final(impl(op), err) : OP_DONE;
}

static int group_agg_restored(struct op *op, struct err *err) {
    agg_state_restored(impl(op)->state);
    return 0;
}

static void group_agg_close(struct op *op) {
    struct group_agg *g = impl(op);
    for (uint32_t c = 0; c < g->n_chunks; c++)
        release_cols(g->old_chunks[c], g->set->n_aggs);
    free(g->old_chunks);
    agg_state_free(g->state);
    agg_set_release(g->set);
    free(g->touched);
    free(g->was_there);
    free(g->hashes);
    free(g->round);
    free(g->order);
    free(g->live);
    free(g->live_groups);
}

static const struct op_ops group_agg_ops = {.size_bytes = sizeof(struct group_agg),
                                            .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                            .open = group_agg_open,
                                            .push = group_agg_push,
                                            .resume = group_agg_resume,
                                            .watermark = group_agg_watermark,
                                            .timer = group_agg_timer,
                                            .barrier = group_agg_barrier,
                                            .close = group_agg_close,
                                            .restored = group_agg_restored};

const struct op_desc op_group_agg = {.kind = "group_agg",
                                     .doc = "Aggregates by key, without windows.",
                                     .n_inputs = 1,
                                     .ops = &group_agg_ops};
