/* client.h - requests to the Kubernetes API, asynchronous on one net_loop.
 *
 * Threading: everything in operator/k8s/ is called on the loop's thread (or before the loop runs),
 * and calls back there. No callback comes from within the call that asked for it.
 *
 *     static void on_created(void *self, const struct k8s_result *r) {
 *         if (r->reason == K8S_ALREADY_EXISTS) ...
 *         else if (r->rc) log_warn("...", KV_ERR(r->err));
 *     }
 *     rc = k8s_send(client, &(struct k8s_request){.verb = K8S_APPLY, .resource = K8S_PODS,
 *              .ns = ns, .name = name, .body = pod, .force = true, .on_done = on_created,
 *              .self = job}, NULL, &err);
 *
 * Attempts: a request is repeated after transient failures (no connection, cut, timed out, 408,
 * 429, 5xx) with exponential backoff and jitter, at least Retry-After later; after a 401 once at
 * once with credentials read anew. What isn't sure to have failed is repeated only where that does
 * no harm: a create (unless it answered 429 or 503 with Retry-After) and an update without
 * resourceVersion aren't. */
#ifndef PENSTOCK_OPERATOR_K8S_CLIENT_H
#define PENSTOCK_OPERATOR_K8S_CLIENT_H

#include "base/core/json.h"
#include "base/net/net_loop.h"
#include "operator/k8s/config.h"
#include "operator/k8s/resource.h"

#include <stdint.h>

struct k8s_client;

enum {
    K8S_CONCURRENCY = 16,          /* default: requests at once, without watches and leases */
    K8S_QUEUE_MAX = 16384,         /* requests that may wait */
    K8S_TIMEOUT_MS = 30000,        /* default, of one attempt */
    K8S_ATTEMPTS = 5,              /* default */
    K8S_LIST_LIMIT = 250,          /* default page of a list */
    K8S_OBJECT_MAX_BYTES = 4 << 20 /* JSON of one object, and an answer without on_item */
};

struct k8s_client_options {
    struct net_loop *loop;     /* must outlive the client */
    struct k8s_config *config; /* taken by k8s_client_new, on failure too */
    const char *field_manager; /* of server-side apply and patches; NULL = "penstock-operator" */
    const char *user_agent;    /* NULL = "penstock-operator/VERSION" */
    int concurrency;           /* 0 = K8S_CONCURRENCY */
};

int k8s_client_new(const struct k8s_client_options *o, struct k8s_client **ret,
                   struct err *err) ATTR_MUST_USE;
/* Drops what is under way (on_drop, not on_done). Caches, watches, leases and events that use it
 * must be freed before. Not from a callback. NULL is fine. */
void k8s_client_free(struct k8s_client *c);
const char *k8s_client_namespace(const struct k8s_client *c);
struct net_loop *k8s_client_loop(struct k8s_client *c);

/* ---- requests ---- */

enum k8s_verb {
    K8S_GET,
    K8S_LIST,        /* all pages; objects go to on_item */
    K8S_CREATE,      /* POST; name isn't sent, the body has it */
    K8S_UPDATE,      /* PUT; with the body's resourceVersion it is refused (CONFLICT) if changed */
    K8S_APPLY,       /* server-side apply: creates, or merges the fields given and owns them */
    K8S_MERGE_PATCH, /* RFC 7386; metadata.resourceVersion in it makes it conditional */
    K8S_JSON_PATCH,  /* RFC 6902 */
    K8S_DELETE,
    K8S_DELETE_MANY /* what the selectors match, of one namespace */
};

enum k8s_propagation {
    K8S_PROPAGATION_DEFAULT,
    K8S_BACKGROUND, /* dependents go afterwards */
    K8S_FOREGROUND, /* the object stays, marked, until its dependents are gone */
    K8S_ORPHAN      /* dependents stay */
};

/* Why a request failed, by the server's Status or the lack of one. */
enum k8s_reason {
    K8S_OK,
    K8S_NOT_FOUND,
    K8S_ALREADY_EXISTS,
    K8S_CONFLICT, /* changed in between, a precondition, or apply: fields that another owns */
    K8S_INVALID,  /* 400, 422: refused by schema, CEL or admission; r->err says which field */
    K8S_UNAUTHORIZED,
    K8S_FORBIDDEN,     /* RBAC, quota, or the namespace is being deleted */
    K8S_GONE,          /* 410: resourceVersion or continue token too old */
    K8S_TOO_MANY,      /* 429, after all attempts */
    K8S_SERVER_FAILED, /* 5xx, after all attempts */
    K8S_NO_ANSWER,     /* no connection, cut, timed out */
    K8S_OTHER
};
const char *k8s_reason_name(enum k8s_reason r); /* "AlreadyExists" */

