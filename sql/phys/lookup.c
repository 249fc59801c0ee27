/* lookup.c - joins FOR SYSTEM_TIME AS OF processing time: rows are looked up in the connector by
 * the columns of the table that the condition equates with something of the left side. */
#include "sql/phys/join.h"

#include "vector/func/func.h"

#include <string.h>
#include <strings.h>

/* The right side as expressions and a filter over a scan. */
struct lookup_side {
    const struct rel *scan;
    const struct expr *const *exprs; /* NULL: the scan's columns */
    const struct expr *filter;       /* over the scan's columns */
};

static bool lookup_side(struct planner *p, const struct rel *r, struct lookup_side *ret) {
    if (r->kind == REL_SCAN) {
        *ret = (struct lookup_side){.scan = r};
        return true;
    }
    if (r->kind != REL_PROJECT && r->kind != REL_FILTER && r->kind != REL_WATERMARK) return false;
    if (!lookup_side(p, r->inputs[0], ret)) return false;
    int n_in = r->inputs[0]->schema->n;
    struct arena *a = p->arena;
    if (r->kind == REL_FILTER) {
        const struct expr *f = r->u.filter.predicate;
        if (ret->exprs) f = expr_substitute(a, f, ret->exprs, n_in);
        ret->filter = expr_and(a, ret->filter, f);
    } else if (r->kind == REL_PROJECT) {
        const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, r->schema->n + 1);
        for (int i = 0; i < r->schema->n; i++)
            exprs[i] = ret->exprs ? expr_substitute(a, r->u.project.exprs[i], ret->exprs, n_in)
                                  : r->u.project.exprs[i];
        ret->exprs = exprs;
    }
    return true;
}

static int scan_column(const struct lookup_side *s, int column) {
    if (!s->exprs) return column;
    return s->exprs[column]->kind == EXPR_COLUMN ? s->exprs[column]->column : -1;
}

/* A conjunct table.col = literal, as a key. */
static bool literal_key(struct join_parts *j, const struct lookup_side *s, const struct expr *e,
                        cJSON *keys, const struct connector_table *t) {
    if (e->kind != EXPR_CALL || strcmp(e->func->name, "=")) return false;
    for (int i = 0; i < 2; i++) {
        const struct expr *c = e->args[i], *v = e->args[1 - i];
        if (c->kind != EXPR_COLUMN || c->column < j->n_left || v->kind != EXPR_LITERAL) continue;
        int col = scan_column(s, c->column - j->n_left);
        if (col < 0 || !col_is_valid(v->literal, 0) ||
            !type_eq_ignore_null(s->scan->schema->fields[col].type, v->type))
            continue;
        cJSON *k = cJSON_CreateObject();
        json_set_i64(k, "table", schema_find(t->schema, s->scan->schema->fields[col].name));
        json_set(k, "lit", value_to_json(v->literal, 0));
        cJSON_AddItemToArray(keys, k);
        return true;
    }
    return false;
}

/* Keys by column: those eqs whose right side is a column of the scan, of the same type once the
 * left side is cast. The others become residual conditions. */
static int column_keys(struct join_parts *j, const struct lookup_side *s, int *cols, int *ret_n,
                       struct err *err) {
    struct arena *a = j->p->arena;
    int n = 0;
    for (int i = 0; i < j->n_eqs;) {
        struct join_eq *eq = &j->eqs[i];
        int col = eq->right->kind == EXPR_COLUMN ? scan_column(s, eq->right->column) : -1;
        if (col >= 0 && !eq->null_safe) {
            const struct type *want = s->scan->schema->fields[col].type;
            if (!type_eq_ignore_null(eq->left->type, want) &&
                func_cast(a, eq->left, want, false, &eq->left, err))
                return phys_place(j->r, err);
            cols[n++] = col;
            i++;
            continue;
        }
        int n_right = j->schema[1]->n;
        int *map = ARENA_NEW_N(a, int, n_right + 1);
        for (int k = 0; k < n_right; k++)
            map[k] = k + j->n_left;
        const struct expr *args[2] = {eq->left, expr_remap(a, eq->right, map, n_right)};
        int rc = func_call_name(a, eq->null_safe ? "IS NOT DISTINCT FROM" : "=", args, 2,
                                &j->rest[j->n_rest], err);
        if (rc) return phys_place(j->r, err);
        j->n_rest++;
        join_remove_eq(j, i);
    }
    *ret_n = n;
    return 0;
}

