/* events_test.c - Events as they stand on the server: repeats are counted, noise is bounded. */
#include "operator/k8s/events.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <stdio.h>
#include <stdlib.h>

static struct k8s_rig rig;
static struct k8s_events *events;

static void begin(void *arg) {
    events = k8s_events_new(&(struct k8s_events_options){
        .client = rig.client, .component = "penstock-operator", .instance = "pod-1"});
}
static void end(void *arg) {
    k8s_events_free(events);
}
static int setup(void **state) {
    k8s_rig_init(&rig, NULL, NULL);
    k8s_rig_call(&rig, begin, NULL);
    return 0;
}
static int teardown(void **state) {
    k8s_rig_call(&rig, end, NULL);
    k8s_rig_release(&rig);
    return 0;
}

struct news {
    const struct k8s_resource *resource;
    const char *uid, *reason, *message;
    bool warning;
    int times;
};

static void post(void *arg) {
    const struct news *n = arg;
    struct k8s_about about = {.resource = n->resource ? n->resource : K8S_FLINKJOBS,
                              .ns = "a",
                              .name = "flights",
                              .uid = n->uid ? n->uid : "u1",
                              .resource_version = "12"};
    for (int i = 0; i < n->times; i++)
        k8s_events_post(events, &about, n->warning, n->reason, NULL, n->message);
}
static void get_stats(void *arg) {
    k8s_events_get_stats(events, arg);
}
static struct k8s_events_stats stats(void) {
    struct k8s_events_stats s;
    k8s_rig_call(&rig, get_stats, &s);
    return s;
}
static bool nothing_pending(void *arg) {
    struct k8s_events_stats s;
    k8s_events_get_stats(events, &s);
    return s.pending == 0;
}
static void flush(void) {
    k8s_rig_wait(&rig, nothing_pending, NULL, "events to be written");
}

struct listed {
    cJSON *all;
};
static void take(void *self, struct sv object) {
    struct listed *l = self;
    cJSON *j = NULL;
    if (json_parse(object.ptr, object.len, &j, NULL) == 0) cJSON_AddItemToArray(l->all, j);
}
static cJSON *list(void) {
    struct listed l = {cJSON_CreateArray()};
    AUTO_ANSWER a = k8s_rig_send(
        &rig, &(struct k8s_request){
                  .verb = K8S_LIST, .resource = K8S_EVENTS, .on_item = take, .self = &l});
    assert_ok(a.rc, &a.err);
    return l.all;
}

