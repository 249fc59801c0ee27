/* over.c - analytic functions OVER (PARTITION BY ... ORDER BY ...). */
#include "sql/phys/phys.h"

#include <string.h>

static cJSON *json_frame(int64_t bound) {
    return bound == FRAME_UNBOUNDED ? cJSON_CreateNull() : json_i64(bound);
}

static int check_order(struct planner *p, const struct rel *r, enum time_attr *ret_attr,
                       struct err *err) {
    const struct over_spec *o = &r->u.over;
    *ret_attr = TIME_ATTR_NONE;
    if (p->batch) return 0;
    if (!o->n_order)
        return phys_err(r, err, ERR_VALIDATION,
                        "The window can only be ordered by a single time column.");
    *ret_attr = r->inputs[0]->schema->fields[o->order[0].column].type->time_attr;
    if (*ret_attr == TIME_ATTR_NONE) return 0;
    if (o->n_order > 1)
        return phys_err(r, err, ERR_VALIDATION,
                        "The window can only be ordered by a single time column.");
    if (o->order[0].desc)
        return phys_err(r, err, ERR_VALIDATION,
                        "The window can only be ordered in ASCENDING mode.");
    return 0;
}

static bool same_partition(const struct over_spec *x, const struct over_spec *y) {
    if (x->n_partition != y->n_partition) return false;
    for (int i = 0; i < x->n_partition; i++)
        if (x->partition[i] != y->partition[i]) return false;
    return true;
}

/* Input whose rows may change has no order of time to go by: any frame is kept up to date then. */
static int check_frame(struct planner *p, const struct rel *r, const struct pnode *in,
                       enum time_attr attr, struct err *err) {
    const struct over_spec *o = &r->u.over;
    if (p->batch || in->kinds != CHANGELOG_INSERT) return 0;
    if (r->inputs[0]->kind == REL_OVER && attr != TIME_ATTR_NONE &&
        !same_partition(o, &r->inputs[0]->u.over))
        return phys_err(r, err, ERR_VALIDATION,
                        "Over Agg: Unsupported use of OVER windows. All aggregates must be "
                        "computed on the same window. please re-check the over window statement.");
    if (o->following != 0)
        return phys_err(r, err, ERR_VALIDATION,
                        "OVER windows on a stream end at CURRENT ROW: FOLLOWING is not supported");
    if (attr == TIME_ATTR_NONE && o->preceding != FRAME_UNBOUNDED)
        return phys_err(r, err, ERR_VALIDATION,
                        "OVER windows on a stream that aren't ordered by a time attribute begin at "
                        "UNBOUNDED PRECEDING");
    return 0;
}

static cJSON *json_call(const struct over_call *c) {
    if (!c->rank_fn) return phys_json_agg(&c->call, c->args, -1, NULL, 0);
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "fn", c->rank_fn);
    AUTO_STR type = STR_INIT;
    type_print(c->type, &type);
    json_set_str(j, "type", str_text(&type));
    json_set(j, "cols", phys_json_cols(c->args, c->n_args));
    json_set_i64(j, "offset", c->offset);
    return j;
}

static void label_over(struct planner *p, const struct rel *r, struct pnode *n) {
    const struct over_spec *o = &r->u.over;
    const struct schema *in = r->inputs[0]->schema;
    AUTO_STR s = STR_INIT;
    str_add(&s, "OverAggregate(");
    if (o->n_partition) {
        str_add(&s, "partitionBy=[");
        phys_print_cols(in, o->partition, o->n_partition, &s);
        str_add(&s, "], ");
    }
    str_add(&s, "orderBy=[");
    phys_print_order(in, o->order, o->n_order, &s);
    str_add(&s, "], select=[");
    for (int i = 0; i < o->n_calls; i++) {
        const struct over_call *c = &o->calls[i];
        if (i) str_add(&s, ", ");
        if (c->rank_fn) {
            str_addf(&s, "%s(", c->rank_fn);
            phys_print_cols(in, c->args, c->n_args, &s);
            str_add_char(&s, ')');
        } else {
            phys_print_agg(in, &c->call, c->args, -1, &s);
        }
    }
    str_add(&s, "])");
    n->label = phys_keep(p, &s);
}

int phys_over(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    const struct over_spec *o = &r->u.over;
    enum time_attr attr;
    struct pnode *in;
    int rc = check_order(p, r, &attr, err);
    if (!rc) rc = phys_node(p, r->inputs[0], &in, err);
    if (!rc) rc = check_frame(p, r, in, attr, err);
    if (rc) return rc;
    if (in->kinds != CHANGELOG_INSERT) attr = TIME_ATTR_NONE; /* rows may go again */
    struct pnode *n = phys_new(p, PHYS_OVER, r, r->schema, &in, 1);
    phys_same_facts(n, in);
    n->props = NULL;
    for (int i = 0; i < in->schema->n; i++)
        if (phys_prop(in, i)) phys_set_prop(p, n, i, phys_prop(in, i));
    phys_hash(p, n, 0, o->partition, o->n_partition);
    n->n_dist = o->n_partition;
    n->dist = o->partition;
    n->kinds = p->batch || attr != TIME_ATTR_NONE ? CHANGELOG_INSERT : CHANGELOG_UPSERT;
    json_set(n->config, "partition", phys_json_cols(o->partition, o->n_partition));
    json_set(n->config, "order", phys_json_order(o->order, o->n_order));
    json_set_i64(n->config, "time", attr == TIME_ATTR_ROWTIME ? o->order[0].column : -1);
    json_set_bool(n->config, "proctime", attr == TIME_ATTR_PROCTIME);
    json_set_str(n->config, "frame", o->rows ? "rows" : "range");
    json_set(n->config, "preceding", json_frame(o->preceding));
    json_set(n->config, "following", json_frame(o->following));
    cJSON *calls = cJSON_AddArrayToObject(n->config, "calls");
    for (int i = 0; i < o->n_calls; i++) {
        struct over_call c = o->calls[i];
        if (!c.rank_fn) rc = phys_agg_for(p, r, in, &c.call, c.args, err);
        if (rc) return rc;
        cJSON_AddItemToArray(calls, json_call(&c));
    }
    json_set_bool(n->config, "updateBefore", false);
    json_set_bool(n->config, "inputRetracts", false);
    json_set_bool(n->config, "batch", p->batch);
    json_set_i64(n->config, "ttl", p->config.state_ttl_ms);
    label_over(p, r, n);
    *ret = n;
    return 0;
}
