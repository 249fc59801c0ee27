/* table_build.c - the parts of a table's declaration: columns, keys, watermark, options. */
#include "sql/table_build.h"

#include "base/core/mem.h"
#include "sql/ast_print.h"

#include <stdlib.h>
#include <string.h>

int table_build_find(const struct table_build *t, const char *name) {
    for (int i = 0; i < t->n_columns; i++)
        if (!strcmp(t->columns[i].name, name)) return i;
    return -1;
}

const char *table_build_near(const struct table_build *t, const char *name) {
    const char **names = mem_calloc((size_t)t->n_columns + 1, sizeof(*names));
    for (int i = 0; i < t->n_columns; i++)
        names[i] = t->columns[i].name;
    const char *near = str_nearest(name, names, (size_t)t->n_columns);
    free(names);
    return near ? arena_printf(t->b.a, "; did you mean '%s'?", near) : "";
}

void table_build_push(struct table_build *t, const struct column_desc *c,
                      const struct ast_column *ast) {
    if (t->n_columns == t->cap_columns) {
        t->cap_columns = t->cap_columns ? t->cap_columns * 2 : 16;
        struct column_desc *cols = ARENA_NEW_N(t->b.a, struct column_desc, t->cap_columns);
        const struct ast_column **asts =
            ARENA_NEW_N(t->b.a, const struct ast_column *, t->cap_columns);
        for (int i = 0; i < t->n_columns; i++) {
            cols[i] = t->columns[i];
            asts[i] = t->asts[i];
        }
        t->columns = cols;
        t->asts = asts;
    }
    t->columns[t->n_columns] = *c;
    t->asts[t->n_columns++] = ast;
}

int table_build_column(struct table_build *t, const struct ast_column *c, struct err *err) {
    struct arena *a = t->b.a;
    struct column_desc d = {.name = arena_strdup(a, c->name.text),
                            .comment = arena_strdup(a, c->comment)};
    if (t->n_columns >= TABLE_COLUMNS_MAX)
        return invalid(&c->span, err, "a table has at most %d columns", TABLE_COLUMNS_MAX);
    int at = table_build_find(t, d.name);
    if (at >= 0) return invalid(&c->name.span, err, "column '%s' occurs twice", d.name);
    if (c->type) {
        int rc = bind_type(&t->b, c->type, &d.type, err);
        if (rc) return rc;
        if (d.type->kind == TYPE_NULL)
            return unsupported(&c->type->span, err, "a column of type NULL");
    }
    if (c->column == AST_COLUMN_METADATA) {
        d.kind = COLUMN_METADATA;
        d.metadata_key = arena_strdup(a, c->metadata_key ? c->metadata_key : c->name.text);
        d.is_virtual = c->is_virtual;
    } else if (c->column == AST_COLUMN_COMPUTED) {
        d.kind = COLUMN_COMPUTED;
    } else if (!c->type) {
        return unsupported(&c->span, err,
                           "a list of column names in CREATE TABLE AS: name the "
                           "columns in the query");
    }
    table_build_push(t, &d, d.kind == COLUMN_COMPUTED ? c : NULL);
    return 0;
}

/* The declared columns as a row; those not bound yet are left out by name. */
static const struct schema *row_so_far(struct table_build *t, bool with_computed) {
    const struct schema *s = schema_new(t->b.a, t->n_columns);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < t->n_columns; i++) {
        bool hidden = t->columns[i].kind == COLUMN_COMPUTED && !with_computed;
        f[i].name = hidden ? "" : t->columns[i].name;
        f[i].type = t->columns[i].type ? t->columns[i].type : type_of(TYPE_NULL);
    }
    return s;
}

/* An expression as it stands in the statement. */
static const char *written(struct table_build *t, const struct ast *node) {
    AUTO_STR text = STR_INIT;
    ast_print(node, &text);
    return arena_strdup(t->b.a, str_text(&text));
}

/* Computed columns see physical and metadata columns only, as in Flink. */
int table_build_computed(struct table_build *t, const struct object_path *path, struct err *err) {
    struct scope *scope = scope_new(t->b.a, row_so_far(t, false), path->name);
    struct expr_place p = {.b = &t->b, .scope = scope, .clause = "a computed column"};
    for (int i = 0; i < t->n_columns; i++) {
        if (!t->asts[i]) continue;
        const struct expr *e;
        int rc = bind_expr(&p, t->asts[i]->expr, &e, err);
        if (rc) {
            err_wrap(err, "computed column '%s'", t->columns[i].name);
            return rc;
        }
        if (e->type->kind == TYPE_NULL)
            return invalid(&t->asts[i]->expr->span, err,
                           "illegal use of NULL: its type can't be "
                           "told here; write CAST(NULL AS type)");
        t->columns[i].expr = e;
        t->columns[i].expr_text = written(t, t->asts[i]->expr);
        t->columns[i].type = e->type;
    }
    return 0;
}

