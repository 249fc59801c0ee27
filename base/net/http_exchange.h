/* http_exchange.h - private to base/net: one request and its reply, between http_server.c (which
 * reads requests) and http_reply.c (which answers them). */
#ifndef PENSTOCK_BASE_NET_HTTP_EXCHANGE_H
#define PENSTOCK_BASE_NET_HTTP_EXCHANGE_H

#include "base/net/http_parse.h"
#include "base/net/http_route.h"
#include "base/net/http_server.h"
#include "base/net/net_conn.h"
#include "base/net/net_watch.h"

/* A client's connection. */
struct http_session {
    struct http_server *server;
    struct net_loop *loop;
    struct net_conn *conn;
    struct net_timer *timer;
    struct http_exchange *exchange; /* being read or handled; NULL between requests */
    struct net_defer again;         /* goes on with what came behind the last request */
    struct http_session *next, **prev;
    bool busy;      /* in session_run: don't free */
    bool finishing; /* no more requests */
    bool doomed;
};

struct http_exchange {
    struct http_session *session; /* NULL = the client has gone */
    struct net_loop *loop;
    struct net_defer gone; /* on_close that is owed to a stream begun too late */
    struct arena arena;
    struct http_head head;
    const char *peer;
    struct http_param params[HTTP_PARAMS_MAX];
    size_t n_params;
    const struct http_route *route;
    struct str body;
    struct http_chunked chunked; /* of the request's body */
    bool handling;               /* the body is there; the handler owns the exchange */
    bool keep;                   /* the connection, behind the reply */
    struct str extra_headers;
    bool streaming, chunked_reply;
    bool refused; /* a write was refused: on_writable is owed */
    const struct http_stream_ops *stream_ops;
    void *stream_self;
};

void http_exchange_free(struct http_exchange *x);
/* The session ends: a stream hears of it and is freed, a handler keeps x until it replies. */
void http_exchange_gone(struct http_exchange *x);
/* Bytes of the reply went out. */
void http_exchange_sent(struct http_exchange *x);
/* Replies with an error in JSON. */
void http_reply_status(struct http_exchange *x, int status, const char *code, const char *message);

/* All of the reply is queued; keep = the connection may carry another request. */
void http_session_done(struct http_session *s, bool keep);
/* Cuts the connection. */
void http_session_abort(struct http_session *s);
/* The reply has bytes waiting: the client has REQUEST_TIMEOUT_MS to take some. */
void http_session_sending(struct http_session *s);

#endif
