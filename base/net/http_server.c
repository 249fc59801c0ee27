/* http_server.c - the listener, connections and requests; replies are in http_reply.c. */
#define LOG_MODULE "http"
#include "base/net/http_server.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/http_exchange.h"
#include "base/net/ws_conn.h"
#include "base/net/ws_frame.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST_TIMEOUT_MS = 30000, /* for a request's head, and between pieces of body or reply */
    IDLE_TIMEOUT_MS = 75000,    /* between requests */
    UNSENT_MAX_BYTES = 1 << 20, /* of replies, before pipelined requests have to wait */
    ACCEPTS_PER_TURN = 64,
    ACCEPT_PAUSE_MS = 100
};

struct route_target {
    http_handler_fn handler; /* NULL = WebSocket */
    const struct ws_ops *ws_ops;
    struct ws_options ws_options;
    void *self;
    bool is_public;
};

struct http_server {
    struct net_loop *loop;
    struct net_member member;
    size_t body_max_bytes;
    bool (*authorize)(void *self, const char *method, const char *path, const char *token);
    void *authorize_self;
    SSL_CTX *ctx;
    int fd, port;
    struct net_watch *watch;
    struct net_timer *accept_again; /* after running out of descriptors */
    struct http_routes routes;
    struct arena arena; /* of the routes' targets */
    struct http_session *sessions;
};

/* ---- sessions -------------------------------------------------------------------------------- */

static void session_run(struct http_session *s);

static void session_free(struct http_session *s) {
    if (s->busy) {
        s->doomed = true;
        return;
    }
    if (s->exchange) http_exchange_gone(s->exchange);
    *s->prev = s->next;
    if (s->next) s->next->prev = s->prev;
    net_defer_unlink(&s->again);
    net_conn_free(s->conn);
    net_timer_free(s->timer);
    free(s);
}

static void session_timeout(void *arg) {
    session_free(arg);
}

static void session_on_sent(void *arg) {
    struct http_session *s = arg;
    bool all = net_conn_unsent(s->conn) == 0;
    if (!all || (s->exchange && !s->exchange->handling)) {
        net_timer_set(s->timer, REQUEST_TIMEOUT_MS);
    } else if (!s->exchange) {
        net_timer_set(s->timer, IDLE_TIMEOUT_MS);
    } else {
        net_timer_cancel(s->timer);
    }
    if (s->exchange) {
        http_exchange_sent(s->exchange);
    } else if (all) {
        session_run(s);
    }
}

static void session_on_closed(void *arg, const struct err *why) {
    struct http_session *s = arg;
    if (!why && !s->exchange && !s->finishing && net_conn_unsent(s->conn)) {
        s->finishing = true; /* it ended its side, but still wants the reply */
        net_conn_finish(s->conn);
        return;
    }
    session_free(s);
}

static void session_on_data(void *arg) {
    session_run(arg);
}

static const struct net_conn_ops session_ops = {
    .on_data = session_on_data, .on_sent = session_on_sent, .on_closed = session_on_closed};

static int session_new(struct http_server *server, int fd, struct err *err) {
    struct http_session *s = mem_zalloc(sizeof(*s));
    s->server = server;
    s->loop = server->loop;
    int rc = net_conn_accept(server->loop, fd, server->ctx, &session_ops, s, &s->conn, err);
    if (rc) {
        free(s);
        return rc;
    }
    s->timer = net_timer_new(server->loop, session_timeout, s);
    net_timer_set(s->timer, REQUEST_TIMEOUT_MS);
    s->next = server->sessions;
    s->prev = &server->sessions;
    if (s->next) s->next->prev = &s->next;
    server->sessions = s;
    return 0;
}

static void session_again(struct net_defer *d) {
    session_run(CONTAINER_OF(d, struct http_session, again));
}

void http_session_done(struct http_session *s, bool keep) {
    s->exchange = NULL;
    if (!keep) {
        s->finishing = true;
        net_timer_cancel(s->timer); /* net_conn_finish has its own */
        net_conn_finish(s->conn);
        return;
    }
    net_timer_set(s->timer, REQUEST_TIMEOUT_MS);
    /* From the turn's end, for a handler that replies at once would otherwise go one level deeper
     * with each pipelined request. */
    if (!s->busy) net_defer_link(s->loop, &s->again, session_again);
}

