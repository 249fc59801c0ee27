/* k8s_bench.c - the Kubernetes client at size: N FlinkJobs (or ConfigMaps) are applied, listed into
 * a cache, changed one after another, and deleted, in a namespace of the server that the kubeconfig
 * names.
 *
 *     make bench-k8s ARGS="--kubeconfig FILE [--objects 2000] [--namespace bench] [--configmaps]"
 *
 * Prints rates, the time of the first list, memory, and the latency from a change's answer to the
 * watch's telling it. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/cache.h"
#include "operator/k8s/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES = 2000, IN_FLIGHT = 16 };

enum phase { NAMESPACE, APPLY, LIST, CHANGE, REMOVE };

static struct bench {
    struct net_loop *loop;
    struct k8s_client *client;
    struct k8s_cache *cache;
    const struct k8s_resource *resource;
    const char *ns;
    int objects, next, done, failed;
    enum phase phase;
    int64_t begun_ns;
    int64_t *sent_ns, *latency_us; /* of object i's change */
    int n_latencies;
    char sql[SQL_BYTES + 1];
} b;

static void go_on(void);

static double seconds(void) {
    return (double)(clock_mono_ns() - b.begun_ns) / 1e9;
}

static long rss_kib(const char *field) {
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, field, strlen(field)) == 0) kib = atol(line + strlen(field) + 1);
    }
    if (f) fclose(f);
    return kib;
}

static void fail(const char *what, const struct err *err) {
    fprintf(stderr, "%s: %s\n", what, err->msg);
    exit(1);
}

static cJSON *object(int i) {
    char name[32];
    snprintf(name, sizeof name, "bench-%05d", i);
    cJSON *o = k8s_object_new(b.resource, b.ns, name);
    if (b.resource == K8S_FLINKJOBS) {
        cJSON *spec = cJSON_AddObjectToObject(o, "spec");
        json_set_str(spec, "sql", b.sql);
        json_set_i64(spec, "parallelism", 2);
    } else {
        json_set_str(cJSON_AddObjectToObject(o, "data"), "sql", b.sql);
    }
    return o;
}

static void on_done(void *self, const struct k8s_result *r) {
    if (r->rc && r->reason != K8S_NOT_FOUND) {
        if (b.failed++ == 0) fprintf(stderr, "%s\n", r->err->msg);
    }
    b.done++;
    go_on();
}

static void send_one(int i) {
    struct err err = ERR_INIT;
    char name[32], text[64];
    snprintf(name, sizeof name, "bench-%05d", i);
    struct k8s_request q = {.resource = b.resource, .ns = b.ns, .name = name, .on_done = on_done};
    AUTO_JSON *body = b.phase == APPLY ? object(i) : NULL;
    switch (b.phase) {
    case APPLY:
        q.verb = K8S_APPLY;
        q.body = body;
        q.force = true;
        break;
    case CHANGE:
        q.verb = K8S_MERGE_PATCH;
        snprintf(text, sizeof text, "{\"metadata\":{\"annotations\":{\"bench\":\"%d\"}}}", i);
        q.body_text = text;
        b.sent_ns[i] = clock_mono_ns();
        break;
    default:
        q.verb = K8S_DELETE;
    }
    if (k8s_send(b.client, &q, NULL, &err)) fail("send", &err);
}

/* From the change being sent to its being in the cache. */
static void on_change(void *self, enum k8s_event event, const struct k8s_object *now,
                      const struct k8s_object *before) {
    if (b.phase != CHANGE || event != K8S_MODIFIED) return;
    int i = atoi(now->name + strlen("bench-"));
    if (i < 0 || i >= b.objects || !b.sent_ns[i]) return;
    b.latency_us[b.n_latencies++] = (clock_mono_ns() - b.sent_ns[i]) / 1000;
    b.sent_ns[i] = 0;
    go_on();
}

static int by_value(const void *x, const void *y) {
    int64_t l = *(const int64_t *)x, r = *(const int64_t *)y;
    return (l > r) - (l < r);
}

static void print_latencies(void) {
    qsort(b.latency_us, (size_t)b.n_latencies, sizeof *b.latency_us, by_value);
    printf("changes      %d, from sending to the cache: p50 %.1f ms, p99 %.1f ms, max %.1f ms\n",
           b.n_latencies, (double)b.latency_us[b.n_latencies / 2] / 1e3,
           (double)b.latency_us[b.n_latencies * 99 / 100] / 1e3,
           (double)b.latency_us[b.n_latencies - 1] / 1e3);
}

