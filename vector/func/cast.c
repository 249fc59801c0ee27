/* cast.c - CAST and TRY_CAST: which casts exist, and the way from a call to a kernel. */
#include "vector/func/cast.h"

#include "base/core/mem.h"

#include <stdarg.h>
#include <string.h>

/* ---- which casts exist ---------------------------------------------------------------------- */

/* Type names as they stand in Flink's (Calcite's) cast messages. */
static void print_calcite(const struct type *t, struct str *out) {
    switch (t->kind) {
    case TYPE_INT:
        str_add(out, "INTEGER");
        return;
    case TYPE_VARCHAR:
    case TYPE_CHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY: {
        static const char *const names[] = {"CHAR", "VARCHAR", "BINARY", "VARBINARY"};
        str_addf(out, "%s(%d)", names[t->kind - TYPE_CHAR], t->length);
        return;
    }
    case TYPE_TIMESTAMP_LTZ:
        str_addf(out, "TIMESTAMP_WITH_LOCAL_TIME_ZONE(%d)", t->precision);
        return;
    case TYPE_ARRAY:
        print_calcite(t->children[0], out);
        str_add(out, " ARRAY");
        return;
    case TYPE_MULTISET:
        print_calcite(t->children[0], out);
        str_add(out, " MULTISET");
        return;
    case TYPE_MAP:
        str_add_char(out, '(');
        print_calcite(t->children[0], out);
        str_add(out, ", ");
        print_calcite(t->children[1], out);
        str_add(out, ") MAP");
        return;
    case TYPE_ROW:
        str_add(out, "ROW(");
        for (int i = 0; i < t->n_children; i++) {
            if (i) str_add(out, ", ");
            print_calcite(t->children[i], out);
            str_addf(out, " %s", t->field_names[i]);
        }
        str_add_char(out, ')');
        return;
    default: {
        struct type nullable = *t;
        nullable.nullable = true;
        type_print(&nullable, out);
    }
    }
}

static int refuse(const struct type *from, const struct type *to, struct err *err) {
    AUTO_STR a = STR_INIT, b = STR_INIT;
    print_calcite(from, &a);
    print_calcite(to, &b);
    return err_set(err, ERR_VALIDATION, "Cast function cannot convert value of type %s to type %s",
                   str_text(&a), str_text(&b));
}

static int refuse_late(const struct type *from, const struct type *to, struct err *err) {
    AUTO_STR a = STR_INIT, b = STR_INIT;
    type_print(from, &a);
    type_print(to, &b);
    return err_set(err, ERR_VALIDATION, "Unsupported cast from '%s' to '%s'.", str_text(&a),
                   str_text(&b));
}

static bool is_datetime(const struct type *t) {
    return t->kind == TYPE_DATE || t->kind == TYPE_TIME || type_is_timestamp(t);
}

static bool is_single_unit(const struct type *t) {
    return t->unit == IV_YEAR || t->unit == IV_MONTH || t->unit == IV_DAY || t->unit == IV_HOUR ||
           t->unit == IV_MINUTE || t->unit == IV_SECOND;
}

static int check_numeric(const struct type *from, const struct type *to, struct err *err) {
    if (to->kind == TYPE_TIMESTAMP)
        return err_set(err, ERR_VALIDATION,
                       "The cast from NUMERIC type to TIMESTAMP type is not allowed. It's "
                       "recommended to use TO_TIMESTAMP(FROM_UNIXTIME(numeric_col)) instead, note "
                       "the numeric is in seconds.");
    if (to->kind == TYPE_TIMESTAMP_LTZ)
        return err_set(err, ERR_VALIDATION,
                       "The cast from NUMERIC type to TIMESTAMP_LTZ type is not allowed. It's "
                       "recommended to use TO_TIMESTAMP_LTZ(numeric_col, precision) instead.");
    if (to->kind == TYPE_BOOLEAN || type_is_numeric(to) || type_is_char(to)) return 0;
    if (type_is_interval(to) && type_is_exact(from) && is_single_unit(to)) return 0;
    return refuse(from, to, err);
}

static int check_nested(const struct type *from, const struct type *to, struct err *err) {
    if (type_is_char(to)) return 0;
    if (from->kind != to->kind || from->n_children != to->n_children) return refuse(from, to, err);
    for (int i = 0; i < from->n_children; i++)
        if (cast_check(from->children[i], to->children[i], NULL)) return refuse(from, to, err);
    return 0;
}

static int check_datetime(const struct type *from, const struct type *to, struct err *err) {
    if (type_is_char(to)) return 0;
    if (type_is_timestamp(from) && type_is_numeric(to))
        return from->kind == TYPE_TIMESTAMP
                   ? err_set(err, ERR_VALIDATION,
                             "The cast from TIMESTAMP type to NUMERIC type is not allowed. It's "
                             "recommended to use UNIX_TIMESTAMP(CAST(timestamp_col AS STRING)) "
                             "instead.")
                   : err_set(err, ERR_VALIDATION,
                             "The cast from TIMESTAMP_LTZ type to NUMERIC type is not allowed.");
    bool ok = is_datetime(to) && !(from->kind == TYPE_DATE && to->kind == TYPE_TIME) &&
              !(from->kind == TYPE_TIME && to->kind == TYPE_DATE);
    return ok ? 0 : refuse(from, to, err);
}

