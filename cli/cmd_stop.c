/* cmd_stop.c - penstock stop and penstock savepoint: one more checkpoint of a running local job. */
#include "base/core/clock.h"
#include "cli/local_jobs.h"
#include "coordinator/checkpoint/copy.h"
#include "fs/stores.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct cli_option stop_options[] = {
    {"wait", 0, "SECONDS", "for so long at most (600)", NULL}, {NULL, 0, NULL, NULL, NULL}};

/* The coordinator ends with its job, maybe before it has been asked: what it left says the rest. */
static int read_what_is_left(const char *dir, cJSON **ret, struct err *err) {
    struct fs *fs;
    int rc = fs_find(dir, &fs, err);
    if (rc) return rc;
    struct ckpt_store *s = ckpt_store_new(fs, dir);
    struct ckpt_manifest m = {0};
    rc = copy_newest(s, dir, &m, err);
    ckpt_store_free(s);
    if (rc) return rc;
    *ret = cJSON_CreateObject();
    json_set_u64(*ret, "checkpoint", m.record.checkpoint);
    json_set_str(*ret, "dir", dir);
    json_set_str(*ret, "state", "done");
    ckpt_manifest_release(&m);
    return 0;
}

/* Until the request is done. */
static int wait_for_request(const struct local_jobs *l, const cJSON *job, cJSON *begun, bool stop,
                            int wait_s, cJSON **ret, struct err *err) {
    enum { STEP_MS = 20 };
    const struct run_entry *run = local_jobs_run(l, job);
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s/requests/%lld", json_opt_str(job, "id", ""),
             (long long)json_opt_i64(begun, "request", 0));
    int64_t until_ns = clock_mono_ns() + wait_s * INT64_C(1000000000);
    while (clock_mono_ns() < until_ns) {
        AUTO_JSON *now = NULL;
        int rc = local_jobs_call(l, run, "GET", str_text(&path), NULL, &now, err);
        if (rc && stop) return read_what_is_left(json_opt_str(begun, "dir", ""), ret, err);
        if (rc) return rc;
        const char *state = json_opt_str(now, "state", "");
        if (!strcmp(state, "failed"))
            return err_set(err, ERR_RUNTIME, "%s", json_opt_str(now, "error", "it failed"));
        if (!strcmp(state, "done")) {
            *ret = cJSON_Duplicate(now, true);
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    return err_set(err, ERR_TIMEOUT, "it isn't done within %d s", wait_s);
}

static int request(const struct local_jobs *l, const cJSON *job, bool stop, const char *dir,
                   int wait_s, cJSON **ret, struct err *err) {
    AUTO_STR path = STR_INIT;
    str_addf(&path, "/v1/jobs/%s/%s", json_opt_str(job, "id", ""), stop ? "stop" : "savepoints");
    AUTO_JSON *body = cJSON_CreateObject(), *begun = NULL;
    AUTO_STR whole = STR_INIT; /* the coordinator may be in another directory */
    char here[PATH_MAX];
    if (dir && *dir != '/' && !strchr(dir, ':') && getcwd(here, sizeof here))
        str_addf(&whole, "%s/", here);
    if (dir) str_add(&whole, dir);
    if (dir) json_set_str(body, "dir", str_text(&whole));
    int rc = local_jobs_call(l, local_jobs_run(l, job), "POST", str_text(&path), body, &begun, err);
    return rc ? rc : wait_for_request(l, job, begun, stop, wait_s, ret, err);
}

static void tell(const cJSON *job, bool stop, const cJSON *r) {
    long long checkpoint = (long long)json_opt_i64(r, "checkpoint", 0);
    const char *name = json_opt_str(job, "name", ""), *dir = json_opt_str(r, "dir", "");
    if (!checkpoint)
        fprintf(stderr, "stopped %s: it had no checkpoint yet, and starts from the beginning\n",
                name);
    else
        fprintf(stderr, "%s %s: checkpoint %lld in %s\n", stop ? "stopped" : "savepoint of", name,
                checkpoint, dir);
    if (json_opt(r, "error"))
        fprintf(stderr, "it is the last complete one: no further could be taken: %s\n",
                json_opt_str(r, "error", ""));
}

static int run(const struct cli_command *cmd, int argc, char **argv, bool stop) {
    struct cli_args args;
    int rc = cli_parse(cmd, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct err err = ERR_INIT;
    int wait_s;
    rc = cli_int(&args, "wait", 1, 86400, 600, &wait_s, &err);
    if (!rc && (args.n_rest < 1 || args.n_rest > (stop ? 1 : 2)))
        rc = err_set(&err, ERR_VALIDATION, "which job? See 'penstock list'");
    if (rc) {
        cli_complain(&args, "%s", err.msg);
        return CLI_USAGE;
    }
    struct local_jobs l;
    const cJSON *job;
    AUTO_JSON *result = NULL;
    rc = local_jobs_open(&l, &args);
    if (!rc) {
        rc = local_jobs_find(&l, args.rest[0], &job, &err);
        if (!rc)
            rc = request(&l, job, stop, args.n_rest > 1 ? args.rest[1] : NULL, wait_s, &result,
                         &err);
        if (rc)
            cli_complain(&args, "%s", err.msg);
        else
            tell(job, stop, result);
    }
    local_jobs_release(&l);
    return rc ? CLI_FAILED : CLI_OK;
}

static int run_stop(int argc, char **argv) {
    return run(&cli_cmd_stop, argc, argv, true);
}

static int run_savepoint(int argc, char **argv) {
    return run(&cli_cmd_savepoint, argc, argv, false);
}

const struct cli_command cli_cmd_stop = {
    "stop", "Stop a running local job with a last checkpoint, from which its next run goes on.",
    run_stop, stop_options, "JOB"};
const struct cli_command cli_cmd_savepoint = {
    "savepoint", "Take a checkpoint of a running local job, and copy it to DIR if that is given.",
    run_savepoint, stop_options, "JOB [DIR]"};
