/* prune.h - private to operator/k8s: what of an object is kept. Pure. */
#ifndef PENSTOCK_OPERATOR_K8S_PRUNE_H
#define PENSTOCK_OPERATOR_K8S_PRUNE_H

#include "base/core/json.h"

/* Removes managedFields and kubectl's last-applied annotation; with `keep` (NULL-terminated, see
 * cache.h) also all that isn't named there. */
void k8s_prune(cJSON *object, const char *const *keep);

#endif
