/* bind_group.c - GROUP BY with its grouping sets, GROUPING, and the plan's AGGREGATE. */
#include "sql/bind_select.h"

#include <string.h>

enum { KEYS_MAX = 64, SETS_MAX = 4096 };

/* A list of grouping sets, each a bit set over the select's keys. */
struct sets {
    int n;
    uint64_t *bits; /* SETS_MAX + 1, in the arena */
};

static struct sets *sets_new(struct arena *a) {
    struct sets *s = ARENA_NEW(a, struct sets);
    s->bits = arena_alloc(a, sizeof(uint64_t) * (SETS_MAX + 1));
    return s;
}

static int sets_add(struct sets *s, uint64_t bits, const struct ast *at, struct err *err) {
    if (s->n >= SETS_MAX)
        return invalid(&at->span, err, "GROUP BY gives more than %d grouping sets", SETS_MAX);
    s->bits[s->n++] = bits;
    return 0;
}

static int key_number(struct select *sel, const struct ast *node, int *ret, struct err *err) {
    struct expr_place p = {.b = sel->b,
                           .scope = sel->scope,
                           .clause = "GROUP BY clause",
                           .sel = sel,
                           .allow = ALLOW_SUBQUERY};
    const struct expr *e;
    int rc = bind_expr(&p, node, &e, err);
    if (rc) return rc;
    if (e->type->kind == TYPE_NULL) return invalid(&node->span, err, "illegal use of NULL");
    for (*ret = 0; *ret < sel->n_keys; (*ret)++)
        if (expr_eq(sel->keys[*ret], e)) return 0;
    if (sel->n_keys >= KEYS_MAX)
        return invalid(&node->span, err, "GROUP BY has more than %d expressions", KEYS_MAX);
    sel->keys[sel->n_keys++] = e;
    return 0;
}

/* The keys of an expression or of (a, b): one bit set. */
static int key_bits(struct select *sel, const struct ast *node, uint64_t *ret, struct err *err) {
    *ret = 0;
    if (node->kind == AST_GROUP && AST_TO(group, node)->group != AST_GROUP_SET)
        return invalid(&node->span, err, "ROLLUP, CUBE and GROUPING SETS can't be nested here");
    const struct ast_list one = {(struct ast **)&node, 1};
    const struct ast_list *list = node->kind == AST_GROUP ? &AST_TO(group, node)->items : &one;
    for (size_t i = 0; i < list->n; i++) {
        int k = 0;
        int rc = key_number(sel, list->items[i], &k, err);
        if (rc) return rc;
        *ret |= 1ull << k;
    }
    return 0;
}

static int group_sets(struct select *sel, const struct ast *node, struct sets *out,
                      struct err *err) {
    if (node->kind != AST_GROUP || AST_TO(group, node)->group == AST_GROUP_SET) {
        uint64_t bits;
        int rc = key_bits(sel, node, &bits, err);
        return rc ? rc : sets_add(out, bits, node, err);
    }
    const struct ast_group *g = AST_TO(group, node);
    size_t n = g->items.n;
    if (g->group == AST_GROUP_SETS) {
        for (size_t i = 0; i < n; i++) {
            int rc = group_sets(sel, g->items.items[i], out, err);
            if (rc) return rc;
        }
        return 0;
    }
    uint64_t *bits = ARENA_NEW_N(sel->b->a, uint64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        int rc = key_bits(sel, g->items.items[i], &bits[i], err);
        if (rc) return rc;
    }
    if (g->group == AST_GROUP_CUBE && n > 12)
        return invalid(&node->span, err, "CUBE of more than 12 expressions");
    size_t count = g->group == AST_GROUP_CUBE ? (size_t)1 << n : n + 1;
    for (size_t c = 0; c < count; c++) {
        uint64_t all = 0;
        for (size_t i = 0; i < n; i++) {
            bool in = g->group == AST_GROUP_CUBE ? !(c >> (n - 1 - i) & 1) : i < n - c;
            if (in) all |= bits[i];
        }
        int rc = sets_add(out, all, node, err);
        if (rc) return rc;
    }
    return 0;
}

