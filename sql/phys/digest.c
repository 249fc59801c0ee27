/* digest.c - what names an op's state: a digest of what the op computes. Columns enter by where
 * their values come from, not by number or name, so that the state keeps its name when a query is
 * reformatted, renames columns, or another statement reads more columns of the same source; and
 * parallelism does not enter. Where the stored rows themselves change, so does the digest. */
#include "sql/phys/phys.h"

#include <string.h>

static const uint64_t seed = 0xCBF29CE484222325ull;

static uint64_t mix(uint64_t h, const void *bytes, size_t n) { /* FNV-1a, then a final stir */
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001B3ull;
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93ull;
    return h ^ h >> 32;
}

static uint64_t mix_u64(uint64_t h, uint64_t v) {
    return mix(h, &v, sizeof v);
}

static uint64_t mix_text(uint64_t h, const char *s) {
    return mix(h, s, strlen(s) + 1);
}

/* ---- configs ---- */

/* Members of a config that may change without another state: how long it is kept, what is sent,
 * how far the work is spread. */
static bool incidental(const char *key) {
    static const char *const names[] = {"updateBefore", "ttl",         "leftTtl",
                                        "rightTtl",     "miniBatch",   "async",
                                        "emit",         "idleTimeout", "udf"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(key, names[i])) return true;
    return false;
}

/* Members whose numbers are columns: of input 0, of input 1, or of both side by side ('b'). */
static char columns_of(const char *key) {
    static const struct {
        const char *key;
        char input;
    } names[] = {{"col", 'b'},
                 {"cols", '0'},
                 {"keys", '0'},
                 {"time", '0'},
                 {"start", '0'},
                 {"end", '0'},
                 {"filter", '0'},
                 {"partition", '0'},
                 {"uniqueKey", '0'},
                 {"upsertKey", '0'},
                 {"projects", '0'},
                 {"count", '0'},
                 {"window", '0'},
                 {"leftKeys", '0'},
                 {"leftEnd", '0'},
                 {"leftTime", '0'},
                 {"leftUpsertKey", '0'},
                 {"rightKeys", '1'},
                 {"rightEnd", '1'},
                 {"rightTime", '1'},
                 {"rightUpsertKey", '1'},
                 {"rightPrimaryKey", '1'}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(key, names[i].key)) return names[i].input;
    return 0;
}

static uint64_t column_digest(const struct pnode *n, char input, int col) {
    if (col < 0) return (uint64_t)col;
    int i = input == '1' ? 1 : 0;
    while (input == 'b' && i + 1 < n->n_inputs && col >= n->inputs[i].node->schema->n)
        col -= n->inputs[i++].node->schema->n;
    /* A lookup's expressions go on into the table's columns, which are no input. */
    if (i >= n->n_inputs || col >= n->inputs[i].node->schema->n) return (uint64_t)col;
    return n->inputs[i].node->col_digests[col];
}

static uint64_t mix_value(uint64_t h, const struct pnode *n, const cJSON *j, char columns) {
    if (cJSON_IsNumber(j) && columns) return mix_u64(h, column_digest(n, columns, j->valueint));
    if (cJSON_IsNumber(j)) return mix(h, &j->valuedouble, sizeof j->valuedouble);
    if (cJSON_IsString(j)) return mix_text(h, j->valuestring);
    h = mix_u64(h, (uint64_t)(j->type & 0xFF));
    const cJSON *c;
    cJSON_ArrayForEach(c, j) {
        if (cJSON_IsArray(j)) {
            h = mix_value(h, n, c, columns);
        } else if (!incidental(c->string)) {
            h = mix_text(h, c->string);
            h = mix_value(h, n, c, columns_of(c->string));
        }
    }
    return h;
}

static uint64_t mix_expr(uint64_t h, const struct pnode *n, const struct expr *e) {
    if (!e) return mix_text(h, "none");
    AUTO_JSON *j = expr_to_json(e);
    return mix_value(h, n, j, 0);
}

/* ---- columns ---- */

static uint64_t *new_columns(struct planner *p, const struct pnode *n) {
    return ARENA_NEW_N(p->arena, uint64_t, n->schema->n + 1);
}

/* The first columns are the inputs', side by side; the others are the op's own. */
static void pass_columns(struct pnode *n, uint64_t *out) {
    int at = 0;
    for (int i = 0; i < n->n_inputs; i++)
        for (int c = 0; c < n->inputs[i].node->schema->n && at < n->schema->n; c++)
            out[at++] = n->inputs[i].node->col_digests[c];
    for (int i = 0; at < n->schema->n; at++)
        out[at] = mix_u64(n->digest, (uint64_t)i++);
}

