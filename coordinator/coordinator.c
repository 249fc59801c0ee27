/* coordinator.c - set-up, stopping and winding up. */
#define LOG_MODULE "coordinator"
#include "coordinator/coordinator.h"

#include "coordinator/state.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"

#include <stdlib.h>

static bool same_token(const char *a, const char *b) { /* in constant time */
    size_t n = strlen(a), diff = n ^ strlen(b);
    for (size_t i = 0; i < n && b[i]; i++)
        diff |= (unsigned char)(a[i] ^ b[i]);
    return diff == 0;
}

static bool authorize(void *self, const char *method, const char *path, const char *token) {
    struct coordinator *c = self;
    return !c->opts.token || !*c->opts.token || (token && same_token(token, c->opts.token));
}

static void on_warning(void *self, const char *text) {
    struct coordinator *c = self;
    cJSON *e = control_new(EVENT_WARNING);
    json_set_str(e, "text", text);
    client_send(c, e);
    if (c->client)
        log_info(text);
    else
        log_warn(text);
}

static void on_advance(void *arg) {
    struct coordinator *c = arg;
    job_forget_old(c);
    script_advance(c);
}

static void on_worker_timeout(void *arg) {
    struct coordinator *c = arg;
    struct err err = ERR_INIT;
    err_set(&err, ERR_TIMEOUT, "%d of %d workers have registered within %lld s", c->n_registered,
            c->opts.workers, (long long)c->opts.worker_timeout_ms / 1000);
    c->begun = c->script_done = true;
    c->n_failed++;
    log_error("workers are missing", KV_ERR(&err));
    client_statement_error(c, 0, NULL, &err, "runtime");
    script_advance(c);
}

int coordinator_new(struct net_loop *loop, const struct coordinator_options *opts,
                    struct coordinator **ret, struct err *err) {
    struct coordinator *c = mem_zalloc(sizeof *c);
    c->loop = loop;
    c->opts = *opts;
    if (!c->opts.worker_timeout_ms) c->opts.worker_timeout_ms = COORDINATOR_WORKER_TIMEOUT_MS;
    arena_init(&c->arena);
    arena_init(&c->stmt_arena);
    c->held = cJSON_CreateArray();
    c->session = session_new();
    session_on_warning(c->session, on_warning, c);
    session_set_directory(c->session, opts->spec->directory);
    sql_reader_init(&c->reader, opts->spec->sql, strlen(opts->spec->sql));
    c->worker_timer = net_timer_new(loop, on_worker_timeout, c);
    c->advance_timer = net_timer_new(loop, on_advance, c);
    struct http_server_options server = {.address = opts->address,
                                         .port = opts->port,
                                         .tls = opts->tls,
                                         .authorize = authorize,
                                         .authorize_self = c};
    int rc = io_pool_new(&(struct io_pool_options){.name = "commit"}, &c->io, err);
    if (!rc) rc = http_server_new(loop, &server, &c->server, err);
    if (rc) {
        coordinator_free(c);
        return rc;
    }
    rest_routes(c);
    operate_routes(c);
    static const struct ws_options frames = {.message_max_bytes = CONTROL_MESSAGE_MAX_BYTES,
                                             .queue_max_bytes = CONTROL_MESSAGE_MAX_BYTES};
    http_server_ws(c->server, CONTROL_PATH_WORKER, &worker_ws_ops, &frames, c);
    /* A client that waits for its own reader (a pager) answers no pings, and may take its time. */
    struct ws_options patient = frames;
    patient.ping_ms = -1;
    http_server_ws(c->server, CONTROL_PATH_CLIENT, &client_ws_ops, &patient, c);
    if (opts->hold)
        net_timer_set(c->advance_timer, 0);
    else
        net_timer_set(c->worker_timer, c->opts.worker_timeout_ms);
    *ret = c;
    return 0;
}

int coordinator_port(const struct coordinator *c) {
    return http_server_port(c->server);
}

int coordinator_failed(const struct coordinator *c) {
    return c->n_failed;
}

bool coordinator_cancelled(const struct coordinator *c) {
    return c->cancelled;
}

bool coordinator_fenced(const struct coordinator *c) {
    return c->fenced;
}

void coordinator_stop(struct coordinator *c) {
    if (c->stopping) { /* for the second time */
        net_loop_stop(c->loop);
        return;
    }
    c->stopping = c->begun = true;
    if (!c->script_done) c->cancelled = true;
    net_timer_cancel(c->worker_timer);
    for (int i = 0; i < c->n_jobs; i++)
        job_cancel(c->jobs[i]);
    net_timer_set(c->advance_timer, 0);
}

void coordinator_wind_up(struct coordinator *c) {
    bool open = c->client != NULL;
    if (c->client && !c->held->child) ws_close(c->client, WS_CLOSE_NORMAL, "done");
    for (int i = 0; i < c->n_workers; i++) {
        if (!c->workers[i]->conn) continue;
        open = true;
        ws_close(c->workers[i]->conn, WS_CLOSE_NORMAL, "done");
    }
    if (!open) net_loop_stop(c->loop);
}

void coordinator_free(struct coordinator *c) {
    if (!c) return;
    if (c->client) ws_set_self(c->client, NULL);
    for (int i = 0; i < c->n_workers; i++)
        if (c->workers[i]->conn) ws_set_self(c->workers[i]->conn, NULL);
    if (c->server) http_server_free(c->server);
    if (c->io && c->done) io_pool_drain(c->io); /* old checkpoints are being deleted */
    io_pool_free(c->io);                        /* what runs reads jobs */
    for (int i = 0; i < c->n_jobs; i++)
        job_free(c->jobs[i]);
    free(c->jobs);
    for (int i = 0; i < c->n_workers; i++) {
        free(c->workers[i]->id);
        free(c->workers[i]->host);
        free(c->workers[i]);
    }
    free(c->workers);
    free(c->sinks);
    net_timer_free(c->worker_timer);
    net_timer_free(c->advance_timer);
    session_free(c->session);
    cJSON_Delete(c->held);
    cJSON_Delete(c->plan);
    arena_release(&c->stmt_arena);
    arena_release(&c->arena);
    free(c);
}
