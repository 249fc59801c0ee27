/* scan.c - sources: catalog tables, literal rows, watermarks, dead letters. */
#include "base/core/mem.h"
#include "sql/ast.h"
#include "sql/phys/phys.h"

#include <stdlib.h>
#include <string.h>

static const char *option_of(const struct table_option *o, int n, const char *key) {
    for (int i = 0; i < n; i++)
        if (!strcmp(o[i].key, key)) return o[i].value;
    return NULL;
}

int phys_connector(const struct rel *r, const struct table_desc *t,
                   const struct table_option *options, int n_options, enum connector_caps role,
                   const struct connector_desc **ret, struct err *err) {
    const char *name = option_of(options, n_options, "connector");
    if (!name)
        return phys_err(r, err, ERR_VALIDATION,
                        "table '%s': its options do not contain 'connector', so it can't be %s",
                        t->name, role == CONNECTOR_SINK ? "written" : "read");
    const struct connector_desc *d = t->connector ? t->connector : connector_find(name);
    if (!d || d->caps & CONNECTOR_HIDDEN) {
        size_t n;
        const struct connector_desc *const *all = connector_all(&n);
        AUTO_STR known = STR_INIT;
        for (size_t i = 0; i < n; i++)
            if (!(all[i]->caps & CONNECTOR_HIDDEN))
                str_addf(&known, "%s%s", known.len ? ", " : "", all[i]->name);
        return phys_err(r, err, ERR_VALIDATION, "table '%s': unknown connector '%s' (there are %s)",
                        t->name, name, str_text(&known));
    }
    if (!(d->caps & role)) {
        bool sink = role == CONNECTOR_SINK;
        if (role == CONNECTOR_LOOKUP)
            return phys_err(r, err, ERR_VALIDATION,
                            "table '%s': connector '%s' can't look rows up; a temporal join by "
                            "processing time needs one that can",
                            t->name, name);
        if (!sink && d->caps & CONNECTOR_LOOKUP)
            return phys_err(
                r, err, ERR_VALIDATION,
                "table '%s': connector '%s' can only be asked for rows by key (JOIN ... "
                "FOR SYSTEM_TIME AS OF processing time), not read as a whole",
                t->name, name);
        return phys_err(r, err, ERR_VALIDATION,
                        "table '%s': connector '%s' can only be used as a %s. It cannot be used as "
                        "a %s.",
                        t->name, name, sink ? "source" : "sink", sink ? "sink" : "source");
    }
    *ret = d;
    return 0;
}

static bool column_taken(const struct column_desc *c, bool as_sink) {
    return c->kind != COLUMN_COMPUTED && !(as_sink && c->is_virtual);
}

/* Declared column numbers as numbers among the columns taken. */
static const int *taken_cols(struct planner *p, const struct table_desc *t, bool as_sink,
                             const int *declared, int n) {
    int *cols = ARENA_NEW_N(p->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < declared[i]; c++)
            cols[i] += column_taken(&t->columns[c], as_sink);
    return cols;
}

void phys_table(struct planner *p, const struct table_desc *t, const struct table_option *options,
                int n_options, bool as_sink, struct connector_table *ret) {
    struct schema *s = phys_schema(p->arena, t->n_columns);
    struct field *f = (struct field *)s->fields;
    const char **metadata = ARENA_NEW_N(p->arena, const char *, t->n_columns + 1);
    bool any = false;
    s->n = 0;
    for (int i = 0; i < t->n_columns; i++) {
        const struct column_desc *c = &t->columns[i];
        if (!column_taken(c, as_sink)) continue;
        if (c->kind == COLUMN_METADATA) {
            metadata[s->n] = c->metadata_key ? c->metadata_key : c->name;
            any = true;
        }
        f[s->n].name = c->name;
        f[s->n++].type =
            type_with_time_attr(p->arena, table_connector_type(p->arena, t, i), TIME_ATTR_NONE);
    }
    *ret = (struct connector_table){
        .name = t->name,
        .schema = s,
        .metadata = any ? metadata : NULL,
        .n_projection = -1,
        .n_options = n_options,
        .options = options,
        .n_primary_key = t->n_primary_key,
        .primary_key = taken_cols(p, t, as_sink, t->primary_key, t->n_primary_key),
        .n_partition_keys = t->n_partition_keys,
        .partition_keys = taken_cols(p, t, as_sink, t->partition_keys, t->n_partition_keys),
        .batch_mode = p->batch,
        .zone = p->config.zone,
    };
}

