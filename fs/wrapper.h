/* wrapper.h - private to fs/: a store around another one, with a hook before and behind every
 * operation. counting.c and faulty.c are made of it. */
#ifndef PENSTOCK_FS_WRAPPER_H
#define PENSTOCK_FS_WRAPPER_H

#include "fs/fs_ops.h"

struct wrapper;

enum wrapper_verdict {
    WRAPPER_GO_ON,
    WRAPPER_TEAR, /* do half of it, visibly where that is possible, and fail */
    WRAPPER_HIDE  /* do it, and fail */
};

struct wrapper_hooks {
    /* Any thread. A wrapper_verdict, or a negative ERR_* with err set instead of the operation. */
    int (*before)(struct wrapper *w, enum fs_op op, const char *uri, struct err *err);
    /* n: bytes read or written, or entries. May be NULL. */
    void (*after)(struct wrapper *w, enum fs_op op, const char *uri, size_t n, int rc);
    void (*free)(struct wrapper *w);
};

struct wrapper {
    struct fs base;
    const struct wrapper_hooks *hooks;
    struct fs *inner;
    bool owns_inner;
};

/* w is the head of a zeroed struct on the heap, freed by fs_free of &w->base. */
void wrapper_init(struct wrapper *w, const struct wrapper_hooks *hooks, struct fs *inner,
                  bool owns_inner);

#endif
