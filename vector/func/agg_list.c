/* agg_list.c - LISTAGG and ARRAY_AGG: values one behind another, in the order of their rows. */
#include "vector/func/agg_acc.h"

#include "vector/value_codec.h"

#include <string.h>

/* ---- LISTAGG -------------------------------------------------------------------------------- */

struct listagg {
    struct acc_bytes text;
    int64_t has;
};

static struct sv separator(const struct agg_call *c, const struct agg_rows *r, uint32_t row) {
    if (c->n_args < 2) return SV_LIT(",");
    const struct column *s = c->consts[1] ? c->consts[1] : r->args[1];
    uint32_t at = c->consts[1] ? 0 : row;
    return col_is_valid(s, at) ? strv_sv(&COL_DATA(s, const struct strv)[at]) : SV_LIT(",");
}

static int append(struct listagg *acc, struct sv sep, struct sv v, struct blob_alloc *blobs,
                  struct err *err) {
    int rc = acc->has ? acc_bytes_add(&acc->text, sep.ptr, sep.len, blobs, err) : 0;
    acc->has = 1;
    return rc ? rc : acc_bytes_add(&acc->text, v.ptr, v.len, blobs, err);
}

static int listagg_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        if (!col_is_valid(c0, row) || !agg_adds(r, row)) continue;
        struct sv v = strv_sv(&COL_DATA(c0, const struct strv)[row]);
        int rc = append(agg_acc(r, i), separator(c, r, row), v, r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int listagg_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                         uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                         struct err *err) {
    struct sv sep = SV_LIT(",");
    if (c->n_args > 1 && c->consts[1] && col_is_valid(c->consts[1], 0))
        sep = strv_sv(c->consts[1]->data);
    for (uint32_t i = 0; i < n; i++) {
        const struct listagg *s = (const struct listagg *)(src[i] + acc_offset);
        if (!s->has) continue;
        int rc = append((struct listagg *)(dst[i] + acc_offset), sep,
                        (struct sv){s->text.ptr, s->text.len}, blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int listagg_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                          uint32_t n, struct column *ret, struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        const struct listagg *a = (const struct listagg *)(accs[i] + acc_offset);
        COL_DATA(ret, struct strv)
        [i] = a->has ? strv_copy(col_heap(ret), a->text.ptr, a->text.len) : (struct strv){0};
        if (!a->has) col_set_null(ret, i);
    }
    return 0;
}

static int listagg_bind(struct agg_bind *ab, struct err *err) {
    for (int i = 0; i < ab->n_args; i++)
        if (!type_is_char(ab->args[i]->type)) return agg_bind_fail(ab, err);
    if (ab->n_args == 2 && ab->args[1]->kind == EXPR_LITERAL)
        ab->call->consts[1] = ab->args[1]->literal;
    ab->call->ret_type = type_new(ab->arena, TYPE_VARCHAR, ab->args[0]->type->nullable);
    ab->call->acc_size_bytes = sizeof(struct listagg);
    return 0;
}

/* ---- bytes as state: a count and a run of bytes ---------------------------------------------- */

_Static_assert(sizeof(struct listagg) == sizeof(struct acc_bytes) + 8, "saved alike");

static void bytes_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct listagg *a = acc;
    str_add_n(out, &a->has, sizeof(a->has));
    if (a->text.len) str_add_n(out, a->text.ptr, a->text.len);
}

static int bytes_load(const struct agg_call *c, void *acc, struct sv bytes,
                      struct blob_alloc *blobs, struct err *err) {
    struct listagg *a = acc;
    if (bytes.len < sizeof(a->has))
        return err_set(err, ERR_CORRUPT, "%s: state of %zu bytes", c->agg->name, bytes.len);
    memcpy(&a->has, bytes.ptr, sizeof(a->has));
    return acc_bytes_add(&a->text, bytes.ptr + sizeof(a->has), bytes.len - sizeof(a->has), blobs,
                         err);
}

static void bytes_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    acc_bytes_free(&((struct listagg *)acc)->text, blobs);
}

const struct agg agg_listagg = {
    .name = "LISTAGG",
    .signature = "LISTAGG([DISTINCT] string [, separator])",
    .doc = "The strings that are not NULL, in the order of their rows, with the separator (default "
           "',') between them.",
    .min_args = 1,
    .max_args = 2,
    .flags = AGG_MERGE | AGG_BLOB | AGG_ORDERED | AGG_VALUES,
    .bind = listagg_bind,
    .update = listagg_update,
    .merge = listagg_merge,
    .finish = listagg_finish,
    .save = bytes_save,
    .load = bytes_load,
    .free_acc = bytes_free,
};

/* ---- ARRAY_AGG ------------------------------------------------------------------------------ */

struct array_agg {
    struct acc_bytes values; /* encoded, NULLs too */
    int64_t count;
};
_Static_assert(sizeof(struct array_agg) == sizeof(struct listagg), "saved alike");

static int array_agg_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        struct array_agg *acc = agg_acc(r, i);
        if (!agg_adds(r, row)) continue;
        str_clear(&tmp);
        value_encode(r->args[0], row, &tmp);
        acc->count++;
        int rc = acc_bytes_add(&acc->values, tmp.ptr, tmp.len, r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int array_agg_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                           uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                           struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        struct array_agg *d = (struct array_agg *)(dst[i] + acc_offset);
        const struct array_agg *s = (const struct array_agg *)(src[i] + acc_offset);
        d->count += s->count;
        int rc = acc_bytes_add(&d->values, s->values.ptr, s->values.len, blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int array_agg_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                            uint32_t n, struct column *ret, struct err *err) {
    struct col_builder b;
    int rc = 0;
    col_builder_init(&b, ret->type, n);
    for (uint32_t i = 0; i < n && !rc; i++) {
        const struct array_agg *a = (const struct array_agg *)(accs[i] + acc_offset);
        uint32_t at = 0;
        if (!a->count) {
            col_add_null(&b);
            continue;
        }
        while (at < a->values.len && !rc) {
            size_t used = value_decode(&b.children[0], a->values.ptr + at, a->values.len - at);
            if (!used) rc = err_set(err, ERR_CORRUPT, "ARRAY_AGG: damaged value in the state");
            at += (uint32_t)used;
        }
        col_close_row(&b);
    }
    if (!rc) {
        col_release(ret);
        col_builder_finish(&b, ret);
    }
    col_builder_release(&b);
    return rc;
}

static int array_agg_bind(struct agg_bind *ab, struct err *err) {
    const struct type *t = type_with_time_attr(ab->arena, ab->args[0]->type, TIME_ATTR_NONE);
    ab->call->ret_type = type_array(ab->arena, t, true);
    ab->call->acc_size_bytes = sizeof(struct array_agg);
    return 0;
}

const struct agg agg_array_agg = {
    .name = "ARRAY_AGG",
    .signature = "ARRAY_AGG([DISTINCT] value)",
    .doc =
        "The values, NULLs too, as an array in the order of their rows; NULL if there is no row.",
    .min_args = 1,
    .max_args = 1,
    .flags = AGG_MERGE | AGG_BLOB | AGG_ORDERED | AGG_VALUES,
    .bind = array_agg_bind,
    .update = array_agg_update,
    .merge = array_agg_merge,
    .finish = array_agg_finish,
    .save = bytes_save,
    .load = bytes_load,
    .free_acc = bytes_free,
};
