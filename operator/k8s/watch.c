/* watch.c - see watch.h. Three states: a list is under way, a watch is, or a timer runs until the
 * next of either. */
#define LOG_MODULE "k8s"
#include "operator/k8s/watch.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "operator/k8s/backoff.h"
#include "operator/k8s/call.h"
#include "operator/k8s/client_stream.h"
#include "operator/k8s/json_split.h"

#include <stdlib.h>
#include <string.h>

/* A watch that lasted so long isn't one more failure in a row. */
enum { HEALTHY_MS = 5000 };

enum line_type { LINE_NONE, LINE_EVENT, LINE_BOOKMARK, LINE_ERROR, LINE_OTHER };

struct k8s_watch {
    struct k8s_watch_options o; /* strings are ours */
    char *label;
    struct net_timer *next_timer, *stall_timer;
    uint64_t request; /* list or stream under way; 0 = none */
    bool listing, need_list;
    char *version; /* up to which everything was told */
    int failures;  /* in a row */
    int64_t begun_ns, heard_ns;
    struct json_split split;
    enum line_type line; /* of the line that is being read */
    enum k8s_event event;
    struct str held; /* its object, if that came before its type */
    bool ended;      /* by us, from within a callback */
    struct k8s_watch_stats stats;
};

static void begin_list(struct k8s_watch *w);
static void begin_watch(struct k8s_watch *w);

static int64_t ms_since(int64_t ns) {
    return (clock_mono_ns() - ns) / 1000000;
}

static void take_version(struct k8s_watch *w, struct sv version) {
    if (!version.len) return;
    free(w->version);
    w->version = mem_strndup(version.ptr, version.len);
}

/* ---- what comes next ------------------------------------------------------------------------- */

static void next_after(struct k8s_watch *w, int64_t delay_ms) {
    w->request = 0;
    net_timer_cancel(w->stall_timer);
    net_timer_set(w->next_timer, delay_ms);
}

static void go_on(void *arg) {
    struct k8s_watch *w = arg;
    if (w->need_list || !w->version) {
        begin_list(w);
    } else {
        begin_watch(w);
    }
}

static void failed(struct k8s_watch *w, const struct err *err, int64_t retry_after_ms) {
    w->failures++;
    w->stats.errors++;
    int64_t delay_ms = k8s_backoff_ms(w->o.backoff_min_ms, w->o.backoff_max_ms, w->failures);
    next_after(w, MAX(delay_ms, retry_after_ms));
    if (w->o.ops->on_error) w->o.ops->on_error(w->o.self, err);
}

/* The server doesn't remember our version any more: not an error, unless it says so again and
 * again. */
static void version_is_gone(struct k8s_watch *w) {
    w->stats.gone++;
    w->need_list = true;
    w->failures++;
    log_debug("the watch is too far behind, listing anew", KV_STR("watch", w->label));
    next_after(w, w->failures == 1
                      ? 0
                      : k8s_backoff_ms(w->o.backoff_min_ms, w->o.backoff_max_ms, w->failures - 1));
}

/* ---- listing --------------------------------------------------------------------------------- */

static void list_item(void *self, struct sv object) {
    struct k8s_watch *w = self;
    w->heard_ns = clock_mono_ns();
    w->o.ops->on_list_item(w->o.self, object);
}

static void list_restart(void *self) {
    struct k8s_watch *w = self;
    w->o.ops->on_list_begin(w->o.self);
}

static void list_done(void *self, const struct k8s_result *r) {
    struct k8s_watch *w = self;
    w->listing = false;
    w->request = 0;
    if (r->rc) {
        failed(w, r->err, r->retry_after_ms);
        return;
    }
    w->need_list = false;
    w->heard_ns = clock_mono_ns();
    take_version(w, sv_from(r->resource_version));
    w->stats.synced = true;
    w->o.ops->on_list_end(w->o.self, w->version ? w->version : "");
    if (w->version) {
        begin_watch(w);
    } else {
        struct err err = ERR_INIT;
        err_set(&err, ERR_PROTOCOL, "%s: the list has no resourceVersion", w->label);
        failed(w, &err, 0);
    }
}

