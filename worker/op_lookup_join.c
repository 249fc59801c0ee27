/* op_lookup_join.c - joins each row with the rows that a table has for its key now (FOR SYSTEM_TIME
 * AS OF processing time). Nothing is held: the table is asked, or was read whole beforehand.
 *
 * Asked (lookup_async): batches leave once all their keys are answered. Read whole (lookup_full): a
 * batch waits for the first reading only, then its keys are found like those of a join. What comes
 * back for a batch is a list of matches, row by row; the rest is common to both. */
#include "worker/lookup_async.h"
#include "worker/lookup_full.h"
#include "worker/metrics.h"
#include "worker/op.h"

#include "base/core/mem.h"
#include "vector/value.h"

#include <stdlib.h>
#include <string.h>

/* A row of the batch in hand and a packed row of the table; NULL: NULLs. */
struct match {
    uint32_t row;
    const char *packed;
};

struct lookup_join {
    struct op op;
    struct connector_table table;
    const struct schema *appended; /* the table's columns */
    bool left_join;
    int n_keys;
    struct lookup_key *keys;
    int *key_columns;   /* of the table's schema */
    int *appended_keys; /* of `appended` */
    struct program *filter, *residual;
    struct row_pack *pack;
    /* asked */
    struct lookup *lookup;
    struct lookup_async *async;
    struct lookup_cache *cache;
    struct lookup_ready ready; /* behind the matches in hand */
    bool draining;
    /* read whole */
    struct lookup_full *full;
    uint64_t *hashes;
    struct join_key **found;
    /* a batch in hand */
    struct batch *in;
    bool prepared; /* hashes and found are of it */
    uint32_t next_row;
    struct match *matches;
    uint32_t n_matches, cap_matches, given;
};

static struct lookup_join *impl(struct op *op) {
    return CONTAINER_OF(op, struct lookup_join, op);
}

static void wake(void *self) {
    op_wake(self);
}

/* ---- config ---- */

static int read_key(struct lookup_join *j, const cJSON *k, int i, struct err *err) {
    struct arena *a = j->op.ctx->arena;
    int rc = json_get_int(k, "table", &j->key_columns[i], err);
    if (rc) return rc;
    j->keys[i].col = (int)json_opt_i64(k, "col", -1);
    if (j->key_columns[i] < 0 || j->key_columns[i] >= j->table.schema->n ||
        j->keys[i].col >= j->op.ctx->inputs[0]->n)
        return err_set(err, ERR_PROTOCOL, "lookup key out of range");
    const struct field *f = &j->table.schema->fields[j->key_columns[i]];
    if (type_is_nested(f->type))
        return err_set(err, ERR_UNSUPPORTED, "a lookup by the column '%s' of a nested type",
                       f->name);
    if (j->keys[i].col < 0) {
        rc = value_from_json(a, f->type, cJSON_GetObjectItemCaseSensitive(k, "lit"),
                             &j->keys[i].value, err);
        if (rc) return rc;
    }
    j->appended_keys[i] = schema_find(j->appended, f->name);
    CHECKF(j->appended_keys[i] >= 0, "lookup key '%s' is not produced", f->name);
    return 0;
}

static int read_keys(struct lookup_join *j, struct err *err) {
    const cJSON *list, *k;
    struct arena *a = j->op.ctx->arena;
    int rc = json_get_array(j->op.ctx->plan->config, "keys", &list, err);
    if (rc) return rc;
    int n = cJSON_GetArraySize(list);
    if (n > STATE_KEYS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "a lookup by more than %d columns", STATE_KEYS_MAX);
    j->keys = ARENA_NEW_N(a, struct lookup_key, n + 1);
    j->key_columns = ARENA_NEW_N(a, int, n + 1);
    j->appended_keys = ARENA_NEW_N(a, int, n + 1);
    cJSON_ArrayForEach(k, list) {
        rc = read_key(j, k, j->n_keys, err);
        if (rc) return rc;
        j->n_keys++;
    }
    return 0;
}

