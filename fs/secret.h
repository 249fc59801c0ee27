/* secret.h - a store's keys, read from where fileSystems' `secret` says, and read again when those
 * files change: a rotated Kubernetes secret is taken without a restart. Values never go into
 * messages or logs. Thread-safe. */
#ifndef PENSTOCK_FS_SECRET_H
#define PENSTOCK_FS_SECRET_H

#include "fs/options.h"

struct fs_secret;

/* A copy: fs_keys_release wipes it. Absent ones are NULL. */
struct fs_keys {
    char *access_key_id, *secret_access_key, *session_token, *delegation_token;
    uint64_t generation; /* rises with each change */
};
void fs_keys_release(struct fs_keys *k);
#define AUTO_FS_KEYS ATTR_CLEANUP(fs_keys_release) struct fs_keys

enum { FS_SECRET_MAX_BYTES = 64 << 10, FS_SECRET_CHECK_MS = 1000 };

/* Reads nothing yet. ref's strings are copied. */
struct fs_secret *fs_secret_new(const struct fs_secret_ref *ref);
void fs_secret_free(struct fs_secret *s);
/* The keys there are now. Files are looked at once in FS_SECRET_CHECK_MS, or, with fresh, anyway.
 * While they can't be read or are incomplete, the last good ones stay. ERR_VALIDATION,
 * ERR_PERMISSION, ERR_NOT_FOUND: there never were any. */
int fs_secret_get(struct fs_secret *s, bool fresh, struct fs_keys *ret,
                  struct err *err) ATTR_MUST_USE;

#endif
