/* logic.h - the conditional functions that program.c compiles itself (FUNC_LAZY), and helpers on
 * columns of truth values. */
#ifndef PENSTOCK_VECTOR_FUNC_LOGIC_H
#define PENSTOCK_VECTOR_FUNC_LOGIC_H

#include "vector/bits.h"
#include "vector/func/func.h"

/* AND and OR of two or more; CASE(cond, value, ..., else); COALESCE. IF, NULLIF and IFNULL are
 * rewritten to these when bound. */
extern const struct func func_and, func_or, func_case, func_coalesce;

/* Its literals are read when it is prepared: the kernel gets the value and the other items alone.
 */
extern const struct func func_in;

extern const struct func func_row_field; /* shares the field's column: costs nothing */

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

/* d[i] = bit i, flipped if flip is 1. */
void bits_to_bytes(uint8_t *restrict d, const uint64_t *restrict bits, uint8_t flip, uint32_t n);

#endif
