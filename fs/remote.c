/* remote.c - see remote.h. */
#define LOG_MODULE "fs"
#include "fs/remote.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_AFTER_MAX_MS = 120000 };

int remote_init(struct remote *r, const struct fs_options *o, struct fs_metrics *metrics,
                struct err *err) {
    struct http_client_options ho = {.name = o->type,
                                     .concurrency = (int)o->connections,
                                     .connect_timeout_ms = o->connect_timeout_ms,
                                     .tls = {.ca_file = o->ca_file, .insecure = o->insecure_tls}};
    *r = (struct remote){.o = *o, .metrics = metrics};
    int rc = http_client_new(&ho, &r->client, err);
    if (rc) return rc;
    rate_limit_init(&r->requests, o->requests_per_second);
    rate_limit_init(&r->bytes, (double)o->bytes_per_second);
    return 0;
}

void remote_release(struct remote *r) {
    if (!r->client) return;
    http_client_free(r->client);
    rate_limit_release(&r->requests);
    rate_limit_release(&r->bytes);
}

/* ---- one attempt ---- */

struct exchange {
    struct fs_cancel *cancel;
    struct remote_sink *sink;
    struct http_response *response;
    bool done;
    struct err err;
};

/* On the client's thread. More than was asked for is cut off: a server that ignores Range. */
static int on_data(void *self, const struct http_response *r, const void *data, size_t len) {
    struct exchange *x = self;
    struct remote_sink *s = x->sink;
    size_t n = MIN(len, s->size - s->n);
    memcpy(s->dst + s->n, data, n);
    s->n += n;
    s->status = r->status;
    return n < len;
}

