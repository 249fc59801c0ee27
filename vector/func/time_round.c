/* time_round.c - FLOOR(x TO unit) and CEIL(x TO unit). Above the day, CEIL looks at the day alone:
 * within the first day of a month it gives that month, as in Flink. */
#include "vector/func/time_unit.h"

/* First day of the unit that day lies in, or of the next one. */
static int64_t round_days(enum time_unit u, int32_t days, bool up) {
    int32_t y;
    int m, d;
    days_to_civil(days, &y, &m, &d);
    int q = (m + 2) / 3;
    switch (u) {
    case UNIT_YEAR:
        return civil_to_days(y + (up && (m > 1 || d > 1)), 1, 1);
    case UNIT_QUARTER:
        q += up && (m > 1 || d > 1);
        return q > 4 ? civil_to_days(y + 1, 1, 1) : civil_to_days(y, q * 3 - 2, 1);
    case UNIT_MONTH:
        m += up && d > 1;
        return m > 12 ? civil_to_days(y + 1, 1, 1) : civil_to_days(y, m, 1);
    case UNIT_WEEK: { /* from Sunday */
        int dow = (days % 7 + 11) % 7;
        return (int64_t)days - dow + (up && dow ? 7 : 0);
    }
    case UNIT_DECADE:
        return civil_to_days(10 * (y / 10 + up), 1, 1);
    case UNIT_CENTURY:
        return civil_to_days(100 * ((y + 99) / 100) + (up ? 1 : -99), 1, 1);
    case UNIT_MILLENNIUM:
        return civil_to_days(1000 * ((y + 999) / 1000) + (up ? 1 : -999), 1, 1);
    default: /* DAY and below */
        return days;
    }
}

static int64_t unit_ms(enum time_unit u) {
    switch (u) {
    case UNIT_DAY:
        return TIME_MS_PER_DAY;
    case UNIT_HOUR:
        return 3600000;
    case UNIT_MINUTE:
        return 60000;
    case UNIT_SECOND:
        return 1000;
    default:
        return 1;
    }
}

static int64_t round_ms(enum time_unit u, int64_t ms, int32_t *ns, bool up) {
    if (u < UNIT_DAY || u > UNIT_MILLISECOND) {
        *ns = 0;
        return round_days(u, (int32_t)(ms / TIME_MS_PER_DAY), up) * TIME_MS_PER_DAY;
    }
    int64_t unit = unit_ms(u), f = time_floor(ms, unit);
    bool exact = f == ms && (u != UNIT_MILLISECOND || *ns == 0);
    *ns = 0;
    return up && !exact ? f + unit : f;
}

static int round_call(struct kernel_call *k, bool up, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    enum time_unit u = time_unit_of(k->call, 1);
    const struct type *t = k->call->args[0]->type;
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t ms;
        int32_t ns;
        time_read(a.col, arg_row(&a, i), &ms, &ns);
        if (t->kind == TYPE_DATE) {
            ms = round_days(u, (int32_t)ms, up);
        } else if (u == UNIT_MICROSECOND || u == UNIT_NANOSECOND) {
            int32_t f = u == UNIT_NANOSECOND ? ns : ns - ns % 1000;
            if (up && f != ns) f += 1000;
            ms += f / 1000000;
            ns = f % 1000000;
        } else if (t->kind == TYPE_TIMESTAMP_LTZ) {
            int32_t offset = tz_offset_ms(k->env->zone, ms);
            ms = round_ms(u, ms + offset, &ns, up) - offset;
        } else {
            ms = round_ms(u, ms, &ns, up);
        }
        if (t->kind == TYPE_TIME && ms >= TIME_MS_PER_DAY && col_is_valid(k->ret, i))
            return kernel_fail(k, i, err, "Hour out of range: [24]");
        time_write(k->ret, i, ms, ns);
    }
    return 0;
}

static int kernel_floor_to(struct kernel_call *k, struct err *err) {
    return round_call(k, false, err);
}

static int kernel_ceil_to(struct kernel_call *k, struct err *err) {
    return round_call(k, true, err);
}

static int bind_round(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "[dtTz]y", err);
    if (rc) return rc;
    struct expr call = {.args = fb->args, .n_args = fb->n_args};
    enum time_unit u = time_unit_of(&call, 1);
    bool ok = u != UNIT_COUNT && (u <= UNIT_NANOSECOND || u >= UNIT_DECADE);
    if (fb->args[0]->type->kind == TYPE_TIME) ok = u >= UNIT_HOUR && u <= UNIT_NANOSECOND;
    if (!ok) return func_bind_fail(fb, NULL, err);
    fb->ret_type = fb->args[0]->type;
    if (fb->ret_type->time_attr)
        fb->ret_type = type_with_time_attr(fb->arena, fb->ret_type, TIME_ATTR_NONE);
    return 0;
}

const struct func func_floor_to = {
    .name = "FLOOR TO",
    .category = "temporal",
    .signature = "FLOOR(time TO unit)",
    .doc = "The time rounded down to a unit.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .bind = bind_round,
    .kernel = kernel_floor_to,
};

const struct func func_ceil_to = {
    .name = "CEIL TO",
    .category = "temporal",
    .signature = "CEIL(time TO unit)",
    .doc = "The time rounded up to a unit.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .bind = bind_round,
    .kernel = kernel_ceil_to,
};