int table_build_watermark(struct table_build *t, const struct object_path *path, struct err *err) {
    const struct ast_watermark *w = t->watermark;
    if (!w) return 0;
    const struct ast_span *at = &w->column->base.span;
    if (w->column->parts.n > 1)
        return unsupported(at, err, "WATERMARK FOR a field of a ROW column: add a computed column");
    const char *name = w->column->parts.items[0].text;
    int c = table_build_find(t, name);
    if (c < 0)
        return invalid(at, err, "WATERMARK FOR '%s': there is no such column in the table%s", name,
                       table_build_near(t, name));
    const struct type *type = t->columns[c].type;
    if (!type_is_timestamp(type) || type->precision > 3)
        return invalid(at, err,
                       "WATERMARK FOR '%s': the column must be of type TIMESTAMP(p) or "
                       "TIMESTAMP_LTZ(p) with p from 0 to 3, but is %s%s",
                       name, type_name(&t->b, type),
                       type_is_timestamp(type) ? "; CAST it in a computed column" : "");
    if (type->time_attr == TIME_ATTR_PROCTIME)
        return invalid(at, err, "WATERMARK FOR '%s': a processing time column has no watermark",
                       name);
    struct scope *scope = scope_new(t->b.a, row_so_far(t, true), path->name);
    struct expr_place p = {.b = &t->b, .scope = scope, .clause = "WATERMARK"};
    const struct expr *e;
    int rc = bind_expr(&p, w->expr, &e, err);
    if (rc) {
        err_wrap(err, "WATERMARK FOR '%s'", name);
        return rc;
    }
    if (!type_is_timestamp(e->type) || e->type->kind != type->kind)
        return invalid(&w->expr->span, err,
                       "WATERMARK FOR '%s': its expression must be of the column's type %s, but is "
                       "%s",
                       name, type_name(&t->b, type), type_name(&t->b, e->type));
    t->watermark_column = c;
    t->watermark_expr = e;
    t->watermark_text = written(t, w->expr);
    return 0;
}

int table_build_key(struct table_build *t, const struct ast_constraint *c, struct err *err) {
    struct arena *a = t->b.a;
    if (c->unique) return unsupported(&c->span, err, "UNIQUE constraints");
    if (c->enforcement != AST_NOT_ENFORCED)
        return invalid(
            &c->span, err,
            "PRIMARY KEY needs NOT ENFORCED behind it: the key describes the data and is "
            "not checked");
    if (t->n_keys) return invalid(&c->span, err, "a table has one PRIMARY KEY");
    t->keys = ARENA_NEW_N(a, const char *, c->columns.n);
    t->keys_at = &c->span;
    for (size_t i = 0; i < c->columns.n; i++) {
        const struct ast_name *n = &c->columns.items[i];
        for (int k = 0; k < t->n_keys; k++)
            if (!strcmp(t->keys[k], n->text))
                return invalid(&n->span, err, "column '%s' occurs twice in PRIMARY KEY", n->text);
        int col = table_build_find(t, n->text);
        if (col < 0)
            return invalid(&n->span, err, "PRIMARY KEY column '%s' is not in the table%s", n->text,
                           table_build_near(t, n->text));
        if (t->columns[col].kind != COLUMN_PHYSICAL)
            return invalid(&n->span, err, "PRIMARY KEY column '%s' must be a physical column",
                           n->text);
        t->columns[col].type = type_with_null(a, t->columns[col].type, false);
        t->keys[t->n_keys++] = arena_strdup(a, n->text);
    }
    return 0;
}

int table_build_schema(struct table_build *t, const struct ast_schema *s, struct err *err) {
    for (size_t i = 0; i < s->n_columns; i++) {
        int rc = table_build_column(t, &s->columns[i], err);
        if (rc) return rc;
    }
    for (size_t i = 0; i < s->n_constraints; i++) {
        int rc = table_build_key(t, &s->constraints[i], err);
        if (rc) return rc;
    }
    if (s->watermark) t->watermark = s->watermark;
    return 0;
}

