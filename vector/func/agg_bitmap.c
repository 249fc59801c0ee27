/* agg_bitmap.c - BITMAP_BUILD_AGG, BITMAP_AND_AGG, BITMAP_OR_AGG, BITMAP_XOR_AGG, and the same with
 * _CARDINALITY_. Where rows are only added (and for XOR, which is its own inverse) the accumulator
 * is the bitmap so far; where they are taken back too, it counts each value. */
#include "vector/func/agg_log.h"

#include "base/core/mem.h"
#include "vector/bitmap.h"

#include <stdlib.h>
#include <string.h>

enum kind { BUILD, AND, OR, XOR };

/* Values of BUILD wait in `log` (as plain keys) until there are so many, or as many bytes as the
 * bitmap has: a bitmap is rewritten as a whole. */
enum { PENDING_MIN = 256 };

struct bitmap_acc {
    struct acc_bytes bitmap;
    struct agg_log log; /* counting: value -> how often */
    int64_t rows;       /* not NULL, and not taken back */
};

/* By the letter behind BITMAP_. */
static enum kind kind_of(const struct agg_call *c) {
    switch (c->agg->name[sizeof("BITMAP_") - 1]) {
    case 'B':
        return BUILD;
    case 'A':
        return AND;
    case 'O':
        return OR;
    default:
        return XOR;
    }
}

static bool counts(const struct agg_call *c) {
    return c->retract && kind_of(c) != XOR;
}

static struct sv bytes_of(const struct acc_bytes *b) {
    return (struct sv){b->ptr, b->len};
}

static int set_bytes(struct acc_bytes *b, const struct str *to, struct blob_alloc *blobs,
                     struct err *err) {
    b->len = 0;
    return acc_bytes_add(b, str_text(to), to->len, blobs, err);
}

/* Combined with another bitmap; of the first row, it is that one. */
static int combine(struct bitmap_acc *acc, enum kind kind, bool first, struct sv with,
                   struct blob_alloc *blobs, struct err *err) {
    static const enum bitmap_op ops[] = {BITMAP_OP_OR, BITMAP_OP_AND, BITMAP_OP_OR, BITMAP_OP_XOR};
    AUTO_STR out = STR_INIT;
    if (first || !acc->bitmap.len)
        str_add_n(&out, with.ptr, with.len);
    else
        bitmap_combine(ops[kind], bytes_of(&acc->bitmap), with, &out);
    return set_bytes(&acc->bitmap, &out, blobs, err);
}

/* ---- BUILD: values that wait ---- */

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The bitmap of those that wait and those that are in it. */
static void built(const struct bitmap_acc *acc, struct str *out) {
    uint32_t n = acc->log.bytes.len / sizeof(uint32_t);
    AUTO_FREE uint32_t *values = mem_alloc(sizeof *values * (n + 1));
    AUTO_STR fresh = STR_INIT;
    if (n) memcpy(values, acc->log.bytes.ptr, sizeof *values * n);
    if (n) qsort(values, n, sizeof *values, by_value);
    bitmap_build(values, n, &fresh);
    struct sv f = {str_text(&fresh), fresh.len};
    if (acc->bitmap.len)
        bitmap_combine(BITMAP_OP_OR, bytes_of(&acc->bitmap), f, out);
    else
        str_add_n(out, f.ptr, f.len);
}

static int build_value(struct bitmap_acc *acc, int32_t v, struct blob_alloc *blobs,
                       struct err *err) {
    uint32_t value = (uint32_t)v;
    int rc = acc_bytes_add(&acc->log.bytes, &value, sizeof value, blobs, err);
    if (rc || acc->log.bytes.len < MAX(PENDING_MIN * (uint32_t)sizeof value, acc->bitmap.len))
        return rc;
    AUTO_STR all = STR_INIT;
    built(acc, &all);
    acc->log.bytes.len = 0;
    return set_bytes(&acc->bitmap, &all, blobs, err);
}

/* ---- rows ---- */

static int corrupt(const struct agg_call *c, struct err *err) {
    return err_set(err, ERR_CORRUPT, "%s: a BITMAP whose bytes are broken", c->agg->name);
}

static int count_values(const struct agg_call *c, struct bitmap_acc *acc, struct sv bitmap,
                        int sign, struct blob_alloc *blobs, struct err *err) {
    struct bitmap_reader r;
    AUTO_FREE uint64_t *words = mem_alloc(sizeof *words * BITMAP_WORDS);
    uint16_t key;
    int more = bitmap_open(&r, bitmap);
    if (more < 0) return corrupt(c, err);
    while ((more = bitmap_next(&r, &key, words)) > 0)
        for (uint32_t w = 0; w < BITMAP_WORDS; w++)
            for (uint64_t bits = words[w]; bits; bits &= bits - 1) {
                uint64_t v = (uint64_t)key << 16 | w * 64 | (uint32_t)__builtin_ctzll(bits);
                int rc = agg_log_add(&acc->log, v, sign, blobs, err);
                if (rc) return rc;
            }
    return more < 0 ? corrupt(c, err) : 0;
}

