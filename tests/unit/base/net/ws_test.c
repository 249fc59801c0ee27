/* ws_test.c - WebSocket: our client against our server, and hand-made frames against both. */
#include "base/net/ws.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/net/http_server.h"
#include "base/net/ws_client.h"
#include "base/net/ws_frame.h"
#include "tests/unit/base/net/raw_client.h"
#include "tests/unit/cmocka_wrap.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_loop *loop;
static struct http_server *server;
static int port;
static char url[128];

/* What an end has seen; written on the loop's thread, awaited by the test's. */
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct ws_conn *conn;
    int opened, messages, closed, writable, close_code;
    char close_reason[256];
    struct str last;
    bool last_binary, echo;
};
static struct seen at_server, at_client;

#define WITH(s, ...)                                                                               \
    do {                                                                                           \
        pthread_mutex_lock(&(s)->lock);                                                            \
        __VA_ARGS__;                                                                               \
        pthread_cond_broadcast(&(s)->cond);                                                        \
        pthread_mutex_unlock(&(s)->lock);                                                          \
    } while (0)

static void on_open(void *self, struct ws_conn *conn) {
    struct seen *s = self;
    WITH(s, s->conn = conn; s->opened++);
}
static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct seen *s = self;
    if (s->echo) {
        struct err e = ERR_INIT;
        assert_ok(ws_send(conn, binary, data, len, &e), &e);
    }
    assert_int_equal(((const char *)data)[len], '\0');
    WITH(s, s->messages++; s->last_binary = binary; str_clear(&s->last);
         str_add_n(&s->last, data, len));
}
static void on_writable(void *self, struct ws_conn *conn) {
    struct seen *s = self;
    WITH(s, s->writable++);
}
static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct seen *s = self;
    WITH(s, s->closed++; s->close_code = code;
         snprintf(s->close_reason, sizeof(s->close_reason), "%s", reason); s->conn = NULL);
}
static const struct ws_ops ops = {on_open, on_message, on_writable, on_close};

/* Waits up to ten seconds. */
#define AWAIT(s, cond_expr)                                                                        \
    do {                                                                                           \
        struct timespec limit_;                                                                    \
        clock_gettime(CLOCK_REALTIME, &limit_);                                                    \
        limit_.tv_sec += 10;                                                                       \
        pthread_mutex_lock(&(s)->lock);                                                            \
        int rc_ = 0;                                                                               \
        while (!(cond_expr) && rc_ == 0)                                                           \
            rc_ = pthread_cond_timedwait(&(s)->cond, &(s)->lock, &limit_);                         \
        bool ok_ = (cond_expr);                                                                    \
        pthread_mutex_unlock(&(s)->lock);                                                          \
        if (!ok_) fail_msg("gave up waiting for %s", #cond_expr);                                  \
    } while (0)

static void seen_init(struct seen *s) {
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->cond, NULL);
}

static struct ws_options server_options;

static int setup(void **state) {
    struct err e = ERR_INIT;
    seen_init(&at_server);
    seen_init(&at_client);
    at_server.echo = true;
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "ws"}, &loop, &e), &e);
    assert_ok(http_server_new(loop, &(struct http_server_options){0}, &server, &e), &e);
    port = http_server_port(server);
    http_server_ws(server, "/v1/workers/{id}", &ops, &server_options, &at_server);
    snprintf(url, sizeof(url), "ws://127.0.0.1:%d/v1/workers/w7?epoch=3%%20a", port);
    assert_ok(net_loop_start(loop, &e), &e);
    return 0;
}
static int teardown(void **state) {
    net_loop_free(loop);
    str_release(&at_server.last);
    str_release(&at_client.last);
    server_options = (struct ws_options){0};
    return 0;
}

struct connect {
    struct ws_connect_options o;
    struct ws_conn *conn;
    int rc;
    struct err err;
};
static void connect_here(void *arg) {
    struct connect *c = arg;
    c->rc = ws_connect(loop, &c->o, &ops, &at_client, &c->conn, &c->err);
}
static void connect_client(const struct ws_connect_options *o) {
    struct connect c = {.o = *o};
    net_loop_call(loop, connect_here, &c);
    assert_ok(c.rc, &c.err);
}
static void connect_and_open(void) {
    connect_client(&(struct ws_connect_options){.url = url});
    AWAIT(&at_client, at_client.opened);
    AWAIT(&at_server, at_server.opened);
}