/* What the LOOKUP hint may say, over the settings. */
struct lookup_hint {
    bool async;
    int output_mode, retry_predicate, retry_strategy; /* -1: not said */
    int64_t capacity, timeout_ms;
    int64_t delay_ms, attempts;
    const char *table, *shuffle;
};

static const char *const mode_choices[] = {"allow_unordered", "ordered", NULL};
static const char *const predicate_choices[] = {"lookup_miss", NULL};
static const char *const strategy_choices[] = {"fixed_delay", NULL};

#define AT(f) offsetof(struct lookup_hint, f)
static const struct opt_row hint_rows[] = {
    {"table", OPT_STRING, NULL, 0, 0, AT(table), "", 0, NULL},
    {"async", OPT_BOOL, "true", 0, 0, AT(async), "", 0, NULL},
    {"output-mode", OPT_ENUM, NULL, 0, 0, AT(output_mode), "", 0, mode_choices},
    {"capacity", OPT_INT, NULL, 1, 1e6, AT(capacity), "", 0, NULL},
    {"timeout", OPT_DURATION, NULL, 1, 1e15, AT(timeout_ms), "", 0, NULL},
    {"retry-predicate", OPT_ENUM, NULL, 0, 0, AT(retry_predicate), "", 0, predicate_choices},
    {"retry-strategy", OPT_ENUM, NULL, 0, 0, AT(retry_strategy), "", 0, strategy_choices},
    {"fixed-delay", OPT_DURATION, NULL, 1, 1e15, AT(delay_ms), "", 0, NULL},
    {"max-attempts", OPT_INT, NULL, 1, 1e6, AT(attempts), "", 0, NULL},
    {"shuffle", OPT_STRING, NULL, 0, 0, AT(shuffle), "", 0, NULL},
};
#undef AT

/* As written in the hint that names this table (the binder has dropped the others). */
static int read_hint(struct planner *p, const struct rel *r, struct lookup_hint *ret,
                     struct err *err) {
    static const struct opt_table table = {hint_rows, ARRAY_LEN(hint_rows)};
    opt_defaults(&table, ret);
    for (int i = 0; i < r->n_hints; i++) {
        const struct rel_hint *h = &r->hints[i];
        for (int k = 0; !strcasecmp(h->name, "LOOKUP") && k < h->n_args; k++) {
            const char *key = h->args[k].key ? h->args[k].key : "";
            int rc = opt_find(&table, key)
                         ? opt_set(&table, p->arena, ret, key, h->args[k].value, err)
                         : err_set(err, ERR_VALIDATION, "unknown option '%s'", key);
            if (rc) {
                err->line = h->line;
                err->column = h->column;
                return err_wrap(err, "hint LOOKUP");
            }
        }
    }
    int n_retry = (ret->retry_predicate >= 0) + (ret->retry_strategy >= 0) + (ret->delay_ms > 0) +
                  (ret->attempts > 0);
    if (n_retry && n_retry < 4)
        return phys_err(r, err, ERR_VALIDATION,
                        "hint LOOKUP: 'retry-predicate', 'retry-strategy', 'fixed-delay' and "
                        "'max-attempts' go together");
    return 0;
}

