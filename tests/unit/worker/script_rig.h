/* script_rig.h - one op under a script of rows, each at its time of an injected clock: the clock
 * moves, timers that are due fire, then the row comes, and it goes through the whole plan before
 * the next. Behind row i stands watermark i + 1. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_SCRIPT_RIG_H
#define PENSTOCK_TESTS_UNIT_WORKER_SCRIPT_RIG_H

#include "tests/unit/worker/rig.h"

#include "vector/value.h"

/* One row: when, on which side (joins), what. */
struct step {
    int64_t at_ms;
    uint8_t kind;
    int64_t side, k, v;
};

static struct {
    const struct step *steps;
    int64_t n;
    _Atomic int64_t done; /* rows that have gone through */
    _Atomic int64_t now_ms;
    int64_t mini_batch_rows; /* 0: no mini-batches */
    struct str text;         /* of what came out: "+I[1, 2] " ... and "| " behind each step */
} script;

static int64_t scripted_ms(void *self) {
    return atomic_load(&script.now_ms);
}

static int64_t real_ns(void *self) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const struct clock_ops scripted_clock = {.mono_ns = real_ns, .wall_ms = scripted_ms};

/* (side, k, v), all BIGINT. */
static const struct schema *row_schema(void) {
    static struct field fields[3] = {{"side", NULL}, {"k", NULL}, {"v", NULL}};
    static const struct schema s = {3, fields};
    for (int i = 0; i < 3; i++)
        fields[i].type = type_of(TYPE_BIGINT);
    return &s;
}

static const struct schema *bigints(struct rig *r, int n) {
    struct field *fields = ARENA_NEW_N(&r->arena, struct field, n);
    struct schema *s = ARENA_NEW(&r->arena, struct schema);
    for (int i = 0; i < n; i++)
        fields[i] = (struct field){"c", type_of(TYPE_BIGINT)};
    *s = (struct schema){n, fields};
    return s;
}

struct script_op {
    struct op base;
    int64_t next;
    bool ticked; /* the clock shows the next row's time */
};

ATTR_UNUSED static int script_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    struct script_op *s = (struct script_op *)op;
    if (atomic_load(&script.done) < s->next) { /* the last row is on its way */
        *ret_wake_ns = clock_mono_ns() + 100000;
        return SOURCE_WAIT;
    }
    if (s->next == script.n) return SOURCE_END;
    const struct step *x = &script.steps[s->next];
    if (!s->ticked) { /* timers first */
        atomic_store(&script.now_ms, x->at_ms);
        s->ticked = true;
        *ret_wake_ns = clock_mono_ns() + 100000;
        return SOURCE_WAIT;
    }
    s->ticked = false;
    s->next++;
    struct batch *b = batch_new(3);
    b->n = 1;
    const int64_t values[3] = {x->side, x->k, x->v};
    for (int i = 0; i < 3; i++) {
        col_init(&b->cols[i], type_of(TYPE_BIGINT), 1);
        COL_DATA(&b->cols[i], int64_t)[0] = values[i];
    }
    batch_make_kinds(b)[0] = x->kind;
    int rc = op_emit(op, b, err);
    if (!rc) rc = op_emit_watermark(op, s->next, err);
    return rc ? rc : SOURCE_DATA;
}

ATTR_UNUSED static int end_push(struct op *op, int port, struct batch *b, struct err *err) {
    for (uint32_t i = 0; i < b->n; i++) {
        str_add(&script.text, row_kind_text[b->kinds ? b->kinds[i] : ROW_INSERT]);
        for (int c = 0; c < b->n_cols; c++) {
            str_add(&script.text, c ? ", " : "[");
            value_print(&b->cols[c], i, NULL, &script.text);
        }
        str_add(&script.text, "] ");
    }
    batch_unref(b);
    return OP_DONE;
}

ATTR_UNUSED static int end_watermark(struct op *op, int64_t wm, struct err *err) {
    if (wm == WATERMARK_MAX) return 0;
    str_add(&script.text, "| ");
    atomic_store(&script.done, wm);
    return 0;
}

static const struct source_op_ops script_ops = {.base = {.size_bytes = sizeof(struct script_op)},
                                                .poll = script_poll};
static const struct op_ops end_ops = {
    .size_bytes = sizeof(struct op), .push = end_push, .watermark = end_watermark};

static const struct op_desc *find_op(const char *kind) {
    static const struct op_desc descs[] = {{"t_script", "", 0, &script_ops.base},
                                           {"t_end", "", 1, &end_ops}};
    for (size_t i = 0; i < ARRAY_LEN(descs); i++)
        if (strcmp(descs[i].kind, kind) == 0) return &descs[i];
    return rig_find_op(kind);
}

ATTR_UNUSED static void run_plan(struct rig *r) {
    struct err err = ERR_INIT;
    struct worker *w;
    r->plan.config.buffer_timeout_ms = 0;
    r->plan.config.mini_batch = script.mini_batch_rows > 0;
    r->plan.config.mini_batch_size = script.mini_batch_rows;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(r);
    spec.find_op = find_op;
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    job_runtime_free(rt);
    worker_free(w);
}

ATTR_UNUSED static void begin(const struct step *steps, size_t n) {
    script.steps = steps;
    script.n = (int64_t)n;
    atomic_store(&script.done, 0);
    atomic_store(&script.now_ms, 0);
    str_clear(&script.text);
}

/* source -> the op -> end; n_out: its output columns. */
ATTR_UNUSED static const char *run_op(const char *kind, const char *config, int n_out,
                                      const struct step *steps, size_t n) {
    struct rig r;
    rig_init(&r);
    begin(steps, n);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_script", "{}", row_schema());
    rig_op(&r, v, kind, config, bigints(&r, n_out));
    rig_op(&r, v, "t_end", "{}", bigints(&r, n_out));
    run_plan(&r);
    rig_release(&r);
    return str_text(&script.text);
}

#define I ROW_INSERT
#define D ROW_DELETE
#define STEPS(...)                                                                                 \
    (const struct step[]){__VA_ARGS__}, ARRAY_LEN(((const struct step[]){__VA_ARGS__}))

ATTR_UNUSED static int script_setup(void **state) {
    clock_replace(&scripted_clock);
    return 0;
}

ATTR_UNUSED static int script_teardown(void **state) {
    clock_replace(NULL);
    str_release(&script.text);
    return 0;
}

#endif
