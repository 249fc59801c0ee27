/* exchange_bench.c - what a batch and a row cost on their way through tasks and exchanges. Prints
 * one line per plan: rows per second of one core, CPU ns per row and per batch. The source gives
 * the same batch again and again, so that only the way is measured. */
#include "tests/unit/worker/rig.h"

static double cpu_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double run(struct rig *r, int executors) {
    atomic_store(&rig_rows_seen, 0);
    double start_ns = cpu_ns();
    rig_run(r, executors);
    return cpu_ns() - start_ns;
}

static void report(const char *what, double ns, double rows, double batch) {
    printf("%-44s %8.1f M rows/s %8.2f ns/row %10.0f ns/batch of %.0f\n", what, rows / ns * 1e3,
           ns / rows, ns / rows * batch, batch);
    fflush(stdout);
}

static void exchange(const char *what, enum routing routing, int to, int batch, double rows) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 1, 0), sink = rig_vertex(&r, to, 1);
    char config[128];
    snprintf(config, sizeof(config),
             "{\"rows\": %.0f, \"batch\": %d, \"repeat\": true, \"keys\": 1000}", rows, batch);
    rig_op(&r, source, "t_source", config, rig_schema());
    rig_edge(&r, source, sink, 0, routing);
    rig_op(&r, sink, "t_count", "{}", rig_schema());
    double ns = run(&r, 1);
    assert_true(atomic_load(&rig_rows_seen) >= (uint64_t)rows);
    report(what, ns, rows, batch);
    rig_release(&r);
}

static void chain(const char *what, int passes, int batch, double rows) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 1, 0);
    char config[128];
    snprintf(config, sizeof(config), "{\"rows\": %.0f, \"batch\": %d, \"repeat\": true}", rows,
             batch);
    rig_op(&r, source, "t_source", config, rig_schema());
    for (int i = 0; i < passes; i++)
        rig_op(&r, source, "t_pass", "{}", rig_schema());
    rig_op(&r, source, "t_count", "{}", rig_schema());
    report(what, run(&r, 1), rows, batch);
    rig_release(&r);
}

/* SELECT v + 1, k FROM t WHERE k < 500 (half the rows pass). */
static void calc(const char *what, const char *config, double rows) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 1, 0);
    char source_config[128];
    snprintf(source_config, sizeof(source_config),
             "{\"rows\": %.0f, \"batch\": 4096, \"repeat\": true, \"keys\": 1000}", rows);
    static struct field fields[2];
    static struct schema two = {2, fields};
    fields[0] = (struct field){"x", type_of(TYPE_BIGINT)};
    fields[1] = (struct field){"k", type_of(TYPE_BIGINT)};
    rig_op(&r, source, "t_source", source_config, rig_schema());
    rig_op(&r, source, "calc", config, &two);
    rig_op(&r, source, "t_count", "{}", &two);
    report(what, run(&r, 1), rows, 4096);
    rig_release(&r);
}

static int by_vertex(int vertex, int subtask) {
    return vertex;
}

static void network(const char *what, bool compress, double rows) {
    struct rig r;
    rig_init(&r);
    int source = rig_vertex(&r, 1, 0), sink = rig_vertex(&r, 1, 1);
    char config[128];
    snprintf(config, sizeof(config), "{\"rows\": %.0f, \"batch\": 4096, \"repeat\": true}", rows);
    rig_op(&r, source, "t_source", config, rig_schema());
    rig_edge(&r, source, sink, 0, ROUTING_FORWARD);
    rig_op(&r, sink, "t_count", "{}", rig_schema());
    struct err err = ERR_INIT;
    struct worker *w[2];
    struct worker_addr addrs[2];
    struct job_runtime *rt[2];
    for (int i = 0; i < 2; i++) {
        struct worker_opts opts = {.executors = 1, .host = "127.0.0.1"};
        assert_ok(worker_new(&opts, &w[i], &err), &err);
        addrs[i] = (struct worker_addr){i ? "w1" : "w0", "127.0.0.1", worker_port(w[i])};
    }
    for (int i = 0; i < 2; i++) {
        struct runtime_spec spec = rig_spec(&r);
        spec.self = i;
        spec.n_workers = 2;
        spec.workers = addrs;
        spec.compress = compress;
        spec.places = rig_places(&r, by_vertex, &spec.n_places);
        assert_ok(job_runtime_new(w[i], &spec, &rt[i], &err), &err);
    }
    double start_ns = cpu_ns();
    for (int i = 0; i < 2; i++)
        job_runtime_start(rt[i]);
    for (int i = 0; i < 2; i++) {
        assert_true(job_runtime_wait(rt[i], -1, &err));
        assert_ok(err.code, &err);
    }
    double ns = cpu_ns() - start_ns;
    for (int i = 0; i < 2; i++) {
        job_runtime_free(rt[i]);
        worker_free(w[i]);
    }
    report(what, ns, rows, 4096);
    rig_release(&r);
}

int main(void) {
    chain("source, sink (chained), batches of 4096", 0, 4096, 4e9);
    chain("source, sink (chained), batches of 1", 0, 1, 1e7);
    chain("source, 4 passes, sink, batches of 1", 4, 1, 1e7);
    calc("source, filter (half pass), v + 1, sink",
         "{\"filter\": {\"call\": \"<\", \"args\": [{\"col\": 0, \"type\": \"BIGINT\"}, {\"lit\": "
         "500, \"type\": \"BIGINT\"}], \"type\": \"BOOLEAN\"}, \"exprs\": [{\"call\": \"+\", "
         "\"args\": [{\"col\": 1, \"type\": \"BIGINT\"}, {\"lit\": 1, \"type\": \"BIGINT\"}], "
         "\"type\": \"BIGINT\"}, {\"col\": 0, \"type\": \"BIGINT\"}]}",
         2e8);
    exchange("forward exchange, batches of 4096", ROUTING_FORWARD, 1, 4096, 4e8);
    exchange("forward exchange, batches of 1 (joined)", ROUTING_FORWARD, 1, 1, 1e7);
    exchange("rebalance to 4 subtasks", ROUTING_REBALANCE, 4, 4096, 4e8);
    exchange("hash exchange to 1 subtask", ROUTING_HASH, 1, 4096, 4e8);
    exchange("hash exchange to 2 subtasks", ROUTING_HASH, 2, 4096, 1e8);
    exchange("hash exchange to 8 subtasks", ROUTING_HASH, 8, 4096, 1e8);
    exchange("hash exchange to 64 subtasks", ROUTING_HASH, 64, 4096, 5e7);
    network("between workers, over TCP", false, 1e8);
    network("between workers, over TCP, LZ4", true, 5e7);
    return 0;
}
