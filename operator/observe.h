/* observe.h - a job's pods and specs as the caches have them, and what its coordinators say, as
 * decide.h wants them. */
#ifndef PENSTOCK_OPERATOR_OBSERVE_H
#define PENSTOCK_OPERATOR_OBSERVE_H

#include "operator/engine.h"
#include "operator/k8s/cache.h"

/* What the operator's caches keep of a pod. */
extern const char *const observe_pod_fields[];

struct observe_sources {
    const struct k8s_cache *pods, *specs;
    struct engines *engines;
    const struct job_keys *keys; /* token NULL: not known yet, coordinators aren't asked */
};

/* Lives in the arena, but for what coordinators said (engine.h). Coordinators that are new are
 * followed, those that are gone forgotten. */
void observe(struct arena *a, const char *key, const struct job *job,
             const struct observe_sources *s, struct observed *ret);
/* Pods alone; exposed for tests. pods: JSON objects. */
void observe_pods(struct arena *a, const cJSON *const *pods, int n, struct observed *ret);

#endif
