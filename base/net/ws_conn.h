/* ws_conn.h - private to base/net: making a WebSocket connection at either end. */
#ifndef PENSTOCK_BASE_NET_WS_CONN_H
#define PENSTOCK_BASE_NET_WS_CONN_H

#include "base/net/http_parse.h"
#include "base/net/http_route.h"
#include "base/net/net_conn.h"
#include "base/net/ws.h"

struct ws_conn_init {
    struct net_loop *loop;
    bool server;
    const struct ws_ops *ops;
    struct ws_options options;
    void *self;
};

/* Not open yet. Freed by itself behind on_close. */
struct ws_conn *ws_conn_new(const struct ws_conn_init *init);
/* The request that opened it (server), for ws_param and ws_query; copied. */
void ws_conn_set_request(struct ws_conn *w, const struct http_param *params, size_t n_params,
                         const char *query);
/* Client: who to tell when it ends before it opens; NULL once it has opened. */
void ws_conn_set_dial(struct ws_conn *w, void (*abandon)(void *dial), void *dial);
/* Takes the connection over behind the handshake, calls on_open, and handles what has arrived. */
void ws_conn_open(struct ws_conn *w, struct net_conn *conn /* takes */);
/* Ends one that never opened. Calls on_close, frees. */
void ws_conn_fail(struct ws_conn *w, const char *reason);

#endif
