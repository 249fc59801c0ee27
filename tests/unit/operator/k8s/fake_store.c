/* fake_store.c - see fake_store.h. */
#include "tests/unit/operator/k8s/fake_store.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/operator/k8s/fake_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FOREGROUND[] = "foregroundDeletion";

static void collect(struct fake_store *s, const char *uid);

void fake_store_init(struct fake_store *s, size_t history, void (*on_event)(void *self),
                     void *self) {
    *s = (struct fake_store){
        .version = 1000, .history = history, .on_event = on_event, .self = self};
    map_init(&s->objects);
}

static void object_free(void *p) {
    struct fake_object *o = p;
    free(o->key);
    free(o->ns);
    free(o->name);
    cJSON_Delete(o->json);
    cJSON_Delete(o->owners);
    free(o);
}

static void drop_events(struct fake_store *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        s->compacted = s->events[i].version;
        cJSON_Delete(s->events[i].json);
        cJSON_Delete(s->events[i].before);
    }
    s->n_events -= n;
    if (s->n_events) memmove(s->events, s->events + n, s->n_events * sizeof *s->events);
}

void fake_store_release(struct fake_store *s) {
    drop_events(s, s->n_events);
    free(s->events);
    map_release(&s->objects, object_free);
}

void fake_store_compact(struct fake_store *s) {
    drop_events(s, s->n_events);
    s->compacted = s->version;
}

static void add_event(struct fake_store *s, const struct fake_object *o, const char *type,
                      const cJSON *before) {
    if (s->n_events >= s->history + s->history / 4 + 1) drop_events(s, s->n_events - s->history);
    MEM_GROW(s->events, s->n_events, s->cap_events);
    s->events[s->n_events++] =
        (struct fake_event){s->version, o->resource, type, cJSON_Duplicate(o->json, true),
                            before ? cJSON_Duplicate(before, true) : NULL};
    s->on_event(s->self);
}

/* ---- finding --------------------------------------------------------------------------------- */

static char *key_of(const struct k8s_resource *r, const char *ns, const char *name) {
    AUTO_STR key = STR_INIT;
    str_addf(&key, "%s.%s/%s/%s", r->plural, r->group, r->namespaced && ns ? ns : "", name);
    return str_take(&key);
}

struct fake_object *fake_store_find(struct fake_store *s, const struct k8s_resource *r,
                                    const char *ns, const char *name) {
    AUTO_FREE char *key = key_of(r, ns, name);
    return map_get(&s->objects, key);
}

static int by_key(const void *a, const void *b) {
    return strcmp((*(struct fake_object *const *)a)->key, (*(struct fake_object *const *)b)->key);
}

struct fake_object **fake_store_list(struct fake_store *s, const struct k8s_resource *r,
                                     const char *ns, size_t *ret_n) {
    struct fake_object **list = mem_calloc(map_size(&s->objects) + 1, sizeof(struct fake_object *));
    struct map_entry m;
    size_t n = 0;
    for (size_t i = 0; map_next(&s->objects, &i, &m);) {
        struct fake_object *o = m.value;
        if (o->resource == r && (!ns || !*ns || strcmp(ns, o->ns) == 0)) list[n++] = o;
    }
    qsort(list, n, sizeof(struct fake_object *), by_key);
    *ret_n = n;
    return list;
}

static int not_found(const struct fake_write *w, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", w->resource->plural, w->name);
}

/* ---- selectors ------------------------------------------------------------------------------- */

static const char *field_of(const cJSON *json, const char *path) {
    const cJSON *at = json;
    while (*path && at) {
        AUTO_FREE char *part = mem_strndup(path, strcspn(path, "."));
        path += strlen(part) + (path[strlen(part)] == '.');
        at = json_opt(at, part);
    }
    return cJSON_IsString(at) ? at->valuestring : "";
}

