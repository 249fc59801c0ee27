/* wire_layout.h - the structs that docs/wire.md describes, as they lie in a payload: little-endian,
 * each section on a multiple of 16 bytes. For wire_encode.c and wire_decode.c. */
#ifndef PENSTOCK_WORKER_NET_WIRE_LAYOUT_H
#define PENSTOCK_WORKER_NET_WIRE_LAYOUT_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");

enum { WIRE_ALIGN = 16, WIRE_COMPRESS_MIN_BYTES = 512 };
enum { WIRE_BATCH_KINDS = 1 };
enum { WIRE_NODE_VALID = 1 };

struct wire_batch {
    uint32_t rows;
    uint16_t n_cols, flags;
    uint32_t n_steps, split;
    int64_t source_ns; /* wall clock; 0 = unknown */
    uint64_t zero;
};

struct wire_step {
    uint32_t row, zero;
    int64_t wm;
};

struct wire_node {
    uint8_t phys, flags;
    uint16_t n_children;
    uint32_t rows;
    uint64_t long_bytes; /* PHYS_STR: behind the views */
};

_Static_assert(sizeof(struct wire_batch) == 32 && sizeof(struct wire_step) == 16 &&
                   sizeof(struct wire_node) == 16,
               "no padding");

static inline uint64_t wire_pad(uint64_t n) {
    return (n + WIRE_ALIGN - 1) & ~(uint64_t)(WIRE_ALIGN - 1);
}

#endif
