/* op_rig.h - one op alone in a task that no executor runs: the test gives it items in an order of
 * its own, and the sink behind it is full now and then. What comes out is a list of lines: "+I
 * 1|x", "wm 5", "barrier 2", "end".
 *
 * Rows of tests are BIGINTs (or NULL) unless a schema says otherwise. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_OP_RIG_H
#define PENSTOCK_TESTS_UNIT_WORKER_OP_RIG_H

#include "tests/unit/worker/random_batch.h"
#include "tests/unit/worker/rig.h"

#include "vector/func/func.h"
#include "vector/func/tz.h"
#include "vector/value.h"
#include "worker/task_ops.h"

struct op_rig {
    struct rig plan;
    struct eval_env env;
    struct task_callbacks callbacks;
    struct executor_pool *pool;
    struct task *task;
    struct rnd r;
    unsigned full_percent; /* how often the sink is full behind a batch */
    char **lines;
    size_t n, cap;
    uint32_t max_rows; /* of a batch that came out */
    uint64_t n_barriers;
};

static struct op_rig *op_rig_now; /* of the sink */

/* ---- the sink ------------------------------------------------------------------------------- */

static void op_rig_line(struct op_rig *o, const char *text) {
    MEM_GROW(o->lines, o->n, o->cap);
    o->lines[o->n++] = mem_strdup(text);
}

static int trc_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct op_rig *o = op_rig_now;
    CHECK(b->n_cols == op->ctx->inputs[0]->n);
    o->max_rows = MAX(o->max_rows, b->n);
    for (uint32_t i = 0; i < b->n; i++) {
        AUTO_STR line = STR_INIT;
        str_add(&line, row_kind_text[b->kinds ? b->kinds[i] : 0]);
        for (int c = 0; c < b->n_cols; c++) {
            CHECK(b->cols[c].n == b->n);
            str_add_char(&line, c ? '|' : ' ');
            if (col_is_valid(&b->cols[c], i))
                value_print(&b->cols[c], i, tz_utc(), &line);
            else
                str_add(&line, "NULL");
        }
        op_rig_line(o, str_text(&line));
    }
    batch_unref(b);
    return rnd_below(&o->r, 100) < o->full_percent ? OP_MORE : OP_DONE;
}
static int trc_resume(struct op *op, struct err *err) {
    return rnd_below(&op_rig_now->r, 3) ? OP_DONE : OP_MORE;
}
static int trc_watermark(struct op *op, int64_t wm, struct err *err) {
    char text[40];
    snprintf(text, sizeof text, "wm %lld", (long long)wm);
    op_rig_line(op_rig_now, wm == WATERMARK_MAX ? "wm max" : text);
    return OP_DONE;
}
static int trc_barrier(struct op *op, const struct barrier *b, struct err *err) {
    char text[40];
    snprintf(text, sizeof text, "barrier %llu", (unsigned long long)b->id);
    op_rig_line(op_rig_now, text);
    return OP_DONE;
}
static int trc_end(struct op *op, int port, struct err *err) {
    op_rig_line(op_rig_now, "end");
    return OP_DONE;
}
static const struct op_ops trc_ops = {.size_bytes = sizeof(struct op),
                                      .push = trc_push,
                                      .resume = trc_resume,
                                      .watermark = trc_watermark,
                                      .barrier = trc_barrier,
                                      .end_input = trc_end};

static const struct op_desc *op_rig_find(const char *kind) {
    static const struct op_desc sink = {"t_lines", "", 1, &trc_ops};
    return strcmp(kind, sink.kind) ? rig_find_op(kind) : &sink;
}

/* ---- making --------------------------------------------------------------------------------- */

static void trc_status(void *self, struct task *t, enum task_status s, const struct err *err) {
}
static int trc_snapshot(void *self, struct task *t, struct op *op, const struct barrier *b,
                        struct err *err) {
    return 0;
}
static void trc_passed(void *self, struct task *t, const struct barrier *b) {
}

/* n columns c0, c1... of a type, in the rig's arena. */
static const struct schema *op_rig_schema(struct op_rig *o, const struct type *type, int n) {
    struct field *f = ARENA_NEW_N(&o->plan.arena, struct field, n + 1);
    for (int i = 0; i < n; i++)
        f[i] = (struct field){arena_printf(&o->plan.arena, "c%d", i), type};
    struct schema *s = ARENA_NEW(&o->plan.arena, struct schema);
    *s = (struct schema){n, f};
    return s;
}