/* "a=b", "a==b", "a!=b"; for labels also "a", "!a". */
static bool term_holds(const cJSON *json, const char *term, bool label) {
    bool negated = *term == '!';
    const char *eq = strchr(term, '=');
    if (!eq) return !k8s_meta_label(json, term + negated) == negated;
    bool differs = eq > term && eq[-1] == '!';
    AUTO_FREE char *name = mem_strndup(term, (size_t)(eq - term - differs));
    const char *want = eq + 1 + (eq[1] == '=');
    const char *have = label ? k8s_meta_label(json, name) : field_of(json, name);
    return (have && strcmp(have, want) == 0) != differs;
}

static bool all_hold(const cJSON *json, const char *selector, bool label) {
    while (selector && *selector) {
        size_t n = strcspn(selector, ",");
        AUTO_FREE char *term = mem_strndup(selector, n);
        if (!term_holds(json, term, label)) return false;
        selector += n + (selector[n] == ',');
    }
    return true;
}

bool fake_store_selects(const cJSON *json, const char *labels, const char *fields) {
    return all_hold(json, labels, true) && all_hold(json, fields, false);
}

/* ---- what the server does to objects --------------------------------------------------------- */

static cJSON *meta_of(cJSON *json) {
    cJSON *m = cJSON_GetObjectItemCaseSensitive(json, "metadata");
    if (cJSON_IsObject(m)) return m;
    m = cJSON_CreateObject();
    json_set(json, "metadata", m);
    return m;
}

static bool has_status(const struct k8s_resource *r) {
    static const struct k8s_resource *const *const without[] = {
        &K8S_CONFIGMAPS,   &K8S_SECRETS,         &K8S_LEASES,
        &K8S_EVENTS,       &K8S_SERVICEACCOUNTS, &K8S_ROLES,
        &K8S_ROLEBINDINGS, &K8S_PRIORITYCLASSES, &K8S_LIMITRANGES};
    for (size_t i = 0; i < ARRAY_LEN(without); i++) {
        if (*without[i] == r) return false;
    }
    return true;
}

static void set_time(const struct fake_store *s, cJSON *meta, const char *field, int64_t plus_ms) {
    AUTO_STR text = STR_INIT;
    k8s_time_text(clock_wall_ms() + s->skew_ms + plus_ms, &text);
    json_set_str(meta, field, str_text(&text));
}

static void copy_field(cJSON *to, const cJSON *from, const char *field) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, field);
    cJSON_DeleteItemFromObjectCaseSensitive(to, field);
    if (v) cJSON_AddItemToObject(to, field, cJSON_Duplicate(v, true));
}

static void base64(struct str *out, const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned char)text[i] << 16;
        if (i + 1 < n) v |= (unsigned)(unsigned char)text[i + 1] << 8;
        if (i + 2 < n) v |= (unsigned char)text[i + 2];
        str_add_char(out, digits[v >> 18]);
        str_add_char(out, digits[v >> 12 & 63]);
        str_add_char(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
        str_add_char(out, i + 2 < n ? digits[v & 63] : '=');
    }
}

/* Defaults, and what is written in one form and kept in another. */
static void normalise(const struct k8s_resource *r, cJSON *json, bool is_new) {
    const cJSON *plain = json_opt(json, "stringData"), *e;
    if (r == K8S_SECRETS && plain) {
        cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
        if (!data) data = cJSON_AddObjectToObject(json, "data");
        cJSON_ArrayForEach(e, plain) {
            AUTO_STR text = STR_INIT;
            base64(&text, e->valuestring);
            json_set_str(data, e->string, str_text(&text));
        }
        cJSON_DeleteItemFromObjectCaseSensitive(json, "stringData");
    }
    if (r == K8S_PODS && is_new && !json_opt(json, "status"))
        json_set_str(cJSON_AddObjectToObject(json, "status"), "phase", "Pending");
}

/* fieldsV1 in a flat form: readers only have to live with it being there. */
static void write_managed_fields(struct fake_object *o) {
    cJSON *list = cJSON_CreateArray(), *m;
    cJSON_ArrayForEach(m, o->owners) {
        if (!m->child) continue;
        cJSON *entry = cJSON_CreateObject();
        json_set_str(entry, "manager", m->string);
        json_set_str(entry, "operation", "Apply");
        json_set_str(entry, "fieldsType", "FieldsV1");
        json_set(entry, "fieldsV1", cJSON_Duplicate(m, true));
        cJSON_AddItemToArray(list, entry);
    }
    json_set(meta_of(o->json), "managedFields", list);
}

