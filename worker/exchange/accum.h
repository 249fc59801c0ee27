/* accum.h - gathers rows of many batches into one: what a destination of an exchange collects until
 * it is worth sending. Rows are copied once, straight from the source batch to their place.
 *
 * Long strings: either the views keep pointing into the source's heap (cheap, but a few rows then
 * keep a whole heap alive) or the bytes are copied too; the caller chooses per append. */
#ifndef PENSTOCK_WORKER_EXCHANGE_ACCUM_H
#define PENSTOCK_WORKER_EXCHANGE_ACCUM_H

#include "vector/batch.h"

struct acc_col;

struct accum {
    const struct schema *schema; /* borrowed */
    uint32_t n;                  /* rows so far */
    uint32_t cap;                /* rows there is room for; grows by doubling */
    uint64_t bytes;              /* about what the rows weigh */
    struct acc_col *cols;        /* NULL when empty */
    struct buffer *kinds_buf, *hashes_buf;
    uint8_t *kinds;   /* NULL = all +I so far */
    uint64_t *hashes; /* NULL unless every append brought hashes */
    uint32_t n_steps, cap_steps;
    struct wm_step *steps;
    uint32_t split;
    int64_t source_ns; /* of the oldest row */
    int64_t since_ns;  /* when the first row came; set by the caller */
};

void accum_init(struct accum *a, const struct schema *schema);
void accum_release(struct accum *a);
/* Adds rows idx[0..n) of src (idx NULL: rows from, from + 1, ...). src's steps are the caller's
 * affair. hashes: per row of src, or NULL. */
void accum_append(struct accum *a, const struct batch *src, const uint32_t *idx, uint32_t from,
                  uint32_t n, const uint64_t *hashes, bool copy_strings);
/* A watermark behind the rows so far. Ignored unless it rises. */
void accum_step(struct accum *a, int64_t wm);
/* The batch, owned by the caller; a is empty afterwards. With no rows and no steps: NULL. */
struct batch *accum_take(struct accum *a);

#endif
