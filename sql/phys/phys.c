/* phys.c - making physical nodes, and the walk that translates each rel once. */
#include "sql/phys/phys.h"

#include "base/core/mem.h"

#include <string.h>

static const struct phys_kind kinds[] = {
#define X(k, name, flags) {name, flags},
    PHYS_KIND_LIST(X)
#undef X
};

const struct phys_kind *phys_kind_of(const struct pnode *n) {
    return &kinds[n->kind];
}

static const phys_fn translators[REL_KIND_COUNT] = {
    [REL_SCAN] = phys_scan,           [REL_VALUES] = phys_values,
    [REL_PROJECT] = phys_project,     [REL_FILTER] = phys_filter,
    [REL_WATERMARK] = phys_watermark, [REL_WINDOW] = phys_window,
    [REL_AGGREGATE] = phys_aggregate, [REL_JOIN] = phys_join,
    [REL_TEMPORAL] = phys_temporal,   [REL_CORRELATE] = phys_correlate,
    [REL_OVER] = phys_over,           [REL_SORT] = phys_sort,
    [REL_UNION] = phys_union,         [REL_SETOP] = phys_setop,
    [REL_MATCH] = phys_match,         [REL_SINK] = phys_sink,
    [REL_CHANGELOG] = phys_codes,
};

int phys_node(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *n = ptrmap_get(&p->made, r);
    if (!n) {
        int rc = translators[r->kind](p, r, &n, err);
        if (rc) return rc;
        if (phys_uses(p, r) > 1) n->shared = true;
        ptrmap_put(&p->made, r, n);
    }
    *ret = n;
    return 0;
}

int phys_uses(const struct planner *p, const struct rel *r) {
    return (int)(intptr_t)ptrmap_get(&p->uses, r);
}

struct pnode *phys_new(struct planner *p, enum pkind kind, const struct rel *rel,
                       const struct schema *schema, struct pnode *const *inputs, int n_inputs) {
    struct pnode *n = ARENA_NEW(p->arena, struct pnode);
    n->kind = kind;
    n->rel = rel;
    n->schema = schema;
    n->n_inputs = n_inputs;
    n->n_dist = -1;
    n->label = kinds[kind].name;
    n->stateful = kinds[kind].flags & PF_STATEFUL;
    n->bounded = n_inputs > 0;
    n->inputs = ARENA_NEW_N(p->arena, struct pinput, n_inputs + 1);
    for (int i = 0; i < n_inputs; i++) {
        n->inputs[i].node = inputs[i];
        n->kinds |= inputs[i]->kinds;
        n->bounded &= inputs[i]->bounded;
    }
    n->config = cJSON_CreateObject();
    cJSON_AddItemToArray(p->json, n->config);
    if (p->n_nodes == p->cap_nodes) {
        struct pnode **old = p->nodes;
        p->cap_nodes = p->cap_nodes ? 2 * p->cap_nodes : 64;
        p->nodes = ARENA_NEW_N(p->arena, struct pnode *, p->cap_nodes);
        if (p->n_nodes) memcpy(p->nodes, old, (size_t)p->n_nodes * sizeof *old);
    }
    p->nodes[p->n_nodes++] = n;
    return n;
}

void phys_label(struct planner *p, struct pnode *n, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    n->label = arena_vprintf(p->arena, fmt, ap);
    va_end(ap);
}

void phys_hash(struct planner *p, struct pnode *n, int input, const int *keys, int n_keys) {
    struct pinput *in = &n->inputs[input];
    in->dist = n_keys ? PDIST_HASH : PDIST_ONE;
    in->keys.n = n_keys;
    in->keys.cols = n_keys ? arena_dup(p->arena, keys, sizeof *keys * (size_t)n_keys) : NULL;
    if (!n_keys) n->max_parallelism = 1;
}

void phys_one(struct pnode *n, int input) {
    n->inputs[input].dist = PDIST_ONE;
    n->max_parallelism = 1;
}

int phys_err(const struct rel *r, struct err *err, int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_set_va(err, code, fmt, ap);
    va_end(ap);
    if (err && r) {
        err->line = r->line;
        err->column = r->column;
    }
    return code;
}

int phys_place(const struct rel *r, struct err *err) {
    if (!err) return ERR_INTERNAL;
    if (r && !err->line) {
        err->line = r->line;
        err->column = r->column;
    }
    return err->code;
}

int64_t phys_ttl(const struct planner *p, const struct rel *r, int input) {
    bool given = r->ttl_ms && input < r->n_inputs && r->ttl_ms[input] >= 0;
    return given ? r->ttl_ms[input] : p->config.state_ttl_ms;
}

void phys_add_root(struct planner *p, struct pnode *sink) {
    struct pnode **roots = ARENA_NEW_N(p->arena, struct pnode *, p->n_roots + 1);
    if (p->n_roots) memcpy(roots, p->roots, sizeof *roots * (size_t)p->n_roots);
    roots[p->n_roots++] = sink;
    p->roots = roots;
}

/* The node that first brings in one of the changes. */
static const struct pnode *producer_of(const struct pnode *n, unsigned changes) {
    for (int i = 0; i < n->n_inputs; i++)
        if (phys_kind_of(n)->flags & PF_PASS && n->inputs[i].node->kinds & changes)
            return producer_of(n->inputs[i].node, changes);
    return n;
}

int phys_require(struct planner *p, const struct pnode *n, int input, unsigned accepts,
                 const char *who, struct err *err) {
    const struct pnode *in = n->inputs[input].node;
    unsigned bad = in->kinds & ~accepts;
    if (!bad) return 0;
    const char *what = bad == CHANGELOG_DELETE ? "delete"
                       : bad & CHANGELOG_DELETE && bad & CHANGELOG_UPDATE_AFTER
                           ? "update and delete"
                           : "update";
    return phys_err(n->rel, err, ERR_VALIDATION,
                    "%s doesn't support consuming %s changes which is produced by node %s", who,
                    what, producer_of(in, bad)->label);
}

int phys_union(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode **ins = ARENA_NEW_N(p->arena, struct pnode *, r->n_inputs);
    for (int i = 0; i < r->n_inputs; i++) {
        int rc = phys_node(p, r->inputs[i], &ins[i], err);
        if (rc) return rc;
    }
    struct pnode *n = phys_new(p, PHYS_UNION, r, r->schema, ins, r->n_inputs);
    phys_label(p, n, "Union(all=[true])");
    *ret = n;
    return 0;
}
