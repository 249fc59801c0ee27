/* logic.h - the conditional functions that program.c compiles itself (FUNC_LAZY), and helpers on
 * columns of truth values. */
#ifndef PENSTOCK_VECTOR_FUNC_LOGIC_H
#define PENSTOCK_VECTOR_FUNC_LOGIC_H

#include "vector/func/func.h"

/* AND and OR of two or more; CASE(cond, value, ..., else); COALESCE. IF, NULLIF and IFNULL are
 * rewritten to these when bound. */
extern const struct func func_and, func_or, func_case, func_coalesce;

/* 64 bytes of 0 or 1 to 64 bits. */
static inline uint64_t bool_pack64(const uint8_t *p) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t w;
        __builtin_memcpy(&w, p + i * 8, 8);
        bits |= ((w & 0x0101010101010101ull) * 0x0102040810204080ull >> 56) << (i * 8);
    }
    return bits;
}

/* Word w of the rows of c that are TRUE / FALSE, for all rows below n; bits past n are 0. */
static inline uint64_t bool_true_word(const struct column *c, uint32_t w, uint32_t n) {
    uint64_t bits = bool_pack64((const uint8_t *)c->data + (size_t)w * 64);
    if (c->valid) bits &= c->valid[w];
    return n - w * 64 >= 64 ? bits : bits & ~(~0ull << (n - w * 64));
}
static inline uint64_t bool_false_word(const struct column *c, uint32_t w, uint32_t n) {
    uint64_t bits = ~bool_pack64((const uint8_t *)c->data + (size_t)w * 64);
    if (c->valid) bits &= c->valid[w];
    return n - w * 64 >= 64 ? bits : bits & ~(~0ull << (n - w * 64));
}

#endif
