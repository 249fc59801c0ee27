/* cache.h - a read-only copy of a resource's objects, kept up by watches (watch.h).
 *
 * Objects are kept as compact JSON text, without metadata.managedFields and kubectl's copy of what
 * was applied last, reduced to `keep` if given: about a third more than that text in memory.
 * Found by namespace and name, and by owner: the value of one label.
 *
 *     struct k8s_cache *pods = k8s_cache_new(&(struct k8s_cache_options){.client = client,
 *         .resource = K8S_PODS, .owner_label = "penstock.dev/job", .keep = pod_fields,
 *         .on_change = pod_changed, .self = op});
 *     for (const struct k8s_object *o = k8s_cache_owned(pods, ns, job); o; o = o->next_owned) ...
 */
#ifndef PENSTOCK_OPERATOR_K8S_CACHE_H
#define PENSTOCK_OPERATOR_K8S_CACHE_H

#include "operator/k8s/watch.h"

struct k8s_cache;

/* Borrowed, like all its strings, until the loop's thread next returns to the loop or the cache is
 * written to (k8s_cache_put): don't keep one across callbacks. */
struct k8s_object {
    const char *ns, *name, *uid, *resource_version; /* ns "" if cluster-scoped */
    const char *owner;                              /* the label's value; "" if none */
    int64_t generation;
    bool deleting;  /* has a deletionTimestamp */
    struct sv json; /* compact, NUL-terminated */
    const struct k8s_object *next_owned;
};
/* Parsed anew: owned by the caller. */
cJSON *k8s_object_json(const struct k8s_object *o);

struct k8s_cache_options {
    struct k8s_client *client;
    const struct k8s_resource *resource;
    /* NULL-terminated; NULL or empty = all. Each has a watch of its own. */
    const char *const *namespaces;
    const char *label_selector, *field_selector;
    const char *owner_label; /* NULL = no index by owner */
    /* What to keep of an object, NULL-terminated: "spec.nodeName", "status.conditions", each with
     * all below it; through arrays: "status.containerStatuses.state". apiVersion, kind, and of
     * metadata what is in struct k8s_object, labels, annotations, ownerReferences, finalizers,
     * creationTimestamp and deletionTimestamp stay always. NULL = everything. */
    const char *const *keep;
    struct k8s_watch_options watch; /* limit, stall_ms, timeout_ms, backoff: 0 = defaults */

    /* Each change, after the cache has it; `before` is NULL when ADDED, `now` the last state when
     * DELETED. An object that is told again unchanged (same resourceVersion) isn't. The objects of
     * the first list come as ADDED, too. A change missed in between shows as one, and one deleted
     * and made again under its name as DELETED and ADDED. */
    void (*on_change)(void *self, enum k8s_event event, const struct k8s_object *now,
                      const struct k8s_object *before);
    void (*on_synced)(void *self);                       /* once: all first lists are whole */
    void (*on_error)(void *self, const struct err *err); /* see watch.h; NULL = logged */
    void *self;
};

/* Begins at once. Options are copied. */
struct k8s_cache *k8s_cache_new(const struct k8s_cache_options *o);
void k8s_cache_free(struct k8s_cache *c); /* NULL is fine. Not from its callbacks. */

bool k8s_cache_synced(const struct k8s_cache *c); /* the first lists are whole */
const struct k8s_object *k8s_cache_get(const struct k8s_cache *c, const char *ns,
                                       const char *name); /* NULL if there is none */
/* The first object whose owner label has that value, in no special order; go on by next_owned. */
const struct k8s_object *k8s_cache_owned(const struct k8s_cache *c, const char *ns,
                                         const char *owner);
/* for (size_t i = 0; (o = k8s_cache_next(c, &i));) in no special order. The cache may not change in
 * between. */
const struct k8s_object *k8s_cache_next(const struct k8s_cache *c, size_t *pos);
size_t k8s_cache_size(const struct k8s_cache *c);

/* The server's answer to a write, so that the next look sees it before the watch tells it. Ignored
 * when the watch is already past that. on_change is not called for it, nor by the watch's own news
 * of the same state. */
void k8s_cache_put(struct k8s_cache *c, const cJSON *object);
/* The object is gone by the server's word (answer to a delete, 404), and its uid was `uid` (NULL =
 * any). */
void k8s_cache_drop(struct k8s_cache *c, const char *ns, const char *name, const char *uid);

struct k8s_cache_stats {
    size_t objects, bytes;
    struct k8s_watch_stats watch; /* sums over the watches; silent_ms: the longest; synced: all */
};
void k8s_cache_get_stats(const struct k8s_cache *c, struct k8s_cache_stats *ret);

#endif
