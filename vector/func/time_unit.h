/* time_unit.h - units of time in EXTRACT, FLOOR, CEIL, TIMESTAMPADD and TIMESTAMPDIFF, and reading
 * the types of time. */
#ifndef PENSTOCK_VECTOR_FUNC_TIME_UNIT_H
#define PENSTOCK_VECTOR_FUNC_TIME_UNIT_H

#include "vector/func/args.h"
#include "vector/func/tz.h"

enum time_unit {
    UNIT_YEAR,
    UNIT_QUARTER,
    UNIT_MONTH,
    UNIT_WEEK,
    UNIT_DAY,
    UNIT_HOUR,
    UNIT_MINUTE,
    UNIT_SECOND,
    UNIT_MILLISECOND,
    UNIT_MICROSECOND,
    UNIT_NANOSECOND,
    UNIT_DOW,
    UNIT_DOY,
    UNIT_ISODOW,
    UNIT_ISOYEAR,
    UNIT_EPOCH,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM,
    UNIT_COUNT
};

enum { TIME_MS_PER_DAY = 86400000 };

/* Of a symbol argument; UNIT_COUNT if it is none of these. */
enum time_unit time_unit_of(const struct expr *call, int arg);

/* ms and the ns within it. */
static inline void time_read(const struct column *c, uint32_t row, int64_t *ms, int32_t *ns) {
    if (c->phys == PHYS_I128) {
        text_timestamp_split(COL_DATA(c, i128)[row], ms, ns);
        return;
    }
    *ns = 0;
    *ms = c->phys == PHYS_I64 ? COL_DATA(c, int64_t)[row] : COL_DATA(c, int32_t)[row];
}
/* DATE in ms too. */
static inline void time_read_ms(const struct column *c, uint32_t row, int64_t *ms, int32_t *ns) {
    time_read(c, row, ms, ns);
    if (c->type->kind == TYPE_DATE) *ms *= TIME_MS_PER_DAY;
}
static inline void time_write(struct column *c, uint32_t row, int64_t ms, int32_t ns) {
    if (c->phys == PHYS_I128)
        COL_DATA(c, i128)[row] = text_timestamp_ns(ms, ns);
    else if (c->phys == PHYS_I64)
        COL_DATA(c, int64_t)[row] = ms;
    else
        COL_DATA(c, int32_t)[row] = (int32_t)ms;
}
static inline int64_t time_floor(int64_t v, int64_t unit) {
    int64_t r = v % unit;
    return v - r - (r < 0 ? unit : 0);
}

#endif
