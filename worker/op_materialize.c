/* op_materialize.c - in front of a sink that is updated by primary key when the rows of one primary
 * key are different rows of the query: all that are live are kept, in order of arrival, and the
 * sink is told which one counts.
 *
 * deduplicate: the latest. Each row goes on at once; when it is taken back, the one before it comes
 * again, or -D when there is none. error, nothing: the rows that came since the last watermark are
 * judged together, so that an update that moves between primary keys is no conflict on the way.
 * Then more than one live row is an error, or the first one stays. Where no watermark ever comes,
 * barriers and the end of input take its place. */
#include "vector/func/func.h"
#include "vector/value.h"
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/state/join_store.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum conflict { CONFLICT_DEDUPLICATE, CONFLICT_ERROR, CONFLICT_NOTHING };
enum { SCAN_KEYS = 256 };

struct out_row {
    const char *row;
    uint8_t kind;
};

struct materialize_op {
    struct op op;
    enum conflict conflict;
    int n_keys;
    int *keys; /* the sink's primary key */
    int n_upsert_key;
    int *upsert_key;          /* NULL: rows are known by all their columns */
    struct join_store *store; /* deduplicate: live rows. Else the row that the sink has */
    struct join_store *waits; /* not deduplicate: rows since the last watermark; matches = kind */
    uint64_t *hashes;
    struct join_key **found;
    struct batch *in;
    uint32_t in_row;
    /* judging at a watermark */
    bool judging, passes_watermark;
    uint64_t pos;
    /* results; entries they refer to that have left the state are freed once they are given */
    struct out_row *outs;
    uint32_t n_outs, cap_outs;
    struct join_entry **gone; /* of store */
    uint32_t n_gone, cap_gone;
};

static struct materialize_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct materialize_op, op);
}

static int read_cols(struct materialize_op *m, const cJSON *list, int **ret, int *ret_n,
                     struct err *err) {
    int n = cJSON_GetArraySize(list), i = 0;
    int *cols = ARENA_NEW_N(m->op.ctx->arena, int, n + 1);
    const cJSON *c;
    cJSON_ArrayForEach(c, list) {
        if (!cJSON_IsNumber(c) || c->valueint < 0 || c->valueint >= m->op.ctx->inputs[0]->n)
            return err_set(err, ERR_PROTOCOL, "key column out of range");
        cols[i++] = c->valueint;
    }
    *ret = cols;
    *ret_n = n;
    return 0;
}

static int materialize_open(struct op *op, struct err *err) {
    struct materialize_op *m = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    const char *conflict = json_opt_str(cfg, "conflict", "deduplicate");
    m->conflict = !strcmp(conflict, "error")     ? CONFLICT_ERROR
                  : !strcmp(conflict, "nothing") ? CONFLICT_NOTHING
                                                 : CONFLICT_DEDUPLICATE;
    int rc = read_cols(m, json_opt(cfg, "keys"), &m->keys, &m->n_keys, err);
    if (!rc && json_opt(cfg, "upsertKey"))
        rc = read_cols(m, json_opt(cfg, "upsertKey"), &m->upsert_key, &m->n_upsert_key, err);
    if (rc) return rc;
    if (m->n_keys > STATE_KEYS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "a primary key of more than %d columns",
                       STATE_KEYS_MAX);
    struct arena *a = op->ctx->arena;
    m->store = join_store_new(a, op->ctx->inputs[0], m->keys, m->n_keys);
    join_store_set_ttl(m->store, json_opt_i64(cfg, "ttl", 0));
    if (m->conflict != CONFLICT_DEDUPLICATE)
        m->waits = join_store_new(a, op->ctx->inputs[0], m->keys, m->n_keys);
    state_set_add(op->ctx->states, "rows", 0, &join_store_part, m->store);
    if (m->waits) state_set_add(op->ctx->states, "waiting", 0, &join_store_part, m->waits);
    m->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *m->hashes);
    m->found = mem_calloc(BATCH_ROWS_MAX, sizeof *m->found);
    return 0;
}

/* ---- results ---- */

