/* objects_test.c - a job's Kubernetes objects, compared with tests/data/operator as they stand
 * (UPDATE=1 writes them anew), and the parts that they are made of. */
#include "operator/objects.h"

#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "operator/keys.h"
#include "operator/observe.h"
#include "operator/overlay.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/data/operator/"

static const char PLAIN[] =
    "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\",\"metadata\":{\"name\":\"flights\","
    "\"namespace\":\"air\",\"uid\":\"1-2-3\",\"generation\":1},\"spec\":{\"sql\":\"INSERT INTO b "
    "SELECT * FROM a\",\"parallelism\":2,\"maxParallelism\":128,\"isolation\":\"standard\"}}";

static const char RICH[] =
    "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\",\"metadata\":{\"name\":\"rich\","
    "\"namespace\":\"air\",\"uid\":\"4-5-6\",\"generation\":7},\"spec\":{\"sql\":\"INSERT INTO b "
    "SELECT * FROM a\",\"parallelism\":4,\"maxParallelism\":64,\"isolation\":\"strict\",\"image\":"
    "\"reg/p:9\",\"imagePullPolicy\":\"Always\",\"imagePullSecrets\":[{\"name\":\"pull\"}],"
    "\"log\":{\"level\":\"warn\",\"format\":\"json\",\"modules\":{\"fs\":\"debug\"}},"
    "\"fileSystems\":[{\"prefix\":\"s3:\",\"type\":\"s3\",\"secret\":{\"name\":\"keys\"}},"
    "{\"prefix\":\"s3://x\",\"type\":\"s3\",\"secret\":{\"name\":\"keys\"}}],"
    "\"workers\":{\"slots\":2,\"resources\":{\"limits\":{\"cpu\":2,\"memory\":\"1Gi\"}},"
    "\"podTemplate\":{\"metadata\":{\"labels\":{\"team\":\"x\",\"penstock.dev/job\":\"stolen\"}},"
    "\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"},\"tolerations\":[{\"operator\":\"Exists\"}],"
    "\"terminationGracePeriodSeconds\":null,\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}}],"
    "\"containers\":[{\"name\":\"penstock\",\"env\":[{\"name\":\"A\",\"value\":\"b\"}],"
    "\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/data\"}]},{\"name\":\"side\",\"image\":"
    "\"s:1\"}]}}},\"coordinator\":{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}}}";

static const struct job_defaults DEFAULTS = {.image = "penstock:1", .operator_ns = "ops"};

struct fixture {
    struct arena arena;
    cJSON *object;
    struct job job;
};

static void set_up(struct fixture *f, const char *text) {
    struct err err = ERR_INIT;
    arena_init(&f->arena);
    assert_ok(json_parse(text, strlen(text), &f->object, &err), &err);
    assert_ok(job_read(&f->arena, f->object, NULL, &DEFAULTS, &f->job, &err), &err);
}

static void tear_down(struct fixture *f) {
    cJSON_Delete(f->object);
    arena_release(&f->arena);
}

static void compare(const char *name, const cJSON *objects) {
    AUTO_STR path = STR_INIT, text = STR_INIT, want = STR_INIT;
    str_addf(&path, GOLDEN "%s.json", name);
    json_print_pretty(objects, &text);
    str_add(&text, "\n");
    if (getenv("UPDATE")) {
        FILE *f = fopen(str_text(&path), "w");
        assert_non_null(f);
        fputs(str_text(&text), f);
        fclose(f);
        return;
    }
    FILE *f = fopen(str_text(&path), "r");
    assert_non_null(f);
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        str_add_n(&want, buf, n);
    fclose(f);
    assert_string_equal(str_text(&text), str_text(&want));
}

static cJSON *all_objects(struct fixture *f) {
    cJSON *list = objects_base(&f->job, &DEFAULTS, 3);
    cJSON_AddItemToArray(list, objects_spec(&f->job));
    cJSON_AddItemToArray(list, objects_coordinator(&f->job, 3, 2, f->job.hash, true));
    cJSON_AddItemToArray(list, objects_worker(&f->job, 3, 1, "10.1.2.3"));
    return list;
}

static void as_they_should_be(void **state) {
    static const struct { const char *name, *text; } jobs[] = {{"plain", PLAIN}, {"rich", RICH}};
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        struct fixture f;
        set_up(&f, jobs[i].text);
        AUTO_JSON *list = all_objects(&f), *again = all_objects(&f);
        assert_true(cJSON_Compare(list, again, true));
        compare(jobs[i].name, list);
        tear_down(&f);
    }
}

