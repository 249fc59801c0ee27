/* text.c - numbers as text: integers, decimals, floating point, by Java's and Flink's rules. */
#include "vector/text.h"

#include "vector/text_float.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

static const uint64_t pow10_u64[20] = {1ull,
                                       10ull,
                                       100ull,
                                       1000ull,
                                       10000ull,
                                       100000ull,
                                       1000000ull,
                                       10000000ull,
                                       100000000ull,
                                       1000000000ull,
                                       10000000000ull,
                                       100000000000ull,
                                       1000000000000ull,
                                       10000000000000ull,
                                       100000000000000ull,
                                       1000000000000000ull,
                                       10000000000000000ull,
                                       100000000000000000ull,
                                       1000000000000000000ull,
                                       10000000000000000000ull};

static const char digit_pairs[201] = "0001020304050607080910111213141516171819"
                                     "2021222324252627282930313233343536373839"
                                     "4041424344454647484950515253545556575859"
                                     "6061626364656667686970717273747576777879"
                                     "8081828384858687888990919293949596979899";

/* Blanks as String.trim sees them. */
static void trim(const char **p, size_t *n) {
    while (*n && (unsigned char)**p <= ' ')
        (*p)++, (*n)--;
    while (*n && (unsigned char)(*p)[*n - 1] <= ' ')
        (*n)--;
}

static inline bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

i128 text_pow10(int k) {
    CHECK(k >= 0 && k <= 38);
    return k < 20 ? (i128)pow10_u64[k] : (i128)pow10_u64[19] * (i128)pow10_u64[k - 19];
}

int text_digits_i128(i128 v) {
    u128 u = v < 0 ? -(u128)v : (u128)v;
    int d = 1;
    if (u >= (u128)pow10_u64[19]) {
        u /= pow10_u64[19];
        d += 19;
    }
    while (u >= 10) {
        u /= 10;
        d++;
    }
    return d;
}

bool text_rescale(i128 v, int from, int to, int precision, i128 *ret) {
    if (to > from) {
        if (v && text_digits_i128(v) + (to - from) > 38) return false;
        v *= text_pow10(to - from);
    } else if (to < from) {
        i128 d = text_pow10(from - to);
        i128 q = v / d, r = v % d;
        if (r < 0) r = -r;
        if (r >= d - r) q += v < 0 ? -1 : 1;
        v = q;
    }
    i128 limit = text_pow10(precision);
    if (v >= limit || v <= -limit) return false;
    *ret = v;
    return true;
}

/* ---- text to number ------------------------------------------------------------------------- */

enum text_status text_parse_i64(const char *p, size_t n, int64_t min, int64_t max, int64_t *ret) {
    trim(&p, &n);
    if (n == 0) return TEXT_EMPTY;
    const char *end = p + n;
    bool neg = *p == '-';
    if (neg || *p == '+') {
        p++;
        if (p == end) return TEXT_SIGN_ONLY;
    }
    uint64_t v = 0;
    bool over = false;
    const char *safe = end - p > 18 ? p + 18 : end; /* up to here nothing overflows */
    for (; p < safe && is_digit(*p); p++)
        v = v * 10 + (uint64_t)(*p - '0');
    for (; p < end && is_digit(*p); p++) {
        if (v > (uint64_t)INT64_MAX / 10) over = true;
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > (uint64_t)INT64_MAX + 1) over = true;
    }
    if (p < end) {
        if (*p != '.') return TEXT_BAD;
        for (p++; p < end; p++)
            if (!is_digit(*p)) return TEXT_BAD;
    }
    if (over || (!neg && v > (uint64_t)INT64_MAX)) return TEXT_OVERFLOW;
    int64_t s = neg ? (int64_t)(0 - v) : (int64_t)v;
    if (s < min || s > max) return TEXT_OVERFLOW;
    *ret = s;
    return TEXT_OK;
}

enum text_status text_parse_i64_strict(const char *p, size_t n, int64_t *ret) {
    if (n == 0) return TEXT_EMPTY;
    const char *end = p + n;
    bool neg = *p == '-';
    if (neg || *p == '+') {
        p++;
        if (p == end) return TEXT_SIGN_ONLY;
    }
    uint64_t v = 0;
    bool over = false;
    for (size_t i = 0; p < end; p++, i++) {
        if (!is_digit(*p)) return TEXT_BAD;
        if (i >= 18 && v > (uint64_t)INT64_MAX / 10) over = true;
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > (uint64_t)INT64_MAX + 1) over = true;
    }
    if (over || (!neg && v > (uint64_t)INT64_MAX)) return TEXT_OVERFLOW;
    *ret = neg ? (int64_t)(0 - v) : (int64_t)v;
    return TEXT_OK;
}

