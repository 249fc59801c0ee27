/* metrics_test.c - the table, the registry, and its text form through a strict reader. */
#include "base/metrics.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "tests/unit/base/prom_parse.h"
#include "tests/unit/cmocka_wrap.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct metrics *m;

static int setup(void **state) {
    m = metrics_new();
    return 0;
}
static int teardown(void **state) {
    metrics_free(m);
    return 0;
}

static double get(const char *sample) {
    AUTO_STR text = STR_INIT;
    double v = 0;
    metrics_text(m, &text);
    prom_check(str_text(&text));
    if (!prom_get(str_text(&text), sample, &v)) fail_msg("no %s in:\n%s", sample, str_text(&text));
    return v;
}

static bool has(const char *sample) {
    AUTO_STR text = STR_INIT;
    double v;
    metrics_text(m, &text);
    return prom_get(str_text(&text), sample, &v);
}

static bool ends_in(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* The table keeps to Prometheus' conventions. */
static void table_is_consistent(void **state) {
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_desc *d = &metrics_table[i];
        assert_memory_equal(d->name, "penstock_", 9);
        for (const char *p = d->name; *p; p++)
            assert_true(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_');
        assert_true(strlen(d->help) > 3 && ends_in(d->help, "."));
        assert_int_equal(ends_in(d->name, "_total"), d->type == METRIC_TYPE_COUNTER);
        const char *unit = d->unit == METRIC_UNIT_SECONDS     ? "_seconds"
                           : d->unit == METRIC_UNIT_TIMESTAMP ? "_timestamp_seconds"
                           : d->unit == METRIC_UNIT_BYTES     ? "_bytes"
                                                              : "";
        char want[64];
        snprintf(want, sizeof(want), "%s%s", unit, d->type == METRIC_TYPE_COUNTER ? "_total" : "");
        if (!ends_in(d->name, want)) fail_msg("%s should end in %s", d->name, want);
        int labels = 0;
        for (const char *p = d->labels; *p; labels++) {
            size_t len = strcspn(p, ",");
            assert_true(len > 0 && strspn(p, "abcdefghijklmnopqrstuvwxyz_") >= len);
            p += len + (p[len] == ',');
            if (p[-1] == ',') assert_true(*p != '\0');
        }
        assert_true(labels <= METRIC_LABELS_MAX);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(d->name, metrics_table[j].name);
    }
}

static void counters(void **state) {
    struct series *s = metrics_series(m, METRIC_TASK_RECORDS_IN, LABELS("flights", "a1", "0"));
    const char *sample =
        "penstock_task_input_records_total{job_name=\"flights\",vertex=\"a1\",subtask=\"0\"}";
    assert_true(get(sample) == 0);
    series_add(s, 3);
    series_add(s, UINT64_C(9007199254740993));
    assert_int_equal(series_count(s), UINT64_C(9007199254740996));
    AUTO_STR text = STR_INIT;
    metrics_text(m, &text); /* counts keep all their digits */
    assert_non_null(strstr(str_text(&text), " 9007199254740996\n"));
    struct series *busy = metrics_series(m, METRIC_TASK_BUSY, LABELS("flights", "a1", "0"));
    series_add(busy, 1500000000);
    assert_true(
        get("penstock_task_busy_seconds_total{job_name=\"flights\",vertex=\"a1\",subtask=\"0\"}") ==
        1.5);
    series_release(s);
    series_release(busy);
}

static void gauges(void **state) {
    struct series *s = metrics_series(m, METRIC_WORKER_RSS, LABELS("w0"));
    const char *sample = "penstock_worker_resident_memory_bytes{worker=\"w0\"}";
    series_set(s, 1e12);
    assert_true(get(sample) == 1e12);
    series_set(s, -0.25);
    assert_true(get(sample) == -0.25);
    assert_true(series_value(s) == -0.25);
    series_set(s, INFINITY);
    assert_true(isinf(get(sample)));
    series_set(s, NAN);
    assert_false(has(sample));
    series_release(s);
}

static void series_are_shared_and_counted(void **state) {
    struct series *a = metrics_series(m, METRIC_JOB_UPTIME, LABELS("x"));
    struct series *b = metrics_series(m, METRIC_JOB_UPTIME, LABELS("x"));
    struct series *other = metrics_series(m, METRIC_JOB_UPTIME, LABELS("y"));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_int_equal((uintptr_t)a % 64, 0);
    series_release(a);
    assert_true(has("penstock_job_uptime_seconds{job_name=\"x\"}"));
    series_release(b);
    assert_false(has("penstock_job_uptime_seconds{job_name=\"x\"}"));
    assert_true(has("penstock_job_uptime_seconds{job_name=\"y\"}"));
    series_release(other);
    series_release(NULL);
    AUTO_STR text = STR_INIT;
    metrics_text(m, &text);
    assert_string_equal(str_text(&text), ""); /* no HELP for what has no samples */
}

static void label_values_are_escaped(void **state) {
    struct series *s = metrics_series(m, METRIC_JOB_UPTIME, LABELS("a\"b\\c\nd\xFFz\xC3\xA9"));
    AUTO_STR text = STR_INIT;
    metrics_text(m, &text);
    prom_check(str_text(&text));
    assert_non_null(
        strstr(str_text(&text), "{job_name=\"a\\\"b\\\\c\\nd\xEF\xBF\xBDz\xC3\xA9\"} 0\n"));
    series_release(s);
}

static void histograms(void **state) {
    struct series *s =
        metrics_series(m, METRIC_EDGE_EPISODE_LENGTH, LABELS("j", "v", "0", "u", "2"));
    static const double values[] = {0.0005, 0.001, 0.0011, 0.5, 1000000};
    double sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        series_observe(s, values[i]);
        sum += values[i];
    }
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\",le=\"0.001\"}") == 2);
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\",le=\"0.002\"}") == 3);
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\",le=\"0.256\"}") == 3);
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\",le=\"0.512\"}") == 4);
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\",le=\"524.288\"}") == 4);
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\",le=\"+Inf\"}") == 5);
    assert_true(get("penstock_edge_blocked_episode_seconds_count{job_name=\"j\",vertex=\"v\","
                    "subtask=\"0\",to=\"u\",edge=\"2\"}") == 5);
    assert_true(get("penstock_edge_blocked_episode_seconds_sum{job_name=\"j\",vertex=\"v\",subtask="
                    "\"0\",to=\"u\",edge=\"2\"}") == sum);
    assert_int_equal(series_count(s), 5);
    series_release(s);
}

