/* batch.h - the unit that flows: up to BATCH_ROWS_MAX rows in columns, with row kinds and embedded
 * watermarks.
 *
 * Embedded watermarks (steps): Flink advances event time between two rows. To keep batches large
 * and results independent of batch size, a batch carries where that happened: step {row, wm} means
 * "watermark wm stands in front of row `row`" (row may equal n: behind the last row). Steps are
 * sorted by row and strictly rising in wm. Ops that don't declare OP_STEPS get the batch cut at its
 * steps by the framework (worker/op.h), with watermark elements in between.
 *
 * A batch is reference-counted and immutable once published; batch_new gives a private one. */
#ifndef PENSTOCK_VECTOR_BATCH_H
#define PENSTOCK_VECTOR_BATCH_H

#include "vector/column.h"

#include <limits.h>
#include <stdatomic.h>

enum { BATCH_ROWS_MAX = 4096 };

/* As in Flink; the values travel on the wire and in checkpoints. */
enum row_kind { ROW_INSERT = 0, ROW_UPDATE_BEFORE = 1, ROW_UPDATE_AFTER = 2, ROW_DELETE = 3 };

static inline bool row_kind_adds(uint8_t k) { /* +I, +U */
    return !(k & 1);
}
extern const char *const row_kind_text[4]; /* "+I" "-U" "+U" "-D" */

#define WATERMARK_MIN INT64_MIN /* nothing known yet */
#define WATERMARK_MAX INT64_MAX /* end of event time */

struct wm_step {
    uint32_t row;
    int64_t wm; /* ms */
};

struct field {
    const char *name;
    const struct type *type;
};

/* Names and types of a batch's columns; lives in the plan's arena. */
struct schema {
    int32_t n;
    const struct field *fields;
};

struct batch {
    atomic_uint refs;
    uint32_t n; /* rows; may be 0 when only steps matter */
    int32_t n_cols;
    struct column *cols;
    uint8_t *kinds; /* enum row_kind per row; NULL = all +I */
    struct buffer *kinds_buf;
    uint64_t *hashes; /* key hashes from the last hash exchange, or NULL */
    struct buffer *hashes_buf;
    uint32_t n_steps;
    struct wm_step *steps; /* in steps_buf */
    struct buffer *steps_buf;
    uint32_t split;    /* source: number of the split the rows are of (watermarks per split) */
    int64_t source_ns; /* monotonic time at which the source made it; latency metrics */
};

/* n_cols zeroed columns, no rows; the caller fills cols[i] and n. One reference. */
struct batch *batch_new(int32_t n_cols);
struct batch *batch_ref(struct batch *b);
void batch_unref(struct batch *b); /* NULL accepted */
/* A new batch sharing src's columns (and kinds, hashes, steps); its column array may be changed. */
struct batch *batch_share(const struct batch *src);
/* Rows [from, from + n), with the steps whose row is in [from, from + n), re-based; a step at the
 * very end (row == src->n) belongs to the slice that ends there. */
struct batch *batch_slice(const struct batch *src, uint32_t from, uint32_t n);
/* Rows idx[0..n), ascending. Steps are kept and moved to where their rows went, if keep_steps. */
struct batch *batch_gather(const struct batch *src, const uint32_t *idx, uint32_t n,
                           bool keep_steps);
/* Several batches of one schema behind one another, up to BATCH_ROWS_MAX rows in all. */
struct batch *batch_concat(struct batch *const *srcs, uint32_t n_srcs);
/* Writable kinds, filled with +I if there were none. Before publishing. */
uint8_t *batch_make_kinds(struct batch *b);
/* Gives b, which has none, the row kinds that were added to this builder (TINYINT), which is empty
 * again. */
struct col_builder;
void batch_take_kinds(struct batch *b, struct col_builder *kinds);
void batch_set_steps(struct batch *b, const struct wm_step *steps, uint32_t n);
size_t batch_size_bytes(const struct batch *b);
/* Checks the invariants above (debug and tests). */
int batch_verify(const struct batch *b, struct err *err) ATTR_MUST_USE;

const struct schema *schema_new(struct arena *a, int32_t n); /* fields zeroed; cast to fill */
const struct schema *schema_copy(struct arena *a, const struct schema *s);
int schema_find(const struct schema *s, const char *name); /* -1 if absent; exact */
cJSON *schema_to_json(const struct schema *s); /* [{"name": "a", "type": "INT NOT NULL"}] */
int schema_from_json(struct arena *a, const cJSON *j, const struct schema **ret,
                     struct err *err) ATTR_MUST_USE;

/* Builds batches row by row for parsers, tests and slow paths: append typed values per column,
 * then batch_builder_finish. Column builders grow; strings are copied unless borrowed. */
struct col_builder {
    struct column col; /* col.n = rows so far */
    uint32_t cap;      /* rows there is (or, before the first value, will be) room for */
    struct col_builder *children;
    bool has_null;
    bool cap_used; /* cap rows are allocated */
};
void col_builder_init(struct col_builder *b, const struct type *type, uint32_t cap);
void col_builder_release(struct col_builder *b);
void col_builder_finish(struct col_builder *b, struct column *ret_col); /* b is empty again */
void col_add_null(struct col_builder *b);
void col_add_bool(struct col_builder *b, bool v);
void col_add_int(struct col_builder *b, int64_t v); /* any integer phys I8..I64 */
void col_add_i128(struct col_builder *b, i128 v);
void col_add_f64(struct col_builder *b, double v);                                /* F32 or F64 */
void col_add_str(struct col_builder *b, const char *p, size_t n);                 /* copies */
void col_add_str_borrowed(struct col_builder *b, const char *p, size_t n);        /* p outlives; see
                                                                            col_heap(&b->col) to keep it */
void col_add_from(struct col_builder *b, const struct column *src, uint32_t row); /* copies */
/* LIST, MAP, ROW: append to children[...], then close one parent row. (A NULL row: col_add_null on
 * the parent alone.) */
void col_close_row(struct col_builder *b);
/* Drops rows beyond n (a malformed record is rolled back). */
void col_builder_truncate(struct col_builder *b, uint32_t n);

#endif