static int sets_product(struct select *sel, struct sets **acc, const struct sets *with,
                        const struct ast *at, struct err *err) {
    struct sets *out = sets_new(sel->b->a);
    for (int i = 0; i < (*acc)->n; i++)
        for (int j = 0; j < with->n; j++) {
            int rc = sets_add(out, (*acc)->bits[i] | with->bits[j], at, err);
            if (rc) return rc;
        }
    *acc = out;
    return 0;
}

static void sets_distinct(struct sets *s) {
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        bool seen = false;
        for (int j = 0; j < n; j++)
            seen |= s->bits[j] == s->bits[i];
        if (!seen) s->bits[n++] = s->bits[i];
    }
    s->n = n;
}

/* ---- GROUP BY TUMBLE(ts, INTERVAL ...) ---- */

static int legacy_spec(struct select *sel, const struct ast_call *c, struct window_spec *ret,
                       const struct expr **ret_time, struct err *err) {
    enum window_type type = WINDOW_TUMBLE;
    struct window_spec w = {0};
    is_window_tvf(c, &type);
    size_t want = type == WINDOW_HOP ? 3 : 2;
    const char *name = c->name->parts.items[0].text;
    if (c->args.n == want + 1)
        return unsupported(&c->base.span, err,
                           "%s with an alignment; use the table function with an offset", name);
    if (c->args.n != want)
        return invalid(&c->base.span, err,
                       "invalid number of arguments to %s: expected %zu, got "
                       "%zu",
                       name, want, c->args.n);
    struct expr_place p = {.b = sel->b, .scope = sel->scope, .clause = "GROUP BY clause"};
    int rc = bind_expr(&p, c->args.items[0], ret_time, err);
    if (rc) return rc;
    const struct type *t = (*ret_time)->type;
    if (!type_is_timestamp(t) || (!sel->b->batch && t->time_attr == TIME_ATTR_NONE))
        return invalid(&c->args.items[0]->span, err,
                       "a group window can only be defined over a time attribute column, but this "
                       "is %s; declare a WATERMARK for it or use PROCTIME()",
                       type_name(sel->b, t));
    w.type = type;
    int64_t first, second = 0;
    rc = bind_interval_ms(&p, c->args.items[1], name, &first, err);
    if (!rc && want == 3) rc = bind_interval_ms(&p, c->args.items[2], name, &second, err);
    if (rc) return rc;
    if (type == WINDOW_SESSION)
        w.gap_ms = first;
    else
        w.size_ms = want == 3 ? second : first;
    if (want == 3) w.slide_ms = first;
    if (first <= 0 || (want == 3 && second <= 0))
        return invalid(&c->base.span, err, "the intervals of %s must be positive", name);
    *ret = w;
    return 0;
}

static bool same_window(const struct window_spec *x, const struct window_spec *y) {
    return x->type == y->type && x->size_ms == y->size_ms && x->slide_ms == y->slide_ms &&
           x->gap_ms == y->gap_ms;
}

static bool is_group_window(const struct ast *node) {
    enum window_type type;
    return node->kind == AST_CALL && is_window_tvf(AST_TO(call, node), &type);
}

static int group_window(struct select *sel, const struct ast *node, struct err *err) {
    if (sel->has_window) return invalid(&node->span, err, "GROUP BY takes one window function");
    int rc = legacy_spec(sel, AST_TO(call, node), &sel->window, &sel->window_time, err);
    sel->has_window = !rc;
    return rc;
}

const struct type *window_prop_type(struct select *sel, enum window_prop prop) {
    struct arena *a = sel->b->a;
    const struct type *t = sel->window_time->type;
    if (prop == PROP_START || prop == PROP_END) return type_time(a, TYPE_TIMESTAMP, 3, false);
    if (prop == PROP_PROCTIME)
        return type_with_time_attr(a, type_time(a, TYPE_TIMESTAMP_LTZ, 3, false),
                                   TIME_ATTR_PROCTIME);
    const struct type *r = type_time(a, t->kind, 3, false);
    return sel->b->batch ? r : type_with_time_attr(a, r, TIME_ATTR_ROWTIME);
}

