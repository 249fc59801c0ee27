/* client_test.c - requests, checked by the objects that result on the server. */
#include "operator/k8s/client.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct k8s_rig rig;

static int setup(void **state) {
    k8s_rig_init(&rig, NULL, NULL);
    return 0;
}
static int teardown(void **state) {
    k8s_rig_release(&rig);
    return 0;
}

static struct answer send_text(enum k8s_verb verb, const struct k8s_resource *r, const char *name,
                               const char *sub, const char *body) {
    return k8s_rig_send(&rig, &(struct k8s_request){.verb = verb,
                                                    .resource = r,
                                                    .ns = "a",
                                                    .name = verb == K8S_CREATE ? NULL : name,
                                                    .subresource = sub,
                                                    .body_text = body});
}

static void assert_path(const char *name, const char *path, const char *want) {
    AUTO_JSON *j = fake_api_get(rig.api, K8S_FLINKJOBS, "a", name);
    assert_non_null(j);
    const char *got = at_path(j, path);
    if (!want ? got != NULL : !got || strcmp(got, want) != 0)
        fail_msg("%s: %s, want %s", path, got ? got : "(none)", want ? want : "(none)");
}

static const char job_text[] =
    "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\",\"metadata\":{\"name\":\"j\","
    "\"namespace\":\"a\"},\"spec\":{\"parallelism\":2,\"sql\":\"x\"},\"status\":{\"state\":\"no\"}"
    "}";

static void put_job(void) {
    AUTO_ANSWER a = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job_text);
    assert_ok(a.rc, &a.err);
    assert_int_equal(a.status, 201);
}

/* ---- verbs ---- */

static void create_get_update_delete(void **state) {
    put_job();
    assert_path("j", "status", NULL); /* that is the status subresource's */
    AUTO_ANSWER again = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job_text);
    assert_int_equal(again.rc, ERR_EXISTS);
    assert_int_equal(again.reason, K8S_ALREADY_EXISTS);
    assert_non_null(strstr(again.err.msg, "create flinkjobs a: 409 AlreadyExists: "));

    AUTO_ANSWER got = send_text(K8S_GET, K8S_FLINKJOBS, "j", NULL, NULL);
    assert_ok(got.rc, &got.err);
    assert_string_equal(at_path(got.object, "spec.parallelism"), "2");
    assert_string_equal(got.version, k8s_meta_resource_version(got.object));

    /* With an old resourceVersion an update is refused. */
    fake_api_patch(rig.api, K8S_FLINKJOBS, "a", "j", "{\"spec\":{\"sql\":\"y\"}}");
    struct k8s_request q = {.verb = K8S_UPDATE, .resource = K8S_FLINKJOBS, .ns = "a", .name = "j"};
    q.body = got.object;
    AUTO_ANSWER stale = k8s_rig_send(&rig, &q);
    assert_int_equal(stale.reason, K8S_CONFLICT);
    assert_int_equal(stale.err.cls, ERR_CLASS_RETRY);
    AUTO_ANSWER fresh = send_text(K8S_GET, K8S_FLINKJOBS, "j", NULL, NULL);
    json_set_i64(cJSON_GetObjectItem(fresh.object, "spec"), "parallelism", 7);
    q.body = fresh.object;
    AUTO_ANSWER updated = k8s_rig_send(&rig, &q);
    assert_ok(updated.rc, &updated.err);
    assert_path("j", "spec.parallelism", "7");
    assert_path("j", "metadata.generation", "3");

    AUTO_ANSWER gone = send_text(K8S_DELETE, K8S_FLINKJOBS, "j", NULL, NULL);
    assert_ok(gone.rc, &gone.err);
    AUTO_ANSWER none = send_text(K8S_GET, K8S_FLINKJOBS, "j", NULL, NULL);
    assert_int_equal(none.reason, K8S_NOT_FOUND);
    assert_int_equal(none.rc, ERR_NOT_FOUND);
    assert_non_null(strstr(none.err.msg, "get flinkjobs a/j: 404 NotFound: "));
}

