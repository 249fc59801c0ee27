/* main.c - penstock-coordinator: runs one job or script. Started by `penstock run` or the operator;
 * the job token comes in PENSTOCK_TOKEN. Exit status: 0 all statements succeeded, 1 some failed, 2
 * bad usage or it could not start. */
#define LOG_MODULE "coordinator"
#include "coordinator/coordinator.h"

#include "base/core/log.h"
#include "base/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct net_loop *main_loop;
static volatile sig_atomic_t n_signals;
static struct coordinator *main_coordinator;

static void stop_posted(void *arg) {
    if (main_coordinator) coordinator_stop(main_coordinator);
}

static void *signal_thread(void *arg) {
    sigset_t *set = arg;
    int sig;
    while (sigwait(set, &sig) == 0) {
        struct err err = ERR_INIT;
        n_signals = n_signals + 1;
        if (net_loop_post(main_loop, stop_posted, NULL, &err)) _exit(1);
    }
    return NULL;
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
          "  --ready-fd N       write the port here when listening\n"
          "  --version, --help\n",
          f);
}

struct args {
    struct coordinator_options opts;
    const char *spec;
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

static int start(struct args *a, struct job_spec *spec, sigset_t *set, struct err *err) {
    a->opts.spec = spec;
    int rc = net_loop_new(&(struct net_loop_options){.name = "coordinator"}, &main_loop, err);
    if (!rc) rc = coordinator_new(main_loop, &a->opts, &main_coordinator, err);
    if (rc) return rc;
    pthread_t thread;
    if (pthread_create(&thread, NULL, signal_thread, set))
        return err_set(err, ERR_UNAVAILABLE, "start the signal thread");
    pthread_detach(thread);
    log_info("listening", KV_I64("port", coordinator_port(main_coordinator)));
    tell_ready(a->ready_fd, coordinator_port(main_coordinator));
    return 0;
}

int main(int argc, char **argv) {
    struct args a = {.opts = {.workers = 1, .token = getenv("PENSTOCK_TOKEN")}, .ready_fd = -1};
    if (parse_args(argc, argv, &a)) return 2;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct arena arena;
    arena_init(&arena);
    struct err err = ERR_INIT;
    struct job_spec *spec = NULL;
    int rc = read_spec(&arena, a.spec, &spec, &err);
    if (!rc) {
        log_init("penstock-coordinator", LOG_INFO, spec->log_json);
        rc = log_parse_levels(spec->log_levels, &err);
    }
    if (!rc) rc = start(&a, spec, &set, &err);
    if (rc) {
        fprintf(stderr, "penstock-coordinator: %s\n", err.msg);
        return 2;
    }
    net_loop_run(main_loop);
    int failed = coordinator_failed(main_coordinator);
    coordinator_free(main_coordinator);
    net_loop_free(main_loop);
    arena_release(&arena);
    return failed ? 1 : n_signals ? 130 : 0;
}
