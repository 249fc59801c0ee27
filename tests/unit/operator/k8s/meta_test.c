/* meta_test.c - owners, times, finalizers. */
#include "operator/k8s/meta.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <semaphore.h>
#include <stdlib.h>

static cJSON *parse(const char *text) {
    struct err e = ERR_INIT;
    cJSON *j;
    assert_ok(json_parse(text, strlen(text), &j, &e), &e);
    return j;
}

static void assert_json(const cJSON *j, const char *want) {
    AUTO_STR s = STR_INIT;
    json_print(j, &s);
    assert_string_equal(str_text(&s), want);
}

static void paths(void **state) {
    AUTO_STR s = STR_INIT;
    k8s_resource_path(K8S_FLINKJOBS, "a", "x", "status", &s);
    assert_string_equal(str_text(&s), "/apis/penstock.dev/v1/namespaces/a/flinkjobs/x/status");
    str_clear(&s);
    k8s_resource_path(K8S_PODS, "", NULL, NULL, &s);
    assert_string_equal(str_text(&s), "/api/v1/pods");
    str_clear(&s);
    k8s_resource_path(K8S_NODES, "a", "n/../x", NULL, &s);
    assert_string_equal(str_text(&s), "/api/v1/nodes/n%2F..%2Fx");
    assert_ptr_equal(k8s_resource_of_kind(NULL, "FlinkJob"), K8S_FLINKJOBS);
    assert_ptr_equal(k8s_resource_of_kind("apps", "Deployment"), K8S_DEPLOYMENTS);
    assert_null(k8s_resource_of_kind("apps", "Pod"));
}

static void metadata(void **state) {
    AUTO_JSON *o = k8s_object_new(K8S_SERVICES, "a", "x");
    k8s_meta_set_label(o, "app", "y");
    k8s_meta_set_annotation(o, "n", "1");
    k8s_meta_set_annotation(o, "n", NULL);
    assert_json(o, "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x\","
                   "\"namespace\":\"a\",\"labels\":{\"app\":\"y\"},\"annotations\":{}}}");
    assert_string_equal(k8s_meta_label(o, "app"), "y");
    assert_null(k8s_meta_label(o, "none"));
    assert_string_equal(k8s_meta_uid(o), "");
    assert_int_equal(k8s_meta_generation(o), 0);
    AUTO_JSON *empty = cJSON_CreateObject();
    assert_string_equal(k8s_meta_name(empty), "");
    assert_false(k8s_meta_deleting(empty));
}

static void owners(void **state) {
    struct err e = ERR_INIT;
    AUTO_JSON *owner = parse("{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\","
                             "\"metadata\":{\"name\":\"j\",\"uid\":\"u1\"}}");
    AUTO_JSON *pod =
        parse("{\"metadata\":{\"ownerReferences\":[{\"uid\":\"u0\"},{\"uid\":\"u1\"}]}}");
    assert_ok(k8s_set_controller(pod, owner, true, &e), &e);
    assert_json(pod, "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"u0\"},{\"apiVersion\":"
                     "\"penstock.dev/v1\",\"kind\":\"FlinkJob\",\"name\":\"j\",\"uid\":\"u1\","
                     "\"controller\":true,\"blockOwnerDeletion\":true}]}}");
    assert_string_equal(k8s_controller_uid(pod), "u1");
    assert_true(k8s_is_owned_by(pod, "u0"));
    assert_false(k8s_is_owned_by(pod, "u2"));
    AUTO_JSON *nobody =
        parse("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"}}");
    assert_err(k8s_set_controller(pod, nobody, true, &e), ERR_INVALID, &e, "no uid");
    assert_string_equal(k8s_controller_uid(nobody), "");
}

static void times(void **state) {
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"2026-11-22T18:20:00Z", 1795371600000},
                {"2026-11-22T18:20:00.123456Z", 1795371600123},
                {"2026-11-22T20:20:00.5+02:00", 1795371600500},
                {"2026-11-22T14:50:00-03:30", 1795371600000},
                {"1969-12-31T23:59:59.999Z", -1}};
    static const char *const bad[] = {
        "", "2026-11-22", "2026-11-22T18:20:00", "2026-11-22T18:20:00Zx", "2026-11-22T18:20:00+2",
        "x"};
    struct err e = ERR_INIT;
    int64_t ms;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(k8s_time_parse(good[i].text, &ms, &e), &e);
        if (ms != good[i].ms) fail_msg("%s: %lld", good[i].text, (long long)ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (k8s_time_parse(bad[i], &ms, &e) != ERR_INVALID) fail_msg("took %s", bad[i]);
    }
    AUTO_STR s = STR_INIT;
    k8s_time_text(1795371600123, &s);
    k8s_micro_time_text(1795371600123, &s);
    k8s_micro_time_text(-1, &s);
    assert_string_equal(str_text(&s), "2026-11-22T18:20:00Z2026-11-22T18:20:00.123000Z"
                                      "1969-12-31T23:59:59.999000Z");
}

