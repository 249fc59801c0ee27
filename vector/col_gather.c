/* col_gather.c - rows picked by index, columns put behind one another, values repeated. */
#include "vector/column.h"

#include "base/core/mem.h"
#include "vector/bits.h"

#include <stdlib.h>
#include <string.h>

/* ---- kernels -------------------------------------------------------------------------------- */

#define DEF_GATHER(name, ctype)                                                                    \
    ATTR_KERNEL static void gather_##name(void *restrict dst, const void *restrict src,            \
                                          const uint32_t *restrict idx, uint32_t n) {              \
        ctype *restrict d = dst;                                                                   \
        const ctype *restrict s = src;                                                             \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = s[idx[i]];                                                                      \
    }                                                                                              \
    ATTR_KERNEL static void gather_opt_##name(void *restrict dst, const void *restrict src,        \
                                              const uint32_t *restrict idx, uint32_t n) {          \
        ctype *restrict d = dst;                                                                   \
        const ctype *restrict s = src;                                                             \
        for (uint32_t i = 0; i < n; i++)                                                           \
            d[i] = s[idx[i] == UINT32_MAX ? 0 : idx[i]];                                           \
    }

struct wide {
    uint64_t lo, hi;
};

DEF_GATHER(1, uint8_t)
DEF_GATHER(2, uint16_t)
DEF_GATHER(4, uint32_t)
DEF_GATHER(8, uint64_t)
DEF_GATHER(16, struct wide)

ATTR_KERNEL static uint32_t max_index(const uint32_t *restrict idx, uint32_t n) {
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++)
        m = idx[i] > m ? idx[i] : m;
    return m;
}

/* m[i] = bit idx[i]. valid as 32-bit words, so that a vector gather fits. */
ATTR_KERNEL static void gather_bits(uint8_t *restrict m, const uint32_t *restrict valid,
                                    const uint32_t *restrict idx, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        m[i] = (uint8_t)(valid[idx[i] >> 5] >> (idx[i] & 31) & 1);
}

ATTR_KERNEL static void gather_bits_opt(uint8_t *restrict m, const uint32_t *restrict valid,
                                        const uint32_t *restrict idx, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t none = idx[i] == UINT32_MAX, r = none ? 0 : idx[i];
        m[i] = (uint8_t)((valid[r >> 5] >> (r & 31) & 1) & (none ^ 1));
    }
}

ATTR_KERNEL static void not_max(uint8_t *restrict m, const uint32_t *restrict idx, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        m[i] = idx[i] != UINT32_MAX;
}

/* Bits of the picked rows; a row of UINT32_MAX has none. valid may be NULL. Returns whether all are
 * set. */
static bool gather_valid(uint64_t *restrict dst, const uint64_t *restrict valid,
                         const uint32_t *restrict idx, uint32_t n, bool opt) {
    enum { CHUNK = 1024 };
    uint8_t m[CHUNK];
    uint64_t missing = 0;
    for (uint32_t at = 0; at < n; at += CHUNK) {
        uint32_t len = n - at < CHUNK ? n - at : CHUNK;
        if (!valid)
            not_max(m, idx + at, len);
        else
            (opt ? gather_bits_opt : gather_bits)(m, (const uint32_t *)valid, idx + at, len);
        for (uint32_t w = 0; w < valid_words(len); w++) {
            uint64_t bits = bool_pack64(m + (size_t)w * 64);
            dst[at / 64 + w] = bits;
            missing |= len - w * 64 < 64 ? ~bits << (64 - (len - w * 64)) : ~bits;
        }
    }
    return !missing;
}

static void gather_values(struct column *dst, const struct column *src, const uint32_t *idx,
                          uint32_t n, bool opt) {
    switch (phys_size_bytes(src->phys)) {
    case 1:
        (opt ? gather_opt_1 : gather_1)(dst->data, src->data, idx, n);
        break;
    case 2:
        (opt ? gather_opt_2 : gather_2)(dst->data, src->data, idx, n);
        break;
    case 4:
        (opt ? gather_opt_4 : gather_4)(dst->data, src->data, idx, n);
        break;
    case 8:
        (opt ? gather_opt_8 : gather_8)(dst->data, src->data, idx, n);
        break;
    case 16:
        (opt ? gather_opt_16 : gather_16)(dst->data, src->data, idx, n);
        break;
    default:
        break;
    }
}

