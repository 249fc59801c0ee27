/* agg_variance.c - VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP, by running mean and sum of squared
 * differences (Welford 1962; merged as Chan, Golub & LeVeque 1979), which doesn't cancel. Computed
 * in double precision, given back in the argument's type, as in Flink. */
#include "vector/func/agg_acc.h"

#include <math.h>

struct moments {
    int64_t count;
    double mean, m2;
};

static inline void moments_add(struct moments *a, double v, int sign) {
    if (sign > 0) {
        double d = v - a->mean;
        a->count++;
        a->mean += d / (double)a->count;
        a->m2 += d * (v - a->mean);
        return;
    }
    if (--a->count <= 0) {
        a->mean = a->m2 = 0;
        return;
    }
    double d = v - a->mean;
    a->mean -= d / (double)a->count;
    a->m2 -= d * (v - a->mean);
}

static int var_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    AGG_EACH(r, c0, struct moments, moments_add(acc, COL_DATA(c0, const double)[row], sign));
    return 0;
}

static int var_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                     uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        struct moments *d = (struct moments *)(dst[i] + acc_offset);
        const struct moments *s = (const struct moments *)(src[i] + acc_offset);
        if (s->count == 0) continue;
        if (d->count == 0) {
            *d = *s;
            continue;
        }
        double nd = (double)d->count, ns = (double)s->count, diff = s->mean - d->mean;
        d->mean += diff * ns / (nd + ns);
        d->m2 += s->m2 + diff * diff * nd * ns / (nd + ns);
        d->count += s->count;
    }
    return 0;
}

/* Java's narrowing: NaN to 0, too large to the nearest. */
static int64_t saturate(double v, int64_t min, int64_t max) {
    if (isnan(v)) return 0;
    if (v >= (double)max) return max;
    if (v <= (double)min) return min;
    return (int64_t)v;
}

static void put(struct column *ret, uint32_t i, double v) {
    switch (ret->phys) {
    case PHYS_I8:
        COL_DATA(ret, int8_t)[i] = (int8_t)saturate(v, INT32_MIN, INT32_MAX);
        break;
    case PHYS_I16:
        COL_DATA(ret, int16_t)[i] = (int16_t)saturate(v, INT32_MIN, INT32_MAX);
        break;
    case PHYS_I32:
        COL_DATA(ret, int32_t)[i] = (int32_t)saturate(v, INT32_MIN, INT32_MAX);
        break;
    case PHYS_I64:
        COL_DATA(ret, int64_t)[i] = saturate(v, INT64_MIN, INT64_MAX);
        break;
    case PHYS_F32:
        COL_DATA(ret, float)[i] = (float)v;
        break;
    case PHYS_F64:
        COL_DATA(ret, double)[i] = v;
        break;
    default: { /* DECIMAL(38, s) */
        double scaled = v * pow(10, ret->type->scale);
        if (fabs(scaled) < 1e38)
            COL_DATA(ret, i128)[i] = (i128)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        else
            col_set_null(ret, i);
    }
    }
}

static int finish(char *const *accs, uint32_t acc_offset, uint32_t n, struct column *ret,
                  bool sample, bool root) {
    for (uint32_t i = 0; i < n; i++) {
        const struct moments *m = (const struct moments *)(accs[i] + acc_offset);
        int64_t over = sample ? m->count - 1 : m->count;
        double v = over > 0 ? m->m2 / (double)over : 0;
        put(ret, i, root ? sqrt(v < 0 ? 0 : v) : v);
        if (over <= 0) col_set_null(ret, i);
    }
    return 0;
}

static int var_bind(struct agg_bind *ab, struct err *err) {
    const struct type *t = ab->args[0]->type;
    if (!type_is_numeric(t)) return agg_bind_fail(ab, err);
    if (t->kind == TYPE_DECIMAL)
        t = type_decimal(ab->arena, TYPE_DECIMAL_PRECISION_MAX, MAX(6, t->scale), true);
    t = type_with_time_attr(ab->arena, t, TIME_ATTR_NONE);
    ab->call->ret_type = type_with_null(ab->arena, t, true);
    /* Bound again from a plan, the argument is DOUBLE already; the plan's type stands. */
    ab->call->acc_size_bytes = sizeof(struct moments);
    return agg_bind_cast(ab, 0, type_of(TYPE_DOUBLE), err);
}

#define VAR_AGG(id, sql, more, sample, root, text)                                                 \
    static int id##_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,       \
                           uint32_t n, struct column *ret, struct err *err) {                      \
        return finish(accs, acc_offset, n, ret, sample, root);                                     \
    }                                                                                              \
    const struct agg agg_##id = {                                                                  \
        .name = sql,                                                                               \
        .aliases = more,                                                                           \
        .signature = sql "([DISTINCT] numeric)",                                                   \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = 1,                                                                             \
        .flags = AGG_MERGE | AGG_RETRACT | AGG_FREE_TYPE,                                          \
        .bind = var_bind,                                                                          \
        .update = var_update,                                                                      \
        .merge = var_merge,                                                                        \
        .finish = id##_finish,                                                                     \
    };

VAR_AGG(stddev_pop, "STDDEV_POP", NULL, false, true, "Square root of VAR_POP.")
VAR_AGG(stddev_samp, "STDDEV_SAMP", "STDDEV", true, true, "Square root of VAR_SAMP.")
VAR_AGG(var_pop, "VAR_POP", NULL, false, false, "Population variance.")
VAR_AGG(var_samp, "VAR_SAMP", "VARIANCE", true, false,
        "Sample variance; NULL for fewer than two values.")
