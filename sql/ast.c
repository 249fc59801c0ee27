/* ast.c - names of kinds, and the walk over a node's children. */
#include "sql/ast.h"

#include "sql/ast_stmt.h"

const char *ast_kind_name(enum ast_kind kind) {
    static const char *const names[AST_KIND_COUNT] = {
#define X(kind_, name) #kind_,
        AST_EXPR_LIST(X) AST_QUERY_LIST(X) AST_STMT_LIST(X)
#undef X
    };
    CHECK(kind >= 0 && kind < AST_KIND_COUNT);
    return names[kind];
}

const char *ast_unit_name(enum ast_unit u) {
    static const char *const names[AST_UNIT_COUNT] = {
        "",       "YEAR",    "QUARTER",     "MONTH",       "WEEK",       "DAY",       "HOUR",
        "MINUTE", "SECOND",  "MILLISECOND", "MICROSECOND", "NANOSECOND", "DOW",       "DOY",
        "ISODOW", "ISOYEAR", "EPOCH",       "DECADE",      "CENTURY",    "MILLENNIUM"};
    CHECK(u >= 0 && u < AST_UNIT_COUNT);
    return names[u];
}

const char *ast_type_kind_name(enum ast_type_kind k) {
    static const char *const names[AST_TYPE_COUNT] = {
#define X(name) #name,
        AST_TYPE_LIST(X)
#undef X
    };
    CHECK(k >= 0 && k < AST_TYPE_COUNT);
    return names[k];
}

const char *ast_op_text(enum ast_op op) {
    static const char *const names[AST_OP_COUNT] = {
#define X(name, text, place) text,
        AST_OP_LIST(X)
#undef X
    };
    CHECK(op >= 0 && op < AST_OP_COUNT);
    return names[op];
}

const char *ast_object_name(enum ast_object o) {
    static const char *const names[AST_OBJECT_COUNT] = {
        "TABLE",   "MATERIALIZED TABLE", "VIEW",  "FUNCTION",
        "CATALOG", "DATABASE",           "MODEL", "CONNECTION"};
    CHECK(o >= 0 && o < AST_OBJECT_COUNT);
    return names[o];
}

/* ---- children ------------------------------------------------------------------------------- */

struct visit {
    bool (*fn)(void *self, struct ast *child);
    void *self;
};

static bool one(struct visit *v, const void *node) {
    return !node || v->fn(v->self, (struct ast *)node);
}

static bool all(struct visit *v, const struct ast_list *l) {
    for (size_t i = 0; i < l->n; i++)
        if (!one(v, l->items[i])) return false;
    return true;
}

static bool order(struct visit *v, const struct ast_order *o) {
    for (size_t i = 0; i < o->n; i++)
        if (!one(v, o->items[i].expr)) return false;
    return true;
}

static bool of_call(struct visit *v, const struct ast_call *n) {
    if (!all(v, &n->args)) return false;
    if (n->json && (!one(v, n->json->empty_default) || !one(v, n->json->error_default)))
        return false;
    return order(v, &n->order_by) && one(v, n->filter) && one(v, n->over);
}

static bool of_case(struct visit *v, const struct ast_case *n) {
    if (!one(v, n->value)) return false;
    for (size_t i = 0; i < n->whens.n; i++)
        if (!one(v, n->whens.items[i]) || !one(v, n->thens.items[i])) return false;
    return one(v, n->otherwise);
}

static bool of_select(struct visit *v, const struct ast_select *n) {
    for (size_t i = 0; i < n->n_items; i++)
        if (!one(v, n->items[i].expr)) return false;
    if (!one(v, n->from) || !one(v, n->where) || !all(v, &n->group_by) || !one(v, n->having))
        return false;
    for (size_t i = 0; i < n->n_windows; i++)
        if (!one(v, n->windows[i])) return false;
    return one(v, n->qualify);
}

static bool of_query(struct visit *v, const struct ast_query *n) {
    for (size_t i = 0; i < n->n_with; i++)
        if (!one(v, n->with[i].query)) return false;
    return one(v, n->body) && order(v, &n->order_by) && one(v, n->offset) && one(v, n->limit);
}

