/* arith.c - the operators + - * / % and unary minus on numbers, with Flink's result types. Those on
 * dates and intervals are in arith_time.c. */
#include "vector/func/arith.h"

#include "vector/decimal.h"
#include "vector/func/arith_time.h"

/* ---- kernels -------------------------------------------------------------------------------- */

typedef bool (*decimal_fn)(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret);

static int decimal_loop(struct kernel_call *k, decimal_fn f) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    int sx = k->call->args[0]->type->scale, sy = k->call->args[1]->type->scale;
    int p = k->call->type->precision, s = k->call->type->scale;
    const i128 *xs = x.data, *ys = y.data;
    i128 *r = k->ret->data;
    for (uint32_t i = 0; i < k->n; i++) {
        r[i] = 0;
        if (!col_is_valid(k->ret, i)) continue;
        if (!f(xs[arg_row(&x, i)], sx, ys[arg_row(&y, i)], sy, p, s, &r[i]))
            col_set_null(k->ret, i);
    }
    return 0;
}

/* No rescaling and no overflow possible: plain 128-bit loops. */
static bool decimal_plain(const struct kernel_call *k, enum arith_op op) {
    const struct type *x = k->call->args[0]->type, *y = k->call->args[1]->type;
    const struct type *r = k->call->type;
    if (op == ARITH_MUL)
        return r->scale == x->scale + y->scale && r->precision >= x->precision + y->precision;
    int whole = MAX(x->precision - x->scale, y->precision - y->scale);
    return x->scale == y->scale && r->scale == x->scale && r->precision - r->scale > whole;
}

static void plain(struct kernel_call *k, enum arith_op op) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    arith_vectors(k->ret->phys, op, &x, &y, k->ret->data, k->n);
}

static int run(struct kernel_call *k, enum arith_op op, decimal_fn f) {
    if (k->call->type->kind == TYPE_DECIMAL && !decimal_plain(k, op)) return decimal_loop(k, f);
    plain(k, op);
    return 0;
}

static int kernel_add(struct kernel_call *k, struct err *err) {
    return run(k, ARITH_ADD, decimal_add);
}

static int kernel_sub(struct kernel_call *k, struct err *err) {
    return run(k, ARITH_SUB, decimal_sub);
}

/* Nothing is rounded away, but 38 digits may be exceeded: not by two factors of 64 bits. */
static int decimal_mul_loop(struct kernel_call *k) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    const i128 *xs = x.data, *ys = y.data;
    i128 *r = k->ret->data;
    for (uint32_t i = 0; i < k->n; i++) {
        i128 a = xs[arg_row(&x, i)], b = ys[arg_row(&y, i)];
        if (likely(a == (int64_t)a && b == (int64_t)b)) {
            r[i] = (i128)(int64_t)a * (int64_t)b;
            continue;
        }
        r[i] = 0;
        if (col_is_valid(k->ret, i) && !decimal_mul(a, 0, b, 0, k->call->type->precision, 0, &r[i]))
            col_set_null(k->ret, i);
    }
    return 0;
}

static int kernel_mul(struct kernel_call *k, struct err *err) {
    const struct type *r = k->call->type;
    int scale = k->call->args[0]->type->scale + k->call->args[1]->type->scale;
    if (r->kind == TYPE_DECIMAL && r->scale == scale && r->precision == TYPE_DECIMAL_PRECISION_MAX)
        return decimal_mul_loop(k);
    return run(k, ARITH_MUL, decimal_mul);
}

static int check_zero(struct kernel_call *k, struct err *err) {
    struct arg y = kernel_arg(k, 1);
    if (type_is_approx(k->call->type)) return 0;
    uint32_t row = arith_find_zero(y.col->phys, &y, k->ret, k->n);
    if (row == UINT32_MAX) return 0;
    return kernel_fail(k, row, err,
                       k->call->type->kind == TYPE_DECIMAL ? "Division by zero" : "/ by zero");
}

