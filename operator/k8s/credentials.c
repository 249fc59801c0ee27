/* credentials.c - see credentials.h. A plug-in runs on a thread of its own, which posts what it
 * said to the loop. */
#define LOG_MODULE "k8s"
#include "operator/k8s/credentials.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "operator/k8s/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* One run of the plug-in. Shared by its thread and the loop; the loop frees it. */
struct run {
    struct k8s_credentials *owner; /* the loop's; NULL once freed */
    const struct k8s_exec *exec;
    struct net_loop *loop;
    struct thread thread;
    atomic_bool stop; /* relaxed: looked at now and then */
    int rc;
    struct err err;
    struct str output;
};

struct k8s_credentials {
    const struct k8s_config *config;
    struct net_loop *loop;
    void (*on_ready)(void *self);
    void *self;
    uint64_t generation, loads;
    char *token; /* of the file or the plug-in */
    struct timespec file_time;
    ino_t file_ino;
    bool file_known;
    /* exec */
    struct run *run;
    bool has, refused;
    int64_t renew_ns;       /* monotonic; 0 = never */
    struct tls_options tls; /* the config's, with the plug-in's certificate */
    char *cert, *key;
    struct err failed; /* of the last run; told once */
};

struct k8s_credentials *k8s_credentials_new(const struct k8s_config *config, struct net_loop *loop,
                                            void (*on_ready)(void *self), void *self) {
    struct k8s_credentials *c = mem_zalloc(sizeof *c);
    c->config = config;
    c->loop = loop;
    c->on_ready = on_ready;
    c->self = self;
    c->generation = 1;
    return c;
}

static void run_free(struct run *r) {
    if (r->output.ptr) explicit_bzero(r->output.ptr, r->output.cap);
    str_release(&r->output);
    free(r);
}

void k8s_credentials_free(struct k8s_credentials *c) {
    if (!c) return;
    if (c->run) {
        atomic_store_explicit(&c->run->stop, true, memory_order_relaxed);
        thread_join(&c->run->thread);
        c->run->owner = NULL; /* its posted end frees it */
    }
    k8s_wipe(&c->token);
    free(c->cert);
    k8s_wipe(&c->key);
    free(c);
}

uint64_t k8s_credentials_loads(const struct k8s_credentials *c) {
    return c->loads;
}

/* ---- a token in a file ----------------------------------------------------------------------- */

static int read_token(struct k8s_credentials *c, struct err *err) {
    const char *path = c->config->token_file;
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (c->file_known && !c->refused && there && st.st_ino == c->file_ino &&
        st.st_mtim.tv_sec == c->file_time.tv_sec && st.st_mtim.tv_nsec == c->file_time.tv_nsec)
        return 0;
    struct str text = STR_INIT;
    int rc = k8s_read_file(path, K8S_TOKEN_MAX_BYTES, &text, err);
    struct sv token = sv_trim(str_view(&text));
    if (!rc && !token.len) rc = err_set(err, ERR_PERMISSION, "%s is empty", path);
    if (!rc) {
        c->loads++;
        c->refused = false;
        c->file_known = there;
        c->file_ino = st.st_ino;
        c->file_time = st.st_mtim;
        if (!c->token || !sv_eq_str(token, c->token)) {
            k8s_wipe(&c->token);
            c->token = mem_strndup(token.ptr, token.len);
            c->generation++;
        }
    } else if (c->token) { /* between two links of a rotation: the old one may do */
        log_warn("the token's file can't be read", KV_ERR(err));
        rc = 0;
    }
    if (text.ptr) explicit_bzero(text.ptr, text.cap);
    str_release(&text);
    return rc ? err_wrap(err, "token") : 0;
}

/* ---- a plug-in ------------------------------------------------------------------------------- */

/* The environment of ours, with what the plug-in's entry adds. Freed by the caller, not its
 * strings. */
static char **plugin_env(const struct k8s_exec *x, struct str *info) {
    size_t n = 0, n_more = 0;
    while (environ[n])
        n++;
    while (x->env[n_more])
        n_more++;
    char **env = mem_calloc(n + n_more + 2, sizeof *env), **end = env;
    str_addf(info, "KUBERNETES_EXEC_INFO=%s", x->info);
    *end++ = info->ptr;
    for (size_t i = 0; i < n_more; i++)
        *end++ = x->env[i];
    char **ours = end;
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = false;
        for (char **e = env; e < ours && !replaced; e++)
            replaced = strncmp(*e, environ[i], name) == 0;
        if (!replaced) *end++ = environ[i];
    }
    return env;
}

static int spawn_plugin(const struct k8s_exec *x, int out_fd, pid_t *ret_pid, struct err *err) {
    size_t n = 0;
    while (x->args[n])
        n++;
    char **argv = mem_calloc(n + 2, sizeof *argv);
    argv[0] = x->command;
    memcpy(argv + 1, x->args, n * sizeof *argv);
    AUTO_STR info = STR_INIT;
    char **env = plugin_env(x, &info);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    int rc = posix_spawnp(ret_pid, x->command, &actions, &attr, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    free(argv);
    free(env);
    if (!rc) return 0;
    return err_set_errno(err, ERR_PERMISSION, rc, "run %s%s%s", x->command, x->hint ? "; " : "",
                         x->hint ? x->hint : "");
}

/* Until the plug-in closes its output. */
static int read_output(struct run *r, int fd, struct err *err) {
    int64_t end_ns = clock_mono_ns() + (int64_t)K8S_EXEC_TIMEOUT_MS * 1000000;
    char buf[4096];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, 50);
        if (atomic_load_explicit(&r->stop, memory_order_relaxed))
            return err_set(err, ERR_CANCELLED, "broken off");
        if (ready <= 0) {
            if (clock_mono_ns() < end_ns) continue;
            return err_set(err, ERR_TIMEOUT, "%s: no answer within %d s", r->exec->command,
                           K8S_EXEC_TIMEOUT_MS / 1000);
        }
        ssize_t n = read(fd, buf, sizeof buf);
        if (n == 0) return 0;
        if (n < 0) return err_set_errno(err, ERR_IO, errno, "%s", r->exec->command);
        str_add_n(&r->output, buf, (size_t)n);
        if (r->output.len > K8S_EXEC_OUTPUT_MAX_BYTES)
            return err_set(err, ERR_VALIDATION, "%s: it wrote too much", r->exec->command);
    }
}

