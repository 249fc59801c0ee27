/* fs.c - the API's front: metrics and the operation's name around what a store does. */
#include "fs/fs.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "fs/fs_ops.h"
#include "fs/uri.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { HEX_DIGITS = 16 };
static const char staging_suffix[] = ".inprogress";

/* ---- heads of stores, files, writers ---- */

void fs_init(struct fs *f, const struct fs_ops *ops, const char *name) {
    f->ops = ops;
    f->name = mem_strdup(name);
}

void fs_release(struct fs *f) {
    free(f->name);
}

void fs_file_init(struct fs_file *file, const struct fs_file_ops *ops, struct fs *f,
                  const char *uri) {
    *file = (struct fs_file){ops, f, mem_strdup(uri)};
}

void fs_writer_init(struct fs_writer *w, const struct fs_writer_ops *ops, struct fs *f,
                    const char *uri) {
    w->ops = ops;
    w->fs = f;
    w->uri = mem_strdup(uri);
}

uint64_t fs_random(void) {
    uint64_t r;
    if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r) r = (uint64_t)clock_wall_ns();
    return r;
}

char *fs_staging_uri(struct arena *a, const char *dst) {
    const char *name = fs_uri_name(dst);
    return arena_printf(a, "%.*s.%s.%016llx%s", (int)(name - dst), dst, name,
                        (unsigned long long)fs_random(), staging_suffix);
}

const char *fs_staging_dst(struct arena *a, const char *uri) {
    const char *name = fs_uri_name(uri);
    size_t n = strlen(name), tail = HEX_DIGITS + sizeof staging_suffix; /* with the '.' before */
    if (name[0] != '.' || n <= tail + 1) return NULL;
    const char *hex = name + n - tail;
    if (*hex != '.' || strspn(hex + 1, "0123456789abcdef") != HEX_DIGITS ||
        strcmp(hex + 1 + HEX_DIGITS, staging_suffix) != 0)
        return NULL;
    return arena_printf(a, "%.*s%.*s", (int)(name - uri), uri, (int)(hex - name - 1), name + 1);
}

const char *fs_name(const struct fs *f) {
    return f->name;
}

const char *fs_type(const struct fs *f) {
    return f->ops->type;
}

bool fs_is_local(const struct fs *f) {
    return f->ops->local;
}

bool fs_can_rename(const struct fs *f) {
    return f->ops->can_rename;
}

const struct fs_metrics *fs_metrics_of(const struct fs *f) {
    return &f->metrics;
}

void fs_free(struct fs *f) {
    if (f) f->ops->free(f);
}

/* ---- operations ---- */

static int done(struct fs *f, enum fs_op op, const char *uri, int64_t begun_ns, int rc,
                struct err *err) {
    fs_metrics_count(&f->metrics, op, begun_ns, rc);
    if (rc >= 0) return rc;
    if (!f->ops->local) return err_wrap(err, "%s %s: store '%s'", fs_op_names[op], uri, f->name);
    /* The system call's own message mostly says it all. */
    return strstr(err->msg, uri) ? rc : err_wrap(err, "%s %s", fs_op_names[op], uri);
}

static bool cancelled(const struct fs_call *call, struct err *err) {
    if (!call || !fs_cancel_fired(call->cancel)) return false;
    err_set(err, ERR_CANCELLED, "cancelled");
    return true;
}

#define RUN(op, uri, expr)                                                                         \
    do {                                                                                           \
        int64_t begun_ns_ = clock_mono_ns();                                                       \
        int rc_ = cancelled(call, err) ? ERR_CANCELLED : (expr);                                   \
        return done(f, op, uri, begun_ns_, rc_, err);                                              \
    } while (0)

int fs_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
            struct fs_entry *ret, struct err *err) {
    RUN(FS_OP_STAT, uri, f->ops->stat(f, uri, call, a, ret, err));
}

int fs_open(struct fs *f, const char *uri, const struct fs_call *call, struct fs_file **ret,
            struct err *err) {
    RUN(FS_OP_OPEN, uri, f->ops->open(f, uri, call, ret, err));
}

int fs_read_at(struct fs_file *file, uint64_t offset, void *dst, size_t n, size_t *ret_n,
               const struct fs_call *call, struct err *err) {
    struct fs *f = file->fs;
    int64_t begun_ns = clock_mono_ns();
    size_t got = 0;
    int rc = cancelled(call, err) ? ERR_CANCELLED
                                  : file->ops->read_at(file, offset, dst, n, &got, call, err);
    if (!rc) {
        *ret_n = got;
        atomic_fetch_add_explicit(&f->metrics.bytes_read, got, memory_order_relaxed);
    }
    return done(f, FS_OP_READ, file->uri, begun_ns, rc, err);
}

void fs_close(struct fs_file *file) {
    if (!file) return;
    free(file->uri);
    file->ops->close(file);
}

