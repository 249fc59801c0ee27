/* local.c - see local.h. */
#include "connector/filesystem/local.h"

#include "base/core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *err, int errnum, const char *what, const char *path) {
    int code = errnum == ENOENT || errnum == ENOTDIR ? ERR_NOT_FOUND
               : errnum == EACCES || errnum == EPERM ? ERR_PERMISSION
               : errnum == EEXIST                    ? ERR_EXISTS
                                                     : ERR_IO;
    return err_set_errno(err, code, errnum, "%s %s", what, path);
}

/* %XX of a file URI. */
static char *unescape_uri(struct arena *a, const char *s) {
    char *out = arena_strdup(a, s), *d = out;
    for (; *s; s++) {
        unsigned v;
        if (s[0] == '%' && s[1] && s[2] && sscanf(s + 1, "%2x", &v) == 1) {
            *d++ = (char)v;
            s += 2;
        } else {
            *d++ = *s;
        }
    }
    *d = 0;
    return out;
}

int local_path(struct arena *a, const char *uri, const char **ret, struct err *err) {
    const char *colon = strchr(uri, ':');
    const char *path = uri;
    if (strncmp(uri, "file:", 5) == 0) {
        path = uri + 5;
        if (strncmp(path, "//", 2) == 0) {
            path += 2;
            if (strncmp(path, "localhost/", 10) == 0) path += 9;
            if (path[0] != '/')
                return err_set(err, ERR_VALIDATION,
                               "path '%s': a file URI has no host; write file:///...", uri);
        }
        path = unescape_uri(a, path);
    } else if (colon && strncmp(colon, "://", 3) == 0) {
        return err_set(err, ERR_UNSUPPORTED, "path '%s': file system '%.*s' is not supported here",
                       uri, (int)(colon - uri), uri);
    }
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (!n) return err_set(err, ERR_VALIDATION, "path '%s' is empty", uri);
    *ret = arena_strndup(a, path, n);
    return 0;
}

/* ---- listing ---- */

static void add_file(struct file_list *l, const char *path, const struct stat *st) {
    MEM_GROW(l->files, l->n, l->cap);
    l->files[l->n++] =
        (struct file_info){path, (uint64_t)st->st_size,
                           (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000};
}

static int list_into(struct arena *a, const char *path, int depth, struct file_list *l,
                     struct err *err) {
    struct stat st;
    if (stat(path, &st) != 0) {
        /* Gone since its directory was read. */
        if (depth && errno == ENOENT) return 0;
        return fail(err, errno, "stat", path);
    }
    if (S_ISREG(st.st_mode)) {
        if (l->n >= LOCAL_LIST_MAX_FILES)
            return err_set(err, ERR_UNSUPPORTED, "more than %d files below the path",
                           LOCAL_LIST_MAX_FILES);
        add_file(l, path, &st);
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) return 0;
    if (depth >= LOCAL_LIST_MAX_DEPTH)
        return err_set(err, ERR_UNSUPPORTED, "list %s: directories are nested deeper than %d", path,
                       LOCAL_LIST_MAX_DEPTH);
    const char *const *names;
    size_t n;
    int rc = local_entries(a, path, &names, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        if (names[i][0] == '.' || names[i][0] == '_') continue;
        rc = list_into(a, arena_printf(a, "%s/%s", strcmp(path, "/") ? path : "", names[i]),
                       depth + 1, l, err);
    }
    return rc;
}

int local_entries(struct arena *a, const char *dir, const char *const **ret, size_t *ret_n,
                  struct err *err) {
    const char **names = NULL;
    size_t n = 0, cap = 0;
    *ret = NULL;
    *ret_n = 0;
    DIR *d = opendir(dir);
    if (!d) return errno == ENOENT ? 0 : fail(err, errno, "list", dir);
    struct dirent *e;
    while ((errno = 0, e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        MEM_GROW(names, n, cap);
        names[n++] = arena_strdup(a, e->d_name);
    }
    int errnum = errno;
    closedir(d);
    if (!errnum) {
        *ret = arena_dup(a, names, n * sizeof *names);
        *ret_n = n;
    }
    free(names);
    return errnum ? fail(err, errnum, "list", dir) : 0;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct file_info *)a)->path, ((const struct file_info *)b)->path);
}

