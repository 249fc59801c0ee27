/* op_join.c - the regular join: every row of one side with every row of the other that has its key
 * and meets the condition, kept up to date as rows come and go on both sides.
 *
 * Streaming: each side's rows are held (join_store). A row of an outer side knows how many partners
 * it has: with the first its NULL-padded result is taken back, with the last it comes again. What
 * is sent, and in which order, is what Flink's streaming join sends. A batch is worked on in blocks
 * of rows: candidates by key, the condition over all of them at once, then row by row what follows
 * from the partners found.
 *
 * Batch mode: both sides are held and joined at the end (hash_join). */
#include "worker/hash_join.h"
#include "worker/metrics.h"
#include "worker/state/join_store.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { NO_ROW = 0xFFFFFFFF, MAKE_ROWS = 256 };

/* A row of the batch in hand and a held row of the other side. */
struct pair {
    uint32_t row;
    struct join_entry *entry;
};

/* A result row: row of the batch (NO_ROW: NULLs), held row (NULL: NULLs). */
struct out_row {
    uint32_t row;
    uint8_t kind;
    struct join_entry *entry;
};

struct rows {
    struct batch **parts;
    uint32_t n, cap;
};

struct join_op {
    struct op op;
    struct hash_join_spec spec;
    bool batch_mode;
    const int *upsert_key[2]; /* NULL: a side's rows are known by all their columns */
    int n_upsert_key[2];
    struct join_store *store[2];
    bool has_ttl[2];
    /* batch in hand */
    struct batch *in;
    int port;
    uint32_t next_row, made_to; /* rows in front of made_to have their entries in `made` */
    struct join_entry **made;
    uint64_t *hashes;
    struct join_key **partners,
        **own; /* its rows' keys on the other side (NULL: none), on its own */
    uint8_t *null_key;
    struct pair *pairs;
    uint32_t n_pairs, cap_pairs;
    struct out_row *outs;
    uint32_t n_outs, cap_outs, given;
    /* batch mode */
    struct rows sides[2];
    struct hash_join *final;
};

static struct join_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct join_op, op);
}

static int read_upsert_key(struct join_op *j, int side, const cJSON *list, struct err *err) {
    if (!list) return 0;
    int n = cJSON_GetArraySize(list), i = 0;
    int *key = ARENA_NEW_N(j->op.ctx->arena, int, n + 1);
    const cJSON *c;
    cJSON_ArrayForEach(c, list) {
        if (c->valueint < 0 || c->valueint >= j->op.ctx->inputs[side]->n)
            return err_set(err, ERR_PROTOCOL, "upsert key column out of range");
        key[i++] = c->valueint;
    }
    j->upsert_key[side] = key;
    j->n_upsert_key[side] = n;
    return 0;
}

static int join_open(struct op *op, struct err *err) {
    struct join_op *j = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    j->batch_mode = json_opt_bool(cfg, "batch", false);
    int rc = hash_join_spec_read(op, &j->spec, err);
    if (!rc) rc = read_upsert_key(j, 0, json_opt(cfg, "leftUpsertKey"), err);
    if (!rc) rc = read_upsert_key(j, 1, json_opt(cfg, "rightUpsertKey"), err);
    if (rc || j->batch_mode) return rc;
    struct arena *a = op->ctx->arena;
    j->store[0] = join_store_new(a, op->ctx->inputs[0], j->spec.left_keys, j->spec.n_keys);
    j->store[1] = join_store_new(a, op->ctx->inputs[1], j->spec.right_keys, j->spec.n_keys);
    for (int side = 0; side < 2; side++) {
        int64_t ttl = json_opt_i64(cfg, side == 0 ? "leftTtl" : "rightTtl", 0);
        join_store_set_ttl(j->store[side], ttl);
        j->has_ttl[side] = ttl > 0;
    }
    state_set_add(op->ctx->states, "left", 0, &join_store_part, j->store[0]);
    state_set_add(op->ctx->states, "right", 0, &join_store_part, j->store[1]);
    j->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *j->hashes);
    j->partners = mem_calloc(BATCH_ROWS_MAX, sizeof(*j->partners));
    j->own = mem_calloc(BATCH_ROWS_MAX, sizeof *j->own);
    j->made = mem_calloc(BATCH_ROWS_MAX, sizeof *j->made);
    j->null_key = mem_calloc(BATCH_ROWS_MAX, 1);
    return 0;
}

