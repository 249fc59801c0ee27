/* bind_expr.c - expressions: what each kind of node becomes, and the small helpers they share. */
#include "sql/bind_select.h"
#include "vector/program.h"

#include <stdio.h>
#include <string.h>

/* ---- helpers ---- */

const struct expr *expr_at(const struct expr *e, const struct ast *at) {
    if (e->line || !at) return e;
    /* Fresh from the arena: nobody else refers to a node without a place yet, or it is a shared
     * constant for which any of its places will do. */
    struct expr *m = (struct expr *)e;
    m->line = at->span.line;
    m->col = at->span.column;
    return e;
}

int err_at(struct err *err, int rc, const struct ast_span *at) {
    if (rc && err && !err->line && at) {
        err->line = at->line;
        err->column = at->column;
    }
    return rc;
}

static int fail(const struct ast_span *at, struct err *err, int code, const char *prefix,
                const char *fmt, va_list ap) {
    AUTO_STR text = STR_INIT;
    str_add(&text, prefix);
    str_vaddf(&text, fmt, ap);
    return err_set_at(err, code, at ? at->line : 0, at ? at->column : 0, "%s", str_text(&text));
}

int unsupported(const struct ast_span *at, struct err *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int rc = fail(at, err, ERR_UNSUPPORTED, "not supported: ", fmt, ap);
    va_end(ap);
    return rc;
}

int invalid(const struct ast_span *at, struct err *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int rc = fail(at, err, ERR_VALIDATION, "", fmt, ap);
    va_end(ap);
    return rc;
}

const char *type_name(struct binder *b, const struct type *t) {
    return type_text_of(b->a, type_with_null(b->a, t, true));
}

const struct expr *bind_symbol(struct binder *b, const char *text) {
    const struct type *t = type_of_not_null(TYPE_SYMBOL);
    return expr_literal(b->a, value_str(b->a, t, text, strlen(text)));
}

const struct expr *bind_int(struct binder *b, int64_t v) {
    const struct type *t =
        type_of_not_null(v >= INT32_MIN && v <= INT32_MAX ? TYPE_INT : TYPE_BIGINT);
    return expr_literal(b->a, value_int(b->a, t, v));
}

const struct expr *bind_bool(struct binder *b, bool v) {
    return expr_literal(b->a, value_bool(b->a, v));
}

int bind_call_named(struct binder *b, const struct ast *at, const char *name,
                    const struct expr **args, int n, const struct expr **ret, struct err *err) {
    const struct expr *e;
    int rc = func_call_name(b->a, name, args, n, &e, err);
    if (rc) return err_at(err, rc, &at->span);
    /* Only columns and windows carry time attributes; what is computed from them does not. */
    if (e->kind == EXPR_CALL && e->type->time_attr != TIME_ATTR_NONE &&
        strcmp(e->func->name, "PROCTIME") != 0)
        ((struct expr *)e)->type = type_with_time_attr(b->a, e->type, TIME_ATTR_NONE);
    *ret = expr_at(e, at);
    return 0;
}

int bind_cast_to(struct binder *b, const struct ast *at, const struct expr *e,
                 const struct type *to, bool try_cast, const struct expr **ret, struct err *err) {
    const struct expr *c;
    int rc = func_cast(b->a, e, to, try_cast, &c, err);
    if (rc) return err_at(err, rc, at ? &at->span : NULL);
    *ret = expr_at(c, at);
    return 0;
}

int bind_exprs(struct expr_place *p, const struct ast_list *list, const struct expr ***ret,
               struct err *err) {
    const struct expr **out = ARENA_NEW_N(p->b->a, const struct expr *, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        int rc = bind_expr(p, list->items[i], &out[i], err);
        if (rc) return rc;
    }
    *ret = out;
    return 0;
}

int bind_condition(struct expr_place *p, const struct ast *node, const struct expr **ret,
                   struct err *err) {
    const struct expr *e;
    int rc = bind_expr(p, node, &e, err);
    if (rc) return rc;
    if (e->type->kind == TYPE_NULL)
        e = expr_literal(p->b->a, value_null(p->b->a, type_of(TYPE_BOOLEAN)));
    if (e->type->kind != TYPE_BOOLEAN)
        return invalid(&node->span, err, "%s must be a condition, but is of type %s", p->clause,
                       type_name(p->b, e->type));
    *ret = e;
    return 0;
}

