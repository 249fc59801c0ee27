/* temporal.c - joins FOR SYSTEM_TIME AS OF: with the version of a row that held at the left row's
 * time (temporal join), or by looking rows up in the connector at processing time. */
#include "sql/phys/join.h"

#include "vector/func/func.h"

#include <string.h>

/* ---- lookup ---- */

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

static int lookup_join(struct join_parts *j, struct pnode **ret, struct err *err) {
    struct planner *p = j->p;
    const struct rel *r = j->r;
    struct lookup_side s;
    if (!lookup_side(p, r->inputs[1], &s))
        return phys_err(r, err, ERR_UNSUPPORTED,
                        "a join FOR SYSTEM_TIME AS OF processing time with anything but a table "
                        "(Processing-time temporal join is not supported yet.)");
    const struct table_desc *desc = s.scan->u.scan.table;
    const struct connector_desc *d;
    int rc = phys_connector(r, desc, s.scan->u.scan.options, s.scan->u.scan.n_options,
                            CONNECTOR_LOOKUP, &d, err);
    if (rc) return rc;
    struct connector_table t;
    phys_table(p, desc, s.scan->u.scan.options, s.scan->u.scan.n_options, false, &t);
    if (d->check && d->check(&t, false, err)) return phys_place(r, err);
    if (d->source_mode && d->source_mode(&t) != CHANGELOG_INSERT)
        return phys_err(r, err, ERR_UNSUPPORTED,
                        "looking rows up in table '%s', which holds changes rather than rows",
                        desc->name);
    int n_scan = s.scan->schema->n;
    int *projection = ARENA_NEW_N(p->arena, int, n_scan + 1);
    for (int i = 0; i < n_scan; i++)
        projection[i] = schema_find(t.schema, s.scan->schema->fields[i].name);
    t.projection = projection;
    t.n_projection = n_scan;
    int cols[JOIN_CONJUNCTS_MAX], n_cols = 0;
    rc = column_keys(j, &s, cols, &n_cols, err);
    if (rc) return rc;
    cJSON *keys = cJSON_CreateArray();
    cJSON_AddItemToArray(p->json, keys);
    int n_rest = 0;
    for (int i = 0; i < j->n_rest; i++)
        if (!literal_key(j, &s, j->rest[i], keys, &t)) j->rest[n_rest++] = j->rest[i];
    j->n_rest = n_rest;
    if (!n_cols)
        return phys_err(r, err, ERR_VALIDATION,
                        "Temporal table join requires an equality condition on fields of table "
                        "[%s].",
                        desc->name);
    /* Left keys become columns; the right side is no input of the op. */
    const struct expr **more = ARENA_NEW_N(p->arena, const struct expr *, n_cols + 1);
    struct pnode *in = j->in[0];
    int n_more = 0;
    for (int i = 0; i < n_cols; i++) {
        const struct expr *e = j->eqs[i].left;
        int col = e->kind == EXPR_COLUMN ? e->column : j->n_left + n_more;
        if (e->kind != EXPR_COLUMN) more[n_more++] = e;
        cJSON *k = cJSON_CreateObject();
        json_set_i64(k, "table", projection[cols[i]]);
        json_set_i64(k, "col", col);
        cJSON_AddItemToArray(keys, k);
    }
    if (n_more) in = phys_append(p, r, in, more, n_more);
    int n_left = in->schema->n;
    struct schema *out = phys_schema(p->arena, n_left + n_scan);
    struct field *f = (struct field *)out->fields;
    bool left_join = r->u.temporal.type == JOIN_LEFT;
    for (int i = 0; i < out->n; i++) {
        f[i] = i < n_left ? in->schema->fields[i] : s.scan->schema->fields[i - n_left];
        if (i >= n_left && left_join) f[i].type = type_with_null(p->arena, f[i].type, true);
    }
    struct pnode *n = phys_new(p, PHYS_LOOKUP_JOIN, r, out, &in, 1);
    n->n_dist = in->n_dist;
    n->dist = in->dist;
    json_set_str(n->config, "join", join_type_name(r->u.temporal.type));
    json_set(n->config, "table", connector_table_to_json(&t));
    json_set(n->config, "keys", cJSON_Duplicate(keys, true));
    json_set(n->config, "filter", s.filter ? expr_to_json(s.filter) : cJSON_CreateNull());
    /* Residual and output: left columns stay, right ones are expressions over the looked-up row. */
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, r->schema->n + 1);
    int *map = ARENA_NEW_N(p->arena, int, n_scan + 1);
    for (int i = 0; i < n_scan; i++)
        map[i] = n_left + i;
    for (int i = 0; i < r->schema->n; i++) {
        if (i < j->n_left) {
            exprs[i] = expr_column(p->arena, i, f[i].type);
            continue;
        }
        const struct expr *e = s.exprs ? s.exprs[i - j->n_left]
                                       : expr_column(p->arena, i - j->n_left,
                                                     s.scan->schema->fields[i - j->n_left].type);
        exprs[i] = expr_remap(p->arena, e, map, n_scan);
    }
    const struct expr *rest = NULL;
    for (int i = 0; i < j->n_rest; i++)
        rest = expr_and(p->arena, rest, expr_substitute(p->arena, j->rest[i], exprs, r->schema->n));
    json_set(n->config, "residual", rest ? expr_to_json(rest) : cJSON_CreateNull());
    rc = add_async(p, r, in, n->config, err);
    if (rc) return rc;
    phys_label(p, n, "LookupJoin(table=[%s], joinType=[%s], keys=[%d])", desc->name,
               join_type_name(r->u.temporal.type), n_cols);
    *ret = phys_calc(p, r, n, NULL, exprs, r->schema);
    return 0;
}

