/* restart.h - whether a failed job starts again, and after what pause: Flink's restart strategies,
 * with its names and defaults, but for one: under exponential delay the first failure after a calm
 * time is answered at once, unless an initial backoff was set. Pure. */
#ifndef PENSTOCK_COORDINATOR_RESTART_H
#define PENSTOCK_COORDINATOR_RESTART_H

#include "base/core/err.h"

#include <stdbool.h>
#include <stdint.h>

enum restart_kind { RESTART_NONE, RESTART_FIXED_DELAY, RESTART_FAILURE_RATE, RESTART_EXPONENTIAL };

struct restart_options {
    enum restart_kind kind;
    int64_t attempts; /* FIXED_DELAY: restarts in all; EXPONENTIAL: in a row, until a calm time */
    int64_t delay_ms; /* FIXED_DELAY, FAILURE_RATE */
    int64_t max_failures, interval_ms;   /* FAILURE_RATE: so many in that time */
    int64_t initial_ms, max_ms, calm_ms; /* EXPONENTIAL */
    double multiplier, jitter;           /* EXPONENTIAL; jitter: a share of the delay */
    bool at_once;                        /* EXPONENTIAL: the first without a pause */
};

enum { RESTART_FAILURES_MAX = 1000 /* of max_failures */ };

struct restart {
    struct restart_options opts;
    int64_t n;       /* failures, or those since the calm time */
    int64_t last_ms; /* when the last restart was due */
    int64_t backoff_ms;
    int64_t times[RESTART_FAILURES_MAX]; /* ring: when the last ones were */
    int next;
    uint64_t random;
};

/* "" or NULL: exponential-delay where the job takes checkpoints, else none. ERR_VALIDATION. */
int restart_parse_kind(const char *name, bool checkpoints, enum restart_kind *ret,
                       struct err *err) ATTR_MUST_USE;
void restart_init(struct restart *r, const struct restart_options *opts, uint64_t seed);
/* The job has failed. Returns the pause in front of its next start, -1: it has failed for good. */
int64_t restart_failed(struct restart *r, int64_t now_ms);

#endif