static const char *table_path(struct planner *p, const struct table_desc *t) {
    return arena_printf(p->arena, "%s.%s.%s", t->catalog ? t->catalog : "",
                        t->database ? t->database : "", t->name);
}

/* An option of the framework's own with a whole number >= 1, 0 if absent. */
static int count_option(const struct rel *r, const struct connector_table *t, const char *key,
                        int *ret, struct err *err) {
    const char *text = connector_table_option(t, key);
    *ret = 0;
    if (!text) return 0;
    char *end;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < 1 || v > MAX_PARALLELISM_LIMIT)
        return phys_err(r, err, ERR_VALIDATION,
                        "table '%s': option '%s' = '%s': a whole number from 1 to %d expected",
                        t->name, key, text, MAX_PARALLELISM_LIMIT);
    *ret = (int)v;
    return 0;
}

int phys_parallelism(const struct rel *r, const struct connector_desc *d,
                     const struct connector_table *t, const char *key, int *ret, struct err *err) {
    int rc = count_option(r, t, key, ret, err);
    if (rc) return rc;
    int fixed = d->fixed_parallelism ? d->fixed_parallelism(t) : 0;
    if (fixed && *ret && *ret != fixed)
        return phys_err(r, err, ERR_VALIDATION,
                        "table '%s': option '%s' = '%d', but connector '%s' runs %d subtask%s "
                        "for it",
                        t->name, key, *ret, d->name, fixed, fixed == 1 ? "" : "s");
    if (fixed) *ret = fixed;
    return 0;
}

/* ---- scan ---- */

/* ROWs of which only some fields are read have lost the others in the rel. */
static void take_types(struct planner *p, const struct rel *r, struct connector_table *t,
                       const int *cols) {
    struct schema *s = phys_schema(p->arena, t->schema->n);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < s->n; i++)
        f[i] = t->schema->fields[i];
    for (int i = 0; i < r->schema->n; i++) {
        const struct type *now = r->schema->fields[i].type;
        if (now->kind == TYPE_ROW && now->n_children < f[cols[i]].type->n_children)
            f[cols[i]].type = now;
    }
    t->schema = s;
}

/* The rel's columns among the table's, by name; NULL when all in order. */
static int project(const struct rel *r, struct planner *p, struct connector_table *t,
                   struct err *err) {
    int *cols = ARENA_NEW_N(p->arena, int, r->schema->n + 1);
    bool all = r->schema->n == t->schema->n;
    for (int i = 0; i < r->schema->n; i++) {
        cols[i] = schema_find(t->schema, r->schema->fields[i].name);
        CHECKF(cols[i] >= 0, "scan of '%s': no column '%s'", t->name, r->schema->fields[i].name);
        all &= cols[i] == i;
    }
    take_types(p, r, t, cols);
    if (all) return 0;
    t->projection = cols;
    t->n_projection = r->schema->n;
    return 0;
}