/* ---- versions by event time ---- */

static int row_time(const struct schema *s) {
    for (int i = 0; i < s->n; i++)
        if (s->fields[i].type->time_attr == TIME_ATTR_ROWTIME) return i;
    return -1;
}

static int check_versioned(const struct join_parts *j, int right_time, struct err *err) {
    const struct pnode *right = j->in[1];
    if (!j->n_eqs)
        return phys_err(j->r, err, ERR_VALIDATION,
                        "Currently the join key in Temporal Table Join can not be empty.");
    if (right_time < 0)
        return phys_err(j->r, err, ERR_VALIDATION,
                        "Event-Time Temporal Table Join requires both primary key and row time "
                        "attribute in versioned table, but no row time attribute can be found.");
    if (!right->n_keys)
        return phys_err(j->r, err, ERR_VALIDATION,
                        "Event-Time Temporal Table Join requires both primary key and row time "
                        "attribute in versioned table, but no primary key can be found.");
    return 0;
}

static int check_times(const struct join_parts *j, int left_time, int right_time, struct err *err) {
    const struct type *l = j->schema[0]->fields[left_time].type,
                      *r = j->schema[1]->fields[right_time].type;
    if (l->kind == r->kind) return 0;
    AUTO_STR lt = STR_INIT, rt = STR_INIT;
    type_print(l, &lt);
    type_print(r, &rt);
    return phys_err(j->r, err, ERR_VALIDATION,
                    "Event-Time Temporal Table Join requires same rowtime type in left table and "
                    "versioned table, but the rowtime types are %s and %s.",
                    str_text(&lt), str_text(&rt));
}

/* An upsert key of the right side within the join's columns. */
static const struct colset *version_key(const struct join_parts *j) {
    int cols[JOIN_CONJUNCTS_MAX], n = 0;
    for (int i = 0; i < j->n_eqs; i++)
        if (j->eqs[i].right->kind == EXPR_COLUMN) cols[n++] = j->eqs[i].right->column;
    struct colset join = {n, cols};
    for (int k = 0; k < j->in[1]->n_keys; k++)
        if (colset_covers(join, j->in[1]->keys[k])) return &j->in[1]->keys[k];
    return NULL;
}

static int temporal_join(struct join_parts *j, struct pnode **ret, struct err *err) {
    struct planner *p = j->p;
    const struct rel *r = j->r;
    if (p->batch)
        return phys_err(r, err, ERR_UNSUPPORTED, "a temporal join by event time in batch mode");
    int left_time = r->u.temporal.left_time, right_time = row_time(j->schema[1]);
    int rc = check_versioned(j, right_time, err);
    if (!rc) rc = check_times(j, left_time, right_time, err);
    if (rc) return rc;
    const struct colset *key = version_key(j);
    if (!key) {
        AUTO_STR names = STR_INIT;
        phys_print_cols(j->schema[1], j->in[1]->keys[0].cols, j->in[1]->keys[0].n, &names);
        return phys_err(r, err, ERR_VALIDATION,
                        "Temporal table's primary key [%s] must be included in the equivalence "
                        "condition of temporal join",
                        str_text(&names));
    }
    rc = join_keys(j, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_TEMPORAL_JOIN, r, join_schema(j), j->in, 2);
    n->kinds = j->in[0]->kinds; /* a left row meets one version: its changes are the result's */
    for (int k = 0; k < j->in[0]->n_keys; k++)
        phys_add_key(n, j->in[0]->keys[k]);
    join_distribute(j, n);
    join_config(j, n->config);
    json_set_i64(n->config, "leftTime", left_time);
    json_set_i64(n->config, "rightTime", right_time);
    json_set(n->config, "rightPrimaryKey", phys_json_cols(key->cols, key->n));
    json_set_i64(n->config, "ttl", p->config.state_ttl_ms);
    join_label(j, n, "TemporalJoin", "");
    *ret = join_trim(j, n);
    return 0;
}

int phys_temporal(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct join_parts j = {.p = p, .r = r, .type = r->u.temporal.type};
    j.schema[0] = r->inputs[0]->schema;
    j.schema[1] = r->inputs[1]->schema;
    j.n_left = j.schema[0]->n;
    int rc = phys_node(p, r->inputs[0], &j.in[0], err);
    if (!rc) rc = join_split(&j, r->u.temporal.predicate, err);
    if (rc) return rc;
    const struct type *t = j.schema[0]->fields[r->u.temporal.left_time].type;
    if (t->time_attr == TIME_ATTR_PROCTIME) return lookup_join(&j, ret, err);
    if (t->time_attr == TIME_ATTR_NONE && !p->batch)
        return phys_err(r, err, ERR_VALIDATION,
                        "FOR SYSTEM_TIME AS OF needs a time attribute of the left table, but '%s' "
                        "is none",
                        j.schema[0]->fields[r->u.temporal.left_time].name);
    rc = phys_node(p, r->inputs[1], &j.in[1], err);
    return rc ? rc : temporal_join(&j, ret, err);
}