static int read_program(struct lookup_join *j, const char *name, struct program **ret,
                        struct err *err) {
    const cJSON *json = json_opt(j->op.ctx->plan->config, name);
    if (!json) return 0;
    const struct expr *e;
    int rc = expr_from_json(j->op.ctx->arena, json, &e, err);
    return rc ? rc : program_new(&e, 1, j->op.ctx->env, ret, err);
}

static int open_full(struct lookup_join *j, const struct lookup_options *o, struct err *err) {
    struct op_ctx *ctx = j->op.ctx;
    struct lookup_full_options f = {.table = &j->table,
                                    .env = ctx->env,
                                    .schema = j->appended,
                                    .n_keys = j->n_keys,
                                    .keys = j->appended_keys,
                                    .filter = json_opt(ctx->plan->config, "filter"),
                                    .batch_rows = BATCH_ROWS_MAX,
                                    .reload_ms = o->reload_ms,
                                    .fixed_rate = o->schedule == LOOKUP_FIXED_RATE,
                                    .wake_self = &j->op,
                                    .wake = wake};
    j->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *j->hashes);
    j->found = mem_calloc(BATCH_ROWS_MAX, sizeof(*j->found));
    return lookup_full_new(&f, &j->full, err);
}

static void open_cache(struct lookup_join *j, const struct lookup_options *o) {
    const struct type **types = ARENA_NEW_N(j->op.ctx->arena, const struct type *, j->n_keys + 1);
    for (int i = 0; i < j->n_keys; i++)
        types[i] = j->table.schema->fields[j->key_columns[i]].type;
    struct lookup_cache_options c = {.n_keys = j->n_keys,
                                     .key_types = types,
                                     .expire_access_ms = o->expire_access_ms,
                                     .expire_write_ms = o->expire_write_ms,
                                     .max_keys = o->max_keys,
                                     .missing = o->cache_missing};
    j->cache = lookup_cache_new(&c);
}

static int open_async(struct lookup_join *j, const struct connector_desc *d,
                      const struct lookup_options *o, struct err *err) {
    struct op_ctx *ctx = j->op.ctx;
    const cJSON *cfg = json_opt(ctx->plan->config, "async"), *retry = json_opt(cfg, "retry");
    uint32_t capacity = o->async ? (uint32_t)json_opt_i64(cfg, "capacity", 100) : 1;
    int64_t timeout_ms = json_opt_i64(cfg, "timeout", 180000);
    struct lookup_ctx lc = {.subtask = ctx->subtask,
                            .parallelism = ctx->parallelism,
                            .env = ctx->env,
                            .produced = j->appended,
                            .n_keys = j->n_keys,
                            .keys = j->key_columns,
                            .capacity = capacity,
                            .timeout_ms = timeout_ms,
                            .wake_self = &j->op,
                            .wake = wake};
    int rc = read_program(j, "filter", &j->filter, err);
    if (!rc) rc = d->lookup_new(&j->table, &lc, &j->lookup, err);
    if (rc) return rc;
    if (o->cache == LOOKUP_CACHE_PARTIAL) open_cache(j, o);
    struct lookup_async_options ao = {.table = j->table.name,
                                      .n_keys = j->n_keys,
                                      .keys = j->keys,
                                      .lookup = j->lookup,
                                      .pack = j->pack,
                                      .filter = j->filter,
                                      .cache = j->cache,
                                      .capacity = capacity,
                                      .ordered = json_opt_bool(cfg, "ordered", true),
                                      .timeout_ms = timeout_ms,
                                      .retry_delay_ms = json_opt_i64(retry, "delay", 0),
                                      .attempts = json_opt_i64(retry, "attempts", 0)};
    j->async = lookup_async_new(&ao);
    return 0;
}

