/* wire_encode.c - batches to bytes: measured first, then written in one go. Layout: docs/wire.md.
 */
#include "worker/net/wire.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "worker/net/wire_layout.h"

#include <lz4.h>
#include <xxhash.h>

uint64_t wire_checksum(const void *p, size_t n) {
    return XXH3_64bits(p, n);
}

/* ---- measuring ------------------------------------------------------------------------------ */

static uint64_t long_bytes(const struct column *c, uint32_t from, uint32_t n) {
    const struct strv *v = COL_DATA(c, struct strv) + from;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += v[i].len > STRV_INLINE_MAX_BYTES ? v[i].len : 0;
    return sum;
}

static uint64_t node_bytes(const struct column *c, uint32_t from, uint32_t n) {
    uint64_t sum = sizeof(struct wire_node);
    if (c->valid) sum += wire_pad(valid_words(n) * sizeof(uint64_t));
    switch (c->phys) {
    case PHYS_STR:
        return sum + n * sizeof(struct strv) + wire_pad(long_bytes(c, from, n));
    case PHYS_LIST:
    case PHYS_MAP: {
        const uint32_t *off = COL_DATA(c, uint32_t) + from;
        sum += wire_pad(((uint64_t)n + 1) * sizeof(uint32_t));
        for (int i = 0; i < c->n_children; i++)
            sum += node_bytes(&c->children[i], n ? off[0] : 0, n ? off[n] - off[0] : 0);
        return sum;
    }
    case PHYS_ROW:
        for (int i = 0; i < c->n_children; i++)
            sum += node_bytes(&c->children[i], from, n);
        return sum;
    default:
        return sum + wire_pad((uint64_t)n * (uint64_t)phys_size_bytes(c->phys));
    }
}

