/* agg.c - GROUP BY: window aggregates where the keys hold a window's start and end, group
 * aggregates otherwise; grouping sets through expand in front of either. */
#include "sql/phys/window.h"

#include "vector/func/func.h"

#include <string.h>

/* An aggregate being translated: columns are those of `in`, which changes on the way. */
struct agg_build {
    struct planner *p;
    const struct rel *r;
    struct pnode *in;
    int n_keys;
    int *keys; /* column of each of the rel's keys; -1: a window column taken from the window */
    int *prop; /* enum window_prop of each key that the window gives, else WPROP_NONE */
    int n_aggs;
    struct rel_agg *aggs; /* with columns of `in` */
    int expand_id;        /* column; -1: no grouping sets */
    bool windowed;
    struct window_ref window;
};

static void build_init(struct agg_build *b, struct planner *p, const struct rel *r) {
    *b = (struct agg_build){.p = p, .r = r, .expand_id = -1};
    b->n_keys = r->u.agg.n_keys;
    b->keys = ARENA_NEW_N(p->arena, int, b->n_keys + 1);
    b->prop = ARENA_NEW_N(p->arena, int, b->n_keys + 1);
    if (b->n_keys) memcpy(b->keys, r->u.agg.keys, sizeof(int) * (size_t)b->n_keys);
    b->n_aggs = r->u.agg.n_aggs;
    b->aggs = ARENA_NEW_N(p->arena, struct rel_agg, b->n_aggs + 1);
    if (b->n_aggs) memcpy(b->aggs, r->u.agg.aggs, sizeof(struct rel_agg) * (size_t)b->n_aggs);
}

/* ---- taking the window from a window table function below ---- */

/* Expressions over a window's input, or NULL members: column is a window column. */
struct pulled {
    const struct rel *window;
    const struct expr **exprs;
    uint8_t *props;
    int n;
};

static void touches_window(void *self, int column) {
    int *first = self;
    if (column >= first[0]) first[1] = 1;
}

/* agg's input as PROJECT? over WINDOW whose window columns are passed through untouched. */
static bool window_below(struct planner *p, const struct rel *in, struct pulled *ret) {
    const struct rel *w = in->kind == REL_PROJECT ? in->inputs[0] : in;
    if (w->kind != REL_WINDOW) return false;
    int n_below = w->inputs[0]->schema->n;
    ret->window = w;
    ret->n = in->schema->n;
    ret->exprs = ARENA_NEW_N(p->arena, const struct expr *, ret->n + 1);
    ret->props = ARENA_NEW_N(p->arena, uint8_t, ret->n + 1);
    for (int i = 0; i < ret->n; i++) {
        const struct expr *e = in->kind == REL_PROJECT
                                   ? in->u.project.exprs[i]
                                   : expr_column(p->arena, i, in->schema->fields[i].type);
        if (e->kind == EXPR_COLUMN && e->column >= n_below) {
            ret->props[i] = (uint8_t)(WPROP_START + e->column - n_below);
            continue;
        }
        int probe[2] = {n_below, 0};
        expr_visit_columns(e, touches_window, probe);
        if (probe[1]) return false;
        ret->exprs[i] = e;
    }
    return true;
}

static bool has_start_and_end(const struct agg_build *b) {
    bool start = false, end = false;
    for (int i = 0; i < b->n_keys; i++) {
        start |= b->prop[i] == WPROP_START;
        end |= b->prop[i] == WPROP_END;
    }
    return start && end;
}

/* Whether aggregates or filters read window columns, which the window's input doesn't have. */
static bool aggs_use_window(const struct agg_build *b, const uint8_t *props) {
    for (int i = 0; i < b->n_aggs; i++) {
        const struct rel_agg *g = &b->aggs[i];
        for (int k = 0; k < g->call.n_args; k++)
            if (props[g->args[k]]) return true;
        for (int k = 0; k < g->n_order; k++)
            if (props[g->order[k].column]) return true;
        if (g->filter >= 0 && props[g->filter]) return true;
    }
    return false;
}

/* A session belongs to its PARTITION BY; the aggregate must group by just that. */
static bool session_keys_match(const struct agg_build *b, const struct pulled *w) {
    const struct window_spec *s = &w->window->u.window;
    if (s->type != WINDOW_SESSION) return true;
    if (b->r->u.agg.n_sets) return false;
    int n = 0;
    for (int i = 0; i < b->n_keys; i++) {
        if (b->prop[i]) continue;
        const struct expr *e = w->exprs[b->keys[i]];
        struct colset keys = {s->n_keys, s->keys};
        if (e->kind != EXPR_COLUMN || !colset_has(keys, e->column)) return false;
        n++;
    }
    return n == s->n_keys;
}

