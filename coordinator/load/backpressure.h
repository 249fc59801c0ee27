/* backpressure.h - who slows a job down: from where channels are blocked and what tasks spend their
 * time on to the first vertex downstream that works, or waits for the outside, and isn't blocked
 * itself. Pure. */
#ifndef PENSTOCK_COORDINATOR_LOAD_BACKPRESSURE_H
#define PENSTOCK_COORDINATOR_LOAD_BACKPRESSURE_H

#include <stdbool.h>

/* Shares of the last second or so, 0..1. */
struct bp_task {
    float busy, idle, blocked, waiting, ready;
};
struct bp_vertex {
    int n_tasks;
    const struct bp_task *tasks;
};
struct bp_edge {
    int from, to;         /* vertices */
    int n_from, n_to;     /* their subtasks */
    const float *blocked; /* share of time that a channel was blocked: [from * n_to + to] */
};

enum bp_reason {
    BP_BUSY,    /* its tasks work all the time */
    BP_HOT,     /* one of its tasks works, others have time: rows are spread unevenly */
    BP_OUTSIDE, /* it waits for the outside world: a sink, a lookup */
    BP_CPU      /* its tasks could run, but the executors are busy with others */
};
extern const char *const bp_reason_names[BP_CPU + 1]; /* "busy", "hot", "outside", "cpu" */

struct bp_cause {
    int vertex, subtask; /* subtask: the one that channels wait for the longest */
    enum bp_reason reason;
    float share;   /* of its time for that reason: busy, busy, waiting, ready */
    float blocked; /* the most that a channel waits for it */
    int victim;    /* the vertex furthest upstream that is blocked because of it */
};

/* Causes in the order of how much waits for them; at most max. A channel blocked for less than
 * BP_BLOCKED_MIN doesn't count. */
#define BP_BLOCKED_MIN 0.05f
int backpressure_causes(const struct bp_vertex *vertices, int n_vertices,
                        const struct bp_edge *edges, int n_edges, struct bp_cause *ret, int max);

#endif
