/* http_client_test.c - the client against our server, and against sockets that misbehave. */
#include "base/net/http_client.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "base/net/http_server.h"
#include "tests/unit/base/net/raw_client.h"
#include "tests/unit/cmocka_wrap.h"

#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_loop *loop;
static struct http_server *server;
static struct http_client *client;
static bool on_loop; /* the client under test lives on the server's loop */
static char base[64];
static atomic_int hits, now_active, most_active;

static void echo(void *self, struct http_exchange *x) {
    AUTO_JSON *j = cJSON_CreateObject();
    struct sv body = http_body(x);
    json_set_str(j, "method", http_method(x));
    json_set_str(j, "body", body.len < 1000 ? body.ptr ? body.ptr : "" : "long");
    json_set_i64(j, "body_bytes", (int64_t)body.len);
    json_set_str(j, "x", http_header(x, "x-test"));
    json_set_str(j, "auth", http_header(x, "authorization"));
    json_set_str(j, "type", http_header(x, "content-type"));
    json_set_str(j, "agent", http_header(x, "user-agent"));
    json_set_str(j, "param", http_param(x, "name"));
    http_reply_header(x, "X-Answer", " 42 ");
    http_reply_json(x, 200, j);
}

/* The status in the path; the first `fails` requests get it, the next ones 200. */
static atomic_int fails;
static void flaky(void *self, struct http_exchange *x) {
    atomic_fetch_add(&hits, 1);
    int status = atomic_fetch_sub(&fails, 1) > 0 ? atoi(http_param(x, "status")) : 200;
    if (http_query(x, "after")) http_reply_header(x, "Retry-After", http_query(x, "after"));
    http_reply_text(x, status, status == 200 ? "fine" : "not now");
}

static void redirect(void *self, struct http_exchange *x) {
    http_reply_redirect(x, "/echo/redirected");
}

static void big(void *self, struct http_exchange *x) {
    size_t n = 1 << 20;
    AUTO_FREE char *data = mem_alloc(n);
    memset(data, 'x', n);
    http_reply(x, http_query(x, "fail") ? 500 : 200, "text/plain", data, n);
}

static void never(void *self, struct http_exchange *x) {
    http_stream_begin(x, 200, "text/plain", NULL, NULL);
    struct err e = ERR_INIT;
    assert_ok(http_stream_write(x, "first\n", 6, &e), &e);
}

/* Answers 20 ms later and counts how many wait at once. */
struct wait {
    struct http_exchange *x;
    struct net_timer *timer;
};
static void wait_over(void *arg) {
    struct wait *w = arg;
    atomic_fetch_sub(&now_active, 1);
    http_reply_text(w->x, 200, "");
    net_timer_free(w->timer);
    free(w);
}
static void wait_a_little(void *self, struct http_exchange *x) {
    struct wait *w = mem_zalloc(sizeof(*w));
    w->x = x;
    w->timer = net_timer_new(loop, wait_over, w);
    int n = atomic_fetch_add(&now_active, 1) + 1;
    if (n > atomic_load(&most_active)) atomic_store(&most_active, n);
    net_timer_set(w->timer, 20);
}

/* A client as the options say, on a thread of its own or on the loop. */
static struct http_client *new_client(struct http_client_options o) {
    struct http_client *c;
    struct err e = ERR_INIT;
    if (on_loop) {
        o.loop = loop;
        o.on_loop = true;
    }
    assert_ok(http_client_new(&o, &c, &e), &e);
    return c;
}

static int setup(void **state) {
    struct err e = ERR_INIT;
    atomic_store(&hits, 0);
    atomic_store(&fails, 0);
    atomic_store(&now_active, 0);
    atomic_store(&most_active, 0);
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &loop, &e), &e);
    assert_ok(http_server_new(loop, &(struct http_server_options){.body_max_bytes = 8 << 20},
                              &server, &e),
              &e);
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        http_server_route(server, methods[i], "/echo/{name...}", echo, NULL);
        http_server_route(server, methods[i], "/flaky/{status}", flaky, NULL);
    }
    http_server_route(server, "GET", "/redirect", redirect, NULL);
    http_server_route(server, "GET", "/big", big, NULL);
    http_server_route(server, "GET", "/never", never, NULL);
    http_server_route(server, "GET", "/wait", wait_a_little, NULL);
    snprintf(base, sizeof(base), "http://127.0.0.1:%d", http_server_port(server));
    assert_ok(net_loop_start(loop, &e), &e);
    client = new_client((struct http_client_options){.concurrency = 4});
    return 0;
}
static int teardown(void **state) {
    http_client_free(client);
    net_loop_free(loop);
    return 0;
}

