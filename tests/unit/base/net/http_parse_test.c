/* http_parse_test.c - messages as text. What must be refused is in http_server_test, too. */
#include "base/net/http_parse.h"

#include "base/net/http_server.h"
#include "tests/unit/cmocka_wrap.h"

static struct arena arena;

static int setup(void **state) {
    arena_init(&arena);
    return 0;
}
static int teardown(void **state) {
    arena_release(&arena);
    return 0;
}

static int parse(const char *text, struct http_head *h, int *status) {
    size_t used = 0;
    struct err e = ERR_INIT;
    int rc = http_parse_request(text, strlen(text), &arena, h, &used, status, &e);
    if (rc == 0) assert_int_equal(used, strlen(text));
    return rc;
}

static void request_in_full(void **state) {
    struct http_head h;
    int status = 0;
    assert_int_equal(
        parse("POST /a%2Fb/c?x=1%202&y HTTP/1.1\r\nHost: h:80\r\nX-Two:  a b \t\r\n"
              "Content-Length: 12\r\nConnection: Keep-Alive\r\nExpect: 100-Continue\r\n\r\n",
              &h, &status),
        0);
    assert_string_equal(h.method, "POST");
    assert_string_equal(h.path, "/a/b/c");
    assert_string_equal(h.query, "x=1%202&y");
    assert_string_equal(http_query_get(h.query, "x", &arena), "1 2");
    assert_string_equal(http_query_get(h.query, "y", &arena), "");
    assert_null(http_query_get(h.query, "z", &arena));
    assert_string_equal(http_field_get(&h, "x-two"), "a b");
    assert_null(http_field_get(&h, "x-one"));
    assert_int_equal(h.content_length, 12);
    assert_true(h.keep_alive && h.expect_continue && !h.chunked && !h.upgrade_websocket);
    assert_int_equal(h.minor_version, 1);
}

static void variants(void **state) {
    struct http_head h;
    int status = 0;
    assert_int_equal(parse("\r\n\r\nGET / HTTP/1.0\n\n", &h, &status), 0);
    assert_false(h.keep_alive);
    assert_int_equal(h.content_length, -1);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &h, &status), 0);
    assert_true(h.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nConnection: foo, CLOSE\r\n\r\n", &h, &status), 0);
    assert_false(h.keep_alive);
    assert_int_equal(parse("GET http://host/p?q HTTP/1.1\r\nHost: host\r\n\r\n", &h, &status), 0);
    assert_string_equal(h.path, "/p");
    assert_int_equal(parse("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n"
                           "Connection: Upgrade\r\n\r\n",
                           &h, &status),
                     0);
    assert_true(h.upgrade_websocket);
    assert_int_equal(parse("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", &h, &status), 0);
    assert_false(h.upgrade_websocket); /* Connection must say so, too */
    assert_int_equal(
        parse("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", &h, &status), 0);
    assert_int_equal(h.content_length, 3);
}

/* Every prefix asks for more; no prefix is taken for the whole. */
static void prefixes_ask_for_more(void **state) {
    static const char text[] = "GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    struct http_head h;
    struct err e = ERR_INIT;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        size_t used;
        int status;
        assert_int_equal(http_parse_request(text, n, &arena, &h, &used, &status, &e),
                         HTTP_PARSE_MORE);
    }
}