static void patches_and_subresources(void **state) {
    put_job();
    AUTO_ANSWER a =
        send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", NULL,
                  "{\"spec\":{\"sql\":null,\"parallelism\":3},\"status\":{\"state\":1}}");
    assert_ok(a.rc, &a.err);
    assert_path("j", "spec", "{\"parallelism\":3}");
    assert_path("j", "status", NULL);
    AUTO_ANSWER b = send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", "status",
                              "{\"spec\":{\"parallelism\":9},\"status\":{\"state\":\"Running\"}}");
    assert_ok(b.rc, &b.err);
    assert_path("j", "spec", "{\"parallelism\":3}");
    assert_path("j", "status.state", "Running");
    assert_path("j", "metadata.generation", "2");
    AUTO_ANSWER c = send_text(K8S_JSON_PATCH, K8S_FLINKJOBS, "j", NULL,
                              "[{\"op\":\"test\",\"path\":\"/spec/parallelism\",\"value\":3},"
                              "{\"op\":\"replace\",\"path\":\"/spec/parallelism\",\"value\":4}]");
    assert_ok(c.rc, &c.err);
    assert_path("j", "spec.parallelism", "4");
    AUTO_ANSWER d =
        send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", "scale", "{\"spec\":{\"replicas\":6}}");
    assert_ok(d.rc, &d.err);
    assert_string_equal(at_path(d.object, "kind"), "Scale");
    assert_path("j", "spec.parallelism", "6");
    AUTO_ANSWER e = send_text(K8S_APPLY, K8S_FLINKJOBS, "j", "status",
                              "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\","
                              "\"status\":{\"lag\":5}}");
    assert_ok(e.rc, &e.err);
    assert_path("j", "status", "{\"state\":\"Running\",\"lag\":5}");
    AUTO_ANSWER log = send_text(K8S_GET, K8S_PODS, "p", "log", NULL);
    assert_ok(log.rc, &log.err);
    assert_null(log.object);
    assert_string_equal(log.text, "line 1\nline 2\n");
}

static struct answer apply(const char *manager, bool force, const char *spec) {
    AUTO_JSON *body = k8s_object_new(K8S_FLINKJOBS, "a", "s");
    struct err e = ERR_INIT;
    cJSON *j;
    assert_ok(json_parse(spec, strlen(spec), &j, &e), &e);
    json_set(body, "spec", j);
    return k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_APPLY,
                                                    .resource = K8S_FLINKJOBS,
                                                    .ns = "a",
                                                    .name = "s",
                                                    .body = body,
                                                    .force = force,
                                                    .field_manager = manager});
}

static void apply_owns_fields(void **state) {
    AUTO_ANSWER a = apply("one", false, "{\"parallelism\":1,\"sql\":\"x\"}");
    assert_ok(a.rc, &a.err); /* it creates */
    AUTO_ANSWER b = apply("two", false, "{\"log\":{\"level\":\"info\"}}");
    assert_ok(b.rc, &b.err);
    AUTO_ANSWER c = apply("two", false, "{\"parallelism\":5}");
    assert_int_equal(c.reason, K8S_CONFLICT);
    assert_int_equal(c.err.cls, ERR_CLASS_USER);
    assert_non_null(strstr(c.err.msg, "conflict with \"one\""));
    AUTO_ANSWER d = apply("two", true, "{\"parallelism\":5}");
    assert_ok(d.rc, &d.err);
    /* What a manager doesn't give any more, it had alone: gone. */
    assert_path("s", "spec", "{\"parallelism\":5,\"sql\":\"x\"}");
    uint64_t version = fake_api_resource_version(rig.api);
    AUTO_ANSWER e = apply("two", true, "{\"parallelism\":5}");
    assert_ok(e.rc, &e.err);
    assert_int_equal(fake_api_resource_version(rig.api), version); /* nothing changed */
    AUTO_ANSWER f = apply("one", false, "{}");
    assert_ok(f.rc, &f.err);
    assert_path("s", "spec", "{\"parallelism\":5}");
}

