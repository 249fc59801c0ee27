/* col_cmp.c - comparison of single values, for sorting, keys and tests. */
#include "vector/column.h"

#include <math.h>

#define CMP(x, y) ((x) < (y) ? -1 : (x) > (y))

static int cmp_f64(double x, double y) {
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return CMP(x, y);
}

/* Children [xa, xa + xn) of a against [yb, yb + yn) of b, element by element. */
static int cmp_range(const struct column *a, uint32_t xa, uint32_t xn, const struct column *b,
                     uint32_t yb, uint32_t yn) {
    uint32_t n = xn < yn ? xn : yn;
    for (uint32_t i = 0; i < n; i++)
        for (int c = 0; c < a->n_children; c++) {
            int r = col_cmp(&a->children[c], xa + i, &b->children[c], yb + i);
            if (r) return r;
        }
    return CMP(xn, yn);
}

int col_cmp(const struct column *a, uint32_t ra, const struct column *b, uint32_t rb) {
    bool va = col_is_valid(a, ra), vb = col_is_valid(b, rb);
    if (!va || !vb) return va - vb;
    switch (a->phys) {
#define CMP_CASE(p, ctype)                                                                         \
    case p:                                                                                        \
        return CMP(COL_DATA(a, const ctype)[ra], COL_DATA(b, const ctype)[rb]);
        CMP_CASE(PHYS_BOOL, uint8_t)
        CMP_CASE(PHYS_I8, int8_t)
        CMP_CASE(PHYS_I16, int16_t)
        CMP_CASE(PHYS_I32, int32_t)
        CMP_CASE(PHYS_I64, int64_t)
        CMP_CASE(PHYS_I128, i128)
#undef CMP_CASE
    case PHYS_F32:
        return cmp_f64((double)COL_DATA(a, float)[ra], (double)COL_DATA(b, float)[rb]);
    case PHYS_F64:
        return cmp_f64(COL_DATA(a, double)[ra], COL_DATA(b, double)[rb]);
    case PHYS_STR: {
        int r = strv_cmp(&COL_DATA(a, struct strv)[ra], &COL_DATA(b, struct strv)[rb]);
        return CMP(r, 0);
    }
    case PHYS_LIST:
    case PHYS_MAP: {
        const uint32_t *oa = a->data, *ob = b->data;
        if (a->phys == PHYS_MAP && col_eq(a, ra, b, rb)) return 0;
        return cmp_range(a, oa[ra], oa[ra + 1] - oa[ra], b, ob[rb], ob[rb + 1] - ob[rb]);
    }
    case PHYS_ROW:
        return cmp_range(a, ra, 1, b, rb, 1);
    default:
        return 0;
    }
}

static bool map_eq(const struct column *a, uint32_t ra, const struct column *b, uint32_t rb) {
    const uint32_t *oa = a->data, *ob = b->data;
    uint32_t n = oa[ra + 1] - oa[ra];
    if (n != ob[rb + 1] - ob[rb]) return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t x = oa[ra] + i, j;
        for (j = 0; j < n; j++) {
            uint32_t k = (i + j) % n; /* same order: found at the first try */
            if (col_eq(&a->children[0], x, &b->children[0], ob[rb] + k) &&
                col_eq(&a->children[1], x, &b->children[1], ob[rb] + k))
                break;
        }
        if (j == n) return false;
    }
    return true;
}

bool col_eq(const struct column *a, uint32_t ra, const struct column *b, uint32_t rb) {
    bool va = col_is_valid(a, ra), vb = col_is_valid(b, rb);
    if (!va || !vb) return va == vb;
    if (a->phys == PHYS_STR)
        return strv_eq(&COL_DATA(a, struct strv)[ra], &COL_DATA(b, struct strv)[rb]);
    if (a->phys == PHYS_MAP) return map_eq(a, ra, b, rb);
    if (a->phys == PHYS_LIST) {
        const uint32_t *oa = a->data, *ob = b->data;
        uint32_t n = oa[ra + 1] - oa[ra];
        if (n != ob[rb + 1] - ob[rb]) return false;
        for (uint32_t i = 0; i < n; i++)
            if (!col_eq(&a->children[0], oa[ra] + i, &b->children[0], ob[rb] + i)) return false;
        return true;
    }
    if (a->phys == PHYS_ROW) {
        for (int i = 0; i < a->n_children; i++)
            if (!col_eq(&a->children[i], ra, &b->children[i], rb)) return false;
        return true;
    }
    return col_cmp(a, ra, b, rb) == 0;
}