/* What the Pod Security Standard "restricted" asks of a pod. */
static void pods_are_restricted(void **state) {
    struct fixture f;
    set_up(&f, RICH);
    AUTO_JSON *list = all_objects(&f);
    const cJSON *o;
    int pods = 0;
    cJSON_ArrayForEach(o, list) {
        if (strcmp(json_opt_str(o, "kind", ""), "Pod")) continue;
        pods++;
        const cJSON *spec = json_opt(o, "spec"), *c = json_opt(spec, "containers")->child;
        const cJSON *s = json_opt(c, "securityContext");
        assert_true(json_opt_bool(json_opt(spec, "securityContext"), "runAsNonRoot", false));
        assert_false(json_opt_bool(s, "allowPrivilegeEscalation", true));
        assert_string_equal(json_opt(json_opt(s, "capabilities"), "drop")->child->valuestring,
                            "ALL");
        assert_string_equal(json_opt_str(json_opt(s, "seccompProfile"), "type", ""),
                            "RuntimeDefault");
        assert_false(json_opt_bool(spec, "automountServiceAccountToken", true));
        AUTO_STR text = STR_INIT;
        json_print(o, &text);
        assert_null(strstr(str_text(&text), "hostPath"));
        /* The user's template can't take our labels. */
        assert_string_equal(k8s_meta_label(o, JOB_LABEL), "rich");
    }
    assert_int_equal(pods, 2);
    tear_down(&f);
}

static void isolation_none_has_no_policy(void **state) {
    struct fixture f;
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    AUTO_STR text = STR_INIT;
    assert_ok(json_parse(PLAIN, strlen(PLAIN), &j, &err), &err);
    json_set_str(cJSON_GetObjectItem(j, "spec"), "isolation", "none");
    json_print(j, &text);
    set_up(&f, str_text(&text));
    AUTO_JSON *list = all_objects(&f);
    const cJSON *o;
    cJSON_ArrayForEach(o, list) {
        assert_string_not_equal(json_opt_str(o, "kind", ""), "NetworkPolicy");
        if (!strcmp(json_opt_str(o, "kind", ""), "Pod"))
            assert_int_equal(
                cJSON_GetArraySize(json_opt(
                    json_opt(json_opt(json_opt(o, "spec"), "containers")->child, "resources"),
                    "limits")),
                0);
    }
    tear_down(&f);
}

/* Pods of a run whose spec isn't the present one are made from its ConfigMap. */
static void spec_comes_back(void **state) {
    struct fixture f;
    struct err err = ERR_INIT;
    set_up(&f, RICH);
    AUTO_JSON *map = objects_spec(&f.job), *bare = NULL, *object = NULL;
    assert_ok(json_parse(PLAIN, strlen(PLAIN), &bare, &err), &err);
    json_set_str(f.object, "anything", "else");
    assert_ok(objects_spec_read(map, f.object, &object, &err), &err);
    assert_int_equal(cJSON_GetArraySize(object), 4); /* no copy of what isn't needed */
    struct job back;
    assert_ok(job_read(&f.arena, object, NULL, &DEFAULTS, &back, &err), &err);
    AUTO_JSON *a = objects_worker(&f.job, 3, 1, "10.1.2.3"),
              *b = objects_worker(&back, 3, 1, "10.1.2.3");
    assert_true(cJSON_Compare(a, b, true));
    AUTO_JSON *c = objects_coordinator(&f.job, 3, 3, f.job.hash, false),
              *d = objects_coordinator(&back, 3, 3, f.job.hash, false);
    assert_true(cJSON_Compare(c, d, true));
    cJSON_DeleteItemFromObject(cJSON_GetObjectItem(map, "data"), "job.json");
    cJSON *none;
    assert_int_equal(objects_spec_read(map, f.object, &none, &err), ERR_CORRUPT);
    tear_down(&f);
}

static void set_up_with(struct fixture *f, const char *more) {
    AUTO_STR text = STR_INIT;
    str_add_n(&text, PLAIN, strlen(PLAIN) - 2);
    str_addf(&text, "%s}}", more);
    set_up(f, str_text(&text));
}

