/* ws.c - one WebSocket connection behind its handshake, at either end. */
#include "base/net/ws.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/net/net_watch.h"
#include "base/net/ws_conn.h"
#include "base/net/ws_frame.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ws_state {
    WS_OPENING,
    WS_OPEN,
    WS_CLOSING, /* our close frame is queued; waiting for the peer's, or for the line to end */
    WS_CLOSED   /* on_close was called or is about to be */
};

enum { REASON_MAX_BYTES = WS_CONTROL_MAX_BYTES - 2 };

struct ws_conn {
    struct net_loop *loop;
    struct net_conn *conn;
    struct net_member member;
    const struct ws_ops *ops;
    void *self;
    struct ws_options o;
    bool server;
    enum ws_state state;
    bool refused; /* a send was refused: on_writable is owed */
    bool in_callback, ended;
    struct str message; /* whose pieces are coming in */
    int message_op;     /* 0 = none is */
    int code;           /* of on_close; 0 = not known yet */
    char reason[256];
    struct net_timer *timer; /* ping, pong, close */
    int64_t heard_ns;        /* when the last bytes came */
    bool ping_sent, doubted; /* doubted: late, but it may be this process that slept */
    struct arena arena;      /* of the request's strings */
    const struct http_param *params;
    size_t n_params;
    const char *query;
    char peer[64];
    void (*abandon)(void *dial); /* while a client's handshake is under way */
    void *dial;
};

static void ws_timer(void *arg);
static void ws_release(struct net_member *m);

struct ws_conn *ws_conn_new(const struct ws_conn_init *init) {
    struct ws_conn *w = mem_zalloc(sizeof(*w));
    w->loop = init->loop;
    w->server = init->server;
    w->ops = init->ops;
    w->self = init->self;
    w->o = init->options;
    if (!w->o.message_max_bytes) w->o.message_max_bytes = WS_MESSAGE_MAX_BYTES;
    if (!w->o.queue_max_bytes) w->o.queue_max_bytes = WS_QUEUE_MAX_BYTES;
    if (!w->o.ping_ms) w->o.ping_ms = WS_PING_MS;
    if (w->o.pong_timeout_ms <= 0) w->o.pong_timeout_ms = WS_PONG_TIMEOUT_MS;
    w->timer = net_timer_new(w->loop, ws_timer, w);
    w->query = "";
    arena_init(&w->arena);
    net_member_link(w->loop, &w->member, ws_release);
    return w;
}

void ws_conn_set_request(struct ws_conn *w, const struct http_param *params, size_t n_params,
                         const char *query) {
    struct http_param *copy = ARENA_NEW_N(&w->arena, struct http_param, n_params);
    for (size_t i = 0; i < n_params; i++) {
        copy[i].name = arena_strdup(&w->arena, params[i].name);
        copy[i].value = arena_strdup(&w->arena, params[i].value);
    }
    w->params = copy;
    w->n_params = n_params;
    w->query = arena_strdup(&w->arena, query);
}

void ws_conn_set_dial(struct ws_conn *w, void (*abandon)(void *dial), void *dial) {
    w->abandon = abandon;
    w->dial = dial;
}

static void ws_free(struct ws_conn *w) {
    if (w->abandon) w->abandon(w->dial);
    net_member_unlink(&w->member);
    net_conn_free(w->conn);
    net_timer_free(w->timer);
    str_release(&w->message);
    arena_release(&w->arena);
    free(w);
}

/* Calls on_close and frees, unless a callback of this connection is running: then behind it. */
static void ws_end(struct ws_conn *w, int code, const char *reason) {
    if (w->state != WS_CLOSED) {
        w->state = WS_CLOSED;
        if (!w->code) {
            w->code = code;
            snprintf(w->reason, sizeof(w->reason), "%s", reason ? reason : "");
        }
        net_timer_cancel(w->timer);
        net_conn_free(w->conn);
        w->conn = NULL;
    }
    if (w->in_callback) {
        w->ended = true;
        return;
    }
    w->in_callback = true;
    if (w->ops->on_close) w->ops->on_close(w->self, w, w->code, w->reason);
    ws_free(w);
}

