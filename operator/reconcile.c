/* reconcile.c - one look at one FlinkJob: what it refers to is read, then observed, decided, the
 * status written, the actions carried out one behind the other. */
#define LOG_MODULE "operator"
#include "operator/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "operator/objects.h"
#include "operator/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A job as an older spec had it. */
struct other_spec {
    struct other_spec *next;
    cJSON *object;
    char hash[JOB_HASH_BYTES];
    struct job job;
};

struct work {
    struct operator* op;
    struct arena arena;
    char *key;
    struct track *track;
    cJSON *object;
    char *sql; /* of sqlFrom */
    struct job job;
    struct other_spec *others; /* in the arena, but for `object` */
    struct observed seen;
    struct job_status before;
    struct decision d;
    int next;    /* action */
    cJSON *base; /* of ACTION_MAKE_BASE, */
    int next_base;
    char base_hash[JOB_HASH_BYTES];
    struct str refused;
    bool failed, retry;
    bool keys_seen; /* read in this look */
    int64_t begun_ns;
};

static void proceed(struct work *w);

/* ---- ends ---- */

static void finish(struct work *w) {
    struct operator* op = w->op;
    series_observe(op->reconcile_time, (double)(clock_mono_ns() - w->begun_ns) / 1e9);
    series_add(op->reconciles, 1);
    if (w->failed) series_add(op->failures, 1);
    int64_t wait = w->d.again_ms < 0 || w->d.again_ms > OPERATOR_RESYNC_MS ? OPERATOR_RESYNC_MS
                                                                           : w->d.again_ms;
    k8s_queue_done(op->queue, w->key, w->failed ? K8S_WORK_RETRY : K8S_WORK_DONE,
                   w->failed ? -1 : wait);
    for (struct other_spec *o = w->others; o; o = o->next)
        cJSON_Delete(o->object);
    cJSON_Delete(w->object);
    cJSON_Delete(w->base);
    str_release(&w->refused);
    arena_release(&w->arena);
    free(w->sql);
    free(w->key);
    free(w);
}

/* What went wrong is shown in the status at the next look, if the user can mend it. */
static void fail(struct work *w, const struct k8s_result *r) {
    w->failed = true;
    if (r->reason == K8S_CONFLICT || r->reason == K8S_NOT_FOUND) {
        log_debug("request refused, tried again", KV_STR("job", w->key), KV_ERR(r->err));
        return;
    }
    log_warn("request failed", KV_STR("job", w->key), KV_ERR(r->err));
    if ((r->reason == K8S_INVALID || r->reason == K8S_FORBIDDEN) && !w->refused.len)
        str_add(&w->refused, r->err->msg);
}

static struct k8s_about about(const struct work *w) {
    return (struct k8s_about){
        .resource = K8S_FLINKJOBS, .ns = w->job.ns, .name = w->job.name, .uid = w->job.uid};
}

/* ---- requests of actions ---- */

static void on_acted(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->rc && r->reason != K8S_ALREADY_EXISTS) fail(w, r);
    proceed(w);
}

static void on_pod_made(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (!r->rc) k8s_cache_put(w->op->pods, r->object);
    on_acted(self, r);
}

static void on_spec_made(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (!r->rc) k8s_cache_put(w->op->specs, r->object);
    on_acted(self, r);
}

static void on_pod_deleted(void *self, const struct k8s_result *r) {
    struct work *w = self;
    const char *name = w->d.actions[w->next - 1].name;
    if (r->reason == K8S_NOT_FOUND) k8s_cache_drop(w->op->pods, w->job.ns, name, NULL);
    if (r->rc && r->reason != K8S_NOT_FOUND) fail(w, r);
    if (!r->rc && r->object && !strcmp(json_opt_str(r->object, "kind", ""), "Pod"))
        k8s_cache_put(w->op->pods, r->object);
    proceed(w);
}

static void on_gone(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->rc && r->reason != K8S_NOT_FOUND) fail(w, r);
    proceed(w);
}

static void on_finalizer(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->rc && r->reason != K8S_NOT_FOUND) fail(w, r);
    if (!r->rc && r->object) k8s_cache_put(w->op->jobs, r->object);
    proceed(w);
}

