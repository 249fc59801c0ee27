/* rest.c - the REST API: docs/rest.md. */
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "coordinator/checkpointing.h"
#include "sql/settings.h"

#include <stdlib.h>

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/proto/status.h"

#include <stdlib.h>

cJSON *rest_job_summary(const struct job *j) {
    cJSON *o = cJSON_CreateObject();
    json_set_str(o, "id", j->id);
    json_set_str(o, "name", j->name);
    json_set_str(o, "state", job_state_name(j->state));
    json_set_u64(o, "attempt", j->attempt);
    json_set_i64(o, "restarts", j->n_restarts);
    if (j->n_failures) json_set(o, "failures", failover_json(j));
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

static void get_load(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (j) reply(x, load_now(j));
}

static void get_history(void *self, struct http_exchange *x) {
    enum { DEFAULT_S = 600, MAX_S = 86400 };
    struct job *j = job_of(self, x);
    if (!j) return;
    const char *text = http_query(x, "seconds");
    char *end = NULL;
    long seconds = text ? strtol(text, &end, 10) : DEFAULT_S;
    if (text && (end == text || *end || seconds < 1 || seconds > MAX_S)) {
        struct err err = ERR_INIT;
        err_set(&err, ERR_VALIDATION, "seconds=%s: a number from 1 to %d is wanted", text, MAX_S);
        http_reply_err(x, &err);
        return;
    }
    AUTO_STR out = STR_INIT;
    load_history(j, clock_wall_ms() - seconds * 1000, &out);
    http_reply(x, 200, "application/json", str_text(&out), out.len);
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

static void get_checkpoints(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (j) reply(x, checkpointing_json(j));
}

/* The request's number, by which what becomes of it is asked for. */
static void begin_request(struct job *j, enum ckpt_kind kind, const char *dir,
                          struct http_exchange *x) {
    struct err err = ERR_INIT;
    if (job_is_over(j))
        err_set(&err, ERR_UNAVAILABLE, "job %s is over", j->id);
    else if (!j->ck)
        err_set(&err, ERR_UNSUPPORTED,
                "job %s takes no checkpoints ('execution.checkpointing.interval' is unset): it can "
                "only be cancelled",
                j->name);
    if (err.code) {
        http_reply_err(x, &err);
        return;
    }
    AUTO_JSON *o = checkpointing_request_json(j, checkpointing_request(j, kind, dir));
    http_reply_json(x, 202, o);
}

static void post_savepoint(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (!j) return;
    AUTO_JSON *body = NULL;
    struct err err = ERR_INIT;
    if (http_body_json(x, &body, &err)) {
        http_reply_err(x, &err);
        return;
    }
    const char *dir = json_opt_str(body, "dir", NULL);
    AUTO_STR own = STR_INIT;
    const char *root = session_settings(j->coord->session)->savepoint_dir;
    if (!dir && root && *root) {
        str_addf(&own, "%s/%s-%lld", root, j->name, (long long)clock_wall_ms());
        dir = str_text(&own);
    }
    begin_request(j, CKPT_SAVEPOINT, dir, x);
}

static void post_stop(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (j) begin_request(j, CKPT_STOP, NULL, x);
}

static void get_request(void *self, struct http_exchange *x) {
    struct job *j = job_of(self, x);
    if (!j) return;
    cJSON *o = checkpointing_request_json(j, strtoull(http_param(x, "request"), NULL, 10));
    if (o) {
        reply(x, o);
        return;
    }
    struct err err = ERR_INIT;
    err_set(&err, ERR_NOT_FOUND, "no request '%s' of job %s", http_param(x, "request"), j->id);
    http_reply_err(x, &err);
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

static cJSON *levels_json(void) {
    enum { LEVELS_MAX = 64 };
    struct log_module_level levels[LEVELS_MAX];
    size_t n = log_levels(levels, LEVELS_MAX);
    cJSON *list = cJSON_CreateArray(), *o = cJSON_CreateObject();
    for (size_t i = 0; i < n; i++) {
        cJSON *l = cJSON_CreateObject();
        if (levels[i].module) json_set_str(l, "module", levels[i].module);
        json_set_str(l, "level", log_level_name(levels[i].level));
        if (levels[i].ttl_ms) json_set_i64(l, "ttlMs", levels[i].ttl_ms);
        cJSON_AddItemToArray(list, l);
    }
    json_set(o, "levels", list);
    return o;
}

static void get_log_levels(void *self, struct http_exchange *x) {
    reply(x, levels_json());
}

/* Of one worker, or of the coordinator and all its workers. */
static int set_log_levels(struct coordinator *c, const cJSON *body, struct err *err) {
    const char *levels, *id = json_opt_str(body, "worker", NULL);
    int64_t ttl_ms = json_opt_i64(body, "ttlMs", 0);
    int rc = json_get_str(body, "levels", &levels, err);
    if (!rc && ttl_ms < 0)
        rc = err_set(err, ERR_VALIDATION, "ttlMs: %lld is negative", (long long)ttl_ms);
    int found = 0;
    for (int i = 0; !rc && id && i < c->n_workers; i++)
        found += c->workers[i]->conn && !strcmp(c->workers[i]->id, id);
    if (!rc && id && !found) rc = err_set(err, ERR_NOT_FOUND, "no worker '%s' is connected", id);
    if (!rc) rc = id ? log_check_levels(levels, err) : log_parse_levels(levels, ttl_ms, err);
    for (int i = 0; !rc && i < c->n_workers; i++) {
        struct worker *w = c->workers[i];
        if (!w->conn || (id && strcmp(w->id, id))) continue;
        cJSON *m = control_new(MSG_LOG);
        json_set_str(m, "levels", levels);
        json_set_i64(m, "ttlMs", ttl_ms);
        worker_send(w, m);
    }
    return rc;
}

static void post_log_levels(void *self, struct http_exchange *x) {
    AUTO_JSON *body = NULL;
    struct err err = ERR_INIT;
    int rc = http_body_json(x, &body, &err);
    if (!rc) rc = set_log_levels(self, body, &err);
    if (rc)
        http_reply_err(x, &err);
    else
        reply(x, levels_json());
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
    http_server_route(c->server, "GET", "/v1/jobs/{id}/load", get_load, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/history", get_history, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/threads", get_threads, c);
    http_server_route(c->server, "POST", "/v1/jobs/{id}/cancel", post_cancel, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/checkpoints", get_checkpoints, c);
    http_server_route(c->server, "POST", "/v1/jobs/{id}/savepoints", post_savepoint, c);
    http_server_route(c->server, "POST", "/v1/jobs/{id}/stop", post_stop, c);
    http_server_route(c->server, "GET", "/v1/jobs/{id}/requests/{request}", get_request, c);
    http_server_route(c->server, "GET", "/v1/workers", get_workers, c);
    http_server_route(c->server, "GET", STATUS_PATH_LOG, get_log_levels, c);
    http_server_route(c->server, "POST", STATUS_PATH_LOG, post_log_levels, c);
}
