/* op_temporal_join.c - joins each left row with the version of the right row that held at its time
 * (FOR SYSTEM_TIME AS OF rowtime).
 *
 * Left rows wait until the watermark passes them: by then their version is known. They come out in
 * the order in which they came in. Right rows are versions, in order of their time; one of the same
 * time replaces the former, -D ends a version, -U says nothing that +U doesn't. Once the watermark
 * has passed a version's successor, no row that isn't late can meet it, and it goes when the key is
 * next written or read. */
#include "worker/hash_join.h"
#include "worker/metrics.h"
#include "worker/state/join_store.h"
#include "worker/state/state_set.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAKE_ROWS = 256,  /* packed at once, column by column */
    NEAR_VERSIONS = 8 /* gone through for each row by itself */
};

struct waiting {
    int64_t time;
    struct join_entry *entry;
};

struct temporal_join {
    struct op op;
    struct hash_join_spec spec; /* type (inner, left), keys, residual */
    int time[2];
    struct join_store *left;  /* time, matches = row kind, seq = order of arrival */
    struct join_store *right; /* time, matches = row kind; sorted by time */
    /* Left rows by time, made from the state: those that came in order of time one behind the
     * other, the others in a heap. */
    struct waiting *line, *heap;
    size_t line_first, n_line, cap_line, n_heap, cap_heap;
    int64_t next_seq;
    /* a batch in hand */
    uint64_t *hashes;
    struct join_key **keys;
    uint8_t *null_key;
    /* a watermark in hand: left rows that it has passed, from given on */
    bool firing;
    int64_t last_wm;                 /* the one before */
    struct join_entry **due, **late; /* late: of the heap, on their way to due */
    size_t n_due, cap_due, n_late, cap_late, given;
    /* the pairs of an output batch */
    struct join_entry **versions;
    uint32_t *order;
};

static struct temporal_join *impl(struct op *op) {
    return CONTAINER_OF(op, struct temporal_join, op);
}

static int temporal_join_open(struct op *op, struct err *err) {
    struct temporal_join *j = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    int rc = hash_join_spec_read(op, &j->spec, err);
    if (!rc) rc = json_get_int(cfg, "leftTime", &j->time[0], err);
    if (!rc) rc = json_get_int(cfg, "rightTime", &j->time[1], err);
    if (rc) return rc;
    for (int s = 0; s < 2; s++)
        if (j->time[s] < 0 || j->time[s] >= op->ctx->inputs[s]->n)
            return err_set(err, ERR_PROTOCOL, "time column out of range");
    if (j->spec.type != JOIN_INNER && j->spec.type != JOIN_LEFT)
        return err_set(err, ERR_PROTOCOL, "a temporal join is INNER or LEFT");
    j->last_wm = WATERMARK_MIN;
    struct arena *a = op->ctx->arena;
    j->left = join_store_new(a, op->ctx->inputs[0], j->spec.left_keys, j->spec.n_keys);
    j->right = join_store_new(a, op->ctx->inputs[1], j->spec.right_keys, j->spec.n_keys);
    join_store_keep_times(j->left);
    join_store_keep_times(j->right);
    state_set_add(op->ctx->states, "left", 0, &join_store_part, j->left);
    state_set_add(op->ctx->states, "right", 0, &join_store_part, j->right);
    j->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *j->hashes);
    j->keys = mem_calloc(BATCH_ROWS_MAX, sizeof(*j->keys));
    j->null_key = mem_calloc(BATCH_ROWS_MAX, 1);
    j->versions = mem_calloc(BATCH_ROWS_MAX, sizeof *j->versions);
    j->order = mem_calloc(BATCH_ROWS_MAX, sizeof *j->order);
    return 0;
}

/* ---- left rows by time ---- */

static void heap_push(struct temporal_join *j, struct waiting w) {
    MEM_GROW(j->heap, j->n_heap, j->cap_heap);
    size_t i = j->n_heap++;
    for (; i && j->heap[(i - 1) / 2].time > w.time; i = (i - 1) / 2)
        j->heap[i] = j->heap[(i - 1) / 2];
    j->heap[i] = w;
}

