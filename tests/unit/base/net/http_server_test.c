/* http_server_test.c - the server over real sockets: what it answers, and what it survives. */
#include "base/net/http_server.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "tests/unit/base/net/raw_client.h"
#include "tests/unit/cmocka_wrap.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_loop *loop;
static struct http_server *server;
static int port;
static char buf[4 << 20];

/* ---- handlers ---- */

static void echo(void *self, struct http_exchange *x) {
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "method", http_method(x));
    json_set_str(j, "path", http_path(x));
    json_set_str(j, "id", http_param(x, "id"));
    json_set_str(j, "rest", http_param(x, "rest"));
    json_set_str(j, "q", http_query(x, "q"));
    json_set_str(j, "type", http_header(x, "content-type"));
    json_set_i64(j, "body_bytes", (int64_t)http_body(x).len);
    json_set_str(j, "peer", http_peer(x));
    json_set_str(j, "route", self);
    http_reply_json(x, 200, j);
}

static void echo_body(void *self, struct http_exchange *x) {
    http_reply(x, 200, "application/octet-stream", http_body(x).ptr, http_body(x).len);
}

static void parse_body(void *self, struct http_exchange *x) {
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    if (http_body_json(x, &j, &err)) {
        http_reply_err(x, &err);
    } else {
        http_reply(x, 204, NULL, NULL, 0);
    }
}

static void big(void *self, struct http_exchange *x) {
    size_t n = 3 << 20;
    AUTO_FREE char *data = mem_alloc(n);
    memset(data, 'x', n);
    http_reply(x, 200, "text/plain", data, n);
}

static void redirect(void *self, struct http_exchange *x) {
    http_reply_redirect(x, "/elsewhere\r\nEvil: 1");
}

/* Keeps the exchange; the test replies from its own thread. */
static struct http_exchange *_Atomic held;
static sem_t held_sem;
static void hold(void *self, struct http_exchange *x) {
    atomic_store(&held, x);
    sem_post(&held_sem);
}
static void reply_held(void *arg) {
    http_reply_text(atomic_load(&held), 200, "late");
}
static void held_is_gone(void *arg) {
    *(bool *)arg = http_is_gone(atomic_load(&held));
}

/* Streams n pieces, waiting when refused. */
struct stream {
    int left, refused;
};
static struct stream stream_state;
static atomic_int stream_closed;
static sem_t stream_closed_sem;
static void stream_more(void *self, struct http_exchange *x) {
    struct stream *s = self;
    static char piece[64 << 10];
    memset(piece, 'p', sizeof(piece));
    struct err err = ERR_INIT;
    while (s->left) {
        int rc = http_stream_write(x, piece, sizeof(piece), &err);
        if (rc) {
            assert_int_equal(rc, ERR_BUDGET);
            s->refused++;
            return;
        }
        s->left--;
    }
    http_stream_end(x);
}
static void stream_on_close(void *self, struct http_exchange *x) {
    atomic_fetch_add(&stream_closed, 1);
    sem_post(&stream_closed_sem);
}
static const struct http_stream_ops stream_ops = {stream_more, stream_on_close};
static void stream(void *self, struct http_exchange *x) {
    const char *n = http_query(x, "n");
    stream_state = (struct stream){.left = n ? atoi(n) : 0};
    http_stream_begin(x, 200, "text/plain", &stream_ops, &stream_state);
    if (n) stream_more(&stream_state, x);
}
static void stream_broken(void *self, struct http_exchange *x) {
    struct err err = ERR_INIT;
    http_stream_begin(x, 200, "text/plain", NULL, NULL);
    assert_ok(http_stream_write(x, "abc", 3, &err), &err);
    http_stream_abort(x);
}

static bool authorize(void *self, const char *method, const char *path, const char *token) {
    return token && strcmp(token, "good") == 0;
}

