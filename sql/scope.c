/* scope.c - what a name in an expression means: a column of some table in FROM, a field of a
 * structured column, a column of an enclosing query. */
#include "sql/bind.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct scope *scope_new(struct arena *a, const struct schema *row, const char *alias) {
    struct scope *s = ARENA_NEW(a, struct scope);
    s->row = row;
    s->n_tables = 1;
    s->tables = ARENA_NEW(a, struct scope_table);
    s->tables[0] = (struct scope_table){.alias = alias, .first = 0, .n = row->n};
    s->n_star = row->n;
    s->star = ARENA_NEW_N(a, struct scope_star, row->n + 1);
    for (int i = 0; i < row->n; i++)
        s->star[i] =
            (struct scope_star){row->fields[i].name, expr_column(a, i, row->fields[i].type)};
    return s;
}

struct shift {
    struct arena *a;
    const struct schema *row;
    int by;
};

/* Columns moved by `by`, with the types they have in the joined row. */
static int shift_column(void *self, const struct expr *e, const struct expr **ret,
                        struct err *err) {
    const struct shift *sh = self;
    if (e->kind != EXPR_COLUMN) return 0;
    int c = e->column + sh->by;
    *ret = expr_column(sh->a, c, sh->row->fields[c].type);
    return 1;
}

struct scope *scope_join(struct arena *a, const struct scope *left, const struct scope *right,
                         const struct schema *row) {
    struct scope *s = ARENA_NEW(a, struct scope);
    s->outer = left->outer;
    s->row = row;
    s->n_tables = left->n_tables + right->n_tables;
    s->tables = ARENA_NEW_N(a, struct scope_table, s->n_tables + 1);
    memcpy(s->tables, left->tables, sizeof(*s->tables) * (size_t)left->n_tables);
    for (int i = 0; i < right->n_tables; i++) {
        struct scope_table *t = &s->tables[left->n_tables + i];
        *t = right->tables[i];
        t->first += left->row->n;
    }
    s->n_star = left->n_star + right->n_star;
    s->star = ARENA_NEW_N(a, struct scope_star, s->n_star + 1);
    for (int i = 0; i < s->n_star; i++) {
        bool is_left = i < left->n_star;
        const struct scope_star *from = is_left ? &left->star[i] : &right->star[i - left->n_star];
        struct shift sh = {a, row, is_left ? 0 : left->row->n};
        s->star[i].name = from->name;
        int rc = expr_transform(a, from->expr, shift_column, &sh, &s->star[i].expr, NULL);
        CHECK(rc == 0); /* COALESCE of columns that it was made of before */
    }
    return s;
}

static bool table_named(const struct scope_table *t, const struct ast_name *parts, size_t n) {
    const char *name = parts[n - 1].text;
    if (!t->alias || strcmp(t->alias, name) != 0) return false;
    if (n == 1) return true;
    if (!t->database || strcmp(t->database, parts[n - 2].text) != 0) return false;
    return n == 2 || (n == 3 && t->catalog && strcmp(t->catalog, parts[0].text) == 0);
}

static const struct scope_table *find_table(const struct scope *s, const struct ast_name *parts,
                                            size_t n) {
    for (int i = 0; i < s->n_tables; i++)
        if (table_named(&s->tables[i], parts, n)) return &s->tables[i];
    return NULL;
}

const struct scope_table *scope_find_table(const struct scope *s, const struct ast_names *names) {
    return find_table(s, names->items, names->n);
}

/* The n names given in a suggestion; "" if nothing is near. */
static const char *did_you_mean(struct binder *b, const char *name, const char *const *names,
                                size_t n) {
    const char *near = str_nearest(name, names, n);
    return near ? arena_printf(b->a, "; did you mean '%s'?", near) : "";
}

static int not_in_table(struct binder *b, const struct scope *s, const struct scope_table *t,
                        const struct ast_name *name, struct err *err) {
    const char **names = ARENA_NEW_N(b->a, const char *, t->n + 1);
    for (int i = 0; i < t->n; i++)
        names[i] = s->row->fields[t->first + i].name;
    return invalid(&name->span, err, "column '%s' not found in '%s'%s", name->text, t->alias,
                   did_you_mean(b, name->text, names, (size_t)t->n));
}

static int column_in_table(struct binder *b, const struct scope *s, const struct scope_table *t,
                           const struct ast_name *name, const struct expr **ret, struct err *err) {
    int found = -1;
    for (int i = t->first; i < t->first + t->n; i++) {
        if (strcmp(s->row->fields[i].name, name->text) != 0) continue;
        if (found >= 0)
            return invalid(&name->span, err, "column '%s' is ambiguous in '%s'", name->text,
                           t->alias);
        found = i;
    }
    if (found < 0) return not_in_table(b, s, t, name, err);
    *ret = expr_column(b->a, found, s->row->fields[found].type);
    return 0;
}

