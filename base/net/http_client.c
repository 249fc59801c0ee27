/* http_client.c - the client's thread: a queue of requests over libcurl's multi interface. Building
 * a transfer is http_transfer.c's. */
#define LOG_MODULE "http"
#include "base/net/http_client.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "base/net/http_transfer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MAX_MS = 60000, RETRY_BASE_MS = 100, RETRY_MAX_MS = 5000 };

struct http_client {
    struct http_client_options o; /* strings are ours */
    CURLM *multi;
    struct thread thread;
    pthread_mutex_t lock; /* guards all below; nothing is called while it is held */
    struct http_transfer *submitted, **submitted_tail;
    uint64_t *cancelled; /* ids */
    size_t n_cancelled, cap_cancelled;
    size_t n_pending; /* submitted and not done */
    uint64_t next_id;
    bool started, stopping;
    /* The client's thread alone: */
    struct http_transfer *waiting; /* for a slot or for the next attempt, oldest first */
    struct http_transfer *active;
    int n_active;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_setup(void) {
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECKF(rc == CURLE_OK, "libcurl: %s", curl_easy_strerror(rc));
}

int http_client_new(const struct http_client_options *opts, struct http_client **ret_client,
                    struct err *err) {
    if (opts->tls.server_name) {
        return err_set(err, ERR_UNSUPPORTED,
                       "TLS option server_name isn't supported by HTTP requests");
    }
    pthread_once(&curl_once, curl_setup);
    CURLM *multi = curl_multi_init();
    if (!multi) return err_set(err, ERR_NET, "libcurl: no resources for a client");
    struct http_client *c = mem_zalloc(sizeof(*c));
    c->o = *opts;
    c->o.name = mem_strdup(opts->name ? opts->name : "http");
    c->o.user_agent =
        mem_strdup(opts->user_agent ? opts->user_agent : "penstock/" PENSTOCK_VERSION);
    tls_options_copy(&c->o.tls, &opts->tls);
    if (c->o.concurrency <= 0) c->o.concurrency = HTTP_CLIENT_CONCURRENCY;
    if (c->o.queue_max <= 0) c->o.queue_max = HTTP_CLIENT_QUEUE_MAX;
    if (c->o.connect_timeout_ms <= 0) c->o.connect_timeout_ms = HTTP_CLIENT_CONNECT_TIMEOUT_MS;
    c->multi = multi;
    c->submitted_tail = &c->submitted;
    pthread_mutex_init(&c->lock, NULL);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)c->o.concurrency);
    *ret_client = c;
    return 0;
}

/* ---- the client's thread --------------------------------------------------------------------- */

static void list_append(struct http_transfer **head, struct http_transfer *t) {
    while (*head)
        head = &(*head)->next;
    t->next = NULL;
    *head = t;
}

static void list_remove(struct http_transfer **head, struct http_transfer *t) {
    while (*head != t)
        head = &(*head)->next;
    *head = t->next;
}

static void done(struct http_client *c, struct http_transfer *t, const struct err *err) {
    pthread_mutex_lock(&c->lock);
    c->n_pending--;
    pthread_mutex_unlock(&c->lock);
    http_transfer_deliver(t, err, c->o.loop); /* takes t */
}

static void cancel(struct http_client *c, struct http_transfer *t) {
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "%s: cancelled", t->label);
    done(c, t, &err);
}

static void start(struct http_client *c, struct http_transfer *t) {
    struct err err = ERR_INIT;
    if (http_transfer_begin(t, &c->o, &err)) {
        done(c, t, &err);
        return;
    }
    CURLMcode rc = curl_multi_add_handle(c->multi, t->easy);
    CHECKF(rc == CURLM_OK, "libcurl: %s", curl_multi_strerror(rc));
    list_append(&c->active, t);
    c->n_active++;
}

static void stop_active(struct http_client *c, struct http_transfer *t) {
    curl_multi_remove_handle(c->multi, t->easy);
    list_remove(&c->active, t);
    c->n_active--;
}