static int start(void **state, bool with_auth) {
    struct err e = ERR_INIT;
    sem_init(&held_sem, 0, 0);
    sem_init(&stream_closed_sem, 0, 0);
    atomic_store(&stream_closed, 0);
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "http"}, &loop, &e), &e);
    struct http_server_options o = {.authorize = with_auth ? authorize : NULL};
    assert_ok(http_server_new(loop, &o, &server, &e), &e);
    port = http_server_port(server);
    assert_true(port > 0);
    http_server_route_public(server, "GET", "/healthz", echo, "health");
    http_server_route(server, "GET", "/v1/jobs", echo, "list");
    http_server_route(server, "GET", "/v1/jobs/{id}", echo, "one");
    http_server_route(server, "DELETE", "/v1/jobs/{id}", echo, "delete");
    http_server_route(server, "GET", "/v1/jobs/overview", echo, "overview");
    http_server_route(server, "GET", "/ui/{rest...}", echo, "ui");
    http_server_route(server, "POST", "/echo", echo_body, NULL);
    http_server_route(server, "PUT", "/echo", echo_body, NULL);
    http_server_route(server, "POST", "/json", parse_body, NULL);
    http_server_route(server, "GET", "/big", big, NULL);
    http_server_route(server, "GET", "/redirect", redirect, NULL);
    http_server_route(server, "GET", "/hold", hold, NULL);
    http_server_route(server, "GET", "/stream", stream, NULL);
    http_server_route(server, "GET", "/broken", stream_broken, NULL);
    http_server_ws(server, "/ws", NULL, NULL, NULL);
    assert_ok(net_loop_start(loop, &e), &e);
    return 0;
}
static int setup(void **state) {
    return start(state, false);
}
static int setup_auth(void **state) {
    return start(state, true);
}
static int teardown(void **state) {
    net_loop_free(loop);
    return 0;
}

/* ---- tests ---- */

#define HOST "Host: localhost\r\n"

static void assert_field(const char *json, const char *key, const char *want) {
    struct err e = ERR_INIT;
    AUTO_JSON *j = NULL;
    assert_ok(json_parse(json, strlen(json), &j, &e), &e);
    const char *got = json_opt_str(j, key, NULL);
    if (want) {
        assert_string_equal(got, want);
    } else {
        assert_null(got);
    }
}

