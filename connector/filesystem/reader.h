/* reader.h - the bytes of one file, plain or unpacked, in blocks that columns may keep alive. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_READER_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_READER_H

#include "connector/filesystem/codec.h"
#include "vector/buffer.h"

enum {
    READER_BLOCK_BYTES = 512 << 10,
    READER_BLOCK_MAX_BYTES = 256 << 20 /* and so the largest record */
};

struct reader {
    const char *path; /* borrowed */
    int fd;           /* -1: not open */
    struct unpacker *unpacker;
    struct buffer *packed; /* bytes read and not yet unpacked: [packed_from, packed_to) */
    size_t packed_from, packed_to;
    bool packed_end; /* no more packed bytes in the file */
    bool unpack_done;
    uint64_t file_offset; /* next byte to read from the file */
    uint64_t limit;       /* plain files: where to stop */
    struct buffer *block; /* unread: [from, to) */
    size_t from, to;
    uint64_t offset; /* of block->data[from], unpacked */
    bool at_end;     /* nothing follows the block */
};

/* Opens path at (unpacked) offset; limit is ignored for packed files. */
int reader_open(struct reader *r, const char *path, enum codec codec, uint64_t offset,
                uint64_t limit, struct err *err) ATTR_MUST_USE;
void reader_close(struct reader *r);
/* More bytes behind those unread, in a new block: what is unread is copied, so that columns can
 * keep the old one. ERR_RECORD if READER_BLOCK_MAX_BYTES are unread already. */
int reader_fill(struct reader *r, struct err *err) ATTR_MUST_USE;
static inline void reader_consume(struct reader *r, size_t n) {
    r->from += n;
    r->offset += n;
}

/* How much of the file has been used up: of a packed one, its packed bytes behind those consumed,
 * to a block. */
static inline uint64_t reader_position(const struct reader *r) {
    return r->unpacker ? r->file_offset - (r->packed_to - r->packed_from) : r->offset;
}

/* Offset behind the first line break at or after `from` in a plain file; its size if there is
 * none. */
int reader_next_line(const char *path, uint64_t from, uint64_t *ret, struct err *err) ATTR_MUST_USE;

#endif
