/* plan_json.c - a plan as JSON and back (docs/plan.md). Members stand in a fixed order, so that one
 * plan always gives the same bytes. */
#include "base/core/json.h"
#include "sql/plan.h"

#include <string.h>

const cJSON *plan_json_copy(struct arena *a, const cJSON *j) {
    cJSON *c = ARENA_NEW(a, cJSON);
    c->type = j->type & ~(cJSON_IsReference | cJSON_StringIsConst);
    c->valueint = j->valueint;
    c->valuedouble = j->valuedouble;
    c->valuestring = arena_strdup(a, j->valuestring);
    c->string = arena_strdup(a, j->string);
    cJSON *last = NULL;
    for (const cJSON *k = j->child; k; k = k->next) {
        cJSON *kc = (cJSON *)plan_json_copy(a, k);
        kc->prev = last;
        if (last)
            last->next = kc;
        else
            c->child = kc;
        last = kc;
    }
    if (c->child) c->child->prev = last; /* as cJSON keeps it: the first one's prev is the last */
    return c;
}

/* ---- writing ---- */

static cJSON *config_to_json(const struct plan_config *c) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "zone", c->zone);
    json_set_bool(j, "batchMode", c->batch_mode);
    json_set_bool(j, "bounded", c->bounded);
    json_set_i64(j, "batchRows", c->batch_rows);
    json_set_i64(j, "bufferTimeout", c->buffer_timeout_ms);
    json_set_i64(j, "watermarkInterval", c->watermark_interval_ms);
    json_set_i64(j, "idleTimeout", c->idle_timeout_ms);
    json_set_i64(j, "queryStart", c->query_start_ms);
    json_set_bool(j, "legacyCast", c->legacy_cast);
    json_set_bool(j, "miniBatch", c->mini_batch);
    json_set_i64(j, "miniBatchLatency", c->mini_batch_latency_ms);
    json_set_i64(j, "miniBatchSize", c->mini_batch_size);
    json_set_i64(j, "stateTtl", c->state_ttl_ms);
    json_set_i64(j, "latencyInterval", c->latency_interval_ms);
    return j;
}

static cJSON *op_to_json(const struct plan_op *op) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "kind", op->kind);
    json_set_str(j, "uid", op->uid);
    json_set_str(j, "name", op->name);
    json_set_i64(j, "input", op->input);
    json_set_i64(j, "inputPort", op->input_port);
    json_set(j, "config", op->config ? cJSON_Duplicate(op->config, true) : cJSON_CreateObject());
    json_set(j, "output", schema_to_json(op->output));
    AUTO_STR mode = STR_INIT;
    changelog_print(op->changelog, &mode);
    json_set_str(j, "changelog", str_text(&mode));
    json_set_bool(j, "stateful", op->stateful);
    return j;
}

static cJSON *vertex_to_json(const struct plan_vertex *v) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "uid", v->uid);
    json_set_str(j, "name", v->name);
    json_set_i64(j, "parallelism", v->parallelism);
    json_set_i64(j, "maxParallelism", v->max_parallelism);
    json_set_str(j, "slotGroup", v->slot_group);
    json_set_i64(j, "inputs", v->n_inputs);
    cJSON *ops = cJSON_AddArrayToObject(j, "ops");
    for (int i = 0; i < v->n_ops; i++)
        cJSON_AddItemToArray(ops, op_to_json(&v->ops[i]));
    return j;
}

static cJSON *edge_to_json(const struct plan_edge *e) {
    cJSON *j = cJSON_CreateObject();
    json_set_i64(j, "from", e->from);
    json_set_i64(j, "fromOp", e->from_op);
    json_set_i64(j, "fromPort", e->from_port);
    json_set_i64(j, "to", e->to);
    json_set_i64(j, "toPort", e->to_port);
    json_set_str(j, "routing", routing_name(e->routing));
    cJSON *keys = cJSON_AddArrayToObject(j, "keys");
    for (int i = 0; i < e->n_keys; i++)
        cJSON_AddItemToArray(keys, json_i64(e->keys[i]));
    json_set(j, "schema", schema_to_json(e->schema));
    return j;
}

cJSON *plan_to_json(const struct plan *p) {
    cJSON *j = cJSON_CreateObject();
    json_set_i64(j, "version", PLAN_VERSION);
    json_set_str(j, "name", p->name);
    json_set(j, "config", config_to_json(&p->config));
    cJSON *vertices = cJSON_AddArrayToObject(j, "vertices");
    for (int i = 0; i < p->n_vertices; i++)
        cJSON_AddItemToArray(vertices, vertex_to_json(&p->vertices[i]));
    cJSON *edges = cJSON_AddArrayToObject(j, "edges");
    for (int i = 0; i < p->n_edges; i++)
        cJSON_AddItemToArray(edges, edge_to_json(&p->edges[i]));
    json_set(j, "result", p->result ? schema_to_json(p->result) : cJSON_CreateNull());
    return j;
}

