/* part.c - see part.h. */
#include "connector/filesystem/part.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "connector/background.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PART_BUFFER_BYTES = 256 << 10, SPARES_MAX = 8 };

struct part_group {
    struct fs *fs;
    pthread_mutex_t lock; /* guards all below, and the part_io of its parts */
    struct fs_cancel cancel;
    uint32_t refs; /* the owner, and each part_io */
    uint32_t pending;
    size_t queued_bytes;
    int n_spares;
    struct str spares[SPARES_MAX]; /* buffers of written pieces, kept: their pages are there */
    int rc;
    struct err err;
    void (*wake)(void *self); /* NULL: the owner has gone */
    void *self;
};

struct piece {
    struct piece *next;
    struct str data;
};

/* Worked on by one pool thread at a time, while `busy`. */
struct part_io {
    struct part_group *group;
    char *dst;
    struct fs_call call;
    struct fs_writer *writer; /* of the busy thread, or of the owner where nothing is queued */
    cJSON *staged;
    struct piece *first, **last;
    bool busy, closing, owned; /* closing: to be staged when all is written */
};

/* ---- the group ---- */

struct part_group *part_group_new(struct fs *f, void (*wake)(void *self), void *self) {
    struct part_group *g = mem_zalloc(sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    fs_cancel_init(&g->cancel);
    g->fs = f;
    g->refs = 1;
    g->wake = wake;
    g->self = self;
    return g;
}

static void group_unref(struct part_group *g) { /* called with the lock held */
    bool last = --g->refs == 0;
    pthread_mutex_unlock(&g->lock);
    if (!last) return;
    while (g->n_spares)
        str_release(&g->spares[--g->n_spares]);
    fs_cancel_release(&g->cancel);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

void part_group_free(struct part_group *g) {
    if (!g) return;
    fs_cancel_fire(&g->cancel);
    pthread_mutex_lock(&g->lock);
    g->wake = NULL;
    group_unref(g);
}

uint32_t part_group_pending(struct part_group *g) {
    pthread_mutex_lock(&g->lock);
    uint32_t n = g->pending;
    pthread_mutex_unlock(&g->lock);
    return n;
}

bool part_group_full(struct part_group *g) {
    pthread_mutex_lock(&g->lock);
    bool full = g->queued_bytes > PART_QUEUED_MAX_BYTES;
    pthread_mutex_unlock(&g->lock);
    return full;
}

int part_group_error(struct part_group *g, struct err *err) {
    pthread_mutex_lock(&g->lock);
    int rc = g->rc;
    if (rc && err) *err = g->err;
    pthread_mutex_unlock(&g->lock);
    return rc;
}

/* ---- one part's bytes, on their way to the store ---- */

/* Frees io. What was begun, or staged and not taken, is removed; what can't be removed now, a later
 * commit of the job sweeps up. */
static void io_drop(void *arg) {
    struct part_io *io = arg;
    struct part_group *g = io->group;
    struct err err = ERR_INIT;
    fs_abandon(io->writer);
    if (io->staged && fs_discard(g->fs, (const cJSON *const *)&io->staged, 1, NULL, &err))
        err_clear(&err);
    cJSON_Delete(io->staged);
    while (io->first) {
        struct piece *p = io->first;
        io->first = p->next;
        str_release(&p->data);
        free(p);
    }
    free(io->dst);
    free(io);
    pthread_mutex_lock(&g->lock);
    group_unref(g);
}

static int write_piece(struct part_io *io, const struct str *data, struct err *err) {
    int rc = io->writer ? 0 : fs_create(io->group->fs, io->dst, 0, &io->call, &io->writer, err);
    return rc ? rc : fs_write(io->writer, data->ptr, data->len, err);
}

/* Takes data; called with the lock held. */
static void keep_spare(struct part_group *g, struct str *data) {
    if (g->n_spares == SPARES_MAX || data->cap > 2 * PART_BUFFER_BYTES) {
        str_release(data);
        return;
    }
    str_clear(data);
    g->spares[g->n_spares++] = *data;
}

static int stage(struct part_io *io, struct err *err) {
    struct fs_writer *w = io->writer;
    io->writer = NULL;
    return fs_stage(w, &io->staged, err);
}

/* Writes what is queued, and stages it in the end. */
static void io_run(void *arg) {
    struct part_io *io = arg;
    struct part_group *g = io->group;
    struct err err = ERR_INIT;
    pthread_mutex_lock(&g->lock);
    for (;;) {
        struct piece *p = io->first;
        bool failed = g->rc != 0, closing = io->closing;
        if (!p && (!closing || io->staged || !io->writer || failed)) break;
        if (p && !(io->first = p->next)) io->last = &io->first;
        pthread_mutex_unlock(&g->lock);
        size_t n = p ? p->data.len : 0;
        int rc = failed ? 0 : p ? write_piece(io, &p->data, &err) : stage(io, &err);
        pthread_mutex_lock(&g->lock);
        if (p) keep_spare(g, &p->data);
        free(p);
        if (rc && !g->rc) {
            g->rc = rc;
            g->err = err;
        }
        g->queued_bytes -= n;
        /* wake takes no lock of ours and is short: a flag and a queue entry (connector.h). Under
         * the lock so that the owner can't go away in between. */
        if (g->wake && g->queued_bytes <= PART_QUEUED_MAX_BYTES &&
            g->queued_bytes + n > PART_QUEUED_MAX_BYTES)
            g->wake(g->self);
    }
    io->busy = false;
    bool orphan = !io->owned;
    if (io->closing && --g->pending == 0 && g->wake) g->wake(g->self);
    io->closing = false;
    pthread_mutex_unlock(&g->lock);
    if (orphan) io_drop(io);
}

static void io_start(struct part_io *io) { /* called with the lock held, which it gives up */
    bool start = !io->busy;
    io->busy = true;
    pthread_mutex_unlock(&io->group->lock);
    if (start) background_run(io_run, io);
}

/* Takes data's bytes, and leaves an empty buffer. */
static void io_write(struct part_io *io, struct str *data) {
    struct part_group *g = io->group;
    struct piece *p = mem_zalloc(sizeof *p);
    p->data = *data;
    *data = (struct str)STR_INIT;
    pthread_mutex_lock(&g->lock);
    if (g->n_spares) *data = g->spares[--g->n_spares];
    *io->last = p;
    io->last = &p->next;
    g->queued_bytes += p->data.len;
    io_start(io);
}

static void io_close(struct part_io *io) {
    pthread_mutex_lock(&io->group->lock);
    io->closing = true;
    io->group->pending++;
    io_start(io);
}

/* ---- parts ---- */

int part_open(struct part_group *g, const char *dir, const char *name, const char *partition,
              enum codec codec, struct part **ret, struct err *err) {
    AUTO_STR dst = STR_INIT;
    str_addf(&dst, "%s%s%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", partition,
             *partition ? "/" : "", name);
    struct part_io *io = mem_zalloc(sizeof *io);
    io->group = g;
    io->dst = mem_strdup(str_text(&dst));
    io->call = (struct fs_call){.cancel = &g->cancel};
    io->last = &io->first;
    io->owned = true;
    pthread_mutex_lock(&g->lock);
    g->refs++;
    pthread_mutex_unlock(&g->lock);
    int rc = fs_is_local(g->fs) ? fs_create(g->fs, io->dst, 0, &io->call, &io->writer, err) : 0;
    if (rc) {
        io_drop(io);
        return rc;
    }
    struct part *p = mem_zalloc(sizeof *p);
    p->dst = str_take(&dst);
    p->partition = mem_strdup(partition);
    p->io = io;
    p->packer = packer_new(codec);
    p->opened_ms = p->written_ms = clock_wall_ms();
    *ret = p;
    return 0;
}

static void write_out(struct part *p, bool end) {
    struct str packed = STR_INIT;
    struct str *out = &p->buf;
    if (p->packer) {
        packer_run(p->packer, str_text(&p->buf), p->buf.len, end, &packed);
        out = &packed;
    }
    p->bytes += out->len;
    if (out->len || end) io_write(p->io, out);
    str_release(&packed);
    str_clear(&p->buf);
}

void part_write(struct part *p) {
    p->written_ms = clock_wall_ms();
    if (p->buf.len >= PART_BUFFER_BYTES) write_out(p, false);
}

void part_close(struct part *p) {
    write_out(p, true);
    io_close(p->io);
    packer_free(p->packer);
    p->packer = NULL;
    str_release(&p->buf);
}

cJSON *part_take_staged(struct part *p) {
    struct part_group *g = p->io->group;
    pthread_mutex_lock(&g->lock);
    CHECK(!p->io->busy && p->io->staged);
    cJSON *staged = p->io->staged;
    p->io->staged = NULL;
    pthread_mutex_unlock(&g->lock);
    return staged;
}

void part_free(struct part *p) {
    if (!p) return;
    struct part_group *g = p->io->group;
    pthread_mutex_lock(&g->lock);
    p->io->owned = false;
    bool busy = p->io->busy;
    pthread_mutex_unlock(&g->lock);
    if (!busy) { /* else the thread that works on it does it */
        if (fs_is_local(g->fs) || (!p->io->writer && !p->io->staged))
            io_drop(p->io);
        else
            background_run(io_drop, p->io);
    }
    packer_free(p->packer);
    str_release(&p->buf);
    free(p->dst);
    free(p->partition);
    free(p);
}