static int const_value(struct expr_place *p, const struct ast *node, const char *what,
                       const struct expr **ret_expr, const struct column **ret, struct err *err) {
    struct expr_place cp = {.b = p->b, .scope = NULL, .clause = what};
    const struct expr *e;
    int rc = bind_expr(&cp, node, &e, err);
    if (rc) return rc;
    if (!expr_is_const(e)) return invalid(&node->span, err, "%s must be a constant", what);
    rc = expr_eval_const(p->b->a, e, session_env(p->b->s), ret, err);
    if (rc) return err_at(err, rc, &node->span);
    if (!col_is_valid(*ret, 0)) return invalid(&node->span, err, "%s must not be NULL", what);
    *ret_expr = e;
    return 0;
}

int bind_interval_ms(struct expr_place *p, const struct ast *node, const char *what, int64_t *ret,
                     struct err *err) {
    const struct expr *e;
    const struct column *v;
    int rc = const_value(p, node, what, &e, &v, err);
    if (rc) return rc;
    if (e->type->kind != TYPE_INTERVAL_DAY_TIME)
        return invalid(&node->span, err,
                       "%s must be an interval of days to seconds, such as INTERVAL '10' MINUTE, "
                       "but is of type %s",
                       what, type_name(p->b, e->type));
    *ret = COL_DATA(v, int64_t)[0];
    return 0;
}

int bind_const_int(struct expr_place *p, const struct ast *node, const char *what, int64_t *ret,
                   struct err *err) {
    const struct expr *e;
    const struct column *v;
    int rc = const_value(p, node, what, &e, &v, err);
    if (rc) return rc;
    switch (e->type->kind) {
    case TYPE_TINYINT:
        *ret = COL_DATA(v, int8_t)[0];
        return 0;
    case TYPE_SMALLINT:
        *ret = COL_DATA(v, int16_t)[0];
        return 0;
    case TYPE_INT:
        *ret = COL_DATA(v, int32_t)[0];
        return 0;
    case TYPE_BIGINT:
        *ret = COL_DATA(v, int64_t)[0];
        return 0;
    default:
        return invalid(&node->span, err, "%s must be a whole number, but is of type %s", what,
                       type_name(p->b, e->type));
    }
}

/* ---- fields ---- */

