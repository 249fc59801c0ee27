/* rel.c - making nodes of the logical plan, and printing it. */
#include "sql/rel.h"

#include "sql/ast_print.h"
#include "sql/session_int.h"
#include "vector/func/tz.h"

static const char *const kind_names[] = {
#define X(k) #k,
    REL_LIST(X)
#undef X
};

const char *rel_kind_name(enum rel_kind k) {
    return kind_names[k];
}

const char *join_type_name(enum join_type t) {
    static const char *const names[] = {"inner", "left", "right", "full", "semi", "anti"};
    return names[t];
}

struct rel *rel_new(struct arena *a, enum rel_kind kind, const struct schema *schema,
                    const struct rel *const *inputs, int n_inputs) {
    struct rel *r = ARENA_NEW(a, struct rel);
    r->kind = kind;
    r->schema = schema;
    r->n_inputs = n_inputs;
    if (n_inputs) r->inputs = arena_dup(a, inputs, sizeof(*inputs) * (size_t)n_inputs);
    if (n_inputs) {
        r->line = inputs[0]->line;
        r->column = inputs[0]->column;
    }
    return r;
}

/* ---- printing ---- */

static void add_column(const struct schema *s, int c, struct str *out) {
    if (c >= 0 && c < s->n)
        str_add(out, s->fields[c].name);
    else
        str_addf(out, "$%d", c);
}

static void add_columns(const struct schema *s, const int *cols, int n, struct str *out) {
    str_add_char(out, '[');
    for (int i = 0; i < n; i++) {
        if (i) str_add(out, ", ");
        add_column(s, cols[i], out);
    }
    str_add_char(out, ']');
}

