/* http_reply.c - what handlers ask of a request, and replies: whole or in pieces. */
#include "base/net/http_server.h"

#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "base/net/http_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *http_status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].status == status) return rows[i].text;
    }
    return status < 300 ? "OK" : status < 400 ? "Redirect" : status < 500 ? "Error" : "Failure";
}

/* ---- the request ----------------------------------------------------------------------------- */

const char *http_method(const struct http_exchange *x) {
    return x->head.method;
}

const char *http_path(const struct http_exchange *x) {
    return x->head.path;
}

const char *http_param(const struct http_exchange *x, const char *name) {
    for (size_t i = 0; i < x->n_params; i++) {
        if (strcmp(x->params[i].name, name) == 0) return x->params[i].value;
    }
    return NULL;
}

const char *http_query(const struct http_exchange *x, const char *name) {
    return http_query_get(x->head.query, name, (struct arena *)&x->arena);
}

const char *http_header(struct http_exchange *x, const char *name) {
    return http_field_get(&x->head, name);
}

struct sv http_body(const struct http_exchange *x) {
    return str_view(&x->body);
}

int http_body_json(const struct http_exchange *x, cJSON **ret_json, struct err *err) {
    if (!x->body.len)
        return err_set(err, ERR_INVALID, "the request's body is empty: expected JSON");
    int rc = json_parse(x->body.ptr, x->body.len, ret_json, err);
    return rc ? err_wrap(err, "request body") : 0;
}

const char *http_peer(const struct http_exchange *x) {
    return x->peer;
}

bool http_is_gone(const struct http_exchange *x) {
    return !x->session;
}

/* ---- life ------------------------------------------------------------------------------------ */

void http_exchange_free(struct http_exchange *x) {
    net_defer_unlink(&x->gone);
    str_release(&x->body);
    str_release(&x->extra_headers);
    arena_release(&x->arena);
    free(x);
}

void http_exchange_gone(struct http_exchange *x) {
    x->session = NULL;
    if (x->streaming) {
        if (x->stream_ops && x->stream_ops->on_close) x->stream_ops->on_close(x->stream_self, x);
        http_exchange_free(x);
    } else if (!x->handling) {
        http_exchange_free(x);
    }
}

void http_exchange_sent(struct http_exchange *x) {
    if (!x->streaming || !x->refused) return;
    if (net_conn_unsent(x->session->conn) > HTTP_STREAM_QUEUE_MAX_BYTES / 4) return;
    x->refused = false;
    if (x->stream_ops && x->stream_ops->on_writable) x->stream_ops->on_writable(x->stream_self, x);
}

/* ---- whole replies --------------------------------------------------------------------------- */

/* Ends in the connection's hands; x is freed. */
static void finish(struct http_exchange *x) {
    struct http_session *s = x->session;
    bool keep = x->keep;
    http_exchange_free(x);
    if (s) http_session_done(s, keep);
}

static bool has_own_date(const struct http_exchange *x) {
    const char *p = str_text(&x->extra_headers);
    return strncmp(p, "Date: ", 6) == 0 || strstr(p, "\nDate: ");
}

static void add_date(struct str *out) {
    char text[64];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm); /* the C locale's names */
    str_addf(out, "Date: %s\r\n", text);
}

static void add_head(struct http_exchange *x, int status, const char *content_type,
                     struct str *out) {
    str_addf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    if (!has_own_date(x)) add_date(out);
    if (content_type) str_addf(out, "Content-Type: %s\r\n", content_type);
    if (!x->keep) {
        str_add(out, "Connection: close\r\n");
    } else if (x->head.minor_version == 0) {
        str_add(out, "Connection: keep-alive\r\n");
    }
    str_add_sv(out, str_view(&x->extra_headers));
}

void http_reply(struct http_exchange *x, int status, const char *content_type, const void *data,
                size_t len) {
    CHECKF(!x->streaming, "a streamed reply ends with http_stream_end");
    if (x->session) {
        AUTO_STR out = STR_INIT;
        bool bodyless = status == 204 || status == 304;
        add_head(x, status, len || !bodyless ? content_type : NULL, &out);
        if (!bodyless) str_addf(&out, "Content-Length: %zu\r\n", len);
        str_add(&out, "\r\n");
        if (!bodyless && strcmp(x->head.method, "HEAD") != 0) str_add_n(&out, data, len);
        net_conn_write(x->session->conn, out.ptr, out.len);
    }
    finish(x);
}

void http_reply_text(struct http_exchange *x, int status, const char *text) {
    http_reply(x, status, "text/plain; charset=utf-8", text, strlen(text));
}

void http_reply_json(struct http_exchange *x, int status, const cJSON *json) {
    AUTO_STR out = STR_INIT;
    json_print(json, &out);
    str_add_char(&out, '\n');
    http_reply(x, status, "application/json", out.ptr, out.len);
}

