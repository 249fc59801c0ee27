/* ws_client.c - the client's side of the WebSocket handshake (RFC 6455, section 4.1). */
#include "base/net/ws_client.h"

#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "base/net/http_parse.h"
#include "base/net/net_watch.h"
#include "base/net/ws_conn.h"
#include "base/net/ws_frame.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WS_CONNECT_TIMEOUT_MS = 5000, WS_KEY_BYTES = 25 };

/* A handshake under way; owned by its ws_conn through `abandon`. */
struct ws_dial {
    struct ws_conn *ws;
    struct net_conn *conn;
    struct net_timer *timer;
    struct str request;
    char key[WS_KEY_BYTES];
    char *url;
};

static void dial_free(void *arg) {
    struct ws_dial *d = arg;
    net_conn_free(d->conn);
    net_timer_free(d->timer);
    str_release(&d->request);
    free(d->url);
    free(d);
}

static void dial_fail(struct ws_dial *d, const char *what) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "connect to %s: %s", d->url, what);
    ws_conn_fail(d->ws, str_text(&text)); /* frees d */
}

static void on_timeout(void *arg) {
    dial_fail(arg, "timed out");
}

static void on_open(void *arg) {
    struct ws_dial *d = arg;
    net_conn_write(d->conn, d->request.ptr, d->request.len);
}

static void on_closed(void *arg, const struct err *why) {
    dial_fail(arg, why ? why->msg : "the server hung up during the handshake");
}

/* What is wrong with the server's answer; NULL if it is right. */
static const char *answer_fault(const struct ws_dial *d, const struct http_head *h, char *buf,
                                size_t size) {
    if (h->status != 101) {
        snprintf(buf, size, "the server answered %d %s", h->status, http_status_text(h->status));
        return buf;
    }
    char want[WS_ACCEPT_BYTES];
    ws_accept_key(d->key, want);
    const char *accept = http_field_get(h, "sec-websocket-accept");
    if (!h->upgrade_websocket) return "the server's answer doesn't upgrade to WebSocket";
    if (!accept || strcmp(accept, want) != 0) return "the server's answer has a wrong key";
    if (http_field_get(h, "sec-websocket-extensions") ||
        http_field_get(h, "sec-websocket-protocol"))
        return "the server chose an extension or a subprotocol that wasn't asked for";
    return NULL;
}

static void on_data(void *arg) {
    struct ws_dial *d = arg;
    struct arena arena;
    struct http_head head;
    size_t used;
    struct err err = ERR_INIT;
    char buf[128];
    arena_init(&arena);
    struct sv in = net_conn_in(d->conn);
    int rc = http_parse_response(in.ptr, in.len, &arena, &head, &used, &err);
    const char *fault = rc == 0  ? answer_fault(d, &head, buf, sizeof(buf))
                        : rc < 0 ? err.msg
                                 : NULL;
    arena_release(&arena);
    if (fault) {
        dial_fail(d, fault);
    } else if (rc == 0) {
        struct net_conn *conn = d->conn;
        struct ws_conn *ws = d->ws;
        net_conn_consume(conn, used);
        d->conn = NULL;
        ws_conn_set_dial(ws, NULL, NULL);
        dial_free(d);
        ws_conn_open(ws, conn);
    }
}

static const struct net_conn_ops dial_ops = {
    .on_open = on_open, .on_data = on_data, .on_closed = on_closed};

static bool header_safe(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 && *text != '\t') return false;
    }
    return true;
}

static int add_header(struct str *out, const char *name, const char *value, struct err *err) {
    if (!*name || !header_safe(name) || strpbrk(name, ": \t") || !header_safe(value))
        return err_set(err, ERR_INVALID, "header '%s' has characters that a header can't have",
                       name);
    str_addf(out, "%s: %s\r\n", name, value);
    return 0;
}

static int build_request(struct ws_dial *d, const struct ws_connect_options *o,
                         const struct http_url *url, struct err *err) {
    unsigned char nonce[16];
    if (RAND_bytes(nonce, sizeof(nonce)) != 1)
        return err_set(err, ERR_INTERNAL, "no random numbers");
    EVP_EncodeBlock((unsigned char *)d->key, nonce, sizeof(nonce));
    bool v6 = strchr(url->host, ':');
    str_addf(&d->request, "GET %s HTTP/1.1\r\nHost: %s%s%s:%d\r\n", url->path, v6 ? "[" : "",
             url->host, v6 ? "]" : "", url->port);
    str_addf(&d->request,
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: %s\r\n",
             d->key);
    int rc = 0;
    if (o->bearer_token) {
        AUTO_STR value = STR_INIT;
        str_addf(&value, "Bearer %s", o->bearer_token);
        rc = add_header(&d->request, "Authorization", str_text(&value), err);
    }
    for (size_t i = 0; !rc && i < o->n_headers; i++)
        rc = add_header(&d->request, o->headers[i].name, o->headers[i].value, err);
    str_add(&d->request, "\r\n");
    return rc;
}

static int dial_begin(struct ws_dial *d, struct net_loop *loop, const struct ws_connect_options *o,
                      const struct http_url *url, struct err *err) {
    SSL_CTX *ctx = NULL;
    int64_t timeout_ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms : WS_CONNECT_TIMEOUT_MS;
    int rc = build_request(d, o, url, err);
    if (!rc && url->tls) rc = tls_ctx_new(&o->tls, false, &ctx, err);
    if (!rc) {
        struct net_conn_target target = {
            .host = url->host,
            .port = url->port,
            .ctx = ctx,
            .server_name = o->tls.server_name ? o->tls.server_name : url->host,
            .timeout_ms = timeout_ms,
        };
        rc = net_conn_connect(loop, &target, &dial_ops, d, &d->conn, err);
    }
    SSL_CTX_free(ctx); /* the connection holds its own reference */
    if (!rc) {
        d->timer = net_timer_new(loop, on_timeout, d);
        net_timer_set(d->timer, timeout_ms);
    }
    return rc;
}

int ws_connect(struct net_loop *loop, const struct ws_connect_options *opts,
               const struct ws_ops *ops, void *self, struct ws_conn **ret_conn, struct err *err) {
    struct arena arena;
    struct http_url url;
    arena_init(&arena);
    int rc = http_url_parse(opts->url, &arena, &url, err);
    if (!rc) {
        struct ws_dial *d = mem_zalloc(sizeof(*d));
        d->url = mem_strdup(opts->url);
        rc = dial_begin(d, loop, opts, &url, err);
        if (rc) {
            rc = err_wrap(err, "connect to %s", opts->url);
            dial_free(d);
        } else {
            struct ws_conn_init init = {
                .loop = loop, .ops = ops, .options = opts->ws, .self = self};
            d->ws = ws_conn_new(&init);
            ws_conn_set_dial(d->ws, dial_free, d);
            *ret_conn = d->ws;
        }
    }
    arena_release(&arena);
    return rc;
}