/* LIST and MAP: new offsets, and the child rows of the picked parents one after another. */
static void gather_lists(struct column *dst, const struct column *src, const uint32_t *idx,
                         uint32_t n) {
    const uint32_t *so = src->data;
    uint32_t *d = dst->data;
    size_t total = 0;
    d[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool none = idx[i] == UINT32_MAX || !col_is_valid(src, idx[i]);
        total += none ? 0 : so[idx[i] + 1] - so[idx[i]];
        CHECK(total < UINT32_MAX);
        d[i + 1] = (uint32_t)total;
    }
    AUTO_FREE uint32_t *child = mem_alloc((total ? total : 1) * sizeof(*child));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t len = d[i + 1] - d[i];
        for (uint32_t k = 0; k < len; k++)
            child[d[i] + k] = so[idx[i]] + k;
    }
    for (int i = 0; i < src->n_children; i++)
        col_gather(&dst->children[i], &src->children[i], child, (uint32_t)total);
}

void col_gather(struct column *ret_dst, const struct column *src, const uint32_t *idx, uint32_t n) {
    uint32_t max = n ? max_index(idx, n) : 0;
    bool opt = max == UINT32_MAX;
    struct column c;
    if (src->n == 0) { /* only NULLs can be asked for */
        col_repeat(ret_dst, NULL, src->type, n);
        return;
    }
    col_init(&c, src->type, n);
    if (src->phys == PHYS_LIST || src->phys == PHYS_MAP) {
        gather_lists(&c, src, idx, n);
    } else if (src->phys == PHYS_ROW) {
        for (int i = 0; i < src->n_children; i++)
            col_gather(&c.children[i], &src->children[i], idx, n);
    } else {
        gather_values(&c, src, idx, n, opt);
    }
    if ((src->valid || opt) && n && gather_valid(col_make_valid(&c), src->valid, idx, n, opt)) {
        buffer_unref(c.valid_buf); /* nobody has to look at it any more */
        c.valid_buf = NULL;
        c.valid = NULL;
    }
    c.heap = heap_ref(src->heap);
    *ret_dst = c;
}

/* ---- concatenation -------------------------------------------------------------------------- */

/* dst bits [at, at + n) = src's; dst is all ones before. */
static void append_valid(uint64_t *dst, uint32_t at, const struct column *src) {
    if (!src->valid) return;
    if (at % 64 == 0) {
        uint32_t full = src->n / 64;
        memcpy(dst + at / 64, src->valid, full * sizeof(uint64_t));
        if (src->n % 64) dst[at / 64 + full] = src->valid[full] | ~0ull << (src->n % 64);
        return;
    }
    uint32_t shift = at % 64;
    for (uint32_t w = 0; w < valid_words(src->n); w++) {
        uint64_t nulls = ~src->valid[w];
        if ((w + 1) * 64 > src->n) nulls &= ~0ull >> (64 - src->n % 64);
        dst[at / 64 + w] &= ~(nulls << shift);
        dst[at / 64 + w + 1] &= ~(nulls >> (64 - shift));
    }
}

static void concat_lists(struct column *dst, const struct column *const *srcs, uint32_t n_srcs) {
    uint32_t *d = dst->data, at = 0, base = 0;
    d[0] = 0;
    for (uint32_t s = 0; s < n_srcs; s++) {
        const uint32_t *off = srcs[s]->data;
        for (uint32_t i = 0; i < srcs[s]->n; i++)
            d[at + i + 1] = base + off[i + 1] - off[0];
        at += srcs[s]->n;
        if (srcs[s]->n) base += off[srcs[s]->n] - off[0];
    }
    AUTO_FREE struct column *parts = mem_calloc(n_srcs, sizeof(*parts));
    AUTO_FREE const struct column **ptrs = mem_calloc(n_srcs, sizeof(*ptrs));
    for (int c = 0; c < dst->n_children; c++) {
        for (uint32_t s = 0; s < n_srcs; s++) {
            const uint32_t *off = srcs[s]->data;
            uint32_t n = srcs[s]->n ? off[srcs[s]->n] - off[0] : 0;
            col_slice(&parts[s], &srcs[s]->children[c], srcs[s]->n ? off[0] : 0, n);
            ptrs[s] = &parts[s];
        }
        col_concat(&dst->children[c], ptrs, n_srcs);
        for (uint32_t s = 0; s < n_srcs; s++)
            col_release(&parts[s]);
    }
}

static void concat_rows(struct column *dst, const struct column *const *srcs, uint32_t n_srcs) {
    AUTO_FREE const struct column **ptrs = mem_calloc(n_srcs, sizeof(*ptrs));
    for (int c = 0; c < dst->n_children; c++) {
        for (uint32_t s = 0; s < n_srcs; s++)
            ptrs[s] = &srcs[s]->children[c];
        col_concat(&dst->children[c], ptrs, n_srcs);
    }
}