/* Makes b->in the window's input, projected, with the time column behind. 1: done, 0: not so. */
static int pull_window(struct agg_build *b, struct err *err) {
    struct planner *p = b->p;
    struct pulled w;
    if (!window_below(p, b->r->inputs[0], &w)) return 0;
    for (int i = 0; i < b->n_keys; i++)
        b->prop[i] = w.props[b->keys[i]];
    if (!has_start_and_end(b) || aggs_use_window(b, w.props) || !session_keys_match(b, &w)) {
        memset(b->prop, 0, sizeof *b->prop * (size_t)b->n_keys);
        return 0;
    }
    const struct rel *below = w.window->inputs[0];
    int rc = phys_window_check(w.window, &w.window->u.window, err);
    if (!rc) rc = phys_window_ref(p, w.window, &w.window->u.window, below->schema, &b->window, err);
    if (!rc) rc = phys_node(p, below, &b->in, err);
    if (rc) return rc;
    /* The columns that are used, the time column last. */
    int *to = ARENA_NEW_N(p->arena, int, w.n + 1), n = 0;
    struct schema *s = phys_schema(p->arena, w.n + 1);
    struct field *f = (struct field *)s->fields;
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, w.n + 1);
    for (int i = 0; i < w.n; i++) {
        to[i] = -1;
        if (!w.exprs[i]) continue;
        to[i] = n;
        f[n] = b->r->inputs[0]->schema->fields[i];
        exprs[n++] = w.exprs[i];
    }
    f[n] = below->schema->fields[b->window.time];
    exprs[n] = expr_column(p->arena, b->window.time, f[n].type);
    b->window.time = n++;
    s->n = n;
    for (int i = 0; i < b->n_keys; i++)
        b->keys[i] = b->prop[i] ? -1 : to[b->keys[i]];
    for (int i = 0; i < b->n_aggs; i++) {
        struct rel_agg *g = &b->aggs[i];
        for (int k = 0; k < g->call.n_args; k++)
            g->args[k] = to[g->args[k]];
        if (g->filter >= 0) g->filter = to[g->filter];
        struct sort_key *order = ARENA_NEW_N(p->arena, struct sort_key, g->n_order + 1);
        for (int k = 0; k < g->n_order; k++) {
            order[k] = g->order[k];
            order[k].column = to[order[k].column];
        }
        g->order = order;
    }
    b->in = phys_calc(p, b->r->inputs[0], b->in, NULL, exprs, s);
    b->windowed = true;
    return 1;
}

/* Rows that carry their window: keys with the properties start and end. */
static void attach_window(struct agg_build *b) {
    for (int i = 0; i < b->n_keys; i++)
        b->prop[i] = phys_prop(b->in, b->keys[i]);
    if (!has_start_and_end(b)) {
        memset(b->prop, 0, sizeof *b->prop * (size_t)b->n_keys);
        return;
    }
    b->windowed = true;
    b->window = (struct window_ref){.attached = true, .ltz = b->in->spec_ltz};
    for (int i = 0; i < b->n_keys; i++) {
        if (b->prop[i] == WPROP_START) b->window.start = b->keys[i];
        if (b->prop[i] == WPROP_END) b->window.end = b->keys[i];
        if (b->prop[i]) b->keys[i] = -1;
    }
}

/* ---- grouping sets ---- */

/* Puts keys, window columns and arguments side by side, so that nulling a key leaves an argument
 * from the same column alone, and expands. */
