/* type.c - making and comparing types. */
#include "vector/type.h"

#include "base/core/str.h"

#include <string.h>

/* Interval columns are always held (and printed by a resolved schema) in these two forms. */
#define STATIC_TYPES(X)                                                                            \
    X(NULL, .precision = 0)                                                                        \
    X(BOOLEAN, .precision = 0)                                                                     \
    X(TINYINT, .precision = 0)                                                                     \
    X(SMALLINT, .precision = 0)                                                                    \
    X(INT, .precision = 0)                                                                         \
    X(BIGINT, .precision = 0)                                                                      \
    X(FLOAT, .precision = 0)                                                                       \
    X(DOUBLE, .precision = 0)                                                                      \
    X(DECIMAL, .precision = 10)                                                                    \
    X(CHAR, .length = 1)                                                                           \
    X(VARCHAR, .length = TYPE_LENGTH_MAX)                                                          \
    X(BINARY, .length = 1)                                                                         \
    X(VARBINARY, .length = TYPE_LENGTH_MAX)                                                        \
    X(DATE, .precision = 0)                                                                        \
    X(TIME, .precision = 0)                                                                        \
    X(TIMESTAMP, .precision = 6)                                                                   \
    X(TIMESTAMP_LTZ, .precision = 6)                                                               \
    X(INTERVAL_YEAR_MONTH, .precision = 2, .unit = IV_MONTH)                                       \
    X(INTERVAL_DAY_TIME, .precision = 2, .scale = 3, .unit = IV_SECOND)                            \
    X(VARIANT, .precision = 0)                                                                     \
    X(BITMAP, .precision = 0)                                                                      \
    X(SYMBOL, .precision = 0)                                                                      \
    X(DESCRIPTOR, .precision = 0)

static const struct type static_nullable[TYPE_KIND_COUNT] = {
#define X(k, ...) [TYPE_##k] = {.kind = TYPE_##k, .nullable = true, __VA_ARGS__},
    STATIC_TYPES(X)
#undef X
};

static const struct type static_not_null[TYPE_KIND_COUNT] = {
#define X(k, ...) [TYPE_##k] = {.kind = TYPE_##k, .nullable = TYPE_##k == TYPE_NULL, __VA_ARGS__},
    STATIC_TYPES(X)
#undef X
};

const struct type *type_of(enum type_kind kind) {
    CHECK(kind >= 0 && kind < TYPE_KIND_COUNT);
    return kind >= TYPE_ARRAY && kind <= TYPE_ROW ? NULL : &static_nullable[kind];
}

const struct type *type_of_not_null(enum type_kind kind) {
    CHECK(kind >= 0 && kind < TYPE_KIND_COUNT);
    return kind >= TYPE_ARRAY && kind <= TYPE_ROW ? NULL : &static_not_null[kind];
}

const struct type *type_new(struct arena *a, enum type_kind kind, bool nullable) {
    CHECK(kind < TYPE_ARRAY || kind > TYPE_ROW);
    return nullable ? &static_nullable[kind] : &static_not_null[kind];
}

static struct type *type_dup(struct arena *a, const struct type *t) {
    return arena_dup(a, t, sizeof(*t));
}

const struct type *type_decimal(struct arena *a, int precision, int scale, bool nullable) {
    CHECK(precision >= 1 && precision <= TYPE_DECIMAL_PRECISION_MAX);
    CHECK(scale >= 0 && scale <= precision);
    struct type t = {.kind = TYPE_DECIMAL, .nullable = nullable, .precision = precision};
    t.scale = scale;
    return type_dup(a, &t);
}

const struct type *type_text(struct arena *a, enum type_kind kind, int length, bool nullable) {
    CHECK(kind >= TYPE_CHAR && kind <= TYPE_VARBINARY);
    CHECK(length >= 0);
    if (length == static_nullable[kind].length) return type_new(a, kind, nullable);
    struct type t = {.kind = kind, .nullable = nullable, .length = length};
    return type_dup(a, &t);
}

