/* meta.c - see meta.h. */
#include "operator/k8s/meta.h"

#include "base/core/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- reading --------------------------------------------------------------------------------- */

static const char *meta_text(const cJSON *object, const char *key) {
    return json_opt_str(json_opt(object, "metadata"), key, "");
}

const char *k8s_meta_name(const cJSON *object) {
    return meta_text(object, "name");
}

const char *k8s_meta_ns(const cJSON *object) {
    return meta_text(object, "namespace");
}

const char *k8s_meta_uid(const cJSON *object) {
    return meta_text(object, "uid");
}

const char *k8s_meta_resource_version(const cJSON *object) {
    return meta_text(object, "resourceVersion");
}

int64_t k8s_meta_generation(const cJSON *object) {
    return json_opt_i64(json_opt(object, "metadata"), "generation", 0);
}

bool k8s_meta_deleting(const cJSON *object) {
    return json_opt(json_opt(object, "metadata"), "deletionTimestamp") != NULL;
}

const char *k8s_meta_label(const cJSON *object, const char *name) {
    return json_opt_str(json_opt(json_opt(object, "metadata"), "labels"), name, NULL);
}

const char *k8s_meta_annotation(const cJSON *object, const char *name) {
    return json_opt_str(json_opt(json_opt(object, "metadata"), "annotations"), name, NULL);
}

/* ---- writing --------------------------------------------------------------------------------- */

static cJSON *child_object(cJSON *parent, const char *key) {
    cJSON *c = cJSON_GetObjectItemCaseSensitive(parent, key);
    if (cJSON_IsObject(c)) return c;
    c = cJSON_CreateObject();
    json_set(parent, key, c);
    return c;
}

static void set_entry(cJSON *object, const char *map, const char *name, const char *value) {
    cJSON *entries = child_object(child_object(object, "metadata"), map);
    if (value) {
        json_set_str(entries, name, value);
    } else {
        cJSON_DeleteItemFromObjectCaseSensitive(entries, name);
    }
}

void k8s_meta_set_label(cJSON *object, const char *name, const char *value) {
    set_entry(object, "labels", name, value);
}

void k8s_meta_set_annotation(cJSON *object, const char *name, const char *value) {
    set_entry(object, "annotations", name, value);
}

cJSON *k8s_object_new(const struct k8s_resource *r, const char *ns, const char *name) {
    cJSON *o = cJSON_CreateObject();
    AUTO_STR version = STR_INIT;
    k8s_api_version(r, &version);
    json_set_str(o, "apiVersion", str_text(&version));
    json_set_str(o, "kind", r->kind);
    cJSON *meta = child_object(o, "metadata");
    json_set_str(meta, "name", name);
    if (ns) json_set_str(meta, "namespace", ns);
    return o;
}

/* ---- owners ---------------------------------------------------------------------------------- */

static const cJSON *owner_references(const cJSON *object) {
    return json_opt(json_opt(object, "metadata"), "ownerReferences");
}

int k8s_set_controller(cJSON *object, const cJSON *owner, bool block, struct err *err) {
    const char *version, *kind;
    int rc = json_get_str(owner, "apiVersion", &version, err);
    if (!rc) rc = json_get_str(owner, "kind", &kind, err);
    if (rc) return err_wrap(err, "owner reference");
    const char *name = k8s_meta_name(owner), *uid = k8s_meta_uid(owner);
    if (!*name || !*uid)
        return err_set(err, ERR_INVALID, "owner reference: the owner has no %s",
                       *name ? "uid" : "name");
    cJSON *meta = child_object(object, "metadata");
    cJSON *refs = cJSON_GetObjectItemCaseSensitive(meta, "ownerReferences");
    if (!cJSON_IsArray(refs)) {
        refs = cJSON_CreateArray();
        json_set(meta, "ownerReferences", refs);
    }
    cJSON *next;
    for (cJSON *r = refs->child; r; r = next) {
        next = r->next;
        if (strcmp(json_opt_str(r, "uid", ""), uid) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(refs, r));
    }
    cJSON *ref = cJSON_CreateObject();
    json_set_str(ref, "apiVersion", version);
    json_set_str(ref, "kind", kind);
    json_set_str(ref, "name", name);
    json_set_str(ref, "uid", uid);
    json_set_bool(ref, "controller", true);
    if (block) json_set_bool(ref, "blockOwnerDeletion", true);
    cJSON_AddItemToArray(refs, ref);
    return 0;
}

