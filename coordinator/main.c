/* main.c - penstock-coordinator: runs one job or script. Started by `penstock run` or the operator;
 * the job token comes in PENSTOCK_TOKEN. Exit status: 0 all statements succeeded, 1 some failed, 2
 * bad usage or it could not start, 3 another coordinator runs the job, 130 cancelled. */
#define LOG_MODULE "coordinator"
#include "coordinator/coordinator.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/net_signals.h"
#include "base/proto/control.h"
#include "base/proto/status.h"
#include "fs/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_signal(void *coordinator, int signal) {
    coordinator_stop(coordinator);
}

static int read_file(const char *path, struct str *out, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set_errno(err, ERR_IO, errno, "open %s", path);
    char buf[65536];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0)
        str_add_n(out, buf, (size_t)n);
    int e = errno;
    close(fd);
    return n < 0 ? err_set_errno(err, ERR_IO, e, "read %s", path) : 0;
}

static int read_spec(struct arena *a, const char *path, struct job_spec **ret, struct err *err) {
    AUTO_STR text = STR_INIT;
    AUTO_JSON *j = NULL;
    int rc = read_file(path, &text, err);
    if (!rc) rc = json_parse(str_text(&text), text.len, &j, err);
    if (!rc) rc = job_spec_from_json(a, j, ret, err);
    return rc ? err_wrap(err, "job spec %s", path) : 0;
}

static void usage(FILE *f) {
    fputs("Usage: penstock-coordinator --spec FILE [options]\n"
          "Runs one job; started by 'penstock run' or the operator.\n\n"
          "  --spec FILE        the job as JSON\n"
          "  --listen ADDRESS   to bind (127.0.0.1)\n"
          "  --port N           to bind (any)\n"
          "  --workers N        begin when N workers have registered (1)\n"
          "  --script           run statements one behind the other\n"
          "  --keep-going       go on behind a statement that failed\n"
          "  --wait-client      begin when a client is connected, stop when it leaves\n"
          "  --hold             compile, then wait for POST /v1/start\n"
          "  --tls DIR          serve TLS with tls.crt and tls.key of this folder\n"
          "  --result FILE      write the job's end here, as JSON\n"
          "  --checkpoint-dir D of jobs that take checkpoints and don't say where\n"
          "  --checkpoint-name N the job's directory there (its name)\n"
          "  --run-id TEXT      the same for all coordinators of one run, of which one may take "
          "over\n"
          "                     from another\n"
          "  --fresh            don't start from the job's last checkpoint\n"
          "  --from-path        start from execution.state-recovery.path, whatever the job has\n"
          "  --ready-fd N       write the port here when listening\n"
          "  --version, --help\n",
          f);
}

struct args {
    struct coordinator_options opts;
    const char *spec, *tls_dir, *result;
    int ready_fd;
};

static int parse_args(int argc, char **argv, struct args *a) {
    static const struct option table[] = {{"spec", required_argument, NULL, 's'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"script", no_argument, NULL, 'S'},
                                          {"keep-going", no_argument, NULL, 'k'},
                                          {"wait-client", no_argument, NULL, 'c'},
                                          {"hold", no_argument, NULL, 'H'},
                                          {"tls", required_argument, NULL, 't'},
                                          {"result", required_argument, NULL, 'R'},
                                          {"checkpoint-dir", required_argument, NULL, 'd'},
                                          {"checkpoint-name", required_argument, NULL, 'n'},
                                          {"run-id", required_argument, NULL, 'i'},
                                          {"fresh", no_argument, NULL, 'f'},
                                          {"from-path", no_argument, NULL, 'F'},
                                          {"ready-fd", required_argument, NULL, 'r'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) >= 0;) {
        switch (c) {
        case 's':
            a->spec = optarg;
            break;
        case 'l':
            a->opts.address = optarg;
            break;
        case 'p':
            a->opts.port = atoi(optarg);
            break;
        case 'w':
            a->opts.workers = atoi(optarg);
            break;
        case 'S':
            a->opts.script = true;
            break;
        case 'k':
            a->opts.keep_going = true;
            break;
        case 'c':
            a->opts.wait_client = true;
            break;
        case 'H':
            a->opts.hold = true;
            break;
        case 't':
            a->tls_dir = optarg;
            break;
        case 'R':
            a->result = optarg;
            break;
        case 'd':
            a->opts.checkpoint_dir = optarg;
            break;
        case 'n':
            a->opts.checkpoint_name = optarg;
            break;
        case 'i':
            a->opts.run_id = optarg;
            break;
        case 'f':
            a->opts.fresh = true;
            break;
        case 'F':
            a->opts.from_path = true;
            break;
        case 'r':
            a->ready_fd = atoi(optarg);
            break;
        case 'V':
            puts("penstock-coordinator " PENSTOCK_VERSION);
            exit(0);
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            return -1;
        }
    }
    if (!a->spec || optind < argc) {
        usage(stderr);
        return -1;
    }
    return 0;
}

