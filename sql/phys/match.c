/* match.c - MATCH_RECOGNIZE. */
#include "sql/ast.h"
#include "sql/ast_print.h"
#include "sql/phys/phys.h"

static cJSON *json_slot(const struct match_slot *s) {
    cJSON *j = cJSON_CreateObject();
    json_set_i64(j, "var", s->var);
    if (s->column >= 0) {
        json_set_bool(j, "first", s->first);
        json_set_i64(j, "offset", s->offset);
        json_set_i64(j, "col", s->column);
        return j;
    }
    json_set(j, "agg", agg_call_to_json(s->call));
    cJSON *args = cJSON_AddArrayToObject(j, "args");
    for (int i = 0; i < s->call->n_args; i++)
        cJSON_AddItemToArray(args, expr_to_json(s->args[i]));
    return j;
}

static cJSON *json_expr(const struct match_expr *e) {
    if (!e) return cJSON_CreateNull();
    cJSON *j = cJSON_CreateObject();
    json_set(j, "expr", expr_to_json(e->expr));
    cJSON *slots = cJSON_AddArrayToObject(j, "slots");
    for (int i = 0; i < e->n_slots; i++)
        cJSON_AddItemToArray(slots, json_slot(&e->slots[i]));
    return j;
}

static void add_vars(const struct match_spec *s, cJSON *config) {
    cJSON *vars = cJSON_AddArrayToObject(config, "vars");
    for (int i = 0; i < s->n_vars; i++) {
        const struct match_var *v = &s->vars[i];
        cJSON *j = cJSON_CreateObject();
        json_set_str(j, "name", v->name);
        json_set_i64(j, "min", v->min);
        json_set_i64(j, "max", v->max == INT64_MAX ? -1 : v->max);
        json_set_bool(j, "greedy", v->greedy);
        json_set(j, "define", json_expr(v->define));
        cJSON_AddItemToArray(vars, j);
    }
}

static void label_match(struct planner *p, const struct rel *r, struct pnode *n) {
    const struct match_spec *m = r->u.match.spec;
    const struct schema *in = r->inputs[0]->schema;
    AUTO_STR s = STR_INIT;
    str_add(&s, "Match(");
    if (m->n_partition) {
        str_add(&s, "partitionBy=[");
        phys_print_cols(in, m->partition, m->n_partition, &s);
        str_add(&s, "], ");
    }
    str_addf(&s, "orderBy=[%s", in->fields[m->time].name);
    if (m->n_order) {
        str_add(&s, ", ");
        phys_print_order(in, m->order, m->n_order, &s);
    }
    str_add(&s, "], pattern=[");
    ast_print(&r->u.match.ast->pattern->base, &s);
    str_add(&s, "])");
    n->label = phys_keep(p, &s);
}

int phys_match(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    static const char *const skips[] = {"past_last", "next", "first", "last"};
    const struct match_spec *m = r->u.match.spec;
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_MATCH, r, r->schema, &in, 1);
    rc = phys_require(p, n, 0, CHANGELOG_INSERT, "Match Recognize", err);
    if (rc) return rc;
    phys_hash(p, n, 0, m->partition, m->n_partition);
    n->kinds = CHANGELOG_INSERT;
    int *dist = ARENA_NEW_N(p->arena, int, m->n_partition + 1);
    for (int i = 0; i < m->n_partition; i++)
        dist[i] = i;
    n->n_dist = m->n_partition;
    n->dist = dist;
    json_set(n->config, "partition", phys_json_cols(m->partition, m->n_partition));
    json_set_i64(n->config, "time", m->time);
    json_set_bool(n->config, "proctime", m->proctime);
    json_set(n->config, "order", phys_json_order(m->order, m->n_order));
    add_vars(m, n->config);
    json_set_str(n->config, "skip", skips[m->skip]);
    json_set_i64(n->config, "skipVar", m->skip_var);
    json_set_i64(n->config, "within", m->within_ms);
    cJSON *measures = cJSON_AddArrayToObject(n->config, "measures");
    for (int i = 0; i < m->n_measures; i++)
        cJSON_AddItemToArray(measures, json_expr(&m->measures[i]));
    label_match(p, r, n);
    *ret = n;
    return 0;
}
