/* metrics.h - counters of a worker: per op, task, edge and channel. Each counter has one writing
 * thread, so that counting is a plain load, add and store (relaxed); readers on other threads may
 * see values of slightly different moments. All are monotonic unless said otherwise.
 *
 * metrics_*_to_json make the objects that job_runtime_stats gathers each second. */
#ifndef PENSTOCK_WORKER_METRICS_H
#define PENSTOCK_WORKER_METRICS_H

#include "base/core/json.h"

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t metric;
typedef _Atomic int64_t metric_i64; /* gauges and times */

/* By the counter's only writer. */
static inline void metric_add(metric *m, uint64_t v) {
    atomic_store_explicit(m, atomic_load_explicit(m, memory_order_relaxed) + v,
                          memory_order_relaxed);
}
static inline void metric_store(metric *m, uint64_t v) { /* a count kept elsewhere */
    atomic_store_explicit(m, v, memory_order_relaxed);
}
static inline uint64_t metric_get(const metric *m) {
    return atomic_load_explicit(m, memory_order_relaxed);
}
static inline void metric_set(metric_i64 *m, int64_t v) {
    atomic_store_explicit(m, v, memory_order_relaxed);
}
static inline int64_t metric_get_i64(const metric_i64 *m) {
    return atomic_load_explicit(m, memory_order_relaxed);
}

struct op_metrics {
    metric records_in, records_out, batches_in;
    metric late_records;      /* dropped (or sent to the side output) because they came too late */
    metric errors;            /* records that could not be read or were dropped */
    metric bytes;             /* sources and sinks: of the outside world */
    metric_i64 state_bytes;   /* gauge */
    metric_i64 state_entries; /* gauge */
    metric_i64 watermark;     /* last given to the op; WATERMARK_MIN before */
};

/* How long a channel's producer was kept waiting at a stretch. */
enum { EPISODE_BUCKETS = 6 };
extern const int64_t episode_bounds_ms[EPISODE_BUCKETS - 1]; /* 1, 10, 100, 1000, 10000 */

struct channel_metrics {
    metric records, batches;
    metric blocked_ns, episodes; /* ended ones */
    metric_i64 blocked_since_ns; /* monotonic; 0 = not blocked now */
};

/* One per output edge of a task. */
struct edge_metrics {
    metric records, bytes, batches, watermarks;
    metric episodes, episode_lengths[EPISODE_BUCKETS];
    metric_i64 last_blocked_ms; /* wall clock at the end of the last episode; 0 = never */
};

enum task_phase {
    PHASE_READY,         /* runnable, waits for its executor */
    PHASE_IDLE,          /* no input */
    PHASE_BACKPRESSURED, /* an output is full */
    PHASE_WAITING,       /* an op waits for the outside world (sink, lookup) */
    PHASE_COUNT
};
extern const char *const task_phase_names[PHASE_COUNT];

struct task_metrics {
    metric records_in, bytes_in, batches_in;
    metric turns, busy_ns;
    metric phase_ns[PHASE_COUNT];
    metric_i64 phase;          /* enum task_phase since phase_since_ns, between turns */
    metric_i64 phase_since_ns; /* monotonic; 0 while in a turn */
    metric_i64 watermark;      /* combined over the inputs; a source's own */
    metric barriers, align_ns; /* completed alignments and their time from first to last barrier */
};

void metrics_task_to_json(const struct task_metrics *m, int64_t now_ns, cJSON *ret_obj);
void metrics_op_to_json(const struct op_metrics *m, cJSON *ret_obj);
void metrics_edge_to_json(const struct edge_metrics *m, cJSON *ret_obj);
/* Adds "blockedMs" with the episode that is still going on. */
void metrics_channel_to_json(const struct channel_metrics *m, int64_t now_ns, cJSON *ret_obj);
/* Ends an episode of this length. */
void metrics_episode(struct edge_metrics *e, struct channel_metrics *c, int64_t length_ns,
                     int64_t wall_ms);

#endif