static void expand_sets(struct agg_build *b) {
    struct planner *p = b->p;
    const struct rel *r = b->r;
    int cap = b->n_keys + 2 + b->n_aggs * (AGG_ARGS_MAX + 1), n = 0, n_keys;
    for (int i = 0; i < b->n_aggs; i++)
        cap += b->aggs[i].n_order;
    int *cols = ARENA_NEW_N(p->arena, int, cap + 1);
    for (int i = 0; i < b->n_keys; i++)
        if (!b->prop[i]) {
            cols[n] = b->keys[i];
            b->keys[i] = n++;
        }
    n_keys = n;
#define TAKE(field) (cols[n] = (field), (field) = n++)
    if (b->windowed && b->window.attached) {
        TAKE(b->window.start);
        TAKE(b->window.end);
    } else if (b->windowed) {
        TAKE(b->window.time);
    }
    for (int i = 0; i < b->n_aggs; i++) {
        struct rel_agg *g = &b->aggs[i];
        for (int k = 0; k < g->call.n_args; k++)
            TAKE(g->args[k]);
        if (g->filter >= 0) TAKE(g->filter);
        struct sort_key *order = ARENA_NEW_N(p->arena, struct sort_key, g->n_order + 1);
        for (int k = 0; k < g->n_order; k++) {
            order[k] = g->order[k];
            TAKE(order[k].column);
        }
        g->order = order;
    }
#undef TAKE
    struct pnode *in = phys_pick(p, r, b->in, cols, n);
    struct schema *s = phys_schema(p->arena, n + 1);
    struct field *f = (struct field *)s->fields;
    memcpy(f, in->schema->fields, sizeof *f * (size_t)n);
    for (int i = 0; i < n_keys; i++)
        f[i].type = type_with_null(p->arena, f[i].type, true);
    f[n].name = "$e";
    f[n].type = type_of_not_null(TYPE_BIGINT);
    struct pnode *e = phys_new(p, PHYS_EXPAND, r, s, &in, 1);
    cJSON *projects = cJSON_AddArrayToObject(e->config, "projects");
    cJSON *ids = cJSON_AddArrayToObject(e->config, "ids");
    for (int set = 0; set < r->u.agg.n_sets; set++) {
        cJSON *project = cJSON_CreateArray();
        cJSON_AddItemToArray(projects, project);
        cJSON_AddItemToArray(ids, json_i64(set));
        for (int c = 0; c < n; c++) {
            int key = -1;
            for (int i = 0; i < b->n_keys && c < n_keys; i++)
                if (!b->prop[i] && b->keys[i] == c) key = i;
            bool kept = key < 0 || r->u.agg.sets[set] >> key & 1;
            cJSON_AddItemToArray(project, json_i64(kept ? c : -1));
        }
    }
    phys_label(p, e, "Expand(sets=[%d])", r->u.agg.n_sets);
    b->in = e;
    b->expand_id = n;
}

/* GROUPING_ID of key positions for one set: a bit each, 1 where the set doesn't group by it. */
static int64_t grouping_id(uint64_t set, const int *keys, int n) {
    int64_t id = 0;
    for (int i = 0; i < n; i++)
        id = id << 1 | !(set >> keys[i] & 1);
    return id;
}

/* CASE id WHEN 0 THEN .. ELSE .. END over the expand id. */
static int grouping_expr(struct agg_build *b, int id_col, int which, const struct type *type,
                         const struct expr **ret, struct err *err) {
    struct arena *a = b->p->arena;
    const struct rel *r = b->r;
    const struct type *big = type_of_not_null(TYPE_BIGINT);
    int n_sets = r->u.agg.n_sets, n = 0;
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, 2 * n_sets + 1);
    for (int set = 0; set < n_sets; set++) {
        int64_t v = grouping_id(r->u.agg.sets[set], r->u.agg.groupings[which],
                                r->u.agg.grouping_lens[which]);
        if (set < n_sets - 1) {
            const struct expr *eq[2] = {expr_column(a, id_col, big),
                                        expr_literal(a, value_int(a, big, set))};
            int rc = func_call_name(a, "=", eq, 2, &args[n++], err);
            if (rc) return rc;
        }
        args[n++] = expr_literal(a, value_int(a, type_with_null(a, type, false), v));
    }
    if (n == 1) {
        *ret = args[0];
        return 0;
    }
    return func_call_name(a, "CASE", args, n, ret, err);
}

/* ---- output ---- */

/* Columns of the op in the rel's order: keys, aggregates, window properties of the older form,
 * grouping functions. first_agg: where the op puts aggregates; prop_at: its window properties. */
