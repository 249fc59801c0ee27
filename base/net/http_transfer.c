/* http_transfer.c - one request as libcurl sees it: options, callbacks, errors. */
#include "base/net/http_transfer.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/net/http_parse.h"
#include "base/net/net_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_MAX_MS = 60000, ERROR_BODY_BYTES = 300 };

/* ---- response -------------------------------------------------------------------------------- */

void http_response_release(struct http_response *r) {
    str_release(&r->body);
    str_release(&r->headers);
    free(r->url);
    *r = (struct http_response)HTTP_RESPONSE_INIT;
}

struct sv http_response_header(const struct http_response *r, const char *name) {
    const char *p = str_text(&r->headers);
    while (*p) {
        size_t len = strcspn(p, "\n");
        const char *colon = memchr(p, ':', len);
        if (colon && sv_ieq((struct sv){p, (size_t)(colon - p)}, name))
            return sv_trim((struct sv){colon + 1, len - (size_t)(colon + 1 - p)});
        p += len + (p[len] == '\n');
    }
    return (struct sv){0};
}

static int code_of_status(int status) {
    switch (status) {
    case 401:
    case 403:
        return ERR_PERMISSION;
    case 404:
    case 410:
        return ERR_NOT_FOUND;
    case 409:
    case 412:
        return ERR_EXISTS;
    case 408:
    case 504:
        return ERR_TIMEOUT;
    case 425:
    case 429:
        return ERR_UNAVAILABLE;
    default:
        return status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
    }
}

int http_response_err(const struct http_response *r, const char *method, const char *url,
                      struct err *err) {
    if (r->status >= 200 && r->status < 300) return 0;
    struct sv body = sv_trim(str_view(&r->body));
    size_t n = MIN(body.len, (size_t)ERROR_BODY_BYTES);
    while (n && n < body.len && ((unsigned char)body.ptr[n] & 0xC0) == 0x80)
        n--;
    return err_set(err, code_of_status(r->status), "%s %.*s: %d %s%s%.*s", method,
                   (int)strcspn(url, "?"), url, r->status, http_status_text(r->status),
                   n ? ": " : "", (int)n, body.ptr);
}

void http_url_encode(struct str *out, struct sv text, bool keep_slash) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
        if (plain) {
            str_add_char(out, (char)c);
        } else {
            str_addf(out, "%%%02X", c);
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static int check_request(const struct http_request *r, struct err *err) {
    struct arena arena;
    struct http_url url;
    arena_init(&arena);
    int rc = r->url ? http_url_parse(r->url, &arena, &url, err)
                    : err_set(err, ERR_INVALID, "HTTP request without a URL");
    if (!rc && strncmp(url.scheme, "http", 4) != 0)
        rc = err_set(err, ERR_INVALID, "URL '%s': expected http or https", r->url);
    arena_release(&arena);
    if (!rc && r->read && r->body)
        rc = err_set(err, ERR_INVALID, "HTTP request with both a body and a read callback");
    if (!rc && r->tls && r->tls->server_name)
        rc = err_set(err, ERR_UNSUPPORTED,
                     "TLS option server_name isn't supported by HTTP requests");
    for (size_t i = 0; !rc && i < r->n_headers; i++) {
        const char *name = r->headers[i].name, *value = r->headers[i].value;
        if (!*name || strpbrk(name, ":\r\n") || strpbrk(value, "\r\n"))
            rc = err_set(err, ERR_INVALID, "header '%s' has a line end or a colon in it", name);
    }
    return rc;
}

int http_transfer_new(const struct http_request *req, struct http_transfer **ret, struct err *err) {
    int rc = check_request(req, err);
    if (rc) return rc;
    struct http_transfer *t = mem_zalloc(sizeof(*t));
    t->req = *req;
    t->method = mem_strdup(req->method ? req->method : req->body || req->read ? "POST" : "GET");
    t->url = mem_strdup(req->url);
    t->bearer_token = mem_strdup(req->bearer_token);
    t->user = mem_strdup(req->user);
    t->password = mem_strdup(req->password);
    t->sigv4 = mem_strdup(req->sigv4);
    t->unix_socket = mem_strdup(req->unix_socket);
    if (req->connect_to) {
        AUTO_STR to = STR_INIT;
        str_addf(&to, "::%s", req->connect_to);
        t->connect_to = curl_slist_append(NULL, str_text(&to));
    }
    t->body = req->body ? mem_dup(req->body, req->body_len) : NULL;
    t->headers = mem_calloc(req->n_headers, sizeof(*t->headers));
    for (size_t i = 0; i < req->n_headers; i++) {
        t->headers[i] = (struct http_client_header){mem_strdup(req->headers[i].name),
                                                    mem_strdup(req->headers[i].value)};
    }
    t->has_tls = req->tls != NULL;
    if (req->tls) tls_options_copy(&t->tls, req->tls);
    t->retry = req->retry;
    AUTO_STR label = STR_INIT;
    str_addf(&label, "%s %.*s", t->method, (int)strcspn(t->url, "?"), t->url);
    t->label = str_take(&label);
    *ret = t;
    return 0;
}

void http_transfer_free(struct http_transfer *t) {
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->header_list);
    free(t->method);
    free(t->url);
    free(t->bearer_token);
    free(t->user);
    free(t->password);
    free(t->sigv4);
    free(t->unix_socket);
    curl_slist_free_all(t->connect_to);
    free(t->body);
    for (size_t i = 0; i < t->req.n_headers; i++) {
        free((char *)t->headers[i].name);
        free((char *)t->headers[i].value);
    }
    free(t->headers);
    tls_options_release(&t->tls);
    free(t->label);
    http_response_release(&t->response);
    free(t);
}