static bool differs_but_for(const cJSON *a, const cJSON *b, const char *const *except) {
    AUTO_JSON *x = cJSON_Duplicate(a, true);
    AUTO_JSON *y = cJSON_Duplicate(b, true);
    for (; *except; except++) {
        cJSON_DeleteItemFromObjectCaseSensitive(x, *except);
        cJSON_DeleteItemFromObjectCaseSensitive(y, *except);
    }
    return !cJSON_Compare(x, y, true);
}

static bool is_same(const cJSON *a, const cJSON *b) {
    static const char *const none[] = {NULL};
    AUTO_JSON *x = cJSON_Duplicate(a, true);
    AUTO_JSON *y = cJSON_Duplicate(b, true);
    cJSON_DeleteItemFromObjectCaseSensitive(meta_of(x), "managedFields");
    cJSON_DeleteItemFromObjectCaseSensitive(meta_of(y), "managedFields");
    return !differs_but_for(x, y, none);
}

static void bump(struct fake_store *s, struct fake_object *o) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)++s->version);
    json_set_str(meta_of(o->json), "resourceVersion", text);
    write_managed_fields(o);
}

static void remove_object(struct fake_store *s, struct fake_object *o) {
    AUTO_JSON *before = cJSON_Duplicate(o->json, true);
    AUTO_FREE char *uid = mem_strdup(k8s_meta_uid(o->json));
    bump(s, o);
    add_event(s, o, "DELETED", before);
    map_remove(&s->objects, o->key);
    object_free(o);
    collect(s, uid);
}

/* Nothing holds it any more: no finalizer, and no pod that still runs. */
static bool may_go(const struct fake_object *o) {
    const cJSON *meta = json_opt(o->json, "metadata");
    return json_opt(meta, "deletionTimestamp") &&
           !cJSON_GetArraySize(json_opt(meta, "finalizers")) &&
           json_opt_i64(meta, "deletionGracePeriodSeconds", 0) == 0;
}

/* o->json has been changed from `before` (owned here). */
static void changed(struct fake_store *s, struct fake_object *o, cJSON *before) {
    if (!is_same(before, o->json)) {
        bump(s, o);
        add_event(s, o, "MODIFIED", before);
        if (may_go(o)) {
            cJSON_Delete(before);
            remove_object(s, o);
            return;
        }
    }
    cJSON_Delete(before);
}

/* ---- create ---------------------------------------------------------------------------------- */

static struct fake_object *make_object(struct fake_store *s, const struct fake_write *w,
                                       const char *name) {
    struct fake_object *o = mem_zalloc(sizeof *o);
    o->resource = w->resource;
    o->ns = mem_strdup(w->resource->namespaced && w->ns ? w->ns : "");
    o->name = mem_strdup(name);
    o->key = key_of(w->resource, o->ns, name);
    o->owners = cJSON_CreateObject();
    return o;
}

static void set_identity(struct fake_store *s, struct fake_object *o) {
    AUTO_STR version = STR_INIT;
    char uid[40];
    cJSON *meta = meta_of(o->json);
    k8s_api_version(o->resource, &version);
    json_set_str(o->json, "apiVersion", str_text(&version));
    json_set_str(o->json, "kind", o->resource->kind);
    snprintf(uid, sizeof uid, "00000000-0000-4000-8000-%012llx", (unsigned long long)++s->uids);
    json_set_str(meta, "name", o->name);
    if (*o->ns) json_set_str(meta, "namespace", o->ns);
    json_set_str(meta, "uid", uid);
    json_set_i64(meta, "generation", 1);
    set_time(s, meta, "creationTimestamp", 0);
    cJSON_DeleteItemFromObjectCaseSensitive(meta, "deletionTimestamp");
}

