/* events.h - Events about objects, as `kubectl describe` and `kubectl get events` show them.
 *
 * Posting never fails and never waits: Events are news, not state. Repeats (same object, type,
 * reason and message) raise the count of the one that is there, at most once a second each; an
 * object that is too loud (more than a burst of 25, then one in 30 s) loses further ones; so does a
 * queue of K8S_EVENTS_PENDING_MAX. What was lost is counted. */
#ifndef PENSTOCK_OPERATOR_K8S_EVENTS_H
#define PENSTOCK_OPERATOR_K8S_EVENTS_H

#include "operator/k8s/client.h"

struct k8s_events;

enum {
    K8S_EVENTS_PENDING_MAX = 512,
    K8S_EVENTS_KNOWN_MAX = 4096,   /* whose repeats are recognised; the oldest are forgotten */
    K8S_EVENTS_REPEAT_MS = 600000, /* a repeat after longer than this is a new Event */
    K8S_EVENTS_BURST = 25,
    K8S_EVENTS_REFILL_MS = 30000,
    K8S_EVENT_MESSAGE_MAX_BYTES = 1000 /* longer ones are cut on a whole character */
};

struct k8s_events_options {
    struct k8s_client *client;
    const char *component; /* reportingComponent: "penstock-operator" */
    const char *instance;  /* reportingInstance: the pod's name */
};

struct k8s_events *k8s_events_new(const struct k8s_events_options *o);
/* What waits is dropped. NULL is fine. */
void k8s_events_free(struct k8s_events *e);

/* What an Event is about. Cluster-scoped objects' Events go to the namespace "default". */
struct k8s_about {
    const struct k8s_resource *resource;
    const char *ns, *name, *uid;
    const char *resource_version; /* may be NULL */
};

/* reason: "CheckpointFailed", CamelCase; action: what was being done, NULL = reason. Copied. */
void k8s_events_post(struct k8s_events *e, const struct k8s_about *about, bool warning,
                     const char *reason, const char *action, const char *message);

struct k8s_events_stats {
    uint64_t posted, written, repeated, dropped; /* dropped: too loud, queue full, or refused */
    size_t pending;
};
void k8s_events_get_stats(const struct k8s_events *e, struct k8s_events_stats *ret);

#endif
