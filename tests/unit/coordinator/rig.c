/* rig.c - see rig.h. */
#include "tests/unit/coordinator/rig.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <time.h>

enum { PATIENCE_S = 20 };

static void run_loop(void *loop) {
    net_loop_run(loop);
}

void rig_start(struct rig *r, const char *sql, struct coordinator_options opts) {
    struct err e = ERR_INIT;
    *r = (struct rig){0};
    arena_init(&r->arena);
    struct job_spec *spec = job_spec_of_script(&r->arena, "test", sql);
    spec->parallelism = 2;
    opts.spec = spec;
    opts.token = RIG_TOKEN;
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "coord"}, &r->loop, &e), &e);
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "peers"}, &r->peer_loop, &e), &e);
    assert_ok(net_loop_start(r->peer_loop, &e), &e);
    assert_ok(http_client_new(&(struct http_client_options){0}, &r->http, &e), &e);
    assert_ok(coordinator_new(r->loop, &opts, &r->coordinator, &e), &e);
    r->port = coordinator_port(r->coordinator);
    assert_ok(thread_start(&r->thread, "coord", run_loop, r->loop, &e), &e);
}

int rig_end(struct rig *r, bool *ret_cancelled) {
    thread_join(&r->thread);
    int failed = coordinator_failed(r->coordinator);
    if (ret_cancelled) *ret_cancelled = coordinator_cancelled(r->coordinator);
    coordinator_free(r->coordinator);
    net_loop_free(r->loop);
    http_client_free(r->http);
    net_loop_free(r->peer_loop);
    arena_release(&r->arena);
    return failed;
}

/* ---- peers ---- */

static void on_open(void *self, struct ws_conn *conn) {
    struct peer *p = self;
    pthread_mutex_lock(&p->lock);
    p->opened = true;
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct peer *p = self;
    struct err e = ERR_INIT;
    cJSON *j = NULL;
    CHECKF(!binary && json_parse(data, len, &j, &e) == 0, "%s", e.msg);
    pthread_mutex_lock(&p->lock);
    cJSON_AddItemToArray(p->frames, j);
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct peer *p = self;
    pthread_mutex_lock(&p->lock);
    p->conn = NULL;
    p->closed = true;
    p->close_code = code;
    snprintf(p->close_reason, sizeof p->close_reason, "%s", reason ? reason : "");
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static const struct ws_ops peer_ops = {
    .on_open = on_open, .on_message = on_message, .on_close = on_close};

/* With the lock held. false: nothing came for PATIENCE_S. */
static bool wait_more(struct peer *p) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return pthread_cond_timedwait(&p->cond, &p->lock, &until) == 0;
}

struct connecting {
    struct peer *p;
    const char *url;
};

static void connect_peer(void *arg) {
    struct connecting *c = arg;
    struct err e = ERR_INIT;
    struct ws_connect_options o = {.url = c->url, .bearer_token = RIG_TOKEN};
    int rc = ws_connect(c->p->rig->peer_loop, &o, &peer_ops, c->p, &c->p->conn, &e);
    CHECKF(rc == 0, "%s", e.msg);
}

void peer_open(struct peer *p, struct rig *r, const char *path) {
    AUTO_STR url = STR_INIT;
    *p = (struct peer){.rig = r, .frames = cJSON_CreateArray()};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->cond, NULL);
    str_addf(&url, "ws://127.0.0.1:%d%s", r->port, path);
    struct connecting c = {p, str_text(&url)};
    net_loop_call(r->peer_loop, connect_peer, &c);
    pthread_mutex_lock(&p->lock);
    while (!p->opened && !p->closed && wait_more(p))
        ;
    bool opened = p->opened;
    pthread_mutex_unlock(&p->lock);
    assert_true(opened);
}

struct sending {
    struct peer *p;
    struct sv text;
};

static void send_text(void *arg) {
    struct sending *s = arg;
    struct err e = ERR_INIT;
    /* What is said to somebody who has gone is lost. */
    int rc = s->p->conn && ws_is_open(s->p->conn) ? ws_send_text(s->p->conn, s->text, &e) : 0;
    CHECKF(rc == 0, "%s", e.msg);
}

void peer_send(struct peer *p, const char *fmt, ...) {
    AUTO_STR text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    struct sending s = {p, str_view(&text)};
    net_loop_call(p->rig->peer_loop, send_text, &s);
}

static bool is_one_of(const char *type, const char *const *types) {
    for (; *types; types++)
        if (!strcmp(type, *types)) return true;
    return false;
}

cJSON *peer_expect(struct peer *p, const char *type) {
    return peer_expect_any(p, (const char *[]){type, NULL});
}

cJSON *peer_expect_any(struct peer *p, const char *const *types) {
    cJSON *found = NULL;
    bool more = true;
    pthread_mutex_lock(&p->lock);
    while (!found && more) {
        cJSON *f = p->frames->child;
        if (!f) {
            more = !p->closed && wait_more(p);
            continue;
        }
        cJSON_DetachItemViaPointer(p->frames, f);
        if (is_one_of(json_opt_str(f, "t", ""), types))
            found = f;
        else
            cJSON_Delete(f);
    }
    pthread_mutex_unlock(&p->lock);
    if (!found) fail_msg("no frame '%s' came; closed: %d %s", types[0], p->closed, p->close_reason);
    return found;
}

void peer_wait_closed(struct peer *p) {
    pthread_mutex_lock(&p->lock);
    while (!p->closed && wait_more(p))
        ;
    bool closed = p->closed;
    pthread_mutex_unlock(&p->lock);
    assert_true(closed);
}

static void close_line(void *arg) {
    struct peer *p = arg;
    if (p->conn) ws_abort(p->conn);
}

void peer_close(struct peer *p) {
    net_loop_call(p->rig->peer_loop, close_line, p);
    peer_wait_closed(p);
}

void peer_release(struct peer *p) {
    peer_wait_closed(p);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->cond);
    cJSON_Delete(p->frames);
}

/* ---- REST ---- */

int rig_call(struct rig *r, const char *method, const char *path, const char *token,
             const struct sv *body, cJSON **ret_body) {
    struct err e = ERR_INIT;
    AUTO_STR url = STR_INIT;
    str_addf(&url, "http://127.0.0.1:%d%s", r->port, path);
    struct http_request req = {
        .method = method, .url = str_text(&url), .bearer_token = token, .timeout_ms = 20000};
    if (body) {
        req.body = body->ptr;
        req.body_len = body->len;
    }
    AUTO_HTTP_RESPONSE res = HTTP_RESPONSE_INIT;
    assert_ok(http_client_call(r->http, &req, &res, &e), &e);
    if (ret_body) assert_ok(json_parse(str_text(&res.body), res.body.len, ret_body, &e), &e);
    return res.status;
}

void rig_await(struct rig *r, const char *path, const char *field, const char *want) {
    AUTO_STR got = STR_INIT;
    for (int i = 0; i < PATIENCE_S * 200; i++) {
        AUTO_JSON *j = NULL;
        int status = rig_call(r, "GET", path, RIG_TOKEN, NULL, &j);
        const cJSON *f = json_opt(j, field);
        str_clear(&got);
        if (cJSON_IsString(f))
            str_add(&got, f->valuestring);
        else if (f)
            json_print(f, &got);
        if (status == 200 && !strcmp(str_text(&got), want)) return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    fail_msg("%s: '%s' is %s, not %s", path, field, str_text(&got), want);
}