void table_build_option(struct table_build *t, const char *key, const char *value) {
    for (int i = 0; i < t->n_options; i++)
        if (!strcmp(t->options[i].key, key)) {
            t->options[i].value = value;
            return;
        }
    if (t->n_options == t->cap_options) {
        t->cap_options = t->cap_options ? t->cap_options * 2 : 16;
        struct table_option *o = ARENA_NEW_N(t->b.a, struct table_option, t->cap_options);
        for (int i = 0; i < t->n_options; i++)
            o[i] = t->options[i];
        t->options = o;
    }
    t->options[t->n_options++] = (struct table_option){key, value};
}

/* Options as they were written before Flink 1.11: 'connector.type' = 'filesystem',
 * 'connector.path', 'format.type', 'format.<option>'. They get today's names. */
static int old_options(struct table_build *t, const struct ast_options *o, struct err *err) {
    const char *format = "";
    int n = 0;
    for (int i = 0; i < t->n_options; i++)
        if (!strcmp(t->options[i].key, "format.type")) format = t->options[i].value;
    for (int i = 0; i < t->n_options; i++) {
        struct table_option x = t->options[i];
        bool connector = !strncmp(x.key, "connector.", 10),
             is_format = !strncmp(x.key, "format.", 7);
        if (!strcmp(x.key, "connector.property-version") ||
            !strcmp(x.key, "format.property-version") || !strcmp(x.key, "format.derive-schema"))
            continue;
        if (!strcmp(x.key, "connector.type") && strcmp(x.value, "filesystem") != 0)
            return invalid(
                &o->items[0].span, err,
                "'connector.type' = '%s': the options of Flink before 1.11 are taken for "
                "'filesystem' alone; write 'connector' = '%s' and today's options",
                x.value, x.value);
        if (!strcmp(x.key, "connector.type"))
            x.key = "connector";
        else if (!strcmp(x.key, "format.type"))
            x.key = "format";
        else if (connector)
            x.key += 10;
        else if (is_format)
            x.key = arena_printf(t->b.a, "%s.%s", format, x.key + 7);
        t->options[n++] = x;
    }
    t->n_options = n;
    return 0;
}

int table_build_options(struct table_build *t, const struct ast_options *o, struct err *err) {
    for (size_t i = 0; i < o->n; i++) {
        for (size_t k = 0; k < i; k++)
            if (!strcmp(o->items[k].key, o->items[i].key))
                return invalid(&o->items[i].span, err, "option '%s' is given twice",
                               o->items[i].key);
        table_build_option(t, arena_strdup(t->b.a, o->items[i].key),
                           arena_strdup(t->b.a, o->items[i].value));
    }
    for (int i = 0; i < t->n_options; i++)
        if (!strcmp(t->options[i].key, "connector.type")) return old_options(t, o, err);
    return 0;
}

int table_build_partitions(struct table_build *t, const struct ast_names *n, struct err *err) {
    t->partitions = n->n ? ARENA_NEW_N(t->b.a, const char *, n->n) : t->partitions;
    if (n->n) t->n_partitions = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (table_build_find(t, n->items[i].text) < 0)
            return invalid(&n->items[i].span, err, "partition column '%s' is not in the table%s",
                           n->items[i].text, table_build_near(t, n->items[i].text));
        t->partitions[t->n_partitions++] = arena_strdup(t->b.a, n->items[i].text);
    }
    return 0;
}

static const int *column_numbers(struct table_build *t, const char *const *names, int n) {
    int *cols = ARENA_NEW_N(t->b.a, int, n + 1);
    for (int i = 0; i < n; i++)
        cols[i] = table_build_find(t, names[i]);
    return cols;
}

struct table_desc *table_build_finish(struct table_build *t, const struct object_path *path,
                                      bool temporary, const char *comment) {
    struct arena *a = t->b.a;
    struct table_desc *d = ARENA_NEW(a, struct table_desc);
    *d = (struct table_desc){.catalog = arena_strdup(a, path->catalog),
                             .database = arena_strdup(a, path->database),
                             .name = arena_strdup(a, path->name),
                             .temporary = temporary,
                             .n_columns = t->n_columns,
                             .columns = t->columns,
                             .watermark_column = t->watermark_column,
                             .watermark_expr = t->watermark_expr,
                             .watermark_text = t->watermark_text,
                             .n_primary_key = t->n_keys,
                             .primary_key = column_numbers(t, t->keys, t->n_keys),
                             .n_partition_keys = t->n_partitions,
                             .partition_keys = column_numbers(t, t->partitions, t->n_partitions),
                             .n_options = t->n_options,
                             .options = t->options,
                             .comment = arena_strdup(a, comment)};
    return d;
}
