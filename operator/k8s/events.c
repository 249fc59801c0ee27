/* events.c - see events.h. A record per (object, type, reason, message) stands in a list by age;
 * those that have something to write stand in a second one. */
#define LOG_MODULE "k8s"
#include "operator/k8s/events.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"

#include <stdlib.h>
#include <string.h>

enum {
    WRITES_AT_ONCE = 4,
    REPEAT_WRITE_MS = 1000, /* least time between two writes of one record */
    FAILED_WRITE_MS = 2000,
    TRIES_MAX = 5,
    NAME_MAX_BYTES = 200
};

struct record {
    struct k8s_events *events;
    char *key;
    struct record *newer, *older;
    struct record *next_dirty;
    bool dirty, writing, exists;
    uint64_t request; /* writing */
    const struct k8s_resource *resource;
    char *ns, *object, *uid, *version;
    char *reason, *action, *message;
    bool warning;
    char *name; /* of the Event */
    int64_t count, first_ms, last_ms;
    int64_t last_ns, not_before_ns;
    int tries;
};

struct bucket {
    double tokens;
    int64_t at_ns;
};

struct k8s_events {
    struct k8s_client *client;
    char *component, *instance;
    struct map records; /* key -> record */
    struct map buckets; /* uid -> bucket */
    struct record *newest, *oldest;
    struct record *dirty, **dirty_tail;
    int writing;
    uint64_t names;
    struct net_timer *timer;
    struct k8s_events_stats stats;
};

static void pump(void *arg);

/* ---- records --------------------------------------------------------------------------------- */

static void record_free(struct record *r) {
    free(r->key);
    free(r->ns);
    free(r->object);
    free(r->uid);
    free(r->version);
    free(r->reason);
    free(r->action);
    free(r->message);
    free(r->name);
    free(r);
}

static void unlink_age(struct record *r) {
    struct k8s_events *e = r->events;
    *(r->newer ? &r->newer->older : &e->newest) = r->older;
    *(r->older ? &r->older->newer : &e->oldest) = r->newer;
    r->newer = r->older = NULL;
}

static void link_newest(struct record *r) {
    struct k8s_events *e = r->events;
    r->older = e->newest;
    *(r->older ? &r->older->newer : &e->oldest) = r;
    e->newest = r;
}

static void forget(struct record *r) {
    map_remove(&r->events->records, r->key);
    unlink_age(r);
    record_free(r);
}

static void forget_oldest(struct k8s_events *e) {
    for (struct record *r = e->oldest; r && map_size(&e->records) >= K8S_EVENTS_KNOWN_MAX;) {
        struct record *newer = r->newer;
        if (!r->dirty && !r->writing) forget(r);
        r = newer;
    }
}

static void add_dirty(struct record *r) {
    struct k8s_events *e = r->events;
    if (r->dirty) return;
    r->dirty = true;
    r->next_dirty = NULL;
    *e->dirty_tail = r;
    e->dirty_tail = &r->next_dirty;
    e->stats.pending++;
}

