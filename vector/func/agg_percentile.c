/* agg_percentile.c - PERCENTILE: the exact one, with linear interpolation between neighbours. The
 * accumulator counts each value; the percentages are those of the group's first row. */
#include "vector/func/agg_log.h"

#include "base/core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct percentile {
    struct agg_log values;
    struct acc_bytes percentages; /* doubles */
    int64_t has_percentages;
};

/* Doubles as keys in the order of Java's Double.compare: -0.0 before 0.0, NaN last. */
static uint64_t key_of(double v) {
    uint64_t bits;
    if (isnan(v)) v = NAN;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

static double value_of(uint64_t key) {
    uint64_t bits = key >> 63 ? key & ~(1ull << 63) : ~key;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static int take_percentages(struct percentile *acc, const struct column *c, uint32_t row,
                            struct blob_alloc *blobs, struct err *err) {
    bool array = c->phys == PHYS_LIST;
    const struct column *values = array ? &c->children[0] : c;
    uint32_t from = array ? COL_DATA(c, uint32_t)[row] : row;
    uint32_t end = array ? COL_DATA(c, uint32_t)[row + 1] : row + 1;
    bool null = !col_is_valid(c, row);
    for (uint32_t i = from; i < end && !null; i++) {
        double p = COL_DATA(values, double)[i];
        null = !col_is_valid(values, i);
        if (!null && !(p >= 0 && p <= 1)) {
            AUTO_STR text = STR_INIT;
            f64_print_java(p, &text);
            return err_set(err, ERR_RUNTIME,
                           "Percentage of PERCENTILE should be between [0.0, 1.0], but was '%s'.",
                           str_text(&text));
        }
        int rc = null ? 0 : acc_bytes_add(&acc->percentages, &p, sizeof p, blobs, err);
        if (rc) return rc;
    }
    if (null) return err_set(err, ERR_RUNTIME, "Percentage of PERCENTILE is NULL");
    acc->has_percentages = 1;
    return 0;
}

static int percentile_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *values = r->args[0], *often = c->n_args > 2 ? r->args[2] : NULL;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        struct percentile *acc = agg_acc(r, i);
        int rc = acc->has_percentages ? 0 : take_percentages(acc, r->args[1], row, r->blobs, err);
        if (rc) return rc;
        int64_t n = 1;
        if (often) n = col_is_valid(often, row) ? COL_DATA(often, int64_t)[row] : 0;
        if (n <= 0 || !col_is_valid(values, row)) continue;
        rc = agg_log_add(&acc->values, key_of(COL_DATA(values, double)[row]),
                         agg_adds(r, row) ? n : -n, r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int percentile_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                            uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                            struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        struct percentile *d = (struct percentile *)(dst[i] + acc_offset);
        const struct percentile *s = (const struct percentile *)(src[i] + acc_offset);
        int rc = 0;
        if (!d->has_percentages && s->has_percentages) {
            rc = acc_bytes_add(&d->percentages, s->percentages.ptr, s->percentages.len, blobs, err);
            d->has_percentages = 1;
        }
        if (!rc) rc = agg_log_append(&d->values, &s->values, blobs, err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- results -------------------------------------------------------------------------------- */

/* The value at a position between 1 and total, of values that lie there `count` times each. */
static double at_position(const struct log_pair *v, uint32_t n, double position) {
    double lower = floor(position), higher = ceil(position);
    uint32_t i = 0;
    int64_t before = v[0].count;
    while (i + 1 < n && (double)before < lower)
        before += v[++i].count;
    if ((double)before >= higher || i + 1 == n) return value_of(v[i].key);
    return (higher - position) * value_of(v[i].key) + (position - lower) * value_of(v[i + 1].key);
}

static int percentile_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                             uint32_t n, struct column *ret, struct err *err) {
    struct col_builder b;
    bool array = ret->phys == PHYS_LIST;
    col_builder_init(&b, ret->type, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct percentile *a = (const struct percentile *)(accs[i] + acc_offset);
        uint32_t m, n_percentages = a->percentages.len / sizeof(double);
        AUTO_FREE struct log_pair *v = agg_log_sorted(&a->values, &m);
        int64_t total = 0;
        for (uint32_t k = 0; k < m; k++)
            total += v[k].count;
        if (total <= 0 || !n_percentages) {
            col_add_null(&b);
            continue;
        }
        for (uint32_t k = 0; k < n_percentages; k++) {
            double p;
            memcpy(&p, a->percentages.ptr + k * sizeof p, sizeof p);
            double found = at_position(v, m, p * (double)(total - 1) + 1);
            col_add_f64(array ? &b.children[0] : &b, found);
        }
        if (array) col_close_row(&b);
    }
    col_release(ret);
    col_builder_finish(&b, ret);
    col_builder_release(&b);
    return 0;
}

/* ---- state ---------------------------------------------------------------------------------- */

/* The number of percentages (-1: none taken yet), they, the log. */
static void percentile_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct percentile *a = acc;
    int64_t n = a->has_percentages ? (int64_t)(a->percentages.len / sizeof(double)) : -1;
    str_add_n(out, &n, sizeof n);
    if (a->percentages.len) str_add_n(out, a->percentages.ptr, a->percentages.len);
    if (a->values.bytes.len) str_add_n(out, a->values.bytes.ptr, a->values.bytes.len);
}

static int percentile_load(const struct agg_call *c, void *acc, struct sv bytes,
                           struct blob_alloc *blobs, struct err *err) {
    struct percentile *a = acc;
    int64_t n;
    if (bytes.len < sizeof n)
        return err_set(err, ERR_CORRUPT, "PERCENTILE: state of %zu bytes", bytes.len);
    memcpy(&n, bytes.ptr, sizeof n);
    size_t rest = bytes.len - sizeof n, used = n > 0 ? (size_t)n * sizeof(double) : 0;
    if (n < -1 || (n > 0 && (size_t)n > rest / sizeof(double)))
        return err_set(err, ERR_CORRUPT, "PERCENTILE: %lld percentages in the state", (long long)n);
    a->has_percentages = n >= 0;
    int rc = acc_bytes_add(&a->percentages, bytes.ptr + sizeof n, used, blobs, err);
    struct sv log = {bytes.ptr + sizeof n + used, rest - used};
    return rc ? rc : agg_log_load(&a->values, log, blobs, err);
}

static void percentile_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    struct percentile *a = acc;
    acc_bytes_free(&a->values.bytes, blobs);
    acc_bytes_free(&a->percentages, blobs);
}

static int percentile_bind(struct agg_bind *ab, struct err *err) {
    const struct type *p = ab->args[1]->type;
    bool array = p->kind == TYPE_ARRAY && type_is_numeric(p->children[0]);
    if (!type_is_numeric(ab->args[0]->type) || !(array || type_is_numeric(p)) ||
        (ab->n_args == 3 && !type_is_int(ab->args[2]->type)))
        return agg_bind_fail(ab, err);
    const struct type *list = type_array(ab->arena, type_of(TYPE_DOUBLE), true);
    int rc = agg_bind_cast(ab, 0, type_of(TYPE_DOUBLE), err);
    if (!rc) rc = agg_bind_cast(ab, 1, array ? list : type_of(TYPE_DOUBLE), err);
    if (!rc && ab->n_args == 3) rc = agg_bind_cast(ab, 2, type_of(TYPE_BIGINT), err);
    ab->call->ret_type = array ? list : type_of(TYPE_DOUBLE);
    ab->call->acc_size_bytes = sizeof(struct percentile);
    return rc;
}

const struct agg agg_percentile = {
    .name = "PERCENTILE",
    .signature = "PERCENTILE(value, percentage [, frequency])",
    .doc =
        "The exact percentile of the values that are not NULL, at a percentage from 0 to 1 or at "
        "each of an array of them; each value counts as often as its frequency says (1).",
    .min_args = 2,
    .max_args = 3,
    .flags = AGG_MERGE | AGG_RETRACT | AGG_BLOB,
    .bind = percentile_bind,
    .update = percentile_update,
    .merge = percentile_merge,
    .finish = percentile_finish,
    .save = percentile_save,
    .load = percentile_load,
    .free_acc = percentile_free,
};
