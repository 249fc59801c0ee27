/* prune_build.c - the plan anew, without the columns that nobody needs. A node may keep more than
 * is asked of it (a filter keeps what it reads); what enters a join, an aggregate or a sort is cut
 * to what is needed, for it travels and is stored. */
#include "sql/rules/prune.h"

#include <string.h>

const struct built *prune_built(struct prune *p, const struct rel *r) {
    const struct built *b = ptrmap_get(&p->built, r);
    CHECK(b);
    return b;
}

static void set_built(struct prune *p, const struct rel *old, const struct rel *now,
                      const int *map) {
    struct built *b = ARENA_NEW(p->ctx->arena, struct built);
    *b = (struct built){now, map};
    ptrmap_put(&p->built, old, b);
}

static int *new_map(struct prune *p, int n) {
    int *map = ARENA_NEW_N(p->ctx->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        map[i] = -1;
    return map;
}

static const struct schema *schema_of(struct prune *p, const struct schema *s, const int *cols,
                                      int n) {
    const struct schema *t = schema_new(p->ctx->arena, n);
    for (int i = 0; i < n; i++)
        ((struct field *)t->fields)[i] = s->fields[cols[i]];
    return t;
}

/* The input's new form cut to the columns used[]; *ret_map from its old columns. */
static const struct rel *narrowed(struct prune *p, const struct rel *old, const bool *used,
                                  const int **ret_map) {
    const struct built *b = prune_built(p, old);
    int n = 0, n_have = b->rel->schema->n;
    int *cols = ARENA_NEW_N(p->ctx->arena, int, n_have + 1), *map = new_map(p, old->schema->n);
    for (int i = 0; i < old->schema->n; i++)
        if (used[i]) {
            CHECK(b->map[i] >= 0);
            map[i] = n;
            cols[n++] = b->map[i];
        }
    bool in_place = n == n_have;
    for (int i = 0; i < n; i++)
        in_place &= cols[i] == i;
    /* No column is needed: rows are only counted. Keep what there is. */
    if (in_place || !n) {
        *ret_map = b->map;
        return b->rel;
    }
    *ret_map = map;
    struct rel *pick = (struct rel *)rule_pick(p->ctx->arena, b->rel, cols, n);
    pick->line = old->line;
    pick->column = old->column;
    return pick;
}

/* ---- remapping ---- */

static const int *remap_cols(struct prune *p, const int *cols, int n, const int *map) {
    int *out = ARENA_NEW_N(p->ctx->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        out[i] = map[cols[i]];
    return out;
}

static const struct sort_key *remap_order(struct prune *p, const struct sort_key *k, int n,
                                          const int *map) {
    struct sort_key *out = ARENA_NEW_N(p->ctx->arena, struct sort_key, n + 1);
    for (int i = 0; i < n; i++) {
        out[i] = k[i];
        out[i].column = map[k[i].column];
    }
    return out;
}

/* An expression over the inputs' old columns, being moved to their new ones. */
struct moving {
    struct prune *p;
    const int *map;
    const struct rel *const *ins; /* new inputs, side by side */
};

static const struct type *new_type(const struct moving *m, int column) {
    int i = 0;
    while (column >= m->ins[i]->schema->n)
        column -= m->ins[i++]->schema->n;
    return m->ins[i]->schema->fields[column].type;
}

static bool is_narrowed(const struct type *old, const struct type *now) {
    return old->kind == TYPE_ROW && now->kind == TYPE_ROW && now->n_children < old->n_children;
}

/* The field of a ROW that may have lost others. */
static const struct expr *move_field(const struct moving *m, const struct expr *e, int column,
                                     int field) {
    struct arena *a = m->p->ctx->arena;
    const struct type *old = e->args[0]->type, *now = new_type(m, m->map[column]);
    int f = field;
    if (is_narrowed(old, now))
        for (f = 0; f < now->n_children; f++)
            if (!strcmp(now->field_names[f], old->field_names[field])) break;
    CHECK(f < now->n_children);
    const struct expr *args[2] = {expr_column(a, m->map[column], is_narrowed(old, now) ? now : old),
                                  expr_literal(a, value_int(a, e->args[1]->type, f))};
    return expr_call(a, e->func, e->type, args, 2);
}

static const struct expr *move(const struct moving *m, const struct expr *e) {
    int column, field;
    struct arena *a = m->p->ctx->arena;
    if (prune_is_field(e, &column, &field)) return move_field(m, e, column, field);
    if (e->kind == EXPR_COLUMN) {
        const struct type *now = new_type(m, m->map[e->column]);
        struct expr *c = (struct expr *)expr_column(a, m->map[e->column],
                                                    is_narrowed(e->type, now) ? now : e->type);
        c->line = e->line;
        c->col = e->col;
        return c;
    }
    if (e->kind != EXPR_CALL) return e;
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, e->n_args + 1);
    for (int i = 0; i < e->n_args; i++)
        args[i] = move(m, e->args[i]);
    struct expr *c = (struct expr *)expr_call(a, e->func, e->type, args, e->n_args);
    c->line = e->line;
    c->col = e->col;
    return c;
}

static const struct expr *remap_expr(struct prune *p, const struct expr *e, const int *map,
                                     const struct rel *const *ins) {
    struct moving m = {p, map, ins};
    return e ? move(&m, e) : NULL;
}

/* A field of a schema under its old name and type, but for fields it lost. */
static struct field keep_field(struct field old, struct field now) {
    return (struct field){old.name, is_narrowed(old.type, now.type) ? now.type : old.type};
}

static struct rel *copy_over(struct prune *p, const struct rel *r, const struct rel *in) {
    struct rel *n = rule_copy(p->ctx->arena, r);
    n->inputs = arena_dup(p->ctx->arena, &in, sizeof in);
    return n;
}

/* ---- each kind ---- */

static bool reads_by_name(const struct rel *r) {
    const struct connector_desc *d = r->u.scan.table->connector;
    struct connector_table t = {.name = r->u.scan.table->name,
                                .schema = r->schema,
                                .n_projection = -1,
                                .options = r->u.scan.options,
                                .n_options = r->u.scan.n_options};
    return d && d->nested_projection && d->nested_projection(&t);
}

/* Takes fields nobody reads off the scan's ROWs; whether there were any. */
static bool narrow_rows(struct prune *p, const struct rel *old, struct rel *now, const int *cols) {
    const struct needs *needs = needs_of(p, old);
    struct arena *a = p->ctx->arena;
    bool any = false;
    for (int i = 0; i < now->schema->n; i++) {
        const struct type *t = now->schema->fields[i].type;
        const bool *fields = needs->fields[cols[i]];
        if (needs->whole[cols[i]] || !fields || !reads_by_name(old)) continue;
        int n = 0;
        const struct type **types = ARENA_NEW_N(a, const struct type *, t->n_children + 1);
        const char **names = ARENA_NEW_N(a, const char *, t->n_children + 1);
        for (int f = 0; f < t->n_children; f++)
            if (fields[f]) {
                types[n] = t->children[f];
                names[n++] = t->field_names[f];
            }
        if (n == t->n_children) continue;
        ((struct field *)now->schema->fields)[i].type = type_row(a, n, types, names, t->nullable);
        any = true;
    }
    return any;
}

static void build_scan(struct prune *p, const struct rel *r) {
    bool *used = needs_of(p, r)->used;
    const struct table_desc *t = r->u.scan.table;
    bool changes = t->connector && t->connector->source_mode;
    for (int i = 0; changes && i < t->n_primary_key; i++) { /* upserts are told apart by it */
        int c = schema_find(r->schema, t->columns[t->primary_key[i]].name);
        if (c >= 0) used[c] = true;
    }
    int n = 0, *cols = ARENA_NEW_N(p->ctx->arena, int, r->schema->n + 1);
    int *map = new_map(p, r->schema->n);
    for (int i = 0; i < r->schema->n; i++)
        if (used[i]) {
            map[i] = n;
            cols[n++] = i;
        }
    if (!n && r->schema->n) { /* a row must have some column */
        map[0] = 0;
        cols[n++] = 0;
    }
    struct rel *s = rule_copy(p->ctx->arena, r);
    s->schema = schema_of(p, r->schema, cols, n);
    bool narrow = narrow_rows(p, r, s, cols);
    set_built(p, r, narrow || n < r->schema->n ? s : r, map);
}

static void build_project(struct prune *p, const struct rel *r) {
    const struct built *in = prune_built(p, r->inputs[0]);
    const bool *used = needs_of(p, r)->used;
    int n = 0, *cols = ARENA_NEW_N(p->ctx->arena, int, r->schema->n + 1);
    int *map = new_map(p, r->schema->n);
    for (int i = 0; i < r->schema->n; i++)
        if (used[i]) {
            map[i] = n;
            cols[n++] = i;
        }
    if (!n && r->schema->n) { /* a constant or a column that is there anyway */
        for (int i = 0; i < r->schema->n && !n; i++) {
            const struct expr *e = r->u.project.exprs[i];
            if (e->kind == EXPR_LITERAL || (e->kind == EXPR_COLUMN && in->map[e->column] >= 0)) {
                map[i] = 0;
                cols[n++] = i;
            }
        }
        if (!n) { /* the input's rows stand for this one's */
            set_built(p, r, in->rel, map);
            return;
        }
    }
    struct rel *q = copy_over(p, r, in->rel);
    const struct expr **exprs = ARENA_NEW_N(p->ctx->arena, const struct expr *, n + 1);
    for (int i = 0; i < n; i++)
        exprs[i] = remap_expr(p, r->u.project.exprs[cols[i]], in->map, &in->rel);
    q->schema = schema_of(p, r->schema, cols, n);
    for (int i = 0; i < n; i++)
        if (is_narrowed(q->schema->fields[i].type, exprs[i]->type))
            ((struct field *)q->schema->fields)[i].type = exprs[i]->type;
    q->u.project.exprs = exprs;
    set_built(p, r, q, map);
}

/* Nodes that hand their input's columns on, with n_more of their own behind: the map, and the
 * schema with names and types of r. */
static const int *pass_through(struct prune *p, const struct rel *r, const struct rel *in,
                               const int *in_map, struct rel *now) {
    int n_old = r->inputs[0]->schema->n, n_new = in->schema->n, n_more = r->schema->n - n_old;
    int *map = new_map(p, r->schema->n);
    const struct schema *s = schema_new(p->ctx->arena, n_new + n_more);
    struct field *f = (struct field *)s->fields;
    memcpy(f, in->schema->fields, sizeof *f * (size_t)n_new);
    for (int i = 0; i < r->schema->n; i++) {
        map[i] = i < n_old ? in_map[i] : n_new + i - n_old;
        if (i >= n_old)
            f[map[i]] = r->schema->fields[i];
        else if (map[i] >= 0)
            f[map[i]] = keep_field(r->schema->fields[i], f[map[i]]);
    }
    now->schema = s;
    return map;
}

static void build_filter(struct prune *p, const struct rel *r) {
    const struct built *in = prune_built(p, r->inputs[0]);
    struct rel *q = copy_over(p, r, in->rel);
    q->u.filter.predicate = remap_expr(p, r->u.filter.predicate, in->map, &in->rel);
    set_built(p, r, q, pass_through(p, r, in->rel, in->map, q));
}

static void build_watermark(struct prune *p, const struct rel *r) {
    const struct built *in = prune_built(p, r->inputs[0]);
    struct rel *q = copy_over(p, r, in->rel);
    q->u.watermark.column = in->map[r->u.watermark.column];
    q->u.watermark.expr = remap_expr(p, r->u.watermark.expr, in->map, &in->rel);
    set_built(p, r, q, pass_through(p, r, in->rel, in->map, q));
}

static void build_window(struct prune *p, const struct rel *r) {
    const struct built *in = prune_built(p, r->inputs[0]);
    struct rel *q = copy_over(p, r, in->rel);
    q->u.window.time_column = in->map[r->u.window.time_column];
    q->u.window.keys = remap_cols(p, r->u.window.keys, r->u.window.n_keys, in->map);
    set_built(p, r, q, pass_through(p, r, in->rel, in->map, q));
}

/* Columns of the input that this consumer alone needs. */
static bool *own_needs(struct prune *p, const struct rel *r) {
    return ARENA_NEW_N(p->ctx->arena, bool, r->inputs[0]->schema->n + 1);
}

static void mark(bool *used, const int *cols, int n) {
    for (int i = 0; i < n; i++)
        used[cols[i]] = true;
}

static void mark_order(bool *used, const struct sort_key *k, int n) {
    for (int i = 0; i < n; i++)
        used[k[i].column] = true;
}

static void build_aggregate(struct prune *p, const struct rel *r) {
    const bool *out = needs_of(p, r)->used;
    bool *used = own_needs(p, r);
    int n_keys = r->u.agg.n_keys;
    mark(used, r->u.agg.keys, n_keys);
    for (int i = 0; i < r->u.agg.n_aggs; i++) {
        const struct rel_agg *g = &r->u.agg.aggs[i];
        if (!out[n_keys + i]) continue;
        mark(used, g->args, g->call.n_args);
        mark_order(used, g->order, g->n_order);
        if (g->filter >= 0) used[g->filter] = true;
    }
    if (r->u.agg.legacy.on) used[r->u.agg.legacy.spec.time_column] = true;
    const int *in_map;
    const struct rel *in = narrowed(p, r->inputs[0], used, &in_map);
    struct rel *q = copy_over(p, r, in);
    q->u.agg.keys = remap_cols(p, r->u.agg.keys, n_keys, in_map);
    struct rel_agg *aggs = ARENA_NEW_N(p->ctx->arena, struct rel_agg, r->u.agg.n_aggs + 1);
    int *map = new_map(p, r->schema->n), *cols = ARENA_NEW_N(p->ctx->arena, int, r->schema->n + 1);
    int n_aggs = 0, n = 0;
    for (int i = 0; i < r->schema->n; i++) {
        int g = i - n_keys;
        if (g >= 0 && g < r->u.agg.n_aggs) {
            if (!out[i]) continue;
            aggs[n_aggs] = r->u.agg.aggs[g];
            for (int k = 0; k < aggs[n_aggs].call.n_args; k++)
                aggs[n_aggs].args[k] = in_map[aggs[n_aggs].args[k]];
            aggs[n_aggs].order = remap_order(p, aggs[n_aggs].order, aggs[n_aggs].n_order, in_map);
            if (aggs[n_aggs].filter >= 0) aggs[n_aggs].filter = in_map[aggs[n_aggs].filter];
            n_aggs++;
        }
        map[i] = n;
        cols[n++] = i;
    }
    q->u.agg.aggs = aggs;
    q->u.agg.n_aggs = n_aggs;
    if (r->u.agg.legacy.on)
        q->u.agg.legacy.spec.time_column = in_map[r->u.agg.legacy.spec.time_column];
    q->schema = schema_of(p, r->schema, cols, n);
    set_built(p, r, q, map);
}

struct side_use {
    bool *used[2];
    int n_left;
};

static void mark_side(void *self, int column) {
    struct side_use *s = self;
    int right = column >= s->n_left;
    s->used[right][right ? column - s->n_left : column] = true;
}

static void build_join(struct prune *p, const struct rel *r) {
    bool temporal = r->kind == REL_TEMPORAL;
    const struct expr *predicate = temporal ? r->u.temporal.predicate : r->u.join.predicate;
    const bool *out = needs_of(p, r)->used;
    int n_left = r->inputs[0]->schema->n, n_right = r->inputs[1]->schema->n;
    bool both = r->schema->n > n_left;
    struct side_use s = {{ARENA_NEW_N(p->ctx->arena, bool, n_left + 1),
                          ARENA_NEW_N(p->ctx->arena, bool, n_right + 1)},
                         n_left};
    for (int i = 0; i < r->schema->n; i++)
        if (out[i]) mark_side(&s, i);
    if (predicate) expr_visit_columns(predicate, mark_side, &s);
    if (temporal) s.used[0][r->u.temporal.left_time] = true;
    const int *maps[2];
    const struct rel *ins[2];
    ins[0] = narrowed(p, r->inputs[0], s.used[0], &maps[0]);
    if (temporal) { /* a versioned table keeps its time column, a looked-up one its shape */
        ins[1] = prune_built(p, r->inputs[1])->rel;
        maps[1] = prune_built(p, r->inputs[1])->map;
    } else {
        ins[1] = narrowed(p, r->inputs[1], s.used[1], &maps[1]);
    }
    int new_left = ins[0]->schema->n, new_n = new_left + (both ? ins[1]->schema->n : 0);
    int *map = new_map(p, n_left + n_right);
    for (int i = 0; i < n_left + n_right; i++) {
        int m = i < n_left ? maps[0][i] : maps[1][i - n_left];
        map[i] = m < 0 ? -1 : i < n_left ? m : m + new_left;
    }
    const struct schema *schema = schema_new(p->ctx->arena, new_n);
    struct field *f = (struct field *)schema->fields;
    for (int i = 0; i < new_n; i++)
        f[i] = i < new_left ? ins[0]->schema->fields[i] : ins[1]->schema->fields[i - new_left];
    for (int i = 0; i < r->schema->n; i++)
        if (map[i] >= 0) f[map[i]] = keep_field(r->schema->fields[i], f[map[i]]);
    struct rel *q = rule_copy(p->ctx->arena, r);
    q->inputs = arena_dup(p->ctx->arena, ins, sizeof ins);
    q->schema = schema;
    const struct expr *e = remap_expr(p, predicate, map, ins);
    if (temporal) {
        q->u.temporal.predicate = e;
        q->u.temporal.left_time = map[r->u.temporal.left_time];
    } else {
        q->u.join.predicate = e;
    }
    set_built(p, r, q, map);
}

static void build_correlate(struct prune *p, const struct rel *r) {
    const struct built *in = prune_built(p, r->inputs[0]);
    struct rel *q = copy_over(p, r, in->rel);
    q->u.correlate.collection = remap_expr(p, r->u.correlate.collection, in->map, &in->rel);
    set_built(p, r, q, pass_through(p, r, in->rel, in->map, q));
}

static void build_over(struct prune *p, const struct rel *r) {
    const struct over_spec *o = &r->u.over;
    const bool *out = needs_of(p, r)->used;
    bool *used = own_needs(p, r);
    for (int i = 0; i < r->inputs[0]->schema->n; i++)
        used[i] = out[i];
    mark(used, o->partition, o->n_partition);
    mark_order(used, o->order, o->n_order);
    for (int i = 0; i < o->n_calls; i++)
        mark(used, o->calls[i].args,
             o->calls[i].rank_fn ? o->calls[i].n_args : o->calls[i].call.n_args);
    const int *map;
    const struct rel *in = narrowed(p, r->inputs[0], used, &map);
    struct rel *q = copy_over(p, r, in);
    q->u.over.partition = remap_cols(p, o->partition, o->n_partition, map);
    q->u.over.order = remap_order(p, o->order, o->n_order, map);
    struct over_call *calls =
        arena_dup(p->ctx->arena, o->calls, sizeof *calls * (size_t)o->n_calls);
    for (int i = 0; i < o->n_calls; i++) {
        int n = calls[i].rank_fn ? calls[i].n_args : calls[i].call.n_args;
        for (int k = 0; k < n; k++)
            calls[i].args[k] = map[calls[i].args[k]];
    }
    q->u.over.calls = calls;
    set_built(p, r, q, pass_through(p, r, in, map, q));
}

static void build_sort(struct prune *p, const struct rel *r) {
    bool *used = own_needs(p, r);
    const bool *out = needs_of(p, r)->used;
    for (int i = 0; i < r->schema->n; i++)
        used[i] = out[i];
    mark_order(used, r->u.sort.keys, r->u.sort.n_keys);
    const int *map;
    const struct rel *in = narrowed(p, r->inputs[0], used, &map);
    struct rel *q = copy_over(p, r, in);
    q->u.sort.keys = remap_order(p, r->u.sort.keys, r->u.sort.n_keys, map);
    set_built(p, r, q, pass_through(p, r, in, map, q));
}

static void build_union(struct prune *p, const struct rel *r) {
    const bool *used = needs_of(p, r)->used;
    const struct rel **ins = ARENA_NEW_N(p->ctx->arena, const struct rel *, r->n_inputs);
    int *map = new_map(p, r->schema->n), n = 0;
    int *cols = ARENA_NEW_N(p->ctx->arena, int, r->schema->n + 1);
    for (int c = 0; c < r->schema->n; c++)
        if (used[c]) {
            map[c] = n;
            cols[n++] = c;
        }
    for (int i = 0; i < r->n_inputs; i++) {
        const struct built *b = prune_built(p, r->inputs[i]);
        int *pick = ARENA_NEW_N(p->ctx->arena, int, n + 1);
        bool in_place = n == b->rel->schema->n;
        for (int c = 0; c < n; c++) {
            pick[c] = b->map[cols[c]];
            in_place &= pick[c] == c;
        }
        ins[i] = in_place ? b->rel : rule_pick(p->ctx->arena, b->rel, pick, n);
    }
    struct rel *q = rule_copy(p->ctx->arena, r);
    q->inputs = ins;
    q->schema = schema_of(p, r->schema, cols, n);
    set_built(p, r, q, map);
}

/* Kinds that take all columns: their inputs are cut to the old shape. */
static void build_whole(struct prune *p, const struct rel *r) {
    const struct rel **ins = ARENA_NEW_N(p->ctx->arena, const struct rel *, r->n_inputs + 1);
    int *map = new_map(p, r->schema->n);
    for (int i = 0; i < r->schema->n; i++)
        map[i] = i;
    for (int i = 0; i < r->n_inputs; i++) {
        bool *all = ARENA_NEW_N(p->ctx->arena, bool, r->inputs[i]->schema->n + 1);
        memset(all, 1, (size_t)r->inputs[i]->schema->n);
        const int *in_map;
        ins[i] = narrowed(p, r->inputs[i], all, &in_map);
    }
    set_built(p, r, r->n_inputs ? rule_with_inputs(p->ctx->arena, r, ins) : r, map);
}

void prune_build(struct prune *p, const struct rel *r) {
    static void (*const builders[REL_KIND_COUNT])(struct prune *, const struct rel *) = {
        [REL_SCAN] = build_scan,           [REL_PROJECT] = build_project,
        [REL_FILTER] = build_filter,       [REL_WATERMARK] = build_watermark,
        [REL_WINDOW] = build_window,       [REL_AGGREGATE] = build_aggregate,
        [REL_JOIN] = build_join,           [REL_TEMPORAL] = build_join,
        [REL_CORRELATE] = build_correlate, [REL_OVER] = build_over,
        [REL_SORT] = build_sort,           [REL_UNION] = build_union,
    };
    (builders[r->kind] ? builders[r->kind] : build_whole)(p, r);
}
