/* net_test.c - two runtimes of one job over TCP on this host: what holds in one process holds
 * across two; what goes wrong is said. */
#include "tests/unit/worker/rig.h"

struct pair {
    struct worker *workers[2];
    struct worker_addr addrs[2];
    struct runtime_spec specs[2];
    struct job_runtime *runtimes[2];
};

static int by_subtask(int vertex, int subtask) {
    return (vertex + subtask) % 2;
}

static void pair_init(struct pair *p, struct rig *r) {
    struct err err = ERR_INIT;
    static const char *const ids[] = {"w0", "w1"};
    for (int i = 0; i < 2; i++) {
        struct worker_opts opts = {.executors = 1, .host = "127.0.0.1"};
        assert_ok(worker_new(&opts, &p->workers[i], &err), &err);
        p->addrs[i] = (struct worker_addr){ids[i], "127.0.0.1", worker_port(p->workers[i])};
    }
    for (int i = 0; i < 2; i++) {
        p->specs[i] = rig_spec(r);
        p->specs[i].self = i;
        p->specs[i].n_workers = 2;
        p->specs[i].workers = p->addrs;
        p->specs[i].places = rig_places(r, by_subtask, &p->specs[i].n_places);
    }
}

static void pair_start(struct pair *p) {
    struct err err = ERR_INIT;
    for (int i = 0; i < 2; i++)
        assert_ok(job_runtime_new(p->workers[i], &p->specs[i], &p->runtimes[i], &err), &err);
    for (int i = 0; i < 2; i++)
        job_runtime_start(p->runtimes[i]);
}

static void pair_finish(struct pair *p) {
    struct err err = ERR_INIT;
    for (int i = 0; i < 2; i++) {
        assert_true(job_runtime_wait(p->runtimes[i], 60000, &err));
        assert_ok(err.code, &err);
    }
}

static void pair_release(struct pair *p) {
    for (int i = 0; i < 2; i++)
        job_runtime_free(p->runtimes[i]);
    for (int i = 0; i < 2; i++)
        worker_free(p->workers[i]);
}

static void exchange_plan(struct rig *r, enum routing routing, int from, int to, int rows,
                          int batch) {
    rig_init(r);
    int source = rig_vertex(r, from, 0), sink = rig_vertex(r, to, 1);
    char config[128];
    snprintf(config, sizeof(config),
             "{\"rows\": %d, \"batch\": %d, \"stepEvery\": 50, \"keys\": 37}", rows, batch);
    rig_op(r, source, "t_source", config, rig_schema());
    rig_edge(r, source, sink, 0, routing);
    rig_op(r, sink, "t_sink", "{}", rig_schema());
}

/* No row behind its watermark, rows of a source in order, the end last. Returns the rows. */
static size_t check_sink(int subtask, int sources) {
    int64_t wm = WATERMARK_MIN, last[RIG_SUBTASKS] = {0};
    size_t rows = 0;
    for (size_t i = 0; i < rig_log.n[subtask]; i++) {
        struct entry *e = &rig_log.entries[subtask][i];
        if (e->kind == ENTRY_ROW) {
            assert_true(e->v > wm);
            assert_true(e->v >= last[e->v % sources]);
            last[e->v % sources] = e->v;
            rows++;
        } else if (e->kind == ENTRY_WM) {
            assert_true(e->v > wm);
            wm = e->v;
        }
    }
    assert_true(wm == WATERMARK_MAX);
    assert_int_equal(rig_log.entries[subtask][rig_log.n[subtask] - 1].kind, ENTRY_END);
    return rows;
}

static void run_pair(enum routing routing, int from, int to, int batch, bool compress) {
    rig_setup(NULL);
    struct rig r;
    struct pair p;
    exchange_plan(&r, routing, from, to, 3000, batch);
    pair_init(&p, &r);
    p.specs[0].compress = p.specs[1].compress = compress;
    pair_start(&p);
    pair_finish(&p);
    pair_release(&p);
    size_t rows = 0;
    for (int s = 0; s < to; s++)
        rows += check_sink(s, from);
    assert_int_equal(rows, 3000 * (size_t)from * (routing == ROUTING_BROADCAST ? (size_t)to : 1));
    rig_release(&r);
}

static void exchanges_cross_processes(void **state) {
    run_pair(ROUTING_HASH, 2, 3, 100, false);
    run_pair(ROUTING_HASH, 3, 2, 3000, true);
    run_pair(ROUTING_REBALANCE, 2, 2, 7, false);
    run_pair(ROUTING_FORWARD, 3, 3, 1000, true);
    run_pair(ROUTING_BROADCAST, 2, 3, 500, false);
    run_pair(ROUTING_GLOBAL, 4, 1, 64, false);
}

