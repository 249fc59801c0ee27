/* main.c - penstock-operator: runs FlinkJobs on Kubernetes. Exit status: 0 it was told to end, 1 it
 * no longer leads or can't go on (its pod starts anew), 2 bad usage or it could not start. */
#define LOG_MODULE "operator"
#include "operator/operator.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/net_signals.h"
#include "operator/k8s/lease.h"
#include "operator/release.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMESPACES_MAX = 64, SHUTDOWN_MS = 5000 };

static void usage(FILE *f) {
    fputs("Usage: penstock-operator --image IMAGE [options]\n"
          "Runs FlinkJobs on Kubernetes.\n\n"
          "  --image IMAGE      of jobs that name none (PENSTOCK_IMAGE)\n"
          "  --namespaces A,B   watch these alone (all)\n"
          "  --lease NAME       lead by this Lease in the operator's namespace; '': no election\n"
          "                     (penstock-operator)\n"
          "  --listen ADDRESS   of health and metrics (0.0.0.0)\n"
          "  --port N           likewise (8080)\n"
          "  --kubeconfig FILE  and --context NAME: instead of the pod's service account\n"
          "  --log LEVELS       such as info,operator=debug\n"
          "  --log-text         lines of text, not JSON objects\n"
          "  --release          remove the finalizers of all FlinkJobs, and end (uninstall)\n"
          "  --version, --help\n",
          f);
}

struct args {
    struct k8s_config_options config;
    const char *image, *lease, *levels, *address;
    char *namespaces[NAMESPACES_MAX + 1];
    int port;
    bool log_text, release;
};

struct process {
    struct args *args;
    struct net_loop *loop;
    struct k8s_client *client;
    struct operator* op;
    struct http_server *http;
    struct k8s_lease *lease;
    struct net_timer *shutdown;
    char identity[96];
    int code;
    bool ending;
};

static int split(char *text, char **ret, int max) {
    int n = 0;
    for (char *save = NULL, *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        if (n == max) return -1;
        ret[n++] = p;
    }
    return n;
}

static int parse_args(int argc, char **argv, struct args *a) {
    enum { O_IMAGE, O_NS, O_LEASE, O_LISTEN, O_PORT, O_KUBE, O_CONTEXT, O_LOG, O_TEXT, O_RELEASE };
    static const struct option table[] = {{"image", required_argument, NULL, O_IMAGE},
                                          {"namespaces", required_argument, NULL, O_NS},
                                          {"lease", required_argument, NULL, O_LEASE},
                                          {"listen", required_argument, NULL, O_LISTEN},
                                          {"port", required_argument, NULL, O_PORT},
                                          {"kubeconfig", required_argument, NULL, O_KUBE},
                                          {"context", required_argument, NULL, O_CONTEXT},
                                          {"log", required_argument, NULL, O_LOG},
                                          {"log-text", no_argument, NULL, O_TEXT},
                                          {"release", no_argument, NULL, O_RELEASE},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) >= 0;) {
        switch (c) {
        case O_IMAGE:
            a->image = optarg;
            break;
        case O_NS:
            if (split(optarg, a->namespaces, NAMESPACES_MAX) < 0) {
                fprintf(stderr, "penstock-operator: at most %d namespaces; watch all instead\n",
                        NAMESPACES_MAX);
                return -1;
            }
            break;
        case O_LEASE:
            a->lease = optarg;
            break;
        case O_LISTEN:
            a->address = optarg;
            break;
        case O_PORT:
            a->port = atoi(optarg);
            break;
        case O_KUBE:
            a->config.kubeconfig = optarg;
            break;
        case O_CONTEXT:
            a->config.context = optarg;
            break;
        case O_LOG:
            a->levels = optarg;
            break;
        case O_TEXT:
            a->log_text = true;
            break;
        case O_RELEASE:
            a->release = true;
            break;
        case 'V':
            puts("penstock-operator " PENSTOCK_VERSION);
            exit(0);
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            return -1;
        }
    }
    if (optind < argc || (!a->image && !a->release)) {
        usage(stderr);
        return -1;
    }
    return 0;
}

/* ---- health and metrics ---- */

static void get_health(void *self, struct http_exchange *x) {
    http_reply_text(x, 200, "ok\n");
}

static void get_ready(void *self, struct http_exchange *x) {
    struct process *p = self;
    if (operator_synced(p->op))
        http_reply_text(x, 200, "ok\n");
    else
        http_reply_text(x, 503, "the caches aren't filled yet\n");
}

static void get_metrics(void *self, struct http_exchange *x) {
    struct process *p = self;
    AUTO_STR out = STR_INIT;
    operator_print_metrics(p->op, &out);
    http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", str_text(&out), out.len);
}

