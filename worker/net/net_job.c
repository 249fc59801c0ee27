/* net_job.c - a job's peers and channels. The worker of the lower index dials; both wait for each
 * other until NET_CONNECT_TIMEOUT_MS is over. A connection that breaks once it was open is not made
 * again: what was on its way is lost, so the tasks behind it have to begin anew. */
#define LOG_MODULE "net"
#include "worker/net/net_int.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { NS_PER_MS = 1000000 };

int net_job_open(struct net *n, const struct net_job_opts *opts, struct net_job **ret,
                 struct err *err) {
    struct net_job *j = mem_zalloc(sizeof(*j));
    j->net = n;
    j->job_id = mem_strdup(opts->job_id ? opts->job_id : "");
    j->token = mem_strdup(opts->token ? opts->token : "");
    j->attempt = opts->attempt;
    j->self = opts->self;
    j->n_peers = opts->n_peers;
    j->peers = mem_calloc((size_t)j->n_peers, sizeof(*j->peers));
    for (int i = 0; i < j->n_peers; i++) {
        const struct net_peer_addr *a = &opts->peers[i];
        j->peers[i].id = mem_strdup(a->id);
        j->peers[i].host = mem_strdup(a->host ? a->host : "");
        j->peers[i].port = a->port;
    }
    j->owner = opts->owner;
    j->peer_lost = opts->peer_lost;
    *ret = j;
    return 0;
}

static void add_channel(struct net_job *j, struct channel *ch, int peer, bool sends) {
    struct net_channel *nc = mem_zalloc(sizeof(*nc));
    nc->ch = channel_ref(ch);
    nc->job = j;
    nc->peer = peer;
    nc->sends = sends;
    struct channel_peer wake = {net_channel_wake, nc, 0};
    if (sends) {
        channel_set_consumer(ch, wake);
    } else {
        channel_set_producer(ch, wake);
        channel_set_credited(ch);
    }
    MEM_GROW(j->channels, j->n_channels, j->cap_channels);
    j->channels[j->n_channels++] = nc;
    j->peers[peer].used = true;
    j->peers[peer].open_channels++;
}

void net_job_send(struct net_job *j, struct channel *ch, int peer) {
    add_channel(j, ch, peer, true);
}

void net_job_receive(struct net_job *j, struct channel *ch, int peer) {
    add_channel(j, ch, peer, false);
}

static int order(uint64_t id, bool sends, const struct net_channel *nc) {
    uint64_t other = channel_id_pack(channel_id_of(nc->ch));
    if (id != other) return id < other ? -1 : 1;
    return (int)sends - (int)nc->sends;
}

static int compare(const void *a, const void *b) {
    const struct net_channel *x = *(struct net_channel *const *)a;
    return order(channel_id_pack(channel_id_of(x->ch)), x->sends, *(struct net_channel *const *)b);
}

