/* fake_api.c - the fake API server (tests/unit/operator/k8s/fake_api.h) as a program, for tests of
 * the operator as a process:
 *
 *     build/test/fake_api [--port N] [--token T] [--kubeconfig FILE] [--bookmark-ms N]
 * [--keep-pods]
 *
 * Prints "listening on URL" and runs until SIGTERM. --kubeconfig writes one that leads here.
 * --keep-pods: pods on a node stay until they are finished; else they go at once. Over HTTP, beside
 * the API, bodies and answers in JSON:
 *
 *     POST /fake/fault    {"kind": "status" | "lost" | "cut" | "slow" | "hold" | "garbage",
 * "method", "path", "times", "status", "retryAfter" (s), "delay" (ms)}: as in fake_api.h POST
 * /fake/clear | release | bookmark | end | cut | gone | compact POST /fake/stall    {"on": bool}
 * /fake/repeat {"times": n}    /fake/skew {"ms": n} POST /fake/token    {"token": "..." | null}
 *     POST /fake/finish   {"namespace", "name"}: a pod's processes have ended
 *     GET  /fake/requests?method=GET&path=/pods      -> {"count": n, "watches": n}
 */
#include "base/core/mem.h"
#include "base/net/net_signals.h"
#include "tests/unit/operator/k8s/fake_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void done(struct http_exchange *x) {
    http_reply(x, 200, "application/json", "{}\n", 3);
}

static int kind_of(const char *name, enum fake_fault_kind *ret, struct err *err) {
    static const char *const names[] = {
        [FAKE_STATUS] = "status", [FAKE_LOST_ANSWER] = "lost", [FAKE_CUT_BODY] = "cut",
        [FAKE_SLOW] = "slow",     [FAKE_HOLD] = "hold",        [FAKE_GARBAGE] = "garbage"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) != 0) continue;
        *ret = (enum fake_fault_kind)i;
        return 0;
    }
    return err_set(err, ERR_INVALID, "no such kind of fault: '%s'", name);
}

static int add_fault(struct fake_api *f, const cJSON *j, struct err *err) {
    struct fake_fault fault = {
        .method = json_opt_str(j, "method", NULL),
        .path = json_opt_str(j, "path", NULL),
        .times = (int)json_opt_i64(j, "times", 1),
        .status = (int)json_opt_i64(j, "status", 500),
        .retry_after_s = (int)json_opt_i64(j, "retryAfter", 0),
        .delay_ms = (int)json_opt_i64(j, "delay", 0),
    };
    int rc = kind_of(json_opt_str(j, "kind", ""), &fault.kind, err);
    if (!rc) fake_api_fault(f, &fault);
    return rc;
}

static int carry_out(struct fake_api *f, const char *what, const cJSON *j, struct err *err) {
    static const struct {
        const char *name;
        void (*fn)(struct fake_api *f);
    } plain[] = {{"clear", fake_api_clear_faults}, {"release", fake_api_release},
                 {"bookmark", fake_api_bookmark},  {"end", fake_api_end_watches},
                 {"cut", fake_api_cut_watches},    {"gone", fake_api_gone_watches},
                 {"compact", fake_api_compact}};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(plain[i].name, what) != 0) continue;
        plain[i].fn(f);
        return 0;
    }
    if (strcmp(what, "fault") == 0) return add_fault(f, j, err);
    if (strcmp(what, "stall") == 0) {
        fake_api_stall_watches(f, json_opt_bool(j, "on", true));
    } else if (strcmp(what, "repeat") == 0) {
        fake_api_repeat_events(f, (int)json_opt_i64(j, "times", 1));
    } else if (strcmp(what, "skew") == 0) {
        fake_api_skew(f, json_opt_i64(j, "ms", 0));
    } else if (strcmp(what, "token") == 0) {
        fake_api_set_token(f, json_opt_str(j, "token", NULL));
    } else if (strcmp(what, "finish") == 0) {
        fake_api_finish_pod(f, json_opt_str(j, "namespace", ""), json_opt_str(j, "name", ""));
    } else {
        return err_set(err, ERR_NOT_FOUND, "no such order: '%s'", what);
    }
    return 0;
}

static void on_order(void *self, struct http_exchange *x) {
    struct err err = ERR_INIT;
    AUTO_JSON *j = NULL;
    int rc = http_body(x).len ? http_body_json(x, &j, &err) : 0;
    if (!rc) rc = carry_out(self, http_param(x, "what"), j, &err);
    if (rc) {
        http_reply_err(x, &err);
    } else {
        done(x);
    }
}

static void on_requests(void *self, struct http_exchange *x) {
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_u64(j, "count",
                 fake_api_requests(self, http_query(x, "method"), http_query(x, "path")));
    json_set_u64(j, "watches", fake_api_watches(self));
    http_reply_json(x, 200, j);
}

static void add_routes(void *arg) {
    struct fake_api *f = arg;
    http_server_route(f->http, "POST", "/fake/{what}", on_order, f);
    http_server_route(f->http, "GET", "/fake/requests", on_requests, f);
}

static void write_kubeconfig(const char *path, const char *url, const char *token) {
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        exit(1);
    }
    fprintf(out,
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\n"
            "contexts: [{name: fake, context: {cluster: fake, user: fake}}]\n"
            "clusters: [{name: fake, cluster: {server: '%s'}}]\n"
            "users: [{name: fake, user: {%s%s}}]\n",
            url, token ? "token: " : "", token ? token : "");
    fclose(out);
}

static const char *value_of(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    }
    return NULL;
}

static void on_signal(void *arg, int signal) {
    net_loop_stop(arg);
}

int main(int argc, char **argv) {
    static const int signals[] = {SIGTERM, SIGINT, 0};
    struct err err = ERR_INIT;
    struct net_loop *loop;
    struct net_signals *watcher;
    const char *port = value_of(argc, argv, "--port"), *token = value_of(argc, argv, "--token");
    const char *bookmark = value_of(argc, argv, "--bookmark-ms");
    const char *kubeconfig = value_of(argc, argv, "--kubeconfig");
    struct fake_api_options o = {.port = port ? atoi(port) : 0,
                                 .token = token,
                                 .bookmark_ms = bookmark ? atoi(bookmark) : 0,
                                 .delete_pods_at_once = true};
    for (int i = 1; i < argc; i++)
        o.delete_pods_at_once &= strcmp(argv[i], "--keep-pods") != 0;
    fake_must(net_loop_new(&(struct net_loop_options){.name = "main"}, &loop, &err), &err, "loop");
    fake_must(net_signals_new(loop, signals, on_signal, loop, &watcher, &err), &err, "signals");
    struct fake_api *f = fake_api_new(&o);
    net_loop_call(f->loop, add_routes, f);
    if (kubeconfig) write_kubeconfig(kubeconfig, fake_api_url(f), token);
    printf("listening on %s\n", fake_api_url(f));
    fflush(stdout);
    net_loop_run(loop);
    net_signals_free(watcher);
    fake_api_free(f);
    net_loop_free(loop);
    return 0;
}
