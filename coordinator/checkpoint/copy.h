/* copy.h - whole checkpoints, outside of the protocol: the newest one of a directory is read, and a
 * complete one is copied to another directory, record and files, so that it stands for itself. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINT_COPY_H
#define PENSTOCK_COORDINATOR_CHECKPOINT_COPY_H

#include "base/core/thread.h"
#include "base/net/net_loop.h"
#include "coordinator/checkpoint/store.h"

/* The newest complete checkpoint of a directory. ERR_NOT_FOUND: there is none. Blocks. */
int copy_newest(struct ckpt_store *s, const char *dir, struct ckpt_manifest *ret,
                struct err *err) ATTR_MUST_USE;

struct copy; /* one that is under way */

struct copy_result {
    const struct err *err; /* NULL: done */
    uint64_t checkpoint;
    const cJSON *body; /* borrowed for the call */
};
typedef void (*copy_done_fn)(void *self, const struct copy_result *r);

/* On an I/O thread; done is called on the loop, and *ret_copy is gone then. The stores are found by
 * fs_find. */
int copy_read(struct net_loop *loop, struct io_pool *io, const char *dir, copy_done_fn done,
              void *self, struct copy **ret_copy, struct err *err) ATTR_MUST_USE;
/* The record of slot seq in dir, and its files, to another directory. ERR_EXISTS: there is a
 * checkpoint already. */
int copy_write(struct net_loop *loop, struct io_pool *io, const char *dir, uint64_t seq,
               const char *to, copy_done_fn done, void *self, struct copy **ret_copy,
               struct err *err) ATTR_MUST_USE;
/* done isn't called any more. NULL accepted. */
void copy_forget(struct copy *c);

#endif
