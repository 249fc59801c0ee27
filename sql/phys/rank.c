/* rank.c - the best N rows: ROW_NUMBER() ... WHERE rn <= N, ORDER BY with LIMIT, deduplication (the
 * first or last row by time), each also per window. */
#include "sql/phys/phys.h"

#include <string.h>

/* What a rank or dedup op is made of. */
struct rank_spec {
    const char *function; /* row_number, rank, dense_rank */
    int n_partition;
    const int *partition;
    int n_order;
    const struct sort_key *order;
    int64_t from, to;
    bool output_rank;
    const struct field *rank_field;
};

/* ---- the predicate on the rank column ---- */

static bool literal_int(const struct expr *e, int64_t *ret) {
    if (e->kind != EXPR_LITERAL || !type_is_int(e->type) || !col_is_valid(e->literal, 0))
        return false;
    switch (e->literal->phys) {
    case PHYS_I8:
        *ret = *COL_DATA(e->literal, int8_t);
        return true;
    case PHYS_I16:
        *ret = *COL_DATA(e->literal, int16_t);
        return true;
    case PHYS_I32:
        *ret = *COL_DATA(e->literal, int32_t);
        return true;
    default:
        *ret = *COL_DATA(e->literal, int64_t);
        return true;
    }
}

static bool is_rank_column(const struct expr *e, int column) {
    while (e->kind == EXPR_CALL && !strcmp(e->func->name, "CAST") && type_is_int(e->type))
        e = e->args[0];
    return e->kind == EXPR_COLUMN && e->column == column;
}

/* Narrows from..to by one conjunct; false if it isn't about the rank alone. */
static bool narrow(const struct expr *e, int column, int64_t *from, int64_t *to) {
    int64_t v, w;
    if (e->kind != EXPR_CALL) return false;
    const char *op = e->func->name;
    if (!strcmp(op, "BETWEEN") && e->n_args == 3 && is_rank_column(e->args[0], column) &&
        literal_int(e->args[1], &v) && literal_int(e->args[2], &w)) {
        *from = MAX(*from, v);
        *to = MIN(*to, w);
        return true;
    }
    if (e->n_args != 2) return false;
    bool swapped = is_rank_column(e->args[1], column);
    if (!swapped && !is_rank_column(e->args[0], column)) return false;
    if (!literal_int(e->args[swapped ? 0 : 1], &v)) return false;
    bool eq = !strcmp(op, "="), less = !strcmp(op, "<") || !strcmp(op, "<="),
         more = !strcmp(op, ">") || !strcmp(op, ">=");
    if (!eq && !less && !more) return false;
    bool strict = !eq && !op[1];
    if (eq || (less ^ swapped)) *to = MIN(*to, strict ? v - 1 : v);
    if (eq || (more ^ swapped)) *from = MAX(*from, strict ? v + 1 : v);
    return true;
}

/* ---- building ---- */

static void print_spec(const struct rank_spec *s, const struct schema *in, struct str *out) {
    str_addf(out, "rankRange=[%lld..%lld], ", (long long)s->from, (long long)s->to);
    if (s->n_partition) {
        str_add(out, "partitionBy=[");
        phys_print_cols(in, s->partition, s->n_partition, out);
        str_add(out, "], ");
    }
    str_add(out, "orderBy=[");
    phys_print_order(in, s->order, s->n_order, out);
    str_add_char(out, ']');
}

/* Partition columns that are no window columns; *ret_end: the window's end column, or -1 if the
 * partition doesn't hold a window's start and end. */
static int split_window(struct planner *p, const struct pnode *in, const struct rank_spec *s,
                        int **ret_cols, int *ret_end) {
    int *cols = ARENA_NEW_N(p->arena, int, s->n_partition + 1), n = 0, start = -1;
    *ret_end = -1;
    for (int i = 0; i < s->n_partition; i++) {
        enum window_prop w = phys_prop(in, s->partition[i]);
        if (w == WPROP_START) start = s->partition[i];
        if (w == WPROP_END) *ret_end = s->partition[i];
        if (w == WPROP_NONE) cols[n++] = s->partition[i];
    }
    if (start < 0 || *ret_end < 0 || in->spec_proctime || in->kinds != CHANGELOG_INSERT ||
        p->batch) {
        *ret_end = -1;
        for (n = 0; n < s->n_partition; n++)
            cols[n] = s->partition[n];
    }
    *ret_cols = cols;
    return n;
}

