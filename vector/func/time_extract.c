/* time_extract.c - EXTRACT and the functions named after fields. Before 1970 Flink divides towards
 * zero, and so do these. */
#include "vector/func/time_unit.h"

#include "vector/func/time_format.h"

#include <string.h>

enum time_unit time_unit_of(const struct expr *call, int arg) {
    static const char *const words[] = {
        "YEAR",    "QUARTER",     "MONTH",       "WEEK",       "DAY",        "HOUR", "MINUTE",
        "SECOND",  "MILLISECOND", "MICROSECOND", "NANOSECOND", "DOW",        "DOY",  "ISODOW",
        "ISOYEAR", "EPOCH",       "DECADE",      "CENTURY",    "MILLENNIUM", NULL};
    int i = args_symbol_index(call, arg, words);
    return i < 0 ? UNIT_COUNT : (enum time_unit)i;
}

static int64_t of_days(enum time_unit u, int32_t days) {
    int32_t y;
    int m, d, iso_year;
    switch (u) {
    case UNIT_DOW: /* Sunday is 1 */
        return (days % 7 + 11) % 7 + 1;
    case UNIT_ISODOW: /* Monday is 1 */
        return (days % 7 + 10) % 7 + 1;
    case UNIT_DOY:
        return time_day_of_year(days);
    case UNIT_WEEK:
        return time_iso_week(days, &iso_year);
    case UNIT_ISOYEAR:
        time_iso_week(days, &iso_year);
        return iso_year;
    case UNIT_EPOCH:
        return days * 86400LL;
    default:
        break;
    }
    days_to_civil(days, &y, &m, &d);
    switch (u) {
    case UNIT_YEAR:
        return y;
    case UNIT_QUARTER:
        return (m + 2) / 3;
    case UNIT_MONTH:
        return m;
    case UNIT_DAY:
        return d;
    case UNIT_DECADE:
        return y / 10;
    case UNIT_CENTURY:
        return y > 0 ? (y + 99) / 100 : (y - 99) / 100;
    case UNIT_MILLENNIUM:
        return y > 0 ? (y + 999) / 1000 : (y - 999) / 1000;
    default: /* hours of a DATE */
        return 0;
    }
}

/* Fields below the day, of ms and ns. */
static int64_t of_clock(enum time_unit u, int64_t ms, int32_t ns) {
    switch (u) {
    case UNIT_HOUR:
        return ms % TIME_MS_PER_DAY / 3600000;
    case UNIT_MINUTE:
        return ms % 3600000 / 60000;
    case UNIT_SECOND:
        return ms % 60000 / 1000;
    case UNIT_MILLISECOND:
        return ms % 1000;
    case UNIT_MICROSECOND:
        return ms % 1000 * 1000 + ns / 1000;
    case UNIT_NANOSECOND:
        return ms % 1000 * 1000000 + ns;
    default: /* EPOCH */
        return ms / 1000;
    }
}

static bool is_clock_unit(enum time_unit u) {
    return (u >= UNIT_HOUR && u <= UNIT_NANOSECOND) || u == UNIT_EPOCH;
}

static int64_t of_interval(enum time_unit u, const struct column *c, uint32_t row) {
    if (c->phys == PHYS_I32) {
        int32_t months = COL_DATA(c, int32_t)[row];
        return u == UNIT_YEAR      ? months / 12
               : u == UNIT_QUARTER ? (months % 12 - 1) / 3 + 1
                                   : months % 12;
    }
    int64_t ms = COL_DATA(c, int64_t)[row];
    return u == UNIT_DAY ? ms / TIME_MS_PER_DAY : of_clock(u, ms, 0);
}

static int kernel_extract(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 1);
    enum time_unit u = time_unit_of(k->call, 0);
    const struct type *t = k->call->args[1]->type;
    int64_t *d = k->ret->data;
    bool ltz = t->kind == TYPE_TIMESTAMP_LTZ, clock = is_clock_unit(u);
    for (uint32_t i = 0; i < k->n; i++) {
        uint32_t row = arg_row(&a, i);
        if (type_is_interval(t)) {
            d[i] = of_interval(u, a.col, row);
            continue;
        }
        int64_t ms;
        int32_t ns;
        time_read(a.col, row, &ms, &ns);
        if (t->kind == TYPE_DATE) {
            d[i] = of_days(u, (int32_t)ms);
            continue;
        }
        if (ltz) ms = tz_utc_to_local(k->env->zone, ms);
        d[i] = clock ? of_clock(u, ms, ns) : of_days(u, (int32_t)(ms / TIME_MS_PER_DAY));
    }
    return 0;
}