static void dry_run_stores_nothing(void **state) {
    AUTO_ANSWER a = k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_CREATE,
                                                             .resource = K8S_FLINKJOBS,
                                                             .ns = "a",
                                                             .body_text = job_text,
                                                             .dry_run = true});
    assert_ok(a.rc, &a.err);
    assert_int_equal(fake_api_count(rig.api, K8S_FLINKJOBS, NULL), 0);
}

static void put_owned(const char *kind, const char *name, const char *owner_name) {
    AUTO_JSON *owner = fake_api_get(rig.api, K8S_FLINKJOBS, "a", owner_name);
    const struct k8s_resource *r = k8s_resource_of_kind("", kind);
    AUTO_JSON *o = k8s_object_new(r, "a", name);
    AUTO_STR text = STR_INIT;
    struct err e = ERR_INIT;
    assert_ok(k8s_set_controller(o, owner, true, &e), &e);
    json_print(o, &text);
    fake_api_put(rig.api, r, str_text(&text));
}

static struct answer delete_job(enum k8s_propagation how, const char *uid) {
    return k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_DELETE,
                                                    .resource = K8S_FLINKJOBS,
                                                    .ns = "a",
                                                    .name = "j",
                                                    .propagation = how,
                                                    .if_uid = uid});
}

static void deletes(void **state) {
    put_job();
    put_owned("Pod", "p", "j");
    put_owned("Service", "s", "j");
    AUTO_ANSWER wrong = delete_job(K8S_BACKGROUND, "another");
    assert_int_equal(wrong.reason, K8S_CONFLICT);
    AUTO_ANSWER orphan = delete_job(K8S_ORPHAN, NULL);
    assert_ok(orphan.rc, &orphan.err);
    assert_int_equal(fake_api_count(rig.api, K8S_PODS, "a"), 1);
    put_job();
    put_owned("ConfigMap", "c", "j");
    AUTO_JSON *job = fake_api_get(rig.api, K8S_FLINKJOBS, "a", "j");
    AUTO_ANSWER right = delete_job(K8S_BACKGROUND, k8s_meta_uid(job));
    assert_ok(right.rc, &right.err);
    assert_int_equal(fake_api_count(rig.api, K8S_CONFIGMAPS, "a"), 0); /* collected */
    assert_int_equal(fake_api_count(rig.api, K8S_PODS, "a"), 1);       /* an orphan */

    /* A pod on a node stays until its processes have ended; the foreground owner waits for it. */
    put_job();
    put_owned("Pod", "q", "j");
    fake_api_patch(rig.api, K8S_PODS, "a", "q", "{\"spec\":{\"nodeName\":\"n\"}}");
    AUTO_ANSWER fg = delete_job(K8S_FOREGROUND, NULL);
    assert_ok(fg.rc, &fg.err);
    assert_true(k8s_meta_deleting(fg.object));
    assert_int_equal(fake_api_count(rig.api, K8S_FLINKJOBS, "a"), 1);
    fake_api_finish_pod(rig.api, "a", "q");
    assert_int_equal(fake_api_count(rig.api, K8S_FLINKJOBS, "a"), 0);

    AUTO_ANSWER many =
        k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_DELETE_MANY,
                                                 .resource = K8S_PODS,
                                                 .ns = "a",
                                                 .field_selector = "metadata.name=p"});
    assert_ok(many.rc, &many.err);
    assert_int_equal(fake_api_count(rig.api, K8S_PODS, "a"), 0);
}

static bool pod_is_gone(struct fake_api *f, void *arg) {
    return fake_api_count(f, K8S_PODS, NULL) == 0;
}

static void pods_end_at_once_when_told(void **state) {
    fake_api_put(
        rig.api, K8S_PODS,
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"},\"spec\":{\"nodeName\":\"n\"}}");
    AUTO_ANSWER slow = send_text(K8S_DELETE, K8S_PODS, "p", NULL, NULL);
    assert_ok(slow.rc, &slow.err);
    assert_false(pod_is_gone(rig.api, NULL));
    AUTO_ANSWER now = k8s_rig_send(
        &rig, &(struct k8s_request){
                  .verb = K8S_DELETE, .resource = K8S_PODS, .ns = "a", .name = "p", .grace_s = -1});
    assert_ok(now.rc, &now.err);
    assert_true(fake_api_wait(rig.api, pod_is_gone, NULL));
}

