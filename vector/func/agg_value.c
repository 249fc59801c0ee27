/* agg_value.c - FIRST_VALUE, LAST_VALUE, and the hidden $SINGLE_VALUE of scalar subqueries. The
 * value is kept encoded (value_codec.h), so that any type will do. */
#include "vector/func/agg_acc.h"

#include "vector/value_codec.h"

#include <string.h>

struct kept {
    struct acc_bytes value;
    int64_t rows; /* FIRST, LAST: 1 once there is a value; SINGLE: rows seen */
};

enum keep { KEEP_FIRST, KEEP_LAST, KEEP_SINGLE };

static int keep(struct kept *acc, const struct column *c, uint32_t row, struct str *tmp,
                struct blob_alloc *blobs, struct err *err) {
    str_clear(tmp);
    value_encode(c, row, tmp);
    acc->value.len = 0;
    return acc_bytes_add(&acc->value, tmp->ptr, tmp->len, blobs, err);
}

static int update(const struct agg_call *c, const struct agg_rows *r, bool last, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        struct kept *acc = agg_acc(r, i);
        if (!col_is_valid(r->args[0], row) || !agg_adds(r, row) || (!last && acc->rows)) continue;
        acc->rows = 1;
        int rc = keep(acc, r->args[0], row, &tmp, r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int first_value_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    return update(c, r, false, err);
}

static int last_value_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    return update(c, r, true, err);
}

static int single_value_update(const struct agg_call *c, const struct agg_rows *r,
                               struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        struct kept *acc = agg_acc(r, i);
        acc->rows += agg_adds(r, row) ? 1 : -1;
        if (acc->rows > 1)
            return err_set(err, ERR_RUNTIME,
                           "SingleValueAggFunction received more than one element: "
                           "a scalar subquery gave more than one row");
        if (!agg_adds(r, row)) continue;
        int rc = keep(acc, r->args[0], row, &tmp, r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int merge(char *const *dst, const char *const *src, uint32_t acc_offset, uint32_t n,
                 enum keep how, struct blob_alloc *blobs, struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        struct kept *d = (struct kept *)(dst[i] + acc_offset);
        const struct kept *s = (const struct kept *)(src[i] + acc_offset);
        if (s->rows <= 0 || (how == KEEP_FIRST && d->rows)) continue;
        d->rows = how == KEEP_SINGLE ? d->rows + s->rows : 1;
        if (how == KEEP_SINGLE && d->rows > 1)
            return err_set(err, ERR_RUNTIME, "a scalar subquery gave more than one row");
        d->value.len = 0;
        int rc = acc_bytes_add(&d->value, s->value.ptr, s->value.len, blobs, err);
        if (rc) return rc;
    }
    return 0;
}

#define KEEP_MERGE(id, how)                                                                        \
    static int id##_merge(const struct agg_call *c, char *const *dst, const char *const *src,      \
                          uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,               \
                          struct err *err) {                                                       \
        return merge(dst, src, acc_offset, n, how, blobs, err);                                    \
    }
KEEP_MERGE(first_value, KEEP_FIRST)
KEEP_MERGE(last_value, KEEP_LAST)
KEEP_MERGE(single_value, KEEP_SINGLE)

static int kept_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset, uint32_t n,
                       struct column *ret, struct err *err) {
    struct col_builder b;
    const struct type *t = ret->type;
    col_builder_init(&b, t, n);
    int rc = 0;
    for (uint32_t i = 0; i < n && !rc; i++) {
        const struct kept *acc = (const struct kept *)(accs[i] + acc_offset);
        if (acc->rows <= 0)
            col_add_null(&b);
        else if (!value_decode(&b, acc->value.ptr, acc->value.len))
            rc = err_set(err, ERR_CORRUPT, "%s: damaged value in the state", c->agg->name);
    }
    if (!rc) {
        col_release(ret);
        col_builder_finish(&b, ret);
    }
    col_builder_release(&b);
    return rc;
}

static void kept_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct kept *k = acc;
    str_add_n(out, &k->rows, sizeof(k->rows));
    if (k->rows > 0) str_add_n(out, k->value.ptr, k->value.len);
}

static int kept_load(const struct agg_call *c, void *acc, struct sv bytes, struct blob_alloc *blobs,
                     struct err *err) {
    struct kept *k = acc;
    if (bytes.len < sizeof(k->rows))
        return err_set(err, ERR_CORRUPT, "%s: state of %zu bytes", c->agg->name, bytes.len);
    memcpy(&k->rows, bytes.ptr, sizeof(k->rows));
    return acc_bytes_add(&k->value, bytes.ptr + sizeof(k->rows), bytes.len - sizeof(k->rows), blobs,
                         err);
}

static void kept_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    acc_bytes_free(&((struct kept *)acc)->value, blobs);
}

static int kept_bind(struct agg_bind *ab, struct err *err) {
    ab->call->ret_type = agg_nullable_like(ab, ab->args[0]->type);
    ab->call->acc_size_bytes = sizeof(struct kept);
    return 0;
}

static int single_value_bind(struct agg_bind *ab, struct err *err) {
    int rc = kept_bind(ab, err);
    ab->call->ret_type = type_with_null(ab->arena, ab->call->ret_type, true);
    return rc;
}

#define first_value_bind kept_bind
#define last_value_bind kept_bind

#define KEEP_AGG(id, sql, more_flags, which, text)                                                 \
    const struct agg agg_##id = {                                                                  \
        .name = sql,                                                                               \
        .signature = sql "(value)",                                                                \
        .doc = text,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = 1,                                                                             \
        .flags = AGG_MERGE | AGG_BLOB | (more_flags),                                              \
        .keep = which,                                                                             \
        .bind = id##_bind,                                                                         \
        .update = id##_update,                                                                     \
        .merge = id##_merge,                                                                       \
        .finish = kept_finish,                                                                     \
        .save = kept_save,                                                                         \
        .load = kept_load,                                                                         \
        .free_acc = kept_free,                                                                     \
    };

KEEP_AGG(first_value, "FIRST_VALUE", AGG_ORDERED | AGG_VALUES, AGG_KEEP_FIRST,
         "First value that is not NULL.")
KEEP_AGG(last_value, "LAST_VALUE", AGG_ORDERED | AGG_VALUES, AGG_KEEP_LAST,
         "Last value that is not NULL.")
KEEP_AGG(single_value, "$SINGLE_VALUE", AGG_RETRACT, AGG_KEEP_ALL,
         "The value of the only row; fails if there are several.")
