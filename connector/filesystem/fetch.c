/* fetch.c - see fetch.h. */
#include "connector/filesystem/fetch.h"

#include "base/core/mem.h"
#include "connector/background.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SEEK_BYTES = 64 << 10 };

struct chunk {
    uint64_t offset;
    uint8_t *data;
    size_t n;
    bool landed;
};

struct fetch {
    pthread_mutex_t lock;     /* guards all below but what is said to be constant */
    int refs;                 /* the owner, and each job */
    struct fs *fs;            /* constant */
    char *uri;                /* constant */
    struct fetch_range range; /* constant once opened */
    struct fs_cancel cancel;
    struct fs_file *file; /* constant once opened */
    bool opened;
    struct chunk ring[FETCH_AHEAD];
    unsigned head, count; /* chunks asked for and not used up */
    uint64_t asked;       /* up to here */
    size_t used;          /* of the head chunk */
    int rc;
    struct err err;
    void (*wake)(void *self); /* NULL: the owner has gone */
    void *self;
};

struct job {
    struct fetch *fetch;
    struct chunk *chunk; /* NULL: open the file */
};

static void unref(struct fetch *f) { /* called with the lock held */
    bool last = --f->refs == 0;
    pthread_mutex_unlock(&f->lock);
    if (!last) return;
    fs_close(f->file);
    fs_cancel_release(&f->cancel);
    for (int i = 0; i < FETCH_AHEAD; i++)
        free(f->ring[i].data);
    pthread_mutex_destroy(&f->lock);
    free(f->uri);
    free(f);
}

static void run(void *arg);

/* Called with the lock held, which is given up in between: a job may run in line. */
static void submit(struct fetch *f, struct chunk *c) {
    struct job *j = mem_zalloc(sizeof *j);
    *j = (struct job){f, c};
    f->refs++;
    pthread_mutex_unlock(&f->lock);
    background_run(run, j);
    pthread_mutex_lock(&f->lock);
}

static void ask(struct fetch *f) { /* called with the lock held */
    while (!f->rc && f->opened && f->count < FETCH_AHEAD && f->asked < f->range.to) {
        struct chunk *c = &f->ring[(f->head + f->count++) % FETCH_AHEAD];
        c->offset = f->asked;
        c->n = (size_t)MIN(f->range.to - f->asked, (uint64_t)FETCH_CHUNK_BYTES);
        c->landed = false;
        f->asked += c->n;
        submit(f, c);
    }
}

int fetch_next_line(struct fs_file *file, uint64_t from, const struct fs_call *call, uint64_t *ret,
                    struct err *err) {
    char *buf = mem_alloc(SEEK_BYTES);
    int rc;
    for (;;) {
        size_t n;
        rc = fs_read_at(file, from, buf, SEEK_BYTES, &n, call, err);
        if (rc) break;
        const char *nl = memchr(buf, '\n', n);
        if (nl || n < SEEK_BYTES) {
            *ret = from + (nl ? (uint64_t)(nl + 1 - buf) : n);
            break;
        }
        from += n;
    }
    free(buf);
    return rc;
}

static int open_file(struct fetch *f, struct fetch_range *r, struct fs_file **ret,
                     struct err *err) {
    struct fs_call call = {.cancel = &f->cancel};
    int rc = fs_open(f->fs, f->uri, &call, ret, err);
    if (!rc && r->to_line) rc = fetch_next_line(*ret, r->to - 1, &call, &r->to, err);
    if (!rc && r->from_line) rc = fetch_next_line(*ret, r->from - 1, &call, &r->from, err);
    r->to = MAX(r->to, r->from);
    return rc;
}

static int read_chunk(struct fetch *f, struct chunk *c, struct err *err) {
    struct fs_call call = {.cancel = &f->cancel};
    size_t got;
    if (!c->data) c->data = mem_alloc(FETCH_CHUNK_BYTES);
    int rc = fs_read_at(f->file, c->offset, c->data, c->n, &got, &call, err);
    if (!rc && got < c->n)
        rc = err_set(err, ERR_CORRUPT, "%s became shorter while it was read: it ends at %llu",
                     f->uri, (unsigned long long)(c->offset + got));
    return rc;
}

/* On a pool thread. */
static void run(void *arg) {
    struct job *j = arg;
    struct fetch *f = j->fetch;
    struct chunk *c = j->chunk;
    struct fetch_range range = f->range;
    struct fs_file *file = NULL;
    struct err err = ERR_INIT;
    free(j);
    int rc = c ? read_chunk(f, c, &err) : open_file(f, &range, &file, &err);
    pthread_mutex_lock(&f->lock);
    if (c) {
        c->landed = true;
    } else {
        f->file = file;
        f->range = range;
        f->asked = range.from;
        f->opened = true;
    }
    if (rc && !f->rc) {
        f->rc = rc;
        f->err = err;
    }
    ask(f);
    /* wake is short: a flag and a queue entry (connector.h). Under the lock, so that the owner
     * can't go away in between. */
    if (f->wake) f->wake(f->self);
    unref(f);
}

struct fetch *fetch_new(struct fs *fs, const char *uri, const struct fetch_range *range,
                        void (*wake)(void *self), void *self) {
    struct fetch *f = mem_zalloc(sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    fs_cancel_init(&f->cancel);
    f->refs = 1;
    f->fs = fs;
    f->uri = mem_strdup(uri);
    f->range = *range;
    f->wake = wake;
    f->self = self;
    pthread_mutex_lock(&f->lock);
    submit(f, NULL);
    pthread_mutex_unlock(&f->lock);
    return f;
}

void fetch_free(struct fetch *f) {
    if (!f) return;
    fs_cancel_fire(&f->cancel);
    pthread_mutex_lock(&f->lock);
    f->wake = NULL;
    unref(f);
}

bool fetch_ready(struct fetch *f) {
    pthread_mutex_lock(&f->lock);
    bool ready = f->rc || (f->opened && (f->count ? f->ring[f->head].landed : true));
    pthread_mutex_unlock(&f->lock);
    return ready;
}

void fetch_borders(struct fetch *f, uint64_t *ret_from, uint64_t *ret_to) {
    pthread_mutex_lock(&f->lock);
    *ret_from = f->range.from;
    *ret_to = f->range.to;
    pthread_mutex_unlock(&f->lock);
}

int fetch_read(struct fetch *f, void *dst, size_t n, size_t *ret_n, struct err *err) {
    size_t got = 0;
    pthread_mutex_lock(&f->lock);
    while (!f->rc && got < n && f->count && f->ring[f->head].landed) {
        struct chunk *c = &f->ring[f->head];
        size_t k = MIN(n - got, c->n - f->used);
        memcpy((uint8_t *)dst + got, c->data + f->used, k);
        got += k;
        f->used += k;
        if (f->used < c->n) break;
        f->used = 0;
        f->head = (f->head + 1) % FETCH_AHEAD;
        f->count--;
        ask(f);
    }
    int rc = f->rc;
    if (rc && err) *err = f->err;
    pthread_mutex_unlock(&f->lock);
    *ret_n = got;
    return rc;
}
