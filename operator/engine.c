/* engine.c - one poll per run at a time; requests beside it. */
#define LOG_MODULE "operator"
#include "operator/engine.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "base/proto/status.h"
#include "operator/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct engine {
    struct engines *all;
    char *key;
    int64_t run;
    char *address, *url, *token, *ca; /* address: ip:port */
    struct net_timer *timer;
    cJSON *doc; /* last status; NULL = none */
    int64_t answered_ns;
    /* A savepoint in front of the stop: taken (1), being taken (0), not asked for (-1). */
    int savepoint;
    int64_t savepoint_request;
    struct net_timer *savepoint_timer;
    char *refused; /* why the last stop was */
    int pending;   /* requests under way: it isn't freed before they are done */
    bool polling, forgotten, stopping;
    struct engine *next;
};

struct engines {
    struct engines_options o;
    struct http_client *http;
    struct engine *first;
    bool closed;
};

int engines_new(const struct engines_options *o, struct engines **ret, struct err *err) {
    struct engines *e = mem_zalloc(sizeof *e);
    e->o = *o;
    struct http_client_options http = {.name = "engines",
                                       .loop = o->loop,
                                       .on_loop = true,
                                       .concurrency = ENGINE_CONCURRENCY,
                                       .queue_max = 65536};
    int rc = http_client_new(&http, &e->http, err);
    if (rc)
        free(e);
    else
        *ret = e;
    return rc;
}

static void free_engine(struct engine *g) {
    net_timer_free(g->timer);
    net_timer_free(g->savepoint_timer);
    cJSON_Delete(g->doc);
    free(g->key);
    free(g->address);
    free(g->url);
    free(g->token);
    free(g->ca);
    free(g->refused);
    free(g);
}

void engines_close(struct engines *e) {
    if (!e) return;
    e->closed = true;
    for (struct engine *g = e->first; g; g = g->next) {
        g->forgotten = true;
        net_timer_cancel(g->timer);
        net_timer_cancel(g->savepoint_timer);
    }
    http_client_free(e->http);
    e->http = NULL;
}

void engines_free(struct engines *e) {
    if (!e) return;
    while (e->first) {
        struct engine *g = e->first;
        e->first = g->next;
        free_engine(g);
    }
    free(e);
}

static struct engine *find(const struct engines *e, const char *key, int64_t run) {
    for (struct engine *g = e->first; g; g = g->next)
        if (g->run == run && !g->forgotten && !strcmp(g->key, key)) return g;
    return NULL;
}

static void sweep(struct engines *e) {
    for (struct engine **p = &e->first; *p;) {
        struct engine *g = *p;
        if (g->forgotten && !g->pending) {
            *p = g->next;
            free_engine(g);
        } else {
            p = &g->next;
        }
    }
}

/* ---- requests ---- */

static int send_as(struct engine *g, const char *path, const char *body,
                   void (*done)(void *self, const struct http_response *r, const struct err *err),
                   void *self) {
    struct err err = ERR_INIT;
    AUTO_STR url = STR_INIT;
    str_addf(&url, "%s%s", g->url, path);
    struct tls_options tls = {.ca = g->ca};
    struct http_request req = {.method = body ? "POST" : "GET",
                               .url = str_text(&url),
                               .bearer_token = g->token,
                               .body = body,
                               .body_len = body ? strlen(body) : 0,
                               .timeout_ms = ENGINE_TIMEOUT_MS,
                               .response_max_bytes = 1 << 20,
                               .tls = &tls,
                               .connect_to = g->address,
                               .on_done = done,
                               .self = self};
    int rc = http_client_submit(g->all->http, &req, NULL, &err);
    if (rc)
        log_warn("coordinator not asked", KV_STR("job", g->key), KV_ERR(&err));
    else
        g->pending++;
    return rc;
}

static int send(struct engine *g, const char *path, const char *body,
                void (*done)(void *self, const struct http_response *r, const struct err *err)) {
    return send_as(g, path, body, done, g);
}

/* Two looks are the same to whoever decides, but for figures that only rise. */
static bool same(const cJSON *a, const cJSON *b) {
    static const char *const fields[] = {"state", "workers", "checkpoint", "error"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const cJSON *x = json_opt(a, fields[i]), *y = json_opt(b, fields[i]);
        if ((x || y) && !cJSON_Compare(x, y, true)) return false;
    }
    return true;
}