/* A new Event's name: unique on this object for as long as Events are kept. */
static void give_name(struct record *r) {
    AUTO_STR name = STR_INIT;
    uint64_t stamp = (uint64_t)clock_wall_ns() + r->events->names++;
    str_addf(&name, "%.*s.%016llx", NAME_MAX_BYTES, r->object, (unsigned long long)stamp);
    free(r->name);
    r->name = str_take(&name);
    r->exists = false;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void set_time(cJSON *j, const char *key, int64_t wall_ms) {
    AUTO_STR text = STR_INIT;
    k8s_time_text(wall_ms, &text);
    json_set_str(j, key, str_text(&text));
}

static cJSON *event_json(const struct record *r) {
    cJSON *j = k8s_object_new(K8S_EVENTS, r->ns, r->name);
    cJSON *about = cJSON_AddObjectToObject(j, "involvedObject");
    AUTO_STR version = STR_INIT;
    k8s_api_version(r->resource, &version);
    json_set_str(about, "apiVersion", str_text(&version));
    json_set_str(about, "kind", r->resource->kind);
    if (r->resource->namespaced) json_set_str(about, "namespace", r->ns);
    json_set_str(about, "name", r->object);
    json_set_str(about, "uid", r->uid);
    if (*r->version) json_set_str(about, "resourceVersion", r->version);
    json_set_str(j, "type", r->warning ? "Warning" : "Normal");
    json_set_str(j, "reason", r->reason);
    json_set_str(j, "action", r->action);
    json_set_str(j, "message", r->message);
    json_set_i64(j, "count", r->count);
    set_time(j, "firstTimestamp", r->first_ms);
    set_time(j, "lastTimestamp", r->last_ms);
    json_set_str(cJSON_AddObjectToObject(j, "source"), "component", r->events->component);
    json_set_str(j, "reportingComponent", r->events->component);
    json_set_str(j, "reportingInstance", r->events->instance);
    return j;
}

static cJSON *repeat_json(const struct record *r) {
    cJSON *j = cJSON_CreateObject();
    json_set_i64(j, "count", r->count);
    set_time(j, "lastTimestamp", r->last_ms);
    return j;
}

static void written(void *self, const struct k8s_result *result) {
    struct record *r = self;
    struct k8s_events *e = r->events;
    r->writing = false;
    e->writing--;
    e->stats.pending--;
    bool transient = result->reason == K8S_NO_ANSWER || result->reason == K8S_SERVER_FAILED ||
                     result->reason == K8S_TOO_MANY || result->reason == K8S_UNAUTHORIZED;
    int64_t wait_ms = REPEAT_WRITE_MS;
    if (!result->rc || result->reason == K8S_ALREADY_EXISTS) {
        r->exists = true;
        r->tries = 0;
        e->stats.written++;
    } else if (result->reason == K8S_NOT_FOUND && r->exists && r->tries++ < TRIES_MAX) {
        r->count = 1; /* too old, and gone */
        r->first_ms = r->last_ms;
        give_name(r);
        add_dirty(r);
        wait_ms = 0;
    } else if (transient && r->tries++ < TRIES_MAX) {
        add_dirty(r);
        wait_ms = MAX(FAILED_WRITE_MS, result->retry_after_ms);
    } else {
        e->stats.dropped++;
        log_info("an Event couldn't be written", KV_STR("reason", r->reason), KV_ERR(result->err));
        r->tries = 0;
    }
    r->not_before_ns = clock_mono_ns() + wait_ms * 1000000;
    net_timer_set(e->timer, 0);
}

static void write_record(struct record *r) {
    struct k8s_events *e = r->events;
    struct err err = ERR_INIT;
    AUTO_JSON *body = r->exists ? repeat_json(r) : event_json(r);
    struct k8s_request q = {
        .verb = r->exists ? K8S_MERGE_PATCH : K8S_CREATE,
        .resource = K8S_EVENTS,
        .ns = r->ns,
        .name = r->exists ? r->name : NULL,
        .body = body,
        .attempts = 1,
        .on_done = written,
        .self = r,
    };
    if (k8s_send(e->client, &q, &r->request, &err)) {
        e->stats.dropped++;
        e->stats.pending--;
        log_info("an Event couldn't be written", KV_STR("reason", r->reason), KV_ERR(&err));
        return;
    }
    r->writing = true;
    e->writing++;
}

/* Writes what is due, in the order in which it came; waits for the rest. */
static void pump(void *arg) {
    struct k8s_events *e = arg;
    int64_t now_ns = clock_mono_ns(), next_ns = INT64_MAX;
    struct record *list = e->dirty;
    e->dirty = NULL;
    e->dirty_tail = &e->dirty;
    for (struct record *r = list, *next; r; r = next) {
        next = r->next_dirty;
        r->next_dirty = NULL;
        if (e->writing < WRITES_AT_ONCE && !r->writing && r->not_before_ns <= now_ns) {
            r->dirty = false;
            write_record(r);
            continue;
        }
        *e->dirty_tail = r;
        e->dirty_tail = &r->next_dirty;
        if (r->not_before_ns > now_ns) next_ns = MIN(next_ns, r->not_before_ns);
    }
    /* Those that wait for a place get it from `written`. */
    if (next_ns != INT64_MAX) net_timer_set(e->timer, (next_ns - now_ns) / 1000000 + 1);
}

/* ---- posting --------------------------------------------------------------------------------- */

static void refill(struct bucket *b, int64_t now_ns) {
    b->tokens += (double)(now_ns - b->at_ns) / 1e6 / K8S_EVENTS_REFILL_MS;
    b->tokens = MIN(b->tokens, K8S_EVENTS_BURST);
    b->at_ns = now_ns;
}

static void forget_quiet_buckets(struct k8s_events *e, int64_t now_ns) {
    struct map_entry m;
    for (size_t i = 0; map_next(&e->buckets, &i, &m);) {
        struct bucket *b = m.value;
        refill(b, now_ns);
        if (b->tokens >= K8S_EVENTS_BURST) free(map_remove(&e->buckets, m.key));
    }
    if (map_size(&e->buckets) < K8S_EVENTS_KNOWN_MAX) return;
    map_release(&e->buckets, free);
    map_init(&e->buckets);
}

static bool is_too_loud(struct k8s_events *e, const char *uid) {
    int64_t now_ns = clock_mono_ns();
    struct bucket *b = map_get(&e->buckets, uid);
    if (!b) {
        if (map_size(&e->buckets) >= K8S_EVENTS_KNOWN_MAX) forget_quiet_buckets(e, now_ns);
        b = mem_zalloc(sizeof *b);
        *b = (struct bucket){K8S_EVENTS_BURST, now_ns};
        map_put(&e->buckets, uid, b);
    }
    refill(b, now_ns);
    if (b->tokens < 1) return true;
    b->tokens -= 1;
    return false;
}

static char *cut_message(const char *message) {
    struct sv s = sv_from(message);
    size_t n = MIN(s.len, (size_t)K8S_EVENT_MESSAGE_MAX_BYTES);
    while (n && n < s.len && ((unsigned char)s.ptr[n] & 0xC0) == 0x80)
        n--;
    return mem_strndup(message, n);
}

static struct record *record_new(struct k8s_events *e, const char *key,
                                 const struct k8s_about *about, bool warning, const char *reason,
                                 const char *action, const char *message) {
    struct record *r = mem_zalloc(sizeof *r);
    bool has_ns = about->resource->namespaced && about->ns && *about->ns;
    r->events = e;
    r->key = mem_strdup(key);
    r->resource = about->resource;
    r->ns = mem_strdup(has_ns ? about->ns : "default");
    r->object = mem_strdup(about->name);
    r->uid = mem_strdup(about->uid ? about->uid : "");
    r->version = mem_strdup(about->resource_version ? about->resource_version : "");
    r->warning = warning;
    r->reason = mem_strdup(reason);
    r->action = mem_strdup(action ? action : reason);
    r->message = cut_message(message);
    r->first_ms = clock_wall_ms();
    give_name(r);
    return r;
}

/* True: it is the one of before, told again. */
static bool repeat(struct k8s_events *e, const char *key) {
    struct record *r = map_get(&e->records, key);
    if (!r) return false;
    int64_t now_ns = clock_mono_ns();
    if ((now_ns - r->last_ns) / 1000000 > K8S_EVENTS_REPEAT_MS) {
        if (r->dirty || r->writing) return true;
        forget(r);
        return false;
    }
    r->count++;
    r->last_ms = clock_wall_ms();
    r->last_ns = now_ns;
    unlink_age(r);
    link_newest(r);
    e->stats.repeated++;
    if (r->writing || r->dirty || e->stats.pending < K8S_EVENTS_PENDING_MAX) add_dirty(r);
    net_timer_set(e->timer, 0);
    return true;
}

void k8s_events_post(struct k8s_events *e, const struct k8s_about *about, bool warning,
                     const char *reason, const char *action, const char *message) {
    AUTO_STR key = STR_INIT;
    str_addf(&key, "%s/%s/%s/%d/%s/%s", about->ns ? about->ns : "", about->name,
             about->uid ? about->uid : "", warning, reason, message);
    e->stats.posted++;
    if (repeat(e, str_text(&key))) return;
    if (e->stats.pending >= K8S_EVENTS_PENDING_MAX ||
        is_too_loud(e, about->uid && *about->uid ? about->uid : about->name)) {
        e->stats.dropped++;
        return;
    }
    forget_oldest(e);
    struct record *r = record_new(e, str_text(&key), about, warning, reason, action, message);
    r->count = 1;
    r->last_ms = r->first_ms;
    r->last_ns = clock_mono_ns();
    map_put(&e->records, r->key, r);
    link_newest(r);
    add_dirty(r);
    net_timer_set(e->timer, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct k8s_events *k8s_events_new(const struct k8s_events_options *o) {
    struct k8s_events *e = mem_zalloc(sizeof *e);
    e->client = o->client;
    e->component = mem_strdup(o->component);
    e->instance = mem_strdup(o->instance);
    map_init(&e->records);
    map_init(&e->buckets);
    e->dirty_tail = &e->dirty;
    e->timer = net_timer_new(k8s_client_loop(o->client), pump, e);
    return e;
}

void k8s_events_free(struct k8s_events *e) {
    if (!e) return;
    net_timer_free(e->timer);
    while (e->newest) {
        if (e->newest->writing) k8s_cancel(e->client, e->newest->request);
        forget(e->newest);
    }
    map_release(&e->records, NULL);
    map_release(&e->buckets, free);
    free(e->component);
    free(e->instance);
    free(e);
}

void k8s_events_get_stats(const struct k8s_events *e, struct k8s_events_stats *ret) {
    *ret = e->stats;
}
