/* task_test.c - whole small plans in one process: steps, watermarks, OP_MORE, barriers, waiting,
 * failing, ending. */
#include "tests/unit/worker/rig.h"

/* source -> sink in one task. */
static void chain_to_sink(void **state) {
    struct rig r;
    rig_init(&r);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_source", "{\"rows\": 1000, \"batch\": 64}", rig_schema());
    rig_op(&r, v, "t_sink", "{}", rig_schema());
    rig_run(&r, 1);
    assert_int_equal(rig_count(0, ENTRY_ROW), 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rig_log.entries[0][i].v, i);
    assert_int_equal(rig_log.entries[0][1000].kind, ENTRY_WM);
    assert_int_equal(rig_log.entries[0][1000].v, WATERMARK_MAX);
    assert_int_equal(rig_log.entries[0][1001].kind, ENTRY_END);
    assert_int_equal(rig_log.n[0], 1002);
    rig_release(&r);
}

/* With stepEvery 10: rows 0..9, watermark 9, rows 10..19, watermark 19, ... */
static void check_steps(int rows, int every) {
    size_t at = 0;
    for (int i = 0; i < rows; i++) {
        if (i && i % every == 0) {
            assert_int_equal(rig_log.entries[0][at].kind, ENTRY_WM);
            assert_int_equal(rig_log.entries[0][at].v, i - 1);
            at++;
        }
        assert_int_equal(rig_log.entries[0][at].kind, ENTRY_ROW);
        assert_int_equal(rig_log.entries[0][at].v, i);
        at++;
    }
    assert_int_equal(rig_log.entries[0][at].v, WATERMARK_MAX);
    assert_int_equal(rig_log.entries[0][at + 1].kind, ENTRY_END);
    assert_int_equal(rig_log.n[0], at + 2);
}

static void steps_are_cut(void **state) {
    static const int batches[] = {1, 2, 10, 64, 1000}, everys[] = {1, 3, 10, 64};
    for (size_t b = 0; b < ARRAY_LEN(batches); b++)
        for (size_t e = 0; e < ARRAY_LEN(everys); e++) {
            rig_setup(NULL);
            struct rig r;
            rig_init(&r);
            int v = rig_vertex(&r, 1, 0);
            char config[128];
            snprintf(config, sizeof(config), "{\"rows\": 500, \"batch\": %d, \"stepEvery\": %d}",
                     batches[b], everys[e]);
            rig_op(&r, v, "t_source", config, rig_schema());
            rig_op(&r, v, "t_pass", "{}", rig_schema());
            rig_op(&r, v, "t_sink", "{}", rig_schema());
            rig_run(&r, 1);
            check_steps(500, everys[e]);
            rig_release(&r);
        }
}

/* The same, with an op in between that gives 7 rows a call, and an exchange behind it. */
static void pieces_keep_order(void **state) {
    for (int exchange = 0; exchange < 2; exchange++) {
        rig_setup(NULL);
        struct rig r;
        rig_init(&r);
        int v = rig_vertex(&r, 1, 0);
        rig_op(&r, v, "t_source", "{\"rows\": 500, \"batch\": 64, \"stepEvery\": 10}",
               rig_schema());
        rig_op(&r, v, "t_pieces", "{\"piece\": 7}", rig_schema());
        rig_op(&r, v, "t_pieces", "{\"piece\": 3}", rig_schema());
        if (exchange) {
            int sink = rig_vertex(&r, 1, 1);
            rig_edge(&r, v, sink, 0, ROUTING_HASH);
            v = sink;
        }
        rig_op(&r, v, "t_sink", "{}", rig_schema());
        if (exchange) r.plan.vertices[v].ops[0].input = -1;
        rig_run(&r, 1);
        check_steps(500, 10);
        rig_release(&r);
    }
}

/* An op with OP_STEPS_LATE sees whole batches, and each row's watermark by its cursor. */
static void late_ops_see_steps(void **state) {
    struct rig r;
    rig_init(&r);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_source", "{\"rows\": 640, \"batch\": 64, \"stepEvery\": 10}", rig_schema());
    rig_op(&r, v, "t_late", "{}", rig_schema());
    rig_run(&r, 1);
    assert_int_equal(rig_log.n_batches, 10);
    int64_t wm = WATERMARK_MIN;
    size_t rows = 0, wms = 0;
    for (size_t i = 0; i < rig_log.n[0]; i++) {
        struct entry *e = &rig_log.entries[0][i];
        if (e->kind == ENTRY_ROW) {
            assert_false(e->late);
            rows++;
        } else if (e->kind == ENTRY_WM) {
            assert_true(e->v > wm);
            wm = e->v;
            wms++;
        }
    }
    assert_int_equal(rows, 640);
    assert_int_equal(wms, 11); /* one behind each batch, and the last */
    rig_release(&r);
}