static void poll_later(struct engine *g, const cJSON *doc) {
    bool steady = doc && !g->stopping && !strcmp(json_opt_str(doc, "state", ""), STATUS_RUNNING);
    net_timer_set(g->timer, steady ? ENGINE_POLL_SLOW_MS : ENGINE_POLL_FAST_MS);
}

static void on_status(void *self, const struct http_response *r, const struct err *err) {
    struct engine *g = self;
    g->pending--;
    g->polling = false;
    if (g->forgotten) {
        sweep(g->all);
        return;
    }
    cJSON *doc = NULL;
    struct err e = ERR_INIT;
    int rc = err ? err->code : http_response_err(r, "GET", g->url, &e);
    if (!rc) rc = json_parse(str_text(&r->body), r->body.len, &doc, &e);
    if (rc) log_debug("coordinator doesn't answer", KV_STR("job", g->key), KV_ERR(err ? err : &e));
    int64_t now = clock_mono_ns();
    bool was_known = g->doc && now - g->answered_ns < ENGINE_SILENT_MS * 1000000LL;
    bool news = doc ? !was_known || !same(doc, g->doc)
                    : g->doc && !was_known && g->answered_ns; /* once it counts as unknown */
    if (doc) {
        cJSON_Delete(g->doc);
        g->doc = doc;
        g->answered_ns = now;
    } else if (news) {
        g->answered_ns = 0;
    }
    poll_later(g, doc ? doc : NULL);
    if (news) g->all->o.on_news(g->all->o.self, g->key);
}

static void on_savepoint_due(void *arg);

static void on_poll(void *arg) {
    struct engine *g = arg;
    if (g->polling || g->forgotten) return;
    if (send(g, STATUS_PATH, NULL, on_status))
        net_timer_set(g->timer, ENGINE_POLL_SLOW_MS);
    else
        g->polling = true;
}

static void poll_now(struct engine *g) {
    net_timer_set(g->timer, 0);
}

void engines_follow(struct engines *e, const char *key, int64_t run, const char *ip,
                    const char *server_name, const struct job_keys *keys) {
    if (find(e, key, run)) return;
    struct engine *g = mem_zalloc(sizeof *g);
    bool v6 = strchr(ip, ':') != NULL;
    AUTO_STR address = STR_INIT, url = STR_INIT;
    str_addf(&address, "%s%s%s:%d", v6 ? "[" : "", ip, v6 ? "]" : "", OBJECTS_REST_PORT);
    str_addf(&url, "https://%s:%d", server_name, OBJECTS_REST_PORT);
    *g = (struct engine){.all = e,
                         .key = mem_strdup(key),
                         .run = run,
                         .address = str_take(&address),
                         .url = str_take(&url),
                         .token = mem_strdup(keys->token),
                         .ca = mem_strdup(keys->ca),
                         .next = e->first};
    g->timer = net_timer_new(e->o.loop, on_poll, g);
    g->savepoint_timer = net_timer_new(e->o.loop, on_savepoint_due, g);
    g->savepoint = -1;
    e->first = g;
    poll_now(g);
}

static void forget(struct engine *g) {
    g->forgotten = true;
    net_timer_cancel(g->savepoint_timer);
    net_timer_cancel(g->timer);
}

void engines_keep(struct engines *e, const char *key, const int64_t *runs, int n_runs) {
    for (struct engine *g = e->first; g; g = g->next) {
        if (strcmp(g->key, key)) continue;
        bool keep = false;
        for (int i = 0; i < n_runs; i++)
            keep |= runs[i] == g->run;
        if (!keep) forget(g);
    }
    sweep(e);
}

void engines_forget(struct engines *e, const char *key) {
    engines_keep(e, key, NULL, 0);
}

/* ---- orders ---- */

static void on_ordered(void *self, const struct http_response *r, const struct err *err) {
    struct engine *g = self;
    g->pending--;
    if (g->forgotten) {
        sweep(g->all);
        return;
    }
    struct err e = ERR_INIT;
    if (err || http_response_err(r, "POST", g->url, &e))
        log_warn("coordinator didn't take an order", KV_STR("job", g->key), KV_ERR(err ? err : &e));
    poll_now(g);
}

