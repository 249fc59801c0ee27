/* load_text.c - the tasks' figures in Prometheus' text form. */
#include "coordinator/state.h"

struct row {
    const char *name, *type, *help;
    size_t offset;
    double scale;
};

#define ROW(name, type, help, field, scale)                                                        \
    { "penstock_task_" name, type, help, offsetof(struct task_load, field), scale }

static const struct row rows[] = {
    ROW("records_in_total", "counter", "Records taken in by the task.", records_in, 1),
    ROW("records_out_total", "counter", "Records handed on to other tasks.", records_out, 1),
    ROW("bytes_in_total", "counter", "Bytes taken in.", bytes_in, 1),
    ROW("bytes_out_total", "counter", "Bytes handed on.", bytes_out, 1),
    ROW("busy_seconds_total", "counter", "Time spent working.", busy_ms, 1e-3),
    ROW("idle_seconds_total", "counter", "Time without input.", idle_ms, 1e-3),
    ROW("backpressured_seconds_total", "counter", "Time an output was full.", blocked_ms, 1e-3),
    ROW("queued_batches", "gauge", "Batches waiting in the task's inputs.", queue, 1),
    ROW("late_records_total", "counter", "Records dropped because they came too late.", late, 1),
    ROW("skipped_records_total", "counter", "Records that could not be read.", errors, 1),
    ROW("source_records_total", "counter", "Records read from outside.", source_records, 1),
    ROW("source_bytes_total", "counter", "Bytes read from outside.", source_bytes, 1),
    ROW("sink_records_total", "counter", "Records written to the outside.", sink_records, 1),
};

static void label(struct str *out, const char *name, const char *value) {
    str_addf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n')
            str_add(out, "\\n");
        else if (*value == '"' || *value == '\\')
            str_addf(out, "\\%c", *value);
        else
            str_add_char(out, *value);
    }
    str_add_char(out, '"');
}

static void print_task(const struct row *r, const struct job *j, int v, int s, struct str *out) {
    str_addf(out, "%s{", r->name);
    label(out, "job", j->name);
    str_add_char(out, ',');
    label(out, "job_id", j->id);
    str_add_char(out, ',');
    label(out, "vertex", j->plan->vertices[v].uid);
    int64_t value = *(const int64_t *)((const char *)&j->tasks[v][s].load + r->offset);
    str_addf(out, ",subtask=\"%d\"} %.15g\n", s, (double)value * r->scale);
}

void load_metrics_text(const struct coordinator *c, struct str *out) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help, rows[i].name,
                 rows[i].type);
        for (int k = 0; k < c->n_jobs; k++) {
            const struct job *j = c->jobs[k];
            if (job_is_over(j)) continue;
            for (int v = 0; v < j->plan->n_vertices; v++)
                for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
                    print_task(&rows[i], j, v, s, out);
        }
    }
    str_addf(out,
             "# HELP penstock_workers Workers connected.\n# TYPE penstock_workers gauge\n"
             "penstock_workers %d\n",
             c->n_registered);
}
