/* compare.c - = <> < <= > >= and IS [NOT] DISTINCT FROM: coercion as Flink and Calcite do it,
 * kernels for strings, DECIMALs of different scale and nested values. */
#include "vector/func/compare.h"

#include "vector/func/args.h"
#include "vector/func/compare_kernel.h"
#include "vector/func/logic.h"

#include <string.h>

/* ---- coercion ------------------------------------------------------------------------------- */

static int no_forms(const struct func_bind *fb, struct err *err) {
    AUTO_STR forms = STR_INIT;
    str_addf(&forms, "<COMPARABLE_TYPE> %s <COMPARABLE_TYPE>", fb->name);
    return func_bind_fail(fb, str_text(&forms), err);
}

static int cast_to(struct func_bind *fb, const struct expr **e, const struct type *to, bool soft,
                   struct err *err) {
    if (type_eq_ignore_null((*e)->type, to)) return 0;
    return func_cast(fb->arena, *e, type_with_null(fb->arena, to, (*e)->type->nullable), soft, e,
                     err);
}

static int cast_both(struct func_bind *fb, const struct expr **x, const struct expr **y,
                     const struct type *to, struct err *err) {
    if (!to) return no_forms(fb, err);
    int rc = cast_to(fb, x, to, false, err);
    return rc ? rc : cast_to(fb, y, to, false, err);
}

/* = and <> meet at the least restrictive type; an order is decided as Java's operators do. */
static int coerce_numbers(struct func_bind *fb, const struct expr **x, const struct expr **y,
                          bool equality, struct err *err) {
    const struct type *s = (*x)->type, *t = (*y)->type;
    if (s->kind == t->kind) return 0;
    if (type_is_exact(s) && type_is_exact(t)) {
        if (s->kind != TYPE_DECIMAL && t->kind != TYPE_DECIMAL)
            return cast_both(fb, x, y, s->kind > t->kind ? s : t, err);
        const struct expr **whole = s->kind == TYPE_DECIMAL ? y : x;
        struct decimal_spec d = decimal_spec_of((*whole)->type);
        return cast_to(fb, whole, type_decimal(fb->arena, d.precision, 0, true), false, err);
    }
    if (equality) {
        const struct type *types[2] = {s, t};
        return cast_both(fb, x, y, type_least_restrictive(fb->arena, types, 2), err);
    }
    bool wide = s->kind == TYPE_DOUBLE || t->kind == TYPE_DOUBLE || s->kind == TYPE_DECIMAL ||
                t->kind == TYPE_DECIMAL;
    return cast_both(fb, x, y, type_of(wide ? TYPE_DOUBLE : TYPE_FLOAT), err);
}

static int coerce_timestamps(struct func_bind *fb, const struct expr **x, const struct expr **y,
                             struct err *err) {
    const struct type *s = (*x)->type, *t = (*y)->type;
    if (s->kind == t->kind && type_phys(s) == type_phys(t)) return 0;
    int precision = MAX(s->precision, t->precision);
    return cast_both(fb, x, y, type_time(fb->arena, s->kind, precision, true), err);
}

/* A string against something else. */
static int coerce_text(struct func_bind *fb, const struct expr **text, const struct expr **other,
                       bool equality, struct err *err) {
    const struct type *t = (*other)->type;
    if (type_is_numeric(t)) {
        if (equality) {
            AUTO_STR name = STR_INIT;
            struct type plain = *t;
            plain.nullable = true;
            type_print(&plain, &name);
            return err_set(err, ERR_VALIDATION,
                           "implicit type conversion between %s and %s is not supported now: use "
                           "CAST",
                           (*text)->type->kind == TYPE_CHAR ? "CHAR" : "VARCHAR", str_text(&name));
        }
        const struct type *types[2] = {t, type_of(TYPE_BIGINT)};
        return cast_both(fb, text, other, type_least_restrictive(fb->arena, types, 2), err);
    }
    if (t->kind != TYPE_DATE && t->kind != TYPE_TIME && !type_is_timestamp(t) &&
        t->kind != TYPE_BOOLEAN)
        return no_forms(fb, err);
    /* = with a text that is no date is NULL, not an error. */
    return cast_to(fb, text, t, equality && (*text)->kind != EXPR_LITERAL, err);
}

static int coerce_nested(struct func_bind *fb, const struct expr **x, const struct expr **y,
                         bool equality, struct err *err) {
    if (!equality) {
        AUTO_STR name = STR_INIT;
        type_print((*x)->type, &name);
        return err_set(err, ERR_VALIDATION, "Comparable type expected, but was '%s'",
                       str_text(&name));
    }
    const struct type *types[2] = {(*x)->type, (*y)->type};
    return cast_both(fb, x, y, type_least_restrictive(fb->arena, types, 2), err);
}