static int kernel_div(struct kernel_call *k, struct err *err) {
    int rc = check_zero(k, err);
    if (rc) return rc;
    if (k->call->type->kind == TYPE_DECIMAL) return decimal_loop(k, decimal_div);
    plain(k, ARITH_DIV);
    return 0;
}

/* Both sides have the wider type; the result is that of the divisor, in which it always fits. */
static int kernel_mod(struct kernel_call *k, struct err *err) {
    int rc = check_zero(k, err);
    if (rc) return rc;
    if (k->call->type->kind == TYPE_DECIMAL) return decimal_loop(k, decimal_mod);
    plain(k, ARITH_MOD);
    return 0;
}

static int kernel_neg(struct kernel_call *k, struct err *err) {
    arith_negate(k->ret->phys, k->args[0]->data, k->ret->data, k->n);
    return 0;
}

/* ---- binding -------------------------------------------------------------------------------- */

static int illegal_null(const struct func_bind *fb, struct err *err) {
    for (int i = 0; i < fb->n_args; i++)
        if (fb->args[i]->type->kind == TYPE_NULL)
            return err_set(err, ERR_VALIDATION, "Illegal use of 'NULL'");
    return 0;
}

static int fail_numeric(const struct func_bind *fb, const char *kind, struct err *err) {
    AUTO_STR forms = STR_INIT;
    str_addf(&forms, "<%s> %s <%s>", kind, fb->name, kind);
    return func_bind_fail(fb, str_text(&forms), err);
}

/* An exact operand of DECIMAL arithmetic as a DECIMAL. */
static int to_decimal(struct func_bind *fb, int i, struct err *err) {
    struct decimal_spec d = decimal_spec_of(fb->args[i]->type);
    if (fb->args[i]->type->kind == TYPE_DECIMAL) return 0;
    return args_cast(fb, i, type_decimal(fb->arena, d.precision, d.scale, true), err);
}

typedef struct decimal_spec (*spec_fn)(struct decimal_spec x, struct decimal_spec y);

static int bind_decimal(struct func_bind *fb, spec_fn spec, struct err *err) {
    bool nullable = args_nullable(fb);
    struct decimal_spec d =
        spec(decimal_spec_of(fb->args[0]->type), decimal_spec_of(fb->args[1]->type));
    int rc = to_decimal(fb, 0, err);
    if (!rc) rc = to_decimal(fb, 1, err);
    fb->ret_type = type_decimal(fb->arena, d.precision, d.scale, nullable);
    return rc;
}

static int bind_numbers(struct func_bind *fb, spec_fn spec, struct err *err) {
    const struct type *x = fb->args[0]->type, *y = fb->args[1]->type;
    if (!type_is_numeric(x) || !type_is_numeric(y)) return fail_numeric(fb, "NUMERIC", err);
    if (type_is_exact(x) && type_is_exact(y) &&
        (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL))
        return bind_decimal(fb, spec, err);
    const struct type *types[2] = {x, y};
    const struct type *t = type_least_restrictive(fb->arena, types, 2);
    int rc = args_cast(fb, 0, t, err);
    if (!rc) rc = args_cast(fb, 1, t, err);
    fb->ret_type = t;
    return rc;
}

static int bind_add_sub(struct func_bind *fb, bool minus, struct err *err) {
    int rc = illegal_null(fb, err);
    if (rc) return rc;
    if (arith_time_bind(fb, minus, &rc, err)) return rc;
    return bind_numbers(fb, decimal_add_spec, err);
}

static int bind_add(struct func_bind *fb, struct err *err) {
    return bind_add_sub(fb, false, err);
}

static int bind_sub(struct func_bind *fb, struct err *err) {
    return bind_add_sub(fb, true, err);
}

static int bind_mul(struct func_bind *fb, struct err *err) {
    int rc = illegal_null(fb, err);
    if (rc) return rc;
    if (arith_time_bind_mul(fb, &rc, err)) return rc;
    return bind_numbers(fb, decimal_mul_spec, err);
}