int bind_field(struct binder *b, const struct ast *at, const struct expr *row,
               const struct ast_name *field, const struct expr **ret, struct err *err) {
    const struct type *t = row->type;
    if (t->kind != TYPE_ROW)
        return invalid(&field->span, err, "no field '%s': the value is of type %s, not a ROW",
                       field->text, type_name(b, t));
    for (int i = 0; i < t->n_children; i++) {
        if (strcmp(t->field_names[i], field->text) != 0) continue;
        const struct expr *args[] = {row, bind_symbol(b, field->text)};
        return bind_call_named(b, at, "FIELD", args, 2, ret, err);
    }
    const char *near = str_nearest(field->text, t->field_names, (size_t)t->n_children);
    return invalid(&field->span, err, "field '%s' not found in %s%s%s%s", field->text,
                   type_name(b, t), near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

/* A name: a column; where aliases count (ORDER BY, QUALIFY), first the select list's. */
static int ident(struct expr_place *p, const struct ast_ident *id, const struct expr **ret,
                 struct err *err) {
    if (id->star) return invalid(&id->base.span, err, "* can't stand in an expression");
    if (p->allow & ALLOW_ALIASES && p->sel && id->parts.n == 1) {
        const char *name = id->parts.items[0].text;
        for (int i = 0; i < p->sel->n_items; i++) {
            if (!p->sel->item_named[i] || strcmp(p->sel->names[i], name) != 0) continue;
            *ret = p->sel->items[i];
            return 0;
        }
    }
    if (p->match) return bind_match_ident(p, id, ret, err);
    if (id->parts.n == 1 && !strcasecmp(id->parts.items[0].text, "PI") &&
        (!p->scope || scope_resolve(p->b, p->scope, id, ret, NULL)))
        return bind_call_named(p->b, &id->base, "PI", (const struct expr *[]){NULL}, 0, ret, err);
    if (!p->scope)
        return invalid(&id->base.span, err, "column '%s' can't stand in %s: it must be a constant",
                       id->parts.items[id->parts.n - 1].text, p->clause);
    return scope_resolve(p->b, p->scope, id, ret, err);
}

static int collection(struct expr_place *p, const struct ast *node, const struct ast_list *list,
                      const char *name, const struct expr **ret, struct err *err) {
    const struct expr **args;
    int rc = bind_exprs(p, list, &args, err);
    if (rc) return rc;
    return bind_call_named(p->b, node, name, args, (int)list->n, ret, err);
}

static int array_or_map(struct expr_place *p, const struct ast *node, const struct expr **ret,
                        struct err *err) {
    bool map = node->kind == AST_MAP;
    const struct ast_list *list = map ? &AST_TO(map, node)->args : &AST_TO(array, node)->args;
    if (!list->n)
        return invalid(&node->span, err,
                       map ? "MAP[] requires at least 2 arguments"
                           : "ARRAY[] requires at least 1 "
                             "argument");
    if (map && list->n % 2)
        return invalid(&node->span, err,
                       "MAP[...] takes keys and values in turn: its number of "
                       "arguments must be even");
    return collection(p, node, list, map ? "MAP" : "ARRAY", ret, err);
}

static int collect_query(const struct ast_collect_query *c, struct err *err) {
    static const char *const names[] = {"ARRAY", "MULTISET", "MAP"};
    if (!c->query) return unsupported(&c->base.span, err, "MULTISET[...]");
    return unsupported(&c->base.span, err, "%s(query)", names[c->collect]);
}

static int index_expr(struct expr_place *p, const struct ast_index *n, const struct expr **ret,
                      struct err *err) {
    const struct expr *args[2];
    int rc = bind_expr(p, n->arg, &args[0], err);
    if (!rc) rc = bind_expr(p, n->index, &args[1], err);
    if (rc) return rc;
    return bind_call_named(p->b, &n->base, "ITEM", args, 2, ret, err);
}

/* INTERVAL x UNIT: x times an interval of one unit. */
static int interval_expr(struct expr_place *p, const struct ast_interval *n,
                         const struct expr **ret, struct err *err) {
    struct ast_literal one = {.base = {.kind = AST_LITERAL, .span = n->base.span},
                              .lit = AST_LIT_INTERVAL,
                              .text = "1",
                              .len_bytes = 1,
                              .negative = n->negative,
                              .qual = n->qual};
    const struct expr *args[2];
    int rc = bind_literal(p->b, &one, &args[0], err);
    if (!rc) rc = bind_expr(p, n->amount, &args[1], err);
    if (rc) return rc;
    return bind_call_named(p->b, &n->base, "*", args, 2, ret, err);
}

static int interval_minus(struct expr_place *p, const struct ast_interval_minus *n,
                          const struct expr **ret, struct err *err) {
    enum interval_unit unit;
    const struct expr *args[3];
    int rc = bind_interval_unit(&n->qual, &n->base.span, &unit, err);
    if (!rc) rc = bind_expr(p, n->left, &args[0], err);
    if (!rc) rc = bind_expr(p, n->right, &args[1], err);
    if (rc) return rc;
    args[2] = bind_symbol(p->b, ast_unit_name(n->qual.start));
    return bind_call_named(p->b, &n->base, "MINUS_DATE", args, 3, ret, err);
}

/* CAST(5 AS INTERVAL DAY) counts the unit named; interval types as such know none. */
static int cast_to_unit(struct expr_place *p, const struct ast_cast *c, const struct expr **e,
                        const struct type *to, struct err *err) {
    static const int units[] = {
        [AST_UNIT_YEAR] = IV_YEAR, [AST_UNIT_MONTH] = IV_MONTH,   [AST_UNIT_DAY] = IV_DAY,
        [AST_UNIT_HOUR] = IV_HOUR, [AST_UNIT_MINUTE] = IV_MINUTE, [AST_UNIT_SECOND] = IV_SECOND};
    const struct ast_qualifier *q = &c->type->qual;
    if (q->end != AST_UNIT_NONE)
        return invalid(&c->base.span, err,
                       "CAST can't convert %s to an interval of several units, %s TO %s",
                       type_name(p->b, (*e)->type), ast_unit_name(q->start), ast_unit_name(q->end));
    if (q->start == AST_UNIT_QUARTER || q->start == AST_UNIT_WEEK)
        return unsupported(&c->base.span, err, "CAST of a number to INTERVAL %s",
                           ast_unit_name(q->start));
    struct type *unit = arena_dup(p->b->a, to, sizeof(*to));
    unit->unit = (uint8_t)units[q->start];
    return bind_cast_to(p->b, &c->base, *e, unit, c->is_try, e, err);
}

static int cast_expr(struct expr_place *p, const struct ast_cast *c, const struct expr **ret,
                     struct err *err) {
    const struct type *to;
    const struct expr *e;
    int rc = bind_type(p->b, c->type, &to, err);
    if (!rc) rc = bind_expr(p, c->arg, &e, err);
    if (rc) return rc;
    if (type_is_interval(to) && type_is_numeric(e->type)) rc = cast_to_unit(p, c, &e, to, err);
    if (rc) return rc;
    return bind_cast_to(p->b, &c->base, e, to, c->is_try, ret, err);
}

static int field_expr(struct expr_place *p, const struct ast_field *f, const struct expr **ret,
                      struct err *err) {
    if (f->star) return invalid(&f->base.span, err, "(...).* stands in the select list alone");
    const struct expr *row;
    int rc = bind_expr(p, f->arg, &row, err);
    if (rc) return rc;
    return bind_field(p->b, &f->base, row, &f->name, ret, err);
}

static int subquery_expr(struct expr_place *p, const struct ast *node, const struct expr **ret,
                         struct err *err) {
    if (!p->sel || !(p->allow & ALLOW_SUBQUERY))
        return unsupported(&node->span, err, "a subquery in %s", p->clause);
    return select_add_subquery(p, node, ret, err);
}

static const struct expr *symbol(struct binder *b, const struct ast_symbol *s) {
    return bind_symbol(b, s->unit == AST_UNIT_NONE ? s->text : ast_unit_name(s->unit));
}

int bind_expr(struct expr_place *p, const struct ast *node, const struct expr **ret,
              struct err *err) {
    switch (node->kind) {
    case AST_LITERAL:
        return bind_literal(p->b, AST_TO(literal, node), ret, err);
    case AST_IDENT:
        return ident(p, AST_TO(ident, node), ret, err);
    case AST_PARAM:
        return unsupported(&node->span, err, "parameters (?)");
    case AST_UNARY:
    case AST_BINARY:
    case AST_BETWEEN:
    case AST_LIKE:
    case AST_CASE:
        return bind_op(p, node, ret, err);
    case AST_IN:
    case AST_QUANTIFIED:
        if (node->kind == AST_IN ? AST_TO(in, node)->query != NULL
                                 : AST_TO(quantified, node)->query != NULL)
            return subquery_expr(p, node, ret, err);
        return bind_op(p, node, ret, err);
    case AST_EXISTS:
    case AST_SUBQUERY:
        return subquery_expr(p, node, ret, err);
    case AST_CAST:
        return cast_expr(p, AST_TO(cast, node), ret, err);
    case AST_CALL:
        return bind_call(p, AST_TO(call, node), ret, err);
    case AST_ROW:
        return collection(p, node, &AST_TO(row, node)->args, "ROW", ret, err);
    case AST_ARRAY:
    case AST_MAP:
        return array_or_map(p, node, ret, err);
    case AST_COLLECT_QUERY:
        return collect_query(AST_TO(collect_query, node), err);
    case AST_FIELD:
        return field_expr(p, AST_TO(field, node), ret, err);
    case AST_INDEX:
        return index_expr(p, AST_TO(index, node), ret, err);
    case AST_INTERVAL_MINUS:
        return interval_minus(p, AST_TO(interval_minus, node), ret, err);
    case AST_INTERVAL:
        return interval_expr(p, AST_TO(interval, node), ret, err);
    case AST_NAMED_ARG:
        return invalid(&node->span, err, "named arguments stand in table functions only");
    case AST_DESCRIPTOR:
        return invalid(&node->span, err, "DESCRIPTOR stands in table functions only");
    case AST_SYMBOL:
        *ret = symbol(p->b, AST_TO(symbol, node));
        return 0;
    case AST_DEFAULT:
        return unsupported(&node->span, err, "DEFAULT as a value");
    default:
        return unsupported(&node->span, err, "%s in an expression", ast_kind_name(node->kind));
    }
}