/* ---- exchanges ------------------------------------------------------------------------------ */

struct counts {
    size_t rows;
    int64_t next_of[RIG_SUBTASKS]; /* per source: rows must come in order */
};

/* What must hold at a sink subtask of any exchange: no row behind its watermark, watermarks rise to
 * MAX, rows of one source in order, the end last. */
static void check_sink(int subtask, int sources, struct counts *c) {
    int64_t wm = WATERMARK_MIN, last[RIG_SUBTASKS];
    for (int s = 0; s < sources; s++)
        last[s] = -1;
    for (size_t i = 0; i < rig_log.n[subtask]; i++) {
        struct entry *e = &rig_log.entries[subtask][i];
        if (e->kind == ENTRY_ROW) {
            assert_true(e->v > wm);
            assert_true(e->v > last[e->v % sources]);
            last[e->v % sources] = e->v;
            c->rows++;
        } else if (e->kind == ENTRY_WM) {
            assert_true(e->v > wm);
            wm = e->v;
        }
    }
    assert_true(wm == WATERMARK_MAX);
    assert_int_equal(rig_log.entries[subtask][rig_log.n[subtask] - 1].kind, ENTRY_END);
}

static void run_exchange(enum routing routing, int from, int to, int executors, int batch,
                         uint32_t batch_rows) {
    rig_setup(NULL);
    struct rig r;
    rig_init(&r);
    r.plan.config.batch_rows = batch_rows;
    int source = rig_vertex(&r, from, 0), sink = rig_vertex(&r, to, 1);
    char config[128];
    snprintf(config, sizeof(config),
             "{\"rows\": 3000, \"batch\": %d, \"stepEvery\": 50, \"keys\": 37}", batch);
    rig_op(&r, source, "t_source", config, rig_schema());
    rig_edge(&r, source, sink, 0, routing);
    rig_op(&r, sink, "t_sink", "{}", rig_schema());
    rig_run(&r, executors);
    struct counts c = {0};
    for (int s = 0; s < to; s++)
        check_sink(s, from, &c);
    size_t copies = routing == ROUTING_BROADCAST ? (size_t)to : 1;
    assert_int_equal(c.rows, 3000 * (size_t)from * copies);
    rig_release(&r);
}

static void exchanges_keep_order_and_watermarks(void **state) {
    static const struct {
        enum routing routing;
        int from, to;
    } cases[] = {{ROUTING_HASH, 1, 1},      {ROUTING_HASH, 3, 4},    {ROUTING_HASH, 4, 1},
                 {ROUTING_REBALANCE, 2, 3}, {ROUTING_RESCALE, 2, 6}, {ROUTING_RESCALE, 6, 2},
                 {ROUTING_FORWARD, 3, 3},   {ROUTING_GLOBAL, 3, 1},  {ROUTING_BROADCAST, 2, 3}};
    static const int batches[] = {1, 100, 3000};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t b = 0; b < ARRAY_LEN(batches); b++)
            run_exchange(cases[i].routing, cases[i].from, cases[i].to, 1 + (int)(b % 2), batches[b],
                         b == 2 ? 64 : BATCH_ROWS_MAX);
}

/* Equal keys meet at one subtask: that of their key group. */
static void hash_sends_keys_home(void **state) {
    run_exchange(ROUTING_HASH, 2, 4, 2, 500, BATCH_ROWS_MAX);
    int home[37], used[4] = {0};
    for (int k = 0; k < 37; k++) {
        struct column c;
        uint64_t hash = 0;
        col_init(&c, type_of(TYPE_BIGINT), 1);
        *COL_DATA(&c, int64_t) = k;
        col_hash(&c, &hash, 1);
        col_release(&c);
        uint32_t group = key_group_of(hash, MAX_PARALLELISM_DEFAULT);
        home[k] = (int)key_group_subtask(group, MAX_PARALLELISM_DEFAULT, 4);
    }
    for (int s = 0; s < 4; s++)
        for (size_t i = 0; i < rig_log.n[s]; i++) {
            if (rig_log.entries[s][i].kind != ENTRY_ROW) continue;
            assert_int_equal(home[rig_log.entries[s][i].k], s);
            used[s]++;
        }
    for (int s = 0; s < 4; s++)
        assert_true(used[s] > 0);
}

