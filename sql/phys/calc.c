/* calc.c - projections and filters. Neighbours become one calc op; one that changes nothing is left
 * out. */
#include "sql/phys/phys.h"

#include "vector/udf/udf.h"

#include <string.h>

/* A merged calc may grow this much (expression nodes) where columns of the lower one are used
 * several times; the program shares what is equal, but the plan's JSON does not. */
enum { MERGE_EXPRS_MAX = 4000 };

static int expr_size(const struct expr *e) {
    int n = 1;
    for (int i = 0; i < e->n_args && n < MERGE_EXPRS_MAX; i++)
        n += expr_size(e->args[i]);
    return n;
}

static void count_column(void *self, int column) {
    ((int *)self)[column]++;
}

/* Whether the calc `in` can be folded into one with this filter and these expressions: it must not
 * grow out of bounds, and nothing non-deterministic may be computed twice. */
static bool mergeable(struct planner *p, const struct pnode *in, const struct expr *filter,
                      const struct expr *const *exprs, int n) {
    if (in->kind != PHYS_CALC || in->shared) return false;
    int *uses = ARENA_NEW_N(p->arena, int, in->schema->n + 1);
    if (filter) expr_visit_columns(filter, count_column, uses);
    for (int i = 0; i < n; i++)
        expr_visit_columns(exprs[i], count_column, uses);
    long size = 0;
    for (int i = 0; i < in->schema->n; i++) {
        size += (long)uses[i] * expr_size(in->exprs[i]);
        if (uses[i] > 1 && !expr_is_deterministic(in->exprs[i])) return false;
    }
    /* A filter would see fewer calls of a non-deterministic column than there were. */
    return size <= MERGE_EXPRS_MAX;
}

static bool is_identity(const struct pnode *in, const struct expr *filter,
                        const struct expr *const *exprs, int n) {
    if (filter || n != in->schema->n) return false;
    for (int i = 0; i < n; i++)
        if (exprs[i]->kind != EXPR_COLUMN || exprs[i]->column != i ||
            !type_eq_ignore_null(exprs[i]->type, in->schema->fields[i].type))
            return false;
    return true;
}

static void label_calc(struct planner *p, struct pnode *n) {
    const struct schema *in = n->inputs[0].node->schema;
    AUTO_STR s = STR_INIT;
    str_add(&s, "Calc(select=[");
    for (int i = 0; i < n->schema->n; i++) {
        const struct expr *e = n->exprs[i];
        if (i) str_add(&s, ", ");
        expr_print(e, in, &s);
        const char *name = n->schema->fields[i].name;
        if (e->kind != EXPR_COLUMN || strcmp(in->fields[e->column].name, name))
            str_addf(&s, " AS %s", name);
    }
    str_add_char(&s, ']');
    if (n->filter) {
        str_add(&s, ", where=[");
        expr_print(n->filter, in, &s);
        str_add_char(&s, ']');
    }
    str_add_char(&s, ')');
    n->label = phys_keep(p, &s);
}

/* Column i of in as a column of the calc, -1 where it is gone. */
static const int *column_map(struct planner *p, const struct pnode *in,
                             const struct expr *const *exprs, int n) {
    int *map = ARENA_NEW_N(p->arena, int, in->schema->n + 1);
    for (int i = 0; i < in->schema->n; i++)
        map[i] = -1;
    for (int i = n - 1; i >= 0; i--)
        if (exprs[i]->kind == EXPR_COLUMN) map[exprs[i]->column] = i;
    return map;
}

static bool uses_column(const struct expr *const *exprs, int n, int column) {
    for (int i = 0; i < n; i++)
        if (expr_max_column(exprs[i]) > column) return true; /* the rank column is the last one */
    return false;
}

struct pnode *phys_calc(struct planner *p, const struct rel *rel, struct pnode *in,
                        const struct expr *filter, const struct expr *const *exprs,
                        const struct schema *schema) {
    int n = schema->n;
    if (mergeable(p, in, filter, exprs, n)) {
        const struct expr **merged = ARENA_NEW_N(p->arena, const struct expr *, n + 1);
        for (int i = 0; i < n; i++)
            merged[i] = expr_substitute(p->arena, exprs[i], in->exprs, in->schema->n);
        const struct expr *f =
            filter ? expr_substitute(p->arena, filter, in->exprs, in->schema->n) : NULL;
        filter = in->filter ? expr_and(p->arena, in->filter, f) : f;
        exprs = merged;
        in = in->inputs[0].node;
    }
    if (in->kind == PHYS_RANK && !in->shared && !filter &&
        !uses_column(exprs, n, in->schema->n - 1))
        phys_drop_rank(p, in);
    if (is_identity(in, filter, exprs, n)) return in;
    struct pnode *c = phys_new(p, PHYS_CALC, rel, schema, &in, 1);
    c->filter = filter;
    c->exprs = exprs;
    const int *map = column_map(p, in, exprs, n);
    phys_map_facts(p, c, in, map);
    for (int i = 0; i < n; i++) /* a window column may be picked more than once */
        if (exprs[i]->kind == EXPR_COLUMN && phys_prop(in, exprs[i]->column))
            phys_set_prop(p, c, i, phys_prop(in, exprs[i]->column));
    label_calc(p, c);
    return c;
}

