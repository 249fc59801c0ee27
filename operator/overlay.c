/* overlay.c - strategic merge, by the keys that the Kubernetes API gives its lists. */
#include "operator/overlay.h"

#include <string.h>

/* Lists that are merged, and the field that tells their items apart. */
static const struct {
    const char *list, *key;
} KEYS[] = {{"containers", "name"},
            {"initContainers", "name"},
            {"ephemeralContainers", "name"},
            {"env", "name"},
            {"volumes", "name"},
            {"volumeMounts", "mountPath"},
            {"volumeDevices", "devicePath"},
            {"ports", "containerPort"},
            {"imagePullSecrets", "name"},
            {"hostAliases", "ip"},
            {"topologySpreadConstraints", "topologyKey"},
            {"resourceClaims", "name"}};

static const char *key_of(const char *list) {
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        if (!strcmp(KEYS[i].list, list)) return KEYS[i].key;
    return NULL;
}

static void merge_list(cJSON *base, const cJSON *patch, const char *key) {
    const cJSON *p;
    cJSON_ArrayForEach(p, patch) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(p, key);
        cJSON *b = NULL, *found = NULL;
        cJSON_ArrayForEach(b, base) {
            const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, key);
            if (id && other && cJSON_Compare(id, other, true)) found = b;
        }
        if (found)
            overlay_merge(found, p);
        else
            cJSON_AddItemToArray(base, cJSON_Duplicate(p, true));
    }
}

void overlay_merge(cJSON *base, const cJSON *patch) {
    const cJSON *p;
    if (!cJSON_IsObject(base) || !cJSON_IsObject(patch)) return;
    cJSON_ArrayForEach(p, patch) {
        cJSON *b = cJSON_GetObjectItemCaseSensitive(base, p->string);
        const char *key = key_of(p->string);
        if (cJSON_IsNull(p))
            cJSON_DeleteItemFromObjectCaseSensitive(base, p->string);
        else if (b && cJSON_IsObject(b) && cJSON_IsObject(p))
            overlay_merge(b, p);
        else if (b && key && cJSON_IsArray(b) && cJSON_IsArray(p))
            merge_list(b, p, key);
        else
            json_set(base, p->string, cJSON_Duplicate(p, true));
    }
}