static int lookup_join_open(struct op *op, struct err *err) {
    struct lookup_join *j = impl(op);
    struct op_ctx *ctx = op->ctx;
    const cJSON *table;
    int rc = json_get_object(ctx->plan->config, "table", &table, err);
    if (!rc) rc = connector_table_from_json(ctx->arena, table, &j->table, err);
    if (rc) return rc;
    const char *name = connector_table_option(&j->table, "connector");
    const struct connector_desc *d = name ? connector_find(name) : NULL;
    if (!d || !(d->caps & CONNECTOR_LOOKUP))
        return err_set(err, ERR_UNSUPPORTED, "table %s: connector '%s' can't look rows up",
                       j->table.name, name ? name : "");
    j->left_join = !strcmp(json_opt_str(ctx->plan->config, "join", "inner"), "left");
    j->appended = connector_produced(ctx->arena, &j->table);
    j->pack = row_pack_of_schema(ctx->arena, j->appended);
    struct lookup_options o;
    rc = connector_lookup_options(&j->table, !d->lookup_new, ctx->arena, &o, err);
    if (!rc) rc = read_keys(j, err);
    if (!rc) rc = read_program(j, "residual", &j->residual, err);
    if (rc) return rc;
    return d->lookup_new ? open_async(j, d, &o, err) : open_full(j, &o, err);
}

/* ---- results ---- */

static void add_match(struct lookup_join *j, uint32_t row, const char *packed) {
    MEM_GROW(j->matches, j->n_matches, j->cap_matches);
    j->matches[j->n_matches++] = (struct match){row, packed};
}

/* Columns of the input and of the table for n matches. */
static void match_columns(struct lookup_join *j, const struct match *m, uint32_t n,
                          struct column *cols) {
    int n_in = j->op.ctx->inputs[0]->n;
    AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * ((size_t)n + 1));
    AUTO_FREE const char **packed = mem_alloc(sizeof *packed * ((size_t)n + 1));
    bool same = n == j->in->n; /* each row once: its columns are shared */
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = m[i].row;
        packed[i] = m[i].packed;
        same &= m[i].row == i;
    }
    for (int c = 0; c < n_in; c++) {
        if (same)
            col_ref(&cols[c], &j->in->cols[c]);
        else
            col_gather(&cols[c], &j->in->cols[c], rows, n);
    }
    row_pack_read(j->pack, packed, n, cols + n_in);
}

static int emit_matches(struct lookup_join *j, const struct match *m, uint32_t n, struct err *err) {
    const struct schema *s = j->op.ctx->output;
    struct batch *out = batch_new(s->n);
    out->n = n;
    match_columns(j, m, n, out->cols);
    for (int c = 0; c < s->n; c++)
        out->cols[c].type = s->fields[c].type;
    if (j->in->kinds) {
        uint8_t *kinds = batch_make_kinds(out);
        for (uint32_t i = 0; i < n; i++)
            kinds[i] = j->in->kinds[m[i].row];
    }
    return op_emit(&j->op, out, err);
}

/* Drops the matches that don't meet the condition. */
static int check_residual(struct lookup_join *j, struct err *err) {
    if (!j->residual) return 0;
    int n_cols = j->op.ctx->inputs[0]->n + j->appended->n;
    AUTO_FREE struct column *cols = mem_calloc((size_t)n_cols, sizeof *cols);
    AUTO_FREE uint32_t *sel = mem_alloc(sizeof *sel * BATCH_ROWS_MAX);
    uint32_t kept = 0;
    for (uint32_t from = 0; from < j->n_matches; from += BATCH_ROWS_MAX) {
        uint32_t n = MIN(j->n_matches - from, (uint32_t)BATCH_ROWS_MAX), k = 0;
        match_columns(j, j->matches + from, n, cols);
        int rc = program_select(j->residual, cols, n_cols, n, sel, &k, NULL, err);
        for (int c = 0; c < n_cols; c++)
            col_release(&cols[c]);
        if (rc) return rc;
        for (uint32_t i = 0; i < k; i++)
            j->matches[kept++] = j->matches[from + sel[i]];
    }
    j->n_matches = kept;
    return 0;
}

