/* interval.c - finding bounds between the time attributes of a join's two sides:
 *     l.ts BETWEEN r.ts - INTERVAL '2' SECOND AND r.ts + INTERVAL '9' SECOND */
#include "sql/phys/join.h"

#include "vector/func/func.h"

#include <string.h>

/* A time attribute plus a constant. */
struct shifted {
    int column; /* as the join's predicate counts */
    int64_t ms;
};

static bool is_call(const struct expr *e, const char *name) {
    return e->kind == EXPR_CALL && !strcmp(e->func->name, name);
}

static const struct type *type_at(const struct join_parts *j, int column) {
    return column < j->n_left ? j->schema[0]->fields[column].type
                              : j->schema[1]->fields[column - j->n_left].type;
}

static bool constant_ms(const struct join_parts *j, const struct expr *e, int64_t *ret) {
    if (e->type->kind != TYPE_INTERVAL_DAY_TIME || !expr_is_const(e)) return false;
    e = expr_fold(j->p->arena, e, session_env(j->p->in->session));
    if (e->kind != EXPR_LITERAL || !col_is_valid(e->literal, 0)) return false;
    *ret = *COL_DATA(e->literal, int64_t);
    return true;
}

/* any: also of a column that is no time attribute. */
static bool shifted_of(const struct join_parts *j, const struct expr *e, bool any,
                       struct shifted *ret) {
    if (e->kind == EXPR_COLUMN) {
        if (!any && type_at(j, e->column)->time_attr == TIME_ATTR_NONE) return false;
        *ret = (struct shifted){e->column, 0};
        return true;
    }
    bool plus = is_call(e, "TIME +"), minus = is_call(e, "TIME -");
    int64_t ms;
    if ((!plus && !minus) || e->n_args != 2) return false;
    if (constant_ms(j, e->args[1], &ms)) {
        if (!shifted_of(j, e->args[0], any, ret)) return false;
    } else if (plus && constant_ms(j, e->args[0], &ms)) {
        if (!shifted_of(j, e->args[1], any, ret)) return false;
    } else {
        return false;
    }
    ret->ms += minus ? -ms : ms;
    return true;
}

struct bounds {
    bool given; /* the columns are, and need not be time attributes */
    int time[2];
    bool has_lower, has_upper;
    int64_t lower, upper;
};

/* x <op> y as bounds on left.time - right.time. */
static bool add_bound(const struct join_parts *j, struct bounds *b, const char *op,
                      const struct expr *ex, const struct expr *ey) {
    struct shifted x, y;
    if (!shifted_of(j, ex, b->given, &x) || !shifted_of(j, ey, b->given, &y)) return false;
    bool x_left = x.column < j->n_left;
    if (x_left == (y.column < j->n_left)) return false;
    int left = x_left ? x.column : y.column, right = (x_left ? y.column : x.column) - j->n_left;
    const struct type *lt = j->schema[0]->fields[left].type;
    const struct type *rt = j->schema[1]->fields[right].type;
    if ((!b->given && lt->time_attr != rt->time_attr) || lt->kind != rt->kind) return false;
    if (b->time[0] >= 0 && (b->time[0] != left || b->time[1] != right)) return false;
    /* x + x.ms op y + y.ms */
    int64_t c = x_left ? y.ms - x.ms : x.ms - y.ms;
    bool eq = !strcmp(op, "="), ge = op[0] == '>', strict = !eq && op[1] != '=';
    if (!x_left && !eq) ge = !ge;
    if (eq || ge) {
        int64_t v = c + (strict ? 1 : 0);
        b->lower = b->has_lower ? MAX(b->lower, v) : v;
        b->has_lower = true;
    }
    if (eq || !ge) {
        int64_t v = c - (strict ? 1 : 0);
        b->upper = b->has_upper ? MIN(b->upper, v) : v;
        b->has_upper = true;
    }
    b->time[0] = left;
    b->time[1] = right;
    return true;
}

static bool conjunct_bounds(const struct join_parts *j, struct bounds *b, const struct expr *e) {
    static const char *const ops[] = {"<", "<=", ">", ">="};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (is_call(e, ops[i])) return add_bound(j, b, ops[i], e->args[0], e->args[1]);
    if (!is_call(e, "BETWEEN") || e->n_args != 3) return false;
    struct bounds both = *b;
    if (!add_bound(j, &both, ">=", e->args[0], e->args[1]) ||
        !add_bound(j, &both, "<=", e->args[0], e->args[2]))
        return false;
    *b = both;
    return true;
}

/* e of the right input as the predicate counts columns. */
static const struct expr *from_right(const struct join_parts *j, const struct expr *e) {
    int n = j->schema[1]->n;
    int *map = ARENA_NEW_N(j->p->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        map[i] = i + j->n_left;
    return expr_remap(j->p->arena, e, map, n);
}

bool join_find_interval(struct join_parts *j, struct join_interval *ret) {
    struct bounds b = {.time = {-1, -1}};
    bool used[JOIN_CONJUNCTS_MAX] = {0}, used_eq[JOIN_CONJUNCTS_MAX] = {0};
    for (int i = 0; i < j->n_rest; i++)
        used[i] = conjunct_bounds(j, &b, j->rest[i]);
    for (int i = 0; i < j->n_eqs; i++)
        used_eq[i] = !j->eqs[i].null_safe &&
                     add_bound(j, &b, "=", j->eqs[i].left, from_right(j, j->eqs[i].right));
    if (!b.has_lower || !b.has_upper) return false;
    int n = 0;
    for (int i = 0; i < j->n_rest; i++)
        if (!used[i]) j->rest[n++] = j->rest[i];
    j->n_rest = n;
    n = 0;
    for (int i = 0; i < j->n_eqs; i++)
        if (!used_eq[i]) j->eqs[n++] = j->eqs[i];
    j->n_eqs = n;
    *ret = (struct join_interval){.time = {b.time[0], b.time[1]},
                                  .lower_ms = b.lower,
                                  .upper_ms = b.upper,
                                  .proctime = j->schema[0]->fields[b.time[0]].type->time_attr ==
                                              TIME_ATTR_PROCTIME};
    return true;
}

bool join_time_bounds(const struct join_parts *j, int left, int right, int64_t *ret_lower_ms,
                      int64_t *ret_upper_ms) {
    struct bounds b = {.given = true, .time = {left, right}};
    for (int i = 0; i < j->n_rest; i++)
        (void)conjunct_bounds(j, &b, j->rest[i]);
    *ret_lower_ms = b.lower;
    *ret_upper_ms = b.upper;
    return b.has_lower && b.has_upper;
}
