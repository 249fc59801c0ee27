/* restore_graph.c - the vertices of a plan as tasks in one thread, and their snapshots. */
#include "tests/unit/worker/restore_rig.h"

#include "base/core/clock.h"
#include "vector/value.h"
#include "worker/state/state_set.h"
#include "worker/task_ops.h"

#include <stdio.h>
#include <string.h>

enum { OPS_MAX = 16, VERTICES_MAX = 16, UNITS_MAX = 8, EDGES_MAX = 16 };
enum { WATERMARKS = VERTICES_MAX * OPS_MAX + EDGES_MAX };

/* One subtask. */
struct unit {
    struct task *task;
    int n_channels; /* of all edges into it */
    int64_t wms[EDGES_MAX * UNITS_MAX];
    int64_t wm;     /* the least */
    int n_barriers; /* channels whose barrier has come */
    int open[PLAN_PORTS_MAX];
};

struct node {
    struct plan sub; /* the vertex (the last one) and a source per port */
    int n_units;
    struct unit units[UNITS_MAX];
};

struct restore_graph {
    const struct restore_query *q;
    struct arena arena;
    struct rnd *r;
    struct eval_env env;
    struct executor_pool *pool;
    struct task_callbacks callbacks;
    int parallelism;
    struct node nodes[VERTICES_MAX];
    int channel_base[EDGES_MAX];     /* number of an edge's first channel among its target's */
    struct restore_checkpoint *take; /* where blocks go */
    bool begins;                     /* its barrier is on its way */
    struct block_sink sink;
    bool restored;
    struct str *out;
};

static struct restore_graph *now; /* of the ops below */
static _Atomic int64_t wall_ms;

static int64_t rig_wall_ms(void *self) {
    return wall_ms;
}
static int64_t rig_mono_ns(void *self) {
    return wall_ms * 1000000;
}
static const struct clock_ops rig_clock = {.mono_ns = rig_mono_ns, .wall_ms = rig_wall_ms};

static void must(int rc, struct err *err) {
    if (rc < 0) fail_msg("%s", err->msg);
}

/* ---- edges ---------------------------------------------------------------------------------- */

/* "t_out": hands on to the subtasks of the next vertex. */
struct out_op {
    struct op base;
    int edge;
};

static struct node *target_node(const struct out_op *o) {
    return &now->nodes[now->q->plan->edges[o->edge].to];
}

static void give(struct unit *u, struct item it) {
    struct err err = ERR_INIT;
    must(op_give(&u->task->ops[0], &it, &err), &err);
}

static int out_open(struct op *op, struct err *err) {
    ((struct out_op *)op)->edge = (int)cJSON_GetObjectItem(op->ctx->plan->config, "edge")->valueint;
    return 0;
}

static int out_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct out_op *o = (struct out_op *)op;
    const struct plan_edge *e = &now->q->plan->edges[o->edge];
    struct node *to = target_node(o);
    AUTO_FREE uint64_t *hashes = mem_calloc(b->n + 1, sizeof *hashes);
    AUTO_FREE uint32_t *rows = mem_calloc(b->n + 1, sizeof *rows);
    for (int k = 0; k < e->n_keys; k++)
        col_hash(&b->cols[e->keys[k]], hashes, b->n);
    uint32_t max = (uint32_t)now->q->plan->vertices[e->to].max_parallelism;
    for (int i = 0; i < to->n_units; i++) {
        uint32_t n = 0;
        for (uint32_t row = 0; row < b->n; row++) {
            uint32_t unit = 0;
            if (e->routing == ROUTING_HASH)
                unit =
                    key_group_subtask(key_group_of(hashes[row], max), max, (uint32_t)to->n_units);
            else if (e->routing != ROUTING_GLOBAL && e->routing != ROUTING_BROADCAST)
                unit = (uint32_t)op->ctx->subtask % (uint32_t)to->n_units;
            if (unit == (uint32_t)i || e->routing == ROUTING_BROADCAST) rows[n++] = row;
        }
        if (n)
            give(&to->units[i], (struct item){.kind = ITEM_BATCH,
                                              .port = e->to_port,
                                              .u.batch = batch_gather(b, rows, n, false)});
    }
    batch_unref(b);
    return rnd_below(now->r, 4) ? OP_DONE : OP_MORE; /* now and then there is no room */
}