/* Rows trickle in small batches; downstream they are large, as long as the consumer is busy. */
static void small_batches_are_joined(void **state) {
    rig_log.hold = true;
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 1, 0), sink = rig_vertex(&r, 2, 1);
    rig_op(&r, source, "t_source", "{\"rows\": 50000, \"batch\": 10}", rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_HASH);
    rig_op(&r, sink, "t_sink", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    for (bool held = false; !held;) { /* both sinks have their first batch */
        pthread_mutex_lock(&rig_log.lock);
        held = rig_log.sinks[0] && rig_log.sinks[1];
        pthread_mutex_unlock(&rig_log.lock);
    }
    rig_release_hold();
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    assert_int_equal(rig_count(0, ENTRY_ROW) + rig_count(1, ENTRY_ROW), 50000);
    assert_true(rig_log.n_batches < 100);
    assert_true(rig_log.max_batch_rows > 2000);
    job_runtime_free(rt);
    worker_free(w);
    rig_release(&r);
}

/* Two ports: the second source goes idle and must not hold the watermark back; both ends arrive. */
static void idle_inputs_are_left_out(void **state) {
    struct rig r;
    rig_init(&r);
    int a = rig_vertex(&r, 1, 0), b = rig_vertex(&r, 1, 0), sink = rig_vertex(&r, 1, 2);
    rig_op(&r, a, "t_source", "{\"rows\": 1000, \"stepEvery\": 100}", rig_schema());
    rig_op(&r, b, "t_source", "{\"rows\": 0, \"idleAt\": 0, \"splits\": true}", rig_schema());
    rig_edge(&r, a, sink, 0, ROUTING_GLOBAL);
    rig_edge(&r, b, sink, 1, ROUTING_GLOBAL);
    rig_op(&r, sink, "t_sink", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 2}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    /* Port 1 never had a watermark, yet port 0's come through. */
    while (rig_count(0, ENTRY_WM) == 0)
        assert_false(job_runtime_wait(rt, 1, &err));
    job_runtime_no_more_splits(rt, b, 0);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    assert_int_equal(rig_count(0, ENTRY_ROW), 1000);
    assert_int_equal(rig_count(0, ENTRY_END), 2);
    job_runtime_free(rt);
    worker_free(w);
    rig_release(&r);
}

/* ---- barriers ------------------------------------------------------------------------------- */

static _Atomic int snapshots, passed;
static int on_snapshot(void *self, int vertex, int subtask, struct op *op, const struct barrier *b,
                       struct err *err) {
    atomic_fetch_add(&snapshots, 1);
    return 0;
}
static void on_passed(void *self, int vertex, int subtask, const struct barrier *b) {
    atomic_fetch_add(&passed, 1);
}

/* What the sinks saw in front of a barrier is, for each source, exactly its first rows. */
static void barriers_cut_consistently(void **state) {
    enum { SOURCES = 3, SINKS = 2, BARRIERS = 5 };
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, SOURCES, 0), sink = rig_vertex(&r, SINKS, 1);
    rig_op(&r, source, "t_source", "{\"batch\": 33, \"splits\": true}", rig_schema());
    rig_op(&r, source, "t_pieces", "{\"piece\": 5}", rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_HASH);
    rig_op(&r, sink, "t_pieces", "{\"piece\": 11}", rig_schema());
    rig_op(&r, sink, "t_sink", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 2}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    spec.callbacks = (struct job_callbacks){.snapshot = on_snapshot, .barrier_passed = on_passed};
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    atomic_store(&snapshots, 0);
    atomic_store(&passed, 0);
    for (int i = 1; i <= BARRIERS; i++) {
        for (int s = 0; s < SOURCES; s++) {
            cJSON *split = cJSON_CreateObject();
            json_set_i64(split, "rows", 500 + 100 * s);
            job_runtime_add_split(rt, source, s, split);
        }
        job_runtime_barrier(rt, &(struct barrier){.id = (uint64_t)i});
    }
    for (int s = 0; s < SOURCES; s++)
        job_runtime_no_more_splits(rt, source, s);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    job_runtime_free(rt);
    worker_free(w);
    assert_int_equal(atomic_load(&passed), BARRIERS * (SOURCES + SINKS));
    assert_int_equal(atomic_load(&snapshots), BARRIERS * (SOURCES + SINKS) * 2);
    for (int b = 1; b <= BARRIERS; b++) {
        int64_t n[SOURCES] = {0}, max[SOURCES] = {0};
        for (int s = 0; s < SINKS; s++) {
            assert_int_equal(rig_count(s, ENTRY_BARRIER), BARRIERS);
            for (size_t i = 0; i < rig_log.n[s]; i++) {
                struct entry *e = &rig_log.entries[s][i];
                if (e->kind == ENTRY_BARRIER && e->v == b) break;
                if (e->kind != ENTRY_ROW) continue;
                n[e->v % SOURCES]++;
                max[e->v % SOURCES] = MAX(max[e->v % SOURCES], e->v / SOURCES + 1);
            }
        }
        for (int s = 0; s < SOURCES; s++)
            assert_int_equal(n[s], max[s]);
    }
    rig_release(&r);
}

