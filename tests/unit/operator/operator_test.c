/* operator_test.c - the whole operator against a fake API server: whatever fails on the way, the
 * objects are what they should be in the end. The test plays the kubelet; coordinators don't answer
 * here (tests/cluster has real ones), but leave results in their pods. */
#include "operator/operator.h"

#include "operator/k8s/meta.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS "jobs"
#define JOB_OF(isolation)                                                                          \
    "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\",\"metadata\":{\"name\":\"j\","      \
    "\"namespace\":\"" NS "\"},\"spec\":{\"sql\":\"x\",\"parallelism\":2,\"maxParallelism\":128,"  \
    "\"isolation\":\"" isolation "\"}}"
#define JOB JOB_OF("standard")

struct world {
    struct k8s_rig rig;
    struct operator* op;
};

static void begin(void *arg) {
    struct world *w = arg;
    struct err err = ERR_INIT;
    struct operator_options o = {.loop = w->rig.loop,
                                 .client = w->rig.client,
                                 .defaults = {.image = "image:1", .operator_ns = "ops"},
                                 .identity = "test"};
    assert_ok(operator_new(&o, &w->op, &err), &err);
    operator_start(w->op);
}

static void end(void *arg) {
    struct world *w = arg;
    operator_stop(w->op);
}

static bool is_idle(void *arg) {
    struct world *w = arg;
    return operator_idle(w->op);
}

static void close_it(void *arg) {
    struct world *w = arg;
    operator_close(w->op);
}

static void stop_operator(struct world *w) {
    k8s_rig_call(&w->rig, end, w);
    k8s_rig_wait(&w->rig, is_idle, w, "nothing in work");
    k8s_rig_call(&w->rig, close_it, w);
    operator_free(w->op);
}

static void set_up(struct world *w) {
    k8s_rig_init(&w->rig,
                 &(struct fake_api_options){.bookmark_ms = 200, .delete_pods_at_once = true}, NULL);
    k8s_rig_call(&w->rig, begin, w);
}

static void tear_down(struct world *w) {
    stop_operator(w);
    k8s_rig_release(&w->rig);
}

/* ---- what there is ---- */

struct wanted {
    const struct k8s_resource *resource;
    const char *name, *path, *value; /* value NULL: it isn't there */
};

static bool is_there(struct fake_api *f, void *arg) {
    const struct wanted *want = arg;
    AUTO_JSON *o = fake_api_get(f, want->resource, NS, want->name);
    if (!want->value) return !o;
    const char *v = o ? at_path(o, want->path) : NULL;
    return v && strstr(v, want->value);
}

static void expect(struct world *w, const struct k8s_resource *r, const char *name,
                   const char *path, const char *value) {
    struct wanted want = {r, name, path, value};
    if (fake_api_wait(w->rig.api, is_there, &want)) return;
    AUTO_JSON *o = fake_api_get(w->rig.api, r, NS, name);
    AUTO_STR text = STR_INIT;
    if (o) json_print(o, &text);
    fail_msg("%s/%s: %s isn't %s: %s", r->plural, name, path ? path : "it", value ? value : "gone",
             str_text(&text));
}

static void expect_state(struct world *w, const char *state) {
    expect(w, K8S_FLINKJOBS, "j", "status.state", state);
}

static void coordinator_runs(struct world *w, const char *name) {
    expect(w, K8S_PODS, name, "metadata.name", name);
    fake_api_patch(w->rig.api, K8S_PODS, NS, name,
                   "{\"status\":{\"phase\":\"Running\",\"podIP\":\"127.9.9.9\"}}");
}

static void coordinator_ends(struct world *w, const char *name, const char *phase,
                             const char *message) {
    AUTO_JSON *patch = cJSON_CreateObject();
    cJSON *status = cJSON_AddObjectToObject(patch, "status");
    json_set_str(status, "phase", phase);
    cJSON *list = cJSON_AddArrayToObject(status, "containerStatuses"), *c = cJSON_CreateObject();
    cJSON_AddItemToArray(list, c);
    json_set_str(c, "name", "penstock");
    cJSON *ended = cJSON_AddObjectToObject(cJSON_AddObjectToObject(c, "state"), "terminated");
    json_set_i64(ended, "exitCode", strcmp(phase, "Succeeded") != 0);
    json_set_str(ended, "message", message);
    AUTO_STR text = STR_INIT;
    json_print(patch, &text);
    fake_api_patch(w->rig.api, K8S_PODS, NS, name, str_text(&text));
}

