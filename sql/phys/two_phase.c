/* two_phase.c - aggregates in two phases: rows are folded where they are, and only the accumulators
 * travel to the subtask that owns the key. Always for windows, and for group aggregates in batch
 * mode and with mini-batches, where there is an exchange to save. */
#include "sql/phys/phys.h"

#include <string.h>

static bool splittable(const struct pnode *n) {
    for (int i = 0; i < n->n_aggs; i++) {
        const struct agg_call *c = &n->aggs[i].call;
        /* Order of rows counts, or each value once: not to be told from partial results. */
        if (c->distinct || !(c->agg->flags & AGG_MERGE) || c->agg->flags & AGG_ORDERED ||
            n->aggs[i].n_order)
            return false;
    }
    return n->n_aggs > 0 && n->inputs[0].node->kinds == CHANGELOG_INSERT;
}

static bool window_splittable(const struct pnode *n) {
    const cJSON *w = cJSON_GetObjectItemCaseSensitive(n->config, "window");
    const char *type = json_opt_str(w, "type", "");
    return strcmp(type, "session") && strcmp(type, "attached") &&
           !json_opt_bool(w, "proctime", false);
}

static bool wanted(const struct planner *p, const struct pnode *n) {
    if (p->set->agg_phase == AGG_PHASE_ONE || !splittable(n)) return false;
    if (n->inputs[0].node->run < 2 || phys_is_placed(n, 0)) return false;
    if (n->kind == PHYS_WINDOW_AGG) return window_splittable(n);
    return n->kind == PHYS_GROUP_AGG && (p->batch || p->config.mini_batch);
}

static void set_phase(struct pnode *n, const char *phase) {
    cJSON_ReplaceItemInObjectCaseSensitive(n->config, "phase", cJSON_CreateString(phase));
}

/* What the local phase sends: keys, the slice's end for windows, an accumulator per aggregate. */
static const struct schema *partial_schema(struct planner *p, const struct pnode *n, bool window) {
    int n_keys = n->inputs[0].keys.n;
    const struct schema *in = n->inputs[0].node->schema;
    struct schema *s = phys_schema(p->arena, n_keys + window + n->n_aggs);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n_keys; i++)
        f[i] = in->fields[n->inputs[0].keys.cols[i]];
    if (window) f[n_keys] = (struct field){"$slice_end", type_of_not_null(TYPE_BIGINT)};
    for (int i = 0; i < n->n_aggs; i++) {
        f[n_keys + window + i].name = arena_printf(p->arena, "$acc%d", i);
        f[n_keys + window + i].type = type_of_not_null(TYPE_VARBINARY);
    }
    return s;
}

static void make_global(struct planner *p, struct pnode *n, bool window) {
    int n_keys = n->inputs[0].keys.n;
    int *keys = ARENA_NEW_N(p->arena, int, n_keys + 1);
    for (int i = 0; i < n_keys; i++)
        keys[i] = i;
    n->inputs[0].keys.cols = keys;
    cJSON_ReplaceItemInObjectCaseSensitive(n->config, "keys", phys_json_cols(keys, n_keys));
    cJSON *a, *aggs = cJSON_GetObjectItemCaseSensitive(n->config, "aggs");
    int col = n_keys + window;
    cJSON_ArrayForEach(a, aggs) {
        cJSON_ReplaceItemInObjectCaseSensitive(a, "cols", phys_json_cols(&col, 1));
        cJSON_ReplaceItemInObjectCaseSensitive(a, "filter", json_i64(-1));
        col++;
    }
    if (window) {
        cJSON *w = cJSON_GetObjectItemCaseSensitive(n->config, "window");
        cJSON_ReplaceItemInObjectCaseSensitive(w, "time", json_i64(n_keys));
    }
    set_phase(n, "global");
}

static void split(struct planner *p, struct pnode *n) {
    bool window = n->kind == PHYS_WINDOW_AGG;
    struct pnode *in = n->inputs[0].node;
    struct pnode *local = phys_new(p, n->kind, n->rel, partial_schema(p, n, window), &in, 1);
    cJSON *c;
    cJSON_ArrayForEach(c, n->config)
        cJSON_AddItemToObject(local->config, c->string, cJSON_Duplicate(c, true));
    set_phase(local, "local");
    local->kinds = CHANGELOG_INSERT;
    local->stateful = false;
    local->run = in->run;
    local->digest = n->digest ^ 0x6C6F63616Cull; /* "local" */
    phys_label(p, local, "Local%s", n->label);
    n->inputs[0].node = local;
    make_global(p, n, window);
    phys_label(p, n, "Global%s", n->label);
}

void phys_two_phase(struct planner *p) {
    int n_order;
    struct pnode **order = phys_order(p, &n_order);
    for (int i = 0; i < n_order; i++)
        if (wanted(p, order[i])) split(p, order[i]);
}