int fs_get(struct fs *f, const char *uri, const struct fs_call *call, struct str *out,
           struct err *err) {
    enum { FIRST_BYTES = 64 << 10 };
    struct fs_file *file;
    size_t before = out->len, got = 0, want = FIRST_BYTES;
    int rc = fs_open(f, uri, call, &file, err);
    if (rc) return rc;
    do {
        if (out->len - before >= FS_PUT_MAX_BYTES) {
            rc = err_set(err, ERR_BUDGET, "read %s: the file is larger than %d MiB", uri,
                         FS_PUT_MAX_BYTES >> 20);
            break;
        }
        str_reserve(out, want);
        rc = fs_read_at(file, out->len - before, out->ptr + out->len, want, &got, call, err);
        if (rc) break;
        bool more = got == want;
        out->len += got;
        out->ptr[out->len] = 0;
        want *= 4;
        if (!more) break;
    } while (true);
    fs_close(file);
    if (rc) str_truncate(out, before);
    return rc;
}

int fs_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
           const struct fs_call *call, struct err *err) {
    int64_t begun_ns = clock_mono_ns();
    int rc;
    if (n > FS_PUT_MAX_BYTES)
        rc = err_set(err, ERR_INVALID, "%zu bytes are too many for one put", n);
    else
        rc = cancelled(call, err) ? ERR_CANCELLED : f->ops->put(f, uri, data, n, flags, call, err);
    if (!rc) atomic_fetch_add_explicit(&f->metrics.bytes_written, n, memory_order_relaxed);
    return done(f, FS_OP_PUT, uri, begun_ns, rc, err);
}

int fs_commit(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
              struct err *err) {
    if (!n) return 0;
    RUN(FS_OP_COMMIT, json_opt_str(staged[0], "dst", "?"), f->ops->commit(f, staged, n, call, err));
}

int fs_discard(struct fs *f, const cJSON *const *staged, size_t n, const struct fs_call *call,
               struct err *err) {
    if (!n) return 0;
    RUN(FS_OP_DISCARD, json_opt_str(staged[0], "dst", "?"),
        f->ops->discard(f, staged, n, call, err));
}

int fs_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
             void *self, const struct fs_call *call, struct err *err) {
    RUN(FS_OP_SWEEP, prefix, f->ops->sweep(f, prefix, stale, self, call, err));
}

int fs_list(struct fs *f, const char *prefix, const char *token, const struct fs_call *call,
            struct arena *a, struct fs_page *ret, struct err *err) {
    RUN(FS_OP_LIST, prefix, f->ops->list(f, prefix, token, call, a, ret, err));
}

int fs_delete(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
              struct err *err) {
    if (!n) return 0;
    RUN(FS_OP_DELETE, uris[0], f->ops->remove(f, uris, n, call, err));
}

int fs_delete_tree(struct fs *f, const char *uri, const struct fs_call *call, struct err *err) {
    RUN(FS_OP_DELETE, uri, f->ops->remove_tree(f, uri, call, err));
}

int fs_rename(struct fs *f, const char *from, const char *to, unsigned flags,
              const struct fs_call *call, struct err *err) {
    if (!f->ops->rename)
        return err_set(err, ERR_UNSUPPORTED,
                       "rename %s: store '%s': a store of type %s has no atomic rename", from,
                       f->name, f->ops->type);
    RUN(FS_OP_RENAME, from, f->ops->rename(f, from, to, flags, call, err));
}

int fs_make_dirs(struct fs *f, const char *uri, const struct fs_call *call, struct err *err) {
    RUN(FS_OP_MKDIRS, uri, f->ops->make_dirs(f, uri, call, err));
}

/* ---- writers ---- */

int fs_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
              struct fs_writer **ret, struct err *err) {
    RUN(FS_OP_CREATE, uri, f->ops->create(f, uri, flags, call, ret, err));
}

static int give_again(const struct fs_writer *w, struct err *err) {
    if (err) *err = w->err;
    return w->rc;
}

int fs_write(struct fs_writer *w, const void *p, size_t n, struct err *err) {
    if (w->rc) return give_again(w, err);
    int64_t begun_ns = clock_mono_ns();
    int rc = done(w->fs, FS_OP_WRITE, w->uri, begun_ns, w->ops->write(w, p, n, &w->err), &w->err);
    if (rc) {
        w->rc = rc;
        return give_again(w, err);
    }
    w->written_bytes += n;
    atomic_fetch_add_explicit(&w->fs->metrics.bytes_written, n, memory_order_relaxed);
    return 0;
}

void fs_abandon(struct fs_writer *w) {
    if (!w) return;
    char *uri = w->uri;
    w->ops->abandon(w);
    free(uri);
}

int fs_finish(struct fs_writer *w, struct err *err) {
    int rc = w->rc ? give_again(w, err) : 0;
    if (!rc) {
        int64_t begun_ns = clock_mono_ns();
        rc = done(w->fs, FS_OP_FINISH, w->uri, begun_ns, w->ops->finish(w, err), err);
    }
    fs_abandon(w);
    return rc;
}

int fs_stage(struct fs_writer *w, cJSON **ret_staged, struct err *err) {
    int rc = w->rc ? give_again(w, err) : 0;
    if (!rc) {
        int64_t begun_ns = clock_mono_ns();
        rc = done(w->fs, FS_OP_STAGE, w->uri, begun_ns, w->ops->stage(w, ret_staged, err), err);
    }
    fs_abandon(w);
    return rc;
}
