/* http_parse.h - HTTP/1.1 messages as text: heads of requests and responses, chunked bodies, paths
 * and queries (RFC 9110, 9112). Pure functions over buffers; strict, because a server and a proxy
 * that disagree about where a request ends are a way in (request smuggling). */
#ifndef PENSTOCK_BASE_NET_HTTP_PARSE_H
#define PENSTOCK_BASE_NET_HTTP_PARSE_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_HEAD_MAX_BYTES = 16 << 10, /* request or status line and headers */
    HTTP_HEADERS_MAX = 100,
    HTTP_PARSE_MORE = 1 /* the message isn't whole yet */
};

struct http_field {
    const char *name; /* lower case */
    const char *value;
};

/* Strings live in the arena. */
struct http_head {
    /* request */
    const char *method;
    const char *path;  /* percent-decoded */
    const char *query; /* raw; "" if none */
    /* response */
    int status;
    /* both */
    int minor_version; /* 0 or 1 */
    struct http_field *fields;
    size_t n_fields;
    int64_t content_length; /* -1 = not given */
    bool chunked;
    bool keep_alive; /* by version and Connection */
    bool expect_continue;
    bool upgrade_websocket;
};

/* Parses a head at the start of buf. 0: *ret and *ret_used are set; HTTP_PARSE_MORE; or
 * ERR_PROTOCOL, with *ret_status the status to answer with (400, 414, 431, 501, 505). */
int http_parse_request(const char *buf, size_t len, struct arena *arena, struct http_head *ret,
                       size_t *ret_used, int *ret_status, struct err *err) ATTR_MUST_USE;
int http_parse_response(const char *buf, size_t len, struct arena *arena, struct http_head *ret,
                        size_t *ret_used, struct err *err) ATTR_MUST_USE;
/* NULL if there is none. Name in lower case. */
const char *http_field_get(const struct http_head *h, const char *name);
/* Is `token` in the comma-separated value, ignoring case? */
bool http_has_token(const char *value, const char *token);

/* A body in chunks. Zero is the initial state. */
struct http_chunked {
    int state;
    uint64_t left; /* of the chunk */
    size_t line_bytes;
};
/* Decodes from in to the end of out; *ret_used says how much was taken. 0: the body is whole;
 * HTTP_PARSE_MORE; ERR_PROTOCOL if malformed; ERR_BUDGET when out would exceed max_bytes. */
int http_chunked_feed(struct http_chunked *c, const char *in, size_t len, size_t *ret_used,
                      struct str *out, size_t max_bytes, struct err *err) ATTR_MUST_USE;

/* Appends text with %XX resolved (and + as space if `form`). ERR_INVALID: malformed, or a NUL. */
int http_url_decode(struct str *out, struct sv text, bool form, struct err *err) ATTR_MUST_USE;
/* Value of a query's field, decoded, in the arena; NULL if absent or malformed. */
const char *http_query_get(const char *query, const char *name, struct arena *arena);

struct http_url {
    bool tls;
    const char *scheme, *host, *path; /* host without brackets; path with query, "/" at least */
    int port;
};
/* "scheme://host[:port][/path]"; the default port is by scheme (http, ws: 80; https, wss: 443).
 * ERR_INVALID otherwise. */
int http_url_parse(const char *url, struct arena *arena, struct http_url *ret,
                   struct err *err) ATTR_MUST_USE;

#endif