static void windowed_facts(struct planner *p, struct pnode *n, const struct pnode *in) {
    for (int i = 0; i < in->schema->n; i++)
        if (phys_prop(in, i)) phys_set_prop(p, n, i, phys_prop(in, i));
    n->spec = in->spec;
    n->spec_ltz = in->spec_ltz;
    n->spec_proctime = in->spec_proctime;
}

/* The only row by time: ROW_NUMBER() = 1 ordered by one time attribute. */
static bool is_dedup(const struct planner *p, const struct pnode *in, const struct schema *types,
                     const struct rank_spec *s) {
    return !strcmp(s->function, "row_number") && s->from <= 1 && s->to == 1 && s->n_order == 1 &&
           s->n_partition > 0 && in->kinds == CHANGELOG_INSERT && !p->batch &&
           types->fields[s->order[0].column].type->time_attr != TIME_ATTR_NONE;
}

static struct pnode *make_dedup(struct planner *p, const struct rel *r, struct pnode *in,
                                const struct schema *types, const struct rank_spec *s) {
    int *keys, end, n_keys = split_window(p, in, s, &keys, &end);
    const struct sort_key *k = &s->order[0];
    bool proctime = types->fields[k->column].type->time_attr == TIME_ATTR_PROCTIME;
    bool last = k->desc;
    struct pnode *n = phys_new(p, PHYS_DEDUP, r, in->schema, &in, 1);
    phys_hash(p, n, 0, keys, n_keys);
    n->n_dist = n_keys;
    n->dist = keys;
    n->kinds = CHANGELOG_INSERT;
    if (end < 0 && (last || !proctime)) n->kinds |= CHANGELOG_UPDATE_AFTER;
    if (end >= 0) windowed_facts(p, n, in);
    phys_add_key(n, colset_of(p->arena, s->partition, s->n_partition));
    json_set(n->config, "keys", phys_json_cols(keys, n_keys));
    json_set_i64(n->config, "time", proctime ? -1 : k->column);
    json_set_str(n->config, "keep", last ? "last" : "first");
    json_set_bool(n->config, "updateBefore", false);
    json_set_bool(n->config, "batch", p->batch);
    json_set_i64(n->config, "window", end);
    json_set_bool(n->config, "ltz", end >= 0 && in->spec_ltz);
    json_set_i64(n->config, "ttl", p->config.state_ttl_ms);
    AUTO_STR names = STR_INIT;
    phys_print_cols(in->schema, s->partition, s->n_partition, &names);
    phys_label(p, n, "%sDeduplicate(keep=[%sRow], key=[%s], order=[%s])", end >= 0 ? "Window" : "",
               last ? "Last" : "First", str_text(&names), proctime ? "PROCTIME" : "ROWTIME");
    return n;
}

static struct pnode *make_rank(struct planner *p, const struct rel *r, struct pnode *in,
                               const struct rank_spec *s) {
    int *cols, end, n_cols = split_window(p, in, s, &cols, &end);
    int n_in = in->schema->n;
    struct schema *out = phys_schema(p->arena, n_in + s->output_rank);
    struct field *f = (struct field *)out->fields;
    memcpy(f, in->schema->fields, sizeof *f * (size_t)n_in);
    if (s->output_rank) f[n_in] = *s->rank_field;
    struct pnode *n = phys_new(p, PHYS_RANK, r, out, &in, 1);
    phys_hash(p, n, 0, cols, n_cols);
    n->n_dist = n_cols;
    n->dist = cols;
    bool final = p->batch || end >= 0;
    n->kinds = final ? CHANGELOG_INSERT : CHANGELOG_UPSERT;
    if (end >= 0) windowed_facts(p, n, in);
    for (int k = 0; k < in->n_keys; k++)
        phys_add_key(n, in->keys[k]);
    bool row_number = !strcmp(s->function, "row_number");
    if (s->output_rank && row_number) {
        int *key = ARENA_NEW_N(p->arena, int, s->n_partition + 1);
        if (s->n_partition) memcpy(key, s->partition, sizeof *key * (size_t)s->n_partition);
        key[s->n_partition] = n_in;
        phys_add_key(n, colset_of(p->arena, key, s->n_partition + 1));
    }
    if (row_number && s->from <= 1 && s->to == 1 && s->n_partition)
        phys_add_key(n, colset_of(p->arena, s->partition, s->n_partition));
    json_set_str(n->config, "function", s->function);
    json_set(n->config, "partition", phys_json_cols(cols, n_cols));
    json_set(n->config, "order", phys_json_order(s->order, s->n_order));
    json_set_i64(n->config, "from", MAX(s->from, 1));
    json_set_i64(n->config, "to", s->to);
    json_set_bool(n->config, "outputRank", s->output_rank);
    json_set_bool(n->config, "updateBefore", false);
    json_set_bool(n->config, "inputRetracts", false);
    json_set_bool(n->config, "batch", p->batch);
    json_set(n->config, "uniqueKey",
             in->n_keys ? phys_json_cols(in->keys[0].cols, in->keys[0].n) : cJSON_CreateNull());
    json_set_i64(n->config, "window", end);
    json_set_bool(n->config, "ltz", end >= 0 && in->spec_ltz);
    json_set_i64(n->config, "ttl", p->config.state_ttl_ms);
    AUTO_STR text = STR_INIT;
    print_spec(s, in->schema, &text);
    phys_label(p, n, "%sRank(rankType=[%s], %s)", end >= 0 ? "Window" : "", s->function,
               str_text(&text));
    return n;
}

