/* uri.h - where a file or object is: "s3://bucket/key", "hdfs://host:8020/dir/file",
 * "file:///data/a", or a plain local path. Paths of stores other than file: are taken as they
 * stand, percent signs included, as Hadoop does. */
#ifndef PENSTOCK_FS_URI_H
#define PENSTOCK_FS_URI_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>

enum { FS_URI_MAX_BYTES = 4096 };

struct fs_uri {
    struct sv scheme;    /* "s3"; empty: a plain path */
    struct sv authority; /* bucket or host:port; may be empty */
    const char *path;    /* with the leading slash, except for plain relative paths; borrows the
                            text, or lies in the arena where it had to be decoded */
};

/* ERR_VALIDATION: empty, too long, with a control character, with user:password in it, or a file
 * URI with a host. */
int fs_uri_parse(struct arena *a, const char *text, struct fs_uri *ret,
                 struct err *err) ATTR_MUST_USE;
/* The text as this folder gives it back everywhere: local paths plain, no slash at the end (but
 * for a root), no doubled slashes in local paths. */
int fs_uri_normalize(struct arena *a, const char *text, const char **ret,
                     struct err *err) ATTR_MUST_USE;
bool fs_uri_is_local(const char *text); /* plain or file: */
/* The last segment; borrows. */
const char *fs_uri_name(const char *uri);
/* Bytes of uri that are its directory, without the slash behind ("s3://b/x/y" -> "s3://b/x"; "/a"
 * -> "/"; "a" -> ""). */
size_t fs_uri_dir_len(const char *uri);

#endif
