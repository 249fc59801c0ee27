/* fake_merge.c - see fake_merge.h. */
#include "tests/unit/operator/k8s/fake_merge.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- patches --------------------------------------------------------------------------------- */

void fake_merge_patch(cJSON *target, const cJSON *patch) {
    const cJSON *p;
    cJSON_ArrayForEach(p, patch) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(target, p->string);
        if (cJSON_IsNull(p)) {
            cJSON_DeleteItemFromObjectCaseSensitive(target, p->string);
        } else if (cJSON_IsObject(p)) {
            if (!cJSON_IsObject(old)) {
                old = cJSON_CreateObject();
                json_set(target, p->string, old);
            }
            fake_merge_patch(old, p);
        } else {
            json_set(target, p->string, cJSON_Duplicate(p, true));
        }
    }
}

static char *pointer_part(const char **p) {
    AUTO_STR s = STR_INIT;
    const char *at = *p + 1;
    for (; *at && *at != '/'; at++) {
        if (*at == '~' && (at[1] == '0' || at[1] == '1')) {
            str_add_char(&s, *++at == '0' ? '~' : '/');
        } else {
            str_add_char(&s, *at);
        }
    }
    *p = at;
    return s.ptr ? str_take(&s) : mem_strdup("");
}

static cJSON *child_of(cJSON *j, const char *part) {
    if (cJSON_IsArray(j)) return cJSON_GetArrayItem(j, atoi(part));
    return cJSON_GetObjectItemCaseSensitive(j, part);
}

static void put_child(cJSON *parent, const char *part, const cJSON *value, bool add) {
    cJSON *copy = cJSON_Duplicate(value, true);
    if (!cJSON_IsArray(parent)) {
        json_set(parent, part, copy);
    } else if (strcmp(part, "-") == 0) {
        cJSON_AddItemToArray(parent, copy);
    } else if (add) {
        cJSON_InsertItemInArray(parent, atoi(part), copy);
    } else {
        cJSON_ReplaceItemInArray(parent, atoi(part), copy);
    }
}

static int patch_one(cJSON *target, const cJSON *step, struct err *err) {
    const char *op = json_opt_str(step, "op", ""), *path = json_opt_str(step, "path", "");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(step, "value");
    const char *p = path;
    cJSON *parent = NULL, *at = target;
    AUTO_FREE char *part = NULL;
    while (*p == '/' && at) {
        free(part);
        part = pointer_part(&p);
        parent = at;
        at = child_of(at, part);
    }
    if (!part || *p || !parent) return err_set(err, ERR_INVALID, "no such path: %s", path);
    if (strcmp(op, "test") == 0) {
        if (cJSON_Compare(at, value, true)) return 0;
        return err_set(err, ERR_EXISTS, "testing value %s failed", path);
    }
    if (strcmp(op, "add") == 0) {
        put_child(parent, part, value, true);
    } else if (!at) {
        return err_set(err, ERR_INVALID, "no such path: %s", path);
    } else if (strcmp(op, "replace") == 0) {
        put_child(parent, part, value, false);
    } else if (strcmp(op, "remove") == 0) {
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, at));
    } else {
        return err_set(err, ERR_INVALID, "op '%s' isn't supported", op);
    }
    return 0;
}

int fake_json_patch(cJSON *target, const cJSON *patch, struct err *err) {
    const cJSON *step;
    int rc = cJSON_IsArray(patch) ? 0 : err_set(err, ERR_INVALID, "a JSON patch is a list");
    cJSON_ArrayForEach(step, patch) {
        if (!rc) rc = patch_one(target, step, err);
    }
    return rc;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* By which member the objects in a list of that name are told apart; NULL: the list is one leaf;
 * "": a set of scalars. */
static const char *list_key(const char *name) {
    static const char *const keys[][2] = {
        {"containers", "name"},
        {"initContainers", "name"},
        {"volumes", "name"},
        {"env", "name"},
        {"volumeMounts", "mountPath"},
        {"conditions", "type"},
        {"ownerReferences", "uid"},
        {"finalizers", ""},
        {"ports", "name"},
        {"imagePullSecrets", "name"},
        {"topologySpreadConstraints", "topologyKey"},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i][0], name) == 0) return keys[i][1];
    }
    return NULL;
}

static bool is_map_list(const cJSON *list, const char *key) {
    const cJSON *e;
    if (!key || !cJSON_IsArray(list)) return false;
    cJSON_ArrayForEach(e, list) {
        if (*key ? !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(e, key)) : !cJSON_IsString(e))
            return false;
    }
    return true;
}

