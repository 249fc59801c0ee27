/* main.c - penstock-worker: runs the tasks its coordinator gives it. Started by `penstock run` or
 * the operator; the job token comes in PENSTOCK_TOKEN. Exit status: 0 the coordinator ended it, 1
 * the coordinator is gone, 2 bad usage or it could not start. */
#define LOG_MODULE "worker"
#include "worker/link.h"

#include "base/core/log.h"
#include "base/net/http_server.h"
#include "base/net/net_signals.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void usage(FILE *f) {
    fputs("Usage: penstock-worker --coordinator URL --id NAME [options]\n"
          "Runs tasks of one job; started by 'penstock run' or the operator.\n\n"
          "  --coordinator URL  ws://host:port\n"
          "  --id NAME          of this worker\n"
          "  --slots N          slots to offer; threads are as many, at most one per CPU\n"
          "                     (0: any number of slots, one thread per CPU)\n"
          "  --alone            the job has no other worker: no network between workers\n"
          "  --host ADDRESS     where the job's other workers reach this one (127.0.0.1)\n"
          "  --connect-for S    try for so many seconds until the coordinator is there (0: once)\n"
          "  --tls DIR          trust ca.crt of this folder alone (wss://)\n"
          "  --server-name NAME the coordinator's, in its certificate\n"
          "  --health-port N    serve /healthz and /readyz (registered) on this port\n"
          "  --log LEVELS       such as info,exchange=debug\n"
          "  --log-json         one JSON object per log entry\n"
          "  --version, --help\n",
          f);
}

struct args {
    struct link_options link;
    bool alone;
    const char *levels, *tls_dir;
    int health_port;
    bool log_json;
};

static int parse_args(int argc, char **argv, struct args *a) {
    static const struct option table[] = {{"coordinator", required_argument, NULL, 'c'},
                                          {"id", required_argument, NULL, 'i'},
                                          {"slots", required_argument, NULL, 's'},
                                          {"host", required_argument, NULL, 'a'},
                                          {"alone", no_argument, NULL, 'o'},
                                          {"connect-for", required_argument, NULL, 'f'},
                                          {"tls", required_argument, NULL, 't'},
                                          {"server-name", required_argument, NULL, 'n'},
                                          {"health-port", required_argument, NULL, 'p'},
                                          {"log", required_argument, NULL, 'l'},
                                          {"log-json", no_argument, NULL, 'j'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) >= 0;) {
        switch (c) {
        case 'c':
            a->link.url = optarg;
            break;
        case 'i':
            a->link.id = optarg;
            break;
        case 's':
            a->link.slots = atoi(optarg);
            break;
        case 'a':
            a->link.host = optarg;
            break;
        case 'o':
            a->alone = true;
            break;
        case 'f':
            a->link.connect_for_ms = 1000 * (int64_t)atoi(optarg);
            break;
        case 't':
            a->tls_dir = optarg;
            break;
        case 'n':
            a->link.tls.server_name = optarg;
            break;
        case 'p':
            a->health_port = atoi(optarg);
            break;
        case 'l':
            a->levels = optarg;
            break;
        case 'j':
            a->log_json = true;
            break;
        case 'V':
            puts("penstock-worker " PENSTOCK_VERSION);
            exit(0);
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            return -1;
        }
    }
    if (!a->link.url || !a->link.id || optind < argc) {
        usage(stderr);
        return -1;
    }
    return 0;
}

static void on_signal(void *loop, int signal) {
    net_loop_stop(loop);
}

/* ---- for the kubelet ---- */

static void get_health(void *self, struct http_exchange *x) {
    http_reply_text(x, 200, "ok\n");
}

static void get_ready(void *self, struct http_exchange *x) {
    if (link_is_registered(self))
        http_reply_text(x, 200, "ok\n");
    else
        http_reply_text(x, 503, "not registered with the coordinator yet\n");
}

static int serve_health(struct net_loop *loop, int port, struct link *l, struct http_server **ret,
                        struct err *err) {
    struct http_server_options o = {.address = "::", .port = port};
    int rc = http_server_new(loop, &o, ret, err);
    if (rc) { /* no IPv6 here */
        o.address = "0.0.0.0";
        rc = http_server_new(loop, &o, ret, err);
    }
    if (rc) return err_wrap(err, "health port");
    http_server_route_public(*ret, "GET", "/healthz", get_health, l);
    http_server_route_public(*ret, "GET", "/readyz", get_ready, l);
    return 0;
}

static int threads_for(int slots) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return slots > 0 && slots < cpus ? slots : 0;
}

static int run(struct args *a, struct err *err) {
    struct net_loop *loop = NULL;
    struct worker *w = NULL;
    struct link *l = NULL;
    struct worker_opts wo = {.executors = threads_for(a->link.slots),
                             .host = a->alone ? NULL : a->link.host};
    static const int signals[] = {SIGINT, SIGTERM, 0};
    struct net_signals *s = NULL;
    struct http_server *health = NULL;
    char ca[PATH_MAX];
    if (a->tls_dir) {
        snprintf(ca, sizeof ca, "%s/ca.crt", a->tls_dir);
        a->link.tls.ca_file = ca;
    }
    int rc = net_loop_new(&(struct net_loop_options){.name = "control", .max_fds = 64}, &loop, err);
    if (!rc) rc = net_signals_new(loop, signals, on_signal, loop, &s, err);
    if (!rc) rc = worker_new(&wo, &w, err);
    if (!rc) rc = link_new(loop, w, &a->link, &l, err);
    if (!rc && a->health_port) rc = serve_health(loop, a->health_port, l, &health, err);
    if (rc) return 2;
    net_loop_run(loop);
    rc = link_result(l, err);
    http_server_free(health);
    link_free(l);
    worker_free(w);
    net_signals_free(s);
    net_loop_free(loop);
    return rc ? 1 : 0;
}

int main(int argc, char **argv) {
    struct args a = {.link = {.host = "127.0.0.1", .token = getenv("PENSTOCK_TOKEN")},
                     .levels = "info"};
    if (parse_args(argc, argv, &a)) return 2;
    signal(SIGPIPE, SIG_IGN);
    log_init("penstock-worker", LOG_INFO, a.log_json);
    struct err err = ERR_INIT;
    if (log_parse_levels(a.levels, 0, &err)) {
        fprintf(stderr, "penstock-worker: --log: %s\n", err.msg);
        return 2;
    }
    int code = run(&a, &err);
    if (code) fprintf(stderr, "penstock-worker %s: %s\n", a.link.id, err.msg);
    return code;
}
