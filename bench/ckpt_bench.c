/* ckpt_bench.c - what checkpoints cost a job: one task that keeps SUM, COUNT, MIN and MAX by key,
 * on one core. ARGS: MB of state (100). Prints for a full checkpoint at rest, one while rows flow,
 * and one a second of a tenth of the keys: time from trigger to ack, bytes, the barrier's own time,
 * the longest time the source wasn't asked for rows, and throughput beside that without
 * checkpoints; then how long restoring takes. */
#include "tests/unit/worker/checkpoint/ckpt_rig.h"

enum { BATCH = 1024 };
#define ROW_STATE_BYTES 106 /* of a key in a checkpoint, about */

static struct {
    int64_t keys, hot;      /* rows are of the first `hot` ones, at random */
    _Atomic int64_t next;   /* rows given; the first round takes all keys in order */
    _Atomic bool rests;     /* once all keys are there */
    _Atomic int64_t gap_ns; /* longest between two polls */
    int64_t last_ns;
    uint64_t rng;
} b;

static int b_poll(struct op *op, int64_t *ret_wake_ns, struct err *err) {
    int64_t now_ns = clock_mono_ns(), next = atomic_load(&b.next);
    if (b.last_ns && now_ns - b.last_ns > atomic_load(&b.gap_ns))
        atomic_store(&b.gap_ns, now_ns - b.last_ns);
    b.last_ns = now_ns;
    if (next >= b.keys && atomic_load(&b.rests)) {
        *ret_wake_ns = now_ns + 1000000;
        return SOURCE_WAIT;
    }
    struct batch *out = batch_new(2);
    out->n = BATCH;
    for (int c = 0; c < 2; c++)
        col_init(&out->cols[c], type_of(TYPE_BIGINT), BATCH);
    for (int i = 0; i < BATCH; i++) {
        b.rng = b.rng * 6364136223846793005u + 1442695040888963407u;
        COL_DATA(&out->cols[0], int64_t)
        [i] = next + i < b.keys ? next + i : (int64_t)((b.rng >> 33) % (uint64_t)b.hot);
        COL_DATA(&out->cols[1], int64_t)[i] = (int64_t)(b.rng >> 40);
    }
    atomic_store(&b.next, next + BATCH);
    int rc = op_emit(op, out, err);
    return rc ? rc : SOURCE_DATA;
}

static int b_snapshot(struct op *op, cJSON **ret, struct err *err) {
    *ret = cJSON_CreateArray();
    return 0;
}

static const struct source_op_ops b_source_ops = {
    .base = {.size_bytes = sizeof(struct op), .flags = OP_CHECKPOINTED},
    .poll = b_poll,
    .snapshot = b_snapshot};

static const struct op_desc *b_find_op(const char *kind) {
    static const struct op_desc source = {"b_source", "", 0, &b_source_ops.base};
    return strcmp(kind, "b_source") ? rig_find_op(kind) : &source;
}

#define AGG(fn)                                                                                    \
    "{\"fn\": \"" fn "\", \"args\": [\"BIGINT\"], \"cols\": [1], \"filter\": -1, \"retract\": "    \
    "false, \"type\": \"BIGINT\"}"

static const struct schema *bigints(struct rig *r, int n) {
    struct field *f = ARENA_NEW_N(&r->arena, struct field, n);
    struct schema *s = ARENA_NEW(&r->arena, struct schema);
    for (int i = 0; i < n; i++)
        f[i] = (struct field){"c", type_of(TYPE_BIGINT)};
    *s = (struct schema){n, f};
    return s;
}

static void open_job(struct ck_job *j, const char *dir) {
    struct err err = ERR_INIT;
    *j = (struct ck_job){.parallelism = 1};
    rig_init(&j->r);
    int v = rig_vertex(&j->r, 1, 0);
    rig_op(&j->r, v, "b_source", "{}", bigints(&j->r, 2));
    rig_op(&j->r, v, "group_agg",
           "{\"keys\": [0], \"aggs\": [" AGG("SUM") "," AGG("COUNT") "," AGG("MIN") "," AGG(
               "MAX") "], \"updateBefore\": false}",
           bigints(&j->r, 5));
    rig_op(&j->r, v, "t_count", "{}", bigints(&j->r, 5));
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &j->w, &err), &err);
    struct snapshot_agent_opts ao = {.dir = dir, .worker_id = "w0", .self = j, .tell = ck_tell};
    assert_ok(snapshot_agent_new(&ao, &j->agent, &err), &err);
    struct runtime_spec spec = rig_spec(&j->r);
    spec.find_op = b_find_op;
    spec.files = snapshot_agent_files(j->agent);
    assert_ok(job_runtime_new(j->w, &spec, &j->rt, &err), &err);
    snapshot_agent_attach(j->agent, j->rt);
}

