/* bind_udf.c - calls of functions that CREATE FUNCTION made: which kind stands where. */
#include "sql/bind_select.h"
#include "vector/udf/udf.h"

static int no_java(const struct ast_call *c, const struct function_desc *f, struct err *err) {
    return unsupported(
        &c->base.span, err,
        "calling '%s': Java class %s has no counterpart here. Write it as a function "
        "in C or Rust (docs/udf.md) and CREATE FUNCTION %s AS 'libmine.so'",
        f->name, f->class_name, f->name);
}

const struct agg *bind_agg_named(struct binder *b, const struct ast_call *c) {
    const struct ast_names *parts = &c->name->parts;
    const struct function_desc *u = session_find_function(b->s, parts);
    const char *name = parts->items[parts->n - 1].text;
    const struct agg *g = parts->n == 1 ? agg_find(name) : NULL;
    bool udf = u && u->udf && udf_kind(u->udf) == UDF_AGGREGATE;
    if (udf && (u->system || (!g && !func_find(name)) || parts->n > 1)) return udf_agg(u->udf);
    return g;
}

int bind_user_function(struct expr_place *p, const struct ast_call *c,
                       const struct function_desc *f, const struct expr **args, int n,
                       const struct expr **ret, struct err *err) {
    if (f->builtin) return bind_call_named(p->b, &c->base, f->builtin, args, n, ret, err);
    if (!f->udf) return no_java(c, f, err);
    if (udf_kind(f->udf) == UDF_TABLE)
        return invalid(&c->base.span, err,
                       "%s is a table function: it stands in FROM, as LATERAL TABLE(%s(...))",
                       f->name, f->name);
    const struct expr *e;
    int rc = func_call(p->b->a, udf_func(f->udf), args, n, &e, err);
    if (rc) return err_at(err, rc, &c->base.span);
    *ret = expr_at(e, &c->base);
    return 0;
}

int bind_table_function(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                        struct err *err) {
    const struct function_desc *f = session_find_function(p->b->s, &c->name->parts);
    if (!f->udf && !f->builtin) return no_java(c, f, err);
    if (!f->udf || udf_kind(f->udf) != UDF_TABLE)
        return invalid(&c->base.span, err, "%s is no table function", f->name);
    if (c->quant != AST_QUANT_NONE || c->filter || c->over)
        return invalid(&c->base.span, err, "DISTINCT, FILTER and OVER don't go with %s", f->name);
    const struct expr **args, *e;
    int rc = bind_exprs(p, &c->args, &args, err);
    if (!rc) rc = func_call(p->b->a, udf_func(f->udf), args, (int)c->args.n, &e, err);
    if (rc) return err_at(err, rc, &c->base.span);
    *ret = expr_at(e, &c->base);
    return 0;
}

bool is_user_table_function(struct binder *b, const struct ast *from) {
    if (from->kind != AST_TABLE_FUNC) return false;
    const struct ast_call *c = AST_TO(table_func, from)->call;
    enum window_type type;
    return !is_window_tvf(c, &type) && session_find_function(b->s, &c->name->parts);
}
