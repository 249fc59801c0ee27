/* cache.c - see cache.h. An object is one block of memory, replaced as a whole. Each namespace has
 * a watch; a list marks what it tells, and what has an older mark at its end is gone. */
#define LOG_MODULE "k8s"
#include "operator/k8s/cache.h"

#include "base/core/log.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "operator/k8s/prune.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct k8s_object pub;
    struct entry *prev_owned;
    uint32_t mark;
    uint32_t size_bytes;
    bool was_put; /* by k8s_cache_put, and the watch hasn't come to it yet */
    char text[];
};

struct source { /* one watch */
    struct k8s_cache *cache;
    const char *ns; /* "" = all */
    struct k8s_watch *watch;
    uint32_t mark;
    uint64_t seen; /* resourceVersion up to which the watch has told */
    bool synced;
};

struct k8s_cache {
    struct k8s_cache_options o; /* strings and lists are ours */
    char **namespaces, **keep;
    struct source *sources;
    size_t n_sources;
    struct map objects; /* "ns/name" -> entry */
    struct map owners;  /* "ns/owner" -> the first entry */
    size_t bytes;
    bool synced;
};

static uint64_t version_number(const char *version) {
    return strtoull(version, NULL, 10);
}

static void add_key(struct str *key, const char *ns, const char *name) {
    str_addf(key, "%s/%s", ns, name);
}

cJSON *k8s_object_json(const struct k8s_object *o) {
    cJSON *j = NULL;
    struct err err = ERR_INIT;
    int rc = json_parse(o->json.ptr, o->json.len, &j, &err);
    CHECKF(!rc, "cached %s/%s: %s", o->ns, o->name, err.msg); /* we wrote that text */
    return j;
}

/* ---- entries --------------------------------------------------------------------------------- */

static const char *append(char **end, const char *text, size_t len) {
    char *at = *end;
    memcpy(at, text, len);
    at[len] = 0;
    *end = at + len + 1;
    return at;
}

static struct entry *entry_new(const struct k8s_cache *c, const cJSON *j) {
    const char *label = c->o.owner_label ? k8s_meta_label(j, c->o.owner_label) : NULL;
    const char *texts[] = {k8s_meta_ns(j), k8s_meta_name(j), k8s_meta_uid(j),
                           k8s_meta_resource_version(j), label ? label : ""};
    size_t lens[ARRAY_LEN(texts)], size = sizeof(struct entry);
    AUTO_STR json = STR_INIT;
    json_print(j, &json);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        size += (lens[i] = strlen(texts[i])) + 1;
    size += json.len + 1;
    struct entry *e = mem_alloc(size);
    char *end = e->text;
    *e = (struct entry){.size_bytes = (uint32_t)size};
    e->pub.ns = append(&end, texts[0], lens[0]);
    e->pub.name = append(&end, texts[1], lens[1]);
    e->pub.uid = append(&end, texts[2], lens[2]);
    e->pub.resource_version = append(&end, texts[3], lens[3]);
    e->pub.owner = append(&end, texts[4], lens[4]);
    e->pub.json = (struct sv){append(&end, json.ptr, json.len), json.len};
    e->pub.generation = k8s_meta_generation(j);
    e->pub.deleting = k8s_meta_deleting(j);
    return e;
}

/* Objects of a list of a built-in kind come without apiVersion and kind. */
static void complete(const struct k8s_cache *c, cJSON *j) {
    if (json_opt(j, "kind")) return;
    AUTO_STR version = STR_INIT;
    k8s_api_version(c->o.resource, &version);
    cJSON_DeleteItemFromObjectCaseSensitive(j, "apiVersion");
    cJSON_DeleteItemFromObjectCaseSensitive(j, "kind");
    cJSON *kind = cJSON_CreateString(c->o.resource->kind);
    cJSON *api = cJSON_CreateString(str_text(&version));
    cJSON_AddItemToObject(j, "apiVersion", api);
    cJSON_AddItemToObject(j, "kind", kind);
}

static struct entry *entry_of_json(struct k8s_cache *c, cJSON *j) {
    complete(c, j);
    k8s_prune(j, (const char *const *)c->keep);
    return entry_new(c, j);
}

