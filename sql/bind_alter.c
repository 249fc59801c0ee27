/* bind_alter.c - ALTER TABLE and ALTER VIEW: the declaration is taken apart, changed and checked
 * again as CREATE TABLE would. */
#include "sql/table_build.h"

#include <string.h>

static void take_apart(struct table_build *t, const struct table_desc *d) {
    struct arena *a = t->b.a;
    for (int i = 0; i < d->n_columns; i++)
        table_build_push(t, &d->columns[i], NULL);
    t->watermark_column = d->watermark_column;
    t->watermark_expr = d->watermark_expr;
    t->watermark_text = d->watermark_text;
    t->keys = ARENA_NEW_N(a, const char *, d->n_primary_key + 1);
    for (int i = 0; i < d->n_primary_key; i++)
        t->keys[t->n_keys++] = d->columns[d->primary_key[i]].name;
    t->partitions = ARENA_NEW_N(a, const char *, d->n_partition_keys + 1);
    for (int i = 0; i < d->n_partition_keys; i++)
        t->partitions[t->n_partitions++] = d->columns[d->partition_keys[i]].name;
    for (int i = 0; i < d->n_options; i++)
        table_build_option(t, d->options[i].key, d->options[i].value);
}

/* Column i goes to place order[i]; -1 drops it. Expressions refer to columns by number. */
static void reorder(struct table_build *t, const int *order, int n) {
    struct arena *a = t->b.a;
    struct column_desc *cols = ARENA_NEW_N(a, struct column_desc, n + 1);
    const struct ast_column **asts = ARENA_NEW_N(a, const struct ast_column *, n + 1);
    for (int i = 0; i < t->n_columns; i++) {
        if (order[i] < 0) continue;
        cols[order[i]] = t->columns[i];
        asts[order[i]] = t->asts[i];
        if (cols[order[i]].expr)
            cols[order[i]].expr = expr_remap(a, t->columns[i].expr, order, t->n_columns);
    }
    if (t->watermark_column >= 0) {
        t->watermark_column = order[t->watermark_column];
        t->watermark_expr = expr_remap(a, t->watermark_expr, order, t->n_columns);
    }
    t->columns = cols;
    t->asts = asts;
    t->n_columns = t->cap_columns = n;
}

struct uses {
    int column;
    bool used;
};

static void note_use(void *self, int column) {
    struct uses *u = self;
    u->used |= u->column == column;
}

/* The expression that refers to the column; NULL if none does. */
static const char *referred_by(const struct table_build *t, int column) {
    struct uses u = {.column = column};
    if (t->watermark_expr) expr_visit_columns(t->watermark_expr, note_use, &u);
    if (u.used) return "the watermark";
    for (int i = 0; i < t->n_columns; i++) {
        if (!t->columns[i].expr) continue;
        expr_visit_columns(t->columns[i].expr, note_use, &u);
        if (u.used) return arena_printf(t->b.a, "computed column '%s'", t->columns[i].name);
    }
    return NULL;
}

/* What depends on the column; NULL if nothing does. */
static const char *used_by(const struct table_build *t, int column) {
    const char *name = t->columns[column].name;
    for (int i = 0; i < t->n_keys; i++)
        if (!strcmp(t->keys[i], name)) return "PRIMARY KEY";
    for (int i = 0; i < t->n_partitions; i++)
        if (!strcmp(t->partitions[i], name)) return "PARTITIONED BY";
    if (t->watermark_column == column) return "the watermark";
    return referred_by(t, column);
}

static int need_column(const struct table_build *t, const struct ast_ident *id, int *ret,
                       struct err *err) {
    if (id->parts.n != 1)
        return unsupported(&id->base.span, err, "ALTER TABLE of a field of a ROW column");
    const char *name = id->parts.items[0].text;
    *ret = table_build_find(t, name);
    if (*ret >= 0) return 0;
    return invalid(&id->base.span, err, "column '%s' is not in the table%s", name,
                   table_build_near(t, name));
}

static int drop_columns(struct table_build *t, const struct ast_alter *al, struct err *err) {
    for (size_t i = 0; i < al->n_columns; i++) {
        int c;
        int rc = need_column(t, al->columns[i], &c, err);
        if (rc) return rc;
        const char *user = used_by(t, c);
        if (user)
            return invalid(&al->columns[i]->base.span, err, "column '%s' is used by %s",
                           t->columns[c].name, user);
        int *order = ARENA_NEW_N(t->b.a, int, t->n_columns + 1), n = 0;
        for (int k = 0; k < t->n_columns; k++)
            order[k] = k == c ? -1 : n++;
        reorder(t, order, n);
    }
    return t->n_columns ? 0 : invalid(&al->base.span, err, "a table needs a column");
}

