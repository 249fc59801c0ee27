/* random.h - counter-based random numbers: SplitMix64's finalizer (Steele, Lea & Flood, OOPSLA
 * 2014) over an event id, so that no state is carried from event to event. */
#ifndef PENSTOCK_CONNECTOR_NEXMARK_RANDOM_H
#define PENSTOCK_CONNECTOR_NEXMARK_RANDOM_H

#include <stdint.h>

#define NX_GOLDEN 0x9E3779B97F4A7C15ull
#define NX_MIX_1 0xBF58476D1CE4E5B9ull
#define NX_MIX_2 0x94D049BB133111EBull
/* Odd multipliers for the second and third number of an event. */
#define NX_MIX_3 0xD6E8FEB86659FD93ull
#define NX_MIX_4 0xA0761D6478BD642Full

static inline uint64_t nx_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * NX_MIX_1;
    x = (x ^ (x >> 27)) * NX_MIX_2;
    return x ^ (x >> 31);
}

/* A stream that belongs to one event. */
struct nx_stream {
    uint64_t state;
};

static inline struct nx_stream nx_stream_of(uint64_t seed, uint64_t id) {
    return (struct nx_stream){nx_mix(id * NX_GOLDEN + seed)};
}
static inline uint64_t nx_next(struct nx_stream *s) {
    return nx_mix(s->state += NX_GOLDEN);
}
/* 0 .. n - 1, n < 2^32 */
static inline uint64_t nx_below(struct nx_stream *s, uint64_t n) {
    return ((nx_next(s) >> 32) * n) >> 32;
}

#endif
