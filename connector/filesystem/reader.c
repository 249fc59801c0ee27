/* reader.c - see reader.h. */
#include "connector/filesystem/reader.h"

#include "connector/filesystem/local.h"

#include <string.h>

enum { PACKED_BYTES = 128 << 10, SEEK_BYTES = 64 << 10, SMALL_BYTES = 16 << 10 };

int reader_open(struct reader *r, const char *path, enum codec codec, uint64_t offset,
                uint64_t limit, struct err *err) {
    *r = (struct reader){.path = path, .fd = -1, .limit = limit};
    int rc = local_open(path, &r->fd, err);
    if (rc) return rc;
    if (codec == CODEC_NONE) {
        r->file_offset = r->offset = offset;
        return 0;
    }
    r->unpacker = unpacker_new(codec);
    r->packed = buffer_new(PACKED_BYTES);
    while (!rc && r->offset < offset && !r->at_end) { /* there is no seeking in a packed file */
        rc = reader_fill(r, err);
        uint64_t n = r->to - r->from;
        reader_consume(r, (size_t)MIN(n, offset - r->offset));
    }
    if (!rc && r->offset < offset) {
        rc = err_set(err, ERR_CORRUPT, "%s ends at %llu, before the position %llu to resume from",
                     path, (unsigned long long)r->offset, (unsigned long long)offset);
    }
    if (rc) reader_close(r);
    return rc;
}

void reader_close(struct reader *r) {
    local_close(r->fd);
    unpacker_free(r->unpacker);
    buffer_unref(r->packed);
    buffer_unref(r->block);
    *r = (struct reader){.fd = -1};
}

static int read_plain(struct reader *r, uint8_t *dst, size_t room, size_t *ret_n, struct err *err) {
    uint64_t left = r->limit > r->file_offset ? r->limit - r->file_offset : 0;
    size_t want = (size_t)MIN((uint64_t)room, left), got;
    int rc = local_read_at(r->fd, r->path, r->file_offset, dst, want, &got, err);
    if (rc) return rc;
    r->file_offset += got;
    if (got < want) {
        return err_set(err, ERR_CORRUPT, "%s became shorter while it was read: it ends at %llu",
                       r->path, (unsigned long long)r->file_offset);
    }
    r->at_end = r->file_offset >= r->limit;
    *ret_n = got;
    return 0;
}

static int read_packed(struct reader *r, uint8_t *dst, size_t room, size_t *ret_n,
                       struct err *err) {
    size_t n = 0;
    while (n < room) {
        if (r->packed_from == r->packed_to && !r->packed_end) {
            size_t got;
            int rc = local_read_at(r->fd, r->path, r->file_offset, r->packed->data, PACKED_BYTES,
                                   &got, err);
            if (rc) return rc;
            r->file_offset += got;
            r->packed_from = 0;
            r->packed_to = got;
            r->packed_end = got < PACKED_BYTES;
        }
        size_t used, made;
        int rc = unpacker_run(r->unpacker, r->packed->data + r->packed_from,
                              r->packed_to - r->packed_from, &used, dst + n, room - n, &made,
                              &r->unpack_done, err);
        if (rc) return err_wrap(err, "%s", r->path);
        r->packed_from += used;
        n += made;
        if (r->packed_end && r->packed_from == r->packed_to && !made) {
            if (!r->unpack_done && r->file_offset)
                return err_set(err, ERR_CORRUPT, "%s: the compressed data is cut off", r->path);
            r->at_end = true;
            break;
        }
    }
    *ret_n = n;
    return 0;
}

int reader_fill(struct reader *r, struct err *err) {
    size_t carry = r->to - r->from;
    size_t size = READER_BLOCK_BYTES;
    while (size < carry * 2)
        size *= 2;
    if (size > READER_BLOCK_MAX_BYTES) {
        return err_set(err, ERR_RECORD, "%s offset %llu: a record is longer than %d MiB", r->path,
                       (unsigned long long)r->offset, READER_BLOCK_MAX_BYTES >> 20);
    }
    if (!r->unpacker && r->limit - r->file_offset + carry < size) {
        size = (size_t)(r->limit - r->file_offset) + carry;
        if (size < SMALL_BYTES) size = SMALL_BYTES;
    }
    struct buffer *b = buffer_new(size);
    if (carry) memcpy(b->data, r->block->data + r->from, carry);
    buffer_unref(r->block);
    r->block = b;
    r->from = 0;
    r->to = carry;
    size_t n = 0;
    int rc = r->unpacker ? read_packed(r, b->data + carry, size - carry, &n, err)
                         : read_plain(r, b->data + carry, size - carry, &n, err);
    r->to += n;
    return rc;
}

int reader_next_line(const char *path, uint64_t from, uint64_t *ret, struct err *err) {
    int fd;
    int rc = local_open(path, &fd, err);
    if (rc) return rc;
    struct buffer *b = buffer_new(SEEK_BYTES);
    for (;;) {
        size_t n;
        rc = local_read_at(fd, path, from, b->data, SEEK_BYTES, &n, err);
        if (rc) break;
        const uint8_t *nl = memchr(b->data, '\n', n);
        if (nl || n < SEEK_BYTES) {
            *ret = from + (nl ? (uint64_t)(nl + 1 - b->data) : n);
            break;
        }
        from += n;
    }
    buffer_unref(b);
    local_close(fd);
    return rc;
}