int local_list(struct arena *a, const char *path, struct file_list *ret, struct err *err) {
    struct file_list l = {0};
    int rc = 0;
    if (local_exists(path) || !strpbrk(path, "*?[")) {
        rc = list_into(a, path, 0, &l, err);
    } else {
        glob_t g;
        int grc = glob(path, GLOB_ERR | GLOB_NOSORT, NULL, &g);
        if (grc == GLOB_NOMATCH)
            rc = err_set(err, ERR_NOT_FOUND, "no file matches %s", path);
        else if (grc)
            rc = err_set(err, ERR_IO, "list %s: %s", path,
                         grc == GLOB_ABORTED ? "a directory can't be read" : "too many matches");
        for (size_t i = 0; !rc && i < g.gl_pathc; i++) {
            const char *base = strrchr(g.gl_pathv[i], '/');
            base = base ? base + 1 : g.gl_pathv[i];
            if (base[0] == '.' || base[0] == '_') continue;
            rc = list_into(a, arena_strdup(a, g.gl_pathv[i]), 0, &l, err);
        }
        if (grc != GLOB_NOSPACE) globfree(&g);
    }
    if (!rc) {
        if (l.n) qsort(l.files, l.n, sizeof *l.files, by_path);
        ret->files = arena_dup(a, l.files, l.n * sizeof *l.files);
        ret->n = ret->cap = l.n;
    }
    free(l.files);
    return rc;
}

bool local_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool local_exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* ---- reading ---- */

int local_open(const char *path, int *ret_fd, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(err, errno, "open", path);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret_fd = fd;
    return 0;
}

int local_read_at(int fd, const char *path, uint64_t offset, void *dst, size_t n, size_t *ret_n,
                  struct err *err) {
    size_t got = 0;
    while (got < n) {
        ssize_t k = pread(fd, (char *)dst + got, n - got, (off_t)(offset + got));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return fail(err, errno, "read", path);
        if (k == 0) break;
        got += (size_t)k;
    }
    *ret_n = got;
    return 0;
}

/* ---- writing ---- */

int local_make_dirs(const char *dir, struct err *err) {
    char *path = mem_strdup(dir);
    int rc = 0;
    for (char *p = path + 1; !rc; p++) {
        if (*p && *p != '/') continue;
        char c = *p;
        *p = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            rc = fail(err, errno, "make directory", path);
        *p = c;
        if (!c) break;
    }
    if (!rc && !local_is_dir(path)) rc = fail(err, ENOTDIR, "make directory", path);
    free(path);
    return rc;
}

int local_create(const char *path, int *ret_fd, struct err *err) {
    for (int again = 0;; again++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        const char *slash = strrchr(path, '/');
        if (errno != ENOENT || again || !slash || slash == path)
            return fail(err, errno, "create", path);
        char *dir = mem_strndup(path, (size_t)(slash - path));
        int rc = local_make_dirs(dir, err);
        free(dir);
        if (rc) return rc;
    }
}

int local_write(int fd, const char *path, const void *p, size_t n, struct err *err) {
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return fail(err, errno, "write", path);
        p = (const char *)p + k;
        n -= (size_t)k;
    }
    return 0;
}

int local_sync(int fd, const char *path, struct err *err) {
    return fdatasync(fd) == 0 ? 0 : fail(err, errno, "sync", path);
}

void local_close(int fd) {
    if (fd >= 0) close(fd);
}

int local_sync_dir(const char *dir, struct err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(err, errno, "open", dir);
    /* Some file systems can't sync a directory and need not. */
    int rc = fsync(fd) != 0 && errno != EINVAL ? fail(err, errno, "sync", dir) : 0;
    close(fd);
    return rc;
}

int local_rename(const char *from, const char *to, struct err *err) {
    return rename(from, to) == 0 ? 0 : fail(err, errno, "rename to its final name", from);
}

int local_remove(const char *path, struct err *err) {
    if (unlink(path) == 0 || errno == ENOENT) return 0;
    return fail(err, errno, "remove", path);
}
