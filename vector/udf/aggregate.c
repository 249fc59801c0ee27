/* aggregate.c - aggregate functions as entries of the aggregate table's shape. */
#include "vector/udf/udf_int.h"

#include "base/core/mem.h"
#include "vector/func/agg_acc.h"
#include "vector/func/tz.h"

#include <stdlib.h>
#include <string.h>

static const struct penstock_udf_aggregate *ops_of(const struct udf_call *c) {
    return c->u->def->overloads[c->c.overload].aggregate;
}

/* ---- binding -------------------------------------------------------------------------------- */

static int aggregate_bind(struct agg_bind *ab, struct err *err) {
    const struct udf *u = ab->call->agg->udf;
    int i = udf_resolve(u, ab->args, ab->n_args);
    if (i < 0) return udf_no_overload(u, ab->args, ab->n_args, err);
    const struct udf_overload *o = &u->overloads[i];
    const struct penstock_udf_aggregate *ops = u->def->overloads[i].aggregate;
    int rc = udf_cast_args(ab->arena, o, ab->args, ab->n_args, err);
    if (rc) return rc;
    if (ab->retract && !ops->retract && !ab->n_args)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s() can't take rows back (its library has no retract for it), but its "
                       "input does",
                       u->name);
    const struct type *types[AGG_ARGS_MAX];
    for (int k = 0; k < ab->n_args; k++)
        types[k] = udf_arg_type(o, k);
    ab->call->ret_type = o->result;
    ab->call->acc_size_bytes = ops->acc_size_bytes;
    ab->call->udf = udf_call_new(ab->arena, u, i, types, ab->n_args, NULL);
    return 0;
}

static void aggregate_init(const struct agg_call *c, void *acc) {
    ops_of(c->udf)->create(&c->udf->c, acc);
}

static void aggregate_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    ops_of(c->udf)->destroy(&c->udf->c, acc);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Rows that come in at once: all added or all taken back. */
struct run {
    const uint32_t *rows; /* NULL: 0 .. n-1 */
    void *const *accs;
    uint32_t n;
    bool retract;
};

static int fold_run(const struct agg_call *call, const struct agg_rows *r, const struct run *run,
                    struct err *err) {
    struct udf_call *c = call->udf;
    struct column gathered[AGG_ARGS_MAX];
    const struct column *args[AGG_ARGS_MAX];
    for (int i = 0; i < call->n_args; i++) {
        args[i] = &gathered[i];
        if (run->rows)
            col_gather(&gathered[i], r->args[i], run->rows, run->n);
        else
            col_slice(&gathered[i], r->args[i], 0, run->n);
    }
    struct ArrowArray array;
    int released;
    uint32_t row;
    int rc = udf_call_export(c, args, call->n_args, run->n, &released, &array, &row, err);
    if (!rc) {
        const struct penstock_udf_aggregate *ops = ops_of(c);
        rc = (run->retract ? ops->retract : ops->accumulate)(&c->c, run->accs, &array);
        rc = udf_call_check(c, rc, &row, err);
        struct err late = ERR_INIT;
        int kept = udf_call_returned(c, &released, &array, rc ? &late : err);
        if (!rc) rc = kept;
    }
    arena_release(&c->batch);
    for (int i = 0; i < call->n_args; i++)
        col_release(&gathered[i]);
    return rc;
}

static bool has_null(const struct agg_call *call, const struct agg_rows *r, uint32_t row) {
    for (int i = 0; i < call->n_args; i++)
        if (!col_is_valid(r->args[i], row)) return true;
    return false;
}

static int aggregate_update(const struct agg_call *call, const struct agg_rows *r,
                            struct err *err) {
    bool strict = call->udf->u->def->flags & PENSTOCK_UDF_STRICT;
    bool whole = !strict && !r->rows && !r->kinds;
    AUTO_FREE void **accs = mem_alloc(sizeof *accs * (r->n + 1));
    AUTO_FREE uint32_t *rows = whole ? NULL : mem_alloc(sizeof *rows * (r->n + 1));
    call->udf->c.time_zone = tz_name(r->env->zone);
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        if (strict && has_null(call, r, row)) continue;
        if (!whole) rows[n] = row;
        accs[n++] = agg_acc(r, i);
    }
    int rc = 0;
    for (uint32_t at = 0; at < n && !rc;) {
        struct run run = {.rows = whole ? NULL : rows + at, .accs = accs + at, .n = n - at};
        if (!whole) {
            run.retract = !agg_adds(r, rows[at]);
            run.n = 1;
            while (at + run.n < n && !agg_adds(r, rows[at + run.n]) == run.retract)
                run.n++;
        }
        rc = fold_run(call, r, &run, err);
        at += run.n;
    }
    return rc;
}

/* ---- accumulators --------------------------------------------------------------------------- */