const char *k8s_controller_uid(const cJSON *object) {
    const cJSON *r;
    cJSON_ArrayForEach(r, owner_references(object)) {
        if (json_opt_bool(r, "controller", false)) return json_opt_str(r, "uid", "");
    }
    return "";
}

bool k8s_is_owned_by(const cJSON *object, const char *uid) {
    const cJSON *r;
    cJSON_ArrayForEach(r, owner_references(object)) {
        if (strcmp(json_opt_str(r, "uid", ""), uid) == 0) return true;
    }
    return false;
}

/* ---- times ----------------------------------------------------------------------------------- */

static void add_time(int64_t wall_ms, bool micros, struct str *out) {
    int64_t s = wall_ms / 1000, ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    time_t t = (time_t)s;
    struct tm tm;
    char text[40];
    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    str_add(out, text);
    if (micros) str_addf(out, ".%03d000", (int)ms);
    str_add_char(out, 'Z');
}

void k8s_time_text(int64_t wall_ms, struct str *out) {
    add_time(wall_ms, false, out);
}

void k8s_micro_time_text(int64_t wall_ms, struct str *out) {
    add_time(wall_ms, true, out);
}

int k8s_time_parse(const char *text, int64_t *ret_wall_ms, struct err *err) {
    struct tm tm = {0};
    int used = 0;
    int n = sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used);
    if (n != 6 || !used) return err_set(err, ERR_INVALID, "'%s' is no time by RFC 3339", text);
    const char *p = text + used;
    int64_t ms = 0;
    if (*p == '.') {
        int64_t scale = 100;
        for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
            ms += (*p - '0') * scale;
    }
    int64_t offset_s = 0;
    if (*p == '+' || *p == '-') {
        int h, m, len = 0;
        if (sscanf(p + 1, "%2d:%2d%n", &h, &m, &len) != 2 || len != 5)
            return err_set(err, ERR_INVALID, "'%s' has no zone by RFC 3339", text);
        offset_s = (*p == '-' ? -1 : 1) * (h * 3600 + m * 60);
        p += 6;
    } else if (*p == 'Z' || *p == 'z') {
        p++;
    } else {
        return err_set(err, ERR_INVALID, "'%s' has no zone", text);
    }
    if (*p) return err_set(err, ERR_INVALID, "'%s' has more than a time", text);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_wall_ms = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
    return 0;
}

/* ---- finalizers ------------------------------------------------------------------------------ */

static const cJSON *finalizers(const cJSON *object) {
    return json_opt(json_opt(object, "metadata"), "finalizers");
}

bool k8s_has_finalizer(const cJSON *object, const char *finalizer) {
    const cJSON *f;
    cJSON_ArrayForEach(f, finalizers(object)) {
        if (cJSON_IsString(f) && strcmp(f->valuestring, finalizer) == 0) return true;
    }
    return false;
}

cJSON *k8s_finalizer_patch(const cJSON *object, const char *finalizer, bool present) {
    if (k8s_has_finalizer(object, finalizer) == present) return NULL;
    cJSON *patch = cJSON_CreateObject(), *meta = child_object(patch, "metadata");
    cJSON *list = cJSON_CreateArray();
    const cJSON *f;
    cJSON_ArrayForEach(f, finalizers(object)) {
        if (cJSON_IsString(f) && strcmp(f->valuestring, finalizer) != 0)
            cJSON_AddItemToArray(list, cJSON_CreateString(f->valuestring));
    }
    if (present) cJSON_AddItemToArray(list, cJSON_CreateString(finalizer));
    json_set(meta, "finalizers", list);
    json_set_str(meta, "resourceVersion", k8s_meta_resource_version(object));
    return patch;
}

