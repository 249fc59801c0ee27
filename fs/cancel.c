/* cancel.c - see cancel.h. */
#include "fs/cancel.h"

#include "base/core/clock.h"

#include <errno.h>
#include <time.h>

void fs_cancel_init(struct fs_cancel *c) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->cond, &attr);
    pthread_condattr_destroy(&attr);
    c->fired = false;
}

void fs_cancel_release(struct fs_cancel *c) {
    pthread_cond_destroy(&c->cond);
    pthread_mutex_destroy(&c->lock);
}

void fs_cancel_fire(struct fs_cancel *c) {
    pthread_mutex_lock(&c->lock);
    c->fired = true;
    pthread_cond_broadcast(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

bool fs_cancel_fired(struct fs_cancel *c) {
    if (!c) return false;
    pthread_mutex_lock(&c->lock);
    bool fired = c->fired;
    pthread_mutex_unlock(&c->lock);
    return fired;
}

void fs_cancel_wait(struct fs_cancel *c, int64_t until_ns) {
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(&c->cond, &c->lock);
        return;
    }
    struct timespec ts = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_cond_timedwait(&c->cond, &c->lock, &ts);
}

bool fs_cancel_sleep(struct fs_cancel *c, int64_t until_ns) {
    if (!c) {
        struct timespec ts = {until_ns / 1000000000, until_ns % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
            ;
        return true;
    }
    pthread_mutex_lock(&c->lock);
    while (!c->fired && clock_mono_ns() < until_ns)
        fs_cancel_wait(c, until_ns);
    bool go_on = !c->fired;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}
