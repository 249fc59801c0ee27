/* release.c - lists, then patches one by one. */
#define LOG_MODULE "operator"
#include "operator/release.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "operator/job.h"
#include "operator/k8s/meta.h"

#include <stdlib.h>
#include <string.h>

struct release {
    struct net_loop *loop;
    struct k8s_client *client;
    cJSON *jobs; /* [namespace, name] of those that have it */
    int pending, n_failed;
    struct err error;
};

static void done(struct release *r, int rc, const struct err *err) {
    if (rc && !r->error.code) r->error = *err;
    if (--r->pending == 0) net_loop_stop(r->loop);
}

static void on_removed(void *self, const struct k8s_result *r) {
    done(self, r->rc, r->err);
}

static void on_item(void *self, struct sv object) {
    struct release *r = self;
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    if (json_parse(object.ptr, object.len, &j, &err)) {
        log_warn("FlinkJob can't be read", KV_ERR(&err));
        return;
    }
    if (!k8s_has_finalizer(j, JOB_FINALIZER)) return;
    cJSON *pair = cJSON_CreateArray();
    cJSON_AddItemToArray(pair, cJSON_CreateString(k8s_meta_ns(j)));
    cJSON_AddItemToArray(pair, cJSON_CreateString(k8s_meta_name(j)));
    cJSON_AddItemToArray(r->jobs, pair);
}

static void on_listed(void *self, const struct k8s_result *result) {
    struct release *r = self;
    cJSON *pair;
    while (!result->rc && (pair = cJSON_DetachItemFromArray(r->jobs, 0))) {
        struct err err = ERR_INIT;
        r->pending++;
        if (k8s_finalizer_set(r->client, K8S_FLINKJOBS, cJSON_GetArrayItem(pair, 0)->valuestring,
                              cJSON_GetArrayItem(pair, 1)->valuestring, NULL, JOB_FINALIZER, false,
                              on_removed, r, &err))
            done(r, err.code, &err);
        cJSON_Delete(pair);
    }
    done(r, result->reason == K8S_NOT_FOUND ? 0 : result->rc, result->err);
}

int release_all(struct net_loop *loop, struct k8s_client *client, char *const *namespaces,
                struct err *err) {
    struct release r = {.loop = loop, .client = client, .jobs = cJSON_CreateArray(), .pending = 1};
    const char *const every[] = {NULL};
    int rc = 0, i = 0;
    do {
        struct k8s_request req = {.verb = K8S_LIST,
                                  .resource = K8S_FLINKJOBS,
                                  .ns = namespaces[0] ? namespaces[i] : every[0],
                                  .on_item = on_item,
                                  .on_done = on_listed,
                                  .self = &r};
        rc = k8s_send(client, &req, NULL, err);
        if (!rc) r.pending++;
    } while (!rc && namespaces[0] && namespaces[++i]);
    r.pending--;
    if (!rc && r.pending) net_loop_run(loop);
    cJSON_Delete(r.jobs);
    if (!rc && r.error.code) {
        *err = r.error;
        rc = r.error.code;
    }
    return rc;
}