static bool has_no_owner(const char *path) {
    static const char *const paths[] = {
        ".apiVersion",
        ".kind",
        ".metadata.name",
        ".metadata.namespace",
        ".metadata.uid",
        ".metadata.resourceVersion",
        ".metadata.generation",
        ".metadata.creationTimestamp",
        ".metadata.managedFields",
        ".metadata.deletionTimestamp",
        ".metadata.deletionGracePeriodSeconds",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (strcmp(paths[i], path) == 0) return true;
    }
    return false;
}

/* Fills out with {path: value (a copy)} of j's leaves; an empty object is a leaf. */
static void leaves(const cJSON *j, const char *path, cJSON *out);

static void leaf_list(const cJSON *list, const char *path, const char *key, cJSON *out) {
    const cJSON *e;
    cJSON_ArrayForEach(e, list) {
        AUTO_STR p = STR_INIT;
        str_addf(&p, "%s[%s=%s]", path, key, *key ? json_opt_str(e, key, "") : e->valuestring);
        if (*key) {
            leaves(e, str_text(&p), out);
        } else {
            cJSON_AddItemToObject(out, str_text(&p), cJSON_Duplicate(e, true));
        }
    }
}

static void leaves(const cJSON *j, const char *path, cJSON *out) {
    const cJSON *m;
    if (!cJSON_IsObject(j) || !j->child) {
        cJSON_AddItemToObject(out, path, cJSON_Duplicate(j, true));
        return;
    }
    cJSON_ArrayForEach(m, j) {
        AUTO_STR p = STR_INIT;
        str_addf(&p, "%s.%s", path, m->string);
        if (has_no_owner(str_text(&p)) || cJSON_IsNull(m)) continue;
        const char *key = list_key(m->string);
        if (is_map_list(m, key)) {
            leaf_list(m, str_text(&p), key, out);
        } else {
            leaves(m, str_text(&p), out);
        }
    }
}

static cJSON *leaves_of(const cJSON *j) {
    cJSON *out = cJSON_CreateObject();
    leaves(j, "", out);
    return out;
}

static cJSON *owned_by(cJSON *owners, const char *manager) {
    cJSON *o = cJSON_GetObjectItemCaseSensitive(owners, manager);
    return o ? o : cJSON_AddObjectToObject(owners, manager);
}

/* Another manager that owns the path; NULL if none. */
static cJSON *other_owner(const cJSON *owners, const char *manager, const char *path) {
    cJSON *o;
    cJSON_ArrayForEach(o, owners) {
        if (strcmp(o->string, manager) == 0) continue;
        if (cJSON_GetObjectItemCaseSensitive(o, path)) return o;
    }
    return NULL;
}

/* ---- changing by path ------------------------------------------------------------------------ */

static cJSON *list_element(cJSON *list, const char *key, const char *value) {
    cJSON *e;
    cJSON_ArrayForEach(e, list) {
        const char *have = *key ? json_opt_str(e, key, "") : e->valuestring;
        if (strcmp(have, value) == 0) return e;
    }
    return NULL;
}

static void merge(cJSON *live, const cJSON *applied);

static void merge_list(cJSON *live, const cJSON *applied, const char *key) {
    const cJSON *a;
    cJSON_ArrayForEach(a, applied) {
        cJSON *e = list_element(live, key, *key ? json_opt_str(a, key, "") : a->valuestring);
        if (!e) {
            cJSON_AddItemToArray(live, cJSON_Duplicate(a, true));
        } else if (*key) {
            merge(e, a);
        }
    }
}

static void merge(cJSON *live, const cJSON *applied) {
    const cJSON *a;
    cJSON_ArrayForEach(a, applied) {
        cJSON *l = cJSON_GetObjectItemCaseSensitive(live, a->string);
        const char *key = list_key(a->string);
        if (cJSON_IsNull(a)) continue;
        if (cJSON_IsObject(a) && cJSON_IsObject(l)) {
            merge(l, a);
        } else if (is_map_list(a, key) && is_map_list(l, key)) {
            merge_list(l, a, key);
        } else {
            json_set(live, a->string, cJSON_Duplicate(a, true));
        }
    }
}

static void delete_item(cJSON *parent, cJSON *item) {
    cJSON_Delete(cJSON_DetachItemViaPointer(parent, item));
}

