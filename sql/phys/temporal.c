/* temporal.c - joins FOR SYSTEM_TIME AS OF: with the version of a row that held at the left row's
 * time, or by looking rows up at processing time (lookup.c). */
#include "sql/phys/join.h"

#include <string.h>

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
    if (t->time_attr == TIME_ATTR_PROCTIME) return phys_lookup(&j, ret, err);
    if (t->time_attr == TIME_ATTR_NONE && !p->batch)
        return phys_err(r, err, ERR_VALIDATION,
                        "FOR SYSTEM_TIME AS OF needs a time attribute of the left table, but '%s' "
                        "is none",
                        j.schema[0]->fields[r->u.temporal.left_time].name);
    rc = phys_node(p, r->inputs[1], &j.in[1], err);
    return rc ? rc : temporal_join(&j, ret, err);
}
