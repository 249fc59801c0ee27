/* type_infer.c - result types: Calcite's least restrictive type as Flink applies it (CASE, set
 * operations, IN, VALUES, =), Flink's own common type (COALESCE, GREATEST, ARRAY functions), and
 * the precision rules of DECIMAL arithmetic. */
#include "vector/type.h"

#include "base/core/mem.h"

#include <string.h>

enum { ADJUSTED_SCALE_MIN = 6 };

/* ---- DECIMAL arithmetic --------------------------------------------------------------------- */

/* Beyond 38 digits the scale gives way, down to 6, so that whole digits are kept. */
static struct decimal_spec adjust(int precision, int scale) {
    if (precision <= TYPE_DECIMAL_PRECISION_MAX) return (struct decimal_spec){precision, scale};
    int digits = precision - scale;
    int least = MIN(scale, ADJUSTED_SCALE_MIN);
    return (struct decimal_spec){TYPE_DECIMAL_PRECISION_MAX,
                                 MAX(TYPE_DECIMAL_PRECISION_MAX - digits, least)};
}

struct decimal_spec decimal_spec_of(const struct type *t) {
    switch (t->kind) {
    case TYPE_TINYINT:
        return (struct decimal_spec){3, 0};
    case TYPE_SMALLINT:
        return (struct decimal_spec){5, 0};
    case TYPE_INT:
        return (struct decimal_spec){10, 0};
    case TYPE_BIGINT:
        return (struct decimal_spec){19, 0};
    default:
        CHECK(t->kind == TYPE_DECIMAL);
        return (struct decimal_spec){t->precision, t->scale};
    }
}

struct decimal_spec decimal_add_spec(struct decimal_spec x, struct decimal_spec y) {
    int scale = MAX(x.scale, y.scale);
    return adjust(MAX(x.precision - x.scale, y.precision - y.scale) + scale + 1, scale);
}

struct decimal_spec decimal_mul_spec(struct decimal_spec x, struct decimal_spec y) {
    return adjust(x.precision + y.precision + 1, x.scale + y.scale);
}

struct decimal_spec decimal_div_spec(struct decimal_spec x, struct decimal_spec y) {
    int scale = MAX(ADJUSTED_SCALE_MIN, x.scale + y.precision + 1);
    return adjust(x.precision - x.scale + y.scale + scale, scale);
}

struct decimal_spec decimal_mod_spec(struct decimal_spec x, struct decimal_spec y) {
    int scale = MAX(x.scale, y.scale);
    struct decimal_spec r =
        adjust(MIN(x.precision - x.scale, y.precision - y.scale) + scale, scale);
    if (r.precision < 1) r.precision = 1;
    return r;
}

struct decimal_spec decimal_round_spec(struct decimal_spec x, int digits) {
    if (digits >= x.scale) return x;
    if (digits < 0)
        return (struct decimal_spec){MIN(TYPE_DECIMAL_PRECISION_MAX, 1 + x.precision - x.scale), 0};
    return (struct decimal_spec){
        MIN(TYPE_DECIMAL_PRECISION_MAX, 1 + x.precision - x.scale + digits), digits};
}

/* ---- the least restrictive type ------------------------------------------------------------- */

enum family {
    FAMILY_NONE,
    FAMILY_BOOLEAN,
    FAMILY_NUMERIC,
    FAMILY_CHAR,
    FAMILY_BINARY,
    FAMILY_DATE,
    FAMILY_TIME,
    FAMILY_TIMESTAMP,
    FAMILY_YEAR_MONTH,
    FAMILY_DAY_TIME,
    FAMILY_ARRAY,
    FAMILY_MAP,
    FAMILY_MULTISET,
    FAMILY_ROW
};

static enum family family_of(const struct type *t) {
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return FAMILY_BOOLEAN;
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        return FAMILY_CHAR;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        return FAMILY_BINARY;
    case TYPE_DATE:
        return FAMILY_DATE;
    case TYPE_TIME:
        return FAMILY_TIME;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return FAMILY_TIMESTAMP;
    case TYPE_INTERVAL_YEAR_MONTH:
        return FAMILY_YEAR_MONTH;
    case TYPE_INTERVAL_DAY_TIME:
        return FAMILY_DAY_TIME;
    case TYPE_ARRAY:
        return FAMILY_ARRAY;
    case TYPE_MAP:
        return FAMILY_MAP;
    case TYPE_MULTISET:
        return FAMILY_MULTISET;
    case TYPE_ROW:
        return FAMILY_ROW;
    default:
        return type_is_numeric(t) ? FAMILY_NUMERIC : FAMILY_NONE;
    }
}

static const struct type *merge_text(struct arena *a, const struct type *x, const struct type *y) {
    int length = MAX(x->length, y->length);
    enum type_kind var = type_is_char(x) ? TYPE_VARCHAR : TYPE_VARBINARY;
    bool fixed = x->kind != var && y->kind != var && x->length == y->length;
    return type_text(a, fixed ? x->kind : var, length, true);
}

