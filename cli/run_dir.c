/* run_dir.c - files that say which local jobs run. */
#include "cli/run_dir.h"

#include "base/core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int run_dir_path(struct str *out, struct err *err) {
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (xdg && *xdg == '/' && access(xdg, W_OK) == 0)
        str_addf(out, "%s/penstock", xdg);
    else
        str_addf(out, "/tmp/penstock-%u", (unsigned)getuid());
    const char *path = str_text(out);
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_set_errno(err, ERR_IO, errno, "make the folder %s", path);
    struct stat st;
    if (lstat(path, &st)) return err_set_errno(err, ERR_IO, errno, "look at %s", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 077))
        return err_set(
            err, ERR_PERMISSION,
            "%s must be a folder that belongs to you and is closed to others (mode 0700)", path);
    return 0;
}

int run_dir_file(const char *suffix, struct str *out, struct err *err) {
    int rc = run_dir_path(out, err);
    if (!rc) str_addf(out, "/%d.%s", (int)getpid(), suffix);
    return rc;
}

int run_dir_write(const char *path, struct sv text, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_set_errno(err, ERR_IO, errno, "create %s", path);
    int rc = 0;
    while (text.len && !rc) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            rc = err_set_errno(err, ERR_IO, errno, "write %s", path);
        } else {
            text.ptr += n;
            text.len -= (size_t)n;
        }
    }
    close(fd);
    return rc;
}

int run_dir_register(const char *path, const char *name, int port, const char *token,
                     struct err *err) {
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "name", name);
    json_set_i64(j, "pid", getpid());
    json_set_i64(j, "port", port);
    json_set_str(j, "token", token);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    return run_dir_write(path, str_view(&text), err);
}

static bool read_entry(const char *path, struct run_entry *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    char buf[4096];
    ssize_t n = read(fd, buf, sizeof buf);
    close(fd);
    struct err err = ERR_INIT;
    AUTO_JSON *j = NULL;
    if (n <= 0 || json_parse(buf, (size_t)n, &j, &err)) return false;
    e->pid = json_opt_i64(j, "pid", 0);
    if (e->pid <= 0 || (kill((pid_t)e->pid, 0) && errno == ESRCH)) {
        unlink(path);
        return false;
    }
    e->path = mem_strdup(path);
    e->name = mem_strdup(json_opt_str(j, "name", ""));
    e->port = (int)json_opt_i64(j, "port", 0);
    e->token = mem_strdup(json_opt_str(j, "token", ""));
    return true;
}

int run_dir_list(struct run_entry **ret, int *ret_n, struct err *err) {
    AUTO_STR dir = STR_INIT;
    int rc = run_dir_path(&dir, err);
    if (rc) return rc;
    DIR *d = opendir(str_text(&dir));
    if (!d) return err_set_errno(err, ERR_IO, errno, "list %s", str_text(&dir));
    struct run_entry *list = NULL;
    int n = 0, cap = 0;
    struct dirent *de;
    while ((de = readdir(d))) {
        size_t len = strlen(de->d_name);
        if (len < 4 || strcmp(de->d_name + len - 4, ".run")) continue;
        AUTO_STR path = STR_INIT;
        str_addf(&path, "%s/%s", str_text(&dir), de->d_name);
        MEM_GROW(list, n, cap);
        if (read_entry(str_text(&path), &list[n])) n++;
    }
    closedir(d);
    *ret = list;
    *ret_n = n;
    return 0;
}

void run_entries_free(struct run_entry *e, int n) {
    for (int i = 0; i < n; i++) {
        free(e[i].path);
        free(e[i].name);
        free(e[i].token);
    }
    free(e);
}