static void collect(void *self, struct metrics_writer *w) {
    static const double bounds[] = {0.001, 0.01};
    static const uint64_t counts[] = {3, 0, 2};
    metrics_emit(w, METRIC_TASK_QUEUE, LABELS("j", "v", "1"), 7);
    metrics_emit(w, METRIC_TASK_WATERMARK, LABELS("j", "v", "1"), NAN);
    metrics_emit_histogram(w, METRIC_EDGE_EPISODE_LENGTH, LABELS("j", "v", "1", "u", "0"), bounds,
                           counts, 2, 4.5);
}

static void collectors_join_the_registrys_series(void **state) {
    struct series *s = metrics_series(m, METRIC_TASK_QUEUE, LABELS("j", "v", "0"));
    metrics_add_collector(m, collect, NULL);
    assert_true(
        get("penstock_task_input_queue_batches{job_name=\"j\",vertex=\"v\",subtask=\"1\"}") == 7);
    assert_true(
        get("penstock_task_input_queue_batches{job_name=\"j\",vertex=\"v\",subtask=\"0\"}") == 0);
    assert_true(get("penstock_edge_blocked_episode_seconds_bucket{job_name=\"j\",vertex=\"v\","
                    "subtask=\"1\",to=\"u\",edge=\"0\",le=\"0.01\"}") == 3);
    assert_true(get("penstock_edge_blocked_episode_seconds_count{job_name=\"j\",vertex=\"v\","
                    "subtask=\"1\",to=\"u\",edge=\"0\"}") == 5);
    metrics_remove_collector(m, collect, NULL);
    assert_false(
        has("penstock_task_input_queue_batches{job_name=\"j\",vertex=\"v\",subtask=\"1\"}"));
    series_release(s);
}

static void quiet(void *self, const char *line, size_t len) {
}

