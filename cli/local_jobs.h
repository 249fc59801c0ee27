/* local_jobs.h - this user's running local jobs, asked over REST. */
#ifndef PENSTOCK_CLI_LOCAL_JOBS_H
#define PENSTOCK_CLI_LOCAL_JOBS_H

#include "base/net/http_client.h"
#include "cli/cli.h"
#include "cli/run_dir.h"

struct local_jobs {
    struct http_client *http;
    struct run_entry *runs;
    int n_runs;
    cJSON *jobs; /* of all live runs: the coordinator's objects with "pid" and "port" added */
};

/* Complains and returns < 0 where it fails; a run that doesn't answer is said and left out. Release
 * it either way. */
int local_jobs_open(struct local_jobs *l, const struct cli_args *args);
void local_jobs_release(struct local_jobs *l);
/* The run that a job belongs to. */
const struct run_entry *local_jobs_run(const struct local_jobs *l, const cJSON *job);
/* The running job of this name or id; NULL: the only one that runs. */
int local_jobs_find(const struct local_jobs *l, const char *what, const cJSON **ret_job,
                    struct err *err) ATTR_MUST_USE;
/* body: NULL for none. *ret: the answer. */
int local_jobs_call(const struct local_jobs *l, const struct run_entry *run, const char *method,
                    const char *path, const cJSON *body, cJSON **ret,
                    struct err *err) ATTR_MUST_USE;
bool local_job_is_over(const cJSON *job);

#endif