static struct entry *find(const struct k8s_cache *c, const char *ns, const char *name) {
    AUTO_STR key = STR_INIT;
    add_key(&key, ns, name);
    return map_get(&c->objects, str_text(&key));
}

static void unlink_owner(struct k8s_cache *c, struct entry *e) {
    struct entry *next = (struct entry *)e->pub.next_owned;
    if (!*e->pub.owner) return;
    if (next) next->prev_owned = e->prev_owned;
    if (e->prev_owned) {
        e->prev_owned->pub.next_owned = next ? &next->pub : NULL;
    } else {
        AUTO_STR key = STR_INIT;
        add_key(&key, e->pub.ns, e->pub.owner);
        if (next) {
            map_put(&c->owners, str_text(&key), next);
        } else {
            map_remove(&c->owners, str_text(&key));
        }
    }
}

static void link_owner(struct k8s_cache *c, struct entry *e) {
    if (!*e->pub.owner) return;
    AUTO_STR key = STR_INIT;
    add_key(&key, e->pub.ns, e->pub.owner);
    struct entry *first = map_get(&c->owners, str_text(&key));
    e->prev_owned = NULL;
    e->pub.next_owned = first ? &first->pub : NULL;
    if (first) first->prev_owned = e;
    map_put(&c->owners, str_text(&key), e);
}

/* Puts e (NULL: nothing) in old's place (NULL: there was nothing). old stays readable; the caller
 * frees it. */
static void exchange(struct k8s_cache *c, struct entry *old, struct entry *e) {
    const struct k8s_object *o = e ? &e->pub : &old->pub;
    AUTO_STR key = STR_INIT;
    add_key(&key, o->ns, o->name);
    if (old) {
        unlink_owner(c, old);
        c->bytes -= old->size_bytes;
    }
    if (e) {
        c->bytes += e->size_bytes;
        map_put(&c->objects, str_text(&key), e);
        link_owner(c, e);
    } else {
        map_remove(&c->objects, str_text(&key));
    }
}

/* ---- news ------------------------------------------------------------------------------------ */

static void tell(struct k8s_cache *c, enum k8s_event event, const struct entry *now,
                 const struct entry *before) {
    if (c->o.on_change) c->o.on_change(c->o.self, event, &now->pub, before ? &before->pub : NULL);
}

static void remove_entry(struct k8s_cache *c, struct entry *old, const struct entry *last) {
    exchange(c, old, NULL);
    tell(c, K8S_DELETED, last ? last : old, old);
    free(old);
}

/* The state e of an object, as the server tells it. Takes e. */
static void take_state(struct source *s, struct entry *e) {
    struct k8s_cache *c = s->cache;
    struct entry *old = find(c, e->pub.ns, e->pub.name);
    bool same = old && strcmp(old->pub.uid, e->pub.uid) == 0;
    e->mark = s->mark;
    if (old && old->was_put &&
        version_number(e->pub.resource_version) < version_number(old->pub.resource_version)) {
        old->mark = s->mark; /* we know better already */
        free(e);
        return;
    }
    if (same && strcmp(old->pub.resource_version, e->pub.resource_version) == 0) {
        old->mark = s->mark;
        old->was_put = false;
        free(e);
        return;
    }
    if (old && !same) {
        remove_entry(c, old, NULL);
        old = find(c, e->pub.ns, e->pub.name); /* a handler may have put one */
        if (old) {
            exchange(c, old, NULL);
            free(old);
            old = NULL;
        }
    }
    exchange(c, old, e);
    tell(c, old ? K8S_MODIFIED : K8S_ADDED, e, old);
    free(old);
}

static void take_deleted(struct source *s, struct entry *e) {
    struct entry *old = find(s->cache, e->pub.ns, e->pub.name);
    if (old && strcmp(old->pub.uid, e->pub.uid) == 0) remove_entry(s->cache, old, e);
    free(e);
}

