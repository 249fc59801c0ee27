/* sampler_test.c - rates and shares from two reports, causes, and what is remembered. */
#include "coordinator/load/sampler.h"

#include "tests/unit/cmocka_wrap.h"

static struct plan_op source_ops[] = {{.kind = "source", .uid = "s", .name = "Source(bids)"}};
static struct plan_op sink_ops[] = {{.kind = "sink", .uid = "k", .name = "Sink(slow)"}};
static struct plan_vertex vertices[] = {
    {.uid = "v0", .name = "Source", .parallelism = 1, .n_ops = 1, .ops = source_ops},
    {.uid = "v1", .name = "Sink", .parallelism = 2, .n_inputs = 1, .n_ops = 1, .ops = sink_ops}};
static struct plan_edge edges[] = {{.from = 0, .to = 1}};
static struct plan plan = {.n_vertices = 2, .vertices = vertices, .n_edges = 1, .edges = edges};

static void report(struct sampler *s, const char *text) {
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    assert_ok(json_parse(text, strlen(text), &j, &err), &err);
    sampler_report(s, j);
}

static void report_source(struct sampler *s, int ms, int blocked_ms, int records) {
    AUTO_STR t = STR_INIT;
    str_addf(&t,
             "{\"vertex\":0,\"subtask\":0,\"busyMs\":%d,\"backpressuredMs\":%d,\"ops\":[{"
             "\"recordsOut\":%d}],\"outputs\":[{\"edge\":0,\"records\":%d,\"bytes\":%d,"
             "\"episodes\":3,\"episodeLengths\":[1,2,0,0,0,0],\"lastBlockedMs\":77,\"channels\":["
             "{\"to\":0,\"blockedMs\":0},{\"to\":1,\"blockedMs\":%d},{\"to\":9}]}]}",
             ms - blocked_ms, blocked_ms, records, records, 10 * records, blocked_ms);
    report(s, str_text(&t));
}

static const cJSON *item(const cJSON *j, const char *list, int i) {
    return cJSON_GetArrayItem(json_opt(j, list), i);
}

static void assert_number(const cJSON *j, const char *name, double want) {
    const cJSON *v = json_opt(j, name);
    assert_true(cJSON_IsNumber(v));
    if (v->valuedouble < want - 1e-6 || v->valuedouble > want + 1e-6)
        fail_msg("%s is %g, not %g", name, v->valuedouble, want);
}

static void rates_shares_and_causes(void **state) {
    struct sampler *s = sampler_new(&plan);
    report_source(s, 1000, 0, 1000);
    report_source(s, 3000, 1500, 5000);
    report(s, "{\"vertex\":1,\"subtask\":1,\"waitingMs\":900,\"busyMs\":100,\"recordsIn\":40,"
              "\"watermark\":5000,\"inputs\":[{\"queued\":3},{\"queued\":4}]}");
    report(s, "{\"vertex\":1,\"subtask\":0,\"idleMs\":1000,\"latency\":{\"sumNs\":2000000,"
              "\"maxNs\":2000000,\"buckets\":[[0,99],[400,1]]}}");
    report(s, "{\"vertex\":7,\"subtask\":0}");
    AUTO_JSON *load = sampler_load(s, 9000);
    const cJSON *v = item(load, "vertices", 0), *e = item(load, "edges", 0);
    assert_number(v, "recordsInPerS", 2000);
    assert_number(v, "backpressured", .75);
    assert_number(v, "busy", .25);
    assert_number(item(load, "vertices", 1), "waiting", .45);
    assert_number(item(item(load, "vertices", 1), "tasks", 1), "waiting", .9);
    const cJSON *latency = json_opt(item(load, "vertices", 1), "latencyMs");
    assert_number(latency, "count", 100);
    assert_number(latency, "mean", .02);
    assert_number(latency, "p99", .001024);
    assert_number(latency, "p9999", 2);
    assert_null(json_opt(v, "latencyMs"));
    assert_number(item(load, "vertices", 1), "queuedBatches", 7);
    assert_number(item(load, "vertices", 1), "watermarkLagMs", 4000);
    assert_number(e, "bytesPerS", 20000);
    assert_number(e, "blockedMs", 1500);
    assert_number(e, "blockedMax", .75);
    assert_number(e, "blocked", .375);
    assert_number(e, "episodes", 3);
    assert_number(e, "lastBlockedMs", 77);
    assert_int_equal(cJSON_GetArraySize(json_opt(e, "channels")), 1);
    const cJSON *c = item(load, "causes", 0);
    assert_string_equal(json_opt_str(c, "vertex", ""), "v1");
    assert_string_equal(json_opt_str(c, "reason", ""), "outside");
    assert_string_equal(json_opt_str(c, "text", ""),
                        "Sink, subtask 2 of 2, waits 90 % of the time for the outside world "
                        "(Sink(slow)); it keeps Source waiting 75 % of the time");
    sampler_free(s);
}

