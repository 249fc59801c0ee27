/* cmd_jobs.c - penstock list and penstock cancel: this user's running local jobs. */
#include "cli/cli.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "cli/progress.h"
#include "cli/run_dir.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const formats[] = {"text", "json", NULL};
static const struct cli_option list_options[] = {{"output", 'o', "FORMAT", "text or json", formats},
                                                 {NULL, 0, NULL, NULL, NULL}};
static const struct cli_option cancel_options[] = {{NULL, 0, NULL, NULL, NULL}};

static int call(struct http_client *http, const struct run_entry *e, const char *method,
                const char *path, cJSON **ret, struct err *err) {
    AUTO_STR url = STR_INIT;
    str_addf(&url, "http://127.0.0.1:%d%s", e->port, path);
    struct http_request req = {
        .method = method, .url = str_text(&url), .bearer_token = e->token, .timeout_ms = 5000};
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    int rc = http_client_call_ok(http, &req, &r, err);
    if (!rc) rc = json_parse(str_text(&r.body), r.body.len, ret, err);
    return rc;
}

/* All jobs of all live runs: the coordinator's objects with "pid" and "port" added. */
static int collect_jobs(struct http_client *http, const struct run_entry *runs, int n, cJSON *out) {
    for (int i = 0; i < n; i++) {
        struct err err = ERR_INIT;
        AUTO_JSON *j = NULL;
        if (call(http, &runs[i], "GET", "/v1/jobs", &j, &err)) {
            fprintf(stderr, "penstock: run %s (pid %lld): %s\n", runs[i].name,
                    (long long)runs[i].pid, err.msg);
            continue;
        }
        cJSON *job;
        while ((job = (cJSON *)json_opt(j, "jobs")->child)) {
            cJSON_DetachItemViaPointer((cJSON *)json_opt(j, "jobs"), job);
            json_set_i64(job, "pid", runs[i].pid);
            json_set_i64(job, "port", runs[i].port);
            cJSON_AddItemToArray(out, job);
        }
    }
    return 0;
}

static void add_cell(cJSON *row, const char *text) {
    cJSON_AddItemToArray(row, cJSON_CreateString(text));
}

static void print_jobs(const cJSON *jobs) {
    static const char *const names[] = {"JOB",         "NAME", "STATE", "RECORDS IN",
                                        "RECORDS OUT", "AGE",  "PID",   "REST"};
    AUTO_JSON *columns = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cJSON *c = cJSON_CreateObject();
        json_set_str(c, "name", names[i]);
        json_set_str(c, "type", "STRING");
        cJSON_AddItemToArray(columns, c);
    }
    struct table *t = table_new(columns, false);
    const cJSON *j;
    cJSON_ArrayForEach(j, jobs) {
        AUTO_JSON *row = cJSON_CreateArray();
        AUTO_STR in = STR_INIT, out = STR_INIT, age = STR_INIT, pid = STR_INIT, rest = STR_INIT;
        show_count(&in, json_opt_i64(j, "recordsIn", 0));
        show_count(&out, json_opt_i64(j, "recordsOut", 0));
        show_duration(&age, json_opt_i64(j, "elapsedMs", 0));
        str_add_i64(&pid, json_opt_i64(j, "pid", 0));
        str_addf(&rest, "http://127.0.0.1:%lld", (long long)json_opt_i64(j, "port", 0));
        add_cell(row, json_opt_str(j, "id", ""));
        add_cell(row, json_opt_str(j, "name", ""));
        add_cell(row, json_opt_str(j, "state", ""));
        add_cell(row, str_text(&in));
        add_cell(row, str_text(&out));
        add_cell(row, str_text(&age));
        add_cell(row, str_text(&pid));
        add_cell(row, str_text(&rest));
        table_add(t, NULL, row);
    }
    table_end(t);
}

static int open_all(const struct cli_args *args, struct http_client **http, struct run_entry **runs,
                    int *n, cJSON *jobs) {
    struct err err = ERR_INIT;
    int rc = run_dir_list(runs, n, &err);
    if (!rc) rc = http_client_new(&(struct http_client_options){0}, http, &err);
    if (!rc) rc = collect_jobs(*http, *runs, *n, jobs);
    if (rc) cli_complain(args, "%s", err.msg);
    return rc;
}

