/* text_utf8.c - steps over UTF-8, with fast paths for ASCII. */
#include "vector/text.h"

#include <string.h>

bool text_is_ascii(const char *p, size_t n) {
    uint64_t acc = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        acc |= w;
    }
    for (; i < n; i++)
        acc |= (uint64_t)(unsigned char)p[i] << 56;
    return (acc & 0x8080808080808080ull) == 0;
}

/* Walks by lead bytes, as every function here does, so that counts, offsets and decoding agree on
 * malformed input too. */
static size_t step(const char *p, size_t i, size_t n) {
    size_t next = i + text_utf8_len((unsigned char)p[i]);
    return next > n ? n : next;
}

size_t text_utf8_count(const char *p, size_t n) {
    if (text_is_ascii(p, n)) return n;
    size_t count = 0;
    for (size_t i = 0; i < n; i = step(p, i, n))
        count++;
    return count;
}

size_t text_utf8_offset(const char *p, size_t n, size_t i) {
    if (i >= n) return n;
    if (text_is_ascii(p, i)) return i;
    size_t at = 0;
    for (; i && at < n; i--)
        at = step(p, at, n);
    return at;
}

uint32_t text_utf8_decode(const char *p, size_t n, uint32_t *ret_len) {
    const unsigned char *u = (const unsigned char *)p;
    uint32_t len = text_utf8_len(u[0]);
    *ret_len = 1;
    if (len == 1) return u[0] < 0x80 ? u[0] : 0xFFFD;
    if (len > n || u[0] > 0xF4) return 0xFFFD;
    uint32_t cp = u[0] & (0xFF >> (len + 1));
    for (uint32_t i = 1; i < len; i++) {
        if ((u[i] & 0xC0) != 0x80) return 0xFFFD;
        cp = cp << 6 | (u[i] & 0x3F);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000)) return 0xFFFD;
    *ret_len = len;
    return cp;
}

uint32_t text_utf8_encode(char *dst, uint32_t cp) {
    if (cp < 0x80) {
        dst[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        dst[0] = (char)(0xC0 | cp >> 6);
        dst[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        dst[0] = (char)(0xE0 | cp >> 12);
        dst[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        dst[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    dst[0] = (char)(0xF0 | cp >> 18);
    dst[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    dst[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    dst[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

bool text_utf8_valid(const char *p, size_t n) {
    if (text_is_ascii(p, n)) return true;
    for (size_t i = 0; i < n;) {
        if ((unsigned char)p[i] < 0x80) {
            i++;
            continue;
        }
        uint32_t len;
        if (text_utf8_decode(p + i, n - i, &len) == 0xFFFD && len == 1) return false;
        i += len;
    }
    return true;
}