static void expect_all(struct world *w) {
    expect(w, K8S_SERVICEACCOUNTS, "j", "metadata.name", "j");
    expect(w, K8S_SERVICES, "j", "metadata.name", "j");
    expect(w, K8S_PODDISRUPTIONBUDGETS, "j", "metadata.name", "j");
    expect(w, K8S_NETWORKPOLICIES, "j", "metadata.name", "j");
    expect(w, K8S_SECRETS, "j-keys", "metadata.name", "j-keys");
    expect(w, K8S_PODS, "j-1-worker-0", "metadata.name", "j-1-worker-0");
    expect(w, K8S_PODS, "j-1-worker-1", "metadata.name", "j-1-worker-1");
    assert_int_equal(fake_api_count(w->rig.api, K8S_PODS, NS), 3);
    assert_int_equal(fake_api_count(w->rig.api, K8S_CONFIGMAPS, NS), 1);
    assert_int_equal(fake_api_count(w->rig.api, K8S_SECRETS, NS), 1);
}

/* ---- tests ---- */

static void from_apply_to_delete(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect_state(&w, "Starting");
    coordinator_runs(&w, "j-1-coordinator");
    expect_all(&w);
    AUTO_JSON *worker = fake_api_get(w.rig.api, K8S_PODS, NS, "j-1-worker-0");
    AUTO_STR text = STR_INIT;
    json_print(worker, &text);
    assert_non_null(strstr(str_text(&text), "--coordinator=wss://127.9.9.9:8081"));
    AUTO_JSON *job = fake_api_get(w.rig.api, K8S_FLINKJOBS, NS, "j");
    assert_true(k8s_has_finalizer(job, JOB_FINALIZER));
    assert_true(k8s_is_owned_by(worker, k8s_meta_uid(job)));
    coordinator_ends(&w, "j-1-coordinator", "Succeeded", "{\"state\":\"finished\"}");
    expect_state(&w, "Finished");
    fake_api_delete(w.rig.api, K8S_FLINKJOBS, NS, "j");
    expect(&w, K8S_FLINKJOBS, "j", NULL, NULL);
    expect(&w, K8S_SECRETS, "j-keys", NULL, NULL);
    assert_int_equal(fake_api_count(w.rig.api, K8S_PODS, NS), 0);
    tear_down(&w);
}

static void bad_scripts_are_not_tried_again(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    coordinator_runs(&w, "j-1-coordinator");
    coordinator_ends(
        &w, "j-1-coordinator", "Failed",
        "{\"state\":\"failed\",\"error\":{\"class\":\"USER\",\"message\":\"no table\"}}");
    expect_state(&w, "Failed");
    expect(&w, K8S_FLINKJOBS, "j", "status.message", "no table");
    expect(&w, K8S_PODS, "j-1-worker-0", NULL, NULL);
    /* Mended, it runs. */
    fake_api_patch(w.rig.api, K8S_FLINKJOBS, NS, "j",
                   "{\"metadata\":{\"generation\":2},\"spec\":{\"sql\":\"y\"}}");
    coordinator_runs(&w, "j-2-coordinator");
    expect(&w, K8S_PODS, "j-2-worker-0", "metadata.name", "j-2-worker-0");
    expect(&w, K8S_PODS, "j-1-coordinator", NULL, NULL);
    tear_down(&w);
}

static void failures_are_tried_again(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    coordinator_runs(&w, "j-1-coordinator");
    coordinator_ends(&w, "j-1-coordinator", "Failed",
                     "{\"state\":\"failed\",\"error\":{\"class\":\"JOB\",\"message\":\"disk\"}}");
    expect(&w, K8S_FLINKJOBS, "j", "status.failure", "disk");
    coordinator_runs(&w, "j-2-coordinator"); /* after a second */
    expect(&w, K8S_FLINKJOBS, "j", "status.restarts", "1");
    tear_down(&w);
}

