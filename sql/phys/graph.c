/* graph.c - from physical nodes to vertices and edges: chaining, routing, uids, overrides. */
#include "sql/phys/phys.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX_BYTES = 600 };

struct graph {
    struct planner *p;
    struct plan *plan;
    int n_order;
    struct pnode **order;
    int n_edges, cap_edges;
    struct plan_edge *edges;
    int n_vertices;
    struct plan_vertex *vertices;
    bool *override_used;
};

/* ---- uids ---- */

static void name_ops(struct graph *g) {
    struct map seen;
    map_init(&seen);
    for (int i = 0; i < g->n_order; i++) {
        struct pnode *n = g->order[i];
        if (n->kind == PHYS_UNION) continue;
        char uid[32];
        snprintf(uid, sizeof uid, "%08x", (uint32_t)(n->digest ^ n->digest >> 32));
        intptr_t times = (intptr_t)map_get(&seen, uid) + 1;
        map_put(&seen, uid, (void *)times);
        n->uid = times == 1 ? arena_strdup(g->p->arena, uid)
                            : arena_printf(g->p->arena, "%s-%d", uid, (int)times);
    }
    map_release(&seen, NULL);
}

/* ---- overrides ---- */

static const struct vertex_override *override_of(struct graph *g, const char *uid) {
    for (int i = 0; i < g->p->in->n_overrides; i++)
        if (!strcmp(g->p->in->overrides[i].uid, uid)) {
            g->override_used[i] = true;
            return &g->p->in->overrides[i];
        }
    return NULL;
}

static int apply_overrides(struct graph *g, struct err *err) {
    const struct planner_input *in = g->p->in;
    for (int i = 0; i < g->n_vertices; i++) {
        struct plan_vertex *v = &g->vertices[i];
        const struct vertex_override *o = override_of(g, v->uid);
        if (!o) continue;
        if (o->slot_group && *o->slot_group)
            v->slot_group = arena_strdup(g->p->arena, o->slot_group);
        if (!o->parallelism) continue;
        if (o->parallelism < 0 || o->parallelism > v->max_parallelism)
            return err_set(err, ERR_VALIDATION,
                           "vertex '%s' (%s): parallelism %d is asked for; 1 to %d are possible",
                           v->uid, v->name, o->parallelism, v->max_parallelism);
        v->parallelism = o->parallelism;
    }
    for (int i = 0; i < in->n_overrides; i++)
        if (!g->override_used[i])
            return err_set(err, ERR_VALIDATION,
                           "the plan has no vertex '%s', for which parallelism, slot group or "
                           "chaining is set",
                           in->overrides[i].uid);
    return 0;
}

/* ---- chaining ---- */

static bool can_chain(const struct pnode *n) {
    if (n->n_inputs != 1) return false;
    const struct pinput *in = &n->inputs[0];
    if (in->node->kind == PHYS_UNION || in->node->run != n->run) return false;
    bool side = in->port && in->dist == PDIST_ANY;
    return side || phys_is_placed(n, 0);
}

static int chains(struct graph *g, const struct pnode *n, bool *ret, struct err *err) {
    const struct vertex_override *o = override_of(g, n->uid);
    bool can = can_chain(n);
    if (o && o->chain == 1 && !can)
        return err_set(err, ERR_VALIDATION,
                       "op '%s' (%s) can't be chained to what is in front of it: its rows come "
                       "through an exchange",
                       n->uid, phys_kind_of(n)->name);
    *ret = can && (o && o->chain >= 0 ? o->chain == 1 : g->p->set->chaining);
    return 0;
}

static cJSON *calc_config(const struct pnode *n) {
    json_set(n->config, "filter", n->filter ? expr_to_json(n->filter) : cJSON_CreateNull());
    cJSON *exprs = cJSON_AddArrayToObject(n->config, "exprs");
    for (int i = 0; i < n->schema->n; i++)
        cJSON_AddItemToArray(exprs, expr_to_json(n->exprs[i]));
    return n->config;
}

static const char *op_name(struct planner *p, const char *label) {
    size_t n = strlen(label);
    if (n <= LABEL_MAX_BYTES) return label;
    n = LABEL_MAX_BYTES;
    while (n && ((unsigned char)label[n] & 0xC0) == 0x80)
        n--;
    return arena_printf(p->arena, "%.*s...", (int)n, label);
}

