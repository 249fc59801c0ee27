/* arith_time.h - arithmetic of dates, times, timestamps and intervals. */
#ifndef PENSTOCK_VECTOR_FUNC_ARITH_TIME_H
#define PENSTOCK_VECTOR_FUNC_ARITH_TIME_H

#include "vector/func/func.h"

/* Binds + or - if a date, time, timestamp or interval is among the arguments: true, and *ret_rc is
 * the outcome. */
bool arith_time_bind(struct func_bind *fb, bool minus, int *ret_rc, struct err *err);
/* The same for interval * number. */
bool arith_time_bind_mul(struct func_bind *fb, int *ret_rc, struct err *err);

/* The same day (or the month's last) so many months later. */
int32_t date_add_months(int32_t days, int32_t months);
int64_t millis_add_months(int64_t ms, int32_t months);
/* Whole months from b to a, as TIMESTAMPDIFF(MONTH, b, a). */
int32_t millis_months_between(int64_t a, int64_t b);

#endif
