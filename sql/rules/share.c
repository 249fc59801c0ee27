/* share.c - equal parts of the plan become one node, computed once: a table that several statements
 * or join sides read, a view used twice. Parts with random functions stay apart. */
#include "sql/rules/rules.h"

#include "base/core/json.h"
#include "base/core/map.h"

#include <string.h>

struct sharing {
    struct rule_ctx *ctx;
    struct map known;   /* text of a node over its inputs' addresses -> the node */
    struct ptrmap done; /* rel -> its representative */
};

static void add_int(struct str *k, int64_t v) {
    str_add_i64(k, v);
    str_add_char(k, ' ');
}

static void add_ints(struct str *k, const int *v, int n) {
    add_int(k, n);
    for (int i = 0; i < n; i++)
        add_int(k, v[i]);
}

static bool add_expr(struct str *k, const struct expr *e) {
    if (!e) {
        str_add(k, "- ");
        return true;
    }
    if (!expr_is_deterministic(e)) return false;
    AUTO_JSON *j = expr_to_json(e);
    json_print(j, k);
    str_add_char(k, ' ');
    return true;
}

static void add_order(struct str *k, const struct sort_key *o, int n) {
    add_int(k, n);
    for (int i = 0; i < n; i++) {
        add_int(k, o[i].column);
        add_int(k, o[i].desc * 2 + o[i].nulls_first);
    }
}

static void add_window(struct str *k, const struct window_spec *w) {
    add_int(k, w->type);
    add_int(k, w->time_column);
    add_int(k, w->size_ms);
    add_int(k, w->slide_ms);
    add_int(k, w->gap_ms);
    add_int(k, w->offset_ms);
    add_ints(k, w->keys, w->n_keys);
}

static void add_options(struct str *k, const struct table_option *o, int n) {
    for (int i = 0; i < n; i++) {
        json_quote(k, sv_from(o[i].key));
        json_quote(k, sv_from(o[i].value));
    }
}

static void add_call(struct str *k, const struct agg_call *c, const int *args) {
    AUTO_JSON *j = agg_call_to_json(c);
    json_print(j, k);
    add_ints(k, args, c->n_args);
}

static void add_aggregate(struct str *k, const struct rel *r) {
    add_ints(k, r->u.agg.keys, r->u.agg.n_keys);
    for (int i = 0; i < r->u.agg.n_aggs; i++) {
        const struct rel_agg *g = &r->u.agg.aggs[i];
        add_call(k, &g->call, g->args);
        add_int(k, g->filter);
        add_order(k, g->order, g->n_order);
    }
    for (int i = 0; i < r->u.agg.n_sets; i++)
        add_int(k, (int64_t)r->u.agg.sets[i]);
    for (int i = 0; i < r->u.agg.n_groupings; i++)
        add_ints(k, r->u.agg.groupings[i], r->u.agg.grouping_lens[i]);
    const struct legacy_window *l = &r->u.agg.legacy;
    add_int(k, l->on);
    if (!l->on) return;
    add_window(k, &l->spec);
    add_int(k, l->want_start + 2 * l->want_end + 4 * l->want_rowtime + 8 * l->want_proctime);
}

static void add_over(struct str *k, const struct over_spec *o) {
    add_ints(k, o->partition, o->n_partition);
    add_order(k, o->order, o->n_order);
    add_int(k, o->rows);
    add_int(k, o->preceding);
    add_int(k, o->following);
    for (int i = 0; i < o->n_calls; i++) {
        const struct over_call *c = &o->calls[i];
        if (c->rank_fn) {
            str_addf(k, "%s ", c->rank_fn);
            add_ints(k, c->args, c->n_args);
            add_int(k, c->offset);
        } else {
            add_call(k, &c->call, c->args);
        }
    }
}

static void add_values(struct str *k, const struct rel *r) {
    cJSON *rows = cJSON_CreateArray();
    for (int i = 0; i < r->u.values.n_rows * r->schema->n; i++)
        cJSON_AddItemToArray(rows, value_to_json(r->u.values.cells[i], 0));
    json_print(rows, k);
    cJSON_Delete(rows);
}

