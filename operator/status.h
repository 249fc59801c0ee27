/* status.h - a FlinkJob's status: what the operator remembers between two looks, and shows. Pure.
 */
#ifndef PENSTOCK_OPERATOR_STATUS_H
#define PENSTOCK_OPERATOR_STATUS_H

#include "operator/job.h"

/* One set of pods: a coordinator and its workers, made for one spec. */
enum run_phase {
    RUN_NONE,     /* there is none */
    RUN_PREPARED, /* its pods are made, its job isn't told to run yet */
    RUN_STARTED,
    RUN_STOPPING, /* told to stop, on purpose */
    RUN_ENDED     /* its job is over; pods may be left */
};

struct run_ref {
    enum run_phase phase;
    int64_t number, generation;
    char hash[JOB_HASH_BYTES]; /* of the spec that it runs */
    const char *image;         /* of its pods; NULL = unknown */
    int workers, parallelism;
    bool fresh;       /* doesn't start from a checkpoint */
    int64_t origin;   /* the run that this one goes on with, after failures; its own number: none */
    int64_t since_ms; /* in this phase */
};

enum job_state {
    STATE_PENDING, /* nothing could be made yet */
    STATE_STARTING,
    STATE_RUNNING,
    STATE_UPGRADING,
    STATE_SUSPENDING,
    STATE_SUSPENDED,
    STATE_PREVIEWED,
    STATE_FINISHED,
    STATE_FAILED, /* stays so until something is changed */
    STATE_DELETING
};
const char *job_state_text(enum job_state s); /* "Running" */

struct checkpoint_ref {
    int64_t id; /* 0 = none */
    const char *location;
    int64_t completed_ms, bytes;
};

/* A condition's reason and message; status by `on`. */
struct condition {
    bool on;
    const char *reason, *message;
    int64_t since_ms;
};
/* The conditions there are; in this order in the status. */
enum condition_type { COND_READY, COND_STALLED, COND_UPGRADE_REJECTED, COND_COUNT };

/* Strings are borrowed: from the object read, or the arena of who decided. */
struct job_status {
    enum job_state state;
    const char *message;
    int64_t observed_generation;
    int parallelism; /* as it runs; 0 = it doesn't */
    int workers_ready, workers_wanted;
    int restarts;
    int64_t records_in, records_out; /* -1 = unknown */
    const char *watermark;           /* NULL = none */
    struct checkpoint_ref checkpoint;
    struct run_ref run, candidate, stable;
    char rejected_hash[JOB_HASH_BYTES]; /* "" = none */
    int64_t rejected_generation;
    const char *rejected_message;
    const char *log_levels;         /* as last given to the run; NULL = the default */
    int64_t failed_ms;              /* of the last failure; 0 = none */
    const char *failure;            /* why that was; NULL = none */
    const cJSON *plan;              /* NULL = none */
    char base_hash[JOB_HASH_BYTES]; /* of services and the like, as last applied; "" = never */
    struct condition conditions[COND_COUNT];
};

void status_read(struct arena *a, const cJSON *object, struct job_status *ret);
/* The status' JSON; job gives the selector. Owned by the caller. */
cJSON *status_to_json(const struct job_status *s, const struct job *job);

#endif
