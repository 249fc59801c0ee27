/* append.c - see append.h. */
#include "fs/append.h"

#include "base/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 4096, /* what offsets, lengths and addresses of direct writes are multiples of */
    DIRECT_MIN_BYTES = 64 << 10, /* smaller writes gain nothing */
    BOUNCE_BYTES = 256 << 10,
    SPARES_MAX = 8
};

/* Buffers for direct writes, kept: their pages are there. */
static struct {
    pthread_mutex_t lock;
    int n;
    char *buf[SPARES_MAX];
} spares = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *bounce_take(void) {
    char *b = NULL;
    pthread_mutex_lock(&spares.lock);
    if (spares.n) b = spares.buf[--spares.n];
    pthread_mutex_unlock(&spares.lock);
    return b ? b : mem_aligned(BLOCK_BYTES, BOUNCE_BYTES);
}

static void bounce_give(char *b) {
    pthread_mutex_lock(&spares.lock);
    if (spares.n < SPARES_MAX) {
        spares.buf[spares.n++] = b;
        b = NULL;
    }
    pthread_mutex_unlock(&spares.lock);
    free(b);
}

static bool set_direct(int fd, bool on) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/* *ret_n: how many were written, fewer than n on failure alone. */
static int write_all(int fd, const char *p, size_t n, size_t *ret_n) {
    size_t done = 0;
    int rc = 0;
    while (done < n) {
        ssize_t k = write(fd, p + done, n - done);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) {
            rc = errno;
            break;
        }
        done += (size_t)k;
    }
    *ret_n = done;
    return rc;
}

static int write_plain(struct append_file *f, const char *p, size_t n) {
    size_t done;
    return write_all(f->fd, p, n, &done);
}

/* From here on through the page cache. */
static int leave_direct(struct append_file *f) {
    f->mode = APPEND_PLAIN;
    if (!set_direct(f->fd, false)) return errno;
    int rc = f->n_tail ? write_plain(f, f->tail, f->n_tail) : 0;
    f->n_tail = 0;
    return rc;
}

/* Whole blocks. Some file systems take the flag and refuse the writes, and a write that was cut
 * short may leave us within a block: the rest goes the plain way. */
static int write_blocks(struct append_file *f, const char *p, size_t n) {
    if (f->mode == APPEND_PLAIN) return write_plain(f, p, n);
    size_t done;
    int rc = write_all(f->fd, p, n, &done);
    if (rc != EINVAL) return rc;
    f->mode = APPEND_PLAIN;
    if (!set_direct(f->fd, false)) return errno;
    return write_plain(f, p + done, n - done);
}

static int write_direct(struct append_file *f, const char *p, size_t n) {
    char *bounce = bounce_take();
    int rc = 0;
    while (!rc && f->n_tail + n >= BLOCK_BYTES) {
        size_t k = BOUNCE_BYTES - f->n_tail;
        if (k > n) k = (f->n_tail + n) / BLOCK_BYTES * BLOCK_BYTES - f->n_tail;
        if (f->n_tail) memcpy(bounce, f->tail, f->n_tail);
        memcpy(bounce + f->n_tail, p, k);
        rc = write_blocks(f, bounce, f->n_tail + k);
        f->n_tail = 0;
        p += k;
        n -= k;
    }
    bounce_give(bounce);
    if (rc || !n) return rc;
    if (f->mode == APPEND_PLAIN) return write_plain(f, p, n);
    if (!f->tail) f->tail = mem_alloc(BLOCK_BYTES);
    memcpy(f->tail + f->n_tail, p, n);
    f->n_tail += n;
    return 0;
}

void append_init(struct append_file *f, int fd) {
    *f = (struct append_file){.fd = fd};
}

int append_write(struct append_file *f, const void *p, size_t n) {
    if (f->mode == APPEND_UNDECIDED)
        f->mode = n >= DIRECT_MIN_BYTES && set_direct(f->fd, true) ? APPEND_DIRECT : APPEND_PLAIN;
    if (f->mode == APPEND_DIRECT && n < DIRECT_MIN_BYTES) {
        int rc = leave_direct(f);
        if (rc) return rc;
    }
    return f->mode == APPEND_DIRECT ? write_direct(f, p, n) : write_plain(f, p, n);
}

int append_end(struct append_file *f) {
    return f->mode == APPEND_DIRECT ? leave_direct(f) : 0;
}

void append_release(struct append_file *f) {
    free(f->tail);
    f->tail = NULL;
}