static bool is_semi(const struct join_op *j) {
    return j->spec.type == JOIN_SEMI || j->spec.type == JOIN_ANTI;
}

static bool is_outer(const struct join_op *j, int side) {
    enum join_type t = j->spec.type;
    return t == JOIN_FULL || (side == 0 ? t == JOIN_LEFT : t == JOIN_RIGHT);
}

/* ---- results ---- */

static void add_out(struct join_op *j, uint8_t kind, uint32_t row, struct join_entry *entry) {
    MEM_GROW(j->outs, j->n_outs, j->cap_outs);
    j->outs[j->n_outs++] = (struct out_row){.row = row, .kind = kind, .entry = entry};
}

/* One side's columns of results: of the batch in hand, or of held rows. reads: only those of the
 * columns; NULL: all. */
static void out_columns(struct join_op *j, int side, const struct out_row *outs, uint32_t n,
                        const bool *reads, struct column *cols) {
    const struct schema *s = j->op.ctx->inputs[side];
    if (side == j->port) {
        AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * (n + 1));
        for (uint32_t i = 0; i < n; i++)
            rows[i] = outs[i].row;
        for (int c = 0; c < s->n; c++)
            if (!reads || reads[c]) col_gather(&cols[c], &j->in->cols[c], rows, n);
        return;
    }
    AUTO_FREE const char **packed = mem_calloc((size_t)n + 1, sizeof *packed);
    for (uint32_t i = 0; i < n; i++)
        packed[i] = outs[i].entry ? join_entry_row(outs[i].entry) : NULL;
    const struct row_pack *pack = join_store_pack(j->store[side]);
    if (!reads) {
        row_pack_read(pack, packed, n, cols);
        return;
    }
    for (int c = 0; c < s->n; c++)
        if (reads[c]) row_pack_read_column(pack, c, packed, n, &cols[c]);
}

static int emit_outs(struct join_op *j, const struct out_row *outs, uint32_t n, struct err *err) {
    const struct schema *s = j->op.ctx->output;
    struct batch *out = batch_new(s->n);
    out->n = n;
    if (is_semi(j)) {
        out_columns(j, 0, outs, n, NULL, out->cols);
    } else {
        out_columns(j, 0, outs, n, NULL, out->cols);
        out_columns(j, 1, outs, n, NULL, out->cols + j->op.ctx->inputs[0]->n);
    }
    bool inserts = true;
    for (uint32_t i = 0; i < n; i++)
        inserts &= outs[i].kind == ROW_INSERT;
    if (!inserts) {
        uint8_t *kinds = batch_make_kinds(out);
        for (uint32_t i = 0; i < n; i++)
            kinds[i] = outs[i].kind;
    }
    for (int c = 0; c < s->n; c++)
        out->cols[c].type = s->fields[c].type;
    return op_emit(&j->op, out, err);
}

/* ---- partners ---- */

/* Candidates by key of as many rows as make a batch of pairs. Returns behind which row they end. */
static uint32_t find_pairs(struct join_op *j) {
    uint32_t row = j->next_row;
    struct join_store *others = j->store[1 - j->port];
    int64_t dead = join_store_dead(others);
    j->n_pairs = 0;
    for (; row < j->in->n && j->n_pairs < BATCH_ROWS_MAX; row++) {
        if (j->null_key[row] || !j->partners[row]) continue;
        for (struct join_entry *e = j->partners[row]->first, *next; e; e = next) {
            next = e->next;
            if (unlikely(dead != INT64_MIN) && e->time <= dead) {
                join_store_remove(others, e);
                continue;
            }
            MEM_GROW(j->pairs, j->n_pairs, j->cap_pairs);
            j->pairs[j->n_pairs++] = (struct pair){row, e};
        }
    }
    return row;
}

