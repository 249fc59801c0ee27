/* bind_op.c - operators, conditionals and lists of values as calls. */
#include "sql/bind.h"

#include "base/core/mem.h"

#include <string.h>

/* How the function table names what stands in front of or behind its operand. */
static const char *unary_name(enum ast_op op) {
    switch (op) {
    case AST_OP_NEG:
        return "NEGATE";
    case AST_OP_IS_UNKNOWN:
        return "IS NULL";
    case AST_OP_IS_NOT_UNKNOWN:
        return "IS NOT NULL";
    case AST_OP_FORMAT_JSON:
        return "JSON";
    case AST_OP_IS_NOT_JSON_VALUE:
        return "IS JSON VALUE";
    case AST_OP_IS_NOT_JSON_OBJECT:
        return "IS JSON OBJECT";
    case AST_OP_IS_NOT_JSON_ARRAY:
        return "IS JSON ARRAY";
    case AST_OP_IS_NOT_JSON_SCALAR:
        return "IS JSON SCALAR";
    default:
        return ast_op_text(op);
    }
}

static bool is_negated_json(enum ast_op op) {
    return op == AST_OP_IS_NOT_JSON_VALUE || op == AST_OP_IS_NOT_JSON_OBJECT ||
           op == AST_OP_IS_NOT_JSON_ARRAY || op == AST_OP_IS_NOT_JSON_SCALAR;
}

static int negate(struct binder *b, const struct ast *at, const struct expr *e,
                  const struct expr **ret, struct err *err) {
    return bind_call_named(b, at, "NOT", &e, 1, ret, err);
}

static int unary(struct expr_place *p, const struct ast_unary *u, const struct expr **ret,
                 struct err *err) {
    if (u->op == AST_OP_NEG && u->arg->kind == AST_LITERAL) {
        struct ast_literal l = *AST_TO(literal, u->arg);
        if ((l.lit == AST_LIT_EXACT || l.lit == AST_LIT_APPROX) && !l.negative) {
            l.negative = true;
            l.base.span = u->base.span;
            return bind_literal(p->b, &l, ret, err);
        }
    }
    if (u->op == AST_OP_RUNNING || u->op == AST_OP_FINAL) {
        if (p->match) return bind_expr(p, u->arg, ret, err);
        return invalid(&u->base.span, err, "%s stands in MATCH_RECOGNIZE only", ast_op_text(u->op));
    }
    const struct expr *e;
    int rc = bind_expr(p, u->arg, &e, err);
    if (rc) return rc;
    if (u->op == AST_OP_POS) {
        if (!type_is_numeric(e->type) && !type_is_interval(e->type))
            return invalid(&u->base.span, err, "cannot apply '+' to type %s",
                           type_name(p->b, e->type));
        *ret = e;
        return 0;
    }
    bool truth = u->op >= AST_OP_IS_TRUE && u->op <= AST_OP_IS_NOT_UNKNOWN;
    if (truth && e->type->kind != TYPE_BOOLEAN && e->type->kind != TYPE_NULL)
        return invalid(&u->base.span, err, "cannot apply '%s' to type %s; it takes a BOOLEAN",
                       ast_op_text(u->op), type_name(p->b, e->type));
    rc = bind_call_named(p->b, &u->base, unary_name(u->op), &e, 1, ret, err);
    if (!rc && is_negated_json(u->op)) rc = negate(p->b, &u->base, *ret, ret, err);
    return rc;
}

/* x AND y AND z as one call, in whatever way it was nested: scripts chain hundreds. */
static int chain(struct expr_place *p, const struct ast_binary *top, const struct expr **ret,
                 struct err *err) {
    enum ast_op op = top->op;
    int n = 1, i;
    const struct ast *node = &top->base;
    for (; node->kind == AST_BINARY && AST_TO(binary, node)->op == op;
         node = AST_TO(binary, node)->left)
        n++;
    const struct expr **args = ARENA_NEW_N(p->b->a, const struct expr *, n);
    const struct ast **nodes = ARENA_NEW_N(p->b->a, const struct ast *, n);
    node = &top->base;
    for (i = n - 1; i > 0; i--) {
        nodes[i] = AST_TO(binary, node)->right;
        node = AST_TO(binary, node)->left;
    }
    nodes[0] = node;
    for (i = 0; i < n; i++) {
        int rc = bind_expr(p, nodes[i], &args[i], err);
        if (rc) return rc;
    }
    return bind_call_named(p->b, &top->base, ast_op_text(op), args, n, ret, err);
}

