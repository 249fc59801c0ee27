/* http_client.h - HTTP requests over libcurl's multi interface: asynchronous, with bounded
 * concurrency, timeouts and retries; and a blocking call on top. One client has one thread,
 * started by the first request, or lives on a loop; it keeps connections alive between requests.
 * Submitting and cancelling are thread-safe. */
#ifndef PENSTOCK_BASE_NET_HTTP_CLIENT_H
#define PENSTOCK_BASE_NET_HTTP_CLIENT_H

#include "base/core/attr.h"
#include "base/core/err.h"
#include "base/core/str.h"
#include "base/net/net_loop.h"
#include "base/net/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;
struct http_response;

enum {
    HTTP_CLIENT_CONCURRENCY = 64,          /* default: transfers at once; more wait in a queue */
    HTTP_CLIENT_QUEUE_MAX = 4096,          /* default: requests that may wait */
    HTTP_CLIENT_CONNECT_TIMEOUT_MS = 5000, /* default */
    HTTP_CLIENT_TIMEOUT_MS = 30000,        /* default, of one attempt */
    HTTP_RESPONSE_MAX_BYTES = 16 << 20,    /* default limit of a buffered response */
    HTTP_CLIENT_REDIRECTS_MAX = 5
};

struct http_client_options {
    const char *name; /* of its thread; NULL = "http" */
    int concurrency;  /* 0 = default */
    int queue_max;    /* 0 = default */
    int64_t connect_timeout_ms;
    struct tls_options tls; /* for https; a request may bring its own. Without server_name. */
    struct net_loop *loop;  /* where on_done is called; NULL = the client's thread. Must outlive it.
                             */
    /* No thread of its own: it lives on `loop`, and on_data and read are called there, too. Calls
     * that wait (http_client_call, http_client_free) may come from other threads while the loop
     * runs. */
    bool on_loop;
    const char *user_agent; /* NULL = "penstock/VERSION" */
};

struct http_client_header {
    const char *name, *value;
};

/* Retries happen on errors of class RETRY: no connection, cut or timed out, 408, 425, 429, 500,
 * 502, 503, 504; after min(base * 2^n, max) ms, of which a random half, or after the server's
 * Retry-After if that is longer. A request with a `read` callback, and one that has handed data to
 * on_data, is never repeated. POST and PATCH only with `idempotent`. */
struct http_retry {
    int attempts;            /* in all; 0 or 1 = no retry */
    int64_t base_ms, max_ms; /* 0 = 100 and 5000 */
    bool idempotent;         /* POST and PATCH may be repeated, too */
};

struct http_request {
    const char *method; /* NULL = GET, or POST with a body */
    const char *url;
    const struct http_client_header *headers;
    size_t n_headers;
    const char *bearer_token;
    const char *user, *password; /* basic, or the key pair of sigv4 */
    const char *sigv4;           /* "aws:amz:REGION:s3": sign as libcurl's CURLOPT_AWS_SIGV4 */
    const void *body;
    size_t body_len;
    /* Upload from a callback instead of body; on the client's thread. Fills buf and returns how
     * much, 0 at the end, negative ERR_* to fail. */
    int64_t (*read)(void *self, void *buf, size_t size);
    int64_t read_size_bytes; /* known length; -1 = chunked */

    int64_t timeout_ms;        /* of one attempt in all; 0 = default, negative = none (streams) */
    int64_t idle_timeout_ms;   /* fail when nothing arrives for so long; 0 = none; whole seconds */
    size_t response_max_bytes; /* 0 = default; beyond is ERR_BUDGET */
    bool follow_redirects;
    const struct tls_options *tls; /* NULL = the client's */
    const char *unix_socket;       /* path; NULL = TCP */
    const char *connect_to;        /* "10.0.0.7:8081": in place of the URL's host and port, which
                                      the certificate is still checked for; NULL = those */
    struct http_retry retry;

    /* Streaming: the body of a 2xx goes here instead of response.body, piece by piece, on the
     * client's thread. Non-zero breaks off (ERR_CANCELLED). Bodies of other statuses are buffered.
     */
    int (*on_data)(void *self, const struct http_response *r, const void *data, size_t len);
    /* Always called once after a successful submit. err is NULL if an HTTP response came, whatever
     * its status; http_response_err turns a bad status into an error. r and err are borrowed. */
    void (*on_done)(void *self, const struct http_response *r, const struct err *err);
    void *self;
};

struct http_response {
    int status;         /* 0 = none came */
    struct str body;    /* NUL-terminated once it holds anything: str_text */
    struct str headers; /* raw lines of the last response; see http_response_header */
    char *url;          /* after redirects */
    int attempts;
    int64_t elapsed_ms; /* of the last attempt */
};
#define HTTP_RESPONSE_INIT                                                                         \
    { 0 }
void http_response_release(struct http_response *r);
#define AUTO_HTTP_RESPONSE ATTR_CLEANUP(http_response_release) struct http_response
/* Value of a header (name matched ignoring case), trimmed; empty ptr NULL if there is none. Borrows
 * r. */
struct sv http_response_header(const struct http_response *r, const char *name);
/* 0 for 2xx; otherwise an error by status (401, 403: PERMISSION; 404, 410: NOT_FOUND; 409, 412:
 * EXISTS; 408, 504: TIMEOUT; 429, 5xx: UNAVAILABLE; else INVALID) with the start of the body in its
 * text: "GET http://...: 404 Not Found: ...". */
int http_response_err(const struct http_response *r, const char *method, const char *url,
                      struct err *err) ATTR_MUST_USE;
const char *http_status_text(int status); /* "Not Found" */

int http_client_new(const struct http_client_options *opts, struct http_client **ret_client,
                    struct err *err) ATTR_MUST_USE;
/* Cancels what is under way (on_done with ERR_CANCELLED), joins, frees. Not from a callback. */
void http_client_free(struct http_client *c);
/* Copies the request (but for the callbacks' self and `read`'s data). *ret_id (may be NULL) names
 * it for http_client_cancel. ERR_UNAVAILABLE: the queue is full. */
int http_client_submit(struct http_client *c, const struct http_request *req, uint64_t *ret_id,
                       struct err *err) ATTR_MUST_USE;
/* on_done follows with ERR_CANCELLED unless the request is done already. */
void http_client_cancel(struct http_client *c, uint64_t id);
/* Blocks until the response is there. 0 if one came, whatever its status. on_done and self of req
 * are ignored, except that on_data and read get self. Not from a callback. The caller releases
 * *response (HTTP_RESPONSE_INIT before). */
int http_client_call(struct http_client *c, const struct http_request *req,
                     struct http_response *response, struct err *err) ATTR_MUST_USE;
/* The same plus http_response_err. */
int http_client_call_ok(struct http_client *c, const struct http_request *req,
                        struct http_response *response, struct err *err) ATTR_MUST_USE;

/* Percent-encodes all but unreserved characters; keep_slash for whole paths. */
void http_url_encode(struct str *out, struct sv text, bool keep_slash);

#endif