static int filter_chunk(struct join_op *j, const struct pair *pairs, uint32_t n, uint32_t *sel,
                        uint32_t *ret_n, struct err *err) {
    int n_left = j->op.ctx->inputs[0]->n, n_cols = n_left + j->op.ctx->inputs[1]->n;
    AUTO_FREE struct column *cols = mem_calloc((size_t)n_cols, sizeof *cols);
    AUTO_FREE struct out_row *outs = mem_alloc(sizeof *outs * n);
    for (uint32_t i = 0; i < n; i++)
        outs[i] = (struct out_row){.row = pairs[i].row, .entry = pairs[i].entry};
    out_columns(j, 0, outs, n, j->spec.residual_reads, cols);
    out_columns(j, 1, outs, n, j->spec.residual_reads + n_left, cols + n_left);
    int rc = program_select(j->spec.residual, cols, n_cols, n, sel, ret_n, NULL, err);
    for (int c = 0; c < n_cols; c++)
        col_release(&cols[c]);
    return rc;
}

/* Drops the pairs that don't meet the condition. */
static int filter_pairs(struct join_op *j, struct err *err) {
    if (!j->spec.residual) return 0;
    AUTO_FREE uint32_t *sel = mem_alloc(sizeof *sel * BATCH_ROWS_MAX);
    uint32_t kept = 0;
    for (uint32_t from = 0; from < j->n_pairs; from += BATCH_ROWS_MAX) {
        uint32_t n = MIN(j->n_pairs - from, (uint32_t)BATCH_ROWS_MAX), k = 0;
        int rc = filter_chunk(j, j->pairs + from, n, sel, &k, err);
        if (rc) return rc;
        for (uint32_t i = 0; i < k; i++)
            j->pairs[kept++] = j->pairs[from + sel[i]];
    }
    j->n_pairs = kept;
    return 0;
}

/* ---- what follows from a row and its partners ---- */

static bool same_key(const struct join_op *j, int side, struct join_entry *e, uint32_t row) {
    const struct row_pack *p = join_store_pack(j->store[side]);
    for (int k = 0; k < j->n_upsert_key[side]; k++) {
        int c = j->upsert_key[side][k];
        if (!row_pack_eq_value(p, join_entry_row(e), c, &j->in->cols[c], row)) return false;
    }
    return true;
}

/* The held row that a row of its own side replaces or takes back. */
static struct join_entry *find_own(struct join_op *j, uint32_t row) {
    struct join_key *k = j->own[row];
    if (!j->upsert_key[j->port]) return join_store_last_equal(j->store[j->port], k, j->in, row);
    int64_t dead = join_store_dead(j->store[j->port]);
    for (struct join_entry *e = k->first; e; e = e->next)
        if ((dead == INT64_MIN || e->time > dead) && same_key(j, j->port, e, row)) return e;
    return NULL;
}

/* Entries for the rows to be held from here on, some at a time: packing goes column by column. */
static void make_entries(struct join_op *j, uint32_t row) {
    uint32_t rows[MAKE_ROWS], n = 0;
    struct join_entry *entries[MAKE_ROWS];
    struct join_store *s = j->store[j->port];
    for (; row < j->in->n && n < MAKE_ROWS; row++)
        if (!j->null_key[row] && (!j->in->kinds || row_kind_adds(j->in->kinds[row])))
            rows[n++] = row;
    join_store_make(s, j->in, rows, n, join_store_now(s), entries);
    for (uint32_t i = 0; i < n; i++)
        j->made[rows[i]] = entries[i];
    j->made_to = row;
}

/* The held row that a row takes the place of without a -U in front: it has the same partners (the
 * planner sends -U where a condition could tell them apart), which must not count it twice. */
static struct join_entry *replaced(struct join_op *j, uint32_t row) {
    return j->upsert_key[j->port] && !j->null_key[row] ? find_own(j, row) : NULL;
}

static void hold(struct join_op *j, uint32_t row, uint32_t n_partners, struct join_entry *old) {
    if (j->null_key[row]) return; /* it will never have a partner */
    struct join_store *s = j->store[j->port];
    if (old) join_store_remove(s, old);
    if (row >= j->made_to) make_entries(j, row);
    struct join_entry *e = j->made[row];
    e->matches = n_partners;
    join_store_link(s, j->own[row], e);
}

