/* local_job.h - a job as far as it runs in this worker: made by MSG_DEPLOY, it obeys the
 * coordinator's orders and reports through its outbox. On the loop's thread; callbacks of tasks
 * come on executors. */
#ifndef PENSTOCK_WORKER_LOCAL_JOB_H
#define PENSTOCK_WORKER_LOCAL_JOB_H

#include "base/core/json.h"
#include "base/net/net_loop.h"
#include "base/net/ws.h"
#include "worker/worker.h"

struct local_job;

struct local_job_opts {
    struct net_loop *loop;
    struct ws_conn *conn; /* to the coordinator; NULL: none for now */
    struct worker *worker;
    const char *worker_id; /* "w0" */
    int number;            /* of this worker among the job's */
};

/* msg: a MSG_DEPLOY. Says MSG_DEPLOYED, at once or when its state has been restored, or that tasks
 * failed. */
int local_job_new(const struct local_job_opts *opts, const cJSON *msg, struct local_job **ret,
                  struct err *err) ATTR_MUST_USE;
/* Cancels what runs. NULL accepted. */
void local_job_free(struct local_job *j);
bool local_job_is(const struct local_job *j, const cJSON *msg); /* is the message about it? */
/* False: no order for a job. */
bool local_job_obey(struct local_job *j, const char *type, const cJSON *msg);
bool local_job_runs(const struct local_job *j); /* some task isn't in a final state */
/* MSG_REPORT; owned by the caller. */
cJSON *local_job_report(struct local_job *j);
/* The connection is there (again), has room, is gone (NULL). */
void local_job_connect(struct local_job *j, struct ws_conn *conn);
void local_job_pump(struct local_job *j);

#endif