/* A barrier carries a routing version: rows behind it go by the new table, on every source. */
static void barriers_switch_the_routing(void **state) {
    enum { SOURCES = 2, SINKS = 3 };
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, SOURCES, 0), sink = rig_vertex(&r, SINKS, 1);
    rig_op(&r, source, "t_source", "{\"batch\": 50, \"splits\": true, \"keys\": 100}",
           rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_HASH);
    rig_op(&r, sink, "t_sink", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 2}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    struct routing_table *table = routing_table_new(7, MAX_PARALLELISM_DEFAULT); /* all to 0 */
    job_runtime_set_routing(rt, 0, table);
    routing_table_unref(table);
    for (int part = 0; part < 2; part++) {
        for (int s = 0; s < SOURCES; s++) {
            cJSON *split = cJSON_CreateObject();
            json_set_i64(split, "rows", 1000);
            job_runtime_add_split(rt, source, s, split);
        }
        /* All rows of the first part before the barrier. */
        while (!part &&
               rig_count(0, ENTRY_ROW) + rig_count(1, ENTRY_ROW) + rig_count(2, ENTRY_ROW) <
                   1000 * SOURCES)
            assert_false(job_runtime_wait(rt, 1, &err));
        if (!part) job_runtime_barrier(rt, &(struct barrier){.id = 1, .routing_version = 7});
    }
    for (int s = 0; s < SOURCES; s++)
        job_runtime_no_more_splits(rt, source, s);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    job_runtime_free(rt);
    worker_free(w);
    size_t rows = 0;
    for (int s = 0; s < SINKS; s++) {
        bool behind = false;
        size_t before = 0, after = 0;
        for (size_t i = 0; i < rig_log.n[s]; i++) {
            struct entry *e = &rig_log.entries[s][i];
            behind |= e->kind == ENTRY_BARRIER;
            if (e->kind == ENTRY_ROW) (*(behind ? &after : &before))++;
        }
        assert_true(before > 0);
        assert_int_equal(after, s == 0 ? 1000 * SOURCES : 0);
        rows += before + after;
    }
    assert_int_equal(rows, 2000 * SOURCES);
    rig_release(&r);
}

/* ---- backpressure, failure, cancelling ------------------------------------------------------ */

static const cJSON *stats_task(const cJSON *stats, int vertex) {
    const cJSON *t;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(stats, "tasks")) {
        if (json_opt_i64(t, "vertex", -1) == vertex) return t;
    }
    return NULL;
}

/* The sink takes nothing: the source stops at the bound of its channel, and goes on afterwards. */
static void backpressure_is_bounded(void **state) {
    rig_log.hold = true;
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 1, 0), sink = rig_vertex(&r, 1, 1);
    rig_op(&r, source, "t_source", "{\"rows\": 400000, \"batch\": 1000}", rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_FORWARD);
    rig_op(&r, sink, "t_sink", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 2}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    spec.network_bytes = 1 << 20;
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    int64_t blocked_ms = 0;
    while (blocked_ms < 5) {
        AUTO_JSON *stats = job_runtime_stats(rt);
        blocked_ms = json_opt_i64(stats_task(stats, source), "backpressuredMs", 0);
        const cJSON *out =
            cJSON_GetArrayItem(cJSON_GetObjectItem(stats_task(stats, source), "outputs"), 0);
        const cJSON *ch = cJSON_GetArrayItem(cJSON_GetObjectItem(out, "channels"), 0);
        /* The last element may go beyond the bound. */
        assert_true(json_opt_i64(ch, "queuedBytes", -1) <= (1 << 20) + 200000);
    }
    assert_true(job_runtime_network_bytes(rt) <= 1 << 20);
    rig_release_hold();
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_ok(err.code, &err);
    assert_int_equal(rig_count(0, ENTRY_ROW), 400000);
    AUTO_JSON *stats = job_runtime_stats(rt);
    const cJSON *out =
        cJSON_GetArrayItem(cJSON_GetObjectItem(stats_task(stats, source), "outputs"), 0);
    assert_true(json_opt_i64(out, "episodes", 0) >= 1);
    assert_int_equal(json_opt_i64(out, "records", 0), 400000);
    job_runtime_free(rt);
    worker_free(w);
    rig_release(&r);
}

