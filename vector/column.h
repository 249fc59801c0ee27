/* column.h - one column of a batch, in Arrow's spirit: values, a validity bitmap, children.
 * Differences from Arrow: BOOLEAN is a byte a value, strings are views with pointers (strv.h),
 * DECIMAL is always 128 bits, TIMESTAMPs are ms (precision <= 3, 64 bits) or ns (128 bits).
 *
 * A column holds references to its buffers; copying the struct without col_ref is borrowing. All
 * columns are dense and start at row 0 of `data` (slices advance `data`; the validity bitmap of a
 * slice is re-based by copy, it is small). A slot whose validity bit is 0 holds an unspecified but
 * readable value (a strv in it is a valid view of length 0 or more). */
#ifndef PENSTOCK_VECTOR_COLUMN_H
#define PENSTOCK_VECTOR_COLUMN_H

#include "base/core/err.h"
#include "vector/buffer.h"
#include "vector/strv.h"
#include "vector/type.h"

#include <stdbool.h>
#include <stdint.h>

typedef __int128 i128;

struct column {
    const struct type *type; /* borrowed; outlives the column */
    enum phys phys;
    uint32_t n;              /* rows */
    void *data;              /* n values (n + 1 offsets for LIST, MAP); NULL for ROW, NULL */
    uint64_t *valid;         /* bit i % 64 of word i / 64: row i is not NULL; NULL = all valid;
                                bits past n are unspecified */
    struct buffer *data_buf; /* owner of data; NULL if borrowed for this turn */
    struct buffer *valid_buf;
    struct heap *heap; /* PHYS_STR: bytes behind the views; may be NULL if all inline */
    int32_t n_children;
    struct column *children; /* owned array of owned columns */
};

/* Typed access. */
#define COL_DATA(c, ctype) ((ctype *)(c)->data)

/* A value of phys BOOL or I8..I64. */
static inline int64_t col_int_at(const struct column *c, uint32_t row) {
    switch (c->phys) {
    case PHYS_BOOL:
        return COL_DATA(c, uint8_t)[row];
    case PHYS_I8:
        return COL_DATA(c, int8_t)[row];
    case PHYS_I16:
        return COL_DATA(c, int16_t)[row];
    case PHYS_I32:
        return COL_DATA(c, int32_t)[row];
    case PHYS_I64:
        return COL_DATA(c, int64_t)[row];
    default:
        UNREACHABLE("col_int_at: physical type %s", phys_name(c->phys));
    }
}

static inline bool col_is_valid(const struct column *c, uint32_t row) {
    return !c->valid || (c->valid[row >> 6] >> (row & 63) & 1);
}

static inline uint32_t valid_words(uint32_t n) {
    return (n + 63) / 64;
}

/* Makes *c a writable column of n rows (uninitialised values, all valid, no bitmap; PHYS_NULL: all
 * NULL). LIST and MAP get n + 1 offsets (offsets[0] = 0). Children of nested types are typed but
 * empty (n = 0): the caller builds them (col_init, col_ref, ... into children[i]). */
void col_init(struct column *c, const struct type *type, uint32_t n);
void col_release(struct column *c);                             /* drops references, zeroes *c */
void col_ref(struct column *ret_dst, const struct column *src); /* shares buffers */
/* Gives c a bitmap of its own with every row valid, if it has none; returns it. Only before
 * publishing. */
uint64_t *col_make_valid(struct column *c);
void col_set_null(struct column *c, uint32_t row); /* before publishing */
void col_set_valid_bit(struct column *c, uint32_t row, bool valid);
uint32_t col_null_count(const struct column *c);
/* A heap this column may allocate in and borrow to: its own, made if there is none; a new one that
 * borrows the old if that is shared. Before publishing. */
struct heap *col_heap(struct column *c);

/* rows [from, from + n); shares buffers. LIST, MAP: offsets[0] of a slice need not be 0. */
void col_slice(struct column *ret_dst, const struct column *src, uint32_t from, uint32_t n);
/* dst row i = src row idx[i]; strings borrow src's heap. UINT32_MAX in idx gives NULL. */
void col_gather(struct column *ret_dst, const struct column *src, const uint32_t *idx, uint32_t n);
/* Rows of several columns of one type behind one another. */
void col_concat(struct column *ret_dst, const struct column *const *srcs, uint32_t n_srcs);
/* A column of n rows with src's row 0 (or NULLs if src is NULL) in each. Owns its memory even where
 * src is a literal in an arena (value.h). */
void col_repeat(struct column *ret_dst, const struct column *src, const struct type *type,
                uint32_t n);
/* Copies string bytes so that the column borrows from no other heap (before long storage). */
void col_compact(struct column *c);

/* Value comparison with SQL's order; NULLs first (smallest), NaN largest. Types must have equal
 * phys. Nested types compare element by element; MAPs are equal when they hold the same entries in
 * any order. */
int col_cmp(const struct column *a, uint32_t ra, const struct column *b, uint32_t rb);
bool col_eq(const struct column *a, uint32_t ra, const struct column *b,
            uint32_t rb); /* NULL = NULL */

/* hash[i] = mix(hash[i], row i); start with zeroed hashes. Equal values of equal phys hash alike
 * (-0.0 = 0.0, all NaNs alike); NULLs hash to one value. Stable across processes and releases:
 * key groups and checkpoints rest on it. */
void col_hash(const struct column *c, uint64_t *hash, uint32_t n);
/* The same of row rows[i]; NULL: of row i. */
void col_hash_rows(const struct column *c, const uint32_t *rows, uint64_t *hash, uint32_t n);
/* Key group of a hash, 0 .. max_parallelism - 1, from its top bits (tables use the low ones). */
static inline uint32_t key_group_of(uint64_t hash, uint32_t max_parallelism) {
    return (uint32_t)(((hash >> 32) * max_parallelism) >> 32);
}
/* First key group of a subtask: ranges are contiguous and as even as can be. */
static inline uint32_t key_group_start(uint32_t max_parallelism, uint32_t parallelism,
                                       uint32_t subtask) {
    return (uint32_t)(((uint64_t)subtask * max_parallelism + parallelism - 1) / parallelism);
}
static inline uint32_t key_group_subtask(uint32_t key_group, uint32_t max_parallelism,
                                         uint32_t parallelism) {
    return (uint32_t)((uint64_t)key_group * parallelism / max_parallelism);
}

/* Memory that the column's rows account for (views and long string bytes), for budgets. */
size_t col_size_bytes(const struct column *c);

#endif
