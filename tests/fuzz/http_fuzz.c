/* http_fuzz.c - requests, responses, chunked bodies, queries and URLs: whatever the bytes, and
 * however they are cut into pieces, the result is the same. */
#include "base/net/http_parse.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const struct http_head *h, size_t used, size_t size) {
    CHECK(used > 0 && used <= size);
    CHECK(!h->chunked || h->content_length < 0);
    CHECK(h->n_fields <= HTTP_HEADERS_MAX);
    for (size_t i = 0; i < h->n_fields; i++) {
        CHECK(h->fields[i].name[0] && !strpbrk(h->fields[i].name, " \r\n:"));
        CHECK(!strpbrk(h->fields[i].value, "\r\n"));
    }
}

/* A head must not be taken from a prefix that lacks its end. */
static void fuzz_request(const char *p, size_t n) {
    struct arena arena;
    struct http_head h;
    size_t used = 0;
    int status = 0;
    struct err err = ERR_INIT;
    arena_init(&arena);
    int rc = http_parse_request(p, n, &arena, &h, &used, &status, &err);
    CHECK(rc <= HTTP_PARSE_MORE);
    if (rc < 0) CHECK(rc == ERR_PROTOCOL && status >= 400 && err.msg[0]);
    if (rc == 0) {
        check_head(&h, used, n);
        CHECK(h.path[0] == '/' && !strpbrk(h.method, " \r\n"));
        size_t less = 0;
        CHECK(http_parse_request(p, used - 1, &arena, &h, &less, &status, &err) == HTTP_PARSE_MORE);
        (void)http_query_get(h.query, "a", &arena);
    }
    rc = http_parse_response(p, n, &arena, &h, &used, &err);
    if (rc == 0) {
        check_head(&h, used, n);
        CHECK(h.status >= 100 && h.status <= 999);
    }
    arena_release(&arena);
}

static int feed_all(const char *p, size_t n, size_t step, struct str *out, size_t *ret_used) {
    struct http_chunked c = {0};
    struct err err = ERR_INIT;
    size_t at = 0;
    int rc = HTTP_PARSE_MORE;
    while (rc == HTTP_PARSE_MORE && at < n) {
        size_t used = 0, len = step && step < n - at ? step : n - at;
        rc = http_chunked_feed(&c, p + at, len, &used, out, 1 << 16, &err);
        if (rc < 0) return rc;
        CHECK(used <= len && (rc == 0 || used == len));
        at += used;
    }
    *ret_used = at;
    return rc;
}

static void fuzz_chunked(const char *p, size_t n) {
    AUTO_STR whole = STR_INIT, pieces = STR_INIT;
    size_t used_whole = 0, used_pieces = 0;
    int a = feed_all(p, n, 0, &whole, &used_whole);
    int b = feed_all(p, n, 1, &pieces, &used_pieces);
    CHECK((a < 0) == (b < 0));
    if (a < 0) return;
    CHECK(a == b && used_whole == used_pieces && sv_eq(str_view(&whole), str_view(&pieces)));
}

static void fuzz_url(const char *p, size_t n) {
    struct arena arena;
    struct http_url u;
    struct err err = ERR_INIT;
    arena_init(&arena);
    char *text = arena_strndup(&arena, p, n);
    if (http_url_parse(text, &arena, &u, &err) == 0) {
        CHECK(u.host[0] && u.path[0] == '/' && u.port > 0 && u.port <= 65535);
    } else {
        CHECK(err.code == ERR_INVALID && err.msg[0]);
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_request((const char *)data, size);
    fuzz_chunked((const char *)data, size);
    fuzz_url((const char *)data, size);
    return 0;
}