static const char *url(const char *path) {
    static char text[256];
    snprintf(text, sizeof(text), "%s%s", base, path);
    return text;
}

static void assert_field(const struct http_response *r, const char *key, const char *want) {
    struct err e = ERR_INIT;
    AUTO_JSON *j = NULL;
    assert_ok(json_parse(r->body.ptr, r->body.len, &j, &e), &e);
    const char *got = json_opt_str(j, key, NULL);
    if (!want) {
        assert_null(got);
    } else if (!got || strcmp(got, want) != 0) {
        fail_msg("%s: %s, want %s", key, got, want);
    }
}

static void methods_headers_bodies(void **state) {
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct http_client_header headers[] = {{"X-Test", "a b"}, {"Content-Type", "text/x"}};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        for (int with_body = 0; with_body < 2; with_body++) {
            AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
            struct http_request q = {.method = methods[i], .url = url("/echo/a%20b")};
            if (with_body) {
                q.body = "hello";
                q.body_len = 5;
                q.headers = headers;
                q.n_headers = 2;
            }
            assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
            assert_int_equal(r.status, 200);
            assert_int_equal(r.attempts, 1);
            assert_field(&r, "method", methods[i]);
            assert_field(&r, "body", with_body ? "hello" : "");
            assert_field(&r, "x", with_body ? "a b" : NULL);
            assert_field(&r, "type", with_body ? "text/x" : NULL);
            assert_field(&r, "param", "a b");
            assert_field(&r, "agent", "penstock/" PENSTOCK_VERSION);
            assert_true(sv_eq_str(http_response_header(&r, "x-answer"), "42"));
            assert_null(http_response_header(&r, "x-none").ptr);
        }
    }
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_request q = {.method = "HEAD", .url = url("/echo/x")};
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_int_equal(r.body.len, 0);
}

static void credentials(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_request q = {.url = url("/echo/x"), .bearer_token = "t0ken"};
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_field(&r, "auth", "Bearer t0ken");
    q = (struct http_request){.url = url("/echo/x"), .user = "u", .password = "p"};
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_field(&r, "auth", "Basic dTpw");
    q.sigv4 = "aws:amz:eu-central-1:s3";
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_non_null(strstr(r.body.ptr, "AWS4-HMAC-SHA256 Credential=u/"));
}