/* true: under way, its callback goes on. */
static bool send(struct work *w, const struct k8s_request *req) {
    struct err err = ERR_INIT;
    int rc = k8s_send(w->op->o.client, req, NULL, &err);
    if (!rc) return true;
    log_warn("request not sent", KV_STR("job", w->key), KV_ERR(&err));
    w->failed = true;
    return false;
}

static bool create(struct work *w, const struct k8s_resource *resource, cJSON *body /* takes */,
                   k8s_done_fn done) {
    struct k8s_request req = {.verb = K8S_CREATE,
                              .resource = resource,
                              .ns = w->job.ns,
                              .body = body,
                              .on_done = done,
                              .self = w};
    bool sent = send(w, &req);
    cJSON_Delete(body);
    return sent;
}

/* The job as the spec of hash had it: pods of a run that isn't the present spec's. */
static int job_of_hash(struct work *w, const char *hash, struct job *ret, struct err *err) {
    *ret = w->job;
    if (!strcmp(hash, w->job.hash)) return 0;
    for (const struct other_spec *s = w->others; s; s = s->next) {
        if (strcmp(s->hash, hash)) continue;
        *ret = s->job;
        return 0;
    }
    AUTO_STR name = STR_INIT;
    objects_spec_name(w->job.name, hash, &name);
    const struct k8s_object *o = k8s_cache_get(w->op->specs, w->job.ns, str_text(&name));
    if (!o) return err_set(err, ERR_NOT_FOUND, "ConfigMap %s is gone", str_text(&name));
    AUTO_JSON *map = k8s_object_json(o);
    cJSON *object;
    int rc = objects_spec_read(map, w->object, &object, err);
    if (rc) return rc;
    struct job job;
    rc = job_read(&w->arena, object, NULL, &w->op->o.defaults, &job, err);
    if (rc) {
        cJSON_Delete(object);
        return rc;
    }
    struct other_spec *s = ARENA_NEW(&w->arena, struct other_spec);
    *s = (struct other_spec){.next = w->others, .object = object, .job = job};
    snprintf(s->hash, sizeof s->hash, "%s", hash);
    w->others = s;
    *ret = job;
    return 0;
}

static bool make_pod(struct work *w, const struct action *x) {
    struct job job;
    struct err err = ERR_INIT;
    if (job_of_hash(w, x->hash, &job, &err)) {
        log_warn("pod not made", KV_STR("job", w->key), KV_ERR(&err));
        w->failed = true;
        return false;
    }
    cJSON *pod = NULL;
    if (x->kind == ACTION_MAKE_COORDINATOR) {
        pod = objects_coordinator(&job, x->run, x->origin, x->hash, x->fresh);
    } else {
        const char *ip = NULL;
        for (int i = 0; i < w->seen.n_runs; i++)
            if (w->seen.runs[i].number == x->run) ip = w->seen.runs[i].coordinator.ip;
        CHECK(ip); /* decided upon by it */
        pod = objects_worker(&job, x->run, x->index, ip);
    }
    return create(w, K8S_PODS, pod, on_pod_made);
}

/* ---- keys, then services and the like ---- */

static void on_base(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->rc) fail(w, r);
    proceed(w);
}

static void keep_keys(struct work *w, const cJSON *secret) {
    struct err err = ERR_INIT;
    job_keys_release(&w->track->keys);
    if (keys_read(secret, &w->track->keys, &err)) {
        log_error("Secret can't be used", KV_STR("job", w->key), KV_ERR(&err));
        str_add(&w->refused, err.msg);
        w->failed = true;
    }
    w->track->keys_known = true;
    w->track->keys_gone = false;
    w->track->keys_ns = clock_mono_ns();
}

static bool get(struct work *w, const struct k8s_resource *resource, const char *name,
                k8s_done_fn done) {
    struct k8s_request req = {.verb = K8S_GET,
                              .resource = resource,
                              .ns = k8s_meta_ns(w->object),
                              .name = name,
                              .on_done = done,
                              .self = w};
    return send(w, &req);
}

static bool get_keys(struct work *w, k8s_done_fn done) {
    AUTO_STR name = STR_INIT;
    objects_keys_name(k8s_meta_name(w->object), &name);
    w->keys_seen = true;
    return get(w, K8S_SECRETS, str_text(&name), done);
}