/* The rare forms: NaN, Infinity, hexadecimal, and values beyond the range, by strtod on a
 * terminated copy. */
static enum text_status parse_f64_slow(const char *p, size_t n, bool single, double *ret) {
    char buf[512], *copy = n < sizeof(buf) ? buf : malloc(n + 1), *end;
    if (!copy) return TEXT_BAD;
    memcpy(copy, p, n);
    copy[n] = 0;
    *ret = single ? (double)strtof(copy, &end) : strtod(copy, &end);
    bool ok = end == copy + n;
    if (copy != buf) free(copy);
    return ok ? TEXT_OK : TEXT_BAD;
}

static bool is_hex_float(const char *p, size_t n) {
    bool exp = false;
    for (size_t i = 0; i < n; i++)
        exp |= p[i] == 'p' || p[i] == 'P';
    return exp && n > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
}

/* Strips what Java allows around the number; *ret_word is set for NaN and Infinity. */
static enum text_status float_frame(const char **p, size_t *n, bool *ret_neg, double *ret_word) {
    trim(p, n);
    if (*n == 0) return TEXT_EMPTY;
    *ret_neg = **p == '-';
    if (*ret_neg || **p == '+') (*p)++, (*n)--;
    if (*n == 0) return TEXT_SIGN_ONLY;
    *ret_word = 0;
    if (*n == 3 && memcmp(*p, "NaN", 3) == 0)
        *ret_word = NAN;
    else if (*n == 8 && memcmp(*p, "Infinity", 8) == 0)
        *ret_word = INFINITY;
    else if (!is_digit(**p) && **p != '.')
        return TEXT_BAD;
    char last = (*p)[*n - 1] | 0x20;
    if (*n > 1 && *ret_word == 0 && (last == 'd' || last == 'f') &&
        !(is_hex_float(*p, *n) == false && (*p)[0] == '0' && ((*p)[1] | 0x20) == 'x'))
        (*n)--;
    return TEXT_OK;
}

/* from_chars wants a digit in front of the point or behind it, as Java does; "1." and ".5" pass. */
enum text_status text_parse_f64(const char *p, size_t n, double *ret) {
    bool neg;
    double v;
    enum text_status st = float_frame(&p, &n, &neg, &v);
    if (st) return st;
    if (v == 0) {
        size_t used;
        int rc = text_f64_scan(p, n, &used, &v);
        if (rc < 0 || (used < n && !is_hex_float(p, n))) return TEXT_BAD;
        if (rc > 0 || used < n) {
            st = parse_f64_slow(p, n, false, &v);
            if (st) return st;
        }
    }
    *ret = neg ? -v : v;
    return TEXT_OK;
}

enum text_status text_parse_f32(const char *p, size_t n, float *ret) {
    bool neg;
    double w;
    enum text_status st = float_frame(&p, &n, &neg, &w);
    if (st) return st;
    float v = (float)w;
    if (w == 0) {
        size_t used;
        int rc = text_f32_scan(p, n, &used, &v);
        if (rc < 0 || (used < n && !is_hex_float(p, n))) return TEXT_BAD;
        if (rc > 0 || used < n) {
            st = parse_f64_slow(p, n, true, &w);
            if (st) return st;
            v = (float)w;
        }
    }
    *ret = neg ? -v : v;
    return TEXT_OK;
}

/* The exponent behind 'e', clamped so that arithmetic on it cannot overflow. */
static bool parse_exponent(const char *p, const char *end, int *ret) {
    bool neg = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    int e = 0;
    for (; p < end; p++) {
        if (!is_digit(*p)) return false;
        if (e < 100000) e = e * 10 + (*p - '0');
    }
    *ret = neg ? -e : e;
    return true;
}

