/* net_conn.h - private to base/net: one TCP connection on a net_loop, optionally through TLS, as a
 * byte stream with a buffer on each side. All on the loop's thread. */
#ifndef PENSTOCK_BASE_NET_NET_CONN_H
#define PENSTOCK_BASE_NET_NET_CONN_H

#include "base/core/str.h"
#include "base/net/net_loop.h"
#include "base/net/tls_ctx.h"

struct net_conn;

enum {
    NET_READ_BYTES = 64 << 10, /* read at once */
    NET_HANDSHAKE_MS = 10000,  /* for TLS on an accepted connection */
    NET_LINGER_MS = 1000,      /* see net_conn_finish */
    NET_LINGER_MAX_BYTES = 32 << 20
};

/* Entries may call everything, net_conn_free included. */
struct net_conn_ops {
    /* Connected, and through with TLS; writes are possible before, and wait. */
    void (*on_open)(void *arg);
    /* There are new bytes in net_conn_in. */
    void (*on_data)(void *arg);
    /* Something went out; net_conn_unsent says what is left. */
    void (*on_sent)(void *arg);
    /* No more bytes will come or go: the end of the stream (why NULL) or an error. The owner frees
     * the connection. After the end of the stream, writes are still possible until then. */
    void (*on_closed)(void *arg, const struct err *why);
};

/* Takes fd, on failure too. ctx NULL = plain; borrowed for the call. */
int net_conn_accept(struct net_loop *loop, int fd, SSL_CTX *ctx, const struct net_conn_ops *ops,
                    void *arg, struct net_conn **ret_conn, struct err *err) ATTR_MUST_USE;

struct net_conn_target {
    const char *host; /* name or address */
    int port;
    SSL_CTX *ctx;            /* NULL = plain; borrowed for the call */
    const char *server_name; /* to check the certificate by */
    int64_t timeout_ms;      /* until on_open */
};
/* on_open or on_closed follows, never from within this call. Names are looked up on a pool thread,
 * and all addresses are tried. */
int net_conn_connect(struct net_loop *loop, const struct net_conn_target *target,
                     const struct net_conn_ops *ops, void *arg, struct net_conn **ret_conn,
                     struct err *err) ATTR_MUST_USE;

void net_conn_free(struct net_conn *c); /* closes at once; NULL is fine */
/* Hands the connection over to another module (HTTP to WebSocket). */
void net_conn_hand_over(struct net_conn *c, const struct net_conn_ops *ops, void *arg);

struct sv net_conn_in(const struct net_conn *c); /* received and not consumed */
void net_conn_consume(struct net_conn *c, size_t n);
/* Stops reading, so that the peer has to wait; the end of the stream isn't noticed meanwhile. */
void net_conn_pause(struct net_conn *c, bool paused);
void net_conn_write(struct net_conn *c, const void *data, size_t len); /* copied */
size_t net_conn_unsent(const struct net_conn *c);
/* Sends what is queued, ends the stream, and waits for the peer to end its
 * side, ignoring what it still sends (NET_LINGER_MAX_BYTES, NET_LINGER_MS of silence at most):
 * closing at once would make the peer's kernel drop our last bytes (RFC 9112, section 9.6). Then
 * on_closed. */
void net_conn_finish(struct net_conn *c);
bool net_conn_is_open(const struct net_conn *c);
const char *net_conn_peer(const struct net_conn *c); /* the other end's address */

#endif
