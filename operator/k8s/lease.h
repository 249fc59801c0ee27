/* lease.h - leader election among replicas by a coordination.k8s.io Lease.
 *
 * Safe under clock skew: another's claim is judged by how long we, on our monotonic clock, have
 * seen its record unchanged, never by the times written in it. We count our own claim from before
 * the renewal was sent. A leader that can't renew stops leading after renew_deadline_ms, before
 * anybody else may take over (duration_ms). Writes are conditional on resourceVersion. */
#ifndef PENSTOCK_OPERATOR_K8S_LEASE_H
#define PENSTOCK_OPERATOR_K8S_LEASE_H

#include "operator/k8s/client.h"

struct k8s_lease;

enum {
    K8S_LEASE_DURATION_MS = 15000, /* whole seconds: written into the Lease */
    K8S_LEASE_RENEW_DEADLINE_MS = 10000,
    K8S_LEASE_RETRY_MS = 2000 /* renewals, and attempts to get it; jittered */
};

struct k8s_lease_options {
    struct k8s_client *client;
    const char *ns, *name;
    const char *identity;                             /* unique: the pod's name and a random part */
    int64_t duration_ms, renew_deadline_ms, retry_ms; /* 0 = above; duration > deadline > retry */
    void (*on_started)(void *self);
    /* Leadership is over: lost, or given up by k8s_lease_release (err NULL). Stop writing at once;
     * a process usually ends here and starts anew. */
    void (*on_stopped)(void *self, const struct err *err);
    void (*on_leader)(void *self,
                      const char *identity); /* somebody (or we) leads now; may be NULL */
    void *self;
};

/* Begins to seek leadership at once. Options are copied. ERR_INVALID: times that make no sense. */
int k8s_lease_new(const struct k8s_lease_options *o, struct k8s_lease **ret,
                  struct err *err) ATTR_MUST_USE;
/* Judged at the moment of the call: also false when the deadline has passed while the loop was
 * busy. Ask before each write. */
bool k8s_lease_is_leader(const struct k8s_lease *l);
const char *k8s_lease_leader(const struct k8s_lease *l); /* as last seen; "" = nobody */
/* Gives leadership up, so that another can take over at once, and seeks it no more. on_released
 * (may be NULL) when the server has it, or it failed; on_stopped comes before. Also if we don't
 * lead. */
void k8s_lease_release(struct k8s_lease *l, void (*on_released)(void *self));
void k8s_lease_free(struct k8s_lease *l); /* gives nothing up; NULL is fine. Not from callbacks. */

#endif
