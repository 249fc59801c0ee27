/* load_text.c - the workers' reports as metrics (base/metrics_list.def). */
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "base/core/histogram.h"
#include "base/core/mem.h"
#include "base/metrics.h"
#include "coordinator/checkpointing.h"
#include "fs/stores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What samples of one task have in common. */
struct task_labels {
    const char *job, *vertex;
    char subtask[16];
};

/* A figure of a report: member of its JSON, and the metric that it becomes. */
struct figure {
    const char *key;
    enum metric_id id;
    double scale;
};

static double number(const cJSON *o, const struct figure *f) {
    return (double)json_opt_i64(o, f->key, 0) * f->scale;
}

/* A watermark in ms as a timestamp in seconds; NaN, which is left out, where there is none. */
static double watermark(const cJSON *o) {
    int64_t wm = json_opt_i64(o, "watermark", WATERMARK_MIN);
    return wm == WATERMARK_MIN || wm == WATERMARK_MAX ? NAN : (double)wm / 1000;
}

static void emit_inputs(struct metrics_writer *w, const struct task_labels *l,
                        const cJSON *inputs) {
    int64_t batches = 0, bytes = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, inputs) {
        batches += json_opt_i64(c, "queued", 0);
        bytes += json_opt_i64(c, "queuedBytes", 0);
    }
    const char *const *labels = LABELS(l->job, l->vertex, l->subtask);
    metrics_emit(w, METRIC_TASK_QUEUE, labels, (double)batches);
    metrics_emit(w, METRIC_TASK_QUEUE_BYTES, labels, (double)bytes);
}

/* In powers of two, from 65 us to 69 s. */
static void emit_latency(struct metrics_writer *w, const char *const *labels, const cJSON *h) {
    enum { FIRST = 16, BOUNDS = 21 };
    if (!h) return;
    struct histogram_sum *sum = mem_zalloc(sizeof *sum);
    histogram_sum_add(sum, h);
    double bounds[BOUNDS];
    uint64_t counts[BOUNDS + 1] = {0};
    for (int i = 0; i < BOUNDS; i++)
        bounds[i] = (double)(1ull << (FIRST + i)) / 1e9;
    for (int b = 0, i = 0; b < HISTOGRAM_BUCKETS; b++) {
        while (i < BOUNDS && histogram_bound_ns(b) > 1ull << (FIRST + i))
            i++;
        counts[i] += sum->counts[b];
    }
    metrics_emit_histogram(w, METRIC_TASK_LATENCY, labels, bounds, counts, BOUNDS,
                           (double)sum->sum_ns / 1e9);
    free(sum);
}

static void emit_task(struct metrics_writer *w, const struct task_labels *l, const cJSON *t) {
    static const struct figure figures[] = {
        {"recordsIn", METRIC_TASK_RECORDS_IN, 1},
        {"bytesIn", METRIC_TASK_BYTES_IN, 1},
        {"batchesIn", METRIC_TASK_BATCHES_IN, 1},
        {"turns", METRIC_TASK_TURNS, 1},
        {"busyMs", METRIC_TASK_BUSY, 1e-3},
        {"idleMs", METRIC_TASK_IDLE, 1e-3},
        {"backpressuredMs", METRIC_TASK_BACKPRESSURED, 1e-3},
        {"waitingMs", METRIC_TASK_WAITING, 1e-3},
        {"readyMs", METRIC_TASK_READY, 1e-3},
        {"alignMs", METRIC_TASK_ALIGNMENT, 1e-3},
        {"barriers", METRIC_TASK_BARRIERS, 1},
    };
    const char *const *labels = LABELS(l->job, l->vertex, l->subtask);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        metrics_emit(w, figures[i].id, labels, number(t, &figures[i]));
    metrics_emit(w, METRIC_TASK_WATERMARK, labels, watermark(t));
    emit_latency(w, labels, json_opt(t, "latency"));
    emit_inputs(w, l, json_opt(t, "inputs"));
}

