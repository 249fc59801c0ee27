/* webhdfs_request.c - one WebHDFS operation: the NameNode, the redirect, retries, errors. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "fs/uri.h"
#include "fs/webhdfs.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 300 };

int webhdfs_path_of(struct arena *a, const char *uri, const char **ret, struct err *err) {
    struct fs_uri u;
    int rc = fs_uri_parse(a, uri, &u, err);
    if (rc) return rc;
    size_t n = strlen(u.path);
    while (n > 1 && u.path[n - 1] == '/')
        n--;
    *ret = arena_strndup(a, u.path, n);
    return 0;
}

int webhdfs_json(const struct http_response *response, cJSON **ret, struct err *err) {
    int rc = json_parse(str_text(&response->body), response->body.len, ret, err);
    return rc ? err_wrap(err, "the answer") : 0;
}

/* ---- answers ---- */

struct answer {
    int rc;
    bool transient, standby, refused;
};

static const struct {
    const char *exception;
    int rc;
    bool transient;
} known[] = {
    {"FileNotFoundException", ERR_NOT_FOUND, false},
    {"FileAlreadyExistsException", ERR_EXISTS, false},
    {"ParentNotDirectoryException", ERR_EXISTS, false},
    {"PathIsNotEmptyDirectoryException", ERR_EXISTS, false},
    {"AccessControlException", ERR_PERMISSION, false},
    {"AuthorizationException", ERR_PERMISSION, false},
    {"SecurityException", ERR_PERMISSION, false},
    {"InvalidToken", ERR_PERMISSION, false},
    {"DSQuotaExceededException", ERR_NO_SPACE, false},
    {"NSQuotaExceededException", ERR_NO_SPACE, false},
    {"QuotaExceededException", ERR_NO_SPACE, false},
    {"QuotaByStorageTypeExceededException", ERR_NO_SPACE, false},
    {"StandbyException", ERR_UNAVAILABLE, true},
    {"RetriableException", ERR_UNAVAILABLE, true},
    {"SafeModeException", ERR_UNAVAILABLE, true},
    {"RecoveryInProgressException", ERR_UNAVAILABLE, true},
    {"AlreadyBeingCreatedException", ERR_UNAVAILABLE, true},
    {"NotReplicatedYetException", ERR_UNAVAILABLE, true},
    {"LeaseExpiredException", ERR_UNAVAILABLE, true},
    {"BlockMissingException", ERR_UNAVAILABLE, true},
    {"ConnectException", ERR_UNAVAILABLE, true},
    {"SocketTimeoutException", ERR_UNAVAILABLE, true},
    {"IllegalArgumentException", ERR_INVALID, false},
    {"InvalidPathException", ERR_VALIDATION, false},
    {"UnsupportedOperationException", ERR_UNSUPPORTED, false},
};

static void classify(int status, const char *exception, const char *message, struct answer *a) {
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(exception, known[i].exception) != 0) continue;
        a->rc = known[i].rc;
        a->transient = known[i].transient;
        a->standby = strcmp(exception, "StandbyException") == 0;
        a->refused = strcmp(exception, "InvalidToken") == 0 || status == 401;
        return;
    }
    /* No DataNode takes a block: all are full, or away for a moment. */
    if (strstr(message, "could only be written to") ||
        strstr(message, "could only be replicated")) {
        a->rc = ERR_NO_SPACE;
        a->transient = true;
        return;
    }
    a->transient = remote_is_transient(0, status);
    a->refused = status == 401;
    a->rc = a->transient                  ? ERR_UNAVAILABLE
            : status == 401               ? ERR_PERMISSION
            : status == 403 && *exception ? ERR_IO
            : status == 403               ? ERR_PERMISSION
            : status == 404               ? ERR_NOT_FOUND
            : status >= 500               ? ERR_UNAVAILABLE
                                          : ERR_INVALID;
}

/* {"RemoteException": {"exception", "javaClassName", "message"}}. The first line of the message:
 * what follows is a stack trace. */
static void judge(const struct http_response *r, struct answer *a, struct err *err) {
    AUTO_JSON *j = NULL;
    const char *exception = "", *message = "";
    if (r->body.len && json_parse(r->body.ptr, r->body.len, &j, NULL) == 0) {
        const cJSON *e = json_opt(j, "RemoteException");
        exception = json_opt_str(e, "exception", "");
        message = json_opt_str(e, "message", "");
    }
    classify(r->status, exception, message, a);
    size_t n = strcspn(message, "\n");
    err_set(err, a->rc, "%d %s%s%.*s", r->status,
            *exception ? exception : http_status_text(r->status), n ? ": " : "",
            (int)MIN(n, (size_t)MESSAGE_BYTES), message);
}

/* ---- requests ---- */

struct sending {
    struct webhdfs *h;
    const struct webhdfs_request *req;
    struct attempts t;
    struct http_response *response;
    unsigned endpoint;
    struct str excluded; /* DataNodes that couldn't be reached: "host,host:port,..." */
    struct str location;
    uint64_t generation; /* of the token sent; 0 = none */
    bool body_sent;
};

