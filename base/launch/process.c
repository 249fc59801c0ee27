/* process.c - the launcher of child processes. */
#include "base/launch/launcher.h"

#include "base/core/mem.h"
#include "base/core/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN_VARIABLE "PENSTOCK_TOKEN"

struct child {
    pid_t pid;
    bool gone;
    struct launch_status status;
};

struct process_launcher {
    struct launcher base;
    char *bin_dir;
    struct child *children;
    int n, cap;
};

static struct process_launcher *impl(struct launcher *l) {
    return CONTAINER_OF(l, struct process_launcher, base);
}

static int own_dir(char *buf, size_t size, struct err *err) {
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    if (n < 0) return err_set_errno(err, ERR_IO, errno, "find the program's own folder");
    buf[n] = '\0';
    char *slash = strrchr(buf, '/');
    if (slash) *slash = '\0';
    return 0;
}

/* Runs in the child: only async-signal-safe calls. Never returns. */
static void exec_child(const char *path, char *const *argv, char *const *envp, pid_t parent,
                       int report_fd) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* the parent died before the prctl */
    int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd >= 0) dup2(null_fd, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execve(path, argv, envp);
    int e = errno;
    ssize_t ignored = write(report_fd, &e, sizeof e);
    (void)ignored;
    _exit(127);
}

static char **make_env(const char *token) {
    extern char **environ;
    size_t n = 0;
    while (environ[n])
        n++;
    char **envp = mem_calloc(n + 2, sizeof *envp);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], TOKEN_VARIABLE "=", sizeof TOKEN_VARIABLE)) envp[k++] = environ[i];
    AUTO_STR var = STR_INIT;
    str_addf(&var, TOKEN_VARIABLE "=%s", token ? token : "");
    envp[k] = str_take(&var);
    return envp;
}

static void free_env(char **envp) {
    size_t n = 0;
    while (envp[n])
        n++;
    free(envp[n - 1]); /* the token's, made last */
    free(envp);
}

static int spawn(const char *path, char *const *argv, const char *token, pid_t *ret_pid,
                 struct err *err) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC)) return err_set_errno(err, ERR_IO, errno, "make a pipe");
    char **envp = make_env(token);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) exec_child(path, argv, envp, parent, fds[1]);
    int fork_errno = errno;
    free_env(envp);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return err_set_errno(err, ERR_UNAVAILABLE, fork_errno, "start %s", path);
    }
    int exec_errno = 0;
    ssize_t n;
    do {
        n = read(fds[0], &exec_errno, sizeof exec_errno); /* ends when exec closes the pipe */
    } while (n < 0 && errno == EINTR);
    close(fds[0]);
    if (n == sizeof exec_errno) {
        waitpid(pid, NULL, 0);
        return err_set_errno(err, ERR_NOT_FOUND, exec_errno, "start %s", path);
    }
    *ret_pid = pid;
    return 0;
}

static int process_start(struct launcher *l, const struct launch_spec *spec, int *ret_id,
                         struct err *err) {
    struct process_launcher *p = impl(l);
    const char *name =
        spec->role == LAUNCH_COORDINATOR ? "penstock-coordinator" : "penstock-worker";
    AUTO_STR path = STR_INIT;
    str_addf(&path, "%s/%s", p->bin_dir, name);
    size_t n = 0;
    while (spec->args[n])
        n++;
    AUTO_FREE char **argv = mem_calloc(n + 2, sizeof *argv);
    argv[0] = (char *)name;
    for (size_t i = 0; i < n; i++)
        argv[i + 1] = (char *)spec->args[i];
    pid_t pid = 0;
    int rc = spawn(str_text(&path), argv, spec->token, &pid, err);
    if (rc) return rc;
    MEM_GROW(p->children, p->n, p->cap);
    p->children[p->n] = (struct child){.pid = pid};
    *ret_id = p->n++;
    return 0;
}

static void reap(struct child *c, bool wait) {
    int status;
    struct rusage ru;
    pid_t got;
    do {
        got = wait4(c->pid, &status, wait ? 0 : WNOHANG, &ru);
    } while (got < 0 && errno == EINTR);
    if (got != c->pid) return;
    c->gone = true;
    c->status.state = LAUNCH_EXITED;
    c->status.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    c->status.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    c->status.max_rss_bytes = (int64_t)ru.ru_maxrss * 1024;
    c->status.cpu_ms = (int64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
                       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
}

static int process_poll(struct launcher *l, int id, struct launch_status *ret, struct err *err) {
    struct process_launcher *p = impl(l);
    CHECK(id >= 0 && id < p->n);
    struct child *c = &p->children[id];
    if (!c->gone) reap(c, false);
    *ret = c->status;
    return 0;
}

static int process_stop(struct launcher *l, int id, bool hard, struct err *err) {
    struct process_launcher *p = impl(l);
    CHECK(id >= 0 && id < p->n);
    struct child *c = &p->children[id];
    if (!c->gone && kill(c->pid, hard ? SIGKILL : SIGTERM) && errno != ESRCH)
        return err_set_errno(err, ERR_PERMISSION, errno, "stop process %d", (int)c->pid);
    return 0;
}

static void process_free(struct launcher *l) {
    struct process_launcher *p = impl(l);
    for (int i = 0; i < p->n; i++)
        if (!p->children[i].gone) kill(p->children[i].pid, SIGKILL);
    for (int i = 0; i < p->n; i++)
        if (!p->children[i].gone) reap(&p->children[i], true);
    free(p->children);
    free(p->bin_dir);
    free(p);
}

int launcher_process_new(const char *bin_dir, struct launcher **ret, struct err *err) {
    static const struct launcher_ops ops = {process_start, process_poll, process_stop,
                                            process_free};
    char dir[PATH_MAX];
    if (!bin_dir) {
        int rc = own_dir(dir, sizeof dir, err);
        if (rc) return rc;
        bin_dir = dir;
    }
    struct process_launcher *p = mem_zalloc(sizeof *p);
    p->base.ops = &ops;
    p->bin_dir = mem_strdup(bin_dir);
    *ret = &p->base;
    return 0;
}
