/* restart.c - see restart.h. */
#include "coordinator/restart.h"

#include "base/core/attr.h"

#include <string.h>
#include <strings.h>

int restart_parse_kind(const char *name, bool checkpoints, enum restart_kind *ret,
                       struct err *err) {
    static const struct {
        const char *name;
        enum restart_kind kind;
    } names[] = {{"none", RESTART_NONE},
                 {"off", RESTART_NONE},
                 {"disable", RESTART_NONE},
                 {"fixed-delay", RESTART_FIXED_DELAY},
                 {"fixeddelay", RESTART_FIXED_DELAY},
                 {"failure-rate", RESTART_FAILURE_RATE},
                 {"failurerate", RESTART_FAILURE_RATE},
                 {"exponential-delay", RESTART_EXPONENTIAL},
                 {"exponentialdelay", RESTART_EXPONENTIAL}};
    if (!name || !*name) {
        *ret = checkpoints ? RESTART_EXPONENTIAL : RESTART_NONE;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(names[i].name, name) != 0) continue;
        *ret = names[i].kind;
        return 0;
    }
    return err_set(err, ERR_VALIDATION,
                   "'restart-strategy.type' = '%s': one of none, fixed-delay, failure-rate, "
                   "exponential-delay",
                   name);
}

void restart_init(struct restart *r, const struct restart_options *opts, uint64_t seed) {
    *r = (struct restart){.opts = *opts, .random = seed | 1};
}

/* xorshift64; 0 .. 1 */
static double random_share(struct restart *r) {
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return (double)(r->random >> 11) / (double)(UINT64_C(1) << 53);
}

static int64_t fixed_delay(struct restart *r) {
    return ++r->n > r->opts.attempts ? -1 : r->opts.delay_ms;
}

static int64_t failure_rate(struct restart *r, int64_t now_ms) {
    int64_t max = MIN(r->opts.max_failures, (int64_t)RESTART_FAILURES_MAX);
    /* The failure `max` before this one; times[next] is it once the ring has come round. */
    int64_t then = r->times[r->next];
    bool full = r->n >= max;
    r->times[r->next] = now_ms;
    r->next = (int)((r->next + 1) % MAX(max, 1));
    r->n++;
    if (!max || (full && now_ms - then <= r->opts.interval_ms)) return -1;
    return r->opts.delay_ms;
}

static int64_t exponential(struct restart *r, int64_t now_ms) {
    const struct restart_options *o = &r->opts;
    if (r->n && now_ms - r->last_ms >= o->calm_ms) r->n = 0;
    if (++r->n > o->attempts) return -1;
    if (r->n == 1) r->backoff_ms = o->at_once ? 0 : o->initial_ms;
    int64_t delay = r->backoff_ms;
    delay += (int64_t)((double)delay * o->jitter * (2 * random_share(r) - 1));
    delay = MAX(MIN(delay, o->max_ms), 0);
    double next = (double)r->backoff_ms * o->multiplier;
    r->backoff_ms = r->backoff_ms ? (int64_t)MIN(next, (double)o->max_ms) : o->initial_ms;
    r->last_ms = now_ms + delay;
    return delay;
}

int64_t restart_failed(struct restart *r, int64_t now_ms) {
    switch (r->opts.kind) {
    case RESTART_FIXED_DELAY:
        return fixed_delay(r);
    case RESTART_FAILURE_RATE:
        return failure_rate(r, now_ms);
    case RESTART_EXPONENTIAL:
        return exponential(r, now_ms);
    case RESTART_NONE:
        break;
    }
    return -1;
}