static int out_resume(struct op *op, struct err *err) {
    return rnd_below(now->r, 3) ? OP_DONE : OP_MORE;
}

static int out_watermark(struct op *op, int64_t wm, struct err *err) {
    struct out_op *o = (struct out_op *)op;
    struct node *to = target_node(o);
    for (int i = 0; i < to->n_units; i++) {
        struct unit *u = &to->units[i];
        u->wms[now->channel_base[o->edge] + op->ctx->subtask] = wm;
        int64_t least = WATERMARK_MAX;
        for (int c = 0; c < u->n_channels; c++)
            least = MIN(least, u->wms[c]);
        if (least <= u->wm) continue;
        u->wm = least;
        give(u, (struct item){.kind = ITEM_WATERMARK, .u.wm = least});
    }
    return OP_DONE;
}

static int out_barrier(struct op *op, const struct barrier *b, struct err *err) {
    struct out_op *o = (struct out_op *)op;
    if (now->begins) /* the same on all channels of the edge */
        now->take->watermarks[VERTICES_MAX * OPS_MAX + o->edge] =
            target_node(o)->units[0].wms[now->channel_base[o->edge] + op->ctx->subtask];
    struct node *to = target_node((struct out_op *)op);
    for (int i = 0; i < to->n_units; i++) {
        struct unit *u = &to->units[i];
        if (++u->n_barriers < u->n_channels) continue;
        u->n_barriers = 0;
        give(u, (struct item){.kind = ITEM_BARRIER, .u.barrier = *b});
    }
    return OP_DONE;
}

static int out_end(struct op *op, int port, struct err *err) {
    struct out_op *o = (struct out_op *)op;
    struct node *to = target_node(o);
    int to_port = now->q->plan->edges[o->edge].to_port;
    for (int i = 0; i < to->n_units; i++)
        if (--to->units[i].open[to_port] == 0)
            give(&to->units[i], (struct item){.kind = ITEM_END, .port = to_port});
    return OP_DONE;
}

static const struct op_ops out_ops = {.size_bytes = sizeof(struct out_op),
                                      .open = out_open,
                                      .push = out_push,
                                      .resume = out_resume,
                                      .watermark = out_watermark,
                                      .barrier = out_barrier,
                                      .end_input = out_end};

/* ---- in place of sources, watermarks and sinks ---------------------------------------------- */

static int in_push(struct op *op, int port, struct batch *b, struct err *err) {
    return op_emit(op, b, err);
}
static const struct op_ops in_ops = {
    .size_bytes = sizeof(struct op), .flags = OP_STEPS_PASS, .push = in_push};

static int lines_push(struct op *op, int port, struct batch *b, struct err *err) {
    for (uint32_t i = 0; i < b->n; i++) {
        str_add(now->out, row_kind_text[b->kinds ? b->kinds[i] : 0]);
        for (int c = 0; c < b->n_cols; c++) {
            str_add_char(now->out, c ? '|' : ' ');
            value_print(&b->cols[c], i, NULL, now->out);
        }
        str_add_char(now->out, '\n');
    }
    batch_unref(b);
    return OP_DONE;
}
static const struct op_ops lines_ops = {.size_bytes = sizeof(struct op), .push = lines_push};

static const struct op_desc *find(const char *kind) {
    static const struct op_desc descs[] = {
        {"t_in", "", 1, &in_ops}, {"t_out", "", 1, &out_ops}, {"t_lines", "", 1, &lines_ops}};
    for (size_t i = 0; i < ARRAY_LEN(descs); i++)
        if (!strcmp(kind, descs[i].kind)) return &descs[i];
    return op_find(kind);
}

