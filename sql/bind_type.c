/* bind_type.c - written types: Flink's defaults and limits. */
#include "sql/bind.h"

static int length_type(struct binder *b, const struct ast_type *t, enum type_kind kind,
                       int64_t dflt, const struct type **ret, struct err *err) {
    int64_t n = t->precision < 0 ? dflt : t->precision;
    if (n < 1 || n > TYPE_LENGTH_MAX)
        return invalid(&t->span, err, "%s length must be between 1 and %d",
                       ast_type_kind_name(t->kind), TYPE_LENGTH_MAX);
    *ret = type_text(b->a, kind, (int)n, true);
    return 0;
}

static int time_type(struct binder *b, const struct ast_type *t, enum type_kind kind, int dflt,
                     const struct type **ret, struct err *err) {
    int64_t p = t->precision < 0 ? dflt : t->precision;
    if (p > TYPE_TIMESTAMP_PRECISION_MAX)
        return invalid(&t->span, err, "%s precision must be between 0 and %d",
                       ast_type_kind_name(t->kind), TYPE_TIMESTAMP_PRECISION_MAX);
    *ret = type_time(b->a, kind, (int)p, true);
    return 0;
}

/* Digits beyond 38 are cut to 38, as Flink's type system does. */
static int decimal_type(struct binder *b, const struct ast_type *t, const struct type **ret,
                        struct err *err) {
    int64_t p = t->precision < 0 ? 10 : t->precision, s = t->scale < 0 ? 0 : t->scale;
    if (p < 1 || s > p)
        return invalid(&t->span, err,
                       "DECIMAL(%lld, %lld): the precision must be at least 1, the scale between 0 "
                       "and the precision",
                       (long long)p, (long long)s);
    p = MIN(p, TYPE_DECIMAL_PRECISION_MAX);
    *ret = type_decimal(b->a, (int)p, (int)MIN(s, p), true);
    return 0;
}

static int row_type(struct binder *b, const struct ast_type *t, const struct type **ret,
                    struct err *err) {
    const struct type **types = ARENA_NEW_N(b->a, const struct type *, t->n_fields + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, t->n_fields + 1);
    for (size_t i = 0; i < t->n_fields; i++) {
        int rc = bind_type(b, t->fields[i].type, &types[i], err);
        if (rc) return rc;
        names[i] = t->fields[i].name.text;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(names[i], names[j]))
                return invalid(&t->fields[i].name.span, err, "field '%s' occurs twice in ROW",
                               names[i]);
    }
    *ret = type_row(b->a, (int)t->n_fields, types, names, true);
    return 0;
}

int bind_interval_unit(const struct ast_qualifier *q, const struct ast_span *at,
                       enum interval_unit *ret, struct err *err) {
    bool ym =
        q->start == AST_UNIT_YEAR || q->start == AST_UNIT_QUARTER || q->start == AST_UNIT_MONTH;
    bool end_ym = q->end == AST_UNIT_NONE || q->end == AST_UNIT_MONTH || q->end == AST_UNIT_YEAR;
    bool dt =
        q->start == AST_UNIT_WEEK || (q->start >= AST_UNIT_DAY && q->start <= AST_UNIT_SECOND);
    bool end_dt = q->end == AST_UNIT_NONE || (q->end > q->start && q->end <= AST_UNIT_SECOND);
    if ((ym && end_ym) || (dt && end_dt)) {
        *ret = ym ? IV_MONTH : IV_SECOND;
        return 0;
    }
    if (q->end == AST_UNIT_NONE)
        return unsupported(at, err, "INTERVAL %s", ast_unit_name(q->start));
    return invalid(at, err, "INTERVAL %s TO %s is no interval", ast_unit_name(q->start),
                   ast_unit_name(q->end));
}

static int unknown_type(const struct ast_type *t, struct err *err) {
    const struct ast_names *n = &t->name->parts;
    const char *names[AST_TYPE_COUNT];
    size_t n_names = 0;
    for (int i = 0; i < AST_TYPE_NAMED; i++)
        names[n_names++] = ast_type_kind_name((enum ast_type_kind)i);
    const char *name = n->items[n->n - 1].text, *near = str_nearest(name, names, n_names);
    return invalid(&t->span, err, "no type '%s'%s%s%s", name, near ? "; did you mean " : "",
                   near ? near : "", near ? "?" : "");
}

