/* expr_json.c - expressions in plans. */
#include "vector/expr.h"

#include "base/core/json.h"
#include "vector/func/func.h"
#include "vector/udf/udf.h"

#include <string.h>

enum { EXPR_DEPTH_MAX = 1000, EXPR_ARGS_MAX = 1 << 20, RUN_MIN = 8 };

static void set_type(cJSON *j, const struct type *t) {
    struct type plain = *t;
    plain.time_attr = TIME_ATTR_NONE;
    AUTO_STR text = STR_INIT;
    type_print(&plain, &text);
    json_set_str(j, "type", str_text(&text));
}

/* How many literals of one type there are from argument i on. */
static int run_of_literals(const struct expr *e, int i) {
    int n = 0;
    while (i + n < e->n_args && e->args[i + n]->kind == EXPR_LITERAL &&
           type_eq(e->args[i + n]->type, e->args[i]->type))
        n++;
    return n;
}

/* Many literals (IN): their values in one array. */
static cJSON *literals_to_json(const struct expr *e, int from, int n) {
    cJSON *j = cJSON_CreateObject(), *values = cJSON_AddArrayToObject(j, "lits");
    for (int i = from; i < from + n; i++)
        cJSON_AddItemToArray(values, value_to_json(e->args[i]->literal, 0));
    set_type(j, e->args[from]->type);
    return j;
}

static cJSON *args_to_json(const struct expr *e) {
    cJSON *args = cJSON_CreateArray();
    for (int i = 0, n; i < e->n_args; i += n) {
        n = run_of_literals(e, i);
        bool run = n >= RUN_MIN;
        if (!run) n = 1;
        cJSON_AddItemToArray(args, run ? literals_to_json(e, i, n) : expr_to_json(e->args[i]));
    }
    return args;
}

cJSON *expr_to_json(const struct expr *e) {
    cJSON *j = cJSON_CreateObject();
    switch (e->kind) {
    case EXPR_COLUMN:
        json_set_i64(j, "col", e->column);
        break;
    case EXPR_LITERAL:
        json_set(j, "lit", value_to_json(e->literal, 0));
        break;
    case EXPR_CALL:
        json_set_str(j, "call", e->func->name);
        if (e->func->udf) json_set_str(j, "udf", udf_ref(e->func->udf));
        json_set(j, "args", args_to_json(e));
        break;
    case EXPR_OUTER:
        UNREACHABLE("correlated column %d in a plan", e->column);
    }
    set_type(j, e->type);
    return j;
}

static int from_json(struct arena *a, const cJSON *j, int depth, const struct expr **ret,
                     struct err *err);

/* Built in, or out of the library that the plan names. */
static int find_func(const cJSON *j, const char *name, const struct func **ret, struct err *err) {
    const char *ref = json_opt_str(j, "udf", NULL);
    const struct udf *u = NULL;
    int rc = ref ? udf_load(name, ref, &u, err) : 0;
    if (rc) return rc;
    if (u && udf_kind(u) == UDF_AGGREGATE)
        return err_set(err, ERR_INVALID, "'%s' of %s is an aggregate function now", name, ref);
    *ret = u ? udf_func(u) : func_find(name);
    return *ret ? 0 : err_set(err, ERR_INVALID, "unknown function '%s'", name);
}

static int type_from_json(struct arena *a, const cJSON *j, const struct type **ret,
                          struct err *err) {
    const char *text;
    int rc = json_get_str(j, "type", &text, err);
    return rc ? rc : type_parse(a, text, ret, err);
}

static int literals_from_json(struct arena *a, const cJSON *j, const cJSON *values,
                              const struct expr **ret, struct err *err) {
    const struct type *type;
    const struct column *v;
    const cJSON *item;
    int i = 0, rc = type_from_json(a, j, &type, err);
    cJSON_ArrayForEach(item, values) {
        if (!rc) rc = value_from_json(a, type, item, &v, err);
        if (rc) return rc;
        ret[i++] = expr_literal(a, v);
    }
    return rc;
}

