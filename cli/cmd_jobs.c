/* cmd_jobs.c - penstock list and penstock cancel: this user's running local jobs. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "cli/local_jobs.h"
#include "cli/progress.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const formats[] = {"text", "json", NULL};
static const struct cli_option list_options[] = {{"output", 'o', "FORMAT", "text or json", formats},
                                                 {NULL, 0, NULL, NULL, NULL}};
static const struct cli_option cancel_options[] = {{NULL, 0, NULL, NULL, NULL}};

static void add_cell(cJSON *row, const char *text) {
    cJSON_AddItemToArray(row, cJSON_CreateString(text));
}

static void print_jobs(const cJSON *jobs) {
    static const char *const names[] = {"JOB",         "NAME", "STATE", "RECORDS IN",
                                        "RECORDS OUT", "AGE",  "PID",   "REST"};
    struct table *t = table_of_texts(names, ARRAY_LEN(names));
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

static int run_list(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_list, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct local_jobs l;
    rc = local_jobs_open(&l, &args);
    if (!rc && cli_value(&args, "output") && !strcmp(cli_value(&args, "output"), "json")) {
        AUTO_STR out = STR_INIT;
        json_print_pretty(l.jobs, &out);
        puts(str_text(&out));
    } else if (!rc) {
        print_jobs(l.jobs);
    }
    local_jobs_release(&l);
    return rc ? CLI_FAILED : CLI_OK;
}

/* Until the job is over: its coordinator says so, or has ended. */
static int wait_until_over(const struct local_jobs *l, const struct run_entry *run, const char *id,
                           struct err *err) {
    enum { WAIT_MS = 30000, STEP_MS = 50 };
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s", id);
    int64_t until_ns = clock_mono_ns() + WAIT_MS * INT64_C(1000000);
    while (clock_mono_ns() < until_ns) {
        AUTO_JSON *job = NULL;
        struct err gone = ERR_INIT;
        if (local_jobs_call(l, run, "GET", str_text(&path), NULL, &job, &gone) ||
            local_job_is_over(job))
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    return err_set(err, ERR_TIMEOUT, "job %s has been told to stop, and has not within %d s", id,
                   WAIT_MS / 1000);
}

static int cancel_one(const struct local_jobs *l, const cJSON *job, struct err *err) {
    const char *id = json_opt_str(job, "id", "");
    const struct run_entry *run = local_jobs_run(l, job);
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s/cancel", id);
    AUTO_JSON *answer = NULL;
    int rc = local_jobs_call(l, run, "POST", str_text(&path), NULL, &answer, err);
    if (!rc) rc = wait_until_over(l, run, id, err);
    if (!rc) fprintf(stderr, "cancelled %s (%s)\n", json_opt_str(job, "name", ""), id);
    return rc;
}

static int cancel_named(const struct local_jobs *l, const char *what, struct err *err) {
    int found = 0;
    const cJSON *j;
    cJSON_ArrayForEach(j, l->jobs) {
        if (local_job_is_over(j) ||
            (strcmp(json_opt_str(j, "id", ""), what) && strcmp(json_opt_str(j, "name", ""), what)))
            continue;
        int rc = cancel_one(l, j, err);
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
    struct local_jobs l;
    rc = local_jobs_open(&l, &args);
    struct err err = ERR_INIT;
    if (!rc) {
        rc = cancel_named(&l, args.rest[0], &err);
        if (rc) cli_complain(&args, "%s", err.msg);
    }
    local_jobs_release(&l);
    return rc ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_cmd_list = {"list", "List this user's running local jobs.", run_list,
                                         list_options, NULL};
const struct cli_command cli_cmd_cancel = {
    "cancel", "Cancel a running local job, by name or id, and wait until it has stopped.",
    run_cancel, cancel_options, "JOB"};