/* What has a name of the job's and isn't owned by it isn't touched. */
static bool is_ours(struct work *w, const char *kind, const cJSON *object) {
    if (k8s_is_owned_by(object, k8s_meta_uid(w->object))) return true;
    w->failed = true;
    if (!w->refused.len)
        str_addf(&w->refused, "%s '%s' isn't this job's: rename one of them", kind,
                 k8s_meta_name(object));
    return false;
}

/* false: it isn't known whether there is a Secret. */
static bool take_keys(struct work *w, const struct k8s_result *r) {
    struct track *t = w->track;
    if (r->rc && r->reason != K8S_NOT_FOUND) {
        fail(w, r);
        return false;
    }
    if (r->rc) {
        t->keys_gone = t->keys.token != NULL;
        t->keys_known = true;
    } else if (is_ours(w, "Secret", r->object)) {
        keep_keys(w, r->object);
    } else {
        job_keys_release(&t->keys);
        t->keys_known = false; /* it may be one of before, on its way out */
    }
    return true;
}

static void on_keys_again(void *self, const struct k8s_result *r) {
    struct work *w = self;
    (void)take_keys(w, r);
    proceed(w);
}

static bool keys_are_old(const struct track *t) {
    long long age_s = (clock_mono_ns() - t->keys_ns) / 1000000000;
    return t->keys.token && t->keys.expires_s - age_s < KEYS_RENEW_S;
}

static void on_keys_made(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->reason == K8S_ALREADY_EXISTS) w->track->keys_known = false; /* read them the next time */
    if (r->rc)
        fail(w, r);
    else
        keep_keys(w, r->object);
    proceed(w);
}

/* The certificate's days run out: another, in the same Secret. */
static void on_old_keys(void *self, const struct k8s_result *r) {
    struct work *w = self;
    cJSON *secret = NULL;
    struct err err = ERR_INIT;
    int rc = r->rc;
    if (rc)
        fail(w, r);
    else if (is_ours(w, "Secret", r->object))
        rc = keys_make(&w->job, r->object, &secret, &err);
    if (!rc && secret) {
        log_info("certificate renewed", KV_STR("job", w->key));
        struct k8s_request req = {.verb = K8S_APPLY,
                                  .resource = K8S_SECRETS,
                                  .ns = w->job.ns,
                                  .name = k8s_meta_name(secret),
                                  .body = secret,
                                  .force = true,
                                  .on_done = on_keys_made,
                                  .self = w};
        bool sent = send(w, &req);
        cJSON_Delete(secret);
        if (sent) return;
    }
    w->failed = true;
    proceed(w);
}

/* isolation: none has no network policy; an earlier one of the job's goes. */
static void on_policy_seen(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->rc && r->reason != K8S_NOT_FOUND) fail(w, r);
    if (!r->rc && k8s_is_owned_by(r->object, w->job.uid)) {
        struct k8s_request req = {.verb = K8S_DELETE,
                                  .resource = K8S_NETWORKPOLICIES,
                                  .ns = w->job.ns,
                                  .name = w->job.name,
                                  .if_uid = k8s_meta_uid(r->object),
                                  .on_done = on_gone,
                                  .self = w};
        if (send(w, &req)) return;
    }
    proceed(w);
}

static const struct k8s_resource *resource_of(const cJSON *object) {
    return k8s_resource_of_kind(NULL, json_opt_str(object, "kind", ""));
}

static void on_base_seen(void *self, const struct k8s_result *r) {
    struct work *w = self;
    const cJSON *o = cJSON_GetArrayItem(w->base, w->next_base - 1);
    if (r->rc && r->reason != K8S_NOT_FOUND) {
        fail(w, r);
    } else if (r->rc || is_ours(w, json_opt_str(o, "kind", ""), r->object)) {
        struct k8s_request req = {.verb = K8S_APPLY,
                                  .resource = resource_of(o),
                                  .ns = w->job.ns,
                                  .name = k8s_meta_name(o),
                                  .body = o,
                                  .force = true,
                                  .on_done = on_base,
                                  .self = w};
        if (send(w, &req)) return;
    }
    proceed(w);
}

static bool apply_next_base(struct work *w) {
    const cJSON *o = cJSON_GetArrayItem(w->base, w->next_base++);
    return get(w, resource_of(o), k8s_meta_name(o), on_base_seen);
}

/* In steps, each of which comes back here through proceed: keys (is their Secret still there?),
 * objects one by one, the network policy that there should not be. */