static void emit_ops(struct metrics_writer *w, const struct task_labels *l,
                     const struct plan_vertex *pv, const cJSON *ops) {
    static const struct figure all[] = {
        {"recordsIn", METRIC_OP_RECORDS_IN, 1},   {"recordsOut", METRIC_OP_RECORDS_OUT, 1},
        {"lateRecords", METRIC_OP_LATE, 1},       {"errors", METRIC_OP_ERRORS, 1},
        {"stateBytes", METRIC_OP_STATE_BYTES, 1}, {"stateEntries", METRIC_OP_STATE_ENTRIES, 1},
    };
    static const struct figure source[] = {{"recordsOut", METRIC_SOURCE_RECORDS, 1},
                                           {"bytes", METRIC_SOURCE_BYTES, 1},
                                           {"errors", METRIC_SOURCE_ERRORS, 1}};
    static const struct figure sink[] = {{"recordsIn", METRIC_SINK_RECORDS, 1},
                                         {"bytes", METRIC_SINK_BYTES, 1}};
    int k = 0;
    const cJSON *o;
    cJSON_ArrayForEach(o, ops) {
        if (k == pv->n_ops) break;
        const struct plan_op *op = &pv->ops[k++];
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            metrics_emit(w, all[i].id, LABELS(l->job, l->vertex, l->subtask, op->uid),
                         number(o, &all[i]));
        bool is_source = strcmp(op->kind, "source") == 0;
        if (!is_source && strcmp(op->kind, "sink") != 0) continue;
        const struct figure *f = is_source ? source : sink;
        size_t n = is_source ? ARRAY_LEN(source) : ARRAY_LEN(sink);
        const char *table = json_opt_str(json_opt(op->config, "table"), "name", op->name);
        for (size_t i = 0; i < n; i++)
            metrics_emit(w, f[i].id, LABELS(l->job, l->vertex, l->subtask, op->uid, table),
                         number(o, &f[i]));
    }
}

/* Buckets of the workers' episode lengths, in seconds: worker/metrics.h. */
static const double episode_bounds_s[] = {0.001, 0.01, 0.1, 1, 10};
enum { EPISODE_BOUNDS = ARRAY_LEN(episode_bounds_s) };

static void emit_edge(struct metrics_writer *w, const char *const *labels, const cJSON *e) {
    static const struct figure figures[] = {{"records", METRIC_EDGE_RECORDS, 1},
                                            {"bytes", METRIC_EDGE_BYTES, 1},
                                            {"batches", METRIC_EDGE_BATCHES, 1},
                                            {"episodes", METRIC_EDGE_EPISODES, 1}};
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        metrics_emit(w, figures[i].id, labels, number(e, &figures[i]));
    int64_t blocked_ms = 0, last_ms = json_opt_i64(e, "lastBlockedMs", 0);
    const cJSON *c;
    cJSON_ArrayForEach(c, json_opt(e, "channels")) blocked_ms += json_opt_i64(c, "blockedMs", 0);
    metrics_emit(w, METRIC_EDGE_BLOCKED, labels, (double)blocked_ms / 1000);
    metrics_emit(w, METRIC_EDGE_LAST_BLOCKED, labels, last_ms ? (double)last_ms / 1000 : NAN);
    uint64_t counts[EPISODE_BOUNDS + 1] = {0};
    int n = 0;
    cJSON_ArrayForEach(c, json_opt(e, "episodeLengths")) {
        if (n <= EPISODE_BOUNDS) counts[n++] = (uint64_t)MAX(c->valuedouble, 0);
    }
    metrics_emit_histogram(w, METRIC_EDGE_EPISODE_LENGTH, labels, episode_bounds_s, counts,
                           EPISODE_BOUNDS, (double)blocked_ms / 1000);
}

