/* deploy.h - what each worker is told to run. */
#ifndef PENSTOCK_COORDINATOR_DEPLOY_H
#define PENSTOCK_COORDINATOR_DEPLOY_H

#include "coordinator/state.h"

/* MSG_DEPLOY per worker number, NULL for workers that run nothing of the job; the array has
 * job->n_workers entries and is, with its frames, the caller's. Lists the sources' splits and hands
 * them out: split i goes to subtask i mod parallelism. */
int deploy_frames(struct job *j, cJSON ***ret_frames, struct err *err) ATTR_MUST_USE;

#endif