static const struct schema *op_output(struct planner *p, const struct pnode *n) {
    struct schema *s = (struct schema *)phys_schema_plain(p->arena, n->schema);
    if (n->kind != PHYS_CALC) return s;
    for (int i = 0; i < s->n; i++) /* what the expressions give, to the last NOT NULL */
        ((struct field *)s->fields)[i].type =
            type_with_time_attr(p->arena, n->exprs[i]->type, TIME_ATTR_NONE);
    return s;
}

static void fill_op(struct graph *g, const struct pnode *n, struct plan_op *op) {
    struct planner *p = g->p;
    op->kind = phys_kind_of(n)->name;
    op->uid = n->uid;
    op->name = op_name(p, n->label);
    op->input = -1;
    op->config = plan_json_copy(p->arena, n->kind == PHYS_CALC ? calc_config(n) : n->config);
    op->output = op_output(p, n);
    op->changelog = (enum changelog_mode)(n->kinds | (n->before ? CHANGELOG_UPDATE_BEFORE : 0));
    op->stateful = n->stateful;
}

static int job_max_parallelism(const struct planner *p, int parallelism) {
    if (p->in->max_parallelism > 0) return p->in->max_parallelism;
    int64_t want = MAX_PARALLELISM_DEFAULT;
    while (want < (int64_t)parallelism + parallelism / 2)
        want *= 2;
    return (int)MIN(want, MAX_PARALLELISM_LIMIT);
}

static int make_vertices(struct graph *g, struct err *err) {
    struct planner *p = g->p;
    g->vertices = ARENA_NEW_N(p->arena, struct plan_vertex, g->n_order + 1);
    int most = p->in->parallelism;
    for (int i = 0; i < g->n_order; i++)
        most = MAX(most, g->order[i]->run);
    int max_parallelism = job_max_parallelism(p, most);
    for (int i = 0; i < g->n_order; i++) {
        struct pnode *n = g->order[i];
        if (n->kind == PHYS_UNION) continue;
        bool chained = false;
        int rc = chains(g, n, &chained, err);
        if (rc) return rc;
        struct plan_vertex *v;
        if (chained) {
            n->vertex = n->inputs[0].node->vertex;
            v = &g->vertices[n->vertex];
        } else {
            n->vertex = g->n_vertices++;
            v = &g->vertices[n->vertex];
            v->uid = n->uid;
            v->parallelism = n->run;
            v->max_parallelism = max_parallelism;
            v->slot_group = "default";
            v->n_inputs = n->n_inputs;
        }
        if (n->single) v->max_parallelism = 1;
        struct plan_op *ops = ARENA_NEW_N(p->arena, struct plan_op, v->n_ops + 1);
        if (v->n_ops) memcpy(ops, v->ops, sizeof *ops * (size_t)v->n_ops);
        fill_op(g, n, &ops[v->n_ops]);
        if (chained) {
            ops[v->n_ops].input = n->inputs[0].node->op;
            ops[v->n_ops].input_port = n->inputs[0].port;
        }
        n->op = v->n_ops++;
        v->ops = ops;
    }
    return 0;
}

/* "TableSourceScan(bids) -> Calc -> Sink(out)": the labels' first words. */
static void name_vertices(struct graph *g) {
    for (int i = 0; i < g->n_vertices; i++) {
        struct plan_vertex *v = &g->vertices[i];
        AUTO_STR s = STR_INIT;
        for (int k = 0; k < v->n_ops; k++) {
            const char *label = v->ops[k].name;
            if (k) str_add(&s, " -> ");
            str_add_n(&s, label, strcspn(label, "("));
            const char *table = strstr(label, "(table=[");
            if (table && table == label + strcspn(label, "(")) {
                table += strlen("(table=[");
                str_addf(&s, "(%.*s)", (int)strcspn(table, "]"), table);
            }
        }
        v->name = op_name(g->p, phys_keep(g->p, &s));
    }
}

/* ---- edges ---- */

/* Rows with changes keep their order per row on the way: by upsert key, else by all columns. */
static void hash_by_row(struct planner *p, const struct pnode *from, struct plan_edge *e) {
    struct colset key;
    if (from->n_keys && !from->keys[0].n) { /* one row, updated */
        e->routing = ROUTING_GLOBAL;
        return;
    }
    if (from->n_keys) {
        key = from->keys[0];
    } else {
        int *all = ARENA_NEW_N(p->arena, int, from->schema->n + 1);
        for (int i = 0; i < from->schema->n; i++)
            all[i] = i;
        key = (struct colset){from->schema->n, all};
    }
    e->routing = ROUTING_HASH;
    e->n_keys = key.n;
    e->keys = key.cols;
}