/* Whether a value of the type has the field. */
static bool has_field(const struct type *t, enum time_unit u) {
    switch (t->kind) {
    case TYPE_TIME:
        return u >= UNIT_HOUR && u <= UNIT_NANOSECOND;
    case TYPE_INTERVAL_YEAR_MONTH:
        return u == UNIT_YEAR || u == UNIT_MONTH || u == UNIT_QUARTER;
    case TYPE_INTERVAL_DAY_TIME:
        return u == UNIT_DAY || is_clock_unit(u);
    default:
        return true;
    }
}

static int bind_extract(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "y[dtTzv]", err);
    if (rc) return rc;
    struct expr call = {.args = fb->args, .n_args = fb->n_args};
    enum time_unit u = time_unit_of(&call, 0);
    if (u == UNIT_COUNT || !has_field(fb->args[1]->type, u)) return func_bind_fail(fb, NULL, err);
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_BIGINT), fb->args[1]->type->nullable);
    return 0;
}

const struct func func_extract = {
    .name = "EXTRACT",
    .category = "temporal",
    .signature = "EXTRACT(unit FROM time)",
    .doc = "A field of a date, time, timestamp or interval: YEAR, QUARTER, MONTH, WEEK (ISO), DAY, "
           "DOY, DOW (Sunday is 1), ISODOW, ISOYEAR, HOUR, MINUTE, SECOND, MILLISECOND, "
           "MICROSECOND, NANOSECOND, EPOCH, DECADE, CENTURY, MILLENNIUM.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .bind = bind_extract,
    .kernel = kernel_extract,
};

/* YEAR(x) is EXTRACT(YEAR FROM x). */
static int bind_field(struct func_bind *fb, struct err *err) {
    static const char *const units[][2] = {
        {"DAYOFYEAR", "DOY"}, {"DAYOFMONTH", "DAY"}, {"DAYOFWEEK", "DOW"}};
    const char *unit = fb->func->name;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(units[i][0], unit) == 0) unit = units[i][1];
    int rc = args_check(fb, "[dtTz]", err);
    if (rc) return rc;
    const struct expr *args[2] = {
        expr_literal(fb->arena,
                     value_str(fb->arena, type_of_not_null(TYPE_SYMBOL), unit, strlen(unit))),
        fb->args[0]};
    if (func_call(fb->arena, &func_extract, args, 2, &fb->rewrite, NULL))
        return func_bind_fail(fb, NULL, err);
    return 0;
}

#define FIELD_FUNC(sym, name_, sig, doc_)                                                          \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "temporal",                                        \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = 1,                                                 \
                                    .max_args = 1,                                                 \
                                    .flags = FUNC_STRICT,                                          \
                                    .bind = bind_field,                                            \
                                    .kernel = kernel_extract}

FIELD_FUNC(year, "YEAR", "YEAR(date)", "EXTRACT(YEAR FROM date).");
FIELD_FUNC(quarter, "QUARTER", "QUARTER(date)", "EXTRACT(QUARTER FROM date).");
FIELD_FUNC(month, "MONTH", "MONTH(date)", "EXTRACT(MONTH FROM date).");
FIELD_FUNC(week, "WEEK", "WEEK(date)", "EXTRACT(WEEK FROM date).");
FIELD_FUNC(dayofyear, "DAYOFYEAR", "DAYOFYEAR(date)", "EXTRACT(DOY FROM date).");
FIELD_FUNC(dayofmonth, "DAYOFMONTH", "DAYOFMONTH(date)", "EXTRACT(DAY FROM date).");
FIELD_FUNC(dayofweek, "DAYOFWEEK", "DAYOFWEEK(date)", "EXTRACT(DOW FROM date).");
FIELD_FUNC(hour, "HOUR", "HOUR(time)", "EXTRACT(HOUR FROM time).");
FIELD_FUNC(minute, "MINUTE", "MINUTE(time)", "EXTRACT(MINUTE FROM time).");
FIELD_FUNC(second, "SECOND", "SECOND(time)", "EXTRACT(SECOND FROM time).");
