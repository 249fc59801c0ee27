/* fake_merge.h - how the fake API server changes objects: merge patches, JSON patches, server-side
 * apply. Pure, over cJSON. */
#ifndef PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_MERGE_H
#define PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_MERGE_H

#include "base/core/json.h"

/* RFC 7386; patch is an object. */
void fake_merge_patch(cJSON *target, const cJSON *patch);
/* RFC 6902 without move and copy. ERR_INVALID; ERR_EXISTS: a test failed. */
int fake_json_patch(cJSON *target, const cJSON *patch, struct err *err) ATTR_MUST_USE;

/* Who owns which fields: {manager: {path: true}}, paths of leaves as
 * ".spec.containers[name=a].image". Lists of objects are maps by the key that Kubernetes has for a
 * list of that name; others are one leaf. metadata's name, namespace and what the server sets have
 * no owner. */
/* Merges what `manager` applies into live. ERR_UNAVAILABLE without force if another owns a field
 * with another value; live is then as before. */
int fake_apply(cJSON *live, cJSON *owners, const char *manager, const cJSON *applied, bool force,
               struct err *err) ATTR_MUST_USE;
/* A write that isn't apply: what changed belongs to manager from here on. */
void fake_own_changes(cJSON *owners, const char *manager, const cJSON *before, const cJSON *after);

#endif