static void route(struct graph *g, const struct pinput *in, const struct pnode *from,
                  struct plan_edge *e) {
    int a = g->vertices[e->from].parallelism, b = g->vertices[e->to].parallelism;
    if (in->dist == PDIST_HASH) {
        e->routing = ROUTING_HASH;
        e->n_keys = in->keys.n;
        e->keys = in->keys.cols;
    } else if (in->dist == PDIST_ONE) {
        e->routing = from->single && b == 1 ? ROUTING_FORWARD : ROUTING_GLOBAL;
    } else if (a == b) {
        e->routing = ROUTING_FORWARD;
    } else if (from->kinds != CHANGELOG_INSERT && !e->from_port) {
        hash_by_row(g->p, from, e);
    } else {
        e->routing = a % b == 0 || b % a == 0 ? ROUTING_RESCALE : ROUTING_REBALANCE;
    }
}

static void add_edges(struct graph *g, const struct pnode *to, int port, const struct pinput *in,
                      const struct pnode *from, int from_port) {
    struct planner *p = g->p;
    if (from->kind == PHYS_UNION) {
        for (int i = 0; i < from->n_inputs; i++)
            add_edges(g, to, port, in, from->inputs[i].node, from->inputs[i].port);
        return;
    }
    if (g->n_edges == g->cap_edges) {
        struct plan_edge *old = g->edges;
        g->cap_edges = g->cap_edges ? 2 * g->cap_edges : 32;
        g->edges = ARENA_NEW_N(p->arena, struct plan_edge, g->cap_edges);
        if (g->n_edges) memcpy(g->edges, old, sizeof *old * (size_t)g->n_edges);
    }
    struct plan_edge *e = &g->edges[g->n_edges++];
    *e = (struct plan_edge){.from = from->vertex,
                            .from_op = from->op,
                            .from_port = from_port,
                            .to = to->vertex,
                            .to_port = port};
    e->schema = from_port ? to->schema : g->vertices[from->vertex].ops[from->op].output;
    route(g, in, from, e);
}

static void make_edges(struct graph *g) {
    for (int i = 0; i < g->n_order; i++) {
        const struct pnode *n = g->order[i];
        if (n->kind == PHYS_UNION || n->op != 0) continue;
        for (int k = 0; k < n->n_inputs; k++)
            add_edges(g, n, k, &n->inputs[k], n->inputs[k].node, n->inputs[k].port);
    }
}

/* ---- the plan ---- */

static int check_size(const struct plan *plan, struct err *err) {
    AUTO_JSON *j = plan_to_json(plan);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    if (text.len <= PLAN_SIZE_MAX_BYTES) return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "the plan has %zu bytes; at most %d are possible: split the statements into "
                   "several jobs",
                   text.len, PLAN_SIZE_MAX_BYTES);
}

int phys_graph(struct planner *p, struct plan **ret, struct err *err) {
    struct graph g = {.p = p};
    g.order = phys_order(p, &g.n_order);
    g.override_used = ARENA_NEW_N(p->arena, bool, p->in->n_overrides + 1);
    name_ops(&g);
    int rc = make_vertices(&g, err);
    if (rc) return rc;
    name_vertices(&g);
    rc = apply_overrides(&g, err);
    if (rc) return rc;
    make_edges(&g);
    struct plan *plan = ARENA_NEW(p->arena, struct plan);
    plan->arena = p->arena;
    plan->name = arena_strdup(p->arena, p->in->name ? p->in->name : "job");
    plan->config = p->config;
    plan->config.bounded = true;
    for (int i = 0; i < p->n_roots; i++)
        plan->config.bounded &= p->roots[i]->bounded;
    plan->n_vertices = g.n_vertices;
    plan->vertices = g.vertices;
    plan->n_edges = g.n_edges;
    plan->edges = g.edges;
    plan->result = p->result;
    rc = plan_verify(plan, err);
    if (!rc) rc = check_size(plan, err);
    if (rc) return rc;
    *ret = plan;
    return 0;
}