static void finish_write(struct fake_store *s, const struct fake_write *w, struct fake_object *o,
                         cJSON *before, cJSON **ret_json) {
    if (w->dry_run) {
        *ret_json = o->json;
        o->json = before;
        return;
    }
    AUTO_FREE char *key = mem_strdup(o->key);
    cJSON *now = cJSON_Duplicate(o->json, true);
    changed(s, o, before);
    o = map_get(&s->objects, key);
    if (o) {
        cJSON_Delete(now);
        now = cJSON_Duplicate(o->json, true);
    }
    *ret_json = now;
}

static void insert(struct fake_store *s, const struct fake_write *w, struct fake_object *o,
                   cJSON **ret_json) {
    set_identity(s, o);
    normalise(o->resource, o->json, true);
    if (w->dry_run) {
        *ret_json = cJSON_Duplicate(o->json, true);
        object_free(o);
        return;
    }
    bump(s, o);
    map_put(&s->objects, o->key, o);
    add_event(s, o, "ADDED", NULL);
    *ret_json = cJSON_Duplicate(o->json, true);
}

int fake_store_create(struct fake_store *s, const struct fake_write *w, const cJSON *body,
                      cJSON **ret_json, struct err *err) {
    char generated[300];
    const char *name = k8s_meta_name(body);
    const char *prefix = json_opt_str(json_opt(body, "metadata"), "generateName", "");
    if (!*name && *prefix) {
        snprintf(generated, sizeof generated, "%s%05llx", prefix, (unsigned long long)s->uids + 1);
        name = generated;
    }
    if (!*name) return err_set(err, ERR_VALIDATION, "metadata.name: Required value");
    const char *kind = json_opt_str(body, "kind", w->resource->kind);
    if (strcmp(kind, w->resource->kind) != 0)
        return err_set(err, ERR_INVALID, "kind %s doesn't belong to %s", kind, w->resource->plural);
    if (*k8s_meta_resource_version(body) && !w->as_server)
        return err_set(err, ERR_INVALID,
                       "resourceVersion should not be set on objects to be created");
    if (fake_store_find(s, w->resource, w->ns, name))
        return err_set(err, ERR_EXISTS, "%s \"%s\" already exists", w->resource->plural, name);
    struct fake_object *o = make_object(s, w, name);
    o->json = cJSON_Duplicate(body, true);
    if (has_status(w->resource) && !w->as_server)
        cJSON_DeleteItemFromObjectCaseSensitive(o->json, "status");
    fake_own_changes(o->owners, w->manager, NULL, o->json);
    insert(s, w, o, ret_json);
    return 0;
}

/* ---- change ---------------------------------------------------------------------------------- */