/* A row of NULLs for each of the rows [from, to) without a match. */
static void pad(struct lookup_join *j, uint32_t from, uint32_t to) {
    if (!j->left_join) return;
    uint32_t n = j->n_matches, missing = 0, at = 0;
    for (uint32_t row = from; row < to; row++) {
        missing += at == n || j->matches[at].row != row;
        while (at < n && j->matches[at].row == row)
            at++;
    }
    if (!missing) return;
    AUTO_FREE struct match *old = n ? mem_dup(j->matches, sizeof *old * n) : NULL;
    j->n_matches = at = 0;
    for (uint32_t row = from; row < to; row++) {
        if (at == n || old[at].row != row) add_match(j, row, NULL);
        while (at < n && old[at].row == row)
            add_match(j, row, old[at++].packed);
    }
}

/* What the connector answered for the batch. */
static void matches_of_answers(struct lookup_join *j) {
    for (uint32_t i = 0; i < j->in->n; i++) {
        const char *row = str_text(&j->ready.rows) + j->ready.found[i].at;
        for (uint32_t k = 0; k < j->ready.found[i].n; k++) {
            add_match(j, i, row);
            row += (row_pack_size(row) + 15) / 16 * 16;
        }
    }
    j->next_row = j->in->n;
}

/* What was read whole has for the next rows: as many as make a batch of matches. */
static void matches_of_contents(struct lookup_join *j) {
    uint32_t row = j->next_row;
    for (; row < j->in->n && j->n_matches < BATCH_ROWS_MAX; row++) {
        if (!j->found[row]) continue;
        for (struct join_entry *e = j->found[row]->first; e; e = e->next)
            add_match(j, row, join_entry_row(e));
    }
    j->next_row = row;
}

static int next_matches(struct lookup_join *j, struct err *err) {
    uint32_t from = j->next_row;
    j->n_matches = j->given = 0;
    if (j->full)
        matches_of_contents(j);
    else
        matches_of_answers(j);
    int rc = check_residual(j, err);
    if (!rc) pad(j, from, j->next_row);
    return rc;
}

static void batch_done(struct lookup_join *j) {
    batch_unref(j->in);
    j->in = NULL;
    free(j->ready.found);
    str_release(&j->ready.rows);
    j->ready = (struct lookup_ready){0};
    j->n_matches = j->given = 0;
}

/* The batch in hand, as far as there is room. */
static int give(struct lookup_join *j, struct err *err) {
    uint32_t max = j->op.ctx->config->batch_rows;
    while (j->in) {
        while (j->given < j->n_matches) {
            if (op_output_full(&j->op)) return OP_MORE;
            uint32_t n = MIN(j->n_matches - j->given, max);
            int rc = emit_matches(j, j->matches + j->given, n, err);
            if (rc) return rc;
            j->given += n;
        }
        if (j->next_row == j->in->n) {
            batch_done(j);
            break;
        }
        int rc = next_matches(j, err);
        if (rc) return rc;
    }
    return OP_DONE;
}

/* ---- read whole ---- */

static void find_keys(struct lookup_join *j, struct join_store *contents) {
    uint32_t n = j->in->n;
    struct column owned[STATE_KEYS_MAX];
    const struct column *cols[STATE_KEYS_MAX];
    memset(j->hashes, 0, sizeof *j->hashes * n);
    for (int k = 0; k < j->n_keys; k++) {
        if (j->keys[k].col >= 0)
            col_ref(&owned[k], &j->in->cols[j->keys[k].col]);
        else
            col_repeat(&owned[k], j->keys[k].value, j->keys[k].value->type, n);
        cols[k] = &owned[k];
        col_hash(cols[k], j->hashes, n);
    }
    join_store_find(contents, cols, j->hashes, NULL, n, j->found);
    for (int k = 0; k < j->n_keys; k++) {
        for (uint32_t i = 0; owned[k].valid && i < n; i++) /* NULL equals nothing */
            if (!col_is_valid(&owned[k], i)) j->found[i] = NULL;
        col_release(&owned[k]);
    }
}

