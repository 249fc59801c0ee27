/* rate_limit.c - see rate_limit.h. Who comes too early takes its tokens all the same and waits
 * until they would have been there, so that takers go in order and none starves. */
#include "fs/rate_limit.h"

void rate_limit_init(struct rate_limit *r, double per_second) {
    pthread_mutex_init(&r->lock, NULL);
    r->per_second = per_second;
    r->tokens = per_second;
    r->filled_ns = 0;
}

void rate_limit_release(struct rate_limit *r) {
    pthread_mutex_destroy(&r->lock);
}

int64_t rate_limit_take(struct rate_limit *r, double n, int64_t now_ns) {
    if (r->per_second <= 0 || n <= 0) return now_ns;
    pthread_mutex_lock(&r->lock);
    if (r->filled_ns) r->tokens += (double)(now_ns - r->filled_ns) / 1e9 * r->per_second;
    if (r->tokens > r->per_second) r->tokens = r->per_second;
    r->filled_ns = now_ns;
    r->tokens -= n;
    int64_t wait_ns = r->tokens < 0 ? (int64_t)(-r->tokens / r->per_second * 1e9) : 0;
    pthread_mutex_unlock(&r->lock);
    return now_ns + wait_ns;
}
