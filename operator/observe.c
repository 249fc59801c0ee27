/* observe.c - pods, sorted into runs. */
#include "operator/observe.h"

#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "operator/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const observe_pod_fields[] = {"status.phase",
                                          "status.podIP",
                                          "status.reason",
                                          "status.message",
                                          "status.conditions",
                                          "status.containerStatuses.name",
                                          "status.containerStatuses.ready",
                                          "status.containerStatuses.state",
                                          NULL};

static const cJSON *named(const cJSON *list, const char *key, const char *value) {
    const cJSON *i;
    cJSON_ArrayForEach(i, list) if (!strcmp(json_opt_str(i, key, ""), value)) return i;
    return NULL;
}

static const cJSON *main_state(const cJSON *pod) {
    const cJSON *list = json_opt(json_opt(pod, "status"), "containerStatuses");
    return json_opt(named(list, "name", "penstock"), "state");
}

/* Why it isn't running, or how it ended: the most telling of what the kubelet and the scheduler
 * say. */
static const char *why(struct arena *a, const cJSON *pod) {
    const cJSON *status = json_opt(pod, "status"), *state = main_state(pod);
    const cJSON *waiting = json_opt(state, "waiting"), *ended = json_opt(state, "terminated");
    if (ended) {
        int code = (int)json_opt_i64(ended, "exitCode", 0);
        const char *reason = json_opt_str(ended, "reason", "");
        const char *text = json_opt_str(ended, "message", "");
        if (!strcmp(reason, "OOMKilled"))
            return "it was killed for going beyond its memory limit: raise 'resources'";
        return arena_printf(a, "exit status %d%s%s", code, *text ? ": " : "", text);
    }
    const char *reason = json_opt_str(waiting, "reason", NULL);
    if (reason && strcmp(reason, "ContainerCreating") && strcmp(reason, "PodInitializing"))
        return arena_printf(a, "%s: %s", reason, json_opt_str(waiting, "message", ""));
    const cJSON *scheduled = named(json_opt(status, "conditions"), "type", "PodScheduled");
    if (!strcmp(json_opt_str(scheduled, "status", ""), "False"))
        return arena_printf(a, "%s: %s", json_opt_str(scheduled, "reason", ""),
                            json_opt_str(scheduled, "message", ""));
    const char *text = json_opt_str(status, "message", NULL);
    return text ? arena_printf(a, "%s: %s", json_opt_str(status, "reason", ""), text) : NULL;
}

static void read_pod(struct arena *a, const cJSON *pod, struct observed_pod *ret) {
    const cJSON *status = json_opt(pod, "status");
    const char *phase = json_opt_str(status, "phase", "Pending");
    bool over = !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed") ||
                json_opt(main_state(pod), "terminated");
    const cJSON *ready = named(json_opt(status, "conditions"), "type", "Ready");
    const char *index = k8s_meta_label(pod, "penstock.dev/index");
    *ret = (struct observed_pod){.name = arena_strdup(a, k8s_meta_name(pod)),
                                 .state = over                        ? POD_OVER
                                          : !strcmp(phase, "Running") ? POD_RUNNING
                                                                      : POD_PENDING,
                                 .ready = !strcmp(json_opt_str(ready, "status", ""), "True"),
                                 .deleting = k8s_meta_deleting(pod),
                                 .index = index ? atoi(index) : -1,
                                 .ip = arena_strdup(a, json_opt_str(status, "podIP", NULL))};
    ret->why = arena_strdup(a, why(a, pod));
}

static struct observed_run *run_of(struct observed *o, int64_t number) {
    for (int i = 0; i < o->n_runs; i++)
        if (o->runs[i].number == number) return &o->runs[i];
    if (o->n_runs == OBSERVED_RUNS_MAX) return NULL; /* the next look finds it */
    struct observed_run *r = &o->runs[o->n_runs++];
    *r = (struct observed_run){.number = number, .engine = {.records_in = -1, .records_out = -1}};
    return r;
}

/* What a coordinator that is over left behind. */
static void read_result(struct arena *a, const cJSON *pod, struct observed_engine *e) {
    const cJSON *ended = json_opt(main_state(pod), "terminated");
    const char *text = json_opt_str(ended, "message", "");
    AUTO_JSON *doc = NULL;
    struct err ignored = ERR_INIT; /* none, or a log's end: it was killed before it could say */
    if (!ended || *text != '{' || json_parse(text, strlen(text), &doc, &ignored)) return;
    engine_read_status(doc, e);
    e->error = arena_strdup(a, e->error);
    e->watermark = arena_strdup(a, e->watermark);
    e->checkpoint.location = arena_strdup(a, e->checkpoint.location);
    e->plan = NULL;
}

void observe_pods(struct arena *a, const cJSON *const *pods, int n, struct observed *ret) {
    for (int i = 0; i < n; i++) {
        const char *label = k8s_meta_label(pods[i], JOB_LABEL_RUN);
        const char *role = k8s_meta_label(pods[i], JOB_LABEL_ROLE);
        struct observed_run *r = label ? run_of(ret, strtoll(label, NULL, 10)) : NULL;
        if (!r || !role) continue;
        if (!strcmp(role, JOB_ROLE_COORDINATOR)) {
            read_pod(a, pods[i], &r->coordinator);
            if (r->coordinator.state == POD_OVER) read_result(a, pods[i], &r->engine);
        } else {
            if (!r->workers) r->workers = ARENA_NEW_N(a, struct observed_pod, n);
            read_pod(a, pods[i], &r->workers[r->n_workers++]);
        }
    }
}

static void observe_engines(struct arena *a, const char *key, const struct job *job,
                            const struct observe_sources *s, struct observed *ret) {
    int64_t runs[OBSERVED_RUNS_MAX];
    int n = 0;
    AUTO_STR server = STR_INIT;
    objects_server_name(job->name, job->ns, &server);
    for (int i = 0; i < ret->n_runs; i++) {
        struct observed_run *r = &ret->runs[i];
        if (!r->coordinator.ip || r->coordinator.state != POD_RUNNING) continue;
        runs[n++] = r->number;
        if (s->keys->token)
            engines_follow(s->engines, key, r->number, r->coordinator.ip, str_text(&server),
                           s->keys);
        engines_observe(s->engines, key, r->number, &r->engine);
    }
    engines_keep(s->engines, key, runs, n);
}

void observe(struct arena *a, const char *key, const struct job *job,
             const struct observe_sources *s, struct observed *ret) {
    *ret = (struct observed){0};
    const struct k8s_object *o;
    int n = 0, i = 0;
    for (o = k8s_cache_owned(s->pods, job->ns, job->name); o; o = o->next_owned)
        n++;
    cJSON **pods = ARENA_NEW_N(a, cJSON *, n + 1);
    for (o = k8s_cache_owned(s->pods, job->ns, job->name); o; o = o->next_owned)
        pods[i++] = k8s_object_json(o);
    observe_pods(a, (const cJSON *const *)pods, n, ret);
    for (i = 0; i < n; i++)
        cJSON_Delete(pods[i]);
    observe_engines(a, key, job, s, ret);
    for (o = k8s_cache_owned(s->specs, job->ns, job->name); o; o = o->next_owned) {
        AUTO_JSON *json = k8s_object_json(o);
        const char *hash = k8s_meta_label(json, "penstock.dev/hash");
        if (!hash || ret->n_specs == OBSERVED_SPECS_MAX) continue;
        ret->specs[ret->n_specs++] = arena_strdup(a, hash);
        if (!strcmp(hash, job->hash) && !o->deleting) ret->spec_ready = true;
    }
}
