/* real_check.c - operator/k8s against a real API server: what tests/unit/operator/k8s checks
 * against ours, as far as a real one can be made to do it. Started by tests/operator/real.py:
 * KUBECONFIG names the server, K8S_RESTART a command that kills it and starts it anew. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/cache.h"
#include "operator/k8s/events.h"
#include "operator/k8s/lease.h"
#include "operator/k8s/meta.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <stdio.h>
#include <stdlib.h>

static struct k8s_rig rig;
static char ns[64];

static struct answer send_text(enum k8s_verb verb, const struct k8s_resource *r, const char *name,
                               const char *sub, const char *body) {
    return k8s_rig_send(&rig, &(struct k8s_request){.verb = verb,
                                                    .resource = r,
                                                    .ns = r->namespaced ? ns : NULL,
                                                    .name = verb == K8S_CREATE ? NULL : name,
                                                    .subresource = sub,
                                                    .body_text = body});
}

static int setup(void **state) {
    struct k8s_config *config;
    struct err e = ERR_INIT;
    char text[128];
    assert_ok(k8s_config_load(&(struct k8s_config_options){0}, &config, &e), &e);
    k8s_rig_init(&rig, NULL, config);
    snprintf(ns, sizeof ns, "check-%llx", (unsigned long long)clock_wall_ns());
    snprintf(text, sizeof text, "{\"metadata\":{\"name\":\"%s\"}}", ns);
    AUTO_ANSWER a = send_text(K8S_CREATE, K8S_NAMESPACES, NULL, NULL, text);
    assert_ok(a.rc, &a.err);
    return 0;
}
static int teardown(void **state) {
    struct answer a = send_text(K8S_DELETE, K8S_NAMESPACES, ns, NULL, NULL);
    answer_release(&a);
    k8s_rig_release(&rig);
    return 0;
}

static void assert_at(const struct answer *a, const char *path, const char *want) {
    assert_ok(a->rc, &a->err);
    const char *got = at_path(a->object, path);
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s: %s, want %s", path, got ? got : "(none)", want);
}

/* ---- requests ---- */

static void jobs_and_their_subresources(void **state) {
    static const char job[] = "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\","
                              "\"metadata\":{\"name\":\"j\"},\"spec\":{\"sql\":\"x\"}}";
    AUTO_ANSWER made = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job);
    assert_at(&made, "spec.sql", "x");
    AUTO_ANSWER again = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job);
    assert_int_equal(again.reason, K8S_ALREADY_EXISTS);
    AUTO_ANSWER bad =
        send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", NULL, "{\"spec\":{\"parallelism\":-4}}");
    assert_int_equal(bad.reason, K8S_INVALID);
    assert_non_null(strstr(bad.err.msg, "spec.parallelism"));
    AUTO_ANSWER scale =
        send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", "scale", "{\"spec\":{\"replicas\":3}}");
    assert_at(&scale, "spec.replicas", "3");
    AUTO_ANSWER patched =
        send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", "status",
                  "{\"spec\":{\"parallelism\":9},\"status\":{\"state\":\"Running\"}}");
    assert_at(&patched, "spec.parallelism", "3");
    assert_at(&patched, "status.state", "Running");
    struct k8s_request stale = {
        .verb = K8S_UPDATE, .resource = K8S_FLINKJOBS, .ns = ns, .name = "j", .body = made.object};
    AUTO_ANSWER conflict = k8s_rig_send(&rig, &stale);
    assert_int_equal(conflict.reason, K8S_CONFLICT);
    struct k8s_request other = {
        .verb = K8S_DELETE, .resource = K8S_FLINKJOBS, .ns = ns, .name = "j", .if_uid = "another"};
    AUTO_ANSWER kept = k8s_rig_send(&rig, &other);
    assert_int_equal(kept.reason, K8S_CONFLICT);
    other.if_uid = k8s_meta_uid(made.object);
    AUTO_ANSWER gone = k8s_rig_send(&rig, &other);
    assert_ok(gone.rc, &gone.err);
    AUTO_ANSWER none = send_text(K8S_GET, K8S_FLINKJOBS, "j", NULL, NULL);
    assert_int_equal(none.reason, K8S_NOT_FOUND);
}

static struct answer apply(const char *manager, bool force, const char *data) {
    AUTO_STR text = STR_INIT;
    str_addf(
        &text,
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"s\"},\"data\":%s}",
        data);
    return k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_APPLY,
                                                    .resource = K8S_CONFIGMAPS,
                                                    .ns = ns,
                                                    .name = "s",
                                                    .body_text = str_text(&text),
                                                    .force = force,
                                                    .field_manager = manager});
}