static int finish(struct agg_build *b, struct pnode *n, int first_agg, const int *prop_at,
                  struct pnode **ret, struct err *err) {
    struct planner *p = b->p;
    const struct rel *r = b->r;
    const struct schema *s = r->schema;
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, s->n + 1);
    int out = 0, key = 0;
    for (int i = 0; i < b->n_keys; i++) {
        int col = b->prop[i] ? prop_at[b->prop[i]] : key++;
        exprs[out++] = expr_column(p->arena, col, n->schema->fields[col].type);
    }
    for (int i = 0; i < b->n_aggs; i++) {
        int col = first_agg + i;
        exprs[out++] = expr_column(p->arena, col, n->schema->fields[col].type);
    }
    const struct legacy_window *l = &r->u.agg.legacy;
    const bool wanted[] = {l->want_start, l->want_end, l->want_rowtime, l->want_proctime};
    static const int which[] = {WPROP_START, WPROP_END, WPROP_TIME, WPROP_TIME};
    for (int i = 0; l->on && i < 4; i++)
        if (wanted[i]) {
            int col = prop_at[which[i]];
            exprs[out++] = expr_column(p->arena, col, n->schema->fields[col].type);
        }
    for (int i = 0; i < r->u.agg.n_groupings; i++, out++) {
        int id = b->expand_id < 0 ? -1 : key;
        int rc = grouping_expr(b, id, i, s->fields[out].type, &exprs[out], err);
        if (rc) return phys_place(r, err);
    }
    CHECK(out == s->n);
    *ret = phys_calc(p, r, n, NULL, exprs, s);
    return 0;
}

static void print_select(struct agg_build *b, struct str *out) {
    for (int i = 0; i < b->n_aggs; i++) {
        if (i) str_add(out, ", ");
        phys_print_agg(b->in->schema, &b->aggs[i].call, b->aggs[i].args, b->aggs[i].filter, out);
        str_addf(out, " AS %s", b->r->schema->fields[b->n_keys + i].name);
    }
}

/* The op's keys: the rel's but window columns, then the expand id. */
static int op_keys(struct agg_build *b, int **ret) {
    int *keys = ARENA_NEW_N(b->p->arena, int, b->n_keys + 2), n = 0;
    for (int i = 0; i < b->n_keys; i++)
        if (!b->prop[i]) keys[n++] = b->keys[i];
    if (b->expand_id >= 0) keys[n++] = b->expand_id;
    *ret = keys;
    return n;
}

/* Output schema: keys, aggregates, then n_more fields for the caller to fill. */
static struct schema *op_schema(struct agg_build *b, const int *keys, int n_keys, int n_more) {
    struct schema *s = phys_schema(b->p->arena, n_keys + b->n_aggs + n_more);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < n_keys; i++)
        f[i] = b->in->schema->fields[keys[i]];
    for (int i = 0; i < b->n_aggs; i++) {
        f[n_keys + i].name = b->r->schema->fields[b->n_keys + i].name;
        f[n_keys + i].type = b->aggs[i].call.ret_type;
    }
    return s;
}

static void add_aggs(struct agg_build *b, struct pnode *n) {
    cJSON *aggs = cJSON_AddArrayToObject(n->config, "aggs");
    for (int i = 0; i < b->n_aggs; i++) {
        const struct rel_agg *g = &b->aggs[i];
        cJSON_AddItemToArray(aggs,
                             phys_json_agg(&g->call, g->args, g->filter, g->order, g->n_order));
    }
    n->n_aggs = b->n_aggs;
    n->aggs = b->aggs;
}