int compare_coerce(struct func_bind *fb, const struct expr **x, const struct expr **y,
                   bool equality, struct err *err) {
    const struct type *s = (*x)->type, *t = (*y)->type;
    if (type_is_nested(s) && s->kind == t->kind) return coerce_nested(fb, x, y, equality, err);
    if (type_is_char(s) && type_is_char(t)) return 0;
    if (type_is_char(s)) return coerce_text(fb, x, y, equality, err);
    if (type_is_char(t)) return coerce_text(fb, y, x, equality, err);
    if (!type_same_family(s, t)) return no_forms(fb, err);
    if (type_is_numeric(s)) return coerce_numbers(fb, x, y, equality, err);
    if (type_is_timestamp(s)) return coerce_timestamps(fb, x, y, err);
    return 0;
}

/* ---- values --------------------------------------------------------------------------------- */

int decimal_cmp(i128 a, int sa, i128 b, int sb) {
    if (sa == sb) return a < b ? -1 : a > b;
    if ((a < 0) != (b < 0)) return a < 0 ? -1 : 1;
    /* Scale the coarser one up; where that overflows it is the larger in size. */
    i128 r;
    if (sa < sb) {
        if (__builtin_mul_overflow(a, text_pow10(sb - sa), &r)) return a < 0 ? -1 : 1;
        return r < b ? -1 : r > b;
    }
    if (__builtin_mul_overflow(b, text_pow10(sa - sb), &r)) return b < 0 ? 1 : -1;
    return a < r ? -1 : a > r;
}

static inline bool holds(enum cmp_op op, int c) {
    switch (op) {
    case CMP_EQ:
        return c == 0;
    case CMP_NE:
        return c != 0;
    case CMP_LT:
        return c < 0;
    case CMP_LE:
        return c <= 0;
    case CMP_GT:
        return c > 0;
    default:
        return c >= 0;
    }
}

/* Against a constant of no finer scale, made one of x's. False: it is another case, or too large.
 */
static bool compare_rescaled(const struct arg *x, const struct arg *y, int sx, int sy,
                             enum cmp_op op, uint8_t *d, uint32_t n) {
    i128 c;
    if (!arg_const(y) || arg_const(x) || sy > sx ||
        __builtin_mul_overflow(*(const i128 *)y->data, text_pow10(sx - sy), &c))
        return false;
    compare_vectors(PHYS_I128, op, x->data, &c, true, d, n);
    return true;
}

static void compare_decimals(const struct arg *x, const struct arg *y, int sx, int sy,
                             enum cmp_op op, uint8_t *d, uint32_t n) {
    if (compare_rescaled(x, y, sx, sy, op, d, n)) return;
    const i128 *xs = x->data, *ys = y->data;
    for (uint32_t i = 0; i < n; i++)
        d[i] = holds(op, decimal_cmp(xs[arg_row(x, i)], sx, ys[arg_row(y, i)], sy));
}

/* Equality with an inline constant is two words. */
ATTR_KERNEL static void equal_inline(const uint64_t *restrict s, uint64_t w0, uint64_t w1,
                                     uint8_t flip, uint8_t *restrict d, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        d[i] = (uint8_t)(((s[2 * i] ^ w0) | (s[2 * i + 1] ^ w1)) == 0) ^ flip;
}

static void compare_strings(const struct kernel_call *k, const struct arg *x, const struct arg *y,
                            enum cmp_op op, uint8_t *d, uint32_t n) {
    const struct column *nulls = k->ret; /* the AND of the bitmaps: skip what may not be read */
    if (op == CMP_EQ || op == CMP_NE) {
        uint8_t flip = op == CMP_NE;
        const struct arg *c = arg_const(y) ? y : x, *v = arg_const(y) ? x : y;
        if (arg_const(c) && arg_strv(c, 0)->len <= STRV_INLINE_MAX_BYTES) {
            uint64_t w[2];
            memcpy(w, arg_strv(c, 0), 16);
            equal_inline(v->data, w[0], w[1], flip, d, n);
            return;
        }
        for (uint32_t i = 0; i < n; i++)
            d[i] = strv_eq(arg_strv(x, i), arg_strv(y, i)) ^ flip;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        d[i] = col_is_valid(nulls, i) && holds(op, strv_cmp(arg_strv(x, i), arg_strv(y, i)));
}

static const enum cmp_op mirrored[] = {
    [CMP_EQ] = CMP_EQ, [CMP_NE] = CMP_NE, [CMP_LT] = CMP_GT,
    [CMP_LE] = CMP_GE, [CMP_GT] = CMP_LT, [CMP_GE] = CMP_LE,
};

/* d[i] = args[0] op args[1] for all rows; NULL rows are left unspecified. */
static void compare_rows(struct kernel_call *k, enum cmp_op op, uint8_t *d) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    const struct type *s = k->call->args[0]->type, *t = k->call->args[1]->type;
    if (x.col->phys == PHYS_STR) {
        compare_strings(k, &x, &y, op, d, k->n);
    } else if (s->kind == TYPE_DECIMAL && s->scale != t->scale) {
        compare_decimals(&x, &y, s->scale, t->scale, op, d, k->n);
    } else if (x.col->phys >= PHYS_LIST) {
        for (uint32_t i = 0; i < k->n; i++)
            d[i] = col_eq(x.col, arg_row(&x, i), y.col, arg_row(&y, i)) ^ (op == CMP_NE);
    } else if (arg_const(&x) && !arg_const(&y)) {
        compare_vectors(x.col->phys, mirrored[op], y.data, x.data, true, d, k->n);
    } else {
        compare_vectors(x.col->phys, op, x.data, y.data, arg_const(&y), d, k->n);
    }
}