static void agg_columns(struct pnode *n, uint64_t *out) {
    const struct pinput *in = &n->inputs[0];
    int at = 0;
    for (int i = 0; i < in->keys.n; i++)
        out[at++] = in->node->col_digests[in->keys.cols[i]];
    const cJSON *a, *aggs = cJSON_GetObjectItemCaseSensitive(n->config, "aggs");
    cJSON_ArrayForEach(a, aggs) out[at++] = mix_value(n->digest, n, a, 0);
    for (int i = 0; at < n->schema->n; at++)
        out[at] = mix_u64(n->digest, (uint64_t)i++);
}

/* Partition columns, then measures. */
static void match_columns(struct pnode *n, uint64_t *out) {
    const struct pinput *in = &n->inputs[0];
    int at = 0;
    for (; at < in->keys.n; at++)
        out[at] = in->node->col_digests[in->keys.cols[at]];
    const cJSON *j, *measures = cJSON_GetObjectItemCaseSensitive(n->config, "measures");
    cJSON_ArrayForEach(j, measures) out[at++] = mix_value(n->digest, n, j, 0);
}

static void union_columns(struct pnode *n, uint64_t *out) {
    for (int c = 0; c < n->schema->n; c++) {
        out[c] = seed;
        for (int i = 0; i < n->n_inputs; i++)
            out[c] = mix_u64(out[c],
                             n->inputs[i].port ? (uint64_t)c : n->inputs[i].node->col_digests[c]);
    }
}

static void set_columns(struct planner *p, struct pnode *n) {
    uint64_t *out = n->col_digests = new_columns(p, n);
    switch (n->kind) {
    case PHYS_SOURCE:
        for (int i = 0; i < n->schema->n; i++)
            out[i] = mix_text(n->digest, n->schema->fields[i].name);
        break;
    case PHYS_CALC:
        for (int i = 0; i < n->schema->n; i++)
            out[i] = n->exprs[i]->kind == EXPR_COLUMN
                         ? n->inputs[0].node->col_digests[n->exprs[i]->column]
                         : mix_expr(seed, n, n->exprs[i]);
        break;
    case PHYS_UNION:
        union_columns(n, out);
        break;
    case PHYS_GROUP_AGG:
    case PHYS_WINDOW_AGG:
    case PHYS_WINDOW_EMIT:
    case PHYS_SESSION_AGG:
        agg_columns(n, out);
        break;
    case PHYS_MATCH:
        match_columns(n, out);
        break;
    default:
        pass_columns(n, out);
    }
}

/* ---- ops ---- */

/* Ops that keep whole rows: what is in them counts. */
static bool keeps_rows(const struct pnode *n) {
    switch (n->kind) {
    case PHYS_WATERMARK:
    case PHYS_GROUP_AGG:
    case PHYS_WINDOW_AGG:
    case PHYS_WINDOW_EMIT:
    case PHYS_SESSION_AGG:
    case PHYS_CALC:
        return false;
    default:
        return n->stateful;
    }
}

static uint64_t digest_of(const struct pnode *n) {
    uint64_t h = mix_text(seed, phys_kind_of(n)->name);
    if (n->uid_seed) return mix_text(h, n->uid_seed);
    for (int i = 0; i < n->n_inputs; i++) {
        const struct pinput *in = &n->inputs[i];
        h = mix_u64(mix_u64(h, in->node->row_digest), (uint64_t)in->port);
        for (int c = 0; keeps_rows(n) && c < in->node->schema->n; c++)
            h = mix_u64(h, in->node->col_digests[c]);
    }
    if (n->kind != PHYS_CALC) return mix_value(h, n, n->config, 0);
    h = mix_expr(h, n, n->filter);
    for (int i = 0; i < n->schema->n; i++)
        h = mix_expr(h, n, n->exprs[i]);
    return h;
}

/* Which rows there are: a projection has those of its input. So has, for the ops behind it, a
 * filter of rows that would change nothing: their state fits with and without it. */
static uint64_t rows_of(const struct pnode *n) {
    if (n->kind == PHYS_EXTREME_FILTER) return n->inputs[0].node->row_digest;
    if (n->kind != PHYS_CALC) return n->digest;
    uint64_t rows = n->inputs[0].node->row_digest;
    return n->filter ? mix_expr(rows, n, n->filter) : rows;
}

void phys_digest(struct planner *p) {
    int n_order;
    struct pnode **order = phys_order(p, &n_order);
    for (int i = 0; i < n_order; i++) {
        struct pnode *n = order[i];
        n->digest = digest_of(n);
        set_columns(p, n);
        n->row_digest = rows_of(n);
    }
}