static void apply_owns_fields(void **state) {
    AUTO_ANSWER a = apply("one", false, "{\"a\":\"1\",\"b\":\"x\"}");
    assert_at(&a, "data.a", "1");
    AUTO_ANSWER b = apply("two", false, "{\"a\":\"5\"}");
    assert_int_equal(b.reason, K8S_CONFLICT);
    assert_int_equal(b.err.cls, ERR_CLASS_USER);
    assert_non_null(strstr(b.err.msg, "conflict with \"one\""));
    AUTO_ANSWER c = apply("two", true, "{\"a\":\"5\"}");
    assert_at(&c, "data", "{\"a\":\"5\",\"b\":\"x\"}");
    AUTO_ANSWER d = apply("one", false, "{}");
    assert_at(&d, "data", "{\"a\":\"5\"}");
}

static void count_item(void *self, struct sv object) {
    ++*(int *)self;
}

static void make_maps(int from, int to) {
    for (int i = from; i < to; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"metadata\":{\"name\":\"m%d\",\"labels\":{\"job\":\"%s\"}}}",
                 i, i % 2 ? "odd" : "even");
        AUTO_ANSWER a = send_text(K8S_CREATE, K8S_CONFIGMAPS, NULL, NULL, text);
        assert_ok(a.rc, &a.err);
    }
}

static void lists_come_in_pages(void **state) {
    int n = 0;
    make_maps(0, 7);
    struct k8s_request q = {.verb = K8S_LIST,
                            .resource = K8S_CONFIGMAPS,
                            .ns = ns,
                            .limit = 2,
                            .on_item = count_item,
                            .self = &n};
    AUTO_ANSWER all = k8s_rig_send(&rig, &q);
    assert_ok(all.rc, &all.err);
    assert_int_equal(n, 7);
    assert_true(*all.version != 0);
    n = 0;
    q.label_selector = "job=odd";
    AUTO_ANSWER some = k8s_rig_send(&rig, &q);
    assert_ok(some.rc, &some.err);
    assert_int_equal(n, 3);
    q.label_selector = NULL;
    q.max_items = 3;
    AUTO_ANSWER few = k8s_rig_send(&rig, &q);
    assert_int_equal(few.remaining, 4);
    AUTO_ANSWER many = k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_DELETE_MANY,
                                                                .resource = K8S_CONFIGMAPS,
                                                                .ns = ns,
                                                                .label_selector = "job=even"});
    assert_ok(many.rc, &many.err);
    n = 0;
    q.max_items = 0;
    AUTO_ANSWER left = k8s_rig_send(&rig, &q);
    assert_ok(left.rc, &left.err);
    assert_int_equal(n, 3);
}

/* ---- over restarts ---- */

static void restart_api(void) {
    const char *command = getenv("K8S_RESTART");
    assert_non_null(command);
    assert_int_equal(system(command), 0);
}

static struct k8s_cache *cache;
static int told[3];

static void on_change(void *self, enum k8s_event event, const struct k8s_object *now,
                      const struct k8s_object *before) {
    told[event]++;
}
static void begin_cache(void *arg) {
    const char *const namespaces[] = {ns, NULL};
    cache = k8s_cache_new(&(struct k8s_cache_options){.client = rig.client,
                                                      .resource = K8S_CONFIGMAPS,
                                                      .namespaces = namespaces,
                                                      .owner_label = "job",
                                                      .on_change = on_change});
}
static void end_cache(void *arg) {
    k8s_cache_free(cache);
}
static bool holds(void *arg) {
    return k8s_cache_synced(cache) && k8s_cache_size(cache) == *(size_t *)arg;
}
static void wait_holds(size_t n) {
    k8s_rig_wait(&rig, holds, &n, "the cache to hold what the server holds");
}

static void a_cache_outlives_the_server(void **state) {
    make_maps(0, 5);
    k8s_rig_call(&rig, begin_cache, NULL);
    wait_holds(5);
    make_maps(5, 8);
    wait_holds(8);
    restart_api();
    make_maps(8, 10);
    AUTO_ANSWER gone = send_text(K8S_DELETE, K8S_CONFIGMAPS, "m0", NULL, NULL);
    assert_ok(gone.rc, &gone.err);
    wait_holds(9);
    k8s_rig_call(&rig, end_cache, NULL);
    assert_int_equal(told[K8S_ADDED], 10);
    assert_int_equal(told[K8S_DELETED], 1);
}

struct replica {
    struct k8s_lease *lease;
    const char *name;
    int started, stopped, released;
};
static void on_started(void *self) {
    ((struct replica *)self)->started++;
}
static void on_stopped(void *self, const struct err *err) {
    ((struct replica *)self)->stopped++;
}
static void on_released(void *self) {
    ((struct replica *)self)->released++;
}
static void begin_lease(void *arg) {
    struct replica *r = arg;
    struct err e = ERR_INIT;
    struct k8s_lease_options o = {.client = rig.client,
                                  .ns = ns,
                                  .name = "l",
                                  .identity = r->name,
                                  .duration_ms = 3000,
                                  .renew_deadline_ms = 2000,
                                  .retry_ms = 200,
                                  .on_started = on_started,
                                  .on_stopped = on_stopped,
                                  .self = r};
    CHECKF(k8s_lease_new(&o, &r->lease, &e) == 0, "%s", e.msg);
}
static bool leads(void *arg) {
    return k8s_lease_is_leader(((struct replica *)arg)->lease);
}
static void begin_release(void *arg) {
    k8s_lease_release(((struct replica *)arg)->lease, on_released);
}
static void end_lease(void *arg) {
    k8s_lease_free(((struct replica *)arg)->lease);
}

