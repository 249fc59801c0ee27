/* net_conn.c - one TCP connection, optionally through TLS. */
#include "base/net/net_conn.h"

#include "base/core/mem.h"
#include "base/net/net_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum conn_state {
    CONN_RESOLVING,
    CONN_CONNECTING,
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_FINISHING, /* flushing, then the end of our side */
    CONN_LINGERING, /* our side is ended */
    CONN_CLOSED     /* on_closed was called, or is about to be */
};

/* Bytes with a read position; memory goes back when it runs empty. */
struct net_buf {
    char *ptr;
    size_t pos, len, cap;
};

enum { BUF_KEEP_BYTES = 16 << 10, ADDRESSES_MAX = 8 };

/* A name look-up on a pool thread. Outlives its connection if that is freed meanwhile. */
struct lookup {
    struct net_loop *loop;
    struct net_conn *conn; /* NULL = abandoned; the loop's thread alone */
    char *host;
    int port;
    int rc; /* of getaddrinfo */
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    int n_addresses;
};

struct net_conn {
    struct net_loop *loop;
    enum conn_state state;
    int fd;
    struct net_watch *watch;
    SSL *ssl;
    bool tls_wants_write; /* TLS must write before it can read on */
    bool tls_more;        /* TLS holds decrypted bytes that epoll knows nothing of */
    bool paused, read_ended;
    int depth; /* of calls into the owner */
    bool free_wanted;
    struct net_buf in, out;
    size_t lingered_bytes;
    const struct net_conn_ops *ops;
    void *arg;
    struct net_timer *timer; /* connecting, handshake, lingering */
    struct net_defer flush;  /* set while something waits to be done at the turn's end */
    struct lookup *lookup;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    int n_addresses, next_address;
    char peer[64];
    char *host; /* of the target, for errors */
    int port;
    int64_t timeout_ms;
    struct err last_err; /* of the address tried last */
};

/* ---- buffers -------------------------------------------------------------------------------- */

static void buf_reserve(struct net_buf *b, size_t extra) {
    if (b->len + extra <= b->cap) return;
    if (b->pos) {
        memmove(b->ptr, b->ptr + b->pos, b->len - b->pos);
        b->len -= b->pos;
        b->pos = 0;
    }
    if (b->len + extra <= b->cap) return;
    b->cap = MAX(b->len + extra, b->cap * 2);
    b->ptr = mem_realloc(b->ptr, b->cap);
}

static void buf_consume(struct net_buf *b, size_t n) {
    b->pos += n;
    if (b->pos < b->len) return;
    b->pos = b->len = 0;
    if (b->cap <= BUF_KEEP_BYTES) return;
    free(b->ptr);
    *b = (struct net_buf){0};
}

/* ---- life and calls into the owner ----------------------------------------------------------- */

static void conn_turn_end(struct net_defer *d);

/* Shuts the socket; the object stays with its owner. */
static void conn_detach(struct net_conn *c) {
    c->state = CONN_CLOSED;
    net_timer_cancel(c->timer);
    net_defer_unlink(&c->flush);
    net_watch_free(c->watch);
    c->watch = NULL;
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (c->lookup) c->lookup->conn = NULL;
    c->lookup = NULL;
}

static void conn_destroy(struct net_conn *c) {
    conn_detach(c);
    net_timer_free(c->timer);
    free(c->in.ptr);
    free(c->out.ptr);
    free(c->host);
    free(c);
}

void net_conn_free(struct net_conn *c) {
    if (!c) return;
    if (c->depth) { /* the call that we are in ends it */
        conn_detach(c);
        c->free_wanted = true;
    } else {
        conn_destroy(c);
    }
}

/* Ends a call into the owner; false if the connection is gone, or as good as gone. */
static bool call_end(struct net_conn *c) {
    c->depth--;
    if (!c->free_wanted) return c->state != CONN_CLOSED;
    if (c->depth == 0) conn_destroy(c);
    return false;
}

static bool call_open(struct net_conn *c) {
    c->depth++;
    if (c->ops->on_open) c->ops->on_open(c->arg);
    return call_end(c);
}

static bool call_data(struct net_conn *c) {
    c->depth++;
    if (c->ops->on_data) c->ops->on_data(c->arg);
    return call_end(c);
}

static bool call_sent(struct net_conn *c) {
    c->depth++;
    if (c->ops->on_sent) c->ops->on_sent(c->arg);
    return call_end(c);
}

static void call_closed(struct net_conn *c, const struct err *why) {
    c->depth++;
    c->ops->on_closed(c->arg, why);
    call_end(c);
}