int select_add_window_prop(struct expr_place *p, const struct ast_call *c, enum window_prop prop,
                           const struct expr **ret, struct err *err) {
    struct select *sel = p->sel;
    const char *name = c->name->parts.items[0].text;
    if (!sel || !(p->allow & ALLOW_GROUPING))
        return invalid(&c->base.span, err, "%s can't stand in the %s", name, p->clause);
    struct ast_call inner = *c;
    struct ast_ident id = *c->name;
    struct ast_name word = id.parts.items[0];
    word.text = arena_strndup(sel->b->a, word.text, strcspn(word.text, "_"));
    id.parts.items = &word;
    inner.name = &id;
    struct window_spec w;
    const struct expr *time;
    int rc = legacy_spec(sel, &inner, &w, &time, err);
    if (rc) return rc;
    if (!sel->has_window || !same_window(&w, &sel->window) || !expr_eq(time, sel->window_time))
        return invalid(&c->base.span, err,
                       "%s needs the same %s(...) in GROUP BY: there is none with these arguments",
                       name, word.text);
    bool proc = time->type->time_attr == TIME_ATTR_PROCTIME;
    if ((prop == PROP_ROWTIME && proc) || (prop == PROP_PROCTIME && !proc && !sel->b->batch))
        return invalid(&c->base.span, err, "%s of a window over %s time", name,
                       proc ? "processing" : "event");
    sel->props[prop] = true;
    *ret =
        expr_at(expr_column(sel->b->a, VCOL_WINDOW + prop, window_prop_type(sel, prop)), &c->base);
    return 0;
}

/* ---- the clause ---- */

int select_group_by(struct select *sel, struct err *err) {
    const struct ast_select *s = sel->ast;
    if (!s->has_group_by) return 0;
    struct arena *a = sel->b->a;
    sel->keys = ARENA_NEW_N(a, const struct expr *, KEYS_MAX);
    struct sets *acc = sets_new(a), *one;
    acc->bits[acc->n++] = 0;
    for (size_t i = 0; i < s->group_by.n; i++) {
        const struct ast *node = s->group_by.items[i];
        if (is_group_window(node)) {
            int rc = group_window(sel, node, err);
            if (rc) return rc;
            continue;
        }
        one = sets_new(a);
        int rc = group_sets(sel, node, one, err);
        if (!rc) rc = sets_product(sel, &acc, one, node, err);
        if (rc) return rc;
    }
    if (s->group_quant == AST_QUANT_DISTINCT) sets_distinct(acc);
    uint64_t all = sel->n_keys == 64 ? ~0ull : (1ull << sel->n_keys) - 1;
    if (acc->n == 1 && acc->bits[0] == all) return 0;
    sel->n_sets = acc->n;
    sel->sets = acc->bits;
    return 0;
}

static bool has_empty_set(const struct select *sel) {
    for (int i = 0; i < sel->n_sets; i++)
        if (!sel->sets[i]) return true;
    return false;
}

int select_add_grouping(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                        struct err *err) {
    struct select *sel = p->sel;
    const char *name = c->name->parts.items[c->name->parts.n - 1].text;
    const struct ast_span *at = &c->base.span;
    if (!sel || !(p->allow & ALLOW_GROUPING) || !sel->ast->has_group_by)
        return invalid(at, err, "%s may only occur in an aggregate query, one with GROUP BY", name);
    if (strncasecmp(name, "GROUP_ID", 8) == 0) return unsupported(at, err, "GROUP_ID()");
    if (!c->args.n || c->args.n > KEYS_MAX - 1)
        return invalid(at, err, "%s takes one or more grouped expressions", name);
    struct expr_place in = {.b = p->b, .scope = sel->scope, .clause = name};
    const struct expr **args;
    int rc = bind_exprs(&in, &c->args, &args, err);
    if (rc) return rc;
    for (size_t i = 0; i < c->args.n; i++) {
        bool found = false;
        for (int k = 0; k < sel->n_keys; k++)
            found |= expr_eq(sel->keys[k], args[i]);
        if (!found)
            return invalid(&c->args.items[i]->span, err,
                           "the argument of %s must be an expression of GROUP BY", name);
    }
    const struct type *t = type_of_not_null(TYPE_BIGINT);
    if (!sel->n_sets) {
        *ret = expr_at(expr_literal(p->b->a, value_int(p->b->a, t, 0)), &c->base);
        return 0;
    }
    enum { GROUPINGS_MAX = 64 };
    if (sel->n_groupings >= GROUPINGS_MAX)
        return invalid(at, err, "more than %d GROUPING calls", GROUPINGS_MAX);
    if (!sel->grouping_args) {
        sel->grouping_args = ARENA_NEW_N(p->b->a, const struct expr **, GROUPINGS_MAX);
        sel->grouping_lens = ARENA_NEW_N(p->b->a, int, GROUPINGS_MAX);
    }
    int g = sel->n_groupings++;
    sel->grouping_args[g] = args;
    sel->grouping_lens[g] = (int)c->args.n;
    *ret = expr_at(expr_column(p->b->a, VCOL_GROUPING + g, t), &c->base);
    return 0;
}

