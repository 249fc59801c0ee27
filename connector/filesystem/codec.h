/* codec.h - compressed files: gzip, zlib ("deflate") and zstd as streams of bytes. Which one is
 * told by the file's name when reading. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_CODEC_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_CODEC_H

#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };

/* By the suffix: .gz .gzip .deflate, .zst .zstd. ERR_UNSUPPORTED for .bz2, .xz, .lz4, .snappy and
 * the like, whose bytes would make nonsense. */
int codec_of_path(const char *path, enum codec *ret, struct err *err) ATTR_MUST_USE;
const char *codec_suffix(enum codec c); /* "", ".gz", ".zst" */

struct unpacker;
struct unpacker *unpacker_new(enum codec c);
void unpacker_free(struct unpacker *u);
/* Unpacks in[0..n_in) to dst as far as both reach. *ret_done: the file is complete (further
 * members may follow in the same file; then it is false again). ERR_CORRUPT. */
int unpacker_run(struct unpacker *u, const void *in, size_t n_in, size_t *ret_used, void *dst,
                 size_t n_dst, size_t *ret_n, bool *ret_done, struct err *err) ATTR_MUST_USE;

struct packer;
struct packer *packer_new(enum codec c); /* NULL for CODEC_NONE */
void packer_free(struct packer *p);
/* Appends the compressed form to out; end completes the stream. */
void packer_run(struct packer *p, const void *in, size_t n, bool end, struct str *out);

#endif
