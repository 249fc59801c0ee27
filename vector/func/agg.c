/* agg.c - the table of aggregate functions: lookup, resolution, JSON in plans. */
#include "vector/func/agg.h"

#include "base/core/json.h"
#include "base/core/mem.h"
#include "vector/func/agg_acc.h"
#include "vector/udf/udf.h"

#include <string.h>
#include <strings.h>

#define A(name) extern const struct agg agg_##name;
#include "vector/func/agg_list.def"
#undef A

static const struct agg *const table[] = {
#define A(name) &agg_##name,
#include "vector/func/agg_list.def"
#undef A
};

static bool has_alias(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *p = list; p && *p;) {
        const char *end = strchrnul(p, ',');
        if ((size_t)(end - p) == n && strncasecmp(p, name, n) == 0) return true;
        p = *end ? end + 1 : end;
    }
    return false;
}

const struct agg *agg_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcasecmp(table[i]->name, name) == 0 || has_alias(table[i]->aliases, name))
            return table[i];
    return NULL;
}

const struct agg *const *agg_all(size_t *ret_n) {
    *ret_n = ARRAY_LEN(table);
    return table;
}

int agg_bind_fail(const struct agg_bind *ab, struct err *err) {
    AUTO_STR types = STR_INIT;
    for (int i = 0; i < ab->n_args; i++) {
        struct type t = *ab->args[i]->type;
        t.nullable = true;
        if (i) str_add(&types, ", ");
        str_add_char(&types, '<');
        type_print(&t, &types);
        str_add_char(&types, '>');
    }
    const struct agg *f = ab->call->agg;
    return err_set(err, ERR_VALIDATION,
                   "Cannot apply '%s' to arguments of type '%s(%s)'. Supported form(s): '%s'",
                   f->name, f->name, str_text(&types), f->signature);
}