void phys_drop_rank(struct planner *p, struct pnode *n) {
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(n->config, "outputRank"))) return;
    cJSON_ReplaceItemInObjectCaseSensitive(n->config, "outputRank", cJSON_CreateFalse());
    int rank = n->schema->n - 1, n_keys = 0;
    struct schema *s = phys_schema(p->arena, rank);
    memcpy((struct field *)s->fields, n->schema->fields, sizeof(struct field) * (size_t)rank);
    n->schema = s;
    for (int k = 0; k < n->n_keys; k++)
        if (!colset_has(n->keys[k], rank)) n->keys[n_keys++] = n->keys[k];
    n->n_keys = n_keys;
}

/* ---- Top-N: FILTER over OVER ---- */

static const char *rank_function(const struct over_call *c) {
    static const struct {
        const char *sql, *name;
    } names[] = {{"ROW_NUMBER", "row_number"}, {"RANK", "rank"}, {"DENSE_RANK", "dense_rank"}};
    for (size_t i = 0; c->rank_fn && i < ARRAY_LEN(names); i++)
        if (!strcasecmp(names[i].sql, c->rank_fn)) return names[i].name;
    return NULL;
}

/* Splits the filter into the rank's range and the rest. False: no upper bound on the rank. */
static bool rank_range(struct planner *p, const struct expr *predicate, int column, int64_t *from,
                       int64_t *to, const struct expr **ret_rest) {
    const struct expr *all[64], *rest = NULL;
    int n = expr_conjuncts(predicate, all, (int)ARRAY_LEN(all));
    if (n > (int)ARRAY_LEN(all)) return false;
    *from = 1;
    *to = INT64_MAX;
    for (int i = 0; i < n; i++)
        if (!narrow(all[i], column, from, to)) rest = expr_and(p->arena, rest, all[i]);
    if (*to < MAX(*from, 1)) { /* no rank can be there: some rank, of which nothing passes */
        *from = *to = 1;
        rest = expr_and(p->arena, rest, expr_literal(p->arena, value_bool(p->arena, false)));
    }
    *ret_rest = rest;
    return *to < INT64_MAX;
}

static struct pnode *keep_columns(struct planner *p, const struct rel *r, struct pnode *n,
                                  const struct expr *filter) {
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, n->schema->n + 1);
    for (int i = 0; i < n->schema->n; i++)
        exprs[i] = expr_column(p->arena, i, n->schema->fields[i].type);
    return phys_calc(p, r, n, filter, exprs, n->schema);
}

