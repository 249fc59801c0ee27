/* tls_test.c - certificates of our own, and server and clients that speak TLS with them. */
#include "base/net/tls.h"

#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "base/net/http_server.h"
#include "base/net/ws_client.h"
#include "tests/unit/base/net/raw_client.h"
#include "tests/unit/cmocka_wrap.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct tls_identity ca, other_ca, leaf, client_leaf, stranger;

static int group_setup(void **state) {
    struct err e = ERR_INIT;
    static const char *const names[] = {"penstock.test", "127.0.0.1", "localhost"};
    static const char *const worker[] = {"worker-0"};
    assert_ok(tls_make_ca("penstock test CA", 0, &ca, &e), &e);
    assert_ok(tls_make_ca("another CA", 1, &other_ca, &e), &e);
    assert_ok(tls_make_leaf(&ca, names, 3, 30, &leaf, &e), &e);
    assert_ok(tls_make_leaf(&ca, worker, 1, 30, &client_leaf, &e), &e);
    assert_ok(tls_make_leaf(&other_ca, worker, 1, 30, &stranger, &e), &e);
    return 0;
}
static int group_teardown(void **state) {
    tls_identity_release(&ca);
    tls_identity_release(&other_ca);
    tls_identity_release(&leaf);
    tls_identity_release(&client_leaf);
    tls_identity_release(&stranger);
    return 0;
}

static void certificates_end_when_asked(void **state) {
    struct err e = ERR_INIT;
    long long s;
    assert_ok(tls_cert_expires_s(leaf.cert, &s, &e), &e);
    assert_in_range(s, 30 * 86400 - 60, 30 * 86400);
    assert_ok(tls_cert_expires_s(ca.cert, &s, &e), &e);
    assert_in_range(s, 365 * 86400 - 60, 365 * 86400);
    assert_err(tls_cert_expires_s("nonsense", &s, &e), ERR_VALIDATION, &e, "no certificate");
}

static void bad_names_are_refused(void **state) {
    struct err e = ERR_INIT;
    struct tls_identity id;
    static const char *const bad[] = {"", "a,IP:1.2.3.4", "a b", "a:b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_err(tls_make_leaf(&ca, &bad[i], 1, 0, &id, &e), ERR_INVALID, &e, "DNS name");
    assert_err(tls_make_leaf(&ca, bad, 0, 0, &id, &e), ERR_INVALID, &e, "names");
    static const char *const v6[] = {"::1", "*.job.svc"};
    assert_ok(tls_make_leaf(&ca, v6, 2, 0, &id, &e), &e);
    tls_identity_release(&id);
}

static void options_are_checked(void **state) {
    struct err e = ERR_INIT;
    struct tls_options o = {.enabled = true, .cert = leaf.cert, .key = leaf.key, .ca = ca.cert};
    assert_ok(tls_options_check(&o, &e), &e);
    o.key = stranger.key;
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "doesn't belong");
    o.key = NULL;
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "without its key");
    o.cert = NULL;
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "needs a certificate");
    o = (struct tls_options){.enabled = true, .cert = leaf.key, .key = leaf.key};
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "TLS certificate");
    o = (struct tls_options){
        .enabled = true, .cert = leaf.cert, .key_file = "/nonexistent/key.pem"};
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "/nonexistent/key.pem");
    o = (struct tls_options){
        .enabled = true, .cert = leaf.cert, .key = leaf.key, .require_peer_cert = true};
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "no CA");
    o = (struct tls_options){.ca = "nonsense"};
    assert_err(tls_options_check(&o, &e), ERR_VALIDATION, &e, "no certificate in it");
    assert_ok(tls_options_check(&(struct tls_options){0}, &e), &e);
}

/* ---- over the wire ---- */

static struct net_loop *loop;
static struct http_server *server;
static char url[64], wss[64];

static void hello(void *self, struct http_exchange *x) {
    AUTO_STR s = STR_INIT;
    str_addf(&s, "%zu bytes", http_body(x).len);
    http_reply_text(x, 200, str_text(&s));
}
static void big(void *self, struct http_exchange *x) {
    size_t n = 5 << 20;
    AUTO_FREE char *data = mem_alloc(n);
    memset(data, 'x', n);
    http_reply(x, 200, "text/plain", data, n);
}
static void ws_echo(void *self, struct ws_conn *c, bool binary, const void *data, size_t len) {
    struct err e = ERR_INIT;
    assert_ok(ws_send(c, binary, data, len, &e), &e);
}
static const struct ws_ops echo_ops = {.on_message = ws_echo};

static void start(bool require_peer_cert) {
    struct err e = ERR_INIT;
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &loop, &e), &e);
    struct http_server_options o = {.tls = {.enabled = true,
                                            .cert = leaf.cert,
                                            .key = leaf.key,
                                            .ca = ca.cert,
                                            .require_peer_cert = require_peer_cert}};
    assert_ok(http_server_new(loop, &o, &server, &e), &e);
    http_server_route(server, "GET", "/", hello, NULL);
    http_server_route(server, "POST", "/", hello, NULL);
    http_server_route(server, "GET", "/big", big, NULL);
    http_server_ws(server, "/ws", &echo_ops, NULL, NULL);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", http_server_port(server));
    snprintf(wss, sizeof(wss), "wss://127.0.0.1:%d/ws", http_server_port(server));
    assert_ok(net_loop_start(loop, &e), &e);
}

