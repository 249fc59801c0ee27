/* arith_time.c - DATE, TIME, TIMESTAMP plus or minus INTERVAL, and intervals among themselves. */
#include "vector/func/arith_time.h"

#include "vector/func/arith.h"
#include "vector/func/tz.h"

#include <limits.h>

#define MS_PER_DAY INT64_C(86400000)

extern const struct func func_time_plus, func_time_minus, func_interval_plus, func_interval_minus,
    func_interval_mul;

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q - (a % b < 0);
}

static int days_in_month(int64_t y, int m) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return m == 2 && leap ? 29 : days[m - 1];
}

int32_t date_add_months(int32_t days, int32_t months) {
    int32_t y;
    int m, d;
    days_to_civil(days, &y, &m, &d);
    int64_t total = (int64_t)y * 12 + (m - 1) + months;
    int64_t year = floor_div(total, 12);
    int month = (int)(total - year * 12) + 1, last = days_in_month(year, month);
    return civil_to_days(year, month, d < last ? d : last);
}

int64_t millis_add_months(int64_t ms, int32_t months) {
    int64_t day = floor_div(ms, MS_PER_DAY);
    return date_add_months((int32_t)day, months) * MS_PER_DAY + (ms - day * MS_PER_DAY);
}

int32_t millis_months_between(int64_t a, int64_t b) {
    if (a < b) return -millis_months_between(b, a);
    int32_t ya, yb;
    int ma, mb, da, db;
    int64_t day_a = floor_div(a, MS_PER_DAY), day_b = floor_div(b, MS_PER_DAY);
    days_to_civil((int32_t)day_a, &ya, &ma, &da);
    days_to_civil((int32_t)day_b, &yb, &mb, &db);
    int32_t months = (ya - yb) * 12 + (ma - mb);
    int64_t rest_a = a - day_a * MS_PER_DAY, rest_b = b - day_b * MS_PER_DAY;
    if (da < db || (da == db && rest_a < rest_b)) months--;
    return months;
}

/* ---- kernels: the point in time is argument 0, the interval argument 1 ----------------------- */

static inline int32_t interval_months(const struct arg *iv, uint32_t i, bool minus) {
    int32_t m = arg_i32(iv, i);
    return minus ? (int32_t) - (uint32_t)m : m;
}

static inline int64_t interval_ms(const struct arg *iv, uint32_t i, bool minus) {
    int64_t ms = arg_i64(iv, i);
    return minus ? (int64_t) - (uint64_t)ms : ms;
}

static int date_shift(struct kernel_call *k, bool minus) {
    struct arg x = kernel_arg(k, 0), iv = kernel_arg(k, 1);
    bool months = k->call->args[1]->type->kind == TYPE_INTERVAL_YEAR_MONTH;
    int32_t *r = k->ret->data;
    for (uint32_t i = 0; i < k->n; i++) {
        int32_t d = arg_i32(&x, i);
        if (months)
            r[i] = col_is_valid(k->ret, i) ? date_add_months(d, interval_months(&iv, i, minus)) : 0;
        else /* whole days, cut towards zero before the sign */
            r[i] = (int32_t)((uint32_t)d + (minus ? (uint32_t) - (arg_i64(&iv, i) / MS_PER_DAY)
                                                  : (uint32_t)(arg_i64(&iv, i) / MS_PER_DAY)));
    }
    return 0;
}

static int time_shift(struct kernel_call *k, bool minus) {
    struct arg x = kernel_arg(k, 0), iv = kernel_arg(k, 1);
    bool months = k->call->args[1]->type->kind == TYPE_INTERVAL_YEAR_MONTH;
    int32_t *r = k->ret->data;
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t t = arg_i32(&x, i);
        if (!months) t = (t + MS_PER_DAY + interval_ms(&iv, i, minus) % MS_PER_DAY) % MS_PER_DAY;
        r[i] = (int32_t)t;
    }
    return 0;
}

static int timestamp_shift_months(struct kernel_call *k, bool minus) {
    struct arg x = kernel_arg(k, 0), iv = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        int32_t months = interval_months(&iv, i, minus);
        if (k->ret->phys == PHYS_I64) {
            COL_DATA(k->ret, int64_t)[i] = millis_add_months(arg_i64(&x, i), months);
        } else {
            int64_t ms;
            int32_t ns;
            text_timestamp_split(((const i128 *)x.data)[arg_row(&x, i)], &ms, &ns);
            COL_DATA(k->ret, i128)[i] = text_timestamp_ns(millis_add_months(ms, months), ns);
        }
    }
    return 0;
}

