/* remote.h - private to fs/: what stores over HTTP share. One attempt of a request under the
 * store's rate limits, and when and how long to wait before the next one. */
#ifndef PENSTOCK_FS_REMOTE_H
#define PENSTOCK_FS_REMOTE_H

#include "base/net/http_client.h"
#include "fs/fs_ops.h"
#include "fs/options.h"
#include "fs/rate_limit.h"

struct remote {
    struct fs_options o; /* strings are in the store's arena */
    struct http_client *client;
    struct rate_limit requests, bytes;
    struct fs_metrics *metrics;
};

int remote_init(struct remote *r, const struct fs_options *o, struct fs_metrics *metrics,
                struct err *err) ATTR_MUST_USE;
void remote_release(struct remote *r);

/* Where the body of a 2xx goes. */
struct remote_sink {
    uint8_t *dst;
    size_t size, n; /* n: filled so far */
    int status;     /* of the response that the bytes came with */
};

/* An operation under way: its deadline and what is left of its retries. */
struct attempts {
    struct remote *remote;
    const struct fs_call *call;
    int64_t deadline_ns, begun_ns;
    int n; /* attempts made */
};
void attempts_begin(struct attempts *t, struct remote *r, const struct fs_call *call);
/* Sends req (its timeout, callbacks and retry are set here). sink may be NULL. 0 if a response
 * came, whatever its status; response as for http_client_call. */
int attempts_send(struct attempts *t, struct http_request *req, struct remote_sink *sink,
                  struct http_response *response, struct err *err) ATTR_MUST_USE;
/* After a transient failure: waits with full jitter (M. Brooker, "Exponential Backoff And Jitter",
 * AWS Architecture Blog 2015), at least for what Retry-After asks. false: no more attempts, with
 * err as it was, or ERR_CANCELLED. response may be NULL. */
bool attempts_again(struct attempts *t, const struct http_response *response, struct err *err);
/* By status, or by the code that attempts_send gave. */
bool remote_is_transient(int rc, int status);

/* Appends name=value to a query, both percent-encoded. Names must be added in order (SigV4). */
void remote_add_query(struct str *url, const char *name, const char *value);

#endif