/* ---- secrets ---- */

static void mask_options(cJSON *options) {
    const char *connector = json_opt_str(options, "connector", NULL);
    const struct connector_desc *d = connector ? connector_find(connector) : NULL;
    for (cJSON *o = options->child; o; o = o->next) {
        const struct opt_row *row = d ? opt_find(&d->options, o->string) : NULL;
        bool secret = (row && row->flags & OPT_SECRET) || opt_is_secret(o->string);
        if (secret && cJSON_IsString(o)) cJSON_SetValuestring(o, "******");
    }
}

static void mask(cJSON *j) {
    for (cJSON *o = j->child; o; o = o->next) {
        if (o->string && !strcmp(o->string, "options") && cJSON_IsObject(o)) mask_options(o);
        mask(o);
    }
}

cJSON *plan_to_public_json(const struct plan *p) {
    cJSON *j = plan_to_json(p);
    mask(j);
    return j;
}

/* ---- reading ---- */

struct reader {
    struct arena *arena;
    struct err *err;
};

static int read_str(struct reader *r, const cJSON *j, const char *key, const char **ret) {
    const char *s;
    int rc = json_get_str(j, key, &s, r->err);
    if (!rc) *ret = arena_strdup(r->arena, s);
    return rc;
}

static int read_schema(struct reader *r, const cJSON *j, const char *key,
                       const struct schema **ret) {
    const cJSON *s;
    int rc = json_get_array(j, key, &s, r->err);
    if (!rc) rc = schema_from_json(r->arena, s, ret, r->err);
    return rc ? err_wrap(r->err, "%s", key) : 0;
}

static int read_config(struct reader *r, const cJSON *j, struct plan_config *c) {
    int64_t rows = 0;
    int rc = read_str(r, j, "zone", &c->zone);
    if (!rc) rc = json_get_bool(j, "batchMode", &c->batch_mode, r->err);
    if (!rc) rc = json_get_bool(j, "bounded", &c->bounded, r->err);
    if (!rc) rc = json_get_i64(j, "batchRows", &rows, r->err);
    if (!rc) rc = json_get_i64(j, "bufferTimeout", &c->buffer_timeout_ms, r->err);
    if (!rc) rc = json_get_i64(j, "watermarkInterval", &c->watermark_interval_ms, r->err);
    if (!rc) rc = json_get_i64(j, "idleTimeout", &c->idle_timeout_ms, r->err);
    if (!rc) rc = json_get_i64(j, "queryStart", &c->query_start_ms, r->err);
    if (!rc) rc = json_get_bool(j, "legacyCast", &c->legacy_cast, r->err);
    if (!rc) rc = json_get_bool(j, "miniBatch", &c->mini_batch, r->err);
    if (!rc) rc = json_get_i64(j, "miniBatchLatency", &c->mini_batch_latency_ms, r->err);
    if (!rc) rc = json_get_i64(j, "miniBatchSize", &c->mini_batch_size, r->err);
    if (!rc) rc = json_get_i64(j, "stateTtl", &c->state_ttl_ms, r->err);
    if (!rc) rc = json_get_i64(j, "latencyInterval", &c->latency_interval_ms, r->err);
    if (rc) return rc;
    if (rows < 1 || rows > BATCH_ROWS_MAX)
        return err_set(r->err, ERR_INVALID, "batchRows is %lld (1 to %d expected)", (long long)rows,
                       BATCH_ROWS_MAX);
    c->batch_rows = (uint32_t)rows;
    return 0;
}

static int read_op(struct reader *r, const cJSON *j, struct plan_op *op) {
    const cJSON *config = NULL;
    const char *mode = NULL;
    int rc = read_str(r, j, "kind", &op->kind);
    if (!rc) rc = read_str(r, j, "uid", &op->uid);
    if (!rc) rc = read_str(r, j, "name", &op->name);
    if (!rc) rc = json_get_int(j, "input", &op->input, r->err);
    if (!rc) rc = json_get_int(j, "inputPort", &op->input_port, r->err);
    if (!rc) rc = json_get_object(j, "config", &config, r->err);
    if (!rc) rc = read_schema(r, j, "output", &op->output);
    if (!rc) rc = json_get_str(j, "changelog", &mode, r->err);
    if (!rc) rc = json_get_bool(j, "stateful", &op->stateful, r->err);
    if (rc) return rc;
    if (changelog_parse(mode, &op->changelog))
        return err_set(r->err, ERR_INVALID, "changelog '%s' is none", mode);
    op->config = plan_json_copy(r->arena, config);
    return 0;
}