static struct join_entry *heap_pop(struct temporal_join *j) {
    struct waiting top = j->heap[0], last = j->heap[--j->n_heap];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= j->n_heap) break;
        if (c + 1 < j->n_heap && j->heap[c + 1].time < j->heap[c].time) c++;
        if (j->heap[c].time >= last.time) break;
        j->heap[i] = j->heap[c];
        i = c;
    }
    if (j->n_heap) j->heap[i] = last;
    return top.entry;
}

static void wait_in_line(struct temporal_join *j, struct join_entry *e) {
    struct waiting w = {e->time, e};
    if (j->line_first == j->n_line) j->line_first = j->n_line = 0;
    if (j->n_line && j->line[j->n_line - 1].time > e->time) {
        heap_push(j, w);
        return;
    }
    if (j->n_line == j->cap_line && j->line_first > j->n_line / 2) { /* room in front */
        j->n_line -= j->line_first;
        memmove(j->line, j->line + j->line_first, sizeof *j->line * j->n_line);
        j->line_first = 0;
    }
    MEM_GROW(j->line, j->n_line, j->cap_line);
    j->line[j->n_line++] = w;
}

static int seq_cmp(const void *x, const void *y) {
    const struct join_entry *a = *(struct join_entry *const *)x,
                            *b = *(struct join_entry *const *)y;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static void add_due(struct temporal_join *j, struct join_entry *e) {
    MEM_GROW(j->due, j->n_due, j->cap_due);
    j->due[j->n_due++] = e;
}

/* due: the rows that wm has passed, in the order in which they came. */
static void take_due(struct temporal_join *j, int64_t wm) {
    j->n_due = j->n_late = j->given = 0;
    while (j->n_heap && j->heap[0].time <= wm) {
        MEM_GROW(j->late, j->n_late, j->cap_late);
        j->late[j->n_late++] = heap_pop(j);
    }
    if (j->n_late) qsort(j->late, j->n_late, sizeof(*j->late), seq_cmp);
    size_t at = 0;
    while (j->line_first < j->n_line && j->line[j->line_first].time <= wm) {
        struct join_entry *e = j->line[j->line_first++].entry;
        while (at < j->n_late && j->late[at]->seq < e->seq)
            add_due(j, j->late[at++]);
        add_due(j, e);
    }
    while (at < j->n_late)
        add_due(j, j->late[at++]);
}

/* ---- rows in ---- */

static int check_times(const struct temporal_join *j, int port, const struct batch *b,
                       struct err *err) {
    const struct column *c = &b->cols[j->time[port]];
    if (!c->valid || !col_null_count(c)) return 0;
    return err_set(err, ERR_RUNTIME, "a temporal join's time column '%s' is NULL in a row",
                   j->op.ctx->inputs[port]->fields[j->time[port]].name);
}

/* Sets hashes and null_key, and key columns. */
static void hash_keys(struct temporal_join *j, const struct column *const *cols, uint32_t n) {
    memset(j->hashes, 0, sizeof *j->hashes * n);
    memset(j->null_key, 0, n);
    for (int k = 0; k < j->spec.n_keys; k++) {
        col_hash(cols[k], j->hashes, n);
        for (uint32_t i = 0; cols[k]->valid && !j->spec.null_matches[k] && i < n; i++)
            j->null_key[i] |= !col_is_valid(cols[k], i);
    }
}

static uint8_t kind_of(const struct batch *b, uint32_t row) {
    return b->kinds ? b->kinds[row] : ROW_INSERT;
}

static void left_rows(struct temporal_join *j, const struct batch *b) {
    const int64_t *times = b->cols[j->time[0]].data;
    uint32_t rows[MAKE_ROWS], next = 0;
    struct join_entry *made[MAKE_ROWS];
    while (next < b->n) {
        uint32_t n = 0;
        for (; next < b->n && n < MAKE_ROWS; next++)
            if (!j->null_key[next] || j->spec.type == JOIN_LEFT) rows[n++] = next;
        join_store_make(j->left, b, rows, n, 0, made);
        for (uint32_t i = 0; i < n; i++) {
            struct join_entry *e = made[i];
            e->time = times[rows[i]];
            e->matches = kind_of(b, rows[i]);
            e->seq = j->next_seq++;
            join_store_link(j->left, j->keys[rows[i]], e);
            wait_in_line(j, e);
        }
    }
    join_store_sweep(j->left, j->keys, b->n);
}

/* Versions whose successor the watermark wm has passed. */
static void drop_versions(struct temporal_join *j, struct join_key *k, int64_t wm) {
    while (k->first && k->first->next && k->first->next->time <= wm)
        join_store_remove(j->right, k->first);
}

static void right_rows(struct temporal_join *j, const struct batch *b) {
    const int64_t *times = b->cols[j->time[1]].data;
    for (uint32_t i = 0; i < b->n; i++) {
        uint8_t kind = kind_of(b, i);
        if (j->null_key[i] || kind == ROW_UPDATE_BEFORE) continue;
        struct join_key *k = j->keys[i];
        drop_versions(j, k, j->op.watermark);
        struct join_entry *after = k->last; /* which it comes behind */
        while (after && after->time > times[i])
            after = after->prev;
        struct join_entry *next = after ? after->next : k->first;
        struct join_entry *e = next ? join_store_insert(j->right, next, b, i, times[i])
                                    : join_store_add(j->right, k, b, i, times[i]);
        e->matches = kind;
        if (after && after->time == times[i]) join_store_remove(j->right, after);
    }
    join_store_sweep(j->right, j->keys, b->n);
}

static void report_state(struct temporal_join *j) {
    struct op_metrics *m = j->op.ctx->metrics;
    metric_set(&m->state_entries, (int64_t)(join_store_rows(j->left) + join_store_rows(j->right)));
    metric_set(&m->state_bytes, (int64_t)(join_store_bytes(j->left) + join_store_bytes(j->right)));
}

static int temporal_join_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct temporal_join *j = impl(op);
    const int *keys = port == 0 ? j->spec.left_keys : j->spec.right_keys;
    const struct column *cols[STATE_KEYS_MAX];
    for (int k = 0; k < j->spec.n_keys; k++)
        cols[k] = &b->cols[keys[k]];
    int rc = check_times(j, port, b, err);
    if (!rc) {
        hash_keys(j, cols, b->n);
        join_store_hold(port == 0 ? j->left : j->right, cols, j->hashes, NULL, b->n, j->keys);
        if (port == 0)
            left_rows(j, b);
        else
            right_rows(j, b);
        report_state(j);
    }
    batch_unref(b);
    return rc ? rc : OP_DONE;
}