/* ---- libcurl's callbacks, on the client's thread --------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *arg) {
    struct http_transfer *t = arg;
    size_t len = size * n;
    bool ok = t->response.status >= 200 && t->response.status < 300;
    if (t->req.on_data && ok) {
        t->handed_out = true;
        if (t->req.on_data(t->req.self, &t->response, data, len) == 0) return len;
        err_set(&t->failed, ERR_CANCELLED, "%s: cancelled by the receiver", t->label);
        return 0;
    }
    size_t max = t->req.response_max_bytes ? t->req.response_max_bytes : HTTP_RESPONSE_MAX_BYTES;
    if (t->response.body.len + len > max) {
        err_set(&t->failed, ERR_BUDGET, "%s: the response is larger than %zu bytes", t->label, max);
        return 0;
    }
    str_add_n(&t->response.body, data, len);
    return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg) {
    struct http_transfer *t = arg;
    struct sv line = {data, size * n};
    if (sv_starts(line, "HTTP/")) { /* of a redirect's target, or behind a 100 */
        str_clear(&t->response.headers);
        str_clear(&t->response.body);
        const char *space = memchr(line.ptr, ' ', line.len);
        t->response.status = space ? atoi(space + 1) : 0;
    } else if (t->response.headers.len + line.len <= HTTP_RESPONSE_MAX_BYTES) {
        str_add_sv(&t->response.headers, line);
    }
    return line.len;
}

static size_t on_read(char *buf, size_t size, size_t n, void *arg) {
    struct http_transfer *t = arg;
    t->handed_out = true;
    int64_t got = t->req.read(t->req.self, buf, size * n);
    if (got >= 0 && (uint64_t)got <= size * n) return (size_t)got;
    err_set(&t->failed, got < 0 ? (int)got : ERR_INTERNAL, "%s: reading the body to send failed",
            t->label);
    return CURL_READFUNC_ABORT;
}

/* ---- options --------------------------------------------------------------------------------- */

static void set_method(struct http_transfer *t) {
    CURL *e = t->easy;
    if (t->req.read) {
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(e, CURLOPT_READDATA, t);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
                         (curl_off_t)(t->req.read_size_bytes >= 0 ? t->req.read_size_bytes : -1));
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
    } else if (strcmp(t->method, "GET") == 0 && !t->body) {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    } else if (strcmp(t->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (strcmp(t->method, "DELETE") == 0 && !t->body) {
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
    } else {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body ? t->body : "");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(t->body ? t->req.body_len : 0));
        if (strcmp(t->method, "POST") != 0) curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
    }
}

static void add_header_line(struct http_transfer *t, const char *line) {
    struct curl_slist *more = curl_slist_append(t->header_list, line);
    CHECKF(more, "out of memory in libcurl");
    t->header_list = more;
}

static void set_headers(struct http_transfer *t) {
    bool content_type = false;
    curl_slist_free_all(t->header_list);
    t->header_list = NULL;
    for (size_t i = 0; i < t->req.n_headers; i++) {
        const char *name = t->headers[i].name, *value = t->headers[i].value;
        AUTO_STR line = STR_INIT;
        str_addf(&line, *value ? "%s: %s" : "%s;", name, value); /* ';' sends it empty */
        add_header_line(t, str_text(&line));
        content_type |= sv_ieq(sv_from(name), "content-type");
    }
    /* libcurl 7.88 signs headers that are only here to be left out, so that no server would take a
     * signed request with them: those keep libcurl's own, which it doesn't sign. */
    if (!content_type && !t->sigv4)
        add_header_line(t, "Content-Type:"); /* not libcurl's guess at a form */
    if (!t->sigv4) add_header_line(t, "Expect:");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->header_list);
}

static void set_auth(struct http_transfer *t) {
    CURL *e = t->easy;
    if (t->bearer_token) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(e, CURLOPT_XOAUTH2_BEARER, t->bearer_token);
    }
    if (t->user) {
        curl_easy_setopt(e, CURLOPT_USERNAME, t->user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, t->password ? t->password : "");
        if (!t->sigv4) curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    }
    if (t->sigv4) curl_easy_setopt(e, CURLOPT_AWS_SIGV4, t->sigv4);
}