enum { FINALIZER_CONFLICTS_MAX = 10 };

struct setting {
    struct k8s_client *client;
    const struct k8s_resource *resource;
    char *ns, *name, *uid, *finalizer;
    bool present;
    int conflicts;
    k8s_done_fn on_done;
    void *self;
};

static void setting_free(struct setting *s) {
    free(s->ns);
    free(s->name);
    free(s->uid);
    free(s->finalizer);
    free(s);
}

static void setting_drop(void *self) {
    setting_free(self);
}

static void finish(struct setting *s, const struct k8s_result *r) {
    if (s->on_done) s->on_done(s->self, r);
    setting_free(s);
}

static void finish_err(struct setting *s, const struct err *err, enum k8s_reason reason) {
    struct k8s_result r = {.rc = err->code, .err = err, .reason = reason, .resource_version = ""};
    finish(s, &r);
}

static int read_object(struct setting *s, struct err *err);

static void on_patched(void *self, const struct k8s_result *r) {
    struct setting *s = self;
    struct err err = ERR_INIT;
    if (r->reason == K8S_NOT_FOUND && !s->present) {
        struct k8s_result gone = {.resource_version = ""};
        finish(s, &gone);
    } else if (r->reason == K8S_CONFLICT && s->conflicts++ < FINALIZER_CONFLICTS_MAX) {
        if (read_object(s, &err)) finish_err(s, &err, K8S_OTHER);
    } else {
        finish(s, r);
    }
}

static void on_read(void *self, const struct k8s_result *r) {
    struct setting *s = self;
    struct err err = ERR_INIT;
    bool gone = r->reason == K8S_NOT_FOUND ||
                (!r->rc && s->uid && strcmp(s->uid, k8s_meta_uid(r->object)) != 0);
    if (gone && !s->present) {
        struct k8s_result done = {.resource_version = ""};
        finish(s, &done);
        return;
    }
    if (gone) {
        err_set(&err, ERR_NOT_FOUND, "%s %s/%s: finalizer: the object is gone", s->resource->plural,
                s->ns ? s->ns : "", s->name);
        finish_err(s, &err, K8S_NOT_FOUND);
        return;
    }
    AUTO_JSON *patch = r->rc ? NULL : k8s_finalizer_patch(r->object, s->finalizer, s->present);
    if (!patch) {
        finish(s, r);
        return;
    }
    if (s->present && k8s_meta_deleting(r->object)) {
        err_set(&err, ERR_UNAVAILABLE, "%s %s/%s: finalizer: the object is being deleted",
                s->resource->plural, s->ns ? s->ns : "", s->name);
        finish_err(s, &err, K8S_CONFLICT);
        return;
    }
    struct k8s_request req = {.verb = K8S_MERGE_PATCH,
                              .resource = s->resource,
                              .ns = s->ns,
                              .name = s->name,
                              .body = patch,
                              .on_done = on_patched,
                              .on_drop = setting_drop,
                              .self = s};
    if (k8s_send(s->client, &req, NULL, &err)) finish_err(s, &err, K8S_OTHER);
}

static int read_object(struct setting *s, struct err *err) {
    struct k8s_request req = {.verb = K8S_GET,
                              .resource = s->resource,
                              .ns = s->ns,
                              .name = s->name,
                              .on_done = on_read,
                              .on_drop = setting_drop,
                              .self = s};
    return k8s_send(s->client, &req, NULL, err);
}

int k8s_finalizer_set(struct k8s_client *c, const struct k8s_resource *r, const char *ns,
                      const char *name, const char *uid, const char *finalizer, bool present,
                      k8s_done_fn on_done, void *self, struct err *err) {
    struct setting *s = mem_zalloc(sizeof *s);
    s->client = c;
    s->resource = r;
    s->ns = mem_strdup(ns);
    s->name = mem_strdup(name);
    s->uid = mem_strdup(uid);
    s->finalizer = mem_strdup(finalizer);
    s->present = present;
    s->on_done = on_done;
    s->self = self;
    int rc = read_object(s, err);
    if (rc) setting_free(s);
    return rc;
}