static bool make_base(struct work *w) {
    struct err err = ERR_INIT;
    bool sent = false;
    if (w->failed) return false;
    if (!w->keys_seen) {
        sent = get_keys(w, on_keys_again);
    } else if (!w->track->keys.token || w->track->keys_gone) {
        cJSON *secret; /* with the token that pods may have */
        AUTO_JSON *before = w->track->keys_gone ? keys_before(&w->track->keys) : NULL;
        if (keys_make(&w->job, before, &secret, &err)) {
            log_error("no keys", KV_STR("job", w->key), KV_ERR(&err));
            w->failed = true;
            return false;
        }
        sent = create(w, K8S_SECRETS, secret, on_keys_made);
    } else if (keys_are_old(w->track)) {
        sent = get_keys(w, on_old_keys);
    } else {
        if (!w->base) {
            w->base = objects_base(&w->job, &w->op->o.defaults, w->d.status.run.number);
            objects_base_hash(&w->job, &w->op->o.defaults, w->d.status.run.number, w->base_hash);
        }
        int n = cJSON_GetArraySize(w->base);
        if (w->next_base < n) {
            sent = apply_next_base(w);
        } else if (w->next_base == n && w->job.isolation == ISOLATION_NONE) {
            w->next_base++;
            sent = get(w, K8S_NETWORKPOLICIES, w->job.name, on_policy_seen);
        } else {
            memcpy(w->track->base_hash, w->base_hash, sizeof w->base_hash);
            w->track->base_ns = clock_mono_ns();
            w->d.again_ms = 0; /* pods can be made now */
        }
    }
    if (sent) w->next--; /* here again, for the rest */
    return sent;
}

/* ---- actions ---- */

static bool delete_pod(struct work *w, const struct action *x) {
    struct k8s_request req = {.verb = K8S_DELETE,
                              .resource = K8S_PODS,
                              .ns = w->job.ns,
                              .name = x->name,
                              .grace_s = x->now ? -1 : 0,
                              .on_done = on_pod_deleted,
                              .self = w};
    return send(w, &req);
}

static bool delete_spec(struct work *w, const struct action *x) {
    AUTO_STR name = STR_INIT;
    objects_spec_name(w->job.name, x->hash, &name);
    struct k8s_request req = {.verb = K8S_DELETE,
                              .resource = K8S_CONFIGMAPS,
                              .ns = w->job.ns,
                              .name = str_text(&name),
                              .on_done = on_gone,
                              .self = w};
    return send(w, &req);
}

static bool set_finalizer(struct work *w, bool present) {
    struct err err = ERR_INIT;
    int rc = k8s_finalizer_set(w->op->o.client, K8S_FLINKJOBS, w->job.ns, w->job.name, w->job.uid,
                               JOB_FINALIZER, present, on_finalizer, w, &err);
    if (rc) log_warn("finalizer not set", KV_STR("job", w->key), KV_ERR(&err));
    w->failed |= rc != 0;
    return !rc;
}

/* A savepoint has a folder of its own below the one that the job's settings name. */
static void stop_run(struct work *w, const struct action *x) {
    AUTO_STR dir = STR_INIT;
    const char *root = json_opt_str(json_opt(w->job.spec, "config"),
                                    "execution.checkpointing.savepoint-dir", NULL);
    if (x->savepoint && root)
        str_addf(&dir, "%s/%s.%s.%s.%lld", root, w->job.ns, w->job.name, w->job.uid,
                 (long long)x->run);
    engines_stop(w->op->engines, w->key, x->run, x->checkpoint, dir.len ? str_text(&dir) : NULL);
}

/* true: under way. */
static bool carry_out(struct work *w, const struct action *x) {
    struct operator* op = w->op;
    struct k8s_about a = about(w);
    switch (x->kind) {
    case ACTION_ADD_FINALIZER:
        return set_finalizer(w, true);
    case ACTION_REMOVE_FINALIZER:
        return set_finalizer(w, false);
    case ACTION_MAKE_BASE:
        return make_base(w);
    case ACTION_MAKE_SPEC:
        return create(w, K8S_CONFIGMAPS, objects_spec(&w->job), on_spec_made);
    case ACTION_DELETE_SPEC:
        return delete_spec(w, x);
    case ACTION_MAKE_COORDINATOR:
    case ACTION_MAKE_WORKER:
        return make_pod(w, x);
    case ACTION_DELETE_POD:
        return delete_pod(w, x);
    case ACTION_START:
        engines_start(op->engines, w->key, x->run);
        return false;
    case ACTION_STOP:
        stop_run(w, x);
        return false;
    case ACTION_SET_LOG:
        engines_set_log(op->engines, w->key, x->run, x->text);
        return false;
    case ACTION_EVENT:
        log_info(x->reason, KV_STR("job", w->key), KV_STR("text", x->text));
        k8s_events_post(op->events, &a, x->warning, x->reason, "Reconcile", x->text);
        return false;
    }
    UNREACHABLE("action %d", x->kind);
}