static int add_async(struct planner *p, const struct rel *r, const struct pnode *in, cJSON *config,
                     struct err *err) {
    struct lookup_hint h;
    int rc = read_hint(p, r, &h, err);
    if (rc) return rc;
    bool ordered = h.output_mode < 0 ? p->set->async_lookup_mode == 0 : h.output_mode == 1;
    cJSON *o = cJSON_CreateObject();
    json_set_i64(o, "capacity",
                 !h.async     ? 1
                 : h.capacity ? h.capacity
                              : p->set->async_lookup_capacity);
    /* Changes of one key must not overtake one another. */
    json_set_bool(o, "ordered", ordered || in->kinds != CHANGELOG_INSERT);
    json_set_i64(o, "timeout", h.timeout_ms ? h.timeout_ms : p->set->async_lookup_timeout_ms);
    if (h.attempts) {
        cJSON *retry = cJSON_AddObjectToObject(o, "retry");
        json_set_i64(retry, "delay", h.delay_ms);
        json_set_i64(retry, "attempts", h.attempts);
    }
    json_set(config, "async", o);
    return 0;
}

/* Whether rows are looked up by all columns of the table's primary key. */
static bool keys_are_unique(const struct connector_table *t, const cJSON *keys) {
    for (int i = 0; i < t->n_primary_key; i++) {
        bool found = false;
        const cJSON *k;
        cJSON_ArrayForEach(k, keys) found |= json_opt_i64(k, "table", -1) == t->primary_key[i];
        if (!found) return false;
    }
    return t->n_primary_key > 0;
}

/* A lookup join while it is planned. */
struct lookup {
    struct join_parts *j;
    struct lookup_side side;
    struct connector_table table;
    cJSON *keys; /* the op's */
    int n_by_column;
    struct pnode *in; /* the left input, with the keys that are no columns of it appended */
};