static void begin_list(struct k8s_watch *w) {
    struct err err = ERR_INIT;
    struct k8s_request q = {
        .verb = K8S_LIST,
        .resource = w->o.resource,
        .ns = w->o.ns,
        .label_selector = w->o.label_selector,
        .field_selector = w->o.field_selector,
        .limit = w->o.limit,
        .urgent = true,
        .on_item = list_item,
        .on_restart = list_restart,
        .on_done = list_done,
        .self = w,
    };
    w->listing = true;
    w->stats.lists++;
    w->stats.synced = false;
    w->o.ops->on_list_begin(w->o.self);
    if (k8s_send(w->o.client, &q, &w->request, &err)) {
        w->listing = false;
        failed(w, &err, 0);
    }
}

/* ---- watching -------------------------------------------------------------------------------- */

/* From within the stream's data: no more of it. */
static void end_stream(struct k8s_watch *w) {
    w->ended = true;
    k8s_cancel(w->o.client, w->request);
    w->request = 0;
}

static int line_whole(struct k8s_watch *w, struct sv object) {
    struct err err = ERR_INIT;
    enum k8s_reason reason;
    switch (w->line) {
    case LINE_EVENT:
        w->failures = 0;
        w->stats.events++;
        take_version(w, json_split_text(object, "metadata", "resourceVersion"));
        w->o.ops->on_event(w->o.self, w->event, object);
        return 0;
    case LINE_BOOKMARK:
        w->failures = 0;
        w->stats.bookmarks++;
        take_version(w, json_split_text(object, "metadata", "resourceVersion"));
        if (w->o.ops->on_progress) w->o.ops->on_progress(w->o.self, w->version);
        return 0;
    case LINE_ERROR:
        end_stream(w);
        if (!k8s_status_outcome(object, w->label, &reason, &err)) return ERR_CANCELLED;
        if (reason == K8S_GONE) {
            version_is_gone(w);
        } else {
            failed(w, &err, 0);
        }
        return ERR_CANCELLED;
    default:
        return 0; /* a type that is newer than this */
    }
}

static void set_line_type(struct k8s_watch *w, struct sv type) {
    static const struct {
        const char *text;
        enum line_type line;
        enum k8s_event event;
    } types[] = {{"\"ADDED\"", LINE_EVENT, K8S_ADDED},
                 {"\"MODIFIED\"", LINE_EVENT, K8S_MODIFIED},
                 {"\"DELETED\"", LINE_EVENT, K8S_DELETED},
                 {"\"BOOKMARK\"", LINE_BOOKMARK, 0},
                 {"\"ERROR\"", LINE_ERROR, 0}};
    w->line = LINE_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (!sv_eq_str(type, types[i].text)) continue;
        w->line = types[i].line;
        w->event = types[i].event;
    }
}

static int on_line_value(void *self, const char *key, struct sv value, struct err *err) {
    struct k8s_watch *w = self;
    if (strcmp(key, "type") == 0) {
        set_line_type(w, value);
        return 0;
    }
    if (strcmp(key, "object") != 0) return 0;
    if (w->line != LINE_NONE) return line_whole(w, value);
    str_clear(&w->held);
    str_add_sv(&w->held, value);
    return 0;
}

static int on_line_end(void *self, struct err *err) {
    struct k8s_watch *w = self;
    int rc = 0;
    if (w->held.len) rc = line_whole(w, str_view(&w->held));
    str_clear(&w->held);
    w->line = LINE_NONE;
    return rc;
}

static const struct json_split_ops line_ops = {on_line_value, on_line_end};

static int stream_data(void *self, const char *data, size_t len) {
    struct k8s_watch *w = self;
    struct err err = ERR_INIT;
    w->heard_ns = clock_mono_ns();
    net_timer_set(w->stall_timer, w->o.stall_ms);
    int rc = json_split_feed(&w->split, data, len, &err);
    if (rc && !w->ended) {
        /* Which objects were in what can't be read is unknown. */
        w->need_list = true;
        end_stream(w);
        err_wrap(&err, "%s", w->label);
        failed(w, &err, 0);
    }
    return rc;
}

static void stream_done(void *self, const struct k8s_result *r) {
    struct k8s_watch *w = self;
    w->request = 0;
    if (!json_split_is_whole(&w->split)) w->stats.cut_lines++;
    bool healthy = ms_since(w->begun_ns) >= HEALTHY_MS;
    if (healthy) w->failures = 0;
    if (r->reason == K8S_GONE) {
        version_is_gone(w);
    } else if (r->rc) {
        failed(w, r->err, r->retry_after_ms);
    } else if (healthy) {
        next_after(w, 0);
    } else { /* in order, but suspiciously soon */
        w->failures++;
        next_after(w, k8s_backoff_ms(w->o.backoff_min_ms, w->o.backoff_max_ms, w->failures));
    }
}