static void set_pem(CURL *e, CURLoption file_option, const char *file, CURLoption blob_option,
                    const char *text) {
    if (text) {
        struct curl_blob blob = {(void *)text, strlen(text), CURL_BLOB_COPY};
        curl_easy_setopt(e, blob_option, &blob);
    } else if (file) {
        curl_easy_setopt(e, file_option, file);
    }
}

static void set_tls(struct http_transfer *t, const struct tls_options *o) {
    CURL *e = t->easy;
    set_pem(e, CURLOPT_CAINFO, o->ca_file, CURLOPT_CAINFO_BLOB, o->ca);
    set_pem(e, CURLOPT_SSLCERT, o->cert_file, CURLOPT_SSLCERT_BLOB, o->cert);
    set_pem(e, CURLOPT_SSLKEY, o->key_file, CURLOPT_SSLKEY_BLOB, o->key);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, o->insecure ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, o->insecure ? 0L : 2L);
}

static void set_limits(struct http_transfer *t, const struct http_client_options *o) {
    CURL *e = t->easy;
    int64_t timeout_ms = t->req.timeout_ms ? t->req.timeout_ms : HTTP_CLIENT_TIMEOUT_MS;
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    if (timeout_ms > 0) curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (t->req.idle_timeout_ms > 0) {
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)((t->req.idle_timeout_ms + 999) / 1000));
    }
    if (t->req.follow_redirects) {
        curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)HTTP_CLIENT_REDIRECTS_MAX);
    }
}

int http_transfer_begin(struct http_transfer *t, const struct http_client_options *o,
                        struct err *err) {
    if (t->easy) {
        curl_easy_reset(t->easy);
    } else if (!(t->easy = curl_easy_init())) {
        return err_set(err, ERR_NET, "%s: libcurl: no resources", t->label);
    }
    CURL *e = t->easy;
    int attempts = t->response.attempts;
    http_response_release(&t->response);
    t->response.attempts = attempts + 1;
    t->retry_after_ms = 0;
    t->curl_error[0] = '\0';
    t->begun_ns = clock_mono_ns();
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_URL, t->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 64L * 1024);
    curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    if (t->unix_socket) curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, t->unix_socket);
    if (t->connect_to) curl_easy_setopt(e, CURLOPT_CONNECT_TO, t->connect_to);
    set_method(t);
    set_headers(t);
    set_auth(t);
    set_tls(t, t->has_tls ? &t->tls : &o->tls);
    set_limits(t, o);
    return 0;
}

/* ---- the end of an attempt ------------------------------------------------------------------- */

static int code_of_curl(CURLcode rc) {
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_LOGIN_DENIED:
        return ERR_PERMISSION;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return ERR_INVALID;
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_WEIRD_SERVER_REPLY:
        return ERR_PROTOCOL;
    default:
        return ERR_NET;
    }
}

int http_transfer_end(struct http_transfer *t, CURLcode result, struct err *err) {
    struct http_response *r = &t->response;
    char *url = NULL;
    curl_off_t retry_after_s = 0;
    long status = 0;
    r->elapsed_ms = (clock_mono_ns() - t->begun_ns) / 1000000;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url)
        r->url = mem_strdup(url);
    r->status = (int)status;
    t->retry_after_ms = MIN(retry_after_s, RETRY_AFTER_MAX_MS / 1000) * 1000;
    if (result == CURLE_OK) return 0;
    if (t->failed.code) {
        *err = t->failed;
        return err->code;
    }
    const char *why = t->curl_error[0] ? t->curl_error : curl_easy_strerror(result);
    return err_set(err, code_of_curl(result), "%s: %s", t->label, why);
}

static bool status_is_transient(int status) {
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

bool http_transfer_should_retry(const struct http_transfer *t, int rc) {
    if (t->response.attempts >= t->retry.attempts || t->handed_out) return false;
    bool repeatable =
        t->retry.idempotent || (strcmp(t->method, "POST") != 0 && strcmp(t->method, "PATCH") != 0);
    if (!repeatable) return false;
    return rc ? rc == ERR_NET || rc == ERR_TIMEOUT : status_is_transient(t->response.status);
}

struct delivery {
    struct http_transfer *transfer;
    bool failed;
    struct err err;
};

static void deliver(void *arg) {
    struct delivery *d = arg;
    struct http_transfer *t = d->transfer;
    const struct err *err = d->failed ? &d->err : NULL;
    if (t->call_done) {
        t->call_done(t->call_arg, &t->response, err);
    } else if (t->req.on_done) {
        t->req.on_done(t->req.self, &t->response, err);
    }
    http_transfer_free(t);
    free(d);
}

void http_transfer_deliver(struct http_transfer *t, const struct err *err, struct net_loop *loop) {
    struct delivery *d = mem_zalloc(sizeof(*d));
    d->transfer = t;
    d->failed = err != NULL;
    if (err) d->err = *err;
    if (loop && !t->call_done) {
        net_loop_post_always(loop, deliver, d);
    } else {
        deliver(d);
    }
}