static int check_mode(struct planner *p, const struct rel *r, const struct connector_table *t,
                      unsigned mode, bool bounded, struct err *err) {
    if (p->batch && !bounded)
        return phys_err(r, err, ERR_VALIDATION,
                        "Querying an unbounded table '%s' in batch mode is not allowed. The table "
                        "source is unbounded.",
                        t->name);
    if (p->batch && mode != CHANGELOG_INSERT)
        return phys_err(r, err, ERR_VALIDATION,
                        "Querying a table in batch mode is currently only possible for INSERT-only "
                        "table sources. But the source for table '%s' produces other changelog "
                        "messages than just INSERT.",
                        t->name);
    if (mode & CHANGELOG_UPDATE_AFTER && !(mode & CHANGELOG_UPDATE_BEFORE) && !t->n_primary_key)
        return phys_err(r, err, ERR_VALIDATION,
                        "Table '%s' produces a changelog stream that contains UPDATE_AFTER but no "
                        "UPDATE_BEFORE, this requires to define primary key on the table.",
                        t->name);
    return 0;
}

/* Primary key as output columns of the source, -1 members where they are pruned. */
static bool key_of(struct planner *p, const struct connector_table *t, struct colset *ret) {
    int *cols = ARENA_NEW_N(p->arena, int, t->n_primary_key + 1);
    for (int i = 0; i < t->n_primary_key; i++) {
        cols[i] = t->primary_key[i];
        if (t->n_projection < 0) continue;
        int at = 0;
        while (at < t->n_projection && t->projection[at] != t->primary_key[i])
            at++;
        if (at == t->n_projection) return false;
        cols[i] = at;
    }
    *ret = (struct colset){t->n_primary_key, cols};
    return t->n_primary_key > 0;
}

static struct pnode *normalize(struct planner *p, const struct rel *r, struct pnode *in,
                               struct colset key) {
    struct pnode *n = phys_new(p, PHYS_NORMALIZE, r, in->schema, &in, 1);
    phys_same_facts(n, in);
    phys_hash(p, n, 0, key.cols, key.n);
    n->kinds = CHANGELOG_UPSERT;
    n->n_dist = key.n;
    n->dist = key.cols;
    json_set(n->config, "keys", phys_json_cols(key.cols, key.n));
    json_set_bool(n->config, "updateBefore", false);
    json_set_i64(n->config, "ttl", p->config.state_ttl_ms);
    AUTO_STR keys = STR_INIT;
    phys_print_cols(in->schema, key.cols, key.n, &keys);
    phys_label(p, n, "ChangelogNormalize(key=[%s])", str_text(&keys));
    return n;
}

static void add_dead_letter(struct planner *p, const struct rel *r, const char *table,
                            struct pnode *source) {
    struct dead_letter *d = NULL;
    for (int i = 0; i < p->n_dead; i++)
        if (!strcmp(p->dead[i].table, table)) d = &p->dead[i];
    if (!d) {
        struct dead_letter *old = p->dead;
        p->dead = ARENA_NEW_N(p->arena, struct dead_letter, p->n_dead + 1);
        if (p->n_dead) memcpy(p->dead, old, sizeof *old * (size_t)p->n_dead);
        d = &p->dead[p->n_dead++];
        d->table = table;
        d->rel = r;
    }
    struct pnode **sources = ARENA_NEW_N(p->arena, struct pnode *, d->n_sources + 1);
    if (d->n_sources) memcpy(sources, d->sources, sizeof *sources * (size_t)d->n_sources);
    sources[d->n_sources++] = source;
    d->sources = sources;
}

/* a, b, r(x, y): the fields of a ROW that lost some. */
static void print_fields(const struct table_desc *t, const struct schema *s, struct str *out) {
    for (int i = 0; i < s->n; i++) {
        const struct type *now = s->fields[i].type;
        str_addf(out, "%s%s", i ? ", " : "", s->fields[i].name);
        for (int c = 0; c < t->n_columns; c++) {
            if (strcmp(t->columns[c].name, s->fields[i].name) || now->kind != TYPE_ROW ||
                now->n_children == t->columns[c].type->n_children)
                continue;
            for (int f = 0; f < now->n_children; f++)
                str_addf(out, "%s%s", f ? ", " : "(", now->field_names[f]);
            str_add_char(out, ')');
        }
    }
}