static void stalled(void *arg) {
    struct k8s_watch *w = arg;
    struct err err = ERR_INIT;
    if (!w->request) return;
    w->stats.stalls++;
    k8s_cancel(w->o.client, w->request);
    err_set(&err, ERR_TIMEOUT, "%s: nothing came for %lld ms", w->label, (long long)w->o.stall_ms);
    failed(w, &err, 0);
}

static void add_selector(struct str *path, const char *name, const char *value) {
    if (!value || !*value) return;
    str_addf(path, "&%s=", name);
    http_url_encode(path, sv_from(value), false);
}

static void begin_watch(struct k8s_watch *w) {
    AUTO_STR path = STR_INIT;
    struct err err = ERR_INIT;
    k8s_resource_path(w->o.resource, w->o.ns, NULL, NULL, &path);
    str_add(&path, "?watch=true&allowWatchBookmarks=true&resourceVersion=");
    http_url_encode(&path, sv_from(w->version), false);
    str_addf(&path, "&timeoutSeconds=%lld",
             (long long)MAX(k8s_jitter_ms(w->o.timeout_ms, 50) / 1000, 1));
    add_selector(&path, "labelSelector", w->o.label_selector);
    add_selector(&path, "fieldSelector", w->o.field_selector);
    struct k8s_stream s = {.path = str_text(&path),
                           .label = w->label,
                           .on_data = stream_data,
                           .on_done = stream_done,
                           .self = w};
    json_split_clear(&w->split);
    str_clear(&w->held);
    w->line = LINE_NONE;
    w->ended = false;
    w->begun_ns = clock_mono_ns();
    w->stats.watches++;
    if (k8s_stream_open(w->o.client, &s, &w->request, &err)) {
        failed(w, &err, 0);
        return;
    }
    net_timer_set(w->stall_timer, w->o.stall_ms);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct k8s_watch *k8s_watch_new(const struct k8s_watch_options *o) {
    struct k8s_watch *w = mem_zalloc(sizeof *w);
    AUTO_STR label = STR_INIT;
    w->o = *o;
    w->o.ns = mem_strdup(o->ns);
    w->o.label_selector = mem_strdup(o->label_selector);
    w->o.field_selector = mem_strdup(o->field_selector);
    if (!w->o.limit) w->o.limit = K8S_LIST_LIMIT;
    if (!w->o.stall_ms) w->o.stall_ms = K8S_WATCH_STALL_MS;
    if (!w->o.timeout_ms) w->o.timeout_ms = K8S_WATCH_TIMEOUT_MS;
    if (!w->o.backoff_min_ms) w->o.backoff_min_ms = K8S_WATCH_BACKOFF_MIN_MS;
    if (!w->o.backoff_max_ms) w->o.backoff_max_ms = K8S_WATCH_BACKOFF_MAX_MS;
    str_addf(&label, "watch %s", o->resource->plural);
    if (o->ns && *o->ns) str_addf(&label, " %s", o->ns);
    w->label = str_take(&label);
    struct net_loop *loop = k8s_client_loop(o->client);
    w->next_timer = net_timer_new(loop, go_on, w);
    w->stall_timer = net_timer_new(loop, stalled, w);
    w->heard_ns = clock_mono_ns();
    json_split_init(&w->split, &line_ops, w, NULL, K8S_OBJECT_MAX_BYTES);
    net_timer_set(w->next_timer, 0);
    return w;
}

void k8s_watch_free(struct k8s_watch *w) {
    if (!w) return;
    if (w->request) k8s_cancel(w->o.client, w->request);
    net_timer_free(w->next_timer);
    net_timer_free(w->stall_timer);
    json_split_release(&w->split);
    str_release(&w->held);
    free((char *)w->o.ns);
    free((char *)w->o.label_selector);
    free((char *)w->o.field_selector);
    free(w->version);
    free(w->label);
    free(w);
}

void k8s_watch_get_stats(const struct k8s_watch *w, struct k8s_watch_stats *ret) {
    *ret = w->stats;
    ret->silent_ms = ms_since(w->heard_ns);
}