/* One partner more or less for a held row of the other side, which counts as writing to it. Returns
 * how many it had. */
static uint32_t change_matches(struct join_op *j, struct join_entry *e, int by) {
    uint32_t had = e->matches;
    join_store_write(j->store[1 - j->port], e);
    e->matches += (uint32_t)by;
    if (j->has_ttl[1 - j->port]) e->time = join_store_now(j->store[1 - j->port]);
    return had;
}

static void let_go(struct join_op *j, uint32_t row) {
    struct join_entry *e = j->null_key[row] ? NULL : find_own(j, row);
    if (e) join_store_remove(j->store[j->port], e);
}

static void added_row(struct join_op *j, uint32_t row, uint8_t kind, const struct pair *p,
                      uint32_t n) {
    bool outer = is_outer(j, j->port), other_outer = is_outer(j, 1 - j->port);
    struct join_entry *old = replaced(j, row);
    if (!n && outer) add_out(j, ROW_INSERT, row, NULL);
    for (uint32_t i = 0; i < n && other_outer; i++)
        if (change_matches(j, p[i].entry, old ? 0 : 1) == 0 && !old)
            add_out(j, ROW_DELETE, NO_ROW, p[i].entry);
    for (uint32_t i = 0; i < n; i++)
        add_out(j, outer || other_outer ? ROW_INSERT : kind, row, p[i].entry);
    hold(j, row, n, old);
}

static void removed_row(struct join_op *j, uint32_t row, uint8_t kind, const struct pair *p,
                        uint32_t n) {
    bool outer = is_outer(j, j->port), other_outer = is_outer(j, 1 - j->port);
    let_go(j, row);
    if (!n && outer) add_out(j, ROW_DELETE, row, NULL);
    for (uint32_t i = 0; i < n; i++)
        add_out(j, outer ? ROW_DELETE : kind, row, p[i].entry);
    for (uint32_t i = 0; i < n && other_outer; i++)
        if (change_matches(j, p[i].entry, -1) == 1) add_out(j, ROW_INSERT, NO_ROW, p[i].entry);
}

/* Semi and anti joins: left rows come out while they have partners, or have none. */
static void semi_row(struct join_op *j, uint32_t row, uint8_t kind, const struct pair *p,
                     uint32_t n) {
    bool anti = j->spec.type == JOIN_ANTI, adds = row_kind_adds(kind);
    if (j->port == 0) {
        if ((n == 0) == anti) add_out(j, kind, row, NULL);
        if (adds)
            hold(j, row, n, replaced(j, row));
        else
            let_go(j, row);
        return;
    }
    struct join_entry *old = adds ? replaced(j, row) : NULL;
    if (adds)
        hold(j, row, 0, old);
    else
        let_go(j, row);
    if (old) return;
    for (uint32_t i = 0; i < n; i++) {
        bool turns = change_matches(j, p[i].entry, adds ? 1 : -1) == (adds ? 0 : 1);
        if (!turns) continue;
        uint8_t k = !anti ? kind : adds ? ROW_DELETE : ROW_INSERT;
        add_out(j, k, NO_ROW, p[i].entry);
    }
}

static void work_rows(struct join_op *j, uint32_t to) {
    uint32_t at = 0;
    for (uint32_t row = j->next_row; row < to; row++) {
        uint8_t kind = j->in->kinds ? j->in->kinds[row] : ROW_INSERT;
        const struct pair *p = at < j->n_pairs ? &j->pairs[at] : NULL;
        uint32_t n = 0;
        while (at < j->n_pairs && j->pairs[at].row == row) {
            at++;
            n++;
        }
        if (is_semi(j))
            semi_row(j, row, kind, p, n);
        else if (row_kind_adds(kind))
            added_row(j, row, kind, p, n);
        else
            removed_row(j, row, kind, p, n);
    }
    j->next_row = to;
}

