/* lease_test.c - leader election: at most one leads, whatever clocks and connections do. */
#include "operator/k8s/lease.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Two replicas of a program, each with a loop of its own. */
struct replica {
    struct k8s_rig rig;
    struct k8s_lease *lease;
    const char *name;
    int started, stopped, released;
    int stop_code;
    char leader[64];
};

static struct replica one, two;

static void on_started(void *self) {
    ((struct replica *)self)->started++;
}
static void on_stopped(void *self, const struct err *err) {
    struct replica *r = self;
    r->stopped++;
    r->stop_code = err ? err->code : 0;
}
static void on_leader(void *self, const char *identity) {
    struct replica *r = self;
    snprintf(r->leader, sizeof r->leader, "%s", identity);
}
static void on_released(void *self) {
    ((struct replica *)self)->released++;
}

static struct k8s_lease_options options(struct replica *r) {
    return (struct k8s_lease_options){.client = r->rig.client,
                                      .ns = "ops",
                                      .name = "penstock-operator",
                                      .identity = r->name,
                                      .duration_ms = 1000,
                                      .renew_deadline_ms = 600,
                                      .retry_ms = 30,
                                      .on_started = on_started,
                                      .on_stopped = on_stopped,
                                      .on_leader = on_leader,
                                      .self = r};
}

static void begin(void *arg) {
    struct replica *r = arg;
    struct k8s_lease_options o = options(r);
    struct err e = ERR_INIT;
    CHECK(k8s_lease_new(&o, &r->lease, &e) == 0);
}
static void start(struct replica *r) {
    k8s_rig_call(&r->rig, begin, r);
}

static bool leads(void *arg) {
    struct replica *r = arg;
    return r->started == r->stopped + 1 && k8s_lease_is_leader(r->lease);
}
static void wait_leads(struct replica *r) {
    k8s_rig_wait(&r->rig, leads, r, r->name);
}
static bool has_stopped(void *arg) {
    struct replica *r = arg;
    return r->stopped > 0 && !k8s_lease_is_leader(r->lease);
}
static bool has_released(void *arg) {
    return ((struct replica *)arg)->released > 0;
}
static void begin_release(void *arg) {
    struct replica *r = arg;
    k8s_lease_release(r->lease, on_released);
}

static int setup(void **state) {
    one = (struct replica){.name = "one"};
    two = (struct replica){.name = "two"};
    k8s_rig_init(&one.rig, NULL, NULL);
    k8s_rig_init(&two.rig, NULL, k8s_config_plain(fake_api_url(one.rig.api), "ops", NULL, NULL));
    return 0;
}
static void free_lease(void *arg) {
    k8s_lease_free(((struct replica *)arg)->lease);
}
static int teardown(void **state) {
    k8s_rig_call(&two.rig, free_lease, &two);
    k8s_rig_call(&one.rig, free_lease, &one);
    k8s_rig_release(&two.rig);
    k8s_rig_release(&one.rig);
    return 0;
}

static void assert_record(const char *path, const char *want) {
    AUTO_JSON *j = fake_api_get(one.rig.api, K8S_LEASES, "ops", "penstock-operator");
    const char *got = at_path(j, path);
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s: %s, want %s", path, got ? got : "(none)", want);
}
static void change(const char *patch) {
    fake_api_patch(one.rig.api, K8S_LEASES, "ops", "penstock-operator", patch);
}
static int64_t ms_since(int64_t ns) {
    return (clock_mono_ns() - ns) / 1000000;
}
static bool record_is(struct fake_api *f, void *arg) {
    AUTO_JSON *j = fake_api_get(f, K8S_LEASES, "ops", "penstock-operator");
    const char *holder = j ? at_path(j, "spec.holderIdentity") : "";
    return strcmp(holder ? holder : "", arg) == 0;
}

/* ---- tests ---- */

static bool two_sees_one(void *arg) {
    return strcmp(two.leader, "one") == 0;
}

static void hands_over_when_released(void **state) {
    start(&one);
    wait_leads(&one);
    assert_record("spec.holderIdentity", "one");
    assert_record("spec.leaseDurationSeconds", "1");
    assert_record("spec.leaseTransitions", "0");
    start(&two);
    k8s_rig_wait(&two.rig, two_sees_one, NULL, "the other to see the leader");
    int64_t begun_ns = clock_mono_ns();
    k8s_rig_call(&one.rig, begin_release, &one);
    k8s_rig_wait(&one.rig, has_released, &one, "the release");
    wait_leads(&two);
    assert_true(ms_since(begun_ns) < 900); /* long before it would have run out */
    assert_record("spec.holderIdentity", "two");
    assert_record("spec.leaseTransitions", "1");
    assert_int_equal(one.stopped, 1);
    assert_int_equal(one.stop_code, 0);
    assert_int_equal(one.started, 1);
}

