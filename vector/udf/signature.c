/* signature.c - "(STRING, BIGINT) -> STRING": reading signatures, and choosing among them. */
#include "vector/udf/arrow.h"
#include "vector/udf/udf_int.h"

#include <string.h>

/* ---- reading -------------------------------------------------------------------------------- */

static const char *skip(const char *p) {
    while (*p == ' ')
        p++;
    return p;
}

/* The end of a type: the next ',' or ')' outside of its own brackets, or the text's end. */
static const char *type_end(const char *p) {
    int depth = 0;
    for (; *p; p++) {
        if (*p == '`')
            for (p++; *p && *p != '`';)
                p++;
        if (!*p) break;
        if (*p == '(' || *p == '<') depth++;
        if (depth == 0 && (*p == ',' || *p == ')')) break;
        if (*p == ')' || *p == '>') depth--;
    }
    return p;
}

static int read_type(struct arena *a, const char *from, const char *end, const struct type **ret,
                     struct err *err) {
    while (end > from && end[-1] == ' ')
        end--;
    struct err wrong = ERR_INIT;
    int rc = type_parse(a, arena_strndup(a, from, (size_t)(end - from)), ret, &wrong);
    return rc ? err_set(err, ERR_INVALID, "%s", wrong.msg) : arrow_check_type(*ret, err);
}

static int read_args(struct arena *a, const char **text, struct udf_overload *ret,
                     struct err *err) {
    const char *p = skip(*text + 1);
    ret->args = ARENA_NEW_N(a, const struct type *, UDF_ARGS_MAX);
    while (*p != ')') {
        if (!*p) return err_set(err, ERR_INVALID, "')' is missing");
        if (ret->variadic)
            return err_set(err, ERR_INVALID, "'...' stands behind the last argument");
        if (ret->n_args == UDF_ARGS_MAX)
            return err_set(err, ERR_INVALID, "more than %d arguments", UDF_ARGS_MAX);
        const char *end = type_end(p), *last = end;
        if (end - p > 3 && !memcmp(end - 3, "...", 3)) {
            ret->variadic = true;
            last = end - 3;
        }
        int rc = read_type(a, p, last, &ret->args[ret->n_args], err);
        if (rc) return err_wrap(err, "argument %d", ret->n_args + 1);
        ret->n_args++;
        p = skip(*end == ',' ? end + 1 : end);
    }
    *text = skip(p + 1);
    return 0;
}

int udf_parse_signature(struct arena *a, const char *text, bool table, struct udf_overload *ret,
                        struct err *err) {
    if (!text) return err_set(err, ERR_INVALID, "an overload without signature");
    const char *p = skip(text);
    int rc = *p == '(' ? read_args(a, &p, ret, err) : err_set(err, ERR_INVALID, "'(' is missing");
    if (!rc && strncmp(p, "->", 2) != 0) rc = err_set(err, ERR_INVALID, "'->' is missing");
    if (!rc) {
        p = skip(p + 2);
        rc = read_type(a, p, p + strlen(p), &ret->result, err);
        if (rc) err_wrap(err, "result");
    }
    if (rc) return err_wrap(err, "signature '%s'", text);
    if (table) ret->result = type_array(a, ret->result, true);
    return 0;
}

/* ---- choosing ------------------------------------------------------------------------------- */

/* Equal but for nullability and time attributes. */
static bool same_type(const struct type *x, const struct type *y) {
    struct type p = *x, q = *y;
    p.time_attr = q.time_attr = TIME_ATTR_NONE;
    return type_eq_ignore_null(&p, &q);
}

/* What a cast between types costs, by how far it leads from the type; the cheapest overload is
 * taken. */
enum { COST_NONE = -1, COST_WIDER = 1, COST_DECIMAL = 4, COST_DOUBLE = 16, COST_FLOAT = 64 };

static int number_cost(const struct type *from, const struct type *to) {
    if (to->kind == TYPE_DOUBLE) return from->kind == TYPE_FLOAT ? COST_WIDER : COST_DOUBLE;
    if (to->kind == TYPE_FLOAT) return from->kind == TYPE_DOUBLE ? COST_NONE : COST_FLOAT;
    if (!type_is_exact(from)) return COST_NONE;
    if (type_is_int(to))
        return type_is_int(from) && from->kind < to->kind ? (int)(to->kind - from->kind)
                                                          : COST_NONE;
    struct decimal_spec f = decimal_spec_of(from);
    bool fits = to->scale >= f.scale && to->precision - to->scale >= f.precision - f.scale;
    return !fits ? COST_NONE : from->kind == TYPE_DECIMAL ? COST_WIDER : COST_DECIMAL;
}

/* Of a cast that Flink would make by itself; COST_NONE if there is none. */
static int cast_cost(const struct type *from, const struct type *to) {
    if (same_type(from, to)) return 0;
    if (from->kind == TYPE_NULL) return COST_WIDER;
    if (type_is_numeric(from) && type_is_numeric(to)) return number_cost(from, to);
    if ((type_is_char(from) && to->kind == TYPE_VARCHAR) ||
        (type_is_binary(from) && to->kind == TYPE_VARBINARY))
        return to->length >= from->length ? COST_WIDER : COST_NONE;
    if (from->kind == TYPE_DATE && to->kind == TYPE_TIMESTAMP) return COST_DECIMAL;
    if (from->kind != to->kind) return COST_NONE;
    if (type_is_timestamp(from) || from->kind == TYPE_TIME)
        return from->precision <= to->precision ? COST_WIDER : COST_NONE;
    if (type_is_interval(from)) return COST_WIDER;
    if (!type_is_nested(from) || from->n_children != to->n_children) return COST_NONE;
    int total = COST_WIDER;
    for (int i = 0; i < from->n_children; i++) {
        int cost = cast_cost(from->children[i], to->children[i]);
        if (cost < 0) return COST_NONE;
        total += cost;
    }
    return total;
}

static int overload_cost(const struct udf_overload *o, const struct expr *const *args, int n_args) {
    if (o->variadic ? n_args < o->n_args - 1 : n_args != o->n_args) return COST_NONE;
    int total = 0;
    for (int i = 0; i < n_args; i++) {
        int cost = cast_cost(args[i]->type, udf_arg_type(o, i));
        if (cost < 0) return COST_NONE;
        total += cost;
    }
    return total;
}

int udf_resolve(const struct udf *u, const struct expr *const *args, int n_args) {
    int best = -1, least = 0;
    for (uint32_t i = 0; i < u->n_overloads; i++) {
        int cost = overload_cost(&u->overloads[i], args, n_args);
        if (cost < 0 || (best >= 0 && cost >= least)) continue;
        best = (int)i;
        least = cost;
    }
    return best;
}

int udf_cast_args(struct arena *a, const struct udf_overload *o, const struct expr **args,
                  int n_args, struct err *err) {
    for (int i = 0; i < n_args; i++) {
        const struct type *want = udf_arg_type(o, i);
        if (same_type(args[i]->type, want)) continue;
        int rc = expr_cast_checked(a, args[i], type_with_null(a, want, args[i]->type->nullable),
                                   &args[i], err);
        if (rc) return rc;
    }
    return 0;
}

int udf_no_overload(const struct udf *u, const struct expr *const *args, int n_args,
                    struct err *err) {
    AUTO_STR types = STR_INIT;
    for (int i = 0; i < n_args; i++) {
        struct type t = *args[i]->type;
        t.nullable = true;
        if (i) str_add(&types, ", ");
        type_print(&t, &types);
    }
    return err_set(err, ERR_VALIDATION, "%s doesn't take (%s); it is %s", u->name, str_text(&types),
                   u->signature);
}
