/* accum.c - appending rows to growing columns, by physical type. */
#include "worker/exchange/accum.h"

#include "base/core/mem.h"

#include <stdlib.h>

enum { CAP_MIN = 64 };

struct acc_col {
    struct column col;         /* col.n = rows so far; buffers have room for cap */
    uint32_t cap;              /* values; LIST and MAP have one offset more */
    struct acc_col *children;  /* col.children is made at the end */
    const struct heap *parent; /* last one borrowed: saves asking again for each append */
};

void accum_init(struct accum *a, const struct schema *schema) {
    *a = (struct accum){.schema = schema};
}

/* ---- columns -------------------------------------------------------------------------------- */

static size_t value_bytes(enum phys p) {
    return p == PHYS_LIST || p == PHYS_MAP ? sizeof(uint32_t) : (size_t)phys_size_bytes(p);
}

static void acc_col_init(struct acc_col *ac, const struct type *type) {
    col_init(&ac->col, type, 0);
    ac->cap = 0;
    ac->parent = NULL;
    ac->children = NULL;
    if (!ac->col.n_children) return;
    ac->children = mem_calloc((size_t)ac->col.n_children, sizeof(*ac->children));
    for (int i = 0; i < ac->col.n_children; i++)
        acc_col_init(&ac->children[i], ac->col.children[i].type);
}

static void acc_col_release(struct acc_col *ac) {
    for (int i = 0; i < ac->col.n_children; i++)
        acc_col_release(&ac->children[i]);
    free(ac->children);
    col_release(&ac->col);
}

static void grow_buffer(struct buffer **buf, void **data, size_t used, size_t want) {
    struct buffer *b = buffer_new(want);
    if (used) memcpy(b->data, *data, used);
    buffer_unref(*buf);
    *buf = b;
    *data = b->data;
}

/* Room for n more values. */
static void acc_col_reserve(struct acc_col *ac, uint32_t n, uint32_t cap_hint) {
    struct column *c = &ac->col;
    if (ac->cap - c->n >= n) return;
    CHECK(n < UINT32_MAX / 2 - c->n);
    uint32_t cap = MAX(MAX(ac->cap * 2, CAP_MIN), cap_hint);
    while (cap - c->n < n)
        cap *= 2;
    bool list = c->phys == PHYS_LIST || c->phys == PHYS_MAP;
    size_t size = value_bytes(c->phys), used = ((size_t)c->n + list) * size;
    if (size) grow_buffer(&c->data_buf, &c->data, used, ((size_t)cap + list) * size);
    if (c->valid) {
        void *valid = c->valid;
        grow_buffer(&c->valid_buf, &valid, valid_words(c->n) * sizeof(uint64_t),
                    ((size_t)valid_words(cap) + 1) * sizeof(uint64_t));
        c->valid = valid;
    }
    ac->cap = cap;
}

/* ---- kernels: values picked by index -------------------------------------------------------- */

/* Not ATTR_KERNEL: gather instructions are slower than single loads on the machines there are. */
#define DEF_PICK(name, ctype)                                                                      \
    static void pick_##name(void *restrict dst, const void *restrict src,                          \
                            const uint32_t *restrict idx, uint32_t n) {                            \
        ctype *restrict d = dst;                                                                   \
        const ctype *restrict s = src;                                                             \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = s[idx[i]];                                                                      \
    }

struct wide {
    uint64_t lo, hi;
};

DEF_PICK(1, uint8_t)
DEF_PICK(2, uint16_t)
DEF_PICK(4, uint32_t)
DEF_PICK(8, uint64_t)
DEF_PICK(16, struct wide)

static void pick(void *dst, const void *src, size_t size, const uint32_t *idx, uint32_t from,
                 uint32_t n) {
    if (!idx) {
        memcpy(dst, (const char *)src + from * size, n * size);
        return;
    }
    switch (size) {
    case 1:
        pick_1(dst, src, idx, n);
        break;
    case 2:
        pick_2(dst, src, idx, n);
        break;
    case 4:
        pick_4(dst, src, idx, n);
        break;
    case 8:
        pick_8(dst, src, idx, n);
        break;
    case 16:
        pick_16(dst, src, idx, n);
        break;
    default:
        UNREACHABLE("value size %zu", size);
    }
}

static uint32_t row_of(const uint32_t *idx, uint32_t from, uint32_t i) {
    return idx ? idx[i] : from + i;
}

static uint64_t pick_bits(const uint64_t *valid, const uint32_t *idx, uint32_t n) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++)
        bits |= (valid[idx[i] >> 6] >> (idx[i] & 63) & 1) << i;
    return bits;
}

/* Bits [from, from + n), n <= 64, without reading a word that holds none of them. */
static uint64_t read_bits(const uint64_t *valid, uint32_t from, uint32_t n) {
    uint32_t shift = from & 63;
    uint64_t bits = valid[from >> 6] >> shift;
    if (shift + n > 64) bits |= valid[(from >> 6) + 1] << (64 - shift);
    return n == 64 ? bits : bits & ((1ull << n) - 1);
}