/* The table as its connector sees it, cut to the scan's columns. */
static int lookup_table(struct lookup *l, struct err *err) {
    struct planner *p = l->j->p;
    const struct rel *r = l->j->r, *scan = l->side.scan;
    const struct table_desc *desc = scan->u.scan.table;
    const struct connector_desc *d;
    int rc = phys_connector(r, desc, scan->u.scan.options, scan->u.scan.n_options, CONNECTOR_LOOKUP,
                            &d, err);
    if (rc) return rc;
    struct connector_table *t = &l->table;
    phys_table(p, desc, scan->u.scan.options, scan->u.scan.n_options, false, t);
    if (d->check && d->check(t, false, err)) return phys_place(r, err);
    if (d->source_mode && d->source_mode(t) != CHANGELOG_INSERT)
        return phys_err(r, err, ERR_UNSUPPORTED,
                        "looking rows up in table '%s', which holds changes rather than rows",
                        desc->name);
    int n = scan->schema->n, *projection = ARENA_NEW_N(p->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        projection[i] = schema_find(t->schema, scan->schema->fields[i].name);
    t->projection = projection;
    t->n_projection = n;
    return 0;
}

/* Keys that are constants, then those that are columns of the left input. */
static int lookup_keys(struct lookup *l, struct err *err) {
    struct join_parts *j = l->j;
    struct planner *p = j->p;
    int cols[JOIN_CONJUNCTS_MAX], n_rest = 0, n_more = 0;
    int rc = column_keys(j, &l->side, cols, &l->n_by_column, err);
    if (rc) return rc;
    if (!l->n_by_column)
        return phys_err(j->r, err, ERR_VALIDATION,
                        "Temporal table join requires an equality condition on fields of table "
                        "[%s].",
                        l->table.name);
    l->keys = cJSON_CreateArray();
    cJSON_AddItemToArray(p->json, l->keys);
    for (int i = 0; i < j->n_rest; i++)
        if (!literal_key(j, &l->side, j->rest[i], l->keys, &l->table))
            j->rest[n_rest++] = j->rest[i];
    j->n_rest = n_rest;
    const struct expr **more = ARENA_NEW_N(p->arena, const struct expr *, l->n_by_column + 1);
    for (int i = 0; i < l->n_by_column; i++) {
        const struct expr *e = j->eqs[i].left;
        int col = e->kind == EXPR_COLUMN ? e->column : j->n_left + n_more;
        if (e->kind != EXPR_COLUMN) more[n_more++] = e;
        cJSON *k = cJSON_CreateObject();
        json_set_i64(k, "table", l->table.projection[cols[i]]);
        json_set_i64(k, "col", col);
        cJSON_AddItemToArray(l->keys, k);
    }
    l->in = n_more ? phys_append(p, j->r, j->in[0], more, n_more) : j->in[0];
    return 0;
}

static struct pnode *lookup_node(const struct lookup *l) {
    struct planner *p = l->j->p;
    const struct rel *r = l->j->r;
    const struct schema *scan = l->side.scan->schema;
    struct pnode *in = l->in;
    int n_left = in->schema->n;
    struct schema *out = phys_schema(p->arena, n_left + scan->n);
    struct field *f = (struct field *)out->fields;
    for (int i = 0; i < out->n; i++) {
        f[i] = i < n_left ? in->schema->fields[i] : scan->fields[i - n_left];
        if (i >= n_left && r->u.temporal.type == JOIN_LEFT)
            f[i].type = type_with_null(p->arena, f[i].type, true);
    }
    struct pnode *n = phys_new(p, PHYS_LOOKUP_JOIN, r, out, &in, 1);
    n->n_dist = in->n_dist;
    n->dist = in->dist;
    if (keys_are_unique(&l->table,
                        l->keys)) /* one partner at most: rows are told apart as before */
        for (int k = 0; k < in->n_keys; k++)
            phys_add_key(n, in->keys[k]);
    json_set_str(n->config, "join", join_type_name(r->u.temporal.type));
    json_set(n->config, "table", connector_table_to_json(&l->table));
    json_set(n->config, "keys", cJSON_Duplicate(l->keys, true));
    const struct expr *filter = l->side.filter;
    json_set(n->config, "filter", filter ? expr_to_json(filter) : cJSON_CreateNull());
    phys_label(p, n, "LookupJoin(table=[%s], joinType=[%s], keys=[%d])", l->table.name,
               join_type_name(r->u.temporal.type), l->n_by_column);
    return n;
}

/* The rel's columns over the op's: left ones stay, right ones are expressions over the row that was
 * looked up. */
static const struct expr **lookup_columns(const struct lookup *l, const struct pnode *n) {
    struct arena *a = l->j->p->arena;
    const struct rel *r = l->j->r;
    const struct schema *scan = l->side.scan->schema;
    int n_left = l->in->schema->n, *map = ARENA_NEW_N(a, int, scan->n + 1);
    const struct expr **exprs = ARENA_NEW_N(a, const struct expr *, r->schema->n + 1);
    for (int i = 0; i < scan->n; i++)
        map[i] = n_left + i;
    for (int i = 0; i < r->schema->n; i++) {
        int right = i - l->j->n_left;
        if (right < 0) {
            exprs[i] = expr_column(a, i, n->schema->fields[i].type);
            continue;
        }
        const struct expr *e =
            l->side.exprs ? l->side.exprs[right] : expr_column(a, right, scan->fields[right].type);
        exprs[i] = expr_remap(a, e, map, scan->n);
    }
    return exprs;
}

int phys_lookup(struct join_parts *j, struct pnode **ret, struct err *err) {
    struct planner *p = j->p;
    struct lookup l = {.j = j};
    if (!lookup_side(p, j->r->inputs[1], &l.side))
        return phys_err(j->r, err, ERR_UNSUPPORTED,
                        "a join FOR SYSTEM_TIME AS OF processing time with anything but a table "
                        "(Processing-time temporal join is not supported yet.)");
    int rc = lookup_table(&l, err);
    if (!rc) rc = lookup_keys(&l, err);
    if (rc) return rc;
    struct pnode *n = lookup_node(&l);
    const struct expr **exprs = lookup_columns(&l, n), *rest = NULL;
    for (int i = 0; i < j->n_rest; i++)
        rest =
            expr_and(p->arena, rest, expr_substitute(p->arena, j->rest[i], exprs, j->r->schema->n));
    json_set(n->config, "residual", rest ? expr_to_json(rest) : cJSON_CreateNull());
    rc = add_async(p, j->r, l.in, n->config, err);
    if (rc) return rc;
    *ret = phys_calc(p, j->r, n, NULL, exprs, j->r->schema);
    return 0;
}
