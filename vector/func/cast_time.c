/* cast_time.c - casts among DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ. */
#include "vector/func/cast.h"

#include "vector/func/tz.h"

enum { MS_PER_DAY = 86400000 };

static inline void read_timestamp(const struct column *c, uint32_t i, int64_t *ms, int32_t *ns) {
    if (c->phys == PHYS_I128) {
        text_timestamp_split(COL_DATA(c, i128)[i], ms, ns);
    } else {
        *ms = COL_DATA(c, int64_t)[i];
        *ns = 0;
    }
}

static inline void write_timestamp(struct column *c, uint32_t i, int64_t ms, int32_t ns) {
    if (c->phys == PHYS_I128)
        COL_DATA(c, i128)[i] = text_timestamp_ns(ms, ns);
    else
        COL_DATA(c, int64_t)[i] = ms;
}

/* TIMESTAMP and TIMESTAMP_LTZ in all four directions: precision, then zone. */
static int cast_timestamp_timestamp(struct cast_job *j, struct err *err) {
    int shift = (j->to->kind == TYPE_TIMESTAMP_LTZ) - (j->from->kind == TYPE_TIMESTAMP_LTZ);
    const struct tz *z = j->env->zone;
    bool cut = j->to->precision < j->from->precision;
    for (uint32_t i = 0; i < j->src->n; i++) {
        int64_t ms;
        int32_t ns;
        read_timestamp(j->src, i, &ms, &ns);
        if (cut) text_cut_timestamp(j->to->precision, &ms, &ns);
        if (shift > 0)
            ms = tz_local_to_utc(z, ms);
        else if (shift < 0)
            ms = tz_utc_to_local(z, ms);
        write_timestamp(j->dst, i, ms, ns);
    }
    return 0;
}

/* Flink divides towards zero, so that TIMESTAMPs within a day before the epoch give 1970-01-01;
 * TIMESTAMP_LTZ goes by the calendar. */
static int cast_timestamp_date(struct cast_job *j, struct err *err) {
    bool ltz = j->from->kind == TYPE_TIMESTAMP_LTZ;
    for (uint32_t i = 0; i < j->src->n; i++) {
        int64_t ms;
        int32_t ns;
        read_timestamp(j->src, i, &ms, &ns);
        if (ltz) {
            ms = tz_utc_to_local(j->env->zone, ms);
            if (ms < 0) ms -= MS_PER_DAY - 1;
        }
        COL_DATA(j->dst, int32_t)[i] = (int32_t)(ms / MS_PER_DAY);
    }
    return 0;
}

static int32_t cut_ms(int32_t ms, int precision) {
    static const int32_t unit[] = {1000, 100, 10};
    return precision < 3 ? ms - ms % unit[precision] : ms;
}

static int cast_timestamp_time(struct cast_job *j, struct err *err) {
    bool ltz = j->from->kind == TYPE_TIMESTAMP_LTZ;
    for (uint32_t i = 0; i < j->src->n; i++) {
        int64_t ms;
        int32_t ns;
        read_timestamp(j->src, i, &ms, &ns);
        if (ltz) ms = tz_utc_to_local(j->env->zone, ms);
        int32_t t = (int32_t)(ms % MS_PER_DAY);
        if (t < 0) t += MS_PER_DAY;
        COL_DATA(j->dst, int32_t)[i] = cut_ms(t, j->to->precision);
    }
    return 0;
}

static int cast_time_time(struct cast_job *j, struct err *err) {
    const int32_t *s = j->src->data;
    for (uint32_t i = 0; i < j->src->n; i++)
        COL_DATA(j->dst, int32_t)[i] = cut_ms(s[i], j->to->precision);
    return 0;
}

/* A DATE at midnight, or a TIME on the first day of the epoch. */
static int cast_part_timestamp(struct cast_job *j, struct err *err) {
    const int32_t *s = j->src->data;
    int64_t unit = j->from->kind == TYPE_DATE ? MS_PER_DAY : 1;
    bool ltz = j->to->kind == TYPE_TIMESTAMP_LTZ;
    for (uint32_t i = 0; i < j->src->n; i++) {
        int64_t ms = s[i] * unit;
        int32_t ns = 0;
        text_cut_timestamp(j->to->precision, &ms, &ns);
        write_timestamp(j->dst, i, ltz ? tz_local_to_utc(j->env->zone, ms) : ms, 0);
    }
    return 0;
}

cast_fn cast_kernel_time(const struct type *from, const struct type *to) {
    if (type_is_timestamp(from)) {
        if (type_is_timestamp(to)) return cast_timestamp_timestamp;
        if (to->kind == TYPE_DATE) return cast_timestamp_date;
        return to->kind == TYPE_TIME ? cast_timestamp_time : NULL;
    }
    if (from->kind == TYPE_TIME && to->kind == TYPE_TIME) return cast_time_time;
    return type_is_timestamp(to) ? cast_part_timestamp : NULL;
}