static int bind_div(struct func_bind *fb, struct err *err) {
    int rc = illegal_null(fb, err);
    return rc ? rc : bind_numbers(fb, decimal_div_spec, err);
}

static int bind_mod(struct func_bind *fb, struct err *err) {
    int rc = illegal_null(fb, err);
    if (rc) return rc;
    const struct type *x = fb->args[0]->type, *y = fb->args[1]->type;
    if (!type_is_exact(x) || !type_is_exact(y)) return fail_numeric(fb, "EXACT_NUMERIC", err);
    if (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL)
        return bind_decimal(fb, decimal_mod_spec, err);
    /* Integers: computed in the wider type; the result has the divisor's. */
    const struct type *ret = type_with_null(fb->arena, y, args_nullable(fb));
    if (x->kind <= y->kind) {
        rc = args_cast(fb, 0, y, err);
        fb->ret_type = ret;
        return rc;
    }
    rc = args_cast(fb, 1, x, err);
    if (rc) return rc;
    const struct type *wide = type_with_null(fb->arena, x, ret->nullable);
    const struct expr *mod = expr_call(fb->arena, fb->func, wide, fb->args, 2);
    return func_cast(fb->arena, mod, ret, false, &fb->rewrite, err);
}

static int bind_neg(struct func_bind *fb, struct err *err) {
    int rc = illegal_null(fb, err);
    if (rc) return rc;
    if (!type_is_numeric(fb->args[0]->type) && !type_is_interval(fb->args[0]->type))
        return func_bind_fail(fb, "-<NUMERIC> or -<INTERVAL>", err);
    fb->ret_type = fb->args[0]->type;
    return 0;
}

/* Only a literal other than 0 can't fail. */
static bool div_can_fail(const struct expr *call) {
    const struct expr *y = call->args[1];
    if (type_is_approx(call->type)) return false;
    if (y->kind != EXPR_LITERAL) return true;
    struct arg a = {y->literal, y->literal->data, 0};
    struct column any = {.n = 1};
    return col_is_valid(y->literal, 0) && arith_find_zero(y->literal->phys, &a, &any, 1) == 0;
}

#define ARITH_FUNC(id, sql, alias, sig, more_flags, text, ...)                                     \
    const struct func func_##id = {.name = sql,                                                    \
                                   .aliases = alias,                                               \
                                   .category = "arithmetic",                                       \
                                   .signature = sig,                                               \
                                   .doc = text,                                                    \
                                   .min_args = 2,                                                  \
                                   .max_args = 2,                                                  \
                                   .flags = FUNC_STRICT | FUNC_CONST_ARGS | (more_flags),          \
                                   .bind = bind_##id,                                              \
                                   .kernel = kernel_##id,                                          \
                                   __VA_ARGS__};

ARITH_FUNC(
    add, "+", NULL, "numeric1 + numeric2", 0,
    "Sum. Integers wrap around; a DECIMAL of more than 38 digits is NULL. Also adds intervals "
    "to dates, times and timestamps.")
ARITH_FUNC(sub, "-", NULL, "numeric1 - numeric2", 0,
           "Difference. Also takes intervals from dates, times and timestamps.")
ARITH_FUNC(mul, "*", NULL, "numeric1 * numeric2", 0, "Product. Also of an interval and a number.")
ARITH_FUNC(div, "/", NULL, "numeric1 / numeric2", FUNC_CAN_FAIL,
           "Quotient; cut for integers, rounded half up for DECIMALs. Division of exact numbers by "
           "zero fails.",
           .can_fail = div_can_fail)
ARITH_FUNC(mod, "%", "MOD", "MOD(numeric1, numeric2)", FUNC_CAN_FAIL,
           "Remainder, with the sign of the first argument. Fails for zero.",
           .can_fail = div_can_fail)

const struct func func_neg = {
    .name = "NEGATE",
    .category = "arithmetic",
    .signature = "- numeric",
    .doc = "The number or interval with the other sign.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT,
    .bind = bind_neg,
    .kernel = kernel_neg,
};
