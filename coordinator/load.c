/* load.c - the workers' reports, and progress, final figures and metrics made of them. */
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "coordinator/checkpointing.h"
#include "coordinator/load/sampler.h"

#include <stdlib.h>

static int count_ops(const struct job *j) {
    int n = 0;
    for (int v = 0; v < j->plan->n_vertices; v++)
        n += j->plan->vertices[v].n_ops;
    return n;
}

static void on_sampling(void *arg) {
    struct job *j = arg;
    net_timer_set(j->sampling, SAMPLER_INTERVAL_MS);
    if (!job_is_over(j)) sampler_tick(j->sampler, clock_wall_ms());
}

void load_init(struct job *j) {
    j->sampler = sampler_new(j->plan);
    j->sampling = net_timer_new(j->coord->loop, on_sampling, j);
    net_timer_set(j->sampling, SAMPLER_INTERVAL_MS);
    j->sink_records = mem_calloc((size_t)count_ops(j) + 1, sizeof *j->sink_records);
    j->worker_reports = mem_calloc((size_t)j->n_workers + 1, sizeof *j->worker_reports);
}

void load_free(struct job *j) {
    net_timer_free(j->sampling);
    sampler_free(j->sampler);
    free(j->sink_records);
    for (int w = 0; j->worker_reports && w < j->n_workers; w++)
        cJSON_Delete(j->worker_reports[w]);
    free(j->worker_reports);
}

/* Figures of the ops of a task: what sources read, sinks wrote, ops dropped. */
static void read_ops(const struct job *j, int v, struct task_load *l, const cJSON *ops) {
    const struct plan_vertex *pv = &j->plan->vertices[v];
    int i = 0;
    const cJSON *o;
    cJSON_ArrayForEach(o, ops) {
        if (i == pv->n_ops) break;
        l->late += json_opt_i64(o, "lateRecords", 0);
        l->errors += json_opt_i64(o, "errors", 0);
        if (!strcmp(pv->ops[i].kind, "source")) {
            l->source_records += json_opt_i64(o, "recordsOut", 0);
            l->source_bytes += json_opt_i64(o, "bytes", 0);
        } else if (!strcmp(pv->ops[i].kind, "sink")) {
            l->sink_records += json_opt_i64(o, "recordsIn", 0);
            l->sink_bytes += json_opt_i64(o, "bytes", 0);
        }
        i++;
    }
}

static void read_task(const struct job *j, int v, struct job_task *t, const cJSON *r) {
    struct task_load l = {.records_in = json_opt_i64(r, "recordsIn", 0),
                          .bytes_in = json_opt_i64(r, "bytesIn", 0),
                          .busy_ms = json_opt_i64(r, "busyMs", 0),
                          .idle_ms = json_opt_i64(r, "idleMs", 0),
                          .blocked_ms = json_opt_i64(r, "backpressuredMs", 0),
                          .watermark = json_opt_i64(r, "watermark", WATERMARK_MIN)};
    read_ops(j, v, &l, json_opt(r, "ops"));
    const cJSON *e;
    cJSON_ArrayForEach(e, json_opt(r, "outputs")) {
        l.records_out += json_opt_i64(e, "records", 0);
        l.bytes_out += json_opt_i64(e, "bytes", 0);
    }
    cJSON_ArrayForEach(e, json_opt(r, "inputs")) l.queue += json_opt_i64(e, "queued", 0);
    t->load = l;
}

static const cJSON *tasks_of(const cJSON *report) {
    return json_opt(json_opt(report, "stats"), "tasks");
}

/* Sums of the sinks' records over all workers' last reports. */
static void sum_sinks(struct job *j) {
    memset(j->sink_records, 0, sizeof *j->sink_records * (size_t)count_ops(j));
    for (int w = 0; w < j->n_workers; w++) {
        const cJSON *t, *o;
        cJSON_ArrayForEach(t, tasks_of(j->worker_reports[w])) {
            int64_t v = json_opt_i64(t, "vertex", -1);
            if (v < 0 || v >= j->plan->n_vertices) continue;
            int op = 0;
            cJSON_ArrayForEach(o, json_opt(t, "ops")) {
                if (op == j->plan->vertices[v].n_ops) break;
                j->sink_records[j->op_base[v] + op++] += json_opt_i64(o, "recordsIn", 0);
            }
        }
    }
}

void load_on_report(struct job *j, int worker, const cJSON *msg) {
    if (worker >= j->n_workers) return;
    cJSON_Delete(j->worker_reports[worker]);
    j->worker_reports[worker] = cJSON_Duplicate(msg, true);
    const cJSON *t;
    cJSON_ArrayForEach(t, tasks_of(msg)) {
        int64_t v = json_opt_i64(t, "vertex", -1), s = json_opt_i64(t, "subtask", -1);
        if (v < 0 || v >= j->plan->n_vertices || s < 0 || s >= j->plan->vertices[v].parallelism)
            continue;
        read_task(j, (int)v, &j->tasks[v][s], t);
        sampler_report(j->sampler, t);
    }
    sum_sinks(j);
}

cJSON *load_now(const struct job *j) {
    return sampler_load(j->sampler, clock_wall_ms());
}

void load_history(const struct job *j, int64_t since_ms, struct str *out) {
    sampler_history(j->sampler, since_ms, out);
}

struct totals {
    int64_t source_records, source_bytes, sink_records, skipped, late, watermark;
};

