/* backoff.h - private to operator/k8s: growing delays with jitter. */
#ifndef PENSTOCK_OPERATOR_K8S_BACKOFF_H
#define PENSTOCK_OPERATOR_K8S_BACKOFF_H

#include <stdint.h>

/* The delay before attempt n + 1, after n >= 1 failures in a row: min * 2^(n-1), max at most, of
 * which a random half, so that clients don't come in step. */
int64_t k8s_backoff_ms(int64_t min_ms, int64_t max_ms, int failures);
/* ms, up to `percent` more at random. */
int64_t k8s_jitter_ms(int64_t ms, int percent);

#endif
