/* col_builder.c - columns built value by value. Capacity doubles; a bitmap exists from the first
 * NULL on and is all ones beyond the rows added, so that adding a value never touches it. */
#include "vector/batch.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { BUILDER_MIN_ROWS = 16 };

static size_t slot_bytes(const struct column *c) {
    return c->phys == PHYS_LIST || c->phys == PHYS_MAP ? sizeof(uint32_t)
                                                       : (size_t)phys_size_bytes(c->phys);
}

static void grow_data(struct col_builder *b, uint32_t cap) {
    struct column *c = &b->col;
    size_t size = slot_bytes(c);
    if (!size) return;
    bool offsets = c->phys == PHYS_LIST || c->phys == PHYS_MAP;
    struct buffer *buf = buffer_new(((size_t)cap + 1) * size);
    if (c->data)
        memcpy(buf->data, c->data, (c->n + (offsets ? 1 : 0)) * size);
    else if (offsets)
        *(uint32_t *)buf->data = 0;
    buffer_unref(c->data_buf);
    c->data_buf = buf;
    c->data = buf->data;
}

static void grow_valid(struct col_builder *b, uint32_t cap) {
    struct column *c = &b->col;
    struct buffer *buf = buffer_new((valid_words(cap) + 1) * sizeof(uint64_t));
    memset(buf->data, 0xff, (valid_words(cap) + 1) * sizeof(uint64_t));
    if (c->valid) memcpy(buf->data, c->valid, valid_words(c->n) * sizeof(uint64_t));
    buffer_unref(c->valid_buf);
    c->valid_buf = buf;
    c->valid = (uint64_t *)buf->data;
}

static ATTR_COLD void builder_grow(struct col_builder *b) {
    uint32_t cap = b->col.data || b->cap_used ? b->cap * 2 : b->cap;
    if (cap < BUILDER_MIN_ROWS) cap = BUILDER_MIN_ROWS;
    grow_data(b, cap);
    if (b->has_null) grow_valid(b, cap);
    b->cap = cap;
    b->cap_used = true;
}

/* Makes room for one more row and returns its index. */
static inline uint32_t builder_next(struct col_builder *b) {
    if (unlikely(b->col.n >= b->cap || !b->cap_used)) builder_grow(b);
    return b->col.n++;
}

void col_builder_init(struct col_builder *b, const struct type *type, uint32_t cap) {
    memset(b, 0, sizeof(*b));
    b->col.type = type;
    b->col.phys = type_phys(type);
    b->cap = cap;
    b->col.n_children = type_stored_children(type);
    if (!b->col.n_children) return;
    b->children = mem_calloc((size_t)b->col.n_children, sizeof(*b->children));
    for (int i = 0; i < b->col.n_children; i++)
        col_builder_init(&b->children[i], type_stored_child(type, i), cap);
}

void col_builder_release(struct col_builder *b) {
    for (int i = 0; i < b->col.n_children; i++)
        col_builder_release(&b->children[i]);
    free(b->children);
    b->col.n_children = 0; /* col.children is never set while building */
    col_release(&b->col);
    memset(b, 0, sizeof(*b));
}

void col_builder_finish(struct col_builder *b, struct column *ret_col) {
    if (!b->cap_used) builder_grow(b); /* a column of no rows has its buffers all the same */
    struct column c = b->col;
    if (c.n_children) {
        c.children = mem_calloc((size_t)c.n_children, sizeof(*c.children));
        for (int i = 0; i < c.n_children; i++)
            col_builder_finish(&b->children[i], &c.children[i]);
    }
    b->col = (struct column){.type = c.type, .phys = c.phys, .n_children = c.n_children};
    b->has_null = b->cap_used = false;
    *ret_col = c;
}

void col_add_null(struct col_builder *b) {
    uint32_t i = builder_next(b);
    if (!b->has_null) {
        b->has_null = true;
        b->col.n = 0; /* nothing to keep: all rows so far are valid */
        grow_valid(b, b->cap);
        b->col.n = i + 1;
    }
    b->col.valid[i >> 6] &= ~(1ull << (i & 63));
    struct column *c = &b->col;
    switch (c->phys) {
    case PHYS_LIST:
    case PHYS_MAP:
        COL_DATA(c, uint32_t)[i + 1] = COL_DATA(c, uint32_t)[i];
        break;
    case PHYS_ROW:
        for (int k = 0; k < c->n_children; k++)
            col_add_null(&b->children[k]);
        break;
    default:
        if (c->data) memset((char *)c->data + i * slot_bytes(c), 0, slot_bytes(c));
    }
}