static int aggregate_merge(const struct agg_call *call, char *const *dst, const char *const *src,
                           uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                           struct err *err) {
    struct udf_call *c = call->udf;
    AUTO_FREE void **to = mem_alloc(sizeof *to * (n + 1));
    AUTO_FREE const void **from = mem_alloc(sizeof *from * (n + 1));
    for (uint32_t i = 0; i < n; i++) {
        to[i] = dst[i] + acc_offset;
        from[i] = src[i] + acc_offset;
    }
    uint32_t row;
    return udf_call_check(c, ops_of(c)->merge(&c->c, to, from, n), &row, err);
}

static int aggregate_finish(const struct agg_call *call, char *const *accs, uint32_t acc_offset,
                            uint32_t n, struct column *ret, struct err *err) {
    struct udf_call *c = call->udf;
    struct ArrowArray array = {0};
    struct ArrowSchema schema = {0};
    uint32_t row;
    if (!n) return 0;
    AUTO_FREE const void **at = mem_alloc(sizeof *at * (n + 1));
    for (uint32_t i = 0; i < n; i++)
        at[i] = accs[i] + acc_offset;
    int rc = udf_call_check(c, ops_of(c)->value(&c->c, at, n, &array, &schema), &row, err);
    struct column out;
    rc = udf_call_import(c, rc, &array, &schema, false, n, &out, &row, err);
    if (rc) return rc;
    out.type = ret->type;
    col_release(ret);
    *ret = out;
    return 0;
}

static void write_bytes(void *out, const void *bytes, size_t n) {
    if (n) str_add_n(out, bytes, n);
}

static void aggregate_save(const struct agg_call *call, const void *acc, struct str *out) {
    struct udf_call *c = call->udf;
    ops_of(c)->serialise(&c->c, acc, out, write_bytes);
}

static int aggregate_load(const struct agg_call *call, void *acc, struct sv bytes,
                          struct blob_alloc *blobs, struct err *err) {
    struct udf_call *c = call->udf;
    uint32_t row;
    return udf_call_check(c, ops_of(c)->restore(&c->c, acc, bytes.ptr, bytes.len), &row, err);
}

/* ---- the entry ------------------------------------------------------------------------------ */

static int check_ops(const struct penstock_udf_aggregate *o, struct err *err) {
    if (!o->acc_size_bytes || o->acc_size_bytes > UDF_ACC_MAX_BYTES)
        return err_set(err, ERR_INVALID, "accumulators of %u bytes; 1 to %d can be",
                       o->acc_size_bytes, UDF_ACC_MAX_BYTES);
    if (!o->accumulate || !o->merge || !o->value)
        return err_set(err, ERR_INVALID, "an aggregate needs accumulate, merge and value");
    if (!o->serialise != !o->restore)
        return err_set(err, ERR_INVALID, "serialise and restore come together");
    if (o->destroy && !o->serialise)
        return err_set(err, ERR_INVALID,
                       "accumulators that have something to destroy need serialise and restore");
    return 0;
}

/* Members that may be missing must be so in all overloads: the engine asks for them by function. */
static int check_alike(const struct penstock_udf_aggregate *x,
                       const struct penstock_udf_aggregate *y, struct err *err) {
    if (!x->create != !y->create || !x->destroy != !y->destroy || !x->retract != !y->retract ||
        !x->serialise != !y->serialise)
        return err_set(err, ERR_INVALID,
                       "create, destroy, retract and serialise must be there in all overloads of "
                       "an aggregate, or in none");
    return 0;
}

int udf_make_agg(struct udf *u, struct err *err) {
    const struct penstock_udf_aggregate *first = u->def->overloads[0].aggregate;
    int max_args = 0, min_args = AGG_ARGS_MAX;
    for (uint32_t i = 0; i < u->n_overloads; i++) {
        const struct udf_overload *o = &u->overloads[i];
        int rc = check_ops(u->def->overloads[i].aggregate, err);
        if (!rc) rc = check_alike(first, u->def->overloads[i].aggregate, err);
        if (!rc && o->n_args > AGG_ARGS_MAX)
            rc = err_set(err, ERR_INVALID, "an aggregate of more than %d arguments", AGG_ARGS_MAX);
        if (rc) return err_wrap(err, "overload %u", i + 1);
        max_args = o->variadic ? AGG_ARGS_MAX : MAX(max_args, o->n_args);
        min_args = MIN(min_args, o->variadic ? o->n_args - 1 : o->n_args);
    }
    u->agg = (struct agg){
        .name = u->name,
        .signature = u->signature,
        .doc = u->def->doc,
        .min_args = min_args,
        .max_args = max_args,
        .flags = AGG_MERGE | (first->retract ? AGG_RETRACT : AGG_VALUES) |
                 (first->serialise ? AGG_BLOB : 0u) |
                 (u->def->flags & PENSTOCK_UDF_ORDERED ? AGG_ORDERED : 0u),
        .keep = AGG_KEEP_ALL,
        .bind = aggregate_bind,
        .init = first->create ? aggregate_init : NULL,
        .update = aggregate_update,
        .merge = aggregate_merge,
        .finish = aggregate_finish,
        .save = aggregate_save,
        .load = aggregate_load,
        .free_acc = first->destroy ? aggregate_free : NULL,
        .udf = u,
    };
    return 0;
}
