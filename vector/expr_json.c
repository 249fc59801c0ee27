/* expr_json.c - expressions in plans. */
#include "vector/expr.h"

#include "base/core/json.h"
#include "vector/func/func.h"
#include "vector/udf/udf.h"

#include <string.h>

enum { EXPR_DEPTH_MAX = 1000, EXPR_ARGS_MAX = 100000 };

static void set_type(cJSON *j, const struct type *t) {
    struct type plain = *t;
    plain.time_attr = TIME_ATTR_NONE;
    AUTO_STR text = STR_INIT;
    type_print(&plain, &text);
    json_set_str(j, "type", str_text(&text));
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
    case EXPR_CALL: {
        cJSON *args = cJSON_CreateArray();
        for (int i = 0; i < e->n_args; i++)
            cJSON_AddItemToArray(args, expr_to_json(e->args[i]));
        json_set_str(j, "call", e->func->name);
        if (e->func->udf) json_set_str(j, "udf", udf_ref(e->func->udf));
        json_set(j, "args", args);
        break;
    }
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

/* The call as recorded, if the function takes these arguments and yields this kind of value. The
 * recorded precision and nullability stand: folding and outer joins may have changed arguments
 * since the call was first resolved. */
static int call_from_json(struct arena *a, const cJSON *j, const char *name,
                          const struct type *type, int depth, const struct expr **ret,
                          struct err *err) {
    const cJSON *list, *item;
    int rc = json_get_array(j, "args", &list, err);
    if (rc) return rc;
    const struct func *f;
    if ((rc = find_func(j, name, &f, err)) != 0) return rc;
    int n = cJSON_GetArraySize(list), i = 0;
    if (n > EXPR_ARGS_MAX) return err_set(err, ERR_INVALID, "%s has %d arguments", name, n);
    const struct expr **args = ARENA_NEW_N(a, const struct expr *, n ? n : 1);
    cJSON_ArrayForEach(item, list) {
        if ((rc = from_json(a, item, depth + 1, &args[i], err)) != 0)
            return err_wrap(err, "%s argument %d", name, i + 1);
        i++;
    }
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
        for (i = 0; i < n && i < bound->n_args; i++)
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
    const char *text, *name;
    const struct type *type;
    int column, rc;
    if (depth > EXPR_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "expression nests deeper than %d", EXPR_DEPTH_MAX);
    if ((rc = json_get_str(j, "type", &text, err)) != 0) return rc;
    if ((rc = type_parse(a, text, &type, err)) != 0) return rc;
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