/* Goes on with the batch in hand as far as there is room. */
static int give(struct join_op *j, struct err *err) {
    uint32_t max = j->op.ctx->config->batch_rows;
    while (j->in) {
        while (j->given < j->n_outs) {
            if (op_output_full(&j->op)) return OP_MORE;
            uint32_t n = MIN(j->n_outs - j->given, max);
            int rc = emit_outs(j, j->outs + j->given, n, err);
            if (rc) return rc;
            j->given += n;
        }
        j->given = j->n_outs = 0;
        if (j->next_row == j->in->n) {
            join_store_sweep(j->store[j->port], j->own, j->in->n);
            batch_unref(j->in);
            j->in = NULL;
            break;
        }
        uint32_t to = find_pairs(j);
        int rc = filter_pairs(j, err);
        if (rc) return rc;
        work_rows(j, to);
    }
    return OP_DONE;
}

static void add_part(struct rows *r, struct batch *b /* takes */) {
    MEM_GROW(r->parts, r->n, r->cap);
    r->parts[r->n++] = b;
}

static int join_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct join_op *j = impl(op);
    if (j->batch_mode) {
        add_part(&j->sides[port], b);
        return OP_DONE;
    }
    if (!b->n) {
        batch_unref(b);
        return OP_DONE;
    }
    const int *keys = port == 0 ? j->spec.left_keys : j->spec.right_keys;
    const struct column *cols[STATE_KEYS_MAX];
    memset(j->hashes, 0, sizeof *j->hashes * b->n);
    memset(j->null_key, 0, b->n);
    for (int k = 0; k < j->spec.n_keys; k++) {
        cols[k] = &b->cols[keys[k]];
        col_hash(cols[k], j->hashes, b->n);
        for (uint32_t i = 0; cols[k]->valid && !j->spec.null_matches[k] && i < b->n; i++)
            j->null_key[i] |= !col_is_valid(cols[k], i);
    }
    int64_t now = op_now_ms(op);
    join_store_age(j->store[0], now, 2 * b->n);
    join_store_age(j->store[1], now, 2 * b->n);
    join_store_find(j->store[1 - port], cols, j->hashes, NULL, b->n, j->partners);
    join_store_hold(j->store[port], cols, j->hashes, NULL, b->n, j->own);
    j->in = b;
    j->port = port;
    j->next_row = j->made_to = 0;
    return give(j, err);
}

/* ---- batch mode's end ---- */

/* In front of the end of event time, so that what fires on it behind has the results. */
static int give_final(struct join_op *j, struct err *err) {
    for (;;) {
        if (op_output_full(&j->op)) return OP_MORE;
        struct batch *out;
        int rc = hash_join_next(j->final, &out, err);
        if (!rc && out) rc = op_emit(&j->op, out, err);
        if (rc) return rc;
        if (!out) break;
    }
    hash_join_free(j->final);
    j->final = NULL;
    return op_emit_watermark(&j->op, WATERMARK_MAX, err);
}

static int join_watermark(struct op *op, int64_t wm, struct err *err) {
    struct join_op *j = impl(op);
    if (!j->batch_mode || wm != WATERMARK_MAX) return op_emit_watermark(op, wm, err);
    j->final =
        hash_join_new(&j->spec, j->sides[0].parts, j->sides[0].n, j->sides[1].parts, j->sides[1].n);
    return give_final(j, err);
}

static int join_resume(struct op *op, struct err *err) {
    struct join_op *j = impl(op);
    return j->final ? give_final(j, err) : give(j, err);
}

static void join_close(struct op *op) {
    struct join_op *j = impl(op);
    hash_join_free(j->final);
    for (int s = 0; s < 2; s++) {
        for (uint32_t i = 0; i < j->sides[s].n; i++)
            batch_unref(j->sides[s].parts[i]);
        free(j->sides[s].parts);
        join_store_free(j->store[s]);
    }
    batch_unref(j->in);
    free(j->hashes);
    free(j->partners);
    free(j->own);
    free(j->made);
    free(j->null_key);
    free(j->pairs);
    free(j->outs);
    hash_join_spec_release(&j->spec);
}

static const struct op_ops join_ops = {.size_bytes = sizeof(struct join_op),
                                       .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                       .open = join_open,
                                       .push = join_push,
                                       .resume = join_resume,
                                       .watermark = join_watermark,
                                       .close = join_close};

const struct op_desc op_join = {
    .kind = "join", .doc = "Joins by key, updating.", .n_inputs = 2, .ops = &join_ops};
