/* expr_print.c - expressions as SQL-like text, for EXPLAIN and the UI. */
#include "vector/expr.h"

#include "vector/func/func.h"

#include <ctype.h>
#include <string.h>

static void print_text(struct sv s, struct str *out) {
    str_add_char(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'') str_add_char(out, '\'');
        str_add_char(out, s.ptr[i]);
    }
    str_add_char(out, '\'');
}

static void print_literal(const struct expr *e, struct str *out) {
    const struct column *c = e->literal;
    if (!col_is_valid(c, 0)) {
        str_add(out, "NULL");
        return;
    }
    const char *prefix = NULL;
    switch (e->type->kind) {
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        print_text(strv_sv(COL_DATA(c, struct strv)), out);
        return;
    case TYPE_SYMBOL:
    case TYPE_DESCRIPTOR:
        str_add_sv(out, strv_sv(COL_DATA(c, struct strv)));
        return;
    case TYPE_DATE:
        prefix = "DATE";
        break;
    case TYPE_TIME:
        prefix = "TIME";
        break;
    case TYPE_TIMESTAMP:
        prefix = "TIMESTAMP";
        break;
    case TYPE_TIMESTAMP_LTZ:
        prefix = "TIMESTAMP_LTZ";
        break;
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        prefix = "INTERVAL";
        break;
    default:
        value_print(c, 0, NULL, out);
        return;
    }
    AUTO_STR text = STR_INIT;
    value_print(c, 0, NULL, &text);
    str_addf(out, "%s '%s'", prefix, str_text(&text));
}

static void print_args(const struct expr *e, int from, const struct schema *schema, const char *sep,
                       struct str *out) {
    for (int i = from; i < e->n_args; i++) {
        if (i > from) str_add(out, sep);
        expr_print(e->args[i], schema, out);
    }
}

static bool is_infix(const struct expr *e) {
    static const char *const words[] = {"AND", "OR", "IS DISTINCT FROM", "IS NOT DISTINCT FROM",
                                        "LIKE"};
    if (e->n_args < 2) return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(e->func->name, words[i]) == 0) return true;
    char last = e->func->name[strlen(e->func->name) - 1];
    return !isalnum((unsigned char)last) && e->func->name[0] != '$';
}

static void print_case(const struct expr *e, const struct schema *schema, struct str *out) {
    str_add(out, "CASE");
    int i = 0;
    for (; i + 1 < e->n_args; i += 2) {
        str_add(out, " WHEN ");
        expr_print(e->args[i], schema, out);
        str_add(out, " THEN ");
        expr_print(e->args[i + 1], schema, out);
    }
    str_add(out, " ELSE ");
    expr_print(e->args[i], schema, out);
    str_add(out, " END");
}

static void print_call(const struct expr *e, const struct schema *schema, struct str *out) {
    const char *name = e->func->name;
    if (strcmp(name, "CAST") == 0 || strcmp(name, "TRY_CAST") == 0) {
        str_addf(out, "%s(", name);
        expr_print(e->args[0], schema, out);
        str_add(out, " AS ");
        struct type t = *e->type;
        t.nullable = true;
        t.time_attr = TIME_ATTR_NONE;
        type_print(&t, out);
        str_add_char(out, ')');
    } else if (strcmp(name, "CASE") == 0) {
        print_case(e, schema, out);
    } else if (is_infix(e)) {
        AUTO_STR sep = STR_INIT;
        const char *end = name + strlen(name) - 1; /* "TIME +" is + */
        str_addf(&sep, " %s ", isalnum((unsigned char)*end) || !strchr(name, ' ') ? name : end);
        str_add_char(out, '(');
        print_args(e, 0, schema, str_text(&sep), out);
        str_add_char(out, ')');
    } else if (e->n_args == 1 && strncmp(name, "IS ", 3) == 0) {
        expr_print(e->args[0], schema, out);
        str_addf(out, " %s", name);
    } else if (strcmp(name, "IN") == 0) {
        expr_print(e->args[0], schema, out);
        str_add(out, " IN (");
        print_args(e, 1, schema, ", ", out);
        str_add_char(out, ')');
    } else if (strcmp(name, "ITEM") == 0) {
        expr_print(e->args[0], schema, out);
        str_add_char(out, '[');
        expr_print(e->args[1], schema, out);
        str_add_char(out, ']');
    } else if (strcmp(name, "ROW_FIELD") == 0) {
        expr_print(e->args[0], schema, out);
        int i = *(const int32_t *)e->args[1]->literal->data;
        str_addf(out, ".%s", e->args[0]->type->field_names[i]);
    } else {
        bool prefix = e->n_args == 1 && !isalpha((unsigned char)name[0]) && name[0] != '$';
        str_add(out, name);
        if (!prefix) str_add_char(out, '(');
        print_args(e, 0, schema, ", ", out);
        if (!prefix) str_add_char(out, ')');
    }
}

void expr_print(const struct expr *e, const struct schema *schema, struct str *out) {
    switch (e->kind) {
    case EXPR_COLUMN:
        if (schema && e->column < schema->n)
            str_add(out, schema->fields[e->column].name);
        else
            str_addf(out, "$%d", e->column);
        break;
    case EXPR_OUTER:
        str_addf(out, "outer.$%d", e->column);
        break;
    case EXPR_LITERAL:
        print_literal(e, out);
        break;
    case EXPR_CALL:
        print_call(e, schema, out);
        break;
    }
}