static int rename_column(struct table_build *t, const struct ast_alter *al, struct err *err) {
    int c;
    int rc = need_column(t, al->column, &c, err);
    if (rc) return rc;
    const char *now = al->new_name->parts.items[0].text, *was = t->columns[c].name;
    if (table_build_find(t, now) >= 0)
        return invalid(&al->new_name->base.span, err, "column '%s' is in the table already", now);
    const char *user = referred_by(t, c);
    if (user) return invalid(&al->column->base.span, err, "column '%s' is used by %s", was, user);
    t->columns[c].name = arena_strdup(t->b.a, now);
    for (int i = 0; i < t->n_keys; i++)
        if (!strcmp(t->keys[i], was)) t->keys[i] = t->columns[c].name;
    for (int i = 0; i < t->n_partitions; i++)
        if (!strcmp(t->partitions[i], was)) t->partitions[i] = t->columns[c].name;
    return 0;
}

/* Moves the last column to FIRST or behind AFTER's. */
static int place_last(struct table_build *t, const struct ast_column *c, struct err *err) {
    int to, last = t->n_columns - 1;
    if (c->place == AST_PLACE_DEFAULT) return 0;
    if (c->place == AST_PLACE_FIRST) {
        to = 0;
    } else {
        int rc = need_column(t, c->after, &to, err);
        if (rc) return rc;
        to++;
    }
    int *order = ARENA_NEW_N(t->b.a, int, t->n_columns + 1);
    for (int i = 0; i < last; i++)
        order[i] = i < to ? i : i + 1;
    order[last] = MIN(to, last);
    reorder(t, order, t->n_columns);
    return 0;
}

static int add_columns(struct table_build *t, const struct ast_alter *al, struct err *err) {
    for (size_t i = 0; i < al->schema.n_columns; i++) {
        const struct ast_column *c = &al->schema.columns[i];
        if (c->path && c->path->parts.n > 1)
            return unsupported(&c->span, err, "ALTER TABLE of a field of a ROW column");
        int rc = table_build_column(t, c, err);
        if (!rc) rc = place_last(t, c, err);
        if (rc) return rc;
    }
    return 0;
}

/* MODIFY: the column's declaration is replaced, its place kept unless another is given. */
static int modify_columns(struct table_build *t, const struct ast_alter *al, struct err *err) {
    for (size_t i = 0; i < al->schema.n_columns; i++) {
        const struct ast_column *c = &al->schema.columns[i];
        if (c->path && c->path->parts.n > 1)
            return unsupported(&c->span, err, "ALTER TABLE of a field of a ROW column");
        int at = table_build_find(t, c->name.text);
        if (at < 0)
            return invalid(&c->name.span, err, "column '%s' is not in the table%s", c->name.text,
                           table_build_near(t, c->name.text));
        const char *name = t->columns[at].name;
        t->columns[at].name = "";
        int rc = table_build_column(t, c, err);
        if (rc) return rc;
        int last = t->n_columns - 1;
        t->columns[last].name = name;
        t->columns[at] = t->columns[last];
        t->asts[at] = t->asts[last];
        t->n_columns = last;
        if (c->place == AST_PLACE_DEFAULT) continue;
        int *order = ARENA_NEW_N(t->b.a, int, t->n_columns + 1);
        for (int k = 0; k < t->n_columns; k++)
            order[k] = k == at ? t->n_columns - 1 : k > at ? k - 1 : k;
        reorder(t, order, t->n_columns);
        rc = place_last(t, c, err);
        if (rc) return rc;
    }
    return 0;
}

static int add_or_modify(struct table_build *t, const struct ast_alter *al, struct err *err) {
    bool modify = al->action == AST_ALTER_MODIFY;
    if (al->distribution.kind) return unsupported(&al->base.span, err, "DISTRIBUTED BY");
    int rc = modify ? modify_columns(t, al, err) : add_columns(t, al, err);
    if (rc) return rc;
    if (al->schema.n_constraints) {
        if (t->n_keys && !modify)
            return invalid(&al->schema.constraints[0].span, err,
                           "the table has a primary key: use MODIFY");
        t->n_keys = 0;
        for (size_t i = 0; i < al->schema.n_constraints; i++) {
            rc = table_build_key(t, &al->schema.constraints[i], err);
            if (rc) return rc;
        }
    }
    if (!al->schema.watermark) return 0;
    if (t->watermark_column >= 0 && !modify)
        return invalid(&al->schema.watermark->span, err, "the table has a watermark: use MODIFY");
    t->watermark = al->schema.watermark;
    return 0;
}

static int reset_options(struct table_build *t, const struct ast_alter *al, struct err *err) {
    for (size_t i = 0; i < al->n_keys; i++) {
        int n = 0;
        if (!strcmp(al->keys[i], "connector"))
            return invalid(&al->base.span, err, "'connector' can't be reset");
        for (int k = 0; k < t->n_options; k++)
            if (strcmp(t->options[k].key, al->keys[i]) != 0) t->options[n++] = t->options[k];
        t->n_options = n;
    }
    return 0;
}

