/* rig.h - small plans made by hand, test ops to put into them, and a log of what came out.
 *
 * Ops: t_source (rows with embedded watermarks), t_sink (logs everything; held back by
 * rig_log.hold), t_late (as t_sink, with OP_STEPS_LATE), t_count, t_pieces (gives its input in
 * pieces, with OP_MORE), t_pass (OP_STEPS_PASS), t_fail. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_RIG_H
#define PENSTOCK_TESTS_UNIT_WORKER_RIG_H

#include "tests/unit/cmocka_wrap.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "connector/connector.h"
#include "worker/job_runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the log -------------------------------------------------------------------------------- */

enum entry_kind { ENTRY_ROW, ENTRY_WM, ENTRY_BARRIER, ENTRY_END };
struct entry {
    enum entry_kind kind;
    int port;
    int64_t k, v; /* v: value, watermark, barrier */
    uint8_t row_kind;
    bool late; /* the watermark in front of the row is not below v */
};

enum { RIG_SUBTASKS = 16 };
static struct rig_log {
    pthread_mutex_t lock;
    struct entry *entries[RIG_SUBTASKS];
    size_t n[RIG_SUBTASKS], cap[RIG_SUBTASKS];
    uint32_t n_batches, max_batch_rows;
    bool hold; /* sinks take nothing */
    struct op *sinks[RIG_SUBTASKS];
} rig_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

ATTR_UNUSED static int rig_setup(void **state) {
    for (int i = 0; i < RIG_SUBTASKS; i++) {
        free(rig_log.entries[i]);
        rig_log.entries[i] = NULL;
        rig_log.n[i] = rig_log.cap[i] = 0;
        rig_log.sinks[i] = NULL;
    }
    rig_log.n_batches = rig_log.max_batch_rows = 0;
    rig_log.hold = false;
    return 0;
}

static void rig_note(int subtask, struct entry e) {
    MEM_GROW(rig_log.entries[subtask], rig_log.n[subtask], rig_log.cap[subtask]);
    rig_log.entries[subtask][rig_log.n[subtask]++] = e;
}

ATTR_UNUSED static size_t rig_count(int subtask, enum entry_kind kind) {
    size_t n = 0;
    pthread_mutex_lock(&rig_log.lock);
    for (size_t i = 0; i < rig_log.n[subtask]; i++)
        n += rig_log.entries[subtask][i].kind == kind;
    pthread_mutex_unlock(&rig_log.lock);
    return n;
}

