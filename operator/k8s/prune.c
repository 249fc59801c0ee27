/* prune.c - see prune.h. */
#include "operator/k8s/prune.h"

#include "base/core/mem.h"

#include <string.h>

enum { PATHS_MAX = 64 };

static const char LAST_APPLIED[] = "kubectl.kubernetes.io/last-applied-configuration";

static bool is_container(const cJSON *j) {
    return cJSON_IsObject(j) || cJSON_IsArray(j);
}

/* paths: the rests of those that lead here. */
static void prune_members(cJSON *node, const char *const *paths, size_t n_paths) {
    cJSON *next;
    for (cJSON *m = node->child; m; m = next) {
        next = m->next;
        if (!m->string) { /* of an array */
            if (is_container(m)) prune_members(m, paths, n_paths);
            continue;
        }
        const char *rest[PATHS_MAX];
        size_t n_rest = 0, len = strlen(m->string);
        bool whole = false;
        for (size_t i = 0; i < n_paths && !whole; i++) {
            if (strncmp(paths[i], m->string, len) != 0) continue;
            if (!paths[i][len]) {
                whole = true;
            } else if (paths[i][len] == '.') {
                rest[n_rest++] = paths[i] + len + 1;
            }
        }
        if (whole) continue;
        if (n_rest && is_container(m)) {
            prune_members(m, rest, n_rest);
        } else {
            cJSON_Delete(cJSON_DetachItemViaPointer(node, m));
        }
    }
}

void k8s_prune(cJSON *object, const char *const *keep) {
    static const char *const always[] = {
        "apiVersion",
        "kind",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.labels",
        "metadata.annotations",
        "metadata.ownerReferences",
        "metadata.finalizers",
        "metadata.creationTimestamp",
        "metadata.deletionTimestamp",
    };
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(object, "metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(meta, "managedFields");
    cJSON *annotations = cJSON_GetObjectItemCaseSensitive(meta, "annotations");
    cJSON_DeleteItemFromObjectCaseSensitive(annotations, LAST_APPLIED);
    if (annotations && !annotations->child)
        cJSON_DeleteItemFromObjectCaseSensitive(meta, "annotations");
    if (!keep) return;
    const char *paths[PATHS_MAX];
    size_t n = 0;
    for (; n < ARRAY_LEN(always); n++)
        paths[n] = always[n];
    for (size_t i = 0; keep[i]; i++) {
        CHECKF(n < PATHS_MAX, "more than %zu fields to keep", PATHS_MAX - ARRAY_LEN(always));
        paths[n++] = keep[i];
    }
    prune_members(object, paths, n);
}