/* Its times say that it ran out long ago, but it is alive. */
static void times_in_the_record_dont_count(void **state) {
    char patch[128];
    fake_api_put(one.rig.api, K8S_LEASES,
                 "{\"metadata\":{\"name\":\"penstock-operator\",\"namespace\":\"ops\"},\"spec\":"
                 "{\"holderIdentity\":\"ghost\",\"leaseDurationSeconds\":1,"
                 "\"renewTime\":\"2001-01-01T00:00:00.000000Z\",\"leaseTransitions\":4}}");
    start(&one);
    int64_t begun_ns = clock_mono_ns();
    for (int i = 0; ms_since(begun_ns) < 1500; i++) {
        snprintf(patch, sizeof patch, "{\"spec\":{\"renewTime\":\"2001-01-01T00:%02d:%02d.0Z\"}}",
                 i / 60 % 60, i % 60);
        change(patch);
        usleep(20000);
    }
    assert_int_equal(one.started, 0);
    change("{\"spec\":{\"renewTime\":\"2101-01-01T00:00:00.000000Z\"}}"); /* and now it is dead */
    begun_ns = clock_mono_ns();
    wait_leads(&one);
    assert_true(ms_since(begun_ns) >= 990);
    assert_record("spec.leaseTransitions", "5");
}

/* A process that stood still must not believe that it leads when it wakes up. */
static void a_frozen_leader_has_lost(void **state) {
    start(&one);
    wait_leads(&one);
    start(&two);
    k8s_rig_wait(&two.rig, two_sees_one, NULL, "the other to see the leader");
    k8s_rig_hold(&one.rig);
    wait_leads(&two);
    assert_false(k8s_lease_is_leader(one.lease)); /* nobody has told it yet */
    assert_int_equal(one.stopped, 0);
    k8s_rig_let_go(&one.rig);
    k8s_rig_wait(&one.rig, has_stopped, &one, "the old leader to hear of it");
    wait_leads(&two);
    assert_int_equal(one.started, 1);
    assert_int_equal(two.stopped, 0);
}

static void unreachable_is_lost_in_time(void **state) {
    start(&one);
    wait_leads(&one);
    int64_t begun_ns = clock_mono_ns();
    fake_api_fault(
        one.rig.api,
        &(struct fake_fault){.kind = FAKE_STATUS, .path = "/leases", .status = 500, .times = -1});
    k8s_rig_wait(&one.rig, has_stopped, &one, "the leader to give up");
    assert_true(ms_since(begun_ns) < 1000);
    assert_int_equal(one.stop_code, ERR_UNAVAILABLE);
    fake_api_clear_faults(one.rig.api);
    wait_leads(&one);
    assert_int_equal(one.started, 2);
}

static void small_troubles_are_none(void **state) {
    struct fake_api *f = one.rig.api;
    start(&one);
    wait_leads(&one);
    for (int i = 0; i < 3; i++) {
        uint64_t puts = fake_api_requests(f, "PUT", NULL);
        fake_api_fault(f, &(struct fake_fault){.kind = FAKE_LOST_ANSWER, .method = "PUT"});
        fake_api_fault(f,
                       &(struct fake_fault){.kind = FAKE_STATUS, .method = "PUT", .status = 503});
        change("{\"metadata\":{\"annotations\":{\"touched\":\"by hand\"}}}");
        while (fake_api_requests(f, "PUT", NULL) < puts + 4)
            usleep(1000);
        change("{\"metadata\":{\"annotations\":null}}");
    }
    fake_api_delete(f, K8S_LEASES, "ops", "penstock-operator");
    assert_true(fake_api_wait(f, record_is, "one"));
    wait_leads(&one);
    assert_int_equal(one.started, 1);
    assert_int_equal(one.stopped, 0);
}

static void another_takes_it_by_force(void **state) {
    start(&one);
    wait_leads(&one);
    change("{\"spec\":{\"holderIdentity\":\"usurper\"}}");
    k8s_rig_wait(&one.rig, has_stopped, &one, "the leader to see it");
    assert_int_equal(one.stop_code, ERR_EXISTS);
    assert_string_equal(one.leader, "usurper");
}

static void release_without_leading(void **state) {
    start(&one);
    wait_leads(&one);
    start(&two);
    k8s_rig_wait(&two.rig, two_sees_one, NULL, "the other to see the leader");
    k8s_rig_call(&two.rig, begin_release, &two);
    k8s_rig_wait(&two.rig, has_released, &two, "the release");
    assert_int_equal(two.stopped, 0);
    assert_record("spec.holderIdentity", "one");
    /* Also when the server doesn't answer. */
    fake_api_fault(
        one.rig.api,
        &(struct fake_fault){.kind = FAKE_STATUS, .path = "/leases", .status = 500, .times = -1});
    k8s_rig_call(&one.rig, begin_release, &one);
    k8s_rig_wait(&one.rig, has_released, &one, "the release");
    assert_int_equal(one.stopped, 1);
}

static void times_must_make_sense(void **state) {
    static const int64_t rows[][3] = {{1500, 1000, 100},
                                      {500, 200, 100},
                                      {1000, 1000, 100},
                                      {2000, 1000, 1000},
                                      {15000, 20000, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct k8s_lease_options o = options(&one);
        struct k8s_lease *l;
        struct err e = ERR_INIT;
        o.duration_ms = rows[i][0];
        o.renew_deadline_ms = rows[i][1];
        o.retry_ms = rows[i][2];
        assert_err(k8s_lease_new(&o, &l, &e), ERR_INVALID, &e, "lease");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(hands_over_when_released), T(times_in_the_record_dont_count),
        T(a_frozen_leader_has_lost), T(unreachable_is_lost_in_time),
        T(small_troubles_are_none),  T(another_takes_it_by_force),
        T(release_without_leading),  T(times_must_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