static int call(const struct tls_options *tls, const char *path, struct http_response *r,
                struct err *e) {
    struct http_client *c;
    char text[128];
    snprintf(text, sizeof(text), "%s%s", url, path);
    assert_ok(http_client_new(&(struct http_client_options){.tls = *tls}, &c, e), e);
    struct http_request q = {.url = text};
    int rc = http_client_call_ok(c, &q, r, e);
    http_client_free(c);
    return rc;
}

static void https(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    start(false);
    assert_ok(call(&(struct tls_options){.ca = ca.cert}, "", &r, &e), &e);
    assert_string_equal(str_text(&r.body), "0 bytes");
    assert_ok(call(&(struct tls_options){.ca = ca.cert}, "big", &r, &e), &e);
    assert_int_equal(r.body.len, 5 << 20);
    assert_err(call(&(struct tls_options){.ca = other_ca.cert}, "", &r, &e), ERR_PERMISSION, &e,
               "certificate");
    assert_err(call(&(struct tls_options){0}, "", &r, &e), ERR_PERMISSION, &e, "certificate");
    assert_ok(call(&(struct tls_options){.insecure = true}, "", &r, &e), &e);
    /* a client that doesn't speak TLS is hung up on, and the server lives on */
    char buf[256];
    int fd = raw_connect(http_server_port(server));
    raw_send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    while (recv(fd, buf, sizeof(buf), 0) > 0)
        ;
    close(fd);
    assert_ok(call(&(struct tls_options){.ca = ca.cert}, "", &r, &e), &e);
    net_loop_free(loop);
}

static void client_certificates(void **state) {
    struct err e = ERR_INIT;
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    start(true);
    struct tls_options o = {.ca = ca.cert};
    assert_int_not_equal(call(&o, "", &r, &e), 0);
    o.cert = stranger.cert;
    o.key = stranger.key;
    assert_int_not_equal(call(&o, "", &r, &e), 0);
    o.cert = client_leaf.cert;
    o.key = client_leaf.key;
    assert_ok(call(&o, "", &r, &e), &e);
    net_loop_free(loop);
}

struct end {
    sem_t sem;
    struct str got;
    int code;
    char reason[256];
};
static void on_open(void *self, struct ws_conn *c) {
    static char text[200000];
    struct err e = ERR_INIT;
    memset(text, 't', sizeof(text));
    assert_ok(ws_send(c, false, text, sizeof(text), &e), &e);
}
static void on_message(void *self, struct ws_conn *c, bool binary, const void *data, size_t len) {
    struct end *end = self;
    str_add_n(&end->got, data, len);
    ws_close(c, WS_CLOSE_NORMAL, "done");
}
static void on_close(void *self, struct ws_conn *c, int code, const char *reason) {
    struct end *end = self;
    end->code = code;
    snprintf(end->reason, sizeof(end->reason), "%s", reason);
    sem_post(&end->sem);
}
static const struct ws_ops client_ops = {on_open, on_message, NULL, on_close};

struct dial {
    struct ws_connect_options o;
    struct end *end;
};
static void dial_here(void *arg) {
    struct dial *d = arg;
    struct ws_conn *c;
    struct err e = ERR_INIT;
    assert_ok(ws_connect(loop, &d->o, &client_ops, d->end, &c, &e), &e);
}

static void websocket_over_tls(void **state) {
    start(true);
    struct tls_options good = {.ca = ca.cert, .cert = client_leaf.cert, .key = client_leaf.key};
    struct tls_options named = good, wrong_name = good, wrong_ca = good, no_cert = {.ca = ca.cert};
    named.server_name = "penstock.test";
    wrong_name.server_name = "elsewhere.test";
    wrong_ca.ca = other_ca.cert;
    const struct {
        const struct tls_options *tls;
        int code;
        const char *part;
    } rows[] = {{&good, WS_CLOSE_NORMAL, "done"},
                {&named, WS_CLOSE_NORMAL, "done"},
                {&wrong_name, WS_CLOSE_ABNORMAL, "mismatch"},
                {&wrong_ca, WS_CLOSE_ABNORMAL, "the server's certificate"},
                {&no_cert, WS_CLOSE_ABNORMAL, "TLS"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct end end = {0};
        sem_init(&end.sem, 0, 0);
        struct dial d = {{.url = wss, .tls = *rows[i].tls}, &end};
        net_loop_call(loop, dial_here, &d);
        sem_wait(&end.sem);
        if (end.code != rows[i].code || !strstr(end.reason, rows[i].part))
            fail_msg("row %zu: %d %s", i, end.code, end.reason);
        if (rows[i].code == WS_CLOSE_NORMAL) assert_int_equal(end.got.len, 200000);
        str_release(&end.got);
    }
    net_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_end_when_asked), cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(options_are_checked),         cmocka_unit_test(https),
        cmocka_unit_test(client_certificates),         cmocka_unit_test(websocket_over_tls),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
