/* bind_call.c - calls: which table the name is in, and the special forms as plain calls by the
 * convention of vector/func/README.md. */
#include "sql/bind_select.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *upper(struct arena *a, const char *s) {
    char *u = arena_strdup(a, s);
    for (char *p = u; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return u;
}

static const struct expr *null_of(struct binder *b, const struct type *t) {
    return expr_literal(b->a, value_null(b->a, type_with_null(b->a, t, true)));
}

/* ---- JSON ---- */

static const char *behavior_name(enum ast_json_behavior v) {
    static const char *const names[] = {"",     "ERROR", "NULL",    "EMPTY ARRAY", "EMPTY OBJECT",
                                        "TRUE", "FALSE", "UNKNOWN", "DEFAULT"};
    return names[v];
}

static int behavior(struct expr_place *p, enum ast_json_behavior v, const struct ast *dflt,
                    const struct expr **ret_symbol, const struct expr **ret_default,
                    struct err *err) {
    *ret_symbol = bind_symbol(p->b, v == AST_JSON_NONE ? "NULL" : behavior_name(v));
    *ret_default = null_of(p->b, type_of(TYPE_NULL));
    return dflt ? bind_expr(p, dflt, ret_default, err) : 0;
}

static int json_value(struct expr_place *p, const struct ast_call *c, const struct expr **args,
                      const struct expr **ret, struct err *err) {
    const struct ast_json *j = c->json;
    const struct type *returning = type_of(TYPE_VARCHAR);
    int rc = j->returning ? bind_type(p->b, j->returning, &returning, err) : 0;
    if (rc) return rc;
    args[2] = null_of(p->b, returning);
    rc = behavior(p, j->on_empty, j->empty_default, &args[3], &args[4], err);
    if (!rc) rc = behavior(p, j->on_error, j->error_default, &args[5], &args[6], err);
    if (rc) return rc;
    return bind_call_named(p->b, &c->base, "JSON_VALUE", args, 7, ret, err);
}

static int json_query(struct expr_place *p, const struct ast_call *c, const struct expr **args,
                      const struct expr **ret, struct err *err) {
    static const char *const wrappers[] = {"WITHOUT ARRAY", "WITHOUT ARRAY",
                                           "WITH CONDITIONAL ARRAY", "WITH UNCONDITIONAL ARRAY"};
    const struct ast_json *j = c->json;
    const struct type *returning = type_of(TYPE_VARCHAR);
    int rc = j->returning ? bind_type(p->b, j->returning, &returning, err) : 0;
    if (rc) return rc;
    const struct expr *none;
    args[2] = null_of(p->b, returning);
    args[3] = bind_symbol(p->b, wrappers[j->wrapper]);
    rc = behavior(p, j->on_empty, NULL, &args[4], &none, err);
    if (!rc) rc = behavior(p, j->on_error, NULL, &args[5], &none, err);
    if (rc) return rc;
    return bind_call_named(p->b, &c->base, "JSON_QUERY", args, 6, ret, err);
}

static bool json_clauses(const struct ast_json *j) {
    return j && (j->returning || j->wrapper || j->on_empty || j->on_error);
}

/* JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT, JSON_ARRAY. */
static int json_call(struct expr_place *p, const struct ast_call *c, const char *name,
                     const struct expr **ret, struct err *err) {
    enum { EXTRA = 8 };
    int n = (int)c->args.n;
    const struct expr **args = ARENA_NEW_N(p->b->a, const struct expr *, n + EXTRA), *none;
    bool constructor = !strcmp(name, "JSON_OBJECT") || !strcmp(name, "JSON_ARRAY");
    for (int i = 0; i < n; i++) {
        int rc = bind_expr(p, c->args.items[i], &args[i + constructor], err);
        if (rc) return rc;
    }
    if (constructor) {
        enum ast_json_nulls nulls = c->json ? c->json->nulls : AST_JSON_NULLS_NONE;
        bool absent =
            nulls == AST_JSON_NULLS_NONE ? name[5] == 'A' : nulls == AST_JSON_ABSENT_ON_NULL;
        args[0] = bind_symbol(p->b, absent ? "ABSENT" : "NULL");
        return bind_call_named(p->b, &c->base, name, args, n + 1, ret, err);
    }
    if (!json_clauses(c->json)) return bind_call_named(p->b, &c->base, name, args, n, ret, err);
    if (!strcmp(name, "JSON_VALUE")) return json_value(p, c, args, ret, err);
    if (!strcmp(name, "JSON_QUERY")) return json_query(p, c, args, ret, err);
    int rc = behavior(p, c->json->on_error, NULL, &args[n], &none, err);
    if (rc) return rc;
    return bind_call_named(p->b, &c->base, name, args, n + 1, ret, err);
}

