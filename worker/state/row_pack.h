/* row_pack.h - rows as bytes, for states that keep whole rows (joins, ranking, deduplication): NULL
 * bits, fixed-size fields at fixed places, then what is variable. A packed row refers to nothing
 * outside itself, so it can be moved, stored and checkpointed as it is.
 *
 * Layout: uint32 size of all, its top bit set where the row is wide; NULL bits; fixed-size fields
 * in order; the place where each string ends, counted from the row's start (2 bytes each, 4 in wide
 * rows: those above 64 KB or with nested fields); the strings behind one another. Nothing is
 * aligned. A nested field's place holds {uint32 offset, uint32 length} of its own encoding, which
 * lies behind the strings (ARRAY and MAP: uint32 count, then the elements as packed rows; ROW: a
 * packed row). */
#ifndef PENSTOCK_WORKER_STATE_ROW_PACK_H
#define PENSTOCK_WORKER_STATE_ROW_PACK_H

#include "vector/batch.h"
#include "worker/state/var_memory.h"

struct row_pack;

/* In the arena; types are borrowed. */
struct row_pack *row_pack_new(struct arena *a, const struct type *const *types, int n);
struct row_pack *row_pack_of_schema(struct arena *a, const struct schema *s);

/* Appends the packed row to out, whose length is made a multiple of 16 first. Returns where it
 * starts. A row is never larger than 2 GB. */
size_t row_pack_add(const struct row_pack *p, const struct column *cols, uint32_t row,
                    struct str *out);
/* The same for many rows at once, straight to where they are to lie: first how many bytes each
 * takes, then writing them to dst[i]. rows NULL: rows 0..n. Not for rows with
 * nested columns (row_pack_has_nested). */
bool row_pack_has_nested(const struct row_pack *p);
void row_pack_sizes(const struct row_pack *p, const struct column *cols, const uint32_t *rows,
                    uint32_t n, uint32_t *ret_sizes);
void row_pack_write(const struct row_pack *p, const struct column *cols, const uint32_t *rows,
                    uint32_t n, const uint32_t *sizes, char *const *dst);
/* The same for one row, nested columns too. */
uint32_t row_pack_bytes(const struct row_pack *p, const struct column *cols, uint32_t row);
void row_pack_put(const struct row_pack *p, const struct column *cols, uint32_t row,
                  uint32_t size_bytes, char *dst);
/* Brings the long strings of row `row`, which is to be packed soon, into the cache. */
void row_pack_prefetch(const struct row_pack *p, const struct column *cols, uint32_t row);
/* Whether bytes from storage can be a packed row: sizes and the places of its own fields (what is
 * inside nested ones isn't looked into). ERR_CORRUPT. */
int row_pack_check(const struct row_pack *p, const char *packed, size_t len,
                   struct err *err) ATTR_MUST_USE;
#define ROW_PACK_WIDE 0x80000000u
/* Cuts a packed row off bytes from storage and copies it to var memory, behind head_bytes (a
 * multiple of 16) that are the caller's. NULL: ERR_CORRUPT, or there is none. */
char *row_pack_take(const struct row_pack *p, struct sv *in, struct var_memory *var,
                    uint32_t head_bytes, struct err *err);
static inline uint32_t row_pack_size(const char *packed) {
    uint32_t n;
    __builtin_memcpy(&n, packed, 4);
    return n & ~ROW_PACK_WIDE;
}
/* Columns of n packed rows (NULL entries give NULLs in every column), initialised, the caller's;
 * bytes are copied. */
void row_pack_read(const struct row_pack *p, const char *const *packed, uint32_t n,
                   struct column *ret_cols);
/* One column of them. */
void row_pack_read_column(const struct row_pack *p, int column, const char *const *packed,
                          uint32_t n, struct column *ret_col);
/* The fixed field of a column, not aligned, NULL if it is NULL; for times, counters, order keys. */
const void *row_pack_fixed(const struct row_pack *p, const char *packed, int column);
bool row_pack_is_null(const char *packed, int column);
/* Bytes of a string field; ptr NULL if it is NULL. */
struct sv row_pack_text(const struct row_pack *p, const char *packed, int column);
/* Equal rows have equal bytes, but for -0.0 and NaNs: compared as values. */
bool row_pack_eq(const struct row_pack *p, const char *a, const char *b);
/* Whether a column of a packed row equals row `row` of c; NULL equals NULL. */
bool row_pack_eq_value(const struct row_pack *p, const char *packed, int column,
                       const struct column *c, uint32_t row);
/* Order of a column of a packed row against row `row` of c, as row_pack_cmp. */
int row_pack_cmp_value(const struct row_pack *p, const char *packed, int column,
                       const struct column *c, uint32_t row);
/* Order of one column of two packed rows: as col_cmp, NULLs first. Nested columns too. */
int row_pack_cmp(const struct row_pack *p, const char *a, const char *b, int column);

#endif