struct net_channel *net_job_channel(struct net_job *j, uint64_t id, bool sends) {
    int lo = 0, hi = j->n_channels;
    while (lo < hi) {
        int mid = (lo + hi) / 2, c = order(id, sends, j->channels[mid]);
        if (c == 0) return j->channels[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

/* ---- on the network thread ------------------------------------------------------------------ */

struct net_job *net_find_job(struct net *n, const char *job_id, uint64_t attempt) {
    for (struct net_job *j = n->jobs; j; j = j->next)
        if (j->attempt == attempt && strcmp(j->job_id, job_id) == 0) return j;
    return NULL;
}

static void start(void *arg) {
    struct net_job *j = arg;
    int64_t now_ns = clock_mono_ns();
    qsort(j->channels, (size_t)j->n_channels, sizeof(*j->channels), compare);
    for (int i = 0; i < j->n_peers; i++) {
        struct net_peer *p = &j->peers[i];
        p->retry_ns = i > j->self ? now_ns : INT64_MAX;
        p->give_up_ns = now_ns + (int64_t)NET_CONNECT_TIMEOUT_MS * NS_PER_MS;
        p->backoff_ms = NET_RETRY_MIN_MS;
    }
    j->started = true;
    j->next = j->net->jobs;
    j->net->jobs = j;
}

void net_job_start(struct net_job *j) {
    net_call(j->net, start, j);
}

static void lose(struct net_job *j, int peer, const struct err *why) {
    struct net_peer *p = &j->peers[peer];
    if (p->lost) return;
    p->lost = true;
    p->retry_ns = p->give_up_ns = INT64_MAX;
    struct err err = *why;
    err.code = ERR_NET;
    err.cls = ERR_CLASS_JOB; /* what was on its way is gone */
    err_wrap(&err, "worker %s (%s:%d)", p->id, p->host, p->port);
    if (j->closing) return;
    log_warn("peer lost", KV_STR("job", j->job_id), KV_ERR(&err));
    j->peer_lost(j->owner, peer, &err);
}

void net_job_conn_open(struct net_job *j, struct conn *c) {
    struct net_peer *p = &j->peers[c->peer];
    p->conn = c;
    p->retry_ns = INT64_MAX;
    p->give_up_ns = INT64_MAX;
    log_debug("peer connected", KV_STR("job", j->job_id), KV_STR("peer", p->id));
    for (int i = 0; i < j->n_channels; i++) {
        struct net_channel *nc = j->channels[i];
        if (nc->peer != c->peer) continue;
        if (nc->sends)
            conn_add_ready(c, nc);
        else
            conn_send_credit(c, nc);
    }
}

static void retry_later(struct net_peer *p) {
    p->retry_ns = clock_mono_ns() + p->backoff_ms * NS_PER_MS;
    p->backoff_ms = MIN(p->backoff_ms * 2, NET_RETRY_MAX_MS);
}

void net_job_conn_gone(struct net_job *j, struct conn *c, bool may_retry, const struct err *err) {
    struct net_peer *p = &j->peers[c->peer];
    if (p->conn == c) p->conn = NULL;
    if (j->closing >= NET_SHUTTING || c->state == CONN_CLOSING) return;
    if (c->state == CONN_OPEN) {
        if (p->open_channels) lose(j, c->peer, err);
    } else if (may_retry && clock_mono_ns() < p->give_up_ns) {
        retry_later(p);
    } else {
        lose(j, c->peer, err);
    }
}

void net_job_channel_ended(struct net_channel *nc) {
    nc->ended = true;
    nc->job->peers[nc->peer].open_channels--;
}

void net_job_handle_dirty(struct net_channel *nc) {
    struct conn *c = nc->job->peers[nc->peer].conn;
    if (!c || c->dead || c->state != CONN_OPEN) return;
    if (nc->sends)
        conn_add_ready(c, nc);
    else
        conn_send_credit(c, nc);
}

/* ---- dialling: names are resolved on the pool ----------------------------------------------- */

struct resolve {
    struct net_cmd cmd;
    struct net_job *job;
    int peer;
    char *host;
    char service[16];
    int rc;
    struct addrinfo *list;
};

static void resolve_free(struct resolve *r) {
    if (r->list) freeaddrinfo(r->list);
    free(r->host);
    free(r);
}

/* Back on the network thread. The job waits for this before it closes (resolving). */
static void resolved(void *arg) {
    struct resolve *r = arg;
    struct net_job *j = r->job;
    struct net_peer *p = &j->peers[r->peer];
    struct err err = ERR_INIT;
    p->resolving = false;
    if (j->closing < NET_SHUTTING && !p->lost) {
        int rc = r->rc ? err_set(&err, ERR_NET, "resolve: %s", gai_strerror(r->rc))
                       : conn_dial(j, r->peer, r->list->ai_addr, r->list->ai_addrlen, &err);
        if (rc && clock_mono_ns() < p->give_up_ns)
            retry_later(p);
        else if (rc)
            lose(j, r->peer, &err);
    }
    resolve_free(r);
}

static void resolve_run(void *arg) {
    struct resolve *r = arg;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    r->rc = getaddrinfo(r->host, r->service, &hints, &r->list);
    r->cmd = (struct net_cmd){.fn = resolved, .arg = r};
    net_post(r->job->net, &r->cmd);
}

static void dial(struct net_job *j, int peer) {
    struct net_peer *p = &j->peers[peer];
    p->retry_ns = INT64_MAX;
    struct resolve *r = mem_zalloc(sizeof(*r));
    r->job = j;
    r->peer = peer;
    r->host = mem_strdup(p->host);
    snprintf(r->service, sizeof(r->service), "%u", (unsigned)p->port);
    struct err err = ERR_INIT;
    p->resolving = true;
    if (io_pool_submit(j->net->resolver, &(struct io_job){.run = resolve_run, .arg = r}, NULL,
                       &err) == 0)
        return;
    p->resolving = false;
    resolve_free(r);
    retry_later(p);
}

/* ---- closing -------------------------------------------------------------------------------- */

/* Everything that tasks have left is written, or can't be. */
static bool drained(const struct net_job *j) {
    for (int i = 0; i < j->n_channels; i++)
        if (j->channels[i]->sends && !j->channels[i]->ended && !j->peers[j->channels[i]->peer].lost)
            return false;
    for (int i = 0; i < j->n_peers; i++)
        if (j->peers[i].conn && j->peers[i].conn->out_n) return false;
    return true;
}

static bool conns_gone(const struct net_job *j) {
    for (int i = 0; i < j->n_peers; i++)
        if (j->peers[i].conn || j->peers[i].resolving) return false;
    return true;
}

static void shut_conns(struct net_job *j, bool politely) {
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "the job is closed");
    for (int i = 0; i < j->n_peers; i++) {
        struct conn *c = j->peers[i].conn;
        if (c && politely && c->state == CONN_OPEN)
            conn_shutdown(c);
        else if (c && c->state != CONN_CLOSING)
            conn_fail(c, false, &err);
    }
    /* Accepted ones that were refused or not yet greeted don't know the job. */
}

static void tick_closing(struct net_job *j, int64_t now_ns) {
    bool timeout = now_ns >= j->close_deadline_ns;
    if (j->closing == NET_DRAINING && (timeout || drained(j))) {
        if (timeout) log_warn("job closed before all was sent", KV_STR("job", j->job_id));
        j->closing = NET_SHUTTING;
        j->close_deadline_ns = INT64_MAX; /* connections have deadlines of their own */
        shut_conns(j, true);
    }
    if (j->closing == NET_SHUTTING && conns_gone(j)) j->closing = NET_CLOSED;
}

/* Dials what is due and gives up what takes too long. */
static int64_t tick_peers(struct net_job *j, int64_t now_ns) {
    int64_t due_ns = INT64_MAX;
    for (int i = 0; i < j->n_peers; i++) {
        struct net_peer *p = &j->peers[i];
        if (!p->used || p->lost) continue;
        if (!p->conn && !p->resolving && p->retry_ns <= now_ns) dial(j, i);
        if (!p->conn && p->give_up_ns <= now_ns) {
            struct err err = ERR_INIT;
            err_set(&err, ERR_TIMEOUT, "no connection within %d s", NET_CONNECT_TIMEOUT_MS / 1000);
            lose(j, i, &err);
        }
        due_ns = MIN(due_ns, MIN(p->retry_ns, p->give_up_ns));
    }
    return due_ns;
}

int64_t net_job_tick(struct net_job *j, int64_t now_ns) {
    int64_t due_ns = j->closing < NET_SHUTTING ? tick_peers(j, now_ns) : INT64_MAX;
    if (j->closing) tick_closing(j, now_ns);
    return j->closing ? MIN(due_ns, j->close_deadline_ns) : due_ns;
}

static void begin_drain(void *arg) {
    struct net_job *j = arg;
    j->closing = NET_DRAINING;
    j->close_deadline_ns = clock_mono_ns() + (int64_t)NET_DRAIN_TIMEOUT_MS * NS_PER_MS;
}

static void begin_shut(void *arg) {
    struct net_job *j = arg;
    j->closing = NET_SHUTTING;
    j->close_deadline_ns = INT64_MAX;
    shut_conns(j, false);
}

static void job_free(struct net_job *j) {
    for (int i = 0; i < j->n_channels; i++) {
        channel_unref(j->channels[i]->ch);
        free(j->channels[i]);
    }
    free(j->channels);
    for (int i = 0; i < j->n_peers; i++) {
        free(j->peers[i].id);
        free(j->peers[i].host);
    }
    free(j->peers);
    free(j->job_id);
    free(j->token);
    free(j);
}

void net_job_closed(struct net_job *j) {
    struct net *n = j->net;
    pthread_mutex_lock(&n->lock);
    j->started = false;
    pthread_cond_broadcast(&n->called);
    pthread_mutex_unlock(&n->lock);
}

void net_job_close(struct net_job *j, bool drain) {
    if (!j) return;
    struct net *n = j->net;
    if (j->started) {
        net_call(n, drain ? begin_drain : begin_shut, j);
        pthread_mutex_lock(&n->lock);
        while (j->started)
            pthread_cond_wait(&n->called, &n->lock);
        pthread_mutex_unlock(&n->lock);
    }
    job_free(j);
}
