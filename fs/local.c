/* local.c - see local.h. Everything that touches the disk for a table or a checkpoint goes through
 * here. */
#include "fs/local.h"

#include "base/core/mem.h"
#include "fs/append.h"
#include "fs/fs_ops.h"
#include "fs/uri.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *err, int errnum, const char *what, const char *path) {
    int code = errnum == ENOENT || errnum == ENOTDIR                     ? ERR_NOT_FOUND
               : errnum == EACCES || errnum == EPERM || errnum == EROFS  ? ERR_PERMISSION
               : errnum == EEXIST || errnum == EISDIR                    ? ERR_EXISTS
               : errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG ? ERR_NO_SPACE
               : errnum == ENAMETOOLONG || errnum == EINVAL              ? ERR_VALIDATION
                                                                         : ERR_IO;
    return err_set_errno(err, code, errnum, "%s %s", what, path);
}

/* The plain path of a URI, in the arena. */
static int path_of(struct arena *a, const char *uri, const char **ret, struct err *err) {
    struct fs_uri u;
    int rc = fs_uri_parse(a, uri, &u, err);
    if (!rc) *ret = u.path;
    return rc;
}

static int64_t mtime_ms(const struct stat *st) {
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* ---- directories ---- */

static int make_dirs(const char *dir, struct err *err) {
    char *path = mem_strdup(dir);
    struct stat st;
    int rc = 0;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) goto out;
    for (char *p = path + 1; !rc; p++) {
        if (*p && *p != '/') continue;
        char c = *p;
        *p = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            rc = fail(err, errno == ENOTDIR ? EEXIST : errno, "make directory", path);
        *p = c;
        if (!c) break;
    }
    if (!rc && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        rc = err_set(err, ERR_EXISTS, "make directory %s: a file is in its place", path);
out:
    free(path);
    return rc;
}

static int make_dirs_above(struct arena *a, const char *path, struct err *err) {
    size_t n = fs_uri_dir_len(path);
    return n ? make_dirs(arena_strndup(a, path, n), err) : 0;
}

/* Makes renames and removals in the directory of path durable. */
static int sync_dir(const char *dir, size_t n, struct err *err) {
    char *name = n ? mem_strndup(dir, n) : mem_strdup(".");
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? fail(err, errno, "open directory", name) : 0;
    /* Some file systems can't sync a directory and need not. */
    if (!rc && fsync(fd) != 0 && errno != EINVAL) rc = fail(err, errno, "sync directory", name);
    if (fd >= 0) close(fd);
    free(name);
    return rc;
}

static int sync_dir_of(const char *path, struct err *err) {
    return sync_dir(path, fs_uri_dir_len(path), err);
}

/* ---- names ---- */

static int local_stat(struct fs *f, const char *uri, const struct fs_call *call, struct arena *a,
                      struct fs_entry *ret, struct err *err) {
    const char *path;
    struct stat st;
    int rc = path_of(a, uri, &path, err);
    if (rc) return rc;
    if (stat(path, &st) != 0) return fail(err, errno, "stat", path);
    *ret = (struct fs_entry){arena_strdup(a, path), (uint64_t)st.st_size, mtime_ms(&st),
                             S_ISDIR(st.st_mode)};
    return 0;
}

static int by_uri(const void *a, const void *b) {
    return strcmp(((const struct fs_entry *)a)->uri, ((const struct fs_entry *)b)->uri);
}

struct listing {
    struct fs_entry *entries;
    size_t n, cap;
};

static int read_names(struct arena *a, const char *dir, const char *prefix, const char *token,
                      struct listing *l, struct err *err) {
    DIR *d = opendir(*dir ? dir : ".");
    if (!d) return errno == ENOENT || errno == ENOTDIR ? 0 : fail(err, errno, "list", dir);
    size_t n_prefix = strlen(prefix);
    struct dirent *e;
    while ((errno = 0, e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (strncmp(e->d_name, prefix, n_prefix) != 0) continue;
        if (token && strcmp(e->d_name, token) <= 0) continue;
        MEM_GROW(l->entries, l->n, l->cap);
        l->entries[l->n++] = (struct fs_entry){.uri = arena_strdup(a, e->d_name)};
    }
    int errnum = errno;
    closedir(d);
    return errnum ? fail(err, errnum, "list", dir) : 0;
}

/* token: the last name of the page before. */
static int local_list(struct fs *f, const char *prefix, const char *token,
                      const struct fs_call *call, struct arena *a, struct fs_page *ret,
                      struct err *err) {
    const char *path = "";
    struct listing l = {0};
    int rc = *prefix ? path_of(a, prefix, &path, err) : 0; /* "": where we are */
    if (rc) return rc;
    size_t n_dir = (size_t)(fs_uri_name(path) - path);
    const char *dir = arena_strndup(a, path, n_dir);
    rc = read_names(a, dir, path + n_dir, token, &l, err);
    if (!rc && l.n) qsort(l.entries, l.n, sizeof *l.entries, by_uri);
    struct fs_page page = {
        .entries = arena_alloc(a, MIN(l.n, (size_t)FS_PAGE_MAX) * sizeof *l.entries + 1)};
    size_t i = 0;
    for (; i < l.n && page.n < FS_PAGE_MAX && !rc; i++) {
        struct stat st;
        const char *full = arena_printf(a, "%s%s", dir, l.entries[i].uri);
        if (stat(full, &st) != 0) {
            /* Gone since, or a dangling link. */
            if (errno != ENOENT) rc = fail(err, errno, "stat", full);
            continue;
        }
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) continue;
        page.entries[page.n++] =
            (struct fs_entry){full, (uint64_t)st.st_size, mtime_ms(&st), S_ISDIR(st.st_mode)};
    }
    if (!rc) {
        if (i < l.n) page.next = l.entries[i - 1].uri;
        *ret = page;
    }
    free(l.entries);
    return rc;
}

static int remove_one(const char *path, struct err *err) {
    return unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR
               ? 0
               : fail(err, errno, "remove", path);
}

static int local_remove(struct fs *f, const char *const *uris, size_t n, const struct fs_call *call,
                        struct err *err) {
    struct arena a;
    arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        const char *path;
        rc = path_of(&a, uris[i], &path, err);
        if (!rc) rc = remove_one(path, err);
    }
    arena_release(&a);
    return rc;
}

