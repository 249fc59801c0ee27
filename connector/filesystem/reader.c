/* reader.c - see reader.h. */
#include "connector/filesystem/reader.h"

#include <string.h>

enum { PACKED_BYTES = 128 << 10, SMALL_BYTES = 16 << 10 };

static struct fetch_range borders(enum codec codec, const struct reader_range *range) {
    if (codec != CODEC_NONE) return (struct fetch_range){.to = range->size};
    return (struct fetch_range){range->at, range->end, range->at && !range->at_is_record,
                                range->end && range->end < range->size};
}

/* Of a local file, in line. */
static int find_borders(struct reader *r, struct fetch_range *b, struct err *err) {
    int rc = 0;
    if (b->to_line) rc = fetch_next_line(r->file, b->to - 1, NULL, &b->to, err);
    if (!rc && b->from_line) rc = fetch_next_line(r->file, b->from - 1, NULL, &b->from, err);
    r->file_offset = b->from;
    r->limit = MAX(b->to, b->from);
    return rc;
}

int reader_open(struct reader *r, struct fs *f, const char *path, enum codec codec,
                const struct reader_range *range, void (*wake)(void *self), void *wake_self,
                struct err *err) {
    struct fetch_range b = borders(codec, range);
    *r = (struct reader){.path = path};
    if (codec != CODEC_NONE) { /* there is no seeking in a packed file */
        r->unpacker = unpacker_new(codec);
        r->packed = buffer_new(PACKED_BYTES);
        r->skip_to = range->at;
    }
    if (!fs_is_local(f)) {
        r->fetch = fetch_new(f, path, &b, wake, wake_self);
        return reader_opened(r, err);
    }
    int rc = fs_open(f, path, NULL, &r->file, err);
    if (!rc) rc = find_borders(r, &b, err);
    if (!r->unpacker) r->offset = b.from;
    if (rc) reader_close(r);
    return rc;
}

int reader_opened(struct reader *r, struct err *err) {
    size_t n;
    if (!r->fetch) return 0;
    if (!fetch_ready(r->fetch)) return READER_WAIT;
    int rc = fetch_read(r->fetch, NULL, 0, &n, err); /* says whether it failed */
    if (rc) {
        reader_close(r);
        return rc;
    }
    fetch_borders(r->fetch, &r->file_offset, &r->limit);
    if (!r->unpacker) r->offset = r->file_offset;
    return 0;
}

void reader_close(struct reader *r) {
    fs_close(r->file);
    fetch_free(r->fetch);
    unpacker_free(r->unpacker);
    buffer_unref(r->packed);
    buffer_unref(r->block);
    *r = (struct reader){0};
}

/* The file's next bytes. Of a local one all that was asked for, of a remote one what has come. */
static int read_file(struct reader *r, uint8_t *dst, size_t want, size_t *ret_n, struct err *err) {
    int rc = r->fetch ? fetch_read(r->fetch, dst, want, ret_n, err)
                      : fs_read_at(r->file, r->file_offset, dst, want, ret_n, NULL, err);
    if (!rc) r->file_offset += *ret_n;
    return rc;
}

static int read_plain(struct reader *r, uint8_t *dst, size_t room, size_t *ret_n, struct err *err) {
    uint64_t left = r->limit > r->file_offset ? r->limit - r->file_offset : 0;
    size_t want = (size_t)MIN((uint64_t)room, left), got;
    int rc = read_file(r, dst, want, &got, err);
    if (rc) return rc;
    if (got < want && !r->fetch) {
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
            if (r->fetch && !fetch_ready(r->fetch)) break;
            int rc = read_file(r, r->packed->data, PACKED_BYTES, &got, err);
            if (rc) return rc;
            r->packed_from = 0;
            r->packed_to = got;
            r->packed_end = r->fetch ? r->file_offset >= r->limit : got < PACKED_BYTES;
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

/* Drops what a packed file has in front of where to resume. */
static int skip(struct reader *r, struct err *err) {
    if (r->offset >= r->skip_to) return 0;
    reader_consume(r, (size_t)MIN((uint64_t)(r->to - r->from), r->skip_to - r->offset));
    if (r->offset < r->skip_to && r->at_end)
        return err_set(err, ERR_CORRUPT, "%s ends at %llu, before the position %llu to resume from",
                       r->path, (unsigned long long)r->offset, (unsigned long long)r->skip_to);
    return 0;
}

int reader_fill(struct reader *r, struct err *err) {
    size_t carry = r->to - r->from;
    if (r->fetch && !fetch_ready(r->fetch)) return READER_WAIT;
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
    return rc ? rc : skip(r, err);
}
