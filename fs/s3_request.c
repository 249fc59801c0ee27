/* s3_request.c - one S3 request: URL, signature, retries, and what the answer means. */
#include "base/core/clock.h"
#include "base/core/digest.h"
#include "base/core/mem.h"
#include "fs/s3.h"
#include "fs/uri.h"
#include "fs/xml.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 300, REFUSED_WAIT_MS = 500 };

int s3_place_of(struct arena *a, const char *uri, struct s3_place *ret, struct err *err) {
    struct fs_uri u;
    int rc = fs_uri_parse(a, uri, &u, err);
    if (rc) return rc;
    if (!u.authority.len)
        return err_set(err, ERR_VALIDATION, "path '%s': write %.*s://BUCKET/KEY", uri,
                       (int)u.scheme.len, u.scheme.ptr);
    const char *key = u.path + 1;
    for (const char *p = key; *p; p += strcspn(p, "/"), p += *p == '/') {
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return err_set(err, ERR_VALIDATION, "path '%s': '.' and '..' can't be parts of a key",
                           uri);
    }
    *ret =
        (struct s3_place){arena_strndup(a, u.authority.ptr, u.authority.len), arena_strdup(a, key)};
    return 0;
}

static void make_url(const struct s3 *s, const struct s3_request *req, struct str *url) {
    const char *endpoint = s->remote.o.endpoint;
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/')
        n--;
    const char *host = strstr(endpoint, "://") + 3;
    if (s->path_style) {
        str_addf(url, "%.*s/%s", (int)n, endpoint, req->at.bucket);
    } else {
        str_addf(url, "%.*s%s.%.*s", (int)(host - endpoint), endpoint, req->at.bucket,
                 (int)(n - (size_t)(host - endpoint)), host);
    }
    str_add_char(url, '/');
    http_url_encode(url, sv_from(req->at.key), true);
    if (req->query) str_addf(url, "?%s", req->query);
}

static int send_signed(struct s3 *s, const struct s3_request *req, const char *url,
                       const struct fs_keys *keys, struct attempts *t,
                       struct http_response *response, struct err *err) {
    char sha[DIGEST_SHA256_HEX_BYTES];
    struct http_client_header headers[S3_HEADERS_MAX + 2];
    size_t n = req->n_headers;
    memcpy(headers, req->headers, n * sizeof *headers);
    digest_sha256_hex(req->body, req->body_len, sha);
    headers[n++] = (struct http_client_header){"x-amz-content-sha256", sha};
    if (keys->session_token)
        headers[n++] = (struct http_client_header){"x-amz-security-token", keys->session_token};
    struct http_request hr = {.method = req->method,
                              .url = url,
                              .headers = headers,
                              .n_headers = n,
                              .user = keys->access_key_id,
                              .password = keys->secret_access_key,
                              .sigv4 = s->sigv4,
                              .body = req->body,
                              .body_len = req->body_len};
    return attempts_send(t, &hr, req->sink, response, err);
}

/* ---- answers ---- */

struct answer {
    int rc;
    bool transient, refused; /* refused: other keys might be taken */
    struct str code;
};

static bool is_one_of(const char *code, const char *const *list) {
    for (; *list; list++) {
        if (strcmp(code, *list) == 0) return true;
    }
    return false;
}

static int code_of(int status, const char *code, struct answer *a) {
    static const char *const keys[] = {"InvalidAccessKeyId",
                                       "SignatureDoesNotMatch",
                                       "ExpiredToken",
                                       "InvalidToken",
                                       "TokenRefreshRequired",
                                       "XAdminUserNotFound",
                                       NULL};
    static const char *const again[] = {"RequestTimeout",
                                        "OperationAborted",
                                        "ConditionalRequestConflict",
                                        "BadDigest",
                                        "XAmzContentSHA256Mismatch",
                                        "SlowDown",
                                        "InternalError",
                                        "ServiceUnavailable",
                                        "RequestTimeTooSkewed",
                                        NULL};
    static const char *const full[] = {"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded",
                                       "XMinioAdminBucketQuotaExceeded", NULL};
    static const char *const config[] = {
        "AuthorizationHeaderMalformed",       "PermanentRedirect", "InvalidBucketName",
        "IllegalLocationConstraintException", "InvalidRegion",     NULL};
    if (is_one_of(code, full) || status == 507) return ERR_NO_SPACE;
    a->refused = is_one_of(code, keys) || ((status == 401 || status == 403) && !*code);
    if (is_one_of(code, keys) || status == 401 || status == 403) return ERR_PERMISSION;
    a->transient = is_one_of(code, again) || remote_is_transient(0, status);
    if (a->transient) return ERR_UNAVAILABLE;
    if (is_one_of(code, config) || (status >= 300 && status < 400)) return ERR_VALIDATION;
    if (status == 404) return ERR_NOT_FOUND;
    if (status == 409 || status == 412) return ERR_EXISTS;
    return status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
}

