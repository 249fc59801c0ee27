/* cmd_log_level.c - penstock log-level: the log levels of a running job's processes. */
#include "base/core/log.h"
#include "base/proto/status.h"
#include "cli/local_jobs.h"

#include <stdio.h>

static const struct cli_option options[] = {
    {"for", 'f', "SECONDS", "the levels fall back after that time (3600); 0: for good", NULL},
    {"worker", 'w', "ID", "of this worker alone, such as w0", NULL},
    {NULL, 0, NULL, NULL, NULL}};

static void print_levels(const cJSON *answer) {
    const cJSON *l;
    cJSON_ArrayForEach(l, json_opt(answer, "levels")) {
        int64_t ttl_ms = json_opt_i64(l, "ttlMs", 0);
        printf("%s=%s", json_opt_str(l, "module", "default"), json_opt_str(l, "level", ""));
        if (ttl_ms) printf(" for %lld s", (long long)(ttl_ms + 999) / 1000);
        putchar('\n');
    }
}

static int change(const struct local_jobs *l, const struct run_entry *run,
                  const struct cli_args *args, int seconds, struct err *err) {
    AUTO_JSON *body = cJSON_CreateObject(), *answer = NULL;
    json_set_str(body, "levels", args->rest[args->n_rest - 1]);
    json_set_i64(body, "ttlMs", seconds * INT64_C(1000));
    if (cli_value(args, "worker")) json_set_str(body, "worker", cli_value(args, "worker"));
    return local_jobs_call(l, run, "POST", STATUS_PATH_LOG, body, &answer, err);
}

static int show(const struct local_jobs *l, const struct run_entry *run, struct err *err) {
    AUTO_JSON *answer = NULL;
    int rc = local_jobs_call(l, run, "GET", STATUS_PATH_LOG, NULL, &answer, err);
    if (!rc) print_levels(answer);
    return rc;
}

static int run(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_log_level, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct err err = ERR_INIT;
    int seconds;
    rc = cli_int(&args, "for", 0, 86400, 3600, &seconds, &err);
    if (!rc && (args.n_rest < 1 || args.n_rest > 2))
        rc = err_set(&err, ERR_VALIDATION, "a job is wanted, and levels to change them");
    if (!rc && args.n_rest == 2) rc = log_check_levels(args.rest[1], &err);
    if (rc) {
        cli_complain(&args, "%s", err.msg);
        return CLI_USAGE;
    }
    struct local_jobs l;
    const cJSON *job;
    rc = local_jobs_open(&l, &args);
    if (!rc) {
        rc = local_jobs_find(&l, args.rest[0], &job, &err);
        const struct run_entry *r = rc ? NULL : local_jobs_run(&l, job);
        if (!rc) rc = args.n_rest == 2 ? change(&l, r, &args, seconds, &err) : show(&l, r, &err);
        if (rc) cli_complain(&args, "%s", err.msg);
    }
    local_jobs_release(&l);
    return rc ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_cmd_log_level = {
    "log-level", "Show or change the log levels of a running job's processes.", run, options,
    "JOB [LEVELS]"};