/* ---- aggregate calls ---- */

static bool same_agg(const struct agg_item *x, const struct agg_item *y) {
    if (x->call.agg != y->call.agg || x->call.n_args != y->call.n_args ||
        x->call.distinct != y->call.distinct || !x->filter != !y->filter ||
        (x->filter && !expr_eq(x->filter, y->filter)))
        return false;
    for (int i = 0; i < x->call.n_args; i++)
        if (!expr_eq(x->args[i], y->args[i])) return false;
    return true;
}

static int agg_args(struct expr_place *in, const struct ast_call *c, const struct expr **args,
                    int *ret_n, struct err *err) {
    int n = 0;
    const char *name = c->name->parts.items[0].text;
    for (size_t i = 0; i < c->args.n; i++) {
        const struct ast *arg = c->args.items[i];
        if (arg->kind == AST_IDENT && AST_TO(ident, arg)->star) {
            if (strcasecmp(name, "COUNT") != 0 || c->args.n != 1)
                return invalid(&arg->span, err, "%s(*): only COUNT takes *", name);
            break;
        }
        if (arg->kind == AST_NAMED_ARG)
            return unsupported(&arg->span, err, "named arguments of %s", name);
        if (n >= AGG_ARGS_MAX)
            return invalid(&arg->span, err, "%s takes at most %d arguments", name, AGG_ARGS_MAX);
        int rc = bind_expr(in, arg, &args[n++], err);
        if (rc) return rc;
    }
    if (c->json && c->json->nulls) {
        if (n >= AGG_ARGS_MAX) return invalid(&c->base.span, err, "too many arguments");
        args[n++] =
            bind_symbol(in->b, c->json->nulls == AST_JSON_ABSENT_ON_NULL ? "ABSENT" : "NULL");
    }
    *ret_n = n;
    return 0;
}

int select_add_agg(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                   struct err *err) {
    struct select *sel = p->sel;
    struct binder *b = p->b;
    const char *name = c->name->parts.items[0].text;
    const struct ast_span *at = &c->base.span;
    if (!sel || !(p->allow & ALLOW_AGG))
        return invalid(at, err, "aggregate function %s can't stand in %s", name, p->clause);
    if (c->null_treatment == AST_IGNORE_NULLS)
        return unsupported(at, err, "IGNORE NULLS of %s", name);
    if (c->order_by.n || c->within_group)
        return unsupported(at, err, "%s of %s",
                           c->within_group ? "WITHIN GROUP (ORDER BY ...)" : "ORDER BY", name);
    struct expr_place in = {.b = b,
                            .scope = sel->scope,
                            .clause = "another aggregate function",
                            .sel = sel,
                            .allow = ALLOW_SUBQUERY};
    struct agg_item item = {.at = &c->base};
    const struct expr **args = ARENA_NEW_N(b->a, const struct expr *, AGG_ARGS_MAX);
    int n = 0;
    int rc = agg_args(&in, c, args, &n, err);
    if (rc) return rc;
    if (c->filter) {
        in.clause = "FILTER clause";
        rc = bind_condition(&in, c->filter, &item.filter, err);
        if (rc) return rc;
    }
    bool grouped = sel->ast->has_group_by && !has_empty_set(sel) && !c->filter;
    rc = agg_bind(b->a, bind_agg_named(b, c), args, n, c->quant == AST_QUANT_DISTINCT, false,
                  grouped, &item.call, err);
    if (rc) return err_at(err, rc, at);
    memcpy(item.args, args, sizeof(*args) * (size_t)item.call.n_args);
    int i = 0;
    while (i < sel->n_aggs && !same_agg(&sel->aggs[i], &item))
        i++;
    if (i == sel->n_aggs) {
        if (sel->n_aggs == sel->cap_aggs) {
            int cap = sel->cap_aggs ? sel->cap_aggs * 2 : 16;
            struct agg_item *aggs = ARENA_NEW_N(b->a, struct agg_item, cap);
            if (sel->n_aggs) memcpy(aggs, sel->aggs, sizeof(*aggs) * (size_t)sel->n_aggs);
            sel->aggs = aggs;
            sel->cap_aggs = cap;
        }
        sel->aggs[sel->n_aggs++] = item;
    }
    *ret = expr_at(expr_column(b->a, VCOL_AGG + i, item.call.ret_type), &c->base);
    return 0;
}