static void reply_error(struct http_exchange *x, int status, const char *code, const char *cls,
                        const char *message, int line, int column) {
    AUTO_STR out = STR_INIT;
    str_add(&out, "{\"error\":{\"code\":");
    json_quote(&out, sv_from(code));
    str_add(&out, ",\"class\":");
    json_quote(&out, sv_from(cls));
    str_add(&out, ",\"message\":");
    json_quote(&out, sv_from(message));
    if (line > 0) str_addf(&out, ",\"line\":%d,\"column\":%d", line, column);
    str_add(&out, "}}\n");
    http_reply(x, status, "application/json", out.ptr, out.len);
}

void http_reply_status(struct http_exchange *x, int status, const char *code, const char *message) {
    reply_error(x, status, code, err_class_name(err_code_class(err_code_parse(code))), message, 0,
                0);
}

static int status_of(int code) {
    switch (code) {
    case ERR_INVALID:
    case ERR_PARSE:
    case ERR_VALIDATION:
    case ERR_RECORD:
    case ERR_PROTOCOL:
        return 400;
    case ERR_PERMISSION:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_EXISTS:
    case ERR_CANCELLED:
        return 409;
    case ERR_BUDGET:
        return 429;
    case ERR_UNSUPPORTED:
        return 501;
    case ERR_UNAVAILABLE:
    case ERR_IO:
    case ERR_NET:
        return 503;
    case ERR_TIMEOUT:
        return 504;
    default:
        return 500;
    }
}

void http_reply_err(struct http_exchange *x, const struct err *err) {
    int status = status_of(err->code);
    /* What is wrong with a request is its sender's to mend. */
    enum err_class cls = status < 500 && err->cls == ERR_CLASS_JOB ? ERR_CLASS_USER : err->cls;
    reply_error(x, status, err_code_name(err->code), err_class_name(cls), err->msg, err->line,
                err->column);
}

void http_reply_redirect(struct http_exchange *x, const char *location) {
    http_reply_header(x, "Location", location);
    http_reply(x, 302, NULL, "", 0);
}

void http_reply_header(struct http_exchange *x, const char *name, const char *value) {
    str_addf(&x->extra_headers, "%s: ", name);
    for (const char *p = value; *p; p++) /* a line end would begin another header */
        str_add_char(&x->extra_headers, (unsigned char)*p < 0x20 ? ' ' : *p);
    str_add(&x->extra_headers, "\r\n");
}

/* ---- replies in pieces ----------------------------------------------------------------------- */

static void stream_gone(struct net_defer *d) {
    http_exchange_gone(CONTAINER_OF(d, struct http_exchange, gone));
}

void http_stream_begin(struct http_exchange *x, int status, const char *content_type,
                       const struct http_stream_ops *ops, void *self) {
    CHECKF(!x->streaming, "http_stream_begin twice");
    x->streaming = true;
    x->stream_ops = ops;
    x->stream_self = self;
    if (!x->session) {
        net_defer_link(x->loop, &x->gone, stream_gone);
        return;
    }
    x->chunked_reply = x->head.minor_version == 1;
    if (!x->chunked_reply) x->keep = false; /* the end of the connection is the end of the reply */
    AUTO_STR out = STR_INIT;
    add_head(x, status, content_type, &out);
    str_add(&out, x->chunked_reply ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    net_conn_write(x->session->conn, out.ptr, out.len);
    http_session_sending(x->session);
}

int http_stream_write(struct http_exchange *x, const void *data, size_t len, struct err *err) {
    CHECKF(x->streaming, "http_stream_write before http_stream_begin");
    if (!x->session) return err_set(err, ERR_CANCELLED, "the client has left");
    if (!len || strcmp(x->head.method, "HEAD") == 0) return 0;
    struct net_conn *conn = x->session->conn;
    if (net_conn_unsent(conn) && net_conn_unsent(conn) + len > HTTP_STREAM_QUEUE_MAX_BYTES) {
        x->refused = true;
        return err_set(err, ERR_BUDGET, "the client reads too slowly");
    }
    if (x->chunked_reply) {
        char size[24];
        int n = snprintf(size, sizeof(size), "%zx\r\n", len);
        net_conn_write(conn, size, (size_t)n);
        net_conn_write(conn, data, len);
        net_conn_write(conn, "\r\n", 2);
    } else {
        net_conn_write(conn, data, len);
    }
    http_session_sending(x->session);
    return 0;
}

void http_stream_end(struct http_exchange *x) {
    CHECKF(x->streaming, "http_stream_end before http_stream_begin");
    if (x->session && x->chunked_reply && strcmp(x->head.method, "HEAD") != 0)
        net_conn_write(x->session->conn, "0\r\n\r\n", 5);
    finish(x);
}

void http_stream_abort(struct http_exchange *x) {
    CHECKF(x->streaming, "http_stream_abort before http_stream_begin");
    struct http_session *s = x->session;
    http_exchange_free(x);
    if (s) http_session_abort(s);
}