static void on_stopped(void *self, const struct http_response *r, const struct err *err) {
    struct engine *g = self;
    free(g->refused);
    g->refused = NULL;
    if (!err && r->status == 501) {
        AUTO_JSON *j = NULL;
        struct err ignored = ERR_INIT; /* no JSON: the text stands for itself */
        int rc = json_parse(str_text(&r->body), r->body.len, &j, &ignored);
        g->refused = mem_strdup(rc ? str_text(&r->body)
                                   : json_opt_str(json_opt(j, "error"), "message", "refused"));
        g->stopping = false;
    }
    if (g->refused && !g->forgotten) g->all->o.on_news(g->all->o.self, g->key);
    on_ordered(self, r, err);
}

void engines_start(struct engines *e, const char *key, int64_t run) {
    struct engine *g = find(e, key, run);
    if (g) (void)send(g, STATUS_PATH_START, "{}", on_ordered);
}

static void stop_now(struct engine *g, bool checkpoint) {
    (void)send(g, STATUS_PATH_STOP, checkpoint ? "{\"checkpoint\":true}" : "{\"checkpoint\":false}",
               on_stopped);
}

/* What became of the savepoint: the job is stopped when it is complete, and goes on if it failed.
 */
static void on_savepoint(void *self, int status, const cJSON *json, const struct err *err) {
    struct engine *g = self;
    if (g->forgotten) return;
    const char *state = json_opt_str(json, "state", "");
    const char *why = err ? err->msg : json_opt_str(json, "error", "the savepoint failed");
    if (err && !status) { /* no answer: asked again */
        net_timer_set(g->savepoint_timer, ENGINE_SAVEPOINT_MS);
    } else if (err || !strcmp(state, "failed")) {
        free(g->refused);
        g->refused = mem_strdup(why);
        g->savepoint = -1;
        g->stopping = false;
        g->all->o.on_news(g->all->o.self, g->key);
    } else if (!strcmp(state, "done")) {
        log_info("savepoint taken", KV_STR("job", g->key),
                 KV_STR("dir", json_opt_str(json, "dir", "")));
        g->savepoint = 1;
        stop_now(g, true);
    } else {
        g->savepoint_request = json_opt_i64(json, "request", 0);
        net_timer_set(g->savepoint_timer, ENGINE_SAVEPOINT_MS);
    }
}

static void on_savepoint_due(void *arg) {
    struct engine *g = arg;
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s/requests/%lld", json_opt_str(json_opt(g->doc, "job"), "id", ""),
             (long long)g->savepoint_request);
    if (!engines_call(g->all, g->key, g->run, str_text(&path), NULL, on_savepoint, g))
        net_timer_set(g->savepoint_timer, ENGINE_SAVEPOINT_MS);
}

static void take_savepoint(struct engine *g, const char *id, const char *dir) {
    AUTO_JSON *j = cJSON_CreateObject();
    AUTO_STR path = STR_INIT, text = STR_INIT;
    json_set_str(j, "dir", dir);
    json_print(j, &text);
    str_addf(&path, "/v1/jobs/%s/savepoints", id);
    if (engines_call(g->all, g->key, g->run, str_text(&path), str_text(&text), on_savepoint, g))
        g->savepoint = 0;
}

void engines_stop(struct engines *e, const char *key, int64_t run, bool checkpoint,
                  const char *savepoint_dir) {
    struct engine *g = find(e, key, run);
    if (!g) return;
    const char *id = engines_job_id(e, key, run);
    g->stopping = true;
    if (g->savepoint) { /* not one that is under way: an earlier answer is void */
        free(g->refused);
        g->refused = NULL;
    }
    if (savepoint_dir && id && g->savepoint < 0)
        take_savepoint(g, id, savepoint_dir);
    else if (!savepoint_dir || !id || g->savepoint > 0)
        stop_now(g, checkpoint);
}

void engines_set_log(struct engines *e, const char *key, int64_t run, const char *levels) {
    struct engine *g = find(e, key, run);
    if (!g) return;
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "levels", levels);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    (void)send(g, STATUS_PATH_LOG, str_text(&text), on_ordered);
}

