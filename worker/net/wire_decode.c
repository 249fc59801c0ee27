/* wire_decode.c - bytes to batches. Every section is taken through `take`, which knows how many
 * bytes are left; every value with an invariant is checked before anything relies on it. */
#include "worker/net/wire.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "worker/net/wire_layout.h"

#include <lz4.h>

enum { LZ4_RATIO_MAX = 255 };

struct reader {
    struct buffer *buf; /* what columns keep a reference to */
    uint8_t *at, *end;
    struct heap *heap; /* one for all strings of the batch, made when needed */
    struct err *err;
};

static int corrupt(struct reader *r, const char *what) {
    return err_set(r->err, ERR_CORRUPT, "batch from the network: %s", what);
}

/* n bytes and the padding behind them; NULL if there are not as many. */
static void *take(struct reader *r, uint64_t n) {
    uint64_t padded = wire_pad(n);
    if (padded < n || padded > (uint64_t)(r->end - r->at)) return NULL;
    void *p = r->at;
    r->at += padded;
    return p;
}

static uint8_t or_bytes(const uint8_t *p, uint32_t n) {
    uint8_t all = 0;
    for (uint32_t i = 0; i < n; i++)
        all |= p[i];
    return all;
}

/* ---- columns -------------------------------------------------------------------------------- */

static int check_decimals(struct reader *r, const struct column *c) {
    i128 bound = 1;
    for (int i = 0; i < c->type->precision; i++)
        bound *= 10;
    const i128 *v = COL_DATA(c, i128);
    bool bad = false;
    for (uint32_t i = 0; i < c->n; i++)
        bad |= v[i] >= bound || v[i] <= -bound;
    return bad ? corrupt(r, "a DECIMAL beyond its precision") : 0;
}

static int read_values(struct reader *r, struct column *c) {
    uint64_t size = (uint64_t)phys_size_bytes(c->phys);
    c->data = take(r, c->n * size);
    if (!c->data) return corrupt(r, "values end early");
    c->data_buf = buffer_ref(r->buf);
    if (c->phys == PHYS_BOOL && or_bytes(c->data, c->n) > 1)
        return corrupt(r, "a BOOLEAN that is neither 0 nor 1");
    return c->type->kind == TYPE_DECIMAL ? check_decimals(r, c) : 0;
}

/* Offsets become pointers; prefixes and unused inline bytes are set to what they must be. */
static int read_strings(struct reader *r, struct column *c, uint64_t long_bytes) {
    struct strv *v = take(r, (uint64_t)c->n * sizeof(*v));
    if (!v) return corrupt(r, "string views end early");
    const char *bytes = take(r, long_bytes);
    if (!bytes) return corrupt(r, "string bytes end early");
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t len = v[i].len;
        if (len <= STRV_INLINE_MAX_BYTES) {
            memset(v[i].u.inl + len, 0, STRV_INLINE_MAX_BYTES - len);
            continue;
        }
        uint64_t offset;
        memcpy(&offset, v[i].u.inl + 4, sizeof(offset));
        if (offset > long_bytes || len > long_bytes - offset)
            return corrupt(r, "a string beyond its bytes");
        v[i] = strv_borrow(bytes + offset, len);
    }
    c->data = v;
    c->data_buf = buffer_ref(r->buf);
    if (!long_bytes) return 0;
    if (!r->heap) {
        r->heap = heap_new();
        heap_adopt(r->heap, buffer_ref(r->buf));
    }
    c->heap = heap_ref(r->heap);
    return 0;
}

static int read_node(struct reader *r, const struct type *type, uint32_t rows, struct column *c);

static int read_children(struct reader *r, struct column *c, uint32_t rows) {
    for (int i = 0; i < c->n_children; i++) {
        int rc = read_node(r, c->children[i].type, rows, &c->children[i]);
        if (rc) return rc;
    }
    return 0;
}

static int read_lists(struct reader *r, struct column *c) {
    uint32_t *off = take(r, ((uint64_t)c->n + 1) * sizeof(*off));
    if (!off) return corrupt(r, "list offsets end early");
    bool bad = off[0] != 0;
    for (uint32_t i = 0; i < c->n; i++)
        bad |= off[i + 1] < off[i];
    if (bad) return corrupt(r, "list offsets that fall");
    c->data = off;
    c->data_buf = buffer_ref(r->buf);
    return read_children(r, c, off[c->n]);
}

