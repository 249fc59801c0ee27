/* operator.c - caches, queues, and what leads from one to the other. */
#define LOG_MODULE "operator"
#include "operator/operator.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "operator/observe.h"
#include "operator/state.h"

#include <stdlib.h>

struct track *operator_track(struct operator* op, const char *key) {
    struct track *t = map_get(&op->tracks, key);
    if (!t) {
        t = mem_zalloc(sizeof *t);
        map_put(&op->tracks, key, t);
    }
    return t;
}

static void add(struct k8s_queue *q, const char *ns, const char *name) {
    AUTO_STR key = STR_INIT;
    str_addf(&key, "%s/%s", ns, name);
    k8s_queue_add(q, str_text(&key));
}

static void on_job(void *self, enum k8s_event event, const struct k8s_object *now,
                   const struct k8s_object *before) {
    struct operator* op = self;
    add(op->queue, now->ns, now->name);
}

static void on_snapshot(void *self, enum k8s_event event, const struct k8s_object *now,
                        const struct k8s_object *before) {
    struct operator* op = self;
    add(op->snapshot_queue, now->ns, now->name);
}

static void on_owned(void *self, enum k8s_event event, const struct k8s_object *now,
                     const struct k8s_object *before) {
    struct operator* op = self;
    if (*now->owner) add(op->queue, now->ns, now->owner);
}

/* What isn't seen yet counts as gone: nothing is decided before all lists are whole. */
static void work_if_synced(void *self) {
    struct operator* op = self;
    if (!op->started || !operator_synced(op)) return;
    k8s_queue_start(op->queue);
    k8s_queue_start(op->snapshot_queue);
}

static void on_news(void *self, const char *key) {
    struct operator* op = self;
    k8s_queue_add(op->queue, key);
}

static struct k8s_cache *cache(struct operator* op, const struct k8s_resource *r,
                               const char *const *keep, bool owned,
                               void (*on_change)(void *, enum k8s_event, const struct k8s_object *,
                                                 const struct k8s_object *)) {
    return k8s_cache_new(&(struct k8s_cache_options){.client = op->o.client,
                                                     .resource = r,
                                                     .namespaces = op->o.namespaces,
                                                     .label_selector = owned ? JOB_LABEL : NULL,
                                                     .owner_label = owned ? JOB_LABEL : NULL,
                                                     .keep = keep,
                                                     .on_change = on_change,
                                                     .on_synced = work_if_synced,
                                                     .self = op});
}

int operator_new(const struct operator_options *o, struct operator** ret, struct err *err) {
    static const char *const spec_fields[] = {"data", NULL};
    struct operator* op = mem_zalloc(sizeof *op);
    op->o = *o;
    map_init(&op->tracks);
    operator_metrics_init(op);
    struct engines_options engines = {.loop = o->loop, .on_news = on_news, .self = op};
    int rc = engines_new(&engines, &op->engines, err);
    if (rc) {
        operator_free(op);
        return rc;
    }
    op->events = k8s_events_new(&(struct k8s_events_options){
        .client = o->client, .component = "penstock-operator", .instance = o->identity});
    op->queue = k8s_queue_new(&(struct k8s_queue_options){
        .loop = o->loop, .concurrency = OPERATOR_CONCURRENCY, .work = reconcile_job, .self = op});
    op->snapshot_queue = k8s_queue_new(
        &(struct k8s_queue_options){.loop = o->loop, .work = reconcile_snapshot, .self = op});
    op->snapshots = cache(op, K8S_FLINKSNAPSHOTS, NULL, false, on_snapshot);
    op->jobs = cache(op, K8S_FLINKJOBS, NULL, false, on_job);
    op->pods = cache(op, K8S_PODS, observe_pod_fields, true, on_owned);
    op->specs = cache(op, K8S_CONFIGMAPS, spec_fields, true, on_owned);
    *ret = op;
    return 0;
}

bool operator_synced(const struct operator* op) {
    if (!op->jobs || !op->pods || !op->specs || !op->snapshots) return false; /* being made */
    return k8s_cache_synced(op->jobs) && k8s_cache_synced(op->pods) &&
           k8s_cache_synced(op->specs) && k8s_cache_synced(op->snapshots);
}

bool operator_idle(const struct operator* op) {
    struct k8s_queue_stats jobs, snapshots;
    k8s_queue_get_stats(op->queue, &jobs);
    k8s_queue_get_stats(op->snapshot_queue, &snapshots);
    return !jobs.working && !snapshots.working;
}

void operator_start(struct operator* op) {
    op->started = true;
    work_if_synced(op);
}

void operator_stop(struct operator* op) {
    op->started = false;
    k8s_queue_pause(op->queue);
    k8s_queue_pause(op->snapshot_queue);
}

void operator_close(struct operator* op) {
    if (!op) return;
    k8s_cache_free(op->jobs);
    k8s_cache_free(op->pods);
    k8s_cache_free(op->specs);
    k8s_cache_free(op->snapshots);
    k8s_events_free(op->events);
    k8s_queue_free(op->queue);
    k8s_queue_free(op->snapshot_queue);
    engines_close(op->engines);
}

void operator_free_track(void *p) {
    struct track *t = p;
    if (!t) return;
    free(t->uid);
    job_keys_release(&t->keys);
    free(t->refused);
    free(t);
}

void operator_free(struct operator* op) {
    if (!op) return;
    engines_free(op->engines);
    map_release(&op->tracks, operator_free_track);
    metrics_free(op->metrics);
    free(op);
}
