/* launcher.h - starting and stopping a job's processes. One interface, two implementations: child
 * processes (process.c: `penstock run`) and pods (operator/). Single-threaded: called from the
 * owner's loop. */
#ifndef PENSTOCK_BASE_LAUNCH_LAUNCHER_H
#define PENSTOCK_BASE_LAUNCH_LAUNCHER_H

#include "base/core/err.h"

#include <stdbool.h>
#include <stdint.h>

enum launch_role { LAUNCH_COORDINATOR, LAUNCH_WORKER };

struct launch_spec {
    enum launch_role role;
    int number;              /* worker 0, 1, ... */
    const char *job;         /* name */
    const char *const *args; /* of the program, NULL-terminated, without its name */
    const char *token;       /* job token: handed over in the environment, never in the arguments */
};

enum launch_state { LAUNCH_RUNNING, LAUNCH_EXITED };

struct launch_status {
    enum launch_state state;
    int exit_code; /* 0..255; -1 = killed by signal */
    int signal;
    int64_t max_rss_bytes; /* peak, of exited processes; 0 = unknown */
    int64_t cpu_ms;
};

struct launcher;

struct launcher_ops {
    /* Starts; *ret_id names it from then on. */
    int (*start)(struct launcher *l, const struct launch_spec *spec, int *ret_id, struct err *err);
    /* Never blocks. */
    int (*poll)(struct launcher *l, int id, struct launch_status *ret, struct err *err);
    /* Asks it to stop (SIGTERM, pod deletion); kill: at once. */
    int (*stop)(struct launcher *l, int id, bool kill, struct err *err);
    /* Kills what still runs, waits for it, frees. */
    void (*free)(struct launcher *l);
};

struct launcher {
    const struct launcher_ops *ops;
};

/* Child processes of this one. bin_dir: where penstock-coordinator and penstock-worker are; NULL:
 * beside the running program. Children are in their own process groups (Ctrl-C in a terminal
 * reaches only this process), die with this process (PR_SET_PDEATHSIG), and have stdin from
 * /dev/null, stdout and stderr inherited. */
int launcher_process_new(const char *bin_dir, struct launcher **ret, struct err *err) ATTR_MUST_USE;

#endif