struct k8s_result {
    int rc; /* 0 or ERR_*: NOT_FOUND, EXISTS (already), UNAVAILABLE (conflict, 429, 5xx, class
             * RETRY), VALIDATION, PERMISSION, NET, TIMEOUT, PROTOCOL, BUDGET */
    const struct err *err; /* NULL with rc 0; "create pod ns/name: ..." */
    enum k8s_reason reason;
    int status;                   /* of HTTP; 0 = no answer came */
    const cJSON *object;          /* the answer; NULL with rc != 0, K8S_LIST, or no JSON (logs) */
    struct sv text;               /* the answer as it came, without K8S_LIST */
    const char *resource_version; /* of the list, or of the object; "" if none */
    int64_t remaining;            /* K8S_LIST broken off by max_items: how many are left */
    int64_t retry_after_ms;       /* the server asked for so long a pause; 0 = it didn't */
};
/* Everything is borrowed until the callback returns. r->object may be kept by taking it: */
cJSON *k8s_result_take(const struct k8s_result *r); /* owned by the caller; NULL if there is none */

typedef void (*k8s_done_fn)(void *self, const struct k8s_result *r);

struct k8s_request {
    enum k8s_verb verb;
    const struct k8s_resource *resource;
    const char *ns;          /* NULL: none (cluster-scoped), or all namespaces */
    const char *name;        /* not for LIST, CREATE, DELETE_MANY */
    const char *subresource; /* "status", "scale", "log", "eviction"; NULL = none */
    const char *query;       /* further parameters, encoded: "container=main&tailLines=10" */
    /* One of the two; borrowed until k8s_send returns. APPLY sets apiVersion and kind if absent. */
    const cJSON *body;
    const char *body_text;

    const char *field_manager; /* NULL = the client's */
    bool force;                /* APPLY: take fields that another manager owns */
    bool dry_run;              /* the server checks, and stores nothing */

    const char *label_selector, *field_selector; /* LIST, DELETE_MANY; NULL = all */
    int limit;                                   /* LIST: of a page; 0 = K8S_LIST_LIMIT */
    int max_items;                               /* LIST: 0 = all */

    const char *if_uid, *if_resource_version; /* DELETE: preconditions; NULL = none */
    enum k8s_propagation propagation;         /* DELETE */
    int grace_s;                              /* DELETE: 0 = the object's own, -1 = at once */

    bool urgent;        /* goes past the queue: leader election */
    int64_t timeout_ms; /* of one attempt; 0 = K8S_TIMEOUT_MS */
    int attempts;       /* 0 = K8S_ATTEMPTS, 1 = no repetition */

    /* LIST, required there: each object's JSON text as it arrives, before the page is whole.
     * Borrowed. A page that failed is asked for again: then the objects come again. */
    void (*on_item)(void *self, struct sv object);
    /* LIST: the list begins anew from the start (410 of a continue token): forget what came. */
    void (*on_restart)(void *self);
    k8s_done_fn on_done; /* once, unless dropped; NULL: nobody minds (failures are logged) */
    /* In place of on_done, by k8s_cancel and k8s_client_free: to free self. NULL = nothing. */
    void (*on_drop)(void *self);
    void *self;
};

/* Copies the request. *ret_id (may be NULL) names it for k8s_cancel. ERR_UNAVAILABLE: K8S_QUEUE_MAX
 * are waiting; ERR_INVALID: it makes no sense. on_done comes only after 0. */
int k8s_send(struct k8s_client *c, const struct k8s_request *req, uint64_t *ret_id,
             struct err *err) ATTR_MUST_USE;
/* on_done isn't called any more. The server may have done it. Ids of done requests are ignored. */
void k8s_cancel(struct k8s_client *c, uint64_t id);
size_t k8s_pending(const struct k8s_client *c); /* sent and not done, for metrics and shutdown */

struct k8s_client_stats {
    uint64_t requests, retries, failures, throttled; /* throttled: answers 429 */
    uint64_t credential_loads;
    int64_t latency_sum_ms, latency_max_ms; /* of attempts that were answered */
    int64_t clock_skew_ms; /* the server's Date less our clock, as last seen; coarse: ±1 s */
};
void k8s_client_get_stats(const struct k8s_client *c, struct k8s_client_stats *ret);

#endif
