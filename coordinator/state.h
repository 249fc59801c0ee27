/* state.h - what the coordinator's files share: the coordinator, its workers, its jobs. All on the
 * loop's thread. */
#ifndef PENSTOCK_COORDINATOR_STATE_H
#define PENSTOCK_COORDINATOR_STATE_H

#include "base/net/http_server.h"
#include "base/proto/control.h"
#include "coordinator/coordinator.h"
#include "sql/parse.h"
#include "sql/plan.h"
#include "sql/session.h"

enum job_state {
    JOB_CREATED, /* no attempt has begun: the checkpoint log is being read */
    JOB_DEPLOYING,
    JOB_RUNNING,
    JOB_COMMITTING,
    JOB_CANCELLING, /* tasks are being stopped: `outcome` says what for */
    JOB_RESTARTING, /* between two attempts */
    JOB_FINISHED,
    JOB_STOPPED, /* with a checkpoint to start from again */
    JOB_FAILED,
    JOB_CANCELLED
};

enum task_state { TASK_DEPLOYING, TASK_RUNNING, TASK_FINISHED, TASK_FAILED, TASK_CANCELLED };

struct worker {
    struct coordinator *coord;
    struct ws_conn *conn; /* NULL: lost */
    int number;           /* index in coordinator.workers, stable */
    char *id, *host;
    int64_t pid;
    int data_port, slots; /* slots 0 = as many as asked for */
};

/* Counters of one subtask, from the last report. */
struct task_load {
    int64_t records_in, records_out, bytes_in, bytes_out;
    int64_t busy_ms, idle_ms, blocked_ms, late, errors, queue; /* queue: batches waiting */
    int64_t watermark;
    int64_t source_records, source_bytes;
    int64_t sink_records, sink_bytes; /* of all sinks in the chain */
};

struct job_task {
    enum task_state state;
    int worker;
    struct task_load load;
    cJSON *committables; /* finished: what its sinks prepared for the end, as in MSG_TASK; NULL:
                            nothing, or part of a complete checkpoint */
};

/* What became of an attempt. */
struct job_failure {
    uint64_t attempt;
    int64_t wall_ms;
    char text[256];
};
enum { JOB_FAILURES_KEPT = 16 };

struct job {
    struct coordinator *coord;
    char id[17];
    const char *name;
    uint64_t attempt;
    struct arena arena; /* the bound statement, its plan and all that lives as long */
    struct plan *plan;
    int index;       /* statement it came from */
    bool foreground; /* the script waits for it */
    enum job_state state, outcome;
    struct err error;
    struct job_task **tasks; /* [vertex][subtask]; like all that follows up to worker_reports of
                                this attempt, or while none runs, of the last one */
    int *op_base;            /* [vertex]: first op number */
    bool *worker_used;       /* [worker number] */
    bool *worker_deployed;
    int n_workers;                      /* of the two above */
    int64_t *sink_records;              /* [op number]: sums over subtasks, made at each report */
    cJSON **worker_reports;             /* [worker number]: last MSG_REPORT, NULL before */
    int64_t total_bytes, total_records; /* of bounded sources, 0 = unknown */
    int64_t start_ns, end_ns;
    struct net_timer *progress, *sampling;
    int progress_ms;
    struct sampler *sampler;        /* load/sampler.h */
    struct settlement *settlement;  /* settle.h; NULL: none under way */
    struct discovery **discoveries; /* discovery.h */
    int n_discoveries, cap_discoveries;
    struct checkpointing *ck; /* checkpointing.h; NULL: the job takes none */
    uint64_t stopped_at;      /* JOB_STOPPED: the checkpoint */
    /* failover.c */
    struct restart *restart;
    struct net_timer *restart_timer;
    bool restart_due; /* the pause is over */
    bool restore_due; /* the checkpoint log says from where; without checkpoints: always */
    bool recommitted; /* what the checkpoint's sinks had prepared is committed */
    uint64_t next_attempt;
    int64_t n_restarts;
    int64_t wait_workers_since_ms; /* 0: doesn't wait */
    struct job_failure failures[JOB_FAILURES_KEPT];
    int n_failures; /* in all; the newest is at (n_failures - 1) % JOB_FAILURES_KEPT */
};

struct coordinator {
    struct net_loop *loop;
    struct http_server *server;
    struct coordinator_options opts;
    struct arena arena;
    struct ws_conn *client;
    cJSON *held; /* rows and output that the client's queue had no room for, with whom to
                    acknowledge */
    struct worker **workers;
    int n_workers, cap_workers, n_registered;
    struct job **jobs;
    int n_jobs, cap_jobs;
    /* script */
    struct session *session;
    struct sql_reader reader;
    int n_statements, n_failed;
    int n_foreground; /* jobs the script waits for before its next statement */
    bool begun, script_done, stopping, cancelled, done, fenced;
    bool compiled, told_start; /* opts.hold */
    cJSON *plan;               /* likewise: its summary, as in the status */
    struct err error;          /* the first that ended something */
    struct arena
        stmt_arena; /* of the statement in hand; manifests: of all, until they are one job */
    const struct rel **sinks; /* manifests: of all INSERTs */
    int n_sinks, cap_sinks;
    struct net_timer *worker_timer, *advance_timer;
    struct io_pool *io; /* for what blocks: commits */
};

