/* bind_tvf.c - FROM TABLE(TUMBLE | HOP | CUMULATE | SESSION (...)). */
#include "sql/bind.h"

#include <string.h>
#include <strings.h>

enum { ARG_DATA, ARG_TIMECOL, ARG_FIRST, ARG_SECOND, ARG_OFFSET, ARG_COUNT };

/* Names of the parameters in positional order; FIRST and SECOND differ by function. */
static const struct signature {
    const char *name;
    int n_params, n_required;
    struct {
        const char *name;
        int arg;
    } params[5];
} signatures[] = {
    [WINDOW_TUMBLE] = {"TUMBLE",
                       4,
                       3,
                       {{"DATA", ARG_DATA},
                        {"TIMECOL", ARG_TIMECOL},
                        {"SIZE", ARG_SECOND},
                        {"OFFSET", ARG_OFFSET}}},
    [WINDOW_HOP] = {"HOP",
                    5,
                    4,
                    {{"DATA", ARG_DATA},
                     {"TIMECOL", ARG_TIMECOL},
                     {"SLIDE", ARG_FIRST},
                     {"SIZE", ARG_SECOND},
                     {"OFFSET", ARG_OFFSET}}},
    [WINDOW_CUMULATE] = {"CUMULATE",
                         5,
                         4,
                         {{"DATA", ARG_DATA},
                          {"TIMECOL", ARG_TIMECOL},
                          {"STEP", ARG_FIRST},
                          {"SIZE", ARG_SECOND},
                          {"OFFSET", ARG_OFFSET}}},
    [WINDOW_SESSION] = {"SESSION",
                        3,
                        3,
                        {{"DATA", ARG_DATA}, {"TIMECOL", ARG_TIMECOL}, {"GAP", ARG_FIRST}}},
};

bool is_window_tvf(const struct ast_call *c, enum window_type *ret) {
    if (c->name->parts.n != 1) return false;
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
        if (!strcasecmp(signatures[i].name, c->name->parts.items[0].text)) {
            *ret = (enum window_type)i;
            return true;
        }
    return false;
}

