/* tz.h - time zones: the rules of an IANA zone (from the system's tzdata) or a fixed offset, and
 * the civil calendar. */
#ifndef PENSTOCK_VECTOR_FUNC_TZ_H
#define PENSTOCK_VECTOR_FUNC_TZ_H

#include "base/core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct tz;

/* "UTC", "America/New_York", "GMT+08:00", "+08:00"... Zones are cached for the process and never
 * freed. ERR_VALIDATION for an unknown one, with the nearest name. Any thread. */
int tz_get(const char *name, const struct tz **ret, struct err *err) ATTR_MUST_USE;
const struct tz *tz_utc(void);
bool tz_is_utc(const struct tz *z); /* by any name: always at offset 0 */
const char *tz_name(const struct tz *z);
/* Offset from UTC in ms at an instant. */
int32_t tz_offset_ms(const struct tz *z, int64_t utc_ms);
/* "EST", "CET", "UTC"; the zone's own name for a fixed offset. */
const char *tz_abbreviation(const struct tz *z, int64_t utc_ms);
/* Local wall-clock ms to UTC, as java.time does: in a gap moved forward by its length, in an
 * overlap the earlier offset. */
int64_t tz_local_to_utc(const struct tz *z, int64_t local_ms);
/* The same as java.util.Calendar does (UNIX_TIMESTAMP, CONVERT_TZ): in an overlap the later offset.
 */
int64_t tz_local_to_utc_calendar(const struct tz *z, int64_t local_ms);
int64_t tz_utc_to_local(const struct tz *z, int64_t utc_ms);

/* Proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms"). */
int32_t civil_to_days(int64_t y, int m, int d);
/* The same day of another month; its last day where it has fewer. */
int32_t civil_add_months(int32_t days, int64_t months);
void days_to_civil(int32_t days, int32_t *ret_y, int *ret_m, int *ret_d);

#endif
