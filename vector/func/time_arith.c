/* time_arith.c - TIMESTAMPADD, TIMESTAMPDIFF, OVERLAPS. */
#include "vector/func/time_unit.h"

/* Months of a calendar unit, 0 for others. */
static int64_t unit_months(enum time_unit u) {
    switch (u) {
    case UNIT_MONTH:
        return 1;
    case UNIT_QUARTER:
        return 3;
    case UNIT_YEAR:
        return 12;
    case UNIT_DECADE:
        return 120;
    case UNIT_CENTURY:
        return 1200;
    case UNIT_MILLENNIUM:
        return 12000;
    default:
        return 0;
    }
}

/* ns of a unit of fixed length, 0 for others. */
static int64_t unit_ns(enum time_unit u) {
    switch (u) {
    case UNIT_WEEK:
        return 7LL * TIME_MS_PER_DAY * 1000000;
    case UNIT_DAY:
        return 1000000LL * TIME_MS_PER_DAY;
    case UNIT_HOUR:
        return 3600000LL * 1000000;
    case UNIT_MINUTE:
        return 60000LL * 1000000;
    case UNIT_SECOND:
        return 1000LL * 1000000;
    case UNIT_MILLISECOND:
        return 1000000;
    case UNIT_MICROSECOND:
        return 1000;
    case UNIT_NANOSECOND:
        return 1;
    default:
        return 0;
    }
}

static int64_t add_months_ms(int64_t ms, int64_t months) {
    int64_t day = time_floor(ms, TIME_MS_PER_DAY);
    return (int64_t)civil_add_months((int32_t)(day / TIME_MS_PER_DAY), months) * TIME_MS_PER_DAY +
           (ms - day);
}

/* ---- TIMESTAMPADD --------------------------------------------------------------------------- */

static int kernel_timestampadd(struct kernel_call *k, struct err *err) {
    struct arg n = kernel_arg(k, 1), t = kernel_arg(k, 2);
    enum time_unit u = time_unit_of(k->call, 0);
    int64_t months = unit_months(u), unit = unit_ns(u);
    bool date = k->call->type->kind == TYPE_DATE, time = k->call->type->kind == TYPE_TIME;
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t ms, by = arg_i64(&n, i);
        int32_t ns;
        time_read_ms(t.col, arg_row(&t, i), &ms, &ns);
        if (months) {
            ms = add_months_ms(ms, by * months);
        } else {
            text_timestamp_split(text_timestamp_ns(ms, ns) + (i128)by * unit, &ms, &ns);
            text_cut_timestamp(date || time ? 3 : k->call->type->precision, &ms, &ns);
        }
        if (date) ms = time_floor(ms, TIME_MS_PER_DAY) / TIME_MS_PER_DAY;
        if (time) ms -= time_floor(ms, TIME_MS_PER_DAY);
        time_write(k->ret, i, ms, ns);
    }
    return 0;
}

static int bind_timestampadd(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "yl[dtTz]", err);
    if (rc) return rc;
    struct expr call = {.args = fb->args, .n_args = fb->n_args};
    enum time_unit u = time_unit_of(&call, 0);
    if (!unit_months(u) && (u == UNIT_COUNT || !unit_ns(u))) return func_bind_fail(fb, NULL, err);
    const struct type *t = fb->args[2]->type;
    bool null = fb->args[1]->type->nullable || t->nullable;
    int precision = u == UNIT_NANOSECOND    ? 9
                    : u == UNIT_MICROSECOND ? 6
                    : u == UNIT_MILLISECOND ? 3
                                            : 0;
    bool clock = u >= UNIT_HOUR && u <= UNIT_NANOSECOND;
    if (t->kind == TYPE_DATE && clock)
        t = type_time(fb->arena, TYPE_TIMESTAMP, precision, null);
    else if (type_is_timestamp(t) && precision > t->precision)
        t = type_time(fb->arena, t->kind, precision, null);
    else if (t->time_attr)
        t = type_time(fb->arena, t->kind, t->precision, null);
    fb->ret_type = type_with_null(fb->arena, t, null);
    return 0;
}

/* ---- TIMESTAMPDIFF -------------------------------------------------------------------------- */

/* Whole months from b to a. */
static int64_t months_between(int64_t a_ms, int64_t b_ms) {
    int64_t da = time_floor(a_ms, TIME_MS_PER_DAY), db = time_floor(b_ms, TIME_MS_PER_DAY);
    int32_t a = (int32_t)(da / TIME_MS_PER_DAY), b = (int32_t)(db / TIME_MS_PER_DAY);
    int sign = 1;
    int64_t rest_a = a_ms - da, rest_b = b_ms - db;
    if (a < b) {
        int32_t t = a;
        a = b;
        b = t;
        sign = -1;
    }
    int64_t m = (a - b) / 31;
    while (civil_add_months(b, m) < a && civil_add_months(b, m + 1) <= a)
        m++;
    m *= sign;
    /* As Flink has it: a day that is met exactly counts only if its time is. */
    if (civil_add_months((int32_t)(db / TIME_MS_PER_DAY), m) == da / TIME_MS_PER_DAY &&
        rest_a < rest_b)
        m--;
    return m;
}