struct pnode *phys_pick(struct planner *p, const struct rel *rel, struct pnode *in, const int *cols,
                        int n) {
    struct schema *s = phys_schema(p->arena, n);
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, n + 1);
    for (int i = 0; i < n; i++) {
        ((struct field *)s->fields)[i] = in->schema->fields[cols[i]];
        exprs[i] = expr_column(p->arena, cols[i], in->schema->fields[cols[i]].type);
    }
    return phys_calc(p, rel, in, NULL, exprs, s);
}

struct pnode *phys_append(struct planner *p, const struct rel *rel, struct pnode *in,
                          const struct expr *const *exprs, int n) {
    int n_in = in->schema->n;
    struct schema *s = phys_schema(p->arena, n_in + n);
    struct field *f = (struct field *)s->fields;
    const struct expr **all = ARENA_NEW_N(p->arena, const struct expr *, n_in + n + 1);
    for (int i = 0; i < n_in + n; i++) {
        if (i < n_in) {
            f[i] = in->schema->fields[i];
            all[i] = expr_column(p->arena, i, f[i].type);
        } else {
            f[i].name = arena_printf(p->arena, "$f%d", i);
            f[i].type = exprs[i - n_in]->type;
            all[i] = exprs[i - n_in];
        }
    }
    return phys_calc(p, rel, in, NULL, all, s);
}

int phys_project(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (!rc) *ret = phys_calc(p, r, in, NULL, r->u.project.exprs, r->schema);
    return rc;
}

int phys_filter(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *n = NULL;
    int rc = phys_topn(p, r, &n, err);
    if (rc) return rc;
    if (n) {
        *ret = n;
        return 0;
    }
    rc = phys_node(p, r->inputs[0], &n, err);
    if (rc) return rc;
    const struct expr **exprs = ARENA_NEW_N(p->arena, const struct expr *, n->schema->n + 1);
    for (int i = 0; i < n->schema->n; i++)
        exprs[i] = expr_column(p->arena, i, n->schema->fields[i].type);
    *ret = phys_calc(p, r, n, r->u.filter.predicate, exprs, r->schema);
    return 0;
}

/* ---- UNNEST ---- */

/* A row may come out several times: what is known of the input holds, but for keys. */
static void correlate_facts(struct planner *p, struct pnode *n, const struct pnode *in) {
    phys_same_facts(n, in);
    n->n_keys = 0;
    n->props = NULL;
    for (int i = 0; i < in->schema->n; i++)
        if (phys_prop(in, i)) phys_set_prop(p, n, i, phys_prop(in, i));
}

static struct pnode *table_function(struct planner *p, const struct rel *r, struct pnode *in) {
    const struct expr *call = r->u.correlate.collection;
    const char *join = join_type_name(r->u.correlate.type);
    struct schema *s = phys_schema(p->arena, r->schema->n);
    struct field *f = (struct field *)s->fields;
    memcpy(f, r->schema->fields, sizeof *f * (size_t)r->schema->n);
    memcpy(f, in->schema->fields, sizeof *f * (size_t)in->schema->n);
    struct pnode *n = phys_new(p, PHYS_TABLE_FUNCTION, r, s, &in, 1);
    correlate_facts(p, n, in);
    json_set(n->config, "call", expr_to_json(call));
    json_set_str(n->config, "join", join);
    AUTO_STR text = STR_INIT;
    expr_print(call, in->schema, &text);
    phys_label(p, n, "TableFunction(call=[%s], joinType=[%s])", str_text(&text), join);
    return n;
}

int phys_correlate(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    if (r->u.correlate.collection->kind == EXPR_CALL && r->u.correlate.collection->func->udf &&
        udf_kind(r->u.correlate.collection->func->udf) == UDF_TABLE) {
        *ret = table_function(p, r, in);
        return 0;
    }
    int n_left = in->schema->n, col;
    const struct expr *e = r->u.correlate.collection;
    struct pnode *from = in;
    if (e->kind == EXPR_COLUMN) {
        col = e->column;
    } else {
        from = phys_append(p, r, in, &e, 1);
        col = n_left;
    }
    int n_added = from->schema->n - n_left, n_out = r->schema->n - n_left;
    struct schema *s = phys_schema(p->arena, from->schema->n + n_out);
    struct field *f = (struct field *)s->fields;
    memcpy(f, from->schema->fields, sizeof *f * (size_t)from->schema->n);
    memcpy(f + from->schema->n, r->schema->fields + n_left, sizeof *f * (size_t)n_out);
    struct pnode *n = phys_new(p, PHYS_UNNEST, r, s, &from, 1);
    correlate_facts(p, n, from);
    json_set_i64(n->config, "col", col);
    json_set_bool(n->config, "ordinality", r->u.correlate.ordinality);
    json_set_str(n->config, "join", join_type_name(r->u.correlate.type));
    AUTO_STR text = STR_INIT;
    expr_print(e, in->schema, &text);
    phys_label(p, n, "Unnest(collection=[%s], joinType=[%s])", str_text(&text),
               join_type_name(r->u.correlate.type));
    int *out = ARENA_NEW_N(p->arena, int, n_left + n_out + 1);
    for (int i = 0; i < n_left + n_out; i++)
        out[i] = i < n_left ? i : i + n_added;
    *ret = n_added ? phys_pick(p, r, n, out, n_left + n_out) : n;
    return 0;
}