static int change(struct table_build *t, const struct ast_alter *al, const char **comment,
                  struct err *err) {
    switch (al->action) {
    case AST_ALTER_SET:
        return table_build_options(t, &al->options, err);
    case AST_ALTER_RESET:
        return reset_options(t, al, err);
    case AST_ALTER_COMMENT:
        *comment = al->comment;
        return 0;
    case AST_ALTER_ADD:
    case AST_ALTER_MODIFY:
        return add_or_modify(t, al, err);
    case AST_ALTER_RENAME_COLUMN:
        return rename_column(t, al, err);
    case AST_ALTER_DROP_COLUMNS:
        return drop_columns(t, al, err);
    case AST_ALTER_DROP_PRIMARY_KEY:
    case AST_ALTER_DROP_CONSTRAINT:
        if (!t->n_keys) return invalid(&al->base.span, err, "the table has no primary key");
        t->n_keys = 0;
        return 0;
    case AST_ALTER_DROP_WATERMARK:
        if (t->watermark_column < 0)
            return invalid(&al->base.span, err, "the table has no watermark");
        t->watermark_column = -1;
        t->watermark_expr = NULL;
        return 0;
    default:
        return unsupported(&al->base.span, err, "this form of ALTER TABLE");
    }
}

static int rename_object(struct exec *x, const struct ast_alter *al, const struct table_desc *t,
                         struct err *err) {
    struct session *s = x->s;
    struct object_path to;
    int rc = session_path(s, &al->new_name->parts, &to, err);
    if (rc) return rc;
    if (al->new_name->parts.n == 1) {
        to.catalog = t->catalog;
        to.database = t->database;
    }
    if (session_find_table(s, &to))
        return invalid(&al->new_name->base.span, err, "'%s' exists already",
                       object_path_text(x->a, &to));
    struct table_desc *d = arena_dup(&s->arena, t, sizeof(*t));
    d->catalog = arena_strdup(&s->arena, to.catalog);
    d->database = arena_strdup(&s->arena, to.database);
    d->name = arena_strdup(&s->arena, to.name);
    rc = session_put_table(s, d, err);
    if (rc) return rc;
    session_drop_table(s, t);
    exec_done(x, "ALTER", NULL);
    return 0;
}

static int alter_table(struct exec *x, const struct ast_alter *al, const struct table_desc *t,
                       struct err *err) {
    struct object_path path = {t->catalog, t->database, t->name};
    struct table_build b = {.x = x, .watermark_column = -1};
    binder_init(&b.b, x->s, &x->s->arena, x->sql_text, NULL);
    take_apart(&b, t);
    const char *comment = t->comment;
    int rc = change(&b, al, &comment, err);
    if (!rc) rc = table_build_computed(&b, &path, err);
    if (!rc) rc = table_build_watermark(&b, &path, err);
    if (!rc)
        rc = session_put_table(x->s, table_build_finish(&b, &path, t->temporary, comment), err);
    if (rc) return rc;
    exec_done(x, "ALTER TABLE", NULL);
    return 0;
}

/* ALTER VIEW v AS query: as CREATE OR REPLACE of the same kind. */
static int alter_view(struct exec *x, const struct ast_alter *al, const struct table_desc *t,
                      struct err *err) {
    if (al->action != AST_ALTER_AS)
        return unsupported(&al->base.span, err, "this form of ALTER VIEW");
    struct ast_create_view c = {.base = {.kind = AST_CREATE_VIEW, .span = al->base.span},
                                .mode = AST_CREATE_OR_REPLACE,
                                .temporary = t->temporary,
                                .name = al->name,
                                .comment = t->comment,
                                .query = al->query};
    return exec_create_view(x, &c, err);
}

int exec_alter(struct exec *x, const struct ast_alter *al, struct err *err) {
    bool view = al->object == AST_OBJECT_VIEW;
    x->ret->what = "ALTER";
    if (al->action == AST_ALTER_FUNCTION) return exec_alter_function(x, al, err);
    if (al->object != AST_OBJECT_TABLE && !view)
        return unsupported(&al->base.span, err, "ALTER %s", ast_object_name(al->object));
    const struct table_desc *t;
    int rc = session_need_table(x->s, &al->name->parts, &t, err);
    if (rc && al->if_exists) {
        if (err) err_clear(err);
        exec_done(x, "ALTER", "there is none");
        return 0;
    }
    if (rc) return rc;
    if (table_is_view(t) != view)
        return invalid(&al->name->base.span, err, "'%s' is a %s: use ALTER %s", t->name,
                       view ? "table" : "view", view ? "TABLE" : "VIEW");
    if (al->action == AST_ALTER_RENAME) return rename_object(x, al, t, err);
    return view ? alter_view(x, al, t, err) : alter_table(x, al, t, err);
}
