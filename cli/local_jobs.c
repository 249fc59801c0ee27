/* local_jobs.c - the runs' files, then each coordinator's /v1/jobs. */
#include "cli/local_jobs.h"

#include <stdio.h>
#include <string.h>

int local_jobs_call(const struct local_jobs *l, const struct run_entry *run, const char *method,
                    const char *path, const cJSON *body, cJSON **ret, struct err *err) {
    AUTO_STR url = STR_INIT, text = STR_INIT;
    str_addf(&url, "http://127.0.0.1:%d%s", run->port, path);
    struct http_request req = {
        .method = method, .url = str_text(&url), .bearer_token = run->token, .timeout_ms = 5000};
    if (body) {
        json_print(body, &text);
        req.body = text.ptr;
        req.body_len = text.len;
    }
    AUTO_HTTP_RESPONSE r = HTTP_RESPONSE_INIT;
    int rc = http_client_call_ok(l->http, &req, &r, err);
    if (!rc) rc = json_parse(str_text(&r.body), r.body.len, ret, err);
    return rc;
}

static void collect(struct local_jobs *l) {
    for (int i = 0; i < l->n_runs; i++) {
        const struct run_entry *run = &l->runs[i];
        struct err err = ERR_INIT;
        AUTO_JSON *j = NULL;
        if (local_jobs_call(l, run, "GET", "/v1/jobs", NULL, &j, &err)) {
            fprintf(stderr, "penstock: run %s (pid %lld): %s\n", run->name, (long long)run->pid,
                    err.msg);
            continue;
        }
        cJSON *job;
        while ((job = (cJSON *)json_opt(j, "jobs")->child)) {
            cJSON_DetachItemViaPointer((cJSON *)json_opt(j, "jobs"), job);
            json_set_i64(job, "pid", run->pid);
            json_set_i64(job, "port", run->port);
            cJSON_AddItemToArray(l->jobs, job);
        }
    }
}

int local_jobs_open(struct local_jobs *l, const struct cli_args *args) {
    struct err err = ERR_INIT;
    *l = (struct local_jobs){.jobs = cJSON_CreateArray()};
    int rc = run_dir_list(&l->runs, &l->n_runs, &err);
    if (!rc) rc = http_client_new(&(struct http_client_options){0}, &l->http, &err);
    if (rc)
        cli_complain(args, "%s", err.msg);
    else
        collect(l);
    return rc;
}

void local_jobs_release(struct local_jobs *l) {
    http_client_free(l->http);
    run_entries_free(l->runs, l->n_runs);
    cJSON_Delete(l->jobs);
}

const struct run_entry *local_jobs_run(const struct local_jobs *l, const cJSON *job) {
    for (int i = 0; i < l->n_runs; i++)
        if (l->runs[i].pid == json_opt_i64(job, "pid", 0)) return &l->runs[i];
    return NULL;
}

bool local_job_is_over(const cJSON *job) {
    const char *state = json_opt_str(job, "state", "");
    return !strcmp(state, "finished") || !strcmp(state, "stopped") || !strcmp(state, "failed") ||
           !strcmp(state, "cancelled");
}

int local_jobs_find(const struct local_jobs *l, const char *what, const cJSON **ret_job,
                    struct err *err) {
    const cJSON *j;
    int n = 0;
    cJSON_ArrayForEach(j, l->jobs) {
        if (local_job_is_over(j) || (what && strcmp(json_opt_str(j, "id", ""), what) &&
                                     strcmp(json_opt_str(j, "name", ""), what)))
            continue;
        *ret_job = j;
        n++;
    }
    if (n == 1) return 0;
    if (!n && what)
        return err_set(err, ERR_NOT_FOUND, "no running job '%s'; see 'penstock list'", what);
    if (!n) return err_set(err, ERR_NOT_FOUND, "no job is running");
    return err_set(err, ERR_VALIDATION,
                   "which of the %d running jobs? Give its id; see 'penstock list'", n);
}
