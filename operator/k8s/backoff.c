/* backoff.c - see backoff.h. */
#include "operator/k8s/backoff.h"

#include "base/core/attr.h"
#include "base/core/clock.h"

#include <sys/random.h>

/* xorshift64*; not for secrets. One loop's thread. */
static uint64_t next_random(void) {
    static _Thread_local uint64_t state;
    if (!state && getrandom(&state, sizeof state, GRND_NONBLOCK) != sizeof state)
        state = (uint64_t)clock_mono_ns();
    state |= !state;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Dull;
}

int64_t k8s_jitter_ms(int64_t ms, int percent) {
    return ms + (int64_t)(next_random() % (uint64_t)(ms * percent / 100 + 1));
}

int64_t k8s_backoff_ms(int64_t min_ms, int64_t max_ms, int failures) {
    int64_t delay = min_ms;
    for (int i = 1; i < failures && delay < max_ms; i++)
        delay *= 2;
    delay = MIN(delay, max_ms);
    return k8s_jitter_ms(delay - delay / 2, 100);
}