void col_add_bool(struct col_builder *b, bool v) {
    uint32_t i = builder_next(b);
    COL_DATA(&b->col, uint8_t)[i] = v;
}

void col_add_int(struct col_builder *b, int64_t v) {
    uint32_t i = builder_next(b);
    switch (b->col.phys) {
    case PHYS_I8:
        COL_DATA(&b->col, int8_t)[i] = (int8_t)v;
        break;
    case PHYS_I16:
        COL_DATA(&b->col, int16_t)[i] = (int16_t)v;
        break;
    case PHYS_I32:
        COL_DATA(&b->col, int32_t)[i] = (int32_t)v;
        break;
    case PHYS_I64:
        COL_DATA(&b->col, int64_t)[i] = v;
        break;
    default:
        UNREACHABLE("integer into a column of %s", phys_name(b->col.phys));
    }
}

void col_add_i128(struct col_builder *b, i128 v) {
    uint32_t i = builder_next(b);
    COL_DATA(&b->col, i128)[i] = v;
}

void col_add_f64(struct col_builder *b, double v) {
    uint32_t i = builder_next(b);
    if (b->col.phys == PHYS_F32)
        COL_DATA(&b->col, float)[i] = (float)v;
    else
        COL_DATA(&b->col, double)[i] = v;
}

void col_add_str(struct col_builder *b, const char *p, size_t n) {
    uint32_t i = builder_next(b);
    CHECK(n <= TYPE_LENGTH_MAX);
    struct strv *s = &COL_DATA(&b->col, struct strv)[i];
    *s = n <= STRV_INLINE_MAX_BYTES ? strv_borrow(p, (uint32_t)n)
                                    : strv_copy(col_heap(&b->col), p, (uint32_t)n);
}

void col_add_str_borrowed(struct col_builder *b, const char *p, size_t n) {
    uint32_t i = builder_next(b);
    CHECK(n <= TYPE_LENGTH_MAX);
    COL_DATA(&b->col, struct strv)[i] = strv_borrow(p, (uint32_t)n);
}

void col_close_row(struct col_builder *b) {
    uint32_t i = builder_next(b);
    struct column *c = &b->col;
    if (c->phys == PHYS_ROW) {
        for (int k = 0; k < c->n_children; k++)
            CHECKF(b->children[k].col.n == c->n, "field %d has %u rows, the row has %u", k,
                   b->children[k].col.n, c->n);
        return;
    }
    COL_DATA(c, uint32_t)[i + 1] = b->children[0].col.n;
    if (c->phys == PHYS_MAP) CHECK(b->children[1].col.n == b->children[0].col.n);
}

void col_add_from(struct col_builder *b, const struct column *src, uint32_t row) {
    if (!col_is_valid(src, row)) {
        col_add_null(b);
        return;
    }
    struct column *c = &b->col;
    CHECK(src->phys == c->phys);
    if (c->phys == PHYS_STR) {
        const struct strv *s = &COL_DATA(src, struct strv)[row];
        col_add_str(b, strv_data(s), s->len);
        return;
    }
    if (c->phys < PHYS_LIST) {
        uint32_t i = builder_next(b);
        size_t size = slot_bytes(c);
        memcpy((char *)c->data + i * size, (char *)src->data + row * size, size);
        return;
    }
    uint32_t from = row, n = 1;
    if (c->phys != PHYS_ROW) {
        from = COL_DATA(src, uint32_t)[row];
        n = COL_DATA(src, uint32_t)[row + 1] - from;
    }
    for (int k = 0; k < c->n_children; k++)
        for (uint32_t i = 0; i < n; i++)
            col_add_from(&b->children[k], &src->children[k], from + i);
    col_close_row(b);
}

void col_builder_truncate(struct col_builder *b, uint32_t n) {
    struct column *c = &b->col;
    if (n > c->n) n = c->n;
    if (b->has_null)
        for (uint32_t i = n; i < c->n; i++)
            c->valid[i >> 6] |= 1ull << (i & 63);
    c->n = n;
    bool lists = c->phys == PHYS_LIST || c->phys == PHYS_MAP;
    for (int k = 0; k < c->n_children; k++)
        col_builder_truncate(&b->children[k], !lists ? n : c->data ? COL_DATA(c, uint32_t)[n] : 0);
}