static void complain(struct k8s_cache *c, const struct err *err) {
    if (c->o.on_error) {
        c->o.on_error(c->o.self, err);
    } else {
        log_warn("watching failed, trying again", KV_STR("resource", c->o.resource->plural),
                 KV_ERR(err));
    }
}

static struct entry *parse_entry(struct k8s_cache *c, struct sv object) {
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    int rc = json_parse(object.ptr, object.len, &j, &err);
    if (!rc && (!cJSON_IsObject(j) || !*k8s_meta_name(j)))
        rc = err_set(&err, ERR_PROTOCOL, "an object without a name");
    if (!rc) return entry_of_json(c, j);
    err_wrap(&err, "%s", c->o.resource->plural);
    complain(c, &err);
    return NULL;
}

/* ---- from the watches ------------------------------------------------------------------------ */

static void list_begin(void *self) {
    struct source *s = self;
    s->mark++;
}

static void list_item(void *self, struct sv object) {
    struct source *s = self;
    struct entry *e = parse_entry(s->cache, object);
    if (e) take_state(s, e);
}

static bool is_of(const struct source *s, const struct entry *e) {
    return !*s->ns || strcmp(s->ns, e->pub.ns) == 0;
}

/* What the list didn't tell. Keys first: a handler may write to the map. */
static void remove_unlisted(struct source *s, uint64_t list_version) {
    struct k8s_cache *c = s->cache;
    struct map_entry m;
    char **keys = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; map_next(&c->objects, &i, &m);) {
        struct entry *e = m.value;
        if (!is_of(s, e) || e->mark == s->mark) continue;
        if (e->was_put && version_number(e->pub.resource_version) > list_version) continue;
        MEM_GROW(keys, n, cap);
        keys[n++] = mem_strdup(m.key);
    }
    for (size_t i = 0; i < n; i++) {
        struct entry *e = map_get(&c->objects, keys[i]);
        if (e && e->mark != s->mark) remove_entry(c, e, NULL);
        free(keys[i]);
    }
    free(keys);
}

static void list_end(void *self, const char *resource_version) {
    struct source *s = self;
    struct k8s_cache *c = s->cache;
    s->seen = version_number(resource_version);
    remove_unlisted(s, s->seen);
    s->synced = true;
    bool all = true;
    for (size_t i = 0; i < c->n_sources; i++)
        all &= c->sources[i].synced;
    if (!all || c->synced) return;
    c->synced = true;
    if (c->o.on_synced) c->o.on_synced(c->o.self);
}

static void event(void *self, enum k8s_event event, struct sv object) {
    struct source *s = self;
    struct entry *e = parse_entry(s->cache, object);
    if (!e) return;
    s->seen = version_number(e->pub.resource_version);
    if (event == K8S_DELETED) {
        take_deleted(s, e);
    } else {
        take_state(s, e);
    }
}

static void progress(void *self, const char *resource_version) {
    struct source *s = self;
    s->seen = version_number(resource_version);
}

static void failed(void *self, const struct err *err) {
    struct source *s = self;
    complain(s->cache, err);
}

static const struct k8s_watch_ops watch_ops = {
    .on_list_begin = list_begin,
    .on_list_item = list_item,
    .on_list_end = list_end,
    .on_event = event,
    .on_progress = progress,
    .on_error = failed,
};

/* ---- from our own writes --------------------------------------------------------------------- */

static struct source *source_of(struct k8s_cache *c, const char *ns) {
    for (size_t i = 0; i < c->n_sources; i++) {
        struct source *s = &c->sources[i];
        if (!*s->ns || strcmp(s->ns, ns) == 0) return s;
    }
    return NULL;
}

void k8s_cache_put(struct k8s_cache *c, const cJSON *object) {
    struct source *s = source_of(c, k8s_meta_ns(object));
    uint64_t version = version_number(k8s_meta_resource_version(object));
    if (!s || version <= s->seen) return;
    struct entry *old = find(c, k8s_meta_ns(object), k8s_meta_name(object));
    if (old && version <= version_number(old->pub.resource_version)) return;
    AUTO_JSON *copy = cJSON_Duplicate(object, true);
    struct entry *e = entry_of_json(c, copy);
    e->was_put = true;
    e->mark = s->mark;
    exchange(c, old, e);
    free(old);
}