ATTR_UNUSED static void rig_release_hold(void) {
    pthread_mutex_lock(&rig_log.lock);
    rig_log.hold = false;
    for (int i = 0; i < RIG_SUBTASKS; i++)
        if (rig_log.sinks[i]) op_wake(rig_log.sinks[i]);
    pthread_mutex_unlock(&rig_log.lock);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* (k BIGINT, v BIGINT, s STRING, n INT): v counts, k = v % keys, s names v (long for odd v), n is
 * NULL where v % 3 == 0. */
ATTR_UNUSED static const struct schema *rig_schema(void) {
    static struct field fields[4] = {{"k", NULL}, {"v", NULL}, {"s", NULL}, {"n", NULL}};
    static struct schema s = {4, fields};
    if (!fields[0].type) {
        fields[0].type = fields[1].type = type_of(TYPE_BIGINT);
        fields[2].type = type_of(TYPE_VARCHAR);
        fields[3].type = type_of(TYPE_INT);
    }
    return &s;
}

static int rig_text(char *buf, size_t size, int64_t v) {
    return v % 2 ? snprintf(buf, size, "the long name of %lld", (long long)v)
                 : snprintf(buf, size, "%lld", (long long)v);
}

ATTR_UNUSED static struct batch *rig_batch(int64_t first, int64_t by, uint32_t n, int64_t keys) {
    const struct schema *s = rig_schema();
    struct col_builder cb[4];
    for (int i = 0; i < 4; i++)
        col_builder_init(&cb[i], s->fields[i].type, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        int64_t v = first + i * by;
        char text[64];
        int len = rig_text(text, sizeof(text), v);
        col_add_int(&cb[0], v % keys);
        col_add_int(&cb[1], v);
        col_add_str(&cb[2], text, (size_t)len);
        if (v % 3 == 0)
            col_add_null(&cb[3]);
        else
            col_add_int(&cb[3], v % 1000);
    }
    struct batch *b = batch_new(4);
    b->n = n;
    for (int i = 0; i < 4; i++) {
        col_builder_finish(&cb[i], &b->cols[i]);
        col_builder_release(&cb[i]);
    }
    return b;
}

/* Row i of b is as rig_batch makes them, whatever route it took. */
ATTR_UNUSED static void rig_check_row(const struct batch *b, uint32_t i) {
    int64_t v = COL_DATA(&b->cols[1], int64_t)[i];
    char text[64];
    rig_text(text, sizeof(text), v);
    struct sv s = strv_sv(&COL_DATA(&b->cols[2], struct strv)[i]);
    CHECKF(sv_eq_str(s, text), "row %u: '%.*s' for '%s'", i, (int)s.len, s.ptr, text);
    CHECK(col_is_valid(&b->cols[3], i) == (v % 3 != 0));
    CHECK(v % 3 == 0 || COL_DATA(&b->cols[3], int32_t)[i] == v % 1000);
}

/* ---- source --------------------------------------------------------------------------------- */

/* Row i of subtask s of p has v = i * p + s; before row i (every stepEvery-th) stands watermark
 * i * p - 1. */
struct t_source_op {
    struct op base;
    int64_t rows, next, batch, step_every, keys, idle_at;
    bool repeat, splits, no_more;
    struct batch *b; /* repeat: the same batch again and again */
};

static int ts_open(struct op *op, struct err *err) {
    struct t_source_op *s = (struct t_source_op *)op;
    const cJSON *c = op->ctx->plan->config;
    s->rows = json_opt_i64(c, "rows", 0);
    s->batch = json_opt_i64(c, "batch", 100);
    s->step_every = json_opt_i64(c, "stepEvery", 0);
    s->keys = json_opt_i64(c, "keys", 10);
    s->idle_at = json_opt_i64(c, "idleAt", -1);
    s->repeat = json_opt_bool(c, "repeat", false);
    s->splits = json_opt_bool(c, "splits", false);
    if (s->repeat)
        s->b = rig_batch(op->ctx->subtask, op->ctx->parallelism, (uint32_t)s->batch, s->keys);
    return 0;
}

static struct batch *ts_make(struct t_source_op *s, int64_t n) {
    int64_t p = s->base.ctx->parallelism;
    struct batch *b = rig_batch(s->next * p + s->base.ctx->subtask, p, (uint32_t)n, s->keys);
    struct wm_step steps[BATCH_ROWS_MAX];
    uint32_t n_steps = 0;
    for (int64_t i = 0; s->step_every && i < n; i++)
        if (s->next + i > 0 && (s->next + i) % s->step_every == 0)
            steps[n_steps++] = (struct wm_step){(uint32_t)i, (s->next + i) * p - 1};
    if (n_steps) batch_set_steps(b, steps, n_steps);
    return b;
}

static int ts_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    struct t_source_op *s = (struct t_source_op *)op;
    if (s->next == s->idle_at) {
        s->idle_at = -1;
        int rc = op_emit_idle(op, true, err);
        return rc ? rc : SOURCE_MORE;
    }
    if (s->next == s->rows) return s->splits && !s->no_more ? SOURCE_WAIT : SOURCE_END;
    int64_t n = MIN(s->batch, s->rows - s->next);
    if (s->idle_at > s->next) n = MIN(n, s->idle_at - s->next);
    struct batch *b = s->repeat ? batch_ref(s->b) : ts_make(s, n);
    s->next += n;
    int rc = op_emit(op, b, err);
    return rc ? rc : SOURCE_DATA;
}

static int ts_add_split(struct op *op, const cJSON *split, struct err *err) {
    ((struct t_source_op *)op)->rows += json_opt_i64(split, "rows", 0);
    return 0;
}

static void ts_no_more_splits(struct op *op) {
    ((struct t_source_op *)op)->no_more = true;
}

static void ts_close(struct op *op) {
    batch_unref(((struct t_source_op *)op)->b);
    ((struct t_source_op *)op)->b = NULL;
}

static const struct source_op_ops ts_ops = {
    .base = {.size_bytes = sizeof(struct t_source_op), .open = ts_open, .close = ts_close},
    .poll = ts_poll,
    .add_split = ts_add_split,
    .no_more_splits = ts_no_more_splits};

/* ---- sinks ---------------------------------------------------------------------------------- */

struct t_sink_op {
    struct op base;
    struct batch *kept;
    int kept_port;
};

static void sink_log(struct op *op, int port, struct batch *b) {
    bool late = op->desc->ops->flags & OP_STEPS_LATE;
    if (!late) CHECK(b->n_steps == 0); /* the task cuts */
    rig_log.n_batches++;
    rig_log.max_batch_rows = MAX(rig_log.max_batch_rows, b->n);
    struct wm_cursor c = wm_cursor_of(op->watermark, b);
    for (uint32_t i = 0; i < b->n; i++) {
        rig_check_row(b, i);
        int64_t v = COL_DATA(&b->cols[1], int64_t)[i];
        struct entry e = {ENTRY_ROW,
                          port,
                          COL_DATA(&b->cols[0], int64_t)[i],
                          v,
                          b->kinds ? b->kinds[i] : 0,
                          wm_cursor_at(&c, i) >= v};
        rig_note(op->ctx->subtask, e);
    }
}