static void an_event_has_all_fields(void **state) {
    k8s_rig_call(&rig, post, &(struct news){.reason = "Rescaled", .message = "to 4", .times = 1});
    flush();
    AUTO_JSON *all = list();
    assert_int_equal(cJSON_GetArraySize(all), 1);
    static const char *const want[][2] = {
        {"0.metadata.namespace", "a"},
        {"0.involvedObject.kind", "FlinkJob"},
        {"0.involvedObject.apiVersion", "penstock.dev/v1"},
        {"0.involvedObject.namespace", "a"},
        {"0.involvedObject.name", "flights"},
        {"0.involvedObject.uid", "u1"},
        {"0.type", "Normal"},
        {"0.reason", "Rescaled"},
        {"0.action", "Rescaled"},
        {"0.message", "to 4"},
        {"0.count", "1"},
        {"0.source.component", "penstock-operator"},
        {"0.reportingComponent", "penstock-operator"},
        {"0.reportingInstance", "pod-1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const char *got = at_path(all, want[i][0]);
        if (!got || strcmp(got, want[i][1]) != 0)
            fail_msg("%s: %s, want %s", want[i][0], got ? got : "(none)", want[i][1]);
    }
    assert_string_equal(at_path(all, "0.firstTimestamp"), at_path(all, "0.lastTimestamp"));
    assert_memory_equal(at_path(all, "0.metadata.name"), "flights.", 8);
}

static void repeats_are_counted(void **state) {
    struct news n = {.reason = "Failed", .message = "no such table", .warning = true, .times = 30};
    k8s_rig_call(&rig, post, &n);
    flush();
    n.times = 12;
    k8s_rig_call(&rig, post, &n); /* a second later in one write */
    flush();
    AUTO_JSON *all = list();
    assert_int_equal(cJSON_GetArraySize(all), 1);
    assert_string_equal(at_path(all, "0.count"), "42");
    assert_string_equal(at_path(all, "0.type"), "Warning");
    assert_int_equal(fake_api_requests(rig.api, "POST", "/events"), 1);
    assert_true(fake_api_requests(rig.api, "PATCH", "/events") <= 2);
    assert_int_equal(stats().repeated, 41);
}

static void noise_is_bounded(void **state) {
    char message[32];
    struct news n = {.reason = "Noise", .message = message, .times = 1};
    for (int i = 0; i < 100; i++) {
        snprintf(message, sizeof message, "number %d", i);
        k8s_rig_call(&rig, post, &n);
    }
    n.uid = "another";
    k8s_rig_call(&rig, post, &n); /* others still get through */
    flush();
    AUTO_JSON *all = list();
    assert_int_equal(cJSON_GetArraySize(all), K8S_EVENTS_BURST + 1);
    assert_int_equal(stats().dropped, 100 - K8S_EVENTS_BURST);
    assert_int_equal(stats().posted, 101);
}

static void the_queue_is_bounded(void **state) {
    char uid[32];
    struct news n = {.reason = "Many", .message = "x", .uid = uid, .times = 1};
    k8s_rig_hold(&rig); /* nothing is written */
    for (int i = 0; i < K8S_EVENTS_PENDING_MAX + 50; i++) {
        snprintf(uid, sizeof uid, "u%d", i);
        post(&n);
    }
    k8s_rig_let_go(&rig);
    flush();
    assert_int_equal(stats().dropped, 50);
    assert_int_equal(stats().written, K8S_EVENTS_PENDING_MAX);
    assert_int_equal(fake_api_count(rig.api, K8S_EVENTS, NULL), K8S_EVENTS_PENDING_MAX);
}

static void long_messages_are_cut_on_a_character(void **state) {
    AUTO_STR text = STR_INIT;
    for (int i = 0; i < 600; i++)
        str_add(&text, i ? "\xC3\xA9" : "x");
    k8s_rig_call(&rig, post,
                 &(struct news){.reason = "Long", .message = str_text(&text), .times = 1});
    flush();
    AUTO_JSON *all = list();
    const cJSON *message = cJSON_GetObjectItem(cJSON_GetArrayItem(all, 0), "message");
    assert_int_equal(strlen(message->valuestring), 999);
    assert_true(sv_is_utf8(sv_from(message->valuestring)));
}

static void one_that_is_gone_is_made_anew(void **state) {
    struct news n = {.reason = "Failed", .message = "again", .times = 1};
    k8s_rig_call(&rig, post, &n);
    flush();
    AUTO_JSON *all = list();
    fake_api_delete(rig.api, K8S_EVENTS, "a", at_path(all, "0.metadata.name"));
    k8s_rig_call(&rig, post, &n);
    flush();
    AUTO_JSON *anew = list();
    assert_int_equal(cJSON_GetArraySize(anew), 1);
    assert_string_equal(at_path(anew, "0.count"), "1");
}

static void a_namespace_that_goes_loses_them(void **state) {
    fake_api_fault(
        rig.api,
        &(struct fake_fault){.kind = FAKE_STATUS, .path = "/events", .status = 403, .times = -1});
    k8s_rig_call(&rig, post, &(struct news){.reason = "Late", .message = "x", .times = 1});
    flush();
    assert_int_equal(stats().dropped, 1);
    assert_int_equal(fake_api_requests(rig.api, "POST", "/events"), 1);
}

static void about_cluster_scoped_objects(void **state) {
    k8s_rig_call(&rig, post,
                 &(struct news){.resource = K8S_NODES, .reason = "X", .message = "x", .times = 1});
    flush();
    assert_int_equal(fake_api_count(rig.api, K8S_EVENTS, "default"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(an_event_has_all_fields),
        T(repeats_are_counted),
        T(noise_is_bounded),
        T(the_queue_is_bounded),
        T(long_messages_are_cut_on_a_character),
        T(one_that_is_gone_is_made_anew),
        T(a_namespace_that_goes_loses_them),
        T(about_cluster_scoped_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