void http_session_abort(struct http_session *s) {
    s->exchange = NULL;
    s->finishing = true;
    session_free(s);
}

void http_session_sending(struct http_session *s) {
    if (!net_timer_is_set(s->timer)) net_timer_set(s->timer, REQUEST_TIMEOUT_MS);
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool has_body(const struct http_exchange *x) {
    return x->head.chunked || x->head.content_length > 0;
}

/* Answers without reading the body, which costs the connection if there is one. */
static void refuse(struct http_exchange *x, int status, const char *code, const char *message) {
    if (has_body(x)) x->keep = false;
    http_reply_status(x, status, code, message);
}

static const char *bearer_token(const struct http_head *h) {
    const char *v = http_field_get(h, "authorization");
    if (!v || strncasecmp(v, "Bearer ", 7) != 0) return NULL;
    v += 7;
    while (*v == ' ')
        v++;
    return v;
}

/* 0 = go on; 1 = refused. */
static int check_authorized(struct http_server *server, struct http_exchange *x) {
    const struct route_target *t = x->route->target;
    if (t->is_public || !server->authorize) return 0;
    if (server->authorize(server->authorize_self, x->head.method, x->head.path,
                          bearer_token(&x->head)))
        return 0;
    http_reply_header(x, "WWW-Authenticate", "Bearer");
    refuse(x, 401, "PERMISSION", "a valid bearer token is needed: Authorization: Bearer TOKEN");
    return 1;
}

static void no_route(struct http_server *server, struct http_exchange *x) {
    AUTO_STR allowed = STR_INIT;
    AUTO_STR text = STR_INIT;
    if (!http_routes_allowed(&server->routes, x->head.path, &allowed)) {
        str_addf(&text, "there is nothing at %s", x->head.path);
        refuse(x, 404, "NOT_FOUND", str_text(&text));
        return;
    }
    size_t n;
    if (http_routes_match(&server->routes, "WS", x->head.path, &x->arena, x->params, &n) &&
        strcmp(x->head.method, "GET") == 0) {
        http_reply_header(x, "Upgrade", "websocket");
        refuse(x, 426, "INVALID", "this is a WebSocket endpoint");
        return;
    }
    str_addf(&text, "%s isn't allowed at %s; allowed: %s", x->head.method, x->head.path,
             str_text(&allowed));
    http_reply_header(x, "Allow", str_text(&allowed));
    refuse(x, 405, "UNSUPPORTED", str_text(&text));
}

static void upgrade(struct http_session *s, struct http_exchange *x) {
    const struct route_target *t = x->route->target;
    const char *key = http_field_get(&x->head, "sec-websocket-key");
    const char *version = http_field_get(&x->head, "sec-websocket-version");
    if (!version || strcmp(version, "13") != 0) {
        http_reply_header(x, "Sec-WebSocket-Version", "13");
        refuse(x, 426, "UNSUPPORTED", "only WebSocket version 13 is served");
        return;
    }
    if (!key || strlen(key) != 24 || has_body(x)) {
        refuse(x, 400, "INVALID", "Sec-WebSocket-Key must be 16 bytes in base64");
        return;
    }
    char accept[WS_ACCEPT_BYTES];
    ws_accept_key(key, accept);
    AUTO_STR head = STR_INIT;
    str_addf(&head,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    struct ws_conn_init init = {.loop = s->loop,
                                .server = true,
                                .ops = t->ws_ops,
                                .options = t->ws_options,
                                .self = t->self};
    struct ws_conn *w = ws_conn_new(&init);
    ws_conn_set_request(w, x->params, x->n_params, x->head.query);
    struct net_conn *conn = s->conn;
    net_conn_write(conn, head.ptr, head.len);
    s->conn = NULL;
    s->exchange = NULL;
    http_exchange_free(x);
    session_free(s); /* doomed: session_run frees it */
    ws_conn_open(w, conn);
}

/* Decides what becomes of a request whose head is there. */
static void begin_request(struct http_session *s, struct http_exchange *x) {
    struct http_server *server = s->server;
    const char *method = x->head.method;
    x->keep = x->head.keep_alive;
    if (x->head.minor_version == 1 && !http_field_get(&x->head, "host")) {
        x->keep = false;
        refuse(x, 400, "INVALID", "the Host header is missing");
        return;
    }
    bool ws = x->head.upgrade_websocket && strcmp(method, "GET") == 0;
    if (ws) {
        x->route = http_routes_match(&server->routes, "WS", x->head.path, &x->arena, x->params,
                                     &x->n_params);
        ws = x->route != NULL;
    }
    if (!ws) {
        x->route = http_routes_match(&server->routes, strcmp(method, "HEAD") == 0 ? "GET" : method,
                                     x->head.path, &x->arena, x->params, &x->n_params);
    }
    if (!x->route) {
        no_route(server, x);
        return;
    }
    if (check_authorized(server, x)) return;
    if (ws) {
        upgrade(s, x);
        return;
    }
    if (x->head.content_length > (int64_t)server->body_max_bytes) {
        AUTO_STR text = STR_INIT;
        str_addf(&text, "the body is larger than %zu bytes", server->body_max_bytes);
        refuse(x, 413, "BUDGET", str_text(&text));
        return;
    }
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (has_body(x) && x->head.expect_continue && x->head.minor_version == 1)
        net_conn_write(s->conn, go_on, sizeof(go_on) - 1);
}

/* Takes what is there of the body. 0 = it is whole, 1 = more is to come, -1 = refused. */
static int read_body(struct http_session *s, struct http_exchange *x) {
    struct sv in = net_conn_in(s->conn);
    if (x->head.chunked) {
        size_t used = 0;
        struct err err = ERR_INIT;
        int rc = http_chunked_feed(&x->chunked, in.ptr, in.len, &used, &x->body,
                                   s->server->body_max_bytes, &err);
        if (rc < 0) {
            refuse(x, rc == ERR_BUDGET ? 413 : 400, err_code_name(rc), err.msg);
            return -1;
        }
        net_conn_consume(s->conn, used);
        return rc;
    }
    size_t want = x->head.content_length > 0 ? (size_t)x->head.content_length - x->body.len : 0;
    size_t n = MIN(want, in.len);
    str_add_n(&x->body, in.ptr, n);
    net_conn_consume(s->conn, n);
    return n < want;
}

/* A new exchange if a head is there; NULL if not, or if it was malformed. */
static struct http_exchange *read_head(struct http_session *s) {
    struct http_exchange *x = mem_zalloc(sizeof(*x));
    struct err err = ERR_INIT;
    size_t used = 0;
    int status = 400;
    arena_init(&x->arena);
    struct sv in = net_conn_in(s->conn);
    int rc = http_parse_request(in.ptr, in.len, &x->arena, &x->head, &used, &status, &err);
    if (rc == HTTP_PARSE_MORE) {
        http_exchange_free(x);
        return NULL;
    }
    x->session = s;
    x->loop = s->loop;
    s->exchange = x;
    x->peer = arena_strdup(&x->arena, net_conn_peer(s->conn));
    if (rc < 0) {
        x->head = (struct http_head){.method = "GET", .path = "/", .query = "", .minor_version = 1};
        x->keep = false;
        http_reply_status(x, status, err_code_name(rc), err.msg);
        return NULL;
    }
    net_conn_consume(s->conn, used);
    return x;
}

/* One step; false when there is nothing more to do for now. */
static bool session_step(struct http_session *s) {
    struct http_exchange *x = s->exchange;
    if (s->doomed || s->finishing || !net_conn_is_open(s->conn)) return false;
    if (!x) {
        struct sv in = net_conn_in(s->conn);
        if (!in.len || net_conn_unsent(s->conn) > UNSENT_MAX_BYTES) return false;
        x = read_head(s);
        if (!x) return false;
        begin_request(s, x);
        return true;
    }
    if (x->handling) return false;
    int rc = read_body(s, x);
    if (rc > 0) net_timer_set(s->timer, REQUEST_TIMEOUT_MS);
    if (rc) return false;
    net_timer_cancel(s->timer);
    x->handling = true;
    const struct route_target *t = x->route->target;
    t->handler(t->self, x);
    return true;
}

/* Goes through what has arrived, until a request has to wait. */
static void session_run(struct http_session *s) {
    if (s->busy) return;
    s->busy = true;
    while (session_step(s))
        ;
    s->busy = false;
    if (s->doomed) {
        session_free(s);
        return;
    }
    /* Requests behind one that is being handled wait here, the rest of them in the kernel. */
    bool waiting = !s->finishing && (s->exchange || net_conn_unsent(s->conn) > UNSENT_MAX_BYTES);
    net_conn_pause(s->conn, waiting && net_conn_in(s->conn).len > NET_READ_BYTES);
}

/* ---- listener -------------------------------------------------------------------------------- */

static void accept_resume(void *arg) {
    struct http_server *s = arg;
    net_watch_set(s->watch, EPOLLIN);
}

static void on_accept(void *arg, uint32_t events) {
    struct http_server *s = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                log_warn("no more connections can be accepted for now",
                         KV_STR("error", strerror(errno)));
                net_watch_set(s->watch, 0);
                net_timer_set(s->accept_again, ACCEPT_PAUSE_MS);
            }
            return;
        }
        struct err err = ERR_INIT;
        if (session_new(s, fd, &err)) log_debug("connection refused", KV_ERR(&err));
    }
}