static void conn_fail(struct net_conn *c, const struct err *why) {
    conn_detach(c);
    call_closed(c, why);
}

static void conn_fail_errno(struct net_conn *c, int errnum, const char *what) {
    struct err err = ERR_INIT;
    err_set_errno(&err, ERR_NET, errnum, "%s %s", what, c->peer);
    conn_fail(c, &err);
}

static void update_events(struct net_conn *c) {
    if (!c->watch) return;
    uint32_t events = 0;
    if (!c->paused && !c->read_ended) events |= EPOLLIN;
    if (c->out.len > c->out.pos || c->tls_wants_write) events |= EPOLLOUT;
    net_watch_set(c->watch, events);
}

/* ---- bytes in and out ------------------------------------------------------------------------ */

enum { IO_AGAIN = -1, IO_FAILED = -2, IO_END = 0 };

/* What a TLS call that returned n <= 0 means. */
static ssize_t tls_result(struct net_conn *c, int n, struct err *err) {
    int saved = errno;
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        c->tls_wants_write = true;
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    case SSL_ERROR_SYSCALL:
        if (ERR_peek_error() == 0) {
            if (!saved) return IO_END; /* cut without close_notify: the framing above notices */
            err_set_errno(err, ERR_NET, saved, "TLS with %s", c->peer);
            return IO_FAILED;
        }
        break;
    default:
        break;
    }
    tls_err_set(err, ERR_NET, "TLS with %s", c->peer);
    return IO_FAILED;
}

static ssize_t conn_recv(struct net_conn *c, void *buf, size_t size, struct err *err) {
    if (c->ssl) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_read(c->ssl, buf, (int)size);
        return n > 0 ? n : tls_result(c, n, err);
    }
    ssize_t n = recv(c->fd, buf, size, 0);
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EINTR) return IO_AGAIN;
    err_set_errno(err, ERR_NET, errno, "read from %s", c->peer);
    return IO_FAILED;
}

static ssize_t conn_send(struct net_conn *c, const void *buf, size_t size, struct err *err) {
    if (c->ssl) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_write(c->ssl, buf, (int)MIN(size, (size_t)1 << 20));
        if (n > 0) return n;
        ssize_t r = tls_result(c, n, err);
        if (r != IO_END) return r;
        err_set(err, ERR_NET, "write to %s: the connection is closed", c->peer);
        return IO_FAILED;
    }
    ssize_t n = send(c->fd, buf, size, MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EINTR) return IO_AGAIN;
    err_set_errno(err, ERR_NET, errno, "write to %s", c->peer);
    return IO_FAILED;
}

/* The end of our side, once all is sent. */
static void conn_end_write(struct net_conn *c) {
    if (c->ssl) {
        ERR_clear_error();
        SSL_shutdown(c->ssl);
    }
    shutdown(c->fd, SHUT_WR);
    c->state = CONN_LINGERING;
    c->paused = false;
    if (c->read_ended) {
        conn_fail(c, NULL);
        return;
    }
    net_timer_set(c->timer, NET_LINGER_MS);
    update_events(c);
}

/* false if the connection is gone. */
static bool conn_flush(struct net_conn *c) {
    struct err err = ERR_INIT;
    size_t sent = 0;
    while (c->out.pos < c->out.len) {
        ssize_t n = conn_send(c, c->out.ptr + c->out.pos, c->out.len - c->out.pos, &err);
        if (n == IO_AGAIN) break;
        if (n < 0) {
            conn_fail(c, &err);
            return false;
        }
        buf_consume(&c->out, (size_t)n);
        sent += (size_t)n;
    }
    if (c->state == CONN_FINISHING && c->out.len == 0) {
        conn_end_write(c);
        return false;
    }
    if (c->state == CONN_FINISHING && sent) net_timer_set(c->timer, NET_HANDSHAKE_MS);
    update_events(c);
    return sent == 0 || call_sent(c);
}

/* What arrives while lingering is thrown away. */
static void conn_discard(struct net_conn *c) {
    char buf[NET_READ_BYTES];
    struct err err = ERR_INIT;
    for (;;) {
        ssize_t n = conn_recv(c, buf, sizeof(buf), &err);
        if (n == IO_AGAIN) break;
        c->lingered_bytes += n > 0 ? (size_t)n : 0;
        if (n <= 0 || c->lingered_bytes > NET_LINGER_MAX_BYTES) {
            conn_fail(c, NULL);
            return;
        }
    }
    net_timer_set(c->timer, NET_LINGER_MS);
}

