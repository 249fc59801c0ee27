/* fake_watch.c - the fake API server's watches: each has its place in the store's history. */
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/operator/k8s/fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void watch_free(struct watch *w) {
    *w->prev = w->next;
    if (w->next) w->next->prev = w->prev;
    w->api->n_watches--;
    net_timer_free(w->timeout);
    net_timer_free(w->cut);
    free(w->ns);
    free(w->labels);
    free(w->fields);
    free(w);
}

static void watch_line(const char *type, const cJSON *json, struct str *out) {
    str_addf(out, "{\"type\":\"%s\",\"object\":", type);
    json_print(json, out);
    str_add(out, "}\n");
}

/* False: no room now, or nothing is to come. */
static bool watch_send(struct watch *w, const char *type, const cJSON *json) {
    AUTO_STR line = STR_INIT;
    struct err err = ERR_INIT;
    if (w->stalled) return false;
    watch_line(type, json, &line);
    w->blocked = http_stream_write(w->x, line.ptr, line.len, &err) != 0;
    return !w->blocked;
}

void fake_watch_end(struct watch *w) {
    http_stream_end(w->x);
    watch_free(w);
}

/* The server has forgotten what the watch wants to know. */
void fake_watch_gone(struct watch *w) {
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "kind", "Status");
    json_set_str(j, "status", "Failure");
    json_set_str(j, "reason", "Expired");
    json_set_str(j, "message", "too old resource version");
    json_set_i64(j, "code", 410);
    if (watch_send(w, "ERROR", j)) fake_watch_end(w);
}

static const char *type_for(const struct watch *w, const struct fake_event *e) {
    if (w->resource != e->resource) return NULL;
    if (*w->ns && strcmp(w->ns, k8s_meta_ns(e->json)) != 0) return NULL;
    bool now = fake_store_selects(e->json, w->labels, w->fields);
    bool before = e->before && fake_store_selects(e->before, w->labels, w->fields);
    if (strcmp(e->type, "DELETED") == 0) return before ? "DELETED" : NULL;
    if (now) return before ? "MODIFIED" : "ADDED";
    return before ? "DELETED" : NULL;
}

/* Sends what the watch hasn't been told, as far as there is room. */
static void watch_pump(struct watch *w) {
    struct fake_store *s = &w->api->store;
    if (w->stalled) return;
    if (w->told < s->compacted) {
        fake_watch_gone(w);
        return;
    }
    size_t i = s->n_events;
    while (i > 0 && s->events[i - 1].version > w->told)
        i--;
    for (; i < s->n_events; i++) {
        const struct fake_event *e = &s->events[i];
        const char *type = type_for(w, e);
        for (; type && w->repeats < w->api->repeat; w->repeats++) {
            if (!watch_send(w, type, e->json)) return;
        }
        w->repeats = 0;
        w->told = e->version;
    }
}

void fake_watch_pump_all(void *self) {
    struct fake_api *f = self;
    for (struct watch *w = f->watches, *next; w; w = next) {
        next = w->next;
        if (!w->blocked) watch_pump(w);
    }
}

static void watch_writable(void *self, struct http_exchange *x) {
    struct watch *w = self;
    w->blocked = false;
    watch_pump(w);
}

static void watch_closed(void *self, struct http_exchange *x) {
    watch_free(self);
}

static void watch_timeout(void *arg) {
    fake_watch_end(arg);
}

void fake_watch_bookmark(struct watch *w) {
    AUTO_JSON *j = cJSON_CreateObject();
    AUTO_STR api = STR_INIT;
    char version[24];
    if (w->blocked) return;
    w->told = MAX(w->told, w->api->store.version);
    snprintf(version, sizeof version, "%llu", (unsigned long long)w->told);
    k8s_api_version(w->resource, &api);
    json_set_str(j, "kind", w->resource->kind);
    json_set_str(j, "apiVersion", str_text(&api));
    json_set_str(cJSON_AddObjectToObject(j, "metadata"), "resourceVersion", version);
    watch_send(w, "BOOKMARK", j);
}

void fake_watch_begin(struct fake_api *f, struct http_exchange *x, const struct target *t) {
    static const struct http_stream_ops ops = {watch_writable, watch_closed};
    const char *version = http_query(x, "resourceVersion");
    const char *timeout = http_query(x, "timeoutSeconds");
    const char *labels = http_query(x, "labelSelector"), *fields = http_query(x, "fieldSelector");
    struct watch *w = mem_zalloc(sizeof *w);
    w->api = f;
    w->x = x;
    w->resource = t->resource;
    w->ns = mem_strdup(t->ns);
    w->labels = mem_strdup(labels ? labels : "");
    w->fields = mem_strdup(fields ? fields : "");
    w->stalled = f->stall;
    w->told = version && *version ? strtoull(version, NULL, 10) : 0;
    w->next = f->watches;
    w->prev = &f->watches;
    if (w->next) w->next->prev = &w->next;
    f->watches = w;
    f->n_watches++;
    if (timeout) {
        w->timeout = net_timer_new(f->loop, watch_timeout, w);
        net_timer_set(w->timeout, atoll(timeout) * 1000);
    }
    fake_set_date(f, x);
    http_stream_begin(x, 200, "application/json", &ops, w);
    if (!w->told) { /* from now on, with all there is in front */
        size_t n;
        struct fake_object **list = fake_store_list(&f->store, t->resource, t->ns, &n);
        for (size_t i = 0; i < n; i++) {
            if (fake_store_selects(list[i]->json, w->labels, w->fields))
                watch_send(w, "ADDED", list[i]->json);
        }
        free(list);
        w->told = f->store.version;
    }
    watch_pump(w);
}

static void cut_now(void *arg) {
    struct watch *w = arg;
    http_stream_abort(w->x);
    watch_free(w);
}

/* Half a line, and the end once that has been sent. */
void fake_watch_cut(struct watch *w) {
    static const char half[] =
        "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"na";
    struct err err = ERR_INIT;
    if (w->cut) return;
    if (!w->stalled && http_stream_write(w->x, half, sizeof half - 1, &err))
        fprintf(stderr, "fake_api: %s\n", err.msg);
    w->stalled = true;
    w->cut = net_timer_new(w->api->loop, cut_now, w);
    net_timer_set(w->cut, 1);
}
