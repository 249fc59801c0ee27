/* emit.h - appending values to column builders on the decoders' hot paths: the common case inline,
 * the rest through vector/batch.h. A builder's bitmap is all ones beyond its rows, so that adding a
 * value need not touch it. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_EMIT_H
#define PENSTOCK_CONNECTOR_FORMAT_EMIT_H

#include "vector/batch.h"

static inline bool emit_has_room(const struct col_builder *b) {
    return likely(b->cap_used && b->col.n < b->cap);
}

static inline void emit_i32(struct col_builder *b, int32_t v) {
    if (emit_has_room(b))
        COL_DATA(&b->col, int32_t)[b->col.n++] = v;
    else
        col_add_int(b, v);
}

static inline void emit_i64(struct col_builder *b, int64_t v) {
    if (emit_has_room(b))
        COL_DATA(&b->col, int64_t)[b->col.n++] = v;
    else
        col_add_int(b, v);
}

static inline void emit_f64(struct col_builder *b, double v) {
    if (emit_has_room(b))
        COL_DATA(&b->col, double)[b->col.n++] = v;
    else
        col_add_f64(b, v);
}

/* The bytes outlive the column, and 16 bytes from p are readable. */
static inline void emit_str_borrowed(struct col_builder *b, const char *p, size_t n) {
    if (!emit_has_room(b) || n > TYPE_LENGTH_MAX) {
        col_add_str_borrowed(b, p, n);
        return;
    }
    struct strv *s = &COL_DATA(&b->col, struct strv)[b->col.n++];
    if (n <= STRV_INLINE_MAX_BYTES) {
        /* Load 12 bytes and clear those beyond n: no call for a length known at run time only. */
        uint64_t lo;
        uint32_t hi;
        memcpy(&lo, p, 8);
        memcpy(&hi, p + 8, 4);
        if (n < 8) {
            lo = n ? lo & (~0ull >> (64 - 8 * n)) : 0;
            hi = 0;
        } else {
            hi = n > 8 ? hi & (~0u >> (96 - 8 * n)) : 0;
        }
        s->len = (uint32_t)n;
        memcpy(s->u.inl, &lo, 8);
        memcpy(s->u.inl + 8, &hi, 4);
    } else {
        s->len = (uint32_t)n;
        memcpy(s->u.ref.prefix, p, 4);
        s->u.ref.ptr = p;
    }
}

/* As col_add_null. For a ROW the fields are left behind, to be filled up in one go by emit_fill: a
 * reader of nested records meets long runs of NULL rows. */
void emit_null(struct col_builder *b);
/* Brings the fields of b, and of ROWs within, up to as many rows as b has: with empty values that
 * are not marked NULL. Before a value is appended to the fields of a ROW (emit_row_begin), and
 * before the builder is handed on. */
void emit_fill(struct col_builder *b);
static inline void emit_row_begin(struct col_builder *b) {
    if (b->col.n_children && b->children[0].col.n < b->col.n) emit_fill(b);
}

/* The stored value of a TIMESTAMP or TIMESTAMP_LTZ column, cut to its precision. ns: within the
 * ms, 0 .. 999999. */
static inline void emit_timestamp(struct col_builder *b, int64_t ms, int32_t ns) {
    static const int32_t cut[10] = {1000, 100, 10, 1, 100000, 10000, 1000, 100, 10, 1};
    int p = b->col.type->precision;
    if (p == 3) {
        emit_i64(b, ms);
    } else if (p < 3) {
        int64_t r = ms % cut[p];
        emit_i64(b, ms - (r < 0 ? r + cut[p] : r));
    } else {
        col_add_i128(b, (i128)ms * 1000000 + ns / cut[p] * cut[p]);
    }
}

#endif