/* ---- lists ---- */

struct names {
    char text[4096];
    int n, restarts;
};

static void take_name(void *self, struct sv object) {
    struct names *n = self;
    struct err e = ERR_INIT;
    AUTO_JSON *j = NULL;
    assert_ok(json_parse(object.ptr, object.len, &j, &e), &e);
    size_t len = strlen(n->text);
    snprintf(n->text + len, sizeof n->text - len, "%s ", k8s_meta_name(j));
    n->n++;
}

static void forget_names(void *self) {
    struct names *n = self;
    n->text[0] = 0;
    n->n = 0;
    n->restarts++;
}

static void put_pods(int n) {
    for (int i = 0; i < n; i++) {
        char text[256];
        snprintf(
            text, sizeof text,
            "{\"metadata\":{\"name\":\"p%02d\",\"namespace\":\"%s\",\"labels\":{\"odd\":\"%d\"}},"
            "\"spec\":{\"x\":\"{\\\"[\"}}",
            i, i % 3 ? "a" : "b", i % 2);
        fake_api_put(rig.api, K8S_PODS, text);
    }
}

static struct answer list_pods(struct names *n, const char *ns, const char *labels, int limit,
                               int max_items) {
    *n = (struct names){0};
    return k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_LIST,
                                                    .resource = K8S_PODS,
                                                    .ns = ns,
                                                    .label_selector = labels,
                                                    .limit = limit,
                                                    .max_items = max_items,
                                                    .on_item = take_name,
                                                    .on_restart = forget_names,
                                                    .self = n});
}

static void lists_come_in_pages(void **state) {
    struct names n;
    put_pods(7);
    AUTO_ANSWER a = list_pods(&n, NULL, NULL, 2, 0);
    assert_ok(a.rc, &a.err);
    assert_string_equal(n.text, "p01 p02 p04 p05 p00 p03 p06 ");
    assert_int_equal(strtoull(a.version, NULL, 10), fake_api_resource_version(rig.api));
    assert_int_equal(fake_api_requests(rig.api, "GET", "/api/v1/pods"), 4);
    AUTO_ANSWER b = list_pods(&n, "a", "odd=1,odd", 0, 0);
    assert_ok(b.rc, &b.err);
    assert_string_equal(n.text, "p01 p05 ");
    AUTO_ANSWER c = list_pods(&n, NULL, NULL, 2, 3);
    assert_ok(c.rc, &c.err);
    assert_string_equal(n.text, "p01 p02 p04 ");
    assert_int_equal(c.remaining, 4);
    AUTO_ANSWER d = list_pods(&n, "none", NULL, 0, 0);
    assert_ok(d.rc, &d.err);
    assert_int_equal(n.n, 0);
}

static void a_cut_page_comes_again(void **state) {
    struct names n;
    put_pods(4);
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_CUT_BODY, .path = "/pods"});
    AUTO_ANSWER a = list_pods(&n, NULL, NULL, 0, 0);
    assert_ok(a.rc, &a.err);
    /* The cut page's first objects had been told. */
    assert_true(n.n >= 4);
    const char *whole = "p01 p02 p00 p03 ";
    assert_string_equal(n.text + strlen(n.text) - strlen(whole), whole);
}

struct gone_after {
    struct names names;
    bool done;
};

static void take_and_compact(void *self, struct sv object) {
    struct gone_after *g = self;
    take_name(&g->names, object);
    if (g->names.n != 2 || g->done) return;
    g->done = true;
    fake_api_patch(rig.api, K8S_PODS, "a", "p01", "{\"spec\":{\"y\":1}}");
    fake_api_compact(rig.api);
}

static void forget_gone(void *self) {
    forget_names(&((struct gone_after *)self)->names);
}