/* ---- names ---- */

struct window_fn {
    const char *name;
    enum window_prop prop;
};
static const struct window_fn window_fns[] = {
    {"HOP_END", PROP_END},
    {"HOP_PROCTIME", PROP_PROCTIME},
    {"HOP_ROWTIME", PROP_ROWTIME},
    {"HOP_START", PROP_START},
    {"SESSION_END", PROP_END},
    {"SESSION_PROCTIME", PROP_PROCTIME},
    {"SESSION_ROWTIME", PROP_ROWTIME},
    {"SESSION_START", PROP_START},
    {"TUMBLE_END", PROP_END},
    {"TUMBLE_PROCTIME", PROP_PROCTIME},
    {"TUMBLE_ROWTIME", PROP_ROWTIME},
    {"TUMBLE_START", PROP_START},
};

/* The nearest of the scalar and aggregate functions; "" if none is near. */
static const char *near_function(struct binder *b, const char *name) {
    size_t nf, na, n = 0;
    const struct func *const *f = func_all(&nf);
    const struct agg *const *g = agg_all(&na);
    const char **names = ARENA_NEW_N(b->a, const char *, nf + na + 1);
    for (size_t i = 0; i < nf; i++)
        if (!(f[i]->flags & FUNC_HIDDEN) && isalpha((unsigned char)f[i]->name[0]))
            names[n++] = f[i]->name;
    for (size_t i = 0; i < na; i++)
        if (g[i]->name[0] != '$') names[n++] = g[i]->name;
    const char *near = str_nearest(name, names, n);
    return near ? arena_printf(b->a, "; did you mean %s?", near) : "";
}

static int unknown_function(struct expr_place *p, const struct ast_call *c, const char *name,
                            struct err *err) {
    AUTO_STR sig = STR_INIT;
    for (size_t i = 0; i < c->args.n; i++) {
        const struct expr *e;
        if (i) str_add(&sig, ", ");
        if (bind_expr(p, c->args.items[i], &e, NULL) == 0)
            str_add(&sig, type_name(p->b, e->type));
        else
            str_add(&sig, "?");
    }
    return invalid(&c->base.span, err, "no function %s(%s)%s", name, str_text(&sig),
                   near_function(p->b, name));
}

/* Functions of Flink that are in neither function table: asked for when a name is not found there.
 */
static bool is_flink_function(const char *name) {
    static const char *const names[] = {"CURRENT_WATERMARK", "OBJECT_OF", "OBJECT_UPDATE"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i], name)) return true;
    return false;
}

/* What a scalar function can't carry. */
static int check_plain(const struct ast_call *c, const char *name, struct err *err) {
    const struct ast_span *at = &c->base.span;
    if (c->quant != AST_QUANT_NONE)
        return invalid(at, err, "DISTINCT and ALL stand in aggregate functions; %s is none", name);
    if (c->filter)
        return invalid(at, err, "FILTER stands behind aggregate functions; %s is none", name);
    if (c->within_group || c->order_by.n)
        return invalid(at, err, "ORDER BY stands in aggregate functions; %s is none", name);
    if (c->null_treatment)
        return invalid(at, err, "IGNORE NULLS stands behind window functions; %s is none", name);
    for (size_t i = 0; i < c->args.n; i++) {
        const struct ast *arg = c->args.items[i];
        if (arg->kind == AST_NAMED_ARG)
            return unsupported(&arg->span, err, "named arguments of %s", name);
        if (arg->kind == AST_IDENT && AST_TO(ident, arg)->star)
            return invalid(&arg->span, err, "%s(*): only COUNT takes *", name);
    }
    return 0;
}

static int scalar_call(struct expr_place *p, const struct ast_call *c, const char *name,
                       const struct expr **ret, struct err *err) {
    int rc = check_plain(c, name, err);
    if (rc) return rc;
    const struct expr **args;
    rc = bind_exprs(p, &c->args, &args, err);
    if (rc) return rc;
    return bind_call_named(p->b, &c->base, name, args, (int)c->args.n, ret, err);
}