static const int *range(struct planner *p, int n) {
    int *r = ARENA_NEW_N(p->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        r[i] = i;
    return r;
}

/* ---- group aggregate ---- */

static int group_agg(struct agg_build *b, struct pnode **ret, struct err *err) {
    struct planner *p = b->p;
    int *keys, n_keys = op_keys(b, &keys);
    struct pnode *n = phys_new(p, PHYS_GROUP_AGG, b->r, op_schema(b, keys, n_keys, 0), &b->in, 1);
    phys_hash(p, n, 0, keys, n_keys);
    bool inserts = b->in->kinds == CHANGELOG_INSERT;
    if (p->batch || (inserts && !b->n_aggs)) {
        n->kinds = CHANGELOG_INSERT;
    } else {
        n->kinds = CHANGELOG_INSERT | CHANGELOG_UPDATE_AFTER | (inserts ? 0 : CHANGELOG_DELETE);
        if (!b->n_aggs) n->kinds &= ~CHANGELOG_UPDATE_AFTER; /* DISTINCT: rows come and go */
    }
    json_set(n->config, "keys", phys_json_cols(keys, n_keys));
    add_aggs(b, n);
    json_set_str(n->config, "phase", "single");
    json_set_bool(n->config, "updateBefore", false);
    json_set_bool(n->config, "inputRetracts", false);
    json_set_bool(n->config, "batch", p->batch);
    json_set_bool(n->config, "miniBatch", p->config.mini_batch && !p->batch);
    json_set_i64(n->config, "ttl", phys_ttl(p, b->r, 0));
    n->n_dist = n_keys;
    n->dist = range(p, n_keys);
    phys_add_key(n, colset_of(p->arena, n->dist, n_keys));
    AUTO_STR s = STR_INIT;
    str_add(&s, "GroupAggregate(");
    if (n_keys) {
        str_add(&s, "groupBy=[");
        phys_print_cols(b->in->schema, keys, n_keys, &s);
        str_add(&s, "], ");
    }
    str_add(&s, "select=[");
    phys_print_cols(b->in->schema, keys, n_keys, &s);
    if (n_keys && b->n_aggs) str_add(&s, ", ");
    print_select(b, &s);
    str_add(&s, "])");
    n->label = phys_keep(p, &s);
    return finish(b, n, n_keys, NULL, ret, err);
}

/* ---- window aggregate ---- */

/* When a window's results are sent besides on time. */
struct emit {
    bool early, late;
    int64_t lateness_ms;
};

/* As in Flink, rows may be late only where late firing is on, by table.exec.state.ttl unless
 * table.exec.emit.allow-lateness says so. */
static int read_emit(const struct agg_build *b, bool proctime, bool session, struct emit *ret,
                     struct err *err) {
    const struct session_settings *set = b->p->set;
    *ret = (struct emit){.early = set->early_fire, .late = set->late_fire && !proctime};
    if (b->p->batch || b->window.attached) *ret = (struct emit){0};
    if (!ret->early && !ret->late) return 0;
    if (session)
        return phys_err(b->r, err, ERR_VALIDATION,
                        "Session window doesn't support EMIT strategy currently.");
    if (!ret->late) return 0;
    ret->lateness_ms = set->emit_lateness_ms ? set->emit_lateness_ms : b->p->config.state_ttl_ms;
    if (!ret->lateness_ms)
        return phys_err(b->r, err, ERR_VALIDATION,
                        "The 'AFTER WATERMARK' emit strategy requires set 'allow-lateness' or "
                        "'minIdleStateRetentionTime' in table config.");
    if (set->late_fire_ms > ret->lateness_ms)
        return phys_err(b->r, err, ERR_VALIDATION,
                        "Allow-lateness [%lldms] should not be smaller than Late-fire delay "
                        "[%lldms] when enable late-fire emit strategy.",
                        (long long)ret->lateness_ms, (long long)set->late_fire_ms);
    return 0;
}

static cJSON *json_emit(const struct planner *p, const struct emit *e) {
    cJSON *j = cJSON_CreateObject();
    json_set(j, "early", e->early ? json_i64(p->set->early_fire_ms) : cJSON_CreateNull());
    json_set(j, "late", e->late ? json_i64(p->set->late_fire_ms) : cJSON_CreateNull());
    json_set_i64(j, "lateness", e->lateness_ms);
    return j;
}

static int window_agg(struct agg_build *b, struct pnode **ret, struct err *err) {
    struct planner *p = b->p;
    int *keys, n_keys = op_keys(b, &keys);
    struct schema *s = op_schema(b, keys, n_keys, 3);
    struct field *f = (struct field *)s->fields + n_keys + b->n_aggs;
    static const char *const names[] = {"window_start", "window_end", "window_time"};
    bool ltz = b->window.ltz;
    bool proctime = b->window.attached ? b->in->spec_proctime : b->window.proctime;
    for (int i = 0; i < 3; i++) {
        f[i].name = names[i];
        f[i].type =
            type_time(p->arena, i == 2 && ltz ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP, 3, false);
    }
    /* window_time keeps the time attribute, so that windows can be cascaded. */
    enum time_attr attr = proctime ? TIME_ATTR_PROCTIME : TIME_ATTR_ROWTIME;
    f[2].type = type_with_time_attr(p->arena, f[2].type, attr);
    bool session = !b->window.attached && b->window.spec->type == WINDOW_SESSION;
    struct emit emit;
    int rc = read_emit(b, proctime, session, &emit, err);
    if (rc) return rc;
    bool updates = emit.early || emit.late;
    enum pkind kind = session ? PHYS_SESSION_AGG : updates ? PHYS_WINDOW_EMIT : PHYS_WINDOW_AGG;
    struct pnode *n = phys_new(p, kind, b->r, s, &b->in, 1);
    phys_hash(p, n, 0, keys, n_keys);
    n->kinds = CHANGELOG_INSERT;
    if (updates) n->kinds |= CHANGELOG_UPDATE_AFTER;
    if (updates && b->in->kinds != CHANGELOG_INSERT) n->kinds |= CHANGELOG_DELETE;
    json_set(n->config, "window", phys_json_window(&b->window));
    json_set(n->config, "keys", phys_json_cols(keys, n_keys));
    add_aggs(b, n);
    json_set_str(n->config, "phase", "single");
    cJSON *props = cJSON_AddArrayToObject(n->config, "props");
    static const char *const prop_names[] = {"start", "end", "time"};
    int prop_at[4] = {-1, -1, -1, -1}, col = n_keys + b->n_aggs;
    for (int i = 0; i < 3; i++) {
        cJSON_AddItemToArray(props, cJSON_CreateString(prop_names[i]));
        prop_at[WPROP_START + i] = col;
        /* Rows that change aren't complete with their window: joins and ranks of such rows are
         * those of any updating stream. */
        if (!updates) phys_set_prop(p, n, col, (enum window_prop)(WPROP_START + i));
        col++;
    }
    if (updates) json_set(n->config, "emit", json_emit(p, &emit));
    json_set_bool(n->config, "updateBefore", false);
    json_set_bool(n->config, "inputRetracts", false);
    n->n_dist = n_keys;
    n->dist = range(p, n_keys);
    n->spec = updates ? NULL : b->window.attached ? b->in->spec : b->window.spec;
    n->spec_ltz = ltz;
    n->spec_proctime = proctime;
    int *ukey = ARENA_NEW_N(p->arena, int, n_keys + 2);
    memcpy(ukey, n->dist, sizeof *ukey * (size_t)n_keys);
    ukey[n_keys] = prop_at[WPROP_START];
    ukey[n_keys + 1] = prop_at[WPROP_END];
    phys_add_key(n, colset_of(p->arena, ukey, n_keys + 2));
    AUTO_STR text = STR_INIT;
    str_add(&text, "WindowAggregate(");
    if (n_keys) {
        str_add(&text, "groupBy=[");
        phys_print_cols(b->in->schema, keys, n_keys, &text);
        str_add(&text, "], ");
    }
    str_add(&text, "window=[");
    phys_print_window(&b->window, b->in->schema, &text);
    str_add(&text, "], select=[");
    phys_print_cols(b->in->schema, keys, n_keys, &text);
    if (n_keys && b->n_aggs) str_add(&text, ", ");
    print_select(b, &text);
    str_add(&text, "])");
    n->label = phys_keep(p, &text);
    return finish(b, n, n_keys, prop_at, ret, err);
}

/* ---- entry ---- */

/* GROUP BY TUMBLE(ts, ...): the window stands in the aggregate itself. */
static int legacy_window(struct agg_build *b, struct err *err) {
    const struct legacy_window *l = &b->r->u.agg.legacy;
    if (b->p->batch && l->spec.type == WINDOW_SESSION)
        return phys_err(b->r, err, ERR_VALIDATION,
                        "Window SESSION in GROUP BY is not supported in batch mode: use the "
                        "SESSION table function");
    /* Any slide goes here: HOP's size needn't be a multiple of it. */
    int rc = phys_node(b->p, b->r->inputs[0], &b->in, err);
    if (!rc) rc = phys_window_ref(b->p, b->r, &l->spec, b->r->inputs[0]->schema, &b->window, err);
    b->windowed = true;
    return rc;
}

int phys_aggregate(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct agg_build b;
    build_init(&b, p, r);
    for (int i = 0; i < b.n_aggs; i++)
        if (!strcmp(b.aggs[i].call.agg->name, "COUNT") && b.aggs[i].call.n_args > 1)
            return phys_err(r, err, ERR_VALIDATION, "We now only support the count of one field.");
    int rc = 0;
    if (r->u.agg.legacy.on) {
        rc = legacy_window(&b, err);
    } else {
        rc = pull_window(&b, err);
        if (rc == 0) rc = phys_node(p, r->inputs[0], &b.in, err);
        if (rc == 0 && !b.windowed) attach_window(&b);
        if (rc > 0) rc = 0;
    }
    if (rc) return rc;
    for (int i = 0; i < b.n_aggs && !rc; i++)
        rc = phys_agg_for(p, r, b.in, &b.aggs[i].call, b.aggs[i].args, err);
    if (rc) return rc;
    if (r->u.agg.n_sets) expand_sets(&b);
    return b.windowed ? window_agg(&b, ret, err) : group_agg(&b, ret, err);
}