static void begin(enum phase phase) {
    b.phase = phase;
    b.next = b.done = 0;
    b.begun_ns = clock_mono_ns();
}

static void on_synced(void *self) {
    struct k8s_cache_stats s;
    k8s_cache_get_stats(b.cache, &s);
    printf("list         %zu objects in %.0f ms\n", s.objects, seconds() * 1e3);
    printf("cache        %.1f MiB, %zu bytes per object; process %.1f MiB, peak %.1f MiB\n",
           (double)s.bytes / 1048576, s.objects ? s.bytes / s.objects : 0,
           (double)rss_kib("VmRSS:") / 1024, (double)rss_kib("VmHWM:") / 1024);
    begin(CHANGE);
    go_on();
}

static void begin_list(void) {
    begin(LIST);
    b.cache = k8s_cache_new(&(struct k8s_cache_options){
        .client = b.client,
        .resource = b.resource,
        .namespaces = (const char *const[]){b.ns, NULL},
        .on_change = on_change,
        .on_synced = on_synced,
    });
}

static void phase_is_over(void) {
    switch (b.phase) {
    case NAMESPACE:
        begin(APPLY);
        go_on();
        break;
    case APPLY:
        printf("apply        %.0f a second (%d in flight)\n", b.objects / seconds(), IN_FLIGHT);
        begin_list();
        break;
    case CHANGE:
        print_latencies();
        begin(REMOVE);
        go_on();
        break;
    case REMOVE:
        printf("delete       %.0f a second\n", b.objects / seconds());
        printf("process      %.1f MiB, peak %.1f MiB, CPU %.2f s; failed requests %d\n",
               (double)rss_kib("VmRSS:") / 1024, (double)rss_kib("VmHWM:") / 1024,
               (double)clock_thread_cpu_ns() / 1e9, b.failed);
        net_loop_stop(b.loop);
        break;
    case LIST:
        break;
    }
}

static void go_on(void) {
    int in_flight = b.phase == CHANGE ? 1 : IN_FLIGHT;
    int total = b.phase == NAMESPACE ? 1 : b.objects;
    int done = b.phase == CHANGE ? MIN(b.done, b.n_latencies) : b.done;
    while (b.phase != NAMESPACE && b.phase != LIST && b.next < total && b.next - done < in_flight)
        send_one(b.next++);
    if (done == total) phase_is_over();
}

static void make_namespace(void) {
    struct err err = ERR_INIT;
    AUTO_JSON *ns = k8s_object_new(K8S_NAMESPACES, NULL, b.ns);
    struct k8s_request q = {.verb = K8S_APPLY,
                            .resource = K8S_NAMESPACES,
                            .name = b.ns,
                            .body = ns,
                            .force = true,
                            .on_done = on_done};
    if (k8s_send(b.client, &q, NULL, &err)) fail("namespace", &err);
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    struct k8s_config_options o = {0};
    b.resource = K8S_FLINKJOBS;
    b.ns = "bench";
    b.objects = 2000;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--configmaps") == 0) {
            b.resource = K8S_CONFIGMAPS;
            continue;
        }
        if (strcmp(argv[i], "--kubeconfig") == 0) o.kubeconfig = value;
        if (strcmp(argv[i], "--objects") == 0) b.objects = atoi(value);
        if (strcmp(argv[i], "--namespace") == 0) b.ns = value;
        i++;
    }
    if (b.objects < 1) return 2;
    memset(b.sql, '-', SQL_BYTES);
    b.sent_ns = mem_calloc((size_t)b.objects, sizeof *b.sent_ns);
    b.latency_us = mem_calloc((size_t)b.objects, sizeof *b.latency_us);
    struct k8s_client_options c = {0};
    if (k8s_config_load(&o, &c.config, &err)) fail("config", &err);
    if (net_loop_new(&(struct net_loop_options){.name = "bench"}, &b.loop, &err))
        fail("loop", &err);
    c.loop = b.loop;
    if (k8s_client_new(&c, &b.client, &err)) fail("client", &err);
    printf("start        process %.1f MiB\n", (double)rss_kib("VmRSS:") / 1024);
    b.phase = NAMESPACE;
    make_namespace();
    net_loop_run(b.loop);
    k8s_cache_free(b.cache);
    k8s_client_free(b.client);
    net_loop_free(b.loop);
    free(b.sent_ns);
    free(b.latency_us);
    return b.failed != 0;
}