#define CMP_KERNEL(name, op)                                                                       \
    static int kernel_##name(struct kernel_call *k, struct err *err) {                             \
        compare_rows(k, op, k->ret->data);                                                         \
        return 0;                                                                                  \
    }
CMP_KERNEL(eq, CMP_EQ)
CMP_KERNEL(ne, CMP_NE)
CMP_KERNEL(lt, CMP_LT)
CMP_KERNEL(le, CMP_LE)
CMP_KERNEL(gt, CMP_GT)
CMP_KERNEL(ge, CMP_GE)

/* Equal where both are valid, alike where one is NULL. */
static int distinct(struct kernel_call *k, bool negate) {
    struct arg x = kernel_arg(k, 0), y = kernel_arg(k, 1);
    uint8_t *d = k->ret->data;
    compare_rows(k, CMP_NE, d);
    for (uint32_t i = 0; i < k->n; i++) {
        bool vx = arg_valid(&x, i), vy = arg_valid(&y, i);
        bool differs = vx && vy ? d[i] & 1 : vx != vy;
        d[i] = differs != negate;
    }
    return 0;
}

static int kernel_is_distinct(struct kernel_call *k, struct err *err) {
    return distinct(k, false);
}

static int kernel_is_not_distinct(struct kernel_call *k, struct err *err) {
    return distinct(k, true);
}

/* ---- binding -------------------------------------------------------------------------------- */

static int bind_compare(struct func_bind *fb, bool equality, struct err *err) {
    fb->ret_type = type_new(fb->arena, TYPE_BOOLEAN, args_nullable(fb));
    if (fb->args[0]->type->kind == TYPE_NULL || fb->args[1]->type->kind == TYPE_NULL) {
        fb->rewrite = expr_literal(fb->arena, value_null(fb->arena, type_of(TYPE_BOOLEAN)));
        return 0;
    }
    return compare_coerce(fb, &fb->args[0], &fb->args[1], equality, err);
}

static int bind_equality(struct func_bind *fb, struct err *err) {
    return bind_compare(fb, true, err);
}

static int bind_order(struct func_bind *fb, struct err *err) {
    return bind_compare(fb, false, err);
}

static int bind_distinct(struct func_bind *fb, struct err *err) {
    bool null0 = fb->args[0]->type->kind == TYPE_NULL, null1 = fb->args[1]->type->kind == TYPE_NULL;
    fb->ret_type = type_of_not_null(TYPE_BOOLEAN);
    if (!null0 && !null1) return compare_coerce(fb, &fb->args[0], &fb->args[1], true, err);
    bool is_not = strcmp(fb->name, "IS NOT DISTINCT FROM") == 0;
    return func_call_name(fb->arena, is_not ? "IS NULL" : "IS NOT NULL", &fb->args[null0 ? 1 : 0],
                          1, &fb->rewrite, err);
}

#define CMP_FUNC(id, sql, alias, bindfn, text)                                                     \
    const struct func func_##id = {                                                                \
        .name = sql,                                                                               \
        .aliases = alias,                                                                          \
        .category = "comparison",                                                                  \
        .signature = "value1 " sql " value2",                                                      \
        .doc = text,                                                                               \
        .min_args = 2,                                                                             \
        .max_args = 2,                                                                             \
        .flags = FUNC_STRICT | FUNC_CONST_ARGS,                                                    \
        .bind = bindfn,                                                                            \
        .kernel = kernel_##id,                                                                     \
    };

CMP_FUNC(eq, "=", NULL, bind_equality, "TRUE if the values are equal; NULL if one is NULL.")
CMP_FUNC(ne, "<>", "!=", bind_equality, "TRUE if the values differ; NULL if one is NULL.")
CMP_FUNC(lt, "<", NULL, bind_order, "TRUE if the first value is smaller.")
CMP_FUNC(le, "<=", NULL, bind_order, "TRUE if the first value is smaller or equal.")
CMP_FUNC(gt, ">", NULL, bind_order, "TRUE if the first value is larger.")
CMP_FUNC(ge, ">=", NULL, bind_order, "TRUE if the first value is larger or equal.")

const struct func func_is_distinct = {
    .name = "IS DISTINCT FROM",
    .category = "comparison",
    .signature = "value1 IS DISTINCT FROM value2",
    .doc = "TRUE if the values differ, NULL counting as a value of its own.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_CONST_ARGS,
    .bind = bind_distinct,
    .kernel = kernel_is_distinct,
};

const struct func func_is_not_distinct = {
    .name = "IS NOT DISTINCT FROM",
    .category = "comparison",
    .signature = "value1 IS NOT DISTINCT FROM value2",
    .doc = "TRUE if the values are equal, NULL counting as a value of its own.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_CONST_ARGS,
    .bind = bind_distinct,
    .kernel = kernel_is_not_distinct,
};
