/* s3.h - S3 and what speaks its protocol: objects of a bucket, signed with SigV4. Names with
 * slashes are directories to those who list. s3.c has the API, s3_request.c requests, errors and
 * keys, s3_upload.c streamed writes. */
#ifndef PENSTOCK_FS_S3_H
#define PENSTOCK_FS_S3_H

#include "base/core/thread.h"
#include "fs/remote.h"
#include "fs/secret.h"

int s3_fs_new(const struct fs_options *o, struct fs **ret, struct err *err) ATTR_MUST_USE;

/* ---- private to s3*.c ---- */

enum {
    S3_DELETE_MAX = 1000, /* keys of a DeleteObjects */
    S3_PARTS_MAX = 10000, /* of an upload */
    S3_HEADERS_MAX = 4
};

struct s3 {
    struct fs base;
    struct arena arena;
    struct remote remote;
    struct fs_secret *secret;
    struct io_pool *uploads;
    char *sigv4;
    bool path_style;
    _Atomic uint64_t
        fence; /* 0: not tried yet whether the store honours If-None-Match, 1: it does */
    _Atomic uint64_t accepted; /* generation of keys that the store took last */
};

/* Where an object is. key has no slash in front; empty: the bucket itself. */
struct s3_place {
    const char *bucket, *key;
};
int s3_place_of(struct arena *a, const char *uri, struct s3_place *ret,
                struct err *err) ATTR_MUST_USE;

struct s3_request {
    const char *method;
    struct s3_place at;
    const char *query; /* "a=1&b=2": sorted, encoded, a '=' behind each name; NULL = none */
    struct http_client_header headers[S3_HEADERS_MAX];
    size_t n_headers;
    const void *body;
    size_t body_len;
    struct remote_sink *sink;
};
/* With all retries, and with keys read again when they are refused. Errors by S3's code; the
 * response is there then, too. ret_attempts (may be NULL): requests sent; more than one: an earlier
 * one may have had its effect. */
int s3_send(struct s3 *s, const struct s3_request *req, const struct fs_call *call,
            struct http_response *response, int *ret_attempts, struct err *err) ATTR_MUST_USE;

/* s3_upload.c */
int s3_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
              struct fs_writer **ret, struct err *err);
int s3_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
           const struct fs_call *call, struct err *err);
int s3_commit(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
              struct err *err);
int s3_discard(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
               struct err *err);
int s3_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
             void *self, const struct fs_call *call, struct err *err);
int s3_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
            struct fs_entry *ret, struct err *err);

#endif