static void op_rig_init(struct op_rig *o, uint64_t seed, uint32_t batch_rows) {
    memset(o, 0, sizeof *o);
    rig_init(&o->plan);
    o->plan.plan.config.batch_rows = batch_rows;
    o->r.state = seed;
    o->full_percent = 30;
    o->env.zone = tz_utc();
    o->callbacks = (struct task_callbacks){
        .self = o, .status = trc_status, .snapshot = trc_snapshot, .barrier_passed = trc_passed};
    op_rig_now = o;
}

/* Chain of n ops (kind, config, output), the first of which has the inputs. Returns what opening
 * them does. */
struct op_rig_op {
    const char *kind, *config;
    const struct schema *output;
};
static int op_rig_open_chain(struct op_rig *o, const struct schema *const *inputs, int n_inputs,
                             const struct op_rig_op *ops, int n, struct err *err) {
    for (int i = 0; i < n_inputs; i++) {
        int v = rig_vertex(&o->plan, 1, 0);
        rig_op(&o->plan, v, "t_source", "{}", inputs[i]);
    }
    int v = rig_vertex(&o->plan, 1, n_inputs);
    for (int i = 0; i < n_inputs; i++)
        rig_edge(&o->plan, i, v, i, ROUTING_GLOBAL);
    for (int i = 0; i < n; i++)
        rig_op(&o->plan, v, ops[i].kind, ops[i].config, ops[i].output);
    rig_op(&o->plan, v, "t_lines", "{}", ops[n - 1].output);
    assert_ok(executor_pool_new(1, &o->pool, err), err);
    struct task_opts opts = {.plan = &o->plan.plan,
                             .vertex = v,
                             .job_id = "job",
                             .attempt = 1,
                             .env = &o->env,
                             .executor = executor_pool_get(o->pool, 0),
                             .callbacks = &o->callbacks,
                             .find_op = op_rig_find};
    assert_ok(task_new(&opts, &o->task, err), err);
    return ops_open(o->task, err);
}

ATTR_UNUSED static void op_rig_open(struct op_rig *o, const struct schema *const *inputs,
                                    int n_inputs, const char *kind, const char *config,
                                    const struct schema *output) {
    struct err err = ERR_INIT;
    struct op_rig_op op = {kind, config, output};
    assert_ok(op_rig_open_chain(o, inputs, n_inputs, &op, 1, &err), &err);
}

ATTR_UNUSED static void op_rig_release(struct op_rig *o) {
    task_free(o->task);
    executor_pool_free(o->pool);
    rig_release(&o->plan);
    for (size_t i = 0; i < o->n; i++)
        free(o->lines[i]);
    free(o->lines);
}

/* ---- feeding -------------------------------------------------------------------------------- */

/* One round over the ops; false when nothing is left to do. */
ATTR_UNUSED static bool op_rig_pump(struct op_rig *o) {
    struct err err = ERR_INIT;
    bool progress = false;
    for (int i = o->task->n_ops - 1; i >= 0; i--)
        if (op_busy(&o->task->ops[i])) {
            progress = true;
            bool ignored;
            assert_ok(op_drain(&o->task->ops[i], &ignored, &err), &err);
        }
    return progress;
}

/* What stands in the inbox of a busy op is in order, so items may be given at any time; as from an
 * op in front, some of them come before the op is done with the last. */
static void op_rig_give(struct op_rig *o, struct item it) {
    struct err err = ERR_INIT;
    assert_ok(op_give(&o->task->ops[0], &it, &err), &err);
    if (rnd_below(&o->r, 2)) {
        while (op_rig_pump(o))
            ;
    } else {
        for (uint64_t i = rnd_below(&o->r, 3); i > 0; i--)
            op_rig_pump(o);
    }
}

ATTR_UNUSED static void op_rig_push(struct op_rig *o, int port, struct batch *b /* takes */) {
    op_rig_give(o, (struct item){.kind = ITEM_BATCH, .port = port, .u.batch = b});
}
ATTR_UNUSED static void op_rig_wm(struct op_rig *o, int64_t wm) {
    op_rig_give(o, (struct item){.kind = ITEM_WATERMARK, .u.wm = wm});
}
ATTR_UNUSED static void op_rig_barrier(struct op_rig *o) {
    op_rig_give(o, (struct item){.kind = ITEM_BARRIER, .u.barrier = {.id = ++o->n_barriers}});
}
ATTR_UNUSED static void op_rig_end(struct op_rig *o, int port) {
    op_rig_give(o, (struct item){.kind = ITEM_END, .port = port});
}
/* The end of all inputs; then until nothing is left. */
ATTR_UNUSED static void op_rig_finish(struct op_rig *o, int n_ports) {
    op_rig_wm(o, WATERMARK_MAX);
    for (int p = 0; p < n_ports; p++)
        op_rig_end(o, p);
    while (op_rig_pump(o))
        ;
    assert_true(o->n && !strcmp(o->lines[o->n - 1], "end"));
}

#endif
