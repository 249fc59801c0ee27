/* op_normalize.c - makes a proper changelog by key out of upserts, or of changes that may come
 * twice: the last row of each key is kept; +I, (-U,) +U, -D say what a row did to it, and a row
 * equal to the last one is dropped. -U is ignored: the +U behind it says all. */
#include "worker/metrics.h"
#include "worker/op.h"
#include "worker/state/row_pack.h"
#include "worker/state/state_set.h"
#include "worker/state/state_table.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { PREFETCH_ROWS = 8 };

/* Payload of a key; the packed row lies in the table's var memory. */
struct last_row {
    char *row;     /* NULL: deleted; such keys leave the table at the end of their batch */
    int64_t going; /* is in the list of keys that leave */
};

struct normalize_op {
    struct op op;
    bool update_before;
    int64_t ttl_ms; /* of a key's last row; rows equal to it are sent on then, to keep it alive in
                       the ops behind */
    int n_keys;
    int *keys;
    struct row_pack *pack;
    struct state_table *table;
    struct str scratch;
    uint64_t *hashes;
    struct last_row **found;
    struct batch *in;
    uint32_t in_row;
    /* results: packed rows of the state, or of `gone`, which lasts until they are given */
    const char **out_rows;
    uint8_t *out_kinds;
    uint32_t n_outs;
    char **gone;
    uint32_t n_gone;
};

static struct normalize_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct normalize_op, op);
}

static void free_row(void *self, char *payload, struct var_memory *var) {
    char *row = ((struct last_row *)payload)->row;
    if (row) var_free(var, row, row_pack_size(row));
}

static void save_row(void *self, const char *payload, struct str *out) {
    const char *row = ((const struct last_row *)payload)->row;
    if (row) str_add_n(out, row, row_pack_size(row));
}

static int load_row(void *self, char *payload, struct sv bytes, struct var_memory *var,
                    struct err *err) {
    if (!bytes.len) return 0; /* its only row was taken back in the batch in hand */
    struct normalize_op *n = self;
    char *row = ((struct last_row *)payload)->row = row_pack_take(n->pack, &bytes, var, 0, err);
    return row ? 0 : err->code;
}

static int read_keys(struct normalize_op *n, const struct type **types, struct err *err) {
    const struct schema *in = n->op.ctx->inputs[0];
    const cJSON *keys, *k;
    int rc = json_get_array(n->op.ctx->plan->config, "keys", &keys, err);
    if (rc) return rc;
    if (cJSON_GetArraySize(keys) > STATE_KEYS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "a primary key of more than %d columns",
                       STATE_KEYS_MAX);
    cJSON_ArrayForEach(k, keys) {
        if (!cJSON_IsNumber(k) || k->valueint < 0 || k->valueint >= in->n)
            return err_set(err, ERR_PROTOCOL, "key column out of range");
        types[n->n_keys] = in->fields[k->valueint].type;
        if (type_is_nested(types[n->n_keys]))
            return err_set(err, ERR_UNSUPPORTED, "the key column '%s' is of a nested type",
                           in->fields[k->valueint].name);
        n->keys[n->n_keys++] = k->valueint;
    }
    return 0;
}

static int normalize_open(struct op *op, struct err *err) {
    struct normalize_op *n = impl(op);
    struct arena *a = op->ctx->arena;
    n->update_before = json_opt_bool(op->ctx->plan->config, "updateBefore", true);
    n->ttl_ms = json_opt_i64(op->ctx->plan->config, "ttl", 0);
    n->keys = ARENA_NEW_N(a, int, STATE_KEYS_MAX);
    const struct type **types = ARENA_NEW_N(a, const struct type *, STATE_KEYS_MAX);
    int rc = read_keys(n, types, err);
    if (rc) return rc;
    n->pack = row_pack_of_schema(a, op->ctx->inputs[0]);
    struct state_desc d = {.n_keys = n->n_keys,
                           .key_types = types,
                           .payload_size_bytes = sizeof(struct last_row),
                           .free_payload = free_row,
                           .save_payload = save_row,
                           .load_payload = load_row,
                           .marks_writes = true,
                           .self = n,
                           .ttl_ms = n->ttl_ms};
    n->table = state_table_new(&d);
    state_set_add(op->ctx->states, "rows", 0, &state_table_part, n->table);
    n->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *n->hashes);
    n->found = mem_calloc(BATCH_ROWS_MAX, sizeof *n->found);
    n->out_rows = mem_calloc(BATCH_ROWS_MAX + 1, sizeof *n->out_rows);
    n->out_kinds = mem_calloc(BATCH_ROWS_MAX + 1, 1);
    n->gone = mem_calloc(BATCH_ROWS_MAX + 1, sizeof *n->gone);
    return 0;
}

static void add_out(struct normalize_op *n, uint8_t kind, const char *row) {
    n->out_rows[n->n_outs] = row;
    n->out_kinds[n->n_outs++] = kind;
}

