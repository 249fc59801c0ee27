/* emit.c - NULLs. */
#include "connector/format/emit.h"

static inline void zero_slot(struct column *c, uint32_t i) {
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

void emit_empty(struct col_builder *b) {
    if (unlikely(!emit_has_room(b))) {
        /* The builder grows; the bit stays: an empty value that is NULL as well does no harm. */
        col_add_null(b);
        return;
    }
    zero_slot(&b->col, b->col.n++);
    if (b->col.phys == PHYS_ROW) {
        for (int i = 0; i < b->col.n_children; i++)
            emit_empty(&b->children[i]);
    }
}

void emit_null(struct col_builder *b) {
    if (unlikely(!emit_has_room(b) || !b->has_null)) {
        col_add_null(b);
        return;
    }
    uint32_t i = b->col.n;
    b->col.valid[i >> 6] &= ~(1ull << (i & 63));
    emit_empty(b);
}
