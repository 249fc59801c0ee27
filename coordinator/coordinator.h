/* coordinator.h - one job's (or script's) control: compiles SQL to plans, deploys tasks to workers,
 * follows them to the end, commits what sinks prepared, tells the client, serves REST and metrics.
 * Single-threaded: all of it lives on one net_loop. */
#ifndef PENSTOCK_COORDINATOR_COORDINATOR_H
#define PENSTOCK_COORDINATOR_COORDINATOR_H

#include "base/core/json.h"
#include "base/net/net_loop.h"
#include "base/net/tls.h"
#include "base/proto/manifest.h"

struct coordinator;

struct coordinator_options {
    const struct job_spec *spec; /* borrowed until coordinator_free */
    bool script; /* a bare script: statements run one behind the other; else all INSERTs are one job
                  */
    bool keep_going;  /* script: go on behind a statement that failed */
    bool wait_client; /* begin when a client is connected, and stop when it leaves */
    /* A manifest: compile at once, then wait for POST /v1/start and, as long as it takes, for the
     * workers. */
    bool hold;
    int workers;               /* begin when so many have registered */
    int64_t worker_timeout_ms; /* for that; 0 = COORDINATOR_WORKER_TIMEOUT_MS */
    const char *address;
    int port;          /* 0 = any */
    const char *token; /* NULL or "" = no authorization */
    struct tls_options tls;
    const char *checkpoint_dir;  /* of jobs that take checkpoints and don't say where; NULL: none */
    const char *run_id;          /* the same for each coordinator of one run of the job: who takes
                                    over from one that died goes on, another run begins anew where the
                                    last one had read its input to the end; NULL = another run */
    const char *checkpoint_name; /* of a manifest's job's directory below; NULL: the job's */
    bool fresh;                  /* the job's own checkpoints aren't started from */
    bool from_path;              /* nor that: execution.state-recovery.path counts in any case */
};

enum { COORDINATOR_WORKER_TIMEOUT_MS = 30000, COORDINATOR_JOBS_KEPT_MAX = 32 /* that are over */ };

int coordinator_new(struct net_loop *loop, const struct coordinator_options *opts,
                    struct coordinator **ret, struct err *err) ATTR_MUST_USE;
int coordinator_port(const struct coordinator *c);
/* After the loop has stopped (it stops itself when the script is done): how many statements failed.
 */
int coordinator_failed(const struct coordinator *c);
/* Likewise: was a job of it, or what was left of the script, cancelled? */
bool coordinator_cancelled(const struct coordinator *c);
/* base/proto/status.h; owned by the caller. On the loop's thread, or after the loop. */
cJSON *coordinator_status(const struct coordinator *c);
/* Likewise: does another coordinator run the job now? */
bool coordinator_fenced(const struct coordinator *c);
/* On the loop's thread: cancels what runs, then the loop stops. Again: at once. */
void coordinator_stop(struct coordinator *c);
void coordinator_free(struct coordinator *c);

#endif
