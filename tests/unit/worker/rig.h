/* rig.h - small plans made by hand, test ops to put into them, and a log of what came out.
 *
 * Ops: t_source (rows with embedded watermarks), t_sink (logs everything; held back by
 * rig_log.hold), t_late (as t_sink, with OP_STEPS_LATE), t_count, t_pieces (gives its input in
 * pieces, with OP_MORE), t_pass (OP_STEPS_PASS), t_fail. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_RIG_H
#define PENSTOCK_TESTS_UNIT_WORKER_RIG_H

#include "tests/unit/worker/rig_ops.h"

ATTR_UNUSED static const struct op_desc *rig_find_op(const char *kind) {
    static const struct op_desc descs[] = {
        {"t_source", "", 0, &ts_ops.base},  {"t_sink", "", 2, &t_sink_ops},
        {"t_late", "", 2, &t_late_ops},     {"t_count", "", 1, &t_count_ops},
        {"t_pieces", "", 1, &t_pieces_ops}, {"t_pass", "", 1, &t_pass_ops},
        {"t_fail", "", 1, &t_fail_ops}};
    for (size_t i = 0; i < ARRAY_LEN(descs); i++)
        if (strcmp(descs[i].kind, kind) == 0) return &descs[i];
    return op_find(kind);
}

/* ---- plans ---------------------------------------------------------------------------------- */

struct rig {
    struct arena arena;
    struct plan plan;
    int n_uids;
};

ATTR_UNUSED static void rig_init(struct rig *r) {
    memset(r, 0, sizeof(*r));
    arena_init(&r->arena);
    r->plan.arena = &r->arena;
    r->plan.name = "test";
    r->plan.config = (struct plan_config){
        .zone = "UTC", .batch_rows = BATCH_ROWS_MAX, .buffer_timeout_ms = 100, .bounded = true};
    r->plan.vertices = ARENA_NEW_N(&r->arena, struct plan_vertex, 16);
    r->plan.edges = ARENA_NEW_N(&r->arena, struct plan_edge, 32);
}

ATTR_UNUSED static void rig_release(struct rig *r) {
    for (int v = 0; v < r->plan.n_vertices; v++)
        for (int i = 0; i < r->plan.vertices[v].n_ops; i++)
            cJSON_Delete((cJSON *)r->plan.vertices[v].ops[i].config);
    arena_release(&r->arena);
}

ATTR_UNUSED static int rig_vertex(struct rig *r, int parallelism, int n_inputs) {
    struct plan_vertex *v = &r->plan.vertices[r->plan.n_vertices];
    v->uid = arena_printf(&r->arena, "v%d", r->plan.n_vertices);
    v->name = arena_printf(&r->arena, "vertex %d", r->plan.n_vertices);
    v->parallelism = parallelism;
    v->max_parallelism = MAX_PARALLELISM_DEFAULT;
    v->slot_group = "default";
    v->ops = ARENA_NEW_N(&r->arena, struct plan_op, 16);
    v->n_inputs = n_inputs;
    return r->plan.n_vertices++;
}

/* Appends an op to the chain of the vertex. config: JSON. */
ATTR_UNUSED static void rig_op(struct rig *r, int vertex, const char *kind, const char *config,
                               const struct schema *output) {
    struct plan_vertex *v = &r->plan.vertices[vertex];
    struct plan_op *op = &v->ops[v->n_ops];
    struct err err = ERR_INIT;
    cJSON *json;
    assert_ok(json_parse(config, strlen(config), &json, &err), &err);
    *op = (struct plan_op){.kind = kind,
                           .uid = arena_printf(&r->arena, "op%d", r->n_uids++),
                           .name = arena_printf(&r->arena, "%s#%d", kind, v->n_ops),
                           .input = v->n_ops - 1,
                           .config = json,
                           .output = output,
                           .changelog = CHANGELOG_INSERT};
    v->n_ops++;
}

/* From the last op of a vertex; hash edges by column 0. */
ATTR_UNUSED static void rig_edge(struct rig *r, int from, int to, int port, enum routing routing) {
    static const int key = 0;
    struct plan_vertex *v = &r->plan.vertices[from];
    r->plan.edges[r->plan.n_edges++] = (struct plan_edge){.from = from,
                                                          .from_op = v->n_ops - 1,
                                                          .to = to,
                                                          .to_port = port,
                                                          .routing = routing,
                                                          .n_keys = routing == ROUTING_HASH ? 1 : 0,
                                                          .keys = &key,
                                                          .schema = v->ops[v->n_ops - 1].output};
}

/* Everything on worker 0 unless worker_of says otherwise. */
ATTR_UNUSED static struct task_place *rig_places(struct rig *r, int (*worker_of)(int v, int s),
                                                 int *ret_n) {
    struct task_place *places = ARENA_NEW_N(&r->arena, struct task_place, 1024);
    int n = 0;
    for (int v = 0; v < r->plan.n_vertices; v++)
        for (int s = 0; s < r->plan.vertices[v].parallelism; s++)
            places[n++] = (struct task_place){v, s, worker_of ? worker_of(v, s) : 0};
    *ret_n = n;
    return places;
}

static const struct worker_addr rig_self = {"w0", "127.0.0.1", 0};

ATTR_UNUSED static struct runtime_spec rig_spec(struct rig *r) {
    struct runtime_spec spec = {.plan = &r->plan,
                                .job_id = "job",
                                .token = "secret",
                                .attempt = 1,
                                .n_workers = 1,
                                .workers = &rig_self,
                                .find_op = rig_find_op};
    spec.places = rig_places(r, NULL, &spec.n_places);
    return spec;
}

/* Runs the plan to its end in this process. */
ATTR_UNUSED static void rig_run(struct rig *r, int executors) {
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = executors}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(r);
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    job_runtime_free(rt);
    worker_free(w);
}

#endif