/* What the schema leaves open, or a CRD of before let through. */
static void odd_specs_make_no_odd_pods(void **state) {
    static const struct {
        const char *more, *problem;
    } cases[] = {
        {",\"workers\":{\"podTemplate\":{\"metadata\":{\"labels\":[\"a\"]}}}",
         "spec.workers.podTemplate.metadata.labels must be a mapping"},
        {",\"coordinator\":{\"podTemplate\":{\"metadata\":{\"annotations\":\"a\"}}}",
         "spec.coordinator.podTemplate.metadata.annotations must be a mapping"},
        {",\"workers\":{\"podTemplate\":{\"metadata\":[1]}}",
         "spec.workers.podTemplate.metadata must be a mapping"},
        {",\"workers\":{\"podTemplate\":{\"spec\":[1]}}",
         "spec.workers.podTemplate.spec must be a mapping"},
        {",\"fileSystems\":[{\"prefix\":\"s3:\",\"type\":\"s3\",\"secret\":{\"name\":"
         "\"a\\\"b\"}}]",
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        set_up_with(&f, cases[i].more);
        if (cases[i].problem)
            assert_string_equal(f.job.problem, cases[i].problem);
        else
            assert_null(f.job.problem);
        AUTO_JSON *c = objects_coordinator(&f.job, 1, 1, "0123456789abcdef", false);
        AUTO_JSON *w = objects_worker(&f.job, 1, 0, "10.1.2.3");
        AUTO_STR text = STR_INIT;
        json_print(w, &text);
        if (!cases[i].problem) assert_non_null(strstr(str_text(&text), "a\\\"b"));
        tear_down(&f);
    }
}

static void requests_are_below_limits(void **state) {
    static const struct {
        const char *given, *want;
    } cases[] = {
        {"{\"requests\":{\"cpu\":\"1\"},\"limits\":{\"memory\":\"256Mi\"}}",
         "{\"requests\":{\"cpu\":\"1\",\"memory\":\"256Mi\"},\"limits\":{\"memory\":\"256Mi\"}}"},
        {"{\"requests\":{\"memory\":\"1Gi\"}}",
         "{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"},\"limits\":{\"memory\":\"1Gi\"}}"},
        {"{\"limits\":{\"cpu\":\"2\"}}",
         "{\"requests\":{\"cpu\":\"2\",\"memory\":\"512Mi\"},\"limits\":{\"cpu\":\"2\","
         "\"memory\":\"512Mi\"}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        AUTO_STR more = STR_INIT;
        str_addf(&more, ",\"workers\":{\"resources\":%s}", cases[i].given);
        set_up_with(&f, str_text(&more));
        AUTO_JSON *w = objects_worker(&f.job, 1, 0, "10.1.2.3");
        AUTO_JSON *want = cJSON_Parse(cases[i].want);
        assert_true(cJSON_Compare(
            json_opt(json_opt(json_opt(w, "spec"), "containers")->child, "resources"), want, true));
        tear_down(&f);
    }
}

static void overlays(void **state) {
    static const struct {
        const char *base, *patch, *want;
    } cases[] = {
        {"{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{\"d\":3}}", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}"},
        {"{\"a\":1}", "{\"a\":null}", "{}"},
        {"{\"a\":[1]}", "{\"a\":[2,3]}", "{\"a\":[2,3]}"},
        {"{\"env\":[{\"name\":\"x\",\"value\":\"1\"}]}",
         "{\"env\":[{\"name\":\"y\",\"value\":\"2\"},{\"name\":\"x\",\"value\":\"3\"}]}",
         "{\"env\":[{\"name\":\"x\",\"value\":\"3\"},{\"name\":\"y\",\"value\":\"2\"}]}"},
        {"{\"ports\":[{\"containerPort\":1,\"name\":\"a\"}]}",
         "{\"ports\":[{\"containerPort\":1,\"name\":\"b\"}]}",
         "{\"ports\":[{\"containerPort\":1,\"name\":\"b\"}]}"},
        {"{\"a\":{\"b\":1}}", "{\"a\":7}", "{\"a\":7}"},
        {"{\"a\":1}", "[\"b\"]", "{\"a\":1}"},
        {"{\"env\":[{\"name\":\"x\"}]}", "{\"env\":[\"y\"]}", "{\"env\":[{\"name\":\"x\"},\"y\"]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        AUTO_JSON *base = NULL, *patch = NULL, *want = NULL;
        assert_ok(json_parse(cases[i].base, strlen(cases[i].base), &base, &err), &err);
        assert_ok(json_parse(cases[i].patch, strlen(cases[i].patch), &patch, &err), &err);
        assert_ok(json_parse(cases[i].want, strlen(cases[i].want), &want, &err), &err);
        overlay_merge(base, patch);
        assert_true(cJSON_Compare(base, want, true));
    }
}

static void quantities(void **state) {
    static const struct {
        const char *text;
        int64_t milli;
    } cases[] = {{"2", 2000},         {"\"500m\"", 500}, {"\"0.5\"", 500}, {"\"1Ki\"", 1024000},
                 {"\"1k\"", 1000000}, {"\"x\"", -1},     {"\"1Q\"", -1},   {"[]", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON *j = cJSON_Parse(cases[i].text);
        assert_int_equal(quantity_milli(j), cases[i].milli);
    }
    assert_int_equal(quantity_milli(NULL), -1);
}

static void keys_are_renewed(void **state) {
    struct fixture f;
    struct err err = ERR_INIT;
    set_up(&f, PLAIN);
    AUTO_JSON *first = NULL, *second = NULL, *third = NULL;
    struct job_keys a = {0}, b = {0}, c = {0};
    assert_ok(keys_make(&f.job, NULL, &first, &err), &err);
    assert_ok(keys_read(first, &a, &err), &err);
    assert_int_equal(strlen(a.token), 64);
    assert_true(a.expires_s > (KEYS_DAYS - 2) * 86400LL);
    assert_ok(keys_make(&f.job, first, &second, &err), &err);
    assert_ok(keys_read(second, &b, &err), &err);
    assert_string_equal(a.token, b.token); /* pods of both can talk to each other */
    assert_non_null(strstr(b.ca, a.ca));
    assert_ok(keys_make(&f.job, second, &third, &err), &err);
    assert_ok(keys_read(third, &c, &err), &err);
    assert_null(strstr(c.ca, a.ca)); /* the list doesn't grow for ever */
    cJSON_DeleteItemFromObject(cJSON_GetObjectItem(first, "data"), "token");
    struct job_keys none;
    assert_int_equal(keys_read(first, &none, &err), ERR_CORRUPT);
    job_keys_release(&a);
    job_keys_release(&b);
    job_keys_release(&c);
    tear_down(&f);
}

static void pods_are_observed(void **state) {
    static const char *const texts[] = {
        "{\"metadata\":{\"name\":\"c\",\"labels\":{\"penstock.dev/run\":\"3\","
        "\"app.kubernetes.io/component\":\"coordinator\"}},\"status\":{\"phase\":\"Failed\","
        "\"containerStatuses\":[{\"name\":\"side\"},{\"name\":\"penstock\",\"state\":{"
        "\"terminated\":{\"exitCode\":1,\"message\":\"{\\\"state\\\":\\\"failed\\\",\\\"error\\\":{"
        "\\\"message\\\":\\\"bad\\\",\\\"class\\\":\\\"USER\\\"}}\"}}}]}}",
        "{\"metadata\":{\"name\":\"w\",\"labels\":{\"penstock.dev/run\":\"3\","
        "\"penstock.dev/index\":\"5\",\"app.kubernetes.io/component\":\"worker\"}},\"status\":{"
        "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
        "\"reason\":\"Unschedulable\",\"message\":\"0/1 nodes\"}]}}",
        "{\"metadata\":{\"name\":\"x\",\"labels\":{\"penstock.dev/run\":\"3\","
        "\"penstock.dev/index\":\"6\",\"app.kubernetes.io/component\":\"worker\"}},\"status\":{"
        "\"phase\":\"Running\",\"podIP\":\"10.0.0.9\",\"conditions\":[{\"type\":\"Ready\","
        "\"status\":\"True\"}]}}",
        "{\"metadata\":{\"name\":\"o\",\"labels\":{\"penstock.dev/run\":\"4\","
        "\"app.kubernetes.io/component\":\"coordinator\"}},\"status\":{\"phase\":\"Failed\","
        "\"containerStatuses\":[{\"name\":\"penstock\",\"state\":{\"terminated\":{\"exitCode\":137,"
        "\"reason\":\"OOMKilled\"}}}]}}",
        "{\"metadata\":{\"name\":\"not ours\"}}"};
    struct arena a;
    arena_init(&a);
    cJSON *pods[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_non_null(pods[i] = cJSON_Parse(texts[i]));
    struct observed o = {0};
    observe_pods(&a, (const cJSON *const *)pods, ARRAY_LEN(texts), &o);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        cJSON_Delete(pods[i]);
    assert_int_equal(o.n_runs, 2);
    assert_int_equal(o.runs[0].engine.state, ENGINE_FAILED);
    assert_string_equal(o.runs[0].engine.error, "bad");
    assert_true(o.runs[0].engine.user_error);
    assert_int_equal(o.runs[0].n_workers, 2);
    assert_string_equal(o.runs[0].workers[0].why, "Unschedulable: 0/1 nodes");
    assert_int_equal(o.runs[0].workers[1].index, 6);
    assert_true(o.runs[0].workers[1].ready);
    assert_int_equal(o.runs[1].engine.state, ENGINE_UNKNOWN);
    assert_non_null(strstr(o.runs[1].coordinator.why, "memory limit"));
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_they_should_be),
        cmocka_unit_test(pods_are_restricted),
        cmocka_unit_test(isolation_none_has_no_policy),
        cmocka_unit_test(spec_comes_back),
        cmocka_unit_test(odd_specs_make_no_odd_pods),
        cmocka_unit_test(requests_are_below_limits),
        cmocka_unit_test(overlays),
        cmocka_unit_test(quantities),
        cmocka_unit_test(keys_are_renewed),
        cmocka_unit_test(pods_are_observed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