static int overlaps(struct expr_place *p, const struct ast_binary *x, const struct expr **ret,
                    struct err *err) {
    const struct expr *args[4];
    const struct ast *sides[] = {x->left, x->right};
    for (int i = 0; i < 2; i++) {
        if (sides[i]->kind != AST_ROW || AST_TO(row, sides[i])->args.n != 2)
            return invalid(&sides[i]->span, err,
                           "OVERLAPS takes two periods: (a, b) OVERLAPS "
                           "(c, d)");
        for (int k = 0; k < 2; k++) {
            int rc = bind_expr(p, AST_TO(row, sides[i])->args.items[k], &args[i * 2 + k], err);
            if (rc) return rc;
        }
    }
    return bind_call_named(p->b, &x->base, "OVERLAPS", args, 4, ret, err);
}

static int binary(struct expr_place *p, const struct ast_binary *x, const struct expr **ret,
                  struct err *err) {
    if (x->op == AST_OP_AND || x->op == AST_OP_OR) return chain(p, x, ret, err);
    if (x->op == AST_OP_OVERLAPS) return overlaps(p, x, ret, err);
    if (x->op > AST_OP_CONCAT)
        return unsupported(&x->base.span, err, "the operator %s", ast_op_text(x->op));
    const struct expr *args[2];
    int rc = bind_expr(p, x->left, &args[0], err);
    if (!rc) rc = bind_expr(p, x->right, &args[1], err);
    if (rc) return rc;
    return bind_call_named(p->b, &x->base, ast_op_text(x->op), args, 2, ret, err);
}

/* low <= value AND value <= high */
static int between_of(struct binder *b, const struct ast *at, const struct expr *v,
                      const struct expr *low, const struct expr *high, const struct expr **ret,
                      struct err *err) {
    const struct expr *both[2];
    int rc = bind_call_named(b, at, ">=", (const struct expr *[]){v, low}, 2, &both[0], err);
    if (!rc) rc = bind_call_named(b, at, "<=", (const struct expr *[]){v, high}, 2, &both[1], err);
    if (!rc) rc = bind_call_named(b, at, "AND", both, 2, ret, err);
    return rc;
}

static int between(struct expr_place *p, const struct ast_between *n, const struct expr **ret,
                   struct err *err) {
    const struct expr *v, *low, *high, *e;
    int rc = bind_expr(p, n->value, &v, err);
    if (!rc) rc = bind_expr(p, n->low, &low, err);
    if (!rc) rc = bind_expr(p, n->high, &high, err);
    if (!rc) rc = between_of(p->b, &n->base, v, low, high, &e, err);
    if (!rc && n->symmetric) {
        const struct expr *either[2] = {e, NULL};
        rc = between_of(p->b, &n->base, v, high, low, &either[1], err);
        if (!rc) rc = bind_call_named(p->b, &n->base, "OR", either, 2, &e, err);
    }
    if (!rc && n->negated) rc = negate(p->b, &n->base, e, &e, err);
    if (rc) return rc;
    *ret = e;
    return 0;
}

static int like(struct expr_place *p, const struct ast_like *n, const struct expr **ret,
                struct err *err) {
    static const char *const names[] = {"LIKE", "ILIKE", "SIMILAR TO", "REGEXP"};
    const struct expr *args[3], *e;
    int rc = bind_expr(p, n->value, &args[0], err);
    if (!rc) rc = bind_expr(p, n->pattern, &args[1], err);
    if (!rc && n->escape) rc = bind_expr(p, n->escape, &args[2], err);
    if (!rc) rc = bind_call_named(p->b, &n->base, names[n->like], args, n->escape ? 3 : 2, &e, err);
    if (!rc && n->negated) rc = negate(p->b, &n->base, e, &e, err);
    if (rc) return rc;
    *ret = e;
    return 0;
}