static const char *kind_of(const char *kind) {
    if (!strcmp(kind, "source") || !strcmp(kind, "watermark")) return "t_in";
    return strcmp(kind, "sink") ? kind : "t_lines";
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static bool is_source(const struct plan_vertex *v) {
    return !strcmp(v->ops[0].kind, "source");
}

static void make_sub(struct restore_graph *g, int v) {
    struct arena *a = &g->arena;
    const struct plan *p = g->q->plan;
    const struct plan_vertex *from = &p->vertices[v];
    struct node *n = &g->nodes[v];
    n->n_units = from->parallelism == 1 || is_source(from) ? 1 : g->parallelism;
    int n_ports = is_source(from) ? 1 : from->n_inputs;
    n->sub = (struct plan){.arena = a,
                           .name = p->name,
                           .config = p->config,
                           .n_vertices = n_ports + 1,
                           .vertices = ARENA_NEW_N(a, struct plan_vertex, n_ports + 1),
                           .n_edges = n_ports,
                           .edges = ARENA_NEW_N(a, struct plan_edge, n_ports)};
    struct plan_vertex *to = &n->sub.vertices[n_ports];
    *to = *from;
    to->parallelism = n->n_units;
    to->n_inputs = n_ports;
    to->ops = ARENA_NEW_N(a, struct plan_op, from->n_ops + p->n_edges);
    for (int i = 0; i < from->n_ops; i++) {
        to->ops[i] = from->ops[i];
        to->ops[i].kind = kind_of(from->ops[i].kind);
    }
    if (is_source(from))
        n->sub.edges[0] = (struct plan_edge){
            .to = n_ports, .routing = ROUTING_GLOBAL, .schema = from->ops[0].output};
    int n_channels = 0;
    for (int e = 0; e < p->n_edges; e++) {
        const struct plan_edge *edge = &p->edges[e];
        if (edge->to == v) {
            g->channel_base[e] = n_channels;
            int k = g->nodes[edge->from].n_units;
            n_channels += k;
            for (int u = 0; u < n->n_units; u++)
                n->units[u].open[edge->to_port] += k;
            n->sub.edges[edge->to_port] = (struct plan_edge){.from = edge->to_port,
                                                             .to = n_ports,
                                                             .to_port = edge->to_port,
                                                             .routing = ROUTING_GLOBAL,
                                                             .schema = edge->schema};
        }
        if (edge->from != v) continue;
        struct cJSON *config = cJSON_CreateObject();
        cJSON_AddNumberToObject(config, "edge", e);
        to->ops[to->n_ops++] = (struct plan_op){.kind = "t_out",
                                                .uid = "out",
                                                .name = "out",
                                                .input = edge->from_op,
                                                .input_port = edge->from_port,
                                                .config = plan_json_copy(a, config),
                                                .output = edge->schema};
        cJSON_Delete(config);
    }
    CHECK(to->n_ops <= OPS_MAX && n_channels <= EDGES_MAX * UNITS_MAX);
    for (int u = 0; u < n->n_units; u++) {
        n->units[u].n_channels = n_channels;
        n->units[u].wm = WATERMARK_MIN;
        for (int c = 0; c < n_channels; c++)
            n->units[u].wms[c] = WATERMARK_MIN;
    }
}

static void on_status(void *self, struct task *t, enum task_status s, const struct err *err) {
}
static void on_passed(void *self, struct task *t, const struct barrier *b) {
}

static int on_snapshot(void *self, struct task *t, struct op *op, const struct barrier *b,
                       struct err *err) {
    struct restore_graph *g = self;
    if (!g->begins) return 0;
    int i = (int)(op->links - t->ops);
    for (int v = 0; v < g->q->plan->n_vertices; v++)
        for (int u = 0; u < g->nodes[v].n_units; u++)
            if (g->nodes[v].units[u].task == t) {
                int64_t *wm = &g->take->watermarks[v * OPS_MAX + i];
                *wm = u ? MIN(*wm, op->watermark) : op->watermark;
            }
    state_set_begin(op->ctx->states, g->take->id, g->take->newest, g->take->full, &g->sink);
    return 0;
}

static void on_block(struct block_sink *self, struct sv bytes) {
    struct restore_graph *g = CONTAINER_OF(self, struct restore_graph, sink);
    str_add_sv(&g->take->blocks, bytes);
}

static void start_unit(struct restore_graph *g, int v, int u) {
    struct node *n = &g->nodes[v];
    struct err err = ERR_INIT;
    struct task_opts opts = {.plan = &n->sub,
                             .vertex = n->sub.n_vertices - 1,
                             .subtask = u,
                             .job_id = "job",
                             .attempt = 1,
                             .env = &g->env,
                             .executor = executor_pool_get(g->pool, 0),
                             .callbacks = &g->callbacks,
                             .find_op = find};
    must(task_new(&opts, &n->units[u].task, &err), &err);
    struct task *t = n->units[u].task;
    for (int i = 0; i < t->n_ops; i++)
        state_set_track(t->ops[i].ctx.states);
    must(ops_open(t, &err), &err);
}

struct restore_graph *restore_graph_new(const struct restore_query *q, int parallelism,
                                        struct rnd *r) {
    struct restore_graph *g = mem_zalloc(sizeof *g);
    struct err err = ERR_INIT;
    now = g;
    arena_init(&g->arena);
    clock_replace(&rig_clock);
    g->q = q;
    g->r = r;
    g->env = *session_env(q->session);
    g->parallelism = parallelism;
    g->sink.block = on_block;
    g->callbacks = (struct task_callbacks){
        .self = g, .status = on_status, .snapshot = on_snapshot, .barrier_passed = on_passed};
    must(executor_pool_new(1, &g->pool, &err), &err);
    CHECK(q->plan->n_vertices <= VERTICES_MAX && q->plan->n_edges <= EDGES_MAX);
    for (int v = 0; v < q->plan->n_vertices; v++) /* sources stand in front */
        make_sub(g, v);
    for (int v = 0; v < q->plan->n_vertices; v++)
        for (int u = 0; u < g->nodes[v].n_units; u++)
            start_unit(g, v, u);
    return g;
}

void restore_graph_free(struct restore_graph *g) {
    for (int v = 0; v < g->q->plan->n_vertices; v++)
        for (int u = 0; u < g->nodes[v].n_units; u++)
            task_free(g->nodes[v].units[u].task);
    executor_pool_free(g->pool);
    arena_release(&g->arena);
    clock_replace(NULL);
    free(g);
}

#define EACH_OP(g, l)                                                                              \
    for (int v_ = 0; v_ < (g)->q->plan->n_vertices; v_++)                                          \
        for (int u_ = 0; u_ < (g)->nodes[v_].n_units; u_++)                                        \
            for (struct op_links *l = (g)->nodes[v_].units[u_].task->ops,                          \
                                 *end_ = l + (g)->nodes[v_].units[u_].task->n_ops;                 \
                 l < end_; l++)

/* ---- restoring ------------------------------------------------------------------------------ */

static int make_part(void *self, const char *name, int64_t ns, struct err *err) {
    struct op *op = self;
    if (!op->desc->ops->make_part)
        return err_set(err, ERR_CORRUPT, "%s has no state '%s'", op->desc->kind, name);
    return op->desc->ops->make_part(op, name, ns, err);
}

static void load(struct restore_graph *g, const struct restore_checkpoint *c) {
    struct sv bytes = str_view(&c->blocks);
    struct err err = ERR_INIT;
    for (;;) {
        struct state_block b;
        bool end;
        must(state_block_next(&bytes, &b, &end, &err), &err);
        if (end) return;
        EACH_OP(g, l)
        if (sv_eq(b.op_uid, sv_from(l->ctx.plan->uid)))
            must(state_set_load(l->ctx.states, &b, NULL, make_part, l->op, &err), &err);
    }
}

void restore_graph_start(struct restore_graph *g, const struct restore_checkpoint *const *chain,
                         int n) {
    struct err err = ERR_INIT;
    if (!n) {
        wall_ms = 1000000;
        return;
    }
    const struct restore_checkpoint *last = chain[n - 1];
    wall_ms = last->now_ms;
    for (int v = 0; v < g->q->plan->n_vertices; v++)
        for (int u = 0; u < g->nodes[v].n_units; u++) {
            struct task *t = g->nodes[v].units[u].task;
            for (int i = 0; i < t->n_ops; i++)
                t->ops[i].op->watermark = last->watermarks[v * OPS_MAX + i];
        }
    for (int e = 0; e < g->q->plan->n_edges; e++) { /* outputs say again how far time has come */
        struct node *to = &g->nodes[g->q->plan->edges[e].to];
        for (int u = 0; u < to->n_units; u++)
            for (int c = 0; c < g->nodes[g->q->plan->edges[e].from].n_units; c++)
                to->units[u].wms[g->channel_base[e] + c] =
                    last->watermarks[VERTICES_MAX * OPS_MAX + e];
    }
    for (int i = 0; i < n; i++)
        load(g, chain[i]);
    EACH_OP(g, l) {
        state_set_loaded(l->ctx.states);
        if (l->op->desc->ops->restored) must(l->op->desc->ops->restored(l->op, &err), &err);
    }
}

/* ---- running -------------------------------------------------------------------------------- */

static void settle_all(struct restore_graph *g) {
    struct err err = ERR_INIT;
    for (bool progress = true; progress;) {
        progress = false;
        for (int v = g->q->plan->n_vertices - 1; v >= 0; v--)
            for (int u = 0; u < g->nodes[v].n_units; u++) {
                struct task *t = g->nodes[v].units[u].task;
                for (int i = t->n_ops - 1; i >= 0; i--)
                    if (op_busy(&t->ops[i])) {
                        bool ignored;
                        progress = true;
                        must(op_drain(&t->ops[i], &ignored, &err), &err);
                    }
            }
    }
}

static void set_clock(struct restore_graph *g, int64_t ms) {
    struct err err = ERR_INIT;
    wall_ms = ms;
    for (bool due = true; due;) {
        due = false;
        for (int v = 0; v < g->q->plan->n_vertices; v++)
            for (int u = 0; u < g->nodes[v].n_units; u++) {
                struct task *t = g->nodes[v].units[u].task;
                if (t->next_timer_ms > ms) continue;
                due = true;
                must(ops_fire_timers(t, ms, &err), &err);
            }
        settle_all(g);
    }
}

void restore_graph_step(struct restore_graph *g, const struct restore_step *s,
                        struct restore_checkpoint *take, struct str *out) {
    g->out = out;
    struct unit *first = &g->nodes[s->vertex].units[0];
    switch (s->kind) {
    case STEP_ROWS:
        give(first, (struct item){.kind = ITEM_BATCH, .u.batch = batch_ref(s->batch)});
        break;
    case STEP_WATERMARK:
        give(first, (struct item){.kind = ITEM_WATERMARK, .u.wm = s->ms});
        break;
    case STEP_CLOCK:
        set_clock(g, s->ms);
        break;
    case STEP_BARRIER:
        if ((g->begins = take)) {
            g->take = take;
            take->now_ms = wall_ms;
            take->watermarks = mem_calloc(WATERMARKS, sizeof *take->watermarks);
        }
        for (int v = 0; v < g->q->plan->n_vertices; v++)
            if (is_source(&g->q->plan->vertices[v]))
                give(&g->nodes[v].units[0], (struct item){.kind = ITEM_BARRIER});
        break;
    }
    settle_all(g);
}

void restore_graph_finish(struct restore_graph *g, struct str *out) {
    g->out = out;
    for (int v = 0; v < g->q->plan->n_vertices; v++)
        if (is_source(&g->q->plan->vertices[v])) {
            struct unit *u = &g->nodes[v].units[0];
            give(u, (struct item){.kind = ITEM_WATERMARK, .u.wm = WATERMARK_MAX});
            give(u, (struct item){.kind = ITEM_END});
        }
    settle_all(g);
}

bool restore_graph_copy(struct restore_graph *g) {
    bool done = true;
    EACH_OP(g, l) done &= state_set_step(l->ctx.states, 1 + (uint32_t)rnd_below(g->r, 12));
    return done;
}

void restore_graph_cancel(struct restore_graph *g) {
    EACH_OP(g, l) state_set_cancel(l->ctx.states);
}