static void number_of_series_is_bounded(void **state) {
    log_set_sink(quiet, NULL);
    struct series **all = mem_calloc(METRICS_SERIES_MAX + 2, sizeof(*all));
    for (int i = 0; i < METRICS_SERIES_MAX + 2; i++) {
        char name[32];
        snprintf(name, sizeof(name), "job-%d", i);
        all[i] = metrics_series(m, METRIC_JOB_UPTIME, LABELS(name));
        series_set(all[i], 1); /* also those that aren't shown can be used */
    }
    log_set_sink(NULL, NULL);
    AUTO_STR text = STR_INIT;
    double v;
    metrics_text(m, &text);
    assert_true(prom_get(str_text(&text), "penstock_metrics_series_dropped_total", &v) && v == 2);
    for (int i = 0; i < METRICS_SERIES_MAX + 2; i++)
        series_release(all[i]);
    free(all);
    all = NULL;
    struct series *s = metrics_series(m, METRIC_JOB_UPTIME, LABELS("again"));
    assert_true(has("penstock_job_uptime_seconds{job_name=\"again\"}"));
    series_release(s);
}

static void process_metrics(void **state) {
    metrics_add_process(m, "penstock-test");
    assert_true(get("penstock_build_info{program=\"penstock-test\",version=\"" PENSTOCK_VERSION
                    "\"}") == 1);
    assert_true(get("penstock_process_resident_memory_bytes") > 100000);
    assert_true(get("penstock_process_cpu_seconds_total") >= 0);
    assert_true(get("penstock_process_open_fds") >= 3);
    assert_true(get("penstock_process_threads") == 1);
    double start = get("penstock_process_start_timestamp_seconds"), now = (double)time(NULL);
    assert_true(start > now - 3600 && start < now + 2);
    assert_true(has("penstock_log_lines_total{level=\"warn\"}"));
}

static void hammer(void *arg) {
    struct series *c = metrics_series(m, METRIC_TASK_RECORDS_IN, LABELS("j", "v", "0"));
    struct series *h =
        metrics_series(m, METRIC_EDGE_EPISODE_LENGTH, LABELS("j", "v", "0", "u", "2"));
    for (int i = 0; i < 20000; i++) {
        series_add(c, 1);
        series_observe(h, 0.25);
        if (i % 1000) continue;
        struct series *own = metrics_series(m, METRIC_JOB_UPTIME, LABELS(arg));
        AUTO_STR text = STR_INIT;
        metrics_text(m, &text);
        series_release(own);
    }
    series_release(c);
    series_release(h);
}

static void threads(void **state) {
    static const char *const names[] = {"a", "b", "c"};
    struct series *c = metrics_series(m, METRIC_TASK_RECORDS_IN, LABELS("j", "v", "0"));
    struct series *h =
        metrics_series(m, METRIC_EDGE_EPISODE_LENGTH, LABELS("j", "v", "0", "u", "2"));
    struct thread t[3];
    struct err e = ERR_INIT;
    for (int i = 0; i < 3; i++)
        assert_ok(thread_start(&t[i], "hammer", hammer, (void *)names[i], &e), &e);
    for (int i = 0; i < 3; i++)
        thread_join(&t[i]);
    assert_int_equal(series_count(c), 60000);
    assert_int_equal(series_count(h), 60000);
    assert_true(get("penstock_edge_blocked_episode_seconds_sum{job_name=\"j\",vertex=\"v\",subtask="
                    "\"0\",to=\"u\",edge=\"2\"}") == 15000);
    series_release(c);
    series_release(h);
}

static void docs_name_every_metric(void **state) {
    AUTO_STR text = STR_INIT;
    metrics_docs(&text);
    for (int i = 0; i < METRIC_COUNT; i++) {
        char row[160];
        snprintf(row, sizeof(row), "\n| `%s` | %s |", metrics_table[i].name,
                 metric_type_name(metrics_table[i].type));
        if (!strstr(str_text(&text), row)) fail_msg("%s", row);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_consistent),
        cmocka_unit_test_setup_teardown(counters, setup, teardown),
        cmocka_unit_test_setup_teardown(gauges, setup, teardown),
        cmocka_unit_test_setup_teardown(series_are_shared_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(label_values_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(histograms, setup, teardown),
        cmocka_unit_test_setup_teardown(collectors_join_the_registrys_series, setup, teardown),
        cmocka_unit_test_setup_teardown(number_of_series_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(process_metrics, setup, teardown),
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
        cmocka_unit_test(docs_name_every_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
