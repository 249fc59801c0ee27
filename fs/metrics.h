/* metrics.h - what a store counts: per operation its calls, failures, time and bytes; retries and
 * time held back by rate limits. Relaxed atomics, any thread. They travel as JSON in a worker's
 * report; the coordinator exposes them as METRIC_FS_* (base/metrics_list.def). */
#ifndef PENSTOCK_FS_METRICS_H
#define PENSTOCK_FS_METRICS_H

#include "base/core/json.h"
#include "base/metrics.h"

#include <stdatomic.h>

enum fs_op {
    FS_OP_STAT,
    FS_OP_OPEN,
    FS_OP_READ,
    FS_OP_PUT,
    FS_OP_CREATE,
    FS_OP_WRITE,
    FS_OP_FINISH,
    FS_OP_STAGE,
    FS_OP_COMMIT,
    FS_OP_DISCARD,
    FS_OP_SWEEP,
    FS_OP_LIST,
    FS_OP_DELETE,
    FS_OP_RENAME,
    FS_OP_MKDIRS,
    FS_OP_COUNT
};
extern const char *const fs_op_names[FS_OP_COUNT]; /* "stat" */

enum { FS_LATENCY_BUCKETS = 16 };
extern const double fs_latency_bounds_s[FS_LATENCY_BUCKETS - 1]; /* 1 ms, times 2 */

struct fs_op_metrics {
    _Atomic uint64_t calls, errors; /* errors: all but NOT_FOUND, EXISTS and CANCELLED */
    _Atomic uint64_t ns, latency[FS_LATENCY_BUCKETS];
};

struct fs_metrics {
    struct fs_op_metrics ops[FS_OP_COUNT];
    _Atomic uint64_t bytes_read, bytes_written;
    _Atomic uint64_t requests;     /* attempts sent to a remote store */
    _Atomic uint64_t retries;      /* of them, repetitions */
    _Atomic uint64_t throttled_ns; /* waited because of our own rate limits */
};

/* The operation has ended: begun_ns as clock_mono_ns gave it. */
void fs_metrics_count(struct fs_metrics *m, enum fs_op op, int64_t begun_ns, int rc);
/* {"store", "requests", "retries", "throttledNs", "bytesRead", "bytesWritten", "ops": [{"op",
 * "calls", "errors", "ns", "latency": [...]}...]} with operations that were called; owned by the
 * caller. */
cJSON *fs_metrics_to_json(const struct fs_metrics *m, const char *store);
/* Emits such an object; process: "w0", "coordinator". */
void fs_metrics_emit(struct metrics_writer *w, const char *process, const cJSON *json);

#endif