struct send {
    struct seen *end;
    bool binary;
    const void *data;
    size_t len;
    int rc;
    struct err err;
};
static void send_here(void *arg) {
    struct send *s = arg;
    s->rc = ws_send(s->end->conn, s->binary, s->data, s->len, &s->err);
}
static int send_from(struct seen *end, bool binary, const void *data, size_t len) {
    struct send s = {end, binary, data, len, 0, ERR_INIT};
    net_loop_call(loop, send_here, &s);
    return s.rc;
}

static void check_params(void *arg) {
    struct ws_conn *c = at_server.conn;
    assert_string_equal(ws_param(c, "id"), "w7");
    assert_null(ws_param(c, "none"));
    assert_string_equal(ws_query(c, "epoch"), "3 a");
    assert_string_equal(ws_peer(c), "127.0.0.1");
    assert_true(ws_is_open(c));
    assert_ptr_equal(ws_self(c), &at_server);
}

static void messages_go_both_ways(void **state) {
    connect_and_open();
    net_loop_call(loop, check_params, NULL);
    assert_int_equal(send_from(&at_client, false, "h\xC3\xA9llo", 6), 0);
    AWAIT(&at_client, at_client.messages == 1);
    assert_string_equal(str_text(&at_client.last), "h\xC3\xA9llo");
    assert_false(at_client.last_binary);
    assert_int_equal(send_from(&at_client, true, "\0\1\xFF", 3), 0);
    AWAIT(&at_client, at_client.messages == 2);
    assert_int_equal(at_client.last.len, 3);
    assert_memory_equal(at_client.last.ptr, "\0\1\xFF", 3);
    assert_true(at_client.last_binary);
    assert_int_equal(send_from(&at_client, true, NULL, 0), 0);
    AWAIT(&at_client, at_client.messages == 3);
    assert_int_equal(at_client.last.len, 0);
}

/* Each length at which the frame's head changes, and one of megabytes. */
static void all_lengths(void **state) {
    static const size_t sizes[] = {1, 125, 126, 127, 65535, 65536, 65537, 3 << 20};
    connect_and_open();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_FREE char *data = mem_alloc(sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            data[j] = (char)(j * 31 + i);
        int before = at_client.messages;
        assert_int_equal(send_from(&at_client, true, data, sizes[i]), 0);
        AWAIT(&at_client, at_client.messages == before + 1);
        assert_int_equal(at_client.last.len, sizes[i]);
        assert_memory_equal(at_client.last.ptr, data, sizes[i]);
    }
}

static void many_messages_keep_their_order(void **state) {
    connect_and_open();
    for (int i = 0; i < 3000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(send_from(&at_client, false, text, strlen(text)), 0);
    }
    AWAIT(&at_client, at_client.messages == 3000);
    assert_string_equal(str_text(&at_client.last), "2999");
}

static void close_client(void *arg) {
    ws_close(at_client.conn, 4001, "worker retires");
}
static void close_server(void *arg) {
    ws_close(at_server.conn, WS_CLOSE_GOING_AWAY, "bye");
}
static void abort_client(void *arg) {
    ws_abort(at_client.conn);
}

static void close_code_and_reason_arrive(void **state) {
    connect_and_open();
    net_loop_call(loop, close_client, NULL);
    AWAIT(&at_server, at_server.closed);
    AWAIT(&at_client, at_client.closed);
    assert_int_equal(at_server.close_code, 4001);
    assert_string_equal(at_server.close_reason, "worker retires");
    assert_int_equal(at_client.close_code, 4001);
    at_client.opened = at_server.opened = at_client.closed = at_server.closed = 0;
    connect_and_open();
    net_loop_call(loop, close_server, NULL);
    AWAIT(&at_client, at_client.closed);
    AWAIT(&at_server, at_server.closed);
    assert_int_equal(at_client.close_code, WS_CLOSE_GOING_AWAY);
    assert_string_equal(at_client.close_reason, "bye");
}