static int run_list(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_list, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct http_client *http = NULL;
    struct run_entry *runs = NULL;
    int n = 0;
    AUTO_JSON *jobs = cJSON_CreateArray();
    rc = open_all(&args, &http, &runs, &n, jobs);
    if (!rc && cli_value(&args, "output") && !strcmp(cli_value(&args, "output"), "json")) {
        AUTO_STR out = STR_INIT;
        json_print_pretty(jobs, &out);
        puts(str_text(&out));
    } else if (!rc) {
        print_jobs(jobs);
    }
    http_client_free(http);
    run_entries_free(runs, n);
    return rc ? CLI_FAILED : CLI_OK;
}

static const struct run_entry *run_of(const struct run_entry *runs, int n, const cJSON *job) {
    for (int i = 0; i < n; i++)
        if (runs[i].pid == json_opt_i64(job, "pid", 0)) return &runs[i];
    return NULL;
}

static bool is_over(const cJSON *job) {
    const char *state = json_opt_str(job, "state", "");
    return !strcmp(state, "finished") || !strcmp(state, "failed") || !strcmp(state, "cancelled");
}

/* Until the job is over: its coordinator says so, or has ended. */
static int wait_until_over(struct http_client *http, const struct run_entry *run, const char *id,
                           struct err *err) {
    enum { WAIT_MS = 30000, STEP_MS = 50 };
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s", id);
    int64_t until_ns = clock_mono_ns() + WAIT_MS * INT64_C(1000000);
    while (clock_mono_ns() < until_ns) {
        AUTO_JSON *job = NULL;
        struct err gone = ERR_INIT;
        if (call(http, run, "GET", str_text(&path), &job, &gone) || is_over(job)) return 0;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    return err_set(err, ERR_TIMEOUT, "job %s has been told to stop, and has not within %d s", id,
                   WAIT_MS / 1000);
}

static int cancel_one(struct http_client *http, const struct run_entry *run, const cJSON *job,
                      struct err *err) {
    const char *id = json_opt_str(job, "id", "");
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s/cancel", id);
    AUTO_JSON *answer = NULL;
    int rc = call(http, run, "POST", str_text(&path), &answer, err);
    if (!rc) rc = wait_until_over(http, run, id, err);
    if (!rc) fprintf(stderr, "cancelled %s (%s)\n", json_opt_str(job, "name", ""), id);
    return rc;
}

static int cancel_named(struct http_client *http, const struct run_entry *runs, int n,
                        const cJSON *jobs, const char *what, struct err *err) {
    int found = 0;
    const cJSON *j;
    cJSON_ArrayForEach(j, jobs) {
        if (is_over(j) ||
            (strcmp(json_opt_str(j, "id", ""), what) && strcmp(json_opt_str(j, "name", ""), what)))
            continue;
        int rc = cancel_one(http, run_of(runs, n, j), j, err);
        if (rc) return rc;
        found++;
    }
    return found ? 0
                 : err_set(err, ERR_NOT_FOUND, "no running job '%s'; see 'penstock list'", what);
}

static int run_cancel(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_cancel, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    if (args.n_rest != 1) {
        cli_complain(&args, "which job? See 'penstock list'");
        return CLI_USAGE;
    }
    struct http_client *http = NULL;
    struct run_entry *runs = NULL;
    int n = 0;
    AUTO_JSON *jobs = cJSON_CreateArray();
    rc = open_all(&args, &http, &runs, &n, jobs);
    struct err err = ERR_INIT;
    if (!rc) {
        rc = cancel_named(http, runs, n, jobs, args.rest[0], &err);
        if (rc) cli_complain(&args, "%s", err.msg);
    }
    http_client_free(http);
    run_entries_free(runs, n);
    return rc ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_cmd_list = {"list", "List this user's running local jobs.", run_list,
                                         list_options, NULL};
const struct cli_command cli_cmd_cancel = {
    "cancel", "Cancel a running local job, by name or id, and wait until it has stopped.",
    run_cancel, cancel_options, "JOB"};