static void counters_that_begin_anew(void **state) {
    struct sampler *s = sampler_new(&plan);
    report_source(s, 5000, 0, 9000);
    report_source(s, 500, 100, 100); /* restarted */
    AUTO_JSON *load = sampler_load(s, 0);
    assert_number(item(load, "vertices", 0), "recordsInPerS", 200);
    assert_number(item(load, "vertices", 0), "backpressured", .2);
    sampler_free(s);
}

static void a_hot_key_is_named(void **state) {
    struct sampler *s = sampler_new(&plan);
    report(s, "{\"vertex\":0,\"subtask\":0,\"busyMs\":500,\"backpressuredMs\":500,\"outputs\":[{"
              "\"edge\":0,\"records\":1000,\"channels\":[{\"to\":0,\"blockedMs\":500}],"
              "\"hotKeys\":{\"sampled\":200,\"keys\":[{\"key\":\"AA, 3\",\"count\":80},"
              "{\"key\":\"BB\",\"count\":20}]}}]}");
    report(s, "{\"vertex\":1,\"subtask\":0,\"busyMs\":1000}");
    report(s, "{\"vertex\":1,\"subtask\":1,\"idleMs\":1000}");
    AUTO_JSON *load = sampler_load(s, 0);
    const cJSON *keys = json_opt(item(load, "edges", 0), "hotKeys");
    assert_int_equal(cJSON_GetArraySize(keys), 2);
    assert_number(keys->child, "share", .4);
    assert_non_null(strstr(json_opt_str(item(load, "causes", 0), "text", ""),
                           "(key AA, 3 alone makes 40 % of them)"));
    sampler_free(s);
}

static void the_past_as_json(void **state) {
    struct sampler *s = sampler_new(&plan);
    report_source(s, 1000, 0, 1000);
    sampler_tick(s, 1000);
    report_source(s, 2000, 500, 3000);
    sampler_tick(s, 2000);
    sampler_tick(s, 3000);
    AUTO_STR text = STR_INIT;
    sampler_history(s, 0, &text);
    AUTO_JSON *j = NULL;
    struct err err = ERR_INIT;
    assert_ok(json_parse(str_text(&text), text.len, &j, &err), &err);
    const cJSON *v = item(j, "vertices", 0), *e = item(j, "edges", 0);
    assert_number(v, "stepMs", 1000);
    assert_int_equal(cJSON_GetArraySize(json_opt(v, "times")), 2);
    assert_true(item(json_opt(v, "figures"), "recordsInPerS", 1)->valuedouble == 2000);
    assert_true(item(json_opt(e, "figures"), "blockedMax", 1)->valuedouble == .5);
    assert_true(item(json_opt(e, "figures"), "episodes", 0)->valuedouble == 3);
    assert_true(item(json_opt(e, "figures"), "episodes", 1)->valuedouble == 0);
    assert_true(cJSON_IsNull(item(json_opt(item(j, "vertices", 1), "figures"), "busy", 0)));
    sampler_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_shares_and_causes),
        cmocka_unit_test(counters_that_begin_anew),
        cmocka_unit_test(a_hot_key_is_named),
        cmocka_unit_test(the_past_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