static bool empty_element(const cJSON *e, const char *key) {
    return e->child && !e->child->next && strcmp(e->child->string, key) == 0;
}

/* Removes the leaf at path, and containers that become empty by that. */
static void remove_path(cJSON *j, const char *path) {
    if (*path != '.') return;
    size_t n = 0;
    /* A member's name may have dots in it (labels): the longest that is there. */
    cJSON *found = NULL, *m;
    cJSON_ArrayForEach(m, j) {
        size_t len = strlen(m->string);
        if (len > n && strncmp(path + 1, m->string, len) == 0 &&
            (!path[1 + len] || strchr(".[", path[1 + len]))) {
            found = m;
            n = len;
        }
    }
    if (!found) return;
    const char *rest = path + 1 + n;
    if (!*rest) {
        delete_item(j, found);
        return;
    }
    if (*rest == '[') {
        const char *key = list_key(found->string), *end = strstr(rest, "].");
        if (!end) end = rest + strlen(rest) - 1;
        const char *eq = strchr(rest, '=');
        AUTO_FREE char *value = mem_strndup(eq + 1, (size_t)(end - eq - 1));
        cJSON *e = key ? list_element(found, key, value) : NULL;
        if (!e) return;
        if (end[1]) remove_path(e, end + 1);
        if (!end[1] || !e->child || empty_element(e, key)) delete_item(found, e);
    } else {
        remove_path(found, rest);
    }
    if (!found->child) delete_item(j, found);
}

/* ---- apply ----------------------------------------------------------------------------------- */

static int find_conflict(const cJSON *live_leaves, const cJSON *owners, const char *manager,
                         const cJSON *applied_leaves, struct err *err) {
    const cJSON *a;
    cJSON_ArrayForEach(a, applied_leaves) {
        const cJSON *live = cJSON_GetObjectItemCaseSensitive(live_leaves, a->string);
        const cJSON *other = other_owner(owners, manager, a->string);
        if (other && !cJSON_Compare(live, a, true))
            return err_set(err, ERR_UNAVAILABLE,
                           "Apply failed with 1 conflict: conflict with \"%s\" using v1: %s",
                           other->string, a->string);
    }
    return 0;
}

int fake_apply(cJSON *live, cJSON *owners, const char *manager, const cJSON *applied, bool force,
               struct err *err) {
    AUTO_JSON *live_leaves = leaves_of(live);
    AUTO_JSON *applied_leaves = leaves_of(applied);
    int rc = force ? 0 : find_conflict(live_leaves, owners, manager, applied_leaves, err);
    if (rc) return rc;
    merge(live, applied);
    cJSON *mine = owned_by(owners, manager);
    for (cJSON *old = mine->child, *next; old; old = next) {
        next = old->next;
        if (cJSON_GetObjectItemCaseSensitive(applied_leaves, old->string)) continue;
        if (!other_owner(owners, manager, old->string)) remove_path(live, old->string);
        delete_item(mine, old);
    }
    const cJSON *a;
    cJSON_ArrayForEach(a, applied_leaves) {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(live_leaves, a->string);
        cJSON *other;
        while (!cJSON_Compare(was, a, true) && (other = other_owner(owners, manager, a->string)))
            cJSON_DeleteItemFromObjectCaseSensitive(other, a->string);
        json_set(mine, a->string, cJSON_CreateTrue());
    }
    return 0;
}

void fake_own_changes(cJSON *owners, const char *manager, const cJSON *before, const cJSON *after) {
    AUTO_JSON *b = before ? leaves_of(before) : cJSON_CreateObject();
    AUTO_JSON *a = leaves_of(after);
    cJSON *mine = owned_by(owners, manager), *o;
    const cJSON *leaf;
    cJSON_ArrayForEach(leaf, a) {
        if (cJSON_Compare(cJSON_GetObjectItemCaseSensitive(b, leaf->string), leaf, true)) continue;
        while ((o = other_owner(owners, manager, leaf->string)))
            cJSON_DeleteItemFromObjectCaseSensitive(o, leaf->string);
        json_set(mine, leaf->string, cJSON_CreateTrue());
    }
    cJSON_ArrayForEach(leaf, b) {
        if (cJSON_GetObjectItemCaseSensitive(a, leaf->string)) continue;
        cJSON_ArrayForEach(o, owners) {
            cJSON_DeleteItemFromObjectCaseSensitive(o, leaf->string);
        }
    }
}
