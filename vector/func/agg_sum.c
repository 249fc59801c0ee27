/* agg_sum.c - COUNT, SUM, $SUM0, AVG. Integer sums wrap around in the argument's type, as in Flink;
 * DECIMAL sums have 38 digits and are NULL beyond. All take retractions. */
#include "vector/func/agg_acc.h"

#include "vector/decimal.h"
#include "vector/text.h"

#include <math.h>
#include <string.h>

/* ---- COUNT ---------------------------------------------------------------------------------- */

static int count_bind(struct agg_bind *ab, struct err *err) {
    ab->call->ret_type = type_of_not_null(TYPE_BIGINT);
    ab->call->acc_size_bytes = sizeof(int64_t);
    return 0;
}

static int count_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    static const struct column all_valid = {0};
    if (c->n_args <= 1) {
        const struct column *col = c->n_args ? r->args[0] : &all_valid;
        AGG_EACH(r, col, int64_t, *acc += sign);
        return 0;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        bool valid = true;
        for (int k = 0; k < c->n_args; k++)
            valid &= col_is_valid(r->args[k], row);
        if (valid) *(int64_t *)agg_acc(r, i) += agg_adds(r, row) ? 1 : -1;
    }
    return 0;
}

static int count_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                       uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err) {
    for (uint32_t i = 0; i < n; i++)
        *(int64_t *)(dst[i] + acc_offset) += *(const int64_t *)(src[i] + acc_offset);
    return 0;
}

static int count_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                        uint32_t n, struct column *ret, struct err *err) {
    for (uint32_t i = 0; i < n; i++)
        COL_DATA(ret, int64_t)[i] = *(const int64_t *)(accs[i] + acc_offset);
    return 0;
}

const struct agg agg_count = {
    .name = "COUNT",
    .signature = "COUNT(*) or COUNT([DISTINCT] value [, value]*)",
    .doc = "Number of rows, or of rows where no argument is NULL.",
    .min_args = 0,
    .max_args = AGG_ARGS_MAX,
    .flags = AGG_MERGE | AGG_RETRACT,
    .bind = count_bind,
    .update = count_update,
    .merge = count_merge,
    .finish = count_finish,
};

/* ---- sums ----------------------------------------------------------------------------------- */

/* count: rows that went in, less those taken back; 0 = NULL (except for $SUM0). */
struct sum_int {
    int64_t sum, count;
};
struct sum_f64 {
    double sum;
    int64_t count;
};
struct sum_f32 {
    float sum;
    int64_t count;
};
struct sum_dec {
    acc_i128 sum;
    int64_t count;
    int64_t overflow;
};

static void dec_add(struct sum_dec *acc, i128 v, int64_t count) {
    i128 sum;
    if (__builtin_add_overflow((i128)acc->sum, v, &sum)) acc->overflow = 1;
    acc->sum = sum;
    acc->count += count;
}

static inline int64_t wrap_add(int64_t a, int64_t b, int sign) {
    return (int64_t)(sign > 0 ? (uint64_t)a + (uint64_t)b : (uint64_t)a - (uint64_t)b);
}

#define SUM_INT(ctype)                                                                             \
    AGG_EACH(r, c0, struct sum_int, {                                                              \
        acc->sum = wrap_add(acc->sum, COL_DATA(c0, const ctype)[row], sign);                       \
        acc->count += sign;                                                                        \
    })
#define SUM_FLOAT(acc_t, ctype)                                                                    \
    AGG_EACH(r, c0, acc_t, {                                                                       \
        acc->sum += sign > 0 ? COL_DATA(c0, const ctype)[row] : -COL_DATA(c0, const ctype)[row];   \
        acc->count += sign;                                                                        \
    })

static int sum_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    switch (c0->phys) {
    case PHYS_I8:
        SUM_INT(int8_t);
        break;
    case PHYS_I16:
        SUM_INT(int16_t);
        break;
    case PHYS_I32:
        SUM_INT(int32_t);
        break;
    case PHYS_I64:
        SUM_INT(int64_t);
        break;
    case PHYS_F32:
        SUM_FLOAT(struct sum_f32, float);
        break;
    case PHYS_F64:
        SUM_FLOAT(struct sum_f64, double);
        break;
    default:
        AGG_EACH(r, c0, struct sum_dec, {
            i128 v = COL_DATA(c0, const i128)[row];
            dec_add(acc, sign > 0 ? v : -v, sign);
        });
    }
    return 0;
}

