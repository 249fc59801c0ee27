/* column.c - life of a column: making, sharing, slicing, validity, sizes. Gathering is in
 * col_gather.c, comparing in col_cmp.c, hashing in col_hash.c, building in col_builder.c. */
#include "vector/column.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

void col_init(struct column *c, const struct type *type, uint32_t n) {
    memset(c, 0, sizeof(*c));
    c->type = type;
    c->phys = type_phys(type);
    c->n = n;
    if (c->phys == PHYS_LIST || c->phys == PHYS_MAP) {
        c->data_buf = buffer_new(((size_t)n + 1) * sizeof(uint32_t));
        c->data = c->data_buf->data;
        COL_DATA(c, uint32_t)[0] = 0;
    } else if (phys_size_bytes(c->phys)) {
        c->data_buf = buffer_new((size_t)n * (size_t)phys_size_bytes(c->phys));
        c->data = c->data_buf->data;
    }
    if (c->phys == PHYS_NULL) memset(col_make_valid(c), 0, valid_words(n) * sizeof(uint64_t));
    c->n_children = type_stored_children(type);
    if (c->n_children) {
        c->children = mem_calloc((size_t)c->n_children, sizeof(*c->children));
        for (int i = 0; i < c->n_children; i++) {
            c->children[i].type = type_stored_child(type, i);
            c->children[i].phys = type_phys(c->children[i].type);
        }
    }
}

void col_release(struct column *c) {
    buffer_unref(c->data_buf);
    buffer_unref(c->valid_buf);
    heap_unref(c->heap);
    for (int i = 0; i < c->n_children; i++)
        col_release(&c->children[i]);
    free(c->children);
    memset(c, 0, sizeof(*c));
}

void col_ref(struct column *ret_dst, const struct column *src) {
    struct column c = *src;
    buffer_ref(c.data_buf);
    buffer_ref(c.valid_buf);
    heap_ref(c.heap);
    if (c.n_children) {
        c.children = mem_calloc((size_t)c.n_children, sizeof(*c.children));
        for (int i = 0; i < c.n_children; i++)
            col_ref(&c.children[i], &src->children[i]);
    }
    *ret_dst = c;
}

/* ---- validity ------------------------------------------------------------------------------- */

/* Uninitialised bitmap for n rows. */
static uint64_t *valid_alloc(struct column *c, uint32_t n) {
    c->valid_buf = buffer_new((valid_words(n) + 1) * sizeof(uint64_t));
    c->valid = (uint64_t *)c->valid_buf->data;
    return c->valid;
}

uint64_t *col_make_valid(struct column *c) {
    if (c->valid) return c->valid;
    memset(valid_alloc(c, c->n), 0xff, (valid_words(c->n) + 1) * sizeof(uint64_t));
    return c->valid;
}

void col_set_null(struct column *c, uint32_t row) {
    uint64_t *valid = col_make_valid(c);
    valid[row >> 6] &= ~(1ull << (row & 63));
}

void col_set_valid_bit(struct column *c, uint32_t row, bool valid) {
    if (!valid)
        col_set_null(c, row);
    else if (c->valid)
        c->valid[row >> 6] |= 1ull << (row & 63);
}

uint32_t col_null_count(const struct column *c) {
    if (!c->valid) return 0;
    uint32_t set = 0, full = c->n / 64;
    for (uint32_t i = 0; i < full; i++)
        set += (uint32_t)__builtin_popcountll(c->valid[i]);
    if (c->n % 64) set += (uint32_t)__builtin_popcountll(c->valid[full] << (64 - c->n % 64));
    return c->n - set;
}

struct heap *col_heap(struct column *c) {
    if (!c->heap) {
        c->heap = heap_new();
    } else if (atomic_load_explicit(&c->heap->refs, memory_order_acquire) != 1) {
        /* Shared with other columns, which may be published: write into one of our own. */
        struct heap *own = heap_new();
        heap_borrow(own, c->heap);
        heap_unref(c->heap);
        c->heap = own;
    }
    return c->heap;
}

/* ---- slices --------------------------------------------------------------------------------- */

static void slice_valid(struct column *dst, const struct column *src, uint32_t from, uint32_t n) {
    if (!src->valid) return;
    const uint64_t *s = src->valid + from / 64;
    uint32_t shift = from % 64, last = (src->n - 1) / 64 - from / 64;
    if (!shift && src->valid_buf) { /* whole words: share */
        dst->valid = (uint64_t *)s;
        dst->valid_buf = buffer_ref(src->valid_buf);
        return;
    }
    uint64_t *d = valid_alloc(dst, n);
    for (uint32_t i = 0; i < valid_words(n); i++) {
        uint64_t w = s[i] >> shift;
        if (shift && i + 1 <= last) w |= s[i + 1] << (64 - shift);
        d[i] = w;
    }
}

