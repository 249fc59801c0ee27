/* faulty.c - see faulty.h. */
#include "fs/faulty.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "fs/wrapper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct faulty {
    struct wrapper base;
    pthread_mutex_t lock; /* guards all below */
    struct fault faults[FAULTS_MAX];
    uint64_t seen[FAULTS_MAX];
    size_t n;
    uint64_t random, injected;
};

/* xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators"). */
static double next_random(struct faulty *f) {
    f->random ^= f->random >> 12;
    f->random ^= f->random << 25;
    f->random ^= f->random >> 27;
    return (double)((f->random * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static bool hits(struct faulty *f, size_t i, enum fs_op op, const char *uri) {
    const struct fault *x = &f->faults[i];
    if ((x->op >= 0 && x->op != (int)op) || (x->uri && !strstr(uri, x->uri))) return false;
    f->seen[i]++;
    if (!x->nth) return next_random(f) < x->probability;
    return f->seen[i] >= x->nth && f->seen[i] < x->nth + MAX(x->times, (uint64_t)1);
}

static bool choose(struct faulty *f, enum fs_op op, const char *uri, struct fault *ret) {
    bool found = false;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n; i++) { /* all count, the first that hits is taken */
        if (hits(f, i, op, uri) && !found) {
            *ret = f->faults[i];
            found = true;
            f->injected++;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return found;
}

static int before(struct wrapper *w, enum fs_op op, const char *uri, struct err *err) {
    struct fault x = {0};
    if (!choose(CONTAINER_OF(w, struct faulty, base), op, uri, &x)) return WRAPPER_GO_ON;
    switch (x.kind) {
    case FAULT_ERROR:
        return err_set(err, x.code ? x.code : ERR_UNAVAILABLE, "injected fault");
    case FAULT_NO_SPACE:
        return err_set(err, ERR_NO_SPACE, "injected fault: no space left");
    case FAULT_TORN:
        return WRAPPER_TEAR;
    case FAULT_HIDDEN:
        return WRAPPER_HIDE;
    case FAULT_SLOW:
        fs_cancel_sleep(NULL, clock_mono_ns() + x.delay_ms * 1000000);
        break;
    }
    return WRAPPER_GO_ON;
}

static void faulty_free(struct wrapper *w) {
    struct faulty *f = CONTAINER_OF(w, struct faulty, base);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static const struct wrapper_hooks hooks = {before, NULL, faulty_free};

struct fs *faulty_fs_new(struct fs *inner, bool owns_inner, uint64_t seed) {
    struct faulty *f = mem_zalloc(sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    f->random = seed ? seed : 1;
    wrapper_init(&f->base, &hooks, inner, owns_inner);
    return &f->base.base;
}

static struct faulty *of(const struct fs *f) {
    return CONTAINER_OF(CONTAINER_OF((struct fs *)f, struct wrapper, base), struct faulty, base);
}

void faulty_fs_add(struct fs *base, const struct fault *fault) {
    struct faulty *f = of(base);
    pthread_mutex_lock(&f->lock);
    CHECKF(f->n < FAULTS_MAX, "more than %d faults", FAULTS_MAX);
    f->seen[f->n] = 0;
    f->faults[f->n++] = *fault;
    pthread_mutex_unlock(&f->lock);
}

void faulty_fs_clear(struct fs *base) {
    struct faulty *f = of(base);
    pthread_mutex_lock(&f->lock);
    f->n = 0;
    pthread_mutex_unlock(&f->lock);
}

uint64_t faulty_fs_count(const struct fs *base) {
    struct faulty *f = of(base);
    pthread_mutex_lock(&f->lock);
    uint64_t n = f->injected;
    pthread_mutex_unlock(&f->lock);
    return n;
}
