/* link.c - orders from the coordinator to job_runtime, and what comes of them back. */
#define LOG_MODULE "worker"
#include "worker/link.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/ws_client.h"
#include "base/proto/control.h"
#include "fs/stores.h"
#include "worker/local_job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long until the next report: soon at first, for jobs that are over soon. */
enum { REPORT_FIRST_MS = 100, REPORT_MAX_MS = 1000 };
enum { CONNECT_AGAIN_MS = 200 };

struct link {
    struct net_loop *loop;
    struct worker *worker;
    struct link_options opts;
    struct ws_conn *conn;
    struct net_timer *report_timer, *connect_timer;
    int64_t connect_until_ns;
    bool registered;
    int report_ms;
    struct local_job **jobs;
    int n_jobs, cap_jobs;
    int number;
    bool shutdown;
    struct err error;
};

static void send(struct link *l, cJSON *frame /* takes */) {
    AUTO_STR text = STR_INIT;
    json_print(frame, &text);
    cJSON_Delete(frame);
    struct err err = ERR_INIT;
    if (l->conn && ws_send_text(l->conn, str_view(&text), &err))
        log_warn("frame not sent", KV_ERR(&err));
}

static void on_report(void *arg) {
    struct link *l = arg;
    for (int i = 0; i < l->n_jobs; i++)
        if (local_job_runs(l->jobs[i])) send(l, local_job_report(l->jobs[i]));
    l->report_ms = MIN(2 * l->report_ms, REPORT_MAX_MS);
    net_timer_set(l->report_timer, l->report_ms);
}

/* ---- jobs ---- */

static struct local_job *find_job(struct link *l, const cJSON *msg) {
    for (int i = 0; i < l->n_jobs; i++)
        if (local_job_is(l->jobs[i], msg)) return l->jobs[i];
    return NULL;
}

static void drop_job(struct link *l, struct local_job *j) {
    for (int i = 0; i < l->n_jobs; i++) {
        if (l->jobs[i] != j) continue;
        memmove(&l->jobs[i], &l->jobs[i + 1], sizeof *l->jobs * (size_t)(l->n_jobs - i - 1));
        l->n_jobs--;
        break;
    }
    local_job_free(j);
}

static void fail_tasks(struct link *l, const cJSON *msg, const struct err *err) {
    const cJSON *t;
    cJSON_ArrayForEach(t, json_opt(msg, "tasks")) {
        cJSON *f = control_new(MSG_TASK);
        json_set_str(f, "job", json_opt_str(msg, "job", ""));
        json_set_i64(f, "attempt", json_opt_i64(msg, "attempt", 0));
        json_set_i64(f, "v", json_opt_i64(t, "v", 0));
        json_set_i64(f, "s", json_opt_i64(t, "s", 0));
        json_set_str(f, "state", "failed");
        json_set(f, "error", control_error_to_json(err, "runtime"));
        send(l, f);
    }
}

static void deploy(struct link *l, const cJSON *msg) {
    struct local_job *j;
    struct err err = ERR_INIT;
    struct local_job_opts opts = {.loop = l->loop,
                                  .conn = l->conn,
                                  .worker = l->worker,
                                  .worker_id = l->opts.id,
                                  .number = l->number};
    if (fs_use(json_opt(msg, "fileSystems"), &err) || local_job_new(&opts, msg, &j, &err)) {
        fail_tasks(l, msg, &err);
        return;
    }
    MEM_GROW(l->jobs, l->n_jobs, l->cap_jobs);
    l->jobs[l->n_jobs++] = j;
}

static void set_log_levels(const cJSON *msg) {
    struct err err = ERR_INIT;
    if (log_parse_levels(json_opt_str(msg, "levels", ""), json_opt_i64(msg, "ttlMs", 0), &err))
        log_warn("log levels not changed", KV_ERR(&err));
}

static void shut_down(struct link *l) {
    l->shutdown = true;
    net_loop_stop(l->loop);
}