/* ---- finalizers, on a server ---- */

static struct k8s_rig rig;

static int setup(void **state) {
    k8s_rig_init(&rig, NULL, NULL);
    fake_api_put(
        rig.api, K8S_FLINKJOBS,
        "{\"metadata\":{\"name\":\"j\",\"namespace\":\"a\",\"finalizers\":[\"x/other\"]}}");
    return 0;
}
static int teardown(void **state) {
    k8s_rig_release(&rig);
    return 0;
}

struct setting {
    const char *name, *uid;
    bool present;
    int rc;
    enum k8s_reason reason;
    bool has_object;
    sem_t done;
};
static void on_set(void *self, const struct k8s_result *r) {
    struct setting *s = self;
    s->rc = r->rc;
    s->reason = r->reason;
    s->has_object = r->object != NULL;
    sem_post(&s->done);
}
static void set_it(void *arg) {
    struct setting *s = arg;
    struct err e = ERR_INIT;
    CHECK(k8s_finalizer_set(rig.client, K8S_FLINKJOBS, "a", s->name, s->uid, "penstock.dev/job",
                            s->present, on_set, s, &e) == 0);
}
static struct setting set(const char *name, const char *uid, bool present) {
    struct setting s = {.name = name, .uid = uid, .present = present};
    sem_init(&s.done, 0, 0);
    k8s_rig_call(&rig, set_it, &s);
    sem_wait(&s.done);
    return s;
}
static void assert_finalizers(const char *want) {
    AUTO_JSON *j = fake_api_get(rig.api, K8S_FLINKJOBS, "a", "j");
    const char *got = at_path(j, "metadata.finalizers");
    assert_string_equal(got ? got : "none", want);
}

static void finalizers_come_and_go(void **state) {
    assert_int_equal(set("j", NULL, true).rc, 0);
    assert_finalizers("[\"x/other\",\"penstock.dev/job\"]");
    uint64_t version = fake_api_resource_version(rig.api);
    assert_int_equal(set("j", NULL, true).rc, 0);
    assert_int_equal(fake_api_resource_version(rig.api), version);
    fake_api_delete(rig.api, K8S_FLINKJOBS, "a", "j");
    assert_int_equal(set("j", NULL, false).rc, 0);
    assert_finalizers("[\"x/other\"]");
    struct setting late = set("j", NULL, true);
    assert_int_equal(late.reason, K8S_CONFLICT); /* it is being deleted */
    fake_api_patch(rig.api, K8S_FLINKJOBS, "a", "j", "{\"metadata\":{\"finalizers\":[]}}");
    assert_int_equal(fake_api_count(rig.api, K8S_FLINKJOBS, NULL), 0);
    struct setting gone = set("j", NULL, false);
    assert_int_equal(gone.rc, 0);
    assert_false(gone.has_object);
    assert_int_equal(set("j", NULL, true).reason, K8S_NOT_FOUND);
}

static void another_of_that_name_is_left_alone(void **state) {
    assert_int_equal(set("j", NULL, true).rc, 0);
    struct setting s = set("j", "of-an-earlier-one", false);
    assert_int_equal(s.rc, 0);
    assert_finalizers("[\"x/other\",\"penstock.dev/job\"]");
}

static void conflicts_and_faults_are_overcome(void **state) {
    fake_api_fault(rig.api, &(struct fake_fault){
                                .kind = FAKE_STATUS, .method = "PATCH", .status = 409, .times = 3});
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_LOST_ANSWER, .method = "PATCH"});
    fake_api_fault(rig.api,
                   &(struct fake_fault){.kind = FAKE_STATUS, .method = "GET", .status = 500});
    struct setting s = set("j", NULL, true);
    assert_int_equal(s.rc, 0);
    assert_true(s.has_object);
    assert_finalizers("[\"x/other\",\"penstock.dev/job\"]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        cmocka_unit_test(paths),
        cmocka_unit_test(metadata),
        cmocka_unit_test(owners),
        cmocka_unit_test(times),
        T(finalizers_come_and_go),
        T(another_of_that_name_is_left_alone),
        T(conflicts_and_faults_are_overcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
