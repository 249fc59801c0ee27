/* rate_limit.h - a token bucket that holds a second's worth: so many requests or bytes a second,
 * with the bursts that a second allows. Thread-safe. */
#ifndef PENSTOCK_FS_RATE_LIMIT_H
#define PENSTOCK_FS_RATE_LIMIT_H

#include <pthread.h>
#include <stdint.h>

struct rate_limit {
    pthread_mutex_t lock;
    double per_second; /* 0: no limit */
    double tokens;     /* negative: promised to those who wait */
    int64_t filled_ns;
};

void rate_limit_init(struct rate_limit *r, double per_second);
void rate_limit_release(struct rate_limit *r);
/* Takes n, and says when (monotonic) the taker may go on: now_ns or later. */
int64_t rate_limit_take(struct rate_limit *r, double n, int64_t now_ns);

#endif
