/* plan.c - what holds of every plan: the checks that coordinator and workers make of what they are
 * given, and look-ups. JSON is in plan_json.c, text and DOT in plan_print.c. */
#include "sql/plan.h"

#include "base/core/map.h"
#include "base/core/mem.h"

#include <string.h>

static const char *const routing_names[] = {"forward",   "hash",      "rescale",
                                            "rebalance", "broadcast", "global"};

const char *routing_name(enum routing r) {
    CHECK((unsigned)r < ARRAY_LEN(routing_names));
    return routing_names[r];
}

int routing_parse(const char *name, enum routing *ret) {
    for (size_t i = 0; i < ARRAY_LEN(routing_names); i++)
        if (!strcmp(routing_names[i], name)) {
            *ret = (enum routing)i;
            return 0;
        }
    return -1;
}

void changelog_print(enum changelog_mode m, struct str *out) {
    static const char *const names[] = {"I", "UB", "UA", "D"};
    for (int i = 0, n = 0; i < 4; i++)
        if (m & 1u << i) str_addf(out, "%s%s", n++ ? "," : "", names[i]);
}

int changelog_parse(const char *text, enum changelog_mode *ret) {
    static const struct {
        const char *name;
        enum changelog_mode bit;
    } names[] = {{"I", CHANGELOG_INSERT},
                 {"UB", CHANGELOG_UPDATE_BEFORE},
                 {"UA", CHANGELOG_UPDATE_AFTER},
                 {"D", CHANGELOG_DELETE}};
    unsigned m = 0;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < ARRAY_LEN(names) && !sv_eq_str((struct sv){at, len}, names[i].name))
            i++;
        if (i == ARRAY_LEN(names)) return -1;
        m |= names[i].bit;
        at += len;
        if (*at == ',' && !*++at) return -1;
    }
    if (!m) return -1;
    *ret = (enum changelog_mode)m;
    return 0;
}

int plan_edge_channels(const struct plan *p, const struct plan_edge *e) {
    int from = p->vertices[e->from].parallelism, to = p->vertices[e->to].parallelism;
    switch (e->routing) {
    case ROUTING_FORWARD:
        return from;
    case ROUTING_RESCALE:
        return MAX(from, to);
    case ROUTING_GLOBAL:
        return from;
    case ROUTING_HASH:
    case ROUTING_REBALANCE:
    case ROUTING_BROADCAST:
        break;
    }
    return from * to;
}

const struct schema *plan_port_schema(const struct plan *p, int vertex, int port) {
    for (int i = 0; i < p->n_edges; i++)
        if (p->edges[i].to == vertex && p->edges[i].to_port == port) return p->edges[i].schema;
    return NULL;
}

static int bad(struct err *err, const char *fmt, ...) ATTR_PRINTF(2, 3);
static int bad(struct err *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_set_va(err, ERR_INVALID, fmt, ap);
    va_end(ap);
    return err_wrap(err, "plan");
}

static bool same_types(const struct schema *a, const struct schema *b) {
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (!type_eq_ignore_null(a->fields[i].type, b->fields[i].type)) return false;
    return true;
}

static int verify_op(const struct plan_vertex *v, int k, struct err *err) {
    const struct plan_op *op = &v->ops[k];
    if (!op->kind || !*op->kind) return bad(err, "vertex '%s': op %d has no kind", v->uid, k);
    if (!op->uid || !*op->uid) return bad(err, "vertex '%s': op %d has no uid", v->uid, k);
    if (!op->output) return bad(err, "op '%s' has no output schema", op->uid);
    if (!(op->changelog & CHANGELOG_ALL) || (op->changelog & ~CHANGELOG_ALL))
        return bad(err, "op '%s': changelog mode %d is none", op->uid, (int)op->changelog);
    if (k == 0) {
        if (op->input != -1)
            return bad(err, "op '%s' heads vertex '%s' but names op %d as its input", op->uid,
                       v->uid, op->input);
        return 0;
    }
    if (op->input < 0 || op->input >= k)
        return bad(err, "op '%s': input %d is no op in front of it", op->uid, op->input);
    if (op->input_port < 0 || op->input_port > 1)
        return bad(err, "op '%s': input port %d (0 or 1 expected)", op->uid, op->input_port);
    return 0;
}

/* What can be told of a vertex by itself; its ports are checked once the edges are known good. */
static int verify_vertex(const struct plan *p, int i, struct err *err) {
    const struct plan_vertex *v = &p->vertices[i];
    if (!v->uid || !*v->uid) return bad(err, "vertex %d has no uid", i);
    if (v->n_ops < 1) return bad(err, "vertex '%s' has no ops", v->uid);
    if (v->parallelism < 1 || v->max_parallelism < v->parallelism ||
        v->max_parallelism > MAX_PARALLELISM_LIMIT)
        return bad(err, "vertex '%s': parallelism %d of at most %d (limit %d)", v->uid,
                   v->parallelism, v->max_parallelism, MAX_PARALLELISM_LIMIT);
    if (!v->slot_group || !*v->slot_group) return bad(err, "vertex '%s' has no slot group", v->uid);
    if (v->n_inputs < 0 || v->n_inputs > PLAN_PORTS_MAX)
        return bad(err, "vertex '%s': %d input ports (0 to %d expected)", v->uid, v->n_inputs,
                   PLAN_PORTS_MAX);
    for (int k = 0; k < v->n_ops; k++) {
        int rc = verify_op(v, k, err);
        if (rc) return rc;
    }
    return 0;
}

