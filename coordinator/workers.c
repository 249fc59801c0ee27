/* workers.c - the workers' connections: registration, frames in and out, loss. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "coordinator/checkpointing.h"

#include <stdlib.h>

struct worker *worker_get(struct coordinator *c, int number) {
    return number >= 0 && number < c->n_workers ? c->workers[number] : NULL;
}

void worker_send(struct worker *w, cJSON *frame) {
    AUTO_STR text = STR_INIT;
    json_print(frame, &text);
    cJSON_Delete(frame);
    if (!w->conn) return;
    struct err err = ERR_INIT;
    if (ws_send_text(w->conn, str_view(&text), &err)) {
        /* A worker that doesn't read its control frames is as good as lost. */
        log_warn("worker does not take frames", KV_STR("worker", w->id), KV_ERR(&err));
        ws_abort(w->conn);
    }
}

static void on_open(void *self, struct ws_conn *conn) {
    /* Registered by its first frame. */
    struct coordinator *c = self;
    struct worker *w = mem_zalloc(sizeof *w);
    w->coord = c;
    w->conn = conn;
    w->number = -1;
    ws_set_self(conn, w);
}

static bool runs_something(const struct coordinator *c, int number) {
    for (int i = 0; i < c->n_jobs; i++) {
        const struct job *j = c->jobs[i];
        bool between = j->state == JOB_CREATED || j->state == JOB_RESTARTING;
        if (!job_is_over(j) && !between && number < j->n_workers && j->worker_used[number])
            return true;
    }
    return false;
}

static void free_worker(struct worker *w) {
    free(w->id);
    free(w->host);
    free(w);
}

/* That of a lost one of the same name, in whose place it comes; else the next. */
static void take_number(struct coordinator *c, struct worker *w) {
    for (int i = 0; i < c->n_workers; i++) {
        struct worker *old = c->workers[i];
        if (old->conn || strcmp(old->id, w->id) != 0 || runs_something(c, i)) continue;
        free_worker(old);
        w->number = i;
        c->workers[i] = w;
        return;
    }
    MEM_GROW(c->workers, c->n_workers, c->cap_workers);
    w->number = c->n_workers;
    c->workers[c->n_workers++] = w;
}

static int register_worker(struct worker *w, const cJSON *j, struct err *err) {
    struct coordinator *c = w->coord;
    const char *id, *host;
    int version, pid;
    int rc = json_get_int(j, "version", &version, err);
    if (!rc) rc = json_get_str(j, "id", &id, err);
    if (!rc) rc = json_get_str(j, "host", &host, err);
    if (!rc) rc = json_get_int(j, "dataPort", &w->data_port, err);
    if (!rc) rc = json_get_int(j, "slots", &w->slots, err);
    if (!rc) rc = json_get_int(j, "pid", &pid, err);
    if (rc) return rc;
    if (version != CONTROL_VERSION)
        return err_set(err, ERR_PROTOCOL,
                       "worker %s speaks version %d of the control protocol, "
                       "this coordinator %d: run one version",
                       id, version, CONTROL_VERSION);
    w->id = mem_strdup(id);
    w->host = mem_strdup(host);
    w->pid = pid;
    take_number(c, w);
    c->n_registered++;
    log_info("worker registered", KV_STR("worker", id), KV_I64("pid", pid),
             KV_I64("slots", w->slots));
    cJSON *answer = control_new(MSG_REGISTERED);
    json_set_i64(answer, "worker", w->number);
    worker_send(w, answer);
    script_advance(c);
    for (int i = 0; i < c->n_jobs; i++)
        failover_go_on(c->jobs[i]); /* it may have waited for a worker */
    return 0;
}

static void forward(struct worker *w, struct job *j, const cJSON *msg, const char *event) {
    cJSON *e = control_new(event);
    json_set_i64(e, "index", j->index);
    static const char *const fields[] = {"rows", "stream", "text"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const cJSON *f = json_opt(msg, fields[i]);
        if (f) json_set(e, fields[i], cJSON_Duplicate(f, true));
    }
    client_forward(w->coord, w, j, e, json_opt_i64(msg, "seq", 0));
}

