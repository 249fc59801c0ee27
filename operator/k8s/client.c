/* client.c - see client.h. A call lives from k8s_send to its on_done: attempts follow each other,
 * each with credentials of its own time; pages of a list, too. Two HTTP clients, so that a queue of
 * writes doesn't hold back watches and leader election. */
#define LOG_MODULE "k8s"
#include "operator/k8s/client.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "operator/k8s/backoff.h"
#include "operator/k8s/call.h"
#include "operator/k8s/client_stream.h"
#include "operator/k8s/credentials.h"
#include "operator/k8s/json_split.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BACKOFF_MIN_MS = 200,
    BACKOFF_MAX_MS = 10000,
    URGENT_CONCURRENCY = 64,
    LIST_RESTARTS_MAX = 5,
    CURSOR_MAX_BYTES = 16 << 10
};

struct call {
    struct call *next, **prev;
    struct k8s_client *client;
    uint64_t id;
    struct k8s_call_text text;
    enum k8s_verb verb;
    bool is_stream, repeatable, urgent;
    int64_t timeout_ms;
    int attempts_max, attempts; /* of this page */
    bool refused;               /* by 401, in the last attempt */
    uint64_t generation;        /* of the credentials that were shown */
    struct net_timer *timer;    /* until the next attempt */
    bool waits_for_credentials, in_http, dead;
    uint64_t http_id;
    /* what on_done tells */
    int rc;
    struct err err;
    /* lists */
    struct json_split split;
    char *cursor, *list_version; /* of the next page */
    int limit, max_items, n_items, n_before_page, restarts;
    int64_t remaining;
    void (*on_item)(void *self, struct sv object);
    void (*on_restart)(void *self);
    int (*on_data)(void *self, const char *data, size_t len); /* streams */
    k8s_done_fn on_done;
    void (*on_drop)(void *self);
    void *self;
};

struct k8s_client {
    struct net_loop *loop;
    struct k8s_config *config;
    struct k8s_credentials *credentials;
    struct http_client *http, *urgent;
    char *field_manager;
    struct call *calls;
    size_t n_calls;
    uint64_t next_id;
    struct k8s_client_stats stats;
};

static void attempt(struct call *k);

/* ---- life ------------------------------------------------------------------------------------ */

static void credentials_ready(void *self) {
    struct k8s_client *c = self;
    for (struct call *k = c->calls; k; k = k->next) {
        if (!k->waits_for_credentials) continue;
        k->waits_for_credentials = false;
        net_timer_set(k->timer, 0);
    }
}

int k8s_client_new(const struct k8s_client_options *o, struct k8s_client **ret, struct err *err) {
    struct k8s_client *c = mem_zalloc(sizeof *c);
    c->loop = o->loop;
    c->config = o->config;
    c->field_manager = mem_strdup(o->field_manager ? o->field_manager : "penstock-operator");
    struct http_client_options h = {
        .loop = o->loop,
        .on_loop = true,
        .tls = c->config->tls,
        .queue_max = K8S_QUEUE_MAX,
        .concurrency = o->concurrency > 0 ? o->concurrency : K8S_CONCURRENCY,
        .user_agent = o->user_agent ? o->user_agent : "penstock-operator/" PENSTOCK_VERSION};
    c->credentials = k8s_credentials_new(c->config, o->loop, credentials_ready, c);
    int rc = http_client_new(&h, &c->http, err);
    h.concurrency = URGENT_CONCURRENCY;
    if (!rc) rc = http_client_new(&h, &c->urgent, err);
    if (rc) {
        k8s_client_free(c);
        return err_wrap(err, "Kubernetes client");
    }
    if (c->config->tls.insecure)
        log_warn("the API server's certificate isn't checked", KV_STR("server", c->config->server));
    *ret = c;
    return 0;
}

static void call_free(struct call *k) {
    net_timer_free(k->timer);
    k8s_call_text_release(&k->text);
    json_split_release(&k->split);
    free(k->cursor);
    free(k->list_version);
    free(k);
}

static void unlink_call(struct call *k) {
    *k->prev = k->next;
    if (k->next) k->next->prev = k->prev;
    k->client->n_calls--;
}

/* on_done won't come. What HTTP still holds is freed when that ends. */
static void drop(struct call *k) {
    unlink_call(k);
    k->dead = true;
    if (k->on_drop) k->on_drop(k->self);
    if (k->in_http) {
        net_timer_cancel(k->timer);
        http_client_cancel(k->urgent ? k->client->urgent : k->client->http, k->http_id);
    } else {
        call_free(k);
    }
}

