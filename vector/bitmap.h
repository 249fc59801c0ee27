/* bitmap.h - BITMAP values: sets of unsigned 32-bit integers in Roaring's portable format
 * (https://github.com/RoaringBitmap/RoaringFormatSpec). Every container has its smallest form, so
 * equal sets have equal bytes: values compare, hash and group as byte strings. */
#ifndef PENSTOCK_VECTOR_BITMAP_H
#define PENSTOCK_VECTOR_BITMAP_H

#include "base/core/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { BITMAP_WORDS = 1024 }; /* a container: the 65,536 values of equal upper 16 bits */

enum bitmap_op { BITMAP_OP_AND, BITMAP_OP_OR, BITMAP_OP_XOR, BITMAP_OP_ANDNOT };

/* Containers one after another, by key. */
struct bitmap_reader {
    const uint8_t *p, *end;
    const uint8_t *keys; /* 16-bit pairs: key, cardinality - 1 */
    const uint8_t *runs; /* bit i: container i is a run container; NULL = none is */
    uint32_t i, n;
};

/* -1 if the bytes are no bitmap. */
int bitmap_open(struct bitmap_reader *r, struct sv bytes);
/* 1 and the next container (BITMAP_WORDS words), 0 at the end, -1 if the bytes are broken. */
int bitmap_next(struct bitmap_reader *r, uint16_t *ret_key, uint64_t *ret_words);

/* The set of values, which are sorted and may repeat. Appended. */
void bitmap_build(const uint32_t *values, size_t n, struct str *out);
/* Foreign bytes in the form above; -1 if they are no bitmap. Appended. */
int bitmap_normalize(struct sv bytes, struct str *out);
void bitmap_combine(enum bitmap_op op, struct sv a, struct sv b, struct str *out);
uint64_t bitmap_cardinality(struct sv bytes);
/* "{1,2,4294967295}" as Java's RoaringBitmap: cut off with "..." behind 512 KiB. Appended. */
void bitmap_print(struct sv bytes, struct str *out);

#endif
