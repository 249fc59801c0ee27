/* print_type.c - types as SQL. */
#include "sql/print.h"

static void p_fields(struct str *o, const struct ast_type *t, size_t put) {
    for (size_t i = 0; i < t->n_fields; i++) {
        print_sep(o, i + put);
        ast_print_name(&t->fields[i].name, o);
        str_add_char(o, ' ');
        ast_print_type(t->fields[i].type, o);
        if (t->fields[i].comment) {
            str_add_char(o, ' ');
            print_quoted(o, t->fields[i].comment);
        }
    }
}

static void p_precision(struct str *o, const struct ast_type *t) {
    if (t->precision < 0) return;
    str_addf(o, "(%lld", (long long)t->precision);
    if (t->scale >= 0) str_addf(o, ", %lld", (long long)t->scale);
    str_add_char(o, ')');
}

static void p_interval(struct str *o, const struct ast_qualifier *q) {
    str_addf(o, "INTERVAL %s", ast_unit_name(q->start));
    if (q->precision >= 0) str_addf(o, "(%d", q->precision);
    if (q->start == AST_UNIT_SECOND && q->precision >= 0 && q->fraction >= 0)
        str_addf(o, ", %d", q->fraction);
    if (q->precision >= 0) str_add_char(o, ')');
    if (!q->end) return;
    str_addf(o, " TO %s", ast_unit_name(q->end));
    if (q->fraction >= 0) str_addf(o, "(%d)", q->fraction);
}

static void p_kind(struct str *o, const struct ast_type *t) {
    switch (t->kind) {
    case AST_TYPE_ARRAY:
    case AST_TYPE_MULTISET:
        str_addf(o, "%s<", ast_type_kind_name(t->kind));
        ast_print_type(t->elem, o);
        str_add_char(o, '>');
        return;
    case AST_TYPE_MAP:
        str_add(o, "MAP<");
        ast_print_type(t->key, o);
        str_add(o, ", ");
        ast_print_type(t->elem, o);
        str_add_char(o, '>');
        return;
    case AST_TYPE_ROW:
        str_add(o, "ROW<");
        p_fields(o, t, 0);
        str_add_char(o, '>');
        return;
    case AST_TYPE_STRUCTURED:
        str_add(o, "STRUCTURED<");
        print_quoted(o, t->class_name);
        p_fields(o, t, 1);
        str_add_char(o, '>');
        return;
    case AST_TYPE_RAW:
        str_add(o, "RAW(");
        print_quoted(o, t->class_name);
        str_add(o, ", ");
        print_quoted(o, t->serializer);
        str_add_char(o, ')');
        return;
    case AST_TYPE_NAMED:
        ast_print_ident(t->name, o);
        return;
    case AST_TYPE_INTERVAL:
        p_interval(o, &t->qual);
        return;
    default:
        str_add(o, ast_type_kind_name(t->kind));
        p_precision(o, t);
    }
}

void ast_print_type(const struct ast_type *t, struct str *o) {
    p_kind(o, t);
    if (t->not_null) str_add(o, " NOT NULL");
    if (t->null_given) str_add(o, " NULL");
}