/* ---- rows out ---- */

static void read_rows(const struct join_store *s, struct join_entry *const *entries, uint32_t n,
                      struct column *cols) {
    AUTO_FREE const char **packed = mem_calloc((size_t)n + 1, sizeof *packed);
    for (uint32_t i = 0; i < n; i++)
        packed[i] = entries[i] ? join_entry_row(entries[i]) : NULL;
    row_pack_read(join_store_pack(s), packed, n, cols);
}

struct meeting {
    struct join_key *key;
    int64_t time;
    uint32_t row;
};

static int meeting_cmp(const void *x, const void *y) {
    const struct meeting *a = x, *b = y;
    if (a->key != b->key) return (uintptr_t)a->key < (uintptr_t)b->key ? -1 : 1;
    return (a->time < b->time) - (a->time > b->time);
}

static void take_version(struct temporal_join *j, uint32_t row, struct join_entry *v) {
    j->versions[row] = v && row_kind_adds((uint8_t)v->matches) ? v : NULL;
}

/* Rows that lie far back in a key's versions: those of one key are taken together, the latest
 * first, so that its versions are gone through once. */
static void find_far(struct temporal_join *j, struct meeting *m, uint32_t n) {
    struct join_entry *v = NULL;
    if (n) qsort(m, n, sizeof *m, meeting_cmp);
    for (uint32_t i = 0; i < n; i++) {
        if (!i || m[i].key != m[i - 1].key) v = m[i].key->last;
        while (v && v->time > m[i].time)
            v = v->prev;
        take_version(j, m[i].row, v);
    }
}

