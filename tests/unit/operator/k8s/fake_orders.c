/* fake_orders.c - what tests ask of the fake API server: each order runs on the server's thread,
 * and the caller waits. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/operator/k8s/fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_S = 20 };

struct order {
    struct fake_api *f;
    const struct k8s_resource *resource;
    const char *ns, *name, *text;
    int64_t number;
    bool on;
    const struct fake_fault *fault;
    cJSON *json;
    uint64_t result;
};

static void order(struct fake_api *f, void (*fn)(void *), struct order *o) {
    o->f = f;
    net_loop_call(f->loop, fn, o);
}

static void do_token(void *arg) {
    struct order *o = arg;
    free(o->f->token);
    o->f->token = mem_strdup(o->text);
}

void fake_api_set_token(struct fake_api *f, const char *token) {
    order(f, do_token, &(struct order){.text = token});
}

static void do_get(void *arg) {
    struct order *o = arg;
    struct fake_object *found = fake_store_find(&o->f->store, o->resource, o->ns, o->name);
    if (found) o->json = cJSON_Duplicate(found->json, true);
}

cJSON *fake_api_get(struct fake_api *f, const struct k8s_resource *r, const char *ns,
                    const char *name) {
    struct order o = {.resource = r, .ns = ns, .name = name};
    order(f, do_get, &o);
    return o.json;
}

static void do_count(void *arg) {
    struct order *o = arg;
    size_t n;
    free(fake_store_list(&o->f->store, o->resource, o->ns, &n));
    o->result = n;
}

size_t fake_api_count(struct fake_api *f, const struct k8s_resource *r, const char *ns) {
    struct order o = {.resource = r, .ns = ns};
    order(f, do_count, &o);
    return o.result;
}

static struct fake_write as_server(const struct order *o) {
    return (struct fake_write){.resource = o->resource,
                               .ns = o->ns,
                               .name = o->name,
                               .sub = "",
                               .manager = "fake",
                               .as_server = true};
}

static void do_put(void *arg) {
    struct order *o = arg;
    struct err err = ERR_INIT;
    AUTO_JSON *body = NULL;
    AUTO_JSON *done = NULL;
    fake_must(json_parse(o->text, strlen(o->text), &body, &err), &err, o->text);
    o->ns = k8s_meta_ns(body);
    o->name = k8s_meta_name(body);
    struct fake_write w = as_server(o);
    if (fake_store_find(&o->f->store, o->resource, o->ns, o->name)) {
        fake_must(fake_store_update(&o->f->store, &w, body, &done, &err), &err, o->name);
    } else {
        fake_must(fake_store_create(&o->f->store, &w, body, &done, &err), &err, o->name);
    }
}

void fake_api_put(struct fake_api *f, const struct k8s_resource *r, const char *json) {
    order(f, do_put, &(struct order){.resource = r, .text = json});
}

static void do_patch(void *arg) {
    struct order *o = arg;
    struct err err = ERR_INIT;
    AUTO_JSON *body = NULL;
    AUTO_JSON *done = NULL;
    fake_must(json_parse(o->text, strlen(o->text), &body, &err), &err, o->text);
    struct fake_write w = as_server(o);
    fake_must(fake_store_patch(&o->f->store, &w, "merge", body, &done, &err), &err, o->name);
}

void fake_api_patch(struct fake_api *f, const struct k8s_resource *r, const char *ns,
                    const char *name, const char *json) {
    order(f, do_patch, &(struct order){.resource = r, .ns = ns, .name = name, .text = json});
}

static void do_delete(void *arg) {
    struct order *o = arg;
    struct err err = ERR_INIT;
    AUTO_JSON *done = NULL;
    struct fake_write w = as_server(o);
    fake_must(fake_store_delete(&o->f->store, &w, NULL, &done, &err), &err, o->name);
}

void fake_api_delete(struct fake_api *f, const struct k8s_resource *r, const char *ns,
                     const char *name) {
    order(f, do_delete, &(struct order){.resource = r, .ns = ns, .name = name});
}

static void do_finish_pod(void *arg) {
    struct order *o = arg;
    fake_store_finish_pod(&o->f->store, o->ns, o->name);
}

void fake_api_finish_pod(struct fake_api *f, const char *ns, const char *name) {
    order(f, do_finish_pod, &(struct order){.ns = ns, .name = name});
}

static void do_version(void *arg) {
    struct order *o = arg;
    o->result = o->f->store.version;
}

uint64_t fake_api_resource_version(struct fake_api *f) {
    struct order o = {0};
    order(f, do_version, &o);
    return o.result;
}

bool fake_api_wait(struct fake_api *f, bool (*is_so)(struct fake_api *f, void *arg), void *arg) {
    int64_t end_ns = clock_mono_ns() + (int64_t)WAIT_S * 1000000000;
    while (!is_so(f, arg)) {
        if (clock_mono_ns() > end_ns) return false;
        usleep(1000);
    }
    return true;
}

static void do_fault(void *arg) {
    struct order *o = arg;
    struct fault *fault = mem_zalloc(sizeof *fault), **tail = &o->f->faults;
    fault->f = *o->fault;
    fault->f.method = mem_strdup(o->fault->method);
    fault->f.path = mem_strdup(o->fault->path);
    if (!fault->f.times) fault->f.times = 1;
    while (*tail)
        tail = &(*tail)->next;
    *tail = fault;
}

void fake_api_fault(struct fake_api *f, const struct fake_fault *fault) {
    order(f, do_fault, &(struct order){.fault = fault});
}

static void do_clear(void *arg) {
    struct order *o = arg;
    while (o->f->faults) {
        struct fault *fault = o->f->faults;
        o->f->faults = fault->next;
        fake_fault_free(fault);
    }
}

void fake_api_clear_faults(struct fake_api *f) {
    order(f, do_clear, &(struct order){0});
}

static void do_release(void *arg) {
    struct order *o = arg;
    while (o->f->held)
        fake_release(o->f->held);
}

void fake_api_release(struct fake_api *f) {
    order(f, do_release, &(struct order){0});
}

static void do_watches(void *arg) {
    struct order *o = arg;
    o->result = o->f->n_watches;
}

size_t fake_api_watches(struct fake_api *f) {
    struct order o = {0};
    order(f, do_watches, &o);
    return o.result;
}

static void do_bookmark(void *arg) {
    struct order *o = arg;
    for (struct watch *w = o->f->watches; w; w = w->next)
        fake_watch_bookmark(w);
}

void fake_api_bookmark(struct fake_api *f) {
    order(f, do_bookmark, &(struct order){0});
}

static void do_end(void *arg) {
    struct order *o = arg;
    while (o->f->watches)
        fake_watch_end(o->f->watches);
}

void fake_api_end_watches(struct fake_api *f) {
    order(f, do_end, &(struct order){0});
}

static void do_cut(void *arg) {
    struct order *o = arg;
    for (struct watch *w = o->f->watches; w; w = w->next)
        fake_watch_cut(w);
}

void fake_api_cut_watches(struct fake_api *f) {
    order(f, do_cut, &(struct order){0});
}

static void do_gone(void *arg) {
    struct order *o = arg;
    for (struct watch *w = o->f->watches, *next; w; w = next) {
        next = w->next;
        fake_watch_gone(w);
    }
}

void fake_api_gone_watches(struct fake_api *f) {
    order(f, do_gone, &(struct order){0});
}

static void do_stall(void *arg) {
    struct order *o = arg;
    o->f->stall = o->on;
    for (struct watch *w = o->f->watches; w; w = w->next)
        w->stalled |= o->on;
}

void fake_api_stall_watches(struct fake_api *f, bool on) {
    order(f, do_stall, &(struct order){.on = on});
}

static void do_repeat(void *arg) {
    struct order *o = arg;
    o->f->repeat = (int)o->number;
}

void fake_api_repeat_events(struct fake_api *f, int times) {
    order(f, do_repeat, &(struct order){.number = times});
}

static void do_compact(void *arg) {
    fake_store_compact(&((struct order *)arg)->f->store);
}

void fake_api_compact(struct fake_api *f) {
    order(f, do_compact, &(struct order){0});
}

static void do_skew(void *arg) {
    struct order *o = arg;
    o->f->store.skew_ms = o->number;
}

void fake_api_skew(struct fake_api *f, int64_t ms) {
    order(f, do_skew, &(struct order){.number = ms});
}

static void do_requests(void *arg) {
    struct order *o = arg;
    struct map_entry m;
    for (size_t i = 0; map_next(&o->f->counts, &i, &m);) {
        const char *path = strchr(m.key, ' ') + 1;
        size_t n = (size_t)(path - m.key) - 1;
        if (o->name && (strlen(o->name) != n || strncmp(o->name, m.key, n) != 0)) continue;
        if (o->text && !strstr(path, o->text)) continue;
        o->result += *(uint64_t *)m.value;
    }
}

uint64_t fake_api_requests(struct fake_api *f, const char *method, const char *path) {
    struct order o = {.name = method, .text = path};
    order(f, do_requests, &o);
    return o.result;
}