/* At most two results. */
static void work_row(struct normalize_op *n, uint32_t i) {
    struct last_row *last = n->found[i];
    char *old = last->row;
    uint8_t kind = n->in->kinds ? n->in->kinds[i] : ROW_INSERT;
    if (kind == ROW_UPDATE_BEFORE) return;
    if (kind == ROW_DELETE) {
        if (!old) return;
        state_table_mark(n->table, (char **)&n->found[i], 1);
        add_out(n, ROW_DELETE, old);
        n->gone[n->n_gone++] = old;
        last->row = NULL;
        return;
    }
    str_clear(&n->scratch);
    row_pack_add(n->pack, n->in->cols, i, &n->scratch);
    if (old && !n->ttl_ms && row_pack_eq(n->pack, old, str_text(&n->scratch))) return;
    state_table_mark(n->table, (char **)&n->found[i], 1);
    state_table_touch(n->table, (char **)&n->found[i], 1);
    char *row = var_alloc(state_table_var(n->table), n->scratch.len);
    memcpy(row, str_text(&n->scratch), n->scratch.len);
    if (old && n->update_before) add_out(n, ROW_UPDATE_BEFORE, old);
    add_out(n, old ? ROW_UPDATE_AFTER : ROW_INSERT, row);
    if (old) n->gone[n->n_gone++] = old;
    last->row = row;
}

static void free_gone(struct normalize_op *n) {
    for (uint32_t i = 0; i < n->n_gone; i++)
        var_free(state_table_var(n->table), n->gone[i], row_pack_size(n->gone[i]));
    n->n_gone = 0;
}

static int emit_outs(struct normalize_op *n, struct err *err) {
    const struct schema *s = n->op.ctx->output;
    struct batch *b = n->n_outs ? batch_new(s->n) : NULL;
    if (b) {
        b->n = n->n_outs;
        row_pack_read(n->pack, n->out_rows, b->n, b->cols);
        for (int c = 0; c < s->n; c++)
            b->cols[c].type = s->fields[c].type;
        memcpy(batch_make_kinds(b), n->out_kinds, b->n);
    }
    n->n_outs = 0;
    free_gone(n);
    return b ? op_emit(&n->op, b, err) : 0;
}

/* Keys of the batch that have no row: deleted, or unknown to begin with. */
static void remove_empty(struct normalize_op *n) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < n->in->n; i++) {
        struct last_row *last = n->found[i];
        if (last->row || last->going) continue;
        last->going = 1;
        n->found[k++] = last;
    }
    for (uint32_t i = 0; i < k; i++)
        state_table_remove(n->table, (char *)n->found[i]);
}

static int give(struct normalize_op *n, struct err *err) {
    uint32_t max = MIN(n->op.ctx->config->batch_rows, (uint32_t)BATCH_ROWS_MAX - 1);
    while (n->in_row < n->in->n) {
        if (op_output_full(&n->op)) return OP_MORE;
        while (n->in_row < n->in->n && n->n_outs < max) {
            uint32_t ahead = n->in_row + PREFETCH_ROWS;
            if (ahead < n->in->n) mem_prefetch(n->found[ahead]->row);
            work_row(n, n->in_row++);
        }
        int rc = emit_outs(n, err);
        if (rc) return rc;
    }
    remove_empty(n);
    batch_unref(n->in);
    n->in = NULL;
    metric_set(&n->op.ctx->metrics->state_bytes, (int64_t)state_table_bytes(n->table));
    metric_set(&n->op.ctx->metrics->state_entries, (int64_t)state_table_count(n->table));
    return OP_DONE;
}

static int normalize_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct normalize_op *n = impl(op);
    const struct column *keys[STATE_KEYS_MAX];
    memset(n->hashes, 0, sizeof *n->hashes * b->n);
    for (int k = 0; k < n->n_keys; k++) {
        keys[k] = &b->cols[n->keys[k]];
        col_hash(keys[k], n->hashes, b->n);
    }
    state_table_age(n->table, op_now_ms(op), 2 * b->n);
    state_table_upsert(n->table, keys, n->hashes, NULL, b->n, (char **)n->found, NULL);
    n->in = b;
    n->in_row = 0;
    return give(n, err);
}

static int normalize_resume(struct op *op, struct err *err) {
    return impl(op)->in ? give(impl(op), err) : OP_DONE;
}

static void normalize_close(struct op *op) {
    struct normalize_op *n = impl(op);
    if (n->table) free_gone(n);
    state_table_free(n->table);
    str_release(&n->scratch);
    free(n->hashes);
    free(n->found);
    free(n->out_rows);
    free(n->out_kinds);
    free(n->gone);
    batch_unref(n->in);
}

static const struct op_ops normalize_ops = {.size_bytes = sizeof(struct normalize_op),
                                            .flags = OP_CHECKPOINTED,
                                            .open = normalize_open,
                                            .push = normalize_push,
                                            .resume = normalize_resume,
                                            .close = normalize_close};

const struct op_desc op_normalize = {.kind = "normalize",
                                     .doc = "Makes a changelog by key of upserts.",
                                     .n_inputs = 1,
                                     .ops = &normalize_ops};