static void tell_ready(int fd, int port) {
    if (fd < 0) return;
    char text[16];
    int n = snprintf(text, sizeof text, "%d\n", port);
    if (write(fd, text, (size_t)n) != n) log_warn("cannot tell the port: the starter has gone");
    close(fd);
}

/* Short enough for a pod's termination message. */
static void write_result(const char *path, cJSON *status /* takes */) {
    AUTO_STR text = STR_INIT;
    cJSON_DeleteItemFromObjectCaseSensitive(status, "plan");
    json_print(status, &text);
    if (text.len > STATUS_RESULT_MAX_BYTES) { /* the error's message */
        cJSON *e = cJSON_GetObjectItemCaseSensitive(status, "error");
        AUTO_STR cut = STR_INIT;
        str_add(&cut, json_opt_str(e, "message", ""));
        str_truncate(&cut, MIN(cut.len, (size_t)1000));
        json_set_str(e, "message", str_text(&cut));
        str_clear(&text);
        json_print(status, &text);
    }
    cJSON_Delete(status);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len)
        log_warn("result not written", KV_STR("file", path), KV_STR("error", strerror(errno)));
    if (fd >= 0) close(fd);
}

/* Runs to the end; 0 if it ran, whatever became of the job: *ret_code is the exit status. */
static int run(struct args *a, struct job_spec *spec, int *ret_code, struct err *err) {
    static const int signals[] = {SIGINT, SIGTERM, 0};
    struct net_loop *loop = NULL;
    struct coordinator *c = NULL;
    struct net_signals *s = NULL;
    a->opts.spec = spec;
    AUTO_JSON *stores = job_spec_file_systems(spec);
    char cert[PATH_MAX], key[PATH_MAX];
    if (a->tls_dir) {
        snprintf(cert, sizeof cert, "%s/tls.crt", a->tls_dir);
        snprintf(key, sizeof key, "%s/tls.key", a->tls_dir);
        a->opts.tls = (struct tls_options){.enabled = true, .cert_file = cert, .key_file = key};
    }
    int rc = fs_use(stores, err);
    if (!rc) rc = net_loop_new(&(struct net_loop_options){.name = "coordinator"}, &loop, err);
    if (!rc) rc = coordinator_new(loop, &a->opts, &c, err);
    if (!rc) rc = net_signals_new(loop, signals, on_signal, c, &s, err);
    if (!rc) {
        log_info("listening", KV_I64("port", coordinator_port(c)));
        tell_ready(a->ready_fd, coordinator_port(c));
        net_loop_run(loop);
        if (a->result) write_result(a->result, coordinator_status(c));
        *ret_code = coordinator_fenced(c)      ? 3
                    : coordinator_cancelled(c) ? 130
                    : coordinator_failed(c)    ? 1
                                               : 0;
    }
    net_signals_free(s);
    coordinator_free(c);
    net_loop_free(loop);
    return rc;
}

int main(int argc, char **argv) {
    struct args a = {.opts = {.workers = 1, .token = getenv("PENSTOCK_TOKEN")}, .ready_fd = -1};
    if (parse_args(argc, argv, &a)) return 2;
    signal(SIGPIPE, SIG_IGN);
    struct arena arena;
    arena_init(&arena);
    struct err err = ERR_INIT;
    struct job_spec *spec = NULL;
    int code = 0;
    int rc = read_spec(&arena, a.spec, &spec, &err);
    if (!rc) {
        log_init("penstock-coordinator", LOG_INFO, spec->log_json);
        rc = log_parse_levels(spec->log_levels, 0, &err);
    }
    if (!rc) rc = run(&a, spec, &code, &err);
    if (rc) {
        fprintf(stderr, "penstock-coordinator: %s\n", err.msg);
        if (a.result) {
            cJSON *o = cJSON_CreateObject();
            json_set_str(o, "state", STATUS_FAILED);
            json_set(o, "error", control_error_to_json(&err, "runtime"));
            write_result(a.result, o);
        }
        return 2;
    }
    arena_release(&arena);
    return code;
}