/* false if the connection is gone. */
static bool conn_read(struct net_conn *c) {
    char buf[NET_READ_BYTES];
    struct err err = ERR_INIT;
    c->tls_more = false;
    if (c->state == CONN_LINGERING) {
        conn_discard(c);
        return false;
    }
    /* TLS hands out a record at a time: a few, then others have their turn. */
    for (int i = 0; i < (c->ssl ? 8 : 1) && !c->paused && !c->read_ended; i++) {
        ssize_t n = conn_recv(c, buf, sizeof(buf), &err);
        if (n == IO_AGAIN) break;
        if (n == IO_FAILED) {
            conn_fail(c, &err);
            return false;
        }
        if (n == IO_END) {
            c->read_ended = true;
            update_events(c);
            call_closed(c, NULL);
            return false;
        }
        buf_reserve(&c->in, (size_t)n);
        memcpy(c->in.ptr + c->in.len, buf, (size_t)n);
        c->in.len += (size_t)n;
        if (!call_data(c)) return false;
    }
    if (c->ssl && SSL_pending(c->ssl) > 0) {
        c->tls_more = true;
        net_defer_link(c->loop, &c->flush, conn_turn_end);
    }
    update_events(c);
    return true;
}

static void conn_turn_end(struct net_defer *d);

/* ---- connecting ------------------------------------------------------------------------------ */

static void conn_events(void *arg, uint32_t events);
static void conn_try_next(struct net_conn *c);

static void conn_opened(struct net_conn *c) {
    c->state = CONN_OPEN;
    net_timer_cancel(c->timer);
    c->tls_wants_write = false;
    if (!call_open(c)) return;
    net_defer_link(c->loop, &c->flush, conn_turn_end);
    update_events(c);
}

static void conn_handshake(struct net_conn *c) {
    ERR_clear_error();
    errno = 0;
    int n = SSL_do_handshake(c->ssl);
    if (n == 1) {
        conn_opened(c);
        return;
    }
    struct err err = ERR_INIT;
    c->tls_wants_write = false;
    long verify = SSL_get_verify_result(c->ssl);
    ssize_t r = tls_result(c, n, &err);
    if (r == IO_AGAIN) {
        net_watch_set(c->watch, c->tls_wants_write ? EPOLLOUT : EPOLLIN);
        return;
    }
    if (r == IO_END) err_set(&err, ERR_NET, "TLS with %s: the peer hung up", c->peer);
    if (verify != X509_V_OK && !SSL_is_server(c->ssl)) {
        err_set(&err, ERR_PERMISSION, "TLS with %s: the server's certificate: %s", c->peer,
                X509_verify_cert_error_string(verify));
    }
    conn_fail(c, &err);
}

static void conn_connected(struct net_conn *c) {
    if (!c->ssl) {
        conn_opened(c);
        return;
    }
    c->state = CONN_HANDSHAKE;
    net_timer_set(c->timer, c->timeout_ms);
    SSL_set_fd(c->ssl, c->fd);
    conn_handshake(c);
}

static void conn_give_up_address(struct net_conn *c, int errnum) {
    net_watch_free(c->watch);
    c->watch = NULL;
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (errnum == ETIMEDOUT) {
        err_set(&c->last_err, ERR_TIMEOUT, "connect to %s port %d: timed out", c->host, c->port);
    } else {
        err_set_errno(&c->last_err, ERR_NET, errnum, "connect to %s port %d", c->host, c->port);
    }
}

static void set_peer(struct net_conn *c, const struct sockaddr_storage *addr) {
    socklen_t len =
        addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo((const struct sockaddr *)addr, len, c->peer, sizeof(c->peer), NULL, 0,
                    NI_NUMERICHOST) != 0)
        snprintf(c->peer, sizeof(c->peer), "unknown");
}

static int conn_start(struct net_conn *c, const struct sockaddr_storage *addr) {
    set_peer(c, addr);
    c->fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) return errno;
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    socklen_t len =
        addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (connect(c->fd, (const struct sockaddr *)addr, len) != 0 && errno != EINPROGRESS)
        return errno;
    struct err err = ERR_INIT;
    return net_watch_new(c->loop, c->fd, EPOLLOUT, conn_events, c, &c->watch, &err) ? EMFILE : 0;
}

/* Begins with the next address; the error of the last one when there is none left. */
static void conn_try_next(struct net_conn *c) {
    c->state = CONN_CONNECTING;
    while (c->next_address < c->n_addresses) {
        int errnum = conn_start(c, &c->addresses[c->next_address++]);
        if (!errnum) {
            net_timer_set(c->timer, MAX(c->timeout_ms / c->n_addresses, 1));
            return;
        }
        conn_give_up_address(c, errnum);
    }
    struct err err = c->last_err;
    conn_fail(c, &err);
}