static int serve(struct process *p, struct err *err) {
    struct http_server_options o = {.address = p->args->address, .port = p->args->port};
    int rc = http_server_new(p->loop, &o, &p->http, err);
    if (rc) return err_wrap(err, "health and metrics");
    http_server_route_public(p->http, "GET", "/healthz", get_health, p);
    http_server_route_public(p->http, "GET", "/readyz", get_ready, p);
    http_server_route_public(p->http, "GET", "/metrics", get_metrics, p);
    return 0;
}

/* ---- leading ---- */

static void on_started(void *self) {
    struct process *p = self;
    log_info("leading", KV_STR("identity", p->identity));
    operator_start(p->op);
}

static void on_stopped(void *self, const struct err *err) {
    struct process *p = self;
    operator_stop(p->op);
    if (!err) return; /* given up on purpose */
    log_error("no longer leading", KV_ERR(err));
    p->code = 1;
    net_loop_stop(p->loop);
}

static void on_released(void *self) {
    struct process *p = self;
    net_loop_stop(p->loop);
}

static void on_shutdown_late(void *arg) {
    struct process *p = arg;
    net_loop_stop(p->loop);
}

static void on_signal(void *arg, int signal) {
    struct process *p = arg;
    if (p->ending) {
        net_loop_stop(p->loop);
        return;
    }
    p->ending = true;
    operator_stop(p->op);
    net_timer_set(p->shutdown, SHUTDOWN_MS);
    if (p->lease)
        k8s_lease_release(p->lease, on_released);
    else
        net_loop_stop(p->loop);
}

static int lead(struct process *p, struct err *err) {
    if (!*p->args->lease) {
        operator_start(p->op);
        return 0;
    }
    struct k8s_lease_options o = {.client = p->client,
                                  .ns = k8s_client_namespace(p->client),
                                  .name = p->args->lease,
                                  .identity = p->identity,
                                  .on_started = on_started,
                                  .on_stopped = on_stopped,
                                  .self = p};
    return k8s_lease_new(&o, &p->lease, err);
}

static void identify(struct process *p) {
    char host[64] = "operator";
    uint32_t r;
    (void)gethostname(host, sizeof host - 1);
    CHECK(getentropy(&r, sizeof r) == 0);
    snprintf(p->identity, sizeof p->identity, "%s_%08x", host, r);
}

static int run(struct args *a, struct process *p, struct err *err) {
    static const int signals[] = {SIGINT, SIGTERM, 0};
    struct net_signals *s = NULL;
    struct k8s_config *config = NULL;
    identify(p);
    int rc = k8s_config_load(&a->config, &config, err);
    if (!rc) rc = net_loop_new(&(struct net_loop_options){.name = "operator"}, &p->loop, err);
    if (rc) {
        k8s_config_free(config);
        return rc;
    }
    rc = net_signals_new(p->loop, signals, on_signal, p, &s, err);
    if (rc)
        k8s_config_free(config);
    else
        rc = k8s_client_new(&(struct k8s_client_options){.loop = p->loop, .config = config},
                            &p->client, err);
    if (!rc && a->release) return release_all(p->loop, p->client, a->namespaces, err);
    struct operator_options o = {
        .loop = p->loop,
        .client = p->client,
        .defaults = {.image = a->image, .operator_ns = getenv("POD_NAMESPACE")},
        .namespaces = (const char *const *)a->namespaces,
        .identity = p->identity};
    p->shutdown = net_timer_new(p->loop, on_shutdown_late, p);
    if (!rc) rc = operator_new(&o, &p->op, err);
    if (!rc) rc = serve(p, err);
    if (!rc) rc = lead(p, err);
    if (!rc) net_loop_run(p->loop);
    /* What is half done is found by whoever leads next: it isn't waited for. */
    if (!rc && !operator_idle(p->op)) exit(p->code);
    k8s_lease_free(p->lease);
    http_server_free(p->http);
    operator_close(p->op);
    k8s_client_free(p->client);
    net_signals_free(s);
    net_timer_free(p->shutdown);
    net_loop_free(p->loop);
    operator_free(p->op);
    return rc;
}

int main(int argc, char **argv) {
    struct args a = {.image = getenv("PENSTOCK_IMAGE"),
                     .lease = "penstock-operator",
                     .levels = "info",
                     .address = "0.0.0.0",
                     .port = 8080};
    if (parse_args(argc, argv, &a)) return 2;
    signal(SIGPIPE, SIG_IGN);
    log_init("penstock-operator", LOG_INFO, !a.log_text);
    struct err err = ERR_INIT;
    if (log_parse_levels(a.levels, 0, &err)) {
        fprintf(stderr, "penstock-operator: --log: %s\n", err.msg);
        return 2;
    }
    struct process p = {.args = &a};
    if (run(&a, &p, &err)) {
        log_error("can't run", KV_ERR(&err));
        fprintf(stderr, "penstock-operator: %s\n", err.msg);
        return 2;
    }
    return p.code;
}
