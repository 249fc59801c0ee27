/* local.h - the disk of this machine as a store: atomic by rename, durable by fsync of file and
 * directory. */
#ifndef PENSTOCK_FS_LOCAL_H
#define PENSTOCK_FS_LOCAL_H

#include "fs/options.h"

int local_fs_new(const struct fs_options *o, struct fs **ret, struct err *err) ATTR_MUST_USE;

#endif
