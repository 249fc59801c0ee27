/* lease.c - see lease.h. A tick reads the Lease, or writes it if it is ours or free; one request at
 * a time. */
#define LOG_MODULE "k8s"
#include "operator/k8s/lease.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "operator/k8s/backoff.h"
#include "operator/k8s/meta.h"

#include <stdlib.h>
#include <string.h>

enum { RELEASE_TRIES_MAX = 3, REQUEST_TIMEOUT_MIN_MS = 500 };

struct k8s_lease {
    struct k8s_lease_options o; /* strings are ours */
    struct net_timer *tick, *deadline;
    uint64_t request; /* under way; 0 = none */
    /* The record as last seen */
    bool seen;
    char *version, *holder, *acquired;
    int64_t duration_ms, transitions;
    int64_t changed_ns; /* when we saw its version change: on our clock */
    /* Our claim */
    bool leading;
    int64_t sent_ns,
        renewed_ns; /* the write under way; the last that succeeded: when it was sent */
    struct err lost;
    /* Giving up */
    bool releasing, was_leading;
    int tries;
    void (*on_released)(void *self);
};

static void read_lease(struct k8s_lease *l);

static int64_t ms_since(int64_t ns) {
    return (clock_mono_ns() - ns) / 1000000;
}

static void tick_after(struct k8s_lease *l, int64_t ms) {
    net_timer_set(l->tick, ms);
}

static void tick_later(struct k8s_lease *l) {
    tick_after(l, k8s_jitter_ms(l->o.retry_ms, 20));
}

static int64_t request_timeout_ms(const struct k8s_lease *l) {
    return MAX(l->o.renew_deadline_ms / 3, REQUEST_TIMEOUT_MIN_MS);
}

static void set_text(char **field, const char *text) {
    if (*field && strcmp(*field, text) == 0) return;
    free(*field);
    *field = mem_strdup(text);
}

/* ---- what we know ---------------------------------------------------------------------------- */

static void observe(struct k8s_lease *l, const cJSON *lease) {
    const cJSON *spec = json_opt(lease, "spec");
    const char *holder = json_opt_str(spec, "holderIdentity", "");
    const char *version = k8s_meta_resource_version(lease);
    bool other = !l->seen || strcmp(holder, l->holder) != 0;
    if (!l->seen || strcmp(version, l->version) != 0) l->changed_ns = clock_mono_ns();
    l->seen = true;
    set_text(&l->version, version);
    set_text(&l->holder, holder);
    set_text(&l->acquired, json_opt_str(spec, "acquireTime", ""));
    l->duration_ms = json_opt_i64(spec, "leaseDurationSeconds", 0) * 1000;
    l->transitions = json_opt_i64(spec, "leaseTransitions", 0);
    if (other && l->o.on_leader && !l->releasing) l->o.on_leader(l->o.self, l->holder);
}

static bool is_ours(const struct k8s_lease *l) {
    return strcmp(l->holder, l->o.identity) == 0;
}

static bool may_take(const struct k8s_lease *l) {
    if (!*l->holder || is_ours(l)) return true;
    return ms_since(l->changed_ns) >= MAX(l->duration_ms, l->o.duration_ms);
}

bool k8s_lease_is_leader(const struct k8s_lease *l) {
    return l->leading && ms_since(l->renewed_ns) < l->o.renew_deadline_ms;
}

const char *k8s_lease_leader(const struct k8s_lease *l) {
    return l->seen ? l->holder : "";
}

/* ---- leadership ------------------------------------------------------------------------------ */

static void stop_leading(struct k8s_lease *l, const struct err *err) {
    l->leading = false;
    net_timer_cancel(l->deadline);
    log_warn("leadership is lost", KV_STR("lease", l->o.name), KV_ERR(err));
    l->o.on_stopped(l->o.self, err);
}

static void deadline_passed(void *arg) {
    struct k8s_lease *l = arg;
    if (!l->leading) return;
    struct err err = ERR_INIT;
    if (l->lost.code) err = l->lost;
    if (!err.code) err_set(&err, ERR_TIMEOUT, "the API server doesn't answer");
    err_wrap(&err, "lease %s/%s not renewed for %lld ms", l->o.ns, l->o.name,
             (long long)ms_since(l->renewed_ns));
    stop_leading(l, &err);
}

