/* ws.h - one WebSocket connection, the same at both ends. Made by http_server_ws (server) or
 * ws_connect (client); everything here is called on the loop's thread. To send from another
 * thread, net_loop_post a closure. */
#ifndef PENSTOCK_BASE_NET_WS_H
#define PENSTOCK_BASE_NET_WS_H

#include "base/core/attr.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_conn;

/* Close codes of RFC 6455, section 7.4. */
enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_NO_STATUS = 1005, /* only reported: the peer gave none */
    WS_CLOSE_ABNORMAL = 1006,  /* only reported: the line was cut or timed out */
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_INTERNAL = 1011,
    WS_CLOSE_TRY_LATER = 1013
};

enum {
    WS_MESSAGE_MAX_BYTES = 4 << 20, /* default limit of one message received */
    WS_QUEUE_MAX_BYTES = 8 << 20,   /* default limit of what waits to be sent */
    WS_DOUBT_MS = 50,  /* once the time for a pong is over: for what has come and isn't read yet */
    WS_PING_MS = 5000, /* default: ping after this long without receiving anything */
    WS_PONG_TIMEOUT_MS = 10000, /* default: and give up after this much longer */
    WS_CLOSE_TIMEOUT_MS = 2000  /* for the peer's answer to our close frame */
};

struct ws_options {
    size_t message_max_bytes; /* 0 = default. A longer one closes with WS_CLOSE_TOO_BIG. */
    size_t queue_max_bytes;   /* 0 = default */
    int64_t ping_ms;          /* 0 = default, negative = never */
    int64_t pong_timeout_ms;  /* 0 = default */
};

/* All on the loop's thread; entries may be NULL. */
struct ws_ops {
    /* The connection is up; sends are accepted. */
    void (*on_open)(void *self, struct ws_conn *conn);
    /* One whole message; data is borrowed until return and has a NUL behind it. */
    void (*on_message)(void *self, struct ws_conn *conn, bool binary, const void *data, size_t len);
    /* After a send had been refused: the queue is down to a quarter of its limit. */
    void (*on_writable)(void *self, struct ws_conn *conn);
    /* Last call for conn, which is freed on return; also when it never opened (code
     * WS_CLOSE_ABNORMAL, reason says why). reason is borrowed. */
    void (*on_close)(void *self, struct ws_conn *conn, int code, const char *reason);
};

/* Queues a message (copied). ERR_BUDGET: the queue is full, nothing was queued, on_writable will
 * follow. ERR_UNAVAILABLE: closing or not open yet. A message larger than the whole queue is
 * ERR_INVALID. */
int ws_send(struct ws_conn *conn, bool binary, const void *data, size_t len,
            struct err *err) ATTR_MUST_USE;
int ws_send_text(struct ws_conn *conn, struct sv text, struct err *err) ATTR_MUST_USE;
/* Sends what is queued, then a close frame; on_close follows, at the latest after
 * WS_CLOSE_TIMEOUT_MS. reason: at most 123 bytes are sent; NULL = none. */
void ws_close(struct ws_conn *conn, int code, const char *reason);
/* Drops the line at once; on_close follows with WS_CLOSE_ABNORMAL, never from within this call. */
void ws_abort(struct ws_conn *conn);
bool ws_is_open(const struct ws_conn *conn);
/* What the callbacks get as self: the server's or ws_connect's, until set otherwise. */
void *ws_self(const struct ws_conn *conn);
void ws_set_self(struct ws_conn *conn, void *self);
const char *ws_peer(const struct ws_conn *conn); /* address; borrowed from conn */
/* Server: path parameter or header of the request that opened it; NULL if there is none. Borrowed
 * from conn. */
const char *ws_param(const struct ws_conn *conn, const char *name);
const char *ws_query(const struct ws_conn *conn, const char *name);

#endif