static int simple_type(struct binder *b, const struct ast_type *t, const struct type **ret,
                       struct err *err) {
    switch (t->kind) {
    case AST_TYPE_BOOLEAN:
        *ret = type_of(TYPE_BOOLEAN);
        return 0;
    case AST_TYPE_TINYINT:
        *ret = type_of(TYPE_TINYINT);
        return 0;
    case AST_TYPE_SMALLINT:
        *ret = type_of(TYPE_SMALLINT);
        return 0;
    case AST_TYPE_INT:
        *ret = type_of(TYPE_INT);
        return 0;
    case AST_TYPE_BIGINT:
        *ret = type_of(TYPE_BIGINT);
        return 0;
    case AST_TYPE_FLOAT:
        *ret = type_of(TYPE_FLOAT);
        return 0;
    case AST_TYPE_DOUBLE:
        *ret = type_of(TYPE_DOUBLE);
        return 0;
    case AST_TYPE_DATE:
        *ret = type_of(TYPE_DATE);
        return 0;
    case AST_TYPE_STRING:
        *ret = type_of(TYPE_VARCHAR);
        return 0;
    case AST_TYPE_BYTES:
        *ret = type_of(TYPE_VARBINARY);
        return 0;
    case AST_TYPE_VARIANT:
        *ret = type_of(TYPE_VARIANT);
        return 0;
    case AST_TYPE_BITMAP:
        *ret = type_of(TYPE_BITMAP);
        return 0;
    case AST_TYPE_NULL:
        *ret = type_of(TYPE_NULL);
        return 0;
    case AST_TYPE_CHAR:
        return length_type(b, t, TYPE_CHAR, 1, ret, err);
    case AST_TYPE_VARCHAR:
        return length_type(b, t, TYPE_VARCHAR, TYPE_LENGTH_MAX, ret, err);
    case AST_TYPE_BINARY:
        return length_type(b, t, TYPE_BINARY, 1, ret, err);
    case AST_TYPE_VARBINARY:
        return length_type(b, t, TYPE_VARBINARY, TYPE_LENGTH_MAX, ret, err);
    case AST_TYPE_DECIMAL:
        return decimal_type(b, t, ret, err);
    case AST_TYPE_TIME:
        return time_type(b, t, TYPE_TIME, 0, ret, err);
    case AST_TYPE_TIMESTAMP:
        return time_type(b, t, TYPE_TIMESTAMP, 6, ret, err);
    case AST_TYPE_TIMESTAMP_LTZ:
        return time_type(b, t, TYPE_TIMESTAMP_LTZ, 6, ret, err);
    case AST_TYPE_NAMED:
        return unknown_type(t, err);
    default:
        return unsupported(&t->span, err, "type %s", ast_type_kind_name(t->kind));
    }
}

static int nested_type(struct binder *b, const struct ast_type *t, const struct type **ret,
                       struct err *err) {
    const struct type *elem = NULL, *key = NULL;
    int rc = t->elem ? bind_type(b, t->elem, &elem, err) : 0;
    if (!rc && t->key) rc = bind_type(b, t->key, &key, err);
    if (rc) return rc;
    if (t->kind == AST_TYPE_ARRAY)
        *ret = type_array(b->a, elem, true);
    else if (t->kind == AST_TYPE_MAP)
        *ret = type_map(b->a, key, elem, true);
    else
        *ret = type_multiset(b->a, elem, true);
    return 0;
}

int bind_type(struct binder *b, const struct ast_type *t, const struct type **ret,
              struct err *err) {
    const struct type *type = NULL;
    enum interval_unit unit;
    int rc;
    switch (t->kind) {
    case AST_TYPE_ARRAY:
    case AST_TYPE_MAP:
    case AST_TYPE_MULTISET:
        rc = nested_type(b, t, &type, err);
        break;
    case AST_TYPE_ROW:
        rc = row_type(b, t, &type, err);
        break;
    case AST_TYPE_INTERVAL:
        rc = bind_interval_unit(&t->qual, &t->span, &unit, err);
        if (!rc)
            type = type_of(unit == IV_MONTH ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME);
        break;
    default:
        rc = simple_type(b, t, &type, err);
    }
    if (rc) return rc;
    *ret = type_with_null(b->a, type, !t->not_null);
    return 0;
}