/* What makes r what it is, beside inputs and schema; false: it can't be shared. */
static bool add_node(struct str *k, const struct rel *r) {
    switch (r->kind) {
    case REL_SCAN:
        str_addf(k, "%p ", (const void *)r->u.scan.table);
        add_options(k, r->u.scan.options, r->u.scan.n_options);
        return true;
    case REL_VALUES:
        add_values(k, r);
        return true;
    case REL_PROJECT:
        for (int i = 0; i < r->schema->n; i++)
            if (!add_expr(k, r->u.project.exprs[i])) return false;
        return true;
    case REL_FILTER:
        return add_expr(k, r->u.filter.predicate);
    case REL_WATERMARK:
        add_int(k, r->u.watermark.column);
        return add_expr(k, r->u.watermark.expr);
    case REL_WINDOW:
        add_window(k, &r->u.window);
        return true;
    case REL_AGGREGATE:
        add_aggregate(k, r);
        return true;
    case REL_JOIN:
        add_int(k, r->u.join.type);
        return add_expr(k, r->u.join.predicate);
    case REL_TEMPORAL:
        add_int(k, r->u.temporal.type);
        add_int(k, r->u.temporal.left_time);
        return add_expr(k, r->u.temporal.predicate);
    case REL_CORRELATE:
        add_int(k, r->u.correlate.type);
        add_int(k, r->u.correlate.ordinality);
        return add_expr(k, r->u.correlate.collection);
    case REL_OVER:
        add_over(k, &r->u.over);
        return true;
    case REL_SORT:
        add_order(k, r->u.sort.keys, r->u.sort.n_keys);
        add_int(k, r->u.sort.offset);
        add_int(k, r->u.sort.limit);
        return true;
    case REL_UNION:
        return true;
    case REL_SETOP:
        add_int(k, r->u.setop.except * 2 + r->u.setop.all);
        return true;
    case REL_CHANGELOG:
        add_int(k, r->u.changelog.to);
        add_int(k, r->u.changelog.column);
        for (int i = 0; i < r->u.changelog.n_codes; i++) {
            add_int(k, r->u.changelog.codes[i].kind);
            str_addf(k, "%s,", r->u.changelog.codes[i].code);
        }
        return true;
    default:
        return false;
    }
}

static const struct rel *share(struct sharing *s, const struct rel *r) {
    const struct rel *found = ptrmap_get(&s->done, r);
    if (found) return found;
    const struct rel *now = r;
    const struct rel **ins = ARENA_NEW_N(s->ctx->arena, const struct rel *, r->n_inputs + 1);
    bool same = true;
    for (int i = 0; i < r->n_inputs; i++) {
        ins[i] = share(s, r->inputs[i]);
        same &= ins[i] == r->inputs[i];
    }
    if (!same) now = rule_with_inputs(s->ctx->arena, r, ins);
    AUTO_STR key = STR_INIT;
    str_addf(&key, "%d ", (int)r->kind);
    if (add_node(&key, now)) {
        for (int i = 0; i < r->n_inputs; i++)
            str_addf(&key, "%p ", (const void *)ins[i]);
        for (int i = 0; i < r->schema->n; i++) {
            json_quote(&key, sv_from(r->schema->fields[i].name));
            type_print(r->schema->fields[i].type, &key);
        }
        for (int i = 0; i < r->n_hints; i++) {
            str_addf(&key, "/%s ", r->hints[i].name);
            add_options(&key, r->hints[i].args, r->hints[i].n_args);
        }
        const struct rel *known = map_get(&s->known, str_text(&key));
        if (known)
            now = known;
        else
            map_put(&s->known, str_text(&key), (void *)now);
    }
    ptrmap_put(&s->done, r, (void *)now);
    return now;
}

static int pass(struct rule_ctx *ctx, const struct rel **sinks, int n_sinks, struct err *err) {
    if (!ctx->share) return 0;
    struct sharing s = {.ctx = ctx};
    map_init(&s.known);
    ptrmap_init(&s.done, ctx->arena);
    for (int i = 0; i < n_sinks; i++)
        sinks[i] = share(&s, sinks[i]);
    map_release(&s.known, NULL);
    return 0;
}

const struct rule rule_share = {
    .name = "share",
    .doc = "Equal parts of the plan are computed once.",
    .stages = 1u << RULE_SHARE | 1u << RULE_RESHARE,
    .pass = pass,
};