static int read_vertex(struct reader *r, const cJSON *j, struct plan_vertex *v) {
    const cJSON *ops = NULL, *o;
    int rc = read_str(r, j, "uid", &v->uid);
    if (!rc) rc = read_str(r, j, "name", &v->name);
    if (!rc) rc = json_get_int(j, "parallelism", &v->parallelism, r->err);
    if (!rc) rc = json_get_int(j, "maxParallelism", &v->max_parallelism, r->err);
    if (!rc) rc = read_str(r, j, "slotGroup", &v->slot_group);
    if (!rc) rc = json_get_int(j, "inputs", &v->n_inputs, r->err);
    if (!rc) rc = json_get_array(j, "ops", &ops, r->err);
    if (rc) return rc;
    v->ops = ARENA_NEW_N(r->arena, struct plan_op, cJSON_GetArraySize(ops));
    cJSON_ArrayForEach(o, ops) {
        rc = read_op(r, o, &v->ops[v->n_ops]);
        if (rc) return err_wrap(r->err, "ops[%d]", v->n_ops);
        v->n_ops++;
    }
    return 0;
}

static int read_keys(struct reader *r, const cJSON *j, struct plan_edge *e) {
    const cJSON *keys = NULL, *k;
    int rc = json_get_array(j, "keys", &keys, r->err);
    if (rc) return rc;
    int *cols = ARENA_NEW_N(r->arena, int, cJSON_GetArraySize(keys));
    cJSON_ArrayForEach(k, keys) {
        if (!cJSON_IsNumber(k))
            return err_set(r->err, ERR_INVALID, "keys[%d] is no number", e->n_keys);
        cols[e->n_keys++] = k->valueint;
    }
    e->keys = cols;
    return 0;
}

static int read_edge(struct reader *r, const cJSON *j, struct plan_edge *e) {
    const char *routing = NULL;
    int rc = json_get_int(j, "from", &e->from, r->err);
    if (!rc) rc = json_get_int(j, "fromOp", &e->from_op, r->err);
    if (!rc) rc = json_get_int(j, "fromPort", &e->from_port, r->err);
    if (!rc) rc = json_get_int(j, "to", &e->to, r->err);
    if (!rc) rc = json_get_int(j, "toPort", &e->to_port, r->err);
    if (!rc) rc = json_get_str(j, "routing", &routing, r->err);
    if (!rc) rc = read_keys(r, j, e);
    if (!rc) rc = read_schema(r, j, "schema", &e->schema);
    if (rc) return rc;
    if (routing_parse(routing, &e->routing))
        return err_set(r->err, ERR_INVALID, "routing '%s' is unknown", routing);
    return 0;
}

static int read_plan(struct reader *r, const cJSON *j, struct plan *p) {
    const cJSON *config = NULL, *vertices = NULL, *edges = NULL, *o;
    int version;
    int rc = json_get_int(j, "version", &version, r->err);
    if (rc) return rc;
    if (version != PLAN_VERSION)
        return err_set(r->err, ERR_UNSUPPORTED, "version %d (this release reads %d)", version,
                       PLAN_VERSION);
    rc = read_str(r, j, "name", &p->name);
    if (!rc) rc = json_get_object(j, "config", &config, r->err);
    if (!rc) rc = json_get_array(j, "vertices", &vertices, r->err);
    if (!rc) rc = json_get_array(j, "edges", &edges, r->err);
    if (rc) return rc;
    rc = read_config(r, config, &p->config);
    if (rc) return err_wrap(r->err, "config");
    p->vertices = ARENA_NEW_N(r->arena, struct plan_vertex, cJSON_GetArraySize(vertices));
    cJSON_ArrayForEach(o, vertices) {
        rc = read_vertex(r, o, &p->vertices[p->n_vertices]);
        if (rc) return err_wrap(r->err, "vertices[%d]", p->n_vertices);
        p->n_vertices++;
    }
    p->edges = ARENA_NEW_N(r->arena, struct plan_edge, cJSON_GetArraySize(edges));
    cJSON_ArrayForEach(o, edges) {
        rc = read_edge(r, o, &p->edges[p->n_edges]);
        if (rc) return err_wrap(r->err, "edges[%d]", p->n_edges);
        p->n_edges++;
    }
    return json_opt(j, "result") ? read_schema(r, j, "result", &p->result) : 0;
}

int plan_from_json(struct arena *a, const cJSON *j, struct plan **ret, struct err *err) {
    struct reader r = {a, err};
    struct plan *p = ARENA_NEW(a, struct plan);
    p->arena = a;
    int rc = read_plan(&r, j, p);
    if (rc) return err_wrap(err, "plan");
    *ret = p;
    return 0;
}
