/* operate.c - what the operator asks of a coordinator: base/proto/status.h. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/proto/status.h"
#include "coordinator/checkpointing.h"

static const char *job_status(const struct job *j) {
    static const char *const names[] = {
        [JOB_CREATED] = STATUS_STARTING,    [JOB_DEPLOYING] = STATUS_STARTING,
        [JOB_RUNNING] = STATUS_RUNNING,     [JOB_COMMITTING] = STATUS_STOPPING,
        [JOB_CANCELLING] = STATUS_STOPPING, [JOB_RESTARTING] = STATUS_STARTING,
        [JOB_FINISHED] = STATUS_FINISHED,   [JOB_STOPPED] = STATUS_STOPPED,
        [JOB_FAILED] = STATUS_FAILED,       [JOB_CANCELLED] = STATUS_CANCELLED};
    if (j->state == JOB_CANCELLING && j->outcome == JOB_RESTARTING) return STATUS_STARTING;
    return names[j->state];
}

static const char *status_name(const struct coordinator *c) {
    if (c->n_failed) return STATUS_FAILED;
    if (c->n_jobs) return job_status(c->jobs[c->n_jobs - 1]);
    if (c->cancelled) return STATUS_CANCELLED;
    if (!c->compiled) return STATUS_COMPILING;
    return c->told_start ? STATUS_WAITING : STATUS_PREPARED;
}

static int connected(const struct coordinator *c) {
    int n = 0;
    for (int i = 0; i < c->n_workers; i++)
        n += c->workers[i]->conn != NULL;
    return n;
}

cJSON *operate_plan_summary(const struct plan *p) {
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "vertices");
    for (int v = 0; v < p->n_vertices; v++) {
        cJSON *j = cJSON_CreateObject();
        json_set_str(j, "uid", p->vertices[v].uid);
        json_set_str(j, "name", p->vertices[v].name);
        json_set_i64(j, "parallelism", p->vertices[v].parallelism);
        json_set_str(j, "slotGroup", p->vertices[v].slot_group);
        cJSON_AddItemToArray(list, j);
    }
    json_set_i64(o, "slots", place_slots(p));
    return o;
}

cJSON *coordinator_status(const struct coordinator *c) {
    cJSON *o = cJSON_CreateObject();
    json_set_str(o, "state", status_name(c));
    cJSON *w = cJSON_AddObjectToObject(o, "workers");
    json_set_i64(w, "registered", connected(c));
    json_set_i64(w, "wanted", c->opts.workers);
    if (c->n_jobs) json_set(o, "job", rest_job_summary(c->jobs[c->n_jobs - 1]));
    const struct job *j = c->n_jobs ? c->jobs[c->n_jobs - 1] : NULL;
    cJSON *checkpoint = j && j->ck ? checkpointing_newest_json(j) : NULL;
    if (checkpoint) json_set(o, "checkpoint", checkpoint);
    json_set_bool(o, "checkpoints", j && j->ck);
    if (c->plan) json_set(o, "plan", cJSON_Duplicate(c->plan, true));
    if (c->n_failed) {
        struct err e = c->error;
        job_spec_place(c->opts.spec, &e.line, &e.column);
        json_set(o, "error", control_error_to_json(&e, "runtime"));
    }
    return o;
}

static void reply(struct coordinator *c, struct http_exchange *x, int status) {
    AUTO_JSON *o = coordinator_status(c);
    http_reply_json(x, status, o);
}

static void get_status(void *self, struct http_exchange *x) {
    reply(self, x, 200);
}

static void post_start(void *self, struct http_exchange *x) {
    struct coordinator *c = self;
    c->told_start = true; /* again is harmless: the operator can't always know */
    net_timer_set(c->advance_timer, 0);
    reply(c, x, 202);
}

static void post_stop(void *self, struct http_exchange *x) {
    struct coordinator *c = self;
    struct err err = ERR_INIT;
    AUTO_JSON *body = NULL;
    bool checkpoint;
    int rc = http_body_json(x, &body, &err);
    if (!rc) rc = json_get_bool(body, "checkpoint", &checkpoint, &err);
    struct job *j = c->n_jobs ? c->jobs[c->n_jobs - 1] : NULL;
    bool runs = j && !job_is_over(j);
    if (!rc && checkpoint && runs && !j->ck)
        rc = err_set(&err, ERR_UNSUPPORTED,
                     "the job takes no checkpoints: stopping it loses its state");
    if (rc) {
        http_reply_err(x, &err);
        return;
    }
    if (checkpoint && runs) {
        if (!checkpointing_is_stopping(j)) checkpointing_request(j, CKPT_STOP, NULL);
    } else if (!c->stopping) {
        coordinator_stop(c);
    }
    reply(c, x, 202);
}

void operate_routes(struct coordinator *c) {
    http_server_route(c->server, "GET", STATUS_PATH, get_status, c);
    http_server_route(c->server, "POST", STATUS_PATH_START, post_start, c);
    http_server_route(c->server, "POST", STATUS_PATH_STOP, post_stop, c);
}