/* AVG of FLOAT sums in double precision. */
static int avg_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    if (c0->phys != PHYS_F32) return sum_update(c, r, err);
    AGG_EACH(r, c0, struct sum_f64, {
        acc->sum += (double)sign * (double)COL_DATA(c0, const float)[row];
        acc->count += sign;
    });
    return 0;
}

/* Which accumulator an argument type sums into. */
enum sum_kind { SUM_OF_INT, SUM_OF_F32, SUM_OF_F64, SUM_OF_DEC };

static enum sum_kind sum_kind(const struct agg_call *c, bool avg) {
    switch (type_phys(c->arg_types[0])) {
    case PHYS_F32:
        return avg ? SUM_OF_F64 : SUM_OF_F32;
    case PHYS_F64:
        return SUM_OF_F64;
    case PHYS_I128:
        return SUM_OF_DEC;
    default:
        return SUM_OF_INT;
    }
}

static void merge_one(enum sum_kind kind, void *dst, const void *src) {
    switch (kind) {
    case SUM_OF_INT: {
        struct sum_int *d = dst;
        const struct sum_int *s = src;
        d->sum = wrap_add(d->sum, s->sum, 1);
        d->count += s->count;
        break;
    }
    case SUM_OF_F32: {
        struct sum_f32 *d = dst;
        const struct sum_f32 *s = src;
        d->sum += s->sum;
        d->count += s->count;
        break;
    }
    case SUM_OF_F64: {
        struct sum_f64 *d = dst;
        const struct sum_f64 *s = src;
        d->sum += s->sum;
        d->count += s->count;
        break;
    }
    case SUM_OF_DEC: {
        struct sum_dec *d = dst;
        const struct sum_dec *s = src;
        dec_add(d, s->sum, s->count);
        d->overflow |= s->overflow;
        break;
    }
    }
}

static int merge(enum sum_kind kind, char *const *dst, const char *const *src, uint32_t acc_offset,
                 uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        merge_one(kind, dst[i] + acc_offset, src[i] + acc_offset);
    return 0;
}

static int sum_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                     uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err) {
    return merge(sum_kind(c, false), dst, src, acc_offset, n);
}

static int avg_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                     uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err) {
    return merge(sum_kind(c, true), dst, src, acc_offset, n);
}

static void put_int(struct column *ret, uint32_t i, int64_t v) {
    switch (ret->phys) {
    case PHYS_I8:
        COL_DATA(ret, int8_t)[i] = (int8_t)v;
        break;
    case PHYS_I16:
        COL_DATA(ret, int16_t)[i] = (int16_t)v;
        break;
    case PHYS_I32:
        COL_DATA(ret, int32_t)[i] = (int32_t)v;
        break;
    default:
        COL_DATA(ret, int64_t)[i] = v;
    }
}

static bool dec_fits(const struct sum_dec *a) {
    i128 limit = text_pow10(TYPE_DECIMAL_PRECISION_MAX);
    return !a->overflow && a->sum < limit && a->sum > -limit;
}

static int sum_finish_as(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                         uint32_t n, struct column *ret, bool zero) {
    enum sum_kind kind = sum_kind(c, false);
    for (uint32_t i = 0; i < n; i++) {
        const void *acc = accs[i] + acc_offset;
        int64_t count = 0;
        bool fits = true;
        if (kind == SUM_OF_INT) {
            put_int(ret, i, ((const struct sum_int *)acc)->sum);
            count = ((const struct sum_int *)acc)->count;
        } else if (kind == SUM_OF_F32) {
            COL_DATA(ret, float)[i] = ((const struct sum_f32 *)acc)->sum;
            count = ((const struct sum_f32 *)acc)->count;
        } else if (kind == SUM_OF_F64) {
            COL_DATA(ret, double)[i] = ((const struct sum_f64 *)acc)->sum;
            count = ((const struct sum_f64 *)acc)->count;
        } else {
            COL_DATA(ret, i128)[i] = ((const struct sum_dec *)acc)->sum;
            count = ((const struct sum_dec *)acc)->count;
            fits = dec_fits(acc);
        }
        if ((count == 0 && !zero) || !fits) col_set_null(ret, i);
    }
    return 0;
}

static int sum_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset, uint32_t n,
                      struct column *ret, struct err *err) {
    return sum_finish_as(c, accs, acc_offset, n, ret, false);
}

static int sum0_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset, uint32_t n,
                       struct column *ret, struct err *err) {
    return sum_finish_as(c, accs, acc_offset, n, ret, true);
}

