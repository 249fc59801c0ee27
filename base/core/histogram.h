/* histogram.h - how often which time was measured: buckets a sixteenth of a power of two wide, from
 * 1 us to two minutes (after Tene's HdrHistogram). One thread adds, any thread reads. */
#ifndef PENSTOCK_BASE_CORE_HISTOGRAM_H
#define PENSTOCK_BASE_CORE_HISTOGRAM_H

#include "base/core/json.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 4,
    HISTOGRAM_MIN_BITS = 10, /* less than 2^10 ns is one bucket */
    HISTOGRAM_MAX_BITS = 37, /* 2^37 ns and more go to the last one */
    HISTOGRAM_BUCKETS = 1 + ((HISTOGRAM_MAX_BITS - HISTOGRAM_MIN_BITS) << HISTOGRAM_SUB_BITS)
};

/* Zero is a valid initial value. */
struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_ns, max_ns;
};
void histogram_add(struct histogram *h, int64_t ns); /* less than 0 counts as 0 */

/* {"sumNs", "maxNs", "buckets": [[bucket, count]...] without empty ones}. */
cJSON *histogram_to_json(const struct histogram *h);

/* Several histograms in one, to be read. Zero is a valid initial value. */
struct histogram_sum {
    uint64_t counts[HISTOGRAM_BUCKETS], count, sum_ns, max_ns;
};
void histogram_sum_add(struct histogram_sum *s, const cJSON *h); /* NULL: nothing */
/* The time that a share q (0..1) of all didn't exceed: at most a sixteenth too long; 0 of none. */
uint64_t histogram_quantile_ns(const struct histogram_sum *s, double q);
/* The bucket's times are less than this. */
uint64_t histogram_bound_ns(int bucket);

#endif