static void add_out(struct materialize_op *m, uint8_t kind, struct join_entry *e) {
    MEM_GROW(m->outs, m->n_outs, m->cap_outs);
    m->outs[m->n_outs++] = (struct out_row){.row = join_entry_row(e), .kind = kind};
}

static void add_gone(struct materialize_op *m, struct join_entry *e) {
    MEM_GROW(m->gone, m->n_gone, m->cap_gone);
    m->gone[m->n_gone++] = e;
}

static int emit_outs(struct materialize_op *m, struct err *err) {
    const struct schema *s = m->op.ctx->output;
    struct batch *b = m->n_outs ? batch_new(s->n) : NULL;
    if (b) {
        b->n = m->n_outs;
        AUTO_FREE const char **rows = mem_calloc(b->n, sizeof *rows);
        uint8_t *kinds = batch_make_kinds(b);
        for (uint32_t i = 0; i < b->n; i++) {
            rows[i] = m->outs[i].row;
            kinds[i] = m->outs[i].kind;
        }
        row_pack_read(join_store_pack(m->store), rows, b->n, b->cols);
        for (int c = 0; c < s->n; c++)
            b->cols[c].type = s->fields[c].type;
    }
    for (uint32_t i = 0; i < m->n_gone; i++)
        join_store_let_go(m->store, m->gone[i]);
    m->n_gone = m->n_outs = 0;
    return b ? op_emit(&m->op, b, err) : 0;
}

/* ---- one primary key's rows ---- */

/* The first entry from e on that is the row `row` of the batch in hand: by upsert key, or whole. */
static struct join_entry *find_row(struct materialize_op *m, struct join_key *k, uint32_t row) {
    if (!m->upsert_key) return join_store_first_equal(m->store, k, m->in, row);
    const struct row_pack *p = join_store_pack(m->store);
    for (struct join_entry *e = k->first; e; e = e->next) {
        int c = 0;
        while (c < m->n_upsert_key && row_pack_eq_value(p, join_entry_row(e), m->upsert_key[c],
                                                        &m->in->cols[m->upsert_key[c]], row))
            c++;
        if (c == m->n_upsert_key) return e;
    }
    return NULL;
}

static void added(struct materialize_op *m, struct join_key *k, uint32_t row) {
    join_store_purge(m->store, k);
    join_store_touch(m->store, k);
    int64_t now = join_store_now(m->store);
    uint8_t kind = k->first ? ROW_UPDATE_AFTER : ROW_INSERT;
    struct join_entry *old = m->upsert_key ? find_row(m, k, row) : NULL, *e;
    if (old) { /* in its place */
        e = join_store_insert(m->store, old, m->in, row, now);
        join_store_unlink(m->store, old);
        add_gone(m, old);
    } else {
        e = join_store_add(m->store, k, m->in, row, now);
    }
    add_out(m, kind, e);
}

static void taken_back(struct materialize_op *m, struct join_key *k, uint32_t row) {
    join_store_purge(m->store, k);
    struct join_entry *e = find_row(m, k, row);
    if (!e) return;
    join_store_touch(m->store, k);
    bool last = e == k->last;
    join_store_unlink(m->store, e);
    add_gone(m, e);
    if (!k->first)
        add_out(m, ROW_DELETE, e);
    else if (last)
        add_out(m, ROW_UPDATE_AFTER, k->last);
}

static int give(struct materialize_op *m, struct err *err) {
    uint32_t max = m->op.ctx->config->batch_rows;
    while (m->in_row < m->in->n) {
        if (op_output_full(&m->op)) return OP_MORE;
        for (; m->in_row < m->in->n && m->n_outs < max; m->in_row++) {
            uint8_t kind = m->in->kinds ? m->in->kinds[m->in_row] : ROW_INSERT;
            struct join_key *k = m->found[m->in_row];
            if (m->waits)
                join_store_add(m->waits, k, m->in, m->in_row, 0)->matches = kind;
            else if (row_kind_adds(kind))
                added(m, k, m->in_row);
            else
                taken_back(m, k, m->in_row);
        }
        int rc = emit_outs(m, err);
        if (rc) return rc;
    }
    join_store_sweep(m->waits ? m->waits : m->store, m->found, m->in->n);
    batch_unref(m->in);
    m->in = NULL;
    uint64_t rows = join_store_rows(m->store) + (m->waits ? join_store_rows(m->waits) : 0);
    size_t bytes = join_store_bytes(m->store) + (m->waits ? join_store_bytes(m->waits) : 0);
    metric_set(&m->op.ctx->metrics->state_entries, (int64_t)rows);
    metric_set(&m->op.ctx->metrics->state_bytes, (int64_t)bytes);
    return OP_DONE;
}