int cast_check(const struct type *from, const struct type *to, struct err *err) {
    if (from->kind == TYPE_NULL) return 0;
    if (to->kind == TYPE_NULL || to->kind == TYPE_SYMBOL || to->kind == TYPE_DESCRIPTOR)
        return refuse(from, to, err);
    if (from->kind == TYPE_VARIANT || to->kind == TYPE_VARIANT || to->kind == TYPE_BITMAP)
        return from->kind == to->kind ? 0 : refuse(from, to, err);
    if (from->kind == TYPE_BITMAP) {
        bool bytes = to->kind == TYPE_VARBINARY && to->length == TYPE_LENGTH_MAX;
        return bytes || type_is_char(to) ? 0 : refuse(from, to, err);
    }
    if (type_is_nested(from)) return check_nested(from, to, err);
    if (type_is_nested(to)) return refuse(from, to, err);
    if (type_is_numeric(from)) return check_numeric(from, to, err);
    if (is_datetime(from)) return check_datetime(from, to, err);
    if (from->kind == TYPE_BOOLEAN)
        return to->kind == TYPE_BOOLEAN || type_is_numeric(to) || type_is_char(to)
                   ? 0
                   : refuse(from, to, err);
    if (type_is_char(from)) return type_is_interval(to) ? refuse_late(from, to, err) : 0;
    if (type_is_binary(from)) {
        if (type_is_char(to) || type_is_binary(to)) return 0;
        return is_datetime(to) ? refuse_late(from, to, err) : refuse(from, to, err);
    }
    if (type_is_interval(from))
        return from->kind == to->kind || type_is_char(to) ? 0 : refuse(from, to, err);
    return from->kind == to->kind ? 0 : refuse(from, to, err);
}

bool cast_can_fail(const struct type *from, const struct type *to) {
    if (from->kind == TYPE_NULL) return false;
    if (type_is_char(from)) return !type_is_char(to) && !type_is_binary(to);
    if (type_is_approx(from)) return to->kind == TYPE_DECIMAL; /* NaN and infinity */
    if (!type_is_nested(from) || type_is_char(to)) return false;
    for (int i = 0; i < from->n_children; i++)
        if (cast_can_fail(from->children[i], to->children[i])) return true;
    return false;
}

/* ---- kernels -------------------------------------------------------------------------------- */

/* c's children carry their own types, which may be nullable in `type` alone. */
static void retype(struct column *c, const struct type *type) {
    c->type = type;
    for (int i = 0; i < c->n_children; i++)
        retype(&c->children[i], type_stored_child(type, i));
}

/* Same representation, no conversion: shares the source's buffers. */
static int cast_identity(struct cast_job *j, struct err *err) {
    const struct type *type = j->dst->type;
    struct column c;
    col_ref(&c, j->src);
    col_release(j->dst);
    *j->dst = c;
    retype(j->dst, type);
    return 0;
}

static int cast_null(struct cast_job *j, struct err *err) {
    for (uint32_t i = 0; i < j->dst->n; i++)
        col_set_null(j->dst, i);
    /* NULL rows hold readable values. */
    int size = phys_size_bytes(j->dst->phys);
    if (size)
        memset(j->dst->data, 0, (size_t)size * j->dst->n);
    else if (j->dst->phys == PHYS_LIST || j->dst->phys == PHYS_MAP)
        memset(j->dst->data, 0, sizeof(uint32_t) * (j->dst->n + 1));
    if (j->dst->phys != PHYS_ROW) return 0;
    for (int i = 0; i < j->dst->n_children; i++) {
        struct column *child = &j->dst->children[i];
        const struct type *t = child->type;
        col_release(child);
        col_repeat(child, NULL, t, j->dst->n);
    }
    return 0;
}

static bool same_value_space(const struct type *from, const struct type *to) {
    if (from->kind == TYPE_BITMAP && to->kind == TYPE_VARBINARY) return true;
    if (from->kind == TYPE_CHAR && to->kind == TYPE_VARCHAR) return from->length <= to->length;
    if (from->kind == TYPE_BINARY && to->kind == TYPE_VARBINARY) return from->length <= to->length;
    if (from->kind != to->kind) return false;
    switch (from->kind) {
    case TYPE_VARCHAR:
    case TYPE_VARBINARY:
        return from->length <= to->length;
    case TYPE_TIME:
        return from->precision <= to->precision;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return from->precision <= to->precision && type_is_nanos(from) == type_is_nanos(to);
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        return true;
    default:
        return type_eq_ignore_null(from, to);
    }
}

