/* join.c - which join a JOIN is: of windows, of intervals, or a regular one; and the keys by which
 * its result can be updated. */
#include "sql/phys/join.h"

#include <string.h>

static bool inserts_only(const struct join_parts *j) {
    return j->in[0]->kinds == CHANGELOG_INSERT && j->in[1]->kinds == CHANGELOG_INSERT;
}

/* ---- window join ---- */

/* Index of the key that equates the windows' starts (or ends) of both sides, -1 if there is none.
 */
static int window_eq(const struct join_parts *j, enum window_prop prop) {
    for (int i = 0; i < j->n_eqs; i++) {
        const struct expr *l = j->eqs[i].left, *r = j->eqs[i].right;
        if (!j->eqs[i].null_safe && l->kind == EXPR_COLUMN && r->kind == EXPR_COLUMN &&
            phys_prop(j->in[0], l->column) == prop && phys_prop(j->in[1], r->column) == prop)
            return i;
    }
    return -1;
}

static int window_join(struct join_parts *j, struct pnode **ret, struct err *err) {
    struct planner *p = j->p;
    int end = window_eq(j, WPROP_END);
    int left_end = j->eqs[end].left->column, right_end = j->eqs[end].right->column;
    static const enum window_prop props[] = {WPROP_START, WPROP_END, WPROP_TIME};
    for (size_t k = 0; k < ARRAY_LEN(props); k++)
        for (int i; (i = window_eq(j, props[k])) >= 0;)
            join_remove_eq(j, i);
    int rc = join_keys(j, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_WINDOW_JOIN, j->r, join_schema(j), j->in, 2);
    n->kinds = CHANGELOG_INSERT;
    join_distribute(j, n);
    join_config(j, n->config);
    json_set_i64(n->config, "leftEnd", left_end);
    json_set_i64(n->config, "rightEnd", right_end);
    json_set_bool(n->config, "ltz", j->in[0]->spec_ltz);
    int n_sides = join_left_only(j->type) ? 1 : 2;
    for (int s = 0, at = 0; s < n_sides; at += j->in[s]->schema->n, s++)
        for (int i = 0; i < j->in[s]->schema->n; i++)
            if (phys_prop(j->in[s], i)) phys_set_prop(p, n, at + i, phys_prop(j->in[s], i));
    n->spec = j->in[0]->spec;
    n->spec_ltz = j->in[0]->spec_ltz;
    n->spec_proctime = j->in[0]->spec_proctime;
    join_label(j, n, "WindowJoin", "");
    *ret = join_trim(j, n);
    return 0;
}

/* ---- interval join ---- */

static int interval_join(struct join_parts *j, const struct join_interval *v, struct pnode **ret,
                         struct err *err) {
    struct planner *p = j->p;
    int rc = join_keys(j, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_INTERVAL_JOIN, j->r, join_schema(j), j->in, 2);
    n->kinds = CHANGELOG_INSERT;
    join_distribute(j, n);
    join_config(j, n->config);
    json_set_i64(n->config, "leftTime", v->time[0]);
    json_set_i64(n->config, "rightTime", v->time[1]);
    json_set_i64(n->config, "lower", v->lower_ms);
    json_set_i64(n->config, "upper", v->upper_ms);
    json_set_bool(n->config, "proctime", v->proctime);
    AUTO_STR bounds = STR_INIT;
    str_addf(&bounds, ", windowBounds=[isRowTime=%s, leftLowerBound=%lld, leftUpperBound=%lld]",
             v->proctime ? "false" : "true", (long long)v->lower_ms, (long long)v->upper_ms);
    join_label(j, n, "IntervalJoin", str_text(&bounds));
    *ret = join_trim(j, n);
    return 0;
}

/* ---- regular join ---- */

/* Upsert keys that stay together when rows are spread by the join key: those that cover it. */
static int usable_keys(const struct join_parts *j, int s, struct colset *ret) {
    struct colset join = {j->n_keys, j->keys[s]};
    int n = 0;
    for (int k = 0; k < j->in[s]->n_keys; k++)
        if (colset_covers(j->in[s]->keys[k], join)) ret[n++] = j->in[s]->keys[k];
    return n;
}

static bool unique_on_join_key(const struct join_parts *j, int s, const struct colset *keys,
                               int n) {
    struct colset join = {j->n_keys, j->keys[s]};
    for (int k = 0; k < n; k++)
        if (colset_covers(join, keys[k])) return true;
    return false;
}

