/* job.h - a FlinkJob as the operator works with it: what it wants to be, how many pods it takes,
 * and a hash of what can't change without a restart. Pure. */
#ifndef PENSTOCK_OPERATOR_JOB_H
#define PENSTOCK_OPERATOR_JOB_H

#include "base/core/arena.h"
#include "base/core/json.h"

#define JOB_FINALIZER "penstock.dev/operator"
#define JOB_LABEL "penstock.dev/job"
#define JOB_LABEL_RUN "penstock.dev/run"
#define JOB_LABEL_ROLE "app.kubernetes.io/component"
#define JOB_ROLE_COORDINATOR "coordinator"
#define JOB_ROLE_WORKER "worker"

enum { JOB_HASH_BYTES = 17 /* 16 hex digits */, JOB_WORKERS_MAX = 1000 };

enum job_goal { GOAL_RUNNING, GOAL_SUSPENDED, GOAL_PREVIEW };
enum job_upgrade { UPGRADE_LAST_CHECKPOINT, UPGRADE_SAVEPOINT, UPGRADE_STATELESS };
enum job_isolation { ISOLATION_NONE, ISOLATION_STANDARD, ISOLATION_STRICT };

/* What the operator itself was given. */
struct job_defaults {
    const char *image;       /* of jobs that name none */
    const char *operator_ns; /* where its pods are, for network policies; NULL = not in a cluster */
};

/* Borrows the object it was read from; the rest lives in the arena. */
struct job {
    const cJSON *object, *spec;
    const char *ns, *name, *uid;
    int64_t generation;
    bool deleting, has_finalizer;
    int64_t deleted_ms; /* when deletion was asked for */
    enum job_goal goal;
    enum job_upgrade upgrade;
    enum job_isolation isolation;
    bool paused;
    int parallelism;
    int workers, slots; /* pods, and slots of each: spec's, or what the parallelism takes */
    const char *image, *log_levels;
    /* The coordinator's spec (job_spec_to_json of base/proto/manifest.h) as text, without log
     * levels; NULL: it can't be made (problem says what to do). */
    const char *spec_text;
    const char *problem;
    char hash[JOB_HASH_BYTES]; /* "" without spec_text */
};

/* sql: what sqlFrom refers to; NULL = not found, or inline. */
int job_read(struct arena *a, const cJSON *object, const char *sql, const struct job_defaults *d,
             struct job *ret, struct err *err) ATTR_MUST_USE;

/* The hash that the job would have with another image; "" without spec_text. */
void job_hash_with(const struct job *job, const char *image, char ret[JOB_HASH_BYTES]);

/* Was a run with this hash and image (NULL = unknown) made from the job's spec, perhaps with
 * another default image? */
bool job_is_of(const struct job *job, const char *hash, const char *image);

/* A Kubernetes quantity in thousandths: "500m" = 500, "2" = 2000, "1Ki" = 1024000; -1: none. */
int64_t quantity_milli(const cJSON *q);

#endif
