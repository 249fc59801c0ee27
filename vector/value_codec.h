/* value_codec.h - values of any type as self-contained bytes, for accumulators that keep values.
 * Little-endian: one byte 1 (0 for NULL, and nothing more), then the fixed-width value; or u32
 * length and bytes; or u32 count and the elements (MAP: key, value pairs); or the fields. Stable:
 * checkpoints hold it. */
#ifndef PENSTOCK_VECTOR_VALUE_CODEC_H
#define PENSTOCK_VECTOR_VALUE_CODEC_H

#include "vector/batch.h"

void value_encode(const struct column *c, uint32_t row, struct str *out); /* appended */
/* Appends the value at p to the builder; returns the bytes used, 0 if they are damaged (the builder
 * may then hold half a value: truncate it). */
size_t value_decode(struct col_builder *b, const char *p, size_t n);
/* Bytes of one encoded value of the type at p, 0 if damaged. */
size_t value_skip(const struct type *t, const char *p, size_t n);

#endif