static int add_auth(struct sending *s, struct str *url, struct err *err) {
    AUTO_FS_KEYS keys = {0};
    if (!s->h->secret) {
        remote_add_query(url, "user.name", s->h->remote.o.user);
        return 0;
    }
    int rc = fs_secret_get(s->h->secret, false, &keys, err);
    if (!rc && !keys.delegation_token)
        rc = err_set(err, ERR_VALIDATION, "the store's secret has no delegationToken");
    if (rc) return rc;
    s->generation = keys.generation;
    remote_add_query(url, "delegation", keys.delegation_token);
    return 0;
}

static int make_url(struct sending *s, struct str *url, struct err *err) {
    const char *endpoint = s->h->endpoints[s->endpoint];
    str_addf(url, "%s/webhdfs/v1", endpoint);
    http_url_encode(url, sv_from(s->req->path), true);
    str_addf(url, "?op=%s%s", s->req->op, s->req->query ? s->req->query : "");
    if (s->excluded.len) remote_add_query(url, "excludedatanodes", str_text(&s->excluded));
    return add_auth(s, url, err);
}

static int send_to(struct sending *s, const char *url, bool with_body, struct err *err) {
    static const struct http_client_header octets = {"Content-Type", "application/octet-stream"};
    const struct webhdfs_request *req = s->req;
    struct http_request hr = {.method = req->method, .url = url};
    if (with_body) {
        hr.body = req->body ? req->body : "";
        hr.body_len = req->body_len;
        hr.headers = &octets;
        hr.n_headers = 1;
        s->body_sent = true;
    }
    return attempts_send(&s->t, &hr, req->sink, s->response, err);
}

static void exclude_datanode(struct sending *s) {
    const char *host = strstr(str_text(&s->location), "://");
    if (!host) return;
    host += 3;
    size_t n = strcspn(host, "/?");
    if (s->excluded.len) str_add_char(&s->excluded, ',');
    /* By its address alone, too: the port that a NameNode compares is not the one of the URL. */
    str_addf(&s->excluded, "%.*s,%.*s", (int)strcspn(host, ":/?"), host, (int)n, host);
}

/* Both steps. 0: a response came. */
static int send_steps(struct sending *s, struct err *err) {
    AUTO_STR url = STR_INIT;
    int rc = make_url(s, &url, err);
    if (rc) return rc;
    s->body_sent = false;
    rc = send_to(s, str_text(&url), !s->req->redirect && s->req->body, err);
    if (rc) {
        s->endpoint = (s->endpoint + 1) % s->h->n_endpoints;
        return rc;
    }
    if (!s->req->redirect || s->response->status < 300 || s->response->status >= 400) return 0;
    struct sv to = http_response_header(s->response, "Location");
    if (!to.len) return err_set(err, ERR_PROTOCOL, "%d without a Location", s->response->status);
    str_clear(&s->location);
    str_add_sv(&s->location, to);
    s->t.n--; /* both steps are one attempt */
    rc = send_to(s, str_text(&s->location), s->req->body != NULL, err);
    if (rc == ERR_NET || rc == ERR_TIMEOUT) exclude_datanode(s);
    return rc;
}

/* A token was refused: again if there is a new one by now. */
static bool token_again(struct sending *s) {
    AUTO_FS_KEYS keys = {0};
    if (!s->generation || fs_secret_get(s->h->secret, true, &keys, NULL)) return false;
    return keys.generation != s->generation;
}

static int send_all(struct sending *s, bool *ret_ambiguous, struct err *err) {
    struct err local = ERR_INIT;
    if (!err) err = &local;
    for (;;) {
        int rc = send_steps(s, err);
        if (rc) {
            if (!remote_is_transient(rc, 0)) return rc;
            *ret_ambiguous |= s->body_sent || !s->req->redirect;
            if ((s->req->once && s->body_sent) || !attempts_again(&s->t, NULL, err))
                return err->code;
            continue;
        }
        int status = s->response->status;
        if (status >= 200 && status < 300) {
            atomic_store(&s->h->active, s->endpoint);
            return 0;
        }
        struct answer a = {0};
        judge(s->response, &a, err);
        if (a.refused && token_again(s)) continue;
        if (!a.transient) return a.rc;
        if (a.standby) s->endpoint = (s->endpoint + 1) % s->h->n_endpoints;
        *ret_ambiguous |= status >= 500;
        if ((s->req->once && s->body_sent) || !attempts_again(&s->t, s->response, err))
            return err->code;
    }
}

int webhdfs_send(struct webhdfs *h, const struct webhdfs_request *req, const struct fs_call *call,
                 struct http_response *response, bool *ret_ambiguous, struct err *err) {
    struct sending s = {
        .h = h, .req = req, .response = response, .endpoint = atomic_load(&h->active)};
    bool ambiguous = false;
    attempts_begin(&s.t, &h->remote, call);
    int rc = send_all(&s, &ambiguous, err);
    if (ret_ambiguous) *ret_ambiguous = ambiguous;
    str_release(&s.excluded);
    str_release(&s.location);
    return rc;
}
