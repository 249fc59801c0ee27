/* load_text_test.c - a worker's report as Prometheus would read it. */
#include "coordinator/state.h"

#include "tests/unit/base/prom_parse.h"
#include "tests/unit/cmocka_wrap.h"

static const char report[] =
    "{\"cpuMs\":2500,\"rssBytes\":1000000,\"stats\":{\"executors\":[{\"busyMs\":10},{\"busyMs\":20}"
    "],"
    "\"network\":{\"bufferBytes\":512},\"tasks\":[{\"vertex\":0,\"subtask\":1,\"recordsIn\":5,"
    "\"busyMs\":1500,\"latency\":{\"sumNs\":3000000,\"buckets\":[[0,5],[433,2],[160,1]]},"
    "\"watermark\":1700000000000,\"ops\":[{\"uid\":\"s\",\"recordsOut\":7,\"bytes\":900,"
    "\"errors\":2},{\"uid\":\"c\",\"recordsIn\":7,\"lateRecords\":1,\"stateBytes\":4096}],"
    "\"outputs\":[{\"edge\":0,\"records\":6,\"bytes\":60,\"batches\":3,\"episodes\":2,"
    "\"episodeLengths\":[1,0,0,1,0,0],\"lastBlockedMs\":1700000000500,"
    "\"channels\":[{\"blockedMs\":300},{\"blockedMs\":701}]},"
    "{\"edge\":9,\"records\":4}],\"inputs\":[{\"queued\":2,\"queuedBytes\":20},{\"queued\":1}]},"
    "{\"vertex\":7,\"subtask\":0},{\"vertex\":0,\"subtask\":99}]}}";

static struct plan_op ops[] = {{.kind = "source", .uid = "s", .name = "Source(flights)"},
                               {.kind = "calc", .uid = "c", .name = "Calc"}};
static struct plan_op sink_ops[] = {{.kind = "sink", .uid = "k", .name = "Sink"}};
static struct plan_vertex vertices[] = {
    {.uid = "v0", .name = "Source \"x\"", .parallelism = 2, .n_ops = 2, .ops = ops},
    {.uid = "v1", .name = "Sink", .parallelism = 1, .n_ops = 1, .ops = sink_ops}};
static struct plan_edge edges[] = {{.from = 0, .to = 1}};
static struct plan plan = {.n_vertices = 2, .vertices = vertices, .n_edges = 1, .edges = edges};

static struct job_task *tasks[] = {
    (struct job_task[]){{.state = TASK_RUNNING}, {.state = TASK_FINISHED}},
    (struct job_task[]){{.state = TASK_RUNNING}}};
static struct worker workers[] = {
    {.conn = (struct ws_conn *)workers}, {.number = 1}, {.number = 2}};
static struct worker *worker_list[] = {&workers[0], &workers[1], &workers[2]};

static double get(const struct coordinator *c, const char *sample) {
    AUTO_STR text = STR_INIT;
    double v;
    load_metrics_text(c, &text);
    prom_check(str_text(&text));
    if (!prom_get(str_text(&text), sample, &v)) fail_msg("no %s in\n%s", sample, str_text(&text));
    return v;
}

#define TASK "{job_name=\"flights\",vertex=\"v0\",subtask=\"1\""

static void report_becomes_metrics(void **state) {
    struct err e = ERR_INIT;
    cJSON *reports[1] = {NULL};
    AUTO_JSON *j = NULL;
    ops[0].config = NULL;
    assert_ok(json_parse(report, sizeof(report) - 1, &j, &e), &e);
    reports[0] = j;
    struct job job = {.id = "0011",
                      .name = "flights",
                      .plan = &plan,
                      .state = JOB_RUNNING,
                      .n_workers = 1,
                      .worker_reports = reports,
                      .tasks = tasks};
    struct job *jobs[] = {&job};
    struct coordinator c = {
        .jobs = jobs, .n_jobs = 1, .workers = worker_list, .n_workers = 3, .n_registered = 2};
    assert_true(get(&c, "penstock_task_input_records_total" TASK "}") == 5);
    assert_true(get(&c, "penstock_task_busy_seconds_total" TASK "}") == 1.5);
    assert_true(get(&c, "penstock_task_latency_seconds_count" TASK "}") == 8 - 2); /* 433 is none */
    assert_true(get(&c, "penstock_task_latency_seconds_sum" TASK "}") == 0.003);
    assert_true(get(&c, "penstock_task_latency_seconds_bucket" TASK ",le=\"6.5536e-05\"}") == 5);
    assert_true(get(&c, "penstock_task_watermark_timestamp_seconds" TASK "}") == 1.7e9);
    assert_true(get(&c, "penstock_task_output_records_total" TASK "}") == 10);
    assert_true(get(&c, "penstock_task_input_queue_batches" TASK "}") == 3);
    assert_true(
        get(&c, "penstock_source_records_total" TASK ",op=\"s\",table=\"Source(flights)\"}") == 7);
    assert_true(get(&c, "penstock_op_late_records_total" TASK ",op=\"c\"}") == 1);
    assert_true(get(&c, "penstock_op_state_bytes" TASK ",op=\"c\"}") == 4096);
    assert_true(get(&c, "penstock_edge_blocked_seconds_total" TASK ",to=\"v1\",edge=\"0\"}") ==
                1.001);
    assert_true(get(&c, "penstock_edge_blocked_episode_seconds_bucket" TASK
                        ",to=\"v1\",edge=\"0\",le=\"0.001\"}") == 1);
    assert_true(
        get(&c, "penstock_edge_blocked_episode_seconds_count" TASK ",to=\"v1\",edge=\"0\"}") == 2);
    assert_true(get(&c, "penstock_vertex_parallelism{job_name=\"flights\",vertex=\"v0\"}") == 2);
    assert_true(get(&c, "penstock_workers{state=\"registered\"}") == 2);
    assert_true(get(&c, "penstock_workers{state=\"lost\"}") == 1);
    assert_true(get(&c, "penstock_worker_cpu_seconds_total{worker=\"0\"}") == 2.5);
    assert_true(get(&c, "penstock_worker_buffer_bytes{worker=\"0\"}") == 512);
    assert_true(
        get(&c, "penstock_worker_executor_busy_seconds_total{worker=\"0\",executor=\"1\"}") ==
        0.02);
    assert_true(get(&c, "penstock_job_tasks{job_name=\"flights\",state=\"running\"}") == 2);
}

/* Two running jobs of one name don't give one sample twice. */
static void jobs_of_one_name(void **state) {
    struct job a = {
        .id = "00aa", .name = "insert", .plan = &plan, .tasks = tasks, .state = JOB_RUNNING};
    struct job b = {
        .id = "00bb", .name = "insert", .plan = &plan, .tasks = tasks, .state = JOB_DEPLOYING};
    struct job over = {
        .id = "00cc", .name = "insert", .plan = &plan, .tasks = tasks, .state = JOB_FINISHED};
    struct job *jobs[] = {&a, &b, &over};
    struct coordinator c = {.jobs = jobs, .n_jobs = 3};
    assert_true(get(&c, "penstock_job_uptime_seconds{job_name=\"insert (00bb)\"}") == 0);
    assert_true(get(&c, "penstock_vertex_parallelism{job_name=\"insert (00aa)\",vertex=\"v1\"}") ==
                1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_becomes_metrics),
        cmocka_unit_test(jobs_of_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
