/* part.c - see part.h. */
#include "connector/filesystem/part.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "connector/filesystem/local.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PART_BUFFER_BYTES = 256 << 10, SYNC_THREADS = 2 };

/* ---- syncing in the background ---- */

struct sync_group {
    pthread_mutex_t lock;
    uint32_t refs, pending;
    int rc;
    struct err err;
    void (*wake)(void *self);
    void *self;
};

struct sync_job {
    struct sync_group *group;
    int fd;
    char *path;
};

static struct io_pool *sync_pool;
static pthread_once_t sync_pool_once = PTHREAD_ONCE_INIT;

static void make_pool(void) {
    struct io_pool_options o = {.name = "file-sync", .threads_max = SYNC_THREADS};
    if (io_pool_new(&o, &sync_pool, NULL)) sync_pool = NULL; /* then syncs are done in line */
}

struct sync_group *sync_group_new(void (*wake)(void *self), void *self) {
    struct sync_group *g = mem_zalloc(sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    g->refs = 1;
    g->wake = wake;
    g->self = self;
    return g;
}

static void group_unref(struct sync_group *g) { /* called with the lock held */
    bool last = --g->refs == 0;
    pthread_mutex_unlock(&g->lock);
    if (!last) return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

void sync_group_free(struct sync_group *g) {
    if (!g) return;
    pthread_mutex_lock(&g->lock);
    g->wake = NULL;
    group_unref(g);
}

uint32_t sync_group_pending(struct sync_group *g) {
    pthread_mutex_lock(&g->lock);
    uint32_t n = g->pending;
    pthread_mutex_unlock(&g->lock);
    return n;
}

int sync_group_error(struct sync_group *g, struct err *err) {
    pthread_mutex_lock(&g->lock);
    int rc = g->rc;
    if (rc && err) *err = g->err;
    pthread_mutex_unlock(&g->lock);
    return rc;
}

static void sync_run(void *arg) {
    struct sync_job *j = arg;
    struct sync_group *g = j->group;
    struct err err = ERR_INIT;
    int rc = local_sync(j->fd, j->path, &err);
    local_close(j->fd);
    pthread_mutex_lock(&g->lock);
    if (rc && !g->rc) {
        g->rc = rc;
        g->err = err;
    }
    /* wake takes no lock of ours and is short: a flag and a queue entry (connector.h). Under the
     * lock so that the owner can't go away in between. */
    if (--g->pending == 0 && g->wake) g->wake(g->self);
    group_unref(g);
    free(j->path);
    free(j);
}

static void sync_submit(struct sync_group *g, int fd, const char *path) {
    struct sync_job *j = mem_zalloc(sizeof *j);
    *j = (struct sync_job){g, fd, mem_strdup(path)};
    pthread_mutex_lock(&g->lock);
    g->refs++;
    g->pending++;
    pthread_mutex_unlock(&g->lock);
    pthread_once(&sync_pool_once, make_pool);
    struct io_job job = {sync_run, NULL, j};
    if (!sync_pool || io_pool_submit(sync_pool, &job, NULL, NULL)) sync_run(j);
}

/* ---- parts ---- */

int part_open(const char *dir, const char *name, const char *partition, enum codec codec,
              struct part **ret, struct err *err) {
    AUTO_STR tmp = STR_INIT, dst = STR_INIT;
    const char *sep = *partition ? "/" : "";
    str_addf(&tmp, "%s%s%s/.%s.inprogress", dir, sep, partition, name);
    str_addf(&dst, "%s%s%s/%s", dir, sep, partition, name);
    int fd;
    int rc = local_create(str_text(&tmp), &fd, err);
    if (rc) return rc;
    struct part *p = mem_zalloc(sizeof *p);
    p->tmp = str_take(&tmp);
    p->dst = str_take(&dst);
    p->partition = mem_strdup(partition);
    p->fd = fd;
    p->packer = packer_new(codec);
    p->opened_ms = p->written_ms = clock_wall_ms();
    *ret = p;
    return 0;
}

static int write_out(struct part *p, bool end, struct err *err) {
    AUTO_STR packed = STR_INIT;
    struct sv out = str_view(&p->buf);
    if (p->packer) {
        packer_run(p->packer, out.ptr ? out.ptr : "", out.len, end, &packed);
        out = str_view(&packed);
    }
    int rc = out.len ? local_write(p->fd, p->tmp, out.ptr, out.len, err) : 0;
    p->bytes += out.len;
    str_clear(&p->buf);
    return rc;
}

int part_write(struct part *p, struct err *err) {
    p->written_ms = clock_wall_ms();
    return p->buf.len < PART_BUFFER_BYTES ? 0 : write_out(p, false, err);
}

int part_close(struct part *p, struct sync_group *g, struct err *err) {
    int rc = write_out(p, true, err);
    if (rc) return rc;
    sync_submit(g, p->fd, p->tmp);
    p->fd = -1;
    packer_free(p->packer);
    p->packer = NULL;
    str_release(&p->buf);
    return 0;
}

void part_free(struct part *p, bool remove) {
    if (!p) return;
    local_close(p->fd);
    /* What can't be removed now is removed by a later commit of the job. */
    struct err err = ERR_INIT;
    if (remove && local_remove(p->tmp, &err)) err_clear(&err);
    packer_free(p->packer);
    str_release(&p->buf);
    free(p->tmp);
    free(p->dst);
    free(p->partition);
    free(p);
}