static int remove_below(struct arena *a, const char *dir, int depth, struct err *err) {
    if (depth > FS_WALK_MAX_DEPTH)
        return err_set(err, ERR_UNSUPPORTED, "remove %s: nested deeper than %d", dir,
                       FS_WALK_MAX_DEPTH);
    struct listing l = {0};
    int rc = read_names(a, dir, "", NULL, &l, err);
    for (size_t i = 0; i < l.n && !rc; i++) {
        const char *path = arena_printf(a, "%s/%s", dir, l.entries[i].uri);
        struct stat st;
        if (lstat(path, &st) != 0) continue;
        rc = S_ISDIR(st.st_mode) ? remove_below(a, path, depth + 1, err) : remove_one(path, err);
    }
    free(l.entries);
    if (!rc && rmdir(dir) != 0 && errno != ENOENT) rc = fail(err, errno, "remove", dir);
    return rc;
}

static int local_remove_tree(struct fs *f, const char *uri, const struct fs_call *call,
                             struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *path;
    struct stat st;
    int rc = path_of(&a, uri, &path, err);
    if (!rc && lstat(path, &st) == 0)
        rc = S_ISDIR(st.st_mode) ? remove_below(&a, path, 0, err) : remove_one(path, err);
    arena_release(&a);
    return rc;
}

/* Onto whatever is there, or onto nothing only. */
static int rename_path(const char *from, const char *to, bool onto_nothing, struct err *err) {
    if (!onto_nothing) return rename(from, to) == 0 ? 0 : fail(err, errno, "rename to", to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return fail(err, errno, "rename to", to);
    /* A file system without that flag: link fails where something is, and is as atomic. */
    if (link(from, to) != 0) return fail(err, errno, "link", to);
    return unlink(from) == 0 ? 0 : fail(err, errno, "remove", from);
}

static int local_rename(struct fs *f, const char *from, const char *to, unsigned flags,
                        const struct fs_call *call, struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *src, *dst;
    int rc = path_of(&a, from, &src, err);
    if (!rc) rc = path_of(&a, to, &dst, err);
    if (!rc) rc = make_dirs_above(&a, dst, err);
    if (!rc) rc = rename_path(src, dst, flags & FS_NEW, err);
    if (!rc) rc = sync_dir_of(dst, err);
    arena_release(&a);
    return rc;
}

static int local_make_dirs(struct fs *f, const char *uri, const struct fs_call *call,
                           struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *path;
    int rc = path_of(&a, uri, &path, err);
    if (!rc) rc = make_dirs(path, err);
    arena_release(&a);
    return rc;
}

/* ---- reading ---- */

struct local_file {
    struct fs_file base;
    int fd;
};

static int file_read_at(struct fs_file *base, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                        const struct fs_call *call, struct err *err) {
    struct local_file *file = CONTAINER_OF(base, struct local_file, base);
    size_t got = 0;
    while (got < n) {
        ssize_t k = pread(file->fd, (char *)dst + got, n - got, (off_t)(offset + got));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0)
            return err_set_errno(err, ERR_IO, errno, "at byte %llu",
                                 (unsigned long long)(offset + got));
        if (k == 0) break;
        got += (size_t)k;
    }
    *ret_n = got;
    return 0;
}