/* ---- the plan ---- */

/* The projection in front of the aggregate: each expression once. */
struct inputs {
    struct arena *a;
    const struct schema *row;
    int n, cap;
    const struct expr **exprs;
    const char **names;
};

static int input_column(struct inputs *in, const struct expr *e) {
    for (int i = 0; i < in->n; i++)
        if (expr_eq(in->exprs[i], e)) return i;
    CHECK(in->n < in->cap);
    in->exprs[in->n] = e;
    in->names[in->n] = e->kind == EXPR_COLUMN ? in->row->fields[e->column].name
                                              : arena_printf(in->a, "$f%d", in->n);
    return in->n++;
}

static void plan_agg(struct inputs *in, const struct agg_item *item, struct rel_agg *g) {
    g->call = item->call;
    for (int i = 0; i < item->call.n_args; i++)
        g->args[i] = input_column(in, item->args[i]);
    g->filter = item->filter ? input_column(in, item->filter) : -1;
}

static void plan_groupings(struct select *sel, struct rel *r) {
    struct arena *a = sel->b->a;
    const int **lists = ARENA_NEW_N(a, const int *, sel->n_groupings + 1);
    for (int g = 0; g < sel->n_groupings; g++) {
        int *list = ARENA_NEW_N(a, int, sel->grouping_lens[g]);
        for (int i = 0; i < sel->grouping_lens[g]; i++)
            while (!expr_eq(sel->keys[list[i]], sel->grouping_args[g][i]))
                list[i]++;
        lists[g] = list;
    }
    r->u.agg.n_groupings = sel->n_groupings;
    r->u.agg.groupings = lists;
    r->u.agg.grouping_lens = sel->grouping_lens;
}

static const struct schema *agg_schema(struct select *sel, const struct inputs *in,
                                       const int *keys) {
    int props = 0, n = 0;
    for (int i = 0; i < PROP_COUNT; i++)
        props += sel->props[i];
    static const char *const prop_names[] = {"window_start", "window_end", "window_rowtime",
                                             "window_proctime"};
    const struct schema *s =
        schema_new(sel->b->a, sel->n_keys + sel->n_aggs + props + sel->n_groupings);
    struct field *f = (struct field *)s->fields;
    for (int k = 0; k < sel->n_keys; k++) {
        const struct type *t = sel->keys[k]->type;
        for (int i = 0; i < sel->n_sets; i++)
            if (!(sel->sets[i] >> k & 1)) t = type_with_null(sel->b->a, t, true);
        f[n++] = (struct field){in->names[keys[k]], t};
    }
    for (int i = 0; i < sel->n_aggs; i++)
        f[n++] = (struct field){arena_printf(sel->b->a, "$agg%d", i), sel->aggs[i].call.ret_type};
    for (int i = 0; i < PROP_COUNT; i++)
        if (sel->props[i]) f[n++] = (struct field){prop_names[i], window_prop_type(sel, i)};
    for (int i = 0; i < sel->n_groupings; i++)
        f[n++] = (struct field){arena_printf(sel->b->a, "$grouping%d", i),
                                type_of_not_null(TYPE_BIGINT)};
    return s;
}

/* Keys and arguments over the plan's columns, with the subqueries in them joined to it. Keys stay
 * as they are for the mapping of what follows. */
