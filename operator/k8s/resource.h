/* resource.h - the kinds of objects that the operator deals with, and their places in the API.
 * Constant tables; any thread.
 *
 *     K8S_PODS, K8S_FLINKJOBS ... are `const struct k8s_resource *`; resource_list.def has them
 * all.
 */
#ifndef PENSTOCK_OPERATOR_K8S_RESOURCE_H
#define PENSTOCK_OPERATOR_K8S_RESOURCE_H

#include "base/core/str.h"

#include <stdbool.h>

struct k8s_resource {
    const char *group;   /* "" for the core group */
    const char *version; /* "v1" */
    const char *plural;  /* "pods": what stands in paths */
    const char *kind;    /* "Pod" */
    bool namespaced;
};

#define K8S_RESOURCE(id, group, version, plural, kind, namespaced)                                 \
    extern const struct k8s_resource *const K8S_##id;
#include "operator/k8s/resource_list.def"
#undef K8S_RESOURCE

/* NULL if the table has no such kind. group may be NULL: any. */
const struct k8s_resource *k8s_resource_of_kind(const char *group, const char *kind);
/* "v1" or "policy/v1": an object's apiVersion. Appended to out. */
void k8s_api_version(const struct k8s_resource *r, struct str *out);
/* "/apis/penstock.dev/v1/namespaces/NS/flinkjobs/NAME/SUB", percent-encoded; ns, name and sub may
 * be NULL or "". ns "" of a namespaced resource: of all namespaces. */
void k8s_resource_path(const struct k8s_resource *r, const char *ns, const char *name,
                       const char *sub, struct str *out);

#endif