/* client.c: events to the client; dropped where there is none. */
void client_send(struct coordinator *c, cJSON *event /* takes */);
/* Rows or output of a job, to be acknowledged to the worker when handed on. */
void client_forward(struct coordinator *c, struct worker *w, struct job *j,
                    cJSON *event /* takes */, int64_t seq);
void client_statement_error(struct coordinator *c, int index, const struct ast_span *span,
                            const struct err *err, const char *stage);
/* "line", "column" (of the job's file) and "sql" (shortened) of a statement. */
void client_add_span(const struct coordinator *c, cJSON *event, const struct ast_span *span);
extern const struct ws_ops client_ws_ops;

/* workers.c */
extern const struct ws_ops worker_ws_ops;
void worker_send(struct worker *w, cJSON *frame /* takes */);
struct worker *worker_get(struct coordinator *c, int number);

/* script.c */
/* Begins, or goes on with the next statement, when nothing in front of it runs. */
void script_advance(struct coordinator *c);
void script_job_ended(struct coordinator *c, struct job *j);

/* coordinator.c: when all is said, closes the connections; when they are closed, stops the loop. */
void coordinator_wind_up(struct coordinator *c);

/* job.c */
int job_plan(struct coordinator *c, struct arena *a, const char *name,
             const struct rel *const *sinks, int n_sinks, struct plan **ret,
             struct err *err) ATTR_MUST_USE;
/* stmt: arena of the sinks; moved into the job, on failure too. */
int job_start(struct coordinator *c, int index, struct arena *stmt, const struct rel *const *sinks,
              int n_sinks, const char *name, struct job **ret, struct err *err) ATTR_MUST_USE;
struct job *job_find(struct coordinator *c, const char *id);
/* Frees the oldest jobs that are over, beyond COORDINATOR_JOBS_KEPT_MAX. */
void job_forget_old(struct coordinator *c);
void job_cancel(struct job *j);
/* A stop has its checkpoint; 0: there is none to start from again. */
void job_stopped(struct job *j, uint64_t checkpoint);
/* Another coordinator runs the job: its workers aren't told anything, and this one ends. */
void job_fenced(struct job *j, const struct err *err);
void job_tell_client(struct job *j); /* EVENT_JOB */
void job_end(struct job *j, enum job_state state);
bool job_is_over(const struct job *j);
void job_free(struct job *j);
const char *job_state_name(enum job_state s);
void job_tell_workers(struct job *j, const char *type, uint64_t checkpoint);

/* attempt.c: from deployment to the end of all tasks. */
void attempt_make_tables(struct job *j);
void attempt_free_tables(struct job *j);
/* Places and deploys the tasks. ERR_UNAVAILABLE: slots are missing. */
int attempt_begin(struct job *j, uint64_t attempt, struct err *err) ATTR_MUST_USE;
void attempt_on_deployed(struct job *j, int worker);
void attempt_on_task(struct job *j, int worker, const cJSON *msg);
void attempt_on_worker_lost(struct job *j, struct worker *w, const char *why);
void attempt_cancel(struct job *j, enum job_state outcome, const struct err *why);
bool attempt_all_finished(const struct job *j);
/* Settles and goes on when there is nothing left to wait for. */
void attempt_check_over(struct job *j);

/* failover.c: a failed job starts again. */
int failover_init(struct job *j, struct err *err) ATTR_MUST_USE;
void failover_free(struct job *j);
/* The running attempt has failed: restarts the job, or ends it. */
void failover_on_failure(struct job *j, const struct err *err);
/* Begins the next attempt if all it needs is there: pause, place to start from, workers. */
void failover_go_on(struct job *j);
cJSON *failover_json(const struct job *j); /* failures, newest first */

/* load.c: reports of workers, and what is made of them. */
void load_on_report(struct job *j, int worker, const cJSON *msg);
void load_init(struct job *j);
void load_free(struct job *j);
cJSON *load_now(const struct job *j); /* load/sampler.h */
void load_history(const struct job *j, int64_t since_ms, struct str *out);
cJSON *load_progress(const struct job *j); /* EVENT_PROGRESS */
cJSON *load_end(const struct job *j);      /* EVENT_END */
cJSON *load_metrics_json(const struct job *j);
void load_metrics_text(const struct coordinator *c, struct str *out);

/* place.c: which worker runs which subtask; ERR_UNAVAILABLE says how many slots are missing. */
int place_tasks(struct job *j, struct err *err) ATTR_MUST_USE;

/* Slots that the plan's slot groups need together. */
int place_slots(const struct plan *p);

/* rest.c */
void rest_routes(struct coordinator *c);
cJSON *rest_job_summary(const struct job *j);

/* operate.c: what the operator asks. */
void operate_routes(struct coordinator *c);
cJSON *operate_plan_summary(const struct plan *p);

#endif