static int named_arg(const struct signature *sig, const struct ast_named_arg *n,
                     const struct ast **args, struct err *err) {
    const char *names[5];
    for (int i = 0; i < sig->n_params; i++) {
        names[i] = sig->params[i].name;
        if (strcasecmp(names[i], n->name.text) != 0) continue;
        if (args[sig->params[i].arg])
            return invalid(&n->base.span, err, "%s: argument %s is given twice", sig->name,
                           names[i]);
        args[sig->params[i].arg] = n->value;
        return 0;
    }
    const char *near = str_nearest(n->name.text, names, (size_t)sig->n_params);
    return invalid(&n->name.span, err, "%s has no argument '%s'%s%s%s", sig->name, n->name.text,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int arguments(const struct signature *sig, const struct ast_call *c, const struct ast **args,
                     struct err *err) {
    size_t n = c->args.n;
    bool named = n && c->args.items[0]->kind == AST_NAMED_ARG;
    if (n < (size_t)sig->n_required || n > (size_t)sig->n_params)
        return invalid(&c->base.span, err,
                       "invalid number of arguments to %s: expected %d%s, got %zu", sig->name,
                       sig->n_required, sig->n_params > sig->n_required ? " or one more" : "", n);
    for (size_t i = 0; i < n; i++) {
        const struct ast *a = c->args.items[i];
        if ((a->kind == AST_NAMED_ARG) != named)
            return invalid(&a->span, err, "%s: named and positional arguments can't be mixed",
                           sig->name);
        int rc = 0;
        if (named)
            rc = named_arg(sig, AST_TO(named_arg, a), args, err);
        else
            args[sig->params[i].arg] = a;
        if (rc) return rc;
    }
    for (int i = 0; i < sig->n_required; i++)
        if (!args[sig->params[i].arg])
            return invalid(&c->base.span, err, "%s: argument %s is missing", sig->name,
                           sig->params[i].name);
    return 0;
}

/* The table argument; SESSION's PARTITION BY columns to w. */
static int data_arg(struct binder *b, const struct signature *sig, const struct ast *node,
                    const struct scope *outer, const struct rel **ret, struct window_spec *w,
                    struct err *err) {
    static const struct ast_hints none;
    int rc;
    if (node->kind == AST_SUBQUERY)
        return bind_query(b, AST_TO(subquery, node)->query, outer, ret, err);
    if (node->kind != AST_TABLE_ARG)
        return invalid(&node->span, err, "%s: its first argument must be TABLE name or a query",
                       sig->name);
    const struct ast_table_arg *t = AST_TO(table_arg, node);
    const struct table_desc *desc;
    if (t->query)
        rc = bind_query(b, t->query, outer, ret, err);
    else
        rc = bind_table(b, t->table, &none, ret, &desc, err);
    if (rc) return rc;
    if (t->order_by.n)
        return invalid(&node->span, err, "%s: its table takes no ORDER BY", sig->name);
    if (t->partition_by.n && w->type != WINDOW_SESSION)
        return invalid(&node->span, err,
                       "%s: PARTITION BY stands in SESSION only; group by the "
                       "columns instead",
                       sig->name);
    int *keys = ARENA_NEW_N(b->a, int, t->partition_by.n + 1);
    struct scope *scope = scope_new(b->a, (*ret)->schema, NULL);
    struct expr_place p = {.b = b, .scope = scope, .clause = "PARTITION BY"};
    for (size_t i = 0; i < t->partition_by.n; i++) {
        const struct expr *e;
        rc = bind_expr(&p, t->partition_by.items[i], &e, err);
        if (rc) return rc;
        if (e->kind != EXPR_COLUMN)
            return invalid(&t->partition_by.items[i]->span, err,
                           "PARTITION BY of a table argument takes columns");
        keys[i] = e->column;
    }
    w->n_keys = (int)t->partition_by.n;
    w->keys = keys;
    return 0;
}

static int time_arg(struct binder *b, const struct signature *sig, const struct ast *node,
                    const struct rel *in, struct window_spec *w, struct err *err) {
    if (node->kind != AST_DESCRIPTOR)
        return invalid(&node->span, err, "%s: the time column is given as DESCRIPTOR(column)",
                       sig->name);
    const struct ast_names *cols = &AST_TO(descriptor, node)->columns;
    if (cols->n != 1)
        return invalid(&node->span, err, "%s: DESCRIPTOR takes one column", sig->name);
    int rc = schema_need(in->schema, &cols->items[0], "the window function's table",
                         &w->time_column, err);
    if (rc) return rc;
    const struct type *t = in->schema->fields[w->time_column].type;
    if (!type_is_timestamp(t))
        return invalid(&cols->items[0].span, err,
                       "%s: the time column must be of type TIMESTAMP or TIMESTAMP_LTZ, but '%s' "
                       "is %s",
                       sig->name, cols->items[0].text, type_name(b, t));
    if (!b->batch && t->time_attr == TIME_ATTR_NONE)
        return invalid(&cols->items[0].span, err,
                       "%s: the time column must be a time attribute, but '%s' is %s; declare "
                       "WATERMARK FOR it in its table, or use PROCTIME()",
                       sig->name, cols->items[0].text, type_name(b, t));
    return 0;
}

static int check_sizes(const struct signature *sig, const struct window_spec *w,
                       const struct ast *at, struct err *err) {
    const struct ast_span *s = &at->span;
    if (w->type == WINDOW_SESSION)
        return w->gap_ms > 0 ? 0
                             : invalid(s, err, "SESSION: the gap must be positive, but is %lld ms",
                                       (long long)w->gap_ms);
    if (w->size_ms <= 0)
        return invalid(s, err, "%s: the size must be positive, but is %lld ms", sig->name,
                       (long long)w->size_ms);
    if (w->type == WINDOW_TUMBLE) return 0;
    const char *step = sig->params[2].name;
    if (w->slide_ms <= 0)
        return invalid(s, err, "%s: the %s must be positive, but is %lld ms", sig->name, step,
                       (long long)w->slide_ms);
    if (w->size_ms % w->slide_ms)
        return invalid(s, err,
                       "%s: the size must be a multiple of the %s, but they are %lld ms and %lld "
                       "ms",
                       sig->name, step, (long long)w->size_ms, (long long)w->slide_ms);
    return 0;
}

static int interval_args(struct binder *b, const struct signature *sig, const struct ast **args,
                         struct window_spec *w, struct err *err) {
    struct expr_place p = {.b = b, .clause = "a window's size"};
    int64_t first = 0;
    int rc = 0;
    const char *what = arena_printf(b->a, "an interval of %s", sig->name);
    if (args[ARG_FIRST]) rc = bind_interval_ms(&p, args[ARG_FIRST], what, &first, err);
    if (!rc && args[ARG_SECOND])
        rc = bind_interval_ms(&p, args[ARG_SECOND], what, &w->size_ms, err);
    if (!rc && args[ARG_OFFSET])
        rc = bind_interval_ms(&p, args[ARG_OFFSET], what, &w->offset_ms, err);
    if (w->type == WINDOW_SESSION)
        w->gap_ms = first;
    else
        w->slide_ms = first;
    return rc;
}

int bind_window_tvf(struct binder *b, const struct ast_call *c, const struct scope *outer,
                    const struct rel **ret, struct err *err) {
    struct window_spec w = {0};
    const struct ast *args[ARG_COUNT] = {0};
    is_window_tvf(c, &w.type);
    const struct signature *sig = &signatures[w.type];
    const struct rel *in;
    int rc = arguments(sig, c, args, err);
    if (!rc) rc = data_arg(b, sig, args[ARG_DATA], outer, &in, &w, err);
    if (!rc) rc = time_arg(b, sig, args[ARG_TIMECOL], in, &w, err);
    if (!rc) rc = interval_args(b, sig, args, &w, err);
    if (!rc) rc = check_sizes(sig, &w, &c->base, err);
    if (rc) return rc;
    int n = in->schema->n;
    const struct schema *s = schema_new(b->a, n + 3);
    struct field *f = (struct field *)s->fields;
    memcpy(f, in->schema->fields, sizeof(*f) * (size_t)n);
    const struct type *edge = type_time(b->a, TYPE_TIMESTAMP, 3, false);
    const struct type *t = f[w.time_column].type, *time = type_time(b->a, t->kind, 3, false);
    f[n] = (struct field){"window_start", edge};
    f[n + 1] = (struct field){"window_end", edge};
    f[n + 2] = (struct field){"window_time", type_with_time_attr(b->a, time, t->time_attr)};
    struct rel *r = rel_new(b->a, REL_WINDOW, s, &in, 1);
    r->u.window = w;
    r->line = c->base.span.line;
    r->column = c->base.span.column;
    *ret = r;
    return 0;
}
