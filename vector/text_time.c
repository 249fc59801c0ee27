/* text_time.c - dates, times, timestamps and intervals as text. The hot form is
 * "yyyy-MM-dd HH:mm:ss[.fraction]" with two digits everywhere; whatever else Flink takes goes the
 * slow way. */
#include "vector/text.h"

#include "vector/func/tz.h"

#include <string.h>

enum { MS_PER_DAY = 86400000, MS_PER_HOUR = 3600000, MS_PER_MINUTE = 60000 };

static inline int is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static bool is_leap(int64_t y) {
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

static int days_in_month(int64_t y, int m) {
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m == 2 && is_leap(y) ? 29 : days[m];
}

/* All of p[0..n) as a number of at most 9 digits, blanks around it ignored. */
static bool whole_number(const char *p, size_t n, int *ret) {
    while (n && (unsigned char)*p <= ' ')
        p++, n--;
    while (n && (unsigned char)p[n - 1] <= ' ')
        n--;
    if (n == 0 || n > 9) return false;
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(p[i])) return false;
        v = v * 10 + (p[i] - '0');
    }
    *ret = v;
    return true;
}

/* ---- parts that are as wide as usual -------------------------------------------------------- */

struct stamp {
    int64_t y;
    int mon, d, h, min, s;
    int32_t nanos;
};

/* The eight characters at p against a form of digits ('0') and separators: the digits' values, or
 * false. One byte each; x86 and ARM are little-endian. */
static inline bool eight(const char *p, const char *form, uint64_t *ret) {
    uint64_t x, f, limit = 0;
    memcpy(&x, p, 8);
    memcpy(&f, form, 8);
    x ^= f; /* digits 0 to 9, separators 0 */
    for (int i = 0; i < 8; i++)
        limit |= (uint64_t)(form[i] == '0' ? 0x76 : 0x7F) << 8 * i;
    *ret = x;
    return ((x | (x + limit)) & 0x8080808080808080ull) == 0;
}

/* Of such digits the pair that starts at byte i of pairs(x). */
static inline uint64_t pairs(uint64_t x) {
    return x * 10 + (x >> 8);
}
static inline int pair(uint64_t v, int i) {
    return (int)(v >> 8 * i & 0xFF);
}

/* "dddd-dd-dd" */
static inline bool fast_date(const char *p, struct stamp *t) {
    uint64_t x;
    if (!eight(p, "0000-00-", &x) || !is_digit(p[8]) || !is_digit(p[9])) return false;
    x = pairs(x);
    t->y = pair(x, 0) * 100 + pair(x, 2);
    t->mon = pair(x, 5);
    t->d = (p[8] - '0') * 10 + p[9] - '0';
    return true;
}

/* "dd:dd:dd" */
static inline bool fast_clock(const char *p, struct stamp *t) {
    uint64_t x;
    if (!eight(p, "00:00:00", &x)) return false;
    x = pairs(x);
    t->h = pair(x, 0);
    t->min = pair(x, 3);
    t->s = pair(x, 6);
    return true;
}

/* ---- date ----------------------------------------------------------------------------------- */

