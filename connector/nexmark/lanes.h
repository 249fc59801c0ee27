/* lanes.h - eight 64-bit lanes at a time, through the compilers' vector extension: one AVX-512
 * register, two AVX2 or four SSE2 ones, or scalars elsewhere. */
#ifndef PENSTOCK_CONNECTOR_NEXMARK_LANES_H
#define PENSTOCK_CONNECTOR_NEXMARK_LANES_H

#include <stdint.h>

enum { LANES = 8 };

typedef uint64_t u64x8 __attribute__((vector_size(64), aligned(8)));
typedef int64_t i64x8 __attribute__((vector_size(64), aligned(8)));
typedef double f64x8 __attribute__((vector_size(64), aligned(8)));
typedef uint32_t u32x8 __attribute__((vector_size(32), aligned(4)));

/* Macros, not functions: a vector argument would tie them to one instruction set's ABI. */
#define LANES_IOTA ((u64x8){0, 1, 2, 3, 4, 5, 6, 7})
#define LANES_U64(x) ((u64x8){0} + (uint64_t)(x))
#define LANES_LOAD(type, p) (*(const type *)(p))
#define LANES_STORE(type, p, v) (*(type *)(p) = (v))

#endif