static int tk_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct t_sink_op *s = (struct t_sink_op *)op;
    pthread_mutex_lock(&rig_log.lock);
    rig_log.sinks[op->ctx->subtask] = op;
    bool hold = rig_log.hold;
    if (!hold) sink_log(op, port, b);
    pthread_mutex_unlock(&rig_log.lock);
    if (hold) {
        s->kept = b;
        s->kept_port = port;
        return OP_WAIT;
    }
    batch_unref(b);
    return OP_DONE;
}

static int tk_resume(struct op *op, struct err *err) {
    struct t_sink_op *s = (struct t_sink_op *)op;
    struct batch *b = s->kept;
    s->kept = NULL;
    return b ? tk_push(op, s->kept_port, b, err) : OP_DONE;
}

static void tk_note(struct op *op, enum entry_kind kind, int port, int64_t v) {
    pthread_mutex_lock(&rig_log.lock);
    rig_note(op->ctx->subtask, (struct entry){kind, port, 0, v, 0, false});
    pthread_mutex_unlock(&rig_log.lock);
}

static int tk_watermark(struct op *op, int64_t wm, struct err *err) {
    tk_note(op, ENTRY_WM, 0, wm);
    return op_emit_watermark(op, wm, err);
}

static int tk_barrier(struct op *op, const struct barrier *b, struct err *err) {
    tk_note(op, ENTRY_BARRIER, 0, (int64_t)b->id);
    return OP_DONE;
}

static int tk_end(struct op *op, int port, struct err *err) {
    tk_note(op, ENTRY_END, port, 0);
    return OP_DONE;
}

static void tk_close(struct op *op) {
    pthread_mutex_lock(&rig_log.lock);
    rig_log.sinks[op->ctx->subtask] = NULL;
    pthread_mutex_unlock(&rig_log.lock);
    batch_unref(((struct t_sink_op *)op)->kept);
}

#define T_SINK_OPS(flags_)                                                                         \
    {                                                                                              \
        .size_bytes = sizeof(struct t_sink_op), .flags = (flags_), .push = tk_push,                \
        .resume = tk_resume, .watermark = tk_watermark, .barrier = tk_barrier,                     \
        .end_input = tk_end, .close = tk_close                                                     \
    }
static const struct op_ops t_sink_ops = T_SINK_OPS(0), t_late_ops = T_SINK_OPS(OP_STEPS_LATE);

static _Atomic uint64_t rig_rows_seen;
static int tc_push(struct op *op, int port, struct batch *b, struct err *err) {
    atomic_fetch_add_explicit(&rig_rows_seen, b->n, memory_order_relaxed);
    batch_unref(b);
    return OP_DONE;
}
static const struct op_ops t_count_ops = {
    .size_bytes = sizeof(struct op), .flags = OP_STEPS_LATE, .push = tc_push};

/* ---- in between ----------------------------------------------------------------------------- */

/* Gives each batch in pieces of config.piece rows, one per call. */
struct t_pieces_op {
    struct op base;
    struct batch *b;
    uint32_t at;
};

static int tp_resume(struct op *op, struct err *err) {
    struct t_pieces_op *s = (struct t_pieces_op *)op;
    uint32_t n = (uint32_t)json_opt_i64(op->ctx->plan->config, "piece", 1);
    n = MIN(n, s->b->n - s->at);
    struct batch *part = batch_slice(s->b, s->at, n);
    s->at += n;
    bool more = s->at < s->b->n;
    if (!more) {
        batch_unref(s->b);
        s->b = NULL;
    }
    int rc = op_emit(op, part, err);
    return rc ? rc : more ? OP_MORE : OP_DONE;
}

static int tp_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct t_pieces_op *s = (struct t_pieces_op *)op;
    CHECK(!s->b); /* nothing is pushed before the last resume */
    CHECK(b->n_steps == 0);
    s->b = b;
    s->at = 0;
    return tp_resume(op, err);
}

static void tp_close(struct op *op) {
    batch_unref(((struct t_pieces_op *)op)->b);
}

static const struct op_ops t_pieces_ops = {.size_bytes = sizeof(struct t_pieces_op),
                                           .push = tp_push,
                                           .resume = tp_resume,
                                           .close = tp_close};

static int tpass_push(struct op *op, int port, struct batch *b, struct err *err) {
    return op_emit(op, b, err);
}
static const struct op_ops t_pass_ops = {
    .size_bytes = sizeof(struct op), .flags = OP_STEPS_PASS, .push = tpass_push};

static int tfail_push(struct op *op, int port, struct batch *b, struct err *err) {
    batch_unref(b);
    return err_set(err, ERR_RUNTIME, "division by zero");
}
static const struct op_ops t_fail_ops = {.size_bytes = sizeof(struct op), .push = tfail_push};

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
