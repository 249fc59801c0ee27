/* bits.h - bytes of truth to bits. */
#ifndef PENSTOCK_VECTOR_BITS_H
#define PENSTOCK_VECTOR_BITS_H

#include <stdint.h>

/* 64 bytes of 0 or 1 to 64 bits. */
static inline uint64_t bool_pack64(const uint8_t *p) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t w;
        __builtin_memcpy(&w, p + i * 8, 8);
        bits |= ((w & 0x0101010101010101ull) * 0x0102040810204080ull >> 56) << (i * 8);
    }
    return bits;
}

#endif