static void leadership_changes_hands(void **state) {
    struct replica one = {.name = "one"}, two = {.name = "two"};
    k8s_rig_call(&rig, begin_lease, &one);
    k8s_rig_wait(&rig, leads, &one, "the first to lead");
    k8s_rig_call(&rig, begin_lease, &two);
    k8s_rig_call(&rig, begin_release, &one);
    k8s_rig_wait(&rig, leads, &two, "the second to lead");
    assert_int_equal(one.stopped, 1);
    AUTO_ANSWER a = send_text(K8S_GET, K8S_LEASES, "l", NULL, NULL);
    assert_at(&a, "spec.holderIdentity", "two");
    assert_at(&a, "spec.leaseTransitions", "1");
    k8s_rig_call(&rig, end_lease, &one);
    k8s_rig_call(&rig, end_lease, &two);
}

/* ---- events, finalizers ---- */

static struct k8s_events *events;
static void begin_events(void *arg) {
    events = k8s_events_new(
        &(struct k8s_events_options){.client = rig.client, .component = "check", .instance = "i"});
}
static void post(void *arg) {
    struct k8s_about about = {.resource = K8S_CONFIGMAPS, .ns = ns, .name = "m", .uid = "u"};
    for (int i = 0; i < 5; i++)
        k8s_events_post(events, &about, true, "Checked", "Checking", "five times");
}
static bool written(void *arg) {
    struct k8s_events_stats s;
    k8s_events_get_stats(events, &s);
    return s.pending == 0 && s.written > 0;
}
static void end_events(void *arg) {
    k8s_events_free(events);
}
static void keep_item(void *self, struct sv object) {
    cJSON **kept = self;
    if (!*kept) assert_int_equal(json_parse(object.ptr, object.len, kept, NULL), 0);
}

static void repeats_are_counted(void **state) {
    k8s_rig_call(&rig, begin_events, NULL);
    k8s_rig_call(&rig, post, NULL);
    k8s_rig_wait(&rig, written, NULL, "the Event");
    AUTO_JSON *event = NULL;
    AUTO_ANSWER a = k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_LIST,
                                                             .resource = K8S_EVENTS,
                                                             .ns = ns,
                                                             .on_item = keep_item,
                                                             .self = &event});
    assert_ok(a.rc, &a.err);
    assert_string_equal(at_path(event, "count"), "5");
    assert_string_equal(at_path(event, "involvedObject.name"), "m");
    k8s_rig_call(&rig, end_events, NULL);
}

static int n_set, set_rc;
static void on_set(void *self, const struct k8s_result *r) {
    set_rc = r->rc;
    n_set++;
}
static void set_finalizer(void *arg) {
    struct err e = ERR_INIT;
    CHECK(k8s_finalizer_set(rig.client, K8S_CONFIGMAPS, ns, "m1", NULL, "penstock.dev/check",
                            *(bool *)arg, on_set, NULL, &e) == 0);
}
static bool is_set(void *arg) {
    return n_set == *(int *)arg;
}

static void finalizers_hold_and_let_go(void **state) {
    bool present = true;
    int n = 1;
    make_maps(1, 2);
    k8s_rig_call(&rig, set_finalizer, &present);
    k8s_rig_wait(&rig, is_set, &n, "the finalizer");
    assert_int_equal(set_rc, 0);
    AUTO_ANSWER deleted = send_text(K8S_DELETE, K8S_CONFIGMAPS, "m1", NULL, NULL);
    assert_ok(deleted.rc, &deleted.err);
    AUTO_ANSWER held = send_text(K8S_GET, K8S_CONFIGMAPS, "m1", NULL, NULL);
    assert_ok(held.rc, &held.err);
    assert_true(k8s_meta_deleting(held.object));
    present = false;
    n = 2;
    k8s_rig_call(&rig, set_finalizer, &present);
    k8s_rig_wait(&rig, is_set, &n, "the finalizer");
    assert_int_equal(set_rc, 0);
    AUTO_ANSWER gone = send_text(K8S_GET, K8S_CONFIGMAPS, "m1", NULL, NULL);
    assert_int_equal(gone.reason, K8S_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(jobs_and_their_subresources), T(apply_owns_fields),        T(lists_come_in_pages),
        T(a_cache_outlives_the_server), T(leadership_changes_hands), T(repeats_are_counted),
        T(finalizers_hold_and_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