/* What was queued before ws_close still arrives. */
static void close_flushes(void **state) {
    connect_and_open();
    size_t n = 2 << 20;
    AUTO_FREE char *data = mem_zalloc(n);
    at_server.echo = false;
    assert_int_equal(send_from(&at_client, true, data, n), 0);
    net_loop_call(loop, close_client, NULL);
    AWAIT(&at_server, at_server.closed);
    assert_int_equal(at_server.messages, 1);
    assert_int_equal(at_server.last.len, n);
}

static void abort_is_seen_by_the_peer(void **state) {
    connect_and_open();
    net_loop_call(loop, abort_client, NULL);
    AWAIT(&at_client, at_client.closed);
    AWAIT(&at_server, at_server.closed);
    assert_int_equal(at_client.close_code, WS_CLOSE_ABNORMAL);
    assert_int_equal(at_server.close_code, WS_CLOSE_ABNORMAL);
}

static void shutdown_closes_both_ends(void **state) {
    connect_and_open();
    net_loop_free(loop);
    loop = NULL;
    assert_int_equal(at_client.closed, 1);
    assert_int_equal(at_server.closed, 1);
}

/* ---- what can go wrong before it opens ---- */

static void failed_connections_say_why(void **state) {
    char text[160];
    connect_client(&(struct ws_connect_options){.url = "ws://127.0.0.1:1/x"});
    AWAIT(&at_client, at_client.closed == 1);
    assert_int_equal(at_client.close_code, WS_CLOSE_ABNORMAL);
    assert_non_null(strstr(at_client.close_reason, "Connection refused"));
    assert_non_null(strstr(at_client.close_reason, "ws://127.0.0.1:1/x"));
    snprintf(text, sizeof(text), "ws://127.0.0.1:%d/nothing", port);
    connect_client(&(struct ws_connect_options){.url = text});
    AWAIT(&at_client, at_client.closed == 2);
    assert_non_null(strstr(at_client.close_reason, "404 Not Found"));
    connect_client(&(struct ws_connect_options){.url = "ws://no-such-host.invalid/x"});
    AWAIT(&at_client, at_client.closed == 3);
    assert_non_null(strstr(at_client.close_reason, "look up no-such-host.invalid"));
    struct connect c = {.o = {.url = "http:/x"}};
    net_loop_call(loop, connect_here, &c);
    assert_err(c.rc, ERR_INVALID, &c.err, "expected scheme://");
    struct ws_header bad = {"X-A", "b\r\nEvil: 1"};
    c = (struct connect){.o = {.url = url, .headers = &bad, .n_headers = 1}};
    net_loop_call(loop, connect_here, &c);
    assert_err(c.rc, ERR_INVALID, &c.err, "header 'X-A'");
    assert_int_equal(at_client.opened, 0);
}

static int listen_raw(int *ret_port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&a, &len);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void silent_server_times_out(void **state) {
    int raw_port, fd = listen_raw(&raw_port); /* accepts, and says nothing */
    char text[64];
    snprintf(text, sizeof(text), "ws://127.0.0.1:%d/", raw_port);
    connect_client(&(struct ws_connect_options){.url = text, .connect_timeout_ms = 50});
    AWAIT(&at_client, at_client.closed);
    assert_non_null(strstr(at_client.close_reason, "timed out"));
    close(fd);
}

static void close_before_open(void **state) {
    int raw_port, fd = listen_raw(&raw_port);
    char text[64];
    snprintf(text, sizeof(text), "ws://127.0.0.1:%d/", raw_port);
    struct connect c = {.o = {.url = text}};
    net_loop_call(loop, connect_here, &c);
    assert_ok(c.rc, &c.err);
    at_client.conn = c.conn;
    net_loop_call(loop, close_client, NULL);
    AWAIT(&at_client, at_client.closed);
    assert_int_equal(at_client.close_code, 4001);
    assert_int_equal(at_client.opened, 0);
    close(fd);
}