static void an_old_continue_token_starts_anew(void **state) {
    struct gone_after g = {0};
    put_pods(4);
    AUTO_ANSWER a = k8s_rig_send(&rig, &(struct k8s_request){.verb = K8S_LIST,
                                                             .resource = K8S_PODS,
                                                             .limit = 2,
                                                             .on_item = take_and_compact,
                                                             .on_restart = forget_gone,
                                                             .self = &g});
    assert_ok(a.rc, &a.err);
    assert_int_equal(g.names.restarts, 1);
    assert_string_equal(g.names.text, "p01 p02 p00 p03 ");
}

/* ---- faults ---- */

static void status_fault(int status, int times, int retry_after_s) {
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_STATUS,
                                                 .path = "/flinkjobs",
                                                 .status = status,
                                                 .times = times,
                                                 .retry_after_s = retry_after_s});
}

static void transient_failures_are_repeated(void **state) {
    put_job();
    status_fault(500, 1, 0);
    status_fault(503, 1, 0);
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_LOST_ANSWER, .method = "PATCH"});
    AUTO_ANSWER a =
        send_text(K8S_MERGE_PATCH, K8S_FLINKJOBS, "j", NULL, "{\"spec\":{\"parallelism\":8}}");
    assert_ok(a.rc, &a.err);
    assert_path("j", "spec.parallelism", "8");
    assert_path("j", "metadata.generation", "2"); /* twice the same is once */

    status_fault(500, -1, 0);
    struct k8s_request q = {
        .verb = K8S_GET, .resource = K8S_FLINKJOBS, .ns = "a", .name = "j", .attempts = 2};
    AUTO_ANSWER b = k8s_rig_send(&rig, &q);
    assert_int_equal(b.reason, K8S_SERVER_FAILED);
    assert_int_equal(b.err.cls, ERR_CLASS_RETRY);
    assert_int_equal(fake_api_requests(rig.api, "GET", "/flinkjobs/j"), 2);
}

static void retry_after_is_honoured(void **state) {
    int64_t begun_ns = clock_mono_ns();
    status_fault(429, 1, 1);
    put_job(); /* a create, too: 429 did nothing */
    assert_true(clock_mono_ns() - begun_ns >= 1000000000);
    assert_int_equal(fake_api_requests(rig.api, "POST", "/flinkjobs"), 2);
    status_fault(429, 1, 7);
    struct k8s_request q = {
        .verb = K8S_GET, .resource = K8S_FLINKJOBS, .ns = "a", .name = "j", .attempts = 1};
    AUTO_ANSWER a = k8s_rig_send(&rig, &q);
    assert_int_equal(a.reason, K8S_TOO_MANY);
    assert_int_equal(a.retry_after_ms, 7000);
}

static void a_create_isnt_repeated_blindly(void **state) {
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_LOST_ANSWER, .method = "POST"});
    AUTO_ANSWER a = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job_text);
    assert_int_equal(a.reason, K8S_NO_ANSWER);
    assert_int_equal(fake_api_requests(rig.api, "POST", "/flinkjobs"), 1);
    assert_int_equal(fake_api_count(rig.api, K8S_FLINKJOBS, "a"), 1);
}

static void refusals_say_why(void **state) {
    status_fault(422, 1, 0);
    AUTO_ANSWER a = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job_text);
    assert_int_equal(a.reason, K8S_INVALID);
    assert_int_equal(a.rc, ERR_VALIDATION);
    status_fault(403, 1, 0);
    AUTO_ANSWER b = send_text(K8S_CREATE, K8S_FLINKJOBS, NULL, NULL, job_text);
    assert_int_equal(b.reason, K8S_FORBIDDEN);
    assert_int_equal(b.err.cls, ERR_CLASS_USER);
    assert_string_equal(b.err.msg, "create flinkjobs a: 403 Forbidden: as scripted");
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_GARBAGE, .method = "GET"});
    AUTO_ANSWER c = send_text(K8S_GET, K8S_FLINKJOBS, "j", NULL, NULL);
    assert_int_equal(c.rc, ERR_PARSE);
    assert_int_equal(c.reason, K8S_OTHER);
    struct k8s_request bad = {.verb = K8S_GET, .resource = K8S_PODS, .ns = "a"};
    AUTO_ANSWER d = k8s_rig_send(&rig, &bad);
    assert_err(d.rc, ERR_INVALID, &d.err, "get pods : no name");
}