/* Of `now`, which a client has made from `before`, only what it may change stands. */
static void keep_rules(const struct fake_write *w, const cJSON *before, cJSON *now) {
    static const char *const not_spec[] = {"metadata", "status", "apiVersion", "kind", NULL};
    static const char *const fixed[] = {
        "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "generation", "resourceVersion",   "managedFields",     "name",
        "namespace"};
    const cJSON *old_meta = json_opt(before, "metadata");
    if (strcmp(w->sub, "status") == 0) {
        AUTO_JSON *status = cJSON_Duplicate(json_opt(now, "status"), true);
        cJSON *m;
        while ((m = now->child))
            cJSON_Delete(cJSON_DetachItemViaPointer(now, m));
        cJSON_ArrayForEach(m, before) {
            if (strcmp(m->string, "status") != 0)
                cJSON_AddItemToObject(now, m->string, cJSON_Duplicate(m, true));
        }
        if (status) json_set(now, "status", cJSON_Duplicate(status, true));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        copy_field(meta_of(now), old_meta, fixed[i]);
    if (has_status(w->resource) && !w->as_server) copy_field(now, before, "status");
    copy_field(now, before, "apiVersion");
    copy_field(now, before, "kind");
    if (differs_but_for(before, now, not_spec))
        json_set_i64(meta_of(now), "generation", json_opt_i64(old_meta, "generation", 1) + 1);
}

/* Finalizers can only be taken away once it is being deleted. */
static int check_finalizers(const cJSON *before, const cJSON *now, struct err *err) {
    const cJSON *f;
    if (!k8s_meta_deleting(before)) return 0;
    cJSON_ArrayForEach(f, json_opt(json_opt(now, "metadata"), "finalizers")) {
        if (!k8s_has_finalizer(before, f->valuestring))
            return err_set(err, ERR_VALIDATION,
                           "metadata.finalizers: Forbidden: no new finalizers can be added if the "
                           "object is being deleted");
    }
    return 0;
}

static int check_version(const struct fake_object *o, const cJSON *body, struct err *err) {
    const char *version = k8s_meta_resource_version(body), *uid = k8s_meta_uid(body);
    if (*version && strcmp(version, k8s_meta_resource_version(o->json)) != 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "Operation cannot be fulfilled on %s \"%s\": the object has been modified; "
                       "please apply your changes to the latest version and try again",
                       o->resource->plural, o->name);
    if (*uid && strcmp(uid, k8s_meta_uid(o->json)) != 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "Precondition failed: UID in precondition: %s, UID in "
                       "object meta: %s",
                       uid, k8s_meta_uid(o->json));
    return 0;
}

/* o->json becomes `now` (taken). */
static int replace(struct fake_store *s, const struct fake_write *w, struct fake_object *o,
                   cJSON *now, bool own, cJSON **ret_json, struct err *err) {
    normalise(o->resource, now, false);
    keep_rules(w, o->json, now);
    int rc = check_finalizers(o->json, now, err);
    if (rc) {
        cJSON_Delete(now);
        return rc;
    }
    cJSON *before = o->json;
    o->json = now;
    if (own && !w->dry_run) fake_own_changes(o->owners, w->manager, before, now);
    finish_write(s, w, o, before, ret_json);
    return 0;
}

int fake_store_update(struct fake_store *s, const struct fake_write *w, const cJSON *body,
                      cJSON **ret_json, struct err *err) {
    struct fake_object *o = fake_store_find(s, w->resource, w->ns, w->name);
    if (!o) return not_found(w, err);
    int rc = check_version(o, body, err);
    return rc ? rc : replace(s, w, o, cJSON_Duplicate(body, true), true, ret_json, err);
}

static int apply(struct fake_store *s, const struct fake_write *w, const cJSON *body,
                 cJSON **ret_json, struct err *err) {
    struct fake_object *o = fake_store_find(s, w->resource, w->ns, w->name);
    if (strcmp(k8s_meta_name(body), w->name) != 0 && *k8s_meta_name(body))
        return err_set(err, ERR_INVALID, "the name of the object doesn't match the URL's");
    if (!json_opt(body, "kind") || !json_opt(body, "apiVersion"))
        return err_set(err, ERR_INVALID, "apply needs apiVersion and kind");
    if (!o && strcmp(w->sub, "status") == 0) return not_found(w, err);
    int rc = o ? check_version(o, body, err) : 0;
    if (rc) return rc;
    AUTO_JSON *applied = cJSON_Duplicate(body, true);
    normalise(w->resource, applied, false);
    bool status = strcmp(w->sub, "status") == 0;
    if (!status && has_status(w->resource))
        cJSON_DeleteItemFromObjectCaseSensitive(applied, "status");
    AUTO_STR manager = STR_INIT; /* of a subresource: another set of fields */
    str_addf(&manager, "%s%s", w->manager, status ? "/status" : "");
    if (!o) {
        o = make_object(s, w, w->name);
        o->json = cJSON_CreateObject();
        rc = fake_apply(o->json, o->owners, str_text(&manager), applied, w->force, err);
        if (rc) {
            object_free(o);
            return rc;
        }
        insert(s, w, o, ret_json);
        return 0;
    }
    cJSON *now = cJSON_Duplicate(o->json, true);
    AUTO_JSON *owners = cJSON_Duplicate(o->owners, true);
    rc = fake_apply(now, owners, str_text(&manager), applied, w->force, err);
    if (rc) {
        cJSON_Delete(now);
        return rc;
    }
    if (!w->dry_run) {
        cJSON_Delete(o->owners);
        o->owners = owners;
        owners = NULL;
    }
    return replace(s, w, o, now, false, ret_json, err);
}

int fake_store_patch(struct fake_store *s, const struct fake_write *w, const char *kind,
                     const cJSON *body, cJSON **ret_json, struct err *err) {
    if (strcmp(kind, "apply") == 0) return apply(s, w, body, ret_json, err);
    struct fake_object *o = fake_store_find(s, w->resource, w->ns, w->name);
    if (!o) return not_found(w, err);
    int rc = strcmp(kind, "merge") == 0 ? check_version(o, body, err) : 0;
    if (rc) return rc;
    cJSON *now = cJSON_Duplicate(o->json, true);
    if (strcmp(kind, "merge") == 0) {
        fake_merge_patch(now, body);
    } else {
        rc = fake_json_patch(now, body, err);
    }
    if (rc) {
        cJSON_Delete(now);
        return rc == ERR_EXISTS ? err_set(err, ERR_VALIDATION, "the patch's test failed") : rc;
    }
    return replace(s, w, o, now, true, ret_json, err);
}

/* ---- delete ---------------------------------------------------------------------------------- */

static int64_t grace_of(const struct fake_store *s, const struct fake_object *o,
                        const cJSON *options) {
    if (o->resource != K8S_PODS || s->delete_pods_at_once) return 0;
    const cJSON *spec = json_opt(o->json, "spec");
    if (!*json_opt_str(spec, "nodeName", "")) return 0; /* no kubelet has it yet */
    return json_opt_i64(options, "gracePeriodSeconds",
                        json_opt_i64(spec, "terminationGracePeriodSeconds", 30));
}

static void add_finalizer(cJSON *json, const char *finalizer) {
    cJSON *meta = meta_of(json), *list = cJSON_GetObjectItemCaseSensitive(meta, "finalizers");
    if (!list) list = cJSON_AddArrayToObject(meta, "finalizers");
    if (!k8s_has_finalizer(json, finalizer))
        cJSON_AddItemToArray(list, cJSON_CreateString(finalizer));
}

static void drop_finalizer(cJSON *json, const char *finalizer) {
    AUTO_JSON *patch = k8s_finalizer_patch(json, finalizer, false);
    if (patch) copy_field(meta_of(json), json_opt(patch, "metadata"), "finalizers");
}

/* Dependents of an owner: deleted, or without that owner. */
static struct fake_object **dependents(struct fake_store *s, const char *uid, size_t *ret_n) {
    struct fake_object **list = mem_calloc(map_size(&s->objects) + 1, sizeof(struct fake_object *));
    struct map_entry m;
    size_t n = 0;
    for (size_t i = 0; map_next(&s->objects, &i, &m);) {
        struct fake_object *o = m.value;
        if (k8s_is_owned_by(o->json, uid)) list[n++] = o;
    }
    *ret_n = n;
    return list;
}

static void drop_owner(struct fake_store *s, struct fake_object *o, const char *uid) {
    cJSON *before = cJSON_Duplicate(o->json, true);
    cJSON *refs = cJSON_GetObjectItemCaseSensitive(meta_of(o->json), "ownerReferences"), *r;
    for (r = refs->child; r;) {
        cJSON *next = r->next;
        if (strcmp(json_opt_str(r, "uid", ""), uid) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(refs, r));
        r = next;
    }
    changed(s, o, before);
}

static void delete_object(struct fake_store *s, struct fake_object *o, const cJSON *options);

/* The collector: what the owner of this uid leaves behind. */
static void collect(struct fake_store *s, const char *uid) {
    size_t n;
    struct fake_object **list = dependents(s, uid, &n);
    for (size_t i = 0; i < n; i++)
        list[i] = (void *)mem_strdup(list[i]->key);
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *key = (char *)list[i];
        struct fake_object *o = map_get(&s->objects, key);
        if (!o) continue;
        if (cJSON_GetArraySize(json_opt(json_opt(o->json, "metadata"), "ownerReferences")) > 1) {
            drop_owner(s, o, uid);
        } else {
            delete_object(s, o, NULL);
        }
    }
    free(list);
    /* Owners that wait for their dependents. */
    struct map_entry m;
    for (size_t i = 0; map_next(&s->objects, &i, &m);) {
        struct fake_object *o = m.value;
        if (!k8s_meta_deleting(o->json) || !k8s_has_finalizer(o->json, FOREGROUND)) continue;
        struct fake_object **left = dependents(s, k8s_meta_uid(o->json), &n);
        free(left);
        if (n) continue;
        cJSON *before = cJSON_Duplicate(o->json, true);
        drop_finalizer(o->json, FOREGROUND);
        changed(s, o, before);
        i = 0;
    }
}

