/* sink.c - INSERT INTO a table, and the sink behind a bare SELECT. What is decided here: whether
 * the table takes the query's changes, whether it needs -U, and whether rows must be put in order
 * by primary key first (materialize). */
#include "sql/phys/phys.h"

#include <string.h>

static const struct table_option collect_options[] = {{"connector", "collect"}};

/* ---- what the sink asks of its input ---- */

static void print_keys(const struct pnode *in, struct str *out) {
    if (!in->n_keys) str_add(out, "none");
    for (int k = 0; k < in->n_keys; k++) {
        str_add(out, k ? ", [" : "[");
        phys_print_cols(in->schema, in->keys[k].cols, in->keys[k].n, out);
        str_add_char(out, ']');
    }
}

struct conflict {
    bool materialize;
    bool exact; /* primary key = an upsert key of the input */
};

/* As Flink: a materializer where the sink takes updates by key and no upsert key of the input lies
 * within its primary key. */
static int judge_conflict(struct planner *p, const struct rel *r, const struct pnode *in,
                          const struct connector_table *t, unsigned mode, struct conflict *ret,
                          struct err *err) {
    *ret = (struct conflict){0};
    const char *on_conflict = r->u.sink.on_conflict;
    bool retract = mode & CHANGELOG_UPDATE_BEFORE, inserts = in->kinds == CHANGELOG_INSERT;
    bool upsert = t->n_primary_key && !retract && mode != CHANGELOG_INSERT;
    if (on_conflict && !upsert)
        return phys_err(r, err, ERR_VALIDATION,
                        "ON CONFLICT is for tables that are updated by primary key: table '%s' %s",
                        t->name,
                        t->n_primary_key ? "takes every change as it is" : "has no primary key");
    if (!upsert || p->batch) return 0;
    struct colset pk = colset_of(p->arena, t->primary_key, t->n_primary_key);
    bool within = false;
    for (int k = 0; k < in->n_keys; k++) {
        within |= colset_covers(pk, in->keys[k]);
        ret->exact |= colset_eq(pk, in->keys[k]);
    }
    if (p->set->upsert_materialize == SINK_POLICY_NONE) return 0;
    if (p->set->upsert_materialize == SINK_POLICY_FORCE) {
        ret->materialize = true;
        return 0;
    }
    if (inserts || within) return 0;
    if (!on_conflict && p->set->require_on_conflict) {
        AUTO_STR pk_names = STR_INIT, keys = STR_INIT;
        phys_print_cols(t->schema, t->primary_key, t->n_primary_key, &pk_names);
        print_keys(in, &keys);
        return phys_err(r, err, ERR_VALIDATION,
                        "The query has an upsert key that differs from the primary key of the sink "
                        "table '%s'. Primary key: [%s], upsert key: %s. Rows with different upsert "
                        "keys may meet in one primary key: say what then by ON CONFLICT DO "
                        "DEDUPLICATE (the latest one counts), DO ERROR or DO NOTHING (the first "
                        "one counts), or SET 'table.exec.sink.require-on-conflict' = 'false'.",
                        t->name, str_text(&pk_names), str_text(&keys));
    }
    ret->materialize = true;
    return 0;
}

static struct pnode *materialize(struct planner *p, const struct rel *r, struct pnode *in,
                                 const struct connector_table *t) {
    struct pnode *n = phys_new(p, PHYS_MATERIALIZE, r, in->schema, &in, 1);
    phys_hash(p, n, 0, t->primary_key, t->n_primary_key);
    n->kinds = CHANGELOG_UPSERT;
    n->n_dist = t->n_primary_key;
    n->dist = t->primary_key;
    phys_add_key(n, colset_of(p->arena, t->primary_key, t->n_primary_key));
    json_set(n->config, "keys", phys_json_cols(t->primary_key, t->n_primary_key));
    json_set(n->config, "upsertKey",
             in->n_keys ? phys_json_cols(in->keys[0].cols, in->keys[0].n) : cJSON_CreateNull());
    const char *c = r->u.sink.on_conflict;
    const char *what = !c                          ? "deduplicate"
                       : !strcasecmp(c, "ERROR")   ? "error"
                       : !strcasecmp(c, "NOTHING") ? "nothing"
                                                   : "deduplicate";
    json_set_str(n->config, "conflict", what);
    json_set_i64(n->config, "ttl", p->config.state_ttl_ms);
    AUTO_STR keys = STR_INIT;
    phys_print_cols(in->schema, t->primary_key, t->n_primary_key, &keys);
    phys_label(p, n, "SinkMaterializer(key=[%s], conflict=[%s])", str_text(&keys), what);
    return n;
}

/* ---- the sink ---- */

static const char *length_names[] = {"ignore", "trim_pad", "error"};

static struct pnode *make_sink(struct planner *p, const struct rel *r, struct pnode *in,
                               const struct connector_table *t) {
    struct pnode *n = phys_new(p, PHYS_SINK, r, in->schema, &in, 1);
    json_set(n->config, "table", connector_table_to_json(t));
    cJSON *not_null = cJSON_AddArrayToObject(n->config, "notNull");
    for (int i = 0; i < t->schema->n; i++)
        if (!t->schema->fields[i].type->nullable && in->schema->fields[i].type->nullable)
            cJSON_AddItemToArray(not_null, json_i64(i));
    json_set_str(n->config, "onNull",
                 p->set->not_null_enforcer == NOT_NULL_DROP ? "drop" : "error");
    json_set_str(n->config, "lengths", length_names[p->set->length_enforcer]);
    return n;
}