void k8s_client_free(struct k8s_client *c) {
    if (!c) return;
    while (c->calls)
        drop(c->calls);
    http_client_free(c->http);
    http_client_free(c->urgent);
    k8s_credentials_free(c->credentials);
    k8s_config_free(c->config);
    free(c->field_manager);
    free(c);
}

const char *k8s_client_namespace(const struct k8s_client *c) {
    return k8s_config_namespace(c->config);
}

struct net_loop *k8s_client_loop(struct k8s_client *c) {
    return c->loop;
}

size_t k8s_pending(const struct k8s_client *c) {
    return c->n_calls;
}

void k8s_client_get_stats(const struct k8s_client *c, struct k8s_client_stats *ret) {
    *ret = c->stats;
    ret->credential_loads = k8s_credentials_loads(c->credentials);
}

/* ---- the end of a call ----------------------------------------------------------------------- */

cJSON *k8s_result_take(const struct k8s_result *r) {
    cJSON *j = (cJSON *)r->object;
    ((struct k8s_result *)r)->object = NULL; /* ours: no result is a constant */
    return j;
}

/* Takes k. */
static void finish(struct call *k, struct k8s_result *r) {
    unlink_call(k);
    k->dead = true;
    if (r->rc) {
        k->client->stats.failures++;
        if (!k->on_done) log_warn("request failed", KV_ERR(r->err));
    }
    if (k->on_done) k->on_done(k->self, r);
    cJSON_Delete((cJSON *)r->object);
    call_free(k);
}

static void finish_failed(struct call *k, const struct err *err, enum k8s_reason reason, int status,
                          int64_t retry_after_ms, struct sv text) {
    struct k8s_result r = {.rc = err->code,
                           .err = err,
                           .reason = reason,
                           .status = status,
                           .text = text,
                           .resource_version = "",
                           .retry_after_ms = retry_after_ms};
    finish(k, &r);
}

static void finish_answered(struct call *k, const struct http_response *resp) {
    struct k8s_result r = {
        .status = resp->status, .text = str_view(&resp->body), .resource_version = ""};
    struct err err = ERR_INIT;
    cJSON *j = NULL;
    struct sv first = sv_trim(r.text);
    if (k->verb == K8S_LIST || k->is_stream) {
        r.text = (struct sv){0};
        r.resource_version = k->list_version ? k->list_version : "";
        r.remaining = k->remaining;
    } else if (first.len && first.ptr[0] == '{') {
        if (json_parse(first.ptr, first.len, &j, &err)) {
            err_set_class(&err, ERR_CLASS_RETRY);
            err_wrap(&err, "%s: the answer", k->text.label);
            finish_failed(k, &err, K8S_OTHER, resp->status, 0, r.text);
            return;
        }
        r.object = j;
        r.resource_version = json_opt_str(json_opt(j, "metadata"), "resourceVersion", "");
    }
    finish(k, &r);
}

/* ---- the end of an attempt ------------------------------------------------------------------- */

static bool repeat_later(struct call *k, enum k8s_reason reason, int status,
                         int64_t retry_after_ms) {
    if (k->attempts >= k->attempts_max ||
        !k8s_call_may_repeat(reason, status, retry_after_ms, k->repeatable))
        return false;
    int64_t delay_ms =
        MAX(k8s_backoff_ms(BACKOFF_MIN_MS, BACKOFF_MAX_MS, k->attempts), retry_after_ms);
    if (reason == K8S_UNAUTHORIZED && !k->refused) delay_ms = 0; /* with others, at once */
    k->refused = reason == K8S_UNAUTHORIZED;
    k->client->stats.retries++;
    log_debug("request is repeated", KV_STR("request", k->text.label),
              KV_STR("reason", k8s_reason_name(reason)), KV_I64("delay_ms", delay_ms));
    net_timer_set(k->timer, delay_ms);
    return true;
}

static void count(struct k8s_client *c, const struct http_response *r) {
    if (!r->status) return;
    c->stats.throttled += r->status == 429;
    c->stats.latency_sum_ms += r->elapsed_ms;
    c->stats.latency_max_ms = MAX(c->stats.latency_max_ms, r->elapsed_ms);
    struct sv date = http_response_header(r, "date");
    char text[64];
    struct tm tm = {0};
    if (date.len && date.len < sizeof text) {
        memcpy(text, date.ptr, date.len);
        text[date.len] = 0;
        /* Half a second on: the header has whole seconds, cut off. */
        if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
            c->stats.clock_skew_ms = (int64_t)timegm(&tm) * 1000 + 500 - clock_wall_ms();
    }
}

/* From the start: the server doesn't know the continue token any more. */
static bool list_again(struct call *k) {
    if (!k->cursor || k->restarts++ >= LIST_RESTARTS_MAX) return false;
    free(k->cursor);
    k->cursor = NULL;
    k->attempts = 0;
    k->n_items = k->n_before_page = 0;
    net_timer_set(k->timer, 0);
    if (k->on_restart) k->on_restart(k->self); /* may drop k */
    return true;
}

