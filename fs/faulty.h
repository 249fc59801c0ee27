/* faulty.h - a store that fails on purpose: a chosen operation, or each with a seeded probability.
 * For tests of whoever must survive it. */
#ifndef PENSTOCK_FS_FAULTY_H
#define PENSTOCK_FS_FAULTY_H

#include "fs/fs.h"

enum fault_kind {
    FAULT_ERROR,    /* nothing is done; `code` */
    FAULT_NO_SPACE, /* nothing is done; ERR_NO_SPACE */
    FAULT_TORN,     /* half of the bytes (or files) are done, visibly, as a store would that isn't
                       atomic; ERR_UNAVAILABLE. Of what can't be halved: as FAULT_HIDDEN */
    FAULT_HIDDEN,   /* it is done, and fails all the same: ERR_UNAVAILABLE */
    FAULT_SLOW      /* it is done, delay_ms later */
};

struct fault {
    enum fault_kind kind;
    int op;          /* enum fs_op; negative: any */
    const char *uri; /* only where this is part of the URI; NULL: any. Borrowed. */
    uint64_t nth;    /* from 1: the nth operation of these; 0: each, by probability */
    uint64_t times;  /* nth: so many in a row; 0 = 1 */
    double probability;
    int code;         /* FAULT_ERROR; 0 = ERR_UNAVAILABLE */
    int64_t delay_ms; /* FAULT_SLOW */
};

enum { FAULTS_MAX = 16 };

/* inner is borrowed, or freed with it. */
struct fs *faulty_fs_new(struct fs *inner, bool owns_inner, uint64_t seed);
void faulty_fs_add(struct fs *f, const struct fault *fault);
void faulty_fs_clear(struct fs *f);           /* works from now on */
uint64_t faulty_fs_count(const struct fs *f); /* faults injected so far */

#endif