static int map_inputs(struct select *sel, const struct expr **keys, struct err *err) {
    int rc = 0;
    for (int i = 0; !rc && i < sel->n_aggs; i++) {
        struct agg_item *g = &sel->aggs[i];
        for (int k = 0; !rc && k < g->call.n_args; k++)
            rc = select_attach_and_map(sel, &g->args[k], err);
        if (!rc && g->filter) rc = select_attach_and_map(sel, &g->filter, err);
    }
    for (int k = 0; !rc && k < sel->n_keys; k++) {
        keys[k] = sel->keys[k];
        rc = select_attach_and_map(sel, &keys[k], err);
    }
    return rc;
}

/* No columns at all (COUNT(*) alone): the first one is kept, so that there is a row to count. */
static const struct rel *agg_input(struct select *sel, struct inputs *in) {
    if (!in->n) input_column(in, column_of(in->a, sel->rel, 0));
    return rel_project(in->a, sel->rel, in->exprs, in->names, in->n);
}

/* HAVING alone, GROUP BY (): one row that nothing asks anything of; it is counted. */
static int count_only(struct select *sel, struct err *err) {
    sel->aggs = ARENA_NEW(sel->b->a, struct agg_item);
    sel->n_aggs = sel->cap_aggs = 1;
    return agg_bind(sel->b->a, agg_find("COUNT"), (const struct expr *[]){NULL}, 0, false, false,
                    false, &sel->aggs[0].call, err);
}

int select_aggregate(struct select *sel, struct err *err) {
    struct arena *a = sel->b->a;
    if (!sel->n_keys && !sel->n_aggs && !sel->n_groupings) {
        int rc = count_only(sel, err);
        if (rc) return rc;
    }
    const struct expr **key_exprs = ARENA_NEW_N(a, const struct expr *, sel->n_keys + 1);
    int rc = map_inputs(sel, key_exprs, err);
    if (rc) return rc;
    int cap = sel->n_keys + 2;
    for (int i = 0; i < sel->n_aggs; i++)
        cap += sel->aggs[i].call.n_args + 1;
    struct inputs in = {.a = a, .row = sel->rel->schema, .cap = cap};
    in.exprs = ARENA_NEW_N(a, const struct expr *, cap);
    in.names = ARENA_NEW_N(a, const char *, cap);
    int *keys = ARENA_NEW_N(a, int, sel->n_keys + 1);
    for (int k = 0; k < sel->n_keys; k++)
        keys[k] = input_column(&in, key_exprs[k]);
    int time = sel->has_window ? input_column(&in, sel->window_time) : -1;
    struct rel_agg *aggs = ARENA_NEW_N(a, struct rel_agg, sel->n_aggs + 1);
    for (int i = 0; i < sel->n_aggs; i++)
        plan_agg(&in, &sel->aggs[i], &aggs[i]);
    const struct rel *input = agg_input(sel, &in);
    struct rel *r = rel_new(a, REL_AGGREGATE, agg_schema(sel, &in, keys), &input, 1);
    r->u.agg.n_keys = sel->n_keys;
    r->u.agg.keys = keys;
    r->u.agg.n_aggs = sel->n_aggs;
    r->u.agg.aggs = aggs;
    r->u.agg.n_sets = sel->n_sets;
    r->u.agg.sets = sel->sets;
    plan_groupings(sel, r);
    if (sel->has_window) {
        if (sel->n_sets)
            return unsupported(&sel->ast->base.span, err,
                               "grouping sets beside a window function in GROUP BY; use FROM "
                               "TABLE(TUMBLE(...))");
        r->u.agg.legacy = (struct legacy_window){.spec = sel->window,
                                                 .on = true,
                                                 .want_start = sel->props[PROP_START],
                                                 .want_end = sel->props[PROP_END],
                                                 .want_rowtime = sel->props[PROP_ROWTIME],
                                                 .want_proctime = sel->props[PROP_PROCTIME]};
        r->u.agg.legacy.spec.time_column = time;
    }
    r->n_hints = sel->n_hints;
    r->hints = sel->hints;
    if (sel->scope->n_tables == 1) /* of several it's the join between them that keeps rows */
        hint_ttls(sel->b, r, (const struct scope *[]){sel->scope});
    r->line = sel->ast->base.span.line;
    r->column = sel->ast->base.span.column;
    sel->rel = r;
    sel->aggregated = true;
    return 0;
}
