/* byte_mask.h - where a byte stands in up to 64 others, as bits; looks at no byte outside. */
#ifndef PENSTOCK_VECTOR_FUNC_BYTE_MASK_H
#define PENSTOCK_VECTOR_FUNC_BYTE_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of eight bytes, as the low eight bits. */
static inline uint64_t byte_mask8(uint64_t w, unsigned char c) {
    const uint64_t low7 = 0x7F7F7F7F7F7F7F7F, ones = 0x0101010101010101;
    w ^= ones * c;
    uint64_t hits = ~(((w & low7) + low7) | w | low7); /* the top bit of each byte that is c */
    return (hits >> 7) * 0x0102040810204080 >> 56;
}

static inline uint64_t byte_mask_few(const char *p, size_t n, unsigned char c) { /* 1..15 */
    uint64_t w = 0;
    if (n >= 8) {
        uint64_t last;
        memcpy(&w, p, 8);
        memcpy(&last, p + n - 8, 8);
        return byte_mask8(w, c) | byte_mask8(last, c) << (n - 8);
    }
    if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        w = a | (uint64_t)b << (n - 4) * 8;
    } else {
        w = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << n / 2 * 8 |
            (uint64_t)(uint8_t)p[n - 1] << (n - 1) * 8;
    }
    return byte_mask8(w, c) & ((1u << n) - 1);
}

#ifdef __SSE2__
#include <emmintrin.h>
static inline uint64_t byte_mask16(const char *p, unsigned char c) {
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    return (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)c)));
}
#else
static inline uint64_t byte_mask16(const char *p, unsigned char c) {
    uint64_t w[2];
    memcpy(w, p, 16);
    return byte_mask8(w[0], c) | byte_mask8(w[1], c) << 8;
}
#endif

/* Bit i: p[i] is c. n: 0 to 64. */
static inline uint64_t byte_mask(const char *p, size_t n, unsigned char c) {
    if (n < 16) return n ? byte_mask_few(p, n, c) : 0;
    uint64_t m = byte_mask16(p, c);
    if (n >= 32) m |= byte_mask16(p + 16, c) << 16;
    if (n >= 48) m |= byte_mask16(p + 32, c) << 32;
    return m | byte_mask16(p + n - 16, c) << (n - 16);
}

#endif