static int user_call(struct expr_place *p, const struct ast_call *c, const struct function_desc *f,
                     const struct expr **ret, struct err *err) {
    const struct expr **args;
    int rc = check_plain(c, f->name, err);
    if (!rc) rc = bind_exprs(p, &c->args, &args, err);
    return rc ? rc : bind_user_function(p, c, f, args, (int)c->args.n, ret, err);
}

static int special_call(struct expr_place *p, const struct ast_call *c, const char *name,
                        const struct expr **ret, struct err *err) {
    if (c->syntax == AST_SYNTAX_JSON) return json_call(p, c, name, ret, err);
    if (c->syntax == AST_SYNTAX_USING)
        return unsupported(&c->base.span, err, "%s(... USING ...)", name);
    if (c->syntax == AST_SYNTAX_TO_UNIT) name = !strcasecmp(name, "FLOOR") ? "FLOOR TO" : "CEIL TO";
    return scalar_call(p, c, name, ret, err);
}

static const char *current_object(struct binder *b, const char *name) {
    if (!strcmp(name, "CURRENT_DATABASE")) return b->s->database;
    return !strcmp(name, "CURRENT_CATALOG") ? b->s->catalog : NULL;
}

/* Functions that the SELECT around them computes; 1: it was one. */
static int select_call(struct expr_place *p, const struct ast_call *c, const char *name,
                       const struct expr **ret, struct err *err) {
    for (size_t i = 0; i < ARRAY_LEN(window_fns); i++) {
        if (strcmp(window_fns[i].name, name) != 0) continue;
        int rc = select_add_window_prop(p, c, window_fns[i].prop, ret, err);
        return rc ? rc : 1;
    }
    if (!strcmp(name, "GROUPING") || !strcmp(name, "GROUPING_ID") || !strcmp(name, "GROUP_ID")) {
        int rc = select_add_grouping(p, c, ret, err);
        return rc ? rc : 1;
    }
    enum window_type type;
    if (is_window_tvf(c, &type) && !func_find(name))
        return invalid(&c->base.span, err,
                       "%s stands in GROUP BY or, as a table function, in FROM TABLE(%s(...))",
                       name, name);
    return 0;
}

static int core_call(struct expr_place *p, const struct ast_call *c, const char *name,
                     const struct expr **ret, struct err *err) {
    int rc = p->match ? bind_match_call(p, c, name, ret, err) : select_call(p, c, name, ret, err);
    if (rc) return rc < 0 ? rc : 0;
    const char *object = c->args.n == 0 ? current_object(p->b, name) : NULL;
    if (object) {
        *ret = expr_at(expr_literal(p->b->a, value_str(p->b->a, type_of_not_null(TYPE_VARCHAR),
                                                       object, strlen(object))),
                       &c->base);
        return 0;
    }
    /* Temporary system functions hide built-in ones, others are hidden by them, as in Flink. */
    const struct func *f = func_find(name);
    const struct agg *g = bind_agg_named(p->b, c);
    const struct function_desc *u = session_find_function(p->b->s, &c->name->parts);
    if (g && (!f || g->udf)) return select_add_agg(p, c, ret, err);
    if (f && !(f->flags & FUNC_HIDDEN) && !(u && u->system))
        return scalar_call(p, c, name, ret, err);
    if (u) return user_call(p, c, u, ret, err);
    if (is_flink_function(name)) return unsupported(&c->base.span, err, "the function %s", name);
    return unknown_function(p, c, name, err);
}

int bind_call(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
              struct err *err) {
    const struct ast_names *parts = &c->name->parts;
    const char *name = upper(p->b->a, parts->items[parts->n - 1].text);
    if (c->over) return select_add_over(p, c, ret, err);
    if (parts->n > 1) {
        const struct function_desc *u = session_find_function(p->b->s, parts);
        if (u && bind_agg_named(p->b, c)) return select_add_agg(p, c, ret, err);
        return u ? user_call(p, c, u, ret, err) : unknown_function(p, c, name, err);
    }
    bool agg_json = !strcmp(name, "JSON_OBJECTAGG") || !strcmp(name, "JSON_ARRAYAGG");
    if (c->syntax == AST_SYNTAX_FUNCTION || c->syntax == AST_SYNTAX_NILADIC ||
        c->syntax == AST_SYNTAX_JDBC || agg_json)
        return core_call(p, c, name, ret, err);
    return special_call(p, c, name, ret, err);
}