static int dead_letter_table(struct planner *p, const struct rel *r, const char *name,
                             const struct table_desc **ret, struct err *err);

int phys_scan(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    const struct table_desc *desc = r->u.scan.table;
    const struct connector_desc *d;
    int rc =
        phys_connector(r, desc, r->u.scan.options, r->u.scan.n_options, CONNECTOR_SOURCE, &d, err);
    if (rc) return rc;
    struct connector_table t;
    phys_table(p, desc, r->u.scan.options, r->u.scan.n_options, false, &t);
    const char *dead = connector_table_option(&t, "penstock.dead-letter");
    const struct table_desc *dead_desc = NULL;
    if (dead) {
        rc = dead_letter_table(p, r, dead, &dead_desc, err);
        if (rc) return rc;
        struct connector_table dt;
        phys_table(p, dead_desc, dead_desc->options, dead_desc->n_options, true, &dt);
        t.dead_letter = dt.schema;
    }
    bool bounded = true;
    if (d->check) rc = d->check(&t, false, err);
    if (!rc && d->is_bounded) rc = d->is_bounded(&t, &bounded, err);
    if (rc) return phys_place(r, err);
    unsigned mode = d->source_mode ? d->source_mode(&t) : CHANGELOG_INSERT;
    rc = check_mode(p, r, &t, mode, bounded, err);
    if (!rc) rc = project(r, p, &t, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_SOURCE, r, phys_schema_plain(p->arena, r->schema), NULL, 0);
    rc = phys_parallelism(r, d, &t, "scan.parallelism", &n->parallelism, err);
    if (rc) return rc;
    json_set(n->config, "table", connector_table_to_json(&t));
    n->kinds = mode & ~CHANGELOG_UPDATE_BEFORE;
    n->source_mode = mode;
    n->bounded = bounded;
    n->uid_seed = table_path(p, desc);
    AUTO_STR fields = STR_INIT;
    print_fields(desc, n->schema, &fields);
    phys_label(p, n, "TableSourceScan(table=[%s], fields=[%s])", desc->name, str_text(&fields));
    if (dead) add_dead_letter(p, r, dead, n);
    struct colset key;
    bool has_key = key_of(p, &t, &key);
    bool upsert = mode & CHANGELOG_UPDATE_AFTER && !(mode & CHANGELOG_UPDATE_BEFORE);
    if (has_key) phys_add_key(n, colset_of(p->arena, key.cols, key.n));
    if (upsert || (mode != CHANGELOG_INSERT && p->set->cdc_duplicate)) {
        if (t.n_primary_key && !has_key) UNREACHABLE("primary key of '%s' was pruned", t.name);
        if (!t.n_primary_key)
            return phys_err(r, err, ERR_VALIDATION,
                            "'table.exec.source.cdc-events-duplicate' is on, but table '%s' has no "
                            "primary key to tell repeated changes by",
                            t.name);
        n = normalize(p, r, n, key);
    }
    *ret = n;
    return 0;
}

/* ---- dead letters ---- */