/* On failure *c holds what has been read and is released with the batch. */
static int read_node(struct reader *r, const struct type *type, uint32_t rows, struct column *c) {
    struct wire_node *node = take(r, sizeof(*node));
    if (!node) return corrupt(r, "columns end early");
    col_init(c, type, 0);
    buffer_unref(c->data_buf);
    buffer_unref(c->valid_buf);
    c->data_buf = c->valid_buf = NULL;
    c->data = NULL;
    c->valid = NULL;
    if (node->phys != c->phys || node->rows != rows || node->n_children != c->n_children)
        return corrupt(r, "a column of another type or length than the plan says");
    c->n = rows;
    if (node->flags & WIRE_NODE_VALID) {
        c->valid = take(r, valid_words(rows) * sizeof(uint64_t));
        if (!c->valid) return corrupt(r, "validity ends early");
        c->valid_buf = buffer_ref(r->buf);
    }
    switch (c->phys) {
    case PHYS_NULL:
        return c->valid ? 0 : corrupt(r, "a column of NULLs without validity");
    case PHYS_STR:
        return read_strings(r, c, node->long_bytes);
    case PHYS_LIST:
    case PHYS_MAP:
        return read_lists(r, c);
    case PHYS_ROW:
        return read_children(r, c, rows);
    default:
        return read_values(r, c);
    }
}

/* ---- batches -------------------------------------------------------------------------------- */

static int read_steps(struct reader *r, struct batch *b, uint32_t n) {
    const struct wire_step *in = take(r, (uint64_t)n * sizeof(*in));
    if (!in) return corrupt(r, "steps end early");
    AUTO_FREE struct wm_step *out = mem_calloc(n, sizeof(*out));
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (struct wm_step){in[i].row, in[i].wm};
        if (in[i].row > b->n || (i && (in[i].row < in[i - 1].row || in[i].wm <= in[i - 1].wm)))
            return corrupt(r, "steps out of order");
    }
    batch_set_steps(b, out, n);
    return 0;
}

static int read_kinds(struct reader *r, struct batch *b) {
    b->kinds = take(r, b->n);
    if (!b->kinds) return corrupt(r, "row kinds end early");
    b->kinds_buf = buffer_ref(r->buf);
    return or_bytes(b->kinds, b->n) > 3 ? corrupt(r, "an unknown row kind") : 0;
}

static int read_batch(struct reader *r, const struct schema *schema, struct batch **ret) {
    const struct wire_batch *h = take(r, sizeof(*h));
    if (!h) return corrupt(r, "no header");
    if (h->n_cols != schema->n || h->rows > BATCH_ROWS_MAX)
        return corrupt(r, "another number of columns or rows than can be");
    struct batch *b = batch_new(schema->n);
    b->n = h->rows;
    b->split = h->split;
    int64_t age_ns; /* clocks of two hosts: it may seem to come from the future */
    if (h->source_ns && !__builtin_sub_overflow(clock_wall_ns(), h->source_ns, &age_ns))
        b->source_ns = clock_mono_ns() - MAX(age_ns, 0);
    uint32_t n_steps = h->n_steps;
    bool kinds = h->flags & WIRE_BATCH_KINDS;
    int rc = n_steps ? read_steps(r, b, n_steps) : 0;
    if (!rc && kinds) rc = read_kinds(r, b);
    for (int32_t i = 0; i < schema->n && !rc; i++)
        rc = read_node(r, schema->fields[i].type, b->n, &b->cols[i]);
    if (!rc && r->at != r->end) rc = corrupt(r, "bytes behind the last column");
    if (rc) {
        batch_unref(b);
        return rc;
    }
    *ret = b;
    return 0;
}

static int decompress(struct reader *r, const struct frame_payload *p) {
    if (p->raw_len > WIRE_BATCH_MAX_BYTES || p->raw_len / LZ4_RATIO_MAX > p->len)
        return corrupt(r, "an impossible length");
    r->buf = buffer_new(p->raw_len);
    int n = LZ4_decompress_safe((const char *)p->buf->data, (char *)r->buf->data, (int)p->len,
                                (int)p->raw_len);
    return n < 0 || (uint32_t)n != p->raw_len ? corrupt(r, "compressed data is damaged") : 0;
}

int wire_decode_batch(const struct frame_payload *p, const struct schema *schema,
                      struct batch **ret, struct err *err) {
    struct reader r = {.err = err};
    if (p->len > p->buf->size_bytes || p->raw_len < p->len) return corrupt(&r, "its length");
    if (wire_checksum(p->buf->data, p->len) != p->checksum)
        return corrupt(&r, "the checksum doesn't match");
    int rc = 0;
    if (p->raw_len != p->len)
        rc = decompress(&r, p);
    else
        r.buf = buffer_ref(p->buf);
    if (!rc) {
        r.at = r.buf->data;
        r.end = r.at + p->raw_len;
        rc = read_batch(&r, schema, ret);
    }
    heap_unref(r.heap);
    buffer_unref(r.buf);
    return rc;
}
