/* counting.c - see counting.h. */
#include "fs/counting.h"

#include "base/core/mem.h"
#include "fs/wrapper.h"

#include <pthread.h>
#include <stdlib.h>

struct counting {
    struct wrapper base;
    pthread_mutex_t lock;
    struct fs_counts counts;
};

static int before(struct wrapper *w, enum fs_op op, const char *uri, struct err *err) {
    return WRAPPER_GO_ON;
}

static void after(struct wrapper *w, enum fs_op op, const char *uri, size_t n, int rc) {
    struct counting *c = CONTAINER_OF(w, struct counting, base);
    struct fs_counts *k = &c->counts;
    pthread_mutex_lock(&c->lock);
    k->calls[op]++;
    if (rc) k->failed[op]++;
    if (!rc && (op == FS_OP_PUT || op == FS_OP_FINISH || op == FS_OP_STAGE)) k->files++;
    if (!rc && op == FS_OP_READ) k->read_bytes += n;
    if (!rc && (op == FS_OP_PUT || op == FS_OP_WRITE)) k->written_bytes += n;
    if (!rc && op == FS_OP_WRITE) {
        if (!k->smallest_write || n < k->smallest_write) k->smallest_write = n;
        if (n > k->largest_write) k->largest_write = n;
    }
    pthread_mutex_unlock(&c->lock);
}

static void counting_free(struct wrapper *w) {
    struct counting *c = CONTAINER_OF(w, struct counting, base);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static const struct wrapper_hooks hooks = {before, after, counting_free};

struct fs *counting_fs_new(struct fs *inner, bool owns_inner) {
    struct counting *c = mem_zalloc(sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    wrapper_init(&c->base, &hooks, inner, owns_inner);
    return &c->base.base;
}

static struct counting *of(const struct fs *f) {
    return CONTAINER_OF(CONTAINER_OF((struct fs *)f, struct wrapper, base), struct counting, base);
}

void counting_fs_get(const struct fs *f, struct fs_counts *ret) {
    struct counting *c = of(f);
    pthread_mutex_lock(&c->lock);
    *ret = c->counts;
    pthread_mutex_unlock(&c->lock);
}

void counting_fs_reset(struct fs *f) {
    struct counting *c = of(f);
    pthread_mutex_lock(&c->lock);
    c->counts = (struct fs_counts){0};
    pthread_mutex_unlock(&c->lock);
}