static void limits_have_their_status(void **state) {
    struct http_head h;
    int status = 0;
    AUTO_STR s = STR_INIT;
    str_add(&s, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
        str_addf(&s, "h%d: v\r\n", i);
    str_add(&s, "\r\n");
    assert_int_equal(parse(s.ptr, &h, &status), ERR_PROTOCOL);
    assert_int_equal(status, 431);
    str_clear(&s);
    str_add(&s, "GET /");
    while (s.len < HTTP_URI_MAX_BYTES + 10)
        str_add_char(&s, 'x');
    str_add(&s, " HTTP/1.1\r\n\r\n");
    assert_int_equal(parse(s.ptr, &h, &status), ERR_PROTOCOL);
    assert_int_equal(status, 414);
    assert_int_equal(
        parse("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", &h, &status),
        ERR_PROTOCOL);
    assert_int_equal(status, 400);
    assert_int_equal(parse("GET / HTTP/3.0\r\n\r\n", &h, &status), ERR_PROTOCOL);
    assert_int_equal(status, 505);
}

static void responses(void **state) {
    static const char good[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nrest";
    struct http_head h;
    struct err e = ERR_INIT;
    size_t used;
    assert_ok(http_parse_response(good, sizeof(good) - 1, &arena, &h, &used, &e), &e);
    assert_int_equal(h.status, 101);
    assert_int_equal(used, sizeof(good) - 5);
    static const char *const bad[] = {"HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
                                      "HTTP/1.1\r\n\r\n", "ICY 200 OK\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(http_parse_response(bad[i], strlen(bad[i]), &arena, &h, &used, &e),
                         ERR_PROTOCOL);
}

static int feed(const char *text, size_t step, size_t max, struct str *out, size_t *used) {
    struct http_chunked c = {0};
    struct err e = ERR_INIT;
    size_t len = strlen(text);
    int rc = HTTP_PARSE_MORE;
    *used = 0;
    while (rc == HTTP_PARSE_MORE && *used < len) {
        size_t got = 0;
        rc = http_chunked_feed(&c, text + *used, MIN(step, len - *used), &got, out, max, &e);
        *used += got;
    }
    return rc;
}

static void chunked_bodies_in_any_pieces(void **state) {
    static const char text[] =
        "5\r\nhello\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nT: x\r\nU: y\r\n\r\nNEXT";
    for (size_t step = 1; step < sizeof(text); step++) {
        AUTO_STR out = STR_INIT;
        size_t used;
        assert_int_equal(feed(text, step, 100, &out, &used), 0);
        assert_string_equal(str_text(&out), "hello0123456789");
        assert_string_equal(text + used, "NEXT");
    }
    static const struct {
        const char *text;
        int rc;
    } rows[] = {
        {"5\r\nhello", HTTP_PARSE_MORE}, {"5\r\nhelloX", ERR_PROTOCOL},
        {"\r\n", ERR_PROTOCOL},          {"g\r\n", ERR_PROTOCOL},
        {"-1\r\n", ERR_PROTOCOL},        {"11111111111111111\r\n", ERR_PROTOCOL},
        {"65\r\n", HTTP_PARSE_MORE},     {"0\r\nx\n\r\n", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_STR out = STR_INIT;
        size_t used;
        if (feed(rows[i].text, 1, 100, &out, &used) != rows[i].rc) fail_msg("%s", rows[i].text);
    }
    AUTO_STR out = STR_INIT;
    size_t used;
    assert_int_equal(feed("65\r\nx", 3, 100, &out, &used), HTTP_PARSE_MORE);
    str_clear(&out);
    assert_int_equal(feed("5\r\nhello\r\n", 99, 4, &out, &used), ERR_BUDGET);
}

static void urls(void **state) {
    static const struct {
        const char *url, *host, *path;
        int port;
        bool tls;
    } good[] = {
        {"http://h", "h", "/", 80, false},
        {"https://h:8443/a/b?c=d#e", "h", "/a/b?c=d", 8443, true},
        {"ws://[::1]:9/x", "::1", "/x", 9, false},
        {"wss://[fe80::1]", "fe80::1", "/", 443, true},
        {"http://h?q", "h", "/?q", 80, false},
    };
    struct http_url u;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(http_url_parse(good[i].url, &arena, &u, &e), &e);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.path, good[i].path);
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.tls, good[i].tls);
    }
    static const char *const bad[] = {
        "",           "h:80",         "ftp://h/",       "http://",     "http://:80",
        "http://h:0", "http://h:x",   "http://h:65536", "http://[::1", "http://[::1]8",
        "http://u@h", "http://h/a b", "http://h:"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (http_url_parse(bad[i], &arena, &u, &e) != ERR_INVALID) fail_msg("%s", bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(request_in_full),
        T(variants),
        T(prefixes_ask_for_more),
        T(limits_have_their_status),
        T(responses),
        T(chunked_bodies_in_any_pieces),
        T(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