enum text_status text_parse_date(const char *p, size_t n, int32_t *ret_days) {
    struct stamp t;
    if (likely(n == 10) && fast_date(p, &t)) {
        if (t.mon < 1 || t.mon > 12 || t.d < 1 || t.d > days_in_month(t.y, t.mon))
            return TEXT_OVERFLOW;
        *ret_days = civil_to_days(t.y, t.mon, t.d);
        return TEXT_OK;
    }
    const char *blank = n > 1 ? memchr(p + 1, ' ', n - 1) : NULL;
    if (blank && *p != ' ') n = (size_t)(blank - p);
    int y, m = 1, d = 1;
    const char *end = p + n, *h1 = memchr(p, '-', n);
    if (!h1) {
        if (!whole_number(p, n, &y)) return n ? TEXT_BAD : TEXT_EMPTY;
    } else {
        if (!whole_number(p, (size_t)(h1 - p), &y)) return TEXT_BAD;
        const char *h2 = memchr(h1 + 1, '-', (size_t)(end - h1 - 1));
        if (!whole_number(h1 + 1, (size_t)((h2 ? h2 : end) - h1 - 1), &m)) return TEXT_BAD;
        if (h2 && !whole_number(h2 + 1, (size_t)(end - h2 - 1), &d)) return TEXT_BAD;
    }
    if (y > 9999 || m < 1 || m > 12 || d < 1 || d > days_in_month(y, m)) return TEXT_OVERFLOW;
    *ret_days = civil_to_days(y, m, d);
    return TEXT_OK;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Fraction of a second in ms; the fourth digit rounds. */
static int fraction_ms(const char *p, size_t n) {
    int mult = 100, r = 0;
    for (size_t i = 0; i < n && mult; i++, mult /= 10) {
        r += is_digit(p[i]) ? (p[i] - '0') * mult : 0;
        if (mult == 1 && i + 1 < n && p[i + 1] >= '5') r++;
    }
    return r;
}

/* "hh[:mm]" behind a '+' or '-'. */
static bool zone_suffix(const char *p, const char *end, int sign, int *ret_ms) {
    const char *colon = memchr(p, ':', (size_t)(end - p));
    int h, m = 0;
    if (!whole_number(p, (size_t)((colon ? colon : end) - p), &h)) return false;
    if (colon && !whole_number(colon + 1, (size_t)(end - colon - 1), &m)) return false;
    *ret_ms = sign * (h * MS_PER_HOUR + m * MS_PER_MINUTE);
    return h <= 23 && m <= 59;
}

enum text_status text_parse_time(const char *p, size_t n, int precision, int32_t *ret_ms) {
    static const int unit[4] = {1000, 100, 10, 1};
    const char *end = p + n, *zone = memchr(p, '-', n);
    int sign = -1, zone_ms = 0;
    if (!zone) {
        zone = memchr(p, '+', n);
        sign = 1;
    }
    if (zone) {
        if (!zone_suffix(zone + 1, end, sign, &zone_ms)) return TEXT_BAD;
        end = zone;
    }
    int h, m = 0, s = 0, ms = 0;
    const char *c1 = memchr(p, ':', (size_t)(end - p));
    if (!whole_number(p, (size_t)((c1 ? c1 : end) - p), &h)) return n ? TEXT_BAD : TEXT_EMPTY;
    if (c1) {
        const char *c2 = memchr(c1 + 1, ':', (size_t)(end - c1 - 1));
        if (!whole_number(c1 + 1, (size_t)((c2 ? c2 : end) - c1 - 1), &m)) return TEXT_BAD;
        if (c2) {
            const char *dot = memchr(c2 + 1, '.', (size_t)(end - c2 - 1));
            if (!whole_number(c2 + 1, (size_t)((dot ? dot : end) - c2 - 1), &s)) return TEXT_BAD;
            if (dot) ms = fraction_ms(dot + 1, (size_t)(end - dot - 1));
        }
    }
    if (h > 23 || m > 59 || s > 59) return TEXT_OVERFLOW;
    int t = h * MS_PER_HOUR + m * MS_PER_MINUTE + s * 1000 + ms + zone_ms;
    int u = unit[precision < 3 ? precision : 3];
    *ret_ms = t - t % u;
    return TEXT_OK;
}

/* ---- timestamp ------------------------------------------------------------------------------ */

/* Two digits, or one where the second is none. */
static bool one_or_two(const char **p, const char *end, int *ret) {
    if (*p == end || !is_digit(**p)) return false;
    int v = *(*p)++ - '0';
    if (*p < end && is_digit(**p)) v = v * 10 + (*(*p)++ - '0');
    *ret = v;
    return true;
}

static bool literal(const char **p, const char *end, char c) {
    if (*p == end || **p != c) return false;
    (*p)++;
    return true;
}

static bool slow_date(const char **p, const char *end, struct stamp *t) {
    bool plus = literal(p, end, '+');
    int digits = 0;
    t->y = 0;
    for (; *p < end && is_digit(**p) && digits < 9; (*p)++, digits++)
        t->y = t->y * 10 + (**p - '0');
    if (digits < 4 || (digits > 4) != plus) return false;
    return literal(p, end, '-') && one_or_two(p, end, &t->mon) && literal(p, end, '-') &&
           one_or_two(p, end, &t->d);
}

static bool slow_clock(const char **p, const char *end, struct stamp *t) {
    return one_or_two(p, end, &t->h) && literal(p, end, ':') && one_or_two(p, end, &t->min) &&
           literal(p, end, ':') && one_or_two(p, end, &t->s);
}

static void fraction(const char **p, const char *end, struct stamp *t) {
    static const int32_t unit[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                   10000,      1000,      100,      10,      1};
    if (*p == end || **p != '.') return;
    (*p)++;
    int32_t ns = 0, digits = 0;
    for (; *p < end && is_digit(**p) && digits < 9; (*p)++, digits++)
        ns = ns * 10 + (**p - '0');
    t->nanos = ns * unit[digits];
}

/* Date and, behind a blank or the other separator, time; *p is left behind what was read. */
static bool scan_stamp(const char **p, const char *end, char sep, struct stamp *t) {
    if (end - *p >= 10 && fast_date(*p, t))
        *p += 10;
    else if (!slow_date(p, end, t))
        return false;
    if (*p == end || (**p != ' ' && **p != sep)) return true;
    const char *date_end = (*p)++;
    if (end - *p >= 8 && fast_clock(*p, t)) {
        *p += 8;
    } else if (!slow_clock(p, end, t)) {
        *p = date_end;
        return true;
    }
    fraction(p, end, t);
    return true;
}

static enum text_status resolve(struct stamp *t, int64_t *ret_ms, int32_t *ret_ns) {
    if (t->mon < 1 || t->mon > 12 || t->d < 1 || t->d > 31 || t->h > 23 || t->min > 59 || t->s > 59)
        return TEXT_OVERFLOW;
    if (t->y < 1 || t->y > 5000000) return TEXT_OVERFLOW; /* year of era starts at 1 */
    int last = days_in_month(t->y, t->mon);
    if (t->d > last) t->d = last;
    int64_t days = civil_to_days(t->y, t->mon, t->d);
    *ret_ms = days * MS_PER_DAY + t->h * (int64_t)MS_PER_HOUR + t->min * MS_PER_MINUTE +
              t->s * 1000 + t->nanos / 1000000;
    *ret_ns = t->nanos % 1000000;
    return TEXT_OK;
}

enum text_status text_parse_timestamp(const char *p, size_t n, int64_t *ret_ms, int32_t *ret_ns,
                                      size_t *ret_at) {
    struct stamp t = {0};
    const char *at = p, *end = p + n;
    bool ok = scan_stamp(&at, end, ' ', &t);
    if (!ok || at != end) {
        if (ret_at) *ret_at = ok ? (size_t)(at - p) : 0;
        return n ? TEXT_BAD : TEXT_EMPTY;
    }
    return resolve(&t, ret_ms, ret_ns);
}

bool text_parse_seconds(const char *p, int64_t *ret_ms) {
    struct stamp t = {0};
    int32_t ns;
    if (!fast_date(p, &t) || p[10] != ' ' || !fast_clock(p + 11, &t) || t.y < 1583) return false;
    if (t.mon < 1 || t.mon > 12 || t.d > days_in_month(t.y, t.mon)) return false;
    return resolve(&t, ret_ms, &ns) == TEXT_OK;
}

enum text_status text_parse_timestamp_iso(const char *p, size_t n, int64_t *ret_ms, int32_t *ret_ns,
                                          int32_t *ret_offset_ms) {
    struct stamp t = {0};
    const char *at = p, *end = p + n;
    if (!scan_stamp(&at, end, 'T', &t)) return n ? TEXT_BAD : TEXT_EMPTY;
    int32_t offset = INT32_MIN;
    if (at < end && *at == 'Z') {
        offset = 0;
        at++;
    } else if (at < end && (*at == '+' || *at == '-')) {
        int ms;
        if (!zone_suffix(at + 1, end, *at == '+' ? 1 : -1, &ms)) return TEXT_BAD;
        offset = ms;
        at = end;
    }
    if (at != end) return TEXT_BAD;
    *ret_offset_ms = offset;
    return resolve(&t, ret_ms, ret_ns);
}

void text_cut_timestamp(int precision, int64_t *ms, int32_t *ns) {
    static const int unit[10] = {1000, 100, 10, 1, 100000, 10000, 1000, 100, 10, 1};
    if (precision > 3) {
        *ns -= *ns % unit[precision];
        return;
    }
    *ns = 0;
    if (precision == 3) return; /* spares the usual case a division */
    int64_t r = *ms % unit[precision];
    *ms -= r < 0 ? r + unit[precision] : r;
}

/* ---- value to text -------------------------------------------------------------------------- */

/* v below 100 */
static inline char *put2(char *p, int v) {
    int tens = v * 103 >> 10;
    p[0] = (char)('0' + tens);
    p[1] = (char)('0' + v - tens * 10);
    return p + 2;
}

static inline char *put_date(char *p, int32_t days) {
    int y, m, d;
    days_to_civil(days, &y, &m, &d);
    if (y < 0) y = -y;
    p = put2(p, y / 100 % 100);
    p = put2(p, y % 100);
    *p++ = '-';
    p = put2(p, m);
    *p++ = '-';
    return put2(p, d);
}

static inline char *put_clock(char *p, int32_t ms) {
    int s = ms / 1000, min = s / 60, h = min / 60;
    p = put2(p, h);
    *p++ = ':';
    p = put2(p, min - h * 60);
    *p++ = ':';
    return put2(p, s - min * 60);
}

size_t text_fmt_date(char *dst, int32_t days) {
    return (size_t)(put_date(dst, days) - dst);
}

size_t text_fmt_time(char *dst, int32_t ms, int precision) {
    while (ms < 0)
        ms += MS_PER_DAY;
    char *p = put_clock(dst, ms);
    if (precision > 0) {
        *p++ = '.';
        ms %= 1000;
        do {
            *p++ = (char)('0' + ms / 100);
            ms = ms % 100 * 10;
        } while (ms && --precision > 0);
    }
    return (size_t)(p - dst);
}

size_t text_fmt_timestamp(char *dst, int64_t local_ms, int32_t ns, int precision, char sep) {
    int64_t days = local_ms / MS_PER_DAY;
    int32_t ms = (int32_t)(local_ms % MS_PER_DAY);
    if (ms < 0) {
        ms += MS_PER_DAY;
        days--;
    }
    char *p = put_date(dst, (int32_t)days);
    *p++ = sep;
    p = put_clock(p, ms);
    int32_t milli = ms % 1000, nanos = milli * 1000000 + ns;
    if (precision == 0 && nanos == 0) return (size_t)(p - dst);
    if (precision == 3 && ns == 0) {
        *p++ = '.';
        *p++ = (char)('0' + milli / 100);
        return (size_t)(put2(p, milli % 100) - dst);
    }
    char frac[9];
    for (int i = 8; i >= 0; i--, nanos /= 10)
        frac[i] = (char)('0' + nanos % 10);
    int len = 9;
    while (len > precision && frac[len - 1] == '0')
        len--;
    *p++ = '.';
    memcpy(p, frac, (size_t)len);
    return (size_t)(p + len - dst);
}

size_t text_fmt_interval_ym(char *dst, int32_t months) {
    uint32_t m = months < 0 ? 0 - (uint32_t)months : (uint32_t)months;
    *dst = months < 0 ? '-' : '+';
    char *p = dst + 1 + text_fmt_u64(dst + 1, m / 12);
    *p++ = '-';
    return (size_t)(put2(p, (int)(m % 12)) - dst);
}

size_t text_fmt_interval_dt(char *dst, int64_t ms) {
    uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    *dst = ms < 0 ? '-' : '+';
    char *p = dst + 1 + text_fmt_u64(dst + 1, v / MS_PER_DAY);
    *p++ = ' ';
    int32_t rest = (int32_t)(v % MS_PER_DAY);
    p = put_clock(p, rest);
    *p++ = '.';
    *p++ = (char)('0' + rest % 1000 / 100);
    return (size_t)(put2(p, rest % 100) - dst);
}