int phys_topn(struct planner *p, const struct rel *filter, struct pnode **ret, struct err *err) {
    const struct rel *over = filter->inputs[0];
    if (over->kind != REL_OVER || over->u.over.n_calls != 1 || phys_uses(p, over) > 1) return 0;
    const struct over_spec *o = &over->u.over;
    const char *function = rank_function(&o->calls[0]);
    int rank = over->inputs[0]->schema->n;
    int64_t from, to;
    const struct expr *rest;
    if (!function || !rank_range(p, filter->u.filter.predicate, rank, &from, &to, &rest)) return 0;
    struct pnode *in;
    int rc = phys_node(p, over->inputs[0], &in, err);
    if (rc) return rc;
    struct rank_spec s = {function,   o->n_partition, o->partition,
                          o->n_order, o->order,       from,
                          to,         true,           &over->schema->fields[rank]};
    struct pnode *n;
    const struct schema *types = over->inputs[0]->schema;
    bool row_number = !strcmp(function, "row_number");
    if (row_number && from <= 1 && to == 1) { /* the rank is always 1 */
        s.output_rank = false;
        n = is_dedup(p, in, types, &s) ? make_dedup(p, filter, in, types, &s)
                                       : make_rank(p, filter, in, &s);
        const struct type *t = over->schema->fields[rank].type;
        const struct expr *one = expr_literal(p->arena, value_int(p->arena, t, 1));
        n = phys_append(p, filter, n, &one, 1);
    } else {
        n = make_rank(p, filter, in, &s);
        if (!row_number && n->kinds != CHANGELOG_INSERT)
            return phys_err(filter, err, ERR_VALIDATION,
                            "%s() on streaming table is not supported currently: use ROW_NUMBER(), "
                            "or PARTITION BY a window's start and end",
                            o->calls[0].rank_fn);
    }
    *ret = rest ? keep_columns(p, filter, n, rest) : n;
    return 0;
}

/* ---- ORDER BY, LIMIT ---- */

static struct pnode *make_limit(struct planner *p, const struct rel *r, struct pnode *in) {
    struct pnode *n = phys_new(p, PHYS_LIMIT, r, in->schema, &in, 1);
    phys_one(n, 0);
    json_set_i64(n->config, "offset", r->u.sort.offset);
    json_set_i64(n->config, "limit", r->u.sort.limit);
    phys_label(p, n, "Limit(offset=[%lld], fetch=[%lld])", (long long)r->u.sort.offset,
               (long long)r->u.sort.limit);
    return n;
}

static struct pnode *make_sort(struct planner *p, const struct rel *r, struct pnode *in,
                               bool by_time) {
    struct pnode *n = phys_new(p, PHYS_SORT, r, in->schema, &in, 1);
    phys_one(n, 0);
    n->kinds = CHANGELOG_INSERT;
    json_set(n->config, "order", phys_json_order(r->u.sort.keys, r->u.sort.n_keys));
    json_set_i64(n->config, "offset", r->u.sort.offset);
    json_set_i64(n->config, "limit", r->u.sort.limit);
    json_set_bool(n->config, "time", by_time);
    AUTO_STR text = STR_INIT;
    phys_print_order(in->schema, r->u.sort.keys, r->u.sort.n_keys, &text);
    phys_label(p, n, "%s(orderBy=[%s]%s)", by_time ? "TemporalSort" : "Sort", str_text(&text),
               r->u.sort.limit >= 0 || r->u.sort.offset ? ", limited" : "");
    return n;
}

int phys_sort(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    bool limited = r->u.sort.limit >= 0, cut = limited || r->u.sort.offset > 0;
    if (!r->u.sort.n_keys && !cut) {
        *ret = in;
        return 0;
    }
    if (!r->u.sort.n_keys && (p->batch || in->kinds == CHANGELOG_INSERT)) {
        *ret = make_limit(p, r, in);
        return 0;
    }
    if (p->batch) {
        *ret = make_sort(p, r, in, false);
        return 0;
    }
    if (limited || !r->u.sort.n_keys) { /* the best rows so far, in no order of output */
        struct rank_spec s = {.function = "row_number",
                              .n_order = r->u.sort.n_keys,
                              .order = r->u.sort.keys,
                              .from = r->u.sort.offset + 1,
                              .to = limited ? r->u.sort.offset + r->u.sort.limit : INT64_MAX};
        *ret = make_rank(p, r, in, &s);
        return 0;
    }
    const struct sort_key *k = &r->u.sort.keys[0];
    enum time_attr attr = r->inputs[0]->schema->fields[k->column].type->time_attr;
    if (attr == TIME_ATTR_NONE || k->desc || cut)
        return phys_err(r, err, ERR_VALIDATION,
                        "Sort on a non-time-attribute field is not supported: a stream can only be "
                        "sorted by its time attribute, ascending, or with a LIMIT");
    if (attr == TIME_ATTR_PROCTIME && r->u.sort.n_keys == 1) { /* rows come in this order */
        *ret = in;
        return 0;
    }
    if (attr == TIME_ATTR_PROCTIME)
        return phys_err(r, err, ERR_UNSUPPORTED, "ORDER BY processing time and further columns");
    struct pnode *n = make_sort(p, r, in, true);
    rc = phys_require(p, n, 0, CHANGELOG_INSERT, "TemporalSort", err);
    *ret = n;
    return rc;
}