/* A runtime that has sent everything may go before the other has taken it. */
static void the_sender_may_go_first(void **state) {
    rig_log.hold = true;
    struct rig r;
    struct pair p;
    exchange_plan(&r, ROUTING_FORWARD, 1, 1, 2000, 100); /* source on w0, sink on w1 */
    pair_init(&p, &r);
    pair_start(&p);
    struct err err = ERR_INIT;
    assert_true(job_runtime_wait(p.runtimes[0], 60000, &err));
    rig_release_hold();
    job_runtime_free(p.runtimes[0]);
    p.runtimes[0] = NULL;
    assert_true(job_runtime_wait(p.runtimes[1], 60000, &err));
    assert_ok(err.code, &err);
    assert_int_equal(check_sink(0, 1), 2000);
    pair_release(&p);
    rig_release(&r);
}

static const cJSON *task_of(const cJSON *stats, int vertex) {
    const cJSON *t;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(stats, "tasks")) {
        if (json_opt_i64(t, "vertex", -1) == vertex) return t;
    }
    return NULL;
}

/* The receiver's credit bounds what is on its way: both rings, and what the sockets take. */
static void backpressure_crosses_processes(void **state) {
    rig_log.hold = true;
    struct rig r;
    struct pair p;
    exchange_plan(&r, ROUTING_FORWARD, 1, 1, 300000, 1000);
    pair_init(&p, &r);
    p.specs[0].network_bytes = p.specs[1].network_bytes = 512 << 10;
    pair_start(&p);
    int64_t blocked_ms = 0, sent = 0;
    while (blocked_ms < 20) {
        AUTO_JSON *stats = job_runtime_stats(p.runtimes[0]);
        blocked_ms = json_opt_i64(task_of(stats, 0), "backpressuredMs", 0);
        const cJSON *out = cJSON_GetArrayItem(cJSON_GetObjectItem(task_of(stats, 0), "outputs"), 0);
        sent = json_opt_i64(out, "bytes", 0);
    }
    /* Each side's ring and one element beyond each bound. */
    assert_true(sent <= 2 * (512 << 10) + 4 * 80000);
    rig_release_hold();
    pair_finish(&p);
    assert_int_equal(check_sink(0, 1), 300000);
    pair_release(&p);
    rig_release(&r);
}

static _Atomic int lost;
static void on_lost(void *self, const char *worker_id, const struct err *err) {
    if (strcmp(worker_id, "w1") == 0 && err->code == ERR_NET) atomic_fetch_add(&lost, 1);
}

static void a_lost_peer_is_named(void **state) {
    struct rig r;
    struct pair p;
    exchange_plan(&r, ROUTING_HASH, 2, 2, 1000000000, 100);
    pair_init(&p, &r);
    atomic_store(&lost, 0);
    p.specs[0].callbacks.peer_lost = on_lost;
    pair_start(&p);
    struct err err = ERR_INIT;
    while (rig_count(0, ENTRY_ROW) == 0 || rig_count(1, ENTRY_ROW) == 0)
        assert_false(job_runtime_wait(p.runtimes[0], 1, &err));
    job_runtime_free(p.runtimes[1]); /* cancelled in the middle */
    p.runtimes[1] = NULL;
    assert_true(job_runtime_wait(p.runtimes[0], 60000, &err));
    assert_err(err.code, ERR_NET, &err, "worker w1 (127.0.0.1:");
    assert_int_equal(err.cls, ERR_CLASS_JOB);
    assert_int_equal(atomic_load(&lost), 1);
    pair_release(&p);
    rig_release(&r);
}

static void another_token_is_refused(void **state) {
    struct rig r;
    struct pair p;
    exchange_plan(&r, ROUTING_HASH, 2, 2, 100, 100);
    pair_init(&p, &r);
    p.specs[1].token = "guess";
    pair_start(&p);
    struct err err = ERR_INIT;
    assert_true(job_runtime_wait(p.runtimes[0], 60000, &err));
    assert_err(err.code, ERR_NET, &err, "refused: wrong token");
    pair_release(&p);
    rig_release(&r);
}

/* The other runtime is made later: the connection is tried again. */
static void peers_may_start_later(void **state) {
    struct rig r;
    struct pair p;
    exchange_plan(&r, ROUTING_HASH, 2, 2, 100, 100);
    pair_init(&p, &r);
    struct err err = ERR_INIT;
    assert_ok(job_runtime_new(p.workers[0], &p.specs[0], &p.runtimes[0], &err), &err);
    job_runtime_start(p.runtimes[0]);
    assert_false(job_runtime_wait(p.runtimes[0], 50, &err));
    assert_ok(job_runtime_new(p.workers[1], &p.specs[1], &p.runtimes[1], &err), &err);
    job_runtime_start(p.runtimes[1]);
    pair_finish(&p);
    assert_int_equal(check_sink(0, 2) + check_sink(1, 2), 200);
    pair_release(&p);
    rig_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(exchanges_cross_processes, rig_setup),
        cmocka_unit_test_setup(the_sender_may_go_first, rig_setup),
        cmocka_unit_test_setup(backpressure_crosses_processes, rig_setup),
        cmocka_unit_test_setup(a_lost_peer_is_named, rig_setup),
        cmocka_unit_test_setup(another_token_is_refused, rig_setup),
        cmocka_unit_test_setup(peers_may_start_later, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