/* 'db.table' or 'table'. */
static int dead_letter_table(struct planner *p, const struct rel *r, const char *name,
                             const struct table_desc **ret, struct err *err) {
    struct ast_name items[3] = {{0}};
    struct ast_names path = {items, 0};
    AUTO_FREE char *copy = mem_strdup(name);
    char *at = copy, *part;
    while ((part = strsep(&at, "."))) {
        if (path.n == ARRAY_LEN(items)) break;
        items[path.n++].text = part;
    }
    *ret = part ? NULL : session_table(p->in->session, &path);
    if (!*ret || (*ret)->view_query)
        return phys_err(r, err, ERR_VALIDATION,
                        "table '%s': option 'penstock.dead-letter' = '%s': there is no such table",
                        r->u.scan.table->name, name);
    static const struct {
        const char *name;
        enum type_kind kind;
    } want[] = {{"raw", TYPE_VARBINARY}, {"position", TYPE_VARCHAR}, {"error", TYPE_VARCHAR}};
    const struct table_desc *t = *ret;
    bool fits = t->n_columns == ARRAY_LEN(want);
    for (int i = 0; fits && i < t->n_columns; i++)
        fits = !strcmp(t->columns[i].name, want[i].name) && t->columns[i].kind == COLUMN_PHYSICAL &&
               t->columns[i].type->kind == want[i].kind &&
               t->columns[i].type->length == TYPE_LENGTH_MAX;
    if (!fits)
        return phys_err(r, err, ERR_VALIDATION,
                        "table '%s': dead-letter table '%s' must have the columns (`raw` BYTES, "
                        "`position` STRING, error STRING)",
                        r->u.scan.table->name, name);
    return 0;
}

int phys_dead_letters(struct planner *p, struct err *err) {
    for (int i = 0; i < p->n_dead; i++) {
        struct dead_letter *d = &p->dead[i];
        const struct table_desc *desc;
        int rc = dead_letter_table(p, d->rel, d->table, &desc, err);
        if (rc) return rc;
        struct pnode *sink;
        rc = phys_dead_sink(p, d, desc, &sink, err);
        if (rc) return rc;
        phys_add_root(p, sink);
    }
    return 0;
}

/* ---- values, watermark ---- */

int phys_values(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *n = phys_new(p, PHYS_VALUES, r, r->schema, NULL, 0);
    cJSON *rows = cJSON_AddArrayToObject(n->config, "rows");
    for (int i = 0; i < r->u.values.n_rows; i++) {
        cJSON *row = cJSON_CreateArray();
        cJSON_AddItemToArray(rows, row);
        for (int c = 0; c < r->schema->n; c++)
            cJSON_AddItemToArray(row, value_to_json(r->u.values.cells[i * r->schema->n + c], 0));
    }
    n->kinds = CHANGELOG_INSERT;
    n->bounded = true;
    n->max_parallelism = 1;
    phys_label(p, n, "Values(rows=[%d])", r->u.values.n_rows);
    *ret = n;
    return 0;
}

/* The table's own 'scan.watermark.idle-timeout' goes before the job's. */
static int idle_timeout(const struct rel *r, int64_t *ret_ms, struct err *err) {
    const struct rel *scan = r->inputs[0];
    while (scan->kind == REL_PROJECT)
        scan = scan->inputs[0];
    if (scan->kind != REL_SCAN) return 0;
    const char *text =
        option_of(scan->u.scan.options, scan->u.scan.n_options, "scan.watermark.idle-timeout");
    if (!text || !opt_parse_duration_ms(text, ret_ms, err)) return 0;
    err_wrap(err, "table '%s': option 'scan.watermark.idle-timeout'", scan->u.scan.table->name);
    return phys_place(r, err);
}

int phys_watermark(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    if (p->batch) { /* the end of input is the only watermark */
        *ret = in;
        return 0;
    }
    int64_t idle_ms = p->config.idle_timeout_ms;
    rc = idle_timeout(r, &idle_ms, err);
    if (rc) return rc;
    struct pnode *n = phys_new(p, PHYS_WATERMARK, r, r->schema, &in, 1);
    phys_same_facts(n, in);
    int col = r->u.watermark.column;
    json_set_i64(n->config, "time", col);
    json_set(n->config, "expr", expr_to_json(r->u.watermark.expr));
    json_set_i64(n->config, "idleTimeout", idle_ms);
    AUTO_STR text = STR_INIT;
    expr_print(r->u.watermark.expr, in->schema, &text);
    phys_label(p, n, "WatermarkAssigner(rowtime=[%s], watermark=[%s])", r->schema->fields[col].name,
               str_text(&text));
    *ret = n;
    return 0;
}