/* Behind a callback: false if the connection is gone. */
static bool callback_done(struct ws_conn *w) {
    w->in_callback = false;
    if (!w->ended) return true;
    ws_end(w, w->code, w->reason);
    return false;
}

void ws_conn_fail(struct ws_conn *w, const char *reason) {
    ws_end(w, WS_CLOSE_ABNORMAL, reason);
}

static void ws_release(struct net_member *m) {
    ws_end(CONTAINER_OF(m, struct ws_conn, member), WS_CLOSE_GOING_AWAY,
           "the event loop is shutting down");
}

/* ---- sending --------------------------------------------------------------------------------- */

static void add_frame(struct ws_conn *w, enum ws_opcode op, const void *data, size_t len) {
    AUTO_STR frame = STR_INIT;
    uint8_t mask[4];
    if (!w->server && RAND_bytes(mask, sizeof(mask)) != 1) {
        CHECKF(0, "no random numbers");
    }
    str_reserve(&frame, ws_frame_size(len, !w->server));
    ws_frame_add(&frame, op, w->server ? NULL : mask, data, len);
    net_conn_write(w->conn, frame.ptr, frame.len);
}

int ws_send(struct ws_conn *w, bool binary, const void *data, size_t len, struct err *err) {
    if (w->state != WS_OPEN)
        return err_set(err, ERR_UNAVAILABLE, "the connection to %s isn't open", w->peer);
    size_t size = ws_frame_size(len, !w->server);
    if (size > w->o.queue_max_bytes) {
        return err_set(err, ERR_INVALID, "a message of %zu bytes exceeds the send queue's %zu", len,
                       w->o.queue_max_bytes);
    }
    if (net_conn_unsent(w->conn) + size > w->o.queue_max_bytes) {
        w->refused = true;
        return err_set(err, ERR_BUDGET, "the send queue to %s is full", w->peer);
    }
    add_frame(w, binary ? WS_OP_BINARY : WS_OP_TEXT, data, len);
    return 0;
}

int ws_send_text(struct ws_conn *w, struct sv text, struct err *err) {
    return ws_send(w, false, text.ptr, text.len, err);
}

static void add_close_frame(struct ws_conn *w, int code, const char *reason) {
    uint8_t payload[WS_CONTROL_MAX_BYTES];
    size_t n = 0;
    if (ws_close_code_valid(code)) {
        size_t len = reason ? strlen(reason) : 0;
        if (len > REASON_MAX_BYTES) {
            len = REASON_MAX_BYTES;
            while (len > 0 && ((unsigned char)reason[len] & 0xC0) == 0x80)
                len--; /* whole characters only */
        }
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        if (len) memcpy(payload + 2, reason, len);
        n = 2 + len;
    }
    add_frame(w, WS_OP_CLOSE, payload, n);
}

void ws_close(struct ws_conn *w, int code, const char *reason) {
    if (w->state >= WS_CLOSING) return;
    w->code = code;
    snprintf(w->reason, sizeof(w->reason), "%s", reason ? reason : "");
    if (w->state == WS_OPENING) {
        net_timer_set(w->timer, 0); /* on_close comes from the loop */
        w->state = WS_CLOSING;
        return;
    }
    add_close_frame(w, code, reason);
    w->state = WS_CLOSING;
    net_timer_set(w->timer, WS_CLOSE_TIMEOUT_MS);
}

