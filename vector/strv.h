/* strv.h - the 16-byte string view of a PHYS_STR column: up to 12 bytes inline, else a 4-byte
 * prefix and a pointer into the column's heap (Neumann & Freitag, "Umbra", CIDR 2020; Arrow's
 * BinaryView with a pointer in place of buffer index and offset). Unused inline bytes are zero, so
 * two inline views are equal iff their 16 bytes are. */
#ifndef PENSTOCK_VECTOR_STRV_H
#define PENSTOCK_VECTOR_STRV_H

#include "base/core/str.h"
#include "vector/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { STRV_INLINE_MAX_BYTES = 12 };

struct strv {
    _Alignas(8) uint32_t len;
    union {
        char inl[12];
        struct __attribute__((packed)) {
            char prefix[4];
            const char *ptr; /* at offset 8 of the view, so aligned */
        } ref;
    } u;
};

_Static_assert(sizeof(struct strv) == 16, "string view is 16 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "strv_borrow shifts bytes");

static inline const char *strv_data(const struct strv *s) {
    return s->len <= STRV_INLINE_MAX_BYTES ? s->u.inl : s->u.ref.ptr;
}

static inline struct sv strv_sv(const struct strv *s) {
    return (struct sv){strv_data(s), s->len};
}

/* A view of bytes that outlive it (ptr is kept when longer than 12 bytes). Put together in two
 * words by loads of fixed size that overlap: no loop, and no small stores read back as a large one.
 * (gcc warns of branches that a small source can't reach.) */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
static inline struct strv strv_borrow(const char *p, uint32_t len) {
    uint64_t w[2] = {len, 0};
    uint32_t head = 0, tail;
    uint64_t all;
    if (len > STRV_INLINE_MAX_BYTES) {
        memcpy(&head, p, 4);
        w[1] = (uint64_t)(uintptr_t)p;
    } else if (len >= 8) {
        memcpy(&all, p, 8);
        memcpy(&tail, p + len - 4, 4);
        head = (uint32_t)all;
        w[1] = all >> 32 | (uint64_t)tail >> 8 * (12 - len) << 32;
    } else if (len >= 4) {
        memcpy(&head, p, 4);
        memcpy(&tail, p + len - 4, 4);
        w[1] = (uint64_t)tail >> 8 * (8 - len);
    } else if (len) {
        head = (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[len / 2] << 8 * (len / 2) |
               (uint32_t)(uint8_t)p[len - 1] << 8 * (len - 1);
    }
    w[0] |= (uint64_t)head << 32;
    struct strv s;
    memcpy(&s, w, sizeof(s));
    return s;
}
#pragma GCC diagnostic pop

/* The same of a piece of a longer text, of which room bytes lie at p and behind: where there are
 * enough of them, without asking for the length, which would be a guess. */
static inline struct strv strv_borrow_part(const char *p, uint32_t len, size_t room) {
    if (room < 16 || len > STRV_INLINE_MAX_BYTES) return strv_borrow(p, len);
    uint64_t lo, hi, w[2];
    memcpy(&lo, p, 8);
    memcpy(&hi, p + 8, 8);
    lo &= len < 8 ? (1ull << 8 * len) - 1 : ~0ull;
    hi &= len > 8 ? (1ull << 8 * (len - 8)) - 1 : 0;
    w[0] = len | lo << 32;
    w[1] = lo >> 32 | hi << 32;
    struct strv s;
    memcpy(&s, w, sizeof(s));
    return s;
}

/* A view of a copy of the bytes in the heap. */
static inline struct strv strv_copy(struct heap *h, const char *p, uint32_t len) {
    if (len <= STRV_INLINE_MAX_BYTES) return strv_borrow(p, len);
    uint8_t *d = heap_alloc(h, len);
    memcpy(d, p, len);
    return strv_borrow((const char *)d, len);
}

static inline bool strv_eq(const struct strv *a, const struct strv *b) {
    uint64_t a0, b0, a1, b1;
    memcpy(&a0, a, 8);
    memcpy(&b0, b, 8);
    if (a0 != b0) return false; /* length and first four bytes */
    memcpy(&a1, (const char *)a + 8, 8);
    memcpy(&b1, (const char *)b + 8, 8);
    if (a1 == b1) return true;
    if (a->len <= STRV_INLINE_MAX_BYTES) return false;
    return memcmp(a->u.ref.ptr, b->u.ref.ptr, a->len) == 0;
}

static inline int strv_cmp(const struct strv *a, const struct strv *b) { /* bytewise */
    uint32_t n = a->len < b->len ? a->len : b->len;
    int c = memcmp(strv_data(a), strv_data(b), n);
    if (c) return c;
    return a->len < b->len ? -1 : a->len > b->len;
}

#endif
