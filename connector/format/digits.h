/* digits.h - plain decimal integers of up to 18 digits, by far the most frequent kind, without a
 * call. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_DIGITS_H
#define PENSTOCK_CONNECTOR_FORMAT_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [-]digits and nothing else. False also for what may be a number all the same: more digits, a
 * plus, blanks. */
static inline bool digits_plain(const char *p, size_t n, int64_t *ret) {
    bool negative = n && *p == '-';
    p += negative;
    n -= negative;
    if (n - 1 > 17) return false;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned char)p[i] - '0';
        if (digit > 9) return false;
        v = v * 10 + digit;
    }
    *ret = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

#endif
