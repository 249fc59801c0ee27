/* cast_nested.c - casts of ARRAY, MAP, MULTISET and ROW, element by element. An element that
 * fails makes the whole value fail. */
#include "vector/func/cast.h"

#include "base/core/mem.h"

#include <string.h>

static bool bit(const uint64_t *b, uint32_t i) {
    return b[i >> 6] >> (i & 63) & 1;
}

/* The elements of the rows of src, with those of NULL rows made NULL so that they cannot fail. */
static void live_elements(const struct column *src, const struct column *child, uint32_t from,
                          uint32_t n, struct column *ret) {
    const uint32_t *off = src->data;
    col_slice(ret, child, from, n);
    if (!src->valid) return;
    struct column c = *ret;
    c.valid = NULL;
    c.valid_buf = NULL;
    uint64_t *v = col_make_valid(&c);
    if (ret->valid) memcpy(v, ret->valid, valid_words(n) * 8);
    for (uint32_t r = 0; r < src->n; r++) {
        if (col_is_valid(src, r)) continue;
        for (uint32_t i = off[r] - from; i < off[r + 1] - from; i++)
            v[i >> 6] &= ~(1ull << (i & 63));
    }
    buffer_unref(ret->valid_buf);
    ret->valid = c.valid;
    ret->valid_buf = c.valid_buf;
}

static uint32_t row_of(const uint32_t *off, uint32_t n, uint32_t element) {
    uint32_t lo = 0, hi = n;
    while (hi - lo > 1) {
        uint32_t mid = (lo + hi) / 2;
        if (off[mid] <= element)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Converts src to child's type, in place of *dst. Failed rows are set in `failed` if quiet. */
static int cast_child(struct cast_job *j, struct column *src, const struct type *to,
                      struct column *dst, uint64_t *failed, uint32_t *ret_err_row,
                      struct err *err) {
    struct column out;
    col_init(&out, to, src->n);
    if (src->valid) memcpy(col_make_valid(&out), src->valid, valid_words(src->n) * 8);
    struct cast_job c = {.src = src,
                         .dst = &out,
                         .from = src->type,
                         .to = to,
                         .env = j->env,
                         .quiet = j->quiet,
                         .failed = failed};
    cast_fn fn = cast_kernel(src->type, to);
    CHECKF(fn != NULL, "no cast kernel");
    int rc = fn(&c, err);
    if (rc) {
        *ret_err_row = c.err_row;
        col_release(&out);
        return rc;
    }
    col_release(dst);
    *dst = out;
    return 0;
}

/* ARRAY, MAP, MULTISET: the offsets stay, children are converted as one column. */
static int cast_collection(struct cast_job *j, struct err *err) {
    const uint32_t *off = j->src->data;
    uint32_t n = j->src->n, from = n ? off[0] : 0, n_elems = n ? off[n] - from : 0;
    uint32_t *d = j->dst->data;
    d[0] = 0;
    for (uint32_t i = 0; i <= n && n; i++)
        d[i] = off[i] - from;
    AUTO_FREE uint64_t *failed = mem_calloc(valid_words(n_elems) + 1, sizeof(*failed));
    for (int c = 0; c < j->src->n_children; c++) {
        struct column elems;
        live_elements(j->src, &j->src->children[c], from, n_elems, &elems);
        uint32_t at = 0;
        const struct type *to = c < j->to->n_children ? j->to->children[c] : elems.type;
        int rc = cast_child(j, &elems, to, &j->dst->children[c], failed, &at, err);
        col_release(&elems);
        if (rc) {
            j->err_row = row_of(off, n, at + from);
            return rc;
        }
    }
    for (uint32_t r = 0; j->quiet && r < n; r++)
        for (uint32_t i = d[r]; i < d[r + 1]; i++)
            if (bit(failed, i)) j->failed[r >> 6] |= 1ull << (r & 63);
    return 0;
}

/* ROW: children stand in step with the parent. */
static int cast_row(struct cast_job *j, struct err *err) {
    uint32_t words = valid_words(j->src->n);
    for (int c = 0; c < j->src->n_children; c++) {
        struct column field;
        col_ref(&field, &j->src->children[c]);
        if (j->src->valid) { /* fields of NULL rows must not fail */
            struct column v = field;
            v.valid = NULL;
            v.valid_buf = NULL;
            uint64_t *bits = col_make_valid(&v);
            for (uint32_t w = 0; w < words; w++)
                bits[w] = j->src->valid[w] & (field.valid ? field.valid[w] : ~0ull);
            buffer_unref(field.valid_buf);
            field.valid = v.valid;
            field.valid_buf = v.valid_buf;
        }
        AUTO_FREE uint64_t *failed = mem_calloc(words + 1, sizeof(*failed));
        int rc = cast_child(j, &field, j->to->children[c], &j->dst->children[c], failed,
                            &j->err_row, err);
        col_release(&field);
        if (rc) return rc;
        for (uint32_t w = 0; j->quiet && w < words; w++)
            j->failed[w] |= failed[w];
    }
    return 0;
}

cast_fn cast_kernel_nested(const struct type *from, const struct type *to) {
    if (from->kind != to->kind) return NULL;
    return from->kind == TYPE_ROW ? cast_row : cast_collection;
}