static int bitmap_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *col = r->args[0];
    enum kind kind = kind_of(c);
    bool counting = counts(c);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        if (!col_is_valid(col, row)) continue;
        struct bitmap_acc *acc = agg_acc(r, i);
        int sign = agg_adds(r, row) ? 1 : -1, rc;
        if (kind == BUILD) {
            int32_t v = COL_DATA(col, int32_t)[row];
            rc = counting ? agg_log_add(&acc->log, (uint32_t)v, sign, r->blobs, err)
                          : build_value(acc, v, r->blobs, err);
        } else {
            struct sv v = strv_sv(&COL_DATA(col, struct strv)[row]);
            rc = counting ? count_values(c, acc, v, sign, r->blobs, err)
                          : combine(acc, kind, acc->rows == 0 && kind != XOR, v, r->blobs, err);
        }
        if (rc) return rc;
        acc->rows += sign;
    }
    return 0;
}

static int merge_one(const struct agg_call *c, struct bitmap_acc *d, const struct bitmap_acc *s,
                     struct blob_alloc *blobs, struct err *err) {
    enum kind kind = kind_of(c);
    int rc;
    if (counts(c)) {
        rc = agg_log_append(&d->log, &s->log, blobs, err);
    } else if (kind == BUILD) {
        AUTO_STR all = STR_INIT;
        built(s, &all);
        rc = combine(d, BUILD, false, (struct sv){str_text(&all), all.len}, blobs, err);
    } else {
        if (!s->bitmap.len) return 0;
        rc = combine(d, kind, d->rows == 0 && kind != XOR, bytes_of(&s->bitmap), blobs, err);
    }
    d->rows += s->rows;
    return rc;
}

static int bitmap_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                        uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                        struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        int rc = merge_one(c, (struct bitmap_acc *)(dst[i] + acc_offset),
                           (const struct bitmap_acc *)(src[i] + acc_offset), blobs, err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- results ---- */

/* Counted values that belong to the result: there at all, or (AND) in every bitmap. */
static void counted(const struct bitmap_acc *acc, bool all, struct str *out) {
    uint32_t n, m = 0;
    AUTO_FREE struct log_pair *p = agg_log_sorted(&acc->log, &n);
    AUTO_FREE uint32_t *values = mem_alloc(sizeof *values * (n + 1));
    for (uint32_t i = 0; i < n; i++)
        if (all ? p[i].count == acc->rows : p[i].count > 0) values[m++] = (uint32_t)p[i].key;
    bitmap_build(values, m, out);
}

static int bitmap_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                         uint32_t n, struct column *ret, struct err *err) {
    AUTO_STR all = STR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        const struct bitmap_acc *a = (const struct bitmap_acc *)(accs[i] + acc_offset);
        str_clear(&all);
        if (counts(c))
            counted(a, kind_of(c) == AND, &all);
        else if (kind_of(c) == BUILD)
            built(a, &all);
        else if (a->bitmap.len)
            str_add_n(&all, a->bitmap.ptr, a->bitmap.len);
        struct sv bytes = {str_text(&all), all.len};
        if (ret->phys == PHYS_I64)
            COL_DATA(ret, int64_t)[i] = a->rows > 0 ? (int64_t)bitmap_cardinality(bytes) : 0;
        else
            COL_DATA(ret, struct strv)
        [i] = a->rows > 0 ? strv_copy(col_heap(ret), bytes.ptr, (uint32_t)bytes.len)
                          : (struct strv){0};
        if (a->rows <= 0) col_set_null(ret, i);
    }
    return 0;
}

/* ---- state: rows, length of the bitmap, the bitmap, the log ---- */

static void bitmap_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct bitmap_acc *a = acc;
    int64_t head[2] = {a->rows, a->bitmap.len};
    str_add_n(out, head, sizeof head);
    if (a->bitmap.len) str_add_n(out, a->bitmap.ptr, a->bitmap.len);
    if (a->log.bytes.len) str_add_n(out, a->log.bytes.ptr, a->log.bytes.len);
}

