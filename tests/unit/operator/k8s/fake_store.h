/* fake_store.h - the fake API server's objects and their history. One thread. Errors carry what the
 * API answers: NOT_FOUND 404, EXISTS 409 AlreadyExists, UNAVAILABLE 409 Conflict, VALIDATION 422,
 * INVALID 400, PERMISSION 403. */
#ifndef PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_STORE_H
#define PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_STORE_H

#include "base/core/json.h"
#include "base/core/map.h"
#include "operator/k8s/resource.h"

struct fake_object {
    const struct k8s_resource *resource;
    char *key; /* "plural.group/ns/name" */
    char *ns, *name;
    cJSON *json;
    cJSON *owners; /* of fields: fake_merge.h */
};

struct fake_event {
    uint64_t version;
    const struct k8s_resource *resource;
    const char *type; /* "ADDED", "MODIFIED", "DELETED" */
    cJSON *json, *before;
};

struct fake_store {
    struct map objects; /* key -> fake_object */
    uint64_t version;
    uint64_t compacted; /* events up to here are forgotten */
    struct fake_event *events;
    size_t n_events, cap_events, history;
    int64_t skew_ms;
    uint64_t uids;
    bool delete_pods_at_once;
    void (*on_event)(void *self);
    void *self;
};

void fake_store_init(struct fake_store *s, size_t history, void (*on_event)(void *self),
                     void *self);
void fake_store_release(struct fake_store *s);
struct fake_object *fake_store_find(struct fake_store *s, const struct k8s_resource *r,
                                    const char *ns, const char *name);
/* Those of a resource (ns NULL or "": everywhere), sorted by key; the caller frees the list. */
struct fake_object **fake_store_list(struct fake_store *s, const struct k8s_resource *r,
                                     const char *ns, size_t *ret_n);

struct fake_write {
    const struct k8s_resource *resource;
    const char *ns, *name, *sub; /* sub: "", "status" */
    const char *manager;
    bool force, dry_run, as_server; /* as_server: status and the rest in one; no generation rules */
};

/* All: *ret_json is the object as it is then, owned by the caller. body is borrowed. */
int fake_store_create(struct fake_store *s, const struct fake_write *w, const cJSON *body,
                      cJSON **ret_json, struct err *err) ATTR_MUST_USE;
int fake_store_update(struct fake_store *s, const struct fake_write *w, const cJSON *body,
                      cJSON **ret_json, struct err *err) ATTR_MUST_USE;
/* kind: "merge", "json", "apply" */
int fake_store_patch(struct fake_store *s, const struct fake_write *w, const char *kind,
                     const cJSON *body, cJSON **ret_json, struct err *err) ATTR_MUST_USE;
/* options: DeleteOptions or NULL. *ret_json: the object, with a deletionTimestamp if it stays. */
int fake_store_delete(struct fake_store *s, const struct fake_write *w, const cJSON *options,
                      cJSON **ret_json, struct err *err) ATTR_MUST_USE;
/* A pod's processes have ended: if it is being deleted, it goes. */
void fake_store_finish_pod(struct fake_store *s, const char *ns, const char *name);
void fake_store_compact(struct fake_store *s);

/* Do the selectors (NULL or "" = all) let it through? */
bool fake_store_selects(const cJSON *json, const char *labels, const char *fields);

#endif
