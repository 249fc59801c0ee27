/* ws_client.h - opens WebSocket connections from a net_loop. Reconnecting, and how long to wait
 * before, is the caller's: on_close says what happened. */
#ifndef PENSTOCK_BASE_NET_WS_CLIENT_H
#define PENSTOCK_BASE_NET_WS_CLIENT_H

#include "base/net/net_loop.h"
#include "base/net/tls.h"
#include "base/net/ws.h"

struct ws_header {
    const char *name, *value;
};

struct ws_connect_options {
    const char *url;                 /* ws://host:port/path or wss://...; IPv6 in brackets */
    const char *bearer_token;        /* sent as Authorization; NULL = none */
    const struct ws_header *headers; /* more request headers */
    size_t n_headers;
    int64_t connect_timeout_ms; /* until open; 0 = 5000 */
    struct tls_options tls;     /* for wss */
    struct ws_options ws;
};

/* Begins to connect; on_open or on_close follows on the loop, never from within this call. All
 * options are copied. Call on the loop's thread or before the loop runs. *ret_conn is owned by the
 * loop and valid until on_close returns. */
int ws_connect(struct net_loop *loop, const struct ws_connect_options *opts,
               const struct ws_ops *ops, void *self, struct ws_conn **ret_conn,
               struct err *err) ATTR_MUST_USE;

#endif
