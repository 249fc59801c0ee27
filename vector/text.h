/* text.h - SQL values as text and back, by Flink's rules; shared by CAST, the formats and the
 * printers. Parsers take unterminated bytes, allocate nothing and never fail loudly: they return a
 * status, of which text_error makes the message. Writers fill a caller's buffer of at least the
 * stated maximum and return the length. Any thread. */
#ifndef PENSTOCK_VECTOR_TEXT_H
#define PENSTOCK_VECTOR_TEXT_H

#include "base/core/err.h"
#include "base/core/str.h"
#include "vector/column.h"

#include <stdbool.h>
#include <stdint.h>

enum text_status {
    TEXT_OK,
    TEXT_EMPTY,     /* nothing but blanks */
    TEXT_BAD,       /* a character that doesn't belong */
    TEXT_SIGN_ONLY, /* "-" */
    TEXT_OVERFLOW   /* well-formed, out of the type's range */
};

/* Longest outputs, without a terminating NUL. */
enum {
    TEXT_I64_MAX_BYTES = 20,
    TEXT_I128_MAX_BYTES = 40,
    TEXT_DECIMAL_MAX_BYTES = 42,
    TEXT_F64_MAX_BYTES = 26,
    TEXT_DATE_MAX_BYTES = 12,
    TEXT_TIME_MAX_BYTES = 18,
    TEXT_TIMESTAMP_MAX_BYTES = 32,
    TEXT_INTERVAL_MAX_BYTES = 34
};

/* ---- text to value ---------------------------------------------------------------------------
 * Blanks around numbers are ignored. */

/* Decimal digits with an optional sign; a fraction is checked and dropped ("12.5" is 12). */
enum text_status text_parse_i64(const char *p, size_t n, int64_t min, int64_t max, int64_t *ret);
/* Digits and sign alone, no blanks, no fraction: what a strict reader (JSON, CSV) wants. */
enum text_status text_parse_i64_strict(const char *p, size_t n, int64_t *ret);
/* Java's Double.parseDouble: "1e3", "NaN", "-Infinity", "1d", "0x1p3"; out of range is infinite. */
enum text_status text_parse_f64(const char *p, size_t n, double *ret);
enum text_status text_parse_f32(const char *p, size_t n, float *ret);
/* "-12.345e2" rounded half up to scale; OVERFLOW when it needs more than precision digits. */
enum text_status text_parse_decimal(const char *p, size_t n, int precision, int scale, i128 *ret);
/* t true y yes 1 / f false n no 0, any case. */
enum text_status text_parse_bool(const char *p, size_t n, bool *ret);
/* "2024-2-9", "2024-02", "2024"; anything behind a blank is ignored ("2024-02-09 10:00"). */
enum text_status text_parse_date(const char *p, size_t n, int32_t *ret_days);
/* "7:8:9.123", "12:34", "07"; *ret_ms cut to precision digits (at most 3 are kept). */
enum text_status text_parse_time(const char *p, size_t n, int precision, int32_t *ret_ms);
/* "2024-2-9", "2024-02-09 1:2:3.123456789": local ms since the epoch, and the ns within that ms,
 * neither cut to a precision. 30 February counts as the month's last day, as in Flink.
 * *ret_at (may be NULL): where parsing stopped on failure, in bytes. */
enum text_status text_parse_timestamp(const char *p, size_t n, int64_t *ret_ms, int32_t *ret_ns,
                                      size_t *ret_at);
/* Exactly "yyyy-MM-dd HH:mm:ss" with fields in their ranges and a year from 1583 (Gregorian) on;
 * false for anything else. p has TEXT_SECONDS_BYTES. */
enum { TEXT_SECONDS_BYTES = 19 };
bool text_parse_seconds(const char *p, int64_t *ret_ms);
/* As text_parse_timestamp, with 'T' between date and time, and for LTZ an optional 'Z' or offset
 * (JSON's ISO-8601 option). *ret_offset_ms is INT32_MIN where the text has none. */
enum text_status text_parse_timestamp_iso(const char *p, size_t n, int64_t *ret_ms, int32_t *ret_ns,
                                          int32_t *ret_offset_ms);

/* Cuts ns (of the ms) and ms to precision digits, towards the past. */
void text_cut_timestamp(int precision, int64_t *ms, int32_t *ns);
/* The stored value of a TIMESTAMP / TIMESTAMP_LTZ of this precision: ms or ns since the epoch. */
static inline i128 text_timestamp_ns(int64_t ms, int32_t ns) {
    return (i128)ms * 1000000 + ns;
}
static inline void text_timestamp_split(i128 ns, int64_t *ret_ms, int32_t *ret_ns) {
    i128 q = ns / 1000000;
    int32_t r = (int32_t)(ns % 1000000);
    if (r < 0) {
        r += 1000000;
        q--;
    }
    *ret_ms = (int64_t)q;
    *ret_ns = r;
}

/* ERR_RUNTIME with the words that Flink's CAST of this text to this type has. */
int text_error(struct err *err, enum text_status st, const char *p, size_t n,
               const struct type *to) ATTR_COLD;

/* ---- value to text --------------------------------------------------------------------------- */

size_t text_fmt_i64(char *dst, int64_t v);
size_t text_fmt_u64(char *dst, uint64_t v);
size_t text_fmt_i128(char *dst, i128 v);
/* Plain, always `scale` digits after the point. */
size_t text_fmt_decimal(char *dst, i128 unscaled, int scale);
/* Java's Double.toString and Float.toString: 1.0E7, 0.001, Infinity, NaN. */
size_t text_fmt_f64(char *dst, double v);
size_t text_fmt_f32(char *dst, float v);
/* yyyy-MM-dd */
size_t text_fmt_date(char *dst, int32_t days);
/* HH:mm:ss, with precision > 0 a fraction of at least one digit: 10:11:12.5 */
size_t text_fmt_time(char *dst, int32_t ms, int precision);
/* yyyy-MM-dd HH:mm:ss[.f...] with exactly precision digits (more where the value has more); sep is
 * what stands between date and time. */
size_t text_fmt_timestamp(char *dst, int64_t local_ms, int32_t ns, int precision, char sep);
size_t text_fmt_interval_ym(char *dst, int32_t months); /* +2-03 */
size_t text_fmt_interval_dt(char *dst, int64_t ms);     /* +1 02:03:04.567 */

/* 10^k for 0 <= k <= 38. */
i128 text_pow10(int k);
/* v rounded half up from scale `from` to scale `to`; false if it has more than precision digits. */
bool text_rescale(i128 v, int from, int to, int precision, i128 *ret);
/* Number of decimal digits of |v|; 0 has one. */
int text_digits_i128(i128 v);

/* Steps of UTF-8. Malformed bytes count as one character each. */
static inline uint32_t text_utf8_len(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xE0 ? (lead < 0xC0 ? 1 : 2) : lead < 0xF0 ? 3 : 4;
}
/* Characters (code points) in n bytes. */
size_t text_utf8_count(const char *p, size_t n);
/* Byte offset of character number i (0-based); n if there are fewer. */
size_t text_utf8_offset(const char *p, size_t n, size_t i);
bool text_is_ascii(const char *p, size_t n);
/* One code point at p (n > 0 bytes left); malformed bytes give U+FFFD and *ret_len 1. */
uint32_t text_utf8_decode(const char *p, size_t n, uint32_t *ret_len);
/* Writes at most 4 bytes, returns how many. */
uint32_t text_utf8_encode(char *dst, uint32_t cp);
bool text_utf8_valid(const char *p, size_t n);

#endif