static void renewed(struct k8s_lease *l) {
    l->renewed_ns = l->sent_ns;
    err_clear(&l->lost);
    int64_t left_ms = l->o.renew_deadline_ms - ms_since(l->sent_ns);
    net_timer_set(l->deadline, MAX(left_ms, 0));
    if (!l->leading && left_ms > 0) {
        l->leading = true;
        log_info("leading", KV_STR("lease", l->o.name), KV_STR("identity", l->o.identity));
        l->o.on_started(l->o.self);
    }
}

static void request_failed(struct k8s_lease *l, const struct err *err) {
    if (!l->lost.code) log_warn("leader election: the Lease is out of reach", KV_ERR(err));
    l->lost = *err;
    tick_later(l);
}

/* ---- writing --------------------------------------------------------------------------------- */

static cJSON *record(const struct k8s_lease *l, bool release) {
    cJSON *lease = k8s_object_new(K8S_LEASES, l->o.ns, l->o.name);
    cJSON *spec = cJSON_AddObjectToObject(lease, "spec");
    AUTO_STR now = STR_INIT;
    k8s_micro_time_text(clock_wall_ms(), &now);
    bool anew = !l->seen || !is_ours(l);
    if (l->seen)
        json_set_str(cJSON_GetObjectItem(lease, "metadata"), "resourceVersion", l->version);
    json_set_str(spec, "holderIdentity", release ? "" : l->o.identity);
    json_set_i64(spec, "leaseDurationSeconds", release ? 1 : l->o.duration_ms / 1000);
    json_set_str(spec, "acquireTime", anew || !*l->acquired ? str_text(&now) : l->acquired);
    json_set_str(spec, "renewTime", str_text(&now));
    json_set_i64(spec, "leaseTransitions", l->transitions + (l->seen && anew ? 1 : 0));
    return lease;
}

static void write_done(void *self, const struct k8s_result *r) {
    struct k8s_lease *l = self;
    l->request = 0;
    if (!r->rc) {
        observe(l, r->object);
        renewed(l);
        tick_later(l);
    } else if (r->reason == K8S_CONFLICT || r->reason == K8S_ALREADY_EXISTS ||
               r->reason == K8S_NOT_FOUND) {
        read_lease(l); /* somebody was faster, or it was changed or deleted by hand */
    } else {
        request_failed(l, r->err);
    }
}

static int send_record(struct k8s_lease *l, bool release, k8s_done_fn on_done, struct err *err) {
    AUTO_JSON *lease = record(l, release);
    struct k8s_request q = {
        .verb = l->seen ? K8S_UPDATE : K8S_CREATE,
        .resource = K8S_LEASES,
        .ns = l->o.ns,
        .name = l->seen ? l->o.name : NULL,
        .body = lease,
        .urgent = true,
        .timeout_ms = request_timeout_ms(l),
        .attempts = 1,
        .on_done = on_done,
        .self = l,
    };
    l->sent_ns = clock_mono_ns();
    return k8s_send(l->o.client, &q, &l->request, err);
}