/* Sums over the task's outputs, and each of them. */
static void emit_outputs(struct metrics_writer *w, const struct task_labels *l,
                         const struct plan *plan, const cJSON *outputs) {
    int64_t records = 0, bytes = 0, batches = 0;
    const cJSON *e;
    cJSON_ArrayForEach(e, outputs) {
        char edge[16];
        int64_t number_of_edge = json_opt_i64(e, "edge", -1);
        records += json_opt_i64(e, "records", 0);
        bytes += json_opt_i64(e, "bytes", 0);
        batches += json_opt_i64(e, "batches", 0);
        if (number_of_edge < 0 || number_of_edge >= plan->n_edges) continue;
        snprintf(edge, sizeof edge, "%d", (int)number_of_edge);
        const char *to = plan->vertices[plan->edges[number_of_edge].to].uid;
        emit_edge(w, LABELS(l->job, l->vertex, l->subtask, to, edge), e);
    }
    const char *const *labels = LABELS(l->job, l->vertex, l->subtask);
    metrics_emit(w, METRIC_TASK_RECORDS_OUT, labels, (double)records);
    metrics_emit(w, METRIC_TASK_BYTES_OUT, labels, (double)bytes);
    metrics_emit(w, METRIC_TASK_BATCHES_OUT, labels, (double)batches);
}

static void emit_report(struct metrics_writer *w, const struct job *j, const char *name,
                        const cJSON *report) {
    const cJSON *t;
    cJSON_ArrayForEach(t, json_opt(json_opt(report, "stats"), "tasks")) {
        int64_t v = json_opt_i64(t, "vertex", -1), s = json_opt_i64(t, "subtask", -1);
        if (v < 0 || v >= j->plan->n_vertices || s < 0 || s >= j->plan->vertices[v].parallelism)
            continue;
        const struct plan_vertex *pv = &j->plan->vertices[v];
        struct task_labels l = {.job = name, .vertex = pv->uid};
        snprintf(l.subtask, sizeof l.subtask, "%d", (int)s);
        emit_task(w, &l, t);
        emit_ops(w, &l, pv, json_opt(t, "ops"));
        emit_outputs(w, &l, j->plan, json_opt(t, "outputs"));
    }
}

static void emit_worker(struct metrics_writer *w, int number_of_worker, const cJSON *report) {
    char worker[16], executor[16];
    snprintf(worker, sizeof worker, "%d", number_of_worker);
    const cJSON *stats = json_opt(report, "stats"), *x;
    metrics_emit(w, METRIC_WORKER_CPU, LABELS(worker),
                 (double)json_opt_i64(report, "cpuMs", 0) / 1000);
    metrics_emit(w, METRIC_WORKER_RSS, LABELS(worker), (double)json_opt_i64(report, "rssBytes", 0));
    metrics_emit(w, METRIC_WORKER_BUFFERS, LABELS(worker),
                 (double)json_opt_i64(json_opt(stats, "network"), "bufferBytes", 0));
    int n = 0;
    cJSON_ArrayForEach(x, json_opt(stats, "executors")) {
        snprintf(executor, sizeof executor, "%d", n++);
        metrics_emit(w, METRIC_WORKER_EXECUTOR_BUSY, LABELS(worker, executor),
                     (double)json_opt_i64(x, "busyMs", 0) / 1000);
    }
    char process[24];
    snprintf(process, sizeof process, "worker-%d", number_of_worker);
    cJSON_ArrayForEach(x, json_opt(report, "fileSystems")) fs_metrics_emit(w, process, x);
}

static void emit_own_stores(struct metrics_writer *w) {
    AUTO_JSON *stores = fs_stores_metrics(fs_used());
    const cJSON *x;
    cJSON_ArrayForEach(x, stores) fs_metrics_emit(w, "coordinator", x);
}

/* The last report of a worker, whichever job it is about. */
static const cJSON *report_of(const struct coordinator *c, int worker) {
    for (int k = c->n_jobs - 1; k >= 0; k--) {
        const struct job *j = c->jobs[k];
        if (worker < j->n_workers && j->worker_reports[worker]) return j->worker_reports[worker];
    }
    return NULL;
}

