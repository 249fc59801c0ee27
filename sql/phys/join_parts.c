/* join_parts.c - taking a join's predicate apart and making its keys columns. */
#include "sql/phys/join.h"

#include "vector/func/func.h"

#include <string.h>

bool join_left_only(enum join_type t) {
    return t == JOIN_SEMI || t == JOIN_ANTI;
}

/* Bit 0: reads left columns, bit 1: right ones. */
struct sides {
    int n_left, mask;
};

static void add_side(void *self, int column) {
    struct sides *s = self;
    s->mask |= column < s->n_left ? 1 : 2;
}

static int sides_of(const struct expr *e, int n_left) {
    struct sides s = {n_left, 0};
    expr_visit_columns(e, add_side, &s);
    return s.mask;
}

/* e over the right columns alone, as the right input counts them. */
static const struct expr *to_right(const struct join_parts *j, const struct expr *e) {
    int n = j->n_left + j->schema[1]->n;
    int *map = ARENA_NEW_N(j->p->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        map[i] = MAX(i - j->n_left, 0);
    return expr_remap(j->p->arena, e, map, n);
}

static bool is_call(const struct expr *e, const char *name) {
    return e->kind == EXPR_CALL && !strcmp(e->func->name, name);
}

static bool take_eq(struct join_parts *j, const struct expr *e) {
    bool null_safe = is_call(e, "IS NOT DISTINCT FROM");
    if ((!null_safe && !is_call(e, "=")) || j->n_eqs == JOIN_CONJUNCTS_MAX) return false;
    const struct expr *x = e->args[0], *y = e->args[1];
    int sx = sides_of(x, j->n_left), sy = sides_of(y, j->n_left);
    if (sx == 2 && sy == 1) {
        const struct expr *swap = x;
        x = y;
        y = swap;
    } else if (sx != 1 || sy != 2) {
        return false;
    }
    if (!expr_is_deterministic(x) || !expr_is_deterministic(y)) return false;
    j->eqs[j->n_eqs++] = (struct join_eq){x, to_right(j, y), null_safe};
    return true;
}

int join_split(struct join_parts *j, const struct expr *predicate, struct err *err) {
    j->n_eqs = j->n_rest = 0;
    if (!predicate) return 0;
    const struct expr **all = ARENA_NEW_N(j->p->arena, const struct expr *, JOIN_CONJUNCTS_MAX + 1);
    int n = expr_conjuncts(predicate, all, JOIN_CONJUNCTS_MAX);
    if (n > JOIN_CONJUNCTS_MAX)
        return phys_err(j->r, err, ERR_UNSUPPORTED, "a join condition of more than %d parts",
                        JOIN_CONJUNCTS_MAX);
    for (int i = 0; i < n; i++) {
        const struct expr *e = all[i];
        bool truth = e->kind == EXPR_LITERAL && e->type->kind == TYPE_BOOLEAN &&
                     col_is_valid(e->literal, 0) && *COL_DATA(e->literal, uint8_t);
        if (!truth && !take_eq(j, e)) j->rest[j->n_rest++] = e;
    }
    return 0;
}

void join_remove_eq(struct join_parts *j, int i) {
    memmove(&j->eqs[i], &j->eqs[i + 1], sizeof j->eqs[0] * (size_t)(--j->n_eqs - i));
}

/* ---- keys ---- */

/* Values that are equal hash alike and compare as they lie in memory. */
static bool key_types_fit(const struct type *x, const struct type *y) {
    if (type_phys(x) != type_phys(y)) return false;
    if (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL)
        return x->kind == y->kind && x->scale == y->scale;
    if (type_is_nested(x)) return type_eq_ignore_null(x, y);
    if (type_is_timestamp(x) || type_is_timestamp(y)) return x->kind == y->kind;
    return true;
}

static int unify(struct join_parts *j, struct join_eq *eq, struct err *err) {
    const struct type *types[2] = {eq->left->type, eq->right->type};
    if (key_types_fit(types[0], types[1])) return 0;
    struct arena *a = j->p->arena;
    const struct type *common = type_least_restrictive(a, types, 2);
    if (!common) {
        AUTO_STR x = STR_INIT, y = STR_INIT;
        type_print(types[0], &x);
        type_print(types[1], &y);
        return phys_err(j->r, err, ERR_VALIDATION, "a join on %s = %s: no common type",
                        str_text(&x), str_text(&y));
    }
    int rc = func_cast(a, eq->left, type_with_null(a, common, types[0]->nullable), false, &eq->left,
                       err);
    if (!rc)
        rc = func_cast(a, eq->right, type_with_null(a, common, types[1]->nullable), false,
                       &eq->right, err);
    return rc ? phys_place(j->r, err) : 0;
}

/* Columns of side s for its key expressions; those that are no columns are appended. */
static void key_columns(struct join_parts *j, int s) {
    struct planner *p = j->p;
    const struct expr **more = ARENA_NEW_N(p->arena, const struct expr *, j->n_eqs + 1);
    int n_more = 0, n = j->in[s]->schema->n;
    j->keys[s] = ARENA_NEW_N(p->arena, int, j->n_eqs + 1);
    for (int i = 0; i < j->n_eqs; i++) {
        const struct expr *e = s ? j->eqs[i].right : j->eqs[i].left;
        if (e->kind == EXPR_COLUMN) {
            j->keys[s][i] = e->column;
            continue;
        }
        int at = 0;
        while (at < n_more && !expr_eq(more[at], e))
            at++;
        if (at == n_more) more[n_more++] = e;
        j->keys[s][i] = n + at;
    }
    if (n_more) j->in[s] = phys_append(p, j->r, j->in[s], more, n_more);
    j->n_in[s] = n + n_more;
}

int join_keys(struct join_parts *j, struct err *err) {
    for (int i = 0; i < j->n_eqs; i++) {
        int rc = unify(j, &j->eqs[i], err);
        if (rc) return rc;
    }
    key_columns(j, 0);
    key_columns(j, 1);
    j->n_keys = j->n_eqs;
    return 0;
}

/* ---- the op ---- */

const struct expr *join_residual(const struct join_parts *j) {
    struct arena *a = j->p->arena;
    int n = j->n_left + j->schema[1]->n;
    int *map = ARENA_NEW_N(a, int, n + 1);
    for (int i = 0; i < n; i++)
        map[i] = i < j->n_left ? i : i - j->n_left + j->n_in[0];
    const struct expr *all = NULL;
    for (int i = 0; i < j->n_rest; i++)
        all = expr_and(a, all, expr_remap(a, j->rest[i], map, n));
    return all;
}

void join_config(const struct join_parts *j, cJSON *config) {
    json_set_str(config, "join", join_type_name(j->type));
    json_set(config, "leftKeys", phys_json_cols(j->keys[0], j->n_keys));
    json_set(config, "rightKeys", phys_json_cols(j->keys[1], j->n_keys));
    cJSON *nulls = cJSON_AddArrayToObject(config, "filterNulls");
    for (int i = 0; i < j->n_keys; i++)
        cJSON_AddItemToArray(nulls, cJSON_CreateBool(!j->eqs[i].null_safe));
    const struct expr *e = join_residual(j);
    json_set(config, "residual", e ? expr_to_json(e) : cJSON_CreateNull());
}

const struct schema *join_schema(const struct join_parts *j) {
    struct arena *a = j->p->arena;
    const struct schema *l = j->in[0]->schema, *r = j->in[1]->schema;
    if (join_left_only(j->type)) return l;
    struct schema *s = phys_schema(a, l->n + r->n);
    struct field *f = (struct field *)s->fields;
    bool null_left = j->type == JOIN_RIGHT || j->type == JOIN_FULL;
    bool null_right = j->type == JOIN_LEFT || j->type == JOIN_FULL;
    for (int i = 0; i < s->n; i++) {
        bool left = i < l->n;
        f[i] = left ? l->fields[i] : r->fields[i - l->n];
        if (left ? null_left : null_right) f[i].type = type_with_null(a, f[i].type, true);
    }
    return s;
}

struct pnode *join_trim(const struct join_parts *j, struct pnode *n) {
    struct planner *p = j->p;
    int left = j->n_left, right = join_left_only(j->type) ? 0 : j->schema[1]->n;
    if (n->schema->n == left + right) return n;
    int *cols = ARENA_NEW_N(p->arena, int, left + right + 1);
    for (int i = 0; i < left + right; i++)
        cols[i] = i < left ? i : i - left + j->n_in[0];
    return phys_pick(p, j->r, n, cols, left + right);
}

void join_distribute(const struct join_parts *j, struct pnode *n) {
    struct planner *p = j->p;
    for (int s = 0; s < 2; s++)
        phys_hash(p, n, s, j->keys[s], j->n_keys);
    if (j->type == JOIN_FULL || !j->n_keys) return;
    int *dist = ARENA_NEW_N(p->arena, int, j->n_keys);
    for (int i = 0; i < j->n_keys; i++)
        dist[i] = j->type == JOIN_RIGHT ? j->keys[1][i] + j->n_in[0] : j->keys[0][i];
    n->n_dist = j->n_keys;
    n->dist = dist;
}

void join_label(const struct join_parts *j, struct pnode *n, const char *what, const char *more) {
    AUTO_STR s = STR_INIT;
    static const char *const names[] = {"InnerJoin",     "LeftOuterJoin", "RightOuterJoin",
                                        "FullOuterJoin", "LeftSemiJoin",  "LeftAntiJoin"};
    str_addf(&s, "%s(joinType=[%s], where=[", what, names[j->type]);
    const struct schema *l = j->in[0]->schema, *r = j->in[1]->schema;
    for (int i = 0; i < j->n_keys; i++)
        str_addf(&s, "%s%s = %s", i ? " AND " : "", l->fields[j->keys[0][i]].name,
                 r->fields[j->keys[1][i]].name);
    const struct expr *rest = join_residual(j);
    if (rest) {
        if (j->n_keys) str_add(&s, " AND ");
        struct schema *both = phys_schema(j->p->arena, l->n + r->n);
        for (int i = 0; i < both->n; i++)
            ((struct field *)both->fields)[i] = i < l->n ? l->fields[i] : r->fields[i - l->n];
        expr_print(rest, both, &s);
    }
    if (!j->n_keys && !rest) str_add(&s, "true");
    str_addf(&s, "]%s)", more);
    n->label = phys_keep(j->p, &s);
}