static void delete_object(struct fake_store *s, struct fake_object *o, const cJSON *options) {
    const char *policy = json_opt_str(options, "propagationPolicy", "Background");
    int64_t grace_s = grace_of(s, o, options);
    AUTO_FREE char *uid = mem_strdup(k8s_meta_uid(o->json));
    cJSON *before = cJSON_Duplicate(o->json, true), *meta = meta_of(o->json);
    size_t n;
    struct fake_object **list = dependents(s, uid, &n);
    if (strcmp(policy, "Orphan") == 0) {
        for (size_t i = 0; i < n; i++)
            drop_owner(s, list[i], uid);
    }
    free(list);
    bool foreground = strcmp(policy, "Foreground") == 0 && n > 0;
    if (foreground) add_finalizer(o->json, FOREGROUND);
    if (!json_opt(meta, "deletionTimestamp")) {
        set_time(s, meta, "deletionTimestamp", grace_s * 1000);
        json_set_i64(meta, "deletionGracePeriodSeconds", grace_s);
        json_set_i64(meta, "generation", json_opt_i64(meta, "generation", 1) + 1);
    } else if (options && grace_s < json_opt_i64(meta, "deletionGracePeriodSeconds", 0)) {
        json_set_i64(meta, "deletionGracePeriodSeconds", grace_s);
    }
    if (may_go(o)) {
        cJSON_Delete(before);
        remove_object(s, o);
        return;
    }
    changed(s, o, before);
    if (foreground) collect(s, uid);
}