/* A page is whole. False: there are more. */
static bool list_is_whole(struct call *k) {
    bool more = k->cursor && *k->cursor && (!k->max_items || k->n_items < k->max_items);
    if (!more) return true;
    k->attempts = 0;
    k->n_before_page = k->n_items;
    net_timer_set(k->timer, 0);
    return false;
}

static void http_done(void *self, const struct http_response *resp, const struct err *http_err) {
    struct call *k = self;
    struct err err = ERR_INIT;
    enum k8s_reason reason;
    int64_t retry_after_ms;
    k->in_http = false;
    if (k->dead) {
        call_free(k);
        return;
    }
    count(k->client, resp);
    if (http_err && k->err.code && http_err->code == ERR_CANCELLED)
        http_err = &k->err; /* our own */
    int rc = k8s_call_outcome(resp, http_err, k->verb == K8S_APPLY, k->text.label, &reason,
                              &retry_after_ms, &err);
    if (!rc && k->verb == K8S_LIST && !json_split_is_whole(&k->split)) {
        rc = err_set(&err, ERR_NET, "%s: the answer is cut off", k->text.label);
        reason = K8S_NO_ANSWER;
    }
    if (reason == K8S_UNAUTHORIZED) k8s_credentials_refused(k->client->credentials, k->generation);
    if (reason == K8S_GONE && k->verb == K8S_LIST && list_again(k)) return;
    if (rc && repeat_later(k, reason, resp->status, retry_after_ms)) return;
    if (rc) {
        finish_failed(k, &err, reason, resp->status, retry_after_ms, str_view(&resp->body));
    } else if (k->verb != K8S_LIST || list_is_whole(k)) {
        finish_answered(k, resp);
    }
}

/* ---- an attempt ------------------------------------------------------------------------------ */

static void set_text(char **field, struct sv json_string) {
    free(*field);
    *field = NULL;
    /* Tokens and versions have no characters that JSON escapes but perhaps '/'; \/ isn't written.
     */
    if (json_string.len >= 2 && json_string.ptr[0] == '"')
        *field = mem_strndup(json_string.ptr + 1, json_string.len - 2);
}

static int on_list_value(void *self, const char *key, struct sv value, struct err *err) {
    struct call *k = self;
    if (strcmp(key, "items") == 0) {
        k->n_items++;
        k->on_item(k->self, value);
        return k->dead ? ERR_CANCELLED : 0;
    }
    if (strcmp(key, "metadata") == 0) {
        struct sv v = {0};
        set_text(&k->cursor, json_split_member(value, "continue", &v) ? v : (struct sv){0});
        v = (struct sv){0};
        set_text(&k->list_version,
                 json_split_member(value, "resourceVersion", &v) ? v : (struct sv){0});
        k->remaining = json_split_member(value, "remainingItemCount", &v) ? atoll(v.ptr) : 0;
        if (k->cursor && strlen(k->cursor) > CURSOR_MAX_BYTES)
            return err_set(err, ERR_PROTOCOL, "continue token of %zu bytes", strlen(k->cursor));
    }
    return 0;
}

static int on_list_end(void *self, struct err *err) {
    return 0;
}

static const struct json_split_ops list_ops = {on_list_value, on_list_end};

static int on_http_data(void *self, const struct http_response *r, const void *data, size_t len) {
    struct call *k = self;
    if (k->dead) return -1;
    if (k->is_stream) return k->on_data(k->self, data, len);
    int rc = json_split_feed(&k->split, data, len, &k->err);
    return rc || k->dead ? -1 : 0;
}

static void add_url(const struct call *k, struct str *url) {
    str_add(url, k->client->config->server);
    str_add(url, k->text.path);
    if (k->verb != K8S_LIST || k->is_stream) return;
    int limit = k->max_items ? MIN(k->limit, k->max_items - k->n_items) : k->limit;
    str_addf(url, "%climit=%d", strchr(k->text.path, '?') ? '&' : '?', limit);
    if (k->cursor) {
        str_add(url, "&continue=");
        http_url_encode(url, sv_from(k->cursor), false);
    }
}

