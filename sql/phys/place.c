/* place.c - how many subtasks each node has, whether its rows are already where they must be, and
 * what names its state: a digest of its shape that neither parallelism nor names enter. */
#include "sql/phys/phys.h"

#include <string.h>

/* ---- parallelism ---- */

static int inherited(const struct planner *p, const struct pnode *n) {
    int most = 0;
    for (int i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i].dist == PDIST_HASH) return p->in->parallelism;
        most = MAX(most, n->inputs[i].node->run);
    }
    return most ? most : p->in->parallelism;
}

void phys_parallel(struct planner *p) {
    int n_order;
    struct pnode **order = phys_order(p, &n_order);
    for (int i = 0; i < n_order; i++) {
        struct pnode *n = order[i];
        n->run = n->max_parallelism == 1 ? 1 : n->parallelism ? n->parallelism : inherited(p, n);
    }
}

bool phys_is_placed(const struct pnode *n, int input) {
    const struct pinput *in = &n->inputs[input];
    const struct pnode *from = in->node;
    if (in->port || from->kind == PHYS_UNION) return false;
    switch (in->dist) {
    case PDIST_ANY:
        return true;
    case PDIST_ONE:
        return from->max_parallelism == 1 || (from->n_dist == 0);
    case PDIST_HASH:
        break;
    }
    return from->n_dist == in->keys.n &&
           !memcmp(from->dist, in->keys.cols, sizeof(int) * (size_t)in->keys.n);
}

/* ---- digests ---- */

static uint64_t mix(uint64_t h, const void *bytes, size_t n) { /* FNV-1a, then a final stir */
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001B3ull;
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93ull;
    return h ^ h >> 32;
}

static uint64_t mix_text(uint64_t h, const char *s) {
    return mix(h, s, strlen(s) + 1);
}

/* Members of a config that may change without another state: how long it is kept, what is sent. */
static bool incidental(const char *key) {
    static const char *const names[] = {"updateBefore", "ttl",   "leftTtl", "rightTtl",
                                        "miniBatch",    "async", "emit",    "idleTimeout"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(key, names[i])) return true;
    return false;
}

static uint64_t mix_json(uint64_t h, const cJSON *j) {
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    return mix_text(h, str_text(&text));
}

static uint64_t mix_expr(uint64_t h, const struct expr *e) {
    if (!e) return mix_text(h, "none");
    AUTO_JSON *j = expr_to_json(e);
    return mix_json(h, j);
}

static uint64_t digest_of(const struct pnode *n) {
    uint64_t h = mix_text(0xCBF29CE484222325ull, phys_kind_of(n)->name);
    if (n->kind == PHYS_SOURCE) return mix_text(h, n->uid_seed);
    if (n->uid_seed) return mix_text(h, n->uid_seed);
    if (n->kind == PHYS_CALC) {
        h = mix_expr(h, n->filter);
        for (int i = 0; i < n->schema->n; i++)
            h = mix_expr(h, n->exprs[i]);
    }
    const cJSON *c;
    cJSON_ArrayForEach(c, n->config) {
        if (incidental(c->string)) continue;
        h = mix_text(h, c->string);
        h = mix_json(h, c);
    }
    for (int i = 0; i < n->n_inputs; i++) {
        h = mix(h, &n->inputs[i].node->digest, sizeof(uint64_t));
        h = mix(h, &n->inputs[i].port, sizeof(int));
    }
    return h;
}

void phys_digest(struct planner *p) {
    int n_order;
    struct pnode **order = phys_order(p, &n_order);
    for (int i = 0; i < n_order; i++)
        order[i]->digest = digest_of(order[i]);
}