static uint64_t batch_bytes(const struct batch *b) {
    uint64_t sum = sizeof(struct wire_batch) + b->n_steps * sizeof(struct wire_step);
    if (b->kinds) sum += wire_pad(b->n);
    for (int32_t i = 0; i < b->n_cols; i++)
        sum += node_bytes(&b->cols[i], 0, b->n);
    return sum;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* n bytes and zeros up to the next section. */
static uint8_t *put(uint8_t *at, const void *p, uint64_t n) {
    if (n) memcpy(at, p, n);
    uint64_t padded = wire_pad(n);
    memset(at + n, 0, padded - n);
    return at + padded;
}

static uint8_t *put_valid(uint8_t *at, const struct column *c, uint32_t from, uint32_t n) {
    uint64_t *d = (uint64_t *)at;
    uint32_t words = valid_words(n), shift = from % 64;
    const uint64_t *s = c->valid + from / 64;
    for (uint32_t i = 0; i < words; i++) {
        d[i] = s[i] >> shift;
        bool next = shift && (uint64_t)(i + 1) * 64 - shift < n; /* the row exists */
        if (next) d[i] |= s[i + 1] << (64 - shift);
    }
    if (n % 64) d[words - 1] &= ~0ull >> (64 - n % 64);
    if (words % 2) d[words] = 0;
    return at + wire_pad(words * sizeof(uint64_t));
}

/* Views with offsets in place of pointers, then the bytes they mean. */
static uint8_t *put_strings(uint8_t *at, const struct column *c, uint32_t from, uint32_t n) {
    const struct strv *s = COL_DATA(c, struct strv) + from;
    uint8_t *bytes = at + n * sizeof(struct strv), *p = bytes;
    for (uint32_t i = 0; i < n; i++, at += sizeof(struct strv)) {
        struct strv v = s[i];
        if (v.len > STRV_INLINE_MAX_BYTES) {
            uint64_t offset = (uint64_t)(p - bytes);
            memcpy(p, s[i].u.ref.ptr, v.len);
            p += v.len;
            memcpy(v.u.inl + 4, &offset, sizeof(offset));
        }
        memcpy(at, &v, sizeof(v));
    }
    uint64_t len = (uint64_t)(p - bytes);
    memset(p, 0, wire_pad(len) - len);
    return bytes + wire_pad(len);
}

static uint8_t *put_node(uint8_t *at, const struct column *c, uint32_t from, uint32_t n) {
    struct wire_node node = {.phys = (uint8_t)c->phys,
                             .flags = c->valid ? WIRE_NODE_VALID : 0,
                             .n_children = (uint16_t)c->n_children,
                             .rows = n};
    if (c->phys == PHYS_STR) node.long_bytes = long_bytes(c, from, n);
    at = put(at, &node, sizeof(node));
    if (c->valid) at = put_valid(at, c, from, n);
    if (c->phys == PHYS_LIST || c->phys == PHYS_MAP) {
        const uint32_t *off = COL_DATA(c, uint32_t) + from;
        uint32_t base = n ? off[0] : 0, *d = (uint32_t *)at;
        for (uint32_t i = 0; i <= n; i++)
            d[i] = n ? off[i] - base : 0;
        uint64_t len = ((uint64_t)n + 1) * sizeof(uint32_t);
        memset(at + len, 0, wire_pad(len) - len);
        at += wire_pad(len);
        uint32_t children = n ? off[n] - base : 0;
        for (int i = 0; i < c->n_children; i++)
            at = put_node(at, &c->children[i], base, children);
        return at;
    }
    if (c->phys == PHYS_ROW) {
        for (int i = 0; i < c->n_children; i++)
            at = put_node(at, &c->children[i], from, n);
        return at;
    }
    if (c->phys == PHYS_STR) return put_strings(at, c, from, n);
    uint64_t size = (uint64_t)phys_size_bytes(c->phys);
    return put(at, size ? (const uint8_t *)c->data + from * size : NULL, n * size);
}

static void put_batch(uint8_t *at, const struct batch *b) {
    struct wire_batch h = {.rows = b->n,
                           .n_cols = (uint16_t)b->n_cols,
                           .flags = b->kinds ? WIRE_BATCH_KINDS : 0,
                           .n_steps = b->n_steps,
                           .split = b->split};
    if (b->source_ns) h.source_ns = clock_wall_ns() - (clock_mono_ns() - b->source_ns);
    at = put(at, &h, sizeof(h));
    for (uint32_t i = 0; i < b->n_steps; i++) {
        struct wire_step s = {.row = b->steps[i].row, .wm = b->steps[i].wm};
        at = put(at, &s, sizeof(s));
    }
    if (b->kinds) at = put(at, b->kinds, b->n);
    for (int32_t i = 0; i < b->n_cols; i++)
        at = put_node(at, &b->cols[i], 0, b->n);
}

/* Replaces the payload by its compressed form if that saves an eighth. */
static void compress_payload(struct frame_payload *p) {
    uint32_t room = p->raw_len - p->raw_len / 8;
    struct buffer *buf = buffer_new(room);
    int n = LZ4_compress_default((const char *)p->buf->data, (char *)buf->data, (int)p->raw_len,
                                 (int)room);
    if (n <= 0) {
        buffer_unref(buf);
        return;
    }
    buffer_unref(p->buf);
    p->buf = buf;
    p->len = (uint32_t)n;
}

int wire_encode_batch(const struct batch *b, bool compress, struct frame_payload *ret,
                      struct err *err) {
    uint64_t bytes = batch_bytes(b);
    if (bytes > WIRE_BATCH_MAX_BYTES)
        return err_set(err, ERR_UNSUPPORTED,
                       "a batch of %u rows and %llu bytes: at most %d bytes go to another worker; "
                       "lower penstock.batch-rows",
                       b->n, (unsigned long long)bytes, WIRE_BATCH_MAX_BYTES);
    CHECK(b->n_cols <= UINT16_MAX);
    struct frame_payload p = {.buf = buffer_new(bytes), .len = (uint32_t)bytes};
    p.raw_len = p.len;
    put_batch(p.buf->data, b);
    if (compress && p.raw_len >= WIRE_COMPRESS_MIN_BYTES) compress_payload(&p);
    p.checksum = wire_checksum(p.buf->data, p.len);
    *ret = p;
    return 0;
}