void k8s_cache_drop(struct k8s_cache *c, const char *ns, const char *name, const char *uid) {
    struct entry *old = find(c, ns, name);
    if (!old || (uid && strcmp(uid, old->pub.uid) != 0)) return;
    exchange(c, old, NULL);
    free(old);
}

/* ---- reading --------------------------------------------------------------------------------- */

bool k8s_cache_synced(const struct k8s_cache *c) {
    return c->synced;
}

const struct k8s_object *k8s_cache_get(const struct k8s_cache *c, const char *ns,
                                       const char *name) {
    struct entry *e = find(c, ns, name);
    return e ? &e->pub : NULL;
}

const struct k8s_object *k8s_cache_owned(const struct k8s_cache *c, const char *ns,
                                         const char *owner) {
    AUTO_STR key = STR_INIT;
    add_key(&key, ns, owner);
    struct entry *e = map_get(&c->owners, str_text(&key));
    return e ? &e->pub : NULL;
}

const struct k8s_object *k8s_cache_next(const struct k8s_cache *c, size_t *pos) {
    struct map_entry m;
    return map_next(&c->objects, pos, &m) ? &((struct entry *)m.value)->pub : NULL;
}

size_t k8s_cache_size(const struct k8s_cache *c) {
    return map_size(&c->objects);
}

void k8s_cache_get_stats(const struct k8s_cache *c, struct k8s_cache_stats *ret) {
    *ret = (struct k8s_cache_stats){
        .objects = map_size(&c->objects), .bytes = c->bytes, .watch.synced = true};
    for (size_t i = 0; i < c->n_sources; i++) {
        struct k8s_watch_stats w, *sum = &ret->watch;
        k8s_watch_get_stats(c->sources[i].watch, &w);
        sum->lists += w.lists;
        sum->watches += w.watches;
        sum->events += w.events;
        sum->bookmarks += w.bookmarks;
        sum->errors += w.errors;
        sum->gone += w.gone;
        sum->stalls += w.stalls;
        sum->cut_lines += w.cut_lines;
        sum->silent_ms = MAX(sum->silent_ms, w.silent_ms);
        sum->synced &= w.synced;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static char **copy_list(const char *const *list) {
    size_t n = 0;
    while (list[n])
        n++;
    char **copy = mem_calloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(list[i]);
    return copy;
}

static void free_list(char **list) {
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

struct k8s_cache *k8s_cache_new(const struct k8s_cache_options *o) {
    static const char *const everywhere[] = {"", NULL};
    struct k8s_cache *c = mem_zalloc(sizeof *c);
    c->o = *o;
    c->o.owner_label = mem_strdup(o->owner_label);
    c->keep = o->keep ? copy_list(o->keep) : NULL;
    c->namespaces = copy_list(o->namespaces && o->namespaces[0] ? o->namespaces : everywhere);
    map_init(&c->objects);
    map_init(&c->owners);
    while (c->namespaces[c->n_sources])
        c->n_sources++;
    c->sources = mem_calloc(c->n_sources, sizeof *c->sources);
    struct k8s_watch_options w = o->watch;
    w.client = o->client;
    w.resource = o->resource;
    w.label_selector = o->label_selector;
    w.field_selector = o->field_selector;
    w.ops = &watch_ops;
    for (size_t i = 0; i < c->n_sources; i++) {
        struct source *s = &c->sources[i];
        s->cache = c;
        w.ns = s->ns = c->namespaces[i];
        w.self = s;
        s->watch = k8s_watch_new(&w);
    }
    c->o.namespaces = c->o.keep = NULL;
    c->o.label_selector = c->o.field_selector = NULL;
    return c;
}

void k8s_cache_free(struct k8s_cache *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n_sources; i++)
        k8s_watch_free(c->sources[i].watch);
    free(c->sources);
    map_release(&c->owners, NULL);
    map_release(&c->objects, free);
    free_list(c->namespaces);
    free_list(c->keep);
    free((char *)c->o.owner_label);
    free(c);
}