static bool of_source(struct visit *v, const struct ast_source *s) {
    return one(v, s->as_of) && one(v, s->match);
}

static bool of_match(struct visit *v, const struct ast_match *n) {
    if (!all(v, &n->partition_by) || !order(v, &n->order_by)) return false;
    for (size_t i = 0; i < n->n_measures; i++)
        if (!one(v, n->measures[i].expr)) return false;
    if (!one(v, n->pattern) || !one(v, n->within)) return false;
    for (size_t i = 0; i < n->n_defines; i++)
        if (!one(v, n->defines[i].condition)) return false;
    return true;
}

static bool of_window(struct visit *v, const struct ast_window *n) {
    return all(v, &n->partition_by) && order(v, &n->order_by) && one(v, n->low.offset) &&
           one(v, n->high.offset);
}

static bool of_schema(struct visit *v, const struct ast_schema *s) {
    for (size_t i = 0; i < s->n_columns; i++)
        if (!one(v, s->columns[i].expr)) return false;
    return !s->watermark || one(v, s->watermark->expr);
}

static bool of_partition(struct visit *v, const struct ast_partition *p) {
    for (size_t i = 0; p && i < p->n; i++)
        if (!one(v, p->items[i].value)) return false;
    return true;
}

static bool of_update(struct visit *v, const struct ast_update *n) {
    for (size_t i = 0; i < n->n_columns; i++)
        if (!one(v, n->values[i])) return false;
    return one(v, n->where);
}

static bool of_alter(struct visit *v, const struct ast_alter *n) {
    for (size_t i = 0; i < n->n_partitions; i++)
        if (!of_partition(v, &n->partitions[i])) return false;
    return of_schema(v, &n->schema) && one(v, n->query) && one(v, n->freshness);
}

static bool of_statement(struct visit *v, const struct ast *n) {
    switch (n->kind) {
    case AST_CREATE_TABLE: {
        const struct ast_create_table *t = AST_TO(create_table, n);
        return of_schema(v, &t->schema) && one(v, t->freshness) && one(v, t->as_query);
    }
    case AST_CREATE_VIEW:
        return one(v, AST_TO(create_view, n)->query);
    case AST_CREATE_MODEL: {
        const struct ast_create_model *m = AST_TO(create_model, n);
        return of_schema(v, &m->input) && of_schema(v, &m->output) && one(v, m->as_query);
    }
    case AST_ALTER:
        return of_alter(v, AST_TO(alter, n));
    case AST_SHOW:
        return of_partition(v, AST_TO(show, n)->partition);
    case AST_EXPLAIN:
        return one(v, AST_TO(explain, n)->stmt);
    case AST_INSERT:
        return of_partition(v, AST_TO(insert, n)->partition) && one(v, AST_TO(insert, n)->query);
    case AST_STATEMENT_SET:
        return all(v, &AST_TO(statement_set, n)->inserts);
    case AST_EXECUTE:
        return one(v, AST_TO(execute, n)->stmt);
    case AST_COMPILE_PLAN:
        return one(v, AST_TO(compile_plan, n)->stmt);
    case AST_UPDATE:
        return of_update(v, AST_TO(update, n));
    case AST_DELETE:
        return one(v, AST_TO(delete, n)->where);
    case AST_CALL_PROCEDURE:
        return one(v, AST_TO(call_procedure, n)->call);
    case AST_ANALYZE:
        return of_partition(v, AST_TO(analyze, n)->partition);
    default: /* the others have none */
        return true;
    }
}