/* CASE v WHEN a, b THEN x ...: each WHEN is a comparison with v, or several joined by OR. */
static int when(struct expr_place *p, const struct expr *value, const struct ast *node,
                const struct expr **ret, struct err *err) {
    if (!value) return bind_condition(p, node, ret, err);
    const struct ast_list one = {(struct ast **)&node, 1};
    const struct ast_list *list =
        node->kind == AST_ROW && !AST_TO(row, node)->keyword ? &AST_TO(row, node)->args : &one;
    const struct expr **cmp = ARENA_NEW_N(p->b->a, const struct expr *, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        const struct expr *args[2] = {value, NULL};
        int rc = bind_expr(p, list->items[i], &args[1], err);
        if (!rc) rc = bind_call_named(p->b, list->items[i], "=", args, 2, &cmp[i], err);
        if (rc) return rc;
    }
    *ret = cmp[0];
    return list->n == 1 ? 0 : bind_call_named(p->b, node, "OR", cmp, (int)list->n, ret, err);
}

static int case_expr(struct expr_place *p, const struct ast_case *c, const struct expr **ret,
                     struct err *err) {
    const struct expr *value = NULL;
    int rc = c->value ? bind_expr(p, c->value, &value, err) : 0;
    if (rc) return rc;
    const struct expr **args = ARENA_NEW_N(p->b->a, const struct expr *, c->whens.n * 2 + 1);
    int n = 0;
    for (size_t i = 0; i < c->whens.n; i++) {
        rc = when(p, value, c->whens.items[i], &args[n++], err);
        if (!rc) rc = bind_expr(p, c->thens.items[i], &args[n++], err);
        if (rc) return rc;
    }
    if (c->otherwise) {
        rc = bind_expr(p, c->otherwise, &args[n++], err);
        if (rc) return rc;
    } else {
        args[n++] = expr_literal(p->b->a, value_null(p->b->a, type_of(TYPE_NULL)));
    }
    return bind_call_named(p->b, &c->base, "CASE", args, n, ret, err);
}

/* value op each item, joined by AND or OR. */
static int each(struct expr_place *p, const struct ast *at, const struct expr *value,
                const char *op, const struct ast_list *list, const char *join,
                const struct expr **ret, struct err *err) {
    const struct expr **cmp = ARENA_NEW_N(p->b->a, const struct expr *, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        const struct expr *args[2] = {value, NULL};
        int rc = bind_expr(p, list->items[i], &args[1], err);
        if (!rc) rc = bind_call_named(p->b, list->items[i], op, args, 2, &cmp[i], err);
        if (rc) return rc;
    }
    *ret = cmp[0];
    return list->n == 1 ? 0 : bind_call_named(p->b, at, join, cmp, (int)list->n, ret, err);
}

static int in_list(struct expr_place *p, const struct ast_in *n, const struct expr **ret,
                   struct err *err) {
    const struct expr **args = ARENA_NEW_N(p->b->a, const struct expr *, n->list.n + 1), *e;
    int rc = bind_expr(p, n->value, &args[0], err);
    for (size_t i = 0; !rc && i < n->list.n; i++)
        rc = bind_expr(p, n->list.items[i], &args[i + 1], err);
    if (!rc) rc = bind_call_named(p->b, &n->base, "IN", args, (int)n->list.n + 1, &e, err);
    if (!rc && n->negated) rc = negate(p->b, &n->base, e, &e, err);
    if (rc) return rc;
    *ret = e;
    return 0;
}

int bind_op(struct expr_place *p, const struct ast *node, const struct expr **ret,
            struct err *err) {
    switch (node->kind) {
    case AST_UNARY:
        return unary(p, AST_TO(unary, node), ret, err);
    case AST_BINARY:
        return binary(p, AST_TO(binary, node), ret, err);
    case AST_BETWEEN:
        return between(p, AST_TO(between, node), ret, err);
    case AST_LIKE:
        return like(p, AST_TO(like, node), ret, err);
    case AST_CASE:
        return case_expr(p, AST_TO(case, node), ret, err);
    case AST_IN:
        return in_list(p, AST_TO(in, node), ret, err);
    default: {
        const struct ast_quantified *q = AST_TO(quantified, node);
        const struct expr *value;
        int rc = bind_expr(p, q->value, &value, err);
        if (rc) return rc;
        return each(p, node, value, ast_op_text(q->op), &q->list, q->all ? "AND" : "OR", ret, err);
    }
    }
}
