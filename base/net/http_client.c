/* http_client.c - a queue of requests over libcurl's multi interface, on a thread of the client's
 * or on a net_loop. Building a transfer is http_transfer.c's. */
#define LOG_MODULE "http"
#include "base/net/http_client.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "base/net/http_transfer.h"
#include "base/net/net_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { POLL_MAX_MS = 60000, RETRY_BASE_MS = 100, RETRY_MAX_MS = 5000 };

/* A turn that is posted to the loop; without a client once that is freed. */
struct posted_turn {
    struct http_client *client;
};

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
    struct posted_turn *posted; /* on_loop */
    /* The client's thread alone, or with on_loop the loop's: */
    struct net_timer *curl_timer, *due_timer; /* on_loop: what libcurl waits for; what we do */
    struct http_transfer *waiting;            /* for a slot or for the next attempt, oldest first */
    struct http_transfer *active;
    int n_active;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_setup(void) {
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECKF(rc == CURLE_OK, "libcurl: %s", curl_easy_strerror(rc));
}

static void init_on_loop(struct http_client *c);

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
    if (c->o.on_loop) init_on_loop(c);
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
    http_transfer_deliver(t, err, c->o.on_loop ? NULL : c->o.loop); /* takes t */
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

static void cancel_all(struct http_client *c) {
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
    cancel_all(c);
}

/* ---- on a loop: libcurl says which sockets and which time it waits for -------------------------
 */

/* Never called from within libcurl. What callbacks submit here waits for the next turn. */
static void loop_turn(struct http_client *c) {
    collect_ended(c);
    if (!take_orders(c)) return;
    int wait_ms = start_due(c);
    if (c->waiting && c->n_active < c->o.concurrency) net_timer_set(c->due_timer, wait_ms);
}

static void run_posted_turn(void *arg) {
    struct posted_turn *p = arg;
    struct http_client *c = p->client;
    free(p);
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->posted = NULL;
    pthread_mutex_unlock(&c->lock);
    loop_turn(c);
}

static void due_timer_fired(void *arg) {
    loop_turn(arg);
}

static void curl_timer_fired(void *arg) {
    struct http_client *c = arg;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    loop_turn(c);
}

/* libcurl's: from within its calls. */
static int set_curl_timer(CURLM *multi, long timeout_ms, void *arg) {
    struct http_client *c = arg;
    if (timeout_ms < 0) {
        net_timer_cancel(c->curl_timer);
    } else {
        net_timer_set(c->curl_timer, timeout_ms);
    }
    return 0;
}

struct socket_watch {
    struct http_client *client;
    curl_socket_t fd;
    struct net_watch *watch;
};

static void socket_ready(void *arg, uint32_t events) {
    struct socket_watch *w = arg;
    struct http_client *c = w->client;
    int mask = 0, running;
    if (events & EPOLLIN) mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT) mask |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP)) mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(c->multi, w->fd, mask, &running); /* may free w */
    loop_turn(c);
}

/* libcurl's: from within its calls. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
    struct http_client *c = arg;
    struct socket_watch *w = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (!w) return 0;
        net_watch_free(w->watch);
        free(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (w) {
        net_watch_set(w->watch, events);
        return 0;
    }
    struct err err = ERR_INIT;
    w = mem_zalloc(sizeof *w);
    w->client = c;
    w->fd = fd;
    if (net_watch_new(c->o.loop, fd, events, socket_ready, w, &w->watch, &err)) {
        /* The request then runs into its timeout. */
        log_warn("no room for a connection", KV_ERR(&err));
        free(w);
        return 0;
    }
    curl_multi_assign(c->multi, fd, w);
    return 0;
}

static void init_on_loop(struct http_client *c) {
    c->curl_timer = net_timer_new(c->o.loop, curl_timer_fired, c);
    c->due_timer = net_timer_new(c->o.loop, due_timer_fired, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
}

static void end_on_loop(void *arg) {
    struct http_client *c = arg;
    take_orders(c);
    cancel_all(c);
    curl_multi_cleanup(c->multi);
    net_timer_free(c->curl_timer);
    net_timer_free(c->due_timer);
    if (c->posted) c->posted->client = NULL;
}

/* Has what was asked for taken in soon. Any thread; the lock isn't held. */
static void wake(struct http_client *c) {
    if (!c->o.on_loop) {
        curl_multi_wakeup(c->multi);
        return;
    }
    pthread_mutex_lock(&c->lock);
    struct posted_turn *fresh = NULL;
    if (!c->posted) {
        fresh = c->posted = mem_zalloc(sizeof *fresh);
        fresh->client = c;
    }
    pthread_mutex_unlock(&c->lock);
    if (fresh) net_loop_post_always(c->o.loop, run_posted_turn, fresh);
}

/* ---- interface ------------------------------------------------------------------------------- */

void http_client_free(struct http_client *c) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_mutex_unlock(&c->lock);
    if (c->o.on_loop) {
        net_loop_call(c->o.loop, end_on_loop, c);
    } else {
        curl_multi_wakeup(c->multi);
        thread_join(&c->thread);
        curl_multi_cleanup(c->multi);
    }
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
    } else if (!c->started && !c->o.on_loop) {
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
        wake(c);
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
    wake(c);
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
