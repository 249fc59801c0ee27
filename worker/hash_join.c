/* hash_join.c - one hash chain array over the right side's rows. */
#include "worker/hash_join.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum stage { STAGE_PROBE, STAGE_RIGHT_REST, STAGE_DONE };
enum { NO_ROW = 0xFFFFFFFF };

struct side {
    struct column *cols;
    uint32_t n;
    uint64_t *hashes;
    uint8_t *matched; /* rows that found a partner; for outer, semi and anti joins */
};

struct hash_join {
    const struct hash_join_spec *spec;
    struct side left, right;
    uint32_t *heads, *next; /* chains of right rows */
    uint32_t mask;
    enum stage stage;
    uint32_t row;   /* left row being probed; right row in STAGE_RIGHT_REST */
    uint32_t chain; /* where its chain goes on; NO_ROW = at its head */
    bool in_chain;
    /* pairs of the batch being made */
    uint32_t *pairs[2];
    uint32_t n_pairs;
};

static int read_keys(struct arena *a, const cJSON *list, const struct schema *schema,
                     const int **ret, int *ret_n, struct err *err) {
    int n = cJSON_GetArraySize(list), i = 0;
    int *keys = ARENA_NEW_N(a, int, n + 1);
    const cJSON *j;
    cJSON_ArrayForEach(j, list) {
        if (!cJSON_IsNumber(j) || j->valueint < 0 || j->valueint >= schema->n)
            return err_set(err, ERR_PROTOCOL, "join key column out of range");
        keys[i++] = j->valueint;
    }
    *ret = keys;
    *ret_n = n;
    return 0;
}

static void mark_column(void *self, int column) {
    ((bool *)self)[column] = true;
}

int hash_join_spec_read(struct op *op, struct hash_join_spec *s, struct err *err) {
    static const char *const types[] = {"inner", "left", "right", "full", "semi", "anti"};
    const cJSON *cfg = op->ctx->plan->config;
    struct arena *a = op->ctx->arena;
    *s = (struct hash_join_spec){.left = op->ctx->inputs[0],
                                 .right = op->ctx->inputs[1],
                                 .output = op->ctx->output,
                                 .batch_rows = op->ctx->config->batch_rows};
    const char *type = json_opt_str(cfg, "join", "inner");
    size_t t = 0;
    while (t < ARRAY_LEN(types) && strcmp(types[t], type))
        t++;
    if (t == ARRAY_LEN(types)) return err_set(err, ERR_PROTOCOL, "join type '%s'", type);
    s->type = (enum join_type)t;
    int n_right;
    int rc = read_keys(a, json_opt(cfg, "leftKeys"), s->left, &s->left_keys, &s->n_keys, err);
    if (!rc) rc = read_keys(a, json_opt(cfg, "rightKeys"), s->right, &s->right_keys, &n_right, err);
    if (!rc && n_right != s->n_keys) rc = err_set(err, ERR_PROTOCOL, "join keys of unequal number");
    if (rc) return rc;
    bool *nm = ARENA_NEW_N(a, bool, s->n_keys + 1);
    const cJSON *filter = json_opt(cfg, "filterNulls");
    for (int i = 0; filter && i < s->n_keys; i++)
        nm[i] = cJSON_IsFalse(cJSON_GetArrayItem(filter, i));
    s->null_matches = nm;
    const cJSON *residual = json_opt(cfg, "residual");
    if (!residual) return 0;
    const struct expr *e;
    rc = expr_from_json(a, residual, &e, err);
    bool *reads = ARENA_NEW_N(a, bool, s->left->n + s->right->n + 1);
    if (!rc) expr_visit_columns(e, mark_column, reads);
    s->residual_reads = reads;
    return rc ? rc : program_new(&e, 1, op->ctx->env, &s->residual, err);
}

void hash_join_spec_release(struct hash_join_spec *s) {
    program_free(s->residual);
    s->residual = NULL;
}

