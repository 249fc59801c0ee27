/* local.h - a job run by child processes of this one: coordinator, workers, and the connection to
 * them. */
#ifndef PENSTOCK_CLI_LOCAL_H
#define PENSTOCK_CLI_LOCAL_H

#include "base/proto/manifest.h"
#include "cli/cli.h"
#include "cli/output.h"

struct local_options {
    const struct job_spec *spec;
    bool script, keep_going;
    int workers, slots;   /* slots 0 = as many as needed, threads = cores */
    int port;             /* of the coordinator's REST; 0 = any */
    bool fresh;           /* don't start from the job's last checkpoint */
    bool from_checkpoint; /* the spec names a directory that is started from in any case */
    bool usage;           /* say at the end what each process used */
    const char *bin_dir;  /* where the other programs are; NULL = beside this one */
};

/* Runs to the end; Ctrl-C (SIGINT, SIGTERM) cancels, a second one kills. Returns enum cli_exit. */
int local_run(const struct local_options *opts, struct output *out);

#endif
