/* reader.h - the bytes of one file, plain or unpacked, in blocks that columns may keep alive. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_READER_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_READER_H

#include "connector/filesystem/codec.h"
#include "connector/filesystem/fetch.h"
#include "vector/buffer.h"

enum {
    READER_BLOCK_BYTES = 512 << 10,
    READER_BLOCK_MAX_BYTES = 256 << 20, /* and so the largest record */
    READER_WAIT = 1                     /* nothing has come yet: wake will be called */
};

struct reader {
    const char *path;     /* borrowed */
    struct fs_file *file; /* of a local store */
    struct fetch *fetch;  /* of a remote one */
    struct unpacker *unpacker;
    struct buffer *packed; /* bytes read and not yet unpacked: [packed_from, packed_to) */
    size_t packed_from, packed_to;
    bool packed_end; /* no more packed bytes in the file */
    bool unpack_done;
    uint64_t file_offset; /* next byte to read from the file */
    uint64_t limit;       /* where to stop reading the file */
    uint64_t skip_to;     /* packed files: what is unpacked in front of it isn't wanted */
    struct buffer *block; /* unread: [from, to) */
    size_t from, to;
    uint64_t offset; /* of block->data[from], unpacked */
    bool at_end;     /* nothing follows the block */
};

/* What to read: the records that begin in a plain file's [start, end), or a packed one from
 * (unpacked) offset at on. */
struct reader_range {
    uint64_t at;       /* where to begin */
    uint64_t end;      /* plain files */
    uint64_t size;     /* of the file */
    bool at_is_record; /* a record is known to begin there; else the first one behind it is meant */
};
/* 0, or READER_WAIT: then reader_opened tells when. */
int reader_open(struct reader *r, struct fs *f, const char *path, enum codec codec,
                const struct reader_range *range, void (*wake)(void *self), void *wake_self,
                struct err *err) ATTR_MUST_USE;
/* 0, READER_WAIT, or an error. */
int reader_opened(struct reader *r, struct err *err) ATTR_MUST_USE;
void reader_close(struct reader *r);
/* More bytes behind those unread, in a new block: what is unread is copied, so that columns can
 * keep the old one. READER_WAIT. ERR_RECORD if READER_BLOCK_MAX_BYTES are unread already. */
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

#endif