static void file_close(struct fs_file *base) {
    struct local_file *file = CONTAINER_OF(base, struct local_file, base);
    close(file->fd);
    free(file);
}

static const struct fs_file_ops local_file_ops = {file_read_at, file_close};

static int local_open(struct fs *f, const char *uri, const struct fs_call *call,
                      struct fs_file **ret, struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *path;
    int fd = -1;
    int rc = path_of(&a, uri, &path, err);
    if (!rc && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) rc = fail(err, errno, "open", path);
    if (!rc) {
        struct local_file *file = mem_zalloc(sizeof *file);
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        fs_file_init(&file->base, &local_file_ops, f, path);
        file->fd = fd;
        *ret = &file->base;
    }
    arena_release(&a);
    return rc;
}

/* ---- writing ---- */

struct local_writer {
    struct fs_writer base;
    struct arena arena;
    const char *tmp, *dst;
    int fd; /* -1: closed */
    struct append_file file;
    unsigned flags;
    bool keep; /* tmp is renamed, or staged */
};

static int open_new(struct arena *a, const char *path, int *ret_fd, struct err *err) {
    for (int again = 0;; again++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        if (errno != ENOENT || again) return fail(err, errno, "create", path);
        int rc = make_dirs_above(a, path, err);
        if (rc) return rc;
    }
}

static int writer_write(struct fs_writer *base, const void *p, size_t n, struct err *err) {
    struct local_writer *w = CONTAINER_OF(base, struct local_writer, base);
    int errnum = append_write(&w->file, p, n);
    return errnum ? fail(err, errnum, "write", w->tmp) : 0;
}

/* The bytes are durable; the name is so when its directory is synced. */
static int writer_close(struct local_writer *w, struct err *err) {
    int errnum = append_end(&w->file);
    int rc = errnum ? fail(err, errnum, "write", w->tmp) : 0;
    if (!rc && fsync(w->fd) != 0) rc = fail(err, errno, "sync", w->tmp);
    if (close(w->fd) != 0 && !rc) rc = fail(err, errno, "close", w->tmp);
    w->fd = -1;
    return rc;
}

static int writer_finish(struct fs_writer *base, struct err *err) {
    struct local_writer *w = CONTAINER_OF(base, struct local_writer, base);
    int rc = writer_close(w, err);
    if (!rc) rc = rename_path(w->tmp, w->dst, w->flags & FS_NEW, err);
    if (rc) return rc;
    w->keep = true;
    return sync_dir_of(w->dst, err);
}

static int writer_stage(struct fs_writer *base, cJSON **ret, struct err *err) {
    struct local_writer *w = CONTAINER_OF(base, struct local_writer, base);
    int rc = writer_close(w, err);
    if (!rc) rc = sync_dir_of(w->tmp, err);
    if (rc) return rc;
    w->keep = true;
    *ret = cJSON_CreateObject();
    json_set_str(*ret, "dst", w->dst);
    json_set_str(*ret, "tmp", w->tmp);
    json_set_u64(*ret, "bytes", base->written_bytes);
    return 0;
}

static void writer_abandon(struct fs_writer *base) {
    struct local_writer *w = CONTAINER_OF(base, struct local_writer, base);
    if (w->fd >= 0) close(w->fd);
    if (!w->keep) unlink(w->tmp); /* what can't be removed now is swept up later */
    append_release(&w->file);
    arena_release(&w->arena);
    free(w);
}

static const struct fs_writer_ops local_writer_ops = {writer_write, writer_stage, writer_finish,
                                                      writer_abandon};

