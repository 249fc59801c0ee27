/* conn.c - one connection: handshake, frames in and out. Large payloads are read straight into the
 * buffer that the batch will live in, and written straight from the one it was encoded to. */
#define LOG_MODULE "net"
#include "worker/net/net_int.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "worker/net/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, IOVECS = 64, PROTOCOL_VERSION = 1 };

/* ---- life ----------------------------------------------------------------------------------- */

static void set_option(int fd, int level, int option, int value) {
    /* Refusals are harmless: the options only make lost peers show earlier. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

struct conn *conn_new(struct net *n, int fd, enum conn_state state, int64_t deadline_ns) {
    struct conn *c = mem_zalloc(sizeof(*c));
    c->net = n;
    c->fd = fd;
    c->state = state;
    c->peer = -1;
    c->deadline_ns = deadline_ns;
    c->staging = mem_alloc(NET_STAGING_BYTES);
    c->ready_tail = &c->ready;
    c->next = n->conns;
    n->conns = c;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 2);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 10000);
    c->want_write = state == CONN_DIALING;
    struct epoll_event ev = {.events = c->want_write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
    CHECK(epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &ev) == 0);
    if (state == CONN_PENDING) n->n_pending++;
    return c;
}

void conn_free(struct conn *c) {
    for (uint32_t i = 0; i < c->out_n; i++)
        buffer_unref(c->out[(c->out_head + i) & (c->out_cap - 1)].body);
    free(c->out);
    buffer_unref(c->body);
    free(c->staging);
    free(c);
}

/* The socket goes at once, the struct at the end of the round (events may still name it). */
static void conn_close(struct conn *c) {
    if (c->dead) return;
    c->dead = true;
    if (c->state == CONN_PENDING) c->net->n_pending--;
    close(c->fd);
    while (c->ready) {
        c->ready->ready = false;
        c->ready = c->ready->next_ready;
    }
    c->ready_tail = &c->ready;
}

void conn_fail(struct conn *c, bool may_retry, const struct err *err) {
    if (c->dead) return;
    conn_close(c);
    if (c->job)
        net_job_conn_gone(c->job, c, may_retry, err);
    else
        log_debug("connection dropped", KV_ERR(err));
}

void conn_shutdown(struct conn *c) {
    if (c->dead || c->state == CONN_CLOSING) return;
    shutdown(c->fd, SHUT_WR);
    c->state = CONN_CLOSING;
    c->deadline_ns = clock_mono_ns() + (int64_t)NET_CLOSE_TIMEOUT_MS * NS_PER_MS;
}

static void set_want_write(struct conn *c, bool on) {
    if (c->want_write == on) return;
    c->want_write = on;
    struct epoll_event ev = {.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
    CHECK(epoll_ctl(c->net->epoll, EPOLL_CTL_MOD, c->fd, &ev) == 0);
}

/* ---- writing -------------------------------------------------------------------------------- */

static struct out_frame *out_add(struct conn *c) {
    if (c->out_n == c->out_cap) {
        uint32_t cap = c->out_cap ? c->out_cap * 2 : 64;
        struct out_frame *out = mem_calloc(cap, sizeof(*out));
        for (uint32_t i = 0; i < c->out_n; i++)
            out[i] = c->out[(c->out_head + i) & (c->out_cap - 1)];
        free(c->out);
        c->out = out;
        c->out_cap = cap;
        c->out_head = 0;
    }
    return &c->out[(c->out_head + c->out_n++) & (c->out_cap - 1)];
}

/* small: payload of up to FRAME_CONTROL_MAX_BYTES (copied), or NULL; body: taken, or NULL. */
static void out_frame_add(struct conn *c, struct frame *f, const void *small, struct buffer *body) {
    struct out_frame *o = out_add(c);
    if (!body) {
        f->raw_len = f->len;
        f->checksum = wire_checksum(small, f->len);
        if (f->len) memcpy(o->head + FRAME_HEADER_BYTES, small, f->len);
    }
    frame_write_header(f, o->head);
    o->head_len = FRAME_HEADER_BYTES + (body ? 0 : f->len);
    o->body = body;
    o->body_len = body ? f->len : 0;
    c->out_bytes += o->head_len + o->body_len;
}

static void out_json(struct conn *c, enum frame_type type, cJSON *json /* takes */) {
    AUTO_STR text = STR_INIT;
    json_print(json, &text);
    cJSON_Delete(json);
    struct buffer *body = buffer_new(text.len);
    memcpy(body->data, text.ptr, text.len);
    struct frame f = {.type = type, .len = (uint32_t)text.len, .raw_len = (uint32_t)text.len};
    f.checksum = wire_checksum(body->data, text.len);
    out_frame_add(c, &f, NULL, body);
}

static void out_elem(struct conn *c, struct net_channel *nc, struct elem *e) {
    struct frame f = {.channel = channel_id_pack(channel_id_of(nc->ch)), .seq = nc->seq++};
    if (e->kind == ELEM_FRAME) {
        f.type = FRAME_BATCH;
        f.len = e->u.frame.len;
        f.raw_len = e->u.frame.raw_len;
        f.rows = e->rows;
        f.checksum = e->u.frame.checksum;
        out_frame_add(c, &f, NULL, e->u.frame.buf);
        nc->sent_bytes += f.len;
    } else {
        uint8_t payload[FRAME_CONTROL_MAX_BYTES];
        f.len = frame_put_control(e, payload, &f.type);
        out_frame_add(c, &f, payload, NULL);
    }
    if (e->kind == ELEM_END) net_job_channel_ended(nc);
}

void conn_send_credit(struct conn *c, struct net_channel *nc) {
    struct channel_load load = channel_load(nc->ch);
    struct frame_credit credit = {load.popped + channel_max_elems(nc->ch),
                                  load.popped_bytes + channel_max_bytes(nc->ch)};
    struct frame f = {.type = FRAME_CREDIT,
                      .channel = channel_id_pack(channel_id_of(nc->ch)),
                      .len = sizeof(credit)};
    out_frame_add(c, &f, &credit, NULL);
}

void conn_add_ready(struct conn *c, struct net_channel *nc) {
    if (nc->ready || c->dead) return;
    nc->ready = true;
    nc->next_ready = NULL;
    *c->ready_tail = nc;
    c->ready_tail = &nc->next_ready;
}

/* Takes one element of each ready channel in turn until the queue is long enough. */
static void fill_out(struct conn *c) {
    while (c->ready && c->out_bytes < NET_OUT_MAX_BYTES) {
        struct net_channel *nc = c->ready;
        c->ready = nc->next_ready;
        if (!c->ready) c->ready_tail = &c->ready;
        nc->ready = false;
        struct elem e;
        /* Without credit it comes back by FRAME_CREDIT, without elements by a wake. */
        if (nc->seq >= nc->credit.elems || nc->sent_bytes >= nc->credit.bytes) continue;
        if (!channel_pop(nc->ch, &e)) continue;
        out_elem(c, nc, &e);
        conn_add_ready(c, nc);
    }
}

static void out_advance(struct conn *c, size_t n) {
    c->out_bytes -= n;
    while (n) {
        struct out_frame *o = &c->out[c->out_head];
        size_t left = (size_t)o->head_len + o->body_len - c->out_done;
        if (n < left) {
            c->out_done += (uint32_t)n;
            return;
        }
        n -= left;
        c->out_done = 0;
        buffer_unref(o->body);
        c->out_head = (c->out_head + 1) & (c->out_cap - 1);
        c->out_n--;
    }
}

static int gather_out(const struct conn *c, struct iovec *v) {
    int n = 0;
    size_t skip = c->out_done;
    for (uint32_t i = 0; i < c->out_n && n + 2 <= IOVECS; i++) {
        struct out_frame *o = &c->out[(c->out_head + i) & (c->out_cap - 1)];
        if (skip < o->head_len) v[n++] = (struct iovec){o->head + skip, o->head_len - skip};
        skip = skip > o->head_len ? skip - o->head_len : 0;
        if (o->body_len > skip) v[n++] = (struct iovec){o->body->data + skip, o->body_len - skip};
        skip = 0;
    }
    return n;
}

void conn_pump(struct conn *c) {
    if (c->dead || c->state == CONN_DIALING || c->state == CONN_CLOSING) return;
    for (;;) {
        if (c->state == CONN_OPEN) fill_out(c);
        if (!c->out_n) break;
        struct iovec v[IOVECS];
        ssize_t n = writev(c->fd, v, gather_out(c, v));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (n < 0) {
            struct err err = ERR_INIT;
            err_set_errno(&err, ERR_NET, errno, "write");
            conn_fail(c, true, &err);
            return;
        }
        out_advance(c, (size_t)n);
    }
    set_want_write(c, c->out_n > 0);
}

/* ---- handshake ------------------------------------------------------------------------------ */

static void say_hello(struct conn *c) {
    struct net_job *j = c->job;
    cJSON *hello = cJSON_CreateObject();
    json_set_i64(hello, "version", PROTOCOL_VERSION);
    json_set_str(hello, "job", j->job_id);
    json_set_i64(hello, "attempt", (int64_t)j->attempt);
    json_set_str(hello, "token", j->token);
    json_set_i64(hello, "from", j->self);
    json_set_i64(hello, "to", c->peer);
    out_json(c, FRAME_HELLO, hello);
    c->state = CONN_GREETED;
    c->deadline_ns = clock_mono_ns() + (int64_t)NET_HELLO_TIMEOUT_MS * NS_PER_MS;
}

static void refuse(struct conn *c, bool again, const char *why) {
    cJSON *json = cJSON_CreateObject();
    json_set_str(json, "error", why);
    json_set_bool(json, "again", again);
    out_json(c, FRAME_REFUSE, json);
    conn_pump(c);
    if (c->dead) return;
    struct err err = ERR_INIT;
    err_set(&err, ERR_PROTOCOL, "refused a connection: %s", why);
    /* Reading on until the peer closes: closing now could make the kernel drop what was written. */
    log_debug("connection refused", KV_ERR(&err));
    if (c->state == CONN_PENDING) c->net->n_pending--;
    c->state = CONN_OPEN; /* for conn_shutdown */
    conn_shutdown(c);
}

/* The time it takes tells nothing about where two tokens differ. */
static bool same_token(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    unsigned char diff = n != m;
    for (size_t i = 0; i < n; i++)
        diff |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
    return diff == 0;
}

static void on_hello(struct conn *c, const cJSON *hello) {
    if (json_opt_i64(hello, "version", 0) != PROTOCOL_VERSION) {
        refuse(c, false, "another protocol version");
        return;
    }
    struct net_job *j = net_find_job(c->net, json_opt_str(hello, "job", ""),
                                     (uint64_t)json_opt_i64(hello, "attempt", -1));
    if (!j || !j->started || j->closing >= NET_SHUTTING) {
        refuse(c, true, "no such job here (yet)");
        return;
    }
    if (!same_token(json_opt_str(hello, "token", ""), j->token)) {
        refuse(c, false, "wrong token");
        return;
    }
    int64_t from = json_opt_i64(hello, "from", -1);
    bool fits = from >= 0 && from < j->n_peers && json_opt_i64(hello, "to", -1) == j->self;
    if (!fits || from >= j->self || !j->peers[from].used || j->peers[from].conn ||
        j->peers[from].lost) {
        refuse(c, false, "not a worker that this one expects");
        return;
    }
    c->net->n_pending--;
    c->job = j;
    c->peer = (int)from;
    out_frame_add(c, &(struct frame){.type = FRAME_WELCOME}, NULL, NULL);
    c->state = CONN_OPEN;
    c->deadline_ns = INT64_MAX;
    net_job_conn_open(j, c);
}

static void on_refuse(struct conn *c, const cJSON *json) {
    struct err err = ERR_INIT;
    err_set(&err, ERR_PROTOCOL, "refused: %s", json_opt_str(json, "error", "no reason given"));
    conn_fail(c, json_opt_bool(json, "again", false), &err);
}

/* Frames of the handshake. Returns 0 or a negative ERR_*. */
static int on_greeting(struct conn *c, const struct frame *f, const uint8_t *payload,
                       struct err *err) {
    if (f->type == FRAME_WELCOME && c->state == CONN_GREETED) {
        c->state = CONN_OPEN;
        c->deadline_ns = INT64_MAX;
        net_job_conn_open(c->job, c);
        return 0;
    }
    bool hello = f->type == FRAME_HELLO && c->state == CONN_PENDING;
    bool refused = f->type == FRAME_REFUSE && c->state == CONN_GREETED;
    if (!hello && !refused)
        return err_set(err, ERR_PROTOCOL, "frame type %d during the handshake", (int)f->type);
    cJSON *json;
    int rc = json_parse((const char *)payload, f->len, &json, err);
    if (rc) return err_wrap(err, "handshake");
    if (hello)
        on_hello(c, json);
    else
        on_refuse(c, json);
    cJSON_Delete(json);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int on_credit(struct conn *c, const struct frame *f, const uint8_t *payload,
                     struct err *err) {
    struct net_channel *nc = net_job_channel(c->job, f->channel, true);
    struct frame_credit credit;
    if (f->len != sizeof(credit)) return err_set(err, ERR_CORRUPT, "credit of length %u", f->len);
    if (!nc || nc->peer != c->peer) return 0; /* for a task that has been taken away */
    memcpy(&credit, payload, sizeof(credit));
    /* What credit has grown by since the first is what the far end has taken. */
    if (!nc->credit.elems) nc->credit_first = credit.elems;
    nc->credit.elems = MAX(nc->credit.elems, credit.elems);
    channel_set_taken(nc->ch, nc->credit.elems - nc->credit_first);
    nc->credit.bytes = MAX(nc->credit.bytes, credit.bytes);
    conn_add_ready(c, nc);
    return 0;
}

/* Takes e's content. */
static int on_elem(struct conn *c, const struct frame *f, struct elem *e, struct err *err) {
    struct net_channel *nc = net_job_channel(c->job, f->channel, false);
    if (!nc || nc->peer != c->peer) {
        elem_release(e);
        return 0;
    }
    struct channel_id id = channel_id_of(nc->ch);
    if (f->seq != nc->seq || nc->ended || !channel_has_room(nc->ch)) {
        elem_release(e);
        return err_set(err, ERR_PROTOCOL, "channel %u:%u->%u: element %llu came, %s%llu", id.edge,
                       id.from, id.to, (unsigned long long)f->seq,
                       nc->ended           ? "behind the end at "
                       : f->seq == nc->seq ? "beyond the credit at "
                                           : "expected ",
                       (unsigned long long)nc->seq);
    }
    nc->seq++;
    bool end = e->kind == ELEM_END;
    channel_push(nc->ch, e);
    if (end) net_job_channel_ended(nc);
    return 0;
}

/* A whole frame but a batch; payload has f->len bytes. */
static int on_small(struct conn *c, const struct frame *f, const uint8_t *payload,
                    struct err *err) {
    if (f->checksum != wire_checksum(payload, f->len))
        return err_set(err, ERR_CORRUPT, "frame type %d: the checksum doesn't match", (int)f->type);
    if (c->state == CONN_CLOSING) return 0;
    if (c->state != CONN_OPEN || f->type <= FRAME_REFUSE) return on_greeting(c, f, payload, err);
    if (f->type == FRAME_CREDIT) return on_credit(c, f, payload, err);
    struct elem e;
    int rc = frame_get_control(f, payload, &e, err);
    return rc ? rc : on_elem(c, f, &e, err);
}

static int on_batch(struct conn *c, struct err *err) {
    struct elem e = {.kind = ELEM_FRAME,
                     .rows = c->cur.rows,
                     .size_bytes = c->cur.len,
                     .u.frame = {c->body, c->cur.checksum, c->cur.len, c->cur.raw_len}};
    c->body = NULL;
    c->in_body = false;
    if (c->state == CONN_OPEN) return on_elem(c, &c->cur, &e, err);
    elem_release(&e);
    return c->state == CONN_CLOSING ? 0
                                    : err_set(err, ERR_PROTOCOL, "a batch during the handshake");
}

/* Works off what lies in staging. */
static int take_frames(struct conn *c, struct err *err) {
    while (!c->dead) {
        uint32_t have = c->end - c->start;
        if (c->in_body) {
            uint32_t n = MIN(have, c->cur.len - c->body_have);
            memcpy(c->body->data + c->body_have, c->staging + c->start, n);
            c->body_have += n;
            c->start += n;
            if (c->body_have < c->cur.len) break;
            int rc = on_batch(c, err);
            if (rc) return rc;
            continue;
        }
        if (have < FRAME_HEADER_BYTES) break;
        struct frame f;
        int rc = frame_read_header(c->staging + c->start, &f, err);
        if (rc) return rc;
        if (f.type == FRAME_BATCH) {
            c->cur = f;
            c->in_body = true;
            c->body = buffer_new(f.len);
            c->body_have = 0;
            c->start += FRAME_HEADER_BYTES;
            continue;
        }
        if (have < FRAME_HEADER_BYTES + f.len) break;
        const uint8_t *payload = c->staging + c->start + FRAME_HEADER_BYTES;
        c->start += FRAME_HEADER_BYTES + f.len;
        rc = on_small(c, &f, payload, err);
        if (rc) return rc;
    }
    if (c->start == c->end) {
        c->start = c->end = 0;
    } else if (c->start) {
        memmove(c->staging, c->staging + c->start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
    }
    return 0;
}

/* One read: the rest of a large payload goes to its place, what follows to staging. */
static ssize_t read_some(struct conn *c) {
    struct iovec v[2];
    int n_v = 0;
    size_t rest = c->in_body ? c->cur.len - c->body_have : 0;
    if (rest) v[n_v++] = (struct iovec){c->body->data + c->body_have, rest};
    v[n_v++] = (struct iovec){c->staging + c->end, NET_STAGING_BYTES - c->end};
    ssize_t n = readv(c->fd, v, n_v);
    if (n > 0) {
        size_t to_body = MIN((size_t)n, rest);
        c->body_have += (uint32_t)to_body;
        c->end += (uint32_t)((size_t)n - to_body);
    }
    return n;
}

static void conn_read(struct conn *c) {
    struct err err = ERR_INIT;
    for (size_t total = 0; !c->dead && total < NET_READ_TURN_BYTES;) {
        ssize_t n = read_some(c);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (n <= 0) {
            if (n < 0)
                err_set_errno(&err, ERR_NET, errno, "read");
            else
                err_set(&err, ERR_NET, "the connection was closed");
            conn_fail(c, true, &err);
            return;
        }
        total += (size_t)n;
        if (take_frames(c, &err)) {
            conn_fail(c, false, &err);
            return;
        }
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void on_connected(struct conn *c) {
    int errnum = 0;
    socklen_t len = sizeof(errnum);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errnum, &len)) errnum = errno;
    if (errnum) {
        struct err err = ERR_INIT;
        err_set_errno(&err, ERR_NET, errnum, "connect");
        conn_fail(c, true, &err);
        return;
    }
    say_hello(c);
}

void conn_event(struct conn *c, uint32_t events) {
    if (c->dead) return;
    if (c->state == CONN_DIALING) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) on_connected(c);
    } else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        conn_read(c);
    }
    conn_pump(c);
}

void conn_deadline(struct conn *c) {
    struct err err = ERR_INIT;
    static const char *const doing[] = {"connect", "await the welcome", "await the hello", "",
                                        "await the end"};
    err_set(&err, ERR_TIMEOUT, "%s: no answer", doing[c->state]);
    conn_fail(c, true, &err);
}

int conn_dial(struct net_job *j, int peer, const void *sockaddr, unsigned len, struct err *err) {
    const struct sockaddr *addr = sockaddr;
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_set_errno(err, ERR_NET, errno, "socket");
    if (connect(fd, addr, len) && errno != EINPROGRESS) {
        int errnum = errno;
        close(fd);
        return err_set_errno(err, ERR_NET, errnum, "connect");
    }
    int64_t deadline = clock_mono_ns() + (int64_t)NET_HELLO_TIMEOUT_MS * NS_PER_MS;
    struct conn *c = conn_new(j->net, fd, CONN_DIALING, deadline);
    c->job = j;
    c->peer = peer;
    j->peers[peer].conn = c;
    return 0;
}