static void write_lease(struct k8s_lease *l) {
    struct err err = ERR_INIT;
    if (send_record(l, false, write_done, &err)) request_failed(l, &err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_done(void *self, const struct k8s_result *r) {
    struct k8s_lease *l = self;
    l->request = 0;
    if (r->reason == K8S_NOT_FOUND) {
        l->seen = false;
        write_lease(l);
        return;
    }
    if (r->rc) {
        request_failed(l, r->err);
        return;
    }
    err_clear(&l->lost);
    observe(l, r->object);
    if (l->leading && !is_ours(l)) {
        struct err err = ERR_INIT;
        err_set(&err, ERR_EXISTS, "lease %s/%s is held by '%s'", l->o.ns, l->o.name, l->holder);
        stop_leading(l, &err);
    }
    if (may_take(l)) {
        write_lease(l);
    } else {
        tick_later(l);
    }
}

static int send_read(struct k8s_lease *l, k8s_done_fn on_done, struct err *err) {
    struct k8s_request q = {
        .verb = K8S_GET,
        .resource = K8S_LEASES,
        .ns = l->o.ns,
        .name = l->o.name,
        .urgent = true,
        .timeout_ms = request_timeout_ms(l),
        .attempts = 1,
        .on_done = on_done,
        .self = l,
    };
    return k8s_send(l->o.client, &q, &l->request, err);
}

static void read_lease(struct k8s_lease *l) {
    struct err err = ERR_INIT;
    if (send_read(l, read_done, &err)) request_failed(l, &err);
}

/* ---- giving up ------------------------------------------------------------------------------- */

static void released(struct k8s_lease *l, const struct err *err) {
    if (err) log_warn("the lease couldn't be given up", KV_STR("lease", l->o.name), KV_ERR(err));
    if (l->on_released) l->on_released(l->o.self);
}

static void release_read(void *self, const struct k8s_result *r);

static void release_again(struct k8s_lease *l) {
    struct err err = ERR_INIT;
    if (l->tries++ >= RELEASE_TRIES_MAX) {
        released(l, &l->lost);
    } else if (send_read(l, release_read, &err)) {
        released(l, &err);
    }
}

static void release_written(void *self, const struct k8s_result *r) {
    struct k8s_lease *l = self;
    l->request = 0;
    if (r->rc) {
        l->lost = *r->err;
        release_again(l);
    } else {
        observe(l, r->object);
        released(l, NULL);
    }
}

static void release_read(void *self, const struct k8s_result *r) {
    struct k8s_lease *l = self;
    struct err err = ERR_INIT;
    l->request = 0;
    if (r->reason == K8S_NOT_FOUND) {
        released(l, NULL);
    } else if (r->rc) {
        l->lost = *r->err;
        release_again(l);
    } else {
        observe(l, r->object);
        if (!is_ours(l)) {
            released(l, NULL);
        } else if (send_record(l, true, release_written, &err)) {
            released(l, &err);
        }
    }
}

void k8s_lease_release(struct k8s_lease *l, void (*on_released)(void *self)) {
    if (l->releasing) return;
    l->releasing = true;
    l->was_leading = l->leading;
    l->leading = false;
    l->on_released = on_released;
    if (l->request) k8s_cancel(l->o.client, l->request);
    l->request = 0;
    net_timer_cancel(l->deadline);
    tick_after(l, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void tick(void *arg) {
    struct k8s_lease *l = arg;
    if (l->releasing) {
        if (l->was_leading) l->o.on_stopped(l->o.self, NULL);
        /* Also if we don't lead: a write that was broken off may have come through. */
        release_again(l);
    } else if (l->leading) {
        write_lease(l);
    } else {
        read_lease(l);
    }
}

int k8s_lease_new(const struct k8s_lease_options *o, struct k8s_lease **ret, struct err *err) {
    struct k8s_lease_options t = *o;
    if (!t.duration_ms) t.duration_ms = K8S_LEASE_DURATION_MS;
    if (!t.renew_deadline_ms) t.renew_deadline_ms = K8S_LEASE_RENEW_DEADLINE_MS;
    if (!t.retry_ms) t.retry_ms = K8S_LEASE_RETRY_MS;
    if (t.duration_ms < 1000 || t.duration_ms % 1000)
        return err_set(err, ERR_INVALID, "lease duration %lld ms: must be whole seconds",
                       (long long)t.duration_ms);
    if (t.retry_ms < 1 || t.retry_ms >= t.renew_deadline_ms || t.renew_deadline_ms >= t.duration_ms)
        return err_set(
            err, ERR_INVALID,
            "lease times: retry %lld ms < renew deadline %lld ms < duration %lld ms must "
            "hold",
            (long long)t.retry_ms, (long long)t.renew_deadline_ms, (long long)t.duration_ms);
    struct k8s_lease *l = mem_zalloc(sizeof *l);
    l->o = t;
    l->o.ns = mem_strdup(o->ns);
    l->o.name = mem_strdup(o->name);
    l->o.identity = mem_strdup(o->identity);
    set_text(&l->holder, "");
    set_text(&l->version, "");
    set_text(&l->acquired, "");
    struct net_loop *loop = k8s_client_loop(o->client);
    l->tick = net_timer_new(loop, tick, l);
    l->deadline = net_timer_new(loop, deadline_passed, l);
    tick_after(l, 0);
    *ret = l;
    return 0;
}

void k8s_lease_free(struct k8s_lease *l) {
    if (!l) return;
    if (l->request) k8s_cancel(l->o.client, l->request);
    net_timer_free(l->tick);
    net_timer_free(l->deadline);
    free((char *)l->o.ns);
    free((char *)l->o.name);
    free((char *)l->o.identity);
    free(l->version);
    free(l->holder);
    free(l->acquired);
    free(l);
}