static bool of_from(struct visit *v, const struct ast *n) {
    switch (n->kind) {
    case AST_TABLE_REF:
        return of_source(v, &AST_TO(table_ref, n)->src);
    case AST_DERIVED:
        return one(v, AST_TO(derived, n)->query) && of_source(v, &AST_TO(derived, n)->src);
    case AST_TABLE_FUNC:
        return one(v, AST_TO(table_func, n)->call) && of_source(v, &AST_TO(table_func, n)->src);
    case AST_UNNEST:
        return all(v, &AST_TO(unnest, n)->args) && of_source(v, &AST_TO(unnest, n)->src);
    case AST_JOIN: {
        const struct ast_join *j = AST_TO(join, n);
        return one(v, j->left) && one(v, j->right) && one(v, j->on);
    }
    case AST_MATCH:
        return of_match(v, AST_TO(match, n));
    case AST_PATTERN:
        return all(v, &AST_TO(pattern, n)->items);
    default:
        return of_statement(v, n);
    }
}

static bool of_queries(struct visit *v, const struct ast *n) {
    switch (n->kind) {
    case AST_QUERY:
        return of_query(v, AST_TO(query, n));
    case AST_SELECT:
        return of_select(v, AST_TO(select, n));
    case AST_SETOP:
        return one(v, AST_TO(setop, n)->left) && one(v, AST_TO(setop, n)->right);
    case AST_VALUES:
        return all(v, &AST_TO(values, n)->rows);
    case AST_GROUP:
        return all(v, &AST_TO(group, n)->items);
    case AST_WINDOW:
        return of_window(v, AST_TO(window, n));
    default:
        return of_from(v, n);
    }
}

static bool of_lists(struct visit *v, const struct ast *n) {
    switch (n->kind) {
    case AST_ROW:
        return all(v, &AST_TO(row, n)->args);
    case AST_ARRAY:
        return all(v, &AST_TO(array, n)->args);
    case AST_MAP:
        return all(v, &AST_TO(map, n)->args);
    case AST_COLLECT_QUERY:
        return one(v, AST_TO(collect_query, n)->query) && all(v, &AST_TO(collect_query, n)->args);
    case AST_FIELD:
        return one(v, AST_TO(field, n)->arg);
    case AST_INDEX:
        return one(v, AST_TO(index, n)->arg) && one(v, AST_TO(index, n)->index);
    case AST_INTERVAL:
        return one(v, AST_TO(interval, n)->amount);
    case AST_INTERVAL_MINUS: {
        const struct ast_interval_minus *m = AST_TO(interval_minus, n);
        return one(v, m->left) && one(v, m->right);
    }
    case AST_SUBQUERY:
        return one(v, AST_TO(subquery, n)->query);
    case AST_NAMED_ARG:
        return one(v, AST_TO(named_arg, n)->value);
    case AST_TABLE_ARG: {
        const struct ast_table_arg *t = AST_TO(table_arg, n);
        return one(v, t->query) && all(v, &t->partition_by) && order(v, &t->order_by);
    }
    default:
        return of_queries(v, n);
    }
}

bool ast_each_child(const struct ast *n, bool (*fn)(void *self, struct ast *child), void *self) {
    struct visit visit = {fn, self}, *v = &visit;
    switch (n->kind) {
    case AST_UNARY:
        return one(v, AST_TO(unary, n)->arg);
    case AST_BINARY:
        return one(v, AST_TO(binary, n)->left) && one(v, AST_TO(binary, n)->right);
    case AST_BETWEEN: {
        const struct ast_between *b = AST_TO(between, n);
        return one(v, b->value) && one(v, b->low) && one(v, b->high);
    }
    case AST_LIKE: {
        const struct ast_like *l = AST_TO(like, n);
        return one(v, l->value) && one(v, l->pattern) && one(v, l->escape);
    }
    case AST_IN: {
        const struct ast_in *in = AST_TO(in, n);
        return one(v, in->value) && all(v, &in->list) && one(v, in->query);
    }
    case AST_EXISTS:
        return one(v, AST_TO(exists, n)->query);
    case AST_QUANTIFIED: {
        const struct ast_quantified *q = AST_TO(quantified, n);
        return one(v, q->value) && all(v, &q->list) && one(v, q->query);
    }
    case AST_CASE:
        return of_case(v, AST_TO(case, n));
    case AST_CAST:
        return one(v, AST_TO(cast, n)->arg);
    case AST_CALL:
        return of_call(v, AST_TO(call, n));
    default:
        return of_lists(v, n);
    }
}