static int verify_ports(const struct plan *p, int i, struct err *err) {
    const struct plan_vertex *v = &p->vertices[i];
    for (int port = 0; port < v->n_inputs; port++)
        if (!plan_port_schema(p, i, port))
            return bad(err, "vertex '%s': no edge feeds input port %d", v->uid, port);
    return 0;
}

/* Op uids name state, vertex uids name vertices; both must be unique in the job. */
static int verify_uids(const struct plan *p, struct err *err) {
    int rc = 0;
    struct map ops, vertices;
    map_init(&ops);
    map_init(&vertices);
    for (int i = 0; i < p->n_vertices && !rc; i++) {
        const struct plan_vertex *v = &p->vertices[i];
        if (map_put(&vertices, v->uid, (void *)v))
            rc = bad(err, "two vertices have uid '%s'", v->uid);
        for (int k = 0; k < v->n_ops && !rc; k++)
            if (map_put(&ops, v->ops[k].uid, (void *)v))
                rc = bad(err, "two ops have uid '%s'", v->ops[k].uid);
    }
    map_release(&ops, NULL);
    map_release(&vertices, NULL);
    return rc;
}

static int verify_edge_routing(const struct plan *p, int i, struct err *err) {
    const struct plan_edge *e = &p->edges[i];
    const struct plan_vertex *from = &p->vertices[e->from], *to = &p->vertices[e->to];
    if (e->routing == ROUTING_FORWARD && from->parallelism != to->parallelism)
        return bad(err, "edge %d: forward from parallelism %d to %d", i, from->parallelism,
                   to->parallelism);
    if (e->routing == ROUTING_RESCALE && from->parallelism % to->parallelism &&
        to->parallelism % from->parallelism)
        return bad(err, "edge %d: rescale between parallelisms %d and %d, which aren't multiples",
                   i, from->parallelism, to->parallelism);
    if ((e->routing == ROUTING_HASH) != (e->n_keys > 0))
        return bad(err, "edge %d: %s with %d keys", i, routing_name(e->routing), e->n_keys);
    for (int k = 0; k < e->n_keys; k++)
        if (e->keys[k] < 0 || e->keys[k] >= e->schema->n)
            return bad(err, "edge %d: key column %d of %d", i, e->keys[k], e->schema->n);
    return 0;
}

static int verify_edge(const struct plan *p, int i, struct err *err) {
    const struct plan_edge *e = &p->edges[i];
    if (e->from < 0 || e->from >= p->n_vertices || e->to < 0 || e->to >= p->n_vertices)
        return bad(err, "edge %d: from vertex %d to %d of %d", i, e->from, e->to, p->n_vertices);
    const struct plan_vertex *from = &p->vertices[e->from];
    if (e->from_op < 0 || e->from_op >= from->n_ops || e->from_port < 0 || e->from_port > 1)
        return bad(err, "edge %d: from op %d port %d of vertex '%s'", i, e->from_op, e->from_port,
                   from->uid);
    if (e->to_port < 0 || e->to_port >= p->vertices[e->to].n_inputs)
        return bad(err, "edge %d: to port %d of vertex '%s', which has %d", i, e->to_port,
                   p->vertices[e->to].uid, p->vertices[e->to].n_inputs);
    if (!e->schema) return bad(err, "edge %d has no schema", i);
    if (e->from_port == 0 && !same_types(e->schema, from->ops[e->from_op].output))
        return bad(err, "edge %d: its schema is not that of op '%s'", i, from->ops[e->from_op].uid);
    if (!same_types(e->schema, plan_port_schema(p, e->to, e->to_port)))
        return bad(err,
                   "edge %d: its schema differs from that of the other edges into port %d of "
                   "vertex '%s'",
                   i, e->to_port, p->vertices[e->to].uid);
    return verify_edge_routing(p, i, err);
}

/* Kahn: takes vertices whose inputs are all taken; what is left lies on a cycle. */
static int verify_acyclic(const struct plan *p, struct err *err) {
    AUTO_FREE int *waiting = mem_calloc((size_t)p->n_vertices, sizeof *waiting);
    AUTO_FREE int *ready = mem_calloc((size_t)p->n_vertices, sizeof *ready);
    int n_ready = 0, n_taken = 0;
    for (int i = 0; i < p->n_edges; i++)
        waiting[p->edges[i].to]++;
    for (int i = 0; i < p->n_vertices; i++)
        if (!waiting[i]) ready[n_ready++] = i;
    while (n_taken < n_ready) {
        int v = ready[n_taken++];
        for (int i = 0; i < p->n_edges; i++)
            if (p->edges[i].from == v && !--waiting[p->edges[i].to])
                ready[n_ready++] = p->edges[i].to;
    }
    for (int i = 0; i < p->n_vertices; i++)
        if (waiting[i] > 0) return bad(err, "vertex '%s' lies on a cycle", p->vertices[i].uid);
    return 0;
}

int plan_verify(const struct plan *p, struct err *err) {
    if (p->n_vertices < 1) return bad(err, "it has no vertices");
    int rc = 0;
    for (int i = 0; i < p->n_vertices && !rc; i++)
        rc = verify_vertex(p, i, err);
    for (int i = 0; i < p->n_edges && !rc; i++)
        rc = verify_edge(p, i, err);
    for (int i = 0; i < p->n_vertices && !rc; i++)
        rc = verify_ports(p, i, err);
    if (!rc) rc = verify_uids(p, err);
    return rc ? rc : verify_acyclic(p, err);
}
