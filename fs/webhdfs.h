/* webhdfs.h - HDFS by its REST API: metadata from the NameNode, bytes by redirects to DataNodes
 * (Apache Hadoop, "WebHDFS REST API"). webhdfs.c has the API, webhdfs_request.c requests and
 * errors, webhdfs_write.c streamed writes. */
#ifndef PENSTOCK_FS_WEBHDFS_H
#define PENSTOCK_FS_WEBHDFS_H

#include "fs/remote.h"
#include "fs/secret.h"

int webhdfs_fs_new(const struct fs_options *o, struct fs **ret, struct err *err) ATTR_MUST_USE;

/* ---- private to webhdfs*.c ---- */

struct webhdfs {
    struct fs base;
    struct arena arena;
    struct remote remote;
    struct fs_secret *secret; /* NULL: user.name alone */
    const char **endpoints;   /* NameNodes; one is active */
    unsigned n_endpoints;
    atomic_uint active; /* the one that answered last */
};

struct webhdfs_request {
    const char *method, *op;
    const char *path;  /* in HDFS */
    const char *query; /* "&a=b&c=d", encoded; NULL = none */
    bool redirect;     /* two steps: the body goes to, or comes from, where the NameNode says */
    const void *body;
    size_t body_len;
    struct remote_sink *sink;
    bool once; /* not to be repeated when its answer is lost: ret_ambiguous tells */
};
/* ret_ambiguous (may be NULL): on a failure, whether the request may have had its effect. */
int webhdfs_send(struct webhdfs *h, const struct webhdfs_request *req, const struct fs_call *call,
                 struct http_response *response, bool *ret_ambiguous,
                 struct err *err) ATTR_MUST_USE;
/* The path in HDFS of a URI. */
int webhdfs_path_of(struct arena *a, const char *uri, const char **ret,
                    struct err *err) ATTR_MUST_USE;
/* Of a JSON answer, such as {"boolean": true}. */
int webhdfs_json(const struct http_response *response, cJSON **ret, struct err *err) ATTR_MUST_USE;
int webhdfs_length(struct webhdfs *h, const char *path, const struct fs_call *call,
                   uint64_t *ret_bytes, struct err *err) ATTR_MUST_USE;
/* Onto nothing only, with onto_nothing; again is harmless where from is a name of one's own. */
int webhdfs_rename_path(struct webhdfs *h, const char *from, const char *to, bool onto_nothing,
                        const struct fs_call *call, struct err *err) ATTR_MUST_USE;
int webhdfs_delete_path(struct webhdfs *h, const char *path, bool recursive,
                        const struct fs_call *call, struct err *err) ATTR_MUST_USE;

/* webhdfs_write.c */
int webhdfs_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
                   struct fs_writer **ret, struct err *err);
int webhdfs_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
                const struct fs_call *call, struct err *err);
int webhdfs_commit(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
                   struct err *err);
int webhdfs_discard(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
                    struct err *err);

#endif
