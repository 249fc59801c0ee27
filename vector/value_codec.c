/* value_codec.c - see value_codec.h. */
#include "vector/value_codec.h"

#include <string.h>

static void add_u32(struct str *out, uint32_t v) {
    str_add_n(out, &v, sizeof(v));
}

static bool get_u32(const char *p, size_t n, uint32_t *ret) {
    if (n < sizeof(*ret)) return false;
    memcpy(ret, p, sizeof(*ret));
    return true;
}

void value_encode(const struct column *c, uint32_t row, struct str *out) {
    bool valid = col_is_valid(c, row);
    str_add_char(out, (char)valid);
    if (!valid) return;
    size_t size = (size_t)phys_size_bytes(c->phys);
    switch (c->phys) {
    case PHYS_STR: {
        struct sv s = strv_sv(&COL_DATA(c, struct strv)[row]);
        add_u32(out, (uint32_t)s.len);
        str_add_sv(out, s);
        break;
    }
    case PHYS_LIST:
    case PHYS_MAP: {
        const uint32_t *off = c->data;
        add_u32(out, off[row + 1] - off[row]);
        for (uint32_t i = off[row]; i < off[row + 1]; i++)
            for (int k = 0; k < c->n_children; k++)
                value_encode(&c->children[k], i, out);
        break;
    }
    case PHYS_ROW:
        for (int k = 0; k < c->n_children; k++)
            value_encode(&c->children[k], row, out);
        break;
    default:
        str_add_n(out, (const char *)c->data + row * size, size);
    }
}

static void add_fixed(struct col_builder *b, const char *p) {
    int64_t i = 0;
    switch (b->col.phys) {
    case PHYS_BOOL:
        col_add_bool(b, *p != 0);
        break;
    case PHYS_I128: {
        i128 v;
        memcpy(&v, p, sizeof(v));
        col_add_i128(b, v);
        break;
    }
    case PHYS_F32: {
        float f;
        memcpy(&f, p, sizeof(f));
        col_add_f64(b, (double)f);
        break;
    }
    case PHYS_F64: {
        double d;
        memcpy(&d, p, sizeof(d));
        col_add_f64(b, d);
        break;
    }
    default:
        memcpy(&i, p, (size_t)phys_size_bytes(b->col.phys));
        col_add_int(b, i);
    }
}

/* A group of children once (ROW) or count times (LIST, MAP). */
static size_t decode_children(struct col_builder *b, uint32_t count, const char *p, size_t n) {
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < b->col.n_children; k++) {
            size_t m = value_decode(&b->children[k], p + used, n - used);
            if (!m) return 0;
            used += m;
        }
    col_close_row(b);
    return used;
}

size_t value_decode(struct col_builder *b, const char *p, size_t n) {
    uint32_t len;
    if (n == 0) return 0;
    if (!*p) {
        col_add_null(b);
        return 1;
    }
    p++;
    n--;
    size_t size = (size_t)phys_size_bytes(b->col.phys), used;
    switch (b->col.phys) {
    case PHYS_STR:
        if (!get_u32(p, n, &len) || len > n - 4) return 0;
        col_add_str(b, p + 4, len);
        return 5 + (size_t)len;
    case PHYS_LIST:
    case PHYS_MAP:
        if (!get_u32(p, n, &len)) return 0;
        used = decode_children(b, len, p + 4, n - 4);
        return used || !len ? used + 5 : 0;
    case PHYS_ROW:
        used = decode_children(b, 1, p, n);
        return used || !b->col.n_children ? used + 1 : 0;
    case PHYS_NULL:
        return 0;
    default:
        if (n < size) return 0;
        add_fixed(b, p);
        return 1 + size;
    }
}

size_t value_skip(const struct type *t, const char *p, size_t n) {
    uint32_t count = 1;
    if (n == 0) return 0;
    if (!*p) return 1;
    enum phys phys = type_phys(t);
    size_t used = 1, size = (size_t)phys_size_bytes(phys);
    if (phys == PHYS_STR) {
        if (!get_u32(p + 1, n - 1, &count) || count > n - 5) return 0;
        return 5 + (size_t)count;
    }
    if (size) return n - 1 >= size ? 1 + size : 0;
    if (phys == PHYS_LIST || phys == PHYS_MAP) {
        if (!get_u32(p + 1, n - 1, &count)) return 0;
        used += 4;
    }
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < type_stored_children(t); k++) {
            size_t m = value_skip(type_stored_child(t, k), p + used, n - used);
            if (!m) return 0;
            used += m;
        }
    return used;
}