static int submit(struct call *k, const struct k8s_credential *who, struct err *err) {
    AUTO_STR url = STR_INIT;
    struct http_client_header headers[2] = {{"Accept", "application/json"}};
    size_t n_headers = 1;
    if (k->text.content_type)
        headers[n_headers++] = (struct http_client_header){"Content-Type", k->text.content_type};
    add_url(k, &url);
    struct http_request q = {
        .method = k->text.method,
        .url = str_text(&url),
        .headers = headers,
        .n_headers = n_headers,
        .bearer_token = who->token,
        .user = who->user,
        .password = who->password,
        .tls = who->tls,
        .body = k->text.body,
        .body_len = k->text.body ? strlen(k->text.body) : 0,
        .timeout_ms = k->is_stream ? -1 : k->timeout_ms,
        .response_max_bytes = K8S_OBJECT_MAX_BYTES,
        .on_data = k->verb == K8S_LIST || k->is_stream ? on_http_data : NULL,
        .on_done = http_done,
        .self = k,
    };
    return http_client_submit(k->urgent ? k->client->urgent : k->client->http, &q, &k->http_id,
                              err);
}

static void attempt(struct call *k) {
    struct k8s_credential who;
    struct err err = ERR_INIT;
    int rc = k8s_credentials_get(k->client->credentials, &who, &err);
    if (rc > 0) {
        k->waits_for_credentials = true;
        return;
    }
    k->attempts++;
    if (rc < 0) {
        err_wrap(&err, "%s", k->text.label);
        if (!repeat_later(k, K8S_UNAUTHORIZED, 0, BACKOFF_MIN_MS))
            finish_failed(k, &err, K8S_UNAUTHORIZED, 0, 0, (struct sv){0});
        return;
    }
    k->generation = who.generation;
    k->n_items = k->n_before_page;
    err_clear(&k->err);
    json_split_clear(&k->split);
    rc = submit(k, &who, &err);
    if (rc) {
        finish_failed(k, &err, K8S_OTHER, 0, 0, (struct sv){0});
        return;
    }
    k->client->stats.requests++;
    k->in_http = true;
}

static void timer_fired(void *arg) {
    attempt(arg);
}

/* ---- interface ------------------------------------------------------------------------------- */

/* Links a call whose fields are set; the first attempt is the loop's next turn. */
static void begin(struct k8s_client *c, struct call *k, uint64_t *ret_id) {
    k->client = c;
    k->id = ++c->next_id;
    k->timer = net_timer_new(c->loop, timer_fired, k);
    json_split_init(&k->split, &list_ops, k, "items", K8S_OBJECT_MAX_BYTES);
    k->next = c->calls;
    k->prev = &c->calls;
    if (k->next) k->next->prev = &k->next;
    c->calls = k;
    c->n_calls++;
    net_timer_set(k->timer, 0);
    if (ret_id) *ret_id = k->id;
}

static int check_room(const struct k8s_client *c, struct err *err) {
    if (c->n_calls < K8S_QUEUE_MAX) return 0;
    return err_set(err, ERR_UNAVAILABLE, "Kubernetes client: %zu requests are waiting already",
                   c->n_calls);
}

int k8s_send(struct k8s_client *c, const struct k8s_request *q, uint64_t *ret_id, struct err *err) {
    struct k8s_call_text text;
    int rc = q->urgent ? 0 : check_room(c, err);
    if (!rc) rc = k8s_call_text_init(&text, q, c->field_manager, err);
    if (rc) return rc;
    struct call *k = mem_zalloc(sizeof *k);
    k->text = text;
    k->verb = q->verb;
    k->repeatable = k8s_call_is_repeatable(q);
    k->urgent = q->urgent;
    k->timeout_ms = q->timeout_ms ? q->timeout_ms : K8S_TIMEOUT_MS;
    k->attempts_max = q->attempts ? q->attempts : K8S_ATTEMPTS;
    k->limit = q->limit ? q->limit : K8S_LIST_LIMIT;
    k->max_items = q->max_items;
    k->on_item = q->on_item;
    k->on_restart = q->on_restart;
    k->on_done = q->on_done;
    k->on_drop = q->on_drop;
    k->self = q->self;
    begin(c, k, ret_id);
    return 0;
}

int k8s_stream_open(struct k8s_client *c, const struct k8s_stream *s, uint64_t *ret_id,
                    struct err *err) {
    int rc = check_room(c, err);
    if (rc) return rc;
    struct call *k = mem_zalloc(sizeof *k);
    k->text = (struct k8s_call_text){
        .method = "GET", .path = mem_strdup(s->path), .label = mem_strdup(s->label)};
    k->verb = K8S_GET;
    k->is_stream = k->urgent = true;
    k->attempts_max = 2; /* for other credentials after a 401; the rest isn't repeatable */
    k->on_data = s->on_data;
    k->on_done = s->on_done;
    k->self = s->self;
    begin(c, k, ret_id);
    return 0;
}

void k8s_cancel(struct k8s_client *c, uint64_t id) {
    for (struct call *k = c->calls; k; k = k->next) {
        if (k->id != id) continue;
        drop(k);
        return;
    }
}