static void proceed(struct work *w) {
    while (w->next < w->d.n_actions) {
        const struct action *x = &w->d.actions[w->next++];
        if (x->kind != ACTION_MAKE_BASE || w->next_base == 0) series_add(w->op->actions, 1);
        if (carry_out(w, x)) return;
        if (w->failed && x->kind < ACTION_DELETE_POD && x->kind != ACTION_ADD_FINALIZER) break;
    }
    free(w->track->refused);
    w->track->refused = w->refused.len ? str_take(&w->refused) : NULL;
    finish(w);
}

/* ---- status ---- */

static void on_status(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (r->rc) {
        fail(w, r);
        finish(w); /* the intent isn't written: nothing is done */
        return;
    }
    k8s_cache_put(w->op->jobs, r->object);
    w->track->written_ns = clock_mono_ns();
    proceed(w);
}

/* Do they differ in figures that only rise? */
static bool figures_alone(const cJSON *a, const cJSON *b) {
    static const char *const figures[] = {"recordsIn", "recordsOut", "watermark"};
    AUTO_JSON *x = cJSON_Duplicate(a, true), *y = cJSON_Duplicate(b, true);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(x, figures[i]);
        cJSON_DeleteItemFromObjectCaseSensitive(y, figures[i]);
    }
    return cJSON_Compare(x, y, true);
}

static void write_status(struct work *w) {
    AUTO_JSON *status = status_to_json(&w->d.status, &w->job);
    const cJSON *was = json_opt(w->object, "status");
    int64_t since = (clock_mono_ns() - w->track->written_ns) / 1000000;
    bool same = was && cJSON_Compare(status, was, true);
    if (same || (was && since < OPERATOR_FIGURES_MS && figures_alone(status, was))) {
        if (!same && (w->d.again_ms < 0 || w->d.again_ms > OPERATOR_FIGURES_MS - since))
            w->d.again_ms = OPERATOR_FIGURES_MS - since;
        proceed(w);
        return;
    }
    cJSON *body = k8s_object_new(K8S_FLINKJOBS, w->job.ns, w->job.name);
    json_set(body, "status", cJSON_Duplicate(status, true));
    json_set_str(cJSON_GetObjectItemCaseSensitive(body, "metadata"), "uid", w->job.uid);
    struct k8s_request req = {.verb = K8S_APPLY,
                              .resource = K8S_FLINKJOBS,
                              .ns = w->job.ns,
                              .name = w->job.name,
                              .subresource = "status",
                              .body = body,
                              .force = true,
                              .on_done = on_status,
                              .self = w};
    bool sent = send(w, &req);
    cJSON_Delete(body);
    if (!sent) finish(w);
}

/* ---- what is looked at ---- */

/* Texts of actions outlive the coordinators' documents that they may borrow from. */
static void keep_texts(struct work *w) {
    for (int i = 0; i < w->d.n_actions; i++) {
        struct action *x = &w->d.actions[i];
        x->name = arena_strdup(&w->arena, x->name);
        x->hash = arena_strdup(&w->arena, x->hash);
        x->text = arena_strdup(&w->arena, x->text);
    }
}

static bool base_is_ready(const struct work *w, int64_t run) {
    const struct track *t = w->track;
    char hash[JOB_HASH_BYTES];
    objects_base_hash(&w->job, &w->op->o.defaults, run, hash);
    return t->keys.token && !t->keys_gone && !keys_are_old(t) && !strcmp(hash, t->base_hash) &&
           clock_mono_ns() - t->base_ns < OPERATOR_BASE_MS * 1000000LL;
}

/* An operator that starts finds in the status what was applied; when it is applied anew is spread,
 * so that not all jobs are at once. */
