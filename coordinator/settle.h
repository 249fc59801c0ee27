/* settle.h - what sinks have prepared is committed or removed on an I/O thread: a store may take
 * its time, and the loop has workers to answer. */
#ifndef PENSTOCK_COORDINATOR_SETTLE_H
#define PENSTOCK_COORDINATOR_SETTLE_H

#include "coordinator/state.h"

/* Calls done on the loop when all of the job's sinks are settled, or one failed (err; NULL: none
 * did); at once where no sink has anything to settle. One at a time. The job's committables and
 * plan stay as they are until then. */
void settle_begin(struct job *j, bool commit,
                  void (*done)(struct job *j, bool commit, const struct err *err));
/* The job goes: done isn't called any more. The coordinator's I/O threads rest. */
void settle_forget(struct job *j);

#endif