static int kernel_timestampdiff(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 1), b = kernel_arg(k, 2);
    enum time_unit u = time_unit_of(k->call, 0);
    int64_t months = unit_months(u), unit = unit_ns(u);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t ma, mb, r;
        int32_t na, nb;
        time_read_ms(a.col, arg_row(&a, i), &ma, &na);
        time_read_ms(b.col, arg_row(&b, i), &mb, &nb);
        if (months)
            r = months_between(mb, ma) / months;
        else if (unit >= 1000000)
            r = (mb - ma) / (unit / 1000000);
        else
            r = (int64_t)((text_timestamp_ns(mb, nb) - text_timestamp_ns(ma, na)) / unit);
        COL_DATA(k->ret, int32_t)[i] = (int32_t)r;
    }
    return 0;
}

static int bind_timestampdiff(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "y[dtTz]", err);
    if (rc) return rc;
    struct expr call = {.args = fb->args, .n_args = fb->n_args};
    enum time_unit u = time_unit_of(&call, 0);
    if (!unit_months(u) && (u == UNIT_COUNT || !unit_ns(u))) return func_bind_fail(fb, NULL, err);
    const struct type *a = fb->args[1]->type, *b = fb->args[2]->type;
    if ((a->kind == TYPE_TIMESTAMP_LTZ) != (b->kind == TYPE_TIMESTAMP_LTZ))
        return err_set(err, ERR_VALIDATION,
                       "TIMESTAMP_LTZ only supports diff between the same type.");
    if ((a->kind == TYPE_TIME) != (b->kind == TYPE_TIME)) return func_bind_fail(fb, NULL, err);
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_INT), a->nullable || b->nullable);
    return 0;
}

/* ---- OVERLAPS ------------------------------------------------------------------------------- */

/* The other end of a period that starts at ms + ns: a time, or an interval from there on. */
static i128 period_end(const struct arg *e, uint32_t row, int64_t ms, int32_t ns) {
    const struct column *c = e->col;
    if (c->type->kind == TYPE_INTERVAL_YEAR_MONTH)
        return text_timestamp_ns(add_months_ms(ms, COL_DATA(c, int32_t)[row]), ns);
    if (c->type->kind == TYPE_INTERVAL_DAY_TIME)
        return text_timestamp_ns(ms + COL_DATA(c, int64_t)[row], ns);
    time_read_ms(c, row, &ms, &ns);
    return text_timestamp_ns(ms, ns);
}

static void period(struct kernel_call *k, int first, uint32_t i, i128 *lo, i128 *hi) {
    struct arg s = kernel_arg(k, first), e = kernel_arg(k, first + 1);
    int64_t ms;
    int32_t ns;
    time_read_ms(s.col, arg_row(&s, i), &ms, &ns);
    *lo = text_timestamp_ns(ms, ns);
    *hi = period_end(&e, arg_row(&e, i), ms, ns);
    if (*hi < *lo) {
        i128 t = *lo;
        *lo = *hi;
        *hi = t;
    }
}

static int kernel_overlaps(struct kernel_call *k, struct err *err) {
    for (uint32_t i = 0; i < k->n; i++) {
        i128 a_lo, a_hi, b_lo, b_hi;
        period(k, 0, i, &a_lo, &a_hi);
        period(k, 2, i, &b_lo, &b_hi);
        COL_DATA(k->ret, uint8_t)[i] = a_lo <= b_hi && b_lo <= a_hi;
    }
    return 0;
}

static int bind_overlaps(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "[dtTz][dtTzv][dtTz][dtTzv]", err);
    if (rc) return rc;
    const struct type *a = fb->args[0]->type;
    for (int i = 1; i < 4; i++) {
        const struct type *t = fb->args[i]->type;
        if (i != 2 && type_is_interval(t)) continue;
        if (t->kind != a->kind) return func_bind_fail(fb, NULL, err);
    }
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_BOOLEAN), args_nullable(fb));
    return 0;
}

const struct func func_timestampadd = {
    .name = "TIMESTAMPADD",
    .category = "temporal",
    .signature = "TIMESTAMPADD(unit, number, time)",
    .doc = "The time so many units later. Adding months keeps within the month.",
    .min_args = 3,
    .max_args = 3,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .bind = bind_timestampadd,
    .kernel = kernel_timestampadd,
};

const struct func func_timestampdiff = {
    .name = "TIMESTAMPDIFF",
    .category = "temporal",
    .signature = "TIMESTAMPDIFF(unit, from, to)",
    .doc = "The number of whole units between two times.",
    .min_args = 3,
    .max_args = 3,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .bind = bind_timestampdiff,
    .kernel = kernel_timestampdiff,
};

const struct func func_overlaps = {
    .name = "OVERLAPS",
    .category = "temporal",
    .signature = "(start, end) OVERLAPS (start, end)",
    .doc = "Whether two periods have a moment in common. An end may be an interval.",
    .min_args = 4,
    .max_args = 4,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .bind = bind_overlaps,
    .kernel = kernel_overlaps,
};