/* versions[i]: what held for row i, NULL if nothing did. */
static void find_versions(struct temporal_join *j, struct join_entry *const *rows, uint32_t n,
                          const struct column *left) {
    const struct column *cols[STATE_KEYS_MAX];
    for (int k = 0; k < j->spec.n_keys; k++)
        cols[k] = &left[j->spec.left_keys[k]];
    hash_keys(j, cols, n);
    join_store_find(j->right, cols, j->hashes, NULL, n, j->keys);
    AUTO_FREE struct meeting *far = mem_calloc((size_t)n + 1, sizeof *far);
    uint32_t n_far = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct join_key *k = j->null_key[i] ? NULL : j->keys[i];
        j->versions[i] = NULL;
        if (!k) continue;
        drop_versions(j, k, j->last_wm);
        struct join_entry *v = k->last;
        int steps = 0;
        while (v && v->time > rows[i]->time && steps++ < NEAR_VERSIONS)
            v = v->prev;
        if (steps > NEAR_VERSIONS)
            far[n_far++] = (struct meeting){k, rows[i]->time, i};
        else
            take_version(j, i, v);
    }
    find_far(j, far, n_far);
}

/* Takes versions from rows whose pair doesn't meet the condition. */
static int check_residual(struct temporal_join *j, uint32_t n, const struct column *left,
                          struct err *err) {
    if (!j->spec.residual) return 0;
    uint32_t k = 0;
    AUTO_FREE struct join_entry **met = mem_calloc((size_t)n + 1, sizeof(*met));
    for (uint32_t i = 0; i < n; i++) {
        if (!j->versions[i]) continue;
        met[k] = j->versions[i];
        j->order[k++] = i;
        j->versions[i] = NULL;
    }
    int n_left = j->spec.left->n, n_cols = n_left + j->spec.right->n;
    AUTO_FREE struct column *cols = mem_calloc((size_t)n_cols, sizeof *cols);
    for (int c = 0; c < n_left; c++)
        col_gather(&cols[c], &left[c], j->order, k);
    read_rows(j->right, met, k, cols + n_left);
    AUTO_FREE uint32_t *sel = mem_calloc((size_t)k + 1, sizeof *sel);
    uint32_t n_sel = 0;
    int rc = program_select(j->spec.residual, cols, n_cols, k, sel, &n_sel, NULL, err);
    for (int c = 0; c < n_cols; c++)
        col_release(&cols[c]);
    for (uint32_t i = 0; i < n_sel && !rc; i++)
        j->versions[j->order[sel[i]]] = met[sel[i]];
    return rc;
}

static struct batch *joined(struct temporal_join *j, struct join_entry *const *rows, uint32_t n,
                            const struct column *left) {
    uint32_t k = 0;
    AUTO_FREE struct join_entry **right = mem_calloc((size_t)n + 1, sizeof(*right));
    for (uint32_t i = 0; i < n; i++) {
        if (!j->versions[i] && j->spec.type == JOIN_INNER) continue;
        right[k] = j->versions[i];
        j->order[k++] = i;
    }
    const struct schema *s = j->op.ctx->output;
    struct batch *out = batch_new(s->n);
    out->n = k;
    for (int c = 0; c < j->spec.left->n; c++)
        col_gather(&out->cols[c], &left[c], j->order, k);
    read_rows(j->right, right, k, out->cols + j->spec.left->n);
    for (int c = 0; c < s->n; c++)
        out->cols[c].type = s->fields[c].type;
    bool inserts = true;
    for (uint32_t i = 0; i < k; i++)
        inserts &= rows[j->order[i]]->matches == ROW_INSERT;
    uint8_t *kinds = inserts ? NULL : batch_make_kinds(out);
    for (uint32_t i = 0; i < k && kinds; i++)
        kinds[i] = (uint8_t)rows[j->order[i]]->matches;
    return out;
}

