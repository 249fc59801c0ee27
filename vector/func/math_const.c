/* math_const.c - PI and E: replaced by literals when bound. */
#include "vector/func/func.h"

#include <math.h>

static int bind_const(struct func_bind *fb, double v) {
    const struct column *c = value_f64(fb->arena, type_of_not_null(TYPE_DOUBLE), v);
    fb->rewrite = expr_literal(fb->arena, c);
    return 0;
}

static int bind_pi(struct func_bind *fb, struct err *err) {
    return bind_const(fb, M_PI);
}

static int bind_e(struct func_bind *fb, struct err *err) {
    return bind_const(fb, M_E);
}

const struct func func_e = {
    .name = "E",
    .category = "arithmetic",
    .signature = "E()",
    .doc = "Euler's number, 2.718281828459045.",
    .flags = FUNC_STRICT,
    .bind = bind_e,
};

const struct func func_pi = {
    .name = "PI",
    .category = "arithmetic",
    .signature = "PI()",
    .doc = "3.141592653589793.",
    .flags = FUNC_STRICT,
    .bind = bind_pi,
};
