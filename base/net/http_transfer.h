/* http_transfer.h - private to base/net: one request of an http_client, through all its attempts.
 */
#ifndef PENSTOCK_BASE_NET_HTTP_TRANSFER_H
#define PENSTOCK_BASE_NET_HTTP_TRANSFER_H

#include "base/net/http_client.h"
#include "base/net/tls_ctx.h"

#include <curl/curl.h>

/* For http_client_call, which waits: called on the client's thread, and may take the response. */
typedef void (*http_call_fn)(void *arg, struct http_response *response, const struct err *err);

struct http_transfer {
    struct http_transfer *next;
    uint64_t id;
    struct http_request req; /* strings below are ours */
    char *method, *url, *bearer_token, *user, *password, *sigv4, *unix_socket, *body;
    struct curl_slist *connect_to;
    struct http_client_header *headers;
    struct tls_options tls;
    bool has_tls;
    struct http_retry retry;
    http_call_fn call_done;
    void *call_arg;

    CURL *easy;
    struct curl_slist *header_list;
    char *label; /* "GET http://host/path", without the query, for errors and logs */
    struct http_response response;
    int64_t retry_after_ms;
    bool handed_out;   /* on_data or read has been called: no second attempt */
    struct err failed; /* by one of our own callbacks */
    int64_t begun_ns, not_before_ns;
    char curl_error[CURL_ERROR_SIZE];
};

/* Copies the request; ERR_INVALID if it makes no sense. */
int http_transfer_new(const struct http_request *req, struct http_transfer **ret,
                      struct err *err) ATTR_MUST_USE;
void http_transfer_free(struct http_transfer *t);
/* Sets up t->easy for the next attempt. */
int http_transfer_begin(struct http_transfer *t, const struct http_client_options *o,
                        struct err *err) ATTR_MUST_USE;
/* Behind an attempt: 0 if a response came. */
int http_transfer_end(struct http_transfer *t, CURLcode result, struct err *err) ATTR_MUST_USE;
bool http_transfer_should_retry(const struct http_transfer *t, int rc);
/* Takes t. Calls on_done on the loop's thread, or here if loop is NULL. */
void http_transfer_deliver(struct http_transfer *t, const struct err *err, struct net_loop *loop);

#endif