/* An unqualified name: 1 found, 0 not here, negative: ambiguous. */
static int column_anywhere(struct binder *b, const struct scope *s, const struct ast_name *name,
                           const struct expr **ret, struct err *err) {
    int n = 0;
    for (int i = 0; i < s->n_star; i++) {
        if (strcmp(s->star[i].name, name->text) != 0) continue;
        if (n++)
            return invalid(&name->span, err, "column '%s' is ambiguous: write %s", name->text,
                           "table.column");
        *ret = s->star[i].expr;
    }
    return n;
}

/* One level: 1 found (*ret_used parts), 0 nothing, negative an error. */
static int resolve_here(struct binder *b, const struct scope *s, const struct ast_ident *id,
                        const struct expr **ret, size_t *ret_used, struct err *err) {
    const struct ast_name *parts = id->parts.items;
    size_t n = id->parts.n;
    for (size_t k = n - 1; k >= 1; k--) {
        const struct scope_table *t = k <= 3 ? find_table(s, parts, k) : NULL;
        if (!t) continue;
        int rc = column_in_table(b, s, t, &parts[k], ret, err);
        if (rc) return rc;
        *ret_used = k + 1;
        return 1;
    }
    int rc = column_anywhere(b, s, &parts[0], ret, err);
    *ret_used = 1;
    return rc;
}

static int to_outer(void *self, const struct expr *e, const struct expr **ret, struct err *err) {
    if (e->kind != EXPR_COLUMN) return 0;
    struct expr *o = arena_dup(self, e, sizeof(*e));
    o->kind = EXPR_OUTER;
    *ret = o;
    return 1;
}

static int not_found(struct binder *b, const struct scope *s, const struct ast_ident *id,
                     struct err *err) {
    const struct ast_name *p = &id->parts.items[0];
    int n = 0, cap = 0;
    for (const struct scope *o = s; o; o = o->outer)
        cap += o->n_star + o->n_tables;
    const char **names = ARENA_NEW_N(b->a, const char *, cap + 1);
    if (id->parts.n > 1) {
        for (const struct scope *o = s; o; o = o->outer)
            for (int i = 0; i < o->n_tables; i++)
                if (o->tables[i].alias) names[n++] = o->tables[i].alias;
        return invalid(&p->span, err, "table '%s' not found in FROM%s", p->text,
                       did_you_mean(b, p->text, names, (size_t)n));
    }
    for (const struct scope *o = s; o; o = o->outer)
        for (int i = 0; i < o->n_star; i++)
            names[n++] = o->star[i].name;
    const char *hint = did_you_mean(b, p->text, names, (size_t)n);
    if (s->n_tables == 1 && s->tables[0].alias && !s->outer)
        return invalid(&p->span, err, "column '%s' not found in '%s'%s", p->text,
                       s->tables[0].alias, hint);
    return invalid(&p->span, err, "column '%s' not found in any table%s", p->text, hint);
}

int scope_resolve(struct binder *b, const struct scope *s, const struct ast_ident *id,
                  const struct expr **ret, struct err *err) {
    int level = 0;
    for (const struct scope *o = s; o; o = o->outer, level++) {
        const struct expr *e = NULL;
        size_t used = 0;
        int rc = resolve_here(b, o, id, &e, &used, err);
        if (rc < 0) return rc;
        if (rc == 0) continue;
        if (level > 1)
            return unsupported(&id->base.span, err,
                               "a subquery that refers to a query two levels further out");
        if (level == 1) {
            rc = expr_transform(b->a, e, to_outer, b->a, &e, err);
            if (rc) return rc;
        }
        e = expr_at(arena_dup(b->a, e, sizeof(*e)), &id->base);
        for (; used < id->parts.n; used++) {
            rc = bind_field(b, &id->base, e, &id->parts.items[used], &e, err);
            if (rc) return rc;
        }
        *ret = e;
        return 0;
    }
    return not_found(b, s, id, err);
}

int schema_need(const struct schema *s, const struct ast_name *name, const char *what, int *ret,
                struct err *err) {
    int i = schema_find(s, name->text);
    if (i >= 0) {
        *ret = i;
        return 0;
    }
    const char **names = mem_calloc((size_t)s->n + 1, sizeof(*names));
    for (int j = 0; j < s->n; j++)
        names[j] = s->fields[j].name;
    const char *near = str_nearest(name->text, names, (size_t)s->n);
    free(names);
    return invalid(&name->span, err, "column '%s' not found in %s%s%s%s", name->text, what,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