const struct type *type_time(struct arena *a, enum type_kind kind, int precision, bool nullable) {
    CHECK(kind >= TYPE_TIME && kind <= TYPE_TIMESTAMP_LTZ);
    CHECK(precision >= 0 && precision <= TYPE_TIMESTAMP_PRECISION_MAX);
    if (precision == static_nullable[kind].precision) return type_new(a, kind, nullable);
    struct type t = {.kind = kind, .nullable = nullable, .precision = precision};
    return type_dup(a, &t);
}

const struct type *type_interval(struct arena *a, enum interval_unit unit, int precision, int scale,
                                 bool nullable) {
    struct type t = {.kind = unit <= IV_MONTH ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME,
                     .nullable = nullable,
                     .precision = precision,
                     .scale = unit <= IV_MONTH ? 0 : scale,
                     .unit = (uint8_t)unit};
    return type_dup(a, &t);
}

static const struct type *nested(struct arena *a, enum type_kind kind, int n,
                                 const struct type *const *children, bool nullable) {
    struct type t = {.kind = kind, .nullable = nullable, .n_children = n};
    t.children = arena_dup(a, children, sizeof(*children) * (size_t)n);
    return type_dup(a, &t);
}

const struct type *type_array(struct arena *a, const struct type *elem, bool nullable) {
    return nested(a, TYPE_ARRAY, 1, &elem, nullable);
}

const struct type *type_map(struct arena *a, const struct type *key, const struct type *value,
                            bool nullable) {
    const struct type *kv[2] = {key, value};
    return nested(a, TYPE_MAP, 2, kv, nullable);
}

const struct type *type_multiset(struct arena *a, const struct type *elem, bool nullable) {
    return nested(a, TYPE_MULTISET, 1, &elem, nullable);
}

const struct type *type_row(struct arena *a, int n, const struct type *const *fields,
                            const char *const *names, bool nullable) {
    struct type *t = type_dup(a, nested(a, TYPE_ROW, n, fields, nullable));
    const char **copy = ARENA_NEW_N(a, const char *, n ? n : 1);
    for (int i = 0; i < n; i++)
        copy[i] = arena_strdup(a, names[i]);
    t->field_names = copy;
    return t;
}

const struct type *type_with_null(struct arena *a, const struct type *t, bool nullable) {
    if (t->nullable == nullable || t->kind == TYPE_NULL) return t;
    struct type *r = type_dup(a, t);
    r->nullable = nullable;
    return r;
}

const struct type *type_with_time_attr(struct arena *a, const struct type *t, enum time_attr attr) {
    if (t->time_attr == attr) return t;
    struct type *r = type_dup(a, t);
    r->time_attr = attr;
    return r;
}

const struct type *type_copy(struct arena *a, const struct type *t) {
    struct type *r = type_dup(a, t);
    if (!t->n_children) {
        r->children = NULL;
        return r;
    }
    const struct type **children = ARENA_NEW_N(a, const struct type *, t->n_children);
    for (int i = 0; i < t->n_children; i++)
        children[i] = type_copy(a, t->children[i]);
    r->children = children;
    if (t->field_names) {
        const char **names = ARENA_NEW_N(a, const char *, t->n_children);
        for (int i = 0; i < t->n_children; i++)
            names[i] = arena_strdup(a, t->field_names[i]);
        r->field_names = names;
    }
    if (t->field_docs) {
        const char **docs = ARENA_NEW_N(a, const char *, t->n_children);
        for (int i = 0; i < t->n_children; i++)
            docs[i] = arena_strdup(a, t->field_docs[i]);
        r->field_docs = docs;
    }
    return r;
}

