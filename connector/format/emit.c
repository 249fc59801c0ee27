/* emit.c - NULLs, and the empty values of NULL rows' fields. */
#include "connector/format/emit.h"

/* The first value of a builder, which makes its memory. */
static void add_empty(struct col_builder *b) {
    switch (b->col.phys) {
    case PHYS_BOOL:
        col_add_bool(b, false);
        break;
    case PHYS_I128:
        col_add_i128(b, 0);
        break;
    case PHYS_F32:
    case PHYS_F64:
        col_add_f64(b, 0);
        break;
    case PHYS_STR:
        col_add_str(b, "", 0);
        break;
    case PHYS_LIST:
    case PHYS_MAP:
        col_close_row(b);
        break;
    case PHYS_ROW:
        emit_null(b);
        break;
    case PHYS_NULL:
        col_add_null(b);
        break;
    default:
        col_add_int(b, 0);
    }
}

static void add_empties(struct col_builder *b, uint32_t to) {
    struct column *c = &b->col;
    uint32_t n = to - c->n;
    if (!n) return;
    if (unlikely(!b->cap_used || to > b->cap)) {
        while (c->n < to)
            add_empty(b);
        return;
    }
    if (c->phys == PHYS_LIST || c->phys == PHYS_MAP) {
        uint32_t *off = c->data;
        for (uint32_t i = c->n; i < to; i++)
            off[i + 1] = off[i];
    } else if (c->data) {
        size_t size = (size_t)phys_size_bytes(c->phys);
        memset((char *)c->data + c->n * size, 0, n * size);
    }
    c->n = to;
}

void emit_fill(struct col_builder *b) {
    for (int i = 0; i < b->col.n_children; i++) {
        if (b->col.phys == PHYS_ROW) add_empties(&b->children[i], b->col.n);
        emit_fill(&b->children[i]);
    }
}

void emit_null(struct col_builder *b) {
    if (unlikely(!emit_has_room(b) || !b->has_null)) {
        emit_fill(b); /* the general way keeps the fields in step */
        col_add_null(b);
        return;
    }
    struct column *c = &b->col;
    uint32_t i = c->n++;
    c->valid[i >> 6] &= ~(1ull << (i & 63));
    switch (c->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        COL_DATA(c, uint8_t)[i] = 0;
        break;
    case PHYS_I16:
        COL_DATA(c, uint16_t)[i] = 0;
        break;
    case PHYS_I32:
    case PHYS_F32:
        COL_DATA(c, uint32_t)[i] = 0;
        break;
    case PHYS_I64:
    case PHYS_F64:
        COL_DATA(c, uint64_t)[i] = 0;
        break;
    case PHYS_I128:
    case PHYS_STR:
        COL_DATA(c, i128)[i] = 0;
        break;
    case PHYS_LIST:
    case PHYS_MAP:
        COL_DATA(c, uint32_t)[i + 1] = COL_DATA(c, uint32_t)[i];
        break;
    default:
        break;
    }
}
