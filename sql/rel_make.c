/* rel_make.c - the plan nodes the binder makes often. */
#include "sql/rel_make.h"

#include <string.h>

const struct expr *column_of(struct arena *a, const struct rel *r, int column) {
    return expr_column(a, column, r->schema->fields[column].type);
}

const struct rel *rel_project(struct arena *a, const struct rel *in,
                              const struct expr *const *exprs, const char *const *names, int n) {
    const struct schema *s = schema_new(a, n);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n; i++) {
        f[i].name = names[i];
        f[i].type = exprs[i]->type;
    }
    struct rel *r = rel_new(a, REL_PROJECT, s, &in, 1);
    r->u.project.exprs = arena_dup(a, exprs, sizeof(*exprs) * (size_t)(n ? n : 1));
    return r;
}

const struct rel *rel_columns(struct arena *a, const struct rel *in, const int *cols, int n) {
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, n + 1);
    const char **names = ARENA_NEW_N(a, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        exprs[i] = column_of(a, in, cols[i]);
        names[i] = in->schema->fields[cols[i]].name;
    }
    return rel_project(a, in, exprs, names, n);
}

const struct rel *rel_filter(struct arena *a, const struct rel *in, const struct expr *predicate) {
    struct rel *r = rel_new(a, REL_FILTER, in->schema, &in, 1);
    r->u.filter.predicate = predicate;
    if (predicate->line) {
        r->line = predicate->line;
        r->column = predicate->col;
    }
    return r;
}

const struct schema *schema_join(struct arena *a, const struct schema *l, const struct schema *r,
                                 bool null_left, bool null_right) {
    const struct schema *s = schema_new(a, l->n + r->n);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < s->n; i++) {
        bool left = i < l->n;
        f[i] = left ? l->fields[i] : r->fields[i - l->n];
        if (left ? null_left : null_right) f[i].type = type_with_null(a, f[i].type, true);
    }
    return s;
}

const struct rel *rel_join_of(struct arena *a, enum join_type type, const struct rel *left,
                              const struct rel *right, const struct expr *predicate) {
    const struct schema *s =
        type == JOIN_SEMI || type == JOIN_ANTI
            ? left->schema
            : schema_join(a, left->schema, right->schema, type == JOIN_RIGHT || type == JOIN_FULL,
                          type == JOIN_LEFT || type == JOIN_FULL);
    struct rel *r = rel_new(a, REL_JOIN, s, (const struct rel *[]){left, right}, 2);
    r->u.join.type = type;
    r->u.join.predicate = predicate;
    return r;
}

const struct rel *rel_one_row(struct arena *a) {
    const struct schema *s = schema_new(a, 1);
    struct field *f = (struct field *)s->fields;
    f[0] = (struct field){"ZERO", type_of_not_null(TYPE_INT)};
    struct rel *r = rel_new(a, REL_VALUES, s, NULL, 0);
    const struct column **cells = ARENA_NEW_N(a, const struct column *, 1);
    cells[0] = value_int(a, f[0].type, 0);
    r->u.values.n_rows = 1;
    r->u.values.cells = cells;
    return r;
}

/* ---- expressions ---- */

/* A call over other arguments: resolved again where their types differ. */
static int rebuild(struct arena *a, const struct expr *e, const struct expr **args,
                   const struct expr **ret, struct err *err) {
    bool same = true, types = true;
    for (int i = 0; i < e->n_args; i++) {
        same &= args[i] == e->args[i];
        types &= type_eq(args[i]->type, e->args[i]->type);
    }
    if (same) {
        *ret = e;
        return 0;
    }
    const struct expr *n;
    if (types) {
        n = expr_call(a, e->func, e->type, args, e->n_args);
    } else if (!strcmp(e->func->name, "CAST") || !strcmp(e->func->name, "TRY_CAST")) {
        int rc = func_cast(a, args[0], type_with_null(a, e->type, true), e->func->name[0] == 'T',
                           &n, err);
        if (rc) return rc;
    } else {
        /* By name: an operator may have been resolved to a variant for other types. */
        int rc = e->func->udf ? func_call(a, e->func, args, e->n_args, &n, err)
                              : func_call_name(a, e->func->name, args, e->n_args, &n, err);
        if (rc) return rc;
    }
    if (n->line == 0 && e->line) {
        struct expr *m = arena_dup(a, n, sizeof(*n));
        m->line = e->line;
        m->col = e->col;
        n = m;
    }
    *ret = n;
    return 0;
}

int expr_transform(struct arena *a, const struct expr *e, expr_map_fn f, void *self,
                   const struct expr **ret, struct err *err) {
    int rc = f(self, e, ret, err);
    if (rc < 0) return rc;
    if (rc > 0) return 0;
    if (e->kind != EXPR_CALL) {
        *ret = e;
        return 0;
    }
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args + 1);
    for (int i = 0; i < e->n_args; i++) {
        rc = expr_transform(a, e->args[i], f, self, &args[i], err);
        if (rc) return rc;
    }
    return rebuild(a, e, args, ret, err);
}
