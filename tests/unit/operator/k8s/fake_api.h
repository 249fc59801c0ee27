/* fake_api.h - a Kubernetes API server for tests, over real HTTP on a loop and thread of its own:
 * objects with resourceVersions, lists in pages, watches with bookmarks, server-side apply with
 * field managers, merge and JSON patches, status and scale subresources, generation, generateName,
 * preconditions, finalizers, graceful pods, collection of dependents by ownerReferences, Leases. It
 * doesn't check schemas and has no controllers: a test plays the kubelet with fake_api_patch.
 *
 * All calls wait until the server's thread has done them; any thread but the server's.
 * build/test/fake_api is the same as a program: see tests/operator/fake_api.c. */
#ifndef PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_API_H
#define PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_API_H

#include "operator/k8s/config.h"
#include "operator/k8s/resource.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

struct fake_api;

struct fake_api_options {
    int port;          /* 0 = any free one */
    const char *token; /* what clients must show; NULL = anybody may */
    int history;       /* events that a watch can go back to; older is 410 Gone; 0 = 10000 */
    int bookmark_ms;   /* between bookmarks; 0 = none but those that fake_api_bookmark sends */
    bool delete_pods_at_once; /* else a pod with a grace period stays until fake_api_finish_pod */
};

struct fake_api *fake_api_new(const struct fake_api_options *o); /* NULL = defaults */
void fake_api_free(struct fake_api *f);
const char *fake_api_url(const struct fake_api *f); /* "http://127.0.0.1:PORT" */
int fake_api_port(const struct fake_api *f);
/* For k8s_client_new: the server, the token, this namespace. */
struct k8s_config *fake_api_config(const struct fake_api *f, const char *ns);
/* Other tokens are refused from now on (401); NULL = anybody may. */
void fake_api_set_token(struct fake_api *f, const char *token);

/* ---- objects, as another client would see and change them ---- */

/* Owned by the caller; NULL if there is none. */
cJSON *fake_api_get(struct fake_api *f, const struct k8s_resource *r, const char *ns,
                    const char *name);
size_t fake_api_count(struct fake_api *f, const struct k8s_resource *r,
                      const char *ns); /* NULL: all */
/* Creates or replaces; JSON text with metadata.name (and namespace), apiVersion and kind. Fails the
 * program if malformed. */
void fake_api_put(struct fake_api *f, const struct k8s_resource *r, const char *json);
/* Merges into the object that is there, status included. */
void fake_api_patch(struct fake_api *f, const struct k8s_resource *r, const char *ns,
                    const char *name, const char *json);
void fake_api_delete(struct fake_api *f, const struct k8s_resource *r, const char *ns,
                     const char *name);
void fake_api_finish_pod(struct fake_api *f, const char *ns,
                         const char *name); /* its processes ended */
uint64_t fake_api_resource_version(struct fake_api *f);
/* Whether the server reaches a state in time (20 s): for tests that wait on a condition. */
bool fake_api_wait(struct fake_api *f, bool (*is_so)(struct fake_api *f, void *arg), void *arg);

/* ---- faults ---- */

enum fake_fault_kind {
    FAKE_STATUS,      /* answers `status` with a Status object; nothing is done */
    FAKE_LOST_ANSWER, /* does it, then cuts the connection without an answer */
    FAKE_CUT_BODY,    /* does it, then cuts the answer in the middle */
    FAKE_SLOW,        /* answers after delay_ms */
    FAKE_HOLD,        /* answers when fake_api_release is called */
    FAKE_GARBAGE      /* 200 with something that is no JSON */
};

struct fake_fault {
    enum fake_fault_kind kind;
    const char *method; /* NULL = any */
    const char *path;   /* part of the path, "?watch" behind it for watches; NULL = any */
    int times;          /* 0 = 1; -1 = until fake_api_clear_faults */
    int status;         /* FAKE_STATUS */
    int retry_after_s;  /* 0 = no such header */
    int delay_ms;
};

/* Faults are tried in the order in which they were added. Copied. */
void fake_api_fault(struct fake_api *f, const struct fake_fault *fault);
void fake_api_clear_faults(struct fake_api *f);
void fake_api_release(struct fake_api *f); /* answers what FAKE_HOLD holds */

/* Watches under way: */
size_t fake_api_watches(struct fake_api *f);
void fake_api_bookmark(struct fake_api *f);     /* to all */
void fake_api_end_watches(struct fake_api *f);  /* in order, as after timeoutSeconds */
void fake_api_cut_watches(struct fake_api *f);  /* in the middle of a line */
void fake_api_gone_watches(struct fake_api *f); /* an ERROR event 410 each */
void fake_api_stall_watches(struct fake_api *f,
                            bool on); /* connected, nothing comes: new ones, too */
void fake_api_repeat_events(struct fake_api *f, int times); /* each event so often; 1 = normal */
/* Forgets the history: a watch from any resourceVersion before now is answered by 410. */
void fake_api_compact(struct fake_api *f);
/* Date headers, and the timestamps that the server sets, are off by so much. */
void fake_api_skew(struct fake_api *f, int64_t ms);

/* How many requests came: method NULL = any; path as in a fault. */
uint64_t fake_api_requests(struct fake_api *f, const char *method, const char *path);

#endif
