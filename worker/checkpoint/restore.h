/* restore.h - what a job is restored from (RESTORE of base/proto/control.h), and reading it: for
 * each task the chains that share an op and key groups with it, piece by piece in their order, by
 * range reads of the state files. A chain stands for its own key groups: what its pieces hold of
 * others belongs to other chains, which may be newer.
 *
 * Errors name file and place: ERR_CORRUPT for what isn't as it was written. */
#ifndef PENSTOCK_WORKER_CHECKPOINT_RESTORE_H
#define PENSTOCK_WORKER_CHECKPOINT_RESTORE_H

#include "base/core/json.h"
#include "fs/fs.h"

struct restore;
struct task;

enum {
    RESTORE_READ_BYTES = 4 << 20, /* at once */
    RESTORE_GAP_BYTES = 256 << 10 /* between two pieces that are read as one */
};

/* json: borrowed while it lives; NULL: *ret is NULL, from nothing. ERR_PROTOCOL. */
int restore_new(const cJSON *json, struct restore **ret, struct err *err) ATTR_MUST_USE;
void restore_free(struct restore *r); /* NULL accepted */
/* From any thread: tasks that are being restored fail soon. */
void restore_cancel(struct restore *r);
/* The task's ops are open. Blocks. Any number of threads, for different tasks. */
int restore_ops(const struct restore *r, struct task *t, struct err *err) ATTR_MUST_USE;

#endif