struct call {
    struct engine *engine;
    engine_answer_fn done;
    void *self;
};

static void on_called(void *self, const struct http_response *r, const struct err *err) {
    struct call *c = self;
    struct engine *g = c->engine;
    struct err e = ERR_INIT;
    AUTO_JSON *json = NULL;
    g->pending--;
    if (!err && http_response_err(r, "request", g->url, &e)) {
        struct err ignored = ERR_INIT; /* no JSON: the status stands for itself */
        if (!json_parse(str_text(&r->body), r->body.len, &json, &ignored))
            err_set(&e, e.code, "%s", json_opt_str(json_opt(json, "error"), "message", e.msg));
        err = &e;
    } else if (!err && json_parse(str_text(&r->body), r->body.len, &json, &e)) {
        err = &e;
    }
    if (!g->all->closed) c->done(c->self, r->status, json, err);
    if (g->forgotten) sweep(g->all);
    free(c);
}

bool engines_call(struct engines *e, const char *key, int64_t run, const char *path,
                  const char *body, engine_answer_fn done, void *self) {
    struct engine *g = find(e, key, run);
    if (!g) return false;
    struct call *c = mem_zalloc(sizeof *c);
    *c = (struct call){g, done, self};
    if (!send_as(g, path, body, on_called, c)) return true;
    free(c);
    return false;
}

const char *engines_job_id(const struct engines *e, const char *key, int64_t run) {
    const struct engine *g = find(e, key, run);
    const cJSON *job = g ? json_opt(g->doc, "job") : NULL;
    return job && !strcmp(json_opt_str(g->doc, "state", ""), STATUS_RUNNING)
               ? json_opt_str(job, "id", NULL)
               : NULL;
}

/* ---- what they said ---- */

void engine_read_status(const cJSON *doc, struct observed_engine *ret) {
    static const struct {
        const char *name;
        enum engine_state state;
    } states[] = {{STATUS_COMPILING, ENGINE_COMPILING}, {STATUS_PREPARED, ENGINE_PREPARED},
                  {STATUS_WAITING, ENGINE_WAITING},     {STATUS_STARTING, ENGINE_STARTING},
                  {STATUS_RUNNING, ENGINE_RUNNING},     {STATUS_STOPPING, ENGINE_STOPPING},
                  {STATUS_FINISHED, ENGINE_FINISHED},   {STATUS_FAILED, ENGINE_FAILED},
                  {STATUS_CANCELLED, ENGINE_CANCELLED}, {STATUS_STOPPED, ENGINE_CANCELLED}};
    struct observed_engine o = {.records_in = -1, .records_out = -1};
    const char *name = json_opt_str(doc, "state", "");
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (!strcmp(states[i].name, name)) o.state = states[i].state;
    const cJSON *error = json_opt(doc, "error"), *job = json_opt(doc, "job"),
                *checkpoint = json_opt(doc, "checkpoint");
    o.error = json_opt_str(error, "message", NULL);
    o.user_error = !strcmp(json_opt_str(error, "class", ""), "USER");
    o.checkpoints = json_opt_bool(doc, "checkpoints", false);
    o.registered = (int)json_opt_i64(json_opt(doc, "workers"), "registered", 0);
    o.records_in = json_opt_i64(job, "recordsIn", -1);
    o.records_out = json_opt_i64(job, "recordsOut", -1);
    o.watermark = json_opt_str(job, "watermark", NULL);
    o.plan = json_opt(doc, "plan");
    o.checkpoint =
        (struct checkpoint_ref){.id = json_opt_i64(checkpoint, "id", 0),
                                .location = json_opt_str(checkpoint, "location", NULL),
                                .completed_ms = json_opt_i64(checkpoint, "completedMs", 0),
                                .bytes = json_opt_i64(checkpoint, "bytes", 0)};
    *ret = o;
}

void engines_observe(struct engines *e, const char *key, int64_t run, struct observed_engine *ret) {
    *ret = (struct observed_engine){.records_in = -1, .records_out = -1};
    struct engine *g = find(e, key, run);
    if (!g || !g->doc) return;
    if (clock_mono_ns() - g->answered_ns < ENGINE_SILENT_MS * 1000000LL)
        engine_read_status(g->doc, ret);
    ret->stop_refused = g->refused;
}