static void wrong_answers_are_refused(void **state) {
    static const struct {
        const char *answer, *part;
    } rows[] = {
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
         "wrong key"},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", "doesn't upgrade"},
        {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"},
        {"HTTP/1.1 200 OK\r\n\r\n", "200"},
        {"SSH-2.0-OpenSSH\r\n\r\n", "malformed HTTP"},
        {"", "hung up"},
    };
    int raw_port, fd = listen_raw(&raw_port);
    char text[64], buf[2048];
    snprintf(text, sizeof(text), "ws://127.0.0.1:%d/", raw_port);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        connect_client(&(struct ws_connect_options){.url = text, .bearer_token = "t0ken"});
        int conn = accept(fd, NULL, NULL);
        raw_read_until(conn, buf, sizeof(buf), "\r\n\r\n");
        assert_non_null(strstr(buf, "Authorization: Bearer t0ken\r\n"));
        raw_send_text(conn, rows[i].answer);
        shutdown(conn, SHUT_WR);
        AWAIT(&at_client, at_client.closed == (int)i + 1);
        if (!strstr(at_client.close_reason, rows[i].part)) fail_msg("%s", at_client.close_reason);
        close(conn);
    }
    close(fd);
}

/* ---- hand-made frames ---- */

static int raw_open(void) {
    char buf[1024];
    int fd = raw_connect(port);
    raw_send_text(fd,
                  "GET /v1/workers/raw HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
                  "Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 101 ", 13);
    /* the key of RFC 6455, section 1.3 */
    assert_non_null(strstr(buf, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    return fd;
}

static const uint8_t mask[4] = {1, 2, 3, 4};

static void raw_frame(int fd, int first_byte, const void *data, size_t len) {
    AUTO_STR f = STR_INIT;
    ws_frame_add(&f, WS_OP_BINARY, mask, data, len);
    f.ptr[0] = (char)first_byte;
    raw_send(fd, f.ptr, f.len);
}

/* Reads one short frame. */
static size_t raw_read_frame(int fd, int *ret_first, char *data) {
    unsigned char head[2];
    raw_read_exact(fd, head, 2);
    assert_true(head[1] < 126);
    raw_read_exact(fd, data, head[1]);
    *ret_first = head[0];
    return head[1];
}

static void pieces_with_a_ping_between(void **state) {
    char data[128];
    int first, fd = raw_open();
    raw_frame(fd, 0x01, "he", 2); /* text, not the last */
    raw_frame(fd, 0x89, "pp", 2); /* ping */
    raw_frame(fd, 0x00, "ll", 2);
    raw_frame(fd, 0x80, "o", 1); /* the last */
    assert_int_equal(raw_read_frame(fd, &first, data), 2);
    assert_int_equal(first, 0x8A);
    assert_memory_equal(data, "pp", 2);
    assert_int_equal(raw_read_frame(fd, &first, data), 5);
    assert_int_equal(first, 0x81);
    assert_memory_equal(data, "hello", 5);
    close(fd);
}

static void bad_frames_close_with_their_code(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } rows[] = {
        {"\x81\x01x", 3, 1002},                           /* unmasked */
        {"\xC1\x80\1\2\3\4", 6, 1002},                    /* reserved bit */
        {"\x83\x80\1\2\3\4", 6, 1002},                    /* unknown opcode */
        {"\x80\x80\1\2\3\4", 6, 1002},                    /* continues nothing */
        {"\x09\x80\1\2\3\4", 6, 1002},                    /* ping in pieces */
        {"\x89\xFE\0\x7E\1\2\3\4", 8, 1002},              /* ping too long */
        {"\x82\xFE\0\5\1\2\3\4", 8, 1002},                /* length not in its shortest form */
        {"\x81\x82\0\0\0\0\xFF\xFE", 8, 1007},            /* text that isn't UTF-8 */
        {"\x82\xFF\0\0\0\0\x7F\0\0\0\1\2\3\4", 14, 1009}, /* beyond the limit */
        {"\x88\x81\0\0\0\0x", 7, 1002},                   /* close with half a code */
        {"\x88\x82\0\0\0\0\x03\xED", 8, 1002},            /* close with 1005 */
        {"\x88\x82\0\0\0\0\x03\xE8", 8, 1000},            /* a fine close */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char buf[256];
        int fd = raw_open();
        raw_send(fd, rows[i].bytes, rows[i].len);
        size_t n = raw_read_to_end(fd, buf, sizeof(buf));
        assert_true(n >= 4);
        assert_int_equal((unsigned char)buf[0], 0x88);
        int code = (unsigned char)buf[2] << 8 | (unsigned char)buf[3];
        if (code != rows[i].code) fail_msg("row %zu: %d", i, code);
        close(fd);
    }
    AWAIT(&at_server, at_server.closed == (int)ARRAY_LEN(rows));
}

static void frames_behind_the_handshake_in_one_packet(void **state) {
    AUTO_STR all = STR_INIT;
    char buf[1024];
    int first, fd = raw_connect(port);
    str_add(&all, "GET /v1/workers/raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    ws_frame_add(&all, WS_OP_TEXT, mask, "early", 5);
    raw_send(fd, all.ptr, all.len);
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_int_equal(raw_read_frame(fd, &first, buf), 5);
    assert_memory_equal(buf, "early", 5);
    close(fd);
}

/* ---- limits ---- */

static void full_queue_refuses_then_tells(void **state) {
    int fd = raw_open(); /* doesn't read for now */
    AWAIT(&at_server, at_server.opened);
    static char piece[1 << 20];
    int sent = 0, rc;
    while ((rc = send_from(&at_server, true, piece, sizeof(piece))) == 0)
        sent++;
    assert_int_equal(rc, ERR_BUDGET);
    assert_true(sent >= 2 && sent < 64);
    assert_int_equal(at_server.writable, 0);
    assert_int_equal(send_from(&at_server, true, piece, 100 << 20), ERR_INVALID);
    static char buf[1 << 16];
    for (size_t left = (size_t)sent * (sizeof(piece) + 10); left;) {
        ssize_t n = recv(fd, buf, MIN(sizeof(buf), left), 0);
        assert_true(n > 0);
        left -= (size_t)n;
    }
    AWAIT(&at_server, at_server.writable == 1);
    assert_int_equal(send_from(&at_server, true, "x", 1), 0);
    close(fd);
}

static void silent_peer_is_dropped(void **state) {
    char data[128];
    int first, fd = raw_open();
    assert_int_equal(raw_read_frame(fd, &first, data), 0);
    assert_int_equal(first, 0x89); /* its ping, which we leave unanswered */
    AWAIT(&at_server, at_server.closed);
    assert_int_equal(at_server.close_code, WS_CLOSE_ABNORMAL);
    assert_non_null(strstr(at_server.close_reason, "nothing heard"));
    close(fd);
}
static int setup_impatient(void **state) {
    server_options = (struct ws_options){.ping_ms = 20, .pong_timeout_ms = 30};
    return setup(state);
}

/* An answered ping keeps the connection. */
static void answered_pings_keep_it(void **state) {
    connect_and_open();
    int64_t until = clock_mono_ns() + 200000000;
    while (clock_mono_ns() < until)
        assert_int_equal(at_server.closed, 0);
    assert_int_equal(send_from(&at_client, false, "still here", 10), 0);
    AWAIT(&at_client, at_client.messages == 1);
}

static void close_of_a_deaf_peer_times_out(void **state) {
    int fd = raw_open();
    AWAIT(&at_server, at_server.opened);
    int64_t begun = clock_mono_ns();
    net_loop_call(loop, close_server, NULL);
    AWAIT(&at_server, at_server.closed); /* though we never answer */
    assert_true(clock_mono_ns() - begun < (WS_CLOSE_TIMEOUT_MS + 5000) * INT64_C(1000000));
    assert_int_equal(at_server.close_code, WS_CLOSE_GOING_AWAY);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(messages_go_both_ways),
        T(all_lengths),
        T(many_messages_keep_their_order),
        T(close_code_and_reason_arrive),
        T(close_flushes),
        T(abort_is_seen_by_the_peer),
        T(shutdown_closes_both_ends),
        T(failed_connections_say_why),
        T(silent_server_times_out),
        T(close_before_open),
        T(wrong_answers_are_refused),
        T(pieces_with_a_ping_between),
        T(bad_frames_close_with_their_code),
        T(frames_behind_the_handshake_in_one_packet),
        T(full_queue_refuses_then_tells),
        cmocka_unit_test_setup_teardown(silent_peer_is_dropped, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(answered_pings_keep_it, setup_impatient, teardown),
        T(close_of_a_deaf_peer_times_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