static int emit_rows(struct temporal_join *j, struct join_entry *const *rows, uint32_t n,
                     struct err *err) {
    int n_left = j->spec.left->n;
    AUTO_FREE struct column *left = mem_calloc((size_t)n_left + 1, sizeof *left);
    read_rows(j->left, rows, n, left);
    find_versions(j, rows, n, left);
    int rc = check_residual(j, n, left, err);
    struct batch *out = rc ? NULL : joined(j, rows, n, left);
    for (int c = 0; c < n_left; c++)
        col_release(&left[c]);
    return rc ? rc : op_emit(&j->op, out, err);
}

static int fire(struct temporal_join *j, struct err *err) {
    while (j->given < j->n_due) {
        if (op_output_full(&j->op)) return OP_MORE;
        uint32_t n = (uint32_t)MIN(j->n_due - j->given, (size_t)j->op.ctx->config->batch_rows);
        struct join_entry **rows = j->due + j->given;
        int rc = emit_rows(j, rows, n, err);
        for (uint32_t i = 0; i < n; i++)
            join_store_drop(j->left, rows[i]);
        j->given += n;
        if (rc) return rc;
    }
    j->firing = false;
    j->last_wm = j->op.watermark;
    report_state(j);
    return op_emit_watermark(&j->op, j->op.watermark, err);
}

static int temporal_join_watermark(struct op *op, int64_t wm, struct err *err) {
    struct temporal_join *j = impl(op);
    take_due(j, wm);
    j->firing = true;
    return fire(j, err);
}

static int temporal_join_resume(struct op *op, struct err *err) {
    struct temporal_join *j = impl(op);
    return j->firing ? fire(j, err) : OP_DONE;
}

static int temporal_join_restored(struct op *op, struct err *err) {
    struct temporal_join *j = impl(op);
    struct join_key *keys[256];
    uint64_t pos = 0;
    uint32_t n;
    j->n_due = 0; /* all that wait, to be put in line as they came */
    while ((n = join_store_scan(j->left, &pos, keys, ARRAY_LEN(keys))))
        for (uint32_t i = 0; i < n; i++)
            for (struct join_entry *e = keys[i]->first; e; e = e->next)
                add_due(j, e);
    if (j->n_due) qsort(j->due, j->n_due, sizeof(*j->due), seq_cmp);
    for (size_t i = 0; i < j->n_due; i++)
        wait_in_line(j, j->due[i]);
    if (j->n_due) j->next_seq = j->due[j->n_due - 1]->seq + 1;
    j->n_due = 0;
    j->last_wm = op->watermark;
    return 0;
}

static void temporal_join_close(struct op *op) {
    struct temporal_join *j = impl(op);
    join_store_free(j->left);
    join_store_free(j->right);
    free(j->line);
    free(j->heap);
    free(j->late);
    free(j->hashes);
    free(j->keys);
    free(j->null_key);
    free(j->due);
    free(j->versions);
    free(j->order);
    hash_join_spec_release(&j->spec);
}

static const struct op_ops temporal_join_ops = {.size_bytes = sizeof(struct temporal_join),
                                                .flags = OP_CHECKPOINTED,
                                                .open = temporal_join_open,
                                                .push = temporal_join_push,
                                                .resume = temporal_join_resume,
                                                .watermark = temporal_join_watermark,
                                                .close = temporal_join_close,
                                                .restored = temporal_join_restored};

const struct op_desc op_temporal_join = {
    .kind = "temporal_join",
    .doc = "Joins rows with the version of another that held at their time.",
    .n_inputs = 2,
    .ops = &temporal_join_ops};
