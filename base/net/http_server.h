/* http_server.h - REST, chunked streams and WebSocket endpoints on a net_loop.
 *
 *     rc = http_server_new(loop, &(struct http_server_options){.port = 8081}, &srv, err);
 *     http_server_route(srv, "GET", "/v1/jobs/{id}", get_job, coordinator);
 *     http_server_ws(srv, "/v1/workers", &worker_ws_ops, NULL, coordinator);
 *
 *     static void get_job(void *self, struct http_exchange *x) {
 *         const char *id = http_param(x, "id");
 *         ... http_reply_json(x, 200, json);
 *     }
 *
 * All calls are made on the loop's thread (or before the loop runs), and so are all callbacks. The
 * server answers by itself: 400 (malformed), 401 (token), 404, 405 (with Allow), 413 (body beyond
 * the limit), 414, 426, 431, 505, HEAD for every GET route, 100 (Continue). A connection is cut
 * after 30 s without progress on a request or reply, and after 75 s between requests. Errors are
 * JSON:
 * {"error":{"code":"NOT_FOUND","class":"USER","message":"..."}}. */
#ifndef PENSTOCK_BASE_NET_HTTP_SERVER_H
#define PENSTOCK_BASE_NET_HTTP_SERVER_H

#include "base/core/json.h"
#include "base/net/net_loop.h"
#include "base/net/tls.h"
#include "base/net/ws.h"

struct http_server;
struct http_exchange; /* one request and its reply */

enum {
    HTTP_BODY_MAX_BYTES = 1 << 20,         /* default and design limit of a request body */
    HTTP_STREAM_QUEUE_MAX_BYTES = 1 << 20, /* what may wait in one streamed reply */
    HTTP_ROUTES_MAX = 256,
    HTTP_PARAMS_MAX = 8, /* {name}s in one path */
    HTTP_URI_MAX_BYTES = 4096
};

struct http_server_options {
    const char *address;   /* to bind; NULL = 127.0.0.1, "0.0.0.0" or "::" = everywhere */
    int port;              /* 0 = any free one; see http_server_port */
    size_t body_max_bytes; /* 0 = HTTP_BODY_MAX_BYTES */
    struct tls_options tls;
    /* Asked for each request before its body is read, unless the route is public. token: what
     * followed "Authorization: Bearer", NULL if absent. false answers 401. NULL = all may. */
    bool (*authorize)(void *self, const char *method, const char *path, const char *token);
    void *authorize_self;
};

/* ERR_NET if the address can't be bound. Owned by the loop until http_server_free or
 * net_loop_free. */
int http_server_new(struct net_loop *loop, const struct http_server_options *opts,
                    struct http_server **ret_server, struct err *err) ATTR_MUST_USE;
/* Closes the listener and drops the requests under way; WebSocket connections stay until they are
 * closed. Not from a handler. NULL is fine. */
void http_server_free(struct http_server *s);
int http_server_port(const struct http_server *s); /* the port bound */

typedef void (*http_handler_fn)(void *self, struct http_exchange *x);

/* method "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS". path: "/v1/jobs/{id}/metrics"; the
 * last segment may be "{name...}", which takes the rest, slashes included. A literal segment wins
 * over a parameter. A route twice, or a malformed one, is a bug (CHECK). The handler is called
 * when the body is there. It owns the exchange and must reply once, now or later. */
void http_server_route(struct http_server *s, const char *method, const char *path,
                       http_handler_fn handler, void *self);
/* The same without asking authorize: health, metrics, static files. */
void http_server_route_public(struct http_server *s, const char *method, const char *path,
                              http_handler_fn handler, void *self);
/* A WebSocket endpoint. opts NULL = defaults. Subprotocols aren't negotiated. */
void http_server_ws(struct http_server *s, const char *path, const struct ws_ops *ops,
                    const struct ws_options *opts, void *self);

/* ---- the request; strings live as long as the exchange ---- */
const char *http_method(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x); /* percent-decoded, without the query */
const char *http_param(const struct http_exchange *x, const char *name); /* decoded; NULL if none */
const char *http_query(const struct http_exchange *x, const char *name); /* decoded; NULL if none */
/* Name in lower case without colon: "content-type". NULL if none. */
const char *http_header(struct http_exchange *x, const char *name);
struct sv http_body(const struct http_exchange *x); /* has a NUL behind it */
/* The body as JSON; empty is ERR_INVALID. The caller frees. */
int http_body_json(const struct http_exchange *x, cJSON **ret_json, struct err *err) ATTR_MUST_USE;
const char *http_peer(const struct http_exchange *x); /* address of the client */

/* ---- the reply: exactly one of these, on the loop's thread; x is gone afterwards. If the client
 * has left in the meantime the reply is dropped. ---- */
void http_reply(struct http_exchange *x, int status, const char *content_type, const void *data,
                size_t len);
void http_reply_text(struct http_exchange *x, int status, const char *text);
void http_reply_json(struct http_exchange *x, int status, const cJSON *json); /* borrows json */
/* Status from the error's code: 400, 401/403, 404, 409, 413, 429, 501, 503, 504 or 500. */
void http_reply_err(struct http_exchange *x, const struct err *err);
void http_reply_redirect(struct http_exchange *x, const char *location); /* 302 */
/* Adds a header to the reply that follows; "Date" replaces the server's own. */
void http_reply_header(struct http_exchange *x, const char *name, const char *value);
/* The client has gone: work on the reply may be saved (but reply all the same). */
bool http_is_gone(const struct http_exchange *x);

/* ---- a reply in pieces (chunked) ---- */
struct http_stream_ops {
    /* After a write had been refused: there is room again. */
    void (*on_writable)(void *self, struct http_exchange *x);
    /* The client left, maybe before http_stream_begin; x is gone on return. Not called after
     * http_stream_end, and never from within a call here. */
    void (*on_close)(void *self, struct http_exchange *x);
};
void http_stream_begin(struct http_exchange *x, int status, const char *content_type,
                       const struct http_stream_ops *ops, void *self);
/* Queues a piece (copied). ERR_BUDGET: HTTP_STREAM_QUEUE_MAX_BYTES are waiting; nothing was queued,
 * on_writable follows. */
int http_stream_write(struct http_exchange *x, const void *data, size_t len,
                      struct err *err) ATTR_MUST_USE;
/* Sends what is queued and ends the reply; x is gone. */
void http_stream_end(struct http_exchange *x);
/* Breaks the reply off, so that the client sees that it is incomplete; x is gone. */
void http_stream_abort(struct http_exchange *x);

#endif
