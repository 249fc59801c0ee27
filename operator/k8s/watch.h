/* watch.h - list, then watch: every object of a resource, and every change from there on. For most
 * uses cache.h is the better entry: it keeps the objects.
 *
 * - The list comes in pages; watch lines and pages are decoded as they arrive, one object at a
 * time.
 * - A watch that ends is taken up at the last resourceVersion seen (events and bookmarks); 410 Gone
 *   leads to a new list.
 * - Failures: exponential backoff with jitter, at least Retry-After; for ever, told by on_error.
 * - A watch over which nothing comes for stall_ms (bookmarks come every minute or so) is taken for
 *   dead and taken up again. A line that is cut ends the watch likewise; nothing is lost or
 * invented.
 */
#ifndef PENSTOCK_OPERATOR_K8S_WATCH_H
#define PENSTOCK_OPERATOR_K8S_WATCH_H

#include "operator/k8s/client.h"

struct k8s_watch;

enum {
    K8S_WATCH_STALL_MS = 90000,
    K8S_WATCH_TIMEOUT_MS = 300000, /* after which the server ends a watch; jittered upwards */
    K8S_WATCH_BACKOFF_MIN_MS = 200,
    K8S_WATCH_BACKOFF_MAX_MS = 30000
};

enum k8s_event { K8S_ADDED, K8S_MODIFIED, K8S_DELETED };

struct k8s_watch_ops {
    /* A list begins; what on_list_item doesn't tell from here to on_list_end is gone. May come
     * again before on_list_end: what was listed so far is void. */
    void (*on_list_begin)(void *self);
    void (*on_list_item)(void *self, struct sv object); /* JSON text, borrowed */
    void (*on_list_end)(void *self, const char *resource_version);
    void (*on_event)(void *self, enum k8s_event event, struct sv object);
    /* A bookmark: everything up to resource_version has been told. May be NULL. */
    void (*on_progress)(void *self, const char *resource_version);
    /* Something failed and is tried again by itself: for logs and health. May be NULL. */
    void (*on_error)(void *self, const struct err *err);
};

struct k8s_watch_options {
    struct k8s_client *client;
    const struct k8s_resource *resource;
    const char *ns; /* NULL or "" = all */
    const char *label_selector, *field_selector;
    int limit;                              /* of a page; 0 = K8S_LIST_LIMIT */
    int64_t stall_ms;                       /* 0 = K8S_WATCH_STALL_MS */
    int64_t timeout_ms;                     /* 0 = K8S_WATCH_TIMEOUT_MS */
    int64_t backoff_min_ms, backoff_max_ms; /* 0 = as above */
    const struct k8s_watch_ops *ops;
    void *self;
};

/* Begins at once. Options are copied. No callback may free the watch. */
struct k8s_watch *k8s_watch_new(const struct k8s_watch_options *o);
void k8s_watch_free(struct k8s_watch *w); /* NULL is fine */

struct k8s_watch_stats {
    uint64_t lists, watches, events, bookmarks;
    uint64_t errors, gone, stalls, cut_lines;
    int64_t silent_ms; /* since anything came */
    bool synced;       /* a list is whole, and not being done anew */
};
void k8s_watch_get_stats(const struct k8s_watch *w, struct k8s_watch_stats *ret);

#endif
