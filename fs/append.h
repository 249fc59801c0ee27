/* append.h - private to fs/: appending to a file on disk. Large writes go past the page cache
 * (O_DIRECT), where the file system can: such files are synced before anyone reads them, and
 * copying into the cache costs several times what the disk does. Small writes, and the rest behind
 * the last whole block, are plain ones. */
#ifndef PENSTOCK_FS_APPEND_H
#define PENSTOCK_FS_APPEND_H

#include <stdbool.h>
#include <stddef.h>

enum append_mode { APPEND_UNDECIDED, APPEND_DIRECT, APPEND_PLAIN };

struct append_file {
    int fd; /* not owned; at offset 0 */
    enum append_mode mode;
    size_t n_tail;
    char *tail; /* DIRECT: written to us, not yet a whole block */
};

void append_init(struct append_file *f, int fd);
/* Returns 0 or an errno. */
int append_write(struct append_file *f, const void *p, size_t n);
/* What is still here: before the file is synced. Returns 0 or an errno. */
int append_end(struct append_file *f);
void append_release(struct append_file *f);

#endif
