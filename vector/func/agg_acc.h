/* agg_acc.h - what aggregates share: loops over rows, values and growing bytes in accumulators. */
#ifndef PENSTOCK_VECTOR_FUNC_AGG_ACC_H
#define PENSTOCK_VECTOR_FUNC_AGG_ACC_H

#include "vector/func/agg.h"

/* 128-bit values in accumulators, which are aligned to 8 bytes. */
typedef i128 acc_i128 __attribute__((aligned(8)));

static inline uint32_t agg_row(const struct agg_rows *r, uint32_t i) {
    return r->rows ? r->rows[i] : i;
}
static inline void *agg_acc(const struct agg_rows *r, uint32_t i) {
    return r->accs[i] + r->acc_offset;
}
static inline bool agg_adds(const struct agg_rows *r, uint32_t row) {
    return !r->kinds || row_kind_adds(r->kinds[row]);
}

/* Runs BODY for each row i whose value in column c is not NULL, with `row`, `acc` (acc_t *) and
 * `sign` (+1 or -1) in scope. */
#define AGG_EACH(r, c, acc_t, BODY)                                                                \
    do {                                                                                           \
        if (!(r)->rows && !(c)->valid && !(r)->kinds) {                                            \
            for (uint32_t i_ = 0; i_ < (r)->n; i_++) {                                             \
                const uint32_t row = i_;                                                           \
                const int sign = 1;                                                                \
                acc_t *acc = agg_acc(r, i_);                                                       \
                (void)row, (void)sign;                                                             \
                BODY;                                                                              \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i_ = 0; i_ < (r)->n; i_++) {                                             \
                const uint32_t row = agg_row(r, i_);                                               \
                if (!col_is_valid(c, row)) continue;                                               \
                const int sign = agg_adds(r, row) ? 1 : -1;                                        \
                acc_t *acc = agg_acc(r, i_);                                                       \
                (void)row, (void)sign;                                                             \
                BODY;                                                                              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* A growing run of bytes owned by an accumulator. */
struct acc_bytes {
    char *ptr;
    uint32_t len, cap;
};

/* At most 1 GiB each: ERR_RUNTIME beyond. */
int acc_bytes_add(struct acc_bytes *b, const void *p, size_t n, struct blob_alloc *blobs,
                  struct err *err) ATTR_MUST_USE;
void acc_bytes_free(struct acc_bytes *b, struct blob_alloc *blobs);

/* "Cannot apply 'SUM' to arguments of type ..."; returns ERR_VALIDATION. */
int agg_bind_fail(const struct agg_bind *ab, struct err *err);
/* Replaces argument i by a cast of it. */
int agg_bind_cast(struct agg_bind *ab, int i, const struct type *to, struct err *err) ATTR_MUST_USE;
/* The argument's type, nullable unless it is NOT NULL and each group has a row. */
const struct type *agg_nullable_like(struct agg_bind *ab, const struct type *t);

#endif
