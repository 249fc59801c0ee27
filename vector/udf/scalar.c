/* scalar.c - scalar and table functions as entries of the function table's shape. */
#include "vector/udf/udf_int.h"

#include "base/core/mem.h"
#include "vector/func/tz.h"

#include <stdlib.h>

#include <string.h>

/* A program's state. */
struct scalar {
    struct arena arena;
    struct udf_call *call;
};

static int scalar_bind(struct func_bind *fb, struct err *err) {
    const struct udf *u = fb->func->udf;
    int i = udf_resolve(u, fb->args, fb->n_args);
    if (i < 0) return udf_no_overload(u, fb->args, fb->n_args, err);
    const struct udf_overload *o = &u->overloads[i];
    int rc = udf_cast_args(fb->arena, o, fb->args, fb->n_args, err);
    if (rc) return rc;
    bool nullable = o->result->nullable;
    for (int k = 0; k < fb->n_args && u->func.flags & FUNC_STRICT; k++)
        nullable |= fb->args[k]->type->nullable;
    fb->ret_type = type_with_null(fb->arena, o->result, nullable);
    return 0;
}

static int scalar_prepare(const struct expr *call, const struct eval_env *env, void **ret_state,
                          struct err *err) {
    const struct udf *u = call->func->udf;
    int i = udf_resolve(u, call->args, call->n_args);
    if (i < 0) return udf_no_overload(u, call->args, call->n_args, err);
    const struct type *types[UDF_ARGS_MAX];
    if (call->n_args > UDF_ARGS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "more than %d arguments", UDF_ARGS_MAX);
    for (int k = 0; k < call->n_args; k++)
        types[k] = udf_arg_type(&u->overloads[i], k);
    struct scalar *s = mem_zalloc(sizeof *s);
    arena_init(&s->arena);
    s->call = udf_call_new(&s->arena, u, i, types, call->n_args, tz_name(env->zone));
    uint32_t row;
    int rc = u->def->open ? udf_call_check(s->call, u->def->open(&s->call->c), &row, err) : 0;
    if (rc) {
        arena_release(&s->arena);
        free(s);
        return rc;
    }
    *ret_state = s;
    return 0;
}

static void scalar_unprepare(void *state) {
    struct scalar *s = state;
    const struct udf *u = s->call->u;
    if (u->def->close) u->def->close(&s->call->c);
    arena_release(&s->call->batch);
    arena_release(&s->arena);
    free(s);
}

/* Rows that are NULL by an argument have no result, whatever the function gave. The other ones
 * have, if it promised so. */
static int keep_nulls(struct udf_call *c, struct column *out, const struct column *strict,
                      struct err *err) {
    for (uint32_t i = 0; strict->valid && i < out->n; i++)
        if (!col_is_valid(strict, i)) col_set_null(out, i);
    if (c->overload->result->nullable || col_null_count(out) == col_null_count(strict)) return 0;
    return err_set(err, ERR_RUNTIME, "%s: the library returned NULL where it promised NOT NULL",
                   c->u->name);
}

static int scalar_kernel(struct kernel_call *k, struct err *err) {
    struct udf_call *c = ((struct scalar *)k->state)->call;
    const struct udf *u = c->u;
    bool strict = u->func.flags & FUNC_STRICT;
    struct ArrowArray args, array = {0};
    struct ArrowSchema schema = {0};
    int released;
    if (!k->n) return 0;
    int rc = udf_call_export(c, k->args, k->n_args, k->n, &released, &args, &k->err_row, err);
    if (rc) {
        arena_clear(&c->batch);
        return rc;
    }
    rc = u->def->overloads[c->c.overload].eval(&c->c, &args, &array, &schema);
    rc = udf_call_check(c, rc, &k->err_row, err);
    struct err late = ERR_INIT;
    int kept = udf_call_returned(c, &released, &args, rc ? &late : err);
    if (!rc) rc = kept;
    arena_clear(&c->batch);
    struct column out;
    rc = udf_call_import(c, rc, &array, &schema, strict, k->n, &out, &k->err_row, err);
    if (!rc && strict && (rc = keep_nulls(c, &out, k->ret, err)) != 0) col_release(&out);
    if (rc) return rc;
    out.type = k->ret->type;
    col_release(k->ret);
    *k->ret = out;
    return 0;
}

int udf_make_func(struct udf *u, struct err *err) {
    uint32_t flags = u->def->flags;
    bool strict = flags & PENSTOCK_UDF_STRICT && u->kind == UDF_SCALAR;
    u->func = (struct func){
        .name = u->name,
        .category = "user-defined",
        .signature = u->signature,
        .doc = u->def->doc,
        .min_args = 0,
        .max_args = -1,
        .flags = FUNC_CAN_FAIL | (strict ? FUNC_STRICT : 0u) |
                 (flags & PENSTOCK_UDF_NONDETERMINISTIC ? FUNC_NONDETERMINISTIC : 0u),
        .bind = scalar_bind,
        .kernel = scalar_kernel,
        .prepare = scalar_prepare,
        .unprepare = scalar_unprepare,
        .udf = u,
    };
    return 0;
}
