/* rest.c - the REST API: docs/rest.md. */
#include "coordinator/state.h"

cJSON *rest_job_summary(const struct job *j) {
    cJSON *o = cJSON_CreateObject();
    json_set_str(o, "id", j->id);
    json_set_str(o, "name", j->name);
    json_set_str(o, "state", job_state_name(j->state));
    json_set_i64(o, "attempt", (int64_t)j->attempt);
    cJSON *p = load_progress(j);
    static const char *const fields[] = {"elapsedMs",  "recordsIn",  "bytesIn",
                                         "recordsOut", "skipped",    "late",
                                         "watermark",  "totalBytes", "totalRecords"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        cJSON *f = cJSON_DetachItemFromObjectCaseSensitive(p, fields[i]);
        if (f) json_set(o, fields[i], f);
    }
    cJSON_Delete(p);
    if (j->state == JOB_FAILED) json_set(o, "error", control_error_to_json(&j->error, "runtime"));
    return o;
}

static void reply(struct http_exchange *x, cJSON *j /* takes */) {
    http_reply_json(x, 200, j);
    cJSON_Delete(j);
}

/* Replies 404 and returns NULL if there is no such job. By id, or by name (the newest). */
static struct job *job_of(struct coordinator *c, struct http_exchange *x) {
    const char *id = http_param(x, "id");
    struct job *j = job_find(c, id);
    for (int i = c->n_jobs - 1; !j && i >= 0; i--)
        if (!strcmp(c->jobs[i]->name, id)) j = c->jobs[i];
    if (!j) {
        struct err err = ERR_INIT;
        err_set(&err, ERR_NOT_FOUND, "no job '%s' here", id);
        http_reply_err(x, &err);
    }
    return j;
}

static void get_jobs(void *self, struct http_exchange *x) {
    struct coordinator *c = self;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < c->n_jobs; i++)
        cJSON_AddItemToArray(list, rest_job_summary(c->jobs[i]));
    cJSON *o = cJSON_CreateObject();
    json_set(o, "jobs", list);
    reply(x, o);
}

static void get_job(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (j) reply(x, rest_job_summary(j));
}

static void get_plan(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (j) reply(x, plan_to_public_json(j->plan));
}

static void get_metrics_json(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (j) reply(x, load_metrics_json(j));
}

static void get_threads(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (!j) return;
    cJSON *list = cJSON_CreateArray();
    for (int w = 0; w < j->n_workers; w++) {
        if (!j->worker_used[w]) continue;
        cJSON *o = cJSON_CreateObject();
        json_set_str(o, "worker", j->coord->workers[w]->id);
        const cJSON *threads = json_opt(j->worker_reports[w], "threads");
        json_set(o, "threads", threads ? cJSON_Duplicate(threads, true) : cJSON_CreateArray());
        cJSON_AddItemToArray(list, o);
    }
    cJSON *o = cJSON_CreateObject();
    json_set(o, "workers", list);
    reply(x, o);
}

static void post_cancel(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (!j) return;
    if (!job_is_over(j)) job_cancel(j);
    reply(x, rest_job_summary(j));
}

static void get_workers(void *self, struct http_exchange *x) {
    struct coordinator *c = self;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < c->n_workers; i++) {
        cJSON *o = cJSON_CreateObject();
        json_set_str(o, "id", c->workers[i]->id);
        json_set_str(o, "host", c->workers[i]->host);
        json_set_i64(o, "pid", c->workers[i]->pid);
        json_set_i64(o, "dataPort", c->workers[i]->data_port);
        json_set_i64(o, "slots", c->workers[i]->slots);
        json_set_bool(o, "connected", c->workers[i]->conn != NULL);
        cJSON_AddItemToArray(list, o);
    }
    cJSON *o = cJSON_CreateObject();
    json_set(o, "workers", list);
    reply(x, o);
}

static void get_health(void *self, struct http_exchange *x) {
    http_reply_text(x, 200, "ok\n");
}

static void get_metrics(void *self, struct http_exchange *x) {
    AUTO_STR out = STR_INIT;
    load_metrics_text(self, &out);
    http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", str_text(&out), out.len);
}

void rest_routes(struct coordinator *c) {
    http_server_route_public(c->server, "GET", "/healthz", get_health, c);
    http_server_route_public(c->server, "GET", "/metrics", get_metrics, c);
    http_server_route(c->server, "GET", "/v1/jobs", get_jobs, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}", get_job, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/plan", get_plan, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/metrics", get_metrics_json, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/threads", get_threads, c);
    http_server_route(c->server, "POST", "/v1/jobs/{id}/cancel", post_cancel, c);
    http_server_route(c->server, "GET", "/v1/workers", get_workers, c);
}