static int bound_port(int fd) {
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

static int listen_on(const char *address, int port, int *ret_fd, struct err *err) {
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *ai = NULL;
    if (port < 0 || port > 65535 || getaddrinfo(address, service, &hints, &ai) != 0) {
        return err_set(err, ERR_VALIDATION,
                       "listen on %s port %d: expected an IP address and a port of 0 to 65535",
                       address, port);
    }
    int on = 1, off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    if (ok && ai->ai_family == AF_INET6) /* "::" takes IPv4, too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    ok = ok && bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0;
    int errnum = errno;
    freeaddrinfo(ai);
    if (ok) {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0) close(fd);
    return err_set_errno(err, ERR_NET, errnum, "listen on %s port %d", address, port);
}

static void server_release(struct net_member *m) {
    http_server_free(CONTAINER_OF(m, struct http_server, member));
}

int http_server_new(struct net_loop *loop, const struct http_server_options *opts,
                    struct http_server **ret_server, struct err *err) {
    int rc = net_loop_check_alive(loop, err);
    if (rc) return rc;
    struct http_server *s = mem_zalloc(sizeof(*s));
    s->loop = loop;
    s->fd = -1;
    s->body_max_bytes = opts->body_max_bytes ? opts->body_max_bytes : HTTP_BODY_MAX_BYTES;
    s->authorize = opts->authorize;
    s->authorize_self = opts->authorize_self;
    arena_init(&s->arena);
    http_routes_init(&s->routes);
    s->accept_again = net_timer_new(loop, accept_resume, s);
    net_member_link(loop, &s->member, server_release);
    if (opts->tls.enabled) rc = tls_ctx_new(&opts->tls, true, &s->ctx, err);
    if (!rc) rc = listen_on(opts->address ? opts->address : "127.0.0.1", opts->port, &s->fd, err);
    if (!rc) rc = net_watch_new(loop, s->fd, EPOLLIN, on_accept, s, &s->watch, err);
    if (rc) {
        http_server_free(s);
        return rc;
    }
    s->port = bound_port(s->fd);
    *ret_server = s;
    return 0;
}

void http_server_free(struct http_server *s) {
    if (!s) return;
    net_member_unlink(&s->member);
    net_watch_free(s->watch);
    net_timer_free(s->accept_again);
    if (s->fd >= 0) close(s->fd);
    while (s->sessions)
        session_free(s->sessions);
    SSL_CTX_free(s->ctx);
    http_routes_release(&s->routes);
    arena_release(&s->arena);
    free(s);
}

int http_server_port(const struct http_server *s) {
    return s->port;
}

/* ---- routes ---------------------------------------------------------------------------------- */

static struct route_target *add_route(struct http_server *s, const char *method, const char *path,
                                      void *self) {
    struct route_target *t = ARENA_NEW(&s->arena, struct route_target);
    t->self = self;
    http_routes_add(&s->routes, method, path, t);
    return t;
}

void http_server_route(struct http_server *s, const char *method, const char *path,
                       http_handler_fn handler, void *self) {
    CHECK(handler);
    add_route(s, method, path, self)->handler = handler;
}

void http_server_route_public(struct http_server *s, const char *method, const char *path,
                              http_handler_fn handler, void *self) {
    CHECK(handler);
    struct route_target *t = add_route(s, method, path, self);
    t->handler = handler;
    t->is_public = true;
}

void http_server_ws(struct http_server *s, const char *path, const struct ws_ops *ops,
                    const struct ws_options *opts, void *self) {
    struct route_target *t = add_route(s, "WS", path, self);
    t->ws_ops = ops;
    if (opts) t->ws_options = *opts;
}