static void faults_change_nothing(void **state) {
    static const struct fake_fault faults[] = {
        {.kind = FAKE_STATUS, .method = "POST", .status = 500, .times = 2},
        {.kind = FAKE_STATUS, .method = "PATCH", .status = 503, .times = 2},
        {.kind = FAKE_STATUS, .method = "PATCH", .status = 409, .times = 2},
        {.kind = FAKE_STATUS, .status = 429, .times = 3},
        {.kind = FAKE_LOST_ANSWER, .method = "POST", .times = 2},
        {.kind = FAKE_LOST_ANSWER, .method = "PATCH", .times = 2},
        {.kind = FAKE_CUT_BODY, .method = "POST", .times = 2},
        {.kind = FAKE_GARBAGE, .method = "GET", .path = "secrets", .times = 1},
        {.kind = FAKE_SLOW, .delay_ms = 30, .times = 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct world w;
        set_up(&w);
        fake_api_fault(w.rig.api, &faults[i]);
        fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
        coordinator_runs(&w, "j-1-coordinator");
        expect_all(&w);
        tear_down(&w);
    }
}

static void watches_that_break_lose_nothing(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect(&w, K8S_PODS, "j-1-coordinator", "metadata.name", "j");
    fake_api_cut_watches(w.rig.api);
    coordinator_runs(&w, "j-1-coordinator");
    expect_all(&w);
    fake_api_gone_watches(w.rig.api);
    fake_api_compact(w.rig.api);
    coordinator_ends(&w, "j-1-coordinator", "Succeeded", "{\"state\":\"finished\"}");
    expect_state(&w, "Finished");
    tear_down(&w);
}

static void another_operator_goes_on(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect(&w, K8S_PODS, "j-1-coordinator", "metadata.name", "j");
    stop_operator(&w);
    fake_api_patch(w.rig.api, K8S_PODS, NS, "j-1-coordinator",
                   "{\"status\":{\"phase\":\"Running\",\"podIP\":\"127.9.9.9\"}}");
    uint64_t applied = fake_api_requests(w.rig.api, "PATCH", "/services/");
    k8s_rig_call(&w.rig, begin, &w);
    expect_all(&w);
    /* What was applied isn't again. */
    assert_int_equal(fake_api_requests(w.rig.api, "PATCH", "/services/"), applied);
    tear_down(&w);
}

/* Objects of the job's name that others own stay as they are. */
static void what_others_own_is_left_alone(void **state) {
    static const struct {
        const struct k8s_resource *const *resource;
        const char *kind;
    } cases[] = {{&K8S_SERVICES, "Service"}, {&K8S_SERVICEACCOUNTS, "ServiceAccount"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        AUTO_STR text = STR_INIT, want = STR_INIT;
        set_up(&w);
        str_addf(
            &text,
            "{\"apiVersion\":\"v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"j\",\"namespace\":"
            "\"" NS "\"},\"spec\":{\"selector\":{\"app\":\"web\"}}}",
            cases[i].kind);
        fake_api_put(w.rig.api, *cases[i].resource, str_text(&text));
        fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
        str_addf(&want, "%s 'j' isn't this job's: rename one of them", cases[i].kind);
        expect(&w, K8S_FLINKJOBS, "j", "status.conditions", str_text(&want));
        AUTO_JSON *o = fake_api_get(w.rig.api, *cases[i].resource, NS, "j");
        assert_null(json_opt(json_opt(o, "metadata"), "ownerReferences"));
        fake_api_delete(w.rig.api, *cases[i].resource, NS, "j");
        coordinator_runs(&w, "j-1-coordinator");
        expect_all(&w);
        tear_down(&w);
    }
}

static void policies_of_others_stay(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(
        w.rig.api, K8S_NETWORKPOLICIES,
        "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{"
        "\"name\":\"j\",\"namespace\":\"" NS "\"},\"spec\":{\"podSelector\":{}}}");
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB_OF("none"));
    expect(&w, K8S_PODS, "j-1-coordinator", "metadata.name", "j");
    expect(&w, K8S_NETWORKPOLICIES, "j", "metadata.name", "j");
    tear_down(&w);
}

static void a_deleted_secret_is_made_again(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    coordinator_runs(&w, "j-1-coordinator");
    expect_all(&w);
    AUTO_JSON *secret = fake_api_get(w.rig.api, K8S_SECRETS, NS, "j-keys");
    fake_api_delete(w.rig.api, K8S_SECRETS, NS, "j-keys");
    coordinator_ends(&w, "j-1-coordinator", "Failed",
                     "{\"state\":\"failed\",\"error\":{\"class\":\"JOB\",\"message\":\"disk\"}}");
    /* With the token that pods have. */
    expect(&w, K8S_SECRETS, "j-keys", "data.token", at_path(secret, "data.token"));
    expect(&w, K8S_PODS, "j-2-coordinator", "metadata.name", "j-2");
    tear_down(&w);
}

/* The operator never saw the job go: what it knows is of another. */
static void another_job_of_the_same_name(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect(&w, K8S_PODS, "j-1-coordinator", "metadata.name", "j");
    fake_api_stall_watches(w.rig.api, true);
    fake_api_patch(w.rig.api, K8S_FLINKJOBS, NS, "j", "{\"metadata\":{\"finalizers\":[]}}");
    fake_api_delete(w.rig.api, K8S_FLINKJOBS, NS, "j"); /* and what it owns */
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    AUTO_JSON *job = fake_api_get(w.rig.api, K8S_FLINKJOBS, NS, "j");
    fake_api_compact(w.rig.api);
    fake_api_stall_watches(w.rig.api, false);
    fake_api_cut_watches(w.rig.api);
    expect(&w, K8S_SECRETS, "j-keys", "metadata.ownerReferences", k8s_meta_uid(job));
    expect(&w, K8S_PODS, "j-1-coordinator", "metadata.ownerReferences", k8s_meta_uid(job));
    tear_down(&w);
}

struct listed {
    struct world *world;
    uint64_t more_than;
};

static bool pods_were_listed(struct fake_api *f, void *arg) {
    const struct listed *l = arg;
    return fake_api_requests(l->world->rig.api, "GET", "/pods") > l->more_than;
}

/* An operator that leads before it has seen the pods doesn't take them for lost. */
static void nothing_is_done_before_all_is_listed(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect(&w, K8S_PODS, "j-1-coordinator", "metadata.name", "j");
    stop_operator(&w);
    fake_api_patch(w.rig.api, K8S_PODS, NS, "j-1-coordinator",
                   "{\"status\":{\"phase\":\"Running\",\"podIP\":\"127.9.9.9\"}}");
    fake_api_patch(w.rig.api, K8S_FLINKJOBS, NS, "j",
                   "{\"status\":{\"state\":\"Running\",\"run\":{\"phase\":\"Started\"}}}");
    fake_api_fault(
        w.rig.api,
        &(struct fake_fault){
            .kind = FAKE_STATUS, .method = "GET", .path = "/pods", .status = 500, .times = -1});
    uint64_t lists = fake_api_requests(w.rig.api, "GET", "/pods");
    k8s_rig_call(&w.rig, begin, &w);
    struct listed l = {&w, lists + 3};
    assert_true(fake_api_wait(w.rig.api, pods_were_listed, &l));
    fake_api_clear_faults(w.rig.api);
    expect_all(&w);
    expect(&w, K8S_PODS, "j-2-coordinator", NULL, NULL);
    expect(&w, K8S_FLINKJOBS, "j", "status.restarts", "0");
    tear_down(&w);
}

static void refusals_are_shown(void **state) {
    struct world w;
    set_up(&w);
    fake_api_fault(
        w.rig.api,
        &(struct fake_fault){
            .kind = FAKE_STATUS, .method = "POST", .path = "/pods", .status = 403, .times = -1});
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect(&w, K8S_FLINKJOBS, "j", "status.conditions", "Refused");
    fake_api_clear_faults(w.rig.api);
    coordinator_runs(&w, "j-1-coordinator");
    expect_all(&w);
    tear_down(&w);
}

static void snapshots_wait_for_their_job(void **state) {
    struct world w;
    set_up(&w);
    fake_api_put(w.rig.api, K8S_FLINKSNAPSHOTS,
                 "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkSnapshot\",\"metadata\":{"
                 "\"name\":\"s\",\"namespace\":\"" NS "\"},\"spec\":{\"jobName\":\"j\"}}");
    expect(&w, K8S_FLINKSNAPSHOTS, "s", "status.message", "there is no FlinkJob 'j'");
    fake_api_put(w.rig.api, K8S_FLINKJOBS, JOB);
    expect(&w, K8S_FLINKSNAPSHOTS, "s", "status.message", "waits until FlinkJob 'j' runs");
    tear_down(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_apply_to_delete),
        cmocka_unit_test(bad_scripts_are_not_tried_again),
        cmocka_unit_test(failures_are_tried_again),
        cmocka_unit_test(faults_change_nothing),
        cmocka_unit_test(watches_that_break_lose_nothing),
        cmocka_unit_test(another_operator_goes_on),
        cmocka_unit_test(nothing_is_done_before_all_is_listed),
        cmocka_unit_test(what_others_own_is_left_alone),
        cmocka_unit_test(policies_of_others_stay),
        cmocka_unit_test(a_deleted_secret_is_made_again),
        cmocka_unit_test(another_job_of_the_same_name),
        cmocka_unit_test(refusals_are_shown),
        cmocka_unit_test(snapshots_wait_for_their_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
