/* facts.c - what is known of a node's rows (upsert keys, distribution, window columns), and the
 * schemas, JSON and text that translators build. */
#include "sql/phys/facts.h"

#include "sql/phys/phys.h"

#include <stdlib.h>
#include <string.h>

/* ---- column sets ---- */

static int int_cmp(const void *x, const void *y) {
    int a = *(const int *)x, b = *(const int *)y;
    return (a > b) - (a < b);
}

struct colset colset_of(struct arena *a, const int *cols, int n) {
    int *c = ARENA_NEW_N(a, int, n + 1), m = 0;
    if (n) memcpy(c, cols, sizeof *c * (size_t)n);
    qsort(c, (size_t)n, sizeof *c, int_cmp);
    for (int i = 0; i < n; i++)
        if (!m || c[m - 1] != c[i]) c[m++] = c[i];
    return (struct colset){m, c};
}

bool colset_has(struct colset s, int col) {
    for (int i = 0; i < s.n; i++)
        if (s.cols[i] == col) return true;
    return false;
}

bool colset_covers(struct colset s, struct colset part) {
    for (int i = 0; i < part.n; i++)
        if (!colset_has(s, part.cols[i])) return false;
    return true;
}

bool colset_eq(struct colset x, struct colset y) {
    return x.n == y.n && colset_covers(x, y);
}

void phys_add_key(struct pnode *n, struct colset key) {
    for (int i = 0; i < n->n_keys; i++)
        if (colset_eq(n->keys[i], key)) return;
    if (n->n_keys < PHYS_KEYS_MAX) n->keys[n->n_keys++] = key;
}

/* ---- facts through an op ---- */

static bool map_cols(const int *map, const int *cols, int n, int *ret) {
    for (int i = 0; i < n; i++) {
        ret[i] = map[cols[i]];
        if (ret[i] < 0) return false;
    }
    return true;
}

void phys_map_facts(struct planner *p, struct pnode *n, const struct pnode *from, const int *map) {
    for (int k = 0; k < from->n_keys; k++) {
        struct colset key = from->keys[k];
        int *cols = ARENA_NEW_N(p->arena, int, key.n + 1);
        if (map_cols(map, key.cols, key.n, cols)) phys_add_key(n, colset_of(p->arena, cols, key.n));
    }
    if (from->n_dist >= 0) {
        int *cols = ARENA_NEW_N(p->arena, int, from->n_dist + 1);
        if (map_cols(map, from->dist, from->n_dist, cols)) {
            n->n_dist = from->n_dist;
            n->dist = cols;
        }
    }
    for (int i = 0; from->props && i < from->schema->n; i++)
        if (from->props[i] && map[i] >= 0) phys_set_prop(p, n, map[i], from->props[i]);
    n->spec = from->spec;
    n->spec_ltz = from->spec_ltz;
    n->spec_proctime = from->spec_proctime;
}

void phys_same_facts(struct pnode *n, const struct pnode *from) {
    memcpy(n->keys, from->keys, sizeof n->keys);
    n->n_keys = from->n_keys;
    n->n_dist = from->n_dist;
    n->dist = from->dist;
    n->props = from->props;
    n->spec = from->spec;
    n->spec_ltz = from->spec_ltz;
    n->spec_proctime = from->spec_proctime;
}

enum window_prop phys_prop(const struct pnode *n, int col) {
    return n->props ? (enum window_prop)n->props[col] : WPROP_NONE;
}

void phys_set_prop(struct planner *p, struct pnode *n, int col, enum window_prop prop) {
    if (!n->props) n->props = ARENA_NEW_N(p->arena, uint8_t, n->schema->n);
    ((uint8_t *)n->props)[col] = (uint8_t)prop;
}

bool phys_window_eq(const struct pnode *x, const struct pnode *y) {
    const struct window_spec *a = x->spec, *b = y->spec;
    if (!a || !b || x->spec_ltz != y->spec_ltz || x->spec_proctime != y->spec_proctime)
        return false;
    return a->type == b->type && a->size_ms == b->size_ms && a->slide_ms == b->slide_ms &&
           a->gap_ms == b->gap_ms && a->offset_ms == b->offset_ms;
}

int phys_agg_for(struct planner *p, const struct rel *r, const struct pnode *in,
                 struct agg_call *call, const int *args, struct err *err) {
    if (in->kinds == CHANGELOG_INSERT) return 0;
    const struct expr *exprs[AGG_ARGS_MAX];
    for (int i = 0; i < call->n_args; i++)
        exprs[i] = call->consts[i] ? expr_literal(p->arena, call->consts[i])
                                   : expr_column(p->arena, args[i], call->arg_types[i]);
    struct agg_call bound;
    if (agg_bind(p->arena, call->agg, exprs, call->n_args, call->distinct, true, true, &bound, err))
        return phys_place(r, err);
    bound.ret_type = call->ret_type;
    *call = bound;
    return 0;
}

/* ---- schemas ---- */

struct schema *phys_schema(struct arena *a, int n) {
    return (struct schema *)schema_new(a, n);
}

const struct schema *phys_schema_plain(struct arena *a, const struct schema *s) {
    struct schema *t = phys_schema(a, s->n);
    struct field *f = (struct field *)t->fields;
    for (int i = 0; i < s->n; i++) {
        f[i].name = s->fields[i].name;
        f[i].type = type_with_time_attr(a, s->fields[i].type, TIME_ATTR_NONE);
    }
    return t;
}

/* ---- JSON ---- */

cJSON *phys_json_cols(const int *cols, int n) {
    cJSON *j = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(j, json_i64(cols[i]));
    return j;
}

cJSON *phys_json_order(const struct sort_key *keys, int n) {
    cJSON *j = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        cJSON *k = cJSON_CreateObject();
        json_set_i64(k, "col", keys[i].column);
        json_set_bool(k, "desc", keys[i].desc);
        json_set_bool(k, "nullsFirst", keys[i].nulls_first);
        cJSON_AddItemToArray(j, k);
    }
    return j;
}

cJSON *phys_json_agg(const struct agg_call *c, const int *cols, int filter,
                     const struct sort_key *order, int n_order) {
    cJSON *j = agg_call_to_json(c);
    json_set(j, "cols", phys_json_cols(cols, c->n_args));
    json_set_i64(j, "filter", filter);
    if (n_order) json_set(j, "order", phys_json_order(order, n_order));
    return j;
}

/* ---- text ---- */

void phys_print_cols(const struct schema *s, const int *cols, int n, struct str *out) {
    for (int i = 0; i < n; i++)
        str_addf(out, "%s%s", i ? ", " : "", s->fields[cols[i]].name);
}

void phys_print_order(const struct schema *s, const struct sort_key *k, int n, struct str *out) {
    for (int i = 0; i < n; i++)
        str_addf(out, "%s%s %s", i ? ", " : "", s->fields[k[i].column].name,
                 k[i].desc ? "DESC" : "ASC");
}

void phys_print_agg(const struct schema *in, const struct agg_call *c, const int *cols, int filter,
                    struct str *out) {
    str_addf(out, "%s(%s", c->agg->name, c->distinct ? "DISTINCT " : "");
    if (!c->n_args) str_add_char(out, '*');
    phys_print_cols(in, cols, c->n_args, out);
    str_add_char(out, ')');
    if (filter >= 0) str_addf(out, " FILTER %s", in->fields[filter].name);
}

const char *phys_keep(struct planner *p, struct str *s) {
    return arena_strndup(p->arena, str_text(s), s->len);
}