static int materialize_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct materialize_op *m = impl(op);
    const struct column *keys[STATE_KEYS_MAX];
    memset(m->hashes, 0, sizeof *m->hashes * b->n);
    for (int k = 0; k < m->n_keys; k++) {
        keys[k] = &b->cols[m->keys[k]];
        col_hash(keys[k], m->hashes, b->n);
    }
    join_store_age(m->store, op_now_ms(op), 2 * b->n);
    join_store_hold(m->waits ? m->waits : m->store, keys, m->hashes, NULL, b->n, m->found);
    m->in = b;
    m->in_row = 0;
    return give(m, err);
}

/* ---- ON CONFLICT DO ERROR, DO NOTHING: at watermarks ---- */

/* Rows of one primary key while it is judged; packed. */
struct live {
    const char **rows;
    uint32_t n, cap;
};

static bool same_row(const struct materialize_op *m, const char *a, const char *b) {
    const struct row_pack *p = join_store_pack(m->store);
    if (!m->upsert_key) return row_pack_eq(p, a, b);
    for (int c = 0; c < m->n_upsert_key; c++)
        if (row_pack_cmp(p, a, b, m->upsert_key[c])) return false;
    return true;
}

static void fold(const struct materialize_op *m, struct live *l, struct join_entry *e) {
    const char *row = join_entry_row(e);
    bool adds = row_kind_adds((uint8_t)e->matches);
    uint32_t at = 0;
    while (at < l->n && !same_row(m, l->rows[at], row))
        at++;
    if (adds && (at == l->n || !m->upsert_key)) {
        MEM_GROW(l->rows, l->n, l->cap);
        l->rows[l->n++] = row;
    } else if (adds) {
        l->rows[at] = row;
    } else if (at < l->n) {
        l->n--;
        memmove(&l->rows[at], &l->rows[at + 1], sizeof *l->rows * (l->n - at));
    }
}

/* The primary key's columns of a row as a batch that the store can take it from. */
static struct batch *one_row(struct materialize_op *m, const char *row) {
    struct batch *b = batch_new(m->op.ctx->inputs[0]->n);
    b->n = 1;
    row_pack_read(join_store_pack(m->store), &row, 1, b->cols);
    return b;
}

static struct join_key *key_of(struct materialize_op *m, struct batch *b) {
    const struct column *keys[STATE_KEYS_MAX];
    uint64_t hash = 0;
    struct join_key *k;
    for (int i = 0; i < m->n_keys; i++) {
        keys[i] = &b->cols[m->keys[i]];
        col_hash(keys[i], &hash, 1);
    }
    join_store_hold(m->store, keys, &hash, NULL, 1, &k);
    return k;
}

static int conflict_error(struct materialize_op *m, const struct live *l, struct err *err) {
    AUTO_STR key = STR_INIT;
    struct batch *b = one_row(m, l->rows[0]);
    for (int i = 0; i < m->n_keys; i++) {
        str_addf(&key, "%s%s = ", i ? ", " : "", m->op.ctx->inputs[0]->fields[m->keys[i]].name);
        value_print(&b->cols[m->keys[i]], 0, m->op.ctx->env->zone, &key);
    }
    batch_unref(b);
    return err_set(err, ERR_RUNTIME,
                   "Primary key constraint violation: %u distinct rows with the primary key (%s). "
                   "Use ON CONFLICT DO NOTHING to keep the first one.",
                   l->n, str_text(&key));
}