static struct totals sum(const struct job *j) {
    struct totals t = {.watermark = WATERMARK_MAX};
    for (int v = 0; v < j->plan->n_vertices; v++) {
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++) {
            const struct task_load *l = &j->tasks[v][s].load;
            t.source_records += l->source_records;
            t.source_bytes += l->source_bytes;
            t.sink_records += l->sink_records;
            t.skipped += l->errors;
            t.late += l->late;
            t.watermark = MIN(t.watermark, l->watermark);
        }
    }
    return t;
}

static void add_totals(cJSON *e, const struct job *j) {
    struct totals t = sum(j);
    int64_t end = j->end_ns ? j->end_ns : clock_mono_ns();
    json_set_i64(e, "index", j->index);
    json_set_str(e, "job", j->id);
    json_set_i64(e, "elapsedMs", (end - j->start_ns) / 1000000);
    json_set_i64(e, "recordsIn", t.source_records);
    json_set_i64(e, "bytesIn", t.source_bytes);
    json_set_i64(e, "recordsOut", t.sink_records);
    json_set_i64(e, "skipped", t.skipped);
    json_set_i64(e, "late", t.late);
    if (t.watermark != WATERMARK_MIN && t.watermark != WATERMARK_MAX)
        json_set_i64(e, "watermark", t.watermark);
}

cJSON *load_progress(const struct job *j) {
    cJSON *e = control_new(EVENT_PROGRESS);
    add_totals(e, j);
    json_set_i64(e, "totalBytes", j->total_bytes);
    json_set_i64(e, "totalRecords", j->total_records);
    return e;
}

static cJSON *sink_list(const struct job *j) {
    cJSON *list = cJSON_CreateArray();
    for (int v = 0; v < j->plan->n_vertices; v++) {
        for (int o = 0; o < j->plan->vertices[v].n_ops; o++) {
            const struct plan_op *op = &j->plan->vertices[v].ops[o];
            if (strcmp(op->kind, "sink")) continue;
            const cJSON *table = json_opt(op->config, "table"), *opts = json_opt(table, "options");
            cJSON *s = cJSON_CreateObject();
            json_set_str(s, "table", json_opt_str(table, "name", ""));
            json_set_str(s, "connector", json_opt_str(opts, "connector", ""));
            json_set_str(s, "path", json_opt_str(opts, "path", NULL));
            json_set_i64(s, "records", j->sink_records[j->op_base[v] + o]);
            cJSON_AddItemToArray(list, s);
        }
    }
    return list;
}

cJSON *load_end(const struct job *j) {
    cJSON *e = control_new(EVENT_END);
    add_totals(e, j);
    json_set_str(e, "state", job_state_name(j->state));
    if (j->state == JOB_FAILED) json_set(e, "error", control_error_to_json(&j->error, "runtime"));
    if (j->state == JOB_STOPPED) json_set(e, "checkpoint", checkpointing_newest_json(j));
    json_set(e, "sinks", sink_list(j));
    cJSON *workers = cJSON_AddArrayToObject(e, "workers");
    for (int w = 0; w < j->n_workers; w++) {
        if (!j->worker_used[w]) continue;
        cJSON *o = cJSON_CreateObject();
        json_set_str(o, "id", j->coord->workers[w]->id);
        json_set_i64(o, "rssBytes", json_opt_i64(j->worker_reports[w], "rssBytes", 0));
        json_set_i64(o, "cpuMs", json_opt_i64(j->worker_reports[w], "cpuMs", 0));
        cJSON_AddItemToArray(workers, o);
    }
    return e;
}

static cJSON *task_json(const struct job *j, int v, int s) {
    static const char *const states[] = {"deploying", "running", "finished", "failed", "cancelled"};
    const struct job_task *t = &j->tasks[v][s];
    const struct task_load *l = &t->load;
    cJSON *o = cJSON_CreateObject();
    json_set_i64(o, "subtask", s);
    json_set_str(o, "state", states[t->state]);
    json_set_str(o, "worker", j->coord->workers[t->worker]->id);
    json_set_i64(o, "recordsIn", l->records_in);
    json_set_i64(o, "recordsOut", l->records_out);
    json_set_i64(o, "bytesIn", l->bytes_in);
    json_set_i64(o, "bytesOut", l->bytes_out);
    json_set_i64(o, "busyMs", l->busy_ms);
    json_set_i64(o, "idleMs", l->idle_ms);
    json_set_i64(o, "backpressuredMs", l->blocked_ms);
    json_set_i64(o, "queuedBatches", l->queue);
    json_set_i64(o, "lateRecords", l->late);
    json_set_i64(o, "skippedRecords", l->errors);
    if (l->watermark != WATERMARK_MIN && l->watermark != WATERMARK_MAX)
        json_set_i64(o, "watermark", l->watermark);
    return o;
}

cJSON *load_metrics_json(const struct job *j) {
    cJSON *e = cJSON_CreateObject();
    add_totals(e, j);
    cJSON_DeleteItemFromObjectCaseSensitive(e, "index");
    cJSON *list = cJSON_AddArrayToObject(e, "vertices");
    for (int v = 0; v < j->plan->n_vertices; v++) {
        cJSON *o = cJSON_CreateObject();
        json_set_str(o, "uid", j->plan->vertices[v].uid);
        json_set_str(o, "name", j->plan->vertices[v].name);
        cJSON *subtasks = cJSON_AddArrayToObject(o, "subtasks");
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            cJSON_AddItemToArray(subtasks, task_json(j, v, s));
        cJSON_AddItemToArray(list, o);
    }
    return e;
}
