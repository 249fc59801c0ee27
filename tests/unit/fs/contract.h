/* contract.h - what every store must do (fs/fs.h), checked against one; the unit tests run it on
 * the local disk, tests/services on real S3 servers and HDFS. */
#ifndef PENSTOCK_TESTS_UNIT_FS_CONTRACT_H
#define PENSTOCK_TESTS_UNIT_FS_CONTRACT_H

#include "fs/fs.h"

/* base: a directory of its own, without a slash at the end; what is below is removed in the end.
 * part_bytes: large enough that three of it make several parts, buffers or blocks. */
void fs_contract(struct fs *f, const char *base, size_t part_bytes);

#endif