/* A TIMESTAMP(0) keeps no milliseconds of the interval. */
static void cut_millis(struct kernel_call *k, const struct arg *iv) {
    static const int64_t units[] = {1000, 100, 10};
    int precision = k->call->type->precision;
    if (precision >= 3) return;
    int64_t unit = units[precision], *r = k->ret->data;
    if (arg_const(iv) && arg_i64(iv, 0) % unit == 0) return;
    for (uint32_t i = 0; i < k->n; i++)
        r[i] = floor_div(r[i], unit) * unit;
}

static int timestamp_shift(struct kernel_call *k, bool minus) {
    if (k->call->args[1]->type->kind == TYPE_INTERVAL_YEAR_MONTH)
        return timestamp_shift_months(k, minus);
    struct arg x = kernel_arg(k, 0), iv = kernel_arg(k, 1);
    if (k->ret->phys == PHYS_I64) {
        arith_vectors(PHYS_I64, minus ? ARITH_SUB : ARITH_ADD, &x, &iv, k->ret->data, k->n);
        cut_millis(k, &iv);
        return 0;
    }
    for (uint32_t i = 0; i < k->n; i++)
        COL_DATA(k->ret, i128)
    [i] = ((const i128 *)x.data)[arg_row(&x, i)] + (i128)interval_ms(&iv, i, minus) * 1000000;
    return 0;
}

static int shift(struct kernel_call *k, bool minus) {
    switch (k->call->type->kind) {
    case TYPE_DATE:
        return date_shift(k, minus);
    case TYPE_TIME:
        return time_shift(k, minus);
    default:
        return timestamp_shift(k, minus);
    }
}

static int kernel_time_plus(struct kernel_call *k, struct err *err) {
    return shift(k, false);
}

static int kernel_time_minus(struct kernel_call *k, struct err *err) {
    return shift(k, true);
}

static int kernel_interval_plus(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    arith_vectors(k->ret->phys, ARITH_ADD, &x, &y, k->ret->data, k->n);
    return 0;
}

static int kernel_interval_minus(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    arith_vectors(k->ret->phys, ARITH_SUB, &x, &y, k->ret->data, k->n);
    return 0;
}

/* interval * number, the number cast to the interval's width or to DOUBLE. */
static int kernel_interval_mul(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    if (y.col->phys == k->ret->phys) {
        arith_vectors(k->ret->phys, ARITH_MUL, &x, &y, k->ret->data, k->n);
        return 0;
    }
    for (uint32_t i = 0; i < k->n; i++) {
        double f = arg_f64(&y, i);
        if (k->ret->phys == PHYS_I64) {
            double v = (double)arg_i64(&x, i) * f;
            COL_DATA(k->ret, int64_t)[i] = v > -9.2e18 && v < 9.2e18 ? (int64_t)v : 0;
        } else {
            double v = (double)arg_i32(&x, i) * f;
            COL_DATA(k->ret, int32_t)[i] = v > INT_MIN && v < INT_MAX ? (int32_t)v : 0;
        }
    }
    return 0;
}

/* (a - b) DAY TO SECOND or YEAR TO MONTH: a, b are timestamps in ms or dates. */
static int64_t millis_of(const struct arg *a, uint32_t i) {
    if (a->col->type->kind == TYPE_DATE) return arg_i32(a, i) * MS_PER_DAY;
    if (a->col->phys == PHYS_I64) return arg_i64(a, i);
    int64_t ms;
    int32_t ns;
    text_timestamp_split(((const i128 *)a->data)[arg_row(a, i)], &ms, &ns);
    return ms;
}

static int kernel_minus_date(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        int64_t a = millis_of(&x, i), b = millis_of(&y, i);
        if (k->ret->phys == PHYS_I64)
            COL_DATA(k->ret, int64_t)[i] = (int64_t)((uint64_t)a - (uint64_t)b);
        else
            COL_DATA(k->ret, int32_t)[i] = millis_months_between(a, b);
    }
    return 0;
}

/* ---- binding -------------------------------------------------------------------------------- */

static bool is_point(const struct type *t) {
    return t->kind == TYPE_DATE || t->kind == TYPE_TIME || type_is_timestamp(t);
}