static void on_skipped(struct coordinator *c, const cJSON *msg) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "skipped a record of %s at %s: %s", json_opt_str(msg, "source", "?"),
             json_opt_str(msg, "position", "?"), json_opt_str(msg, "error", "?"));
    cJSON *e = control_new(EVENT_WARNING);
    json_set_str(e, "text", str_text(&text));
    client_send(c, e);
}

static int dispatch(struct worker *w, const char *type, const cJSON *msg, struct err *err) {
    if (w->number < 0) {
        if (strcmp(type, MSG_REGISTER))
            return err_set(err, ERR_PROTOCOL, "frame '%s' before '%s'", type, MSG_REGISTER);
        return register_worker(w, msg, err);
    }
    const char *id;
    int rc = json_get_str(msg, "job", &id, err);
    if (rc) return err_wrap(err, "frame '%s'", type);
    struct job *j = job_find(w->coord, id);
    /* Late news of a job that is over, or of an attempt that is. */
    if (!j || job_is_over(j) ||
        (uint64_t)json_opt_i64(msg, "attempt", (int64_t)j->attempt) != j->attempt)
        return 0;
    if (!strcmp(type, MSG_DEPLOYED))
        attempt_on_deployed(j, w->number);
    else if (!strcmp(type, MSG_TASK))
        attempt_on_task(j, w->number, msg);
    else if (!strcmp(type, MSG_REPORT))
        load_on_report(j, w->number, msg);
    else if (!strcmp(type, MSG_ROWS))
        forward(w, j, msg, EVENT_ROWS);
    else if (!strcmp(type, MSG_OUTPUT))
        forward(w, j, msg, EVENT_OUTPUT);
    else if (!strcmp(type, MSG_SKIPPED))
        on_skipped(w->coord, msg);
    else if (!strcmp(type, MSG_ACKED) && j->ck)
        checkpointing_on_acked(j, w->number, msg);
    else if (!strcmp(type, MSG_DECLINED) && j->ck)
        checkpointing_on_declined(j, w->number, msg);
    else if (!strcmp(type, MSG_COMMIT_DONE) && j->ck)
        checkpointing_on_commit_done(j, w->number, msg);
    else
        return err_set(err, ERR_PROTOCOL, "unknown frame '%s'", type);
    return 0;
}

static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct worker *w = self;
    struct err err = ERR_INIT;
    const char *type = "";
    AUTO_JSON *j = NULL;
    int rc = binary ? err_set(&err, ERR_PROTOCOL, "a binary frame")
                    : control_parse(data, len, &j, &type, &err);
    if (!rc) rc = dispatch(w, type, j, &err);
    if (rc) {
        log_error("worker breaks the protocol", KV_STR("worker", w->id ? w->id : ws_peer(conn)),
                  KV_ERR(&err));
        ws_close(conn, WS_CLOSE_PROTOCOL, err.msg);
    }
}

static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct worker *w = self;
    if (!w) return; /* freed: the loop closes what is left */
    struct coordinator *c = w->coord;
    w->conn = NULL;
    if (w->number < 0) {
        free(w);
        return;
    }
    c->n_registered--;
    if (c->done || c->stopping || c->client)
        log_debug("worker left", KV_STR("worker", w->id));
    else
        log_error("worker lost", KV_STR("worker", w->id), KV_I64("pid", w->pid),
                  KV_STR("reason", reason));
    AUTO_STR why = STR_INIT;
    str_addf(&why, "worker %s (pid %lld on %s) is lost: %s", w->id, (long long)w->pid, w->host,
             reason && *reason ? reason : "the connection was cut");
    for (int i = 0; i < c->n_jobs; i++)
        if (!job_is_over(c->jobs[i])) attempt_on_worker_lost(c->jobs[i], w, str_text(&why));
    if (c->done) coordinator_wind_up(c);
}

const struct ws_ops worker_ws_ops = {on_open, on_message, NULL, on_close};
