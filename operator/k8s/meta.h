/* meta.h - metadata of objects: names, labels, owners, finalizers, times. Pure but for the last
 * section. */
#ifndef PENSTOCK_OPERATOR_K8S_META_H
#define PENSTOCK_OPERATOR_K8S_META_H

#include "operator/k8s/client.h"

/* Of an object's metadata; "" if absent. Borrowed. */
const char *k8s_meta_name(const cJSON *object);
const char *k8s_meta_ns(const cJSON *object);
const char *k8s_meta_uid(const cJSON *object);
const char *k8s_meta_resource_version(const cJSON *object);
int64_t k8s_meta_generation(const cJSON *object); /* 0 if absent */
bool k8s_meta_deleting(const cJSON *object);
const char *k8s_meta_label(const cJSON *object, const char *name); /* NULL if absent */
const char *k8s_meta_annotation(const cJSON *object, const char *name);
/* Puts it there, with what is missing on the way. value NULL removes. */
void k8s_meta_set_label(cJSON *object, const char *name, const char *value);
void k8s_meta_set_annotation(cJSON *object, const char *name, const char *value);

/* {apiVersion, kind, metadata: {name, namespace}}; ns NULL: without. Owned by the caller. */
cJSON *k8s_object_new(const struct k8s_resource *r, const char *ns, const char *name);

/* ---- owners: dependents are collected by the cluster when their owner goes ---- */

/* Puts owner (with apiVersion, kind, name, uid) into object's ownerReferences as its controller, in
 * place of an earlier reference of the same uid; block: foreground deletion of the owner waits for
 * the object. They must be in one namespace. ERR_INVALID if owner lacks one of the four. */
int k8s_set_controller(cJSON *object, const cJSON *owner, bool block,
                       struct err *err) ATTR_MUST_USE;
/* uid of the controlling owner; "" if there is none. */
const char *k8s_controller_uid(const cJSON *object);
bool k8s_is_owned_by(const cJSON *object, const char *uid);

/* ---- times: RFC 3339, UTC ---- */

void k8s_time_text(int64_t wall_ms, struct str *out);       /* "2026-11-22T18:20:00Z" */
void k8s_micro_time_text(int64_t wall_ms, struct str *out); /* ".123000Z": Lease, Event */
/* Both forms, and zones as +02:00. ERR_INVALID. */
int k8s_time_parse(const char *text, int64_t *ret_wall_ms, struct err *err) ATTR_MUST_USE;

/* ---- finalizers ---- */

bool k8s_has_finalizer(const cJSON *object, const char *finalizer);
/* A merge patch that adds or removes it, conditional on object's resourceVersion; NULL if there is
 * nothing to do. Owned by the caller. */
cJSON *k8s_finalizer_patch(const cJSON *object, const char *finalizer, bool present);
/* Brings the finalizer of the object named to `present`: reads it anew, patches, and again on
 * conflicts. Done is also: the object (of that uid; NULL = any) doesn't exist any more, unless it
 * was to be added (NOT_FOUND), and when it is being deleted, to which none can be added (CONFLICT).
 * r->object is the object as it is then, NULL if gone. */
int k8s_finalizer_set(struct k8s_client *c, const struct k8s_resource *r, const char *ns,
                      const char *name, const char *uid, const char *finalizer, bool present,
                      k8s_done_fn on_done, void *self, struct err *err) ATTR_MUST_USE;

#endif