static void emit_tasks_by_state(struct metrics_writer *w, const struct job *j, const char *name) {
    static const char *const names[] = {"deploying", "running", "finished", "failed", "cancelled"};
    int counts[ARRAY_LEN(names)] = {0};
    for (int v = 0; v < j->plan->n_vertices; v++) {
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            counts[j->tasks[v][s].state]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        metrics_emit(w, METRIC_JOB_TASKS, LABELS(name, names[i]), counts[i]);
}

static void emit_checkpoints(struct metrics_writer *w, const struct job *j, const char *name) {
    struct checkpointing_figures f = checkpointing_figures(j);
    metrics_emit(w, METRIC_JOB_CHECKPOINTS, LABELS(name, "complete"), (double)f.completed);
    metrics_emit(w, METRIC_JOB_CHECKPOINTS, LABELS(name, "failed"), (double)f.failed);
    if (!f.completed) return;
    metrics_emit(w, METRIC_JOB_CHECKPOINT_DURATION, LABELS(name), (double)f.last_ms / 1e3);
    metrics_emit(w, METRIC_JOB_CHECKPOINT_BYTES, LABELS(name), (double)f.last_bytes);
    metrics_emit(w, METRIC_JOB_CHECKPOINT_TIME, LABELS(name), (double)f.last_wall_ms / 1e3);
    metrics_emit(w, METRIC_JOB_STATE_BYTES, LABELS(name), (double)f.state_bytes);
}

static void emit_job(struct metrics_writer *w, const struct job *j, const char *name) {
    metrics_emit(w, METRIC_JOB_INFO, LABELS(name, j->id, job_state_name(j->state)), 1);
    bool runs = j->state == JOB_RUNNING || j->state == JOB_COMMITTING;
    metrics_emit(w, METRIC_JOB_UPTIME, LABELS(name),
                 runs ? (double)(clock_mono_ns() - j->start_ns) / 1e9 : 0);
    emit_tasks_by_state(w, j, name);
    metrics_emit(w, METRIC_JOB_RESTARTS, LABELS(name), (double)j->n_restarts);
    if (j->ck) emit_checkpoints(w, j, name);
    for (int v = 0; v < j->plan->n_vertices; v++) {
        const struct plan_vertex *pv = &j->plan->vertices[v];
        metrics_emit(w, METRIC_VERTEX_INFO, LABELS(name, pv->uid, pv->name), 1);
        metrics_emit(w, METRIC_VERTEX_PARALLELISM, LABELS(name, pv->uid), pv->parallelism);
    }
    for (int i = 0; i < j->n_workers; i++)
        emit_report(w, j, name, j->worker_reports[i]);
}

/* A script may run two jobs of one name: then their ids keep them apart. */
static bool name_is_shared(const struct coordinator *c, const struct job *j) {
    for (int k = 0; k < c->n_jobs; k++) {
        const struct job *other = c->jobs[k];
        if (other != j && !job_is_over(other) && strcmp(other->name, j->name) == 0) return true;
    }
    return false;
}

static void collect(void *self, struct metrics_writer *w) {
    const struct coordinator *c = self;
    for (int k = 0; k < c->n_jobs; k++) {
        const struct job *j = c->jobs[k];
        if (job_is_over(j)) continue;
        AUTO_STR name = STR_INIT;
        str_add(&name, j->name);
        if (name_is_shared(c, j)) str_addf(&name, " (%s)", j->id);
        emit_job(w, j, str_text(&name));
    }
    for (int i = 0; i < c->n_workers; i++) {
        const cJSON *report = report_of(c, i);
        if (report && c->workers[i]->conn) emit_worker(w, i, report);
    }
    emit_own_stores(w);
    metrics_emit(w, METRIC_WORKERS, LABELS("registered"), c->n_registered);
    metrics_emit(w, METRIC_WORKERS, LABELS("lost"), c->n_workers - c->n_registered);
}

void load_metrics_text(const struct coordinator *c, struct str *out) {
    struct metrics *m = metrics_new();
    metrics_add_process(m, "penstock-coordinator");
    metrics_add_collector(m, collect, (void *)c);
    metrics_text(m, out);
    metrics_free(m);
}