static int avg_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset, uint32_t n,
                      struct column *ret, struct err *err) {
    enum sum_kind kind = sum_kind(c, true);
    for (uint32_t i = 0; i < n; i++) {
        const void *acc = accs[i] + acc_offset;
        const struct sum_int *si = acc;
        const struct sum_f64 *sf = acc;
        const struct sum_dec *sd = acc;
        int64_t count = kind == SUM_OF_DEC ? sd->count : si->count;
        bool ok = count != 0;
        if (ok && kind == SUM_OF_INT) {
            put_int(ret, i, count == -1 ? (int64_t) - (uint64_t)si->sum : si->sum / count);
        } else if (ok && kind == SUM_OF_F64) {
            double v = sf->sum / (double)count;
            if (ret->phys == PHYS_F32)
                COL_DATA(ret, float)[i] = (float)v;
            else
                COL_DATA(ret, double)[i] = v;
        } else if (ok) {
            i128 v = 0;
            ok = dec_fits(sd) && decimal_div(sd->sum, c->arg_types[0]->scale, count, 0,
                                             ret->type->precision, ret->type->scale, &v);
            COL_DATA(ret, i128)[i] = v;
        }
        if (!ok) col_set_null(ret, i);
    }
    return 0;
}

/* ---- binding -------------------------------------------------------------------------------- */

static int bind_common(struct agg_bind *ab, bool avg, struct err *err) {
    const struct type *t = ab->args[0]->type;
    if (!type_is_numeric(t)) return agg_bind_fail(ab, err);
    ab->call->arg_types[0] = t;
    static const uint32_t sizes[] = {sizeof(struct sum_int), sizeof(struct sum_f32),
                                     sizeof(struct sum_f64), sizeof(struct sum_dec)};
    ab->call->acc_size_bytes = sizes[sum_kind(ab->call, avg)];
    return 0;
}

static const struct type *sum_type(struct agg_bind *ab) {
    const struct type *t = ab->args[0]->type;
    if (t->kind != TYPE_DECIMAL) return t;
    return type_decimal(ab->arena, TYPE_DECIMAL_PRECISION_MAX, t->scale, t->nullable);
}

static int sum_bind(struct agg_bind *ab, struct err *err) {
    int rc = bind_common(ab, false, err);
    if (!rc) ab->call->ret_type = agg_nullable_like(ab, sum_type(ab));
    return rc;
}

static int sum0_bind(struct agg_bind *ab, struct err *err) {
    int rc = bind_common(ab, false, err);
    if (!rc) ab->call->ret_type = type_with_null(ab->arena, sum_type(ab), false);
    return rc;
}

static int avg_bind(struct agg_bind *ab, struct err *err) {
    int rc = bind_common(ab, true, err);
    if (rc) return rc;
    const struct type *t = ab->args[0]->type;
    if (t->kind == TYPE_DECIMAL)
        t = type_decimal(ab->arena, TYPE_DECIMAL_PRECISION_MAX, MAX(6, t->scale), t->nullable);
    ab->call->ret_type = agg_nullable_like(ab, t);
    return 0;
}

const struct agg agg_sum = {
    .name = "SUM",
    .signature = "SUM([DISTINCT] numeric)",
    .doc =
        "Sum of the values that are not NULL, of the argument's type; a DECIMAL's has 38 digits. "
        "Integers wrap around.",
    .min_args = 1,
    .max_args = 1,
    .flags = AGG_MERGE | AGG_RETRACT,
    .bind = sum_bind,
    .update = sum_update,
    .merge = sum_merge,
    .finish = sum_finish,
};

const struct agg agg_sum0 = {
    .name = "$SUM0",
    .signature = "$SUM0(numeric)",
    .doc = "Like SUM, but 0 where there is nothing to sum.",
    .min_args = 1,
    .max_args = 1,
    .flags = AGG_MERGE | AGG_RETRACT,
    .bind = sum0_bind,
    .update = sum_update,
    .merge = sum_merge,
    .finish = sum0_finish,
};

const struct agg agg_avg = {
    .name = "AVG",
    .signature = "AVG([DISTINCT] numeric)",
    .doc =
        "Mean of the values that are not NULL, of the argument's type (integers are cut; a DECIMAL "
        "has 38 digits and at least 6 behind the point).",
    .min_args = 1,
    .max_args = 1,
    .flags = AGG_MERGE | AGG_RETRACT,
    .bind = avg_bind,
    .update = avg_update,
    .merge = avg_merge,
    .finish = avg_finish,
};
