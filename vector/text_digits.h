/* text_digits.h - integers as text without a call, eight digits at a time (after Paul Khuong,
 * "How to print integers really fast", 2017). */
#ifndef PENSTOCK_VECTOR_TEXT_DIGITS_H
#define PENSTOCK_VECTOR_TEXT_DIGITS_H

#include <stdint.h>
#include <string.h>

/* What text_put_* may write, whatever the value's length. */
enum { TEXT_PUT_MAX_BYTES = 32 };

/* v < 10^8 as eight digits of 0 to 9, the first one in the lowest byte. */
static inline uint64_t text_eight_digits(uint32_t v) {
    uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32, t;
    t = (x * 10486 >> 20) & 0x7f0000007f;
    x = t | (x - t * 100) << 16;
    t = (x * 103 >> 10) & 0x000f000f000f000f;
    return t | (x - t * 10) << 8;
}

static inline char *text_put_all_eight(char *d, uint32_t v) {
    uint64_t x = text_eight_digits(v) | 0x3030303030303030;
    memcpy(d, &x, 8);
    return d + 8;
}

/* Returns the end. */
static inline char *text_put_u64(char *d, uint64_t v) {
    enum { EIGHT = 100000000 };
    uint64_t low = 0;
    int eights = 0;
    if (v >= EIGHT) {
        low = v % EIGHT;
        v /= EIGHT;
        eights = 1;
        if (v >= EIGHT) {
            d = text_put_u64(d, v / EIGHT);
            d = text_put_all_eight(d, (uint32_t)(v % EIGHT));
            return text_put_all_eight(d, (uint32_t)low);
        }
    }
    uint64_t x = text_eight_digits((uint32_t)v);
    unsigned zeros = (unsigned)__builtin_ctzll(x | 1ull << 56) / 8; /* in front; one digit stays */
    x = (x | 0x3030303030303030) >> zeros * 8;
    memcpy(d, &x, 8);
    d += 8 - zeros;
    return eights ? text_put_all_eight(d, (uint32_t)low) : d;
}

static inline char *text_put_i64(char *d, int64_t v) {
    *d = '-';
    return text_put_u64(d + (v < 0), v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

#endif
