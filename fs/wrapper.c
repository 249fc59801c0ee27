/* wrapper.c - see wrapper.h. */
#include "fs/wrapper.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static struct wrapper *of(struct fs *f) {
    return CONTAINER_OF(f, struct wrapper, base);
}

static int hidden(int rc, int verdict, struct err *err) {
    if (rc || verdict == WRAPPER_GO_ON) return rc;
    return err_set(err, ERR_UNAVAILABLE, "injected fault: %s",
                   verdict == WRAPPER_HIDE ? "it was done, the answer is lost" : "done by half");
}

static int after(struct wrapper *w, enum fs_op op, const char *uri, size_t n, int rc, int verdict,
                 struct err *err) {
    if (w->hooks->after) w->hooks->after(w, op, uri, n, rc);
    return hidden(rc, verdict, err);
}

/* verdict is an int in scope; n is evaluated behind the call. */
#define RUN(w, op, uri, expr, n)                                                                   \
    do {                                                                                           \
        int verdict = (w)->hooks->before(w, op, uri, err);                                         \
        if (verdict < 0) {                                                                         \
            if ((w)->hooks->after) (w)->hooks->after(w, op, uri, 0, verdict);                      \
            return verdict;                                                                        \
        }                                                                                          \
        int rc_ = (expr);                                                                          \
        return after(w, op, uri, rc_ ? 0 : (n), rc_, verdict, err);                                \
    } while (0)

static int wrap_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
                     struct fs_entry *ret, struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_STAT, uri, fs_stat(w->inner, uri, call, a, ret, err), 1);
}

static int wrap_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
                    const struct fs_call *call, struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_PUT, uri,
        fs_put(w->inner, uri, data, verdict == WRAPPER_TEAR ? n / 2 : n, flags, call, err), n);
}

static int wrap_commit(struct fs *f, const cJSON *const *staged, size_t n,
                       const struct fs_call *call, struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_COMMIT, json_opt_str(staged[0], "dst", ""),
        fs_commit(w->inner, staged, verdict == WRAPPER_TEAR ? n / 2 : n, call, err), n);
}

static int wrap_discard(struct fs *f, const cJSON *const *staged, size_t n,
                        const struct fs_call *call, struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_DISCARD, json_opt_str(staged[0], "dst", ""),
        fs_discard(w->inner, staged, verdict == WRAPPER_TEAR ? n / 2 : n, call, err), n);
}

static int wrap_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
                      void *self, const struct fs_call *call, struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_SWEEP, prefix, fs_sweep(w->inner, prefix, stale, self, call, err), 1);
}

static int wrap_list(struct fs *f, const char *prefix, const char *token,
                     const struct fs_call *call, struct arena *a, struct fs_page *ret,
                     struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_LIST, prefix, fs_list(w->inner, prefix, token, call, a, ret, err), ret->n);
}

static int wrap_remove(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
                       struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_DELETE, uris[0],
        fs_delete(w->inner, uris, verdict == WRAPPER_TEAR ? n / 2 : n, call, err), n);
}

static int wrap_remove_tree(struct fs *f, const char *uri, const struct fs_call *call,
                            struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_DELETE, uri, fs_delete_tree(w->inner, uri, call, err), 1);
}

static int wrap_rename(struct fs *f, const char *from, const char *to, unsigned flags,
                       const struct fs_call *call, struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_RENAME, from, fs_rename(w->inner, from, to, flags, call, err), 1);
}

static int wrap_make_dirs(struct fs *f, const char *uri, const struct fs_call *call,
                          struct err *err) {
    struct wrapper *w = of(f);
    RUN(w, FS_OP_MKDIRS, uri, fs_make_dirs(w->inner, uri, call, err), 1);
}

/* ---- files ---- */

struct wrap_file {
    struct fs_file base;
    struct fs_file *inner;
};

static int read_inner(struct wrapper *w, struct fs_file *base, uint64_t offset, void *dst, size_t n,
                      size_t *ret_n, const struct fs_call *call, struct err *err) {
    struct wrap_file *file = CONTAINER_OF(base, struct wrap_file, base);
    RUN(w, FS_OP_READ, base->uri,
        fs_read_at(file->inner, offset, dst, verdict == WRAPPER_TEAR ? n / 2 : n, ret_n, call, err),
        *ret_n);
}

static int file_read_at(struct fs_file *base, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                        const struct fs_call *call, struct err *err) {
    return read_inner(of(base->fs), base, offset, dst, n, ret_n, call, err);
}

static void file_close(struct fs_file *base) {
    struct wrap_file *file = CONTAINER_OF(base, struct wrap_file, base);
    fs_close(file->inner);
    free(file);
}

static const struct fs_file_ops wrap_file_ops = {file_read_at, file_close};