static struct colset shift(struct planner *p, struct colset x, int by, struct colset before) {
    int *cols = ARENA_NEW_N(p->arena, int, before.n + x.n + 1);
    if (before.n) memcpy(cols, before.cols, sizeof *cols * (size_t)before.n);
    for (int i = 0; i < x.n; i++)
        cols[before.n + i] = x.cols[i] + by;
    return colset_of(p->arena, cols, before.n + x.n);
}

static void add_join_keys(const struct join_parts *j, struct pnode *n, const struct colset *left,
                          int n_left, const struct colset *right, int n_right) {
    struct planner *p = j->p;
    struct colset none = {0};
    if (join_left_only(j->type)) {
        for (int k = 0; k < n_left; k++)
            phys_add_key(n, left[k]);
        return;
    }
    bool nulls_left = j->type == JOIN_RIGHT || j->type == JOIN_FULL;
    bool nulls_right = j->type == JOIN_LEFT || j->type == JOIN_FULL;
    if (!nulls_left && unique_on_join_key(j, 1, right, n_right))
        for (int k = 0; k < n_left; k++)
            phys_add_key(n, left[k]);
    if (!nulls_right && unique_on_join_key(j, 0, left, n_left))
        for (int k = 0; k < n_right; k++)
            phys_add_key(n, shift(p, right[k], j->n_in[0], none));
    for (int l = 0; l < n_left; l++)
        for (int k = 0; k < n_right; k++)
            phys_add_key(n, shift(p, right[k], j->n_in[0], left[l]));
}

static cJSON *json_key(const struct colset *keys, int n) {
    return n ? phys_json_cols(keys[0].cols, keys[0].n) : cJSON_CreateNull();
}

/* The changes of the result. Outer joins withdraw the row that was padded with NULLs by -D, semi
 * and anti joins rows whose match came or went. */
static unsigned join_kinds(const struct join_parts *j) {
    if (j->p->batch) return CHANGELOG_INSERT;
    unsigned l = j->in[0]->kinds, r = j->in[1]->kinds,
             come_and_go = CHANGELOG_INSERT | CHANGELOG_DELETE;
    if (j->type == JOIN_INNER) return l | r;
    if (j->type == JOIN_SEMI) return l | (r == CHANGELOG_INSERT ? 0 : come_and_go);
    if (j->type == JOIN_ANTI) return l | come_and_go;
    return l | r | come_and_go;
}

static int regular_join(struct join_parts *j, struct pnode **ret, struct err *err) {
    struct planner *p = j->p;
    join_filter_extreme(j);
    int rc = join_keys(j, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_JOIN, j->r, join_schema(j), j->in, 2);
    n->kinds = join_kinds(j);
    join_distribute(j, n);
    struct colset left[PHYS_KEYS_MAX], right[PHYS_KEYS_MAX];
    int n_left = usable_keys(j, 0, left), n_right = usable_keys(j, 1, right);
    add_join_keys(j, n, left, n_left, right, n_right);
    n->has_residual = j->n_rest > 0;
    join_config(j, n->config);
    json_set(n->config, "leftUpsertKey", json_key(left, n_left));
    json_set(n->config, "rightUpsertKey", json_key(right, n_right));
    json_set_i64(n->config, "leftTtl", phys_ttl(p, j->r, 0));
    json_set_i64(n->config, "rightTtl", phys_ttl(p, j->r, 1));
    json_set_bool(n->config, "batch", p->batch);
    join_label(j, n, "Join", "");
    *ret = join_trim(j, n);
    return 0;
}

int phys_join(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct join_parts j = {.p = p, .r = r, .type = r->u.join.type};
    for (int s = 0; s < 2; s++) {
        int rc = phys_node(p, r->inputs[s], &j.in[s], err);
        if (rc) return rc;
        j.schema[s] = r->inputs[s]->schema;
    }
    j.n_left = j.schema[0]->n;
    int rc = join_split(&j, r->u.join.predicate, err);
    if (rc) return rc;
    if (p->batch || !inserts_only(&j)) return regular_join(&j, ret, err);
    if (window_eq(&j, WPROP_START) >= 0 && window_eq(&j, WPROP_END) >= 0 &&
        phys_window_eq(j.in[0], j.in[1]))
        return window_join(&j, ret, err);
    struct join_interval v;
    if (!join_left_only(j.type) && join_find_interval(&j, &v))
        return interval_join(&j, &v, ret, err);
    return regular_join(&j, ret, err);
}
