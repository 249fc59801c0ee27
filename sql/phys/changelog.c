/* changelog.c - who sends the old row of an update (-U). Consumers ask for it, from the sinks up;
 * then what really comes is followed from the sources down. A consumer that can't do with -U gets
 * drop_before in front. As Flink's changelog mode inference. */
#include "sql/phys/phys.h"

#include <string.h>

/* Whether a filter reads columns beyond every upsert key: then +U may be dropped where -U was not,
 * and without -U nobody would learn that the row is gone. */
struct beyond {
    struct colset key;
    bool found;
};

static void check_beyond(void *self, int column) {
    struct beyond *b = self;
    b->found |= !colset_has(b->key, column);
}

static bool filter_beyond_keys(const struct pnode *calc) {
    const struct pnode *in = calc->inputs[0].node;
    for (int k = 0; k < in->n_keys; k++) {
        struct beyond b = {in->keys[k], false};
        expr_visit_columns(calc->filter, check_beyond, &b);
        if (!b.found) return false;
    }
    return true;
}

static bool updates(const struct pnode *n) {
    return n->kinds & CHANGELOG_UPDATE_AFTER;
}

/* A side's rows are told apart by its join key and more: an upsert key covers the join key. */
static bool key_covers_join(const struct pnode *join, int side) {
    const struct pnode *in = join->inputs[side].node;
    for (int k = 0; k < in->n_keys; k++)
        if (colset_covers(in->keys[k], join->inputs[side].keys)) return true;
    return false;
}

static bool needs_before(const struct pnode *n, int input) {
    switch (n->kind) {
    case PHYS_SINK:
        return n->sink_mode & CHANGELOG_UPDATE_BEFORE || !n->exact_key;
    case PHYS_CALC:
        return n->want_before || (n->filter && filter_beyond_keys(n));
    case PHYS_JOIN:
        return n->want_before || n->has_residual || !key_covers_join(n, input);
    case PHYS_TEMPORAL_JOIN:
        return input == 0 && n->want_before;
    case PHYS_TO_CHANGELOG:
        return n->source_mode & CHANGELOG_UPDATE_BEFORE;
    default:
        break;
    }
    unsigned flags = phys_kind_of(n)->flags;
    return flags & PF_NEEDS_BEFORE || (flags & PF_PASS && n->want_before);
}

/* Reachable nodes, inputs first. */
static void visit(struct pnode *n, struct pnode **order, int *n_order) {
    if (n->order) return;
    n->order = -1;
    for (int i = 0; i < n->n_inputs; i++)
        visit(n->inputs[i].node, order, n_order);
    order[*n_order] = n;
    n->order = ++*n_order;
}

struct pnode **phys_order(struct planner *p, int *ret_n) {
    for (int i = 0; i < p->n_nodes; i++)
        p->nodes[i]->order = 0;
    struct pnode **order = ARENA_NEW_N(p->arena, struct pnode *, p->n_nodes + 1);
    *ret_n = 0;
    for (int i = 0; i < p->n_roots; i++)
        visit(p->roots[i], order, ret_n);
    return order;
}

static void settle(struct pnode *n) {
    bool in_before = false, in_essential = false;
    for (int i = 0; i < n->n_inputs; i++) {
        const struct pnode *in = n->inputs[i].node;
        if (n->inputs[i].port) continue;
        if (n->kind == PHYS_TEMPORAL_JOIN && i == 1) continue;
        in_before |= in->before;
        in_essential |= in->essential;
    }
    unsigned flags = phys_kind_of(n)->flags;
    if (n->kind == PHYS_SOURCE || n->kind == PHYS_FROM_CHANGELOG)
        n->before = n->source_mode & CHANGELOG_UPDATE_BEFORE;
    else if (n->kind == PHYS_DROP_BEFORE || n->kind == PHYS_MATERIALIZE ||
             n->kind == PHYS_TO_CHANGELOG)
        n->before = false;
    else if (flags & PF_UPDATE_BEFORE)
        n->before = n->want_before && updates(n);
    else
        n->before = in_before && updates(n);
    if (!(flags & PF_UPDATE_BEFORE)) n->essential = in_essential;
    if (n->kind == PHYS_CALC && n->filter && n->before && filter_beyond_keys(n))
        n->essential = true;
}

static struct pnode *drop_before(struct planner *p, struct pnode *in, bool as_delete) {
    struct pnode *n = phys_new(p, PHYS_DROP_BEFORE, in->rel, in->schema, &in, 1);
    phys_same_facts(n, in);
    n->kinds = in->kinds | (as_delete ? CHANGELOG_DELETE : 0);
    n->want_before = false;
    json_set_bool(n->config, "asDelete", as_delete);
    phys_label(p, n, "DropUpdateBefore(asDelete=[%s])", as_delete ? "true" : "false");
    return n;
}

/* A CDC source whose -U nobody needs drops it at once. */
static void drop_at_sources(struct planner *p, struct pnode **order, int n_order) {
    for (int i = 0; i < n_order; i++) {
        struct pnode *s = order[i];
        if (s->kind != PHYS_SOURCE || s->want_before || !s->before || !updates(s)) continue;
        struct pnode *d = drop_before(p, s, false);
        for (int k = i + 1; k < n_order; k++)
            for (int j = 0; j < order[k]->n_inputs; j++) {
                struct pinput *in = &order[k]->inputs[j];
                if (in->node == s && in->port == 0) in->node = d;
            }
    }
}

static void complete_config(struct pnode *n) {
    unsigned flags = phys_kind_of(n)->flags;
    bool retracts = n->n_inputs && n->inputs[0].node->kinds != CHANGELOG_INSERT;
    if (flags & PF_UPDATE_BEFORE && cJSON_HasObjectItem(n->config, "updateBefore"))
        cJSON_ReplaceItemInObjectCaseSensitive(n->config, "updateBefore",
                                               cJSON_CreateBool(n->before));
    if (!(flags & PF_RETRACTS) || !retracts) return;
    if (cJSON_HasObjectItem(n->config, "inputRetracts"))
        cJSON_ReplaceItemInObjectCaseSensitive(n->config, "inputRetracts", cJSON_CreateTrue());
}

static void settle_sink(struct planner *p, struct pnode *n) {
    struct pnode *in = n->inputs[0].node;
    if (in->before && !(n->sink_mode & CHANGELOG_UPDATE_BEFORE)) {
        n->inputs[0].node = drop_before(p, in, in->essential || !n->exact_key);
        n->kinds = n->inputs[0].node->kinds;
        n->before = false;
    }
    unsigned mode = n->kinds | (n->before ? CHANGELOG_UPDATE_BEFORE : 0);
    cJSON *table = cJSON_GetObjectItemCaseSensitive(n->config, "table");
    cJSON_ReplaceItemInObjectCaseSensitive(table, "sinkMode", json_i64(mode));
}

void phys_changelog(struct planner *p) {
    int n_order;
    struct pnode **order = phys_order(p, &n_order);
    for (int i = n_order - 1; i >= 0; i--) {
        struct pnode *n = order[i];
        for (int k = 0; k < n->n_inputs; k++)
            if (updates(n->inputs[k].node) && !n->inputs[k].port && needs_before(n, k))
                n->inputs[k].node->want_before = true;
    }
    for (int i = 0; i < n_order; i++)
        settle(order[i]);
    drop_at_sources(p, order, n_order);
    order = phys_order(p, &n_order);
    for (int i = 0; i < n_order; i++)
        settle(order[i]);
    for (int i = 0; i < n_order; i++) {
        complete_config(order[i]);
        if (order[i]->kind == PHYS_SINK) settle_sink(p, order[i]);
    }
}
