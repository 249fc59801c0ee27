/* decide.h - what is to be done about a FlinkJob: spec × observed × status → actions and the new
 * status. Pure: no I/O, no clock; it may be called again with the same input at any time, and
 * actions that were carried out already do no harm.
 *
 * The status is written before the actions are carried out (intent first), so that an operator that
 * dies in between finds what it was about to do.
 *
 * Runs. A run is a coordinator pod and worker pods for one spec; it has a number that is never used
 * again. A changed spec becomes a candidate: its pods are made beside those of the run, its script
 * is compiled, its workers register, and only then is the run stopped with a checkpoint, from which
 * the candidate goes on. What can't be compiled or started never touches what runs. A candidate
 * that took over and fails again and again before it has proved itself is given up for the last
 * stable spec.
 *
 * A job's state is never dropped silently: with upgradeMode other than stateless, a run that takes
 * no checkpoints isn't stopped, and the condition Stalled says what to do. */
#ifndef PENSTOCK_OPERATOR_DECIDE_H
#define PENSTOCK_OPERATOR_DECIDE_H

#include "operator/status.h"

enum {
    DECIDE_STABLE_MS = 30000,      /* running for so long proves a run */
    DECIDE_UNPROVEN_FAILURES = 3,  /* in a row, before an upgrade is taken back */
    DECIDE_STOP_MS = 60000,        /* for a stop, with its checkpoint; then pods are deleted */
    DECIDE_SAVEPOINT_MS = 1800000, /* likewise, with a savepoint in front */
    DECIDE_DELETE_STOP_MS = 10000, /* likewise, of a job that is deleted */
    DECIDE_DELETE_MS = 60000,      /* then the finalizer goes, whatever is left */
    DECIDE_CANDIDATE_MS = 600000,  /* for a candidate to become ready */
    DECIDE_BACKOFF_MIN_MS = 1000,  /* before a restart; doubles per restart */
    DECIDE_BACKOFF_MAX_MS = 60000,
    DECIDE_RESTARTS_RESET_MS = 600000, /* running for so long: earlier restarts don't count */
    DECIDE_WAIT_MS = 10000,    /* for pods and coordinators, whose news come by themselves */
    DECIDE_FIGURES_MS = 10000, /* between looks at a job that runs */
    DECIDE_PODS_AT_ONCE = 48,  /* made or deleted in one go */
    ACTIONS_MAX = 64,
    OBSERVED_RUNS_MAX = 8,
    OBSERVED_SPECS_MAX = 16
};

/* ---- what was found ---- */

enum pod_state { POD_PENDING, POD_RUNNING, POD_OVER };

struct observed_pod {
    const char *name;
    enum pod_state state;
    bool ready, deleting;
    int index;       /* worker */
    const char *ip;  /* NULL = not yet */
    const char *why; /* why it isn't running, or how it ended; NULL = nothing to say */
};

/* How a coordinator's job stands: asked by REST, or left behind in its pod's termination message.
 */
enum engine_state {
    ENGINE_UNKNOWN, /* it wasn't reached, or left no word */
    ENGINE_COMPILING,
    ENGINE_PREPARED,
    ENGINE_WAITING, /* for workers */
    ENGINE_STARTING,
    ENGINE_RUNNING,
    ENGINE_STOPPING,
    ENGINE_FINISHED,
    ENGINE_FAILED,
    ENGINE_CANCELLED
};

struct observed_engine {
    enum engine_state state;
    const char *error;        /* FAILED */
    bool user_error;          /* class USER: the same again would fail the same way */
    bool checkpoints;         /* it takes checkpoints */
    int registered;           /* workers */
    const char *stop_refused; /* why the last stop was */
    struct checkpoint_ref checkpoint;
    int64_t records_in, records_out; /* -1 = unknown */
    const char *watermark;
    const cJSON *plan; /* summary; NULL = unknown */
};

struct observed_run {
    int64_t number;
    struct observed_pod coordinator; /* name NULL = there is none */
    struct observed_pod *workers;
    int n_workers;
    struct observed_engine engine;
};

struct observed {
    const char *refused; /* what the API server refused the last time; NULL = nothing */
    bool base_ready;     /* service account, service, keys ... are as they should be */
    bool spec_ready;     /* the ConfigMap of the job's hash is there */
    int n_specs;         /* hashes of all such ConfigMaps */
    const char *specs[OBSERVED_SPECS_MAX];
    int n_runs;
    struct observed_run runs[OBSERVED_RUNS_MAX];
};

/* ---- what is to be done ---- */

enum action_kind {
    ACTION_ADD_FINALIZER,
    ACTION_REMOVE_FINALIZER,
    ACTION_MAKE_BASE,
    ACTION_MAKE_SPEC,        /* ConfigMap of `hash`, which is the job's */
    ACTION_DELETE_SPEC,      /* of hash */
    ACTION_MAKE_COORDINATOR, /* of run, for hash */
    ACTION_MAKE_WORKER,      /* index of run, for hash */
    ACTION_DELETE_POD,       /* name; now: without grace */
    ACTION_START,            /* POST /v1/start to run's coordinator */
    ACTION_STOP,             /* POST /v1/stop; checkpoint; savepoint: one is taken first */
    ACTION_SET_LOG,          /* POST /v1/log; text */
    ACTION_EVENT             /* reason, text; warning */
};

struct action {
    enum action_kind kind;
    int64_t run, origin; /* origin: of the run that it goes on with */
    const char *hash;
    int index, workers;
    const char *name;
    bool checkpoint, savepoint, now, warning, fresh;
    const char *reason, *text;
};

struct decision {
    struct job_status status;
    int n_actions;
    struct action actions[ACTIONS_MAX];
    int64_t again_ms; /* look again after so long, if nothing happens before; -1 = no need */
};

/* ret borrows from all arguments and the arena. */
void decide(struct arena *a, const struct job *job, const struct observed *seen,
            const struct job_status *before, int64_t now_ms, struct decision *ret);

#endif