static void fill_side(struct side *d, const struct schema *schema, struct batch *const *parts,
                      uint32_t n_parts, const int *keys, int n_keys) {
    d->cols = mem_calloc((size_t)schema->n + 1, sizeof *d->cols);
    for (uint32_t p = 0; p < n_parts; p++)
        d->n += parts[p]->n;
    AUTO_FREE const struct column **cols = mem_calloc((size_t)n_parts + 1, sizeof *cols);
    for (int c = 0; c < schema->n; c++) {
        for (uint32_t p = 0; p < n_parts; p++)
            cols[p] = &parts[p]->cols[c];
        if (n_parts)
            col_concat(&d->cols[c], cols, n_parts);
        else
            col_init(&d->cols[c], schema->fields[c].type, 0);
    }
    d->hashes = mem_calloc((size_t)d->n + 1, sizeof *d->hashes);
    d->matched = mem_calloc((size_t)d->n + 1, 1);
    for (int k = 0; k < n_keys; k++)
        col_hash(&d->cols[keys[k]], d->hashes, d->n);
}

static bool key_is_null(const struct hash_join *j, const struct side *d, const int *keys,
                        uint32_t row) {
    for (int k = 0; k < j->spec->n_keys; k++)
        if (!j->spec->null_matches[k] && !col_is_valid(&d->cols[keys[k]], row)) return true;
    return false;
}

static void build(struct hash_join *j) {
    uint32_t size = 16;
    while (size < j->right.n * 2)
        size *= 2;
    j->mask = size - 1;
    j->heads = mem_alloc(sizeof *j->heads * size);
    memset(j->heads, 0xFF, sizeof *j->heads * size);
    j->next = mem_alloc(sizeof *j->next * (j->right.n + 1));
    for (uint32_t i = j->right.n; i-- > 0;) { /* backwards: chains in order of arrival */
        if (key_is_null(j, &j->right, j->spec->right_keys, i)) continue;
        uint32_t *head = &j->heads[j->right.hashes[i] & j->mask];
        j->next[i] = *head;
        *head = i;
    }
}

struct hash_join *hash_join_new(const struct hash_join_spec *s, struct batch *const *left,
                                uint32_t n_left, struct batch *const *right, uint32_t n_right) {
    struct hash_join *j = mem_zalloc(sizeof *j);
    j->spec = s;
    fill_side(&j->left, s->left, left, n_left, s->left_keys, s->n_keys);
    fill_side(&j->right, s->right, right, n_right, s->right_keys, s->n_keys);
    build(j);
    for (int i = 0; i < 2; i++)
        j->pairs[i] = mem_alloc(sizeof(uint32_t) * (s->batch_rows + 1));
    return j;
}

static void free_side(struct side *d, const struct schema *schema) {
    for (int c = 0; c < schema->n; c++)
        col_release(&d->cols[c]);
    free(d->cols);
    free(d->hashes);
    free(d->matched);
}

void hash_join_free(struct hash_join *j) {
    if (!j) return;
    free_side(&j->left, j->spec->left);
    free_side(&j->right, j->spec->right);
    free(j->heads);
    free(j->next);
    free(j->pairs[0]);
    free(j->pairs[1]);
    free(j);
}

static bool keys_equal(const struct hash_join *j, uint32_t l, uint32_t r) {
    if (j->left.hashes[l] != j->right.hashes[r]) return false;
    for (int k = 0; k < j->spec->n_keys; k++)
        if (!col_eq(&j->left.cols[j->spec->left_keys[k]], l, &j->right.cols[j->spec->right_keys[k]],
                    r))
            return false;
    return true;
}

static void add_pair(struct hash_join *j, uint32_t l, uint32_t r) {
    j->pairs[0][j->n_pairs] = l;
    j->pairs[1][j->n_pairs++] = r;
}

/* Candidates by key, until a batch is full or the left side is done. */
static void probe(struct hash_join *j) {
    while (j->row < j->left.n && j->n_pairs < j->spec->batch_rows) {
        if (!j->in_chain) {
            bool null = key_is_null(j, &j->left, j->spec->left_keys, j->row);
            j->chain = null ? NO_ROW : j->heads[j->left.hashes[j->row] & j->mask];
            j->in_chain = true;
        }
        while (j->chain != NO_ROW && j->n_pairs < j->spec->batch_rows) {
            uint32_t r = j->chain;
            j->chain = j->next[r];
            if (keys_equal(j, j->row, r)) add_pair(j, j->row, r);
        }
        if (j->chain != NO_ROW) return;
        j->in_chain = false;
        j->row++;
    }
}

static void gather_side(struct batch *out, int at, const struct side *d, const struct schema *s,
                        const uint32_t *rows, uint32_t n, const struct schema *output) {
    for (int c = 0; c < s->n; c++) {
        col_gather(&out->cols[at + c], &d->cols[c], rows, n);
        out->cols[at + c].type = output->fields[at + c].type;
    }
}

