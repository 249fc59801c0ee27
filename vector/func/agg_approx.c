/* agg_approx.c - APPROX_COUNT_DISTINCT: HyperLogLog (Flajolet et al. 2007) with 2^14 registers,
 * standard error 0.8 %, estimated as Ertl 2017 ("New cardinality estimation algorithms for
 * HyperLogLog sketches", algorithm 6), which needs no bias tables. Up to 256 distinct hashes are
 * kept as they are: exact, and small. */
#include "vector/func/agg_acc.h"

#include "base/core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P = 14, REGISTERS = 1 << P, Q = 64 - P, EXACT_MAX = 256 };

/* Up to EXACT_MAX 8-byte hashes, or REGISTERS bytes. */
struct sketch {
    struct acc_bytes data;
    uint32_t dense;
    uint32_t pad;
};

static void dense_add(uint8_t *regs, uint64_t h) {
    uint32_t i = (uint32_t)(h >> Q);
    uint64_t rest = h << P;
    uint8_t rank = rest ? (uint8_t)(__builtin_clzll(rest) + 1) : Q + 1;
    if (rank > regs[i]) regs[i] = rank;
}

static int make_dense(struct sketch *s, struct blob_alloc *blobs, struct err *err) {
    static const uint8_t zeros[REGISTERS] = {0};
    struct acc_bytes old = s->data;
    s->data = (struct acc_bytes){0};
    int rc = acc_bytes_add(&s->data, zeros, REGISTERS, blobs, err);
    s->dense = 1;
    for (uint32_t at = 0; !rc && at < old.len; at += 8) {
        uint64_t h;
        memcpy(&h, old.ptr + at, 8);
        dense_add((uint8_t *)s->data.ptr, h);
    }
    acc_bytes_free(&old, blobs);
    return rc;
}

static int add(struct sketch *s, uint64_t h, struct blob_alloc *blobs, struct err *err) {
    if (s->dense) {
        dense_add((uint8_t *)s->data.ptr, h);
        return 0;
    }
    for (uint32_t at = 0; at < s->data.len; at += 8)
        if (memcmp(s->data.ptr + at, &h, 8) == 0) return 0;
    if (s->data.len < EXACT_MAX * 8) return acc_bytes_add(&s->data, &h, 8, blobs, err);
    int rc = make_dense(s, blobs, err);
    if (!rc) dense_add((uint8_t *)s->data.ptr, h);
    return rc;
}

static int approx_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    const struct column *c0 = r->args[0];
    AUTO_FREE uint64_t *hashes = mem_calloc((size_t)r->n + 1, sizeof *hashes);
    col_hash_rows(c0, r->rows, hashes, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = agg_row(r, i);
        if (!col_is_valid(c0, row) || !agg_adds(r, row)) continue;
        int rc = add(agg_acc(r, i), hashes[i], r->blobs, err);
        if (rc) return rc;
    }
    return 0;
}

static int approx_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                        uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                        struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        struct sketch *d = (struct sketch *)(dst[i] + acc_offset);
        const struct sketch *s = (const struct sketch *)(src[i] + acc_offset);
        int rc = 0;
        if (!s->dense) {
            for (uint32_t at = 0; at < s->data.len && !rc; at += 8) {
                uint64_t h;
                memcpy(&h, s->data.ptr + at, 8);
                rc = add(d, h, blobs, err);
            }
        } else {
            if (!d->dense) rc = make_dense(d, blobs, err);
            for (uint32_t k = 0; k < REGISTERS && !rc; k++)
                if (s->data.ptr[k] > d->data.ptr[k]) d->data.ptr[k] = s->data.ptr[k];
        }
        if (rc) return rc;
    }
    return 0;
}

static double sigma(double x) {
    if (x == 1) return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

static int64_t estimate(const struct sketch *s) {
    if (!s->dense) return s->data.len / 8;
    uint32_t count[Q + 2] = {0};
    for (uint32_t k = 0; k < REGISTERS; k++)
        count[(uint8_t)s->data.ptr[k]]++;
    const double m = REGISTERS;
    double z = m * tau(1 - count[Q + 1] / m);
    for (int k = Q; k >= 1; k--)
        z = 0.5 * (z + count[k]);
    z += m * sigma(count[0] / m);
    return llround(m * m / (2 * M_LN2 * z));
}

static int approx_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                         uint32_t n, struct column *ret, struct err *err) {
    for (uint32_t i = 0; i < n; i++)
        COL_DATA(ret, int64_t)[i] = estimate((const struct sketch *)(accs[i] + acc_offset));
    return 0;
}

static void approx_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct sketch *s = acc;
    str_add_char(out, (char)s->dense);
    if (s->data.len) str_add_n(out, s->data.ptr, s->data.len);
}

static int approx_load(const struct agg_call *c, void *acc, struct sv bytes,
                       struct blob_alloc *blobs, struct err *err) {
    struct sketch *s = acc;
    if (bytes.len == 0) return 0;
    s->dense = bytes.ptr[0] != 0;
    size_t n = bytes.len - 1;
    if (s->dense ? n != REGISTERS : n % 8 || n > EXACT_MAX * 8)
        return err_set(err, ERR_CORRUPT, "APPROX_COUNT_DISTINCT: state of %zu bytes", bytes.len);
    for (size_t i = 1; s->dense && i <= n; i++)
        if ((uint8_t)bytes.ptr[i] > Q + 1)
            return err_set(err, ERR_CORRUPT, "APPROX_COUNT_DISTINCT: damaged register");
    return acc_bytes_add(&s->data, bytes.ptr + 1, n, blobs, err);
}

static void approx_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    acc_bytes_free(&((struct sketch *)acc)->data, blobs);
}

static int approx_bind(struct agg_bind *ab, struct err *err) {
    if (ab->retract)
        return err_set(err, ERR_UNSUPPORTED,
                       "APPROX_COUNT_DISTINCT over input that retracts: use COUNT(DISTINCT ...)");
    ab->call->ret_type = type_of_not_null(TYPE_BIGINT);
    ab->call->acc_size_bytes = sizeof(struct sketch);
    return 0;
}

const struct agg agg_approx_count_distinct = {
    .name = "APPROX_COUNT_DISTINCT",
    .signature = "APPROX_COUNT_DISTINCT(value)",
    .doc =
        "Approximate number of distinct values that are not NULL, with a standard error of 0.8 %; "
        "exact up to 256.",
    .min_args = 1,
    .max_args = 1,
    .flags = AGG_MERGE | AGG_BLOB,
    .bind = approx_bind,
    .update = approx_update,
    .merge = approx_merge,
    .finish = approx_finish,
    .save = approx_save,
    .load = approx_load,
    .free_acc = approx_free,
};
