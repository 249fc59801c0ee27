/* snapshots.c - one look at one FlinkSnapshot: a savepoint is asked for once, then followed. */
#define LOG_MODULE "operator"
#include "operator/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"

#include <stdlib.h>
#include <string.h>

enum { SNAPSHOT_WAIT_MS = 2000, SNAPSHOT_FOLLOW_MS = 500 };

struct snapshot_work {
    struct operator* op;
    char *key, *job_key;
    cJSON *object;
    const char *ns, *name, *job; /* borrow object */
    int64_t run, request;
    int64_t again_ms;
};

static void finish(struct snapshot_work *w, bool failed) {
    k8s_queue_done(w->op->snapshot_queue, w->key, failed ? K8S_WORK_RETRY : K8S_WORK_DONE,
                   failed ? -1 : w->again_ms);
    cJSON_Delete(w->object);
    free(w->key);
    free(w->job_key);
    free(w);
}

static void on_written(void *self, const struct k8s_result *r) {
    struct snapshot_work *w = self;
    if (!r->rc)
        k8s_cache_put(w->op->snapshots, r->object);
    else if (r->reason != K8S_NOT_FOUND)
        log_warn("status of a FlinkSnapshot not written", KV_STR("snapshot", w->key),
                 KV_ERR(r->err));
    finish(w, r->rc && r->reason != K8S_NOT_FOUND);
}

/* Writes the status, and ends the look. status: taken. */
static void write_status(struct snapshot_work *w, cJSON *status, int64_t again_ms) {
    w->again_ms = again_ms;
    if (cJSON_Compare(status, json_opt(w->object, "status"), true)) {
        cJSON_Delete(status);
        finish(w, false);
        return;
    }
    AUTO_JSON *body = k8s_object_new(K8S_FLINKSNAPSHOTS, w->ns, w->name);
    json_set(body, "status", status);
    struct err err = ERR_INIT;
    struct k8s_request req = {.verb = K8S_APPLY,
                              .resource = K8S_FLINKSNAPSHOTS,
                              .ns = w->ns,
                              .name = w->name,
                              .subresource = "status",
                              .body = body,
                              .force = true,
                              .on_done = on_written,
                              .self = w};
    if (k8s_send(w->op->o.client, &req, NULL, &err)) {
        log_warn("status of a FlinkSnapshot not written", KV_STR("snapshot", w->key), KV_ERR(&err));
        finish(w, true);
    }
}

static cJSON *status_of(const struct snapshot_work *w, const char *state, const char *message) {
    cJSON *s = cJSON_CreateObject();
    json_set_str(s, "state", state);
    if (message) json_set_str(s, "message", message);
    if (w->run) json_set_i64(s, "run", w->run);
    if (w->request) json_set_i64(s, "request", w->request);
    return s;
}

static void tell(const struct snapshot_work *w, bool warning, const char *reason,
                 const char *text) {
    struct k8s_about a = {.resource = K8S_FLINKSNAPSHOTS,
                          .ns = w->ns,
                          .name = w->name,
                          .uid = k8s_meta_uid(w->object)};
    log_info(reason, KV_STR("snapshot", w->key), KV_STR("text", text));
    k8s_events_post(w->op->events, &a, warning, reason, "Snapshot", text);
}

static void give_up(struct snapshot_work *w, const char *why) {
    tell(w, true, "Failed", why);
    write_status(w, status_of(w, "Failed", why), -1);
}

static void complete(struct snapshot_work *w, const cJSON *answer) {
    cJSON *s = status_of(w, "Completed", NULL);
    const char *dir = json_opt_str(answer, "dir", NULL);
    AUTO_STR now = STR_INIT;
    if (dir) json_set_str(s, "location", dir);
    json_set_i64(s, "checkpoint", json_opt_i64(answer, "checkpoint", 0));
    k8s_time_text(clock_wall_ms(), &now);
    json_set_str(s, "completedAt", str_text(&now));
    tell(w, false, "Completed", dir ? dir : "the savepoint is where the checkpoints are");
    write_status(w, s, -1);
}

/* Answers of the coordinator: to the request for a savepoint, and to what became of it. */
static void on_answer(void *self, int status, const cJSON *json, const struct err *err) {
    struct snapshot_work *w = self;
    if (err && (!status || status >= 502 || status == 429)) { /* it may come back */
        log_info("coordinator doesn't answer", KV_STR("snapshot", w->key), KV_ERR(err));
        write_status(w, status_of(w, w->request ? "Running" : "Pending", err->msg),
                     SNAPSHOT_WAIT_MS);
        return;
    }
    if (err) {
        give_up(w, status == 404 && w->request
                       ? "the job was restarted meanwhile: make another FlinkSnapshot"
                       : err->msg);
        return;
    }
    w->request = json_opt_i64(json, "request", w->request);
    const char *state = json_opt_str(json, "state", "");
    if (!strcmp(state, "done"))
        complete(w, json);
    else if (!strcmp(state, "failed"))
        give_up(w, json_opt_str(json, "error", "the checkpoint failed"));
    else
        write_status(w, status_of(w, "Running", NULL), SNAPSHOT_FOLLOW_MS);
}

