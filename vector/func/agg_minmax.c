/* agg_minmax.c - MIN and MAX. Fixed-width values lie in the accumulator, strings in a blob of its
 * own. Over input that retracts, the op keeps the values (AGG_VALUES). */
#include "vector/func/agg_acc.h"

#include "vector/strv.h"

#include <string.h>

struct mm_i64 {
    int64_t v;
    int64_t has;
};
struct mm_f64 {
    double v;
    int64_t has;
};
struct mm_i128 {
    acc_i128 v;
    int64_t has;
};
struct mm_str {
    struct acc_bytes text;
    int64_t has;
};

static bool is_max(const struct agg_call *c);

/* ---- strings -------------------------------------------------------------------------------- */

static int text_cmp(const struct acc_bytes *a, struct sv b) {
    size_t n = a->len < b.len ? a->len : b.len;
    int c = n ? memcmp(a->ptr, b.ptr, n) : 0;
    return c ? c : a->len < b.len ? -1 : a->len > b.len;
}

static int text_offer(struct mm_str *acc, struct sv v, bool max, struct blob_alloc *blobs,
                      struct err *err) {
    if (acc->has) {
        int c = text_cmp(&acc->text, v);
        if (max ? c >= 0 : c <= 0) return 0;
    }
    acc->has = 1;
    acc->text.len = 0;
    return acc_bytes_add(&acc->text, v.ptr, v.len, blobs, err);
}

static int update_text(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    bool max = is_max(c);
    AGG_EACH(r, c0, struct mm_str, {
        struct sv v = strv_sv(&COL_DATA(c0, const struct strv)[row]);
        int rc = text_offer(acc, v, max, r->blobs, err);
        if (rc) return rc;
    });
    return 0;
}

/* ---- fixed width ---------------------------------------------------------------------------- */

#define OFFER(acc, value, max)                                                                     \
    do {                                                                                           \
        if (!(acc)->has || ((max) ? (value) > (acc)->v : (value) < (acc)->v)) {                    \
            (acc)->v = (value);                                                                    \
            (acc)->has = 1;                                                                        \
        }                                                                                          \
    } while (0)

#define UPDATE(acc_t, ctype)                                                                       \
    do {                                                                                           \
        if (max)                                                                                   \
            AGG_EACH(r, c0, acc_t, OFFER(acc, COL_DATA(c0, const ctype)[row], true));              \
        else                                                                                       \
            AGG_EACH(r, c0, acc_t, OFFER(acc, COL_DATA(c0, const ctype)[row], false));             \
    } while (0)

static int mm_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    const bool max = is_max(c);
    switch (c0->phys) {
    case PHYS_BOOL:
        UPDATE(struct mm_i64, uint8_t);
        break;
    case PHYS_I8:
        UPDATE(struct mm_i64, int8_t);
        break;
    case PHYS_I16:
        UPDATE(struct mm_i64, int16_t);
        break;
    case PHYS_I32:
        UPDATE(struct mm_i64, int32_t);
        break;
    case PHYS_I64:
        UPDATE(struct mm_i64, int64_t);
        break;
    case PHYS_F32:
        UPDATE(struct mm_f64, float);
        break;
    case PHYS_F64:
        UPDATE(struct mm_f64, double);
        break;
    case PHYS_I128:
        UPDATE(struct mm_i128, i128);
        break;
    default:
        return update_text(c, r, err);
    }
    return 0;
}

static int mm_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                    uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err) {
    bool max = is_max(c);
    for (uint32_t i = 0; i < n; i++) {
        void *d = dst[i] + acc_offset;
        const void *s = src[i] + acc_offset;
        switch (type_phys(c->arg_types[0])) {
        case PHYS_STR: {
            const struct mm_str *m = s;
            if (!m->has) break;
            int rc = text_offer(d, (struct sv){m->text.ptr, m->text.len}, max, blobs, err);
            if (rc) return rc;
            break;
        }
        case PHYS_F32:
        case PHYS_F64:
            if (((const struct mm_f64 *)s)->has)
                OFFER((struct mm_f64 *)d, ((const struct mm_f64 *)s)->v, max);
            break;
        case PHYS_I128:
            if (((const struct mm_i128 *)s)->has)
                OFFER((struct mm_i128 *)d, ((const struct mm_i128 *)s)->v, max);
            break;
        default:
            if (((const struct mm_i64 *)s)->has)
                OFFER((struct mm_i64 *)d, ((const struct mm_i64 *)s)->v, max);
        }
    }
    return 0;
}