struct cancelling {
    uint64_t id;
    int done, dropped;
};
static void cancel_done(void *self, const struct k8s_result *r) {
    ((struct cancelling *)self)->done++;
}
static void cancel_dropped(void *self) {
    ((struct cancelling *)self)->dropped++;
}
static void begin_held(void *arg) {
    struct cancelling *c = arg;
    struct err e = ERR_INIT;
    struct k8s_request q = {.verb = K8S_GET,
                            .resource = K8S_PODS,
                            .ns = "a",
                            .name = "p",
                            .on_done = cancel_done,
                            .on_drop = cancel_dropped,
                            .self = c};
    assert_ok(k8s_send(rig.client, &q, &c->id, &e), &e);
}
static void cancel_it(void *arg) {
    k8s_cancel(rig.client, ((struct cancelling *)arg)->id);
}
static bool request_came(struct fake_api *f, void *arg) {
    return fake_api_requests(f, "GET", "/pods/p") == 1;
}
static bool nothing_pending(void *arg) {
    return k8s_pending(rig.client) == 0;
}

static void cancelled_is_dropped(void **state) {
    struct cancelling c = {0};
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_HOLD});
    k8s_rig_call(&rig, begin_held, &c);
    assert_true(fake_api_wait(rig.api, request_came, NULL));
    k8s_rig_call(&rig, cancel_it, &c);
    k8s_rig_wait(&rig, nothing_pending, NULL, "the request to go");
    fake_api_release(rig.api);
    assert_int_equal(c.done, 0);
    assert_int_equal(c.dropped, 1);
}

static void slow_answers_are_given_up(void **state) {
    struct fake_fault slow = {.kind = FAKE_SLOW, .path = "/flinkjobs/j", .delay_ms = 60000};
    put_job();
    fake_api_fault(rig.api, &slow);
    struct k8s_request q = {.verb = K8S_GET,
                            .resource = K8S_FLINKJOBS,
                            .ns = "a",
                            .name = "j",
                            .timeout_ms = 150,
                            .attempts = 1};
    AUTO_ANSWER a = k8s_rig_send(&rig, &q);
    assert_int_equal(a.reason, K8S_NO_ANSWER);
    assert_int_equal(a.rc, ERR_TIMEOUT);
    slow.delay_ms = 20; /* late, but in time */
    fake_api_fault(rig.api, &slow);
    q.timeout_ms = 0;
    AUTO_ANSWER b = k8s_rig_send(&rig, &q);
    assert_ok(b.rc, &b.err);
    slow.delay_ms = 60000;
    fake_api_fault(rig.api, &slow);
    q.timeout_ms = 1500;
    q.attempts = 2;
    AUTO_ANSWER c = k8s_rig_send(&rig, &q); /* the second one is answered */
    assert_ok(c.rc, &c.err);
    assert_int_equal(fake_api_requests(rig.api, "GET", "/flinkjobs/j"), 4);
}

static void skew_is_seen(void **state) {
    struct k8s_client_stats s;
    fake_api_skew(rig.api, -3600 * 1000);
    put_job();
    k8s_client_get_stats(rig.client, &s);
    assert_true(s.clock_skew_ms < -3590000 && s.clock_skew_ms > -3610000);
    assert_int_equal(s.requests, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(create_get_update_delete),
        T(patches_and_subresources),
        T(apply_owns_fields),
        T(dry_run_stores_nothing),
        T(deletes),
        T(pods_end_at_once_when_told),
        T(lists_come_in_pages),
        T(a_cut_page_comes_again),
        T(an_old_continue_token_starts_anew),
        T(transient_failures_are_repeated),
        T(retry_after_is_honoured),
        T(a_create_isnt_repeated_blindly),
        T(refusals_say_why),
        T(cancelled_is_dropped),
        T(slow_answers_are_given_up),
        T(skew_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