static void add_keys(const struct schema *s, const struct sort_key *k, int n, struct str *out) {
    str_add_char(out, '[');
    for (int i = 0; i < n; i++) {
        if (i) str_add(out, ", ");
        add_column(s, k[i].column, out);
        str_add(out, k[i].desc ? " DESC" : " ASC");
        if (k[i].nulls_first == k[i].desc)
            str_add(out, k[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
    str_add_char(out, ']');
}

static bool name_taken(const struct field *f, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(f[i].name, name)) return true;
    return false;
}

/* The columns of all inputs, for expressions over them; repeated names get a number. */
static void joined(const struct rel *r, struct arena *a, struct schema *ret) {
    int n = 0;
    for (int i = 0; i < r->n_inputs; i++)
        n += r->inputs[i]->schema->n;
    struct field *f = ARENA_NEW_N(a, struct field, n + 1);
    ret->n = 0;
    for (int i = 0; i < r->n_inputs; i++)
        for (int j = 0; j < r->inputs[i]->schema->n; j++) {
            f[ret->n] = r->inputs[i]->schema->fields[j];
            const char *name = f[ret->n].name;
            for (int k = 0; name_taken(f, ret->n, f[ret->n].name); k++)
                f[ret->n].name = arena_printf(a, "%s%d", name, k);
            ret->n++;
        }
    ret->fields = f;
}

static void add_window(const struct schema *s, const struct window_spec *w, struct str *out) {
    static const char *const names[] = {"TUMBLE", "HOP", "CUMULATE", "SESSION"};
    str_addf(out, "%s(time=[", names[w->type]);
    add_column(s, w->time_column, out);
    str_add_char(out, ']');
    if (w->type == WINDOW_SESSION) {
        str_addf(out, ", gap=[%lld ms]", (long long)w->gap_ms);
        if (w->n_keys) {
            str_add(out, ", partition=");
            add_columns(s, w->keys, w->n_keys, out);
        }
    } else {
        str_addf(out, ", size=[%lld ms]", (long long)w->size_ms);
    }
    if (w->type == WINDOW_HOP) str_addf(out, ", slide=[%lld ms]", (long long)w->slide_ms);
    if (w->type == WINDOW_CUMULATE) str_addf(out, ", step=[%lld ms]", (long long)w->slide_ms);
    if (w->offset_ms) str_addf(out, ", offset=[%lld ms]", (long long)w->offset_ms);
    str_add_char(out, ')');
}

static void add_call(const struct schema *s, const char *name, bool distinct, const int *args,
                     int n_args, struct str *out) {
    str_addf(out, "%s(%s", name, distinct ? "DISTINCT " : "");
    for (int i = 0; i < n_args; i++) {
        if (i) str_add(out, ", ");
        add_column(s, args[i], out);
    }
    if (!n_args && (!strcmp(name, "COUNT"))) str_add_char(out, '*');
    str_add_char(out, ')');
}

static void print_agg(const struct rel *r, struct str *out) {
    const struct schema *in = r->inputs[0]->schema;
    str_add(out, "keys=");
    add_columns(in, r->u.agg.keys, r->u.agg.n_keys, out);
    if (r->u.agg.n_sets) {
        str_add(out, ", sets=[");
        for (int i = 0; i < r->u.agg.n_sets; i++) {
            str_add(out, i ? ", {" : "{");
            bool first = true;
            for (int k = 0; k < r->u.agg.n_keys; k++) {
                if (!(r->u.agg.sets[i] >> k & 1)) continue;
                if (!first) str_add(out, ", ");
                add_column(in, r->u.agg.keys[k], out);
                first = false;
            }
            str_add_char(out, '}');
        }
        str_add_char(out, ']');
    }
    if (r->u.agg.legacy.on) {
        str_add(out, ", window=");
        add_window(in, &r->u.agg.legacy.spec, out);
    }
    if (r->u.agg.n_aggs) str_add(out, ", aggs=[");
    for (int i = 0; i < r->u.agg.n_aggs; i++) {
        const struct rel_agg *g = &r->u.agg.aggs[i];
        if (i) str_add(out, ", ");
        add_call(in, g->call.agg->name, g->call.distinct, g->args, g->call.n_args, out);
        if (g->n_order) {
            str_add(out, " WITHIN GROUP ");
            add_keys(in, g->order, g->n_order, out);
        }
        if (g->filter >= 0) {
            str_add(out, " FILTER ");
            add_column(in, g->filter, out);
        }
    }
    if (r->u.agg.n_aggs) str_add_char(out, ']');
}

static void add_bound(int64_t v, bool rows, const char *dir, const char *back, struct str *out) {
    if (v == FRAME_UNBOUNDED)
        str_addf(out, "UNBOUNDED %s", dir);
    else if (v == 0)
        str_add(out, "CURRENT ROW");
    else
        str_addf(out, "%lld %s", (long long)(v < 0 ? -v : v), v < 0 ? back : dir);
}

static void print_over(const struct rel *r, struct str *out) {
    const struct schema *in = r->inputs[0]->schema;
    const struct over_spec *o = &r->u.over;
    str_add(out, "partition=");
    add_columns(in, o->partition, o->n_partition, out);
    str_add(out, ", order=");
    add_keys(in, o->order, o->n_order, out);
    str_addf(out, ", frame=[%s BETWEEN ", o->rows ? "ROWS" : "RANGE");
    add_bound(o->preceding, o->rows, "PRECEDING", "FOLLOWING", out);
    str_add(out, " AND ");
    add_bound(o->following, o->rows, "FOLLOWING", "PRECEDING", out);
    str_add(out, "], calls=[");
    for (int i = 0; i < o->n_calls; i++) {
        const struct over_call *c = &o->calls[i];
        if (i) str_add(out, ", ");
        add_call(in, c->rank_fn ? c->rank_fn : c->call.agg->name, !c->rank_fn && c->call.distinct,
                 c->args, c->n_args, out);
        if (c->rank_fn && c->offset) str_addf(out, "/%lld", (long long)c->offset);
    }
    str_add_char(out, ']');
}

static void print_join(const struct rel *r, const struct schema *in, struct str *out) {
    enum join_type t = r->kind == REL_JOIN ? r->u.join.type : r->u.temporal.type;
    const struct expr *p = r->kind == REL_JOIN ? r->u.join.predicate : r->u.temporal.predicate;
    str_addf(out, "type=[%s], on=[", join_type_name(t));
    if (p)
        expr_print(p, in, out);
    else
        str_add(out, "TRUE");
    str_add_char(out, ']');
    if (r->kind == REL_TEMPORAL) {
        str_add(out, ", as of=[");
        add_column(r->inputs[0]->schema, r->u.temporal.left_time, out);
        str_add_char(out, ']');
    }
    if (r->kind == REL_JOIN && r->u.join.null_aware) str_add(out, ", null aware");
}

/* The table, and the options that hints have changed. */
static void print_table(const struct table_desc *t, const struct table_option *opts, int n,
                        struct str *out) {
    str_addf(out, "table=[%s.%s.%s]", t->catalog, t->database, t->name);
    bool any = false;
    for (int i = 0; i < n; i++) {
        const char *was = table_option(t, opts[i].key);
        if (was && !strcmp(was, opts[i].value)) continue;
        str_addf(out, "%s%s=%s", any ? ", " : ", options=[", opts[i].key,
                 opt_shown(opts[i].key, opts[i].value));
        any = true;
    }
    if (any) str_add_char(out, ']');
}

static void print_match(const struct rel *r, struct str *out) {
    const struct ast_match *m = r->u.match.ast;
    str_add(out, "pattern=[");
    ast_print(&m->pattern->base, out);
    str_add(out, "], define=[");
    for (size_t i = 0; i < m->n_defines; i++) {
        str_addf(out, "%s%s AS ", i ? ", " : "", m->defines[i].name.text);
        ast_print(m->defines[i].condition, out);
    }
    str_add(out, "]");
}

static void print_project(const struct rel *r, const struct schema *in, struct str *out) {
    for (int i = 0; i < r->schema->n; i++) {
        const struct expr *e = r->u.project.exprs[i];
        if (i) str_add(out, ", ");
        str_addf(out, "%s=[", r->schema->fields[i].name);
        expr_print(e, in, out);
        str_add_char(out, ']');
    }
}

static void print_values(const struct rel *r, struct str *out) {
    str_add(out, "rows=[");
    enum { SHOWN = 10 };
    for (int i = 0; i < r->u.values.n_rows; i++) {
        if (i == SHOWN) {
            str_addf(out, ", ... %d in all", r->u.values.n_rows);
            break;
        }
        str_add(out, i ? ", (" : "(");
        for (int c = 0; c < r->schema->n; c++) {
            if (c) str_add(out, ", ");
            value_print(r->u.values.cells[i * r->schema->n + c], 0, tz_utc(), out);
        }
        str_add_char(out, ')');
    }
    str_add_char(out, ']');
}

static void print_correlate(const struct rel *r, struct str *out) {
    const struct schema *in = r->inputs[0]->schema;
    str_addf(out, "type=[%s], ", join_type_name(r->u.correlate.type));
    str_add(out, "unnest=[");
    expr_print(r->u.correlate.collection, in, out);
    str_add(out, r->u.correlate.ordinality ? "] with ordinality" : "]");
}

static void print_details(const struct rel *r, struct arena *a, struct str *out) {
    struct schema s, *in = &s;
    joined(r, a, in);
    switch (r->kind) {
    case REL_SCAN:
        print_table(r->u.scan.table, r->u.scan.options, r->u.scan.n_options, out);
        break;
    case REL_VALUES:
        print_values(r, out);
        break;
    case REL_PROJECT:
        print_project(r, in, out);
        break;
    case REL_FILTER:
        str_add(out, "condition=[");
        expr_print(r->u.filter.predicate, in, out);
        str_add_char(out, ']');
        break;
    case REL_WATERMARK:
        str_add(out, "rowtime=[");
        add_column(in, r->u.watermark.column, out);
        str_add(out, "], watermark=[");
        expr_print(r->u.watermark.expr, in, out);
        str_add_char(out, ']');
        break;
    case REL_WINDOW:
        str_add(out, "window=");
        add_window(in, &r->u.window, out);
        break;
    case REL_AGGREGATE:
        print_agg(r, out);
        break;
    case REL_JOIN:
    case REL_TEMPORAL:
        print_join(r, in, out);
        break;
    case REL_CORRELATE:
        print_correlate(r, out);
        break;
    case REL_OVER:
        print_over(r, out);
        break;
    case REL_SORT:
        str_add(out, "keys=");
        add_keys(in, r->u.sort.keys, r->u.sort.n_keys, out);
        if (r->u.sort.offset) str_addf(out, ", offset=[%lld]", (long long)r->u.sort.offset);
        if (r->u.sort.limit >= 0) str_addf(out, ", limit=[%lld]", (long long)r->u.sort.limit);
        break;
    case REL_SETOP:
        str_addf(out, "%s%s", r->u.setop.except ? "EXCEPT" : "INTERSECT",
                 r->u.setop.all ? " ALL" : "");
        break;
    case REL_UNION:
        str_add(out, "all");
        break;
    case REL_SINK:
        if (r->u.sink.collect)
            str_add(out, "collect");
        else
            print_table(r->u.sink.table, r->u.sink.options, r->u.sink.n_options, out);
        if (r->u.sink.overwrite) str_add(out, ", overwrite");
        if (r->u.sink.on_conflict) str_addf(out, ", on conflict=[%s]", r->u.sink.on_conflict);
        break;
    case REL_MATCH:
        print_match(r, out);
        break;
    case REL_CHANGELOG:
        str_add(out, r->u.changelog.to ? "to" : "from");
        for (int i = 0; i < r->u.changelog.n_codes; i++)
            str_addf(out, ", %s=[%s]", row_kind_text[r->u.changelog.codes[i].kind],
                     r->u.changelog.codes[i].code);
        break;
    case REL_KIND_COUNT:
        break;
    }
}

static void print_node(const struct rel *r, int depth, struct arena *a, struct str *out) {
    for (int i = 0; i < depth; i++)
        str_add(out, "  ");
    str_addf(out, "%s(", rel_kind_name(r->kind));
    print_details(r, a, out);
    str_add(out, ")");
    for (int i = 0; i < r->n_hints; i++) {
        str_addf(out, "%s%s", i ? ", " : " hints=[", r->hints[i].name);
        if (i == r->n_hints - 1) str_add_char(out, ']');
    }
    str_add_char(out, '\n');
    for (int i = 0; i < r->n_inputs; i++)
        print_node(r->inputs[i], depth + 1, a, out);
}

void rel_print(const struct rel *r, struct str *out) {
    struct arena a;
    arena_init(&a);
    print_node(r, 0, &a, out);
    arena_release(&a);
}