static void failure_names_the_op(void **state) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 2, 0);
    rig_op(&r, source, "t_source", "{\"rows\": 10}", rig_schema());
    rig_op(&r, source, "t_pass", "{}", rig_schema());
    rig_op(&r, source, "t_fail", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    job_runtime_start(rt);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_err(err.code, ERR_RUNTIME, &err, "vertex 0, subtask ");
    assert_string_equal(err.msg + strlen("vertex 0, subtask 1"),
                        " of 2: t_fail#2: division by zero");
    job_runtime_free(rt);
    worker_free(w);
    rig_release(&r);
}

static void cancel_ends_endless_jobs(void **state) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 2, 0), sink = rig_vertex(&r, 2, 1);
    rig_op(&r, source, "t_source", "{\"rows\": 1000000000000, \"repeat\": true}", rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_HASH);
    rig_op(&r, sink, "t_count", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 2}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    struct job_runtime *rt;
    assert_ok(job_runtime_new(w, &spec, &rt, &err), &err);
    atomic_store(&rig_rows_seen, 0);
    job_runtime_start(rt);
    while (atomic_load(&rig_rows_seen) < 10000)
        assert_false(job_runtime_wait(rt, 1, &err));
    job_runtime_cancel(rt);
    assert_true(job_runtime_wait(rt, 60000, &err));
    assert_int_equal(err.code, 0);
    job_runtime_free(rt);
    worker_free(w);
    rig_release(&r);
}

static void unknown_ops_and_bad_places_are_refused(void **state) {
    struct rig r;
    rig_init(&r);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_source", "{}", rig_schema());
    rig_op(&r, v, "teleport", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    struct job_runtime *rt;
    assert_err(job_runtime_new(w, &spec, &rt, &err), ERR_UNSUPPORTED, &err, "'teleport'");
    spec.n_places = 0;
    assert_err(job_runtime_new(w, &spec, &rt, &err), ERR_INVALID, &err, "has no place");
    worker_free(w);
    rig_release(&r);
}

static void channels_need_their_memory(void **state) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 16, 0), sink = rig_vertex(&r, 16, 1);
    rig_op(&r, source, "t_source", "{\"rows\": 10}", rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_HASH);
    rig_op(&r, sink, "t_count", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, &err), &err);
    struct runtime_spec spec = rig_spec(&r);
    spec.network_bytes = 1 << 20;
    struct job_runtime *rt;
    assert_err(job_runtime_new(w, &spec, &rt, &err), ERR_BUDGET, &err,
               "256 channels share 1024 KiB of network memory on worker w0: they need 4096 KiB");
    worker_free(w);
    rig_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(chain_to_sink, rig_setup),
        cmocka_unit_test_setup(steps_are_cut, rig_setup),
        cmocka_unit_test_setup(pieces_keep_order, rig_setup),
        cmocka_unit_test_setup(late_ops_see_steps, rig_setup),
        cmocka_unit_test_setup(exchanges_keep_order_and_watermarks, rig_setup),
        cmocka_unit_test_setup(hash_sends_keys_home, rig_setup),
        cmocka_unit_test_setup(small_batches_are_joined, rig_setup),
        cmocka_unit_test_setup(idle_inputs_are_left_out, rig_setup),
        cmocka_unit_test_setup(barriers_cut_consistently, rig_setup),
        cmocka_unit_test_setup(barriers_switch_the_routing, rig_setup),
        cmocka_unit_test_setup(backpressure_is_bounded, rig_setup),
        cmocka_unit_test_setup(failure_names_the_op, rig_setup),
        cmocka_unit_test_setup(cancel_ends_endless_jobs, rig_setup),
        cmocka_unit_test_setup(unknown_ops_and_bad_places_are_refused, rig_setup),
        cmocka_unit_test_setup(channels_need_their_memory, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
