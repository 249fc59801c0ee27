/* iso_time.h - the strict date and time texts of Flink's formats: what java.time's ISO_LOCAL_DATE
 * and the formats' own time patterns take. (vector/text.h has the lenient ones of CAST.) All return
 * false for anything else; no function looks beyond n bytes. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_ISO_TIME_H
#define PENSTOCK_CONNECTOR_FORMAT_ISO_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2024-02-29". strict: 30 February is an error; else days up to 31 are cut to the month's last. */
bool iso_date(const char *p, size_t n, bool strict, int32_t *ret_days);

/* "10:11:12[.123456789]" as ns of the day. seconds_optional: "10:11" will do. */
bool iso_time(const char *p, size_t n, bool seconds_optional, int64_t *ret_ns);

/* Date, sep, time, and a literal Z if zulu. *ret_ms: since the epoch, *ret_ns within the ms. */
bool iso_timestamp(const char *p, size_t n, char sep, bool seconds_optional, bool zulu,
                   int64_t *ret_ms, int32_t *ret_ns);

/* Largest outputs. */
enum { ISO_DATE_MAX_BYTES = 16, ISO_TIME_MAX_BYTES = 20, ISO_TIMESTAMP_MAX_BYTES = 40 };
/* "2024-02-29"; "10:11:12" and a fraction without trailing zeros; both with sep between. Return the
 * length. */
size_t iso_fmt_date(char *dst, int32_t days);
size_t iso_fmt_time(char *dst, int64_t ns_of_day);
size_t iso_fmt_timestamp(char *dst, int64_t ms, int32_t ns, char sep);

#endif