/* Bits [at, at + n) of the destination; the bitmap is made when the first NULL comes. */
static void append_valid(struct acc_col *ac, const struct column *src, const uint32_t *idx,
                         uint32_t from, uint32_t n) {
    struct column *c = &ac->col;
    if (!src->valid && !c->valid) return;
    if (!c->valid) {
        size_t bytes = ((size_t)valid_words(ac->cap) + 1) * sizeof(uint64_t);
        c->valid_buf = buffer_new(bytes);
        c->valid = (uint64_t *)c->valid_buf->data;
        memset(c->valid, 0xff, valid_words(c->n) * sizeof(uint64_t));
    }
    uint32_t at = c->n;
    for (uint32_t i = 0; i < n;) {
        /* As many bits as fit into the word that at lies in. */
        uint32_t shift = at & 63, take = MIN(64 - shift, n - i);
        uint64_t bits = take == 64 ? ~0ull : (1ull << take) - 1;
        if (src->valid)
            bits =
                idx ? pick_bits(src->valid, idx + i, take) : read_bits(src->valid, from + i, take);
        uint64_t below = shift ? c->valid[at >> 6] & ((1ull << shift) - 1) : 0;
        c->valid[at >> 6] = below | bits << shift;
        i += take;
        at += take;
    }
}

/* Copies the views; returns the bytes of the long ones. */
static uint64_t pick_views(struct strv *restrict d, const struct strv *restrict s,
                           const uint32_t *restrict idx, uint32_t from, uint32_t n) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t r = row_of(idx, from, i);
        uint32_t len = s[r].len;
        d[i] = s[r];
        bytes += len > STRV_INLINE_MAX_BYTES ? len : 0;
    }
    return bytes;
}

static uint64_t append_strings(struct acc_col *ac, const struct column *src, const uint32_t *idx,
                               uint32_t from, uint32_t n, bool copy) {
    struct column *c = &ac->col;
    struct strv *v = COL_DATA(c, struct strv) + c->n;
    uint64_t bytes = pick_views(v, src->data, idx, from, n);
    if (!bytes) return 0;
    struct heap *h = col_heap(c);
    if (!copy && src->heap) {
        if (ac->parent != src->heap) heap_borrow(h, src->heap);
        ac->parent = src->heap;
        return bytes;
    }
    char *p = (char *)heap_alloc(h, bytes);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].len <= STRV_INLINE_MAX_BYTES) continue;
        memcpy(p, v[i].u.ref.ptr, v[i].len);
        v[i].u.ref.ptr = p;
        p += v[i].len;
    }
    return bytes;
}

static uint64_t acc_col_append(struct acc_col *ac, const struct column *src, const uint32_t *idx,
                               uint32_t from, uint32_t n, uint32_t cap_hint, bool copy);

/* Offsets, then the child rows of all picked parents in one append. */
static uint64_t append_lists(struct acc_col *ac, const struct column *src, const uint32_t *idx,
                             uint32_t from, uint32_t n, bool copy) {
    struct column *c = &ac->col;
    const uint32_t *off = src->data;
    uint32_t *d = COL_DATA(c, uint32_t);
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t r = row_of(idx, from, i);
        if (col_is_valid(src, r)) total += off[r + 1] - off[r];
        CHECK(d[c->n] + total < UINT32_MAX);
        d[c->n + i + 1] = d[c->n] + (uint32_t)total;
    }
    AUTO_FREE uint32_t *child = mem_alloc((total ? total : 1) * sizeof(*child));
    uint32_t *p = child;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t r = row_of(idx, from, i);
        uint32_t len = d[c->n + i + 1] - d[c->n + i];
        for (uint32_t k = 0; k < len; k++)
            *p++ = off[r] + k;
    }
    uint64_t bytes = n * sizeof(uint32_t);
    for (int i = 0; i < c->n_children; i++)
        bytes +=
            acc_col_append(&ac->children[i], &src->children[i], child, 0, (uint32_t)total, 0, copy);
    return bytes;
}

/* Returns the bytes added. */
static uint64_t acc_col_append(struct acc_col *ac, const struct column *src, const uint32_t *idx,
                               uint32_t from, uint32_t n, uint32_t cap_hint, bool copy) {
    struct column *c = &ac->col;
    CHECK(c->phys == src->phys);
    if (!n) return 0;
    acc_col_reserve(ac, n, cap_hint);
    append_valid(ac, src, idx, from, n);
    size_t size = value_bytes(c->phys);
    uint64_t bytes = n * size;
    if (c->phys == PHYS_LIST || c->phys == PHYS_MAP) {
        bytes = append_lists(ac, src, idx, from, n, copy);
    } else if (c->phys == PHYS_ROW) {
        for (int i = 0; i < c->n_children; i++)
            bytes +=
                acc_col_append(&ac->children[i], &src->children[i], idx, from, n, cap_hint, copy);
    } else if (c->phys == PHYS_STR) {
        bytes += append_strings(ac, src, idx, from, n, copy);
    } else if (size) {
        pick((char *)c->data + c->n * size, src->data, size, idx, from, n);
    }
    c->n += n;
    return bytes;
}