static void put(struct column *ret, uint32_t i, const void *acc) {
    int64_t v = ((const struct mm_i64 *)acc)->v;
    switch (ret->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        COL_DATA(ret, int8_t)[i] = (int8_t)v;
        break;
    case PHYS_I16:
        COL_DATA(ret, int16_t)[i] = (int16_t)v;
        break;
    case PHYS_I32:
        COL_DATA(ret, int32_t)[i] = (int32_t)v;
        break;
    case PHYS_F32:
        COL_DATA(ret, float)[i] = (float)((const struct mm_f64 *)acc)->v;
        break;
    case PHYS_F64:
        COL_DATA(ret, double)[i] = ((const struct mm_f64 *)acc)->v;
        break;
    case PHYS_I128:
        COL_DATA(ret, i128)[i] = ((const struct mm_i128 *)acc)->v;
        break;
    default:
        COL_DATA(ret, int64_t)[i] = v;
    }
}

static bool has_value(enum phys phys, const void *acc) {
    if (phys == PHYS_STR) return ((const struct mm_str *)acc)->has;
    if (phys == PHYS_I128) return ((const struct mm_i128 *)acc)->has;
    return ((const struct mm_i64 *)acc)->has;
}

static int mm_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset, uint32_t n,
                     struct column *ret, struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        const void *acc = accs[i] + acc_offset;
        if (ret->phys == PHYS_STR) {
            const struct mm_str *m = acc;
            COL_DATA(ret, struct strv)
            [i] = m->has ? strv_copy(col_heap(ret), m->text.ptr, m->text.len) : (struct strv){0};
        } else {
            put(ret, i, acc);
        }
        if (!has_value(ret->phys, acc)) col_set_null(ret, i);
    }
    return 0;
}

/* ---- blobs ---------------------------------------------------------------------------------- */

static void mm_save(const struct agg_call *c, const void *acc, struct str *out) {
    if (type_phys(c->arg_types[0]) != PHYS_STR) {
        str_add_n(out, acc, c->acc_size_bytes);
        return;
    }
    const struct mm_str *m = acc;
    if (!m->has) return;
    str_add_char(out, 1);
    str_add_n(out, m->text.ptr, m->text.len);
}

static int mm_load(const struct agg_call *c, void *acc, struct sv bytes, struct blob_alloc *blobs,
                   struct err *err) {
    if (type_phys(c->arg_types[0]) != PHYS_STR) {
        if (bytes.len != c->acc_size_bytes)
            return err_set(err, ERR_CORRUPT, "%s: state of %zu bytes", c->agg->name, bytes.len);
        memcpy(acc, bytes.ptr, bytes.len);
        return 0;
    }
    struct mm_str *m = acc;
    m->has = bytes.len > 0;
    if (!m->has) return 0;
    return acc_bytes_add(&m->text, bytes.ptr + 1, bytes.len - 1, blobs, err);
}

static void mm_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    if (type_phys(c->arg_types[0]) == PHYS_STR)
        acc_bytes_free(&((struct mm_str *)acc)->text, blobs);
}

/* ---- binding -------------------------------------------------------------------------------- */

static int mm_bind(struct agg_bind *ab, struct err *err) {
    const struct type *t = ab->args[0]->type;
    if (type_is_nested(t) || t->kind > TYPE_ROW) return agg_bind_fail(ab, err);
    enum phys phys = type_phys(t);
    ab->call->ret_type = agg_nullable_like(ab, t);
    ab->call->acc_size_bytes = phys == PHYS_STR    ? sizeof(struct mm_str)
                               : phys == PHYS_I128 ? sizeof(struct mm_i128)
                                                   : sizeof(struct mm_i64);
    return 0;
}

#define MM_AGG(id, sql, which, text)                                                               \
    const struct agg agg_##id = {                                                                  \
        .name = sql,                                                                               \
        .signature = sql "(value)",                                                                \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = 1,                                                                             \
        .flags = AGG_MERGE | AGG_BLOB | AGG_VALUES,                                                \
        .keep = which,                                                                             \
        .bind = mm_bind,                                                                           \
        .update = mm_update,                                                                       \
        .merge = mm_merge,                                                                         \
        .finish = mm_finish,                                                                       \
        .save = mm_save,                                                                           \
        .load = mm_load,                                                                           \
        .free_acc = mm_free,                                                                       \
    };

MM_AGG(max, "MAX", AGG_KEEP_GREATEST, "Largest value that is not NULL.")
MM_AGG(min, "MIN", AGG_KEEP_LEAST, "Smallest value that is not NULL.")

static bool is_max(const struct agg_call *c) {
    return c->agg == &agg_max;
}