void ws_abort(struct ws_conn *w) {
    if (w->state == WS_CLOSED) return;
    if (!w->code) w->code = WS_CLOSE_ABNORMAL;
    w->state = WS_CLOSING;
    net_timer_set(w->timer, 0);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Closes because of what the peer did; the line ends once the frame is out. */
static void refuse(struct ws_conn *w, int code, const char *reason) {
    ws_close(w, code, reason);
    if (w->conn) net_conn_finish(w->conn);
}

static bool deliver(struct ws_conn *w, bool binary, char *data, size_t len) {
    if (!binary && !sv_is_utf8((struct sv){data, len})) {
        refuse(w, 1007, "text that isn't UTF-8");
        return true;
    }
    w->in_callback = true;
    if (w->ops->on_message) w->ops->on_message(w->self, w, binary, data, len);
    return callback_done(w);
}

/* The peer's close frame: answered, unless ours went first, and then the line ends. */
static void on_close_frame(struct ws_conn *w, const uint8_t *p, size_t len) {
    int code = len >= 2 ? p[0] << 8 | p[1] : WS_CLOSE_NO_STATUS;
    struct sv reason = {len > 2 ? (const char *)p + 2 : "", len > 2 ? len - 2 : 0};
    if (len == 1 || (len >= 2 && !ws_close_code_valid(code)) || !sv_is_utf8(reason)) {
        refuse(w, WS_CLOSE_PROTOCOL, "malformed close frame");
        return;
    }
    if (w->state == WS_OPEN) {
        add_close_frame(w, code, NULL);
        w->code = code;
        snprintf(w->reason, sizeof(w->reason), "%.*s", (int)reason.len, reason.ptr);
        w->state = WS_CLOSING;
        net_timer_set(w->timer, WS_CLOSE_TIMEOUT_MS);
    }
    /* The server ends the line; a client waits for that (RFC 6455, section 7.1.1). */
    if (w->server) net_conn_finish(w->conn);
}

static bool on_data_frame(struct ws_conn *w, const struct ws_frame *f, char *data, size_t len) {
    if ((f->op == WS_OP_CONTINUATION) != (w->message_op != 0)) {
        refuse(w, WS_CLOSE_PROTOCOL, "frame out of order");
        return true;
    }
    if (f->fin && f->op != WS_OP_CONTINUATION) { /* the usual case */
        return deliver(w, f->op == WS_OP_BINARY, data, len);
    }
    if (f->op != WS_OP_CONTINUATION) w->message_op = f->op;
    str_add_n(&w->message, data, len);
    if (!f->fin) return true;
    bool binary = w->message_op == WS_OP_BINARY;
    struct str whole = w->message;
    w->message = (struct str)STR_INIT;
    w->message_op = 0;
    bool alive = deliver(w, binary, whole.ptr, whole.len);
    str_release(&whole);
    return alive;
}

static bool on_frame(struct ws_conn *w, const struct ws_frame *f, char *data, size_t len) {
    switch (f->op) {
    case WS_OP_PING:
        if (w->state == WS_OPEN) add_frame(w, WS_OP_PONG, data, len);
        return true;
    case WS_OP_PONG:
        return true; /* heard_ns is set already */
    case WS_OP_CLOSE:
        on_close_frame(w, (const uint8_t *)data, len);
        return true;
    default:
        return w->state != WS_OPEN || on_data_frame(w, f, data, len);
    }
}

/* One frame out of the buffer. 0 = handled, 1 = none whole, -1 = gone or not to be read on. */
static int next_frame(struct ws_conn *w) {
    struct sv in = net_conn_in(w->conn);
    struct ws_frame f;
    struct err err = ERR_INIT;
    int rc = ws_frame_parse(in.ptr, in.len, &f, &err);
    if (rc == WS_FRAME_MORE) return 1;
    if (rc || f.masked != w->server) {
        refuse(w, WS_CLOSE_PROTOCOL, rc ? err.msg : "wrong masking");
        return -1;
    }
    if (f.op < WS_OP_CLOSE && f.payload_bytes + w->message.len > w->o.message_max_bytes) {
        refuse(w, WS_CLOSE_TOO_BIG, "message too big");
        return -1;
    }
    if (in.len - f.head_bytes < f.payload_bytes) return 1;
    size_t len = (size_t)f.payload_bytes;
    /* A copy has room for the NUL and survives whatever the callback does to the connection. */
    char *data = mem_alloc(len + 1);
    memcpy(data, in.ptr + f.head_bytes, len);
    data[len] = '\0';
    if (f.masked) ws_mask(data, len, f.mask);
    net_conn_consume(w->conn, f.head_bytes + len);
    bool alive = on_frame(w, &f, data, len);
    free(data);
    return alive && w->conn ? 0 : -1;
}

static void on_data(void *arg) {
    struct ws_conn *w = arg;
    w->heard_ns = clock_mono_ns();
    w->ping_sent = w->doubted = false;
    while (net_conn_is_open(w->conn) && next_frame(w) == 0)
        ;
}

static void on_sent(void *arg) {
    struct ws_conn *w = arg;
    if (!w->refused || w->state != WS_OPEN) return;
    if (net_conn_unsent(w->conn) > w->o.queue_max_bytes / 4) return;
    w->refused = false;
    w->in_callback = true;
    if (w->ops->on_writable) w->ops->on_writable(w->self, w);
    callback_done(w);
}

static void on_closed(void *arg, const struct err *why) {
    struct ws_conn *w = arg;
    ws_end(w, WS_CLOSE_ABNORMAL, why ? why->msg : "the peer hung up");
}

static const struct net_conn_ops conn_ops = {
    .on_data = on_data, .on_sent = on_sent, .on_closed = on_closed};

/* ---- time ------------------------------------------------------------------------------------ */

static void ws_timer(void *arg) {
    struct ws_conn *w = arg;
    char text[96];
    if (w->state != WS_OPEN) { /* aborted, or the peer took too long to close */
        ws_end(w, WS_CLOSE_ABNORMAL, "aborted");
        return;
    }
    int64_t quiet_ms = (clock_mono_ns() - w->heard_ns) / 1000000;
    if (w->ping_sent && !w->doubted && quiet_ms >= w->o.ping_ms + w->o.pong_timeout_ms) {
        /* What came while this process couldn't run is read first. */
        w->doubted = true;
        net_timer_set(w->timer, WS_DOUBT_MS);
        return;
    }
    if (w->doubted) {
        snprintf(text, sizeof(text), "nothing heard from the peer for %lld ms",
                 (long long)quiet_ms);
        ws_end(w, WS_CLOSE_ABNORMAL, text);
        return;
    }
    if (!w->ping_sent && quiet_ms >= w->o.ping_ms) {
        add_frame(w, WS_OP_PING, "", 0);
        w->ping_sent = true;
    }
    int64_t next_ms = w->ping_sent ? w->o.ping_ms + w->o.pong_timeout_ms : w->o.ping_ms;
    net_timer_set(w->timer, MAX(next_ms - quiet_ms, 1));
}

void ws_conn_open(struct ws_conn *w, struct net_conn *conn) {
    w->conn = conn;
    w->state = WS_OPEN;
    w->heard_ns = clock_mono_ns();
    snprintf(w->peer, sizeof(w->peer), "%s", net_conn_peer(conn));
    net_conn_hand_over(conn, &conn_ops, w);
    if (w->o.ping_ms > 0) net_timer_set(w->timer, w->o.ping_ms);
    w->in_callback = true;
    if (w->ops->on_open) w->ops->on_open(w->self, w);
    if (callback_done(w) && net_conn_in(conn).len) on_data(w);
}

/* ---- questions ------------------------------------------------------------------------------- */

bool ws_is_open(const struct ws_conn *w) {
    return w->state == WS_OPEN;
}

void *ws_self(const struct ws_conn *w) {
    return w->self;
}

void ws_set_self(struct ws_conn *w, void *self) {
    w->self = self;
}

const char *ws_peer(const struct ws_conn *w) {
    return w->peer;
}

const char *ws_param(const struct ws_conn *w, const char *name) {
    for (size_t i = 0; i < w->n_params; i++) {
        if (strcmp(w->params[i].name, name) == 0) return w->params[i].value;
    }
    return NULL;
}

const char *ws_query(const struct ws_conn *w, const char *name) {
    return http_query_get(w->query, name, (struct arena *)&w->arena);
}