static void conn_timeout(void *arg) {
    struct net_conn *c = arg;
    struct err err = ERR_INIT;
    switch (c->state) {
    case CONN_RESOLVING:
        err_set(&err, ERR_TIMEOUT, "look up %s: timed out", c->host);
        conn_fail(c, &err);
        return;
    case CONN_CONNECTING:
        conn_give_up_address(c, ETIMEDOUT);
        conn_try_next(c);
        return;
    case CONN_HANDSHAKE:
        err_set(&err, ERR_TIMEOUT, "TLS with %s: timed out", c->peer);
        conn_fail(c, &err);
        return;
    case CONN_FINISHING:
    case CONN_LINGERING:
        conn_fail(c, NULL);
        return;
    case CONN_OPEN:
    case CONN_CLOSED:
        return;
    }
}

static void lookup_free(struct lookup *l) {
    if (l->conn) l->conn->lookup = NULL;
    free(l->host);
    free(l);
}

static void lookup_done(void *arg) {
    struct lookup *l = arg;
    struct net_conn *c = l->conn;
    if (c && l->n_addresses) {
        memcpy(c->addresses, l->addresses, sizeof(l->addresses));
        c->n_addresses = l->n_addresses;
    } else if (c) {
        err_set(&c->last_err, ERR_NET, "look up %s: %s", l->host,
                l->rc ? gai_strerror(l->rc) : "no address");
    }
    lookup_free(l);
    if (c) conn_try_next(c);
}

static void lookup_drop(void *arg) {
    lookup_free(arg);
}

static void lookup_addresses(struct lookup *l, int flags) {
    char port[16];
    snprintf(port, sizeof(port), "%d", l->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    l->rc = getaddrinfo(l->host, port, &hints, &list);
    for (struct addrinfo *a = l->rc ? NULL : list; a && l->n_addresses < ADDRESSES_MAX;
         a = a->ai_next)
        memcpy(&l->addresses[l->n_addresses++], a->ai_addr, a->ai_addrlen);
    if (list) freeaddrinfo(list);
}

static void lookup_run(void *arg) { /* on a pool thread */
    struct lookup *l = arg;
    lookup_addresses(l, AI_ADDRCONFIG);
    net_loop_post_always(l->loop, lookup_done, l);
}

static int lookup_begin(struct net_conn *c, struct err *err) {
    struct lookup *l = mem_zalloc(sizeof(*l));
    *l = (struct lookup){.loop = c->loop, .conn = c, .host = mem_strdup(c->host), .port = c->port};
    c->lookup = l;
    lookup_addresses(l, AI_NUMERICHOST); /* an address needs no look-up */
    if (l->n_addresses) {
        net_loop_post_always(c->loop, lookup_done, l);
        return 0;
    }
    struct io_pool *pool;
    int rc = net_loop_pool(c->loop, &pool, err);
    if (!rc) {
        struct io_job job = {lookup_run, lookup_drop, l};
        rc = io_pool_submit(pool, &job, NULL, err);
    }
    if (rc) lookup_free(l);
    return rc;
}

/* ---- the socket's events --------------------------------------------------------------------- */

static int socket_error(int fd) {
    int errnum = 0;
    socklen_t len = sizeof(errnum);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) != 0) return errno;
    return errnum;
}

static void conn_events(void *arg, uint32_t events) {
    struct net_conn *c = arg;
    if (c->state == CONN_CONNECTING) {
        int errnum = socket_error(c->fd);
        if (errnum) {
            conn_give_up_address(c, errnum);
            conn_try_next(c);
        } else {
            conn_connected(c);
        }
        return;
    }
    if (c->state == CONN_HANDSHAKE) {
        conn_handshake(c);
        return;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) && (c->paused || c->read_ended)) {
        /* Nobody reads, so nobody else would notice. */
        int errnum = socket_error(c->fd);
        if (c->state == CONN_LINGERING) {
            conn_fail(c, NULL);
        } else {
            conn_fail_errno(c, errnum ? errnum : ECONNRESET, "connection to");
        }
        return;
    }
    c->tls_wants_write = false;
    if ((events & ~(uint32_t)EPOLLOUT) || c->ssl) {
        if (!conn_read(c)) return;
    }
    if (c->state == CONN_OPEN || c->state == CONN_FINISHING) conn_flush(c);
}