/* Starts what is due while there are slots. Returns ms until the next one is, POLL_MAX_MS at most.
 */
static int start_due(struct http_client *c) {
    int64_t now_ns = clock_mono_ns(), next_ns = now_ns + (int64_t)POLL_MAX_MS * 1000000;
    for (struct http_transfer *t = c->waiting, *next; t && c->n_active < c->o.concurrency;
         t = next) {
        next = t->next;
        if (t->not_before_ns > now_ns) {
            next_ns = MIN(next_ns, t->not_before_ns);
            continue;
        }
        list_remove(&c->waiting, t);
        start(c, t);
    }
    return (int)((next_ns - now_ns + 999999) / 1000000);
}

static int64_t retry_delay_ms(const struct http_transfer *t) {
    int64_t base = t->retry.base_ms > 0 ? t->retry.base_ms : RETRY_BASE_MS;
    int64_t max = t->retry.max_ms > 0 ? t->retry.max_ms : RETRY_MAX_MS;
    int64_t delay = base;
    for (int i = 1; i < t->response.attempts && delay < max; i++)
        delay *= 2;
    delay = MIN(delay, max);
    unsigned seed = (unsigned)(clock_mono_ns() ^ (int64_t)t->id);
    delay = delay / 2 + rand_r(&seed) % (delay / 2 + 1); /* so that clients don't come in step */
    return MAX(delay, t->retry_after_ms);
}

static void attempt_ended(struct http_client *c, struct http_transfer *t, CURLcode result) {
    struct err err = ERR_INIT;
    stop_active(c, t);
    int rc = http_transfer_end(t, result, &err);
    if (!http_transfer_should_retry(t, rc)) {
        done(c, t, rc ? &err : NULL);
        return;
    }
    int64_t delay_ms = retry_delay_ms(t);
    log_debug("request is repeated", KV_STR("request", t->label),
              KV_I64("attempt", t->response.attempts), KV_I64("delay_ms", delay_ms),
              KV_I64("status", t->response.status));
    t->not_before_ns = clock_mono_ns() + delay_ms * 1000000;
    list_append(&c->waiting, t);
}

static void collect_ended(struct http_client *c) {
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(c->multi, &left))) {
        if (msg->msg != CURLMSG_DONE) continue;
        struct http_transfer *t = NULL;
        CURLcode result = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
        attempt_ended(c, t, result);
    }
}

static struct http_transfer *find_id(struct http_transfer *list, uint64_t id) {
    while (list && list->id != id)
        list = list->next;
    return list;
}

/* Takes in what others asked for. false = the client is to end. */
static bool take_orders(struct http_client *c) {
    pthread_mutex_lock(&c->lock);
    struct http_transfer *fresh = c->submitted;
    uint64_t *ids = c->cancelled;
    size_t n_ids = c->n_cancelled;
    bool stopping = c->stopping;
    c->submitted = NULL;
    c->submitted_tail = &c->submitted;
    c->cancelled = NULL;
    c->n_cancelled = c->cap_cancelled = 0;
    pthread_mutex_unlock(&c->lock);
    struct http_transfer **tail = &c->waiting;
    while (*tail)
        tail = &(*tail)->next;
    *tail = fresh;
    for (size_t i = 0; i < n_ids; i++) {
        struct http_transfer *t = find_id(c->waiting, ids[i]);
        if (t) {
            list_remove(&c->waiting, t);
            cancel(c, t);
        } else if ((t = find_id(c->active, ids[i]))) {
            stop_active(c, t);
            cancel(c, t);
        }
    }
    free(ids);
    return !stopping;
}

static void client_main(void *arg) {
    struct http_client *c = arg;
    while (take_orders(c)) {
        int wait_ms = start_due(c);
        int running;
        curl_multi_perform(c->multi, &running);
        collect_ended(c);
        if (c->waiting && c->n_active < c->o.concurrency) wait_ms = MIN(wait_ms, start_due(c));
        curl_multi_poll(c->multi, NULL, 0, wait_ms, NULL);
    }
    while (c->active) {
        struct http_transfer *t = c->active;
        stop_active(c, t);
        cancel(c, t);
    }
    while (c->waiting) {
        struct http_transfer *t = c->waiting;
        c->waiting = t->next;
        cancel(c, t);
    }
}