enum text_status text_parse_decimal(const char *p, size_t n, int precision, int scale, i128 *ret) {
    trim(&p, &n);
    if (n == 0) return TEXT_EMPTY;
    const char *end = p + n;
    bool neg = *p == '-';
    if (neg || *p == '+') {
        p++;
        if (p == end) return TEXT_SIGN_ONLY;
    }
    u128 v = 0; /* the leading digits, at most 38 of them significant */
    int n_sig = 0, exp = 0, n_digits = 0;
    int round_digit = -1; /* the first digit that didn't fit */
    bool point = false;
    for (; p < end; p++) {
        if (*p == '.') {
            if (point) return TEXT_BAD;
            point = true;
            continue;
        }
        if (!is_digit(*p)) break;
        n_digits++;
        int d = *p - '0';
        if (n_sig < 38) {
            v = v * 10 + (unsigned)d;
            n_sig += n_sig > 0 || d > 0;
            exp -= point;
        } else {
            if (round_digit < 0) round_digit = d;
            exp += !point;
        }
    }
    if (n_digits == 0) return TEXT_BAD;
    if (p < end) {
        int e;
        if ((*p | 0x20) != 'e' || !parse_exponent(p + 1, end, &e)) return TEXT_BAD;
        exp += e;
    }
    /* v * 10^exp; wanted is v * 10^(exp + scale). */
    int shift = exp + scale;
    if (v == 0) {
        *ret = 0;
        return TEXT_OK;
    }
    if (shift >= 0) {
        if (n_sig + shift > precision) return TEXT_OVERFLOW;
        v *= (u128)text_pow10(shift);
        if (shift == 0 && round_digit >= 5) v++;
    } else if (-shift > 38) {
        v = 0;
    } else {
        u128 d = (u128)text_pow10(-shift), q = v / d, r = v % d;
        v = q + (r >= d - r);
    }
    if (v >= (u128)text_pow10(precision)) return TEXT_OVERFLOW;
    *ret = neg ? -(i128)v : (i128)v;
    return TEXT_OK;
}

static bool word_is(const char *p, size_t n, const char *word) {
    for (; n && *word; p++, n--, word++)
        if ((*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p) != *word) return false;
    return n == 0 && *word == 0;
}

enum text_status text_parse_bool(const char *p, size_t n, bool *ret) {
    static const char *const yes[] = {"true", "t", "yes", "y", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "0"};
    trim(&p, &n);
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (word_is(p, n, yes[i]) || word_is(p, n, no[i])) {
            *ret = word_is(p, n, yes[i]);
            return TEXT_OK;
        }
    }
    return n ? TEXT_BAD : TEXT_EMPTY;
}

/* ---- number to text ------------------------------------------------------------------------- */

/* Decimal digits of v: log10(2) is about 1233 / 4096. */
static inline unsigned count_digits(uint64_t v) {
    unsigned n = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12;
    return n + (n > 19 || v >= pow10_u64[n] || n == 0);
}