cast_fn cast_kernel(const struct type *from, const struct type *to) {
    if (from->kind == TYPE_NULL) return cast_null;
    if (same_value_space(from, to)) return cast_identity;
    cast_fn f = NULL;
    if (type_is_char(to))
        f = cast_kernel_to_text(from, to);
    else if (type_is_char(from) || type_is_binary(from))
        f = cast_kernel_from_text(from, to);
    else if (type_is_nested(from))
        f = cast_kernel_nested(from, to);
    else if (is_datetime(from))
        f = cast_kernel_time(from, to);
    else
        f = cast_kernel_number(from, to);
    return f;
}

static int vfail(struct cast_job *j, uint32_t i) {
    if (!col_is_valid(j->dst, i)) return 0;
    if (!j->quiet) {
        j->err_row = i;
        return ERR_RUNTIME;
    }
    j->failed[i >> 6] |= 1ull << (i & 63);
    return 0;
}

int cast_fail_text(struct cast_job *j, uint32_t i, enum text_status st, struct sv text,
                   struct err *err) {
    int rc = vfail(j, i);
    return rc ? text_error(err, st, text.ptr, text.len, j->to) : 0;
}

int cast_fail(struct cast_job *j, uint32_t i, struct err *err, const char *fmt, ...) {
    int rc = vfail(j, i);
    if (!rc) return 0;
    va_list ap;
    va_start(ap, fmt);
    rc = err_set_va(err, ERR_RUNTIME, fmt, ap);
    va_end(ap);
    return rc;
}

/* Runs a kernel into dst, whose bitmap is set; rows that fail quietly become NULL. */
static int run(cast_fn fn, struct cast_job *j, struct err *err) {
    AUTO_FREE uint64_t *failed = NULL;
    uint32_t words = valid_words(j->src->n);
    if (j->quiet) j->failed = failed = mem_calloc(words + 1, sizeof(*failed));
    int rc = fn(j, err);
    if (rc || !j->quiet) return rc;
    for (uint32_t w = 0; w < words; w++)
        for (uint64_t bits = failed[w]; bits; bits &= bits - 1)
            col_set_null(j->dst, w * 64 + (uint32_t)__builtin_ctzll(bits));
    return 0;
}

/* ---- the functions -------------------------------------------------------------------------- */

extern const struct func func_cast_op, func_try_cast;

static int cast_call(struct kernel_call *k, bool quiet, struct err *err) {
    const struct type *from = k->call->args[0]->type, *to = k->call->type;
    struct cast_job j = {.src = k->args[0],
                         .dst = k->ret,
                         .from = from,
                         .to = to,
                         .env = k->env,
                         .quiet = quiet || k->env->legacy_cast};
    int rc = run(cast_kernel(from, to), &j, err);
    k->err_row = j.err_row;
    return rc;
}

static int kernel_cast(struct kernel_call *k, struct err *err) {
    return cast_call(k, false, err);
}

static int kernel_try_cast(struct kernel_call *k, struct err *err) {
    return cast_call(k, true, err);
}

/* CASTs that cannot fail go by another entry, so that conditionals may evaluate them eagerly. */
static const struct func cast_safe = {
    .name = "CAST", .min_args = 1, .max_args = 1, .flags = FUNC_STRICT, .kernel = kernel_cast};

static int bind_cast_to(struct func_bind *fb, bool try_cast, struct err *err) {
    const struct type *from = fb->args[0]->type;
    if (!fb->to)
        return err_set(err, ERR_VALIDATION, "%s needs a target type: %s", fb->name,
                       fb->func->signature);
    int rc = cast_check(from, fb->to, err);
    if (rc) return rc;
    CHECKF(cast_kernel(from, fb->to) != NULL, "no cast kernel for kinds %d, %d", from->kind,
           fb->to->kind);
    fb->ret_type =
        type_with_null(fb->arena, fb->to, try_cast || from->nullable || from->kind == TYPE_NULL);
    if (!try_cast && !cast_can_fail(from, fb->to))
        fb->rewrite = expr_call(fb->arena, &cast_safe, fb->ret_type, fb->args, 1);
    return 0;
}

static int bind_cast(struct func_bind *fb, struct err *err) {
    return bind_cast_to(fb, false, err);
}

static int bind_try_cast(struct func_bind *fb, struct err *err) {
    return bind_cast_to(fb, true, err);
}

const struct func func_cast_op = {
    .name = "CAST",
    .category = "conversion",
    .signature = "CAST(value AS type)",
    .doc = "The value as another type. Text that is no value of the type is an error; numbers are "
           "narrowed as Java does; a DECIMAL that is too large gives NULL.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CAN_FAIL,
    .bind = bind_cast,
    .kernel = kernel_cast,
};

const struct func func_try_cast = {
    .name = "TRY_CAST",
    .category = "conversion",
    .signature = "TRY_CAST(value AS type)",
    .doc = "Like CAST, but NULL in place of an error.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT,
    .bind = bind_try_cast,
    .kernel = kernel_try_cast,
};
