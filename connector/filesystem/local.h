/* local.h - the files of this machine, as the filesystem connector needs them: everything that
 * touches the disk goes through here. Paths are plain ("/data/a.csv") or URIs ("file:///data");
 * errors name the path. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_LOCAL_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_LOCAL_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_info {
    const char *path;
    uint64_t size_bytes;
    int64_t mtime_ms;
};

struct file_list {
    struct file_info *files; /* sorted by path, bytewise */
    size_t n, cap;
};

enum { LOCAL_LIST_MAX_FILES = 1 << 20, LOCAL_LIST_MAX_DEPTH = 64 };

/* The local path of a URI or path, without trailing slashes. ERR_UNSUPPORTED for another scheme. */
int local_path(struct arena *a, const char *uri, const char **ret, struct err *err) ATTR_MUST_USE;

/* Files at path: the file itself, all files below a directory, or both for each match of a pattern
 * (* ? [...], as in a shell, when nothing has that very name). Names that begin with '.' or '_'
 * are passed over below path. ERR_NOT_FOUND if there is nothing at path. */
int local_list(struct arena *a, const char *path, struct file_list *ret,
               struct err *err) ATTR_MUST_USE;
/* Entries of one directory, hidden ones included; a directory that does not exist is empty. */
int local_entries(struct arena *a, const char *dir, const char *const **ret, size_t *ret_n,
                  struct err *err) ATTR_MUST_USE;
bool local_is_dir(const char *path);
bool local_exists(const char *path);

int local_open(const char *path, int *ret_fd, struct err *err) ATTR_MUST_USE;
/* Reads at offset until n bytes or the end of the file; path for the message. */
int local_read_at(int fd, const char *path, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                  struct err *err) ATTR_MUST_USE;

/* A new file, which must not exist; directories above are made. */
int local_create(const char *path, int *ret_fd, struct err *err) ATTR_MUST_USE;
int local_write(int fd, const char *path, const void *p, size_t n, struct err *err) ATTR_MUST_USE;
int local_sync(int fd, const char *path, struct err *err) ATTR_MUST_USE;
void local_close(int fd);
/* Makes a directory's entries (renames, removals) durable. */
int local_sync_dir(const char *dir, struct err *err) ATTR_MUST_USE;
int local_make_dirs(const char *dir, struct err *err) ATTR_MUST_USE;
/* Onto nothing or a file that is replaced, atomically. ERR_NOT_FOUND if from is not there. */
int local_rename(const char *from, const char *to, struct err *err) ATTR_MUST_USE;
/* What is not there is removed already. */
int local_remove(const char *path, struct err *err) ATTR_MUST_USE;

#endif
