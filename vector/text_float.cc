/* text_float.cc - shortest digits of a double and exact parsing, out of the C++ library
 * (std::to_chars: Ryu; std::from_chars: Lemire's algorithm). */
#include "vector/text_float.h"

#include <charconv>

namespace {

// "d.ddde[+-]xx" into digits and exponent.
template <typename T> int shortest(T v, char *digits, int *ret_exp10) {
    char buf[40];
    auto r = std::to_chars(buf, buf + sizeof(buf), v, std::chars_format::scientific);
    int n = 0;
    const char *p = buf;
    for (; p < r.ptr && *p != 'e'; p++)
        if (*p != '.') digits[n++] = *p;
    p++;
    bool neg = *p == '-';
    p++;
    int e = 0;
    for (; p < r.ptr; p++)
        e = e * 10 + (*p - '0');
    *ret_exp10 = neg ? -e : e;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

template <typename T> int scan(const char *p, size_t n, size_t *ret_used, T *ret) {
    T v = 0;
    auto r = std::from_chars(p, p + n, v, std::chars_format::general);
    *ret_used = (size_t)(r.ptr - p);
    if (r.ec == std::errc::result_out_of_range) return 1;
    if (r.ec != std::errc()) return -1;
    *ret = v;
    return 0;
}

} // namespace

extern "C" {

int text_f64_digits(double v, char *digits, int *ret_exp10) {
    return shortest(v, digits, ret_exp10);
}

int text_f32_digits(float v, char *digits, int *ret_exp10) {
    return shortest(v, digits, ret_exp10);
}

int text_f64_scan(const char *p, size_t n, size_t *ret_used, double *ret) {
    return scan(p, n, ret_used, ret);
}

int text_f32_scan(const char *p, size_t n, size_t *ret_used, float *ret) {
    return scan(p, n, ret_used, ret);
}
}