/* ---- interface ------------------------------------------------------------------------------- */

void http_client_free(struct http_client *c) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_mutex_unlock(&c->lock);
    curl_multi_wakeup(c->multi);
    thread_join(&c->thread);
    curl_multi_cleanup(c->multi);
    tls_options_release(&c->o.tls);
    free((char *)c->o.name);
    free((char *)c->o.user_agent);
    free(c->cancelled);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static int submit(struct http_client *c, const struct http_request *req, http_call_fn call_done,
                  void *call_arg, uint64_t *ret_id, struct err *err) {
    struct http_transfer *t;
    int rc = http_transfer_new(req, &t, err);
    if (rc) return rc;
    t->call_done = call_done;
    t->call_arg = call_arg;
    pthread_mutex_lock(&c->lock);
    if (c->stopping) {
        rc = err_set(err, ERR_UNAVAILABLE, "HTTP client %s is shutting down", c->o.name);
    } else if (c->n_pending >= (size_t)c->o.queue_max) {
        rc = err_set(err, ERR_UNAVAILABLE, "HTTP client %s: %zu requests are waiting already",
                     c->o.name, c->n_pending);
    } else if (!c->started) {
        rc = thread_start(&c->thread, c->o.name, client_main, c, err);
        c->started = !rc;
    }
    if (!rc) {
        t->id = ++c->next_id;
        if (ret_id) *ret_id = t->id;
        *c->submitted_tail = t;
        c->submitted_tail = &t->next;
        c->n_pending++;
    }
    pthread_mutex_unlock(&c->lock);
    if (rc) {
        http_transfer_free(t);
    } else {
        curl_multi_wakeup(c->multi);
    }
    return rc;
}

int http_client_submit(struct http_client *c, const struct http_request *req, uint64_t *ret_id,
                       struct err *err) {
    return submit(c, req, NULL, NULL, ret_id, err);
}

void http_client_cancel(struct http_client *c, uint64_t id) {
    pthread_mutex_lock(&c->lock);
    MEM_GROW(c->cancelled, c->n_cancelled, c->cap_cancelled);
    c->cancelled[c->n_cancelled++] = id;
    pthread_mutex_unlock(&c->lock);
    curl_multi_wakeup(c->multi);
}

struct call {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    struct http_response *response;
    struct err err;
};

/* On the client's thread, whatever the client's loop. */
static void call_done(void *arg, struct http_response *response, const struct err *err) {
    struct call *call = arg;
    pthread_mutex_lock(&call->lock);
    http_response_release(call->response);
    *call->response = *response;
    *response = (struct http_response)HTTP_RESPONSE_INIT;
    if (err) call->err = *err;
    call->done = true;
    pthread_cond_signal(&call->cond);
    pthread_mutex_unlock(&call->lock);
}

int http_client_call(struct http_client *c, const struct http_request *req,
                     struct http_response *response, struct err *err) {
    struct call call = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .response = response};
    int rc = submit(c, req, call_done, &call, NULL, err);
    if (!rc) {
        pthread_mutex_lock(&call.lock);
        while (!call.done)
            pthread_cond_wait(&call.cond, &call.lock);
        pthread_mutex_unlock(&call.lock);
        rc = call.err.code;
        if (rc && err) *err = call.err;
    }
    pthread_mutex_destroy(&call.lock);
    pthread_cond_destroy(&call.cond);
    return rc;
}

int http_client_call_ok(struct http_client *c, const struct http_request *req,
                        struct http_response *response, struct err *err) {
    int rc = http_client_call(c, req, response, err);
    return rc ? rc : http_response_err(response, req->method ? req->method : "GET", req->url, err);
}