/* Where to: the snapshot's own folder below the one given, or the job's. Empty: where the
 * checkpoints are. */
static void folder_of(const struct snapshot_work *w, const cJSON *job, struct str *out) {
    const char *dir = json_opt_str(json_opt(w->object, "spec"), "directory", NULL);
    if (!dir)
        dir = json_opt_str(json_opt(json_opt(job, "spec"), "config"),
                           "execution.checkpointing.savepoint-dir", NULL);
    if (dir) str_addf(out, "%s/%s.%s.%s", dir, w->ns, w->name, k8s_meta_uid(w->object));
}

static void ask(struct snapshot_work *w, const cJSON *job, const char *id) {
    AUTO_STR path = STR_INIT, text = STR_INIT, dir = STR_INIT;
    bool sent;
    if (w->request) {
        str_addf(&path, "/v1/jobs/%s/requests/%lld", id, (long long)w->request);
        sent =
            engines_call(w->op->engines, w->job_key, w->run, str_text(&path), NULL, on_answer, w);
    } else {
        AUTO_JSON *body = cJSON_CreateObject();
        str_addf(&path, "/v1/jobs/%s/savepoints", id);
        folder_of(w, job, &dir);
        if (dir.len) json_set_str(body, "dir", str_text(&dir));
        json_print(body, &text);
        sent = engines_call(w->op->engines, w->job_key, w->run, str_text(&path), str_text(&text),
                            on_answer, w);
    }
    if (!sent) finish(w, true);
}

static void look(struct snapshot_work *w) {
    AUTO_STR text = STR_INIT;
    const struct k8s_object *o = k8s_cache_get(w->op->jobs, w->ns, w->job);
    if (!o) {
        str_addf(&text,
                 "spec.jobName: there is no FlinkJob '%s' in this namespace: make it, or "
                 "delete this",
                 w->job);
        write_status(w, status_of(w, "Pending", str_text(&text)), SNAPSHOT_WAIT_MS);
        return;
    }
    AUTO_JSON *job = k8s_object_json(o);
    int64_t run = json_opt_i64(json_opt(json_opt(job, "status"), "run"), "number", 0);
    if (w->request && run != w->run) {
        give_up(w, "the job was restarted meanwhile: make another FlinkSnapshot");
        return;
    }
    w->run = run;
    const char *id = engines_job_id(w->op->engines, w->job_key, run);
    if (!id) {
        str_addf(&text, "waits until FlinkJob '%s' runs; it is %s", w->job,
                 json_opt_str(json_opt(job, "status"), "state", "Pending"));
        w->run = 0;
        write_status(w, status_of(w, "Pending", str_text(&text)), SNAPSHOT_WAIT_MS);
        return;
    }
    ask(w, job, id);
}

void reconcile_snapshot(void *self, const char *key) {
    struct operator* op = self;
    const char *slash = strchr(key, '/');
    AUTO_FREE char *ns = mem_strndup(key, (size_t)(slash - key));
    const struct k8s_object *o = k8s_cache_get(op->snapshots, ns, slash + 1);
    cJSON *object = o ? k8s_object_json(o) : NULL;
    const cJSON *status = json_opt(object, "status");
    const char *state = json_opt_str(status, "state", "");
    if (!o || o->deleting || !strcmp(state, "Completed") || !strcmp(state, "Failed")) {
        cJSON_Delete(object);
        k8s_queue_done(op->snapshot_queue, key, K8S_WORK_DONE, -1);
        return;
    }
    struct snapshot_work *w = mem_zalloc(sizeof *w);
    *w = (struct snapshot_work){.op = op,
                                .key = mem_strdup(key),
                                .object = object,
                                .ns = k8s_meta_ns(object),
                                .name = k8s_meta_name(object),
                                .job = json_opt_str(json_opt(object, "spec"), "jobName", ""),
                                .run = json_opt_i64(status, "run", 0),
                                .request = json_opt_i64(status, "request", 0)};
    AUTO_STR job_key = STR_INIT;
    str_addf(&job_key, "%s/%s", w->ns, w->job);
    w->job_key = str_take(&job_key);
    look(w);
}