static int work_full(struct lookup_join *j, struct err *err) {
    if (!j->in) return OP_DONE;
    if (!j->prepared) {
        struct join_store *contents;
        int rc = lookup_full_take(j->full, &contents, err);
        if (rc) return rc;
        if (!contents) return OP_WAIT;
        metric_set(&j->op.ctx->metrics->state_entries, (int64_t)join_store_rows(contents));
        metric_set(&j->op.ctx->metrics->state_bytes, (int64_t)join_store_bytes(contents));
        find_keys(j, contents);
        j->prepared = true;
    }
    return give(j, err);
}

/* ---- asked ---- */

static void set_timer(struct lookup_join *j) {
    op_set_timer(&j->op, lookup_async_due_ms(j->async));
    if (!j->cache) return;
    metric_set(&j->op.ctx->metrics->state_entries, (int64_t)lookup_cache_count(j->cache));
    metric_set(&j->op.ctx->metrics->state_bytes, (int64_t)lookup_cache_bytes(j->cache));
}

static int work_async(struct lookup_join *j, struct err *err) {
    int rc = lookup_async_work(j->async, op_now_ms(&j->op), err);
    if (rc) return rc;
    for (;;) {
        rc = give(j, err);
        if (rc) return rc;
        if (!lookup_async_next(j->async, &j->ready)) break;
        if (j->ready.in) {
            j->in = j->ready.in;
            j->next_row = 0;
        } else {
            rc = op_emit_watermark(&j->op, j->ready.wm, err);
            if (rc) return rc;
        }
    }
    set_timer(j);
    if (j->draining ? !lookup_async_empty(j->async) : lookup_async_full(j->async)) return OP_WAIT;
    j->draining = false;
    return OP_DONE;
}

/* ---- the op ---- */

static int lookup_join_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct lookup_join *j = impl(op);
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    if (j->async) {
        lookup_async_add(j->async, b);
        return work_async(j, err);
    }
    j->in = b;
    j->prepared = false;
    j->next_row = 0;
    return work_full(j, err);
}

static int lookup_join_resume(struct op *op, struct err *err) {
    struct lookup_join *j = impl(op);
    return j->async ? work_async(j, err) : work_full(j, err);
}

static int lookup_join_timer(struct op *op, int64_t now_ms, struct err *err) {
    return lookup_join_resume(op, err);
}

static int lookup_join_watermark(struct op *op, int64_t wm, struct err *err) {
    struct lookup_join *j = impl(op);
    if (!j->async) return op_emit_watermark(op, wm, err);
    lookup_async_add_watermark(j->async, wm);
    return work_async(j, err);
}

static int drain(struct lookup_join *j, struct err *err) {
    if (!j->async) return OP_DONE;
    j->draining = true;
    return work_async(j, err);
}

static int lookup_join_barrier(struct op *op, const struct barrier *b, struct err *err) {
    return drain(impl(op), err);
}

static int lookup_join_end_input(struct op *op, int port, struct err *err) {
    return drain(impl(op), err);
}

static void lookup_join_close(struct op *op) {
    struct lookup_join *j = impl(op);
    lookup_full_free(j->full);
    if (j->lookup) j->lookup->ops->free(j->lookup);
    lookup_async_free(j->async);
    lookup_cache_free(j->cache);
    batch_done(j);
    program_free(j->filter);
    program_free(j->residual);
    free(j->hashes);
    free(j->found);
    free(j->matches);
}

static const struct op_ops lookup_join_ops = {.size_bytes = sizeof(struct lookup_join),
                                              .open = lookup_join_open,
                                              .push = lookup_join_push,
                                              .resume = lookup_join_resume,
                                              .watermark = lookup_join_watermark,
                                              .timer = lookup_join_timer,
                                              .end_input = lookup_join_end_input,
                                              .barrier = lookup_join_barrier,
                                              .close = lookup_join_close};

const struct op_desc op_lookup_join = {.kind = "lookup_join",
                                       .doc = "Joins rows with what a table has for their key now.",
                                       .n_inputs = 1,
                                       .ops = &lookup_join_ops};