int fake_store_delete(struct fake_store *s, const struct fake_write *w, const cJSON *options,
                      cJSON **ret_json, struct err *err) {
    struct fake_object *o = fake_store_find(s, w->resource, w->ns, w->name);
    if (!o) return not_found(w, err);
    const cJSON *p = json_opt(options, "preconditions");
    const char *uid = json_opt_str(p, "uid", k8s_meta_uid(o->json));
    const char *version = json_opt_str(p, "resourceVersion", k8s_meta_resource_version(o->json));
    if (strcmp(uid, k8s_meta_uid(o->json)) != 0 ||
        strcmp(version, k8s_meta_resource_version(o->json)) != 0)
        return err_set(err, ERR_UNAVAILABLE, "Precondition failed: %s \"%s\"", o->resource->plural,
                       o->name);
    cJSON *last = cJSON_Duplicate(o->json, true);
    if (!cJSON_GetArraySize(json_opt(options, "dryRun"))) {
        delete_object(s, o, options);
        o = fake_store_find(s, w->resource, w->ns, w->name);
        if (o) {
            cJSON_Delete(last);
            last = cJSON_Duplicate(o->json, true);
        }
    }
    *ret_json = last;
    return 0;
}

void fake_store_finish_pod(struct fake_store *s, const char *ns, const char *name) {
    struct fake_object *o = fake_store_find(s, K8S_PODS, ns, name);
    if (!o || !k8s_meta_deleting(o->json)) return;
    cJSON *before = cJSON_Duplicate(o->json, true);
    json_set_i64(meta_of(o->json), "deletionGracePeriodSeconds", 0);
    changed(s, o, before);
}
