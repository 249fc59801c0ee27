/* counting.h - a store that counts what is asked of the one behind it: how many files a checkpoint
 * makes, how many requests a read takes. For tests and measurements. */
#ifndef PENSTOCK_FS_COUNTING_H
#define PENSTOCK_FS_COUNTING_H

#include "fs/fs.h"

struct fs_counts {
    uint64_t calls[FS_OP_COUNT], failed[FS_OP_COUNT];
    uint64_t files; /* objects made visible or staged: puts, finished and staged writes */
    uint64_t read_bytes, written_bytes;     /* of calls that succeeded */
    uint64_t smallest_write, largest_write; /* bytes of one fs_write; 0 = there was none */
};

/* inner is borrowed, or freed with it. */
struct fs *counting_fs_new(struct fs *inner, bool owns_inner);
void counting_fs_get(const struct fs *f, struct fs_counts *ret); /* any thread */
void counting_fs_reset(struct fs *f);

#endif