/* The finished column; ac keeps nothing. */
static void acc_col_take(struct acc_col *ac, struct column *ret) {
    for (int i = 0; i < ac->col.n_children; i++) {
        struct acc_col *child = &ac->children[i];
        col_release(&ac->col.children[i]);
        acc_col_take(child, &ac->col.children[i]);
    }
    free(ac->children);
    *ret = ac->col;
}

/* ---- accum ---------------------------------------------------------------------------------- */

static void append_kinds(struct accum *a, const struct batch *src, const uint32_t *idx,
                         uint32_t from, uint32_t n) {
    if (!src->kinds && !a->kinds) return;
    if (!a->kinds) {
        a->kinds_buf = buffer_new(a->cap);
        a->kinds = a->kinds_buf->data;
        memset(a->kinds, ROW_INSERT, a->n);
    }
    if (src->kinds)
        pick(a->kinds + a->n, src->kinds, 1, idx, from, n);
    else
        memset(a->kinds + a->n, ROW_INSERT, n);
}

static void append_hashes(struct accum *a, const uint64_t *hashes, const uint32_t *idx,
                          uint32_t from, uint32_t n) {
    if (!hashes) {
        buffer_unref(a->hashes_buf);
        a->hashes_buf = NULL;
        a->hashes = NULL;
        return;
    }
    if (a->n == 0) {
        buffer_unref(a->hashes_buf);
        a->hashes_buf = buffer_new(a->cap * sizeof(uint64_t));
        a->hashes = (uint64_t *)a->hashes_buf->data;
    }
    if (a->hashes) pick(a->hashes + a->n, hashes, sizeof(uint64_t), idx, from, n);
}

static void accum_reserve(struct accum *a, uint32_t n) {
    if (!a->cols) {
        a->cols = mem_calloc(a->schema->n ? (size_t)a->schema->n : 1, sizeof(*a->cols));
        for (int32_t i = 0; i < a->schema->n; i++)
            acc_col_init(&a->cols[i], a->schema->fields[i].type);
    }
    if (a->cap - a->n >= n) return;
    uint32_t cap = MAX(a->cap * 2, CAP_MIN);
    while (cap - a->n < n)
        cap *= 2;
    a->cap = cap;
    if (a->kinds) {
        void *kinds = a->kinds;
        grow_buffer(&a->kinds_buf, &kinds, a->n, cap);
        a->kinds = kinds;
    }
    if (a->hashes) {
        void *hashes = a->hashes;
        grow_buffer(&a->hashes_buf, &hashes, a->n * sizeof(uint64_t), cap * sizeof(uint64_t));
        a->hashes = hashes;
    }
}

void accum_append(struct accum *a, const struct batch *src, const uint32_t *idx, uint32_t from,
                  uint32_t n, const uint64_t *hashes, bool copy_strings) {
    if (!n) return;
    CHECK(src->n_cols == a->schema->n);
    accum_reserve(a, n);
    append_kinds(a, src, idx, from, n);
    append_hashes(a, hashes, idx, from, n);
    for (int32_t i = 0; i < a->schema->n; i++)
        a->bytes += acc_col_append(&a->cols[i], &src->cols[i], idx, from, n, a->cap, copy_strings);
    if (a->n == 0) {
        a->source_ns = src->source_ns;
        a->split = src->split;
    }
    a->n += n;
}

void accum_step(struct accum *a, int64_t wm) {
    if (a->n_steps) {
        struct wm_step *last = &a->steps[a->n_steps - 1];
        if (wm <= last->wm) return;
        if (last->row == a->n) {
            last->wm = wm;
            return;
        }
    }
    MEM_GROW(a->steps, a->n_steps, a->cap_steps);
    a->steps[a->n_steps++] = (struct wm_step){a->n, wm};
}

struct batch *accum_take(struct accum *a) {
    if (!a->n && !a->n_steps) return NULL;
    accum_reserve(a, 0);
    struct batch *b = batch_new(a->schema->n);
    b->n = a->n;
    for (int32_t i = 0; i < b->n_cols; i++)
        acc_col_take(&a->cols[i], &b->cols[i]);
    b->kinds = a->kinds;
    b->kinds_buf = a->kinds_buf;
    b->hashes = a->hashes;
    b->hashes_buf = a->hashes_buf;
    if (a->n_steps) batch_set_steps(b, a->steps, a->n_steps);
    b->split = a->split;
    b->source_ns = a->source_ns;
    free(a->cols);
    free(a->steps);
    accum_init(a, a->schema);
    return b;
}

void accum_release(struct accum *a) {
    for (int32_t i = 0; a->cols && i < a->schema->n; i++)
        acc_col_release(&a->cols[i]);
    free(a->cols);
    buffer_unref(a->kinds_buf);
    buffer_unref(a->hashes_buf);
    free(a->steps);
    accum_init(a, a->schema);
}