static int bitmap_load(const struct agg_call *c, void *acc, struct sv bytes,
                       struct blob_alloc *blobs, struct err *err) {
    struct bitmap_acc *a = acc;
    int64_t head[2];
    if (bytes.len < sizeof head) return corrupt(c, err);
    memcpy(head, bytes.ptr, sizeof head);
    size_t rest = bytes.len - sizeof head;
    if (head[1] < 0 || (size_t)head[1] > rest) return corrupt(c, err);
    struct bitmap_reader r;
    struct sv bitmap = {bytes.ptr + sizeof head, (size_t)head[1]};
    struct sv log = {bitmap.ptr + bitmap.len, rest - bitmap.len};
    if (bitmap.len && bitmap_open(&r, bitmap) < 0) return corrupt(c, err);
    a->rows = head[0];
    int rc = acc_bytes_add(&a->bitmap, bitmap.ptr, bitmap.len, blobs, err);
    if (rc) return rc;
    if (counts(c)) return agg_log_load(&a->log, log, blobs, err);
    if (log.len % sizeof(uint32_t)) return corrupt(c, err);
    return acc_bytes_add(&a->log.bytes, log.ptr, log.len, blobs, err);
}

static void bitmap_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    acc_bytes_free(&((struct bitmap_acc *)acc)->bitmap, blobs);
    acc_bytes_free(&((struct bitmap_acc *)acc)->log.bytes, blobs);
}

/* ---- the table ---- */

static int bitmap_bind(struct agg_bind *ab, struct err *err) {
    const struct type *t = ab->args[0]->type;
    bool build = kind_of(ab->call) == BUILD;
    if (build ? !type_is_int(t) || t->kind == TYPE_BIGINT : t->kind != TYPE_BITMAP)
        return agg_bind_fail(ab, err);
    int rc = build ? agg_bind_cast(ab, 0, type_of(TYPE_INT), err) : 0;
    bool cardinality = strstr(ab->call->agg->name, "CARDINALITY");
    ab->call->ret_type = type_of(cardinality ? TYPE_BIGINT : TYPE_BITMAP);
    ab->call->acc_size_bytes = sizeof(struct bitmap_acc);
    return rc;
}

#define BITMAP_AGG(ident, text, sig, what)                                                         \
    const struct agg ident = {                                                                     \
        .name = text,                                                                              \
        .signature = sig,                                                                          \
        .doc = what,                                                                               \
        .min_args = 1,                                                                             \
        .max_args = 1,                                                                             \
        .flags = AGG_MERGE | AGG_RETRACT | AGG_BLOB,                                               \
        .bind = bitmap_bind,                                                                       \
        .update = bitmap_update,                                                                   \
        .merge = bitmap_merge,                                                                     \
        .finish = bitmap_finish,                                                                   \
        .save = bitmap_save,                                                                       \
        .load = bitmap_load,                                                                       \
        .free_acc = bitmap_free,                                                                   \
    }

BITMAP_AGG(agg_bitmap_build, "BITMAP_BUILD_AGG", "BITMAP_BUILD_AGG(integer)",
           "The bitmap of the INTs that are not NULL; NULL if there is none.");
BITMAP_AGG(agg_bitmap_build_cardinality, "BITMAP_BUILD_CARDINALITY_AGG",
           "BITMAP_BUILD_CARDINALITY_AGG(integer)", "BITMAP_CARDINALITY of BITMAP_BUILD_AGG.");
BITMAP_AGG(agg_bitmap_and, "BITMAP_AND_AGG", "BITMAP_AND_AGG(bitmap)",
           "What is in all bitmaps that are not NULL; NULL if there is none.");
BITMAP_AGG(agg_bitmap_and_cardinality, "BITMAP_AND_CARDINALITY_AGG",
           "BITMAP_AND_CARDINALITY_AGG(bitmap)", "BITMAP_CARDINALITY of BITMAP_AND_AGG.");
BITMAP_AGG(agg_bitmap_or, "BITMAP_OR_AGG", "BITMAP_OR_AGG(bitmap)",
           "What is in one of the bitmaps at least; NULL if all are NULL.");
BITMAP_AGG(agg_bitmap_or_cardinality, "BITMAP_OR_CARDINALITY_AGG",
           "BITMAP_OR_CARDINALITY_AGG(bitmap)", "BITMAP_CARDINALITY of BITMAP_OR_AGG.");
BITMAP_AGG(agg_bitmap_xor, "BITMAP_XOR_AGG", "BITMAP_XOR_AGG(bitmap)",
           "What is in an odd number of the bitmaps; NULL if all are NULL.");
BITMAP_AGG(agg_bitmap_xor_cardinality, "BITMAP_XOR_CARDINALITY_AGG",
           "BITMAP_XOR_CARDINALITY_AGG(bitmap)", "BITMAP_CARDINALITY of BITMAP_XOR_AGG.");