/* The arguments; *ret is in the arena. */
static int args_from_json(struct arena *a, const cJSON *list, int depth, const struct expr ***ret,
                          int *ret_n, struct err *err) {
    const cJSON *item;
    int64_t n = 0, i = 0;
    cJSON_ArrayForEach(item, list) {
        const cJSON *values = json_opt(item, "lits");
        n += values ? cJSON_GetArraySize(values) : 1;
    }
    if (n > EXPR_ARGS_MAX) return err_set(err, ERR_INVALID, "%lld arguments", (long long)n);
    *ret = ARENA_NEW_N(a, const struct expr *, n ? n : 1);
    *ret_n = (int)n;
    cJSON_ArrayForEach(item, list) {
        const cJSON *values = json_opt(item, "lits");
        int rc = values ? literals_from_json(a, item, values, *ret + i, err)
                        : from_json(a, item, depth + 1, *ret + i, err);
        if (rc) return err_wrap(err, "argument %lld", (long long)i + 1);
        i += values ? cJSON_GetArraySize(values) : 1;
    }
    return 0;
}

/* The call as recorded, if the function takes these arguments and yields this kind of value. The
 * recorded precision and nullability stand: folding and outer joins may have changed arguments
 * since the call was first resolved. */
static int call_from_json(struct arena *a, const cJSON *j, const char *name,
                          const struct type *type, int depth, const struct expr **ret,
                          struct err *err) {
    const cJSON *list;
    int n = 0, rc = json_get_array(j, "args", &list, err);
    if (rc) return rc;
    const struct func *f;
    const struct expr **args = NULL;
    if ((rc = find_func(j, name, &f, err)) != 0) return rc;
    if ((rc = args_from_json(a, list, depth, &args, &n, err)) != 0)
        return err_wrap(err, "%s", name);
    const struct expr *bound;
    bool is_cast = strcmp(f->name, "CAST") == 0 || strcmp(f->name, "TRY_CAST") == 0;
    if (is_cast && n == 1)
        rc = func_cast(a, args[0], type, f->name[0] == 'T', &bound, err);
    else
        rc = func_call(a, f, args, n, &bound, err);
    if (rc) return rc;
    bool same = bound->type->kind == type->kind && type_phys(bound->type) == type_phys(type);
    /* Chains of AND and OR are flattened when bound: any nesting is fine. */
    if (same && !(f->flags & FUNC_LAZY) && bound->kind == EXPR_CALL && bound->func == f) {
        for (int i = 0; i < n && i < bound->n_args; i++)
            same &= type_phys(bound->args[i]->type) == type_phys(args[i]->type);
        same &= bound->n_args == n;
    }
    if (!same) {
        AUTO_STR want = STR_INIT, got = STR_INIT;
        type_print(type, &want);
        type_print(bound->type, &got);
        return err_set(err, ERR_INVALID, "%s yields %s, the plan says %s", name, str_text(&got),
                       str_text(&want));
    }
    /* A function may stand for itself by another entry of its name (a CAST that can't fail). */
    if (bound->kind == EXPR_CALL && strcmp(bound->func->name, f->name) == 0) f = bound->func;
    *ret = expr_call(a, f, type, args, n);
    return 0;
}

static int from_json(struct arena *a, const cJSON *j, int depth, const struct expr **ret,
                     struct err *err) {
    const char *name;
    const struct type *type;
    int column, rc;
    if (depth > EXPR_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "expression nests deeper than %d", EXPR_DEPTH_MAX);
    if ((rc = type_from_json(a, j, &type, err)) != 0) return rc;
    if (cJSON_HasObjectItem(j, "col")) {
        if ((rc = json_get_int(j, "col", &column, err)) != 0) return rc;
        if (column < 0) return err_set(err, ERR_INVALID, "column %d", column);
        *ret = expr_column(a, column, type);
        return 0;
    }
    if (cJSON_HasObjectItem(j, "lit")) {
        const struct column *v;
        rc = value_from_json(a, type, cJSON_GetObjectItemCaseSensitive(j, "lit"), &v, err);
        if (rc == 0) *ret = expr_literal(a, v);
        return rc;
    }
    if ((rc = json_get_str(j, "call", &name, err)) != 0) return rc;
    return call_from_json(a, j, name, type, depth, ret, err);
}

int expr_from_json(struct arena *a, const cJSON *j, const struct expr **ret, struct err *err) {
    return from_json(a, j, 0, ret, err);
}