static void conn_turn_end(struct net_defer *d) {
    struct net_conn *c = CONTAINER_OF(d, struct net_conn, flush);
    if (c->state != CONN_OPEN && c->state != CONN_FINISHING) return;
    if (!conn_flush(c)) return;
    if (c->tls_more && !c->paused) conn_read(c);
}

/* ---- interface ------------------------------------------------------------------------------- */

static struct net_conn *conn_new(struct net_loop *loop, const struct net_conn_ops *ops, void *arg) {
    struct net_conn *c = mem_zalloc(sizeof(*c));
    c->loop = loop;
    c->fd = -1;
    c->ops = ops;
    c->arg = arg;
    c->timer = net_timer_new(loop, conn_timeout, c);
    return c;
}

static void conn_accepted(struct net_defer *d) {
    struct net_conn *c = CONTAINER_OF(d, struct net_conn, flush);
    conn_connected(c);
}

int net_conn_accept(struct net_loop *loop, int fd, SSL_CTX *ctx, const struct net_conn_ops *ops,
                    void *arg, struct net_conn **ret_conn, struct err *err) {
    struct net_conn *c = conn_new(loop, ops, arg);
    c->fd = fd;
    c->timeout_ms = NET_HANDSHAKE_MS;
    c->state = CONN_HANDSHAKE;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);
    if (getpeername(fd, (struct sockaddr *)&addr, &len) == 0) set_peer(c, &addr);
    int rc = net_watch_new(loop, fd, 0, conn_events, c, &c->watch, err);
    if (!rc && ctx) {
        c->ssl = SSL_new(ctx);
        CHECK(c->ssl);
        SSL_set_accept_state(c->ssl);
    }
    if (rc) {
        conn_destroy(c);
        return rc;
    }
    net_defer_link(loop, &c->flush, conn_accepted);
    *ret_conn = c;
    return 0;
}

int net_conn_connect(struct net_loop *loop, const struct net_conn_target *target,
                     const struct net_conn_ops *ops, void *arg, struct net_conn **ret_conn,
                     struct err *err) {
    int rc = net_loop_check_alive(loop, err);
    if (rc) return rc;
    struct net_conn *c = conn_new(loop, ops, arg);
    c->state = CONN_RESOLVING;
    c->timeout_ms = target->timeout_ms;
    c->host = mem_strdup(target->host);
    c->port = target->port;
    snprintf(c->peer, sizeof(c->peer), "%s", target->host);
    if (target->ctx) {
        c->ssl = SSL_new(target->ctx);
        CHECK(c->ssl);
        SSL_set_connect_state(c->ssl);
        rc = tls_expect_name(c->ssl, target->server_name, err);
    }
    if (!rc) rc = lookup_begin(c, err);
    if (rc) {
        conn_destroy(c);
        return rc;
    }
    net_timer_set(c->timer, c->timeout_ms);
    *ret_conn = c;
    return 0;
}

void net_conn_hand_over(struct net_conn *c, const struct net_conn_ops *ops, void *arg) {
    c->ops = ops;
    c->arg = arg;
}

struct sv net_conn_in(const struct net_conn *c) {
    if (!c->in.len) return SV_LIT("");
    return (struct sv){c->in.ptr + c->in.pos, c->in.len - c->in.pos};
}

void net_conn_consume(struct net_conn *c, size_t n) {
    CHECK(n <= c->in.len - c->in.pos);
    if (n) buf_consume(&c->in, n);
}

void net_conn_pause(struct net_conn *c, bool paused) {
    if (c->paused == paused) return;
    c->paused = paused;
    if (c->state != CONN_OPEN) return;
    update_events(c);
    if (!paused && c->tls_more) net_defer_link(c->loop, &c->flush, conn_turn_end);
}

void net_conn_write(struct net_conn *c, const void *data, size_t len) {
    if (c->state >= CONN_FINISHING || !len) return;
    buf_reserve(&c->out, len);
    memcpy(c->out.ptr + c->out.len, data, len);
    c->out.len += len;
    if (c->state == CONN_OPEN) net_defer_link(c->loop, &c->flush, conn_turn_end);
}

size_t net_conn_unsent(const struct net_conn *c) {
    return c->out.len - c->out.pos;
}

void net_conn_finish(struct net_conn *c) {
    if (c->state >= CONN_FINISHING) return;
    c->state = CONN_FINISHING;
    net_timer_set(c->timer, NET_HANDSHAKE_MS); /* without progress */
    net_defer_link(c->loop, &c->flush, conn_turn_end);
}

bool net_conn_is_open(const struct net_conn *c) {
    return c->state == CONN_OPEN;
}

const char *net_conn_peer(const struct net_conn *c) {
    return c->peer;
}
