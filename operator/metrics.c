/* metrics.c - the operator's figures in Prometheus' text form. */
#include "base/core/mem.h"
#include "operator/state.h"

#include "operator/k8s/meta.h"

#include <string.h>

static void emit_jobs(const struct operator* op, struct metrics_writer *w) {
    enum { STATES = STATE_DELETING + 1 };
    int count[STATES] = {0};
    const struct k8s_object *o;
    for (size_t i = 0; (o = k8s_cache_next(op->jobs, &i));) {
        AUTO_JSON *j = k8s_object_json(o);
        const char *state = json_opt_str(json_opt(j, "status"), "state", "Pending");
        for (int s = 0; s < STATES; s++)
            count[s] += !strcmp(job_state_text((enum job_state)s), state);
    }
    for (int s = 0; s < STATES; s++)
        metrics_emit(w, METRIC_OPERATOR_JOBS, LABELS(job_state_text((enum job_state)s)), count[s]);
}

static void emit_cache(const struct k8s_cache *c, const char *name, struct metrics_writer *w) {
    struct k8s_cache_stats s;
    k8s_cache_get_stats(c, &s);
    metrics_emit(w, METRIC_OPERATOR_CACHE_BYTES, LABELS(name), (double)s.bytes);
    metrics_emit(w, METRIC_OPERATOR_WATCH_SILENT, LABELS(name), (double)s.watch.silent_ms / 1e3);
}

static void collect(void *self, struct metrics_writer *w) {
    const struct operator* op = self;
    emit_jobs(op, w);
    emit_cache(op->jobs, "flinkjobs", w);
    emit_cache(op->pods, "pods", w);
    emit_cache(op->specs, "configmaps", w);
    struct k8s_queue_stats q;
    k8s_queue_get_stats(op->queue, &q);
    metrics_emit(w, METRIC_OPERATOR_QUEUE_WAITING, NO_LABELS, (double)q.ready);
    metrics_emit(w, METRIC_OPERATOR_QUEUE_OLDEST, NO_LABELS, (double)q.oldest_ms / 1e3);
    struct k8s_client_stats c;
    k8s_client_get_stats(op->o.client, &c);
    metrics_emit(w, METRIC_OPERATOR_API_REQUESTS, NO_LABELS, (double)c.requests);
    metrics_emit(w, METRIC_OPERATOR_API_FAILURES, NO_LABELS, (double)c.failures);
    metrics_emit(w, METRIC_OPERATOR_API_THROTTLED, NO_LABELS, (double)c.throttled);
}

void operator_metrics_init(struct operator* op) {
    struct metrics *m = op->metrics = metrics_new();
    metrics_add_process(m, "penstock-operator");
    metrics_add_collector(m, collect, op);
    op->reconciles = metrics_series(m, METRIC_OPERATOR_RECONCILES, NO_LABELS);
    op->failures = metrics_series(m, METRIC_OPERATOR_RECONCILE_FAILURES, NO_LABELS);
    op->actions = metrics_series(m, METRIC_OPERATOR_ACTIONS, NO_LABELS);
    op->reconcile_time = metrics_series(m, METRIC_OPERATOR_RECONCILE_TIME, NO_LABELS);
}

void operator_print_metrics(struct operator* op, struct str *out) {
    metrics_text(op->metrics, out);
}