static void remember_base(struct work *w) {
    struct track *t = w->track;
    if (!*t->base_hash && *w->before.base_hash) {
        uint32_t spread = 0;
        for (const char *p = w->job.uid; *p; p++)
            spread = spread * 31 + (unsigned char)*p;
        memcpy(t->base_hash, w->before.base_hash, sizeof t->base_hash);
        t->base_ns = clock_mono_ns() - (int64_t)(spread % OPERATOR_BASE_MS) * 1000000;
    }
    memcpy(w->before.base_hash, t->base_hash, sizeof t->base_hash);
}

static void look(struct work *w) {
    struct operator* op = w->op;
    struct err err = ERR_INIT;
    int rc = job_read(&w->arena, w->object, w->sql, &op->o.defaults, &w->job, &err);
    if (rc) {
        log_error("FlinkJob can't be read", KV_STR("job", w->key), KV_ERR(&err));
        w->failed = true;
        finish(w);
        return;
    }
    struct observe_sources s = {
        .pods = op->pods, .specs = op->specs, .engines = op->engines, .keys = &w->track->keys};
    observe(&w->arena, w->key, &w->job, &s, &w->seen);
    status_read(&w->arena, w->object, &w->before);
    remember_base(w);
    w->seen.base_ready = base_is_ready(w, w->before.run.number);
    w->seen.refused = arena_strdup(&w->arena, w->track->refused);
    decide(&w->arena, &w->job, &w->seen, &w->before, clock_wall_ms(), &w->d);
    keep_texts(w);
    write_status(w);
}

static void on_keys(void *self, const struct k8s_result *r) {
    struct work *w = self;
    if (take_keys(w, r))
        look(w);
    else
        finish(w);
}

static void find_keys(struct work *w) {
    if (w->track->keys_known)
        look(w);
    else if (!get_keys(w, on_keys))
        finish(w);
}

static void on_script(void *self, const struct k8s_result *r) {
    struct work *w = self;
    const cJSON *ref =
        json_opt(json_opt(json_opt(w->object, "spec"), "sqlFrom"), "configMapKeyRef");
    if (!r->rc) {
        w->sql = mem_strdup(
            json_opt_str(json_opt(r->object, "data"), json_opt_str(ref, "key", ""), NULL));
    } else if (r->reason != K8S_NOT_FOUND) {
        fail(w, r);
        finish(w);
        return;
    }
    find_keys(w);
}

static void find_script(struct work *w) {
    const cJSON *ref =
        json_opt(json_opt(json_opt(w->object, "spec"), "sqlFrom"), "configMapKeyRef");
    if (!ref) {
        find_keys(w);
        return;
    }
    struct k8s_request req = {.verb = K8S_GET,
                              .resource = K8S_CONFIGMAPS,
                              .ns = k8s_meta_ns(w->object),
                              .name = json_opt_str(ref, "name", ""),
                              .on_done = on_script,
                              .self = w};
    if (!send(w, &req)) finish(w);
}

static void forget(struct operator* op, const char *key) {
    engines_forget(op->engines, key);
    operator_free_track(map_remove(&op->tracks, key));
    k8s_queue_done(op->queue, key, K8S_WORK_DONE, -1);
}

/* Nothing known of a job that had the same name is true of this one. */
static struct track *track_of(struct operator* op, const char *key, const char *uid) {
    struct track *t = operator_track(op, key);
    if (t->uid && strcmp(t->uid, uid)) {
        engines_forget(op->engines, key);
        operator_free_track(map_remove(&op->tracks, key));
        t = operator_track(op, key);
    }
    if (!t->uid) t->uid = mem_strdup(uid);
    return t;
}

void reconcile_job(void *self, const char *key) {
    struct operator* op = self;
    const char *slash = strchr(key, '/');
    AUTO_FREE char *ns = mem_strndup(key, (size_t)(slash - key));
    const struct k8s_object *o = k8s_cache_get(op->jobs, ns, slash + 1);
    if (!o) {
        forget(op, key);
        return;
    }
    struct work *w = mem_zalloc(sizeof *w);
    w->op = op;
    arena_init(&w->arena);
    w->key = mem_strdup(key);
    w->track = track_of(op, key, o->uid);
    w->object = k8s_object_json(o);
    w->begun_ns = clock_mono_ns();
    w->d.again_ms = -1;
    find_script(w);
}
