/* net.c - the network thread: one epoll loop for all jobs of the process. */
#define LOG_MODULE "net"
#include "worker/net/net.h"

#include "worker/net/net_int.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, EVENTS = 64, BACKLOG = 128 };

/* ---- wakes and calls from other threads ----------------------------------------------------- */

static void unpark(struct net *n) {
    if (!atomic_exchange(&n->parked, false)) return;
    uint64_t one = 1;
    ssize_t rc = write(n->event, &one, sizeof(one));
    CHECKF(rc == sizeof(one), "eventfd: errno %d", errno);
}

void net_channel_wake(void *self, uint32_t arg) {
    struct net_channel *nc = self;
    struct net *n = nc->job->net;
    if (atomic_exchange(&nc->dirty, true)) return;
    nc->next_dirty = atomic_load_explicit(&n->dirty, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&n->dirty, &nc->next_dirty, nc)) {
    }
    unpark(n);
}

void net_post(struct net *n, struct net_cmd *cmd) {
    cmd->next = NULL;
    pthread_mutex_lock(&n->lock);
    *n->cmds_tail = cmd;
    n->cmds_tail = &cmd->next;
    pthread_mutex_unlock(&n->lock);
    unpark(n);
}

struct call {
    struct net_cmd cmd;
    struct net *net;
    void (*fn)(void *arg);
    void *arg;
    bool done; /* under lock */
};

static void run_call(void *arg) {
    struct call *call = arg;
    call->fn(call->arg);
    pthread_mutex_lock(&call->net->lock);
    call->done = true;
    pthread_cond_broadcast(&call->net->called);
    pthread_mutex_unlock(&call->net->lock);
}