void col_slice(struct column *ret_dst, const struct column *src, uint32_t from, uint32_t n) {
    CHECK(from <= src->n && n <= src->n - from);
    if (from == 0 && n == src->n) {
        col_ref(ret_dst, src);
        return;
    }
    struct column c = {.type = src->type, .phys = src->phys, .n = n};
    int size = src->phys == PHYS_LIST || src->phys == PHYS_MAP ? (int)sizeof(uint32_t)
                                                               : phys_size_bytes(src->phys);
    if (src->data) c.data = (char *)src->data + (size_t)from * (size_t)size;
    c.data_buf = buffer_ref(src->data_buf);
    c.heap = heap_ref(src->heap);
    if (n) slice_valid(&c, src, from, n);
    c.n_children = src->n_children;
    if (c.n_children) {
        c.children = mem_calloc((size_t)c.n_children, sizeof(*c.children));
        for (int i = 0; i < c.n_children; i++) {
            if (src->phys == PHYS_ROW)
                col_slice(&c.children[i], &src->children[i], from, n);
            else
                col_ref(&c.children[i], &src->children[i]);
        }
    }
    *ret_dst = c;
}

/* ---- strings and sizes ---------------------------------------------------------------------- */

/* Rows of a LIST or MAP slice use children [*from, *from + *n) alone. */
static void child_range(const struct column *c, uint32_t *from, uint32_t *n) {
    const uint32_t *off = c->data;
    *from = off[0];
    *n = off[c->n] - off[0];
}

static size_t long_bytes(const struct column *c, uint32_t from, uint32_t n) {
    const struct strv *v = COL_DATA(c, struct strv) + from;
    size_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += v[i].len > STRV_INLINE_MAX_BYTES ? v[i].len : 0;
    return sum;
}

static size_t range_bytes(const struct column *c, uint32_t from, uint32_t n) {
    size_t sum = c->valid ? (size_t)(n + 7) / 8 : 0;
    switch (c->phys) {
    case PHYS_STR:
        return sum + (size_t)n * sizeof(struct strv) + long_bytes(c, from, n);
    case PHYS_LIST:
    case PHYS_MAP: {
        const uint32_t *off = COL_DATA(c, uint32_t) + from;
        sum += (size_t)n * sizeof(uint32_t);
        for (int i = 0; i < c->n_children && n; i++)
            sum += range_bytes(&c->children[i], off[0], off[n] - off[0]);
        return sum;
    }
    case PHYS_ROW:
        for (int i = 0; i < c->n_children; i++)
            sum += range_bytes(&c->children[i], from, n);
        return sum;
    default:
        return sum + (size_t)n * (size_t)phys_size_bytes(c->phys);
    }
}

size_t col_size_bytes(const struct column *c) {
    return range_bytes(c, 0, c->n);
}

static void compact_strings(struct column *c) {
    struct heap *own = heap_new();
    size_t total = long_bytes(c, 0, c->n);
    char *p = total ? (char *)heap_alloc(own, total) : NULL;
    struct buffer *buf = buffer_new((size_t)c->n * sizeof(struct strv));
    struct strv *d = (struct strv *)buf->data;
    const struct strv *s = c->data;
    for (uint32_t i = 0; i < c->n; i++) {
        d[i] = s[i];
        if (s[i].len <= STRV_INLINE_MAX_BYTES) continue;
        memcpy(p, s[i].u.ref.ptr, s[i].len);
        d[i].u.ref.ptr = p;
        p += s[i].len;
    }
    heap_unref(c->heap);
    buffer_unref(c->data_buf);
    c->heap = own;
    c->data_buf = buf;
    c->data = d;
}

void col_compact(struct column *c) {
    if (c->phys == PHYS_STR) compact_strings(c);
    if (c->phys == PHYS_LIST || c->phys == PHYS_MAP) {
        uint32_t from, n;
        child_range(c, &from, &n);
        if (from || (c->n_children && n != c->children[0].n)) {
            struct buffer *buf = buffer_new(((size_t)c->n + 1) * sizeof(uint32_t));
            uint32_t *d = (uint32_t *)buf->data;
            const uint32_t *s = c->data;
            for (uint32_t i = 0; i <= c->n; i++)
                d[i] = s[i] - from;
            for (int i = 0; i < c->n_children; i++) {
                struct column part;
                col_slice(&part, &c->children[i], from, n);
                col_release(&c->children[i]);
                c->children[i] = part;
            }
            buffer_unref(c->data_buf);
            c->data_buf = buf;
            c->data = d;
        }
    }
    for (int i = 0; i < c->n_children; i++)
        col_compact(&c->children[i]);
}