static const struct type *merge_exact(struct arena *a, const struct type *x, const struct type *y) {
    if (type_is_int(x) && type_is_int(y)) return y->kind > x->kind ? y : x;
    struct decimal_spec p = decimal_spec_of(x), q = decimal_spec_of(y);
    int digits = MIN(MAX(p.precision - p.scale, q.precision - q.scale), TYPE_DECIMAL_PRECISION_MAX);
    int scale = MIN(MAX(p.scale, q.scale), TYPE_DECIMAL_PRECISION_MAX - digits);
    return type_decimal(a, MAX(digits + scale, 1), scale, true);
}

/* Calcite counts FLOAT and DOUBLE as equally wide, so the first of them stays; Flink's common type
 * prefers DOUBLE. A DECIMAL beside one of them gives DOUBLE. */
static const struct type *merge_numeric(struct arena *a, const struct type *x, const struct type *y,
                                        bool flink) {
    if (type_is_exact(x) && type_is_exact(y)) return merge_exact(a, x, y);
    if (type_is_approx(x) && type_is_approx(y)) return flink && y->kind == TYPE_DOUBLE ? y : x;
    if (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL) return type_of(TYPE_DOUBLE);
    return type_is_approx(x) ? x : y;
}

static const struct type *merge_timestamp(struct arena *a, const struct type *x,
                                          const struct type *y, bool flink) {
    enum type_kind kind = x->kind;
    if (flink && y->kind == TYPE_TIMESTAMP_LTZ) kind = y->kind;
    if (!flink && x->precision != y->precision) kind = y->kind;
    return type_time(a, kind, MAX(x->precision, y->precision), true);
}

static const struct type *merge_all(struct arena *a, const struct type *const *types, int n,
                                    bool flink);

static const struct type *merge_children(struct arena *a, const struct type *const *types, int n,
                                         const struct type *first, bool flink) {
    AUTO_FREE const struct type **column = mem_calloc((size_t)n, sizeof(*column));
    const struct type **children =
        ARENA_NEW_N(a, const struct type *, first->n_children ? first->n_children : 1);
    for (int c = 0; c < first->n_children; c++) {
        int m = 0;
        for (int i = 0; i < n; i++) {
            if (types[i]->kind == TYPE_NULL) continue;
            if (types[i]->kind != first->kind || types[i]->n_children != first->n_children)
                return NULL;
            column[m++] = types[i]->children[c];
        }
        children[c] = merge_all(a, column, m, flink);
        if (!children[c]) return NULL;
    }
    struct type *t = arena_dup(a, first, sizeof(*t));
    t->children = children;
    t->nullable = true;
    t->time_attr = TIME_ATTR_NONE;
    return t;
}

static const struct type *merge_two(struct arena *a, const struct type *x, const struct type *y,
                                    bool flink) {
    enum family f = family_of(x);
    if (f != family_of(y) || f == FAMILY_NONE) {
        if (!flink) return NULL;
        /* Implicit casts between families: a TIMESTAMP to a DATE or TIME. */
        bool x_day = x->kind == TYPE_DATE || x->kind == TYPE_TIME;
        bool y_day = y->kind == TYPE_DATE || y->kind == TYPE_TIME;
        if (x_day && y->kind == TYPE_TIMESTAMP) return x;
        if (y_day && x->kind == TYPE_TIMESTAMP) return y;
        return NULL;
    }
    switch (f) {
    case FAMILY_CHAR:
    case FAMILY_BINARY:
        return merge_text(a, x, y);
    case FAMILY_NUMERIC:
        return merge_numeric(a, x, y, flink);
    case FAMILY_TIME:
        return type_time(a, TYPE_TIME, MAX(x->precision, y->precision), true);
    case FAMILY_TIMESTAMP:
        return merge_timestamp(a, x, y, flink);
    default:
        return x; /* one representation per family */
    }
}

static const struct type *merge_all(struct arena *a, const struct type *const *types, int n,
                                    bool flink) {
    const struct type *r = NULL;
    bool nullable = false;
    for (int i = 0; i < n; i++) {
        nullable |= types[i]->nullable;
        if (types[i]->kind == TYPE_NULL) continue;
        if (!r) {
            r = types[i];
            if (type_is_nested(r)) {
                r = merge_children(a, types, n, r, flink);
                for (int k = i; k < n; k++)
                    nullable |= types[k]->nullable;
                break;
            }
            continue;
        }
        if (type_eq_ignore_null(r, types[i])) continue;
        r = merge_two(a, r, types[i], flink);
        if (!r) return NULL;
    }
    if (!r) return NULL;
    return type_with_time_attr(a, type_with_null(a, r, nullable), TIME_ATTR_NONE);
}

const struct type *type_least_restrictive(struct arena *a, const struct type *const *types, int n) {
    return merge_all(a, types, n, false);
}

const struct type *type_common(struct arena *a, const struct type *const *types, int n) {
    return merge_all(a, types, n, true);
}

bool type_same_family(const struct type *x, const struct type *y) {
    enum family f = family_of(x);
    return f != FAMILY_NONE && f == family_of(y);
}