static int sink_collect(struct planner *p, const struct rel *r, struct pnode *in,
                        struct pnode **ret) {
    struct connector_table t = {.name = "result",
                                .schema = phys_schema_plain(p->arena, r->inputs[0]->schema),
                                .n_projection = -1,
                                .n_options = 1,
                                .options = collect_options,
                                .batch_mode = p->batch,
                                .zone = p->config.zone};
    t.sink_mode =
        in->kinds & CHANGELOG_UPDATE_AFTER ? in->kinds | CHANGELOG_UPDATE_BEFORE : in->kinds;
    struct pnode *n = make_sink(p, r, in, &t);
    phys_one(n, 0);
    n->sink_mode = CHANGELOG_ALL;
    n->uid_seed = "collect";
    phys_label(p, n, "Sink(collect)");
    p->result = t.schema;
    *ret = n;
    return 0;
}

/* Rows of a primary key go to one subtask, in order, where the sink's subtasks differ from the
 * input's; with FORCE always. */
static void sink_shuffle(struct planner *p, struct pnode *n, const struct connector_table *t,
                         const struct pnode *in) {
    if (!t->n_primary_key || p->set->keyed_shuffle == SINK_POLICY_NONE) return;
    bool force = p->set->keyed_shuffle == SINK_POLICY_FORCE;
    if (force || (in->kinds != CHANGELOG_INSERT && n->parallelism))
        phys_hash(p, n, 0, t->primary_key, t->n_primary_key);
}

static int check_columns(const struct rel *r, const struct connector_table *t, struct err *err) {
    const struct schema *in = r->inputs[0]->schema;
    if (in->n != t->schema->n)
        return phys_err(r, err, ERR_VALIDATION,
                        "Column types of query result and sink for '%s' do not match: %d columns "
                        "for %d",
                        t->name, in->n, t->schema->n);
    return 0;
}

int phys_sink(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    if (r->u.sink.collect) return sink_collect(p, r, in, ret);
    const struct connector_desc *d;
    rc = phys_connector(r, r->u.sink.table, r->u.sink.options, r->u.sink.n_options, CONNECTOR_SINK,
                        &d, err);
    if (rc) return rc;
    struct connector_table t;
    phys_table(p, r->u.sink.table, r->u.sink.options, r->u.sink.n_options, true, &t);
    rc = check_columns(r, &t, err);
    if (rc) return rc;
    unsigned full = in->kinds | (in->kinds & CHANGELOG_UPDATE_AFTER ? CHANGELOG_UPDATE_BEFORE : 0);
    unsigned mode = d->sink_mode ? d->sink_mode(&t, (enum changelog_mode)full) : full;
    if (!(mode & CHANGELOG_UPDATE_AFTER)) mode &= ~CHANGELOG_UPDATE_BEFORE;
    struct conflict c;
    rc = judge_conflict(p, r, in, &t, mode, &c, err);
    if (rc) return rc;
    t.sink_mode = (enum changelog_mode)full; /* changelog.c says what really comes */
    if (d->check && d->check(&t, true, err)) return phys_place(r, err);
    struct pnode *n = make_sink(p, r, in, &t);
    n->sink_mode = mode;
    n->exact_key = c.exact || !t.n_primary_key;
    phys_label(p, n, "Sink(table=[%s])", t.name);
    AUTO_STR who = STR_INIT;
    str_addf(&who, "Table sink '%s'", t.name);
    rc = phys_require(p, n, 0, mode, str_text(&who), err);
    if (!rc) rc = phys_parallelism(r, d, &t, "sink.parallelism", &n->parallelism, err);
    if (rc) return rc;
    if (c.materialize) {
        n->inputs[0].node = materialize(p, r, in, &t);
        n->exact_key = true;
        n->kinds = n->inputs[0].node->kinds;
        phys_hash(p, n, 0, t.primary_key, t.n_primary_key);
    } else {
        sink_shuffle(p, n, &t, in);
    }
    n->uid_seed = arena_printf(p->arena, "%s.%s.%s", r->u.sink.table->catalog,
                               r->u.sink.table->database, r->u.sink.table->name);
    *ret = n;
    return 0;
}

int phys_dead_sink(struct planner *p, const struct dead_letter *d, const struct table_desc *desc,
                   struct pnode **ret, struct err *err) {
    const struct connector_desc *c;
    int rc = phys_connector(d->rel, desc, desc->options, desc->n_options, CONNECTOR_SINK, &c, err);
    if (rc) return rc;
    struct connector_table t;
    phys_table(p, desc, desc->options, desc->n_options, true, &t);
    unsigned mode = c->sink_mode ? c->sink_mode(&t, CHANGELOG_INSERT) : CHANGELOG_INSERT;
    if (!(mode & CHANGELOG_INSERT))
        return phys_err(d->rel, err, ERR_VALIDATION,
                        "dead-letter table '%s' takes no inserted rows", t.name);
    t.sink_mode = CHANGELOG_INSERT;
    if (c->check && c->check(&t, true, err)) return phys_place(d->rel, err);
    struct pnode *in = phys_new(p, PHYS_UNION, d->rel, t.schema, d->sources, d->n_sources);
    for (int i = 0; i < d->n_sources; i++)
        in->inputs[i].port = 1;
    in->kinds = CHANGELOG_INSERT;
    struct pnode *n = make_sink(p, d->rel, in, &t);
    if (d->n_sources == 1) /* chained to its source */
        n->inputs[0] = (struct pinput){.node = d->sources[0], .port = 1};
    n->sink_mode = mode;
    n->exact_key = true;
    phys_label(p, n, "Sink(table=[%s], dead letters)", t.name);
    rc = phys_parallelism(d->rel, c, &t, "sink.parallelism", &n->parallelism, err);
    n->uid_seed =
        arena_printf(p->arena, "dead-letter %s.%s.%s", desc->catalog, desc->database, desc->name);
    *ret = n;
    return rc;
}
