/* iso_time.c - fixed-position parsing of dates and times. */
#include "connector/format/iso_time.h"

#include "vector/func/tz.h"

#include <string.h>

#define MS_PER_DAY 86400000ll
#define NS_PER_SECOND 1000000000ll

/* Two digits, or a number of 100 and more. */
static inline unsigned two(const char *p) {
    unsigned a = (unsigned char)p[0] - '0', b = (unsigned char)p[1] - '0';
    return a > 9 || b > 9 ? 1000 : a * 10 + b;
}

/* Year of 4 digits, or with a sign of 4 to 9. *ret_used: bytes. */
static bool parse_year(const char *p, size_t n, int64_t *ret_year, size_t *ret_used) {
    bool sign = n && (p[0] == '-' || p[0] == '+');
    size_t i = sign, digits = 0;
    int64_t y = 0;
    while (i < n && digits < 9 && (unsigned char)(p[i] - '0') <= 9) {
        y = y * 10 + (p[i++] - '0');
        digits++;
    }
    if (digits < 4 || (digits > 4 && !sign)) return false;
    *ret_year = sign && p[0] == '-' ? -y : y;
    *ret_used = i;
    return true;
}

/* The date at the front; *ret_used: its bytes. */
static inline bool date_prefix(const char *p, size_t n, bool strict, int32_t *ret_days,
                               size_t *ret_used) {
    static const uint8_t month_days[13] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y;
    size_t at = 4;
    unsigned hi, lo;
    if (n >= 10 && p[4] == '-' && (hi = two(p)) < 100 && (lo = two(p + 2)) < 100)
        y = hi * 100 + lo;
    else if (!parse_year(p, n, &y, &at))
        return false;
    if (n < at + 6 || p[at] != '-' || p[at + 3] != '-') return false;
    unsigned m = two(p + at + 1), d = two(p + at + 4);
    if (m - 1 > 11 || d - 1 > 30) return false;
    unsigned last = month_days[m];
    if (m == 2 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0))) last = 28;
    if (d > last) {
        if (strict) return false;
        d = last;
    }
    *ret_days = civil_to_days(y, (int)m, (int)d);
    *ret_used = at + 6;
    return true;
}

bool iso_date(const char *p, size_t n, bool strict, int32_t *ret_days) {
    int32_t days;
    size_t used;
    if (!date_prefix(p, n, strict, &days, &used) || used != n) return false;
    *ret_days = days;
    return true;
}

/* The time at the front; *ret_used: its bytes. */
static inline bool time_prefix(const char *p, size_t n, bool seconds_optional, int64_t *ret_ns,
                               size_t *ret_used) {
    if (n < 5 || p[2] != ':') return false;
    unsigned h = two(p), m = two(p + 3), s = 0;
    if (h > 23 || m > 59) return false;
    size_t at = 5;
    int64_t frac = 0;
    if (n >= 8 && p[5] == ':') {
        s = two(p + 6);
        if (s > 59) return false;
        at = 8;
        if (n > 8 && p[8] == '.') {
            int64_t scale = NS_PER_SECOND;
            for (at = 9; at < n && at < 18 && (unsigned char)(p[at] - '0') <= 9; at++) {
                frac = frac * 10 + (p[at] - '0');
                scale /= 10;
            }
            frac *= scale;
        }
    } else if (!seconds_optional) {
        return false;
    }
    *ret_ns = (int64_t)(h * 3600 + m * 60 + s) * NS_PER_SECOND + frac;
    *ret_used = at;
    return true;
}

bool iso_time(const char *p, size_t n, bool seconds_optional, int64_t *ret_ns) {
    int64_t ns;
    size_t used;
    if (!time_prefix(p, n, seconds_optional, &ns, &used) || used != n) return false;
    *ret_ns = ns;
    return true;
}

bool iso_timestamp(const char *p, size_t n, char sep, bool seconds_optional, bool zulu,
                   int64_t *ret_ms, int32_t *ret_ns) {
    int32_t days;
    int64_t ns;
    size_t used, used_time;
    if (!date_prefix(p, n, false, &days, &used) || used >= n || p[used] != sep) return false;
    used++;
    if (!time_prefix(p + used, n - used, seconds_optional, &ns, &used_time)) return false;
    used += used_time;
    if (zulu ? n != used + 1 || p[used] != 'Z' : n != used) return false;
    *ret_ms = days * MS_PER_DAY + ns / 1000000;
    *ret_ns = (int32_t)(ns % 1000000);
    return true;
}

/* ---- writing ---- */

static inline char *put2(char *d, unsigned v) {
    d[0] = (char)('0' + v / 10);
    d[1] = (char)('0' + v % 10);
    return d + 2;
}

size_t iso_fmt_date(char *dst, int32_t days) {
    int32_t y;
    int m, day;
    days_to_civil(days, &y, &m, &day);
    char *d = dst;
    if (y < 0) *d++ = '-';
    if (y > 9999) *d++ = '+';
    unsigned u = y < 0 ? 0u - (unsigned)y : (unsigned)y, rest = u;
    char tmp[12];
    int k = 0;
    do {
        tmp[k++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest || k < 4);
    while (k)
        *d++ = tmp[--k];
    *d++ = '-';
    d = put2(d, (unsigned)m);
    *d++ = '-';
    return (size_t)(put2(d, (unsigned)day) - dst);
}

size_t iso_fmt_time(char *dst, int64_t ns_of_day) {
    unsigned s = (unsigned)(ns_of_day / NS_PER_SECOND),
             frac = (unsigned)(ns_of_day % NS_PER_SECOND);
    char *d = put2(dst, s / 3600);
    *d++ = ':';
    d = put2(d, s / 60 % 60);
    *d++ = ':';
    d = put2(d, s % 60);
    if (frac) {
        *d++ = '.';
        for (unsigned scale = 100000000; frac; scale /= 10) {
            *d++ = (char)('0' + frac / scale);
            frac %= scale;
        }
    }
    return (size_t)(d - dst);
}

size_t iso_fmt_timestamp(char *dst, int64_t ms, int32_t ns, char sep) {
    int64_t days = ms / MS_PER_DAY, rest = ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    size_t n = iso_fmt_date(dst, (int32_t)days);
    dst[n++] = sep;
    return n + iso_fmt_time(dst + n, rest * 1000000 + ns);
}