void col_concat(struct column *ret_dst, const struct column *const *srcs, uint32_t n_srcs) {
    CHECK(n_srcs > 0);
    uint32_t n = 0, n_heaps = 0;
    bool nulls = false;
    for (uint32_t s = 0; s < n_srcs; s++) {
        CHECK(srcs[s]->phys == srcs[0]->phys);
        n += srcs[s]->n;
        nulls |= srcs[s]->valid != NULL && srcs[s]->n;
        n_heaps += srcs[s]->heap != NULL;
    }
    struct column c;
    col_init(&c, srcs[0]->type, n);
    if (nulls) {
        uint32_t at = 0;
        col_make_valid(&c);
        for (uint32_t s = 0; s < n_srcs; at += srcs[s++]->n)
            append_valid(c.valid, at, srcs[s]);
    }
    if (c.phys == PHYS_LIST || c.phys == PHYS_MAP) {
        concat_lists(&c, srcs, n_srcs);
    } else if (c.phys == PHYS_ROW) {
        concat_rows(&c, srcs, n_srcs);
    } else {
        size_t size = (size_t)phys_size_bytes(c.phys);
        char *d = c.data;
        for (uint32_t s = 0; s < n_srcs && size; s++) {
            if (srcs[s]->n) memcpy(d, srcs[s]->data, srcs[s]->n * size);
            d += srcs[s]->n * size;
        }
        for (uint32_t s = 0; s < n_srcs && n_heaps; s++)
            heap_borrow(col_heap(&c), srcs[s]->heap);
    }
    *ret_dst = c;
}

/* ---- repetition ----------------------------------------------------------------------------- */

static void repeat_null(struct column *c, uint32_t n) {
    if (c->data) {
        size_t size = c->phys == PHYS_LIST || c->phys == PHYS_MAP
                          ? sizeof(uint32_t)
                          : (size_t)phys_size_bytes(c->phys);
        memset(c->data, 0, size * n + (c->phys == PHYS_LIST || c->phys == PHYS_MAP ? size : 0));
    }
    bool in_step = c->phys == PHYS_ROW;
    for (int i = 0; i < c->n_children; i++) {
        const struct type *t = c->children[i].type;
        col_repeat(&c->children[i], NULL, t, in_step ? n : 0);
    }
    if (n) memset(col_make_valid(c), 0, valid_words(n) * sizeof(uint64_t));
}

static void fill_value(struct column *c, const void *value, uint32_t n) {
    switch (phys_size_bytes(c->phys)) {
    case 1:
        memset(c->data, *(const uint8_t *)value, n);
        break;
    case 2:
        for (uint32_t i = 0; i < n; i++)
            COL_DATA(c, uint16_t)[i] = *(const uint16_t *)value;
        break;
    case 4:
        for (uint32_t i = 0; i < n; i++)
            COL_DATA(c, uint32_t)[i] = *(const uint32_t *)value;
        break;
    case 8:
        for (uint32_t i = 0; i < n; i++)
            COL_DATA(c, uint64_t)[i] = *(const uint64_t *)value;
        break;
    case 16: {
        struct wide v;
        memcpy(&v, value, sizeof(v));
        for (uint32_t i = 0; i < n; i++)
            COL_DATA(c, struct wide)[i] = v;
        break;
    }
    default:
        break;
    }
}

void col_repeat(struct column *ret_dst, const struct column *src, const struct type *type,
                uint32_t n) {
    struct column c;
    if (src && (src->phys >= PHYS_LIST) && col_is_valid(src, 0)) {
        AUTO_FREE uint32_t *zeros = mem_calloc(n ? n : 1, sizeof(*zeros));
        col_gather(&c, src, zeros, n);
        c.type = type;
        *ret_dst = c;
        return;
    }
    col_init(&c, type, n);
    if (!src || src->phys == PHYS_NULL || !col_is_valid(src, 0)) {
        repeat_null(&c, n);
    } else if (src->phys == PHYS_STR && !src->heap) { /* bytes that somebody else owns: copy */
        const struct strv *s = src->data;
        struct strv v = *s;
        if (s->len > STRV_INLINE_MAX_BYTES) v = strv_copy(col_heap(&c), s->u.ref.ptr, s->len);
        fill_value(&c, &v, n);
    } else {
        fill_value(&c, src->data, n);
        c.heap = heap_ref(src->heap);
    }
    *ret_dst = c;
}
