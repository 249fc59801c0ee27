/* extreme.c - an inner join of a stream's rows with the MAX or MIN of their own window:
 *     ... FROM bid JOIN (SELECT MAX(price) m, window_end e FROM TABLE(TUMBLE(TABLE bid, ...)) GROUP
 * BY ...) ON bid.price = m AND bid.ts BETWEEN e - INTERVAL '10' SECOND AND e A row that is worse
 * than one which its window certainly counts meets nothing, and changes no MAX. An extreme_filter
 * behind the rows that both sides read drops such rows, so that neither side has to hold them. */
#include "sql/phys/join.h"

#include <string.h>

enum { PATH_MAX_NODES = 8 };

/* Calcs of one consumer each from a node down, then the node below them, which they read. */
struct path {
    int n; /* calcs in front of the last one */
    struct pnode *nodes[PATH_MAX_NODES + 1];
};

static void walk(struct pnode *from, struct path *ret) {
    ret->n = 0;
    ret->nodes[0] = from;
    while (ret->n < PATH_MAX_NODES && from->kind == PHYS_CALC && !from->shared) {
        from = from->inputs[0].node;
        ret->nodes[++ret->n] = from;
    }
}

/* The column of nodes[to] that column col of nodes[0] is, -1 if it is computed on the way. */
static int trace(const struct path *p, int to, int col) {
    for (int i = 0; i < to && col >= 0; i++) {
        const struct expr *e = p->nodes[i]->exprs[col];
        col = e->kind == EXPR_COLUMN ? e->column : -1;
    }
    return col;
}

struct extreme {
    struct join_parts *j;
    int side; /* the aggregate's */
    struct path rows, upper,
        lower;           /* from the join to the common rows; to the aggregate; from there down */
    int n_rows, n_lower; /* where the common rows stand on their paths */
    struct pnode *agg;
    int value, time; /* columns of the common rows */
    bool max;
};

/* One MAX or MIN by fixed windows that don't overlap, and by nothing else, of rows that are only
 * added. */
static bool is_extreme(struct extreme *x, struct pnode *n) {
    if (n->kind != PHYS_WINDOW_AGG || n->shared || n->n_aggs != 1 || n->kinds != CHANGELOG_INSERT)
        return false;
    const cJSON *window = json_opt(n->config, "window");
    const struct rel_agg *g = &n->aggs[0];
    const char *fn = g->call.agg->name;
    x->max = !strcmp(fn, "MAX");
    x->agg = n;
    return cJSON_GetArraySize(json_opt(n->config, "keys")) == 0 && (x->max || !strcmp(fn, "MIN")) &&
           g->filter < 0 && !strcmp(json_opt_str(window, "type", ""), "tumble") &&
           !json_opt_bool(window, "proctime", false) && !json_opt_bool(window, "ltz", false);
}

/* The rows that both the join and the aggregate read; between them and the aggregate no filter. */
static bool find_common(struct extreme *x) {
    for (x->n_lower = 0; x->n_lower <= x->lower.n; x->n_lower++) {
        const struct pnode *n = x->lower.nodes[x->n_lower];
        for (x->n_rows = 0; x->n_rows <= x->rows.n; x->n_rows++)
            if (x->rows.nodes[x->n_rows] == n) return n->kinds == CHANGELOG_INSERT;
        if (n->kind == PHYS_CALC && n->filter) return false;
    }
    return false;
}

/* The rows' column is equated with the aggregate's result. */
static bool finds_value(struct extreme *x) {
    const struct rel_agg *g = &x->agg->aggs[0];
    x->value = trace(&x->lower, x->n_lower, g->args[0]);
    if (x->value < 0) return false;
    const struct type *t = x->rows.nodes[x->n_rows]->schema->fields[x->value].type;
    enum phys ph = type_phys(t);
    if (ph < PHYS_I8 || ph > PHYS_I64) return false;
    for (int i = 0; i < x->j->n_eqs; i++) {
        const struct join_eq *eq = &x->j->eqs[i];
        const struct expr *rows = x->side ? eq->left : eq->right,
                          *agg = x->side ? eq->right : eq->left;
        if (eq->null_safe || rows->kind != EXPR_COLUMN || agg->kind != EXPR_COLUMN) continue;
        if (trace(&x->rows, x->n_rows, rows->column) == x->value &&
            trace(&x->upper, x->upper.n, agg->column) == 0)
            return true;
    }
    return false;
}

/* The rows' time lies within the window, its end included: one window, or two where one ends as the
 * next begins. */
static bool within_window(struct extreme *x) {
    const cJSON *window = json_opt(x->agg->config, "window");
    int64_t size = json_opt_i64(window, "size", 0), lower, upper;
    x->time = trace(&x->lower, x->n_lower, (int)json_opt_i64(window, "time", -1));
    if (x->time < 0) return false;
    int n_rows = x->rows.nodes[0]->schema->n, n_agg = x->upper.nodes[0]->schema->n;
    for (int r = 0; r < n_rows; r++)
        for (int a = 0; a < n_agg && trace(&x->rows, x->n_rows, r) == x->time; a++) {
            enum window_prop prop = phys_prop(x->upper.nodes[0], a);
            if (prop != WPROP_START && prop != WPROP_END) continue;
            if (!join_time_bounds(x->j, x->side ? r : a, x->side ? a : r, &lower, &upper)) continue;
            if (!x->side) { /* window - row: as row - window */
                int64_t l = lower;
                lower = -upper;
                upper = -l;
            }
            int64_t from = prop == WPROP_END ? -size : 0;
            if (lower >= from && upper <= from + size) return true;
        }
    return false;
}

static void insert_filter(struct extreme *x) {
    struct planner *p = x->j->p;
    struct pnode *rows = x->rows.nodes[x->n_rows];
    struct pnode *n = phys_new(p, PHYS_EXTREME_FILTER, x->j->r, rows->schema, &rows, 1);
    phys_same_facts(n, rows);
    n->shared = true;
    cJSON *window = cJSON_Duplicate(json_opt(x->agg->config, "window"), true);
    json_set_i64(window, "time", x->time);
    json_set(n->config, "window", window);
    json_set_i64(n->config, "col", x->value);
    json_set_bool(n->config, "max", x->max);
    const char *time = rows->schema->fields[x->time].name,
               *value = rows->schema->fields[x->value].name;
    phys_label(p, n, "ExtremeFilter(keep=[%s(%s)], window=[%s])", x->max ? "MAX" : "MIN", value,
               time);
    if (x->n_rows)
        x->rows.nodes[x->n_rows - 1]->inputs[0].node = n;
    else
        x->j->in[1 - x->side] = n;
    if (x->n_lower)
        x->lower.nodes[x->n_lower - 1]->inputs[0].node = n;
    else
        x->agg->inputs[0].node = n;
}

void join_filter_extreme(struct join_parts *j) {
    if (j->type != JOIN_INNER) return;
    for (int side = 0; side < 2; side++) {
        struct extreme x = {.j = j, .side = side};
        walk(j->in[1 - side], &x.rows);
        walk(j->in[side], &x.upper);
        if (!is_extreme(&x, x.upper.nodes[x.upper.n])) continue;
        walk(x.agg->inputs[0].node, &x.lower);
        if (!find_common(&x) || !finds_value(&x) || !within_window(&x)) continue;
        insert_filter(&x);
        return;
    }
}
