/* stores.h - the stores of a process: rows of the manifest's fileSystems, and for each URI the one
 * with the longest prefix. Without a row: plain paths and file: are the local disk, and
 * webhdfs://host:port is the NameNode there; s3 needs a row, for its endpoint and keys.
 *
 * A prefix ends at a border: "s3://a" serves s3://a and s3://a/x, not s3://ab; "s3:" all of a
 * scheme; "s3://logs-" (ending in a sign other than a letter or digit) what begins so. */
#ifndef PENSTOCK_FS_STORES_H
#define PENSTOCK_FS_STORES_H

#include "fs/fs.h"

struct fs_stores;

enum { FS_STORES_MAX = 256 };

/* rows: the array as the manifest has it; NULL = none. Stores are made with the first use of each;
 * errors of rows come here. */
int fs_stores_new(const cJSON *rows, struct fs_stores **ret, struct err *err) ATTR_MUST_USE;
void fs_stores_free(struct fs_stores *s); /* nothing of them is in use; NULL is fine */
/* Borrowed from s. ERR_VALIDATION: no row fits. Any thread. */
int fs_stores_find(struct fs_stores *s, const char *uri, struct fs **ret,
                   struct err *err) ATTR_MUST_USE;
/* Puts a store in place (tests): f is taken, and serves what begins with prefix. */
void fs_stores_add(struct fs_stores *s, const char *prefix, struct fs *f);
/* Array of fs_metrics_to_json of the stores in use; owned by the caller. */
cJSON *fs_stores_metrics(struct fs_stores *s);

/* ---- the process's own: one job runs in a process, and connectors find its stores here ---- */

/* Takes rows into use for what is opened from now on. The same rows again change nothing; stores
 * that are replaced live until the process ends, because files of them may be open. */
int fs_use(const cJSON *rows, struct err *err) ATTR_MUST_USE;
struct fs_stores *fs_used(void); /* those without rows before fs_use */
int fs_find(const char *uri, struct fs **ret, struct err *err) ATTR_MUST_USE;

#endif