static void on_done(void *self, const struct http_response *r, const struct err *err) {
    struct exchange *x = self;
    struct fs_cancel *c = x->cancel;
    pthread_mutex_lock(&c->lock);
    if (r) {
        x->response->status = r->status;
        str_add_sv(&x->response->headers, str_view(&r->headers));
        str_add_sv(&x->response->body, str_view(&r->body));
    }
    if (err) x->err = *err;
    x->done = true;
    /* The lock is held until after the broadcast: x and a local c are gone as soon as the waiter
     * has it. */
    pthread_cond_broadcast(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

static int wait_done(struct remote *r, struct exchange *x, uint64_t id, struct err *err) {
    struct fs_cancel *c = x->cancel;
    bool told = false;
    pthread_mutex_lock(&c->lock);
    while (!x->done) {
        if (c->fired && !told) {
            pthread_mutex_unlock(&c->lock);
            http_client_cancel(r->client, id);
            told = true;
            pthread_mutex_lock(&c->lock);
            continue;
        }
        fs_cancel_wait(c, INT64_MAX);
    }
    pthread_mutex_unlock(&c->lock);
    if (!x->err.code) return 0;
    if (err) *err = x->err;
    return x->err.code;
}

static int throttle(struct attempts *t, const struct http_request *req, struct err *err) {
    struct remote *r = t->remote;
    int64_t now_ns = clock_mono_ns();
    int64_t until_ns = MAX(rate_limit_take(&r->requests, 1, now_ns),
                           rate_limit_take(&r->bytes, (double)req->body_len, now_ns));
    if (until_ns == now_ns) return 0;
    if (until_ns > t->deadline_ns)
        return err_set(err, ERR_TIMEOUT,
                       "the store's rate limits would hold the request back for "
                       "longer than the operation may take");
    atomic_fetch_add_explicit(&r->metrics->throttled_ns, (uint64_t)(until_ns - now_ns),
                              memory_order_relaxed);
    return fs_cancel_sleep(t->call ? t->call->cancel : NULL, until_ns)
               ? 0
               : err_set(err, ERR_CANCELLED, "cancelled");
}

static int exchange_run(struct attempts *t, struct http_request *req, struct exchange *x,
                        struct err *err) {
    uint64_t id;
    int64_t left_ms = (t->deadline_ns - clock_mono_ns()) / 1000000;
    if (left_ms <= 0) return err_set(err, ERR_TIMEOUT, "the operation's time is over");
    req->timeout_ms = MIN(t->remote->o.request_timeout_ms, left_ms);
    req->on_done = on_done;
    req->on_data = x->sink ? on_data : NULL;
    req->self = x;
    int rc = http_client_submit(t->remote->client, req, &id, err);
    if (rc) return rc;
    rc = wait_done(t->remote, x, id, err);
    /* Broken off by on_data because all that was asked for is there. */
    if (rc == ERR_CANCELLED && x->sink && x->sink->n == x->sink->size && x->sink->status) {
        x->response->status = x->sink->status;
        err_clear(err);
        rc = 0;
    }
    return rc;
}

int attempts_send(struct attempts *t, struct http_request *req, struct remote_sink *sink,
                  struct http_response *response, struct err *err) {
    struct remote *r = t->remote;
    struct fs_cancel own;
    bool shared = t->call && t->call->cancel;
    http_response_release(response);
    if (sink) sink->n = 0, sink->status = 0;
    int rc = throttle(t, req, err);
    if (rc) return rc;
    t->n++;
    atomic_fetch_add_explicit(&r->metrics->requests, 1, memory_order_relaxed);
    if (!shared) fs_cancel_init(&own);
    struct exchange x = {shared ? t->call->cancel : &own, sink, response, false, ERR_INIT};
    rc = exchange_run(t, req, &x, err);
    if (!shared) fs_cancel_release(&own);
    if (sink && sink->n) /* known only now: the next request pays for it */
        rate_limit_take(&r->bytes, (double)sink->n, clock_mono_ns());
    return rc;
}

/* ---- repeating ---- */

void attempts_begin(struct attempts *t, struct remote *r, const struct fs_call *call) {
    int64_t timeout_ms = call && call->timeout_ms ? call->timeout_ms : r->o.operation_timeout_ms;
    int64_t now_ns = clock_mono_ns();
    *t = (struct attempts){.remote = r,
                           .call = call,
                           .begun_ns = now_ns,
                           .deadline_ns = now_ns + timeout_ms * 1000000};
}

bool remote_is_transient(int rc, int status) {
    if (rc) return rc == ERR_NET || rc == ERR_TIMEOUT || rc == ERR_UNAVAILABLE;
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

/* Seconds, or a date. */
static int64_t retry_after_ms(const struct http_response *response) {
    if (!response) return 0;
    struct sv v = http_response_header(response, "Retry-After");
    char text[64];
    if (!v.len || v.len >= sizeof text) return 0;
    memcpy(text, v.ptr, v.len);
    text[v.len] = 0;
    char *end;
    long long s = strtoll(text, &end, 10);
    if (*end) {
        struct tm tm = {0};
        end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (!end || *end) return 0;
        s = (long long)timegm(&tm) - clock_wall_ms() / 1000;
    }
    if (s <= 0) return 0;
    return MIN(s * 1000, (long long)RETRY_AFTER_MAX_MS);
}

bool attempts_again(struct attempts *t, const struct http_response *response, struct err *err) {
    const struct fs_options *o = &t->remote->o;
    if (t->n > o->retries) return false;
    int64_t most = o->retry_base_ms;
    for (int i = 1; i < t->n && most < o->retry_max_ms; i++)
        most *= 2;
    most = MIN(most, o->retry_max_ms);
    int64_t wait_ms = (int64_t)(fs_random() % (uint64_t)(most + 1));
    wait_ms = MAX(wait_ms, retry_after_ms(response));
    int64_t until_ns = clock_mono_ns() + wait_ms * 1000000;
    if (until_ns >= t->deadline_ns) return false;
    log_debug("request is repeated", KV_I64("attempt", t->n), KV_I64("wait_ms", wait_ms),
              KV_STR("error", err ? err->msg : ""));
    atomic_fetch_add_explicit(&t->remote->metrics->retries, 1, memory_order_relaxed);
    if (fs_cancel_sleep(t->call ? t->call->cancel : NULL, until_ns)) {
        err_clear(err);
        return true;
    }
    err_set(err, ERR_CANCELLED, "cancelled");
    return false;
}

void remote_add_query(struct str *url, const char *name, const char *value) {
    str_add_char(url, strchr(str_text(url), '?') ? '&' : '?');
    http_url_encode(url, sv_from(name), false);
    str_add_char(url, '=');
    http_url_encode(url, sv_from(value), false);
}