size_t text_fmt_u64(char *dst, uint64_t v) {
    size_t n = count_digits(v);
    char *p = dst + n;
    while (v >= 100) {
        p -= 2;
        memcpy(p, digit_pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(p - 2, digit_pairs + v * 2, 2);
    else
        p[-1] = (char)('0' + v);
    return n;
}

size_t text_fmt_i64(char *dst, int64_t v) {
    if (v >= 0) return text_fmt_u64(dst, (uint64_t)v);
    *dst = '-';
    return 1 + text_fmt_u64(dst + 1, 0 - (uint64_t)v);
}

/* v with at least `width` digits. */
static size_t fmt_u128(char *dst, u128 v, int width) {
    char buf[40], *end = buf + sizeof(buf), *p = end;
    while (v > UINT64_MAX) {
        uint64_t low = (uint64_t)(v % pow10_u64[18]);
        v /= pow10_u64[18];
        for (int i = 0; i < 18; i++, low /= 10)
            *--p = (char)('0' + low % 10);
    }
    char head[20];
    size_t n = text_fmt_u64(head, (uint64_t)v);
    p -= n;
    memcpy(p, head, n);
    while (end - p < width)
        *--p = '0';
    memcpy(dst, p, (size_t)(end - p));
    return (size_t)(end - p);
}

size_t text_fmt_i128(char *dst, i128 v) {
    if (v >= 0) return fmt_u128(dst, (u128)v, 1);
    *dst = '-';
    return 1 + fmt_u128(dst + 1, -(u128)v, 1);
}

size_t text_fmt_decimal(char *dst, i128 unscaled, int scale) {
    char *p = dst;
    if (unscaled < 0) *p++ = '-';
    u128 u = unscaled < 0 ? -(u128)unscaled : (u128)unscaled;
    size_t n = fmt_u128(p, u, scale + 1);
    if (scale == 0) return (size_t)(p + n - dst);
    size_t whole = n - (size_t)scale;
    memmove(p + whole + 1, p + whole, (size_t)scale);
    p[whole] = '.';
    return (size_t)(p + n + 1 - dst);
}

/* Lays digits d1 d2 ... with value d1.d2... * 10^e out as Java does. */
static size_t fmt_java_float(char *dst, const char *digits, int n, int e) {
    char *p = dst;
    if (e >= -3 && e < 7) {
        if (e < 0) {
            *p++ = '0';
            *p++ = '.';
            for (int i = -1; i > e; i--)
                *p++ = '0';
            memcpy(p, digits, (size_t)n);
            return (size_t)(p + n - dst);
        }
        for (int i = 0; i <= e; i++)
            *p++ = i < n ? digits[i] : '0';
        *p++ = '.';
        if (n <= e + 1) *p++ = '0';
        for (int i = e + 1; i < n; i++)
            *p++ = digits[i];
        return (size_t)(p - dst);
    }
    *p++ = digits[0];
    *p++ = '.';
    if (n == 1) *p++ = '0';
    memcpy(p, digits + 1, (size_t)(n - 1));
    p += n - 1;
    *p++ = 'E';
    return (size_t)(p - dst) + text_fmt_i64(p, e);
}

static size_t fmt_special(char *dst, double v, char **p) {
    const char *word = isnan(v) ? "NaN" : isinf(v) ? (v < 0 ? "-Infinity" : "Infinity") : NULL;
    if (!word && v == 0) word = signbit(v) ? "-0.0" : "0.0";
    if (word) {
        size_t n = strlen(word);
        memcpy(dst, word, n);
        return n;
    }
    *p = dst;
    if (v < 0) *(*p)++ = '-';
    return 0;
}

/* Where one digit identifies a subnormal, Java shows the two that are nearest (4.9E-324). */
static int two_digits(double v, char *digits, int *exp) {
    char buf[32];
    snprintf(buf, sizeof(buf), "%.1e", v);
    digits[0] = buf[0];
    digits[1] = buf[2];
    *exp = atoi(buf + 4);
    return digits[1] == '0' ? 1 : 2;
}

size_t text_fmt_f64(char *dst, double v) {
    char *p, digits[32];
    size_t done = fmt_special(dst, v, &p);
    if (done) return done;
    int exp;
    double a = fabs(v);
    /* Whole numbers below 10^7 are common and need no search for digits. */
    if (a < 1e7 && a == (double)(int64_t)a) {
        p += text_fmt_u64(p, (uint64_t)a);
        memcpy(p, ".0", 2);
        return (size_t)(p + 2 - dst);
    }
    int n = text_f64_digits(a, digits, &exp);
    if (n == 1 && a < 1e-300) n = two_digits(a, digits, &exp);
    return (size_t)(p - dst) + fmt_java_float(p, digits, n, exp);
}

size_t text_fmt_f32(char *dst, float v) {
    char *p, digits[32];
    size_t done = fmt_special(dst, v, &p);
    if (done) return done;
    int exp;
    float a = fabsf(v);
    int n = text_f32_digits(a, digits, &exp);
    if (n == 1 && a < 1e-38f) n = two_digits(a, digits, &exp);
    return (size_t)(p - dst) + fmt_java_float(p, digits, n, exp);
}

/* ---- messages ------------------------------------------------------------------------------- */

int text_error(struct err *err, enum text_status st, const char *p, size_t n,
               const struct type *to) {
    static const char *const why[] = {
        [TEXT_OK] = "",
        [TEXT_EMPTY] = "Input is empty.",
        [TEXT_BAD] = "Invalid character found.",
        [TEXT_SIGN_ONLY] = "Input has only positive or negative symbol.",
        [TEXT_OVERFLOW] = "Overflow.",
    };
    int len = (int)(n > 200 ? 200 : n);
    switch (to->kind) {
    case TYPE_BOOLEAN:
        return err_set(err, ERR_RUNTIME, "Cannot parse '%.*s' as BOOLEAN.", len, p);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        if (st == TEXT_EMPTY) return err_set(err, ERR_RUNTIME, "empty String");
        return err_set(err, ERR_RUNTIME, "For input string: \"%.*s\"", len, p);
    case TYPE_DATE:
        return err_set(err, ERR_RUNTIME, "For input string: '%.*s'.", len, p);
    case TYPE_TIME:
        return err_set(err, ERR_RUNTIME,
                       "Invalid time format: '%.*s'. Expected format: HH:mm:ss[.fff] where HH is "
                       "00-23, mm is 00-59, ss is 00-59",
                       len, p);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: {
        int64_t ms;
        int32_t ns;
        size_t at = 0;
        if (text_parse_timestamp(p, n, &ms, &ns, &at) == TEXT_OVERFLOW)
            return err_set(err, ERR_RUNTIME,
                           "Text '%.*s' could not be parsed: a field is out of range", len, p);
        return err_set(err, ERR_RUNTIME, "Text '%.*s' could not be parsed%s at index %zu", len, p,
                       at >= 10 ? ", unparsed text found" : "", at);
    }
    default:
        return err_set(err, ERR_RUNTIME, "For input string: '%.*s'. %s", len, p, why[st]);
    }
}