/* Brings the row that the sink has of a key up to date with what came since the last watermark. */
static int judge_key(struct materialize_op *m, struct join_key *waiting, struct live *l,
                     struct err *err) {
    struct batch *first = one_row(m, join_entry_row(waiting->first));
    struct join_key *k = key_of(m, first);
    join_store_purge(m->store, k);
    struct join_entry *has = k->first;
    int rc = 0;
    l->n = 0;
    if (has) {
        MEM_GROW(l->rows, l->n, l->cap);
        l->rows[l->n++] = join_entry_row(has);
    }
    for (struct join_entry *e = waiting->first; e; e = e->next)
        fold(m, l, e);
    if (l->n > 1 && m->conflict == CONFLICT_ERROR) {
        rc = conflict_error(m, l, err);
    } else if (!l->n) {
        if (has) add_out(m, ROW_DELETE, has);
    } else if (!has || (l->n == 1 &&
                        !row_pack_eq(join_store_pack(m->store), join_entry_row(has), l->rows[0]))) {
        struct batch *row = one_row(m, l->rows[0]);
        add_out(m, has ? ROW_UPDATE_AFTER : ROW_INSERT,
                join_store_add(m->store, k, row, 0, join_store_now(m->store)));
        batch_unref(row);
    } else {
        join_store_touch(m->store, k);
        has = NULL; /* stays */
    }
    batch_unref(first);
    if (has) {
        join_store_unlink(m->store, has);
        add_gone(m, has);
    }
    join_store_sweep(m->store, &k, 1);
    return rc;
}

/* Keys of m->waits one after the other; what is judged leaves it. */
static int judge(struct materialize_op *m, struct err *err) {
    struct live l = {0};
    struct join_key *keys[SCAN_KEYS];
    uint32_t max = MIN(m->op.ctx->config->batch_rows, (uint32_t)SCAN_KEYS), n = 0;
    int rc = 0;
    do {
        if (op_output_full(&m->op)) {
            free(l.rows);
            return OP_MORE;
        }
        n = join_store_scan(m->waits, &m->pos, keys, max);
        for (uint32_t i = 0; i < n && !rc; i++) {
            rc = judge_key(m, keys[i], &l, err);
            while (keys[i]->first)
                join_store_remove(m->waits, keys[i]->first);
        }
        join_store_sweep(m->waits, keys, n);
        if (!rc) rc = emit_outs(m, err);
    } while (n && !rc);
    free(l.rows);
    if (rc) return rc;
    m->judging = false;
    return m->passes_watermark ? op_emit_watermark(&m->op, m->op.watermark, err) : OP_DONE;
}

static int begin_judging(struct materialize_op *m, bool passes_watermark, struct err *err) {
    m->judging = true;
    m->passes_watermark = passes_watermark;
    m->pos = 0;
    return judge(m, err);
}

static int materialize_watermark(struct op *op, int64_t wm, struct err *err) {
    struct materialize_op *m = impl(op);
    return m->waits ? begin_judging(m, true, err) : op_emit_watermark(op, wm, err);
}

static int materialize_barrier(struct op *op, const struct barrier *b, struct err *err) {
    struct materialize_op *m = impl(op);
    return m->waits && op->watermark == WATERMARK_MIN ? begin_judging(m, false, err) : OP_DONE;
}

static int materialize_resume(struct op *op, struct err *err) {
    struct materialize_op *m = impl(op);
    if (m->judging) return judge(m, err);
    return m->in ? give(m, err) : OP_DONE;
}

static void materialize_close(struct op *op) {
    struct materialize_op *m = impl(op);
    for (uint32_t i = 0; i < m->n_gone; i++)
        join_store_let_go(m->store, m->gone[i]);
    join_store_free(m->store);
    join_store_free(m->waits);
    free(m->hashes);
    free(m->found);
    free(m->outs);
    free(m->gone);
    batch_unref(m->in);
}

static const struct op_ops materialize_ops = {.size_bytes = sizeof(struct materialize_op),
                                              .flags = OP_CHECKPOINTED,
                                              .open = materialize_open,
                                              .push = materialize_push,
                                              .resume = materialize_resume,
                                              .watermark = materialize_watermark,
                                              .barrier = materialize_barrier,
                                              .close = materialize_close};

const struct op_desc op_materialize = {.kind = "materialize",
                                       .doc =
                                           "Says which row of a primary key counts for the sink.",
                                       .n_inputs = 1,
                                       .ops = &materialize_ops};
