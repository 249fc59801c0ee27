/* settle.h - what sinks have prepared is committed or removed on an I/O thread: a store may take
 * its time, and the loop has workers to answer. */
#ifndef PENSTOCK_COORDINATOR_SETTLE_H
#define PENSTOCK_COORDINATOR_SETTLE_H

#include "coordinator/state.h"

enum settle_kind { SETTLE_CHECKPOINT, SETTLE_END /* commits; the input has ended */, SETTLE_ABORT };

/* By op number over all vertices: an array of what its sinks prepared; ended by NULL. */
cJSON **settle_lists_new(const struct job *j);
void settle_lists_free(cJSON **lists);
/* Of the tasks that have finished; the tasks keep theirs. */
cJSON **settle_lists_of_tasks(const struct job *j);
/* Of a checkpoint. */
cJSON **settle_lists_of_body(const struct job *j, const cJSON *body);
/* Takes out of lists what a checkpoint holds, too (body NULL: nothing). */
void settle_lists_leave_out(const struct job *j, cJSON **lists, const cJSON *body);

/* Takes lists. Calls done on the loop when all of the job's sinks are settled, or one failed (err;
 * NULL: none did); at once where no sink has anything to settle. One at a time. The job's plan
 * stays as it is until then. */
void settle_begin(struct job *j, enum settle_kind kind, cJSON **lists,
                  void (*done)(struct job *j, const struct err *err));
/* The job goes: done isn't called any more. The coordinator's I/O threads rest. */
void settle_forget(struct job *j);

#endif