enum phys type_phys(const struct type *t) {
    static const uint8_t of_kind[TYPE_KIND_COUNT] = {
        [TYPE_NULL] = PHYS_NULL,
        [TYPE_BOOLEAN] = PHYS_BOOL,
        [TYPE_TINYINT] = PHYS_I8,
        [TYPE_SMALLINT] = PHYS_I16,
        [TYPE_INT] = PHYS_I32,
        [TYPE_BIGINT] = PHYS_I64,
        [TYPE_FLOAT] = PHYS_F32,
        [TYPE_DOUBLE] = PHYS_F64,
        [TYPE_DECIMAL] = PHYS_I128,
        [TYPE_CHAR] = PHYS_STR,
        [TYPE_VARCHAR] = PHYS_STR,
        [TYPE_BINARY] = PHYS_STR,
        [TYPE_VARBINARY] = PHYS_STR,
        [TYPE_DATE] = PHYS_I32,
        [TYPE_TIME] = PHYS_I32,
        [TYPE_TIMESTAMP] = PHYS_I64,
        [TYPE_TIMESTAMP_LTZ] = PHYS_I64,
        [TYPE_INTERVAL_YEAR_MONTH] = PHYS_I32,
        [TYPE_INTERVAL_DAY_TIME] = PHYS_I64,
        [TYPE_ARRAY] = PHYS_LIST,
        [TYPE_MAP] = PHYS_MAP,
        [TYPE_MULTISET] = PHYS_MAP,
        [TYPE_ROW] = PHYS_ROW,
        [TYPE_VARIANT] = PHYS_STR,
        [TYPE_BITMAP] = PHYS_STR,
        [TYPE_SYMBOL] = PHYS_STR, /* a literal that holds the keyword's text */
        [TYPE_DESCRIPTOR] = PHYS_STR,
    };
    if (type_is_nanos(t)) return PHYS_I128;
    return of_kind[t->kind];
}

int phys_size_bytes(enum phys p) {
    static const uint8_t sizes[PHYS_COUNT] = {
        [PHYS_BOOL] = 1, [PHYS_I8] = 1,  [PHYS_I16] = 2,  [PHYS_I32] = 4,   [PHYS_I64] = 8,
        [PHYS_F32] = 4,  [PHYS_F64] = 8, [PHYS_STR] = 16, [PHYS_I128] = 16,
    };
    return sizes[p];
}

const char *phys_name(enum phys p) {
    static const char *const names[PHYS_COUNT] = {
        [PHYS_NULL] = "null", [PHYS_BOOL] = "bool", [PHYS_I8] = "i8",     [PHYS_I16] = "i16",
        [PHYS_I32] = "i32",   [PHYS_I64] = "i64",   [PHYS_I128] = "i128", [PHYS_F32] = "f32",
        [PHYS_F64] = "f64",   [PHYS_STR] = "str",   [PHYS_LIST] = "list", [PHYS_MAP] = "map",
        [PHYS_ROW] = "row",
    };
    return names[p];
}

int type_stored_children(const struct type *t) {
    return t->kind == TYPE_MULTISET ? 2 : t->n_children;
}

const struct type *type_stored_child(const struct type *t, int i) {
    CHECK(i >= 0 && i < type_stored_children(t));
    if (t->kind == TYPE_MULTISET && i == 1) return &static_not_null[TYPE_INT];
    return t->children[i];
}

static bool types_eq(const struct type *a, const struct type *b, bool with_null) {
    if (a == b) return true;
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        a->length != b->length || a->n_children != b->n_children)
        return false;
    if (with_null && a->nullable != b->nullable) return false;
    if (type_is_interval(a) && a->unit != b->unit) return false;
    for (int i = 0; i < a->n_children; i++) {
        if (!types_eq(a->children[i], b->children[i], with_null)) return false;
        if (a->field_names && strcmp(a->field_names[i], b->field_names[i]) != 0) return false;
    }
    return true;
}

bool type_eq(const struct type *a, const struct type *b) {
    return types_eq(a, b, true);
}

bool type_eq_ignore_null(const struct type *a, const struct type *b) {
    return types_eq(a, b, false);
}
