/* discovery.h - sources that are never at their end because new splits come into being: files that
 * appear in a directory. The coordinator lists the splits again and again and hands out those whose
 * id it has not seen, in turn to the source's subtasks.
 *
 * Ids are remembered for the job's life (one entry a split), as nothing says that a split is gone
 * for good. A listing that fails is told once and tried again at the next turn; it fails the job
 * only when it is the first. */
#ifndef PENSTOCK_COORDINATOR_DISCOVERY_H
#define PENSTOCK_COORDINATOR_DISCOVERY_H

#include "coordinator/state.h"

/* Notes the splits that are handed out already (splits: objects with an "id"; seen: ids; each may
 * be NULL), if vertex v's source is one to be listed again; does nothing otherwise. t: in the job's
 * arena. */
void discovery_add(struct job *j, int v, const struct connector_desc *d,
                   const struct connector_table *t, const cJSON *splits, const cJSON *seen);
/* Ids of all splits that were handed out for vertex v, as an array of strings (the caller's); NULL:
 * none will come. */
cJSON *discovery_seen(const struct job *j, int v);
/* Whether more splits may come for vertex v. */
bool discovery_has(const struct job *j, int v);
/* From when the job runs until it is being stopped. */
void discovery_start(struct job *j);
void discovery_stop(struct job *j);
void discovery_free(struct job *j);

#endif
