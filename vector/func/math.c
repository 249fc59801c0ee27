/* math.c - functions of real numbers, computed in double precision. */
#include "vector/func/args.h"

#include <math.h>

/* SQRT of a negative number is NaN; nobody reads errno, and without it the loop vectorises. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-math-errno")
#endif

static double math_cot(double x) {
    return 1.0 / tan(x);
}
static double math_log2(double x) {
    return log(x) / log(2.0);
}
static double math_degrees(double x) {
    return x * 57.29577951308232;
}
static double math_radians(double x) {
    return x * 0.017453292519943295;
}
/* LOG(base, x) */
static double math_log_base(double base, double x) {
    return log(x) / log(base);
}

#define UNARY_KERNEL(id, F)                                                                        \
    static int kernel_##id(struct kernel_call *k, struct err *err) {                               \
        const double *restrict s = k->args[0]->data;                                               \
        double *restrict r = k->ret->data;                                                         \
        for (uint32_t i = 0; i < k->n; i++)                                                        \
            r[i] = F(s[i]);                                                                        \
        return 0;                                                                                  \
    }

#define UNARY(id, sql, F, text)                                                                    \
    UNARY_KERNEL(id, F)                                                                            \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .category = "arithmetic",                                                                  \
        .signature = sql "(numeric)",                                                              \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = 1,                                                                             \
        .flags = FUNC_STRICT,                                                                      \
        .args = "f",                                                                               \
        .ret = "DOUBLE",                                                                           \
        .bind = func_bind_spec,                                                                    \
        .kernel = kernel_##id,                                                                     \
    };

UNARY(acos, "ACOS", acos, "Arc cosine.")
UNARY(asin, "ASIN", asin, "Arc sine.")
UNARY(atan, "ATAN", atan, "Arc tangent.")
UNARY(cos, "COS", cos, "Cosine.")
UNARY(cosh, "COSH", cosh, "Hyperbolic cosine.")
UNARY(cot, "COT", math_cot, "Cotangent; Infinity for 0.")
UNARY(degrees, "DEGREES", math_degrees, "Radians as degrees.")
UNARY(exp, "EXP", exp, "e to the power of the argument.")
UNARY(ln, "LN", log, "Natural logarithm; -Infinity for 0, NaN for a negative number.")
UNARY(log10, "LOG10", log10, "Logarithm to base 10.")
UNARY(log2, "LOG2", math_log2, "Logarithm to base 2.")
UNARY(radians, "RADIANS", math_radians, "Degrees as radians.")
UNARY(sin, "SIN", sin, "Sine.")
UNARY(sinh, "SINH", sinh, "Hyperbolic sine.")
UNARY(sqrt, "SQRT", sqrt, "Square root; NaN for a negative number.")
UNARY(tan, "TAN", tan, "Tangent.")
UNARY(tanh, "TANH", tanh, "Hyperbolic tangent.")

#define BINARY_LOOP(F)                                                                             \
    do {                                                                                           \
        struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);                                     \
        double *r = k->ret->data;                                                                  \
        for (uint32_t i = 0; i < k->n; i++)                                                        \
            r[i] = F(arg_f64(&x, i), arg_f64(&y, i));                                              \
    } while (0)

static int kernel_atan2(struct kernel_call *k, struct err *err) {
    BINARY_LOOP(atan2);
    return 0;
}

/* Java: 1 to an infinite or NaN power is NaN where C says 1. */
static double java_pow(double x, double y) {
    if (isnan(y) || ((x == 1 || x == -1) && isinf(y))) return NAN;
    return pow(x, y);
}

static int kernel_power(struct kernel_call *k, struct err *err) {
    BINARY_LOOP(java_pow);
    return 0;
}

static int kernel_log(struct kernel_call *k, struct err *err) {
    if (k->n_args == 2) {
        BINARY_LOOP(math_log_base);
        return 0;
    }
    struct arg x = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++)
        COL_DATA(k->ret, double)[i] = log(arg_f64(&x, i));
    return 0;
}

#define NUMERIC_FUNC(id, sql, more, sig, lo, hi, text)                                             \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .aliases = more,                                                                           \
        .category = "arithmetic",                                                                  \
        .signature = sig,                                                                          \
        .doc = text,                                                                               \
        .min_args = lo,                                                                            \
        .max_args = hi,                                                                            \
        .flags = FUNC_STRICT | FUNC_CONST_ARGS,                                                    \
        .args = "ff",                                                                              \
        .ret = "DOUBLE",                                                                           \
        .bind = func_bind_spec,                                                                    \
        .kernel = kernel_##id,                                                                     \
    };

NUMERIC_FUNC(atan2, "ATAN2", NULL, "ATAN2(y, x)", 2, 2, "Angle of the point (x, y).")
NUMERIC_FUNC(log, "LOG", NULL, "LOG([base,] numeric)", 1, 2,
             "Logarithm to the base, or the natural one.")
NUMERIC_FUNC(power, "POWER", NULL, "POWER(numeric1, numeric2)", 2, 2,
             "The first argument to the power of the second.")