/* CompleteMultipartUpload, CopyObject and DeleteObjects may say 200 and have an error inside. */
static bool is_error(const struct http_response *r) {
    if (r->status < 200 || r->status >= 300) return true;
    struct xml x;
    struct sv name;
    xml_begin(&x, str_view(&r->body));
    return r->body.len && xml_next(&x, &name) == XML_BEGIN && sv_eq_str(name, "Error");
}

static int judge(const struct http_response *r, struct answer *a, struct err *err) {
    AUTO_STR message = STR_INIT;
    struct sv body = str_view(&r->body), id = http_response_header(r, "x-amz-request-id");
    xml_find(body, "Code", &a->code);
    xml_find(body, "Message", &message);
    int status = r->status >= 200 && r->status < 300 ? 500 : r->status;
    int rc = code_of(status, str_text(&a->code), a);
    a->rc = rc;
    if (message.len > MESSAGE_BYTES) str_truncate(&message, MESSAGE_BYTES);
    err_set(err, rc, "%d %s%s%s%s%.*s%s%s", r->status,
            a->code.len ? str_text(&a->code) : http_status_text(r->status), message.len ? ": " : "",
            str_text(&message), id.len ? " (request " : "", (int)id.len, id.len ? id.ptr : "",
            id.len ? ")" : "",
            rc == ERR_VALIDATION ? "; check endpoint and region of the store" : "");
    return rc;
}

/* The keys were refused. true: try again, because there are new ones, or because ones that were
 * good a while ago may be in the middle of their rotation. */
static bool keys_again(struct s3 *s, struct fs_keys *keys, struct attempts *t, int64_t *since_ns,
                       struct err *err) {
    struct fs_keys fresh = {0};
    struct err why = ERR_INIT;
    if (fs_secret_get(s->secret, true, &fresh, &why)) return false;
    bool changed = fresh.generation != keys->generation;
    fs_keys_release(keys);
    *keys = fresh;
    if (changed) {
        err_clear(err);
        return true;
    }
    if (atomic_load(&s->accepted) != keys->generation) return false;
    int64_t now_ns = clock_mono_ns();
    if (!*since_ns) *since_ns = now_ns;
    int64_t until_ns = now_ns + (int64_t)REFUSED_WAIT_MS * 1000000;
    if (until_ns - *since_ns > s->remote.o.rotation_grace_ms * 1000000 ||
        until_ns >= t->deadline_ns)
        return false;
    if (!fs_cancel_sleep(t->call ? t->call->cancel : NULL, until_ns)) {
        err_set(err, ERR_CANCELLED, "cancelled");
        return false;
    }
    err_clear(err);
    return true;
}

int s3_send(struct s3 *s, const struct s3_request *req, const struct fs_call *call,
            struct http_response *response, int *ret_attempts, struct err *err) {
    AUTO_STR url = STR_INIT;
    AUTO_FS_KEYS keys = {0};
    struct attempts t;
    int64_t refused_since_ns = 0;
    make_url(s, req, &url);
    attempts_begin(&t, &s->remote, call);
    for (;;) {
        fs_keys_release(&keys);
        int rc = fs_secret_get(s->secret, false, &keys, err);
        if (!rc && !keys.access_key_id)
            rc = err_set(err, ERR_VALIDATION, "the store's secret has no accessKeyId");
        if (rc) return rc;
    send:
        rc = send_signed(s, req, str_text(&url), &keys, &t, response, err);
        if (ret_attempts) *ret_attempts = t.n;
        if (rc) {
            if (remote_is_transient(rc, 0) && attempts_again(&t, NULL, err)) continue;
            return err ? err->code : rc;
        }
        if (!is_error(response)) {
            atomic_store(&s->accepted, keys.generation);
            return 0;
        }
        struct answer a = {0};
        struct err local = ERR_INIT;
        rc = judge(response, &a, err ? err : &local);
        str_release(&a.code);
        if (a.refused) {
            if (keys_again(s, &keys, &t, &refused_since_ns, err)) goto send;
            return err ? err->code : rc;
        }
        if (!a.transient) atomic_store(&s->accepted, keys.generation);
        if (!a.transient || !attempts_again(&t, response, err)) return err ? err->code : rc;
    }
}