static void obey(struct link *l, const char *type, const cJSON *msg) {
    if (!strcmp(type, MSG_REGISTERED)) {
        l->number = (int)json_opt_i64(msg, "worker", 0);
        l->registered = true;
    } else if (!strcmp(type, MSG_DEPLOY)) {
        deploy(l, msg);
    } else if (!strcmp(type, MSG_SHUTDOWN)) {
        shut_down(l);
    } else if (!strcmp(type, MSG_LOG)) {
        set_log_levels(msg);
    } else {
        struct local_job *j = find_job(l, msg);
        if (!j) return; /* it never came to be here, or is gone */
        if (!strcmp(type, MSG_RELEASE)) {
            drop_job(l, j);
        } else if (!local_job_obey(j, type, msg)) {
            log_warn("unknown order", KV_STR("type", type));
        } else if (!strcmp(type, MSG_START)) {
            l->report_ms = REPORT_FIRST_MS;
            net_timer_set(l->report_timer, l->report_ms);
        }
    }
}

/* ---- the connection ---- */

static void on_open(void *self, struct ws_conn *conn) {
    struct link *l = self;
    cJSON *f = control_new(MSG_REGISTER);
    json_set_i64(f, "version", CONTROL_VERSION);
    json_set_str(f, "id", l->opts.id);
    json_set_i64(f, "pid", getpid());
    json_set_str(f, "host", l->opts.host);
    json_set_i64(f, "dataPort", worker_port(l->worker));
    json_set_i64(f, "slots", l->opts.slots);
    send(l, f);
}

static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct link *l = self;
    struct err err = ERR_INIT;
    const char *type;
    AUTO_JSON *j = NULL;
    if (binary || control_parse(data, len, &j, &type, &err)) {
        log_error("bad frame from the coordinator", KV_ERR(&err));
        return;
    }
    obey(l, type, j);
}

static void on_writable(void *self, struct ws_conn *conn) {
    struct link *l = self;
    for (int i = 0; i < l->n_jobs; i++)
        local_job_pump(l->jobs[i]);
}

static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct link *l = self;
    if (!l) return; /* freed: the loop closes what is left */
    l->conn = NULL;
    for (int i = 0; i < l->n_jobs; i++)
        local_job_connect(l->jobs[i], NULL);
    if (!l->registered && clock_mono_ns() < l->connect_until_ns) {
        net_timer_set(l->connect_timer, CONNECT_AGAIN_MS);
        return;
    }
    if (!l->shutdown && code != WS_CLOSE_NORMAL)
        err_set(&l->error, ERR_UNAVAILABLE, "the coordinator has gone: %s",
                reason && *reason ? reason : "the connection was cut");
    net_loop_stop(l->loop);
}

static const struct ws_ops link_ops = {on_open, on_message, on_writable, on_close};

static int connect_link(struct link *l, struct err *err) {
    AUTO_STR url = STR_INIT;
    str_addf(&url, "%s" CONTROL_PATH_WORKER, l->opts.url);
    struct ws_connect_options o = {
        .url = str_text(&url), .bearer_token = l->opts.token, .tls = l->opts.tls};
    /* A plan is at most 1 MiB, its splits may be many; so may be what a row holds. */
    o.ws.message_max_bytes = o.ws.queue_max_bytes = CONTROL_MESSAGE_MAX_BYTES;
    return ws_connect(l->loop, &o, &link_ops, l, &l->conn, err);
}

static void on_connect_again(void *arg) {
    struct link *l = arg;
    if (connect_link(l, &l->error)) net_loop_stop(l->loop);
}

bool link_is_registered(const struct link *l) {
    return l->registered;
}

int link_new(struct net_loop *loop, struct worker *w, const struct link_options *opts,
             struct link **ret, struct err *err) {
    struct link *l = mem_zalloc(sizeof *l);
    l->loop = loop;
    l->worker = w;
    l->opts = *opts;
    l->report_timer = net_timer_new(loop, on_report, l);
    l->connect_timer = net_timer_new(loop, on_connect_again, l);
    l->connect_until_ns = clock_mono_ns() + opts->connect_for_ms * 1000000;
    int rc = connect_link(l, err);
    if (rc) {
        link_free(l);
        return rc;
    }
    *ret = l;
    return 0;
}

int link_result(const struct link *l, struct err *err) {
    if (l->error.code) *err = l->error;
    return l->error.code;
}

void link_free(struct link *l) {
    if (!l) return;
    while (l->n_jobs)
        drop_job(l, l->jobs[l->n_jobs - 1]);
    if (l->conn) ws_set_self(l->conn, NULL);
    free(l->jobs);
    net_timer_free(l->report_timer);
    net_timer_free(l->connect_timer);
    free(l);
}