int agg_bind(struct arena *a, const struct agg *agg, const struct expr **args, int n_args,
             bool distinct, bool retract, bool grouped, struct agg_call *ret, struct err *err) {
    if (n_args < agg->min_args || n_args > agg->max_args)
        return err_set(
            err, ERR_VALIDATION,
            "Invalid number of arguments to function '%s': got %d. Supported form(s): %s",
            agg->name, n_args, agg->signature);
    struct agg_call c = {.agg = agg, .n_args = n_args, .distinct = distinct, .retract = retract};
    struct agg_bind ab = {.arena = a,
                          .n_args = n_args,
                          .args = args,
                          .distinct = distinct,
                          .retract = retract,
                          .grouped = grouped,
                          .call = &c};
    c.acc_align = 8;
    for (int i = 0; i < n_args; i++)
        if (args[i]->type->kind == TYPE_NULL)
            return err_set(err, ERR_VALIDATION, "Illegal use of 'NULL' in %s", agg->name);
    int rc = agg->bind(&ab, err);
    if (rc) return rc;
    for (int i = 0; i < c.n_args; i++) /* bind may have taken symbols off the end */
        c.arg_types[i] = args[i]->type;
    CHECKF(c.ret_type && c.acc_size_bytes, "%s is not bound", agg->name);
    *ret = c;
    return 0;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static char *plain_text(struct arena *a, const struct type *t) {
    struct type plain = *t;
    plain.time_attr = TIME_ATTR_NONE;
    return type_text_of(a, &plain);
}

cJSON *agg_call_to_json(const struct agg_call *c) {
    struct arena a;
    arena_init(&a);
    cJSON *j = cJSON_CreateObject(), *args = cJSON_CreateArray(), *consts = NULL;
    json_set_str(j, "fn", c->agg->name);
    if (c->agg->udf) json_set_str(j, "udf", udf_ref(c->agg->udf));
    for (int i = 0; i < c->n_args; i++) {
        cJSON_AddItemToArray(args, cJSON_CreateString(plain_text(&a, c->arg_types[i])));
        if (c->consts[i] && !consts) consts = cJSON_CreateArray();
    }
    for (int i = 0; i < c->n_args && consts; i++) /* [value] or null */
        if (c->consts[i]) {
            cJSON *one = cJSON_CreateArray();
            cJSON_AddItemToArray(one, value_to_json(c->consts[i], 0));
            cJSON_AddItemToArray(consts, one);
        } else {
            cJSON_AddItemToArray(consts, cJSON_CreateNull());
        }
    json_set(j, "args", args);
    if (consts) json_set(j, "consts", consts);
    if (c->distinct) json_set_bool(j, "distinct", true);
    if (c->retract) json_set_bool(j, "retract", true);
    json_set_str(j, "type", plain_text(&a, c->ret_type));
    arena_release(&a);
    return j;
}

static int read_args(struct arena *a, const cJSON *j, const struct expr **args, int *ret_n,
                     struct err *err) {
    const cJSON *types, *item, *consts = json_opt(j, "consts");
    int rc = json_get_array(j, "args", &types, err), n = 0;
    if (rc) return rc;
    if (cJSON_GetArraySize(types) > AGG_ARGS_MAX)
        return err_set(err, ERR_INVALID, "more than %d arguments", AGG_ARGS_MAX);
    cJSON_ArrayForEach(item, types) {
        const struct type *t;
        if (!cJSON_IsString(item)) return err_set(err, ERR_INVALID, "argument type must be text");
        if ((rc = type_parse(a, item->valuestring, &t, err)) != 0) return rc;
        const cJSON *box = consts ? cJSON_GetArrayItem(consts, n) : NULL;
        args[n] = expr_column(a, n, t);
        if (cJSON_IsArray(box)) {
            const struct column *v;
            if ((rc = value_from_json(a, t, cJSON_GetArrayItem(box, 0), &v, err)) != 0) return rc;
            args[n] = expr_literal(a, v);
        }
        n++;
    }
    *ret_n = n;
    return 0;
}

/* Built in, or out of the library that the plan names. */
static int find_agg(const cJSON *j, const char *name, const struct agg **ret, struct err *err) {
    const char *ref = json_opt_str(j, "udf", NULL);
    const struct udf *u = NULL;
    int rc = ref ? udf_load(name, ref, &u, err) : 0;
    if (rc) return rc;
    if (u && udf_kind(u) != UDF_AGGREGATE)
        return err_set(err, ERR_INVALID, "'%s' of %s is no aggregate function any more", name, ref);
    *ret = u ? udf_agg(u) : agg_find(name);
    return *ret ? 0 : err_set(err, ERR_INVALID, "unknown aggregate '%s'", name);
}

int agg_call_from_json(struct arena *a, const cJSON *j, struct agg_call *ret, struct err *err) {
    const char *name, *text;
    const struct expr *args[AGG_ARGS_MAX];
    const struct type *type;
    struct agg_call c;
    int n = 0, rc = json_get_str(j, "fn", &name, err);
    if (rc) return rc;
    const struct agg *agg;
    if ((rc = find_agg(j, name, &agg, err)) != 0) return rc;
    if ((rc = json_get_str(j, "type", &text, err)) != 0) return rc;
    if ((rc = type_parse(a, text, &type, err)) != 0) return rc;
    if ((rc = read_args(a, j, args, &n, err)) != 0) return err_wrap(err, "aggregate %s", name);
    const struct type *before[AGG_ARGS_MAX];
    for (int i = 0; i < n; i++)
        before[i] = args[i]->type;
    rc = agg_bind(a, agg, args, n, json_opt_bool(j, "distinct", false),
                  json_opt_bool(j, "retract", false), true, &c, err);
    if (rc) return rc;
    bool same = agg->flags & AGG_FREE_TYPE
                    ? type_is_numeric(type)
                    : c.ret_type->kind == type->kind && type_phys(c.ret_type) == type_phys(type);
    for (int i = 0; i < n; i++)
        same &= type_phys(before[i]) == type_phys(c.arg_types[i]);
    if (!same)
        return err_set(err, ERR_INVALID, "aggregate %s yields %s, the plan says %s", name,
                       type_text_of(a, c.ret_type), text);
    c.ret_type = type;
    *ret = c;
    return 0;
}
