/* fs.h - files and objects of several stores behind one API: local disk, S3, WebHDFS (fs_list.def).
 * Which store serves a URI is stores.h's to say.
 *
 * Calls block: they are made on I/O threads, where a store is not local. Each takes a struct
 * fs_call (NULL: the store's own limits) that bounds it in time and lets another thread break it
 * off. A struct fs and a struct fs_file may be used by any number of threads at once, a struct
 * fs_writer by one.
 *
 * What is written becomes visible whole or not at all, and is durable when a call returns 0:
 * readers never see a torn object, whatever dies in between.
 *
 * Errors name store, operation and URI, and where there is one the HTTP status, the store's own
 * code and the request id; never a secret: ERR_NOT_FOUND, ERR_EXISTS, ERR_PERMISSION (access
 * denied), ERR_NO_SPACE, ERR_VALIDATION (configuration, URI), ERR_CORRUPT, ERR_CANCELLED;
 * ERR_UNAVAILABLE, ERR_NET and ERR_TIMEOUT are transient, and come after the store's retries. */
#ifndef PENSTOCK_FS_FS_H
#define PENSTOCK_FS_FS_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/json.h"
#include "fs/cancel.h"
#include "fs/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fs;

enum {
    FS_PAGE_MAX = 1000,          /* entries of a listed page */
    FS_PUT_MAX_BYTES = 64 << 20, /* of fs_put and fs_get; larger ones are streamed */
    FS_WALK_MAX_FILES = 1 << 20, /* of one fs_walk or fs_glob */
    FS_WALK_MAX_DEPTH = 64
};

struct fs_call {
    int64_t timeout_ms;       /* of the operation with all its retries; 0 = the store's */
    struct fs_cancel *cancel; /* borrowed; NULL = can't be broken off */
};

struct fs_entry {
    const char *uri;
    uint64_t size_bytes;
    int64_t mtime_ms;
    bool is_dir;
};

struct fs_page {
    struct fs_entry *entries; /* sorted by uri, bytewise, within the page */
    size_t n;
    const char *next; /* token of the next page; NULL: this is the last */
};

enum fs_flags {
    FS_NEW = 1 /* only if nothing is there: ERR_EXISTS, decided by the store in one step */
};

const char *fs_name(const struct fs *f); /* as configured, for messages */
const char *fs_type(const struct fs *f); /* "s3" */
bool fs_is_local(const struct fs *f);    /* calls are short enough for an executor's thread */
const struct fs_metrics *fs_metrics_of(const struct fs *f);
void fs_free(struct fs *f); /* its files and writers are gone already; NULL is fine */

/* ERR_NOT_FOUND if there is nothing. A directory is an entry where the store has directories, and
 * where objects lie below it. uri lies in the arena. */
int fs_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
            struct fs_entry *ret, struct err *err) ATTR_MUST_USE;

/* ---- reading ---- */

struct fs_file {
    const struct fs_file_ops *ops;
    struct fs *fs;
    char *uri;
};
/* A store without handles doesn't ask anybody here: ERR_NOT_FOUND may come with the first read. */
int fs_open(struct fs *f, const char *uri, const struct fs_call *call, struct fs_file **ret,
            struct err *err) ATTR_MUST_USE;
/* Fills dst from offset; fewer than n bytes only at the end of the file. */
int fs_read_at(struct fs_file *file, uint64_t offset, void *dst, size_t n, size_t *ret_n,
               const struct fs_call *call, struct err *err) ATTR_MUST_USE;
void fs_close(struct fs_file *file); /* NULL is fine */
/* The whole object, appended to out. ERR_BUDGET beyond FS_PUT_MAX_BYTES. */
int fs_get(struct fs *f, const char *uri, const struct fs_call *call, struct str *out,
           struct err *err) ATTR_MUST_USE;

/* ---- writing ---- */

/* The whole object in one step, replacing what is there unless FS_NEW. Directories above are made.
 * FS_NEW is the fence that a manifest is published by: of several who put, one succeeds, and who
 * succeeded and lost the answer learns that it did. */
int fs_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
           const struct fs_call *call, struct err *err) ATTR_MUST_USE;

struct fs_writer {
    const struct fs_writer_ops *ops;
    struct fs *fs;
    char *uri;
    uint64_t written_bytes; /* given to fs_write */
    int rc; /* the first failure: every further call but fs_abandon gives it again */
    struct err err;
};
/* Begins a streamed write; directories above are made. call holds for the writer's life. */
int fs_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
              struct fs_writer **ret, struct err *err) ATTR_MUST_USE;
/* Copies. May block until earlier bytes have gone out. */
int fs_write(struct fs_writer *w, const void *p, size_t n, struct err *err) ATTR_MUST_USE;
/* Makes the object visible and frees w, on failure too (then nothing is left behind). */
int fs_finish(struct fs_writer *w, struct err *err) ATTR_MUST_USE;
/* Gives up: nothing was visible, nothing is left behind that could be removed now. Frees w; NULL
 * is fine. */
void fs_abandon(struct fs_writer *w);

/* The other end of a write, in two steps: fs_stage makes everything durable and nothing visible,
 * frees w, and says in JSON ({"dst": uri, "bytes": n, ...}) what fs_commit, in whatever process,
 * needs to make it visible, or fs_discard to remove it. On failure w is freed as by fs_abandon. */
int fs_stage(struct fs_writer *w, cJSON **ret_staged, struct err *err) ATTR_MUST_USE;
/* Makes n staged writes visible, replacing what is at their place; again is harmless. ERR_CORRUPT
 * if one is gone without having been committed: its data is lost. */
int fs_commit(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
              struct err *err) ATTR_MUST_USE;
int fs_discard(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
               struct err *err) ATTR_MUST_USE;
/* Removes writes that were begun or staged by whoever, whose destination's URI begins with prefix
 * and which stale says to be leftovers. A store may be unable to name some of them (MinIO's
 * multipart uploads): those are left to its own expiry. */
int fs_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
             void *self, const struct fs_call *call, struct err *err) ATTR_MUST_USE;

/* ---- names ---- */

/* One page of what is in the directory of prefix (up to its last slash) with a name that begins
 * with the rest: "s3://b/d/" everything in d, "s3://b/d/x" what begins with x. Subdirectories are
 * entries. Nothing there: an empty page; a page may be empty, too, and have a next one. token: NULL
 * for the first page. */
int fs_list(struct fs *f, const char *prefix, const char *token, const struct fs_call *call,
            struct arena *a, struct fs_page *ret, struct err *err) ATTR_MUST_USE;
/* Removes files; what isn't there is removed already. Not directories. */
int fs_delete(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
              struct err *err) ATTR_MUST_USE;
/* Removes a directory with everything below. */
int fs_delete_tree(struct fs *f, const char *uri, const struct fs_call *call,
                   struct err *err) ATTR_MUST_USE;
/* Atomically. ERR_UNSUPPORTED where a store can't (S3): see fs_can_rename; fs_put with FS_NEW is
 * the fence that every store has. */
int fs_rename(struct fs *f, const char *from, const char *to, unsigned flags,
              const struct fs_call *call, struct err *err) ATTR_MUST_USE;
bool fs_can_rename(const struct fs *f);
/* With those above; nothing where a store has no directories. */
int fs_make_dirs(struct fs *f, const char *uri, const struct fs_call *call,
                 struct err *err) ATTR_MUST_USE;

#endif
