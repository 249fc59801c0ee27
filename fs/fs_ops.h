/* fs_ops.h - private to fs/: what a store implements. fs.c puts metrics and the operation's name
 * around every call; see fs.h for what each has to do. All may be called on any thread. */
#ifndef PENSTOCK_FS_FS_OPS_H
#define PENSTOCK_FS_FS_OPS_H

#include "fs/fs.h"

struct fs_ops {
    const char *type;
    bool local, can_rename;
    int (*stat)(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
                struct fs_entry *ret, struct err *err);
    int (*open)(struct fs *f, const char *uri, const struct fs_call *call, struct fs_file **ret,
                struct err *err);
    int (*put)(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
               const struct fs_call *call, struct err *err);
    int (*create)(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
                  struct fs_writer **ret, struct err *err);
    int (*commit)(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
                  struct err *err);
    int (*discard)(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
                   struct err *err);
    int (*sweep)(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
                 void *self, const struct fs_call *call, struct err *err);
    int (*list)(struct fs *f, const char *prefix, const char *token, const struct fs_call *call,
                struct arena *a, struct fs_page *ret, struct err *err);
    int (*remove)(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
                  struct err *err);
    int (*remove_tree)(struct fs *f, const char *uri, const struct fs_call *call, struct err *err);
    int (*rename)(struct fs *f, const char *from, const char *to, unsigned flags,
                  const struct fs_call *call, struct err *err); /* NULL: can't */
    int (*make_dirs)(struct fs *f, const char *uri, const struct fs_call *call, struct err *err);
    void (*free)(struct fs *f);
};

/* Head of every store's own struct. */
struct fs {
    const struct fs_ops *ops;
    char *name;
    struct fs_metrics metrics;
};

struct fs_file_ops {
    int (*read_at)(struct fs_file *file, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                   const struct fs_call *call, struct err *err);
    void (*close)(struct fs_file *file); /* frees it, but for what fs_file_release does */
};

/* stage and finish may leave their work half done on failure: abandon follows, always, and frees.
 * After a success it only frees. */
struct fs_writer_ops {
    int (*write)(struct fs_writer *w, const void *p, size_t n, struct err *err);
    int (*stage)(struct fs_writer *w, cJSON **ret_staged, struct err *err);
    int (*finish)(struct fs_writer *w, struct err *err);
    void (*abandon)(struct fs_writer *w);
};

void fs_init(struct fs *f, const struct fs_ops *ops, const char *name);
void fs_release(struct fs *f);
void fs_file_init(struct fs_file *file, const struct fs_file_ops *ops, struct fs *f,
                  const char *uri);
void fs_writer_init(struct fs_writer *w, const struct fs_writer_ops *ops, struct fs *f,
                    const char *uri);
/* Names of writes under way, where a store has renames: ".NAME.0123456789abcdef.inprogress" beside
 * the destination. */
char *fs_staging_uri(struct arena *a, const char *dst);
/* The destination of such a name; NULL if it is none. */
const char *fs_staging_dst(struct arena *a, const char *uri);
uint64_t fs_random(void);

#endif