static double seconds_since(int64_t since_ns) {
    return (double)(clock_mono_ns() - since_ns) / 1e9;
}

static void sleep_s(double s) {
    struct timespec ts = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&ts, NULL);
}

/* Rows given since, and CPU spent. */
struct work {
    int64_t rows;
    double cpu_s;
};

static struct work work_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (struct work){atomic_load(&b.next), (double)ts.tv_sec + (double)ts.tv_nsec / 1e9};
}

static double rows_per_cpu_s(struct work since) {
    struct work now = work_now();
    return (double)(now.rows - since.rows) / (now.cpu_s - since.cpu_s);
}

static double measure(double s) {
    struct work since = work_now();
    sleep_s(s);
    return rows_per_cpu_s(since);
}

/* Returns the seconds it took. */
static double checkpoint(struct ck_job *j, const char *what, uint64_t id, uint64_t base,
                         cJSON *restore) {
    atomic_store(&b.gap_ns, 0);
    int64_t since_ns = clock_mono_ns();
    struct work since = work_now();
    AUTO_JSON *ack = ck_checkpoint(j, id, base);
    double s = seconds_since(since_ns);
    const cJSON *t = cJSON_GetArrayItem(json_opt(ack, "tasks"), 0);
    printf(
        "%-28s %7.0f ms %8.1f MB  barrier %6.3f ms  longest pause %6.2f ms  %5.2f M rows/CPU s\n",
        what, s * 1e3, json_opt_f64(ack, "bytes", 0) / 1e6, json_opt_f64(t, "syncMs", 0),
        (double)atomic_load(&b.gap_ns) / 1e6, rows_per_cpu_s(since) / 1e6);
    fflush(stdout);
    cJSON_Delete(ck_add_ack(restore, ack));
    return s;
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    double mb = argc > 1 ? atof(argv[1]) : 100;
    char dir[64] = "/tmp/penstock-ckpt-XXXXXX";
    assert_non_null(mkdtemp(dir));
    b.keys = b.hot = (int64_t)(mb * 1e6 / ROW_STATE_BYTES) / BATCH * BATCH;
    b.rng = 1;
    atomic_store(&b.rests, true);
    struct ck_job j;
    AUTO_JSON *restore = ck_restore_of(dir);
    open_job(&j, dir);
    job_runtime_start(j.rt);
    while (atomic_load(&b.next) < b.keys)
        sleep_s(0.01);
    checkpoint(&j, "full, at rest", 1, 0, restore);
    atomic_store(&b.rests, false);
    sleep_s(1);
    double alone = measure(3);
    printf("%-28s %5.2f M rows/CPU s\n", "without checkpoints", alone / 1e6);
    checkpoint(&j, "full, while rows flow", 2, 0, restore);
    b.hot = MAX(b.keys / 10, 1);
    sleep_s(1);
    alone = measure(3);
    printf("%-28s %5.2f M rows/CPU s\n", "a tenth of the keys, without", alone / 1e6);
    uint64_t id = 3;
    struct work since;
    checkpoint(&j, "what has changed", id, id - 1, restore);
    since = work_now();
    for (id++; id < 9; id++) {
        double s = checkpoint(&j, "one a second", id, id - 1, restore);
        if (s < 1) sleep_s(1 - s);
    }
    double with = rows_per_cpu_s(since);
    printf("%-28s %5.2f M rows/CPU s, %.1f %% less\n", "checkpoints each second", with / 1e6,
           100 * (1 - with / alone));
    ck_close(&j);
    open_job(&j, dir);
    int64_t since_ns = clock_mono_ns();
    since = work_now();
    assert_ok(ck_restore(&j, restore, &err), &err);
    printf("%-28s %7.0f ms, %.0f ms of CPU\n", "restored", seconds_since(since_ns) * 1e3,
           (work_now().cpu_s - since.cpu_s) * 1e3);
    ck_close(&j);
    struct fs *disk;
    assert_ok(fs_find(dir, &disk, &err), &err);
    assert_ok(fs_delete_tree(disk, dir, NULL, &err), &err);
    return 0;
}