static int open_inner(struct wrapper *w, const char *uri, const struct fs_call *call,
                      struct fs_file **ret, struct err *err) {
    RUN(w, FS_OP_OPEN, uri, fs_open(w->inner, uri, call, ret, err), 1);
}

static int wrap_open(struct fs *f, const char *uri, const struct fs_call *call,
                     struct fs_file **ret, struct err *err) {
    struct fs_file *inner = NULL;
    int rc = open_inner(of(f), uri, call, &inner, err);
    if (rc) {
        fs_close(inner);
        return rc;
    }
    struct wrap_file *file = mem_zalloc(sizeof *file);
    fs_file_init(&file->base, &wrap_file_ops, f, uri);
    file->inner = inner;
    *ret = &file->base;
    return 0;
}

/* ---- writers ---- */

struct wrap_writer {
    struct fs_writer base;
    struct fs_writer *inner; /* NULL: finished or staged */
};

static int write_inner(struct wrapper *w, struct wrap_writer *x, const void *p, size_t n,
                       struct err *err) {
    RUN(w, FS_OP_WRITE, x->base.uri,
        fs_write(x->inner, p, verdict == WRAPPER_TEAR ? n / 2 : n, err), n);
}

static int writer_write(struct fs_writer *base, const void *p, size_t n, struct err *err) {
    return write_inner(of(base->fs), CONTAINER_OF(base, struct wrap_writer, base), p, n, err);
}

static struct fs_writer *take_inner(struct wrap_writer *x) {
    struct fs_writer *inner = x->inner;
    x->inner = NULL;
    return inner;
}

static int finish_inner(struct wrapper *w, struct wrap_writer *x, struct err *err) {
    RUN(w, FS_OP_FINISH, x->base.uri, fs_finish(take_inner(x), err), x->base.written_bytes);
}

static int writer_finish(struct fs_writer *base, struct err *err) {
    return finish_inner(of(base->fs), CONTAINER_OF(base, struct wrap_writer, base), err);
}

static int stage_inner(struct wrapper *w, struct wrap_writer *x, cJSON **ret, struct err *err) {
    RUN(w, FS_OP_STAGE, x->base.uri, fs_stage(take_inner(x), ret, err), x->base.written_bytes);
}

static int writer_stage(struct fs_writer *base, cJSON **ret, struct err *err) {
    cJSON *staged = NULL;
    int rc = stage_inner(of(base->fs), CONTAINER_OF(base, struct wrap_writer, base), &staged, err);
    if (rc)
        cJSON_Delete(staged);
    else
        *ret = staged;
    return rc;
}

static void writer_abandon(struct fs_writer *base) {
    struct wrap_writer *x = CONTAINER_OF(base, struct wrap_writer, base);
    fs_abandon(x->inner);
    free(x);
}

static const struct fs_writer_ops wrap_writer_ops = {writer_write, writer_stage, writer_finish,
                                                     writer_abandon};

static int create_inner(struct wrapper *w, const char *uri, unsigned flags,
                        const struct fs_call *call, struct fs_writer **ret, struct err *err) {
    RUN(w, FS_OP_CREATE, uri, fs_create(w->inner, uri, flags, call, ret, err), 1);
}

static int wrap_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
                       struct fs_writer **ret, struct err *err) {
    struct fs_writer *inner = NULL;
    int rc = create_inner(of(f), uri, flags, call, &inner, err);
    if (rc) {
        fs_abandon(inner);
        return rc;
    }
    struct wrap_writer *x = mem_zalloc(sizeof *x);
    fs_writer_init(&x->base, &wrap_writer_ops, f, uri);
    x->inner = inner;
    *ret = &x->base;
    return 0;
}

static void wrap_free(struct fs *f) {
    struct wrapper *w = of(f);
    if (w->owns_inner) fs_free(w->inner);
    fs_release(f);
    w->hooks->free(w);
}

static const struct fs_ops wrapper_ops = {
    .type = "wrapper",
    .can_rename = true,
    .stat = wrap_stat,
    .open = wrap_open,
    .put = wrap_put,
    .create = wrap_create,
    .commit = wrap_commit,
    .discard = wrap_discard,
    .sweep = wrap_sweep,
    .list = wrap_list,
    .remove = wrap_remove,
    .remove_tree = wrap_remove_tree,
    .rename = wrap_rename,
    .make_dirs = wrap_make_dirs,
    .free = wrap_free,
};

void wrapper_init(struct wrapper *w, const struct wrapper_hooks *hooks, struct fs *inner,
                  bool owns_inner) {
    fs_init(&w->base, &wrapper_ops, fs_name(inner));
    w->hooks = hooks;
    w->inner = inner;
    w->owns_inner = owns_inner;
}