static void statuses_become_errors(void **state) {
    static const struct {
        int status, code;
        enum err_class cls;
    } rows[] = {
        {400, ERR_INVALID, ERR_CLASS_USER},      {401, ERR_PERMISSION, ERR_CLASS_USER},
        {403, ERR_PERMISSION, ERR_CLASS_USER},   {404, ERR_NOT_FOUND, ERR_CLASS_USER},
        {409, ERR_EXISTS, ERR_CLASS_USER},       {412, ERR_EXISTS, ERR_CLASS_USER},
        {429, ERR_UNAVAILABLE, ERR_CLASS_RETRY}, {500, ERR_UNAVAILABLE, ERR_CLASS_RETRY},
        {503, ERR_UNAVAILABLE, ERR_CLASS_RETRY}, {504, ERR_TIMEOUT, ERR_CLASS_RETRY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[64];
        struct err e = ERR_INIT;
        AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
        snprintf(path, sizeof(path), "/flaky/%d?secret=1", rows[i].status);
        atomic_store(&fails, 1);
        struct http_request q = {.url = url(path)};
        assert_err(http_client_call_ok(client, &q, &r, &e), rows[i].code, &e, "not now");
        assert_int_equal(e.cls, rows[i].cls);
        assert_int_equal(r.status, rows[i].status);
        assert_null(strstr(e.msg, "secret"));
        snprintf(path, sizeof(path), ": %d ", rows[i].status);
        assert_non_null(strstr(e.msg, path));
    }
}

static void transient_statuses_are_retried(void **state) {
    static const struct {
        const char *method;
        int status, fails, attempts, hits;
        bool idempotent;
        int final;
    } rows[] = {
        {"GET", 503, 2, 5, 3, false, 200},  {"GET", 500, 9, 3, 3, false, 500},
        {"GET", 404, 1, 5, 1, false, 404},  {"DELETE", 429, 1, 2, 2, false, 200},
        {"POST", 503, 1, 5, 1, false, 503}, {"POST", 503, 1, 5, 2, true, 200},
        {"PUT", 502, 1, 0, 1, false, 502},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[64];
        struct err e = ERR_INIT;
        AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
        snprintf(path, sizeof(path), "/flaky/%d", rows[i].status);
        atomic_store(&fails, rows[i].fails);
        atomic_store(&hits, 0);
        struct http_request q = {.method = rows[i].method,
                                 .url = url(path),
                                 .retry = {.attempts = rows[i].attempts,
                                           .base_ms = 2,
                                           .max_ms = 4,
                                           .idempotent = rows[i].idempotent}};
        assert_ok(http_client_call(client, &q, &r, &e), &e);
        assert_int_equal(r.status, rows[i].final);
        assert_int_equal(atomic_load(&hits), rows[i].hits);
        assert_int_equal(r.attempts, rows[i].hits);
        assert_string_equal(str_text(&r.body), rows[i].final == 200 ? "fine" : "not now");
    }
}

static void retry_after_is_honoured(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    atomic_store(&fails, 1);
    int64_t begun = clock_mono_ns();
    struct http_request q = {.url = url("/flaky/429?after=1"),
                             .retry = {.attempts = 2, .base_ms = 1, .max_ms = 2}};
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_true(clock_mono_ns() - begun >= 900000000);
}

/* A server that hangs up on the first connections, then answers. */
struct rude {
    int fd, cuts;
};
static void rude_main(void *arg) {
    struct rude *s = arg;
    char buf[4096];
    for (int i = 0; i <= s->cuts; i++) {
        int conn = accept(s->fd, NULL, NULL);
        raw_read_until(conn, buf, sizeof(buf), "\r\n\r\n");
        if (i == s->cuts)
            raw_send_text(conn,
                          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        close(conn);
    }
}

static void cut_connections_are_retried(void **state) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    struct rude s = {socket(AF_INET, SOCK_STREAM, 0), 2};
    assert_int_equal(bind(s.fd, (struct sockaddr *)&a, sizeof(a)), 0);
    listen(s.fd, 4);
    getsockname(s.fd, (struct sockaddr *)&a, &len);
    struct thread t;
    struct err e = ERR_INIT;
    assert_ok(thread_start(&t, "rude", rude_main, &s, &e), &e);
    char text[64];
    snprintf(text, sizeof(text), "http://127.0.0.1:%d/", ntohs(a.sin_port));
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_request q = {.url = text, .retry = {.attempts = 5, .base_ms = 1, .max_ms = 2}};
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_string_equal(str_text(&r.body), "ok");
    assert_int_equal(r.attempts, 3);
    thread_join(&t);
    close(s.fd);
    assert_err(http_client_call(client, &q, &r, &e), ERR_NET, &e, "GET http://127.0.0.1:");
    assert_int_equal(r.attempts, 5);
    assert_int_equal(e.cls, ERR_CLASS_RETRY);
}

static void redirects_only_when_asked(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_request q = {.url = url("/redirect")};
    assert_ok(http_client_call(client, &q, &r, &e), &e);
    assert_int_equal(r.status, 302);
    assert_true(sv_eq_str(http_response_header(&r, "Location"), "/echo/redirected"));
    q.follow_redirects = true;
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_field(&r, "param", "redirected");
    assert_non_null(strstr(r.url, "/echo/redirected"));
    assert_null(http_response_header(&r, "Location").ptr); /* headers of the last response alone */
}

/* The URL's host is asked for, another address is called. */
static void connects_elsewhere(void **state) {
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    AUTO_STR to = STR_INIT;
    struct err e = ERR_INIT;
    str_addf(&to, "127.0.0.1:%d", http_server_port(server));
    struct http_request q = {.url = "http://nowhere.invalid:1/echo/a", .connect_to = str_text(&to)};
    assert_ok(http_client_call(client, &q, &r, &e), &e);
    assert_int_equal(r.status, 200);
}

static void response_limit(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_request q = {.url = url("/big"), .response_max_bytes = 1000};
    assert_err(http_client_call(client, &q, &r, &e), ERR_BUDGET, &e, "larger than 1000 bytes");
    q.response_max_bytes = 1 << 20;
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
    assert_int_equal(r.body.len, 1 << 20);
}

static void time_limits(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_request q = {.url = url("/never"), .timeout_ms = 50};
    assert_err(http_client_call(client, &q, &r, &e), ERR_TIMEOUT, &e, "/never");
    q = (struct http_request){.url = url("/never"), .timeout_ms = -1, .idle_timeout_ms = 1000};
    assert_err(http_client_call(client, &q, &r, &e), ERR_TIMEOUT, &e, "/never");
}

struct sink {
    size_t bytes, stop_at;
    int status;
};
static int take(void *self, const struct http_response *r, const void *data, size_t len) {
    struct sink *s = self;
    s->bytes += len;
    s->status = r->status;
    return s->stop_at && s->bytes >= s->stop_at;
}

static void streaming_download(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct sink s = {0};
    struct http_request q = {
        .url = url("/big"), .response_max_bytes = 10, .on_data = take, .self = &s};
    assert_ok(http_client_call_ok(client, &q, &r, &e), &e); /* the limit is for buffers */
    assert_int_equal(s.bytes, 1 << 20);
    assert_int_equal(s.status, 200);
    assert_int_equal(r.body.len, 0);
    s = (struct sink){.stop_at = 1000};
    assert_err(http_client_call(client, &q, &r, &e), ERR_CANCELLED, &e, "receiver");
    assert_true(s.bytes < 1 << 20);
    s = (struct sink){0};
    q.url = url("/flaky/404");
    q.response_max_bytes = 0;
    atomic_store(&fails, 1);
    assert_err(http_client_call_ok(client, &q, &r, &e), ERR_NOT_FOUND, &e, "not now");
    assert_int_equal(s.bytes, 0); /* an error's body is no data */
}

struct source {
    size_t left;
    bool fail;
};
static int64_t give(void *self, void *buf, size_t size) {
    struct source *s = self;
    size_t n = MIN(size, s->left);
    if (s->fail && s->left < 100000) return ERR_IO;
    memset(buf, 's', n);
    s->left -= n;
    return (int64_t)n;
}

static void streaming_upload(void **state) {
    struct err e = ERR_INIT;
    for (int chunked = 0; chunked < 2; chunked++) {
        AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
        struct source s = {.left = 300000};
        struct http_request q = {.method = "PUT",
                                 .url = url("/echo/up"),
                                 .read = give,
                                 .read_size_bytes = chunked ? -1 : 300000,
                                 .self = &s};
        assert_ok(http_client_call_ok(client, &q, &r, &e), &e);
        assert_field(&r, "method", "PUT");
        assert_non_null(strstr(r.body.ptr, "\"body_bytes\":300000"));
        s = (struct source){.left = 300000, .fail = true};
        assert_err(http_client_call(client, &q, &r, &e), ERR_IO, &e, "body to send");
    }
}

/* ---- asynchronous ---- */

struct async {
    sem_t sem;
    atomic_int done, failed, on_loop;
    int last_code;
};
static void on_done(void *self, const struct http_response *r, const struct err *err) {
    struct async *a = self;
    if (err) {
        atomic_fetch_add(&a->failed, 1);
        a->last_code = err->code;
    } else {
        assert_int_equal(r->status, 200);
    }
    if (net_loop_is_here(loop)) atomic_fetch_add(&a->on_loop, 1);
    atomic_fetch_add(&a->done, 1);
    sem_post(&a->sem);
}

static void concurrency_is_bounded(void **state) {
    struct async a = {0};
    struct err e = ERR_INIT;
    sem_init(&a.sem, 0, 0);
    for (int i = 0; i < 40; i++) {
        struct http_request q = {.url = url("/wait"), .on_done = on_done, .self = &a};
        assert_ok(http_client_submit(client, &q, NULL, &e), &e);
    }
    for (int i = 0; i < 40; i++)
        sem_wait(&a.sem);
    assert_int_equal(atomic_load(&a.failed), 0);
    assert_int_equal(atomic_load(&most_active), 4);
}

static void queue_is_bounded(void **state) {
    struct async a = {0};
    struct err e = ERR_INIT;
    sem_init(&a.sem, 0, 0);
    struct http_client *c =
        new_client((struct http_client_options){.concurrency = 1, .queue_max = 3});
    struct http_request q = {
        .url = url("/never"), .timeout_ms = -1, .on_done = on_done, .self = &a};
    for (int i = 0; i < 3; i++)
        assert_ok(http_client_submit(c, &q, NULL, &e), &e);
    assert_err(http_client_submit(c, &q, NULL, &e), ERR_UNAVAILABLE, &e, "3 requests are waiting");
    http_client_free(c); /* cancels all three */
    assert_int_equal(atomic_load(&a.done), 3);
    assert_int_equal(atomic_load(&a.failed), 3);
    assert_int_equal(a.last_code, ERR_CANCELLED);
}

static void cancel_active_and_waiting(void **state) {
    struct async a = {0};
    struct err e = ERR_INIT;
    sem_init(&a.sem, 0, 0);
    struct http_client *c =
        new_client((struct http_client_options){.concurrency = 1, .loop = loop});
    struct http_request q = {
        .url = url("/never"), .timeout_ms = -1, .on_done = on_done, .self = &a};
    uint64_t first, second;
    assert_ok(http_client_submit(c, &q, &first, &e), &e);
    assert_ok(http_client_submit(c, &q, &second, &e), &e);
    http_client_cancel(c, second);
    sem_wait(&a.sem);
    http_client_cancel(c, first);
    sem_wait(&a.sem);
    http_client_cancel(c, first); /* is done: nothing */
    q = (struct http_request){.url = url("/echo/x"), .on_done = on_done, .self = &a};
    assert_ok(http_client_submit(c, &q, NULL, &e), &e);
    sem_wait(&a.sem);
    assert_int_equal(atomic_load(&a.failed), 2);
    assert_int_equal(atomic_load(&a.on_loop), 3); /* callbacks come on the loop's thread */
    http_client_free(c);
}

static void bad_requests_are_refused_at_once(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    struct http_client_header bad = {"X", "a\r\nb: c"};
    struct http_request q = {.url = "ftp://x/"};
    assert_err(http_client_call(client, &q, &r, &e), ERR_INVALID, &e, "scheme");
    q.url = "ws://x/";
    assert_err(http_client_call(client, &q, &r, &e), ERR_INVALID, &e, "http or https");
    q.url = NULL;
    assert_err(http_client_call(client, &q, &r, &e), ERR_INVALID, &e, "without a URL");
    q = (struct http_request){.url = base, .headers = &bad, .n_headers = 1};
    assert_err(http_client_call(client, &q, &r, &e), ERR_INVALID, &e, "header 'X'");
}

static void url_encoding(void **state) {
    AUTO_STR s = STR_INIT;
    http_url_encode(&s, SV_LIT("a/b c\xC3\xA9~-_.%+"), false);
    assert_string_equal(str_text(&s), "a%2Fb%20c%C3%A9~-_.%25%2B");
    str_clear(&s);
    http_url_encode(&s, SV_LIT("a/b c"), true);
    assert_string_equal(str_text(&s), "a/b%20c");
}

struct on_a_loop {
    struct net_loop *loop;
    struct http_client *client;
    pthread_t thread;
    int chain; /* requests left to send, each from the callback of the one before */
    bool elsewhere;
};

static int chain_data(void *self, const struct http_response *r, const void *data, size_t len) {
    struct on_a_loop *l = self;
    l->elsewhere |= !pthread_equal(l->thread, pthread_self());
    return 0;
}

static void chain_next(void *arg);
static void chain_done(void *self, const struct http_response *r, const struct err *err) {
    struct on_a_loop *l = self;
    if (l->chain < 0) {
        assert_int_equal(err->code, ERR_CANCELLED);
        return;
    }
    assert_null(err);
    l->elsewhere |= !pthread_equal(l->thread, pthread_self());
    if (l->chain-- == 0) {
        net_loop_stop(l->loop);
    } else {
        chain_next(l);
    }
}

static void chain_next(void *arg) {
    struct on_a_loop *l = arg;
    struct err e = ERR_INIT;
    struct http_request q = {
        .url = url("/big"), .on_data = chain_data, .on_done = chain_done, .self = l};
    assert_ok(http_client_submit(l->client, &q, NULL, &e), &e);
}

/* A program with one thread: requests follow from callbacks, all on the thread that runs the loop.
 */
static void one_thread_does_it_all(void **state) {
    struct on_a_loop l = {.thread = pthread_self(), .chain = 20};
    struct err e = ERR_INIT;
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &l.loop, &e), &e);
    struct http_client_options o = {.loop = l.loop, .on_loop = true};
    assert_ok(http_client_new(&o, &l.client, &e), &e);
    chain_next(&l);
    net_loop_run(l.loop);
    assert_int_equal(l.chain, -1);
    assert_false(l.elsewhere);
    chain_next(&l);
    http_client_free(l.client);
    net_loop_free(l.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(methods_headers_bodies),
        T(credentials),
        T(statuses_become_errors),
        T(transient_statuses_are_retried),
        T(retry_after_is_honoured),
        T(cut_connections_are_retried),
        T(redirects_only_when_asked),
        T(connects_elsewhere),
        T(response_limit),
        T(time_limits),
        T(streaming_download),
        T(streaming_upload),
        T(concurrency_is_bounded),
        T(queue_is_bounded),
        T(cancel_active_and_waiting),
        T(bad_requests_are_refused_at_once),
        T(one_thread_does_it_all),
        cmocka_unit_test(url_encoding),
    };
    int failed = cmocka_run_group_tests_name("on a thread of its own", tests, NULL, NULL);
    on_loop = true;
    return failed + cmocka_run_group_tests_name("on a loop", tests, NULL, NULL);
}