void net_call(struct net *n, void (*fn)(void *arg), void *arg) {
    struct call call = {.net = n, .fn = fn, .arg = arg};
    call.cmd = (struct net_cmd){.fn = run_call, .arg = &call};
    net_post(n, &call.cmd);
    pthread_mutex_lock(&n->lock);
    while (!call.done)
        pthread_cond_wait(&n->called, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

static bool run_cmds(struct net *n) {
    pthread_mutex_lock(&n->lock);
    struct net_cmd *cmd = n->cmds;
    n->cmds = NULL;
    n->cmds_tail = &n->cmds;
    pthread_mutex_unlock(&n->lock);
    bool any = cmd;
    while (cmd) {
        struct net_cmd *next = cmd->next; /* fn may end the command's life */
        cmd->fn(cmd->arg);
        cmd = next;
    }
    return any;
}

static bool handle_dirty(struct net *n) {
    struct net_channel *nc = atomic_exchange(&n->dirty, NULL);
    bool any = nc;
    while (nc) {
        struct net_channel *next = nc->next_dirty;
        /* Exchange: what the waker did before is seen; a wake from here on comes again. */
        atomic_exchange(&nc->dirty, false);
        net_job_handle_dirty(nc);
        nc = next;
    }
    return any;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void accept_all(struct net *n) {
    for (;;) {
        int fd = accept4(n->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EINTR) continue;
        if (fd < 0) return; /* EAGAIN; or out of descriptors: the listener stays readable */
        if (n->n_pending >= NET_PENDING_MAX) {
            close(fd);
            continue;
        }
        conn_new(n, fd, CONN_PENDING, clock_mono_ns() + (int64_t)NET_HELLO_TIMEOUT_MS * NS_PER_MS);
    }
}

static void handle_events(struct net *n, const struct epoll_event *events, int n_events) {
    for (int i = 0; i < n_events; i++) {
        void *what = events[i].data.ptr;
        if (what == &n->event) {
            uint64_t count;
            ssize_t rc = read(n->event, &count, sizeof(count));
            (void)rc; /* EAGAIN: another round has read it */
        } else if (what == &n->listener) {
            accept_all(n);
        } else {
            conn_event(what, events[i].events);
        }
    }
}

/* What time brings; frees what died. Returns the next time something is due. */
static int64_t handle_time(struct net *n) {
    int64_t now_ns = clock_mono_ns(), due_ns = INT64_MAX;
    for (struct conn *c = n->conns; c; c = c->next)
        if (!c->dead && c->deadline_ns <= now_ns) conn_deadline(c);
    for (struct net_job **at = &n->jobs; *at;) {
        struct net_job *j = *at;
        due_ns = MIN(due_ns, net_job_tick(j, now_ns));
        if (j->closing != NET_CLOSED) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        handle_dirty(n); /* nothing of the job may be left in the stack */
        net_job_closed(j);
    }
    for (struct conn **at = &n->conns; *at;) {
        struct conn *c = *at;
        if (c->dead) {
            *at = c->next;
            conn_free(c);
            continue;
        }
        due_ns = MIN(due_ns, c->deadline_ns);
        at = &c->next;
    }
    return due_ns;
}

static int timeout_ms(int64_t due_ns) {
    if (due_ns == INT64_MAX) return -1;
    int64_t wait_ns = due_ns - clock_mono_ns();
    return wait_ns <= 0 ? 0 : (int)MIN((wait_ns + NS_PER_MS - 1) / NS_PER_MS, 60000);
}

static void net_main(void *arg) {
    struct net *n = arg;
    struct epoll_event events[EVENTS];
    while (!n->stop) {
        bool busy = run_cmds(n);
        busy |= handle_dirty(n);
        for (struct conn *c = n->conns; c; c = c->next)
            if (c->ready || c->out_n) conn_pump(c);
        int64_t due_ns = handle_time(n);
        /* Parked first, then a last look: a waker either sees it or is seen. */
        atomic_store(&n->parked, !busy);
        pthread_mutex_lock(&n->lock);
        busy |= n->cmds != NULL;
        pthread_mutex_unlock(&n->lock);
        busy |= atomic_load(&n->dirty) != NULL;
        int n_events = epoll_wait(n->epoll, events, EVENTS, busy ? 0 : timeout_ms(due_ns));
        atomic_store(&n->parked, false);
        handle_events(n, events, n_events);
    }
    for (struct conn *c = n->conns; c;) {
        struct conn *next = c->next;
        struct err err = ERR_INIT;
        err_set(&err, ERR_CANCELLED, "the worker stops");
        conn_fail(c, false, &err);
        conn_free(c);
        c = next;
    }
}

/* ---- making --------------------------------------------------------------------------------- */

static int listen_on(const struct addrinfo *ai, struct net *n, struct err *err) {
    n->listener = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (n->listener < 0) return err_set_errno(err, ERR_NET, errno, "socket");
    int one = 1;
    (void)setsockopt(n->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(n->listener, ai->ai_addr, ai->ai_addrlen))
        return err_set_errno(err, ERR_NET, errno, "bind");
    if (listen(n->listener, BACKLOG)) return err_set_errno(err, ERR_NET, errno, "listen");
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    if (getsockname(n->listener, (struct sockaddr *)&addr, &len))
        return err_set_errno(err, ERR_NET, errno, "getsockname");
    n->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                               : ((struct sockaddr_in *)&addr)->sin_port);
    return 0;
}

static int open_sockets(struct net *n, const char *host, int port, struct err *err) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *list;
    char service[16];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc) return err_set(err, ERR_NET, "resolve: %s", gai_strerror(rc));
    rc = listen_on(list, n, err);
    freeaddrinfo(list);
    if (rc) return rc;
    n->epoll = epoll_create1(EPOLL_CLOEXEC);
    n->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (n->epoll < 0 || n->event < 0) return err_set_errno(err, ERR_NET, errno, "epoll");
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &n->event};
    if (epoll_ctl(n->epoll, EPOLL_CTL_ADD, n->event, &ev))
        return err_set_errno(err, ERR_NET, errno, "epoll");
    ev.data.ptr = &n->listener;
    if (epoll_ctl(n->epoll, EPOLL_CTL_ADD, n->listener, &ev))
        return err_set_errno(err, ERR_NET, errno, "epoll");
    return 0;
}

int net_new(const char *host, int port, struct net **ret, struct err *err) {
    struct net *n = mem_zalloc(sizeof(*n));
    n->epoll = n->event = n->listener = -1;
    n->cmds_tail = &n->cmds;
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->called, NULL);
    int rc = open_sockets(n, host, port, err);
    if (!rc)
        rc = io_pool_new(&(struct io_pool_options){.name = "resolver", .threads_max = 2},
                         &n->resolver, err);
    if (!rc) rc = thread_start(&n->thread, "net", net_main, n, err);
    if (rc) {
        net_free(n);
        return err_wrap(err, "listen for workers on %s:%d", host, port);
    }
    *ret = n;
    return 0;
}

static void stop(void *arg) {
    ((struct net *)arg)->stop = true;
}

void net_free(struct net *n) {
    if (!n) return;
    io_pool_free(n->resolver);
    if (n->thread.started) {
        CHECK(!n->jobs);
        net_call(n, stop, n);
        thread_join(&n->thread);
    }
    if (n->epoll >= 0) close(n->epoll);
    if (n->event >= 0) close(n->event);
    if (n->listener >= 0) close(n->listener);
    pthread_cond_destroy(&n->called);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

int net_port(const struct net *n) {
    return n->port;
}