static void routes_and_parameters(void **state) {
    int fd = raw_connect(port); /* one connection for all */
    assert_int_equal(raw_request(fd, "GET /v1/jobs HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)),
                     200);
    assert_field(buf, "route", "list");
    assert_field(buf, "peer", "127.0.0.1");
    assert_int_equal(
        raw_request(fd, "GET /v1/jobs/fl%69ghts%20x?q=a%26b+c&r=1 HTTP/1.1\r\n" HOST "\r\n", buf,
                    sizeof(buf)),
        200);
    assert_field(buf, "route", "one");
    assert_field(buf, "id", "flights x");
    assert_field(buf, "q", "a&b c");
    assert_int_equal(
        raw_request(fd, "GET /v1/jobs/overview HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)), 200);
    assert_field(buf, "route", "overview");
    assert_int_equal(
        raw_request(fd, "DELETE /v1/jobs/7 HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)), 200);
    assert_field(buf, "route", "delete");
    assert_int_equal(raw_request(fd, "GET /ui/a/b.js HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)),
                     200);
    assert_field(buf, "rest", "a/b.js");
    assert_int_equal(raw_request(fd, "GET /ui/ HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)), 200);
    assert_field(buf, "rest", "");
    close(fd);
}

static void unknown_paths_and_methods(void **state) {
    int fd = raw_connect(port);
    assert_int_equal(raw_request(fd, "GET /nope HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)), 404);
    assert_non_null(strstr(buf, "\"code\":\"NOT_FOUND\""));
    assert_non_null(strstr(buf, "nothing at /nope"));
    assert_int_equal(raw_request(fd, "GET /v1/jobs/ HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)),
                     404); /* an empty parameter is none */
    raw_send_text(fd, "PATCH /v1/jobs/7 HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 405 ", 13);
    assert_non_null(strstr(buf, "Allow: GET, DELETE, HEAD\r\n"));
    close(fd);
    fd = raw_connect(port);
    raw_send_text(fd, "GET /ws HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 426 ", 13);
    close(fd);
}

static void bodies_by_length_and_in_chunks(void **state) {
    int fd = raw_connect(port);
    assert_int_equal(raw_request(fd,
                                 "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
                                 buf, sizeof(buf)),
                     200);
    assert_string_equal(buf, "hello");
    assert_int_equal(raw_request(fd, "POST /echo HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)), 200);
    assert_string_equal(buf, ""); /* a POST without a body is one with an empty body */
    assert_int_equal(raw_request(fd,
                                 "PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                                 "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
                                 buf, sizeof(buf)),
                     200);
    assert_string_equal(buf, "abc0123456789");
    /* byte by byte */
    const char *slow = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz";
    for (const char *p = slow; *p; p++)
        raw_send(fd, p, 1);
    assert_int_equal(raw_request(fd, "", buf, sizeof(buf)), 200);
    assert_string_equal(buf, "xyz");
    close(fd);
}

static void body_limit(void **state) {
    int fd = raw_connect(port);
    AUTO_STR req = STR_INIT;
    str_addf(&req, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
             HTTP_BODY_MAX_BYTES);
    size_t head = req.len;
    str_reserve(&req, HTTP_BODY_MAX_BYTES);
    memset(req.ptr + head, 'b', HTTP_BODY_MAX_BYTES);
    req.len += HTTP_BODY_MAX_BYTES;
    raw_send(fd, req.ptr, req.len);
    assert_int_equal(raw_request(fd, "", buf, sizeof(buf)), 200);
    assert_int_equal(strlen(buf), HTTP_BODY_MAX_BYTES);
    close(fd);
    /* one byte more: refused by its length, though the client sends all of it first */
    fd = raw_connect(port);
    str_clear(&req);
    str_addf(&req, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
             HTTP_BODY_MAX_BYTES + 1);
    head = req.len;
    str_reserve(&req, HTTP_BODY_MAX_BYTES + 1);
    memset(req.ptr + head, 'b', HTTP_BODY_MAX_BYTES + 1);
    req.len += HTTP_BODY_MAX_BYTES + 1;
    raw_send(fd, req.ptr, req.len);
    assert_true(raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n") > 0);
    assert_memory_equal(buf, "HTTP/1.1 413 ", 13);
    assert_non_null(strstr(buf, "Connection: close\r\n"));
    raw_read_to_end(fd, buf, sizeof(buf));
    close(fd);
    /* and chunked, where the length isn't known beforehand */
    fd = raw_connect(port);
    raw_send_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    AUTO_FREE char *chunk = mem_alloc(1 << 16);
    memset(chunk, 'c', 1 << 16);
    for (int i = 0; i < 17; i++) {
        raw_send_text(fd, "10000\r\n");
        raw_send(fd, chunk, 1 << 16);
        raw_send_text(fd, "\r\n");
    }
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 413 ", 13);
    close(fd);
}

static void json_bodies(void **state) {
    int fd = raw_connect(port);
    assert_int_equal(raw_request(fd, "POST /json HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}",
                                 buf, sizeof(buf)),
                     204);
    assert_int_equal(raw_request(fd,
                                 "POST /json HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n{\n1}",
                                 buf, sizeof(buf)),
                     400);
    assert_non_null(strstr(buf, "\"line\":2"));
    assert_non_null(strstr(buf, "request body: JSON line 2"));
    assert_int_equal(raw_request(fd, "POST /json HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
                                 buf, sizeof(buf)),
                     400);
    assert_non_null(strstr(buf, "\"class\":\"USER\""));
    close(fd);
}

static void malformed_requests_get_400_and_the_door(void **state) {
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GARBAGE\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
        {"GET nope HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "Bad Header: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST " folded: x\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = raw_connect(port);
        raw_send_text(fd, rows[i].request);
        raw_read_to_end(fd, buf, sizeof(buf)); /* it closes */
        if (atoi(buf + 9) != rows[i].status) fail_msg("%s -> %.20s", rows[i].request, buf);
        assert_non_null(strstr(buf, "Connection: close\r\n"));
        assert_non_null(strstr(buf, "{\"error\":"));
        close(fd);
    }
}

static void long_heads_are_refused(void **state) {
    int fd = raw_connect(port);
    AUTO_STR req = STR_INIT;
    str_add(&req, "GET /v1/jobs HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 1000; i++)
        str_addf(&req, "X-%d: some text to make it long\r\n", i);
    raw_send(fd, req.ptr, req.len);
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 431 ", 13);
    close(fd);
    fd = raw_connect(port);
    str_clear(&req);
    str_add(&req, "GET /");
    for (int i = 0; i < 5000; i++)
        str_add_char(&req, 'u');
    str_add(&req, " HTTP/1.1\r\n" HOST "\r\n");
    raw_send(fd, req.ptr, req.len);
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 414 ", 13);
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    int fd = raw_connect(port);
    AUTO_STR req = STR_INIT;
    for (int i = 0; i < 200; i++)
        str_addf(&req, "GET /v1/jobs/%d HTTP/1.1\r\n" HOST "\r\n", i);
    raw_send(fd, req.ptr, req.len);
    for (int i = 0; i < 200; i++) {
        char want[16];
        snprintf(want, sizeof(want), "%d", i);
        assert_int_equal(raw_request(fd, "", buf, sizeof(buf)), 200);
        assert_field(buf, "id", want);
    }
    close(fd);
}

static void head_has_no_body(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "HEAD /v1/jobs HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(buf, "Content-Length: "));
    assert_int_equal(raw_request(fd, "GET /healthz HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)),
                     200);
    assert_field(buf, "route", "health");
    close(fd);
}

static void connection_header_is_honoured(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /healthz HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    raw_read_to_end(fd, buf, sizeof(buf));
    assert_non_null(strstr(buf, "Connection: close\r\n"));
    close(fd);
    fd = raw_connect(port);
    raw_send_text(fd, "GET /healthz HTTP/1.0\r\n\r\n");
    raw_read_to_end(fd, buf, sizeof(buf));
    assert_memory_equal(buf, "HTTP/1.1 200 ", 13);
    close(fd);
    /* a client that ends its side still gets its answer */
    fd = raw_connect(port);
    raw_send_text(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    shutdown(fd, SHUT_WR);
    size_t n = raw_read_to_end(fd, buf, sizeof(buf));
    assert_true(n > 3 << 20);
    close(fd);
    /* one that asks for h2c is served HTTP/1.1 */
    fd = raw_connect(port);
    assert_int_equal(raw_request(fd,
                                 "GET /healthz HTTP/1.1\r\n" HOST
                                 "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                 "HTTP2-Settings: AAMAAABk\r\n\r\n",
                                 buf, sizeof(buf)),
                     200);
    close(fd);
}

static void expect_continue(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "POST /echo HTTP/1.1\r\n" HOST
                      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_string_equal(buf, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(raw_request(fd, "ok", buf, sizeof(buf)), 200);
    assert_string_equal(buf, "ok");
    close(fd);
}

static void header_values_cant_smuggle_lines(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /redirect HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_non_null(strstr(buf, "\r\nLocation: /elsewhere  Evil: 1\r\n"));
    close(fd);
}

static void late_reply_from_another_thread(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&held_sem);
    struct err e = ERR_INIT;
    assert_ok(net_loop_post(loop, reply_held, NULL, &e), &e);
    assert_int_equal(raw_request(fd, "", buf, sizeof(buf)), 200);
    assert_string_equal(buf, "late");
    assert_int_equal(raw_request(fd, "", buf, sizeof(buf)), 200); /* the one behind it */
    assert_field(buf, "route", "health");
    close(fd);
}

static void client_that_leaves_is_noticed(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&held_sem);
    bool gone = false;
    net_loop_call(loop, held_is_gone, &gone);
    assert_false(gone);
    close(fd);
    int64_t limit = clock_mono_ns() + 10000000000;
    while (!gone && clock_mono_ns() < limit)
        net_loop_call(loop, held_is_gone, &gone);
    assert_true(gone);
    net_loop_call(loop, reply_held, NULL); /* dropped, and freed: ASan would tell */
}

static void unanswered_at_shutdown(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&held_sem);
    struct err e = ERR_INIT;
    assert_ok(net_loop_post(loop, reply_held, NULL, &e), &e);
    net_loop_free(loop);
    loop = NULL;
    close(fd);
}

/* Undoes the chunks at the start of in; the length of the body, and where it ends. */
static size_t dechunk(const char *in, bool *ret_whole) {
    size_t total = 0;
    for (;;) {
        char *end;
        size_t n = strtoul(in, &end, 16);
        if (end == in || memcmp(end, "\r\n", 2) != 0) {
            *ret_whole = false;
            return total;
        }
        if (n == 0) {
            *ret_whole = memcmp(end, "\r\n\r\n", 4) == 0;
            return total;
        }
        in = end + 2 + n + 2;
        total += n;
    }
}

static void streams_wait_for_slow_readers(void **state) {
    static char big_buf[32 << 20];
    int fd = raw_connect(port);
    int small = 32 << 10;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    raw_send_text(fd, "GET /stream?n=300 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_non_null(strstr(buf, "Transfer-Encoding: chunked\r\n"));
    raw_read_to_end(fd, big_buf, sizeof(big_buf));
    bool whole;
    assert_int_equal(dechunk(big_buf, &whole), 300 * (64 << 10));
    assert_true(whole);
    assert_true(stream_state.refused > 0);
    assert_int_equal(atomic_load(&stream_closed), 0);
    close(fd);
}

static void stream_hears_that_the_client_left(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    close(fd);
    sem_wait(&stream_closed_sem);
    assert_int_equal(atomic_load(&stream_closed), 1);
}

static void aborted_stream_looks_incomplete(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /broken HTTP/1.1\r\n" HOST "\r\n");
    char text[256];
    ssize_t n, total = 0;
    while ((n = recv(fd, text, sizeof(text), 0)) > 0)
        total += n;
    text[MIN(total, (ssize_t)sizeof(text) - 1)] = '\0';
    assert_null(strstr(text, "0\r\n\r\n"));
    close(fd);
}

static void http10_stream_ends_with_the_connection(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /stream?n=2 HTTP/1.0\r\n\r\n");
    size_t n = raw_read_to_end(fd, buf, sizeof(buf));
    const char *body = strstr(buf, "\r\n\r\n") + 4;
    assert_int_equal(n - (size_t)(body - buf), 2 * (64 << 10));
    assert_null(strstr(buf, "chunked"));
    close(fd);
}

static void tokens(void **state) {
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /v1/jobs HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(fd, buf, sizeof(buf), "}}\n");
    assert_memory_equal(buf, "HTTP/1.1 401 ", 13);
    assert_non_null(strstr(buf, "WWW-Authenticate: Bearer\r\n"));
    assert_int_equal(
        raw_request(fd, "GET /v1/jobs HTTP/1.1\r\n" HOST "Authorization: Bearer bad\r\n\r\n", buf,
                    sizeof(buf)),
        401);
    assert_int_equal(
        raw_request(fd, "GET /v1/jobs HTTP/1.1\r\n" HOST "Authorization: bearer good\r\n\r\n", buf,
                    sizeof(buf)),
        200);
    assert_int_equal(raw_request(fd, "GET /healthz HTTP/1.1\r\n" HOST "\r\n", buf, sizeof(buf)),
                     200);
    close(fd);
    fd = raw_connect(port);
    raw_send_text(fd, "GET /ws HTTP/1.1\r\n" HOST
                      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    raw_read_until(fd, buf, sizeof(buf), "\r\n\r\n");
    assert_memory_equal(buf, "HTTP/1.1 401 ", 13);
    close(fd);
}

static void address_errors(void **state) {
    struct err e = ERR_INIT;
    struct http_server *s;
    assert_err(http_server_new(loop, &(struct http_server_options){.port = port}, &s, &e), ERR_NET,
               &e, "in use");
    assert_err(http_server_new(loop, &(struct http_server_options){.address = "nowhere"}, &s, &e),
               ERR_VALIDATION, &e, "IP address");
    assert_err(http_server_new(loop, &(struct http_server_options){.port = 70000}, &s, &e),
               ERR_VALIDATION, &e, "0 to 65535");
    assert_err(
        http_server_new(loop, &(struct http_server_options){.address = "203.0.113.7"}, &s, &e),
        ERR_NET, &e, "203.0.113.7");
}

static void start_is_quick_and_small(void **state) {
    struct err e = ERR_INIT;
    int64_t begun = clock_mono_ns();
    struct net_loop *l;
    struct http_server *s;
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &l, &e), &e);
    assert_ok(http_server_new(l, &(struct http_server_options){0}, &s, &e), &e);
    int64_t us = (clock_mono_ns() - begun) / 1000;
    assert_true(us < 50000); /* microseconds in fact; the machine may be busy */
    http_server_free(s);
    net_loop_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(routes_and_parameters),
        T(unknown_paths_and_methods),
        T(bodies_by_length_and_in_chunks),
        T(body_limit),
        T(json_bodies),
        T(malformed_requests_get_400_and_the_door),
        T(long_heads_are_refused),
        T(pipelined_requests_are_answered_in_order),
        T(head_has_no_body),
        T(connection_header_is_honoured),
        T(expect_continue),
        T(header_values_cant_smuggle_lines),
        T(late_reply_from_another_thread),
        T(client_that_leaves_is_noticed),
        T(unanswered_at_shutdown),
        T(streams_wait_for_slow_readers),
        T(stream_hears_that_the_client_left),
        T(aborted_stream_looks_incomplete),
        T(http10_stream_ends_with_the_connection),
        cmocka_unit_test_setup_teardown(tokens, setup_auth, teardown),
        T(address_errors),
        T(start_is_quick_and_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
