/* release.h - takes the operator's finalizer off every FlinkJob, so that none is stuck when the
 * operator is uninstalled. */
#ifndef PENSTOCK_OPERATOR_RELEASE_H
#define PENSTOCK_OPERATOR_RELEASE_H

#include "operator/k8s/client.h"

/* Runs the loop until it is done. namespaces: NULL-terminated; empty = all. */
int release_all(struct net_loop *loop, struct k8s_client *client, char *const *namespaces,
                struct err *err) ATTR_MUST_USE;

#endif