/* Rewrites to one of the functions below, which stay under the operator's name in EXPLAIN. */
static int rewrite(struct func_bind *fb, const struct func *f, const struct expr *x,
                   const struct expr *y, const struct type *type) {
    const struct expr *args[2] = {x, y};
    const struct type *t = type_with_null(fb->arena, type, args_nullable(fb));
    t = type_with_time_attr(fb->arena, t, TIME_ATTR_NONE);
    fb->rewrite = expr_call(fb->arena, f, t, args, 2);
    return 0;
}

bool arith_time_bind(struct func_bind *fb, bool minus, int *ret_rc, struct err *err) {
    const struct expr *x = fb->args[0], *y = fb->args[1];
    if (type_is_interval(x->type) && is_point(y->type) && !minus) {
        const struct expr *t = x;
        x = y;
        y = t;
    }
    *ret_rc = 0;
    if (is_point(x->type) && type_is_interval(y->type)) {
        rewrite(fb, minus ? &func_time_minus : &func_time_plus, x, y, x->type);
        return true;
    }
    if (type_is_interval(x->type) && x->type->kind == y->type->kind) {
        rewrite(fb, minus ? &func_interval_minus : &func_interval_plus, x, y, x->type);
        return true;
    }
    return false;
}

bool arith_time_bind_mul(struct func_bind *fb, int *ret_rc, struct err *err) {
    int iv = type_is_interval(fb->args[0]->type) ? 0 : type_is_interval(fb->args[1]->type) ? 1 : -1;
    if (iv < 0 || !type_is_numeric(fb->args[1 - iv]->type)) return false;
    const struct type *num = fb->args[1 - iv]->type, *t = fb->args[iv]->type;
    enum type_kind to = !type_is_int(num)                     ? TYPE_DOUBLE
                        : t->kind == TYPE_INTERVAL_YEAR_MONTH ? TYPE_INT
                                                              : TYPE_BIGINT;
    *ret_rc = args_cast(fb, 1 - iv, type_of(to), err);
    if (!*ret_rc) rewrite(fb, &func_interval_mul, fb->args[iv], fb->args[1 - iv], t);
    return true;
}

/* Direct binding of the hidden forms (plans name them). */
static int bind_direct(struct func_bind *fb, struct err *err) {
    const struct type *x = fb->args[0]->type, *y = fb->args[1]->type;
    bool ok = fb->func == &func_interval_mul ? type_is_interval(x) && type_is_numeric(y)
              : fb->func == &func_time_plus || fb->func == &func_time_minus
                  ? is_point(x) && type_is_interval(y)
                  : type_is_interval(x) && x->kind == y->kind;
    if (!ok) return func_bind_fail(fb, NULL, err);
    fb->ret_type = type_with_null(fb->arena, x, args_nullable(fb));
    return 0;
}

static int bind_minus_date(struct func_bind *fb, struct err *err) {
    const struct type *x = fb->args[0]->type, *y = fb->args[1]->type;
    bool dated = (x->kind == TYPE_DATE || type_is_timestamp(x)) &&
                 (y->kind == TYPE_DATE || type_is_timestamp(y)) &&
                 (x->kind == TYPE_TIMESTAMP_LTZ) == (y->kind == TYPE_TIMESTAMP_LTZ);
    if (!dated || fb->args[2]->type->kind != TYPE_SYMBOL) return func_bind_fail(fb, NULL, err);
    struct sv unit = strv_sv(fb->args[2]->literal->data);
    bool months = sv_starts(unit, "YEAR") || sv_starts(unit, "MONTH");
    fb->ret_type = type_new(fb->arena, months ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME,
                            args_nullable(fb));
    return 0;
}

#define TIME_FUNC(id, sql, sig, n, bindfn)                                                         \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .category = "temporal",                                                                    \
        .signature = sig,                                                                          \
        .doc = sig,                                                                                \
        .min_args = n,                                                                             \
        .max_args = n,                                                                             \
        .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_HIDDEN,                                      \
        .bind = bindfn,                                                                            \
        .kernel = kernel_##id,                                                                     \
    };
TIME_FUNC(time_plus, "TIME +", "point in time + interval", 2, bind_direct)
TIME_FUNC(time_minus, "TIME -", "point in time - interval", 2, bind_direct)
TIME_FUNC(interval_plus, "INTERVAL +", "interval + interval", 2, bind_direct)
TIME_FUNC(interval_minus, "INTERVAL -", "interval - interval", 2, bind_direct)
TIME_FUNC(interval_mul, "INTERVAL *", "interval * number", 2, bind_direct)
TIME_FUNC(minus_date, "MINUS_DATE", "(time1 - time2) DAY TO SECOND", 3, bind_minus_date)