static int run_plugin(struct run *r, struct err *err) {
    int fds[2], status = 0;
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) != 0) return err_set_errno(err, ERR_IO, errno, "make a pipe");
    int rc = spawn_plugin(r->exec, fds[1], &pid, err);
    close(fds[1]);
    if (!rc) {
        rc = read_output(r, fds[0], err);
        if (rc) kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
            rc = err_set(err, ERR_PERMISSION, "%s failed (%s %d)", r->exec->command,
                         WIFEXITED(status) ? "exit code" : "signal",
                         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    close(fds[0]);
    return rc;
}

/* When to make it anew: somewhat before it expires, and not at once, whatever the clocks say. */
static int64_t renewal_of(const cJSON *status) {
    int64_t ms;
    const char *text = json_opt_str(status, "expirationTimestamp", NULL);
    if (!text || k8s_time_parse(text, &ms, NULL)) return 0;
    int64_t life_ms = ms - clock_wall_ms();
    int64_t wait_ms = MAX(MAX(life_ms - K8S_EXEC_EARLY_MS, life_ms / 2), 1000);
    return clock_mono_ns() + wait_ms * 1000000;
}

static int take_output(struct k8s_credentials *c, const struct run *r, struct err *err) {
    AUTO_JSON *j = NULL;
    int rc = json_parse(str_text(&r->output), r->output.len, &j, err);
    const cJSON *status = json_opt(j, "status");
    const char *token = json_opt_str(status, "token", NULL);
    const char *cert = json_opt_str(status, "clientCertificateData", NULL);
    const char *key = json_opt_str(status, "clientKeyData", NULL);
    if (!rc && !token && !(cert && key))
        rc = err_set(err, ERR_VALIDATION, "it gave neither a token nor a certificate with its key");
    if (rc) return err_wrap(err, "%s", r->exec->command);
    k8s_wipe(&c->token);
    free(c->cert);
    k8s_wipe(&c->key);
    c->token = mem_strdup(token);
    c->cert = cert && key ? mem_strdup(cert) : NULL;
    c->key = cert && key ? mem_strdup(key) : NULL;
    c->tls = c->config->tls;
    if (c->cert) {
        c->tls.cert_file = c->tls.key_file = NULL;
        c->tls.cert = c->cert;
        c->tls.key = c->key;
    }
    c->renew_ns = renewal_of(status);
    c->generation++;
    c->loads++;
    c->has = true;
    c->refused = false;
    return 0;
}

/* On the loop. */
static void run_ended(void *arg) {
    struct run *r = arg;
    struct k8s_credentials *c = r->owner;
    if (c) {
        thread_join(&r->thread);
        c->run = NULL;
        if (!r->rc) r->rc = take_output(c, r, &r->err);
        if (r->rc) c->failed = r->err;
    }
    run_free(r);
    if (c) c->on_ready(c->self);
}

static void run_main(void *arg) {
    struct run *r = arg;
    r->rc = run_plugin(r, &r->err);
    net_loop_post_always(r->loop, run_ended, r);
}

static int start_run(struct k8s_credentials *c, struct err *err) {
    struct run *r = mem_zalloc(sizeof *r);
    r->owner = c;
    r->exec = &c->config->exec;
    r->loop = c->loop;
    int rc = thread_start(&r->thread, "k8s-exec", run_main, r, err);
    if (rc) {
        run_free(r);
        return rc;
    }
    c->run = r;
    return 1;
}

static bool plugin_is_due(const struct k8s_credentials *c) {
    if (!c->has || c->refused) return true;
    return c->renew_ns && clock_mono_ns() >= c->renew_ns;
}

/* ---- interface ------------------------------------------------------------------------------- */

int k8s_credentials_get(struct k8s_credentials *c, struct k8s_credential *ret, struct err *err) {
    const struct k8s_config *o = c->config;
    *ret = (struct k8s_credential){
        .token = o->token, .user = o->user, .password = o->password, .generation = c->generation};
    if (o->token_file) {
        int rc = read_token(c, err);
        if (rc) return rc;
    } else if (o->exec.command) {
        if (c->run) return 1;
        if (c->failed.code) {
            if (err) *err = c->failed;
            int rc = c->failed.code;
            err_clear(&c->failed);
            return rc;
        }
        if (plugin_is_due(c)) return start_run(c, err);
        if (c->cert) ret->tls = &c->tls;
    }
    if (c->token) ret->token = c->token;
    ret->generation = c->generation;
    return 0;
}

void k8s_credentials_refused(struct k8s_credentials *c, uint64_t generation) {
    if (generation == c->generation) c->refused = true;
}