static int local_create(struct fs *f, const char *uri, unsigned flags, const struct fs_call *call,
                        struct fs_writer **ret, struct err *err) {
    struct local_writer *w = mem_zalloc(sizeof *w);
    arena_init(&w->arena);
    w->flags = flags;
    int rc = path_of(&w->arena, uri, &w->dst, err);
    if (!rc) {
        w->dst = arena_strdup(&w->arena, w->dst);
        w->tmp = fs_staging_uri(&w->arena, w->dst);
        rc = open_new(&w->arena, w->tmp, &w->fd, err);
    }
    if (rc) {
        arena_release(&w->arena);
        free(w);
        return rc;
    }
    append_init(&w->file, w->fd);
    fs_writer_init(&w->base, &local_writer_ops, f, w->dst);
    *ret = &w->base;
    return 0;
}

static int local_put(struct fs *f, const char *uri, const void *data, size_t n, unsigned flags,
                     const struct fs_call *call, struct err *err) {
    struct fs_writer *w;
    int rc = local_create(f, uri, flags, call, &w, err);
    if (rc) return rc;
    rc = writer_write(w, data, n, err);
    if (!rc) rc = writer_finish(w, err);
    fs_abandon(w);
    return rc;
}

/* ---- staged writes ---- */

static int commit_one(const cJSON *s, struct err *err) {
    const char *tmp, *dst;
    uint64_t bytes;
    int rc = json_get_str(s, "tmp", &tmp, err);
    if (!rc) rc = json_get_str(s, "dst", &dst, err);
    if (!rc) rc = json_get_u64(s, "bytes", &bytes, err);
    if (rc) return rc;
    if (rename(tmp, dst) == 0) return 0;
    int errnum = errno;
    if (errnum != ENOENT) return fail(err, errnum, "rename to its final name", tmp);
    struct stat st; /* committed before? */
    if (stat(dst, &st) == 0 && (uint64_t)st.st_size == bytes) return 0;
    return err_set(err, ERR_CORRUPT, "%s is gone, and %s is not it either: its data is lost", tmp,
                   dst);
}

/* Ack after the directories are synced, each once. */
static int local_commit(struct fs *f, const cJSON *const *staged, size_t n,
                        const struct fs_call *call, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = commit_one(staged[i], err);
    const char *last = NULL;
    for (size_t i = 0; i < n && !rc; i++) {
        const char *dst = json_opt_str(staged[i], "dst", "");
        size_t len = fs_uri_dir_len(dst);
        if (last && fs_uri_dir_len(last) == len && memcmp(last, dst, len) == 0) continue;
        rc = sync_dir(dst, len, err);
        last = dst;
    }
    return rc;
}

static int local_discard(struct fs *f, const cJSON *const *staged, size_t n,
                         const struct fs_call *call, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        const char *tmp;
        rc = json_get_str(staged[i], "tmp", &tmp, err);
        if (!rc) rc = remove_one(tmp, err);
    }
    return rc;
}

static int local_sweep(struct fs *f, const char *prefix, bool (*stale)(void *self, const char *dst),
                       void *self, const struct fs_call *call, struct err *err) {
    struct arena a;
    struct listing l = {0};
    arena_init(&a);
    const char *path;
    int rc = path_of(&a, prefix, &path, err);
    if (!rc) {
        size_t n_dir = (size_t)(fs_uri_name(path) - path);
        const char *dir = arena_strndup(&a, path, n_dir);
        rc = read_names(&a, dir, arena_printf(&a, ".%s", path + n_dir), NULL, &l, err);
        for (size_t i = 0; i < l.n && !rc; i++) {
            const char *tmp = arena_printf(&a, "%s%s", dir, l.entries[i].uri);
            const char *dst = fs_staging_dst(&a, tmp);
            if (dst && stale(self, dst)) rc = remove_one(tmp, err);
        }
    }
    free(l.entries);
    arena_release(&a);
    return rc;
}

/* ---- the store ---- */

static void local_free(struct fs *f) {
    fs_release(f);
    free(f);
}

static const struct fs_ops local_ops = {
    .type = "local",
    .local = true,
    .can_rename = true,
    .stat = local_stat,
    .open = local_open,
    .put = local_put,
    .create = local_create,
    .commit = local_commit,
    .discard = local_discard,
    .sweep = local_sweep,
    .list = local_list,
    .remove = local_remove,
    .remove_tree = local_remove_tree,
    .rename = local_rename,
    .make_dirs = local_make_dirs,
    .free = local_free,
};

int local_fs_new(const struct fs_options *o, struct fs **ret, struct err *err) {
    struct fs *f = mem_zalloc(sizeof *f);
    fs_init(f, &local_ops, o->name);
    *ret = f;
    return 0;
}