/* Drops the pairs whose residual isn't TRUE. */
static int filter_pairs(struct hash_join *j, struct err *err) {
    const struct hash_join_spec *s = j->spec;
    if (!s->residual || !j->n_pairs) return 0;
    int n_cols = s->left->n + s->right->n;
    AUTO_FREE struct column *cols = mem_calloc((size_t)n_cols, sizeof *cols);
    for (int c = 0; c < n_cols; c++) {
        bool left = c < s->left->n;
        if (s->residual_reads[c])
            col_gather(&cols[c], left ? &j->left.cols[c] : &j->right.cols[c - s->left->n],
                       j->pairs[!left], j->n_pairs);
    }
    AUTO_FREE uint32_t *sel = mem_alloc(sizeof *sel * j->n_pairs);
    uint32_t n = 0;
    int rc = program_select(s->residual, cols, n_cols, j->n_pairs, sel, &n, NULL, err);
    for (int c = 0; c < n_cols; c++)
        col_release(&cols[c]);
    if (rc) return rc;
    for (uint32_t i = 0; i < n; i++) {
        j->pairs[0][i] = j->pairs[0][sel[i]];
        j->pairs[1][i] = j->pairs[1][sel[i]];
    }
    j->n_pairs = n;
    return 0;
}

static struct batch *pairs_batch(struct hash_join *j) {
    const struct hash_join_spec *s = j->spec;
    struct batch *out = batch_new(s->output->n);
    out->n = j->n_pairs;
    gather_side(out, 0, &j->left, s->left, j->pairs[0], j->n_pairs, s->output);
    if (s->output->n > s->left->n)
        gather_side(out, s->left->n, &j->right, s->right, j->pairs[1], j->n_pairs, s->output);
    return out;
}

/* Left rows in front of `end` that found no partner (or, semi join, one), from j->rest on. */
static uint32_t left_rest(struct hash_join *j, uint32_t *from, bool matched) {
    uint32_t n = 0;
    for (; *from < j->left.n && n < j->spec->batch_rows; (*from)++) {
        if (j->left.matched[*from] != matched) continue;
        j->pairs[0][n] = *from;
        j->pairs[1][n++] = NO_ROW;
    }
    return n;
}

static bool wants_pairs(const struct hash_join *j) {
    return j->spec->type != JOIN_SEMI && j->spec->type != JOIN_ANTI;
}

/* One step of probing: true when there are pairs to give. */
static int probe_step(struct hash_join *j, bool *ret_pairs, struct err *err) {
    j->n_pairs = 0;
    probe(j);
    int rc = filter_pairs(j, err);
    if (rc) return rc;
    for (uint32_t i = 0; i < j->n_pairs; i++) {
        j->left.matched[j->pairs[0][i]] = 1;
        j->right.matched[j->pairs[1][i]] = 1;
    }
    *ret_pairs = j->n_pairs && wants_pairs(j);
    if (j->row == j->left.n && !j->in_chain) {
        j->stage = STAGE_RIGHT_REST;
        j->row = j->chain = 0;
    }
    return 0;
}

/* Unmatched rows of outer joins, the results of semi and anti joins. row: left rows; chain: right
 * rows. */
static bool rest_step(struct hash_join *j) {
    enum join_type t = j->spec->type;
    bool left = t == JOIN_LEFT || t == JOIN_FULL || t == JOIN_ANTI || t == JOIN_SEMI;
    bool right = t == JOIN_RIGHT || t == JOIN_FULL;
    j->n_pairs = 0;
    if (left && j->row < j->left.n) {
        j->n_pairs = left_rest(j, &j->row, t == JOIN_SEMI);
        if (j->n_pairs) return true;
    }
    for (; right && j->chain < j->right.n && j->n_pairs < j->spec->batch_rows; j->chain++)
        if (!j->right.matched[j->chain]) add_pair(j, NO_ROW, j->chain);
    if (j->n_pairs) return true;
    j->stage = STAGE_DONE;
    return false;
}

int hash_join_next(struct hash_join *j, struct batch **ret, struct err *err) {
    *ret = NULL;
    while (j->stage == STAGE_PROBE) {
        bool any = false;
        int rc = probe_step(j, &any, err);
        if (rc) return rc;
        if (any) {
            *ret = pairs_batch(j);
            return 0;
        }
    }
    if (j->stage == STAGE_RIGHT_REST && rest_step(j)) *ret = pairs_batch(j);
    return 0;
}
