/* walk.h - files below a path, and shell patterns over any store. */
#ifndef PENSTOCK_FS_WALK_H
#define PENSTOCK_FS_WALK_H

#include "fs/fs.h"

struct fs_list {
    struct fs_entry *entries; /* sorted by uri, bytewise */
    size_t n;
};

/* Files at uri: the file itself, all files below a directory, or both for each match of a pattern
 * (* ? [...], as in a shell: none of them takes a slash), when nothing has that very name. Names
 * that begin with '.' or '_' are passed over below uri, and in matches. ERR_NOT_FOUND if there is
 * nothing at uri. Everything lies in the arena. */
int fs_glob(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
            struct fs_list *ret, struct err *err) ATTR_MUST_USE;
/* All entries of one directory, hidden ones included; none where it isn't there. */
int fs_list_all(struct fs *f, const char *dir, const struct fs_call *call, struct arena *a,
                struct fs_list *ret, struct err *err) ATTR_MUST_USE;
bool fs_is_pattern(const char *uri);

#endif
